//! The last correction of a consensus. Growth overshoots the true ends by chance, and so do alignments. So the ends are
//! right only if nothing grows after they were cut. Subfamilies have the ends of their family.

use crate::families::bases::Bases;
use crate::families::copies::PlacedAlignment;
use crate::families::refine::consensus::{correct, correct_subfamily};
use crate::families::refine::grow::{kept_part, min_end_copies};
use crate::families::refine::options::RefineOptions;
use crate::families::refine::state::FamilyState;

/// The family with its consensus corrected and its ends cut back; unchanged, if there is nothing to correct or too few
/// copies to do so. If its copies are those of several subfamilies, these.
pub(super) fn trim_family(
    family: &FamilyState,
    copies: &[PlacedAlignment<'_>],
    subfamilies: &[Vec<PlacedAlignment<'_>>],
    bases: &Bases,
    options: &RefineOptions,
) -> Vec<FamilyState> {
    let voters = &copies[..copies.len().min(options.max_voters)];
    let corrected = correct(&family.consensus, voters, bases);
    let kept = kept_part(&family.consensus, &corrected, voters, min_end_copies(copies), bases);
    let changed = |consensus: &[u8]| FamilyState { consensus: consensus.to_vec(), alignments: None, ..family.clone() };
    if subfamilies.len() > 1 && kept.len() >= options.min_length {
        let [start, end] = [kept.start, kept.end].map(|at| corrected.column(at, family.consensus.len()));
        let of_subfamily = |copies: &Vec<PlacedAlignment<'_>>| {
            let voters = &copies[..copies.len().min(options.max_voters)];
            let consensus = correct_subfamily(&family.consensus, voters, bases);
            FamilyState { absorbed: Vec::new(), ..changed(consensus.within(start..end)) }
        };
        return family.replaced_by(subfamilies.iter().map(of_subfamily).collect());
    }
    let consensus = &corrected.consensus[kept];
    if consensus.len() < options.min_length || consensus == family.consensus {
        return vec![family.unchanged()];
    }
    vec![changed(consensus)]
}
