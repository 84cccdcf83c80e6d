//! Divides the budget of a build among its parts before the first pass, so that no pass can exceed it.

use crate::memory::Budget;
use crate::{Error, Result};

/// Bytes that every build uses without a reservation: stacks, cursors, free memory of the allocator. `tests/memory.rs`
/// checks that builds stay within their budget.
const MIN_UNTRACKED: u64 = 8 << 20;
/// Minimum bytes for the records of a pass; with fewer, a build would consist of scans alone.
pub(crate) const MIN_RECORD_MEMORY: u64 = 1 << 20;
/// Bytes by which the largest bin of a genome without very frequent k-mers exceeds the scratch of a thread by chance, at
/// most: that of a random genome of 2 Mb does by less than 200 KB. With it, the memory that an error names suffices.
const BIN_EXCESS: u64 = 1 << 18;
/// Minimum bytes of the catalog cache, and of the write buffer: several pages each.
const MIN_BUFFER: u64 = 1 << 20;
/// Maximum bytes of the write buffer: enough pages for any number of threads; the rest is better used for records.
const MAX_WRITE_BUFFER: u64 = 64 << 20;
/// Maximum bytes of the catalog cache: pages are written once, in order, so a larger cache has no use.
const MAX_CATALOG_CACHE: u64 = 32 << 20;
/// The write buffer and the catalog cache each get this fraction of the free memory: together an eighth, so that most
/// of it is left to the records.
const BUFFER_FRACTION: u64 = 16;
/// Bytes that one thread needs to sort and encode a bin of the usual size.
const SCRATCH: u64 = 6 << 20;

/// Bytes for every part of a build. Records get the rest, since more records a pass are fewer passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryPlan {
    /// Threads that sort and encode; fewer than available if memory is scarce.
    pub(crate) workers: u64,
    /// Encoded pages that wait for the writer.
    pub(crate) write_buffer: u64,
    /// The cache of the catalog that is written.
    pub(crate) catalog_cache: u64,
    /// Everything but the records, present reservations included.
    pub(crate) other: u64,
    /// Records of one pass.
    pub(crate) records: u64,
}

/// Bytes that one build needs in addition to what every build needs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MemoryNeeds {
    /// For the sample before the first pass.
    pub(crate) sample: u64,
    /// For each thread that sorts and encodes.
    pub(crate) scratch: u64,
}

impl MemoryPlan {
    /// Divides the free memory of `budget` among `threads` threads; if it is too little, plans with the minimum.
    pub(crate) fn new(budget: &Budget, threads: usize, needs: MemoryNeeds) -> Self {
        let limit = budget.limit().max(budget.used() + Self::min_bytes(needs));
        let scratch = SCRATCH + needs.scratch;
        let free = limit - budget.used() - MIN_UNTRACKED;
        let workers = (free / 2 / scratch).clamp(1, threads as u64);
        let free = free - workers * scratch;
        let write_buffer = (free / BUFFER_FRACTION).clamp(MIN_BUFFER, MAX_WRITE_BUFFER);
        let catalog_cache = (free / BUFFER_FRACTION).clamp(MIN_BUFFER, MAX_CATALOG_CACHE);
        let records = free - write_buffer - catalog_cache;
        Self { workers, write_buffer, catalog_cache, other: limit - records, records }
    }

    /// As [`new`](Self::new).
    ///
    /// # Errors
    /// [`Error::Memory`] with the smallest sufficient budget, if `budget` is too small.
    pub(crate) fn checked(budget: &Budget, threads: usize, needs: MemoryNeeds) -> Result<Self> {
        let min = budget.used() + Self::min_bytes(needs);
        if budget.limit() < min {
            return Err(Error::memory("building this index", min, budget.limit()));
        }
        Ok(Self::new(budget, threads, needs))
    }

    /// Minimum bytes of a build in addition to present reservations.
    pub(crate) fn min_bytes(needs: MemoryNeeds) -> u64 {
        (MIN_UNTRACKED + SCRATCH + needs.scratch + 2 * MIN_BUFFER + MIN_RECORD_MEMORY + BIN_EXCESS).max(needs.sample)
    }

