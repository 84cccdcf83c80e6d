//! Which of the refined families are families of transposons, and what they are like.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::align::Alignment;
use crate::families::bases::{Bases, UNKNOWN};
use crate::families::classify::copy_ends;
use crate::families::refine::coding::{are_coding, are_genes};
use crate::families::refine::places::span;
use crate::families::refine::{Placed, Working};
use crate::families::statistics::insertions;
use crate::families::{Part, RefineOptions, classify};
use crate::genome::Contig;
use crate::kmer::Strand;

/// Drafts that are no family of their own, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeftOut {
    /// Contained in another family.
    pub contained: u64,
    /// Too few copies, or none that agree.
    pub few_copies: u64,
    /// Copies with one flank: segmental duplications, plasmids, duplicates of an assembly.
    pub like_flanks: u64,
    /// Tandem arrays in fewer places than a family needs copies.
    pub tandem_arrays: u64,
    /// Microsatellites and other sequence of low complexity.
    pub simple: u64,
    /// Genes of the genome of which there are several: copies that differ at third bases of codons and have no stops.
    pub genes: u64,
}

/// Bases of a flank that are compared.
const FLANK: u64 = 120;
/// Words of a flank.
const WORD: usize = 9;
/// Bases from which on a family is as long as a stretch of the genome with several genes.
const BLOCK: u64 = 8000;
/// Whole copies that show the inside of an element, where its terminal repeat has enough copies.
const INSIDES: usize = 2;
/// Copies of which flanks are compared: more than these need not be looked at.
const LOOKED_AT: usize = 60;

/// Copies one behind the other on one strand are one place.
struct Place {
    genome: Range<u64>,
    copies: usize,
    /// What they cover of the consensus.
    columns: Vec<Range<u32>>,
}

impl Place {
    /// Whether it has a quarter or more of a consensus of this length.
    fn is_large(&self, length: u64) -> bool {
        4 * self.columns.iter().map(|columns| u64::from(columns.end - columns.start)).sum::<u64>() >= length
    }

    /// Whether more than half of it lies in one of these ranges.
    fn lies_in(&self, ranges: &[Range<u64>]) -> bool {
        let Range { start, end } = self.genome;
        ranges.iter().any(|range| 2 * range.end.min(end).saturating_sub(range.start.max(start)) > end - start)
    }
}

/// What a family turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A family; whether most of its copies lie in rows.
    Family { tandem: bool },
    /// No family of transposons.
    Not(Why),
}

/// Why it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    FewCopies,
    LikeFlanks,
    TandemArray,
    Simple,
    Genes,
}

impl LeftOut {
    pub(crate) fn count(&mut self, why: Why) {
        *match why {
            Why::FewCopies => &mut self.few_copies,
            Why::LikeFlanks => &mut self.like_flanks,
            Why::TandemArray => &mut self.tandem_arrays,
            Why::Simple => &mut self.simple,
            Why::Genes => &mut self.genes,
        } += 1;
    }
}

