//! Runs the walk over the seeds, the workers and the consumer together, within a memory limit. Searches that process
//! candidates in different ways share it.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::mpsc::Receiver;

use crate::families::candidates::candidate::{CandidateBatch, CandidateStatistics};
use crate::families::candidates::look_ahead::{Job, LookAhead, SeedReader};
use crate::families::candidates::packed_genome::PackedGenome;
use crate::families::candidates::walk::{CoveredRanges, ROUND_BYTES, SeedWalk};
use crate::families::parameters::CandidateOptions;
use crate::genome::BaseMask;
use crate::memory::{MemoryPeak, MemoryUsageBreakdown};
use crate::query::{Charge, Feed, PipelineConfig, PipelineStatistics, in_batches};
use crate::{Error, Index, Progress, Result};

/// How candidates flow from the index to the consumer. It changes batches, memory and time, never which candidates and
/// pairs are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CandidatePipelineConfig {
    /// Maximum candidates of a batch. Without it, and at most, a batch has the candidates that are chosen by one state
    /// of the genome: up to about a thousand occurrences.
    pub batch_size: Option<NonZeroUsize>,
    /// Bytes of all batches in flight, from before a batch is made until its result is consumed. A batch that is larger
    /// passes alone.
    pub channel_bytes: u64,
    /// Share of `channel_bytes`, 0 to 1, that results may take that wait for the one before them. Above it, a worker
    /// waits with its result, unless that is the next one.
    pub back_pressure: f64,
    /// Maximum bytes of the search: its tables, the alignments of each thread and its batches. Without it, what the
    /// [`Budget`](crate::memory::Budget) of the index allows, which limits it in any case.
    pub max_memory: Option<u64>,
}

impl Default for CandidatePipelineConfig {
    fn default() -> Self {
        let PipelineConfig { channel_bytes, back_pressure } = PipelineConfig::default();
        Self { batch_size: None, channel_bytes, back_pressure, max_memory: None }
    }
}

/// What a search for candidates found, and how it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CandidateOutcome {
    /// Counts of what was found.
    pub statistics: CandidateStatistics,
    /// What passed through the pipeline: groups of seeds to look up, and batches of candidates.
    pub pipeline: PipelineStatistics,
    /// Memory at the end of the search, before it releases its own; the reservations are those of the whole budget.
    pub memory: MemoryUsageBreakdown,
}

/// The memory of a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryPlan {
    /// Bytes that the workers may look up ahead of the walk.
    pub(crate) look_ahead: u64,
    pub(crate) channel: PipelineConfig,
}

impl MemoryPlan {
    /// Divides what remains after `fixed` bytes of tables and scratch memory.
    ///
    /// # Errors
    /// [`Error::Memory`] if they and a batch exceed the limit of the configuration.
    pub(crate) fn new(index: &Index, fixed: u64, config: &CandidatePipelineConfig) -> Result<Self> {
        let needed = fixed.saturating_add(2 * ROUND_BYTES);
        let limit = config.max_memory.unwrap_or(u64::MAX);
        if needed > limit {
            return Err(Error::memory("the search for candidates", needed, limit));
        }
        let left = limit - fixed;
        let channel_bytes = config.channel_bytes.min(left / 2);
        let free = index.budget().free().saturating_sub(fixed);
        Ok(Self {
            look_ahead: (left / 2).min(free / 4),
            channel: PipelineConfig { channel_bytes, back_pressure: config.back_pressure },
        })
    }
}

/// A search for candidates.
pub(crate) struct CandidatePipeline<'a> {
    pub(crate) index: &'a Index,
    pub(crate) genome: &'a PackedGenome<'a>,
    pub(crate) options: &'a CandidateOptions,
    /// Bases whose seeds are left out; those that [`Receiver`] gets are added.
    pub(crate) coverage: &'a BaseMask,
    pub(crate) batch_size: Option<NonZeroUsize>,
    pub(crate) plan: MemoryPlan,
}

impl CandidatePipeline<'_> {
    /// Passes all batches through a worker of each thread, and the results to `each`, in order. `covered` receives the
    /// ranges that each batch covers; without it, batches cover nothing.
    ///
    /// # Errors
    /// Errors of workers and of `each`; [`Error::Damaged`] and [`Error::Io`] from the index.
    pub(crate) fn run<T: Send, W: FnMut(CandidateBatch, &mut Charge) -> T>(
        &self,
        covered: Option<Receiver<CoveredRanges>>,
        progress: &dyn Progress,
        worker: impl Fn() -> W + Sync,
        mut each: impl FnMut(u64, T) -> Result<()> + Send,
    ) -> Result<CandidateOutcome> {
        let Self { index, genome, options, coverage, batch_size, plan } = *self;
        let look_ahead = LookAhead::new(index, genome, options, coverage);
        let walk = SeedWalk {
            options,
            k: index.k().into(),
            bases: genome.length(),
            seeds: SeedReader::new(&look_ahead, plan.look_ahead),
            coverage,
            covered,
            batch_size: batch_size.map_or(usize::MAX, NonZeroUsize::get),
            in_flight: VecDeque::new(),
            statistics: CandidateStatistics::default(),
        };
        progress.phase("candidates", Some(index.seed_count()));
        let mut statistics = CandidateStatistics::default();
        let (walked, closing) = (&mut statistics, look_ahead.close_on_drop());
        let pipeline = in_batches(
            index.budget(),
            &plan.channel,
            move |feed: &mut Feed<Job>| {
                *walked = walk.run(feed, progress);
                Ok(())
            },
            || {
                let (mut work, look_ahead) = (worker(), &look_ahead);
                move |_, job, charge: &mut Charge| match job {
                    Job::Seeds(record) => look_ahead.read_record(record).map(|()| None),
                    Job::Occurrences { group, seeds } => look_ahead.read_group(group, &seeds).map(|()| None),
                    Job::Candidates(batch) => Ok(Some((batch.id, work(batch, charge)))),
                }
            },
            // What this owns is dropped when it ends, so the walk does not wait any longer.
            move |outputs| {
                let _closing = closing;
                outputs.flatten().try_for_each(|(id, output)| each(id, output))
            },
        )?;
        let memory = MemoryUsageBreakdown::new(index.budget(), &MemoryPeak::now(index.budget()));
        Ok(CandidateOutcome { statistics, pipeline, memory })
    }
}
