//! Tandem repeats: simple repeats, minisatellites and satellites, found without a library.
//!
//! After G. Benson (Tandem repeats finder, Nucleic Acids Res. 27 (1999) 573): words that come again at one distance tell where a
//! repeat may lie and its period; the stretch is aligned with its unit by wraparound dynamic programming (V. Fischetti, G. Landau,
//! J. Schmidt and P. Sellers, CPM 1992, 111), once with the unit as it is read there and once with the consensus of its copies. How likely chance
//! is to make an array is told by the scores of other alignments, of which the bases of the unit are taken off: they are free.

use rayon::prelude::*;

use crate::align::gapped::walk;
use crate::align::score::{GAP_CODE, Scorings};
use crate::align::{Alignment, Column, Counts, Piece, SCORE_UNITS, composition, operations, pieces};
use crate::kmer::Strand;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::letters;
use crate::{Index, Progress, Result};

/// Longest period.
pub const LONGEST_PERIOD: usize = 2000;
/// Bases of a word.
const WORD: usize = 6;
/// Words matched again at one distance, in bases, that make a stretch worth a look.
const LEAST_RUN: i32 = 14;
/// What five bases without a word that comes again cost, in bases with one.
const APART: i32 = 2;
/// Scores of the alignment with the unit: TRF's.
const MATCH: i32 = 2;
const MISMATCH: i32 = -5;
const GAP: i32 = -7;
const LEAST_SCORE: i32 = 50;
/// Tenths of copies of a unit that make a tandem repeat.
const LEAST_COPIES: usize = 19;
/// Times that the unit is made anew from its copies, at the most.
const ROUNDS: usize = 3;
/// Bases beside a stretch that is aligned, beyond one unit.
const BESIDE: u32 = 100;
/// Cells of an alignment that a thread keeps; longer arrays are cut.
const CELLS: usize = 1 << 24;
/// Bases scanned at a time.
const CHUNK: u32 = 1 << 20;

/// A tandem repeat.
#[derive(Debug, Clone)]
pub struct TandemRepeat {
    /// Its unit, the smallest of its rotations, as ASCII.
    pub unit: Vec<u8>,
    /// What the array is aligned with: the unit again and again, as ASCII.
    pub array: Vec<u8>,
    /// The alignment of the whole of `array`, on the forward strand; its query is 0.
    pub alignment: Alignment,
}

impl TandemRepeat {
    /// Name as of a library's sequence: the unit and the class, for units of 100 bases and more their length and `Satellite`.
    pub fn name(&self) -> String {
        match self.unit.len() {
            0..100 => format!("({})n#Simple_repeat", String::from_utf8_lossy(&self.unit)),
            period => format!("tandem-{period}#Satellite"),
        }
    }

    fn bytes(&self) -> u64 {
        (self.unit.capacity() + self.array.capacity() + 2 * size_of::<Vec<u8>>()) as u64 + self.alignment.bytes()
    }
}

/// A stretch that resembles itself `period` bases on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    from: u32,
    to: u32,
    period: u32,
    /// Bases in words that come again, less what lies between.
    score: i32,
}

