//! How an index finds a k-mer. Which layout is best depends on k and on the filters, so there are two, and the rest of
//! the crate uses them through one interface: [`ByLayout`] and `match_layout!`, the only match over layouts.
//!
//! A layout is a folder here, with the same files as its twin: `layout` (how pages are addressed), `codec` (all that
//! reading needs), `page` (the offsets of the parts of a page), `encode`, `search`, `positions`, `walk`, `batch`,
//! `verify`; its root implements the trait `codec::Codec` with them. A third layout is a third folder, a variant of
//! [`ByLayout`] and of [`LayoutKind`], and an arm of each match in this file.

pub(crate) mod batch_frequencies;
pub(crate) mod codec;
pub(crate) mod divisor;
pub(crate) mod filters;
pub(crate) mod page;
pub(crate) mod sorted;
pub(crate) mod source;
pub(crate) mod superkmers;
pub(crate) mod tally;

use serde::{Deserialize, Serialize};

use crate::format::positions::ListCode;
use crate::kmer::KmerOrder;
use filters::Filters;

pub use sorted::Layout as SortedLayout;
pub use superkmers::Layout as SuperKmerLayout;

/// The layouts of a dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LayoutKind {
    /// Each k-mer on its own, sorted by hash: for short k, and if not all k-mers are stored.
    SortedDictionary,
    /// Runs of neighbouring k-mers with one minimizer: smaller and faster for long k.
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

/// One thing for each layout: `S` for [`LayoutKind::SortedDictionary`], `K` for [`LayoutKind::SuperKmers`].
///
/// Parts that belong together are in one value (a codec with its pages, a batch with its codec), so that no value of
/// one layout is used with one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByLayout<S, K> {
    /// Of [`LayoutKind::SortedDictionary`].
    SortedDictionary(S),
    /// Of [`LayoutKind::SuperKmers`].
    SuperKmers(K),
}

/// Evaluates an expression on the content of a [`ByLayout`], whichever it is; with a third name, that is bound to the
/// constructor of the same variant: `match_layout!(codecs, codec, wrap => wrap(Pages::new(codec)))`.
macro_rules! match_layout {
    ($value:expr, $content:ident => $body:expr) => {
        match $value {
            $crate::dictionary::ByLayout::SortedDictionary($content) => $body,
            $crate::dictionary::ByLayout::SuperKmers($content) => $body,
        }
    };
    ($value:expr, $content:ident, $wrap:ident => $body:expr) => {
        match $value {
            $crate::dictionary::ByLayout::SortedDictionary($content) => {
                let $wrap = $crate::dictionary::ByLayout::SortedDictionary;
                $body
            }
            $crate::dictionary::ByLayout::SuperKmers($content) => {
                let $wrap = $crate::dictionary::ByLayout::SuperKmers;
                $body
            }
        }
    };
}
pub(crate) use match_layout;

/// The shape of a dictionary, as the manifest has it.
pub type Shape = ByLayout<SortedLayout, SuperKmerLayout>;

/// The codec of a dictionary.
pub(crate) type Codecs = ByLayout<sorted::SortedCodec, superkmers::SuperKmerCodec>;

impl Shape {
    /// Which layout it is of.
    pub fn kind(&self) -> LayoutKind {
        match self {
            Self::SortedDictionary(_) => LayoutKind::SortedDictionary,
            Self::SuperKmers(_) => LayoutKind::SuperKmers,
        }
    }

    /// Bases in a k-mer.
    pub fn k(&self) -> u32 {
        match_layout!(self, layout => layout.k)
    }

    /// Pages in all.
    pub fn pages(&self) -> u64 {
        match_layout!(self, layout => layout.pages)
    }

    /// Checks a shape read from a file before anything relies on it.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub(crate) fn check(&self) -> Result<(), String> {
        match_layout!(self, layout => layout.check().map(drop))
    }

    /// The order of its k-mers.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub(crate) fn order(&self) -> Result<KmerOrder, String> {
        match self {
            Self::SortedDictionary(layout) => layout.check().map(KmerOrder::Hash),
            Self::SuperKmers(layout) => layout.check().map(KmerOrder::Minimizer),
        }
    }

    /// The numbers by which the identities of two indexes of one genome and one k differ.
    pub(crate) fn identity_numbers(&self) -> [u64; 3] {
        match self {
            Self::SortedDictionary(layout) => [0, layout.remainder_bits.into(), layout.groups_per_page],
            Self::SuperKmers(layout) => [layout.m.into(), layout.bucket_bits.into(), layout.buckets_per_page],
        }
    }

    /// The codec of a dictionary of this shape with these filters, in a genome whose positions are coded as `lists`.
    ///
    /// # Errors
    /// A sentence if the shape contradicts itself.
    pub(crate) fn codec(&self, filters: Filters, lists: ListCode) -> Result<Codecs, String> {
        match *self {
            Self::SortedDictionary(layout) => {
                sorted::SortedCodec::new(layout, filters, lists).map(Codecs::SortedDictionary)
            }
            // All k-mers and all positions are stored, so there is nothing to filter.
            Self::SuperKmers(layout) => superkmers::SuperKmerCodec::new(layout, lists).map(Codecs::SuperKmers),
        }
    }
}
