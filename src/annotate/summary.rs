//! Reports and comparisons need numbers of bounded size, not millions of copies: sums by class and family, by
//! divergence and length of the copies, and along the contigs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::align::Library;
use crate::annotate::copy::{RepeatCopy, family_and_class};
use crate::annotate::groups::ContigGroups;
use crate::genome::Contig;

/// Counts of divergences: one for each per cent below 50, and one for all above.
pub const DIVERGENCES: usize = 51;
/// Lower limits of the counts of lengths in bases, five to a decade. A first count is of all shorter copies.
pub const LENGTHS: [u64; 20] = [
    16, 25, 40, 63, 100, 158, 251, 398, 631, 1000, 1585, 2512, 3981, 6310, 10_000, 15_849, 25_119, 39_811, 63_096,
    100_000,
];
/// Classes with a density of their own; the others are summed as one.
pub const CLASSES_ALONG: usize = 8;
/// Contigs that have a density, the longest ones: more than a page can show.
const MAX_CONTIGS: usize = 100;
/// Bases of the shortest window: shorter ones show single copies.
const MIN_WINDOW: u64 = 500;
/// Per cent of a consensus that a full-length copy covers: the ends of true copies vary by a few bases.
const FULL_LENGTH: u64 = 95;
/// Windows of all contigs, about: as many as pixels of a wide screen.
const MAX_WINDOWS: u64 = 5000;
/// Classes of a group of contigs; the others are summed as one. A library has tens of classes unless each family is a
/// class of its own.
const MAX_GROUP_CLASSES: usize = 100;
/// The class that sums the others.
const OTHER: &str = "other";

/// The numbers of an annotation. Their size grows with the number of families, not with the genome.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnnotationSummary {
    /// Copies; one in several fragments counts once.
    pub copies: u64,
    /// Ranges of the genome that are a copy or a part of one.
    pub fragments: u64,
    /// Bases of the genome in copies.
    pub bases: u64,
    /// Classes, by falling bases.
    pub classes: Vec<ClassSummary>,
    /// Families with copies, by falling bases.
    pub families: Vec<FamilySummary>,
    /// Along the contigs.
    pub density: Density,
    /// Groups of contigs, without those that have no contig.
    pub groups: Vec<GroupSummary>,
}

/// A group of contigs, such as the sex chromosomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Its name.
    pub name: String,
    /// Its contigs.
    pub contigs: u64,
    /// Bases of its contigs.
    pub length: u64,
    /// Bases in copies.
    pub bases: u64,
    /// Classes that have copies in it, in the order of those of the genome; the last is `other` if the genome has more
    /// than 100.
    pub classes: Vec<GroupClass>,
}

/// The copies of a class in a group of contigs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupClass {
    /// Name of the class.
    pub class: String,
    /// Bases of the group.
    pub bases: u64,
    /// Bases by divergence, as in [`ClassSummary::bases_by_divergence`].
    pub bases_by_divergence: Vec<u64>,
}

/// The copies of a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassSummary {
    /// Name of the class as in the library, such as `LTR/Gypsy`.
    pub class: String,
    /// Families with copies.
    pub families: u64,
    /// Copies.
    pub copies: u64,
    /// Fragments.
    pub fragments: u64,
    /// Bases of the genome.
    pub bases: u64,
    /// Bases by the CpG-adjusted Kimura distance of their fragment from the consensus: [`DIVERGENCES`] counts.
    pub bases_by_divergence: Vec<u64>,
    /// Copies by mean divergence of their bases.
    pub copies_by_divergence: Vec<u64>,
    /// Copies by their bases: one count more than [`LENGTHS`] has.
    pub copies_by_length: Vec<u64>,
}

/// The copies of a family; tandem repeats with one unit are a family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FamilySummary {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Bases of the consensus.
    pub length: u64,
    /// Copies.
    pub copies: u64,
    /// Copies that cover 95 % of the consensus or more.
    pub full_length_copies: u64,
    /// Fragments.
    pub fragments: u64,
    /// Bases of the genome.
    pub bases: u64,
    /// Mean CpG-adjusted Kimura distance in per cent, weighted by bases; a fragment with an infinite distance counts
    /// 100.
    pub divergence: f64,
}

