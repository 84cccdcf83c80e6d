//! Nothing that is not ours is followed, overwritten or deleted: links, pipes and folders that others planted, folders
//! that only look like an index, results of other processes.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{
    Contig, FILES, PLAIN, Ran, bytes_of, calls, command, ended, fasta, faulty, has_faults, listing, quick_folder,
    repetitive_genome, resumed, run, skip, stopped,
};

const TARGET: &str = "g.reprise";
const BUILDING: &str = ".g.reprise.building";
const BUILD: [&str; 7] = ["build-index", "g.fa", "-o", TARGET, "-k", "9", "-q"];

/// A folder with two genomes, and a folder of another user's work in it.
fn folder() -> tempfile::TempDir {
    let folder = quick_folder();
    for (name, seed, bases) in [("g.fa", 1, 40_000), ("other.fa", 2, 4_000)] {
        fs::write(folder.path().join(name), fasta(&repetitive_genome(seed, bases), &PLAIN)).expect("written");
    }
    let library = Contig::new("piece", &repetitive_genome(1, 40_000)[0].letters[2000..2800]);
    fs::write(folder.path().join("lib.fa"), fasta(&[library], &PLAIN)).expect("written");
    fs::create_dir(folder.path().join("precious")).expect("new");
    for name in PRECIOUS {
        fs::write(folder.path().join("precious").join(name), "years of work").expect("written");
    }
    folder
}

/// Files that a careless sweep would delete.
const PRECIOUS: [&str; 4] = ["lock", "manifest.json", "positions.blk", "thesis.tex"];

#[track_caller]
fn is_precious_whole(at: &Path) {
    assert_eq!(listing(&at.join("precious")), PRECIOUS);
    for name in PRECIOUS {
        assert_eq!(fs::read(at.join("precious").join(name)).expect("there"), b"years of work", "{name}");
    }
}

/// What a build that was killed after its first pass left, for `--resume`.
fn killed(at: &Path) {
    let arguments = ["build-index", "g.fa", "-o", TARGET, "-k", "13", "--min-frequency", "1", "-q", "-t", "2"];
    let arguments = [&arguments[..], &["--layout", "sorted-dictionary"]].concat();
    let all = calls(at, &arguments);
    fs::remove_dir_all(at.join(TARGET)).expect("there");
    let last = all.iter().rposition(|call| call == "truncate").expect("the store ends with it");
    let output = faulty(at, &arguments, &format!("kill any {}", last + 1)).output().expect("the program starts");
    assert!(!output.status.success() && at.join(BUILDING).join("checkpoint.json").exists());
}

#[test]
fn the_folder_of_a_build_may_be_planted() {
    let folder = folder();
    let at = folder.path();
    let building = at.join(BUILDING);
    for more in [&[][..], &["--resume"], &["--wait"], &["--resume", "--wait"]] {
        let arguments = [&BUILD[..], more].concat();
        symlink("precious", &building).expect("linked");
        run(at, &arguments).failed(1, &[BUILDING, "is a symbolic link", "remove it"]);
        fs::remove_file(&building).expect("the link");
        symlink("nowhere", &building).expect("linked");
        run(at, &arguments).failed(1, &[BUILDING, "is a symbolic link"]);
        fs::remove_file(&building).expect("the link");
        fs::write(&building, "mine").expect("written");
        run(at, &arguments).failed(1, &[BUILDING, "is a file"]);
        assert_eq!(fs::read(&building).expect("there"), b"mine");
        fs::remove_file(&building).expect("there");

        // A folder of ours with what no build makes.
        for name in ["bundle/thesis.tex", "thesis.tex", "replaced/.git/x"] {
            let path = building.join(name);
            fs::create_dir_all(path.parent().expect("not the root")).expect("new");
            fs::write(&path, "mine").expect("written");
            run(at, &arguments).failed(1, &[name.split('/').next().expect("a name"), "move it away"]);
            assert_eq!(fs::read(&path).expect("there"), b"mine");
            fs::remove_dir_all(&building).expect("there");
        }
        for name in ["bundle", "replaced"] {
            fs::create_dir(&building).expect("new");
            symlink("../precious", building.join(name)).expect("linked");
            run(at, &arguments).failed(1, &[name, "move it away"]);
            fs::remove_dir_all(&building).expect("there");
        }
        is_precious_whole(at);
    }
    run(at, &BUILD).fine();
    assert_eq!(listing(at), ["g.fa", TARGET, "lib.fa", "other.fa", "precious"]);
}

