//! Each base of an annotation belongs to one copy. Alignments that overlap, directly or through others, are a group;
//! groups do not depend on each other, so each is resolved as soon as a search has found all of it, and only what is
//! left stays in memory.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::Result;
use crate::align::{Alignment, FoundBlock, GenomeRange, Operations, Place};
use crate::memory::{Budget, Component, Reservation};

/// Minimum score of the rest of an alignment that was cut (eighths of a nat): 15 nats, 11 to 13 equal bases. Without
/// it, slivers between better copies remain; empirical, docs/annotation.md was measured with it.
const MIN_REST_SCORE: i32 = 120;

/// An alignment before its group is resolved; `late` ones take what all others leave.
#[derive(Debug)]
struct Claim {
    late: bool,
    alignment: Alignment,
}

/// The alignments of a search when overlaps are resolved.
pub(super) struct Resolved {
    /// What is left of them, by position.
    pub(super) resolved: Vec<Alignment>,
    /// Whole groups of which others may have been found by another search.
    pub(super) unresolved: Vec<Alignment>,
    /// Of the memory of both.
    pub(super) reservation: Reservation,
}

/// Resolves the overlaps of alignments while a search finds them.
pub(super) struct Resolver<T, L> {
    /// The rest of an alignment in a range of its contig, if there is one.
    trim: T,
    /// Whether an alignment takes only what all others leave.
    is_late: L,
    max_e_value: f64,
    keep_columns: bool,
    /// Alignments that were known before the search, by position, the next one last.
    known: Vec<Alignment>,
    /// Alignments that others, not found yet, may overlap.
    open: Vec<Claim>,
    /// What is left of those of closed groups, by position.
    resolved: Vec<Alignment>,
    /// Those of closed groups that alignments beyond the range of the search may overlap.
    unresolved: Vec<Alignment>,
    /// Bytes of the columns of both.
    closed_columns: u64,
    /// Groups within this range have all of their alignments.
    inner: GenomeRange,
    reservation: Reservation,
}

