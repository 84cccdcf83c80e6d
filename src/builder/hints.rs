//! Replaces estimates by what the caller of a build expects: another program, or an earlier index, may have counted the
//! k-mers that a sample can only estimate.

use crate::bundle::MemoryHints;
use crate::dictionary::filters::Filters;

/// Replaces the counts of an estimate by those of `given` that are not 0, and changes the others in proportion. K-mers
/// are counted, so they remain, and no count exceeds what they allow.
pub(crate) fn with_hints(estimate: MemoryHints, given: &MemoryHints, filters: &Filters) -> MemoryHints {
    let MemoryHints { kmers, .. } = estimate;
    let chosen = |given: u64, otherwise: u64, max: u64| if given > 0 { given } else { otherwise }.min(max);
    let distinct_kmers = chosen(given.distinct_kmers, estimate.distinct_kmers, kmers);
    let in_proportion = scaled(estimate.repeated_kmers, estimate.distinct_kmers, distinct_kmers);
    let repeated_kmers = chosen(given.repeated_kmers, in_proportion, distinct_kmers.min(kmers - distinct_kmers));
    let (before, after) = match filters.min_frequency {
        1 => (estimate.distinct_kmers, distinct_kmers),
        _ => (estimate.repeated_kmers, repeated_kmers),
    };
    let stored_kmers = chosen(given.stored_kmers, scaled(estimate.stored_kmers, before, after), after);
    let in_proportion = match estimate.positions == kmers {
        true => kmers,
        false => scaled(estimate.positions, estimate.stored_kmers, stored_kmers),
    };
    let positions = chosen(given.positions, in_proportion, kmers);
    MemoryHints {
        kmers,
        distinct_kmers,
        repeated_kmers,
        stored_kmers,
        positions,
        dictionary_bytes: scaled(estimate.dictionary_bytes, estimate.stored_kmers, stored_kmers),
        position_bytes: scaled(estimate.position_bytes, estimate.positions, positions),
    }
}

/// `number` times `after` / `before`.
fn scaled(number: u64, before: u64, after: u64) -> u64 {
    if before == after { number } else { (number as f64 * after as f64 / before.max(1) as f64) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESTIMATE: MemoryHints = MemoryHints {
        kmers: 1000,
        distinct_kmers: 500,
        repeated_kmers: 100,
        stored_kmers: 100,
        positions: 600,
        dictionary_bytes: 200,
        position_bytes: 1800,
    };

    fn repeated() -> Filters {
        Filters { min_frequency: 2, max_frequency: None, max_positions: None }
    }

    #[test]
    fn an_estimate_without_hints_remains() {
        assert_eq!(with_hints(ESTIMATE, &MemoryHints::default(), &repeated()), ESTIMATE);
        let all = MemoryHints { stored_kmers: 500, positions: 1000, ..ESTIMATE };
        assert_eq!(with_hints(all, &all, &Filters { min_frequency: 1, ..repeated() }), all);
    }

    #[test]
    fn other_counts_follow_a_hint() {
        let given = MemoryHints { distinct_kmers: 250, ..MemoryHints::default() };
        let half = MemoryHints {
            distinct_kmers: 250,
            repeated_kmers: 50,
            stored_kmers: 50,
            positions: 300,
            dictionary_bytes: 100,
            position_bytes: 900,
            ..ESTIMATE
        };
        assert_eq!(with_hints(ESTIMATE, &given, &repeated()), half);
        let all = MemoryHints { stored_kmers: 500, positions: 1000, ..ESTIMATE };
        let hinted = with_hints(all, &given, &Filters { min_frequency: 1, ..repeated() });
        assert_eq!((hinted.stored_kmers, hinted.positions, hinted.position_bytes), (250, 1000, 1800));
    }

    #[test]
    fn hints_are_limited_by_the_kmers() {
        let large = u64::MAX;
        let given = MemoryHints {
            kmers: large,
            distinct_kmers: large,
            repeated_kmers: large,
            stored_kmers: large,
            positions: large,
            dictionary_bytes: large,
            position_bytes: large,
        };
        for estimate in [ESTIMATE, MemoryHints { kmers: 1000, ..MemoryHints::default() }] {
            let hinted = with_hints(estimate, &given, &repeated());
            assert_eq!((hinted.kmers, hinted.distinct_kmers, hinted.positions), (1000, 1000, 1000));
            assert!(hinted.repeated_kmers <= 500 && hinted.stored_kmers <= hinted.repeated_kmers);
            assert!(hinted.dictionary_bytes < 1 << 20 && hinted.position_bytes < 1 << 20);
        }
    }
}
