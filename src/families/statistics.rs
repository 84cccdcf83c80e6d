//! The statistics of a family for its user: copies, lengths, divergence, class, and a seed alignment of its best
//! copies, from which profiles can be built.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use crate::align::Alignment;
use crate::families::bases::Bases;
use crate::families::classify::{
    Evidence, OtherPart, Signs, StructuralRna, classify, copy_ends, have_paired_repeats, primers, truncated_ends,
};
use crate::families::copies::{AlignedColumn, PlacedAlignment, covered_columns, for_each_column, join_copies};
use crate::families::elements::name_families;
use crate::families::refine::RefinedFamily;
use crate::families::terminal_repeats::ElementPart;
use crate::genome::Contig;
use crate::index::BatchLookup;
use crate::kmer::{KmerCodec, Strand};
use crate::proteins::Profiles;
use crate::sequence::{BASES, letters};
use crate::{Index, Result};

/// Maximum number of rows of a seed alignment, the best copies: a profile hardly changes with more.
const MAX_ROWS: usize = 100;
/// Per cent of the consensus that a full-length copy covers: ends of alignments lose some bases.
const MIN_FULL_LENGTH: u64 = 95;
/// Kimura distance, in substitutions a site, that counts for copies as different as chance: theirs is infinite.
const MAX_DISTANCE: f64 = 1.0;

/// The statistics of a family; a row of the table of families.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FamilyStatistics {
    /// `family-N`, by falling bases in the genome; `family-N-int` and `family-N_LTR` are the parts of an LTR element.
    pub name: String,
    /// The class that the evidence shows, as RepeatMasker writes it ([`classify`]); else `Unknown`.
    pub class: String,
    /// Bases of the consensus.
    pub length: u64,
    /// Copies; one that something was inserted into counts once.
    pub copies: u64,
    /// Copies that cover 95 % of the consensus or more.
    pub full_length_copies: u64,
    /// Bases of the genome in its copies.
    pub bases: u64,
    /// Mean Kimura distance of the copies from the consensus in per cent, transitions in CpG discounted, weighted by
    /// length.
    pub divergence: f64,
    /// Where the family began: contig:first-last, 1-based.
    pub seed: String,
    /// K-mer of the consensus with the highest frequency in the index, the first of equals; empty if the consensus is
    /// shorter.
    pub kmer: String,
    /// Occurrences of that k-mer in the genome, both strands; 0 if the index does not contain it.
    pub kmer_frequency: u64,
    /// Whether most copies lie in tandem rows.
    pub tandem: bool,
    /// Bases of the direct repeat at both ends of the consensus; 0 if there is none.
    pub terminal_repeat: u64,
    /// The evidence for its class.
    pub evidence: Evidence,
    /// If it is a subfamily: the name of the one of its family with the most bases, if that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subfamily_of: Option<String>,
    /// Letters of the consensus.
    pub consensus: String,
}

/// Copies aligned column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedAlignment {
    /// For each row contig, first and last base (1-based, both included; last before first on the reverse strand), and
    /// letters: `-` if the copy lacks a base of the consensus, `.` if others have one more or the copy has ended.
    pub rows: Vec<(String, Vec<u8>)>,
    /// `x` for a column of the consensus, `.` for one between two of them.
    pub reference: Vec<u8>,
}

