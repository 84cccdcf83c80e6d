//! Tests the memory budget: what the system counts stays within `--max-memory`, reports add up, errors name the least
//! sufficient memory, and results do not depend on any of it.

#![cfg(target_os = "linux")]

mod common;

use std::path::Path;
use std::process::Child;
use std::time::Duration;

use common::{
    Contig, FILES, PLAIN, Ran, Random, bytes_of, command, ended, fasta, faulty, has_faults, listing, repetitive_genome,
    run, skip,
};
use serde_json::Value;

const MIB: u64 = 1 << 20;

/// Peak of anonymous memory of a process that is running, in bytes, as the system counts it every millisecond.
fn peak_of(child: &Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // A zombie process has no such line.
    while let Some(kilobytes) = std::fs::read_to_string(&status).ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    }) {
        peak = peak.max(kilobytes * 1024);
        std::thread::sleep(Duration::from_millis(1));
    }
    peak
}

/// Runs the program with its output in files, so that it never waits for a reader; returns its peak too.
fn watched(at: &Path, arguments: &[&str]) -> (Ran, u64) {
    let file = |name: &str| std::fs::File::create(at.join(name)).expect("created");
    let mut command = command(at, arguments);
    command.stdout(file("watched.out")).stderr(file("watched.err"));
    let child = command.spawn().expect("the program starts");
    let peak = peak_of(&child);
    let code = ended(child).code;
    let text = |name: &str| std::fs::read_to_string(at.join(name)).expect("UTF-8");
    (Ran { code, out: text("watched.out"), err: text("watched.err") }, peak)
}

fn bytes(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is a number of bytes"))
}

/// Asserts that all sums of a report are right and little is unaccounted.
#[track_caller]
fn adds_up(what: &str, report: &Value) {
    let components = report["components"].as_object().expect("components");
    for (moment, resident) in [("current", "current"), ("at_peak", "peak")] {
        let sum: i64 = components.values().map(|row| bytes(&row[moment])).sum();
        assert_eq!(sum, bytes(&report["tracked"][moment]), "{what}: {report:#}");
        let resident = bytes(&report["resident_anonymous"][resident]);
        assert_eq!(sum + bytes(&report["unaccounted"][moment]), resident, "{what}: {report:#}");
    }
    let most = bytes(&report["resident_anonymous"]["peak"]);
    let unaccounted = bytes(&report["unaccounted"]["at_peak"]).unsigned_abs();
    assert!(most > 0 && unaccounted <= (most as u64 / 10).max(16 * MIB), "{what}: {report:#}");
    for row in components.values() {
        assert!(bytes(&row["peak"]) >= bytes(&row["at_peak"]) && bytes(&row["peak"]) >= bytes(&row["current"]));
    }
}

fn report(at: &Path) -> Value {
    let text = std::fs::read_to_string(at.join("memory.json")).expect("a report");
    serde_json::from_str(&text).expect("JSON")
}

/// A genome of the size of a bacterium's, with repeats.
fn write_genome(at: &Path, bases: usize) {
    std::fs::write(at.join("g.fa"), fasta(&repetitive_genome(33, bases), &PLAIN)).expect("written");
}

#[test]
fn every_command_keeps_its_budget_and_its_report_adds_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 4_600_000);
    keep_their_budgets(
        at,
        &[
            &["build-index", "g.fa", "-o", "g.reprise"][..],
            &["build-index", "g.fa", "-o", "all.reprise", "-k", "31", "--min-frequency", "1"],
            &["query", "g.reprise", "g.fa"],
            &["query", "all.reprise", "g.fa", "--per-kmer"],
            &["verify", "g.reprise", "--deep"],
            &["verify", "all.reprise"],
            &["dump", "g.reprise", "--positions"],
            &["dump", "all.reprise", "--sort"],
            &["spectrum", "g.reprise"],
            &["info", "g.reprise"],
            &["info", "all.reprise", "--memory"],
            &["demo", "--bases", "1000000"],
        ],
    );
    // Commands that find repeats take longer.
    run(at, &["simulate", "-o", "sim", "--bases", "250000", "--families", "4", "-q"]).fine();
    run(at, &["build-index", "sim/genome.fa", "-o", "r.reprise", "-q"]).fine();
    run(at, &["annotate", "r.reprise", "--library", "sim/library.fa", "-o", "a", "-q"]).fine();
    keep_their_budgets(
        at,
        &[
            &["list", "."],
            &["simulate", "-o", "new", "--bases", "250000"],
            &["annotate", "r.reprise", "--library", "sim/library.fa", "-o", "a"],
            &["mask", "r.reprise", "--annotation", "a.bed", "-o", "masked.fa"],
            &["mask", "r.reprise", "--annotation", "a.gff3", "--genome", "sim/genome.fa", "-o", "masked.fa"],
            &["query", "r.reprise", "sim/library.fa", "--hits"],
            &["candidates", "r.reprise"],
            &["families", "r.reprise"],
            &["detect", "r.reprise", "-o", "out", "--tandem"],
        ],
    );
}

