//! Passes over a genome that make a dictionary of super-k-mers.
//!
//! They go as those of [`partition`](super::partition): exact counts by range of keys, scatter, sort, encode. But the
//! records are super-k-mers, some seven times fewer than k-mers, and each takes its context along.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::estimate::Gather;
use super::genome::{Piece, Pieces};
use super::seeds::Repeats;
use super::spectrum::SpectrumCounter;
use super::{EncodedPage, Handover, Planned, records};
use crate::kmer::{Minimizers, SuperKmer, low_mask};
use crate::memory::{Anonymous, Budget, Component, Reservation, SpareBuffers};
use crate::store::layout::Divisor;
use crate::store::positions::ListCode;
use crate::store::superkmers::{Entry, Fields, SuperKmerEncoder, SuperKmerLayout, for_each_kmer_of};
use crate::store::{Identity, MemoryHints};
use crate::{Progress, Result};

/// Super-k-mers that a sample holds at the most, about.
const SAMPLE: u64 = 1 << 17;

/// Super-k-mers of a cell, about: pages are whole cells.
const CELL: u64 = 192;

/// A super-k-mer of the genome: from the highest bits on its key, its range, its context, and the position of its minimizer
/// in the lowest. In two words, so that memory need not be aligned to sixteen bytes.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Occurrence([u64; 2]);

impl Occurrence {
    #[inline(always)]
    fn of(value: u128) -> Self {
        Self([value as u64, (value >> 64) as u64])
    }

    #[inline(always)]
    fn value(self) -> u128 {
        u128::from(self.0[1]) << 64 | u128::from(self.0[0])
    }
}

/// How an [`Occurrence`] is cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    minimizers: Minimizers,
    position_bits: u32,
    /// Bits below the key.
    key_at: u32,
}

impl Cut {
    fn new(minimizers: Minimizers, lists: &ListCode) -> Self {
        let position_bits = lists.width();
        Self { minimizers, position_bits, key_at: position_bits + 4 * minimizers.flank() + Fields::RANGE_BITS }
    }

    #[inline(always)]
    fn occurrence(&self, piece: &Piece<'_>, s: &SuperKmer) -> Occurrence {
        let context = self.minimizers.context(piece.packed(), s);
        let position = (piece.start() + s.at) << 1 | u64::from(s.reverse);
        let content = u128::from(s.key) << Fields::RANGE_BITS | u128::from(Fields::range(s.low, s.high));
        Occurrence::of(
            (content << (4 * self.minimizers.flank()) | u128::from(context)) << self.position_bits
                | u128::from(position),
        )
    }

    #[inline(always)]
    fn key(&self, occurrence: Occurrence) -> u64 {
        (occurrence.value() >> self.key_at) as u64
    }

    #[inline(always)]
    fn position(&self, occurrence: Occurrence) -> u64 {
        occurrence.0[0] & low_mask(self.position_bits)
    }

    /// Calls `each(entries)` for every run of sorted occurrences with one key; the index of an entry is its first
    /// occurrence.
    #[inline(always)]
    fn groups(&self, sorted: &[Occurrence], entries: &mut Vec<Entry>, mut each: impl FnMut(u64, &[Entry])) {
        let context_bits = 4 * self.minimizers.flank();
        let mut at = 0;
        while let Some(&first) = sorted.get(at) {
            let key = self.key(first);
            entries.clear();
            while let Some(content) = sorted.get(at).map(|o| o.value() >> self.position_bits)
                && (content >> (self.key_at - self.position_bits)) as u64 == key
            {
                let start = at;
                at += 1;
                while sorted.get(at).is_some_and(|o| o.value() >> self.position_bits == content) {
                    at += 1;
                }
                let range = (content >> context_bits) as u64 & low_mask(Fields::RANGE_BITS);
                let (low, high) = Fields::offsets(range);
                entries.push(Entry {
                    low,
                    high,
                    context: content as u64 & low_mask(context_bits),
                    count: (at - start) as u64,
                    index: start as u32,
                });
            }
            each(key, entries);
        }
    }
}

