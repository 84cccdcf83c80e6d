//! The interface of every layout, so that the rest of the crate need not know which one an index has. `sorted` and
//! `superkmers` implement it; `index` and `builder` call it through [`match_layout!`](crate::dictionary::match_layout).

use std::ops::{Range, RangeInclusive};

use crate::Result;
use crate::dictionary::page::Page;
use crate::dictionary::source::Source;
use crate::dictionary::tally::Tally;
use crate::format::Identity;
use crate::kmer::Strand;

/// Whether the genome reads a k-mer (its stored strand) at a coded position.
pub(crate) type GenomeCheck<'a> = dyn FnMut(u64, u64) -> bool + 'a;

/// Reads the pages and blocks of one layout. A page has the shape of its codec, so no other codec can read it.
pub(crate) trait Codec: Sync + Sized {
    /// Where the parts of a page begin; without its bytes.
    type Shape: PageShape;
    /// Where the positions of a k-mer of a walk are.
    type KmerLocator: Copy;
    /// Gathers k-mers and looks them up together.
    type Batch: Batch<Self>;

    /// Whether [`verify_page`](Self::verify_page) marks k-mers even without a genome, because it reads them in their
    /// order.
    const VERIFIES_IN_ORDER: bool;
    /// Bytes of a page before its first table.
    const HEADER_BYTES: u64;

    /// Checks checksum, number and lengths of a page.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    fn parse(&self, identity: Identity, bytes: &[u8], number: u64) -> Result<Self::Shape, String>;

    /// The pages of k-mers with such a prefix in the order of the index (see [`KmerOrder`](crate::kmer::KmerOrder)).
    fn pages_of_prefixes(&self, prefixes: RangeInclusive<u64>) -> Range<u64>;

    /// The page of a k-mer (code, either strand).
    fn page_of(&self, kmer: u64) -> u64;

    /// Bits of a page that store frequencies, from its first [`HEADER_BYTES`](Self::HEADER_BYTES) bytes, unchecked.
    fn frequency_bits(&self, header: &[u8]) -> u64;

    /// Frequency of a k-mer (code, either strand); 0 if it is not stored.
    ///
    /// # Errors
    /// Errors of `source`; damage.
    fn frequency(&self, source: &impl Source<Self::Shape>, kmer: u64) -> Result<u64>;

    /// Calls `each(coded position, strand of the stored form on which `kmer` reads)` for the first `limit` positions of
    /// a k-mer, ascending; returns its frequency.
    ///
    /// # Errors
    /// Errors of `each` and `source`; damage.
    fn for_each_position(
        &self,
        source: &impl Source<Self::Shape>,
        kmer: u64,
        limit: u64,
        each: impl FnMut(u64, Strand) -> Result<()>,
    ) -> Result<u64>;

    /// Calls `each(k-mer, frequency, locator of its positions)` for the k-mers of a page in the order of the index,
    /// each on its stored strand.
    ///
    /// # Errors
    /// Errors of `each` and `source`; damage.
    fn for_each_kmer(
        &self,
        source: &impl Source<Self::Shape>,
        page: &Page<Self::Shape>,
        each: impl FnMut(u64, u64, Self::KmerLocator) -> Result<()>,
    ) -> Result<()>;

    /// Calls `each(prefix, suffix, frequency)` for the k-mers of a page with such a prefix, in the order of the index.
    ///
    /// # Errors
    /// Errors of `source`; damage.
    fn for_each_kmer_of_prefixes(
        &self,
        source: &impl Source<Self::Shape>,
        page: &Page<Self::Shape>,
        prefixes: RangeInclusive<u64>,
        each: impl FnMut(u64, u64, u64),
    ) -> Result<()>;

    /// Calls `each` for all coded positions of a k-mer of a walk, ascending.
    ///
    /// # Errors
    /// Errors of `each` and `source`; damage.
    fn positions_at(
        &self,
        source: &impl Source<Self::Shape>,
        page: &Page<Self::Shape>,
        locator: Self::KmerLocator,
        frequency: u64,
        each: impl FnMut(u64) -> Result<()>,
    ) -> Result<()>;

