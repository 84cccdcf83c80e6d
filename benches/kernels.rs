//! The kernels of a build: packing, iteration over k-mers, and a complete build of a small random genome
//! (partition, sort, encode, write). `cargo bench --bench kernels`

mod common;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use common::{Failure, build, genome, measuring, write_fasta};
use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use reprise::genome::{TwoBit, TwoBitWriter};
use reprise::kmer::{AsciiScanner, KmerCodec};

/// Bases in a piece, as from a reader.
const PIECE: usize = 1 << 16;

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    packing(&mut criterion, folder.path())?;
    iteration(&mut criterion, folder.path())?;
    builds(&mut criterion, folder.path())?;
    criterion.final_summary();
    Ok(())
}

fn pack(path: &Path, ascii: &[u8]) -> reprise::Result<u64> {
    let mut writer = TwoBitWriter::create(path)?;
    writer.begin("seeded");
    for piece in ascii.chunks(PIECE) {
        writer.bases(piece)?;
    }
    writer.end()?;
    Ok(writer.finish()?.bases)
}

/// ASCII to the packed genome on disk, with its digest.
fn packing(criterion: &mut Criterion, folder: &Path) -> Result<(), Failure> {
    let upper = genome(if measuring() { 16 << 20 } else { 1 << 16 }, 1);
    // Lower case in every 1,000 bases, as a soft mask has.
    let mut masked = upper.clone();
    masked.chunks_mut(1000).for_each(|chunk| {
        let from = chunk.len() / 3;
        chunk[from..].make_ascii_lowercase();
    });
    let path = folder.join("pack.2bit");
    let mut group = criterion.benchmark_group("pack");
    group.sample_size(20).throughput(Throughput::Bytes(upper.len() as u64));
    for (name, ascii) in [("upper case", &upper), ("soft-masked", &masked)] {
        group.bench_function(name, |b| b.iter(|| pack(&path, ascii).expect("packing")));
    }
    group.finish();
    Ok(())
}

/// Both scanners, on sequence in memory.
fn iteration(criterion: &mut Criterion, folder: &Path) -> Result<(), Failure> {
    let ascii = genome(if measuring() { 4 << 20 } else { 1 << 16 }, 2);
    let path = folder.join("scan.2bit");
    pack(&path, &ascii)?;
    let file = TwoBit::open(&path)?;
    let (_, offset) = file.index().next().ok_or("no contig in the packed genome")??;
    let packed = file.record_at(offset)?.packed().to_vec();
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(20).throughput(Throughput::Elements(ascii.len() as u64));
    for k in [15, 31] {
        let codec = KmerCodec::new(k)?;
        group.bench_function(format!("packed/k{k}"), |b| {
            b.iter(|| {
                let mut sum = 0u64;
                codec.scan_packed(black_box(&packed), 0..ascii.len() as u64, |start, hash, reverse| {
                    sum = sum.wrapping_add(hash ^ (start << 1) ^ u64::from(reverse));
                });
                sum
            })
        });
        group.bench_function(format!("ascii/k{k}"), |b| {
            b.iter(|| {
                let mut sum = 0u64;
                let mut scanner = AsciiScanner::new(codec);
                for piece in black_box(&ascii).chunks(PIECE) {
                    scanner.scan(piece, |start, hash, reverse| {
                        sum = sum.wrapping_add(hash ^ (start << 1) ^ u64::from(reverse));
                    });
                }
                sum
            })
        });
    }
    group.finish();
    Ok(())
}

/// FASTA to a published index, with the syncs to disk.
fn builds(criterion: &mut Criterion, folder: &Path) -> Result<(), Failure> {
    let bases = if measuring() { 4 << 20 } else { 1 << 17 };
    let fasta = folder.join("genome.fa");
    write_fasta(&fasta, &genome(bases, 3))?;
    let target = folder.join("genome.reprise");
    let mut group = criterion.benchmark_group("build");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(6));
    group.throughput(Throughput::Elements(bases as u64));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        for (k, min_frequency) in [(15, 2), (31, 1)] {
            let name = format!("k{k} min-frequency {min_frequency}/threads {threads}");
            group.bench_function(name, |b| {
                b.iter_batched(
                    || {
                        if target.exists() {
                            fs::remove_dir_all(&target).expect("removing the index of the run before");
                        }
                    },
                    |()| pool.install(|| build(&fasta, &target, k, min_frequency)).expect("building"),
                    BatchSize::PerIteration,
                )
            });
        }
    }
    group.finish();
    Ok(())
}
