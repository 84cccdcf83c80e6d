//! A bit for each base of the genome: single bases are tested far more often than ranges are added.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Result;
use crate::memory::{Budget, Component, Reservation};

/// A set of bases of the genome, all contigs end to end. Threads read it while one adds: they find bases that were
/// added before they began, and perhaps some of the others.
pub(crate) struct BaseMask {
    words: Vec<AtomicU64>,
    /// Bases of the genome.
    bases: u64,
    _reservation: Reservation,
}

impl BaseMask {
    /// Bytes of a set in a genome of so many bases.
    pub(crate) fn bytes(bases: u64) -> u64 {
        bases.div_ceil(64) * 8
    }

    /// An empty set, reserved as `component`; `what` names it if there is too little memory.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for it.
    pub(crate) fn new(bases: u64, budget: &Budget, component: Component, what: &'static str) -> Result<Self> {
        let reservation = budget.reserve(component, Self::bytes(bases), what)?;
        let words = (0..bases.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { words, bases, _reservation: reservation })
    }

    /// The words that have bases of a range, and the bits of those bases. What is past the genome is left out.
    fn words(&self, range: &Range<u64>) -> impl Iterator<Item = (&AtomicU64, u64)> + use<'_> {
        let (start, end) = (range.start, range.end.min(self.bases).max(range.start));
        let numbers = start / 64..end.div_ceil(64);
        numbers.map_while(move |number| {
            let low = u64::MAX << start.saturating_sub(64 * number);
            let high = u64::MAX >> (64 * (number + 1)).saturating_sub(end);
            Some((self.words.get(number as usize)?, low & high))
        })
    }

    /// Whether a base is in the set.
    pub(crate) fn contains(&self, at: u64) -> bool {
        self.words.get((at / 64) as usize).is_some_and(|word| word.load(Ordering::Relaxed) >> (at % 64) & 1 == 1)
    }

    /// Whether any base of a range is in the set.
    pub(crate) fn contains_any(&self, range: &Range<u64>) -> bool {
        self.words(range).any(|(word, bits)| word.load(Ordering::Relaxed) & bits != 0)
    }

    /// Adds all bases of a range.
    pub(crate) fn add(&self, range: &Range<u64>) {
        for (word, bits) in self.words(range) {
            word.fetch_or(bits, Ordering::Relaxed);
        }
    }

    /// The bases of a range that are in the set, ascending.
    pub(crate) fn bases_within(&self, range: Range<u64>) -> impl Iterator<Item = u64> {
        let first = range.start / 64;
        self.words(&range).zip(first..).flat_map(|((word, bits), number)| {
            let mut word = word.load(Ordering::Relaxed) & bits;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(number * 64 + u64::from(bit))
            })
        })
    }

    /// Bases of a range that are in the set.
    pub(crate) fn count(&self, range: &Range<u64>) -> u64 {
        self.words(range).map(|(word, bits)| u64::from((word.load(Ordering::Relaxed) & bits).count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_set_of_bases() {
        let bases = 300;
        let budget = Budget::new(1 << 20);
        let mask = BaseMask::new(bases, &budget, Component::Genome, "a test").expect("fits");
        assert_eq!(budget.used(), BaseMask::bytes(bases));
        let mut expected = vec![false; bases as usize];
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let edges = [0..0, 0..1, 63..64, 63..65, 64..128, 127..193, 299..300, 300..300];
        for range in edges.into_iter().chain((0..40).map(|_| {
            let start = random(bases);
            start..start + random((bases - start).min(70) + 1)
        })) {
            let here = &mut expected[range.start as usize..range.end as usize];
            let before = here.iter().filter(|&&base| base).count() as u64;
            assert_eq!((mask.count(&range), mask.contains_any(&range)), (before, before > 0), "{range:?}");
            mask.add(&range);
            here.fill(true);
            assert_eq!(mask.count(&range), range.end - range.start);
            assert!(mask.bases_within(range.clone()).eq(range.clone()));
            assert!((0..bases).all(|at| mask.contains(at) == expected[at as usize]), "{range:?}");
            assert!(mask.bases_within(1..bases - 1).eq((1..bases - 1).filter(|&at| expected[at as usize])));
        }
        assert!(!mask.contains(100_000) && !mask.contains_any(&(100_000..100_064)));
        assert_eq!(mask.count(&(0..u64::MAX)), mask.count(&(0..bases)));
    }
}
