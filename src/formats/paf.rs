//! Alignments as PAF (<https://github.com/lh3/miniasm/blob/master/PAF.md>), which tools for long alignments read.

use std::io::Write;

use crate::align::{Alignment, Library, OperationKind};
use crate::families::AlignedPair;
use crate::genome::Contig;
use crate::kmer::KmerCodec;

/// Appends an alignment as a line of PAF with the score (`AS`), the E-value (`ev`), the share of columns that do not
/// match (`dv`) and the CIGAR (`cg`). Mapping quality is 255, missing, because no copy of a repeat is more correct than
/// another.
pub fn paf_row(alignment: &Alignment, library: &Library, contigs: &[Contig], out: &mut Vec<u8>) {
    let query = alignment.query as usize;
    push_columns(alignment, library.name(query), library.sequence(query).len() as u64, contigs, out);
    out.push(b'\n');
}

/// Appends an alignment of two regions of the genome in the same way, with the k-mer that seeded it (`sd`).
pub fn pair_row(pair: &AlignedPair, codec: &KmerCodec, contigs: &[Contig], out: &mut Vec<u8>) {
    let first = &contigs[pair.alignment.query as usize];
    push_columns(&pair.alignment, &first.name, first.length, contigs, out);
    let _ = writeln!(out, "\tsd:Z:{}", codec.decode(pair.seed));
}

/// Appends a line without its end.
fn push_columns(a: &Alignment, name: &str, length: u64, contigs: &[Contig], out: &mut Vec<u8>) {
    let contig = &contigs[a.contig as usize];
    let columns = a.counts.pairs() + a.counts.unknown + a.counts.inserted + a.counts.deleted;
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{columns}\t255\tAS:i:{}\tev:f:{:.3e}\tdv:f:{:.4}\tcg:Z:",
        name,
        length,
        a.query_range.start,
        a.query_range.end,
        a.strand.symbol(),
        contig.name,
        contig.length,
        a.range.start,
        a.range.end,
        a.counts.matches,
        a.score,
        a.e_value,
        a.counts.difference(),
    );
    for operation in a.operations.iter() {
        // CIGAR calls bases that only the genome has deletions of the query.
        let letter = match operation.kind {
            OperationKind::Pair => 'M',
            OperationKind::Insertion => 'D',
            OperationKind::Deletion => 'I',
        };
        let _ = write!(out, "{}{letter}", operation.length);
    }
}
