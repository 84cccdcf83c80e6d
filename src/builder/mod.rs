//! Builds an index: input → packed genome → plan → passes (scatter, sort, encode) → catalog → published bundle.
//!
//! The bytes of the bundle depend on the input and the options only, not on threads, memory or passes. A part of an
//! index is built in the same steps up to its pages, and `merge` makes the index of all parts.
//!
//! | step | files |
//! |---|---|
//! | options | `options` |
//! | read | `read`, `input_size`, `prepared_genome` |
//! | plan | `plan`, `plan_layout`, `memory_plan`, `shard_pages`, `segments`, `sample`, `hints` |
//! | passes | `passes`, `scatter`, `bin_counts`, `counting_sort`; `layout_steps` by layout: `sorted/`, `superkmers/` |
//! | write | `handover`, `write`, `page_output`, `catalog_tail`, `frequency_order`, `spectrum`, `publish` |
//! | parts | `part`, `part_files`, `merge`, `merge_pages` |

mod bin_counts;
mod catalog_tail;
mod counting_sort;
mod frequency_order;
mod handover;
mod hints;
mod input_size;
mod layout_steps;
mod memory_plan;
mod merge;
mod merge_pages;
mod options;
mod page_output;
mod part;
mod part_files;
mod passes;
mod plan;
mod plan_layout;
mod prepared_genome;
mod publish;
mod read;
mod sample;
mod scatter;
mod segments;
mod shard_pages;
mod sorted;
mod spectrum;
mod superkmers;
mod write;

use std::ops::Range;
use std::path::Path;

use memory_plan::{MemoryNeeds, MemoryPlan};
use plan::{BuildPlan, BuildRequest};
use prepared_genome::PreparedGenome;
use publish::{IndexContents, publish_index};
use write::BuildJob;

use crate::bundle::draft::BundleDraft;
use crate::bundle::time_stamp;
use crate::bundle::{BundleKind, GenomeSummary, Manifest, MemoryHints, Parameters, Shard, check_target};
use crate::dictionary::Shape;
use crate::format::{POSITIONS, SEQUENCE};
use crate::fs::{TemporaryFolder, digest_file};
use crate::genome::TwoBit;
use crate::memory::Budget;
use crate::sequence::Source;
use crate::{Error, Notice, Progress, Result};

pub use merge::merge_index;
pub use options::{BuildOptions, BuildTuning, default_k, default_target};
pub use part::{PartReport, build_part, build_part_tuned, default_part_target};

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
    /// The part of the index that is planned, if it is not all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<PlannedPart>,
}

/// A part of an index in a plan.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PlannedPart {
    /// Which part it is.
    #[serde(flatten)]
    pub shard: Shard,
    /// The dictionary pages of the index that it has, half-open.
    pub pages: Range<u64>,
    /// Of the records that all passes of all parts sort, those of this part: from 0 to 1.
    pub share: f64,
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
    let draft = BundleDraft::create(target, options.draft(BundleKind::Index), progress)?;
    let genome = PreparedGenome::read(sources, &draft.path(SEQUENCE), (options, tuning), budget, progress)?;
    if draft.target_exists() {
        let manifest = Manifest::read(target)?;
        if !genome.matches((manifest.dictionary, manifest.identity), &manifest.parameters, options) {
            return Err(Error::Exists(target.to_owned()));
        }
        progress.notice(&Notice::UpToDate(target.to_owned()));
        return Ok(BuildReport { manifest, passes: 0 });
    }
    let packed = &TwoBit::open(&draft.path(SEQUENCE))?;
    let find_resume_point = |identity, pages: &Range<u64>| draft.resume_point(identity, pages, progress);
    let request = BuildRequest { shard: None, options, tuning };
    let (plan, resume_point) = BuildPlan::new(&genome, packed, request, &find_resume_point, budget, progress)?;
    let job = BuildJob { plan: &plan, genome: &genome, packed, draft: &draft, budget, progress };
    let (totals, positions) = job.write(resume_point)?;

    let sequence = digest_file(&draft.path(SEQUENCE))?;
    let contents = IndexContents {
        genome: &genome,
        dictionary: (plan.shape, plan.identity),
        estimate: plan.hints,
        totals,
        files: [(POSITIONS, positions), (SEQUENCE, sequence)],
    };
    let manifest = publish_index(draft, target, contents, progress)?;
    Ok(BuildReport { manifest, passes: plan.passes.len() as u64 })
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
    plan_build(sources, target, (options, None), budget, progress)
}

/// Reads the genome and returns what [`build_part`] would do; leaves nothing on the disk.
///
/// # Errors
/// As [`build_part`].
pub fn plan_part(
    sources: &[Source],
    target: &Path,
    (options, shard): (&BuildOptions, Shard),
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Plan> {
    shard.check()?;
    plan_build(sources, target, (options, Some(shard)), budget, progress)
}

/// The plan of a build of an index, or of a part of it.
fn plan_build(
    sources: &[Source],
    target: &Path,
    (options, shard): (&BuildOptions, Option<Shard>),
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Plan> {
    let tuning = &BuildTuning::default();
    options.check()?;
    let kind = if shard.is_some() { BundleKind::Part } else { BundleKind::Index };
    check_target(target, kind, options.force)?;
    MemoryPlan::checked(budget, rayon::current_num_threads(), MemoryNeeds::default())?;
    let scratch = TemporaryFolder::new("reprise-plan", options.temporary_folder.as_deref())?;
    let sequence = scratch.path().join(SEQUENCE);
    let genome = PreparedGenome::read(sources, &sequence, (options, tuning), budget, progress)?;
    let packed = TwoBit::open(&sequence)?;
    let request = BuildRequest { shard, options, tuning };
    let (plan, _) = BuildPlan::new(&genome, &packed, request, &|_, _| Ok(None), budget, progress)?;
    let hints = plan.hints;
    let sequence_bytes = packed.bytes().len() as u64;
    let (disk, disk_while_building) = match shard {
        Some(shard) => {
            let pages = ((hints.dictionary_bytes + hints.position_bytes) as f64 * plan.share) as u64;
            (pages + if shard.has_genome() { sequence_bytes } else { 0 }, pages + sequence_bytes)
        }
        None => {
            let seed_bytes = hints.repeated_kmers.min(hints.stored_kmers);
            let disk = hints.dictionary_bytes + hints.position_bytes + sequence_bytes + seed_bytes;
            (disk, disk + if plan.passes.len() > 1 { hints.dictionary_bytes } else { 0 })
        }
    };
    Ok(Plan {
        estimate: hints,
        parameters: genome.parameters.clone(),
        dictionary: plan.shape,
        passes: plan.passes.len() as u64,
        memory: plan.memory_bytes,
        disk,
        disk_while_building,
        genome: genome.summary,
        part: shard.map(|shard| PlannedPart { shard, pages: plan.pages.clone(), share: plan.share }),
    })
}

/// Approximate minimum bytes of any build, in addition to present reservations.
pub(crate) fn min_memory() -> u64 {
    MemoryPlan::min_bytes(MemoryNeeds::default())
}
