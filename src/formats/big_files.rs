//! The binary formats of genome browsers, from which they read a region without the rest: bigBed for an annotation and
//! bigWig for frequencies (Kent et al., Bioinformatics 26 (2010) 2204).

use std::collections::HashMap;
use std::fmt::Write as _;

use bigtools::bed::bedparser::BedValueError;
use bigtools::beddata::BedParserStreamingIterator;
use bigtools::{BBIProcessError, BBIWriteOptions, BedEntry, BigBedWrite, BigWigWrite, InputSortType, Value};
use tokio::runtime::{self, Runtime};

use crate::formats::annotation_writer::{Annotation, CopyTable};
use crate::formats::copy_row::CopyRow;
use crate::formats::repeatmasker_out;
use crate::fs::Output;
use crate::memory::Component;
use crate::{Error, Result};

/// Contigs with values that a file can hold: the library writes their number in 16 bits.
const MAX_CONTIGS: usize = u16::MAX as usize;

/// Bytes of a copy of the contig that is written: its row twice, as values and as text, and its name.
const BYTES_PER_COPY: u64 = 600;

/// The columns of RepeatMasker's bigRmskBed, so that the UCSC browser shows a copy with the parts that it lacks.
const AUTO_SQL: &str = r#"table bigRmskBed
"Repetitive Element Annotation"
(
string  chrom;       "Reference sequence chromosome or scaffold"
uint    chromStart;  "Start position of visualization on chromosome"
uint    chromEnd;    "End position of visualation on chromosome"
string  name;        "Name repeat, including the type/subtype suffix"
uint    score;       "Divergence score"
char[1] strand;      "+ or - for strand"
uint    thickStart;  "Start position of aligned sequence on chromosome"
uint    thickEnd;    "End position of aligned sequence on chromosome"
uint    reserved;    "Reserved"
uint    blockCount;  "Count of sequence blocks"
lstring blockSizes;  "A comma-separated list of the block sizes(+/-)"
lstring blockStarts; "A comma-separated list of the block starts(+/-)"
uint    id;          "A unique identifier for the joined annotations in this record"
lstring description; "A comma separated list of technical annotation descriptions"
)
"#;

/// Writes an annotation as bigBed, with a row for each copy: its fragments are blocks, and so are the parts of the
/// consensus before, between and behind them, which have the start -1.
///
/// # Errors
/// [`Error::Input`] if there is no copy, since such a file cannot be empty, or more than 65,535 contigs have copies;
/// [`Error::Usage`] for a pipe; [`Error::Io`]; [`Error::Damaged`].
pub fn write_big_bed(annotation: &Annotation<'_>, output: Output) -> Result<()> {
    let table = CopyTable::new(annotation);
    let by_contig = || table.copies.chunk_by(|a, b| a.alignment.contig == b.alignment.contig);
    let genome = table.index.folder();
    let wrong = |problem: &str| Error::input(genome, None, problem);
    if table.copies.is_empty() {
        return Err(wrong("has no copy of a repeat, and a bigBed file cannot be empty; choose another format"));
    }
    if by_contig().count() > MAX_CONTIGS {
        return Err(wrong("has copies on more than 65,535 contigs, which a bigBed file cannot hold; use BED"));
    }
    let most = by_contig().map(<[_]>::len).max().unwrap_or(0) as u64;
    let _reservation =
        table.index.budget().reserve(Component::Output, most * BYTES_PER_COPY, "the rows of a contig")?;
    let rows = by_contig().flat_map(|copies| {
        let mut joined: Vec<JoinedCopy<'_>> = Vec::new();
        let mut numbers: ahash::AHashMap<u64, usize> = ahash::AHashMap::new();
        for row in table.rows(copies) {
            let number = *numbers.entry(row.id).or_insert_with(|| {
                joined.push(JoinedCopy::default());
                joined.len() - 1
            });
            joined[number].fragments.push(row);
        }
        let mut rows: Vec<(String, BedEntry)> = joined.iter().filter_map(JoinedCopy::row).collect();
        rows.sort_by_key(|(_, row)| (row.start, row.end));
        rows
    });
    let file = output.seekable()?;
    let mut writer =
        BigBedWrite::new(file, sizes(table.contigs.iter().map(|contig| (&contig.name[..], contig.length))));
    writer.options = options();
    writer.autosql = Some(AUTO_SQL.to_owned());
    let rows = BedParserStreamingIterator::wrap_iter(rows.map(Ok::<_, BedValueError>), true);
    writer.write(rows, runtime()?).map_err(|e| failed(e, &output))?;
    output.finish()
}

