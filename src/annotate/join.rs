//! Fragments of one copy, joined: an insertion, a deletion or a diverged region splits the alignment of a copy.
//!
//! Annotation and the search for families join by one algorithm. They accept different gaps: annotation has resolved
//! overlaps and so has all copies between two fragments, and a family has its own alignments only.

use std::borrow::Borrow;

use crate::align::Alignment;
use crate::kmer::Strand;

/// Which fragments belong to one copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JoinParameters {
    /// Maximum number of bases of the contig between two fragments: the longest insertion into a copy.
    max_distance: u64,
    /// Maximum number of alignments from a fragment to the next one of its copy, in the order of the genome; bounds the
    /// time.
    max_ahead: usize,
    /// Maximum number of bases of the consensus that both fragments cover: alignments extend a little past a break by
    /// chance.
    max_shared: u32,
    gap: Gap,
    preference: Preference,
}

/// Limits of the gap between two fragments.
#[derive(Debug, Clone, Copy)]
enum Gap {
    /// No two alignments overlap, and bases of the contig that others cover do not count.
    Resolved {
        /// Maximum number of bases of the consensus between the fragments.
        max_missing: u32,
        /// Maximum number of uncovered bases of the contig between the fragments beyond the missing bases of the
        /// consensus.
        max_uncovered: u64,
    },
    /// The sequence between the fragments is unknown. One of three conditions is enough.
    Unknown {
        /// An insertion: maximum missing bases of the consensus.
        max_missing: u32,
        /// A deletion: maximum bases of the contig between the fragments.
        max_between: u64,
        /// A diverged region: maximum bases of the contig, which must be about as many as the consensus misses, ...
        max_diverged: u64,
        /// ... with at most this difference.
        max_length_change: u64,
    },
}

/// Which of several earlier fragments a fragment continues.
#[derive(Debug, Clone, Copy)]
enum Preference {
    /// The first in the genome: each copy then takes the nearest fragment that continues it.
    Earliest,
    /// The last in the genome: of copies inserted into each other the inner one ends first.
    Latest,
}

impl JoinParameters {
    /// Fragments of an annotation, which do not overlap. The bounds exceed those of a family, since a fragment that was
    /// cut by a better alignment has lost bases. Tuned on the simulated genomes of docs/families.md.
    pub(crate) const ANNOTATION: Self = Self {
        max_distance: 30_000,
        max_ahead: 50,
        max_shared: 40,
        gap: Gap::Resolved { max_missing: 1000, max_uncovered: 150 },
        preference: Preference::Earliest,
    };

    /// Alignments of one family. Few transposons, which may be inserted into a copy, are longer than 20,000 bases.
    /// The other bounds were tuned on the simulated genomes of docs/families.md.
    pub(crate) const FAMILY: Self = Self {
        max_distance: 20_000,
        max_ahead: usize::MAX,
        max_shared: 30,
        gap: Gap::Unknown { max_missing: 100, max_between: 50, max_diverged: 2000, max_length_change: 100 },
        preference: Preference::Latest,
    };

    /// Whether the second fragment may continue the first, with `covered` bases of other alignments between them.
    fn accept(&self, first: &Alignment, second: &Alignment, covered: u64) -> bool {
        if (first.query, first.strand) != (second.query, second.strand) {
            return false;
        }
        let (end, start) = match first.strand {
            Strand::Forward => (first.query_range.end, second.query_range.start),
            Strand::Reverse => (second.query_range.end, first.query_range.start),
        };
        let missing = start.saturating_sub(end);
        let between = second.range.start.saturating_sub(first.range.end);
        end.saturating_sub(start) <= self.max_shared
            && match self.gap {
                Gap::Resolved { max_missing, max_uncovered } => {
                    missing <= max_missing
                        && between.saturating_sub(covered) <= max_uncovered + u64::from(missing)
                        && advances(first, second)
                }
                Gap::Unknown { max_missing, max_between, max_diverged, max_length_change } => {
                    missing <= max_missing
                        || between <= max_between
                        || between <= max_diverged && between.abs_diff(missing.into()) <= max_length_change
                }
            }
    }
}

/// Whether the second fragment covers the consensus beyond the end of the first.
fn advances(first: &Alignment, second: &Alignment) -> bool {
    match first.strand {
        Strand::Forward => second.query_range.end > first.query_range.end,
        Strand::Reverse => second.query_range.start < first.query_range.start,
    }
}

