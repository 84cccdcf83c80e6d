//! The packed genome in UCSC's .2bit layout (<https://genome.ucsc.edu/FAQ/FAQformat.html#format7>): two bits a base
//! (T=0, C=1, A=2, G=3), four to a byte, the first in the highest bits; runs of N and of lower case beside them.
//! Version 0 has 32-bit offsets; version 1, written where a file grows past 4 GiB, has 64-bit ones.
//!
//! What .2bit cannot hold: letters other than ACGT are kept as N ([`TwoBitSummary::others`] tells where they were); a contig ends at 2^32-1 bases; a name has at most 255
//! bytes, so a longer one is cut there and made unique by `~` and the contig's number (the catalog keeps it whole).

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::fs::map_read_only;
use crate::genome::OtherLetters;
use crate::sequence::{BASES, base_code};
use crate::{Error, Result};

const SIGNATURE: u32 = 0x1A41_2743;
const HEADER: usize = 16;
const MAX_NAME: usize = 255;

/// What a writer has put into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwoBitSummary {
    /// Bases of all contigs.
    pub bases: u64,
    /// Bases that are A, C, G or T.
    pub acgt: u64,
    /// Bases in lower case.
    pub masked: u64,
    /// Runs of anything but ACGT.
    pub n_runs: u64,
    /// Version of the layout: 1 where offsets need 64 bits.
    pub version: u32,
    /// Byte offset of every contig's record.
    pub records: Vec<u64>,
    /// Runs of letters that are neither ACGT nor N and are kept as N, ascending.
    pub others: Vec<OtherLetters>,
    /// BLAKE3 over the upper-case letters of each contig, U as T, and a line end after each: independent of line breaks,
    /// case, and whether a genome is spelled as RNA.
    pub digest: blake3::Hash,
}

struct ContigEnd {
    name: Vec<u8>,
    head_bytes: u64,
    dna_bytes: u64,
}

/// Writes a .2bit file as bases arrive; memory grows with the number of contigs and the runs of the one in hand only.
pub struct TwoBitWriter {
    path: PathBuf,
    wide_from: u64,
    dna: BufWriter<Spool>,
    heads: BufWriter<Spool>,
    contigs: Vec<ContigEnd>,
    length: u64,
    byte: u8,
    n_runs: Runs,
    mask_runs: Runs,
    packed: Vec<u8>,
    upper: Vec<u8>,
    hasher: blake3::Hasher,
    summary: TwoBitSummary,
}

/// Ascending runs of bases of a contig, the last of which may be open.
#[derive(Default)]
struct Runs {
    closed: Vec<(u32, u32)>,
    open: Option<u64>,
}

impl Runs {
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

    /// Writes the runs; gives their bytes.
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

/// How the names of the spools end, for the moment in which they have one.
pub(crate) const TEMPORARY_SUFFIXES: [&str; 2] = [".dna.tmp", ".head.tmp"];

/// A temporary file without a name, so that it goes however the program ends.
struct Spool(crate::fs::File);

impl Spool {
    fn create(target: &Path, suffix: &str) -> Result<BufWriter<Self>> {
        let mut path = target.as_os_str().to_owned();
        path.push(suffix);
        let path = PathBuf::from(path);
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
    /// Starts a file; two spool files without names take room beside it until [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        Self::with_wide_offsets_from(path, u64::from(u32::MAX))
    }

    /// As [`create`](Self::create), with 64-bit offsets from `limit` bytes on; tests lower it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn with_wide_offsets_from(path: &Path, limit: u64) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            wide_from: limit,
            dna: Spool::create(path, TEMPORARY_SUFFIXES[0])?,
            heads: Spool::create(path, TEMPORARY_SUFFIXES[1])?,
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
        self.contigs.push(ContigEnd { name: stored.into_bytes(), head_bytes: 0, dna_bytes: 0 });
        self.length = 0;
        self.byte = 0;
        self.n_runs = Runs::default();
        self.mask_runs = Runs::default();
    }

