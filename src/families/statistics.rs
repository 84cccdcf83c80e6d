//! What is told of a family: copies, lengths, divergence, and a seed alignment of its best copies.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::align::Alignment;
use crate::families::bases::{Bases, UNKNOWN};
use crate::families::classify::copy_ends;
use crate::families::refine::{Placed, Step, walk};
use crate::families::{Evidence, Part, RefinedFamily, classify};
use crate::genome::Contig;
use crate::index::BatchLookup;
use crate::kmer::{KmerCodec, Strand};
use crate::sequence::{BASES, letters};
use crate::{Index, Result};

/// Most bases that may lie within a copy: what was inserted into it.
const LONGEST_INSERT: u64 = 20_000;
/// Rows of a seed alignment at most.
const MOST_ROWS: usize = 100;

/// What is told of a family; a row of the table of families.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyStatistics {
    /// `family-N`, by falling bases in the genome.
    pub name: String,
    /// What the evidence bears out, as RepeatMasker writes it: [`classify`](super::classify); else `Unknown`.
    pub class: &'static str,
    /// Bases of the consensus.
    pub length: u64,
    /// Copies; one that something was inserted into counts once.
    pub copies: u64,
    /// Copies that cover 95 % of the consensus or more.
    pub full_length_copies: u64,
    /// Bases of the genome in its copies.
    pub bases: u64,
    /// Mean Kimura distance of the copies from the consensus in per cent, transitions in CpG discounted, weighted by length.
    pub divergence: f64,
    /// Place that the family began with: contig:first-last, 1-based.
    pub seed: String,
    /// K-mer of the consensus with the highest frequency in the index, the first of equals; empty if the consensus is shorter.
    pub kmer: String,
    /// Occurrences of that k-mer in the genome, both strands; 0 if the index does not hold it.
    pub kmer_frequency: u64,
    /// Whether most copies lie in rows, one behind the other.
    pub tandem: bool,
    /// Bases of the repeat at both ends of the consensus; 0 where there is none.
    pub terminal_repeat: u64,
    /// What its class rests on.
    pub evidence: Evidence,
    /// Letters of the consensus.
    pub consensus: String,
}

/// Copies aligned column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedAlignment {
    /// Of each row contig, first and last base (1-based, both included; last before first on the reverse strand), letters: `-` where the
    /// copy lacks a base of the consensus, `.` where others have one more or the copy has ended.
    pub rows: Vec<(String, Vec<u8>)>,
    /// `x` for a column of the consensus, `.` for one between two of them.
    pub reference: Vec<u8>,
}

/// Most bases between the parts of a copy that lacks the middle.
const GAP: u64 = 50;

/// Most bases between the parts of a copy of which a stretch of this length does not align.
const CHANGED: u64 = 2000;

/// The copies of a family from its alignments, by place: the parts of one copy, with something inserted between them or the middle
/// lost or changed, are taken together.
pub(crate) fn insertions<'a>(alignments: impl IntoIterator<Item = &'a Alignment>) -> Vec<Vec<&'a Alignment>> {
    let mut copies: Vec<Vec<&Alignment>> = Vec::new();
    // Copies that may go on, with where they are looked for.
    let mut open: Vec<usize> = Vec::new();
    for alignment in alignments {
        open.retain(|&copy| {
            let last = copies[copy][copies[copy].len() - 1];
            last.contig == alignment.contig && alignment.range.start <= last.range.end + LONGEST_INSERT
        });
        let goes_on = open.iter().rposition(|&copy| {
            let last = copies[copy][copies[copy].len() - 1];
            let (before, after) = match alignment.strand {
                Strand::Forward => (last.query_range.end, alignment.query_range.start),
                Strand::Reverse => (alignment.query_range.end, last.query_range.start),
            };
            let lacks = after.saturating_sub(before).into();
            let between = alignment.range.start.saturating_sub(last.range.end);
            // Something inserted, something lost, or a stretch that changed.
            last.strand == alignment.strand
                && before <= after + 30
                && (lacks <= 100 || between <= GAP || between <= CHANGED && between.abs_diff(lacks) <= 100)
        });
        match goes_on {
            Some(at) => {
                let copy = open.remove(at);
                copies[copy].push(alignment);
                open.push(copy);
            }
            None => {
                open.push(copies.len());
                copies.push(vec![alignment]);
            }
        }
    }
    copies
}

