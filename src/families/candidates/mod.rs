//! Candidates of repeats: places of the genome that share a seed of the index and align around it.
//!
//! One thread walks the seeds by falling frequency and makes batches of them, the pool aligns, and one thread takes what aligned, in
//! order. A batch is made with the mask that all batches up to [`LAG`] before it left, however far the others are: so what comes
//! out does not depend on threads.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};

use crate::align::{Alignment, Column, Counts, Extender, Scoring, operations};
use crate::families::bases::{Bases, SIMPLE, UNKNOWN};
use crate::genome::Contig;
use crate::kmer::{KmerCodec, Strand};
use crate::memory::{Budget, Component, Reservation};
use crate::query::{Feed, in_batches};
use crate::{Error, Index, Progress, Result};

/// How candidates are looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateOptions {
    /// Places of k-mers that differ from a seed in up to so many bases count as its own; 0 to 2.
    pub seed_mismatches: u32,
    /// Spaced seeds (Ma, Tromp and Li 2002): places of k-mers that agree with a seed where a pattern is true count too. As long as k,
    /// with at most [`MOST_FREE`] false.
    pub patterns: Vec<Vec<bool>>,
    /// Places on one strand are apart by this many bases at the least.
    pub tandem_distance: u64,
    /// Seeds that occur less often are not looked at.
    pub min_frequency: u64,
    /// Fewest bases of either side of a pair.
    pub min_length: u64,
    /// Most bases that an alignment goes on beyond the seed, in either direction.
    pub max_extend: usize,
    /// Pairs that chance gives more often in the whole genome are left out.
    pub max_e_value: f64,
}

impl Default for CandidateOptions {
    fn default() -> Self {
        Self {
            seed_mismatches: 0,
            patterns: Vec::new(),
            tandem_distance: 500,
            min_frequency: 2,
            min_length: 50,
            max_extend: 10_000,
            max_e_value: 1e-3,
        }
    }
}

/// Most bases of a pattern that are not compared: each takes four times as many look-ups.
pub const MOST_FREE: usize = 5;

/// A place of a seed, or of a k-mer that counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// The strand of the genome on which the seed reads.
    pub strand: Strand,
    /// First base in the genome, all contigs end to end, 0-based.
    pub at: u64,
}

/// A seed and its places that no earlier alignment covers, apart from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Code of the k-mer as it is printed.
    pub seed: u64,
    /// By strand and place; two or more.
    pub occurrences: Vec<Occurrence>,
}

/// Candidates that are worked on together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateBatch {
    /// From 0, in the order of their seeds.
    pub id: u64,
    /// By falling frequency of their seeds.
    pub candidates: Vec<Candidate>,
}

