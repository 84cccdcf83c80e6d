//! A dictionary page in memory: its bytes, in any storage, and the offsets of its parts. The cache moves pages between
//! kinds of memory, and codecs read them without knowing which.

use crate::format::tree::StoredValue;
use crate::memory::buffers::Slot;

/// A page in memory. `S` has the offsets of the parts of a page; each layout has its own.
pub(crate) struct Page<S> {
    /// Number of the page.
    pub(crate) number: u64,
    /// Where its parts begin.
    pub(crate) shape: S,
    /// Its bytes.
    pub(crate) memory: PageMemory,
}

/// The memory of a page.
pub(crate) enum PageMemory {
    /// As read from the catalog.
    Read(StoredValue),
    /// In a slab of the cache.
    Slot(Slot),
    /// An allocation of its own: more bytes than a slot has.
    Heap(Box<[u8]>),
}

impl<S> Page<S> {
    /// A page as read from the catalog.
    pub(crate) fn read(number: u64, shape: S, bytes: StoredValue) -> Self {
        Self { number, shape, memory: PageMemory::Read(bytes) }
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.memory {
            PageMemory::Read(bytes) => bytes,
            PageMemory::Slot(slot) => slot,
            PageMemory::Heap(bytes) => bytes,
        }
    }
}
