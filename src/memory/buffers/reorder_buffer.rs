//! Puts the results of parallel work back in order for one writer, in bounded memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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

/// How often and how long threads waited.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waits {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl Waits {
    /// Counts a wait that has ended now.
    pub(crate) fn add_since(&mut self, start: Instant) {
        self.count += 1;
        self.time += start.elapsed();
    }
}

/// What passed through a [`ReorderBuffer`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BufferStatistics {
    /// Of threads with an item, for space.
    pub(crate) puts: Waits,
    /// Of the thread that takes items, for the next one.
    pub(crate) takes: Waits,
    /// Maximum items at any time.
    pub(crate) max_items: u64,
    /// Maximum bytes at any time.
    pub(crate) max_bytes: u64,
}

/// The items that wait for earlier ones.
struct BufferState<T> {
    waiting: BTreeMap<u64, (T, u64)>,
    bytes: u64,
    statistics: BufferStatistics,
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
        self.statistics.max_bytes = self.statistics.max_bytes.max(bytes);
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
                statistics: BufferStatistics::default(),
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
        let mut start = None;
        while !state.closed && number != state.next && state.bytes + bytes > state.limit(self.limit) {
            start.get_or_insert_with(Instant::now);
            self.changed.wait(&mut state);
        }
        start.into_iter().for_each(|start| state.statistics.puts.add_since(start));
        if state.closed {
            return false;
        }
        let all = state.bytes + bytes;
        state.set_bytes(all);
        state.waiting.insert(number, (item, bytes));
        state.statistics.max_items = state.statistics.max_items.max(state.waiting.len() as u64);
        self.changed.notify_all();
        true
    }

    /// Waits for the next item in order; `None` if the buffer is closed and does not have it.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state();
        let mut start = None;
        loop {
            let next = state.next;
            if let Some((item, bytes)) = state.waiting.remove(&next) {
                start.into_iter().for_each(|start| state.statistics.takes.add_since(start));
                let left = state.bytes - bytes;
                state.set_bytes(left);
                state.next += 1;
                self.changed.notify_all();
                return Some(item);
            }
            if state.closed {
                return None;
            }
            start.get_or_insert_with(Instant::now);
            self.changed.wait(&mut state);
        }
    }

    /// What passed through the buffer so far.
    pub(crate) fn statistics(&self) -> BufferStatistics {
        self.state().statistics
    }

    /// Refuses new items; items in the buffer can still be taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Closes the buffer and drops its items: nobody takes them any more, and their memory may be waited for.
    pub(crate) fn discard(&self) {
        let mut state = self.state();
        state.closed = true;
        state.set_bytes(0);
        let items = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        drop(items);
    }

    /// Whether the buffer was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Closes the buffer when the guard is dropped, so also on a panic.
    pub(crate) fn close_on_drop(&self) -> CloseGuard<'_, T> {
        CloseGuard(self)
    }

    /// [Discards](Self::discard) the buffer when the guard is dropped, so also on a panic.
    pub(crate) fn discard_on_drop(&self) -> DiscardGuard<'_, T> {
        DiscardGuard(self)
    }
}

/// Closes a [`ReorderBuffer`] on drop.
pub(crate) struct CloseGuard<'a, T>(&'a ReorderBuffer<T>);

impl<T> Drop for CloseGuard<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Discards a [`ReorderBuffer`] on drop.
pub(crate) struct DiscardGuard<'a, T>(&'a ReorderBuffer<T>);

impl<T> Drop for DiscardGuard<'_, T> {
    fn drop(&mut self) {
        self.0.discard();
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
        let BufferStatistics { puts, takes, max_items, max_bytes } = buffer.statistics();
        assert!(puts.count <= 1 && takes.count <= 1, "only the third may wait, and be waited for");
        assert_eq!((max_items, max_bytes), (2, 200));
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

    #[test]
    fn discarded_items_are_dropped_at_once() {
        let budget = Budget::new(100);
        let buffer = ReorderBuffer::new(100);
        assert!(buffer.put(1, budget.wait(Component::Batches, 60), 60));
        drop(buffer.discard_on_drop());
        assert_eq!(budget.free(), 100);
        assert!(!buffer.put(0, budget.wait(Component::Batches, 60), 60) && buffer.take().is_none());
    }
}
