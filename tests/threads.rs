//! Tests that `-t` is kept, by counting the threads of the program by name while it runs.
#![cfg(target_os = "linux")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::Random;

/// Threads that mostly wait, without the main one and the `-t` workers; docs/architecture.md lists them. There are two
/// syncers, and no progress if standard error is not a terminal.
const HELPERS: [&str; 5] = ["reader", "writer", "syncer", "monitor", "signals"];

/// Names of the threads of a process now, and how many have each.
fn threads(child: &Child) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    // The process may be ending: then there is nothing to count.
    for task in fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten() {
        if let Ok(name) = fs::read_to_string(task.path().join("comm")) {
            *names.entry(name.trim().to_owned()).or_default() += 1;
        }
    }
    names
}

/// Runs the program, writes `input` to it in pieces, the last ones only when all workers were seen, and counts its
/// threads meanwhile.
fn check(arguments: &[&str], threads_allowed: usize, input: &[u8]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_reprise"))
        .args(arguments)
        .args(["-t", &threads_allowed.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("is piped");
    let (mut workers, mut seen) = (BTreeSet::new(), 0);
    let mut look = |child: &Child| {
        let now = threads(child);
        let is_known = |name: &str| name == "reprise" || name.starts_with("worker-") || HELPERS.contains(&name);
        assert!(now.keys().all(|name| is_known(name)), "{arguments:?}: {now:?}");
        assert!(now.values().sum::<usize>() <= 1 + threads_allowed + 6, "{arguments:?}: {now:?}");
        // Each worker has its own name; a new thread still has the name of the thread that started it.
        workers.extend(now.keys().filter(|name| name.starts_with("worker-")).cloned());
        let working = now.keys().filter(|name| name.starts_with("worker-")).count();
        seen = seen.max(working);
        assert!(working <= threads_allowed, "{arguments:?}: {now:?}");
        working
    };
    // A new process still has the name of this one.
    while !threads(&child).contains_key("reprise") {
        std::thread::yield_now();
    }
    let (first, last) = input.split_at(input.len() / 2);
    stdin.write_all(first).expect("reads");
    // The pipe is open, so the program cannot have ended.
    let deadline = Instant::now() + Duration::from_secs(60);
    while look(&child) < threads_allowed && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    for piece in last.chunks(1 << 14) {
        stdin.write_all(piece).expect("reads");
        look(&child);
    }
    drop(stdin);
    let status = loop {
        look(&child);
        if let Some(status) = child.try_wait().expect("is a child") {
            break status;
        }
    };
    assert!(status.success(), "{arguments:?}");
    assert_eq!(seen, threads_allowed, "{arguments:?}");
    assert_eq!(workers.len(), threads_allowed, "{arguments:?}");
}

#[test]
fn no_more_threads_work_than_requested() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("is text").to_owned();
    let mut fasta = b">c\n".to_vec();
    fasta.extend_from_slice(&Random(3).bases(400_000));
    fasta.push(b'\n');
    for threads in [1, 3] {
        let index = at(&format!("{threads}.reprise"));
        check(&["build-index", "-", "-k", "13", "--min-frequency", "1", "-o", &index], threads, &fasta);
        check(&["query", &index, "-"], threads, &fasta);
        check(&["query", &index, "-", "--per-kmer", "--batch-size", "5000"], threads, &fasta);
        let kmers: Vec<u8> = fasta[3..].chunks_exact(13).take(20_000).flat_map(|k| [k, b"\n"].concat()).collect();
        check(&["query", &index, "--kmers", "-", "--positions=2"], threads, &kmers);
    }
}
