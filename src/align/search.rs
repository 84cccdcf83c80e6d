//! The search itself: it charges memory, runs the steps over windows and clusters in parallel, and orders what they
//! find.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rayon::prelude::*;

use crate::align::alignment::Alignment;
use crate::align::chain;
use crate::align::gapped::Aligner;
use crate::align::library::Library;
use crate::align::library_text::LibraryText;
use crate::align::score::Scorings;
use crate::align::seeds::LibrarySeeds;
use crate::align::segments::{Scanner, Segment};
use crate::align::target::{self, ContigRange, Target, composition, targets};
use crate::align::undetectable::undetectable;
use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Index, Progress, Result, Silent};

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
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { max_e_value: 1e-3, max_divergence: 1.0, within: None, skip_nested: false }
    }
}

/// Bases of the genome that one thread scans at a time: enough windows for all threads, each much larger than its
/// margins.
const WINDOW: u32 = 1 << 20;
/// Windows of a block, at least: the segments of a block are in memory at a time, and threads wait for each other at its
/// end.
const BLOCK: usize = 32;
/// Windows of a block for each thread, at least.
const WINDOWS_PER_THREAD: usize = 4;
/// Bases on either side of a window into which segments extend. Few segments without gaps are longer.
const MARGIN: u32 = 1 << 12;
/// Bases of the genome per random segment of the lowest score that is kept. Lower keeps older copies and costs memory
/// and time; empirical, docs/annotation.md was measured with it.
const BASES_PER_WEAK_SEGMENT: f64 = 30.0;
/// Bases of the genome per random chain that is aligned with gaps; empirical as above.
const BASES_PER_CHAIN: f64 = 3000.0;
/// The user of the memory, as errors name it.
const PURPOSE: &str = "a search";

/// Bytes of memory without which a search for the sequences of a library does not begin on `threads` threads, in
/// addition to the library and an open index. Segments and alignments are added, as many as there are.
pub(crate) fn search_memory(library: &Library, threads: u64) -> u64 {
    let text = LibraryText::bytes(library);
    text + scan_bytes(text, threads)
}

/// Bytes of the seeds of a text, and of the threads that scan for them.
fn scan_bytes(text: u64, threads: u64) -> u64 {
    let scanner = Scanner::bytes(text as usize, (WINDOW + 2 * MARGIN) as usize) + u64::from(WINDOW) * 4;
    LibrarySeeds::bytes(text as usize) + threads * scanner
}

/// Searches the genome for the sequences of a library. Returns alignments by contig, start, end, query, strand.
///
/// Uses memory for the seed table (about 30 bytes for each base of both strands of the library, and buffers of the
/// threads), for the segments and for the alignments.
///
/// # Errors
/// [`Error::Memory`] if the budget is too small; [`Error::Usage`] if the library has more than 2^30 bases;
/// [`Error::NotInIndex`] for ranges that are not in the genome; [`Error::Damaged`].
pub fn search(index: &Index, library: &Library, options: &SearchOptions, budget: &Budget) -> Result<Vec<Alignment>> {
    search_with_progress(index, library, options, budget, &Silent).map(|(found, _)| found)
}

/// As [`search`], with progress and the reservation for the alignments.
pub(crate) fn search_with_progress(
    index: &Index,
    library: &Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<(Vec<Alignment>, Reservation)> {
    let text_bytes = LibraryText::bytes(library);
    if text_bytes > LibraryText::MAX_BYTES {
        return Err(Error::Usage("a library has at most 2^30 bases; split it".to_owned()));
    }
    let threads = rayon::current_num_threads() as u64;
    let _text_reservation = budget.reserve(Component::Seeds, text_bytes, PURPOSE)?;
    let seeds_reservation = budget.reserve(Component::Seeds, scan_bytes(text_bytes, threads), PURPOSE)?;

    let context = SearchContext::new(index, library.bases(), options)?;
    let Thresholds { chain, alignment, .. } = context.thresholds;
    if let Some(notice) = undetectable(library, &context.scorings, alignment, chain) {
        progress.notice(&notice);
    }
    progress.phase("search", Some(context.target_bases));
    let search = LibrarySearch { context, text: LibraryText::new(library), budget, progress };
    search.run(threads, seeds_reservation)
}

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

/// Segments of one window, with the number of their target and the reservation of their memory.
type WindowSegments = (u32, Vec<Segment>, Reservation);

/// What is searched, and which scores count.
pub(crate) struct SearchContext<'a> {
    pub(crate) targets: Vec<Target<'a>>,
    pub(crate) scorings: Scorings,
    pub(crate) thresholds: Thresholds,
    query_bases: u64,
    target_bases: u64,
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

/// One search.
struct LibrarySearch<'a> {
    context: SearchContext<'a>,
    text: LibraryText,
    budget: &'a Budget,
    progress: &'a dyn Progress,
}

