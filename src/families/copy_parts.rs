//! The parts of a copy of a transposon: its terminal repeats and what lies between them, the duplicated target beside
//! it, and whether a terminal repeat lies alone.
//!
//! The terminal repeats of a family are those of its consensus. A copy has the part of each that its alignment covers.

use std::ops::Range;

use crate::align::{Alignment, Library, OperationKind};
use crate::annotate::family_and_class;
use crate::families::classify::{LTR, is_of_order};
use crate::families::terminal_repeats::{TerminalRepeats, direct_repeats, inverted_repeats};
use crate::kmer::Strand;
use crate::sequence::codes;

/// Bases of the consensus that a copy may lack at either end and still be one whose target is sought beside it:
/// alignments lose some bases of decayed ends.
const MAX_MISSING: u32 = 10;
/// Bases of a target site, at least and at most: shorter ones are frequent by chance, longer ones are those of LINEs,
/// whose lengths vary.
const SITE_LENGTHS: Range<usize> = 4..12;
/// Bases by which the ends of an alignment may be off those of the insertion.
const MAX_OFFSET: usize = 2;
/// Minimum bases of a target site that begins off the end of an alignment: there are more chances to find one.
const MIN_OFFSET_SITE: usize = 5;
/// Bases of a site that an offset of one base costs: a base of the copy is like the one behind the site in a quarter of
/// the cases, two of them are in a sixteenth.
const OFFSET_COST: i64 = 2;
/// Share of a terminal repeat, in per cent, that a copy of it alone has at least, and of the rest of the consensus that
/// it has at most.
const MIN_SOLO: u64 = 80;
const MAX_BEYOND_SOLO: u64 = 5;

/// Orders of elements with inverted terminal repeats.
const INVERTED: [&str; 3] = ["DNA", "MITE", "TIR"];

/// What the terminal repeats of an element are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepeatKind {
    /// Of a retrotransposon, in one direction.
    Long,
    /// Of a DNA transposon, one the reverse complement of the other.
    Inverted,
}

/// The terminal repeats of a consensus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) kind: RepeatKind,
    /// Bases of the consensus, 0-based and half-open.
    first: Range<u32>,
    second: Range<u32>,
}

/// The parts of a fragment of a copy: bases of its contig, 0-based and half-open, in the order of the contig.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Terminal repeats.
    pub(crate) terminal: Vec<Range<u64>>,
    /// What lies between terminal repeats.
    pub(crate) internal: Option<Range<u64>>,
}

impl Element {
    /// The element of a sequence of a library, whose class says which repeats to expect.
    pub(crate) fn of(library: &Library, number: usize) -> Option<Self> {
        let (_, class) = family_and_class(library.name(number));
        let consensus: Vec<u8> = codes(library.sequence(number)).collect();
        let (kind, TerminalRepeats { first, second, .. }) = match class {
            _ if is_of_order(class, LTR) => (RepeatKind::Long, direct_repeats(&consensus)?),
            _ if INVERTED.iter().any(|order| is_of_order(class, order)) => {
                (RepeatKind::Inverted, inverted_repeats(&consensus)?)
            }
            _ => return None,
        };
        let of = |range: Range<usize>| range.start as u32..range.end as u32;
        Some(Self { kind, first: of(first), second: of(second) })
    }

    /// The parts of a fragment, whose alignment has its columns.
    pub(crate) fn parts(&self, fragment: &Alignment) -> Parts {
        let mut terminal: Vec<Range<u64>> =
            [&self.first, &self.second].into_iter().filter_map(|range| bases_of(fragment, range)).collect();
        terminal.sort_unstable_by_key(|range| range.start);
        let internal = match self.kind {
            RepeatKind::Long => bases_of(fragment, &(self.first.end..self.second.start)),
            RepeatKind::Inverted => None,
        };
        Parts { terminal, internal }
    }

