//! The index of a .2bit file precedes its records, so the writer spools records until their sizes are known.

use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::fs::unique_suffix;
use crate::genome::twobit::layout::{HEADER, MAX_NAME, SIGNATURE};
use crate::genome::twobit::pack::pack_eight;
use crate::sequence::base_code;
use crate::{Error, Result};

/// The contents of a file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TwoBitSummary {
    /// Bases of all contigs.
    pub bases: u64,
    /// Bases that are A, C, G or T.
    pub acgt: u64,
    /// Bases in lower case.
    pub masked: u64,
    /// Runs of anything but ACGT.
    pub n_runs: u64,
    /// Version of the layout: 1 if offsets need 64 bits.
    pub version: u32,
    /// Byte offset of every contig's record.
    pub records: Vec<u64>,
    /// Runs of letters that are neither ACGT nor N and are stored as N, ascending.
    pub others: Vec<OtherLetters>,
    /// BLAKE3 over the upper-case letters of each contig, U as T, each followed by a line end: independent of line
    /// breaks, case, and the spelling as RNA.
    pub digest: blake3::Hash,
}

/// A run of one letter that the packed genome stores as N, although it is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherLetters {
    /// Number of the contig.
    pub contig: u32,
    /// First base in the contig, from 0.
    pub start: u32,
    /// Number of bases.
    pub length: u32,
    /// The letter, in upper case.
    pub letter: u8,
}

/// Name of a contig and the sizes of its parts in the spools.
struct SpooledContig {
    name: Vec<u8>,
    head_bytes: u64,
    dna_bytes: u64,
}

/// Writes a .2bit file as bases arrive. Memory grows with the number of contigs, with the runs of the current one, and
/// with [`TwoBitSummary::others`].
pub struct TwoBitWriter {
    path: PathBuf,
    /// Bytes of a file from which on offsets have 64 bits.
    wide_from: u64,
    /// Packed bases of all contigs, and their lengths and runs: the offsets in the index are known at the end only.
    dna: BufWriter<Spool>,
    heads: BufWriter<Spool>,
    contigs: Vec<SpooledContig>,
    /// Bases of the current contig so far, and the packed bases of the last byte.
    length: u64,
    byte: u8,
    n_runs: Runs,
    mask_runs: Runs,
    packed: Vec<u8>,
    upper: Vec<u8>,
    hasher: blake3::Hasher,
    summary: TwoBitSummary,
}

/// Ascending runs of bases of a contig; the last may be open.
#[derive(Default)]
struct Runs {
    closed: Vec<(u32, u32)>,
    open: Option<u64>,
}

impl Runs {
    /// Begins or ends a run at a base, unless it continues.
    #[inline]
    fn set(&mut self, inside: bool, at: u64) {
        match (inside, self.open) {
            (true, None) => self.open = Some(at),
            (false, Some(start)) => {
                self.closed.push((start as u32, (at - start) as u32));
                self.open = None;
            }
            _ => {}
        }
    }

    /// Writes the runs: their number, starts and lengths. Returns the bytes written.
    fn write(&self, out: &mut impl Write) -> std::io::Result<u64> {
        out.write_all(&(self.closed.len() as u32).to_le_bytes())?;
        for (start, _) in &self.closed {
            out.write_all(&start.to_le_bytes())?;
        }
        for (_, length) in &self.closed {
            out.write_all(&length.to_le_bytes())?;
        }
        Ok(4 + 8 * self.closed.len() as u64)
    }

    fn bases(&self) -> u64 {
        self.closed.iter().map(|&(_, length)| u64::from(length)).sum()
    }
}

/// How the names of the spools end, until they are removed.
pub(crate) const TEMPORARY_SUFFIXES: [&str; 2] = [".dna.tmp", ".head.tmp"];

/// A temporary file without a name: the system frees it however the program ends.
struct Spool(crate::fs::File);

impl Spool {
    /// In `folder` under a name of its own, or else next to the target.
    fn create(target: &Path, suffix: &str, folder: Option<&Path>) -> Result<BufWriter<Self>> {
        let path = match folder {
            Some(folder) => folder.join(format!("reprise-{}{suffix}", unique_suffix())),
            None => {
                let mut path = target.as_os_str().to_owned();
                path.push(suffix);
                PathBuf::from(path)
            }
        };
        let file = crate::fs::File::create_new(&path).map_err(|e| Error::io("create", &path, e))?;
        crate::fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
        Ok(BufWriter::with_capacity(1 << 17, Self(file)))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl TwoBitWriter {
    /// Creates a file. Two nameless spool files use space in the same folder until [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        Self::with_wide_offsets_from(path, u64::from(u32::MAX))
    }

    /// As [`create`](Self::create), with 64-bit offsets if the file has more than `limit` bytes. For tests.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn with_wide_offsets_from(path: &Path, limit: u64) -> Result<Self> {
        Self::with_spools_in(path, limit, None)
    }

