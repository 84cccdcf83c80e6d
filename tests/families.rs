//! Finds families in simulated genomes whose repeats are known.

mod common;

use std::path::Path;

use common::{Contig, PLAIN, Random, fasta, reverse_complement, run};

/// A copy with a share of its bases changed: mostly substitutions, some insertions and deletions.
fn diverged(random: &mut Random, bases: &[u8], per_cent: usize) -> Vec<u8> {
    let mut copy = Vec::with_capacity(bases.len() + 50);
    for &base in bases {
        match random.below(1000) {
            n if n < 9 * per_cent => {
                copy.push(*b"ACGT".iter().filter(|&&b| b != base).nth(random.below(3)).expect("three"))
            }
            n if n < 19 * per_cent / 2 => {}
            n if n < 10 * per_cent => copy.extend([base, b"ACGT"[random.below(4)]]),
            _ => copy.push(base),
        }
    }
    copy
}

/// A genome of three contigs with families of `(length, copies, divergence in per cent)`, a third of the copies
/// truncated, and with a duplication of 9,000 bases and a tandem repeat, which are no families; and the consensus
/// sequences.
fn genome(seed: u64, families: &[(usize, usize, usize)]) -> (Vec<Contig>, Vec<Vec<u8>>) {
    let mut random = Random(seed);
    let truth: Vec<Vec<u8>> = families.iter().map(|&(length, ..)| random.bases(length)).collect();
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for (consensus, &(length, copies, per_cent)) in truth.iter().zip(families) {
        for copy in 0..copies {
            let from = if copy % 3 == 2 { random.below(length / 2) } else { 0 };
            let bases = diverged(&mut random, &consensus[from..], per_cent);
            pieces.push(if random.below(2) == 1 { reverse_complement(&bases) } else { bases });
        }
    }
    let twin = random.bases(9000);
    pieces.extend([diverged(&mut random, &twin, 2), twin]);
    let unit = random.bases(120);
    pieces.push((0..30).flat_map(|_| diverged(&mut random, &unit, 5)).collect());
    for at in (1..pieces.len()).rev() {
        pieces.swap(at, random.below(at + 1));
    }
    let mut contigs: Vec<Contig> = (1..=3).map(|n| Contig::new(&format!("chr{n}"), [])).collect();
    let share = pieces.len().div_ceil(3);
    for (number, piece) in pieces.into_iter().enumerate() {
        let letters = &mut contigs[number / share].letters;
        let gap = 1500 + random.below(3000);
        letters.extend(random.bases(gap));
        letters.extend(piece);
    }
    contigs.iter_mut().for_each(|contig| contig.letters.extend(random.bases(2000)));
    (contigs, truth)
}

fn index(at: &Path, contigs: &[Contig]) {
    std::fs::write(at.join("genome.fa"), fasta(contigs, &PLAIN)).expect("written");
    run(at, &["build-index", "genome.fa"]).fine();
}

/// Headers and sequences of a FASTA text.
fn records(text: &str) -> Vec<(String, Vec<u8>)> {
    let record = |part: &str| {
        let (header, lines) = part.split_once('\n').expect("a header ends its line");
        (header.to_owned(), lines.replace('\n', "").into_bytes())
    };
    text.split('>').skip(1).map(record).collect()
}

/// Share of the 12-mers of `one` that `other` has on either strand, at identity p about p to the 12th.
fn shared(one: &[u8], other: &[u8]) -> f64 {
    let all: std::collections::HashSet<Vec<u8>> =
        other.windows(12).chain(reverse_complement(other).windows(12)).map(<[u8]>::to_vec).collect();
    let windows = one.windows(12);
    let count = windows.len() as f64;
    windows.filter(|window| all.contains(*window)).count() as f64 / count
}

