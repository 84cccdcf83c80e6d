//! What users ask of an index: the k-mers of sequences and of stretches of the genome, and k-mer lists.
//!
//! Sequences stream through in batches: one thread reads and cuts, the pool looks up and formats, one thread writes in
//! input order. What is in flight is bounded in bytes, whatever the length of the input or of one sequence.

mod statistics;

use std::io::Write;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

pub use statistics::SequenceStatistics;
use statistics::Tally;

use crate::index::Index;
use crate::memory::{Component, Reservation, Window};
use crate::sequence::{Case, Region, SequenceReader, Source};
use crate::{Error, Progress, Result};

/// What to say of each sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// One row a sequence: [`SequenceStatistics`].
    Summary,
    /// One row a k-mer: name, start, frequency.
    PerKmer,
    /// As bedGraph: runs of neighbouring k-mers of one frequency.
    Runs,
}

/// How rows are spelled; `output` has TSV and JSON lines. Rows are appended to a buffer, line end included.
pub trait Rows: Sync {
    /// What comes before the first row of [`Detail::Summary`].
    fn statistics_header(&self, out: &mut Vec<u8>);
    /// A row of [`Detail::Summary`].
    fn statistics(&self, out: &mut Vec<u8>, row: &SequenceStatistics);
    /// A row of [`Detail::PerKmer`].
    fn kmer(&self, out: &mut Vec<u8>, name: &str, start: u64, frequency: u64);
    /// A row of [`Detail::Runs`].
    fn run(&self, out: &mut Vec<u8>, name: &str, range: Range<u64>, frequency: u64);
}

/// Bytes that a base of a batch takes on its way: the base, its hash (then its frequency), its start, its place among the
/// look-ups.
const BYTES_PER_BASE: u64 = 1 + 8 + 8 + 16;

/// A piece of a sequence.
struct Segment {
    /// Name for rows of k-mers.
    name: String,
    /// Name for the summary row.
    label: String,
    /// Coordinate of the first base of this piece, the overlap with the piece before included.
    start: u64,
    /// Its bases in the batch.
    from: usize,
    to: usize,
    /// Whether this goes on with the sequence of the batch before.
    goes_on: bool,
    /// Bases that the piece before held already.
    overlap: usize,
    last: bool,
}

/// Pieces of sequences that are looked up together.
struct Batch {
    id: u64,
    bases: Vec<u8>,
    segments: Vec<Segment>,
    _held: Reservation,
}

/// Neighbouring k-mers of one frequency.
struct Run {
    name: String,
    range: Range<u64>,
    frequency: u64,
}

/// What a batch becomes.
#[derive(Default)]
struct Answer {
    /// The run that may go on from the batch before.
    head: Option<Run>,
    text: Vec<u8>,
    /// The run that may go on in the batch after.
    tail: Option<Run>,
    /// Parts of summaries: (label, bases, counts, whether it ends here).
    parts: Vec<(String, u64, Tally, bool)>,
    held: Option<Reservation>,
}

