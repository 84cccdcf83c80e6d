//! `query`: looks up k-mers, the k-mers of sequences or regions, and alignments of sequences with the genome.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::align::{GenomeSearch, Library, SearchOptions};
use crate::bundle::Shard;
use crate::cli::common_arguments::{CacheArguments, HeaderArguments};
use crate::cli::help::{ADVANCED, INPUT, MEMORY, OUTPUT};
use crate::cli::shard::shard;
use crate::cli::values::e_value;
use crate::cli::{Settings, big_wig};
use crate::formats::{Format, push_number, push_position};
use crate::fs::Output;
use crate::genome::{Contig, ContigLengths};
use crate::index::OpenOptions;
use crate::kmer::{KmerError, MAX_K};
use crate::memory::HugePages;
use crate::memory::buffers::Buffer;
use crate::query::{Charge, Detail, PipelineConfig, Sequences, in_batches, query_sequences};
use crate::sequence::{Lines, Region, Source, parse_bed_line};
use crate::units::human_bytes;
use crate::{Error, Index, Result, formats};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// FASTA or FASTQ, plain or compressed; `-` is standard input
    ///
    /// One row is printed for each sequence.
    #[arg(value_name = "SEQUENCES", conflicts_with_all = ["kmer", "kmers", "region", "regions"])]
    sequences: Option<PathBuf>,
    /// Look up these k-mers
    #[arg(long, value_name = "KMER", num_args = 1.., conflicts_with_all = ["kmers", "region", "regions"])]
    kmer: Vec<String>,
    /// Look up the k-mers of a file, one per line; `-` is standard input
    ///
    /// The file may be compressed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["region", "regions"])]
    kmers: Option<PathBuf>,
    /// Look up the k-mers of a region of the genome (repeatable)
    ///
    /// Regions are those of `samtools faidx`, such as chr1:1,001-2,000, chr1:-50 or {HLA:A*01}:1-5
    /// (docs/inputs.md#regions).
    #[arg(long, value_name = "REGION", conflicts_with = "regions")]
    region: Vec<String>,
    /// Look up the k-mers of the regions of a BED file; `-` is standard input
    ///
    /// The file may be compressed.
    #[arg(long, value_name = "FILE")]
    regions: Option<PathBuf>,
    /// With k-mers: also print up to N positions (default: all)
    ///
    /// A column of positions follows, and one of their number. A position is contig:start:strand. The strand is that on
    /// which the k-mer reads as typed. In an index with --max-positions, the positions of a frequent k-mer are the stored
    /// sample.
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, help_heading = OUTPUT,
          default_missing_value = "18446744073709551615")]
    positions: Option<u64>,
    /// Print one row per k-mer: name, start, frequency
    #[arg(long, help_heading = OUTPUT)]
    per_kmer: bool,
    /// With sequences: print their alignments with the genome (PAF)
    ///
    /// Every alignment is printed, also each copy of a repeat, best first. The rows carry score (`AS`), E-value (`ev`),
    /// divergence (`dv`) and CIGAR (`cg`).
    #[arg(long, requires = "sequences", conflicts_with_all = ["per_kmer", "format", "batch_size"],
          help_heading = OUTPUT)]
    hits: bool,
    /// With --hits: report alignments with an E-value of at most E
    ///
    /// The E-value is that of the whole search.
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = e_value, requires = "hits",
          help_heading = OUTPUT, hide_short_help = true)]
    max_e_value: f64,
    /// With --hits: align part I of N of the sequences
    ///
    /// The statistics are those of all sequences, so the rows of all parts, one behind the other, are those of a single
    /// run.
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "hits", help_heading = ADVANCED,
          hide_short_help = true)]
    shard: Option<Shard>,
    /// Format
    ///
    /// `bedgraph` has runs of k-mers with one frequency, and so has `bigwig`, which needs -o.
    #[arg(long, value_enum, default_value_t = RowFormat::Tsv, help_heading = OUTPUT)]
    format: RowFormat,
    /// Number of listed k-mers, or of bases of sequences, per batch
    ///
    /// It is derived from memory and threads by default.
    #[arg(long, value_name = "N", help_heading = ADVANCED, hide_short_help = true)]
    batch_size: Option<NonZeroUsize>,
    #[command(flatten)]
    header: HeaderArguments,
    #[command(flatten)]
    cache: CacheArguments,
    /// Read the whole index into memory first
    #[arg(long, help_heading = MEMORY, hide_short_help = true)]
    populate: bool,
    /// Request huge pages for the mapped files
    ///
    /// What the system granted is reported at the end.
    #[arg(long, help_heading = MEMORY, hide_short_help = true)]
    huge_pages: bool,
}

