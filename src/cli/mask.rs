use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ahash::AHashSet;
use clap::Args;
use noodles_bgzf as bgzf;

use super::{Settings, grouped};
use crate::index::{Index, OpenOptions};
use crate::output::Output;
use crate::sequence::{BYTE_ORDER_MARK, Case, MAX_HEADER, Record, Region, Source, base_code, parse_bed_line};
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// What to mask: .gff3 (features without parts), RepeatMasker's .out, or lines that begin as BED's do; plain or gzipped
    #[arg(long, value_name = "FILE")]
    annotation: PathBuf,
    /// Mask this FASTA, which the index was built from, plain or compressed, or `-`: its lines, descriptions and letters stay as they are
    #[arg(long, value_name = "FASTA", conflicts_with = "width")]
    genome: Option<PathBuf>,
    #[command(flatten)]
    letters: LetterArguments,
}

/// How the genome is written.
#[derive(Debug, Clone, Args, serde::Serialize)]
pub(super) struct LetterArguments {
    /// Write N instead of lower case
    #[arg(long)]
    pub(super) hard: bool,
    /// Do not keep the lower case of the genome
    #[arg(long)]
    pub(super) replace: bool,
    /// Bases on a line
    #[arg(long, value_name = "N", default_value = "60")]
    pub(super) width: NonZeroUsize,
}

/// Bases written at a time.
const CHUNK: u64 = 1 << 20;

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let index = settings.open(&arguments.index, OpenOptions { cache: settings.cache(), ..OpenOptions::default() })?;
    let end = settings.output.as_ref().and_then(|path| path.extension());
    let compressed = end.is_some_and(|end| end == "gz" || end == "bgz");
    let genome = arguments.genome.as_deref();
    let bases = mask(&index, &arguments.annotation, genome, &arguments.letters, settings.output()?, compressed)?;
    settings.note(&format!("masked {} bases", grouped(bases)));
    Ok(())
}

/// Writes the genome of an index, or the FASTA that it was built from, with the intervals of an annotation masked; gives the bases masked.
pub(super) fn mask(
    index: &Index,
    annotation: &Path,
    genome: Option<&Path>,
    letters: &LetterArguments,
    mut output: Output,
    compressed: bool,
) -> Result<u64> {
    let masked = intervals(index, annotation)?;
    let write = |output: &mut dyn Write| match genome {
        Some(genome) => mask_source(index, &masked, letters, &Source::new(genome), output),
        None => write_masked(index, &masked, letters, output),
    };
    let bases = if compressed {
        let mut encoder = bgzf::io::Writer::new(&mut output);
        let bases = write(&mut encoder)?;
        encoder.finish().map_err(|e| Error::io("write", "the output", e))?;
        bases
    } else {
        write(&mut output)?
    };
    output.finish()?;
    Ok(bases)
}

/// Number of a contig, and bases of it.
type Interval = (u32, Range<u64>);

/// The intervals of an annotation, sorted, those that touch joined.
fn intervals(index: &Index, path: &Path) -> Result<Vec<Interval>> {
    let name = path.to_string_lossy().to_lowercase();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let is_gff = stem.ends_with(".gff3") || stem.ends_with(".gff");
    let is_out = stem.ends_with(".out");
    let source = Source::new(path);
    let mut features = Vec::new();
    let mut parents = AHashSet::new();
    for (number, line) in (1..).zip(BufReader::new(source.open()?).split(b'\n')) {
        let line = line.map_err(|e| source.read_error(number, e))?;
        let line = String::from_utf8_lossy(&line);
        let in_line = |problem: String| Error::input(path, Some(number), problem);
        let feature = if is_gff {
            if line.starts_with("##FASTA") {
                break;
            }
            gff_line(&line, &mut parents)
        } else if is_out {
            out_line(&line).map(|region| region.map(|region| (region, None)))
        } else {
            parse_bed_line(&line).map(|region| region.map(|region| (region, None)))
        };
        let Some((region, id)) = feature.map_err(in_line)? else { continue };
        let (contig, _) = index.region_record(&region).map_err(|e| match e {
            Error::NotInIndex { problem, .. } => in_line(problem),
            other => other,
        })?;
        features.push((contig, region.range, id));
    }
    // What has parts is masked where they are.
    features.retain(|(.., id)| id.as_ref().is_none_or(|id: &String| !parents.contains(id)));
    let mut intervals: Vec<Interval> = features.into_iter().map(|(contig, range, _)| (contig, range)).collect();
    intervals.sort_unstable_by_key(|(contig, range)| (*contig, range.start));
    intervals.dedup_by(|next, last| {
        let touch = next.0 == last.0 && next.1.start <= last.1.end;
        if touch {
            last.1.end = last.1.end.max(next.1.end);
        }
        touch
    });
    Ok(intervals)
}

