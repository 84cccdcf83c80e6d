//! An open index: look up k-mers one by one or in batches, with positions; walk k-mers and seeds; read the genome.
//!
//! An [`Index`] is shared by reference between any number of threads. It reads pages as they are asked for, checks
//! each against its checksum when it is first read, and keeps them in one cache bounded in bytes.

mod batch;
mod cache;
#[cfg(fuzzing)]
mod forged;
mod provenance;
mod seed_walk;
mod superkmers;
mod verify;

use std::borrow::Cow;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ahash::AHashMap;
use memmap2::{Advice, Mmap};

pub use batch::BatchLookup;
use cache::PageCache;
pub use cache::{CacheOptions, CacheStatistics};
pub use provenance::{Difference, Differing, GenomeComparison, NAMED};
pub use seed_walk::Seed;
pub use verify::{Depth, Verified};

use crate::bundle::{Manifest, MemoryHints, Parameters};
use crate::dictionary::sorted::layout::Address;
use crate::dictionary::sorted::page;
use crate::dictionary::sorted::page::Filters;
use crate::dictionary::superkmers::page::{Fields, SuperKmerShape, Wanted};
use crate::dictionary::{Layout, Shape, SuperKmerLayout};
use crate::format::catalog::{
    CHUNKS_PER_RECORD, CONTIGS_PER_RECORD, Catalog, DIGESTS_PER_RECORD, PAGES_PER_RECORD, PageEntry, Record,
    SEQUENCE_CHUNK,
};
use crate::format::positions::{Ascending, ListCode};
use crate::format::{CATALOG, MANIFEST, POSITIONS, Piece, SEQUENCE, block};
use crate::fs::map_read_only;
use crate::genome::{Case, Contig, ContigDigest, TwoBit};
use crate::kmer::{KmerCodec, KmerError, Strand};
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{Region, RegionError, nearest_names, parse_region};
use crate::text::shortened;
use crate::{Error, Result};

/// Memory beside tables and pages that looking up takes at the least: a batch, and what the allocator keeps.
const LEAST_ROOM: u64 = 4 << 20;

/// How an index is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The cache of pages and unpacked position blocks.
    pub cache: CacheOptions,
    /// Read the whole of the index into memory at once.
    pub populate: bool,
    /// Ask for huge pages for the maps.
    pub huge_pages: bool,
}

/// A place in the genome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Number of the contig, from 0.
    pub contig: u32,
    /// First base in the contig, 0-based.
    pub start: u64,
    /// The strand of the genome on which the k-mer as asked for reads.
    pub strand: Strand,
}

/// How the k-mers of an index are kept.
enum Dictionary {
    Sorted { layout: Layout, address: Address },
    SuperKmers { layout: SuperKmerLayout, fields: Fields },
}

/// Where the parts of a page begin.
#[derive(Clone)]
pub(crate) enum PageShape {
    Sorted(page::PageShape),
    SuperKmers(SuperKmerShape),
}

impl PageShape {
    /// K-mers of the page.
    fn kmers(&self) -> u64 {
        match self {
            Self::Sorted(shape) => shape.entries.into(),
            Self::SuperKmers(shape) => shape.kmers,
        }
    }

    /// Crowded minimizers.
    fn crowds(&self) -> u32 {
        match self {
            Self::Sorted(_) => 0,
            Self::SuperKmers(shape) => shape.crowds,
        }
    }

    /// Bits of its position block.
    fn block_bits(&self) -> u64 {
        match self {
            Self::Sorted(shape) => shape.block_bits,
            Self::SuperKmers(shape) => shape.block_bits,
        }
    }
}

/// A dictionary page in memory.
type Page = cache::Page<PageShape>;

/// An index open for reading.
pub struct Index {
    folder: PathBuf,
    manifest: Manifest,
    codec: KmerCodec,
    filters: Filters,
    lists: ListCode,
    dictionary: Dictionary,
    catalog: Catalog,
    positions_path: PathBuf,
    positions: Mmap,
    genome: TwoBit,
    page_index: Vec<OnceLock<Vec<PageEntry>>>,
    /// One bit a position block: whether its checksum was found right.
    checked: Vec<AtomicU64>,
    /// Checksums of the packed genome's chunks, by record, and one bit a chunk: whether it was found right.
    chunk_sums: Vec<OnceLock<Vec<u64>>>,
    checked_chunks: Vec<AtomicU64>,
    contigs: OnceLock<Contigs>,
    cache: PageCache<PageShape>,
    contigs_held: OnceLock<Reservation>,
    _held: Reservation,
    budget: Budget,
}

