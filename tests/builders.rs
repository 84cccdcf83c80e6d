//! Several builds of one index at once, and readers of an index that is replaced: none disturbs another, and each
//! reports what it found.

mod common;

use std::path::Path;
use std::process::{Child, Command};

use common::{
    Oracle, PLAIN, bytes_of, command, each_case, ended, fasta, faulty, has_faults, listing, repetitive_genome, resumed,
    run, signal, stopped, wait_until,
};
use reprise::Index;

const BUILD: [&str; 6] = ["build-index", "g.fa", "-o", "g.reprise", "-k", "11"];

fn folder() -> tempfile::TempDir {
    let folder = common::quick_folder();
    for (name, seed) in [("g.fa", 1), ("other.fa", 2)] {
        let text = fasta(&repetitive_genome(seed, 60_000), &PLAIN);
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// The second build names the process of the first and fails; the first is not disturbed.
#[test]
fn the_second_build_names_the_first() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    let mut cases = 0;
    for n in [2, 8, 20, 40, 60] {
        let first = stopped(faulty(at, &BUILD, &format!("stop any {n}")));
        if n > 2 {
            let says = ["g.reprise is being built by process", &first.id().to_string(), "--wait"];
            run(at, &BUILD).failed(1, &says);
            run(at, &[&BUILD[..], &["--resume"]].concat()).failed(1, &says);
        } else {
            // Before the first has the lock, another build may take it.
            run(at, &BUILD).fine();
            std::fs::remove_dir_all(at.join("g.reprise")).expect("there");
        }
        resumed(first).fine();
        run(at, &["verify", "g.reprise"]).fine();
        assert_eq!(listing(at), ["g.fa", "g.reprise", "other.fa"]);
        std::fs::remove_dir_all(at.join("g.reprise")).expect("there");
        cases += 1;
    }
    println!("{cases} builds met while they ran");
}

/// `--wait` uses the index that was built meanwhile if it has the requested genome and parameters.
#[test]
fn the_second_build_waits() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    let lock_is_waited_for = |second: &Child| {
        // The system lists processes that wait for a lock with an arrow.
        let waits = || {
            let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
            locks.lines().any(|l| l.contains("->") && l.split_whitespace().any(|w| w == second.id().to_string()))
        };
        wait_until(waits, || "nobody waits".to_owned());
    };
    for (more, code, says) in [
        (&["--wait"][..], 0, "exists, with the same genome"),
        (&["--wait", "--min-frequency", "1"], 2, "exists already"),
        (&["--wait", "--force"], 0, "waiting for that build to end"),
    ] {
        let first = stopped(faulty(at, &BUILD, "stop any 30"));
        let second = command(at, &[&BUILD[..], more].concat()).spawn().expect("the program starts");
        lock_is_waited_for(&second);
        resumed(first).fine();
        let second = ended(second);
        assert_eq!(second.code, code, "{more:?}: {}", second.err);
        assert!(second.err.contains("g.reprise is being built (process "), "{}", second.err);
        assert!(second.err.contains(says), "{}", second.err);
        run(at, &["verify", "g.reprise"]).fine();
        assert_eq!(listing(at), ["g.fa", "g.reprise", "other.fa"]);
        std::fs::remove_dir_all(at.join("g.reprise")).expect("there");
    }
    // The first build dies: the second removes its files and builds.
    let first = stopped(faulty(at, &BUILD, "stop any 30"));
    let second = command(at, &[&BUILD[..], &["--wait"]].concat()).spawn().expect("the program starts");
    lock_is_waited_for(&second);
    let dead = first.id().to_string();
    signal(&first, "KILL");
    let second = ended(second).fine();
    assert!(second.err.contains("was interrupted (process ") && second.err.contains(&dead), "{}", second.err);
    drop(first.wait_with_output());
    run(at, &["verify", "g.reprise"]).fine();
    println!("4 builds waited for");
}

/// Many at once: with `--wait` all succeed, without it one does, and the others report why.
#[test]
fn many_builds_at_once() {
    let folder = folder();
    let at = folder.path();
    let whole = {
        run(at, &[&BUILD[..], &["-q"]].concat()).fine();
        bytes_of(&at.join("g.reprise"))
    };
    for (more, rounds) in [(&["--wait"][..], 3), (&[], 3), (&["--wait", "--force"], 3)] {
        for _ in 0..rounds {
            std::fs::remove_dir_all(at.join("g.reprise")).expect("there");
            let start = |_| command(at, &[&BUILD[..], &["-t", "1"], more].concat()).spawn().expect("starts");
            let children: Vec<Child> = (0..8).map(start).collect();
            let all: Vec<_> = children.into_iter().map(ended).collect();
            let well = all.iter().filter(|ran| ran.code == 0).count();
            if more.is_empty() {
                assert_eq!(well, 1);
                for ran in all.into_iter().filter(|ran| ran.code != 0) {
                    let (code, says) =
                        if ran.err.contains("exists") { (2, "exists already") } else { (1, "is being built") };
                    ran.failed(code, &[says]);
                }
            } else {
                let errors: Vec<_> = all.iter().filter(|ran| ran.code != 0).map(|ran| &ran.err).collect();
                assert_eq!(well, 8, "{more:?} {errors:?}");
            }
            assert!(bytes_of(&at.join("g.reprise")) == whole);
            assert_eq!(listing(at), ["g.fa", "g.reprise", "other.fa"]);
        }
    }
    println!("9 rounds of 8 builders at once");
}

