//! Finds super-k-mers in a page without decoding it: one exclusive or of contexts decides for a whole run of k-mers
//! which of them an entry has.

use std::ops::Range;

use crate::Result;
use crate::dictionary::page::Page;
use crate::dictionary::source::Source;
use crate::dictionary::superkmers::codec::SuperKmerCodec;
use crate::dictionary::superkmers::crowd::{CROWD_BYTES, CROWDED, Crowd, forged_crowd};
use crate::dictionary::superkmers::entry::{Entry, agreement};
use crate::dictionary::superkmers::layout::{COUNT_BYTES, Fields, GROUP, HEADER};
use crate::dictionary::superkmers::page::{DENSE, DENSE_BYTES, PageShape};
use crate::format::bits;
use crate::kmer::{SuperKmer, low_mask};
use crate::memory::system::prefetch;

/// No super-k-mer occurs more often: sums of forged counts do not overflow.
const MAX_COUNT: u64 = 1 << 40;

/// Heads of entries that are compared without a branch on each: a bucket has two to four entries on average.
const COMPARED: u32 = 4;

/// Cache lines that are prefetched from the probable start of the entries of a bucket.
const PREFETCHED_LINES: usize = 3;
/// Bytes between two prefetches: less than a line, so that no line is left out.
const PREFETCH_STEP: usize = 56;

/// K-mers of one minimizer that are looked up together, on the strand on which it reads forward: those with `low` to
/// `high` bases before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query {
    pub(super) key: u64,
    pub(super) context: u64,
    pub(super) low: u8,
    pub(super) high: u8,
}

impl Query {
    #[inline(always)]
    pub(super) fn of(s: &SuperKmer, context: u64) -> Self {
        Self { key: s.key, context, low: s.low as u8, high: s.high as u8 }
    }

    /// For the one k-mer with `offset` bases before the minimizer.
    #[inline(always)]
    pub(super) fn of_offset(key: u64, context: u64, offset: u32) -> Self {
        Self { key, context, low: offset as u8, high: offset as u8 }
    }

    /// For one k-mer, and whether its minimizer reads on its reverse strand.
    #[inline]
    pub(super) fn of_kmer(fields: &Fields, kmer: u64) -> (Self, bool) {
        let (s, context) = fields.minimizers.kmer_alone(kmer);
        (Self::of(&s, context), s.reverse)
    }

    /// Bases before the minimizer of the k-mers, fewest first.
    #[inline(always)]
    pub(super) fn offsets(&self) -> std::ops::RangeInclusive<u32> {
        self.low.into()..=self.high.into()
    }
}

/// Coded position of the k-mer with `offset` bases before the minimizer, from that of the minimizer. A forged position
/// that would begin before the genome begins with it.
#[inline(always)]
pub(super) fn kmer_position(minimizer: u64, offset: u32, flank: u32) -> u64 {
    let strand = minimizer & 1;
    let before = if strand == 0 { offset } else { flank.saturating_sub(offset) };
    (minimizer >> 1).saturating_sub(before.into()) << 1 | strand
}

/// An entry that has k-mers of a query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    pub(super) index: u32,
    /// Occurrences.
    pub(super) count: u64,
}

/// A page with its codec, ready to be searched.
#[derive(Clone, Copy)]
pub(crate) struct PageView<'a> {
    pub(super) codec: &'a SuperKmerCodec,
    pub(super) shape: &'a PageShape,
    pub(super) bytes: &'a [u8],
    pub(super) number: u64,
}

impl SuperKmerCodec {
    #[inline(always)]
    pub(super) fn view<'a>(&'a self, page: &'a Page<PageShape>) -> PageView<'a> {
        self.view_of(&page.shape, page.bytes(), page.number)
    }

    #[inline(always)]
    pub(super) fn view_of<'a>(&'a self, shape: &'a PageShape, bytes: &'a [u8], number: u64) -> PageView<'a> {
        PageView { codec: self, shape, bytes, number }
    }
}

