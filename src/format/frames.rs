//! A file of results that another step or machine reads: a line of JSON that says what they are of, the results as
//! compressed frames, and the digest of all bytes before it.
//!
//! A frame is two numbers of 32 bits, little-endian (its bytes, and those before compression), and an LZ4 block of
//! postcard. The digest is BLAKE3, 32 bytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::fs::open_regular;
use crate::memory::Reservation;
use crate::{Error, Result};

/// Bytes of the first line, at most: paths of libraries are the most of it.
const MAX_HEADER: u64 = 1 << 20;
/// Bytes of the digest.
const DIGEST: u64 = 32;
/// Bytes that a byte of an LZ4 block stands for, at most.
const MAX_EXPANSION: u64 = 255;
/// The problem of a file whose bytes are wrong.
const DAMAGED: &str = "is damaged; make it again";

/// A kind of such files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameKind {
    /// The value of `kind` in the first line, with which the line begins.
    pub(crate) name: &'static str,
    pub(crate) format_version: u32,
    /// Program and version, as in the first line.
    pub(crate) written_by: &'static str,
    /// What it is, as errors name it, such as "part of an annotation".
    pub(crate) noun: &'static str,
    /// Bytes in memory of a byte of a frame, at most, while it is decoded.
    pub(crate) decoded_bytes: u64,
}

impl FrameKind {
    /// The first line of a file. The header begins with the field `kind`, and has `format_version` and `written_by`.
    ///
    /// # Errors
    /// [`Error::Usage`] for paths that are not UTF-8, or too long.
    pub(crate) fn line(&self, header: &impl Serialize) -> Result<String> {
        let wrong = |remedy: &str| Error::Usage(format!("a {} names the files that it is of; {remedy}", self.noun));
        let line = serde_json::to_string(header).map_err(|_| wrong("use paths that are UTF-8"))? + "\n";
        if line.len() as u64 > MAX_HEADER { Err(wrong("use fewer files or shorter paths")) } else { Ok(line) }
    }

    /// Whether a file begins as one of this kind, damaged or not.
    pub(crate) fn is_of(&self, path: &Path) -> bool {
        let mut start = Vec::new();
        let length = self.start().len() as u64;
        let read = open_regular(path).and_then(|file| file.take(length).read_to_end(&mut start));
        read.is_ok() && start == self.start()
    }

    fn start(&self) -> Vec<u8> {
        format!("{{\"kind\":\"{}\"", self.name).into_bytes()
    }
}

/// Writes a file of frames.
pub(crate) struct FrameWriter<'a> {
    output: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl<'a> FrameWriter<'a> {
    /// Begins with the first line ([`FrameKind::line`]).
    ///
    /// # Errors
    /// [`Error::Output`].
    pub(crate) fn new(line: &str, output: &'a mut dyn Write) -> Result<Self> {
        let mut writer = Self { output, hasher: blake3::Hasher::new() };
        writer.write(line.as_bytes())?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.output.write_all(bytes).map_err(Error::Output)
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub(crate) fn frame(&mut self, frame: &impl Serialize) -> Result<()> {
        let bytes = postcard::to_stdvec(frame).map_err(|e| Error::Output(std::io::Error::other(e)))?;
        let block = lz4_flex::block::compress(&bytes);
        for length in [block.len(), bytes.len()] {
            let length = u32::try_from(length).map_err(|e| Error::Output(std::io::Error::other(e)))?;
            self.write(&length.to_le_bytes())?;
        }
        self.write(&block)
    }

    /// Writes the digest.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub(crate) fn finish(self) -> Result<()> {
        self.output.write_all(self.hasher.finalize().as_bytes()).map_err(Error::Output)
    }
}

/// What is read of a header before anything else is relied on.
#[derive(Deserialize)]
struct VersionOfHeader {
    format_version: u32,
    written_by: String,
}

/// A file of frames whose digest was checked.
#[derive(Debug)]
pub(crate) struct FrameFile {
    pub(crate) path: PathBuf,
    /// Its digest, in hexadecimal.
    pub(crate) digest: String,
    kind: FrameKind,
    /// Where the frames begin and end.
    frames: Range<u64>,
}

impl FrameFile {
    /// The header of a file of a kind and this version, whose digest is not checked; none if there is no such file.
    pub(crate) fn header<H: DeserializeOwned>(path: &Path, kind: &FrameKind) -> Option<H> {
        let mut line = Vec::new();
        let file = open_regular(path).ok()?;
        BufReader::new(file.take(MAX_HEADER)).read_until(b'\n', &mut line).ok()?;
        line.starts_with(&kind.start()).then(|| serde_json::from_slice(&line).ok()).flatten()
    }

