//! The command line: one file a command. Arguments are parsed, resolved to one `Settings` value, and handed down.

mod annotate;
mod build_index;
mod candidates;
mod demo;
mod detect;
mod dump;
mod families;
mod info;
mod list;
mod mask;
mod progress;
mod query;
mod signals;
mod simulate;
mod spectrum;
mod verify;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::fs::Output;
use crate::index::{CacheOptions, OpenOptions};
use crate::memory::system::share_one_arena;
use crate::memory::{
    Budget, Component, MemoryPeak, MemoryUsageBreakdown, Monitor, Reservation, available_memory, available_threads,
    free_memory, process_limit, resident_memory,
};
use crate::text::printable;
use crate::units::{counted, grouped, human_bytes, parse_size};
use crate::{Error, Index, Result};
use progress::Bars;

/// Index a genome's k-mers once, then ask how often each occurs and where.
#[derive(Debug, Parser)]
#[command(name = "reprise", version, about, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 a file or the system failed, 2 wrong command line, 3 wrong input,
4 damaged or unfinished index, 5 not within --max-memory or the disk is full.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the index of a genome: a folder that is queried ever after
    BuildIndex(build_index::Arguments),
    /// Look up k-mers, the k-mers of sequences, or of regions of the genome
    Query(query::Arguments),
    /// Say what an index holds and how it was built
    Info(info::Arguments),
    /// Show every index below a folder
    List(list::Arguments),
    /// Check an index: every checksum and every invariant
    Verify(verify::Arguments),
    /// Print how many distinct k-mers occur how often
    Spectrum(spectrum::Arguments),
    /// Print every stored k-mer with its frequency
    Dump(dump::Arguments),
    /// Find every copy of a library of repeats: where, how diverged, which part of the consensus
    Annotate(annotate::Arguments),
    /// Write the genome with the copies of an annotation in lower case
    Mask(mask::Arguments),
    /// Find places of the genome that share a seed and align (PAF): candidates of repeats
    Candidates(candidates::Arguments),
    /// Find families of repeats: a library of consensus sequences
    Families(families::Arguments),
    /// All of it: index, families, their copies, the masked genome and a report, in one folder
    Detect(detect::Arguments),
    /// Make a small genome with planted repeats, index it, and show what the index finds
    Demo(demo::Arguments),
    /// Make a genome with repeats of which every copy is known
    Simulate(simulate::Arguments),
}

/// Flags of every command.
#[derive(Debug, Args)]
struct Common {
    /// Working threads, up to 16 a core; fewer where there is little memory [default: the cores that the process may use]
    #[arg(short, long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Most memory for all that is not a mapped file, such as 512M or 8G [default: half of what the process may use]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size)]
    max_memory: Option<u64>,
    /// Work in 256 MiB (or --max-memory), with a small cache that is swept early; takes longer, gives the same
    #[arg(long, global = true)]
    low_memory: bool,
    /// No progress and no summary
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say on stderr what is being done and how long each phase took
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Print the summary as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Say what the memory was used for, on stderr (also for `-`) or in FILE
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    memory_report: Option<PathBuf>,
    /// Write a time series of the memory used to FILE (TSV: seconds, then bytes)
    #[arg(long, global = true, value_name = "FILE")]
    monitor_memory: Option<PathBuf>,
    /// Write results to PATH; `-` is standard output, and a symbolic link stands for what it leads to [default: standard
    /// output, or a name made from the input]
    #[arg(short, long, global = true, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace an output that is there already: a file, or an index without any other files in its folder
    #[arg(long, global = true)]
    force: bool,
}

/// Reads a number of bases within a contig, which has fewer than 2^32.
fn bases(text: &str) -> Result<u64, String> {
    let number = text.parse::<u64>().ok().filter(|&number| number <= u64::from(u32::MAX));
    number.ok_or_else(|| format!("a number of bases is 0 to {}", u32::MAX))
}

/// Arguments resolved: what every command takes.
struct Settings {
    threads: usize,
    budget: Budget,
    /// What the program has before it begins.
    _program: Reservation,
    low_memory: bool,
    quiet: bool,
    verbose: bool,
    json: bool,
    memory_report: Option<PathBuf>,
    monitor_memory: Option<PathBuf>,
    output: Option<PathBuf>,
    force: bool,
    progress: Bars,
}

