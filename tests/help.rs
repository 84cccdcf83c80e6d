//! `-h` fits a screen, all help has the same headings, and the examples at its end run.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{PLAIN, Random, command, commands, fasta, reverse_complement, run};

/// Lines and columns of a screen.
const SCREEN: (usize, usize) = (40, 100);
/// Headings that any command may have, in their order.
const COMMON: [&str; 6] = ["Input", "Output", "Index", "Memory", "Threads", "Advanced"];
/// Headings of what a command is about.
const SUBJECTS: [&str; 8] = ["Annotation", "Checks", "Classes", "Families", "Filter", "Genome", "Masking", "Pairs"];

/// The help of a command, or of the program if it is "", on a terminal of 100 columns.
fn help(name: &str, flag: &str) -> String {
    let arguments: Vec<&str> = [name, flag].into_iter().filter(|argument| !argument.is_empty()).collect();
    let mut help = command(Path::new("."), &arguments);
    // clap asks the terminal of any standard stream, and reads COLUMNS if there is none.
    let output = help.env("COLUMNS", SCREEN.1.to_string()).output().expect("it runs");
    assert!(output.status.success(), "{name} {flag}: {output:?}");
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

fn headings(help: &str) -> Vec<&str> {
    let lines = help.lines().take_while(|line| *line != "Examples:");
    lines.filter_map(|line| line.strip_suffix(':').filter(|line| !line.starts_with(' '))).collect()
}

#[test]
fn short_help_fits_a_screen() {
    for name in commands().iter().map(String::as_str).chain([""]) {
        let help = help(name, "-h");
        let columns = help.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(help.lines().count() <= SCREEN.0 && columns <= SCREEN.1, "{name} -h is too large:\n{help}");
        let end = format!("`reprise {name} --help` shows all options.");
        assert!(name.is_empty() || help.ends_with(&format!("\n\n{end}\n")), "{help}");
        // One line for each argument: what is deeper than the names continues one.
        let listed = help.lines().take_while(|line| *line != "Examples:");
        let continued = listed.into_iter().find(|line| line.starts_with("          "));
        assert_eq!(continued, None, "{name} -h:\n{help}");
    }
}

#[test]
fn long_help_has_every_heading_in_one_order() {
    for name in commands() {
        let (short, long) = (help(&name, "-h"), help(&name, "--help"));
        for help in [&short, &long] {
            let found = headings(help);
            let known = found.iter().filter(|heading| COMMON.contains(heading)).copied();
            let expected = COMMON.into_iter().filter(|heading| found.contains(heading));
            assert!(known.eq(expected), "{name}: {found:?}");
            let odd = found.iter().find(|heading| !COMMON.contains(heading) && !SUBJECTS.contains(heading));
            assert_eq!(odd, None, "{name}");
        }
        for option in ["--output", "--max-memory", "--threads", "--low-memory", "--help"] {
            assert!(long.contains(option), "{name}: {option}");
        }
        assert!(!short.contains("--low-memory"), "{name}");
    }
}

/// The lines of the examples of a long help.
fn examples(help: &str) -> Vec<&str> {
    let end = help.split("\nExamples:\n").nth(1).unwrap_or_else(|| panic!("no examples:\n{help}"));
    end.lines().filter_map(|line| line.strip_prefix("    ")).collect()
}

/// A genome with copies of the two sequences of a library, another one that differs, reads and lists.
fn inputs(folder: &Path) {
    let mut random = Random(11);
    let library = [("first#LINE/L1", random.bases(900)), ("second#SINE", random.bases(400))];
    let mut letters: Vec<Vec<u8>> = [60_000, 40_000].map(|length| random.bases(length)).into();
    let mut truth = String::new();
    for copy in 0..36 {
        let (name, unit) = &library[copy % 2];
        let mut unit = if copy % 3 == 0 { reverse_complement(unit) } else { unit.clone() };
        for _ in 0..unit.len() / 25 {
            let at = random.below(unit.len());
            unit[at] = b"ACGT"[random.below(4)];
        }
        let (contig, at) = (copy % 2, 1000 + copy / 2 * 2000 + random.below(500));
        letters[contig][at..at + unit.len()].copy_from_slice(&unit);
        truth += &format!("chr{}\t{at}\t{}\t{name}\n", contig + 1, at + unit.len());
    }
    let contigs = |letters: &[Vec<u8>]| -> Vec<u8> {
        let named =
            letters.iter().enumerate().map(|(i, letters)| common::Contig::new(&format!("chr{}", i + 1), letters));
        fasta(&named.collect::<Vec<_>>(), &PLAIN)
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("written");
    write("genome.fa", &contigs(&letters));
    let reads: String = (0..50)
        .map(|read| {
            let bases = String::from_utf8_lossy(&letters[0][read * 500..read * 500 + 150]);
            format!("@read{read}\n{bases}\n+\n{}\n", "I".repeat(150))
        })
        .collect();
    write("reads.fq", reads.as_bytes());
    write("strain1.fa", &contigs(&letters));
    for at in (0..60_000).step_by(700) {
        letters[0][at] = b"ACGT"[random.below(4)];
    }
    letters[1].drain(5_000..9_000);
    write("strain2.fa", &contigs(&letters));
    let library = library.map(|(name, unit)| common::Contig::new(name, unit));
    write("library.fa", &fasta(&library, &PLAIN));
    write("regions.bed", b"chr1\t1000\t2000\tgene\nchr2\t0\t500\tother\n");
    write("truth.bed", truth.as_bytes());
    for folder_of_home in [".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"] {
        std::fs::create_dir_all(folder.join("home").join(folder_of_home)).expect("created");
    }
}

/// Runs a line in a shell that finds the program.
fn shell(folder: &Path, line: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_reprise"));
    let found = std::env::var_os("PATH").unwrap_or_default();
    let paths = program.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&found));
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", line]).current_dir(folder).env("HOME", folder.join("home"));
    shell.env("PATH", std::env::join_paths(paths).expect("paths")).output().expect("sh runs")
}

#[test]
fn examples_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    inputs(at);
    for strain in ["strain1.fa", "strain2.fa"] {
        run(at, &["build-index", "-k", "21", "--min-frequency", "1", strain]).fine();
    }
    // A later example reads what an earlier one wrote.
    let order = "build-index merge-index query fetch info list verify spectrum dump compare set families classify \
                 annotate merge-annotation mask candidates benchmark detect report demo simulate completions man";
    let order: Vec<&str> = order.split(' ').collect();
    let mut named: Vec<String> = commands();
    named.retain(|name| !order.contains(&name.as_str()));
    assert!(named.is_empty(), "no example of {named:?} runs");
    for name in order {
        let (short, long) = (help(name, "-h"), help(name, "--help"));
        let lines = examples(&long);
        let is_own = |line: &&str| line.contains(&format!("reprise {name}"));
        assert!((2..=4).contains(&lines.len()) && lines.iter().any(is_own), "{long}");
        assert!(lines[..2].iter().all(|line| short.contains(&format!("\n  {line}\n"))), "{short}");
        for line in lines {
            let output = shell(at, line);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !said.contains("error:"), "{line}: {said}");
        }
    }
    for made in ["results/report.html", "strain2.repeats/repeats.out", "copies.gff3", "hard.fa", "planted/truth.bed"] {
        assert!(at.join(made).exists(), "{made}");
    }
    // Those of the program itself, where no index is.
    let folder = tempfile::tempdir().expect("a temporary folder");
    inputs(folder.path());
    let long = help("", "--help");
    let lines = examples(&long);
    assert_eq!(lines.len(), 2);
    for line in lines {
        let output = shell(folder.path(), line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
