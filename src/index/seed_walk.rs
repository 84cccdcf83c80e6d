//! Walks repeated k-mers by falling frequency: finding repeats begins with the most frequent seeds and stops long
//! before the last, so seeds are resolved a record at a time.

use crate::Result;
use crate::dictionary::codec::{Codec, PageShape};
use crate::dictionary::match_layout;
use crate::dictionary::source::{Source, Visit};
use crate::format::catalog::{PAGES_PER_RECORD, RecordKind};
pub(crate) use crate::format::seed_order::SEEDS_PER_RECORD;
use crate::format::seed_order::decode;
use crate::index::open::Index;
use crate::index::pages::PageReader;

/// A repeated k-mer in the seed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// Code of the k-mer as it is printed.
    pub kmer: u64,
    /// Occurrences in the genome, both strands.
    pub frequency: u64,
}

impl Index {
    /// Seeds in all: stored k-mers that occur twice or more.
    pub fn seed_count(&self) -> u64 {
        self.manifest.actual.seeds
    }

    /// Seeds by falling frequency, those of one frequency in the order of the index, from seed number `from` on.
    /// Any number of walks may run at once.
    ///
    /// # Errors
    /// An item is [`Error::Damaged`](crate::Error::Damaged) or [`Error::Io`](crate::Error::Io) if a record of the index
    /// cannot be read; the walk then goes on with the next record.
    pub fn seeds_from(&self, from: u64) -> impl Iterator<Item = Result<Seed>> + '_ {
        let records = self.seed_records();
        let first = from / SEEDS_PER_RECORD as u64;
        let skip = (from % SEEDS_PER_RECORD as u64) as usize;
        (first..records).flat_map(move |number| {
            let (seeds, failure) = match self.seed_record(number, 0) {
                Ok(seeds) => (seeds, None),
                Err(e) => (Vec::new(), Some(Err(e))),
            };
            let skip = if number == first { skip } else { 0 };
            seeds.into_iter().skip(skip).map(Ok).chain(failure)
        })
    }

    /// All seeds by falling frequency.
    ///
    /// # Errors
    /// As [`seeds_from`](Self::seeds_from)'s.
    pub fn seeds(&self) -> impl Iterator<Item = Result<Seed>> + '_ {
        self.seeds_from(0)
    }

    /// Records of seeds in the catalog; all but the last have [`SEEDS_PER_RECORD`].
    pub(crate) fn seed_records(&self) -> u64 {
        self.seed_count().div_ceil(SEEDS_PER_RECORD as u64)
    }

    /// Seeds of one record of the catalog that occur `min_frequency` times or more: its first ones.
    pub(crate) fn seed_record(&self, number: u64, min_frequency: u64) -> Result<Vec<Seed>> {
        let catalog = self.store.catalog();
        let bytes = catalog
            .record(RecordKind::Seeds, number)?
            .ok_or_else(|| catalog.damage(format!("record {number} of the seed order is missing")))?;
        let mut numbers = decode(&bytes).map_err(|e| catalog.damage(e))?;
        numbers.truncate(numbers.iter().position(|seed| seed.0 < min_frequency).unwrap_or(numbers.len()));
        // In the order of the index, so that each page is walked once; then each seed goes to its rank.
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_unstable_by_key(|&at| numbers[at].1);
        let mut seeds = vec![Seed { kmer: 0, frequency: 0 }; numbers.len()];
        match_layout!(&self.dictionary, pages => {
            let reader = self.reader(pages);
            let mut rest = &order[..];
            while !rest.is_empty() {
                rest = self.resolve_seeds(&reader, &numbers, rest, &mut seeds)?;
            }
        });
        Ok(seeds)
    }

    /// Finds the k-mers of the seeds `order`, by number of k-mer, that are in the page of the first of them; returns
    /// the others.
    fn resolve_seeds<'o, C: Codec>(
        &self,
        reader: &PageReader<'_, C>,
        numbers: &[(u64, u64)],
        order: &'o [usize],
        seeds: &mut [Seed],
    ) -> Result<&'o [usize]> {
        let wrong = || self.store.catalog().damage("its seed order disagrees with its pages");
        let Some(&lowest) = order.first() else { return Ok(order) };
        let lowest = numbers[lowest].1;
        let number = self.page_of_kmer(lowest)?;
        let first = self.store.page_entry(number)?.first_kmer;
        let page = reader.page(number, Visit::Scan)?;
        let end = first.saturating_add(page.shape.kmers());
        let (here, others) = order.split_at(order.partition_point(|&at| numbers[at].1 < end));
        let mut here = here.iter().peekable();
        let mut next = first;
        reader.pages.codec().for_each_kmer(reader, &page, |kmer, frequency, _| {
            if let Some(&&at) = here.peek()
                && numbers[at].1 == next
            {
                if numbers[at].0 != frequency {
                    return Err(wrong());
                }
                seeds[at] = Seed { kmer: self.codec.printed_strand(kmer), frequency };
                here.next();
            }
            next += 1;
            Ok(())
        })?;
        if here.next().is_some() || lowest < first || lowest >= end { Err(wrong()) } else { Ok(others) }
    }

    /// The page of k-mer number `kmer`.
    fn page_of_kmer(&self, kmer: u64) -> Result<u64> {
        if kmer >= self.manifest.actual.stored_kmers {
            return Err(self.store.catalog().damage("its seed order names k-mers that it does not store"));
        }
        // First the record of the page index, then the page in it: a record is read only if it may be the one.
        let (mut low, mut high) = (0, self.store.pages());
        while high - low > 1 {
            let middle = (low + high) / 2;
            let middle = if high - low > PAGES_PER_RECORD as u64 {
                (middle / PAGES_PER_RECORD as u64 * PAGES_PER_RECORD as u64).max(low + 1)
            } else {
                middle
            };
            if self.store.page_entry(middle)?.first_kmer <= kmer {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