/// Runs commands with little memory and with much.
fn keep_their_budgets(at: &Path, commands: &[&[&str]]) {
    let asked = ["--memory-report=memory.json", "--json", "--force", "--max-memory"];
    for &arguments in commands {
        for limit in ["64M", "1G"] {
            let (ran, peak) = watched(at, &[arguments, &asked, &[limit]].concat());
            let ran = ran.fine();
            let report = report(at);
            adds_up(&format!("{arguments:?} {limit}"), &report);
            let allowed = report["limit"].as_u64().expect("a number");
            assert!(peak <= allowed, "{arguments:?} had {peak} of {allowed} bytes");
            assert!(report["resident_anonymous"]["peak"].as_u64().expect("a number") <= allowed);
            if arguments[0] == "build-index" {
                assert!(report["expected"].as_u64().expect("a plan") <= allowed);
                assert!(ran.json()["passes"].as_u64().expect("a number") >= 1);
            }
        }
    }
}

/// The least number of MiB that a message names.
#[track_caller]
fn least_named(ran: &Ran) -> u64 {
    assert_eq!(ran.code, 5, "{}", ran.err);
    let (_, rest) = ran.err.split_once("needs at least ").expect("the least is named");
    let (number, unit) = rest.split_once(' ').expect("a size");
    assert!(unit.starts_with("MiB"), "{}", ran.err);
    number.strip_suffix(".0").expect("whole MiB").parse().expect("a number")
}

#[test]
fn an_error_names_the_least_sufficient_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 2_000_000);
    run(at, &["build-index", "g.fa", "-k", "13", "-q"]).fine();
    let before = listing(at);
    for arguments in [
        &["build-index", "g.fa", "-o", "x.reprise"][..],
        &["build-index", "g.fa", "-o", "x.reprise", "-k", "31", "--min-frequency", "1"],
        &["query", "g.reprise", "g.fa"],
        &["dump", "g.reprise", "--sort"],
        &["verify", "g.reprise"],
    ] {
        for threads in ["1", "8"] {
            let with = |memory: &str| run(at, &[arguments, &["-t", threads, "--max-memory", memory]].concat());
            let few = with("2M");
            assert!(few.out.is_empty() && listing(at) == before, "{arguments:?} left something");
            let least = least_named(&few);
            let less = with(&format!("{}M", least - 1));
            assert_eq!((less.code, least_named(&less)), (5, least), "{arguments:?}");
            with(&format!("{least}M")).fine();
            let _ = std::fs::remove_dir_all(at.join("x.reprise"));
        }
    }
}

/// A genome of one k-mer cannot be divided into passes.
#[test]
fn a_crowded_kmer_is_refused_if_it_does_not_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), format!(">a\n{}\n", "A".repeat(3_000_000))).expect("written");
    let build =
        |k: &str, memory: &str| watched(at, &["build-index", "g.fa", "--force", "-q", "-k", k, "--max-memory", memory]);
    for k in ["11", "32"] {
        let least = least_named(&build(k, "30M").0);
        let (ran, peak) = build(k, &format!("{least}M"));
        ran.fine();
        assert!(peak <= least * MIB, "k {k}: {peak} bytes with {least} MiB");
    }
}

