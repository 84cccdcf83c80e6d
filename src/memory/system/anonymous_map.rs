use memmap2::{MmapMut, MmapOptions};

use crate::memory::system::numa;
use crate::{Error, Result};

/// Zeroed memory that belongs to no file, in huge pages where the system has them, spread over all NUMA nodes.
pub(crate) struct Anonymous(MmapMut);

impl Anonymous {
    /// At least `bytes` bytes.
    ///
    /// # Errors
    /// [`Error::Map`] if the system has no such memory, or a limit of the process (`ulimit -v`) allows none.
    pub(crate) fn new(bytes: u64) -> Result<Self> {
        let map = MmapOptions::new().len(bytes.max(8) as usize).map_anon();
        let mut map = map.map_err(|e| Error::Map { bytes, source: e })?;
        numa::interleave(&mut map);
        // Where the system has none, small pages do as well, slower.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self(map))
    }

    /// The bytes; aligned to 8 at least.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
