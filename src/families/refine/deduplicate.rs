//! Consensi that are the same sequence, found by the words that they share. Pieces of one family grow into the same
//! sequence, and need not be searched for each: this costs little compared with a search of the genome.

use std::collections::BTreeMap;

use ahash::AHashMap;

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
/// Occurrences that are kept of a word: words that are more frequent show no common sequence.
const MAX_OCCURRENCES: usize = 64;

/// Where a word occurs in a consensus.
#[derive(Clone, Copy)]
struct WordOccurrence {
    /// Bases of the consensus before it.
    at: u32,
    /// Whether the other strand is the canonical one.
    reverse: bool,
}

/// The words of a consensus, each as the smaller of itself and its reverse complement.
fn words(consensus: &[u8]) -> impl Iterator<Item = (u32, WordOccurrence)> + '_ {
    let mask = (1u32 << (2 * WORD)) - 1;
    let (mut forward, mut reverse) = (0u32, 0u32);
    consensus.iter().enumerate().filter_map(move |(at, &code)| {
        forward = (forward << 2 | u32::from(code & 3)) & mask;
        reverse = reverse >> 2 | u32::from(code & 3 ^ 2) << (2 * WORD - 2);
        let at = (at + 1).checked_sub(WORD)?;
        Some((forward.min(reverse), WordOccurrence { at: at as u32, reverse: reverse < forward }))
    })
}

/// Occurrences of words in consensi, by number.
type WordTable = AHashMap<u32, Vec<(u32, WordOccurrence)>>;

/// Words that a consensus shares with another one near a diagonal.
#[derive(Default)]
struct SharedWords {
    words: usize,
    /// Parts of the consensus with such a word, one bit each.
    parts: u64,
}

/// Diagonals of a consensus and another one, and whether that one is reversed: (other, reversed, band).
type Diagonals = (u32, bool, i64);

/// For each consensus the longer one, if any, that contains it nearly unchanged (about 94 % of the bases), on either
/// strand; of equal ones the first is kept.
pub(super) fn find_containers(consensi: &[&[u8]]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..consensi.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(consensi[i].len()), i));
    // Words of the consensi that none contains.
    let mut table = WordTable::default();
    let mut containers = vec![None; consensi.len()];
    for i in order {
        containers[i] = find_container(consensi[i], &table);
        if containers[i].is_none() {
            for (word, occurrence) in words(consensi[i]) {
                let occurrences = table.entry(word).or_default();
                if occurrences.len() < MAX_OCCURRENCES {
                    occurrences.push((i as u32, occurrence));
                }
            }
        }
    }
    containers
}

fn find_container(consensus: &[u8], table: &WordTable) -> Option<usize> {
    let parts = (consensus.len() / PART).clamp(1, MAX_PARTS);
    let mut shared: BTreeMap<Diagonals, SharedWords> = BTreeMap::new();
    for (word, here) in words(consensus) {
        for &(other, there) in table.get(&word).into_iter().flatten() {
            let reversed = here.reverse != there.reverse;
            let (at, other_at) = (i64::from(here.at), i64::from(there.at));
            let diagonal = if reversed { other_at + at } else { other_at - at };
            let entry = shared.entry((other, reversed, diagonal.div_euclid(BAND))).or_default();
            entry.words += 1;
            entry.parts |= 1 << (here.at as usize * parts / consensus.len());
        }
    }
    let all = (consensus.len() + 1).saturating_sub(WORD).max(1);
    let contains = |&&(other, reversed, band): &&Diagonals| {
        // Three neighbouring bands: insertions and deletions add up.
        let near = shared.range((other, reversed, band)..=(other, reversed, band + 2));
        let (count, covered) =
            near.fold((0, 0u64), |(count, covered), (_, shared)| (count + shared.words, covered | shared.parts));
        100 * count >= MIN_SHARED * all && 100 * covered.count_ones() as usize >= MIN_SHARED_PARTS * parts
    };
    shared.keys().find(contains).map(|&(other, ..)| other as usize)
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
