//! Kills a build at every system call that writes, and within every write. Afterwards there must be no index or a
//! complete one, nothing that could be mistaken for one, and a next build, resumed or new, must make the bytes of an
//! undisturbed build.

mod common;

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{PLAIN, bytes_of, calls, each_case, ended, fasta, faulty, has_faults, listing, repetitive_genome};
use reprise::Index;

const TARGET: &str = "g.reprise";
const BUILDING: &str = ".g.reprise.building";

/// A genome and the files of an undisturbed build of it.
struct Bench {
    folder: tempfile::TempDir,
    arguments: Vec<&'static str>,
    calls: Vec<String>,
    whole: Vec<Vec<u8>>,
}

impl Bench {
    fn new(layout: &'static str, k: &'static str) -> Self {
        let folder = common::quick_folder();
        let at = folder.path();
        std::fs::write(at.join("g.fa"), fasta(&repetitive_genome(4, 70_000), &PLAIN)).expect("written");
        let mut arguments = vec!["build-index", "../g.fa", "-o", TARGET, "-k", k, "--min-frequency", "1", "-q"];
        arguments.extend(["--layout", layout, "-t", "2"]);
        let first = Self { folder, arguments, calls: Vec::new(), whole: Vec::new() };
        let case = first.case("whole");
        let calls = calls(&case, &first.arguments);
        let bench = Self { calls, whole: bytes_of(&case.join(TARGET)), ..first };
        // Passes do not change the bytes, but only builds of several passes keep pages.
        let one = bench.case("one-pass");
        common::run(&one, &bench.arguments).fine();
        assert!(bytes_of(&one.join(TARGET)) == bench.whole);
        assert!(bench.calls.iter().filter(|call| *call == "rename").count() > 2, "{:?}", bench.calls);
        bench
    }

    /// A new folder.
    fn case(&self, name: &str) -> PathBuf {
        let at = self.folder.path().join(name);
        std::fs::create_dir(&at).expect("the folder is new");
        at
    }

    fn build(&self, at: &Path, more: &[&str], faults: &str) -> std::process::Output {
        let arguments = [&self.arguments[..], more].concat();
        faulty(at, &arguments, faults).output().expect("the program starts")
    }

    #[track_caller]
    fn is_killed(&self, at: &Path, more: &[&str], faults: &str) {
        let output = self.build(at, more, faults);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(9), "{faults}: {:?} {said}", output.status.code());
    }

    /// Builds to the end; returns the messages.
    #[track_caller]
    fn completes(&self, at: &Path, more: &[&str]) -> String {
        let mut arguments = [&self.arguments[..], more].concat();
        arguments.retain(|argument| *argument != "-q");
        let ran = ended(faulty(at, &arguments, "").spawn().expect("the program starts")).fine();
        assert!(bytes_of(&at.join(TARGET)) == self.whole, "other bytes");
        assert_eq!(listing(at), [TARGET]);
        ran.err
    }

    /// Checks that the folder of a killed build has nothing that could be mistaken for an index, unless it is complete.
    fn has_no_half_index(&self, at: &Path) {
        let building = at.join(BUILDING);
        assert!(Index::open(&building).is_err());
        if Index::open(building.join("bundle")).is_ok() {
            assert!(bytes_of(&building.join("bundle")) == self.whole);
        }
    }
}

/// Kills at every call and in every write and resumes; every eighth time it starts a new build.
fn every_call(layout: &'static str, k: &'static str) {
    if !has_faults() {
        return;
    }
    let bench = Bench::new(layout, k);
    let writes = bench.calls.iter().filter(|call| *call == "write").count();
    let killed = (1..=bench.calls.len()).map(|n| format!("kill any {n}"));
    let cases: Vec<_> = killed.chain((1..=writes).map(|n| format!("tear write {n}"))).collect();
    let (resumed, swept, published) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    each_case(&cases, |number, fault| {
        let at = bench.case(&number.to_string());
        bench.is_killed(&at, &[], fault);
        bench.has_no_half_index(&at);
        let mut more = if number % 8 == 7 { vec![] } else { vec!["--resume"] };
        if listing(&at).contains(&TARGET.to_owned()) {
            assert!(bytes_of(&at.join(TARGET)) == bench.whole, "{fault}: half an index is there");
            published.fetch_add(1, Ordering::Relaxed);
            more.push("--force");
        }
        let said = bench.completes(&at, &more);
        if said.contains("continues") {
            resumed.fetch_add(1, Ordering::Relaxed);
        } else if !said.is_empty() {
            swept.fetch_add(1, Ordering::Relaxed);
        }
        std::fs::remove_dir_all(at).expect("there");
    });
    let [resumed, swept, published] = [resumed, swept, published].map(AtomicUsize::into_inner);
    println!(
        "{layout}: {} kills at calls, {writes} in writes; then {resumed} builds resumed, {swept} started anew, \
         {published} were published",
        bench.calls.len()
    );
    assert!(cases.len() >= 230 && resumed >= 100 && swept >= 50 && published >= 1);
}

#[test]
fn sorted_dictionary_killed_at_every_call() {
    every_call("sorted-dictionary", "13");
}

#[test]
fn super_kmers_killed_at_every_call() {
    every_call("super-kmers", "31");
}

