//! The frequency filters of an index: every layout applies the same ones when it is written and when it is checked.

use crate::format::positions::stored_positions;

/// Which k-mers an index stores, and how many of their positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filters {
    /// K-mers that occur less often are not stored.
    pub(crate) min_frequency: u64,
    /// K-mers that occur more often are not stored.
    pub(crate) max_frequency: Option<u64>,
    /// Of a k-mer with more positions, an even sample of this many is stored.
    pub(crate) max_positions: Option<u64>,
}

impl Filters {
    /// Whether k-mers of this frequency are stored.
    #[inline(always)]
    pub(crate) fn keeps(&self, frequency: u64) -> bool {
        frequency >= self.min_frequency && self.max_frequency.is_none_or(|max| frequency <= max)
    }

    /// How many positions of a k-mer of this frequency are stored.
    #[inline(always)]
    pub(crate) fn stored_positions(&self, frequency: u64) -> u64 {
        stored_positions(frequency, self.max_positions)
    }
}
