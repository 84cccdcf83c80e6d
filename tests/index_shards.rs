//! An index of parts that were built apart has the bytes of a single build, whatever the parts, threads and memory; and
//! parts that do not belong together are refused before anything is written.

mod common;

use std::path::Path;

use common::{FILES, PLAIN, Ran, bytes_of, command, ended, fasta, faulty, has_faults, listing, repetitive_genome, run};
use reprise::builder::{BuildOptions, BuildTuning, build_index_tuned, build_part_tuned, merge_index};
use reprise::bundle::Shard;
use reprise::dictionary::LayoutKind;
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Error, Silent};

/// A folder with the genome `g.fa`.
fn folder(seed: u64, bases: usize) -> tempfile::TempDir {
    let folder = common::quick_folder();
    std::fs::write(folder.path().join("g.fa"), fasta(&repetitive_genome(seed, bases), &PLAIN)).expect("written");
    folder
}

/// Builds part `shard`, such as `2/3`, at `p2`; returns the summary.
#[track_caller]
fn build_part(at: &Path, shard: &str, what: &[&str]) -> serde_json::Value {
    let name = format!("p{}", shard.split('/').next().expect("a number"));
    run(at, &[&["build-index", "g.fa", "--json", "--shard", shard, "-o", &name], what].concat()).fine().json()
}

/// The names of the parts, the last one first: their order is free.
fn names(count: u32) -> Vec<String> {
    (1..=count).rev().map(|number| format!("p{number}")).collect()
}

/// Merges parts to `name`.
fn merge(at: &Path, parts: &[String], name: &str, more: &[&str]) -> Ran {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    run(at, &[&["merge-index", "-o", name], &parts[..], more].concat())
}

fn remove(at: &Path, names: &[String]) {
    names.iter().for_each(|name| std::fs::remove_dir_all(at.join(name)).expect("a part can be removed"));
}

/// Asserts that two indexes have the same bytes.
#[track_caller]
fn same(one: &Path, other: &Path, what: &str) {
    assert_eq!(listing(one), FILES, "{what}");
    for (name, (one, other)) in FILES.iter().zip(bytes_of(one).into_iter().zip(bytes_of(other))) {
        assert!(one == other, "{what}: {name} differs");
    }
}

/// Both layouts, every filter, any number of parts, one thread or two, much memory and little.
#[test]
fn parts_make_the_bytes_of_a_single_build() {
    let folder = folder(7, 120_000);
    let at = folder.path();
    let mut merged = 0;
    for (what, counts) in [
        ("-k 9", &[1, 3][..]),
        ("-k 13", &[2, 7, 64]),
        ("-k 16 --min-frequency 3 --max-frequency 40 --max-positions 5", &[3]),
        ("-k 21 --min-frequency 1", &[1, 2, 7, 64]),
        ("-k 31 --min-frequency 1", &[3]),
        ("-k 31 --min-frequency 1 --layout sorted-dictionary", &[3]),
        ("-k 32", &[2]),
        ("-k 2", &[3]),
        ("-k 12 --expected-kmers 5000", &[2]),
    ] {
        let words: Vec<&str> = what.split(' ').collect();
        run(at, &[&["build-index", "g.fa", "-q", "-o", "whole", "--force"], &words[..]].concat()).fine();
        for &count in counts {
            let mut pages = 0;
            let mut stored = 0;
            for number in 1..=count {
                let threads = ["1", "2"][number as usize % 2];
                let summary = build_part(at, &format!("{number}/{count}"), &[&words[..], &["-t", threads]].concat());
                assert_eq!(summary["first_page"], pages, "{what}, {count} parts");
                pages += summary["pages"].as_u64().expect("a number");
                stored += summary["stored_kmers"].as_u64().expect("a number");
                let has_genome = at.join(format!("p{number}/sequence.2bit")).exists();
                assert_eq!(has_genome, number == 1);
            }
            let parts = names(count);
            let summary = merge(at, &parts, "merged", &["--json", "--force"]).fine().json();
            assert_eq!((&summary["stored_kmers"], &summary["parts"]), (&stored.into(), &count.into()));
            same(&at.join("merged"), &at.join("whole"), &format!("{what}, {count} parts"));
            remove(at, &parts);
            merged += 1;
        }
        run(at, &["verify", "merged", "--deep"]).fine();
    }
    println!("{merged} indexes of parts have the bytes of a single build");
}

