//! Hits as `blastn -task blastn -dust no -evalue 1e-10` has them, since the scores of libraries in the literature are of
//! blastn or of RepeatMasker, and the ends and the identity of a hit depend on the scores of an aligner.
//!
//! The search of a genome (`align`) has other aims: it finds older copies, and its scores depend on the genome's
//! composition and on the age of a copy. Its extension with gaps serves here too.
//!
//! After S. F. Altschul and others, J. Mol. Biol. 215 (1990) 403 and Nucleic Acids Res. 25 (1997) 3389.

use std::ops::Range;

use rayon::prelude::*;

use crate::align::{Column, Extender, Library, Scoring, each_column};
use crate::benchmark::hit::{CLOSE_PERCENT, Hit, SIMILAR_PERCENT};
use crate::benchmark::seed_table::SeedTable;
use crate::benchmark::ungapped::{Segment, segments};
use crate::kmer::Strand;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{NO_BASE, codes, reverse_complement};
use crate::{Error, Result};

/// Score of two equal bases, in blastn's units, as all scores here.
const MATCH: i32 = 2;
/// Score of two different bases.
const MISMATCH: i32 = -3;
/// Score of a pair in which one is not ACGT: the mean of a match and three mismatches, rounded, as blastn has it for N.
const UNKNOWN: i32 = -2;
/// Cost of the first base of a gap: 5 to open it and 2 for the base.
const GAP_OPEN: i32 = 7;
/// Cost of each further base.
const GAP_EXTEND: i32 = 2;

/// λ of alignments with gaps, per unit of score, for these scores; this and the next three are of NCBI's `blast_stat.c`.
const LAMBDA: f64 = 0.625;
/// K of alignments with gaps.
const K: f64 = 0.41;
/// α / λ: by how much the expected length of an alignment grows with the logarithm of the size of the search.
const ALPHA_BY_LAMBDA: f64 = 0.8 / LAMBDA;
/// β, in bases: the constant part of that length.
const BETA: f64 = -2.0;
/// Maximum E-value, for a query against the whole true library.
const MAX_E_VALUE: f64 = 1e-10;

/// Score below the best at which a first extension with gaps ends: 30 bits.
const X_DROP: i32 = 33;
/// The same for the extension of an alignment that is good enough: 100 bits.
const FINAL_X_DROP: i32 = 110;
/// Diagonals between the starts or the ends of two alignments, one of which lies in the range of the other and is left
/// out: blastn's `min_diag_separation`.
const DIAGONALS: i64 = 50;

/// Bytes of a thread for each base of the longest query and the longest true sequence: 64 lanes and a row number for
/// each antidiagonal, and copies of the sequences.
const BYTES_PER_BASE: u64 = 80;

/// An alignment of a query with one true sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gapped {
    query: Range<u32>,
    target: Range<u32>,
    score: i32,
    matches: u32,
    columns: u32,
}

impl Gapped {
    /// Whether another alignment, or a segment, is a part of this one.
    fn contains(&self, query: &Range<u32>, target: &Range<u32>, score: i32) -> bool {
        let within = |outer: &Range<u32>, inner: &Range<u32>| outer.start <= inner.start && inner.end <= outer.end;
        let off = |(q, t): (u32, u32), (own_q, own_t): (u32, u32)| {
            ((i64::from(q) - i64::from(t)) - (i64::from(own_q) - i64::from(own_t))).abs()
        };
        score <= self.score
            && within(&self.query, query)
            && within(&self.target, target)
            && (off((query.start, target.start), (self.query.start, self.target.start)) < DIAGONALS
                || off((query.end, target.end), (self.query.end, self.target.end)) < DIAGONALS)
    }
}

