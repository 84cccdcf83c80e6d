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
    /// Copies by their bases in each column and the next, by kind ([`pair_kind`]).
    pairs: Vec<[u32; PAIR_KINDS]>,
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

/// How much the vote of a copy weighs that differs from its family in this share of the columns: the log-odds that its
/// base is the right one rather than a given other one (Jukes and Cantor 1969), in sixths of a nat, so that integers
/// are exact enough.
fn vote_weight(difference: f64) -> u32 {
    /// Bounds, so that one nearly equal copy outvotes two that differ by 25 %, and not three.
    const DIFFERENCES: (f64, f64) = (0.02, 0.5);
    /// Units of a weight per nat.
    const UNITS_PER_NAT: f64 = 6.0;
    let difference = difference.clamp(DIFFERENCES.0, DIFFERENCES.1);
    (UNITS_PER_NAT * (3.0 * (1.0 - difference) / difference).ln()).round().max(1.0) as u32
}

/// The share of columns in which each copy differs from the family, by its differences from the other copies. Those
/// from the consensus say less: the copy that a consensus comes from differs little from it, would outvote the others,
/// and so make the consensus its own.
///
/// Two copies are equal with the probability that both are unchanged, the product of two shares, so the share of a copy
/// is that of its pairs over the root of that of all pairs.
///
/// `None` for copies that share few columns with others.
fn differences(length: usize, rows: &[Row]) -> Vec<Option<f64>> {
    /// Minimum number of columns that a copy shares with others.
    const MIN_COLUMNS: f64 = 20.0;
    let mut counts = vec![[0u32; 5]; length];
    for (column, symbol) in rows.iter().flat_map(Row::symbols) {
        counts[column][symbol] += 1;
    }
    let equal_of = |row: &Row| {
        let (mut equal, mut columns) = (0.0, 0.0);
        for (column, symbol) in row.symbols() {
            let others = counts[column].iter().sum::<u32>() - 1;
            if others > 0 {
                equal += f64::from(counts[column][symbol] - 1) / f64::from(others);
                columns += 1.0;
            }
        }
        (equal, columns)
    };
    let shares: Vec<(f64, f64)> = rows.iter().map(equal_of).collect();
    let (equal, columns) = shares.iter().fold((0.0, 0.0), |(a, b), (equal, columns)| (a + equal, b + columns));
    let unchanged = f64::sqrt(equal / columns);
    let difference = |(equal, columns)| (columns >= MIN_COLUMNS).then(|| 1.0 - equal / columns / unchanged);
    shares.into_iter().map(difference).collect()
}

/// A copy in the columns of a consensus, without its insertions.
struct Row {
    /// The first column.
    start: u32,
    /// A base code or [`GAP`] in each column from there on; [`Row::NO_SYMBOL`] for an unknown base.
    symbols: Vec<u8>,
}

impl Row {
    const NO_SYMBOL: u8 = u8::MAX;

    fn of(copy: &PlacedAlignment<'_>, bases: &Bases<'_>) -> Self {
        let range = &copy.alignment.query_range;
        let mut symbols = Vec::with_capacity((range.end - range.start) as usize);
        for_each_column(copy, bases, |aligned, _| match aligned {
            AlignedColumn::Base(_, code) => symbols.push(if code < 4 { code } else { Self::NO_SYMBOL }),
            AlignedColumn::Deletion(_) => symbols.push(GAP as u8),
            AlignedColumn::Insertion(..) => {}
        });
        Self { start: range.start, symbols }
    }

    /// Columns and the symbols in them that are known.
    fn symbols(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let symbols = (self.start as usize..).zip(self.symbols.iter().map(|&symbol| usize::from(symbol)));
        symbols.filter(|&(_, symbol)| symbol != usize::from(Self::NO_SYMBOL))
    }
}

