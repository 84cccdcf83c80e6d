//! A search divides a genome into targets: contigs, or ranges of them, each read directly from the packed genome.

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::genome::TwoBitSequence;
use crate::sequence::Region;
use crate::{Error, Index, Result};

/// A range of a contig, by the contig's number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContigRange {
    /// Number of the contig, from 0.
    pub contig: u32,
    /// Bases of the contig, 0-based and half-open.
    pub range: Range<u64>,
}

/// Joins sorted ranges that are at most `max_gap` bases from each other.
pub(crate) fn join_ranges(ranges: &mut Vec<ContigRange>, max_gap: u64) {
    ranges.dedup_by(|next, last| {
        let is_near = next.contig == last.contig && next.range.start <= last.range.end + max_gap;
        if is_near {
            last.range.end = last.range.end.max(next.range.end);
        }
        is_near
    });
}

/// Whether ranges by position, of which none overlaps another, cover half of a range or more.
pub(crate) fn cover_half(ranges: &[ContigRange], contig: u32, range: &Range<u64>) -> bool {
    let first = ranges.partition_point(|other| (other.contig, other.range.end) <= (contig, range.start));
    let covered: u64 = ranges[first..]
        .iter()
        .take_while(|other| other.contig == contig && other.range.start < range.end)
        .map(|other| other.range.end.min(range.end) - other.range.start.max(range.start))
        .sum();
    2 * covered >= range.end - range.start
}

/// Whether ranges of contigs come by position and none overlaps the next.
pub(crate) fn are_apart<'a>(ranges: impl Iterator<Item = (u32, &'a Range<u64>)> + Clone) -> bool {
    let next = ranges.clone().skip(1);
    ranges.zip(next).all(|((contig, range), (next, after))| (contig, range.end) <= (next, after.start))
}

/// A range of a contig that is searched, with its bases. Positions in it count from the start of the range.
pub(crate) struct Target<'a> {
    pub(crate) contig: u32,
    pub(crate) range: Range<u64>,
    sequence: TwoBitSequence<'a>,
}

impl Target<'_> {
    /// Bases.
    pub(crate) fn length(&self) -> u32 {
        (self.range.end - self.range.start) as u32
    }

    /// Replaces `out` with the codes of a range of the target.
    pub(crate) fn codes(&self, range: Range<u32>, out: &mut Vec<u8>) {
        out.clear();
        self.sequence.codes(self.range.start + u64::from(range.start)..self.range.start + u64::from(range.end), out);
    }
}

/// The targets of a search, checked against their checksums: `within`, or every contig. Empty ranges are left out.
///
/// # Errors
/// [`Error::NotInIndex`] for a range that is not in the genome; [`Error::Damaged`].
pub(crate) fn targets<'a>(index: &'a Index, within: Option<&[ContigRange]>) -> Result<Vec<Target<'a>>> {
    let contigs = index.contigs()?;
    let whole: Vec<ContigRange>;
    let ranges = match within {
        Some(ranges) => ranges,
        None => {
            whole = (0..).zip(contigs).map(|(contig, c)| ContigRange { contig, range: 0..c.length }).collect();
            &whole
        }
    };
    let mut targets = Vec::with_capacity(ranges.len());
    for ContigRange { contig: number, range } in ranges {
        let Some(contig) = contigs.get(*number as usize) else {
            return Err(Error::NotInIndex {
                index: index.folder().to_owned(),
                problem: format!("there is no contig number {number}; it has {}", contigs.len()),
            });
        };
        let region = Region { contig: contig.name.clone(), range: range.clone() };
        let (_, sequence) = index.region_record(&region)?;
        if !range.is_empty() {
            targets.push(Target { contig: *number, range: range.clone(), sequence });
        }
    }
    Ok(targets)
}

/// Bases of all targets.
pub(crate) fn bases(targets: &[Target<'_>]) -> u64 {
    targets.iter().map(|target| u64::from(target.length())).sum()
}

/// As [`composition`], of a whole genome.
///
/// # Errors
/// As [`targets`].
pub(crate) fn genome_composition(index: &Index) -> Result<[f64; 4]> {
    Ok(composition(&targets(index, None)?))
}

/// Shares of T, C, A and G; equal shares if the targets have no base. Counted in whole bytes of four bases, so up to
/// three bases at each end of a run of ACGT are left out.
pub(crate) fn composition(targets: &[Target<'_>]) -> [f64; 4] {
    let counts = targets
        .par_iter()
        .map(|target| {
            let mut bytes = [0u64; 256];
            for run in target.sequence.acgt_runs_within(target.range.clone()) {
                let whole = run.start.div_ceil(4) as usize..(run.end / 4) as usize;
                let packed = target.sequence.packed().get(whole).into_iter().flatten();
                packed.for_each(|&byte| bytes[usize::from(byte)] += 1);
            }
            let mut counts = [0u64; 4];
            for (byte, count) in bytes.iter().enumerate() {
                (0..4).for_each(|at| counts[byte >> (2 * at) & 3] += count);
            }
            counts
        })
        .reduce(|| [0; 4], |a, b| std::array::from_fn(|i| a[i] + b[i]));
    let sum = counts.iter().sum::<u64>();
    if sum == 0 { [0.25; 4] } else { counts.map(|count| count as f64 / sum as f64) }
}
