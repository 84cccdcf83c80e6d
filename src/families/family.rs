//! The value that all steps of the search for families pass on: a consensus and copies of it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::kmer::Strand;

/// A family of repeats: its consensus and the copies from which it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Base codes 0 to 3 ([`base_code`](crate::sequence::base_code)), one a byte.
    pub consensus: Vec<u8>,
    /// The copy around the point from which the family was grown.
    pub seed: FamilyCopy,
    /// Copies that align to the consensus, by position; a draft does not have all of them.
    pub copies: Vec<FamilyCopy>,
}

impl Family {
    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let lists = self.consensus.capacity() + self.copies.capacity() * size_of::<FamilyCopy>();
        (lists + size_of::<Self>()) as u64
    }
}

/// A copy of a family in the genome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyCopy {
    /// Bases of the genome, all contigs end to end, 0-based, half-open; within one contig.
    pub genome: Range<u64>,
    /// The strand of the genome on which the consensus reads.
    pub strand: Strand,
    /// Bases of the consensus that the copy covers, 0-based, half-open.
    pub consensus: Range<u32>,
}
