//! Substitution scores and what they mean.
//!
//! A score is the logarithm of how much likelier two bases are in a copy of a given divergence than by chance, in
//! eighths of a nat: `ln(p(a,b) / (f(a) f(b)))`, where two thirds of the substitutions are transitions and `f` is the base composition of
//! the genome. Scores of different divergences can so be compared, and a match of rare bases weighs more than one of frequent ones.
//! Gaps are affine. E-values after S. Karlin and S. F. Altschul, PNAS 87 (1990) 2264.

use std::sync::LazyLock;

use crate::align::Counts;

/// Units of score in a nat.
pub const SCORE_UNITS: f64 = 8.0;

/// Code of anything but ACGT, and of the places between sequences.
pub(crate) const GAP_CODE: u8 = 4;

/// Score of a pair in which one is not ACGT.
const UNKNOWN: i32 = -4;
/// Share of transitions among substitutions.
const TRANSITIONS: f64 = 2.0 / 3.0;

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
    /// Scores for copies of which a share `divergence` of the bases is substituted, in a genome with the shares `composition` of T, C, A
    /// and G; A and T are counted together, as are C and G, so that both strands score the same.
    pub fn new(divergence: f64, composition: [f64; 4]) -> Self {
        let frequency = usable(composition);
        let is_transition = |a: usize, b: usize| a ^ b == 1;
        let weight = |transition: bool| -> f64 {
            pairs_of_bases()
                .filter(|&(a, b)| a != b && is_transition(a, b) == transition)
                .map(|(a, b)| frequency[a] * frequency[b])
                .sum()
        };
        let rate = [divergence * (1.0 - TRANSITIONS) / weight(false), divergence * TRANSITIONS / weight(true)];
        let mut pairs = [UNKNOWN; 64];
        for a in 0..4 {
            let mut same = 1.0;
            for b in (0..4).filter(|&b| b != a) {
                let ratio = rate[usize::from(is_transition(a, b))];
                pairs[a << 3 | b] = (SCORE_UNITS * ratio.ln()).round() as i32;
                same -= ratio * frequency[b];
            }
            pairs[a << 3 | a] = (SCORE_UNITS * (same.max(0.2) / frequency[a]).ln()).round() as i32;
        }
        // A gap opens about once in 25 substitutions, and its length is about geometric.
        let open = -(divergence.max(0.02) * 0.02).ln() - 0.35_f64.ln();
        let (lambda, k) = karlin_altschul(&pairs, frequency);
        Self {
            pairs,
            open: (SCORE_UNITS * open * 0.85).round() as i32,
            extend: (SCORE_UNITS * 0.5).round() as i32,
            lambda,
            k,
        }
    }

    /// Score of two codes: T=0, C=1, A=2, G=3, anything else 4.
    #[inline(always)]
    pub fn pair(&self, a: u8, b: u8) -> i32 {
        self.pairs[usize::from((a << 3 | b) & 63)]
    }

    /// Cost of a gap of `length` bases.
    pub fn gap(&self, length: u32) -> i32 {
        self.open + (length as i32 - 1) * self.extend
    }

    /// How many alignments of at least this score chance is expected to give in a search of `query` against `genome` bases, both strands.
    pub fn e_value(&self, score: i32, query: u64, genome: u64) -> f64 {
        2.0 * self.k * query as f64 * genome as f64 * (-self.lambda * f64::from(score)).exp()
    }

    /// The score that is expected `expected` times by chance: the inverse of [`e_value`](Self::e_value).
    pub fn score_for(&self, expected: f64, query: f64, genome: f64) -> i32 {
        ((2.0 * self.k * query * genome / expected).max(1.0).ln() / self.lambda).ceil() as i32
    }
}

/// Shares as both strands together have them, none too small for a logarithm.
fn usable([t, c, a, g]: [f64; 4]) -> [f64; 4] {
    let strong = c + g;
    let share = (strong / (strong + a + t) / 2.0).clamp(0.05, 0.45);
    let share = if share.is_nan() { 0.25 } else { share };
    [0.5 - share, share, 0.5 - share, share]
}

fn pairs_of_bases() -> impl Iterator<Item = (usize, usize)> {
    (0..4).flat_map(|a| (0..4).map(move |b| (a, b)))
}

