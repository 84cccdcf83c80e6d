use std::ops::Range;

use crate::align::Column;
use crate::kmer::Strand;

/// A local alignment of a query with the genome.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// Number of the query in its library, from 0.
    pub query: u32,
    /// Strand of the genome on which the query reads.
    pub strand: Strand,
    /// Bases of the query, on its own forward strand.
    pub query_range: Range<u32>,
    /// Number of the contig, from 0.
    pub contig: u32,
    /// Bases of the contig.
    pub range: Range<u64>,
    /// Score, in eighths of a nat, of the scores that fit the alignment's own divergence, without what composition alone explains.
    pub score: i32,
    /// How many alignments of at least this score chance is expected to give in the whole search.
    pub e_value: f64,
    /// What the columns hold.
    pub counts: Counts,
    /// The columns in the order of the genome's forward strand.
    pub operations: Vec<Operation>,
}

impl Alignment {
    /// What alignments are sorted by: contig, start, end, query, strand, place in the query. No two that a search gives are equal in it.
    pub fn place(&self) -> (u32, u64, u64, u32, Strand, u32, u32) {
        let (range, query) = (&self.range, &self.query_range);
        (self.contig, range.start, range.end, self.query, self.strand, query.start, query.end)
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> u64 {
        (size_of::<Self>() + self.operations.capacity() * size_of::<Operation>()) as u64
    }
}

/// What the columns of an alignment hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Columns of two equal bases.
    pub matches: u32,
    /// Columns of two different purines or pyrimidines.
    pub transitions: u32,
    /// Columns of a purine and a pyrimidine.
    pub transversions: u32,
    /// Columns of which one base is not ACGT.
    pub unknown: u32,
    /// CpG of the query of which both columns hold two bases.
    pub cpg_sites: u32,
    /// Those of them in which one base is a transition.
    pub cpg_one_transition: u32,
    /// Those of them in which both bases are transitions.
    pub cpg_two_transitions: u32,
    /// Gaps in the query: runs of bases that the genome has and the query has not.
    pub insertions: u32,
    /// Their bases.
    pub inserted: u32,
    /// Gaps in the genome.
    pub deletions: u32,
    /// Their bases.
    pub deleted: u32,
}

impl Counts {
    /// Columns of two bases of ACGT.
    pub fn pairs(&self) -> u32 {
        self.matches + self.transitions + self.transversions
    }

    /// Substitutions for each pair.
    pub fn substituted(&self) -> f64 {
        f64::from(self.transitions + self.transversions) / f64::from(self.pairs().max(1))
    }

    /// Share of the columns that are no match, gaps by their bases.
    pub fn difference(&self) -> f64 {
        let columns = self.pairs() + self.inserted + self.deleted;
        1.0 - f64::from(self.matches) / f64::from(columns.max(1))
    }

    /// Distance after M. Kimura (J. Mol. Evol. 16 (1980) 111): substitutions a site, those that hide others counted.
    /// Infinite where the two are as different as chance makes them.
    pub fn kimura(&self) -> f64 {
        self.kimura_of(f64::from(self.transitions))
    }

    /// The same where CpG decays ten times as fast as other bases: a transition in one counts a tenth, two in one CpG count as one, as
    /// RepeatMasker's landscapes have it.
    pub fn kimura_without_cpg(&self) -> f64 {
        let in_cpg = self.cpg_one_transition + 2 * self.cpg_two_transitions;
        let counted = 0.1 * f64::from(self.cpg_one_transition) + f64::from(self.cpg_two_transitions);
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

    /// Counts columns of codes; `path` takes them one after another from `query` and `genome`.
    pub(crate) fn of(query: &[u8], genome: &[u8], path: &[Column]) -> Self {
        const C: u8 = 1;
        const G: u8 = 3;
        let mut counts = Self::default();
        let (mut q, mut g) = (0, 0);
        // Code of the base of the query in the column before, and whether it was a transition, where the column was a pair.
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

/// Columns of one kind in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// What the columns are.
    pub kind: OperationKind,
    /// How many.
    pub length: u32,
}

/// A kind of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// A base of each, equal or not.
    Pair,
    /// Bases of the genome that the query has not.
    Insertion,
    /// Bases of the query that the genome has not.
    Deletion,
}

/// Runs of columns.
pub(crate) fn operations(path: &[Column]) -> Vec<Operation> {
    let mut runs: Vec<Operation> = Vec::new();
    for column in path {
        let kind = match column {
            Column::Pair => OperationKind::Pair,
            Column::Genome => OperationKind::Insertion,
            Column::Query => OperationKind::Deletion,
        };
        match runs.last_mut() {
            Some(run) if run.kind == kind => run.length += 1,
            _ => runs.push(Operation { kind, length: 1 }),
        }
    }
    runs.shrink_to_fit();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::score::CODES;

    fn counts(rows: [&str; 2]) -> Counts {
        let codes = |row: &str| row.bytes().filter(|&c| c != b'-').map(|c| CODES[usize::from(c)]).collect::<Vec<_>>();
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
    fn what_is_as_different_as_chance_has_no_distance() {
        assert_eq!(counts(["AAAA", "CCCC"]).kimura(), f64::INFINITY);
        assert_eq!(counts(["", ""]).kimura(), 0.0);
    }
}
