//! Interfaces to the operating system, the allocator and the processor, each with a fallback for systems without them:
//! anonymous maps, huge pages, NUMA nodes, prefetching, limits of the process.

pub(super) mod anonymous_map;
mod atomic_words;
mod huge_pages;
mod malloc;
mod numa;
mod prefetch;
pub(super) mod resident;

pub(crate) use anonymous_map::AnonymousMap;
pub(crate) use atomic_words::as_atomic;
pub use huge_pages::HugePages;
pub(crate) use malloc::{malloc_trim, share_one_arena};
pub use numa::numa_nodes;
pub(crate) use prefetch::prefetch;
pub use resident::{ResidentMemory, available_memory, available_threads, process_limit, resident_memory};
