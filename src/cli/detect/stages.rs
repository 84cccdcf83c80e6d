//! The stages of the search for families. Each can be a step of its own, and writes its results to a file in the folder
//! of the parts, from which the next ones continue; so does a run that was interrupted.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::bundle::Shard;
use crate::cli::detect::files::PARTS;
use crate::cli::detect::steps::{DISCOVERY, FAMILIES, REFINEMENT, SURVEY, StepName};
use crate::cli::detect::{FAMILY_FILES, Searched, Work};
use crate::families::{
    Discovery, FamilyOptions, FamilySearch, FoundFamilies, RefinedSearch, Stage, StageFile, write_copies, write_drafts,
    write_refined,
};
use crate::fs::{Folder, Output, remove_unfinished};
use crate::memory::{Budget, Component};
use crate::{Error, Index, Result};

/// The files of the stages of one search.
struct StageFiles<'a> {
    folder: PathBuf,
    /// What the search depends on, as a digest.
    search: String,
    work: &'a Work<'a>,
}

impl Work<'_> {
    /// Runs one stage of the search for families, unless it or the whole search is done.
    pub(super) fn families_stage(&self, index: &Index, step: StepName, of_index: &Value) -> Result<()> {
        let inputs = self.families_inputs(of_index);
        if self.folder.done::<Searched>(FAMILIES, &inputs, &FAMILY_FILES).is_some() {
            return Ok(());
        }
        let options = self.family_options();
        let search = FamilySearch::new(index, &options, &self.settings.progress)?;
        let files = StageFiles::new(self, &inputs);
        let number = step.part.unwrap_or(1);
        let part = Shard { number, count: self.arguments.steps.shards };
        let stage = match step.step {
            DISCOVERY => Stage::Discovery(number),
            REFINEMENT => Stage::Refinement,
            _ => Stage::Survey(part),
        };
        // A survey is of one refinement.
        let refinement = match stage {
            Stage::Survey(_) => Some(files.needed(Stage::Refinement)?),
            _ => None,
        };
        let is_done = files.open(stage, refinement.as_ref().map(StageFile::digest)).is_ok();
        if is_done && !self.folder.force {
            self.settings.log(&format!("{FAMILIES:<12} {stage} unchanged"));
            return Ok(());
        }
        self.settings.progress.step(FAMILIES);
        files.prepare(stage)?;
        let (contigs, budget) = (search.contigs()?, index.budget());
        match (stage, refinement) {
            (Stage::Discovery(1), _) => files.save_drafts(1, &search.discover_next(None)?),
            (Stage::Discovery(number), _) => {
                let before = files.needed(Stage::Discovery(number - 1))?.drafts(contigs, budget)?;
                files.save_drafts(number, &search.discover_next(Some(before))?)
            }
            (_, None) => {
                let drafts = files.all_drafts(&search, budget)?;
                files.save_refined(&search.refine(drafts)?)
            }
            (_, Some(refinement)) => {
                let (copies, _reservation) = search.survey(&refinement.refined(contigs, budget)?, Some(part))?;
                let of = (&files.search[..], refinement.digest());
                files.save(stage, |output| write_copies(of, part, &copies, output))
            }
        }
    }

    fn family_options(&self) -> FamilyOptions {
        self.arguments.search.options(self.profiles.clone(), self.rna.clone())
    }

    /// Finds the families, from the last stage on that is finished.
    pub(super) fn find_families(&self, index: &Index, of_index: &Value) -> Result<FoundFamilies> {
        let options = self.family_options();
        let search = FamilySearch::new(index, &options, &self.settings.progress)?;
        let files = StageFiles::new(self, &self.families_inputs(of_index));
        let (contigs, budget) = (search.contigs()?, index.budget());
        let finished = files.open(Stage::Refinement, None).ok().filter(|_| files.may_continue());
        let Some(finished) = finished else {
            let refined = search.refine(files.all_drafts(&search, budget)?)?;
            files.keep(files.save_refined(&refined));
            let copies = search.survey(&refined, None)?;
            return search.filter(refined, copies);
        };
        files.log_continues(Stage::Refinement);
        let refined = finished.refined(contigs, budget)?;
        let copies = match files.surveys(&finished)? {
            None => search.survey(&refined, None)?,
            Some(surveys) => {
                let lengths = refined.refined.searched_lengths();
                let mut copies = (Vec::new(), budget.empty_reservation(Component::Alignments));
                surveys.iter().try_for_each(|survey| survey.copies(&lengths, contigs, &mut copies))?;
                copies
            }
        };
        search.filter(refined, copies)
    }

    /// Removes the files of the stages of this search, which is finished, and what killed runs left of them.
    pub(super) fn remove_stages(&self, index: &Index, of_index: &Value) -> Result<()> {
        let path = self.folder.path(PARTS);
        let Ok(entries) = fs::read_dir(&path) else { return Ok(()) };
        let options = self.family_options();
        let files = StageFiles::new(self, &self.families_inputs(of_index));
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| StageFile::is_of(path, &files.search)) {
            // What stays costs no result.
            let _ = fs::remove_file(&path);
        }
        let count = self.arguments.steps.shards;
        let samples = FamilySearch::new(index, &options, &self.settings.progress)?.samples()?;
        let surveys = (1..=count).map(|number| Stage::Survey(Shard { number, count }));
        let stages = (1..=samples).map(Stage::Discovery).chain([Stage::Refinement]).chain(surveys);
        let names: Vec<String> = stages.map(|stage| stage.to_string()).collect();
        if let Ok(folder) = Folder::open(&path) {
            remove_unfinished(&folder, &names.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let _ = fs::remove_dir(path);
        Ok(())
    }
}

