//! The walk over the seeds by falling frequency, which makes batches of candidates. A batch depends on the coverage of
//! all batches up to [`BATCHES_IN_FLIGHT`] before it, and not on the progress of later ones, so that results do not
//! depend on threads.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::Receiver;

use crate::families::bases::{Bases, SIMPLE};
use crate::families::candidates::candidate::{Candidate, CandidateBatch, CandidateStatistics, Occurrence};
use crate::families::candidates::coverage::Coverage;
use crate::families::candidates::seeds::{is_low_complexity, neighbours};
use crate::families::parameters::{
    BATCH_OCCURRENCES, BATCHES_IN_FLIGHT, CandidateOptions, MAX_BATCH_SEEDS, MIN_BASES_PER_OCCURRENCE,
    MIN_FLIGHT_DISTANCE,
};
use crate::index::Seed;
use crate::memory::Reservation;
use crate::query::Feed;
use crate::{Index, Progress, Result};

/// Bytes that a batch is admitted with: the most occurrences, and as much again for seeds and vectors that grew.
const BATCH_BYTES: u64 = BATCH_OCCURRENCES.1 * size_of::<Occurrence>() as u64 * 4;

/// The ranges of the genome that the pairs of a batch cover.
pub(crate) type CoveredRanges = (Vec<Range<u64>>, Reservation);

/// Makes batches of candidates.
pub(crate) struct SeedWalk<'a> {
    pub(crate) index: &'a Index,
    pub(crate) bases: &'a Bases,
    pub(crate) options: &'a CandidateOptions,
    pub(crate) coverage: Coverage,
    /// Positions of the occurrences of each batch in flight, ascending.
    pub(crate) in_flight: VecDeque<Vec<u64>>,
    pub(crate) statistics: CandidateStatistics,
}

/// A batch that is not full yet.
#[derive(Default)]
struct PartialBatch {
    candidates: Vec<Candidate>,
    /// Positions of all occurrences.
    positions: Vec<u64>,
    /// Seeds that were looked at.
    seeds: u64,
}

impl SeedWalk<'_> {
    /// Sends batches until the seeds end. `covered` receives the ranges that each batch covers, in order.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Io`](crate::Error::Io) from the index.
    pub(crate) fn run(
        mut self,
        feed: &mut Feed<CandidateBatch>,
        covered: &Receiver<CoveredRanges>,
        progress: &dyn Progress,
    ) -> Result<CandidateStatistics> {
        let (min, max) = BATCH_OCCURRENCES;
        let full = (self.bases.len() / MIN_BASES_PER_OCCURRENCE / BATCHES_IN_FLIGHT).clamp(min, max) as usize;
        let mut seeds = self.index.seeds();
        let (mut id, mut has_ended) = (0, false);
        while !has_ended {
            while self.in_flight.len() as u64 >= BATCHES_IN_FLIGHT {
                if !self.finish_batch(covered) {
                    return Ok(self.statistics);
                }
            }
            let mut charge = feed.admit(BATCH_BYTES);
            let mut batch = PartialBatch::default();
            while batch.positions.len() < full && batch.seeds < MAX_BATCH_SEEDS && !has_ended {
                has_ended = !self.add_seed(&mut seeds, &mut batch)?;
            }
            let PartialBatch { candidates, mut positions, seeds } = batch;
            progress.advance(seeds);
            if candidates.is_empty() {
                continue;
            }
            self.statistics.candidates += candidates.len() as u64;
            positions.sort_unstable();
            let bytes = positions.capacity() * size_of::<u64>()
                + candidates.capacity() * size_of::<Candidate>()
                + candidates.iter().map(|c| c.occurrences.capacity() * size_of::<Occurrence>()).sum::<usize>();
            charge.resize(bytes as u64);
            self.in_flight.push_back(positions);
            if !feed.send(CandidateBatch { id, candidates }, charge) {
                break;
            }
            id += 1;
        }
        while !self.in_flight.is_empty() && self.finish_batch(covered) {}
        self.statistics.bases = self.coverage.count();
        Ok(self.statistics)
    }

    /// Adds the next seed to a batch, if it makes a candidate. Returns whether there was one that is frequent enough.
    fn add_seed(&mut self, seeds: &mut impl Iterator<Item = Result<Seed>>, batch: &mut PartialBatch) -> Result<bool> {
        let seed = seeds.next().transpose()?;
        let Some(seed) = seed.filter(|seed| seed.frequency >= self.options.min_frequency) else { return Ok(false) };
        batch.seeds += 1;
        self.statistics.seeds += 1;
        if is_low_complexity(self.index.codec(), seed.kmer) {
            self.statistics.low_complexity += 1;
            return Ok(true);
        }
        let occurrences = self.occurrences(seed.kmer)?;
        if occurrences.len() > 1 {
            batch.positions.extend(occurrences.iter().map(|occurrence| occurrence.at));
            batch.candidates.push(Candidate { seed: seed.kmer, occurrences });
        }
        Ok(true)
    }

    /// Waits for the oldest batch in flight and adds the ranges that it covers. Returns false if the batches ended
    /// early.
    fn finish_batch(&mut self, covered: &Receiver<CoveredRanges>) -> bool {
        let Ok((ranges, _reservation)) = covered.recv() else { return false };
        self.in_flight.pop_front();
        ranges.iter().for_each(|range| self.coverage.add(range));
        true
    }

    /// Whether an occurrence at this position is left out: in a simple repeat, covered, or near one in flight.
    fn is_left_out(&self, at: u64, k: u64) -> bool {
        let codes = &self.bases.codes()[at as usize..(at + k) as usize];
        let is_near = |positions: &Vec<u64>| {
            let next = positions.partition_point(|&position| position + MIN_FLIGHT_DISTANCE < at);
            positions.get(next).is_some_and(|&position| position <= at + MIN_FLIGHT_DISTANCE)
        };
        codes.iter().any(|code| code & SIMPLE != 0)
            || self.coverage.contains(at + k / 2)
            || self.in_flight.iter().any(is_near)
    }

    /// The occurrences of a seed that count.
    fn occurrences(&self, seed: u64) -> Result<Vec<Occurrence>> {
        let (k, contigs) = (self.index.k(), self.index.contigs()?);
        let mut occurrences = Vec::new();
        for kmer in neighbours(seed, k, self.options) {
            self.index.for_each_position(kmer, |position| {
                let at = contigs[position.contig as usize].start + position.start;
                if !self.is_left_out(at, k.into()) {
                    occurrences.push(Occurrence { strand: position.strand, at });
                }
            })?;
        }
        occurrences.sort_unstable();
        occurrences.dedup();
        let mut last: Option<Occurrence> = None;
        occurrences.retain(|&Occurrence { strand, at }| {
            let is_distant =
                last.is_none_or(|last| last.strand != strand || at - last.at >= self.options.tandem_distance);
            if is_distant {
                last = Some(Occurrence { strand, at });
            }
            is_distant
        });
        Ok(occurrences)
    }
}
