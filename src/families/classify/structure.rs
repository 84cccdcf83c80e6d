//! The class that a consensus and the ends of its copies show. Insertion leaves marks that need no other sequence to be
//! read.
//!
//! Signs and names are those of T. Wicker et al., Nat. Rev. Genet. 8 (2007) 973, and of RepeatMasker.

use std::ops::RangeInclusive;

use crate::families::classify::copy_ends::{CopyEnds, with_distinct_flanks};
use crate::families::classify::evidence::{Evidence, TargetSite, TerminalRepeat};
use crate::families::classify::primers::primers;
use crate::families::classify::promoters::sine_promoter;
use crate::families::classify::signs::Signs;
use crate::families::classify::structural_rna::structural_rna;
use crate::families::classify::target_sites::{have_sites_alike, lie_between_a_and_t, target_site};
use crate::families::terminal_repeats::{ElementPart, TerminalRepeats, direct_repeats, inverted_repeats};
use crate::sequence::code::{A, C, G, T};
use crate::sequence::reverse_complement;

/// The class of families whose copies mostly lie in rows.
pub(super) const SATELLITE: &str = "Satellite";
/// The class of elements with long terminal repeats.
pub(crate) const LTR: &str = "LTR";
/// The class of elements that replicate as rolling circles.
const HELITRON: &str = "RC/Helitron";
/// The classes of copies of RNA without proteins that tell one from the other.
const LINE_OR_SINE: [&str; 2] = ["LINE?", "SINE?"];
/// Bases up to which a copy of an RNA is taken for a SINE: those that are known have up to 600.
const MAX_SINE: usize = 600;

/// Bases of the target sites of LTR elements.
const LTR_SITES: RangeInclusive<usize> = 4..=6;
/// Score of inverted repeats that show a DNA transposon without target sites: it occurs by chance once in some ten
/// million families, since each further match is a quarter as likely.
const LONE_INVERTED_SCORE: i32 = 18;
/// Score of inverted repeats from which on they show a DNA transposon with target sites of any length. Shorter ones may
/// be chance, unless the site is that of a superfamily.
const MIN_INVERTED_SCORE: i32 = 10;
/// Bases up to which a DNA transposon without a domain is a MITE. Those that are known have 50 to 800 (N. Fattash et al.,
/// Genome 56 (2013) 475), and transposases take more than a thousand.
const MAX_MITE: usize = 800;
/// Copies with flanks of their own that show an LTR element by its terminal repeats.
const MIN_LTR_COPIES: usize = 2;
/// Nats by which target sites of 8 or 9 bases must explain the flanks better than chance to show a DNA transposon without
/// inverted repeats, if three of five copies have them: those of ten copies have 60.
const MIN_NATS_ALONE: f64 = 25.0;
/// Minimum number of copies with a mark that all copies of an element have: a poly-A tail, target sites of their own, a
/// motif at the ends.
const MIN_COPIES: usize = 3;

