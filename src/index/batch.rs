//! Batches: k-mers grouped by page, so that each page is visited once, in the order of the file.

use std::ops::Range;
use std::sync::Arc;

use crate::dictionary::sorted::layout::Address;
use crate::dictionary::sorted::page::{PageShape, Place, Probe};
use crate::index::superkmers::SuperKmerBatch;
use crate::index::{Dictionary, Page, frequency_of};
use crate::kmer::AsciiScanner;
use crate::memory::buffers::Buffer;
use crate::{Index, Result};

/// Look-ups that go on side by side in a page, so that they wait for memory together.
pub(crate) const LANES: usize = 64;

/// Look-ups on one page from which on it is not kept if it is not cached: a scan of the whole index should not push out
/// what single look-ups need.
pub(crate) const SCAN: usize = 64;

/// Look-ups from which on a batch is larger than what is pooled.
const LARGE: usize = 1 << 16;

/// Look-ups that are grouped together at the most: a place among them has 32 bits.
const PLACES: usize = 1 << 30;

/// Most buckets that a batch is cut into.
pub(crate) const BUCKETS: u64 = 1 << 14;

/// Looks up batches of k-mers; keeps its buffers from batch to batch and leaves them to the next of its thread.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let index = reprise::Index::open("genome.reprise")?;
/// let kmers = [index.encode(b"ACGTACGTACGTACG")?, index.encode(b"TTTTTTTTTTTTTTT")?];
/// let mut batch = index.batch();
/// let frequencies: &[u64] = batch.frequencies(&kmers)?;
/// # Ok(())
/// # }
/// ```
pub struct BatchLookup<'i> {
    index: &'i Index,
    /// Hashes, then in their places the frequencies.
    values: Buffer<u64>,
    sorted: SortedBatch,
    super_kmers: SuperKmerBatch,
}

impl Index {
    /// A look-up of batches with buffers of its own.
    pub fn batch(&self) -> BatchLookup<'_> {
        BatchLookup {
            index: self,
            values: Buffer::default(),
            sorted: SortedBatch::default(),
            super_kmers: SuperKmerBatch::default(),
        }
    }
}

impl BatchLookup<'_> {
    /// Frequencies of k-mers (codes, either strand), in their order; 0 where a k-mer is not stored.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn frequencies(&mut self, kmers: &[u64]) -> Result<&[u64]> {
        self.clear();
        match &self.index.dictionary {
            Dictionary::Sorted { .. } => {
                self.values.refit(kmers.len());
                self.values.extend(kmers.iter().map(|&kmer| self.index.codec.hash(kmer).0));
            }
            Dictionary::SuperKmers { fields, .. } => {
                let (all, last) = kmers.split_at((kmers.len().max(1) - 1) / PLACES * PLACES);
                for kmers in all.chunks(PLACES) {
                    self.super_kmers.push_kmers(fields, kmers);
                    self.super_kmers.look_up(self.index, fields, &mut self.values)?;
                    self.super_kmers.clear(self.index.pages());
                }
                self.super_kmers.push_kmers(fields, last);
            }
        }
        self.look_up()
    }

    /// Forgets what was gathered.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        if let Dictionary::SuperKmers { .. } = self.index.dictionary {
            self.super_kmers.clear(self.index.pages());
        }
    }

    /// K-mers gathered.
    pub(crate) fn len(&self) -> usize {
        match self.index.dictionary {
            Dictionary::Sorted { .. } => self.values.len(),
            Dictionary::SuperKmers { .. } => self.super_kmers.len(),
        }
    }

    /// Gathers the k-mers of a sequence in ASCII; anything but ACGT breaks k-mers. Calls `each` with ranges of their starts,
    /// in order.
    pub(crate) fn push_sequence(&mut self, bases: &[u8], mut each: impl FnMut(Range<u64>)) {
        let codec = self.index.codec;
        match &self.index.dictionary {
            Dictionary::Sorted { .. } => {
                self.values.reserve(bases.len());
                let values = &mut self.values;
                AsciiScanner::new(codec).scan(bases, |start, hash, _| {
                    values.push(hash);
                    each(start..start + 1);
                });
            }
            Dictionary::SuperKmers { fields, .. } => self.super_kmers.push_sequence(fields, &codec, bases, each),
        }
    }

    /// Bytes that this holds, by capacity, once what was gathered is looked up.
    pub(crate) fn needed_bytes(&self) -> u64 {
        let (values, entries, ends) =
            (self.values.capacity().max(self.len()), self.sorted.entries.capacity(), self.sorted.ends.capacity());
        let sorted = match self.index.dictionary {
            Dictionary::Sorted { .. } => entries.max(self.len()),
            Dictionary::SuperKmers { .. } => entries,
        };
        (values * 8 + sorted * size_of::<(u64, u32)>() + ends * 4) as u64 + self.super_kmers.needed_bytes()
    }

    /// Frequencies of what was gathered, in its order.
    pub(crate) fn look_up(&mut self) -> Result<&[u64]> {
        let index = self.index;
        index.cache.heed_memory();
        match &index.dictionary {
            Dictionary::Sorted { address, .. } => {
                for hashes in self.values.chunks_mut(PLACES) {
                    self.sorted.group(index, address, hashes);
                    self.sorted.visit(index, address, hashes)?;
                }
            }
            Dictionary::SuperKmers { fields, .. } => self.super_kmers.look_up(index, fields, &mut self.values)?,
        }
        Ok(&self.values)
    }
}

