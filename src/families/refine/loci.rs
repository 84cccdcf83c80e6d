//! The loci of a family: where its copies lie, about. A changed consensus is aligned to them alone, so that a round of
//! refinement costs as much as the families have copies, and not as the genome has bases.

use std::cmp::Reverse;
use std::ops::Range;

use crate::align::{Alignment, ContigRange, join_ranges};
use crate::families::family::{Family, FamilyCopy};
use crate::genome::Contig;
use crate::kmer::Strand;

/// Loci of a family that refinement looks at; those of more copies are a sample. 120 copies vote on a consensus, and
/// the ends of several hundred show how a family is made up.
const MAX_LOCI: usize = 120;
/// Loci of them that are those of the best copies, which vote.
const BEST_LOCI: usize = 60;
/// Bases on either side of a copy in which the part of the consensus that it lacks is searched: a copy with a longer
/// insertion is found again by the next search of the genome.
const MAX_FLANK: u64 = 1000;
/// Bases by which ends of alignments differ between similar consensi.
const SLACK: u64 = 50;

/// The ranges in which the copies of a family lie after its consensus of `old_length` bases was replaced by one of
/// `new_length`; sorted, without overlaps.
pub(super) fn loci(
    alignments: &[Alignment],
    old_length: usize,
    new_length: usize,
    contigs: &[Contig],
) -> Vec<ContigRange> {
    let grown = (new_length.saturating_sub(old_length) as u64).min(MAX_FLANK);
    let around = |alignment: &Alignment| {
        let missing = missing(&alignment.query_range, old_length, alignment.strand);
        let length = contigs[alignment.contig as usize].length;
        ContigRange { contig: alignment.contig, range: with_flanks(&alignment.range, missing, grown, length) }
    };
    joined(alignments.iter().map(around).collect())
}

/// The ranges in which the copies of a draft lie; sorted, without overlaps.
pub(super) fn draft_loci(draft: &Family, contigs: &[Contig]) -> Vec<ContigRange> {
    let around = |copy: &FamilyCopy| {
        let ContigRange { contig, range } = in_contig(&copy.genome, contigs);
        let missing = missing(&copy.consensus, draft.consensus.len(), copy.strand);
        let length = contigs[contig as usize].length;
        ContigRange { contig, range: with_flanks(&range, missing, SLACK, length) }
    };
    joined(draft.copies.iter().map(around).collect())
}

/// A range of all contigs end to end, within one.
pub(super) fn in_contig(range: &Range<u64>, contigs: &[Contig]) -> ContigRange {
    let number = Contig::number_at(contigs, range.start);
    let start = contigs[number].start;
    ContigRange { contig: number as u32, range: range.start - start..range.end - start }
}

/// Columns of the consensus that a copy lacks before and after it in the genome.
fn missing(columns: &Range<u32>, length: usize, strand: Strand) -> [u64; 2] {
    let [before, after] = [u64::from(columns.start), length as u64 - u64::from(columns.end)];
    match strand {
        Strand::Forward => [before, after],
        Strand::Reverse => [after, before],
    }
}

/// A range of a contig of this length, with space for what it lacks and by how much the consensus has grown.
fn with_flanks(range: &Range<u64>, missing: [u64; 2], grown: u64, length: u64) -> Range<u64> {
    let [before, after] = missing.map(|missing| missing.min(MAX_FLANK) + grown + SLACK);
    range.start.saturating_sub(before)..(range.end + after).min(length)
}

/// Ranges sorted, those that overlap as one.
pub(super) fn joined(mut ranges: Vec<ContigRange>) -> Vec<ContigRange> {
    ranges.sort_unstable_by_key(|range| (range.contig, range.range.start, range.range.end));
    join_ranges(&mut ranges, 0);
    ranges
}

/// Keeps, of alignments by position, those at [`MAX_LOCI`] loci of each family, and those of other families there: which
/// family a locus belongs to shows only if all families that align to it are known. Returns which of the `families` lost
/// alignments.
pub(super) fn sample_loci(alignments: &mut Vec<Alignment>, families: usize) -> Vec<bool> {
    let mut of_family: Vec<Vec<usize>> = vec![Vec::new(); families];
    for (number, alignment) in alignments.iter().enumerate() {
        of_family[alignment.query as usize].push(number);
    }
    if of_family.iter().all(|numbers| numbers.len() <= MAX_LOCI) {
        return vec![false; families];
    }
    let mut chosen = vec![false; alignments.len()];
    for mut numbers in of_family {
        if numbers.len() > MAX_LOCI {
            numbers.sort_by_key(|&number| (Reverse(alignments[number].score), number));
            let mut others = numbers.split_off(BEST_LOCI);
            others.sort_unstable();
            let wanted = MAX_LOCI - BEST_LOCI;
            numbers.extend((0..wanted).map(|at| others[at * others.len() / wanted]));
        }
        numbers.into_iter().for_each(|number| chosen[number] = true);
    }
    let keep = near_chosen(alignments, &chosen);
    let mut lost = vec![false; families];
    alignments.iter().zip(&keep).filter(|(_, kept)| !**kept).for_each(|(a, _)| lost[a.query as usize] = true);
    let mut keep = keep.into_iter();
    alignments.retain(|_| keep.next() == Some(true));
    lost
}

