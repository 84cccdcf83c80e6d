//! The bases to mask come as an annotation of any size and order. They are merged while they are read, in bounded
//! memory.
//!
//! The sorted lists are our own: rangemap keeps ranges in a B-tree, whose nodes use more memory than a list and cannot
//! be charged to a budget before they are allocated, and a bit for each base (fixedbitset) needs memory for the whole
//! genome, even for a short annotation.

use std::ops::Range;
use std::path::Path;

use ahash::AHashMap;
use twox_hash::XxHash3_64;

use crate::annotate::row_filter::RowFilter;
use crate::genome::{Contig, ContigLookup};
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{Feature, FeatureFormat, FeatureParser, Line, Lines, Region, Source};
use crate::{Error, Index, Result};

/// A range of a contig, which has less than 2^32 bases: 12 bytes, since annotations have millions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interval {
    /// Number of the contig, from 0.
    pub(crate) contig: u32,
    /// 0-based and half-open.
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Interval {
    /// Extends over an interval that starts no earlier, if the two touch; else returns false.
    fn join(&mut self, next: &Self) -> bool {
        let touches = self.contig == next.contig && next.start <= self.end;
        if touches {
            self.end = self.end.max(next.end);
        }
        touches
    }
}

/// A feature with an ID, which is masked unless all its parts are matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Whole {
    /// [`hash`] of its ID, in two halves so that the struct has no padding.
    id: [u32; 2],
    interval: Interval,
}

/// A feature that others name as their parent: [`hash`] of its ID, and whether any of them is not a `match_part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Parent {
    id: u64,
    has_others: bool,
}

/// IDs are compared by their hashes: with a billion of them, two are equal by chance with a probability of 3 %.
fn hash(id: &str) -> u64 {
    XxHash3_64::oneshot(id.as_bytes())
}

fn halves(id: u64) -> [u32; 2] {
    [(id >> 32) as u32, id as u32]
}

/// First capacity of a list, in items.
const FIRST_ITEMS: usize = 1 << 12;

/// A sorted list without duplicates. Items are appended; a full list is sorted and merged in place, and grows by half
/// unless that halved it. So its capacity is at most one and a half times the items that were pushed.
struct MergedList<T> {
    items: Vec<T>,
    reservation: Reservation,
    /// Merges the later of two neighbours into the earlier one, or returns false.
    join: fn(&mut T, &T) -> bool,
}

impl<T: Ord> MergedList<T> {
    fn new(budget: &Budget, join: fn(&mut T, &T) -> bool) -> Self {
        Self { items: Vec::new(), reservation: budget.empty_reservation(Component::Input), join }
    }

    /// Maximum number of bytes of a list of this many items.
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
                self.reservation.grow((more * size_of::<T>()) as u64, PURPOSE)?;
                self.items.reserve_exact(capacity + more - self.items.len());
            }
        }
        self.items.push(item);
        Ok(())
    }
}

/// The user of the memory, as errors name it.
const PURPOSE: &str = "the intervals of an annotation";

/// The contigs of an index under other names.
struct RenamedContigs<'a> {
    index: &'a Index,
    /// Names in the index by the other ones, where they differ.
    own: AHashMap<&'a str, &'a str>,
}

impl<'a> RenamedContigs<'a> {
    fn new(index: &'a Index, contigs: &'a [Contig]) -> Result<Self> {
        let names = contigs.iter().zip(index.contigs()?).map(|(contig, own)| (&contig.name[..], &own.name[..]));
        Ok(Self { index, own: names.filter(|(name, own)| name != own).collect() })
    }
}

impl ContigLookup for RenamedContigs<'_> {
    fn has_contig(&self, name: &str) -> bool {
        self.own.contains_key(name) || self.index.has_contig(name)
    }

    fn locate(&self, region: &Region) -> Result<u32> {
        match self.own.get(&region.contig[..]) {
            Some(&own) => self.index.locate(&Region { contig: own.to_owned(), range: region.range.clone() }),
            None => self.index.locate(region),
        }
    }
}

/// The bases that an annotation covers.
pub(crate) struct Intervals {
    merged: MergedList<Interval>,
    /// Rows of the annotation that are features and were accepted.
    pub(crate) rows: u64,
}

impl Intervals {
    /// Reads an annotation: BED, GFF3, GTF, `.out` or TSV, detected by its rows. The intervals are the union of all
    /// features that a filter accepts, except that of a feature whose parts are all of the type `match_part` only the
    /// parts count. The contigs are those of the index, with the names that the annotation has.
    ///
    /// # Errors
    /// [`Error::Input`] with the line, if it cannot be read or is not within a contig of the index; [`Error::Memory`],
    /// which names what the whole file needs; [`Error::Io`]; [`Error::Damaged`].
    pub(crate) fn read(index: &Index, path: &Path, contigs: &[Contig], filter: &RowFilter) -> Result<Self> {
        let named = RenamedContigs::new(index, contigs)?;
        let lines = Lines::open(&Source::new(path), index.budget())?;
        let choose = |feature: &Feature<'_>| filter.accepts(feature).map(|accepted| accepted.then_some(0));
        let [chosen, _] = Self::sorted_into(lines, path, &named, index.budget(), choose)?;
        Ok(chosen)
    }