/// What is told of refined families, in their order.
///
/// # Errors
/// [`Error::Damaged`](crate::Error::Damaged); [`Error::Memory`](crate::Error::Memory) of the genome, a byte a base.
pub fn statistics(index: &Index, families: &[RefinedFamily]) -> Result<Vec<FamilyStatistics>> {
    let contigs = index.contigs()?;
    let bases = Bases::of(index)?;
    let mut batch = index.batch();
    let mut describe = |(number, family): (usize, &RefinedFamily)| {
        let length = family.consensus.len() as u64;
        let copies = insertions(&family.copies);
        let (mut class, mut evidence) =
            classify(&family.consensus, family.tandem, &copy_ends(&copies, length as u32, &bases, contigs));
        evidence.part = family.part;
        if family.part != Part::Whole {
            class = "LTR";
        }
        let covered =
            |copy: &Vec<&Alignment>| -> u64 { copy.iter().map(|a| u64::from(a.query_range.len() as u32)).sum() };
        let (mut distance, mut pairs) = (0.0, 0.0);
        for alignment in &family.copies {
            let weight = f64::from(alignment.counts.pairs());
            distance += weight * alignment.counts.kimura_without_cpg().min(1.0);
            pairs += weight;
        }
        let seed = &family.seed.genome;
        let contig = &contigs[Contig::number_at(contigs, seed.start)];
        let consensus: String = letters(&family.consensus).map(char::from).collect();
        let (kmer, kmer_frequency) = most_frequent_kmer(&mut batch, index.codec(), &consensus)?;
        Ok(FamilyStatistics {
            name: format!("family-{}", number + 1),
            class,
            length,
            copies: copies.len() as u64,
            full_length_copies: copies.iter().filter(|copy| covered(copy) * 20 >= length * 19).count() as u64,
            bases: family.copies.iter().map(|a| a.range.end - a.range.start).sum(),
            divergence: if pairs > 0.0 { (10_000.0 * distance / pairs).round() / 100.0 } else { 0.0 },
            seed: format!("{}:{}-{}", contig.name, seed.start - contig.start + 1, seed.end - contig.start),
            kmer,
            kmer_frequency,
            tandem: family.tandem,
            terminal_repeat: evidence.direct_repeat.as_ref().map_or(0, |repeat| repeat.length),
            evidence,
            consensus,
        })
    };
    families.iter().enumerate().map(&mut describe).collect()
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

/// Aligns the best copies of each family column by column and hands each seed alignment to `each`, in order: one is in memory at a time.
///
/// # Errors
/// What `each` gives; [`Error::Memory`](crate::Error::Memory) and [`Error::Damaged`](crate::Error::Damaged) of the genome.
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
        best.truncate(MOST_ROWS);
        best.sort_unstable();
        let placed: Vec<Placed<'_>> = best.iter().map(|&i| Placed::new(&family.copies[i], contigs)).collect();
        // The most bases that any copy has before each column.
        let length = family.consensus.len();
        let mut widest = vec![0usize; length + 1];
        for copy in &placed {
            let mut runs: BTreeMap<u32, usize> = BTreeMap::new();
            walk(copy, &bases, |step, _| {
                if let Step::Insertion(column, _) = step {
                    *runs.entry(column).or_default() += 1;
                }
            });
            for (column, run) in runs {
                widest[column as usize] = widest[column as usize].max(run);
            }
        }
        // Where each column of the consensus is in the alignment.
        let mut at = 0;
        let mut places = Vec::with_capacity(length);
        let mut reference = Vec::new();
        for wide in &widest[..length] {
            at += wide;
            places.push(at);
            reference.resize(at, b'.');
            reference.push(b'x');
            at += 1;
        }
        let letter = |code: u8| if code & UNKNOWN != 0 { b'N' } else { BASES[usize::from(code & 3)] };
        let rows = placed.iter().map(|copy| {
            let mut row = vec![b'.'; at];
            let mut run = (0, 0);
            walk(copy, &bases, |step, _| match step {
                Step::Pair(column, code) => row[places[column as usize]] = letter(code),
                Step::Deletion(column) => row[places[column as usize]] = b'-',
                Step::Insertion(column, code) => {
                    run = if run.0 == column { (column, run.1 + 1) } else { (column, 1) };
                    row[places[column as usize] - widest[column as usize] + run.1 - 1] = letter(code);
                }
            });
            let a = copy.alignment;
            let contig = &contigs[a.contig as usize].name;
            let name = match a.strand {
                Strand::Forward => format!("{contig}:{}-{}", a.range.start + 1, a.range.end),
                Strand::Reverse => format!("{contig}:{}-{}", a.range.end, a.range.start + 1),
            };
            (name, row)
        });
        let rows = rows.collect();
        each(number, SeedAlignment { rows, reference })?;
    }
    Ok(())
}
