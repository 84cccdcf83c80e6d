//! Makes every system call of a small build fail once (disk full, failing syncs and renames, short writes, interrupted
//! calls) and changes the input while it is read. Each time the exit code is right, the error is one sentence, the
//! target is untouched, no file is left, and the next build succeeds.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{
    Contig, FILES, PLAIN, Ran, bytes_of, calls, each_case, ended, fasta, faulty, gzip, has_faults, listing,
    repetitive_genome, resumed, run, stopped,
};

const TARGET: &str = "g.reprise";

fn genome() -> Vec<Contig> {
    repetitive_genome(6, 70_000)
}

/// A folder with a genome, and the arguments of its build.
struct Bench {
    folder: tempfile::TempDir,
    arguments: Vec<&'static str>,
}

impl Bench {
    fn new(layout: &'static str, k: &'static str) -> Self {
        let folder = common::quick_folder();
        std::fs::write(folder.path().join("g.fa"), fasta(&genome(), &PLAIN)).expect("written");
        let mut arguments = vec!["build-index", "../g.fa", "-o", TARGET, "-k", k, "--min-frequency", "1", "-q"];
        arguments.extend(["--layout", layout, "-t", "2"]);
        Self { folder, arguments }
    }

    /// A new folder.
    fn case(&self, name: &str) -> PathBuf {
        let at = self.folder.path().join(name);
        std::fs::create_dir(&at).expect("the folder is new");
        at
    }

    fn build(&self, at: &Path, more: &[&str], faults: &str) -> Ran {
        ended(faulty(at, &[&self.arguments[..], more].concat(), faults).spawn().expect("the program starts"))
    }

    /// Builds without faults and counts the calls of each kind.
    fn whole(&self, at: &Path) -> (Vec<Vec<u8>>, BTreeMap<String, usize>) {
        let mut kinds = BTreeMap::new();
        for kind in calls(at, &self.arguments) {
            *kinds.entry(kind).or_default() += 1;
        }
        (bytes_of(&at.join(TARGET)), kinds)
    }
}

/// Every call of each kind, with its number.
fn every(kinds: &BTreeMap<String, usize>) -> Vec<(&str, usize)> {
    kinds.iter().flat_map(|(kind, &count)| (1..=count).map(move |n| (kind.as_str(), n))).collect()
}

