//! Guarantees for readers of an index: any number at once, on read-only media and as any user; nothing is locked or
//! written; and an index that is replaced meanwhile is read to the end as it was.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Bench, FILES, PLAIN, Random, ended, fasta, repetitive_genome};
use reprise::index::Depth;
use reprise::{Index, Silent};

const K: usize = 21;

fn bench() -> Bench {
    Bench::new(4, 20_000, K, &["--min-frequency", "1"])
}

/// Metadata of the index's folder and files, without the time of the last access.
fn state(index: &Path) -> Vec<(PathBuf, [u64; 2], u32, [i64; 4])> {
    let all = FILES.iter().map(|name| index.join(name)).chain([index.to_owned()]);
    all.map(|path| {
        let m = fs::metadata(&path).expect("there");
        (path, [m.ino(), m.len()], m.mode(), [m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()])
    })
    .collect()
}

/// Every command that reads an index, with its output if that is known.
fn commands(bench: &Bench) -> Vec<(Vec<String>, Option<String>)> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let rows: String = bench.genome.iter().map(|c| bench.oracle.row(&c.name, &c.letters, 1)).collect();
    vec![
        (words("query g.reprise g.fa -q"), Some(format!("{}{rows}", common::HEADER))),
        (words("dump g.reprise --sort -q"), Some(bench.oracle.dump(1))),
        (words("verify g.reprise -q --deep"), None),
        (words("verify g.reprise -q --quick"), None),
        (words("spectrum g.reprise -q"), None),
        (words("info g.reprise --memory"), None),
        (words("query g.reprise -q --region chr1:100-900 --populate"), None),
    ]
}

/// Many processes at once; nothing in the index changes, and no file appears next to it.
#[test]
fn many_processes_leave_no_trace() {
    let bench = bench();
    let (before, listing) = (state(&bench.at().join("g.reprise")), common::listing(bench.at()));
    let mut count = 0;
    for _ in 0..2 {
        let all: Vec<_> = commands(&bench)
            .into_iter()
            .map(|(words, out)| (common::command(bench.at(), &words).spawn().expect("it starts"), words, out))
            .collect();
        for (child, words, out) in all {
            let ran = ended(child).fine();
            assert!(out.is_none_or(|out| out == ran.out), "{words:?}");
            count += 1;
        }
    }
    assert_eq!(state(&bench.at().join("g.reprise")), before);
    assert_eq!(common::listing(bench.at()), listing);
    println!("{count} processes");
}

/// As user nobody, with a folder and files that are read-only for it.
#[test]
fn readers_without_write_permission() {
    let bench = bench();
    // In a folder that any user can reach.
    let program = bench.at().join("reprise");
    fs::copy(env!("CARGO_BIN_EXE_reprise"), &program).expect("copied");
    let index = bench.at().join("g.reprise");
    for name in FILES {
        fs::set_permissions(index.join(name), Permissions::from_mode(0o444)).expect("set");
    }
    fs::set_permissions(&index, Permissions::from_mode(0o555)).expect("set");
    fs::set_permissions(bench.at(), Permissions::from_mode(0o555)).expect("set");
    let before = state(&index);
    // SAFETY: getuid has no arguments and cannot fail.
    #[allow(unsafe_code)]
    let is_root = unsafe { libc::getuid() } == 0;
    for (words, out) in commands(&bench) {
        let mut command = Command::new(&program);
        command.args(&words).current_dir(bench.at()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Modes bind all users but root.
        if is_root {
            command.uid(65_534).gid(65_534);
        }
        let ran = ended(command.spawn().expect("it starts")).fine();
        assert!(out.is_none_or(|out| out == ran.out), "{words:?}");
    }
    assert_eq!(state(&index), before);
    // So that the folder can be removed.
    fs::set_permissions(&index, Permissions::from_mode(0o755)).expect("set");
    fs::set_permissions(bench.at(), Permissions::from_mode(0o755)).expect("set");
}

/// On a mount that is read-only for root too.
#[test]
fn a_read_only_mount() {
    let bench = bench();
    let at = bench.at().to_str().expect("UTF-8");
    let program = env!("CARGO_BIN_EXE_reprise");
    let run = |script: &str| {
        let mount = format!("mount --bind {at} {at} && mount -o remount,bind,ro {at} && cd {at} && {script}");
        Command::new("unshare").args(["--mount", "sh", "-c", &mount]).output()
    };
    if !run("! touch x 2>/dev/null").is_ok_and(|output| output.status.success()) {
        return common::skip("this user cannot mount");
    }
    for (words, out) in commands(&bench) {
        let output = run(&format!("{program} {}", words.join(" "))).expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {err}");
        assert!(out.is_none_or(|out| out.as_bytes() == output.stdout), "{words:?}");
    }
}

/// An open index has no lock and no writable descriptor, and opens under the locks of others.
#[test]
#[cfg(target_os = "linux")]
fn nothing_is_locked() {
    let bench = bench();
    let folder = bench.at().join("g.reprise");
    let index = Index::open(&folder).expect("sound");
    index.verify(Depth::Sequence, &Silent).expect("sound");
    let inodes: Vec<u64> = FILES.iter().map(|name| fs::metadata(folder.join(name)).expect("there").ino()).collect();
    let locks = || {
        let all = fs::read_to_string("/proc/locks").expect("told");
        let inode = |line: &str| line.split(' ').filter_map(|w| w.rsplit_once(':')?.1.parse::<u64>().ok()).next_back();
        all.lines().filter(|line| inode(line).is_some_and(|inode| inodes.contains(&inode))).count()
    };
    assert_eq!(locks(), 0);
    for fd in common::listing(Path::new("/proc/self/fd")) {
        let target = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        if target.starts_with(&folder) {
            let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).expect("told");
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
            assert_eq!(u32::from_str_radix(flags.trim(), 8).expect("octal") & 3, 0, "{target:?} is open for writing");
        }
    }
    let held: Vec<_> = FILES.map(|name| fs::File::open(folder.join(name)).expect("there")).into();
    held.iter().for_each(|file| file.lock().expect("nobody else holds it"));
    assert_eq!(locks(), FILES.len());
    for (words, out) in commands(&bench) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ran = bench.run(&words).fine();
        assert!(out.is_none_or(|out| out == ran.out), "{words:?}");
    }
}

