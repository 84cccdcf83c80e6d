//! Aligning a whole genome with itself at every period is out of reach. Exact words that recur at one distance show the
//! possible position of a tandem repeat and its period, at the cost of one pass (G. Benson, Nucleic Acids Res. 27
//! (1999) 573).

use crate::align::tandem::word_run::{FIFTHS, WordRun, for_each_word};
use crate::align::tandem::wraparound::MAX_CELLS;
use crate::align::target::Target;

/// Longest period in bases, Tandem Repeats Finder's.
pub const MAX_PERIOD: usize = 2000;
/// Bases of a word. In random sequence a word recurs within [`MAX_PERIOD`] bases with a probability of 39 %, at any
/// distance.
const WORD: u32 = 6;
/// Minimum score of a candidate, in bases in words that recur at one distance. Lower finds more short and old arrays
/// and costs alignments; empirical, docs/annotation.md was measured with it.
const MIN_RECURRING: i32 = 14;
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

/// The candidate of a run at a distance of `period` bases, if it is one.
fn candidate(run: &WordRun, period: usize) -> Option<TandemCandidate> {
    let is_long = FIFTHS as usize * (run.end - run.from) as usize >= MIN_SPAN_FIFTHS * period;
    (run.best >= FIFTHS * MIN_RECURRING && is_long).then(|| {
        let period = period as u32;
        TandemCandidate { from: run.from.saturating_sub(period), to: run.end, period, score: run.best }
    })
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
    for_each_word(target, WORD, |word, end| {
        let before = std::mem::replace(&mut seen[word], end);
        let period = (end - before) as usize;
        if before > 0 && period <= MAX_PERIOD {
            found.extend(runs[period].push(end, WORD, period as u32).and_then(|run| candidate(&run, period)));
        }
    });
    found.extend(runs.iter().enumerate().filter_map(|(period, run)| candidate(run, period)));
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
