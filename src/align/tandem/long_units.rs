//! Arrays of units of thousands of bases, such as ribosomal DNA and many satellites of centromeres.
//!
//! An alignment of every base with every position of such a unit takes too long, and words of six bases recur by chance
//! within its length. So longer words show the arrays, and each copy of the unit is found and aligned as that of a
//! family is.

use std::ops::Range;

use rayon::prelude::*;

use crate::align::alignment::Alignment;
use crate::align::context::SearchOptions;
use crate::align::loci::{LociQuery, search_loci};
use crate::align::tandem::candidates::MAX_PERIOD;
use crate::align::tandem::search::{PURPOSE, TandemRepeat, TandemSearch, TandemSequence, name};
use crate::align::tandem::unit_votes::UnitVotes;
use crate::align::tandem::word_run::{CHUNK, MAX_GAP_UNITS, WordRun, for_each_word};
use crate::align::target::{ContigRange, Target, cover_half};
use crate::kmer::Strand;
use crate::memory::{Component, Reservation};
use crate::sequence::{NO_BASE, letters};
use crate::{Error, Result};

/// Units of a long array at least. Terminal repeats and adjacent copies of a transposon or gene are fewer.
pub(super) const MIN_UNITS: u64 = 4;
/// Maximum number of bases between two pieces of one array.
pub(super) const MAX_BREAK: u64 = 500;
/// Longest period in bases: the ribosomal DNA of mammals has 45,000.
pub const MAX_LONG_PERIOD: usize = 1 << 16;
/// Bases of a word. In random sequence a word recurs within [`MAX_LONG_PERIOD`] bases with a probability of 6 %.
const WORD: u32 = 10;
/// Bases by which the distances of the words in a run differ at most: units have insertions and deletions, and a change
/// of this many bases does not end a run.
const BAND: usize = 128;
/// Half of a band: each distance is in two bands, so that none is at the edge of both.
const HALF_BAND: usize = BAND / 2;
/// Bases by which the exact period is determined.
const PERIOD_BASES: usize = 1 << 10;
/// Candidates of which the periods differ by at most this share, as its reciprocal, may be parts of one array.
const SIMILAR_PERIOD: u32 = 8;
/// Units of a run at least, in halves: copies that lack a part, or have an insertion, break the runs of an array.
const MIN_RUN_HALVES: u32 = 3;
/// Units of the range of runs near each other, at least: one less than of an array, since alignments reach further.
const MIN_RANGE_UNITS: u32 = MIN_UNITS as u32 - 1;
/// Bytes of a thread that scans, besides a chunk of codes: the last position of each word, and runs.
const SCAN_BYTES: u64 = (size_of::<u32>() << (2 * WORD)) as u64 + (size_of::<WordRun>() * BANDS) as u64;
const BANDS: usize = MAX_LONG_PERIOD / HALF_BAND;

/// The last position of each word. It serves one target after another, since it is larger than most contigs.
struct LastWords {
    /// Ends of words, counted from 1 over all targets; 0 if there was none.
    ends: Vec<u32>,
    /// Bases of the targets before.
    before: u32,
}

impl LastWords {
    fn new() -> Self {
        Self { ends: vec![0; 1 << (2 * WORD)], before: 0 }
    }

    /// Calls `each` with every word of a target that occurred there before: its end, and the distance.
    fn for_each_recurrence(&mut self, target: &Target<'_>, mut each: impl FnMut(u32, u32)) {
        if self.before.checked_add(target.length()).is_none() {
            self.ends.fill(0);
            self.before = 0;
        }
        for_each_word(target, WORD, |word, end| {
            let last = std::mem::replace(&mut self.ends[word], self.before + end);
            if last > self.before {
                each(end, self.before + end - last);
            }
        });
        self.before += target.length();
    }
}

/// A range of a target that resembles itself at a distance of about `period` bases.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    target: usize,
    range: Range<u32>,
    /// Bases, the middle of a band.
    period: u32,
}

/// The arrays of long units of a genome.
pub(super) struct LongUnits {
    /// By contig and start.
    pub(super) arrays: Vec<ContigRange>,
    /// The copies of the units in them, and the reservation for these.
    pub(super) copies: Vec<TandemRepeat>,
    pub(super) reservation: Reservation,
}

