//! Which of the refined families are families of transposons, and what they are like.

use std::collections::BTreeSet;
use std::ops::Range;

use super::places::Placed;
use super::{RefineOptions, RefinedFamily, Working};
use crate::align::Alignment;
use crate::kmer::Strand;
use crate::repeats::bases::{Bases, UNKNOWN};

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
}

/// Bases of a flank that are compared.
const FLANK: u64 = 120;
/// Words of a flank.
const WORD: usize = 9;
/// Copies of which flanks are compared: more than these need not be looked at.
const LOOKED_AT: usize = 60;

/// Copies one behind the other on one strand are one place.
struct Place {
    genome: Range<u64>,
    copies: usize,
}

/// Keeps the families that have copies in enough places, with their statistics, those with most bases first.
pub(super) fn judge(
    families: Vec<(Working, Vec<usize>)>,
    alignments: &[Alignment],
    placed: &[Placed<'_>],
    bases: &Bases,
    options: &RefineOptions,
    left_out: &mut LeftOut,
) -> Vec<RefinedFamily> {
    let mut kept: Vec<(u64, RefinedFamily)> = Vec::new();
    for (family, mut own) in families {
        own.sort_unstable();
        let copies: Vec<&Placed<'_>> = own.iter().map(|&i| &placed[i]).collect();
        let length = family.consensus.len() as u64;
        if is_simple(&family.consensus) {
            left_out.simple += 1;
            continue;
        }
        // A copy of a trifle shows nothing.
        let shown: Vec<&Placed<'_>> = copies.iter().copied().filter(|c| c.bases() >= (length / 4).min(40)).collect();
        let places = places(&shown, length);
        let in_rows: usize = places.iter().filter(|p| p.copies > 1).map(|p| p.copies).sum();
        let tandem = 2 * in_rows > shown.len();
        if places.len() < options.min_copies {
            *(if tandem { &mut left_out.tandem_arrays } else { &mut left_out.few_copies }) += 1;
            continue;
        }
        if !flanks_differ(&places, bases, options.min_copies) {
            left_out.like_flanks += 1;
            continue;
        }
        let total = copies.iter().map(|c| c.bases()).sum();
        let copies = own.iter().map(|&i| alignments[i].clone()).collect();
        let family = RefinedFamily { consensus: family.consensus, seed: family.seed, copies, tandem };
        kept.push((total, family));
    }
    kept.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.consensus.cmp(&b.1.consensus)));
    kept.into_iter().map(|(_, family)| family).collect()
}

/// Whether a sequence is a repeat of up to ten bases, most of it.
fn is_simple(consensus: &[u8]) -> bool {
    (1..=10).any(|period| {
        let pairs = consensus.len().saturating_sub(period);
        let same = consensus.iter().zip(consensus.iter().skip(period)).filter(|(a, b)| a == b).count();
        pairs == 0 || 4 * same >= 3 * pairs
    })
}

/// Copies by place, those in a row taken together.
fn places(copies: &[&Placed<'_>], length: u64) -> Vec<Place> {
    let mut places: Vec<(Place, Strand)> = Vec::new();
    for copy in copies {
        let strand = copy.alignment.strand;
        match places.last_mut() {
            Some((place, before))
                if *before == strand && copy.genome.start < place.genome.end + (length / 3).clamp(20, 500) =>
            {
                place.genome.end = place.genome.end.max(copy.genome.end);
                place.copies += 1;
            }
            _ => places.push((Place { genome: copy.genome.clone(), copies: 1 }, strand)),
        }
    }
    places.into_iter().map(|(place, _)| place).collect()
}

/// Canonical words of a stretch, sorted.
fn words(bases: &Bases, range: Range<u64>) -> BTreeSet<u32> {
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

/// Whether at least `least` places have flanks of their own: neither side is like that of a place before.
fn flanks_differ(places: &[Place], bases: &Bases, least: usize) -> bool {
    let mut seen: Vec<[BTreeSet<u32>; 2]> = Vec::new();
    for place in places.iter().take(LOOKED_AT) {
        let contig = bases.contig_of(place.genome.start);
        let before = place.genome.start.saturating_sub(FLANK).max(contig.start)..place.genome.start;
        let after = place.genome.end..(place.genome.end + FLANK).min(contig.end);
        let flanks = [words(bases, before), words(bases, after)];
        // Two random flanks share less than one word in ten.
        let alike = |a: &BTreeSet<u32>, b: &BTreeSet<u32>| {
            let fewer = a.len().min(b.len());
            fewer >= 20 && 6 * a.intersection(b).count() >= fewer
        };
        let like = |other: &[BTreeSet<u32>; 2]| {
            let pairs = |x: usize, y: usize| alike(&flanks[0], &other[x]) && alike(&flanks[1], &other[y]);
            pairs(0, 1) || pairs(1, 0)
        };
        if !seen.iter().any(like) {
            seen.push(flanks);
            if seen.len() >= least {
                return true;
            }
        }
    }
    false
}
