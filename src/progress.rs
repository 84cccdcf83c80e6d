use std::fmt;
use std::path::PathBuf;

use crate::LockHolder;

/// Someone who watches long work. All methods may be called from any thread.
pub trait Progress: Sync {
    /// A phase begins; `total` is its length in bases, k-mers or bytes, where known.
    fn phase(&self, name: &'static str, total: Option<u64>);
    /// The phase got on by `amount`.
    fn advance(&self, amount: u64);
    /// Something that stops nothing and that the user should know.
    fn notice(&self, _: &Notice) {}
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: &'static str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}

/// What a build has to say beside its result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The file system has no locks.
    NoLocks {
        /// The hidden folder of this build.
        folder: PathBuf,
        /// What the system said, or the option of the mount.
        problem: String,
    },
    /// Another process builds this index, and this one waits for it.
    Waiting {
        /// The index to be.
        target: PathBuf,
        /// Who builds it, where that is known.
        builder: Option<LockHolder>,
    },
    /// What a build that did not end left behind was removed.
    Swept {
        /// The index to be.
        target: PathBuf,
        /// Who left it, where that is known.
        builder: Option<LockHolder>,
    },
    /// The index that a build was about to replace was put back under its name.
    PutBack(PathBuf),
    /// The build goes on where another one ended.
    Resumed {
        /// The index to be.
        target: PathBuf,
        /// Dictionary pages that are there already.
        pages: u64,
        /// Dictionary pages in all.
        of: u64,
    },
    /// Nothing was left to go on with, or not of this index.
    NotResumed {
        /// The index to be.
        target: PathBuf,
        /// Why.
        problem: String,
    },
    /// The index is there, and is the one that is wanted.
    IsThere(PathBuf),
    /// Sequences of a library that cannot be found in this genome, not even where a copy is identical.
    HiddenSequences {
        /// How many.
        sequences: u64,
        /// Sequences of the library.
        of: u64,
        /// Names of the first of them.
        first: Vec<String>,
        /// Bases that a sequence must have to be found, about.
        shortest: u32,
    },
    /// FASTA records without name and sequence were skipped.
    EmptyRecords {
        /// The file.
        path: PathBuf,
        /// Line of the first of them, from 1.
        line: u64,
        /// How many.
        records: u64,
    },
    /// The index is done, but what it was made in could not be removed.
    LeftOver {
        /// The hidden folder of this build.
        folder: PathBuf,
        /// What the system said.
        problem: String,
    },
}

impl Notice {
    /// Whether the user has to do something, and so is told even where he asked for quiet.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::NoLocks { .. }
                | Self::NotResumed { .. }
                | Self::LeftOver { .. }
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
                "the file system of {} has no locks that other machines see ({problem}), so two builds of one index would \
                 not know of each other and this one cannot be resumed; see that no other runs, or build on a local disk \
                 and copy the index",
                folder.display()
            ),
            Self::Waiting { target, builder } => {
                write!(f, "{} is being built{}; waiting for that to end", target.display(), by(builder))
            }
            Self::Swept { target, builder } => {
                write!(f, "a build of {} did not end{}; what it left is removed", target.display(), by(builder))
            }
            Self::PutBack(target) => {
                write!(f, "a build ended while it replaced {}; the index from before is put back", target.display())
            }
            Self::Resumed { target, pages, of } => {
                write!(f, "the build of {} goes on: {pages} of {of} dictionary pages are there", target.display())
            }
            Self::NotResumed { target, problem } => {
                write!(f, "the build of {} begins anew: {problem}", target.display())
            }
            Self::IsThere(target) => {
                write!(f, "{} is there, of this genome and with these parameters", target.display())
            }
            Self::HiddenSequences { sequences, of, first, shortest } => {
                let more = if *sequences > first.len() as u64 { ", ..." } else { "" };
                write!(
                    f,
                    "{sequences} of {of} sequences cannot be found in this genome, even where a copy is identical: they are too \
                     short, too ambiguous or of too few different bases ({}{more}); a sequence needs about {shortest} bases that \
                     are A, C, G or T",
                    first.join(", ")
                )
            }
            Self::EmptyRecords { path, line, records } => {
                let place = path.display();
                write!(f, "{place}, line {line}: a record without name and sequence is skipped, {records} in all")
            }
            Self::LeftOver { folder, problem } => {
                write!(f, "{} cannot be removed ({problem}); the index is complete without it", folder.display())
            }
        }
    }
}
