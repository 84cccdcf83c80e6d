//! Candidates for repeats from the index alone: occurrences of frequent k-mers that align around them. Discovery finds
//! more in less time; this shows what the index alone contains, pair by pair.
//!
//! One thread walks the seeds by falling frequency and makes batches ([`walk`]), the pool aligns their occurrences
//! ([`pairs`]), and one thread receives the pairs, in order, and marks the bases that they cover ([`coverage`]).

mod candidate;
mod coverage;
mod pairs;
mod seeds;
mod walk;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::{Sender, channel};

pub use candidate::{AlignedPair, Candidate, CandidateBatch, CandidateStatistics, Occurrence};
use coverage::Coverage;
use pairs::PairAligner;
use walk::{CoveredRanges, SeedWalk};

use crate::align::Scoring;
use crate::families::bases::{Bases, SIMPLE, UNKNOWN};
use crate::families::parameters::{CandidateOptions, MAX_SEED_MISMATCHES, MAX_WILDCARDS, PAIR_DIVERGENCE};
use crate::genome::Contig;
use crate::memory::{Budget, Component};
use crate::query::{Charge, Feed, in_batches};
use crate::{Error, Index, Progress, Result};

/// Maximum number of bytes of batches in flight, pairs included.
const MAX_BYTES_IN_FLIGHT: u64 = 16 << 20;

/// Finds pairs of positions that share a seed of the index and align, and passes them to `each`, batch by batch in the
/// order of their seeds. Bases that a pair covers are not searched again. Pairs that were in flight meanwhile are left
/// out if earlier ones cover most of both sides.
///
/// Memory is that of the genome (a byte and two bits a base), of the dynamic program of each thread and of the batches
/// in flight.
///
/// # Errors
/// Errors of `each`; [`Error::Usage`] for patterns that do not fit the index; [`Error::Memory`], [`Error::Damaged`] and
/// [`Error::Io`].
pub fn candidates(
    index: &Index,
    options: &CandidateOptions,
    progress: &dyn Progress,
    each: impl FnMut(u64, Vec<AlignedPair>) -> Result<()> + Send,
) -> Result<CandidateStatistics> {
    check_patterns(index, options)?;
    let budget = index.budget();
    let mut bases = Bases::of(index)?;
    bases.mark_simple();
    let bases = bases;
    let threads = rayon::current_num_threads() as u64;
    let scratch = threads * PairAligner::bytes(options.max_extend);
    let _reservation = budget.reserve(Component::Batches, scratch, "alignments of candidates")?;
    let scoring = Scoring::new(PAIR_DIVERGENCE, bases.composition(UNKNOWN | SIMPLE));
    let walk = SeedWalk {
        index,
        bases: &bases,
        options,
        coverage: Coverage::new(bases.len(), budget)?,
        in_flight: VecDeque::new(),
        statistics: CandidateStatistics::default(),
    };
    let written = Coverage::new(bases.len(), budget)?;
    progress.phase("candidates", Some(index.seed_count()));
    let (covered, receiver) = channel();
    let mut sink = PairSink { budget, contigs: index.contigs()?, written, covered, pairs: 0, each };
    let (mut statistics, mut pairs) = (CandidateStatistics::default(), 0);
    let (walked, passed_on) = (&mut statistics, &mut pairs);
    in_batches(
        budget,
        MAX_BYTES_IN_FLIGHT,
        move |feed: &mut Feed<CandidateBatch>| {
            *walked = walk.run(feed, &receiver, progress)?;
            Ok(())
        },
        || {
            let mut aligner = PairAligner::new(index, &bases, options, &scoring);
            move |id, batch: CandidateBatch, charge: &mut Charge| Ok((id, align_batch(&mut aligner, &batch, charge)?))
        },
        // The sink is dropped when this ends, and with it its end of the channel: the walk does not wait any longer.
        move |outputs| {
            for (id, aligned) in outputs {
                sink.receive(id, aligned)?;
            }
            *passed_on = sink.pairs;
            Ok(())
        },
    )?;
    Ok(CandidateStatistics { pairs, ..statistics })
}

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

/// The pairs of all candidates of a batch; `charge` becomes that of the pairs.
fn align_batch(aligner: &mut PairAligner<'_>, batch: &CandidateBatch, charge: &mut Charge) -> Result<Vec<AlignedPair>> {
    let mut aligned = Vec::new();
    for candidate in &batch.candidates {
        aligner.pairs(candidate, &mut aligned)?;
    }
    let operations: usize = aligned.iter().map(|pair| size_of_val(&pair.alignment.operations[..])).sum();
    charge.resize((aligned.capacity() * size_of::<AlignedPair>() + operations) as u64);
    Ok(aligned)
}

/// Receives the pairs of batches, in order.
struct PairSink<'a, F> {
    budget: &'a Budget,
    contigs: &'a [Contig],
    /// The coverage of all pairs that were passed on.
    written: Coverage,
    /// Sends the ranges that each batch covers to the walk.
    covered: Sender<CoveredRanges>,
    pairs: u64,
    each: F,
}

impl<F: FnMut(u64, Vec<AlignedPair>) -> Result<()>> PairSink<'_, F> {
    /// Passes on the pairs of a batch, without those whose sides are both covered by earlier pairs.
    fn receive(&mut self, id: u64, mut aligned: Vec<AlignedPair>) -> Result<()> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        aligned.retain(|AlignedPair { alignment: a, .. }| {
            let (first, second) = (self.contigs[a.query as usize].start, self.contigs[a.contig as usize].start);
            let query = u64::from(a.query_range.start)..u64::from(a.query_range.end);
            let sides = [first + query.start..first + query.end, second + a.range.start..second + a.range.end];
            let is_known = sides.iter().all(|side| self.written.covers(side));
            if !is_known {
                sides.iter().for_each(|side| self.written.add(side));
                ranges.extend(sides);
            }
            !is_known
        });
        self.pairs += aligned.len() as u64;
        let mut reservation = self.budget.empty_reservation(Component::Batches);
        reservation.resize((ranges.capacity() * size_of::<Range<u64>>()) as u64);
        (self.each)(id, aligned)?;
        // The walk may have failed and not receive it.
        let _ = self.covered.send((ranges, reservation));
        Ok(())
    }
}
