//! Seeds: places where library and genome agree under a pattern, and what they extend to without gaps.
//!
//! The library's words lie in a table and the genome is scanned once. A pattern (B. Ma, J. Tromp and M. Li, PatternHunter,
//! Bioinformatics 18 (2002) 440) asks for equal bases at some places, for two purines or two pyrimidines at others (L. Noé and
//! G. Kucherov, YASS, Nucleic Acids Res. 33 (2005) W540), and for nothing at the rest.

use rayon::prelude::*;

use crate::align::Scoring;
use crate::align::library::Text;
use crate::align::score::GAP_CODE;
use crate::align::ungapped::{Packed, Steps};
use crate::memory::system::prefetch;

/// `#`: the same base. `@`: the same base or a transition. `-`: anything.
const PATTERNS: [&str; 2] = ["#@#-##@--@#@-#-@#@##@", "##@-@#--@@#-@-#--##@@-#@"];

/// Score below its best at which an extension without gaps ends, in units of score.
const UNGAPPED_DROP: i32 = 80;

struct Pattern {
    mask: u64,
    span: u32,
}

fn patterns() -> [Pattern; 2] {
    PATTERNS.map(|text| Pattern {
        // The upper bit of a code tells purines from pyrimidines.
        mask: text.bytes().fold(0, |mask, c| {
            mask << 2
                | match c {
                    b'#' => 3,
                    b'@' => 2,
                    _ => 0,
                }
        }),
        span: text.len() as u32,
    })
}

/// The words of a library by pattern.
pub(crate) struct SeedTable {
    tables: Vec<Table>,
    text: Packed,
}

struct Table {
    pattern: Pattern,
    shift: u32,
    slots: Vec<Slots>,
    /// Where the words of each slot that has any begin, and their number.
    starts: Vec<u32>,
    /// End of each word in the text, by slot.
    ends: Vec<u32>,
}

/// 64 slots of a table.
#[derive(Clone, Copy, Default)]
struct Slots {
    /// One bit a slot: whether a word is there.
    occupied: u64,
    /// Occupied slots before these.
    before: u32,
}

/// Scanned at a time.
const BATCH: usize = 512;

