//! Query sequences against the indexed genome: every copy, on both strands, with columns, divergence and E-value.
//!
//! [`search`] goes through these steps, each parallel and each giving the same whatever the threads:
//!
//! 1. Words of the library under spaced patterns go into a table (`seeds`), those of low complexity left out.
//! 2. One scan of the genome looks each of its words up and extends what it finds without gaps. Nothing is dropped for being frequent.
//! 3. Segments that score well alone, or in a row with others on nearby diagonals, are extended with affine gaps (`extend`), the best
//!    first, and what lies on an alignment already found is not extended again.
//! 4. Each alignment gets the scores that fit its own divergence, and its ends are set by them: harsh scores place the ends of
//!    young copies exactly, mild ones follow old copies to their ends. An end at the end of the query is likelier than any other.
//!
//! Tandem repeats are found without a library ([`TandemRepeat`]).

mod alignment;
mod chain;
mod extend;
mod gapped;
mod library;
mod score;
mod seeds;
mod tandem;
mod trim;
mod ungapped;

use parking_lot::Mutex;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

pub(crate) use alignment::operations;
pub use alignment::{Alignment, Counts, Operation, OperationKind};
pub(crate) use extend::{Column, Extender};
pub use library::Library;
pub use score::{SCORE_UNITS, Scoring};
pub use tandem::{LONGEST_PERIOD, TandemRepeat};
pub(crate) use tandem::{e_value as tandem_e_value, free_score, tandem_repeats};
pub use trim::Trimmer;

use crate::genome::Record;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::Region;
use crate::{Error, Index, Notice, Progress, Result, Silent};
use gapped::Aligner;
use library::Text;
use score::{AVERAGE, CODES, Scorings};
use seeds::{Scanner, SeedTable, Segment};

/// What a search looks for.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// Alignments that chance gives more often than this in the whole search are left out.
    pub max_e_value: f64,
    /// Alignments of which a larger share of the pairs of bases is substituted are left out.
    pub max_divergence: f64,
    /// Search these stretches alone, each as if it were a contig; all of the genome where there are none.
    pub within: Option<Vec<Stretch>>,
    /// What lies whole within an alignment of the same sequence and strand is not aligned too: the units of a tandem repeat are not
    /// aligned each with each.
    pub apart: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { max_e_value: 1e-3, max_divergence: 1.0, within: None, apart: false }
    }
}

/// A stretch of a contig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Number of the contig, from 0.
    pub contig: u32,
    /// Bases of the contig, 0-based and half-open.
    pub range: Range<u64>,
}

/// A stretch that is searched, with its bases.
pub(crate) struct Piece<'a> {
    contig: u32,
    range: Range<u64>,
    record: Record<'a>,
}

impl Piece<'_> {
    fn length(&self) -> u32 {
        (self.range.end - self.range.start) as u32
    }

    /// Replaces `out` with the codes of a range of the piece.
    fn codes(&self, range: Range<u32>, out: &mut Vec<u8>) {
        out.clear();
        self.record.codes(self.range.start + u64::from(range.start)..self.range.start + u64::from(range.end), out);
    }
}

/// Bases scanned together.
const WINDOW: u32 = 1 << 20;
/// Bases beside a window into which segments extend.
const MARGIN: u32 = 1 << 12;

/// Searches the genome for the sequences of a library. Alignments come by contig, start, end, query, strand.
///
/// Memory is that of the seed table (some 30 bytes a base of both strands of the library and of what a thread works with), of the segments and of the alignments.
///
/// # Errors
/// [`Error::Memory`] where the budget is too small; [`Error::Usage`] where the library is larger than 2^30 bases; [`Error::NotInIndex`]
/// for stretches that are not there; [`Error::Damaged`].
pub fn search(index: &Index, library: &Library, options: &SearchOptions, budget: &Budget) -> Result<Vec<Alignment>> {
    search_held(index, library, options, budget, &Silent).map(|(found, _)| found)
}

