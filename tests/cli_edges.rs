//! Proves the corners of the command line that the contract promises and `cli.rs` leaves out: JSON lines of every kind
//! of row, regions and BED from pipes, thousands of short reads, results that are complete or not at all, and memory
//! reports.

mod common;

use std::io::{BufRead, BufReader};

use common::{Bench, HEADER, Random, command, ended, listing, reverse_complement, run_with, runs, text};
use serde_json::json;

const K: usize = 11;

fn bench() -> Bench {
    Bench::new(21, 30_000, K, &[])
}

/// Every kind of row has the same values as JSON and as TSV.
#[test]
fn json_lines_of_every_kind_of_row() {
    let bench = bench();
    let part = &bench.genome[0].letters[4000..7000];
    let rows = bench.oracle.per_kmer(part, 2);
    let region = ["query", "g.reprise", "--region", "chr1:4001-7000", "--format", "jsonl"];

    let summary = bench.run(&region).fine().json_lines();
    let mut sorted: Vec<u64> = rows.iter().map(|row| row.1).collect();
    sorted.sort();
    let mean = sorted.iter().sum::<u64>() as f64 / sorted.len() as f64;
    assert_eq!(summary.len(), 1);
    assert!((summary[0]["mean_frequency"].as_f64().expect("a number") - mean).abs() < 1e-9);
    let mut rest = summary[0].clone();
    rest.as_object_mut().expect("an object").remove("mean_frequency");
    let expected = json!({
        "name": "chr1:4001-7000",
        "length": 3000,
        "kmers": rows.len(),
        "found": rows.iter().filter(|row| row.1 > 0).count(),
        "repeated": rows.iter().filter(|row| row.1 > 1).count(),
        "median_frequency": sorted[(sorted.len() - 1) / 2],
        "max_frequency": sorted[sorted.len() - 1],
    });
    assert_eq!(rest, expected);

    let per_kmer = bench.run(&[&region[..], &["--per-kmer"]].concat()).fine().json_lines();
    let expected: Vec<_> =
        rows.iter().map(|&(start, f)| json!({"name": "chr1", "start": start + 4000, "frequency": f})).collect();
    assert_eq!(per_kmer, expected);

    let (kmer, places) = bench.oracle.kmers.iter().max_by_key(|(kmer, p)| (p.len(), kmer.to_vec())).expect("k-mers");
    for typed in [kmer.clone(), reverse_complement(kmer)] {
        let typed_text = text(&typed);
        let asked =
            bench.run(&["query", "g.reprise", "--kmer", &typed_text, "--positions", "--format", "jsonl"]).fine();
        let listed: Vec<_> = bench
            .oracle
            .places(&typed)
            .iter()
            .map(|&(c, start, s)| json!({"contig": bench.genome[c as usize].name, "start": start, "strand": s}))
            .collect();
        let count = places.len();
        let row = json!({"kmer": typed_text, "frequency": count, "positions": listed, "listed": count});
        assert_eq!(asked.json_lines(), [row]);
        let plain = bench.run(&["query", "g.reprise", "--kmer", &typed_text, "--format", "jsonl"]).fine();
        assert_eq!(plain.json_lines(), [json!({"kmer": typed_text, "frequency": count})]);
    }
}

