//! Look-ups in an open, warm index: one k-mer, batches, positions. `cargo bench --bench lookup`
//!
//! The genome is C. elegans if it is available (`genomes/celegans_WS220.fa.gz` in `$REPRISE_DATA` or
//! `../shared/data`), otherwise 20 Mb of random sequence. Its indexes are built first, in a temporary folder.

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{Failure, build, find_genome};
use criterion::{Criterion, SamplingMode, Throughput};
use reprise::Index;
use reprise::index::{CacheOptions, OpenOptions};
use reprise::memory::Budget;
use reprise::random::Random;

/// K-mers of single look-ups, in turn: more cache lines than fit a processor's cache.
const KMERS: usize = 1 << 20;
/// K-mers in a batch.
const BATCH: usize = 100_000;
/// Repeated k-mers whose positions are listed: most have few, so this is the time to find a list.
const LISTED: usize = 10_000;
/// K-mers that occur [`OFTEN`] times or more whose positions are listed: this is the time to decode a list.
const FREQUENT: usize = 1_000;
/// See [`FREQUENT`].
const OFTEN: u64 = 64;

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(2))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let fasta = find_genome(folder.path())?;
    for (k, min_frequency) in [(15, 2), (31, 1)] {
        let target = folder.path().join(format!("k{k}.reprise"));
        let start = Instant::now();
        build(&fasta, &target, k, min_frequency)?;
        let cache = CacheOptions { size: 2 << 30, gc_threshold: 1.0, gc_target: 0.9 };
        let options = OpenOptions { cache, ..OpenOptions::default() };
        let index = Index::open_with(&target, &options, &Budget::new(u64::MAX))?;
        let manifest = index.manifest();
        eprintln!(
            "index k{k}: {} bases, {} k-mers that occur {min_frequency} times or more, {} positions, {} MB, \
             built in {:.1} s",
            manifest.genome.bases,
            manifest.actual.stored_kmers,
            manifest.actual.positions,
            manifest.bytes() / 1_000_000,
            start.elapsed().as_secs_f64()
        );
        let Sample { kmers, repeated, frequent } = Sample::of(&index)?;
        single(&mut criterion, &index, &kmers)?;
        batches(&mut criterion, &index, &kmers)?;
        positions(&mut criterion, &index, "repeated", &repeated)?;
        positions(&mut criterion, &index, "frequent", &frequent)?;
        let cache = index.cache_statistics();
        if cache.sweeps > 0 {
            eprintln!("index k{k}: the cache was swept {} times, so not all look-ups were warm", cache.sweeps);
        }
    }
    criterion.final_summary();
    Ok(())
}

/// Stored k-mers, spread evenly over the index and shuffled.
struct Sample {
    kmers: Vec<u64>,
    repeated: Vec<u64>,
    frequent: Vec<u64>,
}

impl Sample {
    fn of(index: &Index) -> Result<Self, Failure> {
        let (mut stored, mut repeated, mut frequent) = (0, 0, 0);
        for (frequency, kmers) in index.spectrum()? {
            let kmers_from = |least: u64| if frequency >= least { kmers } else { 0 };
            stored += kmers_from(index.manifest().parameters.min_frequency);
            repeated += kmers_from(2);
            frequent += kmers_from(OFTEN);
        }
        let mut random = Random::new(5);
        let mut picks = [Pick::new(KMERS, stored), Pick::new(LISTED, repeated), Pick::new(FREQUENT, frequent)];
        index.for_each_kmer(|entry| {
            for (pick, least) in picks.iter_mut().zip([1, 2, OFTEN]) {
                if entry.frequency >= least {
                    pick.see(entry.kmer, &mut random);
                }
            }
            Ok(())
        })?;
        let [kmers, repeated, frequent] = picks.map(|pick| pick.shuffled(&mut random));
        Ok(Self { kmers, repeated, frequent })
    }
}

/// Takes about `wanted` of `all`, with random gaps.
struct Pick {
    wanted: usize,
    stride: usize,
    wait: usize,
    picked: Vec<u64>,
}

