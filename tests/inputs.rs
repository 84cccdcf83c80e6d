//! Proves what is read and what is refused: every way in which the field writes sequence is read as what it means, and
//! an unreadable input is reported with the position and a remedy, in bounded memory.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use common::{Contig, PLAIN, Ran, Random, command, ended, fasta, gzip, listing, repetitive_genome, run, run_with};

const FIRST: &str = "ACGTTGCATGCCATGGATTTACACGGGCATCATTAGACCA";
const SECOND: &str = "GGGCATTACGATCGATTTAGGGACCAGATATATCCGCGCG";

/// A folder with an index of two contigs, `plain.fa` and `plain.reprise`.
struct Cases {
    folder: tempfile::TempDir,
    dump: String,
}

impl Cases {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("plain.fa"), format!(">s1\n{FIRST}\n>s2\n{SECOND}\n")).expect("written");
        let mut cases = Self { folder, dump: String::new() };
        cases.run(&["build-index", "-k", "5", "plain.fa"]).fine();
        cases.dump = cases.dump_of("plain.reprise");
        cases
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(self.at(), arguments)
    }

    fn dump_of(&self, index: &str) -> String {
        self.run(&["dump", "--sort", "--positions", index]).fine().out
    }

    /// Writes an input and builds an index of it, `x.reprise`.
    fn build(&self, name: &str, bytes: impl AsRef<[u8]>) -> Ran {
        fs::write(self.at().join(name), bytes).expect("written");
        let _ = fs::remove_dir_all(self.at().join("x.reprise"));
        self.run(&["build-index", "-k", "5", "-q", "-o", "x.reprise", name])
    }

    /// An input that is the genome of `plain.fa` and has its digests.
    #[track_caller]
    fn same(&self, name: &str, bytes: impl AsRef<[u8]>) -> Ran {
        let ran = self.build(name, bytes).fine();
        assert_eq!(self.dump_of("x.reprise"), self.dump, "{name}");
        self.run(&["info", "plain.reprise", "--check", name]).fine();
        self.run(&["info", "x.reprise", "--check", "plain.fa"]).fine();
        ran
    }

    #[track_caller]
    fn refused(&self, name: &str, bytes: impl AsRef<[u8]>, says: &[&str]) {
        self.build(name, bytes).failed(3, &[&[name], says].concat());
        assert!(!self.at().join("x.reprise").exists());
    }
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("into memory")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

#[test]
fn u_is_t_everywhere() {
    let cases = Cases::new();
    let rna = |text: &str| text.replace('T', "U").replace('A', "a").replace("CU", "Cu");
    let dna = |text: &str| text.replace('A', "a").replace("CT", "Ct");
    cases.same("rna.fa", format!(">s1\n{}\n>s2\n{}\n", rna(FIRST), rna(SECOND)));
    let contigs = |index: &str| cases.run(&["info", index, "--contigs"]).fine().out;
    assert_eq!(contigs("x.reprise"), contigs("plain.reprise"));
    // Soft masks are those of the letters.
    cases.run(&["build-index", "-k", "5", "-o", "rna.reprise", "rna.fa"]).fine();
    cases.build("dna.fa", format!(">s1\n{}\n>s2\n{}\n", dna(FIRST), dna(SECOND))).fine();
    let bytes = |index: &str| fs::read(cases.at().join(index).join("sequence.2bit")).expect("there");
    assert!(bytes("rna.reprise") == bytes("x.reprise"));

    let query = |arguments: &[&str]| cases.run(&[&["query", "plain.reprise"], arguments].concat()).fine().out;
    assert_eq!(query(&["rna.fa"]), query(&["plain.fa"]));
    let counts = |text: &str| text.split('\t').skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(counts(&query(&["--kmer", "AUUUA"])), counts(&query(&["--kmer", "ATTTA"])));
    fs::write(cases.at().join("kmers.txt"), "auuua\n").expect("written");
    assert_eq!(counts(&query(&["--kmers", "kmers.txt"])), counts(&query(&["--kmer", "ATTTA"])));

    // The lines of the original, spelled as they are.
    fs::write(cases.at().join("one.bed"), "s2\t4\t9\n").expect("written");
    let masked = cases.run(&["mask", "plain.reprise", "--annotation", "one.bed", "--genome", "rna.fa", "--replace"]);
    let expected = format!(">s1\n{}\n>s2\nGGGCauuacGAUCGAUUUAGGGACCAGAUAUAUCCGCGCG\n", FIRST.replace('T', "U"));
    assert_eq!(masked.fine().out, expected);
}

