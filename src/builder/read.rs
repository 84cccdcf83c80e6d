//! Reads the input files and packs the genome; a thread reads and decompresses ahead of the one that packs.

use std::sync::mpsc::{SyncSender, sync_channel};

use ahash::AHashMap;

use crate::builder::input_size::{CONTIG_BYTES, INPUT_BUFFERS, InputSize, READ_CONTIG_BYTES};
use crate::genome::{Contig, GenomeReader, OtherLetters, TwoBitSummary, TwoBitWriter};
use crate::memory::{Budget, Component, Reservation};
use crate::progress::check_cancelled;
use crate::sequence::{MAX_HEADER, RecordHead, Source};
use crate::{Error, Progress, Result};

/// Batches of events that are read ahead of the one that is packed.
const READ_AHEAD: usize = 8;
/// Maximum events of a batch: contigs may be many and short.
const MAX_EVENTS: usize = 512;
/// Bases below which a piece of sequence waits for others in a batch.
const MIN_SENT_BASES: usize = 1 << 10;

/// A genome that was read and packed.
pub(crate) struct PackedGenome {
    pub(crate) contigs: Vec<Contig>,
    pub(crate) summary: TwoBitSummary,
    /// For the contigs and the runs of other letters.
    pub(crate) reservation: Reservation,
}

/// The messages from the reading thread to the packing one.
enum ReadEvent {
    /// A contig of the source with this number begins.
    Begin(usize, RecordHead),
    Bases(Vec<u8>),
    End,
}

