//! Positions in an index are offsets in the whole genome; contigs translate them to names and back.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// One contig, as stored in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contig {
    /// Name: the first word of the FASTA header.
    pub name: String,
    /// The rest of the header.
    pub description: String,
    /// Number of bases.
    pub length: u64,
    /// Global offset of its first base: the bases of all contigs before it.
    pub start: u64,
    /// Byte offset of its record in `sequence.2bit`.
    pub(crate) record: u64,
}

impl Contig {
    /// Number of the contig at a global offset.
    pub(crate) fn number_at(contigs: &[Self], offset: u64) -> usize {
        contigs.partition_point(|contig| contig.start <= offset).saturating_sub(1)
    }

    /// Whether a contig of this number has these bases, and some.
    pub(crate) fn has_range(contigs: &[Self], number: u32, range: &Range<u64>) -> bool {
        contigs.get(number as usize).is_some_and(|contig| range.start < range.end && range.end <= contig.length)
    }
}
