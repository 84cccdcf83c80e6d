//! A match of a found sequence with a true one, whichever program aligned them.

use std::ops::Range;

/// Identity that a perfect or good family needs, in percent.
pub(crate) const CLOSE_PERCENT: u64 = 95;
/// Identity that a present family needs, in percent.
pub(crate) const SIMILAR_PERCENT: u64 = 80;

/// A local alignment of a found sequence with a true one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Number of the found sequence in its library, from 0.
    pub found: u32,
    /// Number of the true sequence in its library, from 0.
    pub truth: u32,
    /// Bases of the found sequence, 0-based and half-open, on its forward strand.
    pub found_range: Range<u32>,
    /// Bases of the true sequence, likewise.
    pub truth_range: Range<u32>,
    /// Whether the identity is 95 % or more.
    pub is_close: bool,
    /// Whether the identity is 80 % or more.
    pub is_similar: bool,
}

impl Hit {
    /// Whether `matches` of `columns` are an identity of this percentage or more.
    pub(crate) fn has_identity(matches: u32, columns: u32, percent: u64) -> bool {
        100 * u64::from(matches) >= percent * u64::from(columns)
    }
}
