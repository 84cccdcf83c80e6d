//! `detect`: the whole analysis of a genome, in steps that are recorded, so that an interrupted run continues.

mod files;
mod memory;
mod parts;
mod plan;
mod record;
mod stages;
mod steps;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::align::{Library, SearchOptions};
use crate::annotate::{
    AnnotationSummary, ContigGroups, GroupTable, PartLibrary, PartSubject, RepeatCopy, annotate_charged,
    annotate_with_tandem_repeats_charged, copies_of, for_annotation, join_parts, summarize,
};
use crate::builder::BuildOptions;
use crate::bundle::{FileDigest, GenomeSummary, MAX_SHARDS, Manifest, WRITTEN_BY, is_reproducible, time_stamp};
use crate::cli::annotation_files::{AnnotationFile, CopyFormat, FileArguments, longest_contig};
use crate::cli::common_arguments::{CacheArguments, TemporaryArguments};
use crate::cli::families::{SearchArguments, summary, write_stockholm};
use crate::cli::help::{self, ADVANCED, INPUT, OUTPUT};
use crate::cli::libraries::{Libraries, append};
use crate::cli::mask::{LetterArguments, mask_indexed};
use crate::cli::profile_arguments::ProfileArguments;
use crate::cli::shard::absolute;
use crate::cli::values::{e_value, taxon};
use crate::cli::{Settings, counted, grouped, pretty_json};
use crate::families::{Evidence, StructuralRna};
use crate::formats::{Annotation, FamiliesSummary, FamilyFormat, TabixKind, families};
use crate::fs::{Remove, Temporary, is_address, lock, remove_unfinished};
use crate::genome::{Contig, name_table, short_names};
use crate::index::{CacheStatistics, OpenOptions};
use crate::memory::{Component, Reservation, resident_memory};
use crate::proteins::Profiles;
use crate::report::{DetectSummary, GenomeFacts, Run, StepRun, detect_sections, report_page, report_plots};
use crate::sequence::Source;
use crate::units::{human_bytes, per_cent, utc};
use crate::{Error, Index, Notice, Progress, Result, builder};
use files::{
    FAMILY_FILES, FAMILY_TABLE, LIBRARY, MASK_FILES, MASKED_BY, NAMES, OWN_INDEX, PAGE, REPEATS, REPORT_FILES,
    STOCKHOLM, SUMMARY,
};
use plan::Planned;
use record::{RECORD, ResultFolder};
use steps::{ANNOTATION, DIVIDED, FAMILIES, INDEX, MASK, PLOTS, REPORT, STEPS, StepName};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Files of one genome, FASTA or .2bit, or the folder of its index
    ///
    /// An index in DIR, next to the first file or in the current folder is used if its name is that of `build-index`
    /// without -o (in DIR: genome.reprise), it is of this genome, and it contains all k-mers that occur twice or more and
    /// all their positions. Otherwise DIR/genome.reprise is built.
    #[arg(required = true, value_name = "GENOME|INDEX")]
    genome: Vec<PathBuf>,
    /// Also annotate the copies of the sequences in FILE (repeatable)
    ///
    /// FILE is FASTA, plain or compressed. The search for families does not depend on it: families.fa may contain repeats
    /// that are in the library. In the annotation each base belongs to the sequence that matches with the highest score.
    #[arg(long, value_name = "FILE")]
    library: Vec<PathBuf>,
    /// Find no families; annotate the copies of --library only
    #[arg(long, requires = "library", help_heading = help::FAMILIES)]
    library_only: bool,
    /// Report copies with an E-value of at most E
    ///
    /// The E-value is that of the whole search.
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = e_value, help_heading = help::ANNOTATION,
          hide_short_help = true)]
    max_e_value: f64,
    /// Also annotate and mask simple repeats and satellites
    ///
    /// They need no library. A satellite that was found as a family is annotated without --tandem too.
    #[arg(long, help_heading = help::ANNOTATION)]
    tandem: bool,
    /// Formats of the annotation
    ///
    /// tsv, bed, gff3, gtf, out (RepeatMasker), jsonl, align, tbl, divsum and bb (bigBed): docs/formats.md describes
    /// them. The files are repeats.FORMAT; out is always written, because masking reads it.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "FORMAT,...",
        default_value = "gff3,bed,out,tbl,divsum",
        hide_possible_values = true,
        help_heading = OUTPUT
    )]
    formats: Vec<CopyFormat>,
    #[command(flatten)]
    files: FileArguments,
    /// Write short names of contigs, and their table to names.tsv
    ///
    /// Names that have more than 50 letters, or others than letters, digits, _, . and -, are replaced in the annotation
    /// and the masked genome; the table has short names and names (docs/formats.md#names-of-contigs).
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    short_names: bool,
    /// Also write the figures of the report as SVG files to DIR
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    plots: Option<PathBuf>,
    /// Groups of contigs for the landscapes of the report
    ///
    /// Rows of a contig, or a pattern with `*`, a tab and a group; contigs without a row are `other`. The default groups
    /// are chromosomes, sex chromosomes, organelles and scaffolds, by name (docs/report.md#groups-of-contigs).
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    contig_groups: Option<PathBuf>,
    /// Name the organism in families.stk, as NCBI's taxonomy does
    ///
    /// It is the organism, or its clade, for the field `OC`.
    #[arg(long, value_name = "NAME", conflicts_with = "library_only", value_parser = taxon, help_heading = OUTPUT,
          hide_short_help = true)]
    taxon: Option<String>,
    /// Substitutions per site and year, such as 1.3e-8, to show ages
    ///
    /// The report estimates ages in years from it.
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = OUTPUT, hide_short_help = true)]
    substitution_rate: Option<f64>,
    /// Prefix each contig name with the name of its file
    ///
    /// chr1 of hap1.fa becomes hap1_chr1.
    #[arg(long, hide_short_help = true)]
    prefix_names: bool,
    /// Wait for another process that works in the same folder
    ///
    /// Without it, the later process fails.
    #[arg(long, help_heading = ADVANCED, hide_short_help = true)]
    wait: bool,
    #[command(flatten)]
    steps: StepArguments,
    #[command(flatten)]
    letters: LetterArguments,
    #[command(flatten)]
    search: SearchArguments,
    #[command(flatten)]
    profiles: ProfileArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    temporary: TemporaryArguments,
}

