//! Families that are several: a terminal repeat that mostly lies alone, an element that others lie beside, a block of a genome that
//! holds an element. Where most copies end, a family ends. And the insides of elements of which there are too few whole copies to be
//! found, between terminal repeats that are known.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::align::Alignment;
use crate::families::bases::{Bases, UNKNOWN};
use crate::families::classify::direct_repeat;
use crate::families::refine::judge::{flanks_differ, words};
use crate::families::refine::places::{Copies, span};
use crate::families::refine::{Placed, Working};
use crate::families::statistics::insertions;
use crate::families::{FamilyCopy, RefineOptions};
use crate::kmer::Strand;
use crate::sequence::complement;

/// What a family is of an element.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// All of it, as far as is known.
    #[default]
    Whole,
    /// Its terminal repeat, of which more copies lie alone than with the inside.
    TerminalRepeat,
    /// What lies between two terminal repeats, without them.
    Inside,
}

/// Copies end together within this many columns.
const TOGETHER: u32 = 12;
/// Copies of a family that are looked at.
const MOST_COPIES: usize = 2000;
/// A copy goes through a column where it covers this many to either side.
const MARGIN: u32 = 30;

/// How many copies go on to either side of a stretch of the consensus.
fn spanning(copies: &[Range<u32>], from: u32, to: u32) -> usize {
    copies.iter().filter(|copy| copy.start + MARGIN <= from && copy.end >= to + MARGIN).count()
}

/// Columns of a consensus where more copies end, or begin, than go through, and three at the least; ascending.
fn ends(copies: &[Range<u32>], length: u32) -> Vec<u32> {
    let mut found: Vec<(usize, u32)> = Vec::new();
    // Where copies begin, with where they end, and the other way round.
    let begins: Vec<(u32, u32)> = copies.iter().map(|copy| (copy.start, copy.end)).collect();
    let ends: Vec<(u32, u32)> = begins.iter().map(|&(start, end)| (end, start)).collect();
    for (mut all, opposite) in [(begins.clone(), &ends), (ends.clone(), &begins)] {
        all.sort_unstable();
        for (i, &(at, _)) in all.iter().enumerate() {
            if at < MARGIN || at + MARGIN > length || i > 0 && all[i - 1].0 == at {
                continue;
            }
            let first = all.partition_point(|&(end, _)| end + TOGETHER < at);
            let last = all.partition_point(|&(end, _)| end <= at + TOGETHER);
            let near = &all[first..last];
            if near.len() < 3 || near.len() <= spanning(copies, at, at) {
                continue;
            }
            // What mostly lies alone, but within whole copies of this family too, is no end of the family, unless others begin where it ends.
            let at = near[near.len() / 2].0;
            let mut others: Vec<u32> = near.iter().map(|&(_, other)| other).collect();
            others.sort_unstable();
            let other = others[others.len() / 2];
            let (from, to) = (at.min(other), at.max(other));
            let beside = opposite.iter().filter(|(end, _)| end.abs_diff(at) <= TOGETHER).count();
            let outnumber = if 5 * (to - from) >= length { 2 } else { 8 };
            if beside >= 3 || near.len() > outnumber * spanning(copies, from, to) {
                found.push((near.len(), at));
            }
        }
    }
    found.sort_unstable_by_key(|&(count, at)| (std::cmp::Reverse(count), at));
    let mut cuts: Vec<u32> = Vec::new();
    for (_, at) in found {
        if cuts.iter().all(|cut| cut.abs_diff(at) >= 2 * MARGIN) {
            cuts.push(at);
        }
    }
    cuts.sort_unstable();
    cuts
}

