use std::path::Path;

use twox_hash::XxHash3_64;

use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{Feature, FeatureFormat, FeatureParser, Line, Lines, Source};
use crate::{Error, Index, Result};

/// Bases of a contig, which has less than 2^32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interval {
    /// Number of the contig, from 0.
    pub(crate) contig: u32,
    /// 0-based and half-open.
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Interval {
    /// Takes in an interval that begins no earlier, if the two touch.
    fn join(&mut self, next: &Self) -> bool {
        let touches = self.contig == next.contig && next.start <= self.end;
        if touches {
            self.end = self.end.max(next.end);
        }
        touches
    }
}

/// A feature that is masked unless all its parts are matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Whole {
    /// [`hash`] of its ID, in two halves so that nothing is between the fields.
    id: [u32; 2],
    interval: Interval,
}

/// A feature that others name as their parent: [`hash`] of its ID, and whether any of them is no `match_part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Parent {
    id: u64,
    has_others: bool,
}

/// What IDs are compared by: two of a billion are alike with a probability of 3 in 100.
fn hash(id: &str) -> u64 {
    XxHash3_64::oneshot(id.as_bytes())
}

fn halves(id: u64) -> [u32; 2] {
    [(id >> 32) as u32, id as u32]
}

/// Items that a list has room for at first.
const FIRST_ITEMS: usize = 1 << 12;

/// A sorted list without duplicates. What comes is appended; when the list is full, it is sorted and merged where it lies,
/// and grows by half where that did not halve it. So its room is at most one and a half times the items that came.
struct Merged<T> {
    items: Vec<T>,
    held: Reservation,
    /// Takes the later of two neighbours into the earlier one, or returns false.
    join: fn(&mut T, &T) -> bool,
}

impl<T: Ord> Merged<T> {
    fn new(budget: &Budget, join: fn(&mut T, &T) -> bool) -> Self {
        Self { items: Vec::new(), held: budget.hold(Component::Input), join }
    }

    /// Bytes for so many items, at most.
    fn bytes_for(items: u64) -> u64 {
        (items + items / 2 + FIRST_ITEMS as u64).saturating_mul(size_of::<T>() as u64)
    }

    fn merge(&mut self) {
        let join = self.join;
        self.items.sort_unstable();
        self.items.dedup_by(|next, last| join(last, next));
    }

    fn push(&mut self, item: T) -> Result<()> {
        if self.items.len() == self.items.capacity() {
            self.merge();
            let capacity = self.items.capacity();
            if self.items.len() >= capacity / 2 {
                let more = (capacity / 2).max(FIRST_ITEMS);
                self.held.grow((more * size_of::<T>()) as u64, WHAT)?;
                self.items.reserve_exact(capacity + more - self.items.len());
            }
        }
        self.items.push(item);
        Ok(())
    }
}

/// What the memory is for, in an error.
const WHAT: &str = "the intervals of an annotation";

/// The bases that an annotation covers.
pub(crate) struct Intervals {
    merged: Merged<Interval>,
    /// Rows of the annotation that are features.
    pub(crate) rows: u64,
}

impl Intervals {
    /// Reads an annotation: BED, GFF3, GTF, `.out` or TSV, known by its rows. What is covered is the union of all
    /// features; one whose parts are all of the type `match_part` is where its parts are, and not between them.
    ///
    /// # Errors
    /// [`Error::Input`] with the line that cannot be read, or that is of no contig of the index or past its end;
    /// [`Error::Memory`], which names what the whole of the file needs; [`Error::Io`]; [`Error::Damaged`].
    pub(crate) fn read(index: &Index, path: &Path) -> Result<Self> {
        let mut reading = Reading::new(index);
        let mut lines = Lines::open(&Source::new(path), index.budget())?;
        let mut parser = FeatureParser::new(path);
        let is_contig = |name: &str| index.has_contig(name);
        index.contigs()?;
        while let Some((number, line)) = lines.next()? {
            let in_line = |problem: String| Error::input(path, Some(number), problem);
            let line = String::from_utf8_lossy(line);
            match parser.line(&line, is_contig).map_err(in_line)? {
                Line::Header => {}
                Line::End => break,
                Line::Feature(feature) => {
                    let format = parser.format().unwrap_or(FeatureFormat::Bed);
                    let region = feature.region(format, is_contig);
                    let contig = index.locate(&region).map_err(|e| match e {
                        Error::NotInIndex { problem, .. } => in_line(problem),
                        other => other,
                    })?;
                    let (start, end) = (region.range.start as u32, region.range.end as u32);
                    reading.add(&feature, Interval { contig, start, end });
                }
            }
        }
        reading.finish()
    }

