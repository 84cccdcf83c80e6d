//! Tests .2bit files as genome: an index of one is that of the FASTA with the same sequences, in either byte order and
//! version, and a damaged one is an error.

mod common;

use std::path::Path;

use common::{Bench, Contig, PLAIN, Random, fasta, gzip, listing, run, run_with};

/// How a .2bit file is written.
#[derive(Clone, Copy)]
struct Layout {
    is_big_endian: bool,
    version: u32,
}

const LAYOUTS: [Layout; 4] = [
    Layout { is_big_endian: false, version: 0 },
    Layout { is_big_endian: true, version: 0 },
    Layout { is_big_endian: false, version: 1 },
    Layout { is_big_endian: true, version: 1 },
];

/// Runs of letters for which `is_in` is true, as start and length.
fn runs(letters: &[u8], is_in: impl Fn(u8) -> bool) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for (at, _) in letters.iter().enumerate().filter(|(_, letter)| is_in(**letter)) {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at as u32 => *length += 1,
            _ => runs.push((at as u32, 1)),
        }
    }
    runs
}

/// A .2bit file as UCSC describes it; letters are A, C, G, T and N of either case.
fn twobit(contigs: &[Contig], layout: Layout) -> Vec<u8> {
    let word = |value: u32| if layout.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let record = |letters: &[u8]| {
        let mut out = word(letters.len() as u32).to_vec();
        for blocks in
            [runs(letters, |letter| b"Nn".contains(&letter)), runs(letters, |letter| letter.is_ascii_lowercase())]
        {
            out.extend(word(blocks.len() as u32));
            out.extend(blocks.iter().flat_map(|block| word(block.0)));
            out.extend(blocks.iter().flat_map(|block| word(block.1)));
        }
        out.extend(word(0));
        for four in letters.chunks(4) {
            let code =
                |letter: &u8| b"TCAG".iter().position(|base| base.eq_ignore_ascii_case(letter)).unwrap_or(0) as u8;
            out.push(four.iter().zip([6, 4, 2, 0]).map(|(letter, shift)| code(letter) << shift).sum());
        }
        out
    };
    let records: Vec<Vec<u8>> = contigs.iter().map(|contig| record(&contig.letters)).collect();
    let offset_bytes = if layout.version == 0 { 4 } else { 8 };
    let index_bytes: usize = contigs.iter().map(|contig| 1 + contig.name.len() + offset_bytes).sum();
    let mut out: Vec<u8> = [0x1A41_2743, layout.version, contigs.len() as u32, 0].into_iter().flat_map(word).collect();
    let mut offset = 16 + index_bytes;
    for (contig, record) in contigs.iter().zip(&records) {
        out.push(contig.name.len() as u8);
        out.extend(contig.name.bytes());
        match (layout.version, layout.is_big_endian) {
            (0, _) => out.extend(word(offset as u32)),
            (_, true) => out.extend((offset as u64).to_be_bytes()),
            (_, false) => out.extend((offset as u64).to_le_bytes()),
        }
        offset += record.len();
    }
    out.extend(records.concat());
    out
}

/// Asserts that two indexes have the same files, but for the names and sizes of their sources.
#[track_caller]
fn assert_same_index(at: &Path, a: &str, b: &str) {
    assert_eq!(listing(&at.join(a)), listing(&at.join(b)));
    for name in listing(&at.join(a)).iter().filter(|name| *name != "manifest.json") {
        let read = |index: &str| std::fs::read(at.join(index).join(name)).expect("there");
        assert!(read(a) == read(b), "{a} and {b} differ in {name}");
    }
    let manifest = |index: &str| {
        let mut info = run(at, &["info", index, "--json"]).fine().json();
        info["genome"]["sources"] = serde_json::Value::Null;
        info["blake3"] = serde_json::Value::Null;
        info
    };
    assert_eq!(manifest(a), manifest(b));
}

#[test]
fn the_packed_genome_of_an_index_gives_the_same_index() {
    for options in [&["-k", "11"][..], &["-k", "21", "--min-frequency", "1"]] {
        let bench = Bench::new(37, 40_000, 11, &["-o", "unused.reprise"]);
        let at = bench.at();
        run(at, &[&["build-index", "g.fa", "-q"], options].concat()).fine();
        let again = ["build-index", "g.reprise/sequence.2bit", "-q", "-o", "again.reprise"];
        run(at, &[&again[..], options].concat()).fine();
        assert_same_index(at, "g.reprise", "again.reprise");
        let contigs = |index| run(at, &["info", index, "--contigs"]).fine().out;
        assert_eq!(contigs("g.reprise"), contigs("again.reprise"));
        run(at, &["info", "again.reprise", "--check", "g.fa"]).fine();
        run(at, &["info", "g.reprise", "--check", "again.reprise/sequence.2bit"]).fine();
        run(at, &["info", "unused.reprise", "--check", "again.reprise/sequence.2bit"]).fine();
    }
}