/// The least memory, hence several passes over the genome and seeds in several walks, for parts and merge.
#[test]
fn little_memory_gives_the_same_bytes() {
    // Super-k-mers need so little memory that several passes need a larger genome.
    for (bases, what) in [(1_500_000, &["-k", "13"][..]), (6_000_000, &["-k", "31", "--min-frequency", "1"])] {
        let folder = folder(8, bases);
        let at = folder.path();
        run(at, &[&["build-index", "g.fa", "-q", "-o", "whole", "--force"], what].concat()).fine();
        let mut passes = 0;
        for number in 1..=2 {
            let least = (8..256u64).find_map(|halves| {
                let memory = (halves << 19).to_string();
                let (shard, name) = (format!("{number}/2"), format!("p{number}"));
                let tried = ["build-index", "g.fa", "--json", "--shard", &shard, "-o", &name, "--max-memory", &memory];
                let ran = run(at, &[&tried[..], what, &["-t", "1"]].concat());
                if ran.code == 5 { None } else { Some(ran.fine().json()["passes"].as_u64().expect("a number")) }
            });
            passes += least.expect("128 MiB are enough for a small genome");
        }
        let merged = (8..256u64).find_map(|halves| {
            let ran = merge(at, &names(2), "merged", &["--max-memory", &(halves << 19).to_string(), "--force", "-q"]);
            if ran.code == 5 { None } else { Some((halves << 19, ran.fine())) }
        });
        let (memory, _) = merged.expect("128 MiB are enough for a small index");
        same(&at.join("merged"), &at.join("whole"), &format!("{what:?}"));
        println!("{what:?}: two parts in {passes} passes, merged in {} MiB", memory >> 20);
        assert!(passes > 2, "{what:?}: {passes} passes");
    }
}

/// Parts consist of the same pages whether a bin is a part of a page or several pages.
#[test]
fn bins_of_several_pages_do_not_move_the_parts() {
    let folder = folder(9, 300_000);
    let at = folder.path();
    // A source counts what was read of it, so each build has its own.
    let source = || [Source::new(at.join("g.fa"))];
    for (k, layout) in [(13, LayoutKind::SortedDictionary), (31, LayoutKind::SuperKmers)] {
        let min_frequency = if layout == LayoutKind::SuperKmers { 1 } else { 2 };
        let options = BuildOptions { k: Some(k), min_frequency, force: true, ..BuildOptions::default() };
        let usual = BuildTuning::default();
        let whole = at.join("whole");
        build_index_tuned(&source(), &whole, (&options, &usual), &Budget::new(1 << 30), &Silent).expect("a genome");
        // A share of a pass is divided alike in one pass of few bins and in several passes of many.
        let mut pages = Vec::new();
        for (name, large_pass) in [("one", None), ("several", Some(200_000))] {
            let tuning = BuildTuning { max_bins: 5, large_pass, ..usual.clone() };
            let parts: Vec<_> = (1..=3).map(|number| at.join(format!("{name}{number}"))).collect();
            let build = |(number, target): (u32, &std::path::PathBuf)| {
                let what = (&options, &tuning, Shard { number, count: 3 });
                let report =
                    build_part_tuned(&source(), target, what, &Budget::new(1 << 30), &Silent).expect("a genome");
                (report.manifest.pages, report.passes)
            };
            let (ranges, passes): (Vec<_>, Vec<_>) = (1..).zip(&parts).map(build).unzip();
            assert!(name == "one" || passes.iter().any(|&passes| passes > 1), "{passes:?}");
            assert!(ranges.iter().filter(|range| !range.is_empty()).count() > 1, "{ranges:?}");
            pages.push(ranges);
            let target = at.join("merged");
            let manifest = merge_index(&parts, &target, true, &Budget::new(64 << 20), &Silent).expect("all parts");
            let single = reprise::bundle::Manifest::read(&whole).expect("sound");
            assert_eq!(manifest.files, single.files, "k {k}, {name}");
        }
        assert_eq!(pages[0], pages[1], "k {k}");
    }
}

