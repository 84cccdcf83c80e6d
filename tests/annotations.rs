//! Reads annotations, lists and tables that other programs write, and prints names that break careless readers.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Contig, PLAIN, Ran, Random, command, ended, fasta, gzip, lines_of, run, text};
use tempfile::TempDir;

/// Names that readers of annotations mistake for headers or comments.
const NAMES: [&str; 9] = ["track", "browser", "track1", "#x", "##FASTA", "a;b", "a%3Bb", "x:1-5", "chr1"];

/// A genome of these contigs, 3,000 random bases each, and its index.
fn genome(names: &[&str]) -> (TempDir, Vec<Contig>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random(91);
    let contigs: Vec<Contig> = names.iter().map(|name| Contig::new(name, random.bases(3000))).collect();
    std::fs::write(folder.path().join("g.fa"), fasta(&contigs, &PLAIN)).expect("written");
    run(folder.path(), &["build-index", "g.fa", "-q"]).fine();
    (folder, contigs)
}

fn mask(at: &Path, name: &str, annotation: impl AsRef<[u8]>) -> Ran {
    std::fs::write(at.join(name), annotation).expect("written");
    run(at, &["mask", "g.reprise", "--annotation", name])
}

/// Runs of lower case in a FASTA: contig, start and end of each.
fn lower_case(fasta: &str) -> Vec<(String, usize, usize)> {
    let mut runs: Vec<(String, usize, usize)> = Vec::new();
    for record in fasta.split('>').skip(1) {
        let (name, letters) = record.split_once('\n').expect("a header");
        for (at, _) in letters.replace('\n', "").bytes().enumerate().filter(|(_, b)| b.is_ascii_lowercase()) {
            match runs.last_mut() {
                Some((contig, _, end)) if contig == name && *end == at => *end += 1,
                _ => runs.push((name.to_owned(), at, at + 1)),
            }
        }
    }
    runs
}

fn run_of(name: &str, start: usize, end: usize) -> (String, usize, usize) {
    (name.to_owned(), start, end)
}

#[test]
fn the_union_of_all_features_is_masked() {
    let (folder, _) = genome(&["chr1"]);
    let at = folder.path();
    let row = |kind: &str, start: usize, end: usize, attributes: &str| {
        format!("chr1\tsome\t{kind}\t{start}\t{end}\t.\t+\t.\t{attributes}\n")
    };
    // LTRharvest and LTR_FINDER write elements with parts: the whole element is masked.
    let element = [
        row("repeat_region", 201, 1210, "ID=r1"),
        row("target_site_duplication", 201, 205, "Parent=r1"),
        row("LTR_retrotransposon", 206, 1205, "ID=e1;Parent=r1"),
        row("long_terminal_repeat", 206, 305, "Parent=e1"),
        row("target_site_duplication", 1206, 1210, "Parent=r1"),
    ]
    .concat();
    assert_eq!(lower_case(&mask(at, "a.gff3", &element).fine().out), [run_of("chr1", 200, 1210)]);
    // A match is masked at its parts, in any order; a match with another kind of part is masked whole.
    let parts = [
        row("match_part", 11, 20, "ID=p1;Parent=m1"),
        row("repeat", 11, 40, "ID=m1"),
        row("match_part", 31, 40, "Parent=m1,m2"),
        row("repeat", 101, 140, "ID=m2"),
        row("exon", 101, 102, "Parent=m2"),
        row("repeat", 201, 210, "ID=a%2Cb"),
        row("match_part", 203, 204, " Parent=a%2cb"),
    ]
    .concat();
    let wanted = [(10, 20), (30, 40), (100, 140), (202, 204)].map(|(start, end)| run_of("chr1", start, end));
    assert_eq!(lower_case(&mask(at, "b.gff3", &parts).fine().out), wanted);
    if let Some(merged) = lines_of(at, "bedtools", &["merge", "-i", "a.gff3"]) {
        assert_eq!(merged, ["chr1\t200\t1210"]);
    }
}

