//! Watches memory while a command runs: the resident memory of the process, and the free memory of machine and cgroup.

use std::fs;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::memory::budget::{Budget, Component};
use crate::memory::status::Status;
use crate::memory::system::resident::{Statm, cgroups, memory_field, resident_memory};

/// Memory that this process could still use of the machine or of a cgroup. Cached pages of files count as free, since
/// the system can evict them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeMemory {
    /// Bytes that could still be allocated.
    pub free: u64,
    /// Bytes of the machine or of the limit of the cgroup.
    pub total: u64,
}

/// Free memory below 1/10 of all is a warning: caches need some time to shrink.
const WARNING_FRACTION: u64 = 10;
/// Free memory above 2 GiB is no warning on a machine of any size.
const MAX_WARNING: u64 = 2 << 30;
/// Free memory below 1/25 of all is critical: the rest is for the work in flight.
const CRITICAL_FRACTION: u64 = 25;
/// Free memory above 512 MiB is not critical on a machine of any size: work in flight allocates less.
const MAX_CRITICAL: u64 = 512 << 20;

impl FreeMemory {
    /// The status of the process with this much free memory: see the limits below.
    pub fn status(self) -> Status {
        if self.free < (self.total / CRITICAL_FRACTION).min(MAX_CRITICAL) {
            Status::Critical
        } else if self.free < (self.total / WARNING_FRACTION).min(MAX_WARNING) {
            Status::Warning
        } else {
            Status::Ok
        }
    }
}

/// The free memory of the machine or of the cgroup of this process, whichever is less; `None` without `/proc`.
pub fn free_memory() -> Option<FreeMemory> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let field = |name| memory_field(&meminfo, name);
    let machine = FreeMemory { free: field("MemAvailable:")?, total: field("MemTotal:")? };
    let groups = cgroups().into_iter().filter(|group| group.limit < machine.total).filter_map(|group| {
        let used = fs::read_to_string(group.folder.join(group.usage)).ok()?.trim().parse::<u64>().ok()?;
        let stat = fs::read_to_string(group.folder.join("memory.stat")).ok()?;
        let files: u64 = stat
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| group.files.contains(name))
            .filter_map(|(_, bytes)| bytes.parse::<u64>().ok())
            .sum();
        Some(FreeMemory { free: group.limit.saturating_sub(used.saturating_sub(files)), total: group.limit })
    });
    groups.chain([machine]).min_by_key(|memory| memory.free)
}

/// The moment of the maximum resident anonymous memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryPeak {
    /// Anonymous bytes resident at that moment.
    pub anonymous: u64,
    /// Bytes of mapped files resident at that moment.
    pub file: u64,
    /// Bytes reserved at that moment, in the order of [`Component::ALL`].
    pub by_component: [u64; Component::ALL.len()],
    /// Maximum bytes of mapped files resident at any time.
    pub max_file: u64,
}

impl MemoryPeak {
    /// The present moment as the maximum.
    pub fn now(budget: &Budget) -> Self {
        let mut peak = Self::default();
        let read = || resident_memory().map_or((0, 0), |now| (now.anonymous, now.file));
        peak.update(&MemoryReading::of(budget, read));
        peak
    }

    fn update(&mut self, now: &MemoryReading) {
        self.max_file = self.max_file.max(now.file);
        if now.anonymous > self.anonymous {
            (self.anonymous, self.file, self.by_component) = (now.anonymous, now.file, now.by_component);
        }
    }
}

/// Resident and reserved bytes at about the same time.
struct MemoryReading {
    anonymous: u64,
    file: u64,
    by_component: [u64; Component::ALL.len()],
}

/// Bytes by which reservations may change while both are read: below the resolution of the report.
const MAX_DRIFT: u64 = 1 << 20;
/// Attempts until a reading is accepted in any case, so that the monitor never spins.
const MAX_ATTEMPTS: u32 = 8;

impl MemoryReading {
    /// Reads both, and repeats if reservations changed in between: on a busy machine this thread may sleep between the
    /// two.
    fn of(budget: &Budget, read: impl Fn() -> (u64, u64)) -> Self {
        let mut by_component = budget.by_component();
        let mut attempts = 0;
        loop {
            let before: u64 = by_component.iter().sum();
            let (anonymous, file) = read();
            by_component = budget.by_component();
            attempts += 1;
            if before.abs_diff(by_component.iter().sum()) < MAX_DRIFT || attempts == MAX_ATTEMPTS {
                return Self { anonymous, file, by_component };
            }
        }
    }
}

/// A thread that reads memory periodically, sets the status of the budget, records the peak and optionally writes a
/// time series.
#[derive(Debug)]
pub struct Monitor<W> {
    stop: Sender<()>,
    thread: JoinHandle<(MemoryPeak, Option<W>, std::io::Result<()>)>,
}

/// Readings per row of a time series.
const READINGS_PER_ROW: u32 = 5;
/// Readings per check of the free memory of machine and cgroup, which costs several files of `/proc` and `/sys`.
const READINGS_PER_CHECK: u32 = 20;

