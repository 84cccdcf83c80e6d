//! The dictionary of super-k-mers has one entry for each distinct super-k-mer, not for each k-mer: all of a genome's k-mers
//! take a fifth of the space that they take one by one, and a sequence is looked up a stretch at a time.
//!
//! Neighbouring k-mers share their minimizer (see [`Minimizers`](crate::kmer::Minimizers)), so the genome is cut into
//! stretches of k-mers with one minimizer at one place. An entry has the rest of the minimizer's key, the bases around the
//! minimizer, which of its k-mers it stands for, and how often it occurs; a k-mer's frequency is the sum over the entries of
//! its minimizer that agree with it around the minimizer. `schema/format.md` draws the bytes.
//!
//! A minimizer with more than 256 distinct entries is *crowded*: its k-mers lie one by one in its position block,
//! sorted, so that no look-up takes longer than a binary search.

mod batch;
pub(crate) mod codec;
mod crowd;
pub(crate) mod encode;
pub(crate) mod entry;
#[cfg(fuzzing)]
mod forged;
pub(crate) mod layout;
mod page;
mod positions;
mod search;
mod verify;
mod walk;

pub(crate) use codec::SuperKmerCodec;
pub(crate) use encode::Encoder;
pub(crate) use entry::{Entry, for_each_kmer_of};
pub(crate) use layout::Fields;
pub use layout::Layout;
