//! What a search of any kind has in common: its parameters, the sequences that it looks at, and the scores that count.

use crate::align::alignment::Alignment;
use crate::align::gapped::Aligner;
use crate::align::score::Scorings;
use crate::align::segments::Segment;
use crate::align::target::{self, ContigRange, Target, composition, targets};
use crate::{Index, Result};

/// The parameters of a search.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// Report alignments with an E-value of at most this, over the whole search. The default of 1e-3 expects one false
    /// alignment in a thousand searches.
    pub max_e_value: f64,
    /// Report alignments with at most this share of substituted pairs of bases, 0 to 1.
    pub max_divergence: f64,
    /// Search these ranges only, each as if it were a contig; `None` searches the whole genome.
    pub within: Option<Vec<ContigRange>>,
    /// Skip a segment if an alignment of the same sequence and strand already covers it in the genome. Otherwise every
    /// unit of a tandem repeat is aligned with every unit of its consensus.
    pub skip_nested: bool,
    /// Keep the columns of alignments. Few results need them, and they take memory.
    pub keep_columns: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { max_e_value: 1e-3, max_divergence: 1.0, within: None, skip_nested: false, keep_columns: true }
    }
}

/// Bases of the genome per random segment of the lowest score that is kept. Lower keeps older copies and costs memory
/// and time; empirical, docs/annotation.md was measured with it.
const BASES_PER_WEAK_SEGMENT: f64 = 30.0;
/// Bases of the genome per random chain that is aligned with gaps; empirical as above.
const BASES_PER_CHAIN: f64 = 3000.0;
/// Minimum scores of the steps.
#[derive(Clone, Copy)]
pub(crate) struct Thresholds {
    /// Of a segment that is kept.
    pub(crate) segment: i32,
    /// Of a chain of segments that is aligned with gaps.
    pub(crate) chain: i32,
    /// Of an alignment that is reported.
    pub(crate) alignment: i32,
}

/// What is searched, and which scores count.
pub(crate) struct SearchContext<'a> {
    pub(crate) targets: Vec<Target<'a>>,
    pub(crate) scorings: Scorings,
    pub(crate) thresholds: Thresholds,
    query_bases: u64,
    pub(crate) target_bases: u64,
    options: &'a SearchOptions,
}

impl<'a> SearchContext<'a> {
    /// A context for queries of this many bases in all.
    ///
    /// # Errors
    /// Those of [`search`].
    pub(crate) fn new(index: &'a Index, query_bases: u64, options: &'a SearchOptions) -> Result<Self> {
        let targets = targets(index, options.within.as_deref())?;
        let scorings = Scorings::new(composition(&targets));
        let target_bases = target::bases(&targets);
        let score_for = |expected, bases| scorings.general().score_for(expected, query_bases as f64, bases);
        let thresholds = Thresholds {
            segment: score_for(1.0, BASES_PER_WEAK_SEGMENT),
            chain: score_for(1.0, BASES_PER_CHAIN),
            alignment: score_for(options.max_e_value, target_bases as f64),
        };
        Ok(Self { targets, scorings, thresholds, query_bases, target_bases, options })
    }

    /// The alignments of a cluster that are significant and not too diverged.
    pub(crate) fn align_cluster(&self, cluster: &[(u32, Segment)], aligner: &mut Aligner<'_>) -> Vec<Alignment> {
        let Some((number, _)) = cluster.first() else { return Vec::new() };
        let target = &self.targets[*number as usize];
        let segments = cluster.iter().map(|&(_, segment)| segment);
        let SearchOptions { max_e_value, max_divergence, skip_nested, .. } = *self.options;
        let mut alignments = aligner.align(target, segments, self.thresholds.chain, skip_nested);
        for alignment in &mut alignments {
            let general = self.scorings.general();
            alignment.e_value = general.e_value(alignment.score, self.query_bases, self.target_bases);
        }
        alignments.retain(|a| a.e_value <= max_e_value && a.counts.substituted() <= max_divergence);
        alignments.shrink_to_fit();
        alignments
    }
}