/// The values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RowFormat {
    Tsv,
    Bedgraph,
    Bigwig,
    Jsonl,
}

impl Arguments {
    /// Whether k-mers are looked up, and not sequences or regions.
    fn looks_up_kmers(&self) -> bool {
        !self.kmer.is_empty() || self.kmers.is_some()
    }

    /// Refuses combinations of flags that have no meaning.
    fn check(&self) -> Result<()> {
        let wrong = |problem: &str| Err(Error::Usage(problem.to_owned()));
        let along = matches!(self.format, RowFormat::Bedgraph | RowFormat::Bigwig);
        if self.looks_up_kmers() && (self.per_kmer || along) {
            return wrong("--per-kmer, bedgraph and bigwig are for sequences and regions, not for k-mer lists");
        }
        let summarizes = !self.looks_up_kmers() && !self.hits && !self.per_kmer && self.format == RowFormat::Tsv;
        self.header.check(summarizes, "the table with a row for each sequence or region")?;
        if !self.looks_up_kmers() && self.positions.is_some() {
            return wrong("--positions goes with --kmer or --kmers");
        }
        Ok(())
    }

    fn rows(&self) -> Format {
        match self.format {
            RowFormat::Jsonl => Format::JsonLines,
            _ if self.header.no_header => Format::TsvRows,
            _ => Format::Tsv,
        }
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    arguments.check()?;
    let options = OpenOptions {
        populate: arguments.populate,
        huge_pages: arguments.huge_pages,
        ..settings.open_options(&arguments.cache)?
    };
    let index = settings.open(&arguments.index, options)?;
    if arguments.positions.is_some()
        && let Some(max) = index.manifest().parameters.max_positions
        && !settings.quiet
    {
        settings.warn(&format!(
            "this index stores at most {max} positions of a k-mer; of a more frequent one, an even sample is printed"
        ));
    }
    let mut output = settings.output()?;
    if arguments.format == RowFormat::Bigwig {
        big_wig(&index, &arguments, settings, output)?;
        return finish(&index, &arguments, settings);
    }
    if arguments.looks_up_kmers() {
        kmers(&index, &arguments, settings, &mut output)?;
    } else if let Some(path) = arguments.sequences.as_ref().filter(|_| arguments.hits) {
        let options = SearchOptions { max_e_value: arguments.max_e_value, ..SearchOptions::default() };
        let hits = || hits(&index, path, arguments.shard, &options, settings, &mut output);
        settings.on_pool(hits)?;
    } else {
        sequences(&index, &arguments, settings, &mut output)?;
    }
    finish(&index, &arguments, settings)?;
    output.finish()
}

/// Reports what was used.
fn finish(index: &Index, arguments: &Arguments, settings: &Settings) -> Result<()> {
    settings.progress.clear();
    if arguments.huge_pages {
        settings.progress.line(&huge_pages(&arguments.index));
    }
    settings.report_cache(index);
    Ok(())
}

/// The error if no flag names what to look up.
fn nothing() -> Error {
    Error::Usage("nothing to look up; pass sequences, --kmer, --kmers, --region or --regions".to_owned())
}

/// Writes the frequencies along sequences or regions as bigWig.
fn big_wig(index: &Index, arguments: &Arguments, settings: &Settings, output: Output) -> Result<()> {
    let batch = arguments.batch_size;
    if let Some(path) = &arguments.sequences {
        let source = Source::new(path);
        let lengths = big_wig::lengths(&source, index)?;
        return big_wig::write(index, Sequences::Source(&source), &lengths, batch, output, settings);
    }
    let regions = match &arguments.regions {
        Some(path) => bed_regions(index, path)?.collect::<Result<Vec<Region>>>()?,
        None => arguments.region.iter().map(|text| index.region(text)).collect::<Result<_>>()?,
    };
    if regions.is_empty() {
        return Err(nothing());
    }
    let regions = big_wig::joined(index, regions)?;
    let lengths = ContigLengths::of(index.contigs()?, index.folder(), index.budget())?;
    big_wig::write(index, Sequences::Regions(&regions), &lengths, batch, output, settings)
}

/// Looks up the k-mers of the command line or of a file.
fn kmers(index: &Index, arguments: &Arguments, settings: &Settings, output: &mut Output) -> Result<()> {
    let kmers: Box<dyn Iterator<Item = Result<Typed>> + Send> = match &arguments.kmers {
        Some(path) => Box::new(listed_kmers(index, path)?),
        None => Box::new(
            arguments
                .kmer
                .iter()
                .map(|kmer| Typed::read(index, kmer.as_bytes()).map_err(|e| Error::Usage(e.to_string()))),
        ),
    };
    let rows = KmerRows::new(index, arguments.positions, arguments.rows())?;
    settings.on_pool(|| query_kmers(&rows, kmers, arguments.batch_size, output))
}

/// Looks up the k-mers of sequences or regions.
fn sequences(index: &Index, arguments: &Arguments, settings: &Settings, output: &mut Output) -> Result<()> {
    let detail = match (arguments.per_kmer, arguments.format) {
        (_, RowFormat::Bedgraph) => Detail::Runs,
        (true, _) => Detail::PerKmer,
        (false, _) => Detail::Summary,
    };
    let (source, typed, mut listed);
    let sequences = if let Some(path) = &arguments.sequences {
        source = Source::new(path);
        Sequences::Source(&source)
    } else if let Some(path) = &arguments.regions {
        // If the file can be read twice, a wrong line is found before anything is written.
        if Source::new(path).bytes_total().is_some() {
            bed_regions(index, path)?.try_for_each(|region| region.map(drop))?;
        }
        listed = bed_regions(index, path)?.peekable();
        if listed.peek().is_none() {
            return Err(nothing());
        }
        Sequences::RegionStream(&mut listed)
    } else {
        typed = arguments.region.iter().map(|text| index.region(text)).collect::<Result<Vec<Region>>>()?;
        if typed.is_empty() {
            return Err(nothing());
        }
        Sequences::Regions(&typed)
    };
    let (batch, rows) = (arguments.batch_size, arguments.rows());
    settings.on_pool(|| query_sequences(index, sequences, detail, batch, &rows, output, &settings.progress)).map(drop)
}

/// Writes the alignments of sequences with the genome, by sequence and falling score.
fn hits(
    index: &Index,
    path: &Path,
    shard: Option<Shard>,
    options: &SearchOptions,
    settings: &Settings,
    output: &mut Output,
) -> Result<()> {
    let (library, _library_reservation) = Library::read(&Source::new(path), &settings.budget, &settings.progress)?;
    let sequences = shard.map_or(0..library.len(), |Shard { number, count }| library.shard(number, count));
    let search = GenomeSearch::new(index, &library, options, &settings.budget, &settings.progress);
    let (mut hits, _hits_reservation) = GenomeSearch { sequences, ..search }.all()?;
    settings.progress.clear();
    // Equal ones stay in the order of the genome.
    hits.sort_by_key(|hit| (hit.query, std::cmp::Reverse(hit.score)));
    let contigs = index.contigs()?;
    let mut text = Vec::new();
    for hit in &hits {
        text.clear();
        formats::paf_row(hit, &library, contigs, &mut text);
        output.write_all(&text).map_err(Error::Output)?;
    }
    Ok(())
}

/// A k-mer to look up.
struct Typed {
    /// Its k letters as they were typed; the rest is unused.
    letters: [u8; MAX_K as usize],
    kmer: u64,
}

impl Typed {
    fn read(index: &Index, word: &[u8]) -> Result<Self, KmerError> {
        let kmer = index.encode(word)?;
        let mut letters = [0; MAX_K as usize];
        letters[..word.len()].copy_from_slice(word);
        Ok(Self { letters, kmer })
    }
}

/// The first word of each line that is not blank.
fn listed_kmers<'i>(index: &'i Index, path: &Path) -> Result<impl Iterator<Item = Result<Typed>> + Send + use<'i>> {
    let lines = Lines::open(&Source::new(path), index.budget())?;
    Ok(lines.parsed(move |line, in_line| {
        let word = line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
        word.map(|word| Typed::read(index, word).map_err(|e| in_line(e.to_string()))).transpose()
    }))
}

