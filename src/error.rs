//! Every error of the library, as data: a caller can match on what went wrong, and `Display` prints one sentence that
//! names the file and the position in it. Remedies depend on the interface of the caller, so the messages name no
//! flags; the command line adds those.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::text::shortened;
use crate::units::human_bytes;

/// The process that owns a lock, or owned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// Number of the process.
    pub process: u32,
    /// Name of its machine.
    pub host: String,
    /// When it took the lock, in UTC.
    pub since: String,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}, since {}", self.process, self.host, self.since)
    }
}

/// Result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every error of the library. [`Error::exit_code`] returns the exit code of the command line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call on a file failed. Look at the path, its permissions and the space left on its disk.
    #[error("cannot {action} {}: {source}{}", path.display(), io_remedy(source))]
    Io {
        /// The action that failed, as a verb: "read", "create", "rename".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },

    /// Results cannot be written to a stream whose path is not known.
    #[error("cannot write the output: {}{}", .0, io_remedy(.0))]
    Output(#[source] io::Error),

    /// Standard output is closed, open for reading only, or fails.
    #[error("cannot write standard output: {}{}", .0, io_remedy(.0))]
    Stdout(#[source] io::Error),

    /// A thread could not be started: there is no memory for its stack, or the process may have no more threads.
    #[error("cannot start a thread for {purpose}: {source}; {RAISE_LIMITS}")]
    Thread {
        /// The work of the thread.
        purpose: &'static str,
        /// The error of the system.
        source: io::Error,
    },

    /// The system has no memory of this size to map.
    #[error("cannot get {} of memory: {source}{}", human_bytes(*bytes), io_remedy(source))]
    Map {
        /// Bytes that were requested.
        bytes: u64,
        /// The error of the system.
        source: io::Error,
    },

    /// An argument is wrong or does not fit the others: a sentence.
    #[error("{0}")]
    Usage(String),

    /// Parameters of an index are out of range or contradict each other or the genome.
    #[error(transparent)]
    Parameter(ParameterError),

    /// Input sequence or a list that cannot be used: not FASTA, truncated, duplicate names, no sequence.
    #[error("{}{}: {problem}", path.display(), line.map(|l| format!(", line {l}")).unwrap_or_default())]
    Input {
        /// The file; `-` for standard input.
        path: PathBuf,
        /// Line in the file, counted from 1, if one can be named.
        line: Option<u64>,
        /// The problem and its remedy.
        problem: String,
    },

    /// Two contigs of a genome have one name.
    #[error(
        "{}, line {line}: contig name {:?} was used before, in {} at line {first_line}; names must differ",
        path.display(),
        shortened(name),
        first_path.display()
    )]
    DuplicateContig {
        /// The file of the second contig.
        path: PathBuf,
        /// Its line, counted from 1.
        line: u64,
        /// The name.
        name: String,
        /// The file of the first contig.
        first_path: PathBuf,
        /// Its line, counted from 1.
        first_line: u64,
        /// Whether the names differ with those of their files before them
        /// ([`Source::with_prefixed_names`](crate::sequence::Source::with_prefixed_names)).
        prefixes_differ: bool,
    },

    /// A genome has no k-mer, because other letters than ACGT interrupt it too often.
    #[error("{}: no run of {k} bases consists of the letters ACGT alone", path.display())]
    NoKmers {
        /// The genome's (first) file.
        path: PathBuf,
        /// Bases in a k-mer.
        k: u32,
    },

    /// The index does not have the requested contig or interval.
    #[error("{}: {problem}", index.display())]
    NotInIndex {
        /// The index folder.
        index: PathBuf,
        /// The name that was not found, and similar ones.
        problem: String,
    },

    /// An index is not of the genome that it was compared with.
    #[error("{} is not an index of {}: {problem}", index.display(), genome.display())]
    OtherGenome {
        /// The index folder.
        index: PathBuf,
        /// The genome's (first) file.
        genome: PathBuf,
        /// How they differ.
        problem: String,
    },

    /// The output exists, and may not be replaced.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),

    /// The output exists, and this program does not replace or follow such a thing.
    #[error("{} {kind}", path.display())]
    NotOurs {
        /// The file or folder.
        path: PathBuf,
        /// What it is.
        kind: NotOursKind,
    },

    /// A path that a run needs for its own files is taken by something that no run of this user made.
    #[error("{} {by}", path.display())]
    Occupied {
        /// The file or folder.
        path: PathBuf,
        /// What is there.
        by: OccupiedBy,
    },

    /// Another process is building this index.
    #[error("{} is being built{}", target.display(), builder.as_ref().map(|b| format!(" by {b}")).unwrap_or_default())]
    Building {
        /// The index to be.
        target: PathBuf,
        /// The process that builds it, if it is known.
        builder: Option<LockHolder>,
    },

    /// The folder is not a finished index. [`build_index`](crate::builder::build_index) makes one.
    #[error("{} is not a finished reprise index: {problem}", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
        /// The missing part.
        problem: String,
    },

    /// The folder is a part of an index, which [`merge_index`](crate::builder::merge_index) joins with the others.
    #[error("{} is part {number} of {count} of an index, not an index", path.display())]
    PartOfIndex {
        /// The folder.
        path: PathBuf,
        /// Number of the part, from 1.
        number: u32,
        /// Number of parts.
        count: u32,
    },

    /// A file of the index has other bytes than were written to it. [`Index::verify`](crate::Index::verify) finds every
    /// such file; build the index again, or copy it from an intact one.
    #[error("{} is damaged{}: {problem}", path.display(), offset.map(|o| format!(" at byte {o}")).unwrap_or_default())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Byte offset in the file, if one can be named.
        offset: Option<u64>,
        /// The contradiction.
        problem: String,
    },

    /// A file of an index that is read over the network was replaced since the index was opened.
    #[error("{} was replaced while it was read; run the command again", path.display())]
    Changed {
        /// The address of the file.
        path: PathBuf,
    },

    /// The index was written by a newer program.
    #[error(
        "{} has index format {found}, and this program reads formats 1 to {supported}; use a newer reprise",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// Newest version that this program reads.
        supported: u32,
    },

    /// The work does not fit the [`Budget`](crate::memory::Budget).
    #[error("{what} needs at least {} of memory, and the limit is {}", human_bytes(*needed), human_bytes(*allowed))]
    Memory {
        /// The work.
        what: &'static str,
        /// Minimum number of bytes that suffices.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
    },

    /// The caller cancelled the work ([`Progress::is_cancelled`](crate::Progress::is_cancelled)).
    #[error("the work was cancelled")]
    Cancelled,

    /// A thread of a build ended early because another one failed, whose error is the one to report.
    #[error("the build stopped before its last page")]
    Stopped,
}

