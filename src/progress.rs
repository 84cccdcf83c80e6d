//! How long-running work reports to its caller: phases for a progress bar, and notices of what a user should know; and
//! how the caller cancels it. The library prints nothing on its own.

use std::fmt;
use std::path::PathBuf;

use crate::{Error, LockHolder, Result};

/// A receiver of progress and notices. All methods may be called from any thread.
pub trait Progress: Sync {
    /// A phase begins; `total` is its length in bases, k-mers or bytes, if known.
    fn phase(&self, name: &'static str, total: Option<u64>);
    /// The phase advanced by `amount`.
    fn advance(&self, amount: u64);
    /// Something that a user should know and that does not stop the work.
    fn notice(&self, _: &Notice) {}
    /// Whether the caller wants the work to end: a build or a search then returns [`Error::Cancelled`] as soon as it can,
    /// within about the time of one scan of the genome.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Ends work that the caller has cancelled.
///
/// # Errors
/// [`Error::Cancelled`].
pub(crate) fn check_cancelled(progress: &dyn Progress) -> Result<()> {
    if progress.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

/// Ignores all progress and notices.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

/// Passes progress on, and no notices.
pub(crate) struct WithoutNotices<'a>(pub(crate) &'a dyn Progress);

impl Progress for WithoutNotices<'_> {
    fn phase(&self, name: &'static str, total: Option<u64>) {
        self.0.phase(name, total);
    }

    fn advance(&self, amount: u64) {
        self.0.advance(amount);
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl Progress for Silent {
    fn phase(&self, _: &'static str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}

/// A fact that a user should know and that no result shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The file system has no locks.
    NoLocks {
        /// The hidden folder of this build.
        folder: PathBuf,
        /// The error of the system, or the option of the mount.
        problem: String,
    },
    /// Another process is building this index, and this one waits for it.
    Waiting {
        /// The index to be.
        target: PathBuf,
        /// The process that builds it, if it is known.
        builder: Option<LockHolder>,
    },
    /// The partial output of an interrupted build was removed.
    CleanedUp {
        /// The index to be.
        target: PathBuf,
        /// The process that was interrupted, if it is known.
        builder: Option<LockHolder>,
    },
    /// A build was interrupted while it replaced an index, which has its name again.
    Restored(PathBuf),
    /// The build continues an interrupted one.
    Resumed {
        /// The index to be.
        target: PathBuf,
        /// Finished dictionary pages.
        pages: u64,
        /// All dictionary pages.
        total: u64,
    },
    /// There is no interrupted build of this index that can be continued.
    NotResumed {
        /// The index to be.
        target: PathBuf,
        /// Why not.
        problem: String,
    },
    /// An index of the same genome and parameters exists, and is used.
    UpToDate(PathBuf),
    /// Sequences of a library that cannot be found in this genome, not even in an identical copy.
    HiddenSequences {
        /// Number of them.
        sequences: u64,
        /// Number of sequences in the library.
        total: u64,
        /// Names of the first of them.
        first: Vec<String>,
        /// Approximate number of bases that a sequence must have to be found.
        shortest: u32,
    },
    /// FASTA records without name and sequence were skipped.
    EmptyRecords {
        /// The file.
        path: PathBuf,
        /// Line of the first of them, counted from 1.
        line: u64,
        /// Number of them.
        records: u64,
    },
    /// The index is complete, but the hidden folder of its build could not be removed.
    NotCleanedUp {
        /// The hidden folder of this build.
        folder: PathBuf,
        /// The error of the system.
        problem: String,
    },
}

impl Notice {
    /// Whether the user has to act, so that it is reported even if progress is not wanted.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::NoLocks { .. }
                | Self::NotResumed { .. }
                | Self::NotCleanedUp { .. }
                | Self::EmptyRecords { .. }
                | Self::HiddenSequences { .. }
        )
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |builder: &Option<LockHolder>| builder.as_ref().map_or(String::new(), |b| format!(" ({b})"));
        match self {
            Self::NoLocks { folder, problem } => write!(
                f,
                "the file system of {} has no locks that other machines see ({problem}), so two builds of one index \
                 would not notice each other and this one cannot be resumed; make sure that no other runs, or build on \
                 a local disk and copy the index",
                folder.display()
            ),
            Self::Waiting { target, builder } => {
                write!(f, "{} is being built{}; waiting for that build to end", target.display(), by(builder))
            }
            Self::CleanedUp { target, builder } => {
                let by = by(builder);
                write!(f, "a build of {} was interrupted{by}; its partial output was removed", target.display())
            }
            Self::Restored(target) => {
                write!(f, "a build was interrupted while it replaced {}; the old index was restored", target.display())
            }
            Self::Resumed { target, pages, total } => {
                write!(
                    f,
                    "the build of {} continues: {pages} of {total} dictionary pages are finished",
                    target.display()
                )
            }
            Self::NotResumed { target, problem } => {
                write!(f, "the build of {} starts from the beginning: {problem}", target.display())
            }
            Self::UpToDate(target) => {
                write!(f, "{} exists, with the same genome and parameters", target.display())
            }
            Self::HiddenSequences { sequences, total, first, shortest } => {
                let more = if *sequences > first.len() as u64 { ", ..." } else { "" };
                write!(
                    f,
                    "{sequences} of {total} sequences cannot be found in this genome, not even an identical copy: they \
                     are too short, too ambiguous or too low in complexity ({}{more}); a sequence needs about \
                     {shortest} bases that are A, C, G or T",
                    first.join(", ")
                )
            }
            Self::EmptyRecords { path, line, records } => {
                let shown = path.display();
                write!(f, "{shown}, line {line}: a record without name and sequence is skipped, {records} in total")
            }
            Self::NotCleanedUp { folder, problem } => {
                write!(f, "{} cannot be removed ({problem}); the index is complete without it", folder.display())
            }
        }
    }
}
