//! Every command and form of the command line against an oracle, and every bad input against its exit code.

mod common;

use std::io::{BufRead, BufReader};

use common::{
    Bench, Contig, HEADER, Oracle, PLAIN, Random, command, commands, copy_index, ended, fasta, gzip, listing,
    repetitive_genome, run, run_with, runs, text,
};

const K: usize = 11;

fn bench() -> Bench {
    Bench::new(11, 40_000, K, &["--min-frequency", "1"])
}

/// Changes about one base in twenty.
fn mutated(random: &mut Random, bases: &[u8]) -> Vec<u8> {
    bases.iter().map(|&b| if random.below(20) == 0 { b"ACGT"[random.below(4)] } else { b }).collect()
}

#[test]
fn indexes_are_built_from_files_pipes_and_parts() {
    let bench = bench();
    let built = bench.run(&["build-index", "g.fa", "-k", "11", "--min-frequency", "1", "--force"]).fine();
    assert!(built.out.contains("g.reprise: ") && built.out.contains("distinct k-mers"), "{}", built.out);
    let distinct = bench.oracle.kmers.len() as u64;
    let json = bench.run(&["build-index", "g.fa", "-k", "11", "--json", "-o", "j.reprise"]).fine().json();
    assert_eq!(json["distinct_kmers"], distinct);
    assert_eq!(json["stored_kmers"], json["repeated_kmers"]);
    let plan = bench.run(&["build-index", "g.fa", "-k", "11", "--dry-run", "--json", "-o", "p.reprise"]).fine().json();
    assert_eq!(plan["estimate"]["distinct_kmers"], distinct, "small genomes are counted, not sampled");
    assert_eq!(plan["passes"], 1);
    assert!(!bench.at().join("p.reprise").exists());
    let dry_run = ["build-index", "g.fa", "-k", "11", "--dry-run", "-o", "p.reprise", "--expected-kmers"];
    let plan = bench.run(&[&dry_run[..], &["12345"]].concat()).fine();
    assert!(plan.out.contains("12,345 distinct") && plan.out.contains("expected bytes"), "{}", plan.out);
    let none = bench.run(&[&dry_run[..], &["0"]].concat());
    assert!(none.code == 2 && none.err.contains("--expected-kmers"), "{}", none.err);

    // The default k: 4^7 < 40,000 < 4^8, plus one.
    bench.run(&["build-index", "g.fa", "-o", "d.reprise"]).fine();
    assert_eq!(bench.run(&["info", "d.reprise", "--json"]).fine().json()["parameters"]["k"], 9);

    let whole = std::fs::read(bench.at().join("g.fa")).expect("written");
    let catalog = |name: &str| std::fs::read(bench.at().join(name).join("catalog.redb")).expect("built");
    let arguments = ["-k", "11", "--min-frequency", "1", "-q"];
    run_with(bench.at(), &[&["build-index", "-", "-o", "stdin.reprise"], &arguments[..]].concat(), &whole).fine();
    std::fs::write(bench.at().join("z.fa.gz"), gzip(&whole, 3)).expect("written");
    bench.run(&[&["build-index", "z.fa.gz"], &arguments[..]].concat()).fine();
    for (number, contig) in bench.genome.chunks(2).enumerate() {
        std::fs::write(bench.at().join(format!("part{number}.fa")), fasta(contig, &PLAIN)).expect("written");
    }
    bench.run(&[&["build-index", "part0.fa", "part1.fa", "-o", "parts.reprise"], &arguments[..]].concat()).fine();
    for name in ["stdin.reprise", "z.reprise", "parts.reprise"] {
        assert!(catalog(name) == catalog("g.reprise"), "{name} differs");
    }
    bench.run(&["build-index", "-"]).failed(2, &["-o"]);
}

