//! Which true families a library has, given the hits of the one in the other.

use std::ops::Range;

use crate::benchmark::hit::Hit;

/// Share of a true family that hits of at least 95 % identity cover if it is perfect or good, in percent.
const CLOSE_COVERAGE: u64 = 95;
/// Share that hits of at least 80 % identity cover if it is present, in percent.
const SIMILAR_COVERAGE: u64 = 80;
/// Share of a found family that lies on the true one if it is perfect, in percent: else any sequence around a family
/// would be a perfect copy of it.
const OWN_COVERAGE: u64 = 95;
/// Bases of a hit by which a found family counts as one of a true family; of a family of less than twice as many bases,
/// half of it. Shorter hits are of parts that unrelated families share.
const MIN_USED_BASES: u64 = 100;

/// How well a library has a true family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recovery {
    /// Less than 80 % of it is covered at an identity of 80 % or more.
    Missing,
    /// Found families cover 80 % of it or more, at an identity of 80 % or more.
    Present,
    /// Several found families together cover 95 % of it or more, at an identity of 95 % or more.
    Good,
    /// One found family does, and 95 % of itself or more lies on it.
    Perfect,
}

impl Recovery {
    /// All, the best first.
    pub const ALL: [Self; 4] = [Self::Perfect, Self::Good, Self::Present, Self::Missing];

    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Perfect => "perfect",
            Self::Good => "good",
            Self::Present => "present",
            Self::Missing => "missing",
        }
    }
}

/// How hits cover a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Bases that a hit covers; the thresholds are reached by equal shares; the hits of one found family count together.
    Union,
    /// As `get_family_summary_paper.sh` of the authors of RepeatModeler2 computes it from RepeatMasker's `.out`: gaps of
    /// at most ten bases between hits are covered too, a hit has a base less, shares must exceed the thresholds, and a
    /// perfect family has a single hit.
    RepeatModeler2,
}

impl Coverage {
    /// Bases of a gap between two hits that counts as covered: the `-d` of `bedtools merge` in that script.
    fn max_gap(self) -> u32 {
        match self {
            Self::Union => 0,
            Self::RepeatModeler2 => 10,
        }
    }

    /// Whether bases are enough of a length.
    fn reaches(self, bases: u64, length: u64, percent: u64) -> bool {
        match self {
            Self::Union => 100 * bases >= percent * length,
            Self::RepeatModeler2 => 100 * bases > percent * length,
        }
    }

    /// Bases that ranges cover. The script subtracts the first base, counted from 1, from the last, so each range lacks
    /// its first base.
    fn bases(self, ranges: impl Iterator<Item = Range<u32>>) -> u64 {
        let left_out = u32::from(self == Self::RepeatModeler2);
        let mut ranges: Vec<Range<u32>> = ranges.map(|range| range.start + left_out..range.end).collect();
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        let mut covered = 0;
        let mut last: Option<Range<u32>> = None;
        for range in ranges {
            match &mut last {
                Some(last) if range.start <= last.end.saturating_add(self.max_gap()) => {
                    last.end = last.end.max(range.end)
                }
                _ => covered += last.replace(range).map_or(0, |last| last.len() as u64),
            }
        }
        covered + last.map_or(0, |last| last.len() as u64)
    }
}

/// A true family, and what a library has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyScore {
    /// Number of the family in the true library, from 0.
    pub truth: u32,
    /// Bases of its consensus.
    pub length: u64,
    /// How well the library has it.
    pub recovery: Recovery,
    /// Bases covered by hits of an identity of 95 % or more.
    pub close_bases: u64,
    /// Bases covered by hits of an identity of 80 % or more.
    pub similar_bases: u64,
    /// Found families with a hit of an identity of 80 % or more.
    pub families: u64,
    /// The found family that covers most of it and the bases that it covers: at an identity of 95 % or more, or of 80 %
    /// if no family has a hit of that. Of equal ones the first.
    pub best: Option<(u32, u64)>,
}

/// The score of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryScore {
    /// The true families that count, in the order of their library.
    pub families: Vec<FamilyScore>,
    /// Found families.
    pub found: u64,
    /// Those of them that are of a true family: with a hit of 100 bases or half their length.
    pub matched: u64,
}

impl LibraryScore {
    /// Number of true families that the library has this well.
    pub fn count(&self, recovery: Recovery) -> u64 {
        self.families.iter().filter(|family| family.recovery == recovery).count() as u64
    }

    /// Found families of a true family for each true family that is not missing; 0 if all are missing.
    pub fn redundancy(&self) -> f64 {
        let recovered = self.families.len() as u64 - self.count(Recovery::Missing);
        if recovered == 0 { 0.0 } else { self.matched as f64 / recovered as f64 }
    }

    /// Found families that are of no true family.
    pub fn unmatched(&self) -> u64 {
        self.found - self.matched
    }
}