#[test]
fn formats_are_recognized_by_content() {
    let (folder, _) = genome(&["chr1"]);
    let at = folder.path();
    let out = "   SW   perc perc perc  query      position in query\nscore   div. del. ins.  sequence\n\n\
        \x20 463   1.3  0.6  1.7  chr1  11  20 (2980) C fam LTR/Gypsy (0) 10 1 * *\n";
    for annotation in [
        "chr1\t10\t20\n",
        "chr1 10 20\n",
        "track type=bedGraph name=x\nchr1\t10\t20\t7.5\n",
        "chr1\t10\t20\tx\t0\t-\t10\t20\t0,0,0\t1\t10\t0\n",
        "#contig\tstart\tend\tstrand\nchr1\t10\t20\t-\tfam\tLTR\n",
        "##gff-version 3\nchr1\tLTR\trepeat\t11\t20\t.\t+\t.\tID=a\n##FASTA\n>chr1\nACGT\n",
        "chr1\tx\texon\t11\t20\t.\t-\t.\tgene_id \"a\"; transcript_id \"b\";\n",
        "chr1\tRepeatMasker\tsimilarity\t11\t20\t10.5\t+\t.\tTarget \"Motif:x\" 1 10\r\n",
        out,
    ] {
        for name in ["a.out", "a.bed", "a.gff3", "a.gtf", "a", "a.gff.gz"] {
            let bytes = if name.ends_with(".gz") { gzip(annotation.as_bytes(), 2) } else { annotation.into() };
            let ran = mask(at, name, bytes).fine();
            assert_eq!(lower_case(&ran.out), [run_of("chr1", 10, 20)], "{name}: {annotation}");
            assert_eq!(ran.err, "");
        }
    }
    let mut child = command(at, &["mask", "g.reprise", "--annotation", "-"]);
    let mut child = child.stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(b"chr1\t10\t20\n").expect("written");
    assert_eq!(lower_case(&ended(child).fine().out), [run_of("chr1", 10, 20)]);
    run(at, &["mask", "g.reprise", "--annotation", "-", "--genome", "-"]).failed(2, &["standard input"]);
}

#[test]
fn rows_that_cannot_be_read_are_errors_of_their_line() {
    let (folder, _) = genome(&["chr1"]);
    let at = folder.path();
    for (name, annotation, says) in [
        ("a.out", "chr1 ten twenty\n", "line 1"),
        ("a.out", "  463 1.3 0.6 1.7 chr1 1 2 (5) + a b\nSW is the score\n", "line 2"),
        ("a.bed", "# mine\nchr1\t5\n", "line 2"),
        ("a.gff3", "##gff-version 3\nchr1 x y 1 2 . + . ID=a\n", "line 2"),
        ("a.gff3", "chr1\tx\ty\t1\t2\t.\t+\t.\tID=a\nchr1\t1\t2\n", "line 2: a line of GFF3 or GTF has nine columns"),
        ("a.bed", "chr1\t2990\t3001\n", "line 1: chr1:2990-3001 ends past chr1, which has 3000 bases"),
        ("a.bed", "chr2\t0\t1\n", "line 1: there is no contig \"chr2\"; its 1 contigs begin with"),
        (
            "a.paf",
            "chr1\t3000\t0\t9\t+\tchr1\t3000\t0\t9\t9\t9\t255\n",
            "line 1: the file looks like PAF; the formats are BED",
        ),
        ("a.fa", ">chr1\nACGT\n", "line 1: the file looks like FASTA"),
        ("a.bed", "chr1\t1\t2\rchr1\t3\t4\r", "line 1: there is a carriage return within the line"),
    ] {
        mask(at, name, annotation).failed(3, &[name, says]);
    }
    // Rows that mask nothing are a warning; a file without rows is not.
    let empty = mask(at, "a.bed", "chr1\t5\t5\n").fine();
    assert_eq!(empty.err, "warning: a.bed has 1 row and masks nothing\n");
    for nothing in ["", "# nothing\n\n", "There were no repetitive sequences detected in g.fa\n", "##gff-version 3\n"] {
        assert_eq!(mask(at, "a.out", nothing).fine().err, "");
    }
}

