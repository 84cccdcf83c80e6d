//! All that is needed to read a sorted dictionary: its layout, its filters, and the codes of hashes and lists.

use crate::dictionary::filters::Filters;
use crate::dictionary::sorted::layout::{Fields, Layout};
use crate::format::positions::ListCode;
use crate::kmer::KmerCodec;

/// Reads the pages of a sorted dictionary.
#[derive(Debug)]
pub(crate) struct SortedCodec {
    pub(super) kmers: KmerCodec,
    pub(super) layout: Layout,
    pub(super) fields: Fields,
    pub(super) filters: Filters,
    pub(super) lists: ListCode,
}

impl SortedCodec {
    /// For a dictionary of this layout in a genome whose positions are coded as `lists`.
    ///
    /// # Errors
    /// A sentence if the layout contradicts itself.
    pub(crate) fn new(layout: Layout, filters: Filters, lists: ListCode) -> Result<Self, String> {
        Ok(Self { kmers: layout.check()?, layout, fields: layout.fields(), filters, lists })
    }

    /// Bits of the list of a k-mer of this frequency.
    #[inline(always)]
    pub(crate) fn list_bits(&self, frequency: u64) -> u64 {
        self.lists.bits(self.filters.stored_positions(frequency))
    }
}
