//! Parts of an annotation, of alignments and of a masked genome are joined to the bytes of a single run.

mod common;

use std::fs;
use std::path::Path;

use common::{Contig, PLAIN, Ran, Random, fasta, run};
use tempfile::TempDir;

/// Bases of a window of the search: parts begin at a multiple of it, or at a contig.
const WINDOW: usize = 1 << 20;
/// All formats of an annotation that are text.
const FORMATS: &str = "tsv,gff3,bed,gtf,out,jsonl,align,tbl,divsum";

/// A sequence with substitutions at this rate, in thousandths.
fn mutated(random: &mut Random, bases: &[u8], rate: usize) -> Vec<u8> {
    let substituted = |&base: &u8| if random.below(1000) < rate { b"ACGT"[random.below(4)] } else { base };
    bases.iter().map(substituted).collect()
}

/// Diverged units in a row.
fn array(random: &mut Random, unit: usize, bases: usize) -> Vec<u8> {
    let unit = random.bases(unit);
    let units: Vec<u8> = unit.iter().copied().cycle().take(bases).collect();
    mutated(random, &units, 40)
}

fn put(contig: &mut [u8], at: usize, bases: &[u8]) {
    contig[at..at + bases.len()].copy_from_slice(bases);
}

/// A genome of which copies, a satellite of the library and tandem repeats cross the windows, its index and a library.
fn genome() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random(17);
    let families: Vec<Vec<u8>> = [350, 900, 2400, 5000].map(|length| random.bases(length)).to_vec();
    // Between its two ends, which are searched, the contig is unknown.
    let mut long = vec![b'N'; 8 * WINDOW + WINDOW / 4];
    let (left, right) = (3 * WINDOW + WINDOW / 2, 8 * WINDOW - WINDOW / 8);
    put(&mut long, 0, &random.bases(left));
    let length = long.len() - right;
    put(&mut long, right, &random.bases(length));
    for number in 0..60 {
        let copy = mutated(&mut random, &families[number % 4], 20 + 60 * (number % 3));
        let from = random.below(copy.len() / 3);
        put(&mut long, random.below(left - 6000), &copy[from..]);
    }
    for window in [1, 2, 3, 8] {
        let copy = mutated(&mut random, &families[window % 4], 100);
        put(&mut long, window * WINDOW - 1 - random.below(copy.len()), &copy);
    }
    // Copies so near each other that they are one chain of more than a window.
    let mut start = WINDOW - 90_000;
    while start < 2 * WINDOW + 200_000 {
        put(&mut long, start, &mutated(&mut random, &families[1], 80));
        start += 2050 + random.below(750);
    }
    // A satellite that the library has, and tandem repeats that it does not have.
    let unit = random.bases(170);
    let units: Vec<u8> = unit.iter().copied().cycle().take(9000).collect();
    put(&mut long, 3 * WINDOW - 4000, &mutated(&mut random, &units, 80));
    for (start, unit, bases) in [
        (3 * WINDOW + 100_000, 37, 4000),
        (3 * WINDOW + 110_000, 3, 300),
        (8 * WINDOW - 18_000, 2500, 36_000),
        (8 * WINDOW + 30_000, 150, 3000),
    ] {
        put(&mut long, start, &array(&mut random, unit, bases));
    }
    let mut contigs = vec![Contig::new("long", long), Contig::new("empty", b"")];
    for (number, family) in families.iter().enumerate() {
        let mut letters = random.bases(400 + 30_000 * number);
        letters.extend(mutated(&mut random, family, 50));
        contigs.push(Contig::new(&format!("short{number}"), letters));
    }
    fs::write(folder.path().join("g.fa"), fasta(&contigs, &PLAIN)).expect("written");
    let mut library: Vec<Contig> = (0..)
        .zip(families)
        .map(|(number, family): (usize, _)| Contig::new(&format!("f{number}#DNA/hAT"), family))
        .collect();
    library.push(Contig::new("sat#Satellite", &units[..510]));
    fs::write(folder.path().join("l.fa"), fasta(&library, &PLAIN)).expect("written");
    run(folder.path(), &["build-index", "g.fa", "-q"]).fine();
    folder
}

