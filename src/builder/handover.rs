//! Passes encoded pages from the threads that encode them to the one that writes them, in order.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::builder::frequency_order::PageRepeats;
use crate::builder::spectrum::SpectrumCounter;
use crate::memory::buffers::{BufferPool, ReorderBuffer};
use crate::memory::{Budget, Component};

/// A page on its way to the writer.
pub(crate) struct EncodedPage {
    pub(crate) dictionary: Vec<u8>,
    pub(crate) block: Vec<u8>,
    pub(crate) kmers: u64,
    pub(crate) positions: u64,
    /// K-mers with only a sample of their positions stored.
    pub(crate) sampled: u64,
    pub(crate) repeats: PageRepeats,
}

/// The items that the writer receives.
pub(crate) enum WriterItem {
    Page(EncodedPage),
    /// All pages of a pass were handed over; the spectrum of all pages so far.
    PassEnd(Vec<(u64, u64)>),
}

/// The channel from the workers to the writer.
pub(crate) struct Handover {
    items: ReorderBuffer<WriterItem>,
    /// The pages that pass through it.
    pub(crate) pages: Range<u64>,
    /// Ends of passes so far: each has a number between those of pages.
    passes_ended: AtomicU64,
    /// The spectrum of the pages of an earlier build.
    resumed_spectrum: SpectrumCounter,
    /// The spectrum of all pages, set when the last pass ends.
    spectrum: Mutex<SpectrumCounter>,
    pub(crate) buffers: BufferPool,
}

impl Handover {
    /// A channel for `pages`, with `bytes` bytes of waiting pages and as many of reused buffers.
    pub(crate) fn new(bytes: u64, pages: Range<u64>, resumed_spectrum: SpectrumCounter, budget: &Budget) -> Self {
        Self {
            items: ReorderBuffer::charged(bytes, budget.empty_reservation(Component::WriteWindow)),
            pages,
            passes_ended: AtomicU64::new(0),
            resumed_spectrum,
            spectrum: Mutex::default(),
            buffers: BufferPool::new(bytes, budget.empty_reservation(Component::WriteWindow)),
        }
    }

    /// The buffer of the items, to take them and to close it.
    pub(crate) fn items(&self) -> &ReorderBuffer<WriterItem> {
        &self.items
    }

    fn number(&self, page: u64) -> u64 {
        page - self.pages.start + self.passes_ended.load(Ordering::Relaxed)
    }

    /// Passes page `number` to the writer; waits while too many bytes wait. Returns false if the writer has ended.
    pub(crate) fn send(&self, number: u64, page: EncodedPage) -> bool {
        let bytes = (page.dictionary.capacity() + page.block.capacity()) as u64 + page.repeats.capacity_bytes();
        self.items.put(self.number(number), WriterItem::Page(page), bytes)
    }

    /// Reports that all pages of a pass were handed over; `counted` are the spectra of the workers since the first
    /// pass. The next pass begins with page `next_page`; `None` after the last.
    pub(crate) fn end_pass<'s>(&self, next_page: Option<u64>, counted: impl Iterator<Item = &'s SpectrumCounter>) {
        let mut spectrum = self.resumed_spectrum.clone();
        counted.for_each(|counted| spectrum.merge(counted));
        if let Some(page) = next_page {
            let rows = spectrum.rows();
            let bytes = (rows.capacity() * size_of::<(u64, u64)>()) as u64;
            if self.items.put(self.number(page), WriterItem::PassEnd(rows), bytes) {
                self.passes_ended.fetch_add(1, Ordering::Relaxed);
            }
        } else {
            *self.spectrum.lock() = spectrum;
        }
    }

    /// The spectrum of all pages, once the last pass has ended.
    pub(crate) fn spectrum(&self) -> Vec<(u64, u64)> {
        self.spectrum.lock().rows()
    }
}