    /// Whether the fragments of a copy, in the order of the contig, are a terminal repeat without the rest of the
    /// element, as recombination of two long terminal repeats leaves it.
    pub(crate) fn is_solo<'a>(&self, fragments: impl Iterator<Item = &'a Alignment>) -> bool {
        if self.kind != RepeatKind::Long {
            return false;
        }
        let (mut in_first, mut in_second, mut between) = (0, 0, 0);
        for fragment in fragments {
            let common = |range: &Range<u32>| {
                let (start, end) =
                    (fragment.query_range.start.max(range.start), fragment.query_range.end.min(range.end));
                u64::from(end.saturating_sub(start))
            };
            in_first += common(&self.first);
            in_second += common(&self.second);
            between += common(&(self.first.end..self.second.start));
        }
        let internal = u64::from(self.second.start - self.first.end);
        let (length, least) = match in_first >= in_second {
            true => (self.first.len() as u64, in_second),
            false => (self.second.len() as u64, in_first),
        };
        100 * in_first.max(in_second) >= MIN_SOLO * length
            && 100 * (between + least) <= MAX_BEYOND_SOLO * (internal + length)
    }

    /// Whether a copy with these fragments, in the order of the contig, reaches both ends of the element, or of a
    /// terminal repeat alone.
    pub(crate) fn has_ends(&self, fragments: &[&Alignment], is_solo: bool) -> bool {
        let (Some(begin), Some(end)) = (
            fragments.iter().map(|fragment| fragment.query_range.start).min(),
            fragments.iter().map(|fragment| fragment.query_range.end).max(),
        ) else {
            return false;
        };
        let reaches = |from: u32, to: u32| begin <= from + MAX_MISSING && end + MAX_MISSING >= to;
        match is_solo {
            true => reaches(self.first.start, self.first.end) || reaches(self.second.start, self.second.end),
            false => reaches(self.first.start, self.second.end),
        }
    }
}

/// Bases of the contig that an alignment pairs with bases of the consensus, from the first to the last.
fn bases_of(alignment: &Alignment, range: &Range<u32>) -> Option<Range<u64>> {
    let mut at = alignment.range.start;
    let mut consensus = match alignment.strand {
        Strand::Forward => alignment.query_range.start,
        Strand::Reverse => alignment.query_range.end,
    };
    let mut found: Option<Range<u64>> = None;
    for operation in alignment.operations.iter() {
        let length = operation.length;
        // The bases of the consensus of these columns, whatever the strand.
        let covered = match alignment.strand {
            Strand::Forward => consensus..consensus + length,
            Strand::Reverse => consensus.saturating_sub(length)..consensus,
        };
        if operation.kind == OperationKind::Pair {
            let (start, end) = (covered.start.max(range.start), covered.end.min(range.end));
            if start < end {
                let begin = match alignment.strand {
                    Strand::Forward => at + u64::from(start - covered.start),
                    Strand::Reverse => at + u64::from(covered.end - end),
                };
                let bases = begin..begin + u64::from(end - start);
                found = Some(found.map_or(bases.clone(), |before| before.start..bases.end));
            }
        }
        if operation.kind != OperationKind::Insertion {
            consensus = if alignment.strand == Strand::Forward { covered.end } else { covered.start };
        }
        if operation.kind != OperationKind::Deletion {
            at += u64::from(length);
        }
    }
    found
}

/// The duplicated target of an insertion, from the bases before and behind it: how many bases it has, and how far it is
/// from the first and the last base of the copy; negative if within it. `before` ends with the first bases of the copy
/// and `behind` begins with the last ones, [`MAX_SITE_FLANK`] and [`MAX_SITE_OVERLAP`] bases.
pub(crate) fn target_site(before: &[u8], behind: &[u8]) -> Option<(usize, i64, i64)> {
    let mut best: Option<(i64, usize, i64, i64)> = None;
    let offsets = -(MAX_OFFSET as i64)..=MAX_OFFSET as i64;
    for (a, b) in offsets.clone().flat_map(|a| offsets.clone().map(move |b| (a, b))) {
        // The site ends `a` bases before the copy begins, and begins `b` bases behind its end.
        let (end, begin) = (before.len() as i64 - MAX_OFFSET as i64 - a, MAX_OFFSET as i64 + b);
        let off = a.abs() + b.abs();
        let least = if off == 0 { SITE_LENGTHS.start } else { MIN_OFFSET_SITE };
        let is_site = |length: &usize| {
            let one = (end as usize).checked_sub(*length).and_then(|start| before.get(start..end as usize));
            let other = behind.get(begin as usize..begin as usize + length);
            one.is_some() && one == other && one.is_some_and(|codes| codes.iter().all(|&code| code < 4))
        };
        let Some(length) = (least..SITE_LENGTHS.end).rev().find(is_site) else { continue };
        let score = length as i64 - OFFSET_COST * off;
        if best.is_none_or(|(known, ..)| score > known) {
            best = Some((score, length, a, b));
        }
    }
    best.map(|(_, length, a, b)| (length, a, b))
}

