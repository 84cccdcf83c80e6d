//! Slots of one size in large pieces of memory: what is read at random lies in huge pages, and every piece of it begins
//! on a line of its own.

use parking_lot::{Mutex, MutexGuard};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::memory::system::Anonymous;

/// Most bytes of a slab: a few huge pages.
const SLAB: usize = 8 << 20;
/// Slabs of this size or more are made of whole huge pages.
const HUGE_PAGE: usize = 2 << 20;
/// Bytes of a line of the processor's caches.
const LINE: usize = 64;

/// Memory for many byte strings of about the same length. Slots are taken from the first slab that has room, so that the
/// last ones empty first; [`release`](Self::release) gives empty slabs back to the system.
pub(crate) struct Arena {
    stride: usize,
    slab_bytes: usize,
    slabs: Mutex<Vec<Places>>,
    /// Of all slabs that are not with the system.
    bytes: AtomicU64,
}

/// A slab, which may be with the system, and its places.
#[derive(Default)]
struct Places {
    slab: Option<Arc<Slab>>,
    free: Vec<usize>,
    /// Being emptied: takes nothing new.
    closed: bool,
}

struct Slab {
    number: usize,
    /// Keeps the memory; only reached through `base` once the slab is made.
    _memory: Anonymous,
    base: *mut u8,
}

// SAFETY: a slab is a piece of memory without an owner thread. All access goes through `Slot`, of which there is at most
// one for each place: places are made once, when the slab is, and a place is either in `free` or in the one slot that
// took it. Its bytes are written before the slot exists and only read while it does.
#[allow(unsafe_code)]
unsafe impl Send for Slab {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Slab {}

impl Arena {
    /// Slots of at most `bytes` bytes, in slabs of about `slab` bytes.
    pub(crate) fn new(bytes: usize, slab: u64) -> Arc<Self> {
        // An odd number of lines: slots do not begin in the same sets of a cache.
        let stride = (bytes.clamp(1, SLAB / 2).div_ceil(LINE) | 1) * LINE;
        let slab = slab.min(SLAB as u64) as usize;
        let slab_bytes = if slab < HUGE_PAGE {
            (slab / stride).max(1) * stride
        } else {
            slab.max(stride).next_multiple_of(HUGE_PAGE)
        };
        Arc::new(Self { stride, slab_bytes, slabs: Mutex::default(), bytes: AtomicU64::new(0) })
    }

    fn slabs(&self) -> MutexGuard<'_, Vec<Places>> {
        self.slabs.lock()
    }

    /// Bytes of a slab.
    pub(crate) fn slab_bytes(&self) -> u64 {
        self.slab_bytes as u64
    }

    fn slots_per_slab(&self) -> usize {
        self.slab_bytes / self.stride
    }

    /// What a slot weighs: its share of a slab.
    pub(crate) fn slot_bytes(&self) -> u64 {
        (self.slab_bytes / self.slots_per_slab()) as u64
    }

