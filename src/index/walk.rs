//! Walks all k-mers of an index in its order, page by page, so that several threads can share the walk.

use std::ops::RangeInclusive;

use crate::Result;
use crate::dictionary::codec::Codec;
use crate::dictionary::page::Page;
use crate::dictionary::sorted::SortedCodec;
use crate::dictionary::source::{Source, Visit};
use crate::dictionary::superkmers::SuperKmerCodec;
use crate::dictionary::{ByLayout, match_layout};
use crate::format::catalog::RecordKind;
use crate::index::contigs::{Position, PositionResolver};
use crate::index::open::Index;
use crate::index::pages::PageReader;
use crate::kmer::Strand;

/// A stored k-mer in a walk over the index.
pub struct KmerEntry<'a> {
    /// Code of the k-mer as it is printed; [`KmerCodec::decode`](crate::kmer::KmerCodec::decode) returns its letters.
    pub kmer: u64,
    /// Occurrences in the genome, both strands.
    pub frequency: u64,
    /// Strand of the printed form relative to the stored one.
    strand: Strand,
    index: &'a Index,
    locator: ByLayout<Walked<'a, SortedCodec>, Walked<'a, SuperKmerCodec>>,
}

/// Where the positions of a k-mer of a walk are.
struct Walked<'a, C: Codec> {
    reader: &'a PageReader<'a, C>,
    page: &'a Page<C::Shape>,
    locator: C::KmerLocator,
}

impl Index {
    /// Calls `each` for every stored k-mer, in the order of the index: the k-mer as it is printed (the
    /// lexicographically smaller strand), its frequency, and a way to its positions. `each` stops the walk by an error.
    ///
    /// # Errors
    /// Errors of `each`; [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn for_each_kmer(&self, mut each: impl FnMut(&KmerEntry<'_>) -> Result<()>) -> Result<()> {
        for number in 0..self.pages() {
            self.for_each_kmer_of_page(number, &mut each)?;
        }
        Ok(())
    }

    /// Pages of the dictionary; [`for_each_kmer_of_page`](Self::for_each_kmer_of_page) walks one, so several threads
    /// can share the walk.
    pub fn pages(&self) -> u64 {
        self.store.pages()
    }

    /// Calls `each(prefix, suffix, frequency)` for the k-mers with such a prefix, in the order of the index (see
    /// [`KmerOrder`](crate::kmer::KmerOrder)); reads only their pages.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub(crate) fn for_each_kmer_of_prefixes(
        &self,
        prefixes: RangeInclusive<u64>,
        mut each: impl FnMut(u64, u64, u64),
    ) -> Result<()> {
        match_layout!(&self.dictionary, pages => {
            let reader = self.reader(pages);
            pages.codec().pages_of_prefixes(prefixes.clone()).try_for_each(|page| {
                let page = reader.page(page, Visit::Scan)?;
                pages.codec().for_each_kmer_of_prefixes(&reader, &page, prefixes.clone(), &mut each)
            })
        })
    }

    /// As [`for_each_kmer`](Self::for_each_kmer), for the k-mers of one page (0 to [`pages`](Self::pages)).
    ///
    /// # Errors
    /// As [`for_each_kmer`](Self::for_each_kmer).
    pub fn for_each_kmer_of_page(&self, page: u64, mut each: impl FnMut(&KmerEntry<'_>) -> Result<()>) -> Result<()> {
        match_layout!(&self.dictionary, pages, wrap => {
            let reader = self.reader(pages);
            let page = reader.page(page, Visit::Scan)?;
            pages.codec().for_each_kmer(&reader, &page, |kmer, frequency, locator| {
                let printed = self.codec.printed_strand(kmer);
                let strand = Strand::from_reverse(printed != kmer);
                let locator = wrap(Walked { reader: &reader, page: &page, locator });
                each(&KmerEntry { kmer: printed, frequency, strand, index: self, locator })
            })
        })
    }

    /// How many distinct k-mers of the genome occur how often: (frequency, k-mers), ascending, whatever the filters.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn spectrum(&self) -> Result<Vec<(u64, u64)>> {
        let catalog = self.store.catalog();
        let rows: Vec<(u64, u64)> = catalog.runs(RecordKind::Spectrum)?;
        let distinct: u64 = rows.iter().map(|r| r.1).fold(0, u64::saturating_add);
        if distinct != self.manifest.actual.distinct_kmers || !rows.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(catalog.damage("its spectrum disagrees with the manifest"));
        }
        Ok(rows)
    }
}

impl KmerEntry<'_> {
    /// Calls `each` for its positions, ascending.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn for_each_position(&self, mut each: impl FnMut(Position)) -> Result<()> {
        let mut resolver = PositionResolver::new(self.index.contigs()?, &self.index.codec, self.kmer);
        let each = |coded| {
            each(resolver.resolve(coded, self.strand));
            Ok(())
        };
        match_layout!(&self.locator, at => {
            at.reader.pages.codec().positions_at(at.reader, at.page, at.locator, self.frequency, each)
        })
    }
}
