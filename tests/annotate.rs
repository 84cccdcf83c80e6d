//! `annotate`, `mask` and `query --hits` on a genome in which every copy is known.

mod common;

use std::process::Command;

use common::{Contig, PLAIN, Random, fasta, reverse_complement, run, text};
use tempfile::TempDir;

const LIBRARY: [(&str, usize); 3] = [("host#LTR/Gypsy", 2000), ("guest;odd=name,1#DNA/TcMar", 700), ("plain", 400)];

struct Plant {
    folder: TempDir,
    genome: Vec<Contig>,
}

/// Contig, start, end, strand, family, start and end in the consensus, number of the copy.
type Planted = (&'static str, u64, u64, &'static str, &'static str, u64, u64, u64);

const COPIES: [Planted; 5] = [
    // A host that a guest on the other strand parts.
    ("chr;1", 1000, 2200, "+", "host", 0, 1200, 1),
    ("chr;1", 2200, 2900, "-", "guest;odd=name,1", 0, 700, 2),
    ("chr;1", 2900, 3700, "+", "host", 1200, 2000, 1),
    ("chr2", 500, 900, "-", "plain", 0, 400, 3),
    ("chr2", 1100, 1400, "+", "host", 900, 1200, 4),
];

fn plant() -> Plant {
    let mut random = Random(77);
    let consensi: Vec<Vec<u8>> = LIBRARY.iter().map(|&(_, length)| random.bases(length)).collect();
    let mut first = random.bases(1000);
    first.extend_from_slice(&consensi[0][..1200]);
    first.extend(reverse_complement(&consensi[1]));
    first.extend_from_slice(&consensi[0][1200..]);
    first.extend(random.bases(800));
    first[20..40].make_ascii_lowercase();
    let mut second = random.bases(500);
    second.extend(reverse_complement(&consensi[2]));
    second.extend(random.bases(200));
    second.extend_from_slice(&consensi[0][900..1200]);
    second.extend(random.bases(333));
    let mut genome = vec![Contig::new("chr;1", first), Contig::new("chr2", second), Contig::new("empty", "")];
    genome[1].description = "of the plant".to_owned();
    let library: Vec<Contig> =
        LIBRARY.iter().zip(consensi).map(|(&(name, _), bases)| Contig::new(name, bases)).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("g.fa"), fasta(&genome, &PLAIN)).expect("written");
    std::fs::write(folder.path().join("lib.fa"), fasta(&library, &PLAIN)).expect("written");
    run(folder.path(), &["build-index", "g.fa", "-q"]).fine();
    Plant { folder, genome }
}

/// Ends of exact copies go on by chance where the next bases agree.
fn near(found: &str, wanted: u64) -> bool {
    found.parse::<u64>().is_ok_and(|found| found.abs_diff(wanted) <= 8)
}

#[test]
fn copies_are_told_in_every_format() {
    let plant = plant();
    let at = plant.folder.path();
    let tsv = run(at, &["annotate", "g.reprise", "--library", "lib.fa"]).fine();
    let rows: Vec<Vec<&str>> = tsv.out.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), COPIES.len(), "{}", tsv.out);
    for (row, copy) in rows.iter().zip(COPIES) {
        let (contig, start, end, strand, family, first, last, id) = copy;
        assert_eq!((row[0], row[3], row[4]), (contig, strand, family));
        assert!(near(row[1], start) && near(row[2], end) && near(row[12], first) && near(row[13], last), "{row:?}");
        assert_eq!(row[15], id.to_string());
        assert!(row[8].parse::<f64>().expect("a number") < 3.0, "{row:?}");
    }
    assert_eq!(rows[0][5], "LTR/Gypsy");
    assert_eq!(rows[3][5], "Unknown");

    run(at, &["annotate", "g.reprise", "--library", "lib.fa", "-o", "a", "--formats", "tsv,bed,gff3,out,jsonl"]).fine();
    let read = |name: &str| std::fs::read_to_string(at.join(name)).expect("written");
    assert_eq!(read("a.tsv"), tsv.out);
    for (line, row) in read("a.jsonl").lines().zip(&rows) {
        let json: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(json["contig"], row[0]);
        assert_eq!(json["family"], row[4]);
        assert_eq!(json["consensus_left"].to_string(), row[14]);
    }
    for (line, row) in read("a.bed").lines().zip(&rows) {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 9);
        assert_eq!((&fields[..3], fields[5]), (&row[..3], row[3]));
    }
    let out = read("a.out");
    for (line, row) in out.lines().skip(3).zip(&rows) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let start = (row[1].parse::<u64>().expect("a number") + 1).to_string();
        assert_eq!((fields[4], fields[5], fields[6], fields[14]), (row[0], &start[..], row[2], row[15]));
        let left = format!("({})", row[14]);
        assert_eq!(fields[if row[3] == "+" { 13 } else { 11 }], left);
    }
    let gff3 = read("a.gff3");
    assert_eq!(gff3.matches("\tmatch_part\t").count(), 2);
    assert!(gff3.contains("chr%3B1\treprise\tLTR_retrotransposon\t") && gff3.contains("Name=guest%3Bodd%3Dname%2C1;"));
    match Command::new("gt").args(["gff3validator", "a.gff3"]).current_dir(at).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => eprintln!("skipped: genometools is not installed"),
    }
}

