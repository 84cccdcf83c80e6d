//! One thread's part in a sorted dictionary: sorts the records of bins and encodes pages and position blocks.

use crate::builder::frequency_order::PageRepeats;
use crate::builder::handover::EncodedPage;
use crate::builder::layout_steps::{PassContext, Task};
use crate::builder::passes::{PageWorker, TaskEnd};
use crate::builder::scatter::ScatteredRecords;
use crate::builder::sorted::bins::Bins;
use crate::builder::sorted::records::{Record, RecordSet, Selection};
use crate::builder::sorted::sorter::Sorter;
use crate::builder::spectrum::SpectrumCounter;
use crate::dictionary::filters::Filters;
use crate::dictionary::sorted::Encoder;
use crate::dictionary::sorted::Layout;
use crate::format::bits::BitWriter;
use crate::format::{block, positions};
use crate::memory::{Component, Reservation};

/// The pages of a sorted dictionary and their bins.
pub(crate) struct SortedPages {
    pub(crate) layout: Layout,
    pub(crate) bins: Bins,
    pub(crate) filters: Filters,
    /// The highest hash of a k-mer.
    pub(crate) last_hash: u64,
}

impl SortedPages {
    /// The first and the last hash of a page.
    fn hashes(&self, page: u64) -> (u64, u64) {
        let Self { layout, last_hash, .. } = self;
        let first = page * layout.groups_per_page;
        let next = first + layout.groups_in(page);
        let last = if next == layout.groups { *last_hash } else { layout.first_hash(next) - 1 };
        (layout.first_hash(first), last)
    }
}

/// A page that is being encoded.
pub(crate) struct OpenPage {
    encoder: Encoder,
    block: BitWriter,
    block_bits: u64,
    repeats: PageRepeats,
    positions: u64,
    sampled: u64,
    /// Its bytes while no thread works on it.
    reservation: Reservation,
}

/// Sorts and encodes the records of one task after the other.
pub(crate) struct SortedWorker<'a, R: Record> {
    pages: &'a SortedPages,
    context: &'a PassContext<'a>,
    sorter: Sorter<R::Sorted>,
    /// Of the page before, reused.
    encoder: Option<Encoder>,
    /// The records of a bin of several pages, by page.
    by_page: Vec<Vec<R>>,
    spectrum: SpectrumCounter,
    reservation: Reservation,
}

impl<R: Record> PageWorker<R> for SortedWorker<'_, R> {
    type OpenPage = OpenPage;

    fn run(&mut self, task: &Task, open: Option<OpenPage>, records: &ScatteredRecords<'_, R>) -> TaskEnd<OpenPage> {
        let SortedPages { bins, last_hash, .. } = self.pages;
        if bins.pages_per_bin > 1 {
            return self.run_pages(task, records);
        }
        let mut page = open.unwrap_or_else(|| self.begin());
        page.reservation.resize(0);
        for bin in task.bins.clone() {
            if let Some(hashes) = bins.hashes(bin, *last_hash) {
                self.add(&mut page, hashes, &records.bin(bin));
            }
        }
        if task.completes_page {
            return self.finish(task.pages.start, page);
        }
        let block_bytes = page.block.capacity_bytes();
        page.reservation.resize(page.encoder.capacity_bytes() + block_bytes + page.repeats.capacity_bytes());
        TaskEnd::Open(page)
    }

    fn spectrum(&self) -> &SpectrumCounter {
        &self.spectrum
    }
}

impl<'a, R: Record> SortedWorker<'a, R> {
    pub(crate) fn new(pages: &'a SortedPages, context: &'a PassContext<'a>) -> Self {
        let selection = if pages.filters.min_frequency > 1 { Selection::Repeated } else { Selection::All };
        Self {
            pages,
            context,
            sorter: Sorter::new(selection),
            encoder: None,
            by_page: Vec::new(),
            spectrum: SpectrumCounter::default(),
            reservation: context.budget.empty_reservation(Component::SortScratch),
        }
    }