/// A small genome with its index and a library, for what does not depend on the size.
fn small_genome() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random(23);
    let family = random.bases(600);
    let contig = |number: usize, random: &mut Random| {
        let letters = [random.bases(3000), mutated(random, &family, 100), random.bases(500)].concat();
        Contig::new(&format!("c{number}"), letters)
    };
    let contigs: Vec<Contig> = (0..7).map(|number| contig(number, &mut random)).collect();
    fs::write(folder.path().join("g.fa"), fasta(&contigs, &PLAIN)).expect("written");
    fs::write(folder.path().join("l.fa"), fasta(&[Contig::new("f#LINE/L1", &family)], &PLAIN)).expect("written");
    run(folder.path(), &["build-index", "g.fa", "-q"]).fine();
    folder
}

/// Makes a part in the file `PREFIX.number`.
fn part(at: &Path, prefix: &str, number: usize, count: usize, flags: &[&str]) -> Ran {
    let (shard, file) = (format!("{number}/{count}"), format!("{prefix}.{number}"));
    let arguments = ["annotate", "g.reprise", "--library", "l.fa", "--shard", &shard, "-o", &file, "-q"];
    run(at, &[&arguments[..], flags].concat())
}

fn parts(at: &Path, prefix: &str, count: usize, flags: &[&str]) -> Vec<String> {
    (1..=count)
        .map(|number| {
            part(at, prefix, number, count, flags).fine();
            format!("{prefix}.{number}")
        })
        .collect()
}

fn merge(at: &Path, parts: &[String], flags: &[&str]) -> Ran {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    run(at, &[&["merge-annotation"], &parts[..], flags].concat())
}

fn assert_same_files(at: &Path, one: &str, other: &str, formats: &str) {
    for format in formats.split(',') {
        let read = |prefix: &str| fs::read(at.join(format!("{prefix}.{format}"))).expect("a result");
        assert!(!read(one).is_empty(), "{format}");
        assert!(read(one) == read(other), "{one}.{format} and {other}.{format} differ");
    }
}

#[test]
fn parts_have_the_annotation_of_a_single_run() {
    let folder = genome();
    let at = folder.path();
    let annotate = ["annotate", "g.reprise", "--library", "l.fa", "-q", "--formats", FORMATS, "-o", "one"];
    run(at, &annotate).fine();
    let rows = fs::read_to_string(at.join("one.tsv")).expect("a table");
    for name in ["f0", "f1", "f2", "f3", "Simple_repeat", "tandem-2500", "short3"] {
        assert!(rows.contains(name), "{name} is in the annotation");
    }
    for count in [3, 7] {
        let mut parts = parts(at, &format!("p{count}"), count, &[]);
        parts.reverse();
        let merged = format!("m{count}");
        merge(at, &parts, &["-q", "--formats", FORMATS, "-o", &merged]).fine();
        assert_same_files(at, "one", &merged, FORMATS);
    }
    // Neither threads nor memory change a part: the library is searched in several parts if memory is short.
    part(at, "t1", 2, 3, &["-t", "1"]).fine();
    part(at, "low", 2, 3, &["--max-memory", "64M"]).fine();
    let read = |file: &str| fs::read(at.join(file)).expect("a part");
    assert!(read("p3.2") == read("t1.2") && read("p3.2") == read("low.2"));
}

#[test]
fn options_are_those_of_the_parts() {
    let folder = small_genome();
    let at = folder.path();
    let flags = ["--no-tandem", "--max-divergence", "8", "--max-e-value", "1e-20"];
    let one = run(at, &[&["annotate", "g.reprise", "--library", "l.fa", "-q"], &flags[..]].concat()).fine();
    let parts = parts(at, "p", 5, &flags);
    assert_eq!(merge(at, &parts, &["-q"]).fine().out, one.out);
    let other = run(at, &["annotate", "g.reprise", "--library", "l.fa", "-q"]).fine();
    assert_ne!(other.out, one.out, "the options matter");
    let one_part = self::parts(at, "one", 1, &flags);
    assert_eq!(merge(at, &one_part, &["-q"]).fine().out, one.out);
    // Parts of windows are empty if there are more of them than windows.
    let many = (1..=40).map(|number| format!("many.{number}")).collect::<Vec<_>>();
    assert_eq!(self::parts(at, "many", 40, &flags), many);
    assert_eq!(merge(at, &many, &["-q"]).fine().out, one.out);
}