#[test]
fn a_checkpoint_may_be_planted() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    let build = ["build-index", "g.fa", "-o", TARGET, "-k", "13", "--min-frequency", "1", "-q", "--resume"];
    let build = [&build[..], &["--layout", "sorted-dictionary"]].concat();
    let building = at.join(BUILDING);
    // The record of a real build, with a link where its bundle, its positions or its spool should be.
    for (name, to) in [
        ("bundle", "../precious"),
        ("bundle/positions.blk", "../../precious/positions.blk"),
        ("pages.spool", "../precious/thesis.tex"),
        ("checkpoint.json", "../precious/thesis.tex"),
    ] {
        killed(at);
        let path = building.join(name);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        symlink(to, &path).expect("linked");
        let ran = run(at, &build);
        assert!([0, 1].contains(&ran.code), "{name}: {ran:?}");
        is_precious_whole(at);
        if ran.code == 0 {
            run(at, &["verify", TARGET]).fine();
            assert!(!at.join(TARGET).is_symlink());
            fs::remove_dir_all(at.join(TARGET)).expect("there");
        } else {
            assert!(!at.join(TARGET).exists());
            fs::remove_dir_all(&building).expect("there");
        }
    }
    // A hard link is not written through.
    killed(at);
    fs::remove_file(building.join("bundle/positions.blk")).expect("there");
    fs::hard_link(at.join("precious/positions.blk"), building.join("bundle/positions.blk")).expect("linked");
    run(at, &build).fine();
    is_precious_whole(at);
}

/// A lock that is none ends the build at once, without a byte of what it leads to changed.
#[test]
fn a_lock_may_be_planted() {
    let folder = folder();
    let at = folder.path();
    let kept = at.join("precious/thesis.tex");
    let lock = |name: &str| at.join(name);
    for (place, arguments) in
        [(".g.reprise.building/lock", &BUILD[..]), ("out/.detect.lock", &["detect", "g.fa", "-o", "out", "-q"])]
    {
        let lock = lock(place);
        let made = lock.parent().expect("not the root");
        for plant in ["link", "dangling", "hard", "pipe", "folder", "text"] {
            for more in [&[][..], &["--wait"]] {
                fs::create_dir(made).expect("new");
                match plant {
                    "link" => symlink(&kept, &lock).expect("linked"),
                    "dangling" => symlink(at.join("precious/new"), &lock).expect("linked"),
                    "hard" => fs::hard_link(&kept, &lock).expect("linked"),
                    "pipe" => assert!(Command::new("mkfifo").arg(&lock).status().expect("mkfifo").success()),
                    "folder" => fs::create_dir(&lock).expect("new"),
                    _ => fs::write(&lock, "a list of things").expect("written"),
                }
                let what = match plant {
                    "link" | "dangling" => "is a symbolic link",
                    "hard" => "several names",
                    "pipe" => "is a pipe",
                    "folder" => "is a folder",
                    _ => "something else",
                };
                let name = lock.file_name().expect("a name").to_string_lossy().into_owned();
                run(at, &[arguments, more].concat()).failed(1, &[&name, what]);
                is_precious_whole(at);
                if plant == "text" {
                    assert_eq!(fs::read(&lock).expect("there"), b"a list of things");
                }
                fs::remove_dir_all(made).expect("there");
            }
        }
    }
    assert_eq!(listing(at), ["g.fa", "lib.fa", "other.fa", "precious"]);
}

/// A child that works as another user, where this one may do that.
fn as_other(at: &Path, arguments: &[&str]) -> Option<Command> {
    if rustix::process::geteuid().as_raw() != 0 || Command::new("setpriv").arg("--version").output().is_err() {
        skip("another user needs root and setpriv");
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", env!("CARGO_BIN_EXE_reprise")]);
    command.args(arguments).current_dir(at).env("SOURCE_DATE_EPOCH", "1700000000");
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Some(command)
}

/// A folder that every user may enter and write to.
fn shared() -> tempfile::TempDir {
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    folder
}

/// What another user left is named with its owner, and neither cleared nor gone on with.
#[test]
fn what_another_user_left_stays() {
    let folder = shared();
    let at = folder.path();
    let Some(mut other) = as_other(at, &BUILD) else { return };
    let building = at.join(BUILDING);
    // Root built, and was killed.
    fs::create_dir(&building).expect("new");
    let owner = "user 0 (root)";
    for content in [None, Some("lock"), Some("checkpoint.json")] {
        if let Some(name) = content {
            fs::write(building.join(name), "{}").expect("written");
        }
        let mut again = as_other(at, &[&BUILD[..], &["--resume", "--wait"]].concat()).expect("as before");
        for ran in [ended(other.spawn().expect("starts")), ended(again.spawn().expect("starts"))] {
            ran.failed(1, &[BUILDING, owner, "-o"]);
        }
    }
    assert_eq!(listing(&building), ["checkpoint.json", "lock"]);
    fs::remove_dir_all(&building).expect("there");

    // The other way round: root is as careful, though it may do all.
    fs::create_dir(&building).expect("new");
    fs::write(building.join("lock"), "").expect("written");
    for path in [&building, &building.join("lock")] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).expect("root may");
    }
    run(at, &BUILD).failed(1, &["user 65534", "left by a run"]);
    assert_eq!(listing(&building), ["lock"]);
    fs::remove_dir_all(&building).expect("there");

    // A folder of ours that others may write to.
    fs::create_dir(&building).expect("new");
    fs::set_permissions(&building, fs::Permissions::from_mode(0o777)).expect("ours");
    run(at, &BUILD).failed(1, &[BUILDING, "by others"]);
    fs::remove_dir_all(&building).expect("there");
    ended(other.spawn().expect("starts")).fine();
    assert_eq!(listing(at), ["g.fa", TARGET, "lib.fa", "other.fa", "precious"]);
}