/// Bases in copies, window by window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Density {
    /// Bases of a window; the last one of a contig may be shorter.
    pub window: u64,
    /// Classes by falling bases; the last is `other` if there are more.
    pub classes: Vec<String>,
    /// The longest contigs, in the order of the genome.
    pub contigs: Vec<ContigDensity>,
    /// Contigs that are left out.
    pub contigs_left_out: u64,
}

/// Bases in copies along a contig.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContigDensity {
    /// Its name.
    pub name: String,
    /// Its bases.
    pub length: u64,
    /// Bases in each window, for each class.
    pub bases: Vec<Vec<u64>>,
}

/// The sums of the fragments of a copy.
#[derive(Clone, Default)]
struct CopySums {
    family: u32,
    bases: u64,
    /// Bases of the consensus.
    covered: u64,
    /// Divergence in per cent times bases.
    weighted: f64,
}

/// Index of the count of a divergence in per cent.
fn divergence_count(per_cent: f64) -> usize {
    (per_cent.max(0.0) as usize).min(DIVERGENCES - 1)
}

/// Divergence of a fragment in per cent, at most 100.
fn divergence(copy: &RepeatCopy) -> f64 {
    (100.0 * copy.alignment.counts.kimura_without_cpg()).min(100.0)
}

/// Summarises the copies that [`annotate`](crate::annotate::annotate) returns, also by `groups` of the contigs.
pub fn summarize(
    copies: &[RepeatCopy],
    library: &Library,
    contigs: &[Contig],
    groups: &ContigGroups,
) -> AnnotationSummary {
    let mut summary = AnnotationSummary::default();
    let mut wholes: Vec<CopySums> = Vec::new();
    let mut classes: BTreeMap<&str, ClassSummary> = BTreeMap::new();
    // By name, since every tandem repeat is a sequence of the library.
    let mut families: BTreeMap<&str, FamilySummary> = BTreeMap::new();
    let class_of = |query: u32| family_and_class(library.name(query as usize)).1;
    for copy in copies {
        let a = &copy.alignment;
        let bases = a.range.end - a.range.start;
        let class = classes.entry(class_of(a.query)).or_insert_with_key(|&class| ClassSummary {
            class: class.to_owned(),
            bases_by_divergence: vec![0; DIVERGENCES],
            copies_by_divergence: vec![0; DIVERGENCES],
            copies_by_length: vec![0; LENGTHS.len() + 1],
            ..ClassSummary::default()
        });
        let length = library.sequence(a.query as usize).len() as u64;
        let family = families.entry(library.name(a.query as usize)).or_insert_with_key(|name| {
            let (name, class) = family_and_class(name);
            FamilySummary {
                name: name.to_owned(),
                class: class.to_owned(),
                length,
                copies: 0,
                full_length_copies: 0,
                fragments: 0,
                bases: 0,
                divergence: 0.0,
            }
        });
        class.fragments += 1;
        class.bases += bases;
        class.bases_by_divergence[divergence_count(divergence(copy))] += bases;
        family.length = family.length.max(length);
        family.fragments += 1;
        family.bases += bases;
        family.divergence += divergence(copy) * bases as f64;
        summary.fragments += 1;
        summary.bases += bases;
        let number = copy.id as usize;
        if number > wholes.len() {
            wholes.resize(number, CopySums::default());
        }
        let whole = &mut wholes[number - 1];
        whole.family = a.query;
        whole.bases += bases;
        whole.covered += u64::from(a.query_range.end - a.query_range.start);
        whole.weighted += divergence(copy) * bases as f64;
    }
    for whole in wholes.iter().filter(|whole| whole.bases > 0) {
        summary.copies += 1;
        if let Some(class) = classes.get_mut(class_of(whole.family)) {
            class.copies += 1;
            class.copies_by_divergence[divergence_count(whole.weighted / whole.bases as f64)] += 1;
            class.copies_by_length[LENGTHS.partition_point(|&min| min <= whole.bases)] += 1;
        }
        if let Some(family) = families.get_mut(library.name(whole.family as usize)) {
            let length = library.sequence(whole.family as usize).len() as u64;
            family.copies += 1;
            family.full_length_copies += u64::from(100 * whole.covered >= FULL_LENGTH * length);
        }
    }
    finish_families(&mut families, &mut classes);
    summary.families = families.into_values().collect();
    summary.families.sort_by(|a, b| b.bases.cmp(&a.bases).then_with(|| a.name.cmp(&b.name)));
    summary.classes = classes.into_values().collect();
    summary.classes.sort_by(|a, b| b.bases.cmp(&a.bases).then_with(|| a.class.cmp(&b.class)));
    summary.density = density(copies, contigs, &summary.classes, |query| class_of(query));
    summary.groups = group_sums(copies, contigs, groups, &summary.classes, |query| class_of(query));
    summary
}

