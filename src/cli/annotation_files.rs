//! The files of an annotation: the formats that flags choose, plain or compressed with an index of their regions.

use std::io::Write;
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::cli::help::OUTPUT;
use crate::formats::{Annotation, AnnotationFormat, Columns, Tabix, write_annotation, write_big_bed};
use crate::fs::Output;
use crate::{Error, Index, Result};

/// The values of `--formats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, serde::Serialize)]
pub(crate) enum CopyFormat {
    Tsv,
    Bed,
    Gff3,
    Gtf,
    Out,
    Jsonl,
    Align,
    Tbl,
    Divsum,
    Bb,
}

impl CopyFormat {
    /// The format, if it is text; `parts` if those of copies are features too.
    fn text(self, parts: bool) -> Option<AnnotationFormat> {
        Some(match self {
            Self::Tsv => AnnotationFormat::Tsv,
            Self::Bed => AnnotationFormat::Bed,
            Self::Gff3 if parts => AnnotationFormat::Gff3Parts,
            Self::Gff3 => AnnotationFormat::Gff3,
            Self::Gtf => AnnotationFormat::Gtf,
            Self::Out => AnnotationFormat::Out,
            Self::Jsonl => AnnotationFormat::JsonLines,
            Self::Align => AnnotationFormat::Align,
            Self::Tbl => AnnotationFormat::Table,
            Self::Divsum => AnnotationFormat::DivergenceSummary,
            Self::Bb => return None,
        })
    }

    /// Whether its rows follow a header that may be left out.
    pub(crate) fn has_header(self) -> bool {
        self.text(false).is_some_and(AnnotationFormat::has_header)
    }

    /// The columns that tabix needs, if it can index the format.
    fn tabix(self) -> Option<Columns> {
        match self {
            Self::Bed => Some(Columns::Bed),
            Self::Gff3 | Self::Gtf => Some(Columns::Gff),
            _ => None,
        }
    }
}

/// How the files of an annotation are written.
#[derive(Debug, Clone, Copy, Args, serde::Serialize)]
#[command(next_help_heading = OUTPUT)]
pub(crate) struct FileArguments {
    /// Compress GFF3, GTF and BED with bgzip, and index them with tabix
    ///
    /// The names of the files end with .gz.
    #[arg(long)]
    pub(crate) bgzip: bool,
    /// In GFF3, also write parts of copies
    ///
    /// These are LTRs and solo LTRs, inverted terminal repeats, internal parts and target sites
    /// (docs/formats.md#parts-of-copies).
    #[arg(long, hide_short_help = true)]
    pub(crate) sub_features: bool,
}

impl FileArguments {
    /// Whether a format needs the columns of the alignments.
    pub(crate) fn needs_columns(self, format: CopyFormat) -> bool {
        format.text(self.sub_features).is_some_and(AnnotationFormat::needs_columns)
    }

    /// The columns that the tabix index of a format needs, if it has one.
    pub(crate) fn tabix(self, format: CopyFormat) -> Option<Columns> {
        format.tabix().filter(|_| self.bgzip)
    }

    /// The end of the name of the file of a format.
    pub(crate) fn file_end(self, format: CopyFormat) -> String {
        let end = format.text(false).map_or("bb", AnnotationFormat::extension);
        if self.tabix(format).is_some() { format!("{end}.gz") } else { end.to_owned() }
    }

    /// Refuses flags that none of the formats has a use for.
    pub(crate) fn check(self, formats: &[CopyFormat]) -> Result<()> {
        let wrong = |problem: &str| Err(Error::Usage(problem.to_owned()));
        if self.bgzip && formats.iter().all(|format| format.tabix().is_none()) {
            return wrong("--bgzip is for gff3, gtf and bed; pass one of them to --formats");
        }
        if self.sub_features && !formats.contains(&CopyFormat::Gff3) {
            return wrong("--sub-features is for gff3; pass it to --formats");
        }
        Ok(())
    }
}

/// A file of an annotation while it is written.
pub(crate) enum AnnotationFile {
    Text(AnnotationFormat, Output),
    Indexed(AnnotationFormat, Box<Tabix>),
    BigBed(Output),
}

impl AnnotationFile {
    /// The file of a format, and that of its index if the format is compressed.
    pub(crate) fn create(
        path: &Path,
        format: CopyFormat,
        arguments: FileArguments,
        force: bool,
        index: &Index,
    ) -> Result<Self> {
        match (arguments.tabix(format), format.text(arguments.sub_features)) {
            (Some(columns), Some(text)) => {
                let tabix = Tabix::create(path, force, columns, longest_contig(index))?;
                Ok(Self::Indexed(text, Box::new(tabix)))
            }
            _ => Ok(Self::of(Output::create(Some(path), force)?, format, arguments)),
        }
    }

    /// A format in an output, without an index.
    pub(crate) fn of(output: Output, format: CopyFormat, arguments: FileArguments) -> Self {
        match format.text(arguments.sub_features) {
            Some(text) => Self::Text(text, output),
            None => Self::BigBed(output),
        }
    }

    /// Writes an annotation, and publishes the file.
    pub(crate) fn write(self, annotation: &Annotation<'_>) -> Result<()> {
        match self {
            Self::Text(format, mut output) => {
                write_annotation(format, annotation, &mut |rows| output.write_all(rows).map_err(Error::Output))?;
                output.finish()
            }
            Self::Indexed(format, mut tabix) => {
                write_annotation(format, annotation, &mut |rows| tabix.write(rows))?;
                tabix.finish()
            }
            Self::BigBed(output) => write_big_bed(annotation, output),
        }
    }
}

/// Bases of the longest contig, which decide the kind of a tabix index.
pub(crate) fn longest_contig(index: &Index) -> u64 {
    index.manifest().genome.longest_contig
}
