//! Aligning a whole genome with itself at every period is out of reach. Exact words that recur at one distance show the
//! possible position of a tandem repeat and its period, at the cost of one pass (G. Benson, Nucleic Acids Res. 27
//! (1999) 573).

use crate::align::tandem::wraparound::MAX_CELLS;
use crate::align::target::Target;
use crate::sequence::NO_BASE;

/// Longest period in bases, Tandem Repeats Finder's.
pub const MAX_PERIOD: usize = 2000;
/// Bases of a word. In random sequence a word recurs within [`MAX_PERIOD`] bases with a probability of 39 %, at any
/// distance.
const WORD: usize = 6;
/// Minimum score of a candidate, in bases in words that recur at one distance. Lower finds more short and old arrays
/// and costs alignments; empirical, docs/annotation.md was measured with it.
const MIN_RECURRING: i32 = 14;
/// Scores of a run count fifths of a base, so that the cost of a gap is a whole number.
const FIFTHS: i32 = 5;
/// Cost of each base between recurring words, in fifths of a base: a gap of more than 15 bases ends a run of one word.
/// Empirical.
const GAP_COST: i32 = 2;
/// A gap of this many bases, or of [`MAX_GAP_UNITS`] if that is more, ends a run of any score. Otherwise a long array would
/// be one candidate with the next one of its period, and with what lies between.
const MAX_GAP: u32 = 150;
/// Periods of the longest gap: units with insertions and deletions do not recur at the period itself.
const MAX_GAP_UNITS: u32 = 4;
/// Units of a candidate that is halved if there is no alignment with the unit in its middle: of a half, at least as many
/// as an array has at least.
const MIN_HALVED_UNITS: u32 = 4;
/// Share of the period (in fifths) that a run spans at least: dispersed copies share single words, a tandem repeat
/// recurs for about a unit.
const MIN_SPAN_FIFTHS: usize = 2;
/// Candidates before one that are checked for covering it: those that start nearby.
const MAX_COVERING: usize = 16;
/// Bases on either side of a candidate that are aligned with it, besides one unit.
const MARGIN: u32 = 100;
/// Bases of a target that are unpacked at a time.
pub(super) const CHUNK: u32 = 1 << 20;

/// A range of a target that resembles itself at a distance of `period` bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TandemCandidate {
    /// Range in the target.
    pub(super) from: u32,
    pub(super) to: u32,
    /// Bases.
    pub(super) period: u32,
    /// Bases in recurring words less the cost of gaps, in fifths of a base.
    pub(super) score: i32,
}

impl TandemCandidate {
    /// Both halves of a candidate whose middle is no unit; none of a short one.
    pub(super) fn halves(self) -> impl Iterator<Item = Self> {
        let middle = self.from + (self.to - self.from) / 2;
        let is_long = self.to - self.from >= MIN_HALVED_UNITS * self.period;
        let halves = [Self { to: middle, ..self }, Self { from: middle, ..self }];
        halves.into_iter().filter(move |_| is_long)
    }

    /// Bases on either side that are aligned too.
    pub(super) fn margin(&self) -> u32 {
        MARGIN + self.period
    }

    /// Bytes that its alignment needs.
    pub(super) fn alignment_bytes(&self) -> u64 {
        let bases = u64::from(self.to - self.from) + 2 * u64::from(self.margin());
        bases * (u64::from(self.period) + 2)
    }
}

/// A run of words that recur at one distance.
#[derive(Clone, Copy, Default)]
struct WordRun {
    from: u32,
    /// End of the last word, and of the word with which the score was best.
    last: u32,
    end: u32,
    /// In fifths of a base.
    score: i32,
    best: i32,
}

impl WordRun {
    /// A run of one word that ends at `end`.
    fn new(end: u32) -> Self {
        let score = FIFTHS * WORD as i32;
        Self { from: end - WORD as u32, last: end, end, score, best: score }
    }

