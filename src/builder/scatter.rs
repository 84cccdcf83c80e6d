//! One scan of the genome that scatters the records of a pass by span and bin.
//!
//! Spans are in genome order and each is scanned in order, so the positions of a k-mer arrive ascending in its bin.

use std::ops::Range;

use bytemuck::Pod;
use rayon::prelude::*;

use crate::builder::bin_counts::BinCounts;
use crate::builder::segments::{GenomeSegments, Segment};

/// How a layout turns a span of the genome into records.
pub(crate) trait RecordScan: Sync {
    /// The records that a pass sorts.
    type Record: Pod + Send + Sync;
    /// The item that a scan finds and that becomes a record.
    type Found<'s>: Copy;
    /// Whether a record costs less to make than a mispredicted branch, so that records of other passes are made too.
    const IS_CHEAP: bool;

    /// Calls `each(bin, found)` for every record of a span in genome order, and `done(kmers)` after each segment.
    fn scan<'s>(
        &self,
        segments: &GenomeSegments<'_>,
        span: &'s [Segment<'s>],
        each: impl FnMut(u64, Self::Found<'s>),
        done: impl FnMut(u64),
    );

    /// Makes a record.
    fn record(&self, found: Self::Found<'_>) -> Self::Record;
}

/// The branch-free scan is faster if a pass takes more than this fraction of all bins (1/8): then a branch on "is this
/// record of this pass" is mispredicted too often.
const BRANCH_FREE_FRACTION: u64 = 8;

/// The records of one pass, by span, then by bin.
pub(crate) struct ScatteredRecords<'m, R> {
    first_bin: u64,
    /// For each span its records and, for each bin, the end of its records.
    spans: Vec<(&'m [R], Vec<u64>)>,
}

impl<'m, R> ScatteredRecords<'m, R> {
    /// The records of a bin: a slice a span, in genome order.
    pub(crate) fn bin(&self, bin: u64) -> Vec<&'m [R]> {
        let bin = (bin - self.first_bin) as usize;
        self.spans
            .iter()
            .map(|(region, ends)| {
                let start = if bin == 0 { 0 } else { ends[bin - 1] };
                &region[start as usize..ends[bin] as usize]
            })
            .collect()
    }
}

/// Scans `spans` and scatters the records of `bins` into `buffer`, which must have space for all of them and one more
/// record a span. Calls `progress(kmers)` now and then.
pub(crate) fn scatter<'m, S: RecordScan>(
    scan: &S,
    (segments, spans): (&GenomeSegments<'_>, &[&[Segment<'_>]]),
    (counts, bins): (&BinCounts, Range<u64>),
    buffer: &'m mut [S::Record],
    progress: &(dyn Fn(u64) + Sync),
) -> ScatteredRecords<'m, S::Record> {
    let mut rest = buffer;
    let mut regions = Vec::with_capacity(spans.len());
    for counts in counts.spans(bins.clone()) {
        let records: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        let (region, others) = rest.split_at_mut(records as usize + 1);
        regions.push((region, counts));
        rest = others;
    }
    let is_branch_free = S::IS_CHEAP && (bins.end - bins.start) * BRANCH_FREE_FRACTION > counts.bins();
    let spans = spans
        .par_iter()
        .zip(regions)
        .map(|(span, (region, counts))| {
            let mut cursors = Vec::with_capacity(counts.len() + 1);
            let mut at = 0u64;
            for &count in counts {
                cursors.push(at);
                at += u64::from(count);
            }
            if is_branch_free {
                // Records of other passes are all written to the slot after the last record.
                let last = cursors.len();
                cursors.push(at);
                let put = |bin: u64, found| {
                    let bin = (bin.wrapping_sub(bins.start) as usize).min(last);
                    let cursor = &mut cursors[bin];
                    region[*cursor as usize] = scan.record(found);
                    *cursor += u64::from(bin < last);
                };
                scan.scan(segments, span, put, progress);
                cursors.pop();
            } else {
                let put = |bin: u64, found| {
                    if let Some(cursor) = cursors.get_mut(bin.wrapping_sub(bins.start) as usize) {
                        region[*cursor as usize] = scan.record(found);
                        *cursor += 1;
                    }
                };
                scan.scan(segments, span, put, progress);
            }
            (&*region, cursors)
        })
        .collect();
    ScatteredRecords { first_bin: bins.start, spans }
}