#[test]
fn names_that_look_like_headers_survive_every_format() {
    let (folder, contigs) = genome(&NAMES);
    let at = folder.path();
    // A copy in each contig.
    let library: Vec<Contig> =
        contigs.iter().zip(0..).map(|(c, i)| Contig::new(&format!("f{i}"), &c.letters[500..900])).collect();
    std::fs::write(at.join("lib.fa"), fasta(&library, &PLAIN)).expect("written");
    let annotate = ["annotate", "g.reprise", "--library", "lib.fa", "--no-tandem", "-q", "-o", "a"];
    run(at, &[&annotate[..], &["--formats", "tsv,bed,gff3,out"]].concat()).fine();
    run(at, &[&annotate[..], &["--formats", "bed,gff3", "--bgzip"]].concat()).fine();
    let bed = std::fs::read_to_string(at.join("a.bed")).expect("written");
    let wanted: Vec<_> = bed
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|fields| run_of(fields[0], fields[1].parse().expect("a start"), fields[2].parse().expect("an end")))
        .collect();
    assert_eq!(wanted.iter().map(|run| &run.0[..]).collect::<Vec<_>>(), NAMES);
    for name in ["a.bed", "a.tsv", "a.gff3", "a.out", "a.bed.gz", "a.gff3.gz"] {
        let ran = run(at, &["mask", "g.reprise", "--annotation", name]).fine();
        assert_eq!(lower_case(&ran.out), wanted, "{name}");
    }
    let regions = run(at, &["query", "g.reprise", "--regions", "a.bed"]).fine().out;
    let label = |(name, start, end): &(String, usize, usize)| format!("{name}:{}-{end}", start + 1);
    let labels: Vec<&str> = regions.lines().skip(1).map(|row| row.split('\t').next().expect("a name")).collect();
    assert_eq!(labels, wanted.iter().map(label).collect::<Vec<_>>());
    // bedGraph of whole contigs: every k-mer of them.
    run(at, &["query", "g.reprise", "g.fa", "--format", "bedgraph", "-o", "all.bedgraph"]).fine();
    let all = run(at, &["mask", "g.reprise", "--annotation", "all.bedgraph"]).fine().out;
    assert_eq!(lower_case(&all).iter().map(|run| &run.0[..]).collect::<Vec<_>>(), NAMES);
    // Rows of contigs that are not in the index are comments if they begin with #.
    let comments = mask(at, "c.bed", "#y\t1\t2\n#track\t1\t2\ntrack name=x\nbrowser position chr1:1-2\nchr1\t0\t1\n");
    assert_eq!(lower_case(&comments.fine().out), [run_of("chr1", 0, 1)]);
    for name in ["track", "#x"] {
        if let Some(rows) = lines_of(at, "tabix", &["a.bed.gz", name]) {
            assert!(rows[0].starts_with(&format!("{name}\t")), "{name}: {rows:?}");
        }
    }
}

#[test]
fn lists_may_be_compressed() {
    let (folder, contigs) = genome(&["chr1", "chr2"]);
    let at = folder.path();
    let k =
        run(at, &["info", "g.reprise", "--json"]).fine().json()["parameters"]["k"].as_u64().expect("a number") as usize;
    let kmers: String = contigs[0].letters.chunks_exact(k).map(|kmer| text(kmer) + " x\n").collect();
    let regions = "chr1\t0\t100\nchr2\t5\t50\tname\n";
    for (list, flag) in [(&kmers[..], "--kmers"), (regions, "--regions")] {
        std::fs::write(at.join("list"), list).expect("written");
        let plain = run(at, &["query", "g.reprise", flag, "list"]).fine().out;
        assert!(plain.lines().count() > 2);
        std::fs::write(at.join("list.gz"), gzip(list.as_bytes(), 3)).expect("written");
        std::fs::write(at.join("list.zst"), zstd::encode_all(list.as_bytes(), 1).expect("zstd")).expect("written");
        for name in ["list.gz", "list.zst"] {
            assert_eq!(run(at, &["query", "g.reprise", flag, name]).fine().out, plain, "{name}");
        }
    }
    std::fs::write(at.join("bad"), format!("\n{}\n{}N\n", &kmers[..k], &kmers[..k - 1])).expect("written");
    run(at, &["query", "g.reprise", "--kmers", "bad"]).failed(3, &["bad, line 3", "'N'"]);
    let long = "A".repeat(100_000);
    let ran = run(at, &["query", "g.reprise", "--kmer", &long]).failed(2, &["100000 letters"]);
    assert!(ran.err.len() < 400, "{}", ran.err);
}