/// A part has about its share of the records.
#[test]
fn parts_are_of_about_the_same_size() {
    let folder = folder(10, 400_000);
    let at = folder.path();
    for what in [&["-k", "13"][..], &["-k", "21", "--min-frequency", "1"]] {
        let kmers: Vec<f64> = (1..=4)
            .map(|number| build_part(at, &format!("{number}/4"), what)["kmers"].as_f64().expect("a number"))
            .collect();
        let mean = kmers.iter().sum::<f64>() / 4.0;
        assert!(kmers.iter().all(|&kmers| (kmers / mean - 1.0).abs() < 0.35), "{what:?}: {kmers:?}");
        for number in 1..=4 {
            let shard = format!("{number}/4");
            let plan = run(at, &[&["build-index", "g.fa", "--dry-run", "--json", "--shard", &shard], what].concat());
            let share = plan.fine().json()["part"]["share"].as_f64().expect("a number");
            assert!((share - 0.25).abs() < 0.1, "{what:?}, part {number}: {share}");
        }
        remove(at, &names(4));
    }
}

/// Enough bases that each of three parts has pages.
const BASES: usize = 300_000;

/// A folder with the three parts `p1` to `p3`.
fn three_parts() -> tempfile::TempDir {
    let folder = folder(11, BASES);
    (1..=3).for_each(|number| drop(build_part(folder.path(), &format!("{number}/3"), &["-k", "11"])));
    folder
}

/// Merging fails with these words, and leaves the folder as it was.
#[track_caller]
fn refused(at: &Path, parts: &[&str], says: &[&str]) {
    let before = listing(at);
    let parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
    merge(at, &parts, "merged", &[]).failed(3, says);
    assert_eq!(listing(at), before);
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let folder = three_parts();
    let at = folder.path();
    refused(at, &["p1", "p3"], &["p1: ", "has 3 parts", "part 2 is missing"]);
    refused(at, &["p3"], &["p3: ", "parts 1, 2 are missing"]);
    refused(at, &["p1", "p2", "p3", "p2"], &["p2: it is part 2 of 3, and so is p2"]);
    common::copy_index_part(at, "p2", "again");
    refused(at, &["p1", "p2", "again", "p3"], &["again: it is part 2 of 3, and so is p2", "name one of them"]);
    refused(at, &["g.fa", "p1"], &["g.fa: it is not a part of an index: it is a file"]);
    std::fs::create_dir(at.join("empty")).expect("new");
    refused(at, &["p1", "empty"], &["empty: it is not a part of an index: it has no manifest.json"]);
    run(at, &["build-index", "g.fa", "-q", "-k", "11", "-o", "whole"]).fine();
    refused(at, &["p1", "whole"], &["whole: it is not a part of an index: it is a whole index"]);
    merge(at, &["p1".to_owned(), "nowhere".to_owned()], "merged", &[]).failed(1, &["cannot open nowhere"]);

    // Parts of other indexes, each with what differs.
    let text = |seed| fasta(&repetitive_genome(seed, BASES), &PLAIN);
    std::fs::write(at.join("other.fa"), text(12)).expect("written");
    std::fs::write(at.join("lower.fa"), text(11).to_ascii_lowercase()).expect("written");
    let build = |name: &str, what: &[&str]| {
        run(at, &[&["build-index", "-q", "-o", name, "--force"], what].concat()).fine();
    };
    for (what, says) in [
        (&["other.fa", "-k", "11", "--shard", "2/3"][..], "of another genome (other.fa), and that one of g.fa"),
        (&["lower.fa", "-k", "11", "--shard", "2/3"], "its genome was read from other files"),
        (&["g.fa", "-k", "12", "--shard", "2/3"], "its k is 12, and that one's 11"),
        (&["g.fa", "-k", "11", "--shard", "2/4"], "the number of parts of its index is 4, and that one's 3"),
        (&["g.fa", "-k", "11", "--shard", "2/3", "--min-frequency", "3"], "its minimum frequency is 3"),
        (&["g.fa", "-k", "11", "--shard", "2/3", "--max-frequency", "9"], "its maximum frequency is 9, and that one's"),
        (&["g.fa", "-k", "11", "--shard", "2/3", "--max-positions", "9"], "its maximum of positions is 9"),
        (&["g.fa", "-k", "11", "--shard", "2/3", "--expected-kmers", "9"], "expected another number of k-mers"),
    ] {
        build("foreign", what);
        refused(at, &["p1", "foreign", "p3"], &["foreign: it is not of the same index as p1: ", says]);
    }
    build("one", &["g.fa", "-k", "21", "--min-frequency", "1", "--shard", "1/2"]);
    build("two", &["g.fa", "-k", "21", "--min-frequency", "1", "--layout", "sorted-dictionary", "--shard", "2/2"]);
    refused(at, &["one", "two"], &["two: it is not of the same index as one: its layout is sorted-dictionary"]);

    // Other versions of the format and of the program.
    let manifest = std::fs::read_to_string(at.join("p2/manifest.json")).expect("there");
    let newer = manifest.replace("\"format_version\": 1", "\"format_version\": 2");
    std::fs::write(at.join("again/manifest.json"), newer).expect("written");
    refused(at, &["p1", "again", "p3"], &["again: it has part format 2", "the reprise that wrote it"]);
    let mut older: reprise::bundle::PartManifest = serde_json::from_str(&manifest).expect("a manifest");
    older.written_by = "reprise 0.0.1".to_owned();
    std::fs::write(at.join("again/manifest.json"), common::sealed(&older)).expect("written");
    refused(at, &["p1", "again", "p3"], &["again: it was written by reprise 0.0.1, and this is reprise "]);
}

