//! An index of each format version and layout, checked in and opened by every later version. Those in
//! `schema/golden-v1` were written by the version that introduced format 1, from the genome next to them. If the format
//! changes, its golden index stays, and the new format gets its own.
//!
//! `REPRISE_WRITE_GOLDEN=1 cargo test --test golden` writes the indexes anew. That is for a format that was never
//! released.
//!
//! Another version of redb may write other bytes into `catalog.redb` for the same content, so `Cargo.toml` pins one.
//! If you move the pin and only the bytes of `catalog.redb` (and its digest in the manifest) differ here, the format is
//! the same: before the first release write the indexes anew; afterwards keep them for the test that opens them, add
//! indexes written with the new redb for the test that compares bytes, and state in the CHANGELOG that bytes changed.
//! If the indexes no longer open, the format version has to grow.

mod common;

use std::path::{Path, PathBuf};

use common::{Contig, Oracle, PLAIN, fasta, repetitive_genome, run};
use reprise::dictionary::LayoutKind;
use reprise::index::Depth;
use reprise::{Index, Silent};

/// Every golden index: its name, its k, its layout.
const GOLDEN: [(&str, &str, LayoutKind); 2] = [
    ("golden.reprise", "9", LayoutKind::SortedDictionary),
    ("golden-super-kmers.reprise", "31", LayoutKind::SuperKmers),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema").join("golden-v1")
}

fn genome() -> Vec<Contig> {
    let mut genome = repetitive_genome(1, 6000);
    genome[0].description = "the first\tof four".to_owned();
    genome
}

fn write(folder: &Path, (name, k, _): (&str, &str, LayoutKind)) {
    run(folder, &["build-index", "golden.fa", "-k", k, "--min-frequency", "1", "-o", name, "--force"]).fine();
}

#[test]
fn the_golden_indexes_of_format_1_answer() {
    let genome = genome();
    if std::env::var_os("REPRISE_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder()).expect("the folder can be made");
        std::fs::write(folder().join("golden.fa"), fasta(&genome, &PLAIN)).expect("written");
        GOLDEN.into_iter().for_each(|golden| write(&folder(), golden));
    }
    let checked_in = std::fs::read(folder().join("golden.fa")).expect("the golden genome is checked in");
    assert!(checked_in == fasta(&genome, &PLAIN), "the golden genome is made from its seed");
    for (name, k, layout) in GOLDEN {
        let index = Index::open(folder().join(name)).expect("format 1 is read for ever");
        assert_eq!((index.manifest().format_version, index.manifest().layout), (1, layout));
        index.verify(Depth::Sequence, &Silent).expect("the golden index is sound");
        let oracle = Oracle::new(&genome, k.parse().expect("a number"));
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
}

/// The program still writes format 1 byte for byte, except its version and its estimate in the manifest, and the
/// digests that follow from them.
#[test]
fn the_golden_indexes_are_what_the_program_writes() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(folder().join("golden.fa"), scratch.path().join("golden.fa")).expect("copied");
    for golden in GOLDEN {
        write(scratch.path(), golden);
        for name in common::FILES {
            let read = |at: PathBuf| std::fs::read(at.join(golden.0).join(name)).expect("there");
            let (before, now) = (read(folder()), read(scratch.path().to_owned()));
            let same = if name == "manifest.json" {
                let lines = |bytes: &[u8]| {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    let (before, estimate) = text.split_once("  \"estimate\": {").expect("an estimate");
                    let after = estimate.split_once('}').expect("its end").1;
                    let kept = before.lines().chain(after.lines());
                    let kept = kept.filter(|l| !l.starts_with("  \"written_by\"") && !l.starts_with("  \"blake3\""));
                    kept.map(str::to_owned).collect::<Vec<_>>()
                };
                lines(&before) == lines(&now)
            } else {
                before == now
            };
            assert!(same, "{name} of {} differs: a change of the format needs a new version", golden.0);
        }
    }
}
