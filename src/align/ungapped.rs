//! Extension of a seed without gaps, four columns at a time: two sequences packed with two bits a base, compared 28 bases at once.

use crate::align::Scoring;
use crate::align::score::GAP_CODE;

/// Bases before the first and behind the last that read as gaps.
const PAD: usize = 64;
/// Columns compared at once, and looked up at once.
const COLUMNS: usize = 28;
const GROUP: usize = 4;

// What a column is, in two bits.
const TRANSITION: u64 = 1;
const TRANSVERSION: u64 = 2;
const STRONG_MATCH: u64 = 3;
/// The lower bit of each pair of bits.
const LOW: u64 = 0x5555_5555_5555_5555;

/// A sequence of codes: two bits a base, and one that tells which of them are no bases.
#[derive(Default)]
pub(crate) struct Packed {
    bases: Vec<u8>,
    gaps: Vec<u8>,
}

impl Packed {
    /// Bytes of a packed sequence.
    pub(crate) fn bytes(length: usize) -> u64 {
        (length + 2 * PAD).div_ceil(4) as u64 + (length + 2 * PAD).div_ceil(8) as u64 + 16
    }

    /// Replaces the sequence.
    pub(crate) fn fill(&mut self, codes: &[u8]) {
        let length = codes.len() + 2 * PAD;
        self.bases.clear();
        self.gaps.clear();
        // Eight more bytes, so that every read is one of a word.
        self.bases.reserve(length.div_ceil(4) + 8);
        self.gaps.reserve(length.div_ceil(8) + 8);
        self.bases.resize(PAD / 4, 0);
        self.gaps.resize(PAD / 8, 0xFF);
        for eight in codes.chunks(8) {
            let mut pairs = 0u16;
            let mut gaps = if eight.len() < 8 { 0xFF << eight.len() } else { 0u16 };
            for (i, &code) in eight.iter().enumerate() {
                pairs |= u16::from(code & 3) << (2 * i);
                gaps |= u16::from(code >= GAP_CODE) << i;
            }
            self.bases.extend_from_slice(&pairs.to_le_bytes());
            self.gaps.push(gaps as u8);
        }
        self.bases.resize(self.bases.len() + PAD / 4 + 8, 0);
        self.gaps.resize(self.gaps.len() + PAD / 8 + 8, 0xFF);
    }

    /// The base before which a place lies, in the order of `bases`.
    pub(crate) fn prefetch(&self, at: usize) {
        crate::memory::system::prefetch(&self.bases, (at + PAD) / 4);
        crate::memory::system::prefetch(&self.gaps, (at + PAD) / 8);
    }

    /// At least 28 bases, and which of at least 56 are none, from `at - PAD` on, the first in the lowest bits.
    #[inline(always)]
    fn read(&self, at: usize) -> (u64, u64) {
        (word(&self.bases, at / 4) >> (2 * (at % 4)), word(&self.gaps, at / 8) >> (at % 8))
    }
}

/// Eight bytes from one on; nothing but gaps and no bases beyond the last.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
}

/// What each column of 28 is.
#[inline(always)]
fn kinds(text: u64, genome: u64) -> u64 {
    let differ = text ^ genome;
    let (low, high) = (differ & LOW, differ >> 1 & LOW);
    let strong = text & LOW & !(low | high);
    (low & !high | strong) | (high | strong) << 1
}

/// What four columns add to a score.
#[derive(Clone, Copy, Default)]
struct Step {
    sum: i16,
    /// The best sum of the first columns, and how many they are.
    best: i16,
    columns: u8,
}

/// The best columns from a cell on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) score: i32,
    pub(crate) length: usize,
    /// Whether a gap or the drop ended it.
    pub(crate) ended: bool,
}

/// Steps by the kinds of four columns, read rightward and leftward.
pub(crate) struct Steps {
    right: Vec<Step>,
    left: Vec<Step>,
    drop: i32,
}

