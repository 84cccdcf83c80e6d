//! Tests limits: numbers of the command line at the ends of their ranges, limits that a shell or a scheduler sets
//! (`ulimit`, signals), and that the memory that an error names suffices.

mod common;

use std::path::Path;
use std::process::Command;

use reprise::Silent;
use reprise::builder::{BuildOptions, build_index};
use reprise::memory::Budget;
use reprise::sequence::Source;

use common::{
    PLAIN, Ran, Random, bytes_of, each_case, fasta, faulty, has_faults, listing, repetitive_genome, resumed, run,
    signal, stopped,
};

/// Flags that take a number, a size, a share or a list of them, of every command, with the arguments that it needs.
const COMMANDS: [(&[&str], &[&str]); 16] = [
    (
        &["build-index", "g.fa", "--force", "-o", "x.reprise"],
        &["-k", "--min-frequency", "--max-frequency", "--max-positions"],
    ),
    (
        &["query", "g.reprise", "--kmer", "ACGTACGTACG"],
        &["--positions=", "--cache-size", "--gc-threshold", "--gc-target", "--batch-size"],
    ),
    (&["query", "g.reprise", "g.fa"], &["--batch-size", "--cache-size"]),
    (
        &["set", "union", "g.reprise", "h.reprise", "--format", "bed"],
        &["--min", "--max", "--cache-size", "--gc-threshold", "--gc-target"],
    ),
    (&["query", "g.reprise", "lib.fa", "--hits"], &["--max-e-value"]),
    (
        &["candidates", "g.reprise"],
        &[
            "--seed-mismatches",
            "--spaced",
            "--tandem-distance",
            "--min-frequency",
            "--min-length",
            "--max-extend",
            "--max-e-value",
            "--cache-size",
            "--gc-threshold",
            "--gc-target",
        ],
    ),
    (
        &["families", "g.reprise"],
        &[
            "--match=",
            "--mismatch=",
            "--gap-open=",
            "--gap-extend=",
            "--cap-penalty",
            "--band",
            "--max-extend",
            "--stop-after",
            "--min-improvement",
            "--min-length",
            "--min-copies",
            "--max-families",
            "--tandem-distance",
            "--sample",
            "--cache-size",
            "--gc-threshold",
            "--gc-target",
        ],
    ),
    (&["annotate", "g.reprise", "--library", "lib.fa"], &["--max-e-value", "--max-divergence"]),
    (&["mask", "g.reprise", "--annotation", "a.bed"], &["--width"]),
    (&["fetch", "g.reprise", "chr1"], &["--width"]),
    (
        &["detect", "g.fa", "--library", "lib.fa", "--library-only", "--force", "-o", "d"],
        &["--max-e-value", "--substitution-rate", "--width", "--max-extend", "--sample", "--cache-size", "--gc-target"],
    ),
    (&["dump", "g.reprise", "--sort"], &["-t", "--max-memory", "--cache-size", "--gc-threshold", "--gc-target"]),
    (&["spectrum", "g.reprise"], &["-t", "--max-memory"]),
    (&["verify", "g.reprise"], &["-t", "--max-memory"]),
    (&["demo"], &["--bases", "--seed"]),
    (
        &["simulate", "--bases", "10000", "--force", "-o", "s"],
        &["--bases", "--seed", "--families", "--contigs", "--copies", "--divergence", "--repeats", "--gc"],
    ),
];

const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "-1",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "72057594037927937",
    "nan",
    "inf",
    "-inf",
    "1e-400",
    "1e400",
];

