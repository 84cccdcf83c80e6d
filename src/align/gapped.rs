//! From segments to alignments.

use ahash::{AHashMap, AHashSet};

use crate::align::library::Text;
use crate::align::score::{AVERAGE, GAP_CODE, Scorings};
use crate::align::seeds::Segment;
use crate::align::{Alignment, Column, Counts, Extender, Piece, Scoring, operations};
use crate::kmer::Strand;

/// Score below the best at which an extension ends: it crosses some 30 bases that are like nothing, or a gap of 40.
const DROP: i32 = 200;
/// How much likelier than elsewhere an alignment ends at the end of its query, as a score.
const END_BONUS: i32 = 64;
/// What better ends add to a score, at the most: seldom a tenth of it.
const POLISHING: i32 = 100;
/// Bases of the query of the first step of an extension, and of the longest.
const FIRST_STEP: usize = 256;
const LONGEST_STEP: usize = 4096;
/// Bases of the genome beyond those of the query that a step is given.
const STEP_MARGIN: usize = 128;
/// Bases of the query before the best cell of a step at which the next one begins, so that its columns know what follows.
const STEP_BACK: usize = 24;
/// Bases of the genome in a cell of the grid of alignments.
const GRID: u32 = 1 << 10;
/// Diagonals within which a segment lies on an alignment.
const BESIDE: u32 = 12;

/// A path through the cells of query text and piece.
struct Path {
    /// First base in the text and in the piece.
    text: u32,
    genome: u32,
    columns: Vec<Column>,
    /// Where every 64th column begins, text and piece.
    marks: Vec<(u32, u32)>,
}

/// Bases of the text and of the piece in columns.
fn extent(columns: &[Column]) -> (u32, u32) {
    columns.iter().fold((0, 0), |(text, genome), column| match column {
        Column::Pair => (text + 1, genome + 1),
        Column::Genome => (text, genome + 1),
        Column::Query => (text + 1, genome),
    })
}

impl Path {
    fn new(text: u32, genome: u32, columns: Vec<Column>) -> Self {
        let (mut at, mut marks) = ((text, genome), Vec::with_capacity(columns.len() / 64 + 1));
        for run in columns.chunks(64) {
            marks.push(at);
            let (t, g) = extent(run);
            at = (at.0 + t, at.1 + g);
        }
        marks.push(at);
        Self { text, genome, columns, marks }
    }

    fn ends(&self) -> (u32, u32) {
        self.marks[self.marks.len() - 1]
    }

    /// Whether a cell lies on the path or at most so many diagonals beside it.
    fn passes(&self, text: u32, genome: u32, beside: u32) -> bool {
        let (text_end, genome_end) = self.ends();
        if !(self.genome..genome_end).contains(&genome) || !(self.text..text_end).contains(&text) {
            return false;
        }
        let mark = self.marks.partition_point(|m| m.1 <= genome).max(1) - 1;
        // Between two marks the path leaves its diagonal by the gaps there.
        let diagonal = |(t, g): (u32, u32)| i64::from(g) - i64::from(t);
        let (a, b) = (diagonal(self.marks[mark]), diagonal(self.marks[(mark + 1).min(self.marks.len() - 1)]));
        let here = diagonal((text, genome));
        (a.min(b) - i64::from(beside)..=a.max(b) + i64::from(beside)).contains(&here)
    }
}

/// Before a base of the text and one of the piece.
type Cell = (u32, u32);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
}

impl Direction {
    /// The cell that columns lead to from another.
    fn go(self, (text, genome): Cell, columns: &[Column]) -> Cell {
        let (t, g) = extent(columns);
        match self {
            Self::Left => (text - t, genome - g),
            Self::Right => (text + t, genome + g),
        }
    }
}

/// Aligns clusters of segments; a thread keeps one for its buffers.
pub(crate) struct Aligner<'a> {
    text: &'a Text,
    scorings: &'a Scorings,
    /// Score that an alignment must have.
    needed: i32,
    /// Start and end in the text of what is being aligned.
    bounds: (u32, u32),
    extender: Extender,
    query: Vec<u8>,
    genome: Vec<u8>,
    step: Vec<Column>,
}

