//! The truth about a simulated genome: the origin of every interval that was inserted.

use std::ops::Range;

/// An interval of the genome whose origin is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrueCopy {
    /// Number of the contig, from 0.
    pub contig: usize,
    /// Bases of the contig, 0-based, half-open.
    pub range: Range<usize>,
    /// Its kind.
    pub origin: Origin,
    /// Number of the insertion, from 0: a copy that contains another one, or that the end of a contig cuts, has several
    /// intervals.
    pub insertion: usize,
    /// Whether the consensus reads on the reverse strand.
    pub reverse: bool,
    /// Bases per thousand that differ from the consensus, as planned.
    pub divergence: u64,
    /// Bases of the consensus, 0-based, half-open; exact up to the indels within the copy.
    pub consensus: Range<usize>,
}

impl TrueCopy {
    /// The same `by` bases further on.
    pub(crate) fn moved(self, by: usize) -> Self {
        Self { range: self.range.start + by..self.range.end + by, ..self }
    }
}

/// The origin of an interval of a simulated genome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A copy of the family of this number.
    Family(usize),
    /// A tandem array.
    Tandem,
    /// Both copies of a duplicated segment of the background.
    Duplication,
}
