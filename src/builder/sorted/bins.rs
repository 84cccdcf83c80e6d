//! Divides the hashes of a sorted dictionary into bins for a pass.

use crate::dictionary::divisor::Divisor;
use crate::dictionary::sorted::Layout;

/// How the hashes of a sorted dictionary are divided into bins.
///
/// Hashes are divided into cells, which are groups or equal parts of groups, and a run of cells is a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bins {
    cells_per_bin: u64,
    divisor: Divisor,
    /// Bits of a hash below its cell number.
    cell_shift: u32,
    cell_mask: u64,
    /// Bits in which the hashes of a bin differ.
    pub(crate) hash_bits: u32,
    /// Bins in all.
    pub(crate) count: u64,
    /// Bins of a page; 1 if a bin is a page or more.
    pub(crate) per_page: u64,
    /// Pages of a bin; 1 if a bin is a page or less.
    pub(crate) pages_per_bin: u64,
}

/// Approximate records of a bin: 256 KiB of the usual width, which a core sorts within its level-2 cache.
const RECORDS_PER_BIN: u64 = 1 << 15;

impl Bins {
    /// Bins of a dictionary for `kmers` records; each of `passes` passes takes about `max_bins`.
    pub(crate) fn new(layout: &Layout, hash_bits: u32, kmers: u64, passes: u64, max_bins: u64) -> Self {
        let max_bins = max_bins.saturating_mul(passes.max(1));
        let (parts, pages_per_bin) = if layout.pages.saturating_mul(layout.parts_per_page) <= max_bins {
            (layout.parts_per_page, 1)
        } else {
            // A power of two, so that the parts of an index (`shard_pages`) consist of whole bins.
            (1, layout.pages.div_ceil(max_bins).next_power_of_two())
        };
        let group_bits = layout.groups.ilog2();
        let bits_in_group = hash_bits.saturating_sub(group_bits);
        // If few k-mers are stored there are few groups, but the k-mers that are not stored are in them too: divide
        // groups.
        let bins = layout.pages * parts;
        let mut split_bits = 0;
        while pages_per_bin == 1
            && split_bits < bits_in_group
            && group_bits + split_bits < u32::BITS
            && bins << (split_bits + 1) <= max_bins
            && bins << (split_bits + 1) <= kmers / RECORDS_PER_BIN
        {
            split_bits += 1;
        }
        let cells_per_bin = layout.groups_per_page / parts * pages_per_bin;
        Self {
            cells_per_bin,
            divisor: Divisor::new(cells_per_bin),
            hash_bits: u64::BITS - (cells_per_bin - 1).leading_zeros() + bits_in_group - split_bits,
            // A single cell for all hashes of 64 bits would need a shift by 64.
            cell_shift: (bits_in_group - split_bits).min(63),
            cell_mask: (layout.groups << split_bits) - 1,
            // The last page may have fewer groups than the others, so its last bins may be empty.
            count: (layout.pages * (parts << split_bits)).div_ceil(pages_per_bin),
            per_page: parts << split_bits,
            pages_per_bin,
        }
    }

    /// The bin of a hash.
    #[inline(always)]
    pub(crate) fn of(&self, hash: u64) -> u64 {
        self.divisor.quotient((hash >> self.cell_shift) & self.cell_mask)
    }

    /// The first and the last hash of a bin, if `last` is the last hash of all; `None` past the last cell.
    pub(crate) fn hashes(&self, bin: u64, last: u64) -> Option<(u64, u64)> {
        let first = bin * self.cells_per_bin;
        if first > self.cell_mask {
            return None;
        }
        let next = first + self.cells_per_bin;
        let end = if next > self.cell_mask { last } else { (next << self.cell_shift) - 1 };
        Some((first << self.cell_shift, end))
    }
}
