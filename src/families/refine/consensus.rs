//! A consensus from the alignments of its copies: columns by majority, ends where the copies end, and on beyond them.

use std::ops::Range;

use crate::align::{Alignment, OperationKind};
use crate::families::bases::{Bases, UNKNOWN};
use crate::families::refine::Placed;
use crate::kmer::Strand;

const C: u8 = 1;
const G: u8 = 3;
/// Row of a column's votes that counts copies without a base there.
const GAP: usize = 4;
/// Copies end together where they end within this many columns.
const TOGETHER: u32 = 12;

/// A step along an alignment, in the direction of the consensus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Column of the consensus, and the copy's base as the consensus reads; `UNKNOWN` where it has none of ACGT.
    Pair(u32, u8),
    /// The copy has no base in this column.
    Deletion(u32),
    /// A base of the copy before this column.
    Insertion(u32, u8),
}

/// Calls `each` along an alignment, consensus ascending; with the position in the genome (all contigs end to end) of the base,
/// or for a deletion of the base that comes next.
pub(crate) fn walk(placed: &Placed<'_>, bases: &Bases, mut each: impl FnMut(Step, u64)) {
    let Alignment { strand, operations, query_range, .. } = placed.alignment;
    let reverse = *strand == Strand::Reverse;
    let mut column = query_range.start;
    let mut at = if reverse { placed.genome.end } else { placed.genome.start };
    let codes = bases.codes();
    let mut next = || {
        let position = if reverse {
            at -= 1;
            at
        } else {
            at += 1;
            at - 1
        };
        let code = codes[position as usize];
        let code = if code & UNKNOWN != 0 { UNKNOWN } else { (code & 3) ^ if reverse { 2 } else { 0 } };
        (code, position)
    };
    let mut last = if reverse { placed.genome.end.saturating_sub(1) } else { placed.genome.start };
    let mut run = |kind: OperationKind, length: u32| {
        for _ in 0..length {
            match kind {
                OperationKind::Pair => {
                    let (code, position) = next();
                    each(Step::Pair(column, code), position);
                    last = if reverse { position.saturating_sub(1) } else { position + 1 };
                    column += 1;
                }
                OperationKind::Insertion => {
                    let (code, position) = next();
                    each(Step::Insertion(column, code), position);
                    last = if reverse { position.saturating_sub(1) } else { position + 1 };
                }
                OperationKind::Deletion => {
                    each(Step::Deletion(column), last);
                    column += 1;
                }
            }
        }
    };
    if reverse {
        operations.iter().rev().for_each(|o| run(o.kind, o.length));
    } else {
        operations.iter().for_each(|o| run(o.kind, o.length));
    }
}

/// What the copies say of a consensus.
pub(crate) struct Vote {
    /// The corrected consensus.
    pub(crate) consensus: Vec<u8>,
    /// For each of its bases the column of the old consensus that it is or that it comes before.
    pub(crate) columns: Vec<u32>,
    /// Copies that span each of its bases.
    pub(crate) depth: Vec<u32>,
    /// Per cent of what those copies vote with that goes to the base.
    pub(crate) agreement: Vec<u8>,
    /// Bases that changed, came or went.
    pub(crate) changes: u32,
}

/// How much a copy's vote weighs: the logarithm of how much likelier its base is the right one than any other.
fn weight(alignment: &Alignment) -> u32 {
    let difference = alignment.counts.difference().clamp(0.02, 0.5);
    (6.0 * (3.0 * (1.0 - difference) / difference).ln()).round().max(1.0) as u32
}

