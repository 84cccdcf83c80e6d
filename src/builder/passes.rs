//! The passes over the genome: each scatters the records of its bins, then sorts and encodes them page by page.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytemuck::Pod;
use parking_lot::Mutex;

use crate::Progress;
use crate::builder::bin_counts::BinCounts;
use crate::builder::layout_steps::{LayoutSteps, PassContext, Task};
use crate::builder::scatter::{RecordScan, ScatteredRecords, scatter};
use crate::builder::spectrum::SpectrumCounter;
use crate::memory::system::AnonymousMap;

/// How a task ended.
pub(crate) enum TaskEnd<P> {
    /// Its pages were handed over.
    HandedOver,
    /// The next pass continues its page.
    Open(P),
    /// The writer has ended.
    Stopped,
}

/// One thread's part in sorting and encoding.
pub(crate) trait PageWorker<R>: Send {
    /// A page with only some of its bins encoded.
    type OpenPage: Send;

    /// Sorts the records of a task, encodes its pages and passes them to the writer; `open` is the page that it
    /// continues.
    fn run(
        &mut self,
        task: &Task,
        open: Option<Self::OpenPage>,
        records: &ScatteredRecords<'_, R>,
    ) -> TaskEnd<Self::OpenPage>;

    /// The spectrum of all k-mers that it sorted.
    fn spectrum(&self) -> &SpectrumCounter;
}

/// Runs the passes of a layout. The workers are the same for all passes: the allocator may not reuse memory that one
/// worker freed in a pass for another worker in the next.
pub(crate) fn run_passes<S: RecordScan, W: PageWorker<S::Record>>(
    context: &PassContext<'_>,
    steps: &dyn LayoutSteps,
    (scan, counts): (&S, &BinCounts),
    mut workers: Vec<W>,
    memory: &mut AnonymousMap,
) {
    let PassContext { segments, passes, handover, progress, .. } = *context;
    let spans = segments.spans(context.spans);
    let kmers_to_sort = (segments.kmers() as f64 * context.share) as u64;
    progress.phase("indexing", Some(segments.kmers() + kmers_to_sort));
    let all_records = passes.iter().map(|bins| counts.total(bins.clone())).sum::<u64>().max(1) as f64;
    let mut open = None;
    for (number, bins) in passes.iter().enumerate() {
        if progress.is_cancelled() {
            return;
        }
        // Every pass scans the whole genome, but only its own part counts as progress.
        let share = counts.total(bins.clone()) as f64 / all_records;
        let advance = |kmers| progress.advance((kmers as f64 * share) as u64);
        let (genome, bin_counts) = ((segments, &spans[..]), (counts, bins.clone()));
        let records = scatter(scan, genome, bin_counts, as_records(memory), &advance);
        let tasks = steps.tasks(bins.clone());
        open = run_tasks(&tasks, &mut workers, open, &records, progress);
        if handover.items().is_closed() || progress.is_cancelled() {
            return;
        }
        if tasks.last().is_some_and(|task| task.completes_page) {
            let next_page = passes.get(number + 1).map(|bins| steps.pages_of(bins.start).start);
            handover.end_pass(next_page, workers.iter().map(W::spectrum));
        }
    }
}

/// Runs the tasks of a pass on the current pool, one thread a worker. `open` is the page that the pass before began;
/// returns the one that the next pass continues. Ends early if the work is cancelled.
fn run_tasks<R: Sync, W: PageWorker<R>>(
    tasks: &[Task],
    workers: &mut [W],
    open: Option<W::OpenPage>,
    records: &ScatteredRecords<'_, R>,
    progress: &dyn Progress,
) -> Option<W::OpenPage> {
    let next = AtomicUsize::new(0);
    let (before, after) = (Mutex::new(open), Mutex::new(None));
    let (before, after_pass, next) = (&before, &after, &next);
    rayon::scope(|scope| {
        for worker in workers {
            scope.spawn(move |_| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if progress.is_cancelled() {
                        break;
                    }
                    let open = if task.continues_page { before.lock().take() } else { None };
                    match worker.run(task, open, records) {
                        TaskEnd::HandedOver => {}
                        TaskEnd::Open(page) => *after_pass.lock() = Some(page),
                        TaskEnd::Stopped => break,
                    }
                }
            });
        }
    });
    after.into_inner()
}

/// The memory of a pass as records.
fn as_records<R: Pod>(memory: &mut AnonymousMap) -> &mut [R] {
    let bytes = memory.bytes();
    let whole = bytes.len() / size_of::<R>() * size_of::<R>();
    bytemuck::cast_slice_mut(&mut bytes[..whole])
}
