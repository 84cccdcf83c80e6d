//! The pipeline of candidates as a program that embeds the library uses it: batches equal those of a plain search, and
//! no configuration changes what is found. The examples run.

mod common;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use common::{Contig, PLAIN, Random, fasta, reverse_complement};
use reprise::builder::{BuildOptions, build_index};
use reprise::families::{
    AlignedPair, Candidate, CandidateOptions, CandidatePipelineConfig, Occurrence, candidates, for_each_candidate_batch,
};
use reprise::index::OpenOptions;
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Error, Index, Result, Silent};

#[allow(dead_code)]
#[path = "../examples/candidate_batches.rs"]
mod candidate_batches;
#[allow(dead_code)]
#[path = "../examples/count_sequence.rs"]
mod count_sequence;
#[allow(dead_code)]
#[path = "../examples/embed.rs"]
mod embed;

/// Random contigs with copies of two elements, 6 % diverged, on both strands.
fn genome(seed: u64) -> Vec<Contig> {
    let mut random = Random(seed);
    let elements = [random.bases(900), random.bases(300)];
    (0..3)
        .map(|number| {
            let mut letters = random.bases(400);
            for copy in 0..10 {
                let mut bases = elements[(copy + number) % 2].clone();
                for base in &mut bases {
                    if random.below(100) < 6 {
                        *base = b"ACGT"[random.below(4)];
                    }
                }
                letters.extend(if random.below(2) == 1 { reverse_complement(&bases) } else { bases });
                let gap = 200 + random.below(900);
                letters.extend(random.bases(gap));
            }
            Contig::new(&format!("chr{number}"), letters)
        })
        .collect()
}

fn index(at: &Path, contigs: &[Contig], k: u32) -> Index {
    let (genome, target) = (at.join("g.fa"), at.join("g.reprise"));
    std::fs::write(&genome, fasta(contigs, &PLAIN)).expect("written");
    let options = BuildOptions { k: Some(k), ..BuildOptions::default() };
    build_index(&[Source::new(&genome)], &target, &options, &Budget::new(1 << 30), &Silent).expect("built");
    Index::open_with(&target, &OpenOptions::default(), &Budget::new(256 << 20)).expect("an index")
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
}

/// Occurrences of a k-mer in ascending order, without those nearer than `distance` to the last on their strand.
fn distant(index: &Index, kmer: u64, distance: u64) -> Vec<Occurrence> {
    let contigs = index.contigs().expect("contigs");
    let mut all: Vec<Occurrence> = Vec::new();
    index
        .for_each_position(kmer, |p| {
            all.push(Occurrence { strand: p.strand, at: contigs[p.contig as usize].start + p.start });
        })
        .expect("positions");
    all.sort();
    let mut kept: Vec<Occurrence> = Vec::new();
    for occurrence in all {
        if kept.last().is_none_or(|last| last.strand != occurrence.strand || occurrence.at - last.at >= distance) {
            kept.push(occurrence);
        }
    }
    kept
}

/// Shannon's entropy of the letters of a k-mer, in nats.
fn entropy(text: &str) -> f64 {
    let mut counts: BTreeMap<char, f64> = BTreeMap::new();
    text.chars().for_each(|letter| *counts.entry(letter).or_default() += 1.0);
    counts.values().map(|count| count / text.len() as f64).map(|share| -share * share.ln()).sum()
}

#[test]
fn batches_are_those_of_a_plain_search() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let index = index(folder.path(), &genome(3), 11);
    for (min_frequency, tandem_distance) in [(2, 500), (4, 1), (1000, 500)] {
        let options = CandidateOptions { min_frequency, tandem_distance, ..CandidateOptions::default() };
        let frequent = index.seeds().map(|seed| seed.expect("sound")).filter(|seed| seed.frequency >= min_frequency);
        let is_simple = |kmer: u64| entropy(&index.codec().decode(kmer)) < 0.7;
        let (simple, others): (Vec<u64>, Vec<u64>) = frequent.map(|seed| seed.kmer).partition(|&kmer| is_simple(kmer));
        let expected: Vec<Candidate> = others
            .iter()
            .map(|&seed| Candidate { seed, occurrences: distant(&index, seed, tandem_distance) })
            .filter(|candidate| candidate.occurrences.len() > 1)
            .collect();
        for (threads, batch_size, channel_bytes) in [(1, None, 16 << 20), (3, Some(7), 1), (2, Some(1), 1 << 17)] {
            let config = CandidatePipelineConfig {
                batch_size: batch_size.and_then(NonZeroUsize::new),
                channel_bytes,
                ..CandidatePipelineConfig::default()
            };
            let (mut found, mut ids) = (Vec::new(), Vec::new());
            let outcome = on_threads(threads, || {
                for_each_candidate_batch(&index, &options, &config, &Silent, |batch| {
                    assert!(batch.candidates.len() <= batch_size.unwrap_or(usize::MAX) && !batch.candidates.is_empty());
                    ids.push(batch.id);
                    found.extend(batch.candidates);
                    Ok(())
                })
            })
            .expect("no error");
            assert_eq!(found, expected, "{config:?} on {threads} threads");
            assert!(ids.iter().copied().eq(0..ids.len() as u64));
            let statistics = outcome.statistics;
            assert_eq!(statistics.seeds, (simple.len() + others.len()) as u64);
            assert_eq!((statistics.low_complexity, statistics.pairs), (simple.len() as u64, 0));
            assert_eq!((statistics.candidates, statistics.batches), (found.len() as u64, ids.len() as u64));
            assert!(outcome.pipeline.batches >= statistics.batches, "{outcome:?}");
        }
    }
}

