//! `reprise simulate` writes complete and true files, the same each time.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{reverse_complement, run};

const FILES: [&str; 5] = ["genome.fa", "library.fa", "negatives.bed", "summary.tsv", "truth.bed"];

/// Sequences by name.
fn sequences(text: &str) -> BTreeMap<String, Vec<u8>> {
    let records = text.split('>').skip(1).map(|record| record.split_once('\n').expect("a header"));
    records.map(|(name, lines)| (name.to_owned(), lines.bytes().filter(|b| *b != b'\n').collect())).collect()
}

#[test]
fn the_truth_is_true_and_the_bytes_are_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = |name: &str, seed: &str, threads: &str| {
        let options = ["--bases", "200000", "--families", "6", "--divergence", "2-10", "--seed", seed, "-t", threads];
        run(folder.path(), &[&["simulate", "-o", name][..], &options].concat()).fine();
        FILES.map(|file| std::fs::read_to_string(folder.path().join(name).join(file)).expect("the file is there"))
    };
    let [genome, library, negatives, summary, truth] = made("a", "4", "1");
    assert_eq!(made("b", "4", "2"), [&genome, &library, &negatives, &summary, &truth].map(String::clone));
    assert_ne!(made("c", "5", "1")[0], genome);

    let (genome, library) = (sequences(&genome), sequences(&library));
    assert_eq!((genome.len(), library.len()), (3, 6));
    assert!(negatives.lines().count() >= 2, "a duplication has two places");
    let (mut shared, mut words) = (0, 0);
    let mut insertions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in truth.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| fields[at].parse::<usize>().expect("a number");
        let letters = &genome[fields[0]][number(1)..number(2)];
        if fields[3] == "tandem" {
            continue;
        }
        insertions.entry(fields[3]).or_default().insert(fields[6]);
        let (from, to) = (number(7).saturating_sub(30), number(8) + 30);
        let consensus = &library[fields[3]];
        let consensus = &consensus[from..to.min(consensus.len())];
        let known: BTreeSet<&[u8]> = consensus.windows(12).collect();
        let read = if fields[5] == "-" { reverse_complement(letters) } else { letters.to_vec() };
        words += read.windows(12).count();
        shared += read.windows(12).filter(|word| known.contains(word)).count();
    }
    // At 10 % divergence 28 % of 12-mers are unchanged; by chance one in thousands matches.
    assert!(words > 40_000 && shared * 4 > words, "{shared} of {words}");
    for row in summary.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        assert_eq!(fields[2], insertions[fields[0]].len().to_string(), "{row}");
        assert!(insertions[fields[0]].len() >= 3, "{row}");
    }
}

#[test]
fn a_library_is_planted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = common::Random(8);
    let mut text = Vec::new();
    for name in ["one#DNA/hAT", "two"] {
        text.extend_from_slice(format!(">{name}\n{}\n", common::text(&random.bases(700))).as_bytes());
    }
    text.extend_from_slice(b">short\nACGT\n");
    std::fs::write(folder.path().join("lib.fa"), text).expect("written");
    run(folder.path(), &["simulate", "--library", "lib.fa", "--bases", "50000", "-o", "out"]).fine();
    let library = std::fs::read_to_string(folder.path().join("out/library.fa")).expect("the library is there");
    let names: Vec<String> = sequences(&library).into_keys().collect();
    assert_eq!(names, ["one#DNA_hAT", "two"]);
    run(folder.path(), &["simulate", "--library", "lib.fa", "-o", "out"]).failed(2, &["exists", "--force"]);
    run(folder.path(), &["simulate"]).failed(2, &["-o"]);
    std::fs::write(folder.path().join("none.fa"), ">n\nACGTN\n").expect("written");
    run(folder.path(), &["simulate", "--library", "none.fa", "-o", "new"]).failed(3, &["none.fa", "100"]);
    assert_eq!(run(folder.path(), &["simulate", "--divergence", "5-40", "-o", "new"]).code, 2);
    run(folder.path(), &["simulate", "--bases", "1000000000", "--max-memory", "64M", "-o", "new"])
        .failed(5, &["memory"]);
}