/// How a run is divided into steps, each a process of its own.
#[derive(Debug, Args)]
#[command(next_help_heading = ADVANCED)]
struct StepArguments {
    /// Run one step, whose earlier steps are finished
    ///
    /// index, families, annotation, mask or report; a stage of the families: discovery.1, discovery.2, ..., refinement;
    /// or with --shards a part such as survey.2 or annotation.2.
    #[arg(long, value_name = "NAME", value_parser = StepName::parse, hide_short_help = true)]
    step: Option<StepName>,
    /// Divide the index, the survey of the families and the annotation into N parts each
    ///
    /// With --plan and --step: the parts are steps of their own (docs/cluster.md).
    #[arg(long, value_name = "N", default_value_t = 1, hide_short_help = true,
          value_parser = clap::value_parser!(u32).range(1..=MAX_SHARDS.into()))]
    shards: u32,
    /// Write the steps of the run to FILE as JSON, and run none
    ///
    /// They have their commands, inputs, outputs, memory and time.
    #[arg(long, value_name = "FILE", conflicts_with = "step", hide_short_help = true)]
    plan: Option<PathBuf>,
}

impl StepArguments {
    fn check(&self, library_only: bool, settings: &Settings) -> Result<()> {
        let wrong = |problem: String| Err(Error::Usage(problem));
        if library_only && self.step.is_some_and(|only| only.whole_step() == FAMILIES) {
            return wrong("--library-only finds no families, so there is no such step".to_owned());
        }
        if settings.json && self.step.is_some_and(|only| only.step != REPORT) {
            return wrong("--json prints the summary of a run; use it with the step report".to_owned());
        }
        if self.shards > 1 && self.step.is_none() && self.plan.is_none() {
            return wrong("--shards divides steps; use it with --plan or --step".to_owned());
        }
        match self.step {
            Some(StepName { step, part: Some(part) })
                if DIVIDED.contains(&step) && (part > self.shards || self.shards == 1) =>
            {
                wrong(format!("there is no {step}.{part} of {}; the number of parts is that of --shards", self.shards))
            }
            _ => Ok(()),
        }
    }
}

/// Reads a rate of substitution.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate < 1.0 => Ok(rate),
        _ => Err("a rate is a number above 0 and below 1".to_owned()),
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    // Wrong arguments are reported before any work.
    time_stamp()?;
    let options = settings.open_options(&arguments.cache)?;
    if let Some(plots) = &arguments.plots
        && std::path::absolute(plots).map_err(|e| Error::io("open", plots, e))?.to_str().is_none()
    {
        // The record of a run names its figures, and is JSON.
        let problem = "the path of --plots must be UTF-8; name another folder";
        return Err(Error::Usage(format!("{}: {problem}", plots.display())));
    }
    arguments.files.check(&arguments.formats())?;
    arguments.steps.check(arguments.library_only, settings)?;
    if arguments.library_only {
        arguments.profiles.refuse_files()?;
    }
    let given = Libraries::read(&arguments.library, settings)?;
    let table = arguments.contig_groups.as_ref();
    let table = table.map(|path| GroupTable::read(&Source::new(path), &settings.budget)).transpose()?;
    let (profiles, rna) = match arguments.library_only {
        true => (None, None),
        false => (arguments.profiles.read(settings)?, arguments.profiles.read_rna(settings)?),
    };
    check_genome(&arguments.genome)?;
    let mut target = match &settings.output {
        Some(path) => path.clone(),
        None => default_folder(&arguments.genome[0])?,
    };
    if let Some(path) = &arguments.steps.plan {
        return arguments.planned(&target, &given.library, &settings.typed)?.write(path, settings);
    }
    memory::check(&arguments.genome, &given.library, !arguments.library_only, settings)?;
    if fs::symlink_metadata(&target).is_ok() {
        target = crate::fs::resolve_links(&target)?;
    }
    fs::create_dir_all(&target).map_err(|e| Error::io("create", &target, e))?;
    let handle = Arc::new(crate::fs::Folder::open(&target).map_err(|e| Error::io("open", &target, e))?);
    // Parts of a step are made by several processes at a time.
    let is_part = arguments.steps.step.is_some_and(StepName::is_part);
    let claim = if is_part { None } else { Claim::take(&handle, arguments.wait, settings)? };
    let outputs = outputs(&arguments);
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    if claim.is_some() {
        remove_unfinished(&handle, &[&outputs[..], &[RECORD]].concat());
    }
    let mut folder = ResultFolder::open(&target, settings.force)?;
    folder.forced_step = arguments.steps.step.map(StepName::whole_step);
    // Files that may not be replaced are reported before the work, not after it.
    folder.check(&outputs)?;
    let plots = arguments.plots.as_deref().map(|plots| folder.check_plots(plots)).transpose()?;
    let work = Work { arguments: &arguments, settings, folder, plots, options, profiles, rna, table };
    match arguments.steps.step {
        None => settings.progress.plan(&STEPS),
        Some(only) => {
            let whole = only.whole_step();
            settings.progress.plan(&STEPS.map(|(step, cost)| (step, if step == whole { cost } else { 0.0 })))
        }
    }
    let outcome = settings.on_pool(|| work.run(&given))?;
    settings.progress.clear();
    outcome.map_or(Ok(()), |outcome| print_summary(&outcome, &target, settings))
}

