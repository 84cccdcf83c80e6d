//! The search of a genome for a library: blocks of windows one after the other, so that the segments of one block are in
//! memory at a time, and in each block all parts of the library, so that the seeds of one part are.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rayon::prelude::*;

use crate::align::alignment::Alignment;
use crate::align::chain;
use crate::align::context::{SearchContext, SearchOptions};
use crate::align::gapped::Aligner;
use crate::align::genome_range::{GenomeRange, Place, WINDOW};
use crate::align::library::Library;
use crate::align::library_text::LibraryText;
use crate::align::seeds::LibrarySeeds;
use crate::align::segments::{Scanner, Segment};
use crate::align::target::Target;
use crate::align::undetectable::undetectable;
use crate::memory::{Budget, Component, Reservation};
use crate::progress::check_cancelled;
use crate::{Error, Index, Progress, Result};

/// Windows of a block, at least: the segments of a block are in memory at a time, and threads wait for each other at its
/// end.
const BLOCK: usize = 32;
/// Windows of a block for each thread, at least.
const WINDOWS_PER_THREAD: usize = 4;
/// Bases on either side of a window into which segments extend. Few segments without gaps are longer.
const MARGIN: u32 = 1 << 12;
/// Bases before the first segment of a cluster in which an alignment of it may begin, and behind the last in which it
/// may end, at least: eight times what alignments cross without a segment, if it is not of low complexity.
const MIN_LEAD: u32 = 8 * chain::MIN_CLUSTER_DISTANCE;
/// The same in lengths of the longest sequence of the library: no alignment has more bases of the genome.
const LEAD_SEQUENCES: u32 = 2;
/// One of this many bytes of free memory is for the seeds of a part of the library.
const SEEDS_PART: u64 = 2;
/// The user of the memory, as errors name it.
const PURPOSE: &str = "a search";

/// Bytes of memory without which a search for the sequences of a library does not begin on `threads` threads, in
/// addition to the library and an open index. Segments and alignments are added, as many as there are.
pub(crate) fn search_memory(library: &Library, threads: u64) -> u64 {
    let longest = (0..library.len()).map(|number| library.sequence(number).len()).max().unwrap_or(0);
    scan_bytes(longest as u64, 1, longest as u64, threads)
}

/// Bytes of a text of some sequences with these bases in all, of its seeds, and of the threads that scan for them.
fn scan_bytes(bases: u64, sequences: u64, longest: u64, threads: u64) -> u64 {
    let text = LibraryText::bytes(bases, sequences);
    let window = (WINDOW + 2 * MARGIN) as usize;
    let scanner = Scanner::bytes(text as usize, longest as usize, window) + u64::from(WINDOW) * 4;
    text + LibrarySeeds::bytes(text as usize) + threads * scanner
}

/// The parts in which the sequences of a library are searched, and the bytes of the largest: each as many sequences as
/// fit the memory, at least one.
fn parts(library: &Library, sequences: Range<usize>, memory: u64, threads: u64) -> (Vec<Range<usize>>, u64) {
    let (mut parts, mut largest) = (Vec::new(), 0);
    let (mut first, mut bases, mut longest) = (sequences.start, 0, 0);
    for number in sequences.clone() {
        let length = library.sequence(number).len() as u64;
        let (all, count) = (bases + length, (number + 1 - first) as u64);
        let fits = scan_bytes(all, count, length.max(longest), threads) <= memory
            && LibraryText::bytes(all, count) <= LibraryText::MAX_BYTES;
        if number > first && !fits {
            parts.push(first..number);
            (first, bases, longest) = (number, 0, 0);
        }
        (bases, longest) = (bases + length, length.max(longest));
        largest = largest.max(scan_bytes(bases, (number + 1 - first) as u64, longest, threads));
    }
    parts.push(first..sequences.end);
    (parts, largest)
}

/// Alignments of a block.
pub(crate) struct FoundBlock {
    /// In no order.
    pub(crate) alignments: Vec<Alignment>,
    /// Of their memory.
    pub(crate) reservations: Vec<Reservation>,
    /// The place before which no alignment of a later block begins, if the targets are sorted.
    pub(crate) complete_to: Place,
    /// The place before which alignments that begin before the range of the search may end.
    pub(crate) foreign_to: Place,
}

/// A search of a genome for sequences of a library.
pub(crate) struct GenomeSearch<'a> {
    pub(crate) index: &'a Index,
    pub(crate) library: &'a Library,
    /// The sequences that are searched.
    pub(crate) sequences: Range<usize>,
    /// Bases of the library of which these sequences are, for E-values and thresholds.
    pub(crate) query_bases: u64,
    /// Alignments of chains of segments that begin here are reported.
    pub(crate) range: GenomeRange,
    pub(crate) options: &'a SearchOptions,
    pub(crate) budget: &'a Budget,
    pub(crate) progress: &'a dyn Progress,
}

