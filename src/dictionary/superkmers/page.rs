//! The offsets of the parts of a page of super-k-mers: computed and checked once when the page is read, so that a
//! search computes addresses only and decodes nothing. `schema/format.md` draws the bytes.

use crate::dictionary::codec;
use crate::dictionary::superkmers::crowd::CROWD_BYTES;
use crate::dictionary::superkmers::layout::{COUNT_BYTES, Fields, GROUP, HEADER, Layout};
use crate::format::bits::{self, PADDING};
use crate::format::{ChecksumKind, Identity};

// Byte offsets of the fields of the header, which begins with the checksum.
pub(super) const AT_PAGE: usize = 8;
pub(super) const AT_ENTRIES: usize = 16;
pub(super) const AT_REPEATS: usize = 20;
pub(super) const AT_KMERS: usize = 24;
pub(super) const AT_BLOCK_BITS: usize = 32;
pub(super) const AT_CROWDS: usize = 40;
pub(super) const AT_INDEX_BITS: usize = 44;
pub(super) const AT_LIST_BITS: usize = 45;
pub(super) const AT_COUNT_BITS: usize = 46;
pub(super) const AT_DENSE: usize = 48;

/// Marks the count of the first bucket of a *dense* group, whose first entry or counts need more bits.
pub(super) const DENSE: u64 = 15;
/// Bytes of a dense group's row in its page: the first entry of each bucket, and of the group after it.
pub(super) const DENSE_BYTES: usize = 4 * (GROUP + 1);

/// Bits of the counts in the entries and repeats of a page with this header, if an entry has `count_bits`. Those of
/// crowded minimizers are in the block.
pub(super) fn frequency_bits(header: &[u8], count_bits: u32) -> u64 {
    let count = |at| bits::load(header, at) & u64::from(u32::MAX);
    let repeat_bits = header.get(AT_COUNT_BITS).map_or(0, |&bits| u64::from(bits));
    count(AT_ENTRIES) * u64::from(count_bits) + count(AT_REPEATS) * repeat_bits
}

/// Where the parts of a page begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageShape {
    pub(super) entries: u32,
    /// Distinct k-mers.
    pub(super) kmers: u64,
    /// Bits of the position block of the page.
    pub(super) block_bits: u64,
    pub(super) repeats: u32,
    /// Crowded minimizers.
    pub(super) crowds: u32,
    pub(super) index_bits: u32,
    pub(super) list_bits: u32,
    pub(super) repeat_count_bits: u32,
    pub(super) buckets: usize,
    pub(super) counts_at: usize,
    pub(super) entries_at: usize,
    pub(super) repeats_at: usize,
    pub(super) crowds_at: usize,
    pub(super) dense_at: usize,
}

impl PageShape {
    /// Checks checksum, number and lengths of a page.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub(crate) fn parse(
        identity: Identity,
        bytes: &[u8],
        page: u64,
        layout: &Layout,
        fields: &Fields,
    ) -> Result<Self, String> {
        if bytes.len() < HEADER {
            return Err(format!("dictionary page {page} is cut short"));
        }
        if identity.checksum(&bytes[8..], ChecksumKind::Page, page) != bits::load(bytes, 0) {
            return Err(format!("dictionary page {page} has a wrong checksum"));
        }
        let u32_at = |at| bits::load(bytes, at) as u32;
        let buckets = layout.buckets_in(page) as usize;
        let (entries, repeats, crowds) = (u32_at(AT_ENTRIES), u32_at(AT_REPEATS), u32_at(AT_CROWDS));
        let [index_bits, list_bits, repeat_count_bits] =
            [AT_INDEX_BITS, AT_LIST_BITS, AT_COUNT_BITS].map(|at| u32::from(bytes[at]));
        let row_bits = u64::from(index_bits + list_bits + repeat_count_bits);
        let groups = buckets.div_ceil(GROUP);
        let counts_at = HEADER + 2 * (groups + 1);
        let entries_at = counts_at + COUNT_BYTES * groups;
        let repeats_at = entries_at + entries as usize * fields.stride;
        let crowds_at = repeats_at + (u64::from(repeats) * row_bits).div_ceil(8) as usize;
        let dense_at = crowds_at + crowds as usize * CROWD_BYTES;
        if bits::load(bytes, AT_PAGE) != page
            || [index_bits, list_bits, repeat_count_bits].iter().any(|bits| !(1..=64).contains(bits))
            || dense_at + u32_at(AT_DENSE) as usize * DENSE_BYTES + PADDING != bytes.len()
        {
            return Err(format!("dictionary page {page} contradicts itself"));
        }
        Ok(Self {
            entries,
            kmers: bits::load(bytes, AT_KMERS),
            block_bits: bits::load(bytes, AT_BLOCK_BITS),
            repeats,
            crowds,
            index_bits,
            list_bits,
            repeat_count_bits,
            buckets,
            counts_at,
            entries_at,
            repeats_at,
            crowds_at,
            dense_at,
        })
    }

    /// Bits of the first positions, which the block begins with.
    pub(super) fn firsts_bits(&self, fields: &Fields) -> u64 {
        u64::from(self.entries) * u64::from(fields.position_bits)
    }
}

impl codec::PageShape for PageShape {
    fn kmers(&self) -> u64 {
        self.kmers
    }

    fn crowded_minimizers(&self) -> u64 {
        self.crowds.into()
    }
}
