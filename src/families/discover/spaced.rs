//! Spaced seeds (Ma, Tromp and Li 2002) of the genome in memory, and what of it a query shares seeds with.

use std::ops::Range;

use rayon::prelude::*;

use crate::Result;
use crate::families::bases::{Bases, SIMPLE, TAKEN, UNKNOWN};
use crate::memory::{Budget, Component, Reservation};

/// Which bases of a window are compared.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    span: usize,
    weight: u32,
    /// Bits of the window to take: shift and length of each run, first run first.
    runs: Vec<(u32, u32)>,
}

impl Pattern {
    /// From ones and zeros.
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

    /// For a genome of `bases` bases: the heavier the larger, so that a window meets few by chance.
    pub(crate) fn for_genome(bases: u64) -> Self {
        Self::new(match bases {
            0..=30_000_000 => "111010010100110111",
            30_000_001..=120_000_000 => "111010110100110111",
            _ => "1110110100101100110111",
        })
    }

    #[inline(always)]
    fn key(&self, window: u64) -> usize {
        let mut key = 0;
        for &(shift, bits) in &self.runs {
            key = key << bits | (window >> shift) & ((1 << bits) - 1);
        }
        key as usize
    }

    /// Calls `each(start, key)` for each window of `codes` none of whose bases has one of the marks.
    #[inline(always)]
    fn for_each_key(&self, codes: &[u8], marks: u8, mut each: impl FnMut(usize, usize)) {
        let (mut window, mut whole) = (0u64, 0);
        for (i, &code) in codes.iter().enumerate() {
            window = window << 2 | u64::from(code & 3);
            whole = if code & marks != 0 { 0 } else { whole + 1 };
            if whole >= self.span {
                each(i + 1 - self.span, self.key(window));
            }
        }
    }
}

/// Where each spaced seed of the genome lies, on the strand as written.
pub(crate) struct SeedTable {
    pattern: Pattern,
    starts: Vec<u32>,
    places: Vec<u32>,
    /// How likely a seed has a given key by chance, from the bases of the genome.
    chance: f32,
    _held: Reservation,
}

/// A seed that query and genome share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// In the query as it reads on the strand.
    pub(crate) query: u32,
    /// First base in the genome.
    pub(crate) genome: u64,
}

/// Hits near one diagonal, in a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chain {
    /// The genome is compared with the reverse complement of the query; places in the query are those of that complement.
    pub(crate) reverse: bool,
    pub(crate) hits: Range<usize>,
    /// How unlikely it is by chance, in bits.
    pub(crate) bits: f32,
}

/// Hits of a query, by strand and chain. What it takes is reserved before it grows.
pub(crate) struct Hits {
    held: Reservation,
    words: Vec<u64>,
    /// For each diagonal, by its hash, how many words it has, up to 255.
    on_diagonal: Vec<u8>,
    pub(crate) hits: Vec<Hit>,
    pub(crate) chains: Vec<Chain>,
}

/// Diagonals that count as one.
const DIAGONALS: u32 = 5;
/// Most bases between two hits of a chain.
const GAP: u32 = 300;
const QUERY_BITS: u32 = 24;

