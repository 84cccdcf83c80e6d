//! Extrapolates sums from sampled cells to all cells. The number of records is known of every cell. Cells with the
//! minimizer of a frequent repeat have many more than others, and are extrapolated separately: so it matters little how
//! many of them are in the sample.

/// Sums over cells; the first is the number of records.
pub(crate) type Sums = [u64; 4];

/// Minimum sampled cells of a stratum: with fewer, its sums would depend on single minimizers.
const MIN_SAMPLED_CELLS: u64 = 8;

/// Cells with similar numbers of records.
#[derive(Default, Clone, Copy)]
struct Stratum {
    /// Records of all its cells.
    records: u64,
    sampled_cells: u64,
    /// Sums over the sampled cells.
    sums: Sums,
}

impl Stratum {
    fn join(&mut self, other: &Self) {
        self.records += other.records;
        self.sampled_cells += other.sampled_cells;
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, other)| *sum += other);
    }
}

/// Sums over all cells, from the records of each and the sums of the first ones, which are sampled.
pub(crate) fn extrapolate(records: impl Iterator<Item = u64>, sampled: &[Sums]) -> Sums {
    let mut by_records = [Stratum::default(); u64::BITS as usize + 1];
    for (cell, records) in records.enumerate() {
        let sums = sampled.get(cell).copied().unwrap_or_default();
        let sampled_cells = u64::from(cell < sampled.len());
        by_records[(u64::BITS - records.leading_zeros()) as usize].join(&Stratum { records, sampled_cells, sums });
    }
    // From the fullest cells on, a stratum with too few samples is extrapolated together with the next one.
    let mut strata = Vec::new();
    let mut open = Stratum::default();
    for stratum in by_records.iter().rev() {
        open.join(stratum);
        if open.sampled_cells >= MIN_SAMPLED_CELLS {
            strata.push(std::mem::take(&mut open));
        }
    }
    match strata.last_mut() {
        Some(last) => last.join(&open),
        None => strata.push(open),
    }
    let mut totals = Sums::default();
    for Stratum { records, sums, .. } in strata {
        let factor = records as f64 / sums[0].max(1) as f64;
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
        let sampled = records.map(|n| [n, 3 * n, 7, 0]);
        let total = records.iter().sum::<u64>();
        assert_eq!(extrapolate(records.into_iter(), &sampled), [total, 3 * total, 35, 0]);
        assert_eq!(extrapolate(std::iter::empty(), &[]), [0; 4]);
    }

    /// One cell in 200 has a hundred times as many records as others, with fewer distinct k-mers for each.
    #[test]
    fn full_cells_are_extrapolated_separately() {
        let mut random = Random::new(3);
        let cells: Vec<Sums> = (0..1 << 15)
            .map(|_| {
                let is_full = random.below(200) == 0;
                let records = (150 + random.below(100)) as u64 * if is_full { 100 } else { 1 };
                [records, records * if is_full { 1 } else { 8 }, records / 10, u64::from(is_full)]
            })
            .collect();
        let totals = cells.iter().fold([0; 4], |sums: Sums, cell| std::array::from_fn(|i| sums[i] + cell[i]));
        let estimated = extrapolate(cells.iter().map(|cell| cell[0]), &cells[..1 << 11]);
        for (total, estimated) in totals.into_iter().zip(estimated) {
            assert!(total.abs_diff(estimated) * 20 < total, "{estimated} instead of {total}");
        }
    }
}
