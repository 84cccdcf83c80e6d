//! `reprise detect` makes the files of the single commands, and makes again only those whose inputs changed.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use common::{
    Contig, PLAIN, Random, calls, each_case, ended, fasta, faulty, has_faults, listing, quick_folder,
    reverse_complement, run,
};

const OUT: [&str; 16] = [
    "families.fa",
    "families.stk",
    "families.tsv",
    "masked.fa.gz",
    "masked.fa.gz.fai",
    "masked.fa.gz.gzi",
    "repeats.bed",
    "repeats.divsum",
    "repeats.gff3",
    "repeats.out",
    "repeats.tbl",
    "report.html",
    "reprise_general_mqc.json",
    "reprise_landscape_mqc.json",
    "reprise_mqc.json",
    "summary.json",
];
/// Those of the masked genome.
const MASK: [&str; 3] = [OUT[3], OUT[4], OUT[5]];
/// Those of the annotation.
const ANNOTATION: [&str; 5] = [OUT[6], OUT[7], OUT[8], OUT[9], OUT[10]];
/// Those that are made from the numbers of a run.
const REPORT: [&str; 5] = [OUT[11], OUT[12], OUT[13], OUT[14], OUT[15]];

/// Two families in two contigs, with names that contain markup.
fn genome() -> Vec<Contig> {
    let mut random = Random(5);
    let mut contigs = vec![Contig::new("chr<1>&\"", random.bases(9000)), Contig::new("chr2", random.bases(6000))];
    for (length, copies) in [(500, 10), (300, 9)] {
        let consensus = random.bases(length);
        for copy in 0..copies {
            let letters = &mut contigs[copy % 2].letters;
            let mut bases = if copy % 3 == 0 { reverse_complement(&consensus) } else { consensus.clone() };
            (0..length / 20).for_each(|_| bases[random.below(length)] = b"ACGT"[random.below(4)]);
            letters.extend(bases);
            letters.extend(random.bases(700));
        }
    }
    contigs[0].letters[100..150].make_ascii_lowercase();
    contigs
}

fn folder() -> tempfile::TempDir {
    let folder = quick_folder();
    fs::write(folder.path().join("g.fa"), fasta(&genome(), &PLAIN)).expect("written");
    folder
}

/// The bytes of every file of a folder, without the index in it.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = listing(folder).into_iter().filter(|name| folder.join(name).is_file());
    names.map(|name| (name.clone(), fs::read(folder.join(&name)).expect("there"))).collect()
}

/// The inode of each file: one that was made again has another.
fn files(folder: &Path) -> BTreeMap<&'static str, u64> {
    OUT.iter().filter_map(|&name| Some((name, fs::metadata(folder.join(name)).ok()?.ino()))).collect()
}

/// Names of files that were made again.
fn made_again(before: &BTreeMap<&'static str, u64>, after: &BTreeMap<&'static str, u64>) -> Vec<&'static str> {
    after.iter().filter(|(name, file)| before.get(*name) != Some(file)).map(|(name, _)| *name).collect()
}

