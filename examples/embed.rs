//! A program that embeds an index: it limits memory, watches it, looks up k-mers in batches on all threads, and prints
//! how much of the genome is repeated and how memory was used.
//!
//! ```text
//! cargo run --release -- demo -o /tmp/x
//! cargo run --release --example embed -- /tmp/x/demo.reprise
//! ```

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;
use reprise::Index;
use reprise::index::{BatchLookup, CacheOptions, OpenOptions};
use reprise::memory::{Budget, MemoryUsageBreakdown, Monitor, free_memory};

/// Bases that one thread looks up together: a batch reads each page of the index once.
const WINDOW: u64 = 1 << 18;

/// K-mers that begin in a window of a contig, and how many of them occur twice or more in the genome.
fn count(index: &Index, batch: &mut BatchLookup<'_>, contig: usize, start: u64) -> reprise::Result<(u64, u64)> {
    let contig = &index.contigs()?[contig];
    // The last k-mers that begin in the window reach k-1 bases past it.
    let end = contig.length.min(start + WINDOW + u64::from(index.k()) - 1);
    let bases = index.bases(&contig.name, start..end)?;
    // encode() fails for k-mers with N.
    let kmers: Vec<u64> = bases.as_bytes().windows(index.k() as usize).filter_map(|w| index.encode(w).ok()).collect();
    let repeated = batch.frequencies(&kmers)?.iter().filter(|&&frequency| frequency > 1).count();
    Ok((kmers.len() as u64, repeated as u64))
}

/// Prints the share of repeated k-mers and the memory report.
pub fn report(folder: &Path, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    // All memory that is not a mapped file is reserved from one budget; what does not fit is an error or waits.
    let budget = Budget::new(256 << 20);
    // A thread measures memory every 10 ms; if the machine runs short, the cache shrinks and new batches wait.
    let monitor = Monitor::<std::io::Sink>::start(&budget, Duration::from_millis(10), free_memory, None)?;

    let cache = CacheOptions { size: 64 << 20, ..CacheOptions::default() };
    let options = OpenOptions { cache, ..OpenOptions::default() };
    let index = Index::open_with(folder, &options, &budget)?;

    let contigs = index.contigs()?.iter().enumerate();
    let windows: Vec<(usize, u64)> = contigs
        .flat_map(|(number, contig)| (0..contig.length).step_by(WINDOW as usize).map(move |start| (number, start)))
        .collect();
    // Threads share the index, and each has its own BatchLookup with buffers.
    let (kmers, repeated) = windows
        .into_par_iter()
        .map_init(|| index.batch(), |batch, (contig, start)| count(&index, batch, contig, start))
        .try_reduce(|| (0, 0), |a, b| Ok((a.0 + b.0, a.1 + b.1)))?;
    writeln!(out, "{repeated} of {kmers} k-mers occur twice or more")?;

    let cached = index.cache_statistics();
    writeln!(out, "cache: {} hits, {} misses, {} bytes", cached.hits, cached.misses, cached.bytes)?;
    let (peak, _) = monitor.stop()?;
    write!(out, "{}", MemoryUsageBreakdown::new(&budget, &peak).text())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: embed INDEX")?;
    report(Path::new(&folder), &mut std::io::stdout().lock())
}