impl Table {
    #[inline(always)]
    fn slot(&self, word: u64) -> usize {
        ((word & self.pattern.mask).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    fn new(pattern: Pattern, bits: u32, text: &[u8]) -> Self {
        let mut table = Self {
            pattern,
            shift: 64 - bits,
            slots: vec![Slots::default(); 1 << bits >> 6],
            starts: Vec::new(),
            ends: Vec::new(),
        };
        let mut words = Vec::with_capacity(text.len());
        words.extend(words_of(&table.pattern, text).map(|(word, at)| (table.slot(word) as u64) << 32 | at));
        words.par_sort_unstable();
        let mut last = None;
        for (number, &word) in (0..).zip(&words) {
            let slot = (word >> 32) as usize;
            if last != Some(slot) {
                last = Some(slot);
                table.slots[slot >> 6].occupied |= 1 << (slot & 63);
                table.starts.push(number);
            }
        }
        table.starts.push(words.len() as u32);
        let mut before = 0;
        for slots in &mut table.slots {
            slots.before = before;
            before += slots.occupied.count_ones();
        }
        table.ends = words.into_iter().map(|word| word as u32).collect();
        table
    }

    /// The number of an occupied slot among those.
    #[inline(always)]
    fn find(&self, word: u64) -> Option<u32> {
        let slot = self.slot(word);
        let slots = self.slots[slot >> 6];
        let below = slots.occupied & ((1 << (slot & 63)) - 1);
        (slots.occupied >> (slot & 63) & 1 == 1).then(|| slots.before + below.count_ones())
    }
}

/// The words of a pattern's span in a text that are not monotonous, and where each ends.
fn words_of(pattern: &Pattern, text: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let span = pattern.span;
    let mut dust = Dust::new(span as usize);
    let (mut word, mut length) = (0u64, 0);
    (1..).zip(text).filter_map(move |(at, &code)| {
        let monotonous = dust.push(code);
        if code == GAP_CODE {
            length = 0;
            return None;
        }
        word = word << 2 | u64::from(code);
        length += 1;
        (length >= span && !monotonous).then_some((word, at))
    })
}

/// Whether a copy of these codes can be found by a seed.
pub(crate) fn has_seed(codes: &[u8]) -> bool {
    patterns().iter().any(|pattern| words_of(pattern, codes).next().is_some())
}

/// Bases of the shortest sequence with a seed.
pub(crate) fn shortest_seed() -> u32 {
    patterns().iter().map(|pattern| pattern.span).min().unwrap_or(0)
}

/// Bits of a table's slots for this many places in the text.
fn slot_bits(text: usize) -> u32 {
    (usize::BITS - text.leading_zeros() + 3).clamp(16, 24)
}

impl SeedTable {
    /// Bytes of a table for this many places in the text, and while it is made.
    pub(crate) fn bytes(text: usize) -> u64 {
        let slots = 1 << slot_bits(text) >> 6;
        PATTERNS.len() as u64 * (8 * text as u64 + slots * size_of::<Slots>() as u64)
            + 8 * text as u64
            + Packed::bytes(text)
    }

    pub(crate) fn new(text: &Text) -> Self {
        let bits = slot_bits(text.codes.len());
        let mut packed = Packed::default();
        packed.fill(&text.codes);
        let tables = patterns().into_iter().map(|pattern| Table::new(pattern, bits, &text.codes)).collect();
        Self { tables, text: packed }
    }
}

/// Whether few triplets make up the last bases: the score of DUST (A. Morgulis and others, J. Comput. Biol. 13 (2006) 1028) without its
/// division, over a window of the span of a pattern.
struct Dust {
    /// Triplets of the window, in a ring.
    window: Vec<u8>,
    at: usize,
    counts: [u16; 64],
    score: u32,
    triplet: u8,
}

impl Dust {
    fn new(span: usize) -> Self {
        let triplets = span.saturating_sub(2).max(1);
        let mut counts = [0; 64];
        counts[0] = triplets as u16;
        // As many equal triplets as fit: no word is looked at before all of them are gone.
        let score = (triplets * (triplets - 1) / 2) as u32;
        Self { window: vec![0; triplets], at: 0, counts, score, triplet: 0 }
    }

    /// Takes the next code; whether the window that ends with it is monotonous.
    fn push(&mut self, code: u8) -> bool {
        self.triplet = (self.triplet << 2 | code & 3) & 63;
        let old = std::mem::replace(&mut self.window[self.at], self.triplet);
        let count = &mut self.counts[usize::from(old)];
        *count -= 1;
        self.score -= u32::from(*count);
        let count = &mut self.counts[usize::from(self.triplet)];
        self.score += u32::from(*count);
        *count += 1;
        self.at = if self.at + 1 == self.window.len() { 0 } else { self.at + 1 };
        self.score > self.window.len() as u32 + 2
    }
}

/// A stretch that agrees without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    /// Entry of the text.
    pub(crate) entry: u32,
    /// First base in the piece of the genome that is searched.
    pub(crate) genome: u32,
    /// First base in the text.
    pub(crate) text: u32,
    pub(crate) length: u32,
    pub(crate) score: i32,
}

/// What a thread needs to find segments; used for one window after another.
pub(crate) struct Scanner<'a> {
    text: &'a Text,
    seeds: &'a SeedTable,
    steps: Steps,
    least: i32,
    /// The window.
    genome: Packed,
    /// How far each diagonal has been looked at, counted on over windows.
    reached: Vec<u32>,
    passed: u32,
    /// Ends of the words of a batch that the library has, and the numbers of their slots; then the places of these in the table.
    words: Vec<(u32, u32)>,
    places: Vec<(u32, u32, u32)>,
    /// Ends of seeds in window and text.
    found: Vec<(u32, u32)>,
}

/// Bases on either side within which most seeds end.
const NEAR: usize = 56;
/// Seeds that are looked at together.
const TOGETHER: usize = 1 << 10;

impl<'a> Scanner<'a> {
    /// Bytes of a scanner for windows of so many bases.
    pub(crate) fn bytes(text: usize, window: usize) -> u64 {
        4 * text.next_power_of_two() as u64 + Packed::bytes(window) + (BATCH * 20 + TOGETHER * 8) as u64
    }

