//! Tests that a build knows the size of its index in advance: estimates from samples are near the counts, and what a
//! caller expects replaces them without changing the index.

mod common;

use std::path::{Path, PathBuf};

use common::{Contig, FILES, PLAIN, Random, fasta};
use reprise::builder::{BuildOptions, build_index, plan_index};
use reprise::bundle::{Manifest, MemoryHints};
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Error, Result, Silent};

const BASES: usize = 4_000_000;

/// A genome of which half is copies of a few elements with a run of A at their end, and a tenth one satellite.
fn repetitive_bases(random: &mut Random) -> Vec<u8> {
    let elements: Vec<Vec<u8>> = (0..20)
        .map(|_| {
            let length = 300 + random.below(3000);
            random.bases(length)
        })
        .collect();
    let satellite = random.bases(170);
    let mut bases = Vec::new();
    while bases.len() < BASES {
        let (copied, divergence) = match random.below(60) {
            0 => (satellite.repeat(60 + random.below(120)), 2),
            1..=25 => (elements[random.below(elements.len())].clone(), 5 + random.below(10)),
            _ => (random.bases(1500), 0),
        };
        let mutate = |base: u8, random: &mut Random| {
            if random.below(100) < divergence { b"ACGT"[random.below(4)] } else { base }
        };
        bases.extend(copied.iter().map(|&base| mutate(base, random)));
        bases.extend(vec![b'A'; 10 + random.below(30)]);
    }
    bases
}

fn write(at: &Path, bases: &[u8]) -> PathBuf {
    let path = at.join("genome.fa");
    std::fs::write(&path, fasta(&[Contig::new("chr1", bases)], &PLAIN)).expect("written");
    path
}

fn build(genome: &Path, options: &BuildOptions, memory: u64) -> Result<Manifest> {
    let target = genome.with_extension("reprise");
    let options = BuildOptions { force: true, ..options.clone() };
    build_index(&[Source::new(genome)], &target, &options, &Budget::new(memory), &Silent).map(|report| report.manifest)
}

/// Asserts that all estimates of an index are within a tenth of the counts.
#[track_caller]
fn is_near(manifest: &Manifest, what: &str) {
    let Manifest { estimate, actual, .. } = manifest;
    assert_eq!(estimate.kmers, actual.kmers, "{what}");
    for (name, estimated, counted) in [
        ("distinct k-mers", estimate.distinct_kmers, actual.distinct_kmers),
        ("repeated k-mers", estimate.repeated_kmers, actual.repeated_kmers),
        ("stored k-mers", estimate.stored_kmers, actual.stored_kmers),
        ("positions", estimate.positions, actual.positions),
        ("dictionary bytes", estimate.dictionary_bytes, actual.dictionary_bytes),
        ("position bytes", estimate.position_bytes, actual.position_bytes),
    ] {
        assert!(estimated.abs_diff(counted) * 10 <= counted, "{what}: {estimated} instead of {counted} {name}");
    }
}

#[test]
fn estimates_are_within_a_tenth_of_the_counts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random(15);
    let near = |genome: &Path, k, min_frequency| {
        let options = BuildOptions { k: Some(k), min_frequency, ..BuildOptions::default() };
        is_near(&build(genome, &options, 1 << 30).expect("built"), &format!("k {k}, from {min_frequency} on"));
    };
    let genome = write(folder.path(), &random.bases(BASES));
    for min_frequency in [1, 2, 3] {
        near(&genome, 11, min_frequency);
    }
    let genome = write(folder.path(), &repetitive_bases(&mut random));
    // Super-k-mers, then single k-mers.
    for (k, min_frequency) in [(21, 1), (31, 1), (15, 1), (15, 2), (16, 3), (31, 2)] {
        near(&genome, k, min_frequency);
    }
}

/// The minimizer of A alone has the lowest key, so all of its super-k-mers would be sampled: more than there is space.
#[test]
fn runs_of_one_base_do_not_fill_the_sample() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random(16);
    let mut bases = Vec::new();
    while bases.len() < BASES {
        let length = 12 + random.below(12);
        bases.extend(random.bases(length));
        bases.extend(vec![b'A'; 14 + random.below(8)]);
    }
    let genome = write(folder.path(), &bases);
    let options = BuildOptions { k: Some(31), min_frequency: 1, ..BuildOptions::default() };
    let Manifest { estimate, actual, .. } = build(&genome, &options, 1 << 30).expect("built");
    assert!(estimate.distinct_kmers.abs_diff(actual.distinct_kmers) * 5 < actual.distinct_kmers);
}

#[test]
fn hints_replace_estimates_and_change_no_byte() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let genome = write(folder.path(), &repetitive_bases(&mut Random(17)));
    let target = genome.with_extension("reprise");
    let names = || FILES.into_iter().filter(|&name| name != "manifest.json");
    let files = || names().map(|name| std::fs::read(target.join(name)).expect("a file")).collect::<Vec<_>>();
    for (k, min_frequency) in [(31, 1), (15, 1), (15, 2), (15, 500)] {
        let options = BuildOptions { k: Some(k), min_frequency, ..BuildOptions::default() };
        // Nearly the least memory that is enough without a hint.
        let memory = match build(&genome, &options, 1 << 20) {
            Err(Error::Memory { needed, .. }) => needed + (8 << 20),
            other => panic!("{other:?}"),
        };
        let plain = build(&genome, &options, memory).expect("built");
        let expected = files();
        let counted = plain.actual.distinct_kmers;
        for hinted in [1, counted / 100, counted, counted * 100, u64::MAX] {
            let hints = MemoryHints { distinct_kmers: hinted, ..MemoryHints::default() };
            let options = BuildOptions { hints, ..options.clone() };
            let manifest = build(&genome, &options, memory).expect("built");
            assert_eq!(manifest.estimate.distinct_kmers, hinted.min(plain.actual.kmers), "k {k}");
            assert_eq!(manifest.estimate.kmers, plain.estimate.kmers);
            assert_eq!((manifest.actual, manifest.identity), (plain.actual, plain.identity));
            assert!(files() == expected, "k {k}, {hinted} k-mers expected");
            let (sources, other) = ([Source::new(&genome)], folder.path().join("other.reprise"));
            let plan = plan_index(&sources, &other, &options, &Budget::new(memory), &Silent).expect("planned");
            assert_eq!(plan.estimate, manifest.estimate);
        }
    }
}