/// Bytes of the tables of an open index: where pages and blocks lie, checksums of the genome, and what was checked.
pub(crate) fn table_bytes(manifest: &Manifest) -> u64 {
    let genome = manifest.files.get(SEQUENCE).map_or(0, |file| file.bytes);
    manifest.dictionary.pages() * (size_of::<PageEntry>() as u64 + 1) + genome.div_ceil(SEQUENCE_CHUNK as u64) * 9
}

/// The least budget with which an index can be used.
pub(crate) fn least_memory(manifest: &Manifest) -> u64 {
    // A page as the store reads it, and in the cache, and its block.
    let page = 3 * manifest.actual.dictionary_bytes / manifest.dictionary.pages().max(1);
    let places = cache::places_bytes(manifest.dictionary.pages());
    table_bytes(manifest) + places + page + LEAST_ROOM
}

struct Contigs {
    all: Vec<Contig>,
    by_name: AHashMap<String, u32>,
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

    /// Opens an index. It takes the same short time whatever the size: pages are read when they are asked for.
    ///
    /// # Errors
    /// [`Error::Unfinished`], [`Error::Version`] and [`Error::Damaged`] where the folder is not a sound index of a
    /// format that this program reads; [`Error::Memory`] where the budget is too small for it; [`Error::Io`].
    pub fn open_with(folder: impl AsRef<Path>, options: &OpenOptions, budget: &Budget) -> Result<Self> {
        let folder = folder.as_ref();
        let place = || fs::metadata(folder).map(|found| (found.dev(), found.ino())).ok();
        loop {
            let before = place();
            let opened = Self::open_files(folder.to_owned(), options, budget);
            // Where a build replaced the index meanwhile, some files may be of one and some of the other.
            if place() == before {
                return opened;
            }
        }
    }

