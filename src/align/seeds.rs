//! Seeds: places where library and genome agree under a pattern, and what they extend to without gaps.
//!
//! The library's words lie in a table and the genome is scanned once. A pattern (B. Ma, J. Tromp and M. Li, PatternHunter,
//! Bioinformatics 18 (2002) 440) asks for equal bases at some places, for two purines or two pyrimidines at others (L. Noé and
//! G. Kucherov, YASS, Nucleic Acids Res. 33 (2005) W540), and for nothing at the rest.

use rayon::prelude::*;

use super::library::Text;
use super::score::{GAP_CODE, Scoring};

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
const BATCH: usize = 256;

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
        let mut dust = Dust::new(table.pattern.span as usize);
        let (mut word, mut length) = (0u64, 0);
        for (at, &code) in (1..).zip(text) {
            let monotonous = dust.push(code);
            if code == GAP_CODE {
                length = 0;
                continue;
            }
            word = word << 2 | u64::from(code);
            length += 1;
            if length >= table.pattern.span && !monotonous {
                words.push((table.slot(word) as u64) << 32 | at);
            }
        }
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

/// Bits of a table's slots for this many places in the text.
fn slot_bits(text: usize) -> u32 {
    (usize::BITS - text.leading_zeros() + 3).clamp(16, 24)
}

impl SeedTable {
    /// Bytes of a table for this many places in the text, and while it is made.
    pub(crate) fn bytes(text: usize) -> u64 {
        let slots = 1 << slot_bits(text) >> 6;
        PATTERNS.len() as u64 * (8 * text as u64 + slots * size_of::<Slots>() as u64) + 8 * text as u64
    }

    pub(crate) fn new(text: &Text) -> Self {
        let bits = slot_bits(text.codes.len());
        Self { tables: patterns().into_iter().map(|pattern| Table::new(pattern, bits, &text.codes)).collect() }
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
    scoring: &'a Scoring,
    least: i32,
    /// How far each diagonal has been looked at, counted on over windows.
    reached: Vec<u32>,
    passed: u32,
    /// Ends of the words of a batch that the library has, and the numbers of their slots.
    words: Vec<(usize, u32)>,
}

impl<'a> Scanner<'a> {
    /// Bytes of a scanner.
    pub(crate) fn bytes(text: usize) -> u64 {
        4 * text.next_power_of_two() as u64
    }

    /// For segments of a score of `least` or more.
    pub(crate) fn new(text: &'a Text, seeds: &'a SeedTable, scoring: &'a Scoring, least: i32) -> Self {
        Self {
            text,
            seeds,
            scoring,
            least,
            reached: vec![0; text.codes.len().next_power_of_two()],
            passed: 0,
            words: Vec::new(),
        }
    }

    /// Appends the segments of the seeds that end in `genome[from..to]`; `offset` is added to places in the genome.
    pub(crate) fn scan(&mut self, genome: &[u8], from: usize, to: usize, offset: u32, out: &mut Vec<Segment>) {
        for table in &self.seeds.tables {
            let span = table.pattern.span as usize;
            // Places in this window come after all of the last one, so that the diagonals need not be cleared.
            if self.passed.checked_add(genome.len() as u32 + 1).is_none() {
                self.reached.fill(0);
                self.passed = 0;
            }
            let passed = self.passed;
            self.passed += genome.len() as u32 + 1;
            let first = from.saturating_sub(span - 1);
            let (mut word, mut length) = (0u64, 0);
            for start in (first..to).step_by(BATCH) {
                self.words.clear();
                for (at, &code) in (start + 1..).zip(&genome[start..to.min(start + BATCH)]) {
                    word = word << 2 | u64::from(code & 3);
                    length = if code == GAP_CODE { 0 } else { length + 1 };
                    if let Some(number) = table.find(word)
                        && length >= span
                        && at > from
                    {
                        self.words.push((at, number));
                    }
                }
                for &(at, number) in &self.words {
                    let range = table.starts[number as usize] as usize..table.starts[number as usize + 1] as usize;
                    for &end in &table.ends[range] {
                        // A seed is looked at when it ends past what its diagonal has been looked at.
                        let mask = self.reached.len() - 1;
                        let reached = &mut self.reached[at.wrapping_sub(end as usize) & mask];
                        if at as u32 + passed <= *reached {
                            continue;
                        }
                        let (start, stop, score) =
                            ungapped(&self.text.codes, genome, end as usize, at, span, self.scoring);
                        *reached = stop as u32 + passed;
                        if score >= self.least {
                            let text = (end as usize - (at - start)) as u32;
                            out.push(Segment {
                                entry: self.text.entry_at(text) as u32,
                                genome: start as u32 + offset,
                                text,
                                length: (stop - start) as u32,
                                score,
                            });
                        }
                    }
                }
            }
        }
    }
}

/// Extends a seed that ends before `text[end]` and `genome[at]` both ways without gaps; gives where the best stretch starts and ends in the genome, and
/// its score.
#[inline]
fn ungapped(text: &[u8], genome: &[u8], end: usize, at: usize, span: usize, scoring: &Scoring) -> (usize, usize, i32) {
    // From the start of the seed rightward, then leftward: the stretch holds the start of the seed.
    let (text_start, genome_start) = (end - span, at - span);
    let run = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| {
        let (mut score, mut best, mut length) = (0, 0, 0);
        for (i, (&a, &b)) in (1..).zip(pairs) {
            if a == GAP_CODE || b == GAP_CODE {
                break;
            }
            score += scoring.pair(a, b);
            if score > best {
                (best, length) = (score, i);
            } else if score < best - UNGAPPED_DROP {
                break;
            }
        }
        (best, length)
    };
    let (right, right_length) = run(&mut text[text_start..].iter().zip(&genome[genome_start..]));
    let (left, left_length) = run(&mut text[..text_start].iter().rev().zip(genome[..genome_start].iter().rev()));
    (genome_start - left_length, genome_start + right_length, left + right)
}
