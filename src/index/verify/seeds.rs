//! Checks the seed order: that it has every repeated k-mer once.

use crate::Result;
use crate::dictionary::tally::repeat_mark;
use crate::format::catalog::RecordKind;
use crate::format::seed_order;
use crate::index::open::Index;

/// Totals of the seed order.
pub(super) struct SeedTotals {
    pub(super) seeds: u64,
    /// Sum of the marks of its k-mers.
    pub(super) repeat_marks: u64,
}

impl Index {
    /// Checks that numbers ascend within a frequency, that frequencies fall, and that each has the number of seeds of
    /// the spectrum; `stored` are the rows of the spectrum that pass the filters.
    pub(super) fn verify_seeds(&self, stored: &[(u64, u64)]) -> Result<SeedTotals> {
        let catalog = self.store.catalog();
        let mut expected: Vec<(u64, u64)> = stored.iter().copied().filter(|row| row.0 >= 2).collect();
        let wrong = || catalog.damage("its seed order disagrees with its spectrum");
        let (mut last, mut seeds, mut repeat_marks) = (None, 0, 0u64);
        for number in 0.. {
            let Some(bytes) = catalog.record(RecordKind::Seeds, number)? else { break };
            for (frequency, kmer) in seed_order::decode(&bytes).map_err(|e| catalog.damage(e))? {
                let (highest, left) = expected.last_mut().ok_or_else(wrong)?;
                if *highest != frequency || last.is_some_and(|(f, k)| f == frequency && k >= kmer) {
                    return Err(wrong());
                }
                *left -= 1;
                if *left == 0 {
                    expected.pop();
                }
                last = Some((frequency, kmer));
                seeds += 1;
                repeat_marks = repeat_marks.wrapping_add(repeat_mark(frequency, kmer));
            }
        }
        if !expected.is_empty() || seeds != self.manifest.actual.seeds {
            return Err(wrong());
        }
        Ok(SeedTotals { seeds, repeat_marks })
    }
}
