//! Makes an index of its parts: the bytes that a single build writes. Pages and position blocks are copied, spectra and
//! totals added; seed order, contigs, checksums and digests follow from them as in a build.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::builder::catalog_tail::{CatalogTail, write_catalog_tail};
use crate::builder::memory_plan::{MemoryNeeds, MemoryPlan};
use crate::builder::merge_pages::{MergedPages, PageMerge, copy_positions};
use crate::builder::part_files::{read_contigs, read_spectrum};
use crate::builder::prepared_genome::PreparedGenome;
use crate::builder::publish::{IndexContents, publish_index};
use crate::builder::spectrum::SpectrumCounter;
use crate::bundle::draft::{BundleDraft, DraftOptions};
use crate::bundle::part_set::PartSet;
use crate::bundle::{BundleKind, FileDigest, Manifest, Totals, check_target, time_stamp};
use crate::format::catalog::CatalogWriter;
use crate::format::positions::ListCode;
use crate::format::{CATALOG, CONTIGS, MANIFEST, POSITIONS, SEQUENCE, SPECTRUM};
use crate::genome::{TwoBit, digest_contigs};
use crate::memory::system::AnonymousMap;
use crate::memory::{Budget, Component};
use crate::{Error, Progress, Result};

/// Merges all parts of an index, in any order, and publishes the index at `target`; with `force` it replaces an index.
/// Returns its manifest.
///
/// The parts are checked before anything is written, digests of all files included, and are not changed. Parallel work
/// runs on the current rayon pool. Three more threads copy positions and sync each of the two large files while it
/// grows. Memory does not grow with the index, but for the page index and the spectrum.
///
/// # Errors
/// [`Error::Input`] for a part that is missing, there twice, damaged, or of another index, other parameters, another
/// number of parts or another version of this program; [`Error::Exists`], [`Error::Building`] if another process builds
/// the index, [`Error::Memory`] if the budget is too small, [`Error::Io`]. After any error `target` is as before.
pub fn merge_index(
    parts: &[PathBuf],
    target: &Path,
    force: bool,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Manifest> {
    time_stamp()?;
    check_target(target, BundleKind::Index, force)?;
    MemoryPlan::checked(budget, rayon::current_num_threads(), MemoryNeeds::default())?;
    let parts = &PartSet::read(parts)?;
    parts.check_files(progress)?;
    let options = DraftOptions { kind: BundleKind::Index, force, wait: false, resume: false };
    let draft = BundleDraft::create(target, options, progress)?;
    let first = &parts.first().manifest;
    progress.phase("copying the genome", first.files.get(SEQUENCE).map(|file| file.bytes));
    let sequence = parts.first().copy_file(SEQUENCE, &draft.path(SEQUENCE), progress)?;
    let genome = read_genome(parts, budget)?;
    let packed = TwoBit::open(&draft.path(SEQUENCE))?;
    let merge = Merge { parts, genome: &genome, packed: &packed, draft: &draft, budget, progress };
    let (totals, positions) = merge.write()?;
    let contents = IndexContents {
        genome: &genome,
        dictionary: (first.dictionary, first.identity),
        estimate: first.estimate,
        totals,
        files: [(POSITIONS, positions), (SEQUENCE, sequence)],
    };
    publish_index(draft, target, contents, progress)
}

/// The genome of the first part.
fn read_genome(parts: &PartSet, budget: &Budget) -> Result<PreparedGenome> {
    let part = parts.first();
    let first = &part.manifest;
    let damaged = |problem: &str| part.damaged(CONTIGS, problem);
    let ((contigs, others), reservation) =
        read_contigs(&part.file(CONTIGS), budget)?.map_err(|problem| damaged(&problem))?;
    let identity = first.parameters.identity(&first.dictionary, &first.genome.blake3, &contigs);
    if identity != first.identity || contigs.len() as u64 != first.genome.contigs {
        return Err(damaged("its contigs are not those of the index"));
    }
    let described = (first.genome.clone(), first.parameters.clone());
    PreparedGenome::of_parts((contigs, others), described, reservation)
}

/// The sources and outputs of a merge.
struct Merge<'a> {
    parts: &'a PartSet,
    genome: &'a PreparedGenome,
    packed: &'a TwoBit,
    draft: &'a BundleDraft,
    budget: &'a Budget,
    progress: &'a dyn Progress,
}

