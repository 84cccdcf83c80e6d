//! The decisions of a dictionary layout in a build, so that plan, passes and writer are the same for every layout.
//!
//! A layout cuts its pages into *bins*: the ranges of hashes or keys to which one pass scatters the records of the
//! genome. A bin is a part of a page or a run of whole pages. A page whose records do not fit one pass is made bin by
//! bin over several passes.
//!
//! [`plan_layout`](crate::builder::plan_layout) is the only module of a build that knows which layouts exist.

use std::ops::Range;

use crate::Progress;
use crate::Result;
use crate::builder::handover::Handover;
use crate::builder::memory_plan::{MemoryNeeds, MemoryPlan};
use crate::builder::options::{BuildTuning, MAX_PREFERRED_PASSES};
use crate::builder::prepared_genome::PreparedGenome;
use crate::builder::segments::GenomeSegments;
use crate::bundle::MemoryHints;
use crate::dictionary::Shape;
use crate::format::Identity;
use crate::format::positions::ListCode;
use crate::memory::system::AnonymousMap;
use crate::memory::{Budget, Reservation};
use crate::progress::check_cancelled;

/// From what a layout is planned.
pub(crate) struct LayoutInput<'a> {
    pub(crate) genome: &'a PreparedGenome,
    pub(crate) segments: &'a GenomeSegments<'a>,
    pub(crate) lists: &'a ListCode,
    /// Spans into which every scan divides the genome.
    pub(crate) spans: usize,
    pub(crate) tuning: &'a BuildTuning,
    pub(crate) budget: &'a Budget,
    pub(crate) progress: &'a dyn Progress,
}

impl LayoutInput<'_> {
    /// Begins the estimate, if the budget has space for a sample of `sample` bytes and a build after it.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory); [`Error::Cancelled`](crate::Error::Cancelled).
    pub(crate) fn begin_estimate(&self, sample: u64) -> Result<MemoryPlan> {
        check_cancelled(self.progress)?;
        let needs = MemoryNeeds { sample, ..MemoryNeeds::default() };
        let plan = MemoryPlan::checked(self.budget, rayon::current_num_threads(), needs)?;
        self.progress.phase("estimating", Some(self.segments.kmers()));
        Ok(plan)
    }

    /// Passes for `bytes` bytes of records, of which the layout prefers at most `large_pass` a pass.
    pub(crate) fn passes(&self, memory: &MemoryPlan, bytes: u64, large_pass: u64) -> u64 {
        let large_pass = self.tuning.large_pass.unwrap_or(large_pass);
        bytes.div_ceil(memory.records).max(bytes.div_ceil(large_pass).min(MAX_PREFERRED_PASSES))
    }
}

/// A planned layout.
pub(crate) struct LayoutPlan {
    pub(crate) steps: Box<dyn LayoutSteps>,
    pub(crate) shape: Shape,
    /// The content that the sample predicts.
    pub(crate) hints: MemoryHints,
    /// Bytes of all records.
    pub(crate) record_bytes: u64,
    /// Passes, if the records divide evenly.
    pub(crate) expected_passes: u64,
    /// For the counts of the bins.
    pub(crate) counts_reservation: Reservation,
}

/// The part of a pass that one thread processes: all bins of one page that are in the pass, or one bin of several
/// pages.
pub(crate) struct Task {
    pub(crate) bins: Range<u64>,
    pub(crate) pages: Range<u64>,
    /// Whether the pass before made the first part of its page.
    pub(crate) continues_page: bool,
    /// Whether its page ends with it; otherwise the next pass continues the page.
    pub(crate) completes_page: bool,
}

/// The input of the passes of any layout.
pub(crate) struct PassContext<'a> {
    pub(crate) segments: &'a GenomeSegments<'a>,
    pub(crate) spans: usize,
    /// The bins of each pass.
    pub(crate) passes: &'a [Range<u64>],
    /// Of the records of the genome, those of all passes: from 0 to 1.
    pub(crate) share: f64,
    /// Threads that sort and encode.
    pub(crate) workers: u64,
    pub(crate) identity: Identity,
    pub(crate) lists: &'a ListCode,
    pub(crate) handover: &'a Handover,
    pub(crate) budget: &'a Budget,
    pub(crate) progress: &'a dyn Progress,
}

/// The bins of a layout and its passes.
pub(crate) trait LayoutSteps: Sync {
    /// Bins in all.
    fn bins(&self) -> u64;

    /// The pages of a bin: the one that it is a part of, or several.
    fn pages_of(&self, bin: u64) -> Range<u64>;

    /// Records of a bin.
    fn records_of(&self, bin: u64) -> u64;

    /// Bytes of a record.
    fn record_bytes(&self) -> u64;

    /// Bytes of a record while its bin is sorted.
    fn sorted_record_bytes(&self) -> u64;

    /// Runs the passes of a build in `memory` and passes their pages to the writer.
    fn run_passes(&self, context: &PassContext<'_>, memory: &mut AnonymousMap);

    /// Bytes of the records of a bin.
    fn bin_bytes(&self, bin: u64) -> u64 {
        self.records_of(bin) * self.record_bytes()
    }

    /// Whether a bin is the first of its pages.
    fn begins_page(&self, bin: u64) -> bool {
        bin == 0 || self.pages_of(bin - 1).start != self.pages_of(bin).start
    }

    /// Whether pages end before bin `end`.
    fn ends_page(&self, end: u64) -> bool {
        end == self.bins() || self.begins_page(end)
    }

    /// The tasks of a pass over `bins`.
    fn tasks(&self, bins: Range<u64>) -> Vec<Task> {
        let mut tasks: Vec<Task> = Vec::new();
        for bin in bins {
            let pages = self.pages_of(bin);
            match tasks.last_mut() {
                Some(task) if task.pages == pages => task.bins.end += 1,
                _ => tasks.push(Task {
                    bins: bin..bin + 1,
                    pages,
                    continues_page: !self.begins_page(bin),
                    completes_page: true,
                }),
            }
        }
        if let Some(task) = tasks.last_mut() {
            task.completes_page = self.ends_page(task.bins.end);
        }
        tasks
    }
}
