//! The reports of `detect` and `report`, and the sections for MultiQC: their numbers agree with the results, their size
//! is bounded, and a browser sorts, filters and zooms.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Contig, PLAIN, Random, fasta, listing, quick_folder, run};
use reprise::report::MAX_GENOMES;
use serde_json::Value;

const READER: &str = include_str!("report.js");

fn chromium() -> Option<Command> {
    common::one_of(&["chromium", "chromium-browser", "google-chrome"])
}

/// The results of the script that operates a page, in a window of some width.
fn seen(chromium: &mut Command, at: &Path, (page, reader): (&str, &str), width: u32, dark: bool) -> Value {
    let report = fs::read_to_string(at.join(page)).expect("written");
    let watch =
        "<head>\n<script>var wrong = []; addEventListener(\"error\", event => wrong.push(event.message));</script>";
    let page =
        report.replacen("<head>", watch, 1).replacen("</body>", &format!("<script>\n{reader}</script>\n</body>"), 1);
    fs::write(at.join("read.html"), page).expect("written");
    let profile = tempfile::tempdir().expect("a temporary folder");
    let scheme = if dark { 0 } else { 1 };
    let output = chromium
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", at.join("read.html").display()))
        .output()
        .expect("it runs");
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    let results = page.split_once("<pre id=\"results\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (results, _) = results.unwrap_or_else(|| panic!("the script failed: {page}\n{output:?}"));
    serde_json::from_str(results).expect("JSON")
}

#[test]
fn a_reader_sorts_filters_and_zooms() {
    if chromium().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    run(at, &["simulate", "-o", "sim", "--seed", "3", "--bases", "300000", "--families", "6", "-q"]).fine();
    run(at, &["detect", "sim/genome.fa", "-o", "out", "-q"]).fine();
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(at.join("out/summary.json")).expect("written")).expect("JSON");
    let families = summary["annotation"]["families"].as_array().expect("a list");
    assert!(families.len() >= 3, "{families:?}");

    let pages = [1280, 600].map(|width| {
        [false, true]
            .map(|dark| seen(&mut chromium().expect("it is there"), at, ("out/report.html", READER), width, dark))
    });
    let page = &pages[0][0];
    let texts = |name: &str| -> Vec<String> {
        let texts = page[name].as_array().expect("a list");
        texts.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    let bases: Vec<u64> = families.iter().map(|family| family["bases"].as_u64().expect("a number")).collect();
    let number = |text: &String| text.replace(',', "").parse::<u64>().expect("a number");
    let numbers = |name: &str| texts(name).iter().map(number).collect::<Vec<_>>();
    assert_eq!(texts("wrong"), [""; 0]);
    assert_eq!(texts("loaded"), [""; 0], "nothing but the page is loaded");
    assert_eq!(numbers("bases"), bases);
    let mut sorted = bases.clone();
    sorted.sort_unstable();
    let back: Vec<u64> = sorted.iter().rev().copied().collect();
    assert_eq!((numbers("sortedOnce"), numbers("sortedTwice")), (back, sorted));
    let mut names: Vec<String> =
        families.iter().map(|family| family["name"].as_str().expect("a name").to_owned()).collect();
    names.sort_by_key(|name| name.rsplit('-').next().and_then(|number| number.parse::<u64>().ok()));
    assert_eq!(texts("names"), names);
    assert_eq!(texts("filtered"), ["family-2"]);

    let range = |name: &str| -> [u64; 3] {
        let text = page[name].as_str().expect("a text");
        let numbers: Vec<u64> = text.replace(',', "").split(' ').filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().unwrap_or_else(|_| panic!("{text}"))
    };
    let length = range("whole")[2];
    assert_eq!(range("whole"), [1, length, length]);
    let [from, to, _] = range("closer");
    assert!(from > 1 && to < length && to - from < length * 3 / 5, "{from} {to}");
    assert!(range("right")[0] > from && range("right")[1] > to);
    assert_eq!((range("again"), range("escaped")), ([1, length, length], [1, length, length]));
    let [from, to, _] = range("dragged");
    assert!(from > length / 3 && to < length * 2 / 3, "{from} {to}");
    assert_eq!(range("second")[0], 1);
    assert!(page["drawn"].as_u64() >= Some(2));

    let pictures = page["pictures"].as_array().expect("a list");
    assert!(pictures.len() >= 6);
    for [light, dark] in &pages {
        assert_eq!((&light["wider"], &dark["wider"]), (&0.into(), &0.into()), "nothing is cut off");
        assert!(light["ground"] != dark["ground"] && light["ink"] != dark["ink"], "{light} {dark}");
        let wide = |picture: &Value| picture[0].as_f64() > Some(300.0) && picture[1].as_f64() > Some(60.0);
        assert!(light["pictures"].as_array().expect("a list").iter().all(wide), "{light}");
    }
}

/// A library of two families, and a genome with copies of them in contigs of these names, the one in all contigs and
/// the other in those whose name contains X.
fn write_genome(at: &Path, name: &str, seed: u64, contigs: &[&str]) {
    let mut random = Random(41);
    let (everywhere, on_x) = (random.bases(400), random.bases(300));
    let library = [("one#LTR/Gypsy", &everywhere), ("two#LINE/L1", &on_x)];
    let text = library.map(|(name, bases)| format!(">{name}\n{}\n", common::text(bases)));
    fs::write(at.join("lib.fa"), text.concat()).expect("written");
    let mut random = Random(seed);
    let contigs: Vec<Contig> = contigs
        .iter()
        .map(|name| {
            let mut letters = random.bases(1500);
            letters.extend(&everywhere);
            letters.extend(random.bases(200));
            if name.contains('X') {
                letters.extend(&on_x);
            }
            letters.extend(random.bases(300));
            Contig::new(name, letters)
        })
        .collect();
    fs::write(at.join(name), fasta(&contigs, &PLAIN)).expect("written");
}

/// `detect` with the library of [`write_genome`] alone.
fn detect(at: &Path, genome: &str, out: &str, more: &[&str]) -> common::Ran {
    run(at, &[&["detect", genome, "-o", out, "--library", "lib.fa", "--library-only", "-q"], more].concat())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("written")).expect("JSON")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Name, contigs, bases and bases of each class of a group of contigs.
type Group = (String, u64, u64, Vec<(String, u64)>);

/// The groups of a run, whose sums are those of the genome.
fn groups(at: &Path, out: &str) -> Vec<Group> {
    let summary = json(&at.join(out).join("summary.json"));
    let all = summary["annotation"]["groups"].as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let sum: u64 = all.iter().map(|group| number(&group["bases"])).sum();
    assert_eq!(sum, number(&summary["annotation"]["bases"]));
    let length: u64 = all.iter().map(|group| number(&group["length"])).sum();
    assert_eq!(length, number(&summary["genome"]["bases"]));
    let of = |group: &Value| {
        let classes = group["classes"].as_array().expect("a list").iter();
        let classes = classes.map(|class| {
            let counts = class["bases_by_divergence"].as_array().expect("a list");
            assert_eq!(counts.iter().map(number).sum::<u64>(), number(&class["bases"]));
            (text(&class["class"]), number(&class["bases"]))
        });
        (text(&group["name"]), number(&group["contigs"]), number(&group["length"]), classes.collect())
    };
    all.iter().map(of).collect()
}

#[test]
fn groups_of_contigs_have_their_own_landscapes() {
    let folder = quick_folder();
    let at = folder.path();
    write_genome(at, "g.fa", 1, &["chr1", "chr2", "chrX", "scaffold_1", "scaffold_2"]);
    detect(at, "g.fa", "names", &["--plots", "plots"]).fine();
    let class = |name: &str, bases: u64| (name.to_owned(), bases);
    let (ltr, line) = (|n: u64| class("LTR/Gypsy", 400 * n), || class("LINE/L1", 300));
    let expected = |names: [&str; 3]| {
        let [chromosomes, sex, rest] = names.map(str::to_owned);
        let mut all = vec![
            (chromosomes, 2, 4800, vec![ltr(2)]),
            (sex, 1, 2700, vec![ltr(1), line()]),
            (rest, 2, 4800, vec![ltr(2)]),
        ];
        all.sort();
        all
    };
    let sorted = |out: &str| {
        let mut all = groups(at, out);
        all.sort();
        all
    };
    assert_eq!(sorted("names"), expected(["chromosomes", "sex chromosomes", "scaffolds"]));
    let page = fs::read_to_string(at.join("names/report.html")).expect("there");
    assert!(page.contains("Groups of contigs") && page.contains("sex chromosomes"));
    let svg = fs::read_to_string(at.join("plots/groups.svg")).expect("there");
    assert!(svg.contains(">sex chromosomes<") && svg.contains("2.7 kb in 1 contig, 25.93 % in copies"), "{svg}");

    // A table, from standard input too; only the annotation and what follows depend on it.
    let table = "chr*\tautosomes\nchrX\tX <b>\n";
    fs::write(at.join("groups.tsv"), table).expect("written");
    detect(at, "g.fa", "table", &["--contig-groups", "groups.tsv"]).fine();
    assert_eq!(sorted("table"), expected(["autosomes", "X <b>", "other"]));
    let page = fs::read_to_string(at.join("table/report.html")).expect("there");
    assert!(page.contains("X &lt;b&gt;") && !page.contains("X <b>"));
    detect(at, "g.fa", "names", &["--contig-groups", "groups.tsv"]).fine();
    assert_eq!(groups(at, "names"), groups(at, "table"));
    detect(at, "g.fa", "one", &["--contig-groups", "groups.tsv", "-t", "1"]).fine();
    for name in ["summary.json", "report.html", "reprise_mqc.json"] {
        assert!(
            fs::read(at.join("one").join(name)).expect("there")
                == fs::read(at.join("table").join(name)).expect("there")
        );
    }

    // One group is the whole genome.
    fs::write(at.join("all.tsv"), "*\tall\n").expect("written");
    detect(at, "g.fa", "table", &["--contig-groups", "all.tsv"]).fine();
    let page = fs::read_to_string(at.join("table/report.html")).expect("there");
    assert!(!page.contains("Groups of contigs"));

    // Errors name the line, before the search.
    fs::write(at.join("wrong.tsv"), "chr1\ta\nchr11\tb\n").expect("written");
    detect(at, "g.fa", "wrong", &["--contig-groups", "wrong.tsv"]).failed(3, &["wrong.tsv, line 2", "chr11", "chr1"]);
    assert!(!at.join("wrong/repeats.bed").exists());
    fs::write(at.join("wrong.tsv"), "chr1 a\n").expect("written");
    detect(at, "g.fa", "early", &["--contig-groups", "wrong.tsv"]).failed(3, &["wrong.tsv, line 1", "tab"]);
    assert!(!at.join("early").exists());
    detect(at, "g.fa", "early", &["--contig-groups", "none.tsv"]).failed(1, &["none.tsv"]);
}

#[test]
fn genomes_are_compared_side_by_side() {
    let folder = quick_folder();
    let at = folder.path();
    write_genome(at, "a<b>.fa", 1, &["chr1", "chrX"]);
    write_genome(at, "c.fa", 2, &["chr1", "chr2", "chr3"]);
    for (genome, out) in [("a<b>.fa", "one"), ("c.fa", "two"), ("c.fa", "three")] {
        detect(at, genome, out, &[]).fine();
    }
    let summary = run(at, &["report", "one", "two", "-o", "r.html", "--plots", "plots", "--json"]).fine().json();
    let genomes = summary["genomes"].as_array().expect("a list");
    let classes = |genome: usize| genomes[genome]["classes"].as_array().expect("a list");
    assert_eq!((classes(0).len(), classes(1).len(), &classes(1)[0]["bases"]), (2, 1, &1200.into()));
    let page = fs::read_to_string(at.join("r.html")).expect("there");
    assert!(page.contains("a&lt;b&gt;.fa") && !page.contains("<b>") && page.contains("LINE/L1"), "names are text");
    assert_eq!(listing(&at.join("plots")), ["classes.svg", "landscapes.svg"]);
    let svg = fs::read_to_string(at.join("plots/landscapes.svg")).expect("there");
    assert!(svg.contains("a&lt;b&gt;.fa") && svg.contains(">c.fa<"), "{svg}");
    // Standard output has the same page; the summary is for a terminal.
    assert_eq!(run(at, &["report", "one", "two", "-t", "1"]).fine().out, page);
    let ran = run(at, &["report", "two", "three", "-o", "s.html"]).fine();
    assert!(ran.out.contains("two: ") && ran.out.contains("three: "), "genomes of one name are called as folders");

    run(at, &["report", "one", "two", "-o", "r.html"]).failed(2, &["r.html exists already", "--force"]);
    run(at, &["report", "one", "two", "-o", "t.html", "--plots", "plots"]).failed(2, &["exists already"]);
    assert!(!at.join("t.html").exists());
    run(at, &["report", "one", "two", "-o", "r.html", "--plots", "plots", "--force", "-q"]).fine();
    for folders in [1, MAX_GENOMES + 1] {
        let ran = run(at, &[&["report"], &vec!["one"; folders][..]].concat());
        assert!(ran.code == 2 && ran.out.is_empty(), "{folders}: {}", ran.err);
    }
    run(at, &["report", "one", "two", "--max-memory", "1000"]).failed(5, &["summary"]);

    // Files that cannot be used.
    fs::create_dir(at.join("bad")).expect("new");
    let refused = |text: Option<&str>, words: &[&str]| {
        if let Some(text) = text {
            fs::write(at.join("bad/summary.json"), text).expect("written");
        }
        let all = [&["bad/summary.json", "reprise detect"], words].concat();
        run(at, &["report", "one", "bad", "-o", "u.html"]).failed(3, &all);
        assert!(!at.join("u.html").exists());
    };
    refused(None, &["no such file"]);
    let whole = fs::read_to_string(at.join("one/summary.json")).expect("there");
    refused(Some(&whole[..whole.len() / 2]), &["line ", "damaged"]);
    refused(Some(""), &["damaged"]);
    refused(Some("{}"), &["another version"]);
    let mut old: Value = serde_json::from_str(&whole).expect("JSON");
    old["annotation"].as_object_mut().expect("an object").remove("groups");
    refused(Some(&old.to_string()), &["another version", "groups"]);
    let mut changed: Value = serde_json::from_str(&whole).expect("JSON");
    changed["annotation"]["classes"][0]["bases_by_divergence"] = serde_json::json!([1]);
    refused(Some(&changed.to_string()), &["damaged", "LTR/Gypsy"]);
}

#[test]
fn a_reader_opens_a_comparison() {
    if chromium().is_none() {
        return;
    }
    let folder = quick_folder();
    let at = folder.path();
    write_genome(at, "a.fa", 1, &["chr1", "chrX"]);
    write_genome(at, "b.fa", 2, &["chr1", "chr2", "chr3"]);
    detect(at, "a.fa", "one", &[]).fine();
    detect(at, "b.fa", "two", &[]).fine();
    run(at, &["report", "one", "two", "-o", "r.html", "-q"]).fine();
    let reader = r##"addEventListener("load", () => {
  const bases = () => [...document.querySelectorAll("#genomes tbody tr")].map(row => row.cells[1].textContent);
  const seen = { before: bases(), wrong };
  document.querySelectorAll("#genomes th")[1].querySelector("button").click();
  seen.after = bases();
  seen.drawn = document.querySelectorAll("figure rect").length;
  seen.wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const results = document.createElement("pre");
  results.id = "results";
  results.textContent = JSON.stringify(seen);
  document.body.replaceChildren(results);
});"##;
    let page = seen(&mut chromium().expect("it is there"), at, ("r.html", reader), 1280, false);
    assert_eq!(page["before"], serde_json::json!(["5,100", "7,200"]));
    assert_eq!(page["after"], serde_json::json!(["7,200", "5,100"]), "largest first");
    assert!(page["wrong"] == serde_json::json!([]) && page["wider"] == 0, "{page}");
    assert!(number(&page["drawn"]) >= 5, "{page}");
}