/// If few k-mers are stored there are few pages, and the records of a page that do not fit one pass are made in
/// several.
#[test]
fn pages_that_do_not_fit_a_pass_are_made_in_several() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let mut random = Random(8);
    let unit = random.bases(20_000);
    let contigs = [
        ("rare", Contig::new("a", [random.bases(3_000_000), unit[..400].repeat(1500)].concat())),
        ("copies", Contig::new("a", unit.repeat(150))),
    ];
    for (name, contig) in contigs {
        std::fs::write(at.join(format!("{name}.fa")), fasta(&[contig], &PLAIN)).expect("written");
    }
    for (genome, memory, options) in [
        ("rare.fa", "24M", &["-k", "31", "--min-frequency", "1000"][..]),
        ("rare.fa", "24M", &["-k", "21", "--min-frequency", "300", "--max-positions", "7"]),
        ("rare.fa", "24M", &["-k", "32", "--max-frequency", "5"]),
        ("copies.fa", "20M", &["-k", "31", "--min-frequency", "1"]),
        ("copies.fa", "24M", &["-k", "31", "--min-frequency", "1", "--layout", "sorted-dictionary"]),
        ("copies.fa", "24M", &["-k", "12"]),
    ] {
        let build = |target: &str, memory: &str| {
            let arguments = ["build-index", genome, "--json", "-o", target, "--force", "--max-memory", memory];
            let (ran, peak) = watched(at, &[&arguments, options].concat());
            (ran.fine().json()["passes"].as_u64().expect("a number"), peak)
        };
        build("plenty", "2G");
        let (passes, peak) = build("little", memory);
        assert!(passes > 1, "{genome} {options:?}: {passes} pass");
        let allowed = reprise::units::parse_size(memory).expect("a size");
        assert!(peak <= allowed, "{genome} {options:?}: {peak} bytes");
        assert!(bytes_of(&at.join("plenty")) == bytes_of(&at.join("little")), "{genome} {options:?}");
        run(at, &["verify", "little", "--deep"]).fine();
    }
}

/// A build that is killed while a page is made in several passes resumes before that page.
#[test]
fn a_resumed_build_repeats_a_page_of_several_passes() {
    if !has_faults() {
        return;
    }
    let folder = common::quick_folder();
    let at = folder.path();
    write_genome(at, 400_000);
    let build = ["build-index", "g.fa", "-q", "--resume", "-k", "31", "--min-frequency"];
    for frequency in ["2", "500"] {
        let build = [&build[..], &[frequency, "-o"]].concat();
        let whole = ended(faulty(at, &[&build[..], &["whole", "--force"]].concat(), "").spawn().expect("starts"));
        whole.fine();
        for n in [25, 40, 55, 70, 85, 100] {
            let arguments = [&build[..], &["again", "--force"]].concat();
            let killed = faulty(at, &arguments, &format!("kill any {n}")).spawn().expect("starts").wait();
            killed.expect("the program ends");
            ended(faulty(at, &arguments, "").spawn().expect("starts")).fine();
            assert!(bytes_of(&at.join("whole")) == bytes_of(&at.join("again")), "killed at call {n}");
        }
    }
}

/// The estimate samples distinct k-mers, so frequent ones need no more memory than others.
#[test]
fn a_sample_of_few_kmers_keeps_the_budget() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    for unit in ["A", "AC", "AAT"] {
        let letters = unit.repeat(6_000_000 / unit.len());
        std::fs::write(at.join("g.fa"), format!(">a\n{letters}\n")).expect("written");
        for k in ["12", "31"] {
            let (ran, peak) = watched(at, &["build-index", "g.fa", "-q", "-k", k, "--max-memory", "20M"]);
            assert_eq!(ran.code, 5, "{unit} {k}: {}", ran.err);
            assert!(peak <= 20 * MIB, "{unit} {k}: {peak} bytes");
        }
    }
}

#[test]
fn many_threads_keep_the_budget() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 12_000_000);
    for options in [&[][..], &["-k", "31", "--min-frequency", "1"], &["-k", "31"]] {
        for threads in ["16", "32"] {
            let build = ["build-index", "g.fa", "-q", "--force", "--max-memory", "64M", "-t", threads];
            let (ran, peak) = watched(at, &[&build[..], options].concat());
            ran.fine();
            assert!(peak <= 64 * MIB, "{options:?} with {threads} threads had {peak} bytes");
        }
    }
    std::fs::write(at.join("s.fa"), format!(">a\n{}\n", "ACGGT".repeat(30))).expect("written");
    let ran = run(at, &["build-index", "s.fa", "-q", "-t", "20000"]).fine();
    assert!(ran.err.contains("warning: -t 20000 is more than"), "{}", ran.err);
    let ran = run(at, &["build-index", "s.fa", "-q", "--force", "--max-memory", "1000T"]).fine();
    assert!(ran.err.contains("warning: --max-memory is 1000.0 TiB, and the machine"), "{}", ran.err);
}

