//! `mask`: writes the genome with the intervals of an annotation in lower case or as N.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::align::{GenomeRange, Place};
use crate::annotate::{Interval, Intervals, Mask, RowFilter};
use crate::bundle::Shard;
use crate::cli::help::{ADVANCED, INPUT, MASKING, OUTPUT};
use crate::cli::shard::shard;
use crate::cli::short_names::{ShortNames, read_names};
use crate::cli::values::{bases, percentage};
use crate::cli::{Settings, counted, grouped, json};
use crate::formats::{FastaIndex, SequenceEnd, SequenceLines, write_indexed_sequence, write_sequence};
use crate::fs::Output;
use crate::genome::{Case, Contig, TwoBitSequence, is_twobit};
use crate::sequence::{BYTE_ORDER_MARK, MAX_HEADER, Region, Source, base_code};
use crate::text::shortened;
use crate::{Error, Index, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Intervals to mask; `-` is standard input
    ///
    /// BED, bedGraph, GFF3, GTF, RepeatMasker's .out or the TSV of `annotate`, plain or compressed; the format is
    /// detected by its rows (docs/annotation.md#input-formats).
    #[arg(long, value_name = "FILE")]
    annotation: PathBuf,
    /// Mask this copy of the genome: its lines and letters stay
    ///
    /// It is the FASTA file from which the index was built, plain or compressed; `-` is standard input. Line ends,
    /// descriptions and other letters are preserved.
    #[arg(long, value_name = "FASTA", conflicts_with = "width")]
    genome: Option<PathBuf>,
    /// The annotation has the short names of this table
    ///
    /// --short-names of this or of another command wrote it.
    #[arg(long, value_name = "TABLE", hide_short_help = true)]
    names: Option<PathBuf>,
    /// Write short names of contigs, and their table to TABLE
    ///
    /// Names that have more than 50 letters, or others than letters, digits, _, . and -, are replaced; the table has
    /// short names and names (docs/formats.md#names-of-contigs).
    #[arg(long, value_name = "TABLE", conflicts_with = "genome", help_heading = OUTPUT, hide_short_help = true)]
    short_names: Option<PathBuf>,
    /// Write the contigs of part I of N of the genome
    ///
    /// The files of all parts, one behind the other, are what a single run writes.
    #[arg(long, value_name = "I/N", value_parser = shard, conflicts_with_all = ["genome", "short_names"],
          help_heading = ADVANCED, hide_short_help = true)]
    shard: Option<Shard>,
    #[command(flatten)]
    rows: RowArguments,
    #[command(flatten)]
    letters: LetterArguments,
}

/// Which rows of the annotation are masked.
#[derive(Debug, Args)]
#[command(next_help_heading = MASKING)]
struct RowArguments {
    /// Mask only repeats of these classes
    ///
    /// LTR is also LTR/Gypsy and the type LTR_retrotransposon, and case does not matter. Classes are those of .out, GFF3
    /// (`class=` or `classification=`, else the type), GTF (`class_id/family_id`), the TSV of `annotate`, and names such
    /// as name#class in BED. A row without a class is an error.
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    class: Vec<String>,
    /// Do not mask repeats of these classes
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    exclude_class: Vec<String>,
    /// Mask only rows of at least this many bases
    ///
    /// Fragments of a copy are rows of their own.
    #[arg(long, value_name = "BASES", default_value_t = 0, value_parser = bases)]
    min_length: u64,
    /// Mask only repeats with at most PERCENT substitutions
    ///
    /// Divergences are those of .out, the TSV of `annotate`, and GFF3 (`substituted=` or `identity=`). A row without one
    /// is an error.
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    max_divergence: Option<f64>,
}

impl RowArguments {
    fn filter(self) -> RowFilter {
        let Self { class, exclude_class, min_length, max_divergence } = self;
        RowFilter { classes: class, excluded: exclude_class, min_length, max_divergence }
    }
}

/// How the masked genome is written.
#[derive(Debug, Clone, Args, serde::Serialize)]
#[command(next_help_heading = OUTPUT)]
pub(crate) struct LetterArguments {
    /// Write N instead of lower case
    #[arg(long)]
    pub(crate) hard: bool,
    /// Discard the lower case of the genome itself
    ///
    /// Unmasked bases are then in upper case.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Bases per line
    #[arg(long, value_name = "N", default_value = "60", hide_short_help = true)]
    pub(crate) width: NonZeroUsize,
}

