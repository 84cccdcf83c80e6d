//! An index that lies elsewhere: the same answers as from a local folder, few requests, bounded memory, and an error of
//! one sentence for everything that servers and networks do wrong.
#![cfg(feature = "remote")]

mod common;
#[path = "remote/server.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Bench, Ran, command, ended, run, skip, text};
use reprise::{Error, Index};
use server::{Mode, Server};

const K: usize = 21;

/// A genome with two indexes, `g.reprise` (super-k-mers) and `s.reprise` (sorted), and files of queries.
fn bench(bases: usize) -> Bench {
    let bench = Bench::new(19, bases, K, &["--min-frequency", "1", "-o", "g.reprise"]);
    let sorted = ["build-index", "g.fa", "-q", "-k", "11", "-o", "s.reprise"];
    bench.run(&sorted).fine();
    for (name, k) in [("g.txt", K), ("s.txt", 11)] {
        let letters = &bench.genome[1].letters;
        let windows = letters.windows(k).step_by(97).filter(|w| !w.contains(&b'N') && !w.contains(&b'n'));
        let absent = "ACGT".repeat(k).split_off(4 * k - k);
        let kmers: Vec<String> = windows.map(|w| text(w).to_uppercase()).chain([absent]).collect();
        bench.write(name, kmers.join("\n") + "\n");
    }
    bench.write("lib.fa", format!(">te#LTR/Gypsy\n{}\n", text(&bench.genome[0].letters[200..1200]).replace('N', "A")));
    bench.run(&["build-index", "lib.fa", "-q", "-k", "21", "--min-frequency", "1", "-o", "h.reprise"]).fine();
    let bed = "chr1\t100\t2100\nchrM\t0\t300\nchr2\t1\t2\nchr1\t5\t900\tname\t0\t-\n";
    bench.write("r.bed", bed);
    bench
}

/// Runs a command line, in which `{g}` and `{s}` are the indexes, with local ones and with those at a server.
fn both(bench: &Bench, server: &Server, line: &str) -> [Ran; 2] {
    let g = server.address("g.reprise");
    let s = server.address("s.reprise");
    let local = line.replace("{g}", "g.reprise").replace("{s}", "s.reprise");
    let remote = line.replace("{g}", &g).replace("{s}", &s);
    [local, remote].map(|line| run(bench.at(), &line.split(' ').collect::<Vec<_>>()))
}

/// Bases of a genome of which an index has tens of pages.
const LARGE: usize = 600_000;

/// As [`bench`], of a genome that is too large for an oracle: the folder, and the first contig.
fn large() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let genome = common::repetitive_genome(23, LARGE);
    fs::write(folder.path().join("g.fa"), common::fasta(&genome, &common::PLAIN)).expect("written");
    let k = K.to_string();
    for options in [&["-k", &k, "--min-frequency", "1", "-o", "g.reprise"][..], &["-k", "9", "-o", "s.reprise"]] {
        run(folder.path(), &[&["build-index", "g.fa", "-q"], options].concat()).fine();
    }
    let letters = genome[0].letters.to_ascii_uppercase();
    let windows = letters.windows(K).step_by(97).filter(|w| !w.contains(&b'N'));
    let kmers: Vec<String> = windows.map(text).collect();
    fs::write(folder.path().join("g.txt"), kmers.join("\n") + "\n").expect("written");
    (folder, letters)
}

fn blocks(server: &Server) -> usize {
    server.take_requests().iter().filter(|request| request.file == "positions.blk").count()
}

