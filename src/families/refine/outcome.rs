//! The results of refinement: families, and rejected drafts with the reason.

use crate::align::Alignment;
use crate::families::family::FamilyCopy;
use crate::families::refine::state::FamilyState;
use crate::families::terminal_repeats::ElementPart;
use crate::memory::Reservation;

/// A family with all its copies.
#[derive(Debug, Clone)]
pub struct RefinedFamily {
    /// Base codes 0 to 3, one a byte.
    pub consensus: Vec<u8>,
    /// The copy with which the family began.
    pub seed: FamilyCopy,
    /// Which part of an element the family represents.
    pub part: ElementPart,
    /// Its copies, by position; a copy in which something else lies has an alignment for each of its fragments.
    pub copies: Vec<Alignment>,
    /// Whether most of its copies lie in tandem rows.
    pub tandem: bool,
    /// Whether its copies are genes. Such families are left out unless they are asked for.
    pub gene: bool,
    /// The number of the family, of all from 0, of which it is a subfamily, if it is one: that with the most bases of
    /// those that were one family.
    pub subfamily_of: Option<usize>,
}

impl RefinedFamily {
    /// A family with its copies, by position.
    pub(super) fn new(family: FamilyState, copies: Vec<Alignment>, tandem: bool, gene: bool) -> Self {
        let FamilyState { consensus, seed, part, .. } = family;
        Self { consensus, seed, part, copies, tandem, gene, subfamily_of: None }
    }

    /// Bases of the genome in its copies.
    pub(super) fn bases(&self) -> u64 {
        self.copies.iter().map(|copy| copy.range.end - copy.range.start).sum()
    }
}

/// The families of a genome, and what is left out.
#[derive(Debug)]
pub struct Refined {
    /// The families, those with the most bases in the genome first.
    pub families: Vec<RefinedFamily>,
    /// Drafts that are no family of their own, by reason.
    pub left_out: LeftOut,
    /// Rounds until nothing changed, or the most allowed.
    pub rounds: usize,
    /// Of the memory of the copies.
    pub(crate) reservation: Reservation,
}

/// Drafts that are no family of their own, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeftOut {
    /// Contained in another family.
    pub contained: u64,
    /// Too few copies, or none that agree.
    pub few_copies: u64,
    /// Copies with one flank: segmental duplications, plasmids, duplicates of an assembly.
    pub like_flanks: u64,
    /// Tandem arrays in fewer loci than a family needs copies.
    pub tandem_arrays: u64,
    /// Microsatellites and other sequence of low complexity.
    pub simple: u64,
    /// Copies that lie close together: clusters of genes, local duplications.
    pub clusters: u64,
    /// Families of genes: their copies differ at third bases of codons and have no stops.
    pub genes: u64,
    /// Genes of structural RNA: tRNA, rRNA, snRNA.
    pub structural_rna: u64,
}

/// Why a consensus is no family of transposons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    FewCopies,
    LikeFlanks,
    TandemArray,
    SimpleRepeat,
    Cluster,
    GeneFamily,
    StructuralRna,
}

impl LeftOut {
    pub(super) fn count(&mut self, reason: Reason) {
        *match reason {
            Reason::FewCopies => &mut self.few_copies,
            Reason::LikeFlanks => &mut self.like_flanks,
            Reason::TandemArray => &mut self.tandem_arrays,
            Reason::SimpleRepeat => &mut self.simple,
            Reason::Cluster => &mut self.clusters,
            Reason::GeneFamily => &mut self.genes,
            Reason::StructuralRna => &mut self.structural_rna,
        } += 1;
    }
}
