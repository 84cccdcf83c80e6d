//! The sorted dictionary stores each k-mer on its own, in the order of hashes: it takes any k and any filters, and a look-up
//! touches two lines of memory.

mod batch;
pub(crate) mod codec;
pub(crate) mod encode;
#[cfg(fuzzing)]
mod forged;
pub(crate) mod frequency_code;
pub(crate) mod layout;
mod page;
mod search;
mod verify;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use codec::SortedCodec;
pub(crate) use encode::Encoder;
pub use layout::Layout;
