//! Which consensi are families of transposons: those with copies in enough loci whose flanks differ, and that are
//! neither simple repeats, tandem arrays, duplicated parts of the genome nor families of genes.

use std::cell::LazyCell;
use std::ops::Range;

use crate::align::Alignment;
use crate::families::bases::Bases;
use crate::families::classify::{
    Signs, UNKNOWN_CLASS, class_of_domains, classify, copy_ends, have_paired_repeats, is_transposon, structural_rna,
};
use crate::families::copies::{PlacedAlignment, covered_columns, genome_span, join_copies};
use crate::families::flanks::{Flanks, both_alike, flanks};
use crate::families::low_complexity::is_simple_repeat;
use crate::families::refine::gene_families::{is_coding, is_gene_family};
use crate::families::refine::options::RefineOptions;
use crate::families::refine::outcome::Reason;
use crate::families::refine::state::FamilyState;
use crate::families::terminal_repeats::ElementPart;
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::proteins::Meaning;

/// Bases from which on a family may be a duplicated part of the genome with several genes; few transposons are longer.
const MIN_DUPLICATION: u64 = 8000;
/// Whole copies that show the internal part of an element, since its terminal repeat has enough copies.
const MIN_INTERNAL_COPIES: usize = 2;
/// Loci whose flanks are compared, the longest: bounds the pairs.
const MAX_COMPARED: usize = 60;
/// A family that a duplication absorbed needs this many times as many large loci as lie in the copies of that
/// duplication: three elsewhere for each within. Tuned on yeast, whose subtelomeric duplications contain each other.
const LOCI_FOR_EACH_WITHIN: usize = 4;
/// A large locus covers one of this many bases of the consensus.
const LARGE_PART: u64 = 4;
/// Copies are a row if their locus has this many per cent of the bases of the consensus: copies of a short repeat
/// within the consensus are none.
const MIN_ROW: u64 = 150;

/// Bases of the genome in which copies count as one place: clusters of genes are seldom longer.
const PLACE: u64 = 50_000;
/// Places from which on copies are scattered.
const MIN_PLACES: usize = 3;
/// Chance of so many insertions in so few places and on one strand; copies of a lower one are a cluster.
const MAX_CLUSTER_CHANCE: f64 = 0.01;

/// The decision of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A family; whether most of its copies lie in rows, and whether it is one of genes.
    Accepted { tandem: bool, gene: bool },
    /// No family of transposons.
    Rejected(Reason),
}

/// Copies in tandem on one strand.
struct Locus {
    genome: Range<u64>,
    strand: Strand,
    copies: usize,
    /// Columns of the consensus that they cover.
    columns: Vec<Range<u32>>,
}

impl Locus {
    fn bases(&self) -> u64 {
        self.genome.end - self.genome.start
    }

    /// Whether it covers a quarter or more of a consensus of this length.
    fn is_large(&self, length: u64) -> bool {
        LARGE_PART * self.columns.iter().map(|columns| u64::from(columns.end - columns.start)).sum::<u64>() >= length
    }

    /// Whether it is several copies in tandem, and not of a short repeat within the consensus.
    fn is_row(&self, length: u64) -> bool {
        self.copies > 1 && 100 * self.bases() >= MIN_ROW * length
    }

    /// Whether more than half of it lies in one of these ranges.
    fn lies_in(&self, ranges: &[Range<u64>]) -> bool {
        let Range { start, end } = self.genome;
        ranges.iter().any(|range| 2 * range.end.min(end).saturating_sub(range.start.max(start)) > end - start)
    }
}

