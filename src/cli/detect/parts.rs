//! Parts of steps: several processes make them, and the step joins them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::align::{GenomeRange, GenomeSearch};
use crate::annotate::{PartFile, PartHeader, PartSubject, annotate_range, for_annotation, open_parts, write_part};
use crate::builder::BuildOptions;
use crate::bundle::{PartManifest, Shard};
use crate::cli::Settings;
use crate::cli::detect::files::{PARTS, part_file};
use crate::cli::detect::steps::{ANNOTATION, INDEX};
use crate::cli::detect::{SearchedLibrary, Work};
use crate::cli::libraries::Libraries;
use crate::format::MANIFEST;
use crate::fs::{Folder, Output, remove_unfinished};
use crate::{Error, Index, Result, builder};

impl Work<'_> {
    /// Annotates one part of the genome, unless that is done.
    pub(super) fn annotation_part(&self, index: &Index, own: bool, given: &Libraries, part: u32) -> Result<()> {
        let SearchedLibrary { library, subject, .. } = self.searched_library(index, own, given)?;
        let shards = self.arguments.steps.shards;
        let header = PartHeader::new(subject, part, shards);
        let path = self.part_path(ANNOTATION, part);
        header.line()?;
        if PartFile::open(&path).is_ok_and(|done| done.is_same(&header)) && !self.folder.force {
            self.settings.log(&format!("{ANNOTATION:<12} part {part} of {shards} unchanged"));
            return Ok(());
        }
        self.settings.progress.step(ANNOTATION);
        self.make_parts_folder()?;
        // Two runs of a part write the same; a file of this name that is no part is not replaced.
        let is_other = fs::symlink_metadata(&path).is_ok() && !PartFile::is_part(&path);
        let mut output = Output::create(Some(&path), self.folder.force || !is_other)?;
        let options = for_annotation(&self.search_options());
        let search = GenomeSearch::new(index, &library, &options, &self.settings.budget, &self.settings.progress);
        let range = GenomeRange::shard(index.contigs()?, part, shards);
        let found = annotate_range(&GenomeSearch { range, ..search }, self.arguments.tandem)?;
        write_part(&header, &found, &mut output)?;
        output.finish()
    }

    fn part_path(&self, step: &str, part: u32) -> PathBuf {
        self.folder.path(PARTS).join(part_file(step, part, self.arguments.steps.shards))
    }

    /// The files or folders of all parts of a step; none if it is not divided, or no part was made: then the step does
    /// all of the work.
    ///
    /// # Errors
    /// [`Error::Input`] if only some were made.
    pub(super) fn part_paths(&self, step: &str) -> Result<Option<Vec<PathBuf>>> {
        let shards = self.arguments.steps.shards;
        let paths: Vec<PathBuf> = (1..=shards).map(|part| self.part_path(step, part)).collect();
        let missing: Vec<u32> = (1..).zip(&paths).filter(|(_, path)| !path.exists()).map(|(part, _)| part).collect();
        match missing.first() {
            None if shards > 1 => Ok(Some(paths)),
            Some(part) if missing.len() < paths.len() => {
                let problem = format!("is not there, and other parts are; run step {step}.{part} first");
                Err(Error::input(self.part_path(step, *part), None, problem))
            }
            _ => Ok(None),
        }
    }

    /// The parts of the annotation, which are of this subject.
    pub(super) fn annotation_parts(&self, paths: &[PathBuf], subject: PartSubject<'_>) -> Result<Vec<PartFile>> {
        let expected = PartHeader::new(subject, 1, self.arguments.steps.shards);
        let parts = open_parts(paths)?;
        parts.iter().try_for_each(|part| part.check_is_of(&expected))?;
        Ok(parts)
    }

    /// Removes the parts of the annotation, which is finished, and what killed runs left of them.
    pub(super) fn remove_annotation_parts(&self) {
        let shards = self.arguments.steps.shards;
        let names: Vec<String> = (1..=shards).map(|part| part_file(ANNOTATION, part, shards)).collect();
        let folder = self.folder.path(PARTS);
        for path in names.iter().map(|name| folder.join(name)).filter(|path| PartFile::is_part(path)) {
            // What stays costs no result.
            let _ = fs::remove_file(path);
        }
        if let Ok(folder) = Folder::open(&folder) {
            remove_unfinished(&folder, &names.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let _ = fs::remove_dir(folder);
    }

    /// Builds one part of the index, unless that is done.
    pub(super) fn index_part(&self, part: u32) -> Result<()> {
        let shards = self.arguments.steps.shards;
        let path = self.part_path(INDEX, part);
        let there = PartManifest::read(&path).ok();
        if there.as_ref().is_some_and(|there| self.is_read_from_sources(&there.genome)) && !self.folder.force {
            self.settings.log(&format!("{INDEX:<12} part {part} of {shards} unchanged"));
            return Ok(());
        }
        self.settings.progress.step(INDEX);
        self.make_parts_folder()?;
        let force = there.is_some() || self.folder.force;
        // Another process that builds this part builds the same.
        let options = BuildOptions { force, wait: true, ..self.build_options() };
        let shard = Shard { number: part, count: shards };
        let Settings { budget, progress, .. } = self.settings;
        builder::build_part(&self.sources(), &path, (&options, shard), budget, progress).map(drop)
    }

    /// Joins the parts of the index, which are of this genome.
    pub(super) fn merge_index(&self, paths: &[PathBuf], target: &Path, force: bool) -> Result<()> {
        let is_other =
            |path: &&PathBuf| PartManifest::read(path).is_ok_and(|part| !self.is_read_from_sources(&part.genome));
        if let Some(path) = paths.iter().find(is_other) {
            return Err(Error::input(path, None, "is a part of the index of another genome; make this part again"));
        }
        builder::merge_index(paths, target, force, &self.settings.budget, &self.settings.progress)?;
        for path in paths {
            if let Ok(part) = PartManifest::read(path) {
                // What stays costs no result.
                part.files.keys().for_each(|file| drop(fs::remove_file(path.join(file))));
                let _ = fs::remove_file(path.join(MANIFEST));
                let _ = fs::remove_dir(path);
            }
        }
        let _ = fs::remove_dir(self.folder.path(PARTS));
        Ok(())
    }

    pub(super) fn make_parts_folder(&self) -> Result<()> {
        let folder = self.folder.path(PARTS);
        fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))
    }
}
