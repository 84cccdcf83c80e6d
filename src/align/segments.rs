//! Most seed hits are random. An extension of each without gaps, many at a time, discards those at low cost and leaves
//! segments that are worth a chain or an alignment.

use crate::align::library_text::LibraryText;
use crate::align::score::Scoring;
use crate::align::seeds::{LibrarySeeds, Pattern};
use crate::align::ungapped::{PackedCodes, UngappedExtender};
use crate::memory::system::prefetch;
use crate::sequence::NO_BASE;

/// Score below its best at which an extension without gaps ends (eighths of a nat): ten nats, which unrelated
/// bases lose in about 11 columns.
const UNGAPPED_X_DROP: i32 = 80;
/// Bases of the genome that are looked up before their hits are read, so that the prefetches have time.
const BATCH: usize = 512;
/// Bases on either side of a seed that are compared first: two steps of the extension, within which most chance hits
/// end.
const FIRST_COLUMNS: usize = 56;
/// Hits that are extended together.
const HITS: usize = 1 << 10;

/// A local alignment without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    /// Entry of the text.
    pub(crate) entry: u32,
    /// First base in the target.
    pub(crate) genome: u32,
    /// First base in the text.
    pub(crate) text: u32,
    pub(crate) length: u32,
    pub(crate) score: i32,
}

/// Diagonals that are told apart. Two that share a number are farther apart than any extension is long, so that what is
/// found of a sequence does not depend on the others of the text.
fn diagonals(text: usize, longest: usize) -> usize {
    (text + longest).next_power_of_two()
}

/// Finds segments, one window after another; a thread keeps one for its buffers.
pub(crate) struct Scanner<'a> {
    text: &'a LibraryText,
    seeds: &'a LibrarySeeds,
    extender: UngappedExtender,
    min_score: i32,
    /// The window.
    genome: PackedCodes,
    /// End of the last full extension on each diagonal, counted over all windows (`offset`).
    reached: Vec<u32>,
    /// Bases of the windows before, so that `reached` need not be cleared between windows.
    offset: u32,
    /// Words of a batch that the table has: end in the window, and rank of the slot.
    words: Vec<(u32, u32)>,
    /// The same with start and end of the slot's words in the table.
    slots: Vec<(u32, u32, u32)>,
    /// Ends of seed hits in window and text.
    hits: Vec<(u32, u32)>,
}

impl<'a> Scanner<'a> {
    /// Bytes of a scanner for a text, whose longest sequence has this many bases, and windows of this length.
    pub(crate) fn bytes(text: usize, longest: usize, window: usize) -> u64 {
        4 * diagonals(text, longest) as u64 + PackedCodes::bytes(window) + (BATCH * 20 + HITS * 8) as u64
    }

    /// A scanner for segments that score `min_score` or more.
    pub(crate) fn new(text: &'a LibraryText, seeds: &'a LibrarySeeds, scoring: &'a Scoring, min_score: i32) -> Self {
        Self {
            text,
            seeds,
            extender: UngappedExtender::new(scoring, UNGAPPED_X_DROP),
            min_score,
            genome: PackedCodes::default(),
            reached: vec![0; diagonals(text.codes.len(), text.longest())],
            offset: 0,
            words: Vec::with_capacity(BATCH),
            slots: Vec::with_capacity(BATCH),
            hits: Vec::with_capacity(HITS),
        }
    }

    /// Appends the segments of the seeds that end in `genome[from..to]`, with `start` added to their positions in the
    /// genome.
    pub(crate) fn scan(&mut self, genome: &[u8], from: usize, to: usize, start: u32, out: &mut Vec<Segment>) {
        self.genome.fill(genome);
        let seeds = self.seeds;
        for table in &seeds.tables {
            let span = table.pattern.span as usize;
            if self.offset.checked_add(genome.len() as u32 + 1).is_none() {
                self.reached.fill(0);
                self.offset = 0;
            }
            let first = from.saturating_sub(span - 1);
            let (mut word, mut length) = (0u64, 0);
            for batch in (first..to).step_by(BATCH) {
                // Each pass prefetches what the next one reads.
                self.words.clear();
                for (at, &code) in (batch + 1..).zip(&genome[batch..to.min(batch + BATCH)]) {
                    word = word << 2 | u64::from(code & 3);
                    length = if code == NO_BASE { 0 } else { length + 1 };
                    if let Some(number) = table.find(word)
                        && length >= span
                        && at > from
                    {
                        prefetch(bytemuck::cast_slice(&table.starts), 4 * number as usize);
                        self.words.push((at as u32, number));
                    }
                }
                self.slots.clear();
                for &(at, number) in &self.words {
                    let (first, end) = (table.starts[number as usize], table.starts[number as usize + 1]);
                    prefetch(bytemuck::cast_slice(&table.ends), 4 * first as usize);
                    self.slots.push((at, first, end));
                }
                let slots = std::mem::take(&mut self.slots);
                for &(at, first, end) in &slots {
                    for &end in &table.ends[first as usize..end as usize] {
                        seeds.text.prefetch(end as usize);
                        self.hits.push((at, end));
                        if self.hits.len() == HITS {
                            self.extend(&table.pattern, genome, start, out);
                        }
                    }
                }
                self.slots = slots;
                self.extend(&table.pattern, genome, start, out);
            }
            self.offset += genome.len() as u32 + 1;
        }
    }

    /// Extends the hits of a pattern both ways and without gaps.
    fn extend(&mut self, pattern: &Pattern, genome: &[u8], window_start: u32, out: &mut Vec<Segment>) {
        let span = pattern.span as usize;
        let (text, mask) = (&self.seeds.text, self.reached.len() - 1);
        for &(at, end) in &self.hits {
            let start = (end as usize - span, at as usize - span);
            let mut right = self.extender.right(text, &self.genome, start, FIRST_COLUMNS);
            let mut left = self.extender.left(text, &self.genome, start, FIRST_COLUMNS);
            if right.ended && left.ended && right.score + left.score < self.min_score {
                continue;
            }
            // Few hits come this far. Different words may share a slot, and which do depends on the size of the table; such
            // a hit is none, so that the result does not depend on it.
            if !pattern.matches(&self.text.codes[start.0..end as usize], &genome[start.1..at as usize]) {
                continue;
            }
            // One within the last full extension of its diagonal would repeat it.
            let reached = &mut self.reached[at.wrapping_sub(end) as usize & mask];
            if at + self.offset <= *reached {
                continue;
            }
            if !right.ended {
                right = self.extender.right(text, &self.genome, start, usize::MAX);
            }
            if !left.ended {
                left = self.extender.left(text, &self.genome, start, usize::MAX);
            }
            *reached = (start.1 + right.length) as u32 + self.offset;
            if right.score + left.score < self.min_score {
                continue;
            }
            let from = (start.0 - left.length) as u32;
            out.push(Segment {
                entry: self.text.entry_at(from) as u32,
                genome: (start.1 - left.length) as u32 + window_start,
                text: from,
                length: (left.length + right.length) as u32,
                score: left.score + right.score,
            });
        }
        self.hits.clear();
    }
}
