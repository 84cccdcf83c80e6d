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

/// Distinct samples for which there is space: all, where every k-mer is sampled, else a third more than expected.
fn capacity(kmers: u64, fraction_bits: u32) -> u64 {
    if fraction_bits == 0 { kmers } else { (kmers >> fraction_bits) / 3 * 4 }
}

/// Bytes that the sample takes.
pub(super) fn sample_bytes(kmers: u64, codec: &KmerCodec) -> u64 {
    Gather::<u64>::bytes(capacity(kmers, fraction_bits(kmers, codec)))
}

/// The distinct samples of many threads, each with its number of occurrences, in bounded memory.
///
/// What occurs often takes no more space than what occurs once. If there are more distinct samples than there is space
/// for, only those with a hash in the lower half of all are kept, and so on: which ones are kept follows from the genome
/// alone.
pub(super) struct Gather<T>(Mutex<Samples<T>>);

/// Gives the hash by which a sample is chosen.
type Hash<T> = Box<dyn Fn(&T) -> u64 + Send>;

/// The samples, and how often their hashes were halved.
pub(super) struct Samples<T> {
    /// Distinct up to a point, and then in the order in which they came.
    all: Vec<(T, u64)>,
    /// Distinct ones that are kept.
    most: usize,
    hash: Hash<T>,
    /// The largest hash that is sampled.
    limit: u64,
    halved: u32,
}

/// What one thread has sampled and not yet handed over.
pub(super) struct Part<'g, T: Copy + Ord + Send> {
    gather: &'g Gather<T>,
    few: Vec<T>,
}

/// Samples that a thread hands over together.
const HANDED_OVER: usize = 1 << 12;

impl<T: Copy + Ord + Send> Gather<T> {
    /// Bytes that so many distinct samples and the parts take.
    pub(super) fn bytes(capacity: u64) -> u64 {
        capacity.saturating_mul(size_of::<(T, u64)>() as u64) + (1 << 20)
    }

    /// With space for `capacity` distinct samples, all of `kmers` k-mers or those with hashes up to `limit`.
    pub(super) fn new(capacity: u64, kmers: u64, hash: impl Fn(&T) -> u64 + Send + 'static, limit: u64) -> Self {
        // A tenth stays free for those to come, where not all have space.
        let most = capacity - if capacity < kmers { capacity / 10 } else { 0 };
        let all = Vec::with_capacity(capacity as usize);
        Self(Mutex::new(Samples { all, most: most as usize, hash: Box::new(hash), limit, halved: 0 }))
    }

    /// A part to fill.
    pub(super) fn part(&self) -> Part<'_, T> {
        Part { gather: self, few: Vec::with_capacity(HANDED_OVER) }
    }

    /// The distinct samples with their numbers of occurrences, ascending, and how often the share of the hashes that are
    /// sampled was halved.
    pub(super) fn all(self) -> (Vec<(T, u64)>, u32) {
        let mut samples = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        samples.all.par_sort_unstable_by_key(|sample| sample.0);
        samples.merge();
        (samples.all, samples.halved)
    }
}

impl<T: Copy + Ord + Send> Samples<T> {
    /// Joins what is equal in sorted samples, and halves the share of the hashes as long as too many are left.
    fn merge(&mut self) {
        self.all.dedup_by(|next, kept| {
            let is_equal = next.0 == kept.0;
            kept.1 += if is_equal { next.1 } else { 0 };
            is_equal
        });
        while self.all.len() > self.most && self.limit > 0 {
            self.limit /= 2;
            self.halved += 1;
            let limit = self.limit;
            self.all.retain(|sample| (self.hash)(&sample.0) <= limit);
        }
    }
}

impl<T: Copy + Ord + Send> Part<'_, T> {
    #[inline(always)]
    pub(super) fn push(&mut self, sample: T) {
        if self.few.len() == HANDED_OVER {
            self.hand_over();
        }
        self.few.push(sample);
    }

    #[cold]
    fn hand_over(&mut self) {
        self.few.sort_unstable();
        let mut samples = self.gather.0.lock().unwrap_or_else(PoisonError::into_inner);
        for run in self.few.chunk_by(|a, b| a == b) {
            if samples.all.len() == samples.all.capacity() {
                samples.all.sort_unstable_by_key(|sample| sample.0);
                samples.merge();
            }
            if (samples.hash)(&run[0]) <= samples.limit {
                samples.all.push((run[0], run.len() as u64));
            }
        }
        self.few.clear();
    }
}

impl<T: Copy + Ord + Send> Drop for Part<'_, T> {
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
    let sample = Gather::new(capacity(kmers, fraction_bits), kmers, |&hash| hash, limit);
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
    let (sample, halved) = sample.all();
    let fraction_bits = fraction_bits + halved;

    let (mut distinct, mut repeated, mut stored) = (0u64, 0u64, 0u64);
    let (mut positions, mut position_bits, mut singles, mut above) = (0u64, 0u64, 0u64, 0u64);
    let mut by_bit_length = [0u64; 65];
    for &(_, frequency) in &sample {
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