/// Corrects a consensus by what its copies have in each column.
pub(crate) fn vote(consensus: &[u8], copies: &[Placed<'_>], bases: &Bases) -> Vote {
    let length = consensus.len();
    let mut votes = vec![[0u32; 5]; length];
    let mut depth = vec![0u32; length];
    // Of each column and the next: CG, what one and two decayed bases leave, and all.
    let mut pairs = vec![[0u32; 5]; length];
    // Inserted runs: column, weight, letters.
    let mut runs: Vec<(u32, u32, Vec<u8>)> = Vec::new();
    for copy in copies {
        let weight = weight(copy.alignment);
        let range = &copy.alignment.query_range;
        depth[range.start as usize..range.end as usize].iter_mut().for_each(|d| *d += 1);
        let mut before: Option<u8> = None;
        let mut run: Option<(u32, Vec<u8>)> = None;
        walk(copy, bases, |step, _| {
            match step {
                Step::Insertion(column, code) => {
                    run.get_or_insert_with(|| (column, Vec::new())).1.push(code);
                    before = None;
                    return;
                }
                Step::Deletion(column) => {
                    votes[column as usize][GAP] += weight;
                    before = None;
                }
                Step::Pair(column, code) => {
                    if code < 4 {
                        votes[column as usize][usize::from(code)] += weight;
                        if let Some(first) = before {
                            let count = &mut pairs[column as usize - 1];
                            count[match (first, code) {
                                (C, G) => 0,
                                (0, G) => 1,
                                (C, 2) => 2,
                                (0, 2) => 3,
                                _ => 4,
                            }] += 1;
                        }
                    }
                    before = (code < 4).then_some(code);
                }
            }
            if let Some((column, letters)) = run.take() {
                runs.push((column, weight, letters));
            }
        });
    }
    runs.sort_unstable();

    let mut out = Vote {
        consensus: Vec::with_capacity(length + length / 16),
        columns: Vec::with_capacity(length + length / 16),
        depth: Vec::new(),
        agreement: Vec::new(),
        changes: 0,
    };
    let cpg: Vec<bool> =
        (0..length).map(|at| at + 1 < length && was_cpg(&pairs[at], &votes[at], &votes[at + 1])).collect();
    let mut runs = runs.as_slice();
    for column in 0..length {
        let sum: u32 = votes[column].iter().sum();
        let here = runs.partition_point(|run| run.0 as usize <= column);
        let (inserted, rest) = runs.split_at(here);
        runs = rest;
        for (code, share) in inserted_bases(inserted, sum) {
            out.push(code, column, depth[column], share);
            out.changes += 1;
        }
        if sum == 0 {
            // Nothing covers it; ends are trimmed later.
            out.push(consensus[column], column, 0, 0);
            continue;
        }
        let share = |weight: u32| (100 * u64::from(weight) / u64::from(sum)) as u8;
        let bases = &votes[column][..GAP];
        let old = consensus[column];
        let base = (0..4u8).max_by_key(|&base| (bases[usize::from(base)], base == old, !base)).unwrap_or(old);
        if 2 * votes[column][GAP] > sum {
            out.changes += 1;
            continue;
        }
        let (base, support) = if cpg[column] {
            (C, bases[usize::from(C)] + bases[0])
        } else if column > 0 && cpg[column - 1] {
            (G, bases[usize::from(G)] + bases[2])
        } else {
            (base, bases[usize::from(base)])
        };
        out.changes += u32::from(base != old);
        out.push(base, column, depth[column], share(support));
    }
    out
}

impl Vote {
    fn push(&mut self, code: u8, column: usize, depth: u32, agreement: u8) {
        self.consensus.push(code);
        self.columns.push(column as u32);
        self.depth.push(depth);
        self.agreement.push(agreement);
    }

    /// The old column that new base `at` stands for; the old end for the new end.
    pub(crate) fn column(&self, at: usize, old: usize) -> u32 {
        self.columns.get(at).copied().unwrap_or(old as u32)
    }
}

/// The bases to insert before a column, with per cent of the votes for each, where more than half of the weight has some.
fn inserted_bases(runs: &[(u32, u32, Vec<u8>)], sum: u32) -> Vec<(u8, u8)> {
    let mut bases = Vec::new();
    loop {
        let at = bases.len();
        let mut votes = [0u32; 4];
        for (_, weight, letters) in runs {
            if let Some(&code) = letters.get(at).filter(|&&code| code < 4) {
                votes[usize::from(code)] += weight;
            }
        }
        let all: u32 = votes.iter().sum();
        if 2 * all <= sum || sum == 0 {
            return bases;
        }
        let best = (0..4u8).max_by_key(|&code| (votes[usize::from(code)], !code)).unwrap_or(0);
        bases.push((best, (100 * votes[usize::from(best)] / sum) as u8));
    }
}

/// Whether the copies' pairs of bases come from CG of which the cytosines, methylated, decay to thymine on either strand,
/// rather than from the pair that most have: the likelier of the two, at the divergence that the columns around show.
fn was_cpg(pairs: &[u32; 5], first: &[u32; 5], second: &[u32; 5]) -> bool {
    let [cg, tg, ca, ta, other] = pairs.map(f64::from);
    let all = cg + tg + ca + ta + other;
    if all < 3.0 || cg + tg + ca < 0.6 * all || tg == 0.0 || ca == 0.0 {
        return false;
    }
    // What other bases say of the divergence where decay has no part.
    let transversions = |votes: &[u32; 5], like: [usize; 2]| {
        let sum: u32 = votes[..GAP].iter().sum();
        let unlike: u32 = (0..4).filter(|b| !like.contains(b)).map(|b| votes[b]).sum();
        (f64::from(unlike), f64::from(sum.max(1)))
    };
    let (a, n) = transversions(first, [0, 1]);
    let (b, m) = transversions(second, [2, 3]);
    let divergence = (3.0 * (a + b + 1.0) / (n + m + 10.0)).clamp(0.05, 0.3);
    let (same, transition) = ((1.0 - divergence).ln(), (divergence * 2.0 / 3.0).ln());
    let plain = |same_pairs: f64, one: f64, two: f64| {
        2.0 * same_pairs * same + one * (same + transition) + 2.0 * two * transition
    };
    let best_plain = plain(cg, tg + ca, ta).max(plain(tg, cg + ta, ca)).max(plain(ca, cg + ta, tg));
    let decay = ((tg + ca + 2.0 * ta) / (2.0 * (cg + tg + ca + ta))).clamp(0.05, 0.6);
    let decayed = 2.0 * cg * (1.0 - decay).ln() + (tg + ca) * (decay * (1.0 - decay)).ln() + 2.0 * ta * decay.ln();
    decayed > best_plain + 2.0
}

/// Per cent of the votes that the best base of a column has by chance, with the help of alignment, for so many copies.
fn by_chance(depth: u32) -> f64 {
    match depth {
        0..=2 => 64.0,
        3 => 60.0,
        4 => 56.0,
        5..=6 => 52.0,
        7..=10 => 48.0,
        11..=20 => 44.0,
        _ => 40.0,
    }
}

/// The part of a corrected consensus to keep: the stretch in which the copies, `least` or more, agree most beyond chance.
pub(crate) fn supported(vote: &Vote, least: u32) -> Range<usize> {
    let length = vote.consensus.len();
    let mut deep: Vec<u8> = (0..length).filter(|&at| vote.depth[at] >= 3).map(|at| vote.agreement[at]).collect();
    deep.sort_unstable();
    let usual = deep.get(deep.len() / 2).map_or(90.0, |&median| f64::from(median).max(70.0));
    // The best-scoring stretch: a column scores what its copies agree more than half way from chance to what is usual.
    let (mut best, mut kept) = (0.0, 0..0);
    let (mut sum, mut from) = (0.0, 0);
    for at in 0..length {
        let depth = vote.depth[at];
        let score = if depth < least {
            // A gap in what is known within a family.
            -15.0
        } else {
            f64::from(vote.agreement[at]) - (usual + by_chance(depth)) / 2.0
        };
        if sum <= 0.0 {
            (sum, from) = (0.0, at);
        }
        sum += score;
        if sum > best {
            (best, kept) = (sum, from..at + 1);
        }
    }
    kept
}

/// What is left of the part that is kept where three or more copies end together and fewer than three go on: those that go on share a
/// place and not a repeat.
pub(crate) fn within_common_ends(vote: &Vote, copies: &[Placed<'_>], kept: Range<usize>) -> Range<usize> {
    let Range { mut start, mut end } = kept;
    let ends = |side: fn(&Alignment) -> u32| {
        let mut ends: Vec<u32> = copies.iter().map(|copy| side(copy.alignment)).collect();
        ends.sort_unstable();
        ends
    };
    let together = |ends: &[u32], at: u32| {
        let low = ends.partition_point(|&e| e + TOGETHER < at);
        ends.partition_point(|&e| e <= at + TOGETHER) - low
    };
    let place = |column: u32| vote.columns.partition_point(|&c| c < column);
    let starts = ends(|a| a.query_range.start);
    if let Some(&first) = starts.iter().find(|&&at| together(&starts, at) >= 3) {
        let place = place(first);
        if place > start + TOGETHER as usize && vote.depth[start..place - TOGETHER as usize].iter().all(|&d| d <= 2) {
            start = place;
        }
    }
    let stops = ends(|a| a.query_range.end);
    if let Some(&last) = stops.iter().rev().find(|&&at| together(&stops, at) >= 3) {
        let place = place(last);
        if place + (TOGETHER as usize) < end && vote.depth[place + TOGETHER as usize..end].iter().all(|&d| d <= 2) {
            end = place;
        }
    }
    start..end.max(start)
}

/// Where a consensus falls apart: columns that hardly any copy spans though several cover either side, where two families were joined.
pub(crate) fn seams(copies: &[Placed<'_>], length: usize) -> Vec<usize> {
    const MARGIN: usize = 50;
    const SIDE: usize = 100;
    // Copies that span each column with a margin, from differences.
    let spanning = |margin: usize| {
        let mut change = vec![0i32; length + 1];
        for copy in copies {
            let range = &copy.alignment.query_range;
            let (from, to) = (range.start as usize + margin, (range.end as usize).saturating_sub(margin));
            if from < to {
                change[from] += 1;
                change[to] -= 1;
            }
        }
        let mut depth = 0;
        change
            .into_iter()
            .map(|change| {
                depth += change;
                depth
            })
            .collect::<Vec<i32>>()
    };
    let (depth, spanned) = (spanning(0), spanning(MARGIN));
    let mut seams = Vec::new();
    let mut at = SIDE;
    while at + SIDE < length {
        let sides = depth[at - SIDE].min(depth[at + SIDE]);
        if sides >= 4 && spanned[at] * 12 <= sides {
            // The least spanned of the columns around.
            let seam = (at..(at + SIDE).min(length - SIDE)).min_by_key(|&i| (spanned[i], depth[i], i)).unwrap_or(at);
            seams.push(seam);
            at = seam + 2 * SIDE;
        } else {
            at += 1;
        }
    }
    seams
}

/// The position in the genome of the first base of a copy at or after a column, with the column; `None` where it ends before.
pub(crate) fn anchor(copy: &Placed<'_>, bases: &Bases, column: u32) -> Option<(u32, u64)> {
    let mut found = None;
    walk(copy, bases, |step, position| {
        if let Step::Pair(at, _) = step
            && at >= column
            && found.is_none()
        {
            found = Some((at, position));
        }
    });
    found
}
