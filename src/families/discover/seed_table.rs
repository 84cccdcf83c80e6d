//! Spaced seeds (Ma, Tromp and Li 2002) of the whole genome in memory: old copies share too few k-mers of the index,
//! and the index has none of those that occur once.
//!
//! `align::seeds` has a table of spaced seeds too, and they stay two. That one hashes the words of a small library,
//! whose patterns also have positions that match transitions, and scans the genome past them. This one indexes a whole
//! genome, so it packs the compared bases into a key that addresses the table directly, without slots or hashes.

use std::ops::Range;
use std::sync::atomic::Ordering;

use rayon::prelude::*;

use crate::Result;
use crate::families::bases::UNKNOWN;
use crate::families::discover::chains::{ChainBuffer, ChanceHits, pack};
use crate::families::discover::sample::Sample;
use crate::families::parameters::{
    MAX_CHANCE_SEEDS, MAX_SEED_POSITIONS, MIN_SEED_POSITIONS, SEED_PATTERNS, TUNED_CHANCE_SEEDS,
};
use crate::genome::BaseMask;
use crate::memory::system::{AnonymousMap, as_atomic, prefetch};
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

    /// The pattern for a sample of so many seeds, in which pairs of neighbouring bases have these shares
    /// ([`SEED_PATTERNS`]).
    pub(crate) fn for_sample(seeds: u64, pairs: &[[f64; 4]; 4]) -> Self {
        let [.., heaviest] = SEED_PATTERNS;
        let suits = |pattern: &Self| 2.0 * chance_of_word(pattern.weight, pairs) * seeds as f64 <= MAX_CHANCE_SEEDS;
        SEED_PATTERNS.into_iter().map(Self::new).find(suits).unwrap_or_else(|| Self::new(heaviest))
    }

    /// Buckets of a table.
    fn buckets(&self) -> usize {
        1 << (2 * self.weight).min(MAX_BUCKET_BITS)
    }

    /// Bits of a key that do not fit the number of a bucket.
    fn tag_bits(&self) -> u32 {
        (2 * self.weight).saturating_sub(MAX_BUCKET_BITS)
    }

    /// The bucket of a key, and what tells it from the other keys of the bucket. Keys are spread by a multiplication, so
    /// that frequent ones share no bucket.
    #[inline(always)]
    fn bucket_and_tag(&self, key: u32) -> (u32, u32) {
        match self.tag_bits() {
            0 => (key, 0),
            bits => {
                let spread = key.wrapping_mul(SPREAD) & ((1 << (2 * self.weight)) - 1);
                (spread >> bits, spread & ((1 << bits) - 1))
            }
        }
    }

    /// Probability that two windows have the same key by chance, if bases have these shares.
    pub(crate) fn chance(&self, composition: [f64; 4]) -> f32 {
        let same = composition.iter().map(|share| share * share).sum::<f64>() as f32;
        same.powi(self.weight as i32)
    }

    #[inline(always)]
    fn key(&self, window: u64) -> u32 {
        let mut key = 0;
        for &(shift, bits) in &self.runs {
            key = key << bits | (window >> shift) & ((1 << bits) - 1);
        }
        key as u32
    }

    /// Calls `each(start, key)` for each window of `codes` without an unknown base.
    #[inline(always)]
    fn for_each_key(&self, codes: &[u8], mut each: impl FnMut(usize, u32)) {
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

/// Probability that two words of this many bases are equal by chance, if each base depends on the one before: words rich
/// in A and T, which are frequent in many genomes, are equal more often than the shares of single bases explain.
fn chance_of_word(bases: u32, pairs: &[[f64; 4]; 4]) -> f64 {
    let shares = pairs.map(|row| row.iter().sum::<f64>());
    let mut same = shares.map(|share| share * share);
    for _ in 1..bases {
        let next = |second: usize| {
            let step = |first: usize| {
                let follows = pairs[first][second] / shares[first].max(f64::MIN_POSITIVE);
                same[first] * follows * follows
            };
            (0..4).map(step).sum::<f64>()
        };
        same = std::array::from_fn(next);
    }
    same.iter().sum()
}

/// The positions of each spaced seed in a part of a sample, on the forward strand.
pub(crate) struct SeedTable {
    pattern: SeedPattern,
    /// Where the positions of each bucket begin, and their number.
    starts: AnonymousMap,
    /// First bases of seeds, as positions of the sample, by bucket; the tag of the key in the highest bits. Those of a
    /// bucket ascend.
    positions: AnonymousMap,
    /// Number of positions.
    seeds: u64,
    /// Positions of a seed that a search looks at.
    max_positions: usize,
    /// Probability that two windows have the same key by chance, from the composition of the sample.
    chance: f32,
    _reservation: Reservation,
}

/// As [`SeedTable::extra_bits`], for a table of so many seeds.
pub(crate) fn extra_bits(chance: f32, seeds: u64) -> f32 {
    let by_chance = 2.0 * chance * seeds as f32;
    (by_chance / TUNED_CHANCE_SEEDS).log2().max(0.0)
}

/// Positions of a seed that a search looks at in a table of one part of a sample.
fn max_positions(seeds: u64, sample: u64) -> usize {
    (MAX_SEED_POSITIONS as u64 * seeds / sample.max(1)).max(MIN_SEED_POSITIONS) as usize
}

/// Bits of the number of a bucket, at most: 64 MiB of starts.
const MAX_BUCKET_BITS: u32 = 24;
/// An odd number whose multiples are spread evenly: 2^32 divided by the golden ratio.
const SPREAD: u32 = 0x9e37_79b1;

/// Position, with the tag of the key in the highest bits, and bucket.
type Seed = (u32, u32);

/// Sorts the positions of each bucket: threads found them in any order.
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
        (pattern.buckets() as u64 + 1 + seeds) * size_of::<u32>() as u64
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
        let buckets = pattern.buckets();
        let tag_shift = u32::BITS - pattern.tag_bits();
        let seeds = among.map_or(part.end - part.start, |(_, seeds)| seeds);
        let reservation = budget.reserve(Component::Seeds, Self::bytes(pattern, seeds), "a table of spaced seeds")?;
        let pieces: Vec<Range<u64>> = sample.bases.pieces();
        let walk = |each: &(dyn Fn(&[Seed]) + Sync)| {
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
                        let (bucket, tag) = pattern.bucket_and_tag(key);
                        found.push((at as u32 | (u64::from(tag) << tag_shift) as u32, bucket));
                    }
                });
                each(found);
            });
        };
        let mut start_map = AnonymousMap::new(4 * (buckets as u64 + 1))?;
        let starts = as_atomic(&mut start_map.words_mut()[..=buckets]);
        walk(&|seeds| {
            for &(_, bucket) in seeds {
                starts[bucket as usize].fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut all = 0;
        for start in starts {
            all += start.swap(all, Ordering::Relaxed);
        }
        let mut position_map = AnonymousMap::new(4 * u64::from(all))?;
        let positions = as_atomic(position_map.words_mut());
        walk(&|seeds| {
            for &(at, bucket) in seeds {
                let slot = starts[bucket as usize].fetch_add(1, Ordering::Relaxed);
                positions[slot as usize].store(at, Ordering::Relaxed);
            }
        });
        // Each start is now that of the next bucket.
        let starts = &mut start_map.words_mut()[..=buckets];
        starts.rotate_right(1);
        starts[0] = 0;
        sort_lists(starts, &mut position_map.words_mut()[..all as usize]);
        Ok(Self {
            pattern: pattern.clone(),
            starts: start_map,
            positions: position_map,
            seeds: all.into(),
            max_positions: match among {
                Some(_) => MAX_SEED_POSITIONS,
                None => max_positions(seeds, sample.bases.len()),
            },
            chance,
            _reservation: reservation,
        })
    }

    /// Addition to thresholds in bits for a sample so large that a base of a query matches more seeds by chance, on
    /// both strands, than in those that the thresholds were tuned on.
    pub(crate) fn extra_bits(&self) -> f32 {
        extra_bits(self.chance, self.seeds)
    }

    /// Bases of a seed, compared or not.
    pub(crate) fn span(&self) -> usize {
        self.pattern.span
    }

    /// Finds the seeds that a query shares with the genome on one strand, and adds their chains of at least `min_bits`
    /// bits to `found`. The query has fewer than 2^24 bases and is read as it stands: for the other strand it is the
    /// reverse complement, and `reverse` is set. Of frequent seeds [`MAX_SEED_POSITIONS`] of a sample
    /// count, evenly taken.
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
        let (starts, all_positions) = (self.starts.words(), self.positions.words());
        // Table and positions are far apart in memory: what is read in a while is requested now.
        let mut keys = Vec::with_capacity(query.len());
        self.pattern.for_each_key(query, |at, key| {
            let (bucket, tag) = self.pattern.bucket_and_tag(key);
            keys.push((at as u32, bucket, tag));
        });
        let mut lists = Vec::with_capacity(keys.len());
        let mut hits = 0;
        for (number, &(at, bucket, tag)) in keys.iter().enumerate() {
            if let Some(&(_, bucket, _)) = keys.get(number + READ_AHEAD) {
                prefetch(bytemuck::cast_slice(starts), 4 * bucket as usize);
            }
            let list = starts[bucket as usize]..starts[bucket as usize + 1];
            if !list.is_empty() {
                hits += list.len().min(self.max_positions);
                lists.push((at, tag, list));
            }
        }
        let words = found.begin(hits)?;
        let tag_shift = u32::BITS - self.pattern.tag_bits();
        let tag_of = |word: u32| (u64::from(word) >> tag_shift) as u32;
        for (number, (at, tag, list)) in lists.iter().enumerate() {
            if let Some((.., list)) = lists.get(number + READ_AHEAD) {
                prefetch(bytemuck::cast_slice(all_positions), 4 * list.start as usize);
            }
            let bucket = &all_positions[list.start as usize..list.end as usize];
            let positions = match tag_shift {
                u32::BITS => bucket,
                _ => {
                    let first = bucket.partition_point(|&word| tag_of(word) < *tag);
                    let count = bucket[first..].partition_point(|&word| tag_of(word) == *tag);
                    &bucket[first..first + count]
                }
            };
            let step = positions.len().div_ceil(self.max_positions).max(1);
            for &word in positions.iter().step_by(step) {
                let position = word & (u64::MAX >> (64 - tag_shift)) as u32;
                if is_distant(*at, position) {
                    words.push(pack(query.len(), *at as usize, position));
                }
            }
        }
        found.chain(query.len(), reverse, min_bits, ChanceHits::new(self.chance, self.pattern.span as u32), is_unused)
    }
}
