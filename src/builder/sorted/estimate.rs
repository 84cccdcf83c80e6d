//! Estimates the contents of a sorted dictionary from a sample of the genome's k-mers, before any record is sorted.

use rayon::prelude::*;

use crate::Result;
use crate::builder::layout_steps::LayoutInput;
use crate::builder::sample::{FirstWord, SampleCollector, Samples, collector_bytes};
use crate::bundle::MemoryHints;
use crate::dictionary::filters::Filters;
use crate::dictionary::sorted::Layout;
use crate::dictionary::sorted::frequency_code::{FrequencyCode, exception_cost, frequency_class};
use crate::dictionary::sorted::layout::remainder_bits;
use crate::format::positions::ListCode;
use crate::kmer::{KmerCodec, low_mask};
use crate::memory::Component;

/// Approximate distinct k-mers of a sample. Counts then deviate by about 1 / sqrt(2^19) = 0.14 %.
const SAMPLE_KMERS: u64 = 1 << 19;

/// Bits by which the k-mers of a genome are thinned out for a sample.
fn thinning_bits(kmers: u64, codec: &KmerCodec) -> u32 {
    (kmers / SAMPLE_KMERS).next_power_of_two().ilog2().min(codec.hash_bits() - 1)
}

/// Distinct samples for which there is space: all, if every k-mer is sampled, else a third more than expected.
fn capacity(kmers: u64, thinning_bits: u32) -> u64 {
    if thinning_bits == 0 { kmers } else { (kmers >> thinning_bits) / 3 * 4 }
}

/// Bytes of the sample.
pub(crate) fn sample_bytes(kmers: u64, codec: &KmerCodec) -> u64 {
    collector_bytes::<2>(capacity(kmers, thinning_bits(kmers, codec)))
}

/// Samples the k-mers of a genome on the current pool; returns the expected content and the layout for it.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory), [`Error::Io`](crate::Error::Io) if the system has not enough memory.
pub(crate) fn estimate(input: &LayoutInput<'_>) -> Result<(MemoryHints, Layout)> {
    let (kmers, codec) = (input.segments.kmers(), &input.genome.codec);
    let bytes = sample_bytes(kmers, codec);
    let _reserved = input.budget.reserve(Component::Sample, bytes, "the sample of k-mers")?;
    let (mut sample, thinning_bits) = sample(input)?;
    Ok(extrapolate(input, &mut sample, thinning_bits))
}

/// Samples the k-mers of a genome; returns the sample and the bits by which it is thinned out.
fn sample(input: &LayoutInput<'_>) -> Result<(Samples<2, FirstWord>, u32)> {
    let (kmers, codec) = (input.segments.kmers(), &input.genome.codec);
    let thinning_bits = thinning_bits(kmers, codec);
    let limit = low_mask(codec.hash_bits() - thinning_bits);
    let collector = SampleCollector::<2, _>::new(capacity(kmers, thinning_bits), kmers, FirstWord, limit)?;
    let advance = |kmers| input.progress.advance(kmers);
    input.segments.spans(rayon::current_num_threads() * 4).into_par_iter().for_each(|span| {
        let mut samples = collector.thread();
        input.segments.scan(
            span,
            |hash, _| {
                if hash <= limit {
                    samples.push([hash, 1]);
                }
            },
            advance,
        );
    });
    let sample = collector.finish();
    let thinning_bits = thinning_bits + sample.halvings;
    Ok((sample, thinning_bits))
}

/// Sums over sampled k-mers.
#[derive(Default)]
struct SampledKmers {
    distinct: u64,
    repeated: u64,
    stored: u64,
    /// Positions that are stored.
    positions: u64,
    /// Bits of the lists of these positions.
    position_bits: u64,
    /// Sum of the squares of the numbers of positions.
    squared_positions: f64,
    /// Sum of the products of the numbers of positions and the bits of their lists.
    positions_by_bits: f64,
    /// Occurrences that are not stored.
    left_out: u64,
    /// Sum of the squares of the frequencies that are not stored.
    squared_left_out: f64,
}

