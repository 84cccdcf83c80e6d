//! The bundle as a whole: its manifest, how it comes into being and is published, and where bundles are found.
//!
//! A bundle is a folder of four files, written once and never changed: `manifest.json`, `catalog.redb`,
//! `positions.blk` and `sequence.2bit`.

pub(crate) mod checkpoint;
pub(crate) mod draft;
mod find_indexes;
mod manifest;

pub use find_indexes::{FoundIndex, State, list_indexes};
pub use manifest::{FileDigest, GenomeSummary, Manifest, MemoryHints, Parameters, SourceFile, Totals};
pub(crate) use manifest::{MAX_MIN_FREQUENCY, is_bundle, is_manifest};
