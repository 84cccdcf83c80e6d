//! Simple repeats, minisatellites and satellites are in no library of transposons, so they are found without one.
//!
//! After G. Benson (Tandem repeats finder, Nucleic Acids Res. 27 (1999) 573): words that recur at one distance show the
//! possible position of a repeat and its period (`candidates`). The range is aligned with its unit (`wraparound`),
//! first as the unit is read there, then with the consensus of its copies. The alignment is then scored as others are,
//! less a free score for the bases of the unit, which were chosen to match: so E-values are comparable, and tandem
//! repeats compete with families. Arrays of longer units are found by longer words, and each copy of the unit is aligned
//! (`long_units`).

mod arrays;
mod candidates;
mod long_units;
mod search;
mod unit_votes;
mod word_run;
mod wraparound;

use crate::align::genome_range::GenomeRange;
use crate::memory::{Budget, Reservation};
use crate::{Index, Progress, Result};
pub(crate) use arrays::TandemArrays;
pub use candidates::MAX_PERIOD;
pub use long_units::MAX_LONG_PERIOD;
use search::TandemSearch;
pub use search::{TandemRepeat, TandemSequence};
pub(crate) use search::{free_score, tandem_e_value};

/// Every tandem repeat with an E-value of at most `max_e_value` and a unit of at most [`MAX_LONG_PERIOD`] bases, by
/// position, and the long arrays among them, in the blocks of contigs that a range of the genome touches. They may
/// overlap. Of units of more than [`MAX_PERIOD`] bases, only long
/// arrays are found.
///
/// # Errors
/// [`crate::Error::Memory`] if the budget is too small; [`crate::Error::Damaged`].
pub(crate) fn tandem_repeats(
    index: &Index,
    within: GenomeRange,
    max_e_value: f64,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<(Vec<TandemRepeat>, TandemArrays, Reservation)> {
    let search = TandemSearch::new(index, within, max_e_value, budget)?;
    let mut repeats = search.find(|_| true, Some, TandemRepeat::bytes, progress)?;
    let (arrays, long_units) = TandemArrays::among(&repeats, &search)?;
    repeats.extend(long_units.copies);
    repeats.sort_unstable_by(|a: &TandemRepeat, b| {
        let key = |repeat: &'_ TandemRepeat| (repeat.alignment.sort_key(), repeat.sequence.period);
        (key(a), &a.sequence.name).cmp(&(key(b), &b.sequence.name))
    });
    // An array is found at its period and at multiples of it.
    repeats.dedup_by(|b, a| a.alignment.sort_key() == b.alignment.sort_key());
    let mut reservation = long_units.reservation;
    reservation.resize(repeats.iter().map(TandemRepeat::bytes).sum());
    Ok((repeats, arrays, reservation))
}
