//! An extension, antidiagonal by antidiagonal, in any kind of band.

use crate::align::extend::band::{Band, LANES, OUTSIDE, UNREACHABLE};

/// Antidiagonals between two checks of the X-drop, and of the best cell.
const BLOCK: usize = 32;

/// The sequences of an extension, and what its columns follow from.
#[derive(Default)]
pub(super) struct Tables {
    /// The query backwards, and the genome, each between positions outside.
    pub(super) query: Vec<u8>,
    pub(super) genome: Vec<u8>,
    pub(super) trace: Vec<[u8; LANES]>,
    /// Row of lane 0 of each antidiagonal; lane l is l rows up and l columns to the right.
    pub(super) rows: Vec<i32>,
}

impl Tables {
    /// Puts the sequences between positions outside, and forgets the last extension.
    pub(super) fn pad(&mut self, query: &[u8], genome: &[u8]) {
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
}

/// The best cells of an extension.
#[derive(Debug, PartialEq)]
pub(super) struct Swept {
    pub(super) best: i32,
    pub(super) best_cell: (i32, i32),
    /// If ends at the end of the query have a bonus: value with the bonus, score and cell of the best of them.
    pub(super) at_end: Option<(i32, i32, (i32, i32))>,
    pub(super) cut: bool,
}

impl Swept {
    /// Records the scores of the last row and the last column of an antidiagonal. `row` and `column` are those of lane
    /// 0.
    #[inline(always)]
    fn record_ends(
        &mut self,
        (row, column): (i32, i32),
        Bounds { rows, columns, drop, bonus }: Bounds,
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
pub(super) struct Bounds {
    /// Bases of the query.
    pub(super) rows: i32,
    /// Bases of the genome.
    pub(super) columns: i32,
    /// Score below the best at which it ends.
    pub(super) drop: i32,
    /// By how much an end at the end of the query is preferred.
    pub(super) bonus: Option<i32>,
}

/// Computes the cells of an extension, antidiagonal by antidiagonal, from the padded sequences, and fills their traces.
/// The band has the antidiagonal of the origin.
#[inline(always)]
pub(super) fn sweep_band(tables: &mut Tables, bounds: Bounds, mut band: impl Band) -> Swept {
    let Bounds { rows, columns, drop, bonus } = bounds;
    let Tables { query, genome, trace, rows: row_of_lane } = tables;
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
            swept.record_ends((row, column), bounds, score_of);
        }
        swept.record_best(&band, base, first, row_of_lane);
        let highest = i32::from(band.rebase());
        base += highest;
        alive &= base >= swept.best - drop;
    }
    swept
}
