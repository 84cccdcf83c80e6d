//! The command line as it is typed: all commands, with the flags of every command.

use clap::{CommandFactory, Parser, Subcommand};

use super::common_arguments::Common;
use super::help::WIDTH;
use super::{
    annotate, benchmark, build_index, candidates, classify, compare, completions, demo, detect, dump, families, fetch,
    info, list, man, mask, merge_annotation, merge_index, query, report, set, simulate, spectrum, verify,
};

/// The whole command line; its description is that of the package.
#[derive(Debug, Parser)]
#[command(name = "reprise", version, about, max_term_width = WIDTH, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) common: Common,
}

/// The commands, in the order in which help lists them.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build an index of a genome
    ///
    /// The index is a folder that other commands query. Several files are one genome. Without -o the folder is
    /// named after the first file: genome.fa.gz becomes genome.reprise.
    ///
    /// An index appears complete or not at all. With --json the summary follows
    /// `schema/build-summary.schema.json`, the plan of --dry-run `schema/build-plan.schema.json`.
    BuildIndex(build_index::Arguments),
    /// Make an index of the parts that `build-index --shard` built
    ///
    /// The parts may be in any order. The index (-o INDEX) has the bytes of a single `build-index` with the
    /// same flags, but for its time stamp, unless SOURCE_DATE_EPOCH is set. The command needs the parts only,
    /// and leaves them as they are.
    ///
    /// All parts are checked before anything is written: the digests of their files, and whether each is there
    /// once and is of the same genome, flags, number of parts and version of the program. A part that is
    /// damaged, missing, there twice or of something else is an error (exit code 3) that names it. Pages are
    /// copied as they are read, in memory that does not grow with the index but for 24 bytes for each page, and
    /// for the tables of contigs and frequencies.
    MergeIndex(merge_index::Arguments),
    /// Look up k-mers, sequences or regions of the genome
    ///
    /// Inputs are k-mers (--kmer, --kmers), sequences (SEQUENCES), or regions of the indexed genome (--region,
    /// --regions); one kind at a time.
    ///
    /// A k-mer is a row of the k-mer and its frequency. Rows of sequences and regions are TSV with a header:
    /// `name`, `length`, `kmers` (valid k-mers), `found` (k-mers in the index), `repeated` (k-mers that occur
    /// twice or more), `mean_frequency`, `median_frequency`, `max_frequency`.
    ///
    /// A k-mer and its reverse complement are the same k-mer; frequencies count both strands.
    Query(query::Arguments),
    /// Write regions of the genome as FASTA
    ///
    /// N and soft mask are as in the genome, and records as `samtools faidx` writes them. Output to a name that
    /// ends in .gz or .bgz is compressed with bgzip.
    ///
    /// A record is called chr1:1001-2000, 1-based and inclusive, or chr1 for a whole contig that is given by
    /// its name alone. On the reverse strand /rc follows, as in `samtools faidx -i`. Rows of BED get the same
    /// names, so that they differ, and column 4 as description: `>chr1:1001-2000/rc AluY`. Letters other than
    /// A, C, G, T and N are N in an index.
    Fetch(fetch::Arguments),
    /// Print what an index contains and how it was built
    ///
    /// Without options it reads the manifest only, so it answers at once.
    Info(info::Arguments),
    /// List the indexes in a folder and in all folders below it
    ///
    /// A row for every index, and for every part of one: path, state, genome, contigs, bases, k, filters,
    /// layout, size, format, program version, time, and the problem of an index that is not whole. It reads the
    /// manifests only.
    List(list::Arguments),
    /// Check the checksums and the consistency of an index
    ///
    /// It checks every checksum, and all parts against each other. Damage is exit code 4, and the error names
    /// the file and, if possible, the byte.
    Verify(verify::Arguments),
    /// Print the k-mer spectrum: how many distinct k-mers have each frequency
    ///
    /// The columns are frequency and number of distinct k-mers of the genome with that frequency, as `jellyfish
    /// histo` prints them. K-mers that the filters of the index leave out are counted too.
    Spectrum(spectrum::Arguments),
    /// Print every stored k-mer with its frequency
    ///
    /// The rows are those of `jellyfish dump -c -t`: of a k-mer and its reverse complement the
    /// lexicographically smaller one.
    Dump(dump::Arguments),
    /// Compare the k-mers of several indexes, each with each
    ///
    /// It prints TSV, a row for each pair: `a`, `b`, `kmers_a`, `kmers_b`, `shared_kmers`, `jaccard`,
    /// `containment_a`, `containment_b`; then the same by occurrences: `occurrences_a`, `occurrences_b`,
    /// `shared_occurrences`, `weighted_jaccard`, `weighted_containment_a`, `weighted_containment_b`. --json
    /// prints one document.
    ///
    /// A containment is the part of the k-mers of one index that the other has too. Shared occurrences are the
    /// sum of the lesser frequencies; the weighted Jaccard index divides it by the sum of the greater ones. All
    /// numbers are exact; Mash and sourmash estimate them from a sketch, a sample of the k-mers.
    ///
    /// K-mers that an index omits because of its frequency filters count as absent; the program warns of this.
    /// Different layouts and sizes can be compared (docs/scale.md#comparing-indexes).
    Compare(compare::Arguments),
    /// Write the union, intersection or difference of the k-mers of several indexes
    ///
    /// Rows are in the order of the indexes, as `dump` prints them, or in the order of hashes if the indexes
    /// have several orders, whatever the threads and memory (docs/scale.md#comparing-indexes).
    ///
    /// `--format bed` writes the regions of the first genome that k-mers of the set cover: `set subtract A B
    /// --format bed` finds what A has and B lacks, such as markers, insertions and contamination. It needs a
    /// bit for each base of A, and alone looks k-mers up in the cache.
    Set(set::Arguments),
    /// Find the copies of a library of repeats in the genome
    ///
    /// It reports position, strand, divergence and score of each copy, and which part of the consensus the copy
    /// covers. docs/annotation.md describes the method, docs/formats.md the formats.
    ///
    /// The search reads the genome itself, and so far no page of the dictionary: the flags of the cache are
    /// there so that a workflow can pass the same ones to every step.
    Annotate(annotate::Arguments),
    /// Join the parts of `annotate --shard` to the annotation of a single run
    ///
    /// All parts are needed, in any order; the files have the bytes of those of a single run of `annotate`.
    /// docs/cluster.md#parts-of-an-annotation describes parts and what is refused.
    MergeAnnotation(merge_annotation::Arguments),
    /// Write the genome with the intervals of an annotation masked
    ///
    /// They are in lower case, or N. Output to a name that ends in .gz or .bgz is compressed with bgzip.
    /// docs/annotation.md#input-formats describes the formats of the annotation.
    Mask(mask::Arguments),
    /// Find pairs of similar sequences that share a seed (PAF)
    ///
    /// A seed is a k-mer of the index. Pairs are intervals of the genome that align there.
    ///
    /// All threads look up k-mers and align. The memory is three bits a base of the genome and the batches in
    /// flight; -v and the summary of --json report how many there were and who waited.
    Candidates(candidates::Arguments),
    /// Find repeat families and write their consensus sequences
    ///
    /// FASTA headers are `>family-N#class length= copies= full_length= divergence= seed=`;
    /// docs/families.md#columns describes the columns. docs/families.md describes the method, its quality and
    /// its limits.
    ///
    /// A genome of up to 128M is searched as a whole, unless --sample is given. Otherwise families are searched
    /// for in a sample of the genome, then in further samples, each eight times as large as the one before, but
    /// no larger than 128M, up to --sample-limit. The search ends early after a sample that adds hardly any
    /// copies. No two samples share bases, and each is spread over the whole genome. Copies are always those of
    /// the whole genome. `examined_bases` in the summary is the number of bases in the samples that were
    /// searched.
    Families(families::Arguments),
    /// Classify the sequences of a library of repeats
    ///
    /// The library is of `families` or of any other program; no genome is needed. docs/classes.md describes the
    /// classes and what they are based on.
    ///
    /// `tsv` has the columns `name`, `class` and `evidence`. `fasta` is the library with `>name#class`; a
    /// sequence that gets no class keeps its name, with the class in it. `jsonl` follows
    /// `schema/classify-row.schema.json`. A sequence alone shows less than a family with its copies: target
    /// sites and poly-A ends are known to `families` and `detect` only.
    Classify(classify::Arguments),
    /// Score a library of repeats, or a mask, against a true one
    ///
    /// Of a library it reports how many true families it has perfectly, well, in part or not at all; with
    /// --genome, it scores a mask against a true annotation, base by base. docs/benchmark.md defines the
    /// figures.
    ///
    /// They are printed as TSV, `measure value`, with shares in per cent. --json prints one document, of
    /// libraries (`schema/benchmark-library.schema.json`) with the rows of --table, or of masks
    /// (`schema/benchmark-masks.schema.json`) with shares from 0 to 1.
    Benchmark(benchmark::Arguments),
    /// Find, annotate and mask the repeats of a genome, and write a report
    ///
    /// It runs the whole analysis in one folder: -o DIR, by default the genome's name with .repeats. It builds
    /// the index if there is none, finds families, annotates their copies, masks the genome and writes a
    /// report.
    ///
    /// DIR receives families.fa, families.stk, families.tsv, repeats.gff3, repeats.bed, repeats.out,
    /// masked.fa.gz, summary.json, report.html and reprise*_mqc.json (sections for MultiQC), and the index
    /// genome.reprise unless an index of the genome exists. They have the same bytes as those that the single
    /// commands write. Times, memory and the date are only in summary.json, report.html and steps.json.
    /// docs/report.md describes the report and its figures.
    ///
    /// Each step is skipped if its files are complete and come from the same inputs and parameters; steps.json
    /// records digests of both. So an interrupted run continues, also with another -t or --max-memory, and a
    /// run with other parameters repeats only the steps that depend on them. An interrupted build of the index
    /// continues after its last finished pass, an interrupted search for families after its last finished stage;
    /// any other interrupted step begins anew. --force repeats all steps. A file that was changed since, or that
    /// `detect` did not write, is not replaced without --force.
    Detect(detect::Arguments),
    /// Draw the repeats of several genomes side by side, from results of `detect`
    ///
    /// The page has landscapes with one scale, and their classes. It goes to standard output or to -o.
    /// docs/report.md#several-genomes-side-by-side has an example. With --json and -o, the summary follows
    /// `schema/report-summary.schema.json`.
    Report(report::Arguments),
    /// Build and query an index of a small simulated genome
    ///
    /// The genome has planted repeats; the command prints what its index finds. With -o DIR it keeps
    /// DIR/demo.fa and DIR/demo.reprise; otherwise it removes them.
    Demo(demo::Arguments),
    /// Simulate a genome whose repeats are known
    ///
    /// DIR (-o) receives genome.fa, library.fa (the planted sequences), truth.bed (their copies), negatives.bed
    /// (duplicated segments, which are not repeat families) and summary.tsv. The same arguments produce the
    /// same bytes.
    Simulate(simulate::Arguments),
    /// Print the completions of a shell
    ///
    /// The script completes commands, flags and their values. zsh needs `fpath+=~/.zfunc` before compinit in
    /// ~/.zshrc.
    Completions(completions::Arguments),
    /// Write the manual pages of all commands
    ///
    /// The folder (-o DIR) receives reprise.1 and reprise-COMMAND.1. `man -l DIR/reprise-query.1` shows one;
    /// `man reprise-query` does if DIR is ~/.local/share/man/man1.
    Man(man::Arguments),
}

/// The parser of the command line, with its help in order.
pub(super) fn parser() -> clap::Command {
    super::help::arranged(Arguments::command())
}

impl Command {
    /// Whether `-o` names a folder of several files.
    pub(super) fn writes_folder(&self) -> bool {
        match self {
            Self::Man(arguments) => !arguments.is_one_page(),
            Self::BuildIndex(_) | Self::MergeIndex(_) | Self::Detect(_) | Self::Demo(_) | Self::Simulate(_) => true,
            _ => false,
        }
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
        super::parser().debug_assert();
    }
}
