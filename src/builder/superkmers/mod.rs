//! The steps of a build that makes a dictionary of super-k-mers: as for the sorted dictionary, but the records are
//! super-k-mers with their context, about seven times fewer than k-mers.

mod content;
mod kmer_sample;
mod occurrence;
mod partition;
mod steps;
mod strata;
mod survey;
mod worker;

pub(crate) use steps::plan;
