//! Puts the results of parallel work back in order for one writer, in bounded memory.

use std::collections::BTreeMap;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::memory::budget::Reservation;
use crate::memory::status::Status;

/// A buffer between the threads that produce numbered items and the one that takes them in order.
///
/// The next item is always admitted, so the buffer never deadlocks, whatever the sizes of the items.
pub(crate) struct ReorderBuffer<T> {
    limit: u64,
    state: Mutex<BufferState<T>>,
    changed: Condvar,
}

/// The items that wait for earlier ones.
struct BufferState<T> {
    waiting: BTreeMap<u64, (T, u64)>,
    bytes: u64,
    /// The reservation to which these bytes are charged.
    reservation: Option<Reservation>,
    next: u64,
    /// No more items will be produced, or none will be taken.
    closed: bool,
}

impl<T> BufferState<T> {
    fn limit(&self, limit: u64) -> u64 {
        let critical = self.reservation.as_ref().is_some_and(|reservation| reservation.status() == Status::Critical);
        if critical { 0 } else { limit }
    }

    fn set_bytes(&mut self, bytes: u64) {
        self.bytes = bytes;
        if let Some(reservation) = &mut self.reservation {
            reservation.resize(bytes);
        }
    }
}

impl<T> ReorderBuffer<T> {
    /// A buffer of about `limit` bytes, for items numbered from 0.
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            state: Mutex::new(BufferState {
                waiting: BTreeMap::new(),
                bytes: 0,
                reservation: None,
                next: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// As [`new`](Self::new); waiting items are charged to the `reservation`, and while memory is critical only
    /// the next item is admitted.
    pub(crate) fn charged(limit: u64, reservation: Reservation) -> Self {
        let buffer = Self::new(limit);
        buffer.state().reservation = Some(reservation);
        buffer
    }

    fn state(&self) -> MutexGuard<'_, BufferState<T>> {
        self.state.lock()
    }

    /// Adds item `number`; waits while the buffer is full. Returns false if the buffer was closed.
    pub(crate) fn put(&self, number: u64, item: T, bytes: u64) -> bool {
        let mut state = self.state();
        while !state.closed && number != state.next && state.bytes + bytes > state.limit(self.limit) {
            self.changed.wait(&mut state);
        }
        if state.closed {
            return false;
        }
        let all = state.bytes + bytes;
        state.set_bytes(all);
        state.waiting.insert(number, (item, bytes));
        self.changed.notify_all();
        true
    }

    /// Waits for the next item in order; `None` if the buffer is closed and does not have it.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            let next = state.next;
            if let Some((item, bytes)) = state.waiting.remove(&next) {
                let left = state.bytes - bytes;
                state.set_bytes(left);
                state.next += 1;
                self.changed.notify_all();
                return Some(item);
            }
            if state.closed {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }

    /// Refuses new items; items in the buffer can still be taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Whether [`close`](Self::close) was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Closes the buffer when the guard is dropped, so also on a panic.
    pub(crate) fn close_on_drop(&self) -> CloseGuard<'_, T> {
        CloseGuard(self)
    }
}

/// Closes a [`ReorderBuffer`] on drop.
pub(crate) struct CloseGuard<'a, T>(&'a ReorderBuffer<T>);

impl<T> Drop for CloseGuard<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, Component};
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn items_leave_in_order_and_the_buffer_stays_small() {
        let buffer = ReorderBuffer::new(100);
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        // Every seventh item is larger than the buffer.
                        let bytes = if number.is_multiple_of(7) { 1000 } else { 30 };
                        if number >= 500 || !buffer.put(number, number, bytes) {
                            return;
                        }
                    }
                });
            }
            for expected in 0..500 {
                assert_eq!(buffer.take(), Some(expected));
                assert!(buffer.state().waiting.len() <= 5);
            }
            buffer.close();
            assert_eq!(buffer.take(), None);
        });
    }

    #[test]
    fn waiting_items_are_charged_and_wait_longer_while_memory_is_critical() {
        let budget = Budget::new(1000);
        let buffer = ReorderBuffer::charged(500, budget.empty_reservation(Component::WriteWindow));
        assert!(buffer.put(1, "second", 100));
        assert_eq!(budget.used(), 100);
        budget.set_status(Status::Critical);
        std::thread::scope(|scope| {
            let early = scope.spawn(|| buffer.put(2, "third", 100));
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!early.is_finished());
            assert!(buffer.put(0, "first", 100), "the next is always admitted");
            let taken = [buffer.take(), buffer.take(), buffer.take()];
            assert_eq!(taken, [Some("first"), Some("second"), Some("third")]);
            assert!(early.join().expect("no panic"));
        });
        assert_eq!((budget.used(), budget.peak()), (0, 200));
    }

    #[test]
    fn closing_wakes_waiting_threads() {
        let buffer = ReorderBuffer::new(1);
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| buffer.put(1, (), 1) && buffer.put(2, (), 1));
            std::thread::sleep(std::time::Duration::from_millis(10));
            drop(buffer.close_on_drop());
            assert!(!blocked.join().expect("no panic"));
        });
    }
}