/// Every tandem repeat with an E-value of at most `max_e_value` and a unit of at most [`LONGEST_PERIOD`] bases, by place. They may overlap.
///
/// # Errors
/// [`crate::Error::Memory`] where the budget is too small; [`crate::Error::Damaged`].
pub(crate) fn tandem_repeats(
    index: &Index,
    max_e_value: f64,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<(Vec<TandemRepeat>, Reservation)> {
    let pieces = pieces(index, None)?;
    let scorings = Scorings::new(composition(&pieces));
    let bases: u64 = pieces.iter().map(|p| u64::from(p.length())).sum();
    let threads = rayon::current_num_threads() as u64;
    let scanning = budget.reserve(Component::Seeds, threads * (u64::from(CHUNK) + (1 << 16)), "tandem repeats")?;
    let stretches: Vec<(usize, Stretch)> =
        pieces.par_iter().enumerate().flat_map_iter(|(i, p)| stretches(p).into_iter().map(move |s| (i, s))).collect();
    drop(scanning);
    let _listed = budget.reserve(
        Component::Seeds,
        (stretches.capacity() * size_of::<(usize, Stretch)>()) as u64,
        "tandem repeats",
    )?;
    let groups: Vec<&[(usize, Stretch)]> = groups(&stretches);
    progress.phase("tandem", Some(stretches.len() as u64));
    let found: Vec<(TandemRepeat, Reservation)> = groups
        .par_iter()
        .map(|group| {
            progress.advance(group.len() as u64);
            let mut group = group.to_vec();
            group.sort_unstable_by_key(|(_, s)| (std::cmp::Reverse(s.score), *s));
            let mut repeats: Vec<(TandemRepeat, Reservation)> = Vec::new();
            for (number, stretch) in group {
                let piece = &pieces[number];
                let range = piece.range.start + u64::from(stretch.from)..piece.range.start + u64::from(stretch.to);
                // What a repeat explains that has more words that come again is met once more at another period.
                let explained = repeats.iter().any(|(repeat, _)| {
                    let by = &repeat.alignment.range;
                    10 * by.end.min(range.end).saturating_sub(by.start.max(range.start))
                        >= 9 * (range.end - range.start)
                });
                if explained {
                    continue;
                }
                // One at a time gets through, however little memory there is.
                let working = budget.wait(Component::Seeds, bytes_aligned(stretch));
                let found = aligned(piece, stretch, &scorings);
                drop(working);
                let Some((unit, mut repeat)) = found else { continue };
                let alignment = &mut repeat.alignment;
                alignment.score -= free_score(unit);
                alignment.e_value = e_value(alignment.score, unit, bases);
                if alignment.e_value <= max_e_value {
                    let held = budget.reserve(Component::Alignments, repeat.bytes(), "tandem repeats")?;
                    repeats.push((repeat, held));
                }
            }
            Ok(repeats)
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    let (mut repeats, reservations): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    repeats.sort_unstable_by(|a: &TandemRepeat, b| {
        (a.alignment.place(), a.unit.len(), &a.unit).cmp(&(b.alignment.place(), b.unit.len(), &b.unit))
    });
    // The same array is met at its period and its multiples.
    repeats.dedup_by(|b, a| a.alignment.place() == b.alignment.place());
    let bytes = repeats.iter().map(TandemRepeat::bytes).sum();
    drop(reservations);
    let mut held = budget.hold(Component::Alignments);
    held.resize(bytes);
    Ok((repeats, held))
}

/// Runs of stretches, sorted by piece and start, that overlap.
fn groups(stretches: &[(usize, Stretch)]) -> Vec<&[(usize, Stretch)]> {
    let mut end = (0, 0);
    stretches
        .chunk_by(|(piece, stretch), (next_piece, next)| {
            end = if end.0 == *piece { (*piece, end.1.max(stretch.to)) } else { (*piece, stretch.to) };
            next_piece == piece && next.from < end.1
        })
        .collect()
}

/// What the bases of a unit bring to a score because they are free.
pub(crate) fn free_score(unit: usize) -> i32 {
    (SCORE_UNITS * 4f64.ln() * unit as f64).round() as i32
}

/// How many arrays of units of this length and at least this score chance is expected to give in so many bases.
pub(crate) fn e_value(score: i32, unit: usize, bases: u64) -> f64 {
    bases as f64 * unit as f64 * (-f64::from(score) / SCORE_UNITS).exp()
}

/// A run of words that come again at one distance.
#[derive(Clone, Copy, Default)]
struct Run {
    from: u32,
    /// End of the last word, and of the one with which the score was best.
    last: u32,
    end: u32,
    /// In fifths of a base.
    score: i32,
    best: i32,
}

/// Stretches of a piece worth an alignment.
fn stretches(piece: &Piece<'_>) -> Vec<Stretch> {
    let mut runs = vec![Run::default(); LONGEST_PERIOD + 1];
    // End of the last word of each kind, from 1.
    let mut seen = vec![0u32; 1 << (2 * WORD)];
    let mut found = Vec::new();
    let mut emit = |run: &Run, period: usize| {
        // Repeats that are apart come again once: a tandem repeat does so for about a unit, but for what gaps take from it.
        if run.best >= 5 * LEAST_RUN && 5 * (run.end - run.from) as usize >= 2 * period {
            let period = period as u32;
            found.push(Stretch { from: run.from.saturating_sub(period), to: run.end, period, score: run.best });
        }
    };
    let (mut codes, mut word, mut length) = (Vec::new(), 0usize, 0);
    for start in (0..piece.length()).step_by(CHUNK as usize) {
        piece.codes(start..piece.length().min(start.saturating_add(CHUNK)), &mut codes);
        for (end, &code) in (start + 1..).zip(&codes) {
            word = (word << 2 | usize::from(code & 3)) & (seen.len() - 1);
            length = if code == GAP_CODE { 0 } else { length + 1 };
            if length < WORD {
                continue;
            }
            let before = std::mem::replace(&mut seen[word], end);
            let period = (end - before) as usize;
            if before == 0 || period > LONGEST_PERIOD {
                continue;
            }
            let run = &mut runs[period];
            let gap = end - run.last;
            let lost = APART * (gap as i32 - WORD as i32).clamp(0, 1 << 20);
            if run.last == 0 || run.score < lost {
                emit(run, period);
                *run = Run { from: end - WORD as u32, last: end, end, score: 5 * WORD as i32, best: 5 * WORD as i32 };
                continue;
            }
            run.score += 5 * gap.min(WORD as u32) as i32 - lost;
            run.last = end;
            if run.score > run.best {
                (run.best, run.end) = (run.score, end);
            }
        }
    }
    runs.iter().enumerate().for_each(|(period, run)| emit(run, period));
    // What lies within another of the same period or a divisor adds nothing; long arrays are cut.
    found.sort_unstable_by_key(|s| (s.from, std::cmp::Reverse(s.to), s.period));
    let mut kept: Vec<Stretch> = Vec::new();
    for stretch in found {
        let near = kept.iter().rev().take(16);
        let covered =
            |k: &Stretch| stretch.to <= k.to && stretch.from >= k.from && stretch.period.is_multiple_of(k.period);
        if near.into_iter().any(covered) {
            continue;
        }
        kept.push(stretch);
    }
    kept.iter()
        .flat_map(|s| {
            // As much as fits the cells that are kept.
            let most = (CELLS as u32 / s.period - 2 * (BESIDE + s.period)).max(2 * s.period);
            let s = *s;
            (s.from..s.to).step_by(most as usize).map(move |from| Stretch { from, to: s.to.min(from + most), ..s })
        })
        .collect()
}

/// Bytes that an alignment of a stretch works with.
fn bytes_aligned(stretch: Stretch) -> u64 {
    let bases = u64::from(stretch.to - stretch.from) + 2 * u64::from(BESIDE + stretch.period);
    bases * (u64::from(stretch.period) + 2)
}

/// The best alignment of a stretch with repeated copies of a unit, and the length of the unit.
fn aligned(piece: &Piece<'_>, stretch: Stretch, scorings: &Scorings) -> Option<(usize, TandemRepeat)> {
    let beside = BESIDE + stretch.period;
    let first = stretch.from.saturating_sub(beside);
    let mut codes = Vec::new();
    piece.codes(first..piece.length().min(stretch.to.saturating_add(beside)), &mut codes);
    let middle = ((stretch.from + stretch.to).saturating_sub(stretch.period) / 2).saturating_sub(first) as usize;
    let mut unit = primitive(codes.get(middle..middle + stretch.period as usize)?).to_vec();
    if unit.contains(&GAP_CODE) {
        return None;
    }
    let mut path = wrap(&codes, &unit)?;
    for _ in 0..ROUNDS {
        let better = primitive(&consensus(&codes, &unit, &path)).to_vec();
        if better == unit {
            break;
        }
        unit = better;
        path = wrap(&codes, &unit)?;
    }
    if path.score < LEAST_SCORE || 10 * path.unit_bases() < LEAST_COPIES * unit.len() {
        return None;
    }
    let query: Vec<u8> = unit.iter().copied().cycle().skip(path.phase).take(path.unit_bases()).collect();
    let genome = &codes[path.start..path.end];
    let counts = Counts::of(&query, genome, &path.columns);
    let mut score = 0;
    walk(&query, genome, &path.columns, scorings.fitting(&counts), |_, _, gained| score += gained);
    let start = piece.range.start + u64::from(first);
    let smallest = (0..unit.len()).map(|i| letters(&[&unit[i..], &unit[..i]].concat()).collect::<Vec<u8>>()).min()?;
    let alignment = Alignment {
        query: 0,
        strand: Strand::Forward,
        query_range: 0..query.len() as u32,
        contig: piece.contig,
        range: start + path.start as u64..start + path.end as u64,
        score,
        e_value: 0.0,
        counts,
        operations: operations(&path.columns),
    };
    Some((unit.len(), TandemRepeat { unit: smallest, array: letters(&query).collect(), alignment }))
}

/// The shortest sequence that a unit is a row of.
fn primitive(unit: &[u8]) -> &[u8] {
    let divides = |d: usize| unit.len().is_multiple_of(d) && unit[d..].iter().zip(unit).all(|(a, b)| a == b);
    (1..=unit.len()).find(|&d| divides(d)).map_or(unit, |d| &unit[..d])
}

/// A local alignment with a row of units.
struct Wrapped {
    score: i32,
    start: usize,
    end: usize,
    /// Place in the unit of the first base.
    phase: usize,
    columns: Vec<Column>,
}

impl Wrapped {
    fn unit_bases(&self) -> usize {
        self.columns.iter().filter(|&&column| column != Column::Genome).count()
    }
}

// Where the score of a cell comes from.
const START: u8 = 0;
const PAIR: u8 = 1;
const OF_GENOME: u8 = 2;
const OF_UNIT: u8 = 3;

/// Rows of scores of an alignment with a unit, computed one base after another.
struct Rows {
    /// What each code scores against each place of the unit.
    pairs: [Vec<i32>; 5],
    scores: Vec<i32>,
    before: Vec<i32>,
}

impl Rows {
    fn new(unit: &[u8]) -> Self {
        let pairs = |code: u8| unit.iter().map(|&base| if base == code { MATCH } else { MISMATCH }).collect();
        let none = vec![0; unit.len()];
        Self { pairs: std::array::from_fn(|code| pairs(code as u8)), scores: none.clone(), before: none }
    }
}

/// Computes the row of a base and where its scores come from; gives the best of them.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn next_row(rows: &mut Rows, code: u8, trace: &mut [u8]) -> i32 {
    let Rows { pairs, scores, before } = rows;
    std::mem::swap(scores, before);
    let pairs = &pairs[usize::from(code.min(GAP_CODE))];
    let period = pairs.len();
    let cell = |diagonal: i32, above: i32, pair: i32| -> (i32, u8) {
        let (pair, gap) = (diagonal + pair, above + GAP);
        let score = pair.max(gap).max(0);
        let from = if score == pair { PAIR } else { OF_GENOME };
        (score, if score == 0 { START } else { from })
    };
    (scores[0], trace[0]) = cell(before[period - 1], before[0], pairs[0]);
    let diagonals = &before[..period - 1];
    let cells = scores[1..].iter_mut().zip(&mut trace[1..]).zip(diagonals).zip(&before[1..]).zip(&pairs[1..]);
    for ((((score, from), &diagonal), &above), &pair) in cells {
        (*score, *from) = cell(diagonal, above, pair);
    }
    // Gaps in the genome go on from the end of a unit to the beginning of the next. With gaps of up to 1, 3, 7 bases and so on looked at,
    // those twice as long are one step more; where a step changes nothing, longer ones do not either.
    let highest = scores.iter().fold(0, |a, &b| a.max(b));
    let mut shift = 1;
    while shift < period && highest + shift as i32 * GAP > 0 {
        let lost = shift as i32 * GAP;
        // The row above is not needed any more.
        let (wrapped, others) = before.split_at_mut(shift);
        let mut changed = false;
        let step = |(((new, old), earlier), from): (((&mut i32, &i32), &i32), &mut u8)| {
            let better = earlier + lost > *old;
            *new = if better { earlier + lost } else { *old };
            *from = if better { OF_UNIT } else { *from };
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

/// The best local alignment of codes with copies of a unit in a row.
fn wrap(codes: &[u8], unit: &[u8]) -> Option<Wrapped> {
    let period = unit.len();
    let mut rows = Rows::new(unit);
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
            OF_GENOME => columns.push(Column::Genome),
            OF_UNIT => {
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
    Some(Wrapped { score: best, start, end: cell.0 + 1, phase, columns })
}

/// What most copies have at each place of the unit; a place that most lack is left out, a base that most have beside it put in.
fn consensus(codes: &[u8], unit: &[u8], path: &Wrapped) -> Vec<u8> {
    // Bases and gaps at each place, and the first base between it and the place before.
    let mut votes = vec![[0u32; 5]; unit.len()];
    let mut between = vec![[0u32; 4]; unit.len()];
    let (mut i, mut j) = (path.start, path.phase);
    let mut last = Column::Pair;
    for &column in &path.columns {
        match column {
            Column::Pair => {
                votes[j][usize::from(codes[i].min(4))] += u32::from(codes[i] < GAP_CODE);
                (i, j) = (i + 1, (j + 1) % unit.len());
            }
            Column::Genome => {
                if last != Column::Genome && codes[i] < GAP_CODE {
                    between[j][usize::from(codes[i])] += 1;
                }
                i += 1;
            }
            Column::Query => {
                votes[j][4] += 1;
                j = (j + 1) % unit.len();
            }
        }
        last = column;
    }
    let mut chosen = Vec::with_capacity(unit.len() + 1);
    for ((votes, between), &own) in votes.iter().zip(&between).zip(unit) {
        let most = |votes: &[u32]| votes.iter().copied().max().unwrap_or(0);
        if 2 * between.iter().sum::<u32>() > votes.iter().sum() {
            chosen.extend((0..4).find(|&base| between[usize::from(base)] == most(between)));
        }
        // What is read there stays where there are as many of others.
        let first = (0..5).find(|&base| votes[usize::from(base)] == most(votes)).unwrap_or(own);
        let best = if votes[usize::from(own)] == most(votes) { own } else { first };
        if best < GAP_CODE {
            chosen.push(best);
        }
    }
    if chosen.is_empty() { unit.to_vec() } else { chosen }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<u8> {
        text.bytes().map(|c| crate::align::score::CODES[usize::from(c)]).collect()
    }

    #[test]
    fn a_unit_is_no_row_of_shorter_ones() {
        assert_eq!(primitive(&codes("ACACAC")), codes("AC"));
        assert_eq!(primitive(&codes("ACACA")), codes("ACACA"));
        assert_eq!(primitive(&codes("A")), codes("A"));
    }

    #[test]
    fn alignments_wrap_around() {
        // Two and a half copies with a base too many and one too few between random flanks.
        let genome = codes("TTGCATCCACGTTACCGAACGTTTACCGAACGTTACCGACGTTACCGAACGGTGCTGTG");
        let unit = codes("ACGTTACCGA");
        let path = wrap(&genome, &unit).expect("aligned");
        assert_eq!(path.columns.iter().filter(|c| **c == Column::Genome).count(), 1);
        assert_eq!(path.columns.iter().filter(|c| **c == Column::Query).count(), 1);
        let pairs = path.columns.len() - 2;
        assert_eq!(path.score, MATCH * pairs as i32 + 2 * GAP);
        assert_eq!(path.end - path.start, path.columns.len() - 1);
        // A wrong base of the unit is mended by the others.
        let wrong = codes("ACGTTAGCGA");
        let path = wrap(&genome, &wrong).expect("aligned");
        assert_eq!(consensus(&genome, &wrong, &path), unit);
        let short = codes("ACGTTCCGA");
        let path = wrap(&genome, &short).expect("aligned");
        assert_eq!(consensus(&genome, &short, &path), unit);
        assert!(wrap(&codes("AAAA"), &codes("C")).is_none());
    }

    #[test]
    fn all_cells_are_seen() {
        // Against a row of units long enough that nothing need wrap, cell by cell.
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
            let row: Vec<u8> = unit.iter().copied().cycle().take(period * 80).collect();
            let (mut last, mut best) = (vec![0; row.len() + 1], 0);
            for &code in &genome {
                let mut this = vec![0; row.len() + 1];
                for j in 0..row.len() {
                    let pair = last[j] + if row[j] == code { MATCH } else { MISMATCH };
                    this[j + 1] = pair.max(last[j + 1] + GAP).max(this[j] + GAP).max(0);
                    best = best.max(this[j + 1]);
                }
                last = this;
            }
            let path = wrap(&genome, &unit);
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