#[test]
fn classes_have_terms_and_keep_their_names() {
    let (folder, contigs) = genome(&["chr1"]);
    let at = folder.path();
    let classes = [
        ("LTR/Gypsy", "LTR_retrotransposon"),
        ("LTR?/ERV?", "LTR_retrotransposon"),
        ("CLASSI/LTR/COPIA", "LTR_retrotransposon"),
        ("Class_I::LTR::Ty1_copia::Ale", "LTR_retrotransposon"),
        ("RLX", "LTR_retrotransposon"),
        ("nonLTR/RIL", "LINE_element"),
        ("SINE?/tRNA", "SINE_element"),
        ("DNA/DTA", "DNA_transposon"),
        ("TIR/hAT", "DNA_transposon"),
        ("MITE/DTT", "MITE"),
        ("nonTIR/helitron", "helitron"),
        ("PLE/Naiad", "non_LTR_retrotransposon"),
        ("Retroposon/SVA", "retrotransposon"),
        ("Satellite/centr", "satellite_DNA"),
        ("rRNA", "rRNA"),
        ("Unspecified", "dispersed_repeat"),
    ];
    let part = |i: usize| &contigs[0].letters[150 * i..150 * i + 120];
    let library: Vec<Contig> =
        classes.iter().zip(0..).map(|((class, _), i)| Contig::new(&format!("f{i}#{class}"), part(i))).collect();
    std::fs::write(at.join("lib.fa"), fasta(&library, &PLAIN)).expect("written");
    run(at, &["annotate", "g.reprise", "--library", "lib.fa", "--no-tandem", "-q", "-o", "a", "--formats", "gff3,tsv"])
        .fine();
    let read = |name: &str| std::fs::read_to_string(at.join(name)).expect("written");
    let tsv = read("a.tsv");
    let gff3 = read("a.gff3");
    let rows: Vec<&str> = gff3.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rows.len(), classes.len());
    for ((row, line), (class, term)) in rows.iter().zip(tsv.lines().skip(1)).zip(classes) {
        assert_eq!(row.split('\t').nth(2), Some(term), "{class}");
        assert_eq!(line.split('\t').nth(5), Some(class));
    }
    lines_of(at, "gt", &["gff3validator", "-typecheck", "so", "a.gff3"]);
}

/// Runs the program with a redirection of the shell.
fn redirected(at: &Path, arguments: &[&str], redirection: &str) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" \"$@\" {redirection}"), env!("CARGO_BIN_EXE_reprise")]).args(arguments);
    shell.current_dir(at).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ended(shell.spawn().expect("a shell"))
}