/// A parameter of an index that has a range of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parameter {
    /// [`BuildOptions::k`](crate::builder::BuildOptions::k).
    K,
    /// [`BuildOptions::min_frequency`](crate::builder::BuildOptions::min_frequency).
    MinFrequency,
    /// [`BuildOptions::max_positions`](crate::builder::BuildOptions::max_positions).
    MaxPositions,
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::K => "k",
            Self::MinFrequency => "the minimum frequency",
            Self::MaxPositions => "the maximum of positions",
        })
    }
}

/// Why an index cannot be built with these parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// A parameter is outside its own range.
    #[error("{parameter} is {value}; it must be {}", range(*min, *max))]
    OutOfRange {
        /// The parameter.
        parameter: Parameter,
        /// Its value.
        value: u64,
        /// The smallest value allowed.
        min: u64,
        /// The largest value allowed, if there is one.
        max: Option<u64>,
    },
    /// No frequency is within the limits.
    #[error("the maximum frequency {max} is below the minimum frequency {min}, so nothing would be stored")]
    NoFrequencies {
        /// The minimum frequency.
        min: u64,
        /// The maximum frequency.
        max: u64,
    },
    /// No contig has a k-mer.
    #[error("k is {k} and the longest contig of {} has {longest_contig} bases", genome.display())]
    LongerThanContigs {
        /// Bases in a k-mer.
        k: u32,
        /// The genome's (first) file.
        genome: PathBuf,
        /// Bases of the longest contig.
        longest_contig: u64,
    },
    /// The layout of super-k-mers stores every k-mer, and the limits of frequency or positions leave some out.
    #[error("super-k-mers store every k-mer, so there can be no limit of frequency or positions")]
    LimitedSuperKmers,
    /// Minimizers that are long enough for this genome do not fit in a k-mer.
    #[error("k is {k}, too short for super-k-mers in this genome")]
    TooShortForSuperKmers {
        /// Bases in a k-mer.
        k: u32,
    },
}

