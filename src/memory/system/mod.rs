//! What the operating system and the allocator offer: maps, huge pages, NUMA nodes, prefetching, limits of the process.

mod anonymous_map;
mod huge_pages;
mod malloc;
mod map;
mod numa;
mod prefetch;
pub(crate) mod resident;

pub(crate) use anonymous_map::Anonymous;
pub use huge_pages::HugePages;
pub(crate) use malloc::{share_one_arena, trim};
pub(crate) use map::map_read_only;
pub use numa::numa_nodes;
pub(crate) use prefetch::prefetch;
pub use resident::{Resident, available_memory, available_threads, process_limit, resident};