/// Regions: repeated flags in their order, whole contigs and open ends, BED from a pipe, bedGraph in the genome's own
/// coordinates.
#[test]
fn regions_in_every_form() {
    let bench = bench();
    let letters = |contig: usize| &bench.genome[contig].letters;
    let expected = HEADER.to_owned()
        + &bench.oracle.row(&format!("chrM:1-{}", letters(2).len()), letters(2), 2)
        + &bench.oracle.row(&format!("chr2:8001-{}", letters(1).len()), &letters(1)[8000..], 2)
        + &bench.oracle.row("chr1:1-1", &letters(0)[..1], 2);
    let typed = ["query", "g.reprise", "--region", "chrM", "--region", "chr2:8,001-", "--region", "chr1:1-1"];
    assert_eq!(bench.run(&typed).fine().out, expected);
    let bed = format!(
        "track name=x\r\n\nchrM\t0\t{}\tname\t0\t+\r\nchr2 8000 {}\nchr1\t0\t1",
        letters(2).len(),
        letters(1).len()
    );
    let piped = run_with(bench.at(), &["query", "g.reprise", "--regions", "-"], bed.as_bytes());
    assert_eq!(piped.fine().out, expected);

    let rows: Vec<(u64, u64)> =
        bench.oracle.per_kmer(&letters(1)[100..2500], 2).iter().map(|&(start, f)| (start + 100, f)).collect();
    let bedgraph: String = runs(&rows).iter().map(|(from, to, f)| format!("chr2\t{from}\t{to}\t{f}\n")).collect();
    let asked = bench.run(&["query", "g.reprise", "--region", "chr2:101-2500", "--format", "bedgraph"]).fine();
    assert_eq!(asked.out, bedgraph);

    for (line, says) in [
        ("chr1\t5", "a contig, a start and an end"),
        ("chr1\t9\t5", "before its start"),
        ("chr1\t-1\t5", "\"-1\""),
        ("chr3\t1\t5", "no contig \"chr3\""),
    ] {
        bench.write("bad.bed", format!("#\nchr1\t0\t9\n{line}\n"));
        bench.run(&["query", "g.reprise", "--regions", "bad.bed"]).failed(3, &["bad.bed, line 3", says]);
    }
    bench.run(&["query", "g.reprise", "--regions", "no.bed"]).failed(1, &["no.bed"]);
    bench.run(&["query", "g.reprise", "--region", "scafold_77:1-5"]).failed(3, &["scafold_77", "mean", "scaffold_77"]);
    bench.run(&["query", "g.reprise", "--region", "chr1:0-5"]).failed(3, &["starts at 0"]);
    bench.run(&["query", "g.reprise", "--region", "chr1:9-5"]).failed(3, &["ends before"]);
}

/// Tens of thousands of reads come out in their order, from a file and from a pipe, whatever the number of threads.
#[test]
fn many_short_reads_keep_their_order() {
    let bench = bench();
    let mut random = Random(4);
    let mut fastq = Vec::new();
    let mut expected = HEADER.to_owned();
    for number in 0..20_000 {
        let from = &bench.genome[random.below(2)].letters;
        let at = random.below(from.len() - 40);
        let read = &from[at..at + 1 + random.below(40)];
        let name = format!("r{number}");
        fastq.extend(format!("@{name} of a lane\n{}\n+\n{}\n", text(read), "#".repeat(read.len())).bytes());
        expected += &bench.oracle.row(&name, read, 2);
    }
    bench.write("reads.fq.zst", zstd::encode_all(&fastq[..], 1).expect("zstd into memory"));
    for threads in ["1", "4"] {
        let arguments = ["query", "g.reprise", "reads.fq.zst", "-t", threads, "--max-memory", "64M"];
        assert!(bench.run(&arguments).fine().out == expected, "{threads} threads");
        let arguments = ["query", "g.reprise", "-", "-t", threads];
        assert!(run_with(bench.at(), &arguments, &fastq).fine().out == expected, "{threads} threads, a pipe");
    }
}

/// A result is complete or not there, and one that was there before is kept when its replacement fails.
#[test]
fn results_are_complete_or_not_at_all() {
    let bench = bench();
    bench.write("half.fq", format!("@a\n{}\n+\n{}\n@b\nACGT\n", "ACGT".repeat(20), "I".repeat(80)));
    bench.write("k.txt", "ACGTACGTACG\nACGTACGTACN\n");
    bench.write("old.tsv", "old\n");
    let before = listing(bench.at());
    for (arguments, says) in [(["half.fq", "--per-kmer"], "half.fq"), (["--kmers", "k.txt"], "k.txt, line 2")] {
        for output in [&["-o", "new.tsv"][..], &["-o", "old.tsv", "--force"]] {
            bench.run(&[&["query", "g.reprise"], &arguments[..], output].concat()).failed(3, &[says]);
            assert_eq!(listing(bench.at()), before);
        }
        bench.run(&[&["query", "g.reprise"], &arguments[..], &["-o", "old.tsv"]].concat()).failed(2, &["old.tsv"]);
    }
    assert_eq!(std::fs::read(bench.at().join("old.tsv")).expect("there"), b"old\n");
    bench.write("drawn.svg", "old\n");
    bench.run(&["spectrum", "g.reprise", "--svg", "drawn.svg"]).failed(2, &["drawn.svg", "--force"]);
    bench.run(&["dump", "g.reprise", "--sort", "-o", "old.tsv", "--force"]).fine();
    assert_eq!(std::fs::read_to_string(bench.at().join("old.tsv")).expect("there"), bench.oracle.dump(2));

    // A plain file is no index: it is not replaced by one.
    bench.run(&["build-index", "g.fa", "-o", "drawn.svg", "--force"]).failed(2, &["drawn.svg", "not a reprise index"]);
    assert_eq!(std::fs::read(bench.at().join("drawn.svg")).expect("there"), b"old\n");
    // A slash at the end names the same folder.
    bench.run(&["build-index", "g.fa", "-o", "g.reprise/"]).failed(2, &["exists already"]);
}