impl Pick {
    fn new(wanted: usize, all: u64) -> Self {
        Self { wanted, stride: (all as usize / wanted).max(1), wait: 0, picked: Vec::new() }
    }

    fn see(&mut self, kmer: u64, random: &mut Random) {
        if self.wait == 0 {
            self.picked.push(kmer);
            self.wait = 1 + random.below(2 * self.stride - 1);
        }
        self.wait -= 1;
    }

    fn shuffled(mut self, random: &mut Random) -> Vec<u64> {
        random.shuffle(&mut self.picked);
        self.picked.truncate(self.wanted);
        self.picked
    }
}

/// One k-mer after another, none depending on the one before.
fn single(criterion: &mut Criterion, index: &Index, kmers: &[u64]) -> Result<(), Failure> {
    for &kmer in kmers {
        if index.frequency(kmer)? == 0 {
            return Err("a stored k-mer was not found".into());
        }
    }
    let mut group = criterion.benchmark_group("single");
    group.throughput(Throughput::Elements(1));
    let mut next = 0;
    group.bench_function(format!("k{}", index.k()), |b| {
        b.iter(|| {
            let kmer = kmers[next];
            next = if next + 1 < kmers.len() { next + 1 } else { 0 };
            index.frequency(black_box(kmer)).expect("a look-up")
        })
    });
    group.finish();
    Ok(())
}

/// Batches on one thread with reused buffers. Then the same without prefetching.
fn batches(criterion: &mut Criterion, index: &Index, kmers: &[u64]) -> Result<(), Failure> {
    let batches: Vec<&[u64]> = match kmers.chunks_exact(BATCH).collect::<Vec<_>>() {
        whole if whole.is_empty() => vec![kmers],
        whole => whole,
    };
    let mut lookup = index.batch();
    let mut group = criterion.benchmark_group("batch");
    group.sample_size(50).throughput(Throughput::Elements(batches[0].len() as u64));
    let mut next = 0;
    group.bench_function(format!("k{}", index.k()), |b| {
        b.iter(|| {
            next = (next + 1) % batches.len();
            let frequencies = lookup.frequencies(black_box(batches[next])).expect("a batch");
            frequencies[frequencies.len() - 1]
        })
    });
    // The same k-mers, also page after page, but each waits for memory: the gain of a batch over this is the gain of
    // prefetching, less the time to sort by page.
    let ordered: Vec<Vec<u64>> = batches
        .iter()
        .map(|batch| {
            let mut batch = batch.to_vec();
            batch.sort_unstable_by_key(|&kmer| index.codec().hash(kmer).0);
            batch
        })
        .collect();
    group.bench_function(format!("one_by_one/k{}", index.k()), |b| {
        b.iter(|| {
            next = (next + 1) % ordered.len();
            ordered[next].iter().map(|&kmer| index.frequency(black_box(kmer)).expect("a look-up")).sum::<u64>()
        })
    });
    group.finish();
    Ok(())
}

/// All positions of each of the k-mers.
fn positions(criterion: &mut Criterion, index: &Index, name: &str, kmers: &[u64]) -> Result<(), Failure> {
    let mut all = 0;
    for &kmer in kmers {
        index.for_each_position(kmer, |_| all += 1)?;
    }
    if all == 0 {
        eprintln!("positions k{}: there are no {name} k-mers in this genome", index.k());
        return Ok(());
    }
    eprintln!("positions k{}: {all} of {} {name} k-mers", index.k(), kmers.len());
    let mut group = criterion.benchmark_group("positions");
    group.sample_size(30).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(all));
    group.bench_function(format!("{name}/k{}", index.k()), |b| {
        b.iter(|| {
            let mut sum = 0;
            for &kmer in kmers {
                index.for_each_position(kmer, |p| sum += p.start + u64::from(p.contig)).expect("positions");
            }
            sum
        })
    });
    group.finish();
    Ok(())
}