/// Links of other users are not followed where results go, not even with --force.
#[test]
fn links_of_other_users_are_not_followed() {
    let folder = shared();
    let at = folder.path();
    if as_other(at, &[]).is_none() {
        return;
    }
    run(at, &BUILD).fine();
    let link = |name: &str, to: &str| {
        symlink(to, at.join(name)).expect("linked");
        std::os::unix::fs::lchown(at.join(name), Some(65534), Some(65534)).expect("root may");
    };
    link("out.tsv", "precious/thesis.tex");
    run(at, &["dump", TARGET, "-o", "out.tsv", "--force"]).failed(2, &["out.tsv", "user 65534", "not followed"]);
    // In a folder with the sticky bit only owners replace files; that is found before the work.
    fs::set_permissions(at, fs::Permissions::from_mode(0o1777)).expect("ours");
    fs::write(at.join("theirs.tsv"), "x").expect("written");
    let dump = ["dump", TARGET, "-o", "theirs.tsv", "--force"];
    ended(as_other(at, &dump).expect("as before").spawn().expect("starts"))
        .failed(2, &["user 0 (root)", "only owners"]);
    let build = [&BUILD[..], &["--force"]].concat();
    ended(as_other(at, &build).expect("as before").spawn().expect("starts")).failed(1, &["Permission denied"]);
    assert_eq!(fs::read(at.join("theirs.tsv")).expect("there"), b"x");
    link("h.reprise", TARGET);
    let old = bytes_of(&at.join(TARGET));
    let build = ["build-index", "other.fa", "-o", "h.reprise", "-k", "9", "-q", "--force"];
    run(at, &build).failed(2, &["h.reprise", "user 65534", "not followed"]);
    assert!(bytes_of(&at.join(TARGET)) == old);
    is_precious_whole(at);
}

#[test]
fn force_replaces_indexes_alone() {
    let folder = folder();
    let at = folder.path();
    let mine = at.join("mine");
    let force = ["build-index", "g.fa", "-o", "mine", "-q", "--force"];
    // A folder of work whose manifest.json only speaks of reprise.
    fs::create_dir_all(mine.join(".git")).expect("new");
    fs::write(mine.join("main.rs"), "fn main() {}").expect("written");
    for manifest in ["{\"note\": \"a reprise index\"}", "reprise index", "{\"kind\": \"reprise index\"}", ""] {
        fs::write(mine.join("manifest.json"), manifest).expect("written");
        run(at, &force).failed(2, &["mine is not a reprise index"]);
        assert_eq!(listing(&mine), [".git", "main.rs", "manifest.json"]);
    }
    fs::remove_dir_all(&mine).expect("there");

    // An index with other files next to its own.
    run(at, &["build-index", "g.fa", "-o", "mine", "-q"]).fine();
    for name in ["notes.txt", ".hidden"] {
        fs::write(mine.join(name), "mine").expect("written");
        run(at, &force).failed(2, &["mine contains", name, "move it away"]);
        assert_eq!(fs::read(mine.join(name)).expect("there"), b"mine");
        fs::remove_file(mine.join(name)).expect("there");
    }
    fs::create_dir(mine.join("src")).expect("new");
    run(at, &force).failed(2, &["src"]);
    fs::remove_dir(mine.join("src")).expect("there");
    // A link at the path of a file is not one of ours.
    fs::rename(mine.join("sequence.2bit"), at.join("elsewhere.2bit")).expect("renamed");
    symlink("../elsewhere.2bit", mine.join("sequence.2bit")).expect("linked");
    run(at, &force).failed(2, &["sequence.2bit"]);
    fs::rename(at.join("elsewhere.2bit"), mine.join("sequence.2bit")).expect("renamed");
    // A damaged index is one, and may be replaced.
    let mut bytes = fs::read(mine.join("catalog.redb")).expect("there");
    bytes[5000] ^= 1;
    fs::write(mine.join("catalog.redb"), bytes).expect("written");
    run(at, &force).fine();
    run(at, &["verify", "mine"]).fine();
}

