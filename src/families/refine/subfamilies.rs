//! Finds subfamilies: groups of the copies of a family that share more differences than chance explains. One consensus
//! for all of them would be that of the largest group, or a mixture that never existed.
//!
//! A pair of columns shows groups if the rarer base of the one comes with that of the other more often than the numbers
//! of both explain (Price, Eskin and Pevzner 2004, doi:10.1101/gr.2693004). Such columns divide the copies into two
//! groups, and each group is divided in the same way. Substitutions count alone: gaps shift the columns around them
//! together. So do transitions between CG and TG or CA, not at all: they are more frequent in older copies.

use crate::families::bases::Bases;
use crate::families::copies::{AlignedColumn, PlacedAlignment, for_each_column};
use crate::sequence::code::{A, C, G, T};

/// Copies of a family that are examined, evenly taken: the work grows with their number.
const MAX_COPIES: usize = 400;
/// Minimum number of copies of a subfamily, each with a base in enough diagnostic columns. Fewer may be duplicates of
/// one copy, and show little of a consensus.
const MIN_COPIES: usize = 5;
/// Columns that differ between two subfamilies, at least, none within [`SAME_PLACE`] of another.
const MIN_DIAGNOSTIC: usize = 4;
/// One of this many columns of the consensus must differ between two subfamilies: a smaller difference changes no
/// annotation.
const DIAGNOSTIC_PART: usize = 100;
/// Columns within which differences are not independent: one misplaced gap makes several.
const SAME_PLACE: usize = 10;
/// Probability of as many copies with a rarer base, at the rate of the family, in a column that is examined.
const MAX_COLUMN_CHANCE: f64 = 1e-2;
/// Probability, over all pairs of columns of a family, that chance shows a group.
const MAX_PAIR_CHANCE: f64 = 0.05;
/// Maximum number of columns that are examined, the most improbable: bounds the pairs.
const MAX_FEATURES: usize = 400;
/// Share of the copies by which two groups differ in a diagnostic column.
const MIN_CONTRAST: f64 = 0.5;
/// That share, as the mean of the diagnostic columns. Copies of two ages differ less: in columns that mutate often,
/// half of the older ones have another base. Groups of copies 25 % from their consensus differ by 0.68.
const MIN_MEAN_CONTRAST: f64 = 0.65;
/// Nats by which a copy must fit one group better: others belong to neither.
const MIN_NATS: f64 = 1.0;
/// Maximum number of times that copies are assigned to the groups: few change after the second.
const MAX_ASSIGNMENTS: usize = 10;

/// The groups of copies that are subfamilies, each in the order of the copies; one of all copies if there are none.
/// Copies that fit no group are left out.
pub(super) fn find_subfamilies<'a>(
    length: usize,
    copies: &[PlacedAlignment<'a>],
    bases: &Bases<'_>,
) -> Vec<Vec<PlacedAlignment<'a>>> {
    let every = copies.len() / MAX_COPIES + 1;
    let examined: Vec<&PlacedAlignment<'a>> = copies.iter().step_by(every).collect();
    let read = |copy: usize, each: &mut dyn FnMut(usize, u8)| {
        for_each_column(examined[copy], bases, |aligned, _| {
            if let AlignedColumn::Base(column, code) = aligned
                && code < 4
            {
                each(column as usize, code);
            }
        });
    };
    let groups = divide(length, &read, (0..examined.len()).collect());
    groups.into_iter().map(|group| group.into_iter().map(|copy| examined[copy].clone()).collect()).collect()
}

/// Calls a function with each column of a copy that has a base, and the base, 0 to 3.
type ReadCopy<'r> = dyn Fn(usize, &mut dyn FnMut(usize, u8)) + 'r;

/// The groups of some copies of a consensus of `length` columns.
fn divide(length: usize, read: &ReadCopy<'_>, copies: Vec<usize>) -> Vec<Vec<usize>> {
    match halves(length, read, &copies) {
        Some(groups) => groups.into_iter().flat_map(|group| divide(length, read, group)).collect(),
        None => vec![copies],
    }
}

