//! An open index, which queries and the repeat finder read: it looks up k-mers one by one or in batches, with
//! positions, walks k-mers and seeds, returns bases of the genome, and checks all of its files.
//!
//! An [`Index`] is shared by reference between any number of threads. It reads pages when they are needed, checks
//! each against its checksum when it is first read, and keeps them in one cache bounded in bytes.

mod batch;
mod cache;
mod checked_genome;
mod contigs;
mod disk_usage;
#[cfg(fuzzing)]
mod forged;
mod genome;
mod lookup;
mod open;
mod ordered;
mod pages;
mod provenance;
mod region_reader;
mod seed_walk;
mod verify;
mod walk;

pub use batch::BatchLookup;
pub use cache::{CacheOptions, CacheStatistics};
pub use contigs::Position;
pub use disk_usage::DiskUsage;
pub use open::{Index, OpenOptions};
pub(crate) use open::{least_memory, table_bytes};
pub use provenance::{Difference, Differing, GenomeComparison, NAMED};
pub(crate) use seed_walk::SEEDS_PER_RECORD;
pub use seed_walk::Seed;
pub use verify::{Depth, Verified};
pub use walk::KmerEntry;
