//! Nearly all seed hits end within a few columns, so the extension without gaps decides the speed of a search: both
//! sequences are packed with two bits a base, 28 columns are compared at once, and four at a time are scored by a
//! table.

use crate::align::score::Scoring;
use crate::sequence::NO_BASE;

/// Bases before the first and after the last that read as gaps: more than one comparison looks beyond an end.
const PAD: usize = 64;
/// Columns compared at once: a word of 64 bits has 32 bases, up to three of them before the first column, and columns
/// are scored in whole groups.
const COLUMNS: usize = 28;
/// Columns scored by one entry of a table of 256.
const GROUP: usize = 4;

/// Kind of a column, in two bits: a transition. 0 is a match of A or T.
const TRANSITION: u64 = 1;
/// Kind of a column: a transversion.
const TRANSVERSION: u64 = 2;
/// Kind of a column: a match of C or G.
const STRONG_MATCH: u64 = 3;
/// The lower bit of each pair of bits.
const LOW: u64 = 0x5555_5555_5555_5555;

/// A sequence of codes: two bits a base, and one that marks positions without a base.
#[derive(Default)]
pub(crate) struct PackedCodes {
    bases: Vec<u8>,
    gaps: Vec<u8>,
}

impl PackedCodes {
    /// Bytes of a packed sequence.
    pub(crate) fn bytes(length: usize) -> u64 {
        (length + 2 * PAD).div_ceil(4) as u64 + (length + 2 * PAD).div_ceil(8) as u64 + 16
    }

    /// Replaces the sequence.
    pub(crate) fn fill(&mut self, codes: &[u8]) {
        let length = codes.len() + 2 * PAD;
        self.bases.clear();
        self.gaps.clear();
        // Eight more bytes, so that every read is a whole word.
        self.bases.reserve(length.div_ceil(4) + 8);
        self.gaps.reserve(length.div_ceil(8) + 8);
        self.bases.resize(PAD / 4, 0);
        self.gaps.resize(PAD / 8, 0xFF);
        for eight in codes.chunks(8) {
            let mut pairs = 0u16;
            let mut gaps = if eight.len() < 8 { 0xFF << eight.len() } else { 0u16 };
            for (i, &code) in eight.iter().enumerate() {
                pairs |= u16::from(code & 3) << (2 * i);
                gaps |= u16::from(code >= NO_BASE) << i;
            }
            self.bases.extend_from_slice(&pairs.to_le_bytes());
            self.gaps.push(gaps as u8);
        }
        self.bases.resize(self.bases.len() + PAD / 4 + 8, 0);
        self.gaps.resize(self.gaps.len() + PAD / 8 + 8, 0xFF);
    }

    /// Prefetches the codes around a position.
    pub(crate) fn prefetch(&self, at: usize) {
        crate::memory::system::prefetch(&self.bases, (at + PAD) / 4);
        crate::memory::system::prefetch(&self.gaps, (at + PAD) / 8);
    }

    /// At least 28 bases from `at - PAD` on, and marks of at least 56 positions without a base, the first in the lowest
    /// bits.
    #[inline(always)]
    fn read(&self, at: usize) -> (u64, u64) {
        (word(&self.bases, at / 4) >> (2 * (at % 4)), word(&self.gaps, at / 8) >> (at % 8))
    }
}

/// Eight bytes from `at` on; beyond the last, all bits set, which are gaps.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
}

/// The kinds of 28 columns.
#[inline(always)]
fn kinds(text: u64, genome: u64) -> u64 {
    let differ = text ^ genome;
    let (low, high) = (differ & LOW, differ >> 1 & LOW);
    let strong = text & LOW & !(low | high);
    (low & !high | strong) | (high | strong) << 1
}

/// The scores of four columns.
#[derive(Clone, Copy, Default)]
struct GroupScore {
    sum: i16,
    /// The best sum of the first columns, and their number.
    best: i16,
    columns: u8,
}

/// The best-scoring columns from a cell on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct UngappedExtent {
    pub(crate) score: i32,
    pub(crate) length: usize,
    /// Whether a gap or the X-drop ended it.
    pub(crate) ended: bool,
}

/// Extends without gaps: for rightward and leftward, the scores of all combinations of four columns.
pub(crate) struct UngappedExtender {
    right: Vec<GroupScore>,
    left: Vec<GroupScore>,
    drop: i32,
}

impl UngappedExtender {
    /// An extender that stops `drop` below the best score.
    pub(crate) fn new(scoring: &Scoring, drop: i32) -> Self {
        let scores = [scoring.pair(0, 0), scoring.pair(0, 1), scoring.pair(0, 2), scoring.pair(1, 1)];
        let step = |kinds: usize, order: &mut dyn Iterator<Item = usize>| {
            let (mut sum, mut step) = (0, GroupScore::default());
            for (columns, at) in (1..).zip(order) {
                sum += scores[kinds >> (2 * at) & 3] as i16;
                if sum > step.best {
                    (step.best, step.columns) = (sum, columns);
                }
            }
            GroupScore { sum, ..step }
        };
        Self {
            right: (0..256).map(|kinds| step(kinds, &mut (0..GROUP))).collect(),
            left: (0..256).map(|kinds| step(kinds, &mut (0..GROUP).rev())).collect(),
            drop,
        }
    }

