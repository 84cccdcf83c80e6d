//! Prints, as bedGraph, the share of repeated k-mers in every window along an indexed genome: a map of its repeats.
//! Threads look up batches of k-mers in parallel.
//!
//! ```text
//! cargo run --release -- demo -o /tmp/x
//! cargo run --release --example repeat_share -- /tmp/x/demo.reprise 10000
//! ```

use std::error::Error;
use std::io::{BufWriter, Write};
use std::num::NonZeroU64;
use std::path::Path;

use rayon::prelude::*;
use reprise::Index;
use reprise::index::BatchLookup;

/// One window of a contig: contig number, 0-based start, end.
type Window = (usize, u64, u64);

/// Share of the k-mers that begin in the window and occur twice or more in the genome; `None` if it has no k-mer.
fn share(index: &Index, batch: &mut BatchLookup<'_>, window: Window) -> reprise::Result<Option<f64>> {
    let contig = &index.contigs()?[window.0];
    // The last k-mers that begin in the window reach k-1 bases past it.
    let end = (window.2 + u64::from(index.k()) - 1).min(contig.length);
    let bases = index.bases(&contig.name, window.1..end)?;
    // encode() fails for k-mers with N.
    let kmers: Vec<u64> = bases.as_bytes().windows(index.k() as usize).filter_map(|w| index.encode(w).ok()).collect();
    let repeated = batch.frequencies(&kmers)?.iter().filter(|&&frequency| frequency > 1).count();
    Ok((!kmers.is_empty()).then(|| repeated as f64 / kmers.len() as f64))
}

/// Prints a row for each window that has a k-mer: contig, 0-based start, end, and the share of repeated k-mers.
pub fn report(folder: &Path, step: NonZeroU64, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let index = Index::open(folder)?;
    let contigs = index.contigs()?;
    let windows: Vec<Window> = (0..contigs.len())
        .flat_map(|contig| {
            let (length, step) = (contigs[contig].length, step.get());
            (0..length.div_ceil(step)).map(move |i| (contig, i * step, length.min((i + 1) * step)))
        })
        .collect();

    // All threads share an index; each has its own BatchLookup with buffers.
    let shares = windows
        .par_iter()
        .map_init(|| index.batch(), |batch, &window| share(&index, batch, window))
        .collect::<reprise::Result<Vec<Option<f64>>>>()?;

    for ((contig, start, end), share) in windows.into_iter().zip(shares) {
        if let Some(share) = share {
            writeln!(out, "{}\t{start}\t{end}\t{share:.3}", contigs[contig].name)?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: repeat_share INDEX [BASES_PER_WINDOW]")?;
    let step = arguments.next().unwrap_or_else(|| "10000".to_owned()).parse()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    report(Path::new(&folder), step, &mut out)?;
    Ok(out.flush()?)
}
