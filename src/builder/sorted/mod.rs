//! The steps of a build that makes a sorted dictionary: exact counts by bin, records of one k-mer each, and their
//! sorting.

mod bins;
mod dense;
mod estimate;
mod records;
mod sorter;
mod steps;
mod worker;

pub(crate) use records::Wide;
pub(crate) use sorter::MAX_SORTED_AT_ONCE;
pub(crate) use steps::plan;
