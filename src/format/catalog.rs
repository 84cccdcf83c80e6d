//! `catalog.redb`: contigs, dictionary pages, the page index, the spectrum and the seed order. One file of keyed
//! values, so that a reader finds any of them with a few reads and a writer finishes all of them at once.
//!
//! The store does not verify what it reads, so every value has a checksum of ours: dictionary pages their own, all
//! other records the eight bytes in front that [`with_checksum`] adds.

use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{AccessGuard, Builder, Database, ReadableDatabase, StorageBackend, Table, TableDefinition, TableHandle};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::format::tree::{NumberedTable, ReadPattern, StoreFile, StoredValue};
use crate::format::{ChecksumKind, Identity, tree};
use crate::fs::{FileDigest, Syncer};
use crate::memory::buffers::Buffer;
use crate::storage::{RemoteFile, Storage};
use crate::{Error, Result};

/// Dictionary pages by number.
pub(crate) const PAGES: TableDefinition<u64, &[u8]> = TableDefinition::new("pages");
/// Every other record by [`RecordKind`] and number.
pub(crate) const RECORDS: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("records");

/// Kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    /// Number 0: parameters, [`Shape`](crate::dictionary::Shape) and bases, to check that manifest and catalog belong
    /// together.
    Meta = 0,
    /// Runs of [`Contig`](crate::genome::Contig), [`CONTIGS_PER_RECORD`] a record.
    Contigs = 1,
    /// Runs of [`PageEntry`], [`PAGES_PER_RECORD`] a record.
    PageIndex = 2,
    /// Runs of (frequency, distinct k-mers), ascending.
    Spectrum = 3,
    /// Runs of seeds by falling frequency.
    Seeds = 4,
    /// Runs of checksums of the packed genome's file, one for [`SEQUENCE_CHUNK`] bytes.
    Sequence = 5,
    /// Runs of [`ContigDigest`](crate::genome::ContigDigest), one a contig: not with the contigs, which every look-up
    /// of positions needs.
    Digests = 6,
}

/// Bytes of the store's page around one of ours, rounded up: a leaf's header, one key, and two offsets.
pub(crate) const PAGE_OVERHEAD: u64 = 96;

/// Contigs in one record: a few tens of KiB.
pub(crate) const CONTIGS_PER_RECORD: usize = 512;
/// Digests of contigs in one record: some 16 KiB.
pub(crate) const DIGESTS_PER_RECORD: usize = 380;
/// Page entries in one record: some 20 KiB, read for the first look-up in any of these pages.
pub(crate) const PAGES_PER_RECORD: usize = 2000;
/// Spectrum rows in one record: some 16 KiB.
pub(crate) const FREQUENCIES_PER_RECORD: usize = 2000;

/// Bytes of `sequence.2bit` under one checksum; the last may be shorter. A region pays for reading a chunk whole.
pub(crate) const SEQUENCE_CHUNK: usize = 1 << 16;
/// Checksums of the packed genome in one record: at most 40 KiB, for 250 MiB of it.
pub(crate) const CHUNKS_PER_RECORD: usize = 4000;

/// Where a page and its block begin: sums over all pages before, so that pages themselves do not depend on those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageEntry {
    /// K-mers in all pages before.
    pub(crate) first_kmer: u64,
    /// Byte offset of the position block.
    pub(crate) block_at: u64,
    /// Bytes of the position block.
    pub(crate) block_bytes: u64,
}

fn record_number(kind: RecordKind, number: u64) -> u64 {
    (kind as u64) << 48 ^ number
}

/// Bytes of the checksum in front of a record.
const SUM_BYTES: usize = 8;

