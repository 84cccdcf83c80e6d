//! One page of the dictionary: the k-mers of a range of hashes, sorted, bit-packed, searched where they lie.
//!
//! `schema/format.md` draws the bytes. A lookup touches the directory of one group (a 16-bit start and 64 counts of
//! four bits) and the few entries of one bucket; nothing is decoded.

use std::ops::Range;

use crate::dictionary::Layout;
use crate::dictionary::sorted::layout::{Address, BUCKETS, sample_shift};
use crate::format::bits::{BitWriter, PADDING};
use crate::format::positions::{ListCode, stored_positions};
use crate::format::{Identity, Piece, bits};
use crate::kmer::low_mask;
use crate::memory::system::prefetch;

const HEADER: usize = 48;
const AT_PAGE: usize = 8;
const AT_ENTRIES: usize = 16;
const AT_EXCEPTIONS: usize = 20;
const AT_OVERFLOWS: usize = 24;
const AT_CODE_BITS: usize = 28;
const AT_EXCEPTION_BITS: usize = 29;
const AT_DIRECTORY: usize = 30;
const AT_SAMPLE_SHIFT: usize = 31;
const AT_BLOCK_BITS: usize = 32;
const AT_WIDE_SAMPLES: usize = 40;

/// Directory of one 16-bit start and 64 four-bit counts a group.
const NIBBLES: u8 = 0;
/// Directory of one 32-bit start a bucket, where a page holds too many k-mers, or a bucket does.
const STARTS: u8 = 1;

const NIBBLE_BYTES: usize = BUCKETS as usize / 2;
const OVERFLOW_BYTES: usize = 12;
const MAX_CODE_BITS: u32 = 16;
const MAX_EXCEPTION_BITS: u32 = 32;

/// The frequency filters of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) min_frequency: u64,
    pub(crate) max_frequency: Option<u64>,
    pub(crate) max_positions: Option<u64>,
}

impl Filters {
    #[inline(always)]
    pub(crate) fn keeps(&self, frequency: u64) -> bool {
        frequency >= self.min_frequency && self.max_frequency.is_none_or(|max| frequency <= max)
    }

    #[inline(always)]
    pub(crate) fn stored_positions(&self, frequency: u64) -> u64 {
        stored_positions(frequency, self.max_positions)
    }
}

/// Where the counts of a page of so many groups begin: in a page that begins on a line of the processor's caches, those of
/// a group never straddle two.
fn counts_at(groups: usize) -> usize {
    (HEADER + groups * 2).next_multiple_of(NIBBLE_BYTES)
}

/// How many bits the frequencies of a page take, and how they are cut into codes, exceptions and overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrequencyCode {
    code_bits: u32,
    exception_bits: u32,
}

impl FrequencyCode {
    /// The cheapest code for a histogram over the bit length of `frequency - min_frequency + 1`, and its bits in all.
    ///
    /// A value v is written in its entry when v + 1 has at most `code_bits` bits (the code of all ones is the escape),
    /// else in the exceptions when it has at most `exception_bits`, else in the overflows.
    ///
    /// `exception_cost` is how many bits it is worth to keep a frequency out of the exceptions, where it takes a walk over
    /// its neighbours to find it.
    pub(crate) fn cheapest(by_bit_length: &[u64; 65], exception_cost: u64) -> (Self, u64) {
        let total: u64 = by_bit_length.iter().sum();
        let mut best = (Self { code_bits: 1, exception_bits: 1 }, u64::MAX);
        let mut least = u64::MAX;
        let mut inline = 0;
        for code_bits in 1..=MAX_CODE_BITS {
            inline += by_bit_length[code_bits as usize];
            let exceptions = total - inline;
            let mut short = 0;
            for exception_bits in 1..=MAX_EXCEPTION_BITS {
                if exception_bits > code_bits {
                    short += by_bit_length[exception_bits as usize];
                }
                let overflows = exceptions - short;
                let bits = total * u64::from(code_bits)
                    + exceptions * u64::from(exception_bits)
                    + overflows * 8 * OVERFLOW_BYTES as u64;
                let cost = bits + exceptions * exception_cost;
                if cost < least {
                    least = cost;
                    best = (Self { code_bits, exception_bits }, bits);
                }
                if overflows == 0 {
                    break;
                }
            }
            if exceptions == 0 {
                break;
            }
        }
        best
    }
}

/// Where entries are narrow anyway, a bit more in each is little beside the positions.
pub(crate) fn exception_cost(remainder_bits: u32) -> u64 {
    if remainder_bits < 24 { 24 } else { 0 }
}