/// Where sequences come from.
pub enum Sequences<'a> {
    /// A file or standard input.
    Source(&'a Source),
    /// Stretches of the indexed genome.
    Regions(&'a [Region]),
}

/// Looks up all k-mers of `sequences` and writes what `detail` asks for, in input order.
///
/// # Errors
/// [`Error::Input`] and [`Error::NotInIndex`] for what cannot be read; [`Error::Io`]; [`Error::Damaged`].
pub fn query_sequences(
    index: &Index,
    sequences: &Sequences<'_>,
    detail: Detail,
    rows: &dyn Rows,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<()> {
    let threads = rayon::current_num_threads() as u64;
    let budget = index.budget();
    // Batches that are read, looked up and written: one a thread, and two waiting at either end.
    let in_flight = threads + 4;
    let most = (budget.limit() / 4 / in_flight / BYTES_PER_BASE).clamp(1 << 14, 4 << 20);
    // A large batch reads fewer pages; but all threads should have one, and soon.
    let known = match sequences {
        Sequences::Source(source) => source.bytes_total(),
        Sequences::Regions(regions) => Some(regions.iter().map(|r| r.range.end - r.range.start).sum()),
    };
    progress.phase("querying", known);
    let batch_bases = known.map_or(most, |bases| (bases / (2 * threads) + 1).clamp((1 << 18).min(most), most)) as usize;

    let (sender, receiver) = sync_channel::<Batch>(1);
    let window = Window::new(budget.limit() / 8);
    let failure = Mutex::new(None);
    std::thread::scope(|scope| {
        let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let start_error = |e| Error::io("start a thread for", index.folder(), e);
        let reader = spawn("reader")
            .spawn_scoped(scope, || {
                let mut cutter = Cutter::new(index, batch_bases, sender);
                match sequences {
                    Sequences::Source(source) => cutter.cut_source(source, progress),
                    Sequences::Regions(regions) => cutter.cut_regions(index, regions, progress),
                }
            })
            .map_err(start_error)?;
        let writer = spawn("writer")
            .spawn_scoped(scope, || {
                let _closing = window.closing();
                write_answers(&window, detail, rows, out)
            })
            .map_err(start_error)?;
        {
            // Both ends go when the workers have ended, by a panic too, so that neither thread waits for ever.
            let receiver = Mutex::new(receiver);
            let _closing = window.closing();
            rayon::scope(|scope| {
                for _ in 0..rayon::current_num_threads() {
                    scope.spawn(|_| {
                        if let Err(e) = look_up(index, detail, rows, &receiver, &window) {
                            failure.lock().unwrap_or_else(|p| p.into_inner()).get_or_insert(e);
                            window.close();
                        }
                        // Whatever is still read is taken off the reader's hands, so that it comes to its end.
                        if window.is_closed() {
                            while receive(&receiver).is_some() {}
                        }
                    });
                }
            });
        }
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let (read, written) = (join(reader), join(writer));
        match failure.into_inner().unwrap_or_else(|p| p.into_inner()) {
            Some(e) => Err(e),
            None => written.and(read),
        }
    })
}

fn receive(receiver: &Mutex<Receiver<Batch>>) -> Option<Batch> {
    receiver.lock().unwrap_or_else(|p| p.into_inner()).recv().ok()
}

/// Cuts sequences into pieces and pieces into batches.
struct Cutter {
    k: usize,
    batch_bases: usize,
    budget: crate::memory::Budget,
    sender: SyncSender<Batch>,
    id: u64,
    bases: Vec<u8>,
    segments: Vec<Segment>,
    /// Nobody takes batches any more.
    gone: bool,
}

impl Cutter {
    fn new(index: &Index, batch_bases: usize, sender: SyncSender<Batch>) -> Self {
        Self {
            k: index.k() as usize,
            batch_bases,
            budget: index.budget().clone(),
            sender,
            id: 0,
            bases: Vec::new(),
            segments: Vec::new(),
            gone: false,
        }
    }

    fn begin(&mut self, name: &str, label: &str, start: u64) {
        self.segments.push(Segment {
            name: name.to_owned(),
            label: label.to_owned(),
            start,
            from: self.bases.len(),
            to: self.bases.len(),
            goes_on: false,
            overlap: 0,
            last: false,
        });
    }

    fn add(&mut self, mut bases: &[u8]) {
        while !bases.is_empty() {
            let room = self.batch_bases.saturating_sub(self.bases.len()).max(1);
            let (now, later) = bases.split_at(room.min(bases.len()));
            self.bases.extend_from_slice(now);
            bases = later;
            if self.bases.len() >= self.batch_bases
                && let Some(segment) = self.segments.last_mut()
            {
                // The sequence goes on in the next batch, with the k-1 bases that its next k-mer begins with.
                segment.to = self.bases.len();
                let overlap = (self.k - 1).min(segment.to - segment.from);
                let tail = self.bases[segment.to - overlap..].to_vec();
                let next = Segment {
                    name: segment.name.clone(),
                    label: segment.label.clone(),
                    start: segment.start + (segment.to - segment.from - overlap) as u64,
                    from: 0,
                    to: overlap,
                    goes_on: true,
                    overlap,
                    ..*segment
                };
                self.send();
                self.bases.extend_from_slice(&tail);
                self.segments.push(next);
            }
        }
    }

    fn end(&mut self) {
        if let Some(segment) = self.segments.last_mut() {
            segment.to = self.bases.len();
            segment.last = true;
        }
        // Sequences of no bases take room too.
        if self.bases.len() >= self.batch_bases || self.segments.len() >= self.batch_bases / 16 {
            self.send();
        }
    }

    fn send(&mut self) {
        let segments = std::mem::take(&mut self.segments);
        let bases = std::mem::replace(&mut self.bases, Vec::with_capacity(self.batch_bases));
        if segments.is_empty() {
            return;
        }
        let names: usize = segments.iter().map(|s| s.name.len() + s.label.len() + size_of::<Segment>()).sum();
        let held = self.budget.wait(Component::Batches, bases.len() as u64 * BYTES_PER_BASE + names as u64);
        let batch = Batch { id: self.id, bases, segments, _held: held };
        self.id += 1;
        self.gone |= self.sender.send(batch).is_err();
    }

    fn cut_source(&mut self, source: &Source, progress: &dyn Progress) -> Result<()> {
        let mut reader = SequenceReader::open(source)?;
        let mut done = 0;
        while let Some(head) = reader.next_record()? {
            self.begin(&head.name, &head.name, 0);
            while let Some(bases) = reader.next_bases()? {
                self.add(bases);
                let read = source.bytes_read();
                progress.advance(read - done);
                done = read;
                if self.gone {
                    return Ok(());
                }
            }
            self.end();
        }
        self.send();
        Ok(())
    }

    fn cut_regions(&mut self, index: &Index, regions: &[Region], progress: &dyn Progress) -> Result<()> {
        let mut bases = Vec::new();
        for region in regions {
            let (_, record) = index.region_record(region)?;
            // A region of no bases has no first one to name.
            let label = if region.range.is_empty() {
                region.contig.clone()
            } else {
                format!("{}:{}-{}", region.contig, region.range.start + 1, region.range.end)
            };
            self.begin(&region.contig, &label, region.range.start);
            let mut at = region.range.start;
            while at < region.range.end {
                let end = region.range.end.min(at + (1 << 16));
                bases.clear();
                record.bases(at..end, Case::Upper, &mut bases);
                self.add(&bases);
                progress.advance(end - at);
                at = end;
                if self.gone {
                    return Ok(());
                }
            }
            self.end();
        }
        self.send();
        Ok(())
    }
}

/// One worker: takes batches, looks them up, formats what they become.
fn look_up(
    index: &Index,
    detail: Detail,
    rows: &dyn Rows,
    receiver: &Mutex<Receiver<Batch>>,
    window: &Window<Answer>,
) -> Result<()> {
    let mut lookup = index.batch();
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    while let Some(batch) = receive(receiver) {
        lookup.clear();
        starts.clear();
        ends.clear();
        for segment in &batch.segments {
            lookup.push_sequence(&batch.bases[segment.from..segment.to], |here| {
                if detail != Detail::Summary {
                    starts.extend(segment.start + here.start..segment.start + here.end);
                }
            });
            ends.push(lookup.len());
        }
        let frequencies = lookup.look_up()?;
        let answer = answer(batch, detail, rows, frequencies, &starts, &ends);
        let bytes = answer.1.text.capacity() as u64;
        if !window.put(answer.0, answer.1, bytes) {
            break;
        }
    }
    Ok(())
}

fn answer(
    batch: Batch,
    detail: Detail,
    rows: &dyn Rows,
    frequencies: &[u64],
    starts: &[u64],
    ends: &[usize],
) -> (u64, Answer) {
    let mut answer = Answer::default();
    let mut first = 0;
    for (segment, &end) in batch.segments.iter().zip(ends) {
        let found = &frequencies[first..end];
        match detail {
            Detail::Summary => {
                let bases = (segment.to - segment.from - segment.overlap) as u64;
                let whole = segment.last && !segment.goes_on;
                answer.parts.push((segment.label.clone(), bases, Tally::of(found, whole), segment.last));
            }
            Detail::PerKmer => {
                for (&start, &frequency) in starts[first..end].iter().zip(found) {
                    rows.kmer(&mut answer.text, &segment.name, start, frequency);
                }
            }
            Detail::Runs => runs(segment, &starts[first..end], found, rows, &mut answer),
        }
        first = end;
    }
    let Batch { id, _held, .. } = batch;
    answer.held = Some(_held);
    (id, answer)
}

/// The runs of a piece: those inside are written, those at an end that is no end of the sequence wait for their other
/// half, so that rows do not depend on where batches were cut.
fn runs(segment: &Segment, starts: &[u64], frequencies: &[u64], rows: &dyn Rows, answer: &mut Answer) {
    let mut all = starts.iter().copied().zip(frequencies.iter().copied()).peekable();
    let mut is_first = true;
    while let Some((start, frequency)) = all.next() {
        let mut end = start + 1;
        while all.next_if(|&(next, f)| next == end && f == frequency).is_some() {
            end += 1;
        }
        let run = || Run { name: segment.name.clone(), range: start..end, frequency };
        if std::mem::take(&mut is_first) && segment.goes_on {
            answer.head = Some(run());
        } else if all.peek().is_none() && !segment.last {
            answer.tail = Some(run());
        } else {
            rows.run(&mut answer.text, &segment.name, start..end, frequency);
        }
    }
}

fn write_answers(window: &Window<Answer>, detail: Detail, rows: &dyn Rows, out: &mut (dyn Write + Send)) -> Result<()> {
    let io_error = |e| Error::io("write", "the output", e);
    let mut text = Vec::new();
    if detail == Detail::Summary {
        rows.statistics_header(&mut text);
        out.write_all(&text).map_err(io_error)?;
    }
    let mut open: Option<(String, u64, Tally)> = None;
    let mut pending: Option<Run> = None;
    while let Some(answer) = window.take() {
        text.clear();
        let mut flush = |pending: &mut Option<Run>| {
            if let Some(run) = pending.take() {
                rows.run(&mut text, &run.name, run.range, run.frequency);
            }
        };
        match (answer.head, &mut pending) {
            (Some(head), Some(run))
                if run.name == head.name && run.range.end == head.range.start && run.frequency == head.frequency =>
            {
                run.range.end = head.range.end;
            }
            (Some(head), pending) => {
                flush(pending);
                *pending = Some(head);
            }
            (None, _) => {}
        }
        if !answer.text.is_empty() || answer.tail.is_some() {
            flush(&mut pending);
        }
        out.write_all(&text).map_err(io_error)?;
        out.write_all(&answer.text).map_err(io_error)?;
        if answer.tail.is_some() {
            pending = answer.tail;
        }
        text.clear();
        for (label, bases, tally, last) in answer.parts {
            let (label, bases, tally) = match open.take() {
                Some((label, before, mut sum)) => {
                    sum.add(tally);
                    (label, before + bases, sum)
                }
                None => (label, bases, tally),
            };
            if last {
                rows.statistics(&mut text, &tally.statistics(label, bases));
            } else {
                open = Some((label, bases, tally));
            }
        }
        out.write_all(&text).map_err(io_error)?;
    }
    text.clear();
    if let Some(run) = pending {
        rows.run(&mut text, &run.name, run.range, run.frequency);
    }
    out.write_all(&text).map_err(io_error)?;
    out.flush().map_err(io_error)
}
