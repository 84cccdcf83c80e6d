//! Look-ups of many k-mers, into arrays that are made once.

use std::ops::Range;

use rayon::prelude::*;
use reprise::index::BatchLookup;
use reprise::memory::{Budget, Component};
use reprise::{Error, Index};

use crate::errors::Failure;
use crate::kmers::{Kmers, OtherLetters};
use crate::work::Threads;

/// K-mers that are looked up together, at most: their hashes and frequencies fit the second cache of a core, and a
/// larger batch reads fewer pages, but adds little.
const MAX_BATCH: usize = 1 << 20;
/// K-mers that one thread looks up faster than several are woken.
const MIN_BATCH: usize = 1 << 14;
/// Bytes of a k-mer of a batch: its code, its hash (later its frequency), and its entry among the look-ups.
const BYTES_PER_KMER: u64 = 8 + 8 + 16;
/// Positions of a task of one thread, at least.
const MIN_POSITIONS: usize = 1 << 16;
/// Bytes of a position in the arrays: contig, start and strand.
const BYTES_PER_POSITION: u64 = 4 + 8 + 1;

/// An element of an array of frequencies.
pub trait Count: Copy + Send + Default {
    /// Of a frequency that fits, which the caller has checked for the whole index.
    fn of(frequency: u64) -> Self;
}

impl Count for u32 {
    fn of(frequency: u64) -> Self {
        Self::try_from(frequency).unwrap_or(Self::MAX)
    }
}

impl Count for u64 {
    fn of(frequency: u64) -> Self {
        frequency
    }
}

/// An open index, and the memory and threads of its look-ups.
#[derive(Clone, Copy)]
pub struct Lookup<'i> {
    pub index: &'i Index,
    pub budget: &'i Budget,
    pub threads: &'i Threads,
}

/// Buffers of one thread.
struct Scratch<'i> {
    batch: BatchLookup<'i>,
    codes: Vec<u64>,
}

impl<'i> Lookup<'i> {
    fn scratch(&self) -> Scratch<'i> {
        Scratch { batch: self.index.batch(), codes: Vec::new() }
    }

    /// Writes the frequency of each k-mer to `out`, which has as many elements.
    pub fn counts<T: Count>(&self, kmers: Kmers<'_>, letters: OtherLetters, out: &mut [T]) -> Result<(), Failure> {
        let threads = self.threads.number();
        let affordable = self.budget.limit() / 4 / threads as u64 / BYTES_PER_KMER;
        let max_batch = (affordable as usize).clamp(MIN_BATCH, MAX_BATCH);
        let size = (out.len() / (2 * threads) + 1).clamp(MIN_BATCH, max_batch);
        let in_flight = size.min(out.len()) * threads.min(out.len().div_ceil(size));
        let _reservation =
            self.budget.reserve(Component::Batches, in_flight as u64 * BYTES_PER_KMER, "a batch of look-ups")?;
        if out.len() <= size {
            return count(&mut self.scratch(), self.index, (kmers, letters), out);
        }
        let look_up = |scratch: &mut Scratch<'_>, (number, out): (usize, &mut [T])| {
            let part = kmers.part(number * size, out.len());
            count(scratch, self.index, (part, letters), out)
        };
        let outcomes: Vec<Result<(), Failure>> = self
            .threads
            .pool()?
            .install(|| out.par_chunks_mut(size).enumerate().map_init(|| self.scratch(), look_up).collect());
        // The error of the first k-mer that has one, whatever the threads.
        outcomes.into_iter().collect()
    }

    /// Where the positions of each k-mer begin in the arrays of all, and where the last end: one number more than
    /// k-mers.
    pub fn offsets(&self, kmers: Kmers<'_>, letters: OtherLetters, offsets: &mut [i64]) -> Result<(), Failure> {
        let bytes = 8 * kmers.len() as u64;
        let _reservation = self.budget.reserve(Component::Batches, bytes, "the frequencies of the k-mers")?;
        let mut frequencies = vec![0u64; kmers.len()];
        self.counts(kmers, letters, &mut frequencies)?;
        let limit = self.index.manifest().parameters.max_positions.unwrap_or(u64::MAX);
        let mut end = 0i64;
        for (offset, frequency) in offsets.iter_mut().skip(1).zip(frequencies) {
            end += frequency.min(limit) as i64;
            *offset = end;
        }
        let needed = (end as u64).saturating_mul(BYTES_PER_POSITION);
        // Checked before the arrays are made.
        drop(self.budget.reserve(Component::Output, needed, "the positions of the k-mers")?);
        Ok(())
    }

    /// Writes the positions of each k-mer to arrays, from its offset on.
    pub fn positions(&self, kmers: Kmers<'_>, offsets: &[i64], out: PositionArrays<'_>) -> Result<(), Failure> {
        let needed = (out.contig.len() as u64).saturating_mul(BYTES_PER_POSITION);
        let _reservation = self.budget.reserve(Component::Output, needed, "the positions of the k-mers")?;
        let tasks = out.divided(offsets);
        let find = |task: PositionTask<'_>| task.fill(self.index, kmers, offsets);
        if tasks.len() <= 1 {
            return tasks.into_iter().try_for_each(find);
        }
        let outcomes: Vec<Result<(), Failure>> =
            self.threads.pool()?.install(|| tasks.into_par_iter().map(find).collect());
        outcomes.into_iter().collect()
    }
}

