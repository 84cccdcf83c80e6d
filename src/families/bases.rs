//! The genome, or a sample of it, as the search for families reads it: in place, as the index maps it. Few bases are
//! read at a time, so that no copy in memory is worth its bytes.

use std::ops::Range;

use rayon::prelude::*;

use crate::align::ContigRange;
use crate::families::parameters::MAX_SIMPLE_PERIOD;
use crate::families::simple_repeats::SimpleRepeatScan;
use crate::genome::{BaseMask, Contig, TwoBitSequence};
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{NO_BASE, Region};
use crate::{Index, Result};

/// Code of a base that is not A, C, G or T.
pub(crate) const UNKNOWN: u8 = NO_BASE;

/// Bases that a thread unpacks at a time: codes and source stay in a level-2 cache.
pub(crate) const PIECE: u64 = 1 << 18;

/// A set of bases of the genome, empty.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if the budget has no space for it.
pub(crate) fn base_mask(bases: u64, budget: &Budget) -> Result<BaseMask> {
    BaseMask::new(bases, budget, Component::Genome, "a bit for each base of the genome")
}

/// A range of a contig that is read.
struct Stretch<'i> {
    record: TwoBitSequence<'i>,
    contig: u32,
    /// Its first base in the contig.
    from: u64,
}

/// Stretches of the genome end to end: all contigs, or a sample of ranges of them. Positions count from the first base
/// of the first stretch.
pub(crate) struct Bases<'i> {
    stretches: Vec<Stretch<'i>>,
    /// Start of each stretch, and the end of the last.
    starts: Vec<u64>,
    /// Positions that read as unknown, ascending.
    hidden: Vec<Range<u64>>,
    _reservation: Reservation,
}

