//! Builds a part of an index: the dictionary pages and position blocks of a range of pages, in the passes of a build of
//! the index. The first part has the genome too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::builder::handover::{Handover, WriterItem};
use crate::builder::memory_plan::{MemoryNeeds, MemoryPlan};
use crate::builder::options::{BuildOptions, BuildTuning, default_target};
use crate::builder::page_output::PageOutput;
use crate::builder::part_files::{write_contigs, write_spectrum};
use crate::builder::plan::{BuildPlan, BuildRequest};
use crate::builder::prepared_genome::PreparedGenome;
use crate::builder::write::{BuildJob, resumed_spectrum};
use crate::bundle::draft::{BundleDraft, ResumePoint};
use crate::bundle::{BundleKind, FileDigest, PartManifest, PartOf, Sealed, Shard, Totals, time_stamp};
use crate::format::{CONTIGS, POSITIONS, SEQUENCE, SPECTRUM, SPOOL};
use crate::fs::{Syncer, TemporaryFolder, digest_file};
use crate::genome::TwoBit;
use crate::memory::Budget;
use crate::sequence::Source;
use crate::{Error, Notice, Progress, Result};

/// The report of a build of a part of an index.
#[derive(Debug, Clone)]
pub struct PartReport {
    /// The manifest of the new part.
    pub manifest: PartManifest,
    /// Passes over the genome; 0 if the part has no pages, or existed (see [`BuildOptions::wait`]).
    pub passes: u64,
}

/// The default folder of a part: that of the index with the number of the part behind it; see [`default_target`].
pub fn default_part_target(source: &Source, shard: Shard) -> Option<PathBuf> {
    let mut name = OsString::from(default_target(source)?);
    name.push(format!(".part-{}-of-{}", shard.number, shard.count));
    Some(PathBuf::from(name))
}

