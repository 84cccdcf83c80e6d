//! Input is the part of the program that users control, so it is read in bounded memory and refused with the line and a
//! remedy if it is wrong: FASTA and FASTQ of any size in any compression, base codes, regions, rows of features.
//!
//! All intervals inside the program are 0-based and half-open.

mod base;
mod compression;
mod feature;
mod foreign;
mod input;
mod lines;
mod nearest_names;
mod protein;
mod reader;
mod region;
mod source;

pub use base::{BASES, base_code};
pub(crate) use base::{
    CODES, NO_BASE, code, codes, complement, letters, reverse_complement, reverse_complement_letters,
};
pub(crate) use compression::Compression;
pub use feature::parse_bed_line;
pub(crate) use feature::{Feature, FeatureFormat, FeatureParser, Line};
pub(crate) use input::{BYTE_ORDER_MARK, Input};
pub(crate) use lines::Lines;
pub use nearest_names::nearest_names;
pub(crate) use nearest_names::unknown_contig;
pub(crate) use reader::MAX_HEADER;
pub use reader::{RecordHead, SequenceReader};
pub use region::{Region, RegionError, parse_region};
pub use source::Source;
