//! Builds an index within a limit of memory, with a progress report that can end the build, and prints what is in it.
//!
//! ```text
//! cargo run --release -- simulate -o /tmp/x
//! cargo run --release --example build_index -- /tmp/x/genome.fa /tmp/x/genome.reprise
//! ```

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use reprise::builder::{BuildOptions, build_index};
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Notice, Progress};

/// Prints phases and notices on standard error, and ends the build once `cancelled` is set, by a signal handler or a
/// button, for instance.
#[derive(Debug, Default)]
pub struct Report {
    /// Ends the build soon after it is set.
    pub cancelled: AtomicBool,
}

impl Progress for Report {
    fn phase(&self, name: &'static str, total: Option<u64>) {
        match total {
            Some(total) => eprintln!("{name}, {total} to do"),
            None => eprintln!("{name}"),
        }
    }

    // Threads call it often, with small amounts: a program with a bar adds them up.
    fn advance(&self, _: u64) {}

    fn notice(&self, notice: &Notice) {
        eprintln!("{notice}");
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Builds the index `target` of all k-mers of a genome (FASTA, plain or compressed), and prints its totals.
pub fn report(genome: &Path, target: &Path, progress: &Report, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let options = BuildOptions { k: Some(21), min_frequency: 1, ..BuildOptions::default() };
    // Bytes. With less, the build takes more passes over the genome; the index is the same.
    let budget = Budget::new(256 << 20);
    // After an error, `target` is as before, and nothing else remains.
    let report = build_index(&[Source::new(genome)], target, &options, &budget, progress)?;
    let (genome, totals) = (&report.manifest.genome, &report.manifest.actual);
    writeln!(out, "{} bases, {} distinct k-mers, {} passes", genome.bases, totals.distinct_kmers, report.passes)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(genome), Some(target)) = (arguments.next(), arguments.next()) else {
        return Err("usage: build_index GENOME INDEX".into());
    };
    report(Path::new(&genome), Path::new(&target), &Report::default(), &mut std::io::stdout().lock())
}