#[test]
fn every_family_is_found_once_and_complete() {
    let families = [(3000, 12, 12), (700, 25, 18), (5200, 9, 8), (1400, 16, 22), (320, 30, 15)];
    let folder = tempfile::tempdir().expect("a temporary folder");
    for seed in [1, 2] {
        let (contigs, truth) = genome(seed, &families);
        index(folder.path(), &contigs);
        let found = records(&run(folder.path(), &["families", "genome.reprise"]).fine().out);
        assert_eq!(found.len(), truth.len(), "{:?}", found.iter().map(|(header, _)| header).collect::<Vec<_>>());
        for (consensus, family) in truth.iter().zip(&families) {
            // If 97 % of the bases are right, 0.7 of the 12-mers are.
            let whole = |mine: &[u8]| shared(consensus, mine) > 0.6 && shared(mine, consensus) > 0.55;
            assert_eq!(found.iter().filter(|(_, mine)| whole(mine)).count(), 1, "seed {seed}: {family:?}");
        }
        std::fs::remove_dir_all(folder.path().join("genome.reprise")).expect("removed");
    }
}

#[test]
fn the_same_families_for_any_order_of_contigs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut contigs = genome(8, &[(2500, 14, 15), (900, 20, 20), (400, 12, 10)]).0;
    contigs.push(Contig::new("empty", ""));
    let of = |order: &[usize]| {
        let at = folder.path().join(order.iter().map(usize::to_string).collect::<String>());
        std::fs::create_dir(&at).expect("a new folder");
        let contigs: Vec<Contig> =
            order.iter().map(|&number| Contig::new(&contigs[number].name, &contigs[number].letters)).collect();
        index(&at, &contigs);
        let table = run(&at, &["families", "genome.reprise", "--format", "tsv", "--stockholm", "f.stk"]).fine().out;
        let library = run(&at, &["families", "genome.reprise"]).fine().out;
        let mut rows: Vec<String> =
            std::fs::read_to_string(at.join("f.stk")).expect("written").lines().map(str::to_owned).collect();
        // Rows of an alignment are by position.
        rows.sort_unstable();
        (table, library, rows)
    };
    let first = of(&[0, 1, 2, 3]);
    assert!(records(&first.1).len() >= 3);
    for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        assert!(of(&order) == first, "{order:?}");
    }
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    index(at, &genome(3, &[(2500, 14, 15), (900, 20, 20), (400, 12, 10)]).0);
    let of = |threads: &str, more: &[&str]| {
        let arguments = ["families", "genome.reprise", "-t", threads];
        run(at, &[&arguments, more].concat()).fine().out
    };
    let one = of("1", &[]);
    assert!(records(&one).len() >= 3);
    assert_eq!(of("2", &[]), one);
    assert_eq!(of("8", &["--low-memory"]), one);

    // A budget is kept or the command fails; it never changes the families.
    let ran: Vec<_> = ["18M", "20M", "22M", "26M", "64M"]
        .map(|most| run(at, &["families", "genome.reprise", "-t", "2", "--max-memory", most]))
        .into_iter()
        .collect();
    for ran in &ran {
        assert!(ran.code == 5 && ran.err.contains("--max-memory") || ran.code == 0 && ran.out == one, "{}", ran.err);
    }
    assert!(ran[0].code == 5 && ran[4].code == 0);

    // Flags limit the families.
    let long = records(&of("2", &["--min-length", "700"]));
    assert!(!long.is_empty() && long.iter().all(|(_, bases)| bases.len() >= 700));
    assert_eq!(records(&of("2", &["--max-families", "1"])).len(), 1);
    assert!(records(&of("2", &["--min-copies", "18"])).len() < records(&one).len());
    // Samples find the same families, with copies in the whole genome.
    let sampled = of("2", &["--sample", "32K"]);
    assert_eq!(of("1", &["--sample", "32K"]), sampled);
    let (whole, sampled) = (records(&one), records(&sampled));
    assert_eq!(sampled.len(), whole.len());
    assert!(whole.iter().all(|(_, mine)| sampled.iter().any(|(_, other)| shared(mine, other) > 0.9)));
    let drafts = of("1", &["--drafts"]);
    assert_eq!(of("8", &["--drafts"]), drafts);
    assert_ne!(drafts, one);
    let short = records(&of("2", &["--drafts", "--max-extend", "200"]));
    assert!(
        short.iter().map(|(_, bases)| bases.len()).max() < records(&drafts).iter().map(|(_, bases)| bases.len()).max()
    );
    assert_ne!(of("2", &["--drafts", "--mismatch=-3"]), drafts);
    assert_ne!(of("2", &["--drafts", "--min-improvement", "9"]), drafts);
}

