//! The k-mers of a minimizer with many distinct entries, such as one in a satellite: they are sorted one by one in the
//! position block, so that no look-up takes longer than a binary search.

use crate::dictionary::superkmers::layout::Fields;
use crate::format::bits;

/// The range of an entry that represents a crowd; its context is the number of the crowd.
pub(super) const CROWDED: u64 = 255;
/// Bytes of a crowd's row in its page.
pub(super) const CROWD_BYTES: usize = 32;

/// The k-mers of a crowded minimizer in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowd {
    pub(super) kmers: u64,
    /// First bit of the keys, of the counts, of the starts of the lists, and of the lists.
    pub(super) keys_at: u64,
    counts_at: u64,
    starts_at: u64,
    pub(super) lists_at: u64,
    pub(super) end: u64,
    count_bits: u32,
    start_bits: u32,
}

impl Crowd {
    /// Reads a crowd's row, which is at byte `at` of a page; keys count from bit `keys_from` of the block. The sums
    /// saturate, so that a forged crowd ends past the block. `None` for widths that no field has.
    pub(super) fn read(fields: &Fields, page: &[u8], at: usize, keys_from: u64) -> Option<Self> {
        let [kmers, keys_at, widths, list_bits] = [0, 8, 16, 24].map(|word| bits::load(page, at + word));
        let (count_bits, start_bits) = (widths as u32 & 0xFF, widths as u32 >> 8 & 0xFF);
        if count_bits > 64 || start_bits > 64 {
            return None;
        }
        let after = |at: u64, bits: u32| at.saturating_add(kmers.saturating_mul(bits.into()));
        let keys_at = keys_from.saturating_add(keys_at);
        let counts_at = after(keys_at, fields.minimizers.flanks_bits());
        let starts_at = after(counts_at, count_bits);
        let lists_at = after(starts_at, start_bits);
        let end = lists_at.saturating_add(list_bits);
        Some(Self { kmers, keys_at, counts_at, starts_at, lists_at, end, count_bits, start_bits })
    }

    /// Key of the k-mer at `row`.
    pub(super) fn key(&self, fields: &Fields, block: &[u8], row: u64) -> u64 {
        let width = fields.minimizers.flanks_bits();
        bits::read(block, self.keys_at + row * u64::from(width), width)
    }

    /// Frequency of the k-mer at `row` and the start of its list.
    pub(super) fn row(&self, block: &[u8], row: u64) -> (u64, u64) {
        (
            bits::read(block, self.counts_at + row * u64::from(self.count_bits), self.count_bits),
            bits::read(block, self.starts_at + row * u64::from(self.start_bits), self.start_bits),
        )
    }

    /// Frequency of a k-mer and the start of its list, by its offset and context; `None` if it is not among them.
    pub(super) fn find(&self, fields: &Fields, block: &[u8], offset: u32, context: u64) -> Option<(u64, u64)> {
        let key = fields.minimizers.flanks(offset, context & fields.minimizers.mask(offset, offset));
        let (mut low, mut high) = (0, self.kmers);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(fields, block, middle) < key { low = middle + 1 } else { high = middle }
        }
        (low < self.kmers && self.key(fields, block, low) == key).then(|| self.row(block, low))
    }
}

/// The sentence for a forged crowd.
pub(super) fn forged_crowd() -> String {
    "a crowded minimizer does not lie within its block".to_owned()
}
