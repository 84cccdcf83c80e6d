//! Repeats diverge, so a library is found in a genome by sensitive local alignment and not by equal k-mers: every copy
//! of a query, on both strands, with its columns, divergence and E-value.
//!
//! [`search`] has four steps. Each runs in parallel and returns the same result with any number of threads:
//!
//! 1. The words of the library under spaced patterns go into a table (`seeds`), without those of low complexity.
//! 2. One scan of the genome looks up each of its words and extends each hit without gaps (`segments`, `ungapped`). No
//!    word is dropped because it is frequent.
//! 3. Segments that score well, alone or chained with others on nearby diagonals (`chain`), are extended with affine
//!    gaps (`gapped`, `extend`), the best first. A segment on an alignment that is already known is not extended again.
//! 4. Each alignment is rescored with the scores for its own divergence (`score`), and these set its ends: strict
//!    scores place the ends of young copies exactly, mild ones reach the ends of old copies. An end at the end of the
//!    query is more likely than any other.
//!
//! Tandem repeats are found without a library ([`TandemRepeat`]).

mod alignment;
mod blocks;
mod chain;
mod context;
mod extend;
mod gapped;
mod genome_range;
mod library;
mod library_text;
mod loci;
mod low_complexity;
mod operations;
mod path;
mod score;
mod search;
mod seeds;
mod segments;
mod tandem;
mod target;
mod trim;
mod undetectable;
mod ungapped;

pub use alignment::{Alignment, Counts};
pub(crate) use blocks::{FoundBlock, GenomeSearch, search_memory};
pub use context::SearchOptions;
pub(crate) use extend::{Extender, has_vector_band};
pub(crate) use genome_range::{GenomeRange, Place};
pub use library::Library;
pub(crate) use loci::{LociQuery, search_loci};
pub(crate) use operations::Column;
pub use operations::{Operation, OperationKind, Operations};
pub(crate) use score::each_column;
pub use score::{SCORE_UNITS, Scoring};
pub use search::search;
pub use tandem::{MAX_LONG_PERIOD, MAX_PERIOD, TandemRepeat, TandemSequence};
pub(crate) use tandem::{TandemArrays, tandem_repeats};
pub use target::ContigRange;
pub(crate) use target::{are_apart, genome_composition, join_ranges};
pub use trim::Trimmer;