    fn open_files(folder: PathBuf, options: &OpenOptions, budget: &Budget) -> Result<Self> {
        let manifest = Manifest::read(&folder)?;
        let needed = budget.used() + least_memory(&manifest);
        if needed > budget.limit() {
            return Err(Error::memory("an open index", needed, budget.limit()));
        }
        let held = budget.reserve(Component::PageIndex, table_bytes(&manifest), "an open index")?;
        manifest.check_lengths(&folder)?;
        let lists = ListCode::new(manifest.genome.bases);
        let unsound = |problem| Error::damaged(folder.join(MANIFEST), None, problem);
        let (codec, dictionary) = match manifest.dictionary {
            Shape::SortedDictionary(layout) => {
                (layout.check().map_err(unsound)?, Dictionary::Sorted { layout, address: layout.address() })
            }
            Shape::SuperKmers(layout) => {
                let fields = Fields::new(&layout, layout.check().map_err(unsound)?, &lists);
                (KmerCodec::new(layout.k)?, Dictionary::SuperKmers { layout, fields })
            }
        };
        let catalog = Catalog::open(&folder.join(CATALOG), manifest.identity, budget.limit())?;
        let meta = catalog.value::<(Parameters, Shape, u64)>(Record::Meta, 0)?;
        if meta != Some((manifest.parameters.clone(), manifest.dictionary, manifest.genome.bases)) {
            return Err(catalog.damage("it belongs to another index than the manifest"));
        }
        let positions_path = folder.join(POSITIONS);
        let file = File::open(&positions_path).map_err(|e| Error::io("open", &positions_path, e))?;
        let positions = map_read_only(&file, &positions_path)?;
        if positions.get(..block::FILE_HEADER as usize) != Some(&block::file_header()) {
            return Err(Error::damaged(&positions_path, Some(0), "it does not begin as position blocks do"));
        }
        let genome = TwoBit::open(&folder.join(SEQUENCE))?;
        #[cfg(target_os = "linux")]
        {
            if options.huge_pages {
                let _ = positions.advise(Advice::HugePage);
                genome.advise(Advice::HugePage);
            }
            if options.populate {
                let _ = positions.advise(Advice::PopulateRead);
                genome.advise(Advice::PopulateRead);
                // The store reads its file by calls: a map that goes at once leaves it in the memory of the system.
                let path = folder.join(CATALOG);
                let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
                let _ = map_read_only(&file, &path)?.advise(Advice::PopulateRead);
            }
            // Blocks are visited one by one, not in a row. After populating, which would else go page by page.
            let _ = positions.advise(Advice::Random);
        }
        let pages = manifest.dictionary.pages();
        let chunks = genome.bytes().len().div_ceil(SEQUENCE_CHUNK) as u64;
        Ok(Self {
            codec,
            filters: Filters {
                min_frequency: manifest.parameters.min_frequency,
                max_frequency: manifest.parameters.max_frequency,
                max_positions: manifest.parameters.max_positions,
            },
            lists,
            dictionary,
            catalog,
            positions_path,
            positions,
            genome,
            page_index: (0..pages.div_ceil(PAGES_PER_RECORD as u64)).map(|_| OnceLock::new()).collect(),
            checked: (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            chunk_sums: (0..chunks.div_ceil(CHUNKS_PER_RECORD as u64)).map(|_| OnceLock::new()).collect(),
            checked_chunks: (0..chunks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            contigs: OnceLock::new(),
            cache: PageCache::new(&options.cache, pages, manifest.actual.dictionary_bytes / pages.max(1), budget),
            contigs_held: OnceLock::new(),
            _held: held,
            budget: budget.clone(),
            manifest,
            folder,
        })
    }

    /// The folder of the index.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the index holds and how it was built.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What was expected before the build; beside it [`Manifest::actual`] says what came.
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

    /// What the cache did so far.
    pub fn cache_statistics(&self) -> CacheStatistics {
        self.cache.statistics()
    }

    /// From now on the cache holds at most `bytes` bytes, never more than it was opened with. What is too much goes back
    /// to the system at once, least recently used first, while look-ups go on; a higher limit lets it grow again.
    pub fn limit_cache(&self, bytes: u64) {
        self.cache.limit(bytes);
    }

    // Contigs and the genome.

    fn contig_table(&self) -> Result<&Contigs> {
        if let Some(contigs) = self.contigs.get() {
            return Ok(contigs);
        }
        let count = self.manifest.genome.contigs;
        let mut all: Vec<Contig> = Vec::new();
        let mut held = self.budget.hold(Component::Contigs);
        let records = count.div_ceil(CONTIGS_PER_RECORD as u64);
        for number in 0..records {
            match self.catalog.value::<Vec<Contig>>(Record::Contigs, number)? {
                Some(run) => {
                    // Each name also stands in the table by name.
                    let texts: usize = run.iter().map(|c| 2 * c.name.len() + c.description.len()).sum();
                    let bytes = (texts + 2 * run.len() * size_of::<Contig>()) as u64;
                    held.grow_part(bytes, "the table of contigs", (number + 1, records))?;
                    all.extend(run);
                }
                None => break,
            }
        }
        let mut next = 0;
        let sound = all.len() as u64 == count
            && all.iter().all(|contig| {
                let here = contig.start == next;
                next = contig.start.saturating_add(contig.length);
                here
            })
            && next == self.manifest.genome.bases;
        if !sound {
            return Err(self.catalog.damage("its contigs disagree with the manifest"));
        }
        let by_name: AHashMap<String, u32> = all.iter().zip(0..).map(|(c, i)| (c.name.clone(), i)).collect();
        let contigs = self.contigs.get_or_init(|| Contigs { all, by_name });
        self.contigs_held.get_or_init(|| held);
        Ok(contigs)
    }

    /// All contigs, in the order of the genome.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they cannot be read.
    pub fn contigs(&self) -> Result<&[Contig]> {
        Ok(&self.contig_table()?.all)
    }

    /// Digests of all contigs, in the order of the genome; read anew at each call.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they cannot be read; [`Error::Memory`].
    pub fn contig_digests(&self) -> Result<Vec<ContigDigest>> {
        let genome = &self.manifest.genome;
        let bytes = genome.contigs.saturating_mul(size_of::<ContigDigest>() as u64);
        let _held = self.budget.reserve(Component::Contigs, bytes, "the digests of the contigs")?;
        let mut all: Vec<ContigDigest> = Vec::new();
        for number in 0..genome.contigs.div_ceil(DIGESTS_PER_RECORD as u64) {
            match self.catalog.value::<Vec<ContigDigest>>(Record::Digests, number)? {
                Some(run) => all.extend(run),
                None => break,
            }
        }
        let others = all.iter().fold(0u64, |sum, digest| sum.saturating_add(digest.other_letters));
        if (all.len() as u64, others) != (genome.contigs, genome.other_letters) {
            return Err(self.catalog.damage("its digests of contigs disagree with the manifest"));
        }
        Ok(all)
    }

    /// Number of the contig of this name.
    ///
    /// # Errors
    /// [`Error::NotInIndex`] with the nearest names; [`Error::Damaged`].
    pub fn contig_by_name(&self, name: &str) -> Result<u32> {
        let contigs = self.contig_table()?;
        contigs.by_name.get(name).copied().ok_or_else(|| self.unknown_contig(contigs, name))
    }

    /// Whether a contig has this name; none has while the table of contigs cannot be read.
    pub(crate) fn has_contig(&self, name: &str) -> bool {
        self.contig_table().is_ok_and(|contigs| contigs.by_name.contains_key(name))
    }

    fn unknown_contig(&self, contigs: &Contigs, name: &str) -> Error {
        let near = nearest_names(name, contigs.all.iter().map(|c| c.name.as_str()));
        let problem = RegionError::UnknownContig(name.to_owned());
        Error::NotInIndex {
            index: self.folder.clone(),
            problem: if near.is_empty() {
                let first = contigs.all.first().map_or("", |c| &c.name);
                format!("{problem}; its {} contigs begin with {:?}", contigs.all.len(), shortened(first))
            } else {
                let near: Vec<_> = near.into_iter().map(shortened).collect();
                format!("{problem}; did you mean {}?", near.join(" or "))
            },
        }
    }

    /// Reads a region as samtools does (`chr1:1,001-2,000`); see [`parse_region`].
    ///
    /// # Errors
    /// [`Error::NotInIndex`] for an unknown contig, an interval that begins past its end and a text with two readings;
    /// [`Error::Damaged`].
    pub fn region(&self, text: &str) -> Result<Region> {
        let contigs = self.contig_table()?;
        let length = |name: &str| Some(contigs.all[*contigs.by_name.get(name)? as usize].length);
        parse_region(text, length).map_err(|e| match e {
            RegionError::UnknownContig(name) => self.unknown_contig(contigs, &name),
            RegionError::Interval(problem) => Error::NotInIndex { index: self.folder.clone(), problem },
        })
    }

    /// Number of a region's contig; the interval is checked.
    pub(crate) fn locate(&self, region: &Region) -> Result<u32> {
        let number = self.contig_by_name(&region.contig)?;
        let contig = &self.contigs()?[number as usize];
        let Range { start, end } = region.range;
        if end > contig.length || start > end {
            let name = shortened(&contig.name);
            return Err(Error::NotInIndex {
                index: self.folder.clone(),
                problem: format!("{name}:{start}-{end} ends past {name}, which has {} bases", contig.length),
            });
        }
        Ok(number)
    }

    /// Number of a region's contig and its packed record; the interval is checked.
    pub(crate) fn region_record(&self, region: &Region) -> Result<(u32, crate::genome::Record<'_>)> {
        let number = self.locate(region)?;
        let contig = &self.contigs()?[number as usize];
        let record = self.genome.record_at(contig.record)?;
        let packed = self.genome.offset_of(record.packed());
        self.check_genome(contig.record..packed)?;
        self.check_genome(packed + region.range.start / 4..packed + region.range.end.div_ceil(4))?;
        if record.length() != contig.length {
            return Err(Error::damaged(
                self.folder.join(SEQUENCE),
                Some(contig.record),
                format!("contig {} has another length there", shortened(&contig.name)),
            ));
        }
        Ok((number, record))
    }

    /// Checks the chunks of the packed genome that hold these bytes of its file, each once.
    fn check_genome(&self, bytes: Range<u64>) -> Result<()> {
        let chunk = SEQUENCE_CHUNK as u64;
        for number in bytes.start / chunk..bytes.end.div_ceil(chunk) {
            let (word, bit) = match self.checked_chunks.get((number / 64) as usize) {
                Some(word) => (word, 1 << (number % 64)),
                None => break,
            };
            if word.load(Ordering::Relaxed) & bit != 0 {
                continue;
            }
            let record = number / CHUNKS_PER_RECORD as u64;
            let slot = &self.chunk_sums[record as usize];
            let sums = match slot.get() {
                Some(sums) => sums,
                None => {
                    let sums = self.catalog.value(Record::Sequence, record)?.unwrap_or_default();
                    slot.get_or_init(|| sums)
                }
            };
            let start = number as usize * SEQUENCE_CHUNK;
            let all = self.genome.bytes();
            let part = &all[start..all.len().min(start + SEQUENCE_CHUNK)];
            let sum = self.manifest.identity.checksum(part, Piece::Chunk, number);
            if sums.get((number % CHUNKS_PER_RECORD as u64) as usize) != Some(&sum) {
                let problem = "the packed genome has a wrong checksum there";
                return Err(Error::damaged(self.folder.join(SEQUENCE), Some(start as u64), problem));
            }
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The bases of an interval of a contig, soft mask and N as in the input.
    ///
    /// # Errors
    /// [`Error::NotInIndex`]; [`Error::Damaged`].
    pub fn bases(&self, contig: &str, range: Range<u64>) -> Result<String> {
        let (_, record) = self.region_record(&Region { contig: contig.to_owned(), range: range.clone() })?;
        let mut out = Vec::with_capacity((range.end - range.start) as usize);
        record.bases(range, Case::Masked, &mut out);
        Ok(out.into_iter().map(char::from).collect())
    }

    /// The packed genome, unchecked: [`bases`](Self::bases) checks what it reads.
    pub fn genome(&self) -> &TwoBit {
        &self.genome
    }

    // Pages.

    /// Reads page `number` from the store and checks it.
    fn read_page(&self, number: u64) -> Result<Page> {
        let stored = self.catalog.page(number)?;
        let (identity, bytes) = (self.manifest.identity, &stored.bytes[..]);
        let shape = match &self.dictionary {
            Dictionary::Sorted { layout, .. } => {
                page::PageShape::of(identity, bytes, number, layout).map(PageShape::Sorted)
            }
            Dictionary::SuperKmers { layout, fields } => {
                SuperKmerShape::of(identity, bytes, number, layout, fields).map(PageShape::SuperKmers)
            }
        }
        .map_err(|e| self.catalog.damage_at(stored.at, e))?;
        Ok(Page::stored(number, shape, stored.bytes))
    }

    /// Runs `look` on page `number`, which is kept in the cache.
    #[inline]
    pub(crate) fn with_page<T>(&self, number: u64, look: impl Fn(&Page) -> T) -> Result<T> {
        match self.cache.with_page(number, |page| look(page)) {
            Some(found) => Ok(found),
            None => self.load_page(number).map(|page| look(&page)),
        }
    }

    /// Page `number`, from the cache or the store; kept in the cache.
    pub(crate) fn page(&self, number: u64) -> Result<Arc<Page>> {
        match self.cache.with_page(number, Arc::clone) {
            Some(page) => Ok(page),
            None => self.load_page(number),
        }
    }

    /// Page `number`, which is not in the cache; kept there.
    fn load_page(&self, number: u64) -> Result<Arc<Page>> {
        Ok(self.cache.keep_page(self.read_page(number)?))
    }

    /// Page `number` for one visit: from the cache if it is there, else read and not kept.
    pub(crate) fn visit_page(&self, number: u64) -> Result<Arc<Page>> {
        match self.cache.with_page(number, Arc::clone) {
            Some(page) => Ok(page),
            None => Ok(Arc::new(self.read_page(number)?)),
        }
    }

    pub(crate) fn page_entry(&self, page: u64) -> Result<PageEntry> {
        let record = page / PAGES_PER_RECORD as u64;
        let slot = self
            .page_index
            .get(record as usize)
            .ok_or_else(|| self.catalog.damage(format!("page {page} is past the last")))?;
        let entries = match slot.get() {
            Some(entries) => entries,
            None => {
                let entries = self.catalog.value(Record::PageIndex, record)?.unwrap_or_default();
                slot.get_or_init(|| entries)
            }
        };
        entries
            .get((page % PAGES_PER_RECORD as u64) as usize)
            .copied()
            .ok_or_else(|| self.catalog.damage(format!("page {page} has no entry in the page index")))
    }

    /// The payload of position block `block`; checked on first use.
    pub(crate) fn block(&self, block: u64) -> Result<Block<'_>> {
        let damage = |offset, problem: String| Error::damaged(&self.positions_path, Some(offset), problem);
        if let Some(bytes) = self.cache.block(block) {
            return Ok(Block::Unpacked(bytes));
        }
        let entry = self.page_entry(block)?;
        let bytes = usize::try_from(entry.block_at)
            .ok()
            .zip(usize::try_from(entry.block_bytes).ok())
            .and_then(|(at, length)| self.positions.get(at..at.checked_add(length)?))
            .ok_or_else(|| damage(entry.block_at, format!("position block {block} ends past the file")))?;
        let (word, bit) = (&self.checked[(block / 64) as usize], 1 << (block % 64));
        let check = word.load(Ordering::Relaxed) & bit == 0;
        if check {
            // All of it is read now, though only a part of it later.
            self.will_need(entry.block_at as usize, bytes.len());
        }
        let most = self.budget.limit();
        let payload = block::decode(bytes, block, check.then_some(self.manifest.identity), most)
            .map_err(|e| damage(entry.block_at, e))?;
        if check {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(match payload {
            Cow::Borrowed(bytes) => Block::InPlace(bytes),
            Cow::Owned(bytes) => Block::Unpacked(self.cache.keep_block(block, bytes)),
        })
    }

    /// Asks the system to read a part of the position blocks at once, and not page by page as it is touched.
    fn will_need(&self, at: usize, length: usize) {
        #[cfg(target_os = "linux")]
        let _ = self.positions.advise_range(Advice::WillNeed, at, length);
    }

    // One k-mer.

    /// Encodes a k-mer of this index from letters of either case.
    ///
    /// # Errors
    /// [`KmerError`] for a wrong length or letter.
    pub fn encode(&self, kmer: &[u8]) -> Result<u64, KmerError> {
        self.codec.encode(kmer)
    }

    /// How often a k-mer (a code of [`encode`](Self::encode), either strand) occurs in the genome, both strands counted.
    /// 0 where it is not stored: it is absent, or outside the frequency filters of the index.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`].
    pub fn frequency(&self, kmer: u64) -> Result<u64> {
        match &self.dictionary {
            Dictionary::Sorted { address, .. } => {
                let (hash, _) = self.codec.hash(kmer);
                self.with_page(address.page(hash), |page| page.frequency(hash, self.filters.min_frequency))
            }
            Dictionary::SuperKmers { fields, .. } => self.super_kmer_frequency(fields, kmer),
        }
    }

    /// Calls `each` for the positions of a k-mer, ascending; gives its frequency. Where the index was built with
    /// `max_positions`, they may be fewer than the frequency: an even sample.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`].
    pub fn for_each_position(&self, kmer: u64, mut each: impl FnMut(Position)) -> Result<u64> {
        self.try_for_each_position(kmer, u64::MAX, |position| {
            each(position);
            Ok(())
        })
    }

    /// As [`for_each_position`](Self::for_each_position), for the first `limit` positions and until `each` fails. Memory does not
    /// grow with the number of positions.
    ///
    /// # Errors
    /// What `each` returns; [`Error::Damaged`]; [`Error::Io`].
    pub fn try_for_each_position(
        &self,
        kmer: u64,
        limit: u64,
        mut each: impl FnMut(Position) -> Result<()>,
    ) -> Result<u64> {
        let mut at = ContigCursor::new(self.contigs()?, &self.codec, kmer);
        match &self.dictionary {
            Dictionary::Sorted { address, .. } => {
                let (hash, strand) = self.codec.hash(kmer);
                let page = self.page(address.page(hash))?;
                self.raw_positions(&page, hash, limit, |raw| each(at.position(raw, strand)))
            }
            Dictionary::SuperKmers { fields, .. } => {
                self.super_kmer_positions(fields, kmer, limit, |raw, strand| each(at.position(raw, strand)))
            }
        }
    }

    /// The positions of a k-mer, ascending.
    ///
    /// # Errors
    /// As [`for_each_position`](Self::for_each_position).
    pub fn positions(&self, kmer: u64) -> Result<Vec<Position>> {
        let mut all = Vec::new();
        self.for_each_position(kmer, |position| all.push(position))?;
        Ok(all)
    }

    /// Calls `each` for the first `limit` coded positions of a hash; gives its frequency.
    fn raw_positions(&self, page: &Page, hash: u64, limit: u64, each: impl FnMut(u64) -> Result<()>) -> Result<u64> {
        let (bytes, shape) = (page.bytes(), page.sorted()?);
        let Some((slot, code)) = shape.search(bytes, shape.place(bytes, page.number, hash), hash) else {
            return Ok(0);
        };
        let frequency = frequency_of(page, shape, hash, slot, code, self.filters.min_frequency);
        let at = shape.list_at(bytes, page.number, hash, slot, &self.filters, &self.lists);
        let block = self.block(page.number)?;
        self.read_list(&block, page, at, frequency, limit, each)?;
        Ok(frequency)
    }

    /// Calls `each` for the first `limit` coded positions of the list at bit `at` of a block.
    fn read_list(
        &self,
        block: &Block<'_>,
        page: &Page,
        at: u64,
        frequency: u64,
        limit: u64,
        mut each: impl FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let m = self.filters.stored_positions(frequency);
        let wanted = m.min(limit);
        let mut list = Ascending::below(self.lists.universe());
        let mut outcome = Ok(());
        if wanted > 0 && at.saturating_add(self.lists.bits(m)) <= page.shape.block_bits() {
            self.lists.read_while(block.bytes(), at, m, |raw| {
                if list.take(raw) {
                    outcome = each(raw);
                }
                outcome.is_ok() && list.seen() < wanted
            });
        }
        outcome?;
        if !list.is_whole(wanted) {
            return Err(self.block_damage(page.number, "does not have the positions that its page states"));
        }
        Ok(())
    }

    /// An error about position block `number`.
    fn block_damage(&self, number: u64, problem: &str) -> Error {
        let offset = self.page_entry(number).ok().map(|entry| entry.block_at);
        Error::damaged(&self.positions_path, offset, format!("position block {number} {problem}"))
    }

    // All k-mers.

    /// Calls `each` for every stored k-mer, in the order of the index: the k-mer as it is printed (the lexicographically
    /// smaller strand), its frequency, and a way to its positions. `each` stops the walk by an error.
    ///
    /// # Errors
    /// What `each` returns; [`Error::Damaged`]; [`Error::Io`].
    pub fn for_each_kmer(&self, mut each: impl FnMut(&KmerEntry<'_>) -> Result<()>) -> Result<()> {
        for number in 0..self.pages() {
            self.for_each_kmer_of_page(number, &mut each)?;
        }
        Ok(())
    }

    /// Pages of the dictionary; [`for_each_kmer_of_page`](Self::for_each_kmer_of_page) walks one, so several threads
    /// can share the walk.
    pub fn pages(&self) -> u64 {
        self.manifest.dictionary.pages()
    }

    /// As [`for_each_kmer`](Self::for_each_kmer), for the k-mers of one page (0 to [`pages`](Self::pages)).
    ///
    /// # Errors
    /// As [`for_each_kmer`](Self::for_each_kmer).
    pub fn for_each_kmer_of_page(&self, page: u64, mut each: impl FnMut(&KmerEntry<'_>) -> Result<()>) -> Result<()> {
        let page = self.visit_page(page)?;
        self.for_each_kmer_in(&page, |kmer, frequency, place| {
            let printed = self.codec.printed_strand(kmer);
            let strand = Strand::from_reverse(printed != kmer);
            each(&KmerEntry { kmer: printed, frequency, strand, index: self, page: &page, place })
        })
    }

    /// Calls `each(k-mer, frequency, where its positions are)` for the k-mers of a page, each on its stored strand.
    fn for_each_kmer_in(&self, page: &Page, mut each: impl FnMut(u64, u64, KmerPlace) -> Result<()>) -> Result<()> {
        match (&self.dictionary, &page.shape) {
            (Dictionary::SuperKmers { fields, .. }, PageShape::SuperKmers(shape)) => shape.for_each_kmer(
                fields,
                (page.bytes(), page.number),
                || self.block(page.number),
                |problem| self.catalog.damage(problem),
                |kmer, frequency, wanted| each(kmer, frequency, KmerPlace::SuperKmers(wanted)),
            ),
            (Dictionary::Sorted { layout, .. }, PageShape::Sorted(shape)) => {
                let mut list_at = 0u64;
                for (hash, frequency) in shape.entries(page.bytes(), page.number, layout, self.filters.min_frequency) {
                    each(self.codec.kmer_of_hash(hash), frequency, KmerPlace::List(list_at))?;
                    list_at = self.lists.bits(self.filters.stored_positions(frequency)).saturating_add(list_at);
                }
                Ok(())
            }
            _ => Err(self.catalog.damage("its pages are of another layout")),
        }
    }

    /// How many distinct k-mers of the genome occur how often: (frequency, k-mers), ascending, whatever the filters.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`].
    pub fn spectrum(&self) -> Result<Vec<(u64, u64)>> {
        let rows: Vec<(u64, u64)> = self.catalog.runs(Record::Spectrum)?;
        let distinct: u64 = rows.iter().map(|r| r.1).fold(0, u64::saturating_add);
        if distinct != self.manifest.actual.distinct_kmers || !rows.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(self.catalog.damage("its spectrum disagrees with the manifest"));
        }
        Ok(rows)
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }
}

/// The payload of a position block.
pub(crate) enum Block<'a> {
    InPlace(&'a [u8]),
    Unpacked(Arc<Vec<u8>>),
}

impl AsRef<[u8]> for Block<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Block<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::InPlace(bytes) => bytes,
            Self::Unpacked(bytes) => bytes,
        }
    }
}

/// A stored k-mer in a walk over the index.
pub struct KmerEntry<'a> {
    /// Code of the k-mer as it is printed; [`KmerCodec::decode`] gives its letters.
    pub kmer: u64,
    /// Occurrences in the genome, both strands.
    pub frequency: u64,
    /// Strand of the printed form relative to the stored one.
    strand: Strand,
    index: &'a Index,
    page: &'a Page,
    place: KmerPlace,
}

/// Where the positions of a k-mer are.
enum KmerPlace {
    /// In the list that begins at this bit of its block.
    List(u64),
    /// At the super-k-mers that hold it.
    SuperKmers(Wanted),
}

impl KmerEntry<'_> {
    /// Calls `each` for its positions, ascending.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`].
    pub fn for_each_position(&self, mut each: impl FnMut(Position)) -> Result<()> {
        let index = self.index;
        let mut at = ContigCursor::new(index.contigs()?, &index.codec, self.kmer);
        let each = |raw| {
            each(at.position(raw, self.strand));
            Ok(())
        };
        match (&self.place, &index.dictionary) {
            (KmerPlace::SuperKmers(wanted), Dictionary::SuperKmers { fields, .. }) => {
                index.wanted_positions(fields, self.page, wanted, u64::MAX, each).map(drop)
            }
            (KmerPlace::List(list_at), _) => {
                let block = index.block(self.page.number)?;
                index.read_list(&block, self.page, *list_at, self.frequency, u64::MAX, each)
            }
            _ => Err(index.catalog.damage("its pages are of another layout")),
        }
    }
}

