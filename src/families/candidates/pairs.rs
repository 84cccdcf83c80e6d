//! The alignment of two occurrences of a seed, outward from it in both directions.

use std::ops::Range;

use crate::align::{Alignment, Column, Counts, Extender, Operations, Scoring};
use crate::families::candidates::candidate::{AlignedPair, Candidate, CandidateBatch, Occurrence};
use crate::families::candidates::packed_genome::PackedGenome;
use crate::families::parameters::{CandidateOptions, FIRST_STEP, MAX_CENTRES, PAIR_DROP, STEP_GROWTH};
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::query::Charge;
use crate::sequence::NO_BASE;

/// Aligns the occurrences of candidates; one for each thread.
pub(crate) struct PairAligner<'a> {
    genome: &'a PackedGenome<'a>,
    /// Bases of a seed.
    k: u64,
    options: &'a CandidateOptions,
    scoring: &'a Scoring,
    extender: Extender,
    /// Bases of either occurrence in one direction, outward.
    read: [Vec<u8>; 2],
    /// Bases of either occurrence in the whole alignment.
    aligned: [Vec<u8>; 2],
    columns: Vec<Column>,
}

/// Start of the seed of an occurrence, as it reads: a boundary between two bases of the genome.
#[derive(Clone, Copy)]
struct SeedStart {
    at: u64,
    strand: Strand,
    /// Number of its contig.
    contig: usize,
}

/// An alignment in one direction: its score, and the bases of either occurrence.
struct Arm {
    score: i32,
    bases: [usize; 2],
}

impl SeedStart {
    /// The range of the genome from `left` bases before the start to `right` bases after it, as the seed reads.
    fn span(self, left: usize, right: usize) -> Range<u64> {
        let (left, right) = (left as u64, right as u64);
        match self.strand {
            Strand::Forward => self.at - left..self.at + right,
            Strand::Reverse => self.at - right..self.at + left,
        }
    }

    /// Reads up to `most` bases of its contig from the start on, in one direction.
    fn read(self, genome: &PackedGenome<'_>, rightward: bool, most: usize, out: &mut Vec<u8>) {
        let Contig { start, length, .. } = genome.contigs()[self.contig];
        let is_ascending = rightward == (self.strand == Strand::Forward);
        let range = if is_ascending {
            self.at..(start + length).min(self.at + most as u64)
        } else {
            start.max(self.at.saturating_sub(most as u64))..self.at
        };
        out.clear();
        genome.codes(self.contig, range.start - start..range.end - start, out);
        if !is_ascending {
            out.reverse();
        }
        if self.strand == Strand::Reverse {
            out.iter_mut().filter(|code| **code < NO_BASE).for_each(|code| *code ^= 2);
        }
    }
}

impl<'a> PairAligner<'a> {
    /// Bytes of the dynamic program of extensions of up to `max_extend` bases.
    pub(crate) fn bytes(max_extend: usize) -> u64 {
        // Cells of the trace of a row, and its offset.
        const ROW: usize = 64 + 4;
        // Rows beyond the last base.
        const PADDING: usize = 64;
        // The bases themselves and the path.
        const BASE: usize = 8;
        (2 * (max_extend + PADDING) * ROW + BASE * max_extend) as u64
    }

    /// For the occurrences of k-mers of `k` bases.
    pub(crate) fn new(
        genome: &'a PackedGenome<'a>,
        k: u32,
        options: &'a CandidateOptions,
        scoring: &'a Scoring,
    ) -> Self {
        let (read, aligned) = Default::default();
        let (k, extender) = (u64::from(k), Extender::default());
        Self { genome, k, options, scoring, extender, read, aligned, columns: Vec::new() }
    }

    /// The pairs of all candidates of a batch; `charge` becomes that of the pairs.
    pub(crate) fn align(&mut self, batch: &CandidateBatch, charge: &mut Charge) -> Vec<AlignedPair> {
        let mut aligned = Vec::new();
        for candidate in &batch.candidates {
            self.pairs(candidate, &mut aligned);
        }
        let operations: u64 = aligned.iter().map(|pair| pair.alignment.operations.bytes()).sum();
        charge.resize((aligned.capacity() * size_of::<AlignedPair>()) as u64 + operations);
        aligned
    }

