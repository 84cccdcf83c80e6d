//! FASTA: lines of sequence of any length, and families as a library, with headers that RepeatMasker or readers of
//! REPrise's `.reprof` understand.

use std::io::{self, Write};

use crate::families::FamilyStatistics;
use crate::formats::bgzf::{BlockWriter, SequenceEnd};
use crate::fs::Output;
use crate::memory::Budget;
use crate::{Error, Result};

/// Bases in a line, as most programs write FASTA.
const LINE_BASES: usize = 80;

/// Records with `>family#class` and statistics behind it.
pub(super) fn families(families: &[FamilyStatistics]) -> Vec<u8> {
    let mut out = Vec::new();
    for f in families {
        // Writing into a Vec cannot fail.
        let _ = write!(out, ">{}#{} length={} copies={} ", f.name, f.class, f.length, f.copies);
        let _ = writeln!(out, "full_length={} divergence={:.2} seed={}", f.full_length_copies, f.divergence, f.seed);
        push_lines(&mut out, f.consensus.as_bytes());
    }
    out
}

/// Records of REPrise's `.reprof`, with running numbers as names.
pub(super) fn reprof(families: &[FamilyStatistics]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, f) in families.iter().enumerate() {
        let _ = writeln!(
            out,
            ">R={number}, seedfreq={}, elementfreq={}, length={}, Seed={}",
            f.kmer_frequency, f.copies, f.length, f.kmer
        );
        push_lines(&mut out, f.consensus.as_bytes());
    }
    out
}

/// Writes sequence to an output, compressed with bgzip on the current rayon pool if `compressed` is set, and finishes it.
///
/// # Errors
/// [`Error::Memory`]; [`Error::Output`]; those of `write`.
pub(crate) fn write_sequence<T>(
    mut output: Output,
    compressed: bool,
    end: SequenceEnd,
    budget: &Budget,
    write: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let written = if compressed {
        let mut encoder = BlockWriter::new(&mut output, false, budget)?;
        let written = write(&mut encoder)?;
        encoder.finish(end)?;
        written
    } else {
        write(&mut output)?
    };
    output.finish()?;
    Ok(written)
}

/// Writes sequence compressed with bgzip on the current rayon pool, the index of its records and that of its blocks,
/// which appear together.
///
/// # Errors
/// As [`write_sequence`]'s.
pub(crate) fn write_indexed_sequence<T>(
    [mut output, mut records, mut blocks]: [Output; 3],
    budget: &Budget,
    write: impl FnOnce(&mut dyn Write, &mut FastaIndex) -> Result<T>,
) -> Result<T> {
    let mut index = FastaIndex::default();
    let mut encoder = BlockWriter::new(&mut output, true, budget)?;
    let written = write(&mut encoder, &mut index)?;
    let index_of_blocks = encoder.finish(SequenceEnd::Marked)?;
    blocks.write_all(&index_of_blocks).map_err(Error::Output)?;
    records.write_all(&index.rows).map_err(Error::Output)?;
    Output::finish_all(vec![output, records, blocks])?;
    Ok(written)
}

/// The index of the records of a FASTA (`.fai`, <https://www.htslib.org/doc/faidx.html>), made while it is written.
#[derive(Debug, Default)]
pub(crate) struct FastaIndex {
    rows: Vec<u8>,
    /// Bytes of the text before the next record.
    at: u64,
}

impl FastaIndex {
    /// Adds a record with a header of `header` bytes, line end included, and `length` letters in lines of `width`.
    pub(crate) fn add(&mut self, name: &str, header: u64, length: u64, width: u64) {
        let begin = self.at + header;
        let line = length.min(width);
        // Writing into a Vec cannot fail.
        let _ = match length {
            0 => writeln!(self.rows, "{name}\t0\t{begin}\t0\t0"),
            _ => writeln!(self.rows, "{name}\t{length}\t{begin}\t{line}\t{}", line + 1),
        };
        self.at = begin + length + length.div_ceil(width);
    }
}

/// Breaks the sequence of a record, which arrives in pieces, into lines.
pub(crate) struct SequenceLines {
    /// Bases in a line.
    width: usize,
    /// Bases in the present line.
    column: usize,
}

impl SequenceLines {
    /// Lines of `width` bases, which is not 0.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, column: 0 }
    }

    /// Writes the next letters of the record.
    pub(crate) fn write(&mut self, mut letters: &[u8], out: &mut dyn Write) -> io::Result<()> {
        while !letters.is_empty() {
            let (line, others) = letters.split_at(letters.len().min(self.width - self.column));
            out.write_all(line)?;
            self.column += line.len();
            if self.column == self.width {
                self.end(out)?;
            }
            letters = others;
        }
        Ok(())
    }

    /// Ends the record.
    pub(crate) fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::take(&mut self.column) > 0 { out.write_all(b"\n") } else { Ok(()) }
    }
}

/// Appends a record of this name.
pub(super) fn record(out: &mut Vec<u8>, name: &str, letters: &[u8]) {
    let _ = writeln!(out, ">{name}");
    push_lines(out, letters);
}

fn push_lines(out: &mut Vec<u8>, letters: &[u8]) {
    for line in letters.chunks(LINE_BASES) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}