impl Page {
    #[inline(always)]
    fn sorted(&self) -> Result<&page::PageShape> {
        match &self.shape {
            PageShape::Sorted(shape) => Ok(shape),
            PageShape::SuperKmers(_) => Err(Error::Usage("this page is not sorted by k-mer".to_owned())),
        }
    }

    #[inline(always)]
    fn frequency(&self, hash: u64, min_frequency: u64) -> u64 {
        let PageShape::Sorted(shape) = &self.shape else { return 0 };
        let bytes = self.bytes();
        match shape.search(bytes, shape.place(bytes, self.number, hash), hash) {
            Some((slot, code)) => frequency_of(self, shape, hash, slot, code, min_frequency),
            None => 0,
        }
    }
}

#[inline(always)]
fn frequency_of(page: &Page, shape: &page::PageShape, hash: u64, slot: u32, code: u64, min_frequency: u64) -> u64 {
    let value = match shape.plain(code) {
        Some(value) => value,
        None => shape.escaped(page.bytes(), page.number, hash, slot),
    };
    min_frequency.saturating_add(value)
}

/// Turns global offsets into contigs; cheap for ascending offsets.
struct ContigCursor<'a> {
    contigs: &'a [Contig],
    current: usize,
    /// The k-mer is its own reverse complement, and reads forward wherever it is.
    palindrome: bool,
}

impl<'a> ContigCursor<'a> {
    fn new(contigs: &'a [Contig], codec: &KmerCodec, kmer: u64) -> Self {
        Self { contigs, current: 0, palindrome: codec.reverse_complement(kmer) == kmer }
    }

    /// The place of a coded position, for a k-mer asked for on `strand` of its stored form. The offset is below the
    /// number of bases, which [`Index::read_list`] has checked, so there is a contig that holds it.
    #[inline]
    fn position(&mut self, raw: u64, strand: Strand) -> Position {
        let offset = raw >> 1;
        let here = &self.contigs[self.current];
        if offset < here.start || offset >= here.start + here.length {
            self.current = self.contigs.partition_point(|c| c.start + c.length <= offset).min(self.contigs.len() - 1);
        }
        Position {
            contig: self.current as u32,
            start: offset.saturating_sub(self.contigs[self.current].start),
            strand: if self.palindrome {
                Strand::Forward
            } else {
                Strand::from_reverse(raw & 1 == 1).relative_to(strand)
            },
        }
    }
}
