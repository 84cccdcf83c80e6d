//! The record of a folder of results (`steps.json`): its files and what they were made from. With it, an interrupted
//! run continues, and a run with other inputs or parameters repeats only the steps that depend on them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bundle::FileDigest;
use crate::error::NotOursKind;
use crate::fs::{Output, check_is_local};
use crate::report::{PLOTS, StepRun};
use crate::{Error, Result};

/// Name of the record.
pub(crate) const RECORD: &str = "steps.json";

/// A folder of results.
pub(crate) struct ResultFolder {
    path: PathBuf,
    steps: BTreeMap<String, RecordedStep>,
    /// No earlier result is reused, and all may be replaced.
    pub(crate) force: bool,
    /// The one step that is not reused then; all of them without it.
    pub(crate) forced_step: Option<&'static str>,
}

/// A step, finished or begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecordedStep {
    /// Everything that its files depend on: version, parameters, digests.
    inputs: Value,
    /// Its files; without digests until the step is finished.
    files: BTreeMap<String, Option<FileDigest>>,
    /// Results that later steps need and that its files do not contain.
    found: Value,
    /// When it was finished, in UTC.
    pub(crate) created: String,
    /// Time and memory; none if the bytes must not depend on them (`SOURCE_DATE_EPOCH`).
    pub(crate) run: Option<StepRun>,
}

impl ResultFolder {
    /// Opens a folder.
    ///
    /// # Errors
    /// [`Error::Exists`] if its record is not one of this command, unless `force`; [`Error::NotOurs`], [`Error::Io`].
    pub(crate) fn open(path: &Path, force: bool) -> Result<Self> {
        let record = path.join(RECORD);
        refuse_special(&record)?;
        let steps = match crate::fs::read_results(&record) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Some(BTreeMap::new()),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => None,
            Err(e) => return Err(Error::io("read", record, e)),
        };
        let steps = match steps {
            None if !force => return Err(Error::Exists(record)),
            steps => steps.unwrap_or_default(),
        };
        Ok(Self { path: path.to_owned(), steps, force, forced_step: None })
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// The findings of a step that was finished with these inputs, if its files are unchanged.
    pub(crate) fn done<T: DeserializeOwned>(&self, name: &str, inputs: &Value, files: &[&str]) -> Option<T> {
        let is_forced = self.force && self.forced_step.is_none_or(|forced| forced == name);
        let step = self.steps.get(name).filter(|step| !is_forced && step.inputs == *inputs)?;
        let same = step.files.keys().map(String::as_str).eq(files.iter().copied())
            && step.files.iter().all(|(file, digest)| digest.is_some() && self.digest(file).ok() == *digest);
        same.then(|| serde_json::from_value(step.found.clone()).ok()).flatten()
    }

    /// Refuses to replace files that no run made.
    ///
    /// # Errors
    /// [`Error::Exists`] for a file that no run made, or that was changed since, unless `force`;
    /// [`Error::NotOurs`] for a folder, a pipe or a device.
    pub(crate) fn check(&self, files: &[&str]) -> Result<()> {
        files.iter().try_for_each(|file| refuse_special(&self.path(file)))?;
        let foreign = |file: &&&str| fs::symlink_metadata(self.path(file)).is_ok() && !self.made(file);
        match files.iter().find(foreign) {
            Some(file) if !self.force => Err(Error::Exists(self.path(file))),
            _ => Ok(()),
        }
    }

    /// Makes the folder of figures, and refuses to replace files in it that no run made. Returns its absolute path,
    /// since it may be anywhere.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`Error::Io`].
    pub(crate) fn check_plots(&self, plots: &Path) -> Result<PathBuf> {
        check_is_local(plots)?;
        fs::create_dir_all(plots).map_err(|e| Error::io("create", plots, e))?;
        let plots = fs::canonicalize(plots).map_err(|e| Error::io("open", plots, e))?;
        for name in PLOTS {
            self.check(&[&plots.join(name).to_string_lossy()])?;
        }
        Ok(plots)
    }

    /// Begins a file of a step, which may replace an earlier one.
    pub(crate) fn output(&self, file: &str) -> Result<Output> {
        let path = self.path(file);
        Output::create(Some(&path), self.force || fs::symlink_metadata(&path).is_ok())
    }

