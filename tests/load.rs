//! Eight processes query one index at once, two threads each, within 128 MB each: every answer is right, and together
//! they use less than 1 GB.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Bench, PLAIN, Random, fasta, text};

const PROCESSES: usize = 8;

/// Peak of anonymous memory of a process in bytes, as the system counts it; 0 once it has ended.
#[cfg(target_os = "linux")]
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Queries, and the answers to a single process.
fn questions(bench: &Bench, k: usize) -> Vec<(Vec<String>, String)> {
    let mut random = Random(6);
    let sorted = bench.oracle.sorted();
    let mut list = String::new();
    let mut frequencies = String::new();
    for n in 0..4000 {
        let kmer = if n % 5 == 0 { random.bases(k) } else { sorted[random.below(sorted.len())].0.to_vec() };
        list += &format!("{}\n", text(&kmer));
        frequencies += &format!("{}\t{}\n", text(&kmer), bench.oracle.frequency(&kmer));
    }
    std::fs::write(bench.at().join("kmers.txt"), list).expect("written");
    let rows: String = bench.genome.iter().map(|c| bench.oracle.row(&c.name, &c.letters, 1)).collect();
    let per_kmer: String = bench
        .genome
        .iter()
        .flat_map(|c| {
            bench.oracle.per_kmer(&c.letters, 1).into_iter().map(|(at, f)| format!("{}\t{at}\t{f}\n", c.name))
        })
        .collect();
    let words = |text: &str| format!("{text} -q -t 2 --max-memory 128M").split(' ').map(str::to_owned).collect();
    vec![
        (words("query g.reprise g.fa"), format!("{}{rows}", common::HEADER)),
        (words("query g.reprise g.fa --per-kmer"), per_kmer),
        (words("query g.reprise --kmers kmers.txt"), frequencies),
        (words("dump g.reprise --sort"), bench.oracle.dump(1)),
    ]
}

/// Rounds of eight processes; returns how many ran, and the most memory that eight used at once.
#[cfg(target_os = "linux")]
fn load(at: &Path, questions: &[(Vec<String>, String)], until: impl Fn(usize) -> bool) -> (usize, u64) {
    let (mut ran, mut most) = (0, 0);
    while !until(ran) {
        std::thread::scope(|scope| {
            let mut processes = Vec::new();
            for number in 0..PROCESSES {
                let (words, out) = &questions[(ran + number) % questions.len()];
                let child = common::command(at, words).spawn().expect("it starts");
                processes.push(child.id());
                scope.spawn(move || {
                    let ended = common::ended(child).fine();
                    assert!(ended.out == *out, "{words:?}: another answer under load");
                });
            }
            loop {
                let each: Vec<u64> = processes.iter().map(|&process| resident(process)).collect();
                most = most.max(each.iter().sum());
                if each.iter().all(|&bytes| bytes == 0) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        ran += PROCESSES;
    }
    (ran, most)
}

#[cfg(target_os = "linux")]
fn check(k: usize, bases: usize, until: impl Fn(usize) -> bool) {
    let bench = Bench::new(12, bases, k, &["--min-frequency", "1"]);
    let fasta = fasta(&bench.genome, &PLAIN);
    assert!(fasta.len() > bases);
    let (ran, most) = load(bench.at(), &questions(&bench, k), until);
    println!("k {k}: {ran} processes, {} MB resident at the most", most >> 20);
    assert!(most < 1 << 30, "{most}");
}

#[test]
#[cfg(target_os = "linux")]
fn eight_processes_at_once() {
    check(31, 60_000, |ran| ran >= 3 * PROCESSES);
    check(13, 60_000, |ran| ran >= 3 * PROCESSES);
}

/// The same for a minute each: `cargo test --release --test load -- --ignored --nocapture`.
#[test]
#[ignore = "takes two minutes"]
#[cfg(target_os = "linux")]
fn eight_processes_for_a_minute() {
    for k in [31, 13] {
        let start = Instant::now();
        check(k, 2_000_000, |_| start.elapsed() > Duration::from_secs(60));
    }
}
