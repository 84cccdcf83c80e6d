//! Which alignment belongs to which family, and which families are contained in others.
//!
//! Related families align to each other's copies. Each round assigns every alignment to the family that fits it best,
//! so that a family grows over its own copies only.

use std::collections::BTreeMap;
use std::ops::Range;

use ahash::AHashMap;
use rayon::prelude::*;

use crate::families::copies::PlacedAlignment;
use crate::families::refine::state::FamilyState;

/// Bases of the genome that two alignments must share to count as overlapping: ends of alignments extend a little by
/// chance.
const MIN_OVERLAP: u64 = 20;
/// A family loses an alignment if better ones cover this many of its parts: half.
const MIN_LOST_PARTS: u32 = CoveredParts::PARTS / 2;
/// A family fits an overlap much better than another if its score for each base is at least this many times as high: a
/// long alignment of a related family must not take the copies of a short draft. Tuned on the simulated genomes of
/// docs/families.md.
const MUCH_BETTER: (i64, i64) = (6, 5);

/// Strong families explain an alignment if they cover this many of its parts: three quarters.
const MIN_EXPLAINED_PARTS: u32 = CoveredParts::PARTS / 4 * 3;
/// Per cent of the copies of a weak family that strong ones explain if it is dropped.
const MIN_EXPLAINED_COPIES: usize = 70;

/// Parts of a consensus that the copies of another family cover if that one contains it: four fifths, 51.2 parts.
const MIN_CONTAINED_PARTS: u32 = 52;
/// Per cent of the bases of a family's copies that the family which contains it explains.
const MIN_CONTAINED_BASES: u64 = 70;
/// Per cent of a copy that an alignment of another family covers if it explains the copy.
const MIN_COVERED_COPY: u64 = 80;
/// Share of columns by which a copy may differ more from another family that explains it. Lower keeps both of two
/// similar families, higher joins related ones. Tuned, as the four thresholds above, on the simulated genomes of
/// docs/families.md.
const MAX_EXTRA_DIFFERENCE: f64 = 0.05;

/// How many times as long as a family a sequence is in which a copy of it may have been inserted.
pub(super) const LONGER_CONTAINER: usize = 2;
/// How many times more copies of a family lie alone than within a longer one that contains it, if it was inserted into
/// that one. Of less, it is a part that also occurs alone, such as a terminal repeat.
pub(super) const OUTNUMBER_INSERTED: usize = 8;
/// Bases by which an alignment that continues is longer on one side.
const MIN_CONTINUED: u64 = 30;

/// Which 64ths of a range are covered, one bit each: shares need not be more exact.
#[derive(Debug, Default, Clone, Copy)]
struct CoveredParts(u64);

impl CoveredParts {
    /// Parts of a range: the bits of a word.
    const PARTS: u32 = 64;

    /// The parts from one to before another.
    fn between(from: u64, to: u64) -> Self {
        let below = |bit: u64| if bit >= u64::from(Self::PARTS) { u64::MAX } else { (1 << bit) - 1 };
        Self(below(to) & !below(from))
    }

