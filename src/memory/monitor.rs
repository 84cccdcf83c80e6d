//! Watches memory while a command runs: what the process has, and what machine and cgroup have left.

use std::fs;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::memory::system::resident::{Statm, cgroups, memory_field};
use crate::memory::{Budget, Component, resident};

/// How tight memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// There is enough.
    Ok,
    /// Little is left: caches shrink.
    Warning,
    /// Next to nothing is left: new work waits for what is in flight.
    Critical,
}

impl Status {
    /// The status behind its number.
    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Ok,
            1 => Self::Warning,
            _ => Self::Critical,
        }
    }

    /// As a time series writes it: `ok`, `warning`, `critical`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Memory that is left to this process in one place: the machine or a cgroup. Pages of files count as left, since the
/// system takes them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headroom {
    /// Bytes that could still be had.
    pub left: u64,
    /// Bytes there are in all.
    pub total: u64,
}

impl Headroom {
    /// A tenth of all, but not more than 2 GiB, is little; a twenty-fifth, but not more than 512 MiB, is next to nothing.
    pub fn status(self) -> Status {
        if self.left < (self.total / 25).min(512 << 20) {
            Status::Critical
        } else if self.left < (self.total / 10).min(2 << 30) {
            Status::Warning
        } else {
            Status::Ok
        }
    }
}

/// The tightest of the machine and the cgroups that this process is in; `None` where the system does not say.
pub fn headroom() -> Option<Headroom> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let field = |name| memory_field(&meminfo, name);
    let machine = Headroom { left: field("MemAvailable:")?, total: field("MemTotal:")? };
    let groups = cgroups().into_iter().filter(|group| group.limit < machine.total).filter_map(|group| {
        let used = fs::read_to_string(group.folder.join(group.usage)).ok()?.trim().parse::<u64>().ok()?;
        let stat = fs::read_to_string(group.folder.join("memory.stat")).ok()?;
        let files: u64 = stat
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| group.files.contains(name))
            .filter_map(|(_, bytes)| bytes.parse::<u64>().ok())
            .sum();
        Some(Headroom { left: group.limit.saturating_sub(used.saturating_sub(files)), total: group.limit })
    });
    groups.chain([machine]).min_by_key(|headroom| headroom.left)
}

/// The moment at which most anonymous memory was resident.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peak {
    /// Anonymous bytes resident at that moment.
    pub anonymous: u64,
    /// Bytes of mapped files resident at that moment.
    pub file: u64,
    /// What was reserved at that moment, in the order of [`Component::ALL`].
    pub by_component: [u64; Component::ALL.len()],
    /// Most bytes of mapped files resident at any time.
    pub most_file: u64,
}

impl Peak {
    /// This moment.
    pub fn now(budget: &Budget) -> Self {
        let mut peak = Self::default();
        let read = || resident().map_or((0, 0), |now| (now.anonymous, now.file));
        peak.look(&Moment::of(budget, read));
        peak
    }

    fn look(&mut self, now: &Moment) {
        self.most_file = self.most_file.max(now.file);
        if now.anonymous > self.anonymous {
            (self.anonymous, self.file, self.by_component) = (now.anonymous, now.file, now.by_component);
        }
    }
}

/// What is resident and what is reserved, at about the same time.
struct Moment {
    anonymous: u64,
    file: u64,
    by_component: [u64; Component::ALL.len()],
}

impl Moment {
    /// Looks again where reservations changed meanwhile: on a busy machine this thread may sleep between the two.
    fn of(budget: &Budget, read: impl Fn() -> (u64, u64)) -> Self {
        let mut by_component = budget.by_component();
        let mut looks = 0;
        loop {
            let before: u64 = by_component.iter().sum();
            let (anonymous, file) = read();
            by_component = budget.by_component();
            looks += 1;
            if before.abs_diff(by_component.iter().sum()) < 1 << 20 || looks == 8 {
                return Self { anonymous, file, by_component };
            }
        }
    }
}

/// A thread that looks at memory at regular times, tells the budget how tight it is, remembers the peak and writes a
/// time series where one is asked for.
#[derive(Debug)]
pub struct Monitor<W> {
    stop: Sender<()>,
    thread: JoinHandle<(Peak, Option<W>, std::io::Result<()>)>,
}

/// Looks from one row of a time series to the next.
const ROW: u32 = 5;
/// Looks from one reading of what machine and cgroup have left to the next.
const READING: u32 = 20;

impl<W: Write + Send + 'static> Monitor<W> {
    /// Starts the thread: it looks every `period`, adds a row to `series` at every fifth look, and reads `left` at every
    /// twentieth.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(
        budget: &Budget,
        period: Duration,
        mut left: impl FnMut() -> Option<Headroom> + Send + 'static,
        mut series: Option<W>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let budget = budget.clone();
        let thread = std::thread::Builder::new().name("monitor".to_owned()).stack_size(128 << 10).spawn(move || {
            let start = Instant::now();
            let mut peak = Peak::default();
            let mut written = Ok(());
            let statm = Statm::open();
            let now = || Moment::of(&budget, || statm.as_ref().and_then(Statm::read).unwrap_or_default());
            let mut row = |now: &Moment| {
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
            for look in 0u32.. {
                let seen = now();
                peak.look(&seen);
                if look.is_multiple_of(READING) {
                    let status = left().map_or(Status::Ok, Headroom::status);
                    if status != budget.status() {
                        budget.set_status(status);
                    }
                }
                if look.is_multiple_of(ROW) {
                    row(&seen);
                }
                if !matches!(stopped.recv_timeout(period), Err(RecvTimeoutError::Timeout)) {
                    break;
                }
            }
            let seen = now();
            peak.look(&seen);
            row(&seen);
            (peak, series, written)
        })?;
        Ok(Self { stop, thread })
    }

    /// The columns of a time series: seconds, then bytes.
    pub const HEADER: &str = "#time\tresident_anonymous\tresident_file\ttracked\tcache\tstatus\n";

    /// Looks a last time and ends the thread; gives the peak and the series back.
    ///
    /// # Errors
    /// The first that writing the series met.
    pub fn stop(self) -> std::io::Result<(Peak, Option<W>)> {
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
    fn the_status_follows_what_is_left() {
        let status = |left, total| Headroom { left, total }.status();
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
        let read = move || Some(Headroom { left: fake.load(Ordering::Relaxed), total: 100 });
        let monitor = Monitor::start(&budget, Duration::from_millis(1), read, Some(Vec::new())).expect("a thread");
        let mut cache = budget.hold(Component::IndexCache);
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
        if resident().is_some() {
            assert!(peak.anonymous > 0 && peak.most_file >= peak.file);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_says_what_is_left() {
        let headroom = headroom().expect("Linux has /proc");
        assert!(headroom.left > 0 && headroom.left <= headroom.total);
    }
}
