//! Splits families that consist of several: a terminal repeat that mostly lies alone, an element that others lie next
//! to, a duplicated part of the genome that contains an element. A family ends at columns at which more copies end than
//! continue.

use std::ops::Range;

use crate::align::Alignment;
use crate::families::copies::{PlacedAlignment, consensus_span, join_copies};
use crate::families::refine::consensus::{COMMON_END, MIN_COMMON_ENDS};
use crate::families::refine::options::RefineOptions;
use crate::families::refine::state::FamilyState;
use crate::families::terminal_repeats::{ElementPart, direct_repeats};

/// Copies of a family that are examined, evenly taken: the work grows with their square.
const MAX_COPIES: usize = 2000;
/// A copy continues across a column if it covers this many columns to either side: alignments extend less beyond a true
/// end.
const MARGIN: u32 = 30;
/// Columns within which two ends of parts are the same.
const SAME_EDGE: u32 = 2 * MARGIN;
/// A region of less than one of this many parts of the consensus is short: it is likelier to occur alone by chance.
const SHORT_PART: u32 = 5;
/// How many times more copies end together than whole copies contain the same region, if that is to be an end: for a
/// region that is not short. Lower splits elements at their common fragments, higher joins a terminal repeat and its
/// element. Both were tuned on the simulated genomes of docs/families.md.
const OUTNUMBER: usize = 2;
/// As [`OUTNUMBER`], for a short region.
const OUTNUMBER_SHORT: usize = 8;

