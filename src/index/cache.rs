//! The cache of an open index. Reading and checking a page takes far longer than searching it, so pages and unpacked
//! position blocks, and the parts of an index that lies elsewhere, stay in memory up to a limit in bytes, shared by all threads; the least recently used go first.
//!
//! The last use but one decides, and it is remembered after an entry was dropped (LRU-2: O'Neil, O'Neil, Weikum, SIGMOD
//! 1993): entries that were used once go before those that are used again and again. So that an entry has time for a
//! second use, the last counts too, as if it were as long ago as it takes to insert twice the entries of the cache.
//!
//! An entry weighs the memory that it keeps resident: its slot of a slab, or its own allocation. Past the threshold the
//! cache is swept by the threads that insert, a few entries each time, so that no look-up waits for a whole sweep.

use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::dictionary::page::{Page, PageMemory};
use crate::memory::buffers::Arena;
use crate::memory::system::malloc_trim;
use crate::memory::{Budget, Component, Reservation, Status};

/// How large the cache is and when it is swept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheOptions {
    /// Limit in bytes.
    pub size: u64,
    /// Share of `size` past which the cache is swept, 0 to 1.
    pub gc_threshold: f64,
    /// Share of `size` to which a sweep reduces it, 0 to `gc_threshold`.
    pub gc_target: f64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { size: 512 << 20, gc_threshold: 0.8, gc_target: 0.7 }
    }
}

/// Statistics of a cache.
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
    /// Longest time that one look-up spent sweeping, in microseconds.
    pub longest_pause_microseconds: u64,
    /// Bytes that are resident now, including empty slots.
    pub bytes: u64,
}

/// The memory that an entry keeps resident.
trait Weigh {
    /// Bytes.
    fn weight(&self) -> u64;
}

impl<S> Weigh for Page<S> {
    fn weight(&self) -> u64 {
        match &self.memory {
            PageMemory::Slot(slot) => slot.bytes(),
            _ => self.bytes().len() as u64,
        }
    }
}

impl Weigh for Vec<u8> {
    fn weight(&self) -> u64 {
        self.capacity() as u64
    }
}

/// An entry, or the space for it: small, so that the entries of an index lie in the processor's caches, and never
/// across two lines.
#[repr(align(32))]
struct CacheEntry<T> {
    value: RwLock<Option<Arc<T>>>,
    /// The clock when it was used last.
    used: AtomicU32,
    /// The clock when it was used before that, at another time; 0 if it never was.
    used_before: AtomicU32,
}

impl<T> Default for CacheEntry<T> {
    fn default() -> Self {
        Self { value: RwLock::default(), used: AtomicU32::new(0), used_before: AtomicU32::new(0) }
    }
}

impl<T> CacheEntry<T> {
    /// Runs `look` on the value.
    #[inline]
    fn with<R>(&self, now: &AtomicU32, hits: &HitCounter, look: impl FnOnce(&Arc<T>) -> R) -> Option<R> {
        let value = self.value.read();
        let found = value.as_ref()?;
        self.record_use(now.load(Ordering::Relaxed));
        hits.count();
        Some(look(found))
    }

    /// Records a use. Of uses by several threads at once some may be lost.
    #[inline]
    fn record_use(&self, now: u32) {
        let used = self.used.load(Ordering::Relaxed);
        if used != now {
            self.used_before.store(used, Ordering::Relaxed);
            self.used.store(now, Ordering::Relaxed);
        }
    }

    /// Removes the value if it was not used after `used`.
    fn take(&self, used: u32) -> Option<Arc<T>> {
        let mut value = self.value.write();
        if self.used.load(Ordering::Relaxed) > used { None } else { value.take() }
    }

    fn is_empty(&self) -> bool {
        self.value.read().is_none()
    }
}

/// A counter in several parts, so that threads do not wait for one line of memory.
struct HitCounter(Box<[PaddedCounter; COUNTERS]>);

/// Parts of a counter. The last is shared by all threads after as many as there are others.
const COUNTERS: usize = 64;

/// A counter in two lines of its own: processors fetch lines in pairs.
#[derive(Default)]
#[repr(align(128))]
struct PaddedCounter(AtomicU64);

impl Default for HitCounter {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| PaddedCounter::default())))
    }
}