#[test]
fn numbers_at_the_ends_of_their_ranges_are_used_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&repetitive_genome(5, 6000), &PLAIN)).expect("written");
    let letters = String::from_utf8(Random(3).bases(200)).expect("bases");
    std::fs::write(at.join("lib.fa"), format!(">one#LINE\n{letters}\n")).expect("written");
    std::fs::write(at.join("a.bed"), "chr1\t10\t20\tx\n").expect("written");
    run(at, &["build-index", "g.fa", "-k", "11", "-q"]).fine();
    run(at, &["build-index", "lib.fa", "-k", "11", "-q", "-o", "h.reprise"]).fine();
    let mut cases = Vec::new();
    for (needs, flags) in COMMANDS {
        for flag in flags {
            for number in NUMBERS {
                // Ranges are two numbers.
                let pairs = [format!("{number}-{number}"), format!("1-{number}")];
                let values =
                    if ["--copies", "--divergence"].contains(flag) { &pairs[..] } else { &[number.to_owned()] };
                for value in values {
                    let given = match flag.strip_suffix('=') {
                        Some(flag) => vec![format!("{flag}={value}")],
                        None => vec![(*flag).to_owned(), value.clone()],
                    };
                    cases.push((needs, given));
                }
            }
        }
    }
    each_case(&cases, |_, (needs, given)| {
        // Each in a new folder.
        let here = tempfile::tempdir().expect("a folder");
        for name in ["g.fa", "lib.fa", "a.bed", "g.reprise", "h.reprise"] {
            std::os::unix::fs::symlink(at.join(name), here.path().join(name)).expect("a link");
        }
        let arguments: Vec<&str> = needs.iter().copied().chain(given.iter().map(String::as_str)).collect();
        let more: &[&str] = if given[0] == "--max-memory" { &[] } else { &["--max-memory", "256M"] };
        let ran = run(here.path(), &[&arguments[..], &["-q"], more].concat());
        assert!([0, 2, 3, 5].contains(&ran.code), "{arguments:?}: {} {}", ran.code, ran.err);
        assert!(!ran.err.contains("panicked"), "{arguments:?}: {}", ran.err);
    });
    println!("{} numbers tried", cases.len());
}

/// Parameters of an index that could not be opened are refused before any work, and nothing is replaced.
#[test]
fn an_index_that_could_not_be_opened_is_not_built() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&repetitive_genome(5, 6000), &PLAIN)).expect("written");
    run(at, &["build-index", "g.fa", "-k", "11", "-q"]).fine();
    let before = bytes_of(&at.join("g.reprise"));
    for (frequency, code) in [("72057594037927937", 2), ("18446744073709551615", 2), ("72057594037927936", 0)] {
        let ran = run(at, &["build-index", "g.fa", "-k", "11", "-q", "--force", "--min-frequency", frequency]);
        assert_eq!(ran.code, code, "{}", ran.err);
        if code == 2 {
            ran.failed(2, &["--min-frequency", "1 to 72057594037927936"]);
            assert!(bytes_of(&at.join("g.reprise")) == before);
        } else {
            run(at, &["info", "g.reprise"]).fine();
        }
    }
}

/// The least size that an error names, as `--max-memory` reads it.
#[track_caller]
fn least_named(ran: &Ran) -> String {
    let named = ran.err.split_once("needs at least ").expect("the least is named").1;
    let mut words = named.split(' ');
    format!("{}{}", words.next().expect("a number"), words.next().expect("a unit"))
}

/// Runs a command with little memory, then with what its error names, and so on; returns how often it failed.
#[track_caller]
fn tries(at: &Path, arguments: &[&str]) -> usize {
    let mut memory = "1M".to_owned();
    for tries in 0..8 {
        let ran = run(at, &[arguments, &["-q", "--max-memory", &memory]].concat());
        if ran.code == 0 {
            return tries;
        }
        assert_eq!(ran.code, 5, "{arguments:?} with {memory}: {}", ran.err);
        memory = least_named(&ran);
    }
    panic!("{arguments:?} fails with {memory} again");
}