impl<'a> PageView<'a> {
    #[inline(always)]
    pub(super) fn fields(self) -> &'a Fields {
        &self.codec.fields
    }

    /// Entries of the bucket of `key`.
    #[inline(always)]
    pub(super) fn bucket_of(self, key: u64) -> Range<u32> {
        self.bucket(self.fields().bucket_in_page(key, self.number))
    }

    #[inline(always)]
    pub(super) fn bucket(self, bucket: usize) -> Range<u32> {
        let (group, bucket) = (bucket / GROUP, bucket % GROUP);
        let first = bits::load(self.bytes, HEADER + 2 * group) as u16;
        let counts =
            bits::load(self.bytes, self.shape.counts_at + COUNT_BYTES * group) & low_mask(8 * COUNT_BYTES as u32);
        let (start, end) = if counts & 15 == DENSE {
            self.dense_bucket(counts >> 4, bucket)
        } else {
            // The counts before it, two to a byte, then added up in the highest.
            let before = counts & low_mask(4 * bucket as u32);
            let pairs = (before & 0x0F0F_0F0F_0F0F) + (before >> 4 & 0x0F0F_0F0F_0F0F);
            let start = u32::from(first) + (pairs.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32;
            (start, start + (counts >> (4 * bucket) & 15) as u32)
        };
        // Never past the entries, so that a forged directory cannot make a search long.
        start..end.min(self.shape.entries)
    }

    /// Entries of a bucket of a dense group.
    #[cold]
    fn dense_bucket(self, row: u64, bucket: usize) -> (u32, u32) {
        let row = usize::try_from(row).ok();
        let at = row.and_then(|row| self.shape.dense_at.checked_add(row.checked_mul(DENSE_BYTES)?));
        let starts = bits::load(self.bytes, at.unwrap_or(self.bytes.len()).saturating_add(4 * bucket));
        (starts as u32, (starts >> 32) as u32)
    }

    /// Prefetches the directory of the bucket of `key`.
    #[inline(always)]
    pub(super) fn prefetch_directory(self, key: u64) {
        let group = self.fields().bucket_in_page(key, self.number) / GROUP;
        prefetch(self.bytes, HEADER + 2 * group);
        prefetch(self.bytes, self.shape.counts_at + COUNT_BYTES * group);
    }

    /// Prefetches the probable position of the entries of the bucket of `key` (buckets of a group have about as many),
    /// so that one look-up does not wait twice.
    #[inline(always)]
    pub(super) fn prefetch_likely(self, key: u64) {
        let (stride, bucket) = (self.fields().stride, self.fields().bucket_in_page(key, self.number));
        let (group, bucket) = (bucket / GROUP, bucket % GROUP);
        prefetch(self.bytes, self.shape.counts_at + COUNT_BYTES * group);
        let firsts = bits::load(self.bytes, HEADER + 2 * group) as usize;
        let (first, next) = (firsts & 0xFFFF, firsts >> 16 & 0xFFFF);
        let likely = first + next.saturating_sub(first) * bucket / GROUP;
        let at = self.shape.entries_at + likely.saturating_sub(2) * stride;
        for line in 0..PREFETCHED_LINES {
            prefetch(self.bytes, at + PREFETCH_STEP * line);
        }
    }

    /// Prefetches the entries of a bucket; they lie on one line or two.
    #[inline(always)]
    pub(super) fn prefetch_entries(self, bucket: &Range<u32>) {
        let stride = self.fields().stride;
        prefetch(self.bytes, self.shape.entries_at + bucket.start as usize * stride);
        prefetch(self.bytes, self.shape.entries_at + bucket.end as usize * stride - 1);
    }

    /// The first word of an entry.
    #[inline(always)]
    pub(super) fn head(self, index: u32) -> u64 {
        bits::load(self.bytes, self.shape.entries_at + index as usize * self.fields().stride)
    }

    /// Code of the range of an entry.
    #[inline(always)]
    pub(super) fn range(self, head: u64) -> u64 {
        head >> self.fields().remainder_bits & low_mask(Fields::RANGE_BITS)
    }

    /// Context of an entry; the number of its crowd if it represents one.
    #[inline(always)]
    pub(super) fn context(self, index: u32) -> u64 {
        let fields = self.fields();
        let head_bits = fields.remainder_bits + Fields::RANGE_BITS + fields.count_bits;
        let at = 8 * (self.shape.entries_at + index as usize * fields.stride) as u64 + u64::from(head_bits);
        bits::read(self.bytes, at, 4 * fields.minimizers.flank())
    }

    /// Occurrences of an entry.
    #[inline(always)]
    fn count(self, index: u32, head: u64) -> u64 {
        let fields = self.fields();
        let code = head >> (fields.remainder_bits + Fields::RANGE_BITS) & low_mask(fields.count_bits);
        if code == low_mask(fields.count_bits) { self.repeat(index).0 } else { code + 1 }
    }

    /// The entry at `index`, which does not represent a crowd.
    #[inline(always)]
    pub(super) fn entry(self, index: u32, head: u64) -> Entry {
        let (low, high) = Fields::offsets(self.range(head));
        Entry {
            low,
            // A forged range may have offsets that no k-mer has.
            high: high.min(self.fields().minimizers.flank()),
            context: self.context(index),
            count: self.count(index, head),
            index,
        }
    }

    /// Occurrences of an entry that is repeated, and first bit of the list of its further positions, counted from the
    /// end of the first positions.
    #[cold]
    pub(super) fn repeat(self, index: u32) -> (u64, u64) {
        let (mut low, mut high) = (0, self.shape.repeats);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.repeat_row(middle).0 < index { low = middle + 1 } else { high = middle }
        }
        match self.repeat_row(low) {
            (found, count, at) if low < self.shape.repeats && found == index => (count.min(MAX_COUNT), at),
            // Only a forged page has no row: it occurs once, then.
            _ => (1, 0),
        }
    }

    /// A row of the table of repeats: entry, count, first bit of the list.
    #[inline(always)]
    pub(super) fn repeat_row(self, row: u32) -> (u32, u64, u64) {
        let shape = self.shape;
        let widths = [shape.index_bits, shape.repeat_count_bits, shape.list_bits];
        let mut at = 8 * shape.repeats_at as u64 + u64::from(row) * u64::from(widths.iter().sum::<u32>());
        let [index, count, list_at] = widths.map(|width| {
            at += u64::from(width);
            bits::read(self.bytes, at - u64::from(width), width)
        });
        (index as u32, count, list_at)
    }

    /// The crowd of this number.
    ///
    /// # Errors
    /// A sentence for a forged page.
    pub(super) fn crowd(self, number: u64) -> Result<Crowd, String> {
        let (shape, fields) = (self.shape, self.fields());
        let number = usize::try_from(number).ok().filter(|&n| n < shape.crowds as usize).ok_or_else(forged_crowd)?;
        let at = shape.crowds_at + number * CROWD_BYTES;
        Crowd::read(fields, self.bytes, at, shape.firsts_bits(fields))
            .filter(|crowd| crowd.end <= shape.block_bits)
            .ok_or_else(forged_crowd)
    }

    /// Calls `each(low, high, entry)` for the entries of `bucket` that have k-mers of the query, those with
    /// `low` to `high` bases before the minimizer. Returns the crowd of the minimizer, if it is crowded.
    ///
    /// # Errors
    /// A sentence for a forged page.
    #[inline(always)]
    pub(super) fn search(
        self,
        bucket: Range<u32>,
        query: &Query,
        mut each: impl FnMut(u32, u32, Match),
    ) -> Result<Option<Crowd>, String> {
        let fields = self.fields();
        let flank = fields.minimizers.flank();
        let remainder = fields.remainder(query.key);
        // Four at a time, without a branch on any of them: which it is cannot be foretold.
        let mut next = bucket.start;
        let mut found = 0u32;
        loop {
            while found == 0 {
                if next >= bucket.end {
                    return Ok(None);
                }
                let first = self.shape.entries_at + next as usize * fields.stride;
                // Nothing past the bucket is read: its line was not prefetched.
                let last = bucket.end - 1 - next;
                for i in 0..COMPARED {
                    let head = bits::load(self.bytes, first + i.min(last) as usize * fields.stride);
                    found |= u32::from(fields.remainder(head) == remainder && i <= last) << i;
                }
                next += COMPARED;
            }
            let index = next - COMPARED + found.trailing_zeros();
            found &= found - 1;
            let head = self.head(index);
            let range = self.range(head);
            let context = self.context(index);
            if range == CROWDED {
                return self.crowd(context).map(Some);
            }
            let (from, to) = agreement(context, query.context, flank);
            let (low, high) = Fields::offsets(range);
            let low = low.max(query.low.into()).max(from);
            let high = high.min(query.high.into()).min(to);
            if low <= high {
                let count = self.count(index, head);
                each(low, high, Match { index, count });
            }
        }
    }

    /// Calls `each(offset, count)` for what the entries of `bucket` have of the k-mers of a query.
    #[inline(always)]
    pub(super) fn counts(
        self,
        source: &impl Source<PageShape>,
        bucket: Range<u32>,
        query: &Query,
        mut each: impl FnMut(u32, u64),
    ) -> Result<()> {
        let crowd = self
            .search(bucket, query, |low, high, found| {
                for offset in low..=high {
                    each(offset, found.count);
                }
            })
            .map_err(|problem| source.page_damage(problem))?;
        if let Some(crowd) = crowd {
            let block = source.block(self.number)?;
            for offset in query.offsets() {
                if let Some((count, _)) = crowd.find(self.fields(), block.bytes(), offset, query.context) {
                    each(offset, count);
                }
            }
        }
        Ok(())
    }
}