/// Two places that align.
#[derive(Debug, Clone, PartialEq)]
pub struct AlignedPair {
    /// Code of the k-mer that led to it.
    pub seed: u64,
    /// The second place; what is called query in it is the first one: `query` is its contig and `query_range` its bases in that.
    pub alignment: Alignment,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CandidateStatistics {
    /// Seeds of the index that occur often enough.
    pub seeds: u64,
    /// Those of low complexity, which were left out.
    pub low_complexity: u64,
    /// Those with two places or more that no earlier alignment covered.
    pub candidates: u64,
    /// Pairs of places that align.
    pub pairs: u64,
    /// Bases of the genome in them.
    pub bases: u64,
}

/// Batches that may be under way while another is made.
const LAG: u64 = 8;
/// Places after which a batch is full, at the most; and bases of the genome for each place under way, at the least, so that what lies
/// near one is a small part of it.
const BATCH_PLACES: usize = 1024;
const PER_PLACE: u64 = 2000;
/// Seeds that are looked at before a batch is sent off, full or not.
const BATCH_SEEDS: u64 = 4096;
/// What a batch is admitted with.
const BATCH_BYTES: u64 = (BATCH_PLACES * size_of::<Occurrence>() * 4) as u64;
/// Bytes of batches under way.
const UNDER_WAY: u64 = 16 << 20;
/// Seeds this near to a place that is under way wait for what comes of it: they are left out.
const NEAR: u64 = 64;
/// Places that those which align with none before them are compared with, one after the other.
const CENTRES: usize = 8;
/// Score below the best at which an alignment ends: it crosses some 15 bases that are like nothing.
const DROP: i32 = 100;
/// Divergence of the pairs that the scores fit.
const DIVERGENCE: f64 = 0.15;
/// Bases of the first step of an extension.
const FIRST_STEP: usize = 512;

/// Shannon's entropy of the bases of a k-mer, in nats, is below this where it is of low complexity, as RepeatScout has it.
const LEAST_ENTROPY: f64 = 0.7;

fn is_low_complexity(codec: &KmerCodec, kmer: u64) -> bool {
    let mut counts = [0u32; 4];
    (0..codec.k()).for_each(|i| counts[(kmer >> (2 * i) & 3) as usize] += 1);
    let share = |n: u32| f64::from(n) / f64::from(codec.k());
    -counts.iter().filter(|&&n| n > 0).map(|&n| share(n) * share(n).ln()).sum::<f64>() < LEAST_ENTROPY
}

/// The k-mers whose places count as those of a seed: itself, those within so many mismatches, and those that a pattern does not tell apart.
fn neighbours(kmer: u64, k: u32, options: &CandidateOptions) -> BTreeSet<u64> {
    let mut all = BTreeSet::from([kmer]);
    let mut last: Vec<u64> = vec![kmer];
    for _ in 0..options.seed_mismatches {
        let mut next = Vec::new();
        for &kmer in &last {
            for place in 0..k {
                next.extend((1..4).map(|change| kmer ^ change << (2 * place)).filter(|&kmer| all.insert(kmer)));
            }
        }
        last = next;
    }
    for pattern in &options.patterns {
        let mut alike = vec![kmer];
        for place in (0..k).zip(pattern.iter().rev()).filter(|(_, compared)| !**compared).map(|(place, _)| place) {
            alike = alike.iter().flat_map(|&kmer| (0..4).map(move |change| kmer ^ change << (2 * place))).collect();
        }
        all.extend(alike);
    }
    all
}

/// A bit for each base.
struct Mask {
    words: Vec<u64>,
    _held: Reservation,
}

impl Mask {
    fn new(bases: u64, budget: &Budget) -> Result<Self> {
        let words = bases.div_ceil(64);
        let held = budget.reserve(Component::Genome, words * 8, "a bit for each base of the genome")?;
        Ok(Self { words: vec![0; words as usize], _held: held })
    }

    fn holds(&self, at: u64) -> bool {
        self.words[(at / 64) as usize] >> (at % 64) & 1 == 1
    }

    fn add(&mut self, range: &Range<u64>) {
        range.clone().for_each(|at| self.words[(at / 64) as usize] |= 1 << (at % 64));
    }

    fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether nine in ten bases of a range are in it.
    fn covers(&self, range: &Range<u64>) -> bool {
        let covered = range.clone().filter(|&at| self.holds(at)).count() as u64;
        10 * covered >= 9 * (range.end - range.start)
    }
}

/// What came of a batch: the genome that its pairs cover.
type Covered = (Vec<Range<u64>>, Reservation);

/// Makes batches.
struct Walk<'a> {
    index: &'a Index,
    bases: &'a Bases,
    options: &'a CandidateOptions,
    mask: Mask,
    /// Places of the batches under way, ascending.
    under_way: VecDeque<Vec<u64>>,
    statistics: CandidateStatistics,
}