#[test]
fn wrong_parts_are_refused_by_name() {
    let folder = small_genome();
    let at = folder.path();
    let p = parts(at, "p", 3, &[]);
    let refused = |parts: &[String], says: &[&str]| {
        merge(at, parts, &["-o", "out", "-q"]).failed(3, says);
        assert!(!at.join("out.bed").exists(), "nothing is written");
    };
    refused(&p[..2], &["p.1", "3 parts", "3 are missing"]);
    refused(&p[1..2], &["p.2", "1, 3 are missing"]);
    refused(&[&p[..], &p[..1]].concat(), &["p.1", "part 1 of 3"]);
    let replaced = |other: &str| [p[0].clone(), other.to_owned(), p[2].clone()];
    part(at, "four", 2, 4, &[]).fine();
    refused(&replaced("four.2"), &["four.2", "the number of parts"]);
    part(at, "e", 2, 3, &["--max-e-value", "1e-5"]).fine();
    refused(&replaced("e.2"), &["e.2", "p.1", "E-value"]);
    part(at, "no", 2, 3, &["--no-tandem"]).fine();
    refused(&replaced("no.2"), &["no.2", "tandem"]);
    // A part of another library, and of another index.
    fs::copy(at.join("l.fa"), at.join("l.kept")).expect("copied");
    fs::write(at.join("l.fa"), ">f\nACGTTGCAGGCATTACGGATCCAGATTACAGATTTAGACCAGTTAGGAC\n").expect("written");
    part(at, "lib", 2, 3, &[]).fine();
    refused(&replaced("lib.2"), &["lib.2", "the library differs"]);
    refused(&p, &["l.fa", "--library"]);
    fs::rename(at.join("l.kept"), at.join("l.fa")).expect("renamed");
    let build = ["build-index", "g.fa", "-q", "-k", "13", "-o", "k13.reprise"];
    run(at, &build).fine();
    run(at, &["annotate", "k13.reprise", "--library", "l.fa", "-q", "--shard", "2/3", "-o", "k13.2"]).fine();
    refused(&replaced("k13.2"), &["k13.2", "the index differs"]);
    let flags = ["-q", "--index", "k13.reprise"];
    merge(at, &p, &flags).failed(3, &["k13.reprise", "is not the index"]);
    // What is no part, and every kind of damage.
    refused(&replaced("l.fa"), &["l.fa", "is no part"]);
    merge(at, &replaced("none"), &["-q"]).failed(1, &["none", "No such file"]);
    let whole = fs::read(at.join(&p[1])).expect("a part");
    for cut in [0, 1, 40, whole.len() / 2, whole.len() - 1] {
        fs::write(at.join("cut"), &whole[..cut]).expect("written");
        refused(&replaced("cut"), &["cut"]);
    }
    for at_byte in (0..whole.len()).step_by(whole.len() / 40 + 1) {
        let mut damaged = whole.clone();
        damaged[at_byte] ^= 0x10;
        fs::write(at.join("damaged"), damaged).expect("written");
        refused(&replaced("damaged"), &["damaged"]);
    }
    let newer = String::from_utf8_lossy(&whole[..whole.iter().position(|&b| b == b'\n').expect("a line") + 1])
        .replace("\"format_version\":1", "\"format_version\":9");
    fs::write(at.join("newer"), newer).expect("written");
    refused(&replaced("newer"), &["newer", "use one version for all parts"]);
    merge(at, &p, &["-o", "out", "-q"]).fine();
}

