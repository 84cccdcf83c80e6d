//! The band of antidiagonals of an extension: what its two implementations have in common.

use crate::align::score::Scoring;
use crate::sequence::NO_BASE;

/// Cells of an antidiagonal that are computed, the width of the band: it includes paths up to 64 diagonals from its
/// middle, and is two vectors of AVX-512.
pub(super) const LANES: usize = 64;
/// Score of cells that no path reaches; so low that sums of a block stay within 16 bits and below [`MIN_REACHABLE`].
pub(super) const UNREACHABLE: i16 = -20_000;
/// Minimum score of a cell that a path reaches.
const MIN_REACHABLE: i16 = -8_000;
/// Code of positions beyond the ends of a sequence.
pub(super) const OUTSIDE: u8 = 8;
/// Score of a pair with [`OUTSIDE`]: no path gains by such a pair.
pub(super) const OUTSIDE_SCORE: i8 = -100;
/// Largest absolute score of a pair of bases: below that of a pair outside.
const MAX_PAIR_SCORE: i32 = 99;

// Trace of a cell, a bit each: the source of its score, and whether its two gaps extend a gap or open one.
pub(super) const FROM_GENOME_GAP: u8 = 1;
/// Trace bit: the score comes from a gap in the query.
pub(super) const FROM_QUERY_GAP: u8 = 2;
/// Trace bit: the gap in the genome extends one and does not open one.
pub(super) const GENOME_GAP_EXTENDS: u8 = 4;
/// Trace bit: the gap in the query extends one and does not open one.
pub(super) const QUERY_GAP_EXTENDS: u8 = 8;

/// Scores in the widths of the lanes.
#[derive(Clone, Copy)]
pub(super) struct LaneScores {
    /// Of two equal A or T, and of two equal C or G.
    pub(super) same: [i8; 2],
    pub(super) transition: i8,
    pub(super) transversion: i8,
    pub(super) unknown: i8,
    pub(super) open: i16,
    pub(super) extend: i16,
}

impl LaneScores {
    pub(super) fn of(scoring: &Scoring) -> Self {
        let score = |a, b| scoring.pair(a, b).clamp(-MAX_PAIR_SCORE, MAX_PAIR_SCORE) as i8;
        Self {
            same: [score(0, 0), score(1, 1)],
            transition: score(0, 1),
            transversion: score(0, 2),
            unknown: score(0, NO_BASE),
            open: scoring.open as i16,
            extend: scoring.extend as i16,
        }
    }
}

/// The last antidiagonals of a band, from which the next one is computed.
pub(super) trait Band {
    /// Whether the next antidiagonal lies to the right: towards the better end of the band, else alternately.
    fn goes_right(&self) -> bool;

    /// Computes the next antidiagonal, number `step` of its block, from the bases of its rows and columns.
    fn advance(&mut self, trace: &mut [u8; LANES], bases: (&[u8; LANES], &[u8; LANES]), right: bool, step: i16);

    /// Score of a lane of the last antidiagonal.
    fn score(&self, lane: usize) -> i16;

    /// Forgets the best scores of the block before.
    fn begin_block(&mut self);

    /// Best score of each lane in a block of antidiagonals, and the antidiagonal of the block on which it was first.
    fn best(&self) -> ([i16; LANES], [i16; LANES]);

    /// Subtracts the highest score of the last antidiagonal, which is returned, from all scores: they stay within 16
    /// bits.
    fn rebase(&mut self) -> i16;
}

/// Whether the next antidiagonal lies to the right, from the scores of the outermost cells of the last one.
#[inline(always)]
pub(super) fn turns_right(bottom: i16, top: i16, was_right: bool) -> bool {
    if bottom == top || bottom.max(top) < MIN_REACHABLE { !was_right } else { bottom > top }
}
