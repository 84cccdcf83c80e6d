//! How the key of a minimizer is divided into page, bucket and remainder, and how the fields of an entry are packed: a
//! look-up computes the position of its entries instead of searching for them.

use serde::{Deserialize, Serialize};

use crate::dictionary::divisor::Divisor;
use crate::format::catalog::PAGE_OVERHEAD;
use crate::format::positions::ListCode;
use crate::kmer::{Minimizers, low_mask};

/// Bytes of a page before its directory.
pub(super) const HEADER: usize = 56;
/// Buckets of a group: 16 bits are the number of its first entry, four for each bucket its number of entries.
pub(super) const GROUP: usize = 12;
/// Bytes of the counts of a group.
pub(super) const COUNT_BYTES: usize = GROUP / 2;

/// Bits for a count that an entry has besides what is left in its last byte.
const MIN_COUNT_BITS: u32 = 4;
/// Occurrences of a minimizer by chance, inverted: fewer than one minimizer in 64 is expected to occur twice.
const MIN_MINIMIZERS_PER_BASE: u128 = 64;
/// Share of a page for entries; the rest is for the rows of those that occur more than once.
const ENTRY_SHARE: f64 = 0.97;
/// Standard deviations of the number of entries in a page that are left free: more than for hashes, because entries of
/// one minimizer come together.
const SPARE_DEVIATIONS: f64 = 3.5;

/// The shape of a dictionary of super-k-mers; the same for every page of an index.
///
/// ```text
/// key     | bucket (bucket_bits) | remainder |        page = bucket / buckets_per_page
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Bases in a k-mer.
    pub k: u32,
    /// Bases in a minimizer.
    pub m: u32,
    /// High bits of a key that choose the bucket.
    pub bucket_bits: u32,
    /// Buckets in a page; the last page may have fewer.
    pub buckets_per_page: u64,
    /// Pages in all.
    pub pages: u64,
}

impl Layout {
    /// Bases of the minimizers for k-mers of `k` bases in a genome of `bases`: enough that few minimizers occur twice
    /// by chance, and that key, context, range and position fit 128 bits. `None` if k is too short to gain by them.
    pub(crate) fn minimizer_bases(k: u32, bases: u64) -> Option<u32> {
        let position_bits = ListCode::new(bases).width();
        (k.saturating_sub(16)..=k.checked_sub(4)?).filter(|m| m % 2 == 1).find(|&m| {
            u128::from(bases) * MIN_MINIMIZERS_PER_BASE <= 1 << (2 * m)
                && 4 * k + Fields::RANGE_BITS - 1 + position_bits <= 128 + 2 * m
        })
    }

    /// The layout for about `entries` entries, with pages of whole cells, which are ranges of keys with the same
    /// `cell_bits` highest bits.
    pub(crate) fn plan(minimizers: &Minimizers, k: u32, entries: u64, cell_bits: u32) -> Self {
        // Two to four entries a bucket: a line or two.
        let bucket_bits = (entries.max(4).ilog2() - 1).clamp(cell_bits, minimizers.key_bits());
        let layout = Self { k, m: minimizers.m(), bucket_bits, buckets_per_page: 1, pages: 1 };
        let buckets = 1u64 << bucket_bits;
        let bucket_bytes = (2 + COUNT_BYTES) as f64 / GROUP as f64;
        let entry_bytes = layout.stride(minimizers) as f64 + bucket_bytes * buckets as f64 / entries.max(1) as f64;
        // As for sorted pages: large pages waste least, small ones divide small indexes into enough pages for all
        // threads.
        let page_bytes = match (entries as f64 * entry_bytes) as u64 {
            0x400_0000.. => 128 << 10,
            0x80_0000.. => 64 << 10,
            0x10_0000.. => 16 << 10,
            _ => 8 << 10,
        };
        let mut per_page = (page_bytes - PAGE_OVERHEAD - HEADER as u64) as f64 / entry_bytes;
        per_page = per_page * ENTRY_SHARE - SPARE_DEVIATIONS * per_page.sqrt();
        let per_cell = buckets >> cell_bits;
        let cells = (per_page / (entries.max(1) as f64 / buckets as f64) / per_cell as f64) as u64;
        let buckets_per_page = cells.clamp(1, 1 << cell_bits) * per_cell;
        Self { buckets_per_page, pages: buckets.div_ceil(buckets_per_page), ..layout }
    }

