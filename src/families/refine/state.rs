//! The states of refinement: of one family between two rounds, and of the whole, which decides what a round does.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::align::{Alignment, ContigRange};
use crate::families::family::FamilyCopy;
use crate::families::terminal_repeats::ElementPart;

/// Maximum number of rounds in which families are split: parts of parts of a family are rare.
const MAX_SPLIT_ROUNDS: u32 = 3;

/// The work of a round on the families. The transitions are drawn in `docs/families.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Consensi are corrected and grown, at the loci of their families.
    Growing,
    /// Families have grown. The genome is searched for copies that their drafts did not show, over which they may grow
    /// again.
    Surveying,
    /// Families are split at the common ends of their copies, for the n-th time from 1. Parts do not grow any more.
    Splitting(u32),
    /// Internal parts of LTR elements are searched between copies of terminal repeats, once.
    FindingInteriors,
    /// The ends of consensi are cut back to where their copies end, since growth overshoots by chance, and families are
    /// divided into subfamilies.
    Finishing,
    /// Families that are no transposons are rejected.
    Filtering,
    /// Nothing is left but to search the genome for all copies of the families, and to filter them by these.
    Refined,
    /// Families that rejected ones had absorbed come back; the accepted ones stay as they are.
    Restoring,
}

/// The findings of a round, from which its phase follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundResult {
    /// Whether the number of rounds allows another one in which families grow.
    pub(crate) may_grow: bool,
    /// Whether any family was absorbed or explained by others.
    pub(crate) any_dropped: bool,
    /// Whether the round before left every consensus as it was.
    pub(crate) all_unchanged: bool,
    /// Whether the genome was searched for the families after they had grown.
    pub(crate) surveyed: bool,
}

impl Phase {
    /// The phase after this one. Some transitions depend on what the phase itself finds: from `FindingInteriors` to
    /// `Finishing` in the same round if there are none, and from `Filtering` to `Restoring`, `Refined`.
    pub(crate) fn next(self, result: RoundResult) -> Self {
        let RoundResult { may_grow, any_dropped, all_unchanged, surveyed } = result;
        match self {
            Self::Growing | Self::Restoring if may_grow && (any_dropped || !all_unchanged) => Self::Growing,
            Self::Growing if !surveyed => Self::Surveying,
            Self::Surveying if may_grow => Self::Growing,
            Self::Growing | Self::Surveying | Self::Restoring => Self::Splitting(1),
            Self::Splitting(times) if times < MAX_SPLIT_ROUNDS && !all_unchanged => Self::Splitting(times + 1),
            Self::Splitting(_) => Self::FindingInteriors,
            Self::FindingInteriors => Self::Finishing,
            Self::Finishing | Self::Filtering => Self::Filtering,
            Self::Refined => Self::Refined,
        }
    }
}

/// A family that was divided into subfamilies: the round in which, and its number in that round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DividedFamily {
    pub(crate) round: usize,
    pub(crate) number: usize,
}

/// A family between two rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FamilyState {
    /// Base codes 0 to 3, one a byte.
    pub(crate) consensus: Vec<u8>,
    /// The copy with which the family began.
    pub(crate) seed: FamilyCopy,
    /// Which part of an element the family represents.
    pub(crate) part: ElementPart,
    /// Bases of the terminal repeat on either side of an internal part; 0 for others.
    pub(crate) terminal_repeat: u64,
    /// The alignments of this very consensus, if the last round left it unchanged: it need not be searched again.
    pub(crate) alignments: Option<Vec<Alignment>>,
    /// Where copies of a changed consensus lie; if there are none, the genome is searched.
    #[serde(skip)]
    pub(crate) loci: Vec<ContigRange>,
    /// Mean number of copies over a column when they were last aligned; 0 if that is not known.
    pub(crate) depth: usize,
    /// Whether the alignments of this round are those of the whole genome.
    pub(crate) complete: bool,
    /// Whether the filter accepted it before others were restored. It does not change any more.
    pub(crate) accepted: bool,
    /// Families that this one contains. They are restored if the filter rejects this one.
    #[serde(skip)]
    pub(crate) absorbed: Vec<FamilyState>,
    /// If a duplication that had been restored itself absorbed it: the ranges of the copies of that duplication, in
    /// bases of all contigs end to end.
    pub(crate) source_duplication: Vec<Range<u64>>,
    /// The family of which it is a subfamily, if it is one.
    pub(crate) subfamily_of: Option<DividedFamily>,
}

impl FamilyState {
    pub(crate) fn new(consensus: Vec<u8>, seed: FamilyCopy) -> Self {
        Self {
            consensus,
            seed,
            part: ElementPart::Whole,
            terminal_repeat: 0,
            alignments: None,
            loci: Vec::new(),
            depth: 0,
            complete: false,
            accepted: false,
            absorbed: Vec::new(),
            source_duplication: Vec::new(),
            subfamily_of: None,
        }
    }

    /// Whether the last round left the consensus as it was.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.alignments.is_some()
    }

    /// Whether both are subfamilies of one family. They are as similar as duplicates, but neither is redundant.
    pub(crate) fn is_sibling(&self, other: &Self) -> bool {
        self.subfamily_of.is_some() && self.subfamily_of == other.subfamily_of
    }

    /// Whether it may absorb another family: an accepted one is absorbed by accepted ones only, and a subfamily by none
    /// of its own family.
    pub(crate) fn may_contain(&self, other: &Self) -> bool {
        other.accepted <= self.accepted && !self.is_sibling(other)
    }

    /// The successors of the family; families that it absorbed go to the first of its parts.
    pub(crate) fn replaced_by(&self, mut parts: Vec<Self>) -> Vec<Self> {
        if let Some(first) = parts.first_mut() {
            first.absorbed.clone_from(&self.absorbed);
        }
        parts
    }

    /// The same family with another consensus, without results of a round yet.
    pub(crate) fn with_consensus(&self, consensus: Vec<u8>) -> Self {
        Self { source_duplication: self.source_duplication.clone(), ..Self::new(consensus, self.seed.clone()) }
    }

    /// The same family with the alignments of this round, which the caller passes when it distributes them.
    pub(crate) fn unchanged(&self) -> Self {
        Self { alignments: Some(Vec::new()), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other_as_drawn() {
        let result = |may_grow, any_dropped, all_unchanged| {
            let surveyed = true;
            RoundResult { may_grow, any_dropped, all_unchanged, surveyed }
        };
        let unchanged = result(true, false, true);
        for growing in [Phase::Growing, Phase::Restoring] {
            assert_eq!(growing.next(result(true, true, true)), Phase::Growing);
            assert_eq!(growing.next(result(true, false, false)), Phase::Growing);
            assert_eq!(growing.next(result(false, true, false)), Phase::Splitting(1));
            assert_eq!(growing.next(unchanged), Phase::Splitting(1));
        }
        let changed = result(true, false, false);
        assert_eq!(Phase::Splitting(1).next(changed), Phase::Splitting(2));
        assert_eq!(Phase::Splitting(MAX_SPLIT_ROUNDS).next(changed), Phase::FindingInteriors);
        assert_eq!(Phase::Splitting(1).next(unchanged), Phase::FindingInteriors);
        assert_eq!(Phase::FindingInteriors.next(changed), Phase::Finishing);
        assert_eq!(Phase::Finishing.next(changed), Phase::Filtering);
        // The first time that families have grown, the genome is searched, and they may grow again.
        let grown = RoundResult { surveyed: false, ..unchanged };
        assert_eq!(Phase::Growing.next(grown), Phase::Surveying);
        assert_eq!(Phase::Surveying.next(unchanged), Phase::Growing);
    }
}
