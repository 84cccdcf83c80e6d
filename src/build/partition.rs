//! One pass of a build: the k-mers of a range of pages, scattered into units of hashes and sorted unit by unit.
//!
//! A *unit* is what one pass scatters to: a part of a page, or a run of pages. Exact counts by stripe and unit come
//! first, so every record has its place: nothing grows and no two threads write to the same memory. Stripes are in
//! genome order and each is scanned in order, so the positions of a k-mer arrive ascending.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::genome::{Piece, Pieces};
use crate::store::layout::{Address, Divisor, Layout};

/// A k-mer occurrence on its way through a build.
pub(crate) trait Record: Pod + Send + Sync {
    /// `position_bits` is the width of a position in this genome.
    fn new(hash: u64, position: u64, position_bits: u32) -> Self;
    fn hash(self, position_bits: u32) -> u64;
    fn position(self, position_bits: u32) -> u64;
}

/// Hash and position in one word, where both fit.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Packed(u64);

impl Record for Packed {
    #[inline(always)]
    fn new(hash: u64, position: u64, position_bits: u32) -> Self {
        Self(hash << position_bits | position)
    }
    #[inline(always)]
    fn hash(self, position_bits: u32) -> u64 {
        self.0 >> position_bits
    }
    #[inline(always)]
    fn position(self, position_bits: u32) -> u64 {
        self.0 & crate::kmer::low_mask(position_bits)
    }
}

/// Any hash, positions below 2^32.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Narrow([u32; 3]);

