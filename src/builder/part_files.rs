//! The small files of a part of an index: its spectrum, and the contigs and other letters of the genome.
//! `schema/format.md` draws them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::builder::input_size::CONTIG_BYTES;
use crate::bundle::FileDigest;
use crate::fs::{DigestWriter, map_read_only};
use crate::genome::{Contig, OtherLetters};
use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Result};

/// Bytes that are written at once.
const WRITE_BUFFER: usize = 1 << 16;

/// Writes a spectrum, durably: (frequency, distinct k-mers), ascending, each number as 64 bits.
pub(crate) fn write_spectrum(path: PathBuf, spectrum: &[(u64, u64)]) -> Result<FileDigest> {
    let mut file = BufferedFile::create(path)?;
    for row in spectrum {
        file.append(&row.0.to_le_bytes())?;
        file.append(&row.1.to_le_bytes())?;
    }
    file.finish()
}

/// Calls `each(frequency, distinct k-mers)` for the rows of a spectrum; the error is a sentence.
pub(crate) fn read_spectrum(bytes: &[u8], mut each: impl FnMut(u64, u64)) -> Result<(), String> {
    let (rows, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err("its last row is cut".to_owned());
    }
    let mut before = 0;
    for row in rows {
        let number = |at: usize| row[at..at + 8].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let (frequency, count) = (number(0), number(8));
        if frequency <= before || count == 0 {
            return Err("its rows do not ascend".to_owned());
        }
        before = frequency;
        each(frequency, count);
    }
    Ok(())
}

/// Writes the tables of a genome, durably.
pub(crate) fn write_contigs(path: PathBuf, contigs: &[Contig], others: &[OtherLetters]) -> Result<FileDigest> {
    let failed = |e: postcard::Error| Error::damaged(&path, None, format!("a contig cannot be written ({e})"));
    let mut file = BufferedFile::create(path.clone())?;
    file.append(&(contigs.len() as u64).to_le_bytes())?;
    file.append(&(others.len() as u64).to_le_bytes())?;
    for contig in contigs {
        file.append(&postcard::to_stdvec(contig).map_err(failed)?)?;
    }
    for &OtherLetters { contig, start, length, letter } in others {
        file.append(&postcard::to_stdvec(&(contig, start, length, letter)).map_err(failed)?)?;
    }
    file.finish()
}

/// The tables of a genome, and the reservation of their memory.
pub(crate) type GenomeTables = ((Vec<Contig>, Vec<OtherLetters>), Reservation);

/// Reads the tables of a genome. The inner error is a sentence on a damaged file.
///
/// # Errors
/// [`Error::Memory`] if they do not fit, [`Error::Io`].
pub(crate) fn read_contigs(path: &Path, budget: &Budget) -> Result<Result<GenomeTables, String>> {
    let file = fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
    let map = map_read_only(&file, path)?;
    let (numbers, _) = map.as_chunks::<8>();
    let [contigs, others, ..] = *numbers else { return Ok(Err("it ends before its tables".to_owned())) };
    let [contigs, others] = [contigs, others].map(u64::from_le_bytes);
    let mut rest = &map[16..];
    // Each takes at least this many bytes: every field at least one.
    if contigs.saturating_mul(5).saturating_add(others.saturating_mul(4)) > rest.len() as u64 {
        return Ok(Err("it has fewer rows than it states".to_owned()));
    }
    let bytes = contigs * CONTIG_BYTES + others * size_of::<OtherLetters>() as u64 + map.len() as u64;
    let reservation = budget.reserve(Component::Contigs, bytes, "the table of contigs")?;
    let tables = (|| {
        let contigs = (0..contigs).map(|_| take(&mut rest)).collect::<Result<Vec<Contig>, _>>()?;
        let letters = |(contig, start, length, letter)| OtherLetters { contig, start, length, letter };
        let others = (0..others).map(|_| take(&mut rest).map(letters)).collect::<Result<Vec<_>, _>>()?;
        if rest.is_empty() { Ok((contigs, others)) } else { Err("it has more rows than it states".to_owned()) }
    })();
    Ok(tables.map(|tables| (tables, reservation)))
}

/// Takes a value off the front.
fn take<T: DeserializeOwned>(rest: &mut &[u8]) -> Result<T, String> {
    let (value, after) = postcard::take_from_bytes(rest).map_err(|e| format!("a row cannot be read ({e})"))?;
    *rest = after;
    Ok(value)
}

/// A file that is written in few calls.
struct BufferedFile {
    file: DigestWriter,
    buffer: Vec<u8>,
}

impl BufferedFile {
    fn create(path: PathBuf) -> Result<Self> {
        Ok(Self { file: DigestWriter::create(path)?, buffer: Vec::with_capacity(WRITE_BUFFER) })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BUFFER {
            self.file.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes the rest and makes the file durable.
    fn finish(mut self) -> Result<FileDigest> {
        self.file.append(&self.buffer)?;
        self.file.sync()?;
        Ok(self.file.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_back_and_damage_is_an_error() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let path = at.path().join("contigs.bin");
        let contig = |name: &str, start, length| Contig {
            name: name.to_owned(),
            description: "of a test".to_owned(),
            length,
            start,
            record: 7,
        };
        let contigs = vec![contig("chr1", 0, 1 << 33), contig("chr2", 1 << 33, 3)];
        let others = vec![OtherLetters { contig: 1, start: 2, length: 1, letter: b'R' }];
        write_contigs(path.clone(), &contigs, &others).expect("written");
        let budget = Budget::new(1 << 20);
        let read = || read_contigs(&path, &budget).expect("readable");
        let (tables, reserved) = read().expect("sound");
        assert_eq!(tables, (contigs, others));
        assert!(reserved.bytes() > 100);
        let whole = fs::read(&path).expect("there");
        for length in 1..whole.len() {
            fs::write(&path, &whole[..length]).expect("written");
            assert!(read().is_err(), "{length} bytes");
        }
        fs::write(&path, [&whole[..], &[0]].concat()).expect("written");
        assert!(read().is_err());
        fs::write(&path, [0xFF; 64]).expect("written");
        assert!(read().is_err());
    }

    #[test]
    fn a_spectrum_is_read_back_and_damage_is_an_error() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let path = at.path().join("spectrum.bin");
        let rows = [(1, 1 << 40), (2, 3), (1 << 33, 1)];
        write_spectrum(path.clone(), &rows).expect("written");
        let bytes = fs::read(&path).expect("there");
        let mut back = Vec::new();
        read_spectrum(&bytes, |frequency, count| back.push((frequency, count))).expect("sound");
        assert_eq!(back, rows);
        assert!(read_spectrum(&bytes[1..], |_, _| ()).is_err());
        assert!(read_spectrum(&[&bytes[16..], &bytes[..16]].concat(), |_, _| ()).is_err());
    }
}
