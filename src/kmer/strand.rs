//! K-mers and alignments lie on one of two strands.

use serde::{Deserialize, Serialize};

/// The strand of a k-mer or an alignment, relative to a sequence or to the stored form of a k-mer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Strand {
    /// As the sequence is.
    Forward,
    /// As its reverse complement is.
    Reverse,
}

impl Strand {
    /// `Reverse` when true.
    #[inline]
    pub fn from_reverse(is_reverse: bool) -> Self {
        if is_reverse { Self::Reverse } else { Self::Forward }
    }

    /// Whether this is the reverse strand.
    #[inline]
    pub fn is_reverse(self) -> bool {
        self == Self::Reverse
    }

    /// `+` or `-`.
    #[inline]
    pub fn symbol(self) -> char {
        if self.is_reverse() { '-' } else { '+' }
    }

    /// This strand as seen from another: reverse of reverse is forward.
    #[inline]
    pub fn relative_to(self, other: Strand) -> Self {
        Self::from_reverse(self.is_reverse() != other.is_reverse())
    }
}
