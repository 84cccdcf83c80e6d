//! The bundle as a whole: its manifest, how it is written and published, and how bundles are found.
//!
//! A bundle is a folder of four files, written once and never changed: `manifest.json`, `catalog.redb`,
//! `positions.blk` and `sequence.2bit`.

pub(crate) mod checkpoint;
pub(crate) mod draft;
mod find_indexes;
mod manifest;
pub(crate) mod page_spool;
mod staging;
mod target;
mod time_stamp;

pub use crate::fs::FileDigest;
pub use find_indexes::{FoundIndex, State, list_indexes};
pub use manifest::{GenomeSummary, Manifest, MemoryHints, Parameters, SourceFile, Totals};
pub(crate) use manifest::{MAX_MIN_FREQUENCY, WRITTEN_BY};
pub(crate) use target::check_target;
pub(crate) use time_stamp::{is_reproducible, time_stamp};
