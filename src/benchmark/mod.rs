//! How well a library of repeats, or a mask, agrees with a true one, by the definitions of the field, so that figures
//! of different programs can be compared.
//!
//! A *library* is scored by the true families that it has: perfect, good, present or missing ([`Recovery`]), after
//! J. M. Flynn and others, PNAS 117 (2020) 9451 (RepeatModeler2). [`find_hits`] aligns the two libraries as blastn does;
//! [`read_hits`] reads alignments of RepeatMasker instead. [`score_library`] needs nothing but the hits.
//!
//! A *mask* is scored base by base ([`MaskCounts`]), after S. Ou and others, Genome Biol. 20 (2019) 275 (EDTA).
//!
//! `docs/benchmark.md` has the definitions and compares figures with those of other programs.

mod blast;
mod hit;
mod mask_input;
mod masks;
mod recovery;
mod repeatmasker;
mod seed_table;
mod ungapped;

pub use blast::find_hits;
pub use hit::Hit;
pub(crate) use mask_input::{read_found_mask, read_true_mask};
pub use masks::MaskCounts;
pub(crate) use masks::compare_masks;
pub use recovery::{Coverage, FamilyScore, LibraryScore, Recovery, score_library};
pub use repeatmasker::read_hits;
