//! Scores of libraries and masks: right answers of made inputs, and the figures of other programs.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use common::{
    Contig, PLAIN, Ran, Random, data, fasta, gzip, lines_of, reverse_complement, run, run_with, skip, text, tool,
};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(at: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(at.join(name), bytes).expect("written");
}

fn library(sequences: &[(&str, &[u8])]) -> Vec<u8> {
    let all: Vec<Contig> = sequences.iter().map(|(name, letters)| Contig::new(name, letters)).collect();
    fasta(&all, &PLAIN)
}

/// The sequence with another base at `changes` positions, evenly spread and none within six bases of an end, so that an
/// alignment reaches both ends.
fn changed(sequence: &[u8], changes: usize) -> Vec<u8> {
    let mut copy = sequence.to_vec();
    for number in 0..changes {
        let at = 6 + number * (sequence.len() - 12) / changes;
        copy[at] = match copy[at] {
            b'A' => b'G',
            b'G' => b'A',
            b'C' => b'T',
            _ => b'C',
        };
    }
    copy
}

/// The values of a result in lines `name value`.
fn values(ran: &Ran) -> BTreeMap<String, String> {
    assert!(ran.out.starts_with("#measure\tvalue\n"), "{}", ran.out);
    let rows = ran.out.lines().skip(1).map(|line| line.split_once('\t').expect("two columns"));
    rows.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Recovery, best found family and its bases by true family, from `--table`.
fn table(at: &Path, more: &[&str]) -> BTreeMap<String, (String, String, u64)> {
    run(
        at,
        &[&["benchmark", "found.fa", "--truth", "true.fa", "--table", "t.tsv", "--force", "-o", "o"], more].concat(),
    )
    .fine();
    let rows = std::fs::read_to_string(at.join("t.tsv")).expect("written");
    assert!(rows.starts_with("#name\tlength\trecovery\t"), "{rows}");
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 8, "{line}");
        (fields[0].to_owned(), (fields[2].to_owned(), fields[6].to_owned(), fields[7].parse().expect("a number")))
    };
    rows.lines().skip(1).map(row).collect()
}

/// Families of 1,000 bases, and what is found of each. 50 changed bases leave an identity of exactly 95 %.
fn made_libraries(at: &Path) -> Vec<(&'static str, &'static str, &'static str, u64)> {
    let mut random = Random(17);
    let names =
        ["same", "reverse", "edge95", "below95", "edge80", "below80", "two", "longer", "longest", "cut", "gone"];
    let truth: BTreeMap<&str, Vec<u8>> = names.iter().map(|name| (*name, random.bases(1000))).collect();
    let long = |name: &str, more: usize, random: &mut Random| [&truth[name][..], &random.bases(more)].concat();
    let found: Vec<(&str, Vec<u8>)> = vec![
        ("f-same", truth["same"].clone()),
        ("f-reverse", reverse_complement(&truth["reverse"])),
        ("f-edge95", changed(&truth["edge95"], 50)),
        ("f-below95", changed(&truth["below95"], 51)),
        ("f-edge80", truth["edge80"][200..].to_vec()),
        ("f-below80", truth["below80"][201..].to_vec()),
        ("f-two-a", truth["two"][..600].to_vec()),
        ("f-two-b", reverse_complement(&truth["two"][550..])),
        ("f-longer", long("longer", 50, &mut random)),
        ("f-longest", long("longest", 100, &mut random)),
        ("f-cut", truth["cut"][25..975].to_vec()),
        ("f-none", random.bases(800)),
        ("f-twice", truth["same"].to_ascii_lowercase()),
    ];
    let all: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &truth[name][..])).collect();
    write(at, "true.fa", library(&all));
    let all: Vec<(&str, &[u8])> = found.iter().map(|(name, letters)| (*name, &letters[..])).collect();
    write(at, "found.fa", library(&all));
    vec![
        ("same", "perfect", "f-same", 1000),
        ("reverse", "perfect", "f-reverse", 1000),
        ("edge95", "perfect", "f-edge95", 1000),
        ("below95", "present", "f-below95", 1000),
        ("edge80", "present", "f-edge80", 800),
        ("below80", "missing", "f-below80", 799),
        ("two", "good", "f-two-a", 600),
        ("longer", "perfect", "f-longer", 1000),
        ("longest", "good", "f-longest", 1000),
        ("cut", "perfect", "f-cut", 950),
        ("gone", "missing", ".", 0),
    ]
}