#[test]
fn kmers_are_looked_up() {
    let bench = bench();
    let mut kmers: Vec<String> = bench.oracle.sorted().into_iter().step_by(97).map(|(kmer, _)| text(kmer)).collect();
    kmers.extend(["ACGTACGTACG", "ttttttttttt"].map(str::to_owned));
    let rows = |with_positions: Option<usize>| -> String {
        kmers
            .iter()
            .map(|kmer| {
                let places = bench.oracle.places(kmer.to_uppercase().as_bytes());
                let mut row = format!("{kmer}\t{}", places.len());
                if let Some(limit) = with_positions {
                    let listed: Vec<String> = places
                        .iter()
                        .take(limit)
                        .map(|&(c, start, strand)| format!("{}:{start}:{strand}", bench.genome[c as usize].name))
                        .collect();
                    row += &format!("\t{}\t{}", listed.join(","), listed.len());
                }
                row + "\n"
            })
            .collect()
    };
    let list = kmers.join("\n");
    std::fs::write(bench.at().join("kmers.txt"), format!("\n{list}\r\n\n")).expect("written");
    assert_eq!(bench.run(&["query", "g.reprise", "--kmers", "kmers.txt"]).fine().out, rows(None));
    let piped = run_with(bench.at(), &["query", "g.reprise", "--kmers", "-", "--positions"], list.as_bytes());
    assert_eq!(piped.fine().out, rows(Some(usize::MAX)));
    let some = bench.run(&["query", "g.reprise", "--kmers", "kmers.txt", "--positions=2", "-t", "2"]).fine();
    assert_eq!(some.out, rows(Some(2)));
    let two = bench.run(&["query", "g.reprise", "--kmer", &kmers[0], &kmers[1]]).fine();
    assert_eq!(two.out, rows(None).lines().take(2).map(|l| format!("{l}\n")).collect::<String>());
    let json = bench.run(&["query", "g.reprise", "--kmer", &kmers[0], "--positions", "--format", "jsonl"]).fine();
    let row = &json.json_lines()[0];
    assert_eq!(row["frequency"], bench.oracle.frequency(kmers[0].as_bytes()));
    assert_eq!(row["positions"][0]["start"], bench.oracle.places(kmers[0].as_bytes())[0].1);
}

#[test]
fn sequences_are_summed_up_in_their_order() {
    let bench = bench();
    let mut random = Random(3);
    let mut queries: Vec<Contig> = (0..400)
        .map(|i| {
            let from = &bench.genome[random.below(4)].letters;
            let at = random.below(from.len() - 5);
            let end = from.len().min(at + 1 + random.below(150));
            Contig::new(&format!("read{i}"), mutated(&mut random, &from[at..end]))
        })
        .collect();
    queries.push(Contig::new("empty", ""));
    queries.push(Contig::new("short", "ACG"));
    // Longer than a batch at this budget.
    let mut long: Vec<u8> = bench.genome.iter().flat_map(|c| mutated(&mut random, &c.letters)).collect();
    long.extend([b'A'; 200_000]);
    long.extend(random.bases(300_000));
    queries.push(Contig::new("long", long));
    let expected: String =
        queries.iter().map(|q| bench.oracle.row(&q.name, &q.letters, 1)).fold(HEADER.to_owned(), |all, row| all + &row);
    let plain = fasta(&queries, &PLAIN);
    std::fs::write(bench.at().join("q.fa"), &plain).expect("written");
    std::fs::write(bench.at().join("q.fa.gz"), gzip(&plain, 2)).expect("written");
    assert_eq!(bench.run(&["query", "g.reprise", "q.fa"]).fine().out, expected);
    assert_eq!(bench.run(&["query", "g.reprise", "q.fa.gz", "-t", "3", "--max-memory", "9M"]).fine().out, expected);
    assert_eq!(run_with(bench.at(), &["query", "g.reprise", "-", "-t", "1"], &plain).fine().out, expected);

    let fastq: String = queries
        .iter()
        .filter(|q| !q.letters.is_empty())
        .map(|q| format!("@{}\n{}\n+\n{}\n", q.name, text(&q.letters), "I".repeat(q.letters.len())))
        .collect();
    std::fs::write(bench.at().join("q.fq"), fastq).expect("written");
    let without_empty: String =
        expected.lines().filter(|l| !l.starts_with("empty")).map(|l| format!("{l}\n")).collect();
    assert!(bench.run(&["query", "g.reprise", "q.fq"]).fine().out == without_empty);

    let (mut per_kmer, mut bedgraph) = (String::new(), String::new());
    for query in &queries {
        let rows = bench.oracle.per_kmer(&query.letters, 1);
        per_kmer.extend(rows.iter().map(|(start, f)| format!("{}\t{start}\t{f}\n", query.name)));
        bedgraph.extend(runs(&rows).iter().map(|(start, end, f)| format!("{}\t{start}\t{end}\t{f}\n", query.name)));
    }
    for few in [&["-t", "1"][..], &["-t", "3", "--max-memory", "9M"]] {
        let asked = |more: &[&str]| bench.run(&[&["query", "g.reprise", "q.fa"], more, few].concat()).fine().out;
        assert!(asked(&["--per-kmer"]) == per_kmer);
        assert!(asked(&["--format", "bedgraph"]) == bedgraph, "runs do not depend on where batches were cut");
    }
    let json = bench.run(&["query", "g.reprise", "q.fa", "--format", "jsonl"]).fine().json_lines();
    assert_eq!(json.len(), queries.len());
    assert_eq!(json[402]["name"], "long");
    assert_eq!(json[402]["length"], queries[402].letters.len());
}