/// The kind of entry at a path that an output may not replace or follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotOursKind {
    /// Something else than an index at the path of one.
    #[error("is not a reprise index, and nothing else is replaced")]
    NotAnIndex,
    /// Something else than a part of an index at the path of one.
    #[error("is not a part of an index, and nothing else is replaced")]
    NotAPart,
    /// An index with other files in its folder.
    #[error("contains {}{}, which no index does; move it away", names.join(", "), more(*further))]
    OtherFiles {
        /// Names of the first of these files, quoted.
        names: Vec<String>,
        /// Number of the others.
        further: usize,
    },
    /// A folder on which a file system is mounted.
    #[error("is a mount point, which cannot be renamed")]
    MountPoint,
    /// A file or folder of another user, in a folder with the sticky bit.
    #[error("belongs to {owner}, and only owners may remove entries of its folder")]
    OfAnotherUser {
        /// The other user.
        owner: String,
    },
    /// A symbolic link of a user who is not trusted in this folder.
    #[error("is a symbolic link of {owner}, which is not followed; use the path it leads to")]
    ForeignLink {
        /// The other user.
        owner: String,
    },
    /// A symbolic link that leads nowhere.
    #[error("is a symbolic link to {}, which does not exist; use that path itself", to.display())]
    DanglingLink {
        /// Where it leads.
        to: PathBuf,
    },
    /// Something else than a file, which appeared during the run.
    #[error("has become {noun}; use another name for the output")]
    Became {
        /// What it is, such as "a folder".
        noun: &'static str,
    },
    /// A folder, a pipe or a device at the path of a file.
    #[error("is not a regular file; move it away")]
    NotAFile,
}

/// The kind of entry at a path that a run needs for its own files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OccupiedBy {
    /// A file or folder that no build makes.
    #[error("is nothing that a build makes; move it away")]
    OtherFile,
    /// Something else than a folder at the path of the folder of a build.
    #[error("is {noun} and not the folder of a build; remove it")]
    NotAFolder {
        /// What it is, such as "a symbolic link".
        noun: &'static str,
    },
    /// A folder of another user in which no build is running.
    #[error("belongs to {owner}, who must remove it")]
    ForeignFolder {
        /// The other user.
        owner: String,
    },
    /// A folder that others may write to; clearing it could remove their files.
    #[error("is writable by others, and so is not cleared; remove it")]
    WritableByOthers,
    /// Something else than a lock.
    #[error("is {noun} and not the lock of a run of reprise; remove it")]
    NotALock {
        /// What it is, such as "a folder".
        noun: &'static str,
    },
    /// A file with other content than a lock.
    #[error("is not the lock of a run of reprise but something else; move it away")]
    OtherContent,
    /// A lock of another user, which this user may not read.
    #[error("belongs to {owner}; wait for that run to end, or {owner} must remove it")]
    ForeignLock {
        /// The other user.
        owner: String,
    },
    /// A lock that another user's run left behind.
    #[error("was left by a run of {owner} that has ended; {owner} must remove it")]
    LeftLock {
        /// The other user.
        owner: String,
    },
}