#[test]
fn made_families_are_recovered_as_they_were_made() {
    let folder = folder();
    let at = folder.path();
    let made = made_libraries(at);
    let found = table(at, &[]);
    for (name, recovery, best, bases) in &made {
        let (own, family, covered) = &found[*name];
        assert_eq!((own.as_str(), family.as_str()), (*recovery, *best), "{name}");
        // Random bases behind the end of a copy may match.
        assert!(covered.abs_diff(*bases) <= 8, "{name}: {covered}");
    }
    assert_eq!(found.len(), made.len());
    let ran = run(at, &["benchmark", "found.fa", "--truth", "true.fa"]).fine();
    let wanted = [
        ("true_families", "11"),
        ("perfect", "5"),
        ("good", "2"),
        ("present", "2"),
        ("missing", "2"),
        ("found_families", "13"),
        // Twelve of 13 found families are of one of 9 that are not missing.
        ("redundancy", "1.33"),
        ("unmatched", "1"),
    ];
    let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(values(&ran), BTreeMap::from(wanted));

    // The same with any number of threads, compressed, from a pipe and as JSON.
    write(at, "found.fa.gz", gzip(&std::fs::read(at.join("found.fa")).expect("there"), 2));
    for arguments in [&["found.fa", "-t", "1"][..], &["found.fa", "-t", "7"], &["found.fa.gz", "--low-memory"]] {
        let again = run(at, &[&["benchmark", "--truth", "true.fa"], arguments].concat()).fine();
        assert_eq!(again.out, ran.out, "{arguments:?}");
    }
    let truth = std::fs::read(at.join("true.fa")).expect("there");
    assert_eq!(run_with(at, &["benchmark", "found.fa", "--truth", "-"], &truth).fine().out, ran.out);
    let json = run(at, &["benchmark", "found.fa", "--truth", "true.fa", "--json"]).fine().json();
    assert_eq!((&json["perfect"], &json["redundancy"]), (&5.into(), &(12.0 / 9.0).into()));
    assert_eq!((&json["families"][10]["name"], json["families"][10]["best"].is_null()), (&"gone".into(), true));
}

#[test]
fn some_of_the_true_families_count() {
    let folder = folder();
    let at = folder.path();
    made_libraries(at);
    write(at, "only.tsv", "#family\tcopies\nsame\t9\ngone\t3\n\nelse\t4\n");
    let ran = run(at, &["benchmark", "found.fa", "--truth", "true.fa", "--only", "only.tsv"]).fine();
    assert!(ran.err.contains("1 name") && ran.err.contains("\"else\""), "{}", ran.err);
    let found = values(&ran);
    assert_eq!([&found["true_families"], &found["perfect"], &found["missing"]], ["2", "1", "1"]);
    // Found families are those of the whole library.
    assert_eq!([&found["unmatched"], &found["redundancy"]], ["1", "12.00"]);
    write(at, "only.tsv", "else\n");
    run(at, &["benchmark", "found.fa", "--truth", "true.fa", "--only", "only.tsv"])
        .failed(3, &["only.tsv", "names no family of the true library"]);
}

/// A row of RepeatMasker's `.out`.
fn out_row(divergence: f64, found: (&str, u32, u32, u32), strand: &str, truth: (&str, u32, u32, u32)) -> String {
    let ((name, begin, end, length), (repeat, first, last, bases)) = (found, truth);
    let (left, rest) = (length - end, bases - last);
    let columns = match strand {
        "+" => format!("{first} {last} ({rest})"),
        _ => format!("({rest}) {last} {first}"),
    };
    format!("  900 {divergence} 0.0 0.0 {name} {begin} {end} ({left}) {strand} {repeat} LTR/Gypsy {columns} 1\n")
}