    /// The best of the first `max_columns` columns, up to a gap or the X-drop. `columns` returns the kinds of the 28
    /// columns after a number of columns, the nearest in the lowest bits or, leftward, in the highest of 56, and how
    /// many of them come before a gap.
    #[inline(always)]
    fn extend(&self, leftward: bool, max_columns: usize, columns: impl Fn(usize) -> (u64, usize)) -> UngappedExtent {
        let steps = if leftward { &self.left } else { &self.right };
        let Some(steps) = steps.first_chunk::<256>() else { return UngappedExtent::default() };
        let (mut score, mut best, mut length) = (0, 0, 0);
        for done in (0..max_columns).step_by(COLUMNS) {
            let (mut kinds, usable) = columns(done);
            if usable < COLUMNS {
                // Columns from the gap on become transversions, so that the best score lies before them.
                let kept = (1u64 << (2 * usable)) - 1;
                let kept = if leftward { kept << (2 * (COLUMNS - usable)) } else { kept };
                kinds = kinds & kept | (TRANSVERSION * LOW) & !kept;
            }
            for group in 0..COLUMNS / GROUP {
                let at = if leftward { COLUMNS / GROUP - 1 - group } else { group };
                let step = steps[usize::from((kinds >> (2 * GROUP * at)) as u8)];
                if score + i32::from(step.best) > best {
                    best = score + i32::from(step.best);
                    length = done + GROUP * group + usize::from(step.columns);
                }
                score += i32::from(step.sum);
                if score < best - self.drop {
                    return UngappedExtent { score: best, length, ended: true };
                }
            }
            if usable < COLUMNS {
                return UngappedExtent { score: best, length, ended: true };
            }
        }
        UngappedExtent { score: best, length, ended: false }
    }

    /// The best columns rightward from a cell, among the first `max_columns`.
    #[inline(always)]
    pub(crate) fn right(
        &self,
        text: &PackedCodes,
        genome: &PackedCodes,
        at: (usize, usize),
        max_columns: usize,
    ) -> UngappedExtent {
        self.extend(false, max_columns, |done| {
            let (a, text_gaps) = text.read(at.0 + PAD + done);
            let (b, genome_gaps) = genome.read(at.1 + PAD + done);
            (kinds(a, b), (text_gaps | genome_gaps).trailing_zeros().min(COLUMNS as u32) as usize)
        })
    }

    /// The best columns leftward from a cell, among the first `max_columns`.
    #[inline(always)]
    pub(crate) fn left(
        &self,
        text: &PackedCodes,
        genome: &PackedCodes,
        at: (usize, usize),
        max_columns: usize,
    ) -> UngappedExtent {
        self.extend(true, max_columns, |done| {
            let (a, text_gaps) = text.read(at.0 + PAD - done - COLUMNS);
            let (b, genome_gaps) = genome.read(at.1 + PAD - done - COLUMNS);
            let gaps = (text_gaps | genome_gaps) << (64 - COLUMNS);
            (kinds(a, b), gaps.leading_zeros().min(COLUMNS as u32) as usize)
        })
    }
}

// `kinds` sets both bits for a match of C or G.
const _: () = assert!(STRONG_MATCH == TRANSITION | TRANSVERSION);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A plain implementation, column by column.
    fn columns<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>, scoring: &Scoring, drop: i32) -> UngappedExtent {
        let (mut score, mut best, mut length) = (0, 0, 0);
        for (i, (&a, &b)) in (1..).zip(pairs) {
            if a == NO_BASE || b == NO_BASE {
                break;
            }
            score += scoring.pair(a, b);
            if score > best {
                (best, length) = (score, i);
            } else if i % GROUP == 0 && score < best - drop {
                break;
            }
        }
        UngappedExtent { score: best, length, ended: true }
    }

    proptest! {
        #[test]
        fn packed_columns_score_as_columns_do(
            text in prop::collection::vec(0..4u8, 0..200),
            changes in prop::collection::vec((0..200usize, 0..5u8), 0..40),
            shift in 0..9usize,
            at in 0..200usize,
            drop in 0..120i32,
        ) {
            let mut genome = vec![NO_BASE; shift];
            genome.extend_from_slice(&text);
            for (at, base) in changes {
                genome.iter_mut().skip(at).take(1).for_each(|b| *b = base);
            }
            let scoring = Scoring::new(0.2, [0.3, 0.2, 0.3, 0.2]);
            let extender = UngappedExtender::new(&scoring, drop);
            let [mut a, mut b] = [PackedCodes::default(), PackedCodes::default()];
            a.fill(&text);
            b.fill(&genome);
            let at = at.min(text.len());
            prop_assert_eq!(
                extender.right(&a, &b, (at, at + shift), usize::MAX),
                columns(text[at..].iter().zip(&genome[at + shift..]), &scoring, drop)
            );
            prop_assert_eq!(
                extender.left(&a, &b, (at, at + shift), usize::MAX),
                columns(text[..at].iter().rev().zip(genome[..at + shift].iter().rev()), &scoring, drop)
            );
        }
    }
}