#[test]
fn detect_writes_the_files_of_the_single_commands() {
    let folder = folder();
    let at = folder.path();
    let taxon = ["--taxon", "Drosophila melanogaster"];
    let summary = run(at, &[&["detect", "g.fa", "-o", "out", "-t", "2", "--json"], &taxon[..]].concat()).fine();
    let out = at.join("out");
    assert_eq!(listing(&out), [&OUT[..3], &["genome.reprise"], &OUT[3..15], &["steps.json"], &OUT[15..]].concat());
    assert_eq!(fs::read_to_string(out.join("summary.json")).expect("there"), summary.out);

    run(at, &["build-index", "g.fa"]).fine();
    assert!(common::bytes_of(&out.join("genome.reprise")) == common::bytes_of(&at.join("g.reprise")));
    run(at, &[&["families", "g.reprise", "-o", "families.fa", "--stockholm", "families.stk"], &taxon[..]].concat())
        .fine();
    run(at, &["families", "g.reprise", "-o", "families.tsv", "--format", "tsv"]).fine();
    let formats = ["--formats", "gff3,bed,out,tbl,divsum"];
    run(at, &[&["annotate", "g.reprise", "--library", "families.fa", "-o", "repeats"], &formats[..]].concat()).fine();
    run(at, &["mask", "g.reprise", "--annotation", "repeats.bed", "-o", "masked.fa.gz"]).fine();
    for name in [&OUT[..4], &ANNOTATION].concat() {
        assert!(fs::read(at.join(name)).expect("there") == fs::read(out.join(name)).expect("there"), "{name}");
    }

    // The summary agrees with the files.
    let summary = summary.json();
    let bed = fs::read_to_string(out.join("repeats.bed")).expect("there");
    let spans = bed.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let bases: u64 = spans.map(|f| f[2].parse::<u64>().expect("end") - f[1].parse::<u64>().expect("start")).sum();
    let annotation = &summary["annotation"];
    assert_eq!((&annotation["bases"], &summary["masked_bases"]), (&bases.into(), &bases.into()));
    assert_eq!(annotation["fragments"], bed.lines().count());
    let of_classes: u64 =
        annotation["classes"].as_array().expect("a list").iter().map(|c| c["bases"].as_u64().expect("a number")).sum();
    assert_eq!(of_classes, bases);
    let along = annotation["density"]["contigs"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|c| c["bases"].as_array().expect("rows"));
    let along: u64 =
        along.flat_map(|row| row.as_array().expect("windows")).map(|n| n.as_u64().expect("a number")).sum();
    assert_eq!(along, bases);
    assert_eq!(summary["search"]["families"], 2);
    assert_eq!(summary["run"], serde_json::Value::Null, "nothing is measured where SOURCE_DATE_EPOCH is set");

    let page = fs::read_to_string(out.join("report.html")).expect("there");
    assert!(!page.contains("<1>") && page.contains("chr&lt;1&gt;&amp;&quot;"), "names are text");
    assert!(page.contains("Repeat landscape") && page.contains("family-1"));

    // One thread and less memory make the same bytes.
    let one = ["detect", "g.fa", "-o", "one", "-t", "1", "--max-memory", "128M", "-q"];
    run(at, &[&one, &taxon[..]].concat()).fine();
    assert_eq!(differing(&out, &at.join("one")), Vec::<String>::new());
}

/// Names of files that differ, without `steps.json`, which names the index.
fn differing(one: &Path, other: &Path) -> Vec<String> {
    let (one, other) = (bytes(one), bytes(other));
    assert!(one.keys().eq(other.keys()), "{:?} {:?}", one.keys(), other.keys());
    let names = one.keys().filter(|name| *name != "steps.json" && one[*name] != other[*name]);
    names.cloned().collect()
}

