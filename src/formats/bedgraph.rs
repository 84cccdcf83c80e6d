//! Frequencies along sequences as bedGraph, which genome browsers draw as a track
//! (<https://genome.ucsc.edu/goldenPath/help/bedgraph.html>).

use std::ops::Range;

use crate::formats::tsv::push_columns;

/// Appends neighbouring k-mers of one frequency; the range is that of their starts, 0-based and half-open.
pub(super) fn run(out: &mut Vec<u8>, name: &str, range: Range<u64>, frequency: u64) {
    out.extend_from_slice(name.as_bytes());
    push_columns(out, &[range.start, range.end, frequency]);
    out.push(b'\n');
}