/// The parts of a split family; the family unchanged, with the alignments that it has, if it is whole.
pub(super) fn split_family(
    family: &FamilyState,
    copies: &[PlacedAlignment<'_>],
    options: &RefineOptions,
) -> Vec<FamilyState> {
    if family.part != ElementPart::Whole {
        return vec![family.unchanged()];
    }
    let parts = find_parts(&family.consensus, copies);
    if parts.len() == 1 {
        return vec![family.unchanged()];
    }
    let state_of = |(at, (range, part)): (usize, &(Range<usize>, ElementPart))| {
        let terminal_repeat = match part {
            ElementPart::Internal => parts[at - 1].0.len().max(parts[at + 1].0.len()) as u64,
            ElementPart::Whole | ElementPart::TerminalRepeat => 0,
        };
        let consensus = family.consensus[range.clone()].to_vec();
        FamilyState { part: *part, terminal_repeat, ..family.with_consensus(consensus) }
    };
    let long = parts.iter().enumerate().filter(|(_, (range, _))| range.len() >= options.min_length);
    family.replaced_by(long.map(state_of).collect())
}

/// The parts of a consensus and what they are; one, if it is whole.
fn find_parts(consensus: &[u8], copies: &[PlacedAlignment<'_>]) -> Vec<(Range<usize>, ElementPart)> {
    // Of all lengths alike.
    let every = copies.len() / MAX_COPIES + 1;
    let mut alignments: Vec<&Alignment> = copies.iter().step_by(every).map(|copy| copy.alignment).collect();
    alignments.sort_by_key(|alignment| alignment.sort_key());
    let spans = copy_spans(alignments);
    let length = consensus.len() as u32;
    let mut edges = vec![0];
    edges.extend(common_ends(&spans, length));
    edges.push(length);
    add_lone_terminal_repeats(&mut edges, consensus, &spans);
    add_second_repeats(&mut edges, consensus);
    named_parts(consensus, &edges)
}

/// The columns of each copy. Insertions interrupt copies anywhere: fragments that many copies join at one column, and
/// that no more copies read through, are copies of two families that lie near each other.
fn copy_spans(alignments: Vec<&Alignment>) -> Vec<Range<u32>> {
    let unbroken: Vec<Range<u32>> = alignments.iter().map(|alignment| alignment.query_range.clone()).collect();
    let mut copies = join_copies(alignments);
    copies.iter_mut().for_each(|copy| copy.sort_by_key(|fragment| (fragment.query_range.start, fragment.range.start)));
    let junction = |pair: &[&Alignment]| {
        let (end, start) = (pair[0].query_range.end, pair[1].query_range.start);
        (end.abs_diff(start) < SAME_EDGE).then_some(end)
    };
    let mut junctions: Vec<u32> = copies.iter().flat_map(|copy| copy.windows(2).filter_map(junction)).collect();
    junctions.sort_unstable();
    let is_boundary = |at: u32| {
        let near = junctions.partition_point(|&other| other <= at + COMMON_END)
            - junctions.partition_point(|&other| other + COMMON_END < at);
        near >= MIN_COMMON_ENDS && near > count_spanning(&unbroken, at, at)
    };
    let broken = |copy: &Vec<&Alignment>| -> Vec<Range<u32>> {
        let mut pieces: Vec<Vec<&Alignment>> = Vec::new();
        for &fragment in copy {
            match pieces.last_mut() {
                Some(piece) if !piece.last().and_then(|&last| junction(&[last, fragment])).is_some_and(is_boundary) => {
                    piece.push(fragment);
                }
                _ => pieces.push(vec![fragment]),
            }
        }
        pieces.iter().filter_map(|piece| consensus_span(piece)).collect()
    };
    copies.iter().flat_map(broken).collect()
}

/// How many copies continue to either side of a region of the consensus.
fn count_spanning(copies: &[Range<u32>], from: u32, to: u32) -> usize {
    copies.iter().filter(|copy| copy.start + MARGIN <= from && copy.end >= to + MARGIN).count()
}

/// Columns of a consensus at which more copies end, or begin, than continue, and three at least; ascending.
fn common_ends(copies: &[Range<u32>], length: u32) -> Vec<u32> {
    let mut found: Vec<(usize, u32)> = Vec::new();
    // The starts of copies with their ends, and the ends with their starts.
    let begins: Vec<(u32, u32)> = copies.iter().map(|copy| (copy.start, copy.end)).collect();
    let ends: Vec<(u32, u32)> = begins.iter().map(|&(start, end)| (end, start)).collect();
    for (mut all, opposite) in [(begins.clone(), &ends), (ends.clone(), &begins)] {
        all.sort_unstable();
        for (i, &(at, _)) in all.iter().enumerate() {
            if at < MARGIN || at + MARGIN > length || i > 0 && all[i - 1].0 == at {
                continue;
            }
            let first = all.partition_point(|&(end, _)| end + COMMON_END < at);
            let last = all.partition_point(|&(end, _)| end <= at + COMMON_END);
            let near = &all[first..last];
            if near.len() < MIN_COMMON_ENDS || near.len() <= count_spanning(copies, at, at) {
                continue;
            }
            let at = near[near.len() / 2].0;
            if is_end_of_family(near, at, opposite, copies, length) {
                found.push((near.len(), at));
            }
        }
    }
    found.sort_unstable_by_key(|&(count, at)| (std::cmp::Reverse(count), at));
    let mut cuts: Vec<u32> = Vec::new();
    for (_, at) in found {
        if cuts.iter().all(|cut| cut.abs_diff(at) >= SAME_EDGE) {
            cuts.push(at);
        }
    }
    cuts.sort_unstable();
    cuts
}

/// Whether ends of copies near a column, each with the other end of its copy, are an end of the family. A region that
/// mostly lies alone, but within whole copies of the family too, is none unless other copies begin at its end, or it
/// outnumbers the whole copies by far.
fn is_end_of_family(near: &[(u32, u32)], at: u32, opposite: &[(u32, u32)], copies: &[Range<u32>], length: u32) -> bool {
    let mut others: Vec<u32> = near.iter().map(|&(_, other)| other).collect();
    others.sort_unstable();
    let other = others[others.len() / 2];
    let (from, to) = (at.min(other), at.max(other));
    let adjoining = opposite.iter().filter(|(end, _)| end.abs_diff(at) <= COMMON_END).count();
    let outnumber = if SHORT_PART * (to - from) >= length { OUTNUMBER } else { OUTNUMBER_SHORT };
    adjoining >= MIN_COMMON_ENDS || near.len() > outnumber * count_spanning(copies, from, to)
}

fn is_near(edges: &[u32], at: usize) -> bool {
    edges.iter().any(|edge| edge.abs_diff(at as u32) < SAME_EDGE)
}

/// Adds the inner ends of both terminal repeats if either is an edge, or if more copies of a terminal repeat lie alone
/// than with the internal part. Copies that lie alone belong to either of the two, so that their ends are not common
/// ends of one.
fn add_lone_terminal_repeats(edges: &mut Vec<u32>, consensus: &[u8], spans: &[Range<u32>]) {
    let Some(repeats) = direct_repeats(consensus) else { return };
    let is_repeat = |span: &&Range<u32>| {
        [&repeats.first, &repeats.second].iter().any(|repeat| {
            span.start.abs_diff(repeat.start as u32) <= COMMON_END && span.end.abs_diff(repeat.end as u32) <= COMMON_END
        })
    };
    let alone = spans.iter().filter(is_repeat).count();
    let inner_ends = [repeats.first.end, repeats.second.start];
    let with_internal = inner_ends.map(|at| count_spanning(spans, at as u32, at as u32));
    if inner_ends.iter().any(|&at| is_near(edges, at))
        || alone >= MIN_COMMON_ENDS && alone > with_internal[0].max(with_internal[1])
    {
        for at in inner_ends {
            if !is_near(edges, at) {
                edges.push(at as u32);
            }
        }
        edges.sort_unstable();
    }
}

/// Adds the edge of the second terminal repeat between two neighbouring parts if one is a terminal repeat and the other
/// one contains it too.
fn add_second_repeats(edges: &mut Vec<u32>, consensus: &[u8]) {
    let mut at = 0;
    while at + 2 < edges.len() {
        let [start, middle, end] = [edges[at] as usize, edges[at + 1] as usize, edges[at + 2] as usize];
        let is_middle = |column: usize| is_near(&[middle as u32], column);
        if let Some(repeats) = direct_repeats(&consensus[start..end]) {
            let (left, right) = (start + repeats.first.end, start + repeats.second.start);
            match (is_middle(left), is_middle(right)) {
                (true, false) => edges.insert(at + 2, right as u32),
                (false, true) => edges.insert(at + 1, left as u32),
                _ => {}
            }
        }
        at += 1;
    }
}

/// The parts between edges; three parts with like outer ones are an element with terminal repeats.
fn named_parts(consensus: &[u8], edges: &[u32]) -> Vec<(Range<usize>, ElementPart)> {
    let mut parts: Vec<(Range<usize>, ElementPart)> =
        edges.windows(2).map(|edge| (edge[0] as usize..edge[1] as usize, ElementPart::Whole)).collect();
    for at in 0..parts.len().saturating_sub(2) {
        let whole = &consensus[parts[at].0.start..parts[at + 2].0.end];
        let (first, last) = (parts[at].0.len(), parts[at + 2].0.len());
        if let Some(repeats) = direct_repeats(whole)
            && repeats.first.end.abs_diff(first) <= SAME_EDGE as usize
            && repeats.second.start.abs_diff(whole.len() - last) <= SAME_EDGE as usize
        {
            parts[at].1 = ElementPart::TerminalRepeat;
            parts[at + 1].1 = ElementPart::Internal;
            parts[at + 2].1 = ElementPart::TerminalRepeat;
        }
    }
    parts
}
