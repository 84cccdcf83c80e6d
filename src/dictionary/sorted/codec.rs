//! Reads a sorted dictionary: the hash of a k-mer gives its page, the entry there its frequency, and the frequencies before
//! it the place of its positions.

use crate::Result;
use crate::dictionary::codec::{self, Codec, GenomeCheck};
use crate::dictionary::filters::Filters;
use crate::dictionary::page::Page;
use crate::dictionary::sorted::batch::SortedBatch;
use crate::dictionary::sorted::layout::{Fields, Layout};
use crate::dictionary::sorted::page::PageShape;
use crate::dictionary::sorted::search::PageView;
use crate::dictionary::source::Source;
use crate::dictionary::tally::Tally;
use crate::format::Identity;
use crate::format::positions::{Ascending, ListCode};
use crate::kmer::{KmerCodec, Strand};

/// Reads the pages of a sorted dictionary.
#[derive(Debug)]
pub(crate) struct SortedCodec {
    pub(super) kmers: KmerCodec,
    pub(super) layout: Layout,
    pub(super) fields: Fields,
    pub(super) filters: Filters,
    pub(super) lists: ListCode,
}

impl SortedCodec {
    /// For a dictionary of this layout in a genome whose positions are coded as `lists`.
    ///
    /// # Errors
    /// A sentence if the layout contradicts itself.
    pub(crate) fn new(layout: Layout, filters: Filters, lists: ListCode) -> Result<Self, String> {
        Ok(Self { kmers: layout.check()?, layout, fields: layout.fields(), filters, lists })
    }

    #[inline(always)]
    pub(crate) fn view<'a>(&'a self, page: &'a Page<PageShape>) -> PageView<'a> {
        self.view_of(&page.shape, page.bytes(), page.number)
    }

    #[inline(always)]
    pub(crate) fn view_of<'a>(&'a self, shape: &'a PageShape, bytes: &'a [u8], number: u64) -> PageView<'a> {
        PageView { codec: self, shape, bytes, number }
    }

    /// Bits of the list of a k-mer of this frequency.
    #[inline(always)]
    pub(crate) fn list_bits(&self, frequency: u64) -> u64 {
        self.lists.bits(self.filters.stored_positions(frequency))
    }
}

impl PageView<'_> {
    /// Calls `each` for the first `limit` coded positions of the list at bit `at` of the payload `block`, which belongs to
    /// a k-mer of this frequency. `damage` makes an error of what goes on from "position block 3".
    ///
    /// # Errors
    /// What `each` and `damage` return.
    pub(crate) fn read_list<E>(
        &self,
        block: &[u8],
        (at, frequency): (u64, u64),
        limit: u64,
        damage: impl Fn(&str) -> E,
        mut each: impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let SortedCodec { filters, lists, .. } = self.codec;
        let stored = filters.stored_positions(frequency);
        let wanted = stored.min(limit);
        let mut list = Ascending::below(lists.universe());
        let mut outcome = Ok(());
        if wanted > 0 && at.saturating_add(lists.bits(stored)) <= self.shape.block_bits {
            lists.read_while(block, at, stored, |position| {
                if list.take(position) {
                    outcome = each(position);
                }
                outcome.is_ok() && list.seen() < wanted
            });
        }
        outcome?;
        if list.is_whole(wanted) { Ok(()) } else { Err(damage("does not hold the positions that its page says")) }
    }
}

impl Codec for SortedCodec {
    type Shape = PageShape;
    /// First bit, in the position block, of the k-mer's list.
    type KmerPlace = u64;
    type Batch = SortedBatch;

    const VERIFIES_IN_ORDER: bool = true;

    fn parse(&self, identity: Identity, bytes: &[u8], number: u64) -> Result<PageShape, String> {
        PageShape::parse(identity, bytes, number, &self.layout)
    }

    #[inline]
    fn frequency(&self, source: &impl Source<PageShape>, kmer: u64) -> Result<u64> {
        let (hash, _) = self.kmers.hash(kmer);
        source.with_page(self.fields.page(hash), |page| self.view(page).frequency(hash))
    }

    fn for_each_position(
        &self,
        source: &impl Source<PageShape>,
        kmer: u64,
        limit: u64,
        mut each: impl FnMut(u64, Strand) -> Result<()>,
    ) -> Result<u64> {
        let (hash, strand) = self.kmers.hash(kmer);
        let page = source.page(self.fields.page(hash))?;
        let page = self.view(&page);
        let Some((slot, code)) = page.search(page.bucket_of(hash), hash) else { return Ok(0) };
        let frequency = page.frequency_of(hash, slot, code);
        let list_at = page.list_at(hash, slot);
        let block = source.block(page.number)?;
        let damage = |problem: &str| source.block_damage(page.number, problem);
        page.read_list(block.bytes(), (list_at, frequency), limit, damage, |position| each(position, strand))?;
        Ok(frequency)
    }

    fn for_each_kmer(
        &self,
        _: &impl Source<PageShape>,
        page: &Page<PageShape>,
        mut each: impl FnMut(u64, u64, u64) -> Result<()>,
    ) -> Result<()> {
        let mut list_at = 0u64;
        for (hash, frequency) in self.view(page).entries() {
            each(self.kmers.kmer_of_hash(hash), frequency, list_at)?;
            list_at = self.list_bits(frequency).saturating_add(list_at);
        }
        Ok(())
    }

    fn positions_at(
        &self,
        source: &impl Source<PageShape>,
        page: &Page<PageShape>,
        list_at: u64,
        frequency: u64,
        each: impl FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let block = source.block(page.number)?;
        let damage = |problem: &str| source.block_damage(page.number, problem);
        self.view(page).read_list(block.bytes(), (list_at, frequency), u64::MAX, damage, each)
    }

    fn frequencies<E>(
        &self,
        identity: Identity,
        (bytes, number): (&[u8], u64),
        _: impl Fn() -> Result<Vec<u8>, E>,
        damage: impl Fn(String) -> E,
    ) -> Result<Vec<u64>, E> {
        let shape = self.parse(identity, bytes, number).map_err(damage)?;
        Ok(self.view_of(&shape, bytes, number).frequencies().collect())
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
        self.entries.into()
    }

    fn crowded_minimizers(&self) -> u64 {
        0
    }
}