/// Refuses what cannot be read again when a run is continued.
fn check_genome(genome: &[PathBuf]) -> Result<()> {
    for path in genome {
        if path.as_os_str() == "-" {
            let problem = "detect reads its genome again when a run is continued; use a file instead of standard input";
            return Err(Error::Usage(problem.to_owned()));
        }
        if is_address(path) {
            if genome.len() > 1 {
                return Err(Error::Usage("an address is one index; use it alone, or files of sequence".to_owned()));
            }
            continue;
        }
        let metadata = fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
        if !metadata.is_dir() && !metadata.is_file() {
            let problem =
                "is not a regular file, and detect reads its genome again when a run is continued; use a file";
            return Err(Error::Usage(format!("{} {problem}", path.display())));
        }
        if metadata.is_dir() && genome.len() > 1 {
            return Err(Error::Usage(format!("{} is a folder; use one index or files of sequence", path.display())));
        }
    }
    Ok(())
}

/// A folder of results named after the genome or index, in the current folder.
fn default_folder(genome: &Path) -> Result<PathBuf> {
    let name = builder::default_target(&Source::new(genome));
    let Some(name) = name else {
        return Err(Error::Usage(format!(
            "{} has no file name to derive a name from; name the folder with -o",
            genome.display()
        )));
    };
    let stem = Path::new(name.file_stem().unwrap_or_default());
    let mut folder = match stem.extension() {
        Some(end) if end == "reprise" => stem.with_extension(""),
        _ => stem.to_owned(),
    }
    .into_os_string();
    folder.push(".repeats");
    Ok(PathBuf::from(folder))
}

/// The files of a run, without its record, in order.
fn outputs(arguments: &Arguments) -> Vec<String> {
    let families: &[&str] = if arguments.library_only { &[] } else { &FAMILY_FILES };
    let mut files: Vec<String> =
        [families, &MASK_FILES, &REPORT_FILES].concat().into_iter().map(str::to_owned).collect();
    // The kind of a tabix index is known when the genome is.
    for kind in [TabixKind::Tbi, TabixKind::Csi] {
        files.extend(arguments.annotation_files(kind));
    }
    files.extend(arguments.short_names.then(|| NAMES.to_owned()));
    files.sort_unstable();
    files.dedup();
    files
}

impl Arguments {
    /// What is planned for a run in a folder, with the command line `typed`.
    fn planned<'a>(&'a self, folder: &'a Path, library: &'a Library, typed: &[OsString]) -> Result<Planned<'a>> {
        let mut typed = typed.iter().skip(1).cloned();
        let mut kept = Vec::new();
        while let Some(word) = typed.next() {
            let Ok(word) = word.into_string() else {
                return Err(Error::Usage("a plan is JSON; use paths that are UTF-8".to_owned()));
            };
            match word.strip_prefix("--plan") {
                Some("") => drop(typed.next()),
                Some(rest) if rest.starts_with('=') => {}
                _ => kept.push(word),
            }
        }
        let mut annotation_files = self.formats().into_iter().map(|format| self.annotation_file(format)).collect();
        if self.short_names {
            Vec::push(&mut annotation_files, NAMES.to_owned());
        }
        Ok(Planned {
            genome: &self.genome,
            folder,
            library,
            libraries: &self.library,
            with_families: !self.library_only,
            samples: self.search.samples(),
            annotation_files,
            family_files: &FAMILY_FILES,
            shards: self.steps.shards,
            typed: kept,
        })
    }

    /// The formats of the annotation, without repetitions.
    fn formats(&self) -> Vec<CopyFormat> {
        let mut formats = self.formats.clone();
        formats.push(CopyFormat::Out);
        formats.sort_unstable();
        formats.dedup();
        formats
    }

    /// The file of a format.
    fn annotation_file(&self, format: CopyFormat) -> String {
        format!("{REPEATS}.{}", self.files.file_end(format))
    }

    /// The files of all formats, with tabix indexes of this kind.
    fn annotation_files(&self, tabix: TabixKind) -> Vec<String> {
        let mut files = Vec::new();
        for format in self.formats() {
            let file = self.annotation_file(format);
            if self.files.tabix(format).is_some() {
                files.push(format!("{file}.{}", tabix.extension()));
            }
            files.push(file);
        }
        files
    }
}