/// Local alignments of every sequence of `found` with those of `truth`, on both strands, by found sequence. Letters
/// other than ACGT match nothing. Runs on the current rayon pool.
///
/// # Errors
/// [`Error::Usage`] for a library of more than 2^32 bases; [`Error::Memory`].
pub fn find_hits(found: &Library, truth: &Library, budget: &Budget) -> Result<(Vec<Hit>, Reservation)> {
    let lengths = |library: &Library| -> Vec<u64> {
        (0..library.len()).map(|number| library.sequence(number).len() as u64).collect()
    };
    let (queries, targets) = (lengths(found), lengths(truth));
    let longest = queries.iter().max().unwrap_or(&0) + targets.iter().max().unwrap_or(&0);
    if longest > i32::MAX as u64 {
        return Err(Error::Usage(format!(
            "a sequence has {longest} bases, too many for a repeat; use libraries of repeats"
        )));
    }
    let table = SeedTable::new(truth, budget)?;
    let threads = rayon::current_num_threads() as u64;
    let bytes = threads.saturating_mul(longest).saturating_mul(BYTES_PER_BASE);
    let _buffers = budget.reserve(Component::Alignments, bytes, "alignments of the longest sequences")?;
    let by_query: Vec<(Vec<Hit>, Reservation)> = (0..found.len())
        .into_par_iter()
        .map_init(
            || Search::new(&table, truth),
            |search, number| {
                let hits = search.query(number as u32, found.sequence(number), budget)?;
                let bytes = (hits.len() * size_of::<Hit>()) as u64;
                Ok((hits, budget.reserve(Component::Alignments, bytes, "the alignments of the libraries")?))
            },
        )
        .collect::<Result<_>>()?;
    let mut reservation = budget.empty_reservation(Component::Alignments);
    // The hits are in both lists for a moment.
    let all: usize = by_query.iter().map(|(hits, _)| hits.len()).sum();
    reservation.grow((all * size_of::<Hit>()) as u64, "the alignments of the libraries")?;
    let hits = by_query.into_iter().flat_map(|(hits, _)| hits).collect();
    Ok((hits, reservation))
}

/// What a thread searches with.
struct Search<'a> {
    table: &'a SeedTable,
    /// Sequences and bases of the true library.
    sequences: u64,
    bases: u64,
    scoring: Scoring,
    extender: Extender,
    columns: Vec<Column>,
}

impl<'a> Search<'a> {
    fn new(table: &'a SeedTable, truth: &Library) -> Self {
        Self {
            table,
            sequences: truth.len() as u64,
            bases: truth.bases(),
            scoring: Scoring::fixed(MATCH, MISMATCH, UNKNOWN, GAP_OPEN, GAP_EXTEND),
            extender: Extender::default(),
            columns: Vec::new(),
        }
    }

    /// The hits of a query.
    fn query(&mut self, found: u32, letters: &[u8], budget: &Budget) -> Result<Vec<Hit>> {
        let min_score = min_score(letters.len() as u64, self.bases, self.sequences);
        let forward: Vec<u8> = codes(letters).collect();
        let reverse: Vec<u8> = reverse_complement(&forward).collect();
        let mut hits = Vec::new();
        for (strand, query) in [(Strand::Forward, &forward), (Strand::Reverse, &reverse)] {
            let segments = segments(query, self.table, &self.scoring);
            let bytes = (segments.capacity() * size_of::<Segment>()) as u64;
            let _reservation = budget.reserve(Component::Seeds, bytes, "the segments of a query")?;
            for group in segments.chunk_by(|a, b| a.truth == b.truth) {
                let truth = group[0].truth;
                let target = self.table.sequence(truth);
                hits.extend(self.align(query, target, group, min_score).into_iter().map(|gapped| {
                    let Range { start, end } = gapped.query;
                    let length = letters.len() as u32;
                    Hit {
                        found,
                        truth,
                        found_range: if strand == Strand::Forward { start..end } else { length - end..length - start },
                        truth_range: gapped.target,
                        is_close: Hit::has_identity(gapped.matches, gapped.columns, CLOSE_PERCENT),
                        is_similar: Hit::has_identity(gapped.matches, gapped.columns, SIMILAR_PERCENT),
                    }
                }));
            }
        }
        Ok(hits)
    }

