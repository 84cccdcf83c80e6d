//! An index of each format version, checked in once and opened for ever: `schema/golden-v1` was written by the program
//! that introduced format 1, from the genome beside it. Where a format changes, its golden index stays and the new one
//! gets its own.
//!
//! `REPRISE_WRITE_GOLDEN=1 cargo test --test golden` writes it anew; that is for a format that was never released.

mod common;

use std::path::PathBuf;

use common::{Contig, Oracle, PLAIN, fasta, repetitive_genome, run};
use reprise::index::Depth;
use reprise::{Index, Silent};

const K: usize = 9;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema").join("golden-v1")
}

fn genome() -> Vec<Contig> {
    let mut genome = repetitive_genome(1, 6000);
    genome[0].description = "the first\tof four".to_owned();
    genome
}

#[test]
fn the_golden_index_of_format_1_answers() {
    let genome = genome();
    let index_folder = folder().join("golden.reprise");
    if std::env::var_os("REPRISE_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder()).expect("the folder can be made");
        std::fs::write(folder().join("golden.fa"), fasta(&genome, &PLAIN)).expect("written");
        run(&folder(), &["build-index", "golden.fa", "-k", "9", "--min-frequency", "1", "--force"]).fine();
    }
    let checked_in = std::fs::read(folder().join("golden.fa")).expect("the golden genome is checked in");
    assert!(checked_in == fasta(&genome, &PLAIN), "the golden genome is made from its seed");

    let index = Index::open(&index_folder).expect("format 1 is read for ever");
    assert_eq!(index.manifest().format_version, 1);
    index.verify(Depth::Sequence, &Silent).expect("the golden index is sound");
    let oracle = Oracle::new(&genome, K);
    let mut kmers = 0;
    for (kmer, frequency) in oracle.sorted() {
        let code = index.encode(kmer).expect("a k-mer");
        assert_eq!(index.frequency(code).expect("sound"), frequency);
        let places: Vec<_> =
            index.positions(code).expect("sound").iter().map(|p| (p.contig, p.start, p.strand.symbol())).collect();
        assert_eq!(places, oracle.places(kmer));
        kmers += 1;
    }
    assert_eq!(kmers, index.manifest().actual.stored_kmers);
    assert_eq!(index.spectrum().expect("sound"), oracle.spectrum());
    let seeds: Vec<u64> = index.seeds().map(|s| s.expect("sound").frequency).collect();
    assert!(seeds.is_sorted_by(|a, b| a >= b) && seeds.len() as u64 == index.seed_count());
    assert_eq!(index.contigs().expect("sound")[0].description, "the first\tof four");
}

/// The program still writes format 1 byte for byte; in the manifest all but its own version, and so its digests.
#[test]
fn the_golden_index_is_what_the_program_writes() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(folder().join("golden.fa"), scratch.path().join("golden.fa")).expect("copied");
    run(scratch.path(), &["build-index", "golden.fa", "-k", "9", "--min-frequency", "1", "-q"]).fine();
    for name in common::FILES {
        let read = |at: PathBuf| std::fs::read(at.join("golden.reprise").join(name)).expect("there");
        let (golden, written) = (read(folder()), read(scratch.path().to_owned()));
        let same = if name == "manifest.json" {
            let lines = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let kept =
                    text.lines().filter(|l| !l.starts_with("  \"written_by\"") && !l.starts_with("  \"blake3\""));
                kept.map(str::to_owned).collect::<Vec<_>>()
            };
            lines(&golden) == lines(&written)
        } else {
            golden == written
        };
        assert!(same, "{name} differs: a change of the format needs a new version");
    }
}
