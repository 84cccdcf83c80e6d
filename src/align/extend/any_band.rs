//! The band of an extension in code for any processor, which the compiler turns into vectors.

use crate::align::extend::band::{
    Band, FROM_GENOME_GAP, FROM_QUERY_GAP, GENOME_GAP_EXTENDS, LANES, LaneScores, OUTSIDE, OUTSIDE_SCORE,
    QUERY_GAP_EXTENDS, UNREACHABLE, turns_right,
};

/// Lanes with one more on either side.
type Front = [i16; LANES + 2];

/// The last antidiagonals, from which the next one is computed.
pub(super) struct AnyBand {
    scores: LaneScores,
    /// Cells of the last three antidiagonals, at their number modulo 3.
    cells: [Front; 3],
    /// Gaps that end in the last two, in the genome and in the query, at their number modulo 2.
    genome_gaps: [Front; 2],
    query_gaps: [Front; 2],
    /// Best score of each lane in a block of antidiagonals, and the antidiagonal of the block on which it was first.
    best: [i16; LANES],
    best_step: [i16; LANES],
    /// Number of the last antidiagonal, and whether it went to the right.
    number: usize,
    right: bool,
}

impl AnyBand {
    /// The antidiagonal of the origin, in the middle lane.
    pub(super) fn at_origin(scores: LaneScores) -> Self {
        let unreachable = [UNREACHABLE; LANES + 2];
        let mut fronts = Self {
            scores,
            cells: [unreachable; 3],
            genome_gaps: [unreachable; 2],
            query_gaps: [unreachable; 2],
            best: [UNREACHABLE; LANES],
            best_step: [0; LANES],
            number: 0,
            right: false,
        };
        fronts.cells[0][LANES / 2 + 1] = 0;
        fronts
    }

    #[inline(always)]
    fn last(&self) -> &Front {
        &self.cells[self.number % 3]
    }
}

impl Band for AnyBand {
    #[inline(always)]
    fn goes_right(&self) -> bool {
        let last = self.last();
        turns_right(last[LANES], last[1], self.right)
    }

    #[inline(always)]
    fn advance(
        &mut self,
        trace: &mut [u8; LANES],
        (query, genome): (&[u8; LANES], &[u8; LANES]),
        right: bool,
        step: i16,
    ) {
        let LaneScores { same, transition, transversion, unknown, open, extend } = self.scores;
        let [weak, strong] = same;
        let (now, before) = (usize::from(right), usize::from(self.right));
        self.right = right;
        let number = self.number;
        self.number += 1;
        // Indices instead of moved arrays: a move would read vectors back across the store just made, which is as slow as
        // the rest.
        let turned = [number % 3, (number + 2) % 3, (number + 1) % 3];
        let Ok([last, second, cells]) = self.cells.get_disjoint_mut(turned) else { return };
        let [even, odd] = &mut self.genome_gaps;
        let (genome_gaps, next_genome_gaps) = if number.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        let [even, odd] = &mut self.query_gaps;
        let (query_gaps, next_query_gaps) = if number.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        // Copies, so that the compiler sees no aliasing and uses vectors.
        let (above, above_gap) = (*lanes(last, 1 + now), *lanes(genome_gaps, 1 + now));
        let (left, left_gap) = (*lanes(last, now), *lanes(query_gaps, now));
        let diagonal = *lanes(second, now + before);
        let (mut best, mut best_step) = (self.best, self.best_step);
        let [mut score, mut genome_gap, mut query_gap] = [[0; LANES]; 3];
        let mut bits = [0; LANES];
        for l in 0..LANES {
            let (a, b) = (query[l], genome[l]);
            let both = a | b;
            let mut pair = transversion;
            pair = if a ^ b == 1 { transition } else { pair };
            let same = if a & 1 == 1 { strong } else { weak };
            pair = if a == b { same } else { pair };
            pair = if both > 3 { unknown } else { pair };
            pair = if both >= OUTSIDE { OUTSIDE_SCORE } else { pair };

            let opened = above[l].saturating_sub(open);
            let extended = above_gap[l].saturating_sub(extend);
            genome_gap[l] = opened.max(extended);
            bits[l] = if extended > opened { GENOME_GAP_EXTENDS } else { 0 };
            let opened = left[l].saturating_sub(open);
            let extended = left_gap[l].saturating_sub(extend);
            query_gap[l] = opened.max(extended);
            bits[l] |= if extended > opened { QUERY_GAP_EXTENDS } else { 0 };

            let paired = diagonal[l].saturating_add(i16::from(pair));
            score[l] = paired.max(genome_gap[l]).max(query_gap[l]);
            let gap = if genome_gap[l] == score[l] { FROM_GENOME_GAP } else { FROM_QUERY_GAP };
            bits[l] |= if paired == score[l] { 0 } else { gap };
            let better = score[l] > best[l];
            best[l] = if better { score[l] } else { best[l] };
            best_step[l] = if better { step } else { best_step[l] };
        }
        cells[1..=LANES].copy_from_slice(&score);
        next_genome_gaps[1..=LANES].copy_from_slice(&genome_gap);
        next_query_gaps[1..=LANES].copy_from_slice(&query_gap);
        (self.best, self.best_step) = (best, best_step);
        *trace = bits;
    }

    #[inline(always)]
    fn score(&self, lane: usize) -> i16 {
        self.last()[lane + 1]
    }

    #[inline(always)]
    fn begin_block(&mut self) {
        self.best = [UNREACHABLE; LANES];
    }

    #[inline(always)]
    fn best(&self) -> ([i16; LANES], [i16; LANES]) {
        (self.best, self.best_step)
    }

    #[inline(always)]
    fn rebase(&mut self) -> i16 {
        let highest = self.last().iter().fold(UNREACHABLE, |a, &b| a.max(b));
        let Self { cells, genome_gaps, query_gaps, .. } = self;
        for front in cells.iter_mut().chain(genome_gaps).chain(query_gaps) {
            for score in front {
                *score = score.saturating_sub(highest);
            }
        }
        highest
    }
}

/// The lanes of a front, shifted by 0, 1 or 2.
fn lanes(front: &Front, from: usize) -> &[i16; LANES] {
    front[from.min(2)..].first_chunk().unwrap_or(&[UNREACHABLE; LANES])
}