impl LetterArguments {
    fn mask(&self) -> Mask {
        if self.hard { Mask::Hard } else { Mask::Soft }
    }
}

/// Bases written at a time.
const CHUNK: u64 = 1 << 20;
/// Bases between contigs that begin a compressed block: many blocks, so that few are cut short.
const BLOCK: u64 = 1 << 20;

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    if arguments.annotation.as_os_str() == "-" && arguments.genome.as_ref().is_some_and(|path| path.as_os_str() == "-")
    {
        return Err(Error::Usage("--annotation and --genome cannot both be standard input".to_owned()));
    }
    if let Some(path) = arguments.genome.as_ref().filter(|path| is_twobit(&Source::new(path))) {
        let problem =
            "is .2bit, and --genome preserves the text of FASTA; mask the genome of the index without --genome";
        return Err(Error::input(path, None, problem));
    }
    let index = settings.open_default(&arguments.index)?;
    let compressed = settings.compresses_output();
    let genome = arguments.genome.as_deref();
    let names = arguments.short_names.as_deref().map(|path| ShortNames::create(path, &index, settings)).transpose()?;
    let written = names.as_ref().map_or(index.contigs()?, |names| &names.contigs);
    let read = match &arguments.names {
        Some(table) => Cow::Owned(read_names(table, &index)?),
        None => Cow::Borrowed(index.contigs()?),
    };
    let filter = arguments.rows.filter();
    let chooses = filter != RowFilter::default();
    let intervals = Intervals::read(&index, &arguments.annotation, &read, &filter)?;
    let output = settings.output()?;
    let (letters, budget) = (&arguments.letters, &settings.budget);
    let masked = settings.on_pool(|| match (genome, arguments.shard) {
        (Some(genome), _) => write_sequence(output, compressed, SequenceEnd::Marked, budget, |output| {
            mask_source(&index, &intervals, letters, &Source::new(genome), output)
        }),
        (None, shard) => {
            let (contigs, end) = part(written, shard);
            let mut records = FastaIndex::default();
            write_sequence(output, compressed, end, budget, |output| {
                write_masked(&index, &intervals, written, contigs, letters, output, &mut records)
            })
        }
    });
    let masked = Masked { rows: intervals.rows, bases: masked? };
    if let Some(names) = names {
        names.write(&index)?;
    }
    let path = arguments.annotation.display();
    if masked.rows > 0 && masked.bases == 0 && arguments.shard.is_none() {
        settings.warn(&format!("{path} has {} and masks nothing", counted(masked.rows, "row")));
    }
    if masked.rows == 0 && chooses {
        settings.warn(&format!("no row of {path} is of the chosen classes, lengths and divergences"));
    }
    if settings.json {
        return settings.print_summary(&json(&masked)?);
    }
    settings.log(&format!("masked {} bases", grouped(masked.bases)));
    Ok(())
}

/// Counts of masked bases.
#[derive(Debug, serde::Serialize)]
struct Masked {
    /// Rows of the annotation that are features and were chosen.
    rows: u64,
    /// Bases of the genome that they cover.
    bases: u64,
}

/// The first contigs of compressed blocks: those that begin this many bases behind the one before, or more. A part of a
/// genome begins with one, so that the blocks of all parts are those of the whole.
fn first_of_blocks(contigs: &[Contig]) -> impl Iterator<Item = usize> {
    let mut next = 0;
    contigs.iter().enumerate().filter_map(move |(number, contig)| {
        let is_first = contig.start >= next;
        if is_first {
            next = contig.start + BLOCK;
        }
        is_first.then_some(number)
    })
}

/// The numbers of the contigs of a part of a genome, and how its file ends.
fn part(contigs: &[Contig], shard: Option<Shard>) -> (Range<usize>, SequenceEnd) {
    let Some(Shard { number, count }) = shard else { return (0..contigs.len(), SequenceEnd::Marked) };
    let GenomeRange { start, end } = GenomeRange::shard(contigs, number, count);
    let first_from =
        |place: Place| first_of_blocks(contigs).find(|&number| (number as u32, 0) >= place).unwrap_or(contigs.len());
    let end = if number == count { contigs.len() } else { first_from(end) };
    (first_from(start)..end, if number == count { SequenceEnd::Marked } else { SequenceEnd::Open })
}