/// The known alignments of a family, and those of others that overlap none of them, by position.
pub(super) fn with_new(known: Vec<Alignment>, others: Vec<Alignment>) -> Vec<Alignment> {
    let known = known.into_iter().map(|alignment| (alignment, true));
    let mut all: Vec<(Alignment, bool)> = known.chain(others.into_iter().map(|alignment| (alignment, false))).collect();
    all.sort_by_key(|(alignment, _)| alignment.sort_key());
    let (mut alignments, is_known): (Vec<Alignment>, Vec<bool>) = all.into_iter().unzip();
    let mut keep = near_chosen(&alignments, &is_known).into_iter().zip(&is_known).map(|(near, known)| *known || !near);
    alignments.retain(|_| keep.next() == Some(true));
    alignments
}

/// For each alignment, by position, whether it overlaps a chosen one or is chosen.
fn near_chosen(alignments: &[Alignment], chosen: &[bool]) -> Vec<bool> {
    let mut near = chosen.to_vec();
    // Forward for what begins within or after a chosen one, backward for what a chosen one begins in.
    let mut end = (0, 0);
    for (number, alignment) in alignments.iter().enumerate() {
        near[number] |= end.0 == alignment.contig && alignment.range.start < end.1;
        if chosen[number] {
            end = end.max((alignment.contig, alignment.range.end));
        }
    }
    let mut start: Option<(u32, u64)> = None;
    for (number, alignment) in alignments.iter().enumerate().rev() {
        near[number] |= start.is_some_and(|(contig, start)| contig == alignment.contig && start < alignment.range.end);
        if chosen[number] {
            start = Some((alignment.contig, alignment.range.start));
        }
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::{Counts, Operations};
    use crate::random::Random;

    fn alignment(query: u32, contig: u32, range: Range<u64>, columns: Range<u32>, strand: Strand) -> Alignment {
        let score = (range.end - range.start) as i32;
        let (counts, operations) = (Counts::default(), Operations::default());
        Alignment { query, strand, query_range: columns, contig, range, score, e_value: 0.0, counts, operations }
    }

    #[test]
    fn loci_have_space_for_what_a_copy_lacks_and_join_if_they_overlap() {
        let contigs: Vec<Contig> = [("a", 0, 10_000), ("b", 10_000, 400)]
            .map(|(name, start, length)| Contig {
                name: name.to_owned(),
                description: String::new(),
                length,
                start,
                record: 0,
            })
            .to_vec();
        let copies = [
            alignment(0, 0, 2000..2100, 10..110, Strand::Forward),
            alignment(0, 0, 2400..2500, 200..300, Strand::Reverse),
            alignment(0, 0, 9000..9100, 0..100, Strand::Reverse),
            alignment(0, 1, 10..390, 0..380, Strand::Forward),
        ];
        let found: Vec<(u32, Range<u64>)> =
            loci(&copies, 400, 420, &contigs).into_iter().map(|r| (r.contig, r.range)).collect();
        // 290 columns are missing after the first copy, and 100 columns, the last ones, before the second.
        assert_eq!(found, [(0, 1920..2770), (0, 8630..9170), (1, 0..400)]);
    }

    #[test]
    fn new_copies_are_those_that_overlap_no_known_one() {
        let copy = |contig, range: Range<u64>| {
            let columns = 0..(range.end - range.start) as u32;
            alignment(0, contig, range, columns, Strand::Forward)
        };
        let known = vec![copy(0, 100..900), copy(0, 300..400), copy(1, 0..50)];
        let others = vec![copy(0, 0..101), copy(0, 500..600), copy(0, 900..1000), copy(1, 60..70), copy(2, 0..9)];
        let all: Vec<(u32, Range<u64>)> = with_new(known, others).into_iter().map(|a| (a.contig, a.range)).collect();
        assert_eq!(all, [(0, 100..900), (0, 300..400), (0, 900..1000), (1, 0..50), (1, 60..70), (2, 0..9)]);
    }

    #[test]
    fn a_sample_of_loci_has_all_families_that_align_there() {
        let mut random = Random::new(7);
        let mut alignments = Vec::new();
        for copy in 0..3000u64 {
            let start = 1000 * copy + random.below(200) as u64;
            let length = 100 + random.below(400) as u64;
            alignments.push(alignment(0, 0, start..start + length, 0..length as u32, Strand::Forward));
            if copy % 3 == 0 {
                alignments.push(alignment(1, 0, start + 50..start + 250, 0..200, Strand::Forward));
            }
            if copy % 50 == 0 {
                alignments.push(alignment(2, 0, start + 20..start + 90, 0..70, Strand::Forward));
            }
        }
        alignments.sort_unstable_by_key(Alignment::sort_key);
        let all = alignments.clone();
        let lost = sample_loci(&mut alignments, 3);
        assert_eq!(lost, [true, true, false]);
        let count = |query: u32| alignments.iter().filter(|a| a.query == query).count();
        assert_eq!(count(2), 60);
        assert!(count(0) >= MAX_LOCI && count(0) < 1000, "{}", count(0));
        // What overlaps a locus of the rarest family is there.
        let rare = all.iter().filter(|a| a.query == 2);
        for locus in rare {
            let overlaps = |a: &&Alignment| a.range.start < locus.range.end && locus.range.start < a.range.end;
            assert_eq!(alignments.iter().filter(overlaps).count(), all.iter().filter(overlaps).count());
        }
    }
}