#[test]
fn little_memory_gives_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 1_000_000);
    run(at, &["build-index", "g.fa", "-o", "plenty", "-q", "--max-memory", "2G"]).fine();
    let low = ["--low-memory", "--memory-report=memory.json", "--json"];
    run(at, &[&["build-index", "g.fa", "-o", "low", "-q"], &low[..]].concat()).fine();
    assert_eq!(report(at)["limit"], 256 * MIB);
    for name in FILES {
        let read = |index: &str| std::fs::read(at.join(index).join(name)).expect("there");
        assert!(read("plenty") == read("low"), "{name} differs");
    }
    let plenty = run(at, &["query", "plenty", "g.fa", "--format", "bedgraph", "--max-memory", "2G"]).fine();
    for options in [&["--low-memory"][..], &["--low-memory", "--max-memory", "16M"], &["--cache-size", "1"]] {
        let low = run(at, &[&["query", "low", "g.fa", "--format", "bedgraph"], options].concat()).fine();
        assert!(low.out == plenty.out, "{options:?}");
    }
}

#[test]
fn a_time_series_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 2_000_000);
    run(at, &["build-index", "g.fa", "-q", "--monitor-memory", "series.tsv"]).fine();
    let rows = |name: &str| {
        let text = std::fs::read_to_string(at.join(name)).expect("there");
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some("#time\tresident_anonymous\tresident_file\ttracked\tcache\tstatus"),
            "the columns of {name}"
        );
        lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect::<Vec<Vec<String>>>()
    };
    let all = rows("series.tsv");
    assert!(all.len() >= 2, "one at the start and one at the end at the least");
    for row in &all {
        assert_eq!(row.len(), 6);
        assert!(row[0].parse::<f64>().expect("seconds") >= 0.0);
        assert!(row[1..5].iter().all(|cell| cell.parse::<u64>().is_ok()), "{row:?}");
        assert!(["ok", "warning", "critical"].contains(&row[5].as_str()));
    }
    assert!(all.iter().any(|row| row[1] != "0"));

    // It is written like other results, for failing commands too.
    run(at, &["verify", "g.reprise", "--monitor-memory", "series.tsv"]).failed(2, &["series.tsv", "exists"]);
    run(at, &["query", "g.reprise", "none.fa", "--monitor-memory", "failed.tsv"]).failed(1, &["none.fa"]);
    assert!(!rows("failed.tsv").is_empty());
}

#[test]
fn info_prints_the_memory_of_look_ups() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 1_000_000);
    run(at, &["build-index", "g.fa", "-q"]).fine();
    let info = run(at, &["info", "g.reprise", "--memory", "--json", "--max-memory", "100M"]).fine().json();
    adds_up("info --memory", &info["memory"]);
    assert_eq!(info["memory"]["limit"], 100 * MIB);
    assert_eq!(info["memory"]["components"]["page index"]["current"], info["tables"]);
    assert_eq!(info["cache_limit"], 50 * MIB);
    let length = |name: &str| std::fs::metadata(at.join("g.reprise").join(name)).expect("there").len();
    for name in ["positions.blk", "sequence.2bit"] {
        assert_eq!(info["mapped_files"][name], length(name));
    }
    let text = run(at, &["info", "g.reprise", "--memory"]).fine().out;
    for part in [
        "bits a k-mer",
        "frequencies",
        "overhead",
        "least",
        "page index",
        "unaccounted",
        "resident anonymous",
        "mapped files, extra",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_parts_of_an_index_add_up_to_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 300_000);
    for layout in [&["-k", "13"][..], &["-k", "13", "--max-positions", "3"], &["-k", "31", "--min-frequency", "1"]] {
        run(at, &[&["build-index", "g.fa", "-q", "--force"], layout].concat()).fine();
        let disk = &run(at, &["info", "g.reprise", "--memory", "--json"]).fine().json()["disk"];
        let bytes = |name: &str| disk[name]["bytes"].as_u64().expect("a number");
        let names: Vec<&String> = disk.as_object().expect("parts").keys().collect();
        let parts: u64 = names.iter().filter(|name| **name != "total").map(|name| bytes(name)).sum();
        let files = std::fs::read_dir(at.join("g.reprise")).expect("a folder");
        let all: u64 = files.map(|file| file.expect("a file").metadata().expect("there").len()).sum();
        assert_eq!((parts, bytes("total")), (all, all), "{layout:?}: {disk:#}");
        let manifest = run(at, &["info", "g.reprise", "--json"]).fine().json();
        assert_eq!(bytes("dictionary") + bytes("frequencies"), manifest["actual"]["dictionary_bytes"], "{disk:#}");
        let file = |name: &str| std::fs::metadata(at.join("g.reprise").join(name)).expect("there").len();
        assert_eq!((bytes("genome"), bytes("positions")), (file("sequence.2bit"), file("positions.blk")));
        for name in names {
            assert!(bytes(name) > 0, "{layout:?}: {name} of {disk:#}");
            let per_base = disk[name]["bits_per_base"].as_f64().expect("a number");
            let bases = manifest["genome"]["bases"].as_f64().expect("a number");
            assert!((per_base - 8.0 * bytes(name) as f64 / bases).abs() <= 0.006, "{name} of {disk:#}");
        }
    }
}