impl Steps {
    /// For extensions that end `drop` below their best score.
    pub(crate) fn new(scoring: &Scoring, drop: i32) -> Self {
        let scores = [scoring.pair(0, 0), scoring.pair(0, 1), scoring.pair(0, 2), scoring.pair(1, 1)];
        let step = |kinds: usize, order: &mut dyn Iterator<Item = usize>| {
            let (mut sum, mut step) = (0, Step::default());
            for (columns, at) in (1..).zip(order) {
                sum += scores[kinds >> (2 * at) & 3] as i16;
                if sum > step.best {
                    (step.best, step.columns) = (sum, columns);
                }
            }
            Step { sum, ..step }
        };
        Self {
            right: (0..256).map(|kinds| step(kinds, &mut (0..GROUP))).collect(),
            left: (0..256).map(|kinds| step(kinds, &mut (0..GROUP).rev())).collect(),
            drop,
        }
    }

    /// Best score of the columns before a gap or the drop, their number, and whether that was all: no more than `most` are looked at. `columns` gives, from so many columns on, the kinds of
    /// the next 28, the nearest in the lowest bits or, leftward, in the highest of 56, and how many of them come before a gap.
    #[inline(always)]
    fn run(&self, leftward: bool, most: usize, columns: impl Fn(usize) -> (u64, usize)) -> Run {
        let steps = if leftward { &self.left } else { &self.right };
        let Some(steps) = steps.first_chunk::<256>() else { return Run::default() };
        let (mut score, mut best, mut length) = (0, 0, 0);
        for done in (0..most).step_by(COLUMNS) {
            let (mut kinds, usable) = columns(done);
            if usable < COLUMNS {
                // What cannot be scored lowers the score, so that the best is before it.
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
                    return Run { score: best, length, ended: true };
                }
            }
            if usable < COLUMNS {
                return Run { score: best, length, ended: true };
            }
        }
        Run { score: best, length, ended: false }
    }

    /// The best columns rightward from a cell, among the first `most`.
    #[inline(always)]
    pub(crate) fn right(&self, text: &Packed, genome: &Packed, at: (usize, usize), most: usize) -> Run {
        self.run(false, most, |done| {
            let (a, text_gaps) = text.read(at.0 + PAD + done);
            let (b, genome_gaps) = genome.read(at.1 + PAD + done);
            (kinds(a, b), (text_gaps | genome_gaps).trailing_zeros().min(COLUMNS as u32) as usize)
        })
    }

    /// The best columns leftward from a cell, among the first `most`.
    #[inline(always)]
    pub(crate) fn left(&self, text: &Packed, genome: &Packed, at: (usize, usize), most: usize) -> Run {
        self.run(true, most, |done| {
            let (a, text_gaps) = text.read(at.0 + PAD - done - COLUMNS);
            let (b, genome_gaps) = genome.read(at.1 + PAD - done - COLUMNS);
            let gaps = (text_gaps | genome_gaps) << (64 - COLUMNS);
            (kinds(a, b), gaps.leading_zeros().min(COLUMNS as u32) as usize)
        })
    }
}

// A match of strong bases is told apart where both bits are set.
const _: () = assert!(STRONG_MATCH == TRANSITION | TRANSVERSION);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same column by column.
    fn columns<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>, scoring: &Scoring, drop: i32) -> Run {
        let (mut score, mut best, mut length) = (0, 0, 0);
        for (i, (&a, &b)) in (1..).zip(pairs) {
            if a == GAP_CODE || b == GAP_CODE {
                break;
            }
            score += scoring.pair(a, b);
            if score > best {
                (best, length) = (score, i);
            } else if i % GROUP == 0 && score < best - drop {
                break;
            }
        }
        Run { score: best, length, ended: true }
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
            let mut genome = vec![GAP_CODE; shift];
            genome.extend_from_slice(&text);
            for (at, base) in changes {
                genome.iter_mut().skip(at).take(1).for_each(|b| *b = base);
            }
            let scoring = Scoring::new(0.2, [0.3, 0.2, 0.3, 0.2]);
            let steps = Steps::new(&scoring, drop);
            let [mut a, mut b] = [Packed::default(), Packed::default()];
            a.fill(&text);
            b.fill(&genome);
            let at = at.min(text.len());
            prop_assert_eq!(
                steps.right(&a, &b, (at, at + shift), usize::MAX),
                columns(text[at..].iter().zip(&genome[at + shift..]), &scoring, drop)
            );
            prop_assert_eq!(
                steps.left(&a, &b, (at, at + shift), usize::MAX),
                columns(text[..at].iter().rev().zip(genome[..at + shift].iter().rev()), &scoring, drop)
            );
        }
    }
}
