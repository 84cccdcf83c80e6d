//! Counts the k-mer spectrum while pages are encoded.

use std::collections::BTreeMap;

/// Frequencies below this are counted in an array (8 KiB), the few higher ones in a map.
const MAX_ARRAY_FREQUENCY: usize = 1024;

/// The number of distinct k-mers of every frequency.
#[derive(Debug, Clone)]
pub(crate) struct SpectrumCounter {
    low: Vec<u64>,
    high: BTreeMap<u64, u64>,
}

impl Default for SpectrumCounter {
    fn default() -> Self {
        Self { low: vec![0; MAX_ARRAY_FREQUENCY], high: BTreeMap::new() }
    }
}

impl SpectrumCounter {
    /// Counts one k-mer.
    #[inline(always)]
    pub(crate) fn add(&mut self, frequency: u64) {
        match self.low.get_mut(frequency as usize) {
            Some(count) => *count += 1,
            None => *self.high.entry(frequency).or_default() += 1,
        }
    }

    /// Counts `count` k-mers of one frequency.
    pub(crate) fn add_many(&mut self, frequency: u64, count: u64) {
        match self.low.get_mut(frequency as usize) {
            Some(sum) => *sum += count,
            None => *self.high.entry(frequency).or_default() += count,
        }
    }

    /// Adds the counts of another spectrum.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, count) in self.low.iter_mut().zip(&other.low) {
            *sum += count;
        }
        for (frequency, count) in &other.high {
            *self.high.entry(*frequency).or_default() += count;
        }
    }

    /// (frequency, distinct k-mers), ascending, without zeros.
    pub(crate) fn rows(&self) -> Vec<(u64, u64)> {
        let low = self.low.iter().enumerate().map(|(f, &c)| (f as u64, c));
        low.chain(self.high.iter().map(|(&f, &c)| (f, c))).filter(|&(_, count)| count > 0).collect()
    }
}
