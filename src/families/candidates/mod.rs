//! Candidates for repeats from the index alone: occurrences of frequent k-mers that align around them. Discovery finds
//! more in less time; this shows what the index alone contains, pair by pair.
//!
//! One thread walks the seeds by falling frequency and makes batches ([`walk`]). The pool looks up the next seeds
//! ([`look_ahead`]) and aligns the occurrences of batches ([`pairs`]). One thread receives the pairs, in order, and
//! reports the bases that they cover to the walk ([`sink`]). [`pipeline`] connects the three.

mod candidate;
mod look_ahead;
mod packed_genome;
mod pairs;
mod pipeline;
mod seeds;
mod sink;
mod walk;

use std::sync::mpsc::channel;

pub use candidate::{AlignedPair, Candidate, CandidateBatch, CandidateStatistics, Occurrence};
use packed_genome::PackedGenome;
use pairs::PairAligner;
pub use pipeline::{CandidateOutcome, CandidatePipelineConfig};
use pipeline::{CandidatePipeline, MemoryPlan};
use sink::PairSink;

use crate::align::Scoring;
use crate::families::bases::base_mask;
use crate::families::parameters::{CandidateOptions, MAX_SEED_MISMATCHES, MAX_WILDCARDS, PAIR_DIVERGENCE};
use crate::genome::BaseMask;
use crate::memory::Component;
use crate::query::Charge;
use crate::{Error, Index, Progress, Result};

/// Finds pairs of positions that share a seed of the index and align, and passes them to `each`, batch by batch in the
/// order of their seeds, with the number of the batch. Bases that a pair covers are not searched again. Pairs that were
/// in flight meanwhile are left out if earlier ones cover most of both sides. All threads of the current rayon pool
/// look up seeds and align; a slow `each` stops them once the channel is full.
///
/// Memory is three bits a base of the genome (in a simple repeat, covered for the walk, covered by written pairs), that
/// of the dynamic program of each thread, and that of the batches in flight. Bases are read from the mapped genome.
///
/// # Errors
/// Errors of `each`; [`Error::Usage`] for patterns that do not fit the index; [`Error::Memory`] if the budget or the
/// maximum memory of the configuration is too small; [`Error::Damaged`] and [`Error::Io`].
pub fn candidates(
    index: &Index,
    options: &CandidateOptions,
    config: &CandidatePipelineConfig,
    progress: &dyn Progress,
    each: impl FnMut(u64, Vec<AlignedPair>) -> Result<()> + Send,
) -> Result<CandidateOutcome> {
    check_patterns(index, options)?;
    let (budget, contigs) = (index.budget(), index.contigs()?);
    let bases = index.manifest().genome.bases;
    let threads = rayon::current_num_threads() as u64;
    let scratch = threads * PairAligner::bytes(options.max_extend);
    let fixed = PackedGenome::bytes(contigs.len() as u64, bases) + 2 * BaseMask::bytes(bases) + scratch;
    let plan = MemoryPlan::new(index, fixed, config)?;
    let genome = PackedGenome::of(index)?;
    let _reservation = budget.reserve(Component::Batches, scratch, "alignments of candidates")?;
    let scoring = Scoring::new(PAIR_DIVERGENCE, genome.composition());
    let (coverage, written) = (base_mask(bases, budget)?, base_mask(bases, budget)?);
    let (covered, receiver) = channel();
    let mut pairs = 0;
    let mut sink = PairSink { budget, contigs, written, covered, pairs: &mut pairs, each };
    let pipeline =
        CandidatePipeline { index, genome: &genome, options, coverage: &coverage, batch_size: config.batch_size, plan };
    let mut outcome = pipeline.run(
        Some(receiver),
        progress,
        || {
            let mut aligner = PairAligner::new(&genome, index.k(), options, &scoring);
            move |batch: CandidateBatch, charge: &mut Charge| aligner.align(&batch, charge)
        },
        move |id, aligned| sink.receive(id, aligned),
    )?;
    outcome.statistics.pairs = pairs;
    Ok(outcome)
}

/// Passes the candidates of all seeds to `each`, batch by batch in the order of their seeds: for a program that
/// compares occurrences in its own way. Seeds of low complexity and occurrences in simple repeats are left out;
/// nothing is aligned, so no base counts as covered. All threads of the current rayon pool look up seeds; a slow `each`
/// stops them once the channel is full.
///
/// Memory is a bit a base of the genome, and that of the batches in flight. The options of alignments
/// ([`CandidateOptions::min_length`], [`max_extend`](CandidateOptions::max_extend) and
/// [`max_e_value`](CandidateOptions::max_e_value)) have no effect.
///
/// ```no_run
/// use reprise::families::{CandidateOptions, CandidatePipelineConfig, for_each_candidate_batch};
///
/// # fn main() -> reprise::Result<()> {
/// let index = reprise::Index::open("genome.reprise")?;
/// let options = CandidateOptions { min_frequency: 10, ..CandidateOptions::default() };
/// let config = CandidatePipelineConfig { channel_bytes: 4 << 20, ..CandidatePipelineConfig::default() };
/// let outcome = for_each_candidate_batch(&index, &options, &config, &reprise::Silent, |batch| {
///     println!("batch {}: {} seeds", batch.id, batch.candidates.len());
///     Ok(())
/// })?;
/// println!("at most {} bytes in flight", outcome.pipeline.max_bytes);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`candidates`].
pub fn for_each_candidate_batch(
    index: &Index,
    options: &CandidateOptions,
    config: &CandidatePipelineConfig,
    progress: &dyn Progress,
    mut each: impl FnMut(CandidateBatch) -> Result<()> + Send,
) -> Result<CandidateOutcome> {
    check_patterns(index, options)?;
    let (contigs, bases) = (index.contigs()?.len() as u64, index.manifest().genome.bases);
    let plan = MemoryPlan::new(index, PackedGenome::bytes(contigs, bases), config)?;
    let genome = PackedGenome::of(index)?;
    let nothing = base_mask(0, index.budget())?;
    let pipeline =
        CandidatePipeline { index, genome: &genome, options, coverage: &nothing, batch_size: config.batch_size, plan };
    pipeline.run(None, progress, || |batch: CandidateBatch, _: &mut Charge| batch, |_, batch| each(batch))
}

/// Checks that the patterns and mismatches of seeds fit the index.
fn check_patterns(index: &Index, options: &CandidateOptions) -> Result<()> {
    for pattern in &options.patterns {
        let wildcards = pattern.iter().filter(|compared| !**compared).count();
        let fits = pattern.len() == index.k() as usize && wildcards <= MAX_WILDCARDS;
        if !fits || options.seed_mismatches > MAX_SEED_MISMATCHES {
            return Err(Error::Usage(format!(
                "a spaced pattern has {} letters, as the k-mers of this index, at most {MAX_WILDCARDS} of them 0",
                index.k()
            )));
        }
    }
    Ok(())
}
