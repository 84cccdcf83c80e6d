//! A sample of single k-mers, which estimates distinct and repeated k-mers of large genomes. All super-k-mers of a
//! minimizer are mostly copies of one repeat, so a small sample of minimizers has too few repeats; this one takes a few
//! k-mers of each of many minimizers.

use crate::Result;
use crate::builder::sample::{FirstWord, SampleCollector, ThreadSamples, collector_bytes};
use crate::builder::segments::Segment;
use crate::kmer::{Minimizers, SuperKmer, low_mask};
use crate::random::mix;

/// Approximate distinct k-mers of a sample: a fiftieth of them still deviates by about 2 % only.
const SAMPLE_KMERS: u64 = 1 << 17;

/// The sample takes k-mers of the minimizers with the lowest 2^-4 of all keys: few enough to hash all of their k-mers.
const KEY_THINNING_BITS: u32 = 4;

/// Collects the sample.
pub(crate) struct KmerSample {
    minimizers: Minimizers,
    collector: SampleCollector<2, FirstWord>,
    /// The largest key of which k-mers are sampled.
    max_key: u64,
    max_hash: u64,
    thinning_bits: u32,
}

/// Bits by which k-mers are thinned out.
fn thinning_bits(kmers: u64) -> u32 {
    (kmers / SAMPLE_KMERS).next_power_of_two().ilog2().max(KEY_THINNING_BITS)
}

/// Distinct k-mers for which there is space: a third more than expected.
fn capacity(kmers: u64) -> u64 {
    (kmers >> thinning_bits(kmers)) / 3 * 4 + 1
}

impl KmerSample {
    /// Bytes of a sample of `kmers` k-mers.
    pub(crate) fn bytes(kmers: u64) -> u64 {
        collector_bytes::<2>(capacity(kmers))
    }

    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the system has not enough memory.
    pub(crate) fn new(kmers: u64, minimizers: Minimizers) -> Result<Self> {
        let thinning_bits = thinning_bits(kmers);
        let max_hash = u64::MAX >> (thinning_bits - KEY_THINNING_BITS);
        Ok(Self {
            minimizers,
            collector: SampleCollector::new(capacity(kmers), kmers, FirstWord, max_hash)?,
            max_key: low_mask(minimizers.key_bits() - KEY_THINNING_BITS),
            max_hash,
            thinning_bits,
        })
    }

    /// The largest key of which k-mers are sampled.
    pub(crate) fn max_key(&self) -> u64 {
        self.max_key
    }

    /// The samples of one thread.
    pub(crate) fn thread(&self) -> ThreadKmers<'_> {
        ThreadKmers { sample: self, samples: self.collector.thread() }
    }

    /// Distinct and repeated k-mers of the genome.
    pub(crate) fn finish(self) -> [u64; 2] {
        let mut samples = self.collector.finish();
        let thinning_bits = self.thinning_bits + samples.halvings;
        let (distinct, repeated) = samples
            .entries()
            .iter()
            .fold((0u64, 0u64), |(distinct, repeated), sample| (distinct + 1, repeated + u64::from(sample[1] > 1)));
        [distinct, repeated].map(|count| count << thinning_bits)
    }
}

/// The samples of one thread.
pub(crate) struct ThreadKmers<'a> {
    sample: &'a KmerSample,
    samples: ThreadSamples<'a, 2, FirstWord>,
}

impl ThreadKmers<'_> {
    /// Samples the k-mers of a super-k-mer.
    pub(crate) fn add(&mut self, segment: &Segment<'_>, s: &SuperKmer) {
        let KmerSample { minimizers, max_key, max_hash, .. } = *self.sample;
        if s.key > max_key {
            return;
        }
        let context = minimizers.context(segment.packed(), s);
        let seed = mix(s.key);
        for offset in s.low..=s.high {
            let mut hash = mix(seed ^ mix(context & minimizers.mask(offset, offset)) ^ u64::from(offset));
            // Key 0 is among the lowest keys of any number, so its k-mers are thinned out as much by their hashes.
            if s.key == 0 {
                if hash.leading_zeros() < KEY_THINNING_BITS {
                    continue;
                }
                hash <<= KEY_THINNING_BITS;
            }
            if hash <= max_hash {
                self.samples.push([hash, 1]);
            }
        }
    }
}
