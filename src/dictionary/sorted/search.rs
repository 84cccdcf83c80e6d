//! Finds k-mers in a sorted page without decoding it: a look-up touches the directory of one group and the few entries
//! of one bucket.

use std::ops::Range;

use crate::dictionary::page::Page;
use crate::dictionary::sorted::codec::SortedCodec;
use crate::dictionary::sorted::frequency_code::OVERFLOW_BYTES;
use crate::dictionary::sorted::layout::BUCKETS;
use crate::dictionary::sorted::page::{COUNT_BYTES, HEADER, MAX_LOADED_BITS, PageShape, sample_bytes};
use crate::format::bits;
use crate::kmer::low_mask;
use crate::memory::system::prefetch;

/// For each bucket of a group, the bits of the counts before it.
static COUNTS_BEFORE: [[u64; COUNT_WORDS]; BUCKETS as usize] = counts_before();
/// Words of the counts of a group.
const COUNT_WORDS: usize = COUNT_BYTES / 8;

const fn counts_before() -> [[u64; COUNT_WORDS]; BUCKETS as usize] {
    let mut masks = [[0; COUNT_WORDS]; BUCKETS as usize];
    let mut bucket = 0;
    while bucket < BUCKETS as usize {
        let mut before = 0;
        while before < bucket {
            masks[bucket][before / 16] |= 15 << (4 * (before % 16));
            before += 1;
        }
        bucket += 1;
    }
    masks
}

/// A page with its codec, ready to be searched.
#[derive(Clone, Copy)]
pub(crate) struct PageView<'a> {
    pub(super) codec: &'a SortedCodec,
    pub(super) shape: &'a PageShape,
    pub(super) bytes: &'a [u8],
    pub(super) number: u64,
}

/// The entries of a bucket: `count` entries from slot `start`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) start: u32,
    pub(crate) count: u32,
}

/// The result of [`PageView::probe`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probed {
    /// Frequency of the hash, 0 if it is not stored; valid only if that is decided.
    pub(crate) frequency: u64,
    /// Whether that is all: the bucket has no more entries than were compared, and the entry is no exception.
    pub(crate) is_decided: bool,
}

/// The sums of all entries before a slot. Samples of them are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) slot: u32,
    pub(super) exceptions: u32,
    pub(super) list_bits: u64,
}

impl SortedCodec {
    #[inline(always)]
    pub(crate) fn view<'a>(&'a self, page: &'a Page<PageShape>) -> PageView<'a> {
        self.view_of(&page.shape, page.bytes(), page.number)
    }

    #[inline(always)]
    pub(crate) fn view_of<'a>(&'a self, shape: &'a PageShape, bytes: &'a [u8], number: u64) -> PageView<'a> {
        PageView { codec: self, shape, bytes, number }
    }
}

impl<'a> PageView<'a> {
    #[inline(always)]
    fn u32_at(self, at: usize) -> u32 {
        bits::load(self.bytes, at) as u32
    }

    /// The entries among which `hash` is, if it is in this page at all.
    #[inline(always)]
    pub(crate) fn bucket_of(self, hash: u64) -> Bucket {
        let fields = &self.shape.fields;
        self.bucket(fields.group_in_page(hash, self.number), fields.bucket(hash))
    }

    /// Entries in a bucket of a group, counted from the start of the page.
    #[inline(always)]
    pub(super) fn bucket_count(self, group: u64, bucket: u32) -> u32 {
        if !self.shape.is_narrow {
            return self.bucket(group, bucket).count;
        }
        let at = self.shape.counts_at + group as usize * COUNT_BYTES + bucket as usize / 2;
        u32::from((self.bytes.get(at).copied().unwrap_or(0) >> (4 * (bucket & 1))) & 15)
    }

