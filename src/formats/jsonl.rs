//! JSON lines, for programs that read results: one object a line, with the columns of the tables as its keys.

use std::ops::Range;

use serde::Serialize;

use crate::families::FamilyStatistics;
use crate::formats::annotation_writer::AnnotationWriter;
use crate::formats::copy_row::CopyRow;

/// Appends a value as JSON without a line end.
pub(crate) fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing into a Vec cannot fail.
    let _ = serde_json::to_writer(out, value);
}

/// Appends a value as a line of JSON.
pub(super) fn json_line(out: &mut Vec<u8>, value: &impl Serialize) {
    json(out, value);
    out.push(b'\n');
}

/// Rows of queries as JSON lines.
pub(super) struct JsonLines;

impl AnnotationWriter for JsonLines {
    fn row(&self, row: &CopyRow<'_>, out: &mut Vec<u8>) {
        json_line(out, row);
    }
}

/// Families with their consensi.
pub(super) fn families(families: &[FamilyStatistics]) -> Vec<u8> {
    let mut out = Vec::new();
    families.iter().for_each(|family| json_line(&mut out, family));
    out
}

/// Appends the frequency of a k-mer of a sequence.
pub(super) fn kmer(out: &mut Vec<u8>, name: &str, start: u64, frequency: u64) {
    #[derive(Serialize)]
    struct Kmer<'a> {
        name: &'a str,
        start: u64,
        frequency: u64,
    }
    json_line(out, &Kmer { name, start, frequency });
}

/// Appends neighbouring k-mers of one frequency; the range is that of their starts.
pub(super) fn run(out: &mut Vec<u8>, name: &str, range: Range<u64>, frequency: u64) {
    #[derive(Serialize)]
    struct FrequencyRun<'a> {
        name: &'a str,
        start: u64,
        end: u64,
        frequency: u64,
    }
    json_line(out, &FrequencyRun { name, start: range.start, end: range.end, frequency });
}
