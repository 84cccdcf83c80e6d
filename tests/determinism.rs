//! Tests that the bytes of an index depend on the genome and the parameters alone, not on threads, memory or the number
//! of passes, and that the formats for giant genomes (wide positions, 64-bit offsets) return the same results as the
//! usual ones.

mod common;

use std::path::{Path, PathBuf};

use common::{FILES, Oracle, PLAIN, fasta, repetitive_genome, run};
use reprise::builder::{BuildOptions, BuildReport, BuildTuning, build_index_tuned};
use reprise::index::Depth;
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Index, Silent};

const BASES: usize = 300_000;

fn read(index: &Path, name: &str) -> Vec<u8> {
    std::fs::read(index.join(name)).expect("a file of the index")
}

/// Builds with the program; returns the number of passes, or `None` if the memory was too small.
fn build(folder: &Path, name: &str, what: &[&str], threads: &str, memory: u64) -> Option<u64> {
    let memory = memory.to_string();
    let arguments = ["build-index", "genome.fa", "-o", name, "-t", threads, "--max-memory", &memory, "--json"];
    let ran = run(folder, &[&arguments, what].concat());
    match ran.code {
        5 => None,
        _ => Some(ran.fine().json()["passes"].as_u64().expect("a number")),
    }
}

/// The same four files, byte for byte, for 1, 2 and 8 threads, with the least sufficient memory and with plenty.
#[test]
fn bytes_depend_on_the_genome_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    // The last are super-k-mers, which need so little memory that several passes need a larger genome.
    for (k, least, bases) in [("13", "2", BASES), ("31", "2", BASES), ("31", "1", 10 * BASES)] {
        std::fs::write(at.join("genome.fa"), fasta(&repetitive_genome(1, bases), &PLAIN)).expect("written");
        let what = ["-k", k, "--min-frequency", least];
        let first = format!("k{k}-{least}");
        assert_eq!(build(at, &first, &what, "2", 1 << 30), Some(1));
        for threads in ["1", "2", "8"] {
            // The least sufficient memory, to half a megabyte, then a little more, then plenty.
            let name = format!("k{k}-t{threads}-least");
            let least = (8..256u64)
                .map(|halves| halves << 19)
                .find_map(|memory| build(at, &name, &what, threads, memory).map(|passes| (memory, passes)));
            let (least, passes) = least.expect("128 MiB are enough for a small genome");
            assert!(passes > 1, "k {k}, {threads} threads: {passes} passes in {least} bytes");
            let mut all = vec![(name, passes)];
            for (much, memory) in [("more", least + (1 << 20)), ("plenty", 1 << 30)] {
                let name = format!("k{k}-t{threads}-{much}");
                let passes = build(at, &name, &what, threads, memory).expect("more memory than the least");
                all.push((name, passes));
            }
            assert_eq!(all[2].1, 1, "passes with plenty of memory");
            println!("k {k}, {threads} threads, from {} KiB: {all:?}", least >> 10);
            for (name, _) in all {
                for file in FILES {
                    assert!(read(&at.join(&first), file) == read(&at.join(&name), file), "{file} of {name} differs");
                }
                std::fs::remove_dir_all(at.join(name)).expect("an index can be removed");
            }
        }
    }
}

type Tuned<'a> = (&'a BuildOptions, &'a BuildTuning);

struct Bench {
    folder: tempfile::TempDir,
    genome: Source,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let genome = folder.path().join("genome.fa");
        std::fs::write(&genome, fasta(&repetitive_genome(2, BASES), &PLAIN)).expect("written");
        Self { genome: Source::new(&genome), folder }
    }

    fn build(&self, name: &str, tuned: Tuned<'_>, memory: u64) -> (PathBuf, BuildReport) {
        let target = self.folder.path().join(name);
        (target.clone(), self.build_at(&target, tuned, memory).expect("a genome"))
    }

    fn build_at(&self, target: &Path, tuned: Tuned<'_>, memory: u64) -> reprise::Result<BuildReport> {
        build_index_tuned(std::slice::from_ref(&self.genome), target, tuned, &Budget::new(memory), &Silent)
    }
}

