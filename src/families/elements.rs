//! Families that are parts of one LTR element: an internal part whose copies lie between copies of a terminal repeat.
//! Dfam and RepeatMasker name such families alike, with `-int` and `_LTR`, and they have one class.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::families::classify::{LTR, UNKNOWN_CLASS, has_superfamily, is_of_order};
use crate::families::copies::{consensus_span, join_copies};
use crate::families::refine::RefinedFamily;
use crate::families::terminal_repeats::{ElementPart, INTERIOR_LENGTHS, REPEAT_LENGTHS};
use crate::kmer::Strand;

/// Bases of the genome between the ends of two neighbouring copies, or in both of them: alignments lose some bases of
/// decayed ends, or have some too many.
const MAX_GAP: u64 = 50;
/// Columns of the consensus that a copy may lack at an end that it reaches.
const MAX_MISSING: u32 = 50;
/// A copy of a terminal repeat covers one of this many parts of its consensus at least.
const MIN_REPEAT_PART: u32 = 2;
/// Copies of an internal part that lie between terminal repeats: one of a family that refinement found so, since that
/// took two places; and of another one.
const MIN_BETWEEN: [u64; 2] = [1, 2];

/// Ends of copies of an internal part at which a terminal repeat lies: both of one copy.
const MIN_ENDS: u64 = 2;

/// The name of a family, and what it shares with the other parts of its element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedFamily {
    /// `family-N`, with `-int` or `_LTR` if it is a part of an element.
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) part: ElementPart,
    /// The number of the family of the other part, and the copies of the internal part that lie between terminal
    /// repeats.
    pub(crate) other_part: Option<(usize, u64)>,
}

/// An internal part, and the terminal repeats around it.
#[derive(Debug, PartialEq, Eq)]
struct Element {
    internal: usize,
    /// Families of terminal repeats with the ends of the internal part that they lie at; the most frequent first.
    repeats: Vec<(usize, u64)>,
    /// Copies of the internal part between two of them.
    between: u64,
}

/// Names all families, those with the most bases first, and completes their classes: that of the internal part is that of
/// its terminal repeats.
pub(crate) fn name_families(families: &[RefinedFamily], classes: &[String]) -> Vec<NamedFamily> {
    let elements = find_elements(families, classes);
    let mut named: Vec<NamedFamily> = (0..)
        .zip(families)
        .zip(classes)
        .map(|((number, family), class)| NamedFamily {
            name: plain_name(number),
            class: class.clone(),
            part: family.part,
            other_part: None,
        })
        .collect();
    for (element, partner) in elements.iter().zip(partners(&elements)) {
        let &Element { internal, between, .. } = element;
        let nearest = partner.or_else(|| element.repeats.first().map(|(family, _)| *family));
        let number = partner.map_or(internal, |partner| partner.min(internal));
        named[internal].name = format!("{}-int", plain_name(number));
        (named[internal].part, named[internal].other_part) =
            (ElementPart::Internal, nearest.map(|repeat| (repeat, between)));
        if let Some(partner) = partner {
            named[partner].name = format!("{}_LTR", plain_name(number));
        }
        for &(repeat, _) in &element.repeats {
            named[repeat].part = ElementPart::TerminalRepeat;
            if partner == Some(repeat) || named[repeat].other_part.is_none() {
                named[repeat].other_part = Some((internal, between));
            }
        }
    }
    for (number, family) in named.iter_mut().enumerate() {
        if family.part == ElementPart::TerminalRepeat && family.other_part.is_some() && !family.name.ends_with("_LTR") {
            family.name = format!("{}_LTR", plain_name(number));
        }
    }
    share_classes(&mut named, &elements);
    named
}

/// The name of a family by its number, from 0.
fn plain_name(number: usize) -> String {
    format!("family-{}", number + 1)
}

/// For each element the family of terminal repeats with which it shares its name: a family has one name, so that several
/// internal parts with one terminal repeat, or its subfamilies, get different ones. Elements with the most copies come
/// first.
fn partners(elements: &[Element]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..elements.len()).collect();
    order.sort_by_key(|&at| (Reverse(elements[at].between), elements[at].internal));
    let mut partners = vec![None; elements.len()];
    for at in order {
        let is_free = |family: &usize| !partners.contains(&Some(*family));
        partners[at] = elements[at].repeats.iter().map(|(family, _)| *family).find(is_free);
    }
    partners
}