fn every_call_fails_once(layout: &'static str, k: &'static str) {
    if !has_faults() {
        return;
    }
    let bench = Bench::new(layout, k);
    let (whole, kinds) = bench.whole(&bench.case("whole"));
    for kind in ["create", "write", "truncate", "sync", "rename", "remove", "read", "lock"] {
        assert!(kinds.contains_key(kind), "no {kind}: {kinds:?}");
    }
    let mut cases = every(&kinds);
    // The previous owner of the lock is only read for a message.
    cases.retain(|case| *case != ("read", 1));
    let failed = std::sync::atomic::AtomicUsize::new(0);
    each_case(&cases, |number, &(kind, n)| {
        let at = bench.case(&number.to_string());
        let (fault, code, says) = match number % 3 {
            // A disk that is full stays full.
            0 if matches!(kind, "create" | "write" | "truncate" | "sync") => ("ENOSPC", 5, "free some space"),
            1 if kind != "read" => ("EDQUOT", 5, "free some space"),
            _ => ("EIO", 1, "Input/output error"),
        };
        let onwards = if fault == "ENOSPC" { "+" } else { "" };
        let ran = bench.build(&at, &[], &format!("{fault} {kind} {n}{onwards}"));
        if kind == "remove" && ran.code == 0 {
            // The index is complete; the next build removes the files that could not be removed.
            assert!(ran.err.is_empty() || ran.err.starts_with("warning: "), "{}", ran.err);
            assert!(bytes_of(&at.join(TARGET)) == whole);
            std::fs::remove_dir_all(at.join(TARGET)).expect("there");
        } else {
            assert_ne!(ran.code, 0, "{fault} {kind} {n}");
            ran.failed(code, &[says]);
            assert_eq!(listing(&at), [""; 0], "{fault} {kind} {n}");
            failed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        bench.build(&at, &[], "").fine();
        assert!(bytes_of(&at.join(TARGET)) == whole, "{fault} {kind} {n}");
        assert_eq!(listing(&at), [TARGET], "{fault} {kind} {n}");
        assert_eq!(listing(&at.join(TARGET)), FILES, "{fault} {kind} {n}");
        std::fs::remove_dir_all(at).expect("there");
    });
    let failed = failed.into_inner();
    assert!(failed >= cases.len() - kinds["remove"], "{failed} of {}", cases.len());
    println!("{layout}: {} calls that failed, {failed} of them ended the build: {kinds:?}", cases.len());
}

#[test]
fn sorted_dictionary_every_call_fails_once() {
    every_call_fails_once("sorted-dictionary", "13");
}

#[test]
fn super_kmers_every_call_fails_once() {
    every_call_fails_once("super-kmers", "31");
}

/// The old index stays whichever of the last syncs and renames fails, whether the file system can exchange names or
/// not.
#[test]
fn an_index_stays_if_its_replacement_fails() {
    if !has_faults() {
        return;
    }
    let bench = Bench::new("super-kmers", "31");
    let (_, kinds) = bench.whole(&bench.case("whole"));
    let (syncs, renames) = (kinds["sync"], kinds["rename"]);
    let mut cases = Vec::new();
    for no_exchange in ["", "EINVAL rename 3;"] {
        // A call that fails by one fault is not counted for the next.
        let more = usize::from(!no_exchange.is_empty());
        cases.extend((syncs - 5..=syncs).map(|n| format!("{no_exchange}EIO sync {n}")));
        cases.extend((renames..=renames + more).map(|n| format!("{no_exchange}EIO rename {n}")));
    }
    each_case(&cases, |number, faults| {
        let at = bench.case(&number.to_string());
        run(&at, &["build-index", "../g.fa", "-o", TARGET, "-k", "9", "-q"]).fine();
        let old = bytes_of(&at.join(TARGET));
        let ran = bench.build(&at, &["--force"], faults);
        assert_ne!(ran.code, 0, "{faults}");
        ran.failed(1, &["Input/output error"]);
        assert!(bytes_of(&at.join(TARGET)) == old, "{faults}");
        assert_eq!(listing(&at), [TARGET], "{faults}");
        bench.build(&at, &["--force"], "").fine();
        assert!(bytes_of(&at.join(TARGET)) != old, "{faults}");
    });
    println!("{} replacements that failed", cases.len());
}

/// Short reads and writes, and calls that a signal interrupts, change nothing.
#[test]
fn short_and_interrupted_calls_change_nothing() {
    if !has_faults() {
        return;
    }
    let mut cases = 0;
    for (layout, k) in [("sorted-dictionary", "13"), ("super-kmers", "31")] {
        let bench = Bench::new(layout, k);
        let (whole, kinds) = bench.whole(&bench.case("whole"));
        let all: usize = kinds.values().sum();
        // Interrupted calls are repeated, so each later call has a higher number.
        let interrupted = |first: usize| {
            let faults: Vec<_> = (first..2 * all).step_by(2).map(|n| format!("EINTR any {n}")).collect();
            faults.join(";")
        };
        let faults = ["short write 1+".to_owned(), "short read 1+".to_owned(), interrupted(1), interrupted(2)];
        for (number, faults) in faults.iter().enumerate() {
            let at = bench.case(&number.to_string());
            bench.build(&at, &[], faults).fine();
            assert!(bytes_of(&at.join(TARGET)) == whole, "{layout} {number}");
            let asked = ["dump", TARGET, "-o", "all.tsv"];
            ended(faulty(&at, &asked, faults).spawn().expect("the program starts")).fine();
            let text = std::fs::read_to_string(at.join("all.tsv")).expect("written");
            assert_eq!(run(&at, &["dump", TARGET]).fine().out, text);
            cases += 2;
        }
    }
    println!("{cases} runs of short or interrupted calls");
}

/// If a call fails, an existing output stays and no file of the new one is left.
#[test]
fn outputs_are_complete_or_as_before() {
    if !has_faults() {
        return;
    }
    let bench = Bench::new("sorted-dictionary", "13");
    let at = bench.case("at");
    bench.build(&at, &[], "").fine();
    std::fs::write(at.join("old.tsv"), "old\n").expect("written");
    let mut cases = 0;
    for command in [&["dump", TARGET][..], &["query", TARGET, "../g.fa", "--per-kmer"], &["spectrum", TARGET]] {
        let fresh = [command, &["-o", "new.tsv"]].concat();
        let mut kinds = BTreeMap::new();
        for kind in calls(&at, &fresh) {
            *kinds.entry(kind).or_default() += 1;
        }
        std::fs::remove_file(at.join("new.tsv")).expect("written");
        for (kind, n) in every(&kinds) {
            for output in [&["-o", "new.tsv"][..], &["-o", "old.tsv", "--force"]] {
                for (fault, code) in [("ENOSPC", 5), ("EIO", 1)] {
                    let arguments = [command, output].concat();
                    let faults = format!("{fault} {kind} {n}");
                    let ran = ended(faulty(&at, &arguments, &faults).spawn().expect("the program starts"));
                    ran.failed(code, &[]);
                    assert_eq!(listing(&at), [TARGET, "old.tsv"], "{arguments:?} {faults}");
                    assert_eq!(std::fs::read(at.join("old.tsv")).expect("there"), b"old\n");
                    cases += 1;
                }
            }
        }
    }
    println!("{cases} outputs that failed");
}

/// No space in the temporary folder, or no such folder.
#[test]
fn no_space_in_the_temporary_folder() {
    if !has_faults() {
        return;
    }
    let bench = Bench::new("sorted-dictionary", "13");
    let at = bench.case("at");
    let temporary = at.join("tmp");
    std::fs::create_dir(&temporary).expect("the folder is new");
    let mut cases = 0;
    for arguments in [&["build-index", "../g.fa", "--dry-run"][..], &["demo", "--bases", "100000"]] {
        let ran = |faults: &str, folder: &Path| {
            let mut command = faulty(&at, arguments, faults);
            ended(command.env("TMPDIR", folder).spawn().expect("the program starts"))
        };
        for n in 1..=6 {
            for kind in ["write", "create"] {
                let ran = ran(&format!("ENOSPC {kind} {n}+"), &temporary);
                if ran.code != 0 {
                    ran.failed(5, &["free some space"]);
                    cases += 1;
                }
                assert_eq!(listing(&temporary), [""; 0], "{arguments:?} {kind} {n}");
            }
        }
        ran("", &at.join("none")).failed(1, &["none", "check the path"]);
        ran("", &temporary).fine();
    }
    assert!(cases >= 12, "{cases}");
    println!("{cases} commands without room in the temporary folder");
}

/// Few open files suffice, also for a genome in many files.
#[test]
fn sixty_four_open_files_are_enough() {
    let folder = common::quick_folder();
    let at = folder.path();
    let contigs: Vec<Contig> =
        (0..90).map(|n| Contig::new(&format!("c{n}"), &genome()[0].letters[n * 100..][..900])).collect();
    let mut arguments = vec!["build-index".to_owned()];
    for (n, contig) in contigs.iter().enumerate() {
        let name = format!("{n}.fa");
        std::fs::write(at.join(&name), fasta(std::slice::from_ref(contig), &PLAIN)).expect("written");
        arguments.push(name);
    }
    arguments.extend(["-o", TARGET, "-q", "-t", "16"].map(str::to_owned));
    let limited = |arguments: &[String]| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_reprise")]).args(arguments);
        shell.current_dir(at).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ended(shell.spawn().expect("the program starts"))
    };
    limited(&arguments).fine();
    let query = ["query", TARGET, "0.fa", "-o", "rows.tsv", "-t", "16"].map(str::to_owned);
    limited(&query).fine();
    limited(&["verify".to_owned(), TARGET.to_owned()]).fine();
}

