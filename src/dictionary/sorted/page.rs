//! The offsets of the parts of a sorted page: computed and checked once when the page is read, so that a search
//! computes addresses only and decodes nothing. `schema/format.md` draws the bytes.

use crate::dictionary::codec;
use crate::dictionary::sorted::frequency_code::{MAX_CODE_BITS, MAX_EXCEPTION_BITS, OVERFLOW_BYTES};
use crate::dictionary::sorted::layout::{BUCKETS, Fields, Layout};
use crate::format::bits::{self, PADDING};
use crate::format::{ChecksumKind, Identity};

/// Bytes before the directory.
pub(super) const HEADER: usize = 48;
// Byte offsets of the fields of the header, which begins with the checksum.
pub(super) const AT_PAGE: usize = 8;
pub(super) const AT_ENTRIES: usize = 16;
pub(super) const AT_EXCEPTIONS: usize = 20;
pub(super) const AT_OVERFLOWS: usize = 24;
pub(super) const AT_CODE_BITS: usize = 28;
pub(super) const AT_EXCEPTION_BITS: usize = 29;
pub(super) const AT_DIRECTORY: usize = 30;
pub(super) const AT_SAMPLE_SHIFT: usize = 31;
pub(super) const AT_BLOCK_BITS: usize = 32;
pub(super) const AT_WIDE_SAMPLES: usize = 40;

/// Directory of one 16-bit start and 64 four-bit counts a group.
pub(super) const NARROW_DIRECTORY: u8 = 0;
/// Directory of one 32-bit start a bucket, for pages or buckets with too many k-mers for the narrow one.
pub(super) const WIDE_DIRECTORY: u8 = 1;

/// Bytes of the counts of a group in a narrow directory.
pub(super) const COUNT_BYTES: usize = BUCKETS as usize / 2;
/// Bits that one load of eight bytes has, wherever in a byte the first begins.
pub(super) const MAX_LOADED_BITS: u32 = 57;
/// Largest shift of a sound page: a sample every 2^16 groups.
const MAX_SAMPLE_SHIFT: u32 = 16;

/// Offset of the counts in a page of `groups` groups: if the page begins on a cache line, the counts of a group never
/// straddle two lines.
pub(super) fn counts_at(groups: usize) -> usize {
    (HEADER + groups * 2).next_multiple_of(COUNT_BYTES)
}

/// Bytes of a sample: exceptions before it (u32), then the bits of the lists before it (u32, or u64 if wide).
pub(super) fn sample_bytes(is_wide: bool) -> usize {
    if is_wide { 12 } else { 8 }
}

/// Bits of the codes, exceptions and overflows of a page with this header.
pub(super) fn frequency_bits(header: &[u8]) -> u64 {
    let byte = |at: usize| header.get(at).map_or(0, |&byte| u64::from(byte));
    let count = |at| bits::load(header, at) & u64::from(u32::MAX);
    count(AT_ENTRIES) * byte(AT_CODE_BITS)
        + count(AT_EXCEPTIONS) * byte(AT_EXCEPTION_BITS)
        + count(AT_OVERFLOWS) * 8 * OVERFLOW_BYTES as u64
}

/// Where the parts of a page begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageShape {
    /// K-mers.
    pub(crate) entries: u32,
    /// Bits of the position block of the page.
    pub(crate) block_bits: u64,
    pub(super) exceptions: u32,
    pub(super) overflows: u32,
    pub(super) code_bits: u32,
    pub(super) exception_bits: u32,
    pub(super) entry_bits: u32,
    /// Entries that are compared at once: those of one load, wherever in a byte the first begins.
    pub(super) lanes: u32,
    /// The lowest bit of each of them.
    pub(super) lane_ones: u64,
    /// The highest bit of each of them.
    pub(super) lane_tops: u64,
    pub(super) is_narrow: bool,
    pub(super) sample_shift: u32,
    pub(super) wide_samples: bool,
    pub(super) counts_at: usize,
    pub(super) samples_at: usize,
    pub(super) entries_at: usize,
    pub(super) exceptions_at: usize,
    pub(super) overflows_at: usize,
    pub(super) groups: u64,
    /// A copy of the codec's, near the numbers that a search needs with it.
    pub(super) fields: Fields,
}

impl PageShape {
    /// Checks checksum, number and lengths of a page of `layout`.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub(crate) fn parse(identity: Identity, bytes: &[u8], page: u64, layout: &Layout) -> Result<Self, String> {
        if bytes.len() < HEADER {
            return Err(format!("dictionary page {page} is cut short"));
        }
        if identity.checksum(&bytes[8..], ChecksumKind::Page, page) != bits::load(bytes, 0) {
            return Err(format!("dictionary page {page} has a wrong checksum"));
        }
        let inconsistent = || format!("dictionary page {page} contradicts itself");
        let u32_at = |at| bits::load(bytes, at) as u32;
        let (entries, exceptions, overflows) = (u32_at(AT_ENTRIES), u32_at(AT_EXCEPTIONS), u32_at(AT_OVERFLOWS));
        let code_bits = u32::from(bytes[AT_CODE_BITS]);
        let exception_bits = u32::from(bytes[AT_EXCEPTION_BITS]);
        let is_narrow = bytes[AT_DIRECTORY] == NARROW_DIRECTORY;
        let sample_shift = u32::from(bytes[AT_SAMPLE_SHIFT]);
        let wide_samples = bytes[AT_WIDE_SAMPLES] == 1;
        if bits::load(bytes, AT_PAGE) != page
            || !(1..=MAX_CODE_BITS).contains(&code_bits)
            || !(1..=MAX_EXCEPTION_BITS).contains(&exception_bits)
            || bytes[AT_DIRECTORY] > WIDE_DIRECTORY
            || bytes[AT_WIDE_SAMPLES] > 1
            || sample_shift > MAX_SAMPLE_SHIFT
            || exceptions > entries
            || overflows > exceptions
        {
            return Err(inconsistent());
        }
        let entry_bits = layout.remainder_bits + code_bits;
        // An entry without a remainder has nothing to compare.
        let lanes = if layout.remainder_bits == 0 { 0 } else { MAX_LOADED_BITS / entry_bits };
        let groups = layout.groups_in(page) as usize;
        let counts_at = if is_narrow { counts_at(groups) } else { HEADER };
        let samples_at = counts_at + if is_narrow { groups * COUNT_BYTES } else { (groups * BUCKETS as usize + 1) * 4 };
        let entries_at = samples_at + groups.div_ceil(1 << sample_shift) * sample_bytes(wide_samples);
        let bytes_of = |count: u32, bits: u32| (u64::from(count) * u64::from(bits)).div_ceil(8) as usize;
        let exceptions_at = entries_at + bytes_of(entries, entry_bits);
        let overflows_at = exceptions_at + bytes_of(exceptions, exception_bits);
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
            lanes,
            lane_ones: (0..lanes).map(|lane| 1 << (lane * entry_bits)).sum(),
            lane_tops: (1..=lanes).map(|lane| 1 << (lane * entry_bits - 1)).sum(),
            is_narrow,
            sample_shift,
            wide_samples,
            counts_at,
            samples_at,
            entries_at,
            exceptions_at,
            overflows_at,
            groups: groups as u64,
            fields: layout.fields(),
        })
    }
}

impl codec::PageShape for PageShape {
    fn kmers(&self) -> u64 {
        self.entries.into()
    }

    fn crowded_minimizers(&self) -> u64 {
        0
    }
}
