//! The profile: for each bin of the genome, how many other positions resemble it. Families are grown from the
//! deepest bins first.

use std::ops::Range;

use rayon::prelude::*;

use crate::families::bases::Bases;
use crate::families::discover::search::Search;
use crate::families::parameters::{BIN, MIN_PROFILE_BITS, TILE};
use crate::sequence::reverse_complement;
use crate::{Progress, Result};

impl Search<'_> {
    /// Adds to the depth of each bin of the sample the positions in the seed table that resemble it; those in copies of
    /// families do not count.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the hits of a tile.
    pub(crate) fn add_profile(&self, depth: &mut [u16], progress: &dyn Progress) -> Result<()> {
        let tiles = tiles(&self.sample.bases);
        let count = |tile: &Range<u64>| {
            let counts = self.profile_tile(tile);
            progress.advance(tile.end - tile.start);
            counts
        };
        let counts: Vec<Vec<u16>> = tiles.par_iter().map(count).collect::<Result<_>>()?;
        for (tile, counts) in tiles.iter().zip(counts) {
            for (bin, count) in (tile.start / BIN..).zip(counts) {
                depth[bin as usize] = depth[bin as usize].saturating_add(count);
            }
        }
        Ok(())
    }

    /// Depth of each bin of a tile: chains with the seeds of the table that cover it.
    fn profile_tile(&self, tile: &Range<u64>) -> Result<Vec<u16>> {
        let mut found = self.buffers.take();
        let query = &self.sample.seed_codes(tile.clone());
        let first_bin = tile.start / BIN;
        let mut counts = vec![0u16; (tile.end.div_ceil(BIN) - first_bin) as usize];
        let (length, span) = (query.len() as u64, self.table.span() as u64);
        let min_bits = MIN_PROFILE_BITS + self.extra_bits;
        let is_unused = |position: u64| self.sample.is_unused(position);
        for reverse in [false, true] {
            found.clear();
            if reverse {
                let query: Vec<u8> = reverse_complement(query).collect();
                self.table.search(&query, true, min_bits, |_, _| true, is_unused, &mut found)?;
            } else {
                let is_distant = |at: u32, position: u32| {
                    let distance = (tile.start + u64::from(at)).abs_diff(position.into());
                    distance >= self.options.tandem_distance
                };
                self.table.search(query, false, min_bits, is_distant, is_unused, &mut found)?;
            }
            for chain in &found.chains {
                let from = u64::from(found.hits[chain.hits.start].query);
                let to = u64::from(found.hits[chain.hits.end - 1].query) + span;
                let (from, to) = if reverse { (length - to, length - from) } else { (from, to) };
                for bin in (tile.start + from) / BIN..(tile.start + to).div_ceil(BIN) {
                    let count = &mut counts[(bin - first_bin) as usize];
                    *count = count.saturating_add(1);
                }
            }
        }
        self.buffers.put(found);
        Ok(counts)
    }
}

/// The tiles of all stretches.
fn tiles(bases: &Bases<'_>) -> Vec<Range<u64>> {
    let tiles = |stretch: Range<u64>| {
        (stretch.start / TILE..stretch.end.div_ceil(TILE))
            .map(move |tile| (tile * TILE).max(stretch.start)..((tile + 1) * TILE).min(stretch.end))
    };
    bases.stretches().flat_map(tiles).collect()
}
