//! The examples at the end of every help. `tests/help.rs` runs all of them, in this order and in one folder, so a later
//! example may read what an earlier one wrote.

/// A command line for a shell, and what it does.
pub(super) struct Example {
    /// What it does, an imperative without a full stop.
    pub(super) purpose: &'static str,
    /// The line, which fits the width of a help with its indentation.
    pub(super) line: &'static str,
}

const fn example(purpose: &'static str, line: &'static str) -> Example {
    Example { purpose, line }
}

/// The examples of the whole program.
pub(super) const PROGRAM: &[Example] = &[
    example("Find, annotate and mask the repeats of a genome", "reprise detect genome.fa -o results"),
    example(
        "Index a genome once, and query the index",
        "reprise build-index genome.fa && reprise query genome.reprise --region chr1:1-20000",
    ),
];

/// The examples of a command. Its short help has the first two.
pub(super) fn of(command: &str) -> &'static [Example] {
    let found = COMMANDS.iter().find(|(name, _)| *name == command);
    found.map_or(&[], |(_, examples)| examples)
}

const COMMANDS: [(&str, &[Example]); 24] = [
    ("build-index", BUILD_INDEX),
    ("merge-index", MERGE_INDEX),
    ("query", QUERY),
    ("fetch", FETCH),
    ("info", INFO),
    ("list", LIST),
    ("verify", VERIFY),
    ("spectrum", SPECTRUM),
    ("dump", DUMP),
    ("compare", COMPARE),
    ("set", SET),
    ("families", FAMILIES),
    ("classify", CLASSIFY),
    ("annotate", ANNOTATE),
    ("merge-annotation", MERGE_ANNOTATION),
    ("mask", MASK),
    ("candidates", CANDIDATES),
    ("benchmark", BENCHMARK),
    ("detect", DETECT),
    ("report", REPORT),
    ("demo", DEMO),
    ("simulate", SIMULATE),
    ("completions", COMPLETIONS),
    ("man", MAN),
];