/// Builds a part of an index of one genome from its files and publishes it at `target`; [`merge_index`] makes the index
/// of all parts. Which pages a part has depends on the genome, the options and the number of parts alone.
///
/// Every part takes the whole genome: it reads, packs, samples and counts all of it, and scans it once for every pass.
/// It sorts, encodes and writes only its own pages. Threads are those of [`build_index`].
///
/// # Errors
/// As [`build_index`]; [`Error::Usage`] if there is no such part.
///
/// [`build_index`]: crate::builder::build_index
/// [`merge_index`]: crate::builder::merge_index
pub fn build_part(
    sources: &[Source],
    target: &Path,
    (options, shard): (&BuildOptions, Shard),
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<PartReport> {
    build_part_tuned(sources, target, (options, &BuildTuning::default(), shard), budget, progress)
}

/// As [`build_part`], with limits that only tests set.
///
/// # Errors
/// As [`build_part`].
#[doc(hidden)]
pub fn build_part_tuned(
    sources: &[Source],
    target: &Path,
    (options, tuning, shard): (&BuildOptions, &BuildTuning, Shard),
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<PartReport> {
    options.check()?;
    shard.check()?;
    // An invalid time stamp is reported before the genome is read.
    let created = time_stamp()?;
    MemoryPlan::checked(budget, rayon::current_num_threads(), MemoryNeeds::default())?;
    let draft = BundleDraft::create(target, options.draft(BundleKind::Part), progress)?;
    let sequence = PackedGenomeFile::new(&draft, shard, options)?;
    let genome = PreparedGenome::read(sources, &sequence.path, (options, tuning), budget, progress)?;
    if draft.target_exists() {
        return existing(target, shard, &genome, options, progress);
    }
    let packed = &TwoBit::open(&sequence.path)?;
    let find_resume_point = |identity, pages: &Range<u64>| draft.resume_point(identity, pages, progress);
    let request = BuildRequest { shard: Some(shard), options, tuning };
    let (plan, resume_point) = BuildPlan::new(&genome, packed, request, &find_resume_point, budget, progress)?;
    let job = BuildJob { plan: &plan, genome: &genome, packed, draft: &draft, budget, progress };
    let resumed = resumed_spectrum(resume_point.as_ref());
    let write = |handover: &Handover, _memory| write_part(&job, resume_point, handover);
    let (totals, mut files) = job.run_passes(resumed, write, || Ok(()))?;

    progress.phase("publishing", None);
    if shard.has_genome() {
        files.insert(CONTIGS.to_owned(), write_contigs(draft.path(CONTIGS), &genome.contigs, &genome.others)?);
        files.insert(SEQUENCE.to_owned(), digest_file(&sequence.path)?);
    }
    sequence.remove()?;
    let of = PartOf {
        shard,
        pages: plan.pages.clone(),
        parameters: &genome.parameters,
        genome: &genome.summary,
        dictionary: (plan.shape, plan.identity),
        estimate: plan.hints,
    };
    let manifest = PartManifest::new(of, totals, files, created);
    // A part that could not be merged must not be published.
    if let Some(problem) = manifest.contradiction() {
        return Err(Error::Unfinished { path: target.to_owned(), problem: problem.to_owned() });
    }
    draft.publish(&manifest.clone().seal()?, progress)?;
    Ok(PartReport { manifest, passes: plan.passes.len() as u64 })
}

/// The file of the packed genome: in the first part, where it stays, else a temporary file.
struct PackedGenomeFile {
    path: PathBuf,
    stays: bool,
    _folder: Option<TemporaryFolder>,
}

impl PackedGenomeFile {
    fn new(draft: &BundleDraft, shard: Shard, options: &BuildOptions) -> Result<Self> {
        let stays = shard.has_genome();
        // The folder of temporary files is a local disk if the part is on a shared one.
        let folder = match &options.temporary_folder {
            Some(folder) if !stays => Some(TemporaryFolder::new("reprise-part", Some(folder))?),
            _ => None,
        };
        let path = folder.as_ref().map_or_else(|| draft.path(SEQUENCE), |folder| folder.path().join(SEQUENCE));
        Ok(Self { path, stays, _folder: folder })
    }

    /// Removes the file unless it is one of the part.
    fn remove(self) -> Result<()> {
        if self.stays {
            return Ok(());
        }
        crate::fs::remove_file(&self.path).map_err(|e| Error::io("remove", &self.path, e))
    }
}

/// The report on a part that another process built meanwhile, if it is the part that is to be built.
fn existing(
    target: &Path,
    shard: Shard,
    genome: &PreparedGenome,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<PartReport> {
    match PartManifest::read(target) {
        Ok(manifest)
            if manifest.shard == shard
                && genome.matches((manifest.dictionary, manifest.identity), &manifest.parameters, options) =>
        {
            progress.notice(&Notice::UpToDate(target.to_owned()));
            Ok(PartReport { manifest, passes: 0 })
        }
        _ => Err(Error::Exists(target.to_owned())),
    }
}

/// Writes the pages in order, and then the spectrum. Returns the digests of the files.
fn write_part(
    job: &BuildJob<'_>,
    resume_point: Option<ResumePoint>,
    handover: &Handover,
) -> Result<(Totals, BTreeMap<String, FileDigest>)> {
    let BuildJob { plan, genome, draft, budget, .. } = *job;
    let path = draft.path(POSITIONS);
    let mut output = PageOutput::open((plan, draft), &path, resume_point, budget)?;
    let spool_syncer = output.spool.as_ref().map(|spool| Syncer::start(spool.file(), &draft.spool())).transpose()?;
    while let Some(item) = handover.items().take() {
        match item {
            WriterItem::Page(mut page) => {
                output.put(&mut page)?;
                spool_syncer.iter().for_each(|syncer| syncer.written(page.dictionary.len() as u64));
                handover.buffers.put_back(page.block);
                handover.buffers.put_back(page.dictionary);
            }
            WriterItem::PassEnd(spectrum) => output.save(spectrum)?,
        }
    }
    if !output.is_complete() {
        // A worker panicked: its panic continues once this thread is joined.
        return Err(Error::Stopped);
    }
    let spectrum = handover.spectrum();
    output.count_spectrum(&spectrum);
    let mut totals = output.totals;
    totals.kmers = spectrum.iter().map(|row| row.0 * row.1).sum();
    let seeds = spectrum.iter().filter(|row| row.0 > 1 && genome.filters.keeps(row.0));
    totals.seeds = seeds.map(|row| row.1).sum();
    let spectrum = write_spectrum(draft.path(SPECTRUM), &spectrum)?;
    output.syncer.finish()?;
    spool_syncer.map_or(Ok(()), Syncer::finish)?;
    let spool = output.spool.as_ref().map(|spool| (SPOOL, spool.digest()));
    let files = [(SPECTRUM, spectrum), (POSITIONS, output.blocks.digest())].into_iter().chain(spool);
    Ok((totals, files.map(|(name, digest)| (name.to_owned(), digest)).collect()))
}