/// Judges a family by its copies, which come by place.
pub(crate) fn judge(
    family: &Working,
    copies: &[&Placed<'_>],
    bases: &Bases,
    contigs: &[Contig],
    options: &RefineOptions,
) -> Verdict {
    let length = family.consensus.len() as u64;
    if is_simple(&family.consensus) {
        return Verdict::Not(Why::Simple);
    }
    let parts = insertions(copies.iter().map(|copy| copy.alignment));
    let places = places(&parts, length, bases);
    let all: usize = places.iter().map(|p| p.copies).sum();
    // Copies of a short repeat within the consensus are no row of it.
    let is_row = |p: &&Place| p.copies > 1 && 2 * (p.genome.end - p.genome.start) >= 3 * length;
    let in_rows: usize = places.iter().filter(is_row).map(|p| p.copies).sum();
    let tandem = 2 * in_rows > all;
    let least = if family.part == Part::Inside { options.min_copies.min(INSIDES) } else { options.min_copies };
    if places.len() < least {
        return Verdict::Not(if tandem { Why::TandemArray } else { Why::FewCopies });
    }
    if !differ(&places, family.beside, length, bases, least) {
        return Verdict::Not(Why::LikeFlanks);
    }
    // What has the marks of a transposon is one, whatever it codes for.
    let class = || classify(&family.consensus, tandem, &copy_ends(&parts, length as u32, bases, contigs)).0;
    let large = || places.iter().filter(|place| place.is_large(length));
    // A long stretch of a genome in no more places than a family needs, and codes: one with genes that was doubled.
    if family.part == Part::Whole
        && length >= BLOCK
        && large().count() <= least
        && are_coding(&family.consensus, copies, bases)
        && class() == "Unknown"
    {
        return Verdict::Not(Why::LikeFlanks);
    }
    // What a block of the genome brought with it, and has few copies elsewhere, is a block as well.
    if !family.block.is_empty() {
        let inside = large().filter(|place| place.lies_in(&family.block)).count();
        if large().count() < (4 * inside).max(least) {
            return Verdict::Not(Why::LikeFlanks);
        }
    }
    let genes = family.part == Part::Whole && are_genes(&family.consensus, copies, bases);
    if genes && matches!(class(), "Unknown" | "Satellite") {
        return Verdict::Not(Why::Genes);
    }
    Verdict::Family { tandem }
}

/// Whether a sequence is a repeat of up to ten bases, most of it.
fn is_simple(consensus: &[u8]) -> bool {
    (1..=10).any(|period| {
        let pairs = consensus.len().saturating_sub(period);
        let same = consensus.iter().zip(consensus.iter().skip(period)).filter(|(a, b)| a == b).count();
        pairs == 0 || 4 * same >= 3 * pairs
    })
}

/// Copies by place, those in a row taken together; a copy of a trifle shows nothing.
fn places(copies: &[Vec<&Alignment>], length: u64, bases: &Bases) -> Vec<Place> {
    let mut places: Vec<(Place, Strand)> = Vec::new();
    for parts in copies {
        let (Some(genome), Some(first)) = (span(parts, bases), parts.first()) else { continue };
        let strand = first.strand;
        if genome.end < genome.start + (length / 4).min(40) {
            continue;
        }
        let columns = parts.iter().map(|part| part.query_range.clone());
        match places.last_mut() {
            Some((place, before))
                if *before == strand && genome.start < place.genome.end + (length / 3).clamp(20, 500) =>
            {
                place.genome.end = place.genome.end.max(genome.end);
                place.copies += 1;
                place.columns.extend(columns);
            }
            _ => places.push((Place { genome, copies: 1, columns: columns.collect() }, strand)),
        }
    }
    places.into_iter().map(|(place, _)| place).collect()
}

/// Words of a stretch, each as the smaller of itself and its reverse complement.
pub(crate) fn words(bases: &Bases, range: Range<u64>) -> BTreeSet<u32> {
    let codes = &bases.codes()[range.start as usize..range.end as usize];
    let windows = codes.windows(WORD).filter(|w| w.iter().all(|c| c & UNKNOWN == 0));
    windows
        .map(|w| {
            let forward = w.iter().fold(0, |word, &code| word << 2 | u32::from(code & 3));
            let reverse = w.iter().rev().fold(0, |word, &code| word << 2 | u32::from(code & 3 ^ 2));
            forward.min(reverse)
        })
        .collect()
}

/// The words of what lies before and behind a range.
type Flanks = [BTreeSet<u32>; 2];

fn flanks(range: &Range<u64>, bases: &Bases) -> Flanks {
    let around = bases.around(range, FLANK);
    [words(bases, around.start..range.start), words(bases, range.end..around.end)]
}

/// Whether two flanks share more words than random ones, which have less than one in ten in common.
fn alike(a: &BTreeSet<u32>, b: &BTreeSet<u32>) -> bool {
    let fewer = a.len().min(b.len());
    fewer >= 20 && 6 * a.intersection(b).count() >= fewer
}

/// Whether both flanks of one are like those of the other, on either strand.
fn like(one: &Flanks, other: &Flanks) -> bool {
    let pairs = |x: usize, y: usize| alike(&one[0], &other[x]) && alike(&one[1], &other[y]);
    pairs(0, 1) || pairs(1, 0)
}

/// Whether two ranges have flanks of their own.
pub(crate) fn flanks_differ(one: &Range<u64>, other: &Range<u64>, bases: &Bases) -> bool {
    !like(&flanks(one, bases), &flanks(other, bases))
}

/// Whether no flank of one copy is like the one on the same side of the other.
pub(crate) fn neither_flank_like(one: &Placed<'_>, other: &Placed<'_>, bases: &Bases) -> bool {
    let turned = usize::from(one.alignment.strand != other.alignment.strand);
    let (one, other) = (flanks(&one.genome, bases), flanks(&other.genome, bases));
    (0..2).all(|side| !alike(&one[side], &other[side ^ turned]))
}

/// Whether `least` places of which the flanks differ cover half of the consensus: more than its copies make a duplication of a part of
/// the genome a family, where a piece of it lies elsewhere.
fn differ(places: &[Place], beside: u64, length: u64, bases: &Bases, least: usize) -> bool {
    let mut order: Vec<&Place> = places.iter().collect();
    order.sort_by_key(|place| (std::cmp::Reverse(place.genome.end - place.genome.start), place.genome.start));
    let mut seen: Vec<(Flanks, Vec<&Range<u32>>)> = Vec::new();
    for place in order.into_iter().take(LOOKED_AT) {
        let flanks = flanks(&bases.around(&place.genome, beside), bases);
        match seen.iter_mut().find(|(other, _)| like(&flanks, other)) {
            Some((_, columns)) => columns.extend(&place.columns),
            None => seen.push((flanks, place.columns.iter().collect())),
        }
    }
    if seen.len() < least || seen.len() == places.len().min(LOOKED_AT) {
        return seen.len() >= least;
    }
    let mut depth = vec![0usize; length as usize];
    for (_, columns) in seen {
        let mut covered = vec![false; depth.len()];
        columns.iter().for_each(|range| covered[range.start as usize..range.end as usize].fill(true));
        depth.iter_mut().zip(covered).for_each(|(depth, covered)| *depth += usize::from(covered));
    }
    2 * depth.iter().filter(|&&depth| depth >= least).count() as u64 >= length
}
