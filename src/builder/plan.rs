//! Everything that a build decides before its first pass: layout, passes and memory.

use std::ops::Range;

use crate::builder::hints::with_hints;
use crate::builder::input_size::digest_bytes;
use crate::builder::layout_steps::{LayoutInput, LayoutPlan, LayoutSteps};
use crate::builder::memory_plan::{MIN_RECORD_MEMORY, MemoryNeeds, MemoryPlan};
use crate::builder::options::{BuildOptions, BuildTuning};
use crate::builder::plan_layout::{choose_layout, plan_layout};
use crate::builder::prepared_genome::PreparedGenome;
use crate::builder::segments::{GenomeSegments, span_count};
use crate::builder::shard_pages::{ShardPages, shard_pages};
use crate::builder::sorted::{MAX_SORTED_AT_ONCE, Wide};
use crate::bundle::draft::ResumePoint;
use crate::bundle::{MemoryHints, Shard};
use crate::dictionary::Shape;
use crate::format::Identity;
use crate::format::positions::ListCode;
use crate::genome::TwoBit;
use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Progress, Result};

/// Bytes of a position block for which the scratch of a thread has space.
const SCRATCH_BLOCK: u64 = 1 << 20;

/// Copies of a block that exist while it is made: its buffer grows by doubling, and it is compressed into another one.
const BLOCK_COPIES: u64 = 3;

/// A pass of fewer bytes is not divided further, even if [`BuildTuning::large_pass`] is larger.
const MIN_DIVIDED_PASS: u64 = 1 << 20;

/// A planned build.
pub(crate) struct BuildPlan<'a> {
    pub(crate) segments: GenomeSegments<'a>,
    /// Spans into which every scan divides the genome.
    pub(crate) spans: usize,
    pub(crate) hints: MemoryHints,
    pub(crate) shape: Shape,
    pub(crate) identity: Identity,
    pub(crate) lists: ListCode,
    pub(crate) steps: Box<dyn LayoutSteps>,
    /// Whether a part of the index is built.
    pub(crate) is_part: bool,
    /// The pages of the index, or of the part of it that is built.
    pub(crate) pages: Range<u64>,
    /// Of the records of the genome, those in these pages: from 0 to 1.
    pub(crate) share: f64,
    /// Those before this one were finished by an earlier build.
    pub(crate) first_page: u64,
    /// The bins of each pass.
    pub(crate) passes: Vec<Range<u64>>,
    /// Bytes of the records of the largest pass, with one more record for each span.
    pub(crate) pass_bytes: u64,
    pub(crate) memory: MemoryPlan,
    /// Maximum bytes of anonymous memory.
    pub(crate) memory_bytes: u64,
    _reservations: [Reservation; 2],
}

/// Finds what an earlier build finished of some pages of an index of an identity.
pub(crate) type FindResumePoint<'a> = dyn Fn(Identity, &Range<u64>) -> Result<Option<ResumePoint>> + 'a;

/// What a build is to make: an index or a part of it, with which options.
#[derive(Clone, Copy)]
pub(crate) struct BuildRequest<'a> {
    pub(crate) shard: Option<Shard>,
    pub(crate) options: &'a BuildOptions,
    pub(crate) tuning: &'a BuildTuning,
}

impl<'a> BuildPlan<'a> {
    /// Plans a build, or what `find_resume_point` leaves of it.
    ///
    /// # Errors
    /// [`Error::NoKmers`], [`Error::Parameter`] for an impossible layout, [`Error::Memory`],
    /// [`Error::Io`].
    pub(crate) fn new(
        genome: &PreparedGenome,
        packed: &'a TwoBit,
        request: BuildRequest<'_>,
        find_resume_point: &FindResumePoint<'_>,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<(Self, Option<ResumePoint>)> {
        let BuildRequest { shard, options, tuning } = request;
        let segments = GenomeSegments::new(packed, &genome.contigs, genome.codec, budget)?;
        if segments.kmers() == 0 {
            let path = genome.summary.sources.first().map_or("-", |file| &file.name).into();
            return Err(Error::NoKmers { path, k: genome.codec.k() });
        }
        let lists = ListCode::new(genome.summary.bases);
        let spans = span_count(rayon::current_num_threads(), segments.kmers());
        let digests = digest_bytes(genome.contigs.len() as u64);
        let digests_reservation = budget.reserve(Component::Contigs, digests, "the digests of the contigs")?;
        let choice = choose_layout(genome, options.layout)?;
        let input = LayoutInput { genome, segments: &segments, lists: &lists, spans, tuning, budget, progress };
        let layout = plan_layout(choice, &input)?;
        let identity = genome.parameters.identity(&layout.shape, &genome.summary.blake3, &genome.contigs);
        let all_pages = layout.shape.pages();
        let ShardPages { pages, share } = match shard {
            Some(shard) => shard_pages(&*layout.steps, all_pages, tuning.max_bins, shard),
            None => ShardPages { pages: 0..all_pages, share: 1.0 },
        };
        let resume_point = find_resume_point(identity, &pages)?;
        let first_page = pages.start + resume_point.as_ref().map_or(0, |point| point.checkpoint.pages);
        let hints = with_hints(layout.hints, &options.hints, &genome.filters);
        let sampled_bytes = layout.hints.position_bytes;
        let plan_passes = |bytes| PassPlan::new(&layout, first_page..pages.end, (&lists, bytes), tuning, budget);
        // A hint reserves more memory than the sample, never less, and only if there is enough: it may be wrong.
        let PassPlan { passes, largest, memory, memory_bytes } =
            match plan_passes(sampled_bytes.max(hints.position_bytes)) {
                Err(Error::Memory { .. }) if hints.position_bytes > sampled_bytes => plan_passes(sampled_bytes)?,
                planned => planned?,
            };
        budget.expect(memory_bytes);
        let LayoutPlan { steps, shape, counts_reservation, .. } = layout;
        let plan = Self {
            segments,
            spans,
            hints,
            shape,
            identity,
            lists,
            steps,
            is_part: shard.is_some(),
            pages,
            share,
            first_page,
            passes,
            pass_bytes: largest + spans as u64 * size_of::<Wide>() as u64,
            memory,
            memory_bytes,
            _reservations: [digests_reservation, counts_reservation],
        };
        Ok((plan, resume_point))
    }
}

