//! One scan that counts the super-k-mers of a genome by key and samples them, from which a build is planned.

use rayon::prelude::*;

use crate::Result;
use crate::builder::layout_steps::LayoutInput;
use crate::builder::sample::{Sample, SampleCollector, SampleHash, Samples};
use crate::builder::superkmers::occurrence::{OCCURRENCE_BYTES, OccurrenceFields};
use crate::dictionary::superkmers::for_each_kmer_of;
use crate::kmer::{Minimizers, low_mask};
use crate::memory::{Component, Reservation};

/// Approximate super-k-mers of a sample. Each has several k-mers, so these are about as many k-mers as the sample of a
/// sorted dictionary.
const SAMPLE_SUPER_KMERS: u64 = 1 << 17;

/// Approximate super-k-mers of a cell. Pages and bins consist of whole cells, so a cell must be much smaller than a
/// page.
const SUPER_KMERS_PER_CELL: u64 = 192;

/// Maximum bits of the number of a cell: 4 MiB of counts a span.
const MAX_CELL_BITS: u32 = 20;

/// The counts and the extrapolated sample of a genome's super-k-mers.
pub(crate) struct Survey {
    pub(crate) fields: OccurrenceFields,
    /// The number of a cell is this many of the highest bits of the key.
    pub(crate) cell_bits: u32,
    /// Super-k-mers by span and cell.
    pub(crate) counts: Vec<Vec<u32>>,
    pub(crate) distinct_kmers: u64,
    pub(crate) repeated_kmers: u64,
    /// Distinct super-k-mers.
    pub(crate) entries: u64,
    _reservation: Reservation,
}

/// Bits by which super-k-mers are thinned out for the sample, and bits of the number of a cell.
fn bits(kmers: u64, minimizers: &Minimizers) -> (u32, u32) {
    // In random bases minimizers have a density of 2 / (w + 1), with a window of w minimizer positions (Schleimer et
    // al. 2003).
    let expected = kmers * 2 / u64::from(minimizers.flank() + 2) + 1;
    let bits = |parts: u64| parts.max(1).next_power_of_two().ilog2().min(minimizers.key_bits() - 1);
    (bits(expected / SAMPLE_SUPER_KMERS), bits(expected / SUPER_KMERS_PER_CELL).min(MAX_CELL_BITS))
}

/// Distinct super-k-mers of the sample for which there is space: a genome of short contigs has more than expected.
fn capacity(kmers: u64) -> u64 {
    kmers.min(3 * SAMPLE_SUPER_KMERS)
}

/// Bytes of the counts by span and cell.
fn count_bytes(spans: usize, cell_bits: u32) -> u64 {
    (spans as u64) * ((size_of::<u32>() as u64) << cell_bits)
}

impl Survey {
    /// Bytes of sample and counts.
    pub(crate) fn sample_bytes(kmers: u64, minimizers: &Minimizers, spans: usize) -> u64 {
        let (_, cell_bits) = bits(kmers, minimizers);
        SampleCollector::<3>::bytes(capacity(kmers)) + count_bytes(spans, cell_bits)
    }

    /// Counts super-k-mers by cell and samples those with the lowest keys, on the current pool.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory), [`Error::Io`](crate::Error::Io) if the system has not enough memory.
    pub(crate) fn new(input: &LayoutInput<'_>, minimizers: Minimizers) -> Result<Self> {
        let fields = OccurrenceFields::new(minimizers, input.lists);
        let (segments, kmers) = (input.segments, input.segments.kmers());
        let spans = segments.spans(input.spans);
        let (thinning_bits, cell_bits) = bits(kmers, &minimizers);
        let limit = low_mask(minimizers.key_bits() - thinning_bits);
        let cell_shift = minimizers.key_bits() - cell_bits;
        let bytes = Self::sample_bytes(kmers, &minimizers, spans.len());
        let mut reservation = input.budget.reserve(Component::Sample, bytes, "the sample of k-mers")?;
        let key = |sample: &Sample<3>, shift| (OccurrenceFields::from_sample(sample).value() >> shift) as u64;
        let hash = SampleHash { hash: key, shift: fields.key_shift };
        let collector = SampleCollector::<3>::new(capacity(kmers), kmers, hash, limit)?;
        let advance = |kmers| input.progress.advance(kmers);
        let counts: Vec<_> = spans
            .par_iter()
            .map(|span| {
                let mut counts = vec![0u32; 1 << cell_bits];
                let mut samples = collector.thread();
                segments.scan_super_kmers(
                    &minimizers,
                    span,
                    |segment, s| {
                        counts[(s.key >> cell_shift) as usize] += 1;
                        if s.key <= limit {
                            samples.push(fields.sample(fields.occurrence(segment, &s)));
                        }
                    },
                    advance,
                );
                counts
            })
            .collect();
        let mut sample = collector.finish();
        let thinning_bits = thinning_bits + sample.halvings;
        let [distinct_kmers, repeated_kmers, entries] = count_kmers(&fields, &mut sample).map(|n| n << thinning_bits);
        drop(sample);
        reservation.resize(count_bytes(spans.len(), cell_bits));
        Ok(Self { fields, cell_bits, counts, distinct_kmers, repeated_kmers, entries, _reservation: reservation })
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

/// Distinct k-mers, repeated k-mers and distinct super-k-mers of a sample.
fn count_kmers(fields: &OccurrenceFields, sample: &mut Samples<3>) -> [u64; 3] {
    let (mut distinct, mut repeated, mut entries) = (0, 0, 0);
    let mut scratch = Vec::new();
    let count = |run: &[Sample<3>]| run.iter().map(|sample| sample[2]).sum();
    fields.groups(sample.entries(), OccurrenceFields::from_sample, count, &mut Vec::new(), |_, group| {
        entries += group.len() as u64;
        for_each_kmer_of(&fields.minimizers, group, &mut scratch, |_, _, frequency| {
            distinct += 1;
            repeated += u64::from(frequency > 1);
        });
    });
    [distinct, repeated, entries]
}