impl SampledKmers {
    fn add(&mut self, frequency: u64, filters: &Filters, lists: &ListCode) {
        self.distinct += 1;
        self.repeated += u64::from(frequency > 1);
        if filters.keeps(frequency) {
            let positions = filters.stored_positions(frequency);
            self.stored += 1;
            self.positions += positions;
            self.position_bits += lists.bits(positions);
            self.squared_positions += (positions as f64).powi(2);
            self.positions_by_bits += positions as f64 * lists.bits(positions) as f64;
        } else {
            self.left_out += frequency;
            self.squared_left_out += (frequency as f64).powi(2);
        }
    }
}

impl SampledKmers {
    /// Bits of a position more, by linear regression over the stored k-mers.
    fn bits_of_another_position(&self) -> f64 {
        let [stored, positions, bits] = [self.stored.max(1), self.positions, self.position_bits].map(|n| n as f64);
        let variance = self.squared_positions - positions * positions / stored;
        let covariance = self.positions_by_bits - positions * bits / stored;
        if variance > 0.0 { covariance / variance } else { bits / positions.max(1.0) }
    }
}

/// The content and layout that a sample predicts.
fn extrapolate(
    input: &LayoutInput<'_>,
    sample: &mut Samples<2, FirstWord>,
    thinning_bits: u32,
) -> (MemoryHints, Layout) {
    let LayoutInput { genome, lists, .. } = input;
    let (kmers, codec, filters) = (input.segments.kmers(), &genome.codec, &genome.filters);
    // A run of A or T has hash 0, so it is in every sample and represents no other k-mer, however frequent it is.
    let (mut certain, mut sampled) = (SampledKmers::default(), SampledKmers::default());
    let mut by_class = [0u64; 65];
    for &mut [hash, frequency] in sample.entries() {
        let sums = if hash == 0 { &mut certain } else { &mut sampled };
        sums.add(frequency, filters, lists);
        if filters.keeps(frequency) {
            by_class[frequency_class(frequency, filters.min_frequency)] += 1;
        }
    }
    let scale = |n: u64| n << thinning_bits;
    // The number of all occurrences is known, so positions follow from those that are stored or from those that are
    // left out, whichever the few k-mers of high frequency affect less.
    let follow_from_rest = filters.max_positions.is_none() && sampled.squared_left_out < sampled.squared_positions;
    let positions = if follow_from_rest {
        kmers.saturating_sub(scale(sampled.left_out) + certain.left_out)
    } else {
        scale(sampled.positions) + certain.positions
    };
    // A sample with too few or too many occurrences of frequent k-mers is corrected.
    let missing = positions as f64 - (scale(sampled.positions) + certain.positions) as f64;
    let position_bits = (scale(sampled.position_bits) + certain.position_bits) as f64;
    let position_bits = position_bits + missing * sampled.bits_of_another_position();
    let position_bytes = (position_bits / 8.0) as u64;

    let planned = scale(sampled.stored + certain.stored);
    let cost = exception_cost(remainder_bits(codec, planned));
    let (_, frequency_bits) = FrequencyCode::cheapest(&by_class, cost);
    let frequency_bits = frequency_bits as f64 / (sampled.stored + certain.stored).max(1) as f64;
    let layout = Layout::plan(codec, planned, kmers, frequency_bits);
    let stored_kmers = scale(sampled.stored) + certain.stored;
    let hints = MemoryHints {
        kmers,
        distinct_kmers: scale(sampled.distinct) + certain.distinct,
        repeated_kmers: scale(sampled.repeated) + certain.repeated,
        stored_kmers,
        positions,
        dictionary_bytes: layout.dictionary_bytes(stored_kmers, frequency_bits),
        position_bytes,
    };
    (hints, layout)
}
