//! Annotations in GFF3, with terms of the Sequence Ontology
//! (<https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md>).
//!
//! The fragments of a copy are rows with one ID, which the specification calls a discontinuous feature: a parent would
//! cover the bases between them too, and the ontology has no part of a repeat that is just a piece of it.

use std::io::Write;
use std::ops::Range;

use crate::formats::annotation_writer::AnnotationWriter;
use crate::formats::copy_row::CopyRow;
use crate::formats::ontology::{accession, ontology_term};
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

    fn row(&self, row: &CopyRow<'_>, out: &mut Vec<u8>) {
        push_row(row, ontology_term(row.family, row.class), out);
    }
}

/// Appends the line of a fragment as a feature of a type.
pub(super) fn push_row(row: &CopyRow<'_>, term: &str, out: &mut Vec<u8>) {
    push_begin(row, term, row.start..row.end, out);
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{}\t{}\t.\tID=copy{};Name=", row.score, row.strand, row.id);
    push_value(out, row.family);
    // The names and the order that scripts of EDTA read; its identity is the share of equal bases, 0 to 1.
    out.extend_from_slice(b";classification=");
    push_value(out, row.class);
    let CopyRow { substituted, deleted, inserted, e_value, .. } = row;
    let identity = 1.0 - substituted / 100.0;
    let _ = write!(out, ";sequence_ontology={};identity={identity:.3};method=homology;class=", accession(term));
    push_value(out, row.class);
    let _ = write!(out, ";e_value={e_value:.3e};kimura={};substituted={substituted:.2}", row.kimura_text());
    let _ = write!(out, ";deleted={deleted:.2};inserted={inserted:.2};Target=");
    push_value(out, row.family);
    let _ = writeln!(out, " {} {} +", row.consensus_start + 1, row.consensus_end);
}

/// Appends the first five columns of a feature on the contig of a row; the range is 0-based and half-open.
pub(super) fn push_begin(row: &CopyRow<'_>, term: &str, range: Range<u64>, out: &mut Vec<u8>) {
    escape(out, row.contig, is_sequence_id);
    // Writing into a Vec cannot fail.
    let _ = write!(out, "\treprise\t{term}\t{}\t{}\t", range.start + 1, range.end);
}

/// Appends the value of an attribute.
pub(super) fn push_value(out: &mut Vec<u8>, text: &str) {
    escape(out, text, is_plain);
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