#[test]
fn every_command_prints_what_it_prints_of_a_local_index() {
    let bench = bench(60_000);
    let server = Server::start(bench.at(), Mode::Sound);
    for line in [
        "query {g} g.fa -q",
        "query {g} g.fa -q -t 4 --batch-size 500",
        "query {s} g.fa -q",
        "query {g} g.fa -q --per-kmer",
        "query {s} g.fa -q --format bedgraph",
        "query {g} g.fa -q --format jsonl",
        "query {g} g.fa -q --hits",
        "query {g} -q --kmers g.txt",
        "query {g} -q --kmers g.txt --positions=1000 -t 4",
        "query {s} -q --kmers s.txt --positions=1000 --batch-size 7",
        "query {s} -q --kmers s.txt --positions=3 --format jsonl",
        "query {g} -q --region chr1:101-5000 --region chrM",
        "query {s} -q --regions r.bed --per-kmer",
        "query {g} -q --region chr2 --low-memory --cache-size 1M",
        "fetch {g} chr1:50-4000 chrM",
        "fetch {g} --regions r.bed",
        "spectrum {g} -q",
        "dump {g} -q",
        "dump {s} -q --positions -t 3",
        "dump {s} -q --sort",
        "info {g} --contigs",
        "info {g} --json",
        "compare {g} h.reprise -q",
        "set intersect {g} h.reprise -q",
        "annotate {g} --library lib.fa -q",
        "mask {g} --annotation r.bed -q",
        "candidates {s} -q",
        "families {s} -q",
    ] {
        let [local, remote] = both(&bench, &server, line);
        let (local, remote) = (local.fine(), remote.fine());
        let root = server.address("");
        assert_eq!(remote.out.replace(&root, ""), local.out, "{line}");
        assert!(!local.out.is_empty(), "{line} prints nothing");
    }
    for line in ["verify {g} -q --json", "verify {s} -q --json --deep", "verify {s} --quick -q --json"] {
        let [local, remote] = both(&bench, &server, line);
        assert_eq!(remote.fine().json(), local.fine().json(), "{line}");
    }
    let check = run(bench.at(), &["info", &server.address("g.reprise"), "--check", "g.fa"]).fine();
    assert!(check.out.contains("of this genome"), "{}", check.out);
    for name in ["g.reprise", "s.reprise"] {
        let big_wig = |index: &str, out: &str| {
            run(bench.at(), &["query", index, "-q", "--region", "chr1", "--format", "bigwig", "-o", out]).fine();
            fs::read(bench.at().join(out)).expect("written")
        };
        let (there, here) = (server.address(name), name);
        assert_eq!(big_wig(&there, &format!("{name}.there.bw")), big_wig(here, &format!("{name}.here.bw")));
    }
    assert!(server.max_active() <= 8, "{} requests in flight", server.max_active());
}

#[test]
fn opening_and_a_cold_look_up_take_few_requests() {
    let (folder, letters) = large();
    let server = Server::start(folder.path(), Mode::Sound);
    let index = Index::open(server.address("g.reprise")).expect("sound");
    let opening = server.take_requests();
    let of = |name: &str| opening.iter().filter(|request| request.file == name).count();
    assert_eq!([of("manifest.json"), of("positions.blk"), of("sequence.2bit")], [1, 1, 1], "{opening:?}");
    assert!(of("catalog.redb") <= 4, "{opening:?}");
    index.contigs().expect("sound");
    let kmers = letters.windows(K).step_by(997).filter(|w| w.iter().all(|b| b"ACGT".contains(b)));
    let kmers: Vec<u64> = kmers.map(|w| index.encode(w).expect("a k-mer")).collect();
    index.positions(kmers[0]).expect("sound");
    server.take_requests();
    // Where pages are is known now: each further look-up takes a page and a block, or less.
    let mut pages = 0;
    for &kmer in &kmers[1..40] {
        assert!(!index.positions(kmer).expect("sound").is_empty());
        let requests = server.take_requests();
        let of = |name: &str| requests.iter().filter(|request| request.file == name).count();
        pages += of("catalog.redb");
        assert!(of("catalog.redb") <= 1 && of("positions.blk") <= 1 && requests.len() <= 2, "{requests:?}");
        index.positions(kmer).expect("sound");
        assert!(server.take_requests().is_empty(), "the second time, page and block are in the cache");
    }
    assert!(pages > 5, "the look-ups are in {pages} pages");
}