/// The lock of a folder of results.
const LOCK: &str = ".detect.lock";

/// The lock of a folder of results, which this process owns, and its file.
struct Claim {
    _file: Temporary,
    _lock: lock::Lock,
}

impl Claim {
    fn take(folder: &Arc<crate::fs::Folder>, wait: bool, settings: &Settings) -> Result<Option<Self>> {
        loop {
            match lock::acquire(folder, LOCK, crate::fs::is_this_user)? {
                lock::LockAttempt::Acquired(lock) => {
                    let folder = Arc::clone(folder);
                    let remove: Remove = Arc::new(move || folder.remove_file(LOCK));
                    let (file, ()) = Temporary::begin(|| Ok::<_, Error>(((), remove)))?;
                    return Ok(Some(Self { _file: file, _lock: lock }));
                }
                lock::LockAttempt::Busy(builder) => {
                    let target = folder.path().to_owned();
                    if !wait {
                        return Err(Error::Building { target, builder });
                    }
                    settings.progress.notice(&Notice::Waiting { target, builder });
                    lock::wait(folder, LOCK)?;
                }
                lock::LockAttempt::Removed => {}
                lock::LockAttempt::Unsupported(problem) => {
                    settings.warn(&format!(
                        "the file system of {} has no locks ({problem}); make sure that no other run works there",
                        folder.path().display()
                    ));
                    return Ok(None);
                }
            }
        }
    }
}

/// The result of the search for families.
#[derive(Serialize, Deserialize)]
struct Searched {
    summary: FamiliesSummary,
    evidence: BTreeMap<String, Evidence>,
}

/// The sequences whose copies are searched.
struct SearchedLibrary<'a> {
    library: Library,
    /// What parts of their annotation are parts of.
    subject: PartSubject<'a>,
    _reservations: Vec<Reservation>,
}

/// A run: its arguments and its folder.
struct Work<'a> {
    arguments: &'a Arguments,
    settings: &'a Settings,
    folder: ResultFolder,
    /// The folder of the figures, as an absolute path.
    plots: Option<PathBuf>,
    /// How the index is opened.
    options: OpenOptions,
    /// Profiles of protein domains.
    profiles: Option<Arc<Profiles>>,
    /// Genes of structural RNA.
    rna: Option<Arc<StructuralRna>>,
    /// The table from contigs to groups.
    table: Option<GroupTable>,
}

/// The summary of a run, as `--json` prints it. Unlike the results, the use of the cache differs from run to run, so it
/// is left out of runs that are reproduced.
#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    summary: DetectSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<CacheStatistics>,
}

