//! One scan that counts the super-k-mers of a genome by key and samples them, from which a build is planned.

use rayon::prelude::*;

use crate::Result;
use crate::builder::layout_steps::LayoutInput;
use crate::builder::sample::{SampleCollector, SampleHash, Samples, ThreadSamples, collector_bytes};
use crate::builder::segments::Segment;
use crate::builder::superkmers::content::SampledContent;
use crate::builder::superkmers::kmer_sample::{KmerSample, ThreadKmers};
use crate::builder::superkmers::occurrence::{OCCURRENCE_BYTES, OccurrenceFields};
use crate::bundle::MemoryHints;
use crate::dictionary::SuperKmerLayout;
use crate::kmer::{Minimizers, SuperKmer, low_mask};
use crate::memory::{Component, Reservation};

/// Approximate super-k-mers of a sample. Each has several k-mers, but those of a minimizer are sampled together, so the
/// sample has more k-mers than that of a sorted dictionary.
const SAMPLE_SUPER_KMERS: u64 = 1 << 18;

/// Distinct super-k-mers of a sample for which there is space: a genome of short contigs has more than expected.
const MAX_SAMPLE_SUPER_KMERS: u64 = 3 << 17;

/// Approximate super-k-mers of the part of a sample from which the layout is planned, so that an index keeps its bytes
/// if the sample grows.
const LAYOUT_SUPER_KMERS: u64 = 1 << 17;

/// Bits by which the sample is thinned out up to which distinct and repeated k-mers are estimated from it.
const MAX_REPRESENTATIVE_BITS: u32 = 3;

/// Approximate super-k-mers of a cell. Pages and bins consist of whole cells, so a cell must be much smaller than a
/// page.
const SUPER_KMERS_PER_CELL: u64 = 192;

/// Maximum bits of the number of a cell: 4 MiB of counts a span.
const MAX_CELL_BITS: u32 = 20;

/// The counts of a genome's super-k-mers, and what their sample predicts.
pub(crate) struct Survey {
    pub(crate) fields: OccurrenceFields,
    /// The number of a cell is this many of the highest bits of the key.
    pub(crate) cell_bits: u32,
    /// Super-k-mers by span and cell.
    pub(crate) counts: Vec<Vec<u32>>,
    pub(crate) layout: SuperKmerLayout,
    pub(crate) hints: MemoryHints,
    _reservation: Reservation,
}

/// How the keys of a genome are divided.
#[derive(Clone, Copy)]
struct KeyBits {
    /// Bits by which super-k-mers are thinned out for the sample.
    sample: u32,
    /// Bits by which they are thinned out to plan the layout.
    layout: u32,
    /// Bits of the number of a cell.
    cell: u32,
}

impl KeyBits {
    fn new(kmers: u64, minimizers: &Minimizers) -> Self {
        // In random bases minimizers have a density of 2 / (w + 1), with a window of w minimizer positions (Schleimer
        // et al. 2003).
        let expected = kmers * 2 / u64::from(minimizers.flank() + 2) + 1;
        let bits = |parts: u64| parts.max(1).next_power_of_two().ilog2().min(minimizers.key_bits() - 1);
        Self {
            sample: bits(expected / SAMPLE_SUPER_KMERS),
            layout: bits(expected / LAYOUT_SUPER_KMERS),
            cell: bits(expected / SUPER_KMERS_PER_CELL).min(MAX_CELL_BITS),
        }
    }
}

/// Bytes of the counts by span and cell.
fn count_bytes(spans: usize, cell_bits: u32) -> u64 {
    (spans as u64) * ((size_of::<u32>() as u64) << cell_bits)
}

impl Survey {
    /// Bytes of sample and counts.
    pub(crate) fn sample_bytes(kmers: u64, minimizers: &Minimizers, spans: usize) -> u64 {
        let bits = KeyBits::new(kmers, minimizers);
        let kmer_bytes = if bits.sample > MAX_REPRESENTATIVE_BITS { KmerSample::bytes(kmers) } else { 0 };
        collector_bytes::<3>(kmers.min(MAX_SAMPLE_SUPER_KMERS)) + kmer_bytes + count_bytes(spans, bits.cell)
    }

