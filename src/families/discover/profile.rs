//! The profile: for each bin of the genome, how many other positions resemble it. Families are grown from the
//! deepest bins first.

use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

use rayon::prelude::*;

use crate::families::bases::Bases;
use crate::families::discover::search::Search;
use crate::families::parameters::{BIN, MIN_PROFILE_BITS, TILE};
use crate::sequence::reverse_complement;
use crate::{Progress, Result};

impl Search<'_> {
    /// Compares the sample up to the end of a part with the seeds of this part, which the table has, and adds to the
    /// depth of each bin the number of positions that resemble it; those in copies of families do not count. After all
    /// parts every two positions were compared.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the hits of a tile.
    pub(crate) fn add_profile(&self, part: &Range<u64>, depth: &[AtomicU16], progress: &dyn Progress) -> Result<()> {
        tiles(&self.sample.bases, part).par_iter().try_for_each(|tile| {
            self.profile_tile(tile, tile.end <= part.start, depth)?;
            progress.advance(tile.end - tile.start);
            Ok(())
        })
    }

    /// Adds the chains of a tile with the seeds of the table: they cover bins of the tile, and, if `is_before` the part
    /// of the table and will not be compared the other way round, bins of the part.
    fn profile_tile(&self, tile: &Range<u64>, is_before: bool, depth: &[AtomicU16]) -> Result<()> {
        let mut found = self.buffers.take();
        let query = &self.sample.seed_codes(tile.clone());
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
                let (first, last) = (found.hits[chain.hits.start], found.hits[chain.hits.end - 1]);
                let (from, to) = (u64::from(first.query), u64::from(last.query) + span);
                let (from, to) = if reverse { (length - to, length - from) } else { (from, to) };
                add(depth, tile.start + from..tile.start + to);
                if is_before {
                    // Within a bin of diagonals the last hit may begin a little before the first.
                    add(depth, first.genome.min(last.genome)..first.genome.max(last.genome) + span);
                }
            }
        }
        self.buffers.put(found);
        Ok(())
    }
}

/// Adds one to the depth of the bins of a range.
fn add(depth: &[AtomicU16], range: Range<u64>) {
    for bin in &depth[(range.start / BIN) as usize..range.end.div_ceil(BIN) as usize] {
        // A sum that stops at the highest number does not depend on the order of its terms.
        let _ = bin.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |depth| depth.checked_add(1));
    }
}

/// The tiles of all stretches up to the end of a part; none is in two parts.
fn tiles(bases: &Bases<'_>, part: &Range<u64>) -> Vec<Range<u64>> {
    let tiles = |stretch: Range<u64>| {
        (stretch.start / TILE..stretch.end.min(part.end).div_ceil(TILE))
            .map(move |tile| (tile * TILE).max(stretch.start)..((tile + 1) * TILE).min(stretch.end))
    };
    bases.stretches().take_while(|stretch| stretch.start < part.end).flat_map(tiles).collect()
}
