//! Sequence and text in: FASTA and FASTQ of any size in any compression, base codes, regions, rows of features.
//!
//! All intervals inside the program are 0-based and half-open.

mod base;
mod compression;
mod feature;
mod foreign;
mod input;
mod lines;
mod reader;
mod region;
mod source;

pub use base::{BASES, base_code};
pub(crate) use base::{CODES, NO_BASE, codes, complement, letters, reverse_complement, reverse_complement_letters};
pub use feature::parse_bed_line;
pub(crate) use feature::{Feature, FeatureFormat, FeatureParser, Line};
pub(crate) use lines::Lines;
pub(crate) use reader::{BYTE_ORDER_MARK, MAX_HEADER};
pub use reader::{RecordHead, SequenceReader};
pub use region::{Region, RegionError, nearest_names, parse_region};
pub use source::Source;