/// The regions of a BED file, which lie in the index.
fn bed_regions<'i>(index: &'i Index, path: &Path) -> Result<impl Iterator<Item = Result<Region>> + Send + use<'i>> {
    let lines = Lines::open(&Source::new(path), index.budget())?;
    index.contigs()?;
    Ok(lines.parsed(move |line, in_line| bed_region(index, &String::from_utf8_lossy(line), in_line)))
}

/// The region of a line of BED, if it is a row; `in_line` makes the error for a region that is not in the index.
pub(super) fn bed_region(index: &Index, line: &str, in_line: &dyn Fn(String) -> Error) -> Result<Option<Region>> {
    let region = parse_bed_line(line, |name| index.has_contig(name)).map_err(in_line)?;
    let Some(region) = region else { return Ok(None) };
    match index.locate(&region) {
        Ok(_) => Ok(Some(region)),
        Err(Error::NotInIndex { problem, .. }) => Err(in_line(problem)),
        Err(e) => Err(e),
    }
}

/// K-mers that are looked up together, at most: some 5 MB of [`BYTES_PER_KMER`].
const BATCH: usize = 1 << 15;
/// The same if positions are printed: a k-mer may have many.
const BATCH_WITH_POSITIONS: usize = 1 << 12;
/// Bytes of a k-mer of a list while it is looked up: letters, code, frequency, index among the look-ups, row.
const BYTES_PER_KMER: u64 = 64 + 8 + 8 + 16 + 64;
/// Bytes of positions in the rows of a batch, at most; if a k-mer has more, they are printed as they are read.
const POSITIONS_IN_BATCH: u64 = 1 << 19;
/// Bytes of a long row that are written together.
const PIECE: usize = 1 << 16;

