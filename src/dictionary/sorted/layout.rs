//! How the hash of a k-mer is divided into page, group, bucket and remainder, so that a look-up computes the position
//! of its entry instead of searching for it.
//!
//! ```text
//! hash    | group ......................... | bucket (6) | remainder (s) |
//! group   page = group / groups_per_page; the rest is the group in the page
//! ```
//!
//! 64 buckets of 2^s hashes make a group, `groups_per_page` groups a page. The number of remainder bits s is chosen so
//! that a bucket has 1.5 to 3 k-mers, and the number of groups so that a page stays just under a power of two of
//! bytes, which the store keeps without slack.

use serde::{Deserialize, Serialize};

use crate::dictionary::divisor::Divisor;
use crate::format::catalog::PAGE_OVERHEAD;
use crate::kmer::{KmerCodec, low_mask};
use crate::{Error, Result};

/// Buckets in a group: their counts of four bits fill half a line of the processor's caches.
pub(crate) const BUCKETS: u64 = 1 << BUCKET_BITS;
/// Bits of a hash that select its bucket in a group.
pub(crate) const BUCKET_BITS: u32 = 6;

/// K-mers of a page, so that the first entry of each group fits 16 bits, with a margin for chance.
const MAX_KMERS_PER_PAGE: f64 = 60_000.0;
/// Standard deviations of the number of k-mers in a page that are left free: one page in 300 exceeds them.
const SPARE_DEVIATIONS: f64 = 2.7;
/// Occurrences that a build sorts at a time: they fit the cache of one core.
const OCCURRENCES_PER_PART: f64 = 32768.0;
/// Bits of a group for its first entry and the counts of its buckets.
const GROUP_BITS: f64 = 16.0 + 256.0;
/// Bits of a sample: the exceptions and the list bits before it.
const SAMPLE_BITS: f64 = 64.0;
/// Entry bits from which only every fourth group has a sample: with wider entries, as many bytes lie between two.
const WIDE_ENTRY_BITS: u32 = 24;

/// The shape of a sorted dictionary; the same for every page of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Bases in a k-mer.
    pub k: u32,
    /// Bits of a remainder.
    pub remainder_bits: u32,
    /// Groups in a page; the last page may have fewer.
    pub groups_per_page: u64,
    /// Groups in all.
    pub groups: u64,
    /// Pages in all.
    pub pages: u64,
    /// Parts of a page that a build sorts one at a time; divides `groups_per_page`.
    pub parts_per_page: u64,
}

impl Layout {
    /// The layout for about `kmers` stored k-mers out of `occurrences` in the genome, when a k-mer takes
    /// `frequency_bits` bits of a page for its frequency.
    pub(crate) fn plan(codec: &KmerCodec, kmers: u64, occurrences: u64, frequency_bits: f64) -> Self {
        let hash_bits = codec.hash_bits();
        let remainder_bits = remainder_bits(codec, kmers);
        let group_bits = hash_bits.saturating_sub(remainder_bits + BUCKET_BITS);
        let groups = 1u64 << group_bits;
        let kmers_per_group = (kmers.max(1) as f64 / groups as f64).max(1e-3);
        let entry_bits = f64::from(remainder_bits) + frequency_bits;
        let kmer_bits = entry_bits + group_bits_with_sample(entry_bits) / kmers_per_group;
        let total_bytes = kmers as f64 * kmer_bits / 8.0;
        // Large pages waste least, since they vary least; small ones divide small indexes into enough pages for all
        // threads.
        let page_bytes = match total_bytes as u64 {
            0x1000_0000.. => 128 << 10,
            0x80_0000.. => 64 << 10,
            0x10_0000.. => 16 << 10,
            _ => 8 << 10,
        };
        let page_bits = (page_bytes - PAGE_OVERHEAD) as f64 * 8.0;
        let mut kmers_per_page = page_bits / kmer_bits;
        // Hashes are spread at random.
        kmers_per_page -= SPARE_DEVIATIONS * kmers_per_page.sqrt();
        kmers_per_page = kmers_per_page.min(MAX_KMERS_PER_PAGE);
        let ideal = ((kmers_per_page / kmers_per_group) as u64).clamp(1, groups);
        let occurrences_per_page = occurrences as f64 / groups as f64 * ideal as f64;
        let parts_per_page = ((occurrences_per_page / OCCURRENCES_PER_PART).round() as u64).clamp(1, ideal);
        let groups_per_page = ideal / parts_per_page * parts_per_page;
        Self {
            k: codec.k(),
            remainder_bits,
            groups_per_page,
            groups,
            pages: groups.div_ceil(groups_per_page),
            parts_per_page,
        }
    }