/// A batch of 16,384 bases (the least, at the least memory) must not show in any row: not at k 1, where pieces share no
/// bases, and not where a run of one sequence ends at a cut and the next begins with the same frequency.
#[test]
fn rows_do_not_depend_on_where_batches_were_cut() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let genome = [Contig::new("g", "AAAAAAAACCGGTTAACCAGT".repeat(9))];
    std::fs::write(at.join("g.fa"), fasta(&genome, &PLAIN)).expect("written");
    let letters = |runs: &[(u8, usize)]| -> Vec<u8> { runs.iter().flat_map(|&(b, n)| vec![b; n]).collect() };
    let queries = [
        Contig::new("a", letters(&[(b'A', 40_000), (b'C', 1000)])),
        Contig::new("b", letters(&[(b'A', 16_384), (b'N', 3616)])),
        Contig::new("c", letters(&[(b'N', 16_383), (b'A', 50)])),
        Contig::new("d", letters(&[(b'A', 24_000), (b'N', 1), (b'A', 24_000)])),
        Contig::new("e", "AC".repeat(20_000)),
    ];
    std::fs::write(at.join("q.fa"), fasta(&queries, &PLAIN)).expect("written");
    for k in [1, 2, 5] {
        let oracle = Oracle::new(&genome, k);
        let k = k.to_string();
        run(at, &["build-index", "g.fa", "-k", &k, "--min-frequency", "1", "-o", "i.reprise", "-q", "--force"]).fine();
        let rows: String = queries.iter().map(|q| oracle.row(&q.name, &q.letters, 1)).collect();
        let mut bedgraph = String::new();
        for query in &queries {
            let runs = runs(&oracle.per_kmer(&query.letters, 1));
            bedgraph.extend(runs.iter().map(|(start, end, f)| format!("{}\t{start}\t{end}\t{f}\n", query.name)));
        }
        for few in [&["-t", "1", "--max-memory", "8M"][..], &["-t", "3"]] {
            let asked = |more: &[&str]| run(at, &[&["query", "i.reprise", "q.fa"], more, few].concat()).fine().out;
            assert_eq!(asked(&[]), HEADER.to_owned() + &rows, "k {k} {few:?}");
            assert!(asked(&["--format", "bedgraph"]) == bedgraph, "k {k} {few:?}");
        }
    }
}