    /// For segments of a score of `least` or more.
    pub(crate) fn new(text: &'a Text, seeds: &'a SeedTable, scoring: &'a Scoring, least: i32) -> Self {
        Self {
            text,
            seeds,
            steps: Steps::new(scoring, UNGAPPED_DROP),
            least,
            genome: Packed::default(),
            reached: vec![0; text.codes.len().next_power_of_two()],
            passed: 0,
            words: Vec::with_capacity(BATCH),
            places: Vec::with_capacity(BATCH),
            found: Vec::with_capacity(TOGETHER),
        }
    }

    /// Appends the segments of the seeds that end in `genome[from..to]`; `offset` is added to places in the genome.
    pub(crate) fn scan(&mut self, genome: &[u8], from: usize, to: usize, offset: u32, out: &mut Vec<Segment>) {
        self.genome.fill(genome);
        let seeds = self.seeds;
        for table in &seeds.tables {
            let span = table.pattern.span as usize;
            // Places in this window come after all of the last one, so that the diagonals need not be cleared.
            if self.passed.checked_add(genome.len() as u32 + 1).is_none() {
                self.reached.fill(0);
                self.passed = 0;
            }
            let first = from.saturating_sub(span - 1);
            let (mut word, mut length) = (0u64, 0);
            for start in (first..to).step_by(BATCH) {
                // Every step asks for what the next one reads, so that the memory is waited for together.
                self.words.clear();
                for (at, &code) in (start + 1..).zip(&genome[start..to.min(start + BATCH)]) {
                    word = word << 2 | u64::from(code & 3);
                    length = if code == GAP_CODE { 0 } else { length + 1 };
                    if let Some(number) = table.find(word)
                        && length >= span
                        && at > from
                    {
                        prefetch(bytemuck::cast_slice(&table.starts), 4 * number as usize);
                        self.words.push((at as u32, number));
                    }
                }
                self.places.clear();
                for &(at, number) in &self.words {
                    let (first, end) = (table.starts[number as usize], table.starts[number as usize + 1]);
                    prefetch(bytemuck::cast_slice(&table.ends), 4 * first as usize);
                    self.places.push((at, first, end));
                }
                let places = std::mem::take(&mut self.places);
                for &(at, first, end) in &places {
                    for &end in &table.ends[first as usize..end as usize] {
                        seeds.text.prefetch(end as usize);
                        self.found.push((at, end));
                        if self.found.len() == TOGETHER {
                            self.extend(span, offset, out);
                        }
                    }
                }
                self.places = places;
                self.extend(span, offset, out);
            }
            self.passed += genome.len() as u32 + 1;
        }
    }

    /// Extends the seeds that were found, both ways and without gaps.
    fn extend(&mut self, span: usize, offset: u32, out: &mut Vec<Segment>) {
        let (text, mask) = (&self.seeds.text, self.reached.len() - 1);
        for &(at, end) in &self.found {
            // The stretch holds the start of the seed.
            let start = (end as usize - span, at as usize - span);
            let mut right = self.steps.right(text, &self.genome, start, NEAR);
            let mut left = self.steps.left(text, &self.genome, start, NEAR);
            if right.ended && left.ended && right.score + left.score < self.least {
                continue;
            }
            // Few seeds come this far. One that does not end past what its diagonal has been looked at is not another one.
            let reached = &mut self.reached[at.wrapping_sub(end) as usize & mask];
            if at + self.passed <= *reached {
                continue;
            }
            if !right.ended {
                right = self.steps.right(text, &self.genome, start, usize::MAX);
            }
            if !left.ended {
                left = self.steps.left(text, &self.genome, start, usize::MAX);
            }
            *reached = (start.1 + right.length) as u32 + self.passed;
            if right.score + left.score < self.least {
                continue;
            }
            let from = (start.0 - left.length) as u32;
            out.push(Segment {
                entry: self.text.entry_at(from) as u32,
                genome: (start.1 - left.length) as u32 + offset,
                text: from,
                length: (left.length + right.length) as u32,
                score: left.score + right.score,
            });
        }
        self.found.clear();
    }
}