/// What comes into an index while it is replaced stays too.
#[test]
fn a_file_that_comes_meanwhile_stays() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    let force = ["build-index", "g.fa", "-o", TARGET, "-k", "11", "-q", "--force"];
    let child = stopped(faulty(at, &force, "stop rename 1"));
    fs::write(at.join(TARGET).join("notes.txt"), "mine").expect("written");
    let ran = resumed(child);
    let kept = [at.join(TARGET).join("notes.txt"), at.join(BUILDING).join("bundle/notes.txt")];
    assert!(kept.iter().any(|path| fs::read(path).is_ok_and(|text| text == b"mine")), "{ran:?}");
}

/// The index that a link leads to is replaced, and the link stays; a link to nothing is refused.
#[test]
fn links_as_targets() {
    let folder = folder();
    let at = folder.path();
    fs::create_dir(at.join("store")).expect("new");
    run(at, &["build-index", "g.fa", "-o", "store/v1.reprise", "-k", "9", "-q"]).fine();
    symlink("store/v1.reprise", at.join("current")).expect("linked");
    run(at, &["build-index", "g.fa", "-o", "current", "-k", "11", "-q"]).failed(2, &["v1.reprise exists already"]);
    run(at, &["build-index", "g.fa", "-o", "current", "-k", "11", "-q", "--force"]).fine();
    assert_eq!(fs::read_link(at.join("current")).expect("still a link"), Path::new("store/v1.reprise"));
    assert_eq!(reprise::Index::open(at.join("store/v1.reprise")).expect("whole").k(), 11);
    assert_eq!(listing(&at.join("store")), ["v1.reprise"]);
    symlink("store/v2.reprise", at.join("next")).expect("linked");
    for more in [&[][..], &["--force"], &["--dry-run"]] {
        let arguments = [&["build-index", "g.fa", "-o", "next", "-q"], more].concat();
        run(at, &arguments).failed(2, &["next is a symbolic link to store/v2.reprise", "does not exist"]);
    }

    fs::write(at.join("store/rows.tsv"), "old").expect("written");
    symlink("store/rows.tsv", at.join("rows.tsv")).expect("linked");
    let dump = ["dump", "current", "-o", "rows.tsv"];
    run(at, &dump).failed(2, &["rows.tsv exists already"]);
    run(at, &[&dump[..], &["--force"]].concat()).fine();
    assert!(at.join("rows.tsv").is_symlink());
    assert_ne!(fs::read(at.join("store/rows.tsv")).expect("there"), b"old");
    symlink("gone.tsv", at.join("new.tsv")).expect("linked");
    run(at, &["dump", "current", "-o", "new.tsv"]).failed(2, &["gone.tsv, which does not exist"]);
    assert!(at.join("new.tsv").is_symlink() && !at.join("gone.tsv").exists());
}

/// What is replaced leaves its permissions and its group to what replaces it.
#[test]
fn permissions_and_groups_are_kept() {
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    let is_root = rustix::process::geteuid().as_raw() == 0;
    let index = at.join(TARGET);
    set(&index, 0o2750);
    set(&index.join("catalog.redb"), 0o640);
    run(at, &["dump", TARGET, "-o", "rows.tsv"]).fine();
    set(&at.join("rows.tsv"), 0o604);
    if is_root {
        for path in [&index, &index.join("catalog.redb"), &at.join("rows.tsv")] {
            std::os::unix::fs::chown(path, None, Some(12)).expect("root may");
        }
        set(&index, 0o2750);
        set(&index.join("catalog.redb"), 0o640);
    }
    run(at, &[&BUILD[..], &["--force"]].concat()).fine();
    run(at, &["dump", TARGET, "-o", "rows.tsv", "--force"]).fine();
    assert_eq!((mode(&index), mode(&index.join("catalog.redb"))), (0o2750, 0o640));
    assert_eq!(mode(&at.join("rows.tsv")), 0o604);
    if is_root {
        for path in [&index, &index.join("catalog.redb"), &at.join("rows.tsv")] {
            assert_eq!(fs::metadata(path).expect("there").gid(), 12, "{}", path.display());
        }
    }
}