/// A part with any file cut, changed or missing is refused with the path of the file.
#[test]
fn damaged_parts_are_refused() {
    let folder = three_parts();
    let at = folder.path();
    let mut damaged = 0;
    for part in ["p1", "p2"] {
        for name in listing(&at.join(part)) {
            let path = at.join(part).join(&name);
            let whole = std::fs::read(&path).expect("there");
            let said = format!("{part}/{name}: it is damaged: ");
            let says = [&said[..], "build "];
            for at_byte in [0, whole.len() / 2, whole.len() - 1] {
                let mut changed = whole.clone();
                changed[at_byte] ^= 1;
                std::fs::write(&path, changed).expect("written");
                let ran = merge(at, &names(3), "merged", &[]);
                // Some bytes of a manifest make it one of something else.
                if name == "manifest.json" {
                    ran.failed(3, &[part])
                } else {
                    ran.failed(3, &says)
                };
                damaged += 1;
            }
            std::fs::write(&path, &whole[..whole.len() - 1]).expect("written");
            refused(at, &["p1", "p2", "p3"], &says);
            std::fs::remove_file(&path).expect("there");
            if name != "manifest.json" {
                refused(at, &["p1", "p2", "p3"], &[&says[..], &["the file is missing"]].concat());
                let listed = run(at, &["list", part, "--json"]).fine().json_lines();
                assert_eq!(listed[0]["state"], "damaged");
            }
            std::fs::write(&path, whole).expect("written");
        }
    }
    assert!(!listing(at).iter().any(|name| name.contains("merged")));
    println!("{damaged} damaged parts were refused");
    merge(at, &names(3), "merged", &[]).fine();
}