    /// Appends the word that ends at `end`; false if the gap before it costs more than the run scores or is too long.
    #[inline(always)]
    fn extend(&mut self, end: u32, period: usize) -> bool {
        let gap = end - self.last;
        let cost = GAP_COST * (gap as i32 - WORD as i32).clamp(0, 1 << 20);
        if self.last == 0 || cost > self.score || gap > MAX_GAP.max(MAX_GAP_UNITS * period as u32) {
            return false;
        }
        self.score += FIFTHS * gap.min(WORD as u32) as i32 - cost;
        self.last = end;
        if self.score > self.best {
            (self.best, self.end) = (self.score, end);
        }
        true
    }

    /// The candidate of the run at a distance of `period` bases, if it is one.
    fn candidate(&self, period: usize) -> Option<TandemCandidate> {
        let is_long = FIFTHS as usize * (self.end - self.from) as usize >= MIN_SPAN_FIFTHS * period;
        (self.best >= FIFTHS * MIN_RECURRING && is_long).then(|| {
            let period = period as u32;
            TandemCandidate { from: self.from.saturating_sub(period), to: self.end, period, score: self.best }
        })
    }
}

/// The candidates of a target that are `wanted`, by start.
pub(super) fn candidates(target: &Target<'_>, wanted: impl Fn(&TandemCandidate) -> bool) -> Vec<TandemCandidate> {
    without_covered(recurring(target)).into_iter().filter(wanted).flat_map(pieces).collect()
}

/// All candidates of a target: one pass with the last position of each word, and a run for each period.
fn recurring(target: &Target<'_>) -> Vec<TandemCandidate> {
    let mut runs = vec![WordRun::default(); MAX_PERIOD + 1];
    // End of the last occurrence of each word, counted from 1.
    let mut seen = vec![0u32; 1 << (2 * WORD)];
    let mut found = Vec::new();
    let (mut codes, mut word, mut length) = (Vec::new(), 0usize, 0);
    for start in (0..target.length()).step_by(CHUNK as usize) {
        target.codes(start..target.length().min(start.saturating_add(CHUNK)), &mut codes);
        for (end, &code) in (start + 1..).zip(&codes) {
            word = (word << 2 | usize::from(code & 3)) & (seen.len() - 1);
            length = if code == NO_BASE { 0 } else { length + 1 };
            if length < WORD {
                continue;
            }
            let before = std::mem::replace(&mut seen[word], end);
            let period = (end - before) as usize;
            if before == 0 || period > MAX_PERIOD {
                continue;
            }
            let run = &mut runs[period];
            if !run.extend(end, period) {
                found.extend(run.candidate(period));
                *run = WordRun::new(end);
            }
        }
    }
    found.extend(runs.iter().enumerate().filter_map(|(period, run)| run.candidate(period)));
    found
}

/// Candidates by start, without those inside another whose period is the same or a divisor.
fn without_covered(mut found: Vec<TandemCandidate>) -> Vec<TandemCandidate> {
    found.sort_unstable_by_key(|c| (c.from, std::cmp::Reverse(c.to), c.period));
    let mut kept: Vec<TandemCandidate> = Vec::new();
    for candidate in found {
        let covers = |k: &TandemCandidate| {
            candidate.to <= k.to && candidate.from >= k.from && candidate.period.is_multiple_of(k.period)
        };
        if !kept.iter().rev().take(MAX_COVERING).any(covers) {
            kept.push(candidate);
        }
    }
    kept
}

/// A candidate in pieces whose alignments stay within [`MAX_CELLS`].
fn pieces(candidate: TandemCandidate) -> impl Iterator<Item = TandemCandidate> {
    let TandemCandidate { from, to, period, .. } = candidate;
    let length = (MAX_CELLS as u32 / period - 2 * candidate.margin()).max(2 * period);
    (from..to).step_by(length as usize).map(move |from| TandemCandidate {
        from,
        to: to.min(from + length),
        ..candidate
    })
}