/// Divides the sums of divergences, which are weighted by bases, and counts the families of each class.
fn finish_families(families: &mut BTreeMap<&str, FamilySummary>, classes: &mut BTreeMap<&str, ClassSummary>) {
    for family in families.values_mut() {
        family.divergence = (100.0 * family.divergence / family.bases as f64).round() / 100.0;
        if let Some(class) = classes.get_mut(&family.class[..]) {
            class.families += 1;
        }
    }
}

/// The sums of the groups that have contigs, by the classes, which are by falling bases.
fn group_sums<'a>(
    copies: &[RepeatCopy],
    contigs: &[Contig],
    groups: &ContigGroups,
    classes: &[ClassSummary],
    class_of: impl Fn(u32) -> &'a str,
) -> Vec<GroupSummary> {
    let (names, row) = rows(classes, MAX_GROUP_CLASSES);
    let empty =
        |class: &String| GroupClass { class: class.clone(), bases: 0, bases_by_divergence: vec![0; DIVERGENCES] };
    let mut sums: Vec<GroupSummary> = groups
        .names()
        .iter()
        .map(|name| {
            let classes = names.iter().map(empty).collect();
            GroupSummary { name: name.clone(), contigs: 0, length: 0, bases: 0, classes }
        })
        .collect();
    for (number, contig) in contigs.iter().enumerate() {
        if let Some(group) = groups.group(number).and_then(|group| sums.get_mut(group)) {
            group.contigs += 1;
            group.length += contig.length;
        }
    }
    for copy in copies {
        let a = &copy.alignment;
        let group = groups.group(a.contig as usize).and_then(|group| sums.get_mut(group));
        let (Some(group), Some(&row)) = (group, row.get(class_of(a.query))) else { continue };
        let bases = a.range.end - a.range.start;
        group.bases += bases;
        let class = &mut group.classes[row];
        class.bases += bases;
        class.bases_by_divergence[divergence_count(divergence(copy))] += bases;
    }
    sums.retain(|group| group.contigs > 0);
    for group in &mut sums {
        group.classes.retain(|class| class.bases > 0);
    }
    sums
}

/// Names of the first `max` classes, the last of them `other` if there are more, and the row of each class.
fn rows(classes: &[ClassSummary], max: usize) -> (Vec<String>, BTreeMap<&str, usize>) {
    let mut names: Vec<String> = classes.iter().take(max).map(|c| c.class.clone()).collect();
    if classes.len() > max {
        names[max - 1] = OTHER.to_owned();
    }
    let last = names.len().saturating_sub(1);
    (names, (0..).zip(classes).map(|(i, c)| (&c.class[..], last.min(i))).collect())
}

