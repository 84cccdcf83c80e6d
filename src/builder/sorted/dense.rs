//! Groups the records of a bin in which most of the possible hashes occur: a bit for each possible hash is little
//! memory then, and records of hashes that are not selected are dropped before anything moves.

use crate::builder::counting_sort::{Counter, starts_of};
use crate::builder::sorted::records::{Record, RecordSet, Selection};

/// Maximum possible hashes per record for which this way is used: 8 bytes of bits a record, as many as the record
/// itself.
pub(crate) const MAX_DENSE_HASHES_PER_RECORD: u64 = 32;

/// Space of a sort; reused.
pub(crate) struct SortBuffers<S> {
    pub(crate) ends: Vec<u32>,
    pub(crate) sorted: Vec<S>,
}

/// The hashes of a bin as bits, with the space to sort its records; reused.
pub(crate) struct DenseSorter<S> {
    /// A bit for each hash that occurs.
    once: Vec<u64>,
    /// A bit for each hash that occurs again.
    twice: Vec<u64>,
    /// The number of selected hashes before each word of bits.
    ranks: Vec<u32>,
    /// All selected hashes, ascending.
    selected: Vec<u32>,
    /// The records of selected hashes, with ranks instead of hashes.
    ranked: Vec<S>,
}

impl<S: Record<Sorted = S>> DenseSorter<S> {
    pub(crate) fn new() -> Self {
        Self { once: Vec::new(), twice: Vec::new(), ranks: Vec::new(), selected: Vec::new(), ranked: Vec::new() }
    }

    /// Allocated bytes.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        let words = (self.once.capacity() + self.twice.capacity()) * size_of::<u64>();
        let numbers = (self.ranks.capacity() + self.selected.capacity()) * size_of::<u32>();
        (words + numbers + self.ranked.capacity() * size_of::<S>()) as u64
    }

    /// Calls `each(hash, records)` for each selected hash, ascending; the records keep their order. Returns the number
    /// of hashes that were not selected.
    pub(crate) fn groups<R: Record<Sorted = S>, F: FnMut(u64, &[S])>(
        &mut self,
        records: RecordSet<'_, R>,
        selection: Selection,
        buffers: &mut SortBuffers<S>,
        each: &mut F,
    ) -> u64 {
        self.mark(records);
        let left_out = self.rank(selection);
        let SortBuffers { ends, sorted } = buffers;
        ends.clear();
        ends.resize(self.selected.len() + 1, 0);
        let count = records.count();
        for space in [&mut self.ranked, sorted] {
            if space.len() <= count {
                space.resize(count + 1, S::zeroed());
            }
        }
        let bits = if selection == Selection::All { &self.once } else { &self.twice };
        let ranks = Ranks { bits, before: &self.ranks };
        let ranked = select(records, ranks, ends, &mut self.ranked);
        starts_of(ends);
        for &record in &self.ranked[..ranked] {
            sorted[ends[record.hash(records.position_bits) as usize].take_next()] = record;
        }
        let mut start = 0;
        for (&hash, &end) in self.selected.iter().zip(&*ends) {
            each(records.first + u64::from(hash), &sorted[start..end as usize]);
            start = end as usize;
        }
        left_out
    }

    /// Sets the bits of all hashes.
    fn mark<R: Record<Sorted = S>>(&mut self, records: RecordSet<'_, R>) {
        let words = ((records.last - records.first) / 64) as usize + 1;
        for bits in [&mut self.once, &mut self.twice] {
            bits.clear();
            bits.resize(words, 0);
        }
        for &segment in records.segments {
            for &record in segment {
                let hash = records.relative(record).hash(records.position_bits);
                let (once, bit) = (&mut self.once[(hash / 64) as usize], 1 << (hash % 64));
                self.twice[(hash / 64) as usize] |= *once & bit;
                *once |= bit;
            }
        }
    }

    /// Lists and ranks the selected hashes; returns the number of the others.
    fn rank(&mut self, selection: Selection) -> u64 {
        let (bits, left_out) = match selection {
            Selection::All => (&self.once, 0),
            Selection::Repeated => {
                let pairs = self.once.iter().zip(&self.twice);
                (&self.twice, pairs.map(|(once, twice)| u64::from((once & !twice).count_ones())).sum())
            }
        };
        self.ranks.clear();
        self.selected.clear();
        for (at, &word) in (0..).step_by(64).zip(bits) {
            self.ranks.push(self.selected.len() as u32);
            let mut rest = word;
            while rest != 0 {
                self.selected.push(at + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        left_out
    }
}

/// The ranks of selected hashes.
#[derive(Clone, Copy)]
struct Ranks<'a> {
    /// A bit for each selected hash.
    bits: &'a [u64],
    /// Selected hashes before each word of bits.
    before: &'a [u32],
}

/// Copies the records of selected hashes to `out`, in their order and with ranks instead of hashes, and counts them by
/// rank. Returns their number. `out` must have space for one more than there are records, `counts` for one more than
/// there are ranks.
#[multiversion::multiversion(targets("x86_64+popcnt+bmi1+bmi2"))]
fn select<R: Record>(records: RecordSet<'_, R>, ranks: Ranks<'_>, counts: &mut [u32], out: &mut [R::Sorted]) -> usize {
    let position_bits = records.position_bits;
    let mut next = 0;
    for &segment in records.segments {
        for &record in segment {
            let record = record.within(records.first, position_bits);
            let hash = record.hash(position_bits);
            let (word, bit) = (ranks.bits[(hash / 64) as usize], hash % 64);
            let rank = ranks.before[(hash / 64) as usize] + (word & ((1 << bit) - 1)).count_ones();
            // Without a branch, which could not be predicted.
            let is_selected = word >> bit & 1;
            out[next] = R::Sorted::new(rank.into(), record.position(position_bits), position_bits);
            counts[rank as usize] += is_selected as u32;
            next += is_selected as usize;
        }
    }
    next
}
