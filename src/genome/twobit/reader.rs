//! The genome of an open index is read in place: the file is mapped, and only the requested bases are unpacked. Of a file
//! that lies elsewhere, either all bytes are in memory or a window of a record. No damaged byte leads to a read out of
//! bounds.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::fs::map_read_only;
use crate::genome::twobit::layout::{HEADER, SIGNATURE};
use crate::genome::twobit::pack::LETTERS;
use crate::sequence::NO_BASE;
use crate::{Error, Result};

/// The case in which bases are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// All upper case.
    Upper,
    /// Soft-masked bases in lower case.
    Masked,
}

/// The bytes of a file.
#[derive(Debug)]
enum FileBytes {
    Mapped(Mmap),
    Loaded(Vec<u8>),
}

impl std::ops::Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Loaded(bytes) => bytes,
        }
    }
}

/// A .2bit file, mapped or loaded into memory.
#[derive(Debug)]
pub struct TwoBit {
    path: PathBuf,
    map: FileBytes,
    version: u32,
    contigs: u32,
}

impl TwoBit {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] if it is missing or not .2bit.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::damaged(path, None, "the file is missing"),
            _ => Error::io("open", path, e),
        })?;
        Self::of(path, FileBytes::Mapped(map_read_only(&file, path)?))
    }

    /// As [`open`](Self::open), of a file whose bytes are in memory.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn loaded(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        Self::of(path, FileBytes::Loaded(bytes))
    }

    fn of(path: &Path, map: FileBytes) -> Result<Self> {
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

    /// Advises the system how the file will be read.
    #[cfg(target_os = "linux")]
    pub(crate) fn advise(&self, advice: memmap2::Advice) {
        if let FileBytes::Mapped(map) = &self.map {
            // Reading works without it too.
            let _ = map.advise(advice);
        }
    }

    /// Number of contigs.
    pub fn contigs(&self) -> u32 {
        self.contigs
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Name (as stored in the file) and byte offset of the record of every contig, in order.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the index ends early.
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
    /// [`Error::Damaged`] if no whole record is there.
    pub fn record_at(&self, offset: u64) -> Result<TwoBitSequence<'_>> {
        let parse = || {
            let (head, rest) = TwoBitSequence::of_head(self.map.get(usize::try_from(offset).ok()?..)?)?;
            let packed = rest.get(..head.length.div_ceil(4) as usize)?;
            Some(TwoBitSequence { packed, ..head })
        };
        parse().ok_or_else(|| Error::damaged(&self.path, Some(offset), "no whole .2bit record is there"))
    }
}

/// The sequence of one contig in a .2bit file.
#[derive(Debug, Clone, Copy)]
pub struct TwoBitSequence<'a> {
    length: u32,
    n_blocks: Blocks<'a>,
    mask_blocks: Blocks<'a>,
    packed: &'a [u8],
    /// Bytes of packed bases before `packed`; 0 unless this is a window.
    skipped: usize,
}

/// Blocks of bases, as .2bit calls its runs of N and of lower case. A damaged file may have any, so each is cut at the
/// end of the contig.
#[derive(Debug, Clone, Copy)]
struct Blocks<'a> {
    starts: &'a [u8],
    lengths: &'a [u8],
    /// Bases of the contig.
    end: u32,
}

impl<'a> Blocks<'a> {
    fn len(&self) -> usize {
        self.starts.len() / 4
    }

    /// Block `i`.
    fn get(&self, i: usize) -> Range<u64> {
        let word = |bytes: &[u8]| bytes[4 * i..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let start = word(self.starts).min(self.end);
        u64::from(start)..u64::from(start.saturating_add(word(self.lengths)).min(self.end))
    }

    fn iter(self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        (0..self.len()).map(move |i| self.get(i))
    }

    /// The parts of the blocks within `range`, if the blocks ascend.
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

    /// Whether no block is empty, touches another or ends past the contig.
    fn ascending(self) -> bool {
        let mut end = 0;
        (0..self.len()).all(|i| {
            let Range { start, end: next } = self.get(i);
            let whole = stored_end(self.starts, self.lengths, i) <= u64::from(self.end);
            let sound = whole && start < next && (i == 0 || start > end);
            end = next;
            sound
        })
    }
}

/// End of block `i` as it is stored.
fn stored_end(starts: &[u8], lengths: &[u8], i: usize) -> u64 {
    [starts, lengths]
        .iter()
        .map(|bytes| u64::from(bytes[4 * i..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b))))
        .sum()
}

/// Bytes of a record that lie before its packed bases, besides eight for each block: length, two counts, reserved.
const FIXED_HEAD: u64 = 16;

impl<'a> TwoBitSequence<'a> {
    /// The record that begins with these bytes, without its bases, and what follows its head.
    fn of_head(mut rest: &'a [u8]) -> Option<(Self, &'a [u8])> {
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
        Some((Self { length, n_blocks, mask_blocks, packed: &[], skipped: 0 }, rest))
    }