impl<'a> GenomeSearch<'a> {
    /// For all sequences of a library, in the whole genome.
    pub(crate) fn new(
        index: &'a Index,
        library: &'a Library,
        options: &'a SearchOptions,
        budget: &'a Budget,
        progress: &'a dyn Progress,
    ) -> Self {
        let (sequences, query_bases) = (0..library.len(), library.bases());
        Self { index, library, sequences, query_bases, range: GenomeRange::WHOLE, options, budget, progress }
    }

    /// Bases beyond the segments of a cluster within which its alignments begin and end.
    pub(crate) fn lead(&self) -> u32 {
        let longest = self.sequences.clone().map(|number| self.library.sequence(number).len()).max().unwrap_or(0);
        MIN_LEAD.max((longest as u32).saturating_mul(LEAD_SEQUENCES))
    }

    /// Passes the alignments of each block to `take`, which returns the bytes that it keeps.
    ///
    /// # Errors
    /// Those of [`search`](crate::align::search), and those of `take`.
    pub(crate) fn by_block(&self, take: impl FnMut(FoundBlock) -> Result<u64>) -> Result<()> {
        let Self { index, library, budget, progress, .. } = *self;
        if self.sequences.is_empty() {
            return Ok(());
        }
        let longest = self.sequences.clone().map(|number| library.sequence(number).len() as u64).max();
        if LibraryText::bytes(longest.unwrap_or(0), 1) > LibraryText::MAX_BYTES {
            return Err(Error::Usage("a sequence of a library has at most 2^30 bases; split it".to_owned()));
        }
        let threads = rayon::current_num_threads() as u64;
        let (parts, bytes) = parts(library, self.sequences.clone(), budget.free() / SEEDS_PART, threads);
        let _seeds_reservation = budget.reserve(Component::Seeds, bytes, PURPOSE)?;
        let context = SearchContext::new(index, self.query_bases, self.options)?;
        let undetectable = undetectable(library, self.sequences.clone(), &context.scorings, &context.thresholds);
        if let Some(notice) = undetectable {
            progress.notice(&notice);
        }
        let lead = self.lead();
        let windows = Windows::of(&context.targets, self.range);
        progress.phase("search", Some(windows.bases(&context.targets) * parts.len() as u64));
        let search = BlockSearch { context, library, parts, range: self.range, lead, budget, progress };
        search.run(&windows, threads as usize, take)
    }
}

/// The windows of a search, each the number of a target and the first base in it.
struct Windows {
    all: Vec<(u32, u32)>,
    /// Those that begin in the range of the search, and before them those of the same contig that reach within a window
    /// of it: chains that begin there may reach the range, or begin in it behind the start of their window.
    range: Range<usize>,
}

