//! The class of a family, as far as its consensus and the ends of its copies show it. Insertion leaves marks that need
//! no other sequence to be read. Without such marks no class is claimed, and each claim comes with its evidence.
//!
//! Signs and names are those of T. Wicker et al., Nat. Rev. Genet. 8 (2007) 973, and of RepeatMasker.

mod copy_ends;
mod evidence;
mod target_sites;

use std::ops::RangeInclusive;

use crate::families::terminal_repeats::{TerminalRepeats, direct_repeats, inverted_repeats};
use crate::sequence::code::{A, C, G, T};
pub(crate) use copy_ends::copy_ends;
use copy_ends::with_distinct_flanks;
pub use copy_ends::{CopyEnds, END_MARGIN};
pub use evidence::{Evidence, TargetSite, TerminalRepeat};
use target_sites::target_site;

/// The class of a family without evidence of any.
pub(crate) const UNKNOWN_CLASS: &str = "Unknown";
/// The class of families whose copies mostly lie in rows.
pub(crate) const SATELLITE: &str = "Satellite";
/// The class of elements with long terminal repeats.
pub(crate) const LTR: &str = "LTR";

/// Bases of the target sites of LTR elements.
const LTR_SITES: RangeInclusive<u64> = 4..=6;
/// Score of inverted repeats that show a DNA transposon without target sites: it occurs by chance once in some ten
/// million families, since each further match is a quarter as likely.
const LONE_INVERTED_SCORE: i32 = 18;
/// Bases of an inverted repeat from which on an element with target sites of 9 bases is called a Mutator-like one.
/// Others with such sites have shorter repeats.
const MIN_MULE_REPEAT: usize = 40;
/// Minimum number of copies with a poly-A tail, or with target sites of their own, that show a copy of an RNA.
const MIN_TAILS: usize = 3;

/// The class that the evidence shows, as RepeatMasker writes it, and the evidence; `Unknown` if it shows none.
///
/// `consensus` has codes 0 to 3; `tandem` is set if most copies lie in tandem rows.
pub fn classify(consensus: &[u8], tandem: bool, copies: &[CopyEnds]) -> (&'static str, Evidence) {
    let direct = direct_repeats(consensus);
    let inverted = if direct.is_some() { None } else { inverted_repeats(consensus) };
    let (first, last) = match direct.as_ref().or(inverted.as_ref()) {
        Some(repeats) => (repeats.first.start, repeats.second.end),
        None => (0, consensus.len()),
    };
    let tg_ca = bounds_near(consensus, first, last, [T, G], [C, A]);
    // The bounds of the element: the consensus may have some bases of its targets too.
    let (first, last) = match (&inverted, tg_ca) {
        (None, Some(bounds)) => bounds,
        _ => (first, last),
    };
    let copies = with_distinct_flanks(copies);
    let copies: Vec<CopyEnds> = copies.iter().map(|copy| copy.within(first, consensus.len() - last)).collect();
    let mut evidence = Evidence {
        copies: copies.len() as u64,
        direct_repeat: direct.as_ref().map(described),
        inverted_repeat: inverted.as_ref().map(described),
        tg_ca: tg_ca.is_some(),
        ..Evidence::default()
    };
    if tandem {
        return (SATELLITE, evidence);
    }
    let target = target_site(&copies);
    let has_ltr_sites = target.as_ref().is_some_and(|target| LTR_SITES.contains(&target.length));
    // Without direct repeats: a terminal repeat that an LTR element has left alone.
    if direct.is_some() || inverted.is_none() && evidence.tg_ca && has_ltr_sites {
        evidence.target_site = target.filter(|_| has_ltr_sites);
        return (LTR, evidence);
    }
    evidence.tg_ca = false;
    if let Some(repeats) = &inverted {
        if let Some(class) = dna_transposon(consensus, repeats, target.as_ref()) {
            evidence.target_site = target;
            return (class, evidence);
        }
        evidence.inverted_repeat = None;
    }
    (evidence.poly_a, evidence.target_site) = poly_a(&copies);
    let class = if evidence.target_site.is_some() { "Retroposon" } else { UNKNOWN_CLASS };
    (class, evidence)
}

