//! The command line as it is typed: the commands, the flags that all of them have.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{
    annotate, build_index, candidates, demo, detect, dump, families, info, list, mask, query, simulate, spectrum,
    verify,
};
use crate::units::parse_size;

/// The whole command line; its description is that of the package.
#[derive(Debug, Parser)]
#[command(name = "reprise", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) common: Common,
}

const EXIT_CODES: &str =
    "Exit codes: 0 success, 1 an input/output or system error, 2 a wrong command line, 3 wrong input,
4 a damaged or unfinished index, 5 too little memory or disk space.";

/// The commands, in the order in which help lists them.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build an index of a genome
    BuildIndex(build_index::Arguments),
    /// Look up k-mers, sequences or regions of the genome
    Query(query::Arguments),
    /// Print what an index contains and how it was built
    Info(info::Arguments),
    /// List the indexes in a folder and in all folders below it
    List(list::Arguments),
    /// Check the checksums and the consistency of an index
    Verify(verify::Arguments),
    /// Print the k-mer spectrum: how many distinct k-mers have each frequency
    Spectrum(spectrum::Arguments),
    /// Print every stored k-mer with its frequency
    Dump(dump::Arguments),
    /// Find the copies of a library of repeats in the genome
    Annotate(annotate::Arguments),
    /// Write the genome with the intervals of an annotation masked
    Mask(mask::Arguments),
    /// Find pairs of similar sequences that share a seed (PAF)
    Candidates(candidates::Arguments),
    /// Find repeat families and write their consensus sequences
    Families(families::Arguments),
    /// Index a genome, find its repeat families, annotate and mask the copies, and write a report
    Detect(detect::Arguments),
    /// Build and query an index of a small simulated genome
    Demo(demo::Arguments),
    /// Simulate a genome whose repeats are known
    Simulate(simulate::Arguments),
}

impl Command {
    /// Whether `-o` names a folder of several files.
    pub(super) fn writes_folder(&self) -> bool {
        matches!(self, Self::BuildIndex(_) | Self::Detect(_) | Self::Demo(_) | Self::Simulate(_))
    }

    /// Whether it ends at once, whatever the size of the index.
    pub(super) fn is_brief(&self) -> bool {
        matches!(self, Self::Info(arguments) if arguments.is_brief())
    }
}

const RESOURCES: &str = "Memory and threads";
const OUTPUT: &str = "Output";

/// Flags of every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Number of worker threads, at most 16 per core; reduced if memory is scarce [default: the available cores]
    #[arg(short, long, global = true, value_name = "N", help_heading = RESOURCES,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// Limit of the memory that is not mapped files, such as 512M or 8G [default: half of the available memory]
    #[arg(long, global = true, value_name = "SIZE", help_heading = RESOURCES, value_parser = parse_size)]
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Arguments::command().debug_assert();
    }
}
