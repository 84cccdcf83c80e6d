use crate::format::catalog::{PAGES_PER_RECORD, Record};
use crate::format::seed_order::{SEEDS_PER_RECORD, decode};
use crate::{Index, Result};

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
    /// Any number of walks may go on at once.
    pub fn seeds_from(&self, from: u64) -> impl Iterator<Item = Result<Seed>> + '_ {
        let records = self.seed_count().div_ceil(SEEDS_PER_RECORD as u64);
        let first = from / SEEDS_PER_RECORD as u64;
        let skip = (from % SEEDS_PER_RECORD as u64) as usize;
        (first..records).flat_map(move |number| {
            let (seeds, failure) = match self.seed_record(number) {
                Ok(seeds) => (seeds, None),
                Err(e) => (Vec::new(), Some(Err(e))),
            };
            let skip = if number == first { skip } else { 0 };
            seeds.into_iter().skip(skip).map(Ok).chain(failure)
        })
    }

    /// All seeds by falling frequency.
    pub fn seeds(&self) -> impl Iterator<Item = Result<Seed>> + '_ {
        self.seeds_from(0)
    }

    /// Seeds of one record of the catalog.
    fn seed_record(&self, number: u64) -> Result<Vec<Seed>> {
        let wrong = || self.catalog.damage("its seed order disagrees with its pages");
        let bytes = self
            .catalog
            .record(Record::Seeds, number)?
            .ok_or_else(|| self.catalog.damage(format!("record {number} of the seed order is missing")))?;
        let numbers = decode(&bytes).map_err(|e| self.catalog.damage(e))?;
        // Each page is walked once: seeds in the order of the index, then each in its place.
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_unstable_by_key(|&at| numbers[at].1);
        let mut seeds = vec![Seed { kmer: 0, frequency: 0 }; numbers.len()];
        let mut rest = &order[..];
        while let Some(&at) = rest.first() {
            let number = self.page_of_kmer(numbers[at].1)?;
            let first = self.page_entry(number)?.first_kmer;
            let page = self.visit_page(number)?;
            let end = first.saturating_add(page.shape.kmers());
            let (here, others) = rest.split_at(rest.partition_point(|&at| numbers[at].1 < end));
            rest = others;
            let mut here = here.iter().peekable();
            let mut next = first;
            self.for_each_kmer_in(&page, |kmer, frequency, _| {
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
            if here.next().is_some() || numbers[at].1 < first || numbers[at].1 >= end {
                return Err(wrong());
            }
        }
        Ok(seeds)
    }

    /// The page that holds k-mer number `kmer`.
    fn page_of_kmer(&self, kmer: u64) -> Result<u64> {
        let pages = self.pages();
        if kmer >= self.manifest.actual.stored_kmers {
            return Err(self.catalog.damage("its seed order names k-mers that it does not store"));
        }
        // First the record of the page index, then the page in it: a record is read only if it may be the one.
        let (mut low, mut high) = (0, pages);
        while high - low > 1 {
            let middle = (low + high) / 2;
            let middle = if high - low > PAGES_PER_RECORD as u64 {
                (middle / PAGES_PER_RECORD as u64 * PAGES_PER_RECORD as u64).max(low + 1)
            } else {
                middle
            };
            if self.page_entry(middle)?.first_kmer <= kmer {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