    /// Adds the pairs of a candidate to `out`: its first occurrence with each other one, then the first of those that
    /// did not align with each of the rest, up to [`MAX_CENTRES`] times.
    fn pairs(&mut self, candidate: &Candidate, out: &mut Vec<AlignedPair>) {
        let mut rest = candidate.occurrences.clone();
        for _ in 0..MAX_CENTRES {
            let Some((&centre, others)) = rest.split_first() else { break };
            let mut unaligned = Vec::new();
            for &other in others {
                match self.pair(centre, other) {
                    Some(alignment) => out.push(AlignedPair { seed: candidate.seed, alignment }),
                    None => unaligned.push(other),
                }
            }
            rest = unaligned;
        }
    }

    fn start(&self, occurrence: Occurrence) -> SeedStart {
        let Occurrence { strand, at } = occurrence;
        let contig = Contig::number_at(self.genome.contigs(), at);
        let at = if strand == Strand::Forward { at } else { at + self.k };
        SeedStart { at, strand, contig }
    }

    /// Aligns in one direction from two starts. Leaves the columns and the bases of both, outward.
    fn extend(&mut self, starts: [SeedStart; 2], rightward: bool) -> Arm {
        let mut step = FIRST_STEP.min(self.options.max_extend);
        loop {
            for (start, out) in starts.into_iter().zip(&mut self.read) {
                start.read(self.genome, rightward, step, out);
            }
            self.columns.clear();
            let [first, second] = &self.read;
            let extent = self.extender.extend(first, second, self.scoring, PAIR_DROP, None, &mut self.columns);
            if !extent.cut || step >= self.options.max_extend {
                return Arm { score: extent.score, bases: [extent.query, extent.genome] };
            }
            step = (STEP_GROWTH * step).min(self.options.max_extend);
        }
    }

    /// The alignment of two occurrences, if it is good and long enough and the two do not overlap.
    fn pair(&mut self, first: Occurrence, second: Occurrence) -> Option<Alignment> {
        let starts = [first, second].map(|occurrence| self.start(occurrence));
        let right = self.extend(starts, true);
        for (aligned, (read, &bases)) in self.aligned.iter_mut().zip(self.read.iter().zip(&right.bases)) {
            aligned.clear();
            aligned.extend_from_slice(&read[..bases]);
        }
        let rightward = std::mem::take(&mut self.columns);
        let left = self.extend(starts, false);
        let mut path: Vec<Column> = self.columns.iter().rev().copied().collect();
        path.extend_from_slice(&rightward);
        self.columns = rightward;
        let score = left.score + right.score;
        let e_value = self.scoring.e_value(score, self.genome.length(), self.genome.length());
        let shorter = (left.bases[0] + right.bases[0]).min(left.bases[1] + right.bases[1]) as u64;
        if e_value > self.options.max_e_value || shorter < self.options.min_length {
            return None;
        }
        for (aligned, (read, &bases)) in self.aligned.iter_mut().zip(self.read.iter().zip(&left.bases)) {
            aligned.splice(0..0, read[..bases].iter().rev().copied());
        }
        let [one, other] = [0, 1].map(|number| starts[number].span(left.bases[number], right.bases[number]));
        if one.start < other.end && other.start < one.end {
            return None;
        }
        let counts = Counts::of(&self.aligned[0], &self.aligned[1], &path);
        if second.strand == Strand::Reverse {
            path.reverse();
        }
        let (query, contig) = (starts[0].contig, starts[1].contig);
        let [query_start, contig_start] = [query, contig].map(|number| self.genome.contigs()[number].start);
        let (from, to) = (one.start - query_start, one.end - query_start);
        Some(Alignment {
            query: query as u32,
            strand: if first.strand == second.strand { Strand::Forward } else { Strand::Reverse },
            query_range: from as u32..to as u32,
            contig: contig as u32,
            range: other.start - contig_start..other.end - contig_start,
            score,
            e_value,
            counts,
            operations: Operations::new(&path),
        })
    }
}
