//! All k-mers of several indexes do not fit in memory: they are merged in parts, each the same range of their common
//! order.

use crate::kmer::{KmerOrder, low_mask};

/// Maximum number of k-mers of a super-k-mer. They have one prefix, so the number of k-mers in a range varies more than
/// if each came alone.
const MAX_SUPER_KMER: f64 = 17.0;

/// A range of prefixes of a [`KmerOrder`], both ends included: a hash may have 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrefixRange {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl PrefixRange {
    /// All prefixes of an order.
    pub(super) fn all(order: &KmerOrder) -> Self {
        Self { first: 0, last: low_mask(order.prefix_bits()) }
    }

    pub(super) fn contains(&self, prefix: u64) -> bool {
        (self.first..=self.last).contains(&prefix)
    }

    /// How many of `kmers` k-mers have such a prefix of `bits` bits, if prefixes are spread as by chance: the mean and
    /// five standard deviations, which one range in three million exceeds.
    pub(super) fn expected(&self, bits: u32, kmers: u64) -> u64 {
        let mean = kmers as f64 * ((self.last - self.first) as f64 + 1.0) / f64::from(bits).exp2();
        ((mean + 5.0 * (mean * MAX_SUPER_KMER).sqrt()) as u64 + 1).min(kmers)
    }

    /// Cuts the range into at most `count` ranges of about one size.
    pub(super) fn cut(self, count: u64) -> impl Iterator<Item = Self> {
        let length = u128::from(self.last - self.first) + 1;
        let count = u128::from(count.max(1)).min(length);
        let at = move |i: u128| self.first + (length * i / count) as u64;
        let last = move |i: u128| if i + 1 == count { self.last } else { at(i + 1) - 1 };
        (0..count).map(move |i| Self { first: at(i), last: last(i) })
    }
}

/// A k-mer of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartKmer {
    /// Prefix, counted from the first of the part, and suffix.
    pub(super) code: u64,
    pub(super) frequency: u64,
}

/// The k-mers of a range of prefixes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) prefixes: PrefixRange,
    /// Those of each index, ascending.
    pub(super) kmers: Vec<Vec<PartKmer>>,
}

impl Part {
    /// A part for which no index is read yet.
    pub(super) fn new(prefixes: PrefixRange) -> Self {
        Self { prefixes, kmers: Vec::new() }
    }

    /// The part, cut into slices of at most `kmers` k-mers of the index that has most.
    pub(super) fn slices(&self, kmers: usize) -> Vec<Slice<'_>> {
        let mut rest: Vec<&[PartKmer]> = self.kmers.iter().map(Vec::as_slice).collect();
        let longest = rest.iter().max_by_key(|kmers| kmers.len()).copied().unwrap_or_default();
        let count = longest.len().div_ceil(kmers);
        let ends = longest.chunks(kmers).map(|chunk| chunk[chunk.len() - 1].code).take(count.saturating_sub(1));
        let slice = |end: u64| {
            let mut of_all = Vec::with_capacity(rest.len());
            for kmers in &mut rest {
                let (here, others) = kmers.split_at(kmers.partition_point(|kmer| kmer.code <= end));
                *kmers = others;
                of_all.push(here);
            }
            Slice { first_prefix: self.prefixes.first, kmers: of_all }
        };
        ends.chain((count > 0).then_some(u64::MAX)).map(slice).collect()
    }
}

/// K-mers that follow one another in a part, of each index.
#[derive(Debug)]
pub(super) struct Slice<'p> {
    first_prefix: u64,
    kmers: Vec<&'p [PartKmer]>,
}

impl Slice<'_> {
    /// Calls `each(prefix, suffix, frequencies)` for the distinct k-mers, ascending: their frequency in each index is 0
    /// if it does not store them.
    pub(super) fn merge(&self, order: &KmerOrder, mut each: impl FnMut(u64, u64, &[u64])) {
        let mut rest = self.kmers.clone();
        let mut frequencies = vec![0; rest.len()];
        while let Some(code) = rest.iter().filter_map(|kmers| Some(kmers.first()?.code)).min() {
            for (kmers, frequency) in rest.iter_mut().zip(&mut frequencies) {
                *frequency = match kmers.split_first() {
                    Some((kmer, others)) if kmer.code == code => {
                        *kmers = others;
                        kmer.frequency
                    }
                    _ => 0,
                };
            }
            let (prefix, suffix) = order.split(code);
            each(self.first_prefix + prefix, suffix, &frequencies);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_prefix_once() {
        for bits in [1, 2, 5, 29, 61, 63, 64] {
            for count in [0, 1, 2, 3, 7, 100] {
                let all: Vec<PrefixRange> = PrefixRange { first: 0, last: low_mask(bits) }.cut(count).collect();
                assert_eq!((all[0].first, all[all.len() - 1].last), (0, low_mask(bits)));
                assert!(all.len() as u64 <= count.max(1));
                assert!(all.windows(2).all(|two| two[0].last + 1 == two[1].first && two[0].first <= two[0].last));
            }
        }
    }

    #[test]
    fn slices_have_every_kmer_once() {
        let of = |codes: &[u64]| codes.iter().map(|&code| PartKmer { code, frequency: code }).collect::<Vec<_>>();
        for kmers in [[&[][..], &[]], [&[4], &[]], [&[1, 2, 3, 5, 8, 9], &[0, 2, 9]], [&[7], &[1, 2, 3, 7, u64::MAX]]] {
            let mut part = Part::new(PrefixRange { first: 10, last: 20 });
            part.kmers = kmers.map(of).to_vec();
            for most in [1, 2, 3, 100] {
                let slices = part.slices(most);
                assert!(slices.iter().all(|slice| slice.kmers.iter().any(|kmers| !kmers.is_empty())));
                for (number, all) in part.kmers.iter().enumerate() {
                    let joined: Vec<PartKmer> = slices.iter().flat_map(|slice| slice.kmers[number].to_vec()).collect();
                    assert_eq!(joined, *all);
                }
            }
        }
    }
}
