//! Proves that damage is found: whatever is cut off, flipped or swapped in an index, `verify` says so, and look-ups
//! either fail or are right. Nothing panics.

mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use common::{Contig, FILES, Oracle, PLAIN, Random, copy_index, fasta, repetitive_genome};
use reprise::build::{BuildOptions, build_index};
use reprise::index::{Depth, OpenOptions, Position};
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::store::LayoutKind;
use reprise::{Error, Index, Silent};

/// A k of either layout: k-mers one by one, and super-k-mers.
const KS: [u32; 2] = [13, 31];

/// An index, a copy to damage, and what it should say.
struct Bench {
    folder: tempfile::TempDir,
    sound: PathBuf,
    copy: PathBuf,
    questions: Vec<(u64, u64, Vec<Position>)>,
    /// Every contig and its bases.
    bases: Vec<(String, String)>,
    cases: Cell<usize>,
    failures: RefCell<Vec<String>>,
}

fn build(folder: &Path, name: &str, contigs: &[Contig], k: u32, layout: Option<LayoutKind>) -> PathBuf {
    let genome = folder.join("genome.fa");
    std::fs::write(&genome, fasta(contigs, &PLAIN)).expect("written");
    let target = folder.join(name);
    let options = BuildOptions { k: Some(k), min_frequency: 1, layout, ..BuildOptions::default() };
    build_index(&[Source::new(&genome)], &target, &options, &Budget::new(1 << 30), &Silent).expect("a genome");
    target
}

impl Bench {
    fn new(k: u32) -> Self {
        Self::of(&repetitive_genome(1, 6_000), k, None)
    }

    fn of(contigs: &[Contig], k: u32, layout: Option<LayoutKind>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sound = build(folder.path(), "sound", contigs, k, layout);
        let copy = copy_index(&sound, &folder.path().join("copy"));
        // The answers come from the genome's text; the test of the oracle ties them to the index.
        let oracle = Oracle::new(contigs, k as usize);
        let index = Index::open(&sound).expect("the index opens");
        let mut questions = Vec::new();
        let sorted = oracle.sorted();
        let mut random = Random(5);
        for n in 0..200 {
            let kmer = match n % 4 {
                0 => random.bases(k as usize),
                _ => sorted[random.below(sorted.len())].0.to_vec(),
            };
            let code = index.encode(&kmer).expect("a k-mer");
            let positions = index.positions(code).expect("a sound index");
            let places: Vec<_> = positions.iter().map(|p| (p.contig, p.start, p.strand.symbol())).collect();
            assert_eq!(places, oracle.places(&kmer));
            questions.push((code, oracle.frequency(&kmer), positions));
        }
        let contigs = index.contigs().expect("sound").iter();
        let bases = contigs
            .map(|c| (c.name.clone(), index.bases(&c.name, 0..c.length).expect("sound")))
            .filter(|(_, bases)| bases.len() > 5)
            .collect();
        Self { folder, sound, copy, questions, bases, cases: Cell::new(0), failures: RefCell::default() }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.sound.join(name)).expect("a file of the index")
    }

    /// Puts `bytes` in place of a file of the copy, checks, and puts the file back.
    fn with(&self, name: &str, bytes: &[u8], what: &str) {
        let path = self.copy.join(name);
        std::fs::write(&path, bytes).expect("written");
        self.check(&self.copy, &format!("{name}, {what}"));
        std::fs::copy(self.sound.join(name), &path).expect("copied");
    }

    /// The index in `folder` differs from the sound one.
    fn check(&self, folder: &Path, what: &str) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let index = match Index::open_with(folder, &OpenOptions::default(), &Budget::new(1 << 30)) {
                Ok(index) => index,
                Err(e) => return found(&e, what),
            };
            for (kmer, frequency, positions) in &self.questions {
                match index.frequency(*kmer) {
                    Ok(said) => assert_eq!(said, *frequency, "{what}: a wrong frequency"),
                    Err(e) => found(&e, what),
                }
                match index.positions(*kmer) {
                    Ok(said) => assert_eq!(said, *positions, "{what}: wrong positions"),
                    Err(e) => found(&e, what),
                }
            }
            for (name, bases) in &self.bases {
                match index.bases(name, 5..bases.len() as u64) {
                    Ok(read) => assert_eq!(&read, &bases[5..], "{what}: wrong bases"),
                    Err(e) => found(&e, what),
                }
            }
            let codes: Vec<u64> = self.questions.iter().map(|q| q.0).collect();
            match index.batch().frequencies(&codes) {
                Ok(said) => assert!(said.iter().zip(&self.questions).all(|(f, q)| *f == q.1), "{what}: a wrong batch"),
                Err(e) => found(&e, what),
            }
            let _ = index.seeds().count();
            match index.verify(Depth::Full, &Silent) {
                Ok(_) => panic!("{what}: verify did not find it"),
                Err(e) => found(&e, what),
            }
            let _ = index.verify(Depth::Quick, &Silent);
        }));
        self.cases.set(self.cases.get() + 1);
        if let Err(panic) = outcome {
            let said = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|s| s.to_string()));
            self.failures.borrow_mut().push(format!("{what}: {}", said.unwrap_or_default()));
        }
    }

    /// Asserts that no case failed; all that did are listed.
    fn finish(&self) {
        let failures = self.failures.borrow();
        println!("{} cases", self.cases.get());
        assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), self.cases.get(), failures.join("\n"));
    }
}