impl<T, L> Resolver<T, L>
where
    T: Fn(&Alignment, Range<u64>) -> Result<Option<Alignment>> + Sync,
    L: Fn(&Alignment) -> bool,
{
    /// Keeps what is left of an alignment if its E-value is at most `max_e_value`.
    pub(super) fn new(trim: T, is_late: L, max_e_value: f64, keep_columns: bool, budget: &Budget) -> Self {
        Self {
            trim,
            is_late,
            max_e_value,
            keep_columns,
            known: Vec::new(),
            open: Vec::new(),
            resolved: Vec::new(),
            unresolved: Vec::new(),
            closed_columns: 0,
            inner: GenomeRange::WHOLE,
            reservation: budget.empty_reservation(Component::Alignments),
        }
    }

    /// The same with alignments that were known before the search, by position.
    pub(super) fn with_known(mut self, mut known: Vec<Alignment>) -> Self {
        known.reverse();
        self.known = known;
        self
    }

    /// The same for a search of a range of the genome. Alignments that begin before it end before `foreign_to`, if the
    /// search does not tell otherwise; those of later ranges begin at most `lead` bases before their range.
    pub(super) fn in_range(mut self, range: GenomeRange, foreign_to: Place, lead: u32) -> Self {
        let (contig, end) = range.end;
        self.inner = GenomeRange {
            start: range.start.max(foreign_to),
            end: (contig, if range.end == GenomeRange::WHOLE.end { end } else { end.saturating_sub(lead.into()) }),
        };
        self
    }

    /// Takes the alignments of a block, and resolves the groups that are complete. Returns the bytes that are kept.
    pub(super) fn add(&mut self, block: FoundBlock) -> Result<u64> {
        let FoundBlock { alignments, reservations, complete_to, foreign_to } = block;
        self.inner.start = self.inner.start.max(foreign_to);
        for alignment in alignments {
            self.open.push(Claim { late: (self.is_late)(&alignment), alignment });
        }
        self.resolve_to(complete_to)?;
        self.open.shrink_to_fit();
        drop(reservations);
        let of_open: u64 = self.open.iter().map(|claim| claim.alignment.operations.bytes()).sum();
        self.reservation.resize((self.open.capacity() * size_of::<Claim>()) as u64 + of_open + self.closed_bytes());
        Ok(self.reservation.bytes())
    }

    /// Bytes of the alignments of closed groups.
    fn closed_bytes(&self) -> u64 {
        ((self.resolved.capacity() + self.unresolved.capacity()) * size_of::<Alignment>()) as u64 + self.closed_columns
    }

    /// All that is left, by position, and the alignments that overlap others beyond the range of the search, or may.
    pub(super) fn finish(mut self) -> Result<Resolved> {
        self.resolve_to(GenomeRange::WHOLE.end)?;
        self.reservation.resize(self.closed_bytes());
        Ok(Resolved { resolved: self.resolved, unresolved: self.unresolved, reservation: self.reservation })
    }

    /// Resolves the groups that end at or before a place; no alignment begins before it that is not known.
    fn resolve_to(&mut self, complete_to: Place) -> Result<()> {
        while let Some(next) = self.known.pop_if(|next| (next.contig, next.range.start) < complete_to) {
            self.open.push(Claim { late: false, alignment: next });
        }
        self.open.par_sort_unstable_by(|a, b| a.alignment.sort_key().cmp(&b.alignment.sort_key()));
        let mut end = (0, 0);
        let groups = self.open.chunk_by(|claim, next| {
            end = end.max((claim.alignment.contig, claim.alignment.range.end));
            (next.alignment.contig, next.alignment.range.start) < end
        });
        let is_complete = |group: &&[Claim]| {
            group.iter().all(|Claim { alignment, .. }| (alignment.contig, alignment.range.end) <= complete_to)
        };
        // Groups are by position, so those that are complete come first.
        let lengths: Vec<usize> = groups.take_while(is_complete).map(<[Claim]>::len).collect();
        let mut claims = self.open.drain(..lengths.iter().sum::<usize>());
        let complete: Vec<Vec<Claim>> =
            lengths.into_iter().map(|length| claims.by_ref().take(length).collect()).collect();
        drop(claims);
        let (inner, (trim, max_e_value, keep_columns)) =
            (self.inner, (&self.trim, self.max_e_value, self.keep_columns));
        let (complete, at_border): (Vec<Vec<Claim>>, _) =
            complete.into_iter().partition(|group| is_within(group, inner));
        for Claim { alignment, .. } in at_border.into_iter().flatten() {
            self.closed_columns += alignment.operations.bytes();
            self.unresolved.push(alignment);
        }
        let resolve = |group: Vec<Claim>| {
            let mut left = resolve(group, max_e_value, trim)?;
            if !keep_columns {
                left.iter_mut().for_each(|alignment| alignment.operations = Operations::default());
            }
            Ok(left)
        };
        let resolved: Vec<Vec<Alignment>> = complete.into_par_iter().map(resolve).collect::<Result<_>>()?;
        for alignment in resolved.into_iter().flatten() {
            self.closed_columns += alignment.operations.bytes();
            self.resolved.push(alignment);
        }
        Ok(())
    }
}

/// Whether all alignments of a group are within a range.
fn is_within(group: &[Claim], range: GenomeRange) -> bool {
    group.iter().all(|Claim { alignment, .. }| {
        (alignment.contig, alignment.range.start) >= range.start && (alignment.contig, alignment.range.end) <= range.end
    })
}

/// Cuts the alignments of a group, best first and late ones last, so that none overlaps another. Returns what is left,
/// by position.
fn resolve(
    mut group: Vec<Claim>,
    max_e_value: f64,
    trim: impl Fn(&Alignment, Range<u64>) -> Result<Option<Alignment>>,
) -> Result<Vec<Alignment>> {
    group.sort_by(|a, b| {
        let best_first = b.alignment.score.cmp(&a.alignment.score);
        a.late.cmp(&b.late).then(best_first).then_with(|| a.alignment.sort_key().cmp(&b.alignment.sort_key()))
    });
    // Ends of the ranges that are taken, by start.
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    let mut kept = Vec::new();
    for Claim { alignment, .. } in group {
        let free = free(&taken, &alignment.range);
        if free.len() == 1 && free[0] == alignment.range {
            taken.insert(alignment.range.start, alignment.range.end);
            kept.push(alignment);
            continue;
        }
        for range in free {
            if let Some(rest) = trim(&alignment, range)?
                && rest.score >= MIN_REST_SCORE
                && rest.e_value <= max_e_value
            {
                taken.insert(rest.range.start, rest.range.end);
                kept.push(rest);
            }
        }
    }
    kept.sort_unstable_by_key(Alignment::sort_key);
    Ok(kept)
}

