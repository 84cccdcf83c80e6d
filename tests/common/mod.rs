//! Shared by the integration tests: seeded genomes, an oracle that is independent of the crate's k-mer code, and the
//! program as a child process.

// Each test file uses only some of this.
#![allow(dead_code)]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// SplitMix64. It is written again, and not that of the crate, so that the oracle shares no code with what it checks.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn bases(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| b"ACGT"[self.below(4)]).collect()
    }
}

/// A contig as it is written into FASTA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contig {
    pub name: String,
    pub description: String,
    pub letters: Vec<u8>,
}

impl Contig {
    pub fn new(name: &str, letters: impl AsRef<[u8]>) -> Self {
        Self { name: name.to_owned(), description: String::new(), letters: letters.as_ref().to_vec() }
    }
}

/// Layout of a FASTA file.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    pub width: usize,
    pub line_end: &'static str,
    pub final_line_end: bool,
    /// Empty lines before, within and after records.
    pub empty_lines: bool,
    /// Between name and description.
    pub blank: &'static str,
}

pub const PLAIN: Text = Text { width: 60, line_end: "\n", final_line_end: true, empty_lines: false, blank: " " };

pub fn fasta(contigs: &[Contig], text: &Text) -> Vec<u8> {
    let mut out = Vec::new();
    let end = text.line_end.as_bytes();
    if text.empty_lines {
        out.extend_from_slice(end);
    }
    for contig in contigs {
        out.push(b'>');
        out.extend_from_slice(contig.name.as_bytes());
        if !contig.description.is_empty() {
            out.extend_from_slice(text.blank.as_bytes());
            out.extend_from_slice(contig.description.as_bytes());
        }
        out.extend_from_slice(end);
        for (number, line) in contig.letters.chunks(text.width).enumerate() {
            if text.empty_lines && number % 3 == 1 {
                out.extend_from_slice(end);
            }
            out.extend_from_slice(line);
            out.extend_from_slice(end);
        }
        if text.empty_lines {
            out.extend_from_slice(end);
            out.extend_from_slice(end);
        }
    }
    if !text.final_line_end {
        while out.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            out.pop();
        }
    }
    out
}

/// Gzip in several members, as `cat a.gz b.gz` makes it.
pub fn gzip(bytes: &[u8], members: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for part in bytes.chunks(bytes.len().div_ceil(members).max(1)) {
        let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
        encoder.write_all(part).expect("gzip into memory");
        out = encoder.finish().expect("gzip into memory");
    }
    out
}

pub fn complement(base: u8) -> u8 {
    match base {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        other => other,
    }
}

pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    bases.iter().rev().map(|&b| complement(b)).collect()
}

/// The lexicographically smaller strand of a k-mer in upper case.
pub fn canonical(kmer: &[u8]) -> Vec<u8> {
    let reverse = reverse_complement(kmer);
    if reverse < kmer.to_vec() { reverse } else { kmer.to_vec() }
}

pub fn text(bases: &[u8]) -> String {
    String::from_utf8(bases.to_vec()).expect("bases are ASCII")
}

/// (contig, start, strand on which the k-mer reads).
pub type Place = (u32, u64, char);

/// Every k-mer of a genome, found in its text.
pub struct Oracle {
    pub k: usize,
    /// Canonical text to positions, ascending; the strand is that of the canonical text.
    pub kmers: HashMap<Vec<u8>, Vec<Place>>,
}

/// Starts of the k-mers of a sequence that have only ACGT, with their text in upper case.
pub fn windows(letters: &[u8], k: usize) -> Vec<(u64, Vec<u8>)> {
    let upper = letters.to_ascii_uppercase();
    let whole = |w: &[u8]| w.iter().all(|b| b"ACGT".contains(b));
    (0..).zip(upper.windows(k)).filter(|(_, w)| whole(w)).map(|(at, w)| (at, w.to_vec())).collect()
}

impl Oracle {
    pub fn new(contigs: &[Contig], k: usize) -> Self {
        let mut kmers: HashMap<Vec<u8>, Vec<Place>> = HashMap::new();
        for (number, contig) in (0..).zip(contigs) {
            for (start, kmer) in windows(&contig.letters, k) {
                let smaller = canonical(&kmer);
                let strand = if smaller == kmer { '+' } else { '-' };
                kmers.entry(smaller).or_default().push((number, start, strand));
            }
        }
        Self { k, kmers }
    }

    /// Occurrences of a k-mer in upper case, both strands.
    pub fn frequency(&self, kmer: &[u8]) -> u64 {
        self.kmers.get(&canonical(kmer)).map_or(0, |places| places.len() as u64)
    }

