//! Consensi that are the same sequence, found by the words that they share. Pieces of one family grow into the same
//! sequence, and need not be searched for each: this costs little compared with a search of the genome.

use std::cmp::Reverse;

use rayon::prelude::*;

/// Bases of a word: frequent enough in sequences that are 94 % identical, rare in random ones.
const WORD: usize = 12;
/// Diagonals of two consensi that are counted together: insertions and deletions come between.
const BAND: i64 = 32;
/// Per cent of the words that a sequence has in common with one that is 94 % identical: 0.94^12.
const MIN_SHARED: usize = 50;
/// Bases of a part of a sequence. Parts are counted because half of the words alone would drop a family for a longer
/// one that contains half of it.
const PART: usize = 40;
/// Maximum parts of a sequence: one bit each in 64.
const MAX_PARTS: usize = 64;
/// Per cent of the parts that must share a word.
const MIN_SHARED_PARTS: usize = 90;
/// Occurrences of a word that are examined: words that are more frequent show no common sequence.
const MAX_OCCURRENCES: usize = 64;

/// The bits of a word that choose its bucket in a table: a bucket has few dozens of the millions of words of a library.
const BUCKET_BITS: usize = 16;

/// Bits of a position in all consensi: what a word of 24 bits and the bit of its strand leave.
const POSITION_BITS: usize = 63 - 2 * WORD;

/// A word of a sequence.
#[derive(Clone, Copy)]
struct Word {
    /// The smaller of the word and its reverse complement.
    canonical: u32,
    /// Bases before it.
    at: u32,
    /// Whether the other strand is the canonical one.
    reverse: bool,
}

fn words(consensus: &[u8]) -> impl Iterator<Item = Word> + '_ {
    let mask = (1u32 << (2 * WORD)) - 1;
    let (mut forward, mut reverse) = (0u32, 0u32);
    consensus.iter().enumerate().filter_map(move |(at, &code)| {
        forward = (forward << 2 | u32::from(code & 3)) & mask;
        reverse = reverse >> 2 | u32::from(code & 3 ^ 2) << (2 * WORD - 2);
        let at = (at + 1).checked_sub(WORD)? as u32;
        Some(Word { canonical: forward.min(reverse), at, reverse: reverse < forward })
    })
}

/// The words of consensi that come in an order.
struct WordTable {
    /// Bases before each consensus.
    starts: Vec<u64>,
    /// Words by value and position: the value, the position in all consensi in [`POSITION_BITS`] bits, and in the last
    /// bit whether it is reversed.
    words: Vec<u64>,
    /// The first word of each bucket, and the end of the last.
    buckets: Vec<usize>,
}

impl WordTable {
    fn new(consensi: &[&[u8]]) -> Self {
        let mut start = 0;
        let mut starts = Vec::with_capacity(consensi.len());
        for consensus in consensi {
            starts.push(start);
            start += consensus.len() as u64;
        }
        let of_consensus = |(consensus, &start): (&&[u8], &u64)| {
            let entry = move |word: Word| {
                let position = start + u64::from(word.at);
                (u64::from(word.canonical) << POSITION_BITS | position) << 1 | u64::from(word.reverse)
            };
            words(consensus).map(entry).collect::<Vec<_>>()
        };
        let mut words: Vec<u64> = consensi.par_iter().zip(&starts).flat_map_iter(of_consensus).collect();
        words.par_sort_unstable();
        let first_of = |bucket: u64| words.partition_point(|&word| word >> (64 - BUCKET_BITS) < bucket);
        let buckets = (0..=1 << BUCKET_BITS).map(first_of).collect();
        Self { starts, words, buckets }
    }

    /// The first occurrences of a word in the first `consensi`: the number of a consensus, and where it has the word.
    fn occurrences(&self, word: u32, consensi: usize) -> impl Iterator<Item = (usize, Word)> + '_ {
        let bucket = (word >> (2 * WORD - BUCKET_BITS)) as usize;
        let bucket = &self.words[self.buckets[bucket]..self.buckets[bucket + 1]];
        let [first, end] = [0, self.starts[consensi]].map(|at| (u64::from(word) << POSITION_BITS | at) << 1);
        let from = bucket.partition_point(|&other| other < first);
        let of_word = bucket[from..].iter().take_while(move |&&other| other < end).take(MAX_OCCURRENCES);
        of_word.map(move |&other| {
            let position = (other - first) >> 1;
            let consensus = self.starts.partition_point(|&start| start <= position) - 1;
            let at = (position - self.starts[consensus]) as u32;
            (consensus, Word { canonical: word, at, reverse: other & 1 == 1 })
        })
    }
}