/// The density of the classes, which are by falling bases, along the longest contigs.
fn density<'a>(
    copies: &[RepeatCopy],
    contigs: &[Contig],
    classes: &[ClassSummary],
    class_of: impl Fn(u32) -> &'a str,
) -> Density {
    let mut shown: Vec<usize> = (0..contigs.len()).filter(|&i| contigs[i].length > 0).collect();
    let all = shown.len();
    shown.sort_by_key(|&i| (std::cmp::Reverse(contigs[i].length), i));
    shown.truncate(MAX_CONTIGS);
    shown.sort_unstable();
    let window = window(shown.iter().map(|&i| contigs[i].length).sum());
    let (names, row) = rows(classes, CLASSES_ALONG);
    let mut densities: BTreeMap<usize, ContigDensity> = shown
        .into_iter()
        .map(|i| {
            let Contig { name, length, .. } = &contigs[i];
            let counts = vec![0; length.div_ceil(window) as usize];
            (i, ContigDensity { name: name.clone(), length: *length, bases: vec![counts; names.len()] })
        })
        .collect();
    for copy in copies {
        let a = &copy.alignment;
        let (Some(contig), Some(&row)) = (densities.get_mut(&(a.contig as usize)), row.get(class_of(a.query))) else {
            continue;
        };
        for number in a.range.start / window..a.range.end.div_ceil(window) {
            let (start, end) = (a.range.start.max(number * window), a.range.end.min((number + 1) * window));
            contig.bases[row][number as usize] += end - start;
        }
    }
    let contigs_left_out = (all - densities.len()) as u64;
    Density { window, classes: names, contigs: densities.into_values().collect(), contigs_left_out }
}

