//! Scores must rank copies of any age in one genome, so they are log-odds in one unit and not one fixed matrix.
//!
//! A score is the logarithm of how much likelier two bases are in a copy of a given divergence than by chance, in
//! eighths of a nat: `ln(p(a,b) / (f(a) f(b)))`. Two thirds of the substitutions are transitions, and `f` is the base
//! composition of the genome. Scores of different divergences can thus be compared, and a match of rare bases counts
//! more than one of frequent bases. Gaps are affine. E-values after S. Karlin and S. F. Altschul, PNAS 87 (1990) 2264.
//!
//! "Empirical" below means: chosen by hand, and the tables of docs/annotation.md were measured with it.

use crate::align::alignment::Counts;
use crate::align::operations::Column;
use crate::sequence::NO_BASE;

/// Units of score in a nat: fine enough that λ of the rounded scores is within 5 % of that of the exact ones.
pub const SCORE_UNITS: f64 = 8.0;

/// Score of a pair in which one is not ACGT: half a nat below 0, so that nothing is aligned for its runs of N.
/// Empirical.
const UNKNOWN_SCORE: i32 = -4;
/// Share of transitions among substitutions: twice as many as transversions, about the ratio of human variation.
const TRANSITION_SHARE: f64 = 2.0 / 3.0;
/// Minimum share of a base that is conserved, so that a match has a finite score at any divergence and composition.
const MIN_CONSERVED: f64 = 0.2;
/// Minimum share of each base in a genome, for the same reason.
const MIN_BASE_SHARE: f64 = 0.05;
/// Gaps of one kind for each substitution: one gap for 25 substitutions, half of them insertions. Empirical.
const GAPS_PER_SUBSTITUTION: f64 = 0.02;
/// Minimum divergence for the rate of gaps: younger copies have gaps as often.
const MIN_GAP_DIVERGENCE: f64 = 0.02;
/// Probability that a gap ends after each of its bases: the lengths are about geometric, with a mean of three.
/// Empirical.
const GAP_END: f64 = 0.35;
/// Share of the log-odds of a gap that opening it costs: the full price breaks old copies at their gaps. Empirical.
const GAP_OPEN_FACTOR: f64 = 0.85;
/// Cost of each further base of a gap in nats: `-ln(1 - GAP_END)` is 0.43, rounded up to half a nat.
const GAP_EXTENSION: f64 = 0.5;

/// Scores for copies of one divergence in a genome of one composition.
#[derive(Debug, Clone)]
pub struct Scoring {
    /// Score of a pair of codes, at `first << 3 | second`.
    pairs: [i32; 64],
    /// Cost of the first base of a gap, above 0.
    pub(crate) open: i32,
    /// Cost of each further base of a gap, above 0.
    pub(crate) extend: i32,
    /// Karlin and Altschul's λ, per unit of score.
    lambda: f64,
    /// Their K.
    k: f64,
}

impl Scoring {
    /// Scores for copies with a share `divergence` (0 to 1) of substituted bases, in a genome with the shares
    /// `composition` of T, C, A and G. A and T are counted together, as are C and G, so that both strands score the
    /// same.
    pub fn new(divergence: f64, composition: [f64; 4]) -> Self {
        let frequency = strand_composition(composition);
        let is_transition = |a: usize, b: usize| a ^ b == 1;
        let weight = |transition: bool| -> f64 {
            pairs_of_bases()
                .filter(|&(a, b)| a != b && is_transition(a, b) == transition)
                .map(|(a, b)| frequency[a] * frequency[b])
                .sum()
        };
        let rate =
            [divergence * (1.0 - TRANSITION_SHARE) / weight(false), divergence * TRANSITION_SHARE / weight(true)];
        let mut pairs = [UNKNOWN_SCORE; 64];
        for a in 0..4 {
            let mut same = 1.0;
            for b in (0..4).filter(|&b| b != a) {
                let ratio = rate[usize::from(is_transition(a, b))];
                pairs[a << 3 | b] = (SCORE_UNITS * ratio.ln()).round() as i32;
                same -= ratio * frequency[b];
            }
            pairs[a << 3 | a] = (SCORE_UNITS * (same.max(MIN_CONSERVED) / frequency[a]).ln()).round() as i32;
        }
        let open = -(divergence.max(MIN_GAP_DIVERGENCE) * GAPS_PER_SUBSTITUTION).ln() - GAP_END.ln();
        let (lambda, k) = karlin_altschul(&pairs, frequency);
        Self {
            pairs,
            open: (SCORE_UNITS * open * GAP_OPEN_FACTOR).round() as i32,
            extend: (SCORE_UNITS * GAP_EXTENSION).round() as i32,
            lambda,
            k,
        }
    }

