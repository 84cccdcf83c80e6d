//! The genome as the search for candidates reads it: in place, with a bit for each base in a simple repeat.

use std::ops::Range;

use crate::families::bases::{Bases, PIECE, base_mask};
use crate::genome::{BaseMask, Contig};
use crate::{Index, Result};

/// The packed genome of an index, and its simple repeats.
pub(crate) struct PackedGenome<'i> {
    contigs: &'i [Contig],
    bases: Bases<'i>,
    simple: BaseMask,
}

impl<'i> PackedGenome<'i> {
    /// Bytes for a genome of this many contigs and bases, with those that reading its simple repeats takes.
    pub(crate) fn bytes(contigs: u64, bases: u64) -> u64 {
        let scans = rayon::current_num_threads() as u64 * PIECE.min(bases);
        Bases::bytes(contigs + 1) + BaseMask::bytes(bases) + scans
    }

    /// Checks the checksums of the genome and finds its simple repeats.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for it;
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Io`](crate::Error::Io) from the genome.
    pub(crate) fn of(index: &'i Index) -> Result<Self> {
        let (bases, contigs) = (Bases::of(index)?, index.contigs()?);
        let simple = base_mask(bases.len(), index.budget())?;
        bases.mark_simple_repeats(&simple);
        Ok(Self { contigs, bases, simple })
    }

    /// Bases of the genome.
    pub(crate) fn length(&self) -> u64 {
        self.bases.len()
    }

    /// All contigs.
    pub(crate) fn contigs(&self) -> &'i [Contig] {
        self.contigs
    }

    /// Whether any base of a range of the genome is in a simple repeat.
    pub(crate) fn is_simple(&self, range: &Range<u64>) -> bool {
        self.simple.contains_any(range)
    }

    /// Appends the codes of a range of a contig: 0 to 3, or [`UNKNOWN`](crate::families::bases::UNKNOWN).
    pub(crate) fn codes(&self, contig: usize, range: Range<u64>, out: &mut Vec<u8>) {
        let start = self.bases.start_of(contig as u32);
        self.bases.read(start + range.start..start + range.end, out);
    }

    /// Shares of T, C, A and G among the bases outside simple repeats; a quarter each if there is no such base.
    pub(crate) fn composition(&self) -> [f64; 4] {
        self.bases.composition(&self.simple)
    }
}