/// A reader continues with the index that it opened while another replaces it, in its process and in others.
#[test]
#[cfg(target_os = "linux")]
fn a_replaced_index_is_read_to_the_end() {
    let bench = bench();
    let folder = bench.at().join("g.reprise");
    let old = Index::open(&folder).expect("sound");
    // A process that has the index open and waits for k-mers.
    let mut child = common::command(bench.at(), &["query", "g.reprise", "-q", "--kmers", "-", "--positions"]);
    let mut child = child.stdin(Stdio::piped()).spawn().expect("it starts");
    let maps = format!("/proc/{}/maps", child.id());
    while !fs::read_to_string(&maps).expect("told").contains("sequence.2bit") {
        assert!(child.try_wait().expect("told").is_none(), "it has ended");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let other = repetitive_genome(77, 9_000);
    fs::write(bench.at().join("other.fa"), fasta(&other, &PLAIN)).expect("written");
    bench
        .run(&["build-index", "other.fa", "-q", "-k", "21", "--min-frequency", "1", "-o", "g.reprise", "--force"])
        .fine();

    let mut lines = Vec::new();
    let mut random = Random(3);
    let sorted = bench.oracle.sorted();
    for _ in 0..300 {
        let kmer = sorted[random.below(sorted.len())].0;
        let code = old.encode(kmer).expect("a k-mer");
        assert_eq!(old.frequency(code).expect("as before"), bench.oracle.frequency(kmer));
        lines.push(common::text(kmer));
    }
    old.verify(Depth::Sequence, &Silent).expect("as it was");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, (lines.join("\n") + "\n").as_bytes()).expect("it reads");
    drop(stdin);
    let ran = ended(child).fine();
    for (row, kmer) in ran.out.lines().zip(&lines) {
        let columns: Vec<&str> = row.split('\t').collect();
        let places = bench.oracle.places(kmer.as_bytes());
        let name = |contig: u32| &bench.genome[contig as usize].name;
        let places: Vec<String> = places.iter().map(|&(c, at, strand)| format!("{}:{at}:{strand}", name(c))).collect();
        assert_eq!(columns[..3], [kmer, &bench.oracle.frequency(kmer.as_bytes()).to_string(), &places.join(",")]);
    }
    assert_eq!(ran.out.lines().count(), lines.len());
    let new = Index::open(&folder).expect("sound");
    assert_eq!(new.contigs().expect("sound").iter().map(|c| c.length).sum::<u64>(), 9_000);
}
