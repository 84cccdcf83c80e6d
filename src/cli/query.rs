use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Settings;
use super::annotate::e_value;
use crate::align::{Library, SearchOptions, search_held};
use crate::index::{CacheOptions, Index, OpenOptions};
use crate::memory::{Buffer, HugePages, human_bytes, numa_nodes, parse_size};
use crate::output::{self, Format, Output, push_number, push_position};
use crate::query::{Charge, Detail, Sequences, in_batches, most_under_way, query_sequences};
use crate::sequence::{Region, Source, parse_bed_line};
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// FASTA or FASTQ, plain or compressed, `-` for standard input: one row a sequence
    #[arg(value_name = "SEQUENCES", conflicts_with_all = ["kmer", "kmers", "region", "regions"])]
    sequences: Option<PathBuf>,
    /// Look up these k-mers
    #[arg(long, value_name = "KMER", num_args = 1.., conflicts_with_all = ["kmers", "region", "regions"])]
    kmer: Vec<String>,
    /// Look up the k-mers of a file, one a line; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["region", "regions"])]
    kmers: Option<PathBuf>,
    /// Ask the same of a region of the genome, such as chr1:1,001-2,000; may be given again
    #[arg(long, value_name = "REGION", conflicts_with = "regions")]
    region: Vec<String>,
    /// The regions of a BED file; `-` for standard input
    #[arg(long, value_name = "FILE")]
    regions: Option<PathBuf>,
    /// With k-mers: also print positions, the first N or all, and how many are printed
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "18446744073709551615")]
    positions: Option<u64>,
    /// One row a k-mer: name, start, frequency
    #[arg(long)]
    per_kmer: bool,
    /// With sequences: their alignments with the genome as PAF, every copy of a repeat too, best first
    #[arg(long, requires = "sequences", conflicts_with_all = ["per_kmer", "format", "batch_size"])]
    hits: bool,
    /// With --hits: leave out what chance gives more often than this in the whole search
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = e_value, requires = "hits")]
    max_e_value: f64,
    /// tsv, bedgraph (runs of one frequency) or jsonl
    #[arg(long, value_enum, default_value_t = RowFormat::Tsv)]
    format: RowFormat,
    /// K-mers of a list, or bases of sequences, that are looked up together [default: as many as memory and threads suggest]
    #[arg(long, value_name = "N")]
    batch_size: Option<NonZeroUsize>,
    /// Bytes of the cache of index pages
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    cache_size: Option<u64>,
    /// Share of the cache past which it is swept [default: 0.8, with --low-memory 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    gc_threshold: Option<f64>,
    /// Share of the cache to which a sweep brings it [default: 0.7, with --low-memory 0.25]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    gc_target: Option<f64>,
    /// Read the whole index into memory first
    #[arg(long)]
    populate: bool,
    /// Ask for huge pages for the maps; says at the end what it got
    #[arg(long)]
    huge_pages: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RowFormat {
    Tsv,
    Bedgraph,
    Jsonl,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("a share is a number above 0 and up to 1".to_owned()),
    }
}

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let default = settings.cache();
    let cache = CacheOptions {
        size: arguments.cache_size.unwrap_or(default.size),
        gc_threshold: arguments.gc_threshold.unwrap_or(default.gc_threshold),
        gc_target: arguments.gc_target.unwrap_or(default.gc_target),
    };
    let options = OpenOptions { cache, populate: arguments.populate, huge_pages: arguments.huge_pages };
    let lists = !arguments.kmer.is_empty() || arguments.kmers.is_some();
    if lists && (arguments.per_kmer || arguments.format == RowFormat::Bedgraph) {
        return Err(Error::Usage(
            "--per-kmer and bedgraph are for sequences and regions, not for k-mer lists".to_owned(),
        ));
    }
    if !lists && arguments.positions.is_some() {
        return Err(Error::Usage("--positions goes with --kmer or --kmers".to_owned()));
    }
    let index = settings.open(&arguments.index, options)?;
    if arguments.positions.is_some()
        && let Some(max) = index.manifest().parameters.max_positions
        && !settings.quiet
    {
        settings.warn(&format!(
            "this index keeps at most {max} positions of a k-mer; where the frequency is larger, an even sample is printed"
        ));
    }
    let format = match arguments.format {
        RowFormat::Jsonl => Format::JsonLines,
        _ => Format::Tsv,
    };
    let mut output = settings.output()?;
    if lists {
        let lines: Box<dyn Iterator<Item = Result<Line>> + Send> = match &arguments.kmers {
            Some(path) => Box::new(kmer_lines(path)?),
            None => Box::new(arguments.kmer.into_iter().map(|kmer| Ok(Line { kmer, place: None }))),
        };
        settings
            .on_pool(|| query_kmers(&index, lines, arguments.positions, arguments.batch_size, format, &mut output))?;
    } else if let Some(path) = arguments.sequences.as_ref().filter(|_| arguments.hits) {
        let options = SearchOptions { max_e_value: arguments.max_e_value, ..SearchOptions::default() };
        settings.on_pool(|| query_hits(&index, path, &options, settings, &mut output))?;
    } else {
        let detail = match (arguments.per_kmer, arguments.format) {
            (_, RowFormat::Bedgraph) => Detail::Runs,
            (true, _) => Detail::PerKmer,
            (false, _) => Detail::Summary,
        };
        let source;
        let regions;
        let sequences = if let Some(path) = &arguments.sequences {
            source = Source::new(path);
            Sequences::Source(&source)
        } else {
            regions = match &arguments.regions {
                Some(path) => bed_regions(&index, path)?,
                None => arguments.region.iter().map(|text| index.region(text)).collect::<Result<_>>()?,
            };
            if regions.is_empty() {
                return Err(Error::Usage(
                    "nothing to look up; give sequences, --kmer, --kmers, --region or --regions".to_owned(),
                ));
            }
            Sequences::Regions(&regions)
        };
        settings.on_pool(|| {
            query_sequences(&index, &sequences, detail, arguments.batch_size, &format, &mut output, &settings.progress)
        })?;
    }
    settings.progress.clear();
    if arguments.huge_pages {
        // Said at the end: before, nothing was touched.
        settings.progress.line(&huge_pages(&arguments.index));
    }
    if numa_nodes() > 1 {
        settings.note(&format!("the cache is spread over {} NUMA nodes", numa_nodes()));
    }
    let cache = index.cache_statistics();
    settings.note(&format!(
        "cache: {} hits, {} misses, {} sweeps of {:.1} ms in all, {}",
        cache.hits,
        cache.misses,
        cache.sweeps,
        cache.sweep_microseconds as f64 / 1000.0,
        human_bytes(cache.bytes)
    ));
    output.finish()
}