impl Walk<'_> {
    /// Takes what came of the oldest batch under way.
    fn settle(&mut self, covered: &Receiver<Covered>) -> bool {
        let Ok((ranges, _held)) = covered.recv() else { return false };
        self.under_way.pop_front();
        ranges.iter().for_each(|range| self.mask.add(range));
        true
    }

    /// Whether a place is to be left out.
    fn is_out(&self, at: u64, k: u64) -> bool {
        let codes = &self.bases.codes()[at as usize..(at + k) as usize];
        let near = |places: &Vec<u64>| {
            let next = places.partition_point(|&place| place + NEAR < at);
            places.get(next).is_some_and(|&place| place <= at + NEAR)
        };
        codes.iter().any(|code| code & SIMPLE != 0) || self.mask.holds(at + k / 2) || self.under_way.iter().any(near)
    }

    /// The places of a seed that count.
    fn occurrences(&self, seed: u64) -> Result<Vec<Occurrence>> {
        let (k, contigs) = (self.index.k(), self.index.contigs()?);
        let mut places = Vec::new();
        for kmer in neighbours(seed, k, self.options) {
            self.index.for_each_position(kmer, |position| {
                let at = contigs[position.contig as usize].start + position.start;
                if !self.is_out(at, k.into()) {
                    places.push(Occurrence { strand: position.strand, at });
                }
            })?;
        }
        places.sort_unstable();
        places.dedup();
        let mut last: Option<Occurrence> = None;
        places.retain(|place| {
            let apart = last
                .is_none_or(|last| last.strand != place.strand || place.at - last.at >= self.options.tandem_distance);
            if apart {
                last = Some(*place);
            }
            apart
        });
        Ok(places)
    }

    fn run(
        mut self,
        feed: &mut Feed<CandidateBatch>,
        covered: &Receiver<Covered>,
        progress: &dyn Progress,
    ) -> Result<CandidateStatistics> {
        let full = (self.bases.len() / PER_PLACE / LAG).clamp(16, BATCH_PLACES as u64) as usize;
        let mut seeds = self.index.seeds();
        let (mut id, mut ended) = (0, false);
        while !ended {
            while self.under_way.len() as u64 >= LAG {
                if !self.settle(covered) {
                    return Ok(self.statistics);
                }
            }
            let mut charge = feed.admit(BATCH_BYTES);
            let mut candidates = Vec::new();
            let (mut places, mut taken) = (Vec::new(), 0);
            while places.len() < full && taken < BATCH_SEEDS {
                let seed = seeds.next().transpose()?;
                let Some(seed) = seed.filter(|seed| seed.frequency >= self.options.min_frequency) else {
                    ended = true;
                    break;
                };
                taken += 1;
                self.statistics.seeds += 1;
                if is_low_complexity(self.index.codec(), seed.kmer) {
                    self.statistics.low_complexity += 1;
                    continue;
                }
                let occurrences = self.occurrences(seed.kmer)?;
                if occurrences.len() > 1 {
                    places.extend(occurrences.iter().map(|o| o.at));
                    candidates.push(Candidate { seed: seed.kmer, occurrences });
                }
            }
            progress.advance(taken);
            if candidates.is_empty() {
                continue;
            }
            self.statistics.candidates += candidates.len() as u64;
            places.sort_unstable();
            let bytes = places.capacity() * 8
                + candidates.capacity() * size_of::<Candidate>()
                + candidates.iter().map(|c| c.occurrences.capacity() * size_of::<Occurrence>()).sum::<usize>();
            charge.resize(bytes as u64);
            self.under_way.push_back(places);
            if !feed.send(CandidateBatch { id, candidates }, charge) {
                break;
            }
            id += 1;
        }
        while !self.under_way.is_empty() && self.settle(covered) {}
        self.statistics.bases = self.mask.count();
        Ok(self.statistics)
    }
}

/// Aligns two places from a seed on, outward.
struct PairAligner<'a> {
    index: &'a Index,
    bases: &'a Bases,
    options: &'a CandidateOptions,
    scoring: &'a Scoring,
    extender: Extender,
    /// Bases of either place as they are read, and those of the whole alignment.
    read: [Vec<u8>; 2],
    all: [Vec<u8>; 2],
    columns: Vec<Column>,
}