    /// Records that the files of a step are being made. Those of an earlier run that it will not make are removed, since
    /// they would be taken for results of this one.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(crate) fn begin(&mut self, name: &str, inputs: Value, files: &[&str]) -> Result<()> {
        self.check(files)?;
        let earlier: Vec<String> = self.steps.get(name).map_or(Vec::new(), |step| step.files.keys().cloned().collect());
        // Figures are in a folder that the user chose.
        let is_here = |file: &&String| !file.contains('/');
        for file in earlier.iter().filter(is_here).filter(|file| !files.contains(&&file[..]) && self.made(file)) {
            // What stays costs no result.
            let _ = fs::remove_file(self.path(file));
        }
        let files = files.iter().map(|&file| (file.to_owned(), None)).collect();
        let step = RecordedStep { inputs, files, found: Value::Null, created: String::new(), run: None };
        self.steps.insert(name.to_owned(), step);
        self.save()
    }

    /// Whether a run made this file and it is unchanged, or a run began to make it.
    fn made(&self, file: &str) -> bool {
        let known = self.steps.values().find_map(|step| step.files.get(file));
        known.is_some_and(|digest| digest.is_none() || self.digest(file).ok() == *digest)
    }

    /// Records that a step is finished.
    pub(crate) fn finish(
        &mut self,
        name: &str,
        found: &impl Serialize,
        created: String,
        run: Option<StepRun>,
    ) -> Result<()> {
        let path = self.path(RECORD);
        let found = serde_json::to_value(found).map_err(|e| Error::io("write", &path, e.into()))?;
        let names: Vec<String> = self.steps.get(name).map_or(Vec::new(), |step| step.files.keys().cloned().collect());
        let digests: Vec<FileDigest> = names.iter().map(|file| self.digest(file)).collect::<Result<_>>()?;
        if let Some(step) = self.steps.get_mut(name) {
            step.files = names.into_iter().zip(digests.into_iter().map(Some)).collect();
            (step.found, step.created, step.run) = (found, created, run);
        }
        self.save()
    }

    /// The findings of a finished step.
    pub(crate) fn found<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.steps.get(name)?.found.clone()).ok()
    }

    pub(crate) fn step(&self, name: &str) -> Option<&RecordedStep> {
        self.steps.get(name)
    }

    fn save(&self) -> Result<()> {
        let path = self.path(RECORD);
        let mut output = self.output(RECORD)?;
        serde_json::to_writer_pretty(&mut output, &self.steps).map_err(|e| Error::io("write", &path, e.into()))?;
        output.write_all(b"\n").map_err(|e| Error::io("write", &path, e))?;
        output.finish()
    }

    /// Length and digest of a file. It is read and not mapped, because others may change it.
    pub(crate) fn digest(&self, file: &str) -> Result<FileDigest> {
        digest(&self.path(file))
    }
}

/// Refuses a pipe or a device instead of a file: reading it might never end.
fn refuse_special(path: &Path) -> Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Error::NotOurs { path: path.to_owned(), kind: NotOursKind::NotAFile });
    }
    Ok(())
}

impl RecordedStep {
    /// The files with their digests.
    pub(crate) fn files(&self) -> impl Iterator<Item = (String, FileDigest)> {
        self.files.iter().filter_map(|(name, digest)| Some((name.clone(), digest.clone()?)))
    }
}

/// Length and digest of a file.
pub(crate) fn digest(path: &Path) -> Result<FileDigest> {
    let read = || -> io::Result<FileDigest> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(crate::fs::open_regular(path)?)?;
        Ok(FileDigest { bytes: hasher.count(), blake3: hasher.finalize().to_hex().to_string() })
    };
    read().map_err(|e| Error::io("read", path, e))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_count_as_long_as_they_are_what_was_made() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let (inputs, files) = (json!({ "a": 1 }), ["x", "y"]);
        let write = |name: &str, text: &str| fs::write(at.path().join(name), text).expect("written");
        let open = |force| ResultFolder::open(at.path(), force).expect("a record or none");
        let mut folder = open(false);
        folder.begin("one", inputs.clone(), &files).expect("nothing is there");
        write("x", "1");
        write("y", "2");
        // Not yet done, in this run or the next; the file there is unfinished.
        assert_eq!(folder.done::<u64>("one", &inputs, &files), None);
        let mut folder = open(false);
        assert_eq!(folder.done::<u64>("one", &inputs, &files), None);
        folder.begin("one", inputs.clone(), &files).expect("the run continues");
        folder.finish("one", &7, "now".to_owned(), None).expect("written");

        let folder = || open(false);
        assert_eq!(folder().done("one", &inputs, &files), Some(7));
        assert_eq!(folder().done::<u64>("one", &json!({ "a": 2 }), &files), None);
        assert_eq!(folder().done::<u64>("one", &inputs, &["x"]), None);
        assert_eq!(open(true).done::<u64>("one", &inputs, &files), None);
        folder().begin("one", json!(2), &files).expect("own results may be replaced");

        // That was begun and never done: go back, and change a file by hand.
        let mut again = folder();
        again.begin("one", inputs.clone(), &files).expect("ours");
        again.finish("one", &7, "now".to_owned(), None).expect("written");
        write("y", "mine");
        assert_eq!(folder().done::<u64>("one", &inputs, &files), None);
        let kept = folder().begin("one", inputs.clone(), &files).expect_err("not ours any more");
        assert!(matches!(&kept, Error::Exists(path) if path.ends_with("y")), "{kept}");
        open(true).begin("one", inputs.clone(), &files).expect("--force");

        // Files of an earlier run that this one does not make go, unless someone changed them.
        let mut folder = open(true);
        folder.begin("one", inputs.clone(), &files).expect("--force");
        write("y", "2");
        folder.finish("one", &7, "now".to_owned(), None).expect("written");
        folder.begin("one", json!(3), &["x"]).expect("own results may be replaced");
        assert!(!at.path().join("y").exists() && at.path().join("x").exists());
        folder.begin("one", inputs.clone(), &files).expect("the run continues");
        write("y", "2");
        folder.finish("one", &7, "now".to_owned(), None).expect("written");
        write("y", "mine");
        folder.begin("one", json!(3), &["x"]).expect("y is no file of it");
        assert!(at.path().join("y").exists());

        write(RECORD, "{ half");
        assert!(matches!(ResultFolder::open(at.path(), false), Err(Error::Exists(path)) if path.ends_with(RECORD)));
        assert_eq!(open(true).done::<u64>("one", &inputs, &files), None);
    }
}
