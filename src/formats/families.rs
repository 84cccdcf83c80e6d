//! The formats of a library of families, and the numbers of a search for them.

use serde::{Deserialize, Serialize};

use crate::families::{FamilyStatistics, LeftOut};
use crate::formats::{fasta, jsonl, tsv};

/// The numbers of a search for families: found families, and rejected ones by reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FamiliesSummary {
    /// Families found.
    pub families: u64,
    /// Their copies.
    pub copies: u64,
    /// Bases of the genome in copies.
    pub bases: u64,
    /// Bases of the genome.
    pub genome_bases: u64,
    /// Drafts that discovery made.
    pub drafts: u64,
    /// Candidates with too few copies, or with all copies in one locus, that made no draft.
    pub drafts_left_out: u64,
    /// Bases of the genome in which drafts were searched.
    pub examined_bases: u64,
    /// Bases of the genome in long tandem arrays, in which no family has copies.
    pub array_bases: u64,
    /// Rounds of refinement.
    pub rounds: u64,
    /// Drafts that are no family of their own.
    pub left_out: LeftOut,
}

/// How families are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FamilyFormat {
    /// FASTA with `>family_id#class length= copies= full_length= divergence= seed=`, as RepeatMasker takes it.
    #[default]
    Fasta,
    /// FASTA with the headers of REPrise's `.reprof`: `seedfreq` and `Seed` are the most frequent k-mer of the
    /// consensus, `elementfreq` the copies.
    Reprof,
    /// A row for each family, without its consensus.
    Tsv,
    /// A JSON object for each family.
    JsonLines,
}

/// The text of families in a format.
pub fn families(families: &[FamilyStatistics], format: FamilyFormat) -> Vec<u8> {
    match format {
        FamilyFormat::Fasta => fasta::families(families),
        FamilyFormat::Reprof => fasta::reprof(families),
        FamilyFormat::Tsv => tsv::families(families),
        FamilyFormat::JsonLines => jsonl::families(families),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::Evidence;

    #[test]
    fn every_format_has_its_columns() {
        let family = FamilyStatistics {
            name: "family-1".to_owned(),
            class: "LTR".to_owned(),
            length: 4,
            copies: 12,
            full_length_copies: 3,
            bases: 40,
            divergence: 7.5,
            seed: "chr1:5-8".to_owned(),
            kmer: "ACG".to_owned(),
            kmer_frequency: 9,
            tandem: false,
            terminal_repeat: 2,
            evidence: Evidence { copies: 3, tg_ca: true, ..Evidence::default() },
            subfamily_of: Some("family-7".to_owned()),
            consensus: "ACGT".to_owned(),
        };
        let text = |format| String::from_utf8(families(std::slice::from_ref(&family), format)).expect("ASCII");
        assert_eq!(
            text(FamilyFormat::Fasta),
            ">family-1#LTR length=4 copies=12 full_length=3 divergence=7.50 seed=chr1:5-8\nACGT\n"
        );
        assert_eq!(text(FamilyFormat::Reprof), ">R=0, seedfreq=9, elementfreq=12, length=4, Seed=ACG\nACGT\n");
        let table = text(FamilyFormat::Tsv);
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(
            rows[1],
            [
                "family-1", "LTR", "4", "12", "3", "40", "7.50", "chr1:5-8", "ACG", "9", "false", "2", "TG...CA",
                "family-7"
            ]
        );
        assert_eq!(rows[0].len(), rows[1].len());
        let object: serde_json::Value = serde_json::from_str(&text(FamilyFormat::JsonLines)).expect("JSON");
        assert_eq!((object["copies"].as_u64(), object["consensus"].as_str()), (Some(12), Some("ACGT")));
    }
}