impl LibrarySearch<'_> {
    /// Scans and aligns one block of windows after the other, so that the segments of one are in memory at a time.
    /// `scan_reservation` is for the seeds and the threads that scan.
    fn run(&self, threads: u64, scan_reservation: Reservation) -> Result<(Vec<Alignment>, Reservation)> {
        let seeds = LibrarySeeds::new(&self.text);
        let windows: Vec<(u32, u32)> = (0..)
            .zip(&self.context.targets)
            .flat_map(|(number, target)| (0..target.length()).step_by(WINDOW as usize).map(move |from| (number, from)))
            .collect();
        let mut found = Found { parts: Vec::new(), bytes: 0, part: (0, windows.len() as u64) };
        let mut carried = Vec::new();
        let scanners = Mutex::new(Vec::new());
        for block in windows.chunks(BLOCK.max(WINDOWS_PER_THREAD * threads as usize)) {
            let scanned = self.scan(block, &found, &seeds, &scanners)?;
            found.part.0 += block.len() as u64;
            let (segments, _reservations) = sorted_segments(std::mem::take(&mut carried), scanned);
            let (clusters, open) = self.closed_clusters(&segments, block.last().copied());
            carried = open.into_iter().flat_map(|cluster| segments[cluster].iter().copied()).collect();
            self.align(&segments, &clusters, &mut found)?;
        }
        drop((scanners, scan_reservation));
        Ok(found.sorted(self.budget))
    }

    /// The clusters of sorted segments, and those to which segments of windows after the last may belong.
    fn closed_clusters(
        &self,
        segments: &[(u32, Segment)],
        last: Option<(u32, u32)>,
    ) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
        let Some((last_target, from)) = last else { return Default::default() };
        let end = from.saturating_add(WINDOW);
        let is_last = end >= self.context.targets[last_target as usize].length();
        chain::clusters(segments).into_iter().partition(|cluster| {
            let cluster = &segments[cluster.clone()];
            let (target, cluster_end) =
                cluster.iter().fold((0, 0), |(_, end), (target, s)| (*target, end.max(s.genome + s.length)));
            is_last || target < last_target || cluster_end.saturating_add(chain::MIN_CLUSTER_DISTANCE + MARGIN) < end
        })
    }

    /// The segments of windows that may be in a chain, in the order of the windows.
    fn scan<'s>(
        &'s self,
        windows: &[(u32, u32)],
        found: &Found,
        seeds: &'s LibrarySeeds,
        scanners: &Mutex<Vec<(Scanner<'s>, Vec<u8>)>>,
    ) -> Result<Vec<WindowSegments>> {
        let (done, charged) = (AtomicU64::new(found.part.0), AtomicU64::new(0));
        let (general, min_score) = (self.context.scorings.general(), self.context.thresholds.segment);
        windows
            .par_iter()
            .map(|&(number, from)| {
                let target = &self.context.targets[number as usize];
                let idle = scanners.lock().pop();
                let (mut scanner, mut codes) =
                    idle.unwrap_or_else(|| (Scanner::new(&self.text, seeds, general, min_score), Vec::new()));
                let to = from.saturating_add(WINDOW).min(target.length());
                let segments = self.scan_window(target, from..to, &mut scanner, &mut codes);
                scanners.lock().push((scanner, codes));
                // Once here and once in the list of all.
                let bytes = (2 * segments.len() * size_of::<(u32, Segment)>()) as u64;
                let part = (done.fetch_add(1, Ordering::Relaxed), found.part.1);
                let before = charged.fetch_add(bytes, Ordering::Relaxed);
                let reservation = self.budget.reserve_part(Component::Batches, bytes, PURPOSE, before, part)?;
                self.progress.advance(u64::from(to - from));
                Ok((number, segments, reservation))
            })
            .collect()
    }

    /// The segments of seeds that end in a window, without those that cannot be in a chain.
    fn scan_window(
        &self,
        target: &Target<'_>,
        window: Range<u32>,
        scanner: &mut Scanner<'_>,
        codes: &mut Vec<u8>,
    ) -> Vec<Segment> {
        let Range { start: from, end: to } = window;
        let first = from.saturating_sub(MARGIN);
        target.codes(first..to.saturating_add(MARGIN).min(target.length()), codes);
        let mut segments = Vec::new();
        scanner.scan(codes, (from - first) as usize, (to - first) as usize, first, &mut segments);
        segments.sort_unstable();
        segments.dedup();
        // Near a border the rest of a chain may be in the next window.
        let inner_start = if from == 0 { 0 } else { from + MARGIN };
        let inner = inner_start..if to == target.length() { to } else { to - MARGIN };
        let in_chain = chain::in_chain(&segments, self.context.scorings.general(), self.context.thresholds.chain);
        let mut in_chain = in_chain.iter();
        segments.retain(|s| in_chain.next() == Some(&true) || !inner.contains(&s.genome));
        segments.shrink_to_fit();
        segments
    }

    /// Aligns clusters of sorted segments.
    fn align(&self, segments: &[(u32, Segment)], clusters: &[Range<usize>], found: &mut Found) -> Result<()> {
        let aligners = Mutex::new(Vec::new());
        let charged = AtomicU64::new(found.bytes);
        let part = found.part;
        let parts: Vec<(Vec<Alignment>, Reservation)> = clusters
            .par_iter()
            .filter_map(|cluster| {
                let idle = aligners.lock().pop();
                let mut aligner = idle.unwrap_or_else(|| {
                    Aligner::new(&self.text, &self.context.scorings, self.context.thresholds.alignment)
                });
                let alignments = self.context.align_cluster(&segments[cluster.clone()], &mut aligner);
                aligners.lock().push(aligner);
                if alignments.is_empty() {
                    return None;
                }
                // The structs are once here and once in the list of all.
                let structs = alignments.len() * size_of::<Alignment>();
                let bytes = alignments.iter().map(Alignment::bytes).sum::<u64>() + structs as u64;
                let before = charged.fetch_add(bytes, Ordering::Relaxed);
                let reservation = self.budget.reserve_part(Component::Alignments, bytes, PURPOSE, before, part);
                Some(reservation.map(|reservation| (alignments, reservation)))
            })
            .collect::<Result<_>>()?;
        found.bytes = charged.into_inner();
        found.parts.extend(parts);
        Ok(())
    }
}