/// Two groups of copies, if they show any.
fn halves(length: usize, read: &ReadCopy<'_>, copies: &[usize]) -> Option<[Vec<usize>; 2]> {
    if copies.len() < 2 * MIN_COPIES {
        return None;
    }
    let mut features = improbable_features(&count_bases(length, read, copies), copies.len());
    let chances = LnFactorials::up_to(copies.len());
    if features.len() < MIN_DIAGNOSTIC {
        return None;
    }
    mark_copies(&mut features, length, read, copies);
    let core = associated(&features, &chances)?;
    let mut in_second: Vec<Option<bool>> = (0..copies.len())
        .map(|copy| {
            let sum: i32 = core.iter().map(|&(feature, sign)| sign * features[feature].vote(copy)).sum();
            (sum != 0).then_some(sum > 0)
        })
        .collect();
    for _ in 0..MAX_ASSIGNMENTS {
        let diagnostic = diagnostic_features(&features, &in_second);
        let again: Vec<Option<bool>> = (0..copies.len()).map(|copy| fitting_group(&diagnostic, copy)).collect();
        if again == in_second {
            break;
        }
        in_second = again;
    }
    let diagnostic = diagnostic_features(&features, &in_second);
    let columns: Vec<usize> = diagnostic.iter().map(|(feature, _)| feature.column).collect();
    let is_clear =
        |copy: &usize| diagnostic.iter().filter(|(f, _)| f.covered.contains(*copy)).count() >= MIN_DIAGNOSTIC;
    let places =
        |second: bool| -> Vec<usize> { (0..copies.len()).filter(|&copy| in_second[copy] == Some(second)).collect() };
    let groups = [places(false), places(true)];
    let contrast: f64 = diagnostic.iter().map(|(_, [first, second])| (first - second).abs()).sum();
    let enough = separate_places(&columns) >= MIN_DIAGNOSTIC
        && contrast >= MIN_MEAN_CONTRAST * columns.len() as f64
        && DIAGNOSTIC_PART * columns.len() >= length
        && groups.iter().all(|group| group.iter().filter(|&copy| is_clear(copy)).count() >= MIN_COPIES);
    enough.then(|| groups.map(|group| group.into_iter().map(|at| copies[at]).collect()))
}

/// A set of copies, by their places in a list.
#[derive(Debug, Clone, PartialEq)]
struct CopySet(Vec<u64>);

impl CopySet {
    fn of_capacity(copies: usize) -> Self {
        Self(vec![0; copies.div_ceil(64)])
    }

    fn insert(&mut self, copy: usize) {
        self.0[copy / 64] |= 1 << (copy % 64);
    }

    fn contains(&self, copy: usize) -> bool {
        self.0[copy / 64] >> (copy % 64) & 1 == 1
    }

    fn common<const N: usize>(sets: [&Self; N]) -> usize {
        let word = |at: usize| sets.iter().fold(u64::MAX, |word, set| word & set.0[at]);
        (0..sets[0].0.len()).map(|at| word(at).count_ones() as usize).sum()
    }
}

/// A base that is not the most frequent one of its column, and more frequent than the rate of the family explains.
#[derive(Debug)]
struct Feature {
    column: usize,
    code: u8,
    /// Natural logarithm of the probability of as many copies with it.
    ln_chance: f64,
    /// Copies with this base.
    present: CopySet,
    /// Copies with any base in the column.
    covered: CopySet,
}

impl Feature {
    /// 1 for a copy with the base, -1 for one with another, 0 for one without.
    fn vote(&self, copy: usize) -> i32 {
        2 * i32::from(self.present.contains(copy)) - i32::from(self.covered.contains(copy))
    }
}