/// The class that the evidence shows, as RepeatMasker writes it, and the evidence; none if it shows none.
pub(super) fn structure(signs: &Signs<'_>) -> (Option<&'static str>, Evidence) {
    let &Signs { consensus, tandem, copies, paired, .. } = signs;
    let direct = direct_repeats(consensus);
    let inverted = if direct.is_some() { None } else { inverted_repeats(consensus) };
    // Many a terminal repeat of an LTR element begins with TGTT and ends with AACA, a weak inverted repeat.
    let strong = inverted.as_ref().filter(|repeats| repeats.score >= MIN_INVERTED_SCORE);
    let (first, last) = match direct.as_ref().or(strong) {
        Some(repeats) => (repeats.first.start, repeats.second.end),
        None => (0, consensus.len()),
    };
    let tg_ca = bounds_near(consensus, first, last, [T, G], [C, A]);
    // The bounds of the element: the consensus may have some bases of its targets too.
    let (first, last) = match (strong, tg_ca) {
        (None, Some(bounds)) => bounds,
        _ => (first, last),
    };
    let is_alone = copies.is_none();
    let all_copies = with_distinct_flanks(copies.unwrap_or_default());
    let copies: Vec<CopyEnds> = all_copies.iter().map(|copy| copy.within(first, consensus.len() - last)).collect();
    let mut evidence = Evidence {
        copies: copies.len() as u64,
        direct_repeat: direct.as_ref().map(described),
        tg_ca: tg_ca.is_some(),
        ..Evidence::default()
    };
    let internal = direct.as_ref().map_or(0..consensus.len(), |repeats| repeats.first.end..repeats.second.start);
    let (site, tract) = primers(consensus, &internal);
    // Both at the ends of a consensus show that it is an internal part; one may be chance.
    let is_internal = direct.is_none() && site.is_some() && tract > 0;
    if direct.is_some() || signs.part == ElementPart::Internal || is_internal {
        (evidence.primer_site, evidence.polypurine_tract) = (site, tract);
    }
    if let Some(class) = signs.known_rna.or_else(|| structural_rna(consensus)) {
        return (Some(class), evidence);
    }
    if tandem {
        return (Some(SATELLITE), evidence);
    }
    let (target, nats) = target_site(&copies).map_or((None, 0.0), |found| (Some(found.site), found.nats));
    let has_ltr_sites = target.as_ref().is_some_and(|target| LTR_SITES.contains(&(target.length as usize)));
    // Without direct repeats: a terminal repeat that an LTR element has left alone.
    if direct.is_some() || strong.is_none() && evidence.tg_ca && has_ltr_sites {
        evidence.target_site = target.filter(|_| has_ltr_sites);
        let has_signs = paired || has_ltr_sites || evidence.tg_ca || evidence.primer_site.is_some();
        // Two neighbouring copies of one SINE are a composite between direct repeats, and its copies are duplications.
        let is_inserted =
            is_alone || copies.len() >= MIN_LTR_COPIES && (has_signs || have_sites_alike(&copies, LTR_SITES));
        return (is_inserted.then_some(LTR), evidence);
    }
    evidence.tg_ca = false;
    if is_internal {
        return (Some(LTR), evidence);
    }
    if let Some(repeats) = &inverted {
        let (first, last) = (repeats.first.start, repeats.second.end);
        let within = || all_copies.iter().map(|copy| copy.within(first, consensus.len() - last)).collect::<Vec<_>>();
        // Strong repeats are the bounds already.
        let site = if strong.is_some() { target.clone() } else { target_site(&within()).map(|found| found.site) };
        let site = site.or_else(|| motif_within(consensus, repeats, evidence.copies));
        if let Some(class) = dna_transposon(consensus, repeats, site.as_ref()) {
            evidence.inverted_repeat = Some(described(repeats));
            evidence.mite = site.is_some() && consensus.len() <= MAX_MITE && signs.domains.is_empty();
            evidence.target_site = site;
            return (Some(class), evidence);
        }
    }
    // Some DNA transposons have no inverted repeats that can be seen.
    let is_decisive = |site: &&TargetSite| nats >= MIN_NATS_ALONE && 5 * site.copies >= 3 * evidence.copies;
    let alone = target.as_ref().filter(is_decisive).and_then(|site| transposon_of_site(consensus, first, site));
    if let Some(class) = alone {
        evidence.target_site = target;
        return (Some(class), evidence);
    }
    if is_helitron(consensus, &all_copies) {
        return (Some(HELITRON), evidence);
    }
    (copied_rna(consensus, &copies, signs.truncated, &mut evidence), evidence)
}

