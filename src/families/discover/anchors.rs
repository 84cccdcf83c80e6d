//! Anchors: positions of the genome that correspond to one base of a query, found from chains of seeds. A consensus is
//! grown from them in both directions.

use std::ops::Range;

use crate::Result;
use crate::families::discover::chains::ChainBuffer;
use crate::families::discover::search::Search;
use crate::families::extension::Cursor;
use crate::families::parameters::{MAX_GROWN_COPIES, MIN_ANCHOR_BITS, MIN_STRAND_DISTANCE, POINT_WINDOW};
use crate::kmer::Strand;

/// A position of the genome that corresponds to a certain base of a query or consensus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Anchor {
    /// Position in the genome, all contigs end to end, 0-based.
    pub(crate) at: u64,
    /// The strand on which the query reads.
    pub(crate) strand: Strand,
    /// Bits of the chain that led to it.
    pub(crate) bits: f32,
}

impl Search<'_> {
    /// The anchors of the window around a position, which is one of them; best first.
    pub(crate) fn anchors_around(&self, at: u64) -> Result<Vec<Anchor>> {
        let window = self.window(at);
        let centre = (at - window.start) as usize;
        self.anchors(&self.sample.seed_codes(window), centre)
    }

    /// The window of [`POINT_WINDOW`] bases to either side of a position, within its contig.
    pub(crate) fn window(&self, at: u64) -> Range<u64> {
        let contig = self.sample.bases.contig_of(at);
        at.saturating_sub(POINT_WINDOW).max(contig.start)..(at + POINT_WINDOW).min(contig.end)
    }

    /// The anchors of base `centre` of a query, best first; of those too near to each other the best.
    pub(crate) fn anchors(&self, query: &[u8], centre: usize) -> Result<Vec<Anchor>> {
        self.with_chains(query, MIN_ANCHOR_BITS, |found| {
            let mut anchors = self.anchors_of_chains(found, query.len() as i64, centre as i64);
            anchors.sort_by(|a, b| b.bits.total_cmp(&a.bits).then(a.at.cmp(&b.at)).then(a.strand.cmp(&b.strand)));
            let mut kept: Vec<Anchor> = Vec::new();
            for anchor in anchors {
                if kept.len() == MAX_GROWN_COPIES {
                    break;
                }
                let is_near = |other: &Anchor| {
                    let same_strand = other.strand == anchor.strand;
                    let distance = if same_strand { self.options.tandem_distance } else { MIN_STRAND_DISTANCE };
                    other.at.abs_diff(anchor.at) < distance
                };
                if !kept.iter().any(is_near) {
                    kept.push(anchor);
                }
            }
            kept
        })
    }

    /// An anchor for each chain, from its hit nearest to `centre`, if that is an unused base.
    fn anchors_of_chains(&self, found: &ChainBuffer, length: i64, centre: i64) -> Vec<Anchor> {
        let mut anchors = Vec::new();
        for chain in &found.chains {
            let centre = if chain.reverse { length - 1 - centre } else { centre };
            let Some(hit) = found.hits[chain.hits.clone()]
                .iter()
                .min_by_key(|hit| (i64::from(hit.query) + self.table.span() as i64 / 2 - centre).abs())
            else {
                continue;
            };
            let at = hit.genome as i64 + centre - i64::from(hit.query);
            let contig = self.sample.bases.contig_of(hit.genome);
            if at < contig.start as i64 || at >= contig.end as i64 || !self.sample.is_usable(at as u64) {
                continue;
            }
            let strand = if chain.reverse { Strand::Reverse } else { Strand::Forward };
            anchors.push(Anchor { at: at as u64, strand, bits: chain.bits });
        }
        anchors
    }

    /// Cursors from anchors to the right and to the left, as the query reads; the anchors themselves go to the right.
    pub(crate) fn cursors(&self, anchors: &[Anchor]) -> (Vec<Cursor>, Vec<Cursor>) {
        anchors.iter().map(|anchor| self.cursors_at(anchor.at, anchor.strand)).unzip()
    }

    /// Cursors from a position to the right and to the left, as a query on this strand reads.
    pub(crate) fn cursors_at(&self, at: u64, strand: Strand) -> (Cursor, Cursor) {
        let contig = self.sample.bases.contig_of(at);
        let limits = (contig.start, contig.end);
        match strand {
            Strand::Forward => (
                Cursor { start: at, down: false, complement: false, limits },
                // Before the first base of the genome nothing is read, because it is outside of the limits.
                Cursor { start: at.wrapping_sub(1), down: true, complement: false, limits },
            ),
            Strand::Reverse => (
                Cursor { start: at, down: true, complement: true, limits },
                Cursor { start: at + 1, down: false, complement: true, limits },
            ),
        }
    }
}