impl<'a> PairAligner<'a> {
    /// Bytes that one takes for the dynamic program of extensions of so many bases.
    fn bytes(max_extend: usize) -> u64 {
        // A column of the trace for each base of either, the bases themselves, and the path.
        (2 * (max_extend + 64) * (64 + 4) + 8 * max_extend) as u64
    }

    fn new(index: &'a Index, bases: &'a Bases, options: &'a CandidateOptions, scoring: &'a Scoring) -> Self {
        let (read, all) = Default::default();
        Self { index, bases, options, scoring, extender: Extender::default(), read, all, columns: Vec::new() }
    }

    /// The pairs of a candidate: its first place with each other, then the first of those that did not align with each of the rest,
    /// and so on.
    fn pairs(&mut self, candidate: &Candidate, out: &mut Vec<AlignedPair>) -> Result<()> {
        let mut rest = candidate.occurrences.clone();
        for _ in 0..CENTRES {
            let Some((&centre, others)) = rest.split_first() else { break };
            let mut apart = Vec::new();
            for &other in others {
                match self.pair(centre, other)? {
                    Some(alignment) => out.push(AlignedPair { seed: candidate.seed, alignment }),
                    None => apart.push(other),
                }
            }
            rest = apart;
        }
        Ok(())
    }

    /// Where a seed begins, as it reads: between two bases of the genome.
    fn start(&self, place: Occurrence) -> u64 {
        match place.strand {
            Strand::Forward => place.at,
            Strand::Reverse => place.at + u64::from(self.index.k()),
        }
    }

    /// Reads up to `most` bases of a place from the start of its seed on, outward.
    fn read(
        bases: &Bases,
        start: u64,
        strand: Strand,
        contig: &Range<u64>,
        rightward: bool,
        most: usize,
        out: &mut Vec<u8>,
    ) {
        out.clear();
        let complement = if strand == Strand::Reverse { 2 } else { 0 };
        let code = |code: &u8| if code & UNKNOWN != 0 { UNKNOWN } else { code & 3 ^ complement };
        if rightward == (strand == Strand::Forward) {
            let end = contig.end.min(start + most as u64);
            out.extend(bases.codes()[start as usize..end as usize].iter().map(code));
        } else {
            let first = contig.start.max(start.saturating_sub(most as u64));
            out.extend(bases.codes()[first as usize..start as usize].iter().rev().map(code));
        }
    }

    /// Extends from the starts of two places; leaves the columns, outward, and the bases on them. Gives the score.
    fn extend(&mut self, places: [(u64, Strand); 2], contigs: &[Range<u64>; 2], rightward: bool) -> (i32, [usize; 2]) {
        let mut step = FIRST_STEP.min(self.options.max_extend);
        loop {
            for (((start, strand), contig), out) in places.into_iter().zip(contigs).zip(&mut self.read) {
                Self::read(self.bases, start, strand, contig, rightward, step, out);
            }
            self.columns.clear();
            let [first, second] = &self.read;
            let extent = self.extender.extend(first, second, self.scoring, DROP, None, &mut self.columns);
            if !extent.cut || step >= self.options.max_extend {
                return (extent.score, [extent.query, extent.genome]);
            }
            step = (4 * step).min(self.options.max_extend);
        }
    }

