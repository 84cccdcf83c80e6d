//! The last correction of a consensus. Growth overshoots the true ends by chance, and so do alignments. So the ends are
//! right only if nothing grows after they were cut.

use crate::families::bases::Bases;
use crate::families::copies::PlacedAlignment;
use crate::families::refine::consensus::correct;
use crate::families::refine::grow::{kept_part, min_end_copies};
use crate::families::refine::options::RefineOptions;
use crate::families::refine::state::FamilyState;

/// The family with its consensus corrected and its ends cut back; unchanged, if there is nothing to correct or too few
/// copies to do so.
pub(super) fn trim_family(
    family: &FamilyState,
    copies: &[PlacedAlignment<'_>],
    bases: &Bases,
    options: &RefineOptions,
) -> FamilyState {
    let voters = &copies[..copies.len().min(options.max_voters)];
    let corrected = correct(&family.consensus, voters, bases);
    let kept = kept_part(&family.consensus, &corrected, voters, min_end_copies(copies), bases);
    let consensus = &corrected.consensus[kept];
    if consensus.len() < options.min_length || consensus == family.consensus {
        return family.unchanged();
    }
    FamilyState { consensus: consensus.to_vec(), alignments: None, ..family.clone() }
}