/// The class of copies of an RNA: of a SINE by its promoter, of either by poly-A tails between target sites; of a LINE
/// also by those of copies without its beginning, which the others hardly have.
fn copied_rna(
    consensus: &[u8],
    copies: &[CopyEnds],
    truncated: &[CopyEnds],
    evidence: &mut Evidence,
) -> Option<&'static str> {
    (evidence.poly_a, evidence.target_site) = poly_a(copies);
    if consensus.len() <= MAX_SINE
        && let Some(class) = sine_promoter(consensus)
    {
        evidence.promoter = true;
        return Some(class);
    }
    let [line, sine] = LINE_OR_SINE;
    let of_length = if consensus.len() > MAX_SINE { line } else { sine };
    if evidence.target_site.is_none() && consensus.len() > MAX_SINE {
        let distinct = with_distinct_flanks(truncated);
        if let (tails, Some(site)) = poly_a_tails(&distinct) {
            (evidence.truncated, evidence.poly_a) = (distinct.len() as u64, tails);
            evidence.target_site = Some(site);
        }
    }
    evidence.target_site.is_some().then_some(of_length)
}

/// The target site TA or TTAA, if the element begins and ends with it: all copies have these bases, so that they are a
/// part of the consensus, and the flanks show no other site. The inverted repeats must be beyond doubt, since one in 16
/// begins with TA by chance.
fn motif_within(consensus: &[u8], repeats: &TerminalRepeats, copies: u64) -> Option<TargetSite> {
    let element = &consensus[repeats.first.start..repeats.second.end];
    let motifs = [([T, T, A, A].as_slice(), "TTAA", MIN_INVERTED_SCORE), (&[T, A], "TA", LONE_INVERTED_SCORE)];
    let (motif, name, _) = motifs.into_iter().find(|(motif, _, min_score)| {
        element.starts_with(motif) && element.ends_with(motif) && repeats.score >= *min_score
    })?;
    let site = TargetSite { length: motif.len() as u64, copies, motif: Some(name.to_owned()) };
    (copies >= MIN_COPIES as u64).then_some(site)
}

/// Whether an element begins with TC and ends with CTRR, between A and T, on either strand. The A and the T may be a
/// part of the consensus, since all copies have them; then there must be a hairpin before the CTRR too, as Helitrons have.
fn is_helitron(consensus: &[u8], copies: &[CopyEnds]) -> bool {
    let reverse: Vec<u8> = reverse_complement(consensus).collect();
    let turned: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
    [(consensus, copies), (&reverse, &turned)].into_iter().any(|(strand, copies)| match strand {
        [T, C, .., C, T, A | G, A | G] => lie_between_a_and_t(copies),
        [A, T, C, rest @ .., C, T, A | G, A | G, T] => copies.len() >= MIN_COPIES && ends_with_hairpin(rest),
        _ => false,
    })
}

/// Whether six bases near the end pair with others behind them.
fn ends_with_hairpin(codes: &[u8]) -> bool {
    /// Bases of the end: the hairpin of a Helitron lies 10 to 12 bases before its last base.
    const END: usize = 45;
    const STEM: usize = 6;
    /// Bases of the loop.
    const LOOPS: RangeInclusive<usize> = 2..=9;
    let end = &codes[codes.len().saturating_sub(END)..];
    (0..end.len()).any(|first| {
        LOOPS.into_iter().any(|bases| {
            let second = first + STEM + bases;
            let stems = end.get(first..first + STEM).zip(end.get(second..second + STEM));
            stems.is_some_and(|(one, other)| reverse_complement(one).eq(other.iter().copied()))
        })
    })
}

fn described(repeats: &TerminalRepeats) -> TerminalRepeat {
    TerminalRepeat { length: repeats.first.len() as u64, identity: (1000.0 * repeats.identity).round() / 10.0 }
}

/// The class of an element with inverted repeats, by its target sites and first bases.
fn dna_transposon(consensus: &[u8], repeats: &TerminalRepeats, target: Option<&TargetSite>) -> Option<&'static str> {
    let length = target.map_or(0, |target| target.length);
    let motif = target.and_then(|target| target.motif.as_deref());
    let begins = |with: &[u8]| begins_near(consensus, repeats.first.start, with);
    let superfamily = match (length, motif) {
        (2, Some("TA")) => "DNA/TcMar",
        (3, Some(_)) => "DNA/PIF-Harbinger",
        (2 | 3, None) if begins(&[C, A, C, T, A]) || begins(&[C, A, C, T, G]) => "DNA/CMC-EnSpm",
        (4, Some("TTAA")) => "DNA/PiggyBac",
        (8 | 9, _) => target.and_then(|site| transposon_of_site(consensus, repeats.first.start, site)).unwrap_or("DNA"),
        (2.., _) => "DNA",
        _ if repeats.score >= LONE_INVERTED_SCORE => "DNA",
        _ => return None,
    };
    let is_short = repeats.score < MIN_INVERTED_SCORE;
    (!is_short || superfamily != "DNA").then_some(superfamily)
}