/// Families of 1 MiB of a genome, first of a quarter of that, as JSON lines; and how many bases were examined.
fn sampled(at: &Path, more: &[&str]) -> (String, u64) {
    let samples = ["families", "genome.reprise", "--sample", "256K", "--sample-limit", "1M"];
    let output = ["--format", "jsonl", "-o", "f.jsonl", "--json", "--force"];
    let summary = run(at, &[&samples, &output[..], more].concat()).fine().json();
    let text = std::fs::read_to_string(at.join("f.jsonl")).expect("written");
    (text, summary["examined_bases"].as_u64().expect("a number"))
}

/// Which of the families of `truth` that have 10 copies or more are not found whole and once, with the number of their
/// copies in the genome.
fn missing(text: &str, truth: &[Vec<u8>], families: &[(usize, usize, usize)]) -> Vec<String> {
    let is_whole = |consensus: &[u8], row: &&serde_json::Value| {
        let mine = row["consensus"].as_str().expect("text").as_bytes();
        shared(consensus, mine) > 0.6 && shared(mine, consensus) > 0.55
    };
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    let mut missing = Vec::new();
    for (consensus, family) in truth.iter().zip(families).filter(|(_, family)| family.1 >= 10) {
        let found: Vec<u64> =
            rows.iter().filter(|row| is_whole(consensus, row)).filter_map(|r| r["copies"].as_u64()).collect();
        if !matches!(found[..], [copies] if 10 * copies.abs_diff(family.1 as u64) <= family.1 as u64) {
            missing.push(format!("{family:?} as {found:?}"));
        }
    }
    missing
}

#[test]
fn samples_have_the_families_of_a_genome_with_all_their_copies() {
    let frequent = [(400, 120, 10), (900, 100, 15), (1500, 80, 8), (700, 70, 12), (2500, 60, 5), (1200, 50, 18)];
    let rare = [(3200, 40, 10), (2000, 30, 12), (4000, 24, 6), (1000, 4, 5), (1800, 3, 8), (800, 3, 10)];
    let families = [frequent, rare].concat();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let (contigs, truth) = genome(11, &families);
    let bases: usize = contigs.iter().map(|contig| contig.letters.len()).sum();
    assert!((2_000_000..4_000_000).contains(&bases), "{bases}");
    index(at, &contigs);
    let (one, examined) = sampled(at, &["-t", "1", "--max-memory", "4G", "--cache-size", "64M"]);
    assert_eq!(missing(&one, &truth, &families), [""; 0]);
    // Threads, memory and the size of the cache change no byte.
    assert!(sampled(at, &["-t", "2", "--max-memory", "200M", "--cache-size", "1M"]) == (one.clone(), examined));
    // Other parts of the genome have the same families.
    let (other, other_examined) = sampled(at, &["--seed", "1"]);
    assert_ne!(other, one);
    assert_eq!(missing(&other, &truth, &families), [""; 0]);
    // Parts consist of tiles of 32 KiB, which the ends of contigs cut.
    for examined in [examined, other_examined] {
        assert!(examined.abs_diff(1 << 20) <= 6 << 15, "{examined}");
    }
}