#[test]
fn a_batch_fetches_neighbours_together() {
    let (folder, letters) = large();
    let server = Server::start(folder.path(), Mode::Sound);
    for name in ["g.reprise", "s.reprise"] {
        let index = Index::open(server.address(name)).expect("sound");
        let local = Index::open(folder.path().join(name)).expect("sound");
        let k = index.k() as usize;
        let kmers = letters.windows(k).step_by(37).filter(|w| w.iter().all(|b| b"ACGT".contains(b)));
        let kmers: Vec<u64> = kmers.map(|w| index.encode(w).expect("a k-mer")).collect();
        assert!(index.pages() > 12, "{name} has {} pages", index.pages());
        server.take_requests();
        let mut batch = index.batch();
        let found = batch.frequencies(&kmers).expect("sound");
        assert_eq!(found, local.batch().frequencies(&kmers).expect("sound"));
        let requests = server.take_requests();
        let expected = 3 + index.pages() as usize / 8;
        assert!(requests.len() <= expected, "{name}: {} requests of {} pages", requests.len(), index.pages());
    }
    // Positions of a list: blocks come together too.
    run(folder.path(), &["query", &server.address("g.reprise"), "-q", "--kmers", "g.txt", "--positions=9"]).fine();
    let pages = Index::open(folder.path().join("g.reprise")).expect("sound").pages() as usize;
    let requests = blocks(&server);
    assert!(requests <= 3 + pages / 4, "{requests} requests for {pages} blocks");
}

#[test]
fn threads_share_an_index() {
    let bench = bench(60_000);
    let server = Server::start(bench.at(), Mode::Sound);
    let index = Index::open(server.address("g.reprise")).expect("sound");
    let letters = &bench.genome[1].letters;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (index, oracle) = (&index, &bench.oracle);
            scope.spawn(move || {
                for kmer in letters.windows(K).skip(thread).step_by(101) {
                    let Ok(code) = index.encode(kmer) else { continue };
                    let frequency = oracle.frequency(&common::canonical(&kmer.to_ascii_uppercase()));
                    assert_eq!(index.frequency(code).expect("sound"), frequency);
                    assert_eq!(index.positions(code).expect("sound").len() as u64, frequency);
                }
                let bases = index.bases("chr2", 1000..9000).expect("sound");
                assert_eq!(bases, text(&letters[1000..9000]).replace('n', "N"));
            });
        }
    });
    let requests = server.take_requests();
    assert!(requests.len() < 60, "{} requests for a few pages", requests.len());
}

#[test]
fn memory_is_within_the_budget() {
    let (folder, _) = large();
    let server = Server::start(folder.path(), Mode::Sound);
    for (line, limit) in [
        ("query {g} g.fa -q -o a.tsv --memory-report=m.json --json --force", 40),
        ("query {g} -q --region chr1 -o a.tsv --memory-report=m.json --json --force", 40),
        ("dump {g} -q -o a.tsv --memory-report=m.json --json --force", 40),
        ("verify {g} -q -o a.tsv --memory-report=m.json --json --force", 40),
    ] {
        let line = line.replace("{g}", &server.address("g.reprise")) + &format!(" --max-memory {limit}M");
        run(folder.path(), &line.split(' ').collect::<Vec<_>>()).fine();
        let report = fs::read(folder.path().join("m.json")).expect("written");
        let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
        let rows = report["components"].as_object().expect("components");
        let peak = rows["remote reads"]["peak"].as_u64().expect("bytes");
        assert!(peak > 0 && peak < 20 << 20, "{line}: {peak}");
        let peaks = rows.values().map(|row| row["peak"].as_u64().expect("bytes"));
        assert!(peaks.max() <= Some(limit << 20), "{line}: {report}");
    }
}

/// Runs a query for positions of all k-mers of the list.
fn query(at: &Path, server: &Server) -> Ran {
    let index = server.address("g.reprise");
    let mut command = command(at, &["query", &index, "-q", "--kmers", "g.txt", "--positions=5"]);
    ended(command.env("REPRISE_REMOTE_TIMEOUT", "3").spawn().expect("it starts"))
}

