//! Whether the terminal repeats of each copy belong together. Both long terminal repeats of an element are made of one
//! template at its insertion and decay apart from then on; two neighbouring SINEs were inserted at different times.

use std::ops::Range;

use crate::align::Alignment;
use crate::families::bases::Bases;
use crate::families::copies::{AlignedColumn, PlacedAlignment, for_each_column};
use crate::families::terminal_repeats::{direct_repeats, similarity};
use crate::genome::Contig;

/// Copies whose repeats are compared, each with each, the first by position.
const MAX_COPIES: usize = 10;
/// Bases of a repeat that are compared: more hardly change a similarity and cost time.
const MAX_BASES: usize = 400;
/// One of this many bases of a repeat that a copy may lack.
const MISSING_PART: usize = 10;
/// Similarity of the repeats of young copies, three in a hundred bases different at most: other copies may be as similar.
const YOUNG: f64 = 0.9;
/// By how much the repeats of one copy are more similar than those of two copies: two in a hundred bases.
const MIN_DIFFERENCE: f64 = 0.06;

/// Whether the direct repeats of two copies or more are those of insertions. Each copy is its fragments by position.
pub(crate) fn have_paired_repeats(
    consensus: &[u8],
    copies: &[Vec<&Alignment>],
    bases: &Bases<'_>,
    contigs: &[Contig],
) -> bool {
    let Some(repeats) = direct_repeats(consensus) else { return false };
    let columns = [&repeats.first, &repeats.second].map(|range| range.start..range.end.min(range.start + MAX_BASES));
    let pairs: Vec<[Vec<u8>; 2]> = copies
        .iter()
        .filter_map(|copy| {
            let [first, second] = columns.clone().map(|columns| codes_of(copy, &columns, bases, contigs));
            Some([first?, second?])
        })
        .take(MAX_COPIES)
        .collect();
    if pairs.len() < 2 {
        return false;
    }
    let mean = |similarities: Vec<f64>| similarities.iter().sum::<f64>() / similarities.len() as f64;
    let within = mean(pairs.iter().map(|[first, second]| similarity(first, second)).collect());
    let others = |i: usize| (0..pairs.len()).filter(move |&j| j != i);
    let between = mean(
        (0..pairs.len())
            .flat_map(|i| others(i).map(move |j| (i, j)))
            .map(|(i, j)| similarity(&pairs[i][0], &pairs[j][1]))
            .collect(),
    );
    within >= YOUNG || within >= between + MIN_DIFFERENCE
}

/// The bases of a copy in these columns of the consensus, if it has most of them.
fn codes_of(copy: &[&Alignment], columns: &Range<usize>, bases: &Bases<'_>, contigs: &[Contig]) -> Option<Vec<u8>> {
    let mut codes: Vec<(u32, u8)> = Vec::new();
    for fragment in copy {
        for_each_column(&PlacedAlignment::new(fragment, contigs), bases, |aligned, _| {
            if let AlignedColumn::Base(column, code) | AlignedColumn::Insertion(column, code) = aligned
                && columns.contains(&(column as usize))
            {
                codes.push((column, code));
            }
        });
    }
    // Fragments come by position, which is backwards on the reverse strand; the sort keeps the order within a column.
    codes.sort_by_key(|(column, _)| *column);
    let is_most = MISSING_PART * codes.len() >= (MISSING_PART - 1) * columns.len();
    is_most.then(|| codes.into_iter().map(|(_, code)| code).collect())
}
