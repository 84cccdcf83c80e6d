//! Runs the passes of a plan and writes catalog and positions, with one thread that writes pages in order while the
//! others make them.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use crate::builder::catalog_tail::{CatalogTail, write_catalog_tail};
use crate::builder::handover::{Handover, WriterItem};
use crate::builder::layout_steps::PassContext;
use crate::builder::page_output::PageOutput;
use crate::builder::plan::BuildPlan;
use crate::builder::prepared_genome::PreparedGenome;
use crate::builder::spectrum::SpectrumCounter;
use crate::bundle::draft::{BundleDraft, ResumePoint};
use crate::bundle::page_spool::read_pages;
use crate::bundle::{FileDigest, Totals};
use crate::format::catalog::{CatalogTables, CatalogWriter, PageEntry};
use crate::format::{CATALOG, POSITIONS, block};
use crate::genome::{ContigDigest, TwoBit, digest_contigs};
use crate::memory::system::AnonymousMap;
use crate::memory::{Budget, Component, Reservation};
use crate::progress::check_cancelled;
use crate::{Error, Progress, Result};

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

/// The memory of the passes, and its reservation.
type PassMemory = (AnonymousMap, Reservation);

/// The data that the main thread sends to the writer after the last pass.
struct FinalInputs {
    /// The memory of the passes.
    memory: Receiver<PassMemory>,
    /// The digests of the contigs.
    digests: Receiver<Vec<ContigDigest>>,
}

impl BuildJob<'_> {
    /// Runs the passes and writes catalog and positions.
    ///
    /// # Errors
    /// [`Error::Io`], and others of reading back what was written.
    pub(crate) fn write(&self, resume_point: Option<ResumePoint>) -> Result<(Totals, FileDigest)> {
        let Self { genome, packed, .. } = *self;
        let (send_digests, digests) = sync_channel(1);
        let digest = move || {
            // While the writer sorts seeds the other cores are idle.
            let record = |number: usize| packed.record_at(genome.contigs[number].record);
            // If the writer has ended, it has an error to report.
            let _ = send_digests.send(digest_contigs(genome.contigs.len(), record, &genome.others)?);
            Ok(())
        };
        let resumed = resumed_spectrum(resume_point.as_ref());
        let write =
            |handover: &Handover, memory| self.write_files(resume_point, handover, &FinalInputs { memory, digests });
        self.run_passes(resumed, write, digest)
    }

    /// Runs the passes, and `write` in a thread of its own, which takes the pages and may take the memory of the
    /// passes; after the passes runs `meanwhile`. `resumed` is the spectrum of the pages of an earlier build.
    ///
    /// # Errors
    /// Those of `write` and `meanwhile`.
    pub(crate) fn run_passes<T: Send>(
        &self,
        resumed: SpectrumCounter,
        write: impl FnOnce(&Handover, Receiver<PassMemory>) -> Result<T> + Send,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<T> {
        let Self { plan, budget, progress, .. } = *self;
        let pages = plan.first_page..plan.pages.end;
        let handover = &Handover::new(plan.memory.write_buffer, pages, resumed, budget);
        let reservation = budget.reserve(Component::Partitions, plan.pass_bytes, "the k-mers of one pass")?;
        let mut memory = AnonymousMap::new(reservation.bytes())?;
        std::thread::scope(|scope| {
            let (send_memory, memory_of_passes) = sync_channel(1);
            let writer = std::thread::Builder::new()
                .name("writer".to_owned())
                .spawn_scoped(scope, move || {
                    let _guard = handover.items().close_on_drop();
                    write(handover, memory_of_passes)
                })
                .map_err(|e| Error::thread("writing", e))?;
            {
                let _guard = handover.items().close_on_drop();
                let context = PassContext {
                    segments: &plan.segments,
                    spans: plan.spans,
                    passes: &plan.passes,
                    share: plan.share,
                    workers: plan.memory.workers,
                    identity: plan.identity,
                    lists: &plan.lists,
                    handover,
                    budget,
                    progress,
                };
                plan.steps.run_passes(&context, &mut memory);
                // The pages may not be complete; closing the buffer ends the writer.
                check_cancelled(progress)?;
                // The writer sorts the seeds once the buffer is closed. If it has ended, it has an error to report.
                let _ = send_memory.send((memory, reservation));
            }
            progress.phase("writing", None);
            meanwhile()?;
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
        let mut output = PageOutput::open((plan, draft), &path, resume_point, budget)?;
        let catalog = CatalogWriter::create(&draft.path(CATALOG), plan.identity, plan.memory.catalog_cache as usize)?;
        catalog.fill(|tables| {
            put_spooled(plan, &draft.spool(), tables, &mut output.pages)?;
            let mut catalog_reservation = budget.empty_reservation(Component::Store);
            while let Some(item) = handover.items().take() {
                match item {
                    WriterItem::Page(mut page) => {
                        tables.put_page(output.pages.len() as u64, &page.dictionary)?;
                        output.put(&mut page)?;
                        handover.buffers.put_back(page.block);
                        handover.buffers.put_back(page.dictionary);
                        catalog_reservation.resize(tables.cache_bytes());
                    }
                    WriterItem::PassEnd(spectrum) => output.save(spectrum)?,
                }
            }
            if !output.is_complete() {
                // A worker panicked: its panic continues once this thread is joined.
                return Err(Error::Stopped);
            }
            output.syncer.end();
            output.count_spectrum(&handover.spectrum());
            let tail = CatalogTail {
                dictionary: (plan.shape, plan.identity, &plan.lists),
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
            output.repeats.release();
            Ok(())
        })?;
        output.syncer.finish()?;
        Ok((output.totals, output.blocks.digest()))
    }
}

/// The spectrum of the pages that an earlier build finished.
pub(crate) fn resumed_spectrum(resume_point: Option<&ResumePoint>) -> SpectrumCounter {
    let mut spectrum = SpectrumCounter::default();
    for &(frequency, count) in resume_point.iter().flat_map(|point| &point.checkpoint.spectrum) {
        spectrum.add_many(frequency, count);
    }
    spectrum
}

/// Writes the pages of an earlier build to the catalog, and their places to `pages`.
fn put_spooled(
    plan: &BuildPlan<'_>,
    spool: &Path,
    tables: &mut CatalogTables<'_>,
    pages: &mut Vec<PageEntry>,
) -> Result<()> {
    if plan.first_page == 0 {
        return Ok(());
    }
    let (mut first_kmer, mut block_at) = (0, block::FILE_HEADER);
    read_pages(spool, plan.first_page, |number, page| {
        tables.put_page(number, &page.dictionary)?;
        pages.push(PageEntry { first_kmer, block_at, block_bytes: page.block_bytes });
        first_kmer += page.kmers;
        block_at += page.block_bytes;
        Ok(())
    })
}