/// A 1-based interval with both ends.
fn closed(contig: String, start: &str, end: &str) -> Result<Region, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is not a position"));
    let (start, end) = (number(start)?, number(end)?);
    if start == 0 || start - 1 > end {
        return Err(format!("{start}-{end} is not an interval counted from 1"));
    }
    Ok(Region { contig, range: start - 1..end })
}

/// A feature with its ID; parents that it names are remembered.
fn gff_line(line: &str, parents: &mut AHashSet<String>) -> Result<Option<(Region, Option<String>)>, String> {
    let line = line.trim_end();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<&str> = line.split('\t').collect();
    let &[contig, _, _, start, end, .., attributes] = &fields[..] else {
        return Err("a line of GFF3 has nine columns".to_owned());
    };
    let mut id = None;
    for attribute in attributes.split(';') {
        match attribute.split_once('=') {
            Some(("ID", value)) => id = Some(value.to_owned()),
            Some(("Parent", value)) => parents.extend(value.split(',').map(str::to_owned)),
            _ => {}
        }
    }
    closed(unescaped(contig), start, end).map(|region| Some((region, id)))
}

/// A line of RepeatMasker's; its header is skipped.
fn out_line(line: &str) -> Result<Option<Region>, String> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if fields.first().is_none_or(|first| first.parse::<u64>().is_err()) {
        return Ok(None);
    }
    let &[_, _, _, _, contig, start, end, ..] = &fields[..] else {
        return Err("a line of .out has a sequence, a begin and an end in columns 5 to 7".to_owned());
    };
    closed(contig.to_owned(), start, end).map(Some)
}

