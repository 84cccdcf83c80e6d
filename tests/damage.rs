//! Tests that damage is found: whatever is truncated, flipped, zeroed or exchanged in an index, `verify` reports it,
//! and every public function returns an error of exit code 4 that names the file, or the right answer. Nothing panics
//! or allocates more than the budget.

#[path = "common/allocations.rs"]
mod allocations;
#[path = "common/ask.rs"]
mod ask;
mod common;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ask::{BUDGET, Truth, named, open};
use common::{Contig, FILES, Oracle, PLAIN, Random, copy_index, fasta, repetitive_genome};
use reprise::builder::{BuildOptions, build_index};
use reprise::bundle::Manifest;
use reprise::dictionary::LayoutKind;
use reprise::index::Depth;
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Index, Silent};

#[global_allocator]
static ALLOCATOR: allocations::Largest = allocations::Largest;

/// A k of either layout: k-mers one by one, and super-k-mers.
const KS: [u32; 2] = [13, 31];

/// An index, a copy to damage, and the right answers.
struct Bench {
    folder: tempfile::TempDir,
    sound: PathBuf,
    copy: PathBuf,
    truth: Truth,
    cases: Cell<usize>,
    harmless: Cell<usize>,
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

/// How thoroughly a damaged copy is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Opened only, which has to find the damage.
    Open,
    /// All queries but a dump of all k-mers.
    Glance,
    /// All queries, then `verify`, which has to find the damage.
    All,
}

impl Bench {
    fn new(k: u32, bases: usize) -> Self {
        let layout = if k == KS[0] { LayoutKind::SortedDictionary } else { LayoutKind::SuperKmers };
        Self::of(&repetitive_genome(1, bases), k, Some(layout))
    }

    fn of(contigs: &[Contig], k: u32, layout: Option<LayoutKind>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sound = build(folder.path(), "sound", contigs, k, layout);
        let copy = copy_index(&sound, &folder.path().join("copy"));
        // The answers of the sound index agree with the text of the genome.
        let oracle = Oracle::new(contigs, k as usize);
        let index = Index::open(&sound).expect("the index opens");
        let mut distinct = 0;
        index
            .for_each_kmer(|entry| {
                distinct += 1;
                let kmer = index.codec().decode(entry.kmer);
                assert_eq!(entry.frequency, oracle.frequency(kmer.as_bytes()));
                let places = index.positions(entry.kmer)?;
                let places: Vec<_> = places.iter().map(|p| (p.contig, p.start, p.strand.symbol())).collect();
                assert_eq!(places, oracle.places(kmer.as_bytes()));
                Ok(())
            })
            .expect("sound");
        assert_eq!(distinct, oracle.kmers.len());
        let truth = Truth::of(&sound, 40);
        let (cases, harmless) = (Cell::new(0), Cell::new(0));
        Self { folder, sound, copy, truth, cases, harmless, failures: RefCell::default() }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.sound.join(name)).expect("a file of the index")
    }

    /// Replaces a file of the copy by `bytes`, checks, and restores the file.
    fn with(&self, name: &str, bytes: &[u8], what: &str) {
        let path = self.copy.join(name);
        std::fs::write(&path, bytes).expect("written");
        self.check(Look::All, &format!("{name}, {what}"));
        std::fs::copy(self.sound.join(name), &path).expect("copied");
    }

    /// Writes `part` at byte `at` of a file of the copy, checks, and restores the bytes. `sound` is the whole file.
    fn patch(&self, name: &str, sound: &[u8], at: usize, part: &[u8], look: Look, what: &str) {
        let file = File::options().write(true).open(self.copy.join(name)).expect("opened");
        file.write_all_at(part, at as u64).expect("written");
        self.check(look, &format!("{name}, byte {at}: {what}"));
        file.write_all_at(&sound[at..at + part.len()], at as u64).expect("written");
    }

    /// Checks the copy, which differs from the sound index.
    fn check(&self, look: Look, what: &str) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let errors = match look {
                Look::Open => {
                    named(&self.copy, open(&self.copy).expect_err("opening did not find it"));
                    return;
                }
                Look::Glance => self.truth.glance_at(&self.copy),
                Look::All => self.truth.hold_against(&self.copy),
            };
            self.harmless.set(self.harmless.get() + usize::from(errors.is_empty()));
            if look == Look::All
                && let Ok(index) = open(&self.copy)
            {
                named(&self.copy, index.verify(Depth::Full, &Silent).expect_err("verify did not find it"));
                if let Err(e) = index.verify(Depth::Quick, &Silent) {
                    named(&self.copy, e);
                }
            }
        }));
        self.cases.set(self.cases.get() + 1);
        if let Err(panic) = outcome {
            let said = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|s| s.to_string()));
            self.failures.borrow_mut().push(format!("{what}: {}", said.unwrap_or_default()));
        }
    }

    /// Asserts that no case failed, and lists those that did.
    fn finish(&self, name: &str) {
        let failures = self.failures.borrow();
        println!("{name}: {} cases, of which {} change no answer", self.cases.get(), self.harmless.get());
        assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), self.cases.get(), failures.join("\n"));
        assert!(allocations::largest() <= BUDGET, "{} bytes at once", allocations::largest());
        Index::open(&self.copy).expect("it opens").verify(Depth::Sequence, &Silent).expect("the copy is whole again");
    }
}

