//! The bundle as a whole: its manifest, how it is written and published, and how bundles are found.
//!
//! A bundle is a folder of four files, written once and never changed: `manifest.json`, `catalog.redb`,
//! `positions.blk` and `sequence.2bit`. A part of an index is a bundle of another kind, with the pages that one builder
//! of several makes.

pub(crate) mod checkpoint;
pub(crate) mod draft;
mod find_indexes;
mod kind;
mod manifest;
pub(crate) mod page_spool;
mod part;
pub(crate) mod part_set;
mod sealed;
mod staging;
mod target;
mod time_stamp;

pub use crate::fs::FileDigest;
pub use find_indexes::{FoundIndex, State, list_indexes};
pub use kind::Shard;
pub(crate) use kind::{BundleKind, MAX_SHARDS};
pub use manifest::{GenomeSummary, Manifest, MemoryHints, Parameters, SourceFile, Totals};
pub(crate) use manifest::{MAX_MIN_FREQUENCY, WRITTEN_BY};
pub use part::PartManifest;
pub(crate) use part::PartOf;
pub(crate) use sealed::Sealed;
pub(crate) use target::check_target;
pub(crate) use time_stamp::{is_reproducible, time_stamp};