/// Input that grows, shrinks or is written to while it is read is an error; input that only loses its name is read to
/// its end.
#[test]
fn input_that_changes_while_it_is_read() {
    if !has_faults() {
        return;
    }
    let folder = common::quick_folder();
    let at = folder.path();
    let plain = fasta(&genome(), &PLAIN);
    let packed = gzip(&plain, 2);
    type Change = fn(&Path, &[u8]);
    let changes: [(&str, Change); 4] = [
        ("grows", |path, bytes| std::fs::write(path, [bytes, b">x\nACGT\n"].concat()).expect("written")),
        ("shrinks", |path, bytes| {
            let file = std::fs::File::options().write(true).open(path).expect("there");
            file.set_len(bytes.len() as u64 / 2).expect("cut");
        }),
        ("is written", |path, bytes| std::fs::write(path, bytes).expect("written")),
        ("vanishes", |path, _| std::fs::remove_file(path).expect("there")),
    ];
    let mut cases = 0;
    for (name, bytes) in [("g.fa", &plain), ("g.fa.gz", &packed)] {
        for (what, change) in changes {
            let path = at.join(name);
            std::fs::write(&path, bytes).expect("written");
            // The first call reads the previous owner of the lock.
            let child = stopped(faulty(at, &["build-index", name, "-o", TARGET, "-q"], "stop read 2"));
            // Times of files are as coarse as the clock of the system.
            std::thread::sleep(Duration::from_millis(20));
            change(&path, bytes);
            let ran = resumed(child);
            if what == "vanishes" {
                ran.fine();
                run(at, &["verify", TARGET]).fine();
                std::fs::remove_dir_all(at.join(TARGET)).expect("there");
            } else {
                // A truncated compressed stream may be reported as such.
                assert!(ran.err.contains("changed while it was read") || ran.err.contains("truncated"), "{}", ran.err);
                assert!(what == "shrinks" || ran.err.contains("changed"), "{what}: {}", ran.err);
                ran.failed(3, &[name]);
                assert_eq!(listing(at), [name]);
                std::fs::remove_file(path).expect("there");
            }
            cases += 1;
        }
    }
    println!("{cases} inputs that changed");
}
