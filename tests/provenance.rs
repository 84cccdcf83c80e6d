//! The provenance of an index: files, digests, time; and whether it belongs to a genome.

mod common;

use std::path::Path;

use common::{
    Bench, Contig, FILES, PLAIN, Text, command, ended, fasta, gzip, lines_of, repetitive_genome, run, run_with,
};
use reprise::Index;
use serde_json::json;
use sha2::Digest;

/// The genome of most tests, with letters other than ACGT and N.
fn genome() -> Vec<Contig> {
    let mut genome = repetitive_genome(21, 9_000);
    genome[1].letters[100..104].copy_from_slice(b"RYkm");
    genome.push(Contig::new("known", "acgt"));
    genome
}

fn write(at: &Path, name: &str, genome: &[Contig]) {
    std::fs::write(at.join(name), fasta(genome, &PLAIN)).expect("written");
}

fn read(at: &Path, name: &str) -> Vec<u8> {
    std::fs::read(at.join(name)).expect("there")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A folder with `g.fa` and its index `g.reprise`.
fn folder() -> (tempfile::TempDir, Vec<Contig>) {
    let (folder, genome) = (tempfile::tempdir().expect("a temporary folder"), genome());
    write(folder.path(), "g.fa", &genome);
    run(folder.path(), &["build-index", "g.fa", "-q", "-k", "9"]).fine();
    (folder, genome)
}

#[test]
fn contigs_have_standard_digests() {
    let (folder, genome) = folder();
    let at = folder.path();
    let mut expected = "#name\tlength\tmd5\trefget\n".to_owned();
    for contig in &genome {
        let upper = contig.letters.to_ascii_uppercase();
        let (md5, sha512) = (md5::Md5::digest(&upper), sha2::Sha512::digest(&upper));
        let refget = data_encoding::BASE64URL_NOPAD.encode(&sha512[..24]);
        expected += &format!("{}\t{}\t{}\tSQ.{refget}\n", contig.name, upper.len(), hex(&md5));
    }
    // The example of the refget specification.
    assert!(expected.ends_with("\nknown\t4\tf1f8f4bf413b16ad135722aa4591043e\tSQ.aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2\n"));
    assert_eq!(run(at, &["info", "g.reprise", "--contigs"]).fine().out, expected);
    let rows = run(at, &["info", "g.reprise", "--contigs", "--json"]).fine().json_lines();
    assert_eq!(rows.len(), genome.len());
    assert_eq!(
        rows[4],
        json!({
            "name": "known", "length": 4, "md5": "f1f8f4bf413b16ad135722aa4591043e",
            "refget": "SQ.aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2",
        })
    );
    let index = Index::open(at.join("g.reprise")).expect("an index");
    let others: Vec<u64> = index.contig_digests().expect("sound").iter().map(|d| d.other_letters).collect();
    assert_eq!(others, [0, 4, 0, 0, 0]);
    run(at, &["verify", "g.reprise", "--deep"]).fine();

    // More contigs than a record has digests of.
    let many: Vec<Contig> = (0..1000).map(|i| Contig::new(&format!("c{i}"), "ACGTACGTTG".repeat(1 + i % 7))).collect();
    write(at, "many.fa", &many);
    run(at, &["build-index", "many.fa", "-q", "-k", "9"]).fine();
    let out = run(at, &["info", "many.reprise", "--contigs"]).fine().out;
    let last = out.lines().nth(1000).expect("a row for each contig");
    assert!(last.starts_with(&format!("c999\t60\t{}\tSQ.", hex(&md5::Md5::digest(&many[999].letters)))), "{last}");
    run(at, &["verify", "many.reprise", "--deep"]).fine();
}

/// The M5 tags are those of `samtools dict`.
#[test]
fn samtools_agrees() {
    let (folder, _) = folder();
    let Some(dict) = lines_of(folder.path(), "samtools", &["dict", "g.fa"]) else { return };
    let theirs: Vec<Vec<&str>> = dict
        .iter()
        .filter(|line| line.starts_with("@SQ"))
        .map(|line| {
            ["SN:", "LN:", "M5:"].map(|tag| line.split('\t').find_map(|f| f.strip_prefix(tag)).expect(tag)).to_vec()
        })
        .collect();
    let out = run(folder.path(), &["info", "g.reprise", "--contigs"]).fine().out;
    let ours: Vec<Vec<&str>> = out.lines().skip(1).map(|line| line.split('\t').take(3).collect()).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn the_manifest_names_what_was_indexed() {
    let (folder, genome) = folder();
    let at = folder.path();
    let plain = read(at, "g.fa");
    let info = |index: &str| run(at, &["info", index, "--json"]).fine().json()["genome"].clone();
    let first = info("g.reprise");
    assert_eq!(first["sources"], json!([{ "name": "g.fa", "bytes": plain.len() }]));
    assert_eq!(first["other_letters"], 4);
    let text = run(at, &["info", "g.reprise"]).fine().out;
    for part in ["reprise 0.", "2023-11-14T22:13:20Z", "g.fa, 9,", "4 letters are neither ACGT nor N", "bases' blake3"]
    {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }

    // Other line breaks, the other case, compression, standard input, two files, another folder: the same bases.
    let mut turned = genome.clone();
    for contig in &mut turned {
        contig.letters.make_ascii_lowercase();
    }
    let windows = Text { width: 31, line_end: "\r\n", empty_lines: true, ..PLAIN };
    let packed = gzip(&fasta(&turned, &windows), 3);
    std::fs::create_dir(at.join("far")).expect("made");
    std::fs::write(at.join("far/z.fa.gz"), &packed).expect("written");
    write(at, "a.fa", &genome[..2]);
    write(at, "b.fa", &genome[2..]);
    let built = ["-q", "-k", "9", "-o"];
    run(at, &[&["build-index", "far/z.fa.gz"], &built[..], &["z.reprise"]].concat()).fine();
    run_with(at, &[&["build-index", "-"], &built[..], &["stdin.reprise"]].concat(), &plain).fine();
    run(at, &[&["build-index", "a.fa", "b.fa"], &built[..], &["two.reprise"]].concat()).fine();
    let sizes = ["a.fa", "b.fa"].map(|name| read(at, name).len());
    for (index, sources) in [
        ("z.reprise", json!([{ "name": "z.fa.gz", "bytes": packed.len() }])),
        ("stdin.reprise", json!([{ "name": "-", "bytes": plain.len() }])),
        ("two.reprise", json!([{ "name": "a.fa", "bytes": sizes[0] }, { "name": "b.fa", "bytes": sizes[1] }])),
    ] {
        let said = info(index);
        assert_eq!((&said["sources"], &said["blake3"]), (&sources, &first["blake3"]));
        let contigs = |index: &str| run(at, &["info", index, "--contigs"]).fine().out;
        assert_eq!(contigs(index), contigs("g.reprise"));
    }
    let other = [&genome[..4], &[Contig::new("known", "acgg")]].concat();
    write(at, "other.fa", &other);
    run(at, &[&["build-index", "other.fa"], &built[..], &["other.reprise"]].concat()).fine();
    assert_ne!(info("other.reprise")["blake3"], first["blake3"]);
}

/// Two builds differ only in the time, which `SOURCE_DATE_EPOCH` fixes.
#[test]
fn builds_differ_only_in_the_time_stamp() {
    let (folder, _) = folder();
    let at = folder.path();
    let build = |name: &str, epoch: Option<&str>| {
        let mut command = command(at, &["build-index", "g.fa", "-q", "-k", "9", "-o", name]);
        match epoch {
            Some(epoch) => command.env("SOURCE_DATE_EPOCH", epoch),
            None => command.env_remove("SOURCE_DATE_EPOCH"),
        };
        ended(command.spawn().expect("the program starts"))
    };
    build("again", Some("1700000000")).fine();
    for file in FILES {
        assert!(read(&at.join("again"), file) == read(&at.join("g.reprise"), file), "{file}");
    }
    build("zero", Some("0")).fine();
    build("now", None).fine();
    let manifest = |name: &str| String::from_utf8(read(&at.join(name), "manifest.json")).expect("UTF-8");
    assert!(manifest("zero").contains("\"created\": \"1970-01-01T00:00:00Z\""));
    assert!(manifest("now").contains("\"created\": \"20"));
    for name in ["zero", "now"] {
        for file in FILES.into_iter().filter(|&file| file != "manifest.json") {
            assert!(read(&at.join(name), file) == read(&at.join("g.reprise"), file), "{file} of {name}");
        }
        let (here, first) = (manifest(name), manifest("g.reprise"));
        let differing: Vec<&str> =
            here.lines().zip(first.lines()).filter(|(a, b)| a != b).map(|(line, _)| line.trim_start()).collect();
        assert_eq!(differing.len(), 2, "{differing:?}");
        assert!(differing[0].starts_with("\"created\"") && differing[1].starts_with("\"blake3\""), "{differing:?}");
    }
    for wrong in ["yesterday", "", "-5", "1.5"] {
        build("wrong", Some(wrong)).failed(2, &["SOURCE_DATE_EPOCH", "seconds since 1970"]);
        assert!(!at.join("wrong").exists());
    }
}

#[test]
fn a_genome_is_recognized() {
    let (folder, genome) = folder();
    let at = folder.path();
    let check = |name: &str| run(at, &["info", "g.reprise", "--check", name]);
    let json = |name: &str, code: i32| {
        let ran = run(at, &["info", "g.reprise", "--check", name, "--json"]);
        assert_eq!(ran.code, code, "{}", ran.err);
        let mut json = ran.json();
        assert_eq!((&json["same"], &json["genome"]), (&json!(code == 0), &json!([name])));
        json["differences"].take()
    };

    let said = check("g.fa").fine().out;
    assert_eq!(said, "g.reprise: of this genome, 9,004 bases in 5 contigs\n");
    assert_eq!(json("g.fa", 0), json!([]));
    // Another copy of the genome, written differently.
    let mut kept = genome.clone();
    for contig in &mut kept {
        contig.letters.make_ascii_uppercase();
        contig.description = "another description".to_owned();
    }
    std::fs::write(at.join("kept.fa.gz"), gzip(&fasta(&kept, &Text { width: 7, line_end: "\r\n", ..PLAIN }), 2))
        .expect("written");
    check("kept.fa.gz").fine();
    run_with(at, &["info", "g.reprise", "--check", "-"], &read(at, "g.fa")).fine();
    write(at, "a.fa", &genome[..2]);
    write(at, "b.fa", &genome[2..]);
    run(at, &["info", "g.reprise", "--check", "a.fa", "--check", "b.fa"]).fine();

    let row = |difference: &str, contigs: u64, first: &[&str]| -> serde_json::Value {
        json!({ "difference": difference, "contigs": contigs, "first": first })
    };
    let named = |names: [&str; 5]| {
        let mut genome = genome.clone();
        genome.iter_mut().zip(names).for_each(|(contig, name)| contig.name = name.to_owned());
        genome
    };
    let order = |order: &[usize]| order.iter().map(|&i| genome[i].clone()).collect::<Vec<_>>();
    let mut base = genome.clone();
    base[2].letters[5] = if base[2].letters[5].eq_ignore_ascii_case(&b'A') { b'C' } else { b'A' };
    let mut ambiguous = genome.clone();
    ambiguous[1].letters[100] = b'N';
    let mut shorter = genome.clone();
    shorter[3].letters.pop();
    let mut mixed = named(["chr1", "chr2", "MT", "scaffold_77", "known"]);
    mixed.swap(0, 4);
    mixed[1].letters.push(b'A');
    mixed.push(Contig::new("new", "ACGTACGTACGT"));
    mixed.remove(3);
    for (number, (other, differences)) in [
        (base, vec![row("bases", 1, &["chrM"])]),
        (ambiguous, vec![row("bases", 1, &["chr2"])]),
        (shorter, vec![row("bases", 1, &["scaffold_77"])]),
        (named(["1", "2", "chrM", "s", "known"]), vec![row("names", 3, &["chr1=1", "chr2=2", "scaffold_77=s"])]),
        (named(["chr2", "chr1", "chrM", "scaffold_77", "known"]), vec![row("names", 2, &["chr1=chr2", "chr2=chr1"])]),
        (order(&[4, 0, 1, 2, 3]), vec![row("order", 1, &["known"])]),
        (order(&[0, 1, 3]), vec![row("missing", 2, &["chrM", "known"])]),
        (
            [genome.clone(), vec![Contig::new("x", "ACGT"), Contig::new("chr1", "AC")]].concat(),
            vec![row("added", 2, &["x", "chr1"])],
        ),
        (
            mixed,
            vec![
                row("bases", 1, &["chr2"]),
                row("names", 1, &["chrM=MT"]),
                row("missing", 1, &["scaffold_77"]),
                row("added", 1, &["new"]),
                row("order", 2, &["known", "MT"]),
            ],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("other{number}.fa");
        write(at, &name, &other);
        assert_eq!(json(&name, 3), json!(differences), "{name}");
        let says = differences[0]["first"][0].as_str().expect("a name");
        let ran = check(&name).failed(3, &["g.reprise is not an index of", &name, says, "build-index"]);
        assert!(ran.out.is_empty());
    }
    let strange: Vec<Contig> = (0..30).map(|i| Contig::new(&format!("s{i}"), "ACGTTGCA")).collect();
    write(at, "strange.fa", &strange);
    check("strange.fa").failed(
        3,
        &["5 contigs missing from the genome (chr1, ", "30 contigs that the index has not (s0, ", "s4, ...)"],
    );
    assert_eq!(json("strange.fa", 3)[1], row("added", 30, &["s0", "s1", "s2", "s3", "s4"]));

    check("absent.fa").failed(1, &["absent.fa"]);
    std::fs::write(at.join("no.fa"), "not FASTA").expect("written");
    check("no.fa").failed(3, &["no.fa", "neither FASTA"]);
    run(at, &["info", "absent.reprise", "--check", "g.fa"]).failed(1, &["absent.reprise"]);
    assert_eq!(run(at, &["info", "g.reprise", "--check", "g.fa", "--memory"]).code, 2);
}

/// Thousands of contigs under other names and in another order are recognized by their bases.
#[test]
fn many_other_names() {
    let many = |prefix: &str| -> Vec<Contig> {
        (0..20_000).map(|i| Contig::new(&format!("{prefix}{i}"), format!("ACGTTGC{}", "ACG".repeat(i % 5)))).collect()
    };
    let bench = Bench::new(22, 2_000, 9, &[]);
    let at = bench.at();
    write(at, "many.fa", &many("a"));
    run(at, &["build-index", "many.fa", "-q", "-k", "9"]).fine();
    let mut turned = many("b");
    turned.reverse();
    turned[0].letters[0] = b'T';
    write(at, "turned.fa", &turned);
    let ran = run(at, &["info", "many.reprise", "--check", "turned.fa", "--json"]);
    let differences = ran.json()["differences"].clone();
    assert_eq!((&differences[0]["difference"], &differences[0]["contigs"]), (&json!("names"), &json!(19_999)));
    assert_eq!((&differences[1]["difference"], &differences[1]["contigs"]), (&json!("missing"), &json!(1)));
}