#[test]
fn alignments_of_repeatmasker_are_scored_by_the_rules_of_its_authors() {
    let folder = folder();
    let at = folder.path();
    let mut random = Random(5);
    let mut write_library = |file: &str, sequences: &[(&str, usize)]| {
        let all: Vec<Contig> = sequences.iter().map(|(name, bases)| Contig::new(name, random.bases(*bases))).collect();
        write(at, file, fasta(&all, &PLAIN));
    };
    write_library("true.fa", &[("P#LTR/Gypsy", 1000), ("G", 1000), ("S", 1000), ("M", 1000), ("X", 500)]);
    write_library("found.fa", &[("p", 1000), ("g1", 2000), ("g2", 600), ("s", 2000), ("m", 2000)]);
    let header = "   SW   perc perc perc  query\nscore   div. del. ins.  sequence\n\n";
    let rows = [
        out_row(4.9, ("p", 1, 1000, 1000), "C", ("P", 1, 1000, 1000)),
        // A gap of nine bases is covered, and two found families share the family.
        out_row(1.0, ("g1", 101, 600, 2000), "+", ("G", 1, 500, 1000)),
        out_row(1.0, ("g2", 101, 600, 600), "C", ("G", 510, 1000, 1000)),
        // Of 20 % or more a row is no evidence, of 5 % or more none for a good family.
        out_row(5.0, ("s", 1, 900, 2000), "+", ("S", 1, 900, 1000)),
        out_row(20.0, ("m", 1, 1000, 2000), "+", ("M", 1, 1000, 1000)),
        // Of no family of the library.
        out_row(3.0, ("m", 1, 100, 2000), "+", ("(CA)n", 1, 100, 100)),
    ];
    let out = header.to_owned() + &rows.concat();
    write(at, "found.fa.out", &out);
    let found = table(at, &["--alignments", "found.fa.out"]);
    let recoveries: Vec<&str> = found.values().map(|row| row.0.as_str()).collect();
    // In the order of names: G, M, P, S, X.
    assert_eq!(recoveries, ["good", "missing", "perfect", "present", "missing"]);
    let arguments = ["benchmark", "found.fa", "--truth", "true.fa", "--alignments", "-"];
    let counts = values(&run_with(at, &arguments, out.as_bytes()).fine());
    assert_eq!([&counts["perfect"], &counts["good"], &counts["present"], &counts["missing"]], ["1", "1", "1", "2"]);
    assert_eq!([&counts["redundancy"], &counts["unmatched"]], ["1.67", "0"]);

    let nothing = "There were no repetitive sequences detected in found.fa\n";
    assert_eq!(values(&run_with(at, &arguments, nothing.as_bytes()).fine())["missing"], "5");
    for (row, message) in [
        (out_row(1.0, ("q", 1, 9, 99), "+", ("P", 1, 9, 99)), "line 1: there is no sequence \"q\""),
        (out_row(1.0, ("p", 1, 1001, 2000), "+", ("P", 1, 9, 99)), "1-1001 is not an interval of \"p\""),
        (out_row(1.0, ("p", 1, 9, 99), "+", ("Y", 1, 9, 99)), "no row is of a repeat of the true library"),
        ("p\t1\t20\n".to_owned(), "no row of RepeatMasker's .out"),
        ("9 1.0 0 0 p 1 20 (5) + P LTR 1\n".to_owned(), "14 columns"),
    ] {
        run_with(at, &arguments, row.as_bytes()).failed(3, &[message]);
    }
}

/// A genome of two contigs and a truth in it.
fn made_genome(at: &Path) {
    let mut random = Random(29);
    let contigs = [Contig::new("c1", random.bases(1000)), Contig::new("c2", random.bases(500)), Contig::new("c3", b"")];
    write(at, "g.fa", fasta(&contigs[..2], &PLAIN));
    write(at, "true.bed", "c1\t0\t300\tA#LTR/Gypsy\nc1\t600\t700\ttandem\nc2\t400\t500\tB#DNA\nc1\t650\t660\tB\n");
    write(at, "found.bed", "c1\t100\t400\nc1\t600\t800\nc2\t450\t500\nc1\t100\t200\n");
}