/// A cgroup of this test alone; removed on drop.
struct Group(std::path::PathBuf);

impl Group {
    /// A cgroup with a limit in bytes, if this process may create one.
    fn of(bytes: u64) -> Option<Self> {
        let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = |hierarchy: &str| {
            own.lines()
                .find_map(|line| line.split_once(':')?.1.strip_prefix(hierarchy)?.strip_prefix(":/"))
                .map(Path::new)
        };
        let name = format!("reprise-test-{}", std::process::id());
        let (root, limit) = match path("memory") {
            Some(path) => (Path::new("/sys/fs/cgroup/memory").join(path), "memory.limit_in_bytes"),
            None => (Path::new("/sys/fs/cgroup").join(path("")?), "memory.max"),
        };
        let group = Self(root.join(name));
        std::fs::create_dir(&group.0).ok()?;
        std::fs::write(group.0.join(limit), bytes.to_string()).ok()?;
        Some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_cgroup_of_little_more_than_the_budget_suffices() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 12_000_000);
    let Some(group) = Group::of(96 * MIB) else {
        return skip("this process may not make cgroups with a limit of memory");
    };
    let join = format!("echo $$ > '{}' && exec \"$0\" \"$@\"", group.0.join("cgroup.procs").display());
    for options in [&[][..], &["-k", "31", "--min-frequency", "1"]] {
        let build = ["build-index", "g.fa", "-q", "--force", "--json", "--max-memory", "64M"];
        let ran = std::process::Command::new("sh")
            .args(["-c", &join, env!("CARGO_BIN_EXE_reprise")])
            .args([&build[..], options].concat())
            .current_dir(at)
            .output()
            .expect("sh starts");
        let told = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{}: {told}", ran.status);
        let summary: Value = serde_json::from_slice(&ran.stdout).expect("a summary");
        assert!(summary["bases"].as_u64() >= Some(12_000_000), "{summary}");
    }
}

/// Runs a command whose output is larger than its budget; returns the output.
#[track_caller]
fn keeps(at: &Path, arguments: &[&str], mebibytes: u64) -> String {
    let memory = format!("{mebibytes}M");
    let (ran, peak) = watched(at, &[arguments, &["-q", "-t", "2", "--max-memory", &memory]].concat());
    assert!(peak <= mebibytes * MIB, "{arguments:?} had {peak} of {memory}");
    ran.fine().out
}

