//! Many segments lead to the same alignment, so a path finds quickly whether a cell lies on it.

use crate::align::operations::Column;

/// A cell: the numbers of bases of text and target before it.
pub(crate) type Cell = (u32, u32);

/// Columns between two marks of a path: marks take an eighth of the memory of the columns.
const MARK_INTERVAL: usize = 64;

/// A path through the cells of text and target.
pub(crate) struct Path {
    /// First base in the text and in the target.
    pub(crate) text: u32,
    pub(crate) genome: u32,
    pub(crate) columns: Vec<Column>,
    /// The cell before every [`MARK_INTERVAL`]th column, and that after the last column.
    marks: Vec<Cell>,
}

/// Bases of the text and of the target in columns.
pub(crate) fn bases_in(columns: &[Column]) -> (u32, u32) {
    columns.iter().fold((0, 0), |(text, genome), column| match column {
        Column::Pair => (text + 1, genome + 1),
        Column::Genome => (text, genome + 1),
        Column::Query => (text + 1, genome),
    })
}

impl Path {
    pub(crate) fn new(text: u32, genome: u32, columns: Vec<Column>) -> Self {
        let (mut at, mut marks) = ((text, genome), Vec::with_capacity(columns.len() / MARK_INTERVAL + 1));
        for run in columns.chunks(MARK_INTERVAL) {
            marks.push(at);
            let (t, g) = bases_in(run);
            at = (at.0 + t, at.1 + g);
        }
        marks.push(at);
        Self { text, genome, columns, marks }
    }

    /// The cell after the last column.
    pub(crate) fn end(&self) -> (u32, u32) {
        self.marks[self.marks.len() - 1]
    }

    /// Whether a cell is within the ends of the path and at most `max_offset` diagonals off it. Between two marks the
    /// path may be on any diagonal from that of the one to that of the other.
    pub(crate) fn passes(&self, text: u32, genome: u32, max_offset: u32) -> bool {
        let (text_end, genome_end) = self.end();
        if !(self.genome..genome_end).contains(&genome) || !(self.text..text_end).contains(&text) {
            return false;
        }
        let mark = self.marks.partition_point(|m| m.1 <= genome).max(1) - 1;
        let diagonal = |(t, g): (u32, u32)| i64::from(g) - i64::from(t);
        let (a, b) = (diagonal(self.marks[mark]), diagonal(self.marks[(mark + 1).min(self.marks.len() - 1)]));
        let here = diagonal((text, genome));
        (a.min(b) - i64::from(max_offset)..=a.max(b) + i64::from(max_offset)).contains(&here)
    }
}

/// The direction in which an alignment is extended from a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Left,
    Right,
}

impl Direction {
    /// The cell at the end of columns that start at another.
    pub(crate) fn advance(self, (text, genome): Cell, columns: &[Column]) -> Cell {
        let (t, g) = bases_in(columns);
        match self {
            Self::Left => (text - t, genome - g),
            Self::Right => (text + t, genome + g),
        }
    }
}