/// Writes the alignments of sequences with the genome, by sequence and falling score.
fn query_hits(
    index: &Index,
    path: &Path,
    options: &SearchOptions,
    settings: &Settings,
    output: &mut Output,
) -> Result<()> {
    let (library, _library_held) = Library::read(&Source::new(path), &settings.budget, &settings.progress)?;
    let (mut hits, _hits_held) = search_held(index, &library, options, &settings.budget, &settings.progress)?;
    settings.progress.clear();
    // What is equal in both stays in the order of the genome.
    hits.sort_by_key(|hit| (hit.query, std::cmp::Reverse(hit.score)));
    let contigs = index.contigs()?;
    let mut text = Vec::new();
    for hit in &hits {
        text.clear();
        output::paf_row(hit, &library, contigs, &mut text);
        output.write_all(&text).map_err(|e| Error::io("write", "the output", e))?;
    }
    Ok(())
}

/// A k-mer to look up and where it was read.
struct Line {
    kmer: String,
    place: Option<(PathBuf, u64)>,
}

fn open_lines(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(Error::input(path, None, "is a folder; give a file of lines"));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// Lines with their numbers; what is not UTF-8 is told by the letters that are wrong in it.
fn lines(path: &Path) -> Result<impl Iterator<Item = Result<(u64, String)>> + Send + use<>> {
    let mut reader = open_lines(path)?;
    let path = path.to_owned();
    let mut number = 0;
    Ok(std::iter::from_fn(move || {
        let mut line = Vec::new();
        number += 1;
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok((number, String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))),
            Err(e) => Some(Err(Error::io("read", &path, e))),
        }
    }))
}

/// The first word of each line that is not blank.
fn kmer_lines(path: &Path) -> Result<impl Iterator<Item = Result<Line>> + Send + use<>> {
    let place = path.to_owned();
    Ok(lines(path)?.filter_map(move |line| match line {
        Ok((number, text)) => text
            .split_ascii_whitespace()
            .next()
            .map(|kmer| Ok(Line { kmer: kmer.to_owned(), place: Some((place.clone(), number)) })),
        Err(e) => Some(Err(e)),
    }))
}

fn bed_regions(index: &Index, path: &Path) -> Result<Vec<Region>> {
    let mut regions = Vec::new();
    for line in lines(path)? {
        let (number, text) = line?;
        let in_line = |problem: String| Error::input(path, Some(number), problem);
        if let Some(region) = parse_bed_line(&text).map_err(in_line)? {
            index.region_record(&region).map_err(|e| in_line(e.to_string()))?;
            regions.push(region);
        }
    }
    Ok(regions)
}

/// K-mers looked up together, at most.
const BATCH: usize = 1 << 15;
/// The same where positions are printed, of which a k-mer may have many.
const BATCH_WITH_POSITIONS: usize = 1 << 12;
/// Bytes that a k-mer of a list takes on its way: line, code, frequency, place among the look-ups, row.
const BYTES_PER_KMER: u64 = 64 + 8 + 8 + 16 + 64;

