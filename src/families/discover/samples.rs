//! Samples of a large genome: most families are found in a part of it, and the families of one sample need not be found
//! again in the next.

use std::ops::Range;

use crate::align::ContigRange;
use crate::families::parameters::{
    FIRST_SAMPLE, MAX_SAMPLE, MAX_WHOLE_GENOME, SAMPLE_GROWTH, SAMPLE_LIMIT, SAMPLE_TILES, SampleOptions,
};
use crate::genome::Contig;

/// The samples of a genome, each as ranges of its contigs, sorted, without overlaps. No two share a base.
pub(crate) fn samples(contigs: &[Contig], options: &SampleOptions) -> Vec<Vec<ContigRange>> {
    let length: u64 = contigs.iter().map(|contig| contig.length).sum();
    let tile_length = tile_length(options);
    sizes(length, options)
        .into_iter()
        .map(|ranks| {
            let mut ranges = Vec::new();
            for (number, contig) in (0..).zip(contigs) {
                let end = contig.start + contig.length;
                for tile in contig.start / tile_length..end.div_ceil(tile_length) {
                    if !ranks.contains(&rank(tile, length, options.seed)) {
                        continue;
                    }
                    let start = (tile * tile_length).max(contig.start) - contig.start;
                    let end = ((tile + 1) * tile_length).min(end) - contig.start;
                    match ranges.last_mut() {
                        Some(ContigRange { contig, range }) if *contig == number && range.end == start => {
                            range.end = end;
                        }
                        _ if start < end => ranges.push(ContigRange { contig: number, range: start..end }),
                        _ => {}
                    }
                }
            }
            ranges
        })
        .collect()
}

/// The number of samples of a genome of this many bases.
pub(crate) fn sample_count(length: u64, options: &SampleOptions) -> u32 {
    sizes(length, options).len() as u32
}

/// Samples as ranges of [`rank`]: all of a small genome at once; else a small one, from which the most frequent families
/// are found, and larger ones up to the limit.
fn sizes(length: u64, options: &SampleOptions) -> Vec<Range<u64>> {
    if options.first.is_none() && length <= MAX_WHOLE_GENOME {
        return (length > 0).then_some(0..length).into_iter().collect();
    }
    let limit = options.limit.unwrap_or(SAMPLE_LIMIT).min(length);
    let mut size = options.first.unwrap_or(FIRST_SAMPLE).max(SAMPLE_TILES.0);
    let mut samples = Vec::new();
    let mut start = 0;
    while start < limit {
        // A rest smaller than half of a sample joins it.
        let end = if start.saturating_add(size).saturating_add(size / 2) > limit { limit } else { start + size };
        samples.push(start..end);
        (start, size) = (end, size.saturating_mul(SAMPLE_GROWTH).min(MAX_SAMPLE.max(size)));
    }
    samples
}

/// Bases of a tile: an eighth of a small first sample.
fn tile_length(options: &SampleOptions) -> u64 {
    (options.first.unwrap_or(FIRST_SAMPLE) / 8).clamp(SAMPLE_TILES.0, SAMPLE_TILES.1)
}

/// 2^32 divided by the golden ratio, whose multiples are spread most evenly.
const GOLDEN: u32 = 0x9e37_79b1;

/// Rank of a tile, from 0 to `length`, in an order in which consecutive ranks lie all over the genome. Another seed is
/// another order.
fn rank(tile: u64, length: u64, seed: u64) -> u64 {
    let number = (tile as u32).wrapping_add(seed as u32).wrapping_mul(GOLDEN);
    ((u128::from(number) * u128::from(length)) >> 32) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contigs(lengths: &[u64]) -> Vec<Contig> {
        let mut start = 0;
        let contig = |(number, &length): (usize, &u64)| {
            start += length;
            let (name, description) = (number.to_string(), String::new());
            Contig { name, description, length, start: start - length, record: 0 }
        };
        lengths.iter().enumerate().map(contig).collect()
    }

    #[test]
    fn samples_do_not_overlap_and_each_lies_all_over_the_genome() {
        let all = |first, limit, seed| SampleOptions { first, limit, seed };
        assert_eq!(samples(&contigs(&[100 << 20]), &all(None, None, 0)).len(), 1);
        assert_eq!(samples(&contigs(&[]), &all(None, None, 0)).len(), 0);
        for (lengths, first, limit) in [
            (vec![1_000_000_000, 3, 0, 900_000_000], None, None),
            (vec![5_000_000_000; 2], None, None),
            (vec![30_000_000], Some(1 << 20), None),
            (vec![700; 50_000], Some(4 << 20), Some(12 << 20)),
            (vec![400_000_000], None, Some(u64::MAX)),
        ] {
            let contigs = contigs(&lengths);
            let length: u64 = lengths.iter().sum();
            let found = samples(&contigs, &all(first, limit, 0));
            assert!(found.len() > 1);
            let mut ranges: Vec<(u32, Range<u64>)> =
                found.iter().flatten().map(|r| (r.contig, r.range.clone())).collect();
            ranges.sort_by_key(|(contig, range)| (*contig, range.start));
            for (contig, range) in &ranges {
                assert!(range.start < range.end && range.end <= lengths[*contig as usize]);
            }
            assert!(ranges.windows(2).all(|pair| pair[0].0 < pair[1].0 || pair[0].1.end <= pair[1].1.start));
            let total: u64 = ranges.iter().map(|(_, range)| range.end - range.start).sum();
            let limit = limit.unwrap_or(SAMPLE_LIMIT).min(length);
            let tile = tile_length(&all(first, None, 0));
            assert!(total.abs_diff(limit) <= 4 * tile, "{total} of {limit}");
            // The sample lies in each tenth of the genome.
            let bases_in = |tenth: u64, sample: &[ContigRange]| -> u64 {
                let part = tenth * length / 10..(tenth + 1) * length / 10;
                let overlap = |r: &ContigRange| {
                    let start = contigs[r.contig as usize].start;
                    (start + r.range.end).min(part.end).saturating_sub((start + r.range.start).max(part.start))
                };
                sample.iter().map(overlap).sum()
            };
            for sample in &found {
                let size: u64 = sample.iter().map(|r| r.range.end - r.range.start).sum();
                if size >= 40 * tile && length >= 100 * tile {
                    assert!((0..10).all(|tenth| 20 * bases_in(tenth, sample) > size), "{size}");
                }
            }
        }
        let big = contigs(&[1_000_000_000]);
        assert_ne!(samples(&big, &all(None, None, 0)), samples(&big, &all(None, None, 1)));
    }
}
