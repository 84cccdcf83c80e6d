//! The dictionary of super-k-mers: neighbouring k-mers that share a minimizer are kept together.

pub(crate) mod page;

pub use page::SuperKmerLayout;