/// Reads a genome and packs it with `writer`. `prefixed` is true if contig names have the name of their file before
/// them; an error about two equal names depends on it.
///
/// # Errors
/// [`Error::Input`] for input that cannot be used, [`Error::Memory`] if the tables of contigs do not fit,
/// [`Error::Io`].
pub(crate) fn read_genome(
    sources: &[Source],
    writer: TwoBitWriter,
    prefixed: bool,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<PackedGenome> {
    let total = sources.iter().map(Source::bytes_total).sum::<Option<u64>>();
    progress.phase("reading", total);
    let reserved = budget.reserve(Component::Input, INPUT_BUFFERS, "reading the genome")?;
    let mut packer = GenomePacker {
        sources,
        prefixed,
        writer,
        contigs: Vec::new(),
        seen: AHashMap::new(),
        start: 0,
        run_bytes: 0,
        size: InputSize::default(),
        fits: true,
        reserved,
    };
    let mut done = 0;
    std::thread::scope(|scope| {
        let (sender, events) = sync_channel(READ_AHEAD);
        let reader = std::thread::Builder::new()
            .name("reader".to_owned())
            .spawn_scoped(scope, move || read_sources(sources, &sender, progress))
            .map_err(|e| Error::thread("reading", e))?;
        for event in events.into_iter().flatten() {
            check_cancelled(progress)?;
            packer.add(event)?;
            let read = sources.iter().map(Source::bytes_read).sum();
            progress.advance(read - done);
            done = read;
        }
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    packer.finish(budget)
}

/// Reads all sources; ends early if the receiver has ended.
fn read_sources(sources: &[Source], sender: &SyncSender<Vec<ReadEvent>>, progress: &dyn Progress) -> Result<()> {
    let (mut events, mut header_bytes) = (Vec::new(), 0);
    for (number, source) in sources.iter().enumerate() {
        let mut reader = GenomeReader::open(source)?;
        while let Some(head) = reader.next_record()? {
            header_bytes += head.name.len() + head.description.len();
            events.push(ReadEvent::Begin(number, head));
            let mut is_short = true;
            while let Some(bases) = reader.next_bases()? {
                is_short = bases.len() < MIN_SENT_BASES;
                events.push(ReadEvent::Bases(bases.to_vec()));
                if !is_short && sender.send(std::mem::take(&mut events)).is_err() {
                    return Ok(());
                }
            }
            events.push(ReadEvent::End);
            if !is_short || events.len() >= MAX_EVENTS || header_bytes >= MAX_HEADER {
                header_bytes = 0;
                if sender.send(std::mem::take(&mut events)).is_err() {
                    return Ok(());
                }
            }
        }
        reader.report_skipped(progress);
    }
    // If the receiver has ended, it has an error to report.
    let _ = sender.send(events);
    Ok(())
}

/// Packs contigs as they arrive.
struct GenomePacker<'a> {
    sources: &'a [Source],
    prefixed: bool,
    writer: TwoBitWriter,
    contigs: Vec<Contig>,
    /// Source and line of every contig name so far.
    seen: AHashMap<String, (usize, u64)>,
    /// Global offset of the present contig, in bases.
    start: u64,
    /// Bytes reserved for the runs of the present contig.
    run_bytes: u64,
    size: InputSize,
    /// Whether all tables fit the budget so far; if not, only the size is determined.
    fits: bool,
    reserved: Reservation,
}

impl GenomePacker<'_> {
    fn add(&mut self, event: ReadEvent) -> Result<()> {
        match &event {
            ReadEvent::Begin(_, head) => self.size.add_contig(head),
            ReadEvent::Bases(bases) if !self.fits => self.size.add_bases(bases),
            ReadEvent::Bases(bases) => self.size.add_packed(bases.len() as u64),
            ReadEvent::End => {}
        }
        match event {
            _ if !self.fits => Ok(()),
            ReadEvent::Begin(source, head) => self.begin(source, head),
            ReadEvent::Bases(bases) => self.add_bases(&bases),
            ReadEvent::End => self.end(),
        }
    }

    fn begin(&mut self, number: usize, head: RecordHead) -> Result<()> {
        if let Some(&first) = self.seen.get(&head.name) {
            return Err(self.duplicate_name(number, head, first));
        }
        let texts = (3 * head.name.capacity() + head.description.capacity()) as u64;
        self.fits = self.reserved.grow(READ_CONTIG_BYTES + texts, "the table of contigs").is_ok();
        if !self.fits {
            (self.seen, self.contigs) = (AHashMap::new(), Vec::new());
            return Ok(());
        }
        self.seen.insert(head.name.clone(), (number, head.line));
        self.writer.begin(&head.name);
        let RecordHead { name, description, .. } = head;
        self.contigs.push(Contig { name, description, length: 0, start: self.start, record: 0 });
        Ok(())
    }

    fn duplicate_name(&self, number: usize, head: RecordHead, (first, first_line): (usize, u64)) -> Error {
        let [path, first_path] = [number, first].map(|number| self.sources[number].path().to_owned());
        let prefixes_differ = first_path != path && !self.prefixed;
        Error::DuplicateContig { path, line: head.line, name: head.name, first_path, first_line, prefixes_differ }
    }

    fn add_bases(&mut self, bases: &[u8]) -> Result<()> {
        self.writer.bases(bases)?;
        let bytes = self.writer.run_bytes();
        if bytes > self.run_bytes {
            self.fits = self.reserved.grow(bytes - self.run_bytes, "the runs of letters").is_ok();
            self.run_bytes = bytes;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let length = self.writer.end()?;
        self.start += length;
        if let Some(contig) = self.contigs.last_mut() {
            contig.length = length;
        }
        Ok(())
    }

    fn finish(self, budget: &Budget) -> Result<PackedGenome> {
        let Self { writer, mut contigs, seen, run_bytes, mut size, fits, reserved, .. } = self;
        if !fits {
            drop((seen, contigs, reserved));
            size.add_run_bytes(run_bytes);
            let needed = budget.used() + size.min_bytes();
            return Err(Error::memory("the table of contigs", needed, budget.limit()));
        }
        let summary = writer.finish()?;
        drop((seen, reserved));
        let mut reservation = budget.empty_reservation(Component::Contigs);
        let others = (summary.others.capacity() * size_of::<OtherLetters>()) as u64;
        reservation.resize(contigs.len() as u64 * CONTIG_BYTES + size.texts + others);
        for (contig, &record) in contigs.iter_mut().zip(&summary.records) {
            contig.record = record;
        }
        Ok(PackedGenome { contigs, summary, reservation })
    }
}
