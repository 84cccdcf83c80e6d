//! The state machine of refinement: the input of a round, its decisions, and the state that it passes to the next one.

use rayon::prelude::*;

use crate::align::{
    Alignment, ContigRange, GenomeRange, GenomeSearch, Library, LociQuery, SearchOptions, TandemArrays, search,
    search_loci,
};
use crate::families::bases::Bases;
use crate::families::copies::PlacedAlignment;
use crate::families::discover::samples;
use crate::families::family::Family;
use crate::families::parameters::SampleOptions;
use crate::families::refine::assign::{Assignment, LONGER_CONTAINER, OUTNUMBER_INSERTED, assign, contained, explained};
use crate::families::refine::deduplicate::{BYTES_PER_BASE, find_containers};
use crate::families::refine::filter::{Verdict, duplication_of, filter_family};
use crate::families::refine::grow::grow_family;
use crate::families::refine::loci::{draft_loci, joined, loci, sample_loci, with_new};
use crate::families::refine::ltr_interiors::{BoundedIntervals, find_ltr_interiors};
use crate::families::refine::options::RefineOptions;
use crate::families::refine::outcome::{LeftOut, Reason, Refined, RefinedFamily};
use crate::families::refine::split::split_family;
use crate::families::refine::state::{DividedFamily, FamilyState, Phase, RoundResult};
use crate::families::refine::subfamilies::find_subfamilies;
use crate::families::refine::trim::trim_family;
use crate::genome::Contig;
use crate::memory::system::malloc_trim;
use crate::memory::{Budget, Component, Reservation};
use crate::progress::WithoutNotices;
use crate::sequence::letters;
use crate::{Index, Progress, Result, Silent};

/// E-value of the weakest copies that are examined. Higher than that of an annotation, since the ends of doubtful
/// copies show the ends of a family too.
const MAX_E_VALUE: f64 = 0.1;
/// Bases in which the copies of families that have grown are searched, besides those that are known; in a larger genome
/// this is a sample, which has enough copies of frequent families.
const SURVEY: u64 = 16 << 20;
/// Rounds in which families grow over the copies that a survey has found.
const SURVEYED_ROUNDS: usize = 2;
/// Rounds in which restored families grow.
const RESTORED_ROUNDS: usize = 2;
/// Maximum restorations: a duplication may contain a duplication.
const MAX_RESTORATIONS: usize = 3;
/// Bytes of an alignment without its operations: itself, its position, the shares of it that others cover, and its
/// number in the lists of copies.
const BYTES_PER_ALIGNMENT: usize =
    size_of::<Alignment>() + size_of::<PlacedAlignment<'_>>() + 2 * size_of::<u64>() + 3 * size_of::<usize>();
/// Bytes of a column of a consensus while its copies vote: votes, pairs, depth, and the corrected column, also that of
/// a subfamily. Each copy that votes has one more.
const BYTES_PER_COLUMN: u64 = 124;

/// Refinement between two rounds.
pub(super) struct Refinement<'a> {
    arrays: &'a TandemArrays,
    index: &'a Index,
    contigs: &'a [Contig],
    bases: Bases<'a>,
    options: &'a RefineOptions,
    budget: &'a Budget,
    progress: &'a dyn Progress,
    /// Of the alignments, and of what is known of each during a round.
    reservation: Reservation,
    families: Vec<FamilyState>,
    phase: Phase,
    /// Rounds that were begun.
    rounds: usize,
    /// The last round in which families may grow.
    last_growing_round: usize,
    /// Whether the genome was searched for the families after they had grown.
    surveyed: bool,
    /// How often families were restored.
    restorations: usize,
    left_out: LeftOut,
}

/// The alignments of all families in a round.
pub(super) struct Round<'r> {
    placed: Vec<PlacedAlignment<'r>>,
    /// Families that no other contains or explains, and that are not rejected.
    kept: Vec<bool>,
    assignment: Assignment,
}