#[test]
fn regions_of_the_genome_are_asked_the_same() {
    let bench = bench();
    let part = &bench.genome[1].letters[999..3000];
    let expected = HEADER.to_owned() + &bench.oracle.row("chr2:1000-3000", part, 1);
    assert_eq!(bench.run(&["query", "g.reprise", "--region", "chr2:1,000-3,000"]).fine().out, expected);
    let rows = bench.oracle.per_kmer(part, 1);
    let per_kmer: String = rows.iter().map(|(start, f)| format!("chr2\t{}\t{f}\n", start + 999)).collect();
    let asked = bench.run(&["query", "g.reprise", "--region", "chr2:1000-3000", "--per-kmer"]).fine();
    assert_eq!(asked.out, per_kmer);
    std::fs::write(bench.at().join("r.bed"), "#a comment\nchr2\t999\t3000\nchrM\t0\t500\n").expect("written");
    let bed = bench.run(&["query", "g.reprise", "--regions", "r.bed"]).fine();
    let row = bench.oracle.row("chrM:1-500", &bench.genome[2].letters[..500], 1);
    assert_eq!(bed.out, expected + &row);

    bench.run(&["query", "g.reprise", "--region", "chr22"]).failed(3, &["chr22", "chr2"]);
    bench.run(&["query", "g.reprise", "--region", "chr1:20001-99999999"]).failed(3, &["20000 bases"]);
    std::fs::write(bench.at().join("bad.bed"), "chr1\t0\t5\nchr1\tx\t5\n").expect("written");
    bench.run(&["query", "g.reprise", "--regions", "bad.bed"]).failed(3, &["bad.bed, line 2", "\"x\""]);
    std::fs::write(bench.at().join("past.bed"), "chrM\t0\t50000\n").expect("written");
    bench.run(&["query", "g.reprise", "--regions", "past.bed"]).failed(3, &["past.bed, line 1", "chrM"]);
    bench.run(&["query", "g.reprise"]).failed(2, &["nothing to look up"]);
}