/// Every file truncated at every multiple of 512 bytes, and lengthened.
#[test]
fn truncated_files() {
    for k in KS {
        let bench = Bench::new(k, 6_000);
        for name in FILES {
            let bytes = bench.read(name);
            let ends = (0..bytes.len()).step_by(512).chain([1, bytes.len() - 1]);
            for end in ends {
                bench.with(name, &bytes[..end], &format!("cut at {end}"));
            }
            bench.with(name, &[&bytes[..], b"\n"].concat(), "one byte longer");
            std::fs::remove_file(bench.copy.join(name)).expect("removed");
            bench.check(Look::All, &format!("{name} missing"));
            std::fs::copy(bench.sound.join(name), bench.copy.join(name)).expect("copied");
        }
        bench.finish("truncated");
    }
}

/// Every bit of the manifest, one at a time.
#[test]
fn every_bit_of_the_manifest() {
    for k in KS {
        let bench = Bench::new(k, 600);
        let bytes = bench.read("manifest.json");
        for bit in 0..bytes.len() * 8 {
            let flipped = [bytes[bit / 8] ^ 1 << (bit % 8)];
            bench.patch("manifest.json", &bytes, bit / 8, &flipped, Look::Open, &format!("bit {}", bit % 8));
        }
        bench.finish("bits of the manifest");
    }
}

/// Flips every bit of these bytes of a file, one at a time.
fn every_bit(bench: &Bench, name: &str, sound: &[u8], bytes: impl IntoIterator<Item = usize>) {
    for at in bytes.into_iter().filter(|&at| at < sound.len()) {
        for bit in 0..8 {
            let flipped = [sound[at] ^ 1 << bit];
            bench.patch(name, sound, at, &flipped, Look::Glance, &format!("bit {bit}"));
        }
    }
}

/// Every bit of the catalog's header, of the branches of its trees, of the offsets in its leaves, and of the headers of
/// dictionary pages.
#[test]
fn every_bit_of_the_metadata_of_the_catalog() {
    const PAGE: usize = 4096;
    for k in KS {
        let bench = Bench::new(k, 600);
        let bytes = bench.read("catalog.redb");
        let mut metadata: Vec<usize> = (0..320).collect();
        for start in (PAGE..bytes.len()).step_by(PAGE) {
            let count = usize::from(u16::from_le_bytes([bytes[start + 2], bytes[start + 3]]));
            match bytes[start] {
                // Checksums and numbers of children, keys.
                2 => metadata.extend(start..start + 8 + 24 * (count + 1) + 9 * count),
                // Ends of values, keys, and the first bytes of the first value: the header of a page or a record.
                1 => metadata.extend(start..start + 4 + 13 * count + 48),
                _ => {}
            }
        }
        assert!(metadata.len() > 400, "{}", metadata.len());
        every_bit(&bench, "catalog.redb", &bytes, metadata);
        bench.finish("bits of the catalog's metadata");
    }
}

/// Every bit of the headers of positions and blocks.
#[test]
fn every_bit_of_the_headers_of_positions() {
    for k in KS {
        let bench = Bench::new(k, 6_000);
        let bytes = bench.read("positions.blk");
        let mut headers: Vec<usize> = (0..16).collect();
        let mut at = 16;
        while at < bytes.len() {
            headers.extend(at..at + 40);
            let stored = u64::from_le_bytes(bytes[at + 16..at + 24].try_into().expect("eight bytes")) as usize;
            at += (40 + stored + 8).next_multiple_of(8);
        }
        assert_eq!(at, bytes.len());
        every_bit(&bench, "positions.blk", &bytes, headers);
        bench.finish("bits of the headers of positions");
    }
}

