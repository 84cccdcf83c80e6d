//! Capacity estimate before a build.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::genome::Pieces;
use crate::Result;
use crate::kmer::{KmerCodec, low_mask};
use crate::memory::{Budget, Component};
use crate::store::MemoryHints;
use crate::store::layout::{Layout, remainder_bits};
use crate::store::page::{Filters, FrequencyCode, exception_cost, frequency_class};
use crate::store::positions::ListCode;

/// K-mers that a sample holds at the most, about.
const SAMPLE: u64 = 1 << 19;

/// Bits by which the k-mers of a genome are thinned out for a sample.
fn fraction_bits(kmers: u64, codec: &KmerCodec) -> u32 {
    (kmers / SAMPLE).next_power_of_two().ilog2().min(codec.hash_bits() - 1)
}

/// Bytes that the sample takes.
pub(super) fn sample_bytes(kmers: u64, codec: &KmerCodec) -> u64 {
    Gather::<u64>::bytes(kmers >> fraction_bits(kmers, codec))
}

/// What many threads sample, in one place.
pub(super) struct Gather<T>(Mutex<Vec<T>>);

/// What one thread has sampled and not yet handed over.
pub(super) struct Part<'g, T> {
    gather: &'g Gather<T>,
    few: Vec<T>,
}

/// Samples that a thread hands over together.
const HANDED_OVER: usize = 1 << 12;

impl<T> Gather<T> {
    /// Bytes where `expected` samples are expected: a quarter more may come, and more than that doubles the vector.
    pub(super) fn bytes(expected: u64) -> u64 {
        (expected + expected / 4).saturating_mul(2 * size_of::<T>() as u64) + (1 << 20)
    }

    /// For about `expected` samples.
    pub(super) fn new(expected: u64) -> Self {
        Self(Mutex::new(Vec::with_capacity((expected + expected / 4) as usize)))
    }

    /// A part to fill.
    pub(super) fn part(&self) -> Part<'_, T> {
        Part { gather: self, few: Vec::with_capacity(HANDED_OVER) }
    }

    /// All samples, in no order.
    pub(super) fn all(self) -> Vec<T> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Part<'_, T> {
    #[inline(always)]
    pub(super) fn push(&mut self, sample: T) {
        if self.few.len() == HANDED_OVER {
            self.hand_over();
        }
        self.few.push(sample);
    }

    #[cold]
    fn hand_over(&mut self) {
        self.gather.0.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.few);
    }
}

impl<T> Drop for Part<'_, T> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Samples the k-mers of a genome on the current thread pool.
pub(super) fn estimate(
    pieces: &Pieces<'_>,
    codec: &KmerCodec,
    filters: &Filters,
    lists: &ListCode,
    budget: &Budget,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(MemoryHints, Layout)> {
    let kmers = pieces.kmers();
    let fraction_bits = fraction_bits(kmers, codec);
    let limit = low_mask(codec.hash_bits() - fraction_bits);
    let _reserved = budget.reserve(Component::Sample, sample_bytes(kmers, codec), "the sample of k-mers")?;
    let sample = Gather::new(kmers >> fraction_bits);
    pieces.stripes(rayon::current_num_threads() * 4).into_par_iter().for_each(|stripe| {
        let mut part = sample.part();
        pieces.scan(
            stripe,
            |hash, _| {
                if hash <= limit {
                    part.push(hash);
                }
            },
            progress,
        );
    });
    let mut sample = sample.all();
    sample.par_sort_unstable();

    let (mut distinct, mut repeated, mut stored) = (0u64, 0u64, 0u64);
    let (mut positions, mut position_bits, mut singles, mut above) = (0u64, 0u64, 0u64, 0u64);
    let mut by_bit_length = [0u64; 65];
    for run in sample.chunk_by(|a, b| a == b) {
        let frequency = run.len() as u64;
        distinct += 1;
        singles += u64::from(frequency == 1);
        repeated += u64::from(frequency > 1);
        above += if filters.max_frequency.is_some_and(|max| frequency > max) { frequency } else { 0 };
        if filters.keeps(frequency) {
            let m = filters.stored_positions(frequency);
            stored += 1;
            positions += m;
            position_bits += lists.bits(m);
            by_bit_length[frequency_class(frequency, filters.min_frequency)] += 1;
        }
    }
    // The number of all occurrences is known: where only single k-mers are left out, what is stored follows from
    // the well-sampled singles, and not from the few k-mers of high frequency.
    let scale = |n: u64| n << fraction_bits;
    if filters.min_frequency <= 2 && filters.max_positions.is_none() && positions > 0 {
        let left_out = if filters.min_frequency == 2 { scale(singles) } else { 0 } + scale(above);
        let known = kmers.saturating_sub(left_out);
        position_bits = (position_bits as f64 * known as f64 / scale(positions) as f64) as u64;
        positions = known;
    } else {
        positions = scale(positions);
    }
    let cost = exception_cost(remainder_bits(codec, scale(stored)));
    let (_, frequency_bits) = FrequencyCode::cheapest(&by_bit_length, cost);
    let frequency_bits = frequency_bits as f64 / stored.max(1) as f64;
    let layout = Layout::plan(codec, scale(stored), kmers, frequency_bits);
    let hints = MemoryHints {
        kmers,
        distinct_kmers: scale(distinct),
        repeated_kmers: scale(repeated),
        stored_kmers: scale(stored),
        positions,
        dictionary_bytes: layout.dictionary_bytes(scale(stored), frequency_bits),
        position_bytes: scale(position_bits) / 8,
    };
    Ok((hints, layout))
}
