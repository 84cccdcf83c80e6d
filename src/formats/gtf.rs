//! Annotations in GTF, for programs that count the reads of an RNA sequencing run in transposons: TEtranscripts and
//! TElocal (<https://github.com/mhammell-laboratory/TEtranscripts>; Jin et al., Bioinformatics 31 (2015) 3593).
//!
//! Every fragment is an `exon`, and the fragments of a copy are one transcript. `gene_id` is the family, `transcript_id`
//! the copy, `class_id` what precedes the slash of the class and `family_id` what follows it.

use std::io::Write;

use crate::formats::annotation_writer::AnnotationWriter;
use crate::formats::copy_row::CopyRow;

/// Annotations as GTF.
pub(super) struct Gtf;

impl AnnotationWriter for Gtf {
    fn row(&self, row: &CopyRow<'_>, out: &mut Vec<u8>) {
        let CopyRow { contig, start, end, score, strand, class, id, .. } = row;
        let (order, superfamily) = class.split_once('/').unwrap_or((class, class));
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{contig}\treprise\texon\t{}\t{end}\t{score}\t{strand}\t.\tgene_id \"", start + 1);
        value(out, row.family);
        out.extend_from_slice(b"\"; transcript_id \"");
        value(out, row.family);
        let _ = write!(out, "_dup{id}\"; family_id \"");
        value(out, superfamily);
        out.extend_from_slice(b"\"; class_id \"");
        value(out, order);
        out.extend_from_slice(b"\";\n");
    }
}

/// Appends a value. GTF has no escapes, and its readers join values by colons, so that what separates becomes `_`.
fn value(out: &mut Vec<u8>, text: &str) {
    let is_separator = |byte: u8| byte <= b' ' || byte == 0x7F || b"\";:".contains(&byte);
    out.extend(text.bytes().map(|byte| if is_separator(byte) { b'_' } else { byte }));
}