impl Windows {
    fn of(targets: &[Target<'_>], range: GenomeRange) -> Self {
        let all: Vec<(u32, u32)> = (0..)
            .zip(targets)
            .flat_map(|(number, target)| (0..target.length()).step_by(WINDOW as usize).map(move |from| (number, from)))
            .collect();
        let number_of = |border: Place| {
            all.partition_point(|&(number, from)| {
                let target = &targets[number as usize];
                (target.contig, target.range.start + u64::from(from)) < border
            })
        };
        let GenomeRange { start: (contig, base), end } = range;
        let first = match (contig, base) >= end {
            true => number_of(end),
            // Windows begin at any base if only parts of contigs are searched.
            false => number_of((contig, (base + 1).saturating_sub(2 * u64::from(WINDOW)))),
        };
        let range = first..number_of(end);
        Self { all, range }
    }

    /// Bases of the windows of the range.
    fn bases(&self, targets: &[Target<'_>]) -> u64 {
        let bases = |&(number, from): &(u32, u32)| targets[number as usize].length().saturating_sub(from).min(WINDOW);
        self.all[self.range.clone()].iter().map(|window| u64::from(bases(window))).sum()
    }

    /// The next block, after the first `done` windows: after those of the range, one window of the same contig at a
    /// time while chains of the range are open. The first of them may have segments that begin in the range.
    fn block(&self, done: usize, size: usize, has_open_chains: bool) -> &[(u32, u32)] {
        let Range { start, end } = self.range;
        if start == end {
            return &[];
        }
        if done < end {
            return &self.all[done..end.min(done + size)];
        }
        let continues_contig = self.all.get(done).is_some_and(|&(_, from)| from > 0);
        if continues_contig && (done == end || has_open_chains) { &self.all[done..=done] } else { &[] }
    }
}

/// Segments of one window, with the number of their target and the reservation of their memory.
type WindowSegments = (u32, Vec<Segment>, Reservation);

/// One search.
struct BlockSearch<'a> {
    context: SearchContext<'a>,
    library: &'a Library,
    /// Sequences that are searched together.
    parts: Vec<Range<usize>>,
    range: GenomeRange,
    /// As [`GenomeSearch::lead`].
    lead: u32,
    budget: &'a Budget,
    progress: &'a dyn Progress,
}

/// A part of the library, ready to be searched.
struct PreparedPart {
    /// Number of its first sequence.
    first: u32,
    text: LibraryText,
    seeds: LibrarySeeds,
}

impl PreparedPart {
    fn new(library: &Library, sequences: &Range<usize>) -> Self {
        let text = LibraryText::new(library, sequences.clone());
        Self { first: sequences.start as u32, seeds: LibrarySeeds::new(&text), text }
    }
}

/// How far a search is.
struct Extent {
    /// Windows that were scanned for some part, and all windows of all parts.
    windows: (u64, u64),
    /// Bytes of alignments that are in memory.
    bytes: u64,
}

impl BlockSearch<'_> {
    fn run(&self, windows: &Windows, threads: usize, mut take: impl FnMut(FoundBlock) -> Result<u64>) -> Result<()> {
        let whole = match &self.parts[..] {
            [sequences] => Some(PreparedPart::new(self.library, sequences)),
            _ => None,
        };
        let mut extent = Extent { windows: (0, (windows.range.len() * self.parts.len()) as u64), bytes: 0 };
        let mut carried: Vec<Vec<(u32, Segment)>> = vec![Vec::new(); self.parts.len()];
        let size = BLOCK.max(WINDOWS_PER_THREAD * threads);
        let (mut done, mut has_open_chains) = (windows.range.start, false);
        let mut foreign_to = self.first_foreign_to();
        loop {
            let block = windows.block(done, size, has_open_chains);
            let Some(end) = BlockEnd::of(block, &self.context.targets) else { return Ok(()) };
            done += block.len();
            has_open_chains = false;
            let mut found =
                FoundBlock { alignments: Vec::new(), reservations: Vec::new(), complete_to: (0, 0), foreign_to };
            let mut start = end.next_segment();
            for (sequences, carried) in self.parts.iter().zip(&mut carried) {
                let made;
                let part = match &whole {
                    Some(part) => part,
                    None => {
                        made = PreparedPart::new(self.library, sequences);
                        &made
                    }
                };
                let scanned = self.scan(block, part, &extent)?;
                extent.windows.0 += block.len() as u64;
                let (segments, _reservations) = sorted_segments(std::mem::take(carried), scanned);
                let (mut clusters, open) = end.closed_clusters(&segments);
                has_open_chains |= open.iter().any(|cluster| self.begins(&segments[cluster.start]) < self.range.end);
                *carried = open.into_iter().flat_map(|cluster| segments[cluster].iter().copied()).collect();
                start = carried.iter().map(|(_, segment)| segment.genome).fold(start, u32::min);
                clusters.retain(|cluster| self.is_of_range(&segments[cluster.clone()], &mut found.foreign_to));
                self.align(&segments, &clusters, part, &mut extent, &mut found)?;
            }
            foreign_to = found.foreign_to;
            found.complete_to = end.complete_to(start, self.lead, &self.context.targets);
            extent.bytes = take(found)?;
        }
    }

    /// Where a segment begins.
    fn begins(&self, &(number, segment): &(u32, Segment)) -> Place {
        let target = &self.context.targets[number as usize];
        (target.contig, target.range.start + u64::from(segment.genome))
    }

    /// The place before which alignments of chains that ended before the range may end.
    fn first_foreign_to(&self) -> Place {
        match self.range.start {
            (contig, 0) => (contig, 0),
            (contig, base) => (contig, base + u64::from(self.lead)),
        }
    }

    /// Whether a cluster of sorted segments begins in the range of the search. Another search aligns one that begins
    /// before it; its alignments end before `foreign_to` then.
    fn is_of_range(&self, cluster: &[(u32, Segment)], foreign_to: &mut Place) -> bool {
        let Some(first) = cluster.first() else { return false };
        let (contig, base) = self.begins(first);
        if (contig, base) < self.range.start {
            let length = cluster.iter().map(|(_, s)| s.genome + s.length - first.1.genome).max().unwrap_or(0);
            *foreign_to = (*foreign_to).max((contig, base + u64::from(length) + u64::from(self.lead)));
        }
        self.range.contains((contig, base))
    }