impl Hits {
    /// None yet.
    pub(crate) fn new(budget: &Budget) -> Self {
        let held = budget.hold(Component::Seeds);
        Self { held, words: Vec::new(), on_diagonal: Vec::new(), hits: Vec::new(), chains: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.hits.clear();
        self.chains.clear();
    }

    fn bytes(&self) -> u64 {
        (self.words.capacity() * size_of::<u64>()
            + self.on_diagonal.capacity()
            + self.hits.capacity() * size_of::<Hit>()
            + self.chains.capacity() * size_of::<Chain>()) as u64
    }

    /// Reserves what the buffers would take beyond what they have.
    fn reserve(&mut self, more: usize) -> Result<()> {
        self.held.grow(more as u64, "seeds that a query shares with the genome")
    }

    /// Makes room for this many words.
    fn reserve_words(&mut self, words: usize) -> Result<()> {
        let most = Self::slots(words);
        let words = if words > self.words.capacity() { words + words / 4 } else { words };
        if words > self.words.capacity() || most > self.on_diagonal.capacity() {
            let more = words.saturating_sub(self.words.capacity());
            self.reserve(more * size_of::<u64>() + most.saturating_sub(self.on_diagonal.capacity()))?;
            self.words.reserve_exact(words);
            self.on_diagonal.clear();
            self.on_diagonal.reserve_exact(most);
            self.held.resize(self.bytes());
        }
        Ok(())
    }

    /// Makes room for the hits and chains of the words at hand, after those of the other strand.
    fn reserve_hits(&mut self) -> Result<()> {
        let (hits, chains) = (self.hits.len() + self.words.len(), self.chains.len() + self.words.len() / 2);
        if hits > self.hits.capacity() || chains > self.chains.capacity() {
            let more = hits.saturating_sub(self.hits.capacity()) * size_of::<Hit>()
                + chains.saturating_sub(self.chains.capacity()) * size_of::<Chain>();
            self.reserve(more)?;
            self.hits.reserve_exact(hits - self.hits.len());
            self.chains.reserve_exact(chains - self.chains.len());
            self.held.resize(self.bytes());
        }
        Ok(())
    }

    /// Counters for this many words.
    fn slots(words: usize) -> usize {
        (2 * words).next_power_of_two().clamp(1 << 10, 1 << 20)
    }

    /// Drops most words of diagonals with fewer than `least`, and none of others: sorting them all would take longest.
    fn drop_lonely(&mut self, least: u32) {
        let least = least.min(255) as u8;
        let slots = Self::slots(self.words.len());
        self.on_diagonal.clear();
        self.on_diagonal.resize(slots, 0);
        let shift = 64 - slots.trailing_zeros();
        let slot =
            |word: u64| ((word >> (QUERY_BITS + DIAGONALS)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize;
        for &word in &self.words {
            let count = &mut self.on_diagonal[slot(word)];
            *count = count.saturating_add(1);
        }
        self.words.retain(|&word| self.on_diagonal[slot(word)] >= least);
    }
}

impl SeedTable {
    /// Bytes for a genome of so many bases.
    pub(crate) fn bytes(pattern: &Pattern, bases: u64) -> u64 {
        ((1 << (2 * pattern.weight)) + 1 + bases) * 4
    }

    /// Seeds that lie in one contig and hold no base with one of `marks`.
    pub(crate) fn new(bases: &Bases, pattern: Pattern, marks: u8, budget: &Budget) -> Result<Self> {
        let keys = 1usize << (2 * pattern.weight);
        let bytes = Self::bytes(&pattern, bases.len());
        let held = budget.reserve(Component::Seeds, bytes, "a table of spaced seeds")?;
        let threads = rayon::current_num_threads().next_power_of_two().min(64);
        let part = keys / threads;
        let mut starts = vec![0u32; keys + 1];
        let contigs: Vec<Range<u64>> = bases.contigs().collect();
        // Each thread looks at the whole genome and counts, later places, a range of keys of its own.
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
        let mut places = vec![0u32; all as usize];
        let mut parts = Vec::new();
        let mut rest = places.as_mut_slice();
        for &total in &totals {
            let (here, others) = rest.split_at_mut(total as usize);
            parts.push(here);
            rest = others;
        }
        starts[..keys].par_chunks_mut(part).zip(parts).enumerate().for_each(|(own, (counts, places))| {
            walk(own, &mut |at, key| {
                places[counts[key] as usize] = at;
                counts[key] += 1;
            });
        });
        // Each start is now where the next begins, within its part.
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
        Ok(Self { pattern, starts, places, chance, _held: held })
    }

    /// Seeds that a base of a query shares with the genome by chance, both strands.
    pub(crate) fn by_chance(&self) -> f32 {
        2.0 * self.chance * self.places.len() as f32
    }

    pub(crate) fn span(&self) -> usize {
        self.pattern.span
    }

    /// Finds what of the genome the query shares seeds with on one strand, and chains it: hits near one diagonal with at
    /// most [`GAP`] bases between; chains of fewer bits than `least` are left out. `query` is shorter than 2^24 bases and is read as it stands; for the
    /// other strand give its reverse complement. Seeds of more than `most` places count with `most` of them, spread evenly.
    /// `keep` says which places count. What is found is added to `found`.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where the budget has no room for it.
    pub(crate) fn search(
        &self,
        query: &[u8],
        reverse: bool,
        most: usize,
        least: f32,
        keep: impl Fn(u32, u32) -> bool,
        found: &mut Hits,
    ) -> Result<()> {
        found.words.clear();
        let length = query.len() as u64;
        let of_key = |key: usize| self.starts[key] as usize..self.starts[key + 1] as usize;
        let mut words = 0;
        self.pattern.for_each_key(query, UNKNOWN | SIMPLE | TAKEN, |_, key| words += of_key(key).len().min(most));
        found.reserve_words(words)?;
        self.pattern.for_each_key(query, UNKNOWN | SIMPLE | TAKEN, |at, key| {
            let places = &self.places[of_key(key)];
            let step = places.len().div_ceil(most).max(1);
            for &place in places.iter().step_by(step) {
                if keep(at as u32, place) {
                    let diagonal = u64::from(place) + length - at as u64;
                    found.words.push(
                        diagonal >> DIAGONALS << (QUERY_BITS + DIAGONALS)
                            | (at as u64) << DIAGONALS
                            | diagonal & ((1 << DIAGONALS) - 1),
                    );
                }
            }
        });
        // Bits of a hit that follows another at a distance: hits expected by chance in between.
        let density = (2u32 << DIAGONALS) as f32 * self.chance;
        let most_bits = -(density * self.span().max(8) as f32).log2();
        found.drop_lonely(1 + (least / most_bits.max(3.5)).ceil() as u32);
        found.words.sort_unstable();
        found.reserve_hits()?;
        let mut first = 0;
        while first < found.words.len() {
            let start = found.hits.len();
            let bin = found.words[first] >> (QUERY_BITS + DIAGONALS);
            let mut bits = 0.0;
            let mut last: Option<u32> = None;
            let mut next = first;
            while next < found.words.len() && found.words[next] >> (QUERY_BITS + DIAGONALS) == bin {
                let word = found.words[next];
                let query = (word >> DIAGONALS) as u32 & ((1 << QUERY_BITS) - 1);
                if let Some(last) = last {
                    let gap = query - last;
                    if gap > GAP {
                        break;
                    }
                    bits += if gap >= 8 {
                        -(density * gap.max(self.span() as u32) as f32).log2()
                    } else {
                        gap as f32 * 0.5
                    };
                }
                let diagonal = bin << DIAGONALS | word & ((1 << DIAGONALS) - 1);
                found.hits.push(Hit { query, genome: diagonal + u64::from(query) - length });
                last = Some(query);
                next += 1;
            }
            if bits >= least {
                found.chains.push(Chain { reverse, hits: start..found.hits.len(), bits });
            } else {
                found.hits.truncate(start);
            }
            first = next;
        }
        Ok(())
    }
}
