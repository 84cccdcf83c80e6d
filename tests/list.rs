//! `reprise list` finds every index below a folder, in any state, among any other files.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use common::{Bench, command, copy_index, ended, skip};
use serde_json::{Value, json};

/// `g.reprise` in a folder with other folders next to it.
fn lab() -> Bench {
    let bench = Bench::new(31, 3_000, 9, &[]);
    let at = bench.at();
    fs::create_dir_all(at.join("lab/a/deep/er")).expect("made");
    fs::rename(at.join("g.reprise"), at.join("lab/a/deep/er/g.reprise")).expect("moved");
    bench.run(&["build-index", "g.fa", "-q", "-k", "21", "--min-frequency", "1", "-o", "lab/z all"]).fine();
    let limits = ["--min-frequency", "2", "--max-frequency", "9", "--max-positions", "4"];
    bench.run(&[&["build-index", "g.fa", "-q", "-k", "8", "-o", "lab/a/b.reprise"], &limits[..]].concat()).fine();
    bench
}

fn rows(bench: &Bench, folder: &str) -> Vec<Value> {
    let ran = bench.run(&["list", folder, "--json"]).fine();
    assert_eq!(ran.err, "");
    ran.json_lines()
}

/// (path, state) of every row.
fn states(rows: &[Value]) -> Vec<(&str, &str)> {
    rows.iter().map(|row| (row["path"].as_str().expect("text"), row["state"].as_str().expect("text"))).collect()
}

fn size(index: &Path) -> u64 {
    fs::read_dir(index).expect("there").map(|f| f.expect("there").metadata().expect("there").len()).sum()
}

#[test]
fn indexes_are_listed_by_path() {
    let bench = lab();
    let at = bench.at().join("lab");
    let sizes = ["a/b.reprise", "a/deep/er/g.reprise", "z all"].map(|name| size(&at.join(name)));
    let version = env!("CARGO_PKG_VERSION");
    let tail = |size: u64| format!("{size}\t1\treprise {version}\t2023-11-14T22:13:20Z\t.\n");
    let expected =
        "#path\tstate\tgenome\tcontigs\tbases\tk\tmin_frequency\tmax_frequency\tmax_positions\tlayout\tsize\tformat\t\
                    written_by\tcreated\tproblem\n"
            .to_owned()
            + "lab/a/b.reprise\twhole\tg.fa\t4\t3000\t8\t2\t9\t4\tsorted-dictionary\t"
            + &tail(sizes[0])
            + "lab/a/deep/er/g.reprise\twhole\tg.fa\t4\t3000\t9\t2\t.\t.\tsorted-dictionary\t"
            + &tail(sizes[1])
            + "lab/z all\twhole\tg.fa\t4\t3000\t21\t1\t.\t.\tsuper-kmers\t"
            + &tail(sizes[2]);
    assert_eq!(bench.run(&["list", "lab"]).fine().out, expected);
    bench.run(&["list", "lab", "-o", "list.tsv"]).fine();
    assert_eq!(fs::read_to_string(bench.at().join("list.tsv")).expect("written"), expected);
    assert_eq!(
        rows(&bench, "lab")[0],
        json!({
            "path": "lab/a/b.reprise", "state": "whole", "genome": "g.fa", "contigs": 4, "bases": 3000, "k": 8,
            "min_frequency": 2, "max_frequency": 9, "max_positions": 4, "layout": "sorted-dictionary", "size": sizes[0],
            "format": 1, "written_by": format!("reprise {version}"), "created": "2023-11-14T22:13:20Z", "problem": null,
        })
    );
    // An index itself; the folder that one is in; nothing.
    assert_eq!(states(&rows(&bench, "lab/a/b.reprise")), [("lab/a/b.reprise", "whole")]);
    let here = ended(command(&at, &["list", "--json"]).spawn().expect("the program starts")).fine().json_lines();
    assert_eq!(here[2]["path"], "./z all");
    fs::create_dir(at.join("empty")).expect("made");
    assert!(rows(&bench, "lab/empty").is_empty());
    bench.run(&["list", "absent"]).failed(1, &["absent"]);
    bench.run(&["list", "g.fa"]).failed(1, &["g.fa"]);
}