/// Undoes the `%` and two digits of GFF3.
fn unescaped(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|c| u8::from_str_radix(c, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Writes the genome as FASTA; gives the bases masked.
fn write_masked(
    index: &Index,
    masked: &[Interval],
    arguments: &LetterArguments,
    output: &mut dyn Write,
) -> Result<u64> {
    let io_error = |e| Error::io("write", "the output", e);
    let case = if arguments.replace { Case::Upper } else { Case::Masked };
    let width = arguments.width.get();
    let mut bases = 0;
    for (number, contig) in (0..).zip(index.contigs()?) {
        let blank = if contig.description.is_empty() { "" } else { " " };
        writeln!(output, ">{}{blank}{}", contig.name, contig.description).map_err(io_error)?;
        let own = of_contig(masked, number);
        let (mut letters, mut column) = (Vec::new(), 0);
        for start in (0..contig.length).step_by(CHUNK as usize) {
            let range = start..contig.length.min(start + CHUNK);
            let (_, record) = index.region_record(&Region { contig: contig.name.clone(), range: range.clone() })?;
            letters.clear();
            record.bases(range.clone(), case, &mut letters);
            bases += mask_letters(&mut letters, range, own, arguments.hard);
            let mut rest = &letters[..];
            while !rest.is_empty() {
                let (line, others) = rest.split_at(rest.len().min(width - column));
                output.write_all(line).map_err(io_error)?;
                column += line.len();
                if column == width {
                    output.write_all(b"\n").map_err(io_error)?;
                    column = 0;
                }
                rest = others;
            }
        }
        if column > 0 {
            output.write_all(b"\n").map_err(io_error)?;
        }
    }
    Ok(bases)
}

/// The intervals of one contig.
fn of_contig(masked: &[Interval], number: u32) -> &[Interval] {
    let first = masked.partition_point(|(contig, _)| *contig < number);
    &masked[first..first + masked[first..].partition_point(|(contig, _)| *contig == number)]
}

/// Masks the letters of a range where intervals of its contig are; gives how many.
fn mask_letters(letters: &mut [u8], range: Range<u64>, masked: &[Interval], hard: bool) -> u64 {
    let mut bases = 0;
    let from = masked.partition_point(|(_, interval)| interval.end <= range.start);
    for (_, interval) in masked[from..].iter().take_while(|(_, interval)| interval.start < range.end) {
        let within = interval.start.max(range.start)..interval.end.min(range.end);
        let part = &mut letters[(within.start - range.start) as usize..(within.end - range.start) as usize];
        bases += part.len() as u64;
        if hard { part.fill(b'N') } else { part.make_ascii_lowercase() }
    }
    bases
}

/// Where in a FASTA its reader is.
enum Place {
    /// Before the first `>`, or behind the end of a line.
    LineStart,
    Header,
    Sequence,
}

/// Copies a FASTA with its letters masked and all else as it is; gives the bases masked.
fn mask_source(
    index: &Index,
    masked: &[Interval],
    arguments: &LetterArguments,
    source: &Source,
    output: &mut dyn Write,
) -> Result<u64> {
    let io_error = |e| Error::io("write", "the output", e);
    let source = match index.manifest().genome.prefixed_names {
        true => &source.with_prefixed_names()?,
        false => source,
    };
    let mut reader = BufReader::with_capacity(1 << 18, source.within(index.budget()).open()?);
    let mut record: Option<Masking<'_>> = None;
    let mut seen = AHashSet::new();
    let (mut place, mut line, mut header, mut bases) = (Place::LineStart, 1, Vec::new(), 0);
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
        if matches!(place, Place::LineStart) {
            marked = letters.starts_with(BYTE_ORDER_MARK);
            let first = if marked { letters.get(BYTE_ORDER_MARK.len()).copied().unwrap_or(first) } else { first };
            place = if first == b'>' { Place::Header } else { Place::Sequence };
        }
        match place {
            Place::Header => {
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
            (place, line) = (Place::LineStart, line + 1);
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
        None if !seen.is_empty() => {}
        None => return Err(Error::input(source.path(), None, "holds no sequence; give the FASTA of the index")),
    }
    Ok(bases)
}

/// A contig that is masked as its letters come, and compared with that of the index.
struct Masking<'a> {
    name: String,
    contig: Record<'a>,
    masked: &'a [Interval],
    at: u64,
    bases: u64,
    own: Vec<u8>,
}

impl<'a> Masking<'a> {
    /// Of the contig that a header names behind a prefix, which is not `seen` yet; none for a header without a name, whose
    /// record has no sequence.
    fn begin(
        index: &'a Index,
        masked: &'a [Interval],
        prefix: &str,
        header: &[u8],
        seen: &mut AHashSet<String>,
    ) -> Result<Option<Self>, String> {
        let text = String::from_utf8_lossy(header.get(1..).unwrap_or_default());
        let Some(name) = text.split_ascii_whitespace().next() else { return Ok(None) };
        let name = &format!("{prefix}{name}");
        if !seen.insert(name.to_owned()) {
            return Err(format!("two sequences are called {name:?}"));
        }
        let strange = |e: Error| format!("{e}; give the FASTA that the index was built from");
        let part = |range| Region { contig: name.to_owned(), range };
        let (number, contig) = index.region_record(&part(0..0)).map_err(strange)?;
        // The whole of it is checked.
        index.region_record(&part(0..contig.length())).map_err(strange)?;
        let masked = of_contig(masked, number);
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
            return Err(format!("{} is not the sequence of that name in the index", self.name));
        }
        if arguments.replace {
            letters.make_ascii_uppercase();
        }
        self.at = range.end;
        self.bases += mask_letters(letters, range, self.masked, arguments.hard);
        Ok(())
    }

    /// The bases that were masked, once all of the contig was there.
    fn finish(self) -> Result<u64, String> {
        let length = self.contig.length();
        if self.at < length {
            return Err(format!("{} has {} bases before here, in the index it has {length}", self.name, self.at));
        }
        Ok(self.bases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_annotations() {
        let region = |contig: &str, range| Region { contig: contig.to_owned(), range };
        assert_eq!(out_line("   SW   perc perc  query"), Ok(None));
        let line = "  463 1.3 0.6 1.7 chr1 10 12 (5) + a#b c/d 1 3 (0) 1";
        assert_eq!(out_line(line), Ok(Some(region("chr1", 9..12))));
        assert!(out_line("463 1 2 3 chr1 0 12").is_err() && out_line("463 1 2 3 chr1").is_err());
        let mut parents = AHashSet::new();
        let line = "a%3Bb\t.\trepeat\t3\t4\t.\t+\t.\tID=x;Parent=p,q\r";
        assert_eq!(gff_line(line, &mut parents), Ok(Some((region("a;b", 2..4), Some("x".to_owned())))));
        assert!(parents.contains("p") && parents.contains("q"));
        assert_eq!(gff_line("##gff-version 3", &mut parents), Ok(None));
        assert!(gff_line("a\tb", &mut parents).is_err());
        assert_eq!(unescaped("100%25%zz%4"), "100%%zz%4");
    }
}
