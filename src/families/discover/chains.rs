//! Chains of seed hits near one diagonal, weighted by how unlikely they are by chance. They show similar positions
//! without an alignment: the profile counts them, and copies are searched there.
//!
//! A hit is a word of 64 bits while it is sorted, so that hits of one diagonal come together: bin of diagonals,
//! position in the query, diagonal within the bin.

use std::ops::Range;

use parking_lot::Mutex;

use crate::Result;
use crate::families::parameters::{BITS_PER_SHARED_BASE, MAX_CHAIN_GAP, MIN_INDEPENDENT_GAP};
use crate::memory::{Budget, Component, Reservation};
use crate::random::GAMMA;

/// A seed that query and genome share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// First base in the query as it reads on the strand.
    pub(crate) query: u32,
    /// First base in the genome, all contigs end to end.
    pub(crate) genome: u64,
}

/// Consecutive hits near one diagonal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chain {
    /// Whether the query is a reverse complement; positions in it are those of the complement.
    pub(crate) reverse: bool,
    /// Hits of the chain in [`ChainBuffer::hits`].
    pub(crate) hits: Range<usize>,
    /// -log2 of the number of such chains expected by chance.
    pub(crate) bits: f32,
}

/// Bits of a diagonal within its bin: a copy with gaps of fewer than 32 bases in total mostly stays in one
/// chain.
const BIN_BITS: u32 = 5;
/// Bits of a position in the query.
const QUERY_BITS: u32 = 24;

/// The word of a hit. Diagonals are counted from the end of the query, so that none is negative.
#[inline(always)]
pub(crate) fn pack(query_length: usize, query: usize, genome: u32) -> u64 {
    let diagonal = u64::from(genome) + query_length as u64 - query as u64;
    diagonal >> BIN_BITS << (QUERY_BITS + BIN_BITS) | (query as u64) << BIN_BITS | diagonal & ((1 << BIN_BITS) - 1)
}

#[inline(always)]
fn unpack(query_length: usize, word: u64) -> Hit {
    let query = (word >> BIN_BITS) as u32 & ((1 << QUERY_BITS) - 1);
    let diagonal = diagonal_bin(word) << BIN_BITS | word & ((1 << BIN_BITS) - 1);
    Hit { query, genome: diagonal + u64::from(query) - query_length as u64 }
}

#[inline(always)]
fn diagonal_bin(word: u64) -> u64 {
    word >> (QUERY_BITS + BIN_BITS)
}

/// How often hits follow each other by chance.
#[derive(Clone, Copy)]
pub(crate) struct ChanceHits {
    /// Chance hits for each base of the query, on the diagonals of two bins.
    density: f32,
    /// Bases of a seed.
    span: u32,
}

impl ChanceHits {
    /// For seeds of `span` bases; two random seeds are equal with probability `chance`.
    pub(crate) fn new(chance: f32, span: u32) -> Self {
        Self { density: (2u32 << BIN_BITS) as f32 * chance, span }
    }

    /// Bits of a hit that begins `gap` bases after another one.
    fn bits(self, gap: u32) -> f32 {
        if gap >= MIN_INDEPENDENT_GAP {
            -(self.density * gap.max(self.span) as f32).log2()
        } else {
            gap as f32 * BITS_PER_SHARED_BASE
        }
    }

    /// Maximum bits of one hit of a chain.
    fn max_bits(self) -> f32 {
        self.bits(MIN_INDEPENDENT_GAP).max(self.bits(MIN_INDEPENDENT_GAP - 1))
    }
}

/// The hits and chains of a query. Its memory is reserved before it grows.
pub(crate) struct ChainBuffer {
    reservation: Reservation,
    /// Hits of one strand.
    words: Vec<u64>,
    /// Words in each slot of diagonal bins, by hash; up to 255.
    diagonal_counts: Vec<u8>,
    pub(crate) hits: Vec<Hit>,
    pub(crate) chains: Vec<Chain>,
}

/// Minimum and maximum number of slots of diagonal bins: with more, counting misses the cache and costs more than it
/// saves.
const SLOTS: (usize, usize) = (1 << 10, 1 << 20);

