//! Repeat families: found de novo in an indexed genome.
//!
//! Discovery ends in *drafts*: a consensus and the places of some copies. Refinement turns drafts into families that are
//! whole, apart from each other and described.

mod bases;
mod candidates;
mod classify;
mod copies;
mod discover;
mod extension;
mod flanks;
mod low_complexity;
mod refine;
mod statistics;
mod terminal_repeats;

use std::ops::Range;

pub use candidates::{
    AlignedPair, Candidate, CandidateBatch, CandidateOptions, CandidateStatistics, MOST_FREE, Occurrence, candidates,
};
pub use classify::{CopyEnds, END_MARGIN, Evidence, TargetSite, TerminalRepeat, classify};
pub use discover::{Discovery, Parameters, discover, families_memory};
pub use extension::Scores;
pub use refine::{LeftOut, RefineOptions, Refined, RefinedFamily, refine};
pub use statistics::{FamilyStatistics, SeedAlignment, seed_alignments, statistics};
pub use terminal_repeats::ElementPart;

use crate::kmer::Strand;

/// A family of repeats: its consensus and the copies that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Base codes 0 to 3 ([`base_code`](crate::sequence::base_code)), one a byte.
    pub consensus: Vec<u8>,
    /// What the family began with: the member of a pile of alignments that most others align to.
    pub seed: FamilyCopy,
    /// Copies that were aligned to the consensus, by place; of a draft not all there are.
    pub copies: Vec<FamilyCopy>,
}

/// A copy of a family in the genome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyCopy {
    /// Bases of the genome, all contigs end to end, 0-based, half-open; within one contig.
    pub genome: Range<u64>,
    /// The strand of the genome on which the consensus reads.
    pub strand: Strand,
    /// Bases of the consensus that the copy covers, 0-based, half-open.
    pub consensus: Range<u32>,
}