/// Families whose consensi are final, before all of their copies are known.
#[derive(Debug)]
pub(crate) struct RefinedDrafts {
    pub(crate) families: Vec<FamilyState>,
    /// Drafts that are no family of their own so far, by reason.
    pub(crate) left_out: LeftOut,
    /// Rounds until nothing changed, or the most allowed.
    pub(crate) rounds: usize,
    /// Of the copies that are known.
    pub(crate) reservation: Reservation,
}

impl RefinedDrafts {
    /// The numbers of the families whose copies have to be searched in the genome.
    fn searched(&self) -> impl Iterator<Item = usize> {
        self.families.iter().enumerate().filter(|(_, family)| family.alignments.is_none()).map(|(number, _)| number)
    }

    /// Lengths of the sequences of [`library`](Self::library).
    pub(crate) fn searched_lengths(&self) -> Vec<usize> {
        self.searched().map(|number| self.families[number].consensus.len()).collect()
    }

    /// The consensi of the families whose copies have to be searched, in their order.
    fn library(&self) -> Library {
        let mut library = Library::default();
        for number in self.searched() {
            library.push(number.to_string(), letters(&self.families[number].consensus).collect::<Vec<u8>>());
        }
        library
    }

    /// Searches a range of the genome for the copies of the families, outside of the tandem arrays; those of all ranges
    /// together are those of the genome. Queries are those of [`library`](Self::library).
    ///
    /// # Errors
    /// Those of [`search`](crate::align::search()).
    pub(crate) fn survey(
        &self,
        arrays: &TandemArrays,
        index: &Index,
        range: GenomeRange,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<(Vec<Alignment>, Reservation)> {
        let whole = (0..).zip(index.contigs()?).map(|(contig, c)| ContigRange { contig, range: 0..c.length });
        let options = SearchOptions { within: Some(arrays.outside(whole)), ..search_options() };
        let library = self.library();
        // That short families are not found in all of their copies is nothing that a user can change.
        let progress = WithoutNotices(progress);
        let search = GenomeSearch::new(index, &library, &options, budget, &progress);
        GenomeSearch { range, ..search }.all()
    }
}

impl<'a> Refinement<'a> {
    pub(super) fn new(
        arrays: &'a TandemArrays,
        index: &'a Index,
        drafts: Vec<Family>,
        options: &'a RefineOptions,
        budget: &'a Budget,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let mut bases = Bases::of(index)?;
        // No family grows into an array.
        let array_positions = arrays.ranges().iter().flat_map(|array| bases.positions(array.contig, &array.range));
        let array_positions = array_positions.collect();
        bases.hide(array_positions);
        let contigs = index.contigs()?;
        let of_draft = |draft: Family| {
            let loci = draft_loci(&draft, contigs);
            FamilyState { loci, ..FamilyState::new(draft.consensus, draft.seed) }
        };
        Ok(Self {
            arrays,
            index,
            bases,
            contigs,
            options,
            budget,
            progress,
            reservation: budget.empty_reservation(Component::Batches),
            families: drafts.into_iter().map(of_draft).collect(),
            phase: Phase::Growing,
            rounds: 0,
            last_growing_round: options.max_rounds,
            surveyed: false,
            restorations: 0,
            left_out: LeftOut::default(),
        })
    }

    /// Continues with families whose consensi are final.
    pub(super) fn of_refined(
        arrays: &'a TandemArrays,
        index: &'a Index,
        refined: RefinedDrafts,
        options: &'a RefineOptions,
        budget: &'a Budget,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let RefinedDrafts { families, left_out, rounds, reservation } = refined;
        let new = Self::new(arrays, index, Vec::new(), options, budget, progress)?;
        Ok(Self { families, left_out, rounds, reservation, ..new })
    }

    /// Whether nothing is left but to search for all copies of the families.
    pub(super) fn is_refined(&self) -> bool {
        self.phase == Phase::Refined
    }

