//! Old copies have long gaps and diverged regions, so an extension follows affine gaps as long as the score stays near
//! the best one: the X-drop of Z. Zhang, S. Schwartz, L. Wagner and W. Miller, J. Comput. Biol. 7 (2000) 203. A whole
//! extension is one loop over vectors.

mod any_band;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod band;
mod sweep;

use crate::align::extend::any_band::AnyBand;
use crate::align::extend::band::{FROM_GENOME_GAP, FROM_QUERY_GAP, GENOME_GAP_EXTENDS, LaneScores, QUERY_GAP_EXTENDS};
use crate::align::extend::sweep::{Bounds, Swept, Tables, sweep_band};
use crate::align::operations::Column;
use crate::align::score::Scoring;

/// The dynamic programme on antidiagonals: a band of [`band::LANES`] cells. Each antidiagonal lies one step to the right of
/// the last or one below, towards the side whose outermost cell scores better (H. Suzuki and M. Kasahara, BMC
/// Bioinformatics 19 (2018) 45).
///
/// An extender keeps its tables for the next extension.
#[derive(Default)]
pub(crate) struct Extender {
    tables: Tables,
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

/// Whether this processor runs the band that is written in instructions.
pub(crate) fn has_vector_band() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx512::is_available();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Computes the cells of an extension in the fastest way that the processor has.
fn sweep(tables: &mut Tables, bounds: Bounds, scores: LaneScores) -> Swept {
    #[cfg(target_arch = "x86_64")]
    if let Some(swept) = avx512::sweep(tables, bounds, scores) {
        return swept;
    }
    sweep_anywhere(tables, bounds, scores)
}

/// The same on any processor.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn sweep_anywhere(tables: &mut Tables, bounds: Bounds, scores: LaneScores) -> Swept {
    sweep_band(tables, bounds, AnyBand::at_origin(scores))
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
        self.tables.pad(query, genome);
        let swept = sweep(&mut self.tables, Bounds { rows, columns, drop, bonus }, scores);
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

    /// Appends the columns that lead to a cell, from the origin on.
    fn columns(&self, (mut row, mut column): (usize, usize), path: &mut Vec<Column>) {
        let first = path.len();
        let mut state = 0;
        while row > 0 || column > 0 {
            let step = row + column;
            let here = self.tables.trace[step][self.tables.rows[step] as usize - row];
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
            let mut tables = [Tables::default(), Tables::default()];
            tables.iter_mut().for_each(|tables| tables.pad(&query, &genome));
            let [one, other] = &mut tables;
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
