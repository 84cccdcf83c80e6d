//! Genes of structural RNA. They are copied, and SINEs descend from some of them; but they do not transpose.

use crate::families::classify::promoters::{BOX_A, BOX_B, BaseSet, base_sets, differences};
use crate::sequence::code::{A, C, G, T};
use crate::sequence::reverse_complement;

/// The classes, as RepeatMasker writes them.
const TRNA: &str = "tRNA";
const RRNA: &str = "rRNA";
const SNRNA: &str = "snRNA";

/// Sequences that hardly differ between all eukaryotes: sites of universal primers for ribosomal RNA (D. J. Lane, in
/// Nucleic Acid Techniques in Bacterial Systematics (1991) 115; T. J. White et al., in PCR Protocols (1990) 315), and the
/// parts of spliceosomal RNA that pair with introns and with each other (C. Guthrie & B. Patterson, Annu. Rev. Genet. 22
/// (1988) 387).
const CONSERVED: [(&str, &[BaseSet]); 10] = [
    (RRNA, &base_sets(b"GTGYCAGCMGCCGCGGTAA")),
    (RRNA, &base_sets(b"AAACTYAAAKGAATTGRCGG")),
    (RRNA, &base_sets(b"GTACACACCGCCCGTCGC")),
    (RRNA, &base_sets(b"GTAGTCATATGCTTGTCTC")),
    (RRNA, &base_sets(b"ACCCGCTGAAYTTAAGCATAT")),
    (RRNA, &base_sets(b"GTCTTGAAACACGGACCAAGG")),
    (SNRNA, &base_sets(b"ATACTTACCTGGCAGGGGAGATACC")),
    (SNRNA, &base_sets(b"ATCGCTTCTCGGCCTTTTGGCTAAGAT")),
    (SNRNA, &base_sets(b"AGCTTTGCGCAGTGGCAGTATCG")),
    (SNRNA, &base_sets(b"ACAGAGAAGATTAGCATGGCCCCTG")),
];
/// Bases of a conserved sequence that may differ: a random sequence of 10,000 bases has one of them once in 20,000.
const MAX_DIFFERENCES: usize = 1;
/// Bases of a gene of tRNA with an intron, and of flanks that a consensus may have.
const MAX_TRNA: usize = 180;
/// Bases of the boxes of a tRNA that may differ, and that may if all bases of the stems pair.
const MAX_BOX_DIFFERENCES: [usize; 2] = [1, 2];
/// Bases from box A to box B of a tRNA, with introns and variable loops.
const BOX_DISTANCES: std::ops::RangeInclusive<usize> = 34..=110;
/// Pairs of the acceptor stem and of the T stem, 12 in all, that the two ends of a tRNA form. SINEs that descend from a
/// tRNA have lost its end.
const MIN_PAIRS: [usize; 2] = [10, 12];

/// The class of the structural RNA that a consensus is a gene of.
pub(crate) fn structural_rna(consensus: &[u8]) -> Option<&'static str> {
    let reverse: Vec<u8> = reverse_complement(consensus).collect();
    let strands = [consensus, &reverse];
    if consensus.len() <= MAX_TRNA && strands.into_iter().any(is_trna) {
        return Some(TRNA);
    }
    let found = |(_, sets): &&(&str, &[BaseSet])| {
        let has_it = |strand: &[u8]| (0..strand.len()).any(|at| differences(strand, at, sets) <= MAX_DIFFERENCES);
        strands.into_iter().any(has_it)
    };
    CONSERVED.iter().find(found).map(|(class, _)| *class)
}

/// Whether a strand has the gene of a tRNA: both boxes, and bases that pair as its stems do. Positions are those of M.
/// Sprinzl et al., Nucleic Acids Res. 26 (1998) 148: box A begins at 8, box B at 53; 1 to 7 pair with 66 to 72, 49 to 53
/// with 61 to 65.
fn is_trna(strand: &[u8]) -> bool {
    let pairs = |box_a: usize, box_b: usize| {
        let (Some(start), Some(t_stem)) = (box_a.checked_sub(7), box_b.checked_sub(4)) else { return 0 };
        let stem = |first: usize, last: usize, pairs: usize| {
            (0..pairs).filter(|&i| last.checked_sub(i).is_some_and(|last| pair(strand, first + i, last))).count()
        };
        stem(start, box_b + 19, 7) + stem(t_stem, box_b + 12, 5)
    };
    let [usual, most] = MAX_BOX_DIFFERENCES;
    let [some, all] = MIN_PAIRS;
    (0..strand.len()).any(|box_a| {
        let of_a = differences(strand, box_a, &BOX_A);
        of_a <= most
            && BOX_DISTANCES.map(|distance| box_a + distance).any(|box_b| {
                let different = of_a + differences(strand, box_b, &BOX_B);
                different <= most && pairs(box_a, box_b) >= if different <= usual { some } else { all }
            })
    })
}

/// Whether two bases of RNA pair: those of DNA, and G with U.
fn pair(strand: &[u8], one: usize, other: usize) -> bool {
    let bases = strand.get(one).zip(strand.get(other));
    matches!(bases, Some((&A, &T) | (&T, &A) | (&C, &G) | (&G, &C) | (&G, &T) | (&T, &G)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::sequence::codes;

    fn class(text: &str) -> Option<&'static str> {
        let forward: Vec<u8> = codes(text.as_bytes()).collect();
        let reverse: Vec<u8> = reverse_complement(&forward).collect();
        assert_eq!(structural_rna(&forward), structural_rna(&reverse), "{text}");
        structural_rna(&forward)
    }

    #[test]
    fn genes_of_structural_rna_are_recognized() {
        // tRNA of phenylalanine of yeast, with the intron of its gene; the same between flanks.
        let trna = "GCGGATTTAGCTCAGTTGGGAGAGCGCCAGACTGAAGAAAAAACTTCGGTCAAGTTATCTGGAGGTCCTGTGTTCGATCCACAGAATTCGCA";
        assert_eq!(class(trna), Some("tRNA"));
        assert_eq!(class(&format!("TTGACATCAGATTGA{trna}TTTTTCGTTCAAG")), Some("tRNA"));
        // U6 of man, and a part of ribosomal RNA of the small subunit.
        let u6 = "GTGCTCGCTTCGGCAGCACATATACTAAAATTGGAACGATACAGAGAAGATTAGCATGGCCCCTGCGCAAGGATGACACGCAAATTCGTGAAGCG";
        assert_eq!(class(u6), Some("snRNA"));
        assert_eq!(class("TTGGAGGGCAAGTCTGGTGCCAGCAGCCGCGGTAATTCCAGCTCCAATAGCGTATATTAAAG"), Some("rRNA"));
        // A SINE has the boxes of a tRNA, and another end.
        let sine = "GCGGATTTAGCTCAGTTGGGAGAGCGCCAGACTGAAGAAAAAACTTCGGTCAAGTTATCTGGAGGTCCTGTGTTCGATCCTTGATAACAGCTAAT";
        assert_eq!(class(sine), None);
        assert_eq!(class(""), None);
    }

    #[test]
    fn random_sequences_are_none() {
        let mut random = Random::new(6);
        for length in [80, 170, 3000] {
            for _ in 0..1000 {
                let consensus: Vec<u8> = (0..length).map(|_| random.below(4) as u8).collect();
                assert_eq!(structural_rna(&consensus), None);
            }
        }
    }
}
