//! Batches: k-mers grouped by page, so that each page is visited once, in the order of the file.

use super::{Index, Page};
use crate::Result;
use crate::store::page::{Place, Probe};

/// Look-ups that go on side by side in a page, so that they wait for memory together.
const LANES: usize = 32;

/// Look-ups on one page from which on it is not kept if it is not cached: a scan of the whole index should not push out
/// what single look-ups need.
const SCAN: usize = 64;

/// Most buckets that a batch is cut into.
const BUCKETS: u64 = 1 << 14;

/// Looks up batches of k-mers; keeps its buffers from batch to batch. One for each thread.
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
    values: Vec<u64>,
    ends: Vec<u32>,
    /// (hash, place in the batch), grouped.
    entries: Vec<(u64, u32)>,
}

impl Index {
    /// A look-up of batches with buffers of its own.
    pub fn batch(&self) -> BatchLookup<'_> {
        BatchLookup { index: self, values: Vec::new(), ends: Vec::new(), entries: Vec::new() }
    }
}

impl BatchLookup<'_> {
    /// Frequencies of k-mers (codes, either strand), in their order; 0 where a k-mer is not stored.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn frequencies(&mut self, kmers: &[u64]) -> Result<&[u64]> {
        let codec = self.index.codec;
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        values.extend(kmers.iter().map(|&kmer| codec.hash(kmer).0));
        let outcome = self.replace_hashes(&mut values);
        self.values = values;
        outcome?;
        Ok(&self.values)
    }

    /// Replaces hashes by their frequencies.
    pub(crate) fn replace_hashes(&mut self, hashes: &mut [u64]) -> Result<()> {
        // A place in a batch has 32 bits.
        hashes.chunks_mut(1 << 30).try_for_each(|hashes| {
            self.group(hashes);
            self.visit(hashes)
        })
    }

    /// Sorts the hashes by page: one counting sort where there are few pages, else one by ranges of pages and each
    /// range by itself.
    fn group(&mut self, hashes: &[u64]) {
        let address = self.index.address;
        let pages = self.index.manifest.dictionary.pages;
        let shift = pages.div_ceil(BUCKETS).next_power_of_two().ilog2();
        self.ends.clear();
        self.ends.resize((pages >> shift) as usize + 1, 0);
        for &hash in hashes {
            self.ends[(address.page(hash) >> shift) as usize] += 1;
        }
        let mut start = 0;
        for end in &mut self.ends {
            start += std::mem::replace(end, start);
        }
        self.entries.clear();
        self.entries.resize(hashes.len(), (0, 0));
        for (place, &hash) in hashes.iter().enumerate() {
            let end = &mut self.ends[(address.page(hash) >> shift) as usize];
            self.entries[*end as usize] = (hash, place as u32);
            *end += 1;
        }
        if shift > 0 {
            let mut start = 0;
            for &end in &self.ends {
                self.entries[start..end as usize].sort_unstable();
                start = end as usize;
            }
        }
    }

    fn visit(&self, out: &mut [u64]) -> Result<()> {
        let index = self.index;
        let mut rest = &self.entries[..];
        while let Some(&(hash, _)) = rest.first() {
            let number = index.address.page(hash);
            let length = rest.iter().take_while(|e| index.address.page(e.0) == number).count();
            let (entries, others) = rest.split_at(length);
            rest = others;
            let page = if length >= SCAN { index.visit_page(number)? } else { index.page(number)? };
            page.frequencies(entries, index.filters.min_frequency, out);
        }
        Ok(())
    }
}

impl Page {
    fn frequencies(&self, entries: &[(u64, u32)], min_frequency: u64, out: &mut [u64]) {
        let bytes = self.bytes();
        let shape = &self.shape;
        let mut places = [Place { start: 0, count: 0 }; LANES];
        for lanes in entries.chunks(LANES) {
            let mut touched = 0;
            for &(hash, _) in lanes {
                touched ^= shape.touch_directory(bytes, self.number, hash);
            }
            for (place, &(hash, _)) in places.iter_mut().zip(lanes) {
                *place = shape.place(bytes, self.number, hash);
                touched ^= shape.touch(bytes, *place);
            }
            std::hint::black_box(touched);
            for (place, &(hash, to)) in places.iter().zip(lanes) {
                out[to as usize] = match shape.probe(bytes, *place, hash) {
                    Some(Probe { found, slot, code }) => match shape.plain(code) {
                        Some(value) => (min_frequency + value) * u64::from(found),
                        None => self.frequency_of(hash, slot, code, min_frequency),
                    },
                    None => match shape.search(bytes, *place, hash) {
                        Some((slot, code)) => self.frequency_of(hash, slot, code, min_frequency),
                        None => 0,
                    },
                };
            }
        }
    }
}