/// The end of a list of names that is cut.
fn more(further: usize) -> String {
    if further > 0 { format!(" and {further} more") } else { String::new() }
}

fn range(min: u64, max: Option<u64>) -> String {
    max.map_or_else(|| format!("{min} or more"), |max| format!("from {min} to {max}"))
}

/// The remedy for a limit of the process on memory or threads.
const RAISE_LIMITS: &str = "raise the limits of the process (ulimit -v)";

fn io_remedy(source: &io::Error) -> String {
    let remedy = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::FileTooLarge => "raise the limit of the size of files (ulimit -f)",
        io::ErrorKind::OutOfMemory => RAISE_LIMITS,
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "check its permissions",
        _ => return String::new(),
    };
    format!("; {remedy}")
}

impl Error {
    /// Wraps a failed system call on `path`; `action` is a verb such as "read".
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_owned(), source }
    }

    /// A thread that could not be started.
    pub(crate) fn thread(purpose: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Thread { purpose, source: io::Error::new(io::ErrorKind::OutOfMemory, source) }
    }

    /// Input that cannot be used; `line` counts from 1.
    pub fn input(path: impl AsRef<Path>, line: Option<u64>, problem: impl Into<String>) -> Self {
        Self::Input { path: path.as_ref().to_owned(), line, problem: problem.into() }
    }

    /// Work for which `allowed` bytes are too few; `needed` is rounded up to what a message can state exactly.
    pub(crate) fn memory(what: &'static str, needed: u64, allowed: u64) -> Self {
        Self::Memory { what, needed: needed.max(1).saturating_add((1 << 20) - 1) >> 20 << 20, allowed }
    }

    /// A damaged file of an index.
    pub fn damaged(path: impl AsRef<Path>, offset: Option<u64>, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.as_ref().to_owned(), offset, problem: problem.into() }
    }

    /// The error of the system that this error reports, if it is one of the system.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Io { source, .. } | Self::Thread { source, .. } | Self::Map { source, .. } => Some(source),
            Self::Output(source) | Self::Stdout(source) => Some(source),
            _ => None,
        }
    }

    /// The exit code that the command line promises for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io { source, .. } | Self::Thread { source, .. } | Self::Map { source, .. } => io_exit_code(source),
            Self::Output(source) | Self::Stdout(source) => io_exit_code(source),
            Self::Building { .. } | Self::Occupied { .. } | Self::Cancelled | Self::Stopped => 1,
            Self::Usage(_) | Self::Parameter(_) | Self::Exists(_) | Self::NotOurs { .. } => 2,
            Self::Input { .. } | Self::DuplicateContig { .. } | Self::NoKmers { .. } => 3,
            Self::NotInIndex { .. } | Self::OtherGenome { .. } => 3,
            Self::Unfinished { .. } | Self::PartOfIndex { .. } | Self::Damaged { .. } => 4,
            Self::Changed { .. } | Self::Version { .. } => 4,
            Self::Memory { .. } => 5,
        }
    }
}

/// 5 if the disk or the memory is full, else 1.
fn io_exit_code(source: &io::Error) -> u8 {
    match source.kind() {
        io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        | io::ErrorKind::FileTooLarge
        | io::ErrorKind::OutOfMemory => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stay_small() {
        assert!(size_of::<Error>() <= 104, "{}", size_of::<Error>());
    }

    #[test]
    fn full_disks_and_memory_have_their_own_exit_code() {
        let of = |kind: io::ErrorKind| {
            [Error::io("write", "a", kind.into()), Error::Output(kind.into()), Error::Stdout(kind.into())]
                .map(|error| error.exit_code())
        };
        assert_eq!(of(io::ErrorKind::StorageFull), [5; 3]);
        assert_eq!(of(io::ErrorKind::PermissionDenied), [1; 3]);
        let thread = Error::thread("a test", io::Error::from(io::ErrorKind::WouldBlock));
        assert_eq!(thread.exit_code(), 5);
        assert!(thread.to_string().contains("for a test: "), "{thread}");
    }
}