#[test]
fn every_state_is_reported() {
    let bench = lab();
    let at = bench.at().join("lab");
    let whole = at.join("a/b.reprise");
    let manifest = |index: &Path| fs::read_to_string(index.join("manifest.json")).expect("there");
    let copy = |name: &str| copy_index(&whole, &at.join(name));

    let flipped = copy("flipped");
    fs::write(flipped.join("manifest.json"), manifest(&flipped).replace("\"k\": 8", "\"k\": 9")).expect("written");
    let unreadable = copy("unreadable");
    fs::write(unreadable.join("manifest.json"), "{").expect("written");
    let kind = copy("kind");
    fs::write(kind.join("manifest.json"), manifest(&kind).replace("reprise index", "reprise jndex")).expect("written");
    fs::remove_file(copy("lost").join("positions.blk")).expect("removed");
    fs::OpenOptions::new()
        .write(true)
        .open(copy("short").join("sequence.2bit"))
        .and_then(|f| f.set_len(99))
        .expect("cut");
    fs::remove_file(copy("no manifest").join("manifest.json")).expect("removed");
    let newer = copy("newer");
    let text = manifest(&newer).replace("\"format_version\": 1", "\"format_version\": 7, \"new\": true");
    fs::write(newer.join("manifest.json"), text).expect("written");
    // Builds that were killed early and late.
    fs::create_dir(at.join(".early.reprise.building-77-1a2b")).expect("made");
    fs::create_dir_all(at.join(".late.reprise.building")).expect("made");
    copy(".late.reprise.building/bundle");
    // Files that are not indexes.
    fs::create_dir_all(at.join("web/app")).expect("made");
    fs::write(at.join("web/manifest.json"), "{\"name\": \"a web application\"}").expect("written");
    fs::write(at.join("web/app/manifest.json"), "none").expect("written");
    copy("web/app/x.reprise");
    // An index is not searched.
    copy("z all/inner");

    let rows = rows(&bench, "lab");
    assert_eq!(
        states(&rows),
        [
            ("lab/.early.reprise.building-77-1a2b", "unfinished"),
            ("lab/.late.reprise.building", "unfinished"),
            ("lab/a/b.reprise", "whole"),
            ("lab/a/deep/er/g.reprise", "whole"),
            ("lab/flipped", "damaged"),
            ("lab/kind", "damaged"),
            ("lab/lost", "damaged"),
            ("lab/newer", "newer"),
            ("lab/no manifest", "unfinished"),
            ("lab/short", "damaged"),
            ("lab/unreadable", "damaged"),
            ("lab/web/app/x.reprise", "whole"),
            ("lab/z all", "whole"),
        ]
    );
    let row = |path: &str| rows.iter().find(|row| row["path"] == path).expect("listed");
    for (path, problem) in [
        ("lab/.early.reprise.building-77-1a2b", "its build has not ended"),
        ("lab/flipped", "its own digest"),
        ("lab/kind", "of something else"),
        ("lab/lost", "positions.blk is damaged: the file is missing"),
        ("lab/newer", "index format 7, and this program reads formats 1 to 1"),
        ("lab/no manifest", "no manifest.json"),
        ("lab/short", "it has 99 bytes and should have"),
        ("lab/unreadable", "cannot be read"),
    ] {
        let said = row(path)["problem"].as_str().expect("a problem");
        assert!(said.contains(problem), "{path}: {said}");
    }
    assert_eq!((&row("lab/newer")["format"], &row("lab/newer")["k"]), (&json!(7), &Value::Null));
    assert_eq!((&row("lab/lost")["format"], &row("lab/lost")["k"]), (&json!(1), &json!(8)));
    assert_eq!(row("lab/.early.reprise.building-77-1a2b")["size"], 0);
    assert_eq!(row("lab/.late.reprise.building")["size"], size(&whole));
}

#[test]
fn links_are_followed_but_not_in_circles() {
    let bench = lab();
    let at = bench.at();
    // An index under another name, parent and sibling folders, one outside, nothing.
    symlink("a/b.reprise", at.join("lab/current")).expect("linked");
    symlink("..", at.join("lab/a/up")).expect("linked");
    symlink("../../a", at.join("lab/a/deep/around")).expect("linked");
    symlink("a/deep", at.join("lab/same")).expect("linked");
    symlink("nowhere", at.join("lab/dangling")).expect("linked");
    symlink("itself", at.join("lab/itself")).expect("linked");
    symlink("../g.fa", at.join("lab/genome.fa")).expect("linked");
    fs::create_dir_all(at.join("outside/further")).expect("made");
    copy_index(&at.join("lab/z all"), &at.join("outside/further/o.reprise"));
    symlink("../lab", at.join("outside/back")).expect("linked");
    symlink("../outside", at.join("lab/out")).expect("linked");
    symlink("../outside/further", at.join("lab/out2")).expect("linked");
    let expected = [
        ("lab/a/b.reprise", "whole"),
        ("lab/a/deep/er/g.reprise", "whole"),
        ("lab/current", "whole"),
        ("lab/out/further/o.reprise", "whole"),
        ("lab/z all", "whole"),
    ];
    assert_eq!(states(&rows(&bench, "lab")), expected);
    symlink("lab", at.join("linked lab")).expect("linked");
    assert_eq!(rows(&bench, "linked lab").len(), expected.len());
}

/// An unreadable folder is a warning, and the rest is listed.
#[test]
fn unreadable_folders_are_warnings() {
    let bench = lab();
    let at = bench.at();
    fs::set_permissions(at, fs::Permissions::from_mode(0o755)).expect("changed");
    fs::set_permissions(at.join("lab/a/deep"), fs::Permissions::from_mode(0o000)).expect("changed");
    let mut list = command(at, &["list", "lab", "--json"]);
    if fs::read_dir(at.join("lab/a/deep")).is_ok() {
        // Root may read everything, so run as another user.
        list.uid(65_534).gid(65_534);
    }
    let ran = match list.spawn() {
        Ok(child) => ended(child),
        Err(e) => return skip(&format!("the program cannot be started as another user ({e})")),
    };
    fs::set_permissions(at.join("lab/a/deep"), fs::Permissions::from_mode(0o755)).expect("changed");
    let ran = ran.fine();
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.starts_with("warning: cannot read lab/a/deep: "), "{}", ran.err);
    assert_eq!(states(&ran.json_lines()), [("lab/a/b.reprise", "whole"), ("lab/z all", "whole")]);
}

/// No file name breaks the table.
#[test]
fn names_with_tabs_and_line_ends() {
    let bench = lab();
    fs::rename(bench.at().join("lab/z all"), bench.at().join("lab/z\tt\nl")).expect("renamed");
    let out = bench.run(&["list", "lab"]).fine().out;
    let last = out.lines().last().expect("rows");
    assert_eq!((out.lines().count(), last.split('\t').count()), (4, 15));
    assert!(last.starts_with("lab/z\\tt\\nl\twhole\t"), "{last}");
    assert_eq!(rows(&bench, "lab")[2]["path"], "lab/z\tt\nl");
}
