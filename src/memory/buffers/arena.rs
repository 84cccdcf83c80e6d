//! Slots of one size in large slabs, so that the index cache lies in huge pages (random reads then miss the TLB rarely)
//! and every slot begins at a cache line.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::memory::system::anonymous_map::AnonymousMap;

/// Maximum bytes of a slab: four huge pages.
const MAX_SLAB: usize = 8 << 20;
/// Bytes of a huge page of x86-64 and of most arm64 systems; slabs of this size or more consist of whole huge pages.
const HUGE_PAGE: usize = 2 << 20;
/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

/// Memory for many byte strings of about the same length. Slots are taken from the first slab with a free one, so that
/// the last slabs become empty first; [`release`](Self::release) returns empty slabs to the system.
pub(crate) struct Arena {
    stride: usize,
    slab_bytes: usize,
    slabs: Mutex<Vec<SlabSlots>>,
    /// Bytes of all allocated slabs.
    bytes: AtomicU64,
}

/// A slab and its free slots; `None` if the slab was returned to the system.
#[derive(Default)]
struct SlabSlots {
    slab: Option<Arc<Slab>>,
    free: Vec<usize>,
    /// Whether it is being emptied and gets no new content.
    closed: bool,
}

/// A large piece of memory, divided into slots.
struct Slab {
    number: usize,
    /// Owns the memory; only accessed through `base` once the slab exists.
    _memory: AnonymousMap,
    base: *mut u8,
}

// SAFETY: a slab is memory without an owner thread. All access goes through `Slot`, and there is at most one for each
// offset: offsets are created once, with the slab, and an offset is either in `free` or in the one slot that took it.
// The bytes are written before the slot exists and only read while it does.
#[allow(unsafe_code)]
unsafe impl Send for Slab {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Slab {}

impl Arena {
    /// Slots of at most `bytes` bytes, in slabs of about `slab` bytes.
    pub(crate) fn new(bytes: usize, slab: u64) -> Arc<Self> {
        // An odd number of lines, so that slots do not begin in the same sets of a cache.
        let stride = (bytes.clamp(1, MAX_SLAB / 2).div_ceil(CACHE_LINE) | 1) * CACHE_LINE;
        let slab = slab.min(MAX_SLAB as u64) as usize;
        let slab_bytes = if slab < HUGE_PAGE {
            (slab / stride).max(1) * stride
        } else {
            slab.max(stride).next_multiple_of(HUGE_PAGE)
        };
        Arc::new(Self { stride, slab_bytes, slabs: Mutex::default(), bytes: AtomicU64::new(0) })
    }

    fn slabs(&self) -> MutexGuard<'_, Vec<SlabSlots>> {
        self.slabs.lock()
    }

    /// Bytes of a slab.
    pub(crate) fn slab_bytes(&self) -> u64 {
        self.slab_bytes as u64
    }

    fn slots_per_slab(&self) -> usize {
        self.slab_bytes / self.stride
    }

    /// Bytes of a slot, with its share of the unused end of its slab.
    pub(crate) fn slot_bytes(&self) -> u64 {
        (self.slab_bytes / self.slots_per_slab()) as u64
    }

    /// Bytes of all allocated slabs.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Copies `bytes` into a slot; `None` if they are too long for one, or the system has no memory for another slab.
    pub(crate) fn copy(self: &Arc<Self>, bytes: &[u8]) -> Option<Slot> {
        if bytes.len() > self.stride {
            return None;
        }
        let (slab, at) = self.take()?;
        // SAFETY: only this call has the offset (see `Slab`), `at + stride` is within the slab, and `bytes` cannot
        // overlap it, since no reference into a free slot exists. Tested below.
        #[allow(unsafe_code)]
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), slab.base.add(at), bytes.len());
        }
        Some(Slot { slab, at, length: bytes.len(), arena: Arc::clone(self) })
    }

    /// Takes a free slot: its slab and its offset; `None` if the system has no memory for another slab.
    fn take(&self) -> Option<(Arc<Slab>, usize)> {
        let mut slabs = self.slabs();
        for slots in slabs.iter_mut().filter(|slots| !slots.closed) {
            if let Some(slab) = &slots.slab
                && let Some(at) = slots.free.pop()
            {
                return Some((Arc::clone(slab), at));
            }
        }
        let mut memory = AnonymousMap::new(self.slab_bytes as u64).ok()?;
        let number = match slabs.iter().position(|slots| slots.slab.is_none()) {
            Some(number) => number,
            None => {
                slabs.push(SlabSlots::default());
                slabs.len() - 1
            }
        };
        let base = memory.bytes().as_mut_ptr();
        let slab = Arc::new(Slab { number, _memory: memory, base });
        // Offset 0 is taken by this call.
        let free = (1..self.slots_per_slab()).rev().map(|i| i * self.stride).collect();
        slabs[number] = SlabSlots { slab: Some(Arc::clone(&slab)), free, closed: false };
        self.bytes.fetch_add(self.slab_bytes(), Ordering::Relaxed);
        Some((slab, 0))
    }

    /// Closes all slabs but the fullest ones, which have space for all present content. The content of the others can
    /// be [moved](Self::moved), and then they can be [released](Self::release).
    pub(crate) fn close_sparse(&self) {
        let mut slabs = self.slabs();
        let capacity = self.slots_per_slab();
        let mut taken: Vec<(usize, usize)> = (0..slabs.len())
            .filter(|&number| slabs[number].slab.is_some())
            .map(|number| (capacity - slabs[number].free.len(), number))
            .collect();
        let all: usize = taken.iter().map(|slab| slab.0).sum();
        taken.sort_unstable_by(|a, b| b.cmp(a));
        for (_, number) in taken.into_iter().skip(all.div_ceil(capacity)) {
            slabs[number].closed = true;
        }
    }

    /// A copy of a slot of a closed slab.
    pub(crate) fn moved(self: &Arc<Self>, slot: &Slot) -> Option<Slot> {
        let closed = self.slabs()[slot.slab.number].closed;
        if closed { self.copy(slot) } else { None }
    }

    /// Returns empty slabs to the system as long as `spare` bytes of free slots remain, and reopens the closed ones.
    pub(crate) fn release(&self, spare: u64) {
        let mut released = Vec::new();
        let mut slabs = self.slabs();
        let capacity = self.slots_per_slab();
        let spare = spare.div_ceil(self.slot_bytes()) as usize;
        let mut free: usize = slabs.iter().map(|slots| slots.free.len()).sum();
        for slots in slabs.iter_mut().rev() {
            slots.closed = false;
            if slots.free.len() == capacity && free >= spare + capacity {
                free -= capacity;
                released.push(std::mem::take(slots));
            }
        }
        self.bytes.fetch_sub(released.len() as u64 * self.slab_bytes(), Ordering::Relaxed);
        // Unmapped after the lock is released.
        drop(slabs);
        drop(released);
    }
}

