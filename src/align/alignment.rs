//! An alignment as users see it: its position, the counts of its columns, and the statistics that follow from them.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::align::operations::{Column, OperationKind, Operations};
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::sequence::code::{C, G};

/// A local alignment of a query with the genome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// Number of the query in its library, from 0.
    pub query: u32,
    /// Strand of the genome on which the query reads.
    pub strand: Strand,
    /// Bases of the query, on its own forward strand, 0-based, half-open.
    pub query_range: Range<u32>,
    /// Number of the contig, from 0.
    pub contig: u32,
    /// Bases of the contig, on its forward strand, 0-based, half-open.
    pub range: Range<u64>,
    /// Score in eighths of a nat, with the scores for the alignment's own divergence and without what its composition
    /// alone explains.
    pub score: i32,
    /// E-value: the number of alignments of at least this score that are expected by chance in the whole search.
    pub e_value: f64,
    /// Columns by kind.
    pub counts: Counts,
    /// The columns in the order of the genome's forward strand.
    pub operations: Operations,
}

impl Alignment {
    /// The order of alignments: contig, start, end, query, strand, range in the query. No two alignments of one search
    /// have the same key.
    pub fn sort_key(&self) -> (u32, u64, u64, u32, Strand, u32, u32) {
        let (range, query) = (&self.range, &self.query_range);
        (self.contig, range.start, range.end, self.query, self.strand, query.start, query.end)
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        size_of::<Self>() as u64 + self.operations.bytes()
    }

    /// Whether what a file states is possible for a query of this length and these contigs.
    pub(crate) fn is_possible(&self, query_length: usize, contigs: &[Contig]) -> bool {
        let Self { query_range, contig, range, score, e_value, counts, operations, .. } = self;
        let columns = |wanted: OperationKind| -> u64 {
            let all = operations.iter().filter(|operation| operation.kind == wanted);
            all.map(|operation| u64::from(operation.length)).sum()
        };
        let pairs = columns(OperationKind::Pair);
        let counted = [counts.matches, counts.transitions, counts.transversions, counts.unknown].map(u64::from);
        Contig::has_range(contigs, *contig, range)
            && query_range.start < query_range.end
            && query_range.end as usize <= query_length
            && pairs + columns(OperationKind::Insertion) == range.end - range.start
            && pairs + columns(OperationKind::Deletion) == u64::from(query_range.end - query_range.start)
            && counted.iter().sum::<u64>() == pairs
            && (-MAX_SCORE..=MAX_SCORE).contains(score)
            && e_value.is_finite()
    }
}

/// Largest absolute score of an alignment, far above those of the longest contigs.
const MAX_SCORE: i32 = 1 << 30;

/// The columns of an alignment, counted by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Columns of two equal bases.
    pub matches: u32,
    /// Columns of two different purines or pyrimidines.
    pub transitions: u32,
    /// Columns of a purine and a pyrimidine.
    pub transversions: u32,
    /// Columns in which one base is not ACGT.
    pub unknown: u32,
    /// CpG sites of the query whose two bases are both aligned with a base.
    pub cpg_sites: u32,
    /// Those of them in which one base is a transition.
    pub cpg_one_transition: u32,
    /// Those of them in which both bases are transitions.
    pub cpg_two_transitions: u32,
    /// Gaps in the query: runs of bases that only the genome has.
    pub insertions: u32,
    /// Their bases.
    pub inserted: u32,
    /// Gaps in the genome.
    pub deletions: u32,
    /// Their bases.
    pub deleted: u32,
}

/// Weight of a transition in a CpG site in the adjusted distance: a tenth, as RepeatMasker has it.
const CPG_TRANSITION_WEIGHT: f64 = 0.1;

impl Counts {
    /// Columns of two bases of ACGT.
    pub fn pairs(&self) -> u32 {
        self.matches + self.transitions + self.transversions
    }

    /// Share of the pairs that is substituted, 0 to 1.
    pub fn substituted(&self) -> f64 {
        f64::from(self.transitions + self.transversions) / f64::from(self.pairs().max(1))
    }

    /// Share of the columns that is not a match, 0 to 1; a gap counts its bases.
    pub fn difference(&self) -> f64 {
        let columns = self.pairs() + self.inserted + self.deleted;
        1.0 - f64::from(self.matches) / f64::from(columns.max(1))
    }

