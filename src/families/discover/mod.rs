//! Discovery of families without any library: it finds drafts, which refinement completes.
//!
//! Where the genome resembles itself most ([`profile`]), at a point ([`points`]), the positions that correspond to it
//! are found by spaced seeds ([`seed_table`], [`chains`], [`anchors`]). Over them a consensus is grown ([`consensus`])
//! and its copies are found ([`copies`]), which makes a draft ([`drafts`]). Its copies are then marked, and the next
//! point is taken ([`growth`]). Large genomes are examined in [`samples`], each without the copies of the families of
//! those before.

mod anchors;
mod chains;
mod consensus;
mod copies;
mod drafts;
mod growth;
mod points;
mod profile;
mod sample;
mod samples;
mod search;
mod seed_table;

use chains::ChainBufferPool;
use growth::Growth;
use points::Points;
use sample::Sample;
use search::Search;
use seed_table::{SeedPattern, SeedTable, extra_bits};

pub use growth::Discovery;
pub(crate) use samples::{sample_count, samples};

use std::sync::atomic::AtomicU16;

use crate::align::{ContigRange, Library, SearchOptions, TandemArrays, genome_composition, search};
use crate::families::bases::{Bases, base_mask};
use crate::families::parameters::{
    BIN, DiscoverOptions, MAX_SAMPLE, MAX_SAMPLE_BASES, MAX_TABLE_SEEDS, MAX_WHOLE_GENOME, MIN_ADDED_PART,
    SampleOptions, TILE,
};
use crate::genome::BaseMask;
use crate::memory::system::malloc_trim;
use crate::memory::{Budget, Component, available_threads};
use crate::sequence::letters;
use crate::{Error, Index, Progress, Result, Silent};

/// Bytes of a thread for the hits of one query, at least. Chance hits add about a byte for each base of a table, up to
/// [`MAX_CHANCE_BYTES`]. Measured on yeast and simulated genomes.
const MIN_HIT_BYTES: u64 = 3 << 20;
/// See [`MIN_HIT_BYTES`].
const MAX_CHANCE_BYTES: u64 = 12 << 20;
/// Bins to either side of one that other positions resemble whose bases may be in copies too.
const INTEREST_MARGIN: u64 = 2;

/// Bytes of memory, about, without which no families are found in a genome of `bases` bases and `contigs` contigs on
/// `threads` threads, in addition to an open index. A genome full of repeats needs more.
pub fn families_memory(bases: u64, contigs: u64, threads: u64) -> u64 {
    let sample = if bases <= MAX_WHOLE_GENOME { bases } else { MAX_SAMPLE };
    let seeds = sample.min(MAX_TABLE_SEEDS);
    let table = SeedTable::bytes(&SeedPattern::for_sample(sample, &[[1.0 / 16.0; 4]; 4]), seeds);
    let hits = seeds.min(MAX_CHANCE_BYTES) + MIN_HIT_BYTES;
    let bins = sample.div_ceil(BIN) * (size_of::<u16>() as u64 + Points::BYTES_PER_BIN.0);
    Bases::bytes(2 * contigs) + Sample::mark_bytes(sample) + table + bins + threads * hits
}

/// Finds drafts of the families of a genome.
///
/// The result does not depend on threads or memory: the same points are always worked together, and their drafts are
/// taken in order.
///
/// # Errors
/// [`Error::Memory`] if the tables do not fit the budget; [`Error::Usage`] for a sample of more than 2^28 bases;
/// [`Error::Damaged`] and [`Error::Io`] from the index.
pub fn discover(index: &Index, options: &DiscoverOptions, progress: &dyn Progress) -> Result<Discovery> {
    let discovery = SampleSearch::new(index, options, progress)?;
    let mut found = discovery.begin()?;
    while !found.is_finished {
        found = discovery.examine_next(found)?;
    }
    Ok(found)
}

/// The search for drafts in one sample after the other.
pub(crate) struct SampleSearch<'a> {
    index: &'a Index,
    /// With the scores for this genome.
    options: DiscoverOptions,
    samples: Vec<Vec<ContigRange>>,
    progress: &'a dyn Progress,
}

