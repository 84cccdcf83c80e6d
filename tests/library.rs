//! The library as a program that embeds it sees it: without the command line, whose flags its errors do not name. Needs
//! no binary: `cargo test --no-default-features --test library`.

use std::error::Error as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use reprise::align::{Library, SearchOptions, search};
use reprise::builder::{BuildOptions, build_index};
use reprise::bundle::list_indexes;
use reprise::dictionary::LayoutKind;
use reprise::formats::Format;
use reprise::memory::Budget;
use reprise::query::{Detail, Sequences, query_sequences};
use reprise::sequence::Source;
use reprise::{Error, Index, Parameter, ParameterError, Progress, Silent};

const GENOME: &str = ">chr1\nACGTACGTAAACGT\n>chr2\nTTTTTTTTACGTACG\n";

fn options() -> BuildOptions {
    BuildOptions { k: Some(5), min_frequency: 1, ..BuildOptions::default() }
}

fn build(fasta: &Path, target: &Path, options: &BuildOptions) -> reprise::Result<()> {
    build_index(&[Source::new(fasta)], target, options, &Budget::new(1 << 30), &Silent).map(drop)
}

/// Fails to take any byte.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Asserts that an error is a sentence without flags and commands, and has this exit code.
#[track_caller]
fn is_plain(error: &Error, exit_code: u8) {
    let text = error.to_string();
    for word in ["--", " -o", " -k", " -t", "`reprise", "reprise build", "reprise verify"] {
        assert!(!text.contains(word), "{word:?} is in: {text}");
    }
    assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
    assert_eq!(error.exit_code(), exit_code, "{text}");
}

#[track_caller]
fn failed<T>(result: reprise::Result<T>, exit_code: u8) -> Error {
    let error = result.err().expect("an error");
    is_plain(&error, exit_code);
    error
}

#[test]
fn an_index_is_built_and_queried() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (fasta, target) = (folder.path().join("g.fa"), folder.path().join("g.reprise"));
    fs::write(&fasta, GENOME).expect("written");
    build(&fasta, &target, &options()).expect("built");
    let index = Index::open(&target).expect("an index");
    let kmer = index.encode(b"ACGTA").expect("a k-mer");
    assert_eq!(index.frequency(kmer).expect("counted"), 5);
    assert_eq!(index.bases("chr2", 8..13).expect("there"), "ACGTA");
    let source = Source::new(&fasta);
    let mut rows = Vec::new();
    let (sequences, detail) = (Sequences::Source(&source), Detail::Summary);
    query_sequences(&index, sequences, detail, None, &Format::Tsv, &mut rows, &Silent).expect("queried");
    assert_eq!(rows.split(|&byte| byte == b'\n').filter(|row| row.starts_with(b"chr")).count(), 2);
}

/// Cancels the work when a phase begins.
struct CancelAt(&'static str, AtomicBool);

impl Progress for CancelAt {
    fn phase(&self, name: &'static str, _: Option<u64>) {
        self.1.fetch_or(name == self.0, Ordering::Relaxed);
    }
    fn advance(&self, _: u64) {}
    fn is_cancelled(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }
}

#[test]
fn cancelled_work_ends_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (fasta, target) = (folder.path().join("g.fa"), folder.path().join("g.reprise"));
    fs::write(&fasta, GENOME).expect("written");
    let sorted = BuildOptions { layout: Some(LayoutKind::SortedDictionary), ..options() };
    let super_kmers = BuildOptions { k: Some(13), layout: Some(LayoutKind::SuperKmers), ..options() };
    let phases =
        [&sorted, &super_kmers].map(|options| ["reading", "estimating", "indexing"].map(|name| (options, name)));
    for (options, phase) in phases.concat().into_iter().chain([(&sorted, "counting")]) {
        let progress = CancelAt(phase, AtomicBool::new(false));
        let outcome = build_index(&[Source::new(&fasta)], &target, options, &Budget::new(1 << 30), &progress);
        assert!(matches!(failed(outcome, 1), Error::Cancelled), "{phase}");
        let left: Vec<_> =
            fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("one").path()).collect();
        assert_eq!(left, std::slice::from_ref(&fasta), "{phase}");
    }
    build(&fasta, &target, &sorted).expect("built");

    let index = Index::open(&target).expect("an index");
    let mut library = Library::default();
    library.push("all", &b"ACGTACGTAAACGTACGTACGTAAACGT"[..]);
    let progress = CancelAt("search", AtomicBool::new(false));
    let outcome = search(&index, &library, &SearchOptions::default(), &Budget::new(1 << 30), &progress);
    assert!(matches!(failed(outcome, 1), Error::Cancelled));
}

#[test]
fn errors_of_parameters_carry_their_values() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (fasta, target) = (folder.path().join("g.fa"), folder.path().join("g.reprise"));
    fs::write(&fasta, GENOME).expect("written");
    let wrong = |options: BuildOptions| match failed(build(&fasta, &target, &options), 2) {
        Error::Parameter(problem) => problem,
        other => panic!("{other}"),
    };
    let out_of_range = ParameterError::OutOfRange { parameter: Parameter::K, value: 33, min: 1, max: Some(32) };
    assert_eq!(wrong(BuildOptions { k: Some(33), ..options() }), out_of_range);
    let zero = wrong(BuildOptions { min_frequency: 0, ..options() });
    assert!(matches!(zero, ParameterError::OutOfRange { parameter: Parameter::MinFrequency, value: 0, .. }));
    let zero = wrong(BuildOptions { max_positions: Some(0), ..options() });
    assert!(matches!(zero, ParameterError::OutOfRange { parameter: Parameter::MaxPositions, max: None, .. }));
    let none = wrong(BuildOptions { min_frequency: 3, max_frequency: Some(2), ..options() });
    assert_eq!(none, ParameterError::NoFrequencies { min: 3, max: 2 });
    let longer = wrong(BuildOptions { k: Some(16), ..options() });
    assert_eq!(longer, ParameterError::LongerThanContigs { k: 16, genome: fasta.clone(), longest_contig: 15 });
    let super_kmers = BuildOptions { layout: Some(LayoutKind::SuperKmers), ..options() };
    assert_eq!(
        wrong(BuildOptions { max_positions: Some(3), ..super_kmers.clone() }),
        ParameterError::LimitedSuperKmers
    );
    assert_eq!(wrong(super_kmers), ParameterError::TooShortForSuperKmers { k: 5 });
    assert!(!target.exists());
}