    /// Runs a task of one bin of several pages: first divides the records by page.
    fn run_pages(&mut self, task: &Task, records: &ScatteredRecords<'_, R>) -> TaskEnd<OpenPage> {
        let SortedPages { layout, bins, .. } = self.pages;
        let position_bits = self.context.lists.width();
        let pages = task.pages.clone();
        let fields = layout.fields();
        let mut by_page = std::mem::take(&mut self.by_page);
        by_page.resize_with(bins.pages_per_bin as usize, Vec::new);
        by_page.iter_mut().for_each(Vec::clear);
        let bin_first = layout.first_hash(pages.start * layout.groups_per_page);
        for segment in records.bin(task.bins.start) {
            for &record in segment {
                let hash = bin_first + record.within(bin_first, position_bits).hash(position_bits);
                by_page[(fields.page(hash) - pages.start) as usize].push(record);
            }
        }
        let mut end = TaskEnd::HandedOver;
        let made = &self.context.handover.pages;
        for (page, records) in pages.zip(&by_page).filter(|(page, _)| made.contains(page)) {
            let mut open = self.begin();
            self.add(&mut open, self.pages.hashes(page), &[records]);
            end = self.finish(page, open);
            if matches!(end, TaskEnd::Stopped) {
                break;
            }
        }
        self.by_page = by_page;
        end
    }

    fn begin(&mut self) -> OpenPage {
        let PassContext { identity, lists, handover, budget, .. } = *self.context;
        let new = || Encoder::new(identity, self.pages.layout, self.pages.filters, lists.clone());
        OpenPage {
            encoder: self.encoder.take().unwrap_or_else(new),
            block: BitWriter::on(block::start(handover.buffers.take())),
            block_bits: 0,
            repeats: PageRepeats::default(),
            positions: 0,
            sampled: 0,
            reservation: budget.empty_reservation(Component::SortScratch),
        }
    }

    /// Adds the k-mers of a range of hashes, both ends included, from their records by span.
    fn add(&mut self, page: &mut OpenPage, (first, last): (u64, u64), segments: &[&[R]]) {
        let lists = self.context.lists;
        let position_bits = lists.width();
        let (spectrum, filters) = (&mut self.spectrum, self.pages.filters);
        let OpenPage { encoder, block, block_bits, repeats, positions, sampled, .. } = page;
        let mut occurrences = 0;
        let records = RecordSet { segments, first, last, position_bits };
        let singles = self.sorter.groups(records, &mut |hash, records| {
            let frequency = records.len() as u64;
            occurrences += frequency;
            spectrum.add(frequency);
            if !filters.keeps(frequency) {
                return;
            }
            if frequency >= 2 {
                repeats.push(encoder.len() as u64, frequency);
            }
            encoder.push(hash, frequency);
            let m = filters.stored_positions(frequency);
            if m == frequency {
                lists.write(m, records.iter().map(|r| r.position(position_bits)), block);
            } else {
                *sampled += 1;
                let even = (0..m).map(|i| records[positions::sampled(i, m, frequency) as usize]);
                lists.write(m, even.map(|r| r.position(position_bits)), block);
            }
            *positions += m;
            *block_bits += lists.bits(m);
        });
        spectrum.add_many(1, singles);
        self.context.progress.advance(occurrences + singles);
    }

    /// Encodes a page and hands it over.
    fn finish(&mut self, number: u64, page: OpenPage) -> TaskEnd<OpenPage> {
        let OpenPage { mut encoder, block, block_bits, repeats, positions, sampled, reservation: _ } = page;
        let PassContext { identity, handover, .. } = *self.context;
        let kmers = encoder.len() as u64;
        let dictionary = encoder.finish(number, block_bits, handover.buffers.take());
        let block = block::finish(identity, number, block.finish());
        let by_page: usize = self.by_page.iter().map(|records| records.capacity() * size_of::<R>()).sum();
        self.reservation.resize(self.sorter.capacity_bytes() + encoder.capacity_bytes() + by_page as u64);
        self.encoder = Some(encoder);
        match handover.send(number, EncodedPage { dictionary, block, kmers, positions, sampled, repeats }) {
            true => TaskEnd::HandedOver,
            false => TaskEnd::Stopped,
        }
    }
}