impl HitCounter {
    #[inline]
    fn count(&self) {
        /// Threads that have counted so far.
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            /// The counter of this thread.
            static COUNTER: usize = THREADS.fetch_add(1, Ordering::Relaxed).min(COUNTERS - 1);
        }
        let number = COUNTER.with(|counter| *counter);
        let counter = &self.0[number].0;
        if number < COUNTERS - 1 {
            // No other thread writes to it, and an atomic addition would make the loads of the next look-up wait.
            counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        } else {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|counter| counter.0.load(Ordering::Relaxed)).sum()
    }
}

/// Bytes of the table of entries for `pages` pages.
pub(crate) fn table_bytes(pages: u64) -> u64 {
    // The same for every kind of entry.
    pages * size_of::<CacheEntry<Page<()>>>() as u64
}

/// Empty entries by number.
fn empty_entries<T>(count: u64) -> Box<[CacheEntry<T>]> {
    (0..count).map(|_| CacheEntry::default()).collect()
}

/// An entry that a sweep may drop, and when it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Victim {
    /// The last use but one, or what the last counts as.
    counted: u32,
    used: u32,
    kind: EntryKind,
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EntryKind {
    Page,
    Block,
    Chunk,
}

/// The state of a sweep.
#[derive(Default)]
struct Sweep {
    /// Entries to be dropped, the oldest last.
    victims: Vec<Victim>,
    /// While pages are compacted: the number of the next that may have to move.
    compacted: Option<usize>,
}

/// Entries that one look-up drops or moves, so that its pause stays short.
const MAX_STEP: usize = 64;
/// Bytes of unpacked blocks and large pages dropped from which the allocator returns its memory to the system.
const MIN_TRIM: u64 = 4 << 20;

/// Pages by number, and the position blocks that had to be unpacked, which have the numbers of their pages.
pub(crate) struct PageCache<S> {
    pages: Box<[CacheEntry<Page<S>>]>,
    blocks: OnceLock<Box<[CacheEntry<Vec<u8>>]>>,
    /// Chunks of a packed genome that lies elsewhere.
    chunks: OnceLock<Box<[CacheEntry<Vec<u8>>]>>,
    arena: Arc<Arena>,
    options: CacheOptions,
    /// The limit in bytes that was set last; at most that of the options.
    requested_limit: AtomicU64,
    /// The limit now: that, or less while memory is short.
    limit: AtomicU64,
    budget: Budget,
    /// The memory status when the limit was applied.
    applied_status: AtomicU8,
    /// Weight of the entries.
    bytes: AtomicU64,
    /// The part of it that is not in slots.
    loose: AtomicU64,
    /// Bytes outside slots dropped since the allocator was last trimmed.
    untrimmed: AtomicU64,
    /// Counts insertions: the time by which entries are victim. Once in 2^32 of them the young are taken for victim.
    clock: AtomicU32,
    hits: HitCounter,
    misses: AtomicU64,
    /// The state of the current sweep.
    sweep: Mutex<Sweep>,
    sweeping: AtomicBool,
    sweeps: AtomicU64,
    sweep_time: AtomicU64,
    longest_pause: AtomicU64,
    charged: AtomicU64,
    reservation: Mutex<Reservation>,
}

impl<S: Clone> PageCache<S> {
    /// A cache for `pages` pages of about `page_bytes` bytes.
    pub(crate) fn new(options: &CacheOptions, pages: u64, page_bytes: u64, budget: &Budget) -> Self {
        let size = options.size.min(budget.limit());
        let cache = Self {
            pages: empty_entries(pages),
            blocks: OnceLock::new(),
            chunks: OnceLock::new(),
            // Pages vary by a few per cent; one that does not fit a slot lies elsewhere.
            arena: Arena::new((page_bytes + page_bytes / 32) as usize, size / 16),
            options: CacheOptions { size, ..*options },
            requested_limit: AtomicU64::new(size),
            limit: AtomicU64::new(size),
            budget: budget.clone(),
            applied_status: AtomicU8::new(Status::Ok as u8),
            bytes: AtomicU64::new(0),
            loose: AtomicU64::new(0),
            untrimmed: AtomicU64::new(0),
            clock: AtomicU32::new(0),
            hits: HitCounter::default(),
            misses: AtomicU64::new(0),
            sweep: Mutex::default(),
            sweeping: AtomicBool::new(false),
            sweeps: AtomicU64::new(0),
            sweep_time: AtomicU64::new(0),
            longest_pause: AtomicU64::new(0),
            charged: AtomicU64::new(0),
            reservation: Mutex::new(budget.empty_reservation(Component::IndexCache)),
        };
        cache.charge();
        cache
    }

