//! Groups the records of a bin by hash, within the cache of a core.

use crate::builder::counting_sort::distribute;
use crate::builder::sorted::dense::{DenseSorter, MAX_DENSE_HASHES_PER_RECORD, SortBuffers};
use crate::builder::sorted::records::{Record, RecordSet, Selection};
use crate::kmer::low_mask;

/// Records that are sorted at once: 512 KiB of the usual width, within the level-2 cache of a core.
const SORTED_AT_ONCE: usize = 1 << 16;
/// Maximum records of a bin that are sorted at once; more are copied to ranges of hashes first.
pub(crate) const MAX_SORTED_AT_ONCE: u64 = 2 * SORTED_AT_ONCE as u64;
/// Maximum bits of the number of such ranges: each has one cache line that is written to, 64 KiB in all.
const MAX_RANGE_BITS: u32 = 10;
/// Maximum records of the space that a sorter keeps for bins that are copied to ranges: 4 to 8 MiB.
const MAX_KEPT_RECORDS: usize = 1 << 19;

/// Sorts one bin after the other; its space is reused.
pub(crate) struct Sorter<S> {
    selection: Selection,
    buffers: SortBuffers<S>,
    /// Records by range of hashes, if there are too many to be sorted at once.
    ranges: Vec<S>,
    dense: DenseSorter<S>,
}

impl<S: Record<Sorted = S>> Sorter<S> {
    pub(crate) fn new(selection: Selection) -> Self {
        let buffers = SortBuffers { ends: Vec::new(), sorted: Vec::new() };
        Self { selection, buffers, ranges: Vec::new(), dense: DenseSorter::new() }
    }

    /// Allocated bytes.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        let records = self.buffers.sorted.capacity() + self.ranges.capacity();
        let ends = self.buffers.ends.capacity() * size_of::<u32>();
        (ends + records * size_of::<S>()) as u64 + self.dense.capacity_bytes()
    }

    /// Calls `each(hash, records)` for each selected hash, ascending; the records keep their order. Returns the number
    /// of hashes that were not selected.
    pub(crate) fn groups<R: Record<Sorted = S>, F: FnMut(u64, &[S])>(
        &mut self,
        records: RecordSet<'_, R>,
        each: &mut F,
    ) -> u64 {
        let count = records.count();
        if count as u64 <= MAX_SORTED_AT_ONCE {
            return self.groups_at_once(records, each);
        }
        // Hashes that do not occur would widen the ranges.
        let records = records.narrowed();
        let (first, position_bits) = (records.first, records.position_bits);
        let last = records.last - first;
        let span_bits = u64::BITS - last.leading_zeros();
        let bits = ((count / SORTED_AT_ONCE).next_power_of_two().ilog2() + 1).min(MAX_RANGE_BITS).min(span_bits);
        let shift = span_bits - bits;
        let mut sorted = std::mem::take(&mut self.ranges);
        let mut ends = vec![0u64; (1 << bits) + 1];
        let range_of = |record: S| (record.hash(position_bits) >> shift) as usize;
        distribute(records.segments, |record| records.relative(record), range_of, &mut ends, &mut sorted);
        let (mut start, mut left_out) = (0, 0);
        for (range, &end) in ends[..1 << bits].iter().enumerate() {
            let here = &sorted[start as usize..end as usize];
            start = end;
            if here.is_empty() {
                continue;
            }
            // Hashes count from `first` here.
            let low = (range as u64) << shift;
            let high = low.saturating_add(low_mask(shift)).min(last);
            let here = RecordSet { segments: &[here], first: low, last: high, position_bits };
            left_out += self.groups_of_range(here, &mut |hash, records| each(first + hash, records));
        }
        // The space that a very frequent k-mer needed is released.
        if sorted.capacity() <= MAX_KEPT_RECORDS {
            self.ranges = sorted;
        }
        left_out
    }

    /// Groups the records of one range of hashes.
    fn groups_of_range<F: FnMut(u64, &[S])>(&mut self, records: RecordSet<'_, S>, each: &mut F) -> u64 {
        if records.count() as u64 <= MAX_SORTED_AT_ONCE {
            return self.groups_at_once(records, each);
        }
        // One or a few very frequent k-mers; the records of a single one are in order already.
        let narrowed = records.narrowed();
        if narrowed.first == narrowed.last {
            each(narrowed.first, records.segments[0]);
            return 0;
        }
        let mut each: &mut dyn FnMut(u64, &[S]) = each;
        Self::new(self.selection).groups(records, &mut each)
    }

    fn groups_at_once<R: Record<Sorted = S>, F: FnMut(u64, &[S])>(
        &mut self,
        records: RecordSet<'_, R>,
        each: &mut F,
    ) -> u64 {
        let count = records.count();
        let RecordSet { segments, first, last, position_bits } = records;
        if count == 0 {
            return 0;
        }
        if last - first < MAX_DENSE_HASHES_PER_RECORD * count as u64 {
            return self.dense.groups(records, self.selection, &mut self.buffers, each);
        }
        // Up to four times as many buckets as records, so that most records are in order once they are in their
        // buckets.
        let span_bits = u64::BITS - (last - first).leading_zeros();
        let shift = span_bits.saturating_sub(count.ilog2() + 1);
        let buckets = ((last - first) >> shift) as usize + 1;
        let SortBuffers { ends, sorted } = &mut self.buffers;
        ends.clear();
        ends.resize(buckets + 1, 0);
        let bucket_of = |record: S| (record.hash(position_bits) >> shift) as usize;
        distribute(segments, |record| records.relative(record), bucket_of, ends, sorted);
        let sorted = &mut sorted[..count];
        if shift > 0 {
            sort_within_buckets(sorted, ends, shift, position_bits);
        }
        let mut left_out = 0;
        let selection = self.selection;
        let mut select = |hash: u64, records: &[S]| match selection {
            Selection::Repeated if records.len() == 1 => left_out += 1,
            _ => each(first + hash, records),
        };
        let mut start = 0;
        let mut hash = sorted[0].hash(position_bits);
        for (at, record) in sorted.iter().enumerate().skip(1) {
            let next = record.hash(position_bits);
            if next != hash {
                select(hash, &sorted[start..at]);
                (start, hash) = (at, next);
            }
        }
        select(hash, &sorted[start..]);
        left_out
    }
}