#[test]
fn servers_without_tags_and_those_that_recover_are_read() {
    let (folder, _) = large();
    let expected = run(folder.path(), &["query", "g.reprise", "-q", "--kmers", "g.txt", "--positions=5"]).fine();
    for mode in [
        Mode::NoTag,
        Mode::WeakTag,
        Mode::Busy(2),
        Mode::BreaksOff(1),
        Mode::BreaksOffWithoutTag(1),
        Mode::Moved,
        Mode::ChangesTime(usize::MAX),
    ] {
        let server = Server::start(folder.path(), mode);
        let index = server.address("g.reprise");
        let ran = run(folder.path(), &["query", &index, "-q", "--kmers", "g.txt", "--positions=5"]).fine();
        assert_eq!(ran.out, expected.out, "{mode:?}");
        assert_eq!(ran.err, "", "{mode:?}");
    }
}

#[test]
fn servers_that_fail_end_in_one_sentence() {
    let (folder, _) = large();
    for (mode, code, says) in [
        // The first request for blocks is that of opening.
        (Mode::Changes(2), 4, &["positions.blk was replaced while it was read"][..]),
        (Mode::ChangesUnnoticed(2), 4, &["positions.blk was replaced while it was read"]),
        (Mode::ChangesTime(2), 4, &["positions.blk was replaced while it was read"]),
        (Mode::Busy(usize::MAX), 1, &["manifest.json", "503 Service Unavailable"]),
        (Mode::BreaksOff(usize::MAX), 1, &["cannot read http"]),
        (Mode::BreaksOffWithoutTag(usize::MAX), 1, &["cannot read http"]),
        (Mode::Whole, 1, &["does not answer requests for ranges of a file; copy the index"]),
        (Mode::Forbidden, 1, &["manifest.json", "403 Forbidden", "SignatureDoesNotMatch"]),
        (Mode::Wrong(0), 4, &["catalog.redb is damaged"]),
        (Mode::Wrong(1), 4, &["positions.blk is damaged", "wrong checksum"]),
    ] {
        let server = Server::start(folder.path(), mode);
        let ran = query(folder.path(), &server).failed(code, says);
        assert!(!ran.err.contains("AKIDSECRET"), "{}", ran.err);
    }
    let server = Server::start(folder.path(), Mode::Wrong(2));
    let region = ["query", &server.address("g.reprise"), "-q", "--region", "chr1:290000-290100"];
    run(folder.path(), &region).failed(4, &["sequence.2bit is damaged", "wrong checksum"]);
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let bench = bench(60_000);
    let server = Server::start(bench.at(), Mode::Hangs);
    query(bench.at(), &server).failed(1, &["positions.blk", "3 s (REPRISE_REMOTE_TIMEOUT"]);
    // Nobody listens at a port that was just free.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let nobody = format!("http://127.0.0.1:{free}/g.reprise");
    let mut lost = command(bench.at(), &["info", &nobody]);
    let lost = ended(lost.env("REPRISE_REMOTE_TIMEOUT", "2").spawn().expect("it starts"));
    lost.failed(1, &["cannot read http", "manifest.json"]);
    let mut wrong = command(bench.at(), &["info", &nobody]);
    let wrong = ended(wrong.env("REPRISE_REMOTE_TIMEOUT", "soon").spawn().expect("it starts"));
    wrong.failed(2, &["REPRISE_REMOTE_TIMEOUT is wrong"]);
}

#[test]
fn what_is_no_index_and_what_cannot_be_done_is_reported() {
    let bench = bench(60_000);
    let server = Server::start(bench.at(), Mode::Sound);
    let at = |words: &[&str]| run(bench.at(), words);
    let there = server.address("g.reprise");
    at(&["query", &server.address("absent"), "g.fa"]).failed(4, &["absent is not a finished reprise index"]);
    fs::rename(bench.at().join("s.reprise/positions.blk"), bench.at().join("kept")).expect("renamed");
    at(&["query", &server.address("s.reprise"), "g.fa"]).failed(4, &["positions.blk is damaged: the file is missing"]);
    fs::write(bench.at().join("s.reprise/positions.blk"), "short").expect("written");
    at(&["query", &server.address("s.reprise"), "g.fa"]).failed(4, &["it has 5 bytes and should have"]);
    at(&["query", &there, "g.fa", "--populate"]).failed(2, &["copy it to this machine"]);
    for secret in ["http://ann:secret@localhost/g.reprise", "https://localhost/g.reprise?sig=secret"] {
        let ran = at(&["query", secret, "g.fa"]).failed(2, &["no user, password, query"]);
        assert!(!ran.err.contains("secret"), "{}", ran.err);
    }
    let annotate = ["annotate", &there, "--library", "lib.fa", "-q", "--max-memory", "9M"];
    let ran = at(&annotate);
    assert!(ran.code == 5 || ran.code == 0, "{}", ran.err);
    assert!(matches!(Index::open(server.address("absent")), Err(Error::Unfinished { .. })));
}