impl<'a> Aligner<'a> {
    pub(crate) fn new(text: &'a Text, scorings: &'a Scorings, needed: i32) -> Self {
        Self {
            text,
            scorings,
            needed,
            bounds: (0, 0),
            extender: Extender::default(),
            query: Vec::new(),
            genome: Vec::new(),
            step: Vec::new(),
        }
    }

    /// Alignments of a cluster of segments: one entry of the text, one piece, sorted by place in the genome. Where they are to be
    /// `apart`, no segment within one is aligned again.
    pub(crate) fn align(
        &mut self,
        piece: &Piece<'_>,
        segments: impl Iterator<Item = Segment>,
        least: i32,
        apart: bool,
    ) -> Vec<Alignment> {
        let mut segments: Vec<Segment> = segments.collect();
        let Some(entry) = segments.first().map(|s| s.entry as usize) else { return Vec::new() };
        self.bounds = self.text.bounds(entry);
        let keep = super::chain::promising(&segments, self.scorings.general(), least);
        let mut keep = keep.iter();
        segments.retain(|_| keep.next() == Some(&true));
        segments.sort_unstable_by_key(|s| (std::cmp::Reverse(s.score), s.genome, s.text));
        let mut paths: Vec<Path> = Vec::new();
        let mut grid: AHashMap<u32, Vec<usize>> = AHashMap::new();
        let mut placed: AHashSet<(Cell, Cell)> = AHashSet::new();
        for segment in &segments {
            let middle = segment.length / 2;
            let (text, genome) = (segment.text + middle, segment.genome + middle);
            let within =
                |path: &Path| path.genome <= segment.genome && segment.genome + segment.length <= path.ends().1;
            let near = |genome: u32| grid.get(&(genome / GRID)).into_iter().flatten().copied();
            if near(genome).any(|i| paths[i].passes(text, genome, BESIDE) || apart && within(&paths[i])) {
                continue;
            }
            let on = |(text, genome): Cell| near(genome).find(|&i| paths[i].passes(text, genome, 0));
            let Some(path) = self.path(piece, segment, on) else { continue };
            // Polishing may move an alignment onto one that is there.
            if !placed.insert(((path.text, path.genome), path.ends())) {
                continue;
            }
            for cell in path.genome / GRID..=path.ends().1 / GRID {
                grid.entry(cell).or_default().push(paths.len());
            }
            paths.push(path);
        }
        paths.into_iter().map(|path| self.alignment(piece, entry, &path)).collect()
    }

    /// The alignment through the best part of a segment; `None` where it comes upon one and the same known one on either side. `on`
    /// gives the number of the alignment that a cell is on.
    fn path(&mut self, piece: &Piece<'_>, segment: &Segment, on: impl Fn(Cell) -> Option<usize>) -> Option<Path> {
        let cell = self.anchor(piece, segment);
        let general = self.scorings.general();
        let mut sides = [(Direction::Left, Vec::new()), (Direction::Right, Vec::new())];
        let met =
            sides.each_mut().map(|(direction, columns)| self.extend(piece, cell, *direction, general, &on, columns));
        if let [Some((_, one)), Some((_, other))] = met
            && one == other
        {
            return None;
        }
        for ((direction, columns), met) in sides.iter_mut().zip(met) {
            if let Some((cell, _)) = met {
                self.extend(piece, cell, *direction, general, |_| None, columns);
            }
        }

        // The scores that fit: few columns say little, and are taken together with some of an average copy.
        let (mut substituted, mut pairs) = AVERAGE;
        for (direction, columns) in &sides {
            self.each_pair(piece, cell, *direction, columns, |a, b| {
                pairs += 1.0;
                substituted += f64::from(u8::from(a != b));
            });
        }
        let fitting = self.scorings.nearest(substituted / pairs);
        let score: i32 =
            sides.iter_mut().map(|(direction, columns)| self.trim(piece, cell, *direction, fitting, columns)).sum();
        // What is far from being told of needs no better ends.
        if score + POLISHING >= self.needed {
            for (direction, columns) in &mut sides {
                let end = direction.go(cell, columns);
                self.extend(piece, end, *direction, fitting, |_| None, columns);
            }
        }
        let [(_, mut left), (_, mut right)] = sides;
        let (text, genome) = Direction::Left.go(cell, &left);
        left.reverse();
        left.append(&mut right);
        Some(Path::new(text, genome, left))
    }