/// Gives parts of an element without a superfamily that of the other parts, if these agree, and else the order.
fn share_classes(named: &mut [NamedFamily], elements: &[Element]) {
    // Elements that share a terminal repeat, by the first of their families.
    let mut group: Vec<usize> = (0..named.len()).collect();
    for element in elements {
        for &(repeat, _) in &element.repeats {
            let (one, other) = (group[element.internal], group[repeat]);
            group.iter_mut().filter(|group| **group == one.max(other)).for_each(|group| *group = one.min(other));
        }
    }
    let is_part = |family: &NamedFamily| family.other_part.is_some();
    let mut superfamilies: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (family, group) in named.iter().zip(&group).filter(|(family, _)| is_part(family)) {
        let shown = superfamilies.entry(*group).or_default();
        if has_superfamily(&family.class) && !shown.contains(&family.class) {
            shown.push(family.class.clone());
        }
    }
    for (family, group) in named.iter_mut().zip(&group).filter(|(family, _)| is_part(family)) {
        if !has_superfamily(&family.class) {
            family.class = match superfamilies.get(group).map(Vec::as_slice) {
                Some([one]) => one.clone(),
                _ => LTR.to_owned(),
            };
        }
    }
}

/// An end of a copy of a family that may be a terminal repeat.
#[derive(Clone, Copy)]
struct RepeatEnd {
    contig: u32,
    /// Base of the contig, 0-based: the start of the copy, or the base behind it.
    at: u64,
    family: usize,
    strand: Strand,
}

/// The ends of copies of terminal repeats, by position.
struct RepeatEnds {
    starts: Vec<RepeatEnd>,
    ends: Vec<RepeatEnd>,
}

impl RepeatEnds {
    fn new(families: &[RefinedFamily], classes: &[String]) -> Self {
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for (number, family) in families.iter().enumerate().filter(|(i, family)| may_be_repeat(family, &classes[*i])) {
            for copy in join_copies(&family.copies) {
                let (Some(columns), Some(first), Some(last)) = (consensus_span(&copy), copy.first(), copy.last())
                else {
                    continue;
                };
                if MIN_REPEAT_PART * columns.len() as u32 >= family.consensus.len() as u32 {
                    let end = |at| RepeatEnd { contig: first.contig, at, family: number, strand: first.strand };
                    starts.push(end(first.range.start));
                    ends.push(end(last.range.end));
                }
            }
        }
        let key = |end: &RepeatEnd| (end.contig, end.at, end.family);
        starts.sort_unstable_by_key(key);
        ends.sort_unstable_by_key(key);
        Self { starts, ends }
    }

    /// The terminal repeat that ends where a copy starts, or (`behind`) starts where it ends: the nearest one.
    fn next_to(&self, contig: u32, at: u64, behind: bool) -> Option<RepeatEnd> {
        let of_side = if behind { &self.starts } else { &self.ends };
        let first = of_side.partition_point(|end| (end.contig, end.at) < (contig, at.saturating_sub(MAX_GAP)));
        let near = of_side[first..].iter().take_while(|end| end.contig == contig && end.at <= at + MAX_GAP);
        near.min_by_key(|end| (end.at.abs_diff(at), end.family)).copied()
    }
}

/// Whether a class is that of LTR elements, or none.
fn may_be_ltr(class: &str) -> bool {
    class == UNKNOWN_CLASS || is_of_order(class, LTR)
}

fn may_be_repeat(family: &RefinedFamily, class: &str) -> bool {
    REPEAT_LENGTHS.contains(&family.consensus.len())
        && family.part != ElementPart::Internal
        && !family.tandem
        && !family.gene
        && may_be_ltr(class)
}

fn may_be_internal(family: &RefinedFamily, class: &str) -> bool {
    INTERIOR_LENGTHS.contains(&(family.consensus.len() as u64))
        && family.part != ElementPart::TerminalRepeat
        && !family.tandem
        && !family.gene
        && may_be_ltr(class)
}

