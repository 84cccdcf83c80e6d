//! Where the families of a library lie in the genome: which alignment belongs to which family, and what families share.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::align::Alignment;
use crate::families::bases::Bases;
use crate::genome::Contig;

/// An alignment, and where it lies.
#[derive(Debug, Clone)]
pub(crate) struct Placed<'a> {
    pub(crate) alignment: &'a Alignment,
    /// Bases of the genome, all contigs end to end.
    pub(crate) genome: Range<u64>,
}

impl<'a> Placed<'a> {
    pub(crate) fn new(alignment: &'a Alignment, contigs: &[Contig]) -> Self {
        let start = contigs[alignment.contig as usize].start;
        Self { alignment, genome: start + alignment.range.start..start + alignment.range.end }
    }

    pub(crate) fn bases(&self) -> u64 {
        self.genome.end - self.genome.start
    }
}

/// The bases of the genome, all contigs end to end, from the first to the last part of a copy.
pub(crate) fn span(parts: &[&Alignment], bases: &Bases) -> Option<Range<u64>> {
    let (first, last) = (parts.first()?, parts.last()?);
    let contig = bases.start_of(first.contig);
    Some(contig + first.range.start..contig + last.range.end)
}

/// Calls `each` with every two alignments that overlap in the genome by more than a trifle.
fn overlapping(placed: &[Placed<'_>], kept: &[bool], mut each: impl FnMut(usize, usize, Range<u64>)) {
    const TRIFLE: u64 = 20;
    let mut active: Vec<usize> = Vec::new();
    for (i, copy) in placed.iter().enumerate() {
        if !kept[copy.alignment.query as usize] {
            continue;
        }
        active.retain(|&j| placed[j].genome.end > copy.genome.start + TRIFLE);
        for &j in &active {
            let overlap = copy.genome.start..copy.genome.end.min(placed[j].genome.end);
            if overlap.end > overlap.start + TRIFLE {
                each(i, j, overlap);
            }
        }
        active.push(i);
    }
}

/// Which alignments are copies of a family.
pub(crate) struct Copies {
    /// For each family its copies, the best first: where no other family fits much better, and none of its own alignments scores more.
    pub(crate) fitting: Vec<Vec<usize>>,
    /// Those that no other family explains about as well with a higher score: each place has one.
    pub(crate) own: Vec<Vec<usize>>,
}

/// Families that are nothing beside others: fewer than `least` places are their own, and most of their copies families with enough
/// of their own explain.
pub(crate) fn explained(placed: &[Placed<'_>], kept: &[bool], copies: &Copies, least: usize) -> Vec<bool> {
    let strong: Vec<bool> = copies.own.iter().map(|own| own.len() >= least).collect();
    let mut taken = vec![0u64; placed.len()];
    overlapping(placed, kept, |i, j, overlap| {
        for (of, by) in [(i, j), (j, i)] {
            let family = |x: usize| placed[x].alignment.query as usize;
            if family(of) != family(by) && strong[family(by)] {
                taken[of] |= parts(&placed[of].genome, &overlap);
            }
        }
    });
    (0..kept.len())
        .map(|family| {
            let own = &copies.fitting[family];
            let explained = own.iter().filter(|&&i| taken[i].count_ones() >= 48).count();
            kept[family] && !strong[family] && 10 * explained >= 7 * own.len()
        })
        .collect()
}

/// 64ths of a range, the bits of a number, that an overlap with it takes.
fn parts(range: &Range<u64>, overlap: &Range<u64>) -> u64 {
    let (from, to) = ((overlap.start - range.start) * 64, (overlap.end - range.start) * 64);
    let bases = range.end - range.start;
    bits(from.div_ceil(bases), to / bases)
}

/// So much more score for each base fits better, whatever the lengths.
const MUCH_BETTER: (i64, i64) = (6, 5);

/// Tells which alignments of the families that are `kept` are copies: a family loses those of which others take half.
pub(crate) fn copies(placed: &[Placed<'_>], kept: &[bool]) -> Copies {
    // 64ths of each alignment that a better one takes.
    let mut better = vec![0u64; placed.len()];
    let mut longer = vec![0u64; placed.len()];
    overlapping(placed, kept, |i, j, overlap| {
        let (a, b) = (&placed[i], &placed[j]);
        let more = (a.alignment.score, j) > (b.alignment.score, i);
        let (loser, by) = if a.alignment.query == b.alignment.query {
            // The terminal repeats of one element are alike; which is which the whole of it shows.
            (if more { j } else { i }, true)
        } else {
            let density = |x: &Placed<'_>, y: &Placed<'_>| i64::from(x.alignment.score) * y.bases() as i64;
            let (of_a, of_b) = (density(a, b), density(b, a));
            let (times, over) = MUCH_BETTER;
            if of_a * over > of_b * times {
                (j, true)
            } else if of_b * over > of_a * times {
                (i, true)
            } else {
                (if more { j } else { i }, false)
            }
        };
        let parts = parts(&placed[loser].genome, &overlap);
        longer[loser] |= parts;
        if by {
            better[loser] |= parts;
        }
    });
    let mut order: Vec<usize> = (0..placed.len()).filter(|&i| kept[placed[i].alignment.query as usize]).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(placed[i].alignment.score), i));
    let mut found = Copies { fitting: vec![Vec::new(); kept.len()], own: vec![Vec::new(); kept.len()] };
    for i in order {
        let family = placed[i].alignment.query as usize;
        if better[i].count_ones() < 32 {
            found.fitting[family].push(i);
        }
        if longer[i].count_ones() < 32 {
            found.own[family].push(i);
        }
    }
    found
}

/// The bits from one to before another.
fn bits(from: u64, to: u64) -> u64 {
    let below = |bit: u64| if bit >= 64 { u64::MAX } else { (1 << bit) - 1 };
    below(to) & !below(from)
}

/// What two families share.
#[derive(Default, Clone, Copy)]
struct Shared {
    /// 64ths of the consensus of the one that the other covers.
    parts: u64,
    /// Bases of the one's alignments that the other explains as well.
    explained: u64,
    /// The last alignment that was counted.
    last: usize,
}

/// More difference than this and a copy is not explained by another family.
const MUCH_FARTHER: f64 = 0.05;

/// For each family the one that contains it, if any: 80 % of its consensus lies on the other's copies and most of its copies the
/// other explains about as well. Of two that contain each other the longer is kept, then the one with more bases. What
/// was judged to be a family is contained in such ones only.
pub(crate) fn contained(placed: &[Placed<'_>], lengths: &[usize], judged: &[bool]) -> Vec<Option<usize>> {
    let mut shared: BTreeMap<(u32, u32), Shared> = BTreeMap::new();
    let mut totals = vec![0u64; lengths.len()];
    let all = vec![true; lengths.len()];
    // What a related family fits much better is no copy, and says nothing.
    let mut fits = vec![false; placed.len()];
    for i in copies(placed, &all).fitting.into_iter().flatten() {
        fits[i] = true;
        totals[placed[i].alignment.query as usize] += placed[i].bases();
    }
    overlapping(placed, &all, |i, j, _| {
        let (copy, other) = (&placed[i], &placed[j]);
        if other.alignment.query != copy.alignment.query {
            if fits[i] {
                count(&mut shared, i, copy, other, lengths);
            }
            if fits[j] {
                count(&mut shared, j, other, copy, lengths);
            }
        }
    });
    let within = |a: usize, b: usize| {
        shared
            .get(&(a as u32, b as u32))
            .is_some_and(|s| s.parts.count_ones() >= 52 && s.explained * 10 >= totals[a] * 7)
    };
    let worth = |a: usize| (lengths[a], totals[a], std::cmp::Reverse(a));
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&a| worth(a));
    let mut container = vec![None; lengths.len()];
    for &a in &order {
        let holders = shared.range((a as u32, 0)..=(a as u32, u32::MAX)).map(|(&(_, b), _)| b as usize);
        container[a] = holders
            .filter(|&b| container[b].is_none() && judged[a] <= judged[b] && within(a, b))
            .filter(|&b| !within(b, a) || (judged[b] && !judged[a]) || worth(b) > worth(a))
            .max_by_key(|&b| worth(b));
    }
    container
}

/// Counts what `other` covers of `copy`.
fn count(
    shared: &mut BTreeMap<(u32, u32), Shared>,
    number: usize,
    copy: &Placed<'_>,
    other: &Placed<'_>,
    lengths: &[usize],
) {
    let overlap = copy.genome.start.max(other.genome.start)..copy.genome.end.min(other.genome.end);
    let entry = shared
        .entry((copy.alignment.query, other.alignment.query))
        .or_insert(Shared { last: usize::MAX, ..Shared::default() });
    let farther = other.alignment.counts.difference() - copy.alignment.counts.difference();
    let bases = overlap.end - overlap.start;
    if farther <= MUCH_FARTHER {
        if entry.last != number && 5 * bases >= 4 * copy.bases() {
            entry.last = number;
            entry.explained += copy.bases();
        }
        let range = &copy.alignment.query_range;
        let (before, after) = (overlap.start - copy.genome.start, copy.genome.end - overlap.end);
        let (first, last) =
            if copy.alignment.strand == crate::kmer::Strand::Forward { (before, after) } else { (after, before) };
        // As exact as indels let it be.
        let share = |bases: u64| bases * u64::from(range.end - range.start) / copy.bases();
        let columns = u64::from(range.start) + share(first)..u64::from(range.end) - share(last);
        let length = lengths[copy.alignment.query as usize] as u64;
        let (from, to) = (columns.start * 64 / length, (columns.end * 64).div_ceil(length).min(64));
        entry.parts |= bits(from, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::Counts;
    use crate::kmer::Strand;

    #[test]
    fn what_was_judged_a_family_is_contained_in_such_ones_only() {
        // Of 100 and 300 bases; the longer one has two copies of which the shorter one is a part.
        let copy = |query: u32, start: u64, columns: Range<u32>| {
            let range = start..start + u64::from(columns.end - columns.start);
            let counts = Counts { matches: columns.end - columns.start, ..Counts::default() };
            let (score, operations) = (8 * counts.matches as i32, Vec::new());
            let strand = Strand::Forward;
            Alignment { query, strand, query_range: columns, contig: 0, range, score, e_value: 0.0, counts, operations }
        };
        let alignments = [copy(0, 1000, 0..100), copy(1, 1000, 0..300), copy(0, 5000, 0..100), copy(1, 5000, 0..300)];
        let placed: Vec<Placed<'_>> =
            alignments.iter().map(|a| Placed { alignment: a, genome: a.range.clone() }).collect();
        for (judged, container) in [
            ([false, false], [Some(1), None]),
            ([true, true], [Some(1), None]),
            ([false, true], [Some(1), None]),
            ([true, false], [None, None]),
        ] {
            assert_eq!(contained(&placed, &[100, 300], &judged), container, "{judged:?}");
        }
    }
}