#[test]
fn families_of_a_file_are_those_of_its_index() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    index(at, &genome(3, &[(1500, 14, 15), (400, 12, 10)]).0);
    std::fs::create_dir(at.join("tmp")).expect("a folder");
    let of = |input: &str, more: &[&str]| {
        let arguments = ["families", input, "--tmpdir", "tmp", "--format", "jsonl"];
        run(at, &[&arguments, more].concat())
    };
    let with_index = of("genome.reprise", &[]).fine().out;
    assert!(with_index.lines().count() >= 2);
    let before = common::listing(at);
    assert_eq!(of("genome.fa", &[]).fine().out, with_index);
    // Nothing is left, nor after an error.
    assert_eq!(of("genome.fa", &["--max-memory", "18M"]).code, 5);
    assert!(common::listing(&at.join("tmp")).is_empty());
    assert_eq!(common::listing(at), before);
}

#[test]
fn formats_stockholm_and_the_summary_agree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let contigs = genome(5, &[(1500, 14, 10), (600, 20, 15)]).0;
    index(at, &contigs);
    let fasta = run(at, &["families", "genome.reprise", "--stockholm", "f.stk"]).fine().out;
    let rows = run(at, &["families", "genome.reprise", "--format", "jsonl"]).fine().json_lines();
    let table = run(at, &["families", "genome.reprise", "--format", "tsv"]).fine().out;
    let reprof = run(at, &["families", "genome.reprise", "--format", "reprof"]).fine().out;
    let summary = run(at, &["families", "genome.reprise", "--json", "-o", "f.fa"]).fine().json();
    assert_eq!(std::fs::read_to_string(at.join("f.fa")).expect("written"), fasta);
    let families = records(&fasta);
    assert!(families.len() >= 2);
    assert_eq!(summary["families"], families.len());
    assert_eq!(
        (rows.len(), table.lines().count(), records(&reprof).len()),
        (families.len(), families.len() + 1, families.len())
    );
    let stockholm = std::fs::read_to_string(at.join("f.stk")).expect("written");
    let blocks: Vec<&str> = stockholm.split_terminator("//\n").collect();
    assert_eq!(blocks.len(), families.len());
    // With a taxon, each block has one line more.
    run(at, &["families", "genome.reprise", "-o", "t.fa", "--stockholm", "t.stk", "--taxon", "Mus musculus"]).fine();
    let with_taxon = std::fs::read_to_string(at.join("t.stk")).expect("written");
    assert_eq!(with_taxon.matches("\n#=GF OC    Mus musculus\n").count(), blocks.len());
    assert_eq!(with_taxon.replace("#=GF OC    Mus musculus\n", ""), stockholm);
    for wrong in [&["--stockholm", "w.stk", "--taxon", "a\nb"][..], &["--taxon", "Mus musculus"]] {
        assert_eq!(run(at, &[&["families", "genome.reprise"], wrong].concat()).code, 2, "{wrong:?}");
    }
    // Headers of REPrise have the most frequent k-mer of the consensus and its frequency, as `query` and other formats
    // print it.
    let k = run(at, &["info", "genome.reprise", "--json"]).fine().json()["parameters"]["k"].as_u64().expect("a number")
        as usize;
    let oracle = common::Oracle::new(&contigs, k);
    for (number, ((header, bases), row)) in records(&reprof).iter().zip(&rows).enumerate() {
        let frequencies = || bases.windows(k).map(|kmer| oracle.frequency(kmer));
        let most = frequencies().max().expect("longer than a k-mer");
        let kmer = bases.windows(k).zip(frequencies()).find(|&(_, frequency)| frequency == most).expect("there").0;
        let (copies, length, seed) = (&row["copies"], bases.len(), common::text(kmer));
        let expected = format!("R={number}, seedfreq={most}, elementfreq={copies}, length={length}, Seed={seed}");
        assert_eq!(*header, expected);
        assert!(most > 3 && row["kmer"] == seed && row["kmer_frequency"] == most, "{row}");
        let fields: Vec<&str> = table.lines().nth(number + 1).expect("a row").split('\t').collect();
        assert_eq!(fields[7..10], [row["seed"].as_str().expect("a place"), &seed, &most.to_string()]);
    }
    for (number, ((header, bases), row)) in families.iter().zip(&rows).enumerate() {
        let name = format!("family-{}", number + 1);
        assert_eq!(row["name"], name.as_str());
        assert!(
            header.starts_with(&format!("{name}#Unknown length={} copies={} full_length=", bases.len(), row["copies"])),
            "{header}"
        );
        assert_eq!(row["consensus"], common::text(bases));
        assert!(blocks[number].contains(&format!("#=GF ID    {name}\n")));
        assert!(blocks[number].lines().filter(|line| line.starts_with("chr")).count() >= 3);
    }
    let copies: u64 = rows.iter().map(|row| row["copies"].as_u64().expect("a number")).sum();
    assert_eq!(summary["copies"], copies);
    assert_eq!(run(at, &["families", "genome.reprise", "--drafts", "--format", "tsv"]).code, 2);
}

