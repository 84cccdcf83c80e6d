//! The memory budget of a run: reservations that fail or wait instead of exceeding the limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::memory::status::Status;
use crate::{Error, Result};

/// The use of a reservation; one row of the memory report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Component {
    /// Memory of every run of the program: its data, stacks of threads.
    Program,
    /// Buffers of the input, from the files to the packed genome.
    Input,
    /// Contig names, lengths and offsets.
    Contigs,
    /// The sample of k-mers from which a build is estimated.
    Sample,
    /// Record counts of the bins of a build.
    Counts,
    /// Records of one pass of a build, by bin.
    Partitions,
    /// Scratch of sorting and encoding, all threads.
    SortScratch,
    /// Encoded pages that wait for the writer, and their reused buffers.
    WriteWindow,
    /// The catalog's own cache while it is written.
    Store,
    /// Seeds while they are sorted by frequency.
    Seeds,
    /// Offsets of pages and position blocks, and which of them were checked.
    PageIndex,
    /// Dictionary pages and position lists cached by an open index.
    IndexCache,
    /// Bytes of an index elsewhere that are being fetched or were read ahead.
    Remote,
    /// Batches of queries in flight.
    Batches,
    /// Results that wait for the writer.
    Output,
    /// The genome for alignment, a byte a base, or bits for each of its bases.
    Genome,
    /// Alignments of a search, and copies of repeats.
    Alignments,
}

impl Component {
    /// Every component, in the order of the report.
    pub const ALL: [Component; 17] = [
        Self::Program,
        Self::Input,
        Self::Contigs,
        Self::Sample,
        Self::Counts,
        Self::Partitions,
        Self::SortScratch,
        Self::WriteWindow,
        Self::Store,
        Self::Seeds,
        Self::PageIndex,
        Self::IndexCache,
        Self::Remote,
        Self::Batches,
        Self::Output,
        Self::Genome,
        Self::Alignments,
    ];

    /// Name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Input => "input",
            Self::Contigs => "contigs",
            Self::Sample => "sample",
            Self::Counts => "counts",
            Self::Partitions => "partitions",
            Self::SortScratch => "sort scratch",
            Self::WriteWindow => "write window",
            Self::Store => "store cache",
            Self::Seeds => "seeds",
            Self::PageIndex => "page index",
            Self::IndexCache => "index cache",
            Self::Remote => "remote reads",
            Self::Batches => "batches",
            Self::Output => "output",
            Self::Genome => "genome",
            Self::Alignments => "alignments",
        }
    }
}

/// Bytes reserved by one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentUsage {
    /// The component.
    pub component: Component,
    /// Bytes reserved now.
    pub current: u64,
    /// Maximum bytes reserved at any time.
    pub peak: u64,
}

/// Reserved bytes.
#[derive(Debug, Default)]
struct BudgetState {
    used: u64,
    peak: u64,
    /// Reservations by [`Budget::wait`] that are not released yet.
    in_flight: u64,
    by_component: [(u64, u64); Component::ALL.len()],
    expected: Option<u64>,
}

/// The state that all clones of a budget share.
#[derive(Debug)]
struct SharedBudget {
    limit: u64,
    state: Mutex<BudgetState>,
    released: Condvar,
    status: AtomicU8,
}

