//! Consensi that are the same sequence, by the words that they share: a look that costs little beside a search.

use std::collections::BTreeMap;

/// Bases of a word.
const WORD: usize = 12;
/// Offsets of two consensi that are counted together: insertions and deletions come between.
const DIAGONALS: i64 = 32;
/// Share of the words, in per cent, that a sequence has in common with one of which 94 % of the bases are the same, about.
const LEAST: usize = 50;
/// Bases of a part that must share a word, and the most parts.
const PART: usize = 40;
const MOST_PARTS: usize = 64;

/// Canonical words with their places and whether the other strand is the canonical one.
fn words(consensus: &[u8]) -> impl Iterator<Item = (u32, u32, bool)> + '_ {
    let mask = (1u32 << (2 * WORD)) - 1;
    let (mut forward, mut reverse) = (0u32, 0u32);
    consensus.iter().enumerate().filter_map(move |(at, &code)| {
        forward = (forward << 2 | u32::from(code & 3)) & mask;
        reverse = reverse >> 2 | u32::from(code & 3 ^ 2) << (2 * WORD - 2);
        (at + 1 >= WORD).then(|| (forward.min(reverse), (at + 1 - WORD) as u32, reverse < forward))
    })
}

/// For each consensus the longer one, if any, that holds it nearly unchanged (95 % of the bases or more), on either strand; of equal ones
/// the first is kept.
pub(crate) fn repeated(consensi: &[&[u8]]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..consensi.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(consensi[i].len()), i));
    let mut table: BTreeMap<u32, Vec<(u32, u32, bool)>> = BTreeMap::new();
    let mut repeated = vec![None; consensi.len()];
    for i in order {
        let consensus = consensi[i];
        // Words on each diagonal band of each kept consensus, and the parts that they lie in.
        let parts = (consensus.len() / PART).clamp(1, MOST_PARTS);
        let mut shared: BTreeMap<(u32, bool, i64), (usize, u64)> = BTreeMap::new();
        for (word, at, reverse) in words(consensus) {
            for &(other, place, other_reverse) in table.get(&word).into_iter().flatten() {
                let turned = reverse != other_reverse;
                let diagonal = if turned { i64::from(place) + i64::from(at) } else { i64::from(place) - i64::from(at) };
                let entry = shared.entry((other, turned, diagonal.div_euclid(DIAGONALS))).or_default();
                entry.0 += 1;
                entry.1 |= 1 << (at as usize * parts / consensus.len());
            }
        }
        let all = (consensus.len() + 1).saturating_sub(WORD).max(1);
        let holder = shared.keys().find(|&&(other, turned, band)| {
            let near = shared.range((other, turned, band)..=(other, turned, band + 2));
            let (count, covered) =
                near.fold((0, 0u64), |(count, covered), (_, part)| (count + part.0, covered | part.1));
            100 * count >= LEAST * all && 10 * covered.count_ones() as usize >= 9 * parts
        });
        repeated[i] = holder.map(|&(other, ..)| other as usize);
        if repeated[i].is_none() {
            for (word, at, reverse) in words(consensus) {
                let places = table.entry(word).or_default();
                // Words that all have tell nothing.
                if places.len() < 64 {
                    places.push((i as u32, at, reverse));
                }
            }
        }
    }
    repeated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_another_holds_is_repeated_on_either_strand() {
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
        assert_eq!(repeated(&consensi), [Some(2), Some(2), None, Some(2), None, None, None]);
    }
}