/// Copies by their base in each column.
fn count_bases(length: usize, read: &ReadCopy<'_>, copies: &[usize]) -> Vec<[u32; 4]> {
    let mut counts = vec![[0u32; 4]; length];
    for &copy in copies {
        read(copy, &mut |column, code| counts[column][usize::from(code)] += 1);
    }
    counts
}

/// The most frequent base of a column.
fn major(counts: &[u32; 4]) -> u8 {
    (0..4u8).max_by_key(|&code| (counts[usize::from(code)], !code)).unwrap_or(0)
}

/// Whether two bases are both purines or both pyrimidines: T, C, A, G are 0 to 3.
fn is_transition(one: u8, other: u8) -> bool {
    one ^ other == 1
}

/// Whether a substitution in a sequence of bases is one between CG and TG or CA.
fn is_cpg_decay(majors: &[u8], column: usize, code: u8) -> bool {
    let (base, next, previous) = (majors[column], majors.get(column + 1), majors[..column].last());
    let pair = [base, code];
    (pair.contains(&C) && pair.contains(&T) && next == Some(&G))
        || (pair.contains(&G) && pair.contains(&A) && previous == Some(&C))
}

/// The features of some copies, the most improbable, by column; without their sets of copies.
fn improbable_features(counts: &[[u32; 4]], copies: usize) -> Vec<Feature> {
    let majors: &[u8] = &counts.iter().map(major).collect::<Vec<u8>>();
    // Rarer bases by kind, transversions and transitions, and bases in all columns.
    let (mut rarer, mut all) = ([0u64; 2], 0u64);
    let each_rarer =
        |column: usize| (0..4u8).filter(move |&code| code != majors[column] && !is_cpg_decay(majors, column, code));
    for (column, counts) in counts.iter().enumerate() {
        all += counts.iter().map(|&count| u64::from(count)).sum::<u64>();
        for code in each_rarer(column) {
            rarer[usize::from(is_transition(code, majors[column]))] += u64::from(counts[usize::from(code)]);
        }
    }
    // One base of a column is a transition and two are transversions; one copy more, so that no rate is 0.
    let rate = |transition: bool| {
        let bases = all.max(1) * if transition { 1 } else { 2 };
        (rarer[usize::from(transition)] + 1) as f64 / bases as f64
    };
    let rates = [rate(false), rate(true)];
    let mut features = Vec::new();
    for (column, counts) in counts.iter().enumerate() {
        let depth: u32 = counts.iter().sum();
        for code in each_rarer(column) {
            let count = counts[usize::from(code)];
            if (count as usize) < MIN_COPIES || (depth - count) < MIN_COPIES as u32 {
                continue;
            }
            let rate = rates[usize::from(is_transition(code, majors[column]))];
            let ln_chance = ln_binomial_tail(count, depth, rate);
            if ln_chance < MAX_COLUMN_CHANCE.ln() {
                let (present, covered) = (CopySet::of_capacity(copies), CopySet::of_capacity(copies));
                features.push(Feature { column, code, ln_chance, present, covered });
            }
        }
    }
    features.sort_by(|a, b| a.ln_chance.total_cmp(&b.ln_chance).then(a.column.cmp(&b.column)));
    features.truncate(MAX_FEATURES);
    features.sort_by_key(|feature| (feature.column, feature.code));
    features
}

/// Natural logarithm of the probability that at least `count` of `all` copies have a base of this rate, from its
/// largest term: exact enough to compare it with a threshold.
fn ln_binomial_tail(count: u32, all: u32, rate: f64) -> f64 {
    if f64::from(count) <= f64::from(all) * rate {
        return 0.0;
    }
    // Chernoff's bound: n times the divergence of the observed share from the rate.
    let share = f64::from(count) / f64::from(all);
    let other = if share < 1.0 { (1.0 - share) * ((1.0 - share) / (1.0 - rate)).ln() } else { 0.0 };
    -f64::from(all) * (share * (share / rate).ln() + other)
}

