//! A genome is searched in ranges of about equal size, each by a machine of its own: ranges begin at contigs or at
//! windows of the search, so that each part of the work is the same whatever the number of ranges.

use crate::genome::Contig;

/// Bases of the genome that one thread scans at a time: enough windows for all threads, each much larger than its
/// margins.
pub(super) const WINDOW: u32 = 1 << 20;

/// Number of a contig, from 0, and a base of it, 0-based.
pub(crate) type Place = (u32, u64);

/// A range of a genome that may begin and end within contigs; half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GenomeRange {
    pub(crate) start: Place,
    pub(crate) end: Place,
}

impl GenomeRange {
    pub(crate) const WHOLE: Self = Self { start: (0, 0), end: (u32::MAX, u64::MAX) };

    /// Range `number`, from 1, of the `count` into which a genome is divided. It depends on the lengths of the contigs
    /// alone. Ranges are empty if there are more of them than windows.
    pub(crate) fn shard(contigs: &[Contig], number: u32, count: u32) -> Self {
        Self { start: border(contigs, number - 1, count), end: border(contigs, number, count) }
    }

    /// Whether a place is in the range.
    pub(crate) fn contains(&self, place: Place) -> bool {
        self.start <= place && place < self.end
    }
}

/// The end of the first `number` of `count` ranges: the first window at or after that share of the bases.
fn border(contigs: &[Contig], number: u32, count: u32) -> Place {
    let bases = contigs.last().map_or(0, |contig| contig.start + contig.length);
    if number == 0 {
        return GenomeRange::WHOLE.start;
    }
    if number == count {
        return GenomeRange::WHOLE.end;
    }
    let at = (u128::from(bases) * u128::from(number)).div_ceil(u128::from(count)) as u64;
    let contig = contigs.partition_point(|contig| contig.start + contig.length <= at);
    let Some(within) = contigs.get(contig) else { return GenomeRange::WHOLE.end };
    let base = (at - within.start).next_multiple_of(u64::from(WINDOW));
    if base < within.length { (contig as u32, base) } else { (contig as u32 + 1, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contigs(lengths: &[u64]) -> Vec<Contig> {
        let mut start = 0;
        let contig = |&length: &u64| {
            start += length;
            Contig { name: String::new(), description: String::new(), start: start - length, length, record: 0 }
        };
        lengths.iter().map(contig).collect()
    }

    #[test]
    fn ranges_are_windows_and_cover_the_genome_once() {
        let window = u64::from(WINDOW);
        for lengths in [vec![], vec![0], vec![10], vec![9 * window + 1], vec![5, 0, 4 * window, 7, window], vec![3; 50]]
        {
            let contigs = contigs(&lengths);
            for count in [1, 2, 3, 7, 64] {
                let ranges: Vec<GenomeRange> =
                    (1..=count).map(|number| GenomeRange::shard(&contigs, number, count)).collect();
                assert_eq!(ranges[0].start, GenomeRange::WHOLE.start);
                assert_eq!(ranges[ranges.len() - 1].end, GenomeRange::WHOLE.end);
                for pair in ranges.windows(2) {
                    assert_eq!(pair[0].end, pair[1].start);
                    assert!(
                        pair[0].start <= pair[0].end && pair[0].end.1 % window == 0
                            || pair[1].start == (u32::MAX, u64::MAX)
                    );
                }
            }
        }
    }

    #[test]
    fn ranges_are_about_equal() {
        let window = u64::from(WINDOW);
        let contigs = contigs(&[16 * window]);
        let starts: Vec<u64> = (1..=4).map(|number| GenomeRange::shard(&contigs, number, 4).start.1 / window).collect();
        assert_eq!(starts, [0, 4, 8, 12]);
    }
}