#[test]
fn the_memory_that_an_error_names_suffices() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    // Many copies of each family, so that alignments need memory.
    run(at, &["simulate", "-q", "--bases", "1500000", "--families", "6", "-o", "s"]).fine();
    std::fs::copy(at.join("s/genome.fa"), at.join("g.fa")).expect("there");
    std::fs::copy(at.join("s/library.fa"), at.join("lib.fa")).expect("there");
    run(at, &["build-index", "g.fa", "-q"]).fine();
    // Many contigs, some with lower case and other letters.
    let mut random = Random(3);
    let mut contig = |i: usize| {
        let bases = String::from_utf8(random.bases(50)).expect("bases");
        format!(">contig_{i} from somewhere\n{bases}{}\n", if i.is_multiple_of(5) { "nnRYacgt" } else { "" })
    };
    std::fs::write(at.join("many.fa"), (0..200_000).map(&mut contig).collect::<String>()).expect("written");
    run(at, &["build-index", "many.fa", "-q", "-k", "11"]).fine();
    std::fs::write(at.join("a.fa"), format!(">a\n{}\n", "A".repeat(2_000_000))).expect("written");
    std::fs::write(at.join("a.bed"), "contig_7\t1\t20\tx\n").expect("written");
    std::fs::write(at.join("g.bed"), "chr1\t1\t20\tx\n").expect("written");
    let cases: &[(&[&str], usize)] = &[
        (&["build-index", "g.fa", "--force", "-o", "x1"], 2),
        (&["build-index", "g.fa", "--force", "-o", "x2", "-k", "31", "--min-frequency", "1"], 2),
        (&["build-index", "many.fa", "--force", "-o", "x3", "-k", "11"], 2),
        (&["build-index", "a.fa", "--force", "-o", "x4"], 2),
        (&["build-index", "a.fa", "--force", "-o", "x5", "-k", "31", "--min-frequency", "1"], 2),
        (&["query", "g.reprise", "g.fa"], 2),
        (&["query", "many.reprise", "--region", "contig_77:1-20"], 2),
        (&["annotate", "g.reprise", "--library", "lib.fa"], 2),
        (&["mask", "g.reprise", "--annotation", "g.bed"], 2),
        (&["mask", "many.reprise", "--annotation", "a.bed"], 2),
        (&["families", "g.reprise"], 3),
        (&["candidates", "g.reprise"], 2),
        (&["dump", "g.reprise", "--positions"], 2),
        (&["dump", "many.reprise", "--positions"], 2),
        (&["detect", "g.fa", "--force", "-o", "d1"], 3),
    ];
    each_case(cases, |_, (arguments, most)| {
        let tries = tries(at, arguments);
        assert!(tries <= *most, "{arguments:?}: the memory that was named was too little, {tries} times");
    });
}

/// Runs the program in a shell that sets limits first.
fn limited(at: &Path, limits: &str, arguments: &[&str]) -> std::process::Output {
    Command::new("sh")
        .args(["-c", &format!("{limits} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_reprise")])
        .args(arguments)
        .current_dir(at)
        .output()
        .expect("sh starts")
}

/// With any limit of address space a command succeeds or reports an error.
#[test]
fn limits_of_memory_end_no_command_by_a_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    run(at, &["simulate", "-q", "--bases", "1000000", "--families", "5", "-o", "s"]).fine();
    run(at, &["build-index", "s/genome.fa", "-q", "-o", "g.reprise"]).fine();
    let mut cases = Vec::new();
    for (number, arguments) in [
        &["build-index", "s/genome.fa", "-q"][..],
        &["build-index", "s/genome.fa", "-q", "-k", "31", "--min-frequency", "1"],
        &["build-index", "s/genome.fa", "-q", "--max-memory", "8G"],
        &["query", "g.reprise", "s/genome.fa"],
        &["detect", "s/genome.fa", "-q"],
    ]
    .into_iter()
    .enumerate()
    {
        for kilobytes in [60_000, 100_000, 150_000, 250_000, 400_000, 1_000_000] {
            for flag in ["-v", "-d"] {
                cases.push((number, arguments, flag, kilobytes));
            }
        }
    }
    each_case(&cases, |_, &(number, arguments, flag, kilobytes)| {
        let target = format!("x{number}{flag}{kilobytes}");
        let more: &[&str] = if arguments[0] == "query" { &[] } else { &["-o", &target] };
        let ran = limited(at, &format!("ulimit {flag} {kilobytes}"), &[arguments, more].concat());
        let text = String::from_utf8_lossy(&ran.stderr);
        let code = ran.status.code();
        assert!(matches!(code, Some(0 | 5)), "{arguments:?} {flag} {kilobytes}: {} {text}", ran.status);
        assert!(kilobytes < 400_000 || code == Some(0), "{arguments:?} {flag} {kilobytes}: {text}");
    });
    println!("{} commands under a limit", cases.len());
}

