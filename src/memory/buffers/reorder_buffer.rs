//! What waits for a writer: numbered items, handed over in any order, taken in order, bounded in bytes.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::BTreeMap;

use crate::memory::{Reservation, Status};

/// A reorder window between the threads that make numbered items and the one that writes them.
///
/// Whoever has the next item is always let in, so the window never blocks for good, whatever the sizes.
pub(crate) struct Window<T> {
    limit: u64,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: BTreeMap<u64, (T, u64)>,
    bytes: u64,
    /// Where these bytes are charged.
    held: Option<Reservation>,
    next: u64,
    /// No more items will come, or nobody takes them any more.
    closed: bool,
}

impl<T> State<T> {
    fn limit(&self, limit: u64) -> u64 {
        let critical = self.held.as_ref().is_some_and(|held| held.status() == Status::Critical);
        if critical { 0 } else { limit }
    }

    fn change(&mut self, bytes: u64) {
        self.bytes = bytes;
        if let Some(held) = &mut self.held {
            held.resize(bytes);
        }
    }
}

impl<T> Window<T> {
    /// A window of about `limit` bytes, for items numbered from 0.
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            state: Mutex::new(State { waiting: BTreeMap::new(), bytes: 0, held: None, next: 0, closed: false }),
            changed: Condvar::new(),
        }
    }

    /// As [`new`](Self::new); what waits is charged to `held`, and while memory is critical only the next item is let in.
    pub(crate) fn charged(limit: u64, held: Reservation) -> Self {
        let window = Self::new(limit);
        window.state().held = Some(held);
        window
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }

    /// Hands over item `number`; waits while the window is full. False when the window was closed.
    pub(crate) fn put(&self, number: u64, item: T, bytes: u64) -> bool {
        let mut state = self.state();
        while !state.closed && number != state.next && state.bytes + bytes > state.limit(self.limit) {
            self.changed.wait(&mut state);
        }
        if state.closed {
            return false;
        }
        let all = state.bytes + bytes;
        state.change(all);
        state.waiting.insert(number, (item, bytes));
        self.changed.notify_all();
        true
    }

    /// The next item, in order; `None` once the window is closed and the next is not there.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            let next = state.next;
            if let Some((item, bytes)) = state.waiting.remove(&next) {
                let left = state.bytes - bytes;
                state.change(left);
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

    /// Ends both sides: items that are there are still taken, new ones are refused.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Whether [`close`](Self::close) was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Closes the window when dropped, on a panic too.
    pub(crate) fn closing(&self) -> Closing<'_, T> {
        Closing(self)
    }
}

/// Closes a [`Window`] on drop.
pub(crate) struct Closing<'a, T>(&'a Window<T>);

impl<T> Drop for Closing<'_, T> {
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
    fn items_leave_in_order_and_the_window_stays_small() {
        let window = Window::new(100);
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        // Every seventh item is larger than the window.
                        let bytes = if number.is_multiple_of(7) { 1000 } else { 30 };
                        if number >= 500 || !window.put(number, number, bytes) {
                            return;
                        }
                    }
                });
            }
            for expected in 0..500 {
                assert_eq!(window.take(), Some(expected));
                assert!(window.state().waiting.len() <= 5);
            }
            window.close();
            assert_eq!(window.take(), None);
        });
    }

    #[test]
    fn what_waits_is_charged_and_waits_longer_while_memory_is_critical() {
        let budget = Budget::new(1000);
        let window = Window::charged(500, budget.hold(Component::WriteWindow));
        assert!(window.put(1, "second", 100));
        assert_eq!(budget.used(), 100);
        budget.set_status(Status::Critical);
        std::thread::scope(|scope| {
            let early = scope.spawn(|| window.put(2, "third", 100));
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!early.is_finished());
            assert!(window.put(0, "first", 100), "the next is always let in");
            let taken = [window.take(), window.take(), window.take()];
            assert_eq!(taken, [Some("first"), Some("second"), Some("third")]);
            assert!(early.join().expect("no panic"));
        });
        assert_eq!((budget.used(), budget.peak()), (0, 200));
    }

    #[test]
    fn closing_frees_those_who_wait() {
        let window = Window::new(1);
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| window.put(1, (), 1) && window.put(2, (), 1));
            std::thread::sleep(std::time::Duration::from_millis(10));
            drop(window.closing());
            assert!(!blocked.join().expect("no panic"));
        });
    }
}