    /// Distance of M. Kimura (J. Mol. Evol. 16 (1980) 111): substitutions a site, with an estimate of multiple ones.
    /// Infinite if the two are as different as unrelated sequences.
    pub fn kimura(&self) -> f64 {
        self.kimura_of(f64::from(self.transitions))
    }

    /// As [`kimura`](Self::kimura), adjusted for CpG sites, which mutate about ten times as fast: one transition in a
    /// site counts a tenth, two count as one, as in RepeatMasker's `calcDivergenceFromAlign.pl`.
    pub fn kimura_without_cpg(&self) -> f64 {
        let in_cpg = self.cpg_one_transition + 2 * self.cpg_two_transitions;
        let counted = CPG_TRANSITION_WEIGHT * f64::from(self.cpg_one_transition) + f64::from(self.cpg_two_transitions);
        self.kimura_of(f64::from(self.transitions.saturating_sub(in_cpg)) + counted)
    }

    fn kimura_of(&self, transitions: f64) -> f64 {
        let sites = f64::from(self.pairs());
        if sites == 0.0 {
            return 0.0;
        }
        let (p, q) = (transitions / sites, f64::from(self.transversions) / sites);
        let (first, second) = (1.0 - 2.0 * p - q, 1.0 - 2.0 * q);
        if first <= 0.0 || second <= 0.0 { f64::INFINITY } else { 0.0 - 0.5 * first.ln() - 0.25 * second.ln() }
    }

    /// Counts the columns `path` of two sequences of codes.
    pub(crate) fn of(query: &[u8], genome: &[u8], path: &[Column]) -> Self {
        let mut counts = Self::default();
        let (mut q, mut g) = (0, 0);
        // If the column before was a pair: the base of the query, and whether it was a transition.
        let mut before = None;
        let mut last = Column::Pair;
        for &column in path {
            match column {
                Column::Pair => {
                    let (a, b) = (query[q], genome[g]);
                    let transition = a < 4 && b < 4 && a ^ b == 1;
                    if a > 3 || b > 3 {
                        counts.unknown += 1;
                    } else if a == b {
                        counts.matches += 1;
                    } else if transition {
                        counts.transitions += 1;
                    } else {
                        counts.transversions += 1;
                    }
                    if let Some((C, first)) = before
                        && a == G
                    {
                        counts.cpg_sites += 1;
                        counts.cpg_one_transition += u32::from(first != transition);
                        counts.cpg_two_transitions += u32::from(first && transition);
                    }
                    before = Some((a, transition));
                    (q, g) = (q + 1, g + 1);
                }
                Column::Genome => {
                    counts.insertions += u32::from(last != column);
                    counts.inserted += 1;
                    before = None;
                    g += 1;
                }
                Column::Query => {
                    counts.deletions += u32::from(last != column);
                    counts.deleted += 1;
                    before = None;
                    q += 1;
                }
            }
            last = column;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::codes;

    fn counts(rows: [&str; 2]) -> Counts {
        let codes = |row: &str| codes(row.replace('-', "").as_bytes()).collect::<Vec<_>>();
        let path: Vec<Column> = rows[0]
            .bytes()
            .zip(rows[1].bytes())
            .map(|(q, g)| match (q, g) {
                (b'-', _) => Column::Genome,
                (_, b'-') => Column::Query,
                _ => Column::Pair,
            })
            .collect();
        Counts::of(&codes(rows[0]), &codes(rows[1]), &path)
    }

    #[test]
    fn columns_are_counted() {
        //                    CpG with one, with two transitions, without; a gap within one; N
        let found = counts(["ACGTACGTACGTAC-GTTTAN", "ATGTATATACGTACAGT--CA"]);
        let wanted = Counts {
            matches: 13,
            transitions: 3,
            transversions: 1,
            unknown: 1,
            cpg_sites: 3,
            cpg_one_transition: 1,
            cpg_two_transitions: 1,
            insertions: 1,
            inserted: 1,
            deletions: 1,
            deleted: 2,
        };
        assert_eq!(found, wanted);
        // p = 3/17, q = 1/17; without CpG p = 1.1/17.
        assert!((found.kimura() - 0.296_6).abs() < 1e-3, "{}", found.kimura());
        assert!((found.kimura_without_cpg() - 0.135_6).abs() < 1e-3, "{}", found.kimura_without_cpg());
    }

    #[test]
    fn unrelated_sequences_have_no_distance() {
        assert_eq!(counts(["AAAA", "CCCC"]).kimura(), f64::INFINITY);
        assert_eq!(counts(["", ""]).kimura(), 0.0);
    }
}