/// The number of the copy to which each fragment belongs, from 0 in the order of the copies' first fragments.
///
/// The fragments come by [`Alignment::sort_key`].
pub(crate) fn join_fragments<A: Borrow<Alignment>>(fragments: &[A], parameters: &JoinParameters) -> Vec<usize> {
    // Bases of the fragments before each, to count those between two.
    let mut covered = vec![0];
    for fragment in fragments {
        let range = &fragment.borrow().range;
        covered.push(covered[covered.len() - 1] + range.end - range.start);
    }
    let mut copies: Vec<usize> = Vec::with_capacity(fragments.len());
    let mut count = 0;
    // Fragments within reach that nothing continues yet, ascending.
    let mut open: Vec<usize> = Vec::new();
    for (second, fragment) in fragments.iter().enumerate() {
        let fragment = fragment.borrow();
        open.retain(|&first| {
            let earlier = fragments[first].borrow();
            earlier.contig == fragment.contig
                && fragment.range.start.saturating_sub(earlier.range.end) <= parameters.max_distance
                && second - first <= parameters.max_ahead
        });
        let continues = |&first: &usize| {
            parameters.accept(fragments[first].borrow(), fragment, covered[second] - covered[first + 1])
        };
        let found = match parameters.preference {
            Preference::Earliest => open.iter().position(continues),
            Preference::Latest => open.iter().rposition(continues),
        };
        let copy = match found {
            Some(at) => copies[open.remove(at)],
            None => {
                count += 1;
                count - 1
            }
        };
        copies.push(copy);
        open.push(second);
    }
    copies
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::align::{Counts, Operations};
    use crate::random::Random;

    fn fragment(query: u32, strand: Strand, range: Range<u64>, query_range: Range<u32>) -> Alignment {
        let (contig, score, e_value) = (0, 1, 0.0);
        let (counts, operations) = (Counts::default(), Operations::default());
        Alignment { query, strand, query_range, contig, range, score, e_value, counts, operations }
    }

    #[test]
    fn fragments_of_one_copy_have_one_number() {
        use Strand::{Forward, Reverse};
        let fragments = [
            fragment(0, Forward, 100..500, 0..400),
            fragment(1, Reverse, 500..800, 50..350),
            fragment(0, Forward, 800..1000, 405..600),
            // Another copy of the same family.
            fragment(0, Forward, 1010..1400, 0..400),
            fragment(1, Reverse, 9000..9300, 300..600),
            fragment(1, Reverse, 9310..9500, 100..290),
        ];
        assert_eq!(join_fragments(&fragments, &JoinParameters::ANNOTATION), [0, 1, 0, 2, 3, 3]);
    }

    /// Each fragment in turn takes the nearest one after it that no earlier fragment has taken.
    fn by_looking_ahead(fragments: &[Alignment]) -> Vec<usize> {
        let parameters = JoinParameters::ANNOTATION;
        let mut previous: Vec<Option<usize>> = vec![None; fragments.len()];
        for (i, first) in fragments.iter().enumerate() {
            let next = (i + 1..fragments.len().min(i + 1 + parameters.max_ahead))
                .take_while(|&j| fragments[j].range.start - first.range.end <= parameters.max_distance)
                .find(|&j| {
                    let covered = fragments[i + 1..j].iter().map(|a| a.range.end - a.range.start).sum();
                    previous[j].is_none() && parameters.accept(first, &fragments[j], covered)
                });
            if let Some(next) = next {
                previous[next] = Some(i);
            }
        }
        let mut copies: Vec<usize> = Vec::new();
        let mut count = 0;
        for before in previous {
            copies.push(before.map_or(count, |before| copies[before]));
            count += usize::from(before.is_none());
        }
        copies
    }

    #[test]
    fn the_earliest_fragment_takes_the_nearest_continuation() {
        let mut random = Random::new(7);
        for _ in 0..200 {
            let mut at = 0;
            let fragments: Vec<Alignment> = (0..80)
                .map(|_| {
                    let strand = if random.below(4) == 0 { Strand::Reverse } else { Strand::Forward };
                    at += random.below(200) as u64;
                    let (start, length) = (random.below(500) as u32, 50 + random.below(300) as u32);
                    let range = at..at + u64::from(length);
                    at = range.end;
                    fragment(random.below(2) as u32, strand, range, start..start + length)
                })
                .collect();
            assert_eq!(join_fragments(&fragments, &JoinParameters::ANNOTATION), by_looking_ahead(&fragments));
        }
    }

    #[test]
    fn inner_copies_end_before_outer_ones() {
        use Strand::Forward;
        let fragments = [
            fragment(0, Forward, 0..300, 0..300),
            fragment(0, Forward, 300..500, 0..200),
            fragment(0, Forward, 2000..2300, 210..500),
            fragment(0, Forward, 2300..2500, 300..500),
            // Too far from all of them.
            fragment(0, Forward, 30_000..30_200, 500..700),
        ];
        assert_eq!(join_fragments(&fragments, &JoinParameters::FAMILY), [0, 1, 1, 0, 2]);
    }
}