/// A genome with a copy of a consensus, and the consensus.
fn library_of(cases: &Cases, spelled: impl Fn(&str) -> String) -> Ran {
    let mut random = Random(5);
    let (left, element, right) = (random.bases(4000), common::text(&random.bases(300)), random.bases(4000));
    let genome = [&left, element.as_bytes(), &right].concat();
    fs::write(cases.at().join("big.fa"), fasta(&[Contig::new("c", genome)], &PLAIN)).expect("written");
    cases.run(&["build-index", "-q", "--force", "big.fa"]).fine();
    fs::write(cases.at().join("lib.fa"), format!(">X#LTR\n{}\n", spelled(&element))).expect("written");
    let hits = cases.run(&["query", "big.reprise", "--hits", "lib.fa"]).fine().out;
    let columns: Vec<&str> = hits.split('\t').collect();
    assert_eq!(columns[1..4], ["300", "0", "300"], "{hits}");
    cases.run(&["annotate", "big.reprise", "--library", "lib.fa", "--no-tandem", "--formats", "bed"]).fine()
}

#[test]
fn a_consensus_may_be_rna_and_have_stops_and_gaps() {
    let cases = Cases::new();
    let plain = library_of(&cases, str::to_owned).out;
    assert!(plain.starts_with("c\t4000\t4300\t"), "{plain}");
    assert_eq!(library_of(&cases, |element| element.replace('T', "u")).out, plain);
    let gapped = |element: &str| format!("{}--..\n*{}*", &element[..70], &element[70..]);
    assert_eq!(library_of(&cases, gapped).out, plain);
}

#[test]
fn line_ends() {
    let cases = Cases::new();
    let unix = format!(">s1\n{FIRST}\n>s2\n{SECOND}\n");
    cases.same("windows.fa", unix.replace('\n', "\r\n"));
    cases.same("twice.fa", unix.replace('\n', "\r\r\n"));
    cases.same("blank.fa", format!("\n\r\n>s1\n\n{} \n\t{}\n\n>s2  \n{SECOND}\r", &FIRST[..7], &FIRST[7..]));
    let classic = "classic Mac OS";
    let remedy = "tr '\\r' '\\n'";
    cases.refused("mac.fa", unix.replace('\n', "\r"), &["line 1", classic, remedy]);
    cases.refused("mixed.fa", format!(">s1\r{FIRST}\r>s2\n{SECOND}\n"), &["line 1", classic]);
    cases.refused("within.fa", format!(">s1\n{FIRST}\n>s2\n{FIRST}\r{SECOND}\n"), &["line 4", classic]);
    // Where a buffer ends between the two.
    for length in (1 << 17) - 6..(1 << 17) + 2 {
        let long = "A".repeat(length);
        cases.build("long.fa", format!(">s\n{long}\r\nC\r\n")).fine();
        cases.refused("long.fa", format!(">s\n{long}\rC\n"), &["line 2", classic]);
    }
}

