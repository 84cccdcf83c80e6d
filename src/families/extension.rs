//! The extension kernel: a consensus grown base by base over all copies at once, in the way of RepeatScout (Price,
//! Jones and Pevzner 2005) and REPrise (Takeda and others 2024).
//!
//! Sixteen copies are the lanes of a group. A row of the dynamic program is one base of the consensus; its cells are the
//! bases of each copy within the band. The band of each copy is moved after its best cell every [`BLOCK`] rows, so that
//! insertions and deletions may add up to more than its width.

use crate::families::bases::{TAKEN, UNKNOWN};

/// Copies in a group.
pub(crate) const LANES: usize = 16;
/// Rows between two looks at where the bands lie.
const BLOCK: usize = 16;
/// Rows without a better score after which a copy has ended.
const QUIET: usize = 160;
/// Widest half of a band.
pub(crate) const MOST_BAND: usize = 24;
const MOST_CELLS: usize = 2 * MOST_BAND + 1;
/// No path leads there. Scores sink from it without reaching the least of their type.
const NONE: i16 = -16_000;
/// Lanes keep their scores below this by moving them down together.
const HIGH: i16 = 8_000;
/// A base of a copy that nothing matches, and one of a consensus that has ended.
const NO_BASE: i16 = -1;
const NO_CONSENSUS: i16 = -2;

/// One number a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(32))]
struct Lanes([i16; LANES]);

impl Lanes {
    const fn all(value: i16) -> Self {
        Self([value; LANES])
    }
}

/// Scores of the alignment and when an extension ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// Of two bases that are the same.
    pub matching: i16,
    /// Of two that are not.
    pub mismatch: i16,
    /// Of the first base of a gap.
    pub gap_open: i16,
    /// Of each further base of a gap.
    pub gap_extend: i16,
    /// A copy that ends early counts this much below its best.
    pub cap_penalty: i16,
    /// Half of the width of the band.
    pub band: usize,
    /// Bases without a better total after which an extension ends.
    pub stop_after: usize,
    /// Most bases of an extension.
    pub max_extend: usize,
    /// What each base of the consensus must add to the total.
    pub min_improvement: i32,
}

/// Where a copy is read from, outward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    /// Position in the genome of the first base.
    pub(crate) start: u64,
    /// Towards lower positions.
    pub(crate) down: bool,
    /// Bases are complemented.
    pub(crate) complement: bool,
    /// Lowest position that may be read, and the one after the highest.
    pub(crate) limits: (u64, u64),
}

impl Way {
    /// Base `offset` along the way; `NO_BASE` where there is none.
    #[inline(always)]
    fn base(&self, codes: &[u8], offset: i64) -> i16 {
        let at = if self.down { self.start as i64 - offset } else { self.start as i64 + offset };
        if at < self.limits.0 as i64 || at >= self.limits.1 as i64 {
            return NO_BASE;
        }
        let code = codes[at as usize];
        if code & (UNKNOWN | TAKEN) != 0 {
            return NO_BASE;
        }
        i16::from((code & 3) ^ if self.complement { 2 } else { 0 })
    }
}

/// How far a copy follows a consensus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reach {
    /// Best score of a path that begins at the start.
    pub(crate) score: i32,
    /// Bases of the consensus on it.
    pub(crate) consensus: u32,
    /// Bases of the copy on it.
    pub(crate) copy: u32,
}

impl Reach {
    /// Bases of the longer side.
    pub(crate) fn bases(&self) -> u32 {
        self.consensus.max(self.copy)
    }
}

/// Cells of one row, of 16 copies.
#[derive(Clone)]
struct Row {
    h: [Lanes; MOST_CELLS],
    f: [Lanes; MOST_CELLS],
}

struct Group {
    ways: [Option<Way>; LANES],
    row: Row,
    next: Row,
    /// Bases of the copies: cell j of row r of the block reads `bases[r + j]`.
    bases: [Lanes; BLOCK + MOST_CELLS],
    /// How far each band has moved.
    shift: [i32; LANES],
    best: Lanes,
    /// Row of the best score within the block, counted from 1, or 0; and its cell.
    best_row: Lanes,
    best_cell: Lanes,
    /// What the scores of a lane were moved down by.
    base: [i32; LANES],
    reach: [Reach; LANES],
}

