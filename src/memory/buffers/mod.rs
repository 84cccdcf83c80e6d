//! Memory that is used again: pools, buffers of a thread, slots of the cache, and the hand-over of results in order.

mod arena;
mod buffer_pool;
mod pooled;
mod reorder_buffer;

pub(crate) use arena::{Arena, Slot};
pub(crate) use buffer_pool::{SpareBuffers, make_room};
pub(crate) use pooled::Buffer;
pub use pooled::pooled_bytes;
pub(crate) use reorder_buffer::Window;