/// Bit length of v + 1, the class by which frequencies are coded.
#[inline(always)]
pub(crate) fn frequency_class(frequency: u64, min_frequency: u64) -> usize {
    (u64::BITS - (frequency - min_frequency + 1).leading_zeros()) as usize
}

/// Gathers the k-mers of one page in the order of their hashes, then encodes them.
#[derive(Debug)]
pub(crate) struct PageEncoder {
    identity: Identity,
    layout: Layout,
    filters: Filters,
    lists: ListCode,
    hashes: Vec<u64>,
    frequencies: Vec<u64>,
    counts: Vec<u32>,
}

impl PageEncoder {
    pub(crate) fn new(identity: Identity, layout: Layout, filters: Filters, lists: ListCode) -> Self {
        Self { identity, layout, filters, lists, hashes: Vec::new(), frequencies: Vec::new(), counts: Vec::new() }
    }

    /// Adds a k-mer that passes the filters; hashes ascend.
    #[inline(always)]
    pub(crate) fn push(&mut self, hash: u64, frequency: u64) {
        self.hashes.push(hash);
        self.frequencies.push(frequency);
    }

    /// K-mers added.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Bytes of this thread's scratch, by capacity.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        (self.hashes.capacity() + self.frequencies.capacity()) as u64 * 8 + self.counts.capacity() as u64 * 4
    }

    /// Encodes page `page` into the emptied buffer `out` and forgets its k-mers. `block_bits` is the length of its
    /// position lists.
    pub(crate) fn finish(&mut self, page: u64, block_bits: u64, mut out: Vec<u8>) -> Vec<u8> {
        let Self { layout, filters, lists, counts, .. } = self;
        let address = layout.address();
        let groups = layout.groups_in(page) as usize;
        let entries = self.hashes.len();
        // Most k-mers have the least frequency, wherever an index holds many: a branch that is nearly always taken.
        let least = filters.min_frequency;

        let mut by_bit_length = [0u64; 65];
        for &frequency in &self.frequencies {
            if frequency == least {
                by_bit_length[1] += 1;
            } else {
                by_bit_length[frequency_class(frequency, least)] += 1;
            }
        }
        let (code, _) = FrequencyCode::cheapest(&by_bit_length, exception_cost(layout.remainder_bits));
        let FrequencyCode { code_bits, exception_bits } = code;
        let escape = low_mask(code_bits);
        let exception_escape = low_mask(exception_bits);
        let width = layout.remainder_bits + code_bits;

        // Counts of the buckets, to choose the directory.
        let first_hash = layout.first_hash(page * layout.groups_per_page);
        counts.clear();
        counts.resize(groups * BUCKETS as usize, 0);
        for &hash in &self.hashes {
            counts[((hash - first_hash) >> layout.remainder_bits) as usize] += 1;
        }
        let narrow = entries <= usize::from(u16::MAX) && counts.iter().all(|&count| count < 16);

        let sample_shift = sample_shift(width);
        let wide_samples = block_bits > u64::from(u32::MAX);

        out.clear();
        out.resize(HEADER, 0);
        out[AT_PAGE..AT_PAGE + 8].copy_from_slice(&page.to_le_bytes());
        out[AT_ENTRIES..AT_ENTRIES + 4].copy_from_slice(&(entries as u32).to_le_bytes());
        out[AT_CODE_BITS] = code_bits as u8;
        out[AT_EXCEPTION_BITS] = exception_bits as u8;
        out[AT_DIRECTORY] = if narrow { NIBBLES } else { STARTS };
        out[AT_SAMPLE_SHIFT] = sample_shift as u8;
        out[AT_BLOCK_BITS..AT_BLOCK_BITS + 8].copy_from_slice(&block_bits.to_le_bytes());
        out[AT_WIDE_SAMPLES] = u8::from(wide_samples);

        let mut start = 0;
        if narrow {
            for group in counts.chunks_exact(BUCKETS as usize) {
                out.extend_from_slice(&(start as u16).to_le_bytes());
                start += group.iter().sum::<u32>();
            }
            out.resize(counts_at(groups), 0);
            for pair in counts.chunks_exact(2) {
                out.push((pair[0] | pair[1] << 4) as u8);
            }
        } else {
            for &count in counts.iter() {
                out.extend_from_slice(&start.to_le_bytes());
                start += count;
            }
            out.extend_from_slice(&start.to_le_bytes());
        }

        // Samples: escapes and list bits before the first entry of every 2^shift-th group.
        let mut next_entry = 0;
        let (mut escapes, mut list_bits) = (0u32, 0u64);
        let least_bits = lists.bits(filters.stored_positions(least));
        for groups in counts.chunks(BUCKETS as usize * (1 << sample_shift)) {
            out.extend_from_slice(&escapes.to_le_bytes());
            if wide_samples {
                out.extend_from_slice(&list_bits.to_le_bytes());
            } else {
                out.extend_from_slice(&(list_bits as u32).to_le_bytes());
            }
            let here = groups.iter().sum::<u32>() as usize;
            for &frequency in &self.frequencies[next_entry..next_entry + here] {
                if frequency == least {
                    list_bits += least_bits;
                } else {
                    escapes += u32::from(frequency_class(frequency, least) as u32 > code_bits);
                    list_bits += lists.bits(filters.stored_positions(frequency));
                }
            }
            next_entry += here;
        }
        debug_assert_eq!(list_bits, block_bits);

        let mut writer = BitWriter::on(out);
        for (&hash, &frequency) in self.hashes.iter().zip(&self.frequencies) {
            let code = if frequency == least {
                0
            } else if frequency_class(frequency, least) as u32 <= code_bits {
                frequency - least
            } else {
                escape
            };
            if width <= 64 {
                writer.push(address.remainder(hash) << code_bits | code, width);
            } else {
                writer.push(code, code_bits);
                writer.push(address.remainder(hash), layout.remainder_bits);
            }
        }
        let mut writer = BitWriter::on(writer.finish());
        let mut overflows = Vec::new();
        let mut exceptions = 0u32;
        if escapes > 0 {
            for &frequency in &self.frequencies {
                let class = frequency_class(frequency, least) as u32;
                if class > code_bits {
                    let value = frequency - least;
                    if class <= exception_bits {
                        writer.push(value, exception_bits);
                    } else {
                        writer.push(exception_escape, exception_bits);
                        overflows.push((exceptions, value));
                    }
                    exceptions += 1;
                }
            }
        }
        let mut out = writer.finish();
        for (ordinal, value) in &overflows {
            out.extend_from_slice(&ordinal.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&[0; PADDING]);
        out[AT_EXCEPTIONS..AT_EXCEPTIONS + 4].copy_from_slice(&exceptions.to_le_bytes());
        out[AT_OVERFLOWS..AT_OVERFLOWS + 4].copy_from_slice(&(overflows.len() as u32).to_le_bytes());
        let sum = self.identity.checksum(&out[8..], Piece::Page, page);
        out[..8].copy_from_slice(&sum.to_le_bytes());
        self.hashes.clear();
        self.frequencies.clear();
        out
    }
}

