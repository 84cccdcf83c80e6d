//! `annotate`: finds the copies of a library of repeats and writes them in one format or several.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::align::{Library, SearchOptions};
use crate::annotate::{RepeatCopy, annotate_charged, annotate_with_tandem_repeats_charged};
use crate::cli::common_arguments::CacheArguments;
use crate::cli::values::{e_value, percentage};
use crate::cli::{Settings, grouped, json};
use crate::formats::{AnnotationFormat, Columns, Tabix, annotation_header, annotation_rows};
use crate::fs::Output;
use crate::genome::Contig;
use crate::index::CacheStatistics;
use crate::sequence::Source;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Consensus sequences of repeats, FASTA, plain or compressed; in names such as name#class/family the class is used
    #[arg(long, value_name = "FILE")]
    library: PathBuf,
    /// Output formats: files PREFIX.FORMAT with -o PREFIX, else a single format on standard output [default:
    /// gff3,bed,out with -o PREFIX, else tsv]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMAT,...")]
    formats: Vec<CopyFormat>,
    /// Report alignments with an E-value of at most this, for the whole search
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = e_value)]
    max_e_value: f64,
    /// Report copies with at most this percentage of substituted bases
    #[arg(long, value_name = "PERCENT", default_value_t = 100.0, value_parser = percentage)]
    max_divergence: f64,
    /// Do not search for simple repeats and satellites, which need no library
    #[arg(long)]
    no_tandem: bool,
    /// Compress GFF3 and BED with bgzip to PREFIX.FORMAT.gz, and write their tabix indexes
    #[arg(long)]
    bgzip: bool,
    #[command(flatten)]
    cache: CacheArguments,
}

/// The values of `--formats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CopyFormat {
    Tsv,
    Bed,
    Gff3,
    Out,
    Jsonl,
}

impl CopyFormat {
    /// The format, and the extension of its file.
    fn named(self) -> (AnnotationFormat, &'static str) {
        match self {
            Self::Tsv => (AnnotationFormat::Tsv, "tsv"),
            Self::Bed => (AnnotationFormat::Bed, "bed"),
            Self::Gff3 => (AnnotationFormat::Gff3, "gff3"),
            Self::Out => (AnnotationFormat::Out, "out"),
            Self::Jsonl => (AnnotationFormat::JsonLines, "jsonl"),
        }
    }

    /// The columns that tabix needs, if it can index the format.
    fn tabix(self) -> Option<Columns> {
        match self {
            Self::Bed => Some(Columns::Bed),
            Self::Gff3 => Some(Columns::Gff),
            _ => None,
        }
    }
}

/// The destination of one format.
enum Sink {
    Plain(Output),
    Indexed(Box<Tabix>),
}

impl Sink {
    /// A file named after `prefix` and the format, or standard output; `longest` is the length of the longest contig.
    fn create(
        format: CopyFormat,
        prefix: Option<&Path>,
        bgzip: bool,
        longest: u64,
        settings: &Settings,
    ) -> Result<Self> {
        let Some(prefix) = prefix else { return Ok(Self::Plain(settings.output()?)) };
        let mut path = prefix.as_os_str().to_owned();
        path.push(".");
        path.push(format.named().1);
        match format.tabix().filter(|_| bgzip) {
            None => Ok(Self::Plain(Output::create(Some(path.as_ref()), settings.force)?)),
            Some(columns) => {
                path.push(".gz");
                Ok(Self::Indexed(Box::new(Tabix::create(path.as_ref(), settings.force, columns, longest)?)))
            }
        }
    }

    fn write(&mut self, text: &[u8]) -> Result<()> {
        match self {
            Self::Plain(output) => output.write_all(text).map_err(Error::Output),
            Self::Indexed(tabix) => tabix.write(text),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Plain(output) => output.finish(),
            Self::Indexed(tabix) => tabix.finish(),
        }
    }
}

/// Copies whose rows are made and written together: some 400 KB of text.
const COPIES_PER_WRITE: usize = 1 << 12;

