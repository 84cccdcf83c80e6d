//! The genome as discovery works on it: a byte a base, with what may not be used marked.

use std::ops::Range;

use rayon::prelude::*;

use crate::memory::{Component, Reservation};
use crate::sequence::Region;
use crate::{Index, Result};

/// Not A, C, G or T.
pub(crate) const UNKNOWN: u8 = 4;
/// Part of a family that was found before.
pub(crate) const TAKEN: u8 = 8;
/// Simple repeat: no seed begins there.
pub(crate) const SIMPLE: u8 = 16;

/// Bases of all contigs end to end: code in the two lowest bits, marks above them.
pub(crate) struct Bases {
    codes: Vec<u8>,
    /// Start of each contig, and the end of the last.
    starts: Vec<u64>,
    _held: Reservation,
}

impl Bases {
    /// Unpacks the genome of an index; checks it on the way.
    pub(crate) fn of(index: &Index) -> Result<Self> {
        let contigs = index.contigs()?;
        let length = index.manifest().genome.bases;
        let tables = (contigs.len() as u64 + 1) * 8;
        let held = index.budget().reserve(Component::Genome, length + tables, "the genome, a byte a base")?;
        let mut codes = vec![UNKNOWN; length as usize];
        let mut starts: Vec<u64> = contigs.iter().map(|contig| contig.start).collect();
        starts.push(length);
        let mut rest = codes.as_mut_slice();
        for contig in contigs {
            let (here, others) = rest.split_at_mut(contig.length as usize);
            rest = others;
            let region = Region { contig: contig.name.clone(), range: 0..contig.length };
            let (_, record) = index.region_record(&region)?;
            let packed = record.packed();
            here.par_chunks_mut(1 << 20).enumerate().for_each(|(number, piece)| {
                let first = (number as u64) << 20;
                for run in record.acgt_runs_within(first..first + piece.len() as u64) {
                    for at in run {
                        let byte = packed[(at / 4) as usize];
                        piece[(at - first) as usize] = byte >> (6 - 2 * (at % 4)) & 3;
                    }
                }
            });
        }
        Ok(Self { codes, starts, _held: held })
    }

    /// Marks simple repeats: runs that resemble themselves some bases on.
    pub(crate) fn mark_simple(&mut self) {
        const PERIODS: usize = 12;
        const LEAST: i32 = 20;
        for contig in self.starts.windows(2) {
            let (first, last) = (contig[0] as usize, contig[1] as usize);
            let codes = &self.codes[first..last];
            let of_period: Vec<Vec<Range<usize>>> = (1..=PERIODS)
                .into_par_iter()
                .map(|period| {
                    let mut found = Vec::new();
                    let (mut score, mut best, mut start, mut end) = (0, 0, 0, 0);
                    for i in period..codes.len() {
                        if codes[i] == codes[i - period] && codes[i] < 4 {
                            if score == 0 {
                                start = i - period;
                            }
                            score += 1;
                            if score > best {
                                (best, end) = (score, i + 1);
                            }
                        } else if score > 0 {
                            score -= 3;
                            if score <= 0 {
                                if best >= LEAST {
                                    found.push(first + start..first + end);
                                }
                                (score, best) = (0, 0);
                            }
                        }
                    }
                    if best >= LEAST {
                        found.push(first + start..first + end);
                    }
                    found
                })
                .collect();
            for range in of_period.into_iter().flatten() {
                self.codes[range].iter_mut().for_each(|code| *code |= SIMPLE);
            }
        }
    }

    /// Shares of T, C, A and G among the bases without one of `marks`; a quarter each where there are none.
    pub(crate) fn composition(&self, marks: u8) -> [f64; 4] {
        let count = |codes: &[u8]| {
            let mut counts = [0u64; 4];
            codes.iter().filter(|code| **code & marks == 0).for_each(|code| counts[usize::from(code & 3)] += 1);
            counts
        };
        let pieces = self.codes.par_chunks(1 << 20).map(count);
        let counts = pieces.reduce(|| [0; 4], |a, b| std::array::from_fn(|i| a[i] + b[i]));
        let sum = counts.iter().sum::<u64>();
        if sum == 0 { [0.25; 4] } else { counts.map(|n| n as f64 / sum as f64) }
    }

    pub(crate) fn len(&self) -> u64 {
        self.codes.len() as u64
    }

    /// All codes with their marks.
    pub(crate) fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// Marks a range as part of a family.
    pub(crate) fn take(&mut self, range: &Range<u64>) {
        self.codes[range.start as usize..range.end as usize].iter_mut().for_each(|code| *code |= TAKEN);
    }

    /// Bases of a range that no family has taken.
    pub(crate) fn free(&self, range: &Range<u64>) -> u64 {
        self.codes[range.start as usize..range.end as usize].iter().filter(|code| **code & TAKEN == 0).count() as u64
    }

    /// The contigs, as ranges of global positions.
    pub(crate) fn contigs(&self) -> impl ExactSizeIterator<Item = Range<u64>> + '_ {
        self.starts.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// The contig around a position.
    pub(crate) fn contig_of(&self, at: u64) -> Range<u64> {
        let next = self.starts.partition_point(|&start| start <= at).clamp(1, self.starts.len() - 1);
        self.starts[next - 1]..self.starts[next]
    }

    /// The first base of a contig.
    pub(crate) fn start_of(&self, contig: u32) -> u64 {
        self.starts[contig as usize]
    }

    /// A range and so many bases to either side of it, within its contig.
    pub(crate) fn around(&self, range: &Range<u64>, beside: u64) -> Range<u64> {
        let contig = self.contig_of(range.start);
        range.start.saturating_sub(beside).max(contig.start)..(range.end + beside).min(contig.end)
    }
}
