//! The sorted dictionary stores each k-mer on its own, in the order of hashes: it takes any k and any filters, and a
//! look-up touches two lines of memory. The hash of a k-mer determines its page, the entry in the page stores its
//! frequency, and the frequencies before it determine the offset of its positions.

mod batch;
pub(crate) mod codec;
pub(crate) mod encode;
#[cfg(fuzzing)]
mod forged;
pub(crate) mod frequency_code;
pub(crate) mod layout;
mod page;
mod positions;
mod search;
mod verify;
mod walk;

#[cfg(test)]
mod tests;

use std::ops::{Range, RangeInclusive};

use crate::Result;
use crate::dictionary::codec::{Codec, GenomeCheck};
use crate::dictionary::page::Page;
use crate::dictionary::source::{Source, Visit};
use crate::dictionary::tally::Tally;
use crate::format::Identity;
use crate::kmer::Strand;
use batch::SortedBatch;
use page::PageShape;

pub(crate) use codec::SortedCodec;
pub(crate) use encode::Encoder;
pub use layout::Layout;

impl Codec for SortedCodec {
    type Shape = PageShape;
    /// First bit, in the position block, of the k-mer's list.
    type KmerLocator = u64;
    type Batch = SortedBatch;

    const VERIFIES_IN_ORDER: bool = true;
    const HEADER_BYTES: u64 = page::HEADER as u64;

    fn parse(&self, identity: Identity, bytes: &[u8], number: u64) -> Result<PageShape, String> {
        PageShape::parse(identity, bytes, number, &self.layout)
    }

    #[inline]
    fn pages_of_prefixes(&self, hashes: RangeInclusive<u64>) -> Range<u64> {
        self.fields.page(*hashes.start())..self.fields.page(*hashes.end()) + 1
    }

    fn page_of(&self, kmer: u64) -> u64 {
        self.fields.page(self.kmers.hash(kmer).0)
    }

    fn frequency_bits(&self, header: &[u8]) -> u64 {
        page::frequency_bits(header)
    }

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
        let page = source.page(self.fields.page(hash), Visit::Single)?;
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

    fn for_each_kmer_of_prefixes(
        &self,
        _: &impl Source<PageShape>,
        page: &Page<PageShape>,
        hashes: RangeInclusive<u64>,
        mut each: impl FnMut(u64, u64, u64),
    ) -> Result<()> {
        self.view(page).entries_in(hashes).for_each(|(hash, frequency)| each(hash, 0, frequency));
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
