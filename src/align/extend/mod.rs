//! Old copies have long gaps and diverged regions, so an extension follows affine gaps as long as the score stays near
//! the best one: the X-drop of Z. Zhang, S. Schwartz, L. Wagner and W. Miller, J. Comput. Biol. 7 (2000) 203. A whole
//! extension is one loop over vectors.

mod any_band;
#[cfg(target_arch = "x86_64")]
mod avx512;

use any_band::AnyBand;

use crate::align::alignment::Column;
use crate::align::score::Scoring;
use crate::sequence::NO_BASE;

/// Cells of an antidiagonal that are computed, the width of the band: it includes paths up to 64 diagonals from its
/// middle, and is two vectors of AVX-512.
const LANES: usize = 64;
/// Antidiagonals between two checks of the X-drop, and of the best cell.
const BLOCK: usize = 32;
/// Score of cells that no path reaches; so low that sums of a block stay within 16 bits and below [`MIN_REACHABLE`].
const UNREACHABLE: i16 = -20_000;
/// Minimum score of a cell that a path reaches.
const MIN_REACHABLE: i16 = -8_000;
/// Code of positions beyond the ends of a sequence.
const OUTSIDE: u8 = 8;
/// Score of a pair with [`OUTSIDE`]: no path gains by such a pair.
const OUTSIDE_SCORE: i8 = -100;
/// Largest absolute score of a pair of bases: below that of a pair outside.
const MAX_PAIR_SCORE: i32 = 99;

// Trace of a cell, a bit each: the source of its score, and whether its two gaps extend a gap or open one.
const FROM_GENOME_GAP: u8 = 1;
/// Trace bit: the score comes from a gap in the query.
const FROM_QUERY_GAP: u8 = 2;
/// Trace bit: the gap in the genome extends one and does not open one.
const GENOME_GAP_EXTENDS: u8 = 4;
/// Trace bit: the gap in the query extends one and does not open one.
const QUERY_GAP_EXTENDS: u8 = 8;

/// The dynamic programme on antidiagonals: a band of [`LANES`] cells. Each antidiagonal lies one step to the right of
/// the last or one below, towards the side whose outermost cell scores better (H. Suzuki and M. Kasahara, BMC
/// Bioinformatics 19 (2018) 45).
///
/// An extender keeps its tables for the next extension.
#[derive(Default)]
pub(crate) struct Extender {
    /// The query backwards, and the genome, each between positions outside.
    query: Vec<u8>,
    genome: Vec<u8>,
    trace: Vec<[u8; LANES]>,
    /// Row of lane 0 of each antidiagonal; lane l is l rows up and l columns to the right.
    rows: Vec<i32>,
}

/// The end of an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Score of its best cell.
    pub(crate) score: i32,
    /// Bases of query and genome up to that cell.
    pub(crate) query: usize,
    pub(crate) genome: usize,
    /// Whether a path near the best score reached the end of either sequence, so that more bases may extend it.
    pub(crate) cut: bool,
}

/// Scores in the widths of the lanes.
#[derive(Clone, Copy)]
struct LaneScores {
    /// Of two equal A or T, and of two equal C or G.
    same: [i8; 2],
    transition: i8,
    transversion: i8,
    unknown: i8,
    open: i16,
    extend: i16,
}

/// The last antidiagonals of a band, from which the next one is computed.
trait Band: Sized {
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
fn turns_right(bottom: i16, top: i16, was_right: bool) -> bool {
    if bottom == top || bottom.max(top) < MIN_REACHABLE { !was_right } else { bottom > top }
}

/// The best cells of an extension.
#[derive(Debug, PartialEq)]
struct Swept {
    best: i32,
    best_cell: (i32, i32),
    /// If ends at the end of the query have a bonus: value with the bonus, score and cell of the best of them.
    at_end: Option<(i32, i32, (i32, i32))>,
    cut: bool,
}

impl Swept {
    /// Records the scores of the last row and the last column of an antidiagonal. `row` and `column` are those of lane
    /// 0.
    #[inline(always)]
    fn record_ends(
        &mut self,
        (row, column): (i32, i32),
        (rows, columns): (i32, i32),
        (drop, bonus): (i32, Option<i32>),
        score_of: impl Fn(i32) -> i32,
    ) {
        let bottom = row - rows;
        if (0..LANES as i32).contains(&bottom) && (0..=columns).contains(&(column + bottom)) {
            let score = score_of(bottom);
            self.cut |= bonus.is_none() && score >= self.best - drop;
            if let Some(bonus) = bonus
                && self.at_end.is_none_or(|(value, ..)| score + bonus > value)
            {
                self.at_end = Some((score + bonus, score, (rows, column + bottom)));
            }
        }
        let side = columns - column;
        if (0..LANES as i32).contains(&side) && (0..=rows).contains(&(row - side)) {
            self.cut |= score_of(side) >= self.best - drop;
        }
    }

