//! What users ask of an index: the k-mers of sequences and of stretches of the genome, and k-mer lists.
//!
//! Sequences stream through in batches: one thread reads and cuts, the pool looks up and formats, one thread writes in
//! input order. What is under way is bounded in bytes, whatever the length of the input or of one sequence.

mod pipeline;
mod statistics;

use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::Range;

pub(crate) use pipeline::{Charge, Feed, in_batches};
pub use statistics::SequenceStatistics;
use statistics::Tally;

use crate::genome::Case;
use crate::memory::buffers::{Buffer, BufferPool, reserve_text};
use crate::memory::{Budget, Component};
use crate::sequence::{Region, SequenceReader, Source};
use crate::{Error, Index, Progress, Result};

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
/// Bytes of a row of a k-mer or a run, about.
const BYTES_PER_ROW: u64 = 32;

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
struct Pieces {
    bases: Vec<u8>,
    segments: Vec<Segment>,
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
}

/// Where sequences come from.
pub enum Sequences<'a> {
    /// A file or standard input.
    Source(&'a Source),
    /// Stretches of the indexed genome.
    Regions(&'a [Region]),
    /// The same, read as they are looked up.
    RegionStream(&'a mut (dyn Iterator<Item = Result<Region>> + Send)),
}

/// Bytes of batches under way: a share of the budget, and no more than keep `threads` threads and both ends busy.
pub(crate) fn most_under_way(budget: &Budget, batch_bytes: u64) -> u64 {
    let threads = rayon::current_num_threads() as u64;
    (budget.limit() / 4).min((threads + 4).saturating_mul(batch_bytes))
}

/// Looks up all k-mers of `sequences` and writes what `detail` asks for, in input order. `batch_size` is the bases that
/// are looked up together, at most; without it they follow from input and budget.
///
/// # Errors
/// [`Error::Input`] and [`Error::NotInIndex`] for what cannot be read; [`Error::Output`]; [`Error::Damaged`].
pub fn query_sequences(
    index: &Index,
    sequences: Sequences<'_>,
    detail: Detail,
    batch_size: Option<NonZeroUsize>,
    rows: &dyn Rows,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<()> {
    let threads = rayon::current_num_threads() as u64;
    let budget = index.budget();
    let bytes_per_base = BYTES_PER_BASE + if detail == Detail::Summary { 0 } else { BYTES_PER_ROW };
    // Batches that are read, looked up and written: one a thread, and two waiting at either end. Where rows are written of
    // each k-mer, looking up is the smaller part, and much would be charged long before it is filled.
    let largest = if detail == Detail::Summary { 4 << 20 } else { 1 << 18 };
    let most = (budget.limit() / 4 / (threads + 4) / bytes_per_base).clamp(1 << 14, largest);
    // A large batch reads fewer pages; but all threads should have one, and soon.
    let known = match &sequences {
        Sequences::Source(source) => source.bytes_total(),
        Sequences::Regions(regions) => Some(regions.iter().map(|r| r.range.end - r.range.start).sum()),
        Sequences::RegionStream(_) => None,
    };
    progress.phase("querying", known);
    let fitting = known.map_or(most, |bases| (bases / (2 * threads) + 1).clamp((1 << 18).min(most), most)) as usize;
    let batch_bases = batch_size.map_or(fitting, |size| size.get().min(most as usize));

    let most_bytes = most_under_way(budget, batch_bases as u64 * bytes_per_base);
    let texts = BufferPool::new(most_bytes / 4, budget.hold(Component::Batches));
    in_batches(
        budget,
        most_bytes,
        |feed| {
            let mut cutter = Cutter::new(index, batch_bases, bytes_per_base, feed);
            match sequences {
                Sequences::Source(source) => cutter.cut_source(source, budget, progress),
                Sequences::Regions(regions) => cutter.cut_regions(index, regions.iter().cloned().map(Ok), progress),
                Sequences::RegionStream(regions) => cutter.cut_regions(index, regions, progress),
            }
        },
        || worker(index, detail, rows, &texts),
        |answers| write_answers(answers, detail, rows, &texts, out),
    )
}

/// Cuts sequences into pieces and pieces into batches.
struct Cutter<'f> {
    k: usize,
    batch_bases: usize,
    bytes_per_base: u64,
    feed: &'f mut Feed<Pieces>,
    /// For the batch in hand, once it is begun.
    charge: Option<Charge>,
    bases: Vec<u8>,
    segments: Vec<Segment>,
    /// Bytes of the names of the segments.
    names: usize,
    /// Nobody takes batches any more.
    gone: bool,
}

impl<'f> Cutter<'f> {
    fn new(index: &Index, batch_bases: usize, bytes_per_base: u64, feed: &'f mut Feed<Pieces>) -> Self {
        Self {
            k: index.k() as usize,
            batch_bases,
            bytes_per_base,
            feed,
            charge: None,
            bases: Vec::new(),
            segments: Vec::new(),
            names: 0,
            gone: false,
        }
    }

    /// Waits until there is memory for a batch, if none is begun.
    fn admit(&mut self) {
        if self.charge.is_none() {
            // A sequence that goes on brings the end of what was before.
            let bases = self.batch_bases + self.k;
            let mut charge = self.feed.admit(bases as u64 * self.bytes_per_base);
            self.bases = Vec::with_capacity(bases);
            charge.hold(self.bases.capacity() as u64);
            self.charge = Some(charge);
        }
    }

    fn begin(&mut self, name: &str, label: &str, start: u64) {
        self.admit();
        self.names += name.len() + label.len();
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
            // What a sequence brings from the batch before does not count, however small batches are.
            let brought = self.segments.first().map_or(0, |segment| segment.overlap);
            let room = (self.batch_bases + brought).saturating_sub(self.bases.len()).max(1);
            let (now, later) = bases.split_at(room.min(bases.len()));
            self.bases.extend_from_slice(now);
            bases = later;
            if self.bases.len() >= self.batch_bases + brought
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
                self.admit();
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
        // Sequences of no bases and long names use space too.
        let most = self.batch_bases;
        if self.bases.len() >= most || self.names >= most || self.segments.len() >= most / 16 {
            self.send();
        }
    }

    fn send(&mut self) {
        let Some(mut charge) = self.charge.take() else { return };
        let segments = std::mem::take(&mut self.segments);
        let bases = std::mem::take(&mut self.bases);
        self.names = 0;
        if segments.is_empty() {
            return;
        }
        let names: usize = segments.iter().map(|s| s.name.len() + s.label.len() + size_of::<Segment>()).sum();
        // What look-ups take comes when they are made.
        let here = bases.capacity() as u64 + names as u64;
        charge.resize(here + bases.len() as u64 * (self.bytes_per_base - 1));
        charge.hold(here);
        self.gone |= !self.feed.send(Pieces { bases, segments }, charge);
    }

    fn cut_source(&mut self, source: &Source, budget: &Budget, progress: &dyn Progress) -> Result<()> {
        let mut reader = SequenceReader::open(&source.within(budget))?;
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
        reader.report_skipped(progress);
        self.send();
        Ok(())
    }

    fn cut_regions(
        &mut self,
        index: &Index,
        regions: impl Iterator<Item = Result<Region>>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut bases = Buffer::<u8>::with_capacity(1 << 16);
        for region in regions {
            let region = region?;
            let (_, record) = index.region_record(&region)?;
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

/// One worker: looks up batches and formats what they become.
fn worker<'a>(
    index: &'a Index,
    detail: Detail,
    rows: &'a dyn Rows,
    texts: &'a BufferPool,
) -> impl FnMut(u64, Pieces, &mut Charge) -> Result<Answer> + use<'a> {
    let mut lookup = index.batch();
    let (mut starts, mut ends) = (Buffer::<u64>::default(), Vec::new());
    let mut scratch = index.budget().hold(Component::Batches);
    move |_, pieces, charge| {
        lookup.clear();
        starts.clear();
        ends.clear();
        for segment in &pieces.segments {
            lookup.push_sequence(&pieces.bases[segment.from..segment.to], |here| {
                if detail != Detail::Summary {
                    starts.extend(segment.start + here.start..segment.start + here.end);
                }
            });
            ends.push(lookup.len());
        }
        scratch.resize(lookup.needed_bytes() + 8 * (starts.capacity() + ends.capacity()) as u64);
        let frequencies = lookup.look_up()?;
        let mut answer = Answer { text: texts.take(), ..Answer::default() };
        answer.text.clear();
        let here = charge.held();
        let charge_text = |text: &Vec<u8>| charge.hold(here + text.capacity() as u64);
        fill(&mut answer, &pieces, detail, rows, frequencies, (&starts, &ends), charge_text);
        drop(pieces);
        let names: usize = answer.parts.iter().map(|part| part.0.len()).sum();
        let parts = answer.parts.capacity() * size_of::<(String, u64, Tally, bool)>() + names;
        charge.resize((answer.text.capacity() + parts) as u64);
        Ok(answer)
    }
}

/// K-mers whose rows are written before their text is charged.
const ROWS: usize = 1 << 11;

/// Fills the answer to a batch; calls `charge_text` as its text grows.
fn fill(
    answer: &mut Answer,
    pieces: &Pieces,
    detail: Detail,
    rows: &dyn Rows,
    frequencies: &[u64],
    (starts, ends): (&[u64], &[usize]),
    mut charge_text: impl FnMut(&Vec<u8>),
) {
    let mut first = 0;
    for (segment, &end) in pieces.segments.iter().zip(ends) {
        let found = &frequencies[first..end];
        match detail {
            Detail::Summary => {
                let bases = (segment.to - segment.from - segment.overlap) as u64;
                let whole = segment.last && !segment.goes_on;
                answer.parts.push((segment.label.clone(), bases, Tally::of(found, whole), segment.last));
            }
            Detail::PerKmer => {
                for (starts, found) in starts[first..end].chunks(ROWS).zip(found.chunks(ROWS)) {
                    reserve_text(&mut answer.text);
                    for (&start, &frequency) in starts.iter().zip(found) {
                        rows.kmer(&mut answer.text, &segment.name, start, frequency);
                    }
                    charge_text(&answer.text);
                }
            }
            Detail::Runs => {
                runs(segment, &starts[first..end], found, rows, answer);
                charge_text(&answer.text);
            }
        }
        first = end;
    }
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

fn write_answers(
    answers: &mut dyn Iterator<Item = Answer>,
    detail: Detail,
    rows: &dyn Rows,
    texts: &BufferPool,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let io_error = Error::Output;
    let mut text = Vec::new();
    if detail == Detail::Summary {
        rows.statistics_header(&mut text);
        out.write_all(&text).map_err(io_error)?;
    }
    let mut open: Option<(String, u64, Tally)> = None;
    let mut pending: Option<Run> = None;
    for answer in answers {
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
        texts.put_back(answer.text);
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
