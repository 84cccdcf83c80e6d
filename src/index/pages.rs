//! Reads dictionary pages and position blocks of an open index, checks each when it is first read, and keeps them in
//! the one cache. Pages are cached together with their codec, so a page is only read by the codec of its layout.

use std::borrow::Cow;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::Mmap;

use crate::bundle::Manifest;
use crate::dictionary::ByLayout;
use crate::dictionary::codec::Codec;
use crate::dictionary::page::Page;
use crate::dictionary::sorted::SortedCodec;
use crate::dictionary::source::{Source, Visit};
use crate::dictionary::superkmers::SuperKmerCodec;
use crate::format::block::{self, Payload};
use crate::format::catalog::{Catalog, PAGE_OVERHEAD, PAGES_PER_RECORD, PageEntry, RecordKind};
use crate::format::tree::ReadPattern;
use crate::format::{Identity, POSITIONS};
use crate::fs::{FileDigest, digest_bytes, map_read_only};
use crate::index::cache::{CacheOptions, PageCache};
use crate::memory::Budget;
use crate::storage::{RemoteFile, Storage};
use crate::{Error, Result};

/// The file of position blocks.
enum PositionBytes {
    Mapped(Mmap),
    Remote(Arc<RemoteFile>),
}

/// The files of pages and blocks, whatever their layout.
pub(crate) struct PageStore {
    catalog: Catalog,
    identity: Identity,
    positions_path: PathBuf,
    positions: PositionBytes,
    /// Where pages and blocks begin, by record of the catalog.
    page_index: Vec<OnceLock<Vec<PageEntry>>>,
    /// A bit for each position block: whether its checksum was found right.
    checked: Vec<AtomicU64>,
    /// Pages of the dictionary.
    pages: u64,
    budget: Budget,
}

