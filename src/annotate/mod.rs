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
mod resolve;
mod row_filter;
mod summary;

use crate::align::{
    Alignment, Library, SearchOptions, Trimmer, free_score, search_by_block, tandem_e_value, tandem_repeats,
};
use crate::memory::{Budget, Reservation};
use crate::{Index, Progress, Result};
pub use copy::{RepeatCopy, family_and_class};
pub use groups::{ContigGroups, GroupTable, MAX_GROUPS};
pub(crate) use intervals::{Interval, Intervals, Mask};
pub(crate) use join::{JoinParameters, join_fragments};
use resolve::Resolver;
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
    let trimmer = Trimmer::new(index, library)?;
    let trim = |alignment: &Alignment, range| trimmer.trim(alignment, range);
    let mut resolver = Resolver::new(trim, |_| false, options.max_e_value, options.keep_columns, budget);
    search_by_block(index, library, library.len(), options, budget, progress, |block| resolver.add(block))?;
    Ok(numbered(resolver.finish()?))
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
    let (query_bases, families) = (library.bases(), library.len());
    let (repeats, arrays, _repeats_reservation) = tandem_repeats(index, options.max_e_value, budget, progress)?;
    let (mut chosen, mut known) = (Vec::with_capacity(repeats.len()), Vec::with_capacity(repeats.len()));
    for repeat in repeats {
        let query = library.len() as u32;
        chosen.push((repeat.chosen_bases, repeat.period));
        library.push(repeat.name, repeat.array);
        known.push(Alignment { query, ..repeat.alignment });
    }
    let trimmer = Trimmer::new(index, library)?.with_query_bases(query_bases);
    let bases = index.contigs()?.iter().map(|contig| contig.length).sum();
    let trim = |alignment: &Alignment, range| {
        let mut rest = trimmer.trim(alignment, range)?;
        if let Some(rest) = &mut rest
            && let Some((chosen, period)) = (rest.query as usize).checked_sub(families).map(|number| chosen[number])
        {
            rest.score -= free_score(chosen);
            rest.e_value = tandem_e_value(rest.score, period, bases);
        }
        Ok(rest)
    };
    // A family of units, or of several of them, may score higher than the part of the array that it covers.
    let is_late = |alignment: &Alignment| arrays.cover(alignment);
    let resolver = Resolver::new(trim, is_late, options.max_e_value, options.keep_columns, budget);
    let mut resolver = resolver.with_known(known);
    if families > 0 {
        search_by_block(index, library, families, options, budget, progress, |block| resolver.add(block))?;
    }
    let (mut copies, reservation) = resolver.finish()?;
    // Arrays without a copy are removed from the library.
    let mut kept = vec![false; library.len()];
    kept[..families].fill(true);
    copies.iter().for_each(|copy| kept[copy.query as usize] = true);
    let numbers = library.retain(&kept);
    copies.iter_mut().for_each(|copy| copy.query = numbers[copy.query as usize]);
    Ok(numbered((copies, reservation)))
}

/// The options of the search for an annotation. Nested alignments of a sequence with itself have no bases left after
/// overlaps are resolved, so they are not made: a unit of a tandem repeat would be aligned with every unit of its
/// consensus. Targets are sorted, so that groups of alignments are complete early.
fn for_annotation(options: &SearchOptions) -> SearchOptions {
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
