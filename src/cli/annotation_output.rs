//! The files that `annotate` and `merge-annotation` write.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::align::Library;
use crate::annotate::RepeatCopy;
use crate::cli::annotation_files::{AnnotationFile, CopyFormat, FileArguments};
use crate::cli::common_arguments::HeaderArguments;
use crate::cli::help::OUTPUT;
use crate::cli::short_names::ShortNames;
use crate::cli::{Settings, grouped, json};
use crate::formats::Annotation;
use crate::index::CacheStatistics;
use crate::{Error, Index, Result};

/// Flags that choose what is written.
#[derive(Debug, Args)]
#[command(next_help_heading = OUTPUT)]
pub(super) struct OutputArguments {
    /// Formats of the copies [default: gff3,bed,out, or tsv]
    ///
    /// tsv, bed, gff3, gtf, out (RepeatMasker), jsonl, align, tbl, divsum and bb (bigBed): docs/formats.md describes
    /// them. With -o PREFIX each format goes to PREFIX.FORMAT, by default gff3,bed,out. Without -o, or with -o -, one
    /// format goes to standard output, by default tsv.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMAT,...", hide_possible_values = true)]
    formats: Vec<CopyFormat>,
    #[command(flatten)]
    files: FileArguments,
    /// Write short names of contigs, and their table to TABLE
    ///
    /// Names that have more than 50 letters, or others than letters, digits, _, . and -, are replaced; the table has
    /// short names and names (docs/formats.md#names-of-contigs).
    #[arg(long, value_name = "TABLE", hide_short_help = true)]
    short_names: Option<PathBuf>,
    #[command(flatten)]
    header: HeaderArguments,
}

impl OutputArguments {
    /// Whether a flag of them was given.
    pub(super) fn are_given(&self) -> bool {
        let Self { formats, files, short_names, header } = self;
        !formats.is_empty() || files.bgzip || files.sub_features || short_names.is_some() || header.no_header
    }

    /// The formats to write, without repetitions, checked against the other flags.
    pub(super) fn formats(&self, settings: &Settings) -> Result<Vec<CopyFormat>> {
        let wrong = |problem: &str| Err(Error::Usage(problem.to_owned()));
        let has_prefix = !settings.writes_stdout();
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

    /// Whether a format needs the columns of alignments.
    pub(super) fn need_columns(&self, formats: &[CopyFormat]) -> bool {
        formats.iter().any(|&format| self.files.needs_columns(format))
    }

    /// Begins the files, so that one that may not be written is an error before the work.
    pub(super) fn begin(&self, formats: &[CopyFormat], index: &Index, settings: &Settings) -> Result<AnnotationOutput> {
        let prefix = settings.output.as_deref().filter(|_| !settings.writes_stdout());
        let names = self.short_names.as_deref().map(|path| ShortNames::create(path, index, settings)).transpose()?;
        let files = formats
            .iter()
            .map(|&format| match prefix {
                None => Ok(AnnotationFile::of(settings.output()?, format, self.files)),
                Some(prefix) => {
                    let mut path = prefix.as_os_str().to_owned();
                    path.push(".");
                    path.push(self.files.file_end(format));
                    AnnotationFile::create(path.as_ref(), format, self.files, settings.force, index)
                }
            })
            .collect::<Result<_>>()?;
        Ok(AnnotationOutput { files, names, header: !self.header.no_header })
    }
}

/// The files of an annotation that are not written yet.
pub(super) struct AnnotationOutput {
    files: Vec<AnnotationFile>,
    names: Option<ShortNames>,
    header: bool,
}

impl AnnotationOutput {
    /// Writes the files, and prints the summary.
    pub(super) fn write(
        self,
        copies: &[RepeatCopy],
        library: &Library,
        index: &Index,
        settings: &Settings,
    ) -> Result<()> {
        let Self { files, names, header } = self;
        let contigs = names.as_ref().map_or(index.contigs()?, |names| &names.contigs);
        let annotation = Annotation { copies, library, index, contigs, header };
        files.into_iter().try_for_each(|file| file.write(&annotation))?;
        if let Some(names) = names {
            names.write(index)?;
        }
        let summary = Summary {
            copies: copies.iter().map(|c| c.id).max().unwrap_or(0),
            fragments: copies.len() as u64,
            bases: copies.iter().map(|c| c.alignment.range.end - c.alignment.range.start).sum(),
            genome_bases: index.manifest().genome.bases,
            cache: settings.report_cache(index),
        };
        summary.print(settings)
    }
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
