//! Large working memory outside the heap: huge pages are possible, and it is returned to the system when dropped.

use memmap2::{MmapMut, MmapOptions};

use crate::memory::system::numa;
use crate::{Error, Result};

/// Zeroed memory without a file, in huge pages if the system has them, spread over all NUMA nodes.
pub(crate) struct AnonymousMap(MmapMut);

impl AnonymousMap {
    /// Maps at least `bytes` bytes.
    ///
    /// # Errors
    /// [`Error::Map`] if the system has not enough memory, or a limit of the process (`ulimit -v`) forbids it.
    pub(crate) fn new(bytes: u64) -> Result<Self> {
        let map = MmapOptions::new().len(bytes.max(8) as usize).map_anon();
        let mut map = map.map_err(|e| Error::Map { bytes, source: e })?;
        numa::interleave(&mut map);
        // Without huge pages the map works too, slower.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self(map))
    }

    /// The bytes, aligned to at least 8.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// The bytes as words of 32 bits.
    pub(crate) fn words(&self) -> &[u32] {
        bytemuck::cast_slice(&self.0[..self.0.len() & !3])
    }

    /// The bytes as words of 32 bits.
    pub(crate) fn words_mut(&mut self) -> &mut [u32] {
        let whole = self.0.len() & !3;
        bytemuck::cast_slice_mut(&mut self.0[..whole])
    }
}
