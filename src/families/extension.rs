//! The extension kernel, which all steps that lengthen a consensus share: it grows a consensus base by base over all
//! copies at once, as RepeatScout (Price, Jones and Pevzner 2005) and REPrise (Takeda and others 2024) do.
//!
//! Sixteen copies are the lanes of a group. A row of the dynamic program is one base of the consensus; its cells are
//! the bases of each copy within the band. Every [`BLOCK`] rows the band of each copy is recentred on its best cell, so
//! that insertions and deletions may add up to more than its width.

use std::ops::Range;

use crate::families::bases::{Bases, UNKNOWN};
use crate::families::parameters::{MAX_BAND, MAX_QUIET_ROWS, Scores};

/// Copies in a group: 16-bit numbers in a vector of 256 bits.
pub(crate) const LANES: usize = 16;
/// Rows after which bands are recentred and bases read ahead.
const BLOCK: usize = 16;
/// Cells of the widest band.
const MAX_CELLS: usize = 2 * MAX_BAND + 1;
/// Diagonals by which the best cell may be off the middle before a band is recentred.
const MAX_OFF_CENTRE: i32 = 1;
/// Score of a cell that no path reaches. Within a block scores sink from it without reaching the minimum of their type.
const UNREACHABLE: i16 = -16_000;
/// A lane with a best score above this has all its scores reduced by it, so that 16 bits suffice for any length.
const REBASE_ABOVE: i16 = 8_000;
/// Code of a base that nothing matches: beyond the contig, unknown, or used by another family.
const NO_BASE: i16 = -1;
/// Code of a consensus beyond its end; it does not equal [`NO_BASE`].
const NO_CONSENSUS: i16 = -2;

/// A sequence that copies are read from.
pub(crate) trait BaseSource: Sync {
    /// Appends the codes of a range within the limits of a cursor: 0 to 3, or more for a base that nothing matches.
    fn read(&self, range: Range<u64>, out: &mut Vec<u8>);
}

impl BaseSource for Bases<'_> {
    fn read(&self, range: Range<u64>, out: &mut Vec<u8>) {
        Self::read(self, range, out);
    }
}

/// One number for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(32))]
struct Lanes([i16; LANES]);

impl Lanes {
    const fn all(value: i16) -> Self {
        Self([value; LANES])
    }
}

/// Where and in which direction the bases of a copy are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Position in the genome of the first base, all contigs end to end, 0-based.
    pub(crate) start: u64,
    /// Whether it moves towards lower positions.
    pub(crate) down: bool,
    /// Whether bases are complemented.
    pub(crate) complement: bool,
    /// Positions that may be read: the lowest, and the one after the highest.
    pub(crate) limits: (u64, u64),
}

impl Cursor {
    /// Calls `each` with the number and the code of every base of the copy from `offset` on, and before `offset +
    /// count`, that exists and can match.
    #[inline(always)]
    fn for_each_base(
        &self,
        source: &impl BaseSource,
        offset: i64,
        count: usize,
        codes: &mut Vec<u8>,
        mut each: impl FnMut(usize, i16),
    ) {
        let position = |offset: i64| if self.down { self.start as i64 - offset } else { self.start as i64 + offset };
        let ends = [position(offset), position(offset + count as i64 - 1)];
        let from = ends[0].min(ends[1]).max(self.limits.0 as i64);
        let to = ends[0].max(ends[1]).min(self.limits.1 as i64 - 1);
        if from > to {
            return;
        }
        codes.clear();
        source.read(from as u64..to as u64 + 1, codes);
        let turn = if self.complement { 2 } else { 0 };
        for (at, &code) in (from..).zip(codes.iter()) {
            if code < UNKNOWN {
                each((at - ends[0]).unsigned_abs() as usize, i16::from(code ^ turn));
            }
        }
    }
}

/// How far a copy aligns to a consensus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CopyExtent {
    /// Score of the best path from the start.
    pub(crate) score: i32,
    /// Bases of the consensus on that path.
    pub(crate) consensus: u32,
    /// Bases of the copy on that path.
    pub(crate) copy: u32,
}