/// Where a hash may lie in a page: `count` entries from entry `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: u32,
    pub(crate) count: u32,
}

/// What [`PageShape::probe`] found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe {
    pub(crate) found: bool,
    pub(crate) slot: u32,
    pub(crate) code: u64,
}

/// A page ready to be searched: where its parts begin. It does not hold the bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageShape {
    pub(crate) entries: u32,
    pub(crate) block_bits: u64,
    exceptions: u32,
    overflows: u32,
    code_bits: u32,
    exception_bits: u32,
    entry_bits: u32,
    narrow: bool,
    sample_shift: u32,
    wide_samples: bool,
    counts_at: usize,
    samples_at: usize,
    entries_at: usize,
    exceptions_at: usize,
    overflows_at: usize,
    groups: u64,
    address: Address,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bits::load(bytes, at) as u32
}

impl PageShape {
    /// Checks checksum, number and lengths of a page of `layout`.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub(crate) fn of(identity: Identity, bytes: &[u8], page: u64, layout: &Layout) -> Result<Self, String> {
        if bytes.len() < HEADER {
            return Err(format!("dictionary page {page} is cut short"));
        }
        if identity.checksum(&bytes[8..], Piece::Page, page) != bits::load(bytes, 0) {
            return Err(format!("dictionary page {page} has a wrong checksum"));
        }
        let inconsistent = || format!("dictionary page {page} contradicts itself");
        let groups = layout.groups_in(page);
        let entries = u32_at(bytes, AT_ENTRIES);
        let exceptions = u32_at(bytes, AT_EXCEPTIONS);
        let overflows = u32_at(bytes, AT_OVERFLOWS);
        let code_bits = u32::from(bytes[AT_CODE_BITS]);
        let exception_bits = u32::from(bytes[AT_EXCEPTION_BITS]);
        let narrow = bytes[AT_DIRECTORY] == NIBBLES;
        let sample_shift = u32::from(bytes[AT_SAMPLE_SHIFT]);
        let wide_samples = bytes[AT_WIDE_SAMPLES] == 1;
        if bits::load(bytes, AT_PAGE) != page
            || !(1..=MAX_CODE_BITS).contains(&code_bits)
            || !(1..=MAX_EXCEPTION_BITS).contains(&exception_bits)
            || bytes[AT_DIRECTORY] > STARTS
            || bytes[AT_WIDE_SAMPLES] > 1
            || sample_shift > 16
            || exceptions > entries
            || overflows > exceptions
        {
            return Err(inconsistent());
        }
        let entry_bits = layout.remainder_bits + code_bits;
        let groups_usize = groups as usize;
        let counts_at = if narrow { counts_at(groups_usize) } else { HEADER };
        let samples_at = if narrow {
            counts_at + groups_usize * NIBBLE_BYTES
        } else {
            HEADER + (groups_usize * BUCKETS as usize + 1) * 4
        };
        let samples = (groups_usize).div_ceil(1 << sample_shift);
        let entries_at = samples_at + samples * if wide_samples { 12 } else { 8 };
        let exceptions_at = entries_at + (u64::from(entries) * u64::from(entry_bits)).div_ceil(8) as usize;
        let overflows_at = exceptions_at + (u64::from(exceptions) * u64::from(exception_bits)).div_ceil(8) as usize;
        if overflows_at + overflows as usize * OVERFLOW_BYTES + PADDING != bytes.len() {
            return Err(inconsistent());
        }
        Ok(Self {
            entries,
            block_bits: bits::load(bytes, AT_BLOCK_BITS),
            exceptions,
            overflows,
            code_bits,
            exception_bits,
            entry_bits,
            narrow,
            sample_shift,
            wide_samples,
            counts_at,
            samples_at,
            entries_at,
            exceptions_at,
            overflows_at,
            groups,
            address: layout.address(),
        })
    }

    /// The entries among which `hash` is, if it is in this page at all.
    #[inline(always)]
    pub(crate) fn place(&self, bytes: &[u8], page: u64, hash: u64) -> Place {
        let group = self.address.group_in_page(hash, page);
        self.bucket_place(bytes, group, self.address.bucket(hash))
    }

    /// Entries of a bucket.
    #[inline(always)]
    fn bucket_count(&self, bytes: &[u8], group: u64, bucket: u32) -> u32 {
        if !self.narrow {
            return self.bucket_place(bytes, group, bucket).count;
        }
        let at = self.counts_at + group as usize * NIBBLE_BYTES + bucket as usize / 2;
        u32::from((bytes.get(at).copied().unwrap_or(0) >> (4 * (bucket & 1))) & 15)
    }

    #[inline(always)]
    fn bucket_place(&self, bytes: &[u8], group: u64, bucket: u32) -> Place {
        let group = group as usize;
        if !self.narrow {
            let at = HEADER + (group * BUCKETS as usize + bucket as usize) * 4;
            let pair = bits::load(bytes, at);
            // Never past the entries, so that a forged directory cannot make a search long.
            let (start, end) = (pair as u32, ((pair >> 32) as u32).min(self.entries));
            return Place { start, count: end.saturating_sub(start) };
        }
        let start = bits::load(bytes, HEADER + group * 2) as u16;
        let at = self.counts_at + group * NIBBLE_BYTES;
        // Sum of the four-bit counts before this bucket: pairs of nibbles, then pairs of bytes, then one multiplication.
        const LOW_NIBBLES: u64 = 0x0F0F_0F0F_0F0F_0F0F;
        const LOW_BYTES: u64 = 0x00FF_00FF_00FF_00FF;
        let before = bucket * 4;
        let mut by_byte = 0;
        for word in 0..4u32 {
            let take = before.saturating_sub(64 * word).min(64);
            let mask = if take == 64 { u64::MAX } else { (1u64 << take) - 1 };
            let nibbles = bits::load(bytes, at + 8 * word as usize) & mask;
            by_byte += (nibbles & LOW_NIBBLES) + ((nibbles >> 4) & LOW_NIBBLES);
        }
        let by_pair = (by_byte & LOW_BYTES) + ((by_byte >> 8) & LOW_BYTES);
        let sum = by_pair.wrapping_mul(0x0001_0001_0001_0001) >> 48;
        Place { start: u32::from(start) + sum as u32, count: self.bucket_count(bytes, group as u64, bucket) }
    }

    #[inline(always)]
    fn entry_at(&self, slot: u32) -> u64 {
        self.entries_at as u64 * 8 + u64::from(slot) * u64::from(self.entry_bits)
    }

    /// The frequency code of an entry.
    #[inline(always)]
    fn code(&self, bytes: &[u8], slot: u32) -> u64 {
        // At most 16 bits: never more than one load.
        let at = self.entry_at(slot);
        (bits::load(bytes, (at >> 3) as usize) >> (at & 7)) & low_mask(self.code_bits)
    }

    /// Looks at the first four entries of a place without a branch on what it finds: the slot of `hash` and its code.
    /// `None` where that cannot tell: the place holds more, or entries are too wide for one load.
    #[inline(always)]
    pub(crate) fn probe(&self, bytes: &[u8], place: Place, hash: u64) -> Option<Probe> {
        if place.count > 4 || self.entry_bits > 57 {
            return None;
        }
        let wanted = self.address.remainder(hash);
        let (mask, code_mask) = (low_mask(self.entry_bits), low_mask(self.code_bits));
        let mut probe = Probe { found: false, slot: place.start, code: 0 };
        let mut at = self.entry_at(place.start);
        for i in 0..4 {
            let entry = (bits::load(bytes, (at >> 3) as usize) >> (at & 7)) & mask;
            let hit = (entry >> self.code_bits == wanted) & (i < place.count);
            probe.found |= hit;
            probe.slot += u32::from(hit) * i;
            probe.code |= (entry & code_mask) * u64::from(hit);
            at += u64::from(self.entry_bits);
        }
        Some(probe)
    }

    /// Asks for the counts of the group of `hash`.
    #[inline(always)]
    pub(crate) fn prefetch_directory(&self, bytes: &[u8], page: u64, hash: u64) {
        let group = self.address.group_in_page(hash, page) as usize;
        prefetch(bytes, self.counts_at + group * NIBBLE_BYTES);
    }

    /// Asks for the first entry of a place.
    #[inline(always)]
    pub(crate) fn prefetch(&self, bytes: &[u8], place: Place) {
        prefetch(bytes, (self.entry_at(place.start) >> 3) as usize);
    }

    /// The slot of `hash` among the entries of its place, and its frequency code.
    #[inline(always)]
    pub(crate) fn search(&self, bytes: &[u8], place: Place, hash: u64) -> Option<(u32, u64)> {
        let wanted = self.address.remainder(hash);
        if self.entry_bits <= 57 {
            let mask = low_mask(self.entry_bits);
            for slot in place.start..place.start.saturating_add(place.count) {
                let at = self.entry_at(slot);
                let entry = (bits::load(bytes, (at >> 3) as usize) >> (at & 7)) & mask;
                if entry >> self.code_bits == wanted {
                    return Some((slot, entry & low_mask(self.code_bits)));
                }
            }
        } else {
            for slot in place.start..place.start.saturating_add(place.count) {
                let at = self.entry_at(slot);
                let width = self.entry_bits - self.code_bits;
                if bits::read(bytes, at + u64::from(self.code_bits), width) == wanted {
                    return Some((slot, self.code(bytes, slot)));
                }
            }
        }
        None
    }

    /// Whether a code is a frequency by itself, and which, over the least frequency.
    #[inline(always)]
    pub(crate) fn plain(&self, code: u64) -> Option<u64> {
        (code != low_mask(self.code_bits)).then_some(code)
    }

    /// Value of the exception of this ordinal.
    fn exception(&self, bytes: &[u8], ordinal: u32) -> u64 {
        let at = self.exceptions_at as u64 * 8 + u64::from(ordinal) * u64::from(self.exception_bits);
        let value = bits::read(bytes, at, self.exception_bits);
        if value != low_mask(self.exception_bits) {
            return value;
        }
        let (mut low, mut high) = (0, self.overflows as usize);
        while low < high {
            let middle = (low + high) / 2;
            if u32_at(bytes, self.overflows_at + middle * OVERFLOW_BYTES) < ordinal {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        bits::load(bytes, self.overflows_at + low * OVERFLOW_BYTES + 4)
    }

    /// The sample of a group: its first slot, escapes and list bits before it.
    fn sample(&self, bytes: &[u8], group: u64) -> (u32, u32, u64) {
        let sample = (group >> self.sample_shift) as usize;
        let first_group = (sample << self.sample_shift) as u64;
        let first = self.bucket_place(bytes, first_group, 0).start;
        let at = self.samples_at + sample * if self.wide_samples { 12 } else { 8 };
        let list_bits = if self.wide_samples { bits::load(bytes, at + 4) } else { u64::from(u32_at(bytes, at + 4)) };
        (first, u32_at(bytes, at), list_bits)
    }

    /// Escapes in the entries of these slots.
    #[inline]
    fn escapes(&self, bytes: &[u8], slots: Range<u32>) -> u32 {
        if self.code_bits > 1 {
            return slots.map(|slot| u32::from(self.plain(self.code(bytes, slot)).is_none())).sum();
        }
        // The commonest code by far where all k-mers are stored: the one bit of each entry is the escape.
        let mut at = self.entry_at(slots.start);
        let mut count = 0;
        for _ in slots {
            let byte = bytes.get((at >> 3) as usize).copied().unwrap_or(0);
            count += u32::from(byte >> (at & 7) & 1);
            at += u64::from(self.entry_bits);
        }
        count
    }

    /// Of the samples before and after `slot` the nearer; the end of the page counts as one.
    #[inline]
    fn nearest_sample(&self, bytes: &[u8], group: u64, slot: u32) -> (u32, u32, u64) {
        let before = self.sample(bytes, group);
        let next_group = ((group >> self.sample_shift) + 1) << self.sample_shift;
        let after = if next_group < self.groups {
            self.sample(bytes, next_group)
        } else {
            (self.entries, self.exceptions, self.block_bits)
        };
        if slot.wrapping_sub(before.0) <= after.0.wrapping_sub(slot) { before } else { after }
    }

    /// Exceptions before the entry at `slot`, counted from the nearer sample.
    fn ordinal(&self, bytes: &[u8], group: u64, slot: u32) -> u32 {
        let slot = slot.min(self.entries);
        let (from, ordinal, _) = self.nearest_sample(bytes, group, slot);
        if from <= slot {
            ordinal.wrapping_add(self.escapes(bytes, from..slot))
        } else {
            ordinal.wrapping_sub(self.escapes(bytes, slot..from.min(self.entries)))
        }
    }

    /// Frequency over the least, of an entry whose code is the escape.
    #[cold]
    pub(crate) fn escaped(&self, bytes: &[u8], page: u64, hash: u64, slot: u32) -> u64 {
        self.exception(bytes, self.ordinal(bytes, self.address.group_in_page(hash, page), slot))
    }

    /// First bit, in the position block, of the list of the entry at `slot`.
    pub(crate) fn list_at(
        &self,
        bytes: &[u8],
        page: u64,
        hash: u64,
        slot: u32,
        filters: &Filters,
        lists: &ListCode,
    ) -> u64 {
        let slot = slot.min(self.entries);
        let group = self.address.group_in_page(hash, page);
        let (from, ordinal, bits) = self.nearest_sample(bytes, group, slot);
        let length = |slots: Range<u32>, mut ordinal: u32| {
            let mut sum = 0u64;
            for entry in slots {
                let value = match self.plain(self.code(bytes, entry)) {
                    Some(value) => value,
                    None => {
                        ordinal = ordinal.wrapping_add(1);
                        self.exception(bytes, ordinal.wrapping_sub(1))
                    }
                };
                let frequency = filters.min_frequency.saturating_add(value);
                sum = sum.saturating_add(lists.bits(filters.stored_positions(frequency)));
            }
            sum
        };
        if from <= slot {
            bits.saturating_add(length(from..slot, ordinal))
        } else {
            let slots = slot..from.min(self.entries);
            let first = ordinal.wrapping_sub(self.escapes(bytes, slots.clone()));
            bits.saturating_sub(length(slots, first))
        }
    }

    /// Walks every entry of the page in order.
    pub(crate) fn entries<'a>(&self, bytes: &'a [u8], page: u64, layout: &Layout, min_frequency: u64) -> Entries<'a> {
        Entries {
            shape: *self,
            bytes,
            first_group: page * layout.groups_per_page,
            layout: *layout,
            min_frequency,
            bucket: 0,
            left: 0,
            slot: 0,
            ordinal: 0,
        }
    }

    /// Walks the frequencies of the page in order, which is cheaper than walking the k-mers.
    pub(crate) fn frequencies<'a>(&self, bytes: &'a [u8], min_frequency: u64) -> impl Iterator<Item = u64> + use<'a> {
        let shape = *self;
        let mut ordinal = 0;
        (0..shape.entries).map(move |slot| {
            let value = match shape.plain(shape.code(bytes, slot)) {
                Some(value) => value,
                None => {
                    ordinal += 1;
                    shape.exception(bytes, ordinal - 1)
                }
            };
            min_frequency.saturating_add(value)
        })
    }

    /// Checks that the directory, the samples and the exceptions agree with the entries. Calls `each` for every entry with
    /// its frequency and the first bit of its list in the position block; `forged` makes an error of a sentence.
    ///
    /// # Errors
    /// What `each` and `forged` return.
    pub(crate) fn verify<E>(
        &self,
        (bytes, page): (&[u8], u64),
        layout: &Layout,
        (filters, lists): (&Filters, &ListCode),
        forged: impl Fn(String) -> E,
        mut each: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let wrong = |what: &str| Err(forged(format!("dictionary page {page}: {what}")));
        let (mut start, mut escapes, mut list_bits) = (0u32, 0u32, 0u64);
        for group in 0..self.groups {
            if group & low_mask(self.sample_shift) == 0 && self.sample(bytes, group) != (start, escapes, list_bits) {
                return wrong("a sample disagrees with the entries before it");
            }
            for bucket in 0..BUCKETS as u32 {
                // The start of a group says where its first bucket begins; those after it follow from the counts.
                let count = self.bucket_count(bytes, group, bucket);
                let begins = (self.narrow && bucket > 0) || self.bucket_place(bytes, group, bucket).start == start;
                if !begins || start.checked_add(count).is_none_or(|end| end > self.entries) {
                    return wrong("the directory is out of order");
                }
                let mut previous = None;
                for slot in start..start + count {
                    let remainder =
                        bits::read(bytes, self.entry_at(slot) + u64::from(self.code_bits), layout.remainder_bits);
                    if previous.is_some_and(|p| p >= remainder) {
                        return wrong("entries are out of order");
                    }
                    previous = Some(remainder);
                    let over = self.plain(self.code(bytes, slot)).unwrap_or_else(|| {
                        escapes += 1;
                        self.exception(bytes, escapes - 1)
                    });
                    let frequency = filters.min_frequency.saturating_add(over);
                    if !filters.keeps(frequency) {
                        return wrong("a frequency is outside the filters");
                    }
                    each(frequency, list_bits)?;
                    list_bits = list_bits.saturating_add(lists.bits(filters.stored_positions(frequency)));
                }
                start += count;
            }
        }
        if start != self.entries || escapes != self.exceptions || list_bits != self.block_bits {
            return wrong("the totals disagree with the entries");
        }
        Ok(())
    }
}