    /// Positions of a k-mer; the strand is that on which the k-mer as given reads.
    pub fn places(&self, kmer: &[u8]) -> Vec<Place> {
        let smaller = canonical(kmer);
        let turned = smaller != kmer;
        let turn = |strand| match (turned, strand) {
            (false, strand) => strand,
            (true, '+') => '-',
            (true, _) => '+',
        };
        let places = self.kmers.get(&smaller).map_or(&[][..], Vec::as_slice);
        places.iter().map(|&(contig, start, strand)| (contig, start, turn(strand))).collect()
    }

    /// Canonical k-mers in the order of their letters.
    pub fn sorted(&self) -> Vec<(&[u8], u64)> {
        let mut all: Vec<_> = self.kmers.iter().map(|(kmer, places)| (&kmer[..], places.len() as u64)).collect();
        all.sort();
        all
    }

    /// (frequency, distinct k-mers), ascending.
    pub fn spectrum(&self) -> Vec<(u64, u64)> {
        let mut rows = std::collections::BTreeMap::new();
        for places in self.kmers.values() {
            *rows.entry(places.len() as u64).or_insert(0) += 1;
        }
        rows.into_iter().collect()
    }

    /// The output of `dump --sort` for k-mers that occur at least `min_frequency` times.
    pub fn dump(&self, min_frequency: u64) -> String {
        let kept = self.sorted().into_iter().filter(|&(_, frequency)| frequency >= min_frequency);
        kept.map(|(kmer, frequency)| format!("{}\t{frequency}\n", text(kmer))).collect()
    }

    /// (start, frequency) of every k-mer of a sequence; k-mers below `min_frequency` are not stored and count 0.
    pub fn per_kmer(&self, letters: &[u8], min_frequency: u64) -> Vec<(u64, u64)> {
        let stored = |frequency| if frequency >= min_frequency { frequency } else { 0 };
        windows(letters, self.k).into_iter().map(|(at, kmer)| (at, stored(self.frequency(&kmer)))).collect()
    }

    /// The row of `reprise query` for a sequence.
    pub fn row(&self, name: &str, letters: &[u8], min_frequency: u64) -> String {
        let mut all: Vec<u64> = self.per_kmer(letters, min_frequency).into_iter().map(|row| row.1).collect();
        all.sort();
        let count = |least| all.iter().filter(|&&f| f >= least).count();
        let mean = if all.is_empty() { 0.0 } else { all.iter().sum::<u64>() as f64 / all.len() as f64 };
        let median = if all.is_empty() { 0 } else { all[(all.len() - 1) / 2] };
        format!(
            "{name}\t{}\t{}\t{}\t{}\t{mean:.2}\t{median}\t{}\n",
            letters.len(),
            all.len(),
            count(1),
            count(2),
            all.last().unwrap_or(&0)
        )
    }
}

/// The header of the rows of `reprise query`.
pub const HEADER: &str = "#name\tlength\tkmers\tfound\trepeated\tmean_frequency\tmedian_frequency\tmax_frequency\n";

/// Joins neighbouring rows of one frequency: (start of the first, start of the last plus one, frequency).
pub fn runs(rows: &[(u64, u64)]) -> Vec<(u64, u64, u64)> {
    let mut runs: Vec<(u64, u64, u64)> = Vec::new();
    for &(start, frequency) in rows {
        match runs.last_mut() {
            Some(run) if run.1 == start && run.2 == frequency => run.1 += 1,
            _ => runs.push((start, start + 1, frequency)),
        }
    }
    runs
}

/// About `bases` bases in four contigs with copies of repeats on both strands, runs of N and lower case.
pub fn repetitive_genome(seed: u64, bases: usize) -> Vec<Contig> {
    let mut random = Random(seed);
    let shares = [("chr1", 50), ("chr2", 30), ("chrM", 5), ("scaffold_77", 15)];
    let mut contigs: Vec<Contig> =
        shares.iter().map(|&(name, share)| Contig::new(name, random.bases(bases * share / 100))).collect();
    for (length, copies) in [(bases / 40, 4), (300.min(bases / 20), bases / 3000 + 2), (20, bases / 200 + 2)] {
        let unit = random.bases(length);
        for copy in 0..copies {
            let letters = &mut contigs[random.below(4)].letters;
            if letters.len() > length {
                let at = random.below(letters.len() - length);
                let bases = if copy % 2 == 0 { unit.clone() } else { reverse_complement(&unit) };
                letters[at..at + length].copy_from_slice(&bases);
            }
        }
    }
    for contig in &mut contigs {
        let length = contig.letters.len();
        for _ in 0..3 {
            let at = random.below(length);
            let end = length.min(at + 1 + random.below(length / 50 + 2));
            contig.letters[at..end].fill(b'N');
            let at = random.below(length);
            let end = length.min(at + 1 + random.below(length / 10 + 2));
            contig.letters[at..end].make_ascii_lowercase();
        }
    }
    contigs[0].letters[..7].fill(b'N');
    contigs
}

