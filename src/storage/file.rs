//! A file that lies elsewhere, read by ranges: the bytes that a look-up needs by one request, many bytes ahead once
//! reads come in a row, and ranges that a batch needs together by few requests.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::fs::FileDigest;
use crate::memory::{Budget, Component, Reservation};
use crate::storage::client::{Client, Part, Version};
use crate::storage::segments::{Segment, Segments, coalesced};
use crate::{Error, Result};

/// Bytes that are read when a file is opened, and around metadata: a few branches and records of the catalog, which lie
/// together.
pub(super) const FIRST_BYTES: u64 = 1 << 16;
/// Bytes of one request that fetches several ranges or reads ahead, at most. At 50 MB/s for a connection it takes 80
/// ms, so that the wait for its first byte matters little, and memory stays small.
const MAX_REQUEST: u64 = 4 << 20;
/// Bytes between two ranges that one request fetches with them, at most. With [8 requests](super::client) in flight, a
/// request costs an eighth of its 20 ms; at 100 MB/s that is the time of these bytes.
const MAX_GAP: u64 = 1 << 18;
/// Share of the budget that kept bytes of one file may take.
const BUDGET_SHARE: u64 = 16;
/// Bounds of that, in bytes: the least that serves metadata and reads ahead, and what 8 requests fill.
const CAPACITY: [u64; 2] = [1 << 20, 32 << 20];

/// A file that lies elsewhere, open for reading by any number of threads.
#[derive(Debug)]
pub(crate) struct RemoteFile {
    client: Arc<Client>,
    path: PathBuf,
    name: String,
    version: Version,
    budget: Budget,
    /// Bytes of all kept segments.
    capacity: u64,
    segments: Mutex<Segments>,
    arrived: Condvar,
}

/// A range that this thread reads, for which others wait.
struct Claim<'f> {
    file: &'f RemoteFile,
    range: Range<u64>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let coming = &mut self.file.segments.lock().coming;
        if let Some(number) = coming.iter().position(|range| *range == self.range) {
            coming.swap_remove(number);
        }
        self.file.arrived.notify_all();
    }
}

/// The next step of a read.
enum Step<'f> {
    Copy(Arc<Segment>),
    Fetch(Claim<'f>),
    /// Of just the wanted bytes.
    FetchAlone,
}

/// Threads that may read at the same time.
fn threads() -> u64 {
    // Outside a pool, without starting one.
    rayon::current_thread_index().map_or(1, |_| rayon::current_num_threads() as u64)
}

impl RemoteFile {
    /// A file whose first bytes were read.
    pub(super) fn new(client: &Arc<Client>, name: &str, first: Part, budget: &Budget) -> Result<Self> {
        let (bytes, version) = first;
        let file = Self {
            client: Arc::clone(client),
            path: client.path().join(name),
            name: name.to_owned(),
            version,
            capacity: (budget.limit() / BUDGET_SHARE).clamp(CAPACITY[0], CAPACITY[1]),
            budget: budget.clone(),
            segments: Mutex::default(),
            arrived: Condvar::new(),
        };
        let reservation = file.reserve(bytes.len() as u64)?;
        file.keep(Segment { start: 0, bytes, _reservation: reservation });
        Ok(file)
    }

    /// Its address.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes.
    pub(crate) fn length(&self) -> u64 {
        self.version.length
    }

