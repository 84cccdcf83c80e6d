//! Written results: rows as TSV or JSON lines, bedGraph, and drawings. Plain types only.

mod annotation;
mod families;
mod ontology;
mod paf;
mod stockholm;
mod tabix;

use std::io::Write;
use std::ops::Range;

use serde::Serialize;

pub use annotation::{AnnotationFormat, annotation_header, annotation_rows};
pub use families::{FamiliesSummary, FamilyFormat, families};
pub use paf::{paf_row, pair_row};
pub use stockholm::stockholm;
pub use tabix::{Columns, Tabix};

use crate::query::{Rows, SequenceStatistics};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Columns with tabs between them.
    #[default]
    Tsv,
    /// One JSON object a line.
    JsonLines,
}

// Writing into a Vec cannot fail, so its results are dropped.

pub(crate) fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    let _ = serde_json::to_writer(out, value);
}

pub(crate) fn json_line(out: &mut Vec<u8>, value: &impl Serialize) {
    json(out, value);
    out.push(b'\n');
}

/// Appends a number in decimal; several times faster than formatting, and k-mer rows are nothing else.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

impl Rows for Format {
    fn statistics_header(&self, out: &mut Vec<u8>) {
        if *self == Self::Tsv {
            out.extend_from_slice(
                b"#name\tlength\tkmers\tfound\trepeated\tmean_frequency\tmedian_frequency\tmax_frequency\n",
            );
        }
    }

    fn statistics(&self, out: &mut Vec<u8>, row: &SequenceStatistics) {
        match self {
            Self::Tsv => {
                out.extend_from_slice(row.name.as_bytes());
                for number in [row.length, row.kmers, row.found, row.repeated] {
                    out.push(b'\t');
                    push_number(out, number);
                }
                let _ = write!(out, "\t{:.2}", row.mean_frequency);
                for number in [row.median_frequency, row.max_frequency] {
                    out.push(b'\t');
                    push_number(out, number);
                }
                out.push(b'\n');
            }
            Self::JsonLines => json_line(out, row),
        }
    }

    fn kmer(&self, out: &mut Vec<u8>, name: &str, start: u64, frequency: u64) {
        match self {
            Self::Tsv => numbers_row(out, name, &[start, frequency]),
            Self::JsonLines => {
                #[derive(Serialize)]
                struct Row<'a> {
                    name: &'a str,
                    start: u64,
                    frequency: u64,
                }
                json_line(out, &Row { name, start, frequency });
            }
        }
    }

    fn run(&self, out: &mut Vec<u8>, name: &str, range: Range<u64>, frequency: u64) {
        match self {
            Self::Tsv => numbers_row(out, name, &[range.start, range.end, frequency]),
            Self::JsonLines => {
                #[derive(Serialize)]
                struct Row<'a> {
                    name: &'a str,
                    start: u64,
                    end: u64,
                    frequency: u64,
                }
                json_line(out, &Row { name, start: range.start, end: range.end, frequency });
            }
        }
    }
}

fn numbers_row(out: &mut Vec<u8>, name: &str, numbers: &[u64]) {
    out.extend_from_slice(name.as_bytes());
    for &number in numbers {
        out.push(b'\t');
        push_number(out, number);
    }
    out.push(b'\n');
}

/// Appends a place as `contig:start:strand`.
pub(crate) fn push_position(out: &mut Vec<u8>, contig: &str, start: u64, strand: char) {
    out.extend_from_slice(contig.as_bytes());
    out.push(b':');
    push_number(out, start);
    out.push(b':');
    out.push(strand as u8);
}
