//! Forged files with recomputed checksums: lengths of 2^63, counts that overflow, offsets outside, pages of noise.
//! Answers may be wrong, since a checksum is not a signature; but nothing panics, hangs or allocates more than the
//! budget, and errors have exit code 4, or 5 for memory, or 3 if a forged name of a contig is not the requested one.

#[path = "common/allocations.rs"]
mod allocations;
#[path = "common/ask.rs"]
mod ask;
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use ask::{BUDGET, Questions, open};
use common::{PLAIN, Random, copy_index, fasta, repetitive_genome};
use redb::{Database, TableDefinition};
use reprise::builder::{BuildOptions, build_index};
use reprise::bundle::{FileDigest, Manifest};
use reprise::dictionary::LayoutKind;
use reprise::index::Depth;
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Result, Silent};
use serde_json::Value;
use twox_hash::{XxHash3_64, XxHash3_128};

#[global_allocator]
static ALLOCATOR: allocations::Largest = allocations::Largest;

/// A k of either layout: k-mers one by one, and super-k-mers.
const KS: [u32; 2] = [13, 31];
const PAGES: TableDefinition<u64, &[u8]> = TableDefinition::new("pages");
const RECORDS: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("records");

// Kinds of records.
const META: u8 = 0;
const CONTIGS: u8 = 1;
const PAGE_INDEX: u8 = 2;
const SPECTRUM: u8 = 3;
const SEEDS: u8 = 4;
const SEQUENCE: u8 = 5;
const DIGESTS: u8 = 6;

// Kinds of checked bytes.
const PAGE: u64 = 1;
const BLOCK: u64 = 2;
const RECORD: u64 = 3;
const CHUNK: u64 = 4;

/// Numbers that break code that trusts them.
const EXTREMES: [u64; 12] =
    [0, 1, 2, 255, 1 << 16, 1 << 31, u32::MAX as u64, 1 << 40, 1 << 56, 1 << 63, u64::MAX - 1, u64::MAX];

/// An index, and a copy that is forged.
struct Forge {
    _folder: tempfile::TempDir,
    sound: PathBuf,
    copy: PathBuf,
    questions: Questions,
    identity: u64,
    cases: usize,
    opened: usize,
    failures: Vec<String>,
}

impl Forge {
    fn new(k: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let genome = folder.path().join("g.fa");
        std::fs::write(&genome, fasta(&repetitive_genome(3, 2_500), &PLAIN)).expect("written");
        let sound = folder.path().join("sound");
        let layout = Some(if k == KS[0] { LayoutKind::SortedDictionary } else { LayoutKind::SuperKmers });
        let options = BuildOptions { k: Some(k), min_frequency: 1, layout, ..BuildOptions::default() };
        build_index(&[Source::new(&genome)], &sound, &options, &Budget::new(1 << 30), &Silent).expect("built");
        let copy = copy_index(&sound, &folder.path().join("copy"));
        let index = open(&sound).expect("sound");
        let questions = Questions::new(&index, 24);
        let identity = u64::from_str_radix(&String::from(index.manifest().identity), 16).expect("hexadecimal");
        Self { _folder: folder, sound, copy, questions, identity, cases: 0, opened: 0, failures: Vec::new() }
    }

    fn sum(&self, bytes: &[u8], piece: u64, number: u64) -> [u8; 8] {
        XxHash3_64::oneshot_with_seed(self.identity ^ (piece << 56) ^ number, bytes).to_le_bytes()
    }

    /// A record or page of the sound index, without its checksum.
    fn payload(&self, table: Table) -> Vec<u8> {
        let database = redb::ReadOnlyDatabase::open(self.sound.join("catalog.redb")).expect("opened");
        let transaction = redb::ReadableDatabase::begin_read(&database).expect("a transaction");
        let value = match table {
            Table::Page(number) => transaction.open_table(PAGES).expect("a table").get(number).expect("read"),
            Table::Record(kind, number) => {
                transaction.open_table(RECORDS).expect("a table").get((kind, number)).expect("read")
            }
        };
        value.expect("there").value()[8..].to_vec()
    }