    /// Scores of other programs: for two equal bases, two different ones and a pair in which one is not ACGT, and the
    /// costs of the first base of a gap and of each further one.
    pub(crate) fn fixed(same: i32, different: i32, unknown: i32, open: i32, extend: i32) -> Self {
        let mut pairs = [unknown; 64];
        pairs_of_bases().for_each(|(a, b)| pairs[a << 3 | b] = if a == b { same } else { different });
        let (lambda, k) = karlin_altschul(&pairs, [0.25; 4]);
        Self { pairs, open, extend, lambda, k }
    }

    /// Score of two codes: T=0, C=1, A=2, G=3, anything else 4.
    #[inline(always)]
    pub fn pair(&self, a: u8, b: u8) -> i32 {
        self.pairs[usize::from((a << 3 | b) & 63)]
    }

    /// Cost of a gap of `length` bases, 1 or more.
    pub fn gap(&self, length: u32) -> i32 {
        self.open + (length as i32 - 1) * self.extend
    }

    /// E-value: the expected number of alignments of at least this score by chance, if `query` bases are searched in
    /// `genome` bases, both strands.
    pub fn e_value(&self, score: i32, query: u64, genome: u64) -> f64 {
        2.0 * self.k * query as f64 * genome as f64 * (-self.lambda * f64::from(score)).exp()
    }

    /// The score with this E-value, rounded up: the inverse of [`e_value`](Self::e_value).
    pub fn score_for(&self, expected: f64, query: f64, genome: f64) -> i32 {
        ((2.0 * self.k * query * genome / expected).max(1.0).ln() / self.lambda).ceil() as i32
    }
}

/// Shares of T, C, A and G on both strands together, none too small for a logarithm.
fn strand_composition([t, c, a, g]: [f64; 4]) -> [f64; 4] {
    let strong = c + g;
    let share = (strong / (strong + a + t) / 2.0).clamp(MIN_BASE_SHARE, 0.5 - MIN_BASE_SHARE);
    let share = if share.is_nan() { 0.25 } else { share };
    [0.5 - share, share, 0.5 - share, share]
}

fn pairs_of_bases() -> impl Iterator<Item = (usize, usize)> {
    (0..4).flat_map(|a| (0..4).map(move |b| (a, b)))
}

/// Halvings of the interval in which λ is searched: below the precision of a double.
const LAMBDA_STEPS: usize = 80;
/// Largest λ that is searched, per unit of score: that of a score of one unit for a match of probability e^-10.
const MAX_LAMBDA: f64 = 10.0;
/// Maximum terms of the series of K: the series converges geometrically, and K is needed to two digits.
const MAX_TERMS: i32 = 60;
/// Size of a term at which the series may stop; a share of K.
const MIN_TERM: f64 = 1e-4;

