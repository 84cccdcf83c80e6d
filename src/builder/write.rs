//! Runs the passes of a plan and writes catalog and positions, with one thread that writes pages in order while the
//! others make them.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use crate::builder::catalog_tail::{CatalogTail, write_catalog_tail};
use crate::builder::frequency_order::PageRepeats;
use crate::builder::handover::{EncodedPage, Handover, WriterItem};
use crate::builder::layout_steps::PassContext;
use crate::builder::plan::BuildPlan;
use crate::builder::prepared_genome::PreparedGenome;
use crate::builder::spectrum::SpectrumCounter;
use crate::bundle::checkpoint::Checkpoint;
use crate::bundle::draft::{BundleDraft, ResumePoint};
use crate::bundle::page_spool::{append_page, read_pages};
use crate::bundle::{FileDigest, Totals};
use crate::format::catalog::{CatalogTables, CatalogWriter, PageEntry};
use crate::format::{CATALOG, POSITIONS, block};
use crate::fs::{DigestWriter, Syncer};
use crate::genome::{ContigDigest, TwoBit, digest_contigs};
use crate::memory::system::AnonymousMap;
use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Progress, Result};

/// The repeated k-mers of pages are kept for the seed order while they take less than this fraction of the budget;
/// otherwise pages are read back.
const KEPT_REPEATS_FRACTION: u64 = 16;

/// The outputs of a build and their sources.
#[derive(Clone, Copy)]
pub(crate) struct BuildJob<'a> {
    pub(crate) plan: &'a BuildPlan<'a>,
    pub(crate) genome: &'a PreparedGenome,
    pub(crate) packed: &'a TwoBit,
    pub(crate) draft: &'a BundleDraft,
    pub(crate) budget: &'a Budget,
    pub(crate) progress: &'a dyn Progress,
}

/// The data that the main thread sends to the writer after the last pass.
struct FinalInputs {
    /// The memory of the passes.
    memory: Receiver<(AnonymousMap, Reservation)>,
    /// The digests of the contigs.
    digests: Receiver<Vec<ContigDigest>>,
}