    /// Frequencies of the k-mers of a page in the order of the index. `block` reads the payload of its block, which not
    /// every layout needs; `damage` makes an error of a sentence.
    ///
    /// # Errors
    /// Errors of `block` and `damage`.
    fn frequencies<E>(
        &self,
        identity: Identity,
        page: (&[u8], u64),
        block: impl Fn() -> Result<Vec<u8>, E>,
        damage: impl Fn(String) -> E,
    ) -> Result<Vec<u64>, E>;

    /// Checks that a page and its block agree with themselves and, if it is given, with the genome; counts k-mers in
    /// `tally`. Returns the number of positions of k-mers.
    ///
    /// # Errors
    /// Errors of `source`; damage.
    fn verify_page(
        &self,
        source: &impl Source<Self::Shape>,
        page: &Page<Self::Shape>,
        tally: &mut Tally,
        genome: Option<&mut GenomeCheck<'_>>,
    ) -> Result<u64>;

    /// Walks, checks and searches a page whose checksum is made right, and reads its lists from the payload `block`.
    ///
    /// # Panics
    /// If a page that is found sound returns two different results.
    #[cfg(fuzzing)]
    fn probe_forged_page(&self, identity: Identity, page: (&[u8], u64), block: &[u8]);
}

/// The counts of a page that are known without reading it again.
pub(crate) trait PageShape: Clone + Send + Sync {
    /// Distinct k-mers.
    fn kmers(&self) -> u64;

    /// Crowded minimizers: they have so many distinct entries that their k-mers are stored one by one.
    fn crowded_minimizers(&self) -> u64;
}

/// K-mers that are looked up together: grouped by page, so that each page is visited once, in the order of the file.
pub(crate) trait Batch<C: Codec>: Default {
    /// Empties the batch, for a dictionary of `pages` pages.
    fn clear(&mut self, pages: u64);

    /// K-mers gathered.
    fn len(&self) -> usize;

    /// Bytes of memory, by capacity, once what was gathered is looked up.
    fn needed_bytes(&self) -> u64;

    /// Gathers the k-mers of a sequence in ASCII; anything but ACGT breaks k-mers. Calls `each` with ranges of their
    /// starts, in order.
    fn push_sequence(&mut self, codec: &C, bases: &[u8], each: impl FnMut(Range<u64>));

    /// Looks up what was gathered and returns the frequencies, in its order.
    ///
    /// # Errors
    /// Errors of `source`; damage.
    fn look_up(&mut self, codec: &C, source: &impl Source<C::Shape>) -> Result<&[u64]>;

    /// Looks up k-mers (codes, either strand) in an empty batch and returns their frequencies, in their order.
    ///
    /// # Errors
    /// Errors of `source`; damage.
    fn look_up_kmers(&mut self, codec: &C, source: &impl Source<C::Shape>, kmers: &[u64]) -> Result<&[u64]>;
}

/// Look-ups in a page that advance together, so that they wait for memory together.
pub(crate) const LANES: usize = 64;

/// A batch of at least one look-up for so many pages reads the pages with read-ahead: it needs many of those that the
/// system reads meanwhile.
pub(crate) const DENSE_SHARE: u64 = 2;

/// Look-ups that are grouped together: the number of one among them has 32 bits.
pub(crate) const MAX_GROUPED: usize = 1 << 30;

/// Buckets that a batch is sorted into by its first pass: few enough that their ends stay in the cache of a core.
pub(crate) const MAX_BUCKETS: u64 = 1 << 14;

/// How many bits of a page number to drop so that at most [`MAX_BUCKETS`] buckets are left.
pub(crate) fn bucket_shift(pages: u64) -> u32 {
    pages.div_ceil(MAX_BUCKETS).next_power_of_two().ilog2()
}