impl Arguments {
    /// The formats to write, without repetitions, checked against the other flags; `has_prefix` if they go to files.
    fn formats(&self, has_prefix: bool) -> Result<Vec<CopyFormat>> {
        let wrong = |problem: &str| Err(Error::Usage(problem.to_owned()));
        let mut formats = match (&self.formats[..], has_prefix) {
            ([], true) => vec![CopyFormat::Gff3, CopyFormat::Bed, CopyFormat::Out],
            ([], false) => vec![CopyFormat::Tsv],
            (formats, _) => formats.to_vec(),
        };
        formats.sort_by_key(|f| *f as u8);
        formats.dedup();
        if !has_prefix && formats.len() > 1 {
            return wrong("several formats need names; use -o PREFIX");
        }
        if self.bgzip && !has_prefix {
            return wrong("--bgzip writes two files for a format; name them with -o PREFIX");
        }
        if self.bgzip && formats.iter().all(|format| format.tabix().is_none()) {
            return wrong("--bgzip is for gff3 and bed; pass one of them to --formats");
        }
        Ok(formats)
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let prefix = settings.output.as_deref().filter(|_| !settings.writes_stdout());
    let formats = arguments.formats(prefix.is_some())?;
    let index = settings.open_cached(&arguments.index, &arguments.cache)?;
    let contigs = index.contigs()?;
    let longest = contigs.iter().map(|contig| contig.length).max().unwrap_or(0);
    let sinks: Vec<(AnnotationFormat, Sink)> = formats
        .into_iter()
        .map(|format| Ok((format.named().0, Sink::create(format, prefix, arguments.bgzip, longest, settings)?)))
        .collect::<Result<_>>()?;
    let source = Source::new(&arguments.library);
    let (mut library, _library_reservation) = Library::read(&source, &settings.budget, &settings.progress)?;
    let max_divergence = arguments.max_divergence / 100.0;
    let options = SearchOptions {
        max_e_value: arguments.max_e_value,
        max_divergence,
        keep_columns: false,
        ..SearchOptions::default()
    };
    let (copies, _copies_reservation) = settings.on_pool(|| {
        if arguments.no_tandem {
            annotate_charged(&index, &library, &options, &settings.budget, &settings.progress)
        } else {
            annotate_with_tandem_repeats_charged(&index, &mut library, &options, &settings.budget, &settings.progress)
        }
    })?;
    settings.progress.clear();
    for (format, sink) in sinks {
        write_to(&copies, format, &library, contigs, sink)?;
    }
    let summary = Summary {
        copies: copies.iter().map(|c| c.id).max().unwrap_or(0),
        fragments: copies.len() as u64,
        bases: copies.iter().map(|c| c.alignment.range.end - c.alignment.range.start).sum(),
        genome_bases: index.manifest().genome.bases,
        cache: settings.report_cache(&index),
    };
    summary.print(settings)
}

/// The results, as `--json` prints them.
#[derive(Serialize)]
struct Summary {
    copies: u64,
    fragments: u64,
    bases: u64,
    genome_bases: u64,
    cache: CacheStatistics,
}

impl Summary {
    fn print(&self, settings: &Settings) -> Result<()> {
        if settings.json {
            return settings.print_summary(&json(self)?);
        }
        if !settings.quiet {
            let Self { copies, fragments, bases, genome_bases, .. } = *self;
            settings.progress.line(&format!(
                "{} copies in {} fragments, {} bases, {:.2} % of the genome",
                grouped(copies),
                grouped(fragments),
                grouped(bases),
                100.0 * bases as f64 / genome_bases.max(1) as f64
            ));
        }
        Ok(())
    }
}

/// Writes copies, by contig and start, in one format.
pub(crate) fn write_copies(
    copies: &[RepeatCopy],
    format: AnnotationFormat,
    library: &Library,
    contigs: &[Contig],
    output: Output,
) -> Result<()> {
    write_to(copies, format, library, contigs, Sink::Plain(output))
}

fn write_to(
    copies: &[RepeatCopy],
    format: AnnotationFormat,
    library: &Library,
    contigs: &[Contig],
    mut sink: Sink,
) -> Result<()> {
    let mut text = Vec::new();
    annotation_header(format, contigs, &mut text);
    sink.write(&text)?;
    // Fragments of a copy lie on one contig.
    for of_contig in copies.chunk_by(|a, b| a.alignment.contig == b.alignment.contig) {
        // The parents of GFF3 need all fragments.
        let size = if format == AnnotationFormat::Gff3 { of_contig.len() } else { COPIES_PER_WRITE };
        for part in of_contig.chunks(size) {
            text.clear();
            annotation_rows(format, part, library, contigs, &mut text);
            sink.write(&text)?;
        }
    }
    sink.finish()
}