/// λ and K of alignments without gaps, per unit of score; gaps as expensive as ours change them little.
fn karlin_altschul(pairs: &[i32; 64], frequency: [f64; 4]) -> (f64, f64) {
    let (low, high) = pairs_of_bases()
        .map(|(a, b)| pairs[a << 3 | b])
        .fold((0, 0), |(low, high): (i32, i32), s| (low.min(s), high.max(s)));
    let mut chance = vec![0.0; (high - low + 1) as usize];
    for (a, b) in pairs_of_bases() {
        chance[(pairs[a << 3 | b] - low) as usize] += frequency[a] * frequency[b];
    }
    let moment = |lambda: f64, weight: &dyn Fn(f64) -> f64| -> f64 {
        chance.iter().zip(low..).map(|(p, s)| p * weight(f64::from(s)) * (lambda * f64::from(s)).exp()).sum()
    };
    let (mut below, mut above) = (0.0, MAX_LAMBDA);
    for _ in 0..LAMBDA_STEPS {
        let middle = (below + above) / 2.0;
        if moment(middle, &|_| 1.0) > 1.0 { above = middle } else { below = middle }
    }
    let lambda = above;
    let entropy = lambda * moment(lambda, &|s| s);
    // Σ over k of (P(sum of k scores ≥ 0) + E(e^(λ sum); sum < 0)) / k.
    let mut sums = vec![1.0];
    let mut offset = 0;
    let mut sigma = 0.0;
    for k in 1..=MAX_TERMS {
        let mut next = vec![0.0; sums.len() + chance.len() - 1];
        for (i, p) in sums.iter().enumerate() {
            for (j, q) in chance.iter().enumerate() {
                next[i + j] += p * q;
            }
        }
        sums = next;
        offset += low;
        let term: f64 =
            sums.iter().zip(offset..).map(|(p, s)| if s < 0 { p * (lambda * f64::from(s)).exp() } else { *p }).sum();
        sigma += term / f64::from(k);
        if term < MIN_TERM {
            break;
        }
    }
    let divisor = chance.iter().zip(low..).filter(|(p, _)| **p > 0.0).fold(0, |d, (_, s)| greatest_divisor(d, s.abs()));
    let step = lambda * f64::from(divisor.max(1));
    let k = step * (-2.0 * sigma).exp() / (entropy * (1.0 - (-step).exp()));
    (lambda, k)
}

fn greatest_divisor(a: i32, b: i32) -> i32 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

/// Divergences for which there are scores, as RepeatMasker has matrices for 14 to 25 %; closer than a copy's divergence
/// can be estimated. The oldest copies that are found have about 30 %.
const SCORED_DIVERGENCES: [f64; 7] = [0.02, 0.05, 0.09, 0.13, 0.17, 0.21, 0.26];
/// Number of the divergence of the general scores: 21 %, mild enough for old copies and selective enough for a whole
/// genome.
const GENERAL: usize = 5;

/// Pseudocount of pairs in the divergence of an alignment, since few columns estimate little; empirical.
pub(crate) const PRIOR_PAIRS: f64 = 25.0;
/// Substituted pairs among [`PRIOR_PAIRS`]: 16 %.
pub(crate) const PRIOR_SUBSTITUTIONS: f64 = 4.0;

/// Scores for each of [`SCORED_DIVERGENCES`].
pub(crate) struct Scorings {
    all: Vec<Scoring>,
    /// Shares of T, C, A and G that they are for.
    frequency: [f64; 4],
}

impl Scorings {
    pub(crate) fn new(composition: [f64; 4]) -> Self {
        let all = SCORED_DIVERGENCES.iter().map(|&d| Scoring::new(d, composition)).collect();
        Self { all, frequency: strand_composition(composition) }
    }

    /// The scores for copies of unknown divergence.
    pub(crate) fn general(&self) -> &Scoring {
        &self.all[GENERAL]
    }

    /// The scores for the divergence of an alignment, estimated with pseudocounts.
    pub(crate) fn fitting(&self, counts: &Counts) -> &Scoring {
        let substituted = f64::from(counts.transitions + counts.transversions) + PRIOR_SUBSTITUTIONS;
        self.nearest(substituted / (f64::from(counts.pairs()) + PRIOR_PAIRS))
    }

    /// The part of a score that the composition of the `matched` T, C, A and G alone explains: two runs of A, or of CA,
    /// match whatever their origin. After P. Green's adjustment for complexity in cross_match, which RepeatMasker uses
    /// too.
    pub(crate) fn composition_score(&self, matched: [u32; 4]) -> i32 {
        let all = f64::from(matched.iter().sum::<u32>());
        let gain = |(&count, expected): (&u32, f64)| match f64::from(count) {
            0.0 => 0.0,
            count => count * (count / all / expected).ln(),
        };
        (SCORE_UNITS * matched.iter().zip(self.frequency).map(gain).sum::<f64>()).round() as i32
    }

    /// The scores for the divergence nearest to this one.
    pub(crate) fn nearest(&self, divergence: f64) -> &Scoring {
        let distance = |d: f64| (d - divergence).abs();
        let best = (0..SCORED_DIVERGENCES.len())
            .min_by(|&a, &b| distance(SCORED_DIVERGENCES[a]).total_cmp(&distance(SCORED_DIVERGENCES[b])));
        &self.all[best.unwrap_or(0)]
    }
}