const MASK: [&str; 6] = ["benchmark", "found.bed", "--truth", "true.bed", "--genome", "g.fa"];

#[test]
fn masks_are_counted_base_by_base() {
    let folder = folder();
    let at = folder.path();
    made_genome(at);
    let found = values(&run(at, &MASK).fine());
    let counts = ["true_positives", "false_positives", "false_negatives", "true_negatives"];
    assert_eq!(counts.map(|name| found[name].as_str()), ["350", "200", "150", "800"]);
    assert_eq!([&found["sensitivity"], &found["specificity"], &found["precision"]], ["70.00", "80.00", "63.64"]);
    assert_eq!([&found["accuracy"], &found["false_discovery_rate"], &found["f1"]], ["76.67", "36.36", "66.67"]);
    assert_eq!([&found["bases"], &found["masked"], &found["mcc"]], ["1500", "36.67", "0.4891"]);
    // Bases of tandem repeats alone do not count; those of B within one do.
    let skipped = values(&run(at, &[&MASK[..], &["--skip", "tandem"]].concat()).fine());
    assert_eq!(counts.map(|name| skipped[name].as_str()), ["260", "200", "150", "800"]);
    let classes =
        values(&run(at, &[&MASK[..], &["--skip", "LTR", "--skip", "tandem", "--skip", "DNA"]].concat()).fine());
    assert_eq!(counts.map(|name| classes[name].as_str()), ["10", "200", "0", "800"]);
    let none = run(at, &[&MASK[..], &["--skip", "tandm"]].concat()).fine();
    assert!(none.err.contains("no repeat of --skip tandm"), "{}", none.err);

    // The same from other formats, an index and a soft-masked genome in another order of contigs.
    run(at, &["build-index", "g.fa", "-q"]).fine();
    let all = run(at, &MASK).fine().out;
    write(
        at,
        "found.gff3",
        "c1\tx\ty\t101\t400\t.\t+\t.\tID=a\nc1\tx\ty\t601\t800\t.\t+\t.\t.\nc2\tx\ty\t451\t500\t.\t+\t.\t.\n",
    );
    run(at, &["mask", "g.reprise", "--annotation", "found.bed", "-o", "soft.fa", "-q"]).fine();
    let soft = std::fs::read(at.join("soft.fa")).expect("written");
    let second = text(&soft).find(">c2").expect("a second contig");
    write(at, "turned.txt", [&soft[second..], &soft[..second]].concat());
    write(at, "soft.fa.gz", gzip(&soft, 1));
    for found in ["found.gff3", "turned.txt", "soft.fa.gz", "soft.fa"] {
        for genome in ["g.fa", "g.reprise"] {
            let arguments = ["benchmark", found, "--truth", "true.bed", "--genome", genome];
            assert_eq!(run(at, &arguments).fine().out, all, "{found} {genome}");
        }
    }
    assert_eq!(run_with(at, &["benchmark", "-", "--truth", "true.bed", "--genome", "g.fa"], &soft).fine().out, all);
    let turned = run(at, &["benchmark", "true.bed", "--truth", "soft.fa", "--genome", "g.fa"]).fine();
    assert_eq!(values(&turned)["sensitivity"], found["precision"]);
}

