//! Counts, for each contig, the occurrences of frequent k-mers: the candidates for repeats, in batches that arrive in
//! order while all threads look up the next ones. Memory is limited, and a slow consumer slows the look-ups.
//!
//! ```text
//! cargo run --release -- demo -o /tmp/x
//! cargo run --release --example candidate_batches -- /tmp/x/demo.reprise 10
//! ```

use std::error::Error;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use reprise::families::{CandidateOptions, CandidatePipelineConfig, for_each_candidate_batch};
use reprise::{Index, Silent};

/// Prints the occurrences in each contig of k-mers that occur `min_frequency` times or more, and what passed through
/// the pipeline.
pub fn report(folder: &Path, min_frequency: u64, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let index = Index::open(folder)?;
    let contigs = index.contigs()?;
    let options = CandidateOptions { min_frequency, ..CandidateOptions::default() };
    let config = CandidatePipelineConfig {
        // Candidates of a batch, at most.
        batch_size: NonZeroUsize::new(100),
        // Bytes of batches in flight. A worker with a result waits if results take more than a quarter of them.
        channel_bytes: 4 << 20,
        back_pressure: 0.25,
        // Bytes of the whole search.
        max_memory: Some(256 << 20),
    };

    let mut counts = vec![0u64; contigs.len()];
    let outcome = for_each_candidate_batch(&index, &options, &config, &Silent, |batch| {
        for occurrence in batch.candidates.iter().flat_map(|candidate| &candidate.occurrences) {
            // Positions are those of all contigs end to end.
            let contig = contigs.partition_point(|contig| contig.start <= occurrence.at) - 1;
            counts[contig] += 1;
        }
        Ok(())
    })?;

    for (contig, count) in contigs.iter().zip(counts) {
        writeln!(out, "{}\t{count}", contig.name)?;
    }
    let (found, pipeline) = (outcome.statistics, outcome.pipeline);
    writeln!(out, "{} of {} seeds in {} batches", found.candidates, found.seeds, found.batches)?;
    writeln!(out, "at most {} batches and {} bytes in flight", pipeline.max_batches, pipeline.max_bytes)?;
    writeln!(out, "waits: producer {}, consumer {}", pipeline.producer_waits, pipeline.consumer_waits)?;
    write!(out, "{}", outcome.memory.text())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: candidate_batches INDEX [MIN_FREQUENCY]")?;
    let min_frequency = arguments.next().map_or(Ok(2), |text| text.parse())?;
    report(Path::new(&folder), min_frequency, &mut std::io::stdout().lock())
}