impl BuildJob<'_> {
    /// Runs the passes and writes catalog and positions.
    ///
    /// # Errors
    /// [`Error::Io`], and others of reading back what was written.
    pub(crate) fn write(&self, resume_point: Option<ResumePoint>) -> Result<(Totals, FileDigest)> {
        let Self { plan, genome, packed, budget, progress, .. } = *self;
        let mut spectrum = SpectrumCounter::default();
        for &(frequency, count) in resume_point.iter().flat_map(|point| &point.checkpoint.spectrum) {
            spectrum.add_many(frequency, count);
        }
        let handover = &Handover::new(plan.memory.write_buffer, plan.first_page, spectrum, budget);
        let reservation = budget.reserve(Component::Partitions, plan.pass_bytes, "the k-mers of one pass")?;
        let mut memory = AnonymousMap::new(reservation.bytes())?;
        std::thread::scope(|scope| {
            let (send_digests, digests) = sync_channel(1);
            let (send_memory, memory_of_passes) = sync_channel(1);
            let inputs = FinalInputs { memory: memory_of_passes, digests };
            let writer = std::thread::Builder::new()
                .name("writer".to_owned())
                .spawn_scoped(scope, move || {
                    let _guard = handover.items().close_on_drop();
                    self.write_files(resume_point, handover, &inputs)
                })
                .map_err(|e| Error::thread("writing", e))?;
            {
                let _guard = handover.items().close_on_drop();
                let context = PassContext {
                    segments: &plan.segments,
                    spans: plan.spans,
                    passes: &plan.passes,
                    workers: plan.memory.workers,
                    identity: plan.identity,
                    lists: &plan.lists,
                    handover,
                    budget,
                    progress,
                };
                plan.steps.run_passes(&context, &mut memory);
                // The writer sorts the seeds once the buffer is closed. If it has ended, it has an error to report.
                let _ = send_memory.send((memory, reservation));
            }
            progress.phase("writing", None);
            // While the writer sorts seeds the other cores are idle.
            let record = |number: usize| packed.record_at(genome.contigs[number].record);
            // If the writer has ended, it has an error to report.
            let _ = send_digests.send(digest_contigs(genome.contigs.len(), record, &genome.others)?);
            writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Writes the pages in order, and then the rest of the catalog.
    fn write_files(
        &self,
        resume_point: Option<ResumePoint>,
        handover: &Handover,
        inputs: &FinalInputs,
    ) -> Result<(Totals, FileDigest)> {
        let Self { plan, genome, packed, draft, budget, .. } = *self;
        let path = draft.path(POSITIONS);
        let mut output = PageOutput::open(self, &path, resume_point)?;
        let catalog = CatalogWriter::create(&draft.path(CATALOG), plan.identity, plan.memory.catalog_cache as usize)?;
        catalog.fill(|tables| {
            output.put_spooled(plan, &draft.spool(), tables)?;
            let mut catalog_reservation = budget.empty_reservation(Component::Store);
            while let Some(item) = handover.items().take() {
                match item {
                    WriterItem::Page(page) => {
                        let (block, dictionary) = output.put(page, tables)?;
                        handover.buffers.put_back(block);
                        handover.buffers.put_back(dictionary);
                        catalog_reservation.resize(tables.cache_bytes());
                    }
                    WriterItem::PassEnd(spectrum) => output.save(self, spectrum)?,
                }
            }
            if output.pages.len() as u64 != plan.shape.pages() {
                // A worker panicked: its panic continues once this thread is joined.
                return Err(Error::Stopped);
            }
            output.syncer.end();
            output.count_spectrum(&handover.spectrum());
            let tail = CatalogTail {
                plan,
                genome,
                packed,
                positions: &path,
                pages: &output.pages,
                spectrum: handover.spectrum(),
                budget,
            };
            let memory = inputs.memory.recv().map_err(|_| Error::Stopped)?;
            let digests = || inputs.digests.recv().map_err(|_| Error::Stopped);
            let repeats = output.repeats.take();
            output.totals.seeds = write_catalog_tail(&tail, tables, repeats, memory, digests)?;
            output.repeats_reservation.resize(0);
            Ok(())
        })?;
        output.syncer.finish()?;
        Ok((output.totals, output.blocks.digest()))
    }
}

/// The pages written so far, with their files.
struct PageOutput<'a> {
    totals: Totals,
    /// The position blocks.
    blocks: DigestWriter,
    syncer: Syncer,
    /// The dictionary pages for a build that resumes; `None` if no checkpoint follows.
    spool: Option<DigestWriter>,
    /// Checkpoints and the last pass that are to come.
    passes_left: usize,
    pages: Vec<PageEntry>,
    /// The repeated k-mers of all pages, unless there are too many or some pages are of an earlier build.
    repeats: Option<Vec<PageRepeats>>,
    repeats_reservation: Reservation,
    budget: &'a Budget,
}

impl<'a> PageOutput<'a> {
    /// Creates the files, or opens those of an earlier build.
    fn open(job: &BuildJob<'a>, path: &Path, resume_point: Option<ResumePoint>) -> Result<Self> {
        let BuildJob { plan, draft, budget, .. } = *job;
        let mut totals = Totals { kmers: plan.hints.kmers, ..Totals::default() };
        let is_resumed = resume_point.is_some();
        // A pass is saved if another one follows, unless that continues its last page.
        let passes_left = plan.passes.iter().filter(|bins| plan.steps.ends_page(bins.end)).count();
        let (blocks, spool) = match resume_point {
            Some(ResumePoint { checkpoint, positions, spool }) => {
                totals = checkpoint.totals;
                (positions, (passes_left > 1).then_some(spool))
            }
            None => {
                let mut blocks = DigestWriter::create(path.to_owned())?;
                blocks.append(&block::file_header())?;
                (blocks, (passes_left > 1).then(|| DigestWriter::create(draft.spool())).transpose()?)
            }
        };
        let syncer = Syncer::start(blocks.file(), path)?;
        Ok(Self {
            totals,
            blocks,
            syncer,
            spool,
            passes_left,
            pages: Vec::with_capacity(plan.shape.pages() as usize),
            repeats: (!is_resumed).then(Vec::new),
            repeats_reservation: budget.empty_reservation(Component::Seeds),
            budget,
        })
    }

    /// Writes the pages of an earlier build to the catalog.
    fn put_spooled(&mut self, plan: &BuildPlan<'_>, spool: &Path, tables: &mut CatalogTables<'_>) -> Result<()> {
        if plan.first_page == 0 {
            return Ok(());
        }
        let (mut first_kmer, mut block_at) = (0, block::FILE_HEADER);
        read_pages(spool, plan.first_page, |number, page| {
            tables.put_page(number, &page.dictionary)?;
            self.pages.push(PageEntry { first_kmer, block_at, block_bytes: page.block_bytes });
            first_kmer += page.kmers;
            block_at += page.block_bytes;
            Ok(())
        })
    }

    /// Writes a page; returns its buffers.
    fn put(&mut self, page: EncodedPage, tables: &mut CatalogTables<'_>) -> Result<(Vec<u8>, Vec<u8>)> {
        let block_at = self.blocks.bytes();
        let block_bytes = page.block.len() as u64;
        self.blocks.append(&page.block)?;
        self.syncer.written(block_bytes);
        tables.put_page(self.pages.len() as u64, &page.dictionary)?;
        if let Some(spool) = &mut self.spool {
            append_page(spool, page.kmers, block_bytes, &page.dictionary)?;
        }
        self.pages.push(PageEntry { first_kmer: self.totals.stored_kmers, block_at, block_bytes });
        let kept = self.repeats_reservation.bytes() + page.repeats.capacity_bytes();
        if kept > self.budget.limit() / KEPT_REPEATS_FRACTION {
            self.repeats = None;
            self.repeats_reservation.resize(0);
        } else if let Some(repeats) = &mut self.repeats {
            repeats.push(page.repeats);
            self.repeats_reservation.resize(kept);
        }
        self.totals.stored_kmers += page.kmers;
        self.totals.positions += page.positions;
        self.totals.sampled_kmers += page.sampled;
        self.totals.dictionary_bytes += page.dictionary.len() as u64;
        self.totals.position_bytes += block_bytes;
        Ok((page.block, page.dictionary))
    }

    /// Saves a checkpoint of all pages so far.
    fn save(&mut self, job: &BuildJob<'_>, spectrum: Vec<(u64, u64)>) -> Result<()> {
        let Some(spool) = &self.spool else { return Ok(()) };
        self.blocks.sync()?;
        spool.sync()?;
        let digests = (self.blocks.digest(), spool.digest());
        let pages = self.pages.len() as u64;
        job.draft.save(Checkpoint::new(job.plan.identity, pages, digests, self.totals, spectrum))?;
        self.passes_left -= 1;
        if self.passes_left == 1 {
            self.spool = None;
        }
        Ok(())
    }

    /// Adds the totals that follow from the spectrum.
    fn count_spectrum(&mut self, spectrum: &[(u64, u64)]) {
        self.totals.distinct_kmers = spectrum.iter().map(|row| row.1).sum();
        self.totals.repeated_kmers = spectrum.iter().filter(|row| row.0 > 1).map(|row| row.1).sum();
    }
}
