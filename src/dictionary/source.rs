//! The data that a codec needs from its index. A trait, so that `dictionary` does not depend on `index`, and generic,
//! so that look-ups are inlined through it.

use std::sync::Arc;

use crate::dictionary::page::Page;
use crate::format::block::Payload;
use crate::kmer::KmerCodec;
use crate::memory::Budget;
use crate::{Error, Result};

/// What a page is read for: it decides how it is read if it is not in the cache, and whether it is kept there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    /// For a look-up: kept.
    Single,
    /// For a batch that looks k-mers up in most pages, in their order: read with read-ahead, and kept.
    Batch,
    /// For a scan: read with read-ahead, and kept while the cache is below its threshold, so that a scan drops no page
    /// of single look-ups.
    Scan,
}

/// The pages and position blocks of an open index, for the codec whose pages have shape `S`.
pub(crate) trait Source<S> {
    /// Runs `look` on a page, which is kept in the cache.
    fn with_page<T>(&self, number: u64, look: impl Fn(&Page<S>) -> T) -> Result<T>;

    /// A page, from the cache or the catalog.
    fn page(&self, number: u64, visit: Visit) -> Result<Arc<Page<S>>>;

    /// Fetches the first of these pages together, if they lie elsewhere and are not in the cache. They ascend, and are
    /// those that a batch reads from now on. Returns the page before which this is to be called again.
    fn fetch_ahead(&self, pages: impl Iterator<Item = u64>) -> Result<u64>;

    /// Pages of the dictionary.
    fn pages(&self) -> u64;

    /// The payload of a position block, which has the number of its page.
    fn block(&self, number: u64) -> Result<Payload<'_>>;

    /// The memory that look-ups may use.
    fn budget(&self) -> &Budget;

    /// Damage of the catalog, which has the pages.
    fn page_damage(&self, problem: String) -> Error;

    /// Damage of a position block; `problem` continues "position block 3 ".
    fn block_damage(&self, number: u64, problem: &str) -> Error;

    /// Damage of a position block: the genome does not read `kmer` at this coded position.
    fn misplaced(&self, number: u64, codec: &KmerCodec, kmer: u64, position: u64) -> Error {
        let (kmer, base) = (codec.decode(kmer), position >> 1);
        self.block_damage(number, &format!("places {kmer} at base {base}, but the genome has other bases there"))
    }
}
