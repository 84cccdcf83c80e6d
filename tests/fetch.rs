//! Tests `fetch`: its records are those of a naive oracle, and those of `samtools faidx`, on both strands.

mod common;

use std::io::Read;

use common::{Bench, Contig, Random, run_with, text, tool};

/// The record of a region (0-based, half-open) with lines of `width` bases.
fn record(name: &str, letters: &[u8], is_reverse: bool, width: usize) -> String {
    let complement = |letter: u8| match letter {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        b'a' => b't',
        b'c' => b'g',
        b'g' => b'c',
        b't' => b'a',
        other => other,
    };
    let letters: Vec<u8> = match is_reverse {
        true => letters.iter().rev().map(|&letter| complement(letter)).collect(),
        false => letters.to_vec(),
    };
    let lines = letters.chunks(width).map(|line| text(line) + "\n");
    format!(">{name}{}\n{}", if is_reverse { "/rc" } else { "" }, lines.collect::<String>())
}

/// Regions at the edges of a contig and at random: first and last base from 1.
fn regions(contig: &Contig, random: &mut Random) -> Vec<(usize, usize)> {
    let length = contig.letters.len();
    let mut regions = vec![(1, 1), (length, length), (1, length), (1, 60), (2, 61), (length - 60, length)];
    regions.extend((0..25).map(|_| {
        let start = 1 + random.below(length);
        (start, length.min(start + random.below(400)))
    }));
    regions
}

#[test]
fn regions_are_those_of_a_naive_oracle_and_of_samtools() {
    let bench = Bench::new(23, 40_000, 11, &[]);
    let mut random = Random(5);
    for strand in ["+", "-"] {
        for contig in &bench.genome {
            let regions = regions(contig, &mut random);
            let names: Vec<String> =
                regions.iter().map(|(start, end)| format!("{}:{start}-{end}", contig.name)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).chain([&contig.name[..]]).collect();
            let fetched = bench.run(&[&["fetch", "g.reprise", "--strand", strand], &names[..]].concat()).fine().out;
            let bases = |&(start, end): &(usize, usize)| &contig.letters[start - 1..end];
            let whole = &contig.letters[..];
            let expected = names.iter().zip(regions.iter().map(bases).chain([whole]));
            let expected: String = expected.map(|(name, letters)| record(name, letters, strand == "-", 60)).collect();
            assert!(fetched == expected, "{} {strand}", contig.name);

            let Some(mut samtools) = tool("samtools") else { continue };
            let other: &[&str] = if strand == "-" { &["faidx", "-i", "g.fa"] } else { &["faidx", "g.fa"] };
            let ran = samtools.args(other).args(&names).current_dir(bench.at()).output().expect("samtools starts");
            assert!(ran.status.success() && text(&ran.stdout) == fetched, "samtools: {} {strand}", contig.name);
        }
    }
}

/// Contigs of several chunks are written as short ones.
#[test]
fn long_contigs_are_written_chunk_by_chunk() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let mut letters = Random(8).bases(2_500_007);
    letters[1_048_570..1_048_590].fill(b'N');
    letters[1_048_000..1_049_000].make_ascii_lowercase();
    std::fs::write(at.join("g.fa"), [b">c\n", &letters[..], b"\n"].concat()).expect("written");
    common::run(at, &["build-index", "g.fa", "-q"]).fine();
    for (strand, is_reverse) in [("+", false), ("-", true)] {
        for width in [1_000, 0] {
            let arguments = ["fetch", "g.reprise", "c", "--strand", strand, "--width", &width.to_string()];
            let fetched = common::run(at, &arguments).fine().out;
            let width = if width == 0 { usize::MAX } else { width };
            assert!(fetched == record("c", &letters, is_reverse, width), "{strand} {width}");
        }
    }
    common::run(at, &["fetch", "g.reprise", "c", "-o", "c.fa.gz"]).fine();
    let mut unpacked = Vec::new();
    let compressed = std::fs::read(at.join("c.fa.gz")).expect("written");
    flate2::read::MultiGzDecoder::new(&compressed[..]).read_to_end(&mut unpacked).expect("bgzip");
    assert!(text(&unpacked) == record("c", &letters, false, 60));
}

#[test]
fn rows_of_bed_have_their_own_names_and_strands() {
    let bench = Bench::new(29, 10_000, 9, &[]);
    let letters = &bench.genome[0].letters;
    let bed = "#chrom\tstart\tend\nchr1\t0\t10\tAlu Y\t0\t-\nchr1 20 30\nchr1\t5\t9\t.\t0\t+\nchr1\t7\t8\tx\t0\t.\n";
    bench.write("a.bed", bed);
    let expected = |all: Option<bool>| {
        let row = |name: &str, description: &str, range: std::ops::Range<usize>, is_reverse: bool| {
            let record = record(name, &letters[range], all.unwrap_or(is_reverse), 60);
            record.replacen('\n', &format!("{description}\n"), 1)
        };
        row("chr1:1-10", " Alu Y", 0..10, true)
            + &row("chr1:21-30", "", 20..30, false)
            + &row("chr1:6-9", "", 5..9, false)
            + &row("chr1:8-8", " x", 7..8, false)
    };
    let fetch = |more: &[&str]| bench.run(&[&["fetch", "g.reprise", "--regions", "a.bed"], more].concat()).fine().out;
    assert_eq!(fetch(&[]), expected(None));
    assert_eq!(fetch(&["--strand", "+"]), expected(Some(false)));
    assert_eq!(fetch(&["--strand", "-"]), expected(Some(true)));
    let piped = run_with(bench.at(), &["fetch", "g.reprise", "--regions", "-"], bed.as_bytes()).fine();
    assert_eq!(piped.out, expected(None));
}

#[test]
fn regions_outside_the_genome_are_errors() {
    let bench = Bench::new(31, 10_000, 9, &[]);
    let length = bench.genome[0].letters.len();
    let fetch = |region: &str| bench.run(&["fetch", "g.reprise", "chr2:1-5", region]);
    let unknown = fetch("scafold_77").failed(3, &["scafold_77", "did you mean scaffold_77?"]);
    assert_eq!(unknown.out, "", "a wrong region is found before anything is written");
    fetch(&format!("chr1:{}-", length + 1)).failed(3, &["starts past chr1"]);
    fetch("chr1:0-5").failed(3, &["starts at 0"]);
    // An end past the contig is its end, as in `query --region` and samtools.
    let end = fetch(&format!("chr1:{length}-{}", length + 7)).fine().out;
    assert!(end.ends_with(&record(
        &format!("chr1:{length}-{length}"),
        &bench.genome[0].letters[length - 1..],
        false,
        60
    )));
    for (bed, problem) in [
        (format!("chr1\t0\t5\nchr1\t5\t{}\n", length + 1), "a.bed, line 2: chr1"),
        ("chr1\t0\t5\nchr9\t0\t5\n".to_owned(), "a.bed, line 2: there is no contig \"chr9\""),
        ("chr1\t0\t5\tx\t0\t*\n".to_owned(), "a.bed, line 1: \"*\" is no strand"),
    ] {
        bench.write("a.bed", bed);
        let ran = bench.run(&["fetch", "g.reprise", "--regions", "a.bed"]).failed(3, &[problem]);
        assert_eq!(ran.out, "");
    }
    for arguments in [&["fetch", "g.reprise"][..], &["fetch", "g.reprise", "chr1", "--regions", "a.bed"]] {
        assert_eq!(bench.run(arguments).code, 2, "{arguments:?}");
    }
}