    /// Checks a layout read from a file before anything relies on it.
    pub(crate) fn check(&self) -> Result<Minimizers, String> {
        let minimizers = Minimizers::new(self.k, self.m)?;
        let sound = self.bucket_bits <= minimizers.key_bits().min(40)
            && (1..=1 << self.bucket_bits).contains(&self.buckets_per_page)
            && self.buckets_per_page < 1 << 24
            && self.pages == (1u64 << self.bucket_bits).div_ceil(self.buckets_per_page)
            // The fields before the context of an entry, with up to eleven bits for the count, are read as one word.
            && self.remainder_bits(&minimizers) + Fields::RANGE_BITS + 11 <= u64::BITS;
        if sound { Ok(minimizers) } else { Err("the dictionary's layout contradicts itself".to_owned()) }
    }

    fn remainder_bits(&self, minimizers: &Minimizers) -> u32 {
        minimizers.key_bits() - self.bucket_bits
    }

    /// Bytes of an entry: remainder, range, context, and the bits left for the count.
    fn stride(&self, minimizers: &Minimizers) -> usize {
        (self.remainder_bits(minimizers) + Fields::RANGE_BITS + 4 * minimizers.flank() + MIN_COUNT_BITS).div_ceil(8)
            as usize
    }

    /// The first key of page `page`; of the page after the last, one more than the last key.
    pub(crate) fn first_key(&self, minimizers: &Minimizers, page: u64) -> u64 {
        (page * self.buckets_per_page).min(1 << self.bucket_bits) << self.remainder_bits(minimizers)
    }

    /// Buckets of page `page`.
    pub(super) fn buckets_in(&self, page: u64) -> u64 {
        self.buckets_per_page.min((1 << self.bucket_bits) - page * self.buckets_per_page)
    }
}

/// Divides keys, and packs the fields of entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) minimizers: Minimizers,
    pub(super) buckets_per_page: u64,
    page: Divisor,
    pub(super) remainder_bits: u32,
    /// Bytes of an entry.
    pub(super) stride: usize,
    pub(super) count_bits: u32,
    pub(super) position_bits: u32,
}

impl Fields {
    pub(crate) fn new(layout: &Layout, minimizers: Minimizers, lists: &ListCode) -> Self {
        let remainder_bits = layout.remainder_bits(&minimizers);
        let stride = layout.stride(&minimizers);
        Self {
            minimizers,
            buckets_per_page: layout.buckets_per_page,
            page: Divisor::new(layout.buckets_per_page),
            remainder_bits,
            stride,
            count_bits: 8 * stride as u32 - remainder_bits - Fields::RANGE_BITS - 4 * minimizers.flank(),
            position_bits: lists.width(),
        }
    }

    /// Bits of a range of offsets.
    pub(crate) const RANGE_BITS: u32 = 8;

    /// Code of the offsets `low` to `high`, which are at most 16.
    #[inline(always)]
    pub(crate) fn range(low: u32, high: u32) -> u64 {
        u64::from(high * (high + 1) / 2 + low)
    }

    /// The offsets of a code; an empty range if it represents none.
    #[inline(always)]
    pub(crate) fn offsets(range: u64) -> (u32, u32) {
        /// The offsets of each code, computed once: look-ups decode a range for every entry that they compare.
        const OFFSETS: [(u8, u8); 256] = {
            let mut offsets = [(u8::MAX, 0); 256];
            let mut high = 0;
            while high <= 16 {
                let mut low = 0;
                while low <= high {
                    offsets[high * (high + 1) / 2 + low] = (low as u8, high as u8);
                    low += 1;
                }
                high += 1;
            }
            offsets
        };
        let (low, high) = OFFSETS[range as usize & 0xFF];
        (low.into(), high.into())
    }

    /// Page of a key.
    #[inline(always)]
    pub(crate) fn page(&self, key: u64) -> u64 {
        self.page.quotient(key >> self.remainder_bits)
    }

    #[inline(always)]
    pub(super) fn remainder(&self, key: u64) -> u64 {
        key & low_mask(self.remainder_bits)
    }

    /// Bucket of a key, counted from the start of its page.
    #[inline(always)]
    pub(super) fn bucket_in_page(&self, key: u64, page: u64) -> usize {
        (key >> self.remainder_bits).wrapping_sub(page * self.buckets_per_page) as usize
    }
}
