//! Capacity estimate before a build.

use parking_lot::Mutex;

use rayon::prelude::*;

use crate::Result;
use crate::builder::stripes::Pieces;
use crate::bundle::MemoryHints;
use crate::dictionary::filters::Filters;
use crate::dictionary::sorted::frequency_code::{FrequencyCode, exception_cost, frequency_class};
use crate::dictionary::sorted::layout::{Layout, remainder_bits};
use crate::format::positions::ListCode;
use crate::kmer::{KmerCodec, low_mask};
use crate::memory::system::Anonymous;
use crate::memory::{Budget, Component};

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
pub(crate) fn sample_bytes(kmers: u64, codec: &KmerCodec) -> u64 {
    Gather::<2>::bytes(capacity(kmers, fraction_bits(kmers, codec)))
}

/// A sample of one word, or more than one, and in the last word the number of its occurrences.
pub(crate) type Sample<const N: usize> = [u64; N];

/// The distinct samples of many threads, each with its number of occurrences, in bounded memory.
///
/// What occurs often takes no more space than what occurs once. If there are more distinct samples than there is space
/// for, only those with a hash in the lower half of all are kept, and so on: which ones are kept follows from the genome
/// alone.
pub(crate) struct Gather<const N: usize>(Mutex<Samples<N>>);

/// The samples, and how often the share of the hashes that are sampled was halved.
pub(crate) struct Samples<const N: usize> {
    memory: Anonymous,
    /// Samples in memory: distinct up to a point, and then in the order in which they came.
    count: usize,
    capacity: usize,
    /// Distinct ones that are kept.
    most: usize,
    hash: fn(&Sample<N>, u32) -> u64,
    hash_shift: u32,
    /// The largest hash that is sampled.
    limit: u64,
    pub(crate) halved: u32,
}

/// What one thread has sampled and not yet handed over.
pub(crate) struct Part<'g, const N: usize> {
    gather: &'g Gather<N>,
    few: Vec<Sample<N>>,
}

/// Samples that a thread hands over together.
const HANDED_OVER: usize = 1 << 12;

impl<const N: usize> Gather<N> {
    /// Bytes that so many distinct samples and the parts take.
    pub(crate) fn bytes(capacity: u64) -> u64 {
        capacity.saturating_mul(size_of::<Sample<N>>() as u64) + (1 << 20)
    }

    /// With space for `capacity` distinct samples, all of `kmers` k-mers or those with hashes up to `limit`. `hash` gives
    /// the hash of a sample, from `hash_shift`.
    pub(crate) fn new(
        capacity: u64,
        kmers: u64,
        (hash, hash_shift): (fn(&Sample<N>, u32) -> u64, u32),
        limit: u64,
    ) -> Result<Self> {
        let memory = Anonymous::new(capacity * size_of::<Sample<N>>() as u64)?;
        // A tenth stays free for those to come, where not all have space.
        let most = (capacity - if capacity < kmers { capacity / 10 } else { 0 }) as usize;
        let capacity = capacity as usize;
        Ok(Self(Mutex::new(Samples { memory, count: 0, capacity, most, hash, hash_shift, limit, halved: 0 })))
    }

    /// A part to fill.
    pub(crate) fn part(&self) -> Part<'_, N> {
        Part { gather: self, few: Vec::with_capacity(HANDED_OVER) }
    }

    /// The samples, once all parts are gone.
    pub(crate) fn all(self) -> Samples<N> {
        let mut samples = self.0.into_inner();
        samples.entries().par_sort_unstable();
        samples.merge();
        samples
    }
}

impl<const N: usize> Samples<N> {
    /// The samples; of what [`Gather::all`] gives distinct ones, ascending.
    pub(crate) fn entries(&mut self) -> &mut [Sample<N>] {
        let count = self.count;
        &mut self.space()[..count]
    }

    fn space(&mut self) -> &mut [Sample<N>] {
        bytemuck::cast_slice_mut::<u8, u64>(self.memory.bytes()).as_chunks_mut().0
    }

    fn push(&mut self, sample: Sample<N>) {
        if self.count == self.capacity {
            self.entries().sort_unstable();
            self.merge();
        }
        if (self.hash)(&sample, self.hash_shift) <= self.limit {
            let at = self.count;
            self.space()[at] = sample;
            self.count += 1;
        }
    }

