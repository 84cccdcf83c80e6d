//! The two places within a long terminal repeat element from which reverse transcription begins. A tRNA binds with its
//! 3' end behind the first terminal repeat and primes the first strand; a tract of purines before the second terminal
//! repeat primes the other one.

use std::ops::Range;

use crate::families::classify::evidence::PrimerSite;
use crate::families::classify::promoters::{BaseSet, base_sets, differences};
use crate::sequence::code::{A, G};
use crate::sequence::reverse_complement;

/// What the last 18 bases of tRNAs, CCA included, pair with, on the strand of the element: bases of the site of HIV-1.
/// Genes are those of the Genomic tRNA Database (P. P. Chan & T. M. Lowe, Nucleic Acids Res. 44 (2016) D184) of yeast,
/// fly, *Arabidopsis* and human; tRNAs are those that prime elements of these (J. Mak & L. Kleiman, J. Virol. 71 (1997)
/// 8087). The last is the half of the initiator tRNA that primes Copia (Y. Kikuchi et al., Nature 323 (1986) 824).
const SITES: [(&str, &[BaseSet]); 31] = [
    ("Met-i", &base_sets(b"TGGTAGCGCCGCTCGGTT")),
    ("Met-i", &base_sets(b"TGGTAGCAGAGCAAGGTT")),
    ("Met-i", &base_sets(b"TGGTATCAGAGCCAGGTT")),
    ("Met-i", &base_sets(b"TGGTAGCAGAGGATGGTT")),
    ("Arg", &base_sets(b"TGGCGACCGTGACAGGAC")),
    ("Arg", &base_sets(b"TGGCGATCCTGCCAGGAG")),
    ("Arg", &base_sets(b"TGGCGACTCCACTGGGGA")),
    ("Arg", &base_sets(b"TGGCGACCACAGTGGGAG")),
    ("Arg", &base_sets(b"TGGCGCGCCAGGTAGGGG")),
    ("Asp", &base_sets(b"TGGCGCCGTTGCCGGGGA")),
    ("Glu", &base_sets(b"TGGTTCCCTGACCGGGAA")),
    ("Glu", &base_sets(b"TGGTTCCCATACCGGGAA")),
    ("His", &base_sets(b"TGGTGCCGTGACTCGGAT")),
    ("His", &base_sets(b"TGGTGCCGTGACCAGGAT")),
    ("Leu", &base_sets(b"TGGTGTCAGAAGTGGGAT")),
    ("Leu", &base_sets(b"TGGTGTTGACAGTGGGAT")),
    ("Lys", &base_sets(b"TGGCGCCCGAACAGGGAC")),
    ("Lys", &base_sets(b"TGGCGCCCAACGTGGGGC")),
    ("Lys", &base_sets(b"TGGCGCCCACCGTGGGGC")),
    ("Lys", &base_sets(b"TGGCGCCGTCTGTGGGGA")),
    ("Phe", &base_sets(b"TGGTGCCGAAACCCGGGA")),
    ("Pro", &base_sets(b"TGGGGGCTCGTCCGGGAT")),
    ("Pro", &base_sets(b"TGGGGGCTCAACCGGGAT")),
    ("Ser", &base_sets(b"TGGCGCAGTCGGTAGGAT")),
    ("Ser", &base_sets(b"TGGCGCAGCCGGTAGGAT")),
    ("Ser", &base_sets(b"TGGCGACGAGGATGGGAT")),
    ("Ser", &base_sets(b"TGGCGTGAACGGCAGGAT")),
    ("Trp", &base_sets(b"TGGTGACCCCGACGTGAT")),
    ("Trp", &base_sets(b"TGGTGAACCCGACGTGAA")),
    ("Tyr", &base_sets(b"TGGTCCTTCGAGCCGGAT")),
    ("Met-i", &base_sets(b"GGTTATGGGCCCAG")),
];
/// Bases from the inner end of the first terminal repeat to the site; before it if the repeat was found too long. Those
/// of the elements of the fly have -5 to 10.
const OFFSETS: Range<usize> = 0..16;
/// Number of the offset 0.
const MAX_OVERLAP: usize = 5;
/// Bases from the first one on that pair: most elements of the fly have ten or more; of their reverse complements, none
/// has more than five.
const MIN_PAIRED: usize = 10;
/// Bases in a row that pair anywhere within the site: the first ones of some elements do not.
const MIN_PAIRED_WITHIN: usize = 12;
/// Purines in a row before the second terminal repeat: 38 of 60 elements of the fly have eight, and one of their reverse
/// complements.
const MIN_PURINES: usize = 8;
/// Bases by which the end of the tract may be off the inner end of the second terminal repeat: before it, and behind.
const TRACT_OFFSETS: [usize; 2] = [5, 3];

