//! Opens an index: the same short time whatever its size, because pages are read and checked when they are first
//! needed.

use std::fs;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

#[cfg(target_os = "linux")]
use memmap2::Advice;

use crate::bundle::{Manifest, MemoryHints, Parameters};
use crate::dictionary::codec::Codec;
use crate::dictionary::filters::Filters;
use crate::dictionary::{Shape, match_layout};
use crate::format::catalog::{Catalog, PageEntry, RecordKind, SEQUENCE_CHUNK};
use crate::format::positions::ListCode;
use crate::format::{CATALOG, MANIFEST, SEQUENCE};
#[cfg(target_os = "linux")]
use crate::fs::map_read_only;
use crate::index::cache::{self, CacheOptions, CacheStatistics};
use crate::index::checked_genome::CheckedGenome;
use crate::index::contigs::ContigTable;
use crate::index::pages::{Dictionary, PageReader, PageStore, Pages};
use crate::kmer::KmerCodec;
use crate::memory::{Budget, Component, Reservation};
use crate::storage::Storage;
use crate::{Error, Result};

/// Bytes that looking up takes besides tables and pages: a batch, and what the allocator keeps.
const LOOKUP_BYTES: u64 = 4 << 20;

/// How an index is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The cache of pages and unpacked position blocks.
    pub cache: CacheOptions,
    /// Read all of the index into memory at once.
    pub populate: bool,
    /// Request huge pages for the maps.
    pub huge_pages: bool,
}

/// An index open for reading, shared by reference between any number of threads.
pub struct Index {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) codec: KmerCodec,
    pub(super) filters: Filters,
    pub(super) store: PageStore,
    pub(super) dictionary: Dictionary,
    pub(super) genome: CheckedGenome,
    pub(super) contigs: OnceLock<ContigTable>,
    pub(super) contigs_reservation: OnceLock<Reservation>,
    _reservation: Reservation,
    pub(super) budget: Budget,
}

/// Bytes of the tables of an open index: the places of pages and blocks, checksums of the genome, and which parts were
/// checked.
pub(crate) fn table_bytes(manifest: &Manifest) -> u64 {
    let genome = manifest.files.get(SEQUENCE).map_or(0, |file| file.bytes);
    let page = size_of::<PageEntry>() as u64 + Catalog::BYTES_PER_PAGE + 1;
    manifest.dictionary.pages() * page + genome.div_ceil(SEQUENCE_CHUNK as u64) * 9
}

