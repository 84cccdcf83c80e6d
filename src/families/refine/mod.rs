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

use crate::align::{TandemArrays, genome_composition};
use crate::families::family::Family;
use crate::memory::Budget;
use crate::{Index, Progress, Result};
pub use options::RefineOptions;
pub use outcome::{LeftOut, Refined, RefinedFamily};
use refinement::{Refinement, Transition};

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
    refine_outside(&TandemArrays::find(index, progress)?, index, drafts, options, budget, progress)
}

/// As [`refine`], with the tandem arrays of the genome.
pub(crate) fn refine_outside(
    arrays: &TandemArrays,
    index: &Index,
    drafts: Vec<Family>,
    options: &RefineOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Refined> {
    let scores = options.scores.for_composition(genome_composition(index)?);
    let options = &RefineOptions { scores, ..options.clone() };
    let mut refinement = Refinement::new(arrays, index, drafts, options, budget, progress)?;
    loop {
        let alignments = refinement.align_families()?;
        let mut round = refinement.assign_alignments(&alignments);
        let added = match refinement.enter_phase(&mut round) {
            Transition::Continue { added } => added,
            Transition::Finish { verdicts } => {
                return Ok(refinement.finish(round.into_assignment(), verdicts, alignments));
            }
        };
        let made = refinement.work_on_families(&round)?;
        drop(round);
        refinement.replace_families(made, alignments, added)?;
    }
}
