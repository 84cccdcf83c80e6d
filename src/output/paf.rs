use std::io::Write;

use crate::align::{Alignment, Library, OperationKind};
use crate::store::Contig;

/// Appends an alignment as a line of PAF (<https://github.com/lh3/miniasm/blob/master/PAF.md>) with the score (`AS`), the E-value
/// (`ev`), the share of columns that are no match (`dv`) and the columns (`cg`). Mapping quality is 255, missing: copies of a repeat
/// are all as right.
pub fn paf_row(alignment: &Alignment, library: &Library, contigs: &[Contig], out: &mut Vec<u8>) {
    let a = alignment;
    let (query, contig) = (a.query as usize, &contigs[a.contig as usize]);
    let columns = a.counts.pairs() + a.counts.unknown + a.counts.inserted + a.counts.deleted;
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{columns}\t255\tAS:i:{}\tev:f:{:.3e}\tdv:f:{:.4}\tcg:Z:",
        library.name(query),
        library.sequence(query).len(),
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
    for operation in &a.operations {
        // PAF sees the genome as what the query was made from.
        let letter = match operation.kind {
            OperationKind::Pair => 'M',
            OperationKind::Insertion => 'D',
            OperationKind::Deletion => 'I',
        };
        let _ = write!(out, "{}{letter}", operation.length);
    }
    out.push(b'\n');
}
