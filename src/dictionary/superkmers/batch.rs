//! Batches in a dictionary of super-k-mers: a sequence takes one look-up for each run of k-mers with one minimizer.
//! Runs are grouped by page, then searched in three steps that overlap, so that many wait for memory at once.

use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::dictionary::batch_frequencies::BatchFrequencies;
use crate::dictionary::codec::{Batch, DENSE_SHARE, LANES, MAX_GROUPED, bucket_shift};
use crate::dictionary::page::Page;
use crate::dictionary::source::{Source, Visit};
use crate::dictionary::superkmers::codec::SuperKmerCodec;
use crate::dictionary::superkmers::layout::Fields;
use crate::dictionary::superkmers::page::PageShape;
use crate::dictionary::superkmers::search::Query;
use crate::genome::pack_run;
use crate::memory::buffers::Buffer;

/// Look-ups on one page from which on it is a page of a scan, which drops no page of single look-ups from the cache.
/// Each is of several k-mers, so it takes fewer than in a sorted dictionary.
const MIN_SCAN: usize = 16;

/// Consecutive k-mers of a sequence with one minimizer, and the position of their frequencies.
#[derive(Debug, Clone, Copy)]
struct MinimizerRun {
    query: Query,
    /// Number in the batch of the k-mer with `query.low` bases before the minimizer.
    first: u32,
    /// Whether the k-mer with one base more has the number before it, not after it.
    is_falling: bool,
}

/// Fills the space of runs before they are grouped.
const EMPTY_RUN: MinimizerRun =
    MinimizerRun { query: Query { key: 0, context: 0, low: 0, high: 0 }, first: 0, is_falling: false };

/// A batch of k-mers, gathered by minimizer.
#[derive(Default)]
pub(crate) struct SuperKmerBatch {
    frequencies: Buffer<u64>,
    found: BatchFrequencies,
    runs: Vec<MinimizerRun>,
    grouped: Vec<MinimizerRun>,
    /// Number of runs by range of pages; then their ends.
    ends: Vec<u32>,
    shift: u32,
    packed: Vec<u8>,
    kmers: usize,
}

impl Batch<SuperKmerCodec> for SuperKmerBatch {
    fn clear(&mut self, pages: u64) {
        self.frequencies.clear();
        self.clear_runs(pages);
    }

    fn len(&self) -> usize {
        self.kmers
    }

    fn needed_bytes(&self) -> u64 {
        let runs = self.runs.capacity() + self.grouped.capacity().max(self.runs.len());
        let frequencies = self.frequencies.capacity().max(self.kmers);
        (frequencies * 8
            + self.found.bytes().max(self.kmers)
            + runs * size_of::<MinimizerRun>()
            + self.ends.capacity() * 4
            + self.packed.capacity()) as u64
    }

    fn push_sequence(&mut self, codec: &SuperKmerCodec, bases: &[u8], mut each: impl FnMut(Range<u64>)) {
        let (fields, k) = (&codec.fields, codec.kmers.k() as usize);
        let mut at = 0;
        while at < bases.len() {
            self.packed.clear();
            let length = pack_run(&bases[at..], &mut self.packed);
            if length >= k {
                let count = length + 1 - k;
                let first = self.kmers as u64;
                let Self { runs, packed, ends, shift, .. } = self;
                fields.minimizers.scan_packed(packed, 0..length as u64, |s| {
                    let context = fields.minimizers.context(packed, &s);
                    let flank = fields.minimizers.flank();
                    // Bases before the minimizer, as the sequence reads, of the k-mer with the fewest on the other
                    // strand.
                    let before = if s.reverse { flank - s.low } else { s.low };
                    let first = (first + s.at - u64::from(before)) as u32;
                    ends[(fields.page(s.key) >> *shift) as usize] += 1;
                    runs.push(MinimizerRun { query: Query::of(&s, context), first, is_falling: !s.reverse });
                });
                self.kmers += count;
                each(at as u64..(at + count) as u64);
            }
            at += length + 1;
        }
    }

    fn look_up(&mut self, codec: &SuperKmerCodec, source: &impl Source<PageShape>) -> Result<&[u64]> {
        let before = self.frequencies.len();
        self.frequencies.resize(before + self.kmers, 0);
        self.group(&codec.fields);
        self.found.clear(self.kmers);
        visit(codec, source, &self.grouped[..self.runs.len()], &mut self.found)?;
        self.found.write(&mut self.frequencies[before..]);
        Ok(&self.frequencies)
    }

    fn look_up_kmers(
        &mut self,
        codec: &SuperKmerCodec,
        source: &impl Source<PageShape>,
        kmers: &[u64],
    ) -> Result<&[u64]> {
        let (all, last) = kmers.split_at((kmers.len().max(1) - 1) / MAX_GROUPED * MAX_GROUPED);
        for kmers in all.chunks(MAX_GROUPED) {
            self.push_kmers(&codec.fields, kmers);
            self.look_up(codec, source)?;
            self.clear_runs(source.pages());
        }
        self.push_kmers(&codec.fields, last);
        self.look_up(codec, source)
    }
}