impl<'a> SampleSearch<'a> {
    /// # Errors
    /// [`Error::Usage`] for a sample of more than 2^28 bases; from the index.
    pub(crate) fn new(index: &'a Index, options: &DiscoverOptions, progress: &'a dyn Progress) -> Result<Self> {
        let samples = samples(index.contigs()?, &options.samples);
        check_samples(&samples, &options.samples)?;
        let scores = options.scores.for_composition(genome_composition(index)?);
        Ok(Self { index, options: DiscoverOptions { scores, ..options.clone() }, samples, progress })
    }

    /// What is known before the first sample: the tandem arrays.
    ///
    /// # Errors
    /// Those of [`discover`].
    pub(crate) fn begin(&self) -> Result<Discovery> {
        check_memory(self.index)?;
        let reservation = self.index.budget().empty_reservation(Component::Output);
        let arrays = TandemArrays::find(self.index, self.progress)?;
        Ok(Discovery {
            families: Vec::new(),
            explained: 0,
            left_out: 0,
            examined: 0,
            samples: 0,
            is_finished: self.samples.is_empty(),
            arrays,
            reservation,
        })
    }

    /// Finds the drafts of the next sample.
    ///
    /// # Errors
    /// Those of [`discover`].
    pub(crate) fn examine_next(&self, mut found: Discovery) -> Result<Discovery> {
        let (number, before, index) = (found.samples as usize, found.explained, self.index);
        let Some(ranges) = self.samples.get(number) else {
            return Ok(Discovery { is_finished: true, ..found });
        };
        let bases = Bases::of_ranges(index, ranges)?;
        let length = bases.len();
        self.progress.phase("unpack", None);
        let sample = Sample::new(bases, index.budget())?;
        for ContigRange { contig, range } in found.arrays.ranges() {
            sample.bases.positions(*contig, range).for_each(|part| sample.mark_used(&part));
        }
        mark_known(index, ranges, &found, &sample)?;
        found.examined += length;
        found = find_drafts(index, &sample, found, &self.options, MAX_TABLE_SEEDS, self.progress)?;
        malloc_trim();
        found.samples += 1;
        // The first sample is small, and has frequent families only.
        found.is_finished = number + 1 == self.samples.len()
            || number > 0 && (found.explained - before).saturating_mul(MIN_ADDED_PART) < length
            || found.families.len() >= self.options.max_families;
        Ok(found)
    }
}

/// Checks that the memory suffices.
fn check_memory(index: &Index) -> Result<()> {
    let (genome, budget) = (&index.manifest().genome, index.budget());
    let needed = |threads: usize| budget.used() + families_memory(genome.bases, genome.contigs, threads as u64);
    let threads = rayon::current_num_threads();
    if needed(threads) > budget.limit() {
        // With more memory there may be more threads.
        let needed = needed(threads.max(available_threads()));
        return Err(Error::memory("the search for families", needed, budget.limit()));
    }
    Ok(())
}

/// Checks that positions in each sample fit 32 bits.
fn check_samples(samples: &[Vec<ContigRange>], options: &SampleOptions) -> Result<()> {
    let bases = |sample: &Vec<ContigRange>| sample.iter().map(|range| range.range.end - range.range.start).sum();
    match samples.iter().map(bases).max() {
        Some(largest) if largest > MAX_SAMPLE_BASES => Err(Error::Usage(format!(
            "a sample has {largest} bases and the most is {MAX_SAMPLE_BASES}; use a first sample of less than {} bases",
            options.first.unwrap_or(largest).min(MAX_SAMPLE_BASES)
        ))),
        _ => Ok(()),
    }
}

/// Marks the copies of families of earlier samples as used.
fn mark_known(index: &Index, ranges: &[ContigRange], found: &Discovery, sample: &Sample<'_>) -> Result<()> {
    if found.families.is_empty() {
        return Ok(());
    }
    let mut library = Library::default();
    for (number, family) in found.families.iter().enumerate() {
        library.push(number.to_string(), letters(&family.consensus).collect::<Vec<u8>>());
    }
    let within = Some(found.arrays.outside(ranges.iter().cloned()));
    let options = SearchOptions { skip_nested: true, within, ..SearchOptions::default() };
    for copy in search(index, &library, &options, index.budget(), &Silent)? {
        sample.bases.positions(copy.contig, &copy.range).for_each(|part| sample.mark_used(&part));
    }
    Ok(())
}