/// An index in a lower layer of overlayfs can be neither renamed nor exchanged, and is replaced all the same.
#[test]
fn an_index_in_a_lower_layer_is_replaced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    for name in ["lower", "upper", "work", "merged"] {
        fs::create_dir(at.join(name)).expect("new");
    }
    let text = fasta(&repetitive_genome(1, 40_000), &PLAIN);
    fs::write(at.join("lower/g.fa"), text).expect("written");
    run(&at.join("lower"), &BUILD).fine();
    let old = bytes_of(&at.join("lower").join(TARGET));
    let options = "lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=off";
    let mount =
        Command::new("mount").args(["-t", "overlay", "overlay", "-o", options, "merged"]).current_dir(at).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        return skip("overlayfs cannot be mounted here");
    }
    let merged = Mounted(at.join("merged"));
    let force = ["build-index", "g.fa", "-o", TARGET, "-k", "11", "-q", "--force"];
    run(&merged.0, &force).fine();
    run(&merged.0, &["verify", TARGET]).fine();
    assert_eq!(reprise::Index::open(merged.0.join(TARGET)).expect("whole").k(), 11);
    assert_eq!(listing(&merged.0), ["g.fa", TARGET]);
    assert_eq!(listing(&merged.0.join(TARGET)), FILES);
    assert!(bytes_of(&at.join("lower").join(TARGET)) == old);
}

/// Killed at any call while it replaces such an index, a build leaves the old one, or the new one for the next build to
/// put in its place.
#[test]
fn killed_while_it_replaces_an_index_that_cannot_be_renamed() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let first = folder.path().join("first");
    fs::create_dir(&first).expect("new");
    let build = |k: &'static str| ["build-index", "../g.fa", "-o", TARGET, "-k", k, "-q"];
    let force = [&build("11")[..], &["--force"]].concat();
    run(&first, &build("9")).fine();
    let log = calls(&first, &force);
    let renames = log.iter().filter(|call| *call == "rename").count();
    let whole = bytes_of(&first.join(TARGET));
    // The exchange and the rename that would stand in for it are refused as overlayfs refuses them.
    let refused = format!("EXDEV rename {renames};EXDEV rename {renames};");
    // The fallback makes some calls more.
    let all = log.len() + 12;
    let mut seen = std::collections::BTreeSet::new();
    for n in (1..=all).rev() {
        let at = folder.path().join(n.to_string());
        fs::create_dir(&at).expect("new");
        run(&at, &build("9")).fine();
        let old = bytes_of(&at.join(TARGET));
        let output = faulty(&at, &force, &format!("{refused}kill any {n}")).output().expect("the program starts");
        let killed = !output.status.success();
        let state = |at: &PathBuf| match reprise::Index::open(at.join(TARGET)) {
            Ok(_) if bytes_of(&at.join(TARGET)) == old => "old",
            Ok(_) => "new",
            Err(_) => "none",
        };
        let before = state(&at);
        seen.insert(before);
        if before == "new" {
            assert!(bytes_of(&at.join(TARGET)) == whole, "{n}");
        }
        if killed {
            // Any next build ends what was begun, without --force too.
            run(&at, &build("9")).failed(2, &["exists already"]);
            assert_ne!(state(&at), "none", "{n}");
            assert!(before != "none" || state(&at) == "new", "{n}");
        }
        run(&at, &force).fine();
        assert!(bytes_of(&at.join(TARGET)) == whole, "{n}");
        assert_eq!(listing(&at), [TARGET], "{n}");
        fs::remove_dir_all(&at).expect("there");
        if before == "old" && seen.len() == 3 {
            break;
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["new", "none", "old"]);
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// The last of two commands that write one new file fails: it does not replace what the first one wrote.
#[test]
fn a_file_that_came_meanwhile_is_not_replaced() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    let child = stopped(faulty(at, &["dump", TARGET, "-o", "rows.tsv"], "stop sync 1"));
    fs::write(at.join("rows.tsv"), "first").expect("written");
    resumed(child).failed(2, &["rows.tsv exists already"]);
    assert_eq!(fs::read(at.join("rows.tsv")).expect("there"), b"first");
    assert_eq!(listing(at), ["g.fa", TARGET, "lib.fa", "other.fa", "precious", "rows.tsv"]);
    // Without an atomic rename of the file system the answer is the same.
    fs::remove_file(at.join("rows.tsv")).expect("there");
    let child = stopped(faulty(at, &["dump", TARGET, "-o", "rows.tsv"], "EINVAL rename 1;stop sync 1"));
    fs::write(at.join("rows.tsv"), "first").expect("written");
    resumed(child).failed(2, &["rows.tsv exists already"]);
    ended(faulty(at, &["dump", TARGET, "-o", "more.tsv"], "EINVAL rename 1").spawn().expect("starts")).fine();
}

