//! Annotations in GFF3, with terms of the Sequence Ontology and the fragments of a copy under one parent
//! (<https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md>).

use std::io::Write;
use std::ops::Range;

use crate::formats::annotation_writer::{AnnotationWriter, CopyTable};
use crate::formats::copy_row::CopyRow;
use crate::formats::ontology::ontology_term;
use crate::genome::Contig;

/// Annotations as GFF3.
pub(super) struct Gff3;

impl AnnotationWriter for Gff3 {
    fn header(&self, contigs: &[Contig], out: &mut Vec<u8>) {
        out.extend_from_slice(b"##gff-version 3\n");
        for contig in contigs.iter().filter(|c| c.length > 0) {
            out.extend_from_slice(b"##sequence-region ");
            escape(out, &contig.name, is_sequence_id);
            // Writing into a Vec cannot fail.
            let _ = writeln!(out, " 1 {}", contig.length);
        }
    }

    fn rows(&self, copies: &CopyTable<'_>, out: &mut Vec<u8>) {
        // Numbers of copies rise from the first one's.
        let first = copies.copies.iter().map(|copy| copy.id).min().unwrap_or(0);
        let mut extents = extents(copies, first);
        for row in copies.rows() {
            let extent = &mut extents[(row.id - first) as usize];
            if extent.fragments == 1 {
                self.row(&row, out);
                continue;
            }
            if !extent.has_parent {
                let attributes = format!("ID=copy{}", row.id);
                line(out, &row, ontology_term(row.family, row.class), extent.start..extent.end, &attributes, false);
                extent.has_parent = true;
            }
            line(out, &row, "match_part", row.start..row.end, &format!("Parent=copy{}", row.id), true);
        }
    }

    fn row(&self, row: &CopyRow<'_>, out: &mut Vec<u8>) {
        let attributes = format!("ID=copy{}", row.id);
        line(out, row, ontology_term(row.family, row.class), row.start..row.end, &attributes, true);
    }
}

/// Bases of a contig that all fragments of a copy span.
#[derive(Clone)]
struct CopySpan {
    start: u64,
    end: u64,
    fragments: u32,
    /// Whether the line of the copy is written; it precedes its first fragment.
    has_parent: bool,
}

/// The extent of each copy, by its number from `first` on.
fn extents(copies: &CopyTable<'_>, first: u64) -> Vec<CopySpan> {
    let mut extents: Vec<CopySpan> = Vec::new();
    for copy in copies.copies {
        let number = (copy.id - first) as usize;
        if number >= extents.len() {
            extents.resize(number + 1, CopySpan { start: u64::MAX, end: 0, fragments: 0, has_parent: false });
        }
        let extent = &mut extents[number];
        extent.start = copy.alignment.range.start.min(extent.start);
        extent.end = copy.alignment.range.end.max(extent.end);
        extent.fragments += 1;
    }
    extents
}

/// Appends a line; one that is `aligned` has a score, a target and how the copy differs from it.
fn line(out: &mut Vec<u8>, row: &CopyRow<'_>, term: &str, range: Range<u64>, attributes: &str, aligned: bool) {
    escape(out, row.contig, is_sequence_id);
    let _ = write!(out, "\treprise\t{term}\t{}\t{}\t", range.start + 1, range.end);
    if aligned {
        let _ = write!(out, "{}", row.score);
    } else {
        out.push(b'.');
    }
    let _ = write!(out, "\t{}\t.\t{attributes};Name=", row.strand);
    escape(out, row.family, is_plain);
    if aligned {
        out.extend_from_slice(b";Target=");
        escape(out, row.family, is_plain);
        let _ = write!(out, " {} {} +", row.consensus_start + 1, row.consensus_end);
    }
    out.extend_from_slice(b";class=");
    escape(out, row.class, is_plain);
    if aligned {
        let _ = write!(
            out,
            ";e_value={:.3e};kimura={};substituted={:.2};deleted={:.2};inserted={:.2}",
            row.e_value,
            row.kimura_text(),
            row.substituted,
            row.deleted,
            row.inserted
        );
    }
    out.push(b'\n');
}

/// Appends a text, with every byte that is not `plain` as `%` and two hexadecimal digits.
fn escape(out: &mut Vec<u8>, text: &str, plain: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if plain(byte) {
            out.push(byte);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Whether the specification allows a byte in column 1 as it is.
fn is_sequence_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".:^*$@!+_?-|".contains(&byte)
}

/// Whether a byte has no meaning in column 9.
fn is_plain(byte: u8) -> bool {
    (0x21..0x7F).contains(&byte) && !b"%;=&,".contains(&byte)
}
