//! The flags that every command has, and those that several commands share, are declared once.

use std::path::PathBuf;

use clap::Args;

use crate::cli::values::share;
use crate::units::parse_size;
use crate::{Error, Result};

// Headings of flags in the help.
const RESOURCES: &str = "Memory and threads";
const OUTPUT: &str = "Output";
pub(super) const CACHE: &str = "Cache";

/// Flags of every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Number of worker threads, at most 16 per core; reduced if memory is scarce [default: the available cores]
    #[arg(short, long, global = true, value_name = "N", help_heading = RESOURCES, env = "REPRISE_THREADS",
          hide_env_values = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// Limit of the memory that is not mapped files, such as 512M or 8G [default: half of the available memory]
    #[arg(long, global = true, value_name = "SIZE", help_heading = RESOURCES, env = "REPRISE_MAX_MEMORY",
          hide_env_values = true, value_parser = parse_size)]
    pub(super) max_memory: Option<u64>,
    /// Use at most 256 MiB (or --max-memory) and a small page cache; slower, with the same results
    #[arg(long, global = true, help_heading = RESOURCES)]
    pub(super) low_memory: bool,
    /// Report how the memory was used, on stderr (also for `-`) or in FILE
    #[arg(long, global = true, value_name = "FILE", help_heading = RESOURCES,
          num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub(super) memory_report: Option<PathBuf>,
    /// Write the memory use over time to FILE (TSV: seconds, then bytes)
    #[arg(long, global = true, value_name = "FILE", help_heading = RESOURCES)]
    pub(super) monitor_memory: Option<PathBuf>,
    /// Write results to PATH; `-` is standard output, and symbolic links are followed [default: standard output, or a
    /// name derived from the input]
    #[arg(short, long, global = true, value_name = "PATH", help_heading = OUTPUT)]
    pub(super) output: Option<PathBuf>,
    /// Replace an existing output: a file, or an index whose folder contains no other files
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub(super) force: bool,
    /// Print the summary as JSON
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
    /// Size of the cache of index pages [default: half of --max-memory, at most 1G; with --low-memory at most 32M]
    #[arg(long, value_name = "SIZE", help_heading = CACHE, env = "REPRISE_CACHE_SIZE", hide_env_values = true,
          value_parser = parse_size)]
    pub(super) cache_size: Option<u64>,
    /// Share of the cache above which it is swept [default: 0.8, with --low-memory 0.5]
    #[arg(long, value_name = "SHARE", help_heading = CACHE, value_parser = share)]
    pub(super) gc_threshold: Option<f64>,
    /// Share of the cache that a sweep leaves [default: 0.7, with --low-memory 0.25]
    #[arg(long, value_name = "SHARE", help_heading = CACHE, value_parser = share)]
    pub(super) gc_target: Option<f64>,
}

/// Flags of the commands that build an index.
#[derive(Debug, Args)]
pub(crate) struct TemporaryArguments {
    /// Folder of temporary files: the packed bases of a genome until all of it is read, and what is removed at the end
    /// [default: next to the index; for what is removed, TMPDIR]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT, env = "REPRISE_TMPDIR", hide_env_values = true)]
    pub(super) tmpdir: Option<PathBuf>,
}

/// The flag of commands that write a table.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct HeaderArguments {
    /// Write tables without their header
    #[arg(long, help_heading = OUTPUT)]
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