#[test]
fn errors_of_input_name_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let target = at.join("x.reprise");
    let of = |name: &str, text: &str, options: BuildOptions, exit_code| {
        let fasta = at.join(name);
        fs::write(&fasta, text).expect("written");
        let error = failed(build(&fasta, &target, &options), exit_code);
        assert!(error.to_string().contains(name), "{error}");
        error
    };
    assert!(matches!(of("bed.fa", "chr1\t5\t9\n", options(), 3), Error::Input { line: Some(1), .. }));
    assert!(matches!(of("n.fa", ">a\nACGNACGN\n", options(), 3), Error::NoKmers { k: 5, .. }));
    let twice = of("twice.fa", ">a\nACGTA\n>a\nACGTA\n", options(), 3);
    assert!(
        matches!(twice, Error::DuplicateContig { line: 3, first_line: 1, prefixes_differ: false, .. }),
        "{twice:?}"
    );
    for name in ["1.fa", "2.fa"] {
        fs::write(at.join(name), GENOME).expect("written");
    }
    let sources = ["1.fa", "2.fa"].map(|name| Source::new(at.join(name)));
    let haplotypes = build_index(&sources, &target, &options(), &Budget::new(1 << 30), &Silent);
    assert!(matches!(failed(haplotypes, 3), Error::DuplicateContig { prefixes_differ: true, .. }));
    assert!(matches!(failed(build(&at.join("none.fa"), &target, &options()), 1), Error::Io { .. }));
    assert!(matches!(failed(Source::new("-").with_prefixed_names(), 2), Error::Usage(_)));
}

#[test]
fn errors_of_outputs_say_what_is_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let (fasta, target) = (at.join("g.fa"), at.join("g.reprise"));
    fs::write(&fasta, GENOME).expect("written");
    let again = |path: &Path, force| build(&fasta, path, &BuildOptions { force, ..options() });
    again(&target, false).expect("built");
    assert!(matches!(failed(again(&target, false), 2), Error::Exists(path) if path == target));
    assert!(matches!(failed(again(at, true), 2), Error::NotOurs { .. }));
    std::os::unix::fs::symlink("nowhere", at.join("link.reprise")).expect("linked");
    assert!(matches!(failed(again(&at.join("link.reprise"), true), 2), Error::NotOurs { .. }));
    fs::write(target.join("notes.txt"), "mine").expect("written");
    assert!(failed(again(&target, true), 2).to_string().contains("\"notes.txt\""));

    let building = at.join(".new.reprise.building");
    fs::write(&building, "mine").expect("written");
    assert!(matches!(failed(again(&at.join("new.reprise"), false), 1), Error::Occupied { .. }));
    fs::remove_file(&building).expect("there");
    fs::create_dir(&building).expect("new");
    let lock = fs::File::create(building.join("lock")).expect("new");
    lock.try_lock().expect("free");
    assert!(matches!(failed(again(&at.join("new.reprise"), false), 1), Error::Building { builder: None, .. }));
}

#[test]
fn errors_of_an_index_name_its_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let (fasta, target) = (at.join("g.fa"), at.join("g.reprise"));
    fs::write(&fasta, GENOME).expect("written");
    build(&fasta, &target, &options()).expect("built");
    let index = Index::open(&target).expect("an index");
    assert!(matches!(failed(index.bases("chr9", 0..1), 3), Error::NotInIndex { .. }));
    assert!(matches!(failed(index.region("chr1:0-5"), 3), Error::NotInIndex { .. }));
    let (source, budget) = (Source::new(&fasta), Budget::new(1 << 10));
    let full =
        query_sequences(&index, Sequences::Source(&source), Detail::Summary, None, &Format::Tsv, &mut Full, &Silent);
    let full = failed(full, 5);
    assert!(matches!(full, Error::Output(_)) && full.source().is_some() && full.io_error().is_some());
    let memory = failed(Index::open_with(&target, &Default::default(), &budget), 5);
    assert!(matches!(memory, Error::Memory { allowed: 1024, .. }), "{memory}");
    is_plain(&Error::Stdout(io::ErrorKind::BrokenPipe.into()), 1);

    fs::create_dir(at.join("empty")).expect("new");
    assert!(matches!(failed(Index::open(at.join("empty")), 4), Error::Unfinished { .. }));
    let text = fs::read_to_string(target.join("manifest.json")).expect("there");
    let newer = text.replace("\"format_version\": 1", "\"format_version\": 2");
    fs::write(target.join("manifest.json"), newer).expect("written");
    assert!(matches!(failed(Index::open(&target), 4), Error::Version { found: 2, .. }));
    fs::write(target.join("manifest.json"), text.replace("\"k\": 5", "\"k\": 6")).expect("written");
    assert!(matches!(failed(Index::open(&target), 4), Error::Damaged { .. }));
    let found = list_indexes(at, &|_| {}).expect("listed");
    let problem = found.into_iter().find_map(|index| index.problem).expect("it is damaged");
    is_plain(&problem, 4);
}
