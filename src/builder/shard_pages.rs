//! Divides the pages of a dictionary among the builders of its parts.

use std::ops::Range;

use crate::builder::layout_steps::LayoutSteps;
use crate::bundle::Shard;

/// The pages of one part, and its share of the work.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShardPages {
    pub(crate) pages: Range<u64>,
    /// Of the records of the genome, those in these pages: from 0 to 1.
    pub(crate) share: f64,
}

/// Pages that are never divided between two parts: as many as one pass has in a bin at most. So every bin, however many
/// passes there are, is within one unit, and the records of a unit do not depend on memory or threads.
fn unit_pages(pages: u64, max_bins: u64) -> u64 {
    pages.div_ceil(max_bins).next_power_of_two()
}

/// The pages of a part of a dictionary of `pages` pages, so that all parts have about the same number of records; a
/// pass has at most `max_bins` bins. The parts of one index are disjoint and cover it; if there are more parts than
/// pages, some are empty.
pub(crate) fn shard_pages(steps: &dyn LayoutSteps, pages: u64, max_bins: u64, shard: Shard) -> ShardPages {
    let unit = unit_pages(pages, max_bins);
    let mut records = vec![0; pages.div_ceil(unit) as usize];
    for bin in 0..steps.bins() {
        records[(steps.pages_of(bin).start / unit) as usize] += steps.records_of(bin);
    }
    let units = divide(&records, shard);
    let total: u64 = records.iter().sum();
    let share = records[units.clone()].iter().sum::<u64>() as f64 / total.max(1) as f64;
    let page = |unit_number: usize| (unit_number as u64 * unit).min(pages);
    ShardPages { pages: page(units.start)..page(units.end), share }
}

/// The units of a part: it ends where the records so far are nearest to its share of all, from below.
fn divide(records: &[u64], shard: Shard) -> Range<usize> {
    let total: u128 = records.iter().map(|&count| u128::from(count)).sum();
    let end_of = |number: u32| {
        if number == shard.count {
            return records.len();
        }
        let wanted = total * u128::from(number) / u128::from(shard.count);
        let mut sum = 0;
        let within = records.iter().take_while(|&&count| {
            // A unit belongs to the part in which its middle is.
            let middle = sum + u128::from(count) / 2;
            sum += u128::from(count);
            middle < wanted
        });
        within.count()
    };
    end_of(shard.number - 1)..end_of(shard.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_units_once_and_evenly() {
        let even = vec![10; 1000];
        let uneven: Vec<u64> = (0..1000).map(|unit| if unit % 97 == 3 { 500 } else { unit % 7 }).collect();
        for records in [even, uneven, vec![5], vec![0, 0, 7, 0], vec![0; 3]] {
            for count in [1, 2, 3, 7, 64, 5000] {
                let parts: Vec<_> = (1..=count).map(|number| divide(&records, Shard { number, count })).collect();
                assert_eq!((parts[0].start, parts[count as usize - 1].end), (0, records.len()));
                assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start && pair[0].start <= pair[0].end));
                let share = records.iter().sum::<u64>() / u64::from(count);
                let largest = records.iter().max().copied().unwrap_or(0);
                for part in parts {
                    assert!(records[part].iter().sum::<u64>() <= share + largest + 1);
                }
            }
        }
    }

    #[test]
    fn bins_of_any_number_of_passes_are_within_units() {
        for (pages, max_bins) in [(1, 4096), (5000, 4096), (100_000, 4096), (17, 3), (64, 5)] {
            let unit = unit_pages(pages, max_bins);
            for passes in [1, 2, 3, 4, 100] {
                let in_bin = pages.div_ceil(max_bins * passes).next_power_of_two();
                assert!(unit.is_multiple_of(in_bin), "{pages} {max_bins} {passes}");
            }
        }
    }
}
