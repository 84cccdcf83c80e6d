//! Looks up one k-mer: its frequency and its positions.

use crate::Result;
use crate::dictionary::codec::Codec;
use crate::dictionary::match_layout;
use crate::dictionary::source::Source;
use crate::index::contigs::{Position, PositionResolver};
use crate::index::open::Index;
use crate::kmer::KmerError;

impl Index {
    /// Encodes a k-mer of this index from letters of either case.
    ///
    /// # Errors
    /// [`KmerError`] for a wrong length or letter.
    pub fn encode(&self, kmer: &[u8]) -> Result<u64, KmerError> {
        self.codec.encode(kmer)
    }

    /// How often a k-mer (a code of [`encode`](Self::encode), either strand) occurs in the genome, both strands
    /// counted. 0 if it is not stored: it is absent, or outside the frequency filters of the index.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn frequency(&self, kmer: u64) -> Result<u64> {
        match_layout!(&self.dictionary, pages => pages.codec().frequency(&self.reader(pages), kmer))
    }

    /// Calls `each` for the positions of a k-mer, ascending; returns its frequency. If the index was built with
    /// `--max-positions`, they may be fewer than the frequency: an even sample.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn for_each_position(&self, kmer: u64, mut each: impl FnMut(Position)) -> Result<u64> {
        self.try_for_each_position(kmer, u64::MAX, |position| {
            each(position);
            Ok(())
        })
    }

    /// As [`for_each_position`](Self::for_each_position), for the first `limit` positions and until `each` fails.
    /// Memory does not grow with the number of positions.
    ///
    /// # Errors
    /// Errors of `each`; [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn try_for_each_position(
        &self,
        kmer: u64,
        limit: u64,
        mut each: impl FnMut(Position) -> Result<()>,
    ) -> Result<u64> {
        let mut resolver = PositionResolver::new(self.contigs()?, &self.codec, kmer);
        let each = |coded, strand| each(resolver.resolve(coded, strand));
        match_layout!(&self.dictionary, pages => {
            pages.codec().for_each_position(&self.reader(pages), kmer, limit, each)
        })
    }

    /// Whether position blocks lie elsewhere, so that [`prepare_positions`](Self::prepare_positions) saves requests.
    pub(crate) fn is_remote(&self) -> bool {
        self.store.is_remote()
    }

    /// Reads the position blocks of k-mers into the cache, if the index lies elsewhere: neighbouring blocks by one
    /// request. Blocks for which the cache has no space are left out.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub(crate) fn prepare_positions(&self, kmers: impl Iterator<Item = u64>) -> Result<()> {
        if !self.is_remote() {
            return Ok(());
        }
        match_layout!(&self.dictionary, pages => {
            let reader = self.reader(pages);
            let mut wanted: Vec<u64> = kmers.map(|kmer| pages.codec().page_of(kmer)).collect();
            wanted.sort_unstable();
            wanted.dedup();
            // A quarter of the cache, so that what is read now is still there when it is needed.
            let mut free = pages.cache().limit_now() / 4;
            let mut rest = &wanted[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(reader.fetch_blocks(rest)?);
                for &page in now {
                    let bytes = reader.block(page)?.bytes().len() as u64;
                    match free.checked_sub(bytes) {
                        Some(left) => free = left,
                        None => return Ok(()),
                    }
                }
                rest = later;
            }
            Ok(())
        })
    }

    /// The positions of a k-mer, ascending.
    ///
    /// # Errors
    /// As [`for_each_position`](Self::for_each_position).
    pub fn positions(&self, kmer: u64) -> Result<Vec<Position>> {
        let mut all = Vec::new();
        self.for_each_position(kmer, |position| all.push(position))?;
        Ok(all)
    }
}