    /// As [`read`](Self::read), from the lines of the file `path` with rows in `contigs`: the features for which
    /// `is_first` is true, and the others.
    pub(crate) fn split(
        lines: Lines,
        path: &Path,
        contigs: &impl ContigLookup,
        budget: &Budget,
        is_first: impl Fn(&Feature<'_>) -> bool,
    ) -> Result<[Self; 2]> {
        let choose = |feature: &Feature<'_>| Ok(Some(usize::from(!is_first(feature))));
        Self::sorted_into(lines, path, contigs, budget, choose)
    }

    /// The intervals of the features of a file for which `choose` returns 0, and of those for which it returns 1.
    fn sorted_into(
        mut lines: Lines,
        path: &Path,
        contigs: &impl ContigLookup,
        budget: &Budget,
        choose: impl Fn(&Feature<'_>) -> Result<Option<usize>, String>,
    ) -> Result<[Self; 2]> {
        let mut readings = [AnnotationReading::new(budget), AnnotationReading::new(budget)];
        let mut parser = FeatureParser::new(path);
        let is_contig = |name: &str| contigs.has_contig(name);
        while let Some((number, line)) = lines.next()? {
            let in_line = |problem: String| Error::input(path, Some(number), problem);
            let line = String::from_utf8_lossy(line);
            match parser.line(&line, is_contig).map_err(in_line)? {
                Line::Header => {}
                Line::End => break,
                Line::Feature(feature) => {
                    let format = parser.format().unwrap_or(FeatureFormat::Bed);
                    let region = feature.region(format, is_contig);
                    let contig = contigs.locate(&region).map_err(|e| match e {
                        Error::NotInIndex { problem, .. } | Error::Input { problem, line: None, .. } => {
                            in_line(problem)
                        }
                        other => other,
                    })?;
                    let (start, end) = (region.range.start as u32, region.range.end as u32);
                    if let Some(chosen) = choose(&feature).map_err(in_line)? {
                        readings[chosen].add(&feature, Interval { contig, start, end });
                    }
                }
            }
        }
        let [first, others] = readings;
        Ok([first.finish()?, others.finish()?])
    }

    /// No interval.
    pub(crate) fn none(budget: &Budget) -> Self {
        Self { merged: MergedList::new(budget, Interval::join), rows: 0 }
    }

    /// Adds an interval, which counts as a row; [`sorted`](Self::sorted) has to follow.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn push(&mut self, interval: Interval) -> Result<()> {
        self.rows += 1;
        self.merged.push(interval)
    }

    /// The union of the intervals that were pushed.
    pub(crate) fn sorted(mut self) -> Self {
        self.merged.merge();
        self
    }

    /// The intervals of a contig, ascending; none touches another.
    pub(crate) fn of_contig(&self, number: u32) -> &[Interval] {
        let all = &self.merged.items[..];
        let first = all.partition_point(|interval| interval.contig < number);
        &all[first..first + all[first..].partition_point(|interval| interval.contig == number)]
    }
}

/// How masked bases are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    /// In lower case.
    Soft,
    /// As N.
    Hard,
}

impl Mask {
    /// Masks the letters of a range of a contig within the contig's intervals. Returns the number of masked bases.
    pub(crate) fn apply(self, letters: &mut [u8], range: Range<u64>, intervals: &[Interval]) -> u64 {
        let mut bases = 0;
        let from = intervals.partition_point(|interval| u64::from(interval.end) <= range.start);
        for interval in intervals[from..].iter().take_while(|interval| u64::from(interval.start) < range.end) {
            let (start, end) = (u64::from(interval.start).max(range.start), u64::from(interval.end).min(range.end));
            let part = &mut letters[(start - range.start) as usize..(end - range.start) as usize];
            bases += part.len() as u64;
            match self {
                Self::Soft => part.make_ascii_lowercase(),
                Self::Hard => part.fill(b'N'),
            }
        }
        bases
    }
}

/// An annotation that is being read.
struct AnnotationReading {
    budget: Budget,
    intervals: MergedList<Interval>,
    wholes: MergedList<Whole>,
    parents: MergedList<Parent>,
    /// Numbers of rows, of rows with an ID, and of parents that are named.
    rows: u64,
    ids: u64,
    parent_names: u64,
    /// Whether the memory is too small: from then on rows are only counted, for the error.
    failed: bool,
}

impl AnnotationReading {
    fn new(budget: &Budget) -> Self {
        Self {
            intervals: MergedList::new(budget, Interval::join),
            wholes: MergedList::new(budget, |last, next| last == next),
            parents: MergedList::new(budget, |last, next| {
                let same = last.id == next.id;
                last.has_others |= same && next.has_others;
                same
            }),
            budget: budget.clone(),
            rows: 0,
            ids: 0,
            parent_names: 0,
            failed: false,
        }
    }

    fn add(&mut self, feature: &Feature<'_>, interval: Interval) {
        self.rows += 1;
        let id = feature.values("ID").next().map(|id| hash(&id));
        self.ids += u64::from(id.is_some());
        let mut outcome = Ok(());
        for parent in feature.values("Parent") {
            self.parent_names += 1;
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

    /// The error that names the memory of all rows.
    fn error(self) -> Error {
        let lists = MergedList::<Interval>::bytes_for(self.rows)
            + MergedList::<Whole>::bytes_for(self.ids)
            + MergedList::<Parent>::bytes_for(self.parent_names);
        let limit = self.budget.limit();
        let own =
            self.intervals.reservation.bytes() + self.wholes.reservation.bytes() + self.parents.reservation.bytes();
        Error::memory(PURPOSE, self.budget.used().saturating_sub(own).saturating_add(lists), limit)
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