impl SuperKmerBatch {
    fn clear_runs(&mut self, pages: u64) {
        self.runs.clear();
        self.kmers = 0;
        self.shift = bucket_shift(pages);
        self.ends.clear();
        self.ends.resize((pages >> self.shift) as usize + 1, 0);
    }

    /// Adds k-mers one by one.
    fn push_kmers(&mut self, fields: &Fields, kmers: &[u64]) {
        let mut number = self.kmers as u32;
        fields.minimizers.for_each_kmer(kmers, |s, context| {
            self.ends[(fields.page(s.key) >> self.shift) as usize] += 1;
            self.runs.push(MinimizerRun { query: Query::of(&s, context), first: number, is_falling: false });
            number += 1;
        });
        self.kmers += kmers.len();
    }

    /// Groups the runs by page: by one counting sort if there are few pages, else by one over ranges of pages, each of
    /// which is then sorted.
    fn group(&mut self, fields: &Fields) {
        let mut start = 0;
        for end in &mut self.ends {
            start += std::mem::replace(end, start);
        }
        if self.grouped.len() < self.runs.len() {
            self.grouped = vec![EMPTY_RUN; self.runs.len()];
        }
        for run in &self.runs {
            let end = &mut self.ends[(fields.page(run.query.key) >> self.shift) as usize];
            self.grouped[*end as usize] = *run;
            *end += 1;
        }
        if self.shift > 0 {
            let mut start = 0;
            for &end in &self.ends {
                self.grouped[start..end as usize].sort_unstable_by_key(|run| run.query.key);
                start = end as usize;
            }
        }
    }
}

/// Looks up grouped runs, page after page. Chunks of them go through three steps, and while one is in its last,
/// the next is in its second and the one after in its first: each step prefetches the memory that the next step needs.
fn visit(
    codec: &SuperKmerCodec,
    source: &impl Source<PageShape>,
    grouped: &[MinimizerRun],
    out: &mut BatchFrequencies,
) -> Result<()> {
    let fields = &codec.fields;
    let mut rest = grouped;
    let is_dense = grouped.len() as u64 >= source.pages() / DENSE_SHARE;
    let sparse = if is_dense { Visit::Batch } else { Visit::Single };
    let (mut located, mut touched) = (None, None);
    let mut fetched = 0;
    while let Some(run) = rest.first() {
        let number = fields.page(run.query.key);
        if number >= fetched {
            fetched = source.fetch_ahead(rest.iter().map(|run| fields.page(run.query.key)))?;
        }
        let length = rest.iter().take_while(|s| fields.page(s.query.key) == number).count();
        let (here, others) = rest.split_at(length);
        rest = others;
        let page = source.page(number, if length >= MIN_SCAN { Visit::Scan } else { sparse })?;
        for runs in here.chunks(LANES) {
            let next = Chunk::touch(codec, Arc::clone(&page), runs);
            let ready = touched.replace(next).map(|chunk: Chunk<'_>| chunk.locate(codec));
            if let Some(chunk) = std::mem::replace(&mut located, ready) {
                chunk.answer(codec, source, out)?;
            }
        }
    }
    for chunk in [located, touched.map(|chunk| chunk.locate(codec))].into_iter().flatten() {
        chunk.answer(codec, source, out)?;
    }
    Ok(())
}

/// Runs in one page.
struct Chunk<'s> {
    page: Arc<Page<PageShape>>,
    runs: &'s [MinimizerRun],
    /// First and last entry of their buckets.
    buckets: [(u32, u32); LANES],
}

impl<'s> Chunk<'s> {
    /// Prefetches the directory.
    fn touch(codec: &SuperKmerCodec, page: Arc<Page<PageShape>>, runs: &'s [MinimizerRun]) -> Self {
        let view = codec.view(&page);
        for run in runs {
            view.prefetch_directory(run.query.key);
        }
        Self { page, runs, buckets: [(0, 0); LANES] }
    }

    /// Finds the positions of the entries, and prefetches them.
    fn locate(mut self, codec: &SuperKmerCodec) -> Self {
        let view = codec.view(&self.page);
        for (bucket, run) in self.buckets.iter_mut().zip(self.runs) {
            let found = view.bucket_of(run.query.key);
            view.prefetch_entries(&found);
            *bucket = (found.start, found.end);
        }
        self
    }

    /// Compares the entries.
    fn answer(self, codec: &SuperKmerCodec, source: &impl Source<PageShape>, out: &mut BatchFrequencies) -> Result<()> {
        let view = codec.view(&self.page);
        for (run, &(start, end)) in self.runs.iter().zip(&self.buckets) {
            let MinimizerRun { query, first, is_falling } = run;
            view.counts(source, start..end, query, |offset, count| {
                let step = offset - u32::from(query.low);
                let number = if *is_falling { first.wrapping_sub(step) } else { first.wrapping_add(step) };
                out.add(number, count);
            })?;
        }
        Ok(())
    }
}
