use std::collections::BTreeMap;

const DENSE: usize = 1024;

/// How many distinct k-mers occur how often.
#[derive(Debug, Clone)]
pub(crate) struct SpectrumCounter {
    dense: Vec<u64>,
    sparse: BTreeMap<u64, u64>,
}

impl Default for SpectrumCounter {
    fn default() -> Self {
        Self { dense: vec![0; DENSE], sparse: BTreeMap::new() }
    }
}

impl SpectrumCounter {
    #[inline(always)]
    pub(crate) fn add(&mut self, frequency: u64) {
        match self.dense.get_mut(frequency as usize) {
            Some(count) => *count += 1,
            None => *self.sparse.entry(frequency).or_default() += 1,
        }
    }

    pub(crate) fn add_many(&mut self, frequency: u64, count: u64) {
        match self.dense.get_mut(frequency as usize) {
            Some(sum) => *sum += count,
            None => *self.sparse.entry(frequency).or_default() += count,
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, count) in self.dense.iter_mut().zip(&other.dense) {
            *sum += count;
        }
        for (frequency, count) in &other.sparse {
            *self.sparse.entry(*frequency).or_default() += count;
        }
    }

    /// (frequency, distinct k-mers), ascending, without zeros.
    pub(crate) fn rows(&self) -> Vec<(u64, u64)> {
        let dense = self.dense.iter().enumerate().map(|(f, &c)| (f as u64, c));
        dense.chain(self.sparse.iter().map(|(&f, &c)| (f, c))).filter(|&(_, count)| count > 0).collect()
    }
}
