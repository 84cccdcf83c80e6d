//! The steps of a build that makes a sorted dictionary: its bins and passes.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use crate::Result;
use crate::builder::bin_counts::BinCounts;
use crate::builder::layout_steps::{LayoutInput, LayoutPlan, LayoutSteps, PassContext};
use crate::builder::passes::run_passes;
use crate::builder::scatter::RecordScan;
use crate::builder::segments::{GenomeSegments, Segment};
use crate::builder::sorted::bins::Bins;
use crate::builder::sorted::estimate::{estimate, sample_bytes};
use crate::builder::sorted::records::{Narrow, Packed, Record, RecordWidth, Short, Wide};
use crate::builder::sorted::worker::{SortedPages, SortedWorker};
use crate::dictionary::Shape;
use crate::kmer::low_mask;
use crate::memory::Component;
use crate::memory::system::AnonymousMap;
use crate::progress::check_cancelled;

/// Bytes of records of one pass above which a build prefers more passes: with up to four passes of this size, a build of
/// 100 Mb takes as much CPU time as with two of twice the size (C. elegans, k 15, 2-core AMD EPYC virtual machine).
const LARGE_PASS: u64 = 160 << 20;

/// The bins and records of a sorted dictionary.
struct SortedSteps {
    pages: SortedPages,
    record: RecordWidth,
    counts: BinCounts,
}

/// Plans a sorted dictionary: estimates its content, chooses the width of records, and counts them by bin.
///
/// # Errors
/// [`Error::Memory`], [`Error::Io`].
pub(crate) fn plan(input: &LayoutInput<'_>) -> Result<LayoutPlan> {
    let LayoutInput { genome, segments, lists, spans, tuning, budget, progress } = input;
    let kmers = segments.kmers();
    let memory = input.begin_estimate(sample_bytes(kmers, &genome.codec))?;
    let (hints, layout) = estimate(input)?;
    let hash_bits = genome.codec.hash_bits();
    // The smallest record that fits: how much of a hash it needs depends on the bins, and they on the passes.
    let planned = |record: RecordWidth| {
        let bytes = kmers * record.bytes();
        let passes = input.passes(&memory, bytes, LARGE_PASS);
        (record, bytes, passes, Bins::new(&layout, hash_bits, kmers, passes, tuning.max_bins))
    };
    let mut allowed =
        RecordWidth::ALL.into_iter().filter(|record| record.bytes() >= tuning.min_record_bytes).map(planned);
    let (record, record_bytes, expected_passes, bins) = allowed
        .find(|(record, .., bins)| record.fits(bins.hash_bits, lists.width()))
        .unwrap_or_else(|| planned(RecordWidth::Wide));
    let counts_reservation =
        budget.reserve(Component::Counts, BinCounts::bytes(*spans, bins.count), "counting k-mers")?;
    check_cancelled(*progress)?;
    progress.phase("counting", Some(kmers));
    let counts = count(input, &bins);
    let pages = SortedPages { layout, bins, filters: genome.filters, last_hash: low_mask(hash_bits) };
    let steps = Box::new(SortedSteps { pages, record, counts });
    let shape = Shape::SortedDictionary(layout);
    Ok(LayoutPlan { steps, shape, hints, record_bytes, expected_passes, counts_reservation })
}

/// Counts the k-mers of every span and bin on the current pool.
fn count(input: &LayoutInput<'_>, bins: &Bins) -> BinCounts {
    let segments = input.segments;
    let advance = |kmers| input.progress.advance(kmers);
    let by_span = segments
        .spans(input.spans)
        .par_iter()
        .map(|span| {
            let mut counts = vec![0u32; bins.count as usize];
            segments.scan(span, |hash, _| counts[bins.of(hash) as usize] += 1, advance);
            counts
        })
        .collect();
    BinCounts::new(by_span)
}

impl SortedSteps {
    fn run<R: Record>(&self, context: &PassContext<'_>, memory: &mut AnonymousMap) {
        let scan = KmerScan::<R> { bins: &self.pages.bins, position_bits: context.lists.width(), record: PhantomData };
        let workers = (0..context.workers).map(|_| SortedWorker::<R>::new(&self.pages, context)).collect();
        run_passes(context, self, (&scan, &self.counts), workers, memory);
    }
}

impl LayoutSteps for SortedSteps {
    fn bins(&self) -> u64 {
        self.pages.bins.count
    }

    fn pages_of(&self, bin: u64) -> Range<u64> {
        let SortedPages { layout, bins: Bins { pages_per_bin, per_page, .. }, .. } = &self.pages;
        let first = bin / per_page * pages_per_bin;
        first..(first + pages_per_bin).min(layout.pages)
    }

    fn records_of(&self, bin: u64) -> u64 {
        self.counts.records_of(bin)
    }

    fn record_bytes(&self) -> u64 {
        self.record.bytes()
    }

    fn sorted_record_bytes(&self) -> u64 {
        self.record.sorted_bytes()
    }

    fn run_passes(&self, context: &PassContext<'_>, memory: &mut AnonymousMap) {
        match self.record {
            RecordWidth::Short => self.run::<Short>(context, memory),
            RecordWidth::Packed => self.run::<Packed>(context, memory),
            RecordWidth::Narrow => self.run::<Narrow>(context, memory),
            RecordWidth::Wide => self.run::<Wide>(context, memory),
        }
    }
}

/// Scans k-mers; a record is one word or two.
struct KmerScan<'a, R> {
    bins: &'a Bins,
    position_bits: u32,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> RecordScan for KmerScan<'_, R> {
    type Record = R;
    /// Hash and position.
    type Found<'s> = (u64, u64);
    const IS_CHEAP: bool = true;

    #[inline(always)]
    fn scan<'s>(
        &self,
        segments: &GenomeSegments<'_>,
        span: &'s [Segment<'s>],
        mut each: impl FnMut(u64, Self::Found<'s>),
        done: impl FnMut(u64),
    ) {
        segments.scan(span, |hash, position| each(self.bins.of(hash), (hash, position)), done);
    }

    #[inline(always)]
    fn record(&self, (hash, position): (u64, u64)) -> R {
        R::new(hash, position, self.position_bits)
    }
}
