//! A search whose result is in memory as a whole.

use rayon::prelude::*;

use crate::align::alignment::Alignment;
use crate::align::blocks::GenomeSearch;
use crate::align::context::SearchOptions;
use crate::align::library::Library;
use crate::align::operations::Operations;
use crate::memory::{Budget, Component, Reservation};
use crate::{Index, Progress, Result};

/// Searches the genome for the sequences of a library. Returns alignments by contig, start, end, query, strand.
///
/// Uses memory for the seed table (about 35 bytes for each base of both strands of the library, and buffers of the
/// threads), for the segments and for the alignments. If the table takes more than half of the free memory, the library
/// is searched in parts, with the same result.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if the budget is too small; [`Error::Usage`](crate::Error::Usage) if a
/// sequence of the library has more than 2^30 bases; [`Error::NotInIndex`](crate::Error::NotInIndex) for ranges that
/// are not in the genome; [`Error::Damaged`](crate::Error::Damaged); [`Error::Cancelled`](crate::Error::Cancelled).
pub fn search(
    index: &Index,
    library: &Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<Alignment>> {
    GenomeSearch::new(index, library, options, budget, progress).all().map(|(found, _)| found)
}

impl GenomeSearch<'_> {
    /// All alignments, as [`search`] returns them, and their reservation.
    ///
    /// # Errors
    /// As [`search`]'s.
    pub(crate) fn all(&self) -> Result<(Vec<Alignment>, Reservation)> {
        let mut blocks: Vec<Vec<Alignment>> = Vec::new();
        let mut reservation = self.budget.empty_reservation(Component::Alignments);
        self.by_block(|mut block| {
            if !self.options.keep_columns {
                block.alignments.iter_mut().for_each(|alignment| alignment.operations = Operations::default());
            }
            block.alignments.shrink_to_fit();
            // Once here and once in the list of all.
            let structs = block.alignments.len() * size_of::<Alignment>();
            let bytes = block.alignments.iter().map(Alignment::bytes).sum::<u64>() + structs as u64;
            blocks.push(block.alignments);
            drop(block.reservations);
            reservation.resize(reservation.bytes() + bytes);
            Ok(reservation.bytes())
        })?;
        let mut found: Vec<Alignment> = Vec::with_capacity(blocks.iter().map(Vec::len).sum());
        blocks.into_iter().for_each(|block| found.extend(block));
        found.par_sort_unstable_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        reservation.resize(found.iter().map(Alignment::bytes).sum());
        Ok((found, reservation))
    }
}