fn query_kmers(
    rows: &KmerRows<'_>,
    kmers: Box<dyn Iterator<Item = Result<Typed>> + Send + '_>,
    batch_size: Option<NonZeroUsize>,
    output: &mut Output,
) -> Result<()> {
    let budget = rows.index.budget();
    let (most, positions) = match rows.limit {
        Some(_) => (BATCH_WITH_POSITIONS, POSITIONS_IN_BATCH),
        None => (BATCH, 0),
    };
    let size = batch_size.map_or(most, |size| size.get().min(BATCH));
    let bytes = size as u64 * BYTES_PER_KMER + positions;
    in_batches(
        budget,
        &PipelineConfig::for_batches(budget, bytes),
        |feed| {
            let mut kmers = kmers.peekable();
            while kmers.peek().is_some() {
                let mut charge = feed.admit(bytes);
                let batch: Vec<Typed> = kmers.by_ref().take(size).collect::<Result<_>>()?;
                charge.resize(batch.len() as u64 * BYTES_PER_KMER + positions);
                if !feed.send(batch, charge) {
                    break;
                }
            }
            Ok(())
        },
        || {
            |_, kmers: Vec<Typed>, charge: &mut Charge| {
                let answer = rows.answer(kmers)?;
                charge.resize((answer.text.capacity() + answer.long.capacity() * size_of::<LongRow>()) as u64);
                Ok(answer)
            }
        },
        |mut answers| (&mut answers).try_for_each(|answer| rows.write(answer, output)),
    )
    .map(drop)
}

/// Rows of k-mers: their frequency, and up to `limit` positions if it is set.
struct KmerRows<'i> {
    index: &'i Index,
    contigs: &'i [Contig],
    limit: Option<u64>,
    format: Format,
    /// Upper bound of the bytes of a position in a row.
    bytes_per_position: u64,
}

/// A row that is written as its positions are read.
struct LongRow {
    /// Its offset in the text of its batch.
    at: usize,
    typed: Typed,
    frequency: u64,
}

/// The rows of a batch.
struct BatchRows {
    text: Vec<u8>,
    long: Vec<LongRow>,
}

impl<'i> KmerRows<'i> {
    fn new(index: &'i Index, limit: Option<u64>, format: Format) -> Result<Self> {
        let contigs = if limit.is_some() { index.contigs()? } else { &[] };
        let name = contigs.iter().map(|contig| contig.name.len() as u64).max().unwrap_or(0);
        let bytes_per_position = match format {
            Format::Tsv | Format::TsvRows => name + ",:4294967295:+".len() as u64,
            // A letter of a name may be escaped.
            Format::JsonLines => 6 * name + r#"{"contig":"","start":4294967295,"strand":"+"},"#.len() as u64,
        };
        Ok(Self { index, contigs, limit, format, bytes_per_position })
    }

