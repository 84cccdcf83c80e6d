//! The copies of a consensus: alignments from its chains, without those that more likely belong to a related family.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::Result;
use crate::families::discover::anchors::Anchor;
use crate::families::discover::chains::{Chain, ChainBuffer};
use crate::families::discover::search::Search;
use crate::families::extension::{CopyCursor, CopyExtent, Cursor, LANES, follow};
use crate::families::family::FamilyCopy;
use crate::families::parameters::{
    CLOSEST_PART, DIVERGENCE_ALLOWANCE, DIVERGENCE_FACTOR, MIN_COPY_BITS, MIN_COPY_SCORE, SAME_COPY_PART,
};
use crate::kmer::Strand;

/// How well a copy aligns to a consensus.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Similarity {
    pub(crate) score: i32,
    /// Bases of the longer side of the alignment.
    pub(crate) bases: u32,
}

impl Similarity {
    /// Of an alignment that consists of two, to the right and to the left of an anchor.
    fn of(right: &CopyExtent, left: &CopyExtent) -> Self {
        Self { score: right.score + left.score, bases: right.bases() + left.bases() }
    }

    /// About the share of bases that differ, with a match of 1 and a mismatch of -1.
    pub(crate) fn divergence(&self) -> f32 {
        (1.0 - self.score as f32 / self.bases.max(1) as f32) / 2.0
    }
}

/// A copy, and how well it aligns.
pub(crate) struct AlignedCopy {
    pub(crate) copy: FamilyCopy,
    pub(crate) similarity: Similarity,
}

/// Start of the alignment of a copy: a position of the genome, and the base of the consensus that lies there.
struct CopyStart {
    at: u64,
    strand: Strand,
    consensus: usize,
}

impl Search<'_> {
    /// The copies of a consensus that are close enough to be of its family, best first; no two are of one locus.
    pub(crate) fn family_copies(&self, consensus: &[u8]) -> Result<Vec<AlignedCopy>> {
        let mut copies = self.with_chains(consensus, MIN_COPY_BITS, |found| self.copies(found, consensus))?;
        let limit = divergence_limit(copies.iter().map(|copy| &copy.similarity));
        copies.retain(|copy| copy.similarity.divergence() <= limit);
        Ok(copies)
    }

    /// Aligns chains to the consensus, best first and a group of lanes at a time.
    fn copies(&self, found: &ChainBuffer, consensus: &[u8]) -> Vec<AlignedCopy> {
        let mut order: Vec<&Chain> = found.chains.iter().collect();
        // Stable, so that the first of equals stays first.
        order.sort_by(|a, b| b.bits.total_cmp(&a.bits));
        let mut order = order.into_iter();
        let mut copies = Vec::new();
        let mut loci = Loci::default();
        while order.len() > 0 {
            let starts = order.by_ref().map(|chain| self.start(found, chain, consensus.len()));
            let starts: Vec<CopyStart> =
                starts.filter(|start| !loci.cover(start.at, start.strand)).take(LANES).collect();
            let cursors = starts.iter().map(|start| self.cursors_at(start.at, start.strand));
            let (right, left): (Vec<Cursor>, Vec<Cursor>) = cursors.unzip();
            let towards = |cursors: Vec<Cursor>, down| {
                let cursors = cursors.into_iter().zip(&starts);
                let cursors: Vec<CopyCursor> =
                    cursors.map(|(cursor, start)| CopyCursor { cursor, from: start.consensus, down }).collect();
                self.follow(consensus, &cursors)
            };
            let (right, left) = (towards(right, false), towards(left, true));
            for ((start, right), left) in starts.iter().zip(right).zip(left) {
                let copy = start.copy(&right, &left);
                let similarity = Similarity::of(&right, &left);
                // Two chains of a group may lead to one copy.
                if similarity.score < MIN_COPY_SCORE || copy.genome.is_empty() || loci.share(&copy.genome) {
                    continue;
                }
                loci.insert(&copy.genome, copy.strand);
                copies.push(AlignedCopy { copy, similarity });
            }
        }
        copies
    }

    /// The middle of a chain, which is most likely within the copy.
    fn start(&self, found: &ChainBuffer, chain: &Chain, length: usize) -> CopyStart {
        let hit = found.hits[(chain.hits.start + chain.hits.end) / 2];
        let middle = self.table.span() / 2;
        let query = hit.query as usize + middle;
        CopyStart {
            at: hit.genome + middle as u64,
            strand: if chain.reverse { Strand::Reverse } else { Strand::Forward },
            consensus: if chain.reverse { length - 1 - query } else { query },
        }
    }

    /// How well each anchor aligns to a consensus whose base `centre` lies at it.
    pub(crate) fn similarities(&self, consensus: &[u8], centre: usize, anchors: &[Anchor]) -> Vec<Similarity> {
        let (right, left) = self.cursors(anchors);
        let towards = |cursors: Vec<Cursor>, down| {
            let cursors: Vec<CopyCursor> =
                cursors.into_iter().map(|cursor| CopyCursor { cursor, from: centre, down }).collect();
            self.follow(consensus, &cursors)
        };
        let (right, left) = (towards(right, false), towards(left, true));
        right.iter().zip(&left).map(|(right, left)| Similarity::of(right, left)).collect()
    }

    fn follow(&self, consensus: &[u8], cursors: &[CopyCursor]) -> Vec<CopyExtent> {
        let scores = &self.options.scores;
        follow(self.sample, consensus, cursors, scores, scores.cap_penalty)
    }
}