fn query_kmers(
    index: &Index,
    lines: Box<dyn Iterator<Item = Result<Line>> + Send>,
    positions: Option<u64>,
    batch_size: Option<NonZeroUsize>,
    format: Format,
    output: &mut Output,
) -> Result<()> {
    let budget = index.budget();
    let most = if positions.is_some() { BATCH_WITH_POSITIONS } else { BATCH };
    let size = batch_size.map_or(most, |size| size.get().min(BATCH));
    let bytes = size as u64 * BYTES_PER_KMER;
    in_batches(
        budget,
        most_under_way(budget, bytes),
        |feed| {
            let mut lines = lines.peekable();
            while lines.peek().is_some() {
                let mut charge = feed.admit(bytes);
                let batch: Vec<Line> = lines.by_ref().take(size).collect::<Result<_>>()?;
                let letters: usize = batch.iter().map(|line| line.kmer.capacity()).sum();
                charge.resize(batch.len() as u64 * BYTES_PER_KMER + letters as u64);
                if !feed.send(batch, charge) {
                    break;
                }
            }
            Ok(())
        },
        || {
            |_, lines: Vec<Line>, charge: &mut Charge| {
                let text = kmer_rows(index, &lines, positions, format)?;
                charge.resize(text.capacity() as u64);
                Ok(text)
            }
        },
        |texts| {
            for text in texts {
                output.write_all(&text).map_err(|e| Error::io("write", "the output", e))?;
            }
            Ok(())
        },
    )
}

fn kmer_rows(index: &Index, lines: &[Line], limit: Option<u64>, format: Format) -> Result<Vec<u8>> {
    let mut kmers = Buffer::<u64>::with_capacity(lines.len());
    for line in lines {
        kmers.push(index.encode(line.kmer.as_bytes()).map_err(|e| match &line.place {
            Some((path, number)) => Error::input(path, Some(*number), e.to_string()),
            None => Error::Usage(e.to_string()),
        })?);
    }
    let contigs = if limit.is_some() { index.contigs()? } else { &[] };
    let mut batch = index.batch();
    let frequencies = batch.frequencies(&kmers)?;
    let mut text = Vec::new();
    let mut column = Buffer::<u8>::with_capacity(1 << 12);
    let mut places = Vec::new();
    for ((line, &kmer), &frequency) in lines.iter().zip(kmers.iter()).zip(frequencies) {
        places.clear();
        let mut listed = 0u64;
        column.clear();
        if let Some(limit) = limit.filter(|_| frequency > 0) {
            index.for_each_position(kmer, |position| {
                if listed < limit {
                    let name = &contigs[position.contig as usize].name;
                    match format {
                        Format::Tsv => {
                            if listed > 0 {
                                column.push(b',');
                            }
                            push_position(&mut column, name, position.start, position.strand.symbol());
                        }
                        Format::JsonLines => {
                            places.push(Place { contig: name, start: position.start, strand: position.strand.symbol() })
                        }
                    }
                    listed += 1;
                }
            })?;
        }
        match format {
            Format::Tsv => {
                text.extend_from_slice(line.kmer.as_bytes());
                text.push(b'\t');
                push_number(&mut text, frequency);
                if limit.is_some() {
                    text.push(b'\t');
                    text.extend_from_slice(&column);
                    text.push(b'\t');
                    push_number(&mut text, listed);
                }
                text.push(b'\n');
            }
            Format::JsonLines => {
                let row = KmerRow {
                    kmer: &line.kmer,
                    frequency,
                    positions: limit.map(|_| &places[..]),
                    listed: limit.map(|_| listed),
                };
                output::json_line(&mut text, &row);
            }
        }
    }
    Ok(text)
}

#[derive(Serialize)]
struct KmerRow<'a> {
    kmer: &'a str,
    frequency: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    positions: Option<&'a [Place<'a>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listed: Option<u64>,
}

#[derive(Serialize)]
struct Place<'a> {
    contig: &'a str,
    start: u64,
    strand: char,
}

/// What is in huge pages of the maps of an index, and of the memory that the cache is a part of.
fn huge_pages(index: &Path) -> String {
    match HugePages::of(index) {
        Some(pages) => format!(
            "huge pages: {} of {} resident of the maps, {} of {} of other memory",
            human_bytes(pages.huge_maps),
            human_bytes(pages.maps),
            human_bytes(pages.huge_anonymous),
            human_bytes(pages.anonymous)
        ),
        None => "huge pages: the system does not say what is in them".to_owned(),
    }
}

/// Rows of the k-mers of a file, with all positions.
///
/// # Errors
/// As the command.
#[cfg(fuzzing)]
pub fn kmer_list(index: &Index, path: &Path) -> Result<Vec<u8>> {
    let lines: Vec<Line> = kmer_lines(path)?.collect::<Result<_>>()?;
    kmer_rows(index, &lines, Some(u64::MAX), Format::Tsv)
}

/// The regions of a BED file, which lie in the index.
///
/// # Errors
/// As the command.
#[cfg(fuzzing)]
pub fn bed_file(index: &Index, path: &Path) -> Result<Vec<Region>> {
    bed_regions(index, path)
}
