//! Passes over a genome that make a dictionary of super-k-mers.
//!
//! They go as those of [`partition`](super::partition): exact counts by range of keys, scatter, sort, encode. But the
//! records are super-k-mers, some seven times fewer than k-mers, and each takes its context along.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use crate::builder::estimate::{Gather, Sample};
use crate::builder::frequency_order::Repeats;
use crate::builder::spectrum::SpectrumCounter;
use crate::builder::stripes::{Piece, Pieces};
use crate::builder::{Done, EncodedPage, Handover, Planned, Task, records, run_tasks};
use crate::bundle::MemoryHints;
use crate::dictionary::divisor::Divisor;
use crate::dictionary::superkmers::{Encoder, Entry, Fields, Layout, for_each_kmer_of};
use crate::format::Identity;
use crate::format::positions::ListCode;
use crate::kmer::{Minimizers, SuperKmer, low_mask};
use crate::memory::buffers::SpareBuffers;
use crate::memory::system::Anonymous;
use crate::memory::{Budget, Component, Reservation};
use crate::{Progress, Result};

/// Super-k-mers that a sample holds at the most, about.
const SAMPLE: u64 = 1 << 17;

/// Super-k-mers of a cell, about: pages are whole cells.
const CELL: u64 = 192;

/// Bytes of a record.
pub(crate) const RECORD: u64 = size_of::<Occurrence>() as u64;

/// Records that a thread keeps space for, of those that a unit needed: 8 MiB.
const KEPT: usize = 1 << 19;

/// Bytes of the records of a page from which on it is cut into units, where they fit one pass.
const LARGE_PAGE: u64 = 4 << 20;

/// A super-k-mer of the genome: from the highest bits on its key, its range, its context, and the position of its minimizer
/// in the lowest. In two words, so that memory need not be aligned to sixteen bytes.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Occurrence([u64; 2]);

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

    /// A sample: what occurs at other places too, without its position.
    fn sample(&self, occurrence: Occurrence) -> Sample<3> {
        let [low, high] = occurrence.0;
        [high, low & !low_mask(self.position_bits), 1]
    }

    fn sampled(sample: &Sample<3>) -> Occurrence {
        Occurrence([sample[1], sample[0]])
    }

    /// Calls `each(entries)` for every run of sorted occurrences with one key; the index of an entry is its first
    /// occurrence. `of` gives the occurrence of an item, and `count` how many a run of equal ones stands for.
    #[inline(always)]
    fn groups<I>(
        &self,
        sorted: &[I],
        of: impl Fn(&I) -> Occurrence,
        count: impl Fn(&[I]) -> u64,
        entries: &mut Vec<Entry>,
        mut each: impl FnMut(u64, &[Entry]),
    ) {
        let context_bits = 4 * self.minimizers.flank();
        let mut at = 0;
        while let Some(first) = sorted.get(at) {
            let key = self.key(of(first));
            entries.clear();
            while let Some(content) = sorted.get(at).map(|o| of(o).value() >> self.position_bits)
                && (content >> (self.key_at - self.position_bits)) as u64 == key
            {
                let start = at;
                at += 1;
                while sorted.get(at).is_some_and(|o| of(o).value() >> self.position_bits == content) {
                    at += 1;
                }
                let range = (content >> context_bits) as u64 & low_mask(Fields::RANGE_BITS);
                let (low, high) = Fields::offsets(range);
                entries.push(Entry {
                    low,
                    high,
                    context: content as u64 & low_mask(context_bits),
                    count: count(&sorted[start..at]),
                    index: start as u32,
                });
            }
            each(key, entries);
        }
    }
}

/// What a scan of the genome says of its super-k-mers.
pub(crate) struct Survey {
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
    /// Bits by which super-k-mers are thinned out for the sample, and bits of a cell's number.
    fn bits(kmers: u64, minimizers: &Minimizers) -> (u32, u32) {
        // As random bases have them: one for every half of a window.
        let expected = kmers * 2 / u64::from(minimizers.flank() + 2) + 1;
        let bits = |parts: u64| parts.max(1).next_power_of_two().ilog2().min(minimizers.key_bits() - 1);
        (bits(expected / SAMPLE), bits(expected / CELL).min(20))
    }

    /// Distinct super-k-mers of the sample for which there is space: a genome of short contigs has more than expected.
    fn capacity(kmers: u64) -> u64 {
        kmers.min(3 * SAMPLE)
    }