/// Parts whose manifests are right and whose contents are not: an error, and never a panic or an index.
#[test]
fn forged_parts_are_refused() {
    let folder = three_parts();
    let at = folder.path();
    let manifest = std::fs::read_to_string(at.join("p1/manifest.json")).expect("there");
    let sound: reprise::bundle::PartManifest = serde_json::from_str(&manifest).expect("a manifest");
    let mut forged = 0;
    for name in sound.files.keys() {
        let path = at.join("p1").join(name);
        let whole = std::fs::read(&path).expect("there");
        let step = whole.len() / 12 + 1;
        for byte in (0..24).chain((24..whole.len()).step_by(step)).filter(|&byte| byte < whole.len()) {
            for bits in [1, 0xFF] {
                let mut bytes = whole.clone();
                bytes[byte] ^= bits;
                std::fs::write(&path, &bytes).expect("written");
                let mut manifest = sound.clone();
                let blake3 = blake3::hash(&bytes).to_hex().to_string();
                manifest.files.get_mut(name).expect("there").blake3 = blake3;
                std::fs::write(at.join("p1/manifest.json"), common::sealed(&manifest)).expect("written");
                let ran = merge(at, &names(3), "merged", &["--force"]);
                assert!(!ran.err.contains("panicked"), "{name}, byte {byte}: {}", ran.err);
                // Digests of bases and lower case are not compared, so some forged genomes are merged.
                assert!([0, 3, 4].contains(&ran.code), "{name}, byte {byte}: {} {}", ran.code, ran.err);
                forged += 1;
            }
        }
        std::fs::write(&path, whole).expect("written");
    }
    for change in [
        |m: &mut reprise::bundle::PartManifest| m.pages.end = u64::MAX,
        |m: &mut reprise::bundle::PartManifest| m.pages.end -= 1,
        |m: &mut reprise::bundle::PartManifest| m.pages.start = 1,
        |m: &mut reprise::bundle::PartManifest| m.actual.kmers += 1,
        |m: &mut reprise::bundle::PartManifest| m.actual.stored_kmers -= 1,
        |m: &mut reprise::bundle::PartManifest| m.actual.position_bytes -= 8,
        |m: &mut reprise::bundle::PartManifest| m.actual.dictionary_bytes = u64::MAX,
        |m: &mut reprise::bundle::PartManifest| m.shard.number = 0,
        |m: &mut reprise::bundle::PartManifest| m.shard.count = u32::MAX,
        |m: &mut reprise::bundle::PartManifest| drop(m.files.remove("spectrum.bin")),
    ] {
        let mut manifest = sound.clone();
        change(&mut manifest);
        std::fs::write(at.join("p1/manifest.json"), common::sealed(&manifest)).expect("written");
        merge(at, &names(3), "forged", &[]).failed(3, &["p"]);
        forged += 1;
    }
    assert!(!listing(at).iter().any(|name| name.contains("forged")));
    println!("{forged} forged parts");
}

/// A part is not an index, and commands report what it is; `list` shows it.
#[test]
fn a_part_is_not_an_index() {
    let folder = three_parts();
    let at = folder.path();
    let says = ["p2 is part 2 of 3 of an index", "`reprise merge-index`"];
    for words in ["info p2", "verify p2", "query p2 --kmer ACGTACGTACG", "dump p2", "spectrum p2", "fetch p2 chr1:1-9"]
    {
        run(at, &words.split(' ').collect::<Vec<_>>()).failed(4, &says);
    }
    let listed = run(at, &["list", "--json"]).fine().json_lines();
    assert_eq!(listed.len(), 3);
    for (number, row) in (1..).zip(&listed) {
        assert_eq!((&row["state"], &row["k"], &row["format"]), (&"part".into(), &11.into(), &1.into()));
        assert!(row["problem"].as_str().is_some_and(|text| text.contains(&format!("part {number} of 3"))), "{row}");
        assert_eq!(row["genome"], "g.fa");
    }
    // An index is replaced by no part and a part by no index, even if it may be replaced.
    run(at, &["build-index", "g.fa", "-o", "p2", "--force"]).failed(2, &["p2 is not a reprise index"]);
    merge(at, &names(3), "p2", &["--force"]).failed(2, &["p2 is not a reprise index"]);
    merge(at, &names(3), "whole", &["-q"]).fine();
    run(at, &["build-index", "g.fa", "-o", "whole", "--force", "--shard", "1/3"])
        .failed(2, &["whole is not a part of an index"]);
    merge(at, &names(3), "whole", &[]).failed(2, &["whole exists already"]);
    run(at, &["build-index", "g.fa", "-k", "11", "-o", "p2", "--shard", "2/3"]).failed(2, &["p2 exists already"]);
    let before = std::fs::read(at.join("p2/pages.spool")).expect("there");
    run(at, &["build-index", "g.fa", "-k", "11", "-q", "-o", "p2", "--shard", "2/3", "--force"]).fine();
    assert!(std::fs::read(at.join("p2/pages.spool")).expect("there") == before);
    assert_eq!(listing(at), ["g.fa", "p1", "p2", "p3", "whole"]);
}

