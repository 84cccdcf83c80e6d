//! `annotate`, `mask` and `query --hits` on a genome in which every copy is known.

mod common;

use common::{Contig, PLAIN, Random, fasta, lines_of, reverse_complement, run, text};
use tempfile::TempDir;

const LIBRARY: [(&str, usize); 3] = [("host#LTR/Gypsy", 2000), ("guest;odd=name,1#DNA/TcMar", 700), ("plain", 400)];

struct Plant {
    folder: TempDir,
    genome: Vec<Contig>,
}

/// Contig, start, end, strand, family, start and end in the consensus, number of the copy.
type Planted = (&'static str, u64, u64, &'static str, &'static str, u64, u64, u64);

const COPIES: [Planted; 5] = [
    // A host with a guest on the other strand in it.
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

/// Exact copies extend by chance if the next bases agree.
fn near(found: &str, wanted: u64) -> bool {
    found.parse::<u64>().is_ok_and(|found| found.abs_diff(wanted) <= 8)
}

#[test]
fn every_format_has_every_copy() {
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
    assert_eq!(
        ["a.jsonl", "a.bed", "a.out"].map(|name| read(name).lines().count()),
        [5, 5, 8],
        "three lines are a header"
    );
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
    assert_eq!(gff3.matches("\tID=copy1;").count(), 2, "the fragments of a copy are rows of one feature");
    assert!(!gff3.contains("Parent="));
    assert!(gff3.contains("chr%3B1\treprise\tLTR_retrotransposon\t") && gff3.contains("Name=guest%3Bodd%3Dname%2C1;"));
    lines_of(at, "gt", &["gff3validator", "-typecheck", "so", "a.gff3"]);
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
fn the_rest_of_a_cut_copy_needs_an_e_value_of_its_own() {
    let mut random = Random(12);
    let better = random.bases(500);
    let tail = random.bases(60);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    for (length, copies) in [(14, 1), (60, 2)] {
        // A relative of the family, and bases that only it has behind them.
        let mut relative = better.clone();
        (0..120).for_each(|_| relative[random.below(500)] = b"ACGT"[random.below(4)]);
        relative.extend_from_slice(&tail[..length]);
        let mut genome = random.bases(20_000);
        genome.extend_from_slice(&better);
        genome.extend_from_slice(&tail[..length]);
        genome.extend(random.bases(20_000));
        let library = [Contig::new("better", better.clone()), Contig::new("relative", relative)];
        std::fs::write(at.join("lib.fa"), fasta(&library, &PLAIN)).expect("written");
        std::fs::write(at.join("g.fa"), fasta(&[Contig::new("chr1", genome)], &PLAIN)).expect("written");
        run(at, &["build-index", "g.fa", "-q", "--force"]).fine();
        let tsv = run(at, &["annotate", "g.reprise", "--library", "lib.fa", "-q"]).fine().out;
        let names: Vec<&str> = tsv.lines().skip(1).map(|line| line.split('\t').nth(4).expect("a family")).collect();
        assert_eq!(names, &["better", "relative"][..copies], "{tsv}");
    }
}

#[test]
fn threads_change_nothing() {
    let plant = plant();
    let annotate = |threads: &str| {
        run(plant.folder.path(), &["annotate", "g.reprise", "--library", "lib.fa", "-q", "-t", threads]).fine().out
    };
    assert_eq!(annotate("1"), annotate("3"));
}

/// The genome with the ranges of a BED file in lower case or, if `hard`, as N; its own lower case stays only with
/// `keep`.
fn masked(genome: &[Contig], bed: &str, hard: bool, keep: bool) -> Vec<Contig> {
    let mut genome = genome.to_vec();
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
    genome
}

#[test]
fn copies_are_masked() {
    let plant = plant();
    let at = plant.folder.path();
    run(at, &["annotate", "g.reprise", "--library", "lib.fa", "-o", "a", "-q"]).fine();
    let bed = std::fs::read_to_string(at.join("a.bed")).expect("written");
    let expected = |hard: bool, keep: bool| text(&fasta(&masked(&plant.genome, &bed, hard, keep), &PLAIN));
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
    // An annotation without a copy masks nothing.
    std::fs::write(at.join("none.bed"), "").expect("written");
    let unmasked = run(at, &["mask", "g.reprise", "--annotation", "none.bed"]).fine().out;
    assert_eq!(unmasked, text(&fasta(&plant.genome, &PLAIN)));
    let narrow = run(at, &["mask", "g.reprise", "--annotation", "a.bed", "--width", "7"]).fine().out;
    assert!(narrow.lines().map(str::len).filter(|&length| length == 7).count() > 500);
}

#[test]
fn wrong_lines_are_named() {
    let plant = plant();
    let at = plant.folder.path();
    let annotate = |arguments: &[&str]| run(at, &[&["annotate", "g.reprise"], arguments].concat());
    annotate(&["--library", "lib.fa", "--formats", "bed,out"]).failed(2, &["-o PREFIX"]);
    annotate(&["--library", "none.fa"]).failed(1, &["none.fa"]);
    std::fs::write(at.join("twice.fa"), ">a\nACGT\n>a\nACGT\n").expect("written");
    annotate(&["--library", "twice.fa"]).failed(3, &["twice.fa, line 3", "\"a\""]);
    annotate(&["--library", "lib.fa", "--max-memory", "5M"]).failed(5, &["--max-memory"]);
    std::fs::write(at.join("bad.bed"), "chr2\t0\t10\nchr2\t0\t99999\n").expect("written");
    run(at, &["mask", "g.reprise", "--annotation", "bad.bed"]).failed(3, &["bad.bed, line 2", "ends past chr2"]);
    std::fs::write(at.join("bad.gff3"), "##gff-version 3\nchr9\t.\tr\t1\t2\t.\t+\t.\tID=a\n").expect("written");
    run(at, &["mask", "g.reprise", "--annotation", "bad.gff3"]).failed(3, &["bad.gff3, line 2", "chr9"]);
}

fn unpacked(path: &std::path::Path) -> String {
    let bytes = std::fs::read(path).expect("written");
    // bgzip differs from gzip by an extra field of six bytes, BC, and an empty block at the end.
    assert_eq!((&bytes[..4], &bytes[10..16]), (&[31, 139, 8, 4][..], &[6, 0, b'B', b'C', 2, 0][..]));
    assert!(bytes.ends_with(&[27, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text).expect("gzip");
    text
}

#[test]
fn compressed_formats_are_indexed_for_tabix() {
    let plant = plant();
    let at = plant.folder.path();
    let annotate =
        |arguments: &[&str]| run(at, &[&["annotate", "g.reprise", "--library", "lib.fa", "-q"], arguments].concat());
    annotate(&["-o", "a", "--formats", "gff3,bed,tsv"]).fine();
    annotate(&["-o", "z", "--formats", "gff3,bed,tsv", "--bgzip"]).fine();
    for format in ["gff3", "bed"] {
        let plain = std::fs::read_to_string(at.join(format!("a.{format}"))).expect("written");
        assert_eq!(unpacked(&at.join(format!("z.{format}.gz"))), plain);
        assert!(at.join(format!("z.{format}.gz.tbi")).exists());
        let rows = |contig: &str| -> Vec<String> {
            plain.lines().filter(|line| line.starts_with(&format!("{contig}\t"))).map(str::to_owned).collect()
        };
        let file = format!("z.{format}.gz");
        let Some(found) = lines_of(at, "tabix", &[&file, "chr2"]) else { continue };
        assert_eq!(found, rows("chr2"));
        assert_eq!(found.len(), 2);
        assert_eq!(lines_of(at, "tabix", &[&file, "chr2:1050-1150"]).expect("it was there"), found[1..]);
        assert!(lines_of(at, "tabix", &[&file, "chr2:901-1000"]).expect("it was there").is_empty());
    }
    assert!(at.join("z.tsv").exists());
    annotate(&["-o", "z", "--formats", "bed", "--bgzip"]).failed(2, &["z.bed.gz", "--force"]);
    annotate(&["--formats", "bed", "--bgzip"]).failed(2, &["--bgzip", "-o PREFIX"]);
    annotate(&["-o", "y", "--formats", "tsv", "--bgzip"]).failed(2, &["--bgzip", "gff3"]);
    // A compressed file masks as well.
    let masked = |annotation| run(at, &["mask", "g.reprise", "--annotation", annotation]).fine().out;
    assert_eq!(masked("z.gff3.gz"), masked("a.bed"));
}

#[test]
fn contigs_beyond_the_bins_of_tbi_have_csi() {
    use reprise::formats::{Columns, Tabix};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("far.bed.gz");
    let mut tabix = Tabix::create(&path, false, Columns::Bed, 3_000_000_000).expect("created");
    let rows = ["a\t5\t10\tx", "a\t2999999000\t2999999900\ty", "b\t0\t7\tz"];
    rows.iter().for_each(|row| tabix.write(format!("{row}\n").as_bytes()).expect("written"));
    tabix.finish().expect("written");
    assert_eq!(unpacked(&path), rows.map(|row| format!("{row}\n")).concat());
    assert!(folder.path().join("far.bed.gz.csi").exists());
    if let Some(found) = lines_of(folder.path(), "tabix", &["far.bed.gz", "a:2,999,999,500-2,999,999,600"]) {
        assert_eq!(found, rows[1..2]);
    }
    // Unsorted lines cannot be indexed.
    let mut tabix = Tabix::create(&folder.path().join("wrong.gz"), false, Columns::Bed, 100).expect("created");
    tabix.write(b"a\t5\t10\n").expect("written");
    assert!(tabix.write(b"a\t2\t10\n").is_err());
}

#[test]
fn masking_the_original_keeps_its_layout() {
    let plant = plant();
    let at = plant.folder.path();
    run(at, &["annotate", "g.reprise", "--library", "lib.fa", "-o", "a", "-q"]).fine();
    let mut genome = plant.genome.clone();
    genome[1].letters[3] = b'r';
    genome[1].letters[1150] = b'n';
    let layout = common::Text { width: 37, line_end: "\r\n", final_line_end: false, empty_lines: false, blank: "\t " };
    // The index stores other letters as N.
    std::fs::write(at.join("odd.fa"), fasta(&genome, &layout)).expect("written");
    run(at, &["build-index", "odd.fa", "-q"]).fine();
    let bed = std::fs::read_to_string(at.join("a.bed")).expect("written");
    let expected = |hard: bool, replace: bool| text(&fasta(&masked(&genome, &bed, hard, !replace), &layout));
    let mask = |arguments: &[&str]| {
        run(at, &[&["mask", "odd.reprise", "--annotation", "a.bed", "--genome"], arguments].concat())
    };
    assert_eq!(mask(&["odd.fa"]).fine().out, expected(false, false));
    assert_eq!(mask(&["odd.fa", "--hard"]).fine().out, expected(true, false));
    assert_eq!(mask(&["odd.fa", "--replace"]).fine().out, expected(false, true));
    let streamed = common::run_with(
        at,
        &["mask", "odd.reprise", "--annotation", "a.bed", "--genome", "-"],
        &common::gzip(&fasta(&genome, &layout), 3),
    );
    assert_eq!(streamed.fine().out, expected(false, false));
    mask(&["odd.fa", "-o", "m.fa.gz"]).fine();
    assert_eq!(unpacked(&at.join("m.fa.gz")), expected(false, false));
    // Blanks within lines are not bases and stay.
    let spaced = |fasta: &str| {
        let line = |line: &str| match line.starts_with('>') {
            true => line.to_owned(),
            false => line.as_bytes().chunks(10).map(text).collect::<Vec<_>>().join(" "),
        };
        fasta.split_inclusive('\n').map(line).collect::<String>()
    };
    std::fs::write(at.join("odd.fa"), spaced(&text(&fasta(&genome, &layout)))).expect("written");
    run(at, &["build-index", "odd.fa", "-o", "spaced.reprise", "-q"]).fine();
    let dump = |index: &str| run(at, &["dump", index]).fine().out;
    assert_eq!(dump("odd.reprise"), dump("spaced.reprise"));
    assert_eq!(mask(&["odd.fa", "--hard"]).fine().out, spaced(&expected(true, false)));
    // Another genome, a cut contig, a repeated one, one that the index does not have.
    mask(&["g.fa"]).failed(3, &["g.fa, line", "chr2 is not the sequence"]);
    let wrong = |name: &str, content: &str, says: &[&str]| {
        std::fs::write(at.join(name), content).expect("written");
        mask(&[name]).failed(3, says);
    };
    let whole = text(&fasta(&genome[1..2], &PLAIN));
    wrong("cut.fa", &whole[..700], &["cut.fa, line", "chr2 has"]);
    wrong("more.fa", &format!("{whole}A\n"), &["more.fa, line", "chr2 is not"]);
    wrong("twice.fa", &format!("{whole}{whole}"), &["twice.fa, line", "two sequences"]);
    wrong("other.fa", ">chr3\nACGT\n", &["other.fa, line 1", "chr3"]);
    wrong("none.fa", "ACGT\n", &["none.fa, line 1", "before the first name"]);
    wrong("name.fa", ">chr2", &["name.fa, line 1", "chr2 has 0 bases"]);
}

#[test]
fn arrays_of_units_of_thousands_of_bases_are_found() {
    let mut random = Random(815);
    let mut letters = random.bases(3000);
    let mut arrays = Vec::new();
    // Bases of the unit, copies. Three adjacent copies are no array.
    for (unit, copies) in [(5000, 7), (20_000, 5), (4000, 3)] {
        let unit = random.bases(unit);
        let from = letters.len() as u64;
        for copy in 0..copies {
            letters
                .extend(unit.iter().map(|&base| if random.below(100) < 6 { b"ACGT"[random.below(4)] } else { base }));
            // One of the copies is cut short, and something is inserted after another.
            letters.truncate(letters.len() - if copy == 2 { 400 } else { 0 });
            letters.extend(random.bases(if copy == 1 { 300 } else { 0 }));
        }
        arrays.push(from..letters.len() as u64);
        letters.extend(random.bases(3000));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::write(at.join("t.fa"), fasta(&[Contig::new("c", letters)], &PLAIN)).expect("written");
    std::fs::write(at.join("lib.fa"), fasta(&[Contig::new("none", random.bases(400))], &PLAIN)).expect("written");
    run(at, &["build-index", "t.fa", "-q"]).fine();
    let annotate = ["annotate", "t.reprise", "--library", "lib.fa", "-q", "--formats", "bed"];
    let out = run(at, &annotate).fine().out;
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let mut covered = [0; 3];
    for row in &rows {
        let (from, to) = (number(row[1]), number(row[2]));
        let within = arrays.iter().position(|array| array.start <= from + 50 && to <= array.end + 50);
        let array = within.unwrap_or_else(|| panic!("{row:?} is in no array of {arrays:?}"));
        let period = row[3].strip_prefix("tandem-").and_then(|name| name.strip_suffix("#Satellite")).map(number);
        assert!(period.is_some_and(|period| period.abs_diff([5000, 20_000, 4000][array]) < 150), "{row:?}");
        covered[array] += to - from;
    }
    for (array, covered) in arrays.iter().zip(covered).take(2) {
        assert!(100 * covered > 98 * (array.end - array.start), "{covered} of {array:?}");
    }
    assert_eq!(covered[2], 0);
    // The output does not depend on the threads.
    assert_eq!(out, run(at, &[&annotate[..], &["-t", "1"]].concat()).fine().out);
    assert_eq!(out, run(at, &[&annotate[..], &["-t", "3"]].concat()).fine().out);
}

#[test]
fn tandem_repeats_are_found() {
    let mut random = Random(4711);
    let mut letters = random.bases(3000);
    // Unit, copies, share of the bases that are changed (per mille), name, term.
    let satellite = random.bases(171);
    let mini = random.bases(23);
    let arrays: [(&[u8], usize, usize); 5] =
        [(b"CAG", 20, 0), (b"A", 60, 0), (b"TTAGGC", 30, 60), (&mini, 8, 60), (&satellite, 5, 80)];
    let mut places = Vec::new();
    for (unit, copies, changed) in arrays {
        let from = letters.len();
        for &base in unit.iter().cycle().take(unit.len() * copies) {
            match random.below(1000) {
                x if x < changed => letters.push(b"ACGT"[random.below(4)]),
                // An occasional insertion or deletion.
                x if x < changed + changed / 10 => letters.extend([base, base]),
                x if x < changed + changed / 5 => {}
                _ => letters.push(base),
            }
        }
        places.push((from as u64, letters.len() as u64));
        letters.extend(random.bases(2000));
    }
    // A family with a poly-A tail is one copy; its tail is not a tandem repeat.
    let mut family = random.bases(600);
    family.extend([b'A'; 30]);
    let copy = letters.len() as u64;
    letters.extend_from_slice(&family);
    letters.extend(random.bases(500));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::write(at.join("t.fa"), fasta(&[Contig::new("c", letters)], &PLAIN)).expect("written");
    std::fs::write(at.join("lib.fa"), fasta(&[Contig::new("sine#SINE/tRNA", family)], &PLAIN)).expect("written");
    run(at, &["build-index", "t.fa", "-q"]).fine();
    let annotate = |more: &[&str]| run(at, &[&["annotate", "t.reprise", "--library", "lib.fa", "-q"], more].concat());
    let out = annotate(&["--formats", "tsv"]).fine().out;
    let rows: Vec<Vec<&str>> = out.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 6, "{out}");
    let named: Vec<&str> = rows.iter().map(|row| row[4]).collect();
    assert_eq!((named[0], named[1], named[2]), ("(AGC)n", "(A)n", "(AGGCTT)n"));
    let smallest = (0..23).map(|i| text(&[&mini[i..], &mini[..i]].concat())).min().expect("a unit");
    assert_eq!(named[3..], [&format!("({smallest})n")[..], "tandem-171", "sine"]);
    assert_eq!([rows[0][5], rows[4][5], rows[5][5]], ["Simple_repeat", "Satellite", "SINE/tRNA"]);
    for (row, (from, to)) in rows.iter().zip(&places) {
        assert!(near(row[1], *from) && near(row[2], *to), "{row:?} is not {from}..{to}");
    }
    assert!(near(rows[5][1], copy) && near(rows[5][2], copy + 630));
    let alone = annotate(&["--formats", "tsv", "--no-tandem"]).fine().out;
    assert_eq!(alone.lines().skip(1).collect::<Vec<_>>().len(), 1);
    annotate(&["-o", "t", "--formats", "gff3,out,bed"]).fine();
    let gff3 = std::fs::read_to_string(at.join("t.gff3")).expect("written");
    let terms: Vec<&str> =
        gff3.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').nth(2)).collect();
    let expected =
        ["microsatellite", "microsatellite", "microsatellite", "minisatellite", "satellite_DNA", "SINE_element"];
    assert_eq!(terms, expected);
    lines_of(at, "gt", &["gff3validator", "t.gff3"]);
    if let Some(merged) = lines_of(at, "bedtools", &["merge", "-i", "t.bed"]) {
        assert_eq!(merged.len(), 6);
    }
    for threads in ["1", "3"] {
        assert_eq!(annotate(&["--formats", "tsv", "-t", threads]).fine().out, out);
    }
}

#[test]
fn names_of_any_length_and_letters_survive_every_format() {
    let mut random = Random(31);
    let consensus = random.bases(400);
    let long = "n".repeat(5000);
    let names = ["a;b=c,d&e%f", "bell\u{7}\u{1b}[0m", "ünï", "#hash", ">gt", "track", "chr1:5-10", "\"quoted\"", &long];
    let genome: Vec<Contig> = names
        .iter()
        .map(|name| {
            let mut letters = random.bases(300);
            letters.extend_from_slice(&consensus);
            letters.extend(random.bases(200));
            Contig::new(name, letters)
        })
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&genome, &PLAIN)).expect("written");
    let family = format!("f;{}#DNA", "x".repeat(3000));
    std::fs::write(at.join("lib.fa"), fasta(&[Contig::new(&family, consensus)], &PLAIN)).expect("written");
    run(at, &["build-index", "g.fa", "-q"]).fine();
    let formats = "tsv,bed,gff3,out,jsonl";
    run(at, &["annotate", "g.reprise", "--library", "lib.fa", "-o", "a", "--formats", formats, "-q"]).fine();
    let read = |name: &str| std::fs::read_to_string(at.join(name)).expect("written");
    let column = |text: &str, skip: usize, column: usize, blank: fn(char) -> bool| -> Vec<String> {
        let fields = |line: &str| line.split(blank).filter(|f| !f.is_empty()).nth(column).map(str::to_owned);
        text.lines().skip(skip).filter_map(fields).collect()
    };
    assert_eq!(column(&read("a.tsv"), 1, 0, |c| c == '\t'), names);
    assert_eq!(column(&read("a.bed"), 0, 0, |c| c == '\t'), names);
    assert_eq!(column(&read("a.bed"), 0, 3, |c| c == '\t'), vec![family.clone(); names.len()]);
    assert_eq!(column(&read("a.out"), 3, 4, |c| c == ' '), names);
    let json: Vec<String> = read("a.jsonl")
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["contig"].as_str().map(str::to_owned)
        })
        .map(|name| name.expect("a name"))
        .collect();
    assert_eq!(json, names);
    let gff3 = read("a.gff3");
    assert!(gff3.bytes().all(|byte| byte == b'\n' || byte == b'\t' || (b' '..0x7F).contains(&byte)));
    lines_of(at, "gt", &["gff3validator", "-typecheck", "so", "a.gff3"]);
    // Only GFF3 escapes names that other readers take for a comment.
    let masked = run(at, &["mask", "g.reprise", "--annotation", "a.gff3"]).fine().out;
    let lower = |text: &str| {
        text.lines().filter(|l| !l.starts_with('>')).flat_map(str::chars).filter(char::is_ascii_lowercase).count()
    };
    assert!(lower(&masked).abs_diff(400 * names.len()) < 16 * names.len());
    assert_eq!(run(at, &["mask", "g.reprise", "--annotation", "a.out"]).fine().out, masked);
}

#[test]
fn a_hundred_thousand_contigs() {
    let mut random = Random(5);
    let consensus = random.bases(300);
    let mut genome: Vec<Contig> =
        (0..100_000).map(|i| Contig::new(&format!("scaffold_{i}"), random.bases(30))).collect();
    for number in [7, 50_000, 99_999] {
        genome[number].letters.extend_from_slice(&consensus);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&genome, &PLAIN)).expect("written");
    std::fs::write(at.join("lib.fa"), fasta(&[Contig::new("f", consensus)], &PLAIN)).expect("written");
    run(at, &["build-index", "g.fa", "-q"]).fine();
    run(at, &["annotate", "g.reprise", "--library", "lib.fa", "-o", "a", "--bgzip", "--formats", "gff3,bed", "-q"])
        .fine();
    let bed = unpacked(&at.join("a.bed.gz"));
    let found: Vec<&str> = bed.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(found, ["scaffold_7", "scaffold_50000", "scaffold_99999"]);
    assert_eq!(unpacked(&at.join("a.gff3.gz")).matches("##sequence-region").count(), 100_000);
    let masked = run(at, &["mask", "g.reprise", "--annotation", "a.bed.gz", "--genome", "g.fa"]).fine().out;
    assert_eq!(masked.to_ascii_uppercase(), text(&fasta(&genome, &PLAIN)).to_ascii_uppercase());
    let lower =
        masked.lines().filter(|line| !line.starts_with('>')).flat_map(str::bytes).filter(u8::is_ascii_lowercase);
    assert!(lower.count().abs_diff(3 * 300) < 3 * 16);
}