/// A local S3 server (moto), which ends with this.
struct S3(Child, u16);

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl S3 {
    /// Starts the server if it is installed.
    fn start() -> Option<Self> {
        let mut program = common::tool("moto_server")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        program.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut server = Self(program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"), port);
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = server.0.try_wait().expect("a child") {
                skip(&format!("moto_server does not start ({status}); pip install 'moto[server]'"));
                return None;
            }
            assert!(Instant::now() < deadline, "moto_server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// Sends an object or makes a bucket, without a signature, which moto does not check.
    fn put(&self, path: &str, body: &[u8]) {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.1)).expect("it listens");
        let head = format!(
            "PUT /{path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nx-amz-acl: public-read\r\nContent-Length: {}\r\nConnection: \
             close\r\n\r\n",
            self.1,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }

    /// A command with the environment of this server.
    fn command(&self, at: &Path, words: &[&str], keys: bool) -> Command {
        let mut command = command(at, words);
        command.env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.1)).env("AWS_ALLOW_HTTP", "true");
        command.env_remove("AWS_PROFILE").env("REPRISE_REMOTE_TIMEOUT", "20");
        if keys {
            command.env("AWS_ACCESS_KEY_ID", "AKIDTEST").env("AWS_SECRET_ACCESS_KEY", "secretword");
        } else {
            command.env("AWS_SKIP_SIGNATURE", "true");
        }
        command
    }
}

#[test]
fn an_index_in_s3_is_read() {
    let Some(server) = S3::start() else { return };
    let bench = bench(60_000);
    server.put("genomes", b"");
    for name in common::FILES {
        let bytes = fs::read(bench.at().join("g.reprise").join(name)).expect("there");
        server.put(&format!("genomes/some/g.reprise/{name}"), &bytes);
    }
    let s3 = |words: &[&str], keys| ended(server.command(bench.at(), words, keys).spawn().expect("it starts"));
    let there = "s3://genomes/some/g.reprise";
    for words in [
        &["query", there, "g.fa", "-q"][..],
        &["query", there, "-q", "--kmers", "g.txt", "--positions=7", "-t", "4"],
        &["query", there, "-q", "--region", "chr1:1-9000"],
        &["verify", there, "--deep", "-q", "--json"],
        &["dump", there, "-q"],
        &["annotate", there, "--library", "lib.fa", "-q"],
    ] {
        let local: Vec<&str> = words.iter().map(|word| if *word == there { "g.reprise" } else { word }).collect();
        let expected = bench.run(&local).fine();
        for keys in [true, false] {
            let ran = s3(words, keys).fine();
            assert_eq!((ran.out, ran.err), (expected.out.clone(), String::new()), "{words:?}");
        }
    }
    let absent = s3(&["info", "s3://genomes/none"], true).failed(4, &["s3://genomes/none is not a finished"]);
    let mut plain = server.command(bench.at(), &["info", there], true);
    let plain = ended(plain.env_remove("AWS_ALLOW_HTTP").spawn().expect("it starts"));
    plain.failed(1, &["set AWS_ALLOW_HTTP=true"]);
    let no_bucket = s3(&["info", "s3://nowhere/none"], true);
    for ran in [absent, no_bucket] {
        assert!(ran.code != 0 && !ran.err.contains("secretword") && !ran.err.contains("AKIDTEST"), "{}", ran.err);
    }
}