/// Exit code and output of a run of the program.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Asserts that it succeeded.
    #[track_caller]
    pub fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.err);
        self
    }

    /// Asserts that it failed with this code and one sentence that contains all of `says`.
    #[track_caller]
    pub fn failed(self, code: i32, says: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for part in says {
            assert!(self.err.contains(part), "{part:?} is not in: {}", self.err);
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("stdout is JSON")
    }

    /// Every line of stdout as JSON.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

/// The program with these arguments, in folder `at`.
pub fn command<A: AsRef<OsStr>>(at: &Path, arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprise"));
    command.args(arguments).current_dir(at).env("SOURCE_DATE_EPOCH", "1700000000");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    default_signals(&mut command);
    command
}

/// Restores signals that the parent of the tests ignores: `nohup` ignores SIGHUP, a shell ignores SIGINT in background
/// jobs.
fn default_signals(command: &mut Command) {
    let reset = || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: `signal` may be called between fork and exec (POSIX lists it as async-signal-safe), and SIG_DFL
            // installs no handler.
            #[allow(unsafe_code)]
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: `reset` allocates nothing and takes no lock.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(reset);
    }
}

/// The commands of the program, as `reprise -h` lists them.
pub fn commands() -> Vec<String> {
    let help = run(Path::new("."), &["-h"]).fine().out;
    // Headings begin a line, commands are indented by two columns, and the examples follow.
    let listed = help.lines().skip_while(|line| !line.starts_with("Usage:")).skip(1);
    let listed = listed.take_while(|line| !line.starts_with("Examples:"));
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    let commands: Vec<String> = names.map(str::to_owned).collect();
    assert!(commands.len() > 20 && commands.iter().any(|name| name == "merge-index"), "{commands:?}");
    commands
}

/// Reports that a test, or a part of one, cannot run here. `REPRISE_REQUIRE_TOOLS=1`, which CI sets, makes that a
/// failure.
#[track_caller]
pub fn skip(reason: &str) {
    assert!(!skips_fail(), "REPRISE_REQUIRE_TOOLS is set, and {reason}");
    println!("skipped: {reason}");
}

fn skips_fail() -> bool {
    std::env::var_os("REPRISE_REQUIRE_TOOLS").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The first of these programs that is on the PATH.
#[track_caller]
pub fn one_of(programs: &[&str]) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &&&str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let found = programs.iter().find(is_there);
    if found.is_none() {
        skip(&format!("{} is not installed", programs[0]));
    }
    found.map(Command::new)
}

/// A program that tests compare with.
#[track_caller]
pub fn tool(program: &str) -> Option<Command> {
    one_of(&[program])
}

/// Lines that a program prints in folder `at`, which has to succeed; `None` if it is not installed.
#[track_caller]
pub fn lines_of(at: &Path, program: &str, arguments: &[&str]) -> Option<Vec<String>> {
    let output = tool(program)?.args(arguments).current_dir(at).output().expect("the program starts");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Some(text(&output.stdout).lines().map(str::to_owned).collect())
}

/// A file of real data below `REPRISE_DATA`, else below `../shared/data` next to the checkout. Without either folder
/// the test is skipped, even if tools are required.
#[track_caller]
pub fn data(file: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let given = std::env::var_os("REPRISE_DATA");
    let has_data = given.is_some() || shared.exists();
    let path = given.map_or(shared.join("data"), PathBuf::from).join(file);
    if path.is_file() {
        return Some(path);
    }
    let reason = format!("there is no {}", path.display());
    if has_data {
        skip(&reason)
    } else {
        println!("skipped: {reason}")
    }
    None
}

