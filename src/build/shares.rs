//! How the budget of a build is shared out before the first pass.

use crate::memory::Budget;
use crate::{Error, Result};

/// Memory beside the records that even the smallest build takes and that is not counted one by one: stacks, cursors, what
/// the allocator keeps.
const LEAST_ROOM: u64 = 8 << 20;
/// The least room for records.
const LEAST_RECORDS: u64 = 1 << 20;
/// The least cache of the store, and the least window.
const LEAST_BUFFER: u64 = 1 << 20;
/// Scratch of one thread that sorts and encodes.
const SCRATCH: u64 = 6 << 20;

/// Bytes for every part of a build. Records get what the others leave, since more of them at once are fewer passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    /// Threads that sort and encode; fewer than there are where memory is scarce.
    pub(super) workers: u64,
    /// Encoded pages that wait for the writer.
    pub(super) window: u64,
    /// The store's own cache.
    pub(super) store_cache: u64,
    /// All but the records, what is reserved already included.
    pub(super) beside: u64,
    /// Records of one pass.
    pub(super) records: u64,
}

impl Shares {
    /// Shares out what `budget` has left among `threads` threads; `sample` bytes are needed before the first pass.
    ///
    /// # Errors
    /// [`Error::Memory`] with the least that would do.
    pub(super) fn of(budget: &Budget, threads: usize, sample: u64) -> Result<Self> {
        let (limit, used) = (budget.limit(), budget.used());
        let least = used + (LEAST_ROOM + SCRATCH + 2 * LEAST_BUFFER + LEAST_RECORDS).max(sample);
        if limit < least {
            return Err(Error::memory("building this index", least, limit));
        }
        let free = limit - used - LEAST_ROOM;
        let workers = (free / 2 / SCRATCH).clamp(1, threads as u64);
        let free = free - workers * SCRATCH;
        let window = (free / 16).clamp(LEAST_BUFFER, 64 << 20);
        let store_cache = (free / 16).clamp(LEAST_BUFFER, 32 << 20);
        let records = free - window - store_cache;
        Ok(Self { workers, window, store_cache, beside: limit - records, records })
    }

    /// As it is where one unit has records of `bytes` bytes that cannot be shared out to passes: the other parts give way.
    ///
    /// # Errors
    /// [`Error::Memory`] with the least that would do.
    pub(super) fn with_unit(self, budget: &Budget, bytes: u64) -> Result<Self> {
        if bytes <= self.records {
            return Ok(self);
        }
        let beside = budget.used() + LEAST_ROOM + SCRATCH + 2 * LEAST_BUFFER;
        if beside + bytes > budget.limit() {
            return Err(Error::memory("an index of k-mers as frequent as here", beside + bytes, budget.limit()));
        }
        let records = budget.limit() - beside;
        Ok(Self { workers: 1, window: LEAST_BUFFER, store_cache: LEAST_BUFFER, beside, records })
    }

    /// As it is once `bytes` more are reserved.
    pub(super) fn without(self, bytes: u64) -> Self {
        let records = self.records.saturating_sub(bytes).max(LEAST_RECORDS);
        Self { beside: self.beside + (self.records.max(records) - records), records, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Component;

    #[test]
    fn shares_never_exceed_the_budget() {
        for mib in [18, 20, 32, 64, 100, 256, 1000, 100_000] {
            for threads in [1, 2, 8, 64] {
                let budget = Budget::new(mib << 20);
                let _used = budget.reserve(Component::Program, 100, "a test").expect("fits");
                let shares = match Shares::of(&budget, threads, 1000) {
                    Ok(shares) => shares,
                    Err(e) => panic!("{mib} MiB, {threads} threads: {e}"),
                };
                assert!(shares.workers >= 1 && shares.workers <= threads as u64);
                assert!(shares.window >= LEAST_BUFFER && shares.store_cache >= LEAST_BUFFER);
                assert!(shares.records >= LEAST_RECORDS, "{shares:?}");
                let parts = 100 + LEAST_ROOM + shares.workers * SCRATCH + shares.window + shares.store_cache;
                assert_eq!((parts, parts + shares.records), (shares.beside, mib << 20), "{mib} {threads}");
                let fewer = shares.without(LEAST_RECORDS);
                assert_eq!(fewer.beside + fewer.records, shares.beside + shares.records.max(fewer.records));
            }
        }
    }

    #[test]
    fn a_large_unit_takes_what_others_can_spare() {
        let budget = Budget::new(100 << 20);
        let shares = Shares::of(&budget, 4, 0).expect("enough");
        assert_eq!(shares.with_unit(&budget, shares.records).expect("fits"), shares);
        let crowded = shares.with_unit(&budget, shares.records + 1).expect("fits");
        assert!(crowded.records > shares.records && crowded.beside + crowded.records == 100 << 20);
        let Err(Error::Memory { needed, .. }) = shares.with_unit(&budget, 100 << 20) else {
            panic!("more than all fits");
        };
        let budget = Budget::new(needed);
        assert!(Shares::of(&budget, 4, 0).and_then(|s| s.with_unit(&budget, 100 << 20)).is_ok());
    }

    #[test]
    fn the_least_that_is_named_is_enough() {
        for (sample, threads) in [(0, 1), (0, 16), (40 << 20, 2)] {
            let Err(Error::Memory { needed, .. }) = Shares::of(&Budget::new(1 << 20), threads, sample) else {
                panic!("too little memory is enough");
            };
            assert!(Shares::of(&Budget::new(needed), threads, sample).is_ok());
            assert!(Shares::of(&Budget::new(needed - (2 << 20)), threads, sample).is_err());
        }
    }
}
