//! A bundle that is being written: from a claimed target through checkpoints to its publication by one rename.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bundle::checkpoint::{CHECKPOINT, Checkpoint};
use crate::bundle::kind::BundleKind;
use crate::bundle::staging::{
    BUNDLE, LOCK, StagingDir, StagingError, clear, is_half_replaced, remove_bundle, staging_name,
};
use crate::bundle::target::BundleTarget;
use crate::format::{Identity, MANIFEST, POSITIONS, SEQUENCE, SPOOL};
use crate::fs::{DigestWriter, Folder, Lock, Temporary, lock, sync};
use crate::{Error, Notice, Progress, Result};

/// Permissions of a bundle, less the umask.
const BUNDLE_MODE: u32 = 0o777;

/// The permissions of a build on its target and on an earlier build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DraftOptions {
    /// What is built.
    pub(crate) kind: BundleKind,
    /// Replace an existing bundle of this kind.
    pub(crate) force: bool,
    /// Wait while another process builds the same index, and accept an index that exists then.
    pub(crate) wait: bool,
    /// Resume a build that did not end, and leave the finished passes to the next build if this one does not end.
    pub(crate) resume: bool,
}

/// A bundle that is being written; its staging folder is removed unless the bundle is published.
pub(crate) struct BundleDraft {
    options: DraftOptions,
    // Dropped before the lock.
    temporary: Temporary,
    staging: Arc<StagingDir>,
    _lock: Option<Lock>,
    target_exists: bool,
    /// Of a build that did not end.
    checkpoint: Option<Checkpoint>,
}

/// The state of a build from which another one resumes.
pub(crate) struct ResumePoint {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) positions: DigestWriter,
    pub(crate) spool: DigestWriter,
}

/// A staging folder with its lock, if the file system has locks.
type ClaimedStaging = (Temporary, (Arc<StagingDir>, Option<Lock>));

impl BundleDraft {
    /// Creates the staging folder of a bundle, once no other process builds the same one.
    ///
    /// # Errors
    /// [`Error::Building`], [`Error::Exists`], [`Error::NotOurs`], [`Error::Occupied`], [`Error::Io`].
    pub(crate) fn create(target: &Path, options: DraftOptions, progress: &dyn Progress) -> Result<Self> {
        let target = Arc::new(BundleTarget::new(target, options.kind)?);
        // An existing index may be the one that this build waits for.
        let target_exists = || match target.check(options.force) {
            Err(Error::Exists(_)) if options.wait => Ok(true),
            outcome => outcome.map(|_| false),
        };
        if !is_half_replaced(&target) {
            target_exists()?;
        }
        let (temporary, (staging, lock)) = claim_staging(&target, options, progress)?;
        if staging.restore_target()? {
            progress.notice(&Notice::Restored(target.path()));
        }
        target_exists()?;
        let checkpoint = take_over(&staging, lock.as_ref(), options.resume, progress)?;
        let folder = &staging.folder;
        match folder.create_folder(BUNDLE, BUNDLE_MODE) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("create", folder.join(BUNDLE), e));
            }
            _ => {}
        }
        // Another process may have published one in the meantime.
        let target_exists = target_exists()?;
        Ok(Self { options, temporary, staging, _lock: lock, target_exists, checkpoint })
    }

    /// Whether the target is an index already, which may be the one that this build would make.
    pub(crate) fn target_exists(&self) -> bool {
        self.target_exists
    }

    /// The path of a file of the bundle.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.staging.folder.join(BUNDLE).join(name)
    }

    /// The path of the spool of dictionary pages.
    pub(crate) fn spool(&self) -> PathBuf {
        match self.options.kind {
            BundleKind::Index => self.staging.folder.join(SPOOL),
            BundleKind::Part => self.path(SPOOL),
        }
    }

    fn bundle(&self) -> Result<Folder> {
        let folder = &self.staging.folder;
        folder.open_folder(BUNDLE).map_err(|e| Error::io("open", folder.join(BUNDLE), e))
    }

    /// What an earlier build finished of these pages of an index of this identity. Anything else is removed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn resume_point(
        &self,
        identity: Identity,
        range: &Range<u64>,
        progress: &dyn Progress,
    ) -> Result<Option<ResumePoint>> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(None) };
        let (folder, bundle) = (&self.staging.folder, self.bundle()?);
        let target = self.staging.target.path();
        let spool_folder = if self.options.kind == BundleKind::Part { &bundle } else { folder };
        let total = range.end - range.start;
        let same = checkpoint.identity == identity && checkpoint.range == *range;
        let problem = if !same || checkpoint.pages >= total {
            "the interrupted build is of another genome or part, or has other parameters"
        } else {
            let positions = DigestWriter::reopen(&bundle, POSITIONS, &checkpoint.positions)?;
            let spool = DigestWriter::reopen(spool_folder, SPOOL, &checkpoint.spool)?;
            if let (Some(positions), Some(spool)) = (positions, spool) {
                progress.notice(&Notice::Resumed { target, pages: checkpoint.pages, total });
                return Ok(Some(ResumePoint { checkpoint: checkpoint.clone(), positions, spool }));
            }
            "the files of the interrupted build are damaged"
        };
        // The checkpoint first: without it the other files are ignored.
        for (folder, name) in [(folder, CHECKPOINT), (folder, SPOOL), (&bundle, SPOOL), (&bundle, POSITIONS)] {
            folder.remove_file_if_present(name).map_err(|e| Error::io("remove", folder.join(name), e))?;
        }
        progress.notice(&Notice::NotResumed { target, problem: problem.to_owned() });
        Ok(None)
    }

    /// Writes a checkpoint, durably. The files that it describes must be durable already.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn save(&self, checkpoint: Checkpoint) -> Result<()> {
        let bundle = self.bundle()?;
        bundle.sync().map_err(|e| Error::io("sync", bundle.path(), e))?;
        checkpoint.write(&self.staging.folder)
    }

    /// Writes the manifest, makes everything durable and renames the bundle to its target. It takes over the
    /// permissions and groups of a bundle that it replaces.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NotOurs`], [`Error::Io`]; the target is then as before.
    pub(crate) fn publish(self, manifest: &str, progress: &dyn Progress) -> Result<()> {
        let bundle = self.bundle()?;
        let path = bundle.join(MANIFEST);
        let mut file = bundle.create_file(MANIFEST).map_err(|e| Error::io("create", &path, e))?;
        file.write_all(manifest.as_bytes()).map_err(|e| Error::io("write", &path, e))?;
        let BundleTarget { parent, name, kind } = &*self.staging.target;
        let replaced = parent.open_folder(name).ok();
        if let Some(replaced) = &replaced {
            for name in kind.files() {
                if let (Ok(Some(old)), Ok(new)) = (replaced.stat(name), bundle.open_file(name, false)) {
                    new.copy_permissions(&old);
                }
            }
        }
        // Their writers made all other files durable already.
        let sequence = bundle.stat(SEQUENCE).map_err(|e| Error::io("look at", bundle.join(SEQUENCE), e))?;
        for path in [path].into_iter().chain(sequence.map(|_| self.path(SEQUENCE))) {
            sync(&path).map_err(|e| Error::io("sync", &path, e))?;
        }
        bundle.sync().map_err(|e| Error::io("sync", bundle.path(), e))?;
        let replaced = replaced.and_then(|replaced| replaced.entry().ok());
        let removed = self.temporary.publish(|| {
            let replaces = self.staging.target.check(self.options.force)?;
            self.staging.rename_to_target(replaces)?;
            if let Some(replaced) = &replaced {
                bundle.copy_permissions(replaced);
            }
            // In here, so that a signal does not leave the staging folder.
            Ok(self.staging.remove())
        })?;
        if let Err(e) = removed {
            let folder = self.staging.folder.path().to_owned();
            progress.notice(&Notice::NotCleanedUp { folder, problem: e.to_string() });
        }
        Ok(())
    }
}

