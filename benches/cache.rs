//! The cache of an open index that does not fit it: pages are requested by Zipf's law, and most of the dictionary
//! is larger than the cache. `cargo bench --bench cache`
//!
//! Prints a table with a row for each size of the cache, as a share of the dictionary. Columns: hits; hits of an
//! ideal LRU of the whole size on the same trace; look-ups a second with one thread and with two (best of runs in
//! turn) and their ratio; that ratio by CPU time; sweeps; the longest time that one look-up swept, and the longest
//! sweep (medians of the runs with two threads). Other work on the machine distorts the times. Size 0 measures the
//! store without a cache. The genome is that of `--bench lookup`.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Failure, build, find_genome, measuring};
use reprise::Index;
use reprise::index::{CacheOptions, OpenOptions};
use reprise::memory::Budget;
use reprise::random::Random;

/// K-mers of each page, looked up in turn.
const KMERS: usize = 64;
/// Look-ups a thread.
const LOOKUPS: usize = 400_000;
/// Exponent of Zipf's law.
const EXPONENT: f64 = 1.0;
/// Runs of one thread and of two, in turn.
const ROUNDS: usize = 5;

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let fasta = find_genome(folder.path())?;
    let lookups = if measuring() { LOOKUPS } else { 2_000 };
    println!("index   cache  hits  ideal  1 thread/s 2 threads/s  ratio of cpu sweeps  longest pause  longest look-up");
    for (k, min_frequency) in [(15, 2), (31, 1)] {
        let target = folder.path().join(format!("k{k}.reprise"));
        build(&fasta, &target, k, min_frequency)?;
        for share in [0.0, 0.25, 0.5, 2.0] {
            measure(&target, share, lookups)?;
        }
    }
    Ok(())
}

fn measure(target: &Path, share: f64, lookups: usize) -> Result<(), Failure> {
    let index = Index::open(target)?;
    let pages = index.pages();
    let kmers: Vec<Vec<u64>> = (0..pages).map(|page| some_kmers(&index, page)).collect::<Result<_, _>>()?;
    let traces: Vec<Vec<u32>> = (0..2).map(|thread| zipf(pages, lookups, thread)).collect();
    let dictionary = index.manifest().actual.dictionary_bytes;
    let size = (dictionary as f64 * share) as u64;
    let page_bytes = dictionary / pages;
    let ideal = ideal_lru(&traces[0], (size / page_bytes) as usize);

    let run = |threads: usize| -> Result<_, Failure> {
        let options = OpenOptions { cache: CacheOptions { size, ..CacheOptions::default() }, ..OpenOptions::default() };
        let index = Index::open_with(target, &options, &Budget::new(u64::MAX))?;
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let longest = std::thread::scope(|scope| {
            let running: Vec<_> =
                traces[..threads].iter().map(|trace| scope.spawn(|| look_up(&index, trace, &kmers))).collect();
            running
                .into_iter()
                .map(|thread| thread.join().map_err(|_| "a thread panicked")?)
                .try_fold(Duration::ZERO, |longest, one| one.map(|one| longest.max(one)))
        })?;
        let cpu = (cpu_seconds() - cpu) / (threads * lookups) as f64;
        Ok(((threads * lookups) as f64 / start.elapsed().as_secs_f64(), cpu, longest, index.cache_statistics()))
    };
    let (mut one, mut two, mut cpu, mut longest, mut pauses) = (0f64, 0f64, Vec::new(), Vec::new(), Vec::new());
    let mut statistics = None;
    for _ in 0..if measuring() { ROUNDS } else { 1 } {
        let (single, single_cpu, _, _) = run(1)?;
        let (both, both_cpu, pause, cache) = run(2)?;
        cpu.push(2.0 * single_cpu / both_cpu);
        one = one.max(single);
        two = two.max(both);
        longest.push(pause);
        pauses.push(cache.longest_pause_microseconds);
        statistics = Some(cache);
    }
    let cache = statistics.ok_or("no run")?;
    println!(
        "k{:<5} {share:>5} {:>6.3} {ideal:>6.3} {:>11.0} {:>11.0} {:>6.2} {:>6.2} {:>6} {:>10} us {:>10.0?}",
        index.k(),
        cache.hits as f64 / (cache.hits + cache.misses) as f64,
        one,
        two,
        two / one,
        median(cpu),
        cache.sweeps,
        median(pauses),
        median(longest),
    );
    Ok(())
}

fn some_kmers(index: &Index, page: u64) -> Result<Vec<u64>, Failure> {
    let mut kmers = Vec::new();
    index.for_each_kmer_of_page(page, |entry| {
        if kmers.len() < KMERS {
            kmers.push(entry.kmer);
        }
        Ok(())
    })?;
    Ok(kmers)
}

/// Page numbers with shuffled ranks, so that frequent ones are not neighbours.
fn zipf(pages: u64, length: usize, seed: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..pages as u32).collect();
    Random::new(7).shuffle(&mut order);
    let mut sum = 0.0;
    let ends: Vec<f64> = (1..=pages)
        .map(|rank| {
            sum += (rank as f64).powf(-EXPONENT);
            sum
        })
        .collect();
    let mut random = Random::new(100 + seed);
    (0..length)
        .map(|_| {
            let at = random.bits() as f64 / u64::MAX as f64 * sum;
            order[ends.partition_point(|&end| end < at).min(order.len() - 1)]
        })
        .collect()
}

/// Looks up the pages of a trace; returns the longest time of a look-up.
fn look_up(index: &Index, trace: &[u32], kmers: &[Vec<u64>]) -> Result<Duration, Failure> {
    let mut longest = Duration::ZERO;
    let mut before = Instant::now();
    for (i, &page) in trace.iter().enumerate() {
        let kmers = &kmers[page as usize];
        index.frequency(kmers[i % kmers.len()])?;
        let now = Instant::now();
        longest = longest.max(now - before);
        before = now;
    }
    Ok(longest)
}

/// CPU time of this process so far, in steps of 10 ms; 0 if there is no `/proc`.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The share of hits of an LRU cache of `capacity` pages.
fn ideal_lru(trace: &[u32], capacity: usize) -> f64 {
    let (mut last, mut by_age) = (BTreeMap::new(), BTreeMap::new());
    let mut hits = 0;
    for (now, &page) in trace.iter().enumerate() {
        if let Some(before) = last.insert(page, now) {
            by_age.remove(&before);
            hits += 1;
        } else if last.len() > capacity
            && let Some((_, oldest)) = by_age.pop_first()
        {
            last.remove(&oldest);
        }
        by_age.insert(now, page);
    }
    hits as f64 / trace.len() as f64
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}
