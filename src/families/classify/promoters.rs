//! The promoters of SINEs. RNA polymerase III reads them from two boxes within the element, as it reads the genes of
//! transfer RNA (G. Galli et al., Nature 294 (1981) 626), or from the head of 7SL RNA (E. Ullu & C. Tschudi, Nature 312
//! (1984) 171).

use std::ops::RangeInclusive;

use crate::sequence::code::{A, C, G, T};
use crate::sequence::reverse_complement;

/// A set of bases at one place, one bit for each code.
pub(super) type BaseSet = u8;

/// The bases of a letter of the IUPAC code that the sequences here have; none for others.
const fn base_set(letter: u8) -> BaseSet {
    match letter {
        b'T' => 1 << T,
        b'C' => 1 << C,
        b'A' => 1 << A,
        b'G' => 1 << G,
        b'R' => 1 << A | 1 << G,
        b'Y' => 1 << C | 1 << T,
        b'W' => 1 << A | 1 << T,
        b'K' => 1 << G | 1 << T,
        b'M' => 1 << A | 1 << C,
        b'N' => 1 << T | 1 << C | 1 << A | 1 << G,
        _ => 0,
    }
}

/// The bases of each letter.
pub(super) const fn base_sets<const N: usize>(letters: &[u8; N]) -> [BaseSet; N] {
    let mut sets = [0; N];
    let mut i = 0;
    while i < N {
        sets[i] = base_set(letters[i]);
        i += 1;
    }
    sets
}

/// The box that comes first.
pub(super) const BOX_A: [BaseSet; 11] = base_sets(b"TRGYNNARNNG");
/// The box that comes second.
pub(super) const BOX_B: [BaseSet; 9] = base_sets(b"GWTCRANNC");
/// The head of 7SL RNA, which Alu and B1 begin with: GGCCGGGCGCGGTGGCTCAC, without its first bases.
const HEAD_7SL: [BaseSet; 15] = base_sets(b"GGCGCGGTGGCTCAC");
/// Bases before box A, or before the head: in SINEs there are 5 to 16, and a consensus may have some of its flank.
const MAX_BEFORE: usize = 30;
/// Bases from the start of box A to that of box B. In the genes of tRNA there are 40 to 50; of 39 SINEs of rice 13 have
/// both boxes at such a distance, and of 965 other sequences of their length one. With one base different, as many others
/// as SINEs have them.
const DISTANCES: RangeInclusive<usize> = 34..=56;
/// Bases of the head that may differ.
const MAX_HEAD_DIFFERENCES: usize = 2;

/// The superfamily of SINEs whose promoter a consensus begins with, on either strand.
pub(super) fn sine_promoter(consensus: &[u8]) -> Option<&'static str> {
    let reverse: Vec<u8> = reverse_complement(consensus).collect();
    [consensus, &reverse].into_iter().find_map(|strand| {
        if has_boxes(strand) {
            Some("SINE/tRNA")
        } else if (0..=MAX_BEFORE).any(|at| differences(strand, at, &HEAD_7SL) <= MAX_HEAD_DIFFERENCES) {
            Some("SINE/Alu")
        } else {
            None
        }
    })
}

fn has_boxes(strand: &[u8]) -> bool {
    (0..=MAX_BEFORE)
        .filter(|&first| differences(strand, first, &BOX_A) == 0)
        .any(|first| DISTANCES.into_iter().any(|distance| differences(strand, first + distance, &BOX_B) == 0))
}

/// Bases at a place that are not of the sets; all of them if the sequence ends before.
pub(super) fn differences(strand: &[u8], at: usize, sets: &[BaseSet]) -> usize {
    let Some(part) = strand.get(at..at + sets.len()) else { return sets.len() };
    part.iter().zip(sets).filter(|&(&code, set)| code > 3 || set >> code & 1 == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::sequence::codes;

    #[test]
    fn promoters_are_found_on_both_strands() {
        // Sequence of a gene of tRNA (alanine) and the first bases of Alu.
        let cases = [
            ("GGGGGTGTAGCTCAGTGGTAGAGCGCGTGCTTCGCATGCACGAGGCCCCGGGTTCAATCCCCGGCACCTCCA", Some("SINE/tRNA")),
            ("GGCCGGGCGCGGTGGCTCACGCCTGTAATCCCAGCACTTTGGGAGGCCGAGGCGGGCGGATCACGAGGTC", Some("SINE/Alu")),
            ("GGCCGGGCGCGGAGGCTCACTCCTGTAATCCCAGCACTTTGGGAGGCCGAGGCGGGCGGATCACGAGGTC", Some("SINE/Alu")),
            ("GGCCTTGCGAGGAGGCTCACTCCTGTAATCCCAGCACTTTGGGAGGCCGAGGCGGGCGGATCACGAGGTC", None),
        ];
        for (text, wanted) in cases {
            let forward: Vec<u8> = codes(text.as_bytes()).collect();
            let reverse: Vec<u8> = reverse_complement(&forward).collect();
            assert_eq!(sine_promoter(&forward), wanted, "{text}");
            assert_eq!(sine_promoter(&reverse), wanted, "{text}");
        }
        assert_eq!(sine_promoter(&[]), None);
    }

    #[test]
    fn random_sequences_have_none() {
        let mut random = Random::new(5);
        let has_one = |_: &usize| {
            let consensus: Vec<u8> = (0..300).map(|_| random.below(4) as u8).collect();
            sine_promoter(&consensus).is_some()
        };
        let found = (0..10_000).filter(has_one).count();
        assert!(found <= 60, "{found} of 10,000 random sequences have a promoter");
    }
}
