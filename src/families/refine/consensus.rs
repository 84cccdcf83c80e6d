//! A consensus from the alignments of its copies: columns by majority, ends at which the copies end.

use std::ops::Range;

use crate::align::Alignment;
use crate::families::bases::Bases;
use crate::families::copies::{AlignedColumn, PlacedAlignment, for_each_column};
use crate::sequence::code::{A, C, G, T};

/// Row of a column's votes that counts copies without a base there.
const GAP: usize = 4;

/// Copies end together if they end within this many columns: alignments lose or gain as many by chance.
pub(super) const COMMON_END: u32 = 12;
/// Copies that end together and show the end of a family: two may do so by chance.
pub(super) const MIN_COMMON_ENDS: usize = 3;

/// Columns beyond its end for which a copy counts as one that disagrees: those that still align there are the ones that
/// agree by chance. Alignments extend beyond a true end by fewer. Tuned on the simulated genomes of docs/families.md.
const NEAR_END: u32 = 20;

/// Copies' bases in the columns of a consensus.
struct Votes {
    /// Weights of T, C, A, G and gap for each column.
    columns: Vec<[u32; 5]>,
    /// Copies that span each column.
    depth: Vec<u32>,
    /// Copies that end within [`NEAR_END`] columns of each column and do not span it: their number and their weight.
    ended: Vec<(u32, u32)>,
    /// Copies by their bases in each column and the next: CG, TG, CA, TA, others.
    pairs: Vec<[u32; 5]>,
    /// Inserted bases, ascending by the column before which they are.
    insertions: Vec<Insertion>,
}

/// Bases of one copy before a column.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Insertion {
    column: u32,
    weight: u32,
    codes: Vec<u8>,
}

/// How much a copy's vote weighs: the log-odds that its base is the right one rather than a given other one (Jukes and
/// Cantor 1969), in sixths of a nat, so that integers are exact enough.
fn vote_weight(alignment: &Alignment) -> u32 {
    /// Bounds, so that one nearly equal copy outvotes two that differ by 25 %, and not three.
    const DIFFERENCES: (f64, f64) = (0.02, 0.5);
    /// Units of a weight per nat.
    const UNITS_PER_NAT: f64 = 6.0;
    let difference = alignment.counts.difference().clamp(DIFFERENCES.0, DIFFERENCES.1);
    (UNITS_PER_NAT * (3.0 * (1.0 - difference) / difference).ln()).round().max(1.0) as u32
}

