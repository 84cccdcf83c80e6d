//! The files of pages that the writer of a build appends to: position blocks, and the spool of dictionary pages.

use std::path::Path;

use crate::Result;
use crate::builder::frequency_order::PageRepeats;
use crate::builder::handover::EncodedPage;
use crate::builder::plan::BuildPlan;
use crate::bundle::Totals;
use crate::bundle::checkpoint::Checkpoint;
use crate::bundle::draft::{BundleDraft, ResumePoint};
use crate::bundle::page_spool::append_page;
use crate::format::block;
use crate::format::catalog::PageEntry;
use crate::fs::{DigestWriter, Syncer};
use crate::memory::{Budget, Component, Reservation};

/// The repeated k-mers of pages are kept for the seed order while they take less than this fraction of the budget;
/// otherwise pages are read back.
pub(crate) const KEPT_REPEATS_FRACTION: u64 = 16;

/// The pages written so far, with their files.
pub(crate) struct PageOutput<'a> {
    plan: &'a BuildPlan<'a>,
    draft: &'a BundleDraft,
    pub(crate) totals: Totals,
    /// The position blocks.
    pub(crate) blocks: DigestWriter,
    pub(crate) syncer: Syncer,
    /// The dictionary pages: of a part, or for a build that resumes; `None` if no checkpoint of an index follows.
    pub(crate) spool: Option<DigestWriter>,
    /// Checkpoints and the last pass that are to come.
    passes_left: usize,
    /// Pages so far, those of an earlier build included.
    written: u64,
    /// The pages of an index; those of an earlier build are added by the caller.
    pub(crate) pages: Vec<PageEntry>,
    /// The repeated k-mers of all pages of an index, unless there are too many or some pages are of an earlier build.
    pub(crate) repeats: KeptRepeats,
}

/// The repeated k-mers of all pages, unless there are too many.
pub(crate) struct KeptRepeats {
    by_page: Option<Vec<PageRepeats>>,
    reservation: Reservation,
    max_bytes: u64,
}

impl KeptRepeats {
    /// None yet; if `keeps` is false, none at any time.
    pub(crate) fn new(keeps: bool, budget: &Budget) -> Self {
        let reservation = budget.empty_reservation(Component::Seeds);
        Self { by_page: keeps.then(Vec::new), reservation, max_bytes: budget.limit() / KEPT_REPEATS_FRACTION }
    }

    /// Whether those of all pages so far are kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.by_page.is_some()
    }

    /// Adds those of the next page.
    pub(crate) fn push(&mut self, repeats: PageRepeats) {
        let kept = self.reservation.bytes() + repeats.capacity_bytes();
        if kept > self.max_bytes {
            self.by_page = None;
            self.reservation.resize(0);
        } else if let Some(by_page) = &mut self.by_page {
            by_page.push(repeats);
            self.reservation.resize(kept);
        }
    }

    /// Those of all pages, if they are kept; their memory is no longer reserved once the seeds are written.
    pub(crate) fn take(&mut self) -> Option<Vec<PageRepeats>> {
        self.by_page.take()
    }

    /// Releases the memory of what was taken.
    pub(crate) fn release(&mut self) {
        self.reservation.resize(0);
    }
}

impl<'a> PageOutput<'a> {
    /// Creates the files, or opens those of an earlier build. The blocks are written to `path`.
    pub(crate) fn open(
        (plan, draft): (&'a BuildPlan<'a>, &'a BundleDraft),
        path: &Path,
        resume_point: Option<ResumePoint>,
        budget: &Budget,
    ) -> Result<Self> {
        let is_resumed = resume_point.is_some();
        // A pass is saved if another one follows, unless that continues its last page.
        let passes_left = plan.passes.iter().filter(|bins| plan.steps.ends_page(bins.end)).count();
        let keeps_spool = plan.is_part || passes_left > 1;
        let (totals, written, blocks, spool) = match resume_point {
            Some(ResumePoint { checkpoint, positions, spool }) => {
                (checkpoint.totals, checkpoint.pages, positions, keeps_spool.then_some(spool))
            }
            None => {
                let mut blocks = DigestWriter::create(path.to_owned())?;
                blocks.append(&block::file_header())?;
                let spool = keeps_spool.then(|| DigestWriter::create(draft.spool())).transpose()?;
                (Totals { kmers: plan.hints.kmers, ..Totals::default() }, 0, blocks, spool)
            }
        };
        let syncer = Syncer::start(blocks.file(), path)?;
        Ok(Self {
            plan,
            draft,
            totals,
            blocks,
            syncer,
            spool,
            passes_left,
            written,
            pages: Vec::with_capacity(if plan.is_part { 0 } else { plan.shape.pages() as usize }),
            repeats: KeptRepeats::new(!is_resumed && !plan.is_part, budget),
        })
    }

    /// Writes a page.
    pub(crate) fn put(&mut self, page: &mut EncodedPage) -> Result<()> {
        let block_at = self.blocks.bytes();
        let block_bytes = page.block.len() as u64;
        self.blocks.append(&page.block)?;
        self.syncer.written(block_bytes);
        if let Some(spool) = &mut self.spool {
            append_page(spool, page.kmers, block_bytes, &page.dictionary)?;
        }
        if !self.plan.is_part {
            self.pages.push(PageEntry { first_kmer: self.totals.stored_kmers, block_at, block_bytes });
            self.repeats.push(std::mem::take(&mut page.repeats));
        }
        self.written += 1;
        self.totals.stored_kmers += page.kmers;
        self.totals.positions += page.positions;
        self.totals.sampled_kmers += page.sampled;
        self.totals.dictionary_bytes += page.dictionary.len() as u64;
        self.totals.position_bytes += block_bytes;
        Ok(())
    }

    /// Saves a checkpoint of all pages so far.
    pub(crate) fn save(&mut self, spectrum: Vec<(u64, u64)>) -> Result<()> {
        let Some(spool) = &self.spool else { return Ok(()) };
        self.blocks.sync()?;
        spool.sync()?;
        let digests = (self.blocks.digest(), spool.digest());
        let of = (self.plan.identity, self.plan.pages.clone());
        self.draft.save(Checkpoint::new(of, self.written, digests, self.totals, spectrum))?;
        self.passes_left -= 1;
        if self.passes_left == 1 && !self.plan.is_part {
            self.spool = None;
        }
        Ok(())
    }

    /// Whether all pages were written.
    pub(crate) fn is_complete(&self) -> bool {
        self.written == self.plan.pages.end - self.plan.pages.start
    }

    /// Adds the totals that follow from the spectrum.
    pub(crate) fn count_spectrum(&mut self, spectrum: &[(u64, u64)]) {
        self.totals.distinct_kmers = spectrum.iter().map(|row| row.1).sum();
        self.totals.repeated_kmers = spectrum.iter().filter(|row| row.0 > 1).map(|row| row.1).sum();
    }
}