impl PageStore {
    /// For the catalog of an index; maps the position blocks, and reads none.
    pub(crate) fn open(storage: &Storage, manifest: &Manifest, catalog: Catalog, budget: &Budget) -> Result<Self> {
        const HEADER: usize = block::FILE_HEADER as usize;
        let (positions_path, positions, header) = match storage {
            Storage::Folder(folder) => {
                let path = folder.join(POSITIONS);
                let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
                let map = map_read_only(&file, &path)?;
                let header: Option<[u8; HEADER]> = map.first_chunk().copied();
                (path, PositionBytes::Mapped(map), header)
            }
            Storage::Remote(folder) => {
                let file = folder.file(POSITIONS)?;
                let mut header = [0; HEADER];
                file.read_nearby(0, &mut header)?;
                (folder.path().join(POSITIONS), PositionBytes::Remote(file), Some(header))
            }
        };
        if header != Some(block::file_header()) {
            return Err(Error::damaged(&positions_path, Some(0), "it does not begin as position blocks do"));
        }
        let pages = manifest.dictionary.pages();
        Ok(Self {
            catalog,
            identity: manifest.identity,
            positions_path,
            positions,
            page_index: (0..pages.div_ceil(PAGES_PER_RECORD as u64)).map(|_| OnceLock::new()).collect(),
            checked: (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            pages,
            budget: budget.clone(),
        })
    }

    /// The catalog of the index.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Pages of the dictionary.
    pub(crate) fn pages(&self) -> u64 {
        self.pages
    }

    /// Advises the system on how the position blocks will be read.
    #[cfg(target_os = "linux")]
    pub(crate) fn advise(&self, advice: Advice) {
        if let PositionBytes::Mapped(positions) = &self.positions {
            let _ = positions.advise(advice);
        }
    }

    /// Bytes of the file of position blocks.
    pub(crate) fn position_file_bytes(&self) -> u64 {
        match &self.positions {
            PositionBytes::Mapped(positions) => positions.len() as u64,
            PositionBytes::Remote(file) => file.length(),
        }
    }

    /// Length and digest of the file of position blocks, which is read from its beginning to its end.
    pub(crate) fn digest_positions(&self) -> Result<FileDigest> {
        let positions = match &self.positions {
            PositionBytes::Mapped(positions) => positions,
            PositionBytes::Remote(file) => return file.digest(),
        };
        #[cfg(target_os = "linux")]
        self.advise(Advice::Sequential);
        let digest = digest_bytes(positions);
        #[cfg(target_os = "linux")]
        self.advise(Advice::Random);
        Ok(digest)
    }

    /// Where a page and its block begin.
    pub(crate) fn page_entry(&self, page: u64) -> Result<PageEntry> {
        let record = page / PAGES_PER_RECORD as u64;
        let slot = self
            .page_index
            .get(record as usize)
            .ok_or_else(|| self.catalog.damage(format!("page {page} is past the last")))?;
        let entries = match slot.get() {
            Some(entries) => entries,
            None => {
                let entries = self.catalog.value(RecordKind::PageIndex, record)?.unwrap_or_default();
                slot.get_or_init(|| entries)
            }
        };
        entries
            .get((page % PAGES_PER_RECORD as u64) as usize)
            .copied()
            .ok_or_else(|| self.catalog.damage(format!("page {page} has no entry in the page index")))
    }

    /// The payload of a position block, in the mapped file if it is not compressed; its checksum is checked on first
    /// use.
    fn read_block(&self, number: u64) -> Result<Cow<'_, [u8]>> {
        let damage = |offset, problem: String| Error::damaged(&self.positions_path, Some(offset), problem);
        let entry = self.page_entry(number)?;
        let past_end = || damage(entry.block_at, format!("position block {number} ends past the file"));
        let positions = match &self.positions {
            PositionBytes::Mapped(positions) => positions,
            PositionBytes::Remote(file) => {
                let end = entry.block_at.checked_add(entry.block_bytes).filter(|&end| end <= file.length());
                end.ok_or_else(past_end)?;
                return self.fetch_block(file, number, &entry).map(Cow::Owned);
            }
        };
        let bytes = usize::try_from(entry.block_at)
            .ok()
            .zip(usize::try_from(entry.block_bytes).ok())
            .and_then(|(at, length)| positions.get(at..at.checked_add(length)?))
            .ok_or_else(past_end)?;
        let (word, bit) = (&self.checked[(number / 64) as usize], 1 << (number % 64));
        let is_unchecked = word.load(Ordering::Relaxed) & bit == 0;
        if is_unchecked {
            // All of it is read now, though only a part of it later.
            #[cfg(target_os = "linux")]
            let _ = positions.advise_range(Advice::WillNeed, entry.block_at as usize, bytes.len());
        }
        let payload = block::decode(bytes, number, is_unchecked.then_some(self.identity), self.budget.limit())
            .map_err(|e| damage(entry.block_at, e))?;
        if is_unchecked {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(payload)
    }

    /// The payload of a position block that lies elsewhere, and whose bytes lie in the file; its checksum is checked.
    fn fetch_block(&self, file: &RemoteFile, number: u64, entry: &PageEntry) -> Result<Vec<u8>> {
        let max = self.budget.limit();
        if entry.block_bytes > max {
            return Err(Error::memory("a position block of this index", entry.block_bytes, max));
        }
        let mut bytes = vec![0; entry.block_bytes as usize];
        file.read(entry.block_at, &mut bytes)?;
        let decoded = block::decode(&bytes, number, Some(self.identity), max);
        match decoded.map_err(|problem| Error::damaged(&self.positions_path, Some(entry.block_at), problem))? {
            Cow::Owned(payload) => Ok(payload),
            Cow::Borrowed(_) => {
                bytes.drain(..block::BLOCK_HEADER);
                Ok(bytes)
            }
        }
    }

    /// Whether the files lie elsewhere.
    pub(crate) fn is_remote(&self) -> bool {
        self.remote_positions().is_some()
    }

    /// The file of position blocks, if it lies elsewhere.
    fn remote_positions(&self) -> Option<&RemoteFile> {
        match &self.positions {
            PositionBytes::Mapped(_) => None,
            PositionBytes::Remote(file) => Some(file),
        }
    }

    /// An error about position block `number`; `problem` continues "position block 3 ".
    pub(crate) fn block_damage(&self, number: u64, problem: &str) -> Error {
        let offset = self.page_entry(number).ok().map(|entry| entry.block_at);
        Error::damaged(&self.positions_path, offset, format!("position block {number} {problem}"))
    }
}

/// The codec of an index and its pages in memory.
pub(crate) struct Pages<C: Codec> {
    codec: C,
    cache: PageCache<C::Shape>,
    /// Bytes of a page with what surrounds it in the store, at most of nearly all.
    page_bytes: u64,
}

/// The dictionary of an index, whatever its layout.
pub(crate) type Dictionary = ByLayout<Pages<SortedCodec>, Pages<SuperKmerCodec>>;

impl<C: Codec> Pages<C> {
    /// No page is read yet.
    pub(crate) fn new(codec: C, manifest: &Manifest, options: &CacheOptions, budget: &Budget) -> Self {
        let pages = manifest.dictionary.pages();
        let page_bytes = manifest.actual.dictionary_bytes / pages.max(1);
        let cache = PageCache::new(options, pages, page_bytes, budget);
        Self { codec, cache, page_bytes: (page_bytes + PAGE_OVERHEAD).next_power_of_two() }
    }

