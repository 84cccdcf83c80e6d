//! Repeats at both ends of a consensus show that it is an LTR element (direct repeats) or a DNA transposon (inverted
//! repeats), and which part of such an element a family represents.
//!
//! Both kinds are found by the one dynamic program of this file. The programs of `align` do not fit: they begin
//! anywhere and score in units of the composition of a genome, while terminal repeats begin near the ends of the
//! consensus.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::families::low_complexity::is_monotonous;
use crate::sequence::reverse_complement;

/// Which part of an element a family represents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElementPart {
    /// All of it, as far as is known.
    #[default]
    Whole,
    /// Its terminal repeat, if more copies of it lie alone than with the internal part.
    TerminalRepeat,
    /// The sequence between two terminal repeats, without them.
    #[serde(rename = "inside")]
    Internal,
}

/// Bases of an internal part: retrotransposons have up to about 15,000 between their repeats, non-autonomous ones few.
pub(crate) const INTERIOR_LENGTHS: Range<u64> = 500..15_000;
/// Bases of a terminal repeat that is a family of its own; longer families are more likely whole elements.
pub(crate) const REPEAT_LENGTHS: Range<usize> = 80..3000;

/// Score of a match of two terminal repeats. The scores favour alignments with more than two matches for a mismatch.
const MATCH: i32 = 1;
/// Score of a mismatch.
const MISMATCH: i32 = -2;
/// Score of a base in a gap.
const GAP: i32 = -3;

/// Bases by which an inverted repeat or a target site may be off the end of the consensus, which may lack bases of the
/// element or have some of its flanks. Tuned on the simulated genomes of docs/families.md.
pub(crate) const MAX_END_OFFSET: usize = 6;

/// The repeats at both ends of a consensus.
pub(crate) struct TerminalRepeats {
    /// Bases of the consensus, 0-based, half-open.
    pub(crate) first: Range<usize>,
    pub(crate) second: Range<usize>,
    /// Score of their alignment: 1 for a match, -2 for a mismatch, -3 for a base in a gap.
    pub(crate) score: i32,
    /// Share of the columns of their alignment that are equal.
    pub(crate) identity: f64,
}

/// A local alignment of two sequences.
struct LocalAlignment {
    score: i32,
    a: Range<usize>,
    b: Range<usize>,
    identity: f64,
}

/// A path through the matrix of two sequences that ends at a cell.
#[derive(Clone, Copy)]
struct RepeatPath {
    score: i32,
    /// Where it begins in either sequence.
    a: u32,
    b: u32,
    matches: u32,
    columns: u32,
}

impl RepeatPath {
    /// No path; half of the minimum, so that penalties do not overflow.
    const NONE: Self = Self { score: i32::MIN / 2, a: 0, b: 0, matches: 0, columns: 0 };

    fn begin(a: usize, b: usize) -> Self {
        Self { score: 0, a: a as u32, b: b as u32, matches: 0, columns: 0 }
    }

    fn pair(self, equal: bool) -> Self {
        let score = self.score + if equal { MATCH } else { MISMATCH };
        Self { score, matches: self.matches + u32::from(equal), columns: self.columns + 1, ..self }
    }

    fn gap(self) -> Self {
        Self { score: self.score + GAP, columns: self.columns + 1, ..self }
    }
}

/// The best alignment that begins within `slack` bases of both beginnings, in a band of `band` bases to either side of
/// the diagonal.
fn align_from_beginnings(a: &[u8], b: &[u8], slack: usize, band: usize) -> Option<LocalAlignment> {
    let width = 2 * band + 1;
    let mut above = vec![RepeatPath::NONE; width + 2];
    let mut best: Option<(RepeatPath, usize, usize)> = None;
    for (i, &one) in a.iter().enumerate() {
        let mut row = vec![RepeatPath::NONE; width + 2];
        for d in 0..width {
            let Some(j) = (i + d).checked_sub(band).filter(|&j| j < b.len()) else { continue };
            let mut diagonal = above[d + 1];
            if diagonal.score <= 0 {
                diagonal = if i > slack || j > slack { RepeatPath::NONE } else { RepeatPath::begin(i, j) };
            }
            let mut path = diagonal.pair(one == b[j] && one < 4);
            for gap in [above[d + 2].gap(), row[d].gap()] {
                if gap.score > path.score {
                    path = gap;
                }
            }
            row[d + 1] = path;
            if path.score > best.map_or(0, |(best, ..)| best.score) {
                best = Some((path, i + 1, j + 1));
            }
        }
        above = row;
    }
    best.map(|(path, a_end, b_end)| LocalAlignment {
        score: path.score,
        a: path.a as usize..a_end,
        b: path.b as usize..b_end,
        identity: f64::from(path.matches) / f64::from(path.columns.max(1)),
    })
}

/// How similar two terminal repeats are as a whole: 1 if they are equal, less by three for each base in a hundred that
/// differs, per hundred.
pub(crate) fn similarity(one: &[u8], other: &[u8]) -> f64 {
    /// Bases by which the repeats may begin at different places.
    const SLACK: usize = 6;
    /// Bases to either side of the diagonal: what gaps may add up to.
    const BAND: usize = 16;
    let score = align_from_beginnings(one, other, SLACK, BAND).map_or(0, |found| found.score);
    f64::from(score) / one.len().max(other.len()).max(1) as f64
}

