//! Builds an index: input → packed genome → plan → passes (scatter, sort, encode) → catalog → published bundle.
//!
//! The bytes of the bundle depend on the input and the options only, not on threads, memory or passes.
//!
//! | step | files |
//! |---|---|
//! | options | `options` |
//! | read | `read`, `input_size`, `prepared_genome` |
//! | plan | `plan`, `plan_layout`, `memory_plan`, `segments`, `sample`, `hints` |
//! | passes | `passes`, `scatter`, `bin_counts`, `counting_sort`; `layout_steps` by layout: `sorted/`, `superkmers/` |
//! | write | `handover`, `write`, `catalog_tail`, `frequency_order`, `spectrum` |

mod bin_counts;
mod catalog_tail;
mod counting_sort;
mod frequency_order;
mod handover;
mod hints;
mod input_size;
mod layout_steps;
mod memory_plan;
mod options;
mod passes;
mod plan;
mod plan_layout;
mod prepared_genome;
mod read;
mod sample;
mod scatter;
mod segments;
mod sorted;
mod spectrum;
mod superkmers;
mod write;

use std::path::Path;

use memory_plan::{MemoryNeeds, MemoryPlan};
use plan::BuildPlan;
use prepared_genome::PreparedGenome;
use write::BuildJob;

use crate::bundle::draft::{BundleDraft, DraftOptions};
use crate::bundle::time_stamp;
use crate::bundle::{GenomeSummary, Manifest, MemoryHints, Parameters, check_target};
use crate::dictionary::Shape;
use crate::format::{CATALOG, POSITIONS, SEQUENCE};
use crate::fs::{TemporaryFolder, digest_file};
use crate::genome::TwoBit;
use crate::memory::Budget;
use crate::sequence::Source;
use crate::{Error, Notice, Progress, Result};

pub use options::{BuildOptions, BuildTuning, default_k, default_target};

/// The plan of a build.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Plan {
    /// The expected content of the index.
    pub estimate: MemoryHints,
    /// The genome that was read.
    pub genome: GenomeSummary,
    /// Parameters, k included.
    pub parameters: Parameters,
    /// Shape of the dictionary.
    pub dictionary: Shape,
    /// Passes over the genome.
    pub passes: u64,
    /// Maximum bytes of anonymous memory.
    pub memory: u64,
    /// Bytes of the finished bundle.
    pub disk: u64,
    /// Maximum bytes on the disk during the build: with several passes, finished pages are stored twice.
    pub disk_while_building: u64,
}

/// The report of a build.
#[derive(Debug, Clone)]
pub struct BuildReport {
    /// The manifest of the new index.
    pub manifest: Manifest,
    /// Passes over the genome; 0 if the index existed (see [`BuildOptions::wait`]).
    pub passes: u64,
}

/// Builds an index of one genome from its files and publishes it at `target`.
///
/// Parallel work runs on the current rayon pool. Four more threads read ahead, write, and sync each of the two large
/// files while it grows.
///
/// # Errors
/// [`Error::Input`] for input that cannot be used, [`Error::Parameter`] for options out of range, [`Error::Exists`],
/// [`Error::Building`] if another process builds it, [`Error::Memory`] if the budget is too small, [`Error::Io`].
/// After any error `target` is as before.
pub fn build_index(
    sources: &[Source],
    target: &Path,
    options: &BuildOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<BuildReport> {
    build_index_tuned(sources, target, (options, &BuildTuning::default()), budget, progress)
}

/// As [`build_index`], with limits that only tests set.
///
/// # Errors
/// As [`build_index`].
#[doc(hidden)]
pub fn build_index_tuned(
    sources: &[Source],
    target: &Path,
    (options, tuning): (&BuildOptions, &BuildTuning),
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<BuildReport> {
    options.check()?;
    // An invalid time stamp is reported before the genome is read.
    time_stamp()?;
    MemoryPlan::checked(budget, rayon::current_num_threads(), MemoryNeeds::default())?;
    let BuildOptions { force, wait, resume, .. } = *options;
    let draft = BundleDraft::create(target, DraftOptions { force, wait, resume }, progress)?;
    let genome = PreparedGenome::read(sources, &draft.path(SEQUENCE), (options, tuning), budget, progress)?;
    if draft.target_exists() {
        let manifest = Manifest::read(target)?;
        if !genome.matches(&manifest, options) {
            return Err(Error::Exists(target.to_owned()));
        }
        progress.notice(&Notice::UpToDate(target.to_owned()));
        return Ok(BuildReport { manifest, passes: 0 });
    }
    let packed = &TwoBit::open(&draft.path(SEQUENCE))?;
    let find_resume_point = |identity, pages| draft.resume_point(identity, pages, progress);
    let (plan, resume_point) =
        BuildPlan::new(&genome, packed, (options, tuning), &find_resume_point, budget, progress)?;
    let job = BuildJob { plan: &plan, genome: &genome, packed, draft: &draft, budget, progress };
    let (totals, positions) = job.write(resume_point)?;

    progress.phase("publishing", None);
    let dictionary = (plan.shape, plan.identity);
    let (parameters, summary) = (genome.parameters.clone(), genome.summary.clone());
    let mut manifest = Manifest::new(parameters, summary, dictionary, plan.hints, totals, time_stamp()?);
    for name in [CATALOG, SEQUENCE] {
        manifest.files.insert(name.to_owned(), digest_file(&draft.path(name))?);
    }
    manifest.files.insert(POSITIONS.to_owned(), positions);
    // An index that could not be opened must not be published.
    if let Some(problem) = manifest.contradiction() {
        return Err(Error::Unfinished { path: target.to_owned(), problem: problem.to_owned() });
    }
    draft.publish(manifest, progress)?;
    Ok(BuildReport { manifest: Manifest::read(target)?, passes: plan.passes.len() as u64 })
}

/// Reads the genome and returns what [`build_index`] would do; leaves nothing on the disk.
///
/// # Errors
/// As [`build_index`].
pub fn plan_index(
    sources: &[Source],
    target: &Path,
    options: &BuildOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Plan> {
    let tuning = &BuildTuning::default();
    options.check()?;
    check_target(target, options.force)?;
    MemoryPlan::checked(budget, rayon::current_num_threads(), MemoryNeeds::default())?;
    let scratch = TemporaryFolder::new("reprise-plan", options.temporary_folder.as_deref())?;
    let sequence = scratch.path().join(SEQUENCE);
    let genome = PreparedGenome::read(sources, &sequence, (options, tuning), budget, progress)?;
    let packed = TwoBit::open(&sequence)?;
    let (plan, _) = BuildPlan::new(&genome, &packed, (options, tuning), &|_, _| Ok(None), budget, progress)?;
    let hints = plan.hints;
    let seed_bytes = hints.repeated_kmers.min(hints.stored_kmers);
    let disk = hints.dictionary_bytes + hints.position_bytes + packed.bytes().len() as u64 + seed_bytes;
    let spooled = if plan.passes.len() > 1 { hints.dictionary_bytes } else { 0 };
    Ok(Plan {
        estimate: hints,
        parameters: genome.parameters.clone(),
        dictionary: plan.shape,
        passes: plan.passes.len() as u64,
        memory: plan.memory_bytes,
        disk,
        disk_while_building: disk + spooled,
        genome: genome.summary,
    })
}

/// Approximate minimum bytes of any build, in addition to present reservations.
pub(crate) fn min_memory() -> u64 {
    MemoryPlan::min_bytes(MemoryNeeds::default())
}
