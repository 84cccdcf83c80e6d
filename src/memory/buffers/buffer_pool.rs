//! Buffers that one thread fills and another one empties, reused so that the filling threads do not allocate.

use parking_lot::Mutex;

use crate::memory::budget::Reservation;
use crate::memory::buffers::pooled::{add_pooled, count_reuse, remove_pooled};

/// Empty buffers shared by all threads of one job.
pub(crate) struct BufferPool {
    max_bytes: u64,
    buffers: Mutex<(Vec<Vec<u8>>, Reservation)>,
}

/// Maximum buffers in a pool; a bound on its bookkeeping, since bytes are bounded separately.
const MAX_BUFFERS: usize = 16;

impl BufferPool {
    /// A pool of at most `max_bytes` bytes, charged to the `reservation`.
    pub(crate) fn new(max_bytes: u64, reservation: Reservation) -> Self {
        Self { max_bytes, buffers: Mutex::new((Vec::new(), reservation)) }
    }

    /// Takes a buffer, which may have old content.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut all = self.buffers.lock();
        let Some(buffer) = all.0.pop() else { return Vec::new() };
        let left = all.1.bytes() - buffer.capacity() as u64;
        all.1.resize(left);
        remove_pooled(buffer.capacity());
        count_reuse();
        buffer
    }

    /// Returns a buffer to the pool, unless the pool is full.
    pub(crate) fn put_back(&self, buffer: Vec<u8>) {
        let mut all = self.buffers.lock();
        let bytes = all.1.bytes() + buffer.capacity() as u64;
        if all.0.len() < MAX_BUFFERS && bytes <= self.max_bytes {
            all.1.resize(bytes);
            add_pooled(buffer.capacity());
            all.0.push(buffer);
        }
    }
}

impl Drop for BufferPool {
    fn drop(&mut self) {
        remove_pooled(self.buffers.get_mut().1.bytes() as usize);
    }
}

/// Minimum free bytes of a text before a row is appended: more than a usual row.
const MIN_FREE: usize = 128 << 10;

/// Reserves space for more rows in `text`, in small steps: its whole capacity is charged to the budget, and growth by
/// doubling would leave half of it empty.
pub(crate) fn reserve_text(text: &mut Vec<u8>) {
    if text.capacity() - text.len() < MIN_FREE {
        text.reserve_exact((2 * MIN_FREE).max(text.capacity() / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, Component};

    #[test]
    fn a_text_is_never_half_empty() {
        let mut text = Vec::new();
        while text.len() < 10 << 20 {
            reserve_text(&mut text);
            text.extend_from_slice(&[0; 1000]);
            assert!(text.capacity() <= text.len() + 3 * MIN_FREE + text.len() / 8);
        }
    }

    #[test]
    fn a_few_buffers_are_kept_and_charged() {
        let budget = Budget::new(1 << 30);
        let spare = BufferPool::new(2500, budget.empty_reservation(Component::WriteWindow));
        assert_eq!(spare.take().capacity(), 0);
        for capacity in [1000, 3000, 1000, 1000] {
            spare.put_back(Vec::with_capacity(capacity));
        }
        assert_eq!(budget.used(), 2000, "the second is too large, and the pool is full before the last");
        assert_eq!([spare.take(), spare.take(), spare.take()].map(|b| b.capacity()), [1000, 1000, 0]);
        assert_eq!(budget.used(), 0);
    }
}
