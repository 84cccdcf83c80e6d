//! Old copies share few exact words with their consensus, so seeds are spaced words that also let transitions pass. The
//! words of the library are kept in a table and the genome is scanned once.
//!
//! A pattern (B. Ma, J. Tromp and M. Li, PatternHunter, Bioinformatics 18 (2002) 440) requires equal bases at some
//! positions, two purines or two pyrimidines at others (L. Noé and G. Kucherov, YASS, Nucleic Acids Res. 33 (2005)
//! W540), and nothing at the rest.

use rayon::prelude::*;

use crate::align::library_text::LibraryText;
use crate::align::low_complexity::SlidingDust;
use crate::align::ungapped::PackedCodes;
use crate::sequence::NO_BASE;

/// `#`: the same base. `@`: the same base or a transition. `-`: anything. A `@` counts half a
/// base: they match as rarely as words of 12.5 and 12 bases; empirical, docs/annotation.md was measured with them.
const PATTERNS: [&str; 2] = ["#@#-##@--@#@-#-@#@##@", "##@-@#--@@#-@-#--##@@-#@"];

/// A spaced seed: the mask of the compared bits of a word, and its bases.
pub(crate) struct Pattern {
    mask: u64,
    pub(crate) span: u32,
}

impl Pattern {
    /// Whether two sequences of the span's length have one word under the pattern.
    pub(crate) fn matches(&self, one: &[u8], other: &[u8]) -> bool {
        let compared = (0..).map(|back| self.mask >> (2 * back) & 3);
        one.iter().rev().zip(other.iter().rev()).zip(compared).all(|((a, b), mask)| u64::from(a ^ b) & mask == 0)
    }
}

fn patterns() -> [Pattern; 2] {
    PATTERNS.map(|text| Pattern {
        // The upper bit of a code is that of purines.
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
pub(crate) struct LibrarySeeds {
    pub(crate) tables: Vec<PatternTable>,
    pub(crate) text: PackedCodes,
}

/// The words under one pattern, hashed into slots. Slots without a word take one bit.
pub(crate) struct PatternTable {
    pub(crate) pattern: Pattern,
    shift: u32,
    slots: Vec<Slots>,
    /// Start of the words of each occupied slot in `ends`; and one more, the number of words.
    pub(crate) starts: Vec<u32>,
    /// End of each word in the text, by slot.
    pub(crate) ends: Vec<u32>,
}

/// 64 slots of a table.
#[derive(Clone, Copy, Default)]
struct Slots {
    /// One bit a slot: whether it has a word.
    occupied: u64,
    /// Occupied slots before these.
    before: u32,
}

/// 2^64 divided by the golden ratio, odd: multiplicative hashing (D. E. Knuth, The Art of Computer Programming 3, 6.4).
const FIBONACCI: u64 = 0x9E37_79B9_7F4A_7C15;

impl PatternTable {
    #[inline(always)]
    fn slot(&self, word: u64) -> usize {
        ((word & self.pattern.mask).wrapping_mul(FIBONACCI) >> self.shift) as usize
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

    /// The rank of a word's slot among the occupied ones; `None` if the slot is empty.
    #[inline(always)]
    pub(crate) fn find(&self, word: u64) -> Option<u32> {
        let slot = self.slot(word);
        let slots = self.slots[slot >> 6];
        let below = slots.occupied & ((1 << (slot & 63)) - 1);
        (slots.occupied >> (slot & 63) & 1 == 1).then(|| slots.before + below.count_ones())
    }
}

/// The words of a pattern's span in a text, without those of low complexity, each with its end.
fn words_of(pattern: &Pattern, text: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let span = pattern.span;
    let mut dust = SlidingDust::new(span as usize);
    let (mut word, mut length) = (0u64, 0);
    (1..).zip(text).filter_map(move |(at, &code)| {
        let is_low_complexity = dust.push(code);
        if code == NO_BASE {
            length = 0;
            return None;
        }
        word = word << 2 | u64::from(code);
        length += 1;
        (length >= span && !is_low_complexity).then_some((word, at))
    })
}

/// Whether an identical copy of these codes has a seed.
pub(crate) fn has_seed(codes: &[u8]) -> bool {
    patterns().iter().any(|pattern| words_of(pattern, codes).next().is_some())
}

/// Bases of the shortest pattern.
pub(crate) fn min_span() -> u32 {
    patterns().iter().map(|pattern| pattern.span).min().unwrap_or(0)
}

/// Bits of a slot's number in a table for a text of this many codes: eight slots or more for each code, so that most
/// words of a genome fall into an empty one; 2^16 to 2^24 slots, at most 4 MiB, the size of a cache.
fn slot_bits(text: usize) -> u32 {
    (usize::BITS - text.leading_zeros() + 3).clamp(16, 24)
}

impl LibrarySeeds {
    /// Bytes of a table for a text of this many codes, and of the list that is sorted while it is made.
    pub(crate) fn bytes(text: usize) -> u64 {
        let slots = 1 << slot_bits(text) >> 6;
        PATTERNS.len() as u64 * (8 * text as u64 + slots * size_of::<Slots>() as u64)
            + 8 * text as u64
            + PackedCodes::bytes(text)
    }

    pub(crate) fn new(text: &LibraryText) -> Self {
        let bits = slot_bits(text.codes.len());
        let mut packed = PackedCodes::default();
        packed.fill(&text.codes);
        let tables = patterns().into_iter().map(|pattern| PatternTable::new(pattern, bits, &text.codes)).collect();
        Self { tables, text: packed }
    }
}
