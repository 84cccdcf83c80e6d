//! The programs in `examples/` run on a small genome, and print what is true of it. `tests/pipeline.rs` has those on
//! candidates and memory.

mod common;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use common::{Contig, Random, run};
use tempfile::TempDir;

#[allow(dead_code)]
#[path = "../examples/build_index.rs"]
mod build_index;
#[allow(dead_code)]
#[path = "../examples/count.rs"]
mod count;
#[allow(dead_code)]
#[path = "../examples/find_repeats.rs"]
mod find_repeats;
#[allow(dead_code)]
#[path = "../examples/repeat_share.rs"]
mod repeat_share;

/// Bases in a k-mer.
const K: usize = 11;
/// Bases of the planted repeat.
const REPEAT: usize = 500;
/// Where its copies begin in `chr1`.
///
/// They are far apart: copies in one or two places of 50,000 bases are a cluster, and no family.
const STARTS: [usize; 6] = [20_000, 75_000, 110_000, 160_000, 230_000, 280_000];

/// A genome of two contigs, the first with six copies of a repeat.
fn contigs() -> [Contig; 2] {
    let mut random = Random(12);
    let repeat = random.bases(REPEAT);
    let mut chr1 = random.bases(300_000);
    for start in STARTS {
        chr1[start..start + REPEAT].copy_from_slice(&repeat);
    }
    [Contig::new("chr1", chr1), Contig::new("chr2", random.bases(20_000))]
}

fn indexed() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fasta = common::fasta(&contigs(), &common::PLAIN);
    std::fs::write(folder.path().join("genome.fa"), fasta).expect("the genome is written");
    run(folder.path(), &["build-index", "genome.fa", "-k", &K.to_string()]).fine();
    let index = folder.path().join("genome.reprise");
    (folder, index)
}

/// What an example prints.
fn printed(example: impl FnOnce(&mut dyn std::io::Write) -> Result<(), Box<dyn std::error::Error>>) -> String {
    let mut out = Vec::new();
    example(&mut out).expect("it runs");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn count_prints_frequencies_and_positions() {
    let (_folder, index) = indexed();
    let letters = &contigs()[0].letters;
    let kmer = common::text(&letters[STARTS[0]..STARTS[0] + K]);
    let text = printed(|out| count::report(&index, [kmer.clone()].into_iter(), out));
    let mut fields = text.trim_end().split('\t');
    assert_eq!(fields.next(), Some(&kmer[..]));
    let frequency: usize = fields.next().and_then(|field| field.parse().ok()).expect("a number");
    assert!(frequency >= STARTS.len(), "{text}");
    assert!(text.contains(&format!("chr1:{}:+", STARTS[0])), "{text}");
}

#[test]
fn repeat_share_is_high_within_the_repeat() {
    let (_folder, index) = indexed();
    let step = std::num::NonZeroU64::new(REPEAT as u64).expect("not 0");
    let text = printed(|out| repeat_share::report(&index, step, out));
    let share = |start: usize| -> f64 {
        let row = text.lines().find(|line| line.starts_with(&format!("chr1\t{start}\t"))).expect("a row");
        row.rsplit('\t').next().and_then(|field| field.parse().ok()).expect("a share")
    };
    assert!(share(STARTS[0]) > 0.95, "{text}");
    assert!(share(STARTS[0] + 2 * REPEAT) < 0.8, "{text}");
}

#[test]
fn find_repeats_prints_the_copies() {
    let (_folder, index) = indexed();
    let text = printed(|out| find_repeats::report(&index, out));
    let near = |a: u64, b: usize| a.abs_diff(b as u64) <= 10;
    for start in STARTS {
        let is_copy = |line: &str| {
            let fields: Vec<&str> = line.split('\t').collect();
            let number = |i: usize| fields[i].parse::<u64>().expect("a number");
            fields[0] == "chr1" && near(number(1), start) && near(number(2), start + REPEAT)
        };
        assert!(text.lines().any(is_copy), "{start} is not in: {text}");
    }
}

#[test]
fn build_index_builds_and_can_be_cancelled() {
    let (folder, _) = indexed();
    let (genome, target) = (folder.path().join("genome.fa"), folder.path().join("other.reprise"));
    let progress = build_index::Report::default();
    progress.cancelled.store(true, Ordering::Relaxed);
    let cancelled = build_index::report(&genome, &target, &progress, &mut Vec::new()).expect_err("it is cancelled");
    assert!(matches!(cancelled.downcast_ref(), Some(reprise::Error::Cancelled)), "{cancelled}");
    assert!(!target.exists());

    progress.cancelled.store(false, Ordering::Relaxed);
    let text = printed(|out| build_index::report(&genome, &target, &progress, out));
    assert!(text.starts_with("320000 bases, "), "{text}");
    run(folder.path(), &["verify", "other.reprise"]).fine();
}

/// No example is without a test, here or in another file.
#[test]
fn every_example_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = common::listing(&root.join("tests")).into_iter().filter(|name| name.ends_with(".rs"));
    let tests: Vec<String> =
        tests.map(|name| std::fs::read_to_string(root.join("tests").join(name)).expect("a test")).collect();
    for name in common::listing(&root.join("examples")) {
        let path = format!("\"../examples/{name}\"");
        assert!(tests.iter().any(|test| test.contains(&path)), "no test runs examples/{name}");
    }
}
