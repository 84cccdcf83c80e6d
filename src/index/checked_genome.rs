//! The packed genome of an open index, checked chunk by chunk as it is first read: checking all of it at once would
//! make opening as slow as the genome is long.
//!
//! One that lies elsewhere is read chunk by chunk too, or as a whole by the commands that read it in place.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::format::catalog::{CHUNKS_PER_RECORD, Catalog, RecordKind, SEQUENCE_CHUNK};
use crate::format::{ChecksumKind, Identity, SEQUENCE};
use crate::genome::TwoBit;
use crate::memory::{Budget, Component, Reservation};
use crate::storage::{RemoteFile, Storage};
use crate::{Error, Result};

/// The bytes of the packed genome.
enum GenomeBytes {
    Mapped(TwoBit),
    Remote(RemoteGenome),
}

/// A packed genome that lies elsewhere.
pub(crate) struct RemoteGenome {
    pub(crate) file: Arc<RemoteFile>,
    /// All of it, once it is needed.
    loaded: OnceLock<(TwoBit, Reservation)>,
    /// Held by the thread that loads it.
    loading: Mutex<()>,
    /// The head of the record that was read last.
    pub(crate) last_head: Mutex<Option<Arc<RecordHead>>>,
}

/// The bytes of a record of the packed genome before its bases: runs of N and of lower case.
pub(crate) struct RecordHead {
    /// Offset of the record in the file.
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) _reservation: Reservation,
}

/// The packed genome, and which chunks of its file have a right checksum.
pub(crate) struct CheckedGenome {
    path: PathBuf,
    bytes: GenomeBytes,
    length: u64,
    budget: Budget,
    /// Checksums of chunks, by record of the catalog.
    sums: Vec<OnceLock<Vec<u64>>>,
    /// A bit for each chunk: whether its checksum was found right.
    checked: Vec<AtomicU64>,
}

impl CheckedGenome {
    /// Opens the packed genome of a bundle; no chunk is read.
    pub(crate) fn open(storage: &Storage, budget: &Budget) -> Result<Self> {
        let (path, bytes, length) = match storage {
            Storage::Folder(folder) => {
                let path = folder.join(SEQUENCE);
                let twobit = TwoBit::open(&path)?;
                let length = twobit.bytes().len() as u64;
                (path, GenomeBytes::Mapped(twobit), length)
            }
            Storage::Remote(folder) => {
                let file = folder.file(SEQUENCE)?;
                let length = file.length();
                let (loaded, loading, last_head) = (OnceLock::new(), Mutex::default(), Mutex::default());
                let genome = RemoteGenome { file, loaded, loading, last_head };
                (folder.path().join(SEQUENCE), GenomeBytes::Remote(genome), length)
            }
        };
        let chunks = length.div_ceil(SEQUENCE_CHUNK as u64);
        Ok(Self {
            path,
            bytes,
            length,
            budget: budget.clone(),
            sums: (0..chunks.div_ceil(CHUNKS_PER_RECORD as u64)).map(|_| OnceLock::new()).collect(),
            checked: (0..chunks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// Bytes of the file.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The packed genome; its bytes may not be checked yet. One that lies elsewhere is read into memory first.
    ///
    /// # Errors
    /// Only if it lies elsewhere: [`Error::Memory`]; [`Error::Damaged`]; [`Error::Io`].
    pub(crate) fn twobit(&self) -> Result<&TwoBit> {
        let remote = match &self.bytes {
            GenomeBytes::Mapped(twobit) => return Ok(twobit),
            GenomeBytes::Remote(remote) => remote,
        };
        if let Some((twobit, _)) = remote.loaded.get() {
            return Ok(twobit);
        }
        let _loading = remote.loading.lock();
        // Another thread may have loaded it meanwhile.
        if let Some((twobit, _)) = remote.loaded.get() {
            return Ok(twobit);
        }
        let what = "the packed genome of an index that lies elsewhere, which this reads as a whole,";
        let reservation = self.budget.reserve(Component::Genome, self.length, what)?;
        let twobit = TwoBit::loaded(&self.path, remote.file.read_whole()?)?;
        Ok(&remote.loaded.get_or_init(|| (twobit, reservation)).0)
    }

    /// The packed genome, if it is in a local file.
    #[cfg(target_os = "linux")]
    pub(crate) fn mapped(&self) -> Option<&TwoBit> {
        match &self.bytes {
            GenomeBytes::Mapped(twobit) => Some(twobit),
            GenomeBytes::Remote(_) => None,
        }
    }

    /// The packed genome, if it lies elsewhere and is not in memory.
    pub(crate) fn remote(&self) -> Option<&RemoteGenome> {
        match &self.bytes {
            GenomeBytes::Remote(remote) if remote.loaded.get().is_none() => Some(remote),
            _ => None,
        }
    }

    /// Checks the chunks with these bytes of the file, each once.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`]; those of [`twobit`](Self::twobit).
    pub(crate) fn check(&self, bytes: Range<u64>, catalog: &Catalog, identity: Identity) -> Result<()> {
        let all = self.twobit()?.bytes();
        let chunk = SEQUENCE_CHUNK as u64;
        for number in bytes.start / chunk..bytes.end.div_ceil(chunk) {
            let (word, bit) = match self.checked.get((number / 64) as usize) {
                Some(word) => (word, 1 << (number % 64)),
                None => break,
            };
            if word.load(Ordering::Relaxed) & bit != 0 {
                continue;
            }
            let start = number as usize * SEQUENCE_CHUNK;
            let bytes = &all[start..all.len().min(start + SEQUENCE_CHUNK)];
            self.check_chunk(number, bytes, catalog, identity)?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Checks the bytes of a chunk.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`].
    pub(crate) fn check_chunk(&self, number: u64, bytes: &[u8], catalog: &Catalog, identity: Identity) -> Result<()> {
        let record = number / CHUNKS_PER_RECORD as u64;
        let slot = &self.sums[record as usize];
        let sums = match slot.get() {
            Some(sums) => sums,
            None => {
                let sums = catalog.value(RecordKind::Sequence, record)?.unwrap_or_default();
                slot.get_or_init(|| sums)
            }
        };
        let sum = identity.checksum(bytes, ChecksumKind::Chunk, number);
        if sums.get((number % CHUNKS_PER_RECORD as u64) as usize) != Some(&sum) {
            let start = number * SEQUENCE_CHUNK as u64;
            return Err(self.damage(Some(start), "the packed genome has a wrong checksum there"));
        }
        Ok(())
    }

    /// An error about this file.
    pub(crate) fn damage(&self, offset: Option<u64>, problem: impl Into<String>) -> Error {
        Error::damaged(&self.path, offset, problem)
    }
}