impl<'i> Bases<'i> {
    /// Bytes of the tables for a genome of this many contigs.
    pub(crate) fn bytes(contigs: u64) -> u64 {
        contigs.saturating_mul((size_of::<Stretch<'_>>() + size_of::<u64>()) as u64)
    }

    /// All contigs of an index, after a check of their checksums.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the tables;
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Io`](crate::Error::Io) from the genome.
    pub(crate) fn of(index: &'i Index) -> Result<Self> {
        let contigs = index.contigs()?;
        let all: Vec<ContigRange> =
            (0..).zip(contigs).map(|(contig, c)| ContigRange { contig, range: 0..c.length }).collect();
        Self::of_ranges(index, &all)
    }

    /// Ranges of contigs; the others are not seen.
    ///
    /// # Errors
    /// Those of [`Bases::of`].
    pub(crate) fn of_ranges(index: &'i Index, ranges: &[ContigRange]) -> Result<Self> {
        let contigs = index.contigs()?;
        let reservation =
            index.budget().reserve(Component::Genome, Self::bytes(ranges.len() as u64 + 1), "the contigs")?;
        let (mut stretches, mut starts) = (Vec::with_capacity(ranges.len()), Vec::with_capacity(ranges.len() + 1));
        let mut at = 0;
        for ContigRange { contig, range } in ranges {
            let name = contigs[*contig as usize].name.clone();
            let record = index.region_record(&Region { contig: name, range: range.clone() })?.1;
            stretches.push(Stretch { record, contig: *contig, from: range.start });
            starts.push(at);
            at += range.end - range.start;
        }
        starts.push(at);
        Ok(Self { stretches, starts, hidden: Vec::new(), _reservation: reservation })
    }

    /// Hides positions, which ascend: they read as unknown.
    pub(crate) fn hide(&mut self, positions: Vec<Range<u64>>) {
        self.hidden = positions;
    }

    /// Bases of all stretches.
    pub(crate) fn len(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// All stretches, as ranges of positions.
    pub(crate) fn stretches(&self) -> impl ExactSizeIterator<Item = Range<u64>> + '_ {
        self.starts.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Number of the stretch of a position.
    fn number_at(&self, at: u64) -> usize {
        self.starts.partition_point(|&start| start <= at).clamp(1, self.starts.len() - 1) - 1
    }

    /// The stretch of a position, as a range of positions: a contig, or a part of it in a sample.
    pub(crate) fn contig_of(&self, at: u64) -> Range<u64> {
        let number = self.number_at(at);
        self.starts[number]..self.starts[number + 1]
    }

    /// Position of the first base of a stretch.
    pub(crate) fn start_of(&self, stretch: u32) -> u64 {
        self.starts[stretch as usize]
    }

    /// The range of the genome, all contigs end to end, that a range of positions within a stretch is.
    pub(crate) fn in_genome(&self, range: &Range<u64>, contigs: &[Contig]) -> Range<u64> {
        let number = self.number_at(range.start);
        let stretch = &self.stretches[number];
        let first = contigs[stretch.contig as usize].start + stretch.from;
        let start = first + range.start - self.starts[number];
        start..start + range.end - range.start
    }

    /// The positions of the parts of a range of a contig that the stretches have; stretches are sorted.
    pub(crate) fn positions(&self, contig: u32, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let Range { start, end } = *range;
        let length = |number: usize| self.starts[number + 1] - self.starts[number];
        // The first stretch of the contig that ends beyond the start of the range.
        let first = self.stretches.partition_point(|stretch| (stretch.contig, stretch.from) <= (contig, start));
        (first.saturating_sub(1)..self.stretches.len())
            .skip_while(move |&n| (self.stretches[n].contig, self.stretches[n].from + length(n)) <= (contig, start))
            .take_while(move |&n| (self.stretches[n].contig, self.stretches[n].from) < (contig, end))
            .map(move |n| {
                let Stretch { from, .. } = self.stretches[n];
                let (part_start, part_end) = (start.max(from) - from, end.min(from + length(n)) - from);
                self.starts[n] + part_start..self.starts[n] + part_end
            })
    }

    /// A range with `flank` bases to either side, within its stretch.
    pub(crate) fn around(&self, range: &Range<u64>, flank: u64) -> Range<u64> {
        let contig = self.contig_of(range.start);
        range.start.saturating_sub(flank).max(contig.start)..(range.end + flank).min(contig.end)
    }

    /// Appends the codes of a range of positions within a stretch: 0 to 3, or [`UNKNOWN`].
    pub(crate) fn read(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let number = self.number_at(range.start);
        let stretch = &self.stretches[number];
        let in_contig = |at: u64| at - self.starts[number] + stretch.from;
        let first = out.len();
        stretch.record.codes(in_contig(range.start)..in_contig(range.end), out);
        for hidden in &self.hidden[self.hidden.partition_point(|hidden| hidden.end <= range.start)..] {
            if hidden.start >= range.end {
                break;
            }
            let local = |at: u64| first + (at.clamp(range.start, range.end) - range.start) as usize;
            out[local(hidden.start)..local(hidden.end)].fill(UNKNOWN);
        }
    }

    /// The codes of a range of positions within a stretch: 0 to 3, or [`UNKNOWN`].
    pub(crate) fn codes(&self, range: &Range<u64>) -> Vec<u8> {
        let mut codes = Vec::with_capacity((range.end - range.start) as usize);
        self.read(range.clone(), &mut codes);
        codes
    }

    /// Ranges of at most [`PIECE`] bases, ascending, each within a stretch.
    pub(crate) fn pieces(&self) -> Vec<Range<u64>> {
        let pieces = |stretch: Range<u64>| {
            let end = stretch.end;
            stretch.step_by(PIECE as usize).map(move |from| from..end.min(from + PIECE))
        };
        self.stretches().flat_map(pieces).collect()
    }

    /// Adds the bases of simple repeats to a mask: sequence that resembles itself a few bases further on.
    pub(crate) fn mark_simple_repeats(&self, simple: &BaseMask) {
        // Short stretches are shared among the threads, and the periods of long ones.
        let (short, long): (Vec<_>, Vec<_>) =
            self.stretches().partition(|stretch| stretch.end - stretch.start <= PIECE);
        short.into_par_iter().for_each(|stretch| {
            let codes = self.codes(&stretch);
            let mut found = Vec::new();
            for mut scan in SimpleRepeatScan::all() {
                scan.scan(&codes, stretch.start, 0, &mut found);
                scan.finish(&mut found);
            }
            found.iter().for_each(|range| simple.add(range));
        });
        long.into_iter().for_each(|stretch| self.mark_in_stretch(&stretch, simple));
    }

    /// Marks the simple repeats of a stretch, piece by piece, all periods in parallel.
    fn mark_in_stretch(&self, stretch: &Range<u64>, simple: &BaseMask) {
        let mut scans: Vec<_> = SimpleRepeatScan::all().into_iter().map(|scan| (scan, Vec::new())).collect();
        let (mut codes, mut at, mut scanned) = (Vec::new(), stretch.start, 0);
        while at < stretch.end {
            let end = stretch.end.min(at + PIECE);
            self.read(at..end, &mut codes);
            let first = at - scanned as u64;
            scans.par_iter_mut().for_each(|(scan, found)| {
                scan.scan(&codes, first, scanned, found);
                found.drain(..).for_each(|range| simple.add(&range));
            });
            scanned = codes.len().min(MAX_SIMPLE_PERIOD);
            codes.drain(..codes.len() - scanned);
            at = end;
        }
        for (scan, mut found) in scans {
            scan.finish(&mut found);
            found.iter().for_each(|range| simple.add(range));
        }
    }

    /// Shares of the sixteen pairs of neighbouring bases outside of a mask, by first and second base; equal shares if there
    /// is no such pair.
    pub(crate) fn pair_shares(&self, mask: &BaseMask) -> [[f64; 4]; 4] {
        let count = |codes: &mut Vec<u8>, piece: Range<u64>| {
            codes.clear();
            self.read(piece.clone(), codes);
            for at in mask.bases_within(piece.clone()) {
                codes[(at - piece.start) as usize] = UNKNOWN;
            }
            let mut counts = [[0u64; 4]; 4];
            for pair in codes.windows(2).filter(|pair| pair[0].max(pair[1]) < UNKNOWN) {
                counts[usize::from(pair[0])][usize::from(pair[1])] += 1;
            }
            counts
        };
        let sum = |a: [[u64; 4]; 4], b: [[u64; 4]; 4]| -> [[u64; 4]; 4] {
            std::array::from_fn(|i| std::array::from_fn(|j| a[i][j] + b[i][j]))
        };
        let counts = self.pieces().into_par_iter().map_init(Vec::new, count).reduce(Default::default, sum);
        let all = counts.iter().flatten().sum::<u64>();
        counts.map(|row| row.map(|n| if all == 0 { 1.0 / 16.0 } else { n as f64 / all as f64 }))
    }

    /// Shares of T, C, A and G among the bases outside of a mask; a quarter each if there is no such base.
    pub(crate) fn composition(&self, mask: &BaseMask) -> [f64; 4] {
        let count = |codes: &mut Vec<u8>, piece: Range<u64>| {
            codes.clear();
            self.read(piece.clone(), codes);
            let mut counts = [0u64; 4];
            let counted = codes.iter().zip(piece).filter(|&(&code, at)| code < UNKNOWN && !mask.contains(at));
            counted.for_each(|(&code, _)| counts[usize::from(code)] += 1);
            counts
        };
        let counts = self.pieces().into_par_iter().map_init(Vec::new, count);
        let counts = counts.reduce(|| [0; 4], |a, b| std::array::from_fn(|i| a[i] + b[i]));
        let sum = counts.iter().sum::<u64>();
        if sum == 0 { [0.25; 4] } else { counts.map(|n| n as f64 / sum as f64) }
    }
}
