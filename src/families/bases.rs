//! The genome as discovery and refinement read it: random access to single bases, with marks on those that may not be
//! used, is worth a byte a base.

use std::ops::Range;

use rayon::prelude::*;

use crate::families::simple_repeats::SimpleRepeatScan;
use crate::memory::{Component, Reservation};
use crate::sequence::Region;
use crate::{Index, Result};

/// Mark of a base that is not A, C, G or T.
pub(crate) const UNKNOWN: u8 = 4;
/// Mark of a base in a copy of a family that was found before.
pub(crate) const USED: u8 = 8;
/// Mark of a base in a simple repeat: no seed covers it.
pub(crate) const SIMPLE: u8 = 16;

/// Bases that one thread unpacks or counts at a time.
const CHUNK: usize = 1 << 20;

/// Bases of all contigs end to end: code in the two lowest bits, marks above them.
pub(crate) struct Bases {
    codes: Vec<u8>,
    /// Start of each contig, and the end of the last.
    starts: Vec<u64>,
    _reservation: Reservation,
}

impl Bases {
    /// Unpacks the genome of an index.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for it;
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Io`](crate::Error::Io) from the genome.
    pub(crate) fn of(index: &Index) -> Result<Self> {
        let contigs = index.contigs()?;
        let length = index.manifest().genome.bases;
        let tables = (contigs.len() as u64 + 1) * 8;
        let reservation = index.budget().reserve(Component::Genome, length + tables, "the genome, a byte a base")?;
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
            here.par_chunks_mut(CHUNK).enumerate().for_each(|(number, piece)| {
                let first = (number * CHUNK) as u64;
                for run in record.acgt_runs_within(first..first + piece.len() as u64) {
                    for at in run {
                        let byte = packed[(at / 4) as usize];
                        piece[(at - first) as usize] = byte >> (6 - 2 * (at % 4)) & 3;
                    }
                }
            });
        }
        Ok(Self { codes, starts, _reservation: reservation })
    }

    /// Marks simple repeats: sequence that resembles itself a few bases further on.
    pub(crate) fn mark_simple(&mut self) {
        for contig in self.starts.windows(2) {
            let codes = &self.codes[contig[0] as usize..contig[1] as usize];
            let of_period = SimpleRepeatScan::all().into_par_iter().map(|mut scan| {
                let mut found = Vec::new();
                scan.scan(codes, contig[0], 0, &mut found);
                scan.finish(&mut found);
                found
            });
            for range in of_period.collect::<Vec<_>>().into_iter().flatten() {
                self.codes[range.start as usize..range.end as usize].iter_mut().for_each(|code| *code |= SIMPLE);
            }
        }
    }

    /// Shares of T, C, A and G among the bases with none of `marks`; a quarter each if there is no such base.
    pub(crate) fn composition(&self, marks: u8) -> [f64; 4] {
        let count = |codes: &[u8]| {
            let mut counts = [0u64; 4];
            codes.iter().filter(|code| **code & marks == 0).for_each(|code| counts[usize::from(code & 3)] += 1);
            counts
        };
        let pieces = self.codes.par_chunks(CHUNK).map(count);
        shares(pieces.reduce(|| [0; 4], |a, b| std::array::from_fn(|i| a[i] + b[i])))
    }

    /// Bases of the genome.
    pub(crate) fn len(&self) -> u64 {
        self.codes.len() as u64
    }

    /// The codes of all bases, with their marks.
    pub(crate) fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// Marks a range as a copy of a family.
    pub(crate) fn mark_used(&mut self, range: &Range<u64>) {
        self.codes[range.start as usize..range.end as usize].iter_mut().for_each(|code| *code |= USED);
    }

    /// Bases of a range that are in no copy of a family.
    pub(crate) fn count_unused(&self, range: &Range<u64>) -> u64 {
        self.codes[range.start as usize..range.end as usize].iter().filter(|code| **code & USED == 0).count() as u64
    }

    /// All contigs, as ranges of global positions.
    pub(crate) fn contigs(&self) -> impl ExactSizeIterator<Item = Range<u64>> + '_ {
        self.starts.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// The contig of a position, as a range of global positions.
    pub(crate) fn contig_of(&self, at: u64) -> Range<u64> {
        let next = self.starts.partition_point(|&start| start <= at).clamp(1, self.starts.len() - 1);
        self.starts[next - 1]..self.starts[next]
    }

    /// Global position of the first base of a contig.
    pub(crate) fn start_of(&self, contig: u32) -> u64 {
        self.starts[contig as usize]
    }

    /// A range with `flank` bases to either side, within its contig.
    pub(crate) fn around(&self, range: &Range<u64>, flank: u64) -> Range<u64> {
        let contig = self.contig_of(range.start);
        range.start.saturating_sub(flank).max(contig.start)..(range.end + flank).min(contig.end)
    }
}

/// Each of four counts as a share of their sum; a quarter each if it is 0.
pub(crate) fn shares(counts: [u64; 4]) -> [f64; 4] {
    let sum = counts.iter().sum::<u64>();
    if sum == 0 { [0.25; 4] } else { counts.map(|n| n as f64 / sum as f64) }
}