    /// Fills `out` from an offset: by one request for these bytes, unless they were read before; more are read if the
    /// last reads ended here.
    ///
    /// # Errors
    /// [`Error::Damaged`] past the end of the file; [`Error::Changed`] if it was replaced; [`Error::Memory`];
    /// [`Error::Io`].
    pub(crate) fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let ahead = self.capacity / (4 * threads());
        self.read_around(at, out, |segments, wanted, is_kept| {
            let ahead = segments.record(wanted, ahead.min(MAX_REQUEST), is_kept);
            wanted.start..wanted.end + ahead
        })
    }

    /// As [`read`](Self::read), with the other bytes of the blocks of 64 KiB: for small values that lie together.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_nearby(&self, at: u64, out: &mut [u8]) -> Result<()> {
        self.read_around(at, out, |_, wanted, _| {
            wanted.start / FIRST_BYTES * FIRST_BYTES..wanted.end.next_multiple_of(FIRST_BYTES)
        })
    }

    /// Fills `out` from the start of a range, of which all is read; a short one with the other bytes of its blocks of 64
    /// KiB.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_with(&self, range: Range<u64>, out: &mut [u8]) -> Result<()> {
        if range.end - range.start < FIRST_BYTES {
            return self.read_nearby(range.start, out);
        }
        self.read_around(range.start, out, |_, _, _| range.clone())
    }

    /// Fills `out`; `widen` returns the range that is fetched if the bytes are not here.
    fn read_around(
        &self,
        at: u64,
        out: &mut [u8],
        mut widen: impl FnMut(&mut Segments, &Range<u64>, bool) -> Range<u64>,
    ) -> Result<()> {
        let wanted = at..at + out.len() as u64;
        if wanted.end > self.length() {
            return Err(Error::damaged(&self.path, Some(at), "the file ends there"));
        }
        if out.is_empty() {
            return Ok(());
        }
        match self.step(&wanted, &mut widen) {
            Step::Copy(segment) => segment.copy(at, out),
            Step::FetchAlone => out.copy_from_slice(&self.fetch(&wanted)?.bytes),
            Step::Fetch(claim) => {
                let segment = match self.fetch(&claim.range) {
                    // What is read ahead may be more than there is memory for.
                    Err(Error::Memory { .. }) => {
                        self.segments.lock().clear();
                        self.fetch(&wanted)?
                    }
                    outcome => outcome?,
                };
                segment.copy(at, out);
                self.keep(segment);
            }
        }
        Ok(())
    }

    fn step(
        &self,
        wanted: &Range<u64>,
        widen: &mut impl FnMut(&mut Segments, &Range<u64>, bool) -> Range<u64>,
    ) -> Step<'_> {
        let mut segments = self.segments.lock();
        loop {
            if let Some(segment) = segments.find(wanted) {
                widen(&mut segments, wanted, true);
                return Step::Copy(segment);
            }
            if !segments.is_coming(wanted) {
                break;
            }
            self.arrived.wait(&mut segments);
        }
        let range = widen(&mut segments, wanted, false);
        let range = range.start..range.end.min(self.length());
        if range == *wanted {
            return Step::FetchAlone;
        }
        segments.coming.push(range.clone());
        Step::Fetch(Claim { file: self, range })
    }

    /// Bytes that one call of [`fetch_together`](Self::fetch_together) may fetch, so that what one thread fetches is
    /// still here when it reads it.
    pub(crate) fn bytes_together(&self) -> u64 {
        self.capacity / (2 * threads())
    }

    /// Fetches ranges by as few requests as their gaps allow, several at a time, and keeps them for the reads that
    /// follow. What another thread is fetching is left to it. Without memory for it nothing is fetched.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn fetch_together(&self, mut ranges: Vec<Range<u64>>) -> Result<()> {
        let claims: Vec<Claim<'_>> = {
            let mut segments = self.segments.lock();
            ranges.retain(|range| {
                range.end <= self.length() && !segments.is_coming(range) && segments.find(range).is_none()
            });
            let ranges = coalesced(ranges, MAX_GAP, MAX_REQUEST);
            segments.coming.extend(ranges.iter().cloned());
            ranges.into_iter().map(|range| Claim { file: self, range }).collect()
        };
        let ranges: Vec<Range<u64>> = claims.iter().map(|claim| claim.range.clone()).collect();
        let bytes = |range: &Range<u64>| range.end - range.start;
        let Ok(reservations) = ranges.iter().map(|range| self.reserve(bytes(range))).collect::<Result<Vec<_>>>() else {
            return Ok(());
        };
        let parts = self.request(&ranges)?;
        for ((bytes, range), reservation) in parts.into_iter().zip(ranges).zip(reservations) {
            self.keep(Segment { start: range.start, bytes, _reservation: reservation });
        }
        Ok(())
    }

    /// Length and digest of the whole file, which is read piece by piece.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn digest(&self) -> Result<FileDigest> {
        let mut hasher = blake3::Hasher::new();
        self.for_each_piece(|bytes| {
            hasher.update_rayon(bytes);
        })?;
        Ok(FileDigest { bytes: self.length(), blake3: hasher.finalize().to_hex().to_string() })
    }

    /// The whole file, for whose bytes the caller has reserved memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_whole(&self) -> Result<Vec<u8>> {
        let mut all = Vec::with_capacity(usize::try_from(self.length()).unwrap_or(usize::MAX));
        self.for_each_piece(|bytes| all.extend_from_slice(bytes))?;
        Ok(all)
    }

    /// Calls `each` for all bytes, in order; four requests are in flight.
    fn for_each_piece(&self, mut each: impl FnMut(&[u8])) -> Result<()> {
        const TOGETHER: usize = 4;
        let piece = MAX_REQUEST.min(self.capacity / TOGETHER as u64);
        let _reservation = self.reserve((TOGETHER as u64 * piece).min(self.length()))?;
        let mut at = 0;
        while at < self.length() {
            let mut pieces = Vec::with_capacity(TOGETHER);
            while pieces.len() < TOGETHER && at < self.length() {
                let end = self.length().min(at + piece);
                pieces.push(at..end);
                at = end;
            }
            self.request(&pieces)?.iter().for_each(|bytes| each(bytes));
        }
        Ok(())
    }

    /// Reserves memory, and drops what is kept if there is too little.
    fn reserve(&self, bytes: u64) -> Result<Reservation> {
        let reserve = || self.budget.reserve(Component::Remote, bytes, "a part of a remote index");
        reserve().or_else(|_| {
            self.segments.lock().clear();
            reserve()
        })
    }

    fn fetch(&self, range: &Range<u64>) -> Result<Segment> {
        let reservation = self.reserve(range.end - range.start)?;
        let bytes = self.request(std::slice::from_ref(range))?.pop().unwrap_or_default();
        Ok(Segment { start: range.start, bytes, _reservation: reservation })
    }

    fn request(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        let wanted: Vec<_> = ranges.iter().map(|range| (self.name.as_str(), range.clone())).collect();
        let parts = self.client.ranges(&wanted, Some(&self.version))?;
        Ok(parts.into_iter().map(|(bytes, _)| bytes).collect())
    }

    fn keep(&self, segment: Segment) {
        self.segments.lock().keep(Arc::new(segment), self.capacity);
    }
}