/// After exit 0 the name of a result is durable: its folder was synced after the rename.
#[test]
fn the_folder_of_a_result_is_synced() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    run(at, &["annotate", TARGET, "--library", "lib.fa", "--no-tandem", "--formats", "bed", "-o", "copies", "-q"])
        .fine();
    let commands: [&[&str]; 6] = [
        &["dump", TARGET, "-o", "1.tsv"],
        &["query", TARGET, "g.fa", "-o", "2.tsv"],
        &["mask", TARGET, "--annotation", "copies.bed", "-o", "3.fa"],
        &["annotate", TARGET, "--library", "lib.fa", "--formats", "bed", "-o", "4", "-q"],
        &["annotate", TARGET, "--library", "lib.fa", "--formats", "bed", "--bgzip", "-o", "5", "-q"],
        &["families", TARGET, "-o", "6.fa", "-q"],
    ];
    for arguments in commands {
        let log = calls(at, arguments);
        let rename = log.iter().rposition(|call| call == "rename").expect("a rename");
        assert!(log[rename..].iter().any(|call| call == "sync"), "{arguments:?}: {log:?}");
    }
}

/// A compressed annotation and its index appear together, or the old pair stays.
#[test]
fn a_file_and_its_index_appear_together() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    let annotate = |library: &'static str| {
        [
            "annotate",
            TARGET,
            "--library",
            library,
            "--no-tandem",
            "--formats",
            "bed",
            "--bgzip",
            "-o",
            "x",
            "-q",
            "--force",
        ]
    };
    run(at, &annotate("lib.fa")).fine();
    let pair = || ["x.bed.gz", "x.bed.gz.tbi"].map(|name| fs::read(at.join(name)).ok());
    let old = pair();
    let log = calls(at, &annotate("other.fa"));
    let new = pair();
    assert!(old[0] != new[0]);
    for kind in ["create", "write", "sync", "rename"] {
        let calls = log.iter().filter(|call| *call == kind).count();
        for n in calls.saturating_sub(5).max(1)..=calls {
            run(at, &annotate("lib.fa")).fine();
            let ran = ended(faulty(at, &annotate("other.fa"), &format!("EIO {kind} {n}")).spawn().expect("starts"));
            ran.failed(1, &["Input/output error"]);
            assert!(pair() == old, "EIO {kind} {n}");
            assert_eq!(listing(at), ["g.fa", TARGET, "lib.fa", "other.fa", "precious", "x.bed.gz", "x.bed.gz.tbi"]);
            // Killed, it leaves no index of another file.
            let output = faulty(at, &annotate("other.fa"), &format!("kill {kind} {n}")).output().expect("starts");
            assert!(!output.status.success());
            let left = pair();
            assert!(left == old || left == new || left[1].is_none(), "kill {kind} {n}");
            for name in listing(at).iter().filter(|name| name.contains(".writing-")) {
                fs::remove_file(at.join(name)).expect("there");
            }
        }
    }
}

const QUICK: [&str; 4] = ["detect", "g.fa", "-q", "--library-only"];

fn detect(at: &Path, more: &[&str]) -> Ran {
    run(at, &[&QUICK[..], &["-o", "out", "--library", "other.fa"], more].concat())
}

/// An index in the folder of results that was built by hand is an error where it does not fit.
#[test]
fn detect_replaces_no_index_that_it_did_not_make() {
    let folder = folder();
    let at = folder.path();
    fs::create_dir(at.join("out")).expect("new");
    for by_hand in [
        &["build-index", "other.fa", "-q", "-o", "out/genome.reprise"][..],
        &["build-index", "g.fa", "-q", "-o", "out/genome.reprise", "--max-frequency", "5"],
    ] {
        run(at, by_hand).fine();
        let old = bytes_of(&at.join("out/genome.reprise"));
        detect(at, &[]).failed(2, &["genome.reprise exists already", "--force"]);
        assert!(bytes_of(&at.join("out/genome.reprise")) == old);
        fs::remove_dir_all(at.join("out/genome.reprise")).expect("there");
    }
    detect(at, &[]).fine();
    // Its own index is replaced by that of another genome; one that was put at its path is not.
    fs::copy(at.join("g.fa"), at.join("h.fa")).expect("copied");
    let text = fasta(&repetitive_genome(3, 40_000), &PLAIN);
    fs::write(at.join("g.fa"), text).expect("written");
    detect(at, &[]).fine();
    run(at, &["build-index", "h.fa", "-q", "-o", "out/genome.reprise", "--force"]).fine();
    detect(at, &[]).failed(2, &["genome.reprise exists already"]);
    detect(at, &["--force"]).fine();
}

