//! Reused memory, so that hot paths do not allocate: buffers of a thread, buffers shared by threads, slots of the
//! cache; and the bounded buffer that puts results of parallel work back in order.

mod arena;
mod buffer_pool;
mod pooled;
mod reorder_buffer;

pub(crate) use arena::{Arena, Slot};
pub(crate) use buffer_pool::{BufferPool, reserve_text};
pub(crate) use pooled::{Buffer, Pooled};
pub use pooled::{pool_reuses, pooled_bytes};
pub(crate) use reorder_buffer::{BufferStatistics, CloseGuard, ReorderBuffer, Waits};