    /// The parts of a range that an overlap with it covers whole.
    fn of(range: &Range<u64>, overlap: &Range<u64>) -> Self {
        let parts = |bases: u64| (bases - range.start) * u64::from(Self::PARTS);
        let length = range.end - range.start;
        Self::between(parts(overlap.start).div_ceil(length), parts(overlap.end) / length)
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn parts(self) -> u32 {
        self.0.count_ones()
    }
}

fn family_of(alignment: &PlacedAlignment<'_>) -> usize {
    alignment.alignment.query as usize
}

/// Alignments of a part that one thread examines.
const PART: usize = 4096;

/// Parts of alignments, by position, of which none overlaps one of another part.
fn separate_parts(placed: &[PlacedAlignment<'_>]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut first, mut end) = (0, 0);
    for (i, copy) in placed.iter().enumerate() {
        if i >= first + PART && copy.genome.start >= end {
            parts.push(first..i);
            first = i;
        }
        end = end.max(copy.genome.end);
    }
    parts.push(first..placed.len());
    parts
}

/// Calls `each` with every two alignments of a part, of the families `kept`, that overlap in the genome, and their
/// overlap.
fn for_each_overlap(
    placed: &[PlacedAlignment<'_>],
    part: &Range<usize>,
    kept: &[bool],
    mut each: impl FnMut(usize, usize, Range<u64>),
) {
    let mut active: Vec<usize> = Vec::new();
    for (i, copy) in part.clone().zip(&placed[part.clone()]) {
        if !kept[family_of(copy)] {
            continue;
        }
        active.retain(|&j| placed[j].genome.end > copy.genome.start + MIN_OVERLAP);
        for &j in &active {
            let overlap = copy.genome.start..copy.genome.end.min(placed[j].genome.end);
            if overlap.end > overlap.start + MIN_OVERLAP {
                each(i, j, overlap);
            }
        }
        active.push(i);
    }
}

/// Which alignments are copies of a family, the best first, as numbers among all.
pub(crate) struct Assignment {
    /// For each family the alignments that no other family fits much better, and none of its own with a higher score
    /// covers.
    pub(crate) candidate: Vec<Vec<usize>>,
    /// Those of them that no other family explains about as well with a higher score: each locus has one.
    pub(crate) exclusive: Vec<Vec<usize>>,
}

/// Assigns the alignments of the families that are `kept`; a family loses an alignment if others cover half of it.
pub(crate) fn assign(placed: &[PlacedAlignment<'_>], kept: &[bool]) -> Assignment {
    // What better fitting and higher scoring alignments cover of each.
    let lost_in = |part: &Range<usize>| {
        let mut lost = vec![(CoveredParts::default(), CoveredParts::default()); part.len()];
        for_each_overlap(placed, part, kept, |i, j, overlap| {
            let (loser, is_much_better) = loser_of(placed, i, j);
            let covered = CoveredParts::of(&placed[loser].genome, &overlap);
            let (fits_better, scores_higher) = &mut lost[loser - part.start];
            scores_higher.add(covered);
            if is_much_better {
                fits_better.add(covered);
            }
        });
        lost
    };
    let lost: Vec<(CoveredParts, CoveredParts)> = separate_parts(placed).par_iter().flat_map(lost_in).collect();
    let mut order: Vec<usize> = (0..placed.len()).filter(|&i| kept[family_of(&placed[i])]).collect();
    order.par_sort_unstable_by_key(|&i| (std::cmp::Reverse(placed[i].alignment.score), i));
    let mut assignment =
        Assignment { candidate: vec![Vec::new(); kept.len()], exclusive: vec![Vec::new(); kept.len()] };
    for i in order {
        let family = family_of(&placed[i]);
        let (fits_better, scores_higher) = lost[i];
        if fits_better.parts() < MIN_LOST_PARTS {
            assignment.candidate[family].push(i);
        }
        if scores_higher.parts() < MIN_LOST_PARTS {
            assignment.exclusive[family].push(i);
        }
    }
    assignment
}

/// Which of two overlapping alignments loses the overlap, and whether the other fits it much better.
fn loser_of(placed: &[PlacedAlignment<'_>], i: usize, j: usize) -> (usize, bool) {
    let (a, b) = (&placed[i], &placed[j]);
    let lower = if (a.alignment.score, j) > (b.alignment.score, i) { j } else { i };
    if a.alignment.query == b.alignment.query {
        // The terminal repeats of one element are alike; the alignment of the whole element shows which is which.
        return (lower, true);
    }
    // Scores for each base, both times the bases of both.
    let (a_score, b_score) =
        (i64::from(a.alignment.score) * b.bases() as i64, i64::from(b.alignment.score) * a.bases() as i64);
    let (times, over) = MUCH_BETTER;
    if a_score * over > b_score * times {
        (j, true)
    } else if b_score * over > a_score * times {
        (i, true)
    } else {
        (lower, false)
    }
}

/// Weak families that strong ones explain: fewer than `min_copies` loci are exclusively theirs, and families with
/// enough such loci cover most of their copies.
pub(crate) fn explained(
    placed: &[PlacedAlignment<'_>],
    kept: &[bool],
    assignment: &Assignment,
    min_copies: usize,
) -> Vec<bool> {
    let strong: Vec<bool> = assignment.exclusive.iter().map(|copies| copies.len() >= min_copies).collect();
    let covered_in = |part: &Range<usize>| {
        let mut covered = vec![CoveredParts::default(); part.len()];
        for_each_overlap(placed, part, kept, |i, j, overlap| {
            for (one, other) in [(i, j), (j, i)] {
                let by = family_of(&placed[other]);
                if family_of(&placed[one]) != by && strong[by] {
                    covered[one - part.start].add(CoveredParts::of(&placed[one].genome, &overlap));
                }
            }
        });
        covered
    };
    let covered: Vec<CoveredParts> = separate_parts(placed).par_iter().flat_map(covered_in).collect();
    let is_explained = |family: usize| {
        let copies = &assignment.candidate[family];
        let explained = copies.iter().filter(|&&i| covered[i].parts() >= MIN_EXPLAINED_PARTS).count();
        kept[family] && !strong[family] && 100 * explained >= MIN_EXPLAINED_COPIES * copies.len()
    };
    (0..kept.len()).map(is_explained).collect()
}

/// The bases that two families share.
#[derive(Default, Clone, Copy)]
struct SharedCoverage {
    /// Parts of the consensus of the one that the other covers.
    consensus: CoveredParts,
    /// Bases of the one's alignments that the other explains as well.
    explained: u64,
    /// Such alignments, and those of them beyond which the alignment of the other continues.
    copies: usize,
    continued: usize,
    /// The alignment that was counted last, so that none is counted twice.
    last: Option<usize>,
}

impl SharedCoverage {
    /// Adds what they share in another part of the genome.
    fn add(&mut self, other: &Self) {
        self.consensus.add(other.consensus);
        self.explained += other.explained;
        self.copies += other.copies;
        self.continued += other.continued;
    }

    /// Whether so few of the copies that both share continue in the other family that they are a part of it by chance:
    /// that one is a sequence into which a copy of the first was inserted.
    fn is_inserted(&self) -> bool {
        self.copies > OUTNUMBER_INSERTED * self.continued
    }

    /// Counts what `other` covers of alignment `number`, a copy of a family with a consensus of `length` bases.
    fn count(&mut self, number: usize, copy: &PlacedAlignment<'_>, other: &PlacedAlignment<'_>, length: u64) {
        if other.alignment.counts.difference() - copy.alignment.counts.difference() > MAX_EXTRA_DIFFERENCE {
            return;
        }
        let overlap = copy.genome.start.max(other.genome.start)..copy.genome.end.min(other.genome.end);
        if self.last != Some(number) && 100 * (overlap.end - overlap.start) >= MIN_COVERED_COPY * copy.bases() {
            self.last = Some(number);
            self.explained += copy.bases();
            self.copies += 1;
            let before = copy.genome.start.saturating_sub(other.genome.start);
            let after = other.genome.end.saturating_sub(copy.genome.end);
            self.continued += usize::from(before.max(after) >= MIN_CONTINUED);
        }
        let columns = columns_of(copy, &overlap);
        let parts = u64::from(CoveredParts::PARTS);
        let (from, to) = (columns.start * parts / length, (columns.end * parts).div_ceil(length).min(parts));
        self.consensus.add(CoveredParts::between(from, to));
    }
}

/// The columns of the consensus in a part of a copy, as exact as insertions and deletions allow.
fn columns_of(copy: &PlacedAlignment<'_>, part: &Range<u64>) -> Range<u64> {
    let (before, after) = (part.start - copy.genome.start, copy.genome.end - part.end);
    let (first, last) = if copy.is_reverse() { (after, before) } else { (before, after) };
    let range = &copy.alignment.query_range;
    let columns = |bases: u64| bases * u64::from(range.end - range.start) / copy.bases();
    u64::from(range.start) + columns(first)..u64::from(range.end) - columns(last)
}

/// For each family the one that contains it, if any: the other's copies cover 80 % of its consensus, and it explains
/// most of its copies about as well. Of two that contain each other the longer is kept, then the one with more bases.
/// Only an accepted family can contain an accepted one, and no subfamily another one of its family.
pub(crate) fn contained(placed: &[PlacedAlignment<'_>], families: &[FamilyState]) -> Vec<Option<usize>> {
    let lengths: Vec<usize> = families.iter().map(|family| family.consensus.len()).collect();
    let accepted = |family: usize| families[family].accepted;
    let all = vec![true; lengths.len()];
    let mut totals = vec![0u64; lengths.len()];
    // An alignment that a related family fits much better is no copy, and shows nothing.
    let mut is_candidate = vec![false; placed.len()];
    for i in assign(placed, &all).candidate.into_iter().flatten() {
        is_candidate[i] = true;
        totals[family_of(&placed[i])] += placed[i].bases();
    }
    let shared_in = |part: &Range<usize>| {
        let mut shared: AHashMap<(usize, usize), SharedCoverage> = AHashMap::new();
        for_each_overlap(placed, part, &all, |i, j, _| {
            for (one, other) in [(i, j), (j, i)] {
                let (family, other_family) = (family_of(&placed[one]), family_of(&placed[other]));
                if family != other_family && is_candidate[one] {
                    let shared = shared.entry((family, other_family)).or_default();
                    shared.count(one, &placed[one], &placed[other], lengths[family] as u64);
                }
            }
        });
        shared
    };
    let mut shared: BTreeMap<(usize, usize), SharedCoverage> = BTreeMap::new();
    for part in separate_parts(placed).par_iter().map(shared_in).collect::<Vec<_>>() {
        part.into_iter().for_each(|(families, part)| shared.entry(families).or_default().add(&part));
    }
    let within = |a: usize, b: usize| {
        shared.get(&(a, b)).is_some_and(|shared| {
            shared.consensus.parts() >= MIN_CONTAINED_PARTS
                && 100 * shared.explained >= MIN_CONTAINED_BASES * totals[a]
                && (lengths[b] < LONGER_CONTAINER * lengths[a] || !shared.is_inserted())
        })
    };
    let rank = |a: usize| (lengths[a], totals[a], std::cmp::Reverse(a));
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&a| rank(a));
    let mut container: Vec<Option<usize>> = vec![None; lengths.len()];
    for &a in &order {
        let others = shared.range((a, 0)..=(a, usize::MAX)).map(|(&(_, b), _)| b);
        container[a] = others
            .filter(|&b| families[b].may_contain(&families[a]) && container[b].is_none() && within(a, b))
            .filter(|&b| !within(b, a) || (accepted(b) && !accepted(a)) || rank(b) > rank(a))
            .max_by_key(|&b| rank(b));
    }
    container
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::{Alignment, Counts, Operations};
    use crate::families::family::FamilyCopy;
    use crate::families::refine::state::DividedFamily;
    use crate::kmer::Strand;

    #[test]
    fn accepted_families_are_contained_in_accepted_ones_only() {
        // Consensi of 100 and 300 bases; both copies of the longer one contain a copy of the shorter one.
        let copy = |query: u32, start: u64, columns: Range<u32>| {
            let range = start..start + u64::from(columns.end - columns.start);
            let counts = Counts { matches: columns.end - columns.start, ..Counts::default() };
            let (score, operations) = (8 * counts.matches as i32, Operations::default());
            let strand = Strand::Forward;
            Alignment { query, strand, query_range: columns, contig: 0, range, score, e_value: 0.0, counts, operations }
        };
        let alignments = [copy(0, 1000, 0..100), copy(1, 1000, 0..300), copy(0, 5000, 0..100), copy(1, 5000, 0..300)];
        let placed: Vec<PlacedAlignment<'_>> =
            alignments.iter().map(|a| PlacedAlignment { alignment: a, genome: a.range.clone() }).collect();
        let families = |accepted: [bool; 2]| {
            let seed = FamilyCopy { genome: 0..100, strand: Strand::Forward, consensus: 0..100 };
            let state = |length: usize, accepted: bool| FamilyState {
                accepted,
                ..FamilyState::new(vec![0; length], seed.clone())
            };
            [state(100, accepted[0]), state(300, accepted[1])]
        };
        for (accepted, container) in [
            ([false, false], [Some(1), None]),
            ([true, true], [Some(1), None]),
            ([false, true], [Some(1), None]),
            ([true, false], [None, None]),
        ] {
            let families = families(accepted);
            assert_eq!(contained(&placed, &families), container, "{accepted:?}");
        }
        // Subfamilies of one family never contain each other.
        let subfamily_of = Some(DividedFamily { round: 1, number: 0 });
        let siblings = families([false; 2]).map(|family| FamilyState { subfamily_of, ..family });
        assert_eq!(contained(&placed, &siblings), [None, None]);
    }
}