/// Writes the genome of an index with the intervals of an annotation masked, compressed, and the indexes of its records
/// and blocks; the contigs have names that may differ from those of the index. Returns the number of masked bases.
pub(crate) fn mask_indexed(
    index: &Index,
    annotation: &Path,
    contigs: &[Contig],
    letters: &LetterArguments,
    outputs: [Output; 3],
) -> Result<u64> {
    let masked = Intervals::read(index, annotation, contigs, &RowFilter::default())?;
    let all = 0..contigs.len();
    write_indexed_sequence(outputs, index.budget(), |output, records| {
        write_masked(index, &masked, contigs, all, letters, output, records)
    })
}

/// Writes some contigs of the genome as FASTA, and adds their records to an index; returns the number of masked bases.
fn write_masked(
    index: &Index,
    masked: &Intervals,
    contigs: &[Contig],
    numbers: Range<usize>,
    arguments: &LetterArguments,
    output: &mut dyn Write,
    records: &mut FastaIndex,
) -> Result<u64> {
    let io_error = Error::Output;
    let case = if arguments.replace { Case::Upper } else { Case::Masked };
    let mut lines = SequenceLines::new(arguments.width.get());
    let mut bases = 0;
    let mut first_of_blocks = first_of_blocks(contigs).peekable();
    let all = contigs.iter().zip(index.contigs()?).enumerate();
    for (number, (contig, own)) in all.take(numbers.end) {
        let begins_block = first_of_blocks.next_if_eq(&number).is_some();
        if number < numbers.start {
            continue;
        }
        if begins_block {
            output.flush().map_err(io_error)?;
        }
        let blank = if contig.description.is_empty() { "" } else { " " };
        let header = format!(">{}{blank}{}\n", contig.name, contig.description);
        output.write_all(header.as_bytes()).map_err(io_error)?;
        records.add(&contig.name, header.len() as u64, contig.length, arguments.width.get() as u64);
        let intervals = masked.of_contig(number as u32);
        let mut letters = Vec::new();
        for start in (0..contig.length).step_by(CHUNK as usize) {
            let range = start..contig.length.min(start + CHUNK);
            let (_, record) = index.region_record(&Region { contig: own.name.clone(), range: range.clone() })?;
            letters.clear();
            record.bases(range.clone(), case, &mut letters);
            bases += arguments.mask().apply(&mut letters, range, intervals);
            lines.write(&letters, output).map_err(io_error)?;
        }
        lines.end(output).map_err(io_error)?;
    }
    Ok(bases)
}

/// The part of a FASTA at which its reader is.
enum LinePosition {
    /// Before the first `>`, or behind the end of a line.
    LineStart,
    Header,
    Sequence,
}