    /// Records the best cell of a block that starts at antidiagonal `first`, of equal ones the nearest to the origin.
    #[inline(always)]
    fn record_best(&mut self, band: &impl Band, base: i32, first: usize, row_of_lane: &[i32]) {
        let (best, best_step) = band.best();
        let highest = best.iter().fold(UNREACHABLE, |a, &b| a.max(b));
        if base + i32::from(highest) > self.best {
            self.best = base + i32::from(highest);
            let lanes = || best.iter().zip(&best_step);
            let nearest = lanes().fold(i16::MAX, |a, (&score, &step)| if score == highest { a.min(step) } else { a });
            let lane = lanes().position(|(&score, &step)| score == highest && step == nearest).unwrap_or(0);
            let step = first + nearest as usize;
            let cell_row = row_of_lane.get(step).map_or(0, |row| row - lane as i32);
            self.best_cell = (cell_row, step as i32 - cell_row);
        }
    }
}

/// The codes of the lanes from `at` on in a padded sequence; all outside beyond its ends.
#[inline(always)]
fn lane_codes(codes: &[u8], at: i32) -> &[u8; LANES] {
    let at = at.max(0) as usize;
    codes.get(at..at + LANES).and_then(|lanes| lanes.first_chunk()).unwrap_or(&[OUTSIDE; LANES])
}

/// What bounds an extension.
#[derive(Clone, Copy)]
struct Bounds {
    /// Bases of the query.
    rows: i32,
    /// Bases of the genome.
    columns: i32,
    /// Score below the best at which it ends.
    drop: i32,
    /// By how much an end at the end of the query is preferred.
    bonus: Option<i32>,
}

/// Computes the cells of an extension in the fastest way that the processor has.
fn sweep(extender: &mut Extender, bounds: Bounds, scores: LaneScores) -> Swept {
    #[cfg(target_arch = "x86_64")]
    if let Some(swept) = avx512::sweep(extender, bounds, scores) {
        return swept;
    }
    sweep_anywhere(extender, bounds, scores)
}

/// The same on any processor.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn sweep_anywhere(extender: &mut Extender, bounds: Bounds, scores: LaneScores) -> Swept {
    sweep_band(extender, bounds, AnyBand::at_origin(scores))
}

/// Computes the cells of an extension, antidiagonal by antidiagonal, from the padded sequences, and fills their traces.
/// The band has the antidiagonal of the origin.
#[inline(always)]
fn sweep_band(extender: &mut Extender, bounds: Bounds, mut band: impl Band) -> Swept {
    let Bounds { rows, columns, drop, bonus } = bounds;
    let Extender { query, genome, trace, rows: row_of_lane } = extender;
    let lanes = LANES as i32;
    trace.push([0; LANES]);
    // Row and column of lane 0.
    let (mut row, mut column) = (lanes / 2, -(lanes / 2));
    row_of_lane.push(row);

    let mut swept = Swept {
        best: 0,
        best_cell: (0, 0),
        at_end: bonus.filter(|_| rows == 0).map(|bonus| (bonus, 0, (0, 0))),
        cut: columns == 0 || rows == 0 && bonus.is_none(),
    };
    // The scores in the band are less than the true ones by this.
    let mut base = 0;
    let mut alive = true;
    while alive {
        band.begin_block();
        let first = row_of_lane.len();
        for step in 0..BLOCK {
            // Every lane is past one of the ends.
            if row - lanes + 1 > rows || column > columns {
                alive = false;
                break;
            }
            let right = band.goes_right();
            if right {
                column += 1
            } else {
                row += 1
            }
            // Row and column 0 are outside too, as is what lies past the ends.
            let bases = (lane_codes(query, lanes + rows - row), lane_codes(genome, lanes + column - 1));
            let at = trace.len();
            trace.push([0; LANES]);
            band.advance(&mut trace[at], bases, right, step as i16);
            row_of_lane.push(row);
            let score_of = |lane: i32| base + i32::from(band.score(lane as usize));
            swept.record_ends((row, column), (rows, columns), (drop, bonus), score_of);
        }
        swept.record_best(&band, base, first, row_of_lane);
        let highest = i32::from(band.rebase());
        base += highest;
        alive &= base >= swept.best - drop;
    }
    swept
}

