use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::align::{Library, SearchOptions};
use crate::annotate::{RepeatCopy, annotate, annotate_with_tandem_repeats};
use crate::cli::{Settings, grouped};
use crate::formats::{AnnotationFormat, Columns, Tabix, annotation_header, annotation_rows};
use crate::fs::Output;
use crate::genome::Contig;
use crate::index::OpenOptions;
use crate::memory::Component;
use crate::sequence::Source;
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Consensus sequences of repeats, FASTA, plain or compressed; names such as name#class/family give classes
    #[arg(long, value_name = "FILE")]
    library: PathBuf,
    /// Formats to write: to PREFIX.FORMAT with -o PREFIX, one of them to standard output without it or with -o - [default:
    /// gff3,bed,out with -o PREFIX, else tsv]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMAT,...")]
    formats: Vec<CopyFormat>,
    /// Leave out what chance gives more often than this in the whole search
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = e_value)]
    max_e_value: f64,
    /// Leave out copies of which more per cent of the bases are substituted
    #[arg(long, value_name = "PERCENT", default_value_t = 100.0, value_parser = per_cent)]
    max_divergence: f64,
    /// Leave out the simple repeats and satellites that are found without the library
    #[arg(long)]
    no_tandem: bool,
    /// Compress GFF3 and BED with bgzip, as PREFIX.FORMAT.gz, and write their indexes for tabix
    #[arg(long)]
    bgzip: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CopyFormat {
    Tsv,
    Bed,
    Gff3,
    Out,
    Jsonl,
}

impl CopyFormat {
    /// The format and the end of its file's name.
    fn named(self) -> (AnnotationFormat, &'static str) {
        match self {
            Self::Tsv => (AnnotationFormat::Tsv, "tsv"),
            Self::Bed => (AnnotationFormat::Bed, "bed"),
            Self::Gff3 => (AnnotationFormat::Gff3, "gff3"),
            Self::Out => (AnnotationFormat::Out, "out"),
            Self::Jsonl => (AnnotationFormat::JsonLines, "jsonl"),
        }
    }
}

pub(crate) fn e_value(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(e) if e > 0.0 && e.is_finite() => Ok(e),
        _ => Err("an E-value is a number above 0".to_owned()),
    }
}

fn per_cent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok(share),
        _ => Err("a number from 0 to 100".to_owned()),
    }
}

/// Where one format goes.
enum Sink {
    Plain(Output),
    Indexed(Box<Tabix>),
}

impl Sink {
    fn write(&mut self, text: &[u8]) -> Result<()> {
        match self {
            Self::Plain(output) => output.write_all(text).map_err(|e| Error::io("write", "the output", e)),
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

/// Copies spelled at a time.
const ROWS: usize = 1 << 12;

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let mut formats = arguments.formats;
    let prefix = settings.output.as_ref().filter(|_| !settings.prints());
    if formats.is_empty() {
        formats = match prefix {
            Some(_) => vec![CopyFormat::Gff3, CopyFormat::Bed, CopyFormat::Out],
            None => vec![CopyFormat::Tsv],
        };
    }
    formats.sort_by_key(|f| *f as u8);
    formats.dedup();
    if prefix.is_none() && formats.len() > 1 {
        return Err(Error::Usage("several formats need names; give -o PREFIX".to_owned()));
    }
    let indexed = |format| match format {
        CopyFormat::Bed if arguments.bgzip => Some(Columns::Bed),
        CopyFormat::Gff3 if arguments.bgzip => Some(Columns::Gff),
        _ => None,
    };
    if arguments.bgzip && prefix.is_none() {
        return Err(Error::Usage("--bgzip writes two files for a format; name them with -o PREFIX".to_owned()));
    }
    if arguments.bgzip && formats.iter().all(|&format| indexed(format).is_none()) {
        return Err(Error::Usage("--bgzip is for gff3 and bed; give one of them to --formats".to_owned()));
    }
    let index = settings.open(&arguments.index, OpenOptions { cache: settings.cache(), ..OpenOptions::default() })?;
    let contigs = index.contigs()?;
    let longest = contigs.iter().map(|contig| contig.length).max().unwrap_or(0);
    let mut sinks = Vec::new();
    for &format in &formats {
        let columns = indexed(format);
        let (format, end) = format.named();
        let sink = match prefix {
            None => Sink::Plain(settings.output()?),
            Some(prefix) => {
                let mut path = prefix.as_os_str().to_owned();
                path.push(".");
                path.push(end);
                match columns {
                    None => Sink::Plain(Output::create(Some(path.as_ref()), settings.force)?),
                    Some(columns) => {
                        path.push(".gz");
                        Sink::Indexed(Box::new(Tabix::create(path.as_ref(), settings.force, columns, longest)?))
                    }
                }
            }
        };
        sinks.push((format, sink));
    }
    let source = Source::new(&arguments.library);
    let (mut library, _library_held) = Library::read(&source, &settings.budget, &settings.progress)?;
    let max_divergence = arguments.max_divergence / 100.0;
    let options = SearchOptions { max_e_value: arguments.max_e_value, max_divergence, ..SearchOptions::default() };
    let copies = settings.on_pool(|| {
        if arguments.no_tandem {
            annotate(&index, &library, &options, &settings.budget, &settings.progress)
        } else {
            annotate_with_tandem_repeats(&index, &mut library, &options, &settings.budget, &settings.progress)
        }
    })?;
    settings.progress.clear();
    let mut copies_held = settings.budget.hold(Component::Alignments);
    copies_held.resize(copies.iter().map(RepeatCopy::bytes).sum());
    for (format, sink) in sinks {
        write_to(&copies, format, &library, contigs, sink)?;
    }
    let summary = Summary {
        copies: copies.iter().map(|c| c.id).max().unwrap_or(0),
        fragments: copies.len() as u64,
        bases: copies.iter().map(|c| c.alignment.range.end - c.alignment.range.start).sum(),
        genome_bases: index.manifest().genome.bases,
    };
    if settings.json {
        let json = serde_json::to_string(&summary).map_err(|e| Error::io("write", "the summary", e.into()))?;
        return settings.tell(&json);
    }
    if !settings.quiet {
        let Summary { copies, fragments, bases, genome_bases } = summary;
        settings.progress.line(&format!(
            "{} copies in {} fragments, {} bases, {:.2} % of the genome",
            grouped(copies),
            grouped(fragments),
            grouped(bases),
            crate::units::per_cent(bases, genome_bases)
        ));
    }
    Ok(())
}

/// What was found, with `--json`.
#[derive(Serialize)]
struct Summary {
    copies: u64,
    fragments: u64,
    bases: u64,
    genome_bases: u64,
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
    for run in copies.chunk_by(|a, b| a.alignment.contig == b.alignment.contig) {
        let whole = [run];
        let parts: Vec<&[RepeatCopy]> =
            if format == AnnotationFormat::Gff3 { whole.to_vec() } else { run.chunks(ROWS).collect() };
        for part in parts {
            text.clear();
            annotation_rows(format, part, library, contigs, &mut text);
            sink.write(&text)?;
        }
    }
    sink.finish()
}