/// Bases beside a copy in which [`target_site`] searches.
pub(crate) const MAX_SITE_FLANK: usize = SITE_LENGTHS.end + MAX_OFFSET;
/// Bases of the copy that it looks at besides.
pub(crate) const MAX_SITE_OVERLAP: usize = MAX_OFFSET;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::{Column, Counts, Operations};
    use crate::random::Random;

    fn bases(random: &mut Random, length: usize) -> Vec<u8> {
        (0..length).map(|_| b"ACGT"[random.below(4)]).collect()
    }

    fn aligned(strand: Strand, query_range: Range<u32>, range: Range<u64>, operations: Operations) -> Alignment {
        let (query, contig, score, e_value, counts) = (0, 0, 1, 0.0, Counts::default());
        Alignment { query, strand, query_range, contig, range, score, e_value, counts, operations }
    }

    /// Ten pairs, five bases of the genome alone, ten pairs, five of the consensus alone, ten pairs.
    fn operations() -> Operations {
        let runs = [Column::Pair, Column::Genome, Column::Pair, Column::Query, Column::Pair];
        let lengths = [10, 5, 10, 5, 10];
        let columns = runs.into_iter().zip(lengths).flat_map(|(column, length)| std::iter::repeat_n(column, length));
        Operations::new(&columns.collect::<Vec<_>>())
    }

    #[test]
    fn ranges_of_the_consensus_are_found_on_either_strand() {
        let forward = aligned(Strand::Forward, 100..135, 1000..1035, operations());
        assert_eq!(bases_of(&forward, &(100..110)), Some(1000..1010));
        assert_eq!(bases_of(&forward, &(105..112)), Some(1005..1017));
        assert_eq!(bases_of(&forward, &(120..125)), None, "a deletion");
        assert_eq!(bases_of(&forward, &(120..127)), Some(1025..1027));
        let reverse = aligned(Strand::Reverse, 100..135, 1000..1035, operations());
        assert_eq!(bases_of(&reverse, &(125..135)), Some(1000..1010));
        assert_eq!(bases_of(&reverse, &(100..110)), Some(1025..1035));
        assert_eq!(bases_of(&reverse, &(0..100)), None);
    }

    #[test]
    fn a_terminal_repeat_alone_is_not_a_whole_element() {
        let mut random = Random::new(3);
        let mut library = Library::default();
        let ltr = bases(&mut random, 300);
        library.push("a#LTR/Gypsy", [&ltr[..], &bases(&mut random, 2000), &ltr].concat());
        library.push("b#Unknown", [&ltr[..], &bases(&mut random, 2000), &ltr].concat());
        let element = Element::of(&library, 0).expect("terminal repeats");
        assert_eq!(Element::of(&library, 1), None);
        assert!(element.first.start < 5 && element.first.len().abs_diff(300) < 10, "{element:?}");
        let copy = |range: Range<u32>| {
            let bases = 0..u64::from(range.end - range.start);
            aligned(Strand::Forward, range, bases, Operations::default())
        };
        let is_solo = |range: Range<u32>| element.is_solo([copy(range)].iter());
        assert!(is_solo(0..300) && is_solo(2300..2600) && is_solo(20..310));
        assert!(!is_solo(0..2600) && !is_solo(0..100) && !is_solo(300..2300) && !is_solo(0..800));
        assert!(element.has_ends(&[&copy(3..2595)], false) && element.has_ends(&[&copy(2303..2600)], true));
        assert!(!element.has_ends(&[&copy(30..2595)], false) && !element.has_ends(&[&copy(2303..2560)], true));
    }

    #[test]
    fn target_sites_are_equal_bases_beside_a_copy() {
        let site = |before: &str, behind: &str| {
            let codes = |text: &str| codes(text.as_bytes()).collect::<Vec<u8>>();
            target_site(&codes(before), &codes(behind))
        };
        // The last two letters of the first and the first two of the second are of the copy.
        assert_eq!(site("TTTTTTTTGGACGTACTG", "CAGACGTACCCCCCCC"), Some((7, 0, 0)));
        assert_eq!(site("TTTTTTTTTTACGTATG", "CAACGTACCCCCCCCC"), Some((5, 0, 0)));
        assert_eq!(site("TTTTTTTTTTACGTCATTG", "CAACGTCACCCCCCCC"), Some((6, 1, 0)), "one base before the copy");
        assert_eq!(site("TTTTTTTTTTACGTTTG", "CAGGGGGGGGGGGGGG"), None);
    }
}