impl Votes {
    fn count(length: usize, copies: &[PlacedAlignment<'_>], bases: &Bases<'_>) -> Self {
        let mut votes = Self {
            columns: vec![[0; 5]; length],
            depth: vec![0; length],
            ended: vec![(0, 0); length],
            pairs: vec![[0; PAIR_KINDS]; length],
            insertions: Vec::new(),
        };
        let rows: Vec<Row> = copies.iter().map(|copy| Row::of(copy, bases)).collect();
        for (copy, difference) in copies.iter().zip(differences(length, &rows)) {
            let difference = difference.unwrap_or_else(|| copy.alignment.counts.difference());
            votes.add(copy, vote_weight(difference), bases);
        }
        votes.insertions.sort_unstable();
        votes
    }

    fn add(&mut self, copy: &PlacedAlignment<'_>, weight: u32, bases: &Bases<'_>) {
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

/// Kinds of pairs of bases: CG and what its decay makes of it, GC and the same changes of it, others.
const PAIR_KINDS: usize = 9;

/// The kind of a pair of bases in [`Votes::pairs`].
fn pair_kind(first: u8, second: u8) -> usize {
    match (first, second) {
        (C, G) => 0,
        (T, G) => 1,
        (C, A) => 2,
        (T, A) => 3,
        (G, C) => 4,
        (A, C) => 5,
        (G, T) => 6,
        (A, T) => 7,
        _ => 8,
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
    let was_cpg = decayed_cpg(&votes);
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

/// Whether each column and the next have CG, whose methylated cytosines decay to thymine on either strand. Not all
/// genomes methylate. GC shows how many pairs look decayed by chance: if there are half as many, none is taken for CG.
fn decayed_cpg(votes: &Votes) -> Vec<bool> {
    let length = votes.columns.len();
    let decayed = |kinds: Range<usize>, like: [[u8; 2]; 2]| -> Vec<bool> {
        let is_decayed = |at: usize| {
            at + 1 < length && has_decayed(&votes.pairs[at], kinds.clone(), &votes.columns[at..at + 2], like)
        };
        (0..length).map(is_decayed).collect()
    };
    let count = |decayed: &[bool]| decayed.iter().filter(|&&decayed| decayed).count();
    let cpg = decayed(0..4, [[T, C], [A, G]]);
    let by_chance = decayed(4..8, [[A, G], [T, C]]);
    if count(&cpg) > 2 * count(&by_chance) { cpg } else { vec![false; length] }
}

/// Whether the copies' pairs of bases come from the first of the `kinds`, which decays to the others, rather than from
/// the pair that most have: whether that is likelier at the divergence that the two columns show. `like` are the bases
/// that decay makes in each column.
fn has_decayed(pairs: &[u32; PAIR_KINDS], kinds: Range<usize>, columns: &[[u32; 5]], like: [[u8; 2]; 2]) -> bool {
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
    let all = f64::from(pairs.iter().sum::<u32>());
    let [cg, tg, ca, ta] = std::array::from_fn(|kind| f64::from(pairs[kinds.start + kind]));
    if all < MIN_COPIES || cg + tg + ca < MIN_SHARE * all || tg == 0.0 || ca == 0.0 {
        return false;
    }
    // Bases that decay does not make show the divergence: two of three substitutions.
    let transversions = |votes: &[u32; 5], like: [u8; 2]| {
        let sum: u32 = votes[..GAP].iter().sum();
        let unlike: u32 = (0..4u8).filter(|b| !like.contains(b)).map(|b| votes[usize::from(b)]).sum();
        (f64::from(unlike), f64::from(sum.max(1)))
    };
    let [(a, n), (b, m)] = [0, 1].map(|at| transversions(&columns[at], like[at]));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn random_codes(random: &mut Random, length: usize) -> Vec<u8> {
        (0..length).map(|_| random.below(4) as u8).collect()
    }

    /// A copy in which one base of `every` is another one, two of three by a transition.
    fn copy_of(consensus: &[u8], every: usize, random: &mut Random) -> Vec<u8> {
        let substituted = |code: u8, random: &mut Random| match random.below(3) {
            0 => code ^ 2 ^ random.below(2) as u8,
            _ => code ^ 1,
        };
        let base = |&code: &u8| if random.below(every) == 0 { substituted(code, random) } else { code };
        consensus.iter().map(base).collect()
    }

    #[test]
    fn differences_are_those_from_the_family_and_not_from_its_consensus() {
        let mut random = Random::new(3);
        let family = random_codes(&mut random, 4000);
        // One copy differs in a tenth, four in a quarter; the last two cover a half each.
        let every = [10, 4, 4, 4, 4];
        let ranges = [0..4000, 0..4000, 0..4000, 0..2000, 2000..4000];
        let rows: Vec<Row> = every
            .into_iter()
            .zip(ranges)
            .map(|(every, range)| Row {
                start: range.start as u32,
                symbols: copy_of(&family[range], every, &mut random),
            })
            .collect();
        let found = differences(4000, &rows);
        for (difference, every) in found.iter().zip(every) {
            let difference = difference.unwrap();
            assert!((difference - 1.0 / every as f64).abs() < 0.06, "{difference}, one of {every}");
        }
        let alone = [Row { start: 10, symbols: vec![0; 300] }, Row { start: 305, symbols: vec![0; 300] }];
        assert_eq!(differences(700, &alone), [None, None]);
    }

    /// Votes of copies that cover the whole consensus, with equal weights.
    fn votes_of(copies: &[Vec<u8>]) -> Votes {
        let length = copies[0].len();
        let mut votes = Votes {
            columns: vec![[0; 5]; length],
            depth: vec![copies.len() as u32; length],
            ended: vec![(0, 0); length],
            pairs: vec![[0; PAIR_KINDS]; length],
            insertions: Vec::new(),
        };
        for copy in copies {
            copy.iter().zip(&mut votes.columns).for_each(|(&code, column)| column[usize::from(code)] += 10);
            for (pair, kinds) in copy.windows(2).zip(&mut votes.pairs) {
                kinds[pair_kind(pair[0], pair[1])] += 1;
            }
        }
        votes
    }

    #[test]
    fn cg_is_restored_where_it_decays_and_not_where_bases_differ_by_chance() {
        let mut random = Random::new(8);
        let family = random_codes(&mut random, 6000);
        let diverged: Vec<Vec<u8>> = (0..6).map(|_| copy_of(&family, 4, &mut random)).collect();
        assert!(decayed_cpg(&votes_of(&diverged)).iter().all(|&decayed| !decayed));
        let decayed: Vec<Vec<u8>> = (0..6)
            .map(|_| {
                let mut copy = copy_of(&family, 12, &mut random);
                for at in 0..family.len() - 1 {
                    if family[at..at + 2] == [C, G] && random.below(2) == 0 {
                        let (side, code) = if random.below(2) == 0 { (at, T) } else { (at + 1, A) };
                        copy[side] = code;
                    }
                }
                copy
            })
            .collect();
        let found = decayed_cpg(&votes_of(&decayed));
        let right = (0..family.len()).filter(|&at| found[at] && family[at..].starts_with(&[C, G])).count();
        let all = found.iter().filter(|&&found| found).count();
        assert!(all > 100 && 10 * right > 9 * all, "{right} of {all}");
    }
}