    /// Writes a record or page into the copy, with a right checksum.
    fn put(&self, table: Table, payload: &[u8]) {
        let database = Database::open(self.copy.join("catalog.redb")).expect("opened");
        let transaction = database.begin_write().expect("a transaction");
        match table {
            Table::Page(number) => {
                let sealed = [&self.sum(payload, PAGE, number)[..], payload].concat();
                transaction.open_table(PAGES).expect("a table").insert(number, &sealed[..]).expect("put");
            }
            Table::Record(kind, number) => {
                let sealed = [&self.sum(payload, RECORD, u64::from(kind) << 48 ^ number)[..], payload].concat();
                transaction.open_table(RECORDS).expect("a table").insert((kind, number), &sealed[..]).expect("put");
            }
        }
        transaction.commit().expect("committed");
    }

    /// Writes the manifest for the present files, after `change`.
    fn seal(&self, change: impl FnOnce(&mut Value)) {
        let mut manifest = Manifest::read(&self.sound).expect("sound");
        for (name, digest) in &mut manifest.files {
            let bytes = std::fs::read(self.copy.join(name)).expect("a file");
            *digest = FileDigest { bytes: bytes.len() as u64, blake3: blake3::hash(&bytes).to_hex().to_string() };
        }
        let mut tree = serde_json::to_value(&manifest).expect("a tree");
        change(&mut tree);
        // A file that is no manifest any more is ordinary damage.
        let Ok(mut manifest) = serde_json::from_value::<Manifest>(tree) else { return };
        manifest.blake3 = String::new();
        let text = |manifest: &Manifest| serde_json::to_string_pretty(manifest).expect("text") + "\n";
        manifest.blake3 = blake3::hash(text(&manifest).as_bytes()).to_hex().to_string();
        std::fs::write(self.copy.join("manifest.json"), text(&manifest)).expect("written");
    }

    /// Runs all queries on the copy.
    fn ask(&mut self, what: &str) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let allowed = |outcome: Result<()>| {
                if let Err(e) = outcome {
                    assert!(matches!(e.exit_code(), 3..=5), "{e:?}");
                }
            };
            let index = match open(&self.copy) {
                Ok(index) => index,
                Err(e) => {
                    allowed(Err(e));
                    return false;
                }
            };
            self.questions.ask(&index).into_iter().for_each(|answer| allowed(answer.map(drop)));
            allowed(self.questions.dump(&index).1.map_or(Ok(()), Err));
            for depth in [Depth::Quick, Depth::Full, Depth::Sequence] {
                allowed(index.verify(depth, &Silent).map(drop));
            }
            true
        }));
        self.cases += 1;
        match outcome {
            Ok(opened) => self.opened += usize::from(opened),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or(panic.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default();
                self.failures.push(format!("{what}: {text}"));
            }
        }
    }

    fn restore(&self) {
        for name in common::FILES {
            std::fs::copy(self.sound.join(name), self.copy.join(name)).expect("copied");
        }
    }

    /// Forges one record or page in many ways.
    fn forge(&mut self, table: Table, forged: impl IntoIterator<Item = Vec<u8>>) {
        for (number, payload) in forged.into_iter().enumerate() {
            self.put(table, &payload);
            self.seal(|_| ());
            self.ask(&format!("{table:?}, forgery {number}"));
            self.restore();
        }
    }

    fn finish(self, name: &str) {
        println!("{name}: {} cases, of which {} open", self.cases, self.opened);
        assert!(self.failures.is_empty(), "{} of {}:\n{}", self.failures.len(), self.cases, self.failures.join("\n"));
        assert!(self.opened > 0, "nothing was looked at");
        assert!(allocations::largest() <= BUDGET, "{} bytes at once", allocations::largest());
    }
}

