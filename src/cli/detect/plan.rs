//! The graph of the steps of a run, for engines that run each as a job of its own.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::align::{Library, search_memory};
use crate::bundle::WRITTEN_BY;
use crate::cli::detect::files::{MASK_FILES, OWN_INDEX, PARTS, REPORT_FILES, part_file};
use crate::cli::detect::memory;
use crate::cli::detect::steps::{
    ANNOTATION, DISCOVERY, DIVIDED, FAMILIES, INDEX, MASK, REFINEMENT, REPORT, STEPS, SURVEY, StepName,
};
use crate::cli::{Settings, pretty_json};
use crate::families::{SampleOptions, Stage, families_memory, sample_count};
use crate::fs::{Output, is_address};
use crate::{Error, Result, builder};

/// What a step needs besides what its data needs: an open index and its cache, buffers, the program itself.
const BASE_MEMORY: u64 = 256 << 20;
/// Bytes of memory per base of the genome with which an index is built in few passes.
const INDEX_BYTES_PER_BASE: u64 = 3;
/// Bytes of alignments per base that is annotated, if most of it is repeats.
const ALIGNMENT_BYTES_PER_BASE: u64 = 1;
/// Bases of a library of families per base of the genome, as its reciprocal: those of plants are smaller.
const BASES_PER_LIBRARY_BASE: u64 = 50;
/// Bases of the largest library that is expected: those of all plants together have fewer.
const MAX_LIBRARY: u64 = 50 << 20;
/// Bytes of a base of a library in a search: the base, and the seeds of both strands.
const SEED_BYTES_PER_BASE: u64 = 40;
/// Seconds of a step, at least: the start of a process and the check of what it depends on.
const MIN_SECONDS: f64 = 10.0;
/// Shares of the time of the families that one sample, the refinement and the survey of the whole genome take, at most:
/// small genomes have one sample, and large ones many copies to find.
const STAGE_SHARES: [(&str, f64); 3] = [(DISCOVERY, 0.6), (REFINEMENT, 0.6), (SURVEY, 0.3)];
/// How much longer a step may take than expected: limits of time end jobs for good.
const TIME_RESERVE: f64 = 4.0;

/// The steps of a run.
#[derive(Debug, Serialize)]
struct Plan {
    written_by: &'static str,
    genome: Vec<String>,
    /// About.
    bases: u64,
    folder: PathBuf,
    shards: u32,
    steps: Vec<PlannedStep>,
}

/// A step: what it reads and writes, and what it needs.
#[derive(Debug, Serialize)]
struct PlannedStep {
    name: String,
    /// Steps that have to be finished.
    needs: Vec<String>,
    inputs: Vec<PathBuf>,
    outputs: Vec<PathBuf>,
    command: Vec<String>,
    threads: usize,
    /// Bytes with which it is fast; less may suffice.
    memory: u64,
    /// Limit of time that it hardly exceeds.
    seconds: u64,
}

/// What is planned.
pub(super) struct Planned<'a> {
    pub(super) genome: &'a [PathBuf],
    pub(super) folder: &'a Path,
    pub(super) library: &'a Library,
    /// Its files.
    pub(super) libraries: &'a [PathBuf],
    pub(super) with_families: bool,
    /// Options of the samples of the search for families.
    pub(super) samples: SampleOptions,
    pub(super) annotation_files: Vec<String>,
    pub(super) family_files: &'a [&'a str],
    pub(super) shards: u32,
    /// The command line of the run, without the flag of the plan.
    pub(super) typed: Vec<String>,
}