    #[inline(always)]
    pub(super) fn bucket(self, group: u64, bucket: u32) -> Bucket {
        let (shape, bytes) = (self.shape, self.bytes);
        let group = group as usize;
        if !shape.is_narrow {
            let at = HEADER + (group * BUCKETS as usize + bucket as usize) * 4;
            let pair = bits::load(bytes, at);
            // Never past the entries, so that a forged directory cannot make a search long.
            let (start, end) = (pair as u32, ((pair >> 32) as u32).min(shape.entries));
            return Bucket { start, count: end.saturating_sub(start) };
        }
        let start = bits::load(bytes, HEADER + group * 2) as u16;
        let at = shape.counts_at + group * COUNT_BYTES;
        // Sum of the four-bit counts before this bucket: pairs of nibbles, then pairs of bytes, then one
        // multiplication.
        /// Mask of the low half of each byte.
        const LOW_NIBBLES: u64 = 0x0F0F_0F0F_0F0F_0F0F;
        /// Mask of the low byte of each 16 bits.
        const LOW_BYTES: u64 = 0x00FF_00FF_00FF_00FF;
        let counts: &[u8; COUNT_BYTES] =
            bytes.get(at..).and_then(|rest| rest.first_chunk()).unwrap_or(&[0; COUNT_BYTES]);
        let (words, _) = counts.as_chunks();
        let mut by_byte = 0;
        for (word, mask) in words.iter().zip(&COUNTS_BEFORE[bucket as usize % BUCKETS as usize]) {
            let nibbles = u64::from_le_bytes(*word) & mask;
            by_byte += (nibbles & LOW_NIBBLES) + ((nibbles >> 4) & LOW_NIBBLES);
        }
        let by_pair = (by_byte & LOW_BYTES) + ((by_byte >> 8) & LOW_BYTES);
        let sum = by_pair.wrapping_mul(0x0001_0001_0001_0001) >> 48;
        Bucket { start: u32::from(start) + sum as u32, count: self.bucket_count(group as u64, bucket) }
    }

    /// First bit of an entry.
    #[inline(always)]
    pub(super) fn entry_at(self, slot: u32) -> u64 {
        self.shape.entries_at as u64 * 8 + u64::from(slot) * u64::from(self.shape.entry_bits)
    }

    /// The frequency code of an entry.
    #[inline(always)]
    pub(super) fn code(self, slot: u32) -> u64 {
        // At most 16 bits: never more than one load.
        let at = self.entry_at(slot);
        (bits::load(self.bytes, (at >> 3) as usize) >> (at & 7)) & low_mask(self.shape.code_bits)
    }

    /// Compares the first entries of a bucket at once, as many as one load reads, without any branch.
    #[inline(always)]
    pub(crate) fn probe(self, bucket: Bucket, hash: u64) -> Probed {
        let shape = self.shape;
        let at = self.entry_at(bucket.start);
        let entries = bits::load(self.bytes, (at >> 3) as usize) >> (at & 7);
        let (code_mask, entry_mask) = (low_mask(shape.code_bits), low_mask(shape.entry_bits));
        // A lane of `other` is zero if its remainder is that of the hash. Subtracting one from every lane borrows from
        // the highest bit of exactly those: a lane that is not zero is at least 2, since codes have a bit or more, so a
        // borrow from the lane below does not reach it.
        let wanted = shape.fields.remainder(hash) << shape.code_bits;
        let remainders = (entry_mask & !code_mask).wrapping_mul(shape.lane_ones);
        let other = (entries ^ wanted.wrapping_mul(shape.lane_ones)) & remainders;
        let compared = low_mask(bucket.count.min(shape.lanes) * shape.entry_bits);
        let found = other.wrapping_sub(shape.lane_ones) & !other & shape.lane_tops & compared;
        let is_found = u64::from(found != 0);
        let bit = (found.trailing_zeros() + 1).wrapping_sub(shape.entry_bits) & 63;
        let code = (entries >> bit) & code_mask;
        Probed {
            frequency: (self.codec.filters.min_frequency.wrapping_add(code)) * is_found,
            is_decided: (bucket.count <= shape.lanes) & (code * is_found != code_mask),
        }
    }