#[test]
fn headers() {
    let cases = Cases::new();
    cases.same("blank.fa", format!("> s1 a description\n{FIRST}\n>\ts2\n{SECOND}\n"));
    let ran = cases.same("empty.fa", format!(">s1\n{FIRST}\n>\n\n> \r\n>s2\n{SECOND}\n>"));
    assert!(
        ran.err.contains("warning: empty.fa, line 3: a record without name and sequence is skipped, 3 in total"),
        "{}",
        ran.err
    );
    cases.run(&["query", "plain.reprise", "empty.fa"]).fine();
    fs::write(cases.at().join("one.bed"), "s2\t4\t9\n").expect("written");
    cases.run(&["mask", "plain.reprise", "--annotation", "one.bed", "--genome", "empty.fa"]).fine();
    cases.refused("nameless.fa", format!(">s1\n{FIRST}\n>\n{SECOND}\n"), &["line 3", "no name"]);
    cases.refused("nameless.fq", "@s1\nACGTA\n+\nIIIII\n@\nACGTA\n+\nIIIII\n", &["line 5", "no name"]);
    cases.refused("nul.fa", format!(">s1\n{FIRST}\n>s2\0\n{SECOND}\n"), &["line 3", "NUL"]);
    cases.refused("zeros.fa", format!(">s1 a\0\0\n{FIRST}\n"), &["line 1", "NUL"]);
    // Other control characters are part of a name; what is printed of it escapes them where it must.
    cases.build("control.fa", format!(">s\x1b[2J\x01\n{FIRST}\n")).fine();
    assert_eq!(cases.run(&["info", "x.reprise", "--check", "control.fa"]).fine().code, 0);
    let longest = "x".repeat((1 << 16) - 4);
    cases.same("long.fa", format!(">s1 {longest}\n{FIRST}\n>s2\n{SECOND}\n"));
    cases.refused("longer.fa", format!(">s1\n{FIRST}\n>s2 {longest}x\n{SECOND}\n"), &["line 3", "64 KiB"]);
}

