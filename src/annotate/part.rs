//! A range of a genome is annotated by itself, with the statistics of the whole genome and the whole library. Alignments
//! that others of a neighbouring range may overlap stay as they are until those are known: so all ranges together have
//! the copies of one annotation of the whole genome.

use crate::align::{
    Alignment, ContigRange, FoundBlock, GenomeRange, GenomeSearch, Library, Operations, SearchOptions, TandemArrays,
    TandemRepeat, TandemSequence, Trimmer, tandem_repeats,
};
use crate::annotate::resolve::{Resolved, Resolver};
use crate::memory::{Budget, Component, Reservation};
use crate::{Index, Result};

/// The annotation of a range of a genome.
#[derive(Debug)]
pub(crate) struct AnnotationPart {
    /// Copies of which none overlaps another, by position. Queries behind those of the library are tandem repeats.
    pub(crate) resolved: Vec<Alignment>,
    /// Alignments that others of neighbouring ranges may overlap.
    pub(crate) unresolved: Vec<Alignment>,
    /// The tandem repeats among both, by position.
    pub(crate) tandem: Vec<TandemSequence>,
    /// Long arrays of tandem repeats that begin in the range, by position.
    pub(crate) arrays: Vec<ContigRange>,
    /// Of the memory of all of them.
    pub(crate) reservation: Reservation,
}

/// Annotates the range of a search; without tandem repeats, those of the library alone.
///
/// # Errors
/// As [`search`](crate::align::search())'s.
pub(crate) fn annotate_range(search: &GenomeSearch<'_>, with_tandem: bool) -> Result<AnnotationPart> {
    let GenomeSearch { index, library, range, options, budget, progress, .. } = *search;
    let (repeats, arrays, repeats_reservation) = if with_tandem {
        tandem_repeats(index, range, options.max_e_value, budget, progress)?
    } else {
        let reservation = budget.empty_reservation(Component::Alignments);
        (Vec::new(), TandemArrays::of(Vec::new(), budget)?, reservation)
    };
    // Those that begin in the range; earlier ones may overlap alignments in it.
    let (mut known, mut tandem, mut foreign_to) = (Vec::new(), Vec::new(), (0, 0));
    for TandemRepeat { sequence, alignment } in repeats {
        let begins = (alignment.contig, alignment.range.start);
        if range.contains(begins) {
            known.push(Alignment { query: (library.len() + tandem.len()) as u32, ..alignment });
            tandem.push(sequence);
        } else if begins < range.start {
            foreign_to = foreign_to.max((alignment.contig, alignment.range.end));
        }
    }
    let trimmer = Trimmer::new(index, library)?.with_tandem(&tandem);
    let trim = |alignment: &Alignment, range| trimmer.trim(alignment, range);
    // A family of units, or of several of them, may score higher than the part of the array that it covers.
    let is_late = |alignment: &Alignment| arrays.cover(alignment);
    let resolver = Resolver::new(trim, is_late, options.max_e_value, options.keep_columns, budget);
    let mut resolver = resolver.in_range(range, foreign_to, search.lead()).with_known(known);
    if !library.is_empty() {
        search.by_block(|block| resolver.add(block))?;
    }
    let Resolved { resolved, unresolved, reservation } = resolver.finish()?;
    drop(repeats_reservation);
    let begins_in_range = |array: &&ContigRange| range.contains((array.contig, array.range.start));
    let arrays = arrays.ranges().iter().filter(begins_in_range).cloned().collect();
    let mut part = AnnotationPart { resolved, unresolved, tandem, arrays, reservation };
    part.keep_used_tandem(library.len());
    Ok(part)
}