/// A record with its checksum in front.
fn with_checksum(identity: Identity, kind: RecordKind, number: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + SUM_BYTES);
    out.extend_from_slice(&identity.checksum(payload, ChecksumKind::Record, record_number(kind, number)).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

/// Checks and strips the checksum of a record.
///
/// # Errors
/// A sentence if it is wrong.
fn check_record(identity: Identity, kind: RecordKind, number: u64, value: &[u8]) -> Result<&[u8], String> {
    match value.split_first_chunk::<SUM_BYTES>() {
        Some((sum, payload))
            if u64::from_le_bytes(*sum)
                == identity.checksum(payload, ChecksumKind::Record, record_number(kind, number)) =>
        {
            Ok(payload)
        }
        _ => Err(format!("record {number} of {kind:?} has a wrong checksum")),
    }
}

/// The file under the store while it is written. It is made durable while it grows and once more when it is closed, so
/// commits need not wait for the disk.
#[derive(Debug)]
struct DraftFile {
    file: crate::fs::File,
    path: PathBuf,
    syncer: Mutex<Option<Syncer>>,
    failure: Failure,
}

/// The first call that failed: the error that the store returns later may be another one.
type Failure = Arc<Mutex<Option<Error>>>;

impl DraftFile {
    fn noted<T>(&self, action: &'static str, outcome: Result<T, std::io::Error>) -> Result<T, std::io::Error> {
        outcome.inspect_err(|e| {
            let same = e.raw_os_error().map_or_else(|| e.kind().into(), std::io::Error::from_raw_os_error);
            let failure = &mut *self.failure.lock();
            failure.get_or_insert_with(|| Error::io(action, &self.path, same));
        })
    }
}

impl StorageBackend for DraftFile {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.file.length()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.noted("read back", self.file.read_exact_at(out, offset))
    }
    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.noted("write", self.file.set_len(len))
    }
    fn sync_data(&self) -> Result<(), std::io::Error> {
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.noted("write", self.file.write_all_at(data, offset))?;
        if let Some(syncer) = &*self.syncer.lock() {
            syncer.written(data.len() as u64);
        }
        Ok(())
    }
    fn close(&self) -> Result<(), std::io::Error> {
        let syncer = self.syncer.lock().take();
        if let Some(Err(e)) = syncer.map(Syncer::finish) {
            self.failure.lock().get_or_insert(e);
        }
        Ok(())
    }
}

/// Turns an error of the store into one that names the file.
pub(crate) fn store_error(path: &Path, error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Io(source) => match source.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                Error::damaged(path, None, format!("the store cannot read it ({source})"))
            }
            _ => Error::io("use", path, source),
        },
        redb::Error::Corrupted(problem) => Error::damaged(path, None, problem),
        other => Error::damaged(path, None, other.to_string()),
    }
}

/// Writes a catalog: one transaction into a fresh file, so that its bytes depend on nothing but what is put in.
pub(crate) struct CatalogWriter {
    path: PathBuf,
    identity: Identity,
    database: Database,
    failure: Failure,
}

/// The cause of an error of the store: the first call on its file that failed.
fn cause(failure: &Failure, error: Error) -> Error {
    let of_store = |path: &Path| path.ends_with(super::CATALOG);
    match &error {
        Error::Io { path, .. } | Error::Damaged { path, .. } if of_store(path) => {
            failure.lock().take().unwrap_or(error)
        }
        _ => error,
    }
}

impl CatalogWriter {
    /// Creates the file; `cache` bytes are the store's own memory.
    pub(crate) fn create(path: &Path, identity: Identity, cache: usize) -> Result<Self> {
        let file = crate::fs::File::create_new(path).map_err(|e| Error::io("create", path, e))?;
        let failure = Failure::default();
        let database = Builder::new()
            .set_cache_size(cache)
            .create_with_backend(DraftFile {
                syncer: Mutex::new(Some(Syncer::start(&file, path)?)),
                failure: Arc::clone(&failure),
                path: path.to_owned(),
                file,
            })
            .map_err(|e| cause(&failure, store_error(path, e)))?;
        Ok(Self { path: path.to_owned(), identity, database, failure })
    }

    /// Runs `fill` in the one transaction of this catalog, then truncates the free end of the file and closes it.
    pub(crate) fn fill<T>(self, fill: impl FnOnce(&mut CatalogTables<'_>) -> Result<T>) -> Result<T> {
        let failure = Arc::clone(&self.failure);
        let outcome = self.fill_and_close(fill).map_err(|e| cause(&failure, e))?;
        match failure.lock().take() {
            Some(e) => Err(e),
            None => Ok(outcome),
        }
    }

    fn fill_and_close<T>(mut self, fill: impl FnOnce(&mut CatalogTables<'_>) -> Result<T>) -> Result<T> {
        let path = self.path.clone();
        let failed = |e: redb::Error| store_error(&path, e);
        let transaction = self.database.begin_write().map_err(|e| failed(e.into()))?;
        let outcome = {
            let mut tables = CatalogTables {
                path: &path,
                identity: self.identity,
                database: &self.database,
                pages: transaction.open_table(PAGES).map_err(|e| failed(e.into()))?,
                records: transaction.open_table(RECORDS).map_err(|e| failed(e.into()))?,
            };
            fill(&mut tables)?
        };
        transaction.commit().map_err(|e| failed(e.into()))?;
        self.database.compact().map_err(|e| failed(e.into()))?;
        Ok(outcome)
    }
}

/// The tables of a catalog that is being written.
pub(crate) struct CatalogTables<'a> {
    path: &'a Path,
    identity: Identity,
    database: &'a Database,
    pages: Table<'a, u64, &'static [u8]>,
    records: Table<'a, (u8, u64), &'static [u8]>,
}

impl CatalogTables<'_> {
    /// Stores dictionary page `page`.
    pub(crate) fn put_page(&mut self, page: u64, bytes: &[u8]) -> Result<()> {
        let mut slot = self.pages.insert_reserve(page, bytes.len()).map_err(|e| store_error(self.path, e))?;
        slot.as_mut().copy_from_slice(bytes);
        Ok(())
    }