/// What a scan of the genome says of its super-k-mers.
pub(super) struct Survey {
    cut: Cut,
    cell_bits: u32,
    /// Super-k-mers by stripe and cell.
    counts: Vec<Vec<u32>>,
    distinct_kmers: u64,
    repeated_kmers: u64,
    /// Distinct super-k-mers.
    entries: u64,
    _held: Reservation,
}

impl Survey {
    /// Super-k-mers to be expected, bits by which they are thinned out for the sample, and bits of a cell's number.
    fn bits(kmers: u64, minimizers: &Minimizers) -> (u64, u32, u32) {
        // As random bases have them: one for every half of a window.
        let expected = kmers * 2 / u64::from(minimizers.flank() + 2) + 1;
        let bits = |parts: u64| parts.max(1).next_power_of_two().ilog2().min(minimizers.key_bits() - 1);
        (expected, bits(expected / SAMPLE), bits(expected / CELL).min(20))
    }

    /// Bytes that sample and counts take.
    pub(super) fn sample_bytes(kmers: u64, minimizers: &Minimizers, stripes: usize) -> u64 {
        let (expected, sample_bits, cell_bits) = Self::bits(kmers, minimizers);
        Gather::<Occurrence>::bytes(expected >> sample_bits) + (stripes as u64) * (4 << cell_bits)
    }

