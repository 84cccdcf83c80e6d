//! The flags that all commands have, resolved once into the values that commands work with: budget, threads, outputs
//! and progress.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::common_arguments::{CacheArguments, Common};
use super::progress::Bars;
use crate::fs::{Output, check_is_local};
use crate::index::{CacheOptions, CacheStatistics, OpenOptions};
use crate::memory::system::share_one_arena;
use crate::memory::{
    Budget, Component, MemoryPeak, MemoryUsageBreakdown, Monitor, Reservation, available_memory, available_threads,
    free_memory, numa_nodes, process_limit, resident_memory,
};
use crate::units::human_bytes;
use crate::{Error, Index, Result};

/// The common flags, resolved.
pub(super) struct Settings {
    /// The command line, from the name of the program on.
    pub(super) typed: Vec<OsString>,
    pub(super) threads: usize,
    pub(super) budget: Budget,
    /// Memory of the program itself, before it works.
    _program: Reservation,
    pub(super) low_memory: bool,
    pub(super) quiet: bool,
    verbose: bool,
    pub(super) json: bool,
    memory_report: Option<PathBuf>,
    monitor_memory: Option<PathBuf>,
    pub(super) output: Option<PathBuf>,
    pub(super) force: bool,
    pub(super) progress: Bars,
}

/// Bytes of the budget of `--low-memory`, as its help states.
const LOW_MEMORY: u64 = 256 << 20;
/// Bytes of the smallest default budget, if the process may use more: with less, builds take more passes.
const MIN_DEFAULT: u64 = 512 << 20;
/// Bytes that are taken as available if the system does not report them.
const ASSUMED_AVAILABLE: u64 = 4 << 30;
/// Time between two readings of the memory of the process: short enough to see the peaks of short phases.
const MONITOR_PERIOD: Duration = Duration::from_millis(10);
/// Threads for each core that the process may use, at most: more only wait, and each uses memory.
const MAX_THREADS_PER_CORE: usize = 16;
/// Bytes of the budget for each thread: its stack, its part of the allocator and its share of a scan use about half.
const BUDGET_PER_THREAD: u64 = 4 << 20;
/// Bytes of the largest default cache of pages: above it, the rest of the budget serves the command better.
const MAX_DEFAULT_CACHE: u64 = 1 << 30;
/// The same with `--low-memory`, an eighth of its budget.
const MAX_SMALL_CACHE: u64 = 32 << 20;

/// The budget if none is given: half of what the process may use, so that the rest can cache files.
fn default_limit(available: u64) -> u64 {
    if available > MIN_DEFAULT { (available / 2).max(MIN_DEFAULT) } else { available / 4 * 3 }
}

/// The number of threads for a budget of `limit` bytes, and a warning if fewer are used than were requested.
fn threads_for(requested: Option<u16>, cores: usize, limit: u64) -> (usize, Option<String>) {
    let max = cores * MAX_THREADS_PER_CORE;
    let threads = requested.map_or(cores, usize::from);
    let warning = (threads > max).then(|| {
        format!("-t {threads} is more than {MAX_THREADS_PER_CORE} threads for each of {cores} cores; {max} are used")
    });
    // No result depends on their number.
    (threads.min(max).min((limit / BUDGET_PER_THREAD).max(1) as usize), warning)
}

/// The bytes of the budget of a run, and a warning if more is requested than there is.
fn limit_for(
    requested: Option<u64>,
    low_memory: bool,
    available: Option<u64>,
    process: Option<u64>,
) -> (u64, Option<String>) {
    let may_use = available.into_iter().chain(process).min();
    let limit = match requested {
        Some(limit) => limit,
        None if low_memory => LOW_MEMORY.min(may_use.map_or(LOW_MEMORY, default_limit)),
        None => default_limit(may_use.unwrap_or(ASSUMED_AVAILABLE)),
    };
    let warning =
        |what, max| format!("--max-memory is {}, and {what} {} of memory", human_bytes(limit), human_bytes(max));
    match (process, available) {
        // An allocation above it would fail.
        (Some(max), _) if max < limit => {
            (max, Some(warning("the limits of the process (ulimit -v, -d, -m) leave", max)))
        }
        (_, Some(max)) if max < limit => (limit, Some(warning("the machine or the cgroup of the process has", max))),
        _ => (limit, None),
    }
}

