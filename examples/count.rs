//! Prints the frequency and the first positions of k-mers in an indexed genome:
//!
//! ```text
//! cargo run --release -- demo -o /tmp/x
//! cargo run --release --example count -- /tmp/x/demo.reprise ACGTACGTACG
//! ```

use std::error::Error;
use std::io::Write;
use std::path::Path;

use reprise::Index;
use reprise::index::Position;

/// Positions printed of each k-mer.
const SHOWN: usize = 3;

/// Prints a row for each k-mer: the k-mer, its frequency, and positions as contig:start:strand, 0-based.
pub fn report(folder: &Path, kmers: impl Iterator<Item = String>, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let index = Index::open(folder)?;
    let contigs = index.contigs()?;
    for kmer in kmers {
        // Either strand works, because a k-mer and its reverse complement are one.
        let code = index.encode(kmer.as_bytes())?;
        let mut first: Vec<Position> = Vec::with_capacity(SHOWN);
        // Some k-mers occur a million times, so the list is not collected.
        let frequency = index.for_each_position(code, |position| {
            if first.len() < SHOWN {
                first.push(position);
            }
        })?;
        write!(out, "{kmer}\t{frequency}")?;
        for position in first {
            // The strand is that on which the k-mer reads as given.
            let contig = &contigs[position.contig as usize];
            write!(out, "\t{}:{}:{}", contig.name, position.start, position.strand.symbol())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: count INDEX KMER...")?;
    report(Path::new(&folder), arguments, &mut std::io::stdout().lock())
}