impl Planned<'_> {
    /// Writes the plan.
    ///
    /// # Errors
    /// [`Error::Input`] for a genome of unknown size; those of the output.
    pub(super) fn write(&self, path: &Path, settings: &Settings) -> Result<()> {
        let mut bases = 0;
        for path in self.genome {
            let problem = "has no size from which time and memory can be planned; use a file or an index";
            bases += memory::bases_of(path).ok_or_else(|| Error::input(path, None, problem))?;
        }
        let names = self.genome.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let steps = self.names(bases).into_iter().map(|name| self.step(name, bases, settings)).collect();
        let (folder, shards) = (self.folder.to_owned(), self.shards);
        let plan = Plan { written_by: WRITTEN_BY, genome: names, bases, folder, shards, steps };
        let mut output = Output::create(Some(path), settings.force)?;
        let text = pretty_json(&plan)? + "\n";
        output.write_all(text.as_bytes()).map_err(|e| Error::io("write", path, e))?;
        output.finish()
    }

    /// The steps and their parts, each after those that it needs.
    fn names(&self, bases: u64) -> Vec<StepName> {
        let mut names = Vec::new();
        for (step, _) in STEPS {
            if step == FAMILIES && !self.with_families {
                continue;
            }
            if step == FAMILIES && self.shards > 1 {
                names.extend((1..=self.samples_of(bases)).map(|part| StepName { step: DISCOVERY, part: Some(part) }));
                names.push(StepName::whole(REFINEMENT));
                names.extend(self.parts(SURVEY));
            }
            if self.is_divided(step) {
                names.extend(self.parts(step));
            }
            names.push(StepName::whole(step));
        }
        names
    }

    fn parts(&self, step: &'static str) -> impl Iterator<Item = StepName> {
        (1..=self.shards).map(move |part| StepName { step, part: Some(part) })
    }

    /// Samples of a genome of about so many bases, in which families are discovered one after the other. If there are
    /// more, the refinement examines the others first; if there are fewer, the last steps find nothing to do.
    fn samples_of(&self, bases: u64) -> u32 {
        sample_count(bases, &self.samples).max(1)
    }

    /// Whether there are parts of a step; there are none of an index that is there.
    fn is_divided(&self, step: &str) -> bool {
        self.shards > 1 && DIVIDED.contains(&step) && !(step == INDEX && self.is_indexed())
    }

    fn needs(&self, name: StepName, bases: u64) -> Vec<StepName> {
        let before = || if self.with_families { FAMILIES } else { INDEX };
        match name.step {
            DISCOVERY => match name.part {
                Some(part) if part > 1 => vec![StepName { part: Some(part - 1), ..name }],
                _ => vec![StepName::whole(INDEX)],
            },
            REFINEMENT => vec![StepName { step: DISCOVERY, part: Some(self.samples_of(bases)) }],
            SURVEY => vec![StepName::whole(REFINEMENT)],
            FAMILIES if self.shards > 1 => self.parts(SURVEY).collect(),
            step if name.part.is_none() && self.is_divided(step) => self.parts(step).collect(),
            FAMILIES => vec![StepName::whole(INDEX)],
            ANNOTATION => vec![StepName::whole(before())],
            MASK => vec![StepName::whole(ANNOTATION)],
            REPORT => vec![StepName::whole(MASK)],
            _ => Vec::new(),
        }
    }

    /// All steps whose outputs a step reads: whole ones, its own parts, and the stages of the same search.
    fn before(&self, name: StepName, bases: u64) -> Vec<StepName> {
        let all = self.names(bases);
        let own = all.iter().position(|&other| other == name).unwrap_or(all.len());
        let needs = self.needs(name, bases);
        let is_read = |other: &StepName| {
            let is_whole = other.part.is_none() && other.step != name.step && !other.is_stage();
            is_whole || needs.contains(other) || name.step == FAMILIES && other.step == REFINEMENT
        };
        all[..own].iter().copied().filter(is_read).collect()
    }

    fn step(&self, name: StepName, bases: u64, settings: &Settings) -> PlannedStep {
        let needs = self.needs(name, bases);
        let mut inputs: Vec<PathBuf> = match name.step {
            INDEX => self.genome.to_vec(),
            _ => vec![self.index()],
        };
        inputs.extend(self.libraries.iter().cloned());
        inputs.extend(self.before(name, bases).into_iter().flat_map(|earlier| self.outputs(earlier)));
        let mut seen = BTreeSet::new();
        inputs.retain(|input| seen.insert(input.clone()));
        let command = [&["reprise".to_owned()], &self.typed[..], &["--step".to_owned(), name.to_string()]].concat();
        let threads = if name.step == REPORT { 1 } else { settings.threads };
        PlannedStep {
            name: name.to_string(),
            needs: needs.iter().map(StepName::to_string).collect(),
            inputs,
            outputs: self.outputs(name),
            command,
            threads,
            memory: self.memory(name, bases, threads as u64),
            seconds: self.seconds(name, bases, threads),
        }
    }

    /// Whether the genome is given as its index.
    fn is_indexed(&self) -> bool {
        self.genome[0].is_dir() || is_address(&self.genome[0])
    }

    fn index(&self) -> PathBuf {
        if self.is_indexed() { self.genome[0].clone() } else { self.folder.join(OWN_INDEX) }
    }

    fn outputs(&self, name: StepName) -> Vec<PathBuf> {
        let files = |files: &[&str]| files.iter().map(|file| self.folder.join(file)).collect();
        match (name.step, name.part) {
            (DISCOVERY, Some(part)) => vec![self.folder.join(PARTS).join(Stage::Discovery(part).to_string())],
            (REFINEMENT, _) => vec![self.folder.join(PARTS).join(Stage::Refinement.to_string())],
            (_, Some(part)) => vec![self.folder.join(PARTS).join(part_file(name.step, part, self.shards))],
            (INDEX, None) => vec![self.index()],
            (FAMILIES, None) => files(self.family_files),
            (ANNOTATION, None) => self.annotation_files.iter().map(|file| self.folder.join(file)).collect(),
            (MASK, None) => files(&MASK_FILES),
            _ => files(&REPORT_FILES),
        }
    }

    fn memory(&self, name: StepName, bases: u64, threads: u64) -> u64 {
        let search = || {
            let found = if self.with_families { (bases / BASES_PER_LIBRARY_BASE).min(MAX_LIBRARY) } else { 0 };
            // Of the library itself, and of its seeds on both strands.
            (self.library.bases() + found) * SEED_BYTES_PER_BASE + search_memory(self.library, threads)
        };
        let shards = u64::from(self.shards);
        BASE_MEMORY
            + self.library.bytes()
            + match (name.step, name.part) {
                (INDEX, Some(_)) => builder::min_memory().max(bases / shards * INDEX_BYTES_PER_BASE),
                (INDEX, None) => builder::min_memory().max(bases * INDEX_BYTES_PER_BASE),
                (DISCOVERY | REFINEMENT, _) => families_memory(bases, 1, threads) + search(),
                (FAMILIES, _) => families_memory(bases, 1, threads) + search() + bases * ALIGNMENT_BYTES_PER_BASE,
                (ANNOTATION | SURVEY, Some(_)) => search() + bases / shards * ALIGNMENT_BYTES_PER_BASE,
                (ANNOTATION, None) => search() + bases * ALIGNMENT_BYTES_PER_BASE,
                _ => bases / 8,
            }
    }

    fn seconds(&self, name: StepName, bases: u64, threads: usize) -> u64 {
        let factor = STEPS.iter().find(|(step, _)| *step == name.whole_step()).map_or(0.0, |&(_, factor)| factor);
        let stage = STAGE_SHARES.iter().find(|(stage, _)| *stage == name.step).map_or(1.0, |&(_, share)| share);
        let parts = if name.part.is_some() && name.step != DISCOVERY { f64::from(self.shards) } else { 1.0 };
        let seconds = factor * stage * bases as f64 / 1e6 / threads as f64 / parts;
        (MIN_SECONDS + TIME_RESERVE * seconds).ceil() as u64
    }
}