/// The pairs of a configuration.
fn pairs(index: &Index, config: &CandidatePipelineConfig, threads: usize) -> Result<Vec<AlignedPair>> {
    let mut all = Vec::new();
    let outcome = on_threads(threads, || {
        candidates(index, &CandidateOptions::default(), config, &Silent, |_, pairs| {
            all.extend(pairs);
            Ok(())
        })
    })?;
    assert_eq!(outcome.statistics.pairs, all.len() as u64);
    assert!(outcome.statistics.bases > 0 && outcome.memory.tracked.current > 0);
    Ok(all)
}

#[test]
fn no_configuration_changes_the_pairs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let index = index(folder.path(), &genome(5), 11);
    let default = CandidatePipelineConfig::default();
    let expected = pairs(&index, &default, 1).expect("pairs");
    assert!(expected.len() > 20, "{} pairs", expected.len());
    for (threads, batch_size, channel_bytes, back_pressure, max_memory) in [
        (3, None, 16 << 20, 0.5, None),
        (2, Some(1), 16 << 20, 1.0, None),
        (4, Some(3), 1, 0.0, None),
        (2, Some(50), 1 << 16, f64::NAN, Some(32 << 20)),
    ] {
        let batch_size = batch_size.and_then(NonZeroUsize::new);
        let config = CandidatePipelineConfig { batch_size, channel_bytes, back_pressure, max_memory };
        assert_eq!(pairs(&index, &config, threads).expect("pairs"), expected, "{config:?} on {threads} threads");
    }
    let little = CandidatePipelineConfig { max_memory: Some(1 << 10), ..default };
    assert!(matches!(pairs(&index, &little, 2), Err(Error::Memory { allowed: 1024, .. })));
}

#[test]
fn a_consumer_that_fails_ends_the_search() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let index = index(folder.path(), &genome(7), 11);
    let config = CandidatePipelineConfig { batch_size: NonZeroUsize::new(2), ..CandidatePipelineConfig::default() };
    for at in [0, 3] {
        let stop = |id: u64| if id == at { Err(Error::Usage("stop".to_owned())) } else { Ok(()) };
        let options = CandidateOptions::default();
        let batches =
            on_threads(2, || for_each_candidate_batch(&index, &options, &config, &Silent, |batch| stop(batch.id)));
        let aligned = on_threads(2, || candidates(&index, &options, &config, &Silent, |id, _| stop(id)));
        for outcome in [batches, aligned] {
            assert!(matches!(outcome, Err(Error::Usage(text)) if text == "stop"));
        }
    }
}

#[test]
fn the_examples_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let contigs = genome(9);
    drop(index(folder.path(), &contigs, 11));
    let at = folder.path().join("g.reprise");
    let mut out = Vec::new();
    embed::report(&at, &mut out).expect("it runs");
    let text = String::from_utf8(out).expect("UTF-8");
    let kmers: usize = contigs.iter().map(|contig| contig.letters.len() - 10).sum();
    assert!(text.contains(&format!(" of {kmers} k-mers occur twice or more\n")), "{text}");
    assert!(text.contains("resident anonymous"), "{text}");

    let mut out = Vec::new();
    candidate_batches::report(&at, 4, &mut out).expect("it runs");
    let text = String::from_utf8(out).expect("UTF-8");
    for contig in &contigs {
        let row = text.lines().find_map(|line| line.strip_prefix(&format!("{}\t", contig.name)));
        assert!(row.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count > 0), "{text}");
    }
    assert!(text.contains(" bytes in flight\n"), "{text}");

    let index = Index::open(&at).expect("sound");
    let letters = [&contigs[0].letters[..3000], b"N", &contigs[1].letters[..2000]].concat();
    let expected: Vec<u32> = letters
        .windows(11)
        .map(|kmer| index.encode(kmer).map_or(0, |code| index.frequency(code).expect("sound") as u32))
        .collect();
    for threads in [1, 2, 5] {
        assert_eq!(count_sequence::counts(&index, &letters, threads).expect("it runs"), expected, "{threads}");
    }
    assert!(expected.iter().any(|&count| count > 1));
}