impl ChainBuffer {
    /// An empty buffer.
    pub(crate) fn new(budget: &Budget) -> Self {
        let reservation = budget.empty_reservation(Component::Seeds);
        Self { reservation, words: Vec::new(), diagonal_counts: Vec::new(), hits: Vec::new(), chains: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.hits.clear();
        self.chains.clear();
    }

    /// Returns the words to fill for a strand, empty, with space for `words` of them.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for them.
    pub(crate) fn begin(&mut self, words: usize) -> Result<&mut Vec<u64>> {
        self.words.clear();
        self.reserve_words(words)?;
        Ok(&mut self.words)
    }

    fn bytes(&self) -> u64 {
        (self.words.capacity() * size_of::<u64>()
            + self.diagonal_counts.capacity()
            + self.hits.capacity() * size_of::<Hit>()
            + self.chains.capacity() * size_of::<Chain>()) as u64
    }

    /// Reserves bytes beyond those of the buffers as they are.
    fn reserve(&mut self, more: usize) -> Result<()> {
        self.reservation.grow(more as u64, "seeds that a query shares with the genome")
    }

    /// Grows the buffers to this many words.
    fn reserve_words(&mut self, words: usize) -> Result<()> {
        let slots = Self::slots(words);
        let words = if words > self.words.capacity() { words + words / 4 } else { words };
        if words > self.words.capacity() || slots > self.diagonal_counts.capacity() {
            let more = words.saturating_sub(self.words.capacity());
            self.reserve(more * size_of::<u64>() + slots.saturating_sub(self.diagonal_counts.capacity()))?;
            self.words.reserve_exact(words);
            self.diagonal_counts.clear();
            self.diagonal_counts.reserve_exact(slots);
            self.reservation.resize(self.bytes());
        }
        Ok(())
    }

    /// Grows the buffers to the hits and chains of the current words, after those of the other strand.
    fn reserve_hits(&mut self) -> Result<()> {
        let (hits, chains) = (self.hits.len() + self.words.len(), self.chains.len() + self.words.len() / 2);
        if hits > self.hits.capacity() || chains > self.chains.capacity() {
            let more = hits.saturating_sub(self.hits.capacity()) * size_of::<Hit>()
                + chains.saturating_sub(self.chains.capacity()) * size_of::<Chain>();
            self.reserve(more)?;
            self.hits.reserve_exact(hits - self.hits.len());
            self.chains.reserve_exact(chains - self.chains.len());
            self.reservation.resize(self.bytes());
        }
        Ok(())
    }

    /// Slots for this many words.
    fn slots(words: usize) -> usize {
        (2 * words).next_power_of_two().clamp(SLOTS.0, SLOTS.1)
    }

    /// Drops words in slots with fewer than `min_count`, which are in no chain: sorting all words takes most of the
    /// time.
    fn drop_lonely(&mut self, min_count: u32) {
        let min_count = min_count.min(u8::MAX.into()) as u8;
        let slots = Self::slots(self.words.len());
        self.diagonal_counts.clear();
        self.diagonal_counts.resize(slots, 0);
        let shift = u64::BITS - slots.trailing_zeros();
        let slot = |word: u64| (diagonal_bin(word).wrapping_mul(GAMMA) >> shift) as usize;
        for &word in &self.words {
            let count = &mut self.diagonal_counts[slot(word)];
            *count = count.saturating_add(1);
        }
        self.words.retain(|&word| self.diagonal_counts[slot(word)] >= min_count);
    }

    /// Adds the chains of the current words of at least `min_bits` bits: hits in one bin of diagonals with at most
    /// [`MAX_CHAIN_GAP`] bases between. `keep` selects hits by their position; it is called for the few that may be in
    /// a chain.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for them.
    pub(crate) fn chain(
        &mut self,
        query_length: usize,
        reverse: bool,
        min_bits: f32,
        chance: ChanceHits,
        keep: impl Fn(u64) -> bool,
    ) -> Result<()> {
        self.drop_lonely(1 + (min_bits / chance.max_bits()).ceil() as u32);
        self.words.retain(|&word| keep(unpack(query_length, word).genome));
        self.words.sort_unstable();
        self.reserve_hits()?;
        let mut first = 0;
        while first < self.words.len() {
            let start = self.hits.len();
            let bin = diagonal_bin(self.words[first]);
            let mut bits = 0.0;
            let mut last: Option<u32> = None;
            let mut next = first;
            while next < self.words.len() && diagonal_bin(self.words[next]) == bin {
                let hit = unpack(query_length, self.words[next]);
                if let Some(last) = last {
                    let gap = hit.query - last;
                    if gap > MAX_CHAIN_GAP {
                        break;
                    }
                    bits += chance.bits(gap);
                }
                self.hits.push(hit);
                last = Some(hit.query);
                next += 1;
            }
            if bits >= min_bits {
                self.chains.push(Chain { reverse, hits: start..self.hits.len(), bits });
            } else {
                self.hits.truncate(start);
            }
            first = next;
        }
        Ok(())
    }
}

/// Chain buffers that no thread uses at the moment: they are large, and refilled for each query.
pub(crate) struct ChainBufferPool<'a> {
    buffers: Mutex<Vec<ChainBuffer>>,
    budget: &'a Budget,
}

impl<'a> ChainBufferPool<'a> {
    /// An empty pool; its buffers are charged to `budget`.
    pub(crate) fn new(budget: &'a Budget) -> Self {
        Self { buffers: Mutex::new(Vec::new()), budget }
    }

    /// An empty buffer.
    pub(crate) fn take(&self) -> ChainBuffer {
        let mut buffer = self.buffers.lock().pop().unwrap_or_else(|| ChainBuffer::new(self.budget));
        buffer.clear();
        buffer
    }

    /// Keeps a buffer for the next query.
    pub(crate) fn put(&self, buffer: ChainBuffer) {
        self.buffers.lock().push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_hits_and_those_of_a_diagonal_sort_together() {
        let length = (1 << QUERY_BITS) - 1;
        for (query, genome) in [(0, 0), (0, u32::MAX), (length - 1, 0), (length - 1, u32::MAX), (12_345, 67_890)] {
            let word = pack(length, query, genome);
            assert_eq!(unpack(length, word), Hit { query: query as u32, genome: genome.into() });
            let next = pack(length, query + 1, genome.saturating_add(1));
            assert!(genome == u32::MAX || diagonal_bin(next) == diagonal_bin(word) && next > word);
        }
    }
}