impl CopyStart {
    /// The copy with these extents to the right and to the left, as the consensus reads.
    fn copy(&self, right: &CopyExtent, left: &CopyExtent) -> FamilyCopy {
        let genome = match self.strand {
            Strand::Forward => self.at - u64::from(left.copy)..self.at + u64::from(right.copy),
            Strand::Reverse => self.at + 1 - u64::from(right.copy)..self.at + 1 + u64::from(left.copy),
        };
        let consensus =
            (self.consensus - left.consensus as usize) as u32..(self.consensus + right.consensus as usize) as u32;
        FamilyCopy { genome, strand: self.strand, consensus }
    }
}

/// The loci of the copies found so far.
#[derive(Default)]
struct Loci {
    /// End and strand of each copy, by its start.
    by_start: BTreeMap<u64, (u64, Strand)>,
    /// Bases of the longest copy.
    longest: u64,
}

impl Loci {
    /// Whether the last copy that begins at or before a position covers it, on this strand.
    fn cover(&self, at: u64, strand: Strand) -> bool {
        self.by_start.range(..=at).next_back().is_some_and(|(_, &(end, on))| end > at && on == strand)
    }

    /// Whether a copy shares more than one [`SAME_COPY_PART`]th of a range, on any strand.
    fn share(&self, range: &Range<u64>) -> bool {
        let part = (range.end - range.start) / SAME_COPY_PART;
        let mut near = self.by_start.range(range.start.saturating_sub(self.longest)..range.end);
        near.any(|(&start, &(end, _))| start.max(range.start) + part < end.min(range.end))
    }

    fn insert(&mut self, range: &Range<u64>, strand: Strand) {
        self.longest = self.longest.max(range.end - range.start);
        self.by_start.insert(range.start, (range.end, strand));
    }
}

/// Divergence above which a copy more likely belongs to a related family: from that of the closest copies, which make
/// up one [`CLOSEST_PART`]th of the aligned bases.
pub(crate) fn divergence_limit<'a>(copies: impl Iterator<Item = &'a Similarity>) -> f32 {
    let mut all: Vec<(f32, u32)> = copies.map(|copy| (copy.divergence(), copy.bases)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: u64 = all.iter().map(|(_, bases)| u64::from(*bases)).sum();
    let mut sum = 0;
    let closest = all.iter().find(|(_, bases)| {
        sum += u64::from(*bases);
        CLOSEST_PART * sum >= total
    });
    DIVERGENCE_FACTOR * closest.map_or(0.0, |(divergence, _)| *divergence) + DIVERGENCE_ALLOWANCE
}