#[test]
fn shards_on_the_command_line() {
    let folder = folder(13, 20_000);
    let at = folder.path();
    for wrong in ["0/4", "5/4", "x", "1/0", "/", "1", "1/4/2", "1/10001"] {
        let ran = run(at, &["build-index", "g.fa", "--shard", wrong]);
        assert_eq!(ran.code, 2, "{wrong}");
        assert!(ran.err.contains("a shard is I/N"), "{wrong}: {}", ran.err);
    }
    // The library checks it too.
    let options = (&BuildOptions::default(), Shard { number: 5, count: 4 });
    let built = reprise::builder::build_part(
        &[Source::new(at.join("g.fa"))],
        &at.join("part"),
        options,
        &Budget::new(1 << 30),
        &Silent,
    );
    assert!(matches!(built, Err(Error::Usage(problem)) if problem.contains("no part 5 of 4")));
    run(at, &["merge-index", "p1"]).failed(2, &["-o INDEX"]);
    assert_eq!(run(at, &["merge-index", "-o", "merged"]).code, 2);
    assert_eq!(listing(at), ["g.fa"]);

    // The default name; many more parts than pages.
    run(at, &["build-index", "g.fa", "--shard", "9000/10000"]).fine();
    assert_eq!(listing(at), ["g.fa", "g.reprise.part-9000-of-10000"]);
    let name = "g.reprise.part-9000-of-10000";
    run(at, &["merge-index", name, "-o", "merged"]).failed(3, &["parts 1, 2, 3", " and 9989 more are missing"]);

    let text = run(at, &["build-index", "g.fa", "--dry-run", "--shard", "2/3"]).fine().out;
    assert!(text.contains("  part             2 of 3: ") && text.contains("for the part"), "{text}");
    assert!(!listing(at).iter().any(|name| name.contains("2-of-3")));
}

/// A shard that is killed at any point leaves no part; the next run makes the same bytes, from the start or resumed.
#[test]
fn a_killed_shard_is_built_again() {
    if !has_faults() {
        return;
    }
    let folder = folder(14, BASES);
    let at = folder.path();
    run(at, &["build-index", "g.fa", "-q", "-k", "11", "-o", "whole"]).fine();
    build_part(at, "1/2", &["-k", "11"]);
    let part = ["build-index", "g.fa", "-q", "-k", "11", "-o", "p2", "--shard", "2/2"];
    let calls = common::calls(at, &part).len();
    let bytes = |name: &str| {
        let path = at.join(name);
        listing(&path).into_iter().map(|file| std::fs::read(path.join(file)).expect("there")).collect::<Vec<_>>()
    };
    let whole = bytes("p2");
    let (mut killed, mut resumed) = (0, 0);
    for n in (1..calls).step_by(calls / 24 + 1) {
        for more in [&[][..], &["--resume"]] {
            std::fs::remove_dir_all(at.join("p2")).expect("there");
            let words = [&part[..], more].concat();
            let ran = faulty(at, &words, &format!("kill any {n}")).output().expect("the program starts");
            assert!(!ran.status.success(), "kill {n}");
            killed += 1;
            let is_whole = at.join("p2").exists();
            if is_whole {
                // It died after the rename.
                assert!(bytes("p2") == whole);
                continue;
            }
            let again: Vec<&str> = words.iter().copied().filter(|word| *word != "-q").collect();
            let ran = ended(faulty(at, &again, "").spawn().expect("the program starts")).fine();
            resumed += usize::from(ran.err.contains("continues: "));
            assert!(bytes("p2") == whole, "killed at {n}, {more:?}");
        }
    }
    assert!(resumed > 2, "{resumed} of {killed} were resumed");
    println!("{killed} shards were killed, {resumed} of them resumed");
    // What a shard left is not continued by another one, nor by a build of the whole index.
    let kill_late = || {
        std::fs::remove_dir_all(at.join("p2")).expect("there");
        let kill = format!("kill any {}", calls * 3 / 4);
        drop(faulty(at, &[&part[..], &["--resume"]].concat(), &kill).output().expect("the program starts"));
        assert!(at.join(".p2.building/checkpoint.json").exists());
    };
    let build = ["build-index", "g.fa", "-k", "11", "-o", "p2", "--resume"];
    for other in [&["--shard", "1/2"][..], &[]] {
        kill_late();
        let ran = run(at, &[&build[..], other].concat()).fine();
        assert!(ran.err.contains("starts from the beginning"), "{}", ran.err);
        if other.is_empty() {
            same(&at.join("p2"), &at.join("whole"), "an index at the name of a killed part");
        } else {
            assert!(bytes("p2") == bytes("p1"));
        }
    }
    std::fs::remove_dir_all(at.join("p2")).expect("there");
    run(at, &[&part[..], &["--resume"]].concat()).fine();
    assert!(bytes("p2") == whole);
    merge(at, &names(2), "merged", &[]).fine();
    same(&at.join("merged"), &at.join("whole"), "after all");
    assert_eq!(listing(at), ["g.fa", "merged", "p1", "p2", "whole"]);
}