#[test]
fn wrong_files_are_errors() {
    let folder = folder();
    let at = folder.path();
    made_genome(at);
    made_libraries(at);
    write(at, "empty.fa", "");
    write(at, "beyond.bed", "c2\t400\t501\n");
    write(at, "unknown.bed", "#x\nc\t1\t2\n");
    write(at, "other.fa", ">c1\nACGT\n>c2\nACGT\n");
    write(at, "twice.fa", ">c1\nACGT\n>c1\nACGT\n");
    write(
        at,
        "part.fa",
        std::fs::read(at.join("g.fa"))
            .expect("there")
            .split(|&b| b == b'>')
            .nth(1)
            .map_or(Vec::new(), |part| [b">", part].concat()),
    );
    let library = |found, truth| run(at, &["benchmark", found, "--truth", truth]);
    library("empty.fa", "true.fa").failed(3, &["empty.fa", "is empty"]);
    library("found.fa", "true.bed").failed(3, &["true.bed", "neither FASTA"]);
    library("found.bed", "true.fa").failed(3, &["found.bed", "neither FASTA"]);
    library("twice.fa", "true.fa").failed(3, &["two sequences are called \"c1\""]);
    library("absent.fa", "true.fa").failed(1, &["absent.fa"]);
    library("-", "-").failed(2, &["standard input"]);
    let mask = |found, truth| run(at, &["benchmark", found, "--truth", truth, "--genome", "g.fa"]);
    mask("beyond.bed", "true.bed").failed(3, &["beyond.bed, line 1", "c2:400-501 ends past c2"]);
    mask("found.bed", "unknown.bed").failed(3, &["unknown.bed, line 2", "did you mean c1 or c2"]);
    mask("other.fa", "true.bed").failed(3, &["other.fa, line 1", "c1 has 4 bases, and 1000 in the genome"]);
    mask("part.fa", "true.bed").failed(3, &["part.fa", "lacks contig \"c2\""]);
    mask("twice.fa", "true.bed").failed(3, &["twice.fa"]);
    let genome = |genome| run(at, &["benchmark", "found.bed", "--truth", "true.bed", "--genome", genome]);
    genome("twice.fa").failed(3, &["twice.fa, line 3", "two contigs are called"]);
    genome(".").failed(4, &["is not a finished reprise index"]);
    for arguments in
        [&["--genome", "g.fa", "--table", "t"][..], &["--skip", "tandem"], &["--only", "a", "--genome", "g.fa"]]
    {
        let ran = run(at, &[&["benchmark", "found.bed", "--truth", "true.bed"], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
    }
    let both = run(at, &["benchmark", "found.fa", "--truth", "true.fa", "--table", "-"]);
    both.failed(2, &["--table"]);
    run(at, &["benchmark", "found.fa", "--truth", "true.fa", "--max-memory", "8M"]).failed(5, &["--max-memory"]);
}

/// The script with the figures that these have to equal; it needs Python, numpy and blastn.
fn script() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/eval/score_repeats.py");
    if !script.is_file() {
        println!("skipped: there is no {}", script.display());
        return None;
    }
    tool("blastn")?;
    tool("makeblastdb")?;
    let numpy = tool("python3")?.args(["-c", "import numpy"]).output().expect("python3 starts");
    if !numpy.status.success() {
        skip("numpy is not installed");
        return None;
    }
    Some(script)
}

/// The figures that the script prints: `name=value` between tabs.
fn figures_of_script(at: &Path, script: &Path, arguments: &[&str]) -> BTreeMap<String, String> {
    let path = script.to_str().expect("a name in UTF-8");
    let lines = lines_of(at, "python3", &[&[path], arguments].concat()).expect("it is installed");
    let pairs = lines.last().expect("a line").split('\t').map(|pair| pair.split_once('=').expect("name=value"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Names of figures in the script and here.
const LIBRARY_FIGURES: [(&str, &str); 8] = [
    ("perfect", "perfect"),
    ("good", "good"),
    ("present", "present"),
    ("missing", "missing"),
    ("of", "true_families"),
    ("families", "found_families"),
    ("redundancy", "redundancy"),
    ("unmatched", "unmatched"),
];
const MASK_FIGURES: [(&str, &str); 6] = [
    ("masked", "masked"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("precision", "precision"),
    ("F1", "f1"),
    ("MCC", "mcc"),
];

#[track_caller]
fn assert_equal(script: &BTreeMap<String, String>, own: &BTreeMap<String, String>, names: &[(&str, &str)], what: &str) {
    for (theirs, ours) in names {
        assert_eq!(script[*theirs], own[*ours], "{what}: {theirs} of {script:?}, {own:?}");
    }
}

#[test]
fn libraries_score_as_by_blastn() {
    let Some(script) = script() else { return };
    let folder = folder();
    let at = folder.path();
    let compare = |found: &str, truth: &str, what: &str| {
        let theirs = figures_of_script(at, &script, &["library", "--truth", truth, "--predicted", found]);
        let ours = values(&run(at, &["benchmark", found, "--truth", truth]).fine());
        assert_equal(&theirs, &ours, &LIBRARY_FIGURES, what);
    };
    made_libraries(at);
    compare("found.fa", "true.fa", "made families");
    // Mutated parts of real or random families, some with gaps, on both strands.
    for seed in 0..4 {
        let (truth, found) = mutated_libraries(seed);
        write(at, "true.fa", fasta(&truth, &PLAIN));
        write(at, "found.fa", fasta(&found, &PLAIN));
        compare("found.fa", "true.fa", &format!("seed {seed}"));
    }
    // The library of a run of the program.
    run(at, &["simulate", "-o", "sim", "--seed", "3", "--bases", "400000", "--families", "10", "-q"]).fine();
    run(at, &["families", "sim/genome.fa", "-o", "families.fa", "-q"]).fine();
    compare("families.fa", "sim/library.fa", "families of a simulated genome");
}

/// A true library, and a found one: parts of the true families with up to 30 % of the bases changed and gaps.
fn mutated_libraries(seed: u64) -> (Vec<Contig>, Vec<Contig>) {
    let mut random = Random(seed ^ 0x5eed);
    let real = data("libraries/yeast_Ty.fa").map(|path| std::fs::read_to_string(path).expect("text"));
    let record = |record: &str| record.lines().skip(1).flat_map(|line| line.trim().bytes()).collect::<Vec<u8>>();
    let mut truth: Vec<Vec<u8>> = real.iter().flat_map(|text| text.split('>').skip(1).map(record)).take(4).collect();
    truth.extend((0..14).map(|_| {
        let bases = 80 + random.below(4000);
        random.bases(bases)
    }));
    let mut found = Vec::new();
    for family in &truth {
        for _ in 0..1 + random.below(2) {
            let start = random.below(family.len() / 4 + 1);
            let end = family.len() - random.below(family.len() / 8 + 1);
            let changes = random.below(30);
            let mut copy = Vec::new();
            for &base in &family[start..end] {
                match random.below(1000) {
                    0 => copy.extend(random.bases(1 + changes / 4)),
                    1 => drop(copy.pop()),
                    _ if random.below(100) < changes => copy.push(b"ACGT"[random.below(4)]),
                    _ => copy.push(base),
                }
            }
            found.push(if random.below(2) == 0 { copy } else { reverse_complement(&copy) });
        }
    }
    let named = |prefix: &str, all: Vec<Vec<u8>>| {
        (0..).zip(all).map(|(number, letters)| Contig::new(&format!("{prefix}{number}"), letters)).collect()
    };
    (named("t", truth), named("f", found))
}

#[test]
fn masks_score_as_by_numpy() {
    let Some(script) = script() else { return };
    let folder = folder();
    let at = folder.path();
    run(at, &["simulate", "-o", "sim", "--seed", "4", "--bases", "200000", "--families", "4", "-q"]).fine();
    run(at, &["build-index", "sim/genome.fa", "-o", "g.reprise", "-q"]).fine();
    run(at, &["annotate", "g.reprise", "--library", "sim/library.fa", "-o", "found", "-q"]).fine();
    run(at, &["mask", "g.reprise", "--annotation", "found.bed", "-o", "soft.fa", "-q"]).fine();
    let bed = std::fs::read_to_string(at.join("found.bed")).expect("written");
    let gff = bed.lines().map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let first = fields[1].parse::<u64>().expect("a number") + 1;
        format!("{}\tx\tdispersed_repeat\t{first}\t{}\t.\t+\t.\tName=x\n", fields[0], fields[2])
    });
    write(at, "plain.gff3", gff.collect::<String>());
    for found in ["found.bed", "plain.gff3", "found.out", "soft.fa"] {
        for skip in [&[][..], &["--skip", "tandem"]] {
            let files = ["--truth", "sim/truth.bed", "--genome", "sim/genome.fa"];
            let theirs = figures_of_script(at, &script, &[&["masks", "--predicted", found], &files[..], skip].concat());
            let ours = values(&run(at, &[&["benchmark", found], &files[..], skip].concat()).fine());
            assert_equal(&theirs, &ours, &MASK_FIGURES, found);
        }
    }
}

/// RepeatModeler2's counts of an `.out` of `annotate`, computed as its script does: with awk's columns and bedtools.
#[test]
fn alignments_score_as_by_bedtools() {
    if tool("bedtools").is_none() {
        return;
    }
    let folder = folder();
    let at = folder.path();
    let (truth, mut found) = mutated_libraries(6);
    found.push(Contig::new("whole", &truth[9].letters));
    write(at, "true.fa", fasta(&truth, &PLAIN));
    write(at, "found.fa", fasta(&found, &PLAIN));
    run(at, &["build-index", "found.fa", "-q", "-o", "found.reprise"]).fine();
    run(at, &["annotate", "found.reprise", "--library", "true.fa", "--formats", "out", "-o", "found.fa", "-q"]).fine();
    let text = std::fs::read_to_string(at.join("found.fa.out")).expect("written");
    let rows: Vec<Vec<String>> = text
        .lines()
        .skip(3)
        .map(|line| line.split_whitespace().map(|field| field.trim_matches(['(', ')']).to_owned()).collect())
        .collect();
    assert!(rows.len() > 8, "{text}");
    let number = |row: &[String], column: usize| row[column - 1].parse::<f64>().expect("a number");
    let ends = |row: &[String]| if row[8] == "C" { (14, 13, 12) } else { (12, 13, 14) };
    let mut wanted: BTreeMap<String, &str> = BTreeMap::new();
    for row in &rows {
        let own: Vec<&Vec<String>> = rows.iter().filter(|other| other[9] == row[9]).collect();
        let covered = |limit: f64| {
            let mut bed = String::new();
            for row in own.iter().filter(|row| number(row, 2) < limit) {
                let (first, last, _) = ends(row);
                let _ = writeln!(bed, "x\t{}\t{}", row[first - 1], row[last - 1]);
            }
            write(at, "rows.bed", &bed);
            let sorted = lines_of(at, "bedtools", &["sort", "-i", "rows.bed"]).expect("installed").join("\n") + "\n";
            write(at, "sorted.bed", sorted);
            let merged = lines_of(at, "bedtools", &["merge", "-i", "sorted.bed", "-d", "10"]).expect("installed");
            let bases = merged.iter().map(|line| {
                let fields: Vec<f64> = line.split('\t').skip(1).map(|field| field.parse().expect("a number")).collect();
                fields[1] - fields[0]
            });
            let (_, last, left) = ends(row);
            bases.sum::<f64>() / (number(row, last) + number(row, left))
        };
        let is_perfect = own.iter().any(|row| {
            let (first, last, left) = ends(row);
            let share = (number(row, last) - number(row, first)) / (number(row, last) + number(row, left));
            let own_share = (number(row, 7) - number(row, 6)) / (number(row, 7) + number(row, 8));
            share > 0.95 && own_share > 0.95 && number(row, 2) < 5.0
        });
        let recovery = match () {
            () if is_perfect => "perfect",
            () if covered(5.0) > 0.95 => "good",
            () if covered(20.0) > 0.8 => "present",
            () => "missing",
        };
        wanted.insert(row[9].clone(), recovery);
    }
    let found = table(at, &["--alignments", "found.fa.out"]);
    for (name, row) in &found {
        let family = name.split('#').next().unwrap_or(name);
        assert_eq!(row.0, wanted.get(family).copied().unwrap_or("missing"), "{name}");
    }
    assert!(
        ["perfect", "present", "missing"].iter().all(|group| found.values().any(|row| row.0 == *group)),
        "{found:?}"
    );
}
