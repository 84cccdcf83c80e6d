//! Discovery of families without any library: it finds drafts, which refinement completes.
//!
//! Where the genome resembles itself most ([`profile`]), at a point ([`points`]), the positions that correspond to it
//! are found by spaced seeds ([`seed_table`], [`chains`], [`anchors`]). Over them a consensus is grown ([`consensus`])
//! and its copies are found ([`copies`]), which makes a draft ([`drafts`]). Its copies are then marked, and the next
//! point is taken ([`growth`]). Large genomes are processed in [`samples`].

mod anchors;
mod chains;
mod consensus;
mod copies;
mod drafts;
mod growth;
mod points;
mod profile;
mod samples;
mod search;
mod seed_table;

use chains::ChainBufferPool;
use growth::Growth;
use points::Points;
use samples::samples;
use seed_table::{SeedPattern, SeedTable};

pub use growth::Discovery;

use crate::families::bases::{Bases, SIMPLE, UNKNOWN};
use crate::families::parameters::{BIN, DiscoverOptions};
use crate::genome::Contig;
use crate::memory::system::malloc_trim;
use crate::memory::{Component, available_threads};
use crate::{Error, Index, Progress, Result};

/// Bytes of a bin: its depth, its point, and whether it was tried.
const BYTES_PER_BIN: u64 = size_of::<u16>() as u64 + Points::BYTES_PER_BIN;

/// Bytes of a thread for the hits of one query, at least. Chance hits add about a byte for each base of the genome, up
/// to [`MAX_CHANCE_BYTES`]. Measured on yeast and simulated genomes.
const MIN_HIT_BYTES: u64 = 3 << 20;
/// See [`MIN_HIT_BYTES`].
const MAX_CHANCE_BYTES: u64 = 64 << 20;

/// Bytes of memory, about, without which no families are found in a genome of `bases` bases and `contigs` contigs on
/// `threads` threads, in addition to an open index. A genome full of repeats needs more.
pub fn families_memory(bases: u64, contigs: u64, threads: u64) -> u64 {
    let table = SeedTable::bytes(&SeedPattern::for_genome(bases), bases);
    // The contigs of the index, and tables of their bounds.
    let contigs = contigs.saturating_mul(3 * size_of::<Contig>() as u64);
    let hits = bases.min(MAX_CHANCE_BYTES) + MIN_HIT_BYTES;
    bases + contigs + table + bases.div_ceil(BIN) * BYTES_PER_BIN + threads * hits
}

/// Finds drafts of the families of a genome.
///
/// The result does not depend on threads or memory: the same points are always worked together, and their drafts are
/// taken in order.
///
/// # Errors
/// [`Error::Memory`] if the genome does not fit the budget; [`Error::Usage`] if it has more than 2^32 - 1 bases;
/// [`Error::Damaged`] and [`Error::Io`] from the index.
pub fn discover(index: &Index, options: &DiscoverOptions, progress: &dyn Progress) -> Result<Discovery> {
    let length = index.manifest().genome.bases;
    check_size(index)?;
    let budget = index.budget();
    progress.phase("unpack", None);
    let mut bases = Bases::of(index)?;
    bases.mark_simple();
    progress.phase("seeds", None);
    let table = SeedTable::new(&bases, SeedPattern::for_genome(length), UNKNOWN | SIMPLE, budget)?;
    let bins = length.div_ceil(BIN);
    let _reservation = budget.reserve(Component::Seeds, bins * BYTES_PER_BIN, "the profile of the genome")?;
    let reservation = budget.empty_reservation(Component::Output);
    let buffers = ChainBufferPool::new(budget);
    let mut growth = Growth {
        bases,
        table: &table,
        options,
        progress,
        buffers: &buffers,
        points: Points::new(bins),
        found: Discovery { families: Vec::new(), explained: 0, left_out: 0, reservation },
    };
    for sample in samples(length, options.sample) {
        // Buffers of the profile are large and are freed before families grow.
        let depth = growth.search(&ChainBufferPool::new(budget)).profile(&sample, progress)?;
        malloc_trim();
        growth.points.set_profile(&depth, options.min_copies);
        drop(depth);
        progress.phase("families", Some(length));
        growth.grow()?;
    }
    Ok(growth.found)
}

/// Checks that positions of the genome fit 32 bits, and that the memory suffices.
fn check_size(index: &Index) -> Result<()> {
    let genome = &index.manifest().genome;
    if genome.bases > u64::from(u32::MAX) {
        return Err(Error::Usage(format!(
            "the genome has {} bases and families are found in up to {}; index a part of its contigs",
            genome.bases,
            u32::MAX
        )));
    }
    let budget = index.budget();
    let needed = |threads: usize| budget.used() + families_memory(genome.bases, genome.contigs, threads as u64);
    let threads = rayon::current_num_threads();
    if needed(threads) > budget.limit() {
        // With more memory there may be more threads.
        let needed = needed(threads.max(available_threads()));
        return Err(Error::memory("the search for families", needed, budget.limit()));
    }
    Ok(())
}
