//! Sequence in and out of the program: FASTA and FASTQ of any size, the packed genome, regions and their names.
//!
//! All intervals inside the program are 0-based and half-open.

mod base;
mod compression;
mod digest;
mod feature;
mod foreign;
mod input;
mod interval;
mod lines;
mod map;
mod reader;
mod source;
mod twobit;

pub use base::{BASES, base_code};
pub(crate) use base::{complement, letters};
pub use digest::{ContigDigest, OtherLetters};
pub(crate) use digest::{RefgetDigester, digest_contigs};
pub use feature::parse_bed_line;
pub(crate) use feature::{Feature, FeatureFormat, FeatureParser, Line};
pub use interval::{Region, RegionError, nearest_names, parse_region};
pub(crate) use lines::Lines;
pub(crate) use map::map_read_only;
pub(crate) use reader::{BYTE_ORDER_MARK, MAX_HEADER};
pub use reader::{RecordHead, SequenceReader};
pub use source::Source;
pub use twobit::{Case, Record, TwoBit, TwoBitSummary, TwoBitWriter};
pub(crate) use twobit::{TEMPORARY_SUFFIXES, pack_run};
