//! The bases around the ends of copies, in which insertion leaves its marks.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use crate::align::Alignment;
use crate::families::bases::{Bases, UNKNOWN};
use crate::families::copies::consensus_span;
use crate::families::terminal_repeats::MAX_END_OFFSET;
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::sequence::code::A;
use crate::sequence::complement;

/// Bases to either side of an end that are examined: the longest target site (12) at the largest offset (6), and 12
/// bases more that a consensus may have too many.
pub const END_MARGIN: usize = 30;
/// Bases of the consensus that a copy may lack at either end and still show its insertion site.
const MAX_MISSING: u32 = 10;
/// Copies of a family that are examined, the first by position: more hardly change a share.
const MAX_COPIES: usize = 200;
/// Bases of a flank that distinguish insertions from duplications: two random ones are equal once in 4^12 = 17 million.
const FLANK: usize = 12;

/// Bases around both ends of a copy, as the consensus reads: codes 0 to 3 ([`base_code`](crate::sequence::base_code)),
/// others if there is none. The first base of the copy is in the middle of `left`, the base behind its last one in the
/// middle of `right`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyEnds {
    /// Around the first base.
    pub left: [u8; 2 * END_MARGIN],
    /// Around the last base.
    pub right: [u8; 2 * END_MARGIN],
}

impl CopyEnds {
    /// The ends of a copy from `start` to `end`, in bases of all contigs end to end.
    fn new(bases: &Bases<'_>, start: i64, end: i64, strand: Strand, contig: Range<i64>) -> Self {
        let around = |middle: i64| -> [u8; 2 * END_MARGIN] {
            let first = middle - END_MARGIN as i64;
            let known = first.max(contig.start)..(first + 2 * END_MARGIN as i64).min(contig.end);
            let mut around = [UNKNOWN; 2 * END_MARGIN];
            if !known.is_empty() {
                let codes = bases.codes(&(known.start as u64..known.end as u64));
                around[(known.start - first) as usize..][..codes.len()].copy_from_slice(&codes);
            }
            around
        };
        let forward = Self { left: around(start), right: around(end) };
        if strand == Strand::Reverse { forward.turned() } else { forward }
    }

    /// The other strand.
    pub(super) fn turned(&self) -> Self {
        let turn = |around: &[u8; 2 * END_MARGIN]| std::array::from_fn(|i| complement(around[2 * END_MARGIN - 1 - i]));
        Self { left: turn(&self.right), right: turn(&self.left) }
    }

    /// The ends of the part of the copy that begins `left` bases after its start and ends `right` bases before its end.
    pub(super) fn within(&self, left: usize, right: usize) -> Self {
        let at = |around: &[u8; 2 * END_MARGIN], at: Option<usize>| {
            at.and_then(|at| around.get(at)).copied().unwrap_or(UNKNOWN)
        };
        Self {
            left: std::array::from_fn(|i| at(&self.left, Some(i + left))),
            right: std::array::from_fn(|i| at(&self.right, i.checked_sub(right))),
        }
    }

    /// The last `length` bases before the copy, `offset` bases farther out.
    pub(super) fn before(&self, offset: usize, length: usize) -> &[u8] {
        &self.left[END_MARGIN - offset - length..END_MARGIN - offset]
    }

    /// The first `length` bases behind the copy, `offset` bases farther out.
    pub(super) fn behind(&self, offset: usize, length: usize) -> &[u8] {
        &self.right[END_MARGIN + offset..END_MARGIN + offset + length]
    }

    /// The end of a run of A around the end of the copy, as an index of `right`.
    pub(super) fn poly_a_end(&self) -> Option<usize> {
        /// Bases of a window: one that is not A may have decayed.
        const WINDOW: usize = 10;
        /// Bases of A in a window.
        const MIN_A: usize = 9;
        /// Where a window may begin, from the end of the copy: the tail may be a part of the consensus or beyond it.
        const STARTS: Range<usize> = END_MARGIN - 14..END_MARGIN + 6;
        let is_run = |at: &usize| self.right[*at..at + WINDOW].iter().filter(|&&code| code == A).count() >= MIN_A;
        let mut end = STARTS.clone().rfind(is_run)? + WINDOW;
        // A of the target may belong to either.
        while self.right.get(end) == Some(&A) {
            end += 1;
        }
        Some(end)
    }