/// A library that comes through a pipe counts by what is in it.
#[test]
fn detect_reads_a_library_through_a_pipe() {
    let folder = folder();
    let at = folder.path();
    let piped = |library: &str| {
        let script = "cat \"$1\" | \"$0\" detect g.fa -q -o out --library-only --library /dev/stdin";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, env!("CARGO_BIN_EXE_reprise"), library]).current_dir(at);
        let ran = shell.output().expect("sh is there");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        fs::read(at.join("out/repeats.bed")).expect("written")
    };
    let own = piped("lib.fa");
    assert!(own != piped("other.fa"));
    assert!(own == piped("lib.fa"));
    // A genome is read twice.
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat g.fa | \"$0\" detect /dev/stdin -o p -q", env!("CARGO_BIN_EXE_reprise")]).current_dir(at);
    let ran = shell.output().expect("sh is there");
    assert_eq!(ran.status.code(), Some(2), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// What other processes write into the folder of results meanwhile is theirs.
#[test]
fn detect_sweeps_nothing_that_is_still_written() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    fs::create_dir(at.join("out")).expect("new");
    for name in ["repeats.bed", "mine.tsv"] {
        let path = format!("out/{name}");
        let dump = ["dump", TARGET, "-o", &path];
        let child = stopped(faulty(at, &dump, "stop sync 1"));
        let ran = detect(at, &[]);
        assert!(ran.code == 0, "{ran:?}");
        let ran = resumed(child);
        if name == "mine.tsv" {
            ran.fine();
            assert!(at.join("out/mine.tsv").exists());
        } else {
            // The other one was faster, and this one reports it.
            ran.failed(2, &["repeats.bed exists already"]);
        }
        fs::remove_dir_all(at.join("out")).expect("there");
        fs::create_dir(at.join("out")).expect("new");
    }
    // What a killed run left goes; what only looks alike stays.
    let arguments = ["detect", "g.fa", "-o", "out", "-q", "--library-only", "--library", "other.fa"];
    let syncs = calls(at, &arguments).iter().filter(|call| *call == "sync").count();
    fs::remove_dir_all(at.join("out")).expect("there");
    // Each file is synced, and then its folder: the first of the last four is that of a file.
    let output = faulty(at, &arguments, &format!("kill sync {}", syncs - 3)).output().expect("the program starts");
    assert!(listing(&at.join("out")).iter().any(|name| name.contains(".writing-")));
    assert!(!output.status.success());
    for name in [".notes.writing-1", ".repeats.bed.writing-of-mine"] {
        fs::write(at.join("out").join(name), "x").expect("written");
    }
    detect(at, &[]).fine();
    let left: Vec<String> = listing(&at.join("out")).into_iter().filter(|name| name.contains(".writing-")).collect();
    assert_eq!(left, [".notes.writing-1"]);
}

/// Foreign files that would be replaced are found before any work.
#[test]
fn detect_looks_for_foreign_files_first() {
    let folder = folder();
    let at = folder.path();
    let plots = ["--plots", "plots"];
    for name in ["report.html", "summary.json", "steps.json", "masked.fa.gz", "repeats.gff3", "../plots/ages.svg"] {
        fs::create_dir_all(at.join("out")).expect("new");
        fs::create_dir_all(at.join("plots")).expect("new");
        fs::write(at.join("out").join(name), "mine").expect("written");
        let last = name.rsplit('/').next().expect("a name");
        detect(at, &plots).failed(2, &[&format!("{last} exists already")]);
        assert_eq!(fs::read(at.join("out").join(name)).expect("there"), b"mine");
        let here = listing(&at.join("out"));
        assert!(here.iter().all(|file| file == last), "{here:?}");
        detect(at, &[&plots[..], &["--force"]].concat()).fine();
        fs::remove_dir_all(at.join("out")).expect("there");
        fs::remove_dir_all(at.join("plots")).expect("there");
    }
}

