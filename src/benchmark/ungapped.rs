//! Words in common are extended without gaps first; most of them are chance and end there.

use ahash::AHashMap;

use crate::align::Scoring;
use crate::benchmark::seed_table::{SEPARATOR, SeedTable, each_word};

/// Score below the best at which an extension without gaps ends: blastn's 20 bits, 20 ln 2 / λ for its λ of 0.634.
const X_DROP: i32 = 22;
/// Score of a segment that is extended with gaps: blastn's 27 bits, (27 ln 2 + ln K) / λ for its K of 0.408.
const GAP_TRIGGER: i32 = 28;

/// A part of a query and one of the text of equal length, aligned without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Number of the sequence of the text.
    pub(super) truth: u32,
    /// First base in the query, and in the sequence of the text.
    pub(super) query: u32,
    pub(super) target: u32,
    pub(super) length: u32,
    pub(super) score: i32,
}

/// The segments of a query with all sequences of a table that are worth an extension with gaps: by sequence, then best
/// first.
pub(super) fn segments(query: &[u8], table: &SeedTable, scoring: &Scoring) -> Vec<Segment> {
    let mut found = Vec::new();
    // For a diagonal, the end in the query of the last extension.
    let mut ends: AHashMap<u32, usize> = AHashMap::new();
    each_word(query, |at, word| {
        for &position in table.positions(word) {
            let diagonal = position + (query.len() - at) as u32;
            let end = ends.entry(diagonal).or_insert(0);
            if at < *end {
                continue;
            }
            let (start, stop, score) = extend(query, &table.text, (at, position as usize), scoring);
            *end = stop;
            if score >= GAP_TRIGGER {
                let (truth, first) = table.sequence_at(position);
                let target = position - (at - start) as u32 - first;
                found.push(Segment { truth, query: start as u32, target, length: (stop - start) as u32, score });
            }
        }
    });
    found.sort_unstable_by_key(|s| (s.truth, std::cmp::Reverse(s.score), s.query, s.target));
    found
}

/// Start and end in the query, and the score, of the best segment through a pair of bases.
fn extend(query: &[u8], text: &[u8], (at, position): (usize, usize), scoring: &Scoring) -> (usize, usize, i32) {
    let ahead = query[at..].iter().zip(&text[position..]);
    let behind = query[..at].iter().rev().zip(text[..position].iter().rev());
    let (right, right_score) = best_prefix(ahead, scoring);
    let (left, left_score) = best_prefix(behind, scoring);
    (at - left, at + right, left_score + right_score)
}

/// Length and score of the best prefix of pairs.
fn best_prefix<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>, scoring: &Scoring) -> (usize, i32) {
    let (mut score, mut best, mut length) = (0, 0, 0);
    for (number, (&a, &b)) in (1..).zip(pairs) {
        if b == SEPARATOR {
            break;
        }
        score += scoring.pair(a, b);
        if score > best {
            (best, length) = (score, number);
        } else if score < best - X_DROP {
            break;
        }
    }
    (length, best)
}