/// The statistics of refined families, in their order; `profiles` are those of protein domains, and `rna` genes of
/// structural RNA, if there are any.
///
/// # Errors
/// [`Error::Damaged`](crate::Error::Damaged); [`Error::Memory`](crate::Error::Memory).
pub fn statistics(
    index: &Index,
    families: &[RefinedFamily],
    profiles: Option<&Profiles>,
    rna: Option<&StructuralRna>,
) -> Result<Vec<FamilyStatistics>> {
    let contigs = index.contigs()?;
    let bases = Bases::of(index)?;
    let describe = |family: &RefinedFamily| {
        let length = family.consensus.len() as u64;
        let copies = join_copies(&family.copies);
        let RefinedFamily { consensus, tandem, gene, part, .. } = family;
        let (class, evidence) = classify(&Signs {
            consensus,
            tandem: *tandem,
            gene: *gene,
            part: *part,
            paired: have_paired_repeats(consensus, &copies, &bases, contigs),
            copies: Some(&copy_ends(&copies, length as u32, &bases, contigs)),
            truncated: &truncated_ends(&copies, length as u32, &bases, contigs),
            known_rna: rna.filter(|_| *part == ElementPart::Whole).and_then(|rna| rna.class_of(consensus)),
            domains: &profiles.map(|profiles| profiles.domains(consensus)).unwrap_or_default(),
        });
        let is_full_length = |copy: &&Vec<&Alignment>| 100 * covered_columns(copy) as u64 >= MIN_FULL_LENGTH * length;
        let seed = &family.seed.genome;
        let contig = &contigs[Contig::number_at(contigs, seed.start)];
        let consensus: String = letters(&family.consensus).map(char::from).collect();
        FamilyStatistics {
            name: String::new(),
            class,
            length,
            copies: copies.len() as u64,
            full_length_copies: copies.iter().filter(is_full_length).count() as u64,
            bases: family.copies.iter().map(|a| a.range.end - a.range.start).sum(),
            divergence: mean_divergence(&family.copies),
            seed: format!("{}:{}-{}", contig.name, seed.start - contig.start + 1, seed.end - contig.start),
            kmer: String::new(),
            kmer_frequency: 0,
            tandem: family.tandem,
            terminal_repeat: evidence.direct_repeat.as_ref().map_or(0, |repeat| repeat.length),
            evidence,
            subfamily_of: None,
            consensus,
        }
    };
    let mut described: Vec<FamilyStatistics> = families.par_iter().map(describe).collect();
    name_parts(&mut described, families);
    let mut batch = index.batch();
    for family in &mut described {
        (family.kmer, family.kmer_frequency) = most_frequent_kmer(&mut batch, index.codec(), &family.consensus)?;
    }
    Ok(described)
}

/// Names the families, and completes what is known of those that are parts of one element.
fn name_parts(described: &mut [FamilyStatistics], families: &[RefinedFamily]) {
    let classes: Vec<String> = described.iter().map(|family| family.class.clone()).collect();
    let named = name_families(families, &classes);
    for ((description, family), names) in described.iter_mut().zip(families).zip(&named) {
        let evidence = &mut description.evidence;
        if names.part == ElementPart::Internal && evidence.part != ElementPart::Internal {
            (evidence.primer_site, evidence.polypurine_tract) =
                primers(&family.consensus, &(0..family.consensus.len()));
        }
        evidence.part = names.part;
        evidence.other_part =
            names.other_part.map(|(other, copies)| OtherPart { family: named[other].name.clone(), copies });
        description.name.clone_from(&names.name);
        description.class.clone_from(&names.class);
        description.subfamily_of = family.subfamily_of.map(|other| named[other].name.clone());
    }
}

/// Mean Kimura distance of copies in per cent, weighted by their aligned pairs of bases, to two decimal places.
fn mean_divergence(copies: &[Alignment]) -> f64 {
    let (mut distance, mut pairs) = (0.0, 0.0);
    for alignment in copies {
        let weight = f64::from(alignment.counts.pairs());
        distance += weight * alignment.counts.kimura_without_cpg().min(MAX_DISTANCE);
        pairs += weight;
    }
    if pairs > 0.0 { (10_000.0 * distance / pairs).round() / 100.0 } else { 0.0 }
}

/// K-mers that are looked up together: their buffers stay below 1 MiB.
const KMERS_AT_ONCE: usize = 4096;

/// The k-mer of a consensus with the highest frequency in the index, the first of equals.
fn most_frequent_kmer(batch: &mut BatchLookup<'_>, codec: &KmerCodec, consensus: &str) -> Result<(String, u64)> {
    let kmers: Vec<&[u8]> = consensus.as_bytes().windows(codec.k() as usize).collect();
    let mut best: Option<(u64, u64)> = None;
    for kmers in kmers.chunks(KMERS_AT_ONCE) {
        // A consensus has no letter but ACGT.
        let codes: Vec<u64> = kmers.iter().filter_map(|kmer| codec.encode(kmer).ok()).collect();
        for (&code, &frequency) in codes.iter().zip(batch.frequencies(&codes)?) {
            if best.is_none_or(|(_, most)| frequency > most) {
                best = Some((code, frequency));
            }
        }
    }
    Ok(best.map_or_else(Default::default, |(code, frequency)| (codec.decode(code), frequency)))
}

