//! Long arrays of tandem repeats are set aside before families are found and win over families in an annotation: their
//! units are similar to each other in every pair, so seeds and alignments within them would cost more than those of the
//! rest of the genome, and show no transposon.

use crate::align::alignment::Alignment;
use crate::align::genome_range::GenomeRange;
use crate::align::tandem::candidates::TandemCandidate;
use crate::align::tandem::long_units::{LongUnits, MAX_BREAK, MIN_UNITS};
use crate::align::tandem::search::{PURPOSE, TandemRepeat, TandemSearch, block};
use crate::align::target::{ContigRange, cover_half, join_ranges};
use crate::memory::{Budget, Component, Reservation};
use crate::{Index, Progress, Result};

/// Bases of a long array at least: shorter ones are parts of transposons too.
const MIN_BASES: u64 = 2000;
/// Units of a tandem repeat near a long array at least: diverged units break an array into pieces.
const MIN_UNITS_NEARBY: u64 = 2;
/// Bases of a tandem repeat near a long array at least.
const MIN_BASES_NEARBY: u64 = 300;
/// Maximum number of bases between a tandem repeat and a long array near it.
const MAX_DISTANCE: u64 = 20_000;
/// E-value of the weakest array.
const MAX_E_VALUE: f64 = 1e-3;
/// How much longer an alignment may be than its candidate: words rarely recur in diverged units. With 2, a tenth of the
/// arrays of human beta satellites was missed.
const MAX_GROWTH: u64 = 4;
/// Maximum number of bases between two arrays that count as one: units that are too diverged.
const MAX_GAP: u64 = 100;

/// A tandem repeat that is an array if it is part of a long one, or if there is a long one nearby.
struct Piece {
    array: ContigRange,
    /// Bases of the unit.
    period: u64,
    is_long: bool,
}

impl Piece {
    fn of(repeat: &TandemRepeat) -> Option<Self> {
        let Alignment { contig, ref range, .. } = repeat.alignment;
        let period = u64::from(repeat.sequence.period);
        may_be_array(period, range.end - range.start).then(|| Self {
            array: ContigRange { contig, range: range.clone() },
            period,
            is_long: false,
        })
    }
}

/// Marks the pieces of long arrays: insertions and deletions, diverged units and other repeats break arrays into pieces.
fn mark_long(pieces: &mut [Piece]) {
    let mut end = (0, 0);
    for group in pieces.chunk_by_mut(|piece, next| {
        end = end.max((piece.array.contig, piece.array.range.end));
        end.0 == next.array.contig && next.array.range.start <= end.1 + MAX_BREAK
    }) {
        let bases: u64 = group.iter().map(|piece| piece.array.range.end - piece.array.range.start).sum();
        let period = group.iter().map(|piece| piece.period).max().unwrap_or(0);
        let is_long = bases >= MIN_BASES.max(MIN_UNITS * period);
        group.iter_mut().for_each(|piece| piece.is_long = is_long);
    }
}

/// The long arrays among the pieces of a genome, by contig and start. None touches another of its block.
fn long_arrays(mut pieces: Vec<Piece>) -> Vec<ContigRange> {
    pieces.sort_unstable_by_key(|Piece { array, period, .. }| {
        (array.contig, array.range.start, array.range.end, *period)
    });
    pieces
        .chunk_by_mut(|piece, next| block(&piece.array) == block(&next.array))
        .flat_map(long_arrays_of_block)
        .collect()
}

/// The long arrays among the pieces of a block, by start, and the pieces near them; none touches another.
fn long_arrays_of_block(pieces: &mut [Piece]) -> Vec<ContigRange> {
    mark_long(pieces);
    let mut kept: Vec<bool> = pieces.iter().map(|piece| piece.is_long).collect();
    // Contig and end of the last long array, then contig and start of the next one.
    let mut last: Option<(u32, u64)> = None;
    for (piece, kept) in pieces.iter().zip(&mut kept) {
        let array = &piece.array;
        *kept |= last.is_some_and(|(contig, end)| contig == array.contig && array.range.start <= end + MAX_DISTANCE);
        if piece.is_long {
            last = last.max(Some((array.contig, array.range.end)));
        }
    }
    let mut next: Option<(u32, u64)> = None;
    for (piece, kept) in pieces.iter().zip(&mut kept).rev() {
        let array = &piece.array;
        *kept |= next.is_some_and(|(contig, start)| contig == array.contig && start <= array.range.end + MAX_DISTANCE);
        if piece.is_long {
            next = Some((array.contig, array.range.start));
        }
    }
    let kept = pieces.iter().zip(kept).filter(|&(_, kept)| kept);
    let mut found: Vec<ContigRange> = kept.map(|(piece, _)| piece.array.clone()).collect();
    join_ranges(&mut found, MAX_GAP);
    found
}