/// A merge that fails or is killed at any call leaves no index and no file, or is cleaned up by the next.
#[test]
fn a_failed_merge_leaves_nothing() {
    if !has_faults() {
        return;
    }
    let folder = three_parts();
    let at = folder.path();
    let words = ["merge-index", "p1", "p2", "p3", "-o", "merged", "-q"];
    let calls = common::calls(at, &words).len();
    let whole = bytes_of(&at.join("merged"));
    let (mut failed, mut killed) = (0, 0);
    for n in (1..=calls).step_by(calls / 30 + 1) {
        std::fs::remove_dir_all(at.join("merged")).expect("there");
        let ran = ended(faulty(at, &words, &format!("ENOSPC any {n}")).spawn().expect("the program starts"));
        if ran.code == 0 {
            // The call may fail, such as the removal of the hidden folder.
            assert!(bytes_of(&at.join("merged")) == whole, "ENOSPC {n}");
        } else {
            ran.failed(5, &[]);
            assert!(!at.join("merged").exists(), "ENOSPC {n}");
            failed += 1;
        }
        let ran = faulty(at, &[&words[..], &["--force"]].concat(), &format!("kill any {n}"))
            .output()
            .expect("the program starts");
        killed += usize::from(!ran.status.success());
        run(at, &[&words[..], &["--force"]].concat()).fine();
        assert!(bytes_of(&at.join("merged")) == whole, "killed at {n}");
        assert_eq!(listing(at), ["g.fa", "merged", "p1", "p2", "p3"]);
    }
    assert!(failed > 10 && killed > 10, "{failed} failed, {killed} killed");
    println!("{failed} merges failed, {killed} were killed");
}

/// Two processes that build one part: one builds it, the other fails or waits.
#[test]
fn two_runs_of_one_shard_are_harmless() {
    let folder = three_parts();
    let at = folder.path();
    let whole = std::fs::read(at.join("p2/pages.spool")).expect("there");
    for more in [&[][..], &["--wait"]] {
        std::fs::remove_dir_all(at.join("p2")).expect("there");
        let words = [&["build-index", "g.fa", "-k", "11", "-o", "p2", "--shard", "2/3"], more].concat();
        let children: Vec<_> = (0..4).map(|_| command(at, &words).spawn().expect("starts")).collect();
        let all: Vec<Ran> = children.into_iter().map(ended).collect();
        let fine = all.iter().filter(|ran| ran.code == 0).count();
        assert_eq!(fine, if more.is_empty() { 1 } else { 4 });
        for ran in all.into_iter().filter(|ran| ran.code != 0) {
            let says = if ran.code == 1 { "is being built" } else { "exists already" };
            assert!([1, 2].contains(&ran.code) && ran.err.contains(says), "{}", ran.err);
        }
        assert!(std::fs::read(at.join("p2/pages.spool")).expect("there") == whole);
        assert_eq!(listing(at), ["g.fa", "p1", "p2", "p3"]);
    }
    // One waits for another part at its name: that is not the part it is to build.
    run(at, &["build-index", "g.fa", "-k", "11", "-o", "p2", "--shard", "3/3", "--wait"])
        .failed(2, &["exists already"]);
}

/// The packed genome of all parts but the first is a temporary file, which may be in another folder.
#[test]
fn temporary_files_are_removed() {
    let folder = folder(15, 30_000);
    let at = folder.path();
    std::fs::create_dir(at.join("tmp")).expect("new");
    for number in 1..=2 {
        build_part(at, &format!("{number}/2"), &["-k", "11", "--tmpdir", "tmp"]);
    }
    assert!(listing(&at.join("tmp")).is_empty());
    assert_eq!(listing(at), ["g.fa", "p1", "p2", "tmp"]);
    assert_eq!(
        listing(&at.join("p1")),
        ["contigs.bin", "manifest.json", "pages.spool", "positions.blk", "sequence.2bit", "spectrum.bin"]
    );
    assert_eq!(listing(&at.join("p2")), ["manifest.json", "pages.spool", "positions.blk", "spectrum.bin"]);
}
