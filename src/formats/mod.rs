//! Written results, one file a format, so that the columns of a format are found and changed in one file.
//!
//! [`annotation`](AnnotationFormat), [`families`] and [`Format`] choose among the formats; the files named after a
//! format write it. Nothing here opens an index or decides what is written.

mod annotation;
mod annotation_writer;
mod bed;
mod bedgraph;
mod bgzf;
mod big_files;
mod classified;
mod copy_row;
mod crossmatch;
mod divergence_summary;
mod families;
mod fasta;
mod gff3;
mod gff3_parts;
mod gtf;
mod jsonl;
mod ontology;
mod paf;
mod query_rows;
mod repeatmasker_out;
mod repeatmasker_table;
mod stockholm;
mod tabix;
mod tsv;

pub use annotation::{AnnotationFormat, write_annotation};
pub use annotation_writer::Annotation;
pub(crate) use bgzf::SequenceEnd;
pub use big_files::{write_big_bed, write_big_wig};
pub use classified::{ClassFormat, ClassifiedSequence, classified};
pub use families::{FamiliesSummary, FamilyFormat, families};
pub(crate) use fasta::{FastaIndex, SequenceLines, write_indexed_sequence, write_sequence};
pub(crate) use jsonl::json;
pub use paf::{paf_row, pair_row};
pub use query_rows::Format;
pub use stockholm::stockholm;
pub use tabix::{Columns, Tabix, TabixKind};
pub(crate) use tsv::{push_number, push_position};
