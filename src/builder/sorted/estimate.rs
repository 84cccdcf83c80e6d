//! Estimates the contents of a sorted dictionary from a sample of the genome's k-mers, before any record is sorted.

use rayon::prelude::*;

use crate::Result;
use crate::builder::layout_steps::LayoutInput;
use crate::builder::sample::{SampleCollector, SampleHash, Samples};
use crate::bundle::MemoryHints;
use crate::dictionary::sorted::Layout;
use crate::dictionary::sorted::frequency_code::{FrequencyCode, exception_cost, frequency_class};
use crate::dictionary::sorted::layout::remainder_bits;
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
    SampleCollector::<2>::bytes(capacity(kmers, thinning_bits(kmers, codec)))
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
fn sample(input: &LayoutInput<'_>) -> Result<(Samples<2>, u32)> {
    let (kmers, codec) = (input.segments.kmers(), &input.genome.codec);
    let thinning_bits = thinning_bits(kmers, codec);
    let limit = low_mask(codec.hash_bits() - thinning_bits);
    let hash = SampleHash { hash: |sample, _| sample[0], shift: 0 };
    let collector = SampleCollector::<2>::new(capacity(kmers, thinning_bits), kmers, hash, limit)?;
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

/// The content and layout that a sample predicts.
fn extrapolate(input: &LayoutInput<'_>, sample: &mut Samples<2>, thinning_bits: u32) -> (MemoryHints, Layout) {
    let LayoutInput { genome, lists, .. } = input;
    let (kmers, codec, filters) = (input.segments.kmers(), &genome.codec, &genome.filters);
    let (mut distinct, mut repeated, mut stored) = (0u64, 0u64, 0u64);
    let (mut positions, mut position_bits, mut singles, mut above) = (0u64, 0u64, 0u64, 0u64);
    let mut by_class = [0u64; 65];
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
            by_class[frequency_class(frequency, filters.min_frequency)] += 1;
        }
    }
    // The number of all occurrences is known. If only single k-mers are left out, the stored positions follow from the
    // well-sampled singles and not from the few k-mers of high frequency.
    let scale = |n: u64| n << thinning_bits;
    if filters.min_frequency <= 2 && filters.max_positions.is_none() && positions > 0 {
        let left_out = if filters.min_frequency == 2 { scale(singles) } else { 0 } + scale(above);
        let known = kmers.saturating_sub(left_out);
        position_bits = (position_bits as f64 * known as f64 / scale(positions) as f64) as u64;
        positions = known;
    } else {
        positions = scale(positions);
    }
    let cost = exception_cost(remainder_bits(codec, scale(stored)));
    let (_, frequency_bits) = FrequencyCode::cheapest(&by_class, cost);
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
    (hints, layout)
}