const BUILD_INDEX: &[Example] = &[
    example(
        "Build genome.reprise, with the default k and all k-mers that occur twice or more",
        "reprise build-index genome.fa",
    ),
    example(
        "Store all k-mers of 21 bases, for `query` of reads, `compare` and `set`",
        "reprise build-index -k 21 --min-frequency 1 genome.fa -o k21.reprise",
    ),
    example(
        "Print the passes, memory and disk of a build within 64 MiB",
        "reprise build-index --dry-run --max-memory 64M genome.fa -o small.reprise",
    ),
];
const MERGE_INDEX: &[Example] = &[
    example(
        "Build two parts, each of which could be on a machine of its own",
        "for i in 1 2; do reprise build-index genome.fa --shard $i/2 -o part.$i; done",
    ),
    example("Join them", "reprise merge-index part.1 part.2 -o joined.reprise"),
];
const QUERY: &[Example] = &[
    example(
        "Print the frequency and all positions of a k-mer",
        "reprise query k21.reprise --kmer GATTACAGATTACAGATTACA --positions",
    ),
    example("Count the k-mers of each read that the genome has", "reprise query k21.reprise reads.fq -o reads.tsv"),
    example(
        "Write the frequencies along a region as a track",
        "reprise query genome.reprise --region chr1:1-20000 --per-kmer --format bedgraph -o chr1.bedgraph",
    ),
    example("Align sequences with the genome", "reprise query genome.reprise library.fa --hits -o hits.paf"),
];
const FETCH: &[Example] = &[
    example("Print a region", "reprise fetch genome.reprise chr1:1,001-2,000"),
    example(
        "Write the reverse complements of the regions of a BED file",
        "reprise fetch genome.reprise --regions regions.bed --strand - -o regions.fa.gz",
    ),
];
const INFO: &[Example] = &[
    example("Print the parameters and the size of an index", "reprise info genome.reprise"),
    example("Check that an index is of a genome", "reprise info genome.reprise --check genome.fa"),
    example("Print the contigs with their digests", "reprise info genome.reprise --contigs"),
];
const LIST: &[Example] = &[
    example("List the indexes in the current folder and below it", "reprise list"),
    example("List them as JSON", "reprise list . --json"),
];
const VERIFY: &[Example] = &[
    example("Check every checksum", "reprise verify genome.reprise"),
    example("Also compare every position with the genome", "reprise verify genome.reprise --deep"),
];
const SPECTRUM: &[Example] = &[
    example("Print the spectrum", "reprise spectrum k21.reprise"),
    example("Write it to a file, and draw it", "reprise spectrum k21.reprise -o k21.hist --svg k21.svg"),
];
const DUMP: &[Example] = &[
    example("Write all k-mers with their frequencies", "reprise dump genome.reprise -o kmers.tsv"),
    example("Write them in alphabetical order", "reprise dump genome.reprise --sort --positions -o positions.tsv"),
];
const COMPARE: &[Example] = &[
    example("Compare the k-mers of two genomes", "reprise compare strain1.reprise strain2.reprise"),
    example(
        "Draw a heat map of several genomes",
        "reprise compare strain1.reprise strain2.reprise k21.reprise --svg strains.svg -o strains.tsv",
    ),
];
const SET: &[Example] = &[
    example(
        "Find the regions of the first genome that the second lacks",
        "reprise set subtract strain1.reprise strain2.reprise --format bed -o only1.bed",
    ),
    example(
        "Write the k-mers that both have",
        "reprise set intersect strain1.reprise strain2.reprise --format kmers -o shared.txt",
    ),
];
const FAMILIES: &[Example] = &[
    example("Find the families of a genome by its index", "reprise families genome.reprise -o families.fa"),
    example(
        "Write a table of the families with at least ten copies",
        "reprise families genome.fa --min-copies 10 --format tsv -o families.tsv",
    ),
    example(
        "Also write seed alignments for Dfam",
        "reprise families genome.reprise --stockholm seeds.stk --taxon 'Homo sapiens' -o seeds.fa",
    ),
];
const CLASSIFY: &[Example] = &[
    example("Print the classes of a library", "reprise classify families.fa"),
    example("Write the library with classes in its names", "reprise classify library.fa --format fasta -o classes.fa"),
];
const ANNOTATE: &[Example] = &[
    example(
        "Write repeats.gff3, repeats.bed and repeats.out",
        "reprise annotate genome.reprise --library families.fa -o repeats",
    ),
    example(
        "Print the copies of two libraries as BED",
        "reprise annotate genome.reprise --library families.fa --library library.fa --formats bed",
    ),
    example(
        "Annotate the first of two parts of the genome",
        "reprise annotate genome.reprise --library library.fa --shard 1/2 -o part1",
    ),
    example(
        "Annotate the second part, perhaps on another machine",
        "reprise annotate genome.reprise --library library.fa --shard 2/2 -o part2",
    ),
];
const MERGE_ANNOTATION: &[Example] = &[
    example("Join the parts of an annotation", "reprise merge-annotation part1 part2 -o copies"),
    example("Write other formats of them", "reprise merge-annotation part1 part2 --formats gtf,tbl,divsum -o others"),
];
const MASK: &[Example] = &[
    example(
        "Write the genome with its repeats in lower case",
        "reprise mask genome.reprise --annotation repeats.bed -o masked.fa.gz",
    ),
    example(
        "Write N for the copies of some classes",
        "reprise mask genome.reprise --annotation copies.out --class LINE,SINE --hard -o hard.fa",
    ),
    example(
        "Keep the lines and descriptions of a FASTA file",
        "reprise mask genome.reprise --annotation repeats.gff3 --genome genome.fa -o lines.fa",
    ),
];
const CANDIDATES: &[Example] = &[
    example("Write all pairs of similar intervals", "reprise candidates genome.reprise -o pairs.paf"),
    example(
        "Write long pairs, also of k-mers that differ in a base",
        "reprise candidates genome.reprise --seed-mismatches 1 --min-length 500 -o long.paf",
    ),
];
const BENCHMARK: &[Example] = &[
    example("Score a library against the true one", "reprise benchmark families.fa --truth library.fa"),
    example(
        "Score a masked genome against true intervals",
        "reprise benchmark masked.fa.gz --truth truth.bed --genome genome.fa",
    ),
];
const DETECT: &[Example] = &[
    example("Run the whole analysis of a genome", "reprise detect genome.fa -o results"),
    example(
        "Also annotate the copies of a library, and tandem repeats",
        "reprise detect strain2.fa --library library.fa --tandem -o strain2.repeats",
    ),
    example(
        "Print the steps of a run in parts, for a scheduler of jobs",
        "reprise detect genome.fa -o cluster --shards 4 --plan plan.json",
    ),
];
const REPORT: &[Example] = &[
    example("Draw two genomes side by side", "reprise report results strain2.repeats -o strains.html"),
    example(
        "Also write the figures as SVG files",
        "reprise report results strain2.repeats --plots figures -o figures.html",
    ),
];
const DEMO: &[Example] = &[
    example("Build and query an index, and remove it", "reprise demo"),
    example("Keep the genome and the index in a folder", "reprise demo --bases 200000 -o demo"),
];
const SIMULATE: &[Example] = &[
    example("Simulate a genome with twelve random families", "reprise simulate --bases 500000 -o simulated"),
    example(
        "Plant the sequences of a library in 30 % of a genome",
        "reprise simulate --library library.fa --families 2 --bases 200000 --repeats 30 -o planted",
    ),
];
const COMPLETIONS: &[Example] = &[
    example(
        "Complete commands in bash",
        "reprise completions bash -o ~/.local/share/bash-completion/completions/reprise",
    ),
    example("Complete commands in zsh", "reprise completions zsh -o ~/.zfunc/_reprise"),
    example("Complete commands in fish", "reprise completions fish -o ~/.config/fish/completions/reprise.fish"),
];
const MAN: &[Example] = &[
    example("Install the manual pages for one user", "reprise man -o ~/.local/share/man/man1"),
    example("Write the reference of all commands as Markdown", "reprise man --markdown -o reference.md"),
];
