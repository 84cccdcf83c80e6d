//! How the budget of a build is shared out before the first pass.

use crate::memory::Budget;
use crate::{Error, Result};

/// Memory beside the records that even the smallest build takes and that is not counted one by one: stacks, cursors, what
/// the allocator keeps.
const LEAST_ROOM: u64 = 8 << 20;
/// The least room for records.
pub(crate) const LEAST_RECORDS: u64 = 1 << 20;
/// The least cache of the store, and the least window.
const LEAST_BUFFER: u64 = 1 << 20;
/// Scratch of one thread that sorts and encodes.
const SCRATCH: u64 = 6 << 20;

/// Bytes for every part of a build. Records get what the others leave, since more of them at once are fewer passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Threads that sort and encode; fewer than there are where memory is scarce.
    pub(crate) workers: u64,
    /// Encoded pages that wait for the writer.
    pub(crate) window: u64,
    /// The store's own cache.
    pub(crate) store_cache: u64,
    /// All but the records, what is reserved already included.
    pub(crate) beside: u64,
    /// Records of one pass.
    pub(crate) records: u64,
}

/// What a build needs beside what every build does, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    /// Before the first pass.
    pub(crate) sample: u64,
    /// Of each thread that sorts and encodes.
    pub(crate) scratch: u64,
}

impl Shares {
    /// Shares out what `budget` has left among `threads` threads; where that is too little, as if it were the least.
    pub(crate) fn of(budget: &Budget, threads: usize, needs: Needs) -> Self {
        let limit = budget.limit().max(budget.used() + Self::least(needs));
        let scratch = SCRATCH + needs.scratch;
        let free = limit - budget.used() - LEAST_ROOM;
        let workers = (free / 2 / scratch).clamp(1, threads as u64);
        let free = free - workers * scratch;
        let window = (free / 16).clamp(LEAST_BUFFER, 64 << 20);
        let store_cache = (free / 16).clamp(LEAST_BUFFER, 32 << 20);
        let records = free - window - store_cache;
        Self { workers, window, store_cache, beside: limit - records, records }
    }

    /// As [`of`](Self::of).
    ///
    /// # Errors
    /// [`Error::Memory`] with the least that would do.
    pub(crate) fn checked(budget: &Budget, threads: usize, needs: Needs) -> Result<Self> {
        let least = budget.used() + Self::least(needs);
        if budget.limit() < least {
            return Err(Error::memory("building this index", least, budget.limit()));
        }
        Ok(Self::of(budget, threads, needs))
    }

    /// The least that a build takes beside what is reserved before it is shared out.
    pub(crate) fn least(needs: Needs) -> u64 {
        (LEAST_ROOM + SCRATCH + needs.scratch + 2 * LEAST_BUFFER + LEAST_RECORDS).max(needs.sample)
    }

    /// As it is where `records` bytes of records cannot be shared out to more passes, and k-mers of great frequency crowd
    /// the scratch: by `all` bytes if as many threads meet them as there are, else by `one`. The other parts give way.
    /// Gives what crowds the scratch too.
    ///
    /// # Errors
    /// [`Error::Memory`] with the least that would do.
    pub(crate) fn with_crowded(
        self,
        budget: &Budget,
        records: u64,
        (all, one): (u64, u64),
        needs: Needs,
    ) -> Result<(Self, u64)> {
        let beside = budget.used() + LEAST_ROOM + SCRATCH + needs.scratch + 2 * LEAST_BUFFER;
        let least = beside + records.max(LEAST_RECORDS) + one;
        if least > budget.limit() {
            return Err(Error::memory("an index of k-mers as frequent as here", least, budget.limit()));
        }
        if records + all <= self.records {
            return Ok((self, all));
        }
        let records = budget.limit() - beside;
        Ok((Self { workers: 1, window: LEAST_BUFFER, store_cache: LEAST_BUFFER, beside, records }, one))
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
                let shares = match Shares::checked(&budget, threads, Needs { sample: 1000, scratch: 0 }) {
                    Ok(shares) => shares,
                    Err(e) => panic!("{mib} MiB, {threads} threads: {e}"),
                };
                assert!(shares.workers >= 1 && shares.workers <= threads as u64);
                assert!(shares.window >= LEAST_BUFFER && shares.store_cache >= LEAST_BUFFER);
                assert!(shares.records >= LEAST_RECORDS, "{shares:?}");
                let parts = 100 + LEAST_ROOM + shares.workers * SCRATCH + shares.window + shares.store_cache;
                assert_eq!((parts, parts + shares.records), (shares.beside, mib << 20), "{mib} {threads}");
            }
        }
    }

    #[test]
    fn a_large_unit_takes_what_others_can_spare() {
        let needs = Needs { sample: 0, scratch: 1 << 20 };
        let budget = Budget::new(100 << 20);
        let shares = Shares::checked(&budget, 4, needs).expect("enough");
        let fits = (shares.records - 20, (20, 10));
        assert_eq!(shares.with_crowded(&budget, fits.0, fits.1, needs).expect("fits"), (shares, 20));
        let (crowded, one) = shares.with_crowded(&budget, fits.0, (21, 10), needs).expect("fits");
        assert_eq!((crowded.workers, one), (1, 10));
        assert!(crowded.records > shares.records && crowded.beside + crowded.records == 100 << 20);
        let Err(Error::Memory { needed, .. }) = shares.with_crowded(&budget, 100 << 20, (9 << 20, 5 << 20), needs)
        else {
            panic!("more than all fits");
        };
        let budget = Budget::new(needed);
        let enough = Shares::of(&budget, 4, needs);
        assert!(enough.with_crowded(&budget, 100 << 20, (9 << 20, 5 << 20), needs).is_ok());
    }

    #[test]
    fn the_least_that_is_named_is_enough() {
        for (sample, scratch, threads) in [(0, 0, 1), (0, 0, 16), (40 << 20, 0, 2), (0, 50 << 20, 2)] {
            let needs = Needs { sample, scratch };
            let Err(Error::Memory { needed, .. }) = Shares::checked(&Budget::new(1 << 20), threads, needs) else {
                panic!("too little memory is enough");
            };
            assert!(Shares::checked(&Budget::new(needed), threads, needs).is_ok());
            assert!(Shares::checked(&Budget::new(needed - (2 << 20)), threads, needs).is_err());
        }
    }
}
