//! One pass of a build: the k-mers of a range of pages, scattered into units of hashes and sorted unit by unit.
//!
//! A *unit* is what one pass scatters to: a range of hashes that is a part of a page, or a run of pages. A page of which
//! the records do not fit one pass is made unit by unit over several. Exact counts by stripe and unit come
//! first, so every record has its place: nothing grows and no two threads write to the same memory. Stripes are in
//! genome order and each is scanned in order, so the positions of a k-mer arrive ascending.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use crate::builder::stripes::{Piece, Pieces};
use crate::dictionary::divisor::Divisor;
use crate::dictionary::sorted::Layout;
use crate::kmer::low_mask;

/// A k-mer occurrence on its way through a build: its position, and of its hash the low bits that there is room for. They tell
/// it from the other hashes of its unit.
pub(crate) trait Record: Pod + Send + Sync {
    /// What it is while its unit is sorted; its hashes count from the first of the unit.
    type Sorted: Record<Sorted = Self::Sorted>;
    /// `position_bits` is the width of a position in this genome.
    fn new(hash: u64, position: u64, position_bits: u32) -> Self;
    /// The same with a hash that counts from `first`, the first of its unit.
    fn within(self, first: u64, position_bits: u32) -> Self::Sorted;
    /// What is kept of the hash.
    fn hash(self, position_bits: u32) -> u64;
    fn position(self, position_bits: u32) -> u64;
}

/// 48 bits: where units are narrow and the genome not large.
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

/// One word.
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

/// The records there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// See [`Short`].
    Short,
    /// See [`Packed`].
    Packed,
    /// See [`Narrow`].
    Narrow,
    /// See [`Wide`].
    Wide,
}

impl RecordKind {
    /// From the smallest to the largest.
    pub(crate) const ALL: [Self; 4] = [Self::Short, Self::Packed, Self::Narrow, Self::Wide];

    /// Whether it has room for hashes of units of `unit_bits` bits and for positions of `position_bits`.
    pub(crate) fn fits(self, unit_bits: u32, position_bits: u32) -> bool {
        match self {
            Self::Short => unit_bits + position_bits <= 48,
            Self::Packed => unit_bits + position_bits <= 64,
            Self::Narrow => position_bits <= 32,
            Self::Wide => true,
        }
    }

    /// Bytes of one.
    pub(crate) fn bytes(self) -> u64 {
        let bytes = match self {
            Self::Short => size_of::<Short>(),
            Self::Packed => size_of::<Packed>(),
            Self::Narrow => size_of::<Narrow>(),
            Self::Wide => size_of::<Wide>(),
        };
        bytes as u64
    }

    /// Bytes of one while it is sorted.
    pub(crate) fn sorted_bytes(self) -> u64 {
        self.bytes().max(size_of::<Packed>() as u64)
    }
}

/// How pages are cut into units.
///
/// Hashes are cut into cells, which are groups or equal parts of them, and a run of cells is a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units {
    cells_per_unit: u64,
    divisor: Divisor,
    /// Bits of a hash below the number of its cell.
    cell_shift: u32,
    cell_mask: u64,
    /// Bits that tell the hashes of a unit from each other.
    pub(crate) hash_bits: u32,
    /// Units in all.
    pub(crate) count: u64,
    /// Units of a page; 1 when a unit is a page or more.
    pub(crate) per_page: u64,
    /// Pages of a unit; 1 when a unit is a page or less.
    pub(crate) pages: u64,
}

/// Records of a unit, about: so many are sorted within a core's own cache.
const PER_UNIT: u64 = 1 << 15;