    /// A part of a record: its head, which has all bytes before the packed bases, and packed bases from byte `skipped` of
    /// them. Only bases in it may be read. `None` if the head is not a whole one.
    pub(crate) fn window(head: &'a [u8], packed: &'a [u8], skipped: usize) -> Option<Self> {
        let (sequence, _) = Self::of_head(head)?;
        Some(Self { packed, skipped, ..sequence })
    }

    /// Bytes of a record before its packed bases. `count_at` reads the four bytes of a number at an offset in the record.
    ///
    /// # Errors
    /// Those of `count_at`.
    pub(crate) fn head_bytes(mut count_at: impl FnMut(u64) -> Result<u32>) -> Result<u64> {
        let n_blocks = u64::from(count_at(4)?);
        let mask_blocks = u64::from(count_at(8 + 8 * n_blocks)?);
        Ok(FIXED_HEAD + 8 * (n_blocks + mask_blocks))
    }

    /// Number of bases.
    pub fn length(&self) -> u64 {
        u64::from(self.length)
    }

    /// Packed bases, four a byte, the first in the highest bits; N is T.
    pub fn packed(&self) -> &'a [u8] {
        self.packed
    }

    /// Runs of N in bases of the contig, 0-based, half-open, ascending.
    pub fn n_blocks(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        self.n_blocks.iter()
    }

    /// Runs of lower case in bases of the contig, 0-based, half-open, ascending.
    pub fn mask_blocks(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        self.mask_blocks.iter()
    }

    /// Runs of ACGT in bases of the contig, 0-based, half-open, ascending.
    pub fn acgt_runs(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        self.acgt_runs_within(0..self.length())
    }

    /// The parts of `range` (0-based, half-open) that are ACGT, ascending.
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

    /// Appends the letters of `range` (0-based, half-open), cut at the end of the contig.
    pub fn bases(&self, range: Range<u64>, case: Case, out: &mut Vec<u8>) {
        let range = range.start.min(self.length())..range.end.min(self.length());
        let first = out.len();
        // Whole bytes at once, the bases of the bytes at either end one by one.
        let aligned = range.start.next_multiple_of(4).min(range.end);
        let whole = (aligned / 4) as usize..((range.end / 4).max(aligned / 4)) as usize;
        let odd = |out: &mut Vec<u8>, range: Range<u64>| {
            let byte = |at: u64| usize::from(self.packed[(at / 4) as usize - self.skipped]);
            out.extend(range.map(|at| LETTERS[byte(at)][(at % 4) as usize]));
        };
        odd(out, range.start..aligned);
        let from = out.len();
        out.resize(from + 4 * whole.len(), 0);
        let in_window = if whole.is_empty() { 0..0 } else { whole.start - self.skipped..whole.end - self.skipped };
        for (letters, &byte) in out[from..].as_chunks_mut::<4>().0.iter_mut().zip(&self.packed[in_window]) {
            *letters = LETTERS[usize::from(byte)];
        }
        odd(out, (4 * whole.end as u64).max(aligned)..range.end);
        let local = |block: Range<u64>| {
            first + (block.start - range.start) as usize..first + (block.end - range.start) as usize
        };
        for block in self.n_blocks.within(range.clone()) {
            out[local(block)].fill(b'N');
        }
        if case == Case::Masked {
            for block in self.mask_blocks.within(range.clone()) {
                out[local(block)].make_ascii_lowercase();
            }
        }
    }

    /// Appends the codes of `range`, cut at the end of the contig: those of [`base_code`](crate::sequence::base_code),
    /// and [`NO_BASE`] for N.
    pub(crate) fn codes(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let range = range.start.min(self.length())..range.end.min(self.length());
        let first = out.len();
        let (start, end) = (range.start as usize, range.end as usize);
        let code = |at: usize| self.packed[at / 4 - self.skipped] >> (6 - 2 * (at % 4)) & 3;
        // Whole bytes between the bases of the bytes at either end.
        let whole = start.next_multiple_of(4).min(end)..(end / 4 * 4).max(start.next_multiple_of(4)).min(end);
        out.extend((start..whole.start).map(code));
        let bytes = whole.start / 4..whole.end.div_ceil(4).max(whole.start / 4);
        let in_window = if bytes.is_empty() { 0..0 } else { bytes.start - self.skipped..bytes.end - self.skipped };
        for &byte in &self.packed[in_window] {
            out.extend_from_slice(&[byte >> 6, byte >> 4 & 3, byte >> 2 & 3, byte & 3]);
        }
        out.truncate(first + whole.end - start);
        out.extend((whole.end..end).map(code));
        for block in self.n_blocks.within(range.clone()) {
            let local = |at: u64| first + (at - range.start) as usize;
            out[local(block.start)..local(block.end)].fill(NO_BASE);
        }
    }

    /// Whether both kinds of blocks ascend and end within the contig.
    pub fn is_sound(&self) -> bool {
        self.n_blocks.ascending() && self.mask_blocks.ascending()
    }
}