    /// A cell before the middle of the longest run of equal bases of a segment.
    fn anchor(&mut self, piece: &Piece<'_>, segment: &Segment) -> (u32, u32) {
        piece.codes(segment.genome..segment.genome + segment.length, &mut self.genome);
        let text = &self.text.codes[segment.text as usize..][..segment.length as usize];
        let (mut run, mut longest, mut middle) = (0, 0, 0);
        for (i, (a, b)) in (1..).zip(text.iter().zip(&self.genome)) {
            run = if a == b { run + 1 } else { 0 };
            if run > longest {
                (longest, middle) = (run, i - run / 2);
            }
        }
        (segment.text + middle, segment.genome + middle)
    }

    /// Fills `query` and `genome` with up to so many bases from a cell on, as they are read in a direction.
    fn fill(&mut self, piece: &Piece<'_>, (text, genome): (u32, u32), direction: Direction, bases: (usize, usize)) {
        self.query.clear();
        let codes = &self.text.codes;
        match direction {
            Direction::Right => {
                self.query.extend_from_slice(&codes[text as usize..text as usize + bases.0]);
                piece.codes(genome..genome + bases.1 as u32, &mut self.genome);
            }
            Direction::Left => {
                self.query.extend(codes[text as usize - bases.0..text as usize].iter().rev());
                piece.codes(genome - bases.1 as u32..genome, &mut self.genome);
                self.genome.reverse();
            }
        }
    }

    /// Bases of query and piece from a cell on.
    fn left_over(&self, piece: &Piece<'_>, (text, genome): (u32, u32), direction: Direction) -> (usize, usize) {
        let (start, end) = self.bounds;
        match direction {
            Direction::Left => ((text - start) as usize, genome as usize),
            Direction::Right => ((end - text) as usize, (piece.length() - genome) as usize),
        }
    }

    /// Appends the columns of the best extension from a cell on, step by step, up to where a step ends `on` a known alignment: that cell
    /// and the number of the alignment.
    fn extend(
        &mut self,
        piece: &Piece<'_>,
        mut cell: Cell,
        direction: Direction,
        scoring: &Scoring,
        on: impl Fn(Cell) -> Option<usize>,
        columns: &mut Vec<Column>,
    ) -> Option<(Cell, usize)> {
        let (mut text_left, mut genome_left) = self.left_over(piece, cell, direction);
        let mut step = FIRST_STEP;
        loop {
            let bases = (text_left.min(step), genome_left.min(step + STEP_MARGIN));
            self.fill(piece, cell, direction, bases);
            let last = bases.0 == text_left;
            self.step.clear();
            let extent_found = self.extender.extend(
                &self.query,
                &self.genome,
                scoring,
                DROP,
                last.then_some(END_BONUS),
                &mut self.step,
            );
            let whole = !extent_found.cut || last && bases.1 == genome_left;
            if !whole {
                self.step_back(extent_found.query);
            }
            columns.extend_from_slice(&self.step);
            if whole || self.step.is_empty() && step >= LONGEST_STEP {
                return None;
            }
            step = (4 * step).min(LONGEST_STEP);
            let (t, g) = extent(&self.step);
            (text_left, genome_left) = (text_left - t as usize, genome_left - g as usize);
            cell = direction.go(cell, &self.step);
            if let Some(known) = on(cell) {
                return Some((cell, known));
            }
        }
    }

    /// Takes back the end of a step that was cut, to within four equal bases.
    fn step_back(&mut self, query: usize) {
        let (mut t, mut g, mut run, mut keep) = (0, 0, 0, 0);
        for (i, column) in self.step.iter().enumerate() {
            match column {
                Column::Pair => {
                    run = if self.query[t] == self.genome[g] { run + 1 } else { 0 };
                    (t, g) = (t + 1, g + 1);
                }
                Column::Genome => (g, run) = (g + 1, 0),
                Column::Query => (t, run) = (t + 1, 0),
            }
            if t + STEP_BACK > query {
                break;
            }
            if run >= 4 {
                keep = i - 1;
            }
        }
        self.step.truncate(keep);
    }

