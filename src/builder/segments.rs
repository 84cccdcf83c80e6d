//! The packed genome as a build scans it: segments without ambiguous letters, divided among threads.

use std::ops::Range;

use crate::Result;
use crate::genome::{Contig, TwoBit};
use crate::kmer::{KmerCodec, Minimizers, SuperKmer};
use crate::memory::{Budget, Component, Reservation};

/// Maximum k-mers of a segment: few enough to divide a small genome evenly, and many compared with the cost of a
/// segment.
const MAX_SEGMENT_KMERS: u64 = 1 << 16;

/// A run of A, C, G and T of one contig.
#[derive(Debug, Clone)]
pub(crate) struct Segment<'a> {
    /// Packed bases of its contig.
    packed: &'a [u8],
    /// Bases of the contig, 0-based half-open; adjacent segments overlap by k - 1.
    range: Range<u64>,
    /// Global offset of the contig.
    start: u64,
    kmers: u64,
}

impl<'a> Segment<'a> {
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

/// All k-mers of a genome, in order.
#[derive(Debug)]
pub(crate) struct GenomeSegments<'a> {
    codec: KmerCodec,
    segments: Vec<Segment<'a>>,
    kmers: u64,
    _reservation: Reservation,
}

impl<'a> GenomeSegments<'a> {
    /// Divides a genome into segments.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if their list does not fit the budget.
    pub(crate) fn new(genome: &'a TwoBit, contigs: &[Contig], codec: KmerCodec, budget: &Budget) -> Result<Self> {
        let k = u64::from(codec.k());
        let mut count = 0;
        for contig in contigs {
            let runs = genome.record_at(contig.record)?.acgt_runs();
            count +=
                runs.map(|run| (run.end - run.start + 1).saturating_sub(k).div_ceil(MAX_SEGMENT_KMERS)).sum::<u64>();
        }
        let reservation = budget.reserve(Component::Contigs, Self::bytes(count), "the genome's list of pieces")?;
        let mut segments = Vec::with_capacity(count as usize);
        let mut kmers = 0;
        for contig in contigs {
            let record = genome.record_at(contig.record)?;
            for run in record.acgt_runs() {
                let mut at = run.start;
                while at + k <= run.end {
                    let count = (run.end - at + 1 - k).min(MAX_SEGMENT_KMERS);
                    segments.push(Segment {
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
        Ok(Self { codec, segments, kmers, _reservation: reservation })
    }

    /// Bytes of a list of `count` segments.
    pub(crate) fn bytes(count: u64) -> u64 {
        count * size_of::<Segment<'_>>() as u64
    }

    /// Approximate number of segments of a genome with `contigs` contigs and `bases` bases.
    pub(crate) fn expected(contigs: u64, bases: u64) -> u64 {
        contigs + bases / MAX_SEGMENT_KMERS
    }

    /// K-mers of the genome, every occurrence.
    pub(crate) fn kmers(&self) -> u64 {
        self.kmers
    }

    /// Divides the genome into at most `count` spans: runs of whole segments, in order, of about the same number of
    /// k-mers.
    pub(crate) fn spans(&self, count: usize) -> Vec<&[Segment<'a>]> {
        let mut spans = Vec::with_capacity(count);
        let (mut rest, mut left) = (&self.segments[..], self.kmers);
        for i in 0..count as u64 {
            let wanted = left.div_ceil(count as u64 - i);
            let mut taken = 0;
            let length = rest.iter().take_while(|p| {
                let more = taken < wanted;
                taken += if more { p.kmers } else { 0 };
                more
            });
            let (span, others) = rest.split_at(length.count());
            left -= span.iter().map(|p| p.kmers).sum::<u64>();
            rest = others;
            if !span.is_empty() {
                spans.push(span);
            }
        }
        spans
    }

    /// Calls `each(hash, position)` for every k-mer of a span in order, and `done(kmers)` after each segment. A
    /// position is twice the global base offset plus the strand.
    #[inline(always)]
    pub(crate) fn scan(&self, span: &[Segment<'_>], mut each: impl FnMut(u64, u64), mut done: impl FnMut(u64)) {
        for segment in span {
            self.codec.scan_packed(segment.packed, segment.range.clone(), |at, hash, reverse| {
                each(hash, (segment.start + at) << 1 | u64::from(reverse));
            });
            done(segment.kmers);
        }
    }

    /// Calls `each` for every super-k-mer of a span in order, and `done(kmers)` after each segment. Super-k-mers do not
    /// cross the end of a segment.
    #[inline(always)]
    pub(crate) fn scan_super_kmers<'s>(
        &self,
        minimizers: &Minimizers,
        span: &'s [Segment<'s>],
        mut each: impl FnMut(&'s Segment<'s>, SuperKmer),
        mut done: impl FnMut(u64),
    ) {
        for segment in span {
            minimizers.scan_packed(segment.packed, segment.range.clone(), |s| each(segment, s));
            done(segment.kmers);
        }
    }
}

/// The number of spans into which `threads` threads divide a scan: four times the threads, so that one that is
/// interrupted does not delay the others, and enough that the records of one bin and span fit a 32-bit count.
pub(crate) fn span_count(threads: usize, kmers: u64) -> usize {
    (threads * 4).max((kmers >> 31) as usize + 1)
}
