//! A query does not know the formats of its rows: they are a trait, which `formats` implements.

use std::ops::Range;

use crate::query::statistics::SequenceStatistics;

/// The rows of each sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// One row per sequence: [`SequenceStatistics`].
    Summary,
    /// One row per k-mer: name, start, frequency.
    PerKmer,
    /// As bedGraph: runs of adjacent k-mers with one frequency.
    Runs,
}

/// The format of the rows. Each method appends a row, with its line end, to a buffer. Starts and ranges are 0-based and
/// half-open.
pub trait Rows: Sync {
    /// Appends the header, if the format has one, of the rows of [`Detail::Summary`].
    fn statistics_header(&self, out: &mut Vec<u8>);
    /// Appends a row of [`Detail::Summary`].
    fn statistics(&self, out: &mut Vec<u8>, row: &SequenceStatistics);
    /// Appends a row of [`Detail::PerKmer`]: the frequency of the k-mer that starts at a base.
    fn kmer(&self, out: &mut Vec<u8>, name: &str, start: u64, frequency: u64);
    /// Appends a row of [`Detail::Runs`]: the k-mers that start in `range` have this frequency.
    fn run(&self, out: &mut Vec<u8>, name: &str, range: Range<u64>, frequency: u64);
}
