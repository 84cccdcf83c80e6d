//! A sequence is summarised from parts that were counted separately, and its median must be exact.

use std::collections::BTreeMap;

use serde::Serialize;

/// A summary of the k-mers of one sequence. Frequencies are those in the indexed genome; 0 for k-mers that are not
/// stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SequenceStatistics {
    /// Name of the sequence, or the region.
    pub name: String,
    /// Bases.
    pub length: u64,
    /// K-mers: windows of k bases that are all ACGT.
    pub kmers: u64,
    /// K-mers that are stored in the index.
    pub found: u64,
    /// K-mers that occur twice or more in the genome.
    pub repeated: u64,
    /// Mean frequency of all k-mers; 0 if there is none.
    pub mean_frequency: f64,
    /// Median frequency of all k-mers, the lower of two.
    pub median_frequency: u64,
    /// Greatest frequency.
    pub max_frequency: u64,
}

/// Frequencies below this are counted in an array, others in a map: most k-mers of any genome, in 32 KiB.
const DENSE: usize = 1 << 12;

/// Counts of one sequence, or a part of one.
#[derive(Debug, Default)]
pub(crate) struct SequenceTally {
    kmers: u64,
    found: u64,
    repeated: u64,
    sum: u128,
    max: u64,
    median: Median,
}

/// The median of one part, or the counts from which that of several parts follows.
#[derive(Debug)]
enum Median {
    Known(u64),
    Histogram { dense: Vec<u64>, sparse: BTreeMap<u64, u64> },
}

impl Default for Median {
    fn default() -> Self {
        Self::Known(0)
    }
}

impl SequenceTally {
    /// Counts frequencies. If they are `whole`, all of a sequence, no histogram is needed: many short sequences are
    /// cheap.
    pub(crate) fn of(frequencies: &[u64], whole: bool) -> Self {
        let mut tally = Self { kmers: frequencies.len() as u64, ..Self::default() };
        for &frequency in frequencies {
            tally.found += u64::from(frequency > 0);
            tally.repeated += u64::from(frequency > 1);
            tally.sum += u128::from(frequency);
            tally.max = tally.max.max(frequency);
        }
        if frequencies.is_empty() && whole {
            return tally;
        }
        if whole && frequencies.len() <= DENSE {
            let mut sorted = frequencies.to_vec();
            let middle = (sorted.len() - 1) / 2;
            tally.median = Median::Known(*sorted.select_nth_unstable(middle).1);
        } else {
            let mut dense = vec![0; DENSE];
            let mut sparse = BTreeMap::new();
            for &frequency in frequencies {
                match dense.get_mut(frequency as usize) {
                    Some(count) => *count += 1,
                    None => *sparse.entry(frequency).or_default() += 1,
                }
            }
            tally.median = Median::Histogram { dense, sparse };
        }
        tally
    }

    /// Adds the next part of the same sequence.
    pub(crate) fn add(&mut self, other: Self) {
        self.kmers += other.kmers;
        self.found += other.found;
        self.repeated += other.repeated;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        if let (Median::Histogram { dense, sparse }, Median::Histogram { dense: more, sparse: rare }) =
            (&mut self.median, other.median)
        {
            for (sum, count) in dense.iter_mut().zip(more) {
                *sum += count;
            }
            for (frequency, count) in rare {
                *sparse.entry(frequency).or_default() += count;
            }
        }
    }

    /// The summary of a sequence of `length` bases.
    pub(crate) fn statistics(&self, name: String, length: u64) -> SequenceStatistics {
        let median = match &self.median {
            Median::Known(median) => *median,
            Median::Histogram { dense, sparse } => {
                let rows = (0..).zip(dense.iter().copied()).chain(sparse.iter().map(|(&f, &c)| (f, c)));
                let mut before = 0;
                rows.into_iter()
                    .find(|&(_, count)| {
                        before += count;
                        before > self.kmers.saturating_sub(1) / 2
                    })
                    .map_or(0, |(frequency, _)| frequency)
            }
        };
        SequenceStatistics {
            name,
            length,
            kmers: self.kmers,
            found: self.found,
            repeated: self.repeated,
            mean_frequency: if self.kmers == 0 { 0.0 } else { self.sum as f64 / self.kmers as f64 },
            median_frequency: median,
            max_frequency: self.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_parts_agree() {
        for length in [0usize, 1, 2, 3, 100, 5000] {
            let frequencies: Vec<u64> = (0..length as u64).map(|i| (i * i) % 97 * (1 + i % 211)).collect();
            let whole = SequenceTally::of(&frequencies, true).statistics("a".into(), 9);
            let mut parts = SequenceTally::of(&frequencies[..length / 3], false);
            parts.add(SequenceTally::of(&frequencies[length / 3..], false));
            assert_eq!(whole, parts.statistics("a".into(), 9));
            let mut sorted = frequencies.clone();
            sorted.sort();
            assert_eq!(whole.median_frequency, sorted.get(length.saturating_sub(1) / 2).copied().unwrap_or(0));
            assert_eq!(whole.max_frequency, sorted.last().copied().unwrap_or(0));
        }
    }
}