    /// The families, with their copies if all of these are known.
    pub(super) fn into_refined(self) -> RefinedDrafts {
        let Self { mut families, left_out, rounds, mut reservation, .. } = self;
        for family in &mut families {
            family.alignments = family.alignments.take().filter(|_| family.complete);
            (family.loci, family.absorbed) = (Vec::new(), Vec::new());
        }
        reservation.resize(bytes_of(families.iter().filter_map(|family| family.alignments.as_ref()).flatten()));
        RefinedDrafts { families, left_out, rounds, reservation }
    }

    /// Begins a round: all alignments of the families, by position. Those of unchanged families are known. Changed
    /// families are aligned to their loci, or, in a survey and if they have none, to the genome.
    pub(super) fn align_families(&mut self) -> Result<Vec<Alignment>> {
        self.rounds += 1;
        self.progress.phase("refine", Some(self.families.len() as u64));
        // The search can use the memory of the round before, and of discovery.
        malloc_trim();
        let known = self.families.iter().filter_map(|family| family.alignments.as_ref());
        self.reservation.resize(bytes_of(known.flatten()));
        let mut alignments = self.all_alignments()?;
        let lost = sample_loci(&mut alignments, self.families.len());
        self.families.iter_mut().zip(lost).for_each(|(family, lost)| family.complete &= !lost);
        self.charge(&alignments)?;
        Ok(alignments)
    }

    /// All alignments of final families, by position: those that are known, and those that a survey of the genome found.
    pub(super) fn all_copies(&mut self, surveyed: Vec<Alignment>) -> Result<Vec<Alignment>> {
        let mut alignments = Vec::new();
        let mut of_library = Vec::new();
        for (number, family) in (0..).zip(&mut self.families) {
            match family.alignments.take() {
                Some(known) => alignments.extend(known.into_iter().map(|a| Alignment { query: number, ..a })),
                None => of_library.push(number),
            }
        }
        let found = surveyed.into_iter().map(|a| Alignment { query: of_library[a.query as usize], ..a });
        alignments.extend(found);
        alignments.par_sort_unstable_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        self.charge(&alignments)?;
        Ok(alignments)
    }

    /// Reserves the memory of the alignments of a round.
    fn charge(&mut self, alignments: &[Alignment]) -> Result<()> {
        let bytes = bytes_of(alignments);
        let more = bytes.saturating_sub(self.reservation.bytes());
        self.reservation.grow(more, "the alignments of the families")?;
        self.reservation.resize(bytes);
        Ok(())
    }

    /// All alignments of the families, by position: those of unchanged families as they were, the others from searches.
    fn all_alignments(&mut self) -> Result<Vec<Alignment>> {
        let mut everywhere = false;
        if self.phase == Phase::Surveying {
            let sample = survey_sample(self.contigs);
            match sample {
                Some(sample) => self.find_loci(sample)?,
                None => everywhere = true,
            }
        }
        let mut alignments = Vec::new();
        let (mut library, mut of_library) = (Library::default(), Vec::new());
        let (mut queries, mut of_queries) = (Vec::new(), Vec::new());
        for (number, family) in (0..).zip(&mut self.families) {
            let letters = || letters(&family.consensus).collect::<Vec<u8>>();
            match &mut family.alignments {
                Some(known) if family.complete || !everywhere => {
                    alignments.extend(known.drain(..).map(|alignment| Alignment { query: number, ..alignment }));
                }
                None if !everywhere && !family.loci.is_empty() => {
                    queries.push(LociQuery { letters: letters(), ranges: std::mem::take(&mut family.loci) });
                    of_queries.push(number);
                }
                _ => {
                    library.push(number.to_string(), letters());
                    of_library.push(number);
                    family.complete = true;
                }
            }
        }
        let options = search_options();
        let bases = self.families.iter().map(|family| family.consensus.len() as u64).sum();
        let found = search_loci(self.index, &queries, bases, &options, self.budget)?;
        for (number, found) in of_queries.into_iter().zip(found) {
            let found = found.into_iter().filter(|alignment| !self.arrays.cover(alignment));
            alignments.extend(found.map(|a| Alignment { query: number, ..a }));
        }
        if !library.is_empty() {
            let whole = (0..).zip(self.contigs).map(|(contig, c)| ContigRange { contig, range: 0..c.length });
            let within = Some(self.arrays.outside(whole));
            let found = search(self.index, &library, &SearchOptions { within, ..options }, self.budget, &Silent)?;
            alignments.extend(found.into_iter().map(|a| Alignment { query: of_library[a.query as usize], ..a }));
        }
        // Those of one family come together.
        alignments.par_sort_unstable_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        Ok(alignments)
    }