    /// Appends bases to the contig; any ASCII, of which U is T and what is not ACGT becomes N.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Input`] when the contig outgrows the format.
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
            // The odd bases at either end, and the eight around a change.
            let odd = rest.len().min(if self.length.is_multiple_of(4) { 8 } else { 4 - (self.length % 4) as usize });
            for &letter in &rest[..odd] {
                let code = base_code(letter);
                self.n_runs.set(code.is_none(), self.length);
                self.mask_runs.set(letter.is_ascii_lowercase(), self.length);
                if code.is_none() && !matches!(letter, b'N' | b'n') {
                    self.other(letter.to_ascii_uppercase());
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

    /// Notes a letter that is kept as N.
    fn other(&mut self, letter: u8) {
        let (contig, start) = ((self.contigs.len() - 1) as u32, self.length as u32);
        match self.summary.others.last_mut() {
            Some(run) if run.contig == contig && run.letter == letter && run.start + run.length == start => {
                run.length += 1;
            }
            _ => self.summary.others.push(OtherLetters { contig, start, length: 1, letter }),
        }
    }

    /// Bytes of a run of N or of lower case at the most: in a list that grows by doubling, and once more when it is written.
    pub(crate) const RUN_BYTES: u64 = 3 * size_of::<(u32, u32)>() as u64;

    /// Bytes of the lists of runs, with what they take when they are written; they may grow with the genome.
    pub(crate) fn run_bytes(&self) -> u64 {
        let runs = 2 * (self.n_runs.closed.capacity() + self.mask_runs.closed.capacity()) * size_of::<(u32, u32)>();
        (self.summary.others.capacity() * size_of::<OtherLetters>() + runs) as u64
    }

    /// Ends the contig; gives its length in bases.
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

    /// Puts the file together. It is not synced: the caller does that with the rest of the bundle.
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
                // Through a buffer: left to itself, a copy from file to file is a system call for each short contig.
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

/// Packs eight letters, the first in the lowest byte of `word`, if all are ACGT in the given case.
#[inline(always)]
fn pack_eight(word: u64, lower: bool) -> Option<[u8; 2]> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Bits 1 and 2 of a letter tell A, C, T, G apart (0, 1, 2, 3); from them the letter is made again and compared.
    let two = (word >> 1) & (3 * ONES);
    let (low, high) = (two & ONES, (two >> 1) & ONES);
    let letters = (0x41 * ONES) ^ (low * 0x02) ^ (high * 0x15) ^ ((low & high) * 0x11);
    let case = if lower { 0x20 * ONES } else { 0 };
    if letters | case != word {
        return None;
    }
    // A and T change places: T=0, C=1, A=2, G=3.
    let codes = (two ^ ((!two & ONES) << 1)).swap_bytes();
    let by_two = (codes | codes >> 6) & 0x000F_000F_000F_000F;
    let by_four = (by_two | by_two >> 12) & 0x0000_00FF_0000_00FF;
    Some(((by_four | by_four >> 24) as u16).to_be_bytes())
}

/// Appends the packed bases of the run of ACGT, of either case, that `ascii` begins with; gives its length. Bases that the
/// last byte has no letters for are T.
pub(crate) fn pack_run(ascii: &[u8], packed: &mut Vec<u8>) -> usize {
    packed.reserve(ascii.len() / 4 + 1);
    let (eights, _) = ascii.as_chunks::<8>();
    let mut length = 0;
    for eight in eights {
        let word = u64::from_le_bytes(*eight);
        let Some(two_bytes) = pack_eight(word, false).or_else(|| pack_eight(word, true)) else { break };
        packed.extend_from_slice(&two_bytes);
        length += 8;
    }
    for &letter in &ascii[length..] {
        let Some(code) = base_code(letter) else { break };
        if length % 4 == 0 {
            packed.push(0);
        }
        if let Some(last) = packed.last_mut() {
            *last |= (code as u8) << (6 - 2 * (length % 4));
        }
        length += 1;
    }
    length
}

/// The four bases of a packed byte.
const LETTERS: [[u8; 4]; 256] = {
    let mut letters = [[0; 4]; 256];
    let mut at = 0;
    while at < 4 * 256 {
        letters[at / 4][at % 4] = BASES[(at / 4) >> (6 - 2 * (at % 4)) & 3];
        at += 1;
    }
    letters
};

/// How bases are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// All upper case.
    Upper,
    /// Soft-masked bases in lower case.
    Masked,
}

/// A .2bit file, mapped.
#[derive(Debug)]
pub struct TwoBit {
    path: PathBuf,
    map: Mmap,
    version: u32,
    contigs: u32,
}

impl TwoBit {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] when it is not .2bit.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::damaged(path, None, "the file is missing"),
            _ => Error::io("open", path, e),
        })?;
        let map = map_read_only(&file, path)?;
        let word = |at: usize| map.get(at..at + 4).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b));
        let (Some(SIGNATURE), Some(version @ 0..=1), Some(contigs)) = (word(0), word(4), word(8)) else {
            return Err(Error::damaged(path, Some(0), "it is not a .2bit file of version 0 or 1"));
        };
        Ok(Self { path: path.to_owned(), version, contigs, map })
    }

    /// Byte offset in the file of a part of it, such as a record's packed bases.
    pub(crate) fn offset_of(&self, part: &[u8]) -> u64 {
        (part.as_ptr() as usize).saturating_sub(self.map.as_ptr() as usize) as u64
    }

    /// Tells the system how the file will be read.
    #[cfg(target_os = "linux")]
    pub(crate) fn advise(&self, advice: memmap2::Advice) {
        // Advice: where the system does not take it, reading works as well.
        let _ = self.map.advise(advice);
    }

    /// Number of contigs.
    pub fn contigs(&self) -> u32 {
        self.contigs
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Name (as the file holds it) and record offset of every contig, in order.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the index ends early.
    pub fn index(&self) -> impl Iterator<Item = Result<(&[u8], u64)>> {
        let offset_bytes = if self.version == 1 { 8 } else { 4 };
        let mut at = HEADER;
        (0..self.contigs).map(move |_| {
            let entry = (|| {
                let length = *self.map.get(at)? as usize;
                let name = self.map.get(at + 1..at + 1 + length)?;
                let offset = self.map.get(at + 1 + length..at + 1 + length + offset_bytes)?;
                let mut eight = [0; 8];
                eight[..offset_bytes].copy_from_slice(offset);
                at += 1 + length + offset_bytes;
                Some((name, u64::from_le_bytes(eight)))
            })();
            entry.ok_or_else(|| Error::damaged(&self.path, Some(at as u64), "the index of contigs ends early"))
        })
    }

    /// The record at a byte offset.
    ///
    /// # Errors
    /// [`Error::Damaged`] when no whole record is there.
    pub fn record_at(&self, offset: u64) -> Result<Record<'_>> {
        let parse = || {
            let mut rest = self.map.get(usize::try_from(offset).ok()?..)?;
            let mut take = |bytes: usize| {
                let (taken, others) = rest.split_at_checked(bytes)?;
                rest = others;
                Some(taken)
            };
            let length = u32::from_le_bytes(*take(4)?.first_chunk()?);
            let mut blocks = || {
                let count = u32::from_le_bytes(*take(4)?.first_chunk()?) as usize;
                Some(Blocks { starts: take(count.checked_mul(4)?)?, lengths: take(count * 4)?, end: length })
            };
            let (n_blocks, mask_blocks) = (blocks()?, blocks()?);
            take(4)?;
            let packed = take(length.div_ceil(4) as usize)?;
            Some(Record { length, n_blocks, mask_blocks, packed })
        };
        parse().ok_or_else(|| Error::damaged(&self.path, Some(offset), "no whole .2bit record is there"))
    }
}