#[test]
fn only_steps_whose_inputs_changed_run_again() {
    let folder = folder();
    let at = folder.path();
    let out = at.join("out");
    let detect = |more: &[&str]| {
        let before = files(&out);
        let ran = run(at, &[&["detect", "g.fa", "-o", "out"], more].concat()).fine();
        (made_again(&before, &files(&out)), ran)
    };
    assert_eq!(detect(&[]).0, OUT);
    let steps = fs::read(out.join("steps.json")).expect("there");
    let (again, ran) = detect(&["-v"]);
    assert!(again.is_empty(), "{again:?}");
    for step in ["families", "annotation", "mask", "report"] {
        assert!(ran.err.contains(&format!("{step:<12} unchanged")), "{}", ran.err);
    }
    assert!(steps == fs::read(out.join("steps.json")).expect("there"));
    assert_eq!(detect(&["--substitution-rate", "1e-8"]).0, REPORT);
    assert_eq!(detect(&["--hard"]).0, [&MASK[..], &REPORT].concat());
    assert!(detect(&["--hard"]).0.is_empty());
    // Other limits, the same copies: files made from the annotation stay.
    assert_eq!(detect(&["--hard", "--max-e-value", "1e-4"]).0, [&ANNOTATION[..], &REPORT].concat());
    assert_eq!(detect(&["--min-copies", "10"]).0, OUT);
    let table = fs::read_to_string(out.join("families.tsv")).expect("there");
    assert_eq!(table.lines().count(), 2, "{table}");
    assert_eq!(detect(&["--min-copies", "10", "--force"]).0, OUT);

    // A file that a user changed is not overwritten.
    let curated = "> mine\nACGT\n";
    fs::write(out.join("families.fa"), curated).expect("written");
    run(at, &["detect", "g.fa", "-o", "out"]).failed(2, &["families.fa exists already", "--force"]);
    assert_eq!(fs::read_to_string(out.join("families.fa")).expect("there"), curated);
    fs::remove_file(out.join("families.fa")).expect("there");
    run(at, &["detect", "g.fa", "-o", "out", "-q"]).fine();
    // A missing file is made again with the others of its step, and nothing else.
    fs::remove_file(out.join("repeats.out")).expect("there");
    assert_eq!(detect(&[]).0, ANNOTATION);

    // Another genome of the same name: everything, with the index.
    let mut other = genome();
    other[1].letters.truncate(9000);
    fs::write(at.join("g.fa"), fasta(&other, &PLAIN)).expect("written");
    assert_eq!(detect(&[]).0, OUT);
    run(at, &["info", "out/genome.reprise", "--check", "g.fa"]).fine();
}

#[test]
fn tandem_repeats_are_annotated_and_masked_if_requested() {
    let folder = folder();
    let at = folder.path();
    let mut contigs = genome();
    for contig in &mut contigs[..2] {
        contig.letters.extend(b"CAG".repeat(100));
        contig.letters.extend(Random(contig.letters.len() as u64).bases(500));
    }
    fs::write(at.join("t.fa"), fasta(&contigs, &PLAIN)).expect("written");
    let arrays = |out: &str| {
        let summary = fs::read(at.join(out).join("summary.json")).expect("there");
        let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
        let families = summary["annotation"]["families"].as_array().expect("a list").clone();
        let mut rows = families.into_iter().filter(|family| family["class"] == "Simple_repeat");
        (rows.next().map(|family| family["copies"].as_u64()), rows.count())
    };
    run(at, &["detect", "t.fa", "-o", "without", "-q"]).fine();
    run(at, &["detect", "t.fa", "-o", "with", "--tandem", "-q"]).fine();
    assert_eq!(arrays("without"), (None, 0));
    // Two arrays of one unit are one row.
    assert_eq!(arrays("with"), (Some(Some(2)), 0));
    let masked = |out: &str| {
        let bed = fs::read_to_string(at.join(out).join("repeats.bed")).expect("there");
        bed.lines().filter(|line| line.contains("Simple_repeat")).count()
    };
    assert_eq!((masked("without"), masked("with")), (0, 2));
    let page = fs::read_to_string(at.join("with/report.html")).expect("there");
    assert!(page.contains("Simple_repeat"));
}

