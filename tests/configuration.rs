//! Tests what configures several commands alike: the flags of the cache, and environment variables.

mod common;

use common::Bench;

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
