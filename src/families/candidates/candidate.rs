//! The parts of candidates: occurrences of seeds, their batches, and the pairs that align.

use serde::Serialize;

use crate::align::Alignment;
use crate::kmer::Strand;

/// An occurrence of a seed, or of a k-mer that counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// The strand of the genome on which the seed reads.
    pub strand: Strand,
    /// First base in the genome, all contigs end to end, 0-based.
    pub at: u64,
}

/// A seed and its occurrences that no earlier alignment covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Code of the k-mer as it is printed.
    pub seed: u64,
    /// Two or more, by strand and position; on one strand the tandem distance or more from each other.
    pub occurrences: Vec<Occurrence>,
}

/// Candidates that are processed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateBatch {
    /// From 0, in the order of their seeds.
    pub id: u64,
    /// By falling frequency of their seeds.
    pub candidates: Vec<Candidate>,
}

/// Two occurrences that align.
#[derive(Debug, Clone, PartialEq)]
pub struct AlignedPair {
    /// Code of the k-mer that led to it.
    pub seed: u64,
    /// The alignment of the second occurrence to the first, which is its query: `query` is the contig of the first, and
    /// `query_range` are bases of that contig.
    pub alignment: Alignment,
}

/// Counts of a search for candidates. All but `batches` depends on the index and the options only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CandidateStatistics {
    /// Seeds of the index that are frequent enough.
    pub seeds: u64,
    /// Seeds that were skipped because of low complexity.
    pub low_complexity: u64,
    /// Seeds with two or more occurrences that no earlier alignment covers.
    pub candidates: u64,
    /// Batches of candidates.
    pub batches: u64,
    /// Pairs that align; 0 if candidates were not aligned.
    pub pairs: u64,
    /// Bases of the genome in pairs.
    pub bases: u64,
}
