//! The bundle on disk: `schema/format.md` draws every byte.
//!
//! A bundle is a folder of four files, written once and never changed: `manifest.json`, `catalog.redb`,
//! `positions.blk` and `sequence.2bit`.

pub(crate) mod bits;
pub(crate) mod block;
pub(crate) mod bundle;
pub(crate) mod catalog;
pub(crate) mod checkpoint;
pub(crate) mod checksum;
pub(crate) mod layout;
mod list;
pub(crate) mod lock;
mod manifest;
pub(crate) mod page;
pub(crate) mod positions;
pub(crate) mod seeds;
pub(crate) mod superkmers;
pub(crate) mod tree;

pub use catalog::Contig;
pub use checksum::Identity;
pub use layout::{Layout, LayoutKind, Shape};
pub use list::{FoundIndex, State, list_indexes};
pub use lock::Builder;
pub use manifest::{FileDigest, GenomeSummary, Manifest, MemoryHints, Parameters, SourceFile, Totals};
pub(crate) use manifest::{MAX_MIN_FREQUENCY, is_reproducible, time_stamp, utc};
pub use superkmers::SuperKmerLayout;

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