/// The parts of a consensus and what they are; one, if it is whole.
pub(crate) fn parts(consensus: &[u8], copies: &[Placed<'_>]) -> Vec<(Range<usize>, Part)> {
    let length = consensus.len() as u32;
    // Long and short ones alike; the work grows with their square.
    let every = copies.len() / MOST_COPIES + 1;
    let mut alignments: Vec<&Alignment> = copies.iter().step_by(every).map(|copy| copy.alignment).collect();
    alignments.sort_by_key(|alignment| alignment.place());
    let span = |parts: &Vec<&Alignment>| {
        let ends = parts.iter().map(|a| (a.query_range.start, a.query_range.end));
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).map(|(start, end)| start..end)
    };
    let spans: Vec<Range<u32>> = insertions(alignments).iter().filter_map(span).collect();
    let mut edges = vec![0];
    edges.extend(ends(&spans, length));
    edges.push(length);
    // Terminal repeats alone belong to either of the two.
    if let Some((found, offset)) = direct_repeat(consensus) {
        let [left, right] = [found.a.0..found.a.1, offset + found.b.0..offset + found.b.1];
        let near = |edges: &[u32], at: usize| edges.iter().any(|edge| edge.abs_diff(at as u32) < 2 * MARGIN);
        let alone = spans
            .iter()
            .filter(|s| {
                [&left, &right]
                    .iter()
                    .any(|r| s.start.abs_diff(r.start as u32) <= TOGETHER && s.end.abs_diff(r.end as u32) <= TOGETHER)
            })
            .count();
        let with_inside = |at: usize| spanning(&spans, at as u32, at as u32);
        if near(&edges, left.end)
            || near(&edges, right.start)
            || alone >= 3 && alone > with_inside(left.end).max(with_inside(right.start))
        {
            for at in [left.end, right.start] {
                if !near(&edges, at) {
                    edges.push(at as u32);
                }
            }
            edges.sort_unstable();
        }
    }
    // Where one of two parts ends in the other, or begins with it, there are two of it.
    let mut at = 0;
    while at + 2 < edges.len() {
        let [start, middle, end] = [edges[at], edges[at + 1], edges[at + 2]];
        let near = |a: usize, b: u32| (a as u32).abs_diff(b) < 2 * MARGIN;
        if let Some((found, offset)) = direct_repeat(&consensus[start as usize..end as usize]) {
            let (left, right) = (start as usize + found.a.1, start as usize + offset + found.b.0);
            let cut = if near(left, middle) { right } else { left };
            if near(left, middle) != near(right, middle) {
                edges.insert(at + if cut == right { 2 } else { 1 }, cut as u32);
            }
        }
        at += 1;
    }
    let mut parts: Vec<(Range<usize>, Part)> =
        edges.windows(2).map(|edge| (edge[0] as usize..edge[1] as usize, Part::Whole)).collect();
    for at in 0..parts.len().saturating_sub(2) {
        let whole = &consensus[parts[at].0.start..parts[at + 2].0.end];
        let (first, last) = (parts[at].0.len(), parts[at + 2].0.len());
        if let Some((found, offset)) = direct_repeat(whole)
            && found.a.1.abs_diff(first) <= 2 * MARGIN as usize
            && (offset + found.b.0).abs_diff(whole.len() - last) <= 2 * MARGIN as usize
        {
            parts[at].1 = Part::TerminalRepeat;
            parts[at + 1].1 = Part::Inside;
            parts[at + 2].1 = Part::TerminalRepeat;
        }
    }
    parts
}

