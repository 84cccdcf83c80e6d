//! Looks up many k-mers together: grouped by page, each page is read once and the waits for memory overlap.

use std::ops::Range;

use crate::Result;
use crate::dictionary::codec::{Batch, Codec};
use crate::dictionary::sorted::SortedCodec;
use crate::dictionary::superkmers::SuperKmerCodec;
use crate::dictionary::{ByLayout, match_layout};
use crate::index::open::Index;
use crate::index::pages::PageReader;

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
    layout: ByLayout<LayoutLookup<'i, SortedCodec>, LayoutLookup<'i, SuperKmerCodec>>,
}

/// A batch and the pages in which it is looked up.
struct LayoutLookup<'i, C: Codec> {
    reader: PageReader<'i, C>,
    batch: C::Batch,
}

impl Index {
    /// A look-up of batches with buffers of its own.
    pub fn batch(&self) -> BatchLookup<'_> {
        BatchLookup {
            layout: match_layout!(&self.dictionary, pages, wrap => {
                wrap(LayoutLookup { reader: self.reader(pages), batch: Default::default() })
            }),
        }
    }
}

impl<C: Codec> LayoutLookup<'_, C> {
    fn clear(&mut self) {
        self.batch.clear(self.reader.store.pages());
    }

    fn frequencies(&mut self, kmers: &[u64]) -> Result<&[u64]> {
        self.clear();
        let pages = self.reader.pages;
        pages.cache().follow_memory_status();
        self.batch.look_up_kmers(pages.codec(), &self.reader, kmers)
    }

    fn look_up(&mut self) -> Result<&[u64]> {
        let pages = self.reader.pages;
        pages.cache().follow_memory_status();
        self.batch.look_up(pages.codec(), &self.reader)
    }
}

impl BatchLookup<'_> {
    /// Frequencies of k-mers (codes, either strand), in their order; 0 if a k-mer is not stored.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn frequencies(&mut self, kmers: &[u64]) -> Result<&[u64]> {
        match_layout!(&mut self.layout, lookup => lookup.frequencies(kmers))
    }

    /// Frequencies of the k-mers of a sequence in ASCII, letters of either case: calls `each(starts, frequencies)` for
    /// every run of k-mers, in order; `starts` are their first bases in the sequence, 0-based, half-open. Letters other
    /// than ACGT are in no k-mer. Faster than [`frequencies`](Self::frequencies), since neighbouring k-mers are looked up
    /// together.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn sequence_frequencies(&mut self, bases: &[u8], mut each: impl FnMut(Range<u64>, &[u64])) -> Result<()> {
        self.clear();
        let mut runs: Vec<Range<u64>> = Vec::new();
        self.push_sequence(bases, |starts| match runs.last_mut() {
            Some(run) if run.end == starts.start => run.end = starts.end,
            _ => runs.push(starts),
        });
        let mut rest = self.look_up()?;
        for starts in runs {
            let (here, others) = rest.split_at((starts.end - starts.start) as usize);
            each(starts, here);
            rest = others;
        }
        Ok(())
    }

    /// Empties the batch.
    pub(crate) fn clear(&mut self) {
        match_layout!(&mut self.layout, lookup => lookup.clear());
    }

    /// K-mers gathered.
    pub(crate) fn len(&self) -> usize {
        match_layout!(&self.layout, lookup => lookup.batch.len())
    }

    /// Gathers the k-mers of a sequence in ASCII; anything but ACGT breaks k-mers. Calls `each` with ranges of their
    /// starts, in order.
    pub(crate) fn push_sequence(&mut self, bases: &[u8], each: impl FnMut(Range<u64>)) {
        match_layout!(&mut self.layout, lookup => {
            lookup.batch.push_sequence(lookup.reader.pages.codec(), bases, each);
        });
    }

    /// Bytes of memory, by capacity, once what was gathered is looked up.
    pub(crate) fn needed_bytes(&self) -> u64 {
        match_layout!(&self.layout, lookup => lookup.batch.needed_bytes())
    }

    /// Frequencies of what was gathered, in its order.
    pub(crate) fn look_up(&mut self) -> Result<&[u64]> {
        match_layout!(&mut self.layout, lookup => lookup.look_up())
    }
}
