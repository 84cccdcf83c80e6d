//! The context of all steps of discovery: the genome, its seeds and the options. The steps themselves are methods in
//! `profile`, `anchors`, `copies`, `consensus` and `drafts`.

use crate::Result;
use crate::families::bases::{Bases, UNKNOWN, USED};
use crate::families::discover::chains::{ChainBuffer, ChainBufferPool};
use crate::families::discover::seed_table::SeedTable;
use crate::families::parameters::DiscoverOptions;
use crate::sequence::reverse_complement;

/// Access to a genome and its seeds, shared by all threads while no base is marked.
pub(crate) struct Search<'a> {
    pub(crate) bases: &'a Bases,
    pub(crate) table: &'a SeedTable,
    pub(crate) options: &'a DiscoverOptions,
    /// [`SeedTable::extra_bits`], added to every threshold in bits.
    pub(crate) extra_bits: f32,
    pub(crate) buffers: &'a ChainBufferPool<'a>,
}

impl Search<'_> {
    /// Whether a base is known and in no copy of a family.
    pub(crate) fn is_unused(&self, at: u64) -> bool {
        self.bases.codes()[at as usize] & (USED | UNKNOWN) == 0
    }

    /// Passes the chains of a query on both strands to `use_chains`.
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
        let codes = self.bases.codes();
        let unused = |_: u32, position: u32| codes[position as usize] & USED == 0;
        let min_bits = min_bits + self.extra_bits;
        self.table.search(query, false, min_bits, unused, &mut found)?;
        let reversed: Vec<u8> = reverse_complement(query).collect();
        self.table.search(&reversed, true, min_bits, unused, &mut found)?;
        let result = use_chains(&found);
        self.buffers.put(found);
        Ok(result)
    }
}