#[test]
fn lost_results_are_an_error() {
    let (folder, _) = genome(&["chr1"]);
    let at = folder.path();
    std::fs::write(at.join("a.bed"), "chr1\t0\t9\n").expect("written");
    for arguments in [
        &["query", "g.reprise", "g.fa"][..],
        &["query", "g.reprise", "--region", "chr1", "--per-kmer"],
        &["dump", "g.reprise"],
        &["spectrum", "g.reprise"],
        &["info", "g.reprise", "--json"],
        &["verify", "g.reprise", "--json"],
        &["list", "."],
        &["mask", "g.reprise", "--annotation", "a.bed"],
        &["annotate", "g.reprise", "--library", "g.fa", "-q"],
        &["build-index", "g.fa", "--force", "--json"],
        &["build-index", "g.fa", "-o", "other.reprise", "--dry-run"],
        &["demo", "--bases", "100000"],
        &["--help"],
        &["query", "--help"],
        &["--version"],
    ] {
        for closed in [">&-", "1</dev/null"] {
            let ran = redirected(at, arguments, closed);
            assert_eq!(ran.code, 1, "{arguments:?} {closed}: {}", ran.err);
            assert_eq!(
                ran.err, "error: cannot write standard output: Bad file descriptor (os error 9)\n",
                "{arguments:?}"
            );
        }
        // Output to /dev/null is not lost, however the device was opened.
        assert_eq!(redirected(at, arguments, ">/dev/null").code, 0, "{arguments:?}");
        assert_eq!(redirected(at, arguments, "1<>/dev/null").code, 0, "{arguments:?}");
        if Path::new("/dev/full").exists() {
            let full = redirected(at, arguments, ">/dev/full");
            assert_eq!(full.code, 5, "{arguments:?}: {}", full.err);
            assert!(full.err.contains("No space left"), "{}", full.err);
        }
    }
    // A command that prints nothing loses nothing.
    assert_eq!(redirected(at, &["build-index", "g.fa", "--force", "-q"], ">&-").code, 0);
    assert_eq!(redirected(at, &["query", "g.reprise", "g.fa", "-q", "-o", "rows.tsv"], ">&-").code, 0);
    assert_eq!(redirected(at, &["spectrum", "g.reprise"], ">&- 2>&-").code, 1);
}

#[test]
fn outputs_are_named_as_files_can_be() {
    let (folder, _) = genome(&["chr1"]);
    let at = folder.path();
    std::fs::create_dir(at.join("d")).expect("a folder");
    std::fs::write(at.join("a.bed"), "chr1\t0\t9\n").expect("written");
    let before = common::listing(at);
    for arguments in [
        &["annotate", "g.reprise", "--library", "g.fa"][..],
        &["mask", "g.reprise", "--annotation", "a.bed"],
        &["query", "g.reprise", "g.fa"],
        &["dump", "g.reprise"],
        &["spectrum", "g.reprise"],
        &["info", "g.reprise", "--json"],
    ] {
        for name in ["d", "d/", "new/", "."] {
            run(at, &[arguments, &["-o", name]].concat()).failed(2, &["-o", "is a folder"]);
            run(at, &[arguments, &["--monitor-memory", name]].concat()).failed(2, &["--monitor-memory", "is a folder"]);
        }
        run(at, &[arguments, &["--memory-report=d/"]].concat()).failed(2, &["--memory-report"]);
        run(at, &[arguments, &["--monitor-memory", "-"]].concat()).failed(2, &["--monitor-memory"]);
    }
    for arguments in [&["build-index", "g.fa"][..], &["detect", "g.fa"], &["demo"], &["simulate"]] {
        run(at, &[arguments, &["-o", "-"]].concat()).failed(2, &["-o DIR"]);
    }
    run(at, &["spectrum", "g.reprise", "--svg", "-"]).failed(2, &["--svg", "standard output"]);
    run(at, &["spectrum", "g.reprise", "--svg", "d/"]).failed(2, &["--svg", "is a folder"]);
    let annotate = |more: &[&str]| run(at, &[&["annotate", "g.reprise", "--library", "g.fa", "-q"], more].concat());
    annotate(&["-o", "-", "--formats", "bed,out"]).failed(2, &["-o PREFIX"]);
    annotate(&["-o", "-", "--formats", "bed", "--bgzip"]).failed(2, &["-o PREFIX"]);
    assert_eq!(annotate(&["-o", "-"]).fine().out, annotate(&[]).fine().out);
    assert_eq!(annotate(&["-o", "-", "--formats", "bed"]).fine().out, annotate(&["--formats", "bed"]).fine().out);
    assert_eq!(common::listing(at), before, "nothing was made");
}