fn described(repeats: &TerminalRepeats) -> TerminalRepeat {
    TerminalRepeat { length: repeats.first.len() as u64, identity: (1000.0 * repeats.identity).round() / 10.0 }
}

/// The class of an element with inverted repeats, by its target sites and first bases.
fn dna_transposon(consensus: &[u8], repeats: &TerminalRepeats, target: Option<&TargetSite>) -> Option<&'static str> {
    let length = target.map_or(0, |target| target.length);
    let motif = target.and_then(|target| target.motif.as_deref());
    let begins = &consensus[repeats.first.start..];
    Some(match (length, motif) {
        (2, Some("TA")) => "DNA/TcMar",
        (3, Some(_)) => "DNA/PIF-Harbinger",
        (3, None) if begins.starts_with(&[C, A, C, T, A]) || begins.starts_with(&[C, A, C, T, G]) => "DNA/CMC-EnSpm",
        (4, Some("TTAA")) => "DNA/PiggyBac",
        (8, _) if begins.starts_with(&[C, A]) || begins.starts_with(&[T, A]) => "DNA/hAT",
        (9, _) if repeats.first.len() >= MIN_MULE_REPEAT => "DNA/MULE-MuDR",
        (2.., _) => "DNA",
        _ if repeats.score >= LONE_INVERTED_SCORE => "DNA",
        _ => return None,
    })
}

/// Copies that end in poly-A, if half of all do, and their target sites, if a quarter of all copies have sites of
/// lengths of their own. A copy of an RNA has both: its targets are cut with overhangs of any length.
fn poly_a(copies: &[CopyEnds]) -> (u64, Option<TargetSite>) {
    let turned: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
    for copies in [copies, &turned] {
        let tails = copies.iter().filter(|copy| copy.poly_a_end().is_some()).count();
        let sites = copies.iter().filter(|copy| copy.poly_a_end().is_some_and(|end| copy.has_own_site(end))).count();
        if tails >= MIN_TAILS && 2 * tails >= copies.len() {
            let has_sites = sites >= MIN_TAILS && 4 * sites >= copies.len();
            let target = has_sites.then_some(TargetSite { length: 0, copies: sites as u64, motif: None });
            return (tails as u64, target);
        }
    }
    (0, None)
}

