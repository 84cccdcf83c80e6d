//! One thread's part in a super-k-mer dictionary: sorts the records of bins and encodes pages and position blocks.

use std::ops::Range;

use crate::builder::counting_sort::distribute;
use crate::builder::frequency_order::PageRepeats;
use crate::builder::handover::EncodedPage;
use crate::builder::layout_steps::{PassContext, Task};
use crate::builder::passes::{PageWorker, TaskEnd};
use crate::builder::scatter::ScatteredRecords;
use crate::builder::spectrum::SpectrumCounter;
use crate::builder::superkmers::occurrence::SuperKmerOccurrence;
use crate::builder::superkmers::partition::SuperKmerPages;
use crate::dictionary::superkmers::{Encoder, Entry};
use crate::memory::{Component, Reservation};

/// Maximum records of the space that a worker keeps from bin to bin: 8 MiB.
const MAX_KEPT_RECORDS: usize = 1 << 19;

/// Maximum records that are sorted by insertion. A bucket has one record on average; more have nearly one key and are
/// repeats, whose sorting by insertion would be quadratic.
const MAX_INSERTION_SORTED: usize = 24;

/// A page that is being encoded.
pub(crate) struct OpenPage {
    encoder: Encoder,
    repeats: PageRepeats,
    kmers: u64,
    positions: u64,
    /// Its bytes while no thread works on it.
    reservation: Reservation,
}

/// Sorts and encodes the records of one task after the other.
pub(crate) struct SuperKmerWorker<'a> {
    pages: &'a SuperKmerPages,
    context: &'a PassContext<'a>,
    /// Of the page before, reused.
    encoder: Option<Encoder>,
    ends: Vec<u32>,
    sorted: Vec<SuperKmerOccurrence>,
    entries: Vec<Entry>,
    spectrum: SpectrumCounter,
    reservation: Reservation,
}

impl PageWorker<SuperKmerOccurrence> for SuperKmerWorker<'_> {
    type OpenPage = OpenPage;

    fn run(
        &mut self,
        task: &Task,
        open: Option<OpenPage>,
        records: &ScatteredRecords<'_, SuperKmerOccurrence>,
    ) -> TaskEnd<OpenPage> {
        let pages = self.pages;
        let keys = pages.first_key(task.pages.start)..pages.first_key(task.pages.end);
        let mut open = open;
        for bin in task.bins.clone() {
            let count = self.sort(&records.bin(bin), keys.clone());
            let sorted = std::mem::take(&mut self.sorted);
            let mut rest = &sorted[..count];
            for page in task.pages.clone() {
                let next = pages.first_key(page + 1);
                let (here, others) = rest.split_at(rest.partition_point(|&o| pages.occurrence.key(o) < next));
                rest = others;
                if !self.context.handover.pages.contains(&page) {
                    continue;
                }
                let mut begun = open.take().unwrap_or_else(|| self.begin());
                begun.reservation.resize(0);
                self.add(&mut begun, page, here);
                if bin + 1 < task.bins.end || !task.completes_page {
                    begun.reservation.resize(begun.encoder.capacity_bytes() + begun.repeats.capacity_bytes());
                    open = Some(begun);
                } else if !self.finish(page, begun) {
                    return TaskEnd::Stopped;
                }
            }
            let scratch =
                sorted.capacity() * size_of::<SuperKmerOccurrence>() + self.ends.capacity() * size_of::<u32>();
            let encoder = self.encoder.as_ref().map_or(0, Encoder::capacity_bytes);
            self.reservation.resize(scratch as u64 + encoder);
            // The space that a very frequent minimizer needed is released.
            if sorted.capacity() <= MAX_KEPT_RECORDS {
                self.sorted = sorted;
            }
        }
        open.map_or(TaskEnd::HandedOver, TaskEnd::Open)
    }

    fn spectrum(&self) -> &SpectrumCounter {
        &self.spectrum
    }
}

impl<'a> SuperKmerWorker<'a> {
    pub(crate) fn new(pages: &'a SuperKmerPages, context: &'a PassContext<'a>) -> Self {
        Self {
            pages,
            context,
            encoder: None,
            ends: Vec::new(),
            sorted: Vec::new(),
            entries: Vec::new(),
            spectrum: SpectrumCounter::default(),
            reservation: context.budget.empty_reservation(Component::SortScratch),
        }
    }

    fn begin(&mut self) -> OpenPage {
        let SuperKmerPages { layout, fields, .. } = *self.pages;
        let PassContext { identity, lists, budget, .. } = *self.context;
        let new = || Encoder::new(identity, layout, fields, lists.clone());
        OpenPage {
            encoder: self.encoder.take().unwrap_or_else(new),
            repeats: PageRepeats::default(),
            kmers: 0,
            positions: 0,
            reservation: budget.empty_reservation(Component::SortScratch),
        }
    }

    /// Adds sorted records to a page.
    fn add(&mut self, open: &mut OpenPage, page: u64, sorted: &[SuperKmerOccurrence]) {
        let OpenPage { encoder, repeats, kmers, positions, .. } = open;
        let (fields, spectrum) = (&self.pages.occurrence, &mut self.spectrum);
        let before = *positions;
        let count = |run: &[SuperKmerOccurrence]| run.len() as u64;
        fields.groups(
            sorted,
            |&o| o,
            count,
            &mut self.entries,
            |key, entries| {
                let position = |entry: &Entry, i: u64| fields.position(sorted[entry.index as usize + i as usize]);
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
        self.context.progress.advance(*positions - before);
    }

    /// Encodes a page and hands it over; returns false if the writer has ended.
    fn finish(&mut self, page: u64, open: OpenPage) -> bool {
        let OpenPage { mut encoder, repeats, kmers, positions, reservation: _ } = open;
        let handover = self.context.handover;
        let (dictionary, block) = encoder.finish(page, handover.buffers.take(), handover.buffers.take());
        self.encoder = Some(encoder);
        handover.send(page, EncodedPage { dictionary, block, kmers, positions, sampled: 0, repeats })
    }

    /// Sorts records with keys in `keys` into `self.sorted`: first to as many ranges of keys as there are records, then
    /// within each range. Returns their number.
    fn sort(&mut self, segments: &[&[SuperKmerOccurrence]], keys: Range<u64>) -> usize {
        let fields = self.pages.occurrence;
        let count: usize = segments.iter().map(|segment| segment.len()).sum();
        let span = keys.end - keys.start;
        let shift = (u64::BITS - span.leading_zeros()).saturating_sub(count.max(1).ilog2());
        let range_of = |o: SuperKmerOccurrence| ((fields.key(o) - keys.start) >> shift) as usize;
        self.ends.clear();
        self.ends.resize((span >> shift) as usize + 1, 0);
        distribute(segments, |o| o, range_of, &mut self.ends, &mut self.sorted);
        let mut start = 0;
        for &end in &self.ends {
            let here = &mut self.sorted[start..end as usize];
            start = end as usize;
            if here.len() > MAX_INSERTION_SORTED {
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
        count
    }
}
