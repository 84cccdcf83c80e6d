//! The context of all steps of discovery: the genome, its seeds and the options. The steps themselves are methods in
//! `profile`, `anchors`, `copies`, `consensus` and `drafts`.

use crate::Result;
use crate::families::discover::chains::{ChainBuffer, ChainBufferPool};
use crate::families::discover::sample::Sample;
use crate::families::discover::seed_table::SeedTable;
use crate::families::parameters::DiscoverOptions;
use crate::sequence::reverse_complement;

/// Access to a genome and its seeds, shared by all threads while no base is marked.
pub(crate) struct Search<'a> {
    pub(crate) sample: &'a Sample<'a>,
    pub(crate) table: &'a SeedTable,
    pub(crate) options: &'a DiscoverOptions,
    /// Added to every threshold in bits ([`SeedTable::extra_bits`]).
    pub(crate) extra_bits: f32,
    pub(crate) buffers: &'a ChainBufferPool<'a>,
}

impl Search<'_> {
    /// Passes the chains of a query on both strands, without hits in copies of families, to `use_chains`.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the hits.
    pub(crate) fn with_chains<T>(
        &self,
        query: &[u8],
        min_bits: f32,
        use_chains: impl FnOnce(&ChainBuffer) -> T,
    ) -> Result<T> {
        let mut found = self.buffers.take();
        let is_unused = |position: u64| self.sample.is_unused(position);
        let min_bits = min_bits + self.extra_bits;
        self.table.search(query, false, min_bits, |_, _| true, is_unused, &mut found)?;
        let reversed: Vec<u8> = reverse_complement(query).collect();
        self.table.search(&reversed, true, min_bits, |_, _| true, is_unused, &mut found)?;
        let result = use_chains(&found);
        self.buffers.put(found);
        Ok(result)
    }
}