/// Every bit of the header, the index and the runs of the packed genome.
#[test]
fn every_bit_of_the_metadata_of_the_genome() {
    for k in KS {
        let bench = Bench::new(k, 600);
        let bytes = bench.read("sequence.2bit");
        // Four contigs: header, names, offsets, lengths and runs of each record, and the bases between them.
        every_bit(&bench, "sequence.2bit", &bytes, 0..bytes.len());
        bench.finish("bits of the genome");
    }
}

/// One flipped bit at thousands of seeded positions in the files of a larger index.
#[test]
fn flipped_bits() {
    for k in KS {
        let bench = Bench::new(k, 6_000);
        for (name, count) in
            [("manifest.json", 60), ("catalog.redb", 1200), ("positions.blk", 500), ("sequence.2bit", 240)]
        {
            let mut random = Random(9);
            let bytes = bench.read(name);
            for _ in 0..count {
                let (at, bit) = (random.below(bytes.len()), random.below(8));
                bench.patch(name, &bytes, at, &[bytes[at] ^ 1 << bit], Look::All, &format!("bit {bit}"));
            }
        }
        bench.finish("flipped bits");
    }
}

/// Ranges of zeros, ones, noise, and bytes from elsewhere in the file: lost, torn and exchanged blocks.
#[test]
fn overwritten_ranges() {
    for k in KS {
        let bench = Bench::new(k, 6_000);
        let mut random = Random(11);
        for name in FILES {
            let bytes = bench.read(name);
            for number in 0..160 {
                let length = (1 << random.below(14)).min(bytes.len() / 2);
                // Half of them are whole disk blocks or memory pages.
                let aligned = |at: usize| if number % 2 == 0 { at / length * length } else { at };
                let at = aligned(random.below(bytes.len() - length));
                let (part, what) = match number / 2 % 4 {
                    0 => (vec![0; length], "zeros"),
                    1 => (vec![0xFF; length], "ones"),
                    2 => ((0..length).map(|_| random.next() as u8).collect(), "noise"),
                    _ => {
                        let from = aligned(random.below(bytes.len() - length));
                        (bytes[from..from + length].to_vec(), "another part of the file")
                    }
                };
                if part != bytes[at..at + length] {
                    bench.patch(name, &bytes, at, &part, Look::All, &format!("{length} bytes of {what}"));
                }
            }
        }
        bench.finish("overwritten ranges");
    }
}

/// Replaces files of the index by those of another, one at a time and all but one.
fn swap(bench: &Bench, other: &Path, names: &[&str]) {
    for name in names {
        let bytes = std::fs::read(other.join(name)).expect("a file of the index");
        assert!(bytes != bench.read(name), "{name} does not depend on the genome");
        bench.with(name, &bytes, "of another index");
    }
    for one in FILES {
        for name in FILES.iter().filter(|&&name| name != one) {
            std::fs::copy(other.join(name), bench.copy.join(name)).expect("copied");
        }
        // Answers may be those of either index, but not of a mixture.
        if let Ok(index) = open(&bench.copy) {
            named(&bench.copy, index.verify(Depth::Full, &Silent).expect_err("verify did not find it"));
            let manifest = |folder: &Path| Manifest::read(folder).expect("sound");
            let is_other = manifest(&bench.copy) == manifest(other);
            let truth = if is_other { &Truth::of(other, 40) } else { &bench.truth };
            truth.hold_against(&bench.copy);
        }
        for name in FILES {
            std::fs::copy(bench.sound.join(name), bench.copy.join(name)).expect("copied");
        }
        bench.cases.set(bench.cases.get() + 1);
    }
    bench.finish("swapped files");
}

/// Files of another index of the same shape.
#[test]
fn swapped_files() {
    for k in KS {
        let bench = Bench::new(k, 6_000);
        let other = build(bench.folder.path(), "other", &repetitive_genome(2, 6_000), k, None);
        swap(&bench, &other, &FILES);
    }
}

/// Files of another index of the same lengths, so that only their content differs.
#[test]
fn swapped_files_of_the_same_length() {
    for layout in [LayoutKind::SortedDictionary, LayoutKind::SuperKmers] {
        let twin = |seed: u64| [Contig::new("chr1", Random(seed).bases(700))];
        let files = ["catalog.redb", "positions.blk", "sequence.2bit"];
        let bench = Bench::of(&twin(1), 31, Some(layout));
        // Genomes differ in their number of super-k-mers: find one with as many.
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