    /// Joins what is equal in sorted samples, and halves the share of the hashes as long as too many are left.
    fn merge(&mut self) {
        let mut kept = 0;
        let entries = self.entries();
        for next in 0..entries.len() {
            let sample = entries[next];
            if kept > 0 && entries[kept - 1][..N - 1] == sample[..N - 1] {
                entries[kept - 1][N - 1] += sample[N - 1];
            } else {
                entries[kept] = sample;
                kept += 1;
            }
        }
        self.count = kept;
        while self.count > self.most && self.limit > 0 {
            self.limit /= 2;
            self.halved += 1;
            let (limit, hash, shift) = (self.limit, self.hash, self.hash_shift);
            let mut kept = 0;
            let entries = self.entries();
            for next in 0..entries.len() {
                if hash(&entries[next], shift) <= limit {
                    entries[kept] = entries[next];
                    kept += 1;
                }
            }
            self.count = kept;
        }
    }
}

impl<const N: usize> Part<'_, N> {
    /// Adds a sample; the last word is the number of its occurrences.
    #[inline(always)]
    pub(crate) fn push(&mut self, sample: Sample<N>) {
        if self.few.len() == HANDED_OVER {
            self.hand_over();
        }
        self.few.push(sample);
    }

    #[cold]
    fn hand_over(&mut self) {
        self.few.sort_unstable();
        let mut samples = self.gather.0.lock();
        for run in self.few.chunk_by(|a, b| a[..N - 1] == b[..N - 1]) {
            let mut sample = run[0];
            sample[N - 1] = run.iter().map(|sample| sample[N - 1]).sum();
            samples.push(sample);
        }
        self.few.clear();
    }
}

impl<const N: usize> Drop for Part<'_, N> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Samples the k-mers of a genome on the current thread pool.
pub(crate) fn estimate(
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
    let sample = Gather::<2>::new(capacity(kmers, fraction_bits), kmers, (|sample, _| sample[0], 0), limit)?;
    pieces.stripes(rayon::current_num_threads() * 4).into_par_iter().for_each(|stripe| {
        let mut part = sample.part();
        pieces.scan(
            stripe,
            |hash, _| {
                if hash <= limit {
                    part.push([hash, 1]);
                }
            },
            progress,
        );
    });
    let mut sample = sample.all();
    let fraction_bits = fraction_bits + sample.halved;

    let (mut distinct, mut repeated, mut stored) = (0u64, 0u64, 0u64);
    let (mut positions, mut position_bits, mut singles, mut above) = (0u64, 0u64, 0u64, 0u64);
    let mut by_bit_length = [0u64; 65];
    for &mut [_, frequency] in sample.entries() {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples that a genome could have, in several orders: few that occur often, many that occur once.
    #[test]
    fn samples_are_counted_in_bounded_memory_whatever_their_order() {
        let samples: Vec<u64> =
            (0..300_000u64).map(|i| if i % 3 == 0 { i % 7 } else { i * 7919 % (1 << 20) }).collect();
        let gathered = |capacity: u64, order: &[u64]| {
            let limit = (1 << 20) - 1;
            let gather = Gather::<2>::new(capacity, u64::MAX, (|sample, _| sample[0], 0), limit).expect("memory");
            order.par_chunks(10_000).for_each(|part| {
                let mut few = gather.part();
                part.iter().for_each(|&hash| few.push([hash, 1]));
            });
            let mut all = gather.all();
            (all.halved, all.entries().to_vec())
        };
        let turned: Vec<u64> = samples.iter().rev().copied().collect();
        for (capacity, halved) in [(300_000, 0), (100_000, 2), (10_000, 5)] {
            let found = gathered(capacity, &samples);
            assert_eq!(found.0, halved);
            assert!(found == gathered(capacity, &turned));
            let mut expected = std::collections::BTreeMap::new();
            for &hash in samples.iter().filter(|&&hash| hash < 1 << (20 - halved)) {
                *expected.entry(hash).or_insert(0) += 1;
            }
            assert!(found.1.iter().map(|&[hash, count]| (hash, count)).eq(expected));
        }
    }
}