impl Settings {
    /// Resolves the common flags of the command line `typed`.
    pub(super) fn resolve(common: Common, typed: Vec<OsString>) -> Self {
        let cores = available_threads();
        let process = process_limit(common.threads.map_or(cores, usize::from).min(cores * MAX_THREADS_PER_CORE));
        if process.is_some() {
            share_one_arena();
        }
        let (limit, scarce) = limit_for(common.max_memory, common.low_memory, available_memory(), process);
        let (threads, crowded) = threads_for(common.threads, cores, limit);
        let budget = Budget::new(limit);
        let mut program = budget.empty_reservation(Component::Program);
        program.resize(resident_memory().map_or(0, |now| now.anonymous));
        let settings = Self {
            typed,
            threads,
            budget,
            _program: program,
            low_memory: common.low_memory,
            quiet: common.quiet,
            verbose: common.verbose > 0,
            json: common.json,
            memory_report: common.memory_report,
            monitor_memory: common.monitor_memory,
            output: common.output,
            force: common.force,
            progress: Bars::new(common.quiet, common.verbose > 0),
        };
        scarce.iter().chain(&crowded).for_each(|warning| settings.warn(warning));
        settings
    }

    /// Runs `work` on a pool of `--threads` threads, the only pool of the program.
    pub(super) fn on_pool<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .thread_name(|i| format!("worker-{i}"))
            .build()
            .map_err(|e| Error::thread("the pool", e))?;
        pool.install(work)
    }

    /// Opens an index within the budget.
    pub(super) fn open(&self, folder: &Path, options: OpenOptions) -> Result<Index> {
        Index::open_with(folder, &options, &self.budget)
    }

    /// Opens an index with the default cache of this budget.
    pub(super) fn open_default(&self, folder: &Path) -> Result<Index> {
        self.open(folder, self.default_options())
    }

    /// Opens an index with the cache that flags describe.
    ///
    /// # Errors
    /// As [`open_options`](Self::open_options) and [`Index::open_with`].
    pub(super) fn open_cached(&self, folder: &Path, cache: &CacheArguments) -> Result<Index> {
        self.open(folder, self.open_options(cache)?)
    }

    /// How an index is opened whose cache has no flags.
    pub(super) fn default_options(&self) -> OpenOptions {
        OpenOptions { cache: self.cache(), ..OpenOptions::default() }
    }

    /// How an index is opened with the cache that flags describe.
    ///
    /// # Errors
    /// [`Error::Usage`] if a sweep would begin below the share that it leaves.
    pub(super) fn open_options(&self, flags: &CacheArguments) -> Result<OpenOptions> {
        Ok(OpenOptions { cache: cache_options(flags, self.cache())?, ..OpenOptions::default() })
    }

    /// The default cache for this budget.
    pub(super) fn cache(&self) -> CacheOptions {
        let limit = self.budget.limit();
        if self.low_memory {
            CacheOptions { size: (limit / 8).min(MAX_SMALL_CACHE), gc_threshold: 0.5, gc_target: 0.25 }
        } else {
            CacheOptions { size: (limit / 2).min(MAX_DEFAULT_CACHE), ..CacheOptions::default() }
        }
    }

    /// Reports how the cache of an index was used, on stderr if `-v` is set; returns it for a summary.
    pub(super) fn report_cache(&self, index: &Index) -> CacheStatistics {
        if numa_nodes() > 1 {
            self.log(&format!("the cache is spread over {} NUMA nodes", numa_nodes()));
        }
        let cache = index.cache_statistics();
        self.log(&format!(
            "cache: {} hits, {} misses, {} sweeps of {:.1} ms in total, {}",
            cache.hits,
            cache.misses,
            cache.sweeps,
            cache.sweep_microseconds as f64 / 1000.0,
            human_bytes(cache.bytes)
        ));
        cache
    }

    /// Checks that the paths of outputs lie on this machine and can be files, or a folder for a command that writes
    /// several files.
    pub(super) fn check_outputs(&self, writes_folder: bool) -> Result<()> {
        let files = [&self.output, &self.memory_report, &self.monitor_memory];
        files.into_iter().flatten().try_for_each(|path| check_is_local(path))?;
        match &self.output {
            Some(path) if writes_folder && path.as_os_str() == "-" => {
                return Err(Error::Usage("several files are written; name a folder by -o DIR".to_owned()));
            }
            Some(path) if !writes_folder => check_file_name(path, "-o")?,
            _ => {}
        }
        if let Some(path) = &self.memory_report {
            check_file_name(path, "--memory-report")?;
        }
        match &self.monitor_memory {
            Some(path) if path.as_os_str() == "-" => {
                Err(Error::Usage("--monitor-memory writes a file; use a name other than -".to_owned()))
            }
            Some(path) => check_file_name(path, "--monitor-memory"),
            None => Ok(()),
        }
    }

    /// The destination of results.
    pub(super) fn output(&self) -> Result<Output> {
        Output::create(self.output.as_deref(), self.force)
    }

    /// Whether sequence is compressed with bgzip, by the name of the output.
    pub(super) fn compresses_output(&self) -> bool {
        let end = self.output.as_ref().and_then(|path| path.extension());
        end.is_some_and(|end| end == "gz" || end == "bgz")
    }

    /// Whether results go to standard output.
    pub(super) fn writes_stdout(&self) -> bool {
        self.output.as_ref().is_none_or(|path| path.as_os_str() == "-")
    }

    /// Checks the path of a second output, which `flag` names.
    pub(super) fn check_second_output(&self, path: &Path, flag: &str) -> Result<()> {
        if path.as_os_str() == "-" && self.writes_stdout() {
            let problem = format!("{flag} and the results cannot both go to standard output; name a file by -o");
            return Err(Error::Usage(problem));
        }
        check_file_name(path, flag)
    }

    /// Writes `text` as the result of a command.
    pub(super) fn print(&self, text: &str) -> Result<()> {
        let mut output = self.output()?;
        output.write_all(text.as_bytes()).map_err(Error::Output)?;
        output.finish()
    }

    /// Writes a line to stderr if `-v` is set.
    pub(super) fn log(&self, text: &str) {
        if self.verbose {
            self.progress.line(text);
        }
    }

    /// Prints a summary: to standard output if the results go to a file, else to stderr if `-v` is set.
    pub(super) fn print_summary(&self, text: &str) -> Result<()> {
        if !self.writes_stdout() && !self.quiet {
            return crate::fs::print(&format!("{text}\n"));
        }
        text.lines().for_each(|line| self.log(line));
        Ok(())
    }

    /// Writes a warning to stderr.
    pub(super) fn warn(&self, text: &str) {
        self.progress.sentence(&format!("warning: {text}"));
    }

    /// Runs a command, monitors its memory meanwhile and reports it.
    pub(super) fn monitored(&self, brief: bool, command: impl FnOnce() -> Result<()>) -> Result<()> {
        // If the report cannot be written, the command is not worth running.
        let report = match &self.memory_report {
            Some(path) if path.as_os_str() != "-" => Some(Output::create(Some(path), self.force)?),
            _ => None,
        };
        if brief && self.monitor_memory.is_none() {
            // A thread would take as long as the command.
            command()?;
            return self.report_memory(&MemoryPeak::now(&self.budget), report);
        }
        let series = self.monitor_memory.as_deref().map(|path| -> Result<Output> {
            let mut series = Output::create(Some(path), self.force)?;
            series.write_all(Monitor::<Output>::HEADER.as_bytes()).map_err(|e| Error::io("write", path, e))?;
            Ok(series)
        });
        let monitor = Monitor::start(&self.budget, MONITOR_PERIOD, free_memory, series.transpose()?)
            .map_err(|e| Error::thread("the memory", e))?;
        let outcome = command();
        let (peak, series) = monitor.stop().map_err(|e| match &self.monitor_memory {
            Some(path) => Error::io("write", path, e),
            None => Error::Output(e),
        })?;
        // The series of a command that failed is complete too, and may show why.
        let series = series.map_or(Ok(()), Output::finish);
        self.progress.clear();
        outcome.and(series)?;
        self.report_memory(&peak, report)
    }

    /// Writes the memory report, if one is requested, to stderr or to `output`.
    fn report_memory(&self, peak: &MemoryPeak, output: Option<Output>) -> Result<()> {
        let Some(path) = &self.memory_report else { return Ok(()) };
        let report = MemoryUsageBreakdown::new(&self.budget, peak);
        let text = if self.json { report.json() } else { report.text() };
        let Some(mut output) = output else {
            self.progress.line(text.trim_end());
            return Ok(());
        };
        output.write_all(text.as_bytes()).map_err(|e| Error::io("write", path, e))?;
        output.finish()
    }
}

