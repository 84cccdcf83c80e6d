//! The steps of `detect` as processes of their own make the files of a single run.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Ran, command, ended, run};
use serde_json::Value;
use tempfile::TempDir;

fn genome() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let simulate = ["simulate", "-o", "sim", "--seed", "5", "--bases", "250000", "--families", "4", "-q"];
    run(folder.path(), &simulate).fine();
    folder
}

/// Every file below a folder, by its path in it.
fn files(at: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![at.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(at).expect("below").to_string_lossy().into_owned();
                all.insert(name, fs::read(path).expect("a file"));
            }
        }
    }
    all
}

fn plan(at: &Path, arguments: &[&str]) -> Value {
    run(at, &[&["detect"], arguments, &["--plan", "-"]].concat()).fine().json()
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|word| word.as_str().expect("text")).collect()
}

/// Runs the command of a step of a plan.
fn run_step(at: &Path, step: &Value) -> Ran {
    let command = words(&step["command"]);
    assert_eq!(command[0], "reprise");
    run(at, &command[1..])
}

#[track_caller]
fn assert_same(at: &Path, one: &str, other: &str) {
    let (one, other) = (files(&at.join(one)), files(&at.join(other)));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for (name, bytes) in &one {
        assert!(*bytes == other[name], "{name} differs");
    }
}

#[test]
fn planned_steps_make_the_files_of_a_single_run() {
    let folder = genome();
    let at = folder.path();
    let flags = ["--tandem", "--library", "sim/library.fa", "--sample", "64K", "--sample-limit", "192K", "-q"];
    run(at, &[&["detect", "sim/genome.fa", "-o", "one"], &flags[..]].concat()).fine();
    let plan = plan(at, &[&["sim/genome.fa", "-o", "steps", "--shards", "3"], &flags[..]].concat());
    assert!(!at.join("steps").exists(), "a plan runs nothing");
    let steps = plan["steps"].as_array().expect("steps");
    let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().expect("a name")).collect();
    let divided = ["index", "discovery", "survey", "annotation"];
    let divided = divided.map(|step| [1, 2, 3].map(|part| format!("{step}.{part}")));
    let [index, discovery, survey, annotation] = divided.each_ref().map(|parts| parts.each_ref().map(String::as_str));
    let families = [&["index"], &discovery[..2], &["refinement"], &survey, &["families"]].concat();
    let last = ["annotation", "mask", "report"];
    assert_eq!(names, [&index[..], &families, &annotation, &last].concat());
    let mut made = Vec::new();
    for step in steps {
        assert!(words(&step["needs"]).iter().all(|needed| made.contains(needed)), "{step}");
        assert!(words(&step["inputs"]).iter().all(|input| at.join(input).exists()), "{step}");
        run_step(at, step).fine();
        assert!(words(&step["outputs"]).iter().all(|output| at.join(output).exists()), "{step}");
        made.push(step["name"].as_str().expect("a name"));
    }
    assert_same(at, "one", "steps");
    // All of it again: nothing is left to do.
    for step in steps.iter().filter(|step| !step["name"].as_str().expect("a name").contains('.')) {
        run_step(at, step).fine();
    }
    assert_same(at, "one", "steps");
}