/// The budget of `--low-memory`.
const LOW_MEMORY: u64 = 256 << 20;
/// The default budget is not below this where the process may use more.
const LEAST_DEFAULT: u64 = 512 << 20;
/// Time between two looks at the memory of the process.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The budget where none is given: half of what the process may use, so that the rest can keep files in memory.
fn default_limit(available: u64) -> u64 {
    if available > LEAST_DEFAULT { (available / 2).max(LEAST_DEFAULT) } else { available / 4 * 3 }
}

/// Threads for each core that the process may use, at the most: more of them only wait, and take memory.
const THREADS_PER_CORE: usize = 16;
/// Budget for each thread, at the least: its stack, its part of the allocator and its share of a scan take about half.
const PER_THREAD: u64 = 4 << 20;

/// The number of threads for a budget, and a warning where fewer are taken than were asked for.
fn threads_for(asked: Option<u16>, cores: usize, limit: u64) -> (usize, Option<String>) {
    let most = cores * THREADS_PER_CORE;
    let threads = asked.map_or(cores, usize::from);
    let warning = (threads > most).then(|| {
        format!("-t {threads} is more than {THREADS_PER_CORE} threads for each of {cores} cores; {most} are used")
    });
    // Where memory is scarce fewer do, and nothing depends on their number.
    (threads.min(most).min((limit / PER_THREAD).max(1) as usize), warning)
}

/// The budget of a run, and a warning where more is asked for than there is.
fn limit_for(
    asked: Option<u64>,
    low_memory: bool,
    available: Option<u64>,
    process: Option<u64>,
) -> (u64, Option<String>) {
    let may_use = available.into_iter().chain(process).min();
    let limit = match asked {
        Some(limit) => limit,
        None if low_memory => LOW_MEMORY.min(may_use.map_or(LOW_MEMORY, default_limit)),
        None => default_limit(may_use.unwrap_or(4 << 30)),
    };
    let more =
        |what, most| format!("--max-memory is {}, and {what} {} of memory", human_bytes(limit), human_bytes(most));
    match (process, available) {
        // No more can be had: an allocation would fail.
        (Some(most), _) if most < limit => {
            (most, Some(more("the limits of the process (ulimit -v, -d, -m) leave", most)))
        }
        (_, Some(most)) if most < limit => (limit, Some(more("the machine or the cgroup of the process has", most))),
        _ => (limit, None),
    }
}