    /// Bytes for entries, and `share` of them. A slab that is only partly used takes all of its space.
    fn share(&self, share: f64) -> u64 {
        let limit = self.limit.load(Ordering::Relaxed);
        let entries = limit.saturating_sub(self.table_bytes() + self.arena.slab_bytes());
        entries.min((limit as f64 * share) as u64)
    }

    /// Bytes that the cache may have now.
    pub(crate) fn limit_now(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    fn threshold(&self) -> u64 {
        self.share(self.options.gc_threshold)
    }

    fn target(&self) -> u64 {
        self.share(self.options.gc_target.min(self.options.gc_threshold))
    }

    fn table_bytes(&self) -> u64 {
        let entries = |table: &OnceLock<Box<[_]>>| table.get().map_or(0, |table| table.len() as u64);
        table_bytes(self.pages.len() as u64 + entries(&self.blocks) + entries(&self.chunks))
    }

    /// All that is resident for the cache.
    fn resident(&self) -> u64 {
        self.table_bytes() + self.arena.bytes() + self.loose.load(Ordering::Relaxed)
    }

    /// Runs `look` on a page that is cached.
    #[inline]
    pub(crate) fn with_page<R>(&self, number: u64, look: impl FnOnce(&Arc<Page<S>>) -> R) -> Option<R> {
        let found = self.pages.get(number as usize)?.with(&self.clock, &self.hits, look);
        if found.is_none() {
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Keeps a page, in memory that random reads reach fastest. One that is larger than the threshold is not kept.
    pub(crate) fn keep_page(&self, page: Page<S>) -> Arc<Page<S>> {
        if self.page_weight(&page) > self.threshold() {
            return Arc::new(page);
        }
        self.insert_page(page, 0)
    }

    /// Keeps a page of a scan if the entries stay below the threshold with it: a scan never begins a sweep.
    pub(crate) fn keep_scanned_page(&self, page: Page<S>) -> Arc<Page<S>> {
        let (weight, threshold) = (self.page_weight(&page), self.threshold());
        let with_page = |bytes: u64| bytes.checked_add(weight).filter(|&bytes| bytes <= threshold);
        // The weight is added at once, so that several threads together do not pass the threshold either.
        match self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with_page) {
            Ok(_) => self.insert_page(page, weight),
            Err(_) => Arc::new(page),
        }
    }

    /// Whether all pages stay below the threshold together.
    pub(crate) fn fits_all_pages(&self) -> bool {
        self.arena.slot_bytes().saturating_mul(self.pages.len() as u64) <= self.threshold()
    }

    /// Bytes that a page will weigh, at most.
    fn page_weight(&self, page: &Page<S>) -> u64 {
        self.arena.slot_bytes().max(page.bytes().len() as u64)
    }

    /// Copies a page into the cache; `added` bytes of it are in the weight of the entries already.
    fn insert_page(&self, page: Page<S>, added: u64) -> Arc<Page<S>> {
        let Some(entry) = self.pages.get(page.number as usize) else {
            self.bytes.fetch_sub(added, Ordering::Relaxed);
            return Arc::new(page);
        };
        let memory = match self.arena.copy(page.bytes()) {
            Some(slot) => PageMemory::Slot(slot),
            None => PageMemory::Heap(page.bytes().into()),
        };
        let is_loose = matches!(memory, PageMemory::Heap(_));
        self.keep(entry, Arc::new(Page { memory, ..page }), is_loose, added)
    }

    /// An unpacked block that is cached.
    pub(crate) fn block(&self, number: u64) -> Option<Arc<Vec<u8>>> {
        self.blocks.get()?.get(number as usize)?.with(&self.clock, &self.hits, Arc::clone)
    }

    /// Keeps an unpacked block; one that is larger than the threshold is not kept.
    pub(crate) fn keep_block(&self, number: u64, block: Vec<u8>) -> Arc<Vec<u8>> {
        let block = Arc::new(block);
        let blocks = self.blocks.get_or_init(|| empty_entries(self.pages.len() as u64));
        match blocks.get(number as usize) {
            Some(entry) if block.weight() <= self.threshold() => self.keep(entry, block, true, 0),
            _ => block,
        }
    }

    /// Whether a page is cached; this counts as no use.
    pub(crate) fn has_page(&self, number: u64) -> bool {
        self.pages.get(number as usize).is_some_and(|entry| !entry.is_empty())
    }

    /// Whether a block is cached; this counts as no use.
    pub(crate) fn has_block(&self, number: u64) -> bool {
        self.blocks.get().and_then(|blocks| blocks.get(number as usize)).is_some_and(|entry| !entry.is_empty())
    }

    /// Whether a chunk of the genome is cached; this counts as no use.
    pub(crate) fn has_chunk(&self, number: u64) -> bool {
        self.chunks.get().and_then(|chunks| chunks.get(number as usize)).is_some_and(|entry| !entry.is_empty())
    }

    /// A chunk of the genome that is cached.
    pub(crate) fn chunk(&self, number: u64) -> Option<Arc<Vec<u8>>> {
        self.chunks.get()?.get(number as usize)?.with(&self.clock, &self.hits, Arc::clone)
    }

    /// Keeps a chunk of a genome of `count` chunks, as [`keep_block`](Self::keep_block) does a block.
    pub(crate) fn keep_chunk(&self, number: u64, count: u64, chunk: Vec<u8>) -> Arc<Vec<u8>> {
        let chunk = Arc::new(chunk);
        match self.chunks.get_or_init(|| empty_entries(count)).get(number as usize) {
            Some(entry) if chunk.weight() <= self.threshold() => self.keep(entry, chunk, true, 0),
            _ => chunk,
        }
    }

    /// Inserts an entry, unless another thread did so first; `added` bytes of it are in the weight of the entries already.
    fn keep<T: Weigh>(&self, entry: &CacheEntry<T>, value: Arc<T>, is_loose: bool, added: u64) -> Arc<T> {
        let weight = value.weight();
        let mut kept = entry.value.write();
        if let Some(first) = kept.as_ref() {
            self.bytes.fetch_sub(added, Ordering::Relaxed);
            return Arc::clone(first);
        }
        // Before the value can be seen, so that dropping it never subtracts what was not added. A slot that could not be
        // had leaves a value that weighs less than was added.
        let change = weight.wrapping_sub(added);
        let bytes = self.bytes.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        if is_loose {
            self.loose.fetch_add(weight, Ordering::Relaxed);
        }
        *kept = Some(Arc::clone(&value));
        entry.record_use(self.clock.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        drop(kept);
        self.follow_memory_status();
        if bytes > self.threshold() || self.sweeping.load(Ordering::Relaxed) {
            self.continue_sweep();
        }
        self.charge();
        value
    }

    /// Begins to shrink the cache when memory has become short, and continues by one step at each call; lets it grow
    /// again when there is enough.
    #[inline]
    pub(crate) fn follow_memory_status(&self) {
        let status = self.budget.status() as u8;
        let is_other = self.applied_status.load(Ordering::Relaxed) != status
            && self.applied_status.swap(status, Ordering::Relaxed) != status;
        if is_other && self.apply_limit() || self.sweeping.load(Ordering::Relaxed) {
            self.continue_sweep();
            self.charge();
        }
    }

    /// Makes the reservation what is resident.
    fn charge(&self) {
        let resident = self.resident();
        if self.charged.swap(resident, Ordering::Relaxed) != resident {
            self.reservation.lock().resize(self.resident());
        }
    }

    /// Begins a sweep or continues it by one step. One thread does so; the others continue with their look-ups.
    fn continue_sweep(&self) {
        let Some(mut sweep) = self.sweep.try_lock() else { return };
        let start = Instant::now();
        if !self.sweeping.load(Ordering::Relaxed) {
            if self.bytes.load(Ordering::Relaxed) <= self.threshold() && !self.has_spare_slabs() {
                return;
            }
            self.sweeping.store(true, Ordering::Relaxed);
            self.sweeps.fetch_add(1, Ordering::Relaxed);
        }
        let target = self.target();
        if sweep.compacted.is_some() || self.evict(&mut sweep.victims, target, MAX_STEP) {
            if !self.has_spare_slabs() {
                // Keep the slabs that the cache will grow into again; another thread may have lowered the limit since.
                sweep.compacted = None;
                self.arena.release(self.threshold().saturating_sub(target));
                self.finish();
            } else if self.compact(&mut sweep, MAX_STEP) {
                self.finish();
            }
        }
        self.time(start);
    }

    /// Whether there are more slabs than the limit allows, because it was lowered: then all of them have empty slots.
    fn has_spare_slabs(&self) -> bool {
        self.arena.bytes() > self.threshold() + self.arena.slab_bytes()
    }

    /// Ends a sweep.
    fn finish(&self) {
        if self.untrimmed.load(Ordering::Relaxed) >= MIN_TRIM {
            self.untrimmed.store(0, Ordering::Relaxed);
            malloc_trim();
        }
        self.sweeping.store(false, Ordering::Relaxed);
    }

    /// Moves pages together, at most `steps`, and frees the slabs that this empties; returns whether that is done.
    fn compact(&self, sweep: &mut Sweep, steps: usize) -> bool {
        let from = sweep.compacted.unwrap_or_else(|| {
            self.arena.close_sparse();
            0
        });
        let mut moves = 0;
        for (number, entry) in self.pages.iter().enumerate().skip(from) {
            let found = entry.value.read().clone();
            let Some(page) = found else { continue };
            if let PageMemory::Slot(slot) = &page.memory
                && let Some(moved) = self.arena.moved(slot)
            {
                let moved = Page { number: page.number, shape: page.shape.clone(), memory: PageMemory::Slot(moved) };
                let mut value = entry.value.write();
                if value.as_ref().is_some_and(|now| Arc::ptr_eq(now, &page)) {
                    *value = Some(Arc::new(moved));
                }
                moves += 1;
                if moves == steps {
                    sweep.compacted = Some(number + 1);
                    return false;
                }
            }
        }
        sweep.compacted = None;
        self.arena.release(0);
        true
    }

    fn time(&self, start: Instant) {
        let elapsed = start.elapsed().as_nanos() as u64;
        self.sweep_time.fetch_add(elapsed, Ordering::Relaxed);
        self.longest_pause.fetch_max(elapsed, Ordering::Relaxed);
    }

    /// Drops entries, at most `steps`, until they weigh no more than `target`; returns whether they do.
    fn evict(&self, victims: &mut Vec<Victim>, target: u64, steps: usize) -> bool {
        for _ in 0..steps {
            let bytes = self.bytes.load(Ordering::Relaxed);
            if bytes <= target {
                victims.clear();
                return true;
            }
            if victims.is_empty() {
                self.oldest(victims, (bytes - target) as f64 / bytes as f64);
            }
            match victims.pop() {
                Some(victim) => self.drop_entry(victim),
                // The weighed entry is being inserted now.
                None => return true,
            }
        }
        false
    }

    /// The entries that were not used for longest: about this share of them, the oldest last.
    fn oldest(&self, victims: &mut Vec<Victim>, share: f64) {
        fn add<T>(victims: &mut Vec<Victim>, kind: EntryKind, entries: &[CacheEntry<T>]) {
            let present = entries.iter().zip(0..).filter(|(entry, _)| !entry.is_empty());
            victims.extend(present.map(|(entry, number)| Victim {
                counted: entry.used_before.load(Ordering::Relaxed),
                used: entry.used.load(Ordering::Relaxed),
                kind,
                number,
            }));
        }
        add(victims, EntryKind::Page, &self.pages);
        if let Some(blocks) = self.blocks.get() {
            add(victims, EntryKind::Block, blocks);
        }
        if let Some(chunks) = self.chunks.get() {
            add(victims, EntryKind::Chunk, chunks);
        }
        // An entry that was inserted or used lately has some time to be used again.
        let grace = 2 * victims.len().min(1 << 30) as u32;
        for victim in victims.iter_mut() {
            victim.counted = victim.counted.max(victim.used.saturating_sub(grace));
        }
        // A few more than that, for those that are used meanwhile.
        let wanted = (victims.len() as f64 * share * 1.1) as usize + 1;
        if wanted < victims.len() {
            victims.select_nth_unstable(wanted);
            victims.truncate(wanted);
        }
        victims.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Drops an entry, unless it was used again.
    fn drop_entry(&self, victim: Victim) {
        let number = victim.number as usize;
        let (weight, is_loose) = match victim.kind {
            EntryKind::Page => match self.pages[number].take(victim.used) {
                Some(page) => (page.weight(), !matches!(page.memory, PageMemory::Slot(_))),
                None => return,
            },
            EntryKind::Block => match self.blocks.get().and_then(|blocks| blocks[number].take(victim.used)) {
                Some(block) => (block.weight(), true),
                None => return,
            },
            EntryKind::Chunk => match self.chunks.get().and_then(|chunks| chunks[number].take(victim.used)) {
                Some(chunk) => (chunk.weight(), true),
                None => return,
            },
        };
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
        if is_loose {
            self.loose.fetch_sub(weight, Ordering::Relaxed);
            self.untrimmed.fetch_add(weight, Ordering::Relaxed);
        }
    }

    /// Limits the cache to `bytes` bytes, and never to more than the options. The excess is dropped at once, least
    /// recently used first; the rest is moved together, and all slabs and heap that this leaves empty are returned to
    /// the system. Look-ups continue meanwhile.
    pub(crate) fn limit(&self, bytes: u64) {
        self.requested_limit.store(bytes.min(self.options.size), Ordering::Relaxed);
        if !self.apply_limit() {
            return;
        }
        let mut sweep = self.sweep.lock();
        let start = Instant::now();
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        *sweep = Sweep::default();
        self.evict(&mut sweep.victims, self.target(), usize::MAX);
        self.compact(&mut sweep, usize::MAX);
        self.untrimmed.store(MIN_TRIM, Ordering::Relaxed);
        self.finish();
        self.sweep_time.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        drop(sweep);
        self.charge();
    }

    /// Applies the requested limit: half of it while little memory is left, an eighth while next to none is. Returns
    /// whether the limit is lower now.
    fn apply_limit(&self) -> bool {
        let requested = self.requested_limit.load(Ordering::Relaxed);
        let limit = match self.budget.status() {
            Status::Ok => requested,
            Status::Warning => requested / 2,
            Status::Critical => requested / 8,
        };
        limit < self.limit.swap(limit, Ordering::Relaxed)
    }

    pub(crate) fn statistics(&self) -> CacheStatistics {
        CacheStatistics {
            hits: self.hits.sum(),
            misses: self.misses.load(Ordering::Relaxed),
            sweeps: self.sweeps.load(Ordering::Relaxed),
            sweep_microseconds: self.sweep_time.load(Ordering::Relaxed) / 1000,
            longest_pause_microseconds: self.longest_pause.load(Ordering::Relaxed) / 1000,
            bytes: self.resident(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap};

    type Pages = PageCache<()>;

    fn page(number: u64, bytes: usize) -> Page<()> {
        Page { number, shape: (), memory: PageMemory::Heap(vec![number as u8; bytes].into()) }
    }

    fn options(size: u64) -> CacheOptions {
        CacheOptions { size, ..CacheOptions::default() }
    }

    fn usage(budget: &Budget) -> u64 {
        budget.usage().iter().map(|u| u.current).sum()
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let budget = Budget::new(1 << 30);
        let table = 2 * 10 * size_of::<CacheEntry<Page<()>>>() as u64;
        let cache =
            Pages::new(&CacheOptions { size: 10_000 + table, gc_threshold: 0.7, gc_target: 0.5 }, 10, 100, &budget);
        let block = |bytes| Vec::with_capacity(bytes);
        for number in 0..7 {
            cache.keep_block(number, block(1000));
        }
        assert_eq!(cache.statistics().sweeps, 0);
        assert!(cache.block(0).is_some());
        cache.keep_block(8, block(1000));
        let statistics = cache.statistics();
        assert_eq!((statistics.sweeps, statistics.bytes), (1, 5000 + table));
        assert_eq!(usage(&budget), statistics.bytes);
        let kept: Vec<u64> = (0..10).filter(|&n| cache.block(n).is_some()).collect();
        assert_eq!(kept, [0, 4, 5, 6, 8]);
        cache.keep_block(9, block(8001 + table as usize));
        assert!(cache.block(9).is_none(), "an entry past the threshold is not kept");
        assert_eq!(size_of::<CacheEntry<Page<()>>>(), 32, "two in a line");
        // The second of two that read the same page receives the first.
        let first = cache.keep_page(page(3, 90));
        assert!(Arc::ptr_eq(&first, &cache.keep_page(page(3, 90))));
    }

    /// Numbers below `end` as Zipf's law has them, from a seed.
    fn zipf(end: u64, length: usize) -> Vec<u64> {
        let mut sum = 0.0;
        let ends: Vec<f64> = (1..=end)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        let mut state = 1u64;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                let at = (state >> 11) as f64 / (1u64 << 53) as f64 * sum;
                // Ranks are spread over the numbers.
                (ends.partition_point(|&e| e < at) as u64).min(end - 1) * 31 % end
            })
            .collect()
    }

    #[test]
    fn hits_come_close_to_an_ideal_lru_and_memory_to_its_limit() {
        let (pages, bytes, size) = (2048, 8000, 4 << 20);
        let trace = zipf(pages, 200_000);
        let budget = Budget::new(1 << 30);
        let cache = Pages::new(&options(size), pages, bytes, &budget);
        // The ideal is never swept and fills all of its space.
        let capacity = (size / bytes) as usize;
        let (mut last, mut by_age, mut ideal) = (HashMap::new(), BTreeMap::new(), 0);
        for (now, &number) in trace.iter().enumerate() {
            if let Some(before) = last.insert(number, now) {
                by_age.remove(&before);
                ideal += 1;
            } else if last.len() > capacity
                && let Some((_, oldest)) = by_age.pop_first()
            {
                last.remove(&oldest);
            }
            by_age.insert(now, number);
        }
        for &number in &trace {
            let found = cache.with_page(number, |page| page.bytes()[0]);
            let found = found.unwrap_or_else(|| cache.keep_page(page(number, bytes as usize)).bytes()[0]);
            assert_eq!(found, number as u8);
            assert!(usage(&budget) <= size);
        }
        let statistics = cache.statistics();
        assert_eq!(statistics.hits + statistics.misses, trace.len() as u64);
        assert!(statistics.sweeps > 10);
        let (hits, ideal) = (statistics.hits as f64 / trace.len() as f64, f64::from(ideal) / trace.len() as f64);
        assert!(hits > ideal - 0.05 && hits < 0.9, "{hits:.3} of look-ups hit, {ideal:.3} of an ideal LRU's");
    }

    #[test]
    fn a_scan_fills_the_cache_and_drops_nothing() {
        let budget = Budget::new(1 << 30);
        let cache = Pages::new(&options(1 << 20), 4000, 1000, &budget);
        let cached = |range: std::ops::Range<u64>| range.filter(|&n| cache.with_page(n, |_| ()).is_some()).count();
        for number in 0..100 {
            cache.keep_page(page(number, 1000));
        }
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    for number in (100 + thread..4000).step_by(4) {
                        assert_eq!(cache.keep_scanned_page(page(number, 1000)).bytes(), [number as u8; 1000]);
                    }
                });
            }
        });
        let statistics = cache.statistics();
        assert_eq!((statistics.sweeps, cached(0..100)), (0, 100));
        let bytes = cache.bytes.load(Ordering::Relaxed);
        assert!(bytes <= cache.threshold() && bytes + 2 * cache.arena.slot_bytes() > cache.threshold(), "{bytes}");
        assert_eq!(bytes, cached(0..4000) as u64 * cache.arena.slot_bytes());
        // Pages that are there already and pages past the last leave the weight as it is.
        cache.limit(512 << 10);
        cache.keep_scanned_page(page(0, 1000));
        cache.keep_scanned_page(page(4001, 1000));
        assert_eq!(cache.bytes.load(Ordering::Relaxed), cached(0..4000) as u64 * cache.arena.slot_bytes());
        // Single look-ups take the space of the scan.
        let sweeps = cache.statistics().sweeps;
        (0..4000).for_each(|number| drop(cache.keep_page(page(number, 1000))));
        assert!(cache.statistics().sweeps > sweeps);
    }

    #[test]
    fn what_is_charged_is_what_is_resident_and_a_lower_limit_gives_it_back() {
        let budget = Budget::new(1 << 30);
        let cache = Pages::new(&options(8 << 20), 4000, 1000, &budget);
        let table = cache.table_bytes();
        assert_eq!(usage(&budget), table);
        for number in 0..4000 {
            // Every tenth is too large for a slot.
            cache.keep_page(page(number, if number % 10 == 0 { 1500 } else { 1000 }));
        }
        let statistics = cache.statistics();
        assert_eq!(statistics.sweeps, 0);
        assert_eq!(usage(&budget), statistics.bytes);
        assert_eq!(statistics.bytes, table + cache.arena.bytes() + 400 * 1500);
        assert!(cache.arena.bytes() >= 3600 * 1000 && cache.arena.bytes() < 3600 * 1100 + cache.arena.slab_bytes());
        // Those used now stay, wherever they lie; their slabs are moved together.
        for number in (1..4000).step_by(10) {
            assert!(cache.with_page(number, |_| ()).is_some());
        }
        let used = cache.with_page(3, Arc::clone).expect("is cached");
        cache.limit(2 << 20);
        assert_eq!(usage(&budget), cache.statistics().bytes);
        // The page in use keeps a slab.
        assert!(cache.statistics().bytes <= (2 << 20) + cache.arena.slab_bytes());
        for number in (1..4000).step_by(10) {
            assert_eq!(cache.with_page(number, |page| page.bytes().to_vec()), Some(vec![number as u8; 1000]));
        }
        cache.limit(0);
        assert_eq!(used.bytes(), [3; 1000], "a page in use is not moved");
        drop(used);
        cache.limit(8 << 20);
        cache.limit(0);
        assert_eq!(cache.statistics().bytes, table);
        assert_eq!(usage(&budget), table);
        cache.keep_page(page(5, 1000));
        assert!(cache.with_page(5, |_| ()).is_none(), "nothing is kept without space");
        cache.limit(8 << 20);
        cache.keep_page(page(5, 1000));
        assert!(cache.with_page(5, |_| ()).is_some());
    }

    #[test]
    fn while_memory_is_tight_the_cache_is_small() {
        let budget = Budget::new(1 << 30);
        let cache = Pages::new(&options(4 << 20), 4000, 1000, &budget);
        let fill = |range: std::ops::Range<u64>| {
            for number in range {
                cache.keep_page(page(number, 1000));
            }
            let bytes = cache.statistics().bytes;
            assert_eq!(bytes, usage(&budget));
            bytes
        };
        let plenty = fill(0..3500);
        assert!(plenty > 2 << 20);
        // The youngest lie in every slab, so that they have to be moved together.
        let youngest: Vec<u64> =
            (0..3500).step_by(7).filter(|&number| cache.with_page(number, |_| ()).is_some()).collect();
        assert!(youngest.len() > 300);
        let shrink = || (0..1000).for_each(|_| cache.follow_memory_status());
        budget.set_status(Status::Warning);
        shrink();
        assert!(fill(0..0) <= 2 << 20);
        for number in youngest {
            assert_eq!(cache.with_page(number, |page| page.bytes().to_vec()), Some(vec![number as u8; 1000]));
        }
        assert!(fill(0..2000) <= 2 << 20);
        budget.set_status(Status::Critical);
        shrink();
        assert!(fill(0..0) <= 512 << 10);
        cache.keep_page(page(3501, 1000));
        assert!(cache.with_page(3501, |_| ()).is_some(), "it still caches");
        budget.set_status(Status::Ok);
        assert!(fill(0..3500) > 2 << 20);
    }

    #[test]
    fn threads_share_a_cache_that_is_swept_and_limited() {
        let budget = Budget::new(1 << 30);
        let cache = Pages::new(&options(256 << 10), 1000, 1000, &budget);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let cache = &cache;
                scope.spawn(move || {
                    for (i, &number) in zipf(1000, 20_000).iter().enumerate() {
                        let number = (number + thread * 300) % 1000;
                        let found = cache.with_page(number, |page| page.bytes().to_vec());
                        let found = found.unwrap_or_else(|| cache.keep_page(page(number, 1000)).bytes().to_vec());
                        assert_eq!(found, vec![number as u8; 1000]);
                        if i % 1000 == 0 && thread == 0 {
                            cache.limit(if i % 2000 == 0 { 64 << 10 } else { 256 << 10 });
                        }
                        if i % 7 == 0 {
                            let block = cache.block(number).unwrap_or_else(|| cache.keep_block(number, vec![9; 500]));
                            assert_eq!(block[..], [9; 500]);
                        }
                    }
                });
            }
        });
        cache.limit(0);
        assert_eq!((cache.bytes.load(Ordering::Relaxed), cache.loose.load(Ordering::Relaxed)), (0, 0));
        assert_eq!(usage(&budget), cache.table_bytes());
    }
}