    /// Checks a layout read from a file before anything relies on it.
    pub(crate) fn check(&self) -> Result<KmerCodec, String> {
        let codec = KmerCodec::new(self.k).map_err(|e: Error| e.to_string())?;
        let group_bits = codec.hash_bits().saturating_sub(self.remainder_bits.saturating_add(BUCKET_BITS));
        let sound = self.remainder_bits <= codec.hash_bits().min(63)
            && group_bits <= 32
            && self.groups == 1 << group_bits
            && (1..=self.groups).contains(&self.groups_per_page)
            && self.groups_per_page < 1 << 24
            && self.pages == self.groups.div_ceil(self.groups_per_page)
            && self.parts_per_page >= 1
            && self.groups_per_page.is_multiple_of(self.parts_per_page);
        if sound { Ok(codec) } else { Err("the dictionary's layout contradicts itself".to_owned()) }
    }

    /// How hashes are divided.
    pub(crate) fn fields(&self) -> Fields {
        Fields {
            remainder_bits: self.remainder_bits,
            remainder_mask: low_mask(self.remainder_bits),
            group_shift: (self.remainder_bits + BUCKET_BITS).min(63),
            group_mask: self.groups - 1,
            pages: Divisor::new(self.groups_per_page),
            groups_per_page: self.groups_per_page,
        }
    }

    /// Bytes of dictionary that about `kmers` k-mers take.
    pub(crate) fn dictionary_bytes(&self, kmers: u64, frequency_bits: f64) -> u64 {
        let entry_bits = f64::from(self.remainder_bits) + frequency_bits;
        ((kmers as f64 * entry_bits + self.groups as f64 * group_bits_with_sample(entry_bits)) / 8.0) as u64
    }

    /// Groups of page `page`.
    pub(crate) fn groups_in(&self, page: u64) -> u64 {
        self.groups_per_page.min(self.groups - page * self.groups_per_page)
    }

    /// The first hash of group `group`.
    #[inline]
    pub(crate) fn first_hash(&self, group: u64) -> u64 {
        if group == 0 { 0 } else { group << (self.remainder_bits + BUCKET_BITS) }
    }
}

/// Remainder bits at which a bucket has 1.5 to 3 of `kmers` k-mers.
pub(crate) fn remainder_bits(codec: &KmerCodec, kmers: u64) -> u32 {
    let bucket_bits = u64::BITS - (kmers.max(1).div_ceil(3) - 1).leading_zeros();
    codec.hash_bits().saturating_sub(bucket_bits).min(63)
}

/// Every 2^shift-th group of a page has a sample of the sums before it.
pub(crate) fn sample_shift(entry_bits: u32) -> u32 {
    if entry_bits >= WIDE_ENTRY_BITS { 2 } else { 0 }
}

/// Bits of a group's directory and of its share of a sample.
fn group_bits_with_sample(entry_bits: f64) -> f64 {
    GROUP_BITS + SAMPLE_BITS / f64::from(1 << sample_shift(entry_bits as u32))
}

/// Splits hashes into page, group, bucket and remainder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields {
    remainder_bits: u32,
    remainder_mask: u64,
    group_shift: u32,
    group_mask: u64,
    pages: Divisor,
    groups_per_page: u64,
}

impl Fields {
    /// Group of a hash, counted over the whole index.
    #[inline(always)]
    pub(crate) fn group(&self, hash: u64) -> u64 {
        (hash >> self.group_shift) & self.group_mask
    }

    /// Page of a hash.
    #[inline(always)]
    pub(crate) fn page(&self, hash: u64) -> u64 {
        self.pages.quotient(self.group(hash))
    }

    /// Group of a hash, counted from the start of its page.
    #[inline(always)]
    pub(crate) fn group_in_page(&self, hash: u64, page: u64) -> u64 {
        self.group(hash).wrapping_sub(page * self.groups_per_page)
    }

    /// Bucket of a hash in its group, 0 to 63.
    #[inline(always)]
    pub(crate) fn bucket(&self, hash: u64) -> u32 {
        ((hash >> self.remainder_bits) & (BUCKETS - 1)) as u32
    }

    /// Remainder of a hash.
    #[inline(always)]
    pub(crate) fn remainder(&self, hash: u64) -> u64 {
        hash & self.remainder_mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_has_one_bucket() {
        for k in [1, 2, 5, 6, 15, 16, 31, 32] {
            let codec = KmerCodec::new(k).expect("k in range");
            for kmers in [0u64, 1, 2, 3, 4, 100, 5_000, 1_000_000, 94_000_000] {
                let layout = Layout::plan(&codec, kmers, kmers * 2, 2.0);
                assert_eq!(layout.check(), Ok(codec));
                let fields = layout.fields();
                let top = low_mask(codec.hash_bits());
                for i in 0..500u64 {
                    let hash = match i {
                        0 => 0,
                        1 => top,
                        _ => i.wrapping_mul(0x9E37_79B9_7F4A_7C15) & top,
                    };
                    let page = fields.page(hash);
                    assert!(page < layout.pages);
                    let group = fields.group_in_page(hash, page);
                    assert!(group < layout.groups_in(page));
                    let first = layout.first_hash(page * layout.groups_per_page + group);
                    let again = first
                        | (u64::from(fields.bucket(hash)) << layout.remainder_bits) & top
                        | fields.remainder(hash);
                    assert_eq!(again, hash, "k {k}, {kmers} k-mers");
                }
            }
        }
    }
}