    /// Counts super-k-mers by cell and samples those with the lowest keys, on the current thread pool.
    pub(super) fn of(
        pieces: &Pieces<'_>,
        minimizers: Minimizers,
        lists: &ListCode,
        stripes: &[&[Piece<'_>]],
        budget: &Budget,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Self> {
        let cut = Cut::new(minimizers, lists);
        let (expected, sample_bits, cell_bits) = Self::bits(pieces.kmers(), &minimizers);
        let limit = low_mask(minimizers.key_bits() - sample_bits);
        let cell_shift = minimizers.key_bits() - cell_bits;
        let bytes = Self::sample_bytes(pieces.kmers(), &minimizers, stripes.len());
        let mut held = budget.reserve(Component::Sample, bytes, "the sample of k-mers")?;
        let sample = Gather::new(expected >> sample_bits);
        let counts: Vec<_> = stripes
            .par_iter()
            .map(|stripe| {
                let mut counts = vec![0u32; 1 << cell_bits];
                let mut part = sample.part();
                pieces.scan_super_kmers(
                    &minimizers,
                    stripe,
                    |piece, s| {
                        counts[(s.key >> cell_shift) as usize] += 1;
                        if s.key <= limit {
                            part.push(cut.occurrence(piece, &s));
                        }
                    },
                    progress,
                );
                counts
            })
            .collect();
        let mut sample = sample.all();
        sample.par_sort_unstable_by_key(|o| o.value());
        let (mut distinct, mut repeated, mut entries) = (0, 0, 0);
        let mut scratch = Vec::new();
        cut.groups(&sample, &mut Vec::new(), |_, group| {
            entries += group.len() as u64;
            for_each_kmer_of(&minimizers, group, &mut scratch, |_, _, frequency| {
                distinct += 1;
                repeated += u64::from(frequency > 1);
            });
        });
        drop(sample);
        held.resize((stripes.len() as u64) * (4 << cell_bits));
        let scale = |n: u64| n << sample_bits;
        Ok(Self {
            cut,
            cell_bits,
            counts,
            distinct_kmers: scale(distinct),
            repeated_kmers: scale(repeated),
            entries: scale(entries),
            _held: held,
        })
    }

    /// Super-k-mers in all.
    fn occurrences(&self) -> u64 {
        self.counts.iter().flatten().map(|&count| u64::from(count)).sum()
    }

    /// Bytes of their records.
    pub(super) fn bytes(&self) -> u64 {
        self.occurrences() * size_of::<Occurrence>() as u64
    }
}

/// How the super-k-mers of a genome are shared out: cells make pages, pages make units, units make passes.
pub(super) struct Partition {
    cut: Cut,
    pub(super) layout: SuperKmerLayout,
    fields: Fields,
    cell_shift: u32,
    unit: Divisor,
    pages_per_unit: u64,
    /// Super-k-mers by stripe and unit.
    counts: Vec<Vec<u32>>,
}

impl Partition {
    /// Cuts what was surveyed for so many passes, with at most `streams` units a pass.
    pub(super) fn new(
        survey: &Survey,
        k: u32,
        kmers: u64,
        lists: &ListCode,
        passes: u64,
        streams: u64,
    ) -> (Self, MemoryHints) {
        let minimizers = survey.cut.minimizers;
        let layout = SuperKmerLayout::plan(&minimizers, k, survey.entries, survey.cell_bits);
        let pages_per_unit = layout.pages.div_ceil(streams.saturating_mul(passes.max(1))).max(1);
        let cells_per_unit = pages_per_unit * (layout.buckets_per_page >> (layout.bucket_bits - survey.cell_bits));
        let by_unit = |cells: &Vec<u32>| cells.chunks(cells_per_unit as usize).map(|unit| unit.iter().sum()).collect();
        let (dictionary_bytes, position_bytes) = layout.bytes(&minimizers, survey.entries, survey.occurrences(), lists);
        let hints = MemoryHints {
            kmers,
            distinct_kmers: survey.distinct_kmers.min(kmers),
            repeated_kmers: survey.repeated_kmers,
            stored_kmers: survey.distinct_kmers.min(kmers),
            positions: kmers,
            dictionary_bytes,
            position_bytes,
        };
        let partition = Self {
            cut: survey.cut,
            layout,
            fields: Fields::new(&layout, minimizers, lists),
            cell_shift: minimizers.key_bits() - survey.cell_bits,
            unit: Divisor::new(cells_per_unit),
            pages_per_unit,
            counts: survey.counts.iter().map(by_unit).collect(),
        };
        (partition, hints)
    }

    /// Units in all.
    pub(super) fn units(&self) -> u64 {
        self.layout.pages.div_ceil(self.pages_per_unit)
    }

    /// The pages of a unit.
    pub(super) fn pages_of(&self, unit: u64) -> Range<u64> {
        unit * self.pages_per_unit..((unit + 1) * self.pages_per_unit).min(self.layout.pages)
    }

    /// Bytes of the records of a unit.
    pub(super) fn unit_bytes(&self, unit: u64) -> u64 {
        self.counts.iter().map(|counts| u64::from(counts[unit as usize])).sum::<u64>() * size_of::<Occurrence>() as u64
    }

    /// Bytes of the counts.
    pub(super) fn capacity_bytes(&self) -> u64 {
        self.counts.iter().map(|counts| counts.capacity() as u64 * 4).sum()
    }

    #[inline(always)]
    fn unit_of(&self, key: u64) -> u64 {
        self.unit.quotient(key >> self.cell_shift)
    }

    /// Runs the passes of a plan and hands over its pages.
    pub(super) fn run(
        &self,
        planned: &Planned<'_>,
        memory: &mut Anonymous,
        handover: &Handover,
        budget: &Budget,
        progress: &dyn Progress,
    ) {
        let stripes = planned.pieces.stripes(planned.stripes);
        let bytes_of = |units: &Range<u64>| units.clone().map(|unit| self.unit_bytes(unit)).sum::<u64>();
        progress.phase("indexing", Some(2 * planned.hints.kmers));
        let mut workers: Vec<_> = (0..planned.shares.workers)
            .map(|_| Worker::new(self, planned.identity, &planned.lists, &handover.spare, budget))
            .collect();
        for (number, units) in planned.passes.iter().enumerate() {
            let share = bytes_of(units) as f64 / bytes_of(&(0..self.units())).max(1) as f64;
            let scattered = self.scatter(&planned.pieces, &stripes, units.clone(), records(memory), &|kmers| {
                progress.advance((kmers as f64 * share) as u64);
            });
            let next = AtomicU64::new(units.start);
            let (next, scattered) = (&next, &scattered);
            rayon::scope(|scope| {
                for worker in &mut workers {
                    scope.spawn(move |_| {
                        loop {
                            let unit = next.fetch_add(1, Ordering::Relaxed);
                            if unit >= units.end
                                || !worker.run(unit, &scattered.unit(unit - units.start), handover, progress)
                            {
                                break;
                            }
                        }
                    });
                }
            });
            handover.pass_ended(planned, number, workers.iter().map(|worker| &worker.spectrum));
        }
    }

    /// Scans the genome and scatters the super-k-mers of `units` into `buffer`, which has room for all of them.
    fn scatter<'m>(
        &self,
        pieces: &Pieces<'_>,
        stripes: &[&[Piece<'_>]],
        units: Range<u64>,
        buffer: &'m mut [Occurrence],
        progress: &(dyn Fn(u64) + Sync),
    ) -> Scattered<'m> {
        let mut rest = buffer;
        let mut regions = Vec::with_capacity(stripes.len());
        for counts in &self.counts {
            let counts = &counts[units.start as usize..units.end as usize];
            let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
            let (region, others) = rest.split_at_mut(total as usize);
            regions.push((region, counts));
            rest = others;
        }
        let stripes = stripes
            .par_iter()
            .zip(regions)
            .map(|(stripe, (region, counts))| {
                let mut cursors = Vec::with_capacity(counts.len());
                let mut at = 0u64;
                for &count in counts {
                    cursors.push(at);
                    at += u64::from(count);
                }
                pieces.scan_super_kmers(
                    &self.cut.minimizers,
                    stripe,
                    |piece, s| {
                        let unit = self.unit_of(s.key).wrapping_sub(units.start) as usize;
                        if let Some(cursor) = cursors.get_mut(unit) {
                            region[*cursor as usize] = self.cut.occurrence(piece, &s);
                            *cursor += 1;
                        }
                    },
                    progress,
                );
                (&*region, cursors)
            })
            .collect();
        Scattered { stripes }
    }
}

/// The super-k-mers of one pass: for each stripe its records and, for each unit, where they end.
struct Scattered<'m> {
    stripes: Vec<(&'m [Occurrence], Vec<u64>)>,
}

impl<'m> Scattered<'m> {
    /// The records of a unit, counted from the first of the pass: a slice a stripe.
    fn unit(&self, unit: u64) -> Vec<&'m [Occurrence]> {
        let unit = unit as usize;
        self.stripes
            .iter()
            .map(|(region, ends)| {
                let start = if unit == 0 { 0 } else { ends[unit - 1] };
                &region[start as usize..ends[unit] as usize]
            })
            .collect()
    }
}

/// One thread's part in sorting and encoding.
struct Worker<'a> {
    partition: &'a Partition,
    encoder: SuperKmerEncoder,
    ends: Vec<u32>,
    sorted: Vec<Occurrence>,
    entries: Vec<Entry>,
    spectrum: SpectrumCounter,
    spare: &'a SpareBuffers,
    held: Reservation,
}

/// Records that insertion sorts; more of them with nearly one key are repeats.
const FEW: usize = 24;

impl<'a> Worker<'a> {
    fn new(
        partition: &'a Partition,
        identity: Identity,
        lists: &ListCode,
        spare: &'a SpareBuffers,
        budget: &Budget,
    ) -> Self {
        Self {
            partition,
            encoder: SuperKmerEncoder::new(identity, partition.layout, partition.fields, lists.clone()),
            ends: Vec::new(),
            sorted: Vec::new(),
            entries: Vec::new(),
            spectrum: SpectrumCounter::default(),
            spare,
            held: budget.hold(Component::SortScratch),
        }
    }