#[test]
fn files_of_any_byte_order_and_version_give_the_same_index() {
    let bench = Bench::new(41, 40_000, 11, &[]);
    for (number, layout) in LAYOUTS.into_iter().enumerate() {
        let (file, index) = (format!("x{number}.2bit"), format!("x{number}.reprise"));
        bench.write(&file, twobit(&bench.genome, layout));
        // The index is named after the file.
        bench.run(&["build-index", &file, "-q", "-k", "11"]).fine();
        assert_same_index(bench.at(), "g.reprise", &index);
    }
    // Several files are one genome, and their names can be prefixes.
    let mut random = Random(2);
    let other = [Contig::new("chr1", random.bases(500))];
    bench.write("h.2bit", twobit(&other, LAYOUTS[1]));
    bench.write("h.fa", fasta(&other, &PLAIN));
    for (index, second) in [("a.reprise", "h.2bit"), ("b.reprise", "h.fa")] {
        bench.run(&["build-index", "x0.2bit", second, "-q", "-o", index]).failed(3, &["\"chr1\"", "x0.2bit"]);
        bench.run(&["build-index", "x0.2bit", second, "-q", "-o", index, "--prefix-names"]).fine();
    }
    assert_same_index(bench.at(), "a.reprise", "b.reprise");
}

/// `detect` reads a genome from it too; the other commands state that they do not.
#[test]
fn a_genome_is_read_from_it_and_nothing_else() {
    let bench = Bench::new(43, 30_000, 11, &[]);
    let packed = twobit(&bench.genome, LAYOUTS[0]);
    bench.write("g.2bit", &packed);
    bench.run(&["detect", "g.fa", "-o", "a", "-q"]).fine();
    bench.run(&["detect", "g.2bit", "-o", "b", "-q"]).fine();
    for file in ["families.fa", "repeats.out", "masked.fa.gz"] {
        let read = |folder: &str| std::fs::read(bench.at().join(folder).join(file)).expect("written");
        assert!(read("a") == read("b"), "{file}");
    }
    let piped = run_with(bench.at(), &["build-index", "-", "-o", "p.reprise"], &packed);
    piped.failed(3, &["2bit", "not from a pipe"]);
    bench.write("g.2bit.gz", gzip(&packed, 1));
    bench.run(&["build-index", "g.2bit.gz", "-o", "p.reprise"]).failed(3, &["2bit", "uncompressed"]);
    bench.run(&["query", "g.reprise", "g.2bit"]).failed(3, &["2bit", "twoBitToFa"]);
    bench.run(&["annotate", "g.reprise", "--library", "g.2bit"]).failed(3, &["2bit", "twoBitToFa"]);
    bench.write("a.bed", "chr1\t10\t20\n");
    let mask = ["mask", "g.reprise", "--annotation", "a.bed", "--genome", "g.2bit"];
    bench.run(&mask).failed(3, &["g.2bit", "without --genome"]);
}

#[test]
fn damaged_files_are_errors_that_name_the_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let contigs = [Contig::new("c", "NNACGTacgtnnACGT"), Contig::new("d", "ACGTA")];
    let whole = twobit(&contigs, LAYOUTS[0]);
    // Header 16, entries of 6 bytes, so the first record begins at byte 28: length, two blocks of N, two of lower case.
    let with = |offset: usize, value: u32| {
        let mut bytes = whole.clone();
        bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let build = |bytes: &[u8], says: &[&str]| {
        std::fs::write(at.join("x.2bit"), bytes).expect("written");
        run(at, &["build-index", "x.2bit", "-k", "3", "-q"]).failed(3, &[&["x.2bit"], says].concat());
        assert_eq!(listing(at), ["x.2bit"]);
    };
    build(&whole[..whole.len() - 1], &["byte ", "ends past the file", "download it again"]);
    build(&whole[..20], &["byte 8", "as many sequences"]);
    build(&with(4, 2), &["version 2"]);
    build(&with(8, u32::MAX), &["byte 8", "as many sequences"]);
    build(&with(18, 10_000), &["byte 10000", "the file ends"]);
    build(&with(28, u32::MAX), &["byte 28", "ends past the file"]);
    build(&with(32, u32::MAX), &["byte ", "the file ends"]);
    build(&with(36, 12), &["byte 40", "a block of N or lower case"]);
    build(&with(44, 100), &["byte 36", "a block of N or lower case"]);
    let unnamed = twobit(&[Contig::new("", "ACGT")], LAYOUTS[0]);
    build(&unnamed, &["byte 16", "no name"]);
    build(&twobit(&[contigs[0].clone(), contigs[0].clone()], LAYOUTS[0]), &["contig name \"c\" was used before"]);
    build(&twobit(&[], LAYOUTS[0]), &["nothing to index"]);
    std::fs::write(at.join("x.2bit"), &whole).expect("written");
    run(at, &["build-index", "x.2bit", "-k", "3", "-q"]).fine();
}