/// A k-mer with two million positions: a row of 30 MB, of JSON 80 MB.
#[test]
fn positions_of_a_frequent_kmer_are_never_in_memory_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let bases = 2_000_000;
    std::fs::write(
        at.join("g.fa"),
        format!(">a\n{}\n>b\nACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGTTGCA\n", "A".repeat(bases)),
    )
    .expect("written");
    for (options, k) in [(&["-k", "15"][..], 15), (&["-k", "31", "--min-frequency", "1"], 31)] {
        run(at, &[&["build-index", "g.fa", "--force", "-q"], options].concat()).fine();
        let kmer = "T".repeat(k);
        let count = bases + 1 - k;
        let last = format!(",a:{}:-\t{count}\n", bases - k);
        let query = ["query", "g.reprise", "--kmer", &kmer];
        let row = keeps(at, &[&query[..], &["--positions"]].concat(), 24);
        assert!(row.starts_with(&format!("{kmer}\t{count}\ta:0:-,a:1:-,")) && row.ends_with(&last));
        assert_eq!(row.bytes().filter(|&byte| byte == b',').count(), count - 1);
        let first = keeps(at, &[&query[..], &["--positions=3"]].concat(), 24);
        assert_eq!(first, format!("{kmer}\t{count}\ta:0:-,a:1:-,a:2:-\t3\n"));
        let json = keeps(at, &[&query[..], &["--positions", "--format", "jsonl"]].concat(), 24);
        let json: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&json["frequency"], &json["listed"]), (&count.into(), &count.into()));
        assert_eq!(json["positions"].as_array().map(Vec::len), Some(count));
        assert_eq!(json["positions"][7].to_string(), r#"{"contig":"a","start":7,"strand":"-"}"#);

        let rows = |order: &[&str]| {
            let text = keeps(at, &[&["dump", "g.reprise", "--positions"], order].concat(), 24);
            let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
            rows.sort();
            rows
        };
        let sorted = rows(&["--sort"]);
        let kmer = "A".repeat(k);
        assert!(sorted[0].starts_with(&format!("{kmer}\t{count}\ta:0:+,")));
        assert!(sorted[0].ends_with(&format!(",a:{}:+", bases - k)));
        assert!(rows(&[]) == sorted && sorted.len() > 1);
    }
}

#[test]
fn annotations_and_regions_of_any_number_keep_the_budget() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let bases = 1_200_000;
    let genome = [common::Contig::new("chr1", common::Random(5).bases(bases))];
    std::fs::write(at.join("g.fa"), fasta(&genome, &PLAIN)).expect("written");
    run(at, &["build-index", "g.fa", "-q"]).fine();
    // Each in the lower half of two bases, in an order that merges nothing before the end.
    let starts = || (0..bases / 2).map(|i| 2 * (i * 7919 % (bases / 2)));
    let bed: String = starts().map(|start| format!("chr1\t{start}\t{}\n", start + 1)).collect();
    let gff: String =
        starts().map(|start| format!("chr1\tx\trepeat\t{0}\t{0}\t.\t+\t.\tID=r{0};Parent=p{0}\n", start + 1)).collect();
    std::fs::write(at.join("a.bed"), &bed).expect("written");
    std::fs::write(at.join("a.gff3"), gff).expect("written");
    let mask = |annotation: &str, memory: u64| {
        let memory = format!("{memory}M");
        let all =
            ["mask", "g.reprise", "--replace", "-q", "-t", "2", "--annotation", annotation, "--max-memory", &memory];
        watched(at, &all)
    };
    for annotation in ["a.bed", "a.gff3"] {
        let least = least_named(&mask(annotation, 8).0);
        let (ran, peak) = mask(annotation, least);
        assert!(peak <= least * MIB, "{annotation}: {peak} bytes with {least} MiB");
        let masked = ran.fine().out.bytes().filter(u8::is_ascii_lowercase).count();
        // Those of the name.
        assert_eq!(masked, bases / 2 + "chr".len(), "{annotation}");
    }
    // Rows that touch are merged as they come, whatever their number.
    let touching: String = (0..bases / 2).map(|start| format!("chr1\t{start}\t{}\n", start + 1)).collect();
    std::fs::write(at.join("t.bed"), touching).expect("written");
    mask("t.bed", 8).0.fine();
    let rows = keeps(at, &["query", "g.reprise", "--regions", "a.bed"], 16);
    assert_eq!(rows.lines().count(), bases / 2 + 1);
}

#[test]
fn a_line_of_any_length_keeps_the_budget() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_genome(at, 100_000);
    run(at, &["build-index", "g.fa", "-q"]).fine();
    std::fs::write(at.join("long"), ["chr1\t1\t2\n", &"A".repeat(40_000_000), "\n"].concat()).expect("written");
    std::fs::write(at.join("kmers"), "A".repeat(40_000_000)).expect("written");
    for (arguments, line) in [
        (["mask", "g.reprise", "--annotation", "long"], "long, line 2"),
        (["query", "g.reprise", "--regions", "long"], "long, line 2"),
        (["query", "g.reprise", "--kmers", "kmers"], "kmers, line 1"),
    ] {
        let (ran, peak) = watched(at, &[&arguments[..], &["--max-memory", "16M"]].concat());
        assert!(peak <= 16 * MIB, "{arguments:?}: {peak}");
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains(line) && ran.err.contains("more than 1048576 bytes"), "{}", ran.err);
    }
}