impl Settings {
    fn resolve(common: Common) -> Self {
        let cores = available_threads();
        let process = process_limit(common.threads.map_or(cores, usize::from).min(cores * THREADS_PER_CORE));
        if process.is_some() {
            share_one_arena();
        }
        let (limit, scarce) = limit_for(common.max_memory, common.low_memory, available_memory(), process);
        let (threads, crowded) = threads_for(common.threads, cores, limit);
        let budget = Budget::new(limit);
        let mut program = budget.hold(Component::Program);
        program.resize(resident_memory().map_or(0, |now| now.anonymous));
        let settings = Self {
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

    /// Runs `work` on a pool of `--threads` threads, the only one there is.
    fn on_pool<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .thread_name(|i| format!("worker-{i}"))
            .build()
            .map_err(|e| Error::thread("the pool", e))?;
        pool.install(work)
    }

    /// Opens an index for a command that looks up.
    fn open(&self, folder: &Path, options: OpenOptions) -> Result<Index> {
        Index::open_with(folder, &options, &self.budget)
    }

    /// The default cache for this budget.
    fn cache(&self) -> CacheOptions {
        let limit = self.budget.limit();
        if self.low_memory {
            CacheOptions { size: (limit / 8).min(32 << 20), gc_threshold: 0.5, gc_target: 0.25 }
        } else {
            CacheOptions { size: (limit / 2).min(1 << 30), ..CacheOptions::default() }
        }
    }

    /// Checks that the names of outputs are such as files can have, or the folder of a command that writes several.
    fn check_outputs(&self, writes_folder: bool) -> Result<()> {
        match &self.output {
            Some(path) if writes_folder && path.as_os_str() == "-" => {
                return Err(Error::Usage("several files are written; name a folder by -o DIR".to_owned()));
            }
            Some(path) if !writes_folder => names_file(path, "-o")?,
            _ => {}
        }
        if let Some(path) = &self.memory_report {
            names_file(path, "--memory-report")?;
        }
        match &self.monitor_memory {
            Some(path) if path.as_os_str() == "-" => {
                Err(Error::Usage("--monitor-memory writes a file; give it a name other than -".to_owned()))
            }
            Some(path) => names_file(path, "--monitor-memory"),
            None => Ok(()),
        }
    }

    /// Where results go.
    fn output(&self) -> Result<Output> {
        Output::create(self.output.as_deref(), self.force)
    }

    /// Whether they go to standard output.
    fn prints(&self) -> bool {
        self.output.as_ref().is_none_or(|path| path.as_os_str() == "-")
    }

    /// Checks the name of a file that `flag` writes beside the results.
    fn check_beside(&self, path: &Path, flag: &str) -> Result<()> {
        if path.as_os_str() == "-" && self.prints() {
            let problem = format!("{flag} and the results cannot both go to standard output; name a file by -o");
            return Err(Error::Usage(problem));
        }
        names_file(path, flag)
    }

    /// Writes `text` as the result of a command.
    fn print(&self, text: &str) -> Result<()> {
        let mut output = self.output()?;
        output.write_all(text.as_bytes()).map_err(|e| Error::io("write", "the output", e))?;
        output.finish()
    }

    fn note(&self, text: &str) {
        if self.verbose {
            self.progress.line(text);
        }
    }

    /// A summary: on standard output where the results go to a file, else with `-v` on stderr.
    fn tell(&self, text: &str) -> Result<()> {
        if !self.prints() && !self.quiet {
            return crate::fs::print(&format!("{text}\n"));
        }
        text.lines().for_each(|line| self.note(line));
        Ok(())
    }

    /// A warning on stderr.
    fn warn(&self, text: &str) {
        self.progress.sentence(&format!("warning: {text}"));
    }

    /// Runs a command while its memory is watched, and says what it was used for.
    fn watched(&self, brief: bool, command: impl FnOnce() -> Result<()>) -> Result<()> {
        // A report that cannot be written is found before the command.
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
        let monitor = Monitor::start(&self.budget, LOOK_EVERY, free_memory, series.transpose()?)
            .map_err(|e| Error::thread("the memory", e))?;
        let outcome = command();
        let (peak, series) = monitor
            .stop()
            .map_err(|e| Error::io("write", self.monitor_memory.as_deref().unwrap_or(Path::new("the memory")), e))?;
        // The series of a command that failed is whole too, and may say why.
        let series = series.map_or(Ok(()), Output::finish);
        self.progress.clear();
        outcome.and(series)?;
        self.report_memory(&peak, report)
    }

    /// Writes the memory report, where one is wanted, to standard error or to `output`.
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

/// Refuses the name of a folder for a file.
fn names_file(path: &Path, flag: &str) -> Result<()> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir() {
        let shown = path.display();
        return Err(Error::Usage(format!(
            "{flag} {shown} is a folder; give it the name of a file, such as {}",
            path.join("out").display()
        )));
    }
    Ok(())
}

/// Prints what the parser of the command line has to say; gives the exit code.
fn parser_exit(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    // Help and version are no errors: they go to standard output.
    if !error.use_stderr() {
        let printed = crate::fs::stdout().and_then(|mut stdout| {
            error.print().and_then(|()| stdout.flush()).map_err(|e| Error::io("write", "standard output", e))
        });
        return match printed {
            Err(e) => failed(&e, |text| drop(writeln!(std::io::stderr(), "{text}"))),
            Ok(()) => ExitCode::SUCCESS,
        };
    }
    // It quotes arguments, which may hold what a terminal acts on.
    let shown = arguments.iter().map(|argument| printable(&argument.to_string_lossy(), &[]).into_owned());
    let _ = Arguments::try_parse_from(shown).map_or_else(|e| e.print(), |_| error.print());
    ExitCode::from(2)
}

/// Reports an error by `say`; gives the exit code. A reader that went away is none.
fn failed(error: &Error, say: impl Fn(&str)) -> ExitCode {
    match error {
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        e => {
            say(&printable(&format!("error: {e}"), &[]));
            ExitCode::from(e.exit_code())
        }
    }
}

/// Runs the program on its command line; gives the exit code of the contract. `has_stdout` is false where standard output was
/// closed when the program was started: printing to it is an error then.
pub fn run(arguments: impl IntoIterator<Item = OsString>, has_stdout: bool) -> ExitCode {
    if !has_stdout {
        crate::fs::close_stdout();
    }
    let typed: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&typed) {
        Ok(arguments) => arguments,
        Err(e) => return parser_exit(&e, &typed),
    };
    let settings = Settings::resolve(arguments.common);
    let writes_folder = matches!(
        &arguments.command,
        Command::BuildIndex(_) | Command::Detect(_) | Command::Demo(_) | Command::Simulate(_)
    );
    if let Err(e) = settings.check_outputs(writes_folder) {
        return failed(&e, |text| settings.progress.line(text));
    }
    let brief = matches!(&arguments.command, Command::Info(arguments) if arguments.is_brief());
    let command = || match arguments.command {
        Command::BuildIndex(arguments) => build_index::run(arguments, &settings),
        Command::Query(arguments) => query::run(arguments, &settings),
        Command::Info(arguments) => info::run(arguments, &settings),
        Command::List(arguments) => list::run(arguments, &settings),
        Command::Verify(arguments) => verify::run(arguments, &settings),
        Command::Spectrum(arguments) => spectrum::run(arguments, &settings),
        Command::Dump(arguments) => dump::run(arguments, &settings),
        Command::Annotate(arguments) => annotate::run(arguments, &settings),
        Command::Mask(arguments) => mask::run(arguments, &settings),
        Command::Candidates(arguments) => candidates::run(arguments, &settings),
        Command::Families(arguments) => families::run(arguments, &settings),
        Command::Detect(arguments) => detect::run(arguments, &settings),
        Command::Demo(arguments) => demo::run(arguments, &settings),
        Command::Simulate(arguments) => simulate::run(arguments, &settings),
    };
    let outcome = if brief {
        // It makes nothing, and a thread would take as long.
        settings.watched(brief, command)
    } else {
        let say = |signal: &str| {
            settings.progress.clear();
            settings.progress.line(&format!("error: ended by {signal}; nothing half done is left"));
        };
        signals::heeding(say, || settings.watched(brief, command)).unwrap_or_else(|e| Err(Error::thread("signals", e)))
    };
    settings.progress.clear();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => failed(&e, |text| settings.progress.line(text)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn half_of_the_memory_is_the_default() {
        use super::default_limit;
        let (mib, gib) = (1u64 << 20, 1u64 << 30);
        assert_eq!(default_limit(24 * gib), 12 * gib);
        assert_eq!(default_limit(gib), 512 * mib);
        assert_eq!(default_limit(700 * mib), 512 * mib);
        assert_eq!(default_limit(400 * mib), 300 * mib);
    }

    #[test]
    fn fewer_threads_are_taken_where_memory_or_cores_are_few() {
        use super::threads_for;
        let (mib, gib) = (1u64 << 20, 1u64 << 30);
        assert_eq!(threads_for(None, 8, gib), (8, None));
        assert_eq!(threads_for(Some(32), 2, gib), (32, None));
        assert_eq!(threads_for(Some(16), 16, 20 * mib), (5, None));
        assert_eq!(threads_for(Some(3), 2, 0), (1, None));
        let (threads, warning) = threads_for(Some(20_000), 2, 64 * gib);
        assert_eq!((threads, warning.is_some_and(|text| text.contains("20000"))), (32, true));
    }

    #[test]
    fn the_limits_of_the_process_bound_the_budget() {
        use super::limit_for;
        let (mib, gib) = (1u64 << 20, 1u64 << 30);
        assert_eq!(limit_for(None, false, Some(24 * gib), None), (12 * gib, None));
        assert_eq!(limit_for(None, false, Some(24 * gib), Some(400 * mib)), (300 * mib, None));
        assert_eq!(limit_for(None, true, Some(24 * gib), Some(100 * mib)), (75 * mib, None));
        assert_eq!(limit_for(None, true, Some(24 * gib), None), (256 * mib, None));
        assert_eq!(limit_for(Some(gib), false, None, None), (gib, None));
        let (limit, warning) = limit_for(Some(gib), false, Some(24 * gib), Some(400 * mib));
        assert!(limit == 400 * mib && warning.is_some_and(|text| text.contains("ulimit")));
        let (limit, warning) = limit_for(Some(48 * gib), false, Some(24 * gib), None);
        assert!(limit == 48 * gib && warning.is_some_and(|text| text.contains("cgroup")));
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Arguments::command().debug_assert();
    }
}

/// Lists as the command line reads them, for the fuzz targets.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use super::query::{bed_file, kmer_list};
}