/// A round number of bases, 1, 2 or 5 times a power of ten, such that there are about [`MAX_WINDOWS`] windows at most.
fn window(bases: u64) -> u64 {
    let min = bases.div_ceil(MAX_WINDOWS).max(MIN_WINDOW);
    (2..).flat_map(|decade| [1, 2, 5].map(|first| first * 10u64.pow(decade))).find(|&n| n >= min).unwrap_or(min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::{Alignment, Counts, Operations};
    use crate::kmer::Strand;

    fn copy(id: u64, query: u32, contig: u32, range: std::ops::Range<u64>, transversions: u32) -> RepeatCopy {
        let length = (range.end - range.start) as u32;
        let counts = Counts { matches: length - transversions, transversions, ..Counts::default() };
        let (strand, query_range) = (Strand::Forward, 0..length);
        let alignment = Alignment {
            query,
            strand,
            query_range,
            contig,
            range,
            score: 1,
            e_value: 0.0,
            counts,
            operations: Operations::default(),
        };
        RepeatCopy { id, alignment }
    }

    fn contig(name: &str, length: u64) -> Contig {
        Contig { name: name.to_owned(), description: String::new(), length, start: 0, record: 0 }
    }

    #[test]
    fn sums_are_of_all_copies() {
        let mut library = Library::default();
        library.push("a#LTR/Gypsy", vec![b'A'; 1000]);
        library.push("b#Unknown", vec![b'C'; 100]);
        library.push("c#LTR/Gypsy", vec![b'C'; 400]);
        let contigs = [contig("one", 10_000), contig("none", 0), contig("two", 1200)];
        let copies = [
            copy(1, 0, 0, 400..1000, 60),
            copy(2, 1, 0, 1000..1100, 0),
            copy(1, 0, 0, 1100..1500, 40),
            copy(3, 2, 2, 900..1100, 0),
        ];
        let summary = summarize(&copies, &library, &contigs, &ContigGroups::by_name(&contigs));
        assert_eq!((summary.copies, summary.fragments, summary.bases), (3, 4, 1300));
        let [ltr, unknown] = &summary.classes[..] else { panic!("two classes") };
        assert_eq!((&ltr.class[..], ltr.families, ltr.copies, ltr.fragments, ltr.bases), ("LTR/Gypsy", 2, 2, 3, 1200));
        assert_eq!((&unknown.class[..], unknown.bases), ("Unknown", 100));
        // A tenth of transversions is a Kimura distance of 10.9 %.
        assert_eq!((ltr.bases_by_divergence[10], ltr.bases_by_divergence[0]), (1000, 200));
        assert_eq!((ltr.copies_by_divergence[10], ltr.copies_by_divergence[0]), (1, 1));
        assert_eq!((ltr.copies_by_length[10], ltr.copies_by_length[6]), (1, 1), "1000 and 158 to 250 bases");
        let names: Vec<(&str, u64, u64)> =
            summary.families.iter().map(|f| (&f.name[..], f.copies, f.full_length_copies)).collect();
        assert_eq!(names, [("a", 1, 1), ("c", 1, 0), ("b", 1, 1)]);
        assert_eq!(summary.density.window, 500);
        assert_eq!(summary.density.classes, ["LTR/Gypsy", "Unknown"]);
        let [one, two] = &summary.density.contigs[..] else { panic!("two contigs have bases") };
        assert_eq!((&one.bases[0][..4], &one.bases[1][..4]), (&[100, 500, 400, 0][..], &[0, 0, 100, 0][..]));
        assert_eq!(two.bases[0], [0, 100, 100]);
    }

    #[test]
    fn the_density_is_bounded() {
        let contigs: Vec<Contig> = (0..1000).map(|i| contig(&i.to_string(), 3_000_000 + i)).collect();
        let mut library = Library::default();
        (0..20).for_each(|i| library.push(format!("f{i}#class{i}"), "ACGT"));
        let copies: Vec<RepeatCopy> = (0..20).map(|i| copy(u64::from(i) + 1, i, 900, 0..1000, 0)).collect();
        let AnnotationSummary { density, groups, .. } =
            summarize(&copies, &library, &contigs, &ContigGroups::by_name(&contigs));
        assert_eq!((density.contigs.len(), density.contigs_left_out), (MAX_CONTIGS, 900));
        let windows: usize = density.contigs.iter().map(|c| c.bases[0].len()).sum();
        assert!(windows <= MAX_WINDOWS as usize + MAX_CONTIGS, "{windows}");
        assert_eq!(density.classes.len(), CLASSES_ALONG);
        assert_eq!(density.contigs[0].bases.iter().map(|b| b[0]).sum::<u64>(), 20_000);
        let nothing = summarize(&[], &library, &[], &ContigGroups::by_name(&[]));
        assert_eq!((nothing.copies, nothing.classes.len(), nothing.density.contigs.len()), (0, 0, 0));
        assert_eq!((groups.len(), groups[0].classes.len(), nothing.groups.len()), (1, 20, 0));
    }

    #[test]
    fn groups_have_the_sums_of_their_contigs() {
        let classes = 130;
        let mut library = Library::default();
        (0..classes).for_each(|i| library.push(format!("f{i}#class{i:03}"), "ACGT"));
        let contigs = [contig("chr1", 50_000), contig("chrX", 45_000), contig("chr2", 60_000), contig("ctg", 5000)];
        let number = |i: u32| u64::from(i) + 1;
        // The first classes have the most bases, and every second copy is diverged.
        let copies: Vec<RepeatCopy> = (0..classes)
            .map(|i| {
                copy(number(i), i, i % 3, 1000 * (number(i) / 3)..1000 * (number(i) / 3) + 200 - number(i), i % 2 * 9)
            })
            .collect();
        let summary = summarize(&copies, &library, &contigs, &ContigGroups::by_name(&contigs));
        let facts: Vec<_> = summary.groups.iter().map(|g| (&g.name[..], g.contigs, g.length)).collect();
        assert_eq!(facts, [("chromosomes", 2, 110_000), ("sex chromosomes", 1, 45_000), ("scaffolds", 1, 5000)]);
        assert_eq!(summary.groups.iter().map(|g| g.bases).sum::<u64>(), summary.bases);
        for group in &summary.groups {
            assert_eq!(group.classes.iter().map(|c| c.bases).sum::<u64>(), group.bases, "{}", group.name);
            for class in &group.classes {
                assert_eq!(class.bases_by_divergence.iter().sum::<u64>(), class.bases);
            }
        }
        let [all, sex, rest] = &summary.groups[..] else { panic!("three groups") };
        assert_eq!((rest.bases, rest.classes.len()), (0, 0));
        assert!(all.classes.len() <= MAX_GROUP_CLASSES && all.classes.last().is_some_and(|c| c.class == OTHER));
        // Class 1 is only on X, and diverged.
        let class = sex.classes.iter().find(|c| c.class == "class001").expect("it has copies");
        assert_eq!((class.bases, class.bases_by_divergence[0]), (198, 0));
    }
}
