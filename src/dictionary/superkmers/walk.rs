//! Walks the k-mers of a page of super-k-mers in the order of the index: for dumps, the seed order and checks.

use std::ops::RangeInclusive;

use crate::dictionary::superkmers::crowd::{CROWDED, Crowd, forged_crowd};
use crate::dictionary::superkmers::entry::{Entry, for_each_kmer_of};
use crate::dictionary::superkmers::search::{PageView, Query};

/// The entries or k-mers of one minimizer in a page.
pub(super) enum MinimizerEntries<'a> {
    /// Its entries, ascending by range and context.
    Few(&'a [Entry]),
    /// A crowded minimizer, whose k-mers are stored one by one.
    Crowd(Crowd),
}

impl PageView<'_> {
    /// The keys of the page.
    pub(super) fn keys(self) -> RangeInclusive<u64> {
        let (layout, minimizers) = (&self.codec.layout, &self.fields().minimizers);
        layout.first_key(minimizers, self.number)..=layout.first_key(minimizers, self.number + 1) - 1
    }

    /// Calls `each(key, entries)` for the minimizers of the page whose key is one of `keys`, ascending; `damage` makes
    /// an error of a sentence.
    ///
    /// # Errors
    /// Errors of `each` and `damage`.
    pub(super) fn for_each_minimizer<E>(
        self,
        keys: RangeInclusive<u64>,
        damage: impl Fn(String) -> E,
        mut each: impl FnMut(u64, MinimizerEntries<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let fields = self.fields();
        let mut same = Vec::new();
        let first_bucket = self.number * fields.buckets_per_page;
        let [start, end] =
            [keys.start(), keys.end()].map(|key| (key >> fields.remainder_bits).saturating_sub(first_bucket));
        for bucket in start as usize..self.shape.buckets.min(end as usize + 1) {
            let bucket_key = (first_bucket + bucket as u64) << fields.remainder_bits;
            let mut indices = self.bucket(bucket).peekable();
            while let Some(index) = indices.next() {
                let head = self.head(index);
                let remainder = fields.remainder(head);
                if !keys.contains(&(bucket_key | remainder)) {
                    continue;
                }
                if self.range(head) == CROWDED {
                    let crowd = self.crowd(self.context(index)).map_err(&damage)?;
                    each(bucket_key | remainder, MinimizerEntries::Crowd(crowd))?;
                    continue;
                }
                same.clear();
                same.push(self.entry(index, head));
                let is_same = |&index: &u32| fields.remainder(self.head(index)) == remainder;
                while let Some(index) = indices.next_if(is_same) {
                    same.push(self.entry(index, self.head(index)));
                }
                each(bucket_key | remainder, MinimizerEntries::Few(&same))?;
            }
        }
        Ok(())
    }

    /// Calls `each` for the distinct k-mers of the page whose minimizer has one of `keys`, in the order of the index:
    /// the k-mer on the strand on which its minimizer reads forward, its frequency, and the query that finds it again.
    /// `block` reads the payload of the block, which only crowds need; `damage` makes an error of a sentence.
    ///
    /// # Errors
    /// Errors of `each`, `block` and `damage`.
    pub(super) fn for_each_kmer<E, B: AsRef<[u8]>>(
        self,
        keys: RangeInclusive<u64>,
        block: impl Fn() -> Result<B, E>,
        damage: impl Fn(String) -> E,
        mut each: impl FnMut(u64, u64, Query) -> Result<(), E>,
    ) -> Result<(), E> {
        let minimizers = &self.fields().minimizers;
        let (mut scratch, mut payload) = (Vec::new(), None);
        self.for_each_minimizer(keys, &damage, |key, entries| {
            let minimizer = minimizers.minimizer_of_key(key);
            match entries {
                MinimizerEntries::Few(entries) => {
                    let mut outcome = Ok(());
                    for_each_kmer_of(minimizers, entries, &mut scratch, |offset, context, frequency| {
                        if outcome.is_ok() {
                            let kmer = minimizers.kmer(minimizer, context, offset);
                            outcome = each(kmer, frequency, Query::of_offset(key, context, offset));
                        }
                    });
                    outcome
                }
                MinimizerEntries::Crowd(crowd) => {
                    let payload = match &payload {
                        Some(payload) => payload,
                        None => payload.insert(block()?),
                    };
                    self.for_each_kmer_of_crowd((key, minimizer), &crowd, payload.as_ref(), &damage, &mut each)
                }
            }
        })
    }

    fn for_each_kmer_of_crowd<E>(
        self,
        (key, minimizer): (u64, u64),
        crowd: &Crowd,
        block: &[u8],
        damage: impl Fn(String) -> E,
        mut each: impl FnMut(u64, u64, Query) -> Result<(), E>,
    ) -> Result<(), E> {
        let (fields, minimizers) = (self.fields(), &self.fields().minimizers);
        if crowd.end > block.len() as u64 * 8 {
            return Err(damage(forged_crowd()));
        }
        for row in 0..crowd.kmers {
            let (offset, context) = fields.minimizers.split_flanks(crowd.key(fields, block, row));
            if offset > minimizers.flank() {
                return Err(damage(forged_crowd()));
            }
            let kmer = minimizers.kmer(minimizer, context, offset);
            each(kmer, crowd.row(block, row).0, Query::of_offset(key, context, offset))?;
        }
        Ok(())
    }
}
