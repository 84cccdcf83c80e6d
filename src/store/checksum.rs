//! The checksum of every page, block and record: XXH3-64, seeded with what it is and its number, so that a sound page
//! in a wrong place is found too.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Dictionary page.
pub(crate) const PAGE: u64 = 1;
/// Position block.
pub(crate) const BLOCK: u64 = 2;
/// Catalog record.
pub(crate) const RECORD: u64 = 3;

/// Chunk of the packed genome.
pub(crate) const CHUNK: u64 = 4;

/// Checksum of `bytes` as object `number` of kind `kind`.
pub(crate) fn of(bytes: &[u8], kind: u64, number: u64) -> u64 {
    xxh3_64_with_seed(bytes, kind << 56 ^ number)
}