    /// Opens a file of a kind, checks its digest, and returns its header too.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is of another kind or version, or damaged; [`Error::Io`].
    pub(crate) fn open<H: DeserializeOwned>(path: &Path, kind: &FrameKind) -> Result<(Self, H)> {
        let failed = |e| Error::io("read", path, e);
        let wrong = |problem: &str| Error::input(path, None, problem);
        let mut file = open_regular(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut line = Vec::new();
        BufReader::new((&file).take(MAX_HEADER)).read_until(b'\n', &mut line).map_err(failed)?;
        if !line.starts_with(&kind.start()) || line.last() != Some(&b'\n') {
            return Err(wrong(&format!("is no {}", kind.noun)));
        }
        let version: VersionOfHeader = serde_json::from_slice(&line).map_err(|_| wrong(DAMAGED))?;
        if version.format_version != kind.format_version || version.written_by != kind.written_by {
            let (by, this) = (version.written_by, kind.written_by);
            return Err(wrong(&format!("was written by {by}, this is {this}; use one version for all parts")));
        }
        let frames = line.len() as u64..bytes.saturating_sub(DIGEST);
        let mut hasher = blake3::Hasher::new();
        file.rewind().map_err(failed)?;
        hasher.update_reader((&file).take(frames.end)).map_err(failed)?;
        let mut digest = Vec::new();
        (&file).take(DIGEST).read_to_end(&mut digest).map_err(failed)?;
        let found = hasher.finalize();
        if frames.start > frames.end || digest != found.as_bytes() {
            return Err(wrong(DAMAGED));
        }
        let header = serde_json::from_slice(&line).map_err(|_| wrong(DAMAGED))?;
        Ok((Self { path: path.to_owned(), digest: found.to_hex().to_string(), kind: *kind, frames }, header))
    }

    /// Reads the frames.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn read(&self) -> Result<FrameReader<'_>> {
        let failed = |e| Error::io("read", &self.path, e);
        let mut file = BufReader::new(open_regular(&self.path).map_err(failed)?);
        file.seek(SeekFrom::Start(self.frames.start)).map_err(failed)?;
        Ok(FrameReader { of: self, file, left: self.frames.end - self.frames.start })
    }

    /// The error of contents that are impossible.
    pub(crate) fn damaged(&self) -> Error {
        Error::input(&self.path, None, DAMAGED)
    }
}

/// The frames of a file, one after the other.
pub(crate) struct FrameReader<'f> {
    of: &'f FrameFile,
    file: BufReader<File>,
    /// Bytes of the frames that were not read.
    left: u64,
}

impl FrameReader<'_> {
    /// The next frame; none behind the last. What decoding takes is added to a reservation for a while.
    ///
    /// # Errors
    /// [`Error::Input`] for bytes that are no frame; [`Error::Memory`], which names `purpose`; [`Error::Io`].
    pub(crate) fn next<T: DeserializeOwned>(
        &mut self,
        reservation: &mut Reservation,
        purpose: &'static str,
    ) -> Result<Option<T>> {
        if self.left == 0 {
            return Ok(None);
        }
        let failed = |e| Error::io("read", &self.of.path, e);
        let mut lengths = [0; 8];
        self.file.read_exact(&mut lengths).map_err(failed)?;
        let (bytes, whole) = (u64::from_le_bytes(lengths) & u64::from(u32::MAX), u64::from_le_bytes(lengths) >> 32);
        let rest = self.left.checked_sub(lengths.len() as u64).and_then(|left| left.checked_sub(bytes));
        let is_possible = whole <= bytes.saturating_mul(MAX_EXPANSION);
        self.left = rest.filter(|_| is_possible).ok_or_else(|| self.of.damaged())?;
        let before = reservation.bytes();
        reservation.grow(bytes + whole * self.of.kind.decoded_bytes, purpose)?;
        let mut block = vec![0; bytes as usize];
        self.file.read_exact(&mut block).map_err(failed)?;
        let text = lz4_flex::block::decompress(&block, whole as usize).map_err(|_| self.of.damaged())?;
        let frame = postcard::from_bytes(&text).map_err(|_| self.of.damaged())?;
        reservation.resize(before);
        Ok(Some(frame))
    }
}