/// The parts of a range that are not taken.
fn free(taken: &BTreeMap<u64, u64>, range: &Range<u64>) -> Vec<Range<u64>> {
    let before = taken.range(..range.start).next_back();
    let (mut free, mut at) = (Vec::new(), range.start);
    for (&start, &end) in before.into_iter().chain(taken.range(range.clone())) {
        if start > at {
            free.push(at..start);
        }
        at = at.max(end);
    }
    if at < range.end {
        free.push(at..range.end);
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::Counts;
    use crate::kmer::Strand;
    use crate::random::Random;

    fn claim(query: u32, contig: u32, range: Range<u64>, score: i32) -> Alignment {
        let (strand, query_range, e_value) = (Strand::Forward, 0..(range.end - range.start) as u32, 0.0);
        let (counts, operations) = (Counts::default(), Operations::default());
        Alignment { query, strand, query_range, contig, range, score, e_value, counts, operations }
    }

    /// Eight eighths of a nat a base, whatever the bases.
    fn cut(alignment: &Alignment, range: Range<u64>) -> Result<Option<Alignment>> {
        Ok(Some(Alignment { score: (range.end - range.start) as i32 * 8, range, ..alignment.clone() }))
    }

    fn budget() -> Budget {
        Budget::new(1 << 30)
    }

    #[test]
    fn the_better_alignment_keeps_shared_bases() {
        let found = vec![
            claim(0, 0, 100..500, 3000),
            claim(1, 0, 200..300, 4000),
            claim(2, 0, 490..600, 800),
            claim(3, 0, 95..110, 130),
        ];
        let mut resolver = Resolver::new(cut, |_| false, 1e-3, true, &budget());
        let block = FoundBlock { alignments: found, reservations: Vec::new(), complete_to: (0, 0), foreign_to: (0, 0) };
        resolver.add(block).expect("no error");
        let kept: Vec<_> =
            resolver.finish().expect("no error").resolved.into_iter().map(|a| (a.range, a.query)).collect();
        assert_eq!(kept, [(100..200, 0), (200..300, 1), (300..500, 0), (500..600, 2)]);
    }

    /// Whatever the blocks in which alignments are found, what is left is the same.
    #[test]
    fn blocks_do_not_matter() {
        let mut random = Random::new(7);
        for _ in 0..50 {
            let mut found: Vec<Alignment> = (0..200)
                .map(|number| {
                    let (contig, start) = (random.below(3) as u32, random.below(20_000) as u64);
                    let length = 20 + random.below(300) as u64;
                    claim(number % 7, contig, start..start + length, 100 + random.below(4000) as i32)
                })
                .collect();
            found.sort_unstable_by_key(Alignment::sort_key);
            let mut known = found.clone();
            known.retain(|a| a.query == 0);
            found.retain(|a| a.query > 0);
            let new = || {
                let resolver = Resolver::new(cut, |a: &Alignment| a.query == 1, 1e-3, true, &budget());
                resolver.with_known(known.clone())
            };
            let in_blocks = |size: usize| {
                let mut resolver = new();
                for block in found.chunks(size) {
                    let last = &block[block.len() - 1];
                    let complete_to = (last.contig, last.range.start);
                    let alignments = block.to_vec();
                    resolver
                        .add(FoundBlock { alignments, reservations: Vec::new(), complete_to, foreign_to: (0, 0) })
                        .expect("no error");
                }
                resolver.finish().expect("no error").resolved
            };
            let whole = in_blocks(usize::MAX);
            assert!(
                whole
                    .windows(2)
                    .all(|pair| { (pair[0].contig, pair[0].range.end) <= (pair[1].contig, pair[1].range.start) })
            );
            for size in [1, 7, 60] {
                assert_eq!(in_blocks(size), whole);
            }
        }
    }
}
