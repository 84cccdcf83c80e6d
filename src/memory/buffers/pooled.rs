//! Reused buffers of one thread, so that a query neither allocates nor waits for a lock.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::LocalKey;

/// Maximum buffers of one kind that a thread keeps; a bound on the search for the best one.
const MAX_BUFFERS: usize = 64;
/// Maximum bytes of one kind that a thread keeps, about the size of a level-2 cache.
const MAX_BYTES: usize = 2 << 20;
/// A buffer is not kept if it is this many times as large as the buffers requested recently.
const OVERSIZE_FACTOR: usize = 8;
/// Items up to which a request counts as this many, so that small buffers are always kept.
const MIN_REQUESTED: usize = 1024;

/// Bytes in the pools of all threads and kinds.
static POOLED_BYTES: AtomicU64 = AtomicU64::new(0);
/// Buffers taken from a pool again.
static POOL_REUSES: AtomicU64 = AtomicU64::new(0);

/// Bytes in buffers that the process keeps for reuse: at most 2 MiB for each thread and kind, and the texts of
/// queries in progress.
pub fn pooled_bytes() -> u64 {
    POOLED_BYTES.load(Ordering::Relaxed)
}

/// How often the process took a buffer from a pool instead of allocating one.
pub fn pool_reuses() -> u64 {
    POOL_REUSES.load(Ordering::Relaxed)
}

/// Counts bytes that a pool keeps.
pub(super) fn add_pooled(bytes: usize) {
    POOLED_BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// Counts bytes that a pool no longer keeps.
pub(super) fn remove_pooled(bytes: usize) {
    POOLED_BYTES.fetch_sub(bytes as u64, Ordering::Relaxed);
}

/// Counts a buffer that is used again.
pub(super) fn count_reuse() {
    POOL_REUSES.fetch_add(1, Ordering::Relaxed);
}

/// The buffers of one kind that a thread keeps.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    free: Vec<Vec<T>>,
    bytes: usize,
    /// Maximum items requested recently; decays by 1/8 with each buffer.
    requested: usize,
}

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self { free: Vec::new(), bytes: 0, requested: 0 }
    }

    fn remove(&mut self, at: usize) -> Vec<T> {
        let buffer = self.free.swap_remove(at);
        let bytes = buffer.capacity() * size_of::<T>();
        self.bytes -= bytes;
        remove_pooled(bytes);
        buffer
    }

    /// Takes the smallest buffer with space for `items`, else the largest, else a new one.
    fn take(&mut self, items: usize) -> Vec<T> {
        let fits = |buffer: &Vec<T>| buffer.capacity() >= items;
        let all = self.free.iter().enumerate();
        let best = all
            .min_by_key(|(_, b)| if fits(b) { (0, b.capacity()) } else { (1, usize::MAX - b.capacity()) })
            .map(|(at, _)| at);
        let mut buffer = best.map_or_else(Vec::new, |at| {
            count_reuse();
            self.remove(at)
        });
        buffer.reserve(items);
        buffer
    }

    /// Keeps a buffer after use of `requested` items, unless it is much larger than the recent requests.
    fn put_back(&mut self, mut buffer: Vec<T>, requested: usize) {
        self.requested = requested.max(self.requested - self.requested / 8);
        let max_items = OVERSIZE_FACTOR * self.requested.max(MIN_REQUESTED);
        while let Some(oversize) = self.free.iter().position(|b| b.capacity() > max_items) {
            self.remove(oversize);
        }
        let bytes = buffer.capacity() * size_of::<T>();
        if bytes == 0 || bytes > MAX_BYTES || buffer.capacity() > max_items {
            return;
        }
        while (self.bytes + bytes > MAX_BYTES || self.free.len() == MAX_BUFFERS) && !self.free.is_empty() {
            self.remove(0);
        }
        if self.free.capacity() == 0 {
            self.free.reserve_exact(MAX_BUFFERS);
        }
        buffer.clear();
        self.free.push(buffer);
        self.bytes += bytes;
        add_pooled(bytes);
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        remove_pooled(self.bytes);
    }
}

/// An item type of reused buffers.
pub(crate) trait Pooled: Sized + 'static {
    /// The pool of this thread.
    fn pool() -> &'static LocalKey<RefCell<Pool<Self>>>;
}

macro_rules! pooled {
    ($($item:ty),*) => {
        $(impl Pooled for $item {
            fn pool() -> &'static LocalKey<RefCell<Pool<Self>>> {
                thread_local!(static POOL: RefCell<Pool<$item>> = const { RefCell::new(Pool::new()) });
                &POOL
            }
        })*
    };
}
// Bases and text; counts; k-mers, hashes, positions and frequencies; hashes with their index in a batch.
pooled!(u8, u32, u64, (u64, u32));