#[test]
fn hits_of_sequences_are_listed_as_paf() {
    let plant = plant();
    let paf = run(plant.folder.path(), &["query", "g.reprise", "lib.fa", "--hits"]).fine().out;
    let rows: Vec<Vec<&str>> = paf.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), COPIES.len());
    let number = |text: &str| text.parse::<u64>().expect("a number");
    for row in &rows {
        let copy = |c: &&Planted| c.0 == row[5] && near(row[7], c.1) && near(row[8], c.2) && c.3 == row[4];
        let copy = COPIES.iter().find(copy).expect("a planted copy");
        assert!(row[0].starts_with(copy.4) && near(row[2], copy.5) && near(row[3], copy.6), "{row:?}");
        let length = number(row[8]) - number(row[7]);
        assert_eq!((row[9], row[10], row[11]), (&length.to_string()[..], &length.to_string()[..], "255"));
        assert_eq!(row[15], format!("cg:Z:{length}M"));
        let contig = plant.genome.iter().find(|c| c.name == row[5]).expect("a contig");
        assert_eq!(number(row[6]), contig.letters.len() as u64);
    }
    // By sequence as given, then the best first.
    let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(names, ["host#LTR/Gypsy", "host#LTR/Gypsy", "host#LTR/Gypsy", "guest;odd=name,1#DNA/TcMar", "plain"]);
    assert!(number(rows[0][9]) > number(rows[1][9]) && number(rows[1][9]) > number(rows[2][9]));
}

#[test]
fn the_same_whatever_the_threads() {
    let plant = plant();
    let annotate = |threads: &str| {
        run(plant.folder.path(), &["annotate", "g.reprise", "--library", "lib.fa", "-q", "-t", threads]).fine().out
    };
    assert_eq!(annotate("1"), annotate("3"));
}

#[test]
fn the_genome_is_masked_where_copies_are() {
    let plant = plant();
    let at = plant.folder.path();
    run(at, &["annotate", "g.reprise", "--library", "lib.fa", "-o", "a", "-q"]).fine();
    let expected = |hard: bool, keep: bool| -> String {
        let bed = std::fs::read_to_string(at.join("a.bed")).expect("written");
        let mut genome = plant.genome.clone();
        for contig in &mut genome {
            if !keep {
                contig.letters.make_ascii_uppercase();
            }
            for fields in bed.lines().map(|line| line.split('\t').collect::<Vec<_>>()) {
                if fields[0] == contig.name {
                    let number = |text: &str| text.parse::<usize>().expect("a number");
                    let part = &mut contig.letters[number(fields[1])..number(fields[2])];
                    if hard { part.fill(b'N') } else { part.make_ascii_lowercase() }
                }
            }
        }
        text(&fasta(&genome, &PLAIN))
    };
    for annotation in ["a.bed", "a.gff3", "a.out"] {
        let masked = run(at, &["mask", "g.reprise", "--annotation", annotation]).fine().out;
        assert_eq!(masked, expected(false, true), "{annotation}");
    }
    assert_eq!(run(at, &["mask", "g.reprise", "--annotation", "a.bed", "--hard"]).fine().out, expected(true, true));
    assert_eq!(
        run(at, &["mask", "g.reprise", "--annotation", "a.bed", "--replace"]).fine().out,
        expected(false, false)
    );
    run(at, &["mask", "g.reprise", "--annotation", "a.bed", "-o", "m.fa.gz"]).fine();
    let mut unpacked = String::new();
    let file = std::fs::File::open(at.join("m.fa.gz")).expect("written");
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut unpacked).expect("gzip");
    assert_eq!(unpacked, expected(false, true));
    let narrow = run(at, &["mask", "g.reprise", "--annotation", "a.bed", "--width", "7"]).fine().out;
    assert!(narrow.lines().map(str::len).filter(|&length| length == 7).count() > 500);
}

#[test]
fn wrong_lines_say_what_is_wrong() {
    let plant = plant();
    let at = plant.folder.path();
    let annotate = |arguments: &[&str]| run(at, &[&["annotate", "g.reprise"], arguments].concat());
    annotate(&["--library", "lib.fa", "--formats", "bed,out"]).failed(2, &["-o PREFIX"]);
    annotate(&["--library", "none.fa"]).failed(1, &["none.fa"]);
    std::fs::write(at.join("twice.fa"), ">a\nACGT\n>a\nACGT\n").expect("written");
    annotate(&["--library", "twice.fa"]).failed(3, &["twice.fa, line 3", "\"a\""]);
    annotate(&["--library", "lib.fa", "--max-memory", "7M"]).failed(5, &["--max-memory"]);
    std::fs::write(at.join("bad.bed"), "chr2\t0\t10\nchr2\t0\t99999\n").expect("written");
    run(at, &["mask", "g.reprise", "--annotation", "bad.bed"]).failed(3, &["bad.bed, line 2", "ends past chr2"]);
    std::fs::write(at.join("bad.gff3"), "##gff-version 3\nchr9\t.\tr\t1\t2\t.\t+\t.\tID=a\n").expect("written");
    run(at, &["mask", "g.reprise", "--annotation", "bad.gff3"]).failed(3, &["bad.gff3, line 2", "chr9"]);
}
