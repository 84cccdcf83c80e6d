//! Finds the families of repeats of an indexed genome, then every copy of each, and prints the copies as BED.
//!
//! ```text
//! cargo run --release -- demo -o /tmp/x
//! cargo run --release --example find_repeats -- /tmp/x/demo.reprise
//! ```

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;

use reprise::align::{Library, SearchOptions};
use reprise::annotate::annotate;
use reprise::families::{FamilyOptions, find_families};
use reprise::index::OpenOptions;
use reprise::memory::Budget;
use reprise::{Index, Silent};

/// Prints contig, 0-based start, end, name of the family, score, and strand of each copy. No two copies overlap.
pub fn report(folder: &Path, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    // Bytes, for the index and both searches; mapped files do not count.
    let budget = Budget::new(1 << 30);
    let index = Index::open_with(folder, &OpenOptions::default(), &budget)?;

    let found = find_families(&index, &FamilyOptions::default(), &Silent)?;
    let mut library = Library::default();
    for family in &found.statistics {
        library.push(format!("{}#{}", family.name, family.class), family.consensus.as_bytes());
    }

    // Columns of alignments take memory, and BED does not need them.
    let options = SearchOptions { keep_columns: false, ..SearchOptions::default() };
    let contigs = index.contigs()?;
    for copy in annotate(&index, &library, &options, &budget, &Silent)? {
        let alignment = &copy.alignment;
        let (contig, range) = (&contigs[alignment.contig as usize], &alignment.range);
        let (name, strand) = (library.name(alignment.query as usize), alignment.strand.symbol());
        writeln!(out, "{}\t{}\t{}\t{name}\t{}\t{strand}", contig.name, range.start, range.end, alignment.score)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: find_repeats INDEX")?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    report(Path::new(&folder), &mut out)?;
    Ok(out.flush()?)
}