impl LaneScores {
    fn of(scoring: &Scoring) -> Self {
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

impl Extender {
    /// Extends from the start of `query` and `genome`, both codes, until all scores are `drop` below the best. An
    /// alignment that reaches the end of the query is preferred by `bonus`; the score that is returned is without it.
    /// Appends the columns to `path`, from the origin outward.
    pub(crate) fn extend(
        &mut self,
        query: &[u8],
        genome: &[u8],
        scoring: &Scoring,
        drop: i32,
        bonus: Option<i32>,
        path: &mut Vec<Column>,
    ) -> Extent {
        let scores = LaneScores::of(scoring);
        let (rows, columns) = (query.len() as i32, genome.len() as i32);
        self.pad(query, genome);
        let swept = sweep(self, Bounds { rows, columns, drop, bonus }, scores);
        let Swept { mut best, mut best_cell, at_end, cut } = swept;
        if let Some((value, score, cell)) = at_end
            && value > best
        {
            (best, best_cell) = (score, cell);
        }
        let cell = (best_cell.0 as usize, best_cell.1 as usize);
        self.columns(cell, path);
        Extent { score: best, query: cell.0, genome: cell.1, cut }
    }

    /// Puts the sequences between positions outside, and forgets the last extension.
    fn pad(&mut self, query: &[u8], genome: &[u8]) {
        self.query.clear();
        self.query.extend_from_slice(&[OUTSIDE; LANES]);
        self.query.extend(query.iter().rev());
        self.query.extend_from_slice(&[OUTSIDE; LANES]);
        self.genome.clear();
        self.genome.extend_from_slice(&[OUTSIDE; LANES]);
        self.genome.extend_from_slice(genome);
        self.genome.extend_from_slice(&[OUTSIDE; LANES]);
        self.trace.clear();
        self.rows.clear();
    }

    /// Appends the columns that lead to a cell, from the origin on.
    fn columns(&self, (mut row, mut column): (usize, usize), path: &mut Vec<Column>) {
        let first = path.len();
        let mut state = 0;
        while row > 0 || column > 0 {
            let step = row + column;
            let here = self.trace[step][self.rows[step] as usize - row];
            if state == 0 {
                state = here & (FROM_GENOME_GAP | FROM_QUERY_GAP);
            }
            match state {
                FROM_GENOME_GAP => {
                    path.push(Column::Query);
                    if here & GENOME_GAP_EXTENDS == 0 {
                        state = 0;
                    }
                    row -= 1;
                }
                FROM_QUERY_GAP => {
                    path.push(Column::Genome);
                    if here & QUERY_GAP_EXTENDS == 0 {
                        state = 0;
                    }
                    column -= 1;
                }
                _ => {
                    path.push(Column::Pair);
                    row -= 1;
                    column -= 1;
                }
            }
        }
        path[first..].reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNREACHABLE: i32 = i32::MIN / 2;

    /// Best score of an alignment from the origin to any cell, or with `bonus` to the end of the query: all cells (O.
    /// Gotoh, J. Mol. Biol. 162 (1982) 705).
    fn gotoh(query: &[u8], genome: &[u8], scoring: &Scoring, bonus: Option<i32>) -> i32 {
        let (rows, columns) = (query.len() + 1, genome.len() + 1);
        let mut cells = vec![[UNREACHABLE; 3]; rows * columns];
        let mut best = 0;
        for row in 0..rows {
            for column in 0..columns {
                let at = |row: usize, column: usize| cells[row * columns + column];
                let max = |states: [i32; 3]| states[0].max(states[1]).max(states[2]);
                let mut here = [UNREACHABLE; 3];
                if row == 0 && column == 0 {
                    here[0] = 0;
                }
                if row > 0 && column > 0 {
                    here[0] = max(at(row - 1, column - 1)) + scoring.pair(query[row - 1], genome[column - 1]);
                }
                if row > 0 {
                    let above = at(row - 1, column);
                    here[1] = (max(above) - scoring.open).max(above[1] - scoring.extend);
                }
                if column > 0 {
                    let left = at(row, column - 1);
                    here[2] = (max(left) - scoring.open).max(left[2] - scoring.extend);
                }
                best = best.max(max(here) + if row == query.len() { bonus.unwrap_or(0) } else { 0 });
                cells[row * columns + column] = here;
            }
        }
        best
    }

    /// Score of columns, and the bases in them.
    fn score(query: &[u8], genome: &[u8], path: &[Column], scoring: &Scoring) -> (i32, usize, usize) {
        let (mut score, mut q, mut g) = (0, 0, 0);
        for run in path.chunk_by(|a, b| a == b) {
            match run[0] {
                Column::Pair => {
                    for _ in run {
                        score += scoring.pair(query[q], genome[g]);
                        (q, g) = (q + 1, g + 1);
                    }
                }
                Column::Genome => (score, g) = (score - scoring.gap(run.len() as u32), g + run.len()),
                Column::Query => (score, q) = (score - scoring.gap(run.len() as u32), q + run.len()),
            }
        }
        (score, q, g)
    }

    /// A sequence and one made from it by edits.
    fn related() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let edits = prop::collection::vec((0..90usize, 0..4u8, 0..5u8), 0..14);
        (prop::collection::vec(0..5u8, 0..90), edits).prop_map(|(sequence, edits)| {
            let mut other = sequence.clone();
            for (at, kind, base) in edits {
                let at = at.min(other.len());
                match kind {
                    0 => other.insert(at, base),
                    1 => drop(other.drain(at..(at + usize::from(base) * 2).min(other.len()))),
                    _ => other.iter_mut().skip(at).take(1).for_each(|b| *b = base),
                }
            }
            (sequence, other)
        })
    }

    proptest! {
        #[test]
        fn without_a_drop_all_cells_are_searched((query, genome) in related(), ends: bool, divergence in 0.02..0.3f64) {
            let scoring = Scoring::new(divergence, [0.3, 0.2, 0.3, 0.2]);
            let bonus = ends.then_some(25);
            let mut path = Vec::new();
            let extent = Extender::default().extend(&query, &genome, &scoring, 10_000, bonus, &mut path);
            prop_assert_eq!(score(&query, &genome, &path, &scoring), (extent.score, extent.query, extent.genome));
            let bonus_had = if extent.query == query.len() { bonus.unwrap_or(0) } else { 0 };
            prop_assert_eq!(extent.score + bonus_had, gotoh(&query, &genome, &scoring, bonus));
        }

        #[test]
        fn with_a_drop_the_score_is_that_of_the_columns((query, genome) in related(), drop in 0..300i32) {
            let scoring = Scoring::new(0.2, [0.25; 4]);
            let mut path = Vec::new();
            let extent = Extender::default().extend(&query, &genome, &scoring, drop, Some(20), &mut path);
            prop_assert_eq!(score(&query, &genome, &path, &scoring), (extent.score, extent.query, extent.genome));
            let whole = gotoh(&query, &genome, &scoring, Some(20));
            prop_assert!(extent.score <= whole);
        }
    }

    proptest! {
        #[test]
        fn every_processor_computes_the_same(
            (query, genome) in related(),
            repeats in 1..40usize,
            drop in 0..400i32,
            bonus in prop::option::of(0..80i32),
            divergence in 0.02..0.3f64,
        ) {
            let scores = LaneScores::of(&Scoring::new(divergence, [0.3, 0.2, 0.3, 0.2]));
            let (query, genome) = (query.repeat(repeats), genome.repeat(repeats));
            let bounds = Bounds { rows: query.len() as i32, columns: genome.len() as i32, drop, bonus };
            let mut extenders = [Extender::default(), Extender::default()];
            extenders.iter_mut().for_each(|extender| extender.pad(&query, &genome));
            let [one, other] = &mut extenders;
            prop_assert_eq!(sweep(one, bounds, scores), sweep_anywhere(other, bounds, scores));
            prop_assert_eq!(&one.rows, &other.rows);
            prop_assert_eq!(&one.trace, &other.trace);
        }
    }

    #[test]
    fn a_diverged_region_is_crossed_or_not() {
        let scoring = Scoring::new(0.2, [0.25; 4]);
        let mix = |i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ i << 7).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 62;
        let query: Vec<u8> = (1..=400).map(|i| mix(i) as u8).collect();
        let mut genome = query.clone();
        genome[40..100].iter_mut().for_each(|b| *b ^= 2);
        let mut extender = Extender::default();
        let bad = 60 * -scoring.pair(0, 2);
        let mut extent = |drop| extender.extend(&query, &genome, &scoring, drop, None, &mut Vec::new());
        assert_eq!(extent(bad + 1).query, 400);
        assert_eq!(extent(150).query, 40);
    }
}
