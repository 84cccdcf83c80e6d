//! Keeps a command within `--max-memory`: one budget with reservations, and a monitor and a report that compare it with
//! the memory that the process really uses.
//!
//! Everything that grows with the input reserves from the [`Budget`] before it allocates and keeps the [`Reservation`]
//! as long as the memory. A reservation is released when dropped, so also after an error or a panic.

mod budget;
pub(crate) mod buffers;
mod monitor;
mod report;
mod status;
pub(crate) mod system;

pub use budget::{Budget, Component, ComponentUsage, Reservation};
pub use buffers::{pool_reuses, pooled_bytes};
pub use monitor::{FreeMemory, MemoryPeak, Monitor, free_memory};
pub use report::{MemoryRow, MemoryUsageBreakdown, UnaccountedMemory};
pub use status::Status;
pub use system::{
    HugePages, ResidentMemory, available_memory, available_threads, numa_nodes, process_limit, resident_memory,
};