/// Writes the frequencies of some k-mers to `out`.
fn count<T: Count>(
    scratch: &mut Scratch<'_>,
    index: &Index,
    (kmers, letters): (Kmers<'_>, OtherLetters),
    out: &mut [T],
) -> Result<(), Failure> {
    let Scratch { batch, codes } = scratch;
    let refuse = letters == OtherLetters::Refuse;
    if kmers.are_windows() {
        let mut found = 0;
        batch.sequence_frequencies(kmers.letters(), |starts, frequencies| {
            found += frequencies.len();
            let out = &mut out[starts.start as usize..starts.end as usize];
            out.iter_mut().zip(frequencies).for_each(|(count, &frequency)| *count = T::of(frequency));
        })?;
        if refuse && found < out.len() {
            (0..out.len()).try_for_each(|number| kmers.code(index, number).map(drop))?;
        }
        return Ok(());
    }
    codes.clear();
    let mut absent = Vec::new();
    for number in 0..out.len() {
        match kmers.code(index, number) {
            Ok(code) => codes.push(code),
            Err(problem) if refuse => return Err(problem),
            Err(_) => {
                absent.push(number);
                codes.push(0);
            }
        }
    }
    let frequencies = batch.frequencies(codes)?;
    out.iter_mut().zip(frequencies).for_each(|(count, &frequency)| *count = T::of(frequency));
    absent.into_iter().for_each(|number| out[number] = T::default());
    Ok(())
}

/// The arrays of positions: number of the contig, 0-based start, strand (1 or -1).
pub struct PositionArrays<'a> {
    pub contig: &'a mut [u32],
    pub start: &'a mut [u64],
    pub strand: &'a mut [i8],
}

/// The positions of a range of k-mers.
struct PositionTask<'a> {
    kmers: Range<usize>,
    out: PositionArrays<'a>,
}

impl<'a> PositionArrays<'a> {
    /// Divides the arrays between k-mers.
    fn divided(self, offsets: &[i64]) -> Vec<PositionTask<'a>> {
        let mut tasks = Vec::new();
        let mut rest = self;
        let kmers = offsets.len() - 1;
        let mut first = 0;
        while first < kmers {
            let wanted = offsets[first] + MIN_POSITIONS as i64;
            let end = (first + 1).max(offsets.partition_point(|&offset| offset < wanted)).min(kmers);
            let length = (offsets[end] - offsets[first]) as usize;
            let (contig, contigs) = rest.contig.split_at_mut(length);
            let (start, starts) = rest.start.split_at_mut(length);
            let (strand, strands) = rest.strand.split_at_mut(length);
            tasks.push(PositionTask { kmers: first..end, out: PositionArrays { contig, start, strand } });
            rest = PositionArrays { contig: contigs, start: starts, strand: strands };
            first = end;
        }
        tasks
    }
}

impl PositionTask<'_> {
    fn fill(self, index: &Index, kmers: Kmers<'_>, offsets: &[i64]) -> Result<(), Failure> {
        let Self { kmers: numbers, out } = self;
        let begin = offsets[numbers.start];
        for number in numbers {
            let range = (offsets[number] - begin) as usize..(offsets[number + 1] - begin) as usize;
            if range.is_empty() {
                continue;
            }
            let mut at = range.start;
            index.for_each_position(kmers.code(index, number)?, |position| {
                if at < range.end {
                    out.contig[at] = position.contig;
                    out.start[at] = position.start;
                    out.strand[at] = if position.strand.is_reverse() { -1 } else { 1 };
                }
                at += 1;
            })?;
            if at != range.end {
                let problem = "a k-mer has another number of positions than its frequency states";
                return Err(Error::damaged(index.folder(), None, problem).into());
            }
        }
        Ok(())
    }
}
