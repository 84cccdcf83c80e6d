//! The one memory budget of a run, its reservations, and what the process really uses: watched, and reported so that it
//! adds up.
//!
//! Whatever grows with the input reserves from the [`Budget`] before it allocates and holds the [`Reservation`] as
//! long as the memory. A reservation gives back on drop, so also on an error or a panic.

mod budget;
pub(crate) mod buffers;
mod monitor;
mod report;
pub(crate) mod system;

pub use budget::{Budget, Component, Reservation, Usage};
pub use buffers::pooled_bytes;
pub use monitor::{Headroom, Monitor, Peak, Status, headroom};
pub use report::{Difference, MemoryUsageBreakdown, Row};
pub use system::{HugePages, Resident, available_memory, available_threads, numa_nodes, process_limit, resident};
