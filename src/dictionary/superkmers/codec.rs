//! All that is needed to read a dictionary of super-k-mers: its layout, and the codes of keys, entries and lists.

use crate::dictionary::superkmers::layout::{Fields, Layout};
use crate::format::positions::ListCode;
use crate::kmer::KmerCodec;

/// Reads the pages of a dictionary of super-k-mers.
#[derive(Debug)]
pub(crate) struct SuperKmerCodec {
    pub(super) kmers: KmerCodec,
    pub(super) layout: Layout,
    pub(super) fields: Fields,
    pub(super) lists: ListCode,
}

impl SuperKmerCodec {
    /// For a dictionary of this layout in a genome whose positions are coded as `lists`.
    ///
    /// # Errors
    /// A sentence if the layout contradicts itself.
    pub(crate) fn new(layout: Layout, lists: ListCode) -> Result<Self, String> {
        let fields = Fields::new(&layout, layout.check()?, &lists);
        let kmers = KmerCodec::new(layout.k).map_err(|e| e.to_string())?;
        Ok(Self { kmers, layout, fields, lists })
    }
}
