//! The command line as it is typed: all commands, with the flags of every command.

use clap::{Parser, Subcommand};

use super::common_arguments::Common;
use super::{
    annotate, benchmark, build_index, candidates, classify, compare, completions, demo, detect, dump, families, fetch,
    info, list, man, mask, merge_annotation, merge_index, query, report, set, simulate, spectrum, verify,
};

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

/// The end of the help of the program; `docs/cli.md` has the same list.
const EXIT_CODES: &str =
    "Exit codes: 0 success, 1 an input/output or system error, 2 a wrong command line, 3 wrong input,
4 a damaged or unfinished index, 5 too little memory or disk space.";

/// The commands, in the order in which help lists them.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build an index of a genome
    BuildIndex(build_index::Arguments),
    /// Make an index of the parts that `build-index --shard` built
    MergeIndex(merge_index::Arguments),
    /// Look up k-mers, sequences or regions of the genome
    Query(query::Arguments),
    /// Write regions of the genome as FASTA
    Fetch(fetch::Arguments),
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
    /// Compare the k-mers of several indexes, each with each
    Compare(compare::Arguments),
    /// Write the union, intersection or difference of the k-mers of several indexes
    Set(set::Arguments),
    /// Find the copies of a library of repeats in the genome
    Annotate(annotate::Arguments),
    /// Join the parts of `annotate --shard` to the annotation of a single run
    MergeAnnotation(merge_annotation::Arguments),
    /// Write the genome with the intervals of an annotation masked
    Mask(mask::Arguments),
    /// Find pairs of similar sequences that share a seed (PAF)
    Candidates(candidates::Arguments),
    /// Find repeat families and write their consensus sequences
    Families(families::Arguments),
    /// Classify the sequences of a library of repeats
    Classify(classify::Arguments),
    /// Score a library of repeats, or a mask, against a true one
    Benchmark(benchmark::Arguments),
    /// Index a genome, find its repeat families, annotate and mask the copies, and write a report
    Detect(detect::Arguments),
    /// Draw the repeats of several genomes side by side, from the results of `detect`
    Report(report::Arguments),
    /// Build and query an index of a small simulated genome
    Demo(demo::Arguments),
    /// Simulate a genome whose repeats are known
    Simulate(simulate::Arguments),
    /// Print the completions of a shell
    Completions(completions::Arguments),
    /// Write the manual pages of all commands
    Man(man::Arguments),
}

impl Command {
    /// Whether `-o` names a folder of several files.
    pub(super) fn writes_folder(&self) -> bool {
        matches!(
            self,
            Self::BuildIndex(_)
                | Self::MergeIndex(_)
                | Self::Detect(_)
                | Self::Demo(_)
                | Self::Simulate(_)
                | Self::Man(_)
        )
    }

    /// Whether it ends at once, whatever the size of the index.
    pub(super) fn is_brief(&self) -> bool {
        matches!(self, Self::Info(arguments) if arguments.is_brief())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Arguments::command().debug_assert();
    }
}
