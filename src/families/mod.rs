//! Repeat families, found de novo in an indexed genome: consensus sequences, their copies and their classes.
//!
//! [`find_families`] does all of it: discovery ends in *drafts*, each a consensus and the positions of some copies;
//! refinement turns drafts into families that are whole, distinct and classified; statistics describe them.
//! [`candidates`] are pairs of similar positions, from the k-mers of the index alone.

mod bases;
mod candidates;
mod classify;
mod discover;
mod extension;
mod family;
mod parameters;
mod pipeline;
mod refine;
mod statistics;

pub use candidates::{AlignedPair, Candidate, CandidateBatch, CandidateStatistics, Occurrence, candidates};
pub use classify::{AROUND, CopyEnds, Evidence, TargetSite, Terminal, classify};
pub use discover::{Discovery, discover, families_memory};
pub use family::{Family, FamilyCopy};
pub use parameters::{CandidateOptions, DiscoverOptions, MAX_BAND, MAX_WILDCARDS, Scores};
pub use pipeline::{FamilyOptions, FoundFamilies, find_families};
pub use refine::{LeftOut, Part, RefineOptions, Refined, RefinedFamily, refine};
pub use statistics::{FamilyStatistics, SeedAlignment, seed_alignments, statistics};

// Former names, for modules that still use them.
use parameters::DiscoverOptions as Parameters;