    /// Bytes of all slabs that are not with the system.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A copy of `bytes` in a slot; `None` when it is too long for one, or the system has no memory for a slab.
    pub(crate) fn copy(self: &Arc<Self>, bytes: &[u8]) -> Option<Slot> {
        if bytes.len() > self.stride {
            return None;
        }
        let (slab, at) = self.take()?;
        // SAFETY: the place is this call's alone (see `Slab`), `at + stride` is within the slab, and `bytes` cannot
        // overlap it, since nobody else has a reference into a free place. Tested below.
        #[allow(unsafe_code)]
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), slab.base.add(at), bytes.len());
        }
        Some(Slot { slab, at, length: bytes.len(), arena: Arc::clone(self) })
    }

    /// A free place: its slab and where it begins there; `None` when the system has no memory for another slab.
    fn take(&self) -> Option<(Arc<Slab>, usize)> {
        let mut slabs = self.slabs();
        for places in slabs.iter_mut().filter(|places| !places.closed) {
            if let Some(slab) = &places.slab
                && let Some(at) = places.free.pop()
            {
                return Some((Arc::clone(slab), at));
            }
        }
        let mut memory = Anonymous::new(self.slab_bytes as u64).ok()?;
        let number = match slabs.iter().position(|places| places.slab.is_none()) {
            Some(number) => number,
            None => {
                slabs.push(Places::default());
                slabs.len() - 1
            }
        };
        let base = memory.bytes().as_mut_ptr();
        let slab = Arc::new(Slab { number, _memory: memory, base });
        // Place 0 is this call's.
        let free = (1..self.slots_per_slab()).rev().map(|i| i * self.stride).collect();
        slabs[number] = Places { slab: Some(Arc::clone(&slab)), free, closed: false };
        self.bytes.fetch_add(self.slab_bytes(), Ordering::Relaxed);
        Some((slab, 0))
    }

    /// Closes all slabs but the fullest, as many as hold what is in slots now. What lies in the others can be
    /// [moved](Self::moved), and then they can be [released](Self::release).
    pub(crate) fn close_sparse(&self) {
        let mut slabs = self.slabs();
        let room = self.slots_per_slab();
        let mut taken: Vec<(usize, usize)> = (0..slabs.len())
            .filter(|&number| slabs[number].slab.is_some())
            .map(|number| (room - slabs[number].free.len(), number))
            .collect();
        let all: usize = taken.iter().map(|slab| slab.0).sum();
        taken.sort_unstable_by(|a, b| b.cmp(a));
        for (_, number) in taken.into_iter().skip(all.div_ceil(room)) {
            slabs[number].closed = true;
        }
    }

    /// A copy of a slot that lies in a closed slab.
    pub(crate) fn moved(self: &Arc<Self>, slot: &Slot) -> Option<Slot> {
        let closed = self.slabs()[slot.slab.number].closed;
        if closed { self.copy(slot) } else { None }
    }

    /// Gives empty slabs back to the system while `spare` bytes of free slots are left, and opens those that were
    /// closed.
    pub(crate) fn release(&self, spare: u64) {
        let mut released = Vec::new();
        let mut slabs = self.slabs();
        let room = self.slots_per_slab();
        let spare = spare.div_ceil(self.slot_bytes()) as usize;
        let mut free: usize = slabs.iter().map(|places| places.free.len()).sum();
        for places in slabs.iter_mut().rev() {
            places.closed = false;
            if places.free.len() == room && free >= spare + room {
                free -= room;
                released.push(std::mem::take(places));
            }
        }
        self.bytes.fetch_sub(released.len() as u64 * self.slab_bytes(), Ordering::Relaxed);
        // Unmapped when nobody waits for the lock.
        drop(slabs);
        drop(released);
    }
}

/// A byte string in an [`Arena`]; gives its place back when dropped.
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
        // SAFETY: the place is this slot's alone until it is dropped, its first `length` bytes were written when the
        // slot was made, and the slot keeps its slab alive.
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
    fn slots_hold_what_was_put_in_and_are_used_again() {
        let arena = Arena::new(1000, SLAB as u64);
        let held: Vec<Slot> = (0..50u8).map(|i| arena.copy(&[i; 999]).expect("fits")).collect();
        assert!(arena.copy(&[0; 5000]).is_none());
        let free = || arena.slabs().iter().map(|s| s.free.len()).sum::<usize>();
        let before = free();
        for (i, slot) in (0..50u8).zip(&held) {
            assert_eq!(slot[..], [i; 999]);
            assert_eq!(slot.as_ptr() as usize % LINE, 0);
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
        assert_eq!(arena.bytes(), SLAB as u64);
        arena.release(1);
        assert_eq!(arena.bytes(), SLAB as u64, "some room is to stay");
        arena.release(0);
        assert_eq!(arena.bytes(), 0);
    }

    #[test]
    fn sparse_slabs_are_emptied_and_given_back() {
        let arena = Arena::new(60, 640);
        assert_eq!((arena.slab_bytes(), arena.slot_bytes()), (640, 64));
        let mut held: Vec<Slot> = (0..40u8).map(|i| arena.copy(&[i; 60]).expect("fits")).collect();
        assert_eq!(arena.bytes(), 4 * 640);
        // Left are 2 slots in the first slab, 4 in each of the others: two slabs hold them.
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
        // The numbers of slabs that went are used again.
        let more: Vec<Slot> = (0..26u8).map(|i| arena.copy(&[i; 60]).expect("fits")).collect();
        assert_eq!((more.len(), arena.bytes()), (26, 4 * 640));
        assert_eq!(arena.slabs().len(), 4);
    }
}