/// Scores as lanes.
#[derive(Clone, Copy)]
struct Kernel {
    matching: i16,
    mismatch: i16,
    gap_open: i16,
    gap_extend: i16,
    cap: i16,
    cells: usize,
}

/// One row of one group: `h` and `f` of the row before to those of this one; gives the best of each lane.
#[inline(always)]
fn row(kernel: Kernel, consensus: &Lanes, bases: &[Lanes], from: &Row, to: &mut Row) -> (Lanes, Lanes) {
    let cells = kernel.cells;
    let (mut left, mut e) = (Lanes::all(NONE), Lanes::all(NONE));
    let (mut best, mut cell) = (Lanes::all(NONE), Lanes::all(0));
    for (j, Lanes(b)) in bases[..cells].iter().enumerate() {
        let h = &from.h[j].0;
        let (above_h, above_f) =
            if j + 1 < cells { (&from.h[j + 1].0, &from.f[j + 1].0) } else { (&[NONE; LANES], &[NONE; LANES]) };
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

/// What each base as the next of the consensus would bring: the sum over the lanes, capped.
#[inline(always)]
fn try_bases(kernel: Kernel, bases: &[Lanes], from: &Row, best: &Lanes) -> [i32; 4] {
    let cells = kernel.cells;
    let mut left = [Lanes::all(NONE); 4];
    let mut e = [Lanes::all(NONE); 4];
    let mut tops = [Lanes::all(NONE); 4];
    for (j, Lanes(b)) in bases[..cells].iter().enumerate() {
        let h = &from.h[j].0;
        let (above_h, above_f) =
            if j + 1 < cells { (&from.h[j + 1].0, &from.f[j + 1].0) } else { (&[NONE; LANES], &[NONE; LANES]) };
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
fn try_group(kernel: Kernel, group: &Group, at: usize) -> [i32; 4] {
    try_bases(kernel, &group.bases[at..], &group.row, &group.best)
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn take_row(kernel: Kernel, group: &mut Group, consensus: &Lanes, at: usize) {
    let (top, cell) = row(kernel, consensus, &group.bases[at..], &group.row, &mut group.next);
    for l in 0..LANES {
        let better = top.0[l] > group.best.0[l];
        group.best.0[l] = if better { top.0[l] } else { group.best.0[l] };
        group.best_row.0[l] = if better { at as i16 + 1 } else { group.best_row.0[l] };
        group.best_cell.0[l] = if better { cell.0[l] } else { group.best_cell.0[l] };
    }
    std::mem::swap(&mut group.row, &mut group.next);
}

impl Group {
    fn new(ways: &[Way], scores: &Scores) -> Self {
        let band = scores.band as i32;
        let empty = Row { h: [Lanes::all(NONE); MOST_CELLS], f: [Lanes::all(NONE); MOST_CELLS] };
        let mut first = empty.clone();
        for j in 0..2 * scores.band + 1 {
            // Where a copy begins is known to a few bases only.
            let off = (j as i32 - band).unsigned_abs() as i16;
            first.h[j] = Lanes::all(-off);
        }
        let mut group = Self {
            ways: [None; LANES],
            row: first,
            next: empty,
            bases: [Lanes::all(NO_BASE); BLOCK + MOST_CELLS],
            shift: [0; LANES],
            best: Lanes::all(0),
            best_row: Lanes::all(0),
            best_cell: Lanes::all(0),
            base: [0; LANES],
            reach: [Reach::default(); LANES],
        };
        for (to, from) in group.ways.iter_mut().zip(ways) {
            *to = Some(*from);
        }
        for l in ways.len()..LANES {
            for cell in &mut group.row.h {
                cell.0[l] = NONE;
            }
        }
        group
    }

    /// Makes ready for the block of rows from `first` on: notes what was best, moves bands and reads bases.
    fn turn(&mut self, scores: &Scores, codes: &[u8], first: usize) {
        let cells = 2 * scores.band + 1;
        let band = scores.band as i32;
        for l in 0..LANES {
            let Some(way) = self.ways[l] else { continue };
            self.note(l, first, band);
            let at = (0..cells)
                .max_by_key(|&j| (self.row.h[j].0[l], std::cmp::Reverse((j as i32 - band).abs())))
                .unwrap_or(0);
            let off = at as i32 - band;
            if off.abs() > 1 && self.row.h[at].0[l] > NONE / 2 {
                for rows in [&mut self.row.h, &mut self.row.f] {
                    for step in 0..cells {
                        let j = if off > 0 { step } else { cells - 1 - step };
                        let from = j as i32 + off;
                        rows[j].0[l] = if (0..cells as i32).contains(&from) { rows[from as usize].0[l] } else { NONE };
                    }
                }
                self.shift[l] += off;
            }
            if self.best.0[l] > HIGH {
                for j in 0..cells {
                    for rows in [&mut self.row.h, &mut self.row.f] {
                        rows[j].0[l] = rows[j].0[l].saturating_sub(HIGH).max(NONE);
                    }
                }
                self.best.0[l] -= HIGH;
                self.base[l] += i32::from(HIGH);
            } else {
                for j in 0..cells {
                    for rows in [&mut self.row.h, &mut self.row.f] {
                        rows[j].0[l] = rows[j].0[l].max(NONE);
                    }
                }
            }
            let offset = first as i64 + i64::from(self.shift[l] - band);
            for (i, bases) in self.bases[..BLOCK + cells - 1].iter_mut().enumerate() {
                bases.0[l] = way.base(codes, offset + i as i64);
            }
        }
    }

    /// Keeps the best of a lane in the block that ends before row `first`.
    fn note(&mut self, l: usize, first: usize, band: i32) {
        let in_block = i32::from(self.best_row.0[l]);
        if in_block > 0 {
            let rows = first as i32 - BLOCK as i32 + in_block;
            let copy = rows + self.shift[l] + i32::from(self.best_cell.0[l]) - band;
            self.reach[l] = Reach {
                score: self.base[l] + i32::from(self.best.0[l]),
                consensus: rows as u32,
                copy: copy.max(0) as u32,
            };
            self.best_row.0[l] = 0;
        }
    }

    /// Copies that were better within the last [`QUIET`] rows than ever before.
    fn going_on(&self, rows: usize) -> usize {
        let lanes = self.ways.iter().zip(&self.reach);
        lanes.filter(|(way, reach)| way.is_some() && reach.consensus as usize + QUIET >= rows).count()
    }

    /// Sum over the lanes of what the scores were moved down by.
    fn moved_down(&self) -> i64 {
        self.base.iter().map(|&b| i64::from(b)).sum()
    }
}

fn kernel_of(scores: &Scores) -> Kernel {
    Kernel {
        matching: scores.matching,
        mismatch: scores.mismatch,
        gap_open: scores.gap_open,
        gap_extend: scores.gap_extend,
        cap: scores.cap_penalty,
        cells: 2 * scores.band.min(MOST_BAND) + 1,
    }
}

/// Grows a consensus along the ways of all copies: at each row the base that brings the most. It ends where the total,
/// less `min_improvement` for each base, was best, or where fewer than `least` copies go on.
pub(crate) fn extend(codes: &[u8], ways: &[Way], scores: &Scores, least: usize) -> (Vec<u8>, Vec<Reach>) {
    let kernel = kernel_of(scores);
    let mut groups: Vec<Group> = ways.chunks(LANES).map(|ways| Group::new(ways, scores)).collect();
    let mut consensus = Vec::new();
    let (mut best, mut best_length) = (0i64, 0);
    while consensus.len() < scores.max_extend {
        let at = consensus.len() % BLOCK;
        if at == 0 {
            groups.iter_mut().for_each(|group| group.turn(scores, codes, consensus.len()));
            if groups.iter().map(|group| group.going_on(consensus.len())).sum::<usize>() < least {
                break;
            }
        }
        let mut sums = [0i64; 4];
        for group in &groups {
            let moved = group.moved_down();
            for (sum, part) in sums.iter_mut().zip(try_group(kernel, group, at)) {
                *sum += i64::from(part) + moved;
            }
        }
        let (mut chosen, mut total) = (0, i64::MIN);
        for (base, &sum) in sums.iter().enumerate() {
            if sum > total {
                (chosen, total) = (base, sum);
            }
        }
        let base = Lanes::all(chosen as i16);
        groups.iter_mut().for_each(|group| take_row(kernel, group, &base, at));
        consensus.push(chosen as u8);
        let worth = total - i64::from(scores.min_improvement) * consensus.len() as i64;
        if worth > best {
            (best, best_length) = (worth, consensus.len());
        } else if consensus.len() - best_length >= scores.stop_after {
            break;
        }
    }
    let end = consensus.len().next_multiple_of(BLOCK);
    let mut reaches = Vec::with_capacity(ways.len());
    for group in &mut groups {
        for l in 0..LANES {
            if group.ways[l].is_some() {
                group.note(l, end, scores.band as i32);
                reaches.push(group.reach[l]);
            }
        }
    }
    consensus.truncate(best_length);
    (consensus, reaches)
}

/// A copy and the part of a consensus that it is to follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Follower {
    pub(crate) way: Way,
    /// Where in the consensus it begins, between two bases; and whether it reads downward from there.
    pub(crate) from: usize,
    pub(crate) down: bool,
}

/// How far each copy follows the consensus: the best path from its start; it is given up where it is `drop` below its best.
pub(crate) fn follow(codes: &[u8], consensus: &[u8], followers: &[Follower], scores: &Scores, drop: i16) -> Vec<Reach> {
    let kernel = kernel_of(scores);
    let mut reaches = Vec::with_capacity(followers.len());
    for followers in followers.chunks(LANES) {
        let ways: Vec<Way> = followers.iter().map(|f| f.way).collect();
        let mut group = Group::new(&ways, scores);
        let mut length = 0;
        loop {
            group.turn(scores, codes, length);
            let top = group.row.h[..kernel.cells].iter().fold(Lanes::all(NONE), |mut top, cells| {
                top.0.iter_mut().zip(cells.0).for_each(|(top, value)| *top = value.max(*top));
                top
            });
            let mut going = false;
            for (l, f) in followers.iter().enumerate() {
                let ended = length >= if f.down { f.from } else { consensus.len() - f.from };
                if ended || top.0[l] < group.best.0[l].saturating_sub(drop) {
                    group.row.h.iter_mut().chain(&mut group.row.f).for_each(|cell| cell.0[l] = NONE);
                } else {
                    going = true;
                }
            }
            if !going {
                break;
            }
            for at in 0..BLOCK {
                let mut base = Lanes::all(NO_CONSENSUS);
                for (base, f) in base.0.iter_mut().zip(followers) {
                    let place = if f.down { f.from.checked_sub(length + at + 1) } else { Some(f.from + length + at) };
                    *base = place.and_then(|p| consensus.get(p)).map_or(NO_CONSENSUS, |&code| i16::from(code));
                }
                take_row(kernel, &mut group, &base, at);
            }
            length += BLOCK;
        }
        for (l, _) in followers.iter().enumerate() {
            group.note(l, length, scores.band as i32);
            reaches.push(group.reach[l]);
        }
    }
    reaches
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % n
        }
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
        }
    }

    /// Copies of a family with substitutions and gaps between random bases, one strand or the other; and the ways into them.
    fn family(random: &mut Random, length: usize, copies: usize, per_cent: u64) -> (Vec<u8>, Vec<u8>, Vec<Way>) {
        let consensus: Vec<u8> = (0..length).map(|_| random.below(4) as u8).collect();
        let (mut genome, mut ways) = (Vec::new(), Vec::new());
        for copy in 0..copies {
            genome.extend((0..50 + random.below(100)).map(|_| random.below(4) as u8));
            let mut bases = Vec::new();
            for &base in &consensus[..length - random.below(length as u64 / 2) as usize] {
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
            ways.push(Way { start, down: complement, complement, limits: (0, 0) });
        }
        genome.extend((0..200).map(|_| random.below(4) as u8));
        let hidden = random.below(genome.len() as u64) as usize;
        genome[hidden] |= TAKEN;
        ways.iter_mut().for_each(|way| way.limits = (0, genome.len() as u64));
        (consensus, genome, ways)
    }

    /// The dynamic program of one copy in plain numbers.
    struct Plain {
        way: Way,
        h: Vec<i32>,
        f: Vec<i32>,
        shift: i64,
        best: i32,
        reach: Reach,
    }

    const LOW: i32 = -1_000_000;

    impl Plain {
        fn new(way: Way, scores: &Scores) -> Self {
            let band = scores.band as i32;
            let h = (-band..=band).map(|off| -off.abs()).collect();
            let f = vec![LOW; 2 * scores.band + 1];
            Self { way, h, f, shift: 0, best: 0, reach: Reach::default() }
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

        fn next(&self, codes: &[u8], base: i16, row: i64, scores: &Scores) -> (Vec<i32>, Vec<i32>) {
            let (open, extend) = (i32::from(scores.gap_open), i32::from(scores.gap_extend));
            let cells = self.h.len();
            let (mut h, mut f) = (vec![LOW; cells], vec![LOW; cells]);
            let mut e = LOW;
            for j in 0..cells {
                let theirs = self.way.base(codes, row + self.shift + j as i64 - scores.band as i64);
                let step = if theirs == base { scores.matching } else { scores.mismatch };
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

        fn take(&mut self, codes: &[u8], base: i16, row: i64, scores: &Scores) {
            (self.h, self.f) = self.next(codes, base, row, scores);
            let top = *self.h.iter().max().expect("cells");
            if top > self.best {
                let cell = self.h.iter().position(|&h| h == top).expect("it is there") as i64;
                self.best = top;
                let copy = row + 1 + self.shift + cell - scores.band as i64;
                self.reach = Reach { score: top, consensus: row as u32 + 1, copy: copy.max(0) as u32 };
            }
        }
    }

    fn plain_extend(codes: &[u8], ways: &[Way], scores: &Scores) -> (Vec<u8>, Vec<Reach>) {
        let mut copies: Vec<Plain> = ways.iter().map(|&way| Plain::new(way, scores)).collect();
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
        (consensus, copies.iter().map(|copy| copy.reach).collect())
    }

    #[test]
    fn extension_is_that_of_a_plain_implementation() {
        let mut random = Random(5);
        for (round, (copies, per_cent)) in
            [(1, 0), (3, 10), (5, 25), (16, 15), (17, 20), (40, 30), (33, 5)].into_iter().enumerate()
        {
            for band in [1, 5, 16, MOST_BAND] {
                let (truth, genome, ways) = family(&mut random, 400, copies, per_cent);
                let scores = scores(band);
                let found = extend(&genome, &ways, &scores, 0);
                assert_eq!(found, plain_extend(&genome, &ways, &scores), "round {round}, band {band}");
                if band == 16 && copies >= 16 && per_cent <= 20 {
                    assert!(found.0.len() >= 300, "{} of {} bases", found.0.len(), truth.len());
                }
            }
        }
    }

    #[test]
    fn long_extensions_stay_exact_past_what_16_bits_hold() {
        let mut random = Random(6);
        let (truth, genome, ways) = family(&mut random, 40_000, 2, 0);
        let scores = Scores { max_extend: 60_000, ..scores(5) };
        let (consensus, reaches) = extend(&genome, &ways, &scores, 0);
        assert!(consensus.len() >= 20_000 && consensus[..20_000] == truth[..20_000]);
        assert!(reaches.iter().all(|reach| reach.score >= 20_000 - 10 && reach.score <= 40_010), "{reaches:?}");
    }

    #[test]
    fn both_sets_of_instructions_give_the_same() {
        let mut random = Random(7);
        let (_, genome, ways) = family(&mut random, 100, 16, 20);
        let scores = scores(9);
        let kernel = kernel_of(&scores);
        let mut group = Group::new(&ways, &scores);
        for row in 0..80 {
            if row % BLOCK == 0 {
                group.turn(&scores, &genome, row);
            }
            let at = row % BLOCK;
            let portable = try_bases(kernel, &group.bases[at..], &group.row, &group.best);
            assert_eq!(try_group(kernel, &group, at), portable);
            take_row(kernel, &mut group, &Lanes::all(random.below(4) as i16), at);
        }
    }

    #[test]
    fn a_copy_follows_its_consensus_both_ways_and_no_other() {
        let mut random = Random(8);
        let (truth, genome, ways) = family(&mut random, 500, 20, 10);
        let stranger: Vec<u8> = (0..500).map(|_| random.below(4) as u8).collect();
        let scores = scores(12);
        let forward: Vec<Follower> = ways.iter().map(|&way| Follower { way, from: 0, down: false }).collect();
        let own = follow(&genome, &truth, &forward, &scores, 20);
        let others = follow(&genome, &stranger, &forward, &scores, 20);
        let backward: Vec<u8> = truth.iter().rev().copied().collect();
        let down: Vec<Follower> = ways.iter().map(|&way| Follower { way, from: 500, down: true }).collect();
        assert_eq!(follow(&genome, &backward, &down, &scores, 20), own);
        assert!(own.iter().filter(|reach| reach.score > 100 && reach.consensus >= 240).count() >= 18, "{own:?}");
        assert!(others.iter().all(|reach| reach.score < 30), "{others:?}");
    }
}
