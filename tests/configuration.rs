//! Tests what configures several commands alike: the flags of the cache, and environment variables.

mod common;

use common::{Bench, Ran, bytes_of, command, ended, listing};

/// Commands with a cache, and what they need.
const CACHED: [&[&str]; 7] = [
    &["query", "g.reprise", "g.fa"],
    &["query", "g.reprise", "--kmer", "ACGTACGTACG"],
    &["dump", "g.reprise", "--positions"],
    &["set", "subtract", "g.reprise", "h.reprise", "--format", "bed"],
    &["candidates", "g.reprise"],
    &["families", "g.reprise"],
    &["detect", "g.reprise", "-o", "d", "--force"],
];

/// A genome of two contigs and its index, and the index of a part of it with the same k.
fn bench() -> Bench {
    let bench = Bench::new(17, 30_000, 11, &[]);
    bench.write("h.fa", b">h\nACGTTGCAAGGCTTAACGGTTTACGTTGCAAGGCTTAACGGTTT\n");
    bench.run(&["build-index", "h.fa", "-k", "11", "-o", "h.reprise", "-q"]).fine();
    bench
}

#[test]
fn every_cache_can_be_set_and_is_reported() {
    let bench = bench();
    for command in CACHED {
        let plain = bench.run(command).fine().out;
        let flags = ["--cache-size", "1", "--gc-threshold", "0.5", "--gc-target", "0.5", "-v"];
        let small = bench.run(&[command, &flags[..]].concat()).fine();
        assert!(command[0] == "detect" || small.out == plain, "{command:?}: the cache changed the results");
        assert!(small.err.contains("cache: ") && small.err.contains(" misses, "), "{command:?}: {}", small.err);
        let wrong = ["--gc-threshold", "0.5", "--gc-target", "0.6"];
        bench.run(&[command, &wrong[..]].concat()).failed(2, &["--gc-target 0.6", "--gc-threshold 0.5"]);
        let ran = bench.run(&[command, &["--gc-target", "1.5"][..]].concat());
        assert!(ran.code == 2 && ran.err.contains("--gc-target"), "{command:?}: {}", ran.err);
    }
    // A command without look-ups has no flag that would do nothing.
    for command in [&["verify", "g.reprise"][..], &["spectrum", "g.reprise"], &["compare", "g.reprise", "h.reprise"]] {
        let ran = bench.run(&[command, &["--cache-size", "1M"][..]].concat());
        assert!(ran.code == 2 && ran.err.contains("--cache-size"), "{command:?}: {}", ran.err);
    }
}

/// Runs the program with environment variables.
fn run_with_variables(bench: &Bench, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = command(bench.at(), arguments);
    command.envs(variables.iter().copied());
    ended(command.spawn().expect("the program starts"))
}

#[test]
fn variables_set_flags_and_flags_win() {
    let bench = bench();
    let run = |variables: &[(&str, &str)], arguments: &[&str]| run_with_variables(&bench, variables, arguments);
    let limit = |variables: &[(&str, &str)], more: &[&str]| {
        let arguments = ["verify", "g.reprise", "--quick", "-q", "--json", "--memory-report"];
        let ran = run(variables, &[&arguments, more].concat()).fine();
        let report: serde_json::Value = serde_json::from_str(&ran.err).expect("JSON");
        report["limit"].as_u64().expect("a number") >> 20
    };
    assert_eq!(limit(&[("REPRISE_MAX_MEMORY", "77M")], &[]), 77);
    assert_eq!(limit(&[("REPRISE_MAX_MEMORY", "77M")], &["--max-memory", "78M"]), 78);
    assert_eq!(limit(&[("REPRISE_MAX_MEMORY", "")], &["--low-memory"]), 256);

    // A warning shows the number of threads.
    let query = ["query", "g.reprise", "--kmer", "ACGTACGTACG"];
    assert!(run(&[("REPRISE_THREADS", "20000")], &query).fine().err.contains("-t 20000"));
    assert!(!run(&[("REPRISE_THREADS", "20000")], &[&query[..], &["-t", "1"]].concat()).fine().err.contains("20000"));
    assert_eq!(run(&[("REPRISE_THREADS", "")], &query).fine().err, "");

    // A cache without space for a page has no hits.
    let sequences = ["query", "g.reprise", "--region", "chr1:1-2000", "--batch-size", "20", "-v"];
    let hits = |ran: Ran| {
        let line = ran.err.lines().find_map(|line| line.strip_prefix("cache: ").map(str::to_owned)).expect("reported");
        line.split(' ').next().expect("a number").to_owned()
    };
    assert_eq!(hits(run(&[("REPRISE_CACHE_SIZE", "1")], &sequences).fine()), "0");
    let large = [&sequences[..], &["--cache-size", "64M"]].concat();
    assert_ne!(hits(run(&[("REPRISE_CACHE_SIZE", "1")], &large).fine()), "0");

    // Values are hidden, and lines are broken anywhere.
    let help = run(&[("REPRISE_THREADS", "3")], &["query", "--help"]).fine().out;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for variable in ["REPRISE_THREADS", "REPRISE_MAX_MEMORY", "REPRISE_CACHE_SIZE"] {
        assert!(help.contains(&format!("[env: {variable}]")), "{help}");
    }
}

#[test]
fn a_wrong_variable_is_named() {
    let bench = bench();
    let query = ["query", "g.reprise", "--kmer", "ACGTACGTACG"];
    for (variable, value) in [
        ("REPRISE_THREADS", "0"),
        ("REPRISE_THREADS", "two"),
        ("REPRISE_MAX_MEMORY", "much"),
        ("REPRISE_CACHE_SIZE", "-1"),
    ] {
        run_with_variables(&bench, &[(variable, value)], &query).failed(2, &[variable, value, "unset it"]);
    }
    // A flag is used instead of it, and a wrong flag is not blamed on it.
    let typed = [&query[..], &["-t", "1"]].concat();
    run_with_variables(&bench, &[("REPRISE_THREADS", "two")], &typed).fine();
    let both = [("REPRISE_THREADS", "two"), ("REPRISE_MAX_MEMORY", "much")];
    run_with_variables(&bench, &both, &typed).failed(2, &["REPRISE_MAX_MEMORY"]);
    let ran = run_with_variables(&bench, &[("REPRISE_MAX_MEMORY", "64M")], &["query", "g.reprise", "-t", "0"]);
    assert!(ran.code == 2 && !ran.err.contains("REPRISE_MAX_MEMORY"), "{}", ran.err);
}

/// Temporary files that need not be next to the output are in the folder that is named.
#[test]
fn temporary_files_are_in_the_folder_that_is_named() {
    let bench = bench();
    std::fs::create_dir(bench.at().join("scratch")).expect("new");
    for arguments in [
        &["build-index", "g.fa", "-q", "-k", "11", "-o", "x.reprise"][..],
        &["build-index", "g.fa", "-q", "-k", "11", "-o", "p.reprise", "--dry-run"],
        &["demo", "--bases", "100000"],
    ] {
        run_with_variables(&bench, &[("REPRISE_TMPDIR", "nowhere")], arguments).failed(1, &["nowhere"]);
        run_with_variables(&bench, &[("REPRISE_TMPDIR", "nowhere")], &[arguments, &["--tmpdir", "scratch"]].concat())
            .fine();
        assert!(listing(&bench.at().join("scratch")).is_empty(), "{arguments:?}");
    }
    assert!(bytes_of(&bench.at().join("x.reprise")) == bytes_of(&bench.at().join("g.reprise")));
}