/// A byte string in an [`Arena`]; frees its slot when dropped.
pub(crate) struct Slot {
    slab: Arc<Slab>,
    at: usize,
    length: usize,
    arena: Arc<Arena>,
}

impl Slot {
    /// Its share of the memory of the arena.
    pub(crate) fn bytes(&self) -> u64 {
        self.arena.slot_bytes()
    }
}

impl Deref for Slot {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: only this slot has the offset until it is dropped, its first `length` bytes were written when the
        // slot was created, and the slot keeps its slab alive.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(self.slab.base.add(self.at), self.length)
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.arena.slabs()[self.slab.number].free.push(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_keep_their_content_and_are_reused() {
        let arena = Arena::new(1000, MAX_SLAB as u64);
        let held: Vec<Slot> = (0..50u8).map(|i| arena.copy(&[i; 999]).expect("fits")).collect();
        assert!(arena.copy(&[0; 5000]).is_none());
        let free = || arena.slabs().iter().map(|s| s.free.len()).sum::<usize>();
        let before = free();
        for (i, slot) in (0..50u8).zip(&held) {
            assert_eq!(slot[..], [i; 999]);
            assert_eq!(slot.as_ptr() as usize % CACHE_LINE, 0);
        }
        drop(held);
        assert_eq!(free(), before + 50);
        std::thread::scope(|scope| {
            for i in 0..3u8 {
                let arena = &arena;
                scope.spawn(move || {
                    for round in 0..200 {
                        let slot = arena.copy(&vec![i; round]).expect("fits");
                        assert!(slot.iter().all(|&b| b == i) && slot.len() == round);
                        if round % 50 == 0 {
                            arena.release(0);
                        }
                    }
                });
            }
        });
        assert_eq!(arena.bytes(), MAX_SLAB as u64);
        arena.release(1);
        assert_eq!(arena.bytes(), MAX_SLAB as u64, "some free slots stay");
        arena.release(0);
        assert_eq!(arena.bytes(), 0);
    }

    #[test]
    fn sparse_slabs_are_emptied_and_released() {
        let arena = Arena::new(60, 640);
        assert_eq!((arena.slab_bytes(), arena.slot_bytes()), (640, 64));
        let mut held: Vec<Slot> = (0..40u8).map(|i| arena.copy(&[i; 60]).expect("fits")).collect();
        assert_eq!(arena.bytes(), 4 * 640);
        // 2 slots of the first slab and 4 of each other remain: two slabs have space for them.
        held.retain(|slot| slot[0] % 10 < if slot[0] < 10 { 2 } else { 4 });
        arena.release(0);
        assert_eq!(arena.bytes(), 4 * 640, "none is empty");
        arena.close_sparse();
        let mut moved = 0;
        for slot in &mut held {
            if let Some(copy) = arena.moved(slot) {
                moved += 1;
                *slot = copy;
            }
        }
        assert_eq!(moved, 6);
        arena.release(0);
        assert_eq!(arena.bytes(), 2 * 640);
        let letters: Vec<u8> = held.iter().map(|slot| slot[0]).collect();
        assert_eq!(letters, [0, 1, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]);
        assert!(held.iter().all(|slot| slot[..] == [slot[0]; 60]));
        // The numbers of released slabs are reused.
        let more: Vec<Slot> = (0..26u8).map(|i| arena.copy(&[i; 60]).expect("fits")).collect();
        assert_eq!((more.len(), arena.bytes()), (26, 4 * 640));
        assert_eq!(arena.slabs().len(), 4);
    }
}
