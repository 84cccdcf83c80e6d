//! Everything in an index is looked up by k-mers as integers: encoding, strands, the canonical form, an invertible
//! mixer, minimizers, and scanning of packed and ASCII bases.
//!
//! A base is two bits as in UCSC's .2bit files: T=0, C=1, A=2, G=3, so the complement is `xor 2`. A k-mer of k bases
//! (1 to 32) is a `u64` with its first base in the highest of the 2k bits used.
//!
//! **Canonical form.** A k-mer and its reverse complement are one k-mer. For odd k the strand is chosen by the middle
//! base: of the two strands exactly one has T or C there, so that base needs one bit and the canonical code has 2k-1
//! bits. For even k it is the smaller of the two codes, with 2k bits; a palindrome is its own reverse complement and
//! counts as forward. Users never see this choice: output has the lexicographically smaller strand, as Jellyfish
//! and KMC print k-mers.
//!
//! **Mixer.** The canonical code goes through an invertible mixer (xor-shift and odd multiply modulo 2^n, in the way
//! of the SplitMix64 finalizer), which spreads real genomes evenly. The mixed value is called the *hash* everywhere;
//! it is a bijection, and [`KmerCodec::unmix`] inverts it.

mod codec;
mod minimizer;
mod order;
mod scan;
mod strand;

pub(crate) use codec::low_mask;
pub use codec::{KmerCodec, KmerError, MAX_K};
pub(crate) use minimizer::{Minimizers, SuperKmer};
pub(crate) use order::KmerOrder;
pub use scan::AsciiScanner;
pub use strand::Strand;
