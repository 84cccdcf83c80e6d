use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Error, Result};

/// What a reservation is for; the rows of the memory report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Component {
    /// Buffers of the input on its way into the packed genome.
    Input,
    /// Contig names, lengths and offsets.
    Contigs,
    /// The sample of k-mers behind an estimate.
    Sample,
    /// Counts and offsets of the partitions of a build.
    Counts,
    /// Records of a pass, partitioned.
    Partitions,
    /// Scratch of sorting and encoding, all threads.
    SortScratch,
    /// Encoded pages that wait for the writer.
    WriteWindow,
    /// The store's own cache.
    Store,
    /// Seeds being ordered.
    Seeds,
    /// Dictionary pages and position lists cached by an open index.
    IndexCache,
    /// Batches of queries in flight.
    Batches,
}

impl Component {
    /// Every component, in the order of the report.
    pub const ALL: [Component; 11] = [
        Self::Input,
        Self::Contigs,
        Self::Sample,
        Self::Counts,
        Self::Partitions,
        Self::SortScratch,
        Self::WriteWindow,
        Self::Store,
        Self::Seeds,
        Self::IndexCache,
        Self::Batches,
    ];

    /// Name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Contigs => "contigs",
            Self::Sample => "sample",
            Self::Counts => "counts",
            Self::Partitions => "partitions",
            Self::SortScratch => "sort scratch",
            Self::WriteWindow => "write window",
            Self::Store => "store cache",
            Self::Seeds => "seeds",
            Self::IndexCache => "index cache",
            Self::Batches => "batches",
        }
    }
}

/// Bytes reserved by one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The component.
    pub component: Component,
    /// Bytes reserved now.
    pub current: u64,
    /// Most bytes reserved at any time.
    pub peak: u64,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    peak: u64,
    by_component: [(u64, u64); Component::ALL.len()],
}

#[derive(Debug)]
struct Shared {
    limit: u64,
    state: Mutex<State>,
    given_back: Condvar,
}

/// The memory that one run may use; cheap to clone, shared by all threads.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Shared { limit, state: Mutex::default(), given_back: Condvar::new() }))
    }

    /// Bytes in all.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Bytes not reserved now.
    pub fn free(&self) -> u64 {
        self.0.limit.saturating_sub(self.state().used)
    }

    /// Most bytes reserved at any time.
    pub fn peak(&self) -> u64 {
        self.state().peak
    }

    /// Reservations by component, those never used left out.
    pub fn usage(&self) -> Vec<Usage> {
        let state = self.state();
        Component::ALL
            .iter()
            .zip(state.by_component)
            .filter(|(_, (_, peak))| *peak > 0)
            .map(|(&component, (current, peak))| Usage { component, current, peak })
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that change it, so a panic elsewhere does not spoil it.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, state: &mut State, component: Component, bytes: u64) -> Reservation {
        state.used += bytes;
        state.peak = state.peak.max(state.used);
        let (current, peak) = &mut state.by_component[component as usize];
        *current += bytes;
        *peak = (*peak).max(*current);
        Reservation { budget: self.clone(), component, bytes }
    }

    /// Reserves at once.
    ///
    /// # Errors
    /// [`Error::Memory`], which names `what` and the least budget that would do, when too little is free.
    pub fn reserve(&self, component: Component, bytes: u64, what: &'static str) -> Result<Reservation> {
        let mut state = self.state();
        if state.used.saturating_add(bytes) > self.0.limit {
            return Err(Error::Memory { what, needed: state.used.saturating_add(bytes), allowed: self.0.limit });
        }
        Ok(self.take(&mut state, component, bytes))
    }

    /// Reserves, waiting until enough is given back. A request is admitted whatever its size while its component
    /// holds nothing, so that one item larger than the budget gets through alone and nothing waits for ever.
    pub fn wait(&self, component: Component, bytes: u64) -> Reservation {
        let mut state = self.state();
        while state.used.saturating_add(bytes) > self.0.limit && state.by_component[component as usize].0 > 0 {
            state = self.0.given_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.take(&mut state, component, bytes)
    }
}

/// Memory reserved from a [`Budget`]; given back on drop.
#[derive(Debug)]
#[must_use = "a reservation that is dropped gives its bytes back"]
pub struct Reservation {
    budget: Budget,
    component: Component,
    bytes: u64,
}

impl Reservation {
    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
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
        self.budget.0.given_back.notify_all();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn reservations_add_up_and_come_back() {
        let budget = Budget::new(100);
        let a = budget.reserve(Component::Sample, 60, "a test").expect("fits");
        assert!(matches!(
            budget.reserve(Component::Store, 41, "a test"),
            Err(Error::Memory { needed: 101, allowed: 100, .. })
        ));
        let b = budget.reserve(Component::Store, 40, "a test").expect("fits");
        assert_eq!(budget.free(), 0);
        drop(a);
        assert_eq!((budget.free(), budget.peak()), (60, 100));
        drop(b);
        let usage = budget.usage();
        assert_eq!(usage[0], Usage { component: Component::Sample, current: 0, peak: 60 });
    }

    #[test]
    fn a_panic_gives_back() {
        let budget = Budget::new(10);
        let inner = budget.clone();
        let outcome = std::thread::spawn(move || {
            let _held = inner.reserve(Component::Input, 10, "a test").expect("fits");
            panic!("on purpose");
        })
        .join();
        assert!(outcome.is_err());
        assert_eq!(budget.free(), 10);
    }

    #[test]
    fn waiting_ends_when_memory_comes_back_and_a_giant_goes_alone() {
        let budget = Budget::new(10);
        let giant = budget.wait(Component::Batches, 1000);
        let other = budget.clone();
        let waiter = std::thread::spawn(move || drop(other.wait(Component::Batches, 5)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished());
        drop(giant);
        waiter.join().expect("no panic");
        assert_eq!(budget.free(), 10);
    }
}
