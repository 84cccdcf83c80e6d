//! A genome is FASTA, FASTQ or .2bit; what reads a genome depends on none of them.

use crate::genome::twobit::{TwoBitInput, is_twobit};
use crate::sequence::{RecordHead, SequenceReader, Source};
use crate::{Progress, Result};

/// Reads a genome sequence by sequence and piece by piece, in constant memory.
pub(crate) enum GenomeReader {
    Text(Box<SequenceReader>),
    TwoBit(Box<TwoBitInput>),
}

impl GenomeReader {
    /// Opens a source. The format is detected by the first bytes; .2bit is read from files alone, since its index is
    /// needed to find its sequences.
    ///
    /// # Errors
    /// As [`SequenceReader::open`] and [`TwoBitInput::open`].
    pub(crate) fn open(source: &Source) -> Result<Self> {
        Ok(match is_twobit(source) {
            true => Self::TwoBit(Box::new(TwoBitInput::open(source)?)),
            false => Self::Text(Box::new(SequenceReader::open(source)?)),
        })
    }

    /// The header of the next sequence; the rest of the current one is skipped. `None` at the end.
    ///
    /// # Errors
    /// As [`SequenceReader::next_record`] and [`TwoBitInput::next_record`].
    pub(crate) fn next_record(&mut self) -> Result<Option<RecordHead>> {
        match self {
            Self::Text(reader) => reader.next_record(),
            Self::TwoBit(reader) => reader.next_record(),
        }
    }

    /// The next letters of the sequence. `None` at its end.
    ///
    /// # Errors
    /// As [`SequenceReader::next_bases`] and [`TwoBitInput::next_bases`].
    pub(crate) fn next_bases(&mut self) -> Result<Option<&[u8]>> {
        match self {
            Self::Text(reader) => reader.next_bases(),
            Self::TwoBit(reader) => reader.next_bases(),
        }
    }

    /// Reports records that were skipped because they are empty and have no name.
    pub(crate) fn report_skipped(&self, progress: &dyn Progress) {
        match self {
            Self::Text(reader) => reader.report_skipped(progress),
            Self::TwoBit(_) => {}
        }
    }
}