/// Look-ups of hashes, grouped by page.
#[derive(Default)]
struct SortedBatch {
    ends: Buffer<u32>,
    /// (hash, place in the batch), grouped.
    entries: Buffer<(u64, u32)>,
}

impl SortedBatch {
    /// Sorts the hashes by page: one counting sort where there are few pages, else one by ranges of pages and each
    /// range by itself.
    fn group(&mut self, index: &Index, address: &Address, hashes: &[u64]) {
        let pages = index.pages();
        let shift = pages.div_ceil(BUCKETS).next_power_of_two().ilog2();
        let buckets = (pages >> shift) as usize + 1;
        self.ends.refit(buckets);
        self.ends.resize(buckets, 0);
        for &hash in hashes {
            self.ends[(address.page(hash) >> shift) as usize] += 1;
        }
        let mut start = 0;
        for end in self.ends.iter_mut() {
            start += std::mem::replace(end, start);
        }
        if self.entries.capacity() < hashes.len() {
            // A large one is made anew: fresh memory is zero already.
            let is_large = hashes.len() > LARGE;
            let large = |length| Buffer::from(vec![(0, 0); length]);
            self.entries = if is_large { large(hashes.len()) } else { Buffer::with_capacity(hashes.len()) };
        }
        if self.entries.len() < hashes.len() {
            self.entries.resize(hashes.len(), (0, 0));
        }
        for (place, &hash) in hashes.iter().enumerate() {
            let end = &mut self.ends[(address.page(hash) >> shift) as usize];
            self.entries[*end as usize] = (hash, place as u32);
            *end += 1;
        }
        if shift > 0 {
            let mut start = 0;
            for &end in self.ends.iter() {
                self.entries[start..end as usize].sort_unstable();
                start = end as usize;
            }
        }
    }

    /// Looks up the grouped entries, page after page. Chunks of them go through three steps, and while one is in its last,
    /// the next is in its second and the one after in its first: each step asks for the memory that the next step needs.
    fn visit(&self, index: &Index, address: &Address, out: &mut [u64]) -> Result<()> {
        let mut rest = &self.entries[..out.len()];
        let (mut located, mut touched) = (None, None);
        while let Some(&(hash, _)) = rest.first() {
            let number = address.page(hash);
            let length = rest.iter().take_while(|e| address.page(e.0) == number).count();
            let (entries, others) = rest.split_at(length);
            rest = others;
            let page = if length >= SCAN { index.visit_page(number)? } else { index.page(number)? };
            for entries in entries.chunks(LANES) {
                let next = Chunk::touch(Arc::clone(&page), entries)?;
                if let Some(chunk) = std::mem::replace(&mut located, touched.replace(next).map(Chunk::locate)) {
                    chunk.answer(index.filters.min_frequency, out);
                }
            }
        }
        for chunk in [located, touched.map(Chunk::locate)].into_iter().flatten() {
            chunk.answer(index.filters.min_frequency, out);
        }
        Ok(())
    }
}

/// Look-ups in one page.
struct Chunk<'e> {
    page: Arc<Page>,
    shape: PageShape,
    entries: &'e [(u64, u32)],
    places: [Place; LANES],
}

impl<'e> Chunk<'e> {
    /// Asks for the directory.
    fn touch(page: Arc<Page>, entries: &'e [(u64, u32)]) -> Result<Self> {
        let (shape, bytes) = (*page.sorted()?, page.bytes());
        for &(hash, _) in entries {
            shape.prefetch_directory(bytes, page.number, hash);
        }
        Ok(Self { page, shape, entries, places: [Place { start: 0, count: 0 }; LANES] })
    }

    /// Finds where the entries are, and asks for them: in a loop of its own, so that the processor sees many at once.
    fn locate(mut self) -> Self {
        let (page, shape, bytes) = (&self.page, &self.shape, self.page.bytes());
        for (place, &(hash, _)) in self.places.iter_mut().zip(self.entries) {
            *place = shape.place(bytes, page.number, hash);
            shape.prefetch(bytes, *place);
        }
        self
    }

    /// Looks at the entries.
    fn answer(self, min_frequency: u64, out: &mut [u64]) {
        let (page, bytes, shape) = (&self.page, self.page.bytes(), &self.shape);
        for (place, &(hash, to)) in self.places.iter().zip(self.entries) {
            out[to as usize] = match shape.probe(bytes, *place, hash) {
                Some(Probe { found, slot, code }) => match shape.plain(code) {
                    Some(value) => (min_frequency + value) * u64::from(found),
                    None => frequency_of(page, shape, hash, slot, code, min_frequency),
                },
                None => match shape.search(bytes, *place, hash) {
                    Some((slot, code)) => frequency_of(page, shape, hash, slot, code, min_frequency),
                    None => 0,
                },
            };
        }
    }
}
