//! A copy is a chain of segments with gaps between them. From the best part of each segment an alignment with gaps is
//! extended both ways, and the segments that it covers are not extended again.
//!
//! This crate has three dynamic programs with different needs: this one extends pairs of sequences of any length with
//! affine gaps from a cell outward, a band at a time (`extend`); `tandem` aligns with a unit that repeats without end,
//! so every cell can follow the end of a row (`wraparound`); and `families` extends many copies at once with one
//! consensus.

use ahash::{AHashMap, AHashSet};

use crate::align::alignment::Alignment;
use crate::align::chain;
use crate::align::extend::Extender;
use crate::align::library_text::LibraryText;
use crate::align::operations::{Column, Operations};
use crate::align::path::{Cell, Direction, Path, bases_in};
use crate::align::score::{PRIOR_PAIRS, PRIOR_SUBSTITUTIONS, Scoring, Scorings, each_column, score_columns};
use crate::align::segments::Segment;
use crate::align::target::Target;
use crate::kmer::Strand;

/// Score below the best at which an extension ends (eighths of a nat): it crosses about 30 unrelated bases, or a gap of
/// 40. Higher joins more fragments and costs cells; empirical, docs/annotation.md was measured with it.
const X_DROP: i32 = 200;
/// How much more likely an alignment ends at the end of its query than at any other base (eighths of a nat): e^8, about
/// 3,000 times. Empirical.
const END_BONUS: i32 = 64;
/// Largest gain of the second extension of the ends (eighths of a nat), seldom a tenth of a score: alignments
/// that lack more than this to the least score are not extended again.
const MAX_POLISHING_GAIN: i32 = 100;
/// Bases of the query in the first step of an extension. Steps grow fourfold, so that short extensions read little and
/// long ones take few steps.
const FIRST_STEP: usize = 256;
/// Bases of the query in the longest step: 256 * 4^2.
const MAX_STEP: usize = 4096;
/// Bases of the genome that a step reads beyond those of the query, for insertions: twice the band of the extension.
const STEP_MARGIN: usize = 128;
/// Bases of the query before the best cell of an unfinished step at which the next one begins: the last columns of a
/// step are chosen without what follows.
const STEP_OVERLAP: usize = 24;
/// Equal bases in a row at which the next step may begin: the path is certain there.
const MIN_STEP_ANCHOR: usize = 4;
/// Bases of the genome in a bin of the index of paths.
const BIN: u32 = 1 << 10;
/// Diagonals off an alignment within which the middle of a segment belongs to it; short gaps shift a path by as much.
/// Empirical.
const MAX_DIAGONAL_OFFSET: u32 = 12;

/// Aligns clusters of segments; a thread keeps one for its buffers.
pub(crate) struct Aligner<'a> {
    text: &'a LibraryText,
    scorings: &'a Scorings,
    /// Minimum score of an alignment that is reported.
    min_score: i32,
    /// Start and end in the text of the current entry.
    bounds: (u32, u32),
    extender: Extender,
    query: Vec<u8>,
    genome: Vec<u8>,
    step: Vec<Column>,
}

impl<'a> Aligner<'a> {
    pub(crate) fn new(text: &'a LibraryText, scorings: &'a Scorings, min_score: i32) -> Self {
        Self {
            text,
            scorings,
            min_score,
            bounds: (0, 0),
            extender: Extender::default(),
            query: Vec::new(),
            genome: Vec::new(),
            step: Vec::new(),
        }
    }