    fn answer(&self, kmers: Vec<Typed>) -> Result<BatchRows> {
        let mut codes = Buffer::<u64>::with_capacity(kmers.len());
        codes.extend(kmers.iter().map(|typed| typed.kmer));
        let mut batch = self.index.batch();
        let frequencies = batch.frequencies(&codes)?;
        if self.limit.is_some() {
            let found = codes.iter().zip(frequencies).filter(|(_, frequency)| **frequency > 0);
            self.index.prepare_positions(found.map(|(&kmer, _)| kmer))?;
        }
        let mut answer = BatchRows { text: Vec::new(), long: Vec::new() };
        let mut free = POSITIONS_IN_BATCH;
        for (typed, &frequency) in kmers.into_iter().zip(frequencies) {
            let bytes = frequency.min(self.limit.unwrap_or(0)).saturating_mul(self.bytes_per_position);
            if bytes > free {
                answer.long.push(LongRow { at: answer.text.len(), typed, frequency });
            } else {
                free -= bytes;
                self.row(&typed, frequency, &mut answer.text, |_| Ok(()))?;
            }
        }
        Ok(answer)
    }

    fn write(&self, answer: BatchRows, output: &mut Output) -> Result<()> {
        let mut write = |text: &[u8]| output.write_all(text).map_err(Error::Output);
        let mut from = 0;
        for LongRow { at, typed, frequency } in answer.long {
            write(&answer.text[from..at])?;
            from = at;
            let mut text = Vec::with_capacity(PIECE);
            self.row(&typed, frequency, &mut text, |text| {
                if text.len() >= PIECE / 2 {
                    write(text)?;
                    text.clear();
                }
                Ok(())
            })?;
            write(&text)?;
        }
        write(&answer.text[from..])
    }

    /// Appends the row of a k-mer; calls `grown` after each position.
    fn row(
        &self,
        typed: &Typed,
        frequency: u64,
        text: &mut Vec<u8>,
        mut grown: impl FnMut(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let letters = &typed.letters[..self.index.k() as usize];
        let is_json = self.format == Format::JsonLines;
        let part = |text: &mut Vec<u8>, json: &str, tsv: &str| {
            text.extend_from_slice(if is_json { json.as_bytes() } else { tsv.as_bytes() });
        };
        part(text, "{\"kmer\":\"", "");
        text.extend_from_slice(letters);
        part(text, "\",\"frequency\":", "\t");
        push_number(text, frequency);
        if let Some(limit) = self.limit {
            part(text, ",\"positions\":[", "\t");
            let mut listed = 0u64;
            if frequency > 0 {
                self.index.try_for_each_position(typed.kmer, limit, |position| {
                    let (name, start) = (&self.contigs[position.contig as usize].name, position.start);
                    if listed > 0 {
                        text.push(b',');
                    }
                    if is_json {
                        formats::json(text, &JsonPosition { contig: name, start, strand: position.strand.symbol() });
                    } else {
                        push_position(text, name, start, position.strand.symbol());
                    }
                    listed += 1;
                    grown(text)
                })?;
            }
            part(text, "],\"listed\":", "\t");
            push_number(text, listed);
        }
        part(text, "}\n", "\n");
        Ok(())
    }
}

/// A position, as JSON.
#[derive(Serialize)]
struct JsonPosition<'a> {
    contig: &'a str,
    start: u64,
    strand: char,
}

/// How much of the maps of an index, and of other memory with the cache in it, is in huge pages.
fn huge_pages(index: &Path) -> String {
    match HugePages::of(index) {
        Some(pages) => format!(
            "huge pages: {} of {} resident of the maps, {} of {} of other memory",
            human_bytes(pages.huge_maps),
            human_bytes(pages.maps),
            human_bytes(pages.huge_anonymous),
            human_bytes(pages.anonymous)
        ),
        None => "huge pages: the system does not report them".to_owned(),
    }
}

/// Rows of the k-mers of a file, with all positions.
///
/// # Errors
/// As the command.
#[cfg(fuzzing)]
pub fn kmer_list(index: &Index, path: &Path) -> Result<Vec<u8>> {
    let kmers: Vec<Typed> = listed_kmers(index, path)?.collect::<Result<_>>()?;
    let rows = KmerRows::new(index, Some(u64::MAX), Format::Tsv)?;
    let mut text = Vec::new();
    for (typed, frequency) in kmers.iter().map(|typed| (typed, index.frequency(typed.kmer))) {
        rows.row(typed, frequency?, &mut text, |_| Ok(()))?;
    }
    Ok(text)
}

/// The regions of a BED file, which lie in the index.
///
/// # Errors
/// As the command.
#[cfg(fuzzing)]
pub fn bed_file(index: &Index, path: &Path) -> Result<Vec<Region>> {
    bed_regions(index, path)?.collect()
}