/// On a file system without locks a build warns and does not harm another one.
#[test]
fn without_locks_a_build_warns() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    let first = stopped(faulty(at, &BUILD, "ENOLCK lock 1+;stop any 40"));
    let hidden = || listing(at).into_iter().filter(|name| name.contains(".building")).count();
    assert_eq!(hidden(), 1);
    let killed = faulty(at, &BUILD, "ENOLCK lock 1+;kill any 40").output().expect("the program starts");
    assert!(!killed.status.success());
    assert_eq!(hidden(), 2);
    for more in [&[][..], &["--resume"]] {
        let second = faulty(at, &[&BUILD[..], more].concat(), "ENOLCK lock 1+").spawn().expect("the program starts");
        let said = ended(second).fine().err;
        assert!(said.starts_with("warning: the file system of .g.reprise.building-"), "{said}");
        assert!(said.contains("No locks available") && said.contains("build on a local disk"), "{said}");
        run(at, &["verify", "g.reprise"]).fine();
        if more.is_empty() {
            std::fs::remove_dir_all(at.join("g.reprise")).expect("there");
        }
    }
    let first = resumed(first);
    // The first finds the index of the second at the target.
    assert_eq!((first.code, first.err.contains("exists already")), (2, true), "{}", first.err);
    // Without a lock it is unknown whether the killed build still runs.
    assert_eq!(hidden(), 1);
}