    /// Alignments of a cluster of segments: of one entry of the text and one target, sorted by position in the genome.
    /// Only segments in chains of `min_chain_score` are extended; with `skip_nested` none that an alignment covers in
    /// the genome.
    pub(crate) fn align(
        &mut self,
        target: &Target<'_>,
        segments: impl Iterator<Item = Segment>,
        min_chain_score: i32,
        skip_nested: bool,
    ) -> Vec<Alignment> {
        let mut segments: Vec<Segment> = segments.collect();
        let Some(entry) = segments.first().map(|s| s.entry as usize) else { return Vec::new() };
        self.bounds = self.text.bounds(entry);
        let in_chain = chain::in_chain(&segments, self.scorings.general(), min_chain_score);
        let mut in_chain = in_chain.iter();
        segments.retain(|_| in_chain.next() == Some(&true));
        segments.sort_unstable_by_key(|s| (std::cmp::Reverse(s.score), s.genome, s.text));
        let mut paths: Vec<Path> = Vec::new();
        let mut bins: AHashMap<u32, Vec<usize>> = AHashMap::new();
        let mut known: AHashSet<(Cell, Cell)> = AHashSet::new();
        for segment in &segments {
            let middle = segment.length / 2;
            let (text, genome) = (segment.text + middle, segment.genome + middle);
            let covers = |path: &Path| path.genome <= segment.genome && segment.genome + segment.length <= path.end().1;
            let near = |genome: u32| bins.get(&(genome / BIN)).into_iter().flatten().copied();
            if near(genome)
                .any(|i| paths[i].passes(text, genome, MAX_DIAGONAL_OFFSET) || skip_nested && covers(&paths[i]))
            {
                continue;
            }
            let path_at = |(text, genome): Cell| near(genome).find(|&i| paths[i].passes(text, genome, 0));
            let Some(path) = self.path(target, segment, path_at) else { continue };
            // New ends may make it equal to a known path.
            if !known.insert(((path.text, path.genome), path.end())) {
                continue;
            }
            for bin in path.genome / BIN..=path.end().1 / BIN {
                bins.entry(bin).or_default().push(paths.len());
            }
            paths.push(path);
        }
        paths.into_iter().map(|path| self.alignment(target, entry, &path)).collect()
    }

    /// The alignment through the best part of a segment; `None` if it joins the same known path on both sides.
    /// `path_at` returns the number of the known path through a cell.
    fn path(
        &mut self,
        target: &Target<'_>,
        segment: &Segment,
        path_at: impl Fn(Cell) -> Option<usize>,
    ) -> Option<Path> {
        let cell = self.anchor(target, segment);
        let general = self.scorings.general();
        let mut sides = [(Direction::Left, Vec::new()), (Direction::Right, Vec::new())];
        let met = sides
            .each_mut()
            .map(|(direction, columns)| self.extend(target, cell, *direction, general, &path_at, columns));
        if let [Some((_, one)), Some((_, other))] = met
            && one == other
        {
            return None;
        }
        for ((direction, columns), met) in sides.iter_mut().zip(met) {
            if let Some((cell, _)) = met {
                self.extend(target, cell, *direction, general, |_| None, columns);
            }
        }

        let (mut substituted, mut pairs) = (PRIOR_SUBSTITUTIONS, PRIOR_PAIRS);
        for (direction, columns) in &sides {
            self.each_pair(target, cell, *direction, columns, |a, b| {
                pairs += 1.0;
                substituted += f64::from(u8::from(a != b));
            });
        }
        let fitting = self.scorings.nearest(substituted / pairs);
        let score: i32 =
            sides.iter_mut().map(|(direction, columns)| self.trim(target, cell, *direction, fitting, columns)).sum();
        if score + MAX_POLISHING_GAIN >= self.min_score {
            for (direction, columns) in &mut sides {
                let end = direction.advance(cell, columns);
                self.extend(target, end, *direction, fitting, |_| None, columns);
            }
        }
        let [(_, mut left), (_, mut right)] = sides;
        let (text, genome) = Direction::Left.advance(cell, &left);
        left.reverse();
        left.append(&mut right);
        Some(Path::new(text, genome, left))
    }

