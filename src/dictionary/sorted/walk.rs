//! Walks the k-mers of a sorted page in their order: for dumps, the seed order and checks.

use std::ops::RangeInclusive;

use crate::dictionary::sorted::layout::BUCKETS;
use crate::dictionary::sorted::search::PageView;
use crate::format::bits;

/// The k-mers of a page in order: (hash, frequency).
pub(crate) struct Entries<'a> {
    page: PageView<'a>,
    first_group: u64,
    /// Number of the next bucket, counted from the start of the page.
    bucket: u64,
    left_in_bucket: u32,
    slot: u32,
    ordinal: u32,
}

impl<'a> PageView<'a> {
    /// Walks every entry of the page in order.
    pub(crate) fn entries(self) -> Entries<'a> {
        let first_group = self.number * self.codec.layout.groups_per_page;
        Entries { page: self, first_group, bucket: 0, left_in_bucket: 0, slot: 0, ordinal: 0 }
    }

    /// Walks the entries of the page whose hash is one of `hashes`, in order.
    pub(crate) fn entries_in(self, hashes: RangeInclusive<u64>) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let (shape, mut entries) = (self.shape, self.entries());
        if shape.fields.page(*hashes.start()) == self.number {
            // From the last group before them that has a sample of the exceptions before it.
            let group = shape.fields.group_in_page(*hashes.start(), self.number) >> shape.sample_shift;
            let sums = self.sample(group << shape.sample_shift);
            entries.bucket = (group << shape.sample_shift) * BUCKETS;
            (entries.slot, entries.ordinal) = (sums.slot, sums.exceptions);
        }
        let (first, last) = hashes.into_inner();
        entries.take_while(move |entry| entry.0 <= last).filter(move |entry| entry.0 >= first)
    }

    /// Walks the frequencies of the page in order, which is cheaper than walking the k-mers.
    pub(crate) fn frequencies(self) -> impl Iterator<Item = u64> + use<'a> {
        let mut ordinal = 0;
        (0..self.shape.entries).map(move |slot| self.next_frequency(slot, &mut ordinal))
    }

    /// Frequency of the entry at `slot`; `ordinal` counts the exceptions so far.
    #[inline(always)]
    fn next_frequency(self, slot: u32, ordinal: &mut u32) -> u64 {
        let value = match self.inline_value(self.code(slot)) {
            Some(value) => value,
            None => {
                // A forged page may have any number of exceptions before a group.
                *ordinal = ordinal.wrapping_add(1);
                self.exception(ordinal.wrapping_sub(1))
            }
        };
        self.codec.filters.min_frequency.saturating_add(value)
    }
}

impl Iterator for Entries<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        let (page, layout) = (self.page, &self.page.codec.layout);
        if self.slot >= page.shape.entries {
            return None;
        }
        while self.left_in_bucket == 0 {
            if self.bucket >= page.shape.groups * BUCKETS {
                return None;
            }
            self.left_in_bucket = page.bucket_count(self.bucket / BUCKETS, (self.bucket % BUCKETS) as u32);
            self.bucket += 1;
        }
        self.left_in_bucket -= 1;
        let slot = self.slot;
        self.slot += 1;
        let bucket = self.bucket - 1;
        let at = page.entry_at(slot) + u64::from(page.shape.code_bits);
        let remainder = bits::read(page.bytes, at, layout.remainder_bits);
        let hash = layout.first_hash(self.first_group + bucket / BUCKETS)
            | (bucket % BUCKETS) << layout.remainder_bits
            | remainder;
        Some((hash, page.next_frequency(slot, &mut self.ordinal)))
    }
}