#[derive(Debug, Clone, Copy)]
enum Table {
    Page(u64),
    Record(u8, u64),
}

/// Copies of `bytes` with extreme bytes, half words and words at some offsets, and `noise` copies with flipped bits.
fn mutations(bytes: &[u8], places: impl Iterator<Item = usize>, noise: usize) -> Vec<Vec<u8>> {
    let mut random = Random(bytes.len() as u64);
    let mut all = Vec::new();
    for at in places {
        let number = EXTREMES[random.below(EXTREMES.len())].to_le_bytes();
        for width in [1, 4, 8] {
            let mut copy = bytes.to_vec();
            let end = copy.len().min(at + width);
            copy[at..end].copy_from_slice(&number[..end - at]);
            all.push(copy);
        }
    }
    for _ in 0..noise {
        let mut copy = bytes.to_vec();
        for _ in 0..1 + random.below(8) {
            let at = random.below(copy.len());
            copy[at] ^= 1 << random.below(8);
        }
        match random.below(8) {
            0 => copy.truncate(random.below(bytes.len())),
            1 => {
                let length = random.below(5000);
                copy.extend(random.bases(length));
            }
            _ => {}
        }
        all.push(copy);
    }
    all
}

/// Every number of the manifest, with and without the catalog agreeing, and texts that name other files.
#[test]
fn manifests() {
    fn leaves(value: &mut Value, path: String, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(key, v)| leaves(v, format!("{path}/{key}"), out)),
            Value::Array(_) | Value::String(_) | Value::Bool(_) => {}
            _ => out.push(path),
        }
    }
    for k in KS {
        let mut forge = Forge::new(k);
        let mut paths = Vec::new();
        let manifest = Manifest::read(&forge.sound).expect("sound");
        leaves(&mut serde_json::to_value(&manifest).expect("a tree"), String::new(), &mut paths);
        assert!(paths.len() > 30, "{paths:?}");
        for path in paths {
            for number in EXTREMES {
                for agreeing in [false, true] {
                    let change = |tree: &mut Value| {
                        *tree.pointer_mut(&path).expect("a leaf") = number.into();
                    };
                    let mut tree = serde_json::to_value(&manifest).expect("a tree");
                    change(&mut tree);
                    let Ok(changed) = serde_json::from_value::<Manifest>(tree) else { continue };
                    if agreeing {
                        let meta = (&changed.parameters, &changed.dictionary, changed.genome.bases);
                        if meta == (&manifest.parameters, &manifest.dictionary, manifest.genome.bases) {
                            continue;
                        }
                        forge.put(Table::Record(META, 0), &postcard::to_stdvec(&meta).expect("bytes"));
                    }
                    forge.seal(change);
                    forge.ask(&format!("{path} is {number}, agreeing: {agreeing}"));
                    forge.restore();
                }
            }
        }
        for name in ["/dev/zero", "../../../../dev/zero", "", "positions.blk/x"] {
            forge.seal(|tree| {
                let files = tree["files"].as_object_mut().expect("files");
                files.insert(name.to_owned(), serde_json::json!({ "bytes": 0, "blake3": "" }));
            });
            forge.ask(name);
            assert!(open(&forge.copy).is_err());
            forge.seal(|tree| drop(tree["files"].as_object_mut().expect("files").remove("positions.blk")));
            assert!(open(&forge.copy).is_err());
            forge.restore();
        }
        forge.finish("manifests");
    }
}

