//! Looking up seeds takes longer than choosing among their occurrences, so the workers look up the next ones while the
//! walk waits for batches in flight. Which occurrences count depends on earlier batches; the look-ups do not.

use std::vec::IntoIter;

use crate::families::candidates::candidate::{CandidateBatch, Occurrence};
use crate::families::candidates::packed_genome::PackedGenome;
use crate::families::candidates::seeds::{is_low_complexity, neighbours};
use crate::families::parameters::CandidateOptions;
use crate::genome::BaseMask;
use crate::index::{SEEDS_PER_RECORD, Seed};
use crate::memory::buffers::{CloseGuard, ReorderBuffer};
use crate::memory::{Component, Reservation};
use crate::query::Feed;
use crate::{Index, Result};

/// Maximum number of seeds that a worker looks up together, neighbours included.
const MAX_SEEDS: usize = 512;
/// Maximum number of occurrences of these seeds, unless one alone has more: 256 KiB.
const MAX_OCCURRENCES: u64 = 1 << 14;
/// Bytes of such a group of seeds.
const GROUP_BYTES: u64 = MAX_OCCURRENCES * size_of::<Occurrence>() as u64;
/// Bytes of a record of seeds while it is read: its seeds, their numbers, and their order in the index.
const RECORD_BYTES: u64 = SEEDS_PER_RECORD as u64 * (size_of::<Seed>() + size_of::<(u64, u64)>() + 8) as u64;

/// What a worker does next.
pub(crate) enum Job {
    /// Read a record of seeds of the index.
    Seeds(u64),
    /// Read the occurrences of a group of seeds.
    Occurrences { group: u64, seeds: Vec<Seed> },
    /// Process the candidates of a batch.
    Candidates(CandidateBatch),
}

/// A seed and its occurrences, ascending, without those in simple repeats and those that were covered when they were
/// read.
pub(crate) struct SeedOccurrences {
    pub(crate) kmer: u64,
    pub(crate) is_low_complexity: bool,
    pub(crate) occurrences: Vec<Occurrence>,
}

/// Results and the memory that they take.
pub(crate) type Charged<T> = (Vec<T>, Reservation);

/// What workers looked up and the walk has not taken yet.
pub(crate) struct LookAhead<'a> {
    index: &'a Index,
    genome: &'a PackedGenome<'a>,
    options: &'a CandidateOptions,
    coverage: &'a BaseMask,
    records: ReorderBuffer<Charged<Seed>>,
    groups: ReorderBuffer<Charged<SeedOccurrences>>,
}

impl<'a> LookAhead<'a> {
    pub(crate) fn new(
        index: &'a Index,
        genome: &'a PackedGenome<'a>,
        options: &'a CandidateOptions,
        coverage: &'a BaseMask,
    ) -> Self {
        // The reader bounds what is requested, so no worker waits with a result.
        let (records, groups) = (ReorderBuffer::new(u64::MAX), ReorderBuffer::new(u64::MAX));
        Self { index, genome, options, coverage, records, groups }
    }

    /// Ends the waits of the reader when the guards are dropped.
    pub(crate) fn close_on_drop(&self) -> (CloseGuard<'_, Charged<Seed>>, CloseGuard<'_, Charged<SeedOccurrences>>) {
        (self.records.close_on_drop(), self.groups.close_on_drop())
    }

    fn reservation(&self, bytes: u64) -> Reservation {
        let mut reservation = self.index.budget().empty_reservation(Component::Batches);
        reservation.resize(bytes);
        reservation
    }

    /// Reads a record of seeds.
    pub(crate) fn read_record(&self, number: u64) -> Result<()> {
        let mut reservation = self.reservation(RECORD_BYTES);
        let seeds = self.index.seed_record(number, self.options.min_frequency)?;
        reservation.resize((seeds.capacity() * size_of::<Seed>()) as u64);
        self.records.put(number, (seeds, reservation), 0);
        Ok(())
    }

    /// Reads the occurrences of a group of seeds.
    pub(crate) fn read_group(&self, group: u64, seeds: &[Seed]) -> Result<()> {
        let mut bytes = seeds.len() * size_of::<SeedOccurrences>();
        let mut reservation = self.reservation(bytes as u64);
        let mut found = Vec::with_capacity(seeds.len());
        for seed in seeds {
            let is_low_complexity = is_low_complexity(self.index.codec(), seed.kmer);
            let occurrences = if is_low_complexity { Vec::new() } else { self.occurrences(seed.kmer)? };
            bytes += occurrences.capacity() * size_of::<Occurrence>();
            reservation.resize(bytes as u64);
            found.push(SeedOccurrences { kmer: seed.kmer, is_low_complexity, occurrences });
        }
        self.groups.put(group, (found, reservation), 0);
        Ok(())
    }