/// Fills the sets of copies of features.
fn mark_copies(features: &mut [Feature], length: usize, read: &ReadCopy<'_>, copies: &[usize]) {
    let mut first = vec![0u32; length + 1];
    for feature in features.iter() {
        first[feature.column + 1] += 1;
    }
    for column in 0..length {
        first[column + 1] += first[column];
    }
    for (at, &copy) in copies.iter().enumerate() {
        read(copy, &mut |column, code| {
            for feature in &mut features[first[column] as usize..first[column + 1] as usize] {
                feature.covered.insert(at);
                if feature.code == code {
                    feature.present.insert(at);
                }
            }
        });
    }
}

/// The feature that is associated with most others, with these: each with its number, and 1 if it comes with the first
/// one, -1 if it comes without it.
fn associated(features: &[Feature], chances: &LnFactorials) -> Option<Vec<(usize, i32)>> {
    let pairs = (features.len() * features.len()) as f64;
    // Each pair is tested in both directions.
    let ln_max = (MAX_PAIR_CHANCE / pairs).ln();
    let partners = |one: usize| -> Vec<(usize, i32)> {
        let sign_of = |other: usize| -> Option<(usize, i32)> {
            let (a, b) = (&features[one], &features[other]);
            if a.column.abs_diff(b.column) < SAME_PLACE {
                return None;
            }
            let all = CopySet::common([&a.covered, &b.covered]);
            let (with_a, with_b) =
                (CopySet::common([&a.present, &b.covered]), CopySet::common([&a.covered, &b.present]));
            let both = CopySet::common([&a.present, &b.present]);
            if chances.ln_tail(all, with_a, with_b, both) < ln_max {
                Some((other, 1))
            } else if chances.ln_tail(all, with_a, all - with_b, with_a - both) < ln_max {
                Some((other, -1))
            } else {
                None
            }
        };
        (0..features.len()).filter_map(sign_of).collect()
    };
    let places = |partners: &[(usize, i32)]| {
        separate_places(&partners.iter().map(|&(feature, _)| features[feature].column).collect::<Vec<usize>>())
    };
    let best = (0..features.len()).map(|one| (one, partners(one)));
    let (one, partners) = best.max_by_key(|(one, partners)| (places(partners), std::cmp::Reverse(*one)))?;
    let core: Vec<(usize, i32)> = partners.into_iter().chain([(one, 1)]).collect();
    (places(&core[..core.len() - 1]) + 1 >= MIN_DIAGNOSTIC).then_some(core)
}

/// How many of ascending columns lie no nearer to each other than [`SAME_PLACE`].
fn separate_places(columns: &[usize]) -> usize {
    let mut last: Option<usize> = None;
    let is_separate = |column: &&usize| {
        let separate = last.is_none_or(|last| **column >= last + SAME_PLACE);
        if separate {
            last = Some(**column);
        }
        separate
    };
    columns.iter().filter(is_separate).count()
}

/// The shares of two groups of copies with a feature.
type Shares = [f64; 2];

/// The features in which two groups of copies differ most, with their shares.
fn diagnostic_features<'f>(features: &'f [Feature], in_second: &[Option<bool>]) -> Vec<(&'f Feature, Shares)> {
    let shares = |feature: &Feature| -> Shares {
        [false, true].map(|second| {
            let group = || (0..in_second.len()).filter(|&copy| in_second[copy] == Some(second));
            let present = group().filter(|&copy| feature.present.contains(copy)).count();
            let covered = group().filter(|&copy| feature.covered.contains(copy)).count();
            // Half a copy with the feature and half a copy without it more, so that no share is 0 or 1.
            (present as f64 + 0.5) / (covered as f64 + 1.0)
        })
    };
    let all = features.iter().map(|feature| (feature, shares(feature)));
    all.filter(|(_, shares)| (shares[0] - shares[1]).abs() >= MIN_CONTRAST).collect()
}

