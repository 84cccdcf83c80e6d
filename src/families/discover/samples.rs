//! Samples of a large genome: most families are found in a part of it, and their copies need not be compared
//! again.

use std::ops::Range;

use crate::families::parameters::{FIRST_SAMPLE, MAX_WHOLE_GENOME, SAMPLE_GROWTH, TILE};

/// Samples of a genome, as ranges of [`rank`]. Each is [`SAMPLE_GROWTH`] times as large as the one before; the last one
/// is the rest.
pub(crate) fn samples(length: u64, first: Option<u64>) -> Vec<Range<u64>> {
    let first = first.unwrap_or(if length > MAX_WHOLE_GENOME { FIRST_SAMPLE } else { length });
    let mut size = first.min(length).max(TILE);
    let mut samples = Vec::new();
    let mut start = 0;
    while start < length {
        // A rest smaller than the sample joins it.
        let end = if start + 2 * size > length { length } else { start + size };
        samples.push(start..end);
        (start, size) = (end, size.saturating_mul(SAMPLE_GROWTH));
    }
    samples
}

/// 2^32 divided by the golden ratio, whose multiples are spread most evenly.
const GOLDEN: u32 = 0x9e37_79b1;

/// Rank of a tile, from 0 to `length`, in an order in which consecutive ranks lie all over the genome.
pub(crate) fn rank(tile: u64, length: u64) -> u64 {
    (u64::from((tile as u32).wrapping_mul(GOLDEN)) * length) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_the_genome_each_lies_all_over_it_and_they_grow() {
        assert_eq!(samples(200 << 20, None).len(), 1);
        assert_eq!(samples(0, None), []);
        assert_eq!(samples(1000, Some(u64::MAX)).len(), 1);
        for (length, first) in
            [(1_000_000_000, None), (10_000_000, Some(1 << 20)), (3_000_000, Some(1)), (u32::MAX.into(), Some(1 << 26))]
        {
            let samples = samples(length, first);
            assert!(samples.len() > 1 && samples[0].start == 0 && samples[samples.len() - 1].end == length);
            assert!(samples.windows(2).all(|pair| pair[0].end == pair[1].start));
            let sizes: Vec<u64> = samples[..samples.len() - 1].iter().map(|sample| sample.end - sample.start).collect();
            assert!(sizes.windows(2).all(|pair| pair[1] == SAMPLE_GROWTH * pair[0]));
            let tiles: Vec<u64> =
                (0..length.div_ceil(TILE)).filter(|&tile| samples[0].contains(&rank(tile, length))).collect();
            let share = (samples[0].end as f64 / length as f64) * length.div_ceil(TILE) as f64;
            assert!((tiles.len() as f64 - share).abs() < 3.0, "{} tiles of {share}", tiles.len());
            // None is far from the next.
            let spacing = length.div_ceil(TILE) as f64 / share;
            assert!(tiles.windows(2).all(|pair| ((pair[1] - pair[0]) as f64) < 4.0 * spacing + 2.0));
            assert!((0..length.div_ceil(TILE)).all(|tile| rank(tile, length) < length));
        }
    }
}
