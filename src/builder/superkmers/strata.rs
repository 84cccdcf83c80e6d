//! Extrapolates from the sampled cells to all cells. How many records a cell has is known of all of them, and cells with
//! a minimizer of a frequent repeat have many more than others: such cells are extrapolated separately, so that it
//! matters little how many of them are in the sample.

/// Minimum sampled cells of a stratum.
const MIN_SAMPLED_CELLS: u64 = 8;

/// Cells with similar numbers of records.
#[derive(Clone, Copy)]
struct Stratum<const N: usize> {
    /// Records of all its cells.
    records: u64,
    sampled_cells: u64,
    sampled_records: u64,
    /// Sums over the sampled cells.
    sums: [u64; N],
}

impl<const N: usize> Stratum<N> {
    const EMPTY: Self = Self { records: 0, sampled_cells: 0, sampled_records: 0, sums: [0; N] };

    fn join(&mut self, other: &Self) {
        self.records += other.records;
        self.sampled_cells += other.sampled_cells;
        self.sampled_records += other.sampled_records;
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, other)| *sum += other);
    }
}

/// Sums over all cells, from the number of records of each and the sums over the first cells, which are sampled.
pub(crate) fn extrapolate<const N: usize>(records: impl Iterator<Item = u64>, sampled: &[[u64; N]]) -> [u64; N] {
    let mut by_records = [Stratum::<N>::EMPTY; u64::BITS as usize + 1];
    for (cell, records) in records.enumerate() {
        let stratum = &mut by_records[(u64::BITS - records.leading_zeros()) as usize];
        stratum.records += records;
        if let Some(&sums) = sampled.get(cell) {
            stratum.join(&Stratum { records: 0, sampled_cells: 1, sampled_records: records, sums });
        }
    }
    // From the fullest cells on, a stratum with too few samples is extrapolated with the next one.
    let mut strata = Vec::new();
    let mut open = Stratum::EMPTY;
    for stratum in by_records.iter().rev() {
        open.join(stratum);
        if open.sampled_cells >= MIN_SAMPLED_CELLS {
            strata.push(std::mem::replace(&mut open, Stratum::EMPTY));
        }
    }
    match strata.last_mut() {
        Some(last) => last.join(&open),
        None => strata.push(open),
    }
    let mut totals = [0; N];
    for Stratum { records, sampled_records, sums, .. } in strata {
        let factor = records as f64 / sampled_records.max(1) as f64;
        totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += (sum as f64 * factor).round() as u64);
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_sample_of_all_cells_is_exact() {
        let records = [900u64, 0, 5, 17, 1 << 40];
        let sampled = records.map(|n| [n, 3 * n, 7]);
        assert_eq!(
            extrapolate(records.into_iter(), &sampled),
            [records.iter().sum::<u64>(), 3 * records.iter().sum::<u64>(), 35]
        );
    }
}