/// The class of a DNA transposon by the length of its target sites, if few other elements have such sites.
fn transposon_of_site(consensus: &[u8], first: usize, site: &TargetSite) -> Option<&'static str> {
    match site.length {
        8 if begins_near(consensus, first, &[C, A]) || begins_near(consensus, first, &[T, A]) => Some("DNA/hAT"),
        9 => Some("DNA/MULE-MuDR"),
        _ => None,
    }
}

/// Whether an element that begins at about `first` begins with these bases.
fn begins_near(consensus: &[u8], first: usize, with: &[u8]) -> bool {
    /// Bases by which the first may be off.
    const MAX_OFF: usize = 2;
    let starts = first.saturating_sub(MAX_OFF)..=first + MAX_OFF;
    starts.into_iter().any(|at| consensus.get(at..).is_some_and(|rest| rest.starts_with(with)))
}

/// Copies that end in poly-A on either strand, and their target sites ([`poly_a_tails`]).
fn poly_a(copies: &[CopyEnds]) -> (u64, Option<TargetSite>) {
    let found = poly_a_tails(copies);
    if found.0 > 0 { found } else { poly_a_tails(&copies.iter().map(CopyEnds::turned).collect::<Vec<_>>()) }
}

/// Copies that end in poly-A, if half of all do, and their target sites, if a quarter of all copies have sites of
/// lengths of their own. A copy of an RNA has both: its targets are cut with overhangs of any length.
fn poly_a_tails(copies: &[CopyEnds]) -> (u64, Option<TargetSite>) {
    let tails = copies.iter().filter(|copy| copy.poly_a_end().is_some()).count();
    let sites = copies.iter().filter(|copy| copy.poly_a_end().is_some_and(|end| copy.has_own_site(end))).count();
    if tails < MIN_COPIES || 2 * tails < copies.len() {
        return (0, None);
    }
    let has_sites = sites >= MIN_COPIES && 4 * sites >= copies.len();
    (tails as u64, has_sites.then_some(TargetSite { length: 0, copies: sites as u64, motif: None }))
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
    use crate::families::classify::copy_ends::END_MARGIN;
    use crate::kmer::Strand;
    use crate::proteins::{Domain, Meaning};
    use crate::random::Random;

    fn classify(consensus: &[u8], tandem: bool, copies: &[CopyEnds]) -> (&'static str, Evidence) {
        let copies = Some(copies).filter(|copies| !copies.is_empty());
        let (class, evidence) = structure(&Signs { consensus, tandem, copies, ..Signs::default() });
        (class.unwrap_or("Unknown"), evidence)
    }

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
        // Two SINEs that are neighbours in several places are no element, unless the repeats of each copy are a pair.
        let sine = codes(&mut random, 280);
        let composite = [sine.clone(), codes(&mut random, 400), sine].concat();
        for number in [1, 2, 6] {
            let copies = inserted(&mut random, (number, &composite), (0, 0), |_| Vec::new(), no_tail);
            assert_eq!(classify(&composite, false, &copies).0, "Unknown", "{number} copies");
            let signs = Signs { consensus: &composite, copies: Some(&copies), paired: true, ..Signs::default() };
            assert_eq!(structure(&signs).0, (number > 1).then_some("LTR"), "{number} copies");
        }
        // An internal part alone, between a primer-binding site and a polypurine tract.
        let inner = codes(&mut random, 3000);
        let internal = [parsed("ATTGGTAGCGCCGCTCAATC"), inner.clone(), parsed("CTTAAAGGGGGGAGA")].concat();
        for strand in [internal.clone(), turned(&internal)] {
            let (class, evidence) = classify(&strand, false, &[]);
            assert!(class == "LTR" && evidence.primer_site.is_some() && evidence.polypurine_tract == 12, "{evidence}");
        }
        for one in [[&internal[..20], &inner].concat(), [&inner, &internal[3020..]].concat()] {
            let (class, evidence) = classify(&one, false, &[]);
            assert_eq!((class, evidence), ("Unknown", Evidence::default()));
        }
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
    fn short_elements_without_a_domain_are_mites() {
        let mut random = Random::new(12);
        for (length, sites, wanted) in [(300, true, true), (800, true, true), (801, true, false), (300, false, false)] {
            let element = with_inverted(&mut random, "GGCCTTGACATTAGC", 40, length);
            let site = |r: &mut Random| if sites { parsed(["TTA", "TAA"][r.below(2)]) } else { Vec::new() };
            let copies = inserted(&mut random, (12, &element), (0, 0), site, no_tail);
            let (class, evidence) = classify(&element, false, &copies);
            assert_eq!(class, if sites { "DNA/PIF-Harbinger" } else { "DNA" }, "{evidence}");
            assert_eq!((evidence.mite, evidence.to_string().contains("; MITE")), (wanted, wanted), "{evidence}");
            let domain = Domain {
                profile: "TcMar_DDE".to_owned(),
                meaning: Meaning::Neutral,
                range: 100..250,
                strand: Strand::Forward,
                columns: 0..50,
                profile_length: 200,
                score: 30.0,
                e_value: 1e-9,
            };
            let domains = [domain];
            let signs = Signs { consensus: &element, copies: Some(&copies), domains: &domains, ..Signs::default() };
            assert!(!structure(&signs).1.mite, "an element that codes");
        }
    }

    #[test]
    fn helitrons() {
        let mut random = Random::new(7);
        let element = [parsed("TC"), codes(&mut random, 900), parsed("CTAG")].concat();
        // Between A and T there is nothing to duplicate: both are put at the ends of what is inserted.
        let with_target = [vec![A], element.clone(), vec![T]].concat();
        let copies = inserted(&mut random, (8, &with_target), (1, 1), |_| Vec::new(), no_tail);
        assert_eq!(classify(&element, false, &copies).0, "RC/Helitron");
        let other: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
        assert_eq!(classify(&turned(&element), false, &other).0, "RC/Helitron");
        // The consensus has the bases of the target, and the element a hairpin.
        let hairpin = [parsed("TC"), codes(&mut random, 900), parsed("GCGACGTTTTCGTCGCAATGACTGACTCTAG")].concat();
        let consensus = [vec![A], hairpin, vec![T]].concat();
        let copies = inserted(&mut random, (8, &consensus), (0, 0), |_| Vec::new(), no_tail);
        assert_eq!(classify(&consensus, false, &copies).0, "RC/Helitron");
        let copies = inserted(&mut random, (8, &element), (0, 0), |_| Vec::new(), no_tail);
        assert_eq!(classify(&element, false, &copies).0, "Unknown", "other targets");
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
        assert_eq!(class, "LINE?", "{evidence}");
        assert_eq!(evidence.poly_a, 12, "{evidence}");
        let other: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
        assert_eq!(classify(&turned(&element), false, &other).0, "LINE?");
        // Copies without the beginning show a LINE as well, but no SINE.
        let cut = |r: &mut Random| {
            let at = 20 + r.below(700);
            inserted(r, (1, &element[at..]), (0, 0), site, tail).remove(0)
        };
        let truncated: Vec<CopyEnds> = (0..12).map(|_| cut(&mut random)).collect();
        let signs = Signs { consensus: &element, copies: Some(&[]), truncated: &truncated, ..Signs::default() };
        let (class, evidence) = structure(&signs);
        assert_eq!((class, evidence.truncated, evidence.poly_a), (Some("LINE?"), 12, 12), "{evidence}");
        let signs = Signs { consensus: &element[400..], ..signs };
        assert_eq!(structure(&signs).0, None);
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
