//! The steps of `detect` may take hours, so a budget that cannot suffice for the last is an error before the first.

use std::path::PathBuf;

use crate::align::{Library, search_memory};
use crate::bundle::Manifest;
use crate::cli::Settings;
use crate::families::families_memory;
use crate::fs::is_address;
use crate::memory::available_threads;
use crate::{Error, Result, builder};

/// Minimum bases per byte of compressed FASTA: two bits a base, and the space of headers and lower case.
const BASES_PER_BYTE: u64 = 3;
/// Bytes of an open index, about.
const OPEN_INDEX: u64 = 5 << 20;

/// Checks before any work that the memory suffices to index a genome, in files or in the folder of its index, to find
/// its families if `with_families` is set, and to search it for the sequences of `library`. Bases are estimated from
/// the size of files; a file without a known size is checked when it is read. How many copies there are, and how much
/// memory they take, is known only later.
///
/// # Errors
/// [`Error::Memory`].
pub(super) fn check(genome: &[PathBuf], library: &Library, with_families: bool, settings: &Settings) -> Result<()> {
    let budget = &settings.budget;
    let bases = if with_families { genome.iter().map(bases_of).sum() } else { None };
    let least = |threads: usize| {
        let threads = threads as u64;
        let families = bases.map_or(0, |bases| families_memory(bases, 1, threads));
        let search = library.bytes() + search_memory(library, threads);
        budget.used() + (OPEN_INDEX + families.max(search)).max(builder::min_memory())
    };
    if least(settings.threads) > budget.limit() {
        // With more memory there may be more threads.
        let needed = least(settings.threads.max(available_threads()));
        return Err(Error::memory("detect, with all of its steps,", needed, budget.limit()));
    }
    Ok(())
}

/// Bases of a genome, about; `None` if its size is unknown.
pub(super) fn bases_of(path: &PathBuf) -> Option<u64> {
    if path.is_dir() || is_address(path) {
        return Manifest::read(path).ok().map(|manifest| manifest.genome.bases);
    }
    let bytes = std::fs::metadata(path).ok().filter(|metadata| metadata.is_file())?.len();
    if path.extension().is_some_and(|e| e == "2bit") {
        return Some(bytes.saturating_mul(4));
    }
    let is_plain = path.extension().is_some_and(|e| ["fa", "fasta", "fna", "fas"].iter().any(|plain| e == *plain));
    // Line ends and headers are no bases.
    Some(if is_plain { bytes / 8 * 7 } else { bytes.saturating_mul(BASES_PER_BYTE) })
}