impl CopyExtent {
    /// Bases of the longer side.
    pub(crate) fn bases(&self) -> u32 {
        self.consensus.max(self.copy)
    }
}

/// One row of the band of 16 copies.
#[derive(Clone)]
struct BandRow {
    /// Best scores of paths that end in each cell.
    h: [Lanes; MAX_CELLS],
    /// Best scores of paths that end in each cell with a gap in the copy.
    f: [Lanes; MAX_CELLS],
}

/// Sixteen copies in the dynamic program.
struct Group {
    cursors: [Option<Cursor>; LANES],
    /// In boxes, so that the two rows change places at no cost.
    row: Box<BandRow>,
    next: Box<BandRow>,
    /// Bases of the copies: cell j of row r of the block reads `bases[r + j]`.
    bases: [Lanes; BLOCK + MAX_CELLS],
    /// Diagonals by which each band has moved.
    shift: [i32; LANES],
    best: Lanes,
    /// Row of the best score within the block, counted from 1, or 0.
    best_row: Lanes,
    /// Cell of the best score within the block.
    best_cell: Lanes,
    /// By how much the scores of a lane were reduced ([`REBASE_ABOVE`]).
    score_offset: [i32; LANES],
    extent: [CopyExtent; LANES],
}

/// Scores in the type of the lanes.
#[derive(Clone, Copy)]
struct Kernel {
    matching: i16,
    mismatch: i16,
    gap_open: i16,
    gap_extend: i16,
    cap: i16,
    cells: usize,
}

/// Computes one row of a group from the one before. Returns the best score of each lane, and its cell.
#[inline(always)]
fn fill_row(kernel: Kernel, consensus: &Lanes, bases: &[Lanes], from: &BandRow, to: &mut BandRow) -> (Lanes, Lanes) {
    let cells = kernel.cells;
    let (mut left, mut e) = (Lanes::all(UNREACHABLE), Lanes::all(UNREACHABLE));
    let (mut best, mut cell) = (Lanes::all(UNREACHABLE), Lanes::all(0));
    for (j, Lanes(b)) in bases[..cells].iter().enumerate() {
        let h = &from.h[j].0;
        let (above_h, above_f) = if j + 1 < cells {
            (&from.h[j + 1].0, &from.f[j + 1].0)
        } else {
            (&[UNREACHABLE; LANES], &[UNREACHABLE; LANES])
        };
        for l in 0..LANES {
            let step = if b[l] == consensus.0[l] { kernel.matching } else { kernel.mismatch };
            let diagonal = h[l].saturating_add(step);
            let f = above_h[l].saturating_add(kernel.gap_open).max(above_f[l].saturating_add(kernel.gap_extend));
            e.0[l] = left.0[l].saturating_add(kernel.gap_open).max(e.0[l].saturating_add(kernel.gap_extend));
            let value = diagonal.max(f).max(e.0[l]);
            to.f[j].0[l] = f;
            to.h[j].0[l] = value;
            left.0[l] = value;
            cell.0[l] = if value > best.0[l] { j as i16 } else { cell.0[l] };
            best.0[l] = best.0[l].max(value);
        }
    }
    (best, cell)
}

