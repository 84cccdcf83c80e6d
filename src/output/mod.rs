//! Written results: rows as TSV or JSON lines, bedGraph, and drawings. Plain types only.

mod file;
mod svg;

use std::io::Write;

use serde::Serialize;

pub use file::Output;
pub use svg::spectrum_svg;

use crate::query::SequenceStatistics;

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

pub(crate) fn json_line(out: &mut Vec<u8>, value: &impl Serialize) {
    if serde_json::to_writer(&mut *out, value).is_ok() {
        out.push(b'\n');
    }
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

pub(crate) fn kmer_row(out: &mut Vec<u8>, format: Format, name: &str, start: u64, frequency: u64) {
    match format {
        Format::Tsv => {
            out.extend_from_slice(name.as_bytes());
            out.push(b'\t');
            push_number(out, start);
            out.push(b'\t');
            push_number(out, frequency);
            out.push(b'\n');
        }
        Format::JsonLines => {
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

pub(crate) fn run_row(out: &mut Vec<u8>, format: Format, name: &str, start: u64, end: u64, frequency: u64) {
    match format {
        Format::Tsv => {
            out.extend_from_slice(name.as_bytes());
            for number in [start, end, frequency] {
                out.push(b'\t');
                push_number(out, number);
            }
            out.push(b'\n');
        }
        Format::JsonLines => {
            #[derive(Serialize)]
            struct Row<'a> {
                name: &'a str,
                start: u64,
                end: u64,
                frequency: u64,
            }
            json_line(out, &Row { name, start, end, frequency });
        }
    }
}

pub(crate) fn statistics_header(out: &mut Vec<u8>, format: Format) {
    if format == Format::Tsv {
        let _ = writeln!(
            out,
            "#name\tlength\tkmers\tfound\trepeated\tmean_frequency\tmedian_frequency\tmax_frequency"
        );
    }
}

pub(crate) fn statistics_row(out: &mut Vec<u8>, format: Format, row: &SequenceStatistics) {
    match format {
        Format::Tsv => {
            let _ = writeln!(
                out,
                "{}\t{}\t{}\t{}\t{}\t{:.2}\t{}\t{}",
                row.name,
                row.length,
                row.kmers,
                row.found,
                row.repeated,
                row.mean_frequency,
                row.median_frequency,
                row.max_frequency
            );
        }
        Format::JsonLines => json_line(out, row),
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
