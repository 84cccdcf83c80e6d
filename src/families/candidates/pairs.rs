//! The alignment of two occurrences of a seed, outward from it in both directions.

use std::ops::Range;

use crate::align::{Alignment, Column, Counts, Extender, Scoring, operations};
use crate::families::bases::{Bases, UNKNOWN};
use crate::families::candidates::candidate::{AlignedPair, Candidate, Occurrence};
use crate::families::parameters::{CandidateOptions, FIRST_STEP, MAX_CENTRES, PAIR_DROP, STEP_GROWTH};
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::{Index, Result};

/// Aligns the occurrences of candidates; one for each thread.
pub(crate) struct PairAligner<'a> {
    index: &'a Index,
    bases: &'a Bases,
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

    /// Reads up to `most` bases of a contig from the start on, in one direction.
    fn read(self, bases: &Bases, contig: &Range<u64>, rightward: bool, most: usize, out: &mut Vec<u8>) {
        out.clear();
        let complement = if self.strand == Strand::Reverse { 2 } else { 0 };
        let code = |code: &u8| if code & UNKNOWN != 0 { UNKNOWN } else { code & 3 ^ complement };
        if rightward == (self.strand == Strand::Forward) {
            let end = contig.end.min(self.at + most as u64);
            out.extend(bases.codes()[self.at as usize..end as usize].iter().map(code));
        } else {
            let first = contig.start.max(self.at.saturating_sub(most as u64));
            out.extend(bases.codes()[first as usize..self.at as usize].iter().rev().map(code));
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

    pub(crate) fn new(index: &'a Index, bases: &'a Bases, options: &'a CandidateOptions, scoring: &'a Scoring) -> Self {
        let (read, aligned) = Default::default();
        Self { index, bases, options, scoring, extender: Extender::default(), read, aligned, columns: Vec::new() }
    }

    /// Adds the pairs of a candidate to `out`: its first occurrence with each other one, then the first of those that
    /// did not align with each of the rest, up to [`MAX_CENTRES`] times.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Io`](crate::Error::Io) from the contigs of the index.
    pub(crate) fn pairs(&mut self, candidate: &Candidate, out: &mut Vec<AlignedPair>) -> Result<()> {
        let mut rest = candidate.occurrences.clone();
        for _ in 0..MAX_CENTRES {
            let Some((&centre, others)) = rest.split_first() else { break };
            let mut unaligned = Vec::new();
            for &other in others {
                match self.pair(centre, other)? {
                    Some(alignment) => out.push(AlignedPair { seed: candidate.seed, alignment }),
                    None => unaligned.push(other),
                }
            }
            rest = unaligned;
        }
        Ok(())
    }

    fn start(&self, occurrence: Occurrence) -> SeedStart {
        let Occurrence { strand, at } = occurrence;
        let at = if strand == Strand::Forward { at } else { at + u64::from(self.index.k()) };
        SeedStart { at, strand }
    }

    /// Aligns in one direction from two starts. Leaves the columns and the bases of both, outward.
    fn extend(&mut self, starts: [SeedStart; 2], contigs: &[Range<u64>; 2], rightward: bool) -> Arm {
        let mut step = FIRST_STEP.min(self.options.max_extend);
        loop {
            for ((start, contig), out) in starts.into_iter().zip(contigs).zip(&mut self.read) {
                start.read(self.bases, contig, rightward, step, out);
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
    fn pair(&mut self, first: Occurrence, second: Occurrence) -> Result<Option<Alignment>> {
        let starts = [first, second].map(|occurrence| self.start(occurrence));
        let contigs = [first, second].map(|occurrence| self.bases.contig_of(occurrence.at));
        let right = self.extend(starts, &contigs, true);
        for (aligned, (read, &bases)) in self.aligned.iter_mut().zip(self.read.iter().zip(&right.bases)) {
            aligned.clear();
            aligned.extend_from_slice(&read[..bases]);
        }
        let rightward = std::mem::take(&mut self.columns);
        let left = self.extend(starts, &contigs, false);
        let mut path: Vec<Column> = self.columns.iter().rev().copied().collect();
        path.extend_from_slice(&rightward);
        self.columns = rightward;
        let score = left.score + right.score;
        let e_value = self.scoring.e_value(score, self.bases.len(), self.bases.len());
        let shorter = (left.bases[0] + right.bases[0]).min(left.bases[1] + right.bases[1]) as u64;
        if e_value > self.options.max_e_value || shorter < self.options.min_length {
            return Ok(None);
        }
        for (aligned, (read, &bases)) in self.aligned.iter_mut().zip(self.read.iter().zip(&left.bases)) {
            aligned.splice(0..0, read[..bases].iter().rev().copied());
        }
        let [one, other] = [0, 1].map(|number| starts[number].span(left.bases[number], right.bases[number]));
        if one.start < other.end && other.start < one.end {
            return Ok(None);
        }
        let counts = Counts::of(&self.aligned[0], &self.aligned[1], &path);
        if second.strand == Strand::Reverse {
            path.reverse();
        }
        let all = self.index.contigs()?;
        let (query, contig) = (Contig::number_at(all, first.at), Contig::number_at(all, second.at));
        let (from, to) = (one.start - all[query].start, one.end - all[query].start);
        Ok(Some(Alignment {
            query: query as u32,
            strand: if first.strand == second.strand { Strand::Forward } else { Strand::Reverse },
            query_range: from as u32..to as u32,
            contig: contig as u32,
            range: other.start - all[contig].start..other.end - all[contig].start,
            score,
            e_value,
            counts,
            operations: operations(&path),
        }))
    }
}
