//! Reads a dictionary of super-k-mers: the key of a k-mer's minimizer gives its page and bucket, and the entries there that
//! agree with the k-mer around the minimizer add up to its frequency.

use std::ops::Range;

use crate::Result;
use crate::dictionary::codec::{self, Codec, GenomeCheck};
use crate::dictionary::page::Page;
use crate::dictionary::source::Source;
use crate::dictionary::superkmers::batch::SuperKmerBatch;
use crate::dictionary::superkmers::layout::{Fields, Layout};
use crate::dictionary::superkmers::page::PageShape;
use crate::dictionary::superkmers::search::{PageView, Query};
use crate::dictionary::tally::Tally;
use crate::format::Identity;
use crate::format::positions::ListCode;
use crate::kmer::{KmerCodec, Strand};

/// Reads the pages of a dictionary of super-k-mers.
#[derive(Debug)]
pub(crate) struct SuperKmerCodec {
    pub(super) kmers: KmerCodec,
    pub(super) layout: Layout,
    pub(super) fields: Fields,
    pub(super) lists: ListCode,
}

impl SuperKmerCodec {
    /// For a dictionary of this layout in a genome whose positions are coded as `lists`.
    ///
    /// # Errors
    /// A sentence if the layout contradicts itself.
    pub(crate) fn new(layout: Layout, lists: ListCode) -> Result<Self, String> {
        let fields = Fields::new(&layout, layout.check()?, &lists);
        let kmers = KmerCodec::new(layout.k).map_err(|e| e.to_string())?;
        Ok(Self { kmers, layout, fields, lists })
    }

    #[inline(always)]
    pub(super) fn view<'a>(&'a self, page: &'a Page<PageShape>) -> PageView<'a> {
        self.view_of(&page.shape, page.bytes(), page.number)
    }

    #[inline(always)]
    pub(super) fn view_of<'a>(&'a self, shape: &'a PageShape, bytes: &'a [u8], number: u64) -> PageView<'a> {
        PageView { codec: self, shape, bytes, number }
    }
}

impl PageView<'_> {
    /// Calls `each(offset, count)` for what the entries of `bucket` have of the k-mers of a query.
    #[inline(always)]
    pub(super) fn counts(
        &self,
        source: &impl Source<PageShape>,
        bucket: Range<u32>,
        query: &Query,
        mut each: impl FnMut(u32, u64),
    ) -> Result<()> {
        let crowd = self
            .search(bucket, query, |low, high, found| {
                for offset in low..=high {
                    each(offset, found.count);
                }
            })
            .map_err(|problem| source.page_damage(problem))?;
        if let Some(crowd) = crowd {
            let block = source.block(self.number)?;
            for offset in query.offsets() {
                if let Some((count, _)) = crowd.find(self.fields(), block.bytes(), offset, query.context) {
                    each(offset, count);
                }
            }
        }
        Ok(())
    }
}

impl Codec for SuperKmerCodec {
    type Shape = PageShape;
    /// Finds the super-k-mers of the k-mer again.
    type KmerPlace = Query;
    type Batch = SuperKmerBatch;

    const VERIFIES_IN_ORDER: bool = false;

    fn parse(&self, identity: Identity, bytes: &[u8], number: u64) -> Result<PageShape, String> {
        PageShape::parse(identity, bytes, number, &self.layout, &self.fields)
    }

    #[inline]
    fn frequency(&self, source: &impl Source<PageShape>, kmer: u64) -> Result<u64> {
        let (query, _) = Query::of_kmer(&self.fields, kmer);
        source.with_page(self.fields.page(query.key), |page| {
            let page = self.view(page);
            page.prefetch_likely(query.key);
            let mut sum = 0;
            page.counts(source, page.bucket_of(query.key), &query, |_, count| sum += count)?;
            Ok(sum)
        })?
    }

    fn for_each_position(
        &self,
        source: &impl Source<PageShape>,
        kmer: u64,
        limit: u64,
        mut each: impl FnMut(u64, Strand) -> Result<()>,
    ) -> Result<u64> {
        let (query, reverse) = Query::of_kmer(&self.fields, kmer);
        let page = source.page(self.fields.page(query.key))?;
        let strand = Strand::from_reverse(reverse);
        self.view(&page).for_each_position(source, &query, limit, |position| each(position, strand))
    }

    fn for_each_kmer(
        &self,
        source: &impl Source<PageShape>,
        page: &Page<PageShape>,
        each: impl FnMut(u64, u64, Query) -> Result<()>,
    ) -> Result<()> {
        let damage = |problem| source.page_damage(problem);
        self.view(page).for_each_kmer(|| source.block(page.number), damage, each)
    }

    fn positions_at(
        &self,
        source: &impl Source<PageShape>,
        page: &Page<PageShape>,
        query: Query,
        _: u64,
        each: impl FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        self.view(page).for_each_position(source, &query, u64::MAX, each).map(drop)
    }

    fn frequencies<E>(
        &self,
        identity: Identity,
        (bytes, number): (&[u8], u64),
        block: impl Fn() -> Result<Vec<u8>, E>,
        damage: impl Fn(String) -> E,
    ) -> Result<Vec<u64>, E> {
        let shape = self.parse(identity, bytes, number).map_err(&damage)?;
        let mut frequencies = Vec::new();
        self.view_of(&shape, bytes, number).for_each_kmer(block, damage, |_, frequency, _| {
            frequencies.push(frequency);
            Ok(())
        })?;
        Ok(frequencies)
    }

    fn verify_page(
        &self,
        source: &impl Source<PageShape>,
        page: &Page<PageShape>,
        tally: &mut Tally,
        genome: Option<&mut GenomeCheck<'_>>,
    ) -> Result<u64> {
        self.verify_view(source, self.view(page), tally, genome)
    }

    #[cfg(fuzzing)]
    fn probe_forged_page(&self, identity: Identity, page: (&[u8], u64), block: &[u8]) {
        self.probe_forged(identity, page, block);
    }
}

impl codec::PageShape for PageShape {
    fn kmers(&self) -> u64 {
        self.kmers
    }

    fn crowded_minimizers(&self) -> u64 {
        self.crowds.into()
    }
}
