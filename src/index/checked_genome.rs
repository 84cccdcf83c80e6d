//! The packed genome of an open index, checked chunk by chunk as it is first read: checking all of it at once would
//! make opening as slow as the genome is long.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::format::catalog::{CHUNKS_PER_RECORD, Catalog, RecordKind, SEQUENCE_CHUNK};
use crate::format::{ChecksumKind, Identity, SEQUENCE};
use crate::genome::TwoBit;
use crate::{Error, Result};

/// The packed genome, and which chunks of its file have a right checksum.
pub(crate) struct CheckedGenome {
    path: PathBuf,
    twobit: TwoBit,
    /// Checksums of chunks, by record of the catalog.
    sums: Vec<OnceLock<Vec<u64>>>,
    /// A bit for each chunk: whether its checksum was found right.
    checked: Vec<AtomicU64>,
}

impl CheckedGenome {
    /// Opens the packed genome of a bundle; no chunk is read.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(SEQUENCE);
        let twobit = TwoBit::open(&path)?;
        let chunks = twobit.bytes().len().div_ceil(SEQUENCE_CHUNK) as u64;
        Ok(Self {
            path,
            twobit,
            sums: (0..chunks.div_ceil(CHUNKS_PER_RECORD as u64)).map(|_| OnceLock::new()).collect(),
            checked: (0..chunks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// The packed genome; its bytes may not be checked yet.
    pub(crate) fn twobit(&self) -> &TwoBit {
        &self.twobit
    }

    /// Checks the chunks with these bytes of the file, each once.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`].
    pub(crate) fn check(&self, bytes: Range<u64>, catalog: &Catalog, identity: Identity) -> Result<()> {
        let chunk = SEQUENCE_CHUNK as u64;
        for number in bytes.start / chunk..bytes.end.div_ceil(chunk) {
            let (word, bit) = match self.checked.get((number / 64) as usize) {
                Some(word) => (word, 1 << (number % 64)),
                None => break,
            };
            if word.load(Ordering::Relaxed) & bit != 0 {
                continue;
            }
            let record = number / CHUNKS_PER_RECORD as u64;
            let slot = &self.sums[record as usize];
            let sums = match slot.get() {
                Some(sums) => sums,
                None => {
                    let sums = catalog.value(RecordKind::Sequence, record)?.unwrap_or_default();
                    slot.get_or_init(|| sums)
                }
            };
            let start = number as usize * SEQUENCE_CHUNK;
            let all = self.twobit.bytes();
            let sum =
                identity.checksum(&all[start..all.len().min(start + SEQUENCE_CHUNK)], ChecksumKind::Chunk, number);
            if sums.get((number % CHUNKS_PER_RECORD as u64) as usize) != Some(&sum) {
                return Err(self.damage(Some(start as u64), "the packed genome has a wrong checksum there"));
            }
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    /// An error about this file.
    pub(crate) fn damage(&self, offset: Option<u64>, problem: impl Into<String>) -> Error {
        Error::damaged(&self.path, offset, problem)
    }
}
