//! The bases of two masks, counted: those in both, in one of them and in none.

use crate::annotate::{Interval, Intervals};

/// Bases of a genome by what the truth and a found mask have: the confusion matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaskCounts {
    /// Repeats that are masked.
    pub true_positives: u64,
    /// Other bases that are masked.
    pub false_positives: u64,
    /// Repeats that are not masked.
    pub false_negatives: u64,
    /// Other bases that are not masked.
    pub true_negatives: u64,
}

/// The quotient; 0 if there is nothing to divide by.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

impl MaskCounts {
    fn of(self) -> [f64; 4] {
        [self.true_positives, self.false_positives, self.false_negatives, self.true_negatives].map(|bases| bases as f64)
    }

    /// Bases that count.
    pub fn bases(&self) -> u64 {
        self.true_positives + self.false_positives + self.false_negatives + self.true_negatives
    }

    /// Share of the bases that is masked, as all shares from 0 to 1.
    pub fn masked(&self) -> f64 {
        ratio((self.true_positives + self.false_positives) as f64, self.bases() as f64)
    }

    /// Share of the repeats that is masked.
    pub fn sensitivity(&self) -> f64 {
        let [tp, _, fn_, _] = self.of();
        ratio(tp, tp + fn_)
    }

    /// Share of the other bases that is not masked.
    pub fn specificity(&self) -> f64 {
        let [_, fp, _, tn] = self.of();
        ratio(tn, tn + fp)
    }

    /// Share of the bases of which the mask is right.
    pub fn accuracy(&self) -> f64 {
        let [tp, _, _, tn] = self.of();
        ratio(tp + tn, self.bases() as f64)
    }

    /// Share of the masked bases that is repeats.
    pub fn precision(&self) -> f64 {
        let [tp, fp, ..] = self.of();
        ratio(tp, tp + fp)
    }

    /// False discovery rate: share of the masked bases that is no repeat.
    pub fn false_discovery_rate(&self) -> f64 {
        let [tp, fp, ..] = self.of();
        ratio(fp, tp + fp)
    }

    /// F1: the harmonic mean of sensitivity and precision.
    pub fn f1(&self) -> f64 {
        let (sensitivity, precision) = (self.sensitivity(), self.precision());
        ratio(2.0 * sensitivity * precision, sensitivity + precision)
    }

    /// Correlation coefficient of B. W. Matthews (Biochim. Biophys. Acta 405 (1975) 442), -1 to 1; 0 if either mask has
    /// all bases or none.
    pub fn matthews(&self) -> f64 {
        let [tp, fp, fn_, tn] = self.of();
        ratio(tp * tn - fp * fn_, ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt())
    }
}

/// Compares a found mask with a true one, in contigs of these `lengths`. Bases that only features in `skipped` have, and
/// none in `truth`, do not count.
pub(crate) fn compare_masks(lengths: &[u64], truth: &Intervals, skipped: &Intervals, found: &Intervals) -> MaskCounts {
    let mut counts = MaskCounts::default();
    for (contig, &length) in (0..).zip(lengths) {
        let lists = [truth, skipped, found].map(|intervals| intervals.of_contig(contig));
        each_run(lists, length, |bases, in_list| match in_list {
            [true, _, true] => counts.true_positives += bases,
            [true, _, false] => counts.false_negatives += bases,
            [false, true, _] => {}
            [false, false, true] => counts.false_positives += bases,
            [false, false, false] => counts.true_negatives += bases,
        });
    }
    counts
}

/// Calls `each` for every run of bases of a contig that are in the same lists, with its length. Intervals of a list
/// ascend and do not overlap.
fn each_run<const N: usize>(mut lists: [&[Interval]; N], length: u64, mut each: impl FnMut(u64, [bool; N])) {
    let mut at = 0;
    while at < length {
        let mut end = length;
        let in_list = std::array::from_fn(|number| {
            let list = &mut lists[number];
            while let Some((first, rest)) = list.split_first()
                && u64::from(first.end) <= at
            {
                *list = rest;
            }
            let Some(first) = list.first() else { return false };
            let is_in = u64::from(first.start) <= at;
            end = end.min(u64::from(if is_in { first.end } else { first.start }));
            is_in
        });
        each(end - at, in_list);
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Budget;
    use proptest::prelude::*;

    const LENGTHS: [u64; 3] = [40, 0, 25];

    fn intervals(ranges: &[(u32, u32, u32)]) -> Intervals {
        let mut all = Intervals::none(&Budget::new(1 << 20));
        for &(contig, start, end) in ranges {
            all.push(Interval { contig, start, end }).expect("enough memory");
        }
        all.sorted()
    }

    /// A bit for each base.
    fn bits(ranges: &[(u32, u32, u32)]) -> Vec<bool> {
        let base = |contig: u32| (0..LENGTHS[contig as usize] as u32).map(move |at| (contig, at));
        let all = (0..LENGTHS.len() as u32).flat_map(base);
        all.map(|(contig, at)| ranges.iter().any(|&(c, start, end)| c == contig && (start..end).contains(&at)))
            .collect()
    }

    fn ranges() -> impl Strategy<Value = Vec<(u32, u32, u32)>> {
        let one = (prop::bool::ANY, 0..41u32, 0..41u32).prop_map(|(first, a, b)| {
            let (contig, length) = if first { (0, 40) } else { (2, 25) };
            (contig, a.min(b).min(length), a.max(b).min(length))
        });
        prop::collection::vec(one, 0..6)
    }

    proptest! {
        #[test]
        fn equals_a_count_of_bits(truth in ranges(), skipped in ranges(), found in ranges()) {
            let counts = compare_masks(&LENGTHS, &intervals(&truth), &intervals(&skipped), &intervals(&found));
            let (t, s, f) = (bits(&truth), bits(&skipped), bits(&found));
            let count = |is: &dyn Fn(usize) -> bool| (0..65).filter(|&at| is(at)).count() as u64;
            let wanted = MaskCounts {
                true_positives: count(&|at| t[at] && f[at]),
                false_positives: count(&|at| !t[at] && !s[at] && f[at]),
                false_negatives: count(&|at| t[at] && !f[at]),
                true_negatives: count(&|at| !t[at] && !s[at] && !f[at]),
            };
            prop_assert_eq!(counts, wanted);
        }
    }

    #[test]
    fn figures_of_counts() {
        let counts = MaskCounts { true_positives: 60, false_positives: 20, false_negatives: 40, true_negatives: 80 };
        let figures = [
            (counts.masked(), 0.4),
            (counts.sensitivity(), 0.6),
            (counts.specificity(), 0.8),
            (counts.accuracy(), 0.7),
            (counts.precision(), 0.75),
            (counts.false_discovery_rate(), 0.25),
            (counts.f1(), 2.0 / 3.0),
            // (60 · 80 - 20 · 40) / √(80 · 100 · 100 · 120)
            (counts.matthews(), 4000.0 / 96_000_000f64.sqrt()),
        ];
        figures.iter().for_each(|(found, wanted)| assert!((found - wanted).abs() < 1e-12, "{figures:?}"));
        // Nothing is masked, and nothing counts.
        let none = MaskCounts { true_negatives: 5, ..MaskCounts::default() };
        assert_eq!((none.specificity(), none.sensitivity(), none.f1(), none.matthews()), (1.0, 0.0, 0.0, 0.0));
        assert_eq!(MaskCounts::default().accuracy(), 0.0);
    }
}
