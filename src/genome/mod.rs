//! The packed genome, usable without any index: the 2bit file, contigs and their digests.
//!
//! All intervals are 0-based and half-open.

mod contig;
mod digest;
mod twobit;

pub use contig::Contig;
pub use digest::{ContigDigest, OtherLetters};
pub(crate) use digest::{RefgetDigester, digest_contigs};
pub use twobit::{Case, Record, TwoBit, TwoBitSummary, TwoBitWriter};
pub(crate) use twobit::{TEMPORARY_SUFFIXES, pack_run};