/// The same with what the alignments are charged, and with someone who watches.
pub(crate) fn search_held(
    index: &Index,
    library: &Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<(Vec<Alignment>, Reservation)> {
    let both = 2 * (library.bases() + library.len() as u64) + 2;
    if both > Text::MOST {
        return Err(Error::Usage("a library has at most 2^30 bases; split it".to_owned()));
    }
    let pieces = pieces(index, options.within.as_deref())?;
    let threads = rayon::current_num_threads() as u64;
    let scanners = threads * (Scanner::bytes(both as usize, (WINDOW + 2 * MARGIN) as usize) + 4 * u64::from(WINDOW));
    let _text = budget.reserve(Component::Seeds, both, "a search")?;
    let seeds_held = budget.reserve(Component::Seeds, SeedTable::bytes(both as usize) + scanners, "a search")?;

    let scorings = Scorings::new(composition(&pieces));
    let text = Text::new(library);
    let bases: u64 = pieces.iter().map(|p| u64::from(p.length())).sum();
    let general = scorings.general();
    // By chance a weak segment comes about once in 30 bases of the genome, a strong one once in 3,000.
    let weak = general.score_for(1.0, library.bases() as f64, 30.0);
    let strong = general.score_for(1.0, library.bases() as f64, 3000.0);
    let needed = general.score_for(options.max_e_value, library.bases() as f64, bases as f64);

    if let Some(notice) = hidden(library, &scorings, (needed, strong)) {
        progress.notice(&notice);
    }
    progress.phase("scan", Some(bases));
    let segments = {
        let seeds = SeedTable::new(&text);
        let windows: Vec<(u32, u32)> = (0..)
            .zip(&pieces)
            .flat_map(|(number, piece)| (0..piece.length()).step_by(WINDOW as usize).map(move |from| (number, from)))
            .collect();
        let scanners = Mutex::new(Vec::new());
        let (done, taken) = (AtomicU64::new(0), AtomicU64::new(0));
        let found: Vec<_> = windows
            .par_iter()
            .map(|&(number, from)| {
                let piece = &pieces[number as usize];
                let (mut scanner, mut codes) =
                    lock(&scanners).pop().unwrap_or_else(|| (Scanner::new(&text, &seeds, general, weak), Vec::new()));
                let to = from.saturating_add(WINDOW).min(piece.length());
                let first = from.saturating_sub(MARGIN);
                piece.codes(first..to.saturating_add(MARGIN).min(piece.length()), &mut codes);
                let mut segments = Vec::new();
                scanner.scan(&codes, (from - first) as usize, (to - first) as usize, first, &mut segments);
                lock(&scanners).push((scanner, codes));
                segments.sort_unstable();
                segments.dedup();
                let inner =
                    if from == 0 { 0 } else { from + MARGIN }..if to == piece.length() { to } else { to - MARGIN };
                let keep = chain::promising(&segments, general, strong);
                let mut keep = keep.iter();
                segments.retain(|s| keep.next() == Some(&true) || !inner.contains(&s.genome));
                segments.shrink_to_fit();
                let bytes = (2 * segments.len() * size_of::<(u32, Segment)>()) as u64;
                let part = (done.fetch_add(1, Ordering::Relaxed), windows.len() as u64);
                let so_far = taken.fetch_add(bytes, Ordering::Relaxed);
                let held = budget.reserve_part(Component::Batches, bytes, "a search", so_far, part)?;
                progress.advance(u64::from(to - from));
                Ok((number, segments, held))
            })
            .collect::<Result<_>>()?;
        found
    };
    drop(seeds_held);
    let mut held = Vec::new();
    let mut all: Vec<(u32, Segment)> = Vec::with_capacity(segments.iter().map(|(_, segments, _)| segments.len()).sum());
    for (number, segments, reservation) in segments {
        held.push(reservation);
        all.extend(segments.into_iter().map(|s| (number, s)));
    }
    all.par_sort_unstable_by_key(|&(piece, s)| (s.entry, piece, s.genome, s.text, s.length));
    all.dedup();

    progress.phase("align", Some(all.len() as u64));
    let aligners = Mutex::new(Vec::new());
    let clusters = chain::clusters(&all);
    let (done, taken) = (AtomicU64::new(0), AtomicU64::new(0));
    let parts: Vec<(Vec<Alignment>, Reservation)> = clusters
        .par_iter()
        .filter_map(|cluster| {
            let mut aligner = lock(&aligners).pop().unwrap_or_else(|| Aligner::new(&text, &scorings, needed));
            let piece = &pieces[all[cluster.start].0 as usize];
            let mut alignments =
                aligner.align(piece, all[cluster.clone()].iter().map(|&(_, s)| s), strong, options.apart);
            lock(&aligners).push(aligner);
            progress.advance(cluster.len() as u64);
            let part = (done.fetch_add(1, Ordering::Relaxed), clusters.len() as u64);
            for alignment in &mut alignments {
                alignment.e_value = scorings.general().e_value(alignment.score, library.bases(), bases);
            }
            alignments.retain(|a| a.e_value <= options.max_e_value && a.counts.substituted() <= options.max_divergence);
            if alignments.is_empty() {
                return None;
            }
            alignments.shrink_to_fit();
            // Once here and once in the row of all.
            let rows = alignments.len() * size_of::<Alignment>();
            let bytes = alignments.iter().map(Alignment::bytes).sum::<u64>() + rows as u64;
            let so_far = taken.fetch_add(bytes, Ordering::Relaxed);
            let held = budget.reserve_part(Component::Alignments, bytes, "a search", so_far, part);
            Some(held.map(|held| (alignments, held)))
        })
        .collect::<Result<_>>()?;
    let mut found = Vec::with_capacity(parts.iter().map(|(alignments, _)| alignments.len()).sum());
    let mut alignments_held = Vec::with_capacity(parts.len());
    for (alignments, held) in parts {
        found.extend(alignments);
        alignments_held.push(held);
    }
    found.par_sort_unstable_by(|a: &Alignment, b| a.place().cmp(&b.place()));
    let bytes = found.iter().map(Alignment::bytes).sum();
    drop(alignments_held);
    let mut held = budget.hold(Component::Alignments);
    held.resize(bytes);
    Ok((found, held))
}

/// Sequences of a library that are named where they cannot be found.
const NAMED: usize = 3;

/// Bases of a sequence that are looked at together: where they can be found, the rest need not be looked at.
const LOOKED_AT: usize = 1 << 12;

/// Which sequences of a library cannot be found in the genome, not even where a copy is identical: they have no seed, or score less
/// than `needed` in an alignment or `strong` in a segment.
fn hidden(library: &Library, scorings: &Scorings, (needed, strong): (i32, i32)) -> Option<Notice> {
    let is_hidden = |letters: &[u8]| {
        let codes: Vec<u8> = letters.iter().map(|&letter| CODES[usize::from(letter)]).collect();
        let segment: i32 = codes.iter().map(|&code| scorings.general().pair(code, code)).sum();
        let score = || gapped::scored(&codes, &codes, &vec![Column::Pair; codes.len()], scorings).1;
        !seeds::has_seed(&codes) || segment < strong || score() < needed
    };
    let all_hidden = |&number: &usize| library.sequence(number).chunks(LOOKED_AT).all(is_hidden);
    let numbers: Vec<usize> = (0..library.len()).into_par_iter().filter(all_hidden).collect();
    if numbers.is_empty() {
        return None;
    }
    let shortest = (seeds::shortest_seed()..).find(|&bases| {
        let scoring = scorings.nearest(AVERAGE.0 / (AVERAGE.1 + f64::from(bases)));
        bases as i32 * (0..4).map(|base| scoring.pair(base, base)).sum::<i32>() >= 4 * needed
    });
    Some(Notice::HiddenSequences {
        sequences: numbers.len() as u64,
        total: library.len() as u64,
        first: numbers.iter().take(NAMED).map(|&number| library.name(number).to_owned()).collect(),
        shortest: shortest.unwrap_or(u32::MAX),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> parking_lot::MutexGuard<'_, T> {
    // What is in it is whole between any two statements.
    mutex.lock()
}

/// The stretches to be searched, checked against their checksums.
fn pieces<'a>(index: &'a Index, within: Option<&[Stretch]>) -> Result<Vec<Piece<'a>>> {
    let contigs = index.contigs()?;
    let whole: Vec<Stretch>;
    let stretches = match within {
        Some(stretches) => stretches,
        None => {
            whole = (0..).zip(contigs).map(|(contig, c)| Stretch { contig, range: 0..c.length }).collect();
            &whole
        }
    };
    let mut pieces = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        let Some(contig) = contigs.get(stretch.contig as usize) else {
            return Err(Error::NotInIndex {
                index: index.folder().to_owned(),
                problem: format!("there is no contig number {}; it has {}", stretch.contig, contigs.len()),
            });
        };
        let region = Region { contig: contig.name.clone(), range: stretch.range.clone() };
        let (_, record) = index.region_record(&region)?;
        if !stretch.range.is_empty() {
            pieces.push(Piece { contig: stretch.contig, range: stretch.range.clone(), record });
        }
    }
    Ok(pieces)
}

/// Shares of T, C, A and G.
fn composition(pieces: &[Piece<'_>]) -> [f64; 4] {
    let counts = pieces
        .par_iter()
        .map(|piece| {
            let mut bytes = [0u64; 256];
            for run in piece.record.acgt_runs_within(piece.range.clone()) {
                let whole = run.start.div_ceil(4) as usize..(run.end / 4) as usize;
                piece.record.packed().get(whole).into_iter().flatten().for_each(|&byte| bytes[usize::from(byte)] += 1);
            }
            let mut counts = [0u64; 4];
            for (byte, count) in bytes.iter().enumerate() {
                (0..4).for_each(|place| counts[byte >> (2 * place) & 3] += count);
            }
            counts
        })
        .reduce(|| [0; 4], |a, b| std::array::from_fn(|i| a[i] + b[i]));
    let sum = counts.iter().sum::<u64>();
    if sum == 0 { [0.25; 4] } else { counts.map(|count| count as f64 / sum as f64) }
}
