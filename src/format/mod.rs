//! The parts that every bundle has, with either dictionary: the catalog and the file of its store, position blocks and
//! lists, checksums, the seed order. `schema/format.md` draws every byte.

pub(crate) mod bits;
pub(crate) mod block;
pub(crate) mod catalog;
mod checksum;
pub(crate) mod frames;
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

/// The format of the parts of an index that this program writes, and the newest that it reads.
pub const PART_FORMAT_VERSION: u32 = 1;

/// The dictionary pages of a part of an index, and of a build that resumes.
pub const SPOOL: &str = "pages.spool";
/// The k-mer spectrum of a part of an index.
pub const SPECTRUM: &str = "spectrum.bin";
/// The contigs and the other letters of the genome, in the first part of an index.
pub const CONTIGS: &str = "contigs.bin";
