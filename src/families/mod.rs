//! Repeat families, found de novo in an indexed genome: consensus sequences, their copies and their classes.
//!
//! [`find_families`] does all of it: discovery ends in *drafts*, each a consensus and the positions of some copies;
//! refinement turns drafts into families that are whole, distinct and classified; statistics describe them.
//! [`candidates`] are pairs of similar positions, from the k-mers of the index alone, and
//! [`for_each_candidate_batch`] passes on what they are made from.

mod bases;
mod candidates;
mod classify;
mod copies;
mod copy_parts;
mod discover;
mod elements;
mod extension;
mod family;
mod flanks;
mod low_complexity;
mod parameters;
mod pipeline;
mod refine;
mod simple_repeats;
mod stage_file;
mod statistics;
mod terminal_repeats;

pub use candidates::{
    AlignedPair, Candidate, CandidateBatch, CandidateOutcome, CandidatePipelineConfig, CandidateStatistics, Occurrence,
    candidates, for_each_candidate_batch,
};
pub use classify::{
    CopyEnds, END_MARGIN, Evidence, OtherPart, PrimerSite, Signs, StructuralRna, TargetSite, TerminalRepeat, classify,
};
pub(crate) use classify::{LTR, UNKNOWN_CLASS, is_of_order};
pub(crate) use copy_parts::{Element, MAX_SITE_FLANK, MAX_SITE_OVERLAP, RepeatKind, target_site};
pub(crate) use discover::sample_count;
pub use discover::{Discovery, discover, families_memory};
pub use family::{Family, FamilyCopy};
pub use parameters::{CandidateOptions, DiscoverOptions, MAX_BAND, MAX_WILDCARDS, SampleOptions, Scores};
pub use pipeline::{FamilyOptions, FoundFamilies, find_families};
pub(crate) use pipeline::{FamilySearch, RefinedSearch};
pub use refine::{LeftOut, RefineOptions, Refined, RefinedFamily, refine};
pub(crate) use stage_file::{Stage, StageFile, write_copies, write_drafts, write_refined};
pub use statistics::{FamilyStatistics, SeedAlignment, seed_alignments, statistics};
pub use terminal_repeats::ElementPart;