impl<W: Write + Send + 'static> Monitor<W> {
    /// Starts the thread: it reads memory every `period`, adds a row to `series` at every fifth reading, and calls
    /// `free` at every twentieth.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub fn start(
        budget: &Budget,
        period: Duration,
        mut free: impl FnMut() -> Option<FreeMemory> + Send + 'static,
        mut series: Option<W>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let budget = budget.clone();
        let thread = std::thread::Builder::new().name("monitor".to_owned()).stack_size(128 << 10).spawn(move || {
            let start = Instant::now();
            let mut peak = MemoryPeak::default();
            let mut written = Ok(());
            let statm = Statm::open();
            let now = || MemoryReading::of(&budget, || statm.as_ref().and_then(Statm::read).unwrap_or_default());
            let mut row = |now: &MemoryReading| {
                let Some(series) = series.as_mut().filter(|_| written.is_ok()) else { return };
                written = writeln!(
                    series,
                    "{:.3}\t{}\t{}\t{}\t{}\t{}",
                    start.elapsed().as_secs_f64(),
                    now.anonymous,
                    now.file,
                    now.by_component.iter().sum::<u64>(),
                    now.by_component[Component::IndexCache as usize],
                    budget.status().name()
                );
            };
            for number in 0u32.. {
                let reading = now();
                peak.update(&reading);
                if number.is_multiple_of(READINGS_PER_CHECK) {
                    let status = free().map_or(Status::Ok, FreeMemory::status);
                    if status != budget.status() {
                        budget.set_status(status);
                    }
                }
                if number.is_multiple_of(READINGS_PER_ROW) {
                    row(&reading);
                }
                if !matches!(stopped.recv_timeout(period), Err(RecvTimeoutError::Timeout)) {
                    break;
                }
            }
            let reading = now();
            peak.update(&reading);
            row(&reading);
            (peak, series, written)
        })?;
        Ok(Self { stop, thread })
    }

    /// Header of a time series: seconds, then bytes, then the status.
    pub const HEADER: &str = "#time\tresident_anonymous\tresident_file\ttracked\tcache\tstatus\n";

    /// Takes a last reading and ends the thread; returns the peak and the series.
    ///
    /// # Errors
    /// The first error while the series was written.
    pub fn stop(self) -> std::io::Result<(MemoryPeak, Option<W>)> {
        drop(self.stop);
        let (peak, series, written) = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written.map(|()| (peak, series))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn the_status_follows_the_free_memory() {
        let status = |left, total| FreeMemory { free: left, total }.status();
        let (mib, gib) = (1 << 20, 1 << 30);
        assert_eq!(status(11 * mib, 100 * mib), Status::Ok);
        assert_eq!(status(9 * mib, 100 * mib), Status::Warning);
        assert_eq!(status(3 * mib, 100 * mib), Status::Critical);
        assert_eq!(status(3 * gib, 1000 * gib), Status::Ok);
        assert_eq!(status(gib, 1000 * gib), Status::Warning);
        assert_eq!(status(gib / 4, 1000 * gib), Status::Critical);
        assert!(Status::Ok < Status::Warning && Status::Warning < Status::Critical);
    }

    /// Waits for what another thread is about to do.
    fn until(what: impl Fn() -> bool) {
        while !what() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_reading_reaches_the_budget_and_the_series() {
        let budget = Budget::new(1 << 30);
        let left = Arc::new(AtomicU64::new(50));
        let fake = Arc::clone(&left);
        let read = move || Some(FreeMemory { free: fake.load(Ordering::Relaxed), total: 100 });
        let monitor = Monitor::start(&budget, Duration::from_millis(1), read, Some(Vec::new())).expect("a thread");
        let mut cache = budget.empty_reservation(Component::IndexCache);
        cache.resize(77);
        for (now, status) in [(8, Status::Warning), (1, Status::Critical), (60, Status::Ok), (8, Status::Warning)] {
            left.store(now, Ordering::Relaxed);
            until(|| budget.status() == status);
        }
        let (peak, series) = monitor.stop().expect("a vector takes all");
        let series = String::from_utf8(series.expect("given back")).expect("text");
        let rows: Vec<Vec<&str>> = series.lines().map(|line| line.split('\t').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == Monitor::<Vec<u8>>::HEADER.split('\t').count()));
        for status in ["warning", "critical", "ok"] {
            assert!(rows.iter().any(|row| row[5] == status), "{status}: {series}");
        }
        let last = rows.last().expect("rows");
        assert_eq!((last[3], last[4], last[5]), ("77", "77", "warning"));
        let seconds = |row: &[&str]| row[0].parse::<f64>().expect("seconds");
        assert!(rows.windows(2).all(|two| seconds(&two[0]) <= seconds(&two[1])), "{series}");
        if resident_memory().is_some() {
            assert!(peak.anonymous > 0 && peak.max_file >= peak.file);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_reports_free_memory() {
        let memory = free_memory().expect("Linux has /proc");
        assert!(memory.free > 0 && memory.free <= memory.total);
    }
}
