//! The dictionary of super-k-mers has one entry for each distinct super-k-mer, not for each k-mer: all of a genome's
//! k-mers take a fifth of the space of separate k-mers, and a sequence takes one look-up for each run of k-mers with
//! one minimizer.
//!
//! Neighbouring k-mers share their minimizer (see [`Minimizers`](crate::kmer::Minimizers)), so the genome is cut into
//! runs of k-mers with one minimizer at one position. An entry has the rest of the minimizer's key, the bases around
//! the minimizer, which of its k-mers it represents, and how often it occurs; a k-mer's frequency is the sum over the
//! entries of its minimizer that agree with it around the minimizer. `schema/format.md` draws the bytes.
//!
//! A minimizer with more than 256 distinct entries is *crowded*: its k-mers lie one by one in its position block,
//! sorted, so that no look-up takes longer than a binary search.

mod batch;
pub(crate) mod codec;
mod crowd;
pub(crate) mod encode;
pub(crate) mod entry;
#[cfg(fuzzing)]
mod forged;
pub(crate) mod layout;
mod page;
mod positions;
mod search;
mod size;
mod verify;
mod walk;

use std::ops::{Range, RangeInclusive};

use crate::Result;
use crate::dictionary::codec::{Codec, GenomeCheck};
use crate::dictionary::page::Page;
use crate::dictionary::source::{Source, Visit};
use crate::dictionary::tally::Tally;
use crate::format::Identity;
use crate::kmer::Strand;
use batch::SuperKmerBatch;
use page::PageShape;
use search::Query;

pub(crate) use codec::SuperKmerCodec;
pub(crate) use encode::Encoder;
pub(crate) use entry::{Entry, for_each_kmer_of};
pub(crate) use layout::Fields;
pub use layout::Layout;
pub(crate) use size::{EntrySizes, KmerSums};

impl Codec for SuperKmerCodec {
    type Shape = PageShape;
    /// Finds the super-k-mers of the k-mer again.
    type KmerLocator = Query;
    type Batch = SuperKmerBatch;

    const VERIFIES_IN_ORDER: bool = false;
    const HEADER_BYTES: u64 = layout::HEADER as u64;

    fn parse(&self, identity: Identity, bytes: &[u8], number: u64) -> Result<PageShape, String> {
        PageShape::parse(identity, bytes, number, &self.layout, &self.fields)
    }

    fn pages_of_prefixes(&self, keys: RangeInclusive<u64>) -> Range<u64> {
        self.fields.page(*keys.start())..self.fields.page(*keys.end()) + 1
    }

    fn page_of(&self, kmer: u64) -> u64 {
        self.fields.page(Query::of_kmer(&self.fields, kmer).0.key)
    }

    fn frequency_bits(&self, header: &[u8]) -> u64 {
        page::frequency_bits(header, self.fields.count_bits)
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
        let page = source.page(self.fields.page(query.key), Visit::Single)?;
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
        let page = self.view(page);
        page.for_each_kmer(page.keys(), || source.block(page.number), damage, each)
    }

    fn for_each_kmer_of_prefixes(
        &self,
        source: &impl Source<PageShape>,
        page: &Page<PageShape>,
        keys: RangeInclusive<u64>,
        mut each: impl FnMut(u64, u64, u64),
    ) -> Result<()> {
        let damage = |problem| source.page_damage(problem);
        self.view(page).for_each_kmer(
            keys,
            || source.block(page.number),
            damage,
            |_, frequency, query| {
                each(query.key, self.fields.minimizers.flanks(query.low.into(), query.context), frequency);
                Ok(())
            },
        )
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
        let page = self.view_of(&shape, bytes, number);
        page.for_each_kmer(page.keys(), block, damage, |_, frequency, _| {
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