    /// A cell before the middle of the longest run of equal bases of a segment.
    fn anchor(&mut self, target: &Target<'_>, segment: &Segment) -> Cell {
        target.codes(segment.genome..segment.genome + segment.length, &mut self.genome);
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

    /// Fills `query` and `genome` with this many bases from a cell on, in the order of a direction.
    fn fill(&mut self, target: &Target<'_>, (text, genome): Cell, direction: Direction, bases: (usize, usize)) {
        self.query.clear();
        let codes = &self.text.codes;
        match direction {
            Direction::Right => {
                self.query.extend_from_slice(&codes[text as usize..text as usize + bases.0]);
                target.codes(genome..genome + bases.1 as u32, &mut self.genome);
            }
            Direction::Left => {
                self.query.extend(codes[text as usize - bases.0..text as usize].iter().rev());
                target.codes(genome - bases.1 as u32..genome, &mut self.genome);
                self.genome.reverse();
            }
        }
    }

    /// Bases of query and target from a cell on.
    fn remaining(&self, target: &Target<'_>, (text, genome): Cell, direction: Direction) -> (usize, usize) {
        let (start, end) = self.bounds;
        match direction {
            Direction::Left => ((text - start) as usize, genome as usize),
            Direction::Right => ((end - text) as usize, (target.length() - genome) as usize),
        }
    }

    /// Appends the columns of the best extension from a cell on, step by step. Stops if a step ends on a known path,
    /// and returns that cell and the number of the path.
    fn extend(
        &mut self,
        target: &Target<'_>,
        mut cell: Cell,
        direction: Direction,
        scoring: &Scoring,
        path_at: impl Fn(Cell) -> Option<usize>,
        columns: &mut Vec<Column>,
    ) -> Option<(Cell, usize)> {
        let (mut text_left, mut genome_left) = self.remaining(target, cell, direction);
        let mut step = FIRST_STEP;
        loop {
            let bases = (text_left.min(step), genome_left.min(step + STEP_MARGIN));
            self.fill(target, cell, direction, bases);
            let last = bases.0 == text_left;
            self.step.clear();
            let bonus = last.then_some(END_BONUS);
            let extent = self.extender.extend(&self.query, &self.genome, scoring, X_DROP, bonus, &mut self.step);
            let complete = !extent.cut || last && bases.1 == genome_left;
            if !complete {
                self.cut_step(extent.query);
            }
            columns.extend_from_slice(&self.step);
            if complete || self.step.is_empty() && step >= MAX_STEP {
                return None;
            }
            step = (4 * step).min(MAX_STEP);
            let (t, g) = bases_in(&self.step);
            (text_left, genome_left) = (text_left - t as usize, genome_left - g as usize);
            cell = direction.advance(cell, &self.step);
            if let Some(known) = path_at(cell) {
                return Some((cell, known));
            }
        }
    }

    /// Removes the uncertain end of an unfinished step, back to a run of equal bases.
    fn cut_step(&mut self, query: usize) {
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
            if t + STEP_OVERLAP > query {
                break;
            }
            if run >= MIN_STEP_ANCHOR {
                keep = i - 1;
            }
        }
        self.step.truncate(keep);
    }

    /// Calls `each` for the two codes of every pair of the columns.
    fn each_pair(
        &mut self,
        target: &Target<'_>,
        from: Cell,
        direction: Direction,
        columns: &[Column],
        mut each: impl FnMut(u8, u8),
    ) {
        let (t, g) = bases_in(columns);
        self.fill(target, from, direction, (t as usize, g as usize));
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

    /// Cuts the columns at the best score, with the bonus for the end of the query. Returns that score.
    fn trim(
        &mut self,
        target: &Target<'_>,
        from: Cell,
        direction: Direction,
        scoring: &Scoring,
        columns: &mut Vec<Column>,
    ) -> i32 {
        let (text_left, _) = self.remaining(target, from, direction);
        let (t, g) = bases_in(columns);
        self.fill(target, from, direction, (t as usize, g as usize));
        let (mut best, mut keep, mut score) = (0, 0, 0);
        each_column(&self.query, &self.genome, columns, scoring, |i, (t, _), gained| {
            score += gained;
            let value = score + if t == text_left { END_BONUS } else { 0 };
            if value > best {
                (best, keep) = (value, i);
            }
        });
        columns.truncate(keep);
        best
    }

    /// The alignment of a path, without its E-value.
    fn alignment(&mut self, target: &Target<'_>, entry: usize, path: &Path) -> Alignment {
        let (text_end, genome_end) = path.end();
        let bases = ((text_end - path.text) as usize, (genome_end - path.genome) as usize);
        self.fill(target, (path.text, path.genome), Direction::Right, bases);
        let (counts, score) = score_columns(&self.query, &self.genome, &path.columns, self.scorings);
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
            contig: target.contig,
            range: target.range.start + u64::from(path.genome)..target.range.start + u64::from(genome_end),
            score,
            e_value: 0.0,
            counts,
            operations: Operations::new(&path.columns),
        }
    }
}
