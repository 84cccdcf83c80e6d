//! The sorted dictionary: each k-mer by itself, sorted by hash.

pub(crate) mod layout;
pub(crate) mod page;

pub use layout::Layout;
