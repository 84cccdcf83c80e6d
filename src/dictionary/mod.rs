//! How the k-mers of an index are kept: the layouts that there are, and what is the same for all of them.

pub(crate) mod divisor;
pub(crate) mod sorted;
pub(crate) mod superkmers;

use serde::{Deserialize, Serialize};

pub use sorted::Layout;
pub use superkmers::SuperKmerLayout;

/// How a dictionary keeps its k-mers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutKind {
    /// Each k-mer by itself, sorted by hash: the one for short k, and where not all k-mers are stored.
    SortedDictionary,
    /// Stretches of neighbouring k-mers with one minimizer: smaller and faster for long k.
    SuperKmers,
}

impl LayoutKind {
    /// Its name in the manifest and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::SortedDictionary => "sorted-dictionary",
            Self::SuperKmers => "super-kmers",
        }
    }
}

/// The shape of a dictionary, of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Of [`LayoutKind::SortedDictionary`].
    SortedDictionary(Layout),
    /// Of [`LayoutKind::SuperKmers`].
    SuperKmers(SuperKmerLayout),
}

impl Shape {
    /// Which kind it is.
    pub fn kind(&self) -> LayoutKind {
        match self {
            Self::SortedDictionary(_) => LayoutKind::SortedDictionary,
            Self::SuperKmers(_) => LayoutKind::SuperKmers,
        }
    }

    /// Pages in all.
    pub fn pages(&self) -> u64 {
        match self {
            Self::SortedDictionary(layout) => layout.pages,
            Self::SuperKmers(layout) => layout.pages,
        }
    }
}
