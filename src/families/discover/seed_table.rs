//! Spaced seeds (Ma, Tromp and Li 2002) of the whole genome in memory: old copies share too few k-mers of the index,
//! and the index has none of those that occur once.
//!
//! `align::seeds` has a table of spaced seeds too, and they stay two. That one hashes the words of a small library,
//! whose patterns also have positions that match transitions, and scans the genome past them. This one indexes a whole
//! genome, so it packs the compared bases into a key that addresses the table directly, without slots or hashes.

use std::ops::Range;

use rayon::prelude::*;

use crate::Result;
use crate::families::bases::{Bases, SIMPLE, UNKNOWN, USED};
use crate::families::discover::chains::{ChainBuffer, ChanceHits, pack};
use crate::families::parameters::{MAX_SEED_POSITIONS, SEED_PATTERNS, TUNED_CHANCE_SEEDS};
use crate::memory::{Budget, Component, Reservation};

/// Which bases of a window are compared.
#[derive(Debug, Clone)]
pub(crate) struct SeedPattern {
    /// Bases of the window.
    span: usize,
    /// Bases that are compared.
    weight: u32,
    /// The runs of compared bases, first run first: shift of the window, and bits to take.
    runs: Vec<(u32, u32)>,
}

impl SeedPattern {
    /// From ones, for bases that are compared, and zeros.
    fn new(text: &str) -> Self {
        let span = text.len();
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (i, letter) in text.bytes().enumerate() {
            if letter == b'1' {
                let shift = 2 * (span - 1 - i) as u32;
                match runs.last_mut() {
                    Some((last, bits)) if *last == shift + 2 => (*last, *bits) = (shift, *bits + 2),
                    _ => runs.push((shift, 2)),
                }
            }
        }
        Self { span, weight: text.bytes().filter(|&b| b == b'1').count() as u32, runs }
    }

    /// The pattern for a genome of `bases` bases ([`SEED_PATTERNS`]).
    pub(crate) fn for_genome(bases: u64) -> Self {
        let [first, second, third] = SEED_PATTERNS;
        let (_, text) = [first, second].into_iter().find(|(max, _)| bases <= *max).unwrap_or(third);
        Self::new(text)
    }

    #[inline(always)]
    fn key(&self, window: u64) -> usize {
        let mut key = 0;
        for &(shift, bits) in &self.runs {
            key = key << bits | (window >> shift) & ((1 << bits) - 1);
        }
        key as usize
    }

    /// Calls `each(start, key)` for each window of `codes` in which no base has one of the marks.
    #[inline(always)]
    fn for_each_key(&self, codes: &[u8], marks: u8, mut each: impl FnMut(usize, usize)) {
        let (mut window, mut unmarked) = (0u64, 0);
        for (i, &code) in codes.iter().enumerate() {
            window = window << 2 | u64::from(code & 3);
            unmarked = if code & marks != 0 { 0 } else { unmarked + 1 };
            if unmarked >= self.span {
                each(i + 1 - self.span, self.key(window));
            }
        }
    }
}

/// The positions of each spaced seed in the genome, on the forward strand.
pub(crate) struct SeedTable {
    pattern: SeedPattern,
    /// Where the positions of each key begin, and their number.
    starts: Vec<u32>,
    /// First bases of seeds, all contigs end to end, by key and ascending.
    positions: Vec<u32>,
    /// Probability that two windows have the same key by chance, from the composition of the genome.
    chance: f32,
    _reservation: Reservation,
}

/// Maximum number of parts of the keys that threads fill side by side: each reads the whole genome.
const MAX_PARTS: usize = 64;

impl SeedTable {
    /// Bytes of the table of a genome of `bases` bases.
    pub(crate) fn bytes(pattern: &SeedPattern, bases: u64) -> u64 {
        ((1 << (2 * pattern.weight)) + 1 + bases) * size_of::<u32>() as u64
    }