/// Readers of a replaced index finish on the old one, and opening never sees a mixture of both.
#[test]
fn readers_of_an_index_that_is_replaced() {
    let folder = folder();
    let at = folder.path();
    let target = at.join("g.reprise");
    run(at, &BUILD).fine();
    let oracles = [1, 2].map(|seed| Oracle::new(&repetitive_genome(seed, 60_000), 11));
    let answers = |index: &Index, oracle: &Oracle| {
        oracle.kmers.iter().filter(|(_, places)| places.len() > 1).all(|(kmer, places)| {
            let kmer = index.encode(kmer).expect("a k-mer");
            index.positions(kmer).expect("a sound index").len() == places.len()
        })
    };
    let old = Index::open(&target).expect("an index");
    // The cache is empty, so everything is read from files that have lost their name.
    let replace =
        |genome: &str| run(at, &["build-index", genome, "-o", "g.reprise", "-k", "11", "--force", "-q"]).fine();
    replace("other.fa");
    assert!(answers(&old, &oracles[0]));
    assert!(answers(&Index::open(&target).expect("an index"), &oracles[1]));

    let done = std::sync::atomic::AtomicBool::new(false);
    let opened = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let index = Index::open(&target).expect("there is always a whole index");
                    let bases = index.manifest().genome.blake3.clone();
                    let names: Vec<_> = index.contigs().expect("sound").iter().map(|c| c.length).collect();
                    assert_eq!(names.len(), 4);
                    let (frequency, kmer) =
                        index.seeds().next().map_or((0, 0), |s| s.map(|s| (s.frequency, s.kmer)).expect("sound"));
                    assert_eq!(index.frequency(kmer).expect("sound"), frequency, "{bases}");
                    opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
        for round in 0..12 {
            replace(if round % 2 == 0 { "g.fa" } else { "other.fa" });
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let opened = opened.into_inner();
    println!("{opened} opens while an index was replaced 12 times");
    assert!(opened >= 12);
}

/// A signal ends a build at any of its system calls and leaves no files.
#[test]
fn signals_end_a_build_and_leave_nothing() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let calls = common::calls(folder.path(), &[&BUILD[..], &["-q"]].concat()).len();
    let cases: Vec<(usize, (&str, i32))> =
        (1..=calls).map(|n| (n, [("int", 130), ("term", 143), ("hup", 129)][n % 3])).collect();
    let left_nothing = std::sync::atomic::AtomicUsize::new(0);
    each_case(&cases, |number, (n, (signal, code))| {
        let at = folder.path().join(number.to_string());
        std::fs::create_dir(&at).expect("the folder is new");
        let arguments = ["build-index", "../g.fa", "-o", "g.reprise", "-k", "11", "-q"];
        let ran = ended(faulty(&at, &arguments, &format!("{signal} any {n}")).spawn().expect("the program starts"));
        // No signal ends a build while it renames the index to its target.
        if listing(&at) == ["g.reprise"] {
            assert!(ran.code == 0 || ran.code == *code, "{signal} {n}: {}", ran.err);
            run(&at, &["verify", "g.reprise"]).fine();
            return;
        }
        assert_eq!(ran.code, *code, "{signal} {n}: {}", ran.err);
        assert!(ran.err.starts_with("error: ended by SIG") && ran.err.lines().count() == 1, "{}", ran.err);
        assert_eq!(listing(&at), [""; 0], "{signal} {n}");
        left_nothing.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    let left_nothing = left_nothing.into_inner();
    assert!(left_nothing >= cases.len() / 2, "{left_nothing}");
    println!("{} builds ended by signals", cases.len());
}

/// The previous test with a parent that ignores these signals, as `nohup` and shells without job control do.
#[test]
fn signals_that_the_parent_ignores_do_not_matter() {
    if !has_faults() {
        return;
    }
    let test = std::env::current_exe().expect("this program has a path");
    let script = "trap '' INT TERM HUP; exec \"$0\" --exact signals_end_a_build_and_leave_nothing";
    let output = Command::new("sh").args(["-c", script]).arg(test).output().expect("sh starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// With `--resume` a signal leaves the finished pages.
#[test]
fn a_signal_leaves_what_can_be_resumed() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    let arguments = [&BUILD[..], &["--min-frequency", "1", "--resume"]].concat();
    let calls = common::calls(at, &arguments);
    std::fs::remove_dir_all(at.join("g.reprise")).expect("there");
    let kept = 3 + calls.iter().position(|call| call == "rename").expect("a pass is kept");
    let fault = format!("term any {}", kept + 3);
    let ran = ended(faulty(at, &arguments, &fault).spawn().expect("the program starts"));
    assert_eq!(ran.code, 143, "{}", ran.err);
    let ran = ended(faulty(at, &arguments, "").spawn().expect("the program starts")).fine();
    assert!(ran.err.contains("continues"), "{}", ran.err);
    run(at, &["verify", "g.reprise"]).fine();
    assert_eq!(listing(at), ["g.fa", "g.reprise", "other.fa"]);
}

/// Signals also remove outputs, the genome of a dry run, and the folder of the demo. A signal that the parent ignores
/// is ignored.
#[test]
fn signals_leave_no_temporary_files() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    let temporary = at.join("tmp");
    std::fs::create_dir(&temporary).expect("the folder is new");
    let before = listing(at);
    let commands: [&[&str]; 4] = [
        &["dump", "g.reprise", "-o", "out.tsv"],
        &["query", "g.reprise", "g.fa", "--per-kmer", "-o", "out.tsv"],
        &["build-index", "g.fa", "--dry-run", "-o", "new.reprise"],
        &["demo", "--bases", "100000"],
    ];
    let (mut cases, mut ended_by_it) = (0, 0);
    for arguments in commands {
        let log = at.join("calls.log");
        let mut all = faulty(at, arguments, "");
        ended(all.env("TMPDIR", &temporary).env("REPRISE_FAULT_LOG", &log).spawn().expect("starts")).fine();
        let calls = std::fs::read_to_string(&log).expect("written").lines().count();
        std::fs::remove_file(log).expect("there");
        let whole = std::fs::read(at.join("out.tsv")).ok();
        let _ = std::fs::remove_file(at.join("out.tsv"));
        for n in [1, 2, 3, calls / 2, calls - 1] {
            let mut child = faulty(at, arguments, &format!("term any {n}"));
            let ran = ended(child.env("TMPDIR", &temporary).spawn().expect("the program starts"));
            assert!(ran.code == 143 || ran.code == 0, "{arguments:?} {n}: {}", ran.err);
            ended_by_it += usize::from(ran.code == 143);
            if let Ok(text) = std::fs::read(at.join("out.tsv")) {
                // It was renamed before the signal came, so it is complete.
                assert!(Some(text) == whole, "{arguments:?} {n}");
                std::fs::remove_file(at.join("out.tsv")).expect("there");
            }
            let left: Vec<_> = listing(at).into_iter().filter(|name| !before.contains(name)).collect();
            assert!(left.is_empty(), "{arguments:?} {n}: {left:?}");
            assert_eq!(listing(&temporary), [""; 0], "{arguments:?} {n}");
            cases += 1;
        }
    }
    let ignoring = |at: &Path| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_reprise")]);
        shell.args(["dump", "g.reprise", "-o", "out.tsv"]).current_dir(at).env("REPRISE_FAULT", "hup any 3");
        shell.status().expect("the program starts")
    };
    assert!(ignoring(at).success());
    assert!(ended_by_it >= cases / 2, "{ended_by_it}");
    println!("{ended_by_it} of {cases} commands ended by signals");
}
