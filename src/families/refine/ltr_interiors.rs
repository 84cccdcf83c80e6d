//! Internal parts of LTR elements with too few whole copies for a family of their own: sequences between two
//! neighbouring copies of a terminal repeat, if they occur in two loci that are not duplicates of each other.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::families::bases::{Bases, UNKNOWN};
use crate::families::copies::PlacedAlignment;
use crate::families::family::FamilyCopy;
use crate::families::flanks::{flanks_differ, words};
use crate::families::refine::assign::Assignment;
use crate::families::refine::loci::{in_contig, joined};
use crate::families::refine::state::FamilyState;
use crate::families::terminal_repeats::{ElementPart, INTERIOR_LENGTHS, REPEAT_LENGTHS};
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::sequence::reverse_complement;

/// Per cent of the terminal repeat that a copy covers if it bounds an element.
const MIN_REPEAT_COVERED: usize = 70;
/// Intervals between copies of one family that are compared, the shortest: bounds the pairs.
const MAX_INTERVALS: usize = 400;
/// One of this many bases of a interval may be unknown.
const MAX_UNKNOWN_PART: usize = 20;
/// Two intervals are alike if they share one of this many of the words of the shorter one: words of 9 bases are as
/// frequent in copies that differ by 16 %, and far rarer in random sequence of this length.
const ALIKE: usize = 5;
/// Intervals that a word may be in: more frequent ones are of other repeats.
const INTERVALS_PER_WORD: Range<usize> = 2..20;

/// Intervals that an internal part fills: the sequence between two repeats of one locus may be anything.
const MIN_FILLED: usize = 2;

/// An interval of the genome between two copies of a terminal repeat, on their strand.
type Interval = (Range<u64>, Strand);

/// Internal parts that have no family: between two copies each of one that is known, on one strand, in two loci or
/// more that are not duplicates of each other.
pub(super) fn find_ltr_interiors(
    families: &[FamilyState],
    kept: &[bool],
    placed: &[PlacedAlignment<'_>],
    assignment: &Assignment,
    bases: &Bases<'_>,
    contigs: &[Contig],
) -> Vec<FamilyState> {
    let explained = CopyRanges::new(placed, assignment);
    let mut found = Vec::new();
    for (family, exclusive) in assignment.exclusive.iter().enumerate() {
        let length = families[family].consensus.len();
        if !kept[family] || !REPEAT_LENGTHS.contains(&length) {
            continue;
        }
        let copies = exclusive.iter().map(|&i| &placed[i]);
        let mut intervals = intervals_between(copies, length);
        intervals.retain(|(range, _)| {
            2 * explained.unexplained_bases(range) > range.end - range.start && is_known(bases, range)
        });
        intervals.sort_by_key(|(range, _)| (range.end - range.start, range.start));
        intervals.truncate(MAX_INTERVALS);
        let terminal_repeat = length as u64;
        let ranges: Vec<&Range<u64>> = intervals.iter().map(|(range, _)| range).collect();
        for which in representatives(&ranges, terminal_repeat, bases) {
            let (genome, strand) = intervals[which].clone();
            let consensus = read(bases, &genome, strand);
            let seed = FamilyCopy { genome, strand, consensus: 0..consensus.len() as u32 };
            let state = FamilyState::new(consensus, seed);
            // Its copies lie between copies of its terminal repeat.
            let loci = joined(ranges.iter().map(|range| in_contig(range, contigs)).collect());
            found.push(FamilyState { part: ElementPart::Internal, terminal_repeat, loci, ..state });
        }
    }
    found
}

/// Intervals between neighbouring copies of a terminal repeat of `length` bases, on one contig and strand.
fn intervals_between<'a>(copies: impl Iterator<Item = &'a PlacedAlignment<'a>>, length: usize) -> Vec<Interval> {
    let is_whole = |copy: &&PlacedAlignment<'_>| 100 * copy.alignment.query_range.len() >= MIN_REPEAT_COVERED * length;
    let mut whole: Vec<&PlacedAlignment<'_>> = copies.filter(is_whole).collect();
    whole.sort_unstable_by_key(|copy| copy.genome.start);
    let between = whole.windows(2).filter(|pair| {
        let distance = pair[1].genome.start.saturating_sub(pair[0].genome.end);
        let (a, b) = (pair[0].alignment, pair[1].alignment);
        a.contig == b.contig && a.strand == b.strand && INTERIOR_LENGTHS.contains(&distance)
    });
    between.map(|pair| (pair[0].genome.end..pair[1].genome.start, pair[0].alignment.strand)).collect()
}

/// The intervals between copies of one terminal repeat that may be elements, of all families that are `kept`.
pub(super) struct BoundedIntervals(Vec<(usize, Range<u64>)>);

