//! A sequence whose copies are known, about, is aligned to these places alone: a change of the sequence does not need a
//! search of the genome.

use std::ops::Range;

use rayon::prelude::*;

use crate::align::alignment::Alignment;
use crate::align::chain;
use crate::align::context::{SearchContext, SearchOptions};
use crate::align::gapped::Aligner;
use crate::align::library::Library;
use crate::align::library_text::LibraryText;
use crate::align::seeds::LibrarySeeds;
use crate::align::segments::{Scanner, Segment};
use crate::align::target::ContigRange;
use crate::memory::{Budget, Component};
use crate::{Index, Result};

/// Bases on either side of a range into which segments extend; segments beyond it are cut there.
const MARGIN: u64 = 1 << 8;
/// Bases of a range that are scanned at a time: bounds the buffers of a thread.
const PIECE: u64 = 1 << 16;

/// A sequence, and the ranges of the genome in which its copies are searched.
#[derive(Debug, Clone)]
pub(crate) struct LociQuery {
    /// ASCII letters.
    pub(crate) letters: Vec<u8>,
    /// Sorted by contig and start; ranges do not overlap. An alignment that begins in one may end beyond it.
    pub(crate) ranges: Vec<ContigRange>,
}

/// Aligns each sequence to its ranges; the alignments of each come by position. Thresholds and E-values are those of a
/// search of the whole genome for all sequences of a library of `library_bases` bases. `query` is 0 in all alignments.
///
/// # Errors
/// Those of [`search`](crate::align::search).
pub(crate) fn search_loci(
    index: &Index,
    queries: &[LociQuery],
    library_bases: u64,
    options: &SearchOptions,
    budget: &Budget,
) -> Result<Vec<Vec<Alignment>>> {
    if queries.is_empty() {
        // The statistics of the genome cost a pass over it.
        return Ok(Vec::new());
    }
    let context = SearchContext::new(index, library_bases, options)?;
    let longest = queries.iter().map(|query| query.letters.len()).max().unwrap_or(0);
    let text = 2 * (longest + 2);
    let window = (PIECE + 2 * MARGIN) as usize;
    let bytes = text as u64 + LibrarySeeds::bytes(text) + Scanner::bytes(text, longest, window) + window as u64;
    let threads = rayon::current_num_threads() as u64;
    let _reservation = budget.reserve(Component::Seeds, threads * bytes, "a search at known copies")?;
    queries
        .par_iter()
        .map_init(Vec::new, |codes, query| {
            let found = search_query(&context, query, codes);
            let bytes = found.iter().map(Alignment::bytes).sum();
            budget.reserve(Component::Alignments, bytes, "a search at known copies").map(|_| found)
        })
        .collect()
}

fn search_query(context: &SearchContext<'_>, query: &LociQuery, codes: &mut Vec<u8>) -> Vec<Alignment> {
    let mut library = Library::default();
    library.push(String::new(), query.letters.as_slice());
    let text = LibraryText::new(&library, 0..1);
    let seeds = LibrarySeeds::new(&text);
    let mut scanner = Scanner::new(&text, &seeds, context.scorings.general(), context.thresholds.segment);
    let mut segments: Vec<(u32, Segment)> = Vec::new();
    let mut found = Vec::new();
    for ContigRange { contig, range } in &query.ranges {
        let Ok(number) = context.targets.binary_search_by_key(contig, |target| target.contig) else { continue };
        let target = &context.targets[number];
        let length = u64::from(target.length());
        let mut at = range.start;
        while at < range.end.min(length) {
            let end = (at + PIECE).min(range.end).min(length);
            let read: Range<u64> = at.saturating_sub(MARGIN)..(end + MARGIN).min(length);
            target.codes(read.start as u32..read.end as u32, codes);
            scanner.scan(codes, (at - read.start) as usize, (end - read.start) as usize, read.start as u32, &mut found);
            segments.extend(found.drain(..).map(|segment| (number as u32, segment)));
            at = end;
        }
    }
    segments.sort_unstable_by_key(|&(target, s)| (s.entry, target, s.genome, s.text, s.length));
    segments.dedup();
    let mut aligner = Aligner::new(&text, &context.scorings, context.thresholds.alignment);
    let clusters = chain::clusters(&segments);
    let mut alignments: Vec<Alignment> =
        clusters.into_iter().flat_map(|cluster| context.align_cluster(&segments[cluster], &mut aligner)).collect();
    alignments.sort_unstable_by_key(Alignment::sort_key);
    alignments
}