/// Aligns the best copies of each family column by column and calls `each` with each seed alignment, in order: one is
/// in memory at a time.
///
/// # Errors
/// Those of `each`; [`Error::Memory`](crate::Error::Memory) and [`Error::Damaged`](crate::Error::Damaged) of the
/// genome.
pub fn seed_alignments(
    index: &Index,
    families: &[RefinedFamily],
    mut each: impl FnMut(usize, SeedAlignment) -> Result<()>,
) -> Result<()> {
    let bases = Bases::of(index)?;
    let contigs = index.contigs()?;
    for (number, family) in families.iter().enumerate() {
        let mut best: Vec<usize> = (0..family.copies.len()).collect();
        best.sort_by_key(|&i| (std::cmp::Reverse(family.copies[i].score), i));
        best.truncate(MAX_ROWS);
        best.sort_unstable();
        let placed: Vec<PlacedAlignment<'_>> =
            best.iter().map(|&i| PlacedAlignment::new(&family.copies[i], contigs)).collect();
        let layout = SeedAlignmentColumns::new(family.consensus.len(), &placed, &bases);
        let rows = placed.iter().map(|copy| (row_name(copy.alignment, contigs), layout.row(copy, &bases))).collect();
        each(number, SeedAlignment { rows, reference: layout.reference })?;
    }
    Ok(())
}

/// Contig, first and last base of a row.
fn row_name(alignment: &Alignment, contigs: &[Contig]) -> String {
    let contig = &contigs[alignment.contig as usize].name;
    let (start, end) = (alignment.range.start + 1, alignment.range.end);
    match alignment.strand {
        Strand::Forward => format!("{contig}:{start}-{end}"),
        Strand::Reverse => format!("{contig}:{end}-{start}"),
    }
}

/// The columns of a seed alignment.
struct SeedAlignmentColumns {
    /// Maximum number of bases that any copy has before each column of the consensus.
    inserted: Vec<usize>,
    /// Column of the alignment of each column of the consensus.
    columns: Vec<usize>,
    /// `x` for a column of the consensus, `.` for one between two of them.
    reference: Vec<u8>,
}

impl SeedAlignmentColumns {
    fn new(length: usize, copies: &[PlacedAlignment<'_>], bases: &Bases<'_>) -> Self {
        let mut inserted = vec![0usize; length + 1];
        for copy in copies {
            let mut runs: BTreeMap<u32, usize> = BTreeMap::new();
            for_each_column(copy, bases, |aligned, _| {
                if let AlignedColumn::Insertion(column, _) = aligned {
                    *runs.entry(column).or_default() += 1;
                }
            });
            for (column, run) in runs {
                inserted[column as usize] = inserted[column as usize].max(run);
            }
        }
        let mut columns = Vec::with_capacity(length);
        let mut reference = Vec::new();
        for most in &inserted[..length] {
            reference.resize(reference.len() + most, b'.');
            columns.push(reference.len());
            reference.push(b'x');
        }
        Self { inserted, columns, reference }
    }

    fn row(&self, copy: &PlacedAlignment<'_>, bases: &Bases<'_>) -> Vec<u8> {
        let letter = |code: u8| BASES.get(usize::from(code)).copied().unwrap_or(b'N');
        let mut row = vec![b'.'; self.reference.len()];
        // The last column with inserted bases before it, and how many there were.
        let mut run = (0, 0);
        for_each_column(copy, bases, |aligned, _| match aligned {
            AlignedColumn::Base(column, code) => row[self.columns[column as usize]] = letter(code),
            AlignedColumn::Deletion(column) => row[self.columns[column as usize]] = b'-',
            AlignedColumn::Insertion(column, code) => {
                run = if run.0 == column { (column, run.1 + 1) } else { (column, 1) };
                let column = column as usize;
                row[self.columns[column] - self.inserted[column] + run.1 - 1] = letter(code);
            }
        });
        row
    }
}