    /// The alignment of two places of a seed, if there is one worth it.
    fn pair(&mut self, first: Occurrence, second: Occurrence) -> Result<Option<Alignment>> {
        let (places, genome) = ([first, second], self.bases.len());
        let starts = places.map(|place| (self.start(place), place.strand));
        let contigs = places.map(|place| self.bases.contig_of(place.at));
        let (right, to_right) = self.extend(starts, &contigs, true);
        for (all, (read, &bases)) in self.all.iter_mut().zip(self.read.iter().zip(&to_right)) {
            all.clear();
            all.extend_from_slice(&read[..bases]);
        }
        let rightward = std::mem::take(&mut self.columns);
        let (left, to_left) = self.extend(starts, &contigs, false);
        let mut path: Vec<Column> = self.columns.iter().rev().copied().collect();
        path.extend_from_slice(&rightward);
        self.columns = rightward;
        let score = left + right;
        let e_value = self.scoring.e_value(score, genome, genome);
        let shortest = (to_left[0] + to_right[0]).min(to_left[1] + to_right[1]) as u64;
        if e_value > self.options.max_e_value || shortest < self.options.min_length {
            return Ok(None);
        }
        for (all, (read, &bases)) in self.all.iter_mut().zip(self.read.iter().zip(&to_left)) {
            all.splice(0..0, read[..bases].iter().rev().copied());
        }
        let span = |number: usize| {
            let (start, strand) = starts[number];
            let (left, right) = (to_left[number] as u64, to_right[number] as u64);
            match strand {
                Strand::Forward => start - left..start + right,
                Strand::Reverse => start - right..start + left,
            }
        };
        let (one, other) = (span(0), span(1));
        if one.start < other.end && other.start < one.end {
            return Ok(None);
        }
        let counts = Counts::of(&self.all[0], &self.all[1], &path);
        if second.strand == Strand::Reverse {
            path.reverse();
        }
        let all = self.index.contigs()?;
        let (query, contig) = (Contig::number_at(all, first.at), Contig::number_at(all, second.at));
        let (from, to) = (one.start - all[query].start, one.end - all[query].start);
        Ok(Some(Alignment {
            query: query as u32,
            strand: if first.strand == second.strand { Strand::Forward } else { Strand::Reverse },
            query_range: from as u32..to as u32,
            contig: contig as u32,
            range: other.start - all[contig].start..other.end - all[contig].start,
            score,
            e_value,
            counts,
            operations: operations(&path),
        }))
    }
}