    /// Occurrences of a seed that may count. A base that is covered stays so, so the walk need not see those.
    fn occurrences(&self, seed: u64) -> Result<Vec<Occurrence>> {
        let (k, contigs) = (self.index.k(), self.genome.contigs());
        let mut occurrences = Vec::new();
        for kmer in neighbours(seed, k, self.options) {
            self.index.for_each_position(kmer, |position| {
                let at = contigs[position.contig as usize].start + position.start;
                let k = u64::from(k);
                if !self.genome.is_simple(&(at..at + k)) && !self.coverage.contains(at + k / 2) {
                    occurrences.push(Occurrence { strand: position.strand, at });
                }
            })?;
        }
        occurrences.sort_unstable();
        occurrences.dedup();
        occurrences.shrink_to_fit();
        Ok(occurrences)
    }
}

/// Returns seeds in their order, and requests the next ones before they are needed.
pub(crate) struct SeedReader<'a> {
    look_ahead: &'a LookAhead<'a>,
    /// Records that are requested, and the next to take.
    records: (u64, u64),
    groups: (u64, u64),
    max_records: u64,
    max_groups: u64,
    /// Seeds of a group: fewer if each has neighbours.
    max_seeds: usize,
    neighbours: u64,
    /// Seeds of the last record, without those in groups.
    seeds: IntoIter<Seed>,
    seeds_reservation: Option<Reservation>,
    current: IntoIter<SeedOccurrences>,
    current_reservation: Option<Reservation>,
    /// Whether no record has more seeds.
    has_ended: bool,
}

impl<'a> SeedReader<'a> {
    /// Looks ahead by about `bytes`, and by no more than keeps all threads busy.
    pub(crate) fn new(look_ahead: &'a LookAhead<'a>, bytes: u64) -> Self {
        let threads = rayon::current_num_threads() as u64;
        let neighbours = neighbours(0, look_ahead.index.k(), look_ahead.options).len();
        Self {
            look_ahead,
            records: (0, 0),
            groups: (0, 0),
            max_records: (bytes / 2 / RECORD_BYTES).clamp(1, threads),
            max_groups: (bytes / 2 / GROUP_BYTES).clamp(2, threads + 2),
            max_seeds: (MAX_SEEDS / neighbours).max(1),
            neighbours: neighbours as u64,
            seeds: Vec::new().into_iter(),
            seeds_reservation: None,
            current: Vec::new().into_iter(),
            current_reservation: None,
            has_ended: false,
        }
    }

    /// The next seed; `None` after the last, or if the workers have stopped.
    pub(crate) fn next(&mut self, feed: &mut Feed<Job>) -> Option<SeedOccurrences> {
        loop {
            if let Some(seed) = self.current.next() {
                return Some(seed);
            }
            while self.groups.0 - self.groups.1 < self.max_groups {
                let seeds = self.next_group(feed);
                if seeds.is_empty() {
                    break;
                }
                // Its memory is reserved as it is read: the walk has a batch, and must not wait for another.
                let charge = feed.admit(0);
                feed.send(Job::Occurrences { group: self.groups.0, seeds }, charge).then_some(())?;
                self.groups.0 += 1;
            }
            if self.groups.0 == self.groups.1 {
                return None;
            }
            let (seeds, reservation) = self.look_ahead.groups.take()?;
            self.groups.1 += 1;
            (self.current, self.current_reservation) = (seeds.into_iter(), Some(reservation));
        }
    }

    /// The seeds that are looked up together next; none after the last.
    fn next_group(&mut self, feed: &mut Feed<Job>) -> Vec<Seed> {
        let (mut group, mut occurrences) = (Vec::new(), 0u64);
        while group.len() < self.max_seeds && occurrences < MAX_OCCURRENCES {
            match self.seeds.next() {
                Some(seed) => {
                    occurrences = occurrences.saturating_add(seed.frequency.saturating_mul(self.neighbours));
                    group.push(seed);
                }
                None if self.has_ended || self.next_record(feed).is_none() => break,
                None => {}
            }
        }
        group
    }

    /// Takes the next record, after requests for those after it; `None` if there is none.
    fn next_record(&mut self, feed: &mut Feed<Job>) -> Option<()> {
        let all = self.look_ahead.index.seed_records();
        while self.records.0 < all.min(self.records.1 + self.max_records) {
            let charge = feed.admit(0);
            feed.send(Job::Seeds(self.records.0), charge).then_some(())?;
            self.records.0 += 1;
        }
        self.has_ended = self.records.1 == all;
        if self.has_ended {
            return None;
        }
        let (seeds, reservation) = self.look_ahead.records.take()?;
        self.records.1 += 1;
        // The others of the record are too rare, and so are those of all later ones.
        self.has_ended = seeds.len() < SEEDS_PER_RECORD;
        (self.seeds, self.seeds_reservation) = (seeds.into_iter(), Some(reservation));
        Some(())
    }
}