/// A file that grows past the limit fails as on a full disk; the process is not killed.
#[test]
fn a_limit_of_the_size_of_files_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&repetitive_genome(5, 600_000), &PLAIN)).expect("written");
    run(at, &["build-index", "g.fa", "-q", "-k", "11"]).fine();
    let before = listing(at);
    for blocks in [1, 50, 300] {
        for arguments in [
            &["build-index", "g.fa", "-q", "-o", "x.reprise"][..],
            &["dump", "g.reprise", "--positions", "-o", "x.tsv"],
        ] {
            let ran = limited(at, &format!("ulimit -f {blocks}"), arguments);
            let text = String::from_utf8_lossy(&ran.stderr);
            assert_eq!(ran.status.code(), Some(5), "{arguments:?} {blocks}: {} {text}", ran.status);
            assert!(text.contains("ulimit -f"), "{text}");
            assert_eq!(listing(at), before);
        }
    }
}

/// Indexes are opened one after the other, so a hundred need no more open files than two.
#[test]
fn a_hundred_indexes_need_few_open_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let mut random = Random(9);
    let shared = random.bases(2000);
    let genomes: Vec<Vec<u8>> = (0..100).map(|number| [&random.bases(500), &shared[number * 10..]].concat()).collect();
    let options = BuildOptions { k: Some(21), min_frequency: 1, ..BuildOptions::default() };
    each_case(&genomes, |number, genome| {
        let path = at.join(format!("{number}.fa"));
        std::fs::write(&path, [b">a\n", &genome[..], b"\n"].concat()).expect("written");
        let target = at.join(format!("{number}.reprise"));
        build_index(&[Source::new(&path)], &target, &options, &Budget::new(1 << 28), &Silent).expect("a genome");
    });
    let names: Vec<String> = (0..100).map(|number| format!("{number}.reprise")).collect();
    for (command, rows) in [
        // A row for each pair, below the header.
        (&["compare"][..], 1 + 100 * 99 / 2..1 + 100 * 99 / 2 + 1),
        // The k-mers of the last 1010 bases, and perhaps some by chance at their start.
        (&["set", "intersect"], 990..1000),
        (&["set", "intersect", "--format", "bed"], 1..2),
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain(names.iter().map(String::as_str)).collect();
        let unlimited = run(at, &arguments).fine().out;
        assert!(rows.contains(&unlimited.lines().count()), "{command:?}: {} rows", unlimited.lines().count());
        for files in [64, 16] {
            let ran = limited(at, &format!("ulimit -n {files}"), &arguments);
            let text = String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success(), "{command:?} with {files} open files: {text}");
            assert!(ran.stdout == unlimited.as_bytes(), "{command:?} with {files} open files");
        }
    }
}

/// Job schedulers send these before they kill.
#[test]
fn signals_of_job_schedulers_end_a_build_and_leave_nothing() {
    if !has_faults() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&repetitive_genome(5, 60_000), &PLAIN)).expect("written");
    for (name, code) in [("XCPU", 128 + 24), ("USR1", 128 + 10), ("USR2", 128 + 12)] {
        for n in [5, 20, 40] {
            let build = ["build-index", "g.fa", "-o", "g.reprise", "-k", "11"];
            let child = stopped(faulty(at, &build, &format!("stop any {n}")));
            signal(&child, name);
            let ran = resumed(child);
            assert_eq!(ran.code, code, "{name}: {}", ran.err);
            assert!(ran.err.contains(&format!("ended by SIG{name}")), "{}", ran.err);
            assert_eq!(listing(at), ["g.fa"]);
        }
    }
}

/// The memory that all steps need is checked before the first.
#[test]
fn detect_reports_the_memory_it_needs_before_it_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&repetitive_genome(5, 9_000_000), &PLAIN)).expect("written");
    run(at, &["detect", "g.fa", "-o", "d", "--max-memory", "64M"]).failed(5, &["detect", "needs at least"]);
    assert_eq!(listing(at), ["g.fa"]);
    // The same for an index, whose manifest has the size of its genome.
    run(at, &["build-index", "g.fa", "-q", "--max-memory", "64M"]).fine();
    run(at, &["detect", "g.reprise", "-o", "d", "--max-memory", "64M"]).failed(5, &["detect", "needs at least"]);
    assert_eq!(listing(at), ["g.fa", "g.reprise"]);
}