impl Work<'_> {
    /// Runs all steps, or the one that the command line names; there is a summary after the last.
    fn run(mut self, given: &Libraries) -> Result<Option<Outcome>> {
        if let Some(StepName { step: INDEX, part: Some(part) }) = self.arguments.steps.step {
            return match self.find_index()? {
                Some(_) => Ok(None),
                None => self.index_part(part).map(|()| None),
            };
        }
        let index = self.index()?;
        if self.is_asked_for(INDEX) {
            return Ok(None);
        }
        let manifest = index.manifest().clone();
        // A contig that the genome does not have is reported before the search.
        let groups = match &self.table {
            Some(table) => table.assign(index.contigs()?)?,
            None => ContigGroups::by_name(index.contigs()?),
        };
        let of_index = json!({ "parameters": manifest.parameters, "files": manifest.files });
        if let Some(only) = self.arguments.steps.step.filter(|only| only.is_stage()) {
            return self.families_stage(&index, only, &of_index).map(|()| None);
        }
        let search = match self.arguments.library_only {
            true => None,
            false => Some(self.families(&index, &of_index)?),
        };
        if self.is_asked_for(FAMILIES) {
            return Ok(None);
        }
        if let Some(StepName { part: Some(part), .. }) = self.arguments.steps.step {
            let (inputs, files) = self.annotation_inputs(&index, &of_index, search.is_some(), given)?;
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            if self.folder.done::<AnnotationSummary>(ANNOTATION, &inputs, &files).is_none() {
                self.annotation_part(&index, search.is_some(), given, part)?;
            }
            return Ok(None);
        }
        let annotation = self.annotation(&index, &of_index, search.is_some(), given, &groups)?;
        if self.is_asked_for(ANNOTATION) {
            return Ok(None);
        }
        let masked_bases = self.mask(&index, &of_index)?;
        if self.is_asked_for(MASK) {
            return Ok(None);
        }
        let summary = self.report(&index, search, annotation, masked_bases)?;
        let cache = self.settings.report_cache(&index);
        Ok(Some(Outcome { summary, cache: (!is_reproducible()).then_some(cache) }))
    }

    /// Whether the run is for this step alone.
    fn is_asked_for(&self, step: &str) -> bool {
        self.arguments.steps.step.is_some_and(|only| only.step == step && only.part.is_none())
    }

    /// Refuses to make a step that was not asked for.
    fn check_asked_for(&self, step: &str) -> Result<()> {
        match self.arguments.steps.step {
            Some(only) if only.step != step && !(only.step == REPORT && step == PLOTS) => {
                let problem = format!("step {step} is not finished here; run it before {only}, with the same flags");
                Err(Error::input(self.folder.path(""), None, problem))
            }
            _ => Ok(()),
        }
    }

    /// Runs a step, or reuses its results from an earlier run.
    fn step<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &'static str,
        inputs: Value,
        files: &[&str],
        work: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        let mut files = files.to_vec();
        files.sort_unstable();
        if let Some(found) = self.folder.done(name, &inputs, &files) {
            self.settings.progress.skip(name);
            self.settings.log(&format!("{name:<12} unchanged"));
            return Ok(found);
        }
        self.make(name, inputs, &files, work)
    }

    /// Runs a step and records it.
    fn make<T: Serialize>(
        &mut self,
        name: &'static str,
        inputs: Value,
        files: &[&str],
        work: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        self.check_asked_for(name)?;
        self.folder.begin(name, inputs, files)?;
        self.settings.progress.step(name);
        let start = Instant::now();
        let found = work(self)?;
        let run = (!is_reproducible()).then(|| StepRun {
            name: name.to_owned(),
            seconds: (start.elapsed().as_secs_f64() * 100.0).round() / 100.0,
            threads: self.settings.threads as u64,
            peak_memory_bytes: resident_memory().map_or(0, |now| now.peak),
        });
        self.folder.finish(name, &found, utc(time_stamp()?), run)?;
        Ok(found)
    }

    /// Opens the index of the command line, or an existing one of the genome.
    fn find_index(&mut self) -> Result<Option<Index>> {
        let genome = &self.arguments.genome;
        if genome[0].is_dir() || is_address(&genome[0]) {
            if self.arguments.prefix_names {
                return Err(Error::Usage("--prefix-names is for files of sequence; an index has its names".to_owned()));
            }
            self.settings.progress.skip(INDEX);
            return self.open(&genome[0]).map(Some);
        }
        let own = self.folder.path(OWN_INDEX);
        // Other steps than the first rely on it: none of them reads the whole genome again.
        let is_own = |manifest: &Manifest| {
            self.folder.found::<String>(INDEX).is_some_and(|made| manifest.blake3 == made)
                && manifest.genome.prefixed_names == self.arguments.prefix_names
                && self.is_read_from_sources(&manifest.genome)
        };
        if self.arguments.steps.step.is_some_and(|only| only.step != INDEX)
            && Manifest::read(&own).is_ok_and(|manifest| is_own(&manifest))
        {
            self.settings.progress.skip(INDEX);
            return self.open(&own).map(Some);
        }
        let mut paths = vec![own.clone()];
        if let Some(name) = builder::default_target(&Source::new(&genome[0])) {
            paths.push(genome[0].with_file_name(&name));
            paths.push(name);
        }
        for path in &paths {
            // An index that cannot be read is skipped; it is not replaced unless it is this command's own.
            let Ok(manifest) = Manifest::read(path) else { continue };
            if !has_every_repeat(&manifest) || manifest.genome.prefixed_names != self.arguments.prefix_names {
                continue;
            }
            let Ok(index) = self.open(path) else { continue };
            self.settings.progress.step(INDEX);
            if index.compare_genome(&self.sources(), &self.settings.progress)?.same {
                self.settings.progress.skip(INDEX);
                self.settings.log(&format!("{INDEX:<12} {} is of this genome", path.display()));
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// The files of the genome.
    fn sources(&self) -> Vec<Source> {
        self.arguments.genome.iter().map(Source::new).collect()
    }

    /// Whether a genome was read from files with the names and sizes of these.
    fn is_read_from_sources(&self, genome: &GenomeSummary) -> bool {
        let name = |source: &Source| source.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sources = self.sources();
        let files = sources.iter().map(|source| (name(source), source.bytes_total()));
        files.eq(genome.sources.iter().map(|file| (file.name.clone(), Some(file.bytes))))
    }

    /// How an index is built.
    fn build_options(&self) -> BuildOptions {
        BuildOptions {
            wait: self.arguments.wait,
            resume: true,
            prefix_names: self.arguments.prefix_names,
            temporary_folder: self.arguments.temporary.tmpdir.clone(),
            ..BuildOptions::default()
        }
    }

    /// Opens the index of the command line, or an existing one of the genome, or builds one.
    fn index(&mut self) -> Result<Index> {
        if let Some(index) = self.find_index()? {
            return Ok(index);
        }
        let genome = &self.arguments.genome;
        let own = self.folder.path(OWN_INDEX);
        // Only an index that a run in this folder made may be replaced.
        let force =
            self.folder.force || self.folder.found::<String>(INDEX).is_some_and(|made| own_digest(&own) == Some(made));
        let options = BuildOptions { force, ..self.build_options() };
        let names: Vec<_> = genome.iter().map(|path| path.to_string_lossy()).collect();
        self.make(INDEX, json!({ "genome": names }), &[], |work| {
            let Settings { budget, progress, .. } = work.settings;
            match work.part_paths(INDEX)? {
                None => drop(builder::build_index(&work.sources(), &own, &options, budget, progress)?),
                Some(paths) => work.merge_index(&paths, &own, force)?,
            }
            Ok(own_digest(&own))
        })?;
        self.open(&own)
    }

    fn open(&self, index: &Path) -> Result<Index> {
        self.settings.open(index, self.options.clone())
    }

    /// Finds the families, and the evidence of their classes.
    fn families(&mut self, index: &Index, of_index: &Value) -> Result<Searched> {
        let inputs = self.families_inputs(of_index);
        let searched = self.step(FAMILIES, inputs, &FAMILY_FILES, |work| {
            let found = work.find_families(index, of_index)?;
            let alignments = work.folder.output(STOCKHOLM)?;
            write_stockholm(&found, index, work.arguments.taxon.as_deref(), alignments)?;
            for (name, format) in [(LIBRARY, FamilyFormat::Fasta), (FAMILY_TABLE, FamilyFormat::Tsv)] {
                work.write(name, &families(&found.statistics, format))?;
            }
            let summary = summary(&found, index);
            let evidence = found.statistics.into_iter().map(|family| (family.name, family.evidence)).collect();
            Ok(Searched { summary, evidence })
        })?;
        // Other processes may work on stages while this one needs the families only.
        if self.arguments.steps.step.is_none_or(|only| only.step == FAMILIES) {
            self.remove_stages(index, of_index)?;
        }
        Ok(searched)
    }

    /// What the families depend on.
    fn families_inputs(&self, of_index: &Value) -> Value {
        json!({ "version": WRITTEN_BY, "index": of_index, "search": self.arguments.search,
            "profiles": self.profiles.as_ref().map(|profiles| profiles.digest()), "taxon": self.arguments.taxon,
            "structural_rna": self.rna.as_ref().map(|rna| rna.digest()) })
    }

    fn annotation(
        &mut self,
        index: &Index,
        of_index: &Value,
        own: bool,
        given: &Libraries,
        groups: &ContigGroups,
    ) -> Result<AnnotationSummary> {
        let (inputs, files) = self.annotation_inputs(index, of_index, own, given)?;
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let summary = self.step(ANNOTATION, inputs, &files, |work| {
            let formats = work.arguments.formats();
            let keep_columns = formats.iter().any(|&format| work.arguments.files.needs_columns(format));
            let SearchedLibrary { mut library, subject, .. } = work.searched_library(index, own, given)?;
            let options = SearchOptions { keep_columns, ..work.search_options() };
            let (copies, _copies_reservation) = match work.part_paths(ANNOTATION)? {
                None => work.copies(index, &mut library, &options)?,
                Some(paths) => {
                    let parts = work.annotation_parts(&paths, subject)?;
                    let budget = &work.settings.budget;
                    let contigs = index.contigs()?;
                    let read = parts.iter().map(|part| part.read(&library, contigs, budget));
                    copies_of(join_parts(index, &library, &for_annotation(&options), read, budget)?, &mut library)
                }
            };
            let contigs = work.named_contigs(index)?;
            let annotation = Annotation { copies: &copies, library: &library, index, contigs: &contigs, header: true };
            for format in formats {
                let path = work.folder.path(&work.arguments.annotation_file(format));
                // What a file of this name was is known not to be anyone else's.
                AnnotationFile::create(&path, format, work.arguments.files, true, index)?.write(&annotation)?;
            }
            if work.arguments.short_names {
                work.write(NAMES, &name_table(&contigs, index.contigs()?))?;
            }
            Ok(summarize(&copies, &library, index.contigs()?, groups))
        })?;
        if self.arguments.steps.shards > 1 {
            self.remove_annotation_parts();
        }
        Ok(summary)
    }

    /// What the annotation depends on, and its files.
    fn annotation_inputs(
        &self,
        index: &Index,
        of_index: &Value,
        own: bool,
        given: &Libraries,
    ) -> Result<(Value, Vec<String>)> {
        let found = own.then(|| self.folder.digest(LIBRARY)).transpose()?;
        let inputs = json!({
            "version": WRITTEN_BY,
            "index": of_index,
            "families": found,
            "libraries": given.digests,
            "max_e_value": self.arguments.max_e_value,
            "tandem": self.arguments.tandem,
            "formats": self.arguments.formats(),
            "files": self.arguments.files,
            "short_names": self.arguments.short_names,
            "contig_groups": self.table.as_ref().map(GroupTable::digest),
        });
        let mut files = self.arguments.annotation_files(TabixKind::of(longest_contig(index)));
        files.extend(self.arguments.short_names.then(|| NAMES.to_owned()));
        files.sort_unstable();
        Ok((inputs, files))
    }

    /// Options of the search for copies, which keeps columns.
    fn search_options(&self) -> SearchOptions {
        SearchOptions { max_e_value: self.arguments.max_e_value, ..SearchOptions::default() }
    }

    /// The given libraries, and the families that were found if there are `own` ones.
    fn searched_library<'i>(&self, index: &'i Index, own: bool, given: &Libraries) -> Result<SearchedLibrary<'i>> {
        let Settings { budget, progress, .. } = self.settings;
        let mut reservations = vec![budget.reserve(Component::Input, given.library.bytes(), "a library")?];
        let mut library = given.library.clone();
        // A pipe has no path that stays.
        let lasting = |path: &PathBuf| absolute(path).unwrap_or_else(|_| path.clone());
        let paths = self.arguments.library.iter().map(lasting).zip(given.digests.iter().cloned());
        let mut libraries: Vec<PartLibrary> = paths.map(|(path, digest)| PartLibrary { path, digest }).collect();
        let path = self.folder.path(LIBRARY);
        if own && self.folder.digest(LIBRARY)?.bytes > 0 {
            let (families, families_reservation) = Library::read(&Source::new(&path), budget, progress)?;
            let (blake3, bytes) = families.digest();
            append(&mut library, families, &path)?;
            reservations.push(families_reservation);
            libraries.push(PartLibrary { path: absolute(&path)?, digest: FileDigest { bytes, blake3 } });
        }
        let subject = PartSubject {
            index: absolute(index.folder())?,
            manifest: index.manifest(),
            libraries,
            max_e_value: self.arguments.max_e_value,
            max_divergence: 100.0,
            tandem: self.arguments.tandem,
        };
        Ok(SearchedLibrary { library, subject, _reservations: reservations })
    }

    /// The copies of a library in the whole genome.
    fn copies(
        &self,
        index: &Index,
        library: &mut Library,
        options: &SearchOptions,
    ) -> Result<(Vec<RepeatCopy>, Reservation)> {
        let Settings { budget, progress, .. } = self.settings;
        match library.is_empty() {
            _ if self.arguments.tandem => {
                annotate_with_tandem_repeats_charged(index, library, options, budget, progress)
            }
            true => Ok((Vec::new(), budget.empty_reservation(Component::Alignments))),
            false => annotate_charged(index, library, options, budget, progress),
        }
    }

    /// The contigs under the names that results have.
    fn named_contigs<'i>(&self, index: &'i Index) -> Result<Cow<'i, [Contig]>> {
        let contigs = index.contigs()?;
        Ok(if self.arguments.short_names { short_names(contigs).into() } else { contigs.into() })
    }

    fn mask(&mut self, index: &Index, of_index: &Value) -> Result<u64> {
        let annotation = self.folder.digest(MASKED_BY)?;
        let letters = &self.arguments.letters;
        let short_names = self.arguments.short_names;
        let inputs = json!({ "version": WRITTEN_BY, "index": of_index, "annotation": annotation, "letters": letters,
            "short_names": short_names });
        self.step(MASK, inputs, &MASK_FILES, |work| {
            work.settings.progress.phase("mask", None);
            let [masked, records, blocks] = MASK_FILES.map(|name| work.folder.output(name));
            let contigs = work.named_contigs(index)?;
            mask_indexed(index, &work.folder.path(MASKED_BY), &contigs, letters, [masked?, records?, blocks?])
        })
    }

    fn report(
        &mut self,
        index: &Index,
        search: Option<Searched>,
        annotation: AnnotationSummary,
        masked_bases: u64,
    ) -> Result<DetectSummary> {
        let mut names = vec![ANNOTATION, MASK];
        if search.is_some() {
            names.insert(0, FAMILIES);
        }
        if index.folder() == self.folder.path(OWN_INDEX) {
            names.insert(0, INDEX);
        }
        let made: Vec<&record::RecordedStep> = names.iter().filter_map(|name| self.folder.step(name)).collect();
        let steps: Vec<StepRun> = made.iter().filter_map(|step| step.run.clone()).collect();
        let arguments = self.arguments;
        let (search, evidence) = search.map(|found| (found.summary, found.evidence)).unzip();
        let summary = DetectSummary {
            written_by: WRITTEN_BY.to_owned(),
            created: made.iter().map(|step| step.created.clone()).max().unwrap_or_default(),
            genome: facts(index)?,
            search,
            evidence: evidence.unwrap_or_default(),
            annotation,
            masked_bases,
            substitution_rate: arguments.substitution_rate,
            parameters: json!({
                "search": (!arguments.library_only).then_some(&arguments.search),
                "profiles": self.profiles.as_ref().map(|profiles| profiles.digest()),
                "structural_rna": self.rna.as_ref().map(|rna| rna.digest()),
                "taxon": arguments.taxon,
                "library": arguments.library.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
                "max_e_value": arguments.max_e_value,
                "tandem": arguments.tandem,
                "contig_groups": arguments.contig_groups.as_ref().map(|path| path.to_string_lossy()),
                "letters": arguments.letters,
            }),
            files: made.iter().flat_map(|step| step.files()).collect(),
            run: (!steps.is_empty()).then(|| Run {
                seconds: (steps.iter().map(|step| step.seconds).sum::<f64>() * 100.0).round() / 100.0,
                peak_memory_bytes: steps.iter().map(|step| step.peak_memory_bytes).max().unwrap_or(0),
                steps,
            }),
        };
        let mut text = serde_json::to_string_pretty(&summary).map_err(|e| Error::io("write", SUMMARY, e.into()))?;
        text.push('\n');
        let inputs = json!({ "version": WRITTEN_BY, "summary": blake3::hash(text.as_bytes()).to_hex().as_str() });
        let spectrum = index.spectrum()?;
        self.step(REPORT, inputs.clone(), &REPORT_FILES, |work| {
            work.write(PAGE, report_page(&summary, &spectrum).as_bytes())?;
            for (name, section) in detect_sections(&summary) {
                work.write(name, section.as_bytes())?;
            }
            work.write(SUMMARY, text.as_bytes())
        })?;
        if let Some(plots) = self.plots.clone() {
            let drawn = report_plots(&summary, &spectrum);
            let paths: Vec<String> =
                drawn.iter().map(|(name, _)| plots.join(name).to_string_lossy().into_owned()).collect();
            let files: Vec<&str> = paths.iter().map(String::as_str).collect();
            self.step(PLOTS, inputs, &files, |work| {
                files.iter().zip(&drawn).try_for_each(|(file, (_, svg))| work.write(file, svg.as_bytes()))
            })?;
        }
        Ok(summary)
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let mut output = self.folder.output(file)?;
        output.write_all(bytes).map_err(|e| Error::io("write", self.folder.path(file), e))?;
        output.finish()
    }
}