    /// Prefetches the counts of the group of `hash`.
    #[inline(always)]
    pub(crate) fn prefetch_directory(self, hash: u64) {
        let group = self.shape.fields.group_in_page(hash, self.number) as usize;
        prefetch(self.bytes, self.shape.counts_at + group * COUNT_BYTES);
    }

    /// Prefetches the first entry of a bucket.
    #[inline(always)]
    pub(crate) fn prefetch_entries(self, bucket: Bucket) {
        prefetch(self.bytes, (self.entry_at(bucket.start) >> 3) as usize);
    }

    /// The slot of `hash` among the entries of its bucket, and its frequency code.
    #[inline(always)]
    pub(crate) fn search(self, bucket: Bucket, hash: u64) -> Option<(u32, u64)> {
        let remainder = self.shape.fields.remainder(hash);
        let (entry_bits, code_bits) = (self.shape.entry_bits, self.shape.code_bits);
        let slots = bucket.start..bucket.start.saturating_add(bucket.count);
        if entry_bits <= MAX_LOADED_BITS {
            let mask = low_mask(entry_bits);
            for slot in slots {
                let at = self.entry_at(slot);
                let entry = (bits::load(self.bytes, (at >> 3) as usize) >> (at & 7)) & mask;
                if entry >> code_bits == remainder {
                    return Some((slot, entry & low_mask(code_bits)));
                }
            }
        } else {
            for slot in slots {
                let at = self.entry_at(slot) + u64::from(code_bits);
                if bits::read(self.bytes, at, entry_bits - code_bits) == remainder {
                    return Some((slot, self.code(slot)));
                }
            }
        }
        None
    }

    /// Frequency of a hash; 0 if it is not stored.
    #[inline(always)]
    pub(crate) fn frequency(self, hash: u64) -> u64 {
        self.frequency_in(self.bucket_of(hash), hash)
    }

    /// Frequency of a hash, whose bucket is known; 0 if it is not stored.
    #[inline(always)]
    pub(crate) fn frequency_in(self, bucket: Bucket, hash: u64) -> u64 {
        match self.search(bucket, hash) {
            Some((slot, code)) => self.frequency_of(hash, slot, code),
            None => 0,
        }
    }

    /// Frequency of the entry of `hash`, which was found at `slot`.
    #[inline(always)]
    pub(crate) fn frequency_of(self, hash: u64, slot: u32, code: u64) -> u64 {
        let value = match self.inline_value(code) {
            Some(value) => value,
            None => self.escaped_value(hash, slot),
        };
        self.codec.filters.min_frequency.saturating_add(value)
    }

    /// The frequency above the minimum that a code represents; `None` if it is an exception.
    #[inline(always)]
    pub(crate) fn inline_value(self, code: u64) -> Option<u64> {
        (code != low_mask(self.shape.code_bits)).then_some(code)
    }

