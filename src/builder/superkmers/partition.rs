//! Divides the keys of a super-k-mer dictionary into bins: cells make bins, and bins make passes.

use std::ops::Range;

use crate::builder::bin_counts::BinCounts;
use crate::builder::superkmers::occurrence::{OCCURRENCE_BYTES, OccurrenceFields};
use crate::builder::superkmers::survey::Survey;
use crate::dictionary::SuperKmerLayout;
use crate::dictionary::divisor::Divisor;
use crate::dictionary::superkmers::Fields;
use crate::format::positions::ListCode;

/// Bytes of the records of a page from which on it is divided into bins, even if they fit one pass, so that a bin is
/// sorted within the cache that the cores share.
const MAX_BIN_BYTES: u64 = 4 << 20;

/// How the super-k-mers of a genome are divided. A bin is one page or several; a page with many records is several
/// bins.
pub(crate) struct SuperKmerPages {
    pub(crate) occurrence: OccurrenceFields,
    pub(crate) layout: SuperKmerLayout,
    pub(crate) fields: Fields,
    cell_shift: u32,
    bin_of_cell: BinOfCell,
    /// The pages of each bin.
    pages: Vec<Range<u64>>,
}

/// The bin of a cell.
enum BinOfCell {
    /// All bins have the same number of cells.
    Equal(Divisor),
    /// By cell.
    Listed(Vec<u32>),
}

impl SuperKmerPages {
    /// Divides the surveyed super-k-mers into at most `max_bins` bins, and further if the records of a page exceed
    /// `max_bytes` bytes. Returns the records of each bin too.
    pub(crate) fn new(survey: &Survey, lists: &ListCode, max_bins: u64, max_bytes: u64) -> (Self, BinCounts) {
        let (minimizers, layout) = (survey.fields.minimizers, survey.layout);
        // A power of two, so that the parts of an index (`shard_pages`) consist of whole bins.
        let pages_per_bin = layout.pages.div_ceil(max_bins).next_power_of_two();
        let cells_per_page = layout.buckets_per_page >> (layout.bucket_bits - survey.cell_bits);
        let cells_per_bin = pages_per_bin * cells_per_page;
        let cells = 1usize << survey.cell_bits;
        let max_records = max_bytes.min(MAX_BIN_BYTES) / OCCURRENCE_BYTES;
        let starts = (0..cells).step_by(cells_per_bin as usize);
        let pages_of = |bin: u64| bin * pages_per_bin..((bin + 1) * pages_per_bin).min(layout.pages);
        let mut divided = Self {
            occurrence: survey.fields,
            layout,
            fields: Fields::new(&layout, minimizers, lists),
            cell_shift: minimizers.key_bits() - survey.cell_bits,
            bin_of_cell: BinOfCell::Equal(Divisor::new(cells_per_bin)),
            pages: (0..starts.len() as u64).map(pages_of).collect(),
        };
        let end_of = |start: usize| (start + cells_per_bin as usize).min(cells);
        if pages_per_bin == 1 && starts.clone().any(|start| records_in(survey, start..end_of(start)) > max_records) {
            divided.divide_pages(survey, cells_per_page, max_records);
        }
        let by_bin = |counts: &Vec<u32>| {
            let mut sums = vec![0; divided.pages.len()];
            (0..).zip(counts).for_each(|(cell, &count)| sums[divided.bin_of_cell(cell) as usize] += count);
            sums
        };
        let counts = BinCounts::new(survey.counts.iter().map(by_bin).collect());
        (divided, counts)
    }

    /// Divides pages into bins of as many cells as have `max_records` records together, at least one.
    fn divide_pages(&mut self, survey: &Survey, cells_per_page: u64, max_records: u64) {
        self.pages.clear();
        let cells = 1usize << survey.cell_bits;
        let (mut bins, mut sum) = (Vec::with_capacity(cells), 0);
        for cell in 0..cells {
            let (page, here) = (cell as u64 / cells_per_page, records_in(survey, cell..cell + 1));
            if (cell as u64).is_multiple_of(cells_per_page) || sum + here > max_records {
                self.pages.push(page..page + 1);
                sum = 0;
            }
            sum += here;
            bins.push(self.pages.len() as u32 - 1);
        }
        self.bin_of_cell = BinOfCell::Listed(bins);
    }

    /// Bins in all.
    pub(crate) fn bins(&self) -> u64 {
        self.pages.len() as u64
    }

    /// The pages of a bin, or the page that it is a part of.
    pub(crate) fn pages_of(&self, bin: u64) -> Range<u64> {
        self.pages[bin as usize].clone()
    }

    /// The first key of a page.
    pub(crate) fn first_key(&self, page: u64) -> u64 {
        self.layout.first_key(&self.occurrence.minimizers, page)
    }

    /// Allocated bytes.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        let listed = if let BinOfCell::Listed(bins) = &self.bin_of_cell { bins.capacity() } else { 0 };
        (listed * size_of::<u32>() + self.pages.capacity() * size_of::<Range<u64>>()) as u64
    }

    #[inline(always)]
    fn bin_of_cell(&self, cell: u64) -> u64 {
        match &self.bin_of_cell {
            BinOfCell::Equal(divisor) => divisor.quotient(cell),
            BinOfCell::Listed(bins) => u64::from(bins[cell as usize]),
        }
    }

    /// The bin of a key.
    #[inline(always)]
    pub(crate) fn bin_of(&self, key: u64) -> u64 {
        self.bin_of_cell(key >> self.cell_shift)
    }
}

/// Records of some cells.
fn records_in(survey: &Survey, cells: Range<usize>) -> u64 {
    survey.counts.iter().flat_map(|counts| &counts[cells.clone()]).map(|&count| u64::from(count)).sum()
}