/// `-q` prints nothing, `-v` prints each phase, `--memory-report` names the use of memory.
#[test]
fn quiet_verbose_and_memory_reports() {
    let bench = bench();
    let quiet = bench.run(&["build-index", "g.fa", "-q", "--force"]).fine();
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    let quiet = bench.run(&["verify", "g.reprise", "-q"]).fine();
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    bench.run(&["build-index", "none.fa", "-q"]).failed(1, &["none.fa"]);
    let verbose = bench.run(&["build-index", "g.fa", "-v", "--force"]).fine();
    for phase in ["reading", "estimating", "indexing"] {
        assert!(verbose.err.contains(phase), "{phase}: {}", verbose.err);
    }
    assert_eq!(bench.run(&["verify", "g.reprise", "-q", "-v"]).code, 2);

    let limit = 100 << 20;
    let arguments = ["build-index", "g.fa", "--force", "--json", "--max-memory", "100M", "--memory-report=m.json"];
    bench.run(&arguments).fine();
    let report = std::fs::read_to_string(bench.at().join("m.json")).expect("written");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["limit"], limit);
    let peak = report["tracked"]["peak"].as_u64().expect("a number");
    assert!(peak > 0 && peak <= limit, "{peak}");
    assert!(report["components"]["partitions"]["peak"].as_u64().expect("a number") > 0);
    let report = bench.run(&["build-index", "g.fa", "--force", "-q", "--memory-report"]).fine().err;
    assert!(report.contains("partitions") && report.contains("limit"), "{report}");
}

/// A reader that goes away ends the program quietly, on every path that writes much.
#[test]
fn closed_pipes() {
    let bench = bench();
    let all: String = (0..20).map(|_| bench.oracle.dump(1)).collect();
    bench.write("kmers.txt", all);
    bench.run(&["build-index", "g.fa", "-k", "11", "--min-frequency", "1", "-o", "all.reprise", "-q"]).fine();
    for arguments in [
        &["dump", "all.reprise", "--sort", "--positions"][..],
        &["dump", "all.reprise", "--positions"],
        &["query", "all.reprise", "g.fa", "--format", "bedgraph"],
        &["query", "all.reprise", "g.fa", "--format", "jsonl", "--per-kmer"],
        &["query", "all.reprise", "--region", "chr1", "--per-kmer"],
        &["query", "all.reprise", "--kmers", "kmers.txt"],
    ] {
        let mut child = command(bench.at(), arguments).spawn().expect("the program starts");
        let mut out = BufReader::with_capacity(16, child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        drop(out);
        let ran = ended(child);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
        assert!(line.ends_with('\n'), "{arguments:?}");
    }
}

/// Results are never written to an address, nor to a local folder of its name, and what is read at one is an index.
#[test]
fn addresses_are_no_local_paths() {
    let bench = bench();
    let before = listing(bench.at());
    let there = "s3://bucket/results";
    for line in [
        "query g.reprise g.fa -o {}",
        "dump g.reprise -o {} --force",
        "build-index g.fa -o {}",
        "detect g.fa -o {}",
        "spectrum g.reprise --svg {}",
        "info g.reprise --memory-report={}",
        "verify g.reprise --monitor-memory {}",
        "fetch g.reprise chr1 -o https://host/a.fa",
    ] {
        let line = line.replace("{}", there);
        let ran = bench.run(&line.split(' ').collect::<Vec<_>>()).failed(2, &["to this machine only", "copy it"]);
        assert_eq!(ran.out, "", "{line}");
    }
    bench.run(&["build-index", "s3://bucket/g.fa", "-o", "x.reprise"]).failed(2, &["not from an address"]);
    bench.run(&["list", "https://host/indexes"]).failed(2, &["below a local folder"]);
    if !cfg!(feature = "remote") {
        for command in
            [&["query", there, "g.fa"][..], &["info", there], &["families", there], &["compare", there, there]]
        {
            bench.run(command).failed(2, &["built without reading over the network", "--features remote"]);
        }
    }
    assert_eq!(listing(bench.at()), before);
}