#[test]
fn without_repeats_there_is_no_family_and_too_little_memory_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    index(at, &genome(4, &[]).0);
    assert_eq!(run(at, &["families", "genome.reprise"]).fine().out, "");
    let ran = run(at, &["families", "genome.reprise", "--max-memory", "16M"]);
    assert_eq!(ran.code, 5, "{}", ran.err);
}

/// An open reading frame: random codons without TAA, TAG and TGA.
fn open_frame(random: &mut Random, codons: usize) -> Vec<u8> {
    let mut bases = b"ATG".to_vec();
    while bases.len() < 3 * codons {
        let codon = random.bases(3);
        if ![b"TAA", b"TAG", b"TGA"].contains(&&[codon[0], codon[1], codon[2]]) {
            bases.extend(codon);
        }
    }
    bases
}

/// A paralogue of a gene: most third bases of codons may change, few others, and there is no stop codon.
fn paralogue(random: &mut Random, gene: &[u8]) -> Vec<u8> {
    let mut bases = gene.to_vec();
    for at in 3..bases.len() {
        let (before, likely) = (bases[at], if at % 3 == 2 { 45 } else { 8 });
        if random.below(100) < likely {
            bases[at] = b"ACGT"[random.below(4)];
            let codon = &bases[at / 3 * 3..(at / 3 * 3 + 3).min(bases.len())];
            if [&b"TAA"[..], b"TAG", b"TGA"].contains(&codon) {
                bases[at] = before;
            }
        }
    }
    bases
}

/// A genome of one contig with pieces in random order, on either strand, and random bases between them.
fn scattered(random: &mut Random, mut pieces: Vec<Vec<u8>>) -> Contig {
    for at in (1..pieces.len()).rev() {
        pieces.swap(at, random.below(at + 1));
    }
    let mut contig = Contig::new("chr1", []);
    for piece in pieces {
        let gap = 3000 + random.below(3000);
        contig.letters.extend(random.bases(gap));
        contig.letters.extend(if random.below(2) == 1 { reverse_complement(&piece) } else { piece });
    }
    contig.letters.extend(random.bases(3000));
    contig
}