/// The counts of the columns of an alignment with a sequence of a library, and its score with the scores for its
/// divergence.
pub(crate) fn score_columns(query: &[u8], genome: &[u8], columns: &[Column], scorings: &Scorings) -> (Counts, i32) {
    let counts = Counts::of(query, genome, columns);
    let scoring = scorings.fitting(&counts);
    let (mut score, mut matched) = (0, [0; 5]);
    each_column(query, genome, columns, scoring, |i, (q, g), gained| {
        score += gained;
        if columns[i - 1] == Column::Pair && query[q - 1] == genome[g - 1] {
            matched[usize::from(query[q - 1].min(NO_BASE))] += 1;
        }
    });
    let [t, c, a, g, _] = matched;
    (counts, score - scorings.composition_score([t, c, a, g]))
}

/// Calls `each` after every column with the number of columns so far, those of bases of query and genome, and the score
/// of the column.
pub(crate) fn each_column(
    query: &[u8],
    genome: &[u8],
    columns: &[Column],
    scoring: &Scoring,
    mut each: impl FnMut(usize, (usize, usize), i32),
) {
    let (mut q, mut g) = (0, 0);
    let mut last = Column::Pair;
    for (i, &column) in (1..).zip(columns) {
        let gained = match column {
            Column::Pair => {
                (q, g) = (q + 1, g + 1);
                scoring.pair(query[q - 1], genome[g - 1])
            }
            gap => {
                if gap == Column::Genome {
                    g += 1
                } else {
                    q += 1
                }
                if gap == last { -scoring.extend } else { -scoring.open }
            }
        };
        last = column;
        each(i, (q, g), gained);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_log_odds() {
        let scoring = Scoring::new(0.2, [0.25; 4]);
        // ln(0.8 / 0.25), ln(0.2 · 2/3 / 0.25), ln(0.2 · 1/3 / 0.5), times 8.
        assert_eq!([scoring.pair(0, 0), scoring.pair(0, 1), scoring.pair(0, 2)], [9, -5, -16]);
        // λ of log-odds is one per nat, but for rounding.
        assert!((scoring.lambda * SCORE_UNITS - 1.0).abs() < 0.05, "{}", scoring.lambda);
        let rich = Scoring::new(0.2, [0.35, 0.15, 0.35, 0.15]);
        assert!(rich.pair(1, 1) > rich.pair(0, 0));
        assert!((rich.lambda * SCORE_UNITS - 1.0).abs() < 0.05);
    }

    #[test]
    fn score_of_the_composition() {
        let scorings = Scorings::new([0.25; 4]);
        assert_eq!(scorings.composition_score([25; 4]), 0);
        assert_eq!(scorings.composition_score([0; 4]), 0);
        // A hundred A: ln 4 each, all that a match scores but for the substitutions. Half of it for two bases.
        assert_eq!(scorings.composition_score([0, 0, 100, 0]), (800.0 * 4f64.ln()).round() as i32);
        assert_eq!(scorings.composition_score([0, 50, 50, 0]), (800.0 * 2f64.ln()).round() as i32);
        // As the genome has it, as far as both strands together do.
        assert_eq!(Scorings::new([0.4, 0.1, 0.4, 0.1]).composition_score([40, 10, 40, 10]), 0);
    }

    #[test]
    fn karlin_and_altschul_of_known_schemes() {
        // blastn +1 -2, +1 -3: λ 1.33, 1.37 and K 0.621, 0.711 as BLAST prints them; +1 -1: ln 3 and 1/3.
        for (mismatch, lambda, k) in [(-2, 1.33, 0.621), (-3, 1.374, 0.711), (-1, 3f64.ln(), 1.0 / 3.0)] {
            let pairs = std::array::from_fn(|i| if i >> 3 == i & 7 { 1 } else { mismatch });
            let found = karlin_altschul(&pairs, [0.25; 4]);
            assert!((found.0 - lambda).abs() < 0.01, "{found:?}");
            assert!((found.1 - k).abs() < 0.02, "{found:?}");
        }
    }
}