/// The memory that one run may use; cheap to clone, shared by all threads.
#[derive(Debug, Clone)]
pub struct Budget(Arc<SharedBudget>);

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        let status = AtomicU8::new(Status::Ok as u8);
        Self(Arc::new(SharedBudget { limit, state: Mutex::default(), released: Condvar::new(), status }))
    }

    /// Bytes in all.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Bytes reserved now.
    pub fn used(&self) -> u64 {
        self.state().used
    }

    /// Bytes not reserved now.
    pub fn free(&self) -> u64 {
        self.0.limit.saturating_sub(self.used())
    }

    /// Maximum bytes reserved at any time.
    pub fn peak(&self) -> u64 {
        self.state().peak
    }

    /// Reservations by component, without those never used.
    pub fn usage(&self) -> Vec<ComponentUsage> {
        let state = self.state();
        Component::ALL
            .iter()
            .zip(state.by_component)
            .filter(|(_, (_, peak))| *peak > 0)
            .map(|(&component, (current, peak))| ComponentUsage { component, current, peak })
            .collect()
    }

    /// Bytes reserved now by every component, in the order of [`Component::ALL`].
    pub(crate) fn by_component(&self) -> [u64; Component::ALL.len()] {
        self.state().by_component.map(|(current, _)| current)
    }

    /// Records the maximum bytes that a plan expects to use, for the memory report.
    pub(crate) fn expect(&self, bytes: u64) {
        self.state().expected = Some(bytes);
    }

    /// The maximum bytes that a plan expected, if there was a plan.
    pub(crate) fn expected(&self) -> Option<u64> {
        self.state().expected
    }

    /// How scarce memory is on this machine and in this cgroup, by the last reading of the [`Monitor`](super::Monitor).
    /// Caches shrink at [`Status::Warning`]; new work waits at [`Status::Critical`].
    pub fn status(&self) -> Status {
        Status::from_number(self.0.status.load(Ordering::Relaxed))
    }

    pub(crate) fn set_status(&self, status: Status) {
        // Under the lock, so that a thread between its check and its wait does not miss the change.
        let state = self.state();
        self.0.status.store(status as u8, Ordering::Relaxed);
        drop(state);
        self.0.released.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, BudgetState> {
        // The state is consistent between any two statements that change it, so a panic elsewhere does not corrupt it.
        self.0.state.lock()
    }

    fn take(&self, state: &mut BudgetState, component: Component, bytes: u64, in_flight: bool) -> Reservation {
        state.used += bytes;
        state.peak = state.peak.max(state.used);
        state.in_flight += u64::from(in_flight);
        let (current, peak) = &mut state.by_component[component as usize];
        *current += bytes;
        *peak = (*peak).max(*current);
        Reservation { budget: self.clone(), component, bytes, in_flight }
    }

    /// Reserves immediately.
    ///
    /// # Errors
    /// [`Error::Memory`] with `what` and the smallest sufficient budget, if too little is free.
    pub fn reserve(&self, component: Component, bytes: u64, what: &'static str) -> Result<Reservation> {
        let mut state = self.state();
        let needed = state.used.saturating_add(bytes);
        if needed > self.0.limit {
            return Err(Error::memory(what, needed, self.0.limit));
        }
        Ok(self.take(&mut state, component, bytes, false))
    }

    /// Reserves immediately for one of many parts: `done` of `all` parts exist and have reserved `so_far` bytes.
    ///
    /// # Errors
    /// [`Error::Memory`] with `what` and the bytes of all parts, if the others are as large as those so far.
    pub(crate) fn reserve_part(
        &self,
        component: Component,
        bytes: u64,
        what: &'static str,
        so_far: u64,
        (done, all): (u64, u64),
    ) -> Result<Reservation> {
        self.reserve(component, bytes, what).map_err(|e| match e {
            Error::Memory { what, needed, allowed } => {
                let parts = u128::from(so_far + bytes) * u128::from(all.saturating_sub(done)) / u128::from(done.max(1));
                let rest = u64::try_from(parts).unwrap_or(u64::MAX);
                // The first parts are a weak estimate of the others, so the extrapolation is limited.
                Error::memory(what, needed.saturating_add(rest.min(8 * allowed)), allowed)
            }
            other => other,
        })
    }

    /// An empty reservation, to be resized to what is allocated.
    pub fn empty_reservation(&self, component: Component) -> Reservation {
        self.take(&mut self.state(), component, 0, false)
    }

    /// Reserves for an item in flight; waits until enough is released and memory is not critical. If no other item is
    /// in flight, one of any size is admitted, so that an item larger than the budget is processed alone and nothing
    /// waits for ever. A thread with an item must not wait for a second one.
    pub fn wait(&self, component: Component, bytes: u64) -> Reservation {
        let mut state = self.state();
        while self.must_wait(&state, bytes) {
            self.0.released.wait(&mut state);
        }
        self.take(&mut state, component, bytes, bytes > 0)
    }

    fn must_wait(&self, state: &BudgetState, bytes: u64) -> bool {
        state.in_flight > 0
            && bytes > 0
            && (state.used.saturating_add(bytes) > self.0.limit || self.status() == Status::Critical)
    }

    /// Whether [`wait`](Self::wait) would wait now.
    pub(crate) fn would_wait(&self, bytes: u64) -> bool {
        self.must_wait(&self.state(), bytes)
    }
}

/// Memory reserved from a [`Budget`]; released on drop.
#[derive(Debug)]
#[must_use = "a dropped reservation releases its bytes"]
pub struct Reservation {
    budget: Budget,
    component: Component,
    bytes: u64,
    in_flight: bool,
}