/// Maximum moves of one insertion. More of them mean a bucket of very frequent k-mers, which is sorted as a whole,
/// since insertion would be quadratic.
const MAX_MOVES: usize = 32;

/// Sorts records that are in their buckets already; stable. `ends` has the end of each bucket.
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
        while to > 0 && at - to < MAX_MOVES && records[to - 1].hash(position_bits) > hash {
            records[to] = records[to - 1];
            to -= 1;
        }
        records[to] = record;
        at += 1;
        if at - to > MAX_MOVES {
            // The bucket has very frequent k-mers.
            let bucket = (hash >> shift) as usize;
            let start = if bucket == 0 { 0 } else { ends[bucket - 1] as usize };
            let end = ends[bucket] as usize;
            records[start..end].sort_by_key(|r| r.hash(position_bits));
            at = end;
            before = records[end - 1].hash(position_bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::sorted::records::{Narrow, Packed, Short, Wide};

    /// The hashes of the bin differ in `hash_bits` bits.
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
            // The low bits of the hashes wrap around within the bin.
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
            for selection in [Selection::All, Selection::Repeated] {
                let mut seen = Vec::new();
                let mut each = |hash, group: &[R::Sorted]| {
                    assert!(seen.last().is_none_or(|&(h, _)| h < hash), "each hash once, ascending");
                    seen.extend(group.iter().map(|r| (hash, r.position(position_bits))));
                };
                let records = RecordSet { segments: &segments, first, last, position_bits };
                let left_out = Sorter::new(selection).groups(records, &mut each);
                let groups = expected.chunk_by(|a, b| a.0 == b.0);
                let (selected, others): (Vec<_>, Vec<_>) =
                    groups.partition(|group| selection == Selection::All || group.len() > 1);
                assert!(seen == selected.concat(), "{count} records of {distinct} hashes");
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