/// What a family falls apart into; the family as it is, with the alignments that it has, where it is whole.
pub(crate) fn apart(family: &Working, copies: &[Placed<'_>], options: &RefineOptions) -> Vec<Working> {
    if family.part != Part::Whole {
        return vec![family.as_it_is()];
    }
    let parts = parts(&family.consensus, copies);
    if parts.len() == 1 {
        return vec![family.as_it_is()];
    }
    let made = |(at, (range, part)): (usize, &(Range<usize>, Part))| {
        let beside = match part {
            Part::Inside => parts[at - 1].0.len().max(parts[at + 1].0.len()) as u64,
            Part::Whole | Part::TerminalRepeat => 0,
        };
        let consensus = family.consensus[range.clone()].to_vec();
        Working { part: *part, beside, ..family.with_consensus(consensus) }
    };
    let made = parts.iter().enumerate().filter(|(_, (range, _))| range.len() >= options.min_length).map(made);
    family.with_parts(made.collect())
}

/// Where copies lie that have half of a consensus or more, and the copies of the block that it came back from.
pub(crate) fn block(family: &Working, own: &[usize], placed: &[Placed<'_>], bases: &Bases) -> Vec<Range<u64>> {
    let mut alignments: Vec<&Alignment> = own.iter().map(|&i| placed[i].alignment).collect();
    alignments.sort_unstable_by_key(|alignment| alignment.place());
    let half = |parts: &Vec<&Alignment>| {
        2 * parts.iter().map(|part| part.query_range.len()).sum::<usize>() >= family.consensus.len()
    };
    let whole = insertions(alignments).into_iter().filter(half);
    family.block.iter().cloned().chain(whole.filter_map(|parts| span(&parts, bases))).collect()
}

/// Bases between two terminal repeats.
const INSIDE: Range<u64> = 500..15_000;
/// Bases of a terminal repeat.
const REPEAT: Range<usize> = 80..3000;
/// Stretches looked at between copies of one family.
const MOST_BETWEEN: usize = 400;

/// Insides of elements that have no family: between two copies each of one that is known, on one strand, in two places or more that
/// are not duplicates of one.
pub(crate) fn insides(
    families: &[Working],
    kept: &[bool],
    placed: &[Placed<'_>],
    copies: &Copies,
    bases: &Bases,
) -> Vec<Working> {
    // Places of all families, ascending.
    let mut taken: Vec<Range<u64>> = copies.own.iter().flatten().map(|&i| placed[i].genome.clone()).collect();
    taken.sort_unstable_by_key(|range| (range.start, range.end));
    let longest = taken.iter().map(|range| range.end - range.start).max().unwrap_or(0);
    let free = |range: &Range<u64>| {
        let mut at = range.start;
        let mut free = 0;
        for other in &taken[taken.partition_point(|t| t.start + longest < range.start)..] {
            if other.start >= range.end {
                break;
            }
            free += other.start.saturating_sub(at).min(range.end - at);
            at = at.max(other.end).min(range.end);
        }
        free + range.end - at
    };
    let mut found = Vec::new();
    for (family, own) in copies.own.iter().enumerate() {
        let length = families[family].consensus.len();
        if !kept[family] || !REPEAT.contains(&length) {
            continue;
        }
        let mut whole: Vec<&Placed<'_>> =
            own.iter().map(|&i| &placed[i]).filter(|c| 10 * c.alignment.query_range.len() >= 7 * length).collect();
        whole.sort_unstable_by_key(|c| c.genome.start);
        let mut between: Vec<(Range<u64>, Strand)> = whole
            .windows(2)
            .filter(|pair| {
                let apart = pair[1].genome.start.saturating_sub(pair[0].genome.end);
                let (a, b) = (pair[0].alignment, pair[1].alignment);
                a.contig == b.contig && a.strand == b.strand && INSIDE.contains(&apart)
            })
            .map(|pair| (pair[0].genome.end..pair[1].genome.start, pair[0].alignment.strand))
            .filter(|(range, _)| 2 * free(range) > range.end - range.start && known(bases, range))
            .collect();
        between.sort_by_key(|(range, _)| (range.end - range.start, range.start));
        between.truncate(MOST_BETWEEN);
        let repeat = length as u64;
        let ranges: Vec<&Range<u64>> = between.iter().map(|(range, _)| range).collect();
        found.extend(alike(&ranges, repeat, bases).into_iter().map(|which| {
            let (range, strand) = between[which].clone();
            let consensus = reading(bases, &range, strand);
            let length = consensus.len() as u32;
            let seed = FamilyCopy { genome: range, strand, consensus: 0..length };
            Working { part: Part::Inside, beside: repeat, ..Working::new(consensus, seed) }
        }));
    }
    found
}

/// Whether nearly all bases of a range are known.
fn known(bases: &Bases, range: &Range<u64>) -> bool {
    let codes = &bases.codes()[range.start as usize..range.end as usize];
    20 * codes.iter().filter(|&code| code & UNKNOWN != 0).count() <= codes.len()
}

/// The bases of a range as its strand reads; unknown ones are arbitrary.
fn reading(bases: &Bases, range: &Range<u64>, strand: Strand) -> Vec<u8> {
    let codes = bases.codes()[range.start as usize..range.end as usize].iter().map(|code| code & 3);
    match strand {
        Strand::Forward => codes.collect(),
        Strand::Reverse => codes.rev().map(complement).collect(),
    }
}

/// The first of each set of ranges that share a fifth of their words, and their flanks beyond the repeats around them not.
fn alike(ranges: &[&Range<u64>], repeat: u64, bases: &Bases) -> Vec<usize> {
    let mut holders: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut numbers = Vec::with_capacity(ranges.len());
    for (number, &range) in ranges.iter().enumerate() {
        let words = words(bases, range.clone());
        numbers.push(words.len());
        words.into_iter().for_each(|word| holders.entry(word).or_default().push(number));
    }
    let mut shared: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for holders in holders.values().filter(|holders| (2..20).contains(&holders.len())) {
        for (i, &a) in holders.iter().enumerate() {
            holders[i + 1..].iter().for_each(|&b| *shared.entry((a, b)).or_default() += 1);
        }
    }
    let mut taken = vec![false; ranges.len()];
    let mut first = Vec::new();
    for (&(a, b), &count) in &shared {
        if 5 * count < numbers[a].min(numbers[b]) || taken[b] {
            continue;
        }
        let around = |i: usize| bases.around(ranges[i], repeat);
        if taken[a] || flanks_differ(&around(a), &around(b), bases) {
            if !taken[a] {
                first.push(a);
            }
            taken[a] = true;
            taken[b] = true;
        }
    }
    first
}