/// Finds the drafts of one sample with tables of at most so many seeds.
fn find_drafts(
    index: &Index,
    sample: &Sample<'_>,
    found: Discovery,
    options: &DiscoverOptions,
    max_seeds: u64,
    progress: &dyn Progress,
) -> Result<Discovery> {
    let (length, budget) = (sample.bases.len(), index.budget());
    let pattern = SeedPattern::for_sample(sample.seed_bases(), &sample.pair_shares());
    let chance = pattern.chance(sample.composition());
    let bins = length.div_ceil(BIN);
    let bytes = bins * (size_of::<u16>() as u64 + Points::BYTES_PER_BIN.0);
    let mut reservation = budget.reserve(Component::Seeds, bytes, "the profile of the genome")?;
    let depth: Vec<AtomicU16> = (0..bins).map(|_| AtomicU16::new(0)).collect();
    // Parts of equal size, as few as the seeds of each fit a table.
    let parts = length.div_ceil(max_seeds).max(1);
    let part_length = length.div_ceil(parts).next_multiple_of(TILE);
    let profile_bits = extra_bits(chance, sample.seed_bases());
    let mut table = None;
    for part in 0..parts {
        drop(table.take());
        let part = (part * part_length).min(length)..length.min((part + 1) * part_length);
        progress.phase("seeds", None);
        let seeds = table.insert(SeedTable::new(sample, &pattern, chance, &part, None, budget)?);
        progress.phase("profile", Some(part.end));
        // Buffers of the profile are large and are freed before families grow.
        let buffers = ChainBufferPool::new(budget);
        let search = Search { sample, table: seeds, options, extra_bits: profile_bits, buffers: &buffers };
        search.add_profile(&part, &depth, progress)?;
    }
    malloc_trim();
    let depth: Vec<u16> = depth.into_iter().map(AtomicU16::into_inner).collect();
    let mut points = Points::new(bins);
    let deep = depth.iter().filter(|&&depth| usize::from(depth) + 1 >= options.min_copies).count() as u64;
    reservation.grow(deep * Points::BYTES_PER_BIN.1, "the profile of the genome")?;
    points.set_profile(&depth, options.min_copies);
    let table = match table {
        Some(table) if parts == 1 => table,
        _ => {
            drop(table);
            let (among, seeds) = resembling_bases(&depth, length, max_seeds, budget)?;
            SeedTable::new(sample, &pattern, chance, &(0..length), Some((&among, seeds)), budget)?
        }
    };
    drop(depth);
    progress.phase("families", Some(length));
    let buffers = ChainBufferPool::new(budget);
    let mut growth = Growth {
        sample,
        table: &table,
        options,
        progress,
        buffers: &buffers,
        points,
        contigs: index.contigs()?,
        found,
    };
    growth.grow()?;
    Ok(growth.found)
}

