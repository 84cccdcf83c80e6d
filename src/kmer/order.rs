//! The orders in which indexes store k-mers: sets of k-mers that are stored in one order are merged without sorting.

use crate::kmer::codec::{KmerCodec, low_mask};
use crate::kmer::minimizer::Minimizers;

/// An order of k-mers: by a prefix, which chooses the page of a dictionary, then by a suffix. Both have at most 64
/// bits, and together they are the k-mer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KmerOrder {
    /// The prefix is the hash, and the suffix is empty.
    Hash(KmerCodec),
    /// The prefix is the key of the minimizer, and the suffix is the flanks.
    Minimizer(Minimizers),
}

impl KmerOrder {
    /// Bits of a prefix.
    pub(crate) fn prefix_bits(&self) -> u32 {
        match self {
            Self::Hash(codec) => codec.hash_bits(),
            Self::Minimizer(minimizers) => minimizers.key_bits(),
        }
    }

    /// Bits of a suffix; fewer than 64.
    pub(crate) fn suffix_bits(&self) -> u32 {
        match self {
            Self::Hash(_) => 0,
            Self::Minimizer(minimizers) => minimizers.flanks_bits(),
        }
    }

    /// The least number of equal ranges of prefixes in which [`join`](Self::join) loses no bits.
    pub(crate) fn min_ranges(&self) -> u64 {
        1 << (self.prefix_bits() + self.suffix_bits()).saturating_sub(u64::BITS)
    }

    /// A prefix, counted from the first of its range, and a suffix as one number in the same order.
    #[inline]
    pub(crate) fn join(&self, prefix: u64, suffix: u64) -> u64 {
        prefix << self.suffix_bits() | suffix
    }

    /// The numbers that [`join`](Self::join) joined.
    #[inline]
    pub(crate) fn split(&self, code: u64) -> (u64, u64) {
        (code >> self.suffix_bits(), code & low_mask(self.suffix_bits()))
    }

    /// The code of a k-mer, on any strand.
    #[inline]
    pub(crate) fn kmer(&self, prefix: u64, suffix: u64) -> u64 {
        match self {
            Self::Hash(codec) => codec.kmer_of_hash(prefix),
            Self::Minimizer(minimizers) => {
                let (offset, context) = minimizers.split_flanks(suffix);
                minimizers.kmer(minimizers.minimizer_of_key(prefix), context, offset)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_and_suffix_are_the_kmer_and_join_in_their_order() {
        let mut state = 3u64;
        let mut random = move || {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            state ^ state >> 32
        };
        for (k, m) in [(5, 1), (21, 11), (31, 15), (31, 17), (32, 17), (32, 25)] {
            let (codec, minimizers) =
                (KmerCodec::new(k).expect("in range"), Minimizers::new(k, m).expect("they go together"));
            for order in [KmerOrder::Hash(codec), KmerOrder::Minimizer(minimizers)] {
                // Prefixes are those of the first range, so that all can be joined.
                let prefixes = low_mask(order.prefix_bits()) / order.min_ranges();
                let mut all = Vec::new();
                for _ in 0..1000 {
                    let kmer = random() & low_mask(2 * k);
                    let (prefix, suffix) = match order {
                        KmerOrder::Hash(codec) => (codec.hash(kmer).0, 0),
                        KmerOrder::Minimizer(minimizers) => {
                            let (s, context) = minimizers.kmer_alone(kmer);
                            (s.key, minimizers.flanks(s.low, context))
                        }
                    };
                    assert!(prefix <= low_mask(order.prefix_bits()) && suffix <= low_mask(order.suffix_bits()));
                    let again = order.kmer(prefix, suffix);
                    assert!(again == kmer || again == codec.reverse_complement(kmer), "k {k} m {m}");
                    all.push((prefix & low_mask(prefixes.ilog2()), suffix));
                }
                all.sort_unstable();
                let codes: Vec<u64> = all.iter().map(|&(prefix, suffix)| order.join(prefix, suffix)).collect();
                assert!(codes.is_sorted());
                assert!(codes.iter().map(|&code| order.split(code)).eq(all));
            }
        }
    }
}