/// The digest of an index: that of its manifest, which has digests of all other files.
fn own_digest(index: &Path) -> Option<String> {
    Manifest::read(index).ok().map(|manifest| manifest.blake3)
}

/// Whether an index has all repeated k-mers and all their positions, as one that this command builds.
fn has_every_repeat(manifest: &Manifest) -> bool {
    let parameters = &manifest.parameters;
    parameters.min_frequency <= 2 && parameters.max_frequency.is_none() && parameters.max_positions.is_none()
}

fn facts(index: &Index) -> Result<GenomeFacts> {
    let Manifest { genome, parameters, actual, .. } = index.manifest();
    let mut lengths: Vec<u64> = index.contigs()?.iter().map(|contig| contig.length).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0;
    let n50 = lengths.into_iter().find(|length| {
        sum += length;
        2 * sum >= genome.bases
    });
    Ok(GenomeFacts {
        name: genome.source_names(),
        bases: genome.bases,
        acgt: genome.acgt,
        masked: genome.masked,
        contigs: genome.contigs,
        n50: n50.unwrap_or(0),
        blake3: genome.blake3.clone(),
        k: parameters.k,
        distinct_kmers: actual.distinct_kmers,
        repeated_kmers: actual.repeated_kmers,
    })
}

/// Prints the summary.
fn print_summary(outcome: &Outcome, folder: &Path, settings: &Settings) -> Result<()> {
    if settings.quiet && !settings.json {
        return Ok(());
    }
    let text = if settings.json {
        pretty_json(outcome)?
    } else {
        let DetectSummary { genome, annotation, run, search, parameters, .. } = &outcome.summary;
        let share = |bases: u64| per_cent(bases, genome.bases);
        let mut text = format!(
            "{}: {} bases in {}\n  repeats          {:.2} % of the bases: {} of {}",
            folder.display(),
            grouped(genome.bases),
            counted(genome.contigs, "contig"),
            share(annotation.bases),
            counted(annotation.copies, "copy"),
            counted(annotation.families.len() as u64, "family")
        );
        for class in annotation.classes.iter().take(8) {
            text += &format!(
                "\n  {:<16} {:.2} %, {} of {}",
                class.class,
                share(class.bases),
                counted(class.copies, "copy"),
                counted(class.families, "family")
            );
        }
        let arrays = search.as_ref().map_or(0, |search| search.array_bases);
        if arrays > 0 && parameters["tandem"] == false {
            text += &format!("\n  tandem arrays    {:.2} %, not masked without --tandem", share(arrays));
        }
        if let Some(Run { seconds, peak_memory_bytes, .. }) = run {
            text += &format!("\n  time, memory     {seconds:.1} s, {} at the peak", human_bytes(*peak_memory_bytes));
        }
        text + "\n  report           " + &folder.join("report.html").display().to_string()
    };
    crate::fs::print(&(text + "\n"))
}
