//! Which k-mers are used as seeds, and which others count as the same seed.

use std::collections::BTreeSet;

use crate::families::parameters::{CandidateOptions, MIN_ENTROPY};
use crate::kmer::KmerCodec;

/// Whether a k-mer has few kinds of bases ([`MIN_ENTROPY`]).
///
/// It tests one k-mer before its positions are read, so it counts bases only. Periodic sequence is found in the genome,
/// by [`SimpleRepeatScan`](crate::families::simple_repeats::SimpleRepeatScan). Whole sequences have checks of their own
/// in refinement, classification and `align`.
pub(crate) fn is_low_complexity(codec: &KmerCodec, kmer: u64) -> bool {
    let mut counts = [0u32; 4];
    (0..codec.k()).for_each(|i| counts[(kmer >> (2 * i) & 3) as usize] += 1);
    let share = |n: u32| f64::from(n) / f64::from(codec.k());
    -counts.iter().filter(|&&n| n > 0).map(|&n| share(n) * share(n).ln()).sum::<f64>() < MIN_ENTROPY
}

/// The k-mers that count as a seed: itself, those within the mismatches of the options, and those that a pattern does
/// not distinguish from it.
pub(crate) fn neighbours(kmer: u64, k: u32, options: &CandidateOptions) -> BTreeSet<u64> {
    let mut all = BTreeSet::from([kmer]);
    let mut last: Vec<u64> = vec![kmer];
    for _ in 0..options.seed_mismatches {
        let mut next = Vec::new();
        for &kmer in &last {
            for base in 0..k {
                next.extend((1..4).map(|change| kmer ^ change << (2 * base)).filter(|&kmer| all.insert(kmer)));
            }
        }
        last = next;
    }
    for pattern in &options.patterns {
        let mut alike = vec![kmer];
        for base in (0..k).zip(pattern.iter().rev()).filter(|(_, compared)| !**compared).map(|(base, _)| base) {
            alike = alike.iter().flat_map(|&kmer| (0..4).map(move |change| kmer ^ change << (2 * base))).collect();
        }
        all.extend(alike);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_those_of_a_search_through_all_kmers() {
        let k = 5;
        let alike = |a: u64, b: u64, base: u32| (a ^ b) >> (2 * base) & 3 == 0;
        let distance = |a: u64, b: u64| (0..k).filter(|&base| !alike(a, b, base)).count() as u32;
        let pattern = [true, false, true, true, false];
        for seed in [0, 77, 1023, 512] {
            for seed_mismatches in 0..3 {
                let options = CandidateOptions { seed_mismatches, ..CandidateOptions::default() };
                let expected: BTreeSet<u64> =
                    (0..1 << (2 * k)).filter(|&kmer| distance(seed, kmer) <= seed_mismatches).collect();
                assert_eq!(neighbours(seed, k, &options), expected);
            }
            // The first letter of a pattern is that of the first base, which is the highest.
            let options = CandidateOptions { patterns: vec![pattern.to_vec()], ..CandidateOptions::default() };
            let same = |kmer: u64| [4, 2, 1].iter().all(|&base| alike(seed, kmer, base));
            let expected: BTreeSet<u64> = (0..1 << (2 * k)).filter(|&kmer| same(kmer)).collect();
            assert_eq!(neighbours(seed, k, &options), expected);
        }
    }

    #[test]
    fn kmers_of_few_letters_are_of_low_complexity() {
        let codec = KmerCodec::new(13).expect("a k");
        let low = |text: &str| is_low_complexity(&codec, codec.encode(text.as_bytes()).expect("ACGT"));
        assert!(low("AAAAAAAAAAAAA") && low("AAAAAATAAAAAA") && low("ATATATATATATA"));
        assert!(!low("ACGTTGCAGGTCA") && !low("AATTGGAATTGGA"));
    }
}
