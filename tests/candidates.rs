//! Candidates in a genome in which every copy is known: pairs exist and align, and any number of threads finds the
//! same.

mod common;

use std::path::Path;

use common::{Contig, PLAIN, Random, fasta, reverse_complement, run};

/// A genome with copies of three families, `per_cent` diverged, a microsatellite and a tandem repeat; and the contig,
/// start and end of each copy.
fn genome(seed: u64, per_cent: usize) -> (Vec<Contig>, Vec<(usize, usize, usize)>) {
    let mut random = Random(seed);
    let families: Vec<Vec<u8>> = [1200, 400, 700].iter().map(|&length| random.bases(length)).collect();
    let mut contigs = Vec::new();
    let mut copies = Vec::new();
    for number in 0..3 {
        let mut letters = random.bases(1000);
        for copy in 0..8 {
            let mut bases = families[(copy + number) % 3].clone();
            for base in &mut bases {
                if random.below(100) < per_cent {
                    *base = b"ACGT"[random.below(4)];
                }
            }
            let inserted = random.bases(5);
            bases.splice(200..200, inserted);
            if random.below(2) == 1 {
                bases = reverse_complement(&bases);
            }
            copies.push((number, letters.len(), letters.len() + bases.len()));
            letters.extend(bases);
            let gap = 900 + random.below(2000);
            letters.extend(random.bases(gap));
        }
        letters.extend(b"CAT".repeat(100));
        let unit = random.bases(70);
        letters.extend(unit.repeat(5));
        letters.extend(random.bases(800));
        contigs.push(Contig::new(&format!("chr{number}"), letters));
    }
    (contigs, copies)
}

fn index(at: &Path, contigs: &[Contig]) {
    std::fs::write(at.join("genome.fa"), fasta(contigs, &PLAIN)).expect("written");
    run(at, &["build-index", "genome.fa", "-k", "11"]).fine();
}

/// One row of PAF.
struct Row {
    /// Contig, start, end of either region.
    places: [(usize, usize, usize); 2],
    reverse: bool,
    matches: usize,
    columns: usize,
    operations: Vec<(usize, char)>,
    seed: Vec<u8>,
}

fn rows(text: &str, contigs: &[Contig]) -> Vec<Row> {
    let row = |line: &str| {
        let f: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| f[at].parse::<usize>().expect("a number");
        let contig = |at: usize| contigs.iter().position(|c| c.name == f[at]).expect("a contig");
        let places = [(contig(0), number(2), number(3)), (contig(5), number(7), number(8))];
        assert_eq!([number(1), number(6)], places.map(|(c, ..)| contigs[c].letters.len()));
        let tag = |name: &str| f[12..].iter().find_map(|t| t.strip_prefix(name)).expect("a tag");
        let mut operations = Vec::new();
        let mut length = 0;
        for c in tag("cg:Z:").chars() {
            match c.to_digit(10) {
                Some(digit) => length = 10 * length + digit as usize,
                None => operations.push((std::mem::take(&mut length), c)),
            }
        }
        let (matches, columns, seed) = (number(9), number(10), tag("sd:Z:").as_bytes().to_vec());
        Row { places, reverse: f[4] == "-", matches, columns, operations, seed }
    };
    text.lines().map(row).collect()
}

/// Checks a row against the genome: its columns lead to both regions, its matches match, and both regions have the
/// seed.
fn check(row: &Row, contigs: &[Contig], mismatches: usize) {
    let [(a, from, to), (b, start, end)] = row.places;
    let mut query = contigs[a].letters[from..to].to_vec();
    if row.reverse {
        query = reverse_complement(&query);
    }
    let target = &contigs[b].letters[start..end];
    let (mut q, mut t, mut matches, mut columns) = (0, 0, 0, 0);
    for &(length, kind) in &row.operations {
        columns += length;
        match kind {
            'M' => {
                matches += (0..length).filter(|i| query[q + i] == target[t + i]).count();
                (q, t) = (q + length, t + length);
            }
            'I' => q += length,
            'D' => t += length,
            other => panic!("{other} in cg:Z"),
        }
    }
    assert_eq!((q, t), (query.len(), target.len()));
    assert_eq!((matches, columns), (row.matches, row.columns));
    assert!(3 * matches > 2 * columns, "{matches} of {columns}");
    let turned = reverse_complement(&row.seed);
    let near = |window: &[u8], seed: &[u8]| window.iter().zip(seed).filter(|(a, b)| a != b).count() <= mismatches;
    for bases in [&query[..], target] {
        assert!(bases.windows(row.seed.len()).any(|w| near(w, &row.seed) || near(w, &turned)));
    }
    assert!(a != b || to <= start || end <= from, "a place with itself");
}

/// Share of the bases of the copies in some row, and bases of rows outside of copies.
fn covered(rows: &[Row], contigs: &[Contig], copies: &[(usize, usize, usize)]) -> (f64, usize) {
    let mut masks: Vec<Vec<bool>> = contigs.iter().map(|c| vec![false; c.letters.len()]).collect();
    for (contig, start, end) in rows.iter().flat_map(|row| row.places) {
        masks[contig][start..end].fill(true);
    }
    let all: usize = masks.iter().flatten().filter(|&&base| base).count();
    let within =
        |&(contig, start, end): &(usize, usize, usize)| masks[contig][start..end].iter().filter(|&&b| b).count();
    let found: usize = copies.iter().map(within).sum();
    let bases: usize = copies.iter().map(|(_, start, end)| end - start).sum();
    (found as f64 / bases as f64, all - found)
}

