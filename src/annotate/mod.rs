//! A search finds alignments that overlap and fragments of copies; an annotation assigns each base to one copy of one
//! repeat.
//!
//! [`annotate`] searches, then resolves overlaps best first: of two alignments that overlap, the one with the better
//! score keeps the shared bases and the other is cut to the rest. Fragments of one copy that a deletion, an insertion
//! or a copy of another family separates get one number. Tandem repeats compete with families.

mod copy;
mod intervals;
mod join;
mod summary;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::align::{
    Alignment, Library, SearchOptions, TandemArrays, Trimmer, free_score, search_with_progress, tandem_e_value,
    tandem_repeats,
};
use crate::memory::Budget;
use crate::{Index, Progress, Result};
pub use copy::{RepeatCopy, family_and_class};
pub(crate) use intervals::{Interval, Intervals, Mask};
pub(crate) use join::{JoinParameters, join_fragments};
pub use summary::{
    AnnotationSummary, CLASSES_ALONG, ClassSummary, ContigDensity, DIVERGENCES, Density, FamilySummary, LENGTHS,
    summarize,
};

/// Minimum score of the rest of an alignment that was cut (eighths of a nat): 15 nats, 11 to 13 equal bases. Without
/// it, slivers between better copies remain; empirical, docs/annotation.md was measured with it.
const MIN_REST_SCORE: i32 = 120;

/// Every copy of the repeats of a library, by contig and start; none overlaps another.
///
/// # Errors
/// As [`search`](crate::align::search)'s.
pub fn annotate(
    index: &Index,
    library: &Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<RepeatCopy>> {
    let (found, _reservation) = search_with_progress(index, library, &without_nested(options), budget, progress)?;
    let trimmer = Trimmer::new(index, library)?;
    Ok(numbered(resolve([found], options.max_e_value, |alignment, range| trimmer.trim(alignment, range))?))
}

/// As [`annotate`], with the tandem repeats of the genome, which the library need not have: simple repeats and
/// satellites. Each array with a copy is added to the library as a sequence, so that copies refer to it as to others.
///
/// # Errors
/// As [`search`](crate::align::search)'s.
pub fn annotate_with_tandem_repeats(
    index: &Index,
    library: &mut Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<RepeatCopy>> {
    let (query_bases, families) = (library.bases(), library.len());
    let (mut found, _found_reservation) =
        search_with_progress(index, library, &without_nested(options), budget, progress)?;
    let (repeats, _repeats_reservation) = tandem_repeats(index, options.max_e_value, budget, progress)?;
    let arrays = TandemArrays::among(&repeats, budget)?;
    // A family of units, or of several of them, may score higher than the part of the array that it covers.
    let late: Vec<Alignment> = found.extract_if(.., |alignment| arrays.cover(alignment)).collect();
    let mut units = Vec::with_capacity(repeats.len());
    for repeat in repeats {
        let query = library.len() as u32;
        library.push(repeat.name(), repeat.array);
        units.push(repeat.unit.len());
        found.push(Alignment { query, ..repeat.alignment });
    }
    let trimmer = Trimmer::new(index, library)?.with_query_bases(query_bases);
    let bases = index.contigs()?.iter().map(|contig| contig.length).sum();
    let mut copies = resolve([found, late], options.max_e_value, |alignment, range| {
        let mut rest = trimmer.trim(alignment, range)?;
        if let Some(rest) = &mut rest
            && let Some(unit) = (rest.query as usize).checked_sub(families).map(|number| units[number])
        {
            rest.score -= free_score(unit);
            rest.e_value = tandem_e_value(rest.score, unit, bases);
        }
        Ok(rest)
    })?;
    // Arrays without a copy are removed from the library.
    let mut kept = vec![false; library.len()];
    kept[..families].fill(true);
    copies.iter().for_each(|copy| kept[copy.query as usize] = true);
    let numbers = library.retain(&kept);
    copies.iter_mut().for_each(|copy| copy.query = numbers[copy.query as usize]);
    Ok(numbered(copies))
}

/// Nested alignments of a sequence with itself have no bases left after overlaps are resolved, so they are not made: a
/// unit of a tandem repeat would be aligned with every unit of its consensus.
fn without_nested(options: &SearchOptions) -> SearchOptions {
    SearchOptions { skip_nested: true, ..options.clone() }
}

/// Copies by position, with their numbers.
fn numbered(mut copies: Vec<Alignment>) -> Vec<RepeatCopy> {
    copies.sort_unstable_by_key(Alignment::sort_key);
    let numbers = join_fragments(&copies, &JoinParameters::ANNOTATION);
    copies.into_iter().zip(numbers).map(|(alignment, number)| RepeatCopy { id: number as u64 + 1, alignment }).collect()
}

/// Cuts alignments, best first and one group after another, so that none overlaps another. The rest of one is kept if
/// its E-value is at most `max_e_value`.
fn resolve<const GROUPS: usize>(
    mut groups: [Vec<Alignment>; GROUPS],
    max_e_value: f64,
    trim: impl Fn(&Alignment, Range<u64>) -> Result<Option<Alignment>>,
) -> Result<Vec<Alignment>> {
    for group in &mut groups {
        group.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.sort_key().cmp(&b.sort_key())));
    }
    // Ends of the ranges that are taken, by contig and start.
    let mut taken: BTreeMap<(u32, u64), u64> = BTreeMap::new();
    let mut kept = Vec::new();
    for alignment in groups.into_iter().flatten() {
        let free = free(&taken, alignment.contig, &alignment.range);
        if free.len() == 1 && free[0] == alignment.range {
            taken.insert((alignment.contig, alignment.range.start), alignment.range.end);
            kept.push(alignment);
            continue;
        }
        for range in free {
            if let Some(rest) = trim(&alignment, range)?
                && rest.score >= MIN_REST_SCORE
                && rest.e_value <= max_e_value
            {
                taken.insert((rest.contig, rest.range.start), rest.range.end);
                kept.push(rest);
            }
        }
    }
    Ok(kept)
}