#[test]
fn spectrum_and_dump_and_info_say_what_is_there() {
    let bench = bench();
    let spectrum: String = bench.oracle.spectrum().iter().map(|(f, n)| format!("{f} {n}\n")).collect();
    let drawn = bench.run(&["spectrum", "g.reprise", "--svg", "s.svg"]).fine();
    assert_eq!(drawn.out, spectrum);
    assert_eq!(bench.run(&["spectrum", "g.reprise", "--tsv"]).fine().out, spectrum.replace(' ', "\t"));
    assert!(std::fs::read_to_string(bench.at().join("s.svg")).expect("drawn").starts_with("<svg"));
    assert_eq!(bench.run(&["dump", "g.reprise", "--sort"]).fine().out, bench.oracle.dump(1));
    let mut unsorted: Vec<String> = bench.run(&["dump", "g.reprise"]).fine().out.lines().map(str::to_owned).collect();
    unsorted.sort();
    assert_eq!(unsorted, bench.oracle.dump(1).lines().collect::<Vec<_>>());
    bench.run(&["dump", "g.reprise", "--sort", "--positions", "-o", "dump.tsv"]).fine();
    let written = std::fs::read_to_string(bench.at().join("dump.tsv")).expect("written");
    assert_eq!(written.lines().count(), bench.oracle.kmers.len());
    for (line, (kmer, frequency)) in written.lines().zip(bench.oracle.sorted()) {
        let places = bench.oracle.places(kmer);
        let listed: Vec<String> =
            places.iter().map(|&(c, s, strand)| format!("{}:{s}:{strand}", bench.genome[c as usize].name)).collect();
        assert_eq!(line, format!("{}\t{frequency}\t{}", text(kmer), listed.join(",")));
    }
    bench.run(&["dump", "g.reprise", "-o", "dump.tsv"]).failed(2, &["dump.tsv exists already", "--force"]);
    bench.run(&["dump", "g.reprise", "-o", "dump.tsv", "--force", "--memory-report=m.txt"]).fine();
    assert!(std::fs::read_to_string(bench.at().join("m.txt")).expect("written").contains("resident"));
    let said = bench.run(&["info", "g.reprise"]).fine().out;
    assert!(said.contains("estimated") && said.contains("40,000 bases in 4 contigs"), "{said}");
    for depth in [&["verify", "g.reprise"][..], &["verify", "g.reprise", "--quick"], &["verify", "g.reprise", "--deep"]]
    {
        assert!(bench.run(depth).fine().out.contains("sound"));
    }
    let json = bench.run(&["verify", "g.reprise", "--json"]).fine().json();
    assert_eq!(json["kmers"], bench.oracle.kmers.len());
    assert!(bench.run(&["verify", "g.reprise", "-v"]).fine().err.contains("checking"));
    assert!(bench.run(&["demo"]).fine().out.contains("planted"));
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let bench = bench();
    for arguments in [&["dump", "g.reprise"][..], &["query", "g.reprise", "g.fa", "--per-kmer"]] {
        let mut child = command(bench.at(), arguments).spawn().expect("the program starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("a line");
        drop(out);
        let ran = ended(child);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    }
}

#[test]
fn bad_input_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let write = |name: &str, bytes: &[u8]| std::fs::write(at.join(name), bytes).expect("written");
    let good = fasta(&repetitive_genome(5, 5000), &PLAIN);
    write("good.fa", &good);
    write("empty.fa", b"");
    write("lines.fa", b"\n\r\n\n");
    write("bed.fa", b"chr1\t5\t9\n");
    write("digits.fa", b">a\nACGT\nAC9T\n");
    write("unnamed.fa", b">a\nACGT\n>  \nACGT\n");
    write("latin.fa", b">a\xe9\nACGT\n");
    write("twice.fa", b">a\nACGT\n>b\nACGT\n\n>a\nACGT\n");
    write("none.fa", b">a\nNNNN\nnnnn\n");
    write("short.fa", b">a\nACGTN\n>b\nACG\n");
    write("broken.fa", b">a\nACGNACGNACG\n");
    let packed = gzip(&good, 2);
    write("cut.fa.gz", &packed[..packed.len() - 9]);
    write("cut2.fa.gz", &packed[..packed.len() / 2]);
    let mut flipped = packed.clone();
    flipped[packed.len() / 3] ^= 0x40;
    write("flipped.fa.gz", &flipped);
    write("half.fq", b"@a\nACGT\n+\nIIII\n@b\nACGT\n");
    std::fs::create_dir(at.join("folder")).expect("a folder");
    std::fs::create_dir(at.join("mine.reprise")).expect("a folder");
    write("mine.reprise/precious.txt", b"keep me");
    let before = listing(at);
    for (arguments, code, says) in [
        (&["missing.fa"][..], 1, &["missing.fa", "check the path"][..]),
        (&["folder"], 3, &["is a folder"]),
        (&["empty.fa"], 3, &["is empty"]),
        (&["lines.fa"], 3, &["nothing but line ends"]),
        (&["bed.fa"], 3, &["bed.fa, line 1", "neither FASTA"]),
        (&["digits.fa"], 3, &["digits.fa, line 3", "'9'"]),
        (&["unnamed.fa"], 3, &["unnamed.fa, line 3", "no name"]),
        (&["latin.fa"], 3, &["line 1", "UTF-8"]),
        (&["twice.fa"], 3, &["twice.fa, line 6", "line 1"]),
        (&["good.fa", "good.fa"], 3, &["used before"]),
        (&["none.fa"], 3, &["no A, C, G or T"]),
        (&["cut.fa.gz"], 3, &["truncated"]),
        (&["cut2.fa.gz"], 3, &["truncated"]),
        (&["flipped.fa.gz"], 3, &["damaged"]),
        (&["half.fq"], 3, &["half.fq", "not whole"]),
        (&["good.fa", "-k", "0"], 2, &["from 1 to 32"]),
        (&["good.fa", "-k", "33"], 2, &["from 1 to 32"]),
        (&["short.fa", "-k", "6"], 2, &["longest contig", "5 bases"]),
        (&["broken.fa", "-k", "5"], 3, &["no run of 5 bases"]),
        (&["good.fa", "--min-frequency", "0"], 2, &["--min-frequency"]),
        (&["good.fa", "--max-frequency", "1"], 2, &["--max-frequency"]),
        (&["good.fa", "--max-positions", "0"], 2, &["--max-positions"]),
        (&["good.fa", "--max-memory", "1M"], 5, &["needs at least", "--max-memory"]),
        (&["good.fa", "-o", "mine.reprise"], 2, &["not a reprise index"]),
        (&["good.fa", "-o", "mine.reprise", "--force"], 2, &["not a reprise index"]),
        (&["good.fa", "-o", "no/such/place.reprise"], 1, &["no/such"]),
    ] {
        run(at, &[&["build-index"], arguments].concat()).failed(code, says);
        assert_eq!(listing(at), before, "{arguments:?} left something");
    }
    assert_eq!(run(at, &["build-index", "good.fa", "--no-such-flag"]).code, 2);
    assert_eq!(run(at, &["no-such-command"]).code, 2);
    assert_eq!(listing(&at.join("mine.reprise")), ["precious.txt"]);
}