    /// The alignments with one true sequence that segments, the best first, lead to; the best first.
    fn align(&mut self, query: &[u8], target: &[u8], segments: &[Segment], min_score: i32) -> Vec<Gapped> {
        let mut all: Vec<Gapped> = Vec::new();
        for segment in segments {
            let (q, t) =
                (segment.query..segment.query + segment.length, segment.target..segment.target + segment.length);
            if all.iter().any(|known| known.contains(&q, &t, segment.score)) {
                continue;
            }
            let middle = middle_of_longest_match(query, target, segment);
            if self.extend(query, target, middle, X_DROP).score >= min_score {
                all.push(self.extend(query, target, middle, FINAL_X_DROP));
            }
        }
        all.sort_by_key(|gapped| (std::cmp::Reverse(gapped.score), gapped.query.start, gapped.target.start));
        let mut kept: Vec<Gapped> = Vec::new();
        for gapped in all {
            let is_known = kept.iter().any(|known| {
                let same_start = (known.query.start, known.target.start) == (gapped.query.start, gapped.target.start);
                let same_end = (known.query.end, known.target.end) == (gapped.query.end, gapped.target.end);
                same_start || same_end || known.contains(&gapped.query, &gapped.target, gapped.score)
            });
            if !is_known {
                kept.push(gapped);
            }
        }
        kept
    }

    /// Extends an alignment both ways from a pair of bases.
    fn extend(&mut self, query: &[u8], target: &[u8], (q, t): (usize, usize), drop: i32) -> Gapped {
        let reversed = |codes: &[u8]| codes.iter().rev().copied().collect::<Vec<u8>>();
        let left = self.extend_ahead(&reversed(&query[..q]), &reversed(&target[..t]), drop);
        let right = self.extend_ahead(&query[q..], &target[t..], drop);
        let end = |from: usize, bases: usize| (from + bases) as u32;
        Gapped {
            query: (q - left.query) as u32..end(q, right.query),
            target: (t - left.target) as u32..end(t, right.target),
            score: left.score + right.score,
            matches: left.matches + right.matches,
            columns: left.columns + right.columns,
        }
    }

    /// Extends an alignment from the start of both sequences.
    fn extend_ahead(&mut self, query: &[u8], target: &[u8], drop: i32) -> Extension {
        self.columns.clear();
        self.extender.extend(query, target, &self.scoring, drop, None, &mut self.columns);
        let (mut best, mut here) = (Extension::default(), Extension::default());
        each_column(query, target, &self.columns, &self.scoring, |number, (q, t), gained| {
            let is_pair = (q, t) == (here.query + 1, here.target + 1);
            let is_match = is_pair && query[q - 1] == target[t - 1] && query[q - 1] < NO_BASE;
            let (score, matches) = (here.score + gained, here.matches + u32::from(is_match));
            // The extension ends by whole antidiagonals, so it may cross what blastn does not.
            let is_past = here.is_past || score < best.score - drop;
            here = Extension { query: q, target: t, score, matches, columns: number as u32, is_past };
            if score > best.score && !is_past {
                best = here;
            }
        });
        best
    }
}

/// One half of an alignment: its bases, score and columns.
#[derive(Debug, Clone, Copy, Default)]
struct Extension {
    query: usize,
    target: usize,
    score: i32,
    matches: u32,
    columns: u32,
    /// Whether the score has been too far below the best one.
    is_past: bool,
}

/// The pair in the middle of the longest run of matches of a segment: the best alignment passes it.
fn middle_of_longest_match(query: &[u8], target: &[u8], segment: &Segment) -> (usize, usize) {
    let (q, t) = (segment.query as usize, segment.target as usize);
    let (mut run, mut longest, mut end) = (0, 0, 0);
    for at in 0..segment.length as usize {
        let is_match = query[q + at] == target[t + at] && query[q + at] < NO_BASE;
        run = if is_match { run + 1 } else { 0 };
        if run > longest {
            (longest, end) = (run, at + 1);
        }
    }
    let middle = end - longest / 2 - usize::from(longest > 0);
    (q + middle, t + middle)
}

/// The least score of a significant alignment of a query with a library. Both are shorter by the expected length of an
/// alignment by chance (S. F. Altschul and W. Gish, Methods Enzymol. 266 (1996) 460).
fn min_score(query: u64, bases: u64, sequences: u64) -> i32 {
    let size = |length: u64| {
        let bases = bases.saturating_sub(sequences * length) as f64;
        query.saturating_sub(length) as f64 * bases.max(1.0)
    };
    let expected = |length: u64| BETA + ALPHA_BY_LAMBDA * (K * size(length)).max(1.0).ln();
    let mut length = 0;
    while size(length + 1) > 1.0 / K && (length + 1) as f64 <= expected(length + 1) {
        length += 1;
    }
    (((K * size(length) / MAX_E_VALUE).ln() / LAMBDA).ceil() as i32).max(1)
}
