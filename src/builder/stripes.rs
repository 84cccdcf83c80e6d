//! The packed genome as a build scans it: pieces of ACGT, shared out in stripes.

use std::ops::Range;

use crate::Result;
use crate::genome::{Contig, TwoBit};
use crate::kmer::{KmerCodec, Minimizers, SuperKmer};
use crate::memory::{Budget, Component, Reservation};

/// Most k-mers in a piece.
const PIECE: u64 = 1 << 16;

/// A stretch of packed bases without a break.
#[derive(Debug, Clone)]
pub(crate) struct Piece<'a> {
    /// Packed bases of its contig.
    packed: &'a [u8],
    /// Bases in the contig; neighbouring pieces overlap by k-1.
    range: Range<u64>,
    /// Global offset of the contig.
    start: u64,
    kmers: u64,
}

impl<'a> Piece<'a> {
    /// Packed bases of its contig.
    #[inline(always)]
    pub(crate) fn packed(&self) -> &'a [u8] {
        self.packed
    }

    /// Global offset of its contig.
    #[inline(always)]
    pub(crate) fn start(&self) -> u64 {
        self.start
    }
}

/// All k-mers of a genome, in order, as pieces.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    codec: KmerCodec,
    pieces: Vec<Piece<'a>>,
    kmers: u64,
    _held: Reservation,
}

impl<'a> Pieces<'a> {
    /// Cuts a genome into pieces.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where their list does not fit.
    pub(crate) fn of(genome: &'a TwoBit, contigs: &[Contig], codec: KmerCodec, budget: &Budget) -> Result<Self> {
        let k = u64::from(codec.k());
        let mut count = 0;
        for contig in contigs {
            let runs = genome.record_at(contig.record)?.acgt_runs();
            count += runs.map(|run| (run.end - run.start + 1).saturating_sub(k).div_ceil(PIECE)).sum::<u64>();
        }
        let held = budget.reserve(Component::Contigs, Self::bytes(count), "the genome's list of pieces")?;
        let mut pieces = Vec::with_capacity(count as usize);
        let mut kmers = 0;
        for contig in contigs {
            let record = genome.record_at(contig.record)?;
            for run in record.acgt_runs() {
                let mut at = run.start;
                while at + k <= run.end {
                    let count = (run.end - at + 1 - k).min(PIECE);
                    pieces.push(Piece {
                        packed: record.packed(),
                        range: at..at + count + k - 1,
                        start: contig.start,
                        kmers: count,
                    });
                    at += count;
                    kmers += count;
                }
            }
        }
        Ok(Self { codec, pieces, kmers, _held: held })
    }

    /// Bytes of a list of so many pieces.
    pub(crate) fn bytes(count: u64) -> u64 {
        count * size_of::<Piece<'_>>() as u64
    }

    /// Pieces of a genome of so many contigs and bases, about.
    pub(crate) fn expected(contigs: u64, bases: u64) -> u64 {
        contigs + bases / PIECE
    }

    /// K-mers in all.
    pub(crate) fn kmers(&self) -> u64 {
        self.kmers
    }

    /// At most `count` runs of whole pieces, in order, with about the same number of k-mers each.
    pub(crate) fn stripes(&self, count: usize) -> Vec<&[Piece<'a>]> {
        let mut stripes = Vec::with_capacity(count);
        let (mut rest, mut left) = (&self.pieces[..], self.kmers);
        for i in 0..count as u64 {
            let wanted = left.div_ceil(count as u64 - i);
            let mut taken = 0;
            let length = rest.iter().take_while(|p| {
                let more = taken < wanted;
                taken += if more { p.kmers } else { 0 };
                more
            });
            let (stripe, others) = rest.split_at(length.count());
            left -= stripe.iter().map(|p| p.kmers).sum::<u64>();
            rest = others;
            if !stripe.is_empty() {
                stripes.push(stripe);
            }
        }
        stripes
    }

    /// Calls `each(hash, position)` for every k-mer of a stripe in order, and `done(kmers)` after each piece.
    /// A position is twice the global base offset plus the strand.
    #[inline(always)]
    pub(crate) fn scan(&self, stripe: &[Piece<'_>], mut each: impl FnMut(u64, u64), mut done: impl FnMut(u64)) {
        for piece in stripe {
            self.codec.scan_packed(piece.packed, piece.range.clone(), |at, hash, reverse| {
                each(hash, (piece.start + at) << 1 | u64::from(reverse));
            });
            done(piece.kmers);
        }
    }

    /// Calls `each` for every super-k-mer of a stripe in order, and `done(kmers)` after each piece. Those at the end of a
    /// piece end with it.
    #[inline(always)]
    pub(crate) fn scan_super_kmers(
        &self,
        minimizers: &Minimizers,
        stripe: &[Piece<'_>],
        mut each: impl FnMut(&Piece<'_>, SuperKmer),
        mut done: impl FnMut(u64),
    ) {
        for piece in stripe {
            minimizers.scan_packed(piece.packed, piece.range.clone(), |s| each(piece, s));
            done(piece.kmers);
        }
    }
}