#[test]
fn a_step_needs_those_before_it() {
    let folder = genome();
    let at = folder.path();
    let step = |name: &str, flags: &[&str]| {
        run(at, &[&["detect", "sim/genome.fa", "-o", "out", "--shards", "2", "-q", "--step", name], flags].concat())
    };
    step("families", &[]).failed(3, &["step index is not finished", "run it before families"]);
    step("index.2", &[]).fine();
    step("index", &[]).failed(3, &["index.1-of-2", "run step index.1 first"]);
    // A part of another genome is made again.
    let genome = fs::read_to_string(at.join("sim/genome.fa")).expect("a genome");
    fs::write(at.join("sim/genome.fa"), genome.clone() + ">more\nACGTACGTTTGACCA\n").expect("written");
    step("index.1", &[]).fine();
    step("index", &[]).failed(3, &["index.2-of-2", "another genome"]);
    fs::write(at.join("sim/genome.fa"), genome).expect("written");
    step("index.1", &[]).fine();
    step("index.1", &[]).fine();
    step("index", &[]).fine();
    assert!(!at.join("out/parts").exists());
    step("index.1", &[]).fine();
    step("annotation.1", &[]).failed(3, &["step families is not finished"]);
    step("report", &[]).failed(3, &["step families is not finished"]);
    step("families", &[]).fine();
    step("mask", &[]).failed(3, &["step annotation is not finished"]);
    step("annotation.1", &[]).fine();
    step("annotation", &[]).failed(3, &["annotation.2-of-2", "run step annotation.2 first"]);
    // A part of another annotation is not joined.
    step("annotation.2", &["--tandem"]).fine();
    step("annotation", &[]).failed(3, &["annotation.2-of-2", "tandem repeats"]);
    assert!(!at.join("out/repeats.out").exists());
    // It is replaced by the right one. That one is then kept, and so is one that another run makes meanwhile.
    step("annotation.2", &[]).fine();
    let part = at.join("out/parts/annotation.2-of-2");
    let whole = fs::read(&part).expect("a part");
    let before = fs::metadata(&part).expect("a part").modified().expect("a time");
    step("annotation.2", &[]).fine();
    assert_eq!(fs::metadata(&part).expect("a part").modified().expect("a time"), before);
    fs::write(&part, &whole[..whole.len() / 2]).expect("cut");
    step("annotation", &[]).failed(3, &["annotation.2-of-2", "damaged"]);
    let both = [(), ()].map(|()| {
        let flags = ["detect", "sim/genome.fa", "-o", "out", "--shards", "2", "-q", "--step", "annotation.2"];
        command(at, &flags).spawn().expect("the program starts")
    });
    both.into_iter().for_each(|child| drop(ended(child).fine()));
    assert!(fs::read(&part).expect("a part") == whole);
    // A file that is no part stays.
    fs::write(at.join("out/parts/annotation.1-of-2"), "mine").expect("written");
    step("annotation.1", &[]).failed(2, &["annotation.1-of-2", "exists"]);
    fs::remove_file(at.join("out/parts/annotation.1-of-2")).expect("removed");
    step("annotation.1", &[]).fine();
    step("annotation", &[]).fine();
    assert!(!at.join("out/parts").exists());
    step("report", &[]).failed(3, &["step mask is not finished"]);
    step("mask", &[]).fine();
    step("report", &[]).fine();
    run(at, &["detect", "sim/genome.fa", "-o", "one", "-q"]).fine();
    assert_same(at, "one", "out");
}

/// The folders `one` and `out` have the same files, but for stages.
#[track_caller]
fn assert_same_results(at: &Path) {
    let [one, mut out] = ["one", "out"].map(|folder| files(&at.join(folder)));
    out.retain(|name, _| !name.starts_with("parts/"));
    assert_eq!(one.keys().collect::<Vec<_>>(), out.keys().collect::<Vec<_>>());
    one.iter().for_each(|(name, bytes)| assert!(*bytes == out[name], "{name} differs"));
}

#[test]
fn stages_of_the_families_continue_from_files() {
    let folder = genome();
    let at = folder.path();
    let samples = ["--sample", "64K", "--sample-limit", "250K"];
    let detect = |output: &str, flags: &[&str]| {
        run(at, &[&["detect", "sim/genome.fa", "-o", output], &samples[..], flags].concat())
    };
    let step = |name: &str, flags: &[&str]| detect("out", &[&["--shards", "2", "--step", name], flags].concat());
    let file = |name: &str| at.join("out/parts").join(name);
    let damage = |name: &str| {
        let mut bytes = fs::read(file(name)).expect("a stage");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file(name), &bytes).expect("written");
        bytes
    };
    detect("one", &[]).fine();
    step("index", &[]).fine();
    step("discovery.2", &[]).failed(3, &["parts/discovery.1", "run step discovery.1 first"]);
    step("survey.1", &[]).failed(3, &["parts/refinement", "run step refinement first"]);
    step("discovery.1", &[]).fine();
    step("discovery.2", &["--min-copies", "4"]).failed(3, &["discovery.1", "other options"]);
    let damaged = damage("discovery.1");
    step("discovery.2", &[]).failed(3, &["discovery.1", "damaged"]);
    step("discovery.1", &[]).fine();
    assert!(fs::read(file("discovery.1")).expect("a stage") != damaged);
    step("discovery.2", &[]).fine();
    // A sample more than the genome has finds nothing.
    step("discovery.3", &[]).fine();
    step("discovery.4", &[]).fine();

    // A run of all steps continues, and so does one that finds a stage damaged.
    let continues = |after: &str| {
        let ran = detect("out", &["-v"]).fine();
        assert!(ran.err.contains(&format!("continues after {after}")), "{}", ran.err);
        assert_same_results(at);
    };
    continues("discovery.");
    // A step that needs the families only leaves the stages of another search.
    step("refinement", &["--min-copies", "4"]).fine();
    step("mask", &[]).fine();
    assert!(file("refinement").exists());
    fs::remove_dir_all(at.join("out/parts")).expect("removed");
    for name in ["discovery.1", "discovery.2"] {
        detect("out", &["--step", name, "--force"]).fine();
    }
    damage("discovery.2");
    fs::remove_file(at.join("out/families.fa")).expect("removed");
    continues("discovery.1");
    assert!(!at.join("out/parts").exists());
    fs::remove_file(at.join("out/families.fa")).expect("removed");
    step("refinement", &[]).fine();
    continues("refinement");
    // A file that is no stage stays, and a run of all steps does without.
    fs::create_dir(at.join("out/parts")).expect("a folder");
    fs::write(file("refinement"), "mine").expect("written");
    fs::remove_file(at.join("out/families.fa")).expect("removed");
    step("refinement", &[]).failed(2, &["refinement", "exists"]);
    let ran = detect("out", &[]).fine();
    assert!(ran.err.contains("refinement exists already"), "{}", ran.err);
    assert_eq!(fs::read(file("refinement")).expect("mine"), b"mine");
    assert_same_results(at);
    fs::remove_dir_all(at.join("out/parts")).expect("removed");

    // Surveys are of one refinement.
    fs::remove_file(at.join("out/families.fa")).expect("removed");
    step("refinement", &[]).fine();
    step("survey.1", &[]).fine();
    step("families", &[]).failed(3, &["survey.2-of-2", "run step survey.2 first"]);
    step("survey.2", &[]).fine();
    let time = |name: &str| fs::metadata(file(name)).expect("a stage").modified().expect("a time");
    let before = time("survey.2-of-2");
    step("survey.2", &[]).fine();
    assert_eq!(time("survey.2-of-2"), before);
    damage("survey.2-of-2");
    step("families", &[]).failed(3, &["survey.2-of-2", "damaged"]);
    fs::write(file("survey.2-of-2"), "mine").expect("written");
    step("survey.2", &[]).failed(2, &["survey.2-of-2", "exists"]);
    fs::remove_file(file("survey.2-of-2")).expect("removed");
    let both = [(), ()].map(|()| {
        let flags = ["detect", "sim/genome.fa", "-o", "out", "--shards", "2", "--step", "survey.2"];
        command(at, &[&flags, &samples[..]].concat()).spawn().expect("the program starts")
    });
    both.into_iter().for_each(|child| drop(ended(child).fine()));
    step("families", &[]).fine();
    assert!(!at.join("out/parts").exists());
    detect("out", &[]).fine();
    assert_same(at, "one", "out");
}

