//! Records of k-mers in four widths, since the smallest that suffices needs the fewest passes.

use bytemuck::{Pod, Zeroable};

use crate::kmer::low_mask;

/// An occurrence of a k-mer while it is sorted: its position, and as many low bits of its hash as fit, which are enough
/// to distinguish the hashes of its bin.
pub(crate) trait Record: Pod + Send + Sync {
    /// The record while its bin is sorted; its hashes count from the first of the bin.
    type Sorted: Record<Sorted = Self::Sorted>;
    /// A record; `position_bits` is the width of a position in this genome.
    fn new(hash: u64, position: u64, position_bits: u32) -> Self;
    /// The same record with a hash that counts from `first`, the first of its bin.
    fn within(self, first: u64, position_bits: u32) -> Self::Sorted;
    /// The low bits of the hash.
    fn hash(self, position_bits: u32) -> u64;
    /// Twice the global base offset plus the strand.
    fn position(self, position_bits: u32) -> u64;
}

/// 48 bits: for bins of few hashes in a genome that is not large.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, packed(2))]
pub(crate) struct Short {
    low: u32,
    high: u16,
}

impl Short {
    #[inline(always)]
    fn word(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

impl Record for Short {
    type Sorted = Packed;
    #[inline(always)]
    fn new(hash: u64, position: u64, position_bits: u32) -> Self {
        let word = hash << position_bits | position;
        Self { low: word as u32, high: (word >> 32) as u16 }
    }
    #[inline(always)]
    fn within(self, first: u64, position_bits: u32) -> Packed {
        Packed(self.word().wrapping_sub(first << position_bits) & low_mask(48))
    }
    #[inline(always)]
    fn hash(self, position_bits: u32) -> u64 {
        self.word() >> position_bits
    }
    #[inline(always)]
    fn position(self, position_bits: u32) -> u64 {
        self.word() & low_mask(position_bits)
    }
}

/// One word of 64 bits.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Packed(u64);

impl Record for Packed {
    type Sorted = Self;
    #[inline(always)]
    fn new(hash: u64, position: u64, position_bits: u32) -> Self {
        Self(hash << position_bits | position)
    }
    #[inline(always)]
    fn within(self, first: u64, position_bits: u32) -> Self {
        Self(self.0.wrapping_sub(first << position_bits))
    }
    #[inline(always)]
    fn hash(self, position_bits: u32) -> u64 {
        self.0 >> position_bits
    }
    #[inline(always)]
    fn position(self, position_bits: u32) -> u64 {
        self.0 & low_mask(position_bits)
    }
}

/// Any hash, positions below 2^32.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Narrow([u32; 3]);

impl Record for Narrow {
    type Sorted = Self;
    #[inline(always)]
    fn new(hash: u64, position: u64, _: u32) -> Self {
        Self([hash as u32, (hash >> 32) as u32, position as u32])
    }
    #[inline(always)]
    fn within(self, first: u64, position_bits: u32) -> Self {
        Self::new(self.hash(position_bits) - first, self.position(position_bits), position_bits)
    }
    #[inline(always)]
    fn hash(self, _: u32) -> u64 {
        u64::from(self.0[0]) | u64::from(self.0[1]) << 32
    }
    #[inline(always)]
    fn position(self, _: u32) -> u64 {
        u64::from(self.0[2])
    }
}

/// Any hash, any position.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Wide([u64; 2]);

impl Record for Wide {
    type Sorted = Self;
    #[inline(always)]
    fn new(hash: u64, position: u64, _: u32) -> Self {
        Self([hash, position])
    }
    #[inline(always)]
    fn within(self, first: u64, _: u32) -> Self {
        Self([self.0[0] - first, self.0[1]])
    }
    #[inline(always)]
    fn hash(self, _: u32) -> u64 {
        self.0[0]
    }
    #[inline(always)]
    fn position(self, _: u32) -> u64 {
        self.0[1]
    }
}

/// The widths of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordWidth {
    /// See [`Short`].
    Short,
    /// See [`Packed`].
    Packed,
    /// See [`Narrow`].
    Narrow,
    /// See [`Wide`].
    Wide,
}

impl RecordWidth {
    /// All widths, ascending.
    pub(crate) const ALL: [Self; 4] = [Self::Short, Self::Packed, Self::Narrow, Self::Wide];

    /// Whether it has space for hashes that differ in `hash_bits` bits within a bin and for positions of
    /// `position_bits`.
    pub(crate) fn fits(self, hash_bits: u32, position_bits: u32) -> bool {
        match self {
            Self::Short => hash_bits + position_bits <= 48,
            Self::Packed => hash_bits + position_bits <= 64,
            Self::Narrow => position_bits <= 32,
            Self::Wide => true,
        }
    }

    /// Bytes of a record.
    pub(crate) fn bytes(self) -> u64 {
        let bytes = match self {
            Self::Short => size_of::<Short>(),
            Self::Packed => size_of::<Packed>(),
            Self::Narrow => size_of::<Narrow>(),
            Self::Wide => size_of::<Wide>(),
        };
        bytes as u64
    }

    /// Bytes of a record while it is sorted.
    pub(crate) fn sorted_bytes(self) -> u64 {
        self.bytes().max(size_of::<Packed>() as u64)
    }
}

/// Records of a range of hashes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordSet<'a, R> {
    /// In genome order.
    pub(crate) segments: &'a [&'a [R]],
    /// The first hash of the range.
    pub(crate) first: u64,
    /// The last hash of the range.
    pub(crate) last: u64,
    pub(crate) position_bits: u32,
}

impl<R: Record> RecordSet<'_, R> {
    /// The number of records.
    pub(crate) fn count(&self) -> usize {
        self.segments.iter().map(|segment| segment.len()).sum()
    }

    /// A record with a hash that counts from the first of the range.
    #[inline(always)]
    pub(crate) fn relative(&self, record: R) -> R::Sorted {
        record.within(self.first, self.position_bits)
    }

    /// The same records with the range reduced to the hashes that occur.
    pub(crate) fn narrowed(&self) -> Self {
        let records = self.segments.iter().flat_map(|segment| segment.iter());
        let hashes = records.map(|&record| self.relative(record).hash(self.position_bits));
        let (low, high) = hashes.fold((u64::MAX, 0), |(low, high), hash| (low.min(hash), high.max(hash)));
        Self { first: self.first + low, last: self.first + high, ..*self }
    }
}

/// Which hashes a sort returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Every hash.
    All,
    /// Those that occur at least twice; the others are only counted.
    Repeated,
}