/// The passes of a build and the memory for them.
struct PassPlan {
    passes: Vec<Range<u64>>,
    /// Bytes of the records of the largest pass.
    largest: u64,
    memory: MemoryPlan,
    memory_bytes: u64,
}

impl PassPlan {
    /// Plans passes over the bins of `pages`, for `position_bytes` bytes of position blocks.
    fn new(
        layout: &LayoutPlan,
        pages: Range<u64>,
        (lists, position_bytes): (&ListCode, u64),
        tuning: &BuildTuning,
        budget: &Budget,
    ) -> Result<Self> {
        let LayoutPlan { shape, record_bytes, expected_passes, .. } = layout;
        let steps = &*layout.steps;
        let bins = bins_of(steps, &pages);
        let bytes: u64 = bins.clone().map(|bin| steps.bin_bytes(bin)).sum();
        // A part, or what is left of a build, takes as many passes as its share of all records.
        let share = bytes as f64 / (*record_bytes).max(1) as f64;
        let expected_passes = (*expected_passes as f64 * share).round().max(1.0) as u64;
        // Bins differ in size, so an even pass has some space (1/64) for a bin that does not divide evenly.
        let even = bytes.div_ceil(expected_passes) + bytes / 64 + 1;
        let block = BLOCK_COPIES * (position_bytes / shape.pages());
        let needs = MemoryNeeds { scratch: block.saturating_sub(SCRATCH_BLOCK), ..MemoryNeeds::default() };
        let memory = MemoryPlan::new(budget, rayon::current_num_threads(), needs);
        let oversized = |pass: Range<u64>| pass.map(|bin| oversized_bytes(steps, bin, lists));
        let max_oversized = oversized(bins.clone()).max().unwrap_or(0);
        let max_bytes = memory.records.saturating_sub(max_oversized).max(MIN_RECORD_MEMORY);
        let max_bytes =
            max_bytes.min(even.max(tuning.large_pass.map_or(MIN_DIVIDED_PASS, |bytes| bytes.min(MIN_DIVIDED_PASS))));
        let (passes, largest) = divide(steps, bins, max_bytes);
        // Every thread may have an oversized bin of the same pass.
        let by_all_threads = |pass: &Range<u64>| {
            let mut bytes: Vec<u64> = oversized(pass.clone()).filter(|&bytes| bytes > 0).collect();
            bytes.sort_unstable_by(|a, b| b.cmp(a));
            bytes.iter().take(memory.workers as usize).sum::<u64>()
        };
        let all = passes.iter().map(by_all_threads).max().unwrap_or(0);
        let (memory, excess) = memory.with_oversized_bins(budget, largest, (all, max_oversized), needs)?;
        Ok(Self { passes, largest, memory_bytes: memory.other + largest + excess, memory })
    }
}

/// The bins of some pages; a bin that has others too is one of them.
fn bins_of(steps: &dyn LayoutSteps, pages: &Range<u64>) -> Range<u64> {
    let is_before = |&bin: &u64| steps.pages_of(bin).end <= pages.start;
    let is_within = |&bin: &u64| steps.pages_of(bin).start < pages.end;
    let start = (0..steps.bins()).take_while(is_before).count() as u64;
    let end = start + (start..steps.bins()).take_while(is_within).count() as u64;
    if pages.is_empty() { start..start } else { start..end }
}

/// Divides bins into passes of at most `max_bytes` bytes of records: runs of whole pages, or of bins of a page that
/// alone has more. Returns the bytes of the largest pass too.
fn divide(steps: &dyn LayoutSteps, bins: Range<u64>, max_bytes: u64) -> (Vec<Range<u64>>, u64) {
    let mut passes = Vec::new();
    let (mut first, mut sum, mut largest) = (bins.start, 0, 0);
    for task in steps.tasks(bins.clone()) {
        let bytes: u64 = task.bins.clone().map(|bin| steps.bin_bytes(bin)).sum();
        if sum > 0 && sum + bytes > max_bytes {
            passes.push(first..task.bins.start);
            (first, sum) = (task.bins.start, 0);
        }
        for bin in task.bins {
            let bytes = steps.bin_bytes(bin);
            if sum > 0 && sum + bytes > max_bytes {
                passes.push(first..bin);
                (first, sum) = (bin, 0);
            }
            sum += bytes;
            largest = largest.max(sum);
        }
    }
    if !bins.is_empty() {
        passes.push(first..bins.end);
    }
    (passes, largest)
}

/// Bytes for sorting and encoding a bin in addition to its records, if they exceed the scratch of a thread because of a
/// very frequent k-mer; otherwise 0.
fn oversized_bytes(steps: &dyn LayoutSteps, bin: u64, lists: &ListCode) -> u64 {
    let records = steps.records_of(bin);
    if records > MAX_SORTED_AT_ONCE { records * steps.sorted_record_bytes() + block_bytes(records, lists) } else { 0 }
}

/// Bytes of a block with `positions` positions while it is made.
fn block_bytes(positions: u64, lists: &ListCode) -> u64 {
    lists.bits(positions).min(positions.saturating_mul(lists.width().into())) / 8 * BLOCK_COPIES
}