/// The bounds, up to three bases from `first` and `last`, of a part of the consensus that begins and ends with these
/// bases.
fn bounds_near(consensus: &[u8], first: usize, last: usize, begin: [u8; 2], end: [u8; 2]) -> Option<(usize, usize)> {
    /// Bases by which the end of a terminal repeat may be off: alignments of decayed ends lose or gain some.
    const MAX_OFFSET: usize = 3;
    let near = |at: usize, wanted: [u8; 2]| {
        let starts = at.saturating_sub(MAX_OFFSET)..=at + MAX_OFFSET;
        let starts = starts.filter(|&at| consensus.get(at..at + 2) == Some(&wanted[..]));
        starts.min_by_key(|start| (start.abs_diff(at), *start))
    };
    Some((near(first, begin)?, near(last.checked_sub(2)?, end)? + 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::sequence::reverse_complement;

    fn codes(random: &mut Random, length: usize) -> Vec<u8> {
        (0..length).map(|_| random.below(4) as u8).collect()
    }

    fn turned(codes: &[u8]) -> Vec<u8> {
        reverse_complement(codes).collect()
    }

    fn parsed(text: &str) -> Vec<u8> {
        text.bytes().map(|letter| b"TCAG".iter().position(|&b| b == letter).expect("one of four") as u8).collect()
    }

    /// Copies of `element` in loci of their own, each between two of what `site` makes; `tail` comes behind the
    /// element. Their consensus lacks `left` and `right` bases at its ends, or has some too many if these are negative.
    fn inserted(
        random: &mut Random,
        (number, element): (usize, &[u8]),
        (left, right): (isize, isize),
        mut site: impl FnMut(&mut Random) -> Vec<u8>,
        tail: impl Fn(&mut Random) -> Vec<u8>,
    ) -> Vec<CopyEnds> {
        (0..number)
            .map(|_| {
                let site = site(random);
                let mut text = codes(random, 60);
                text.extend(&site);
                let start = text.len() as isize + left;
                text.extend(element);
                let end = text.len() as isize - right;
                text.extend(tail(random));
                text.extend(&site);
                text.extend(codes(random, 60));
                let around = |middle: isize| std::array::from_fn(|i| text[(middle - END_MARGIN as isize) as usize + i]);
                CopyEnds { left: around(start), right: around(end) }
            })
            .collect()
    }

    fn no_tail(_: &mut Random) -> Vec<u8> {
        Vec::new()
    }

    /// An element with an inverted repeat that begins with these letters.
    fn with_inverted(random: &mut Random, begin: &str, length: usize, all: usize) -> Vec<u8> {
        let mut repeat = parsed(begin);
        let more = codes(random, length - repeat.len());
        repeat.extend(more);
        let mut element = repeat.clone();
        let middle = codes(random, all - 2 * length);
        element.extend(middle);
        element.extend(turned(&repeat));
        element
    }

    #[test]
    fn elements_with_long_terminal_repeats() {
        let mut random = Random::new(1);
        let mut repeat = parsed("TG");
        repeat.extend(codes(&mut random, 300));
        repeat.extend(parsed("CA"));
        let mut second = repeat.clone();
        // Substitutions, and three bases less.
        (0..20).for_each(|i| second[15 * i + 2] ^= 1);
        second.drain(150..153);
        let element = [repeat.clone(), codes(&mut random, 3000), second].concat();
        for off in [(0, 0), (2, 0), (0, 3), (-2, -3)] {
            let copies = inserted(&mut random, (6, &element), off, |r| codes(r, 5), no_tail);
            let mut consensus = element.clone();
            consensus.drain(..off.0.max(0) as usize);
            consensus.truncate(consensus.len() - off.1.max(0) as usize);
            if off.0 < 0 {
                consensus = [codes(&mut random, 2), consensus, codes(&mut random, 3)].concat();
            }
            let (class, evidence) = classify(&consensus, false, &copies);
            assert_eq!(class, "LTR", "{off:?}: {evidence}");
            let repeat = evidence.direct_repeat.expect("a repeat");
            assert!((298..=306).contains(&repeat.length) && repeat.identity > 90.0, "{repeat:?}");
            let site = evidence.target_site.expect("target sites");
            assert!((site.length, site.copies) == (5, 6) && site.motif.is_none(), "{off:?}: {site:?}");
        }
        // The consensus alone shows it; a sequence that is repeated after a few bases is no element.
        assert_eq!(classify(&element, false, &[]).0, "LTR");
        let near = [&repeat[..], &repeat[..40], &repeat[..]].concat();
        assert_eq!(classify(&near, false, &[]).0, "Unknown");
        // One terminal repeat alone.
        let copies = inserted(&mut random, (5, &repeat), (0, 0), |r| codes(r, 5), no_tail);
        assert_eq!(classify(&repeat, false, &copies).0, "LTR");
        assert_eq!(classify(&repeat, false, &copies[..2]).0, "Unknown", "two copies may be chance");
        assert_eq!(classify(&repeat, true, &copies).0, "Satellite");
    }

    #[test]
    fn elements_with_inverted_repeats() {
        let mut random = Random::new(2);
        let fixed = |text: &str| {
            let codes = parsed(text);
            move |_: &mut Random| codes.clone()
        };
        type Site = Box<dyn FnMut(&mut Random) -> Vec<u8>>;
        let cases: Vec<(&str, &str, usize, Site)> = vec![
            ("DNA/TcMar", "CAGTG", 28, Box::new(fixed("TA"))),
            ("DNA/PIF-Harbinger", "GGCCT", 20, Box::new(|r| parsed(["TTA", "TAA"][r.below(2)]))),
            ("DNA/CMC-EnSpm", "CACTA", 20, Box::new(|r| codes(r, 3))),
            ("DNA/PiggyBac", "CCCTA", 16, Box::new(fixed("TTAA"))),
            ("DNA/hAT", "CAGGG", 14, Box::new(|r| codes(r, 8))),
            ("DNA/MULE-MuDR", "GAGAT", 110, Box::new(|r| codes(r, 9))),
            ("DNA", "GAGAT", 20, Box::new(|r| codes(r, 5))),
            // Target sites without a common length: the repeat has to be long.
            (
                "DNA",
                "GATTC",
                24,
                Box::new(|r| {
                    let n = r.below(9);
                    codes(r, n)
                }),
            ),
            (
                "Unknown",
                "GATTC",
                8,
                Box::new(|r| {
                    let n = r.below(9);
                    codes(r, n)
                }),
            ),
        ];
        for (wanted, begin, length, mut site) in cases {
            let element = with_inverted(&mut random, begin, length, 1500);
            let copies = inserted(&mut random, (12, &element), (0, 0), &mut site, no_tail);
            let (class, evidence) = classify(&element, false, &copies);
            assert_eq!(class, wanted, "{begin}: {evidence}");
            // The other strand is the same element.
            let other: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
            assert_eq!(classify(&turned(&element), false, &other).0, wanted, "{begin}");
        }
    }

    #[test]
    fn copies_of_rna() {
        let mut random = Random::new(3);
        let element = [codes(&mut random, 800), parsed("GAAAAAAAAA")].concat();
        let site = |r: &mut Random| {
            let length = 8 + r.below(8);
            codes(r, length)
        };
        let tail = |r: &mut Random| vec![A; r.below(10)];
        let copies = inserted(&mut random, (12, &element), (0, 0), site, tail);
        let (class, evidence) = classify(&element, false, &copies);
        assert_eq!(class, "Retroposon", "{evidence}");
        assert_eq!(evidence.poly_a, 12, "{evidence}");
        let other: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
        assert_eq!(classify(&turned(&element), false, &other).0, "Retroposon");
        // A tail without targets is reported, but no class is claimed.
        let copies = inserted(&mut random, (12, &element), (0, 0), |_| Vec::new(), tail);
        let (class, evidence) = classify(&element, false, &copies);
        assert!(class == "Unknown" && evidence.poly_a == 12, "{class} {evidence}");
    }

    #[test]
    fn nothing_is_claimed_of_chance() {
        let mut random = Random::new(4);
        for number in 0..3000 {
            let (length, copies) = (100 + random.below(2000), 3 + random.below(20));
            // Every other genome is rich in A and T.
            let letter =
                |r: &mut Random| if number % 2 == 1 && r.below(3) > 0 { [A, T][r.below(2)] } else { r.below(4) as u8 };
            let consensus: Vec<u8> = (0..length).map(|_| letter(&mut random)).collect();
            let mut ends: Vec<CopyEnds> = (0..copies)
                .map(|_| CopyEnds {
                    left: std::array::from_fn(|_| letter(&mut random)),
                    right: std::array::from_fn(|_| letter(&mut random)),
                })
                .collect();
            for copy in &mut ends {
                // Within the copies there is the consensus.
                copy.left[END_MARGIN..].copy_from_slice(&consensus[..END_MARGIN]);
                copy.right[..END_MARGIN].copy_from_slice(&consensus[length - END_MARGIN..]);
            }
            let (class, evidence) = classify(&consensus, false, &ends);
            assert_eq!((class, evidence.target_site), ("Unknown", None), "family {number}");
        }
    }
}
