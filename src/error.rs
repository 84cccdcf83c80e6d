//! What can go wrong, as a user reads it: one sentence that names the file, the place in it and what to do next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Who holds a lock, or held it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// Number of the process.
    pub process: u32,
    /// Name of its machine.
    pub host: String,
    /// Since when, in UTC.
    pub since: String,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}, since {}", self.process, self.host, self.since)
    }
}

/// Result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every error of the library. [`Error::exit_code`] gives the exit code of the command line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call on a file failed. Look at the path, its permissions and the space left on its disk.
    #[error("cannot {action} {}: {source}{}", path.display(), io_remedy(source))]
    Io {
        /// What was tried, as a verb: "read", "create", "rename".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The command line or an argument of the library is wrong: an unknown name, a number out of range.
    #[error("{0}")]
    Usage(String),

    /// Input sequence or a list that cannot be used: not FASTA, truncated, duplicate names, no sequence.
    #[error("{}{}: {problem}", path.display(), line.map(|l| format!(", line {l}")).unwrap_or_default())]
    Input {
        /// The file; `-` for standard input.
        path: PathBuf,
        /// Line in the file, counted from 1, where one can be named.
        line: Option<u64>,
        /// What is wrong and what to do.
        problem: String,
    },

    /// What was asked for is not in this index (contig, interval).
    #[error("{}: {problem}", index.display())]
    NotInIndex {
        /// The index folder.
        index: PathBuf,
        /// What was not found, and what is near.
        problem: String,
    },

    /// An index is not of the genome that it was compared with.
    #[error("{} is not an index of {}: {problem}; build one with `reprise build-index`", index.display(), genome.display())]
    OtherGenome {
        /// The index folder.
        index: PathBuf,
        /// The genome's (first) file.
        genome: PathBuf,
        /// How they differ.
        problem: String,
    },

    /// The output is there already.
    #[error("{} exists already; give another -o or replace it with --force", .0.display())]
    Exists(PathBuf),

    /// What is there is not ours to replace, nor to follow.
    #[error("{} {problem}", path.display())]
    NotOurs {
        /// The file or folder.
        path: PathBuf,
        /// What it is, and what to do.
        problem: String,
    },

    /// Where a run works, something lies that no run of this user made.
    #[error("{} {problem}", path.display())]
    Occupied {
        /// The file or folder.
        path: PathBuf,
        /// What it is, whose, and what to do.
        problem: String,
    },

    /// Another process is building this index.
    #[error("{} is being built{}; wait for it with --wait or give another -o", target.display(), builder.as_ref().map(|b| format!(" by {b}")).unwrap_or_default())]
    Building {
        /// The index to be.
        target: PathBuf,
        /// Who builds it, where that is known.
        builder: Option<LockHolder>,
    },

    /// The folder is not a finished index.
    #[error("{} is not a finished reprise index: {problem}; build it with `reprise build-index`", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },

    /// A file of the index does not hold what was written to it. Rebuild it, or copy it again from where it is whole.
    #[error("{} is damaged{}: {problem}; run `reprise verify`, then copy or build the index again", path.display(), offset.map(|o| format!(" at byte {o}")).unwrap_or_default())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Byte offset in the file, where one can be named.
        offset: Option<u64>,
        /// What does not fit.
        problem: String,
    },

    /// The index was written by a newer program.
    #[error("{} has index format {found}, and this program reads formats 1 to {supported}; use a newer reprise", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// Newest version that this program reads.
        supported: u32,
    },

    /// The work does not fit the memory that was allowed.
    #[error("{what} needs at least {} and --max-memory allows {}; give it more memory", crate::units::human_bytes(*needed), crate::units::human_bytes(*allowed))]
    Memory {
        /// The work.
        what: &'static str,
        /// Least number of bytes that would do.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
    },
}

fn io_remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space or write elsewhere with -o",
        io::ErrorKind::FileTooLarge => "; raise the limit of the size of files (ulimit -f)",
        io::ErrorKind::OutOfMemory => {
            "; give a smaller --max-memory or fewer threads, or raise the limits of the process (ulimit -v)"
        }
        io::ErrorKind::NotFound => "; check the path",
        io::ErrorKind::PermissionDenied => "; check its permissions",
        _ => "",
    }
}

impl Error {
    /// Wraps a failed system call on `path`; `action` is a verb such as "read".
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_owned(), source }
    }

    /// No thread could be started: its stack found no memory, or the process may have no more threads.
    pub(crate) fn thread(what: &str, source: impl std::fmt::Display) -> Self {
        let source = io::Error::new(io::ErrorKind::OutOfMemory, source.to_string());
        Self::io("start a thread for", what, source)
    }

    /// Input that cannot be used; `line` counts from 1.
    pub fn input(path: impl AsRef<Path>, line: Option<u64>, problem: impl Into<String>) -> Self {
        Self::Input { path: path.as_ref().to_owned(), line, problem: problem.into() }
    }

    /// Work that `allowed` bytes are too few for; `needed` is rounded up to what a message can say exactly.
    pub(crate) fn memory(what: &'static str, needed: u64, allowed: u64) -> Self {
        Self::Memory { what, needed: needed.max(1).saturating_add((1 << 20) - 1) >> 20 << 20, allowed }
    }

    /// A damaged file of an index.
    pub fn damaged(path: impl AsRef<Path>, offset: Option<u64>, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.as_ref().to_owned(), offset, problem: problem.into() }
    }

    /// The exit code that the command line promises for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::OutOfMemory => 5,
                _ => 1,
            },
            Self::Building { .. } | Self::Occupied { .. } => 1,
            Self::Usage(_) | Self::Exists(_) | Self::NotOurs { .. } => 2,
            Self::Input { .. } | Self::NotInIndex { .. } | Self::OtherGenome { .. } => 3,
            Self::Unfinished { .. } | Self::Damaged { .. } | Self::Version { .. } => 4,
            Self::Memory { .. } => 5,
        }
    }
}