    /// As [`with_wide_offsets_from`](Self::with_wide_offsets_from), with the spool files in another folder.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn with_spools_in(path: &Path, limit: u64, spools: Option<&Path>) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            wide_from: limit,
            dna: Spool::create(path, TEMPORARY_SUFFIXES[0], spools)?,
            heads: Spool::create(path, TEMPORARY_SUFFIXES[1], spools)?,
            contigs: Vec::new(),
            length: 0,
            byte: 0,
            n_runs: Runs::default(),
            mask_runs: Runs::default(),
            packed: Vec::new(),
            upper: Vec::new(),
            hasher: blake3::Hasher::new(),
            summary: TwoBitSummary {
                bases: 0,
                acgt: 0,
                masked: 0,
                n_runs: 0,
                version: 0,
                records: Vec::new(),
                others: Vec::new(),
                digest: blake3::Hash::from_bytes([0; 32]),
            },
        })
    }

    /// Starts a contig.
    pub fn begin(&mut self, name: &str) {
        let number = self.contigs.len();
        let mut stored = name.to_owned();
        if stored.len() > MAX_NAME {
            let suffix = format!("~{number}");
            stored.truncate(stored.floor_char_boundary(MAX_NAME - suffix.len()));
            stored.push_str(&suffix);
        }
        self.contigs.push(SpooledContig { name: stored.into_bytes(), head_bytes: 0, dna_bytes: 0 });
        self.length = 0;
        self.byte = 0;
        self.n_runs = Runs::default();
        self.mask_runs = Runs::default();
    }

    /// Appends letters to the contig: any ASCII of either case. U is stored as T, anything but ACGT as N.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Input`] if the contig has more than 2^32-1 bases.
    pub fn bases(&mut self, ascii: &[u8]) -> Result<()> {
        if self.length + ascii.len() as u64 > u64::from(u32::MAX) {
            let name = self.contigs.last().map(|c| String::from_utf8_lossy(&c.name).into_owned()).unwrap_or_default();
            return Err(Error::input(
                &self.path,
                None,
                format!("contig {name} is longer than 2^32-1 bases, which .2bit cannot store; split it"),
            ));
        }
        self.upper.clear();
        self.upper.extend_from_slice(ascii);
        self.upper.make_ascii_uppercase();
        self.upper.iter_mut().filter(|letter| **letter == b'U').for_each(|letter| *letter = b'T');
        self.hasher.update(&self.upper);

        self.packed.clear();
        let mut rest = ascii;
        while !rest.is_empty() {
            if self.length.is_multiple_of(4) {
                let lower = self.mask_runs.open.is_some();
                let mut taken = 0;
                if self.n_runs.open.is_none() {
                    for eight in rest.chunks_exact(8) {
                        let Some(two_bytes) =
                            pack_eight(u64::from_le_bytes(eight.try_into().unwrap_or_default()), lower)
                        else {
                            break;
                        };
                        self.packed.extend_from_slice(&two_bytes);
                        taken += 8;
                    }
                }
                self.length += taken as u64;
                rest = &rest[taken..];
            }
            // One by one: to the next whole byte, and eight bases around a change.
            let odd = rest.len().min(if self.length.is_multiple_of(4) { 8 } else { 4 - (self.length % 4) as usize });
            for &letter in &rest[..odd] {
                let code = base_code(letter);
                self.n_runs.set(code.is_none(), self.length);
                self.mask_runs.set(letter.is_ascii_lowercase(), self.length);
                if code.is_none() && !matches!(letter, b'N' | b'n') {
                    self.record_other(letter.to_ascii_uppercase());
                }
                self.byte = self.byte << 2 | code.unwrap_or(0) as u8;
                self.length += 1;
                if self.length.is_multiple_of(4) {
                    self.packed.push(self.byte);
                }
            }
            rest = &rest[odd..];
        }
        self.dna.write_all(&self.packed).map_err(|e| Error::io("write", &self.path, e))
    }

    /// Records a letter that is stored as N.
    fn record_other(&mut self, letter: u8) {
        let (contig, start) = ((self.contigs.len() - 1) as u32, self.length as u32);
        match self.summary.others.last_mut() {
            Some(run) if run.contig == contig && run.letter == letter && run.start + run.length == start => {
                run.length += 1;
            }
            _ => self.summary.others.push(OtherLetters { contig, start, length: 1, letter }),
        }
    }

    /// Maximum number of bytes for a run of N or of lower case: in a list that grows by doubling, and once more when it
    /// is written.
    pub(crate) const RUN_BYTES: u64 = 3 * size_of::<(u32, u32)>() as u64;

    /// Bytes of the lists of runs, also while they are written; they may grow with the genome.
    pub(crate) fn run_bytes(&self) -> u64 {
        let runs = 2 * (self.n_runs.closed.capacity() + self.mask_runs.closed.capacity()) * size_of::<(u32, u32)>();
        (self.summary.others.capacity() * size_of::<OtherLetters>() + runs) as u64
    }

    /// Ends the contig. Returns its length in bases.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn end(&mut self) -> Result<u64> {
        let io_error = |e| Error::io("write", &self.path, e);
        self.hasher.update(b"\n");
        let left = self.length % 4;
        if left > 0 {
            self.dna.write_all(&[self.byte << (2 * (4 - left))]).map_err(io_error)?;
        }
        self.n_runs.set(false, self.length);
        self.mask_runs.set(false, self.length);
        self.heads.write_all(&(self.length as u32).to_le_bytes()).map_err(io_error)?;
        let runs_bytes = self.n_runs.write(&mut self.heads).map_err(io_error)?
            + self.mask_runs.write(&mut self.heads).map_err(io_error)?;
        self.heads.write_all(&[0; 4]).map_err(io_error)?;
        if let Some(contig) = self.contigs.last_mut() {
            contig.head_bytes = 4 + runs_bytes + 4;
            contig.dna_bytes = self.length.div_ceil(4);
        }
        self.summary.bases += self.length;
        self.summary.acgt += self.length - self.n_runs.bases();
        self.summary.masked += self.mask_runs.bases();
        self.summary.n_runs += self.n_runs.closed.len() as u64;
        Ok(self.length)
    }

    /// Writes the file from the spools. Does not sync it: the caller does that with the rest of the bundle.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<TwoBitSummary> {
        let path = self.path.clone();
        let io_error = |e| Error::io("write", &path, e);
        let index_entry = |name: &[u8], offset_bytes: u64| 1 + name.len() as u64 + offset_bytes;
        let index_bytes = |offset_bytes| self.contigs.iter().map(|c| index_entry(&c.name, offset_bytes)).sum::<u64>();
        let records_bytes: u64 = self.contigs.iter().map(|c| c.head_bytes + c.dna_bytes).sum();
        let wide = HEADER as u64 + index_bytes(4) + records_bytes > self.wide_from;
        let version = u32::from(wide);

        let file = crate::fs::File::create_new(&path).map_err(|e| Error::io("create", &path, e))?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        for word in [SIGNATURE, version, self.contigs.len() as u32, 0] {
            out.write_all(&word.to_le_bytes()).map_err(io_error)?;
        }
        let mut offset = HEADER as u64 + index_bytes(if wide { 8 } else { 4 });
        for contig in &self.contigs {
            out.write_all(&[contig.name.len() as u8]).map_err(io_error)?;
            out.write_all(&contig.name).map_err(io_error)?;
            let bytes = offset.to_le_bytes();
            out.write_all(&bytes[..if wide { 8 } else { 4 }]).map_err(io_error)?;
            self.summary.records.push(offset);
            offset += contig.head_bytes + contig.dna_bytes;
        }
        let mut spools = Vec::new();
        for spool in [&mut self.heads, &mut self.dna] {
            spool.flush().map_err(io_error)?;
            let file = &mut spool.get_mut().0;
            file.seek(SeekFrom::Start(0)).map_err(io_error)?;
            spools.push(BufReader::with_capacity(1 << 18, file.try_clone().map_err(io_error)?));
        }
        let mut buffer = vec![0; 1 << 16];
        for contig in &self.contigs {
            for (spool, bytes) in spools.iter_mut().zip([contig.head_bytes, contig.dna_bytes]) {
                // `io::copy` would make a system call for each contig, which may be short.
                let mut left = bytes as usize;
                while left > 0 {
                    let length = left.min(buffer.len());
                    spool.read_exact(&mut buffer[..length]).map_err(io_error)?;
                    out.write_all(&buffer[..length]).map_err(io_error)?;
                    left -= length;
                }
            }
        }
        out.flush().map_err(io_error)?;
        self.summary.version = version;
        self.summary.digest = self.hasher.finalize();
        Ok(self.summary)
    }
}