    /// Bytes that sample and counts take.
    pub(crate) fn sample_bytes(kmers: u64, minimizers: &Minimizers, stripes: usize) -> u64 {
        let (_, cell_bits) = Self::bits(kmers, minimizers);
        Gather::<3>::bytes(Self::capacity(kmers)) + (stripes as u64) * (4 << cell_bits)
    }

    /// Counts super-k-mers by cell and samples those with the lowest keys, on the current thread pool.
    pub(crate) fn of(
        pieces: &Pieces<'_>,
        minimizers: Minimizers,
        lists: &ListCode,
        stripes: &[&[Piece<'_>]],
        budget: &Budget,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Self> {
        let cut = Cut::new(minimizers, lists);
        let kmers = pieces.kmers();
        let (sample_bits, cell_bits) = Self::bits(kmers, &minimizers);
        let limit = low_mask(minimizers.key_bits() - sample_bits);
        let cell_shift = minimizers.key_bits() - cell_bits;
        let bytes = Self::sample_bytes(kmers, &minimizers, stripes.len());
        let mut held = budget.reserve(Component::Sample, bytes, "the sample of k-mers")?;
        let key = |sample: &Sample<3>, key_at| (Cut::sampled(sample).value() >> key_at) as u64;
        let sample = Gather::<3>::new(Self::capacity(kmers), kmers, (key, cut.key_at), limit)?;

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
                            part.push(cut.sample(cut.occurrence(piece, &s)));
                        }
                    },
                    progress,
                );
                counts
            })
            .collect();
        let mut sample = sample.all();
        let sample_bits = sample_bits + sample.halved;
        let (mut distinct, mut repeated, mut entries) = (0, 0, 0);
        let mut scratch = Vec::new();
        let count = |run: &[Sample<3>]| run.iter().map(|sample| sample[2]).sum();
        cut.groups(sample.entries(), Cut::sampled, count, &mut Vec::new(), |_, group| {
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
    pub(crate) fn bytes(&self) -> u64 {
        self.occurrences() * size_of::<Occurrence>() as u64
    }
}

/// How the super-k-mers of a genome are shared out: cells make units, units make passes. A unit is one page or several; a
/// page of which the records are many is several units.
pub(crate) struct Partition {
    cut: Cut,
    pub(crate) layout: Layout,
    fields: Fields,
    cell_shift: u32,
    unit_of: UnitOf,
    /// The pages of each unit.
    pages: Vec<Range<u64>>,
    /// Super-k-mers by stripe and unit.
    counts: Vec<Vec<u32>>,
}

/// The unit of a cell.
enum UnitOf {
    /// All units have as many cells.
    Equal(Divisor),
    /// By cell.
    Listed(Vec<u32>),
}

impl Partition {
    /// Cuts what was surveyed into at most `streams` units, and further where the records of a page are more than
    /// `most` bytes.
    pub(crate) fn new(
        survey: &Survey,
        k: u32,
        pieces: &Pieces<'_>,
        lists: &ListCode,
        streams: u64,
        most: u64,
    ) -> (Self, MemoryHints) {
        let kmers = pieces.kmers();
        let minimizers = survey.cut.minimizers;
        let layout = Layout::plan(&minimizers, k, survey.entries, survey.cell_bits);
        let pages_per_unit = layout.pages.div_ceil(streams).max(1);
        let cells_per_page = layout.buckets_per_page >> (layout.bucket_bits - survey.cell_bits);
        let cells_per_unit = pages_per_unit * cells_per_page;
        let in_cells = |cells: Range<usize>| -> u64 {
            survey.counts.iter().flat_map(|counts| &counts[cells.clone()]).map(|&count| u64::from(count)).sum()
        };
        let cells = 1usize << survey.cell_bits;
        let pages = |unit: u64| unit * pages_per_unit..((unit + 1) * pages_per_unit).min(layout.pages);
        let most = most.min(LARGE_PAGE) / RECORD;
        let units = (0..cells).step_by(cells_per_unit as usize);
        let is_large = |start: usize| in_cells(start..(start + cells_per_unit as usize).min(cells)) > most;
        let mut partition = Self {
            cut: survey.cut,
            layout,
            fields: Fields::new(&layout, minimizers, lists),
            cell_shift: minimizers.key_bits() - survey.cell_bits,
            unit_of: UnitOf::Equal(Divisor::new(cells_per_unit)),
            pages: (0..units.len() as u64).map(pages).collect(),
            counts: Vec::new(),
        };
        if pages_per_unit == 1 && units.clone().any(is_large) {
            // As many cells as fit in each, one at the least.
            partition.pages.clear();
            let (mut listed, mut sum) = (Vec::with_capacity(cells), 0);
            for cell in 0..cells {
                let (page, here) = (cell as u64 / cells_per_page, in_cells(cell..cell + 1));
                if (cell as u64).is_multiple_of(cells_per_page) || sum + here > most {
                    partition.pages.push(page..page + 1);
                    sum = 0;
                }
                sum += here;
                listed.push(partition.pages.len() as u32 - 1);
            }
            partition.unit_of = UnitOf::Listed(listed);
        }
        let by_unit = |counts: &Vec<u32>| {
            let mut sums = vec![0; partition.pages.len()];
            (0..).zip(counts).for_each(|(cell, &count)| sums[partition.unit_of_cell(cell) as usize] += count);
            sums
        };
        partition.counts = survey.counts.iter().map(by_unit).collect();
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
        (partition, hints)
    }

    /// Units in all.
    pub(crate) fn units(&self) -> u64 {
        self.pages.len() as u64
    }

    /// The pages of a unit, or the page that it is a part of.
    pub(crate) fn pages_of(&self, unit: u64) -> Range<u64> {
        self.pages[unit as usize].clone()
    }

    /// Records of a unit.
    pub(crate) fn unit_records(&self, unit: u64) -> u64 {
        self.counts.iter().map(|counts| u64::from(counts[unit as usize])).sum()
    }

    /// Bytes of the records of a unit.
    pub(crate) fn unit_bytes(&self, unit: u64) -> u64 {
        self.unit_records(unit) * RECORD
    }

    /// Bytes of the counts, and of what says which unit is which.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        let listed = if let UnitOf::Listed(listed) = &self.unit_of { listed.capacity() } else { 0 };
        let pages = self.pages.capacity() * size_of::<Range<u64>>();
        let counts = self.counts.iter().map(|counts| counts.capacity()).sum::<usize>();
        (4 * (counts + listed) + pages) as u64
    }

    #[inline(always)]
    fn unit_of_cell(&self, cell: u64) -> u64 {
        match &self.unit_of {
            UnitOf::Equal(divisor) => divisor.quotient(cell),
            UnitOf::Listed(units) => u64::from(units[cell as usize]),
        }
    }

    #[inline(always)]
    fn unit_of(&self, key: u64) -> u64 {
        self.unit_of_cell(key >> self.cell_shift)
    }

    /// Runs the passes of a plan and hands over its pages.
    pub(crate) fn run(
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
        let mut open = None;
        for (number, units) in planned.passes.iter().enumerate() {
            let share = bytes_of(units) as f64 / bytes_of(&(0..self.units())).max(1) as f64;
            let scattered = self.scatter(&planned.pieces, &stripes, units.clone(), records(memory), &|kmers| {
                progress.advance((kmers as f64 * share) as u64);
            });
            let tasks = planned.partition.tasks(units.clone());
            open = run_tasks(&tasks, &mut workers, open, |worker: &mut Worker<'_>, task, open| {
                worker.run(task, open, &scattered, handover, progress)
            });
            if handover.window.is_closed() {
                return;
            }
            if tasks.last().is_some_and(|task| task.is_whole) {
                handover.pass_ended(planned, number, workers.iter().map(|worker| &worker.spectrum));
            }
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
        Scattered { first_unit: units.start, stripes }
    }
}

