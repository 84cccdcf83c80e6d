//! Prints the frequency and the first positions of k-mers in an indexed genome:
//!
//! ```text
//! cargo run --release -- demo -o /tmp/x
//! cargo run --release --example count -- /tmp/x/demo.reprise ACGTACGTACG
//! ```

use std::error::Error;

use reprise::Index;
use reprise::index::Position;

/// Positions printed of each k-mer.
const SHOWN: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: count INDEX KMER...")?;

    let index = Index::open(folder)?;
    let contigs = index.contigs()?;
    for kmer in arguments {
        // Either strand works, because a k-mer and its reverse complement are one.
        let code = index.encode(kmer.as_bytes())?;
        let mut first: Vec<Position> = Vec::with_capacity(SHOWN);
        // Some k-mers occur a million times, so the list is not collected.
        let frequency = index.for_each_position(code, |position| {
            if first.len() < SHOWN {
                first.push(position);
            }
        })?;
        print!("{kmer}\t{frequency}");
        for position in first {
            // 0-based start of the k-mer, and the strand on which it reads as given.
            print!("\t{}:{}:{}", contigs[position.contig as usize].name, position.start, position.strand.symbol());
        }
        println!();
    }
    Ok(())
}