    /// Sorts, encodes and hands over the pages of a unit; false when the writer has gone.
    fn run(&mut self, unit: u64, segments: &[&[Occurrence]], handover: &Handover, progress: &dyn Progress) -> bool {
        let Partition { cut, layout, .. } = self.partition;
        let pages = self.partition.pages_of(unit);
        let keys = layout.first_key(&cut.minimizers, pages.start)..layout.first_key(&cut.minimizers, pages.end);
        self.sort(segments, keys);
        let mut rest = &self.sorted[..segments.iter().map(|s| s.len()).sum()];
        for page in pages {
            let next_key = layout.first_key(&cut.minimizers, page + 1);
            let (here, others) = rest.split_at(rest.partition_point(|&o| cut.key(o) < next_key));
            rest = others;
            if page < handover.first_page {
                continue;
            }
            let (mut repeats, mut kmers, mut positions) = (Repeats::default(), 0, 0);
            let (encoder, spectrum) = (&mut self.encoder, &mut self.spectrum);
            cut.groups(here, &mut self.entries, |key, entries| {
                let position = |entry: &Entry, i: u64| cut.position(here[entry.index as usize + i as usize]);
                encoder.group(page, key, entries, position, |frequency| {
                    spectrum.add(frequency);
                    if frequency >= 2 {
                        repeats.push(kmers, frequency);
                    }
                    kmers += 1;
                    positions += frequency;
                });
            });
            let (dictionary, block) = self.encoder.finish(page, self.spare.take(), self.spare.take());
            let scratch = (self.sorted.capacity() * size_of::<Occurrence>() + self.ends.capacity() * 4) as u64;
            self.held.resize(scratch + self.encoder.capacity_bytes());
            progress.advance(positions);
            let bytes = (dictionary.capacity() + block.capacity()) as u64 + repeats.capacity_bytes();
            let encoded = EncodedPage { dictionary, block, kmers, positions, sampled: 0, repeats };
            if !handover.put(page, encoded, bytes) {
                return false;
            }
        }
        true
    }