/// The sum of the scores of all lanes, capped, for each base as the next one of the consensus.
#[inline(always)]
fn score_bases(kernel: Kernel, bases: &[Lanes], from: &BandRow, best: &Lanes) -> [i32; 4] {
    let cells = kernel.cells;
    let mut left = [Lanes::all(UNREACHABLE); 4];
    let mut e = [Lanes::all(UNREACHABLE); 4];
    let mut tops = [Lanes::all(UNREACHABLE); 4];
    for (j, Lanes(b)) in bases[..cells].iter().enumerate() {
        let h = &from.h[j].0;
        let (above_h, above_f) = if j + 1 < cells {
            (&from.h[j + 1].0, &from.f[j + 1].0)
        } else {
            (&[UNREACHABLE; LANES], &[UNREACHABLE; LANES])
        };
        let (mut f, mut same, mut other) = (Lanes::all(0), Lanes::all(0), Lanes::all(0));
        for l in 0..LANES {
            f.0[l] = above_h[l].saturating_add(kernel.gap_open).max(above_f[l].saturating_add(kernel.gap_extend));
            same.0[l] = h[l].saturating_add(kernel.matching).max(f.0[l]);
            other.0[l] = h[l].saturating_add(kernel.mismatch).max(f.0[l]);
        }
        for c in 0..4 {
            let (left, e, top) = (&mut left[c].0, &mut e[c].0, &mut tops[c].0);
            for l in 0..LANES {
                let along = if b[l] == c as i16 { same.0[l] } else { other.0[l] };
                e[l] = left[l].saturating_add(kernel.gap_open).max(e[l].saturating_add(kernel.gap_extend));
                left[l] = along.max(e[l]);
                top[l] = top[l].max(left[l]);
            }
        }
    }
    let mut sums = [0; 4];
    for (sum, top) in sums.iter_mut().zip(&tops) {
        for l in 0..LANES {
            *sum += i32::from(top.0[l].max(best.0[l].saturating_sub(kernel.cap)).max(0));
        }
    }
    sums
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn score_group(kernel: Kernel, group: &Group, at: usize) -> [i32; 4] {
    score_bases(kernel, &group.bases[at..], &group.row, &group.best)
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn advance_group(kernel: Kernel, group: &mut Group, consensus: &Lanes, at: usize) {
    let (top, cell) = fill_row(kernel, consensus, &group.bases[at..], &group.row, &mut group.next);
    for l in 0..LANES {
        let better = top.0[l] > group.best.0[l];
        group.best.0[l] = if better { top.0[l] } else { group.best.0[l] };
        group.best_row.0[l] = if better { at as i16 + 1 } else { group.best_row.0[l] };
        group.best_cell.0[l] = if better { cell.0[l] } else { group.best_cell.0[l] };
    }
    std::mem::swap(&mut group.row, &mut group.next);
}

/// The best cell of each lane of a row, of equals the nearest to the middle, and its score.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn best_cells(row: &BandRow, band: i16) -> (Lanes, Lanes) {
    let (mut at, mut best) = (Lanes::all(band), row.h[band as usize]);
    for off in 1..=band {
        for cell in [band + off, band - off] {
            let scores = &row.h[cell as usize];
            for l in 0..LANES {
                let better = scores.0[l] > best.0[l];
                best.0[l] = if better { scores.0[l] } else { best.0[l] };
                at.0[l] = if better { cell } else { at.0[l] };
            }
        }
    }
    (at, best)
}

impl Group {
    fn new(cursors: &[Cursor], scores: &Scores) -> Self {
        let band = scores.band as i32;
        let empty = BandRow { h: [Lanes::all(UNREACHABLE); MAX_CELLS], f: [Lanes::all(UNREACHABLE); MAX_CELLS] };
        let mut first = empty.clone();
        for j in 0..2 * scores.band + 1 {
            // The start of a copy is known to within a few bases only: each diagonal off the middle costs one.
            let off = (j as i32 - band).unsigned_abs() as i16;
            first.h[j] = Lanes::all(-off);
        }
        let mut group = Self {
            cursors: [None; LANES],
            row: Box::new(first),
            next: Box::new(empty),
            bases: [Lanes::all(NO_BASE); BLOCK + MAX_CELLS],
            shift: [0; LANES],
            best: Lanes::all(0),
            best_row: Lanes::all(0),
            best_cell: Lanes::all(0),
            score_offset: [0; LANES],
            extent: [CopyExtent::default(); LANES],
        };
        for (to, from) in group.cursors.iter_mut().zip(cursors) {
            *to = Some(*from);
        }
        for l in cursors.len()..LANES {
            for cell in &mut group.row.h {
                cell.0[l] = UNREACHABLE;
            }
        }
        group
    }

    /// Prepares the block of rows from `first` on: records the best of the last block, recentres bands, reads bases.
    fn begin_block(&mut self, scores: &Scores, source: &impl BaseSource, first: usize, codes: &mut Vec<u8>) {
        let cells = 2 * scores.band + 1;
        let band = scores.band as i32;
        let (best_cells, best_scores) = best_cells(&self.row, band as i16);
        for l in 0..LANES {
            let Some(cursor) = self.cursors[l] else { continue };
            self.record_best(l, first, band);
            self.recentre_band(l, band, (best_cells.0[l], best_scores.0[l]));
            self.limit_scores(l, cells);
            let offset = first as i64 + i64::from(self.shift[l] - band);
            let bases = &mut self.bases[..BLOCK + cells - 1];
            bases.iter_mut().for_each(|bases| bases.0[l] = NO_BASE);
            let count = bases.len();
            cursor.for_each_base(source, offset, count, codes, |i, code| bases[i].0[l] = code);
        }
    }

    /// Moves the band of a lane so that its best cell, with this score, is in the middle.
    fn recentre_band(&mut self, l: usize, band: i32, (at, score): (i16, i16)) {
        let cells = (2 * band + 1) as usize;
        let off = i32::from(at) - band;
        // Scores that sank from UNREACHABLE are far below its half, those of a path far above.
        if off.abs() <= MAX_OFF_CENTRE || score <= UNREACHABLE / 2 {
            return;
        }
        for rows in [&mut self.row.h, &mut self.row.f] {
            for step in 0..cells {
                let j = if off > 0 { step } else { cells - 1 - step };
                let from = j as i32 + off;
                rows[j].0[l] = if (0..cells as i32).contains(&from) { rows[from as usize].0[l] } else { UNREACHABLE };
            }
        }
        self.shift[l] += off;
    }

    /// Keeps the scores of a lane between [`UNREACHABLE`] and the largest number of 16 bits.
    fn limit_scores(&mut self, l: usize, cells: usize) {
        let reduced_by = if self.best.0[l] > REBASE_ABOVE { REBASE_ABOVE } else { 0 };
        for cell in self.row.h[..cells].iter_mut().chain(&mut self.row.f[..cells]) {
            cell.0[l] = cell.0[l].saturating_sub(reduced_by).max(UNREACHABLE);
        }
        self.best.0[l] -= reduced_by;
        self.score_offset[l] += i32::from(reduced_by);
    }

    /// Records the best score of a lane in the block that ends before row `first`.
    fn record_best(&mut self, l: usize, first: usize, band: i32) {
        let in_block = i32::from(self.best_row.0[l]);
        if in_block > 0 {
            let rows = first as i32 - BLOCK as i32 + in_block;
            let copy = rows + self.shift[l] + i32::from(self.best_cell.0[l]) - band;
            self.extent[l] = CopyExtent {
                score: self.score_offset[l] + i32::from(self.best.0[l]),
                consensus: rows as u32,
                copy: copy.max(0) as u32,
            };
            self.best_row.0[l] = 0;
        }
    }

    /// Copies that reached a new best score within the last [`MAX_QUIET_ROWS`] rows.
    fn active_copies(&self, rows: usize) -> usize {
        let lanes = self.cursors.iter().zip(&self.extent);
        lanes.filter(|(cursor, extent)| cursor.is_some() && extent.consensus as usize + MAX_QUIET_ROWS >= rows).count()
    }

    /// Sum of the score offsets of all lanes.
    fn total_offset(&self) -> i64 {
        self.score_offset.iter().map(|&offset| i64::from(offset)).sum()
    }

    /// Best score of each lane in the current row.
    fn row_best(&self, cells: usize) -> Lanes {
        self.row.h[..cells].iter().fold(Lanes::all(UNREACHABLE), |mut best, cell| {
            best.0.iter_mut().zip(cell.0).for_each(|(best, value)| *best = value.max(*best));
            best
        })
    }

    /// Takes a lane out of the dynamic program.
    fn end_lane(&mut self, l: usize) {
        self.row.h.iter_mut().chain(&mut self.row.f).for_each(|cell| cell.0[l] = UNREACHABLE);
    }
}

fn kernel_of(scores: &Scores) -> Kernel {
    Kernel {
        matching: scores.matching,
        mismatch: scores.mismatch,
        gap_open: scores.gap_open,
        gap_extend: scores.gap_extend,
        cap: scores.cap_penalty,
        cells: 2 * scores.band.min(MAX_BAND) + 1,
    }
}

/// Grows a consensus along the cursors of all copies: each row takes the base with the highest total score. It is cut
/// to the length at which the total, less `min_improvement` for each base, was best. Growth stops if fewer than
/// `min_active` copies are active. Returns the consensus and the extent of each copy.
pub(crate) fn extend(
    source: &impl BaseSource,
    cursors: &[Cursor],
    scores: &Scores,
    min_active: usize,
) -> (Vec<u8>, Vec<CopyExtent>) {
    let scores = &scores.of_growth();
    let kernel = kernel_of(scores);
    let mut groups: Vec<Group> = cursors.chunks(LANES).map(|cursors| Group::new(cursors, scores)).collect();
    let (mut consensus, mut codes) = (Vec::new(), Vec::new());
    let (mut best, mut best_length) = (0i64, 0);
    while consensus.len() < scores.max_extend {
        let at = consensus.len() % BLOCK;
        if at == 0 {
            groups.iter_mut().for_each(|group| group.begin_block(scores, source, consensus.len(), &mut codes));
            if groups.iter().map(|group| group.active_copies(consensus.len())).sum::<usize>() < min_active {
                break;
            }
        }
        let mut sums = [0i64; 4];
        for group in &groups {
            let offset = group.total_offset();
            for (sum, part) in sums.iter_mut().zip(score_group(kernel, group, at)) {
                *sum += i64::from(part) + offset;
            }
        }
        let (mut chosen, mut total) = (0, i64::MIN);
        for (base, &sum) in sums.iter().enumerate() {
            if sum > total {
                (chosen, total) = (base, sum);
            }
        }
        let base = Lanes::all(chosen as i16);
        groups.iter_mut().for_each(|group| advance_group(kernel, group, &base, at));
        consensus.push(chosen as u8);
        let improvement = total - i64::from(scores.min_improvement) * consensus.len() as i64;
        if improvement > best {
            (best, best_length) = (improvement, consensus.len());
        } else if consensus.len() - best_length >= scores.stop_after {
            break;
        }
    }
    let end = consensus.len().next_multiple_of(BLOCK);
    let mut extents = Vec::with_capacity(cursors.len());
    for group in &mut groups {
        for l in 0..LANES {
            if group.cursors[l].is_some() {
                group.record_best(l, end, scores.band as i32);
                extents.push(group.extent[l]);
            }
        }
    }
    consensus.truncate(best_length);
    (consensus, extents)
}

/// A copy, and the part of a consensus to which it is aligned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyCursor {
    pub(crate) cursor: Cursor,
    /// The boundary between two bases of the consensus at which the alignment begins, 0-based.
    pub(crate) from: usize,
    /// Whether the consensus is read backward from there.
    pub(crate) down: bool,
}