/// The super-k-mers of one pass: for each stripe its records and, for each unit, where they end.
struct Scattered<'m> {
    first_unit: u64,
    stripes: Vec<(&'m [Occurrence], Vec<u64>)>,
}

impl<'m> Scattered<'m> {
    /// The records of a unit: a slice a stripe.
    fn unit(&self, unit: u64) -> Vec<&'m [Occurrence]> {
        let unit = (unit - self.first_unit) as usize;
        self.stripes
            .iter()
            .map(|(region, ends)| {
                let start = if unit == 0 { 0 } else { ends[unit - 1] };
                &region[start as usize..ends[unit] as usize]
            })
            .collect()
    }
}

/// A page in the making.
struct OpenPage {
    encoder: Encoder,
    repeats: Repeats,
    kmers: u64,
    positions: u64,
    /// Charged while no thread works on it.
    held: Reservation,
}

/// One thread's part in sorting and encoding.
struct Worker<'a> {
    partition: &'a Partition,
    identity: Identity,
    lists: &'a ListCode,
    /// Of the page before, to be used again.
    encoder: Option<Encoder>,
    ends: Vec<u32>,
    sorted: Vec<Occurrence>,
    entries: Vec<Entry>,
    spectrum: SpectrumCounter,
    spare: &'a SpareBuffers,
    budget: &'a Budget,
    held: Reservation,
}

