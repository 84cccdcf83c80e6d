//! Entry points for the fuzz targets of `fuzz/`: random bytes would never get past the checksums of an index, so these
//! functions make the checksum right first, as a forger would. Compiled for fuzzing only.

use crate::bundle::{Manifest, Sealed};
use crate::{Error, Index, Result};

/// Page `number` of the dictionary and the payload of its position block, to start from.
///
/// # Errors
/// As a look-up.
pub fn page(index: &Index, number: u64) -> Result<(Vec<u8>, Vec<u8>)> {
    index.page_parts(number)
}

/// Looks up everything in a forged page and block, and checks them.
///
/// # Panics
/// If a page that is found sound returns two different results.
pub fn look_at_page(index: &Index, number: u64, page: Vec<u8>, block: &[u8]) {
    index.probe_forged_page(number, page, block);
}

/// Unpacks a forged position block and reads a list of it.
pub fn look_at_block(block: Vec<u8>, bases: u64, at: u64, positions: u64) {
    crate::format::block::probe_forged(block, bases, at, positions);
}

/// Makes the checksum of the root of a file of the store right.
pub fn seal_store(file: &mut [u8]) {
    crate::format::tree::fix_root_checksum(file);
}

/// Reads everything from a forged file of the store.
///
/// # Errors
/// As opening an index.
pub fn look_at_store(path: &std::path::Path) -> Result<usize> {
    crate::format::catalog::probe_forged(path)
}

/// Reads a forged record of the seed order.
pub fn look_at_seeds(record: &[u8]) {
    let _ = crate::format::seed_order::decode(record);
}

/// A forged manifest as text, its own digest made right.
///
/// # Errors
/// If it is not one of this format.
pub fn sealed_manifest(json: &[u8]) -> Result<String> {
    let unreadable = |e: serde_json::Error| Error::damaged("manifest.json", None, e.to_string());
    serde_json::from_slice::<Manifest>(json).map_err(unreadable)?.seal()
}

pub use crate::cli::fuzzing::{bed_file, kmer_list};