/// Whether a copy fits the second of two groups better, if either.
fn fitting_group(diagnostic: &[(&Feature, Shares)], copy: usize) -> Option<bool> {
    let nats = |(feature, [first, second]): &(&Feature, Shares)| match feature.vote(copy) {
        1 => (second / first).ln(),
        -1 => ((1.0 - second) / (1.0 - first)).ln(),
        _ => 0.0,
    };
    let sum: f64 = diagnostic.iter().map(nats).sum();
    (sum.abs() >= MIN_NATS).then_some(sum > 0.0)
}

/// Natural logarithms of factorials.
struct LnFactorials(Vec<f64>);

impl LnFactorials {
    fn up_to(largest: usize) -> Self {
        let logarithms = (1..=largest).scan(0.0, |sum, number| {
            *sum += (number as f64).ln();
            Some(*sum)
        });
        Self([0.0].into_iter().chain(logarithms).collect())
    }

    fn ln_choose(&self, all: usize, chosen: usize) -> f64 {
        self.0[all] - self.0[chosen] - self.0[all - chosen]
    }

    /// Natural logarithm of the probability that two sets of `a` and `b` of `all` copies have `both` or more in common
    /// by chance: the tail of the hypergeometric distribution.
    fn ln_tail(&self, all: usize, a: usize, b: usize, both: usize) -> f64 {
        let possible = both..=a.min(b);
        if both * all <= a * b || possible.is_empty() {
            return 0.0;
        }
        let term = |k: usize| self.ln_choose(b, k) + self.ln_choose(all - b, a - k) - self.ln_choose(all, a);
        let first = term(both);
        first + possible.map(|k| (term(k) - first).exp()).sum::<f64>().ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Copies of one of several consensi: code 4 is no base.
    struct Simulation {
        random: Random,
        consensus: Vec<u8>,
        rows: Vec<Vec<u8>>,
    }

    impl Simulation {
        fn new(seed: u64, length: usize) -> Self {
            let mut random = Random::new(seed);
            let consensus = (0..length).map(|_| random.below(4) as u8).collect();
            Self { random, consensus, rows: Vec::new() }
        }

        /// The consensus with `count` substitutions, at equal distances.
        fn sibling(&self, count: usize) -> Vec<u8> {
            let mut sibling = self.consensus.clone();
            let step = sibling.len() / count;
            for at in (0..count).map(|i| i * step + step / 2) {
                sibling[at] = (sibling[at] + 2) % 4;
            }
            sibling
        }

        /// Adds copies with this share of substitutions, in per mille; as many transitions as transversions.
        fn add(&mut self, consensus: &[u8], copies: usize, divergence: usize) {
            for _ in 0..copies {
                let random = &mut self.random;
                let row = consensus.iter().map(|&code| match random.below(1000) {
                    n if n >= divergence => code,
                    _ => code ^ [1, 1, 2, 3][random.below(4)],
                });
                self.rows.push(row.collect());
            }
        }

        /// The first and the last base of each copy are random, if they are not all whole.
        fn truncate(&mut self) {
            let length = self.consensus.len();
            for row in &mut self.rows {
                let (start, end) = (self.random.below(length), self.random.below(length));
                row[..start.min(end)].fill(4);
                row[start.max(end)..].fill(4);
            }
        }

        fn groups(&self) -> Vec<Vec<usize>> {
            let read = |copy: usize, each: &mut dyn FnMut(usize, u8)| {
                let row = self.rows[copy].iter().enumerate();
                row.filter(|(_, code)| **code < 4).for_each(|(column, &code)| each(column, code));
            };
            divide(self.consensus.len(), &read, (0..self.rows.len()).collect())
        }
    }

    #[test]
    fn groups_with_shared_differences_are_divided() {
        for (seed, divergence) in [(1, 50), (2, 100), (3, 150)] {
            let mut simulation = Simulation::new(seed, 270);
            let (first, second) = (simulation.consensus.clone(), simulation.sibling(8));
            simulation.add(&first, 30, divergence);
            simulation.add(&second, 20, divergence);
            let groups = simulation.groups();
            assert_eq!(groups.len(), 2, "{divergence}");
            let sizes: Vec<(usize, usize)> =
                groups.iter().map(|group| (group.iter().filter(|&&copy| copy < 30).count(), group.len())).collect();
            // Nearly all copies are in the group of their consensus.
            let (one, other) = if sizes[0].0 > sizes[1].0 { (sizes[0], sizes[1]) } else { (sizes[1], sizes[0]) };
            assert!(one.0 >= 27 && one.1 <= one.0 + 2 && other.0 <= 2 && other.1 >= 17, "{divergence}: {sizes:?}");
        }
    }

    #[test]
    fn groups_are_divided_again() {
        let mut simulation = Simulation::new(4, 600);
        let consensi = [simulation.consensus.clone(), simulation.sibling(20), simulation.sibling(27)];
        for consensus in &consensi {
            simulation.add(consensus, 25, 80);
        }
        assert_eq!(simulation.groups().len(), 3);
    }

    #[test]
    fn families_without_groups_stay_whole() {
        for seed in 0..200 {
            let mut random = Random::new(1000 + seed);
            let (copies, divergence) = (random.within(5..61), random.within(50..251));
            let mut simulation = Simulation::new(seed, random.within(100..1500));
            let consensus = simulation.consensus.clone();
            simulation.add(&consensus, copies, divergence);
            if seed % 2 == 1 {
                simulation.truncate();
            }
            assert_eq!(simulation.groups().len(), 1, "seed {seed}: {copies} copies, {divergence} per mille");
        }
    }

    #[test]
    fn copies_of_two_ages_stay_one_family() {
        for seed in 0..10 {
            let mut simulation = Simulation::new(50 + seed, 800);
            let consensus = simulation.consensus.clone();
            simulation.add(&consensus, 30, 30);
            simulation.add(&consensus, 30, 250);
            assert_eq!(simulation.groups().len(), 1, "{seed}");
        }
    }

    #[test]
    fn decay_of_cpg_divides_no_family() {
        for seed in 0..10 {
            let mut simulation = Simulation::new(80 + seed, 600);
            for at in (10..590).step_by(25) {
                simulation.consensus[at] = C;
                simulation.consensus[at + 1] = G;
            }
            let consensus = simulation.consensus.clone();
            simulation.add(&consensus, 50, 60);
            // The older half has lost most of its CpG, on either strand.
            for row in &mut simulation.rows[25..] {
                for at in 0..599 {
                    if row[at] == C && row[at + 1] == G {
                        match simulation.random.below(10) {
                            0..5 => row[at] = T,
                            5..9 => row[at + 1] = A,
                            _ => {}
                        }
                    }
                }
            }
            assert_eq!(simulation.groups().len(), 1, "{seed}");
        }
    }

    #[test]
    fn fragments_of_different_parts_stay_one_family() {
        for seed in 0..10 {
            let mut simulation = Simulation::new(100 + seed, 2000);
            let consensus = simulation.consensus.clone();
            simulation.add(&consensus, 60, 100);
            // Copies of the first 300 bases, of the last 300, and whole ones.
            for (copy, row) in simulation.rows.iter_mut().enumerate() {
                match copy % 3 {
                    0 => row[300..].fill(4),
                    1 => row[..1700].fill(4),
                    _ => {}
                }
            }
            assert_eq!(simulation.groups().len(), 1, "{seed}");
        }
    }

    #[test]
    fn chances_are_those_of_the_hypergeometric_distribution() {
        let chances = LnFactorials::up_to(20);
        // Four of four among ten, twice: 1 of 210.
        assert!((chances.ln_tail(10, 4, 4, 4) + 210f64.ln()).abs() < 1e-9);
        // At least three: 24 pairs more.
        assert!((chances.ln_tail(10, 4, 4, 3) - (25f64 / 210.0).ln()).abs() < 1e-9);
        assert_eq!(chances.ln_tail(10, 5, 4, 2), 0.0);
    }
}