impl Record for Narrow {
    #[inline(always)]
    fn new(hash: u64, position: u64, _: u32) -> Self {
        Self([hash as u32, (hash >> 32) as u32, position as u32])
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
    #[inline(always)]
    fn new(hash: u64, position: u64, _: u32) -> Self {
        Self([hash, position])
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

/// How pages are cut into units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units {
    groups_per_unit: u64,
    divisor: Divisor,
    address: Address,
    /// Units in all.
    pub(crate) count: u64,
    /// Units of a page; 1 when a unit is a page or more.
    pub(crate) per_page: u64,
    /// Pages of a unit; 1 when a unit is a page or less.
    pub(crate) pages: u64,
}

impl Units {
    /// Units for a pass that should scatter to about `streams` of them at the most.
    pub(crate) fn new(layout: &Layout, passes: u64, streams: u64) -> Self {
        let most = streams.saturating_mul(passes.max(1));
        let (per_page, pages) = if layout.pages.saturating_mul(layout.parts_per_page) <= most {
            (layout.parts_per_page, 1)
        } else {
            (1, layout.pages.div_ceil(most))
        };
        let groups_per_unit = layout.groups_per_page / per_page * pages;
        Self {
            groups_per_unit,
            divisor: Divisor::new(groups_per_unit),
            address: layout.address(),
            // Parts of the last page past the last group are empty.
            count: (layout.pages * per_page).div_ceil(pages),
            per_page,
            pages,
        }
    }

    /// Unit of a hash.
    #[inline(always)]
    fn of(&self, hash: u64) -> u64 {
        self.divisor.quotient(self.address.group(hash))
    }

    /// Hashes of a unit, both ends included; `None` past the last group.
    pub(crate) fn hashes(&self, unit: u64, layout: &Layout, last: u64) -> Option<(u64, u64)> {
        let first_group = unit * self.groups_per_unit;
        if first_group >= layout.groups {
            return None;
        }
        let next_group = first_group + self.groups_per_unit;
        let end = if next_group >= layout.groups { last } else { layout.first_hash(next_group) - 1 };
        Some((layout.first_hash(first_group), end))
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
pub(crate) struct Sorter<R> {
    ends: Vec<u32>,
    sorted: Vec<R>,
    coarse: Vec<R>,
}

/// Records that are sorted at once, within a core's own cache.
const AT_ONCE: usize = 1 << 16;
/// A unit of more records is copied while it is sorted.
pub(crate) const SORTED_AT_ONCE: u64 = 2 * AT_ONCE as u64;

impl<R: Record> Sorter<R> {
    pub(crate) fn new() -> Self {
        Self { ends: Vec::new(), sorted: Vec::new(), coarse: Vec::new() }
    }

    /// Bytes held, by capacity.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        (self.ends.capacity() * 4 + (self.sorted.capacity() + self.coarse.capacity()) * size_of::<R>()) as u64
    }

    /// Sorts records with hashes from `first` to `last` and calls `each(hash, records)` for each distinct hash,
    /// ascending; the records keep their order.
    pub(crate) fn groups<F: FnMut(u64, &[R])>(
        &mut self,
        segments: &[&[R]],
        first: u64,
        last: u64,
        position_bits: u32,
        each: &mut F,
    ) {
        let count = segments.iter().map(|s| s.len()).sum();
        if count <= 2 * AT_ONCE {
            self.groups_at_once(segments, count, first, last, position_bits, each);
            return;
        }
        // One k-mer alone takes no room; and what its neighbours do not use narrows the ranges.
        let hashes = || segments.iter().flat_map(|s| s.iter()).map(|r| r.hash(position_bits));
        let (first, last) = hashes().fold((last, first), |(low, high), hash| (low.min(hash), high.max(hash)));
        if let [records] = segments
            && first == last
        {
            each(first, records);
            return;
        }
        // Too many for the cache: first into 2^bits ranges of hashes, then each range by itself.
        let span_bits = u64::BITS - (last - first).leading_zeros();
        let bits = ((count / AT_ONCE).next_power_of_two().ilog2() + 1).min(10).min(span_bits);
        let shift = span_bits - bits;
        let mut coarse = std::mem::take(&mut self.coarse);
        let mut ends = vec![0u64; (1 << bits) + 1];
        counting_scatter(segments, &mut coarse, &mut ends, first, shift, position_bits);
        let mut start = 0;
        for (range, &end) in ends[..1 << bits].iter().enumerate() {
            let records = &coarse[start as usize..end as usize];
            start = end;
            if records.is_empty() {
                continue;
            }
            let low = first + ((range as u64) << shift);
            let high = low.saturating_add(crate::kmer::low_mask(shift)).min(last);
            if shift == 0 {
                each(low, records);
            } else if records.len() <= 2 * AT_ONCE {
                self.groups_at_once(&[records], records.len(), low, high, position_bits, each);
            } else {
                // A range crowded by one or a few k-mers of great frequency.
                Sorter::new().groups(&[records], low, high, position_bits, each);
            }
        }
        self.coarse = coarse;
    }

    fn groups_at_once<F: FnMut(u64, &[R])>(
        &mut self,
        segments: &[&[R]],
        count: usize,
        first: u64,
        last: u64,
        position_bits: u32,
        each: &mut F,
    ) {
        if count == 0 {
            return;
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
            sort_within_buckets(sorted, &self.ends, first, shift, position_bits);
        }
        let mut start = 0;
        let mut hash = sorted[0].hash(position_bits);
        for (at, record) in sorted.iter().enumerate().skip(1) {
            let next = record.hash(position_bits);
            if next != hash {
                each(hash, &sorted[start..at]);
                (start, hash) = (at, next);
            }
        }
        each(hash, &sorted[start..]);
    }
}

/// Moves that an insertion may take before its bucket is sorted as a whole.
const MOVES: usize = 32;

/// Sorts records that are in their buckets already; stable. `ends` holds the end of each bucket.
#[inline(always)]
fn sort_within_buckets<R: Record>(records: &mut [R], ends: &[u32], first: u64, shift: u32, position_bits: u32) {
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
            let bucket = ((hash - first) >> shift) as usize;
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

/// Scatters records into `out` by `(hash - first) >> shift`, keeping their order. `ends` comes zeroed with one element
/// more than there are buckets, and leaves with the end of each bucket.
#[inline(always)]
fn counting_scatter<R: Record, C: Count>(
    segments: &[&[R]],
    out: &mut Vec<R>,
    ends: &mut [C],
    first: u64,
    shift: u32,
    position_bits: u32,
) {
    let bucket = |record: R| ((record.hash(position_bits) - first) >> shift) as usize;
    for &segment in segments {
        for &record in segment {
            ends[bucket(record)].increment();
        }
    }
    let mut start = 0;
    for count in ends.iter_mut() {
        start += count.start_at(start);
    }
    let count = start as usize;
    if out.len() < count {
        out.resize(count, R::zeroed());
    }
    let out = &mut out[..count];
    for &segment in segments {
        for &record in segment {
            out[ends[bucket(record)].take_next()] = record;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let top = crate::kmer::low_mask(hash_bits);
            let (first, last) = (top / 3, top / 3 * 2);
            let mut expected: Vec<(u64, u64)> = (0..count)
                .map(|i| (first + (random() % distinct).wrapping_mul(0x9E37_79B9_7F4A_7C15) % (last - first + 1), i))
                .collect();
            let records: Vec<R> = expected.iter().map(|&(h, p)| R::new(h, p, position_bits)).collect();
            expected.sort();
            let mut seen = Vec::new();
            let cut = records.len() / 3;
            let segments = [&records[..cut], &records[cut..cut], &records[cut..]];
            Sorter::new().groups(&segments, first, last, position_bits, &mut |hash, group: &[R]| {
                assert!(seen.last().is_none_or(|&(h, _)| h < hash), "each hash once, ascending");
                seen.extend(group.iter().map(|r| (hash, r.position(position_bits))));
            });
            assert!(seen == expected, "{count} records of {distinct} hashes");
        }
    }

    #[test]
    fn records_of_every_width_sort_stably() {
        check::<Packed>(24, 40);
        check::<Narrow>(24, 64);
        check::<Wide>(40, 61);
    }
}