/// Resumed builds that are killed again and again make the same bytes.
#[test]
fn killed_again_while_resuming() {
    if !has_faults() {
        return;
    }
    let bench = Bench::new("super-kmers", "31");
    let last_pass = bench.calls.iter().enumerate().filter(|(_, call)| *call == "rename").map(|(n, _)| n).nth(1);
    let first = format!("kill any {}", last_pass.expect("two passes are kept") + 5);
    let cases: Vec<usize> = (0..16).map(|n| 3 + 4 * n).collect();
    each_case(&cases, |number, n| {
        let at = bench.case(&number.to_string());
        bench.is_killed(&at, &[], &first);
        bench.is_killed(&at, &["--resume"], &format!("kill any {n}"));
        bench.is_killed(&at, &["--resume"], &format!("tear write {}", n / 3 + 1));
        bench.has_no_half_index(&at);
        assert!(bench.completes(&at, &["--resume"]).contains("continues"), "{n}");
    });
    println!("{} builds killed three times", cases.len());
}

/// A build resumes only complete pages of the same genome and parameters.
#[test]
fn files_of_another_build_are_removed() {
    if !has_faults() {
        return;
    }
    let bench = Bench::new("sorted-dictionary", "13");
    let kept = bench.calls.iter().rposition(|call| call == "truncate").expect("the store ends with it");
    let left = |name: &str| {
        let at = bench.case(name);
        bench.is_killed(&at, &[], &format!("kill any {}", kept + 1));
        assert!(at.join(BUILDING).join("checkpoint.json").exists());
        at
    };
    let same = left("same");
    assert!(bench.completes(&same, &["--resume"]).contains("continues"));
    // Threads and memory are no parameters.
    let other_way = left("other-way");
    let arguments = [&bench.arguments[..bench.arguments.len() - 2], &["-t", "1", "--max-memory", "40M", "--resume"]];
    common::run(&other_way, &arguments.concat()).fine();
    assert!(bytes_of(&other_way.join(TARGET)) == bench.whole);

    let other_k = left("other-k");
    let arguments: Vec<_> = bench.arguments.iter().map(|a| if *a == "13" { "14" } else { a }).collect();
    let said =
        ended(faulty(&other_k, &[&arguments[..], &["--resume"]].concat(), "").spawn().expect("starts")).fine().err;
    assert!(said.contains("other parameters"), "{said}");
    common::run(&other_k, &["verify", TARGET]).fine();

    for (file, at_byte) in [("bundle/positions.blk", 100), ("pages.spool", 2000), ("checkpoint.json", 40)] {
        let at = left(&file.replace('/', "-"));
        let path = at.join(BUILDING).join(file);
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[at_byte] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        assert!(bench.completes(&at, &["--resume"]).contains("damaged"), "{file}");
    }
    let genome = bench.folder.path().join("g.fa");
    let other_genome = left("other-genome");
    std::fs::write(&genome, fasta(&repetitive_genome(5, 70_000), &PLAIN)).expect("written");
    let said = String::from_utf8(bench.build(&other_genome, &["--resume"], "").stderr).expect("text");
    assert!(said.contains("another genome"), "{said}");
    common::run(&other_genome, &["verify", TARGET]).fine();
    assert!(bytes_of(&other_genome.join(TARGET)) != bench.whole);
}

/// Kills a build that replaces an index at each of its last calls: the old index or the new one is there, complete. If
/// the file system cannot exchange two names, neither may be; then the next build restores the old one.
#[test]
fn killed_while_it_replaces_an_index() {
    if !has_faults() {
        return;
    }
    let bench = Bench::new("super-kmers", "31");
    let at = bench.case("old");
    let old_arguments = ["build-index", "../g.fa", "-o", TARGET, "-k", "9", "-q"];
    common::run(&at, &old_arguments).fine();
    let old = bytes_of(&at.join(TARGET));
    let force = [&bench.arguments[..], &["--force"]].concat();
    let all = calls(&at, &force).len();
    let first = all - 24;
    let seen = Mutex::new(BTreeSet::new());
    let cases: Vec<_> = (first..=all + 1).flat_map(|n| [("", n), ("EINVAL rename 3;", n)]).collect();
    each_case(&cases, |number, (no_exchange, n)| {
        let at = bench.case(&number.to_string());
        common::run(&at, &old_arguments).fine();
        let output = bench.build(&at, &["--force"], &format!("{no_exchange}kill any {n}"));
        let killed = output.status.signal() == Some(9);
        assert!(killed || output.status.success());
        let state = match Index::open(at.join(TARGET)) {
            Ok(_) if bytes_of(&at.join(TARGET)) == old => "old",
            Ok(_) => {
                assert!(bytes_of(&at.join(TARGET)) == bench.whole);
                "new"
            }
            Err(_) => {
                assert!(!at.join(TARGET).exists() && !no_exchange.is_empty(), "{no_exchange}{n}");
                "none"
            }
        };
        seen.lock().expect("no panic").insert((!no_exchange.is_empty(), state));
        if killed {
            // Without --force the old index stays, restored if necessary.
            let output = bench.build(&at, &[], "");
            assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
            if state != "new" {
                assert!(bytes_of(&at.join(TARGET)) == old);
            }
        }
        bench.completes(&at, &["--force"]);
    });
    let seen = seen.into_inner().expect("no panic");
    assert!(
        seen.iter().eq(&[(false, "new"), (false, "old"), (true, "new"), (true, "none"), (true, "old")]),
        "{seen:?}"
    );
    println!("{} builds killed while they replaced an index", cases.len());
}