/// Scores a library by its hits in a true library, in any order. `found` and `truth` have the lengths of all sequences;
/// `is_counted` chooses the true families that count.
///
/// # Panics
/// If a hit names a sequence that there is not.
pub fn score_library(
    found: &[u64],
    truth: &[u64],
    hits: &[Hit],
    coverage: Coverage,
    is_counted: impl Fn(u32) -> bool,
) -> LibraryScore {
    let mut sorted: Vec<&Hit> = hits.iter().collect();
    sorted.sort_unstable_by_key(|hit| (hit.truth, hit.found));
    let mut is_matched = vec![false; found.len()];
    for hit in hits {
        let own = found[hit.found as usize];
        is_matched[hit.found as usize] |= 2 * hit.found_range.len() as u64 >= (2 * MIN_USED_BASES).min(own);
    }
    let mut families = Vec::new();
    let mut rest = &sorted[..];
    for (number, &length) in (0..).zip(truth) {
        let (own, others) = rest.split_at(rest.partition_point(|hit| hit.truth == number));
        rest = others;
        if is_counted(number) {
            families.push(score_family(number, length, own, found, coverage));
        }
    }
    let matched = is_matched.iter().filter(|&&matched| matched).count() as u64;
    LibraryScore { families, found: found.len() as u64, matched }
}