    /// Frequency above the minimum of an exception.
    #[inline]
    pub(super) fn exception(self, ordinal: u32) -> u64 {
        let (shape, bytes) = (self.shape, self.bytes);
        let at = shape.exceptions_at as u64 * 8 + u64::from(ordinal) * u64::from(shape.exception_bits);
        let value = bits::read(bytes, at, shape.exception_bits);
        if value != low_mask(shape.exception_bits) {
            return value;
        }
        let (mut low, mut high) = (0, shape.overflows as usize);
        while low < high {
            let middle = (low + high) / 2;
            if self.u32_at(shape.overflows_at + middle * OVERFLOW_BYTES) < ordinal {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        bits::load(bytes, shape.overflows_at + low * OVERFLOW_BYTES + 4)
    }

    /// The sample of a group.
    #[inline]
    pub(super) fn sample(self, group: u64) -> Sums {
        let shape = self.shape;
        let sample = (group >> shape.sample_shift) as usize;
        let first_group = (sample << shape.sample_shift) as u64;
        let at = shape.samples_at + sample * sample_bytes(shape.wide_samples);
        let list_bits =
            if shape.wide_samples { bits::load(self.bytes, at + 4) } else { u64::from(self.u32_at(at + 4)) };
        Sums { slot: self.bucket(first_group, 0).start, exceptions: self.u32_at(at), list_bits }
    }

    /// Exceptions among the entries of these slots.
    #[inline]
    fn exceptions_in(self, slots: Range<u32>) -> u32 {
        if self.shape.code_bits > 1 {
            return slots.map(|slot| u32::from(self.inline_value(self.code(slot)).is_none())).sum();
        }
        // The commonest code by far if all k-mers are stored: the one bit of each entry is the escape.
        let mut at = self.entry_at(slots.start);
        let mut count = 0;
        for _ in slots {
            let byte = self.bytes.get((at >> 3) as usize).copied().unwrap_or(0);
            count += u32::from(byte >> (at & 7) & 1);
            at += u64::from(self.shape.entry_bits);
        }
        count
    }

    /// Of the samples before and after `slot` the nearer; the end of the page counts as one.
    #[inline]
    fn nearest_sample(self, group: u64, slot: u32) -> Sums {
        let shape = self.shape;
        let before = self.sample(group);
        let next_group = ((group >> shape.sample_shift) + 1) << shape.sample_shift;
        let after = if next_group < shape.groups {
            self.sample(next_group)
        } else {
            Sums { slot: shape.entries, exceptions: shape.exceptions, list_bits: shape.block_bits }
        };
        if slot.wrapping_sub(before.slot) <= after.slot.wrapping_sub(slot) { before } else { after }
    }

    /// Exceptions before the entry at `slot`, counted from the nearer sample.
    #[inline]
    fn ordinal(self, group: u64, slot: u32) -> u32 {
        let slot = slot.min(self.shape.entries);
        let from = self.nearest_sample(group, slot);
        if from.slot <= slot {
            from.exceptions.wrapping_add(self.exceptions_in(from.slot..slot))
        } else {
            from.exceptions.wrapping_sub(self.exceptions_in(slot..from.slot.min(self.shape.entries)))
        }
    }

    /// Frequency above the minimum of an entry whose code is the escape.
    #[inline(always)]
    fn escaped_value(self, hash: u64, slot: u32) -> u64 {
        escaped_value(self.codec, self.shape, self.bytes, self.number, hash, slot)
    }

    /// First bit, in the position block, of the list of the entry of `hash` at `slot`.
    pub(crate) fn list_at(self, hash: u64, slot: u32) -> u64 {
        let slot = slot.min(self.shape.entries);
        let group = self.shape.fields.group_in_page(hash, self.number);
        let from = self.nearest_sample(group, slot);
        if from.slot <= slot {
            from.list_bits.saturating_add(self.list_bits(from.slot..slot, from.exceptions))
        } else {
            let slots = slot..from.slot.min(self.shape.entries);
            let first = from.exceptions.wrapping_sub(self.exceptions_in(slots.clone()));
            from.list_bits.saturating_sub(self.list_bits(slots, first))
        }
    }

    /// Bits of the lists of these slots; `ordinal` is that of their first exception.
    fn list_bits(self, slots: Range<u32>, mut ordinal: u32) -> u64 {
        let mut sum = 0u64;
        for slot in slots {
            let value = match self.inline_value(self.code(slot)) {
                Some(value) => value,
                None => {
                    ordinal = ordinal.wrapping_add(1);
                    self.exception(ordinal.wrapping_sub(1))
                }
            };
            sum = sum.saturating_add(self.codec.list_bits(self.codec.filters.min_frequency.saturating_add(value)));
        }
        sum
    }
}

/// [`PageView::escaped_value`] out of line: rare, and with its arguments in registers, which a view is too large for.
#[cold]
fn escaped_value(codec: &SortedCodec, shape: &PageShape, bytes: &[u8], number: u64, hash: u64, slot: u32) -> u64 {
    let view = PageView { codec, shape, bytes, number };
    view.exception(view.ordinal(shape.fields.group_in_page(hash, number), slot))
}
