//! The stable counting sort that distributes records to buckets, for all layouts.

use bytemuck::Pod;

/// An integer that counts records, then is a cursor to the next one of its bucket, and at last the end of its bucket.
pub(crate) trait Counter: Copy {
    fn increment(&mut self);
    /// Replaces the count by a start; returns the count.
    fn set_start(&mut self, start: u64) -> u64;
    /// The cursor, which is advanced.
    fn take_next(&mut self) -> usize;
}

macro_rules! counter {
    ($type:ty) => {
        impl Counter for $type {
            #[inline(always)]
            fn increment(&mut self) {
                *self += 1;
            }
            #[inline(always)]
            fn set_start(&mut self, start: u64) -> u64 {
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
counter!(u32);
counter!(u64);

/// Turns counts into starts; returns their sum.
#[inline(always)]
pub(crate) fn starts_of<C: Counter>(counts: &mut [C]) -> u64 {
    let mut start = 0;
    for count in counts {
        start += count.set_start(start);
    }
    start
}

/// Converts records and distributes them to buckets in `out`, which grows if need be; records keep their order. `ends`
/// must be zero, with a counter for each bucket; after that it has the end of each bucket. Returns the number of
/// records.
#[inline(always)]
pub(crate) fn distribute<R: Copy, S: Pod, C: Counter>(
    segments: &[&[R]],
    convert: impl Fn(R) -> S,
    bucket: impl Fn(S) -> usize,
    ends: &mut [C],
    out: &mut Vec<S>,
) -> usize {
    for &segment in segments {
        for &record in segment {
            ends[bucket(convert(record))].increment();
        }
    }
    let count = starts_of(ends) as usize;
    if out.len() < count {
        out.resize(count, S::zeroed());
    }
    let sorted = &mut out[..count];
    for &segment in segments {
        for &record in segment {
            let record = convert(record);
            sorted[ends[bucket(record)].take_next()] = record;
        }
    }
    count
}