/// The smallest budget in bytes with which an index can be used.
pub(crate) fn least_memory(manifest: &Manifest) -> u64 {
    // A page as read from the catalog, and in the cache, and its block.
    let page = 3 * manifest.actual.dictionary_bytes / manifest.dictionary.pages().max(1);
    let cache = cache::table_bytes(manifest.dictionary.pages());
    table_bytes(manifest) + cache + page + LOOKUP_BYTES
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Index {
    /// Opens an index with a cache of 512 MiB.
    ///
    /// # Errors
    /// See [`open_with`](Self::open_with).
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let options = OpenOptions::default();
        let budget = Budget::new(u64::MAX);
        Self::open_with(folder, &options, &budget)
    }

    /// Opens an index: a folder, or with the Cargo feature `remote` an address (`s3://bucket/genome.reprise`,
    /// `https://host/genome.reprise`). It takes the same short time whatever the size: pages are read when they are
    /// needed.
    ///
    /// # Errors
    /// [`Error::Unfinished`], [`Error::Version`] and [`Error::Damaged`] if the folder is not a sound index of a
    /// format that this program reads; [`Error::Memory`] if the budget is too small for it; [`Error::Usage`] for an
    /// address that cannot be read; [`Error::Io`].
    pub fn open_with(folder: impl AsRef<Path>, options: &OpenOptions, budget: &Budget) -> Result<Self> {
        let folder = folder.as_ref();
        let inode = || fs::metadata(folder).map(|found| (found.dev(), found.ino())).ok();
        loop {
            let before = inode();
            let opened = Self::open_files(folder.to_owned(), options, budget);
            // If a build replaced the index meanwhile, some files may be of one and some of the other.
            if inode() == before {
                return opened;
            }
        }
    }

    fn open_files(folder: PathBuf, options: &OpenOptions, budget: &Budget) -> Result<Self> {
        let storage = Storage::at(&folder)?;
        if (options.populate || options.huge_pages) && matches!(storage, Storage::Remote(_)) {
            let problem = "only an index in a local folder can be read into memory as a whole or be in huge pages; copy \
                           it to this machine";
            return Err(Error::Usage(problem.to_owned()));
        }
        let manifest = Manifest::read_in(&storage)?;
        let needed = budget.used() + least_memory(&manifest);
        if needed > budget.limit() {
            return Err(Error::memory("an open index", needed, budget.limit()));
        }
        let reservation = budget.reserve(Component::PageIndex, table_bytes(&manifest), "an open index")?;
        manifest.check_files(&storage, budget)?;
        let filters = manifest.parameters.filters();
        let codecs = manifest
            .dictionary
            .codec(filters, ListCode::new(manifest.genome.bases))
            .map_err(|problem| Error::damaged(folder.join(MANIFEST), None, problem))?;
        let pages = manifest.dictionary.pages();
        let catalog = Catalog::open_in(&storage, manifest.identity, pages, budget.limit())?;
        let meta = catalog.value::<(Parameters, Shape, u64)>(RecordKind::Meta, 0)?;
        if meta != Some((manifest.parameters.clone(), manifest.dictionary, manifest.genome.bases)) {
            return Err(catalog.damage("it belongs to another index than the manifest"));
        }
        let store = PageStore::open(&storage, &manifest, catalog, budget)?;
        let genome = CheckedGenome::open(&storage, budget)?;
        #[cfg(target_os = "linux")]
        advise(&folder, options, &store, &genome)?;
        Ok(Self {
            codec: KmerCodec::new(manifest.dictionary.k())?,
            filters,
            store,
            dictionary: match_layout!(codecs, codec, wrap => {
                wrap(Pages::new(codec, &manifest, &options.cache, budget))
            }),
            genome,
            contigs: OnceLock::new(),
            contigs_reservation: OnceLock::new(),
            _reservation: reservation,
            budget: budget.clone(),
            manifest,
            folder,
        })
    }

    /// The folder of the index.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The contents of the index and its parameters.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The numbers expected before the build; [`Manifest::actual`] has the same numbers, counted.
    pub fn estimate(&self) -> &MemoryHints {
        &self.manifest.estimate
    }

    /// Bases in a k-mer.
    pub fn k(&self) -> u32 {
        self.codec.k()
    }

    /// Encodes, canonicalises and hashes k-mers of this index.
    pub fn codec(&self) -> &KmerCodec {
        &self.codec
    }

    /// Statistics of the cache so far.
    pub fn cache_statistics(&self) -> CacheStatistics {
        match_layout!(&self.dictionary, pages => pages.cache().statistics())
    }

    /// Limits the cache to `bytes` bytes, and never to more than it was opened with. The excess is returned to the
    /// system at once, least recently used first, while look-ups continue; a higher limit lets the cache grow again.
    pub fn limit_cache(&self, bytes: u64) {
        match_layout!(&self.dictionary, pages => pages.cache().limit(bytes));
    }

    /// Whether the cache has space for all pages of the dictionary.
    pub(crate) fn caches_dictionary(&self) -> bool {
        match_layout!(&self.dictionary, pages => pages.cache().fits_all_pages())
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Reads pages and blocks for one layout.
    #[inline]
    pub(super) fn reader<'i, C: Codec>(&'i self, pages: &'i Pages<C>) -> PageReader<'i, C> {
        PageReader { store: &self.store, pages }
    }
}

/// Advises the system on how the files will be read.
#[cfg(target_os = "linux")]
fn advise(folder: &Path, options: &OpenOptions, store: &PageStore, genome: &CheckedGenome) -> Result<()> {
    if options.huge_pages {
        store.advise(Advice::HugePage);
        genome.mapped().inspect(|twobit| twobit.advise(Advice::HugePage));
    }
    if options.populate {
        store.advise(Advice::PopulateRead);
        genome.mapped().inspect(|twobit| twobit.advise(Advice::PopulateRead));
        // The catalog is read by calls: a map that is dropped at once leaves it in the memory of the system.
        let path = folder.join(CATALOG);
        let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
        let _ = map_read_only(&file, &path)?.advise(Advice::PopulateRead);
    }
    // Blocks are read one by one, not in a row. After populating, which would else go page by page.
    store.advise(Advice::Random);
    Ok(())
}
