//! The search for families as a whole, so that every command, and every program that embeds the library, runs the same
//! steps with the same options: discovery, refinement, statistics.

use std::cmp::Reverse;

use crate::align::{Alignment, GenomeRange, TandemArrays};
use crate::bundle::Shard;
use crate::families::discover::{Discovery, SampleSearch, samples};
use crate::families::parameters::DiscoverOptions;
use crate::families::refine::{LeftOut, RefineOptions, RefinedDrafts, RefinedFamily, filter_families, refine_drafts};
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

/// Finds the families of a genome on the current rayon pool: [`discover`](crate::families::discover()), then
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
    let search = FamilySearch::new(index, options, progress)?;
    let mut drafts = search.discover_next(None)?;
    while !drafts.is_finished {
        drafts = search.discover_next(Some(drafts))?;
    }
    let refined = search.refine(drafts)?;
    let copies = search.survey(&refined, None)?;
    search.filter(refined, copies)
}

/// A search for families in stages. The results of each are all that the next ones need, so they can be written to
/// files ([`crate::families::stage_file`]), and a stage can run on another machine.
pub(crate) struct FamilySearch<'a> {
    index: &'a Index,
    /// The numbers of the contigs in the order in which they are taken.
    order: Vec<u32>,
    /// The index with its contigs in that order, if it is another one.
    ordered: Option<Index>,
    options: &'a FamilyOptions,
    progress: &'a dyn Progress,
}

/// Families whose consensi are final, and what discovery found.
#[derive(Debug)]
pub(crate) struct RefinedSearch {
    pub(crate) arrays: TandemArrays,
    pub(crate) drafts: u64,
    pub(crate) drafts_left_out: u64,
    pub(crate) examined: u64,
    pub(crate) refined: RefinedDrafts,
}

impl<'a> FamilySearch<'a> {
    /// # Errors
    /// From the index.
    pub(crate) fn new(index: &'a Index, options: &'a FamilyOptions, progress: &'a dyn Progress) -> Result<Self> {
        let order = order_of_contigs(index)?;
        let ordered = if order.is_sorted() { None } else { Some(index.with_contig_order(&order)?) };
        Ok(Self { index, order, ordered, options, progress })
    }

    fn index(&self) -> &Index {
        self.ordered.as_ref().unwrap_or(self.index)
    }

    /// The contigs as results of stages have them.
    pub(crate) fn contigs(&self) -> Result<&[Contig]> {
        self.index().contigs()
    }

    /// The number of samples, of which the last ones are not examined if they add too little.
    ///
    /// # Errors
    /// From the index.
    pub(crate) fn samples(&self) -> Result<u32> {
        Ok(samples(self.contigs()?, &self.options.discover.samples).len() as u32)
    }

    /// The drafts of the next sample too; without any, of the first.
    ///
    /// # Errors
    /// Those of [`discover`](crate::families::discover()).
    pub(crate) fn discover_next(&self, drafts: Option<Discovery>) -> Result<Discovery> {
        match drafts {
            Some(drafts) if drafts.is_finished => Ok(drafts),
            drafts => {
                let search = SampleSearch::new(self.index(), &self.options.discover, self.progress)?;
                search.examine_next(drafts.map_or_else(|| search.begin(), Ok)?)
            }
        }
    }

    /// Refines all drafts.
    ///
    /// # Errors
    /// Those of [`refine`](crate::families::refine()).
    pub(crate) fn refine(&self, found: Discovery) -> Result<RefinedSearch> {
        let Discovery { families, left_out, examined, arrays, reservation, .. } = found;
        let (index, drafts, options) = (self.index(), families.len() as u64, &self.options.refine);
        let refined = refine_drafts(&arrays, index, families, options, index.budget(), self.progress)?;
        drop(reservation);
        Ok(RefinedSearch { arrays, drafts, drafts_left_out: left_out, examined, refined })
    }

    /// The copies of refined families in a part of the genome, or in all of it, by position.
    ///
    /// # Errors
    /// Those of [`search`](crate::align::search()).
    pub(crate) fn survey(&self, found: &RefinedSearch, part: Option<Shard>) -> Result<(Vec<Alignment>, Reservation)> {
        let range = match part {
            Some(Shard { number, count }) => GenomeRange::shard(self.contigs()?, number, count),
            None => GenomeRange::WHOLE,
        };
        let index = self.index();
        found.refined.survey(&found.arrays, index, range, index.budget(), self.progress)
    }

    /// The families that remain when all copies in the genome are known.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory); from the index.
    pub(crate) fn filter(&self, found: RefinedSearch, copies: (Vec<Alignment>, Reservation)) -> Result<FoundFamilies> {
        let (index, options) = (self.index(), &self.options.refine);
        let RefinedSearch { arrays, drafts, drafts_left_out, examined, refined } = found;
        let refined = filter_families(&arrays, index, refined, copies, options, index.budget(), self.progress)?;
        let (profiles, rna) = (options.profiles.as_deref(), options.structural_rna.as_deref());
        let statistics = statistics(index, &refined.families, profiles, rna)?;
        let mut found = FoundFamilies {
            families: refined.families,
            statistics,
            drafts,
            drafts_left_out,
            examined,
            array_bases: arrays.bases(),
            rounds: refined.rounds as u64,
            left_out: refined.left_out,
            _reservation: refined.reservation,
        };
        if self.ordered.is_some() {
            self.restore_order(&mut found)?;
        }
        Ok(found)
    }

    /// Gives the copies of families the numbers of contigs that the index has.
    fn restore_order(&self, found: &mut FoundFamilies) -> Result<()> {
        let (contigs, ordered) = (self.index.contigs()?, self.contigs()?);
        for family in &mut found.families {
            family.copies.iter_mut().for_each(|copy| copy.contig = self.order[copy.contig as usize]);
            family.copies.sort_unstable_by_key(Alignment::sort_key);
            let seed = &mut family.seed.genome;
            let number = Contig::number_at(ordered, seed.start);
            let (from, to) = (ordered[number].start, contigs[self.order[number] as usize].start);
            *seed = seed.start - from + to..seed.end - from + to;
        }
        Ok(())
    }
}

/// The numbers of the contigs by falling length; of one length, by their digests.
fn order_of_contigs(index: &Index) -> Result<Vec<u32>> {
    let (contigs, digests) = (index.contigs()?, index.contig_digests()?);
    let mut order: Vec<u32> = (0..contigs.len() as u32).collect();
    order.sort_by_key(|&number| (Reverse(contigs[number as usize].length), digests[number as usize].md5));
    Ok(order)
}