/// All contents of an index: k-mers with frequencies and positions in its order, spectrum, seeds, contigs, bases.
fn answers(folder: &Path) -> String {
    use std::fmt::Write;
    let index = Index::open(folder).expect("the index opens");
    index.verify(Depth::Sequence, &Silent).expect("the index is sound");
    let mut said = String::new();
    index
        .for_each_kmer(|entry| {
            let _ = write!(said, "{} {}", index.codec().decode(entry.kmer), entry.frequency);
            entry.for_each_position(|p| {
                let _ = write!(said, " {}:{}{}", p.contig, p.start, p.strand.symbol());
            })?;
            said.push('\n');
            Ok(())
        })
        .expect("a sound index");
    let _ = writeln!(said, "{:?}", index.spectrum().expect("a sound index"));
    for seed in index.seeds() {
        let seed = seed.expect("a sound index");
        let _ = writeln!(said, "{} {}", index.codec().decode(seed.kmer), seed.frequency);
    }
    for contig in index.contigs().expect("a sound index") {
        let bases = index.bases(&contig.name, 0..contig.length).expect("a sound index");
        let _ = writeln!(said, "{} {} {} {bases}", contig.name, contig.start, contig.length);
    }
    said
}

/// The width of records and the size of bins (parts of pages or several pages) change no byte of the index.
#[test]
fn wide_records_and_large_bins() {
    let bench = Bench::new();
    let usual = BuildOptions { max_positions: Some(50), ..BuildOptions::default() };
    for k in [8, 13, 31, 32] {
        let options = BuildOptions { k: Some(k), ..usual.clone() };
        let usual = BuildTuning::default();
        let (first, report) = bench.build(&format!("usual{k}"), (&options, &usual), 1 << 30);
        assert_eq!(report.passes, 1);
        let wide = BuildTuning { min_record_bytes: 16, ..usual.clone() };
        let least = least(&bench, (&options, &wide));
        for (name, tuning, memory) in [
            ("wide", wide.clone(), 1 << 30),
            ("wide-little", wide, least),
            ("bins", BuildTuning { max_bins: 3, ..usual.clone() }, 1 << 30),
            ("words-bins", BuildTuning { max_bins: 2, min_record_bytes: 8, ..usual.clone() }, 1 << 30),
            ("narrow-bins", BuildTuning { max_bins: 5, min_record_bytes: 12, ..usual.clone() }, 1 << 30),
        ] {
            let (other, passes) = bench.build(&format!("{name}{k}"), (&options, &tuning), memory);
            assert_eq!(passes.passes > 1, name == "wide-little", "k {k}, {name}: {} passes", passes.passes);
            for file in ["catalog.redb", "positions.blk", "sequence.2bit"] {
                assert!(read(&first, file) == read(&other, file), "k {k}, {name}: {file} differs");
            }
            assert!(answers(&first) == answers(&other), "k {k}, {name}: the answers differ");
        }
    }
}

/// The least memory that builds, to half a megabyte.
fn least(bench: &Bench, tuned: Tuned<'_>) -> u64 {
    let target = bench.folder.path().join("trial");
    let builds = |memory: &u64| match bench.build_at(&target, tuned, *memory) {
        Ok(_) => true,
        Err(reprise::Error::Memory { .. }) => false,
        Err(other) => panic!("{other}"),
    };
    let least = (8..512u64).map(|halves| halves << 19).find(builds).expect("256 MiB are enough for a small genome");
    std::fs::remove_dir_all(&target).expect("an index can be removed");
    least
}

/// A packed genome with 64-bit offsets: another version of the file, and the same answers from the index.
#[test]
fn wide_offsets() {
    let bench = Bench::new();
    let options = BuildOptions { k: Some(15), ..BuildOptions::default() };
    let narrow = BuildTuning::default();
    let wide = BuildTuning { wide_offsets_from: 100, ..narrow.clone() };
    let (usual, _) = bench.build("narrow", (&options, &narrow), 1 << 30);
    let (other, _) = bench.build("wide", (&options, &wide), 1 << 30);
    let version = |folder: &Path| read(folder, "sequence.2bit")[4..8].to_vec();
    assert_eq!((version(&usual), version(&other)), (vec![0, 0, 0, 0], vec![1, 0, 0, 0]));
    assert!(read(&usual, "positions.blk") == read(&other, "positions.blk"), "positions.blk differs");
    assert!(answers(&usual) == answers(&other), "the answers differ");
    let index = Index::open(&other).expect("the index opens");
    let spectrum = Oracle::new(&repetitive_genome(2, BASES), 15).spectrum();
    assert_eq!(index.spectrum().expect("a sound index"), spectrum);
}