/// A vector from the pool of this thread, empty at first; returned to the pool of the thread that drops it.
#[derive(Debug)]
pub(crate) struct Buffer<T: Pooled> {
    items: Vec<T>,
    requested: usize,
}

impl<T: Pooled> Buffer<T> {
    /// A buffer with space for `items` items.
    pub(crate) fn with_capacity(items: usize) -> Self {
        // The pool of a thread that ends may be dropped already.
        let taken = T::pool().try_with(|pool| pool.borrow_mut().take(items));
        Self { items: taken.unwrap_or_else(|_| Vec::with_capacity(items)), requested: items }
    }
}

impl<T: Pooled> Buffer<T> {
    /// Empties it and reserves space for `items` items; takes another one from the pool if it is too small.
    pub(crate) fn refit(&mut self, items: usize) {
        if self.capacity() < items {
            *self = Self::with_capacity(items);
        }
        self.clear();
    }
}

impl<T: Pooled> Default for Buffer<T> {
    /// An empty buffer without capacity, not from the pool.
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T: Pooled> From<Vec<T>> for Buffer<T> {
    fn from(items: Vec<T>) -> Self {
        Self { requested: items.len(), items }
    }
}

impl<T: Pooled> Deref for Buffer<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.items
    }
}

impl<T: Pooled> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.items
    }
}

impl<T: Pooled> Drop for Buffer<T> {
    fn drop(&mut self) {
        let items = std::mem::take(&mut self.items);
        let requested = self.requested.max(items.len());
        let _ = T::pool().try_with(|pool| pool.borrow_mut().put_back(items, requested));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<T: Pooled>() -> (usize, usize) {
        T::pool().with(|pool| (pool.borrow().free.len(), pool.borrow().bytes))
    }

    // Each test has a thread of its own, and so pools of its own.

    #[test]
    fn the_smallest_sufficient_buffer_is_reused() {
        let (small, large) = (Buffer::<u64>::with_capacity(3000), Buffer::<u64>::with_capacity(9000));
        let (at_small, at_large) = (small.as_ptr(), large.as_ptr());
        drop((large, small));
        assert_eq!(kept::<u64>(), (2, 12_000 * 8));
        let first = Buffer::<u64>::with_capacity(2000);
        assert_eq!((first.as_ptr(), first.len()), (at_small, 0));
        let second = Buffer::<u64>::with_capacity(2000);
        assert_eq!(second.as_ptr(), at_large);
        drop((first, second));
        // None fits: the largest grows.
        assert!(Buffer::<u64>::with_capacity(10_000).capacity() >= 10_000);
        assert_eq!(kept::<u64>().0, 2);
        assert_eq!(kept::<u8>(), (0, 0), "every kind has its own pool");
    }

    #[test]
    fn a_pool_is_bounded_and_shrinks_after_a_large_request() {
        drop((0..200).map(|_| Buffer::<u8>::with_capacity(100)).collect::<Vec<_>>());
        assert_eq!(kept::<u8>().0, MAX_BUFFERS);
        drop((0..10).map(|_| Buffer::<u8>::with_capacity(MAX_BYTES / 4)).collect::<Vec<_>>());
        let (buffers, bytes) = kept::<u8>();
        assert!(buffers <= MAX_BUFFERS && (MAX_BYTES / 2..=MAX_BYTES).contains(&bytes));
        drop(Buffer::<u8>::with_capacity(MAX_BYTES + 1));
        assert!(kept::<u8>().1 <= MAX_BYTES);
        // Only small requests for a while: the large buffers are dropped.
        for _ in 0..200 {
            drop((0..10).map(|_| Buffer::<u8>::with_capacity(100)).collect::<Vec<_>>());
        }
        assert!(kept::<u8>().1 <= 64 * 100 + 10 * OVERSIZE_FACTOR * MIN_REQUESTED, "{:?}", kept::<u8>());
    }

    #[test]
    fn pooled_bytes_are_counted_and_freed_with_their_thread() {
        std::thread::spawn(|| {
            drop(Buffer::<(u64, u32)>::with_capacity(5000));
            let (_, bytes) = kept::<(u64, u32)>();
            assert!(bytes >= 5000 * 16 && pooled_bytes() >= bytes as u64);
            let reuses = pool_reuses();
            drop(Buffer::<(u64, u32)>::with_capacity(10));
            assert!(pool_reuses() > reuses);
            drop(Buffer::<(u64, u32)>::from(vec![(1, 2); 6000]));
            assert!(Buffer::<(u64, u32)>::with_capacity(6000).is_empty());
        })
        .join()
        .expect("no panic");
        // A buffer may be dropped on another thread.
        let buffer = Buffer::<u32>::with_capacity(2000);
        std::thread::spawn(move || drop(buffer)).join().expect("no panic");
        assert_eq!(kept::<u32>(), (0, 0));
    }
}