impl Units {
    /// Units for a pass that should scatter to about `streams` of them at the most, for `occurrences` records in all.
    pub(crate) fn new(layout: &Layout, hash_bits: u32, occurrences: u64, passes: u64, streams: u64) -> Self {
        let most = streams.saturating_mul(passes.max(1));
        let (parts, pages) = if layout.pages.saturating_mul(layout.parts_per_page) <= most {
            (layout.parts_per_page, 1)
        } else {
            (1, layout.pages.div_ceil(most))
        };
        let group_bits = layout.groups.ilog2();
        let bits_in_group = hash_bits.saturating_sub(group_bits);
        // Few k-mers that are stored make few groups, and what is not stored is in them too: groups are cut then.
        let units = layout.pages * parts;
        let mut cut = 0;
        while pages == 1
            && cut < bits_in_group
            && group_bits + cut < u32::BITS
            && units << (cut + 1) <= most
            && units << (cut + 1) <= occurrences / PER_UNIT
        {
            cut += 1;
        }
        let cells_per_unit = layout.groups_per_page / parts * pages;
        Self {
            cells_per_unit,
            divisor: Divisor::new(cells_per_unit),
            hash_bits: u64::BITS - (cells_per_unit - 1).leading_zeros() + bits_in_group - cut,
            // One cell for all hashes, which may have 64 bits, needs no bit of them.
            cell_shift: (bits_in_group - cut).min(63),
            cell_mask: (layout.groups << cut) - 1,
            // Parts of the last page past the last group are empty.
            count: (layout.pages * (parts << cut)).div_ceil(pages),
            per_page: parts << cut,
            pages,
        }
    }

    /// Unit of a hash.
    #[inline(always)]
    fn of(&self, hash: u64) -> u64 {
        self.divisor.quotient((hash >> self.cell_shift) & self.cell_mask)
    }

    /// Hashes of a unit, both ends included; `None` past the last cell.
    pub(crate) fn hashes(&self, unit: u64, last: u64) -> Option<(u64, u64)> {
        let first = unit * self.cells_per_unit;
        if first > self.cell_mask {
            return None;
        }
        let next = first + self.cells_per_unit;
        let end = if next > self.cell_mask { last } else { (next << self.cell_shift) - 1 };
        Some((first << self.cell_shift, end))
    }
}

/// Exact number of records by stripe and unit.
pub(crate) struct Counts {
    by_stripe: Vec<Vec<u32>>,
}

impl Counts {
    /// Bytes that counting `stripes` stripes takes.
    pub(crate) fn bytes(stripes: usize, units: &Units) -> u64 {
        stripes as u64 * units.count * 4
    }