#[test]
fn an_existing_index_is_used() {
    let folder = folder();
    let at = folder.path();
    run(at, &["build-index", "g.fa", "-k", "9"]).fine();
    run(at, &["detect", "g.fa", "-o", "beside", "-q"]).fine();
    assert!(!at.join("beside/genome.reprise").exists());
    run(at, &["detect", "g.reprise", "-o", "given", "-q"]).fine();
    assert!(differing(&at.join("beside"), &at.join("given")).is_empty());
    // Without -o the folder has the name of the genome.
    run(at, &["detect", "g.reprise", "-q"]).fine();
    assert!(differing(&at.join("g.repeats"), &at.join("given")).is_empty());

    // An index without repeated k-mers, or of another genome, is not.
    run(at, &["build-index", "g.fa", "--max-frequency", "5", "--force"]).fine();
    run(at, &["detect", "g.fa", "-o", "filtered", "-q"]).fine();
    assert!(at.join("filtered/genome.reprise").exists());
    fs::write(at.join("h.fa"), ">x\nACGTTGCA\n").expect("written");
    run(at, &["build-index", "h.fa", "-o", "g.reprise", "--force"]).fine();
    run(at, &["detect", "g.fa", "-o", "other", "-q"]).fine();
    assert!(at.join("other/genome.reprise").exists());
    for name in &OUT[..11] {
        let read = |folder: &str| fs::read(at.join(folder).join(name)).expect("there");
        assert!(read("other") == read("filtered") && read("other") == read("given"), "{name}");
    }
    // A genome without repeats: empty files and a page.
    let ran = run(at, &["detect", "h.fa", "-o", "nothing"]).fine();
    assert!(ran.out.contains("0.00 % of the bases: 0 copies of 0 families"), "{}", ran.out);
    assert_eq!(fs::read(at.join("nothing/families.fa")).expect("there"), b"");
}

#[test]
fn given_libraries_are_searched_with_the_families_or_alone() {
    let folder = folder();
    let at = folder.path();
    run(at, &["detect", "g.fa", "-o", "out", "-q"]).fine();
    let found = fs::read_to_string(at.join("out/families.fa")).expect("there");
    let one = found.split("\n>").next().expect("a family");
    let named = format!(">known#LTR/<i>Gypsy</i> {}\n", one.split_once(' ').expect("a header").1);
    fs::write(at.join("lib.fa"), named).expect("written");

    let ran = run(at, &["detect", "g.fa", "-o", "alone", "--library", "lib.fa", "--library-only", "--json"]).fine();
    assert_eq!(ran.json()["search"], serde_json::Value::Null);
    assert_eq!(ran.json()["annotation"]["classes"][0]["class"], "LTR/<i>Gypsy</i>");
    assert!(!at.join("alone/families.fa").exists());
    run(at, &["annotate", "out/genome.reprise", "--library", "lib.fa", "-o", "single"]).fine();
    assert!(fs::read(at.join("alone/repeats.out")).expect("there") == fs::read(at.join("single.out")).expect("there"));
    let page = fs::read_to_string(at.join("alone/report.html")).expect("there");
    assert!(page.contains("LTR/&lt;i&gt;Gypsy&lt;/i&gt;") && !page.contains("<i>Gypsy"));

    let ran = run(at, &["detect", "g.fa", "-o", "both", "--library", "lib.fa", "--json"]).fine();
    assert_eq!(ran.json()["annotation"]["families"].as_array().map(Vec::len), Some(2));
    fs::copy(at.join("lib.fa"), at.join("again.fa")).expect("copied");
    let twice = ["detect", "g.fa", "-o", "twice", "--library", "lib.fa", "--library", "again.fa"];
    run(at, &twice).failed(3, &["again.fa", "in two libraries"]);
    assert!(!at.join("twice").exists(), "nothing was begun");

    let plots = ["detect", "g.fa", "-o", "alone", "--library", "lib.fa", "--library-only", "--plots", "plots", "-q"];
    run(at, &plots).fine();
    let drawn = listing(&at.join("plots"));
    assert_eq!(
        drawn,
        ["ages.svg", "density.svg", "families.svg", "groups.svg", "landscape.svg", "lengths.svg", "spectrum.svg"]
    );
    for name in drawn {
        let svg = fs::read_to_string(at.join("plots").join(&name)).expect("there");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("<i>"), "{name}");
    }
    run(at, &plots).fine();
    fs::write(at.join("plots/ages.svg"), "mine").expect("written");
    run(at, &plots).failed(2, &["ages.svg exists already"]);
}

