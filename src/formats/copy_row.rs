//! The values of a copy that the formats of an annotation print, computed once so that all formats agree.

use serde::Serialize;

use crate::align::Library;
use crate::annotate::{RepeatCopy, family_and_class};
use crate::genome::Contig;

/// Kimura distance in per cent that RepeatMasker's formats have for copies without one: those that differ from the
/// consensus as unrelated sequences do, and simple repeats.
pub(super) const NO_DIVERGENCE: f64 = 100.0;

/// A copy or a fragment of one. Its JSON object has the columns of the table; other formats need the skipped fields
/// too.
#[derive(Serialize)]
pub(super) struct CopyRow<'a> {
    pub(super) contig: &'a str,
    /// 0-based, half-open.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) strand: char,
    pub(super) family: &'a str,
    pub(super) class: &'a str,
    pub(super) score: i32,
    pub(super) e_value: f64,
    /// Kimura distance in per cent, CpG adjusted; none if the sequences differ as much as random ones.
    pub(super) kimura: Option<f64>,
    /// Per cent of the pairs.
    pub(super) substituted: f64,
    /// Per cent of the bases of the consensus.
    pub(super) deleted: f64,
    pub(super) inserted: f64,
    /// 0-based, half-open, on the forward strand of the consensus.
    pub(super) consensus_start: u32,
    pub(super) consensus_end: u32,
    /// Bases of the consensus behind the end.
    pub(super) consensus_left: u32,
    /// Number of the copy; its fragments share it.
    pub(super) id: u64,
    /// Name in the library, `family#class`.
    #[serde(skip)]
    pub(super) name: &'a str,
    #[serde(skip)]
    pub(super) contig_length: u64,
    /// Share of the columns that do not match, 0 to 1.
    #[serde(skip)]
    pub(super) difference: f64,
}

impl<'a> CopyRow<'a> {
    pub(super) fn new(copy: &RepeatCopy, library: &'a Library, contigs: &'a [Contig]) -> Self {
        let a = &copy.alignment;
        let contig = &contigs[a.contig as usize];
        let name = library.name(a.query as usize);
        let (family, class) = family_and_class(name);
        let consensus = (a.query_range.end - a.query_range.start).max(1);
        let of_consensus = |bases: u32| 100.0 * f64::from(bases) / f64::from(consensus);
        let kimura = 100.0 * a.counts.kimura_without_cpg();
        Self {
            contig: &contig.name,
            start: a.range.start,
            end: a.range.end,
            strand: a.strand.symbol(),
            family,
            class,
            score: a.score,
            e_value: a.e_value,
            kimura: kimura.is_finite().then_some(hundredths(kimura)),
            substituted: hundredths(100.0 * a.counts.substituted()),
            deleted: hundredths(of_consensus(a.counts.deleted)),
            inserted: hundredths(of_consensus(a.counts.inserted)),
            consensus_start: a.query_range.start,
            consensus_end: a.query_range.end,
            consensus_left: library.sequence(a.query as usize).len() as u32 - a.query_range.end,
            id: copy.id,
            name,
            contig_length: contig.length,
            difference: a.counts.difference(),
        }
    }

    pub(super) fn is_forward(&self) -> bool {
        self.strand == '+'
    }

    /// The Kimura distance as formats of text print it.
    pub(super) fn kimura_text(&self) -> String {
        self.kimura.map_or("NA".to_owned(), |kimura| format!("{kimura:.2}"))
    }
}

/// Rounded to two decimals.
fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