/// The inverted repeats at the ends of a consensus: the second is the reverse complement of the first.
pub(crate) fn inverted_repeats(consensus: &[u8]) -> Option<TerminalRepeats> {
    /// Bases of the consensus at either end that are aligned: the longest inverted repeats, those of Mutator-like
    /// elements, have several hundred.
    const MAX_LENGTH: usize = 500;
    /// Minimum score. Some DNA transposons have shorter repeats, but so have many random sequences; target sites decide
    /// about random repeats above this score.
    const MIN_SCORE: i32 = 7;
    /// Minimum share of equal columns: each half of an element decays on its own.
    const MIN_IDENTITY: f64 = 0.75;
    /// Bases to either side of the diagonal: what gaps may add up to.
    const BAND: usize = 12;
    let length = consensus.len();
    let half = (length / 2).min(MAX_LENGTH);
    let end: Vec<u8> = reverse_complement(consensus).take(half).collect();
    let found = align_from_beginnings(&consensus[..half], &end, MAX_END_OFFSET, BAND)?;
    let LocalAlignment { score, a: first, b, identity } = found;
    if score < MIN_SCORE || identity < MIN_IDENTITY || is_monotonous(&consensus[first.clone()]) {
        return None;
    }
    Some(TerminalRepeats { first, second: length - b.end..length - b.start, score, identity })
}

/// Minimum number of bases of a direct repeat. LTRharvest (Ellinghaus et al. 2008) takes 100; alignments lose some
/// bases of decayed ends.
const MIN_DIRECT: usize = 80;
/// Minimum number of bases between two direct repeats: those that are nearer are units of a tandem repeat.
const MIN_BETWEEN: usize = 100;
/// Bases of a bin in which distances between equal words are counted: small insertions and deletions stay within it.
const DISTANCE_BIN: usize = 8;

/// The direct repeats at the ends of a consensus: the second is like the first.
pub(crate) fn direct_repeats(consensus: &[u8]) -> Option<TerminalRepeats> {
    /// Bases before the first repeat and behind the second: a consensus may extend into flanks that few copies share.
    const SLACK: usize = 40;
    /// Bases to either side of the diagonal: what gaps may add up to.
    const BAND: usize = 20;
    /// Minimum share of equal columns. LTRs are the same at insertion; copies of a family have decayed by then.
    const MIN_IDENTITY: f64 = 0.8;
    let length = consensus.len();
    if length < 2 * MIN_DIRECT + MIN_BETWEEN {
        return None;
    }
    let found = likely_distances(consensus).filter_map(|distance| {
        let tail = &consensus[distance.min(length)..];
        let head = &consensus[..tail.len().min(length - MIN_BETWEEN)];
        let LocalAlignment { score, a: first, b, identity } = align_from_beginnings(head, tail, SLACK + BAND, BAND)?;
        let fits = first.start <= SLACK
            && b.end + SLACK >= tail.len()
            && first.len() >= MIN_DIRECT
            && distance + b.start >= first.end + MIN_BETWEEN
            && identity >= MIN_IDENTITY;
        let second = distance + b.start..distance + b.end;
        fits.then_some((TerminalRepeats { first, second, score, identity }, distance))
    });
    let best = found.max_by_key(|(repeats, distance)| (repeats.score, std::cmp::Reverse(*distance)));
    best.map(|(repeats, _)| repeats)
}

/// Distances in bases between words of the beginning and equal words further on, the most frequent first.
fn likely_distances(consensus: &[u8]) -> impl Iterator<Item = usize> {
    /// Bases of a word: two repeats that are 80 % alike share one of their 11-base words in twelve.
    const WORD: usize = 11;
    /// Words at the beginning that are looked up: enough for a repeat of the least length behind the slack.
    const LOOKED_UP: usize = 200;
    /// Positions of one word that count: more are a tandem repeat.
    const MAX_POSITIONS: usize = 4;
    /// Minimum equal words at a distance. This and the next bound the time.
    const MIN_WORDS: usize = 3;
    /// Maximum distances that are aligned.
    const MAX_DISTANCES: usize = 4;
    let word = |word: &[u8]| word.iter().fold(0u32, |key, &code| key << 2 | u32::from(code & 3));
    let mut begin: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for at in 0..LOOKED_UP.min(consensus.len() / 2) {
        begin.entry(word(&consensus[at..at + WORD])).or_default().push(at);
    }
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, letters) in consensus.windows(WORD).enumerate().skip(MIN_DIRECT + MIN_BETWEEN) {
        for &first in begin.get(&word(letters)).into_iter().flatten().take(MAX_POSITIONS) {
            if at >= first + MIN_DIRECT + MIN_BETWEEN {
                *counts.entry((at - first) / DISTANCE_BIN).or_default() += 1;
            }
        }
    }
    let mut bins: Vec<(usize, usize)> = counts.into_iter().filter(|&(_, count)| count >= MIN_WORDS).collect();
    bins.sort_by_key(|&(bin, count)| (std::cmp::Reverse(count), bin));
    bins.into_iter().take(MAX_DISTANCES).map(|(bin, _)| bin * DISTANCE_BIN + DISTANCE_BIN / 2)
}