/// Sensitivity and precision of a mask of the simulated genome, over its bases without those of other repeats.
fn rates(predicted: &[(String, usize, usize)], truth: &str, lengths: &[(String, usize)]) -> (f64, f64) {
    let mut bases: std::collections::HashMap<&str, Vec<u8>> =
        lengths.iter().map(|(name, length)| (&name[..], vec![0; *length])).collect();
    for line in truth.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let mark = if fields[3] == "tandem" { 4 } else { 1 };
        bases.get_mut(fields[0]).expect("a contig")[number(fields[1])..number(fields[2])]
            .iter_mut()
            .for_each(|b| *b |= mark);
    }
    for (name, start, end) in predicted {
        bases.get_mut(&name[..]).expect("a contig")[*start..*end].iter_mut().for_each(|b| *b |= 2);
    }
    let count = |wanted: u8| bases.values().flatten().filter(|&&b| b == wanted).count() as f64;
    (count(3) / (count(3) + count(1)), count(3) / (count(3) + count(2)))
}

#[test]
fn no_worse_than_blastn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    for (seed, divergence) in [("31", "1-15"), ("32", "8-25")] {
        let simulate = ["simulate", "-o", seed, "--seed", seed, "--bases", "400000", "--families", "8", "-q"];
        run(at, &[&simulate[..], &["--divergence", divergence]].concat()).fine();
        let file = |name: &str| format!("{seed}/{name}");
        run(at, &["build-index", &file("genome.fa"), "-o", &file("genome.reprise"), "-q"]).fine();
        let library = file("library.fa");
        let bed = run(
            at,
            &["annotate", &file("genome.reprise"), "--library", &library, "--formats", "bed", "--no-tandem", "-q"],
        )
        .fine()
        .out;
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let ours: Vec<(String, usize, usize)> = bed
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .map(|fields| (fields[0].to_owned(), number(fields[1]), number(fields[2])))
            .collect();
        let truth = std::fs::read_to_string(at.join(file("truth.bed"))).expect("written");
        let mut lengths: Vec<(String, usize)> = Vec::new();
        for line in std::fs::read_to_string(at.join(file("genome.fa"))).expect("written").lines() {
            match line.strip_prefix('>') {
                Some(name) => lengths.push((name.split(' ').next().unwrap_or(name).to_owned(), 0)),
                None => lengths.last_mut().expect("a name first").1 += line.len(),
            }
        }
        let (sensitivity, precision) = rates(&ours, &truth, &lengths);
        assert!(sensitivity > 0.99 && precision > 0.99, "seed {seed}: {sensitivity} {precision}");
        let search = ["-task", "blastn", "-evalue", "1e-10", "-dust", "no", "-max_target_seqs", "100000"];
        let (genome, columns) = (file("genome.fa"), "6 sseqid sstart send");
        let arguments = [&["-query", &library[..], "-subject", &genome, "-outfmt", columns], &search[..]].concat();
        let Some(lines) = lines_of(at, "blastn", &arguments) else { continue };
        let theirs: Vec<(String, usize, usize)> = lines
            .iter()
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .map(|fields| (fields[0].to_owned(), number(fields[1]), number(fields[2])))
            .map(|(name, a, b)| (name, a.min(b) - 1, a.max(b)))
            .collect();
        let blastn = rates(&theirs, &truth, &lengths);
        let f1 = |(s, p): (f64, f64)| 2.0 * s * p / (s + p);
        assert!(f1((sensitivity, precision)) > f1(blastn) - 0.002, "seed {seed}: blastn has {blastn:?}");
    }
}
