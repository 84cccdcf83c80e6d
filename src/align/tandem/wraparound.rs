//! A tandem repeat has no fixed number of copies, so a sequence is aligned with its unit as if that repeated without
//! end: each row of the dynamic program continues at its start (V. Fischetti, G. Landau, J. Schmidt and P. Sellers, CPM
//! 1992, 111).

use crate::align::operations::Column;
use crate::sequence::NO_BASE;

/// Score of a match with the unit. The scores are Tandem Repeats Finder's 2, 5, 7.
const MATCH: i32 = 2;
/// Score of a mismatch.
const MISMATCH: i32 = -5;
/// Score of a base in a gap.
const GAP: i32 = -7;
/// Cells of an alignment, a byte each, that a thread keeps: 16 MiB. Longer arrays are aligned in pieces.
pub(super) const MAX_CELLS: usize = 1 << 24;

/// A local alignment with a unit that repeats without end.
pub(super) struct UnitAlignment {
    pub(super) score: i32,
    /// Range of the codes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Position in the unit of the first base.
    pub(super) phase: usize,
    pub(super) columns: Vec<Column>,
}

impl UnitAlignment {
    /// Bases of repeated units in the columns.
    pub(super) fn unit_bases(&self) -> usize {
        self.columns.iter().filter(|&&column| column != Column::Genome).count()
    }
}

// Where the score of a cell comes from: nothing, a pair, a base of the genome alone, a base of the unit alone.
const START: u8 = 0;
/// Trace: a pair of bases.
const PAIR: u8 = 1;
/// Trace: a base of the genome alone.
const GENOME_BASE: u8 = 2;
/// Trace: a base of the unit alone.
const UNIT_BASE: u8 = 3;

/// Rows of scores of an alignment with a unit, computed one base after another.
struct ScoreRows {
    /// Scores of each code against each position of the unit.
    pairs: [Vec<i32>; 5],
    scores: Vec<i32>,
    before: Vec<i32>,
}

impl ScoreRows {
    fn new(unit: &[u8]) -> Self {
        let pairs = |code: u8| unit.iter().map(|&base| if base == code { MATCH } else { MISMATCH }).collect();
        let none = vec![0; unit.len()];
        Self { pairs: std::array::from_fn(|code| pairs(code as u8)), scores: none.clone(), before: none }
    }
}

/// Computes the row of a base and the sources of its scores; returns the best score.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn next_row(rows: &mut ScoreRows, code: u8, trace: &mut [u8]) -> i32 {
    let ScoreRows { pairs, scores, before } = rows;
    std::mem::swap(scores, before);
    let pairs = &pairs[usize::from(code.min(NO_BASE))];
    let period = pairs.len();
    let cell = |diagonal: i32, above: i32, pair: i32| -> (i32, u8) {
        let (pair, gap) = (diagonal + pair, above + GAP);
        let score = pair.max(gap).max(0);
        let from = if score == pair { PAIR } else { GENOME_BASE };
        (score, if score == 0 { START } else { from })
    };
    (scores[0], trace[0]) = cell(before[period - 1], before[0], pairs[0]);
    let diagonals = &before[..period - 1];
    let cells = scores[1..].iter_mut().zip(&mut trace[1..]).zip(diagonals).zip(&before[1..]).zip(&pairs[1..]);
    for ((((score, from), &diagonal), &above), &pair) in cells {
        (*score, *from) = cell(diagonal, above, pair);
    }
    // Gaps in the genome continue from the end of a unit to the start of the next. Gaps of up to 1, 3, 7 ... bases are
    // tried in turn, each step doubling their length; if a step changes nothing, longer gaps do not either.
    let highest = scores.iter().fold(0, |a, &b| a.max(b));
    let mut shift = 1;
    while shift < period && highest + shift as i32 * GAP > 0 {
        let lost = shift as i32 * GAP;
        // The row above is free.
        let (wrapped, others) = before.split_at_mut(shift);
        let mut changed = false;
        let step = |(((new, old), earlier), from): (((&mut i32, &i32), &i32), &mut u8)| {
            let better = earlier + lost > *old;
            *new = if better { earlier + lost } else { *old };
            *from = if better { UNIT_BASE } else { *from };
            better
        };
        let (first, rest) = trace.split_at_mut(shift);
        for cell in wrapped.iter_mut().zip(&scores[..shift]).zip(&scores[period - shift..]).zip(first) {
            changed |= step(cell);
        }
        for cell in others.iter_mut().zip(&scores[shift..]).zip(&scores[..period - shift]).zip(rest) {
            changed |= step(cell);
        }
        if !changed {
            break;
        }
        std::mem::swap(scores, before);
        shift *= 2;
    }
    highest
}

