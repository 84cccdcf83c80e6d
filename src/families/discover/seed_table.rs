//! Spaced seeds (Ma, Tromp and Li 2002) of the whole genome in memory: old copies share too few k-mers of the index,
//! and the index has none of those that occur once.
//!
//! `align::seeds` has a table of spaced seeds too, and they stay two. That one hashes the words of a small library,
//! whose patterns also have positions that match transitions, and scans the genome past them. This one indexes a whole
//! genome, so it packs the compared bases into a key that addresses the table directly, without slots or hashes.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use crate::Result;
use crate::families::bases::UNKNOWN;
use crate::families::discover::chains::{ChainBuffer, ChanceHits, pack};
use crate::families::discover::sample::Sample;
use crate::families::parameters::{MAX_SEED_POSITIONS, SEED_PATTERNS, TUNED_CHANCE_SEEDS};
use crate::genome::BaseMask;
use crate::memory::system::prefetch;
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

    /// The pattern for a sample of `bases` bases ([`SEED_PATTERNS`]).
    pub(crate) fn for_sample(bases: u64) -> Self {
        let [first, second] = SEED_PATTERNS;
        let (_, text) = if bases <= first.0 { first } else { second };
        Self::new(text)
    }

    /// Probability that two windows have the same key by chance, if bases have these shares.
    pub(crate) fn chance(&self, composition: [f64; 4]) -> f32 {
        let same = composition.iter().map(|share| share * share).sum::<f64>() as f32;
        same.powi(self.weight as i32)
    }

    #[inline(always)]
    fn key(&self, window: u64) -> usize {
        let mut key = 0;
        for &(shift, bits) in &self.runs {
            key = key << bits | (window >> shift) & ((1 << bits) - 1);
        }
        key as usize
    }

    /// Calls `each(start, key)` for each window of `codes` without an unknown base.
    #[inline(always)]
    fn for_each_key(&self, codes: &[u8], mut each: impl FnMut(usize, usize)) {
        let (mut window, mut known) = (0u64, 0);
        for (i, &code) in codes.iter().enumerate() {
            window = window << 2 | u64::from(code & 3);
            known = if code >= UNKNOWN { 0 } else { known + 1 };
            if known >= self.span {
                each(i + 1 - self.span, self.key(window));
            }
        }
    }
}

/// The positions of each spaced seed in a part of a sample, on the forward strand.
pub(crate) struct SeedTable {
    pattern: SeedPattern,
    /// Where the positions of each key begin, and their number.
    starts: Vec<u32>,
    /// First bases of seeds, as positions of the sample, by key and ascending.
    positions: Vec<u32>,
    /// Probability that two windows have the same key by chance, from the composition of the sample.
    chance: f32,
    _reservation: Reservation,
}

/// As [`SeedTable::extra_bits`], for a table of so many seeds.
pub(crate) fn extra_bits(chance: f32, seeds: u64) -> f32 {
    let by_chance = 2.0 * chance * seeds as f32;
    (by_chance / TUNED_CHANCE_SEEDS).log2().max(0.0)
}

/// Sorts the positions of each key: threads found them in any order.
fn sort_lists(starts: &[u32], positions: &mut [u32]) {
    /// Keys whose lists one thread sorts at a time.
    const KEYS: usize = 1 << 14;
    let mut parts = Vec::new();
    let mut rest = positions;
    for first in (0..starts.len() - 1).step_by(KEYS) {
        let last = (first + KEYS).min(starts.len() - 1);
        let (here, others) = rest.split_at_mut((starts[last] - starts[first]) as usize);
        parts.push((&starts[first..=last], here));
        rest = others;
    }
    parts.into_par_iter().for_each(|(starts, positions)| {
        for list in starts.windows(2) {
            positions[(list[0] - starts[0]) as usize..(list[1] - starts[0]) as usize].sort_unstable();
        }
    });
}

/// Seeds of a query between a request for memory and its use.
const READ_AHEAD: usize = 32;
impl SeedTable {
    /// Bytes of a table of so many seeds.
    pub(crate) fn bytes(pattern: &SeedPattern, seeds: u64) -> u64 {
        ((1 << (2 * pattern.weight)) + 1 + seeds) * size_of::<u32>() as u64
    }