    pub(crate) fn codec(&self) -> &C {
        &self.codec
    }

    pub(crate) fn cache(&self) -> &PageCache<C::Shape> {
        &self.cache
    }
}

/// Reads the pages of one layout and their blocks, through the cache.
pub(crate) struct PageReader<'i, C: Codec> {
    pub(crate) store: &'i PageStore,
    pub(crate) pages: &'i Pages<C>,
}

impl<C: Codec> PageReader<'_, C> {
    /// Reads a page from the catalog and checks it.
    pub(crate) fn read_page(&self, number: u64, pattern: ReadPattern) -> Result<Page<C::Shape>> {
        let stored = self.store.catalog.page(number, pattern)?;
        let shape = self
            .pages
            .codec
            .parse(self.store.identity, &stored, number)
            .map_err(|problem| self.store.catalog.damage_at(stored.at, problem))?;
        Ok(Page::read(number, shape, stored))
    }

    /// Fetches the blocks of these pages (ascending) together, if the index lies elsewhere: as many of the first of
    /// them as are worth fetching at once. Returns how many of the pages were looked at.
    pub(crate) fn fetch_blocks(&self, pages: &[u64]) -> Result<usize> {
        let Some(file) = self.store.remote_positions() else { return Ok(pages.len()) };
        let (mut free, mut seen) = (file.bytes_together(), 0);
        let mut wanted = Vec::new();
        for &number in pages {
            if !self.pages.cache.has_block(number) {
                let entry = self.store.page_entry(number)?;
                if entry.block_bytes > free && seen > 0 {
                    break;
                }
                free = free.saturating_sub(entry.block_bytes);
                wanted.push(entry.block_at..entry.block_at.saturating_add(entry.block_bytes));
            }
            seen += 1;
        }
        // One block alone is read when it is needed.
        if wanted.len() > 1 {
            file.fetch_together(wanted)?;
        }
        Ok(seen)
    }

    /// A page that is not in the cache.
    fn load_page(&self, number: u64, visit: Visit) -> Result<Arc<Page<C::Shape>>> {
        let cache = &self.pages.cache;
        Ok(match visit {
            Visit::Single => cache.keep_page(self.read_page(number, ReadPattern::Single)?),
            Visit::Batch => cache.keep_page(self.read_page(number, ReadPattern::Scan)?),
            Visit::Scan => cache.keep_scanned_page(self.read_page(number, ReadPattern::Scan)?),
        })
    }
}

impl<C: Codec> Source<C::Shape> for PageReader<'_, C> {
    #[inline]
    fn with_page<T>(&self, number: u64, look: impl Fn(&Page<C::Shape>) -> T) -> Result<T> {
        match self.pages.cache.with_page(number, |page| look(page)) {
            Some(found) => Ok(found),
            None => self.load_page(number, Visit::Single).map(|page| look(&page)),
        }
    }

    fn page(&self, number: u64, visit: Visit) -> Result<Arc<Page<C::Shape>>> {
        match self.pages.cache.with_page(number, Arc::clone) {
            Some(page) => Ok(page),
            None => self.load_page(number, visit),
        }
    }

    fn fetch_ahead(&self, pages: impl Iterator<Item = u64>) -> Result<u64> {
        let Some(free) = self.store.catalog.bytes_together() else { return Ok(u64::MAX) };
        let count = (free / self.pages.page_bytes.max(1)).max(1) as usize;
        let (mut wanted, mut next) = (Vec::new(), u64::MAX);
        for number in pages {
            if wanted.last() == Some(&number) || self.pages.cache.has_page(number) {
                continue;
            }
            if wanted.len() == count {
                next = number;
                break;
            }
            wanted.push(number);
        }
        // One page alone is read when it is needed.
        if wanted.len() > 1 {
            self.store.catalog.fetch_pages(&wanted)?;
        }
        Ok(next)
    }

    fn pages(&self) -> u64 {
        self.store.pages
    }

    fn block(&self, number: u64) -> Result<Payload<'_>> {
        if let Some(bytes) = self.pages.cache.block(number) {
            return Ok(Payload::Unpacked(bytes));
        }
        Ok(match self.store.read_block(number)? {
            Cow::Borrowed(bytes) => Payload::Mapped(bytes),
            Cow::Owned(bytes) => Payload::Unpacked(self.pages.cache.keep_block(number, bytes)),
        })
    }

    fn budget(&self) -> &Budget {
        &self.store.budget
    }

    fn page_damage(&self, problem: String) -> Error {
        self.store.catalog.damage(problem)
    }

    fn block_damage(&self, number: u64, problem: &str) -> Error {
        self.store.block_damage(number, problem)
    }
}