    /// Bytes in the store's cache now.
    pub(crate) fn cache_bytes(&self) -> u64 {
        self.database.cache_stats().used_bytes() as u64
    }

    /// Reads back a page stored before.
    pub(crate) fn page(&self, page: u64) -> Result<AccessGuard<'_, &'static [u8]>> {
        use redb::ReadableTable;
        self.pages
            .get(page)
            .map_err(|e| store_error(self.path, e))?
            .ok_or_else(|| Error::damaged(self.path, None, format!("dictionary page {page} is missing")))
    }

    /// Stores a record under its checksum.
    pub(crate) fn put(&mut self, kind: RecordKind, number: u64, payload: &[u8]) -> Result<()> {
        let record = with_checksum(self.identity, kind, number, payload);
        self.records.insert((kind as u8, number), record.as_slice()).map_err(|e| store_error(self.path, e))?;
        Ok(())
    }

    /// Stores a value as a record, in postcard.
    pub(crate) fn put_value(&mut self, kind: RecordKind, number: u64, value: &impl Serialize) -> Result<()> {
        let payload = postcard::to_stdvec(value)
            .map_err(|e| Error::damaged(self.path, None, format!("a record cannot be written ({e})")))?;
        self.put(kind, number, &payload)
    }

    /// Stores a run of values, `per_record` a record.
    pub(crate) fn put_runs<T: Serialize>(&mut self, kind: RecordKind, values: &[T], per_record: usize) -> Result<()> {
        for (number, run) in values.chunks(per_record).enumerate() {
            self.put_value(kind, number as u64, &run)?;
        }
        Ok(())
    }
}

/// A catalog open for reading; shared by all threads.
#[derive(Debug)]
pub(crate) struct Catalog {
    path: PathBuf,
    identity: Identity,
    store: StoreFile,
    pages: NumberedTable,
    records: tree::Table<(u8, u64)>,
    /// Bytes that a page or record may have.
    max_bytes: u64,
}

impl Catalog {
    /// Bytes of memory for each page: where it is.
    pub(crate) const BYTES_PER_PAGE: u64 = NumberedTable::BYTES_PER_KEY;

    /// Opens a catalog of `pages` pages; no page or record may have more than `max_bytes`.
    pub(crate) fn open(path: &Path, identity: Identity, pages: u64, max_bytes: u64) -> Result<Self> {
        Self::of_store(path.to_owned(), StoreFile::open(path)?, identity, pages, max_bytes)
    }

    fn of_store(path: PathBuf, store: StoreFile, identity: Identity, pages: u64, max_bytes: u64) -> Result<Self> {
        let (pages, records) = (NumberedTable::new(store.table(PAGES.name())?, pages), store.table(RECORDS.name())?);
        Ok(Self { path, identity, store, pages, records, max_bytes })
    }

    /// As [`open`](Self::open), wherever the index lies.
    pub(crate) fn open_in(storage: &Storage, identity: Identity, pages: u64, max_bytes: u64) -> Result<Self> {
        match storage {
            Storage::Folder(folder) => Self::open(&folder.join(super::CATALOG), identity, pages, max_bytes),
            Storage::Remote(folder) => {
                let store = StoreFile::open_remote(folder.file(super::CATALOG)?)?;
                Self::of_store(folder.path().join(super::CATALOG), store, identity, pages, max_bytes)
            }
        }
    }

    /// An error about this file.
    pub(crate) fn damage(&self, problem: impl Into<String>) -> Error {
        Error::damaged(&self.path, None, problem)
    }