/// Joins the arrays of each block that are near each other; they come by position.
fn join_in_blocks(arrays: &[ContigRange]) -> Vec<ContigRange> {
    let joined = |arrays: &[ContigRange]| {
        let mut joined = arrays.to_vec();
        join_ranges(&mut joined, MAX_GAP);
        joined
    };
    arrays.chunk_by(|array, next| block(array) == block(next)).flat_map(joined).collect()
}

/// Whether a tandem repeat of this many bases is an array if there is a long one nearby.
fn may_be_array(period: u64, bases: u64) -> bool {
    bases >= MIN_BASES_NEARBY.max(MIN_UNITS_NEARBY * period)
}

/// The arrays of a genome.
#[derive(Debug)]
pub(crate) struct TandemArrays {
    /// By contig and start; none overlaps another.
    ranges: Vec<ContigRange>,
    _reservation: Reservation,
}

impl TandemArrays {
    /// Finds the arrays of a genome: one pass over it, and the alignments of the candidates for arrays.
    ///
    /// # Errors
    /// [`crate::Error::Memory`] if the budget is too small; [`crate::Error::Damaged`].
    pub(crate) fn find(index: &Index, progress: &dyn Progress) -> Result<Self> {
        let budget = index.budget();
        let search = TandemSearch::new(index, GenomeRange::WHOLE, MAX_E_VALUE, budget)?;
        let bytes = |_: &Piece| size_of::<Piece>() as u64;
        let wanted = |candidate: &TandemCandidate| {
            may_be_array(candidate.period.into(), MAX_GROWTH * u64::from(candidate.to - candidate.from))
        };
        let pieces = search.find(wanted, |repeat| Piece::of(&repeat), bytes, progress)?;
        Self::new(pieces, &search).map(|(arrays, _)| arrays)
    }

    /// The arrays among the tandem repeats of a genome, with those of long units, and these by themselves.
    ///
    /// # Errors
    /// As [`TandemArrays::find`].
    pub(super) fn among(repeats: &[TandemRepeat], search: &TandemSearch<'_>) -> Result<(Self, LongUnits)> {
        Self::new(repeats.iter().filter_map(Piece::of).collect(), search)
    }

    fn new(pieces: Vec<Piece>, search: &TandemSearch<'_>) -> Result<(Self, LongUnits)> {
        let mut found = long_arrays(pieces);
        let long_units = search.long_units(&found)?;
        found.extend_from_slice(&long_units.arrays);
        found.sort_unstable_by_key(|array| (array.contig, array.range.start, array.range.end));
        Ok((Self::of(join_in_blocks(&found), search.budget)?, long_units))
    }

    /// Arrays by position, of which none overlaps another.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub(crate) fn of(mut ranges: Vec<ContigRange>, budget: &Budget) -> Result<Self> {
        ranges.shrink_to_fit();
        let bytes = (ranges.capacity() * size_of::<ContigRange>()) as u64;
        let reservation = budget.reserve(Component::Alignments, bytes, PURPOSE)?;
        Ok(Self { ranges, _reservation: reservation })
    }

    /// Bases of the genome in arrays.
    pub(crate) fn bases(&self) -> u64 {
        self.ranges.iter().map(|array| array.range.end - array.range.start).sum()
    }

    /// By contig and start.
    pub(crate) fn ranges(&self) -> &[ContigRange] {
        &self.ranges
    }

    /// The parts of ranges that are in no array, in their order.
    pub(crate) fn outside(&self, ranges: impl Iterator<Item = ContigRange>) -> Vec<ContigRange> {
        let mut outside = Vec::new();
        for ContigRange { contig, range } in ranges {
            let first = self.ranges.partition_point(|array| (array.contig, array.range.end) <= (contig, range.start));
            let mut start = range.start;
            for array in &self.ranges[first..] {
                if array.contig != contig || array.range.start >= range.end {
                    break;
                }
                outside.push(ContigRange { contig, range: start..array.range.start.max(start) });
                start = array.range.end.min(range.end);
            }
            outside.push(ContigRange { contig, range: start..range.end });
        }
        outside.retain(|part| !part.range.is_empty());
        outside
    }

    /// Whether at least half of the bases of an alignment are in arrays.
    pub(crate) fn cover(&self, alignment: &Alignment) -> bool {
        cover_half(&self.ranges, alignment.contig, &alignment.range)
    }
}