/// Scores a family by its hits, which are sorted by found family.
fn score_family(truth: u32, length: u64, hits: &[&Hit], found: &[u64], coverage: Coverage) -> FamilyScore {
    let truth_bases = |hits: &[&Hit], counts: fn(&Hit) -> bool| -> u64 {
        coverage.bases(hits.iter().filter(|hit| counts(hit)).map(|hit| hit.truth_range.clone()))
    };
    let is_close = |hit: &Hit| hit.is_close;
    let is_similar = |hit: &Hit| hit.is_similar;
    let (close_bases, similar_bases) = (truth_bases(hits, is_close), truth_bases(hits, is_similar));
    let by_family: Vec<&[&Hit]> = hits.chunk_by(|a, b| a.found == b.found).collect();
    let is_whole = |own: &[&Hit]| {
        let found_bases = coverage.bases(own.iter().filter(|hit| hit.is_close).map(|hit| hit.found_range.clone()));
        coverage.reaches(truth_bases(own, is_close), length, CLOSE_COVERAGE)
            && coverage.reaches(found_bases, found[own[0].found as usize], OWN_COVERAGE)
    };
    let is_perfect = by_family.iter().any(|own| match coverage {
        Coverage::Union => is_whole(own),
        Coverage::RepeatModeler2 => own.chunks(1).any(is_whole),
    });
    // An empty sequence is no family that anything could have.
    let has = |bases, percent| length > 0 && coverage.reaches(bases, length, percent);
    let recovery = if is_perfect {
        Recovery::Perfect
    } else if has(close_bases, CLOSE_COVERAGE) {
        Recovery::Good
    } else if has(similar_bases, SIMILAR_COVERAGE) {
        Recovery::Present
    } else {
        Recovery::Missing
    };
    let best_by = |counts: fn(&Hit) -> bool| {
        let covering = by_family.iter().map(|own| (own[0].found, truth_bases(own, counts)));
        covering.filter(|(_, bases)| *bases > 0).max_by_key(|&(number, bases)| (bases, std::cmp::Reverse(number)))
    };
    let families = by_family.iter().filter(|own| own.iter().any(|hit| hit.is_similar)).count() as u64;
    let best = best_by(is_close).or_else(|| best_by(is_similar));
    FamilyScore { truth, length, recovery, close_bases, similar_bases, families, best }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A hit of an identity in percent.
    fn hit(found: u32, truth: u32, found_range: Range<u32>, truth_range: Range<u32>, identity: u64) -> Hit {
        Hit { found, truth, found_range, truth_range, is_close: identity >= 95, is_similar: identity >= 80 }
    }

    /// The recovery of one true family of 100 bases.
    fn recovery(found: &[u64], hits: &[Hit], coverage: Coverage) -> Recovery {
        score_library(found, &[100], hits, coverage, |_| true).families[0].recovery
    }

    #[test]
    fn thresholds_are_shares_that_are_reached() {
        let whole = |identity, bases| recovery(&[100], &[hit(0, 0, 0..bases, 0..bases, identity)], Coverage::Union);
        assert_eq!(whole(95, 95), Recovery::Perfect);
        assert_eq!([whole(94, 95), whole(95, 94), whole(80, 80)], [Recovery::Present; 3]);
        assert_eq!([whole(79, 100), whole(80, 79)], [Recovery::Missing; 2]);
        // RepeatModeler2's script has shares that are exceeded.
        let script = |bases| recovery(&[100], &[hit(0, 0, 0..bases, 0..bases, 95)], Coverage::RepeatModeler2);
        let scripts = [script(97), script(96), script(82), script(81)];
        assert_eq!(scripts, [Recovery::Perfect, Recovery::Present, Recovery::Present, Recovery::Missing]);
    }

    #[test]
    fn a_perfect_family_is_one_that_is_no_longer_than_the_true_one() {
        // 105 and 106 bases, of which 100 lie on the family.
        let hits = [hit(0, 0, 0..100, 0..100, 99)];
        assert_eq!(recovery(&[105], &hits, Coverage::Union), Recovery::Perfect);
        assert_eq!(recovery(&[106], &hits, Coverage::Union), Recovery::Good);
        // Two families that cover it together.
        let hits = [hit(0, 0, 0..50, 0..50, 99), hit(1, 0, 0..55, 45..100, 99)];
        assert_eq!(recovery(&[50, 55], &hits, Coverage::Union), Recovery::Good);
        // Two parts of one family, the one a different copy of the other.
        let hits = [hit(0, 0, 0..50, 0..50, 99), hit(0, 0, 50..100, 50..100, 99)];
        assert_eq!(recovery(&[100], &hits, Coverage::Union), Recovery::Perfect);
        assert_eq!(recovery(&[100], &hits, Coverage::RepeatModeler2), Recovery::Good);
    }

    #[test]
    fn short_gaps_are_covered_in_the_script() {
        let gap = |bases: u32| [hit(0, 0, 0..40, 0..40, 99), hit(0, 0, 40 + bases..100, 40 + bases..100, 99)];
        assert_eq!(recovery(&[100], &gap(9), Coverage::RepeatModeler2), Recovery::Good);
        assert_eq!(recovery(&[100], &gap(10), Coverage::RepeatModeler2), Recovery::Present);
        assert_eq!(recovery(&[100], &gap(10), Coverage::Union), Recovery::Present);
    }

    #[test]
    fn redundancy_and_families_of_no_true_one() {
        let hits = [
            hit(0, 0, 0..100, 0..100, 99),
            hit(1, 0, 0..100, 0..100, 99),
            // Half of a short family, less than half of a short one, and too little of a long one.
            hit(2, 0, 0..30, 0..30, 70),
            hit(3, 1, 0..29, 0..29, 70),
            hit(4, 1, 0..99, 0..99, 99),
        ];
        let score = score_library(&[100, 100, 60, 60, 500, 9], &[100, 200], &hits, Coverage::Union, |_| true);
        assert_eq!((score.matched, score.unmatched(), score.redundancy()), (3, 3, 3.0));
        assert_eq!(score.count(Recovery::Perfect), 1);
        assert_eq!((score.families[0].families, score.families[0].best), (2, Some((0, 100))));
        assert_eq!((score.families[1].families, score.families[1].best), (1, Some((4, 99))));
        let none = score_library(&[100], &[100], &[], Coverage::Union, |_| true);
        assert_eq!((none.redundancy(), none.count(Recovery::Missing)), (0.0, 1));
        let uncounted = score_library(&[100; 6], &[100, 200], &hits, Coverage::Union, |number| number == 1);
        assert_eq!((uncounted.families.len(), uncounted.families[0].truth, uncounted.matched), (1, 1, 3));
    }

    /// The same from a mask for each sequence.
    fn naive(found: &[u64], truth: u64, hits: &[Hit]) -> Recovery {
        let covered = |length: u64, ranges: Vec<&Range<u32>>| {
            (0..length as u32).filter(|base| ranges.iter().any(|range| range.contains(base))).count() as f64
        };
        let on_truth = |own: &[&Hit]| covered(truth, own.iter().map(|hit| &hit.truth_range).collect());
        let close: Vec<&Hit> = hits.iter().filter(|hit| hit.is_close).collect();
        let similar: Vec<&Hit> = hits.iter().filter(|hit| hit.is_similar).collect();
        let whole = |&number: &u32| {
            let own: Vec<&Hit> = close.iter().copied().filter(|hit| hit.found == number).collect();
            let length = found[number as usize];
            on_truth(&own) >= 0.95 * truth as f64
                && covered(length, own.iter().map(|hit| &hit.found_range).collect()) >= 0.95 * length as f64
        };
        match () {
            () if close.iter().map(|hit| hit.found).collect::<Vec<_>>().iter().any(whole) => Recovery::Perfect,
            () if on_truth(&close) >= 0.95 * truth as f64 => Recovery::Good,
            () if on_truth(&similar) >= 0.80 * truth as f64 => Recovery::Present,
            () => Recovery::Missing,
        }
    }

    fn some_hits() -> impl Strategy<Value = Vec<Hit>> {
        let ends = || (0..41u32, 0..41u32).prop_map(|(a, b)| a.min(b)..a.max(b) + 1);
        let one = (0..3u32, ends(), ends(), 0..3u64);
        let of = |(found, own, truth, identity)| hit(found, 0, own, truth, [70, 85, 99][identity as usize]);
        prop::collection::vec(one.prop_map(of), 0..8)
    }

    proptest! {
        #[test]
        fn equals_a_score_by_masks(hits in some_hits()) {
            let found = [41; 3];
            let score = score_library(&found, &[41], &hits, Coverage::Union, |_| true);
            prop_assert_eq!(score.families[0].recovery, naive(&found, 41, &hits));
        }
    }
}