#[test]
fn a_hundred_thousand_contigs_are_a_small_page() {
    let folder = quick_folder();
    let at = folder.path();
    let mut random = Random(8);
    let repeat = random.bases(200);
    let contigs: Vec<Contig> = (0..100_000)
        .map(|number| {
            let mut letters = random.bases(50);
            if number % 100 == 0 {
                letters.extend(&repeat);
            }
            Contig::new(&format!("scaffold_{number}_of_a_long_name|with=attributes"), letters)
        })
        .collect();
    fs::write(at.join("g.fa"), fasta(&contigs, &PLAIN)).expect("written");
    fs::write(at.join("lib.fa"), format!(">r#DNA\n{}\n", common::text(&repeat))).expect("written");
    detect(at, "g.fa", "out", &[]).fine();
    let page = fs::metadata(at.join("out/report.html")).expect("there").len();
    assert!(page < 5_000_000, "{page} bytes");
    assert_eq!(groups(at, "out"), [("scaffolds".to_owned(), 100_000, 5_200_000, vec![("DNA".to_owned(), 200_000)])]);
}

/// The sections for MultiQC without MultiQC: what it requires of them, and that their numbers are those of the run.
#[test]
fn sections_for_multiqc_agree_with_the_run() {
    let folder = quick_folder();
    let at = folder.path();
    write_genome(at, "a.fa", 1, &["chr1", "chrX"]);
    write_genome(at, "b.fa", 2, &["chr1", "chr2"]);
    for (genome, out) in [("a.fa", "one"), ("b.fa", "two")] {
        detect(at, genome, out, &[]).fine();
        let index = format!("{out}.reprise");
        let section = format!("{out}_mqc.json");
        run(at, &["build-index", genome, "-o", &index, "--multiqc", &section, "-q"]).fine();
        run(at, &["verify", &index]).fine();
        let kmers = json(&at.join(&section));
        let manifest = json(&at.join(&index).join("manifest.json"));
        let actual = &manifest["actual"];
        assert_eq!(kmers["data"][genome]["twice or more"], actual["repeated_kmers"]);
        let sum = number(&kmers["data"][genome]["twice or more"]) + number(&kmers["data"][genome]["once"]);
        assert_eq!(sum, number(&actual["distinct_kmers"]));

        let files: Vec<String> =
            listing(&at.join(out)).into_iter().filter(|name| name.ends_with("_mqc.json")).collect();
        assert_eq!(files, ["reprise_general_mqc.json", "reprise_landscape_mqc.json", "reprise_mqc.json"]);
        let [general, landscape, classes] = [0, 1, 2].map(|file| json(&at.join(out).join(&files[file])));
        let summary = json(&at.join(out).join("summary.json"));
        let bars = classes["data"][genome].as_object().expect("bars");
        assert_eq!(bars.values().map(number).sum::<u64>(), number(&summary["genome"]["bases"]), "shares of the genome");
        assert_eq!(bars["LTR"], 800);
        let categories: Vec<&String> = classes["categories"].as_object().expect("categories").keys().collect();
        assert!(bars.keys().eq(categories), "MultiQC draws the bars that are named");
        let points = landscape["data"][genome].as_array().expect("points");
        let sum: f64 = points.iter().map(|point| point[1].as_f64().expect("a number")).sum();
        let share = general["data"][genome]["reprise_repeats"].as_f64().expect("a number");
        assert!((sum - share).abs() < 0.001 && share > 10.0, "{sum} {share}");
        let columns = general["pconfig"].as_array().expect("a list").len();
        assert_eq!(general["data"][genome].as_object().map(serde_json::Map::len), Some(columns));
    }
    let ids: Vec<Value> = ["one/reprise_mqc.json", "two/reprise_mqc.json"]
        .iter()
        .map(|name| json(&at.join(name))["categories"].clone())
        .collect();
    assert_eq!(ids[0], ids[1], "MultiQC takes the categories of one genome for all");

    // Names that MultiQC does not find, the index itself, and files that exist.
    let refused = |section: &str, words: &[&str]| {
        let ran = run(at, &["build-index", "a.fa", "-o", "new.reprise", "--multiqc", section, "-q"]);
        ran.failed(2, words);
        assert!(!at.join("new.reprise").exists());
    };
    refused("kmers.json", &["_mqc.json"]);
    refused("new.reprise/a_mqc.json", &["only its own files"]);
    refused("one_mqc.json", &["exists already"]);
    let inside = ["build-index", "a.fa", "-o", "one.reprise", "--force", "--multiqc", "./one.reprise/a_mqc.json"];
    run(at, &inside).failed(2, &["only its own files"]);
    run(at, &["verify", "one.reprise"]).fine();
    let planned = run(at, &["build-index", "a.fa", "--dry-run", "--multiqc", "x_mqc.json"]);
    assert!(planned.code == 2 && planned.err.contains("--multiqc"), "{}", planned.err);

    // No distribution has a package of MultiQC, so that it is not one of the tools that tests need.
    let mut multiqc = std::process::Command::new("multiqc");
    let Ok(ran) = multiqc.args([".", "-o", "mq", "--no-version-check"]).current_dir(at).output() else {
        println!("skipped: multiqc is not installed");
        return;
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    for (name, columns) in [("reprise_classes_plot", "No repeat"), ("reprise_kmers_plot", "once")] {
        let table = fs::read_to_string(at.join(format!("mq/multiqc_data/multiqc_{name}.txt"))).expect("a section");
        assert!(table.lines().count() == 3 && table.contains(columns), "{table}");
    }
    let general = fs::read_to_string(at.join("mq/multiqc_data/multiqc_general_stats.txt")).expect("a table");
    assert!(general.contains("reprise_repeats"), "{general}");
}
