//! Words that recur at one distance, one after another, show a tandem repeat.

use crate::align::target::Target;
use crate::sequence::NO_BASE;

/// Bases of a target that are unpacked at a time.
pub(super) const CHUNK: u32 = 1 << 20;
/// Scores of a run count fifths of a base, so that the cost of a gap is a whole number.
pub(super) const FIFTHS: i32 = 5;
/// Cost of each base between recurring words, in fifths of a base: a gap of more than 15 bases ends a run of one word
/// of six. Empirical.
const GAP_COST: i32 = 2;
/// A gap of this many bases, or of [`MAX_GAP_UNITS`] if that is more, ends a run of any score. Otherwise a long array would
/// be one candidate with the next one of its period, and with what lies between.
const MAX_GAP: u32 = 150;
/// Periods of the longest gap: units with insertions and deletions do not recur at the period itself.
pub(super) const MAX_GAP_UNITS: u32 = 4;

/// A run of words that recur at one distance.
#[derive(Clone, Copy, Default)]
pub(super) struct WordRun {
    pub(super) from: u32,
    /// End of the last word, and of the word with which the score was best.
    last: u32,
    pub(super) end: u32,
    /// Bases in recurring words less the cost of gaps, in fifths of a base.
    score: i32,
    pub(super) best: i32,
}

impl WordRun {
    /// A run of one word of `word` bases that ends at `end`.
    fn new(end: u32, word: u32) -> Self {
        let score = FIFTHS * word as i32;
        Self { from: end - word, last: end, end, score, best: score }
    }

    /// Appends the word of `word` bases that ends at `end` and recurs at a distance of `period`. If the gap before it
    /// costs more than the run scores or is too long, a run begins with it, and that before is returned.
    #[inline(always)]
    pub(super) fn push(&mut self, end: u32, word: u32, period: u32) -> Option<Self> {
        let gap = end - self.last;
        let cost = GAP_COST * (gap as i32 - word as i32).clamp(0, 1 << 20);
        if self.last == 0 || cost > self.score || gap > MAX_GAP.max(MAX_GAP_UNITS * period) {
            return Some(std::mem::replace(self, Self::new(end, word)));
        }
        self.score += FIFTHS * gap.min(word) as i32 - cost;
        self.last = end;
        if self.score > self.best {
            (self.best, self.end) = (self.score, end);
        }
        None
    }
}

/// Calls `each` with every word of `bases` bases of a target, two bits a base, and its end. Words do not contain unknown
/// bases.
#[inline(always)]
pub(super) fn for_each_word(target: &Target<'_>, bases: u32, mut each: impl FnMut(usize, u32)) {
    let mask = (1usize << (2 * bases)) - 1;
    let (mut codes, mut word, mut length) = (Vec::new(), 0usize, 0);
    for start in (0..target.length()).step_by(CHUNK as usize) {
        target.codes(start..target.length().min(start.saturating_add(CHUNK)), &mut codes);
        for (end, &code) in (start + 1..).zip(&codes) {
            word = (word << 2 | usize::from(code & 3)) & mask;
            length = if code == NO_BASE { 0 } else { length + 1 };
            if length >= bases {
                each(word, end);
            }
        }
    }
}
