//! Finds simple repeats in the genome: their k-mers occur everywhere by chance of their unit and not by descent, so no
//! seed covers them.

use std::ops::Range;

use crate::families::parameters::{MAX_SIMPLE_PERIOD, MIN_SIMPLE_SCORE, SIMPLE_MISMATCH};
use crate::sequence::NO_BASE;

/// Finds the simple repeats of one period in a sequence that arrives in pieces: maximal-scoring segments of matches
/// with the base one period before.
pub(crate) struct SimpleRepeatScan {
    /// 1 to [`MAX_SIMPLE_PERIOD`] bases.
    period: usize,
    score: i32,
    best: i32,
    start: u64,
    end: u64,
}

impl SimpleRepeatScan {
    /// One scan for each period.
    pub(crate) fn all() -> [Self; MAX_SIMPLE_PERIOD] {
        std::array::from_fn(|i| Self { period: i + 1, score: 0, best: 0, start: 0, end: 0 })
    }

    /// Scans the next bases, `codes[scanned..]`. `codes[0]` is base `first` of the sequence; the bases scanned before
    /// are repeated in front, the last [`MAX_SIMPLE_PERIOD`] or all of them. Appends the repeats that end here.
    pub(crate) fn scan(&mut self, codes: &[u8], first: u64, scanned: usize, found: &mut Vec<Range<u64>>) {
        for i in scanned.max(self.period)..codes.len() {
            if codes[i] == codes[i - self.period] && codes[i] < NO_BASE {
                if self.score == 0 {
                    self.start = first + (i - self.period) as u64;
                }
                self.score += 1;
                if self.score > self.best {
                    (self.best, self.end) = (self.score, first + i as u64 + 1);
                }
            } else if self.score > 0 {
                self.score += SIMPLE_MISMATCH;
                if self.score <= 0 {
                    self.end_segment(found);
                }
            }
        }
    }

    /// Ends the sequence.
    pub(crate) fn finish(mut self, found: &mut Vec<Range<u64>>) {
        self.end_segment(found);
    }

    fn end_segment(&mut self, found: &mut Vec<Range<u64>>) {
        if self.best >= MIN_SIMPLE_SCORE {
            found.push(self.start..self.end);
        }
        (self.score, self.best) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::codes;

    fn repeats(text: &[u8], piece: usize) -> Vec<Range<u64>> {
        let codes: Vec<u8> = codes(text).collect();
        let mut found = Vec::new();
        for mut scan in SimpleRepeatScan::all() {
            for from in (0..codes.len()).step_by(piece) {
                let first = from.saturating_sub(MAX_SIMPLE_PERIOD);
                let end = codes.len().min(from + piece);
                scan.scan(&codes[first..end], first as u64, from - first, &mut found);
            }
            scan.finish(&mut found);
        }
        found
    }

    #[test]
    fn pieces_of_any_size_have_the_repeats_of_the_whole() {
        let mut state = 3u64;
        let mut text: Vec<u8> = (0..600)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                b"ACGT"[(state >> 62) as usize]
            })
            .collect();
        text.splice(100..100, b"CAT".repeat(20));
        text.splice(300..300, b"A".repeat(45));
        text.splice(320..320, *b"NNNN");
        text.extend(b"ACGTTG".repeat(9));
        let whole = repeats(&text, text.len());
        assert!(whole.iter().any(|range| range.start <= 100 && range.end >= 160), "{whole:?}");
        assert!(whole.iter().any(|range| range.end == text.len() as u64), "{whole:?}");
        for piece in [1, 5, 12, 13, 64, 333] {
            assert_eq!(repeats(&text, piece), whole, "pieces of {piece}");
        }
    }
}
