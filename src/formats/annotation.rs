//! The formats of an annotation, so that callers choose one by a value.
//!
//! To add a format, write a file with a type that implements [`AnnotationWriter`], and add its variant to
//! [`AnnotationFormat`], to `AnnotationFormat::writer` and to `AnnotationFormat::extension`. Nothing else of this module
//! knows which formats exist.

use crate::Result;
use crate::formats::annotation_writer::{Annotation, AnnotationWriter, CopyTable};
use crate::formats::bed::Bed;
use crate::formats::crossmatch::CrossMatch;
use crate::formats::divergence_summary::DivergenceSummary;
use crate::formats::gff3::Gff3;
use crate::formats::gff3_parts::Gff3Parts;
use crate::formats::gtf::Gtf;
use crate::formats::jsonl::JsonLines;
use crate::formats::repeatmasker_out::RepeatMaskerOut;
use crate::formats::repeatmasker_table::RepeatMaskerTable;
use crate::formats::tsv::Tsv;

/// How an annotation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AnnotationFormat {
    /// Columns under a header, 0-based and half-open.
    Tsv,
    /// BED with nine columns (<https://samtools.github.io/hts-specs/BEDv1.pdf>); the score is the per mille of columns
    /// that match.
    Bed,
    /// GFF3 (<https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md>); the fragments of a copy are
    /// rows of one feature.
    Gff3,
    /// The same, with terminal repeats, internal parts and target sites.
    Gff3Parts,
    /// GTF as TEtranscripts and TElocal read it (<https://github.com/mhammell-laboratory/TEtranscripts>).
    Gtf,
    /// The columns of RepeatMasker's `.out`.
    Out,
    /// One JSON object a line.
    JsonLines,
    /// The alignments, as RepeatMasker's `.align` has them.
    Align,
    /// Sums by class, as RepeatMasker's `.tbl` has them.
    Table,
    /// Bases by family, class and divergence, as RepeatMasker's `.divsum` has them.
    DivergenceSummary,
}

impl AnnotationFormat {
    fn writer(self) -> &'static dyn AnnotationWriter {
        match self {
            Self::Tsv => &Tsv,
            Self::Bed => &Bed,
            Self::Gff3 => &Gff3,
            Self::Gff3Parts => &Gff3Parts,
            Self::Gtf => &Gtf,
            Self::Out => &RepeatMaskerOut,
            Self::JsonLines => &JsonLines,
            Self::Align => &CrossMatch,
            Self::Table => &RepeatMaskerTable,
            Self::DivergenceSummary => &DivergenceSummary,
        }
    }

    /// The end of the names of its files, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Tsv => "tsv",
            Self::Bed => "bed",
            Self::Gff3 | Self::Gff3Parts => "gff3",
            Self::Gtf => "gtf",
            Self::Out => "out",
            Self::JsonLines => "jsonl",
            Self::Align => "align",
            Self::Table => "tbl",
            Self::DivergenceSummary => "divsum",
        }
    }

    /// Whether its rows need the columns of the alignments
    /// ([`SearchOptions::keep_columns`](crate::align::SearchOptions::keep_columns)).
    pub fn needs_columns(self) -> bool {
        matches!(self, Self::Align | Self::Gff3Parts)
    }

    /// Whether its rows follow a header that may be left out.
    pub fn has_header(self) -> bool {
        matches!(self, Self::Tsv | Self::Out)
    }
}

/// Writes an annotation in one format, some hundred kilobytes at a time.
///
/// # Errors
/// [`Error::Damaged`](crate::Error::Damaged) for the index; those of `write`.
pub fn write_annotation(
    format: AnnotationFormat,
    annotation: &Annotation<'_>,
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let header = annotation.header || !format.has_header();
    format.writer().write(&CopyTable::new(annotation), header, write)
}