/// Copies a FASTA with its letters masked and everything else unchanged; returns the number of masked bases.
fn mask_source(
    index: &Index,
    masked: &Intervals,
    arguments: &LetterArguments,
    source: &Source,
    output: &mut dyn Write,
) -> Result<u64> {
    let io_error = Error::Output;
    let source = match index.manifest().genome.prefixed_names {
        true => &source.with_prefixed_names()?,
        false => source,
    };
    let mut reader = BufReader::with_capacity(1 << 18, source.within(index.budget()).open()?);
    let mut record: Option<Masking<'_>> = None;
    let mut seen = vec![false; index.contigs()?.len()];
    let (mut position, mut line, mut header, mut bases) = (LinePosition::LineStart, 1, Vec::new(), 0);
    loop {
        let buffer = reader.fill_buf().map_err(|e| source.read_error(line, e))?;
        let Some(&first) = buffer.first() else { break };
        let in_line = |problem: String| Error::input(source.path(), Some(line), problem);
        // Up to the end of the line, or as much of it as there is.
        let length = memchr::memchr(b'\n', buffer).map_or(buffer.len(), |at| at + 1);
        let mut letters = buffer[..length].to_vec();
        let ended = letters.ends_with(b"\n");
        reader.consume(length);
        let mut marked = false;
        if matches!(position, LinePosition::LineStart) {
            marked = letters.starts_with(BYTE_ORDER_MARK);
            let first = if marked { letters.get(BYTE_ORDER_MARK.len()).copied().unwrap_or(first) } else { first };
            position = if first == b'>' { LinePosition::Header } else { LinePosition::Sequence };
        }
        match position {
            LinePosition::Header => {
                header.extend_from_slice(if marked { &letters[BYTE_ORDER_MARK.len()..] } else { &letters });
                if header.trim_ascii_end().len() > MAX_HEADER {
                    return Err(in_line("the header is too long to be one of the index".to_owned()));
                }
                if ended {
                    if let Some(last) = record.take() {
                        bases += last.finish().map_err(in_line)?;
                    }
                    record = Masking::begin(index, masked, source.prefix(), &header, &mut seen).map_err(in_line)?;
                    header.clear();
                }
            }
            _ => {
                for run in letters.split_mut(u8::is_ascii_whitespace).filter(|run| !run.is_empty()) {
                    match &mut record {
                        Some(record) => record.mask(run, arguments).map_err(in_line)?,
                        None => return Err(in_line("there is sequence before the first name".to_owned())),
                    }
                }
            }
        }
        output.write_all(&letters).map_err(io_error)?;
        if ended {
            (position, line) = (LinePosition::LineStart, line + 1);
        }
    }
    let in_line = |problem: String| Error::input(source.path(), Some(line), problem);
    if !header.is_empty() {
        // A name without the end of its line, and without a sequence.
        if let Some(last) = record.take() {
            bases += last.finish().map_err(in_line)?;
        }
        record = Masking::begin(index, masked, source.prefix(), &header, &mut seen).map_err(in_line)?;
    }
    match record {
        Some(last) => bases += last.finish().map_err(in_line)?,
        None if seen.contains(&true) => {}
        None => return Err(Error::input(source.path(), None, "contains no sequence; use the FASTA of the index")),
    }
    Ok(bases)
}

/// A contig that is masked as its letters come, and compared with that of the index.
struct Masking<'a> {
    name: String,
    contig: TwoBitSequence<'a>,
    masked: &'a [Interval],
    at: u64,
    bases: u64,
    own: Vec<u8>,
}

impl<'a> Masking<'a> {
    /// Of the contig that a header names behind a prefix, which is not `seen` yet; none for a header without a name,
    /// whose record has no sequence.
    fn begin(
        index: &'a Index,
        masked: &'a Intervals,
        prefix: &str,
        header: &[u8],
        seen: &mut [bool],
    ) -> Result<Option<Self>, String> {
        let text = String::from_utf8_lossy(header.get(1..).unwrap_or_default());
        let Some(name) = text.split_ascii_whitespace().next() else { return Ok(None) };
        let name = &format!("{prefix}{name}");
        let strange = |e: Error| format!("{e}; use the FASTA that the index was built from");
        let part = |range| Region { contig: name.to_owned(), range };
        let (number, contig) = index.region_record(&part(0..0)).map_err(strange)?;
        if std::mem::replace(&mut seen[number as usize], true) {
            return Err(format!("two sequences are called {:?}", shortened(name)));
        }
        // The whole of it is checked.
        index.region_record(&part(0..contig.length())).map_err(strange)?;
        let masked = masked.of_contig(number);
        Ok(Some(Self { name: name.to_owned(), contig, masked, at: 0, bases: 0, own: Vec::new() }))
    }

    fn mask(&mut self, letters: &mut [u8], arguments: &LetterArguments) -> Result<(), String> {
        let range = self.at..self.at + letters.len() as u64;
        self.own.clear();
        if range.end <= self.contig.length() {
            self.contig.bases(range.clone(), Case::Upper, &mut self.own);
        }
        // By codes: T may be spelled U, and what is no base is N in the index.
        let same = |(&letter, &own): (&u8, &u8)| base_code(letter) == base_code(own);
        if self.own.len() != letters.len() || !letters.iter().zip(&self.own).all(same) {
            return Err(format!("{} is not the sequence of that name in the index", shortened(&self.name)));
        }
        if arguments.replace {
            letters.make_ascii_uppercase();
        }
        self.at = range.end;
        self.bases += arguments.mask().apply(letters, range, self.masked);
        Ok(())
    }

    /// The bases that were masked, once all of the contig was there.
    fn finish(self) -> Result<u64, String> {
        let length = self.contig.length();
        if self.at < length {
            let name = shortened(&self.name);
            return Err(format!("{name} has {} bases before here, in the index it has {length}", self.at));
        }
        Ok(self.bases)
    }
}