/// One contig in a .2bit file.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    length: u32,
    n_blocks: Blocks<'a>,
    mask_blocks: Blocks<'a>,
    packed: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Blocks<'a> {
    starts: &'a [u8],
    lengths: &'a [u8],
    end: u32,
}

impl<'a> Blocks<'a> {
    fn len(&self) -> usize {
        self.starts.len() / 4
    }

    /// Block i, cut at the end of the contig.
    fn get(&self, i: usize) -> Range<u64> {
        let word = |bytes: &[u8]| bytes[4 * i..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let start = word(self.starts).min(self.end);
        u64::from(start)..u64::from(start.saturating_add(word(self.lengths)).min(self.end))
    }

    fn iter(self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        (0..self.len()).map(move |i| self.get(i))
    }

    /// Blocks that reach into `range`, cut to it. Blocks ascend.
    fn within(self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'a> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.get(middle).end <= range.start {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low..self.len())
            .map(move |i| self.get(i))
            .take_while(move |b| b.start < range.end)
            .map(move |b| b.start.max(range.start)..b.end.min(range.end))
            .filter(|b| b.start < b.end)
    }

    fn ascending(self) -> bool {
        let mut end = 0;
        (0..self.len()).all(|i| {
            let Range { start, end: next } = self.get(i);
            let whole = word_sum(self.starts, self.lengths, i) <= u64::from(self.end);
            let sound = whole && start < next && (i == 0 || start > end);
            end = next;
            sound
        })
    }
}

fn word_sum(starts: &[u8], lengths: &[u8], i: usize) -> u64 {
    [starts, lengths]
        .iter()
        .map(|bytes| u64::from(bytes[4 * i..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b))))
        .sum()
}

