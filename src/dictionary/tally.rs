//! The counts of the check of a page, to be compared with the spectrum and the seed order of its index.

use std::collections::BTreeMap;

use crate::random::{GAMMA, mix};

/// Frequencies below this are counted in an array: nearly all are.
const SMALL_FREQUENCIES: usize = 64;

/// How many k-mers have which frequency, and a sum that identifies the repeated ones.
pub(crate) struct Tally {
    small: [u64; SMALL_FREQUENCIES],
    large: BTreeMap<u64, u64>,
    next_kmer: u64,
    repeat_marks: u64,
}

impl Tally {
    /// Starts at a page whose first k-mer has this number.
    pub(crate) fn from_kmer(first_kmer: u64) -> Self {
        Self { small: [0; SMALL_FREQUENCIES], large: BTreeMap::new(), next_kmer: first_kmer, repeat_marks: 0 }
    }

    /// Counts `kmers` k-mers of one frequency, in any order.
    #[inline(always)]
    pub(crate) fn count(&mut self, frequency: u64, kmers: u64) {
        match self.small.get_mut(frequency as usize) {
            Some(count) => *count += kmers,
            None => *self.large.entry(frequency).or_default() += kmers,
        }
    }

    /// Marks the next k-mer in the order of the index if it is repeated.
    #[inline(always)]
    pub(crate) fn mark(&mut self, frequency: u64) {
        if frequency >= 2 {
            self.repeat_marks = self.repeat_marks.wrapping_add(repeat_mark(frequency, self.next_kmer));
        }
        self.next_kmer += 1;
    }

    /// Sum of the marks of the repeated k-mers.
    pub(crate) fn repeat_marks(&self) -> u64 {
        self.repeat_marks
    }

    /// (frequency, k-mers), ascending, without zeros.
    pub(crate) fn rows(self) -> impl Iterator<Item = (u64, u64)> {
        (0..).zip(self.small).chain(self.large).filter(|&(_, count)| count > 0)
    }
}

/// A number that represents a repeated k-mer in a sum over all of them: the sums of two sets are equal only if the sets
/// are.
#[inline(always)]
pub(crate) fn repeat_mark(frequency: u64, kmer: u64) -> u64 {
    mix(kmer.wrapping_mul(GAMMA) ^ frequency.rotate_left(40))
}
