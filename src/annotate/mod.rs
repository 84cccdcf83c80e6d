//! A search finds alignments that overlap and fragments of copies; an annotation assigns each base to one copy of one
//! repeat.
//!
//! [`annotate`] searches, and resolves overlaps best first: of two alignments that overlap, the one with the better
//! score keeps the shared bases and the other is cut to the rest. Fragments of one copy that a deletion, an insertion
//! or a copy of another family separates get one number. Tandem repeats compete with families.

mod copy;
mod groups;
mod intervals;
mod join;
mod part;
mod part_file;
mod resolve;
mod row_filter;
mod summary;

use crate::align::{Alignment, GenomeSearch, Library, SearchOptions};
use crate::memory::{Budget, Reservation};
use crate::{Index, Progress, Result};
pub use copy::{RepeatCopy, family_and_class};
pub use groups::{ContigGroups, GroupTable, MAX_GROUPS};
pub(crate) use intervals::{Interval, Intervals, Mask};
pub(crate) use join::{JoinParameters, join_fragments};
pub(crate) use part::{AnnotationPart, annotate_range, join_parts};
pub(crate) use part_file::{
    PART_FORMAT_VERSION, PartFile, PartHeader, PartLibrary, PartSubject, open_parts, write_part,
};
pub(crate) use row_filter::RowFilter;
pub use summary::{
    AnnotationSummary, CLASSES_ALONG, ClassSummary, ContigDensity, DIVERGENCES, Density, FamilySummary, GroupClass,
    GroupSummary, LENGTHS, summarize,
};

/// Every copy of the repeats of a library, by contig and start; none overlaps another.
///
/// # Errors
/// As [`search`](crate::align::search())'s.
pub fn annotate(
    index: &Index,
    library: &Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<RepeatCopy>> {
    annotate_charged(index, library, options, budget, progress).map(|(copies, _)| copies)
}

/// As [`annotate`], with the reservation for the copies.
pub(crate) fn annotate_charged(
    index: &Index,
    library: &Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<(Vec<RepeatCopy>, Reservation)> {
    let options = &for_annotation(options);
    let part = annotate_range(&GenomeSearch::new(index, library, options, budget, progress), false)?;
    Ok(numbered((part.resolved, part.reservation)))
}

/// As [`annotate`], with the tandem repeats of the genome, which the library need not have: simple repeats and
/// satellites. Each array with a copy is added to the library as a sequence, so that copies refer to it as to others.
///
/// # Errors
/// As [`search`](crate::align::search())'s.
pub fn annotate_with_tandem_repeats(
    index: &Index,
    library: &mut Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<RepeatCopy>> {
    annotate_with_tandem_repeats_charged(index, library, options, budget, progress).map(|(copies, _)| copies)
}

/// As [`annotate_with_tandem_repeats`], with the reservation for the copies.
pub(crate) fn annotate_with_tandem_repeats_charged(
    index: &Index,
    library: &mut Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<(Vec<RepeatCopy>, Reservation)> {
    let options = &for_annotation(options);
    let part = annotate_range(&GenomeSearch::new(index, library, options, budget, progress), true)?;
    Ok(copies_of(part, library))
}

/// The copies of the annotation of a whole genome, with its tandem repeats as sequences of the library, and their
/// reservation.
pub(crate) fn copies_of(whole: AnnotationPart, library: &mut Library) -> (Vec<RepeatCopy>, Reservation) {
    whole.tandem.into_iter().for_each(|sequence| library.push(sequence.name, sequence.letters));
    numbered((whole.resolved, whole.reservation))
}

/// The options of the search for an annotation. Nested alignments of a sequence with itself have no bases left after
/// overlaps are resolved, so they are not made: a unit of a tandem repeat would be aligned with every unit of its
/// consensus. Targets are sorted, so that groups of alignments are complete early.
pub(crate) fn for_annotation(options: &SearchOptions) -> SearchOptions {
    let mut options = SearchOptions { skip_nested: true, ..options.clone() };
    if let Some(within) = &mut options.within {
        within.sort_unstable_by_key(|range| (range.contig, range.range.start, range.range.end));
    }
    options
}

/// Copies by position, with their numbers.
fn numbered((copies, mut reservation): (Vec<Alignment>, Reservation)) -> (Vec<RepeatCopy>, Reservation) {
    // Copies with and without numbers are in memory together.
    reservation.resize(reservation.bytes() + (copies.len() * size_of::<RepeatCopy>()) as u64);
    let numbers = join_fragments(&copies, &JoinParameters::ANNOTATION);
    let numbers = copies.into_iter().zip(numbers);
    let copies: Vec<RepeatCopy> =
        numbers.map(|(alignment, number)| RepeatCopy { id: number as u64 + 1, alignment }).collect();
    reservation.resize(copies.iter().map(RepeatCopy::bytes).sum());
    (copies, reservation)
}