/// The primer-binding site behind the first terminal repeat, and the bases of the polypurine tract before the second one,
/// 0 if there is none; on the strand that has the site, or else the longer tract. `internal` are the bases of the
/// consensus between its terminal repeats.
pub(crate) fn primers(consensus: &[u8], internal: &Range<usize>) -> (Option<PrimerSite>, u64) {
    let length = consensus.len();
    let reverse: Vec<u8> = reverse_complement(consensus).collect();
    let turned = length - internal.end..length - internal.start;
    let on_strand =
        |strand: &[u8], internal: &Range<usize>| (site(strand, internal.start), tract(strand, internal.end));
    let (forward, reverse) = (on_strand(consensus, internal), on_strand(&reverse, &turned));
    let rank = |(site, tract): &(Option<PrimerSite>, u64)| (site.as_ref().map_or(0, |site| site.length), *tract);
    if rank(&reverse) > rank(&forward) { reverse } else { forward }
}

/// The site with the most bases that pair, near the start of the internal part.
fn site(strand: &[u8], start: usize) -> Option<PrimerSite> {
    let places = OFFSETS.filter_map(|offset| (start + offset).checked_sub(MAX_OVERLAP));
    let found =
        places.flat_map(|at| SITES.iter().filter_map(move |(trna, sets)| Some((paired(strand, at, sets)?, *trna))));
    let (length, trna) = found.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some(PrimerSite { trna: trna.to_owned(), length })
}

/// Bases in a row that pair with a tRNA at a place, if they are enough.
fn paired(strand: &[u8], at: usize, sets: &[BaseSet]) -> Option<u64> {
    let pairs = |i: usize| differences(strand, at + i, &sets[i..=i]) == 0;
    let (mut longest, mut first, mut run) = (0, 0, 0);
    for i in 0..sets.len() {
        run = if pairs(i) { run + 1 } else { 0 };
        longest = longest.max(run);
        if run == i + 1 {
            first = run;
        }
    }
    (first >= MIN_PAIRED || longest >= MIN_PAIRED_WITHIN).then_some(longest as u64)
}

/// Bases of the longest run of purines that ends near the end of the internal part; 0 if it is short.
fn tract(strand: &[u8], end: usize) -> u64 {
    let [before, behind] = TRACT_OFFSETS;
    let ends = end.saturating_sub(before)..=(end + behind).min(strand.len());
    let purines = |end: usize| strand[..end].iter().rev().take_while(|&&code| code == A || code == G).count();
    let longest = ends.map(purines).max().unwrap_or(0);
    if longest >= MIN_PURINES { longest as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::sequence::codes;

    fn found(before: &str, inner: &str, after: &str) -> (Option<(String, u64)>, u64) {
        let text = [before, inner, after].concat();
        let consensus: Vec<u8> = codes(text.as_bytes()).collect();
        let internal = before.len()..before.len() + inner.len();
        let (site, tract) = primers(&consensus, &internal);
        let turned: Vec<u8> = reverse_complement(&consensus).collect();
        let (other, other_tract) = primers(&turned, &(after.len()..after.len() + inner.len()));
        assert_eq!((&site, tract), (&other, other_tract), "{text}");
        (site.map(|site| (site.trna, site.length)), tract)
    }

    #[test]
    fn primers_of_known_elements() {
        let inner = |begin: &str, end: &str| format!("{begin}ACTCTTACATCGTCTATCGATTCTACTCGTACTC{end}");
        let (before, after) = ("TGTATCGATCCTAACA", "TGTATCGATCCTAACA");
        // The sites of HIV-1, of the murine leukaemia virus, of Ty1 and of Copia.
        let cases = [
            ("TGGCGCCCGAACAGGGACTTG", Some(("Lys".to_owned(), 18))),
            ("AATTTGGGGGCTCGTCCGGGATCG", Some(("Pro".to_owned(), 18))),
            ("TTGGTAGCGCCTTACTT", Some(("Met-i".to_owned(), 10))),
            ("GGTTATGGGCCCAGTCCATG", Some(("Met-i".to_owned(), 14))),
            ("TGGCGCCTTACAGTTACATCT", None),
        ];
        for (begin, wanted) in cases {
            assert_eq!(found(before, &inner(begin, "CTTAAAGGGGGAGA"), after), (wanted, 11), "{begin}");
        }
        // The tract is that of the strand with the site.
        let other_strand = inner("TCTCCCCCTTTAAGTGGTAGCGCCGCTCGGTT", "CATCATCA");
        assert_eq!(found("CATCATCATCA", &other_strand, "CATCATCATC").1, 11);
        assert_eq!(found(before, &inner("TGGCGCCCGAACAGGGACTTG", "CATCATCA"), after).1, 0);
        assert_eq!(found("", "", ""), (None, 0));
    }

    #[test]
    fn random_sequences_have_no_site() {
        let mut random = Random::new(8);
        let has_site = |_: &usize| {
            let consensus: Vec<u8> = (0..300).map(|_| random.below(4) as u8).collect();
            primers(&consensus, &(100..200)).0.is_some()
        };
        let found = (0..5_000).filter(has_site).count();
        assert!(found <= 15, "{found} of 5,000 random sequences have a primer-binding site");
    }
}
