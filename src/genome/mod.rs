//! The packed genome is useful without any index: contigs, the .2bit file with their bases, and the digests by which
//! they are known elsewhere. A genome is read from FASTA or from .2bit.
//!
//! All intervals are 0-based and half-open.

mod base_mask;
mod contig;
mod contig_lengths;
mod digest;
mod reader;
mod short_names;
mod twobit;

pub(crate) use base_mask::BaseMask;
pub use contig::Contig;
pub(crate) use contig_lengths::{ContigLengths, ContigLookup};
pub use digest::ContigDigest;
pub(crate) use digest::{RefgetDigester, digest_contigs};
pub(crate) use reader::GenomeReader;
pub(crate) use short_names::{NAME_HEADER, name_table, short_names};
pub use twobit::{Case, OtherLetters, TwoBit, TwoBitSequence, TwoBitSummary, TwoBitWriter};
pub(crate) use twobit::{TEMPORARY_SUFFIXES, is_twobit, pack_run};
