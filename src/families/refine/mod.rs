//! From drafts to families: whole, different from each other, with all their copies. A draft has wrong bases, ends at
//! the end of its extension, and may be one of several pieces of a family, or none.
//!
//! Each round aligns the families that have changed to the loci of their copies, then works on every family on its own,
//! in parallel. The genome is searched when families have grown, a sample of it if it is large, and at the end (`loci`).
//!
//! 1. An alignment belongs to the family that it fits best. A family that another one contains is absorbed (`assign`).
//! 2. The copies correct the consensus by majority, and cut its ends back to columns in which they agree (`consensus`).
//! 3. Copies that continue beyond an end extend it as long as they agree (`grow`, by the extension kernel of
//!    discovery).
//!
//! When nothing changes, families that consist of several are split (`split`), and internal parts of elements with few
//! whole copies are searched (`ltr_interiors`). Then ends are cut back once more, since growth overshoots by chance
//! (`trim`), and families whose copies fall into groups become subfamilies (`subfamilies`). The remaining families are
//! filtered (`filter`): a family of transposons has copies in enough loci whose flanks differ. Families that a rejected
//! one had absorbed are restored, and refined in the same way.
//!
//! The phases are those of `state::Phase`, drawn in `docs/families.md`; `refinement` carries them out.

mod assign;
mod consensus;
mod deduplicate;
mod filter;
mod gene_families;
mod grow;
mod loci;
mod ltr_interiors;
mod options;
mod outcome;
mod refinement;
mod split;
mod state;
mod subfamilies;
mod trim;

use crate::align::{Alignment, GenomeRange, TandemArrays, genome_composition};
use crate::families::family::Family;
use crate::memory::{Budget, Reservation};
use crate::{Index, Progress, Result};
pub use options::RefineOptions;
pub use outcome::{LeftOut, Refined, RefinedFamily};
pub(crate) use refinement::RefinedDrafts;
use refinement::Refinement;
pub(crate) use state::FamilyState;

/// Refines drafts until nothing changes. No copy is in a tandem array.
///
/// Memory is that of a [`search`](crate::align::search) and of the alignments.
///
/// # Errors
/// Those of [`search`](crate::align::search).
pub fn refine(
    index: &Index,
    drafts: Vec<Family>,
    options: &RefineOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Refined> {
    let arrays = &TandemArrays::find(index, progress)?;
    let refined = refine_drafts(arrays, index, drafts, options, budget, progress)?;
    let copies = refined.survey(arrays, index, GenomeRange::WHOLE, budget, progress)?;
    filter_families(arrays, index, refined, copies, options, budget, progress)
}

/// Refines drafts until nothing is left but to search for all copies of the families ([`RefinedDrafts::survey`]), and to filter them
/// by these ([`filter_families`]).
///
/// # Errors
/// Those of [`refine()`].
pub(crate) fn refine_drafts(
    arrays: &TandemArrays,
    index: &Index,
    drafts: Vec<Family>,
    options: &RefineOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<RefinedDrafts> {
    let options = &for_genome(options, index)?;
    let mut refinement = Refinement::new(arrays, index, drafts, options, budget, progress)?;
    loop {
        let alignments = refinement.align_families()?;
        let mut round = refinement.assign_alignments(&alignments);
        let added = refinement.enter_phase(&mut round);
        let made = refinement.work_on_families(&round)?;
        drop(round);
        refinement.replace_families(made, alignments, added)?;
        if refinement.is_refined() {
            return Ok(refinement.into_refined());
        }
    }
}

/// Filters refined families by all their copies: those of a [`survey`](RefinedDrafts::survey) of the genome, and those that are known.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory).
pub(crate) fn filter_families(
    arrays: &TandemArrays,
    index: &Index,
    refined: RefinedDrafts,
    (copies, reservation): (Vec<Alignment>, Reservation),
    options: &RefineOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Refined> {
    let options = &for_genome(options, index)?;
    let mut refinement = Refinement::of_refined(arrays, index, refined, options, budget, progress)?;
    // From here on the refinement reserves them.
    drop(reservation);
    let alignments = refinement.all_copies(copies)?;
    let mut round = refinement.assign_alignments(&alignments);
    let (verdicts, _) = refinement.filter(&mut round);
    let assignment = round.into_assignment();
    Ok(refinement.finish(assignment, verdicts, alignments))
}

/// The options with the scores for a genome.
fn for_genome(options: &RefineOptions, index: &Index) -> Result<RefineOptions> {
    let scores = options.scores.for_composition(genome_composition(index)?);
    Ok(RefineOptions { scores, ..options.clone() })
}