/// A word that two consensi share: the other one, whether it is reversed, the band of its diagonal, and the part of the
/// first consensus.
type SharedWord = (usize, bool, i64, u8);

/// Bytes of memory that a base of the consensi takes: its word, once in the list of a thread and once in the table.
pub(super) const BYTES_PER_BASE: u64 = 2 * size_of::<u64>() as u64;

/// For each consensus the longer one, if any, that contains it nearly unchanged (about 94 % of the bases), on either
/// strand; of equal ones the first is kept.
pub(super) fn find_containers(consensi: &[&[u8]]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..consensi.len()).collect();
    order.sort_by_key(|&i| (Reverse(consensi[i].len()), i));
    let sorted: Vec<&[u8]> = order.iter().map(|&i| consensi[i]).collect();
    let table = WordTable::new(&sorted);
    let candidates = |number| containers(&sorted, number, &table);
    let candidates: Vec<Vec<usize>> = (0..sorted.len()).into_par_iter().map(candidates).collect();
    let mut containers = vec![None; consensi.len()];
    for (&i, candidates) in order.iter().zip(candidates) {
        let outermost = candidates.into_iter().map(|number| order[number]).filter(|&other| containers[other].is_none());
        containers[i] = outermost.min();
    }
    containers
}

/// The consensi before the one of this number that contain it.
fn containers(consensi: &[&[u8]], number: usize, table: &WordTable) -> Vec<usize> {
    let consensus = consensi[number];
    let parts = (consensus.len() / PART).clamp(1, MAX_PARTS);
    let mut shared: Vec<SharedWord> = Vec::new();
    for here in words(consensus) {
        let part = (here.at as usize * parts / consensus.len()) as u8;
        shared.extend(table.occurrences(here.canonical, number).map(|(other, there)| {
            let reversed = here.reverse != there.reverse;
            let (at, other_at) = (i64::from(here.at), i64::from(there.at));
            let diagonal = if reversed { other_at + at } else { other_at - at };
            (other, reversed, diagonal.div_euclid(BAND), part)
        }));
    }
    shared.sort_unstable();
    let all = (consensus.len() + 1).saturating_sub(WORD).max(1);
    let is_contained = |shared: &[SharedWord]| {
        let covered = shared.iter().fold(0u64, |covered, &(.., part)| covered | 1 << part);
        100 * shared.len() >= MIN_SHARED * all && 100 * covered.count_ones() as usize >= MIN_SHARED_PARTS * parts
    };
    let mut found = Vec::new();
    for of_other in shared.chunk_by(|a, b| a.0 == b.0) {
        let bands = of_other.chunk_by(|a, b| (a.1, a.2) == (b.1, b.2));
        let mut from = 0;
        let contains = bands.into_iter().any(|band| {
            let (_, reversed, first, _) = band[0];
            // Three neighbouring bands: insertions and deletions add up.
            let end = of_other.partition_point(|&(_, r, b, _)| (r, b) <= (reversed, first + 2));
            let near = &of_other[from..end];
            from += band.len();
            is_contained(near)
        });
        if contains {
            found.push(of_other[0].0);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_consensus_within_another_is_found_on_either_strand() {
        let mut random = Random::new(5);
        let mut codes = |length: usize| -> Vec<u8> { (0..length).map(|_| random.below(4) as u8).collect() };
        let (long, other) = (codes(3000), codes(800));
        let mut part = long[700..1500].to_vec();
        for at in (10..800).step_by(61) {
            part[at] = (part[at] + 1) % 4;
        }
        part.remove(400);
        let turned: Vec<u8> = part.iter().rev().map(|code| code ^ 2).collect();
        let mut overhanging = other[300..].to_vec();
        overhanging.extend_from_slice(&long[..800]);
        let mut far = long[100..1100].to_vec();
        for at in (0..1000).step_by(7) {
            far[at] = (far[at] + 2) % 4;
        }
        let consensi: Vec<&[u8]> = vec![&turned, &part, &long, &long, &other, &far, &overhanging];
        // Of the last the first half lies on one sequence, and the second on another.
        assert_eq!(find_containers(&consensi), [Some(2), Some(2), None, Some(2), None, None, None]);
    }
}