/// Accepts or rejects a family by its exclusive copies, which come by position.
pub(super) fn filter_family(
    family: &FamilyState,
    copies: &[&PlacedAlignment<'_>],
    bases: &Bases<'_>,
    contigs: &[Contig],
    options: &RefineOptions,
) -> Verdict {
    if is_simple_repeat(&family.consensus) {
        return Verdict::Rejected(Reason::SimpleRepeat);
    }
    let length = family.consensus.len() as u64;
    let joined = join_copies(copies.iter().map(|copy| copy.alignment));
    let loci = loci(&joined, length, bases);
    let all: usize = loci.iter().map(|locus| locus.copies).sum();
    let in_rows: usize = loci.iter().filter(|locus| locus.is_row(length)).map(|locus| locus.copies).sum();
    let tandem = 2 * in_rows > all;
    let min_loci = match family.part {
        ElementPart::Internal => options.min_copies.min(MIN_INTERNAL_COPIES),
        ElementPart::Whole | ElementPart::TerminalRepeat => options.min_copies,
    };
    // Pieces of other repeats within an internal part show none.
    let is_shown = |locus: &&Locus| family.part != ElementPart::Internal || locus.is_large(length);
    if loci.iter().filter(is_shown).count() < min_loci {
        return Verdict::Rejected(if tandem { Reason::TandemArray } else { Reason::FewCopies });
    }
    if !have_different_flanks(&loci, family.terminal_repeat, length, bases, min_loci) {
        return Verdict::Rejected(Reason::LikeFlanks);
    }
    // A family with the marks of a transposon is accepted, whether or not it codes.
    let class = LazyCell::new(|| class_of(family, tandem, &joined, bases, contigs, options));
    let of_genes = |reason: Reason| {
        if options.keep_gene_families { Verdict::Accepted { tandem, gene: true } } else { Verdict::Rejected(reason) }
    };
    let is_known_rna = || options.structural_rna.as_ref().is_some_and(|rna| rna.class_of(&family.consensus).is_some());
    if family.part == ElementPart::Whole && (structural_rna(&family.consensus).is_some() || is_known_rna()) {
        return of_genes(Reason::StructuralRna);
    }
    let large = || loci.iter().filter(|locus| locus.is_large(length));
    // A long sequence that codes, in no more loci than a family needs: a duplication with genes.
    if family.part == ElementPart::Whole
        && length >= MIN_DUPLICATION
        && large().count() <= min_loci
        && is_coding(&family.consensus, copies, bases)
        && *class == UNKNOWN_CLASS
    {
        return Verdict::Rejected(Reason::LikeFlanks);
    }
    // A family that lies in a duplication and has few copies elsewhere is a duplication as well.
    if !family.source_duplication.is_empty() {
        let within = large().filter(|locus| locus.lies_in(&family.source_duplication)).count();
        if large().count() < (LOCI_FOR_EACH_WITHIN * within).max(min_loci) {
            return Verdict::Rejected(Reason::LikeFlanks);
        }
    }
    let is_clustered = || {
        let scattered: Vec<&Locus> = large().collect();
        let scattered = if scattered.len() < min_loci { loci.iter().collect() } else { scattered };
        are_clustered(&scattered, bases, contigs)
    };
    if family.part == ElementPart::Whole && !tandem && is_clustered() && *class == UNKNOWN_CLASS {
        return Verdict::Rejected(Reason::Cluster);
    }
    // Profiles of genes say what copies alone may not show.
    let has_host_domain = || {
        let profiles = options.profiles.as_ref().filter(|profiles| profiles.include_hosts());
        profiles.is_some_and(|profiles| profiles.domains(&family.consensus).iter().any(|d| d.meaning == Meaning::Host))
    };
    if family.part == ElementPart::Whole
        && (has_host_domain() || is_gene_family(&family.consensus, copies, bases))
        && !is_transposon(&class)
    {
        return of_genes(Reason::GeneFamily);
    }
    Verdict::Accepted { tandem, gene: false }
}

/// The class of a family by its copies, each as its fragments by position.
fn class_of(
    family: &FamilyState,
    tandem: bool,
    copies: &[Vec<&Alignment>],
    bases: &Bases<'_>,
    contigs: &[Contig],
    options: &RefineOptions,
) -> String {
    let FamilyState { consensus, part, .. } = family;
    let paired = have_paired_repeats(consensus, copies, bases, contigs);
    let copies = copy_ends(copies, consensus.len() as u32, bases, contigs);
    let signs = Signs { consensus, tandem, part: *part, copies: Some(&copies), paired, ..Signs::default() };
    let (class, _) = classify(&signs);
    if is_transposon(&class) {
        return class;
    }
    // Domains are searched only if the structure does not decide; then they alone do.
    let profiles = options.profiles.as_ref();
    profiles.and_then(|profiles| class_of_domains(&profiles.domains(consensus))).unwrap_or(class)
}

/// Whether loci, by position, lie in so few places and on one strand as those of transposons hardly ever do. In a genome
/// of few places, or of many short contigs, many do.
fn are_clustered(loci: &[&Locus], bases: &Bases<'_>, contigs: &[Contig]) -> bool {
    let mut places: Vec<(usize, u64)> = Vec::new();
    for locus in loci {
        let contig = contigs.partition_point(|contig| contig.start <= locus.genome.start);
        if places.last().is_none_or(|&(on, start)| on != contig || locus.genome.start >= start + PLACE) {
            places.push((contig, locus.genome.start));
        }
    }
    places.len() < MIN_PLACES
        && loci.windows(2).all(|pair| pair[0].strand == pair[1].strand)
        && cluster_chance(loci.len(), places.len(), bases.len()) < MAX_CLUSTER_CHANCE
}

/// Bound of the chance that insertions lie in so many of the places of a genome, and on one strand: the choices of
/// places and of a strand, times the chance of one choice.
fn cluster_chance(insertions: usize, places: usize, genome: u64) -> f64 {
    let all = genome as f64 / PLACE as f64;
    let choices: f64 = (0..places).map(|n| f64::max(all - n as f64, 1.0) / (n + 1) as f64).product();
    2.0 * choices * f64::powi(f64::min(places as f64 / all, 1.0) / 2.0, insertions as i32)
}

/// Where copies lie that cover half of a consensus or more, and the copies of the duplication that had absorbed the
/// family.
pub(super) fn duplication_of(
    family: &FamilyState,
    exclusive: &[usize],
    placed: &[PlacedAlignment<'_>],
    bases: &Bases<'_>,
) -> Vec<Range<u64>> {
    let mut alignments: Vec<&Alignment> = exclusive.iter().map(|&i| placed[i].alignment).collect();
    alignments.sort_unstable_by_key(|alignment| alignment.sort_key());
    let covers_half = |copy: &Vec<&Alignment>| 2 * covered_columns(copy) >= family.consensus.len();
    let copies = join_copies(alignments).into_iter().filter(covers_half);
    family.source_duplication.iter().cloned().chain(copies.filter_map(|copy| genome_span(&copy, bases))).collect()
}

/// Copies by position, those in a row taken together. Short copies are left out, since they occur by chance.
fn loci(copies: &[Vec<&Alignment>], length: u64, bases: &Bases<'_>) -> Vec<Locus> {
    /// Bases of the genome in a copy: one of this many bases of the consensus.
    const MIN_COPY_PART: u64 = 4;
    /// Maximum of the minimum bases of a copy.
    const MAX_MIN_COPY: u64 = 40;
    /// Bases between two copies of a row: less than one of this many bases of the consensus.
    const ROW_GAP_PART: u64 = 3;
    /// Bounds of the bases between two copies of a row.
    const ROW_GAPS: (u64, u64) = (20, 500);
    let min_bases = (length / MIN_COPY_PART).min(MAX_MIN_COPY);
    let row_gap = (length / ROW_GAP_PART).clamp(ROW_GAPS.0, ROW_GAPS.1);
    let mut loci: Vec<Locus> = Vec::new();
    for fragments in copies {
        let (Some(genome), Some(first)) = (genome_span(fragments, bases), fragments.first()) else { continue };
        if genome.end < genome.start + min_bases {
            continue;
        }
        let columns = fragments.iter().map(|fragment| fragment.query_range.clone());
        match loci.last_mut() {
            Some(locus) if locus.strand == first.strand && genome.start < locus.genome.end + row_gap => {
                locus.genome.end = locus.genome.end.max(genome.end);
                locus.copies += 1;
                locus.columns.extend(columns);
            }
            _ => loci.push(Locus { genome, strand: first.strand, copies: 1, columns: columns.collect() }),
        }
    }
    loci
}

/// Whether `min_loci` loci whose flanks differ cover half of the consensus. Copies of a duplication differ in no
/// flanks, but a piece of one may lie elsewhere.
fn have_different_flanks(
    loci: &[Locus],
    terminal_repeat: u64,
    length: u64,
    bases: &Bases<'_>,
    min_loci: usize,
) -> bool {
    let mut order: Vec<&Locus> = loci.iter().collect();
    order.sort_by_key(|locus| (std::cmp::Reverse(locus.bases()), locus.genome.start));
    let mut seen: Vec<(Flanks, Vec<&Range<u32>>)> = Vec::new();
    for locus in order.into_iter().take(MAX_COMPARED) {
        let flanks = flanks(&bases.around(&locus.genome, terminal_repeat), bases);
        match seen.iter_mut().find(|(other, _)| both_alike(&flanks, other)) {
            Some((_, columns)) => columns.extend(&locus.columns),
            None => seen.push((flanks, locus.columns.iter().collect())),
        }
    }
    if seen.len() < min_loci || seen.len() == loci.len().min(MAX_COMPARED) {
        return seen.len() >= min_loci;
    }
    let mut depth = vec![0usize; length as usize];
    for (_, columns) in seen {
        let mut covered = vec![false; depth.len()];
        columns.iter().for_each(|range| covered[range.start as usize..range.end as usize].fill(true));
        depth.iter_mut().zip(covered).for_each(|(depth, covered)| *depth += usize::from(covered));
    }
    2 * depth.iter().filter(|&&depth| depth >= min_loci).count() as u64 >= length
}