impl CopyCursor {
    /// Base `offset` of the consensus as this copy reads it; [`NO_CONSENSUS`] beyond its end.
    fn consensus_base(&self, consensus: &[u8], offset: usize) -> i16 {
        let at = if self.down { self.from.checked_sub(offset + 1) } else { Some(self.from + offset) };
        at.and_then(|at| consensus.get(at)).map_or(NO_CONSENSUS, |&code| i16::from(code))
    }

    /// Bases of the consensus that this copy can align to.
    fn consensus_length(&self, consensus: &[u8]) -> usize {
        if self.down { self.from } else { consensus.len() - self.from }
    }
}

/// How far each copy aligns to the consensus: the best path from its start. A copy ends once it is `drop` below its
/// best score.
pub(crate) fn follow(
    source: &impl BaseSource,
    consensus: &[u8],
    copies: &[CopyCursor],
    scores: &Scores,
    drop: i16,
) -> Vec<CopyExtent> {
    let kernel = kernel_of(scores);
    let (mut extents, mut codes) = (Vec::with_capacity(copies.len()), Vec::new());
    for copies in copies.chunks(LANES) {
        let cursors: Vec<Cursor> = copies.iter().map(|copy| copy.cursor).collect();
        let mut group = Group::new(&cursors, scores);
        let mut length = 0;
        loop {
            group.begin_block(scores, source, length, &mut codes);
            let row_best = group.row_best(kernel.cells);
            let mut any_active = false;
            for (l, copy) in copies.iter().enumerate() {
                let at_end = length >= copy.consensus_length(consensus);
                if at_end || row_best.0[l] < group.best.0[l].saturating_sub(drop) {
                    group.end_lane(l);
                } else {
                    any_active = true;
                }
            }
            if !any_active {
                break;
            }
            for at in 0..BLOCK {
                let mut bases = Lanes::all(NO_CONSENSUS);
                for (base, copy) in bases.0.iter_mut().zip(copies) {
                    *base = copy.consensus_base(consensus, length + at);
                }
                advance_group(kernel, &mut group, &bases, at);
            }
            length += BLOCK;
        }
        for l in 0..copies.len() {
            group.record_best(l, length, scores.band as i32);
            extents.push(group.extent[l]);
        }
    }
    extents
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    impl BaseSource for Vec<u8> {
        fn read(&self, range: Range<u64>, out: &mut Vec<u8>) {
            out.extend_from_slice(&self[range.start as usize..range.end as usize]);
        }
    }

    /// Base `offset` of a copy; [`NO_BASE`] if there is none.
    fn base(cursor: &Cursor, codes: &Vec<u8>, offset: i64) -> i16 {
        let mut found = NO_BASE;
        cursor.for_each_base(codes, offset, 1, &mut Vec::new(), |_, code| found = code);
        found
    }

    fn scores(band: usize) -> Scores {
        Scores {
            matching: 1,
            mismatch: -1,
            gap_open: -3,
            gap_extend: -1,
            cap_penalty: 20,
            band,
            stop_after: 40,
            max_extend: 1000,
            min_improvement: 1,
            is_skewed: false,
        }
    }

    /// Copies of a family with substitutions and gaps between random bases, one strand or the other; and the cursors
    /// into them.
    fn family(random: &mut Random, length: usize, copies: usize, per_cent: usize) -> (Vec<u8>, Vec<u8>, Vec<Cursor>) {
        let consensus: Vec<u8> = (0..length).map(|_| random.below(4) as u8).collect();
        let (mut genome, mut cursors) = (Vec::new(), Vec::new());
        for copy in 0..copies {
            genome.extend((0..50 + random.below(100)).map(|_| random.below(4) as u8));
            let mut bases = Vec::new();
            for &base in &consensus[..length - random.below(length / 2)] {
                match random.below(1000) {
                    n if n < 8 * per_cent => bases.push(random.below(4) as u8),
                    n if n < 9 * per_cent => bases.extend((0..1 + random.below(6)).map(|_| random.below(4) as u8)),
                    n if n < 10 * per_cent => {}
                    _ => bases.push(base),
                }
            }
            let complement = copy % 2 == 1;
            if complement {
                bases = bases.iter().rev().map(|base| base ^ 2).collect();
            }
            let (start, end) = (genome.len() as u64, (genome.len() + bases.len()) as u64);
            genome.extend(bases);
            let start = if complement { end - 1 } else { start };
            cursors.push(Cursor { start, down: complement, complement, limits: (0, 0) });
        }
        genome.extend((0..200).map(|_| random.below(4) as u8));
        let hidden = random.below(genome.len());
        genome[hidden] = UNKNOWN;
        cursors.iter_mut().for_each(|cursor| cursor.limits = (0, genome.len() as u64));
        (consensus, genome, cursors)
    }

    /// The dynamic program of one copy in plain numbers.
    struct Plain {
        cursor: Cursor,
        h: Vec<i32>,
        f: Vec<i32>,
        shift: i64,
        best: i32,
        extent: CopyExtent,
    }

    const LOW: i32 = -1_000_000;

    impl Plain {
        fn new(cursor: Cursor, scores: &Scores) -> Self {
            let band = scores.band as i32;
            let h = (-band..=band).map(|off| -off.abs()).collect();
            let f = vec![LOW; 2 * scores.band + 1];
            Self { cursor, h, f, shift: 0, best: 0, extent: CopyExtent::default() }
        }

        fn centre(&mut self, scores: &Scores) {
            let (cells, band) = (self.h.len() as i64, scores.band as i64);
            let at =
                (0..cells).max_by_key(|&j| (self.h[j as usize], std::cmp::Reverse((j - band).abs()))).expect("cells");
            if (at - band).abs() > 1 {
                let moved = |row: &[i32]| -> Vec<i32> {
                    (0..cells)
                        .map(|j| usize::try_from(j + at - band).ok().and_then(|j| row.get(j)).copied().unwrap_or(LOW))
                        .collect()
                };
                (self.h, self.f) = (moved(&self.h), moved(&self.f));
                self.shift += at - band;
            }
        }

        fn next(&self, codes: &Vec<u8>, wanted: i16, row: i64, scores: &Scores) -> (Vec<i32>, Vec<i32>) {
            let (open, extend) = (i32::from(scores.gap_open), i32::from(scores.gap_extend));
            let cells = self.h.len();
            let (mut h, mut f) = (vec![LOW; cells], vec![LOW; cells]);
            let mut e = LOW;
            for j in 0..cells {
                let theirs = base(&self.cursor, codes, row + self.shift + j as i64 - scores.band as i64);
                let step = if theirs == wanted { scores.matching } else { scores.mismatch };
                if j + 1 < cells {
                    f[j] = (self.h[j + 1] + open).max(self.f[j + 1] + extend);
                }
                if j > 0 {
                    e = (h[j - 1] + open).max(e + extend);
                }
                h[j] = (self.h[j] + i32::from(step)).max(f[j]).max(e);
            }
            (h, f)
        }

        fn take(&mut self, codes: &Vec<u8>, base: i16, row: i64, scores: &Scores) {
            (self.h, self.f) = self.next(codes, base, row, scores);
            let top = *self.h.iter().max().expect("cells");
            if top > self.best {
                let cell = self.h.iter().position(|&h| h == top).expect("it is there") as i64;
                self.best = top;
                let copy = row + 1 + self.shift + cell - scores.band as i64;
                self.extent = CopyExtent { score: top, consensus: row as u32 + 1, copy: copy.max(0) as u32 };
            }
        }
    }

    fn plain_extend(codes: &Vec<u8>, cursors: &[Cursor], scores: &Scores) -> (Vec<u8>, Vec<CopyExtent>) {
        let mut copies: Vec<Plain> = cursors.iter().map(|&cursor| Plain::new(cursor, scores)).collect();
        let (mut consensus, mut best, mut best_length) = (Vec::new(), 0, 0);
        while consensus.len() < scores.max_extend {
            let row = consensus.len() as i64;
            if consensus.len() % BLOCK == 0 {
                copies.iter_mut().for_each(|copy| copy.centre(scores));
            }
            let total = |base: i16| -> i64 {
                let of = |copy: &Plain| {
                    let top = *copy.next(codes, base, row, scores).0.iter().max().expect("cells");
                    i64::from(top.max(copy.best - i32::from(scores.cap_penalty)).max(0))
                };
                copies.iter().map(of).sum()
            };
            let base = (0..4).rev().max_by_key(|&base| total(base)).expect("four");
            let worth = total(base) - i64::from(scores.min_improvement) * (row + 1);
            copies.iter_mut().for_each(|copy| copy.take(codes, base, row, scores));
            consensus.push(base as u8);
            if worth > best {
                (best, best_length) = (worth, consensus.len());
            } else if consensus.len() - best_length >= scores.stop_after {
                break;
            }
        }
        consensus.truncate(best_length);
        (consensus, copies.iter().map(|copy| copy.extent).collect())
    }

    #[test]
    fn extension_is_that_of_a_plain_implementation() {
        let mut random = Random::new(5);
        for (round, (copies, per_cent)) in
            [(1, 0), (3, 10), (5, 25), (16, 15), (17, 20), (40, 30), (33, 5)].into_iter().enumerate()
        {
            for band in [1, 5, 16, MAX_BAND] {
                let (truth, genome, cursors) = family(&mut random, 400, copies, per_cent);
                let scores = scores(band);
                let found = extend(&genome, &cursors, &scores, 0);
                assert_eq!(found, plain_extend(&genome, &cursors, &scores), "round {round}, band {band}");
                if band == 16 && copies >= 16 && per_cent <= 20 {
                    // Copies end anywhere between 200 and 400 bases: at 250 three quarters of them still continue.
                    assert!(found.0.len() >= 250, "{} of {} bases", found.0.len(), truth.len());
                }
            }
        }
    }

    #[test]
    fn long_extensions_stay_exact_past_what_16_bits_hold() {
        let mut random = Random::new(6);
        let (truth, genome, cursors) = family(&mut random, 40_000, 2, 0);
        let scores = Scores { max_extend: 60_000, ..scores(5) };
        let (consensus, extents) = extend(&genome, &cursors, &scores, 0);
        assert!(consensus.len() >= 20_000 && consensus[..20_000] == truth[..20_000]);
        assert!(extents.iter().all(|extent| extent.score >= 20_000 - 10 && extent.score <= 40_010), "{extents:?}");
    }

    #[test]
    fn both_instruction_sets_return_the_same() {
        let mut random = Random::new(7);
        let (_, genome, cursors) = family(&mut random, 100, 16, 20);
        let scores = scores(9);
        let kernel = kernel_of(&scores);
        let mut group = Group::new(&cursors, &scores);
        for row in 0..80 {
            if row % BLOCK == 0 {
                group.begin_block(&scores, &genome, row, &mut Vec::new());
            }
            let at = row % BLOCK;
            let portable = score_bases(kernel, &group.bases[at..], &group.row, &group.best);
            assert_eq!(score_group(kernel, &group, at), portable);
            advance_group(kernel, &mut group, &Lanes::all(random.below(4) as i16), at);
        }
    }

    #[test]
    fn a_copy_follows_its_consensus_both_ways_and_no_other() {
        let mut random = Random::new(8);
        let (truth, genome, cursors) = family(&mut random, 500, 20, 10);
        let stranger: Vec<u8> = (0..500).map(|_| random.below(4) as u8).collect();
        let scores = scores(12);
        let forward: Vec<CopyCursor> =
            cursors.iter().map(|&cursor| CopyCursor { cursor, from: 0, down: false }).collect();
        let own = follow(&genome, &truth, &forward, &scores, 20);
        let others = follow(&genome, &stranger, &forward, &scores, 20);
        let backward: Vec<u8> = truth.iter().rev().copied().collect();
        let down: Vec<CopyCursor> =
            cursors.iter().map(|&cursor| CopyCursor { cursor, from: 500, down: true }).collect();
        assert_eq!(follow(&genome, &backward, &down, &scores, 20), own);
        assert!(own.iter().filter(|extent| extent.score > 100 && extent.consensus >= 240).count() >= 18, "{own:?}");
        assert!(others.iter().all(|extent| extent.score < 30), "{others:?}");
    }
}
