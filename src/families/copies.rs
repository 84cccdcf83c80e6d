//! The copies of a family in the genome: their positions, which alignments are one copy, and the columns of an
//! alignment.
//!
//! Refinement, classification and the statistics of families all read copies in these ways.

use std::ops::Range;

use crate::align::{Alignment, OperationKind};
use crate::annotate::{JoinParameters, join_fragments};
use crate::families::bases::{Bases, UNKNOWN};
use crate::genome::Contig;
use crate::kmer::Strand;

/// An alignment of a family, and its position in all contigs end to end.
#[derive(Debug, Clone)]
pub(crate) struct PlacedAlignment<'a> {
    pub(crate) alignment: &'a Alignment,
    /// Bases of the genome, all contigs end to end, 0-based, half-open.
    pub(crate) genome: Range<u64>,
}

impl<'a> PlacedAlignment<'a> {
    pub(crate) fn new(alignment: &'a Alignment, contigs: &[Contig]) -> Self {
        let start = contigs[alignment.contig as usize].start;
        Self { alignment, genome: start + alignment.range.start..start + alignment.range.end }
    }

    /// Bases of the genome.
    pub(crate) fn bases(&self) -> u64 {
        self.genome.end - self.genome.start
    }

    /// Whether the consensus reads on the reverse strand of the genome.
    pub(crate) fn is_reverse(&self) -> bool {
        self.alignment.strand == Strand::Reverse
    }
}

/// The copies of one family from its alignments by position, each as its fragments by position.
pub(crate) fn join_copies<'a>(alignments: impl IntoIterator<Item = &'a Alignment>) -> Vec<Vec<&'a Alignment>> {
    let fragments: Vec<&Alignment> = alignments.into_iter().collect();
    let numbers = join_fragments(&fragments, &JoinParameters::FAMILY);
    let mut copies: Vec<Vec<&Alignment>> = Vec::new();
    for (fragment, number) in fragments.into_iter().zip(numbers) {
        if number == copies.len() {
            copies.push(Vec::new());
        }
        copies[number].push(fragment);
    }
    copies
}

/// The bases of the genome, all contigs end to end, from the first to the last fragment of a copy.
pub(crate) fn genome_span(fragments: &[&Alignment], bases: &Bases<'_>) -> Option<Range<u64>> {
    let (first, last) = (fragments.first()?, fragments.last()?);
    let contig = bases.start_of(first.contig);
    Some(contig + first.range.start..contig + last.range.end)
}

/// The columns of the consensus from the first to the last that any fragment of a copy covers.
pub(crate) fn consensus_span(fragments: &[&Alignment]) -> Option<Range<u32>> {
    let start = fragments.iter().map(|fragment| fragment.query_range.start).min()?;
    let end = fragments.iter().map(|fragment| fragment.query_range.end).max()?;
    Some(start..end)
}

/// Columns of the consensus that the fragments of a copy cover; those of two fragments count twice.
pub(crate) fn covered_columns(fragments: &[&Alignment]) -> usize {
    fragments.iter().map(|fragment| fragment.query_range.len()).sum()
}

/// A column of an alignment, in the direction of the consensus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlignedColumn {
    /// Column of the consensus, and the base of the copy as the consensus reads; `UNKNOWN` if it is none of ACGT.
    Base(u32, u8),
    /// The copy has no base in this column of the consensus.
    Deletion(u32),
    /// A base of the copy before this column of the consensus.
    Insertion(u32, u8),
}

/// Calls `each` for every column of an alignment, consensus ascending, with a position among all contigs end to end:
/// that of the base, or for a deletion that of the next base.
pub(crate) fn for_each_column(copy: &PlacedAlignment<'_>, bases: &Bases<'_>, mut each: impl FnMut(AlignedColumn, u64)) {
    let Alignment { operations, query_range, .. } = copy.alignment;
    let reverse = copy.is_reverse();
    let codes = bases.codes(&copy.genome);
    let mut column = query_range.start;
    // Bases of the copy that were read, counted along the consensus.
    let mut read = 0;
    let position = |read: u64| {
        if reverse { (copy.genome.end - read).saturating_sub(1) } else { copy.genome.start + read }
    };
    let code = |position: u64| match codes[(position - copy.genome.start) as usize] {
        UNKNOWN => UNKNOWN,
        code => code ^ if reverse { 2 } else { 0 },
    };
    let mut run = |kind: OperationKind, length: u32| {
        for _ in 0..length {
            let at = position(read);
            match kind {
                OperationKind::Pair => each(AlignedColumn::Base(column, code(at)), at),
                OperationKind::Insertion => each(AlignedColumn::Insertion(column, code(at)), at),
                OperationKind::Deletion => each(AlignedColumn::Deletion(column), at),
            }
            read += u64::from(kind != OperationKind::Deletion);
            column += u32::from(kind != OperationKind::Insertion);
        }
    };
    if reverse {
        operations.iter_reversed().for_each(|o| run(o.kind, o.length));
    } else {
        operations.iter().for_each(|o| run(o.kind, o.length));
    }
}

/// The first column of the consensus at or after `column` in which a copy has a base, and the position of that base.
pub(crate) fn first_base_from(copy: &PlacedAlignment<'_>, bases: &Bases<'_>, column: u32) -> Option<(u32, u64)> {
    let mut found = None;
    for_each_column(copy, bases, |aligned, position| {
        if let AlignedColumn::Base(at, _) = aligned
            && at >= column
            && found.is_none()
        {
            found = Some((at, position));
        }
    });
    found
}