impl TandemSearch<'_> {
    /// The arrays of units of more than [`MAX_PERIOD`] bases, apart from those that other arrays explain.
    ///
    /// # Errors
    /// [`crate::Error::Memory`] if the budget is too small; [`crate::Error::Damaged`].
    pub(super) fn long_units(&self, known: &[ContigRange]) -> Result<LongUnits> {
        let threads = rayon::current_num_threads() as u64;
        let scanning = self.budget.reserve(Component::Seeds, threads * (u64::from(CHUNK) + SCAN_BYTES), PURPOSE)?;
        let numbered = self.targets.par_iter().enumerate();
        let scan = |last: &mut LastWords, (number, target)| candidates(number, target, last);
        let mut found: Vec<Candidate> = numbered.map_init(LastWords::new, scan).flatten_iter().collect();
        drop(scanning);
        found.retain(|candidate| !self.is_known(candidate, known));
        let mut found = joined(shortest_periods(found));
        found.retain(|candidate| candidate.range.end - candidate.range.start >= MIN_RANGE_UNITS * candidate.period);
        let with_query = |candidate: &Candidate| self.query(candidate).map(|query| (candidate.target, query));
        let (targets, mut queries): (Vec<usize>, Vec<LociQuery>) = found.iter().filter_map(with_query).unzip();
        let options = SearchOptions { max_e_value: self.max_e_value, skip_nested: true, ..SearchOptions::default() };
        // The size of the search is that of the longest unit: what an array is does not depend on arrays elsewhere.
        let search = |queries: &[LociQuery]| {
            let mut copies = search_loci(self.index, queries, MAX_LONG_PERIOD as u64, &options, self.budget)?;
            for (copies, &target) in copies.iter_mut().zip(&targets) {
                let block = &self.targets[target].range;
                copies.retain(|copy| block.start <= copy.range.start && copy.range.end <= block.end);
            }
            Ok::<_, Error>(copies)
        };
        let copies = search(&queries)?;
        let of_targets = targets.iter().map(|&target| &self.targets[target]);
        for ((query, copies), target) in queries.iter_mut().zip(&copies).zip(of_targets) {
            correct(target, &mut query.letters, copies);
        }
        let (mut arrays, mut copies) = (Vec::new(), Vec::new());
        for (query, mut found) in queries.iter().zip(search(&queries)?) {
            let unit = query.letters.len();
            arrays.extend(keep_arrays(&mut found, unit as u64));
            copies.extend(found.into_iter().map(|alignment| {
                let Range { start, end } = alignment.query_range;
                let alignment = Alignment { query_range: 0..end - start, ..alignment };
                let letters = query.letters[start as usize..end as usize].to_vec();
                let (name, period) = (name(&query.letters), unit as u32);
                TandemRepeat { sequence: TandemSequence { name, period, chosen_bases: 0, letters }, alignment }
            }));
        }
        let bytes = copies.iter().map(TandemRepeat::bytes).sum();
        let reservation = self.budget.reserve(Component::Alignments, bytes, PURPOSE)?;
        Ok(LongUnits { arrays, copies, reservation })
    }

    /// Whether known arrays cover half of a candidate.
    fn is_known(&self, candidate: &Candidate, known: &[ContigRange]) -> bool {
        let target = &self.targets[candidate.target];
        let Range { start, end } = candidate.range;
        cover_half(known, target.contig, &(target.range.start + u64::from(start)..target.range.start + u64::from(end)))
    }

    /// A unit of a candidate as it is read there, and the range in which its copies may be.
    fn query(&self, candidate: &Candidate) -> Option<LociQuery> {
        let target = &self.targets[candidate.target];
        let Candidate { range: Range { start, end }, period, .. } = *candidate;
        let longest = period + BAND as u32;
        let mut codes = Vec::new();
        // The unit in the middle, or one without unknown bases.
        let unit = [4, 3, 5, 2, 6, 1].into_iter().find_map(|eighths| {
            let first = start + ((u64::from(end - start) * eighths / 8) as u32).saturating_sub(longest / 2);
            target.codes(first..target.length().min(first + longest + PERIOD_BASES as u32), &mut codes);
            let unit = &codes[..exact_period(&codes, period as usize)];
            (!unit.is_empty() && !unit.contains(&NO_BASE)).then(|| letters(unit).collect())
        })?;
        let margin = MAX_GAP_UNITS * period;
        let (start, end) = (start.saturating_sub(margin), end.saturating_add(margin).min(target.length()));
        let range = target.range.start + u64::from(start)..target.range.start + u64::from(end);
        Some(LociQuery { letters: unit, ranges: vec![ContigRange { contig: target.contig, range }] })
    }
}

/// Replaces a unit with the consensus of its copies in a target, on the forward strand.
fn correct(target: &Target<'_>, unit: &mut Vec<u8>, copies: &[Alignment]) {
    let mut votes = UnitVotes::new(unit.len());
    let mut codes = Vec::new();
    for copy in copies.iter().filter(|copy| copy.strand == Strand::Forward) {
        let in_target = |base: u64| (base - target.range.start) as u32;
        target.codes(in_target(copy.range.start)..in_target(copy.range.end), &mut codes);
        votes.add(&codes, copy.query_range.start as usize, copy.operations.columns());
    }
    let codes: Vec<u8> = crate::sequence::codes(unit).collect();
    *unit = letters(&votes.consensus(&codes)).collect();
}

