//! Sequence of low complexity, which resembles other sequence by chance and shows no common descent.
//!
//! Three related measures are kept elsewhere, since they measure other things: `candidates` the entropy of one k-mer,
//! as RepeatScout does; `align` windows of the genome during a scan; `classify` runs of A, which are the mark of an
//! RNA.

use std::ops::RangeInclusive;

/// Whether the bases that equal the one `period` bases on are at least `numerator / denominator` of all, for any
/// period.
fn is_periodic(codes: &[u8], periods: RangeInclusive<usize>, (numerator, denominator): (usize, usize)) -> bool {
    periods.into_iter().any(|period| {
        let pairs = codes.len().saturating_sub(period);
        let same = codes.iter().zip(codes.iter().skip(period)).filter(|(a, b)| a == b).count();
        denominator * same >= numerator * pairs
    })
}

/// Whether a consensus is a simple repeat: most of it repeats units of 1 to 10 bases.
///
/// Neighbouring units that each differ from their common unit in 13 % of the bases agree in three quarters of them.
/// Random bases agree in one quarter.
pub(crate) fn is_simple_repeat(consensus: &[u8]) -> bool {
    is_periodic(consensus, 1..=10, (3, 4))
}

/// Whether a terminal repeat, given as codes (unknown if above 3), may be one by chance: nine tenths of it are of two
/// bases, or four fifths repeat a unit of 1 to 4 bases. It is shorter than a consensus, and so the periods are.
pub(crate) fn is_monotonous(codes: &[u8]) -> bool {
    let mut counts = [0; 4];
    codes.iter().filter(|code| **code < 4).for_each(|&code| counts[usize::from(code)] += 1);
    counts.sort_unstable();
    10 * (counts[2] + counts[3]) >= 9 * codes.len() || is_periodic(codes, 1..=4, (4, 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_repeats_and_two_letters_are_of_low_complexity() {
        let codes = |text: &str| -> Vec<u8> {
            text.bytes().map(|letter| b"TCAG".iter().position(|&b| b == letter).expect("one of four") as u8).collect()
        };
        let unit = codes("GATTCA");
        let simple: Vec<u8> = unit.iter().copied().cycle().take(60).collect();
        assert!(is_simple_repeat(&simple) && !is_monotonous(&simple));
        assert!(is_monotonous(&codes("ATTATAATTTAATATAAATT")) && is_monotonous(&codes("GATCGATCGATCGATC")));
        let other = codes("GATTCACCGTAGGTCAATGC");
        assert!(!is_simple_repeat(&other) && !is_monotonous(&other));
        assert!(is_simple_repeat(&[]), "nothing is left of such a consensus");
    }
}
