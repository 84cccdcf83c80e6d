//! Written results: rows as TSV or JSON lines, bedGraph, and drawings. Plain types only.

mod annotation;
mod chart;
mod families;
mod file;
mod ontology;
mod paf;
mod report;
mod stdout;
mod stockholm;
mod svg;
mod tabix;

use std::io::Write;
use std::ops::Range;

use serde::Serialize;

pub use annotation::{AnnotationFormat, annotation_header, annotation_rows};
pub use families::{FamiliesSummary, FamilyFormat, families};
pub use file::Output;
pub(crate) use file::sweep_unfinished;
pub use paf::{paf_row, pair_row};
pub use report::{DetectSummary, GenomeFacts, PLOTS, Run, StepRun, report_page, report_plots};
pub(crate) use stdout::{close_stdout, print, stdout};
pub use stockholm::stockholm;
pub use svg::spectrum_svg;
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

/// A number with thousands apart, as people read it.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something, named in the singular: `1 contig`, `1,200 families`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let many = match one.strip_suffix('y') {
        _ if number == 1 => one.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{one}s"),
    };
    format!("{} {many}", grouped(number))
}

/// Bases as people read them: `812 b`, `6.1 kb`, `100.3 Mb`.
pub(crate) fn human(bases: u64) -> String {
    match bases {
        0..1000 => format!("{bases} b"),
        1000..1_000_000 => format!("{:.1} kb", bases as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} Mb", bases as f64 / 1e6),
        _ => format!("{:.2} Gb", bases as f64 / 1e9),
    }
}

/// Appends a place as `contig:start:strand`.
pub(crate) fn push_position(out: &mut Vec<u8>, contig: &str, start: u64, strand: char) {
    out.extend_from_slice(contig.as_bytes());
    out.push(b':');
    push_number(out, start);
    out.push(b':');
    out.push(strand as u8);
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!((&super::grouped(1_234_567)[..], &super::grouped(12)[..]), ("1,234,567", "12"));
        assert_eq!(super::human(999), "999 b");
        assert_eq!(super::human(6_100), "6.1 kb");
        assert_eq!(super::human(100_286_070), "100.3 Mb");
    }
}