impl Votes {
    fn count(length: usize, copies: &[PlacedAlignment<'_>], bases: &Bases<'_>) -> Self {
        let mut votes = Self {
            columns: vec![[0; 5]; length],
            depth: vec![0; length],
            ended: vec![(0, 0); length],
            pairs: vec![[0; 5]; length],
            insertions: Vec::new(),
        };
        for copy in copies {
            votes.add(copy, bases);
        }
        votes.insertions.sort_unstable();
        votes
    }

    fn add(&mut self, copy: &PlacedAlignment<'_>, bases: &Bases<'_>) {
        let weight = vote_weight(copy.alignment);
        let range = &copy.alignment.query_range;
        self.depth[range.start as usize..range.end as usize].iter_mut().for_each(|depth| *depth += 1);
        let last = (range.end + NEAR_END).min(self.columns.len() as u32);
        for column in (range.start.saturating_sub(NEAR_END)..range.start).chain(range.end..last) {
            let (copies, weights) = &mut self.ended[column as usize];
            (*copies, *weights) = (*copies + 1, *weights + weight);
        }
        let mut previous: Option<u8> = None;
        let mut inserted: Option<(u32, Vec<u8>)> = None;
        for_each_column(copy, bases, |aligned, _| {
            match aligned {
                AlignedColumn::Insertion(column, code) => {
                    inserted.get_or_insert_with(|| (column, Vec::new())).1.push(code);
                    previous = None;
                    return;
                }
                AlignedColumn::Deletion(column) => {
                    self.columns[column as usize][GAP] += weight;
                    previous = None;
                }
                AlignedColumn::Base(column, code) => {
                    if code < 4 {
                        self.columns[column as usize][usize::from(code)] += weight;
                        if let Some(first) = previous {
                            self.pairs[column as usize - 1][pair_kind(first, code)] += 1;
                        }
                    }
                    previous = (code < 4).then_some(code);
                }
            }
            if let Some((column, codes)) = inserted.take() {
                self.insertions.push(Insertion { column, weight, codes });
            }
        });
    }
}

/// The kind of a pair of bases in [`Votes::pairs`].
fn pair_kind(first: u8, second: u8) -> usize {
    match (first, second) {
        (C, G) => 0,
        (T, G) => 1,
        (C, A) => 2,
        (T, A) => 3,
        _ => 4,
    }
}

/// A consensus as its copies correct it.
pub(super) struct Corrected {
    pub(super) consensus: Vec<u8>,
    /// For each of its bases the column of the old consensus that it is or before which it is inserted.
    columns: Vec<u32>,
    /// Copies that span each of its bases.
    depth: Vec<u32>,
    /// Those, and copies that end within [`NEAR_END`] columns.
    near: Vec<u32>,
    /// Per cent of the votes of the copies near it for the base; those that end do not vote for it.
    agreement: Vec<u8>,
    /// Bases that were changed, inserted or deleted.
    pub(super) changes: u32,
}

/// Corrects a consensus by the majority of its copies in each column.
pub(super) fn correct(consensus: &[u8], copies: &[PlacedAlignment<'_>], bases: &Bases<'_>) -> Corrected {
    correct_by(consensus, Votes::count(consensus.len(), copies, bases))
}

/// Corrects the consensus of a family to that of one of its subfamilies, by the copies of that one. Few copies do not
/// outvote the base of the family by chance.
pub(super) fn correct_subfamily(consensus: &[u8], copies: &[PlacedAlignment<'_>], bases: &Bases<'_>) -> Corrected {
    /// Weight of the base of the family: the log-odds that two subfamilies 3 % apart have it in common, rather than
    /// that the one has a given other base.
    const PRIOR: u32 = 28;
    let mut votes = Votes::count(consensus.len(), copies, bases);
    votes.columns.iter_mut().zip(consensus).for_each(|(votes, &code)| votes[usize::from(code)] += PRIOR);
    correct_by(consensus, votes)
}

fn correct_by(consensus: &[u8], votes: Votes) -> Corrected {
    let length = consensus.len();
    let mut corrected = Corrected::with_capacity(length + length / 16);
    let was_cpg: Vec<bool> = (0..length)
        .map(|at| at + 1 < length && was_cpg(&votes.pairs[at], &votes.columns[at], &votes.columns[at + 1]))
        .collect();
    let mut insertions = votes.insertions.as_slice();
    for column in 0..length {
        let (counts, old) = (&votes.columns[column], consensus[column]);
        let sum: u32 = counts.iter().sum();
        let here = insertions.partition_point(|insertion| insertion.column as usize <= column);
        let (inserted, rest) = insertions.split_at(here);
        insertions = rest;
        for (code, support) in inserted_bases(inserted, sum) {
            corrected.push(code, column, &votes, support);
            corrected.changes += 1;
        }
        if sum == 0 {
            // No copy covers it; ends are cut later.
            corrected.push(old, column, &votes, 0);
            continue;
        }
        if 2 * counts[GAP] > sum {
            corrected.changes += 1;
            continue;
        }
        let weight = |code: u8| counts[usize::from(code)];
        let (base, support) = if was_cpg[column] {
            (C, weight(C) + weight(T))
        } else if column > 0 && was_cpg[column - 1] {
            (G, weight(G) + weight(A))
        } else {
            let base = (0..4u8).max_by_key(|&base| (weight(base), base == old, !base)).unwrap_or(old);
            (base, weight(base))
        };
        corrected.changes += u32::from(base != old);
        corrected.push(base, column, &votes, support);
    }
    corrected
}

impl Corrected {
    fn with_capacity(bases: usize) -> Self {
        let (consensus, columns) = (Vec::with_capacity(bases), Vec::with_capacity(bases));
        Self { consensus, columns, depth: Vec::new(), near: Vec::new(), agreement: Vec::new(), changes: 0 }
    }

    /// Adds a base for which votes of the weight `support` are.
    fn push(&mut self, code: u8, column: usize, votes: &Votes, support: u32) {
        let (depth, (ended, ended_weight)) = (votes.depth[column], votes.ended[column]);
        let sum: u32 = votes.columns[column].iter().sum::<u32>() + ended_weight;
        self.consensus.push(code);
        self.columns.push(column as u32);
        self.depth.push(depth);
        self.near.push(depth + ended);
        self.agreement.push((100 * u64::from(support)).checked_div(u64::from(sum)).unwrap_or(0) as u8);
    }

    /// The new bases of a range of old columns.
    pub(super) fn within(&self, columns: Range<u32>) -> &[u8] {
        let at = |column: u32| self.columns.partition_point(|&other| other < column);
        &self.consensus[at(columns.start)..at(columns.end)]
    }

    /// The old column of new base `at`; the old end, `old_length`, for the new end.
    pub(super) fn column(&self, at: usize, old_length: usize) -> u32 {
        self.columns.get(at).copied().unwrap_or(old_length as u32)
    }
}

/// The bases to insert before a column, with the votes' weight for each, if more than half of the weight has some.
fn inserted_bases(insertions: &[Insertion], sum: u32) -> Vec<(u8, u32)> {
    let mut bases = Vec::new();
    loop {
        let at = bases.len();
        let mut votes = [0u32; 4];
        for Insertion { weight, codes, .. } in insertions {
            if let Some(&code) = codes.get(at).filter(|&&code| code < 4) {
                votes[usize::from(code)] += weight;
            }
        }
        let all: u32 = votes.iter().sum();
        if 2 * all <= sum || sum == 0 {
            return bases;
        }
        let best = (0..4u8).max_by_key(|&code| (votes[usize::from(code)], !code)).unwrap_or(0);
        bases.push((best, votes[usize::from(best)]));
    }
}

/// Whether the copies' pairs of bases come from CG, whose methylated cytosines decay to thymine on either strand,
/// rather than from the pair that most have: whether CG is likelier at the divergence that the two columns show.
fn was_cpg(pairs: &[u32; 5], first: &[u32; 5], second: &[u32; 5]) -> bool {
    /// Minimum number of copies that show decay: one with TG and one with CA may differ by chance.
    const MIN_COPIES: f64 = 3.0;
    /// Share of the copies that have CG, TG or CA: CG decays to nothing else by one change.
    const MIN_SHARE: f64 = 0.6;
    /// Bounds of the divergence of the copies, since a few copies can show no others.
    const DIVERGENCES: (f64, f64) = (0.05, 0.3);
    /// Bounds of the decay of a cytosine.
    const DECAYS: (f64, f64) = (0.05, 0.6);
    /// Bases and differing ones that are added to what was counted: a divergence of 30 % if nothing was.
    const PRIOR: (f64, f64) = (10.0, 1.0);
    /// Nats by which decay must be likelier: decay is a parameter more than the plain model has (AIC, Akaike 1974,
    /// requires one), and CG is rare in genomes in which it decays.
    const MIN_NATS: f64 = 2.0;
    let [cg, tg, ca, ta, other] = pairs.map(f64::from);
    let all = cg + tg + ca + ta + other;
    if all < MIN_COPIES || cg + tg + ca < MIN_SHARE * all || tg == 0.0 || ca == 0.0 {
        return false;
    }
    // Bases that decay does not make show the divergence: two of three substitutions.
    let transversions = |votes: &[u32; 5], like: [u8; 2]| {
        let sum: u32 = votes[..GAP].iter().sum();
        let unlike: u32 = (0..4u8).filter(|b| !like.contains(b)).map(|b| votes[usize::from(b)]).sum();
        (f64::from(unlike), f64::from(sum.max(1)))
    };
    let (a, n) = transversions(first, [T, C]);
    let (b, m) = transversions(second, [A, G]);
    let divergence = (3.0 * (a + b + PRIOR.1) / (n + m + PRIOR.0)).clamp(DIVERGENCES.0, DIVERGENCES.1);
    let (same, transition) = ((1.0 - divergence).ln(), (divergence * 2.0 / 3.0).ln());
    let plain = |same_pairs: f64, one: f64, two: f64| {
        2.0 * same_pairs * same + one * (same + transition) + 2.0 * two * transition
    };
    let best_plain = plain(cg, tg + ca, ta).max(plain(tg, cg + ta, ca)).max(plain(ca, cg + ta, tg));
    let decay = ((tg + ca + 2.0 * ta) / (2.0 * (cg + tg + ca + ta))).clamp(DECAYS.0, DECAYS.1);
    let decayed = 2.0 * cg * (1.0 - decay).ln() + (tg + ca) * (decay * (1.0 - decay)).ln() + 2.0 * ta * decay.ln();
    decayed > best_plain + MIN_NATS
}

/// Per cent of the votes that the best base of a column of `depth` copies has by chance: the expected largest of four
/// equally likely counts (62 for two copies, 56, 53, 50 for five, 45 for seven, 41 for eleven, 37 for twenty), and two
/// to seven more since alignment prefers columns that agree.
fn agreement_by_chance(depth: u32) -> f64 {
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

/// The part of a corrected consensus to keep: the region in which at least `min_depth` copies agree most beyond chance.
pub(super) fn supported(corrected: &Corrected, min_depth: u32) -> Range<usize> {
    /// Copies from which on the agreement of a column counts for what is usual.
    const MIN_USUAL_DEPTH: u32 = 3;
    /// Usual per cent of the votes if no column has that many copies.
    const DEFAULT_USUAL: f64 = 90.0;
    /// Minimum usual per cent of the votes: copies of 30 % divergence.
    const MIN_USUAL: f64 = 70.0;
    /// A column that scores 0 agrees by this share of the way from chance to what is usual. More cuts true ends, at
    /// which some alignments end early. Tuned on the simulated genomes of docs/families.md.
    const WAY_TO_USUAL: f64 = 0.4;
    /// Score of a column with fewer copies, in per cent of votes as that of others. A column of three copies with an
    /// agreement of 90 outweighs it: (1 - 0.4) * (90 - 60). So a region with few copies may lie within a family.
    const SHALLOW: f64 = -15.0;
    let length = corrected.consensus.len();
    let deep = (0..length).filter(|&at| corrected.depth[at] >= MIN_USUAL_DEPTH);
    let mut deep: Vec<u8> = deep.map(|at| corrected.agreement[at]).collect();
    deep.sort_unstable();
    let usual = deep.get(deep.len() / 2).map_or(DEFAULT_USUAL, |&median| f64::from(median).max(MIN_USUAL));
    let threshold = |near: u32| (1.0 - WAY_TO_USUAL) * agreement_by_chance(near) + WAY_TO_USUAL * usual;
    // The region with the highest sum.
    let (mut best, mut kept) = (0.0, 0..0);
    let (mut sum, mut from) = (0.0, 0);
    for at in 0..length {
        let depth = corrected.depth[at];
        let score = if depth < min_depth {
            SHALLOW
        } else {
            f64::from(corrected.agreement[at]) - threshold(corrected.near[at])
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

/// The part `kept`, cut at columns at which three or more copies end together and fewer than three continue: those that
/// continue share a longer interval and not a repeat.
pub(super) fn within_common_ends(
    corrected: &Corrected,
    copies: &[PlacedAlignment<'_>],
    kept: Range<usize>,
) -> Range<usize> {
    let Range { mut start, mut end } = kept;
    let sorted = |side: fn(&Alignment) -> u32| {
        let mut ends: Vec<u32> = copies.iter().map(|copy| side(copy.alignment)).collect();
        ends.sort_unstable();
        ends
    };
    let is_common = |ends: &[u32], at: u32| ends_near(ends, at) >= MIN_COMMON_ENDS;
    let base_at = |column: u32| corrected.columns.partition_point(|&c| c < column);
    let few_span = |range: Range<usize>| corrected.depth[range].iter().all(|&d| (d as usize) < MIN_COMMON_ENDS);
    let margin = COMMON_END as usize;
    let starts = sorted(|a| a.query_range.start);
    if let Some(&first) = starts.iter().find(|&&at| is_common(&starts, at)) {
        let base = base_at(first);
        if base > start + margin && few_span(start..base - margin) {
            start = base;
        }
    }
    let stops = sorted(|a| a.query_range.end);
    if let Some(&last) = stops.iter().rev().find(|&&at| is_common(&stops, at)) {
        let base = base_at(last);
        if base + margin < end && few_span(base + margin..end) {
            end = base;
        }
    }
    start..end.max(start)
}

/// How many of the ascending ends lie near a column.
fn ends_near(ends: &[u32], at: u32) -> usize {
    ends.partition_point(|&e| e <= at + COMMON_END) - ends.partition_point(|&e| e + COMMON_END < at)
}

/// Columns at which two families were joined: hardly any copy spans them though several cover either side.
pub(super) fn seams(copies: &[PlacedAlignment<'_>], length: usize) -> Vec<usize> {
    /// A copy spans a column if it covers this many columns to either side: alignments extend less beyond a true end.
    const MARGIN: usize = 50;
    /// Columns from the seam at which the copies of either side are counted.
    const SIDE: usize = 100;
    /// Minimum copies on either side. This and the next were tuned on the simulated genomes of docs/families.md.
    const MIN_SIDE: i32 = 4;
    /// Copies on either side per copy that spans the column, at least.
    const OUTNUMBER: i32 = 12;
    let (depth, spanned) = (spanning(copies, length, 0), spanning(copies, length, MARGIN));
    let mut seams = Vec::new();
    let mut at = SIDE;
    while at + SIDE < length {
        let sides = depth[at - SIDE].min(depth[at + SIDE]);
        if sides >= MIN_SIDE && spanned[at] * OUTNUMBER <= sides {
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

/// Copies that cover each column and `margin` columns to either side.
fn spanning(copies: &[PlacedAlignment<'_>], length: usize, margin: usize) -> Vec<i32> {
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
        .collect()
}