#[test]
fn wrong_shards_are_refused() {
    let folder = small_genome();
    let at = folder.path();
    for shard in ["0/4", "5/4", "4", "a/b", "1/0", ""] {
        let arguments = ["annotate", "g.reprise", "--library", "l.fa", "-o", "p", "--shard", shard];
        let ran = run(at, &arguments);
        assert!(ran.code == 2 && ran.err.contains("a shard is I/N"), "{shard}: {}", ran.err);
    }
    let annotate = ["annotate", "g.reprise", "--shard", "1/2"];
    let wrong = |flags: &[&str], says: &[&str]| run(at, &[&annotate, flags].concat()).failed(2, says);
    wrong(&["--library", "l.fa"], &["-o PART"]);
    wrong(&["--library", "l.fa", "-o", "p", "--formats", "bed"], &["merge-annotation"]);
    wrong(&["--library", "-", "-o", "p"], &["--library as a file"]);
    assert!(!at.join("p").exists());
    // A part that is whole stays.
    part(at, "p", 1, 2, &[]).fine();
    part(at, "p", 1, 2, &[]).failed(2, &["p.1", "exists"]);
    part(at, "p", 1, 2, &["--force"]).fine();
    part(at, "p", 2, 2, &[]).fine();
    // Moved inputs are named, and given again.
    let both = ["p.1", "p.2"].map(str::to_owned);
    let before = merge(at, &both, &["-q"]).fine().out;
    fs::rename(at.join("l.fa"), at.join("l2.fa")).expect("renamed");
    merge(at, &both, &["-q"]).failed(3, &["l.fa", "--library"]);
    fs::rename(at.join("g.reprise"), at.join("h.reprise")).expect("renamed");
    merge(at, &both, &["-q"]).failed(3, &["g.reprise", "--index"]);
    let flags = ["-q", "--index", "h.reprise", "--library", "l2.fa"];
    assert_eq!(merge(at, &both, &flags).fine().out, before);
}

#[test]
fn alignments_of_parts_are_those_of_all_sequences() {
    let folder = small_genome();
    let at = folder.path();
    let mut random = Random(31);
    let genome = fs::read_to_string(at.join("g.fa")).expect("the genome");
    let contig: Vec<u8> =
        genome.lines().skip(1).take_while(|line| !line.starts_with('>')).flat_map(str::bytes).collect();
    let reads: Vec<Contig> = (0..30)
        .map(|number| {
            let (start, length) = (random.below(3000), 40 + random.below(700));
            Contig::new(&format!("r{number}"), mutated(&mut random, &contig[start..start + length], 120))
        })
        .collect();
    fs::write(at.join("r.fa"), fasta(&reads, &PLAIN)).expect("written");
    let query = ["query", "g.reprise", "r.fa", "--hits", "-q"];
    let one = run(at, &query).fine().out;
    assert!(one.lines().count() > 30);
    for count in [1, 2, 7, 64] {
        let shards =
            (1..=count).map(|number| run(at, &[&query[..], &["--shard", &format!("{number}/{count}")]].concat()));
        assert_eq!(shards.map(|ran| ran.fine().out).collect::<String>(), one, "{count} parts");
    }
    let ran = run(at, &["query", "g.reprise", "r.fa", "--shard", "1/2"]);
    assert!(ran.code == 2 && ran.err.contains("--hits"), "{}", ran.err);
}

#[test]
fn masked_parts_are_the_masked_genome() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let mut random = Random(41);
    let lengths = [0, 40, 700_000, 300_000, 100_000, 5, 1_500_000, 10, 10, 800_000, 400_000, 0];
    let contigs: Vec<Contig> = (0..)
        .zip(lengths)
        .map(|(number, length): (usize, _)| Contig::new(&format!("c{number}"), random.bases(length)))
        .collect();
    fs::write(at.join("g.fa"), fasta(&contigs, &PLAIN)).expect("written");
    fs::write(at.join("a.bed"), "c2\t100\t700000\nc3\t0\t10\nc6\t900000\t1200000\nc9\t3\t5\n").expect("written");
    run(at, &["build-index", "g.fa", "-q"]).fine();
    let mask = ["mask", "g.reprise", "--annotation", "a.bed", "-q"];
    for name in ["m.fa", "m.fa.gz"] {
        run(at, &[&mask[..], &["-o", name]].concat()).fine();
        let one = fs::read(at.join(name)).expect("the masked genome");
        for count in [1, 2, 3, 5, 30] {
            let mut joined = Vec::new();
            for number in 1..=count {
                let (shard, file) = (format!("{number}/{count}"), format!("{count}.{number}.{name}"));
                run(at, &[&mask[..], &["-o", &file, "--shard", &shard]].concat()).fine();
                let part = fs::read(at.join(file)).expect("a part");
                assert!(count > 2 || part.len() > 100_000, "part {shard} has its share");
                joined.extend(part);
            }
            assert!(joined == one, "{count} parts of {name}");
        }
    }
    let ran = run(at, &[&mask[..], &["--shard", "1/2", "--genome", "g.fa"]].concat());
    assert!(ran.code == 2 && ran.err.contains("--genome"), "{}", ran.err);
}
