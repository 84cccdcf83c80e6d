//! Every input may be a file, a pipe or standard input, plain or compressed; commands see one kind of source.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fs::is_address;
use crate::memory::Budget;
use crate::sequence::compression::{Compression, Decompressed, STREAM_START};
use crate::sequence::foreign;
use crate::sequence::input::Input;
use crate::{Error, Result};

/// The file by which the folder of an index is recognized: [`format::MANIFEST`](crate::format::MANIFEST), which this
/// module does not depend on.
const INDEX_MANIFEST: &str = "manifest.json";

/// An input: a file or standard input, plain or compressed with gzip, bgzip, zstd, bzip2 or xz.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    read: Arc<AtomicU64>,
    budget: Option<Budget>,
    prefix: Option<Arc<str>>,
}

/// Buffer in front of a decoder, in bytes: four system calls for a megabyte.
const BUFFER: usize = 1 << 18;

/// Suffixes of compressed files.
const COMPRESSED: [&str; 5] = [".gz", ".bgz", ".zst", ".bz2", ".xz"];
/// Suffixes of sequence formats.
const FORMATS: [&str; 8] = [".fa", ".fasta", ".fna", ".fas", ".ffn", ".fastq", ".fq", ".2bit"];

impl Source {
    /// A file, or standard input for `-`.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self { path: PathBuf::from(path.as_ref()), read: Arc::default(), budget: None, prefix: None }
    }

    /// The same source; the memory of its decoder is reserved from `budget`.
    pub fn within(&self, budget: &Budget) -> Self {
        Self { budget: Some(budget.clone()), ..self.clone() }
    }

    /// The same source; its sequences are named with the stem of the file and `_` before their names: `chr1` of
    /// `hap1.fa.gz` is `hap1_chr1`. Blanks in the name of the file become `_` too.
    ///
    /// # Errors
    /// [`Error::Usage`] for a source without a stem ([`Source::stem`]).
    pub fn with_prefixed_names(&self) -> Result<Self> {
        let stem = self.stem().ok_or_else(|| {
            let problem = "has no file name to put before the names of its sequences; use a regular file";
            Error::Usage(format!("{} {problem}", self.path.display()))
        })?;
        let mut prefix = stem.to_string_lossy().replace(char::is_whitespace, "_");
        prefix.push('_');
        Ok(Self { prefix: Some(prefix.into()), ..self.clone() })
    }

    /// The prefix of the names; empty unless they are prefixed.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    /// The path as given; `-` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the file without its folders and without `.fa.gz` and the like. `None` for standard input, pipes and
    /// devices.
    pub fn stem(&self) -> Option<OsString> {
        let descriptor = ["/dev/fd", "/dev/stdin", "/proc"].iter().any(|prefix| self.path.starts_with(prefix));
        let other = std::fs::metadata(&self.path).is_ok_and(|m| !m.is_file() && !m.is_dir());
        if self.is_stdin() || descriptor || other {
            return None;
        }
        let mut name = self.path.file_name()?.as_bytes();
        for ends in [&COMPRESSED[..], &FORMATS] {
            let stems = ends.iter().find_map(|end| name.strip_suffix(end.as_bytes()));
            name = stems.filter(|stem| !stem.is_empty()).unwrap_or(name);
        }
        Some(OsString::from_vec(name.to_vec()))
    }

    /// Whether this is standard input.
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Bytes read so far, before decompression.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Counts bytes that were read from the file by other means than [`open`](Self::open).
    pub(crate) fn count_read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of the file, before decompression; `None` for anything but a plain file.
    pub fn bytes_total(&self) -> Option<u64> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        (!self.is_stdin() && metadata.is_file()).then_some(metadata.len())
    }

    /// Opens the source and decodes it; the compression is detected by the first bytes.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address; [`Error::Io`] if it cannot be opened; [`Error::Input`] if it is a folder or has a compression that is not read;
    /// [`Error::Memory`] if the budget is too small for its decoder.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        let raw: Box<dyn Read + Send> = if self.is_stdin() {
            Box::new(io::stdin())
        } else {
            if is_address(&self.path) {
                let problem = "input is read from files of this machine and from standard input, not from an address; \
                               copy it to this machine or pipe it in";
                return Err(Error::Usage(problem.to_owned()));
            }
            let file = File::open(&self.path).map_err(|e| Error::io("open", &self.path, e))?;
            let opened = file.metadata().map_err(|e| Error::io("read", &self.path, e))?;
            if opened.is_dir() {
                let problem = if self.path.join(INDEX_MANIFEST).exists() {
                    "is the folder of a reprise index; use the file that it was built from"
                } else {
                    "is a folder; use a file"
                };
                return Err(Error::input(&self.path, None, problem));
            }
            if opened.is_file() && opened.len() > 0 {
                Box::new(Unchanged { path: self.path.clone(), file, opened, read: 0 })
            } else {
                Box::new(file)
            }
        };
        let counted = Counted { inner: raw, read: Arc::clone(&self.read) };
        let mut input = Input::new(Box::new(counted) as Box<dyn Read + Send>, BUFFER);
        let failed = |e| self.read_error(1, e);
        let start = input.peek(STREAM_START).map_err(failed)?;
        if let Some((name, remedy)) = foreign::packed(start) {
            return Err(Error::input(&self.path, None, format!("is {name}, which is not read; {remedy}")));
        }
        match Compression::of(start) {
            None => Ok(Box::new(input)),
            Some(codec) => {
                let (path, read) = (self.path.clone(), Arc::clone(&self.read));
                let streams = Decompressed::new(codec, input, path, read, self.budget.as_ref()).map_err(failed)?;
                Ok(Box::new(streams))
            }
        }
    }

    /// Turns an I/O error into an error of the system, or of the input at a line.
    pub(crate) fn read_error(&self, line: u64, error: io::Error) -> Error {
        let error = match error.downcast::<Error>() {
            Ok(known) => return known,
            Err(error) => error,
        };
        if error.raw_os_error().is_some() {
            return Error::io("read", &self.path, error);
        }
        let problem = match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                "the compressed stream ends early; the file is truncated, copy or download it again".to_owned()
            }
            _ => format!("the compressed stream is damaged ({error}); copy or download the file again"),
        };
        Error::input(&self.path, Some(line), problem)
    }
}

/// A plain file that must not change while it is read: else its contents are neither the old nor the new ones.
struct Unchanged {
    path: PathBuf,
    file: File,
    opened: Metadata,
    read: u64,
}

impl Read for Unchanged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        if count == 0 && !buffer.is_empty() {
            let now = self.file.metadata()?;
            let same = now.len() == self.opened.len() && now.modified().ok() == self.opened.modified().ok();
            if !same || self.read != now.len() {
                let problem = "the file changed while it was read; run this again when nothing writes to it";
                return Err(io::Error::other(Error::input(&self.path, None, problem)));
            }
        }
        Ok(count)
    }
}

/// Counts the bytes that are read.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = crate::fs::read(&mut self.inner, buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifest_has_the_name_of_the_format() {
        assert_eq!(super::INDEX_MANIFEST, crate::format::MANIFEST);
    }
}