impl BoundedIntervals {
    pub(super) fn new(
        families: &[FamilyState],
        kept: &[bool],
        placed: &[PlacedAlignment<'_>],
        assignment: &Assignment,
    ) -> Self {
        let mut found = Vec::new();
        for (family, exclusive) in assignment.exclusive.iter().enumerate() {
            let length = families[family].consensus.len();
            if kept[family] && REPEAT_LENGTHS.contains(&length) {
                // The two terminal repeats of an element may fit two subfamilies.
                let siblings = (0..families.len()).filter(|&other| families[other].is_sibling(&families[family]));
                let of_siblings =
                    siblings.filter(|&other| other != family).flat_map(|other| &assignment.exclusive[other]);
                let copies = exclusive.iter().chain(of_siblings).map(|&i| &placed[i]);
                let intervals = intervals_between(copies, length);
                found.extend(intervals.into_iter().map(|(range, _)| (family, range)));
            }
        }
        Self(found)
    }

    /// Whether two copies of a family or more, and most of its bases, fill such intervals: it is the internal part of
    /// an element.
    pub(super) fn are_filled_by(&self, family: usize, copies: &[&PlacedAlignment<'_>]) -> bool {
        let fills = |copy: &PlacedAlignment<'_>| {
            self.0.iter().any(|(bounded_by, range)| {
                let overlap = copy.genome.end.min(range.end).saturating_sub(copy.genome.start.max(range.start));
                *bounded_by != family && 2 * overlap > (range.end - range.start).max(copy.bases())
            })
        };
        let filling: Vec<u64> = copies.iter().filter(|copy| fills(copy)).map(|copy| copy.bases()).collect();
        let all: u64 = copies.iter().map(|copy| copy.bases()).sum();
        filling.len() >= MIN_FILLED && 2 * filling.iter().sum::<u64>() > all
    }
}

/// Bases of the genome in the copies of all families.
struct CopyRanges {
    /// Ascending, and may overlap.
    ranges: Vec<Range<u64>>,
    longest: u64,
}

impl CopyRanges {
    fn new(placed: &[PlacedAlignment<'_>], assignment: &Assignment) -> Self {
        let mut ranges: Vec<Range<u64>> =
            assignment.exclusive.iter().flatten().map(|&i| placed[i].genome.clone()).collect();
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        let longest = ranges.iter().map(|range| range.end - range.start).max().unwrap_or(0);
        Self { ranges, longest }
    }

    /// Bases of a range in no copy.
    fn unexplained_bases(&self, range: &Range<u64>) -> u64 {
        let mut at = range.start;
        let mut count = 0;
        for other in &self.ranges[self.ranges.partition_point(|r| r.start + self.longest < range.start)..] {
            if other.start >= range.end {
                break;
            }
            count += other.start.saturating_sub(at).min(range.end - at);
            at = at.max(other.end).min(range.end);
        }
        count + range.end - at
    }
}

/// Whether nearly all bases of a range are known.
fn is_known(bases: &Bases<'_>, range: &Range<u64>) -> bool {
    let codes = bases.codes(range);
    MAX_UNKNOWN_PART * codes.iter().filter(|&&code| code == UNKNOWN).count() <= codes.len()
}

/// The bases of a range as its strand reads; unknown ones are arbitrary.
fn read(bases: &Bases<'_>, range: &Range<u64>, strand: Strand) -> Vec<u8> {
    let forward: Vec<u8> = bases.codes(range).iter().map(|code| code & 3).collect();
    match strand {
        Strand::Forward => forward,
        Strand::Reverse => reverse_complement(&forward).collect(),
    }
}

/// The first of each set of ranges that share words, and whose flanks beyond the repeats around them differ.
fn representatives(ranges: &[&Range<u64>], terminal_repeat: u64, bases: &Bases<'_>) -> Vec<usize> {
    let mut holders: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut word_counts = Vec::with_capacity(ranges.len());
    for (number, &range) in ranges.iter().enumerate() {
        let words = words(bases, range.clone());
        word_counts.push(words.len());
        words.into_iter().for_each(|word| holders.entry(word).or_default().push(number));
    }
    let mut shared: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for holders in holders.values().filter(|holders| INTERVALS_PER_WORD.contains(&holders.len())) {
        for (i, &a) in holders.iter().enumerate() {
            holders[i + 1..].iter().for_each(|&b| *shared.entry((a, b)).or_default() += 1);
        }
    }
    let mut in_set = vec![false; ranges.len()];
    let mut first = Vec::new();
    for (&(a, b), &count) in &shared {
        if ALIKE * count < word_counts[a].min(word_counts[b]) || in_set[b] {
            continue;
        }
        let around = |i: usize| bases.around(ranges[i], terminal_repeat);
        if in_set[a] || flanks_differ(&around(a), &around(b), bases) {
            if !in_set[a] {
                first.push(a);
            }
            in_set[a] = true;
            in_set[b] = true;
        }
    }
    first
}
