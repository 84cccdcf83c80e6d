//! `annotate`: finds the copies of a library of repeats and writes them in one format or several.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::align::SearchOptions;
use crate::annotate::{annotate_charged, annotate_with_tandem_repeats_charged};
use crate::cli::annotation_files::{AnnotationFile, CopyFormat, FileArguments};
use crate::cli::common_arguments::{CacheArguments, HeaderArguments};
use crate::cli::libraries::Libraries;
use crate::cli::short_names::ShortNames;
use crate::cli::values::{e_value, percentage};
use crate::cli::{Settings, grouped, json};
use crate::formats::Annotation;
use crate::index::CacheStatistics;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Consensus sequences of repeats, FASTA, plain or compressed; in names such as name#class/family the class is used
    /// (repeatable)
    #[arg(long, required = true, value_name = "FILE")]
    library: Vec<PathBuf>,
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
    #[command(flatten)]
    files: FileArguments,
    /// Write short names of contigs that have more than 50 letters, or others than letters, digits, _, . and -, and the
    /// table of short names and names to TABLE
    #[arg(long, value_name = "TABLE")]
    short_names: Option<PathBuf>,
    #[command(flatten)]
    header: HeaderArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

impl Arguments {
    /// The formats to write, without repetitions, checked against the other flags; `has_prefix` if they go to files.
    fn formats(&self, has_prefix: bool) -> Result<Vec<CopyFormat>> {
        let wrong = |problem: &str| Err(Error::Usage(problem.to_owned()));
        let mut formats = match (&self.formats[..], has_prefix) {
            ([], true) => vec![CopyFormat::Gff3, CopyFormat::Bed, CopyFormat::Out],
            ([], false) => vec![CopyFormat::Tsv],
            (formats, _) => formats.to_vec(),
        };
        formats.sort_unstable();
        formats.dedup();
        if !has_prefix && formats.len() > 1 {
            return wrong("several formats need names; use -o PREFIX");
        }
        if self.files.bgzip && !has_prefix {
            return wrong("--bgzip writes two files for a format; name them with -o PREFIX");
        }
        self.files.check(&formats)?;
        self.header.check(formats.iter().any(|format| format.has_header()), "tsv and out")?;
        Ok(formats)
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let prefix = settings.output.as_deref().filter(|_| !settings.writes_stdout());
    let formats = arguments.formats(prefix.is_some())?;
    let index = settings.open_cached(&arguments.index, &arguments.cache)?;
    let names = arguments.short_names.as_deref().map(|path| ShortNames::create(path, &index, settings)).transpose()?;
    let files: Vec<AnnotationFile> = formats
        .iter()
        .map(|&format| match prefix {
            None => Ok(AnnotationFile::of(settings.output()?, format, arguments.files)),
            Some(prefix) => {
                let mut path = prefix.as_os_str().to_owned();
                path.push(".");
                path.push(arguments.files.file_end(format));
                AnnotationFile::create(path.as_ref(), format, arguments.files, settings.force, &index)
            }
        })
        .collect::<Result<_>>()?;
    let Libraries { mut library, reservations: _libraries_reservation, .. } =
        Libraries::read(&arguments.library, settings)?;
    let options = SearchOptions {
        max_e_value: arguments.max_e_value,
        max_divergence: arguments.max_divergence / 100.0,
        keep_columns: formats.iter().any(|&format| arguments.files.needs_columns(format)),
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
    let annotation = Annotation {
        copies: &copies,
        library: &library,
        index: &index,
        contigs: names.as_ref().map_or(index.contigs()?, |names| &names.contigs),
        header: !arguments.header.no_header,
    };
    files.into_iter().try_for_each(|file| file.write(&annotation))?;
    if let Some(names) = names {
        names.write(&index)?;
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