/// The k-mers of a page in order: (hash, frequency).
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    shape: PageShape,
    bytes: &'a [u8],
    first_group: u64,
    layout: Layout,
    min_frequency: u64,
    bucket: u64,
    left: u32,
    slot: u32,
    ordinal: u32,
}

impl Iterator for Entries<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        if self.slot >= self.shape.entries {
            return None;
        }
        while self.left == 0 {
            if self.bucket >= self.shape.groups * BUCKETS {
                return None;
            }
            let (group, bucket) = (self.bucket / BUCKETS, (self.bucket % BUCKETS) as u32);
            self.left = self.shape.bucket_count(self.bytes, group, bucket);
            self.bucket += 1;
        }
        self.left -= 1;
        let slot = self.slot;
        self.slot += 1;
        let bucket = self.bucket - 1;
        let code = self.shape.code(self.bytes, slot);
        let at = self.shape.entry_at(slot) + u64::from(self.shape.code_bits);
        let remainder = bits::read(self.bytes, at, self.layout.remainder_bits);
        let hash = self.layout.first_hash(self.first_group + bucket / BUCKETS)
            | (bucket % BUCKETS) << self.layout.remainder_bits
            | remainder;
        let value = match self.shape.plain(code) {
            Some(value) => value,
            None => {
                self.ordinal += 1;
                self.shape.exception(self.bytes, self.ordinal - 1)
            }
        };
        Some((hash, self.min_frequency.saturating_add(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmer::KmerCodec;

    /// Random hashes of a page, with frequencies of every class.
    fn page_of(k: u32, kmers: u64, density: u64, seed: u64) -> (Layout, Vec<(u64, u64)>) {
        let codec = KmerCodec::new(k).expect("k in range");
        let layout = Layout::plan(&codec, kmers, kmers, 3.0);
        let end =
            if layout.pages == 1 { low_mask(codec.hash_bits()) } else { layout.first_hash(layout.groups_per_page) - 1 };
        let mut state = seed | 1;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let wanted = (kmers / layout.pages).max(1) * density;
        let mut hashes: Vec<u64> =
            (0..wanted).map(|_| if end == u64::MAX { random() } else { random() % (end + 1) }).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let list = hashes
            .into_iter()
            .map(|hash| (hash, 1 + (random() >> (random() % 60)) % 3_000_000 * u64::from(random() % 3 == 0)))
            .collect();
        (layout, list)
    }

    #[test]
    fn pages_answer_as_a_map_does() {
        for (k, kmers, density, max_positions) in [
            (1, 1, 1, None),
            (2, 6, 3, None),
            (5, 512, 1, Some(3)),
            (8, 20_000, 1, None),
            (15, 100_000, 1, None),
            (15, 3, 1, None),
            (31, 300_000, 1, Some(10)),
            (31, 300_000, 20, None),
            (32, 50_000, 1, None),
            (32, 1, 1, None),
        ] {
            let (layout, list) = page_of(k, kmers, density, 99 + u64::from(k));
            let filters = Filters { min_frequency: 1, max_frequency: None, max_positions };
            let lists = ListCode::new(3_000_000_000);
            let mut encoder = PageEncoder::new(Identity::TEST, layout, filters, lists.clone());
            let mut block_bits = 0;
            for &(hash, frequency) in &list {
                encoder.push(hash, frequency);
                block_bits += lists.bits(filters.stored_positions(frequency));
            }
            let bytes = encoder.finish(0, block_bits, Vec::new());
            let shape = PageShape::of(Identity::TEST, &bytes, 0, &layout).expect("sound");
            shape.verify((&bytes, 0), &layout, (&filters, &lists), |e| e, |_, _| Ok(())).expect("sound");
            assert_eq!(shape.entries as usize, list.len());
            let read: Vec<_> = shape.entries(&bytes, 0, &layout, 1).collect();
            assert_eq!(read, list);
            assert!(shape.frequencies(&bytes, 1).eq(list.iter().map(|&(_, f)| f)));
            let mut at = 0;
            for (slot, &(hash, frequency)) in list.iter().enumerate() {
                let place = shape.place(&bytes, 0, hash);
                let (found, code) = shape.search(&bytes, place, hash).expect("stored");
                if let Some(probe) = shape.probe(&bytes, place, hash) {
                    assert_eq!((probe.found, probe.slot, probe.code), (true, found, code));
                }
                assert_eq!(found as usize, slot);
                let value = shape.plain(code).unwrap_or_else(|| shape.escaped(&bytes, 0, hash, found));
                assert_eq!(value + 1, frequency);
                if slot % 97 == 0 {
                    assert_eq!(shape.list_at(&bytes, 0, hash, found, &filters, &lists), at);
                }
                at += lists.bits(filters.stored_positions(frequency));
                if list.binary_search_by_key(&(hash ^ 1), |e| e.0).is_err() {
                    let place = shape.place(&bytes, 0, hash ^ 1);
                    assert_eq!(shape.search(&bytes, place, hash ^ 1), None);
                    assert!(shape.probe(&bytes, place, hash ^ 1).is_none_or(|p| !p.found));
                }
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_found_and_a_forged_checksum_harms_nothing() {
        let (layout, list) = page_of(15, 300, 1, 5);
        let filters = Filters { min_frequency: 1, max_frequency: None, max_positions: None };
        let lists = ListCode::new(1 << 22);
        let mut encoder = PageEncoder::new(Identity::TEST, layout, filters, lists.clone());
        let mut block_bits = 0;
        for &(hash, frequency) in &list {
            encoder.push(hash, frequency);
            block_bits += lists.bits(frequency);
        }
        let bytes = encoder.finish(0, block_bits, Vec::new());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(PageShape::of(Identity::TEST, &damaged, 0, &layout).is_err());
            let sum = Identity::TEST.checksum(&damaged[8..], Piece::Page, 0);
            damaged[..8].copy_from_slice(&sum.to_le_bytes());
            if let Ok(shape) = PageShape::of(Identity::TEST, &damaged, 0, &layout) {
                let _ = shape.verify((&damaged, 0), &layout, (&filters, &lists), |e| e, |_, _| Ok(()));
                assert!(shape.entries(&damaged, 0, &layout, 1).count() <= shape.entries as usize);
                for &(hash, _) in &list {
                    if let Some((slot, _)) = shape.search(&damaged, shape.place(&damaged, 0, hash), hash) {
                        shape.escaped(&damaged, 0, hash, slot);
                        shape.list_at(&damaged, 0, hash, slot, &filters, &lists);
                    }
                }
            }
        }
    }
}