#[test]
fn a_terminal_gets_no_control_characters() {
    let hostile = "a\u{1b}[31m\u{9b}b\u{202e}";
    let (folder, _) = genome(&[hostile, "chr1"]);
    let at = folder.path();
    let shown = "a\\u{1b}[31m\\u{9b}b\\u{202e}";
    std::fs::write(at.join("a.bed"), format!("{hostile}\t0\t4000\n")).expect("written");
    let file = format!("{hostile}\n.bed");
    std::fs::write(at.join(&file), "chr1\t5\t5\n").expect("written");
    std::fs::write(at.join("kmers"), format!("{hostile}\n")).expect("written");
    for arguments in [
        &["mask", "g.reprise", "--annotation", "a.bed"][..],
        &["mask", "g.reprise", "--annotation", &file],
        &["query", "g.reprise", "--kmers", "kmers"],
        &["query", "g.reprise", "--kmer", hostile],
        &["query", "g.reprise", "--region", &format!("{hostile}:9000")],
        &["query", "g.reprise", hostile],
        &["query", "g.reprise", "g.fa", "--format", hostile],
        &["query", "g.reprise", &format!("--{hostile}")],
        &[hostile],
        &["info", hostile],
        &["spectrum", "g.reprise", "-o", &format!("{hostile}/")],
    ] {
        let ran = run(at, arguments);
        let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!ran.err.is_empty() && !ran.err.contains(acts), "{arguments:?}: {:?}", ran.err);
        assert!(ran.err.contains("\\u{1b}") || ran.err.contains("[31m"), "{arguments:?}: {}", ran.err);
    }
    let one_line = run(at, &["mask", "g.reprise", "--annotation", &file]).fine();
    assert_eq!(one_line.err, format!("warning: {shown}\\u{{a}}.bed has 1 row and masks nothing\n"));
    // Files and pipes get names unchanged.
    let rows = run(at, &["query", "g.reprise", "g.fa"]).fine().out;
    assert!(rows.lines().nth(1).is_some_and(|row| row.starts_with(&format!("{hostile}\t"))), "{rows:?}");
}

#[test]
fn json_is_printed_if_requested() {
    let (folder, contigs) = genome(&["chr1"]);
    let at = folder.path();
    std::fs::write(at.join("a.bed"), "chr1\t0\t9\nchr1\t5\t20\n").expect("written");
    std::fs::write(at.join("lib.fa"), fasta(&[Contig::new("f", &contigs[0].letters[100..700])], &PLAIN))
        .expect("written");
    let json = |arguments: &[&str]| run(at, &[arguments, &["--json"]].concat()).fine().json();
    let spectrum = json(&["spectrum", "g.reprise"]);
    let table = run(at, &["spectrum", "g.reprise"]).fine().out;
    let rows = spectrum["rows"].as_array().expect("rows").iter();
    let rows: String = rows.map(|row| format!("{} {}\n", row["frequency"], row["distinct_kmers"])).collect();
    assert_eq!(rows, table);
    let demo = json(&["demo", "--bases", "100000"]);
    assert_eq!((&demo["bases"], demo["repeats"].as_array().map(Vec::len)), (&100_000.into(), Some(4)));
    let masked = json(&["mask", "g.reprise", "--annotation", "a.bed", "-o", "m.fa"]);
    assert_eq!((&masked["rows"], &masked["bases"]), (&2.into(), &20.into()));
    let found = json(&["annotate", "g.reprise", "--library", "lib.fa", "--no-tandem", "-o", "c"]);
    assert_eq!((&found["copies"], &found["fragments"], &found["genome_bases"]), (&1.into(), &1.into(), &3000.into()));
}

#[test]
fn a_fasta_without_a_sequence_is_not_masked() {
    let (folder, _) = genome(&["chr1"]);
    let at = folder.path();
    std::fs::write(at.join("a.bed"), "chr1\t0\t9\n").expect("written");
    for nothing in ["", "\n", ">\n"] {
        std::fs::write(at.join("nothing.fa"), nothing).expect("written");
        let masked = run(at, &["mask", "g.reprise", "--annotation", "a.bed", "--genome", "nothing.fa"]);
        masked.failed(3, &["nothing.fa", "contains no sequence"]);
    }
}
