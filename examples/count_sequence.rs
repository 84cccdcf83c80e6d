//! Counts every k-mer of the first bases of the longest contig in its index, in batches, and prints how long that takes:
//! what `index.counts(windows(...))` of the Python package does.
//!
//! ```text
//! cargo run --release --example count_sequence -- genome.reprise 10000000 2
//! ```

use std::error::Error;
use std::time::Instant;

use reprise::Index;

/// K-mers of a batch: their hashes and frequencies fit the second cache of a core.
const BATCH: usize = 1 << 20;
/// Runs, of which the best counts: the first one reads the index.
const RUNS: usize = 5;

/// The frequency of the k-mer at each start of a sequence, 0 if it has other letters than ACGT. `threads` look up
/// batches at the same time.
pub fn counts(index: &Index, bases: &[u8], threads: usize) -> Result<Vec<u32>, Box<dyn Error>> {
    let k = index.k() as usize;
    let mut counts = vec![0u32; (bases.len() + 1).saturating_sub(k)];
    let size = BATCH.min(counts.len() / (2 * threads) + 1);
    let mut shares: Vec<Vec<(usize, &mut [u32])>> = (0..threads).map(|_| Vec::new()).collect();
    for (number, out) in counts.chunks_mut(size).enumerate() {
        shares[number % threads].push((number * size, out));
    }
    let look_up = |share: Vec<(usize, &mut [u32])>| -> reprise::Result<()> {
        let mut batch = index.batch();
        for (first, out) in share {
            batch.sequence_frequencies(&bases[first..first + out.len() + k - 1], |starts, frequencies| {
                let out = &mut out[starts.start as usize..starts.end as usize];
                for (count, &frequency) in out.iter_mut().zip(frequencies) {
                    *count = u32::try_from(frequency).unwrap_or(u32::MAX);
                }
            })?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = shares.into_iter().map(|share| scope.spawn(|| look_up(share))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;
    Ok(counts)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: count_sequence INDEX [BASES [THREADS]]")?;
    let bases: u64 = arguments.next().map_or(Ok(10_000_000), |text| text.parse())?;
    let threads = arguments.next().map_or(Ok(1), |text| text.parse::<usize>())?.max(1);
    let index = Index::open(folder)?;
    let contig = index.contigs()?.iter().max_by_key(|contig| contig.length).ok_or("the genome is empty")?.clone();
    let letters = index.bases(&contig.name, 0..bases.min(contig.length))?.into_bytes();
    let mut best = f64::INFINITY;
    let mut sum = 0u64;
    for _ in 0..RUNS {
        let start = Instant::now();
        let counts = counts(&index, &letters, threads)?;
        best = best.min(start.elapsed().as_secs_f64());
        sum = counts.iter().map(|&count| u64::from(count)).sum();
    }
    let kmers = (letters.len() + 1).saturating_sub(index.k() as usize);
    println!("{kmers} k-mers, sum {sum}, {best:.3} s, {:.0} k-mers a second", kmers as f64 / best);
    Ok(())
}