    /// Indexes the seeds that begin in `part` of a sample, and whose first base is `among` these, if given. Bases of
    /// simple repeats and of copies are in no seed. `seeds` is how many there are at most.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the table.
    pub(crate) fn new(
        sample: &Sample<'_>,
        pattern: &SeedPattern,
        chance: f32,
        part: &Range<u64>,
        among: Option<(&BaseMask, u64)>,
        budget: &Budget,
    ) -> Result<Self> {
        let keys = 1usize << (2 * pattern.weight);
        let seeds = among.map_or(part.end - part.start, |(_, seeds)| seeds);
        let reservation = budget.reserve(Component::Seeds, Self::bytes(pattern, seeds), "a table of spaced seeds")?;
        let pieces: Vec<Range<u64>> = sample.bases.pieces();
        let walk = |each: &(dyn Fn(&[(u32, u32)]) + Sync)| {
            pieces.par_iter().for_each_init(Default::default, |(codes, found): &mut (Vec<u8>, Vec<_>), piece| {
                let piece = piece.start.max(part.start)..piece.end.min(part.end);
                if piece.is_empty() || among.is_some_and(|(among, _)| !among.contains_any(&piece)) {
                    return;
                }
                // A seed may end in the next piece.
                let end = (piece.end + pattern.span as u64 - 1).min(sample.bases.contig_of(piece.start).end);
                codes.clear();
                sample.read_seed_codes(piece.start..end, codes);
                found.clear();
                pattern.for_each_key(codes, |at, key| {
                    let at = piece.start + at as u64;
                    if among.is_none_or(|(among, _)| among.contains(at)) {
                        found.push((at as u32, key as u32));
                    }
                });
                each(found);
            });
        };
        let starts: Vec<AtomicU32> = (0..=keys).into_par_iter().map(|_| AtomicU32::new(0)).collect();
        walk(&|seeds| {
            for &(_, key) in seeds {
                starts[key as usize].fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut all = 0;
        for start in &starts {
            all += start.swap(all, Ordering::Relaxed);
        }
        let positions: Vec<AtomicU32> = (0..all).into_par_iter().map(|_| AtomicU32::new(0)).collect();
        walk(&|seeds| {
            for &(at, key) in seeds {
                let slot = starts[key as usize].fetch_add(1, Ordering::Relaxed);
                positions[slot as usize].store(at, Ordering::Relaxed);
            }
        });
        // Each start is now that of the next key.
        let mut starts: Vec<u32> = starts.into_iter().map(AtomicU32::into_inner).collect();
        let mut positions: Vec<u32> = positions.into_iter().map(AtomicU32::into_inner).collect();
        starts.rotate_right(1);
        starts[0] = 0;
        sort_lists(&starts, &mut positions);
        Ok(Self { pattern: pattern.clone(), starts, positions, chance, _reservation: reservation })
    }

    /// Addition to thresholds in bits for a sample so large that a base of a query matches more seeds by chance, on
    /// both strands, than in those that the thresholds were tuned on.
    pub(crate) fn extra_bits(&self) -> f32 {
        extra_bits(self.chance, self.positions.len() as u64)
    }

    /// Bases of a seed, compared or not.
    pub(crate) fn span(&self) -> usize {
        self.pattern.span
    }

    /// Finds the seeds that a query shares with the genome on one strand, and adds their chains of at least `min_bits`
    /// bits to `found`. The query has fewer than 2^24 bases and is read as it stands: for the other strand it is the
    /// reverse complement, and `reverse` is set. Of frequent seeds [`MAX_SEED_POSITIONS`] count, evenly taken.
    /// `is_distant(query, genome)` selects the hits that count, by the first bases of the seed, and so does `is_unused`,
    /// which is called for few of them.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the hits.
    pub(crate) fn search(
        &self,
        query: &[u8],
        reverse: bool,
        min_bits: f32,
        is_distant: impl Fn(u32, u32) -> bool,
        is_unused: impl Fn(u64) -> bool,
        found: &mut ChainBuffer,
    ) -> Result<()> {
        // Table and positions are far apart in memory: what is read in a while is requested now.
        let mut keys = Vec::with_capacity(query.len());
        self.pattern.for_each_key(query, |at, key| keys.push((at as u32, key as u32)));
        let mut lists = Vec::with_capacity(keys.len());
        let mut hits = 0;
        for (number, &(at, key)) in keys.iter().enumerate() {
            if let Some(&(_, key)) = keys.get(number + READ_AHEAD) {
                prefetch(bytemuck::cast_slice(&self.starts), 4 * key as usize);
            }
            let list = self.starts[key as usize]..self.starts[key as usize + 1];
            if !list.is_empty() {
                hits += list.len().min(MAX_SEED_POSITIONS);
                lists.push((at, list));
            }
        }
        let words = found.begin(hits)?;
        for (number, (at, list)) in lists.iter().enumerate() {
            if let Some((_, list)) = lists.get(number + READ_AHEAD) {
                prefetch(bytemuck::cast_slice(&self.positions), 4 * list.start as usize);
            }
            let positions = &self.positions[list.start as usize..list.end as usize];
            let step = positions.len().div_ceil(MAX_SEED_POSITIONS).max(1);
            for &position in positions.iter().step_by(step) {
                if is_distant(*at, position) {
                    words.push(pack(query.len(), *at as usize, position));
                }
            }
        }
        found.chain(query.len(), reverse, min_bits, ChanceHits::new(self.chance, self.pattern.span as u32), is_unused)
    }
}
