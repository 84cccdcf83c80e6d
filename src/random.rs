//! The generator of random numbers of the whole crate, so that a seed leads to the same bytes on every machine, and its
//! mixing function.

use std::ops::Range;

/// The increment of each step of the generator: 2^64 divided by the golden ratio, made odd.
pub(crate) const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads every bit of a number over all 64: the finalizer of SplitMix64.
#[inline(always)]
pub(crate) const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2714064.2660195).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator; equal seeds lead to equal numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A number from 0 to `n - 1`, uniform but for a bias of n / 2^64. `n` is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// A number of a range, which is not empty; uniform as [`below`](Self::below).
    pub fn within(&mut self, range: Range<usize>) -> usize {
        range.start + self.below(range.end - range.start)
    }

    /// True with a probability of `millionths` / 10^6.
    pub(crate) fn chance(&mut self, millionths: u64) -> bool {
        self.bits() % 1_000_000 < millionths
    }

    /// `length` letters A, C, G and T, equally likely.
    pub fn bases(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| b"ACGT"[self.below(4)]).collect()
    }

    /// `length` letters A, C, G and T; `gc` per mille of them are G or C.
    pub(crate) fn bases_with_gc(&mut self, length: usize, gc: u64) -> Vec<u8> {
        let letter = |random: &mut Self| {
            let pair = if random.bits() % 1000 < gc { b"GC" } else { b"AT" };
            pair[random.below(2)]
        };
        (0..length).map(|_| letter(self)).collect()
    }

    /// A number of `low..=high`, about log-uniform: each doubling of `low` is equally likely, and uniform within.
    pub(crate) fn log_uniform(&mut self, low: usize, high: usize) -> usize {
        let doublings = (high / low.max(1)).max(1).ilog2() as usize + 1;
        let from = low << self.below(doublings);
        self.within(from..(2 * from).min(high + 1).max(from + 1)).min(high)
    }

    /// Puts items into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
