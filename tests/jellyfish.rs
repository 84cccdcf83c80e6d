//! Tests that `dump` and `spectrum` print what Jellyfish prints, on a seeded genome and, if the data are there, on
//! Escherichia coli K-12 MG1655.
//!
//! Jellyfish must be on PATH.

mod common;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{PLAIN, data, fasta, repetitive_genome, tool};

/// The standard output of a program.
fn output_of(command: &mut Command) -> Vec<u8> {
    let output = command.stderr(Stdio::inherit()).output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    output.stdout
}

/// Compares every k-mer with its frequency, and the spectrum. `genome` is plain FASTA.
fn compare(folder: &Path, genome: &Path, k: u32) {
    let counts = folder.join(format!("k{k}.jf"));
    let length = k.to_string();
    let jellyfish = |arguments: &[&str]| {
        let mut command = Command::new("jellyfish");
        command.args(arguments).current_dir(folder);
        command
    };
    let genome_path = genome.to_str().expect("a plain path");
    let counts_path = counts.to_str().expect("a plain path");
    output_of(&mut jellyfish(&["count", "-C", "-m", &length, "-s", "16M", "-t", "2", "-o", counts_path, genome_path]));

    let target = format!("k{k}.reprise");
    let reprise = |arguments: &[&str]| output_of(&mut common::command(folder, arguments));
    reprise(&["build-index", genome_path, "-o", &target, "-k", &length, "--min-frequency", "1"]);

    let histogram = output_of(&mut jellyfish(&["histo", "-h", "100000000", counts_path]));
    let expected = String::from_utf8(histogram).expect("text");
    let spectrum = String::from_utf8(reprise(&["spectrum", &target])).expect("text");
    assert!(expected.lines().count() > 1, "jellyfish histo says nothing");
    assert_eq!(spectrum, expected, "k {k}: the spectrum differs");

    let mut expected = output_of(&mut jellyfish(&["dump", "-c", counts_path]));
    for byte in &mut expected {
        if *byte == b' ' {
            *byte = b'\t';
        }
    }
    let mut expected: Vec<&[u8]> = expected.split_inclusive(|&b| b == b'\n').collect();
    expected.sort_unstable();
    let dump = reprise(&["dump", "--sort", &target]);
    let mut lines = dump.split_inclusive(|&b| b == b'\n');
    for (number, expected) in expected.iter().enumerate() {
        let line = lines.next().unwrap_or(b"nothing");
        assert!(
            line == *expected,
            "k {k}, line {number}: {} instead of {}",
            String::from_utf8_lossy(line),
            String::from_utf8_lossy(expected)
        );
    }
    assert_eq!(lines.next(), None, "k {k}: the dump goes on");
    println!("k {k}: {} k-mers are the same", expected.len());
}

#[test]
fn a_genome_from_a_seed() {
    if tool("jellyfish").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let genome = folder.path().join("genome.fa");
    std::fs::write(&genome, fasta(&repetitive_genome(4, 200_000), &PLAIN)).expect("written");
    for k in [2, 15, 16, 31] {
        compare(folder.path(), &genome, k);
    }
}

#[test]
fn escherichia_coli() {
    let (Some(packed), Some(_)) = (data("genomes/ecoli_K12_MG1655.fna.gz"), tool("jellyfish")) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let genome = folder.path().join("ecoli.fa");
    let mut bases = Vec::new();
    let file = std::fs::File::open(&packed).expect("the genome opens");
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bases).expect("the genome unpacks");
    std::fs::write(&genome, bases).expect("written");
    for k in [15, 31] {
        compare(folder.path(), &genome, k);
    }
}