    /// Counts all stripes on the current pool. A stripe holds fewer than 2^32 k-mers of one unit: see `stripes_for`.
    pub(crate) fn of(
        pieces: &Pieces<'_>,
        stripes: &[&[Piece<'_>]],
        units: &Units,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Self {
        let by_stripe = stripes
            .par_iter()
            .map(|stripe| {
                let mut counts = vec![0u32; units.count as usize];
                pieces.scan(stripe, |hash, _| counts[units.of(hash) as usize] += 1, progress);
                counts
            })
            .collect();
        Self { by_stripe }
    }

    /// Records of a unit, all stripes.
    pub(crate) fn unit(&self, unit: u64) -> u64 {
        self.by_stripe.iter().map(|counts| u64::from(counts[unit as usize])).sum()
    }

    /// Records of a range of units in stripe `stripe`.
    fn stripe(&self, stripe: usize, units: Range<u64>) -> u64 {
        self.by_stripe[stripe][units.start as usize..units.end as usize].iter().map(|&c| u64::from(c)).sum()
    }
}

/// The stripes that a pool of `threads` threads shares; more than threads, so that an interrupted one does not hold up
/// the others, and enough that no stripe's count overflows.
pub(crate) fn stripes_for(threads: usize, kmers: u64) -> usize {
    (threads * 4).max((kmers >> 31) as usize + 1)
}

/// The records of one pass, by stripe, then by unit.
pub(crate) struct Pass<'a, R> {
    first_unit: u64,
    /// For each stripe its records and, for each unit, where its records end.
    stripes: Vec<(&'a [R], Vec<u64>)>,
}

/// What a pass scans, and where its records go.
pub(crate) struct Scatter<'s> {
    pub(crate) pieces: &'s Pieces<'s>,
    pub(crate) stripes: &'s [&'s [Piece<'s>]],
    pub(crate) units: &'s Units,
    pub(crate) counts: &'s Counts,
    /// Units of this pass.
    pub(crate) range: Range<u64>,
    pub(crate) position_bits: u32,
}

impl<'a, R: Record> Pass<'a, R> {
    /// Scans the genome and scatters the k-mers of this pass into `buffer`, which has room for all of them and one
    /// more record a stripe.
    pub(crate) fn new(scatter: Scatter<'_>, buffer: &'a mut [R], progress: &(dyn Fn(u64) + Sync)) -> Self {
        let Scatter { pieces, stripes, units, counts, range, position_bits } = scatter;
        let mut rest = buffer;
        let mut regions = Vec::with_capacity(stripes.len());
        for stripe in 0..stripes.len() {
            let (region, others) = rest.split_at_mut(counts.stripe(stripe, range.clone()) as usize + 1);
            regions.push(region);
            rest = others;
        }
        let stripes = stripes
            .par_iter()
            .zip(regions)
            .enumerate()
            .map(|(number, (stripe, region))| {
                let counts = &counts.by_stripe[number][range.start as usize..range.end as usize];
                let mut cursors = Vec::with_capacity(counts.len() + 1);
                let mut at = 0u64;
                for &count in counts {
                    cursors.push(at);
                    at += u64::from(count);
                }
                if counts.len() as u64 * 8 > units.count {
                    // A branch would be mispredicted too often: what belongs to other passes goes to one more place,
                    // which is the record after the last and never moves on.
                    let last = cursors.len();
                    cursors.push(at);
                    pieces.scan(
                        stripe,
                        |hash, position| {
                            let unit = (units.of(hash).wrapping_sub(range.start) as usize).min(last);
                            let cursor = &mut cursors[unit];
                            region[*cursor as usize] = R::new(hash, position, position_bits);
                            *cursor += u64::from(unit < last);
                        },
                        progress,
                    );
                    cursors.pop();
                } else {
                    pieces.scan(
                        stripe,
                        |hash, position| {
                            if let Some(cursor) = cursors.get_mut(units.of(hash).wrapping_sub(range.start) as usize) {
                                region[*cursor as usize] = R::new(hash, position, position_bits);
                                *cursor += 1;
                            }
                        },
                        progress,
                    );
                }
                (&*region, cursors)
            })
            .collect();
        Self { first_unit: range.start, stripes }
    }

    /// The records of a unit: a slice a stripe, in genome order.
    pub(crate) fn unit(&self, unit: u64) -> impl Iterator<Item = &'a [R]> + Clone + '_ {
        let i = (unit - self.first_unit) as usize;
        self.stripes.iter().map(move |(region, ends)| {
            let start = if i == 0 { 0 } else { ends[i - 1] };
            &region[start as usize..ends[i] as usize]
        })
    }
}

/// Scratch of one thread for sorting, reused from unit to unit.
pub(crate) struct Sorter<S> {
    ends: Vec<u32>,
    sorted: Vec<S>,
    coarse: Vec<S>,
    dense: Dense<S>,
}

/// What is known of the hashes of a unit where nearly all that there could be are there.
struct Dense<S> {
    /// A bit for each hash that was seen, and for each that was seen again.
    once: Vec<u64>,
    twice: Vec<u64>,
    /// The wanted hashes before each word of bits, and all of them, ascending.
    ranks: Vec<u32>,
    wanted: Vec<u32>,
    /// The records of wanted hashes, with ranks for hashes.
    kept: Vec<S>,
}

/// What a [`Sorter`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Every hash.
    All,
    /// Those that occur twice or more; others are counted only.
    Repeated,
}

/// Records that are sorted at once, within a core's own cache.
const AT_ONCE: usize = 1 << 16;
/// A unit of more records is copied while it is sorted.
pub(crate) const SORTED_AT_ONCE: u64 = 2 * AT_ONCE as u64;
/// Records of scratch for units that are sorted in two steps that a sorter keeps: 4 to 8 MiB.
const KEPT: usize = 1 << 19;
/// Hashes that there could be for each record, at the most, where bits for all of them are the faster way.
const DENSE: u64 = 32;

impl<S: Record<Sorted = S>> Sorter<S> {
    pub(crate) fn new() -> Self {
        let dense =
            Dense { once: Vec::new(), twice: Vec::new(), ranks: Vec::new(), wanted: Vec::new(), kept: Vec::new() };
        Self { ends: Vec::new(), sorted: Vec::new(), coarse: Vec::new(), dense }
    }

    /// Bytes held, by capacity.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        let Dense { once, twice, ranks, wanted, kept } = &self.dense;
        let words = 2 * (once.capacity() + twice.capacity()) + ranks.capacity() + wanted.capacity();
        let records = self.sorted.capacity() + self.coarse.capacity() + kept.capacity();
        ((self.ends.capacity() + words) * 4 + records * size_of::<S>()) as u64
    }

    /// Sorts records with hashes from `first` to `last` and calls `each(hash, records)` for each distinct hash that is wanted,
    /// ascending; the records keep their order. Gives the number of hashes that were left out.
    pub(crate) fn groups<R: Record<Sorted = S>, F: FnMut(u64, &[S])>(
        &mut self,
        segments: &[&[R]],
        (first, last): (u64, u64),
        position_bits: u32,
        wanted: Wanted,
        each: &mut F,
    ) -> u64 {
        let count = segments.iter().map(|s| s.len()).sum();
        if count <= 2 * AT_ONCE {
            return self.groups_at_once(segments, count, (first, last), position_bits, wanted, each);
        }
        // What the hashes do not use narrows the ranges.
        let (low, high) = span(segments, first, position_bits);
        let (first, last) = (first + low, first + high);
        // Too many for the cache: first into 2^bits ranges of hashes, then each range by itself.
        let span_bits = u64::BITS - (last - first).leading_zeros();
        let bits = ((count / AT_ONCE).next_power_of_two().ilog2() + 1).min(10).min(span_bits);
        let shift = span_bits - bits;
        let mut coarse = std::mem::take(&mut self.coarse);
        let mut ends = vec![0u64; (1 << bits) + 1];
        counting_scatter(segments, &mut coarse, &mut ends, first, shift, position_bits);
        let (mut start, mut left_out) = (0, 0);
        for (range, &end) in ends[..1 << bits].iter().enumerate() {
            let records = &coarse[start as usize..end as usize];
            start = end;
            if records.is_empty() {
                continue;
            }
            // Hashes count from `first` here.
            let low = (range as u64) << shift;
            let range = (low, low.saturating_add(low_mask(shift)).min(last - first));
            let mut each = |hash: u64, records: &[S]| each(first + hash, records);
            if records.len() <= 2 * AT_ONCE {
                let count = records.len();
                left_out += self.groups_at_once(&[records], count, range, position_bits, wanted, &mut each);
                continue;
            }
            // A range crowded by one or a few k-mers of great frequency; one alone takes no room.
            let (least, most) = span(&[records], 0, position_bits);
            if least == most {
                each(least, records);
            } else {
                let mut each: &mut dyn FnMut(u64, &[S]) = &mut each;
                left_out += Self::new().groups(&[records], range, position_bits, wanted, &mut each);
            }
        }
        // What a k-mer of great frequency needed is not kept for others.
        if coarse.capacity() <= KEPT {
            self.coarse = coarse;
        }
        left_out
    }

    fn groups_at_once<R: Record<Sorted = S>, F: FnMut(u64, &[S])>(
        &mut self,
        segments: &[&[R]],
        count: usize,
        (first, last): (u64, u64),
        position_bits: u32,
        wanted: Wanted,
        each: &mut F,
    ) -> u64 {
        if count == 0 {
            return 0;
        }
        if last - first < DENSE * count as u64 {
            return self.groups_of_dense(segments, count, (first, last), position_bits, wanted, each);
        }
        // Fewer records than buckets, so that nearly all are in order once they are in their buckets.
        let span_bits = u64::BITS - (last - first).leading_zeros();
        let shift = span_bits.saturating_sub(count.ilog2() + 1);
        let buckets = ((last - first) >> shift) as usize + 1;
        self.ends.clear();
        self.ends.resize(buckets + 1, 0);
        counting_scatter(segments, &mut self.sorted, &mut self.ends, first, shift, position_bits);
        let sorted = &mut self.sorted[..count];
        if shift > 0 {
            sort_within_buckets(sorted, &self.ends, shift, position_bits);
        }
        let mut left_out = 0;
        let mut give = |hash: u64, records: &[S]| match wanted {
            Wanted::Repeated if records.len() == 1 => left_out += 1,
            _ => each(first + hash, records),
        };
        let mut start = 0;
        let mut hash = sorted[0].hash(position_bits);
        for (at, record) in sorted.iter().enumerate().skip(1) {
            let next = record.hash(position_bits);
            if next != hash {
                give(hash, &sorted[start..at]);
                (start, hash) = (at, next);
            }
        }
        give(hash, &sorted[start..]);
        left_out
    }

    /// As [`groups_at_once`](Self::groups_at_once), where a bit for each hash that there could be is not much: what occurs once
    /// is left out before anything moves.
    fn groups_of_dense<R: Record<Sorted = S>, F: FnMut(u64, &[S])>(
        &mut self,
        segments: &[&[R]],
        count: usize,
        (first, last): (u64, u64),
        position_bits: u32,
        wanted: Wanted,
        each: &mut F,
    ) -> u64 {
        let Self { ends, sorted, dense, .. } = self;
        let words = ((last - first) / 64) as usize + 1;
        for bits in [&mut dense.once, &mut dense.twice] {
            bits.clear();
            bits.resize(words, 0);
        }
        for &segment in segments {
            for &record in segment {
                let hash = record.within(first, position_bits).hash(position_bits);
                let (once, bit) = (&mut dense.once[(hash / 64) as usize], 1 << (hash % 64));
                dense.twice[(hash / 64) as usize] |= *once & bit;
                *once |= bit;
            }
        }
        let (bits, left_out) = match wanted {
            Wanted::All => (&dense.once, 0),
            Wanted::Repeated => {
                let pairs = dense.once.iter().zip(&dense.twice);
                (&dense.twice, pairs.map(|(once, twice)| u64::from((once & !twice).count_ones())).sum())
            }
        };
        dense.ranks.clear();
        dense.wanted.clear();
        for (at, &word) in (0..).step_by(64).zip(bits) {
            dense.ranks.push(dense.wanted.len() as u32);
            let mut rest = word;
            while rest != 0 {
                dense.wanted.push(at + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        ends.clear();
        ends.resize(dense.wanted.len() + 1, 0);
        for records in [&mut dense.kept, sorted] {
            if records.len() <= count {
                records.resize(count + 1, S::zeroed());
            }
        }
        let ranks = Ranks { bits, before: &dense.ranks };
        let kept = keep(segments, first, position_bits, ranks, ends, &mut dense.kept);
        let mut start = 0;
        for count in ends.iter_mut() {
            start += count.start_at(start);
        }
        for &record in &dense.kept[..kept] {
            sorted[ends[record.hash(position_bits) as usize].take_next()] = record;
        }
        let mut start = 0;
        for (&hash, &end) in dense.wanted.iter().zip(&*ends) {
            each(first + u64::from(hash), &sorted[start..end as usize]);
            start = end as usize;
        }
        left_out
    }
}

/// Ranks of some hashes among them.
struct Ranks<'a> {
    bits: &'a [u64],
    before: &'a [u32],
}

/// Keeps, in their order, the records of which `ranks` has the hash, with the rank instead of it, and counts them by rank;
/// gives how many. `kept` has room for one more than there are records, `counts` for one more than there are ranks.
#[multiversion::multiversion(targets("x86_64+popcnt+bmi1+bmi2"))]
fn keep<R: Record>(
    segments: &[&[R]],
    first: u64,
    position_bits: u32,
    ranks: Ranks<'_>,
    counts: &mut [u32],
    kept: &mut [R::Sorted],
) -> usize {
    let mut next = 0;
    for &segment in segments {
        for &record in segment {
            let record = record.within(first, position_bits);
            let hash = record.hash(position_bits);
            let (word, bit) = (ranks.bits[(hash / 64) as usize], hash % 64);
            let rank = ranks.before[(hash / 64) as usize] + (word & ((1 << bit) - 1)).count_ones();
            // Without a branch: which it is cannot be foretold.
            let is_kept = word >> bit & 1;
            kept[next] = R::Sorted::new(rank.into(), record.position(position_bits), position_bits);
            counts[rank as usize] += is_kept as u32;
            next += is_kept as usize;
        }
    }
    next
}

/// The lowest and the highest hash of some records, counted from `first`.
fn span<R: Record>(segments: &[&[R]], first: u64, position_bits: u32) -> (u64, u64) {
    let hashes = segments.iter().flat_map(|s| s.iter()).map(|r| r.within(first, position_bits).hash(position_bits));
    hashes.fold((u64::MAX, 0), |(low, high), hash| (low.min(hash), high.max(hash)))
}

/// Moves that an insertion may take before its bucket is sorted as a whole.
const MOVES: usize = 32;

/// Sorts records that are in their buckets already; stable. `ends` holds the end of each bucket.
#[inline(always)]
fn sort_within_buckets<R: Record>(records: &mut [R], ends: &[u32], shift: u32, position_bits: u32) {
    let mut before = records[0].hash(position_bits);
    let mut at = 1;
    while at < records.len() {
        let record = records[at];
        let hash = record.hash(position_bits);
        if hash >= before {
            before = hash;
            at += 1;
            continue;
        }
        let mut to = at;
        while to > 0 && at - to < MOVES && records[to - 1].hash(position_bits) > hash {
            records[to] = records[to - 1];
            to -= 1;
        }
        records[to] = record;
        at += 1;
        if at - to > MOVES {
            // A bucket crowded by k-mers of great frequency.
            let bucket = (hash >> shift) as usize;
            let start = if bucket == 0 { 0 } else { ends[bucket - 1] as usize };
            let end = ends[bucket] as usize;
            records[start..end].sort_by_key(|r| r.hash(position_bits));
            at = end;
            before = records[end - 1].hash(position_bits);
        }
    }
}

/// Integer that counts records.
trait Count: Copy {
    fn increment(&mut self);
    /// Replaces a count by a start; gives the count.
    fn start_at(&mut self, start: u64) -> u64;
    fn take_next(&mut self) -> usize;
}

macro_rules! count {
    ($type:ty) => {
        impl Count for $type {
            #[inline(always)]
            fn increment(&mut self) {
                *self += 1;
            }
            #[inline(always)]
            fn start_at(&mut self, start: u64) -> u64 {
                std::mem::replace(self, start as $type) as u64
            }
            #[inline(always)]
            fn take_next(&mut self) -> usize {
                *self += 1;
                *self as usize - 1
            }
        }
    };
}
count!(u32);
count!(u64);

/// Scatters records into `out` by `(hash - first) >> shift`, keeping their order; there their hashes count from `first`.
/// `ends` comes zeroed with one element more than there are buckets, and leaves with the end of each bucket.
#[inline(always)]
fn counting_scatter<R: Record, C: Count>(
    segments: &[&[R]],
    out: &mut Vec<R::Sorted>,
    ends: &mut [C],
    first: u64,
    shift: u32,
    position_bits: u32,
) {
    for &segment in segments {
        for &record in segment {
            ends[(record.within(first, position_bits).hash(position_bits) >> shift) as usize].increment();
        }
    }
    let mut start = 0;
    for count in ends.iter_mut() {
        start += count.start_at(start);
    }
    let count = start as usize;
    if out.len() < count {
        out.resize(count, R::Sorted::zeroed());
    }
    let out = &mut out[..count];
    for &segment in segments {
        for &record in segment {
            let record = record.within(first, position_bits);
            out[ends[(record.hash(position_bits) >> shift) as usize].take_next()] = record;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hashes of a unit differ in `hash_bits` bits.
    fn check<R: Record>(position_bits: u32, hash_bits: u32) {
        let mut state = 88172645463325252u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for (count, distinct) in
            [(0, 1), (1, 1), (5, 2), (1000, 1 << 40), (1000, 3), (300_000, 1 << 40), (300_000, 1), (300_000, 2)]
        {
            // The unit lies so that its lowest bits turn over.
            let span = low_mask(hash_bits);
            let first = if hash_bits < 60 { span / 3 * 100 } else { 0 };
            let last = first + span;
            let mut expected: Vec<(u64, u64)> = (0..count)
                .map(|i| (first + (random() % distinct).wrapping_mul(0x9E37_79B9_7F4A_7C15) % span, i))
                .collect();
            let records: Vec<R> = expected.iter().map(|&(h, p)| R::new(h, p, position_bits)).collect();
            expected.sort();
            let cut = records.len() / 3;
            let segments = [&records[..cut], &records[cut..cut], &records[cut..]];
            for wanted in [Wanted::All, Wanted::Repeated] {
                let mut seen = Vec::new();
                let mut each = |hash, group: &[R::Sorted]| {
                    assert!(seen.last().is_none_or(|&(h, _)| h < hash), "each hash once, ascending");
                    seen.extend(group.iter().map(|r| (hash, r.position(position_bits))));
                };
                let left_out = Sorter::new().groups(&segments, (first, last), position_bits, wanted, &mut each);
                let groups = expected.chunk_by(|a, b| a.0 == b.0);
                let (wanted, others): (Vec<_>, Vec<_>) =
                    groups.partition(|group| wanted == Wanted::All || group.len() > 1);
                assert!(seen == wanted.concat(), "{count} records of {distinct} hashes");
                assert_eq!(left_out, others.len() as u64);
            }
        }
    }

    #[test]
    fn records_of_every_width_sort_stably() {
        check::<Short>(27, 21);
        check::<Packed>(24, 40);
        check::<Narrow>(24, 64);
        check::<Wide>(40, 61);
    }
}