    /// Adapts a plan to a pass of `records` bytes that cannot be divided, with bins that exceed the scratch of a thread
    /// because of very frequent k-mers: by `all` bytes if every thread has such a bin at once, by `one` if a single
    /// thread has. If `all` does not fit, one thread works, with minimal buffers. Returns the plan and the excess
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Memory`] with the smallest sufficient budget.
    pub(crate) fn with_oversized_bins(
        self,
        budget: &Budget,
        records: u64,
        (all, one): (u64, u64),
        needs: MemoryNeeds,
    ) -> Result<(Self, u64)> {
        let other = budget.used() + MIN_UNTRACKED + SCRATCH + needs.scratch + 2 * MIN_BUFFER;
        let min = other + records.max(MIN_RECORD_MEMORY) + one;
        if min > budget.limit() {
            return Err(Error::memory("an index of k-mers as frequent as here", min, budget.limit()));
        }
        if records + all <= self.records {
            return Ok((self, all));
        }
        let records = budget.limit() - other;
        Ok((Self { workers: 1, write_buffer: MIN_BUFFER, catalog_cache: MIN_BUFFER, other, records }, one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Component;

    #[test]
    fn a_plan_never_exceeds_the_budget() {
        for mib in [18, 20, 32, 64, 100, 256, 1000, 100_000] {
            for threads in [1, 2, 8, 64] {
                let budget = Budget::new(mib << 20);
                let _used = budget.reserve(Component::Program, 100, "a test").expect("fits");
                let plan = match MemoryPlan::checked(&budget, threads, MemoryNeeds { sample: 1000, scratch: 0 }) {
                    Ok(plan) => plan,
                    Err(e) => panic!("{mib} MiB, {threads} threads: {e}"),
                };
                assert!(plan.workers >= 1 && plan.workers <= threads as u64);
                assert!(plan.write_buffer >= MIN_BUFFER && plan.catalog_cache >= MIN_BUFFER);
                assert!(plan.records >= MIN_RECORD_MEMORY, "{plan:?}");
                let parts = 100 + MIN_UNTRACKED + plan.workers * SCRATCH + plan.write_buffer + plan.catalog_cache;
                assert_eq!((parts, parts + plan.records), (plan.other, mib << 20), "{mib} {threads}");
            }
        }
    }

    #[test]
    fn an_oversized_bin_gets_the_memory_of_other_parts() {
        let needs = MemoryNeeds { sample: 0, scratch: 1 << 20 };
        let budget = Budget::new(100 << 20);
        let plan = MemoryPlan::checked(&budget, 4, needs).expect("enough");
        let fits = (plan.records - 20, (20, 10));
        assert_eq!(plan.with_oversized_bins(&budget, fits.0, fits.1, needs).expect("fits"), (plan, 20));
        let (adapted, one) = plan.with_oversized_bins(&budget, fits.0, (21, 10), needs).expect("fits");
        assert_eq!((adapted.workers, one), (1, 10));
        assert!(adapted.records > plan.records && adapted.other + adapted.records == 100 << 20);
        let Err(Error::Memory { needed, .. }) = plan.with_oversized_bins(&budget, 100 << 20, (9 << 20, 5 << 20), needs)
        else {
            panic!("more than all fits");
        };
        let budget = Budget::new(needed);
        let enough = MemoryPlan::new(&budget, 4, needs);
        assert!(enough.with_oversized_bins(&budget, 100 << 20, (9 << 20, 5 << 20), needs).is_ok());
    }

    #[test]
    fn the_least_that_is_named_is_enough() {
        for (sample, scratch, threads) in [(0, 0, 1), (0, 0, 16), (40 << 20, 0, 2), (0, 50 << 20, 2)] {
            let needs = MemoryNeeds { sample, scratch };
            let Err(Error::Memory { needed, .. }) = MemoryPlan::checked(&Budget::new(1 << 20), threads, needs) else {
                panic!("too little memory is enough");
            };
            assert!(MemoryPlan::checked(&Budget::new(needed), threads, needs).is_ok());
            assert!(MemoryPlan::checked(&Budget::new(needed - (2 << 20)), threads, needs).is_err());
        }
    }
}
