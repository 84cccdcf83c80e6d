//! The formats of an annotation, so that callers choose one by a value.
//!
//! To add a format, write a file with a type that implements [`AnnotationWriter`], and add its variant to
//! [`AnnotationFormat`] and to `AnnotationFormat::writer`. Nothing else of this module knows which formats exist.

use crate::align::Library;
use crate::annotate::RepeatCopy;
use crate::formats::annotation_writer::{AnnotationWriter, CopyTable};
use crate::formats::bed::Bed;
use crate::formats::gff3::Gff3;
use crate::formats::jsonl::JsonLines;
use crate::formats::repeatmasker_out::RepeatMaskerOut;
use crate::formats::tsv::Tsv;
use crate::genome::Contig;

/// How an annotation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnotationFormat {
    /// Columns under a header, 0-based and half-open.
    Tsv,
    /// BED with nine columns (<https://samtools.github.io/hts-specs/BEDv1.pdf>); the score is the per mille of columns
    /// that match.
    Bed,
    /// GFF3 (<https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md>), fragments of a copy under
    /// one parent.
    Gff3,
    /// The columns of RepeatMasker's `.out`.
    Out,
    /// One JSON object a line.
    JsonLines,
}

impl AnnotationFormat {
    fn writer(self) -> &'static dyn AnnotationWriter {
        match self {
            Self::Tsv => &Tsv,
            Self::Bed => &Bed,
            Self::Gff3 => &Gff3,
            Self::Out => &RepeatMaskerOut,
            Self::JsonLines => &JsonLines,
        }
    }
}

/// Appends what precedes the rows of a format.
pub fn annotation_header(format: AnnotationFormat, contigs: &[Contig], out: &mut Vec<u8>) {
    format.writer().header(contigs, out);
}

/// Appends the rows of copies, which are sorted by contig and start. For GFF3 a call takes all copies of a contig,
/// because the parent of fragments spans them all.
pub fn annotation_rows(
    format: AnnotationFormat,
    copies: &[RepeatCopy],
    library: &Library,
    contigs: &[Contig],
    out: &mut Vec<u8>,
) {
    format.writer().rows(&CopyTable::new(copies, library, contigs), out);
}