/// Takes the staging folder of a target, if need be once another process is done with it.
fn claim_staging(target: &Arc<BundleTarget>, options: DraftOptions, progress: &dyn Progress) -> Result<ClaimedStaging> {
    let name = staging_name(&target.name, "");
    let mut no_locks = lock::local_locks(target.parent.path());
    loop {
        if let Some(problem) = no_locks {
            let create = || {
                let (staging, remove) = StagingDir::create_unlocked(target)?.with_removal(false);
                Ok::<_, Error>(((staging, None), remove))
            };
            let claimed = Temporary::begin(create)?;
            let folder = claimed.1.0.folder.path().to_owned();
            progress.notice(&Notice::NoLocks { folder, problem });
            return Ok(claimed);
        }
        let acquire = || {
            let (staging, lock) = StagingDir::acquire(target, &name)?;
            let (staging, remove) = staging.with_removal(options.resume);
            Ok(((staging, Some(lock)), remove))
        };
        match Temporary::begin(acquire) {
            Ok(claimed) => return Ok(claimed),
            Err(StagingError::Removed) => {}
            Err(StagingError::NoLocks(problem)) => no_locks = Some(problem),
            Err(StagingError::Failed(e)) => return Err(e),
            Err(StagingError::Busy(builder, folder)) if options.wait => {
                progress.notice(&Notice::Waiting { target: target.path(), builder });
                lock::wait(&folder, LOCK)?;
            }
            Err(StagingError::Busy(builder, _)) => return Err(Error::Building { target: target.path(), builder }),
        }
    }
}

/// Reads the checkpoint of a build that did not end, or removes what that build left.
fn take_over(
    staging: &StagingDir,
    lock: Option<&Lock>,
    resume: bool,
    progress: &dyn Progress,
) -> Result<Option<Checkpoint>> {
    let folder = &staging.folder;
    let checkpoint = if resume { Checkpoint::read(folder) } else { Err(String::new()) };
    match checkpoint {
        Ok(checkpoint) => {
            // The other files are written anew.
            remove_bundle(folder, OsStr::new(BUNDLE), |name| name != POSITIONS && name != SPOOL)?;
            Ok(Some(checkpoint))
        }
        Err(problem) => {
            let had_files = clear(folder)?;
            let target = staging.target.path();
            if had_files && resume {
                progress.notice(&Notice::NotResumed { target, problem });
            } else if had_files {
                let builder = lock.and_then(|lock| lock.previous.clone());
                progress.notice(&Notice::CleanedUp { target, builder });
            }
            Ok(None)
        }
    }
}
