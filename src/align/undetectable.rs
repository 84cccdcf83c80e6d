//! A search cannot find every sequence of a library, even if the genome has an identical copy. Such sequences are
//! reported before the search runs.

use std::ops::Range;

use rayon::prelude::*;

use crate::Notice;
use crate::align::context::Thresholds;
use crate::align::library::Library;
use crate::align::operations::Column;
use crate::align::score::{PRIOR_PAIRS, PRIOR_SUBSTITUTIONS, Scorings, score_columns};
use crate::align::seeds;
use crate::sequence::codes;

/// Sequences that the notice names.
const MAX_NAMED: usize = 3;

/// Bases of a sequence that are checked together: if these can be found, the rest is not checked.
const CHUNK: usize = 1 << 12;

/// Those of some sequences of a library whose copies cannot be found, because they have no seed, or an identical
/// copy scores less than the thresholds of an alignment or, as a segment, of a chain.
pub(crate) fn undetectable(
    library: &Library,
    sequences: Range<usize>,
    scorings: &Scorings,
    thresholds: &Thresholds,
) -> Option<Notice> {
    let Thresholds { chain: min_chain_score, alignment: min_score, .. } = *thresholds;
    let is_undetectable = |letters: &[u8]| {
        let codes: Vec<u8> = codes(letters).collect();
        let segment: i32 = codes.iter().map(|&code| scorings.general().pair(code, code)).sum();
        let score = || score_columns(&codes, &codes, &vec![Column::Pair; codes.len()], scorings).1;
        !seeds::has_seed(&codes) || segment < min_chain_score || score() < min_score
    };
    let no_chunk_found = |&number: &usize| library.sequence(number).chunks(CHUNK).all(is_undetectable);
    let numbers: Vec<usize> = sequences.clone().into_par_iter().filter(no_chunk_found).collect();
    if numbers.is_empty() {
        return None;
    }
    let shortest = (seeds::min_span()..).find(|&bases| {
        let scoring = scorings.nearest(PRIOR_SUBSTITUTIONS / (PRIOR_PAIRS + f64::from(bases)));
        // The mean of the four matches, for each base.
        bases as i32 * (0..4).map(|base| scoring.pair(base, base)).sum::<i32>() >= 4 * min_score
    });
    Some(Notice::HiddenSequences {
        sequences: numbers.len() as u64,
        total: sequences.len() as u64,
        first: numbers.iter().take(MAX_NAMED).map(|&number| library.name(number).to_owned()).collect(),
        shortest: shortest.unwrap_or(u32::MAX),
    })
}