/// The parts of a range that are not taken.
fn free(taken: &BTreeMap<(u32, u64), u64>, contig: u32, range: &Range<u64>) -> Vec<Range<u64>> {
    let before = taken.range(..(contig, range.start)).next_back().filter(|((c, _), _)| *c == contig);
    let within = taken.range((contig, range.start)..(contig, range.end));
    let (mut free, mut at) = (Vec::new(), range.start);
    for (&(_, start), &end) in before.into_iter().chain(within) {
        if start > at {
            free.push(at..start);
        }
        at = at.max(end);
    }
    if at < range.end {
        free.push(at..range.end);
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::Counts;
    use crate::kmer::Strand;

    fn copy(query: u32, strand: Strand, range: Range<u64>, query_range: Range<u32>, score: i32) -> Alignment {
        let (contig, e_value) = (0, 0.0);
        let (counts, operations) = (Counts::default(), Vec::new());
        Alignment { query, strand, query_range, contig, range, score, e_value, counts, operations }
    }

    #[test]
    fn the_better_alignment_keeps_shared_bases() {
        use Strand::Forward;
        let cut = |a: &Alignment, range: Range<u64>| -> Result<Option<Alignment>> {
            Ok(Some(Alignment { score: (range.end - range.start) as i32 * 8, range, ..a.clone() }))
        };
        let found = vec![
            copy(0, Forward, 100..500, 0..400, 3000),
            copy(1, Forward, 200..300, 0..100, 4000),
            copy(2, Forward, 490..600, 0..110, 800),
            copy(3, Forward, 95..110, 0..15, 130),
        ];
        let mut kept: Vec<_> =
            resolve([found], 1e-3, cut).expect("no error").into_iter().map(|a| (a.range, a.query)).collect();
        kept.sort_by_key(|(range, _)| range.start);
        assert_eq!(kept, [(100..200, 0), (200..300, 1), (300..500, 0), (500..600, 2)]);
    }
}
