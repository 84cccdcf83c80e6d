//! Searches with sequences: hits of any sequences, copies of the repeats of a library.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use reprise::align::{Alignment, Library, SearchOptions, search as find};
use reprise::annotate::{annotate, annotate_with_tandem_repeats};
use reprise::memory::{Budget, Component};
use reprise::sequence::Source;
use reprise::{Index, Progress};

use crate::errors::Failure;

/// Sequences to search for.
#[derive(FromPyObject)]
pub enum Queries {
    /// Names and letters.
    Sequences(Vec<(String, PyBackedBytes)>),
    /// A file of FASTA or FASTQ.
    File(PathBuf),
}

/// What a search returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Every alignment.
    Hits,
    /// Copies of repeats, none of which overlaps another.
    Copies,
    /// Copies of repeats, tandem repeats of the genome among them.
    CopiesAndTandemRepeats,
}

impl Kind {
    pub fn new(annotate: bool, tandem: bool) -> Self {
        match (annotate, tandem) {
            (false, _) => Self::Hits,
            (true, false) => Self::Copies,
            (true, true) => Self::CopiesAndTandemRepeats,
        }
    }
}

/// The options of a search.
pub fn options(max_e_value: f64, max_divergence: f64) -> Result<SearchOptions, Failure> {
    let wrong = |sentence: String| Err(Failure::Usage(sentence));
    if !(max_e_value > 0.0 && max_e_value.is_finite()) {
        return wrong(format!("max_e_value is {max_e_value}; an E-value is a number above 0"));
    }
    if !(0.0..=1.0).contains(&max_divergence) {
        return wrong(format!("max_divergence is {max_divergence}; a divergence is a share from 0 to 1"));
    }
    Ok(SearchOptions { max_e_value, max_divergence, keep_columns: false, ..SearchOptions::default() })
}

/// Bytes of a row.
const ROW_BYTES: usize = 88;

/// Searches for sequences; returns rows of [`ROW_BYTES`] bytes, whose fields `_records.py` names, and the names of the
/// sequences, with those of tandem repeats at the end.
pub fn search(
    (index, budget): (&Index, &Budget),
    queries: Queries,
    kind: Kind,
    options: &SearchOptions,
    progress: &dyn Progress,
) -> Result<(Vec<u8>, Vec<String>), Failure> {
    let (mut library, _library_reservation) = match queries {
        Queries::File(path) => Library::read(&Source::new(path), budget, progress)?,
        Queries::Sequences(sequences) => {
            let mut library = Library::default();
            sequences.into_iter().for_each(|(name, letters)| library.push(name, &letters[..]));
            let reservation = budget.reserve(Component::Input, library.bytes(), "the sequences")?;
            (library, reservation)
        }
    };
    let found: Vec<(u64, Alignment)> = match kind {
        Kind::Hits => (1..).zip(find(index, &library, options, budget, progress)?).collect(),
        Kind::Copies => numbered(annotate(index, &library, options, budget, progress)?),
        Kind::CopiesAndTandemRepeats => {
            numbered(annotate_with_tandem_repeats(index, &mut library, options, budget, progress)?)
        }
    };
    let bytes = (found.len() * (ROW_BYTES + size_of::<(u64, Alignment)>())) as u64;
    let _rows_reservation = budget.reserve(Component::Output, bytes, "the results of a search")?;
    let mut rows = Vec::with_capacity(found.len() * ROW_BYTES);
    found.iter().for_each(|(id, alignment)| push_row(*id, alignment, &mut rows));
    Ok((rows, (0..library.len()).map(|number| library.name(number).to_owned()).collect()))
}

fn numbered(copies: Vec<reprise::annotate::RepeatCopy>) -> Vec<(u64, Alignment)> {
    copies.into_iter().map(|copy| (copy.id, copy.alignment)).collect()
}

/// Appends a row: numbers of 8 bytes, then of 4, then of 1, all little-endian, and zeros up to [`ROW_BYTES`].
fn push_row(id: u64, alignment: &Alignment, rows: &mut Vec<u8>) {
    let counts = &alignment.counts;
    let end = rows.len() + ROW_BYTES;
    let long = [alignment.range.start, alignment.range.end, id];
    long.iter().for_each(|number| rows.extend_from_slice(&number.to_le_bytes()));
    let shares = [alignment.e_value, counts.substituted(), counts.kimura_without_cpg()];
    shares.iter().for_each(|number| rows.extend_from_slice(&number.to_le_bytes()));
    rows.extend_from_slice(&alignment.score.to_le_bytes());
    let short = [
        alignment.contig,
        alignment.query,
        alignment.query_range.start,
        alignment.query_range.end,
        counts.matches,
        counts.transitions + counts.transversions,
        counts.inserted,
        counts.deleted,
    ];
    short.iter().for_each(|number| rows.extend_from_slice(&number.to_le_bytes()));
    rows.extend_from_slice(&(if alignment.strand.is_reverse() { -1i8 } else { 1 }).to_le_bytes());
    rows.resize(end, 0);
}
