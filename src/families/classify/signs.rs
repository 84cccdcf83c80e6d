//! What the class of a family follows from.

use crate::families::classify::copy_ends::CopyEnds;
use crate::families::terminal_repeats::ElementPart;
use crate::proteins::Domain;

/// What the class of a family follows from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signs<'a> {
    /// Codes 0 to 3 of the consensus.
    pub consensus: &'a [u8],
    /// Whether most copies lie in tandem rows.
    pub tandem: bool,
    /// Whether its copies are genes, as they and the domains show.
    pub gene: bool,
    /// Which part of an element the family represents.
    pub part: ElementPart,
    /// The ends of copies; `None` if no copies are known, as of a sequence alone.
    pub copies: Option<&'a [CopyEnds]>,
    /// The ends of copies that lack the beginning of the element, if most that are not whole do, on the strand that reads
    /// so.
    pub truncated: &'a [CopyEnds],
    /// Whether the direct repeats of copies are those of insertions: both of a copy are more similar to each other than
    /// to those of other copies, or nearly equal.
    pub paired: bool,
    /// The class of the structural RNA of which it is a gene, if a list of such genes shows it.
    pub known_rna: Option<&'static str>,
    /// The protein domains of the consensus.
    pub domains: &'a [Domain],
}
