//! Candidates are aligned with their units, and significant alignments are tandem repeats.

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::align::alignment::{Alignment, Counts};
use crate::align::genome_range::GenomeRange;
use crate::align::operations::Operations;
use crate::align::score::{SCORE_UNITS, Scorings, each_column};
use crate::align::tandem::candidates::{TandemCandidate, candidates};
use crate::align::tandem::unit_votes::UnitVotes;
use crate::align::tandem::word_run::CHUNK;
use crate::align::tandem::wraparound::align_with_unit;
use crate::align::target::{self, ContigRange, Target, composition, targets};
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{NO_BASE, letters};
use crate::{Index, Progress, Result};

/// Minimum score of an alignment with the unit, Tandem Repeats Finder's.
const MIN_SCORE: i32 = 50;
/// Minimum number of copies of a unit, in tenths: nearly two, so that one gap in the second does not count.
const MIN_COPIES_TENTHS: usize = 19;
/// Rounds in which the unit is replaced by the consensus of its copies. Few arrays change after the second.
const MAX_ROUNDS: usize = 3;
/// Tenths of a candidate that a repeat with more recurring words covers, so that it is the same array at another
/// period.
const COVERED_TENTHS: u64 = 9;
/// Bases of the shortest unit that is called a satellite.
const MIN_SATELLITE: usize = 100;
/// Bytes of a thread that scans besides a chunk of codes: runs of all periods and the last position of each word.
const SCAN_BYTES: u64 = 1 << 16;
/// The user of the memory, as errors name it.
pub(super) const PURPOSE: &str = "tandem repeats";

/// A tandem repeat: a whole array, or of an array with units of more than [`MAX_PERIOD`](crate::align::MAX_PERIOD) bases
/// one copy of the unit.
#[derive(Debug, Clone)]
pub struct TandemRepeat {
    /// The repeated unit.
    pub sequence: TandemSequence,
    /// The alignment of the whole of it; its query is 0.
    pub alignment: Alignment,
}

/// The repeated unit of a tandem repeat, as a sequence of a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TandemSequence {
    /// Name as of a sequence of a library: the unit in the rotation that sorts first and `Simple_repeat`, or for units
    /// of 100 bases and more their length and `Satellite`.
    pub name: String,
    /// Bases of its unit.
    pub period: u32,
    /// Bases of the unit that were chosen to match this array: all, or none of a unit that several copies share.
    pub chosen_bases: u32,
    /// The repeated units that it is aligned with, as ASCII.
    pub letters: Vec<u8>,
}

impl TandemSequence {
    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        (self.name.capacity() + self.letters.capacity() + size_of::<Self>()) as u64
    }
}

impl TandemRepeat {
    pub(super) fn bytes(&self) -> u64 {
        self.sequence.bytes() + self.alignment.bytes()
    }
}

/// The name of a tandem repeat with this unit.
pub(super) fn name(unit: &[u8]) -> String {
    if unit.len() >= MIN_SATELLITE {
        return format!("tandem-{}#Satellite", unit.len());
    }
    let rotation = |i: usize| letters(&unit[i..]).chain(letters(&unit[..i])).collect::<Vec<u8>>();
    let smallest = (0..unit.len()).map(rotation).min().unwrap_or_default();
    format!("({})n#Simple_repeat", String::from_utf8_lossy(&smallest))
}

/// Candidates, sorted by target and start, in groups that overlap.
fn groups(candidates: &[(usize, TandemCandidate)]) -> Vec<&[(usize, TandemCandidate)]> {
    let mut end = (0, 0);
    candidates
        .chunk_by(|(target, candidate), (next_target, next)| {
            end = if end.0 == *target { (*target, end.1.max(candidate.to)) } else { (*target, candidate.to) };
            next_target == target && next.from < end.1
        })
        .collect()
}

/// Bases of a block of a contig: blocks are searched as if they were contigs, so that no machine or thread has to scan a
/// whole chromosome. One array in some thousands is cut at the end of a block, into two.
const BLOCK: u64 = 1 << 23;

/// The block of a contig in which a range begins.
pub(super) fn block(range: &ContigRange) -> (u32, u64) {
    (range.contig, range.range.start / BLOCK)
}

/// The blocks of which some bases are in a range of a genome.
fn blocks(contigs: &[Contig], within: GenomeRange) -> Vec<ContigRange> {
    let blocks_of = |(contig, length): (u32, u64)| {
        let block = move |start: u64| ContigRange { contig, range: start..length.min(start + BLOCK) };
        (0..length).step_by(BLOCK as usize).map(block)
    };
    let lengths = (0..).zip(contigs.iter().map(|contig| contig.length));
    let all = lengths.flat_map(blocks_of);
    all.filter(|b| (b.contig, b.range.start) < within.end && (b.contig, b.range.end) > within.start).collect()
}