/// Records that insertion sorts; more of them with nearly one key are repeats.
const FEW: usize = 24;

impl<'a> Worker<'a> {
    fn new(
        partition: &'a Partition,
        identity: Identity,
        lists: &'a ListCode,
        spare: &'a SpareBuffers,
        budget: &'a Budget,
    ) -> Self {
        Self {
            partition,
            identity,
            lists,
            encoder: None,
            ends: Vec::new(),
            sorted: Vec::new(),
            entries: Vec::new(),
            spectrum: SpectrumCounter::default(),
            spare,
            budget,
            held: budget.hold(Component::SortScratch),
        }
    }

    /// Sorts, encodes and hands over the pages of a task, or goes on with the page that it continues.
    fn run(
        &mut self,
        task: &Task,
        open: Option<OpenPage>,
        scattered: &Scattered<'_>,
        handover: &Handover,
        progress: &dyn Progress,
    ) -> Done<OpenPage> {
        let Partition { cut, layout, .. } = self.partition;
        let first_key = |page| layout.first_key(&cut.minimizers, page);
        let keys = first_key(task.pages.start)..first_key(task.pages.end);
        let mut open = open;
        for unit in task.units.clone() {
            let segments = scattered.unit(unit);
            self.sort(&segments, keys.clone());
            let sorted = std::mem::take(&mut self.sorted);
            let mut rest = &sorted[..segments.iter().map(|s| s.len()).sum()];
            for page in task.pages.clone() {
                let (here, others) = rest.split_at(rest.partition_point(|&o| cut.key(o) < first_key(page + 1)));
                rest = others;
                if page < handover.first_page {
                    continue;
                }
                let mut begun = open.take().unwrap_or_else(|| self.begin());
                begun.held.resize(0);
                self.add(&mut begun, page, here, progress);
                if unit + 1 < task.units.end || !task.is_whole {
                    begun.held.resize(begun.encoder.capacity_bytes() + begun.repeats.capacity_bytes());
                    open = Some(begun);
                } else if !self.finish(page, begun, handover) {
                    return Done::Stopped;
                }
            }
            let scratch = (sorted.capacity() * size_of::<Occurrence>() + self.ends.capacity() * 4) as u64;
            self.held.resize(scratch + self.encoder.as_ref().map_or(0, Encoder::capacity_bytes));
            // What a minimizer of great frequency needed is not kept for others.
            if sorted.capacity() <= KEPT {
                self.sorted = sorted;
            }
        }
        open.map_or(Done::HandedOver, Done::Open)
    }

    fn begin(&mut self) -> OpenPage {
        let Partition { layout, fields, .. } = *self.partition;
        let new = || Encoder::new(self.identity, layout, fields, self.lists.clone());
        OpenPage {
            encoder: self.encoder.take().unwrap_or_else(new),
            repeats: Repeats::default(),
            kmers: 0,
            positions: 0,
            held: self.budget.hold(Component::SortScratch),
        }
    }

    /// Adds sorted records to a page.
    fn add(&mut self, open: &mut OpenPage, page: u64, sorted: &[Occurrence], progress: &dyn Progress) {
        let OpenPage { encoder, repeats, kmers, positions, .. } = open;
        let (cut, spectrum) = (&self.partition.cut, &mut self.spectrum);
        let before = *positions;
        let count = |run: &[Occurrence]| run.len() as u64;
        cut.groups(
            sorted,
            |&o| o,
            count,
            &mut self.entries,
            |key, entries| {
                let position = |entry: &Entry, i: u64| cut.position(sorted[entry.index as usize + i as usize]);
                encoder.group(page, key, entries, position, |frequency| {
                    spectrum.add(frequency);
                    if frequency >= 2 {
                        repeats.push(*kmers, frequency);
                    }
                    *kmers += 1;
                    *positions += frequency;
                });
            },
        );
        progress.advance(*positions - before);
    }

    /// Encodes a page and hands it over; false when the writer has gone.
    fn finish(&mut self, page: u64, open: OpenPage, handover: &Handover) -> bool {
        let OpenPage { mut encoder, repeats, kmers, positions, held: _ } = open;
        let (dictionary, block) = encoder.finish(page, self.spare.take(), self.spare.take());
        self.encoder = Some(encoder);
        let bytes = (dictionary.capacity() + block.capacity()) as u64 + repeats.capacity_bytes();
        handover.put(page, EncodedPage { dictionary, block, kmers, positions, sampled: 0, repeats }, bytes)
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