/// The alignments found so far.
struct Found {
    /// Those of each cluster, with the reservation of their memory.
    parts: Vec<(Vec<Alignment>, Reservation)>,
    /// Bytes of them.
    bytes: u64,
    /// Windows that were scanned, and all windows.
    part: (u64, u64),
}

impl Found {
    /// All alignments, sorted, with one reservation.
    fn sorted(self, budget: &Budget) -> (Vec<Alignment>, Reservation) {
        let mut found = Vec::with_capacity(self.parts.iter().map(|(alignments, _)| alignments.len()).sum());
        let mut part_reservations = Vec::with_capacity(self.parts.len());
        for (alignments, reservation) in self.parts {
            found.extend(alignments);
            part_reservations.push(reservation);
        }
        found.par_sort_unstable_by(|a: &Alignment, b| a.sort_key().cmp(&b.sort_key()));
        let bytes = found.iter().map(Alignment::bytes).sum();
        drop(part_reservations);
        let mut reservation = budget.empty_reservation(Component::Alignments);
        reservation.resize(bytes);
        (found, reservation)
    }
}

/// The segments carried over and those of new windows, each once, sorted by entry of the text, target and position; each
/// with the number of its target.
fn sorted_segments(
    carried: Vec<(u32, Segment)>,
    windows: Vec<WindowSegments>,
) -> (Vec<(u32, Segment)>, Vec<Reservation>) {
    let mut reservations = Vec::new();
    let mut all = carried;
    all.reserve_exact(windows.iter().map(|(_, segments, _)| segments.len()).sum());
    for (number, segments, reservation) in windows {
        reservations.push(reservation);
        all.extend(segments.into_iter().map(|s| (number, s)));
    }
    all.par_sort_unstable_by_key(|&(target, s): &(u32, Segment)| (s.entry, target, s.genome, s.text, s.length));
    all.dedup();
    (all, reservations)
}