    /// Indexes the seeds that lie in one contig and in which no base has one of `marks`.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the table.
    pub(crate) fn new(bases: &Bases, pattern: SeedPattern, marks: u8, budget: &Budget) -> Result<Self> {
        let keys = 1usize << (2 * pattern.weight);
        let bytes = Self::bytes(&pattern, bases.len());
        let reservation = budget.reserve(Component::Seeds, bytes, "a table of spaced seeds")?;
        let part = keys / rayon::current_num_threads().next_power_of_two().min(MAX_PARTS);
        let mut starts = vec![0u32; keys + 1];
        let contigs: Vec<Range<u64>> = bases.contigs().collect();
        // Each thread reads the whole genome, for a range of keys of its own: first to count, then to place.
        let walk = |own: usize, each: &mut dyn FnMut(u32, usize)| {
            for contig in &contigs {
                let codes = &bases.codes()[contig.start as usize..contig.end as usize];
                pattern.for_each_key(codes, marks, |at, key| {
                    if key / part == own {
                        each((contig.start as usize + at) as u32, key - own * part);
                    }
                });
            }
        };
        let totals: Vec<u32> = starts[..keys]
            .par_chunks_mut(part)
            .enumerate()
            .map(|(own, counts)| {
                walk(own, &mut |_, key| counts[key] += 1);
                let mut sum = 0;
                for count in counts.iter_mut() {
                    sum += std::mem::replace(count, sum);
                }
                sum
            })
            .collect();
        let all: u32 = totals.iter().sum();
        let mut positions = vec![0u32; all as usize];
        let mut parts = Vec::new();
        let mut rest = positions.as_mut_slice();
        for &total in &totals {
            let (here, others) = rest.split_at_mut(total as usize);
            parts.push(here);
            rest = others;
        }
        starts[..keys].par_chunks_mut(part).zip(parts).enumerate().for_each(|(own, (counts, positions))| {
            walk(own, &mut |at, key| {
                positions[counts[key] as usize] = at;
                counts[key] += 1;
            });
        });
        // Each start is now that of the next key, counted within its part.
        let mut before = 0;
        for (counts, total) in starts[..keys].chunks_mut(part).zip(&totals) {
            counts.rotate_right(1);
            counts[0] = 0;
            counts.iter_mut().for_each(|count| *count += before);
            before += total;
        }
        starts[keys] = all;
        let same = bases.composition(marks).iter().map(|share| share * share).sum::<f64>() as f32;
        let chance = same.powi(pattern.weight as i32);
        Ok(Self { pattern, starts, positions, chance, _reservation: reservation })
    }

    /// Addition to thresholds in bits for a genome so large that a base of a query matches more seeds by chance, on
    /// both strands, than in those that the thresholds were tuned on.
    pub(crate) fn extra_bits(&self) -> f32 {
        let by_chance = 2.0 * self.chance * self.positions.len() as f32;
        (by_chance / TUNED_CHANCE_SEEDS).log2().max(0.0)
    }

    /// Bases of a seed, compared or not.
    pub(crate) fn span(&self) -> usize {
        self.pattern.span
    }

    fn positions(&self, key: usize) -> &[u32] {
        &self.positions[self.starts[key] as usize..self.starts[key + 1] as usize]
    }

    /// Finds the seeds that a query shares with the genome on one strand, and adds their chains of at least `min_bits`
    /// bits to `found`. The query has fewer than 2^24 bases and is read as it stands: for the other strand it is the
    /// reverse complement, and `reverse` is set. Of frequent seeds [`MAX_SEED_POSITIONS`] count, evenly taken.
    /// `keep(query, genome)` selects the hits that count, by the first bases of the seed.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the hits.
    pub(crate) fn search(
        &self,
        query: &[u8],
        reverse: bool,
        min_bits: f32,
        keep: impl Fn(u32, u32) -> bool,
        found: &mut ChainBuffer,
    ) -> Result<()> {
        let mut hits = 0;
        self.pattern.for_each_key(query, UNKNOWN | SIMPLE | USED, |_, key| {
            hits += self.positions(key).len().min(MAX_SEED_POSITIONS);
        });
        let words = found.begin(hits)?;
        self.pattern.for_each_key(query, UNKNOWN | SIMPLE | USED, |at, key| {
            let positions = self.positions(key);
            let step = positions.len().div_ceil(MAX_SEED_POSITIONS).max(1);
            for &position in positions.iter().step_by(step) {
                if keep(at as u32, position) {
                    words.push(pack(query.len(), at, position));
                }
            }
        });
        found.chain(query.len(), reverse, min_bits, ChanceHits::new(self.chance, self.pattern.span as u32))
    }
}
