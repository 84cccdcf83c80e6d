//! The walk over the seeds by falling frequency, which makes batches of candidates. The seeds of a *round* are chosen
//! by the coverage of all rounds up to [`ROUNDS_IN_FLIGHT`] before it, and not by the progress of later ones, so that
//! results depend neither on threads nor on the size of batches.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::Receiver;

use crate::Progress;
use crate::families::candidates::candidate::{Candidate, CandidateBatch, CandidateStatistics, Occurrence};
use crate::families::candidates::look_ahead::{Job, SeedOccurrences, SeedReader};
use crate::families::parameters::{
    CandidateOptions, MAX_ROUND_SEEDS, MIN_BASES_PER_OCCURRENCE, MIN_FLIGHT_DISTANCE, ROUND_OCCURRENCES,
    ROUNDS_IN_FLIGHT,
};
use crate::genome::BaseMask;
use crate::memory::Reservation;
use crate::query::{Charge, Feed};

/// Bytes that a round is admitted with: the most occurrences, and as much again for seeds and vectors that grew.
pub(crate) const ROUND_BYTES: u64 = ROUND_OCCURRENCES.1 * size_of::<Occurrence>() as u64 * 4;

/// The ranges of the genome that the pairs of a batch cover.
pub(crate) type CoveredRanges = (Vec<Range<u64>>, Reservation);

/// Makes batches of candidates.
pub(crate) struct SeedWalk<'a> {
    pub(crate) options: &'a CandidateOptions,
    pub(crate) k: u64,
    /// Bases of the genome.
    pub(crate) bases: u64,
    pub(crate) seeds: SeedReader<'a>,
    pub(crate) coverage: &'a BaseMask,
    /// Receives the ranges that each batch covers, in order; `None` if batches cover nothing.
    pub(crate) covered: Option<Receiver<CoveredRanges>>,
    /// Maximum candidates of a batch.
    pub(crate) batch_size: usize,
    pub(crate) in_flight: VecDeque<RoundInFlight>,
    pub(crate) statistics: CandidateStatistics,
}

/// A round whose batches are in flight.
pub(crate) struct RoundInFlight {
    /// Positions of its occurrences, ascending.
    positions: Vec<u64>,
    batches: u64,
}

/// A round that is not full yet.
#[derive(Default)]
struct PartialRound {
    candidates: Vec<Candidate>,
    /// Positions of all occurrences.
    positions: Vec<u64>,
    /// Seeds that were looked at.
    seeds: u64,
}

impl SeedWalk<'_> {
    /// Sends batches until the seeds end.
    pub(crate) fn run(mut self, feed: &mut Feed<Job>, progress: &dyn Progress) -> CandidateStatistics {
        let (min, max) = ROUND_OCCURRENCES;
        let full = (self.bases / MIN_BASES_PER_OCCURRENCE / ROUNDS_IN_FLIGHT).clamp(min, max) as usize;
        let mut has_ended = false;
        while !has_ended {
            while self.in_flight.len() as u64 >= ROUNDS_IN_FLIGHT {
                if !self.finish_round() {
                    return self.statistics;
                }
            }
            let charge = feed.admit(ROUND_BYTES);
            let mut round = PartialRound::default();
            while round.positions.len() < full && round.seeds < MAX_ROUND_SEEDS && !has_ended {
                match self.seeds.next(feed) {
                    Some(seed) => self.add_seed(seed, &mut round),
                    None => has_ended = true,
                }
            }
            progress.advance(round.seeds);
            if !round.candidates.is_empty() && !self.send(round, charge, feed) {
                break;
            }
        }
        while !self.in_flight.is_empty() && self.finish_round() {}
        self.statistics.bases = self.coverage.count(&(0..self.bases));
        self.statistics
    }

    /// Sends the candidates of a round as batches. Returns false if the workers have stopped.
    fn send(&mut self, round: PartialRound, mut charge: Charge, feed: &mut Feed<Job>) -> bool {
        let PartialRound { candidates, mut positions, .. } = round;
        self.statistics.candidates += candidates.len() as u64;
        positions.sort_unstable();
        let mut more = positions.capacity() * size_of::<u64>();
        let batches = candidates.len().div_ceil(self.batch_size) as u64;
        if self.covered.is_some() {
            self.in_flight.push_back(RoundInFlight { positions, batches });
        }
        let mut candidates = candidates.into_iter();
        for _ in 0..batches {
            let candidates: Vec<Candidate> = candidates.by_ref().take(self.batch_size).collect();
            let occurrences: usize = candidates.iter().map(|candidate| candidate.occurrences.capacity()).sum();
            let bytes = candidates.capacity() * size_of::<Candidate>() + occurrences * size_of::<Occurrence>();
            // The round was admitted as a whole, and must not wait for itself.
            let mut charge = std::mem::replace(&mut charge, feed.admit(0));
            charge.resize((bytes + std::mem::take(&mut more)) as u64);
            let batch = CandidateBatch { id: self.statistics.batches, candidates };
            self.statistics.batches += 1;
            if !feed.send(Job::Candidates(batch), charge) {
                return false;
            }
        }
        true
    }

    /// Adds a seed to a round, if it makes a candidate.
    fn add_seed(&mut self, seed: SeedOccurrences, round: &mut PartialRound) {
        let SeedOccurrences { kmer, is_low_complexity, mut occurrences } = seed;
        round.seeds += 1;
        self.statistics.seeds += 1;
        if is_low_complexity {
            self.statistics.low_complexity += 1;
            return;
        }
        let mut last: Option<Occurrence> = None;
        occurrences.retain(|&Occurrence { strand, at }| {
            let is_distant =
                last.is_none_or(|last| last.strand != strand || at - last.at >= self.options.tandem_distance);
            let counts = is_distant && !self.is_left_out(at);
            if counts {
                last = Some(Occurrence { strand, at });
            }
            counts
        });
        if occurrences.len() > 1 {
            occurrences.shrink_to_fit();
            round.positions.extend(occurrences.iter().map(|occurrence| occurrence.at));
            round.candidates.push(Candidate { seed: kmer, occurrences });
        }
    }

    /// Waits for the batches of the oldest round in flight and adds the ranges that they cover. Returns false if the
    /// batches ended early.
    fn finish_round(&mut self) -> bool {
        let (Some(covered), Some(round)) = (&self.covered, self.in_flight.pop_front()) else { return false };
        for _ in 0..round.batches {
            let Ok((ranges, _reservation)) = covered.recv() else { return false };
            ranges.iter().for_each(|range| self.coverage.add(range));
        }
        true
    }

    /// Whether an occurrence at this position is left out: covered, or near one in flight.
    fn is_left_out(&self, at: u64) -> bool {
        let is_near = |round: &RoundInFlight| {
            let next = round.positions.partition_point(|&position| position + MIN_FLIGHT_DISTANCE < at);
            round.positions.get(next).is_some_and(|&position| position <= at + MIN_FLIGHT_DISTANCE)
        };
        self.coverage.contains(at + self.k / 2) || self.in_flight.iter().any(is_near)
    }
}
