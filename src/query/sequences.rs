//! Sequences arrive from files, standard input or the genome itself; all take the same path through the batches.

use std::io::Write;
use std::num::NonZeroUsize;

use crate::memory::Component;
use crate::memory::buffers::BufferPool;
use crate::query::answers::{worker, write_answers};
use crate::query::cutter::Cutter;
use crate::query::pipeline::{PipelineConfig, PipelineStatistics, in_batches};
use crate::query::rows::{Detail, Rows};
use crate::sequence::{Region, Source};
use crate::{Index, Progress, Result};

/// Maximum number of bases of a batch with one row per sequence, if the cache keeps the whole dictionary: the bytes in
/// which frequencies are collected fit the second cache of a core.
const MAX_SUMMARY_BATCH: u64 = 1 << 20;
/// The same if the cache does not: a larger batch reads fewer pages, but adds little above this.
const MAX_READING_BATCH: u64 = 4 << 20;
/// The same with rows of k-mers: formatting dominates, and memory would be charged long before it is filled.
const MAX_ROWS_BATCH: u64 = 1 << 18;
/// Minimum bases of a batch: with fewer the cost of passing it to a thread is measurable.
const MIN_BATCH: u64 = 1 << 14;
/// Minimum bases of a batch of a known input when it is divided, so that every thread has a batch soon; empirical.
const MIN_DIVIDED_BATCH: u64 = 1 << 18;

/// Bytes for each base of a batch: the base, its hash (later its frequency), its start, and its entry among the
/// look-ups.
const BYTES_PER_BASE: u64 = 1 + 8 + 8 + 16;
/// Bytes of a row of a k-mer or a run: an estimate, corrected once the rows are formatted.
const BYTES_PER_ROW: u64 = 32;

/// The source of the sequences.
pub enum Sequences<'a> {
    /// A file or standard input.
    Source(&'a Source),
    /// Regions of the indexed genome.
    Regions(&'a [Region]),
    /// Regions that are read from a list during the query.
    RegionStream(&'a mut (dyn Iterator<Item = Result<Region>> + Send)),
}

/// Looks up all k-mers of `sequences` and writes the rows of `detail`, in input order. `batch_size` is the most bases
/// that are looked up together; without it the size follows from input and budget. Returns what passed through the
/// pipeline.
///
/// # Errors
/// [`Error::Input`](crate::Error::Input) for input that cannot be read; [`Error::NotInIndex`](crate::Error::NotInIndex)
/// for regions outside the genome; [`Error::Io`](crate::Error::Io); [`Error::Damaged`](crate::Error::Damaged).
pub fn query_sequences(
    index: &Index,
    sequences: Sequences<'_>,
    detail: Detail,
    batch_size: Option<NonZeroUsize>,
    rows: &dyn Rows,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<PipelineStatistics> {
    let threads = rayon::current_num_threads() as u64;
    let budget = index.budget();
    let bytes_per_base = BYTES_PER_BASE + if detail == Detail::Summary { 0 } else { BYTES_PER_ROW };
    let largest = match detail {
        Detail::Summary if index.caches_dictionary() => MAX_SUMMARY_BATCH,
        Detail::Summary => MAX_READING_BATCH,
        _ => MAX_ROWS_BATCH,
    };
    // A quarter of the budget for one batch per thread and two that wait at either end.
    let max_batch = (budget.limit() / 4 / (threads + 4) / bytes_per_base).clamp(MIN_BATCH, largest);
    let known = match &sequences {
        Sequences::Source(source) => source.bytes_total(),
        Sequences::Regions(regions) => Some(regions.iter().map(|r| r.range.end - r.range.start).sum()),
        Sequences::RegionStream(_) => None,
    };
    progress.phase("querying", known);
    // All threads should have a batch, and soon.
    let divided = |bases: u64| (bases / (2 * threads) + 1).clamp(MIN_DIVIDED_BATCH.min(max_batch), max_batch);
    let default = known.map_or(max_batch, divided) as usize;
    let batch_bases = batch_size.map_or(default, |size| size.get().min(max_batch as usize));

    let config = PipelineConfig::for_batches(budget, batch_bases as u64 * bytes_per_base);
    let texts = BufferPool::new(config.channel_bytes / 4, budget.empty_reservation(Component::Batches));
    in_batches(
        budget,
        &config,
        |feed| {
            let mut cutter = Cutter::new(index, batch_bases, bytes_per_base, feed);
            match sequences {
                Sequences::Source(source) => cutter.cut_source(source, budget, progress),
                Sequences::Regions(regions) => cutter.cut_regions(index, regions.iter().cloned().map(Ok), progress),
                Sequences::RegionStream(regions) => cutter.cut_regions(index, regions, progress),
            }
        },
        || worker(index, detail, rows, &texts),
        |answers| write_answers(answers, detail, rows, &texts, out),
    )
}