impl Merge<'_> {
    /// Writes catalog and positions.
    fn write(&self) -> Result<(Totals, FileDigest)> {
        let Self { parts, genome, packed, draft, budget, progress } = *self;
        let first = &parts.first().manifest;
        let spectrum = self.spectrum()?;
        let mut totals = self.totals(&spectrum);
        let memory = MemoryPlan::checked(budget, rayon::current_num_threads(), MemoryNeeds::default())?;
        budget.expect(memory.other + memory.records);
        let lists = ListCode::new(first.genome.bases);
        let path = &draft.path(POSITIONS);
        let stopped = &AtomicBool::new(false);
        progress.phase("merging", Some(totals.dictionary_bytes + totals.position_bytes));
        std::thread::scope(|scope| {
            let copier = std::thread::Builder::new()
                .name("positions".to_owned())
                .spawn_scoped(scope, move || copy_positions(parts, path, stopped, progress))
                .map_err(|e| Error::thread("copying", e))?;
            let catalog = CatalogWriter::create(&draft.path(CATALOG), first.identity, memory.catalog_cache as usize)?;
            let positions = catalog.fill(|tables| {
                let merge = PageMerge { parts, filters: genome.filters, lists: &lists, memory, budget, progress };
                // If this fails, nobody needs the positions.
                let MergedPages { pages, repeats, reservations } =
                    merge.run(tables).inspect_err(|_| stopped.store(true, Ordering::Relaxed))?;
                let positions = copier.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                progress.phase("writing", None);
                let tail = CatalogTail {
                    dictionary: (first.dictionary, first.identity, &lists),
                    genome,
                    packed,
                    positions: path,
                    pages: &pages,
                    spectrum,
                    budget,
                };
                let record = |number: usize| packed.record_at(genome.contigs[number].record);
                let digests = || digest_contigs(genome.contigs.len(), record, &genome.others);
                let no_memory = (AnonymousMap::new(0)?, budget.empty_reservation(Component::Seeds));
                totals.seeds = write_catalog_tail(&tail, tables, repeats, no_memory, digests)?;
                drop(reservations);
                Ok(positions)
            })?;
            Ok((totals, positions))
        })
    }

    /// The spectra of all parts, added.
    fn spectrum(&self) -> Result<Vec<(u64, u64)>> {
        let mut sum = SpectrumCounter::default();
        let mut all_kmers = 0u128;
        for part in self.parts.parts() {
            let path = part.file(SPECTRUM);
            let damaged = |problem: &str| part.damaged(SPECTRUM, problem);
            let length = part.manifest.files.get(SPECTRUM).map_or(0, |file| file.bytes);
            let _reserved = self.budget.reserve(Component::Counts, 2 * length, "the spectrum of a part")?;
            let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
            let mut kmers = 0u128;
            let mut rows = Vec::new();
            read_spectrum(&bytes, |frequency, count| {
                kmers = kmers.saturating_add(u128::from(frequency) * u128::from(count));
                rows.push((frequency, count));
            })
            .map_err(|problem| damaged(&problem))?;
            if kmers != u128::from(part.manifest.actual.kmers) {
                return Err(damaged("its k-mers are not as many as the manifest states"));
            }
            // No count exceeds the k-mers, which the manifest limits to what may be added.
            rows.into_iter().for_each(|(frequency, count)| sum.add_many(frequency, count));
            all_kmers += kmers;
        }
        let first = self.parts.first();
        if all_kmers != u128::from(first.manifest.estimate.kmers) {
            return Err(first.damaged(MANIFEST, "the parts together have more or fewer k-mers than the genome"));
        }
        Ok(sum.rows())
    }

    /// The totals of all parts, added; seeds are counted later.
    fn totals(&self, spectrum: &[(u64, u64)]) -> Totals {
        let first = &self.parts.first().manifest;
        let mut totals = Totals {
            kmers: first.estimate.kmers,
            distinct_kmers: spectrum.iter().map(|row| row.1).sum(),
            repeated_kmers: spectrum.iter().filter(|row| row.0 > 1).map(|row| row.1).sum(),
            ..Totals::default()
        };
        for part in self.parts.parts() {
            let actual = &part.manifest.actual;
            totals.stored_kmers = totals.stored_kmers.saturating_add(actual.stored_kmers);
            totals.positions = totals.positions.saturating_add(actual.positions);
            totals.sampled_kmers = totals.sampled_kmers.saturating_add(actual.sampled_kmers);
            totals.dictionary_bytes = totals.dictionary_bytes.saturating_add(actual.dictionary_bytes);
            totals.position_bytes = totals.position_bytes.saturating_add(actual.position_bytes);
        }
        totals
    }
}
