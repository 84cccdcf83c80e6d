//! Exact record counts by span and bin: with them every record of a pass has its slot before the pass begins, so
//! nothing grows and no two threads write to the same memory.

use std::ops::Range;

/// The number of records of every bin in every span.
pub(crate) struct BinCounts {
    /// By span, then by bin; see [`span_count`](crate::builder::segments::span_count) for the width.
    by_span: Vec<Vec<u32>>,
}

impl BinCounts {
    /// Counts by span, then by bin.
    pub(crate) fn new(by_span: Vec<Vec<u32>>) -> Self {
        Self { by_span }
    }

    /// Bytes of the counts of `spans` spans and `bins` bins.
    pub(crate) fn bytes(spans: usize, bins: u64) -> u64 {
        spans as u64 * bins * size_of::<u32>() as u64
    }

    /// Allocated bytes.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.by_span.iter().map(|counts| (counts.capacity() * size_of::<u32>()) as u64).sum()
    }

    /// Records of a bin.
    pub(crate) fn records_of(&self, bin: u64) -> u64 {
        self.by_span.iter().map(|counts| u64::from(counts[bin as usize])).sum()
    }

    /// Records of some bins.
    pub(crate) fn total(&self, bins: Range<u64>) -> u64 {
        self.spans(bins).flatten().map(|&count| u64::from(count)).sum()
    }

    /// The counts of some bins, by span.
    pub(crate) fn spans(&self, bins: Range<u64>) -> impl Iterator<Item = &[u32]> {
        self.by_span.iter().map(move |counts| &counts[bins.start as usize..bins.end as usize])
    }

    /// Bins in all.
    pub(crate) fn bins(&self) -> u64 {
        self.by_span.first().map_or(0, |counts| counts.len() as u64)
    }
}
