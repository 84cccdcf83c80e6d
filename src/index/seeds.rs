use super::Index;
use crate::Result;
use crate::store::catalog::{PAGES_PER_RECORD, Record};
use crate::store::seeds::{SEEDS_PER_RECORD, decode};

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
        let mut seeds = Vec::with_capacity(numbers.len());
        // Seeds of one frequency ascend, so neighbours share pages.
        let mut at = 0;
        while let Some(&(_, kmer)) = numbers.get(at) {
            let page = self.page_of_kmer(kmer)?;
            let entry = self.page_entry(page)?;
            let visited = self.page(page)?;
            let mut wanted = numbers[at..]
                .iter()
                .take_while(|&&(_, k)| {
                    k.checked_sub(entry.first_kmer).is_some_and(|slot| slot < u64::from(visited.shape.entries))
                })
                .peekable();
            if wanted.peek().is_none() {
                return Err(wrong());
            }
            let mut last = None;
            let mut entries =
                visited.shape.entries(visited.bytes(), page, &self.manifest.dictionary, self.filters.min_frequency);
            let mut next = entry.first_kmer;
            for &(frequency, kmer) in wanted {
                if last.is_some_and(|l| kmer <= l) {
                    // A new, lower frequency begins in this page: walk it again.
                    break;
                }
                let (hash, found) = entries.nth((kmer - next) as usize).ok_or_else(wrong)?;
                if found != frequency {
                    return Err(wrong());
                }
                next = kmer + 1;
                last = Some(kmer);
                let stored = self.codec.kmer_of_hash(hash);
                seeds.push(Seed { kmer: self.codec.printed_strand(stored), frequency });
                at += 1;
            }
        }
        Ok(seeds)
    }

    /// The page that holds k-mer number `kmer`.
    fn page_of_kmer(&self, kmer: u64) -> Result<u64> {
        let pages = self.manifest.dictionary.pages;
        if kmer >= self.manifest.actual.stored_kmers {
            return Err(self.catalog.damage("its seed order names k-mers that it does not hold"));
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
