use memmap2::{MmapMut, MmapOptions};

use super::numa;

/// Zeroed memory that belongs to no file, in huge pages where the system has them, spread over all NUMA nodes.
pub(crate) struct Anonymous(Memory);

enum Memory {
    Mapped(MmapMut),
    /// Where a map cannot be had; words, for their alignment.
    Heap(Vec<u64>),
}

impl Anonymous {
    /// At least `bytes` bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let bytes = bytes.max(8) as usize;
        Self(match MmapOptions::new().len(bytes).map_anon() {
            Ok(mut map) => {
                numa::interleave(&mut map);
                // Where the system has none, small pages do as well, slower.
                #[cfg(target_os = "linux")]
                let _ = map.advise(memmap2::Advice::HugePage);
                Memory::Mapped(map)
            }
            Err(_) => Memory::Heap(vec![0; bytes.div_ceil(8)]),
        })
    }

    /// The bytes; aligned to 8 at least.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Mapped(map) => map,
            Memory::Heap(words) => bytemuck::cast_slice_mut(words),
        }
    }
}
