//! The genome as the search for candidates reads it: packed, as the index maps it, with a bit for each base in a
//! simple repeat. Windows of it are unpacked when they are needed, so memory does not grow by a byte a base.

use std::ops::Range;

use rayon::prelude::*;

use crate::families::bases::shares;
use crate::families::parameters::MAX_SIMPLE_PERIOD;
use crate::families::simple_repeats::SimpleRepeatScan;
use crate::genome::BaseMask;
use crate::genome::{Contig, TwoBitSequence};
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{NO_BASE, Region};
use crate::{Index, Result};

/// Bases that a thread unpacks at a time: codes and source stay in a level-2 cache.
const PIECE: u64 = 1 << 18;

/// A set of bases of the genome, empty.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if the budget has no space for it.
pub(crate) fn base_mask(bases: u64, budget: &Budget) -> Result<BaseMask> {
    BaseMask::new(bases, budget, Component::Genome, "a bit for each base of the genome")
}

/// The packed genome of an index, and its simple repeats.
pub(crate) struct PackedGenome<'i> {
    contigs: &'i [Contig],
    records: Vec<TwoBitSequence<'i>>,
    simple: BaseMask,
    length: u64,
    _reservation: Reservation,
}

impl<'i> PackedGenome<'i> {
    /// Bytes for a genome of this many contigs and bases, with those that reading its simple repeats takes.
    pub(crate) fn bytes(contigs: u64, bases: u64) -> u64 {
        let scans = rayon::current_num_threads() as u64 * PIECE.min(bases);
        contigs * size_of::<TwoBitSequence<'_>>() as u64 + BaseMask::bytes(bases) + scans
    }

    /// Checks the checksums of the genome and finds its simple repeats.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for it;
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Io`](crate::Error::Io) from the genome.
    pub(crate) fn of(index: &'i Index) -> Result<Self> {
        let (contigs, length) = (index.contigs()?, index.manifest().genome.bases);
        let mask_bytes = BaseMask::bytes(length);
        let bytes = Self::bytes(contigs.len() as u64, length) - mask_bytes;
        let mut reservation = index.budget().reserve(Component::Genome, bytes, "windows of the genome")?;
        let simple = base_mask(length, index.budget())?;
        let mut records = Vec::with_capacity(contigs.len());
        for contig in contigs {
            let region = Region { contig: contig.name.clone(), range: 0..contig.length };
            records.push(index.region_record(&region)?.1);
        }
        // Short contigs are shared among the threads, and the periods of long ones.
        let all: Vec<(&Contig, &TwoBitSequence<'_>)> = contigs.iter().zip(&records).collect();
        let (short, long): (Vec<_>, Vec<_>) = all.into_iter().partition(|(contig, _)| contig.length <= PIECE);
        short.into_par_iter().for_each_init(Vec::new, |codes, (contig, record)| {
            codes.clear();
            record.codes(0..contig.length, codes);
            let mut found = Vec::new();
            for mut scan in SimpleRepeatScan::all() {
                scan.scan(codes, contig.start, 0, &mut found);
                scan.finish(&mut found);
            }
            found.iter().for_each(|range| simple.add(range));
        });
        long.into_iter().for_each(|(contig, record)| mark_simple_repeats(contig, record, &simple));
        reservation.resize((records.capacity() * size_of::<TwoBitSequence<'_>>()) as u64);
        Ok(Self { contigs, records, simple, length, _reservation: reservation })
    }

    /// Bases of the genome.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// All contigs.
    pub(crate) fn contigs(&self) -> &'i [Contig] {
        self.contigs
    }

    /// Whether any base of a range of the genome is in a simple repeat.
    pub(crate) fn is_simple(&self, range: &Range<u64>) -> bool {
        self.simple.contains_any(range)
    }

    /// Appends the codes of a range of a contig: 0 to 3, or [`NO_BASE`].
    pub(crate) fn codes(&self, contig: usize, range: Range<u64>, out: &mut Vec<u8>) {
        self.records[contig].codes(range, out);
    }

    /// Shares of T, C, A and G among the bases outside simple repeats; a quarter each if there is no such base.
    pub(crate) fn composition(&self) -> [f64; 4] {
        let count = |codes: &mut Vec<u8>, piece: u64| {
            let range = piece * PIECE..self.length.min((piece + 1) * PIECE);
            let mut counts = [0u64; 4];
            let first = Contig::number_at(self.contigs, range.start);
            for (number, contig) in self.contigs.iter().enumerate().skip(first) {
                let (start, end) = (range.start.max(contig.start), range.end.min(contig.start + contig.length));
                if start >= range.end {
                    break;
                }
                if start >= end {
                    continue;
                }
                codes.clear();
                self.codes(number, start - contig.start..end - contig.start, codes);
                let counted =
                    codes.iter().zip(start..).filter(|&(&code, at)| code < NO_BASE && !self.simple.contains(at));
                counted.for_each(|(&code, _)| counts[usize::from(code)] += 1);
            }
            counts
        };
        let pieces = (0..self.length.div_ceil(PIECE)).into_par_iter().map_init(Vec::new, count);
        shares(pieces.reduce(|| [0; 4], |a, b| std::array::from_fn(|i| a[i] + b[i])))
    }
}

/// Marks the simple repeats of a contig, piece by piece, all periods in parallel.
fn mark_simple_repeats(contig: &Contig, record: &TwoBitSequence<'_>, simple: &BaseMask) {
    let mut scans: Vec<_> = SimpleRepeatScan::all().into_iter().map(|scan| (scan, Vec::new())).collect();
    let (mut codes, mut at, mut scanned) = (Vec::new(), 0, 0);
    while at < contig.length {
        let end = contig.length.min(at + PIECE);
        record.codes(at..end, &mut codes);
        let first = contig.start + at - scanned as u64;
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