/// Looks for pairs of places that share a seed of the index and align, and hands them to `each`, batch by batch in the order of their
/// seeds. What a pair covers is left out from then on; so are pairs that were under way meanwhile and of which earlier ones cover nine
/// tenths of both places.
///
/// Memory is that of the genome (a byte and two bits a base), of the dynamic program of each thread and of the batches under way.
///
/// # Errors
/// What `each` gives; [`Error::Usage`] for patterns that do not fit; [`Error::Memory`], [`Error::Damaged`] and [`Error::Io`].
pub fn candidates(
    index: &Index,
    options: &CandidateOptions,
    progress: &dyn Progress,
    mut each: impl FnMut(u64, Vec<AlignedPair>) -> Result<()> + Send,
) -> Result<CandidateStatistics> {
    for pattern in &options.patterns {
        let free = pattern.iter().filter(|compared| !**compared).count();
        if pattern.len() != index.k() as usize || free > MOST_FREE || options.seed_mismatches > 2 {
            return Err(Error::Usage(format!(
                "a spaced pattern has {} letters, as the k-mers of this index, at most {MOST_FREE} of them 0",
                index.k()
            )));
        }
    }
    let budget = index.budget();
    let mut bases = Bases::of(index)?;
    bases.mark_simple();
    let bases = bases;
    let threads = rayon::current_num_threads() as u64;
    let scratch = threads * PairAligner::bytes(options.max_extend);
    let _held = budget.reserve(Component::Batches, scratch, "alignments of candidates")?;
    let scoring = Scoring::new(DIVERGENCE, bases.composition(UNKNOWN | SIMPLE));
    let walk = Walk {
        index,
        bases: &bases,
        options,
        mask: Mask::new(bases.len(), budget)?,
        under_way: VecDeque::new(),
        statistics: CandidateStatistics::default(),
    };
    // The same mask, as far as the batches that are written.
    let mut seen = Mask::new(bases.len(), budget)?;
    progress.phase("candidates", Some(index.seed_count()));
    let (sender, receiver) = channel();
    let (mut statistics, mut all_pairs) = (CandidateStatistics::default(), 0);
    let pairs = &mut all_pairs;
    in_batches(
        budget,
        UNDER_WAY,
        {
            let statistics = &mut statistics;
            move |feed: &mut Feed<CandidateBatch>| {
                *statistics = walk.run(feed, &receiver, progress)?;
                Ok(())
            }
        },
        || {
            let mut aligner = PairAligner::new(index, &bases, options, &scoring);
            move |id, batch: CandidateBatch, charge: &mut crate::query::Charge| {
                let mut aligned = Vec::new();
                for candidate in &batch.candidates {
                    aligner.pairs(candidate, &mut aligned)?;
                }
                let operations: usize = aligned.iter().map(|pair| size_of_val(&pair.alignment.operations[..])).sum();
                charge.resize((aligned.capacity() * size_of::<AlignedPair>() + operations) as u64);
                Ok((id, aligned))
            }
        },
        // Its end of the channel goes when it ends, and the walk does not wait for more.
        move |outputs| {
            let contigs = index.contigs()?;
            for (id, mut aligned) in outputs {
                let mut ranges: Vec<Range<u64>> = Vec::new();
                aligned.retain(|AlignedPair { alignment: a, .. }| {
                    let (first, second) = (contigs[a.query as usize].start, contigs[a.contig as usize].start);
                    let query = u64::from(a.query_range.start)..u64::from(a.query_range.end);
                    let places = [first + query.start..first + query.end, second + a.range.start..second + a.range.end];
                    let known = places.iter().all(|place| seen.covers(place));
                    if !known {
                        places.iter().for_each(|place| seen.add(place));
                        ranges.extend(places);
                    }
                    !known
                });
                *pairs += aligned.len() as u64;
                let mut held = budget.hold(Component::Batches);
                held.resize((ranges.capacity() * size_of::<Range<u64>>()) as u64);
                each(id, aligned)?;
                // Nobody takes it where the walk has failed.
                let _ = sender.send((ranges, held));
            }
            Ok(())
        },
    )?;
    Ok(CandidateStatistics { pairs: all_pairs, ..statistics })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_those_of_a_search_through_all_kmers() {
        let k = 5;
        let alike = |a: u64, b: u64, place: u32| (a ^ b) >> (2 * place) & 3 == 0;
        let distance = |a: u64, b: u64| (0..k).filter(|&place| !alike(a, b, place)).count() as u32;
        let pattern = [true, false, true, true, false];
        for seed in [0, 77, 1023, 512] {
            for seed_mismatches in 0..3 {
                let options = CandidateOptions { seed_mismatches, ..CandidateOptions::default() };
                let expected: BTreeSet<u64> =
                    (0..1 << (2 * k)).filter(|&kmer| distance(seed, kmer) <= seed_mismatches).collect();
                assert_eq!(neighbours(seed, k, &options), expected);
            }
            // The first letter of a pattern is that of the first base, which is the highest.
            let options = CandidateOptions { patterns: vec![pattern.to_vec()], ..CandidateOptions::default() };
            let same = |kmer: u64| [4, 2, 1].iter().all(|&place| alike(seed, kmer, place));
            let expected: BTreeSet<u64> = (0..1 << (2 * k)).filter(|&kmer| same(kmer)).collect();
            assert_eq!(neighbours(seed, k, &options), expected);
        }
    }

    #[test]
    fn kmers_of_few_letters_are_of_low_complexity() {
        let codec = KmerCodec::new(13).expect("a k");
        let low = |text: &str| is_low_complexity(&codec, codec.encode(text.as_bytes()).expect("ACGT"));
        assert!(low("AAAAAAAAAAAAA") && low("AAAAAATAAAAAA") && low("ATATATATATATA"));
        assert!(!low("ACGTTGCAGGTCA") && !low("AATTGGAATTGGA"));
    }
}
