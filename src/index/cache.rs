//! The cache of an open index: dictionary pages and unpacked position blocks, weighed in bytes, least recently used
//! first, shared by all threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ahash::RandomState;

use super::{Image, Page};
use crate::memory::{Arena, Budget, Component, Reservation};

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

/// Pages by number, and the position blocks that had to be unpacked.
pub(crate) struct PageCache {
    pages: Vec<RwLock<Option<Arc<Page>>>>,
    blocks: RwLock<HashMap<u64, UnpackedBlock, RandomState>>,
    arena: Arc<Arena>,
    threshold: u64,
    target: u64,
    bytes: AtomicU64,
    /// Counts insertions: the time by which entries are old.
    clock: AtomicU64,
    block_hits: AtomicU64,
    /// Hits of pages that are gone.
    past_hits: AtomicU64,
    misses: AtomicU64,
    sweeps: AtomicU64,
    sweep_time: AtomicU64,
    sweeping: AtomicBool,
    held: Mutex<Reservation>,
}

struct UnpackedBlock {
    bytes: Arc<Vec<u8>>,
    used: AtomicU64,
}

/// When a page was used last, and how often.
#[derive(Debug, Default)]
pub(crate) struct Use {
    last: AtomicU64,
    hits: AtomicU64,
}

/// An entry that a sweep may drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Old {
    Page(u64),
    Block(u64),
}