/// The bases of bins that other positions resemble, and of bins near them, and their number: copies of families lie
/// among them. Of more than `max_seeds` those of the deepest bins.
fn resembling_bases(depth: &[u16], length: u64, max_seeds: u64, budget: &Budget) -> Result<(BaseMask, u64)> {
    let mut min_depth = 1;
    loop {
        let mask = base_mask(length, budget)?;
        for (bin, _) in (0u64..).zip(depth).filter(|(_, depth)| **depth >= min_depth) {
            mask.add(&(bin.saturating_sub(INTEREST_MARGIN) * BIN..((bin + 1 + INTEREST_MARGIN) * BIN).min(length)));
        }
        let seeds = mask.count(&(0..length));
        if seeds <= max_seeds || min_depth == u16::MAX {
            return Ok((mask, seeds));
        }
        min_depth += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::builder::{BuildOptions, build_index};
    use crate::progress::Silent;
    use crate::random::Random;
    use crate::sequence::Source;

    /// A contig with families of `(length, copies)`, in which one base in ten is random, and their consensus sequences.
    /// Less than a third of it is near copies, so that a table of a third of its seeds has all of theirs.
    fn genome(families: &[(usize, usize)]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut random = Random::new(5);
        let truth: Vec<Vec<u8>> = families.iter().map(|&(length, _)| random.bases(length)).collect();
        let copies = families.iter().enumerate().flat_map(|(number, &(_, copies))| vec![number; copies]);
        let mut order: Vec<usize> = copies.collect();
        (1..order.len()).for_each(|at| order.swap(at, random.below(at + 1)));
        let mut letters = Vec::new();
        for number in order {
            letters.extend(random.bases(8000));
            letters.extend(truth[number].iter().map(|&base| match random.below(10) {
                0 => b"ACGT"[random.below(4)],
                _ => base,
            }));
        }
        letters.extend(random.bases(2000));
        (letters, truth)
    }

    /// Share of the 12-mers of `one` that `other` has on either strand.
    fn shared(one: &[u8], other: &[u8]) -> f64 {
        let reverse: Vec<u8> = crate::sequence::reverse_complement(other).collect();
        let all: HashSet<&[u8]> = other.windows(12).chain(reverse.windows(12)).collect();
        let windows = one.windows(12);
        let count = windows.len() as f64;
        windows.filter(|window| all.contains(window)).count() as f64 / count
    }

    #[test]
    fn a_sample_in_parts_has_the_families_of_the_whole() {
        let families = [(1500, 40), (700, 30), (2200, 20), (400, 25)];
        let (letters, truth) = genome(&families);
        let folder = tempfile::tempdir().expect("a folder");
        let (fasta, target) = (folder.path().join("g.fa"), folder.path().join("g.reprise"));
        std::fs::write(&fasta, [b">a\n", &letters[..], b"\n"].concat()).expect("written");
        let budget = Budget::new(1 << 30);
        build_index(&[Source::new(&fasta)], &target, &BuildOptions::default(), &budget, &Silent).expect("a genome");
        let index = Index::open(&target).expect("an index");
        let options = DiscoverOptions::default();
        let length = letters.len() as u64;
        for (parts, max_seeds) in [(1, length), (3, length / 3 + 1)] {
            assert_eq!(length.div_ceil(max_seeds), parts);
            let sample = Sample::new(Bases::of(&index).expect("bases"), index.budget()).expect("memory");
            let found = Discovery {
                families: Vec::new(),
                explained: 0,
                left_out: 0,
                examined: 0,
                samples: 0,
                is_finished: false,
                arrays: TandemArrays::find(&index, &Silent).expect("arrays"),
                reservation: index.budget().empty_reservation(Component::Output),
            };
            let found = find_drafts(&index, &sample, found, &options, max_seeds, &Silent).expect("memory");
            for (true_letters, family) in truth.iter().zip(families) {
                let true_codes: Vec<u8> = crate::sequence::codes(true_letters).collect();
                let is_whole = |mine: &[u8]| shared(&true_codes, mine) > 0.6 && shared(mine, &true_codes) > 0.5;
                let is_found = found.families.iter().any(|family| is_whole(&family.consensus));
                assert!(is_found, "{parts} parts, {family:?}");
            }
        }
    }

    #[test]
    fn a_sample_whose_positions_need_more_than_28_bits_is_an_error_of_usage() {
        let sample = |parts: u64, bases: u64| -> Vec<ContigRange> {
            (0..parts).map(|n| ContigRange { contig: n as u32, range: 7..7 + bases / parts }).collect()
        };
        let options = SampleOptions { first: Some(MAX_SAMPLE_BASES + 4), ..SampleOptions::default() };
        check_samples(&[], &options).expect("no sample");
        check_samples(&[sample(4, 100), sample(4, MAX_SAMPLE_BASES)], &options).expect("28 bits");
        let error = check_samples(&[sample(1, 100), sample(4, MAX_SAMPLE_BASES + 4)], &options).expect_err("29 bits");
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(text.contains("268435460 bases") && text.contains("less than 268435456 bases"), "{text}");
    }
}
