//! The loop of discovery: grows families around points, the deepest first and several at a time, and marks their copies
//! as used, so that the remaining bases show the next families.

use rayon::prelude::*;

use crate::align::TandemArrays;
use crate::families::discover::anchors::Anchor;
use crate::families::discover::chains::ChainBufferPool;
use crate::families::discover::drafts::Draft;
use crate::families::discover::points::{Point, Points};
use crate::families::discover::sample::Sample;
use crate::families::discover::search::Search;
use crate::families::discover::seed_table::SeedTable;
use crate::families::family::Family;
use crate::families::parameters::{
    BIN, BINS_OF_ANCHOR, BINS_OF_POINT, BINS_WITHOUT_ANCHORS, DiscoverOptions, MIN_POINT_DISTANCE, MIN_UNUSED_PART,
};
use crate::genome::Contig;
use crate::memory::Reservation;
use crate::{Progress, Result};

/// The results of discovery.
#[derive(Debug)]
pub struct Discovery {
    /// Drafts in the order in which they were found: those with most copies first.
    pub families: Vec<Family>,
    /// Bases of the genome in copies of the drafts.
    pub explained: u64,
    /// Consensus sequences with too few copies, or with copies in one locus only, and so without a draft: segmental
    /// duplications, tandem repeats.
    pub left_out: u64,
    /// Bases of the genome that were examined.
    pub(crate) examined: u64,
    /// Samples that were examined.
    pub(crate) samples: u64,
    /// Whether no sample is left, or none that would add enough.
    pub(crate) is_finished: bool,
    /// The tandem arrays, in which no draft has copies.
    pub(crate) arrays: TandemArrays,
    pub(crate) reservation: Reservation,
}

/// The state of discovery.
pub(crate) struct Growth<'a> {
    pub(crate) sample: &'a Sample<'a>,
    pub(crate) table: &'a SeedTable,
    pub(crate) options: &'a DiscoverOptions,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) buffers: &'a ChainBufferPool<'a>,
    pub(crate) points: Points,
    pub(crate) contigs: &'a [Contig],
    pub(crate) found: Discovery,
}

impl Growth<'_> {
    /// The context of the steps, with hits in `buffers`.
    pub(crate) fn search<'b>(&'b self, buffers: &'b ChainBufferPool<'b>) -> Search<'b> {
        let Self { sample, table, options, .. } = self;
        Search { sample, table, options, extra_bits: table.extra_bits(), buffers }
    }

    /// Whether the most families were found.
    fn is_full(&self) -> bool {
        self.found.families.len() >= self.options.max_families
    }

    /// Grows families around points until none is left.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for hits or drafts.
    pub(crate) fn grow(&mut self) -> Result<()> {
        while !self.is_full() {
            let batch = self.points.next_batch(self.sample);
            if batch.is_empty() {
                break;
            }
            let chosen = self.choose(batch)?;
            let search = self.search(self.buffers);
            let drafts: Vec<Draft> =
                chosen.par_iter().map(|(point, anchors)| search.draft(point.at(), anchors)).collect::<Result<_>>()?;
            for ((point, anchors), draft) in chosen.into_iter().zip(drafts) {
                self.take_draft(point, &anchors, draft)?;
            }
        }
        self.points.clear();
        Ok(())
    }

    /// Points of a batch with enough anchors. Those that share loci would be grown into one family: the first stays,
    /// the others are put back.
    fn choose(&mut self, batch: Vec<Point>) -> Result<Vec<(Point, Vec<Anchor>)>> {
        let search = self.search(self.buffers);
        let anchored: Vec<Vec<Anchor>> =
            batch.par_iter().map(|point| search.anchors_around(point.at())).collect::<Result<_>>()?;
        let mut loci: Vec<u64> = Vec::new();
        let mut chosen = Vec::new();
        for (point, anchors) in batch.into_iter().zip(anchored) {
            let is_taken = |anchor: &Anchor| loci.iter().any(|&at| at.abs_diff(anchor.at) < MIN_POINT_DISTANCE);
            if anchors.len() < self.options.min_copies {
                self.points.mark_tried_around(point.bin(), BINS_WITHOUT_ANCHORS);
            } else if anchors.iter().any(is_taken) {
                self.points.put_back(point);
            } else {
                loci.extend(anchors.iter().map(|anchor| anchor.at));
                chosen.push((point, anchors));
            }
        }
        Ok(chosen)
    }

    /// Keeps the draft of a point, and marks the bins that need not be tried again.
    fn take_draft(&mut self, point: Point, anchors: &[Anchor], draft: Draft) -> Result<()> {
        self.points.mark_tried_around(point.bin(), BINS_OF_POINT);
        match draft {
            Draft::Family(family) if !self.is_full() => self.take_family(family)?,
            Draft::Family(_) => {}
            // Growth from the corresponding bins of the other copies would fail in the same way.
            Draft::Nothing => {
                anchors.iter().for_each(|anchor| self.points.mark_tried_around(anchor.at / BIN, BINS_OF_ANCHOR));
            }
            Draft::FewCopies(copies) => {
                self.found.left_out += 1;
                for copy in &copies {
                    self.points.mark_tried(copy.genome.start / BIN..copy.genome.end.div_ceil(BIN));
                }
            }
        }
        Ok(())
    }

    /// Keeps a family, unless an earlier one of its batch has most of its copies.
    fn take_family(&mut self, mut family: Family) -> Result<()> {
        let all: u64 = family.copies.iter().map(|copy| copy.genome.end - copy.genome.start).sum();
        let unused: u64 = family.copies.iter().map(|copy| self.sample.count_unused(&copy.genome)).sum();
        if MIN_UNUSED_PART * unused < all {
            return Ok(());
        }
        family.copies.iter().for_each(|copy| self.sample.mark_used(&copy.genome));
        self.found.explained += unused;
        self.progress.advance(unused);
        for copy in family.copies.iter_mut().chain([&mut family.seed]) {
            copy.genome = self.sample.bases.in_genome(&copy.genome, self.contigs);
        }
        self.found.reservation.grow(family.bytes(), "drafts of families")?;
        self.found.families.push(family);
        Ok(())
    }
}
