//! Random genomes and their indexes, for all benchmarks.

// Each benchmark uses only some of this.
#![allow(dead_code)]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use reprise::Silent;
use reprise::builder::{BuildOptions, build_index};
use reprise::memory::Budget;
use reprise::random::Random;
use reprise::sequence::Source;

/// An error while a benchmark prepares its input.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of memory that a build in a benchmark may use.
pub const MEMORY: u64 = 4 << 30;

/// Random bases; about a fifth of them are copies of 50 repeat families, a base in ten changed.
pub fn genome(bases: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut out: Vec<u8> = random.bases(bases);
    let families: Vec<Vec<u8>> = (0..50)
        .map(|_| {
            let length = 200 + random.below(1800);
            random.bases(length)
        })
        .collect();
    let mut copied = 0;
    while copied < bases / 5 {
        let family = &families[random.below(families.len())];
        let at = random.below(bases - family.len());
        for (to, &from) in out[at..].iter_mut().zip(family) {
            *to = if random.below(10) == 0 { b"ACGT"[random.below(4)] } else { from };
        }
        copied += family.len();
    }
    out
}

/// Writes bases as FASTA of one contig, 60 to a line.
pub fn write_fasta(path: &Path, bases: &[u8]) -> Result<(), Failure> {
    let mut text = b">seeded\n".to_vec();
    for line in bases.chunks(60) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    File::create(path)?.write_all(&text)?;
    Ok(())
}

/// Builds an index on the current rayon pool.
pub fn build(genome: &Path, target: &Path, k: u32, min_frequency: u64) -> Result<(), Failure> {
    let options = BuildOptions { k: Some(k), min_frequency, ..BuildOptions::default() };
    build_index(&[Source::new(genome)], target, &options, &Budget::new(MEMORY), &Silent)?;
    Ok(())
}

/// Whether this is `cargo bench`; as a test (`cargo test --benches`) everything runs once, on little.
pub fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The genome to measure on: C. elegans if its file exists, else 20 Mb of seeded sequence.
pub fn find_genome(folder: &Path) -> Result<PathBuf, Failure> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = std::env::var_os("REPRISE_DATA").map_or(beside, PathBuf::from);
    let real = data.join("genomes/celegans_WS220.fa.gz");
    if measuring() && real.is_file() {
        eprintln!("genome: C. elegans WS220");
        return Ok(real);
    }
    let bases = if measuring() { 20_000_000 } else { 200_000 };
    eprintln!(
        "genome: {bases} seeded bases; for C. elegans set REPRISE_DATA to a folder with genomes/celegans_WS220.fa.gz"
    );
    let path = folder.join("genome.fa");
    write_fasta(&path, &genome(bases, 4))?;
    Ok(path)
}