/// The cache that flags describe; `default` has the values of those that are not given. A share that is given moves the
/// default of the other, which would contradict it.
fn cache_options(flags: &CacheArguments, default: CacheOptions) -> Result<CacheOptions> {
    let (gc_threshold, gc_target) = match (flags.gc_threshold, flags.gc_target) {
        (Some(threshold), Some(target)) if target > threshold => {
            return Err(Error::Usage(format!(
                "--gc-target {target} is above --gc-threshold {threshold}, so a sweep would remove nothing; use a \
                 smaller --gc-target"
            )));
        }
        (Some(threshold), target) => (threshold, target.unwrap_or(default.gc_target.min(threshold))),
        (None, Some(target)) => (default.gc_threshold.max(target), target),
        (None, None) => (default.gc_threshold, default.gc_target),
    };
    Ok(CacheOptions { size: flags.cache_size.unwrap_or(default.size), gc_threshold, gc_target })
}

/// Refuses the name of a folder for a file, and an address.
fn check_file_name(path: &Path, flag: &str) -> Result<()> {
    check_is_local(path)?;
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir() {
        let shown = path.display();
        return Err(Error::Usage(format!(
            "{flag} {shown} is a folder; use the name of a file, such as {}",
            path.join("out").display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    #[test]
    fn half_of_the_memory_is_the_default() {
        assert_eq!(default_limit(24 * GIB), 12 * GIB);
        assert_eq!(default_limit(GIB), 512 * MIB);
        assert_eq!(default_limit(700 * MIB), 512 * MIB);
        assert_eq!(default_limit(400 * MIB), 300 * MIB);
    }

    #[test]
    fn fewer_threads_are_used_if_memory_or_cores_are_few() {
        assert_eq!(threads_for(None, 8, GIB), (8, None));
        assert_eq!(threads_for(Some(32), 2, GIB), (32, None));
        assert_eq!(threads_for(Some(16), 16, 20 * MIB), (5, None));
        assert_eq!(threads_for(Some(3), 2, 0), (1, None));
        let (threads, warning) = threads_for(Some(20_000), 2, 64 * GIB);
        assert_eq!((threads, warning.is_some_and(|text| text.contains("20000"))), (32, true));
    }

    #[test]
    fn a_sweep_never_begins_below_what_it_leaves() {
        let shares = |gc_threshold, gc_target| {
            let flags = CacheArguments { cache_size: Some(7), gc_threshold, gc_target };
            cache_options(&flags, CacheOptions { size: 1, gc_threshold: 0.8, gc_target: 0.7 })
                .map(|options| (options.size, options.gc_threshold, options.gc_target))
        };
        assert_eq!(shares(None, None).ok(), Some((7, 0.8, 0.7)));
        assert_eq!(shares(Some(0.5), None).ok(), Some((7, 0.5, 0.5)));
        assert_eq!(shares(None, Some(0.9)).ok(), Some((7, 0.9, 0.9)));
        assert_eq!(shares(Some(0.6), Some(0.6)).ok(), Some((7, 0.6, 0.6)));
        let wrong = shares(Some(0.5), Some(0.6)).expect_err("nothing would be removed").to_string();
        assert!(wrong.contains("--gc-target 0.6") && wrong.contains("--gc-threshold 0.5"), "{wrong}");
    }

    #[test]
    fn the_limits_of_the_process_bound_the_budget() {
        assert_eq!(limit_for(None, false, Some(24 * GIB), None), (12 * GIB, None));
        assert_eq!(limit_for(None, false, Some(24 * GIB), Some(400 * MIB)), (300 * MIB, None));
        assert_eq!(limit_for(None, true, Some(24 * GIB), Some(100 * MIB)), (75 * MIB, None));
        assert_eq!(limit_for(None, true, Some(24 * GIB), None), (256 * MIB, None));
        assert_eq!(limit_for(Some(GIB), false, None, None), (GIB, None));
        let (limit, warning) = limit_for(Some(GIB), false, Some(24 * GIB), Some(400 * MIB));
        assert!(limit == 400 * MIB && warning.is_some_and(|text| text.contains("ulimit")));
        let (limit, warning) = limit_for(Some(48 * GIB), false, Some(24 * GIB), None);
        assert!(limit == 48 * GIB && warning.is_some_and(|text| text.contains("cgroup")));
    }
}
