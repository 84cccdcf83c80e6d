//! The steps of a build that makes a dictionary of super-k-mers: its bins and passes.

use std::ops::Range;

use crate::Result;
use crate::builder::bin_counts::BinCounts;
use crate::builder::layout_steps::{LayoutInput, LayoutPlan, LayoutSteps, PassContext};
use crate::builder::passes::run_passes;
use crate::builder::scatter::RecordScan;
use crate::builder::segments::{GenomeSegments, Segment};
use crate::builder::superkmers::occurrence::{OCCURRENCE_BYTES, SuperKmerOccurrence};
use crate::builder::superkmers::partition::SuperKmerPages;
use crate::builder::superkmers::survey::Survey;
use crate::builder::superkmers::worker::SuperKmerWorker;
use crate::dictionary::Shape;
use crate::kmer::{Minimizers, SuperKmer};
use crate::memory::Component;
use crate::memory::system::AnonymousMap;

/// The bins and records of a super-k-mer dictionary.
struct SuperKmerSteps {
    pages: SuperKmerPages,
    counts: BinCounts,
}

/// Plans a dictionary of super-k-mers: surveys the genome and divides the keys into bins.
///
/// # Errors
/// [`Error::Memory`], [`Error::Io`].
pub(crate) fn plan(input: &LayoutInput<'_>, minimizers: Minimizers) -> Result<LayoutPlan> {
    let LayoutInput { segments, lists, spans, tuning, budget, .. } = input;
    let kmers = segments.kmers();
    let memory = input.begin_estimate(Survey::sample_bytes(kmers, &minimizers, *spans))?;
    let survey = Survey::new(input, minimizers)?;
    let record_bytes = survey.bytes();
    // A scan for minimizers costs more than memory that is touched for the first time.
    let expected_passes = input.passes(&memory, record_bytes, u64::MAX);
    let max_bins = tuning.max_bins.saturating_mul(expected_passes.max(1));
    let (pages, counts) = SuperKmerPages::new(&survey, lists, max_bins, memory.records);
    let count_bytes = counts.capacity_bytes() + pages.capacity_bytes();
    let counts_reservation = budget.reserve(Component::Counts, count_bytes, "counting k-mers")?;
    let shape = Shape::SuperKmers(pages.layout);
    let steps = Box::new(SuperKmerSteps { pages, counts });
    Ok(LayoutPlan { steps, shape, hints: survey.hints, record_bytes, expected_passes, counts_reservation })
}

impl LayoutSteps for SuperKmerSteps {
    fn bins(&self) -> u64 {
        self.pages.bins()
    }

    fn pages_of(&self, bin: u64) -> Range<u64> {
        self.pages.pages_of(bin)
    }

    fn records_of(&self, bin: u64) -> u64 {
        self.counts.records_of(bin)
    }

    fn record_bytes(&self) -> u64 {
        OCCURRENCE_BYTES
    }

    fn sorted_record_bytes(&self) -> u64 {
        OCCURRENCE_BYTES
    }

    fn run_passes(&self, context: &PassContext<'_>, memory: &mut AnonymousMap) {
        let workers = (0..context.workers).map(|_| SuperKmerWorker::new(&self.pages, context)).collect();
        run_passes(context, self, (&self.pages, &self.counts), workers, memory);
    }
}

/// Scans super-k-mers.
impl RecordScan for SuperKmerPages {
    type Record = SuperKmerOccurrence;
    type Found<'s> = (&'s Segment<'s>, SuperKmer);
    // The context has to be extracted from the genome.
    const IS_CHEAP: bool = false;

    #[inline(always)]
    fn scan<'s>(
        &self,
        segments: &GenomeSegments<'_>,
        span: &'s [Segment<'s>],
        mut each: impl FnMut(u64, Self::Found<'s>),
        done: impl FnMut(u64),
    ) {
        let found = |segment, s: SuperKmer| each(self.bin_of(s.key), (segment, s));
        segments.scan_super_kmers(&self.occurrence.minimizers, span, found, done);
    }

    #[inline(always)]
    fn record(&self, (segment, s): (&Segment<'_>, SuperKmer)) -> SuperKmerOccurrence {
        self.occurrence.occurrence(segment, &s)
    }
}
