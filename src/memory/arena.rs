//! Slots of one size in large pieces of memory: what is read at random lies in huge pages, and every piece of it begins
//! on a line of its own.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use super::Anonymous;

/// Bytes of a slab: a few huge pages.
const SLAB: usize = 8 << 20;
/// Bytes of a line of the processor's caches.
const LINE: usize = 64;

/// Memory for many byte strings of about the same length.
pub(crate) struct Arena {
    stride: usize,
    free: Mutex<Vec<Place>>,
}

struct Place {
    slab: Arc<Slab>,
    at: usize,
}

struct Slab {
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
    /// Slots of at most `bytes` bytes.
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        // An odd number of lines: slots do not begin in the same sets of a cache.
        let stride = (bytes.clamp(1, SLAB / 2).div_ceil(LINE) | 1) * LINE;
        Arc::new(Self { stride, free: Mutex::default() })
    }

    /// A copy of `bytes` in a slot; `None` when it is too long for one.
    pub(crate) fn copy(self: &Arc<Self>, bytes: &[u8]) -> Option<Slot> {
        if bytes.len() > self.stride {
            return None;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.is_empty() {
            let mut memory = Anonymous::new(SLAB as u64);
            let base = memory.bytes().as_mut_ptr();
            let slab = Arc::new(Slab { _memory: memory, base });
            free.extend((0..SLAB / self.stride).rev().map(|i| Place { slab: Arc::clone(&slab), at: i * self.stride }));
        }
        let place = free.pop()?;
        drop(free);
        // SAFETY: the place is this call's alone (see `Slab`), `at + stride` is within the slab, and `bytes` cannot
        // overlap it, since nobody else has a reference into a free place. Tested below.
        #[allow(unsafe_code)]
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), place.slab.base.add(place.at), bytes.len());
        }
        Some(Slot { place: Some(place), length: bytes.len(), arena: Arc::clone(self) })
    }
}

/// A byte string in an [`Arena`]; gives its place back when dropped.
pub(crate) struct Slot {
    /// Taken on drop only.
    place: Option<Place>,
    length: usize,
    arena: Arc<Arena>,
}

impl Deref for Slot {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        match &self.place {
            // SAFETY: the place is this slot's alone until it is dropped, its first `length` bytes were written when the
            // slot was made, and the slab lives as long as the place.
            #[allow(unsafe_code)]
            Some(place) => unsafe { std::slice::from_raw_parts(place.slab.base.add(place.at), self.length) },
            None => &[],
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.arena.free.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_hold_what_was_put_in_and_are_used_again() {
        let arena = Arena::new(1000);
        let held: Vec<Slot> = (0..50u8).map(|i| arena.copy(&[i; 999]).expect("fits")).collect();
        assert!(arena.copy(&[0; 5000]).is_none());
        let before = arena.free.lock().expect("no panic").len();
        for (i, slot) in (0..50u8).zip(&held) {
            assert_eq!(slot[..], [i; 999]);
            assert_eq!(slot.as_ptr() as usize % LINE, 0);
        }
        drop(held);
        assert_eq!(arena.free.lock().expect("no panic").len(), before + 50);
        std::thread::scope(|scope| {
            for i in 0..3u8 {
                let arena = &arena;
                scope.spawn(move || {
                    for round in 0..200 {
                        let slot = arena.copy(&vec![i; round]).expect("fits");
                        assert!(slot.iter().all(|&b| b == i) && slot.len() == round);
                    }
                });
            }
        });
    }
}