    fn each_pair(
        &mut self,
        piece: &Piece<'_>,
        from: (u32, u32),
        direction: Direction,
        columns: &[Column],
        mut each: impl FnMut(u8, u8),
    ) {
        let (t, g) = extent(columns);
        self.fill(piece, from, direction, (t as usize, g as usize));
        let (mut t, mut g) = (0, 0);
        for column in columns {
            match column {
                Column::Pair => {
                    each(self.query[t], self.genome[g]);
                    (t, g) = (t + 1, g + 1);
                }
                Column::Genome => g += 1,
                Column::Query => t += 1,
            }
        }
    }

    /// Cuts columns where their score is best; gives it, with what it is worth to end with the query.
    fn trim(
        &mut self,
        piece: &Piece<'_>,
        from: (u32, u32),
        direction: Direction,
        scoring: &Scoring,
        columns: &mut Vec<Column>,
    ) -> i32 {
        let (text_left, _) = self.left_over(piece, from, direction);
        let (t, g) = extent(columns);
        self.fill(piece, from, direction, (t as usize, g as usize));
        let (mut best, mut keep, mut score) = (0, 0, 0);
        walk(&self.query, &self.genome, columns, scoring, |i, (t, _), gained| {
            score += gained;
            let value = score + if t == text_left { END_BONUS } else { 0 };
            if value > best {
                (best, keep) = (value, i);
            }
        });
        columns.truncate(keep);
        best
    }

    fn alignment(&mut self, piece: &Piece<'_>, entry: usize, path: &Path) -> Alignment {
        let (text_end, genome_end) = path.ends();
        let from = (path.text, path.genome);
        self.fill(
            piece,
            from,
            Direction::Right,
            ((text_end - path.text) as usize, (genome_end - path.genome) as usize),
        );
        let (counts, score) = scored(&self.query, &self.genome, &path.columns, self.scorings);
        let (query, strand) = self.text.sequence(entry);
        let (start, end) = self.bounds;
        let query_range = match strand {
            Strand::Forward => path.text - start..text_end - start,
            Strand::Reverse => end - text_end..end - path.text,
        };
        Alignment {
            query,
            strand,
            query_range,
            contig: piece.contig,
            range: piece.range.start + u64::from(path.genome)..piece.range.start + u64::from(genome_end),
            score,
            e_value: 0.0,
            counts,
            operations: operations(&path.columns),
        }
    }
}

/// What the columns of an alignment with a sequence of a library are, and its score.
pub(crate) fn scored(query: &[u8], genome: &[u8], columns: &[Column], scorings: &Scorings) -> (Counts, i32) {
    let counts = Counts::of(query, genome, columns);
    let scoring = scorings.fitting(&counts);
    let (mut score, mut matched) = (0, [0; 5]);
    walk(query, genome, columns, scoring, |i, (t, g), gained| {
        score += gained;
        if columns[i - 1] == Column::Pair && query[t - 1] == genome[g - 1] {
            matched[usize::from(query[t - 1].min(GAP_CODE))] += 1;
        }
    });
    let [t, c, a, g, _] = matched;
    (counts, score - scorings.monotony([t, c, a, g]))
}

/// Calls `each` after every column with the number of columns up to there, those of bases of query and genome, and what the column scores.
pub(crate) fn walk(
    query: &[u8],
    genome: &[u8],
    columns: &[Column],
    scoring: &Scoring,
    mut each: impl FnMut(usize, (usize, usize), i32),
) {
    let (mut t, mut g) = (0, 0);
    let mut last = Column::Pair;
    for (i, &column) in (1..).zip(columns) {
        let gained = match column {
            Column::Pair => {
                (t, g) = (t + 1, g + 1);
                scoring.pair(query[t - 1], genome[g - 1])
            }
            gap => {
                if gap == Column::Genome {
                    g += 1
                } else {
                    t += 1
                }
                if gap == last { -scoring.extend } else { -scoring.open }
            }
        };
        last = column;
        each(i, (t, g), gained);
    }
}
