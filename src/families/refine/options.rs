//! The parameters of refinement that users set; its other thresholds are constants of the step that uses them.

use std::sync::Arc;

use crate::families::classify::StructuralRna;
use crate::families::parameters::{DiscoverOptions, Scores};
use crate::proteins::Profiles;

/// How families are refined.
#[derive(Debug, Clone)]
pub struct RefineOptions {
    /// Scores of the extension.
    pub scores: Scores,
    /// Minimum number of loci with different flanks that a family needs.
    pub min_copies: usize,
    /// Shortest consensus, in bases.
    pub min_length: usize,
    /// Maximum number of rounds in which drafts grow; families that a survey has lengthened, and restored ones, have
    /// rounds of their own.
    pub max_rounds: usize,
    /// Maximum number of copies that vote on a consensus, the best ones: more hardly change a majority and cost time.
    pub max_voters: usize,
    /// Whether a family whose copies fall into groups with shared differences becomes a family for each group.
    pub subfamilies: bool,
    /// Whether families of genes, and those of structural RNA, are kept among the others.
    pub keep_gene_families: bool,
    /// Profiles of protein domains, which tell transposons from genes and show their classes.
    pub profiles: Option<Arc<Profiles>>,
    /// Genes of structural RNA of the genome.
    pub structural_rna: Option<Arc<StructuralRna>>,
}

impl Default for RefineOptions {
    fn default() -> Self {
        let DiscoverOptions { scores, min_length, min_copies, .. } = DiscoverOptions::default();
        Self {
            scores,
            min_copies,
            min_length,
            max_rounds: 3,
            max_voters: 120,
            subfamilies: true,
            keep_gene_families: false,
            profiles: None,
            structural_rna: None,
        }
    }
}
