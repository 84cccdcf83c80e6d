//! The distinct super-k-mers of a minimizer, and the k-mers that they represent together: a k-mer in several entries
//! occurs as often as all of them.

use crate::kmer::{Minimizers, low_mask};

/// A distinct super-k-mer of a minimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) low: u32,
    pub(crate) high: u32,
    pub(crate) context: u64,
    /// Occurrences.
    pub(crate) count: u64,
    /// Number in its page; while encoding, its first record.
    pub(crate) index: u32,
}

/// Calls `each(offset, context, frequency)` for the distinct k-mers of a minimizer's entries, by offset, then context.
#[inline(always)]
pub(crate) fn for_each_kmer_of(
    minimizers: &Minimizers,
    entries: &[Entry],
    scratch: &mut Vec<(u64, u64)>,
    mut each: impl FnMut(u32, u64, u64),
) {
    if let [one] = entries {
        for offset in one.low..=one.high {
            each(offset, one.context & minimizers.mask(offset, offset), one.count);
        }
        return;
    }
    for offset in 0..=minimizers.flank() {
        let mask = minimizers.mask(offset, offset);
        if let [a, b] = entries {
            let of = |e: &Entry| (e.low..=e.high).contains(&offset).then_some((e.context & mask, e.count));
            match (of(a), of(b)) {
                (Some(a), Some(b)) if a.0 == b.0 => each(offset, a.0, a.1 + b.1),
                (a, b) => {
                    let (first, second) = if b < a { (b, a) } else { (a, b) };
                    for (context, count) in first.into_iter().chain(second) {
                        each(offset, context, count);
                    }
                }
            }
            continue;
        }
        scratch.clear();
        scratch
            .extend(entries.iter().filter(|e| (e.low..=e.high).contains(&offset)).map(|e| (e.context & mask, e.count)));
        if let [(context, count)] = scratch[..] {
            each(offset, context, count);
            continue;
        }
        scratch.sort_unstable();
        for equal in scratch.chunk_by(|a, b| a.0 == b.0) {
            each(offset, equal[0].0, equal.iter().map(|e| e.1).sum());
        }
    }
}

/// Entries of a minimizer that are searched one by one; a minimizer with more is *crowded*.
pub(super) const MAX_ENTRIES: usize = 256;

/// Entries of a minimizer up to which comparing all pairs is cheaper than sorting their k-mers.
const MAX_PAIRED: usize = 16;

/// Calls `tally(frequency, k-mers)` for the distinct k-mers of a minimizer's entries, in any order.
#[inline(always)]
pub(super) fn tally_kmers_of(
    minimizers: &Minimizers,
    entries: &[Entry],
    scratch: &mut Vec<(u64, u64)>,
    mut tally: impl FnMut(u64, u64),
) {
    if entries.len() > MAX_PAIRED {
        return for_each_kmer_of(minimizers, entries, scratch, |_, _, frequency| tally(frequency, 1));
    }
    let flank = minimizers.flank();
    for (i, entry) in entries.iter().enumerate() {
        let (before, after) = (&entries[..i], &entries[i + 1..]);
        let shared = |others: &[Entry]| others.iter().fold(0, |all, other| all | entry.shared(other, flank));
        // A k-mer is counted at the first entry that has it.
        let first = offset_mask(entry.low, entry.high) & !shared(before);
        let mut again = first & shared(after);
        let alone = (first & !again).count_ones();
        if alone > 0 {
            tally(entry.count, alone.into());
        }
        while again != 0 {
            let here = again & again.wrapping_neg();
            let others = after.iter().filter(|other| entry.shared(other, flank) & here != 0);
            tally(entry.count + others.map(|other| other.count).sum::<u64>(), 1);
            again ^= here;
        }
    }
}

/// A bit for each offset.
#[inline(always)]
fn offset_mask(low: u32, high: u32) -> u32 {
    if low <= high { (2 << high) - (1 << low) } else { 0 }
}

/// The offsets of the k-mers that two contexts share, by how many bases agree outward from the minimizer: at least the
/// first, at most the second.
#[inline(always)]
pub(super) fn agreement(a: u64, b: u64, flank: u32) -> (u32, u32) {
    let differ = a ^ b;
    let before = ((differ >> (2 * flank)) | 1 << (2 * flank)).trailing_zeros() / 2;
    let after = (differ << (64 - 2 * flank) | low_mask(64 - 2 * flank)).leading_zeros() / 2;
    (flank - after, before)
}

impl Entry {
    /// The offsets of the k-mers that it shares with another entry of its minimizer, a bit each.
    #[inline(always)]
    fn shared(&self, other: &Self, flank: u32) -> u32 {
        let (low, high) = agreement(self.context, other.context, flank);
        offset_mask(low.max(self.low).max(other.low), high.min(self.high).min(other.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparing_pairs_finds_the_same_kmers_as_sorting() {
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state >> 33) % below
        };
        for flank in [4, 12, 16] {
            let minimizers = Minimizers::new(9 + flank, 9).expect("they go together");
            for _ in 0..3000 {
                let entries: Vec<Entry> = (0..1 + random(MAX_PAIRED as u64 + 4) as u32)
                    .map(|index| {
                        let high = random(u64::from(flank) + 1) as u32;
                        let low = random(u64::from(high) + 1) as u32;
                        // Contexts that differ in few bases, so that many k-mers are shared.
                        let context = 1 << random(4 * u64::from(flank)) & minimizers.mask(low, high);
                        Entry { low, high, context, count: 1 + random(3), index }
                    })
                    .collect();
                let mut scratch = Vec::new();
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                for_each_kmer_of(&minimizers, &entries, &mut scratch, |_, _, frequency| expected.push(frequency));
                tally_kmers_of(&minimizers, &entries, &mut scratch, |frequency, kmers| {
                    found.extend(std::iter::repeat_n(frequency, kmers as usize));
                });
                expected.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, expected, "{entries:?}");
            }
        }
    }
}