#[test]
fn errors_are_reported_before_any_work() {
    let folder = folder();
    let at = folder.path();
    run(at, &["detect", "-", "-o", "out"]).failed(2, &["standard input"]);
    run(at, &["detect", "no.fa", "-o", "out"]).failed(1, &["no.fa", "check the path"]);
    run(at, &["detect", "g.fa", ".", "-o", "out"]).failed(2, &["one index"]);
    assert!(!at.join("out").exists());
    fs::create_dir_all(at.join("out")).expect("made");
    fs::write(at.join("out/repeats.bed"), "mine\n").expect("written");
    run(at, &["detect", "g.fa", "-o", "out"]).failed(2, &["repeats.bed exists already"]);
    assert_eq!(fs::read_to_string(at.join("out/repeats.bed")).expect("there"), "mine\n");

    // Another run uses the folder.
    let lock = fs::File::create(at.join("out/.detect.lock")).expect("made");
    lock.lock().expect("locked");
    run(at, &["detect", "g.fa", "-o", "out", "--force"]).failed(1, &["out is being built", "--wait"]);
    let mut waiting =
        common::command(at, &["detect", "g.fa", "-o", "out", "--force", "--wait"]).spawn().expect("starts");
    let mut said = String::new();
    let mut stderr = BufReader::new(waiting.stderr.take().expect("a pipe"));
    stderr.read_line(&mut said).expect("read");
    assert!(said.contains("waiting for that build to end"), "{said}");
    drop(lock);
    stderr.read_to_string(&mut said).expect("read");
    ended(waiting).fine();
    assert!(!at.join("out/.detect.lock").exists());
}

#[test]
fn a_run_that_is_killed_at_any_rename_resumes() {
    if !has_faults() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    // Other tests kill the build of the index at every call.
    run(at, &["build-index", "g.fa", "-q"]).fine();
    let arguments = ["detect", "../g.reprise", "-o", "out", "-q", "-t", "2"];
    let case = |name: &str| {
        let case = at.join(name);
        fs::create_dir(&case).expect("new");
        case
    };
    let whole = case("whole");
    let calls = calls(&whole, &arguments);
    let whole = bytes(&whole.join("out"));
    let renames = calls.iter().filter(|call| *call == "rename").count();
    // Each file, the drafts and the refined families, and the record before and after each step.
    assert_eq!(renames, OUT.len() + 2 + 2 * 4, "{calls:?}");
    let cases: Vec<(&str, usize)> = (1..=renames).flat_map(|n| [("kill", n), ("term", n)]).collect();
    each_case(&cases, |_, &(fault, number)| {
        let case = case(&format!("{fault}-{number}"));
        let fault = format!("{fault} rename {number}");
        let status = faulty(&case, &arguments, &fault).output().expect("it starts").status;
        let out = case.join("out");
        if fault.starts_with("kill") {
            assert_eq!(status.signal(), Some(9), "{fault}");
        } else {
            // The thread that handles signals may receive it a little later.
            assert!(matches!(status.code(), Some(143 | 0)), "{fault}: {status:?}");
            assert!(listing(&out).iter().all(|name| !name.starts_with('.')), "{:?}", listing(&out));
        }
        // Files under their final name are complete.
        let there = files(&out);
        for name in there.keys() {
            assert!(fs::read(out.join(name)).expect("there") == whole[*name], "{fault}: {name}");
        }
        run(&case, &arguments).fine();
        assert!(bytes(&out) == whole, "{fault}: {:?}", listing(&out));
        // Finished steps stay; only the step that was running is repeated.
        let again = made_again(&there, &files(&out));
        let step = |name: &str| match name {
            "families.fa" | "families.stk" | "families.tsv" => 0,
            name if ANNOTATION.contains(&name) => 1,
            name if MASK.contains(&name) => 2,
            _ => 3,
        };
        let first = again.iter().map(|name| step(name)).min().unwrap_or(4);
        let kept = there.keys().filter(|name| step(name) < first).count();
        assert_eq!(kept, OUT.iter().filter(|name| step(name) < first).count(), "{fault}: {again:?}");
        let replaced: Vec<_> = again.iter().filter(|name| there.contains_key(*name)).map(|name| step(name)).collect();
        assert!(replaced.iter().all(|&step| step == first), "{fault}: {again:?}");
    });
}
