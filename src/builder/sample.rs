//! A sample of distinct k-mers or super-k-mers with their occurrences, in bounded memory, from which a build is
//! estimated.

use parking_lot::Mutex;
use rayon::prelude::*;

use crate::Result;
use crate::memory::system::AnonymousMap;

/// A sampled k-mer or super-k-mer in `N - 1` words; the last word is the number of its occurrences.
pub(crate) type Sample<const N: usize> = [u64; N];

/// The hash of a sample, by which samples are thinned out.
pub(crate) trait SampleHash<const N: usize>: Copy + Send + Sync {
    fn hash(&self, sample: &Sample<N>) -> u64;
}

/// The first word of a sample is its hash.
#[derive(Clone, Copy)]
pub(crate) struct FirstWord;

impl<const N: usize> SampleHash<N> for FirstWord {
    #[inline(always)]
    fn hash(&self, sample: &Sample<N>) -> u64 {
        sample[0]
    }
}

/// Collects the distinct samples of many threads with their numbers of occurrences.
///
/// A frequent sample takes no more space than one that occurs once. If there are more distinct samples than space, only
/// those with a hash in the lower half of the sampled hashes are kept, repeatedly, so the kept samples depend on the
/// genome alone.
pub(crate) struct SampleCollector<const N: usize, H>(Mutex<Samples<N, H>>);

/// The collected samples.
pub(crate) struct Samples<const N: usize, H> {
    memory: AnonymousMap,
    /// Samples in memory: a sorted distinct part, then samples in the order of their arrival.
    count: usize,
    capacity: usize,
    /// Maximum distinct samples after a merge.
    max_distinct: usize,
    hash: H,
    /// The largest hash that is sampled.
    limit: u64,
    /// How often the range of sampled hashes was halved.
    pub(crate) halvings: u32,
}

/// Bytes of a [`SampleCollector`] of `capacity` distinct samples and of the samples of all threads.
pub(crate) fn collector_bytes<const N: usize>(capacity: u64) -> u64 {
    capacity.saturating_mul(size_of::<Sample<N>>() as u64) + THREAD_SAMPLE_BYTES
}

/// The samples of one thread that are not merged yet.
pub(crate) struct ThreadSamples<'g, const N: usize, H: SampleHash<N>> {
    collector: &'g SampleCollector<N, H>,
    pending: Vec<Sample<N>>,
}

/// Samples that a thread merges at once, so that the lock is rarely taken.
const MERGED_AT_ONCE: usize = 1 << 12;
/// Bytes for the pending samples of all threads.
const THREAD_SAMPLE_BYTES: u64 = 1 << 20;

impl<const N: usize, H: SampleHash<N>> SampleCollector<N, H> {
    /// A collector with space for `capacity` distinct samples of the `kmers` k-mers of a genome, with hashes up to
    /// `limit`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the system has not enough memory.
    pub(crate) fn new(capacity: u64, kmers: u64, hash: H, limit: u64) -> Result<Self> {
        let memory = AnonymousMap::new(capacity * size_of::<Sample<N>>() as u64)?;
        // A tenth stays free for new samples, if not all k-mers have space.
        let max_distinct = (capacity - if capacity < kmers { capacity / 10 } else { 0 }) as usize;
        let capacity = capacity as usize;
        Ok(Self(Mutex::new(Samples { memory, count: 0, capacity, max_distinct, hash, limit, halvings: 0 })))
    }

    /// The samples of one thread, to be filled; merged when dropped.
    pub(crate) fn thread(&self) -> ThreadSamples<'_, N, H> {
        ThreadSamples { collector: self, pending: Vec::with_capacity(MERGED_AT_ONCE) }
    }

    /// The samples, after all threads have merged theirs.
    pub(crate) fn finish(self) -> Samples<N, H> {
        let mut samples = self.0.into_inner();
        samples.entries().par_sort_unstable();
        samples.merge();
        samples
    }
}

impl<const N: usize, H: SampleHash<N>> Samples<N, H> {
    /// The samples; distinct and ascending after [`SampleCollector::finish`].
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
        if self.hash.hash(&sample) <= self.limit {
            let at = self.count;
            self.space()[at] = sample;
            self.count += 1;
        }
    }

    /// Merges equal samples of a sorted list, and halves the range of hashes as long as there are too many.
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
        while self.count > self.max_distinct && self.limit > 0 {
            self.limit /= 2;
            self.halvings += 1;
            let (limit, hash) = (self.limit, self.hash);
            let mut kept = 0;
            let entries = self.entries();
            for next in 0..entries.len() {
                if hash.hash(&entries[next]) <= limit {
                    entries[kept] = entries[next];
                    kept += 1;
                }
            }
            self.count = kept;
        }
    }
}

impl<const N: usize, H: SampleHash<N>> ThreadSamples<'_, N, H> {
    /// Adds a sample with its number of occurrences.
    #[inline(always)]
    pub(crate) fn push(&mut self, sample: Sample<N>) {
        if self.pending.len() == MERGED_AT_ONCE {
            self.merge();
        }
        self.pending.push(sample);
    }

    #[cold]
    fn merge(&mut self) {
        self.pending.sort_unstable();
        let mut samples = self.collector.0.lock();
        for run in self.pending.chunk_by(|a, b| a[..N - 1] == b[..N - 1]) {
            let mut sample = run[0];
            sample[N - 1] = run.iter().map(|sample| sample[N - 1]).sum();
            samples.push(sample);
        }
        self.pending.clear();
    }
}

impl<const N: usize, H: SampleHash<N>> Drop for ThreadSamples<'_, N, H> {
    fn drop(&mut self) {
        self.merge();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some frequent samples and many that occur once, as in a genome, in two orders.
    #[test]
    fn samples_are_counted_in_bounded_memory_in_any_order() {
        let samples: Vec<u64> =
            (0..300_000u64).map(|i| if i % 3 == 0 { i % 7 } else { i * 7919 % (1 << 20) }).collect();
        let collected = |capacity: u64, order: &[u64]| {
            let limit = (1 << 20) - 1;
            let collector = SampleCollector::<2, _>::new(capacity, u64::MAX, FirstWord, limit).expect("memory");
            order.par_chunks(10_000).for_each(|chunk| {
                let mut samples = collector.thread();
                chunk.iter().for_each(|&hash| samples.push([hash, 1]));
            });
            let mut all = collector.finish();
            (all.halvings, all.entries().to_vec())
        };
        let reversed: Vec<u64> = samples.iter().rev().copied().collect();
        for (capacity, halvings) in [(300_000, 0), (100_000, 2), (10_000, 5)] {
            let found = collected(capacity, &samples);
            assert_eq!(found.0, halvings);
            assert!(found == collected(capacity, &reversed));
            let mut expected = std::collections::BTreeMap::new();
            for &hash in samples.iter().filter(|&&hash| hash < 1 << (20 - halvings)) {
                *expected.entry(hash).or_insert(0) += 1;
            }
            assert!(found.1.iter().map(|&[hash, count]| (hash, count)).eq(expected));
        }
    }
}