/// Records of contigs, page offsets, the spectrum, seeds, and the checksums of the genome.
#[test]
fn records() {
    for k in KS {
        let mut forge = Forge::new(k);
        for kind in [META, CONTIGS, PAGE_INDEX, SPECTRUM, SEEDS, SEQUENCE, DIGESTS] {
            let bytes = forge.payload(Table::Record(kind, 0));
            let all = mutations(&bytes, (0..bytes.len().min(40)).step_by(2), 40);
            forge.forge(Table::Record(kind, 0), all);
        }
        // A sequence of 2^60 items, as postcard writes lengths.
        let endless = [[0xFF; 8].as_slice(), &[0x0F], &[1; 100]].concat();
        for kind in [CONTIGS, PAGE_INDEX, SPECTRUM, SEQUENCE, DIGESTS] {
            forge.forge(Table::Record(kind, 0), [endless.clone(), Vec::new()]);
        }
        // Contigs of arbitrary lengths and offsets.
        let contigs = Manifest::read(&forge.sound).expect("sound").genome.contigs;
        let mut forged = Vec::new();
        for length in EXTREMES {
            for record in [16, length] {
                let contig = |i: u64| (format!("c{i}"), String::new(), length, length.wrapping_mul(i), record);
                forged.push(postcard::to_stdvec(&(0..contigs).map(contig).collect::<Vec<_>>()).expect("bytes"));
            }
        }
        let long_name = ("x".repeat(1 << 20), "y\0\x1b[2J".to_owned(), 0u64, 0u64, 0u64);
        forged.push(postcard::to_stdvec(&vec![long_name; contigs as usize]).expect("bytes"));
        forge.forge(Table::Record(CONTIGS, 0), forged);
        // Blocks at arbitrary offsets.
        let mut forged = Vec::new();
        for at in EXTREMES {
            for length in EXTREMES {
                forged.push(postcard::to_stdvec(&vec![(at.min(3), at, length); 8]).expect("bytes"));
            }
        }
        forge.forge(Table::Record(PAGE_INDEX, 0), forged);
        let spectra = EXTREMES.map(|n| postcard::to_stdvec(&vec![(1u64, n), (2, n), (n, 1)]).expect("bytes"));
        forge.forge(Table::Record(SPECTRUM, 0), spectra);
        forge.finish("records");
    }
}

/// Dictionary pages with every number replaced.
#[test]
fn pages() {
    for k in KS {
        let mut forge = Forge::new(k);
        let bytes = forge.payload(Table::Page(0));
        let places = (0..bytes.len()).step_by(bytes.len() / 60).chain(0..48);
        forge.forge(Table::Page(0), mutations(&bytes, places, 250));
        forge.finish("pages");
    }
}

/// Position blocks, plain and claiming to be compressed.
#[test]
fn blocks() {
    for k in KS {
        let mut forge = Forge::new(k);
        let file = std::fs::read(forge.sound.join("positions.blk")).expect("read");
        let stored = u64::from_le_bytes(file[32..40].try_into().expect("eight bytes")) as usize;
        let end = 16 + (40 + stored + 8).next_multiple_of(8);
        let block = &file[16..end];
        let mut all = mutations(&block[8..], (0..40).chain((40..block.len() - 16).step_by(97)), 150);
        for plain in EXTREMES {
            for stored in [plain, stored as u64, 0] {
                let mut compressed = block[8..].to_vec();
                compressed[8..16].copy_from_slice(&stored.to_le_bytes());
                compressed[16..24].copy_from_slice(&plain.to_le_bytes());
                compressed[24] = 1;
                all.push(compressed);
            }
        }
        for (number, mut forged) in all.into_iter().enumerate() {
            // The page index has its length.
            forged.resize(block.len() - 8, 0);
            let sum = forge.sum(&forged, BLOCK, 0);
            let file = [&file[..16], &sum, &forged, &file[end..]].concat();
            std::fs::write(forge.copy.join("positions.blk"), file).expect("written");
            forge.seal(|_| ());
            forge.ask(&format!("block, forgery {number}"));
            forge.restore();
        }
        forge.finish("blocks");
    }
}