#[test]
fn an_index_that_is_there_stays_unless_it_may_be_replaced() {
    let bench = bench();
    let manifest = || std::fs::read(bench.at().join("g.reprise/manifest.json")).expect("there");
    let before = manifest();
    bench.run(&["build-index", "g.fa", "-k", "7"]).failed(2, &["g.reprise exists already", "--force"]);
    std::fs::write(bench.at().join("bad.fa"), ">a\nACGT\n>a\nACGT\n").expect("written");
    bench.run(&["build-index", "bad.fa", "-k", "3", "-o", "g.reprise", "--force"]).failed(3, &["used before"]);
    assert!(manifest() == before, "a build that fails touches nothing");
    bench.run(&["build-index", "g.fa", "-k", "7", "--force"]).fine();
    assert!(manifest() != before);
    assert_eq!(listing(bench.at()), ["bad.fa", "g.fa", "g.reprise"]);
}

#[test]
fn an_index_that_cannot_be_used_is_refused() {
    let bench = bench();
    bench.run(&["info", "missing.reprise"]).failed(1, &["missing.reprise"]);
    std::fs::create_dir(bench.at().join("empty")).expect("a folder");
    bench.run(&["query", "empty", "--kmer", "ACGTACGTACG"]).failed(4, &["no manifest.json", "build-index"]);
    bench.run(&["info", "g.fa"]).failed(4, &["not a folder"]);
    for file in common::FILES {
        let copy = copy_index(&bench.at().join("g.reprise"), &bench.at().join(format!("cut-{file}")));
        let whole = std::fs::read(copy.join(file)).expect("there");
        std::fs::write(copy.join(file), &whole[..whole.len() - 1]).expect("written");
        run(&copy, &["query", ".", "--kmer", "ACGTACGTACG"]).failed(4, &[file]);
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        std::fs::write(copy.join(file), &flipped).expect("written");
        run(&copy, &["verify", "."]).failed(4, &[file]);
        std::fs::remove_file(copy.join(file)).expect("there");
        run(&copy, &["verify", "."]).failed(4, &[]);
    }
    let newer = copy_index(&bench.at().join("g.reprise"), &bench.at().join("newer"));
    let text = std::fs::read_to_string(newer.join("manifest.json")).expect("there");
    std::fs::write(newer.join("manifest.json"), text.replace("\"format_version\": 1", "\"format_version\": 2"))
        .expect("written");
    bench.run(&["info", "newer"]).failed(4, &["index format 2", "formats 1 to 1"]);
    bench.run(&["query", "g.reprise", "--kmer", "ACGT"]).failed(2, &["\"ACGT\"", "4 letters", "k 11"]);
    bench.run(&["query", "g.reprise", "--kmer", "ACGTACGNACG"]).failed(2, &["'N' at letter 8"]);
    std::fs::write(bench.at().join("k.txt"), "ACGTACGTACG\nACGT\n").expect("written");
    bench.run(&["query", "g.reprise", "--kmers", "k.txt"]).failed(3, &["k.txt, line 2", "\"ACGT\""]);
    bench.run(&["query", "g.reprise", "missing.fa"]).failed(1, &["missing.fa"]);
    bench.run(&["query", "g.reprise", "g.fa", "--max-memory", "1K"]).failed(5, &["needs at least", "--max-memory"]);
}