impl<'a> StageFiles<'a> {
    fn new(work: &'a Work<'a>, inputs: &Value) -> Self {
        let search = blake3::hash(inputs.to_string().as_bytes()).to_hex().to_string();
        Self { folder: work.folder.path(PARTS), search, work }
    }

    fn path(&self, stage: Stage) -> PathBuf {
        self.folder.join(stage.to_string())
    }

    /// Opens the file of a stage of this search.
    fn open(&self, stage: Stage, refinement: Option<&str>) -> Result<StageFile> {
        StageFile::open(&self.path(stage), stage, &self.search, refinement)
    }

    /// Opens the file of a stage without which a step cannot begin.
    fn needed(&self, stage: Stage) -> Result<StageFile> {
        let path = self.path(stage);
        if path.exists() {
            return self.open(stage, None);
        }
        Err(Error::input(path, None, format!("is not there; run step {stage} first, with the same flags")))
    }

    /// Whether results of an earlier run count: a run of all steps that is forced makes them again.
    fn may_continue(&self) -> bool {
        !self.work.folder.force || self.work.arguments.steps.step.is_some()
    }

    /// Makes the folder of the stages, and refuses to replace a file in it that is none: before the work.
    fn prepare(&self, stage: Stage) -> Result<()> {
        self.work.make_parts_folder()?;
        let path = self.path(stage);
        let is_other = fs::symlink_metadata(&path).is_ok() && !StageFile::is_stage(&path);
        if is_other && !self.work.folder.force { Err(Error::Exists(path)) } else { Ok(()) }
    }

    /// A run of all steps needs no file of a stage, unless it is interrupted.
    fn keep(&self, saved: Result<()>) {
        if let Err(error) = saved {
            let problem = "a run that is interrupted now will search for these families again";
            self.work.settings.warn(&format!("{error}; {problem}"));
        }
    }

    fn log_continues(&self, stage: Stage) {
        self.work.settings.log(&format!("{FAMILIES:<12} continues after {stage}"));
    }

    /// The drafts of all samples, from the last sample on that is finished.
    fn all_drafts(&self, search: &FamilySearch<'_>, budget: &Budget) -> Result<Discovery> {
        let mut drafts = None;
        if self.may_continue() {
            for number in (1..=search.samples()?).rev() {
                if let Ok(file) = self.open(Stage::Discovery(number), None) {
                    self.log_continues(Stage::Discovery(number));
                    drafts = Some(file.drafts(search.contigs()?, budget)?);
                    break;
                }
            }
        }
        loop {
            match drafts {
                Some(found) if found.is_finished => return Ok(found),
                before => {
                    let found = search.discover_next(before)?;
                    self.keep(self.save_drafts(found.samples as u32, &found));
                    drafts = Some(found);
                }
            }
        }
    }

    /// The surveys of all parts of the genome; none if no part was searched.
    ///
    /// # Errors
    /// [`Error::Input`] if only some were, or of another refinement.
    fn surveys(&self, refinement: &StageFile) -> Result<Option<Vec<StageFile>>> {
        let Some(paths) = self.work.part_paths(SURVEY)? else { return Ok(None) };
        let count = self.work.arguments.steps.shards;
        let open =
            |(number, _): (u32, &PathBuf)| self.open(Stage::Survey(Shard { number, count }), Some(refinement.digest()));
        (1..).zip(&paths).map(open).collect::<Result<_>>().map(Some)
    }

    fn save_drafts(&self, number: u32, found: &Discovery) -> Result<()> {
        self.save(Stage::Discovery(number), |output| write_drafts(&self.search, number, found, output))
    }

    fn save_refined(&self, found: &RefinedSearch) -> Result<()> {
        self.save(Stage::Refinement, |output| write_refined(&self.search, found, output))
    }

    /// Writes the file of a stage, which appears whole or not at all. Two processes that make it write the same; a file
    /// of its name that is none is not replaced.
    fn save(&self, stage: Stage, write: impl FnOnce(&mut Output) -> Result<()>) -> Result<()> {
        self.prepare(stage)?;
        let mut output = Output::create(Some(&self.path(stage)), true)?;
        write(&mut output)?;
        output.finish()
    }
}
