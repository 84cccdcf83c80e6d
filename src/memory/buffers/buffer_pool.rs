use parking_lot::Mutex;

use crate::memory::Reservation;

/// Buffers that one thread is done with, for others to fill anew: what goes from thread to thread is not allocated by
/// each of them.
pub(crate) struct SpareBuffers {
    most: u64,
    buffers: Mutex<(Vec<Vec<u8>>, Reservation)>,
}

/// Buffers kept at the most.
const KEPT: usize = 16;

impl SpareBuffers {
    /// Keeps `most` bytes at the most, charged to `held`.
    pub(crate) fn new(most: u64, held: Reservation) -> Self {
        Self { most, buffers: Mutex::new((Vec::new(), held)) }
    }

    /// A buffer to fill; what is in it is to be cleared.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut all = self.buffers.lock();
        let buffer = all.0.pop().unwrap_or_default();
        let left = all.1.bytes() - buffer.capacity() as u64;
        all.1.resize(left);
        buffer
    }

    /// Keeps a buffer where there is room for it.
    pub(crate) fn give(&self, buffer: Vec<u8>) {
        let mut all = self.buffers.lock();
        let bytes = all.1.bytes() + buffer.capacity() as u64;
        if all.0.len() < KEPT && bytes <= self.most {
            all.1.resize(bytes);
            all.0.push(buffer);
        }
    }
}

/// Bytes of a text that are free, at least, when rows are added to it.
const FREE: usize = 128 << 10;

/// Makes room for more rows in `text`, in small steps: all of its capacity is charged, and what grew by doubling would be
/// half empty.
pub(crate) fn make_room(text: &mut Vec<u8>) {
    if text.capacity() - text.len() < FREE {
        text.reserve_exact((2 * FREE).max(text.capacity() / 8));
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
            make_room(&mut text);
            text.extend_from_slice(&[0; 1000]);
            assert!(text.capacity() <= text.len() + 3 * FREE + text.len() / 8);
        }
    }

    #[test]
    fn a_few_buffers_are_kept_and_charged() {
        let budget = Budget::new(1 << 30);
        let spare = SpareBuffers::new(2500, budget.hold(Component::WriteWindow));
        assert_eq!(spare.take().capacity(), 0);
        for capacity in [1000, 3000, 1000, 1000] {
            spare.give(Vec::with_capacity(capacity));
        }
        assert_eq!(budget.used(), 2000, "the second is too large, and for the last there is no room left");
        assert_eq!([spare.take(), spare.take(), spare.take()].map(|b| b.capacity()), [1000, 1000, 0]);
        assert_eq!(budget.used(), 0);
    }
}