/// The best local alignment of codes with a unit that repeats without end; `None` if no base matches.
pub(super) fn align_with_unit(codes: &[u8], unit: &[u8]) -> Option<UnitAlignment> {
    let period = unit.len();
    let mut rows = ScoreRows::new(unit);
    let mut trace = vec![START; codes.len() * period];
    let (mut best, mut cell) = (0, (0, 0));
    for ((i, &code), trace) in (0..).zip(codes).zip(trace.chunks_exact_mut(period)) {
        let highest = next_row(&mut rows, code, trace);
        if highest > best {
            best = highest;
            cell = (i, rows.scores.iter().position(|&score| score == highest).unwrap_or(0));
        }
    }
    if best == 0 {
        return None;
    }
    let (mut i, mut j) = cell;
    let (mut columns, mut start, mut phase) = (Vec::new(), i, j);
    loop {
        let back = if j == 0 { period - 1 } else { j - 1 };
        match trace[i * period + j] {
            PAIR => {
                columns.push(Column::Pair);
                (start, phase) = (i, j);
                j = back;
            }
            GENOME_BASE => columns.push(Column::Genome),
            UNIT_BASE => {
                columns.push(Column::Query);
                j = back;
                continue;
            }
            _ => break,
        }
        if i == 0 {
            break;
        }
        i -= 1;
    }
    columns.reverse();
    Some(UnitAlignment { score: best, start, end: cell.0 + 1, phase, columns })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::tandem::unit_votes::UnitVotes;

    fn codes(text: &str) -> Vec<u8> {
        crate::sequence::codes(text.as_bytes()).collect()
    }

    fn corrected(codes: &[u8], unit: &[u8], path: &UnitAlignment) -> Vec<u8> {
        let mut votes = UnitVotes::new(unit.len());
        votes.add(&codes[path.start..path.end], path.phase, path.columns.iter().copied());
        votes.consensus(unit)
    }

    #[test]
    fn alignments_wrap_around() {
        // Two and a half copies with a base too many and one too few between random flanks.
        let genome = codes("TTGCATCCACGTTACCGAACGTTTACCGAACGTTACCGACGTTACCGAACGGTGCTGTG");
        let unit = codes("ACGTTACCGA");
        let path = align_with_unit(&genome, &unit).expect("aligned");
        assert_eq!(path.columns.iter().filter(|c| **c == Column::Genome).count(), 1);
        assert_eq!(path.columns.iter().filter(|c| **c == Column::Query).count(), 1);
        let pairs = path.columns.len() - 2;
        assert_eq!(path.score, MATCH * pairs as i32 + 2 * GAP);
        assert_eq!(path.end - path.start, path.columns.len() - 1);
        // The other copies correct a wrong base of the unit.
        let wrong = codes("ACGTTAGCGA");
        let path = align_with_unit(&genome, &wrong).expect("aligned");
        assert_eq!(corrected(&genome, &wrong, &path), unit);
        let short = codes("ACGTTCCGA");
        let path = align_with_unit(&genome, &short).expect("aligned");
        assert_eq!(corrected(&genome, &short, &path), unit);
        assert!(align_with_unit(&codes("AAAA"), &codes("C")).is_none());
    }

    #[test]
    fn all_cells_are_searched() {
        // Against repeated units, enough that none need wrap, cell by cell.
        let mut state = 7u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state >> 33) % below
        };
        for _ in 0..300 {
            let period = 1 + next(7) as usize;
            let unit: Vec<u8> = (0..period).map(|_| next(4) as u8).collect();
            let mut genome: Vec<u8> = unit.iter().copied().cycle().take(30).collect();
            for _ in 0..next(8) {
                let at = next(genome.len() as u64) as usize;
                match next(3) {
                    0 => genome[at] = next(4) as u8,
                    1 => genome.insert(at, next(4) as u8),
                    _ => drop(genome.remove(at)),
                }
            }
            let repeated: Vec<u8> = unit.iter().copied().cycle().take(period * 80).collect();
            let (mut last, mut best) = (vec![0; repeated.len() + 1], 0);
            for &code in &genome {
                let mut this = vec![0; repeated.len() + 1];
                for j in 0..repeated.len() {
                    let pair = last[j] + if repeated[j] == code { MATCH } else { MISMATCH };
                    this[j + 1] = pair.max(last[j + 1] + GAP).max(this[j] + GAP).max(0);
                    best = best.max(this[j + 1]);
                }
                last = this;
            }
            let path = align_with_unit(&genome, &unit);
            assert_eq!(path.as_ref().map_or(0, |p| p.score), best, "{unit:?} {genome:?}");
            let Some(path) = path else { continue };
            let (mut i, mut j, mut score) = (path.start, path.phase, 0);
            for column in &path.columns {
                match column {
                    Column::Pair => {
                        score += if genome[i] == unit[j] { MATCH } else { MISMATCH };
                        (i, j) = (i + 1, (j + 1) % period);
                    }
                    Column::Genome => (score, i) = (score + GAP, i + 1),
                    Column::Query => (score, j) = (score + GAP, (j + 1) % period),
                }
            }
            assert_eq!((score, i), (path.score, path.end));
        }
    }
}