/// The elements whose parts are families, by the number of the internal part.
fn find_elements(families: &[RefinedFamily], classes: &[String]) -> Vec<Element> {
    let ends = RepeatEnds::new(families, classes);
    let candidates = families.iter().enumerate().filter(|(i, family)| may_be_internal(family, &classes[*i]));
    let elements = candidates.filter_map(|(number, _)| element_of(number, families, &ends));
    // Without any other sign, two copies of a repeat around a third one may be a duplication.
    let is_shown = |family: usize| is_of_order(&classes[family], LTR) || families[family].part != ElementPart::Whole;
    let found: Vec<Element> = elements
        .filter(|element| is_shown(element.internal) || element.repeats.iter().any(|(family, _)| is_shown(*family)))
        .collect();
    // No family is both.
    let is_internal = |family: usize| found.iter().any(|element| element.internal == family);
    let is_consistent = |element: &Element| !element.repeats.iter().any(|(family, _)| is_internal(*family));
    let consistent: Vec<bool> = found.iter().map(is_consistent).collect();
    found.into_iter().zip(consistent).filter_map(|(element, consistent)| consistent.then_some(element)).collect()
}

/// The element that a family is the internal part of, if most of its whole copies lie between two copies of terminal
/// repeats that read on one strand. A terminal repeat that has decayed may fit another family than its twin does, so the
/// two may be of different families, each of which lies at two ends or more.
fn element_of(number: usize, families: &[RefinedFamily], ends: &RepeatEnds) -> Option<Element> {
    let family = &families[number];
    let length = family.consensus.len() as u32;
    let root = |family: usize| families[family].subfamily_of.unwrap_or(family);
    // The family next to either end of each whole copy, and whether it reads as the copy does.
    let mut whole: Vec<[Option<(usize, bool)>; 2]> = Vec::new();
    for copy in join_copies(&family.copies) {
        let (Some(columns), Some(first), Some(last)) = (consensus_span(&copy), copy.first(), copy.last()) else {
            continue;
        };
        if columns.start <= MAX_MISSING && columns.end + MAX_MISSING >= length {
            let sides = [(first, first.range.start, false), (last, last.range.end, true)];
            whole.push(sides.map(|(side, at, behind)| {
                let next = ends.next_to(side.contig, at, behind).filter(|next| root(next.family) != root(number));
                next.map(|next| (next.family, next.strand == first.strand))
            }));
        }
    }
    let mut counts: BTreeMap<(usize, bool), u64> = BTreeMap::new();
    whole.iter().flatten().flatten().for_each(|&side| *counts.entry(side).or_default() += 1);
    // The strand of a consensus is arbitrary, but the same for all copies.
    let is_repeat = |&(family, strand): &(usize, bool)| {
        let count = |strand| counts.get(&(family, strand)).copied().unwrap_or(0);
        count(strand) >= MIN_ENDS && count(strand) > count(!strand)
    };
    let lies_between =
        |sides: &&[Option<(usize, bool)>; 2]| sides.iter().all(|side| side.as_ref().is_some_and(is_repeat));
    let between = whole.iter().filter(lies_between).count() as u64;
    let mut repeats: Vec<(usize, u64)> =
        counts.iter().filter(|(side, _)| is_repeat(side)).map(|(side, count)| (side.0, *count)).collect();
    repeats.sort_by_key(|&(family, count)| (Reverse(count), family));
    let [known, other] = MIN_BETWEEN;
    let min = if family.part == ElementPart::Internal { known } else { other };
    (between >= min && 2 * between > whole.len() as u64).then_some(Element { internal: number, repeats, between })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::{Alignment, Counts, Operations};
    use crate::families::family::FamilyCopy;

    /// A family of a length with copies from end to end: contig, start and strand of each.
    fn family(length: u32, copies: &[(u32, u64, Strand)]) -> RefinedFamily {
        let alignment = |&(contig, start, strand): &(u32, u64, Strand)| Alignment {
            query: 0,
            strand,
            query_range: 0..length,
            contig,
            range: start..start + u64::from(length),
            score: 1,
            e_value: 0.0,
            counts: Counts::default(),
            operations: Operations::default(),
        };
        RefinedFamily {
            consensus: vec![0; length as usize],
            seed: FamilyCopy { genome: 0..1, strand: Strand::Forward, consensus: 0..1 },
            part: ElementPart::Whole,
            copies: copies.iter().map(alignment).collect(),
            tandem: false,
            gene: false,
            subfamily_of: None,
        }
    }

    /// An internal part of 2,000 bases and a terminal repeat of 300: these elements, each with its strands, and these
    /// copies of the repeat alone. The consensus of the repeat reads on the other strand.
    fn element(contig: u32, elements: &[Strand], alone: u64) -> (RefinedFamily, RefinedFamily) {
        let (mut inside, mut repeats) = (Vec::new(), Vec::new());
        for (start, &strand) in (0..).step_by(10_000).zip(elements) {
            let other = if strand == Strand::Forward { Strand::Reverse } else { Strand::Forward };
            inside.push((contig, start + 310, strand));
            repeats.extend([(contig, start, other), (contig, start + 2300, other)]);
        }
        repeats.extend((0..alone).map(|i| (contig, 1_000_000 + 10_000 * i, Strand::Forward)));
        (family(2000, &inside), family(300, &repeats))
    }

    fn names(families: &[RefinedFamily], classes: &[&str]) -> Vec<(String, String)> {
        let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        name_families(families, &classes).into_iter().map(|family| (family.name, family.class)).collect()
    }

    fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
        wanted.iter().map(|&(name, class)| (name.to_owned(), class.to_owned())).collect()
    }

    #[test]
    fn parts_of_one_element_share_their_name_and_class() {
        use Strand::{Forward, Reverse};
        let (inside, repeat) = element(0, &[Forward, Reverse, Forward], 5);
        let other = family(900, &[(1, 0, Forward), (1, 5000, Forward), (1, 9000, Reverse)]);
        let families = [other.clone(), inside.clone(), repeat.clone()];
        let named = pairs(&[("family-1", "Unknown"), ("family-2-int", "LTR/Copia"), ("family-2_LTR", "LTR/Copia")]);
        assert_eq!(names(&families, &["Unknown", "LTR/Copia", "Unknown"]), named);
        assert_eq!(names(&families, &["Unknown", "Unknown", "LTR/Copia"]), named);
        // Without a sign of an LTR element, or with that of another one, they are families as any other.
        let plain = ["family-1", "family-2", "family-3"].map(str::to_owned);
        for classes in [["Unknown", "Unknown", "Unknown"], ["Unknown", "LTR", "SINE/tRNA"], ["LTR", "DNA", "LTR"]] {
            assert_eq!(names(&families, &classes).into_iter().map(|named| named.0).collect::<Vec<_>>(), plain);
        }
        // One element is not enough, unless refinement found the part; nor are fewer than half of the copies.
        let (one, repeat_of_one) = element(0, &[Forward], 5);
        let classes = ["LTR/Gypsy", "LTR"];
        assert_eq!(names(&[one.clone(), repeat_of_one.clone()], &classes)[0].0, "family-1");
        let part = RefinedFamily { part: ElementPart::Internal, ..one };
        assert_eq!(names(&[part, repeat_of_one], &classes)[1].0, "family-1_LTR");
        let mut rare = inside;
        rare.copies.extend(family(2000, &[(2, 0, Forward), (2, 9000, Forward), (2, 20_000, Forward)]).copies);
        assert_eq!(names(&[rare, repeat], &classes)[0].0, "family-1");
    }

    #[test]
    fn a_terminal_repeat_of_two_elements_has_one_name() {
        use Strand::{Forward, Reverse};
        let (one, repeat) = element(0, &[Forward, Reverse, Forward], 5);
        let (two, other_repeat) = element(1, &[Forward, Forward], 0);
        let shared = RefinedFamily { copies: [repeat.copies, other_repeat.copies.clone()].concat(), ..repeat };
        let wanted = pairs(&[("family-1-int", "LTR/Copia"), ("family-2-int", "LTR"), ("family-1_LTR", "LTR")]);
        let classes = ["LTR/Copia", "LTR", "LTR"];
        let named = names(&[one.clone(), two.clone(), shared.clone()], &classes);
        let names_of = |pairs: &[(String, String)]| pairs.iter().map(|pair| pair.0.clone()).collect::<Vec<_>>();
        assert_eq!(names_of(&named), names_of(&wanted));
        assert!(named.iter().all(|(_, class)| class == "LTR/Copia"), "{named:?}");
        // Two superfamilies: the repeat may be of either.
        let named = names(&[one.clone(), two.clone(), shared.clone()], &["LTR/Copia", "LTR/Gypsy", "LTR"]);
        assert_eq!(named.iter().map(|pair| &pair.1[..]).collect::<Vec<_>>(), ["LTR/Copia", "LTR/Gypsy", "LTR"]);
        // With a subfamily of the repeat, each has its own.
        let first = RefinedFamily { copies: shared.copies[..shared.copies.len() - 4].to_vec(), ..shared };
        let second = RefinedFamily { subfamily_of: Some(2), ..other_repeat };
        let named = names(&[one, two, first, second], &["LTR/Copia", "LTR", "LTR", "LTR"]);
        assert_eq!(names_of(&named), ["family-1-int", "family-2-int", "family-1_LTR", "family-2_LTR"]);
    }
}