#[test]
fn byte_order_marks() {
    let cases = Cases::new();
    let marked = format!("\u{feff}>s1\n{FIRST}\n\u{feff}>s2\n{SECOND}\n");
    cases.same("marked.fa", &marked);
    cases.same("marked.fa.gz", gzip(marked.as_bytes(), 1));
    fs::write(cases.at().join("one.bed"), "s2\t4\t9\n").expect("written");
    let masked = cases.run(&["mask", "plain.reprise", "--annotation", "one.bed", "--genome", "marked.fa"]).fine();
    assert_eq!(masked.out, marked.replace("GGGCATTACG", "GGGCattacG"));
    for (name, bytes) in [
        ("le.fa", [b"\xff\xfe".to_vec(), marked[3..].encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()),
        ("be.fa", [b"\xfe\xff".to_vec(), marked[3..].encode_utf16().flat_map(u16::to_be_bytes).collect()].concat()),
        ("le2.fa", marked[3..].encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("be2.fa", marked[3..].encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ] {
        cases.refused(name, bytes, &["line 1", "UTF-16", "iconv"]);
    }
}

#[test]
fn protein_is_refused_and_ambiguous_nucleotides_are_not() {
    let cases = Cases::new();
    let protein = "MKVLAAGIVTGKLLSTDEFGHHWRQPNMYIACTG";
    cases.refused("protein.fa", format!(">s1\n{FIRST}\n>p\n{protein}\n"), &["line 3", "protein"]);
    cases.refused(
        "lower.fa.gz",
        gzip(format!(">p\n{}\n", protein.to_lowercase()).as_bytes(), 1),
        &["line 1", "protein"],
    );
    cases.refused("long.fa", format!(">p\n{}\n", protein.repeat(1000)), &["line 1", "protein"]);
    cases.run(&["query", "plain.reprise", "protein.fa"]).failed(3, &["protein.fa, line 3", "protein"]);
    for arguments in [
        &["query", "plain.reprise", "--hits", "protein.fa"][..],
        &["annotate", "plain.reprise", "--library", "protein.fa"],
        &["detect", "plain.fa", "--library", "protein.fa", "-o", "out"],
        &["info", "plain.reprise", "--check", "protein.fa"],
    ] {
        cases.run(arguments).failed(3, &["protein.fa, line 3", "protein"]);
    }
    // Every code of IUPAC, X for what was masked, and inosine.
    let codes = "RYSWKMBDHVNryswkmbdhvnX".repeat(40);
    cases.build("codes.fa", format!(">s1\n{FIRST}{codes}\n>oligo\nACGIIGTACITTAC\n>bare\n{codes}\n")).fine();
}

#[test]
fn every_compression_is_read() {
    let cases = Cases::new();
    let text = format!(">s1\n{FIRST}\n>s2\n{SECOND}\n");
    let skippable = [&b"\x5a\x2a\x4d\x18\x03\0\0\0abc"[..]].concat();
    type Compress = fn(&[u8]) -> Vec<u8>;
    let codecs: [(&str, Compress); 4] = [("gz", |bytes| gzip(bytes, 1)), ("zst", zstd), ("bz2", bzip2), ("xz", xz)];
    for (end, compress) in codecs {
        let name = format!("x.fa.{end}");
        let (head, tail) = text.as_bytes().split_at(50);
        let streams = [compress(head), compress(b""), compress(tail)].concat();
        cases.same(&name, compress(text.as_bytes()));
        cases.same(&name, &streams);
        cases.same(&name, [&streams[..], &[0; 700]].concat());
        let from_pipe = |command: &[&str]| run_with(cases.at(), command, &streams).fine().out;
        assert_eq!(from_pipe(&["query", "plain.reprise", "-"]), cases.run(&["query", "plain.reprise", "plain.fa"]).out);
        let end_of_last = streams.len().to_string();
        for junk in [&b"\0\0\0junk"[..], b"junk", b"\n", b">s3\nACGT\n", b"\x1f", b"B"] {
            let zeros = junk.iter().take_while(|&&byte| byte == 0).count();
            let at = if zeros > 0 { (streams.len() + zeros).to_string() } else { end_of_last.clone() };
            let says = "trailing bytes follow the last";
            cases.refused(
                &name,
                [&streams, junk].concat(),
                &[says, &format!("from byte {at} on"), &format!("head -c {at}")],
            );
        }
        for cut in [1, 5, compress(tail).len() - 9] {
            cases.refused(&name, &streams[..streams.len() - cut], &["truncated"]);
        }
        let mut flipped = compress(text.repeat(50).as_bytes());
        let middle = flipped.len() / 2;
        flipped[middle..middle + 4].iter_mut().for_each(|byte| *byte ^= 0x55);
        // A block of bzip2 is checked when it has been read.
        cases.refused(&name, &flipped, if end == "bz2" { &[] } else { &["damaged"] });
        cases.refused(&name, compress(&compress(text.as_bytes())), &["compressed twice"]);
    }
    let (head, tail) = text.as_bytes().split_at(50);
    cases.same("p.fa.zst", [&skippable[..], &zstd(head), &skippable, &skippable, &zstd(tail), &skippable].concat());
    // What a decoder takes is part of the budget: a window of 128 MiB.
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("into memory");
    encoder.window_log(27).expect("allowed");
    encoder.write_all(text.repeat(10_000).as_bytes()).expect("into memory");
    fs::write(cases.at().join("wide.fa.zst"), encoder.finish().expect("into memory")).expect("written");
    let wide =
        |memory: &str| cases.run(&["query", "plain.reprise", "wide.fa.zst", "--max-memory", memory, "-q", "-o", "w"]);
    wide("64M").failed(5, &["decompressing the input", "needs at least"]);
    wide("300M").fine();
}

#[test]
fn other_formats_are_named() {
    let cases = Cases::new();
    let mut tar = vec![0; 1024];
    tar[..8].copy_from_slice(b"plain.fa");
    tar[257..263].copy_from_slice(b"ustar\0");
    for (name, bytes, says) in [
        ("x.zip", &b"PK\x03\x04\x14\0\0\0"[..], &["a zip archive", "unzip"][..]),
        ("x.7z", b"7z\xbc\xaf\x27\x1c\0\x04", &["7z"]),
        ("x.tar", &tar, &["a tar archive", "tar -xf"]),
        ("x.tar.gz", &gzip(&tar, 1), &["a tar archive", "tar -xf"]),
        ("x.bam", &gzip(b"BAM\x01\0\0\0\0", 1), &["BAM", "samtools fasta"]),
        ("x.cram", b"CRAM\x03\0", &["CRAM", "samtools fasta"]),
        ("x.sam", b"@HD\tVN:1.6\n@SQ\tSN:s1\tLN:9\n", &["SAM", "samtools fasta"]),
        ("x.2bit.gz", &gzip(b"\x43\x27\x41\x1a\0\0\0\0", 1), &["2bit", "twoBitToFa"]),
        ("x.gb", b"LOCUS       SCU49845     5028 bp    DNA\n", &["GenBank", "seqret"]),
        ("x.embl", b"ID   X56734; SV 1; linear; mRNA; STD; PLN; 1859 BP.\n", &["EMBL", "seqret"]),
        ("x.html", b"\n<!DOCTYPE html>\n<html>", &["line 2", "HTML", "download"]),
        ("x.pdf", b"%PDF-1.7\n", &["PDF"]),
        ("x.h5", b"\x89HDF\r\n\x1a\n", &["HDF5", "famdb.py"]),
        ("x.lz4", b"\x04\x22\x4d\x18d@", &["lz4"]),
        ("x.gfa", b"H\tVN:Z:1.0\nS\t1\tACGT\n", &["GFA", "gfa2fa"]),
    ] {
        cases.refused(name, bytes, says);
        cases.run(&["query", "plain.reprise", name]).failed(3, &[&[name], says].concat());
        cases.run(&["annotate", "plain.reprise", "--library", name]).failed(3, &[&[name], says].concat());
    }
    cases.run(&["build-index", "plain.reprise", "-o", "y"]).failed(3, &["folder of a reprise index"]);
}

#[test]
fn fastq() {
    let cases = Cases::new();
    let two = |first: &str, second: &str| format!("@s1\n{first}\n@s2\n{second}\n");
    let record = |bases: &str| format!("{bases}\n+\n{}", "@".repeat(bases.len()));
    let several = |bases: &str, lines: usize| {
        let qualities = "@+>I".repeat(bases.len())[..bases.len()].to_owned();
        let cut = |text: &str| text.as_bytes().chunks(lines).map(common::text).collect::<Vec<_>>().join("\n");
        format!("{}\n+again\n{}", cut(bases), cut(&qualities))
    };
    cases.same("plain.fq", two(&record(FIRST), &record(SECOND)));
    cases.same("windows.fq", two(&record(FIRST), &record(SECOND)).replace('\n', "\r\n"));
    for lines in [1, 7, 10, 39] {
        cases.same("lines.fq", two(&several(FIRST, lines), &several(SECOND, lines)));
        cases.same("lines.fq", two(&several(FIRST, lines), &several(SECOND, lines)).replace('\n', "\r\n") + "\n\n");
    }
    let one = format!("@s1\n{}\n", record(FIRST));
    let wrong = |bases: &str, qualities: &str| format!("{one}@s2\n{bases}\n+\n{qualities}\n@s3\n{}\n", record(FIRST));
    cases.refused("short.fq", wrong("ACGTA", "IIII"), &["line 8", "begins at line 5", "5 bases and 4 qualities"]);
    cases.refused("long.fq", wrong("ACGTA", "IIIIII"), &["line 8", "begins at line 5", "5 bases and 6 qualities"]);
    cases.refused("more.fq", wrong("ACG\nTA", "III\nIII"), &["line 10", "begins at line 5", "5 bases and 6 qualities"]);
    cases.refused("none.fq", format!("{one}@s2\nACGTA\n@s3\nACGTA\n"), &["line 5", "no qualities"]);
    cases.refused("fasta.fq", format!("{one}>s2\nACGTA\n"), &["line 5", "begins with '@'"]);
    cases.refused("letter.fq", wrong("AC9TA", "IIIII"), &["line 6", "'9'"]);
    cases.refused("blank.fq", wrong("ACGTA", "II II"), &["line 8", "' '"]);
    cases.refused("mac.fq", one.replace('\n', "\r"), &["line 1", "classic Mac OS"]);
    for length in 0..one.len() - 2 {
        let cut = format!("{one}{}", &one.replace("@s1", "@s2")[..length]);
        match length {
            0 => cases.build("cut.fq", cut).fine(),
            1 => cases.build("cut.fq", cut).failed(3, &["cut.fq, line 5", "no name"]),
            _ => cases.build("cut.fq", cut).failed(3, &["cut.fq, line 5", "not whole"]),
        };
    }
    cases.build("gz.fq.gz", gzip(format!("{one}@s2\n\n+\n\n@s3\nacgun\n+\nIIIII").as_bytes(), 2)).fine();
    let rows = cases.run(&["query", "plain.reprise", "gz.fq.gz"]).fine().out;
    let lengths: Vec<&str> = rows.lines().skip(1).filter_map(|row| row.split('\t').nth(1)).collect();
    assert_eq!(lengths, ["40", "0", "5"]);
}

#[test]
fn contigs_of_haplotypes() {
    let cases = Cases::new();
    let at = cases.at();
    for (name, bases) in [("hap 1.fa", FIRST), ("hap2.fa.gz", SECOND)] {
        let text = format!(">chr1 x\n{bases}\n>chr2\n{SECOND}{bases}\n");
        let bytes = if name.ends_with("gz") { gzip(text.as_bytes(), 1) } else { text.into_bytes() };
        fs::write(at.join(name), bytes).expect("written");
    }
    let files = ["hap 1.fa", "hap2.fa.gz"];
    cases.run(&["build-index", "-k", "5", "-o", "h", files[0], files[1]]).failed(3, &["\"chr1\"", "--prefix-names"]);
    cases.run(&["build-index", "-k", "5", "-o", "h", "--prefix-names", files[0], files[1]]).fine();
    let contigs = |ran: Ran| {
        ran.out.lines().skip(1).map(|row| row.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let names = ["hap_1_chr1", "hap_1_chr2", "hap2_chr1", "hap2_chr2"];
    assert_eq!(contigs(cases.run(&["info", "h", "--contigs"]).fine()), names);
    cases.run(&["info", "h", "--check", files[0], "--check", files[1]]).fine();
    cases.run(&["info", "h", "--check", files[1], "--check", files[0]]).failed(3, &["order"]);
    let region = cases.run(&["query", "h", "--region", "hap2_chr1:1-10", "--format", "bedgraph"]).fine();
    assert!(region.out.starts_with("hap2_chr1\t0\t"), "{}", region.out);
    let one = ["--genome", "hap2.fa.gz"];
    fs::write(at.join("one.bed"), "hap2_chr1\t0\t4\n").expect("written");
    let masked = cases.run(&[&["mask", "h", "--annotation", "one.bed"], &one[..]].concat()).fine().out;
    assert!(masked.starts_with(">chr1 x\ngggcATTACG"), "{masked}");
    // A prefix does not distinguish equal names in one file, and a pipe has no name.
    cases.run(&["build-index", "-k", "5", "-o", "y", "--prefix-names", files[1], files[1]]).failed(3, &["used before"]);
    run_with(at, &["build-index", "-k", "5", "-o", "y", "--prefix-names", "-"], b">a\nACGTACGT\n")
        .failed(2, &["no file name"]);
    // An index without prefixes does not match the options of detect.
    cases
        .run(&["detect", "plain.fa", "--library", "plain.fa", "--library-only", "--prefix-names", "-o", "d", "-q"])
        .fine();
    let gff = fs::read_to_string(at.join("d/repeats.gff3")).expect("written");
    assert!(gff.contains("plain_s1") && at.join("d/genome.reprise").exists(), "{gff}");
    cases.run(&["detect", "plain.reprise", "--prefix-names", "-o", "e", "-q"]).failed(2, &["--prefix-names"]);
}

#[test]
fn inputs_without_a_name_ask_for_one() {
    let cases = Cases::new();
    let at = cases.at();
    let before = listing(at);
    for path in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "-"] {
        let text = format!(">s1\n{FIRST}\n");
        run_with(at, &["build-index", "-k", "5", path], text.as_bytes()).failed(2, &["-o"]);
        assert_eq!(listing(at), before);
        let mut named = command(at, &["build-index", "-k", "5", path]);
        named.stdin(Stdio::from(fs::File::open(at.join("plain.fa")).expect("there")));
        ended(named.spawn().expect("it starts")).failed(2, &["-o"]);
        run_with(at, &["detect", path], text.as_bytes()).failed(2, &["use a file"]);
        assert_eq!(listing(at), before);
    }
    run_with(at, &["build-index", "-k", "5", "-q", "/dev/stdin", "-o", "p"], b">s1\nACGTACGTA\n").fine();
}

#[test]
fn paths_that_are_not_utf_8() {
    let cases = Cases::new();
    let at = cases.at();
    let name = |end: &str| [b"caf\xe9".as_slice(), end.as_bytes()].concat();
    let path = |end: &str| at.join(OsStr::from_bytes(&name(end)));
    fs::copy(at.join("plain.fa"), path(".fa.gz")).expect("copied");
    fs::copy(at.join("plain.fa"), path("lib.fa")).expect("copied");
    let run = |arguments: &[&OsStr]| run(at, arguments);
    let (genome, library, index) = (path(".fa.gz"), path("lib.fa"), path(".reprise"));
    let built = run(&["build-index".as_ref(), "-k".as_ref(), "5".as_ref(), "--json".as_ref(), genome.as_ref()]).fine();
    assert_eq!(built.json()["index"], "caf\u{fffd}.reprise");
    run(&["verify".as_ref(), index.as_ref()]).fine();
    let info = run(&["info".as_ref(), index.as_ref(), "--json".as_ref(), "--check".as_ref(), genome.as_ref()]).fine();
    assert_eq!(info.json()["same"], true);
    run(&["info".as_ref(), index.as_ref(), "--json".as_ref(), "--memory".as_ref()]).fine();
    run(&["list".as_ref(), ".".as_ref(), "--json".as_ref()]).fine();
    let mut detect: Vec<&OsStr> = ["detect", "--library-only", "-q", "--library"].map(OsStr::new).to_vec();
    detect.extend([library.as_os_str(), genome.as_os_str()]);
    run(&detect).fine();
    assert!(path(".repeats").join("summary.json").exists());
    let mut plots = detect.clone();
    plots.extend([OsStr::new("--plots"), OsStr::from_bytes(b"caf\xe9")]);
    run(&plots).failed(2, &["--plots"]);
    // One without an index next to it.
    fs::remove_dir_all(&index).expect("there");
    detect.extend(["-o", "d"].map(OsStr::new));
    run(&detect).fine();
    assert!(at.join("d/genome.reprise").exists());
}

/// What a sequence must have to be found is known before the search, and what has it not is named.
#[test]
fn sequences_that_cannot_be_found_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let genome = repetitive_genome(9, 300_000);
    fs::write(at.join("g.fa"), fasta(&genome, &PLAIN)).expect("written");
    run(at, &["build-index", "-q", "g.fa"]).fine();
    let place = |start: usize, length: usize| common::text(&genome[0].letters[start..start + length]).to_uppercase();
    let every = |gap: usize| {
        let mut text = place(9_000, 400).into_bytes();
        text.iter_mut().step_by(gap).for_each(|letter| *letter = b'N');
        common::text(&text)
    };
    let says = |ran: &Ran| ran.err.lines().filter(|line| line.contains("cannot be found")).count();
    for (name, text, hidden) in [
        ("short15", place(4_000, 15), true),
        ("short20", place(4_000, 20), true),
        ("long60", place(4_000, 60), false),
        ("every5", every(5), true),
        ("every30", every(30), false),
        ("none", String::new(), true),
        ("simple", "CA".repeat(100), true),
    ] {
        let whole = place(20_000, 500);
        fs::write(at.join("lib.fa"), format!(">{name}\n{text}\n>whole\n{whole}\n")).expect("written");
        let hits = run(at, &["query", "g.reprise", "--hits", "lib.fa"]).fine();
        let annotated = run(at, &["annotate", "g.reprise", "--library", "lib.fa", "--no-tandem", "-q"]).fine();
        for ran in [&hits, &annotated] {
            assert_eq!(says(ran), usize::from(hidden), "{name}: {}", ran.err);
            assert!(
                !hidden || ran.err.contains("1 of 2 sequences") && ran.err.contains(&format!("({name})")),
                "{}",
                ran.err
            );
            let found = ran.out.contains(&format!("{name}\t"));
            assert!(if hidden { !found } else { found }, "{name}: {}", ran.out);
        }
    }
    let lib: String = (0..5).map(|i| format!(">s{i}\nACGTTGCATG\n")).collect();
    fs::write(at.join("lib.fa"), lib).expect("written");
    let detect = ["detect", "g.fa", "--library", "lib.fa", "--library-only", "-o", "out", "-q"];
    let ran = run(at, &detect).fine();
    assert!(ran.err.contains("5 of 5 sequences") && ran.err.contains("(s0, s1, s2, ...)"), "{}", ran.err);
}

/// One header, record or library of any length: memory stays within its limit, and an input that does not fit is
/// refused soon.
#[test]
#[cfg(target_os = "linux")]
fn long_lines_are_read_in_bounded_memory() {
    const MIB: u64 = 1 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let genome = fasta(&repetitive_genome(3, 100_000), &PLAIN);
    fs::write(at.join("g.fa"), &genome).expect("written");
    run(at, &["build-index", "-q", "g.fa"]).fine();
    fs::write(at.join("one.bed"), "chr1\t0\t4\n").expect("written");
    // More than the limit several times over, as long as the program reads.
    let bounded = |arguments: &[&str], start: &[u8], end: &[u8]| {
        let all = [arguments, &["--max-memory", "64M", "-t", "2", "-q"]].concat();
        let mut child = command(at, &all).stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let status = format!("/proc/{}/status", child.id());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let block = [b'A'; 1 << 16];
                let blocks = 200 * MIB / block.len() as u64;
                // A program that stops reading has closed its end.
                let _ = stdin
                    .write_all(start)
                    .and_then(|()| (0..blocks).try_for_each(|_| stdin.write_all(&block)))
                    .and_then(|()| stdin.write_all(end));
            });
            let mut peak = 0;
            while let Some(kilobytes) = fs::read_to_string(&status).ok().and_then(|text| {
                let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
                line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
            }) {
                peak = peak.max(kilobytes * 1024);
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            assert!(peak <= 64 * MIB, "{arguments:?} had {peak} bytes");
        });
        ended(child)
    };
    let qualities = [b"\n+\n".as_slice(), b"IIII"].concat();
    for (arguments, library) in [
        (&["build-index", "-", "-o", "x"][..], false),
        (&["query", "g.reprise", "-"], false),
        (&["info", "g.reprise", "--check", "-"], false),
        (&["query", "g.reprise", "--hits", "-"], true),
        (&["annotate", "g.reprise", "--library", "-"], true),
    ] {
        bounded(arguments, b">", b"").failed(3, &["line 1", "64 KiB"]);
        bounded(arguments, b">x\nACGT\n@", b"").failed(3, &["line 3"]);
        bounded(arguments, b"@", b"").failed(3, &["line 1", "64 KiB"]);
        let long = bounded(arguments, b"@x\n", &qualities);
        if library {
            long.failed(5, &["a library needs at least"]);
            bounded(arguments, b">x\n", b"\n").failed(5, &["a library needs at least"]);
        } else {
            long.failed(3, &["line 1", "not whole"]);
        }
        assert!(!at.join("x").exists());
    }
    bounded(&["query", "g.reprise", "-"], b"@x\nACGT\n+", b"\nIIII\n").fine();
    let masked = ["mask", "g.reprise", "--annotation", "one.bed", "--genome", "-"];
    bounded(&masked, b">", b"").failed(3, &["line 1", "header is too long"]);
    // Names of many records; a build and a query store some at a time.
    let name = "n".repeat(60_000);
    let many: String = (0..2_000).map(|i| format!(">{i}{name}\nA\n")).collect();
    let ran = run_with(at, &["query", "g.reprise", "-", "--max-memory", "64M", "-o", "rows.tsv"], many.as_bytes());
    ran.fine();
    run_with(at, &["build-index", "-k", "1", "-", "-o", "y", "--max-memory", "64M"], many.as_bytes())
        .failed(5, &["the table of contigs"]);
    // Runs of one base each; all of a contig are in memory.
    let runs = format!(">x\n{}\n", "Aa".repeat(8 << 20));
    run_with(at, &["build-index", "-", "-o", "y", "--max-memory", "64M"], runs.as_bytes())
        .failed(5, &["needs at least"]);
}
