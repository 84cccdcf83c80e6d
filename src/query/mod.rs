//! Users look up the k-mers of sequences and regions; results stream, so that memory is bounded for inputs of any
//! length.
//!
//! One thread reads the input and cuts it into batches (`cutter`), the pool looks up and formats them (`answers`), and
//! one thread writes them in input order (`pipeline`). The bytes of all batches in flight are bounded.

mod answers;
mod batch;
mod cutter;
mod kmer_range;
mod kmer_regions;
mod kmer_sets;
mod pipeline;
mod rows;
mod sequences;
mod statistics;

pub use kmer_regions::KmerRegions;
pub use kmer_sets::{Comparison, KmerSets, MergedKmer, Overlap, SetOperation};
pub(crate) use pipeline::{Charge, Feed, in_batches};
pub use pipeline::{PipelineConfig, PipelineStatistics};
pub use rows::{Detail, Rows};
pub use sequences::{Sequences, query_sequences};
pub use statistics::SequenceStatistics;
