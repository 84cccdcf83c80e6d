use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Settings, grouped};
use crate::align::{Library, SearchOptions};
use crate::annotate::{RepeatCopy, annotate};
use crate::index::OpenOptions;
use crate::memory::Component;
use crate::output::{AnnotationFormat, Output, annotation_header, annotation_rows};
use crate::sequence::Source;
use crate::store::Contig;
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Consensus sequences of repeats, FASTA, plain or compressed; names such as name#class/family give classes
    #[arg(long, value_name = "FILE")]
    library: PathBuf,
    /// Formats to write: to PREFIX.FORMAT with -o PREFIX, one of them to standard output without [default: gff3,bed,out with
    /// -o, else tsv]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMAT,...")]
    formats: Vec<CopyFormat>,
    /// Leave out what chance gives more often than this in the whole search
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = e_value)]
    max_e_value: f64,
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

pub(super) fn e_value(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(e) if e > 0.0 && e.is_finite() => Ok(e),
        _ => Err("an E-value is a number above 0".to_owned()),
    }
}

/// Copies spelled at a time.
const ROWS: usize = 1 << 12;

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let mut formats = arguments.formats;
    if formats.is_empty() {
        formats = match settings.output {
            Some(_) => vec![CopyFormat::Gff3, CopyFormat::Bed, CopyFormat::Out],
            None => vec![CopyFormat::Tsv],
        };
    }
    formats.sort_by_key(|f| *f as u8);
    formats.dedup();
    let mut outputs = Vec::new();
    match &settings.output {
        None if formats.len() > 1 => {
            return Err(Error::Usage("several formats need names; give -o PREFIX".to_owned()));
        }
        None => outputs.push((formats[0].named().0, settings.output()?)),
        Some(prefix) => {
            for format in &formats {
                let (format, end) = format.named();
                let mut path = prefix.as_os_str().to_owned();
                path.push(".");
                path.push(end);
                outputs.push((format, Output::create(Some(path.as_ref()), settings.force)?));
            }
        }
    }
    let index = settings.open(&arguments.index, OpenOptions { cache: settings.cache(), ..OpenOptions::default() })?;
    let library = Library::read(&Source::new(&arguments.library))?;
    let _library_held = settings.budget.reserve(Component::Input, library.bytes(), "a library")?;
    let options = SearchOptions { max_e_value: arguments.max_e_value, ..SearchOptions::default() };
    let copies = settings.on_pool(|| annotate(&index, &library, &options, &settings.budget))?;
    let mut copies_held = settings.budget.hold(Component::Alignments);
    copies_held.resize(copies.iter().map(RepeatCopy::bytes).sum());
    let contigs = index.contigs()?;
    for (format, output) in outputs {
        write_copies(&copies, format, &library, contigs, output)?;
    }
    if !settings.quiet {
        let bases: u64 = copies.iter().map(|c| c.alignment.range.end - c.alignment.range.start).sum();
        let all = index.manifest().genome.bases.max(1);
        let number = copies.iter().map(|c| c.id).max().unwrap_or(0);
        settings.progress.line(&format!(
            "{} copies in {} fragments, {} bases, {:.2} % of the genome",
            grouped(number),
            grouped(copies.len() as u64),
            grouped(bases),
            100.0 * bases as f64 / all as f64
        ));
    }
    Ok(())
}

/// Writes copies, by contig and start, in one format.
pub(super) fn write_copies(
    copies: &[RepeatCopy],
    format: AnnotationFormat,
    library: &Library,
    contigs: &[Contig],
    mut output: Output,
) -> Result<()> {
    let write =
        |output: &mut Output, text: &[u8]| output.write_all(text).map_err(|e| Error::io("write", "the output", e));
    let mut text = Vec::new();
    annotation_header(format, contigs, &mut text);
    write(&mut output, &text)?;
    // Fragments of a copy lie on one contig.
    for run in copies.chunk_by(|a, b| a.alignment.contig == b.alignment.contig) {
        let whole = [run];
        let parts: Vec<&[RepeatCopy]> =
            if format == AnnotationFormat::Gff3 { whole.to_vec() } else { run.chunks(ROWS).collect() };
        for part in parts {
            text.clear();
            annotation_rows(format, part, library, contigs, &mut text);
            write(&mut output, &text)?;
        }
    }
    output.finish()
}
