//! Compares how regions are read with samtools.

mod common;

use std::path::Path;

use common::{Contig, PLAIN, Random, fasta, run, text, tool};
use reprise::{Error, Index};

const CONTIGS: [(&str, usize); 7] =
    [("chr1", 200), ("a", 90), ("a:1-5", 70), ("HLA:A*01:01", 80), ("b:2", 60), ("c:x", 50), ("c", 40)];

fn genome(at: &Path) -> Index {
    let mut random = Random(17);
    let contigs: Vec<Contig> = CONTIGS.iter().map(|&(name, length)| Contig::new(name, random.bases(length))).collect();
    std::fs::write(at.join("g.fa"), fasta(&contigs, &PLAIN)).expect("written");
    run(at, &["build-index", "g.fa", "-k", "5", "-q"]).fine();
    Index::open(at.join("g.reprise")).expect("sound")
}

/// The bases of a region as samtools prints them, or `None`.
fn samtools(at: &Path, region: &str) -> Option<String> {
    let output = tool("samtools")?.args(["faidx", "g.fa", region]).current_dir(at).output().expect("it starts");
    let bases: String = text(&output.stdout).lines().filter(|line| !line.starts_with('>')).collect();
    (output.status.success() && !bases.is_empty()).then_some(bases)
}

#[test]
fn regions_are_those_of_samtools() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let index = genome(at);
    if tool("samtools").is_none() {
        return;
    }
    let mut typed: Vec<String> = Vec::new();
    for (name, length) in CONTIGS {
        for name in [name.to_owned(), format!("{{{name}}}")] {
            typed.push(name.clone());
            for interval in ["", "1", "7-", "-7", "3-9", "1,0-1,2", "5-5", "9-8", "x", "1-x", "5--6", "300", "300-400"]
            {
                typed.push(format!("{name}:{interval}"));
            }
            typed.extend([
                format!("{name}:2-{}", length + 1),
                format!("{name}:{length}-"),
                format!("{name}:{}-", length + 1),
            ]);
        }
    }
    typed.extend(["d", "d:1-2", "{d}", "{d}:1", "{a", "HLA", "HLA:A*01", "b", "b:1", "c:1-2"].map(str::to_owned));
    let mut found = 0;
    for region in &typed {
        let ours = index.region(region).map(|region| index.bases(&region.contig, region.range).expect("bases"));
        match (ours, samtools(at, region)) {
            // Samtools reports an ambiguity although the second reading is not an interval.
            (Ok(bases), None) if region == "c:x" => assert_eq!(bases.len(), 50),
            (Ok(bases), theirs) => {
                assert_eq!(Some(bases), theirs, "{region}");
                found += 1;
            }
            (Err(Error::NotInIndex { .. }), None) => {}
            (Err(e), theirs) => panic!("{region}: {e}, and samtools has {theirs:?}"),
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn wrong_regions_are_errors_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    drop(genome(at));
    let query = |region: &str| run(at, &["query", "g.reprise", "--region", region]);
    query("a:1-5").failed(3, &["two readings", "{a:1-5}", "{a}:1-5"]);
    query("chr1:201-300").failed(3, &["starts past chr1, which has 200 bases"]);
    query("chr1:0-5").failed(3, &["starts at 0"]);
    query("chr1:9-8").failed(3, &["ends before it starts"]);
    query("chrr1:1-5").failed(3, &["did you mean chr1"]);
    assert!(query("chr1:190-1000").fine().out.contains("\nchr1:190-200\t11\t"));
    assert!(query("{a:1-5}:-3").fine().out.contains("\na:1-5:1-3\t3\t"));
    // A name of any length is checked fast, and printed shortened.
    let long = "x".repeat(60_000);
    for region in [long.clone(), format!("{long}:1-5"), format!("{{{long}}}:1-5"), format!("chr1:{long}")] {
        let ran = query(&region).failed(3, &["xxx…"]);
        assert!(ran.err.len() < 500, "{}", ran.err);
    }
    std::fs::write(at.join("long.bed"), format!("{long}\t1\t2\n")).expect("written");
    assert!(run(at, &["query", "g.reprise", "--regions", "long.bed"]).failed(3, &["long.bed, line 1"]).err.len() < 500);
}

#[test]
fn very_long_names_are_similar_to_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let name = "n".repeat(60_000);
    let other = format!("{name}x");
    std::fs::write(at.join("g.fa"), format!(">{name}\nACGTACGTACGTAAC\n>{other}\nGGGTACCA\n")).expect("written");
    run(at, &["build-index", "g.fa", "-k", "5", "-q"]).fine();
    let ran = run(at, &["query", "g.reprise", "--region", &name[1..]]).failed(3, &["nnn… (59999 bytes)"]);
    assert!(ran.err.len() < 500, "{}", ran.err);
    let ran = run(at, &["query", "g.reprise", "--region", &format!("{other}:9")]).failed(3, &["starts past nnn"]);
    assert!(ran.err.len() < 500, "{}", ran.err);
}
