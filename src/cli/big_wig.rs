//! Frequencies along sequences as bigWig: rows of the query pass to the writer of the file as text, through a channel of
//! a few batches.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bigtools::Value;

use crate::cli::Settings;
use crate::formats::{Format, write_big_wig};
use crate::fs::Output;
use crate::genome::ContigLengths;
use crate::query::{Detail, Sequences, query_sequences};
use crate::sequence::{Region, Source};
use crate::{Error, Index, Result, Silent};

/// Texts that wait for the writer of the file, at most.
const WAITING: usize = 8;
/// Bytes of a text, at most: half a megabyte waits in all.
const TEXT: usize = 1 << 16;

/// Writes the frequencies of k-mers along sequences of known lengths.
pub(super) fn write(
    index: &Index,
    sequences: Sequences<'_>,
    lengths: &ContigLengths,
    batch_size: Option<NonZeroUsize>,
    output: Output,
    settings: &Settings,
) -> Result<()> {
    let (sender, receiver) = sync_channel(WAITING);
    let mut texts = Texts { sender };
    std::thread::scope(|scope| {
        let query = std::thread::Builder::new()
            .name("query".to_owned())
            .spawn_scoped(scope, move || {
                settings.on_pool(|| {
                    let (detail, format) = (Detail::Runs, Format::Tsv);
                    query_sequences(index, sequences, detail, batch_size, &format, &mut texts, &settings.progress)?;
                    // If nobody receives it, the writer of the file has failed.
                    let _ = texts.sender.send(Message::Done);
                    Ok(())
                })
            })
            .map_err(|e| Error::thread("the query", e))?;
        let written = write_big_wig(lengths.iter(), Runs { receiver, text: Vec::new(), at: 0, done: false }, output);
        let queried = query.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (queried, written) {
            // The query fails too if the file cannot be written.
            (Err(Error::Output(_)), Err(written)) => Err(written),
            (queried, written) => queried.and(written),
        }
    })
}

/// The names and lengths of the sequences of a file, which must be one that can be read twice.
pub(super) fn lengths(source: &Source, index: &Index) -> Result<ContigLengths> {
    if source.bytes_total().is_none() {
        let problem = "bigwig needs the lengths of all sequences first; pass a file instead of a pipe";
        return Err(Error::Usage(problem.to_owned()));
    }
    // The query reports what it skips.
    ContigLengths::read(source, "sequence", index.budget(), &Silent)
}

/// Regions in the order of the genome, those that overlap joined: a base of a bigWig file has one value.
pub(super) fn joined(index: &Index, regions: Vec<Region>) -> Result<Vec<Region>> {
    let mut numbered: Vec<(u32, Region)> =
        regions.into_iter().map(|region| Ok((index.locate(&region)?, region))).collect::<Result<_>>()?;
    numbered.sort_by_key(|(contig, region)| (*contig, region.range.start, region.range.end));
    let mut joined: Vec<(u32, Region)> = Vec::with_capacity(numbered.len());
    for (contig, region) in numbered {
        match joined.last_mut() {
            Some((last, before)) if *last == contig && region.range.start < before.range.end => {
                before.range.end = before.range.end.max(region.range.end);
            }
            _ => joined.push((contig, region)),
        }
    }
    Ok(joined.into_iter().map(|(_, region)| region).collect())
}

enum Message {
    /// Rows of bedGraph.
    Text(Vec<u8>),
    /// There are no more, and the query has not failed.
    Done,
}

/// The output of the query.
struct Texts {
    sender: SyncSender<Message>,
}

impl Write for Texts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(TEXT)];
        let sent = self.sender.send(Message::Text(bytes.to_vec()));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The rows as values.
struct Runs {
    receiver: Receiver<Message>,
    text: Vec<u8>,
    /// Where the next row begins in the text.
    at: usize,
    done: bool,
}

impl Runs {
    /// The next row; `None` behind the last one.
    fn row(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.text[self.at..]) {
                let row = String::from_utf8_lossy(&self.text[self.at..self.at + length]).into_owned();
                self.at += length + 1;
                return Ok(Some(row));
            }
            if self.done {
                return Ok(None);
            }
            self.text.drain(..self.at);
            self.at = 0;
            match self.receiver.recv() {
                Ok(Message::Text(text)) => self.text.extend_from_slice(&text),
                Ok(Message::Done) => self.done = true,
                Err(_) => return Err(io::Error::other("the query has failed")),
            }
        }
    }
}

impl Iterator for Runs {
    type Item = io::Result<(String, Value)>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = match self.row() {
            Ok(row) => row?,
            Err(e) => return Some(Err(e)),
        };
        // Names may have tabs, numbers have none.
        let mut fields = row.rsplitn(4, '\t');
        let mut number = || fields.next().and_then(|text| text.parse::<u64>().ok());
        let numbers = (number(), number(), number());
        let (Some(frequency), Some(end), Some(start)) = numbers else {
            return Some(Err(io::Error::other(format!("{row:?} is no row of a query"))));
        };
        let name = fields.next().unwrap_or_default().to_owned();
        // A contig has fewer than 2^32 bases.
        Some(Ok((name, Value { start: start as u32, end: end as u32, value: frequency as f32 })))
    }
}
