//! Checks every page and its block, on all threads, and adds up what they contain.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use rayon::prelude::*;

use crate::dictionary::codec::{Codec, GenomeCheck, PageShape};
use crate::dictionary::match_layout;
use crate::dictionary::tally::Tally;
use crate::format::tree::ReadPattern;
use crate::index::open::Index;
use crate::index::pages::PageReader;
use crate::index::verify::genome::GenomeReader;
use crate::{Progress, Result};

/// Totals of the pages.
#[derive(Default)]
pub(super) struct PageTotals {
    pub(super) kmers: u64,
    pub(super) positions: u64,
    pub(super) crowded_minimizers: u64,
    bytes: u64,
    /// K-mers by frequency.
    spectrum: BTreeMap<u64, u64>,
    /// Sum of the marks of the repeated k-mers, if k-mers were read in their order.
    pub(super) repeat_marks: Option<u64>,
}

impl Index {
    /// Checks all pages and blocks; every position against the genome if `is_deep`.
    pub(super) fn verify_pages(&self, is_deep: bool, progress: &dyn Progress) -> Result<PageTotals> {
        match_layout!(&self.dictionary, pages => self.verify_pages_of(&self.reader(pages), is_deep, progress))
    }

    fn verify_pages_of<C: Codec>(
        &self,
        reader: &PageReader<'_, C>,
        is_deep: bool,
        progress: &dyn Progress,
    ) -> Result<PageTotals> {
        let marks = (is_deep || C::VERIFIES_IN_ORDER).then_some(0);
        let totals = Mutex::new(PageTotals { repeat_marks: marks, ..PageTotals::default() });
        (0..self.pages()).into_par_iter().try_for_each(|number| {
            let page = reader.read_page(number, ReadPattern::Scan)?;
            let kmers = page.shape.kmers();
            let first_kmer = self.store.page_entry(number)?.first_kmer;
            let next_kmer = if number + 1 < self.pages() {
                self.store.page_entry(number + 1)?.first_kmer
            } else {
                self.manifest.actual.stored_kmers
            };
            if next_kmer.checked_sub(first_kmer) != Some(kmers) {
                return Err(self.store.catalog().damage(format!("the page index disagrees with page {number}")));
            }
            let mut tally = Tally::from_kmer(first_kmer);
            let mut genome = GenomeReader::new(self)?;
            let mut reads = |kmer, position| genome.reads(kmer, position);
            let check = is_deep.then_some(&mut reads as &mut GenomeCheck<'_>);
            let positions = reader.pages.codec().verify_page(reader, &page, &mut tally, check)?;
            progress.advance(kmers);
            let mut totals = totals.lock();
            totals.kmers += kmers;
            totals.positions += positions;
            totals.crowded_minimizers += page.shape.crowded_minimizers();
            totals.bytes += page.bytes().len() as u64;
            if let Some(marks) = &mut totals.repeat_marks {
                *marks = marks.wrapping_add(tally.repeat_marks());
            }
            for (frequency, count) in tally.rows() {
                *totals.spectrum.entry(frequency).or_default() += count;
            }
            Ok(())
        })?;
        Ok(totals.into_inner())
    }

    /// Checks the totals of the pages against manifest and spectrum; `stored` are the rows of the spectrum that pass
    /// the filters.
    pub(super) fn verify_page_totals(&self, pages: &PageTotals, stored: &[(u64, u64)]) -> Result<()> {
        let totals = &self.manifest.actual;
        let expected = (totals.stored_kmers, totals.positions, totals.dictionary_bytes);
        if (pages.kmers, pages.positions, pages.bytes) != expected {
            let problem = "it has other numbers of k-mers, positions or bytes than the manifest";
            return Err(self.store.catalog().damage(problem));
        }
        if !pages.spectrum.iter().map(|(&frequency, &kmers)| (frequency, kmers)).eq(stored.iter().copied()) {
            return Err(self.store.catalog().damage("its spectrum disagrees with its pages"));
        }
        Ok(())
    }
}