#[test]
fn cut_positions_are_reported() {
    let bench = bench();
    bench.run(&["build-index", "g.fa", "-k", "11", "--max-positions", "3", "-o", "cut.reprise", "-q"]).fine();
    let (kmer, _) = bench.oracle.sorted().into_iter().max_by_key(|&(_, f)| f).expect("k-mers");
    let kmer = text(kmer);
    let places = bench.oracle.places(kmer.as_bytes());
    assert!(places.len() > 3);
    let asked = bench.run(&["query", "cut.reprise", "--kmer", &kmer, "--positions"]).fine();
    let fields: Vec<&str> = asked.out.trim_end().split('\t').collect();
    assert_eq!(fields[1], places.len().to_string(), "frequencies stay exact");
    assert_eq!((fields[2].split(',').count(), fields[3]), (3, "3"));
    assert!(asked.err.contains("at most 3 positions"), "{}", asked.err);
    assert!(bench.run(&["info", "cut.reprise"]).fine().out.contains("positions cut"));
}

#[test]
fn shells_complete_every_command() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let commands = commands();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = run(at, &["completions", shell]).fine().out;
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}");
        assert!(script.contains("--max-memory") || script.contains("-l max-memory"), "{shell}");
    }
    assert_eq!(run(at, &["completions", "tcsh"]).code, 2);
    // A shell completes a command, a flag and a value with the script.
    run(at, &["completions", "bash", "-o", "reprise.bash"]).fine();
    let complete = |words: &[&str]| {
        let (typed, last) = (words.join(" "), words.len() - 1);
        let script = format!(
            "source reprise.bash; COMP_WORDS=({typed}); COMP_CWORD={last}; \
             _reprise reprise \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD - 1))]}}\"; echo ${{COMPREPLY[*]}}"
        );
        let output = std::process::Command::new("bash").args(["-c", &script]).current_dir(at).output();
        text(&output.expect("bash runs").stdout)
    };
    assert_eq!(complete(&["reprise", "merge-i"]).trim(), "merge-index");
    assert_eq!(complete(&["reprise", "query", "--hi"]).trim(), "--hits");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    run(at, &["man"]).failed(2, &["-o DIR"]);
    run(at, &["man", "-o", "pages"]).fine();
    let page = |name: &str| std::fs::read_to_string(at.join("pages").join(name)).expect("a page");
    let program = page("reprise.1");
    assert!(program.starts_with(".ie") && program.contains("annotate"), "{program}");
    let query = page("reprise-query.1");
    assert!(query.contains("\\-\\-hits") && query.contains("\\-\\-per\\-kmer"), "{query}");
    // Also of an option that `-h` leaves out.
    assert!(query.contains("Share of the cache above which it is swept"), "{query}");
    assert!(std::fs::read_dir(at.join("pages")).expect("a folder").count() > 20);
    run(at, &["man", "-o", "pages"]).failed(2, &["exists"]);
    run(at, &["man", "-o", "pages", "--force"]).fine();
}