#[track_caller]
pub fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ran {
        code: output.status.code().expect("no signal ended the program"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Runs the program in folder `at`.
#[track_caller]
pub fn run<A: AsRef<OsStr>>(at: &Path, arguments: &[A]) -> Ran {
    ended(command(at, arguments).spawn().expect("the program starts"))
}

/// Runs the program in folder `at` with `input` on its standard input.
#[track_caller]
pub fn run_with<A: AsRef<OsStr>>(at: &Path, arguments: &[A], input: &[u8]) -> Ran {
    let mut child = command(at, arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // A program that stops reading has closed its end; the caller checks its messages.
        scope.spawn(move || drop(stdin.write_all(input)));
        ended(child)
    })
}

/// Names in a folder, hidden ones too, in order.
pub fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("the folder can be read").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// The files of an index.
pub const FILES: [&str; 4] = ["catalog.redb", "manifest.json", "positions.blk", "sequence.2bit"];

/// Copies an index.
pub fn copy_index(from: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir(to).expect("the folder is new");
    for name in FILES {
        std::fs::copy(from.join(name), to.join(name)).expect("the file can be copied");
    }
    to.to_owned()
}

/// A folder with the genome `g.fa` and its index `g.reprise`.
pub struct Bench {
    folder: tempfile::TempDir,
    pub genome: Vec<Contig>,
    pub oracle: Oracle,
}

impl Bench {
    /// With a genome of `bases` bases and more options for `build-index`.
    pub fn new(seed: u64, bases: usize, k: usize, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let genome = repetitive_genome(seed, bases);
        std::fs::write(folder.path().join("g.fa"), fasta(&genome, &PLAIN)).expect("written");
        let oracle = Oracle::new(&genome, k);
        let bench = Self { folder, genome, oracle };
        bench.run(&[&["build-index", "g.fa", "-q", "-k", &k.to_string()], options].concat()).fine();
        bench
    }

    pub fn at(&self) -> &Path {
        self.folder.path()
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(self.at(), arguments)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.at().join(name), bytes).expect("written");
    }
}

/// The program with these arguments and injected faults (`src/fs/faults.rs`), in passes of few records.
pub fn faulty<A: AsRef<OsStr>>(at: &Path, arguments: &[A], faults: &str) -> Command {
    let mut command = command(at, arguments);
    command.env("REPRISE_FAULT", faults).env("REPRISE_LARGE_PASS", "50000");
    command
}

/// A temporary folder in memory if the system has that, because thousands of syncs to a disk are slow.
pub fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// Whether the program can inject faults: it cannot if it was built without debug assertions.
#[track_caller]
pub fn has_faults() -> bool {
    if !cfg!(debug_assertions) {
        skip("the program was built without faults of the system");
    }
    cfg!(debug_assertions)
}

/// The kinds of all file system calls of a run of the program, in order.
pub fn calls<A: AsRef<OsStr>>(at: &Path, arguments: &[A]) -> Vec<String> {
    let log = at.join("calls.log");
    ended(faulty(at, arguments, "").env("REPRISE_FAULT_LOG", &log).spawn().expect("the program starts")).fine();
    let text = std::fs::read_to_string(&log).expect("written");
    std::fs::remove_file(log).expect("there");
    text.lines().map(str::to_owned).collect()
}

/// Waits until a condition is true, for at most a minute, and fails with `problem` otherwise.
#[track_caller]
pub fn wait_until(mut is_true: impl FnMut() -> bool, problem: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_true() {
        assert!(Instant::now() < deadline, "{}", problem());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Starts a program with a fault `stop` and waits until it has stopped itself.
#[track_caller]
pub fn stopped(mut command: Command) -> Child {
    let child = command.spawn().expect("the program starts");
    let stat = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    // Behind the name in parentheses is the state: T is stopped.
    wait_until(|| stat().contains(") T "), || format!("the program does not stop: {}", stat()));
    child
}

/// Sends a signal (`CONT`) to a child.
#[track_caller]
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.expect("kill is there").success());
}

/// Lets a stopped child run to its end.
#[track_caller]
pub fn resumed(child: Child) -> Ran {
    signal(&child, "CONT");
    ended(child)
}

/// Runs `each` for every case, a few at once; most of them wait for the disk.
pub fn each_case<T: Sync>(cases: &[T], each: impl Fn(usize, &T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(case) = cases.get(number) else { return };
                    each(number, case);
                }
            });
        }
    });
}

/// The bytes of all files of an index.
pub fn bytes_of(index: &Path) -> Vec<Vec<u8>> {
    FILES.iter().map(|name| std::fs::read(index.join(name)).expect("the file is there")).collect()
}

/// Copies a part of an index within a folder.
pub fn copy_index_part(at: &Path, from: &str, to: &str) {
    std::fs::create_dir(at.join(to)).expect("the folder is new");
    for name in listing(&at.join(from)) {
        std::fs::copy(at.join(from).join(&name), at.join(to).join(&name)).expect("the file can be copied");
    }
}

/// The text of the manifest of a part with its own digest, whatever it states.
pub fn sealed(manifest: &reprise::bundle::PartManifest) -> String {
    let text = |manifest: &_| serde_json::to_string_pretty(manifest).expect("a manifest is JSON") + "\n";
    let mut manifest = reprise::bundle::PartManifest { blake3: String::new(), ..manifest.clone() };
    manifest.blake3 = blake3::hash(text(&manifest).as_bytes()).to_hex().to_string();
    text(&manifest)
}