/// What is no file among the results of a run before is neither read nor written to.
#[test]
fn detect_reads_no_pipe_and_no_device() {
    let folder = folder();
    let at = folder.path();
    detect(at, &[]).fine();
    for name in ["repeats.bed", "masked.fa.gz", "report.html", "steps.json"] {
        let path = at.join("out").join(name);
        fs::rename(&path, at.join("kept")).expect("renamed");
        for endless in [false, true] {
            if endless {
                symlink("/dev/zero", &path).expect("linked");
            } else {
                assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
            }
            for more in [&[][..], &["--force"]] {
                let ran = detect(at, more);
                assert_eq!(ran.code, 2, "{name} {ran:?}");
                assert!(ran.err.contains(name), "{}", ran.err);
            }
            fs::remove_file(&path).expect("there");
        }
        fs::rename(at.join("kept"), &path).expect("renamed");
    }
    detect(at, &[]).fine();
}

/// Results that cannot be written are found before the work that makes them.
#[test]
fn outputs_that_are_there_are_found_first() {
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    for name in ["a.stk", "m.txt", "demo/demo.fa", "sim/library.fa"] {
        let path = at.join(name);
        fs::create_dir_all(path.parent().expect("not the root")).expect("new");
        fs::write(&path, "mine").expect("written");
    }
    let cases: [&[&str]; 4] = [
        &["families", TARGET, "-o", "new.fa", "--stockholm", "a.stk"],
        &["dump", TARGET, "-o", "new.tsv", "--memory-report=m.txt"],
        &["demo", "--bases", "100000", "-o", "demo"],
        &["simulate", "--bases", "300000", "-o", "sim"],
    ];
    for arguments in cases {
        run(at, arguments).failed(2, &["exists already"]);
    }
    for name in ["a.stk", "m.txt", "demo/demo.fa", "sim/library.fa"] {
        assert_eq!(fs::read(at.join(name)).expect("there"), b"mine", "{name}");
    }
    assert!(!at.join("new.fa").exists() && !at.join("new.tsv").exists());
    assert_eq!(listing(&at.join("sim")), ["library.fa"]);
}

/// A manifest that is no file, or has no end, is an error at once.
#[test]
fn manifests_without_an_end() {
    let folder = folder();
    let at = folder.path();
    run(at, &BUILD).fine();
    let index = at.join(TARGET);
    let manifest = index.join("manifest.json");
    fs::rename(&manifest, at.join("kept.json")).expect("renamed");
    let plant = |what: &str| match what {
        "pipe" => assert!(Command::new("mkfifo").arg(&manifest).status().expect("mkfifo").success()),
        "endless" => symlink("/dev/zero", &manifest).expect("linked"),
        _ => {
            let file = fs::File::create(&manifest).expect("created");
            file.set_len(3 << 30).expect("sparse");
        }
    };
    for what in ["pipe", "endless", "sparse"] {
        plant(what);
        for arguments in [&["info", TARGET][..], &["verify", TARGET], &["query", TARGET, "--kmer", "ACGTACGTA"]] {
            let ran = ended(command(at, arguments).spawn().expect("the program starts"));
            ran.failed(4, &["manifest.json"]);
        }
        let listed = run(at, &["list", ".", "--max-memory", "64M"]).fine();
        assert!(listed.out.contains("damaged"), "{}", listed.out);
        run(at, &[&BUILD[..], &["--force"]].concat()).failed(2, &["not a reprise index"]);
        fs::remove_file(&manifest).expect("there");
    }
    fs::rename(at.join("kept.json"), &manifest).expect("renamed");
    // The other files are as strange.
    for name in ["catalog.redb", "positions.blk", "sequence.2bit"] {
        fs::rename(index.join(name), at.join("kept")).expect("renamed");
        assert!(Command::new("mkfifo").arg(index.join(name)).status().expect("mkfifo").success());
        run(at, &["query", TARGET, "--kmer", "ACGTACGTA"]).failed(4, &[name, "not a regular file"]);
        run(at, &["verify", TARGET]).failed(4, &[name]);
        fs::remove_file(index.join(name)).expect("there");
        fs::rename(at.join("kept"), index.join(name)).expect("renamed");
    }
    run(at, &["verify", TARGET]).fine();
}

/// A file does not replace a folder that the same command made under its name meanwhile.
#[test]
fn a_file_does_not_replace_a_folder_that_appeared() {
    let folder = quick_folder();
    let at = folder.path();
    let demo = ["demo", "--bases", "100000", "-q", "-o", "new", "--memory-report=new"];
    for more in [&[][..], &["--force"]] {
        let ran = run(at, &[&demo[..], more].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains("new has become a folder"), "{}", ran.err);
        assert_eq!(listing(at), ["new"]);
        assert_eq!(listing(&at.join("new")), ["demo.fa", "demo.reprise"]);
        fs::remove_dir_all(at.join("new")).expect("there");
    }
}
