//! Buffers that are used again: each thread keeps those that it gave back, so that taking one neither allocates nor waits.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::LocalKey;

/// Most buffers that a thread keeps of one kind.
const BUFFERS: usize = 64;
/// Most bytes that a thread keeps of one kind.
const BYTES: usize = 2 << 20;
/// A buffer this many times as large as what was wanted lately is not kept.
const GIANT: usize = 8;
/// Items below which no buffer is a giant.
const SMALL: usize = 1024;

/// Bytes that all pools keep, of all threads and kinds.
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Bytes in buffers that are kept for the next who needs one: at most 2 MiB for each thread and kind.
pub fn pooled_bytes() -> u64 {
    KEPT.load(Ordering::Relaxed)
}

/// The buffers of one kind that a thread keeps.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    free: Vec<Vec<T>>,
    bytes: usize,
    /// The most items that were wanted lately; what is long ago counts less.
    wanted: usize,
}

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self { free: Vec::new(), bytes: 0, wanted: 0 }
    }

    fn remove(&mut self, at: usize) -> Vec<T> {
        let buffer = self.free.swap_remove(at);
        let bytes = buffer.capacity() * size_of::<T>();
        self.bytes -= bytes;
        KEPT.fetch_sub(bytes as u64, Ordering::Relaxed);
        buffer
    }

    /// The smallest buffer that has room for `items`, else the largest, else a new one.
    fn take(&mut self, items: usize) -> Vec<T> {
        let fits = |buffer: &Vec<T>| buffer.capacity() >= items;
        let all = self.free.iter().enumerate();
        let best = all
            .min_by_key(|(_, b)| if fits(b) { (0, b.capacity()) } else { (1, usize::MAX - b.capacity()) })
            .map(|(at, _)| at);
        let mut buffer = best.map_or_else(Vec::new, |at| self.remove(at));
        buffer.reserve(items);
        buffer
    }

    /// Keeps a buffer of which `wanted` items were used, unless it is much larger than what is wanted these days.
    fn give(&mut self, mut buffer: Vec<T>, wanted: usize) {
        self.wanted = wanted.max(self.wanted - self.wanted / 8);
        let most = GIANT * self.wanted.max(SMALL);
        while let Some(giant) = self.free.iter().position(|b| b.capacity() > most) {
            self.remove(giant);
        }
        let bytes = buffer.capacity() * size_of::<T>();
        if bytes == 0 || bytes > BYTES || buffer.capacity() > most {
            return;
        }
        while (self.bytes + bytes > BYTES || self.free.len() == BUFFERS) && !self.free.is_empty() {
            self.remove(0);
        }
        if self.free.capacity() == 0 {
            self.free.reserve_exact(BUFFERS);
        }
        buffer.clear();
        self.free.push(buffer);
        self.bytes += bytes;
        KEPT.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        KEPT.fetch_sub(self.bytes as u64, Ordering::Relaxed);
    }
}

/// What buffers hold: bases, k-mers and hashes, positions.
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
// Bases and text; counts; k-mers, hashes, positions and frequencies; hashes with their places in a batch.
pooled!(u8, u32, u64, (u64, u32));

/// A vector from the pool of the thread, empty at first; goes to the pool of the thread that drops it.
#[derive(Debug)]
pub(crate) struct Buffer<T: Pooled> {
    items: Vec<T>,
    wanted: usize,
}

impl<T: Pooled> Buffer<T> {
    /// A buffer with room for `items` items.
    pub(crate) fn with_capacity(items: usize) -> Self {
        // A thread that ends has no pool any more.
        let taken = T::pool().try_with(|pool| pool.borrow_mut().take(items));
        Self { items: taken.unwrap_or_else(|_| Vec::with_capacity(items)), wanted: items }
    }
}

impl<T: Pooled> Buffer<T> {
    /// Empties it and makes room for `items` items, by taking another from the pool where it has too little.
    pub(crate) fn refit(&mut self, items: usize) {
        if self.capacity() < items {
            *self = Self::with_capacity(items);
        }
        self.clear();
    }
}

impl<T: Pooled> Default for Buffer<T> {
    /// A buffer without room; takes none from the pool.
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T: Pooled> From<Vec<T>> for Buffer<T> {
    fn from(items: Vec<T>) -> Self {
        Self { wanted: items.len(), items }
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
        let wanted = self.wanted.max(items.len());
        let _ = T::pool().try_with(|pool| pool.borrow_mut().give(items, wanted));
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
    fn the_best_that_fits_is_used_again() {
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
        assert_eq!(kept::<u8>(), (0, 0), "every kind has its own");
    }

    #[test]
    fn a_pool_is_bounded_and_shrinks_after_a_giant() {
        drop((0..200).map(|_| Buffer::<u8>::with_capacity(100)).collect::<Vec<_>>());
        assert_eq!(kept::<u8>().0, BUFFERS);
        drop((0..10).map(|_| Buffer::<u8>::with_capacity(BYTES / 4)).collect::<Vec<_>>());
        let (buffers, bytes) = kept::<u8>();
        assert!(buffers <= BUFFERS && (BYTES / 2..=BYTES).contains(&bytes));
        drop(Buffer::<u8>::with_capacity(BYTES + 1));
        assert!(kept::<u8>().1 <= BYTES);
        // Little is wanted for long: the large ones go.
        for _ in 0..200 {
            drop((0..10).map(|_| Buffer::<u8>::with_capacity(100)).collect::<Vec<_>>());
        }
        assert!(kept::<u8>().1 <= 64 * 100 + 10 * GIANT * SMALL, "{:?}", kept::<u8>());
    }

    #[test]
    fn what_is_kept_is_counted_and_goes_with_its_thread() {
        std::thread::spawn(|| {
            drop(Buffer::<(u64, u32)>::with_capacity(5000));
            let (_, bytes) = kept::<(u64, u32)>();
            assert!(bytes >= 5000 * 16 && pooled_bytes() >= bytes as u64);
            drop(Buffer::<(u64, u32)>::from(vec![(1, 2); 6000]));
            assert!(Buffer::<(u64, u32)>::with_capacity(6000).is_empty());
        })
        .join()
        .expect("no panic");
        // A buffer may end its life on another thread.
        let buffer = Buffer::<u32>::with_capacity(2000);
        std::thread::spawn(move || drop(buffer)).join().expect("no panic");
        assert_eq!(kept::<u32>(), (0, 0));
    }
}
