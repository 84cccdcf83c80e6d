//! What a remote file keeps of the bytes that were read ahead or together, until they are asked for: the least recently
//! used go first.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::memory::Reservation;

/// Reads whose ends are remembered: several threads read in a row at several places.
const MAX_STREAMS: usize = 16;
/// Bytes between two reads that are still one after the other: pages of the store are rounded up to a power of two.
const STREAM_GAP: u64 = 1 << 16;
/// Bytes that are read ahead at the second of two reads in a row; each further time [`GROWTH`] times as many.
const FIRST_AHEAD: u64 = 1 << 18;
/// So that a scan soon reads much at a time, and two neighbours by chance little.
const GROWTH: u64 = 4;

/// Consecutive bytes of a file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) start: u64,
    pub(super) bytes: Vec<u8>,
    /// Released with the bytes.
    pub(super) _reservation: Reservation,
}

impl Segment {
    fn range(&self) -> Range<u64> {
        self.start..self.start + self.bytes.len() as u64
    }

    /// Copies bytes at an offset of the file, which the segment has.
    pub(super) fn copy(&self, at: u64, out: &mut [u8]) {
        let from = (at - self.start) as usize;
        out.copy_from_slice(&self.bytes[from..from + out.len()]);
    }
}

/// Whether the first range has all of the second.
fn contains(outer: &Range<u64>, inner: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Reads one after the other.
#[derive(Debug)]
struct Stream {
    /// End of the last.
    end: u64,
    /// Bytes that were read ahead.
    ahead: u64,
}

/// The segments of a file, and the reads in progress.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// The most recently used last.
    kept: VecDeque<Arc<Segment>>,
    bytes: u64,
    /// Ranges that a thread is reading in order to keep them.
    pub(super) coming: Vec<Range<u64>>,
    streams: VecDeque<Stream>,
}

impl Segments {
    /// The segment that has all of a range, which becomes the most recently used.
    pub(super) fn find(&mut self, range: &Range<u64>) -> Option<Arc<Segment>> {
        let number = self.kept.iter().rposition(|segment| contains(&segment.range(), range))?;
        let segment = self.kept.remove(number)?;
        self.kept.push_back(Arc::clone(&segment));
        Some(segment)
    }

    /// Whether a thread is reading all of a range in order to keep it.
    pub(super) fn is_coming(&self, range: &Range<u64>) -> bool {
        self.coming.iter().any(|coming| contains(coming, range))
    }

    /// Keeps a segment, and drops others until all have at most `capacity` bytes; one that is larger is not kept.
    pub(super) fn keep(&mut self, segment: Arc<Segment>, capacity: u64) {
        let bytes = segment.bytes.len() as u64;
        if bytes > capacity {
            return;
        }
        while self.bytes + bytes > capacity
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= oldest.bytes.len() as u64;
        }
        self.bytes += bytes;
        self.kept.push_back(segment);
    }

    /// Drops all segments.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }

    /// Records a read; returns how many bytes, at most `max`, are to be read behind it because reads come in a row.
    /// `is_kept` if its bytes are here already.
    pub(super) fn record(&mut self, range: &Range<u64>, max: u64, is_kept: bool) -> u64 {
        let follows = |stream: &Stream| (stream.end..=stream.end.saturating_add(STREAM_GAP)).contains(&range.start);
        let Some(number) = self.streams.iter().position(follows) else {
            if self.streams.len() == MAX_STREAMS {
                self.streams.pop_front();
            }
            self.streams.push_back(Stream { end: range.end, ahead: 0 });
            return 0;
        };
        let Some(mut stream) = self.streams.remove(number) else { return 0 };
        stream.end = range.end;
        if !is_kept {
            stream.ahead = (stream.ahead * GROWTH).max(FIRST_AHEAD).min(max);
        }
        let ahead = if is_kept { 0 } else { stream.ahead };
        self.streams.push_back(stream);
        ahead
    }
}

/// Joins ranges that are at most `gap` bytes apart, as long as one has at most `max` bytes. The result ascends.
pub(super) fn coalesced(mut ranges: Vec<Range<u64>>, gap: u64, max: u64) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last)
                if range.start <= last.end.saturating_add(gap) && range.end.max(last.end) - last.start <= max =>
            {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, Component};

    #[test]
    fn neighbours_are_joined_up_to_a_length() {
        let joined = |ranges: &[Range<u64>], gap, max| coalesced(ranges.to_vec(), gap, max);
        assert_eq!(joined(&[50..60, 0..10, 15..20, 15..18], 5, 100), [0..20, 50..60]);
        assert_eq!(joined(&[0..10, 10..20, 20..30], 0, 20), [0..20, 20..30]);
        assert_eq!(joined(&[0..10, 11..20], 0, 100), [0..10, 11..20]);
        assert_eq!(joined(&[0..100, 5..20], 0, 50), [0..100, 5..20]);
        assert!(joined(&[], 5, 5).is_empty());
    }

    #[test]
    fn the_least_recently_used_segments_go_first_and_release_their_memory() {
        let budget = Budget::new(1000);
        let segment = |start, length| {
            let reservation = budget.reserve(Component::Remote, length as u64, "a test").expect("free");
            Arc::new(Segment { start, bytes: vec![start as u8; length], _reservation: reservation })
        };
        let mut segments = Segments::default();
        for start in [0, 100, 200] {
            segments.keep(segment(start, 100), 300);
        }
        let mut out = [0; 10];
        segments.find(&(5..15)).expect("kept").copy(5, &mut out);
        assert_eq!(out, [0; 10]);
        segments.keep(segment(50, 100), 300);
        assert!(segments.find(&(100..101)).is_some_and(|found| found.start == 50), "the second went");
        assert!(segments.find(&(149..151)).is_none());
        segments.keep(segment(7, 301), 300);
        assert_eq!(budget.used(), 300);
        segments.clear();
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn reads_in_a_row_are_read_ahead_of() {
        let mut segments = Segments::default();
        let max = 3 << 20;
        assert_eq!(segments.record(&(0..100), max, false), 0);
        assert_eq!(segments.record(&(1 << 30..(1 << 30) + 100), max, false), 0);
        assert_eq!(segments.record(&(100..200), max, false), FIRST_AHEAD);
        assert_eq!(segments.record(&(200..300), max, true), 0);
        assert_eq!(segments.record(&(300 + STREAM_GAP..400 + STREAM_GAP), max, false), GROWTH * FIRST_AHEAD);
        assert_eq!(segments.record(&(400 + STREAM_GAP..500 + STREAM_GAP), max, false), max);
        assert_eq!(segments.record(&(0..100), max, false), 0);
    }
}