    /// Adds the copies of the families in a sample of the genome to those that are known: alignments of families that are
    /// unchanged, loci of the others.
    fn find_loci(&mut self, sample: Vec<ContigRange>) -> Result<()> {
        let mut library = Library::default();
        for (number, family) in self.families.iter().enumerate() {
            library.push(number.to_string(), letters(&family.consensus).collect::<Vec<u8>>());
        }
        let within = Some(self.arrays.outside(sample.into_iter()));
        let mut of_family: Vec<Vec<Alignment>> = vec![Vec::new(); self.families.len()];
        for found in search(self.index, &library, &SearchOptions { within, ..search_options() }, self.budget, &Silent)?
        {
            of_family[found.query as usize].push(found);
        }
        for (family, found) in self.families.iter_mut().zip(of_family) {
            if let Some(known) = &mut family.alignments {
                *known = with_new(std::mem::take(known), found);
            } else {
                let length = family.consensus.len();
                let more = loci(&found, length, length, self.contigs);
                family.loci = joined(std::mem::take(&mut family.loci).into_iter().chain(more).collect());
            }
        }
        Ok(())
    }

    /// Assigns alignments to families, and drops families that others contain or explain.
    pub(super) fn assign_alignments<'r>(&mut self, alignments: &'r [Alignment]) -> Round<'r> {
        let placed: Vec<PlacedAlignment<'_>> =
            alignments.iter().map(|a| PlacedAlignment::new(a, self.contigs)).collect();
        let container = contained(&placed, &self.families);
        let mut kept: Vec<bool> = container.iter().map(Option::is_none).collect();
        absorb(&mut self.families, &container);
        let mut assignment = assign(&placed, &kept);
        // Drafts of the first round have not grown yet, so that few loci are theirs.
        if self.rounds > 1 {
            let explained = explained(&placed, &kept, &assignment, self.options.min_copies);
            kept.iter_mut().zip(explained).for_each(|(kept, explained)| *kept &= !explained);
            assignment = assign(&placed, &kept);
        }
        self.left_out.contained += kept.iter().filter(|&&kept| !kept).count() as u64;
        Round { placed, kept, assignment }
    }

    /// Enters the phase of this round, and does what concerns several families at once. Returns families that join the
    /// others in the next round.
    pub(super) fn enter_phase(&mut self, round: &mut Round<'_>) -> Vec<FamilyState> {
        self.phase = self.phase.next(RoundResult {
            may_grow: self.rounds <= self.last_growing_round,
            any_dropped: round.kept.iter().any(|&kept| !kept),
            all_unchanged: self.families.iter().all(FamilyState::is_unchanged),
            surveyed: self.surveyed,
        });
        if self.phase == Phase::Surveying {
            self.surveyed = true;
            self.last_growing_round = self.rounds + 1 + SURVEYED_ROUNDS;
        }
        if self.phase == Phase::FindingInteriors {
            let Round { placed, kept, assignment } = round;
            let interiors = find_ltr_interiors(&self.families, kept, placed, assignment, &self.bases, self.contigs);
            if !interiors.is_empty() {
                return interiors;
            }
            self.phase = Phase::Finishing;
        }
        if self.phase != Phase::Filtering {
            return Vec::new();
        }
        let (_, released) = self.filter(round);
        if self.restorations == MAX_RESTORATIONS || released.is_empty() {
            self.phase = Phase::Refined;
            return Vec::new();
        }
        self.begin_restoring(&released);
        released
    }

    /// Rejects families until all others are accepted: alignments of a rejected family are then assigned to others.
    /// Returns the verdicts on those that were not rejected, and the families that the rejected ones had absorbed.
    pub(super) fn filter(&mut self, round: &mut Round<'_>) -> (Vec<Option<Verdict>>, Vec<FamilyState>) {
        let mut released = Vec::new();
        loop {
            let verdicts = self.verdicts(round);
            let rejected: Vec<(usize, Reason)> = verdicts
                .iter()
                .enumerate()
                .filter_map(|(family, verdict)| match verdict {
                    Some(Verdict::Rejected(reason)) => Some((family, *reason)),
                    _ => None,
                })
                .collect();
            if rejected.is_empty() {
                return (verdicts, released);
            }
            for (family, reason) in rejected {
                self.left_out.count(reason);
                round.kept[family] = false;
                let source_duplication = match self.restorations {
                    0 => Vec::new(),
                    _ => {
                        let exclusive = &round.assignment.exclusive[family];
                        duplication_of(&self.families[family], exclusive, &round.placed, &self.bases)
                    }
                };
                let absorbed = self.families[family].absorbed.drain(..);
                released.extend(
                    absorbed.map(|family| FamilyState { source_duplication: source_duplication.clone(), ..family }),
                );
            }
            round.assignment = assign(&round.placed, &round.kept);
        }
    }

    /// The verdict on each family that is kept.
    fn verdicts(&self, round: &Round<'_>) -> Vec<Option<Verdict>> {
        let Round { placed, kept, assignment } = round;
        let intervals = BoundedIntervals::new(&self.families, kept, placed, assignment);
        let verdict = |number: usize| {
            let mut copies: Vec<&PlacedAlignment<'_>> =
                assignment.exclusive[number].iter().map(|&i| &placed[i]).collect();
            copies.sort_unstable_by_key(|copy| copy.alignment.sort_key());
            let family = &self.families[number];
            match filter_family(family, &copies, &self.bases, self.contigs, self.options) {
                // Nearly identical elements have no stop codons either.
                Verdict::Rejected(Reason::GeneFamily) if intervals.are_filled_by(number, &copies) => {
                    Verdict::Accepted { tandem: false, gene: false }
                }
                verdict => verdict,
            }
        };
        (0..self.families.len()).into_par_iter().map(|number| kept[number].then(|| verdict(number))).collect()
    }

    fn begin_restoring(&mut self, released: &[FamilyState]) {
        self.left_out.contained -= released.len() as u64;
        self.phase = Phase::Restoring;
        self.last_growing_round = self.rounds + RESTORED_ROUNDS;
        self.restorations += 1;
        self.families.iter_mut().for_each(|family| family.accepted = true);
    }

    /// The successors of each family in this round, in parallel: nothing, itself, or several.
    pub(super) fn work_on_families(&self, round: &Round<'_>) -> Result<Vec<Vec<FamilyState>>> {
        // Votes and columns of one family a thread, and its dynamic program.
        let longest = self.families.iter().map(|family| family.consensus.len()).max().unwrap_or(0);
        let bytes_per_column = BYTES_PER_COLUMN + self.options.max_voters as u64;
        let scratch = rayon::current_num_threads() as u64 * longest as u64 * bytes_per_column;
        let _scratch = self.budget.reserve(Component::Batches, scratch, "the columns of the families")?;
        let copies_of = |numbers: &[usize]| numbers.iter().map(|&i| round.placed[i].clone()).collect::<Vec<_>>();
        let work = |(number, family): (usize, &FamilyState)| {
            self.progress.advance(1);
            let copies = copies_of(&round.assignment.candidate[number]);
            match self.phase {
                _ if !round.kept[number] => Vec::new(),
                _ if family.accepted => vec![family.unchanged()],
                Phase::Growing => grow_family(family, &copies, &self.bases, self.options),
                Phase::Splitting(_) => split_family(family, &copies, self.options),
                Phase::Finishing => {
                    let exclusive = copies_of(&round.assignment.exclusive[number]);
                    self.finish_consensus(number, &copies, &exclusive)
                }
                Phase::Surveying | Phase::FindingInteriors | Phase::Filtering | Phase::Restoring | Phase::Refined => {
                    vec![family.unchanged()]
                }
            }
        };
        Ok(self.families.par_iter().enumerate().map(work).collect())
    }

    /// A family with its final ends, or its subfamilies. These follow from the copies that are exclusively its own:
    /// those of a related family would make that one again.
    fn finish_consensus(
        &self,
        number: usize,
        copies: &[PlacedAlignment<'_>],
        exclusive: &[PlacedAlignment<'_>],
    ) -> Vec<FamilyState> {
        let family = &self.families[number];
        let subfamilies = match self.options.subfamilies {
            true => find_subfamilies(family.consensus.len(), exclusive, &self.bases),
            false => Vec::new(),
        };
        let mut made = trim_family(family, copies, &subfamilies, &self.bases, self.options);
        if made.len() > 1 {
            let divided = DividedFamily { round: self.rounds, number };
            made.iter_mut().for_each(|family| family.subfamily_of = Some(divided));
        }
        made
    }

    /// Ends a round: the families become what was made of each, and those added. Unchanged ones keep their alignments.
    /// Short consensi and duplicates go.
    pub(super) fn replace_families(
        &mut self,
        made: Vec<Vec<FamilyState>>,
        alignments: Vec<Alignment>,
        added: Vec<FamilyState>,
    ) -> Result<()> {
        let mut found: Vec<Vec<Alignment>> = made.iter().map(|_| Vec::new()).collect();
        for alignment in alignments {
            let number = alignment.query as usize;
            if !made[number].is_empty() {
                found[number].push(alignment);
            }
        }
        let old = std::mem::take(&mut self.families);
        for ((parts, found), old) in made.into_iter().zip(found).zip(old) {
            let depth = mean_depth(&found, old.consensus.len());
            let changed = |part: FamilyState| {
                let loci = loci(&found, old.consensus.len(), part.consensus.len(), self.contigs);
                FamilyState { loci, depth, complete: false, ..part }
            };
            match <[FamilyState; 1]>::try_from(parts) {
                Ok([part]) if part.is_unchanged() => {
                    self.families.push(FamilyState { alignments: Some(found), depth, ..part });
                }
                Ok([part]) => self.families.push(changed(part)),
                Err(parts) => self.families.extend(parts.into_iter().map(changed)),
            }
        }
        self.families.extend(added);
        let before = self.families.len();
        self.families.retain(|family| family.consensus.len() >= self.options.min_length);
        self.left_out.few_copies += (before - self.families.len()) as u64;
        self.drop_duplicates()
    }

    /// Drops families that have grown into the same sequence as others.
    fn drop_duplicates(&mut self) -> Result<()> {
        let bases: u64 = self.families.iter().map(|family| family.consensus.len() as u64).sum();
        let _words = self.budget.reserve(Component::Seeds, BYTES_PER_BASE * bases, "the words of the families")?;
        let consensi: Vec<&[u8]> = self.families.iter().map(|family| &family.consensus[..]).collect();
        let mut container = find_containers(&consensi);
        for (family, by) in container.iter_mut().enumerate() {
            let itself = &self.families[family];
            *by = by.filter(|&by| {
                let container = &self.families[by];
                container.may_contain(itself) && !is_inserted(itself, container)
            });
        }
        absorb(&mut self.families, &container);
        self.left_out.contained += container.iter().flatten().count() as u64;
        let mut container = container.into_iter();
        self.families.retain(|_| container.next() == Some(None));
        Ok(())
    }

    /// The accepted families, those with the most bases in the genome first.
    pub(super) fn finish(
        self,
        assignment: Assignment,
        verdicts: Vec<Option<Verdict>>,
        alignments: Vec<Alignment>,
    ) -> Refined {
        let mut is_exclusive = vec![false; alignments.len()];
        assignment.exclusive.into_iter().flatten().for_each(|number| is_exclusive[number] = true);
        let mut copies: Vec<Vec<Alignment>> = vec![Vec::new(); self.families.len()];
        for (alignment, _) in alignments.into_iter().zip(is_exclusive).filter(|(_, exclusive)| *exclusive) {
            copies[alignment.query as usize].push(alignment);
        }
        let families = self.families.into_iter().zip(copies).zip(verdicts);
        let accepted = families.filter_map(|((family, copies), verdict)| match verdict {
            Some(Verdict::Accepted { tandem, gene }) => {
                Some((family.subfamily_of, RefinedFamily::new(family, copies, tandem, gene)))
            }
            _ => None,
        });
        let mut families: Vec<(Option<DividedFamily>, RefinedFamily)> = accepted.collect();
        families.sort_by_cached_key(|(_, family)| (std::cmp::Reverse(family.bases()), family.consensus.clone()));
        let (divided, mut families): (Vec<_>, Vec<_>) = families.into_iter().unzip();
        for (number, family) in families.iter_mut().enumerate().filter(|(number, _)| divided[*number].is_some()) {
            family.subfamily_of = divided[..number].iter().position(|other| *other == divided[number]);
        }
        let mut reservation = self.budget.empty_reservation(Component::Alignments);
        let bytes = |family: &RefinedFamily| {
            let structs = family.copies.capacity() * size_of::<Alignment>();
            structs as u64 + family.copies.iter().map(|copy| copy.operations.bytes()).sum::<u64>()
        };
        reservation.resize(families.iter().map(bytes).sum());
        Refined { families, left_out: self.left_out, rounds: self.rounds, reservation }
    }
}

impl Round<'_> {
    pub(super) fn into_assignment(self) -> Assignment {
        self.assignment
    }
}

