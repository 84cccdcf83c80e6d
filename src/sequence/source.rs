use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result, disk};

/// Where sequence is read from: a file or standard input, plain, gzip, bgzip or zstd.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    read: Arc<AtomicU64>,
}

impl Source {
    /// A file, or standard input for `-`.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self { path: PathBuf::from(path.as_ref()), read: Arc::default() }
    }

    /// The path as given; `-` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is standard input.
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Bytes read so far, before decompression.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes of the file, before decompression; `None` for standard input and what is not a plain file.
    pub fn bytes_total(&self) -> Option<u64> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        (!self.is_stdin() && metadata.is_file()).then_some(metadata.len())
    }

    /// Opens the source and undoes its compression.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened, [`Error::Input`] when it is a folder.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        let io_error = |e| Error::io("read", &self.path, e);
        let raw: Box<dyn Read + Send> = if self.is_stdin() {
            Box::new(io::stdin())
        } else {
            let file = File::open(&self.path).map_err(|e| Error::io("open", &self.path, e))?;
            let opened = file.metadata().map_err(io_error)?;
            if opened.is_dir() {
                return Err(Error::input(&self.path, None, "is a folder; give a FASTA or FASTQ file"));
            }
            if opened.is_file() && opened.len() > 0 {
                Box::new(Unchanged { file, opened, read: 0 })
            } else {
                Box::new(file)
            }
        };
        let mut counted = BufReader::with_capacity(1 << 18, Counted { inner: raw, read: Arc::clone(&self.read) });
        let start = counted.fill_buf().map_err(|e| self.read_error(1, e))?;
        match start {
            [0x1f, 0x8b, ..] => Ok(Box::new(flate2::bufread::MultiGzDecoder::new(counted))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Box::new(zstd::Decoder::with_buffer(counted).map_err(io_error)?)),
            _ => Ok(Box::new(counted)),
        }
    }

    /// Turns an error met while reading into one of the system or one of the input.
    pub(crate) fn read_error(&self, line: u64, error: io::Error) -> Error {
        // Readers of sequence hand on what they are told, or its text.
        if error.to_string() == CHANGED {
            return Error::input(&self.path, None, format!("{CHANGED}; run this again when nothing writes to it"));
        }
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

/// What is said of a file that was not the same at its end as at its beginning.
const CHANGED: &str = "the file changed while it was read";

/// A plain file. Where it grows, shrinks or is written to meanwhile, what was read of it is neither what it was nor what
/// it is.
struct Unchanged {
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
                return Err(io::Error::other(CHANGED));
            }
        }
        Ok(count)
    }
}

/// Counts the bytes that go through.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = disk::read(&mut self.inner, buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