#[test]
fn wrong_steps_are_refused() {
    let folder = genome();
    let at = folder.path();
    let wrong = |flags: &[&str], says: &str| {
        let ran = run(at, &[&["detect", "sim/genome.fa", "-o", "out"], flags].concat());
        assert!(ran.code == 2 && ran.err.contains(says), "{flags:?}: {}", ran.err);
        assert!(!at.join("out").exists());
    };
    wrong(&["--step", "plots"], "a step is one of");
    wrong(&["--step", "mask.1"], "a step is one of");
    wrong(&["--step", "annotation.0", "--shards", "2"], "a step is one of");
    wrong(&["--step", "annotation.3", "--shards", "2"], "there is no annotation.3 of 2");
    wrong(&["--step", "annotation.1"], "there is no annotation.1 of 1");
    wrong(&["--step", "survey.1"], "there is no survey.1 of 1");
    wrong(&["--step", "survey", "--shards", "2"], "a step is one of");
    wrong(&["--step", "discovery"], "a step is one of");
    wrong(&["--step", "refinement.1", "--shards", "2"], "a step is one of");
    wrong(&["--shards", "2"], "--plan or --step");
    wrong(&["--shards", "0", "--plan", "-"], "1..");
    wrong(&["--plan", "p.json", "--step", "index"], "cannot be used with");
    // A step of which no part was made does all of the work.
    let step = |name: &str| {
        let arguments = ["detect", "sim/genome.fa", "-o", "whole", "--shards", "2", "-q", "--step", name];
        run(at, &arguments).fine()
    };
    for name in ["index", "families", "annotation", "mask", "report"] {
        step(name);
    }
    run(at, &["detect", "sim/genome.fa", "-o", "undivided", "-q"]).fine();
    assert_same(at, "undivided", "whole");
    // Without families there is no step of them, and an index needs none either.
    run(at, &["build-index", "sim/genome.fa", "-o", "sim/g.reprise", "-q"]).fine();
    let plan = plan(at, &["sim/g.reprise", "-o", "out", "--library", "sim/library.fa", "--library-only"]);
    let names: Vec<&Value> = plan["steps"].as_array().expect("steps").iter().map(|step| &step["name"]).collect();
    assert_eq!(names, ["index", "annotation", "mask", "report"]);
    for step in plan["steps"].as_array().expect("steps") {
        run_step(at, step).fine();
    }
    run(at, &["detect", "sim/g.reprise", "-o", "one", "--library", "sim/library.fa", "--library-only", "-q"]).fine();
    assert_same(at, "one", "out");
}