fn search_options() -> SearchOptions {
    SearchOptions { skip_nested: true, max_e_value: MAX_E_VALUE, ..SearchOptions::default() }
}

/// Mean number of alignments over a column of a consensus of this length.
fn mean_depth(alignments: &[Alignment], length: usize) -> usize {
    let bases: usize = alignments.iter().map(|a| (a.query_range.end - a.query_range.start) as usize).sum();
    bases / length.max(1)
}

/// Whether a family that a longer one contains has so many more copies, as far as they are known, that one of them was
/// inserted into that one.
fn is_inserted(family: &FamilyState, container: &FamilyState) -> bool {
    container.consensus.len() >= LONGER_CONTAINER * family.consensus.len()
        && container.depth > 0
        && family.depth > OUTNUMBER_INSERTED * container.depth
}

/// A sample of a large genome; `None` for a small one.
fn survey_sample(contigs: &[Contig]) -> Option<Vec<ContigRange>> {
    let bases: u64 = contigs.iter().map(|contig| contig.length).sum();
    let options = SampleOptions { first: Some(SURVEY), limit: Some(SURVEY), seed: 0 };
    (bases > SURVEY).then(|| samples(contigs, &options).swap_remove(0))
}

/// Bytes that alignments take during a round.
fn bytes_of<'a>(alignments: impl IntoIterator<Item = &'a Alignment>) -> u64 {
    alignments.into_iter().map(|a| BYTES_PER_ALIGNMENT as u64 + a.operations.bytes()).sum()
}

/// Hands families that others contain, and all that these have absorbed, to the outermost container.
fn absorb(families: &mut [FamilyState], container: &[Option<usize>]) {
    for (family, by) in container.iter().enumerate() {
        let Some(mut by) = *by else { continue };
        while let Some(next) = container[by] {
            by = next;
        }
        let FamilyState { consensus, seed, absorbed, .. } = &mut families[family];
        let (itself, absorbed) = (FamilyState::new(consensus.clone(), seed.clone()), std::mem::take(absorbed));
        families[by].absorbed.extend(absorbed.into_iter().chain([itself]));
    }
}