/// The packed genome: counts of runs, lengths, offsets.
#[test]
fn genomes() {
    for k in KS {
        let mut forge = Forge::new(k);
        let file = std::fs::read(forge.sound.join("sequence.2bit")).expect("read");
        for (number, forged) in mutations(&file, (0..file.len().min(400)).step_by(3), 60).into_iter().enumerate() {
            let sums: Vec<u64> = (0..)
                .zip(forged.chunks(1 << 16))
                .map(|(n, chunk)| u64::from_le_bytes(forge.sum(chunk, CHUNK, n)))
                .collect();
            std::fs::write(forge.copy.join("sequence.2bit"), forged).expect("written");
            forge.put(Table::Record(SEQUENCE, 0), &postcard::to_stdvec(&sums).expect("bytes"));
            forge.seal(|_| ());
            forge.ask(&format!("genome, forgery {number}"));
            forge.restore();
        }
        forge.finish("genomes");
    }
}

/// The catalog file: its header, and the branches of its trees with right checksums.
#[test]
fn stores() {
    for k in KS {
        let mut forge = Forge::new(k);
        let file = std::fs::read(forge.sound.join("catalog.redb")).expect("read");
        let slot_at = 64 + 128 * usize::from(file[9] & 1);
        let seal = |file: &mut [u8]| {
            let sum = XxHash3_128::oneshot(&file[slot_at..slot_at + 112]);
            file[slot_at + 112..slot_at + 128].copy_from_slice(&sum.to_le_bytes());
        };
        let header = mutations(&file[..320], (0..320).step_by(2), 60);
        for (number, mut forged) in header.into_iter().enumerate() {
            forged.resize(320, 0);
            forged.extend_from_slice(&file[320..]);
            seal(&mut forged);
            std::fs::write(forge.copy.join("catalog.redb"), forged).expect("written");
            forge.seal(|_| ());
            forge.ask(&format!("header of the store, forgery {number}"));
            forge.restore();
        }
        forge.finish("stores");
    }
}

/// `verify` reports a seed that is not a repeated k-mer, and totals that differ from the pages, even if checksums are
/// right.
#[test]
fn verify_compares_all_with_all() {
    for k in KS {
        let forge = Forge::new(k);
        let verify = |depth| open(&forge.copy)?.verify(depth, &Silent).map(drop);
        let found = |depth, says: &str| {
            let error = verify(depth).expect_err("not found");
            assert!(error.to_string().contains(says) && error.exit_code() == 4, "{error}");
            forge.restore();
        };
        // Runs, each with its frequency and its first k-mer: all seeds of that frequency are the next k-mers.
        let mut seeds = forge.payload(Table::Record(SEEDS, 0));
        let runs = u32::from_le_bytes(seeds[..4].try_into().expect("four bytes")) as usize;
        seeds[4 + 20 * (runs - 1) + 8] ^= 1;
        forge.put(Table::Record(SEEDS, 0), &seeds);
        forge.seal(|_| ());
        verify(Depth::Quick).expect("seeds are not looked at");
        found(if k == KS[0] { Depth::Full } else { Depth::Sequence }, "seed order");

        let change = |path: &str, by: i64, agrees: &[&str]| {
            forge.seal(|tree| {
                for path in agrees.iter().chain([&path]) {
                    let leaf = tree.pointer_mut(path).expect("a leaf");
                    *leaf = leaf.as_u64().expect("a number").wrapping_add_signed(by).into();
                }
            });
        };
        for path in ["acgt", "masked", "longest_contig", "n_runs"] {
            change(&format!("/genome/{path}"), -1, &[]);
            found(Depth::Quick, "disagree with the manifest");
        }
        for path in ["kmers", "repeated_kmers", "stored_kmers", "positions", "sampled_kmers", "seeds"] {
            change(&format!("/actual/{path}"), if path == "sampled_kmers" { 1 } else { -1 }, &[]);
            found(Depth::Quick, "");
        }
        change("/actual/position_bytes", -8, &[]);
        found(Depth::Quick, "position blocks");
        change("/actual/dictionary_bytes", -1, &[]);
        verify(Depth::Quick).expect("pages are not looked at");
        found(Depth::Full, "bytes than the manifest");
    }
}