/// One search for tandem repeats.
pub(super) struct TandemSearch<'a> {
    pub(super) index: &'a Index,
    /// Blocks of contigs.
    pub(super) targets: Vec<Target<'a>>,
    scorings: Scorings,
    bases: u64,
    pub(super) max_e_value: f64,
    pub(super) budget: &'a Budget,
}

impl<'a> TandemSearch<'a> {
    /// A search of the blocks that a range of the genome touches, with the statistics of the whole genome.
    pub(super) fn new(index: &'a Index, within: GenomeRange, max_e_value: f64, budget: &'a Budget) -> Result<Self> {
        let genome = targets(index, None)?;
        let scorings = Scorings::new(composition(&genome));
        let targets = targets(index, Some(&blocks(index.contigs()?, within)))?;
        Ok(Self { index, bases: target::bases(&genome), targets, scorings, max_e_value, budget })
    }

    /// What `keep` makes of each significant repeat, in no order. Candidates that are not `wanted` are not aligned.
    pub(super) fn find<T: Send>(
        &self,
        wanted: impl Fn(&TandemCandidate) -> bool + Sync,
        keep: impl Fn(TandemRepeat) -> Option<T> + Sync,
        bytes: impl Fn(&T) -> u64 + Sync,
        progress: &dyn Progress,
    ) -> Result<Vec<T>> {
        let threads = rayon::current_num_threads() as u64;
        let scanning = self.budget.reserve(Component::Seeds, threads * (u64::from(CHUNK) + SCAN_BYTES), PURPOSE)?;
        let of_target = |(number, target)| candidates(target, &wanted).into_iter().map(move |c| (number, c));
        let found: Vec<(usize, TandemCandidate)> =
            self.targets.par_iter().enumerate().flat_map_iter(of_target).collect();
        drop(scanning);
        let list_bytes = (found.capacity() * size_of::<(usize, TandemCandidate)>()) as u64;
        let _found_reservation = self.budget.reserve(Component::Seeds, list_bytes, PURPOSE)?;
        progress.phase("tandem", Some(found.len() as u64));
        let kept: Vec<(T, Reservation)> = groups(&found)
            .par_iter()
            .map(|group| {
                progress.advance(group.len() as u64);
                self.align_group(group, &keep, &bytes)
            })
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        Ok(kept.into_iter().map(|(kept, _)| kept).collect())
    }

    /// What `keep` makes of the significant repeats of candidates that overlap, best candidate first.
    fn align_group<T>(
        &self,
        group: &[(usize, TandemCandidate)],
        keep: impl Fn(TandemRepeat) -> Option<T>,
        bytes: impl Fn(&T) -> u64,
    ) -> Result<Vec<(T, Reservation)>> {
        let mut group = group.to_vec();
        // The best is the last.
        group.sort_unstable_by_key(|(_, c)| std::cmp::Reverse((std::cmp::Reverse(c.score), *c)));
        let mut aligned: Vec<Range<u64>> = Vec::new();
        let mut kept = Vec::new();
        while let Some((number, candidate)) = group.pop() {
            let target = &self.targets[number];
            let start = target.range.start + u64::from(candidate.from);
            let end = target.range.start + u64::from(candidate.to);
            let covers = |by: &Range<u64>| {
                10 * by.end.min(end).saturating_sub(by.start.max(start)) >= COVERED_TENTHS * (end - start)
            };
            if aligned.iter().any(covers) {
                continue;
            }
            // One at a time proceeds even if memory is short.
            let working = self.budget.wait(Component::Seeds, candidate.alignment_bytes());
            let found = self.align(target, candidate);
            drop(working);
            let Some(mut repeat) = found else {
                group.extend(candidate.halves().map(|half| (number, half)));
                continue;
            };
            let (unit, alignment) = (repeat.sequence.period, &mut repeat.alignment);
            alignment.score -= free_score(unit);
            alignment.e_value = tandem_e_value(alignment.score, unit, self.bases);
            if alignment.e_value <= self.max_e_value {
                aligned.push(alignment.range.clone());
                if let Some(repeat) = keep(repeat) {
                    let reservation = self.budget.reserve(Component::Alignments, bytes(&repeat), PURPOSE)?;
                    kept.push((repeat, reservation));
                }
            }
        }
        Ok(kept)
    }

