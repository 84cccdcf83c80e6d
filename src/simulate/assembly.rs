//! The genome of a simulation: inserts placed into a random background, and cut into contigs.

use std::ops::Range;

use crate::random::Random;
use crate::simulate::inserts::{Insert, Planter};
use crate::simulate::options::SimulationOptions;
use crate::simulate::truth::TrueCopy;

/// Bases of a target site duplication, which repeats the background after an insert.
const TARGET_SITES: Range<usize> = 4..9;
/// The background has at least one n-th of the bases of the requested genome.
const MIN_BACKGROUND_PART: usize = 4;
/// Minimum bases of the background.
const MIN_BACKGROUND: usize = 1000;
/// Duplicated segments are inserted until their bases are one n-th of the share of the options: their sources are the
/// rest of it.
const DUPLICATION_COPIES: usize = 2;

/// Bases that inserts have so far.
fn length(inserts: &[Insert]) -> usize {
    inserts.iter().map(|insert| insert.letters.len()).sum()
}

/// Copies of all families: the fewest of each first, then others in random order until the share of repeats is reached.
pub(crate) fn plant_copies(planter: &mut Planter<'_>, others: Vec<usize>) -> Vec<Insert> {
    let SimulationOptions { bases, repeats, copies: (fewest, _), .. } = *planter.options;
    let families = planter.families.len();
    let first = (0..families).flat_map(|family| std::iter::repeat_n(family, fewest));
    let mut inserts: Vec<Insert> = Vec::new();
    let mut planted = 0;
    for family in first.chain(others) {
        if inserts.len() >= fewest * families && planted >= bases / 100 * repeats {
            break;
        }
        let insert = planter.copy(family, 0);
        planted += insert.letters.len();
        inserts.push(insert);
    }
    inserts
}

/// A genome in one piece and the truth about it, from copies of families.
pub(crate) fn assemble(mut planter: Planter<'_>, mut inserts: Vec<Insert>) -> (Vec<u8>, Vec<TrueCopy>) {
    let options = planter.options;
    let share = options.bases / 100 * options.others;
    let mut arrays = 0;
    while arrays < share {
        let array = planter.tandem_array();
        arrays += array.letters.len();
        inserts.push(array);
    }
    let planted = length(&inserts);
    let least = (options.bases / MIN_BACKGROUND_PART).max(MIN_BACKGROUND);
    let background = planter.random.bases_with_gc(options.bases.saturating_sub(planted).max(least), options.gc);
    let mut sources = Vec::new();
    let mut duplicated = 0;
    while duplicated < share / DUPLICATION_COPIES {
        let (insert, source) = planter.duplication(&background);
        duplicated += source.len();
        sources.push((source, insert.segments[0].clone()));
        inserts.push(insert);
    }
    planter.random.shuffle(&mut inserts);
    place_inserts(&mut planter.random, &background, &sources, inserts, options.bases + planted)
}

/// Places inserts at random into the background, each with a target site duplication.
fn place_inserts(
    random: &mut Random,
    background: &[u8],
    sources: &[(Range<usize>, TrueCopy)],
    inserts: Vec<Insert>,
    capacity: usize,
) -> (Vec<u8>, Vec<TrueCopy>) {
    let mut cuts: Vec<usize> = inserts.iter().map(|_| random.within(0..background.len() + 1)).collect();
    cuts.sort_unstable();
    let mut genome = Vec::with_capacity(capacity);
    let mut copies = Vec::new();
    let mut done = 0;
    for (insert, cut) in inserts.into_iter().zip(cuts) {
        append_background(&mut genome, background, done..cut, sources, &mut copies);
        let site = done.max(cut.saturating_sub(random.within(TARGET_SITES)));
        copies.extend(insert.segments.into_iter().map(|segment| segment.moved(genome.len())));
        genome.extend(insert.letters);
        genome.extend_from_slice(&background[site..cut]);
        done = cut;
    }
    append_background(&mut genome, background, done..background.len(), sources, &mut copies);
    (genome, copies)
}

/// Appends a range of the background, and the sources of duplications in it to the truth.
fn append_background(
    genome: &mut Vec<u8>,
    background: &[u8],
    range: Range<usize>,
    sources: &[(Range<usize>, TrueCopy)],
    copies: &mut Vec<TrueCopy>,
) {
    for (source, duplicate) in sources {
        let part = source.start.max(range.start)..source.end.min(range.end);
        if part.start < part.end {
            let at = genome.len() + part.start - range.start;
            copies.push(TrueCopy { range: at..at + part.len(), divergence: 0, ..duplicate.clone() });
        }
    }
    genome.extend_from_slice(&background[range]);
}

/// Cuts a genome into contigs of equal length, and the copies at the ends of contigs.
pub(crate) fn cut_contigs(genome: &[u8], copies: &[TrueCopy], contigs: usize) -> (Vec<Vec<u8>>, Vec<TrueCopy>) {
    let contigs = contigs.clamp(1, genome.len());
    let edge =
        |contig: usize| genome.len() / contigs * contig + if contig == contigs { genome.len() % contigs } else { 0 };
    let mut cut = Vec::with_capacity(copies.len());
    for contig in 0..contigs {
        let (from, to) = (edge(contig), edge(contig + 1));
        for copy in copies {
            let range = copy.range.start.max(from)..copy.range.end.min(to);
            if range.start >= range.end {
                continue;
            }
            let (before, after) = (range.start - copy.range.start, copy.range.end - range.end);
            let (first, last) = if copy.reverse { (after, before) } else { (before, after) };
            // As exact as the indels of the copy allow.
            let share = |bases: usize| bases * copy.consensus.len() / copy.range.len();
            let consensus = copy.consensus.start + share(first)..copy.consensus.end - share(last);
            let range = range.start - from..range.end - from;
            cut.push(TrueCopy { contig, range, consensus, ..copy.clone() });
        }
    }
    cut.sort_by_key(|copy| (copy.contig, copy.range.start, copy.insertion));
    ((0..contigs).map(|contig| genome[edge(contig)..edge(contig + 1)].to_vec()).collect(), cut)
}