fn found(error: &Error, what: &str) {
    assert!(
        matches!(error, Error::Damaged { .. } | Error::Unfinished { .. } | Error::Version { .. }),
        "{what}: {error:?}"
    );
}

/// Every file cut short at every 512 bytes, and lengthened.
#[test]
fn truncated_files() {
    KS.into_iter().for_each(truncate);
}

fn truncate(k: u32) {
    let bench = Bench::new(k);
    for name in FILES {
        let bytes = bench.read(name);
        let ends = (0..bytes.len()).step_by(512).chain([1, bytes.len() - 1]);
        for end in ends {
            bench.with(name, &bytes[..end], &format!("cut at {end}"));
        }
        bench.with(name, &[&bytes[..], b"\n"].concat(), "one byte longer");
        std::fs::remove_file(bench.copy.join(name)).expect("removed");
        bench.check(&bench.copy, &format!("{name} missing"));
        std::fs::copy(bench.sound.join(name), bench.copy.join(name)).expect("copied");
    }
    bench.finish();
    Index::open(&bench.copy).expect("it opens").verify(Depth::Sequence, &Silent).expect("the copy is whole again");
}

/// Flips `count` bits of a file, one at a time: in its first bytes, where formats keep magic and lengths, and all over.
fn flip(bench: &Bench, name: &str, count: usize) {
    let mut random = Random(9);
    let mut bytes = bench.read(name);
    for number in 0..count {
        let at = if number < 64 { number } else { random.below(bytes.len()) };
        let bit = 1 << random.below(8);
        bytes[at] ^= bit;
        bench.with(name, &bytes, &format!("byte {at} with bit {bit:#04x} flipped"));
        bytes[at] ^= bit;
    }
}

/// One flipped bit at seeded places of manifest, positions and genome.
#[test]
fn flipped_bits() {
    for k in KS {
        let bench = Bench::new(k);
        flip(&bench, "manifest.json", 700);
        flip(&bench, "positions.blk", 700);
        flip(&bench, "sequence.2bit", 500);
        bench.finish();
    }
}

/// One flipped bit at seeded places of the catalog, which is a store with a format of its own.
#[test]
fn flipped_bits_of_the_catalog() {
    for k in KS {
        let bench = Bench::new(k);
        flip(&bench, "catalog.redb", 2000);
        bench.finish();
    }
}

/// Puts files of another index in the place of those of the first.
fn swap(bench: &Bench, other: &Path, names: &[&str]) {
    for name in names {
        let bytes = std::fs::read(other.join(name)).expect("a file of the index");
        assert!(bytes != bench.read(name), "{name} does not depend on the genome");
        bench.with(name, &bytes, "of another index");
    }
    bench.finish();
}

/// Files of another index of the same shape.
#[test]
fn swapped_files() {
    for k in KS {
        let bench = Bench::new(k);
        let other = build(bench.folder.path(), "other", &repetitive_genome(2, 6_000), k, None);
        swap(&bench, &other, &["manifest.json", "positions.blk", "sequence.2bit"]);
    }
}

/// The catalog of another index of the same shape.
#[test]
fn swapped_catalog() {
    for k in KS {
        let bench = Bench::new(k);
        let other = build(bench.folder.path(), "other", &repetitive_genome(2, 6_000), k, None);
        swap(&bench, &other, &["catalog.redb"]);
    }
}

/// Files of another index whose files have the same lengths, so that only what they hold tells them apart.
#[test]
fn swapped_files_of_the_same_length() {
    for layout in [LayoutKind::SortedDictionary, LayoutKind::SuperKmers] {
        let twin = |seed: u64| [Contig::new("chr1", Random(seed).bases(700))];
        let files = ["catalog.redb", "positions.blk", "sequence.2bit"];
        let bench = Bench::of(&twin(1), 31, Some(layout));
        // Super-k-mers of one genome are more than those of another: look for one with as many.
        let other = (2..200)
            .map(|seed| build(bench.folder.path(), &format!("other{seed}"), &twin(seed), 31, Some(layout)))
            .find(|other| {
                let length = |folder: &Path, name| std::fs::metadata(folder.join(name)).expect("a file").len();
                files.iter().all(|name| length(&bench.sound, name) == length(other, name))
            })
            .expect("a twin with files of the same lengths");
        swap(&bench, &other, &files);
    }
}