    /// An error about what is at a byte offset of this file.
    pub(crate) fn damage_at(&self, at: u64, problem: impl Into<String>) -> Error {
        Error::damaged(&self.path, Some(at), problem)
    }

    /// Length and digest of the whole file.
    pub(crate) fn digest(&self) -> Result<FileDigest> {
        self.store.digest()
    }

    /// Bytes of pages that are worth fetching together; `None` if the catalog lies in a local folder.
    pub(crate) fn bytes_together(&self) -> Option<u64> {
        self.store.remote().map(RemoteFile::bytes_together)
    }

    /// Fetches pages together, if the catalog lies elsewhere, so that reading them takes no request.
    pub(crate) fn fetch_pages(&self, pages: &[u64]) -> Result<()> {
        self.store.fetch_numbered(&self.pages, pages)
    }

    /// Dictionary page `page`, unchecked.
    pub(crate) fn page(&self, page: u64, pattern: ReadPattern) -> Result<StoredValue> {
        self.store
            .get_numbered(&self.pages, page, self.max_bytes, pattern)?
            .ok_or_else(|| self.damage(format!("dictionary page {page} is missing")))
    }

    /// Length of dictionary page `page`, and its first `bytes` bytes, unchecked.
    pub(crate) fn page_start(&self, page: u64, bytes: u64) -> Result<(u64, Buffer<u8>)> {
        let start = self.store.start_of_numbered(&self.pages, page, bytes)?;
        start.ok_or_else(|| self.damage(format!("dictionary page {page} is missing")))
    }

    /// Bytes of all records of a kind, with their checksums; none is read.
    pub(crate) fn record_bytes(&self, kind: RecordKind) -> Result<u64> {
        let mut bytes = 0;
        for number in 0.. {
            match self.store.length_of(&self.records, (kind as u8, number))? {
                Some(length) => bytes += length,
                None => break,
            }
        }
        Ok(bytes)
    }

    /// A record with its checksum, which is right; `None` if there is none.
    fn stored(&self, kind: RecordKind, number: u64) -> Result<Option<StoredValue>> {
        let Some(stored) = self.store.get(&self.records, (kind as u8, number), self.max_bytes)? else {
            return Ok(None);
        };
        check_record(self.identity, kind, number, &stored).map_err(|e| self.damage_at(stored.at, e))?;
        Ok(Some(stored))
    }

    /// The payload of a record, checked; `None` if there is none.
    pub(crate) fn record(&self, kind: RecordKind, number: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.stored(kind, number)?.map(|stored| stored[SUM_BYTES..].to_vec()))
    }

    /// A record written with [`CatalogTables::put_value`].
    pub(crate) fn value<T: DeserializeOwned>(&self, kind: RecordKind, number: u64) -> Result<Option<T>> {
        let Some(stored) = self.stored(kind, number)? else { return Ok(None) };
        postcard::from_bytes(&stored[SUM_BYTES..])
            .map(Some)
            .map_err(|e| self.damage_at(stored.at, format!("record {number} of {kind:?} cannot be read ({e})")))
    }

    /// All records of a kind that were written with [`CatalogTables::put_runs`], joined.
    pub(crate) fn runs<T: DeserializeOwned>(&self, kind: RecordKind) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for number in 0.. {
            match self.value::<Vec<T>>(kind, number)? {
                Some(run) => all.extend(run),
                None => break,
            }
        }
        Ok(all)
    }
}

/// Reads the first pages and records of a forged catalog.
#[cfg(fuzzing)]
pub(crate) fn probe_forged(path: &Path) -> Result<usize> {
    let catalog = Catalog::open(path, Identity::TEST, 300, 1 << 24)?;
    let mut found = 0;
    for page in 0..300 {
        found += usize::from(catalog.page(page, ReadPattern::Single).is_ok());
    }
    for kind in [
        RecordKind::Meta,
        RecordKind::Contigs,
        RecordKind::PageIndex,
        RecordKind::Spectrum,
        RecordKind::Seeds,
        RecordKind::Sequence,
    ] {
        for number in 0..4 {
            found += usize::from(catalog.record(kind, number).is_ok());
        }
    }
    let _ = catalog.runs::<crate::genome::Contig>(RecordKind::Contigs);
    let _ = catalog.runs::<PageEntry>(RecordKind::PageIndex);
    let _ = catalog.runs::<(u64, u64)>(RecordKind::Spectrum);
    Ok(found)
}