    /// Those of one contig, ascending; none touches another.
    pub(crate) fn of_contig(&self, number: u32) -> &[Interval] {
        let all = &self.merged.items[..];
        let first = all.partition_point(|interval| interval.contig < number);
        &all[first..first + all[first..].partition_point(|interval| interval.contig == number)]
    }
}

/// An annotation that is being read.
struct Reading {
    budget: Budget,
    intervals: Merged<Interval>,
    wholes: Merged<Whole>,
    parents: Merged<Parent>,
    /// Rows, those with an ID, and parents named, all of the file.
    rows: u64,
    ids: u64,
    named: u64,
    /// Whether it does not fit the memory: from then on rows are only counted.
    failed: bool,
}

impl Reading {
    fn new(index: &Index) -> Self {
        let budget = index.budget().clone();
        Self {
            intervals: Merged::new(&budget, Interval::join),
            wholes: Merged::new(&budget, |last, next| last == next),
            parents: Merged::new(&budget, |last, next| {
                let same = last.id == next.id;
                last.has_others |= same && next.has_others;
                same
            }),
            budget,
            rows: 0,
            ids: 0,
            named: 0,
            failed: false,
        }
    }

    fn add(&mut self, feature: &Feature<'_>, interval: Interval) {
        self.rows += 1;
        let id = feature.values("ID").next().map(|id| hash(&id));
        self.ids += u64::from(id.is_some());
        let mut outcome = Ok(());
        for parent in feature.values("Parent") {
            self.named += 1;
            let parent = Parent { id: hash(&parent), has_others: feature.kind != "match_part" };
            if !self.failed && outcome.is_ok() {
                outcome = self.parents.push(parent);
            }
        }
        if !self.failed && outcome.is_ok() {
            outcome = match id {
                Some(id) => self.wholes.push(Whole { id: halves(id), interval }),
                None => self.intervals.push(interval),
            };
        }
        self.failed |= outcome.is_err();
    }

    /// What all rows need, whatever they are.
    fn error(self) -> Error {
        let lists = Merged::<Interval>::bytes_for(self.rows)
            + Merged::<Whole>::bytes_for(self.ids)
            + Merged::<Parent>::bytes_for(self.named);
        let limit = self.budget.limit();
        let own = self.intervals.held.bytes() + self.wholes.held.bytes() + self.parents.held.bytes();
        Error::memory(WHAT, self.budget.used().saturating_sub(own).saturating_add(lists), limit)
    }

    fn finish(mut self) -> Result<Intervals> {
        if self.failed {
            return Err(self.error());
        }
        self.parents.merge();
        let wholes = std::mem::take(&mut self.wholes.items);
        for Whole { id, interval } in &wholes {
            let parents = &self.parents.items;
            let found = parents.binary_search_by_key(id, |parent| halves(parent.id));
            if found.is_ok_and(|at| !parents[at].has_others) {
                continue;
            }
            if self.intervals.push(*interval).is_err() {
                return Err(self.error());
            }
        }
        self.intervals.merge();
        Ok(Intervals { merged: self.intervals, rows: self.rows })
    }
}