impl PageCache {
    /// A cache for `pages` pages of about `page_bytes` bytes.
    pub(crate) fn new(options: &CacheOptions, pages: u64, page_bytes: u64, budget: &Budget) -> Self {
        let size = options.size.min(budget.limit()) as f64;
        Self {
            pages: (0..pages).map(|_| RwLock::default()).collect(),
            // Fixed seeds: the order of the map reaches nothing, but runs should not differ.
            blocks: RwLock::new(HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4))),
            // Pages vary by a few per cent; one that does not fit a slot lies elsewhere.
            arena: Arena::new((page_bytes + page_bytes / 32) as usize),
            threshold: (size * options.gc_threshold) as u64,
            target: (size * options.gc_target.min(options.gc_threshold)) as u64,
            bytes: AtomicU64::new(0),
            clock: AtomicU64::new(0),
            block_hits: AtomicU64::new(0),
            past_hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            sweeps: AtomicU64::new(0),
            sweep_time: AtomicU64::new(0),
            sweeping: AtomicBool::new(false),
            held: Mutex::new(budget.wait(Component::IndexCache, 0)),
        }
    }

    /// Runs `look` on a page that is cached.
    #[inline]
    pub(crate) fn with_page<T>(&self, number: u64, look: impl FnOnce(&Arc<Page>) -> T) -> Option<T> {
        let slot = self.pages.get(number as usize)?.read().unwrap_or_else(PoisonError::into_inner);
        let Some(page) = slot.as_ref() else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        // Written only when it changes, so that threads that share a hot page do not pass its line back and forth.
        let now = self.clock.load(Ordering::Relaxed);
        if page.used.last.load(Ordering::Relaxed) != now {
            page.used.last.store(now, Ordering::Relaxed);
        }
        page.used.hits.fetch_add(1, Ordering::Relaxed);
        Some(look(page))
    }

    /// Moves a page to memory of the cache, where random reads of it cost least.
    pub(crate) fn settle(&self, page: Page) -> Page {
        match self.arena.copy(page.bytes()) {
            Some(slot) => Page { image: Image::Slot(slot), ..page },
            None => page,
        }
    }

    /// Keeps a page; one that is larger than the threshold is not kept.
    pub(crate) fn put_page(&self, page: Arc<Page>) {
        let bytes = page.bytes().len() as u64;
        if bytes > self.threshold {
            return;
        }
        page.used.last.store(self.clock.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let Some(slot) = self.pages.get(page.number as usize) else { return };
        let replaced = slot.write().unwrap_or_else(PoisonError::into_inner).replace(page);
        self.account(bytes, replaced.map_or(0, |old| self.forget(&old)));
    }

    /// An unpacked block that is cached.
    pub(crate) fn block(&self, number: u64) -> Option<Arc<Vec<u8>>> {
        let blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let block = blocks.get(&number)?;
        block.used.store(self.clock.load(Ordering::Relaxed), Ordering::Relaxed);
        self.block_hits.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&block.bytes))
    }

    /// Keeps an unpacked block; one that is larger than the threshold is not kept.
    pub(crate) fn put_block(&self, number: u64, block: Arc<Vec<u8>>) {
        let bytes = block.capacity() as u64;
        if bytes > self.threshold {
            return;
        }
        let used = AtomicU64::new(self.clock.fetch_add(1, Ordering::Relaxed) + 1);
        let mut blocks = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
        let replaced = blocks.insert(number, UnpackedBlock { bytes: block, used });
        drop(blocks);
        self.account(bytes, replaced.map_or(0, |old| old.bytes.capacity() as u64));
    }

    fn forget(&self, page: &Page) -> u64 {
        self.past_hits.fetch_add(page.used.hits.load(Ordering::Relaxed), Ordering::Relaxed);
        page.bytes().len() as u64
    }

    fn account(&self, added: u64, removed: u64) {
        let now = self.bytes.fetch_add(added, Ordering::Relaxed) + added;
        self.bytes.fetch_sub(removed, Ordering::Relaxed);
        if now - removed > self.threshold {
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
        for slot in &self.pages {
            if let Some(page) = slot.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
                entries.push((page.used.last.load(Ordering::Relaxed), Old::Page(page.number)));
            }
        }
        let blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        entries.extend(blocks.iter().map(|(&number, b)| (b.used.load(Ordering::Relaxed), Old::Block(number))));
        drop(blocks);
        entries.sort_unstable();
        for (_, old) in entries {
            if self.bytes.load(Ordering::Relaxed) <= self.target {
                break;
            }
            let removed = match old {
                Old::Page(number) => {
                    let mut slot = self.pages[number as usize].write().unwrap_or_else(PoisonError::into_inner);
                    slot.take().map(|page| self.forget(&page))
                }
                Old::Block(number) => {
                    let mut blocks = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
                    blocks.remove(&number).map(|block| block.bytes.capacity() as u64)
                }
            };
            self.bytes.fetch_sub(removed.unwrap_or(0), Ordering::Relaxed);
        }
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        let elapsed: Duration = start.elapsed();
        self.sweep_time.fetch_add(elapsed.as_micros() as u64, Ordering::Relaxed);
        self.sweeping.store(false, Ordering::Release);
    }

    pub(crate) fn statistics(&self) -> CacheStatistics {
        let present = self.pages.iter().filter_map(|slot| {
            let slot = slot.read().unwrap_or_else(PoisonError::into_inner);
            slot.as_ref().map(|page| page.used.hits.load(Ordering::Relaxed))
        });
        let past = [&self.block_hits, &self.past_hits].map(|hits| hits.load(Ordering::Relaxed));
        CacheStatistics {
            hits: present.sum::<u64>() + past[0] + past[1],
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
        let cache = PageCache::new(&CacheOptions { size: 1000, gc_threshold: 0.8, gc_target: 0.5 }, 1, 100, &budget);
        let block = |bytes| Arc::new(Vec::with_capacity(bytes));
        for number in 0..8 {
            cache.put_block(number, block(100));
        }
        assert_eq!(cache.statistics().sweeps, 0);
        assert!(cache.block(0).is_some());
        cache.put_block(8, block(100));
        let statistics = cache.statistics();
        assert_eq!((statistics.sweeps, statistics.bytes), (1, 500));
        assert_eq!(budget.usage()[0].current, 500);
        let kept: Vec<u64> = (0..9).filter(|&n| cache.block(n).is_some()).collect();
        assert_eq!(kept, [0, 5, 6, 7, 8]);
        cache.put_block(9, block(801));
        assert!(cache.block(9).is_none(), "an entry past the threshold is not kept");
    }
}