impl Reservation {
    /// Reserved bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How tight memory is: [`Budget::status`].
    pub(crate) fn status(&self) -> Status {
        self.budget.status()
    }

    /// Reserves more.
    ///
    /// # Errors
    /// [`Error::Memory`], which names `what`, when too little is free. An object that grows step by step is expected to
    /// grow by as much again, so that a user who retries with the named limit does not proceed in small steps.
    pub fn grow(&mut self, bytes: u64, what: &'static str) -> Result<()> {
        self.grow_part(bytes, what, (1, 2))
    }

    /// Reserves more, for one of many parts: `done` of `all` are there.
    ///
    /// # Errors
    /// As [`Budget::reserve_part`].
    pub(crate) fn grow_part(&mut self, bytes: u64, what: &'static str, part: (u64, u64)) -> Result<()> {
        let more = self.budget.reserve_part(self.component, bytes, what, self.bytes, part);
        let Reservation { bytes: added, .. } = &mut more?;
        // The same bytes, in one reservation instead of two.
        self.bytes += std::mem::take(added);
        Ok(())
    }

    /// Changes the size to what was really allocated; growing is recorded even past the limit, since the memory is
    /// there already.
    pub fn resize(&mut self, bytes: u64) {
        let mut state = self.budget.state();
        let (current, peak) = &mut state.by_component[self.component as usize];
        *current = current.saturating_sub(self.bytes).saturating_add(bytes);
        *peak = (*peak).max(*current);
        state.used = state.used.saturating_sub(self.bytes).saturating_add(bytes);
        state.peak = state.peak.max(state.used);
        drop(state);
        self.bytes = bytes;
        self.budget.0.released.notify_all();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.state().in_flight -= u64::from(std::mem::take(&mut self.in_flight));
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn reservations_add_up_and_are_released() {
        let budget = Budget::new(100);
        let a = budget.reserve(Component::Sample, 60, "a test").expect("fits");
        assert!(matches!(
            budget.reserve(Component::Store, 41, "a test"),
            Err(Error::Memory { needed: 1_048_576, allowed: 100, .. })
        ));
        let mut b = budget.reserve(Component::Store, 40, "a test").expect("fits");
        assert_eq!(budget.free(), 0);
        assert!(matches!(b.grow(1, "a test"), Err(Error::Memory { .. })));
        assert_eq!((b.bytes(), budget.free()), (40, 0));
        drop(a);
        assert_eq!((budget.free(), budget.peak()), (60, 100));
        b.grow(5, "a test").expect("fits");
        assert_eq!((b.bytes(), budget.free()), (45, 55));
        drop(b);
        assert_eq!(budget.free(), 100);
        let usage = budget.usage();
        assert_eq!(usage[0], ComponentUsage { component: Component::Sample, current: 0, peak: 60 });
    }

    #[test]
    fn a_panic_releases() {
        let budget = Budget::new(10);
        let inner = budget.clone();
        let outcome = std::thread::spawn(move || {
            let _reservation = inner.reserve(Component::Input, 10, "a test").expect("fits");
            panic!("on purpose");
        })
        .join();
        assert!(outcome.is_err());
        assert_eq!(budget.free(), 10);
    }

    #[test]
    fn waiting_ends_when_memory_is_released_and_an_item_above_the_limit_is_alone() {
        let budget = Budget::new(10);
        let large = budget.wait(Component::Batches, 1000);
        let other = budget.clone();
        // An item of another component waits as well: the large one is alone.
        let waiter = std::thread::spawn(move || drop(other.wait(Component::Output, 5)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished());
        drop(large);
        waiter.join().expect("no panic");
        assert_eq!(budget.free(), 10);
        // Reservations that are not in flight do not keep an item from being admitted alone.
        let mut reservation = budget.empty_reservation(Component::IndexCache);
        reservation.resize(10);
        drop(budget.wait(Component::Batches, 5));
    }

    #[test]
    fn new_work_waits_while_memory_is_critical() {
        let budget = Budget::new(100);
        let first = budget.wait(Component::Batches, 10);
        budget.set_status(Status::Critical);
        let other = budget.clone();
        let waiter = std::thread::spawn(move || drop(other.wait(Component::Batches, 10)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished());
        budget.set_status(Status::Ok);
        waiter.join().expect("no panic");
        // If nothing is in flight one item is admitted, however scarce memory is.
        budget.set_status(Status::Critical);
        drop(first);
        drop(budget.wait(Component::Batches, 10));
    }
}