/// Writes values along contigs with these names and lengths (below 2^32) as bigWig: the name of a contig and a value for
/// a range of it, contig by contig and ascending. Values are numbers of 32 bits, which are exact up to 2^24.
///
/// # Errors
/// [`Error::Input`] if there is no value, since such a file cannot be empty, or if there are more than 65,535 contigs;
/// [`Error::Usage`] for a pipe; [`Error::Io`]; those of the values.
pub fn write_big_wig<'l>(
    lengths: impl Iterator<Item = (&'l str, u64)>,
    values: impl Iterator<Item = std::io::Result<(String, Value)>>,
    output: Output,
) -> Result<()> {
    let (mut contigs_with_values, mut last) = (0, String::new());
    let values = values.map(|value| {
        let value = value?;
        if value.0 != last || contigs_with_values == 0 {
            contigs_with_values += 1;
            last.clone_from(&value.0);
        }
        match contigs_with_values {
            ..=MAX_CONTIGS => Ok(value),
            _ => Err(std::io::Error::other("a bigWig file holds at most 65,535 sequences; use bedGraph")),
        }
    });
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Err(Error::Usage("there is no k-mer, and a bigWig file cannot be empty; use bedGraph".to_owned()));
    }
    let mut writer = BigWigWrite::new(output.seekable()?, sizes(lengths));
    writer.options = options();
    let values = BedParserStreamingIterator::wrap_iter(values.map(|value| value.map_err(BedValueError::from)), true);
    writer.write(values, runtime()?).map_err(|e| failed(e, &output))?;
    output.finish()
}

/// Contigs may have any order, as long as each comes once.
fn options() -> BBIWriteOptions {
    BBIWriteOptions { input_sort_type: InputSortType::START, ..BBIWriteOptions::default() }
}

/// A runtime on the thread that calls it, so that the bytes of a file do not depend on others.
fn runtime() -> Result<Runtime> {
    runtime::Builder::new_current_thread()
        .build()
        .map_err(|e| Error::thread("the runtime of a bigBed or bigWig file", e))
}

fn sizes<'l>(lengths: impl Iterator<Item = (&'l str, u64)>) -> HashMap<String, u32> {
    // A contig has fewer than 2^32 bases.
    lengths.map(|(name, length)| (name.to_owned(), length as u32)).collect()
}

fn failed(error: BBIProcessError<BedValueError>, output: &Output) -> Error {
    let error = match error {
        BBIProcessError::IoError(e) | BBIProcessError::SourceError(BedValueError::IoError(e)) => e,
        other => std::io::Error::new(std::io::ErrorKind::InvalidData, other.to_string()),
    };
    output.error(error)
}

/// The fragments of a copy, in the order of the contig.
#[derive(Default)]
struct JoinedCopy<'a> {
    fragments: Vec<CopyRow<'a>>,
}

impl JoinedCopy<'_> {
    /// The row of the copy: it spans the whole consensus, cut at the ends of the contig.
    fn row(&self) -> Option<(String, BedEntry)> {
        let (first, last) = (self.fragments.first()?, self.fragments.last()?);
        // Bases of the consensus before and behind a fragment, in the direction of the contig.
        let sides = |row: &CopyRow<'_>| match row.is_forward() {
            true => (u64::from(row.consensus_start), u64::from(row.consensus_left)),
            false => (u64::from(row.consensus_left), u64::from(row.consensus_start)),
        };
        let start = first.start.saturating_sub(sides(first).0);
        let end = (last.end + sides(last).1).min(last.contig_length);
        let (mut sizes, mut starts, mut description) = (String::new(), String::new(), String::new());
        let mut passed = 0;
        for row in &self.fragments {
            // What precedes a fragment and no earlier one has; fragments may share a few bases of the consensus.
            let before = sides(row).0.saturating_sub(passed);
            passed = sides(row).0 + u64::from(row.consensus_end - row.consensus_start);
            // Writing into a String cannot fail.
            let _ = write!(sizes, "{before},{},", row.end - row.start);
            let _ = write!(starts, "-1,{},", row.start - start);
            let comma = if description.is_empty() { "" } else { "," };
            let words = repeatmasker_out::text(row);
            let _ = write!(description, "{comma}{}", words.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        }
        let _ = write!(sizes, "{}", sides(last).1);
        starts.push_str("-1");
        let blocks = 2 * self.fragments.len() + 1;
        let bases: u64 = self.fragments.iter().map(|row| row.end - row.start).sum();
        let substituted: f64 = self.fragments.iter().map(|row| row.substituted * (row.end - row.start) as f64).sum();
        // Per mille of substituted bases.
        let score = (10.0 * substituted / bases.max(1) as f64).round() as u32;
        let CopyRow { name, family, class, strand, id, .. } = first;
        let name = if name.contains('#') { (*name).to_owned() } else { format!("{family}#{class}") };
        let (thick_start, thick_end) = (first.start, last.end);
        let rest = format!(
            "{name}\t{score}\t{strand}\t{thick_start}\t{thick_end}\t0\t{blocks}\t{sizes}\t{starts}\t{id}\t{description}"
        );
        // Positions within a contig are below 2^32.
        Some((first.contig.to_owned(), BedEntry { start: start as u32, end: end as u32, rest }))
    }
}