#[test]
fn every_copy_is_in_a_pair_and_every_pair_is_true() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    for (seed, per_cent, least) in [(1, 0, 0.999), (2, 8, 0.995), (3, 15, 0.98)] {
        let (contigs, copies) = genome(seed, per_cent);
        index(at, &contigs);
        let found = rows(&run(at, &["candidates", "genome.reprise"]).fine().out, &contigs);
        found.iter().for_each(|row| check(row, &contigs, 0));
        let (share, beside) = covered(&found, &contigs, &copies);
        assert!(share >= least, "{share} of the copies at {per_cent} %");
        for copy in &copies {
            let (share, _) = covered(&found, &contigs, std::slice::from_ref(copy));
            assert!(share > 0.9, "{share} of {copy:?} at {per_cent} %");
        }
        // Ends extend by chance; arrays are not compared with themselves.
        assert!(beside < 40 * copies.len(), "{beside} bases beside copies");
        // Covered regions are skipped: a few pairs for each copy, not one for each seed.
        assert!(found.len() < 20 * copies.len(), "{} pairs", found.len());
        std::fs::remove_dir_all(at.join("genome.reprise")).expect("removed");
    }
}

#[test]
fn mismatches_and_patterns_find_what_exact_seeds_do_not() {
    let mut random = Random(5);
    // Every 13th base differs, so that no two copies share a 13-mer; a decoy makes half of the k-mers seeds.
    let element = random.bases(520);
    let mut other = element.clone();
    let last = other.len() - 1;
    (0..last).step_by(13).chain([last]).for_each(|at| {
        let base = &mut other[at];
        *base = if *base == b'A' { b'C' } else { b'A' };
    });
    let decoy = element[..300].to_vec();
    let mut letters = random.bases(2000);
    for bases in [&element, &decoy, &other] {
        letters.extend(bases.iter());
        let gap = random.bases(3000);
        letters.extend(gap);
    }
    let contigs = [Contig::new("chr0", letters)];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::write(at.join("genome.fa"), fasta(&contigs, &PLAIN)).expect("written");
    run(at, &["build-index", "genome.fa", "-k", "13", "--min-frequency", "1"]).fine();
    let third = 2000 + 520 + 3000 + 300 + 3000;
    let with_third = |more: &[&str], mismatches| {
        let text = run(at, &[&["candidates", "genome.reprise"], more].concat()).fine().out;
        let found = rows(&text, &contigs);
        found.iter().for_each(|row| check(row, &contigs, mismatches));
        found.iter().filter(|row| row.places.iter().any(|&(_, start, end)| start < third + 520 && third < end)).count()
    };
    assert_eq!(with_third(&[], 0), 0);
    assert!(with_third(&["--seed-mismatches", "1"], 1) > 0);
    let patterns = ["--spaced", "0000011111111", "--spaced", "1111100000111", "--spaced", "1111111111000"];
    assert!(with_third(&patterns, 5) > 0);
    // Wrong patterns are errors.
    run(at, &["candidates", "genome.reprise", "--spaced", "111"]).failed(2, &["13 letters"]);
    run(at, &["candidates", "genome.reprise", "--spaced", "1000000111111"]).failed(2, &["at most 5"]);
    assert_eq!(run(at, &["candidates", "genome.reprise", "--spaced", "11a"]).code, 2);
}

#[test]
fn threads_and_memory_change_nothing_and_the_summary_agrees() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let (contigs, copies) = genome(4, 10);
    index(at, &contigs);
    let of = |more: &[&str]| run(at, &[&["candidates", "genome.reprise"], more].concat());
    let one = of(&["-t", "1"]).fine().out;
    assert!(one.lines().count() >= copies.len() / 2);
    for more in [&["-t", "2"][..], &["-t", "8"], &["-t", "3", "--low-memory"], &["-t", "2", "--max-memory", "24M"]] {
        assert_eq!(of(more).fine().out, one, "{more:?}");
    }
    of(&["--max-memory", "24M", "--max-extend", "1000000"]).failed(5, &["--max-memory"]);

    let summary = of(&["--json", "-o", "pairs.paf"]).fine().json();
    assert_eq!(std::fs::read_to_string(at.join("pairs.paf")).expect("written"), one);
    let found = rows(&one, &contigs);
    assert_eq!(summary["pairs"], found.len());
    let (share, beside) = covered(&found, &contigs, &copies);
    let bases: usize = copies.iter().map(|(_, start, end)| end - start).sum();
    assert_eq!(summary["bases"], (share * bases as f64).round() as usize + beside);
    assert!(summary["low_complexity"].as_u64() > Some(0) && summary["candidates"].as_u64() > Some(0));

    // Flags change the output.
    let long = rows(&of(&["--min-length", "600"]).fine().out, &contigs);
    let short = |row: &Row| row.places.iter().any(|(_, start, end)| end - start < 600);
    assert!(!long.is_empty() && !long.iter().any(short) && found.iter().any(short));
    let near = rows(&of(&["--max-extend", "100"]).fine().out, &contigs);
    assert!(near.iter().flat_map(|row| row.places).all(|(_, start, end)| end - start <= 210));
    assert!(of(&["--min-frequency", "9"]).fine().out.lines().count() < found.len());
    assert_eq!(of(&["--min-length", "5000"]).fine().out, "");
    assert!(of(&["--max-e-value", "1e-200"]).fine().out.lines().count() < found.len());
}