impl<'a> Record<'a> {
    /// Bases.
    pub fn length(&self) -> u64 {
        u64::from(self.length)
    }

    /// Packed bases, N as T.
    pub fn packed(&self) -> &'a [u8] {
        self.packed
    }

    /// Runs of N, ascending.
    pub fn n_blocks(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        self.n_blocks.iter()
    }

    /// Runs of lower case, ascending.
    pub fn mask_blocks(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        self.mask_blocks.iter()
    }

    /// Runs of ACGT, ascending.
    pub fn acgt_runs(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        self.acgt_runs_within(0..self.length())
    }

    /// The parts of `range` that are ACGT, ascending.
    pub fn acgt_runs_within(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'a> {
        let range = range.start.min(self.length())..range.end.min(self.length());
        let end = range.end;
        let mut at = range.start;
        self.n_blocks
            .within(range)
            .chain(std::iter::once(end..end))
            .map(move |block| {
                let run = at..block.start;
                at = block.end.max(at);
                run
            })
            .filter(|run| run.start < run.end)
    }

    /// Appends the letters of `range`, which is cut at the end of the contig.
    pub fn bases(&self, range: Range<u64>, case: Case, out: &mut Vec<u8>) {
        let range = range.start.min(self.length())..range.end.min(self.length());
        let first = out.len();
        // Whole bytes at once, the odd bases at either end one by one.
        let aligned = range.start.next_multiple_of(4).min(range.end);
        let whole = (aligned / 4) as usize..((range.end / 4).max(aligned / 4)) as usize;
        let odd = |out: &mut Vec<u8>, range: Range<u64>| {
            out.extend(range.map(|at| LETTERS[usize::from(self.packed[(at / 4) as usize])][(at % 4) as usize]));
        };
        odd(out, range.start..aligned);
        let from = out.len();
        out.resize(from + 4 * whole.len(), 0);
        for (letters, &byte) in out[from..].as_chunks_mut::<4>().0.iter_mut().zip(&self.packed[whole.clone()]) {
            *letters = LETTERS[usize::from(byte)];
        }
        odd(out, (4 * whole.end as u64).max(aligned)..range.end);
        let place = |block: Range<u64>| {
            first + (block.start - range.start) as usize..first + (block.end - range.start) as usize
        };
        for block in self.n_blocks.within(range.clone()) {
            out[place(block)].fill(b'N');
        }
        if case == Case::Masked {
            for block in self.mask_blocks.within(range.clone()) {
                out[place(block)].make_ascii_lowercase();
            }
        }
    }

    /// Appends the codes of `range`, which is cut at the end of the contig: as [`base_code`] has them, and 4 for N.
    pub(crate) fn codes(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let range = range.start.min(self.length())..range.end.min(self.length());
        let first = out.len();
        let (start, end) = (range.start as usize, range.end as usize);
        let code = |at: usize| self.packed[at / 4] >> (6 - 2 * (at % 4)) & 3;
        // Whole bytes between odd bases.
        let whole = start.next_multiple_of(4).min(end)..(end / 4 * 4).max(start.next_multiple_of(4)).min(end);
        out.extend((start..whole.start).map(code));
        for &byte in &self.packed[whole.start / 4..whole.end.div_ceil(4).max(whole.start / 4)] {
            out.extend_from_slice(&[byte >> 6, byte >> 4 & 3, byte >> 2 & 3, byte & 3]);
        }
        out.truncate(first + whole.end - start);
        out.extend((whole.end..end).map(code));
        for block in self.n_blocks.within(range.clone()) {
            let place = |at: u64| first + (at - range.start) as usize;
            out[place(block.start)..place(block.end)].fill(4);
        }
    }

    /// Whether both kinds of runs ascend and end within the contig.
    pub fn is_sound(&self) -> bool {
        self.n_blocks.ascending() && self.mask_blocks.ascending()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use proptest::prelude::*;

    fn write(path: &Path, wide_from: u64, contigs: &[(String, Vec<u8>)], cut: usize) -> TwoBitSummary {
        let mut writer = TwoBitWriter::with_wide_offsets_from(path, wide_from).expect("temporary folder");
        for (name, bases) in contigs {
            writer.begin(name);
            for piece in bases.chunks(cut.max(1)) {
                writer.bases(piece).expect("written");
            }
            assert_eq!(writer.end().expect("written"), bases.len() as u64);
        }
        writer.finish().expect("written")
    }

    proptest! {
        #[test]
        fn bases_come_back(
            contigs in prop::collection::vec("[ACGTacgtNn]{0,90}|[ACGT]{60,130}|[acgtrykm.*-]{0,70}", 0..6),
            wide: bool,
            cut in 1usize..50,
        ) {
            let folder = tempfile::tempdir().expect("temporary folder");
            let path = folder.path().join("a.2bit");
            let contigs: Vec<(String, Vec<u8>)> = contigs
                .into_iter()
                .enumerate()
                .map(|(i, bases)| (format!("c{i}"), bases.into_bytes()))
                .collect();
            let summary = write(&path, if wide { 10 } else { u64::MAX }, &contigs, cut);
            prop_assert_eq!(summary.version, u32::from(wide));
            prop_assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1);
            let file = TwoBit::open(&path).expect("sound");
            let index: Vec<_> = file.index().collect::<Result<_>>().expect("sound");
            prop_assert_eq!(index.len(), contigs.len());
            let mut hashed = Vec::new();
            for (((name, bases), (stored, offset)), record_at) in contigs.iter().zip(index).zip(&summary.records) {
                prop_assert_eq!(name.as_bytes(), stored);
                prop_assert_eq!(offset, *record_at);
                let record = file.record_at(offset).expect("sound");
                prop_assert!(record.is_sound());
                let expected: Vec<u8> = bases
                    .iter()
                    .map(|b| match b.to_ascii_uppercase() {
                        u @ (b'A' | b'C' | b'G' | b'T') => if b.is_ascii_lowercase() { u.to_ascii_lowercase() } else { u },
                        _ => if b.is_ascii_lowercase() { b'n' } else { b'N' },
                    })
                    .collect();
                let mut read = Vec::new();
                record.bases(0..record.length(), Case::Masked, &mut read);
                prop_assert_eq!(&read, &expected);
                for start in 0..bases.len() {
                    let mut part = Vec::new();
                    record.bases(start as u64..start as u64 + 7, Case::Upper, &mut part);
                    let end = bases.len().min(start + 7);
                    prop_assert_eq!(part, expected[start..end].to_ascii_uppercase());
                }
                let runs: Vec<u8> = record.acgt_runs().fold(vec![b'N'; bases.len()], |mut all, run| {
                    all[run.start as usize..run.end as usize].fill(b'B');
                    all
                });
                let is_base: Vec<u8> = expected.iter().map(|b| if b"ACGTacgt".contains(b) { b'B' } else { b'N' }).collect();
                prop_assert_eq!(runs, is_base);
                hashed.extend(bases.to_ascii_uppercase());
                hashed.push(b'\n');
            }
            prop_assert_eq!(summary.digest, blake3::hash(&hashed));
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.2bit");
        let contigs: Vec<_> = (0..2).map(|_| ("é".repeat(200), b"ACGT".to_vec())).collect();
        write(&path, u64::MAX, &contigs, 9);
        let file = TwoBit::open(&path).expect("sound");
        let names: Vec<_> = file.index().map(|e| e.expect("sound").0.to_vec()).collect();
        assert!(names[0] != names[1] && names.iter().all(|n| n.len() <= 255 && std::str::from_utf8(n).is_ok()));
    }

    #[test]
    fn damage_is_an_error_or_harmless() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.2bit");
        write(&path, u64::MAX, &[("c".into(), b"NNACGTacgtnnACGT".to_vec()), ("d".into(), b"ACGTA".to_vec())], 3);
        let whole = fs::read(&path).expect("written");
        let look = |bytes: &[u8]| {
            fs::write(&path, bytes).expect("written");
            let Ok(file) = TwoBit::open(&path) else { return };
            for entry in file.index() {
                let Ok((_, offset)) = entry else { return };
                if let Ok(record) = file.record_at(offset) {
                    record.is_sound();
                    record.bases(0..record.length().min(100), Case::Masked, &mut Vec::new());
                    record.acgt_runs().count();
                }
            }
        };
        for length in 1..whole.len() {
            look(&whole[..length]);
        }
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            look(&damaged);
        }
    }
}
