//! The parts that every bundle has, with either dictionary: the catalog and the file of its store, position blocks and
//! lists, checksums, the seed order. `schema/format.md` draws every byte.

pub(crate) mod bits;
pub(crate) mod block;
pub(crate) mod catalog;
mod checksum;
pub(crate) mod positions;
pub(crate) mod seed_order;
pub(crate) mod tree;

pub(crate) use checksum::ChecksumKind;
pub use checksum::Identity;

/// The format of the bundles that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The manifest of a bundle.
pub const MANIFEST: &str = "manifest.json";
/// The redb store of a bundle.
pub const CATALOG: &str = "catalog.redb";
/// The position blocks of a bundle.
pub const POSITIONS: &str = "positions.blk";
/// The packed genome of a bundle.
pub const SEQUENCE: &str = "sequence.2bit";