#[test]
fn genes_are_not_transposons_but_decayed_families_are() {
    let mut random = Random(8);
    let gene = open_frame(&mut random, 600);
    let element = open_frame(&mut random, 600);
    let mut pieces: Vec<Vec<u8>> = (0..7).map(|_| paralogue(&mut random, &gene)).collect();
    pieces.extend((0..7).map(|_| diverged(&mut random, &element, 14)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    index(folder.path(), &[scattered(&mut random, pieces)]);
    let ran = run(folder.path(), &["families", "genome.reprise", "-o", "f.fa", "--json"]).fine();
    let found = records(&std::fs::read_to_string(folder.path().join("f.fa")).expect("written"));
    assert_eq!(ran.json()["left_out"]["genes"], 1);
    assert_eq!(found.len(), 1);
    assert!(shared(&found[0].1, &element) > 0.6, "{}", found[0].0);
}

#[test]
fn clusters_on_one_strand_are_no_families_but_those_on_both_are() {
    let mut random = Random(31);
    let mut contig = Contig::new("chr1", []);
    let mut elements = Vec::new();
    for both in [false, true] {
        let element = random.bases(1000);
        contig.letters.extend(random.bases(190_000));
        for number in 0..6 {
            let copy = diverged(&mut random, &element, 8);
            contig.letters.extend(if both && number % 2 == 1 { reverse_complement(&copy) } else { copy });
            contig.letters.extend(random.bases(3000));
        }
        elements.push(element);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    index(folder.path(), &[contig]);
    let ran = run(folder.path(), &["families", "genome.reprise", "-o", "f.fa", "--json"]).fine();
    let found = records(&std::fs::read_to_string(folder.path().join("f.fa")).expect("written"));
    assert_eq!((ran.json()["left_out"]["clusters"].as_u64(), found.len()), (Some(1), 1));
    assert!(shared(&found[0].1, &elements[1]) > 0.6, "{}", found[0].0);
}

#[test]
fn solitary_terminal_repeats_are_separated_from_the_interior() {
    let mut random = Random(9);
    let repeat = [b"TG".to_vec(), random.bases(300), b"CA".to_vec()].concat();
    let inside = random.bases(3000);
    let element = [&repeat[..], &inside, &repeat].concat();
    // The first element has nine complete copies, the second two; the third has no solitary repeats.
    let [second, mut third] = [400, 350].map(|length| (random.bases(length), random.bases(2500)));
    third.0[..2].copy_from_slice(b"TG");
    third.0[348..].copy_from_slice(b"CA");
    let whole = |(repeat, inside): &(Vec<u8>, Vec<u8>)| [&repeat[..], inside, repeat].concat();
    let mut pieces: Vec<Vec<u8>> = (0..9).map(|_| diverged(&mut random, &element, 4)).collect();
    pieces.extend((0..25).map(|_| diverged(&mut random, &repeat, 6)));
    pieces.extend((0..2).map(|_| diverged(&mut random, &whole(&second), 1)));
    pieces.extend((0..8).map(|_| diverged(&mut random, &second.0, 8)));
    pieces.extend((0..8).map(|_| diverged(&mut random, &whole(&third), 6)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    index(folder.path(), &[scattered(&mut random, pieces)]);
    let rows = run(folder.path(), &["families", "genome.reprise", "--format", "jsonl"]).fine().json_lines();
    let found = |truth: &[u8]| {
        let is = |row: &&serde_json::Value| {
            let mine = row["consensus"].as_str().expect("text").as_bytes();
            shared(truth, mine) > 0.8 && shared(mine, truth) > 0.8
        };
        let all: Vec<_> = rows
            .iter()
            .map(|row| {
                let mine = row["consensus"].as_str().expect("text").as_bytes();
                (mine.len(), shared(truth, mine), shared(mine, truth), row["evidence"]["part"].as_str())
            })
            .collect();
        rows.iter().find(is).unwrap_or_else(|| panic!("{} bases: {all:?}", truth.len()))
    };
    let told = |truth: &[u8]| {
        let row = found(truth);
        (
            row["evidence"]["part"].as_str().expect("text"),
            row["class"].as_str().expect("text"),
            row["copies"].as_u64().expect("a number"),
        )
    };
    assert_eq!(rows.len(), 5);
    assert_eq!(told(&repeat), ("terminal-repeat", "LTR", 43));
    assert_eq!(told(&inside), ("inside", "LTR", 9));
    assert_eq!(told(&second.1), ("inside", "LTR", 2));
    assert_eq!(told(&second.0).2, 12);
    assert_eq!(told(&whole(&third)), ("whole", "LTR", 8));
    // Both parts of an element have one name and refer to each other.
    for (repeat, inside, copies) in [(&repeat, &inside, 9), (&second.0, &second.1, 2)] {
        let [repeat, inside] = [repeat, inside].map(|truth| found(truth));
        let name = |row: &serde_json::Value| row["name"].as_str().expect("text").to_owned();
        let element = name(repeat).strip_suffix("_LTR").map(str::to_owned);
        assert_eq!(element.as_deref(), name(inside).strip_suffix("-int"), "{repeat} {inside}");
        assert!(element.is_some(), "{repeat}");
        for (row, other) in [(repeat, inside), (inside, repeat)] {
            let part = &row["evidence"]["other_part"];
            assert_eq!((&part["family"], &part["copies"]), (&other["name"], &copies.into()), "{row}");
        }
    }
    let of_whole = found(&whole(&third))["name"].as_str().expect("text");
    assert!(!of_whole.ends_with("-int") && !of_whole.ends_with("_LTR"), "{of_whole}");
}

#[test]
fn old_copies_are_found_next_to_young_duplicates() {
    let mut random = Random(10);
    let element = random.bases(1800);
    // Three nearly equal copies in a row, and four old ones.
    let young = diverged(&mut random, &element, 12);
    let mut row = Vec::new();
    for _ in 0..3 {
        row.extend(diverged(&mut random, &young, 1));
        let between = random.bases(900);
        row.extend(between);
    }
    let mut pieces = vec![row];
    pieces.extend((0..4).map(|_| diverged(&mut random, &element, 14)));
    // Three duplicates of a long region, and a piece of it in a fourth position: they are found too, as long families.
    let place = random.bases(7000);
    pieces.extend((0..3).map(|_| diverged(&mut random, &place, 2)));
    pieces.push(place[3000..3600].to_vec());
    let folder = tempfile::tempdir().expect("a temporary folder");
    index(folder.path(), &[scattered(&mut random, pieces)]);
    let found = records(&run(folder.path(), &["families", "genome.reprise"]).fine().out);
    let old = found.iter().find(|(_, mine)| shared(mine, &element) > 0.6 && shared(&element, mine) > 0.6);
    let copies = old.and_then(|(header, _)| header.split_once("copies=")?.1.split(' ').next()?.parse::<u32>().ok());
    assert!(copies >= Some(4), "{old:?}");
}

/// The number of copies in a header.
fn copies_of(header: &str) -> usize {
    header.split_once("copies=").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok()).expect("copies")
}

#[test]
fn families_are_found_next_to_tandem_arrays_but_not_in_them() {
    let mut random = Random(12);
    let element = random.bases(300);
    let [long, short] = [171, 68].map(|period| random.bases(period));
    let array = |random: &mut Random, unit: &[u8], bases: usize| -> Vec<u8> {
        (0..bases / unit.len()).flat_map(|_| diverged(random, unit, 10)).collect()
    };
    let mut pieces: Vec<Vec<u8>> = (0..46).map(|_| diverged(&mut random, &element, 8)).collect();
    let mut arrays = Vec::new();
    // Seven copies of the family interrupt each array.
    for (unit, bases) in [(&long, 100_000), (&short, 20_000)] {
        for number in 0..8 {
            arrays.extend(array(&mut random, unit, bases / 8));
            if number > 0 {
                arrays.extend(diverged(&mut random, &element, 8));
            }
        }
        arrays.extend(random.bases(4000));
    }
    pieces.push(arrays);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    index(at, &[scattered(&mut random, pieces)]);
    let found = records(&run(at, &["families", "genome.reprise"]).fine().out);
    let headers: Vec<&String> = found.iter().map(|(header, _)| header).collect();
    assert!(shared(&element, &found[0].1) > 0.8 && shared(&found[0].1, &element) > 0.8, "{headers:?}");
    // Units between the pieces of an array may be a family, the arrays are not.
    let others: usize = found[1..].iter().map(|(header, bases)| bases.len() * copies_of(header)).sum();
    assert!(others < 120_000 / 10, "{headers:?}");

    std::fs::write(at.join("f.fa"), fasta(&[Contig::new("element", element)], &PLAIN)).expect("written");
    let annotate = ["annotate", "genome.reprise", "--library", "f.fa", "--formats", "bed", "-q"];
    let rows = run(at, &annotate).fine().out;
    let bases = |is: &dyn Fn(&str) -> bool| -> usize {
        let fields = rows.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let number = |text: &str| text.parse::<usize>().expect("a number");
        fields.filter(|row| is(row[3])).map(|row| number(row[2]) - number(row[1])).sum()
    };
    let arrays = bases(&|name| name.ends_with("#Satellite") || name.ends_with("#Simple_repeat"));
    // A unit with many insertions and deletions is not found.
    assert!((108_000..122_000).contains(&arrays), "{arrays}");
    assert!(bases(&|name| name.starts_with("element")) > 55 * 250);
}

#[test]
fn a_short_element_is_not_part_of_the_duplications_that_contain_it() {
    for seed in 20..26 {
        let mut random = Random(seed);
        let sine = random.bases(300);
        let mut pieces: Vec<Vec<u8>> = (0..80).map(|_| diverged(&mut random, &sine, 12)).collect();
        // Four copies of each of three sequences into which a copy of the element was inserted.
        for _ in 0..3 {
            let mut block = random.bases(3000);
            block.extend(diverged(&mut random, &sine, 8));
            block.extend(random.bases(3000));
            pieces.extend((0..4).map(|_| diverged(&mut random, &block, 2)));
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        index(folder.path(), &[scattered(&mut random, pieces)]);
        let found = records(&run(folder.path(), &["families", "genome.reprise"]).fine().out);
        let described: Vec<(usize, usize)> =
            found.iter().map(|(header, bases)| (bases.len(), copies_of(header))).collect();
        let is_whole = |&(length, copies): &(usize, usize)| (295..=305).contains(&length) && copies >= 65;
        assert!(described.iter().any(is_whole), "seed {seed}: {described:?}");
        // A sequence with the element may get copies that fit its own one better.
        let is_composite = |&(length, copies): &(usize, usize)| length > 1000 && copies > 20;
        assert!(!described.iter().any(is_composite), "seed {seed}: {described:?}");
    }
}

#[test]
fn families_of_genomes_rich_in_a_and_t_are_found() {
    let mut random = Random(80);
    // Four in five bases are A or T.
    let bases = |random: &mut Random, count: usize| -> Vec<u8> {
        (0..count).map(|_| b"ATATATATCG"[random.below(10)]).collect()
    };
    let mutated = |random: &mut Random, element: &[u8]| -> Vec<u8> {
        let base = |&base: &u8| if random.below(100) < 12 { b"ATATATATCG"[random.below(10)] } else { base };
        element.iter().map(base).collect()
    };
    let elements: Vec<Vec<u8>> = [400, 700, 1000, 1500, 2500].map(|length| bases(&mut random, length)).into();
    let mut contig = Contig::new("chr1", []);
    for _ in 0..20 {
        for element in &elements {
            contig.letters.extend(bases(&mut random, 8000));
            contig.letters.extend(mutated(&mut random, element));
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    index(folder.path(), &[contig]);
    let found = records(&run(folder.path(), &["families", "genome.reprise"]).fine().out);
    let lengths: Vec<usize> = found.iter().map(|(_, bases)| bases.len()).collect();
    for element in &elements {
        let is_whole = |bases: &[u8]| {
            bases.len().abs_diff(element.len()) <= 20 && shared(bases, element) > 0.9 && shared(element, bases) > 0.9
        };
        assert!(found.iter().any(|(_, bases)| is_whole(bases)), "{} bases: {lengths:?}", element.len());
    }
}