impl AnnotationPart {
    pub(super) fn new(budget: &Budget) -> Self {
        let (resolved, unresolved, tandem, arrays) = Default::default();
        Self { resolved, unresolved, tandem, arrays, reservation: budget.empty_reservation(Component::Alignments) }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let spare = |alignments: &Vec<Alignment>| (alignments.capacity() - alignments.len()) * size_of::<Alignment>();
        let spare = spare(&self.resolved) + spare(&self.unresolved);
        let alignments = self.resolved.iter().chain(&self.unresolved).map(Alignment::bytes).sum::<u64>();
        let arrays = (self.arrays.capacity() * size_of::<ContigRange>()) as u64;
        alignments + spare as u64 + self.tandem.iter().map(TandemSequence::bytes).sum::<u64>() + arrays
    }

    /// Removes the tandem repeats of which nothing is left, behind a library of `families` sequences.
    fn keep_used_tandem(&mut self, families: usize) {
        let mut numbers: Vec<Option<u32>> = vec![None; self.tandem.len()];
        let number_of = |alignment: &Alignment| (alignment.query as usize).checked_sub(families);
        let all = || self.resolved.iter().chain(&self.unresolved);
        all().filter_map(number_of).for_each(|number| numbers[number] = Some(0));
        let mut next = families as u32..;
        numbers.iter_mut().flatten().for_each(|number| *number = next.next().unwrap_or_default());
        for alignment in self.resolved.iter_mut().chain(&mut self.unresolved) {
            if let Some(new) = number_of(alignment).and_then(|number| numbers[number]) {
                alignment.query = new;
            }
        }
        let mut numbers = numbers.iter();
        self.tandem.retain(|_| numbers.next().is_some_and(Option::is_some));
        self.tandem.shrink_to_fit();
        self.reservation.resize(self.bytes());
    }

    /// Appends the annotation of the next range.
    fn append(&mut self, next: Self, families: usize) {
        let before = self.tandem.len() as u32;
        let renumbered = |mut alignment: Alignment| {
            if alignment.query as usize >= families {
                alignment.query += before;
            }
            alignment
        };
        self.resolved.extend(next.resolved.into_iter().map(renumbered));
        self.unresolved.extend(next.unresolved.into_iter().map(renumbered));
        self.tandem.extend(next.tandem);
        self.arrays.extend(next.arrays);
        self.reservation.resize(self.reservation.bytes() + next.reservation.bytes());
    }
}

/// Joins the annotations of all ranges of a genome, in the order of the ranges; `options` are those of the annotation.
///
/// # Errors
/// Those of `parts`; [`crate::Error::Damaged`]; [`crate::Error::Memory`].
pub(crate) fn join_parts(
    index: &Index,
    library: &Library,
    options: &SearchOptions,
    parts: impl IntoIterator<Item = Result<AnnotationPart>>,
    budget: &Budget,
) -> Result<AnnotationPart> {
    let families = library.len();
    let mut whole = AnnotationPart::new(budget);
    for part in parts {
        let mut part = part?;
        if !options.keep_columns {
            part.resolved.iter_mut().for_each(|alignment| alignment.operations = Operations::default());
        }
        whole.append(part, families);
    }
    let arrays = TandemArrays::of(std::mem::take(&mut whole.arrays), budget)?;
    let trimmer = Trimmer::new(index, library)?.with_tandem(&whole.tandem);
    let trim = |alignment: &Alignment, range| trimmer.trim(alignment, range);
    let is_late = |alignment: &Alignment| (alignment.query as usize) < families && arrays.cover(alignment);
    let mut resolver = Resolver::new(trim, is_late, options.max_e_value, options.keep_columns, budget);
    let (alignments, reservations) = (std::mem::take(&mut whole.unresolved), Vec::new());
    whole.reservation.resize(whole.bytes());
    let GenomeRange { start, end } = GenomeRange::WHOLE;
    resolver.add(FoundBlock { alignments, reservations, complete_to: end, foreign_to: start })?;
    let Resolved { resolved, .. } = resolver.finish()?;
    whole.resolved.extend(resolved);
    whole.resolved.sort_unstable_by_key(Alignment::sort_key);
    whole.keep_used_tandem(families);
    Ok(whole)
}