    /// The segments of windows that may be in a chain, in the order of the windows.
    fn scan(&self, windows: &[(u32, u32)], part: &PreparedPart, extent: &Extent) -> Result<Vec<WindowSegments>> {
        let (done, charged) = (AtomicU64::new(extent.windows.0), AtomicU64::new(0));
        let (general, min_score) = (self.context.scorings.general(), self.context.thresholds.segment);
        let scanners: Mutex<Vec<(Scanner<'_>, Vec<u8>)>> = Mutex::default();
        windows
            .par_iter()
            .map(|&(number, from)| {
                check_cancelled(self.progress)?;
                let target = &self.context.targets[number as usize];
                let idle = scanners.lock().pop();
                let (mut scanner, mut codes) =
                    idle.unwrap_or_else(|| (Scanner::new(&part.text, &part.seeds, general, min_score), Vec::new()));
                let to = from.saturating_add(WINDOW).min(target.length());
                let segments = self.scan_window(target, from..to, &mut scanner, &mut codes);
                scanners.lock().push((scanner, codes));
                // Once here and once in the list of all.
                let bytes = (2 * segments.len() * size_of::<(u32, Segment)>()) as u64;
                let windows = (done.fetch_add(1, Ordering::Relaxed), extent.windows.1);
                let before = charged.fetch_add(bytes, Ordering::Relaxed);
                let reservation = self.budget.reserve_part(Component::Batches, bytes, PURPOSE, before, windows)?;
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
    fn align(
        &self,
        segments: &[(u32, Segment)],
        clusters: &[Range<usize>],
        part: &PreparedPart,
        extent: &mut Extent,
        found: &mut FoundBlock,
    ) -> Result<()> {
        let aligners = Mutex::new(Vec::new());
        let charged = AtomicU64::new(extent.bytes);
        let windows = extent.windows;
        let parts: Vec<(Vec<Alignment>, Reservation)> = clusters
            .par_iter()
            .filter_map(|cluster| {
                let idle = aligners.lock().pop();
                let mut aligner = idle.unwrap_or_else(|| {
                    Aligner::new(&part.text, &self.context.scorings, self.context.thresholds.alignment)
                });
                let mut alignments = self.context.align_cluster(&segments[cluster.clone()], &mut aligner);
                aligners.lock().push(aligner);
                if alignments.is_empty() {
                    return None;
                }
                alignments.iter_mut().for_each(|alignment| alignment.query += part.first);
                // The structs are once here and once in the list of the block.
                let structs = alignments.len() * size_of::<Alignment>();
                let bytes = alignments.iter().map(Alignment::bytes).sum::<u64>() + structs as u64;
                let before = charged.fetch_add(bytes, Ordering::Relaxed);
                let reservation = self.budget.reserve_part(Component::Alignments, bytes, PURPOSE, before, windows);
                Some(reservation.map(|reservation| (alignments, reservation)))
            })
            .collect::<Result<_>>()?;
        extent.bytes = charged.into_inner();
        for (alignments, reservation) in parts {
            found.alignments.extend(alignments);
            found.reservations.push(reservation);
        }
        Ok(())
    }
}

/// The end of the last window of a block.
struct BlockEnd {
    /// Number of its target.
    target: u32,
    /// Base of the target; beyond its end if the window is the last one.
    base: u32,
    is_last: bool,
}

impl BlockEnd {
    fn of(block: &[(u32, u32)], targets: &[Target<'_>]) -> Option<Self> {
        let &(target, from) = block.last()?;
        let base = from.saturating_add(WINDOW);
        Some(Self { target, base, is_last: base >= targets[target as usize].length() })
    }

    /// The first base of the target at which a segment of a later window may begin.
    fn next_segment(&self) -> u32 {
        self.base.saturating_sub(MARGIN)
    }

    /// The clusters of sorted segments, and those to which segments of later windows may belong.
    fn closed_clusters(&self, segments: &[(u32, Segment)]) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
        chain::clusters(segments).into_iter().partition(|cluster| {
            let cluster = &segments[cluster.clone()];
            let (target, cluster_end) =
                cluster.iter().fold((0, 0), |(_, end), (target, s)| (*target, end.max(s.genome + s.length)));
            self.is_last
                || target < self.target
                || cluster_end.saturating_add(chain::MIN_CLUSTER_DISTANCE + MARGIN) < self.base
        })
    }

    /// Contig and base before which no later alignment begins, if no later segment begins before `start`.
    fn complete_to(&self, start: u32, lead: u32, targets: &[Target<'_>]) -> Place {
        let target = &targets[self.target as usize];
        if self.is_last {
            return (target.contig, target.range.end);
        }
        (target.contig, target.range.start + u64::from(start.saturating_sub(lead)))
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