    /// Counts super-k-mers by cell and samples those with the lowest keys, on the current pool.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory), [`Error::Io`](crate::Error::Io) if the system has not enough memory.
    pub(crate) fn new(input: &LayoutInput<'_>, minimizers: Minimizers) -> Result<Self> {
        let fields = OccurrenceFields::new(minimizers, input.lists);
        let (segments, kmers) = (input.segments, input.segments.kmers());
        let spans = segments.spans(input.spans);
        let KeyBits { sample: sample_bits, layout: layout_bits, cell: cell_bits } = KeyBits::new(kmers, &minimizers);
        let limit = low_mask(minimizers.key_bits() - sample_bits);
        let cell_shift = minimizers.key_bits() - cell_bits;
        let bytes = Self::sample_bytes(kmers, &minimizers, spans.len());
        let mut reservation = input.budget.reserve(Component::Sample, bytes, "the sample of k-mers")?;
        let capacity = kmers.min(MAX_SAMPLE_SUPER_KMERS);
        let collector = SampleCollector::<3, _>::new(capacity, kmers, fields, limit)?;
        let kmer_sample = match sample_bits {
            0..=MAX_REPRESENTATIVE_BITS => None,
            _ => Some(KmerSample::new(kmers, minimizers)?),
        };
        let max_key = kmer_sample.as_ref().map_or(limit, |sample| limit.max(sample.max_key()));
        let advance = |kmers| input.progress.advance(kmers);
        let (counts, run_kmers): (Vec<_>, Vec<_>) = spans
            .par_iter()
            .map(|span| {
                let mut counts = vec![0u32; 1 << cell_bits];
                let samples = collector.thread();
                let kmers = kmer_sample.as_ref().map(KmerSample::thread);
                let thins = sample_bits > 0;
                let mut sampler = SpanSampler { fields: &fields, limit, thins, samples, kmers, run_kmers: 0 };
                let each = |segment, s: SuperKmer| {
                    counts[(s.key >> cell_shift) as usize] += 1;
                    if s.key <= max_key {
                        sampler.add(segment, &s);
                    }
                };
                segments.scan_super_kmers(&minimizers, span, each, advance);
                (counts, sampler.run_kmers)
            })
            .unzip();
        let run_kmers = run_kmers.iter().sum();
        let mut samples = collector.finish();
        let sample_bits = sample_bits + samples.halvings;
        let entries = count_entries(&fields, &mut samples, layout_bits.max(sample_bits));
        let layout = SuperKmerLayout::plan(&minimizers, input.genome.codec.k(), entries, cell_bits);
        let sample = (&mut samples, sample_bits);
        let content = SampledContent::new(&fields, &layout, sample, (cell_bits, run_kmers), input.lists);
        drop(samples);
        let estimated = kmer_sample.map(KmerSample::finish);
        let hints = content.extrapolate(kmers, &counts, &layout, estimated);
        reservation.resize(count_bytes(spans.len(), cell_bits));
        Ok(Self { fields, cell_bits, counts, layout, hints, _reservation: reservation })
    }

    /// Super-k-mers of the genome, every occurrence.
    pub(crate) fn occurrences(&self) -> u64 {
        self.counts.iter().flatten().map(|&count| u64::from(count)).sum()
    }

    /// Bytes of their records.
    pub(crate) fn bytes(&self) -> u64 {
        self.occurrences() * OCCURRENCE_BYTES
    }
}

/// Samples the super-k-mers of a span.
struct SpanSampler<'a> {
    fields: &'a OccurrenceFields,
    /// The largest hash that is sampled.
    limit: u64,
    /// Whether only some hashes are sampled.
    thins: bool,
    samples: ThreadSamples<'a, 3, OccurrenceFields>,
    kmers: Option<ThreadKmers<'a>>,
    /// K-mers with key 0.
    run_kmers: u64,
}

impl SpanSampler<'_> {
    /// Adds a super-k-mer whose key may be sampled. Not inlined, so that the scan, which rarely comes here, stays fast.
    #[inline(never)]
    fn add(&mut self, segment: &Segment<'_>, s: &SuperKmer) {
        if let Some(kmers) = &mut self.kmers {
            kmers.add(segment, s);
        }
        let Self { fields, limit, thins, .. } = *self;
        if s.key > limit {
            return;
        }
        if s.key == 0 {
            self.run_kmers += u64::from(s.high - s.low + 1);
        }
        if s.key > 0 || !thins {
            self.samples.push(fields.sample(fields.occurrence(segment, s)));
            return;
        }
        // This minimizer is in every sample, and may have more super-k-mers than a sample has space.
        for offset in s.low..=s.high {
            let kmer = SuperKmer { low: offset, high: offset, ..*s };
            let sample = fields.sample(fields.occurrence(segment, &kmer));
            if fields.hash(&sample) <= limit {
                self.samples.push(sample);
            }
        }
    }
}

/// Distinct super-k-mers of the genome, from those of a sample that are thinned out by `thinning_bits`.
fn count_entries(fields: &OccurrenceFields, sample: &mut Samples<3, OccurrenceFields>, thinning_bits: u32) -> u64 {
    let limit = low_mask(fields.minimizers.key_bits() - thinning_bits);
    let mut count = 0;
    fields.groups(
        sample.entries(),
        OccurrenceFields::from_sample,
        |_| 1,
        &mut Vec::new(),
        |key, group| {
            // A sample that is thinned out has no super-k-mers of key 0, and an index has one entry for many of them.
            if key <= limit && (key > 0 || thinning_bits == 0) {
                count += group.len() as u64;
            }
        },
    );
    count << thinning_bits
}
