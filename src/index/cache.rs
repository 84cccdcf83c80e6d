//! The cache of an open index: dictionary pages and unpacked position blocks, weighed in bytes, least recently used
//! first, shared by all threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ahash::RandomState;

use super::Page;
use crate::memory::{Budget, Component, Reservation};

const SHARDS: usize = 64;

/// How large the cache is and when it is swept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheOptions {
    /// Bytes at the most.
    pub size: u64,
    /// Share of `size` past which it is swept, 0 to 1.
    pub gc_threshold: f64,
    /// Share of `size` to which a sweep brings it, 0 to `gc_threshold`.
    pub gc_target: f64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { size: 512 << 20, gc_threshold: 0.8, gc_target: 0.7 }
    }
}

/// What a cache did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CacheStatistics {
    /// Entries found.
    pub hits: u64,
    /// Entries not found.
    pub misses: u64,
    /// Sweeps.
    pub sweeps: u64,
    /// Time that sweeps took, in microseconds.
    pub sweep_microseconds: u64,
    /// Bytes held now.
    pub bytes: u64,
}

/// What an entry is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

impl Key {
    pub(crate) fn page(number: u64) -> Self {
        Self(number << 1)
    }

    pub(crate) fn block(number: u64) -> Self {
        Self(number << 1 | 1)
    }
}

#[derive(Clone)]
pub(crate) enum Entry {
    Page(Arc<Page>),
    Block(Arc<Vec<u8>>),
}

struct Slot {
    entry: Entry,
    bytes: u64,
    used: AtomicU64,
}

type Shard = RwLock<HashMap<Key, Slot, RandomState>>;

pub(crate) struct PageCache {
    shards: Vec<Shard>,
    hasher: RandomState,
    threshold: u64,
    target: u64,
    bytes: AtomicU64,
    /// Counts insertions: the time by which entries are old.
    clock: AtomicU64,
    hits: [AtomicU64; SHARDS],
    misses: AtomicU64,
    sweeps: AtomicU64,
    sweep_time: AtomicU64,
    sweeping: AtomicBool,
    held: Mutex<Reservation>,
}

impl PageCache {
    pub(crate) fn new(options: &CacheOptions, budget: &Budget) -> Self {
        let size = options.size.min(budget.limit()) as f64;
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            // Fixed seeds: the order of the map reaches nothing, but runs should not differ.
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            threshold: (size * options.gc_threshold) as u64,
            target: (size * options.gc_target.min(options.gc_threshold)) as u64,
            bytes: AtomicU64::new(0),
            clock: AtomicU64::new(0),
            hits: [const { AtomicU64::new(0) }; SHARDS],
            misses: AtomicU64::new(0),
            sweeps: AtomicU64::new(0),
            sweep_time: AtomicU64::new(0),
            sweeping: AtomicBool::new(false),
            held: Mutex::new(budget.wait(Component::IndexCache, 0)),
        }
    }

    fn shard(&self, key: Key) -> usize {
        (self.hasher.hash_one(key) >> 58) as usize % SHARDS
    }

    pub(crate) fn get(&self, key: Key) -> Option<Entry> {
        let number = self.shard(key);
        let shard = self.shards[number].read().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = shard.get(&key) else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        // Written only when it changes, so that threads that share a hot page do not pass its line back and forth.
        let now = self.clock.load(Ordering::Relaxed);
        if slot.used.load(Ordering::Relaxed) != now {
            slot.used.store(now, Ordering::Relaxed);
        }
        self.hits[number].fetch_add(1, Ordering::Relaxed);
        Some(slot.entry.clone())
    }

    /// Keeps an entry; one that is larger than the threshold is not kept.
    pub(crate) fn put(&self, key: Key, entry: Entry, bytes: u64) {
        if bytes > self.threshold {
            return;
        }
        let used = AtomicU64::new(self.clock.fetch_add(1, Ordering::Relaxed) + 1);
        let replaced = {
            let mut shard = self.shards[self.shard(key)].write().unwrap_or_else(PoisonError::into_inner);
            shard.insert(key, Slot { entry, bytes, used })
        };
        let before = replaced.map_or(0, |slot| slot.bytes);
        let now = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes - before;
        self.bytes.fetch_sub(before, Ordering::Relaxed);
        if now > self.threshold {
            self.sweep();
        }
        self.held.lock().unwrap_or_else(PoisonError::into_inner).resize(self.bytes.load(Ordering::Relaxed));
    }

    /// Drops the least recently used entries until the target is met. One thread sweeps; the others go on.
    fn sweep(&self) {
        if self.sweeping.swap(true, Ordering::Acquire) {
            return;
        }
        let start = Instant::now();
        let mut entries = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            entries.extend(shard.iter().map(|(&key, slot)| (slot.used.load(Ordering::Relaxed), key.0, slot.bytes)));
        }
        entries.sort_unstable();
        for (_, key, _) in entries {
            if self.bytes.load(Ordering::Relaxed) <= self.target {
                break;
            }
            let key = Key(key);
            let removed = self.shards[self.shard(key)].write().unwrap_or_else(PoisonError::into_inner).remove(&key);
            if let Some(slot) = removed {
                self.bytes.fetch_sub(slot.bytes, Ordering::Relaxed);
            }
        }
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        let elapsed: Duration = start.elapsed();
        self.sweep_time.fetch_add(elapsed.as_micros() as u64, Ordering::Relaxed);
        self.sweeping.store(false, Ordering::Release);
    }

    pub(crate) fn statistics(&self) -> CacheStatistics {
        CacheStatistics {
            hits: self.hits.iter().map(|h| h.load(Ordering::Relaxed)).sum(),
            misses: self.misses.load(Ordering::Relaxed),
            sweeps: self.sweeps.load(Ordering::Relaxed),
            sweep_microseconds: self.sweep_time.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_go_first() {
        let budget = Budget::new(1 << 30);
        let cache = PageCache::new(&CacheOptions { size: 1000, gc_threshold: 0.8, gc_target: 0.5 }, &budget);
        let entry = || Entry::Block(Arc::new(Vec::new()));
        for number in 0..8 {
            cache.put(Key::block(number), entry(), 100);
        }
        assert_eq!(cache.statistics().sweeps, 0);
        assert!(cache.get(Key::block(0)).is_some());
        cache.put(Key::block(8), entry(), 100);
        let statistics = cache.statistics();
        assert_eq!((statistics.sweeps, statistics.bytes), (1, 500));
        assert_eq!(budget.usage()[0].current, 500);
        let kept: Vec<u64> = (0..9).filter(|&n| cache.get(Key::block(n)).is_some()).collect();
        assert_eq!(kept, [0, 5, 6, 7, 8]);
        cache.put(Key::page(0), entry(), 801);
        assert!(cache.get(Key::page(0)).is_none(), "an entry past the threshold is not kept");
    }
}