/// The candidates of a target: one pass with the last position of each word, and a run for each band of distances.
fn candidates(number: usize, target: &Target<'_>, last: &mut LastWords) -> Vec<Candidate> {
    let mut found = Vec::new();
    if target.length() < MIN_RANGE_UNITS * MAX_PERIOD as u32 {
        return found;
    }
    let mut runs = vec![WordRun::default(); BANDS];
    let period = |band: usize| ((band + 1) * HALF_BAND) as u32;
    let candidate = |run: &WordRun, band: usize| {
        let range = run.from.saturating_sub(period(band))..run.end;
        let is_long = 2 * (range.end - range.start) >= MIN_RUN_HALVES * period(band);
        is_long.then(|| Candidate { target: number, range, period: period(band) })
    };
    last.for_each_recurrence(target, |end, distance| {
        if distance > MAX_PERIOD as u32 && distance < MAX_LONG_PERIOD as u32 {
            let band = distance as usize / HALF_BAND;
            for band in [band - 1, band] {
                found.extend(runs[band].push(end, WORD, period(band)).and_then(|run| candidate(&run, band)));
            }
        }
    });
    found.extend(runs.iter().enumerate().filter_map(|(band, run)| candidate(run, band)));
    found
}

/// The candidates by target and start, without those of which half is in others of shorter periods: an array resembles
/// itself at multiples of its period, and in two bands.
fn shortest_periods(mut found: Vec<Candidate>) -> Vec<Candidate> {
    found.sort_unstable_by_key(|c| (c.target, c.period, std::cmp::Reverse(c.range.end - c.range.start), c.range.start));
    let mut kept: Vec<Candidate> = Vec::new();
    for of_target in found.chunk_by(|a, b| a.target == b.target) {
        let first = kept.len();
        for candidate in of_target {
            let shared = |k: &Candidate| {
                k.range.end.min(candidate.range.end).saturating_sub(k.range.start.max(candidate.range.start))
            };
            let covered: u64 = kept[first..].iter().map(|k| u64::from(shared(k))).sum();
            if 2 * covered < candidate.range.len() as u64 {
                kept.push(candidate.clone());
            }
        }
        kept[first..].sort_unstable_by_key(|c| (c.range.start, c.range.end, c.period));
    }
    kept
}

/// Joins candidates that may be parts of one array.
fn joined(mut found: Vec<Candidate>) -> Vec<Candidate> {
    found.dedup_by(|next, last| {
        let is_part = next.target == last.target
            && next.range.start <= last.range.end.saturating_add(MAX_GAP_UNITS * last.period)
            && next.period.abs_diff(last.period) <= last.period / SIMILAR_PERIOD;
        if is_part {
            last.range.end = last.range.end.max(next.range.end);
        }
        is_part
    });
    found
}

/// The distance, in the bands around a period, at which the first codes are most often the same; 0 if there are too few
/// codes.
fn exact_period(codes: &[u8], period: usize) -> usize {
    let distances = period - HALF_BAND..period + HALF_BAND;
    let equal = |&distance: &usize| {
        let pairs = codes.iter().zip(codes.get(distance..).unwrap_or_default()).take(PERIOD_BASES);
        (pairs.filter(|(a, b)| a == b).count(), std::cmp::Reverse(distance))
    };
    distances.filter(|distance| distance + PERIOD_BASES <= codes.len()).max_by_key(equal).unwrap_or(0)
}

/// Keeps the copies of a unit, by position, that are in arrays: one behind the other on one strand, at least
/// [`MIN_UNITS`] of them. Dispersed copies may be as far from each other as those of an array, but lie on both strands
/// and have other sequence between them. Returns the ranges.
fn keep_arrays(copies: &mut Vec<Alignment>, unit: u64) -> Vec<ContigRange> {
    let is_next = |copy: &Alignment, next: &Alignment| {
        (next.contig, next.strand) == (copy.contig, copy.strand) && next.range.start <= copy.range.end + MAX_BREAK
    };
    let arrays: Vec<ContigRange> = copies
        .chunk_by(is_next)
        .filter(|run| run.iter().map(|copy| copy.range.end - copy.range.start).sum::<u64>() >= MIN_UNITS * unit)
        .filter_map(|run| {
            let (first, last) = (run.first()?, run.iter().map(|copy| copy.range.end).max()?);
            Some(ContigRange { contig: first.contig, range: first.range.start..last })
        })
        .collect();
    copies.retain(|copy| {
        let number = arrays.partition_point(|a| (a.contig, a.range.end) < (copy.contig, copy.range.end));
        arrays.get(number).is_some_and(|a| a.contig == copy.contig && a.range.start <= copy.range.start)
    });
    arrays
}