    /// The best alignment of a candidate with its repeated unit, without free score and E-value.
    fn align(&self, target: &Target<'_>, candidate: TandemCandidate) -> Option<TandemRepeat> {
        let margin = candidate.margin();
        let first = candidate.from.saturating_sub(margin);
        let mut codes = Vec::new();
        target.codes(first..target.length().min(candidate.to.saturating_add(margin)), &mut codes);
        let middle = (candidate.from + candidate.to).saturating_sub(candidate.period) / 2;
        let middle = middle.saturating_sub(first) as usize;
        let mut unit = primitive(codes.get(middle..middle + candidate.period as usize)?).to_vec();
        if unit.contains(&NO_BASE) {
            return None;
        }
        let mut path = align_with_unit(&codes, &unit)?;
        for _ in 0..MAX_ROUNDS {
            let mut votes = UnitVotes::new(unit.len());
            votes.add(&codes[path.start..path.end], path.phase, path.columns.iter().copied());
            let better = primitive(&votes.consensus(&unit)).to_vec();
            if better == unit {
                break;
            }
            unit = better;
            path = align_with_unit(&codes, &unit)?;
        }
        if path.score < MIN_SCORE || 10 * path.unit_bases() < MIN_COPIES_TENTHS * unit.len() {
            return None;
        }
        let query: Vec<u8> = unit.iter().copied().cycle().skip(path.phase).take(path.unit_bases()).collect();
        let genome = &codes[path.start..path.end];
        let counts = Counts::of(&query, genome, &path.columns);
        let mut score = 0;
        let scoring = self.scorings.fitting(&counts);
        each_column(&query, genome, &path.columns, scoring, |_, _, gained| score += gained);
        let start = target.range.start + u64::from(first);
        let alignment = Alignment {
            query: 0,
            strand: Strand::Forward,
            query_range: 0..query.len() as u32,
            contig: target.contig,
            range: start + path.start as u64..start + path.end as u64,
            score,
            e_value: 0.0,
            counts,
            operations: Operations::new(&path.columns),
        };
        let (period, letters) = (unit.len() as u32, letters(&query).collect());
        let sequence = TandemSequence { name: name(&unit), period, chosen_bases: period, letters };
        Some(TandemRepeat { sequence, alignment })
    }
}

/// The score of a unit of this many bases that was chosen to match: two bits a base.
pub(crate) fn free_score(unit: u32) -> i32 {
    (SCORE_UNITS * 4f64.ln() * f64::from(unit)).round() as i32
}

/// E-value: the expected number of arrays by chance, in this many bases, that have units of this many bases and at
/// least this score.
pub(crate) fn tandem_e_value(score: i32, unit: u32, bases: u64) -> f64 {
    bases as f64 * f64::from(unit) * (-f64::from(score) / SCORE_UNITS).exp()
}

/// The shortest sequence whose repetition is the unit.
fn primitive(unit: &[u8]) -> &[u8] {
    let divides = |d: usize| unit.len().is_multiple_of(d) && unit[d..].iter().zip(unit).all(|(a, b)| a == b);
    (1..=unit.len()).find(|&d| divides(d)).map_or(unit, |d| &unit[..d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_contigs_and_are_chosen_by_place() {
        let contig =
            |start, length| Contig { name: String::new(), description: String::new(), start, length, record: 0 };
        let contigs = [contig(0, 2 * BLOCK + 5), contig(2 * BLOCK + 5, 0), contig(2 * BLOCK + 5, 10)];
        let range = |contig, range| ContigRange { contig, range };
        let all = [range(0, 0..BLOCK), range(0, BLOCK..2 * BLOCK), range(0, 2 * BLOCK..2 * BLOCK + 5), range(2, 0..10)];
        assert_eq!(blocks(&contigs, GenomeRange::WHOLE), all);
        let within = |start, end| blocks(&contigs, GenomeRange { start, end });
        assert_eq!(within((0, 0), (0, 1)), all[..1]);
        assert_eq!(within((0, BLOCK - 1), (0, 2 * BLOCK)), all[..2]);
        assert_eq!(within((0, 2 * BLOCK), (2, 0)), all[2..3]);
        assert_eq!(within((0, 3 * BLOCK), (u32::MAX, u64::MAX)), all[3..]);
        assert_eq!(within((0, BLOCK), (0, BLOCK)), []);
    }

    fn codes(text: &str) -> Vec<u8> {
        crate::sequence::codes(text.as_bytes()).collect()
    }

    #[test]
    fn a_unit_is_no_repetition_of_a_shorter_one() {
        assert_eq!(primitive(&codes("ACACAC")), codes("AC"));
        assert_eq!(primitive(&codes("ACACA")), codes("ACACA"));
        assert_eq!(primitive(&codes("A")), codes("A"));
    }
}
