//! The flags that every command has, and those that several commands share, are declared once.

use std::path::PathBuf;

use clap::Args;

use crate::cli::help::{ADVANCED, MEMORY, OUTPUT, THREADS};
use crate::cli::values::share;
use crate::units::parse_size;
use crate::{Error, Result};

/// Flags of every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Number of worker threads [default: the available cores]
    ///
    /// These are the threads that compute. A few more mostly wait: they read, write, sync files, measure memory and wait
    /// for signals. N is limited to 16 for each core, with a warning, and to one thread for every 4 MiB of --max-memory.
    /// Results do not depend on it.
    #[arg(short, long, global = true, value_name = "N", help_heading = THREADS, env = "REPRISE_THREADS",
          hide_env_values = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// Limit of memory [default: half the available]
    ///
    /// It limits all memory that is not a mapped file, such as 512M or 8G. It changes how a command works, never its
    /// result. If it is too small, the command ends with exit code 5 and reports the size that would suffice
    /// (docs/memory.md).
    #[arg(long, global = true, value_name = "SIZE", help_heading = MEMORY, env = "REPRISE_MAX_MEMORY",
          hide_env_values = true, value_parser = parse_size)]
    pub(super) max_memory: Option<u64>,
    /// Use at most 256 MiB (or --max-memory) and a small page cache
    ///
    /// This is slower, with the same results.
    #[arg(long, global = true, help_heading = MEMORY, hide_short_help = true)]
    pub(super) low_memory: bool,
    /// Report how the memory was used, on stderr (also for `-`) or in FILE
    #[arg(long, global = true, value_name = "FILE", help_heading = MEMORY, hide_short_help = true,
          num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub(super) memory_report: Option<PathBuf>,
    /// Write the memory use over time to FILE (TSV: seconds, then bytes)
    #[arg(long, global = true, value_name = "FILE", help_heading = MEMORY, hide_short_help = true)]
    pub(super) monitor_memory: Option<PathBuf>,
    /// Write results to PATH; `-` is standard output
    ///
    /// By default results go to standard output, or to a name derived from the input if they are a folder. If PATH is a
    /// symbolic link, the file it points to is written. A file appears under its name only when it is complete.
    #[arg(short, long, global = true, value_name = "PATH", help_heading = OUTPUT)]
    pub(super) output: Option<PathBuf>,
    /// Replace an existing output
    ///
    /// Without it, an output that exists is an error (exit code 2). A folder is replaced only if it is an index and
    /// contains no other files.
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub(super) force: bool,
    /// Print the summary, or the table of the command, as JSON
    ///
    /// Documents follow `schema/*.schema.json`. The flag does not change the rows of `query`, `fetch`, `dump`, `annotate`
    /// and `candidates`; `query --format jsonl`, `annotate --formats jsonl` and `families --format jsonl` write JSON
    /// lines.
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub(super) json: bool,
    /// Print no progress and no summary
    #[arg(short, long, global = true, help_heading = OUTPUT)]
    pub(super) quiet: bool,
    /// Report each phase and its duration on stderr
    #[arg(short, long, global = true, help_heading = OUTPUT, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(super) verbose: u8,
}

/// Flags of the commands that look k-mers up in the dictionary of an index. A command that reads no page of it, or none
/// twice, has no use for a cache.
#[derive(Debug, Args)]
pub(crate) struct CacheArguments {
    /// Size of the cache of index pages
    ///
    /// The default is half of --max-memory, at most 1G; with --low-memory an eighth of the limit, at most 32M
    /// (docs/cache.md).
    #[arg(long, value_name = "SIZE", help_heading = MEMORY, env = "REPRISE_CACHE_SIZE", hide_env_values = true,
          value_parser = parse_size)]
    pub(super) cache_size: Option<u64>,
    /// Share of the cache above which it is swept [default: 0.8, with --low-memory 0.5]
    #[arg(long, value_name = "SHARE", help_heading = ADVANCED, hide_short_help = true, value_parser = share)]
    pub(super) gc_threshold: Option<f64>,
    /// Share of the cache that a sweep leaves [default: 0.7, with --low-memory 0.25]
    ///
    /// A value above --gc-threshold is an error (exit code 2). If only one of the two is given, the default of the other
    /// moves with it.
    #[arg(long, value_name = "SHARE", help_heading = ADVANCED, hide_short_help = true, value_parser = share)]
    pub(super) gc_target: Option<f64>,
}

/// Flags of the commands that build an index.
#[derive(Debug, Args)]
pub(crate) struct TemporaryArguments {
    /// Folder of temporary files
    ///
    /// These are the packed bases of a genome until all of it is read, a quarter of a byte for each base, by default
    /// next to the index; and what is removed at the end, by default in TMPDIR. They are removed also after an error or
    /// a signal.
    #[arg(long, value_name = "DIR", help_heading = ADVANCED, hide_short_help = true, env = "REPRISE_TMPDIR",
          hide_env_values = true)]
    pub(super) tmpdir: Option<PathBuf>,
}

/// The flag of commands that write a table.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct HeaderArguments {
    /// Write tables without their header
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) no_header: bool,
}

impl HeaderArguments {
    /// What precedes the rows of a table with this header.
    pub(crate) fn before(self, header: &str) -> &str {
        if self.no_header { "" } else { header }
    }

    /// Refuses the flag for an output without a header; `tables` says which ones have one.
    pub(crate) fn check(self, has_header: bool, tables: &str) -> Result<()> {
        match self.no_header && !has_header {
            true => Err(Error::Usage(format!("--no-header is for {tables}; this output has no header"))),
            false => Ok(()),
        }
    }
}