    /// Sorts records with keys in `keys` into `self.sorted`: first into as many ranges of keys as there are records, then
    /// each range by itself.
    fn sort(&mut self, segments: &[&[Occurrence]], keys: Range<u64>) {
        let cut = self.partition.cut;
        let count: usize = segments.iter().map(|s| s.len()).sum();
        let span = keys.end - keys.start;
        let shift = (u64::BITS - span.leading_zeros()).saturating_sub(count.max(1).ilog2());
        let range = |o: Occurrence| ((cut.key(o) - keys.start) >> shift) as usize;
        self.ends.clear();
        self.ends.resize((span >> shift) as usize + 1, 0);
        for &occurrence in segments.iter().copied().flatten() {
            self.ends[range(occurrence)] += 1;
        }
        let mut start = 0;
        for end in &mut self.ends {
            start += std::mem::replace(end, start);
        }
        if self.sorted.len() < count {
            self.sorted.resize(count, Occurrence::zeroed());
        }
        for &occurrence in segments.iter().copied().flatten() {
            let end = &mut self.ends[range(occurrence)];
            self.sorted[*end as usize] = occurrence;
            *end += 1;
        }
        let mut start = 0;
        for &end in &self.ends {
            let here = &mut self.sorted[start..end as usize];
            start = end as usize;
            if here.len() > FEW {
                here.sort_unstable_by_key(|o| o.value());
                continue;
            }
            for at in 1..here.len() {
                let occurrence = here[at];
                let mut to = at;
                while to > 0 && here[to - 1].value() > occurrence.value() {
                    here[to] = here[to - 1];
                    to -= 1;
                }
                here[to] = occurrence;
            }
        }
    }
}
