//! An index whose contigs have another order, for work whose result must not depend on the order in which an assembly
//! lists them.

use crate::format::MANIFEST;
use crate::genome::Contig;
use crate::index::cache::CacheOptions;
use crate::index::contigs::ContigTable;
use crate::index::open::{Index, OpenOptions};
use crate::memory::Component;
use crate::{Error, Result};

/// Bytes of the cache of such an index, which serves few look-ups.
const CACHE: u64 = 4 << 20;

impl Index {
    /// Opens the index once more, with another order of the contigs: the number `i` is that of contig `order[i]` here.
    /// Contigs, bases and frequencies are those of the index; positions of k-mers are not, and must not be asked for.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with)'s; [`Error::Damaged`] if the index was replaced since it was opened.
    pub(crate) fn with_contig_order(&self, order: &[u32]) -> Result<Self> {
        let cache = CacheOptions { size: CACHE, ..CacheOptions::default() };
        let other = Self::open_with(&self.folder, &OpenOptions { cache, ..OpenOptions::default() }, &self.budget)?;
        if other.manifest.blake3 != self.manifest.blake3 {
            let path = self.folder.join(MANIFEST);
            if self.store.is_remote() {
                return Err(Error::Changed { path });
            }
            return Err(Error::damaged(path, None, "it was replaced while it was in use"));
        }
        let own = self.contigs()?;
        let bytes = ContigTable::bytes(own);
        let reservation = self.budget.reserve(Component::Contigs, bytes, "the table of contigs")?;
        let mut start = 0;
        let placed = |&number: &u32| {
            let contig = Contig { start, ..own[number as usize].clone() };
            start += contig.length;
            contig
        };
        // Nobody has asked for the contigs of an index that was just opened.
        let _ = other.contigs.set(ContigTable::new(order.iter().map(placed).collect()));
        let _ = other.contigs_reservation.set(reservation);
        Ok(other)
    }
}