    /// Whether bases before the copy are repeated behind a run of A that ends at index `tail_end` of `right`: a target
    /// site of a length of its own, as retrotransposition makes it.
    pub(super) fn has_own_site(&self, tail_end: usize) -> bool {
        /// Minimum number of bases of a site; those of LINEs and SINEs have 7 to 20.
        const MIN_LENGTH: usize = 7;
        /// Bases between the site and the copy, which the consensus may lack.
        const OFFSETS: RangeInclusive<usize> = 0..=3;
        /// Last A of the tail that may be a part of the site. This and the next were tuned on the simulated genomes of
        /// docs/families.md.
        const SHARED_A: usize = 4;
        /// Bases behind the tail within which the site begins.
        const BEHIND_TAIL: usize = 14;
        let starts = tail_end.saturating_sub(SHARED_A)..(tail_end + BEHIND_TAIL).min(2 * END_MARGIN - MIN_LENGTH);
        OFFSETS.into_iter().any(|offset| {
            let site = self.before(offset, MIN_LENGTH);
            // A alone, or A and one other base, lie in any tail.
            let is_poly_a = site.iter().filter(|&&code| code == A).count() + 2 > MIN_LENGTH;
            !is_poly_a
                && site.iter().all(|&code| code < 4)
                && starts.clone().any(|at| site == &self.right[at..at + MIN_LENGTH])
        })
    }
}

/// The ends of the copies of a family that go from end to end, the first ones; each copy is its fragments by position.
pub(crate) fn copy_ends(
    copies: &[Vec<&Alignment>],
    length: u32,
    bases: &Bases<'_>,
    contigs: &[Contig],
) -> Vec<CopyEnds> {
    let ends = copies.iter().filter_map(|fragments| {
        let (first, last) = (fragments.first()?, fragments.last()?);
        let contig = &contigs[first.contig as usize];
        let at = |position: u64| (contig.start + position) as i64;
        let (missing_left, missing_right) = match first.strand {
            Strand::Forward => (first.query_range.start, length - last.query_range.end),
            Strand::Reverse => (length - first.query_range.end, last.query_range.start),
        };
        (missing_left.max(missing_right) <= MAX_MISSING).then(|| {
            let start = at(first.range.start) - i64::from(missing_left);
            let end = at(last.range.end) + i64::from(missing_right);
            CopyEnds::new(bases, start, end, first.strand, at(0)..at(contig.length))
        })
    });
    ends.take(MAX_COPIES).collect()
}

/// The ends of the copies of a family that begin within the consensus and reach its end, the first ones, as the strand
/// reads on which there are more such copies: retrotransposition by target-primed reverse transcription often stops
/// before the beginning of the RNA. None if a quarter as many or more end within the consensus and reach its
/// beginning.
pub(crate) fn truncated_ends(
    copies: &[Vec<&Alignment>],
    length: u32,
    bases: &Bases<'_>,
    contigs: &[Contig],
) -> Vec<CopyEnds> {
    /// One of this many copies may lack the end instead: those that something interrupted.
    const BOTH_PART: usize = 4;
    let (mut lack_start, mut lack_end) = (Vec::new(), Vec::new());
    for fragments in copies {
        let (Some(columns), Some(first), Some(last)) = (consensus_span(fragments), fragments.first(), fragments.last())
        else {
            continue;
        };
        let contig = &contigs[first.contig as usize];
        let at = |position: u64| (contig.start + position) as i64;
        let missing_end = length - columns.end;
        let ends = |missing: u32, is_last: bool| {
            // The end that is in the consensus is where the copy ends in the genome.
            let [left, right] = if is_last == (first.strand == Strand::Forward) { [0, missing] } else { [missing, 0] };
            let (start, end) = (at(first.range.start) - i64::from(left), at(last.range.end) + i64::from(right));
            CopyEnds::new(bases, start, end, first.strand, at(0)..at(contig.length))
        };
        match (columns.start > MAX_MISSING, missing_end > MAX_MISSING) {
            (true, false) => lack_start.push(ends(missing_end, true)),
            (false, true) => lack_end.push(ends(columns.start, false).turned()),
            _ => {}
        }
    }
    let (mut more, fewer) =
        if lack_end.len() > lack_start.len() { (lack_end, lack_start) } else { (lack_start, lack_end) };
    if BOTH_PART * fewer.len() > more.len() {
        return Vec::new();
    }
    more.truncate(MAX_COPIES);
    more
}

/// One copy for each pair of flanks: others with the same flanks are duplications, not insertions.
pub(super) fn with_distinct_flanks(copies: &[CopyEnds]) -> Vec<CopyEnds> {
    let mut seen = BTreeSet::new();
    let flanks =
        |copy: &CopyEnds| (copy.before(MAX_END_OFFSET, FLANK).to_vec(), copy.behind(MAX_END_OFFSET, FLANK).to_vec());
    copies.iter().filter(|copy| seen.insert(flanks(copy))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_one_duplicated_region_count_once() {
        let copy = CopyEnds { left: [A; 2 * END_MARGIN], right: [A; 2 * END_MARGIN] };
        assert_eq!(with_distinct_flanks(&vec![copy; 9]).len(), 1);
    }
}
