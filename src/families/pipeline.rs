//! The search for families as a whole, so that every command, and every program that embeds the library, runs the same
//! steps with the same options: discovery, refinement, statistics.

use std::cmp::Reverse;

use crate::align::Alignment;
use crate::families::discover::discover;
use crate::families::parameters::DiscoverOptions;
use crate::families::refine::{LeftOut, RefineOptions, RefinedFamily, refine_outside};
use crate::families::statistics::{FamilyStatistics, statistics};
use crate::genome::Contig;
use crate::memory::Reservation;
use crate::{Index, Progress, Result};

/// Options of the search for families.
#[derive(Debug, Clone, Default)]
pub struct FamilyOptions {
    /// Options of discovery.
    pub discover: DiscoverOptions,
    /// Options of refinement.
    pub refine: RefineOptions,
}

impl From<DiscoverOptions> for FamilyOptions {
    /// Options with which refinement has the scores and the limits of discovery.
    fn from(discover: DiscoverOptions) -> Self {
        let DiscoverOptions { scores, min_copies, min_length, .. } = discover;
        let refine = RefineOptions { scores, min_copies, min_length, ..RefineOptions::default() };
        Self { discover, refine }
    }
}

/// The families of a genome, and what was left out.
#[derive(Debug)]
#[non_exhaustive]
pub struct FoundFamilies {
    /// Families with all their copies, those with the most bases in the genome first.
    pub families: Vec<RefinedFamily>,
    /// A description of each family, in the same order.
    pub statistics: Vec<FamilyStatistics>,
    /// Drafts that discovery found.
    pub drafts: u64,
    /// Candidates without a draft, since they have too few copies, or copies in one locus only.
    pub drafts_left_out: u64,
    /// Bases of the genome that discovery examined.
    pub examined: u64,
    /// Bases of the genome in long tandem arrays, in which no family has copies.
    pub array_bases: u64,
    /// Rounds of refinement.
    pub rounds: u64,
    /// Drafts that are no family of their own, by reason.
    pub left_out: LeftOut,
    /// Of the memory of the copies.
    _reservation: Reservation,
}

impl FoundFamilies {
    /// Copies of all families.
    pub fn copies(&self) -> u64 {
        self.statistics.iter().map(|family| family.copies).sum()
    }

    /// Bases of the genome in copies of all families.
    pub fn bases(&self) -> u64 {
        self.statistics.iter().map(|family| family.bases).sum()
    }
}

/// Finds the families of a genome on the current rayon pool: [`discover`], then
/// [`refine`](crate::families::refine()), then [`statistics`](crate::families::statistics()).
///
/// Memory is charged to the budget of the index. The result does not depend on threads or memory, nor on the order of the
/// contigs: they are taken by falling length, and those of one length by their bases.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if the budget does not suffice, before any work if it is less than
/// [`families_memory`](crate::families::families_memory); [`Error::Usage`](crate::Error::Usage) for a sample of more than
/// 2^28 bases; [`Error::Damaged`](crate::Error::Damaged) and [`Error::Io`](crate::Error::Io) from the index.
pub fn find_families(index: &Index, options: &FamilyOptions, progress: &dyn Progress) -> Result<FoundFamilies> {
    let order = order_of_contigs(index)?;
    if order.is_sorted() {
        return find_in_order(index, options, progress);
    }
    let ordered = index.with_contig_order(&order)?;
    let mut found = find_in_order(&ordered, options, progress)?;
    let (contigs, ordered_contigs) = (index.contigs()?, ordered.contigs()?);
    for family in &mut found.families {
        family.copies.iter_mut().for_each(|copy| copy.contig = order[copy.contig as usize]);
        family.copies.sort_unstable_by_key(Alignment::sort_key);
        let seed = &mut family.seed.genome;
        let number = Contig::number_at(ordered_contigs, seed.start);
        let (from, to) = (ordered_contigs[number].start, contigs[order[number] as usize].start);
        *seed = seed.start - from + to..seed.end - from + to;
    }
    Ok(found)
}

/// The numbers of the contigs by falling length; of one length, by their digests.
fn order_of_contigs(index: &Index) -> Result<Vec<u32>> {
    let (contigs, digests) = (index.contigs()?, index.contig_digests()?);
    let mut order: Vec<u32> = (0..contigs.len() as u32).collect();
    order.sort_by_key(|&number| (Reverse(contigs[number as usize].length), digests[number as usize].md5));
    Ok(order)
}

/// As [`find_families`], with the contigs in the order of the index.
fn find_in_order(index: &Index, options: &FamilyOptions, progress: &dyn Progress) -> Result<FoundFamilies> {
    let found = discover(index, &options.discover, progress)?;
    let drafts = found.families.len() as u64;
    let refined = refine_outside(&found.arrays, index, found.families, &options.refine, index.budget(), progress)?;
    let statistics = statistics(
        index,
        &refined.families,
        options.refine.profiles.as_deref(),
        options.refine.structural_rna.as_deref(),
    )?;
    Ok(FoundFamilies {
        families: refined.families,
        statistics,
        drafts,
        drafts_left_out: found.left_out,
        examined: found.examined,
        array_bases: found.arrays.bases(),
        rounds: refined.rounds as u64,
        left_out: refined.left_out,
        _reservation: refined.reservation,
    })
}
