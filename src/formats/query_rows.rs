//! The rows of `query`: which format writes which of them.

use std::ops::Range;

use crate::formats::{bedgraph, jsonl, tsv};
use crate::query::{Rows, SequenceStatistics};

/// How the rows of a query are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Format {
    /// Columns separated by tabs; runs of k-mers as bedGraph.
    #[default]
    Tsv,
    /// The same without a header.
    TsvRows,
    /// One JSON object a line.
    JsonLines,
}

impl Rows for Format {
    fn statistics_header(&self, out: &mut Vec<u8>) {
        if *self == Self::Tsv {
            out.extend_from_slice(tsv::STATISTICS_HEADER);
        }
    }

    fn statistics(&self, out: &mut Vec<u8>, row: &SequenceStatistics) {
        match self {
            Self::Tsv | Self::TsvRows => tsv::statistics(out, row),
            Self::JsonLines => jsonl::json_line(out, row),
        }
    }

    fn kmer(&self, out: &mut Vec<u8>, name: &str, start: u64, frequency: u64) {
        match self {
            Self::Tsv | Self::TsvRows => tsv::kmer(out, name, start, frequency),
            Self::JsonLines => jsonl::kmer(out, name, start, frequency),
        }
    }

    fn run(&self, out: &mut Vec<u8>, name: &str, range: Range<u64>, frequency: u64) {
        match self {
            Self::Tsv | Self::TsvRows => bedgraph::run(out, name, range, frequency),
            Self::JsonLines => jsonl::run(out, name, range, frequency),
        }
    }
}