/// λ and K of ungapped alignments; gaps as dear as ours change them little.
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
    let (mut below, mut above) = (0.0, 10.0);
    for _ in 0..80 {
        let middle = (below + above) / 2.0;
        if moment(middle, &|_| 1.0) > 1.0 { above = middle } else { below = middle }
    }
    let lambda = above;
    let entropy = lambda * moment(lambda, &|s| s);
    // Σ over k of (P(sum of k scores ≥ 0) + E(e^(λ sum); sum < 0)) / k.
    let mut sums = vec![1.0];
    let mut offset = 0;
    let mut sigma = 0.0;
    for k in 1..=60 {
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
        if term < 1e-4 {
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

/// Divergences for which there are scores.
pub(crate) const DIVERGENCES: [f64; 7] = [0.02, 0.05, 0.09, 0.13, 0.17, 0.21, 0.26];

/// Substitutions and pairs of an average copy that an alignment is taken together with.
pub(crate) const AVERAGE: (f64, f64) = (4.0, 25.0);

/// Scores for each of [`DIVERGENCES`].
pub(crate) struct Scorings {
    all: Vec<Scoring>,
    /// Shares of T, C, A and G that they are for.
    frequency: [f64; 4],
}

impl Scorings {
    pub(crate) fn new(composition: [f64; 4]) -> Self {
        let all = DIVERGENCES.iter().map(|&d| Scoring::new(d, composition)).collect();
        Self { all, frequency: usable(composition) }
    }

    /// For copies that are not known yet.
    pub(crate) fn general(&self) -> &Scoring {
        &self.all[DIVERGENCES.len() - 2]
    }

    /// Those that fit what an alignment holds; few columns say little, and are taken together with some of an average copy.
    pub(crate) fn fitting(&self, counts: &Counts) -> &Scoring {
        let substituted = f64::from(counts.transitions + counts.transversions) + AVERAGE.0;
        self.nearest(substituted / (f64::from(counts.pairs()) + AVERAGE.1))
    }

    /// How much of a score the composition of the `matched` T, C, A and G alone explains: two stretches of poly-A or of CA agree by being
    /// so. After P. Green's adjustment for complexity in cross_match, which RepeatMasker's scores have too.
    pub(crate) fn monotony(&self, matched: [u32; 4]) -> i32 {
        let all = f64::from(matched.iter().sum::<u32>());
        let gain = |(&count, expected): (&u32, f64)| match f64::from(count) {
            0.0 => 0.0,
            count => count * (count / all / expected).ln(),
        };
        (SCORE_UNITS * matched.iter().zip(self.frequency).map(gain).sum::<f64>()).round() as i32
    }

    /// The nearest for copies with this share of substitutions.
    pub(crate) fn nearest(&self, divergence: f64) -> &Scoring {
        let distance = |d: f64| (d - divergence).abs();
        let best =
            (0..DIVERGENCES.len()).min_by(|&a, &b| distance(DIVERGENCES[a]).total_cmp(&distance(DIVERGENCES[b])));
        &self.all[best.unwrap_or(0)]
    }
}

/// Codes of ASCII letters: T=0, C=1, A=2, G=3, anything else 4.
pub(crate) static CODES: LazyLock<[u8; 256]> = LazyLock::new(|| {
    std::array::from_fn(|letter| crate::sequence::base_code(letter as u8).map_or(GAP_CODE, |c| c as u8))
});

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
    fn what_composition_explains() {
        let scorings = Scorings::new([0.25; 4]);
        assert_eq!(scorings.monotony([25; 4]), 0);
        assert_eq!(scorings.monotony([0; 4]), 0);
        // A hundred A: ln 4 each, all that a match scores but for the substitutions. Half of it for two bases.
        assert_eq!(scorings.monotony([0, 0, 100, 0]), (800.0 * 4f64.ln()).round() as i32);
        assert_eq!(scorings.monotony([0, 50, 50, 0]), (800.0 * 2f64.ln()).round() as i32);
        // As the genome has it, as far as both strands together do.
        assert_eq!(Scorings::new([0.4, 0.1, 0.4, 0.1]).monotony([40, 10, 40, 10]), 0);
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
