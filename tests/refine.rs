//! Refinement on simulated genomes: poor drafts become complete families, the same for any number of threads.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::reverse_complement;
use reprise::builder::{BuildOptions, build_index};
use reprise::families::{Family, FamilyCopy, RefineOptions, Refined, refine, seed_alignments, statistics};
use reprise::formats::{FamilyFormat, families, stockholm};
use reprise::kmer::Strand;
use reprise::memory::Budget;
use reprise::random::Random;
use reprise::sequence::{BASES, Source, base_code};
use reprise::simulate::{Origin, Planted, Simulation, SimulationOptions};
use reprise::{Index, Silent};

fn indexed(folder: &Path, simulation: &Simulation) -> Index {
    let mut text = Vec::new();
    for (number, contig) in simulation.contigs.iter().enumerate() {
        text.extend_from_slice(format!(">chr{}\n", number + 1).as_bytes());
        text.extend_from_slice(contig);
        text.push(b'\n');
    }
    let genome = folder.join("g.fa");
    std::fs::write(&genome, text).expect("written");
    let target = folder.join("g.reprise");
    let budget = Budget::new(1 << 30);
    build_index(&[Source::new(&genome)], &target, &BuildOptions::default(), &budget, &Silent).expect("an index");
    Index::open(&target).expect("it opens")
}

/// A draft: letters, one in twelve wrong.
fn draft(random: &mut Random, letters: &[u8]) -> Family {
    let wrong = |random: &mut Random, code: u8| if random.below(12) == 0 { random.below(4) as u8 } else { code };
    let consensus = letters.iter().map(|&letter| wrong(random, base_code(letter).expect("ACGT") as u8)).collect();
    let seed = FamilyCopy { genome: 0..1, strand: Strand::Forward, consensus: 0..1 };
    Family { consensus, seed, copies: Vec::new() }
}

fn refined(index: &Index, drafts: &[Family], threads: usize) -> Refined {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let budget = Budget::new(1 << 30);
    pool.install(|| refine(index, drafts.to_vec(), &RefineOptions::default(), &budget, &Silent)).expect("refined")
}

fn letters(codes: &[u8]) -> Vec<u8> {
    codes.iter().map(|&code| BASES[usize::from(code)]).collect()
}

/// Share of the 12-mers of one sequence that the other has, on the better strand.
fn shared(of: &[u8], with: &[u8]) -> f64 {
    let known: BTreeSet<&[u8]> = with.windows(12).collect();
    let turned = reverse_complement(of);
    let count = |text: &[u8]| text.windows(12).filter(|word| known.contains(word)).count();
    count(of).max(count(&turned)) as f64 / of.len().saturating_sub(11).max(1) as f64
}

/// Whether a family is the planted one: each has nine tenths of the 12-mers of the other.
fn is_whole(family: &[u8], planted: &[u8]) -> bool {
    shared(family, planted) > 0.9 && shared(planted, family) > 0.9
}

fn options(seed: u64) -> SimulationOptions {
    SimulationOptions {
        seed,
        bases: 500_000,
        families: 7,
        copies: (8, 30),
        divergence: (20, 150),
        ..SimulationOptions::default()
    }
}

#[test]
fn families_are_completed_from_two_hundred_bases_of_their_middle() {
    for seed in [1, 2] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let simulation = Simulation::new(&options(seed));
        let index = indexed(folder.path(), &simulation);
        let mut random = Random::new(seed);
        let drafts: Vec<Family> = simulation
            .families
            .iter()
            .map(|planted| {
                let middle = planted.consensus.len() / 2;
                draft(
                    &mut random,
                    &planted.consensus[middle.saturating_sub(100)..(middle + 100).min(planted.consensus.len())],
                )
            })
            .collect();
        let refined = refined(&index, &drafts, 2);
        let found: Vec<Vec<u8>> = refined.families.iter().map(|f| letters(&f.consensus)).collect();
        let whole = simulation.families.iter().filter(|p| found.iter().any(|f| is_whole(f, &p.consensus))).count();
        let lengths: Vec<usize> = found.iter().map(Vec::len).collect();
        assert_eq!((whole, found.len()), (7, 7), "seed {seed}: {lengths:?}");
    }
}

#[test]
fn pieces_become_one_family_and_false_drafts_are_rejected() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let simulation = Simulation::new(&SimulationOptions { others: 4, ..options(3) });
    let index = indexed(folder.path(), &simulation);
    let mut random = Random::new(3);
    let mut drafts = Vec::new();
    for planted in &simulation.families {
        for _ in 0..(planted.consensus.len() / 500).max(1) {
            let length = random.within(100..planted.consensus.len().clamp(101, 900));
            let start = random.within(0..planted.consensus.len() - length + 1);
            drafts.push(draft(&mut random, &planted.consensus[start..start + length]));
        }
    }
    // Segmental duplications of two copies, and tandem arrays at one position each.
    let mut others = 0;
    for copy in simulation.copies.iter().filter(|copy| copy.range.len() > 400) {
        if copy.origin == Origin::Duplication || copy.origin == Origin::Tandem {
            let middle = copy.range.start + copy.range.len() / 2;
            drafts.push(draft(&mut random, &simulation.contigs[copy.contig][middle - 150..middle + 150]));
            others += 1;
        }
    }
    assert!(others >= 6, "{others} drafts that are no family");
    let refined = refined(&index, &drafts, 2);
    let found: Vec<Vec<u8>> = refined.families.iter().map(|f| letters(&f.consensus)).collect();
    assert_eq!(found.len(), 7, "{} families from {} drafts", found.len(), drafts.len());
    for planted in &simulation.families {
        let of = found.iter().filter(|family| shared(family, &planted.consensus) > 0.5).count();
        assert_eq!(of, 1, "families that are {}", planted.name);
    }
    let whole = |p: &&Planted| found.iter().any(|f| is_whole(f, &p.consensus));
    assert!(simulation.families.iter().filter(whole).count() >= 6, "the ends of one may be off");
    let left = refined.left_out;
    assert!(
        left.contained > 0 && left.few_copies + left.tandem_arrays + left.simple + left.like_flanks > 0,
        "{left:?}"
    );
}

/// Two complete copies are enough for an element with terminal repeats, even if its beginning has many more copies.
#[test]
fn two_complete_copies_of_an_element_outweigh_many_fragments() {
    let mut random = Random::new(11);
    let mut bases = |n: usize| -> Vec<u8> { (0..n).map(|_| BASES[random.below(4)]).collect() };
    let repeat = bases(500);
    let element = [&repeat[..], &bases(4000), &repeat].concat();
    let mut genome = bases(3000);
    for number in 0..26 {
        let piece = match number {
            5 | 17 => &element[..],
            _ => &element[550 + 4 * number..900 + 4 * number],
        };
        genome.extend_from_slice(piece);
        genome.extend(bases(3000));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let simulation = Simulation { contigs: vec![genome], families: Vec::new(), copies: Vec::new() };
    let index = indexed(folder.path(), &simulation);
    let drafts = [draft(&mut Random::new(12), &element)];
    let found: Vec<Vec<u8>> = refined(&index, &drafts, 2).families.iter().map(|f| letters(&f.consensus)).collect();
    let whole = found.iter().any(|family| is_whole(family, &element));
    assert!(whole, "{:?}", found.iter().map(Vec::len).collect::<Vec<_>>());
}

/// A family of two elements that often lie near each other is split into them, although most of its copies of the one
/// could continue in a copy of the other behind an insertion.
#[test]
fn neighbouring_elements_do_not_make_one_family() {
    let mut random = Random::new(13);
    let mut bases = |n: usize| -> Vec<u8> { (0..n).map(|_| BASES[random.below(4)]).collect() };
    let elements = [bases(260), bases(280)];
    let mut genome = bases(3000);
    for number in 0..40 {
        for element in &elements {
            genome.extend_from_slice(element);
            // Two of the forty are next to each other.
            let gap = if number % 20 == 7 { 0 } else { 400 + 10 * number };
            genome.extend(bases(gap));
        }
        genome.extend(bases(3000));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let simulation = Simulation { contigs: vec![genome], families: Vec::new(), copies: Vec::new() };
    let index = indexed(folder.path(), &simulation);
    let drafts = [draft(&mut Random::new(14), &elements.concat())];
    let found: Vec<Vec<u8>> = refined(&index, &drafts, 2).families.iter().map(|f| letters(&f.consensus)).collect();
    let lengths: Vec<usize> = found.iter().map(Vec::len).collect();
    for element in &elements {
        assert!(found.iter().any(|family| is_whole(family, element)), "{} bases: {lengths:?}", element.len());
    }
}

#[test]
fn the_same_bytes_for_any_number_of_threads_and_a_table_near_the_truth() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let simulation = Simulation::new(&SimulationOptions { bases: 200_000, families: 4, ..options(5) });
    let index = indexed(folder.path(), &simulation);
    let mut random = Random::new(5);
    let drafts: Vec<Family> = simulation
        .families
        .iter()
        .flat_map(|planted| {
            let half = planted.consensus.len() / 2;
            [draft(&mut random, &planted.consensus[..half]), draft(&mut random, &planted.consensus[half..])]
        })
        .collect();
    let texts = |threads: usize| {
        let refined = refined(&index, &drafts, threads);
        let table = statistics(&index, &refined.families, None, None).expect("statistics");
        let mut alignments = Vec::new();
        seed_alignments(&index, &refined.families, |number, alignment| {
            assert!(alignment.rows.iter().all(|(_, row)| row.len() == alignment.reference.len()));
            let columns = alignment.reference.iter().filter(|&&c| c == b'x').count();
            assert_eq!(columns as u64, table[number].length);
            stockholm(&mut alignments, &table[number], &alignment, None);
            Ok(())
        })
        .expect("seed alignments");
        (families(&table, FamilyFormat::Fasta), families(&table, FamilyFormat::Tsv), alignments, refined, table)
    };
    let (fasta, tsv, alignments, refined, table) = texts(1);
    for threads in [2, 8] {
        let other = texts(threads);
        assert!((&fasta, &tsv, &alignments) == (&other.0, &other.1, &other.2), "{threads} threads");
    }
    assert_eq!(table.len(), 4);
    for (row, family) in table.iter().zip(&refined.families) {
        let share = |p: &Planted| shared(&letters(&family.consensus), &p.consensus);
        let (number, planted) = (0..)
            .zip(&simulation.families)
            .max_by(|(_, a), (_, b)| share(a).total_cmp(&share(b)))
            .expect("there are families");
        assert!(share(planted) > 0.5, "{} of {}", share(planted), planted.name);
        let own: Vec<_> = simulation.copies.iter().filter(|c| c.origin == Origin::Family(number)).collect();
        let insertions: BTreeSet<usize> = own.iter().map(|c| c.insertion).collect();
        let (count, copies) = (insertions.len() as f64, row.copies as f64);
        assert!((0.8 * count..=1.3 * count).contains(&copies), "{}: {copies} of {count} copies", planted.name);
        let mean = own.iter().map(|c| c.divergence as f64).sum::<f64>() / own.len() as f64 / 10.0;
        // Kimura's distance is above the share of changed bases, since 15 of 100 are indels that it does not count.
        assert!(
            (0.6 * mean..1.3 * mean + 1.0).contains(&row.divergence),
            "{}: {} of {mean}",
            planted.name,
            row.divergence
        );
        assert!(!row.tandem);
        // The class also needs the marks of insertions, which copies of other ends may hide.
        assert_eq!(row.terminal_repeat > 0, planted.terminal > 0, "{}: {}", planted.name, row.evidence);
        assert!(row.class == "LTR" || row.class == "Unknown", "{}: {}", planted.name, row.class);
    }
    // Every row of an alignment has the bases of the genome at its position.
    let text = String::from_utf8(alignments).expect("ASCII");
    let mut checked = 0;
    for line in text.lines().filter(|line| line.starts_with("chr")) {
        let (name, row) = line.split_once("  ").expect("name and letters");
        let (contig, places) = name.trim().split_once(':').expect("a place");
        let (first, last) = places.split_once('-').expect("two ends");
        let (first, last): (usize, usize) = (first.parse().expect("a number"), last.parse().expect("a number"));
        let contig = &simulation.contigs[contig[3..].parse::<usize>().expect("a number") - 1];
        let read: Vec<u8> = row.bytes().filter(u8::is_ascii_alphabetic).collect();
        let bases = &contig[first.min(last) - 1..first.max(last)];
        assert_eq!(read, if first <= last { bases.to_vec() } else { reverse_complement(bases) }, "{name}");
        checked += 1;
    }
    assert!(checked > 20);
}

/// A copy of which `per_mille` of the bases differ; one difference in seven is an insertion or a deletion.
fn diverged(random: &mut Random, letters: &[u8], per_mille: usize) -> Vec<u8> {
    let mut copy = Vec::new();
    for &letter in letters {
        if random.below(1000) >= per_mille {
            copy.push(letter);
            continue;
        }
        match random.below(14) {
            0 => {}
            1 => copy.extend([letter, BASES[random.below(4)]]),
            _ => copy.push(BASES[(base_code(letter).expect("ACGT") as usize + 1 + random.below(3)) & 3]),
        }
    }
    copy
}

/// By how many bases a family begins before the planted sequence; negative if it begins after it.
fn overhang(family: &[u8], planted: &[u8]) -> Option<i64> {
    const WORD: usize = 14;
    (0..planted.len() / 2).find_map(|at| {
        let word = &planted[at..at + WORD];
        let position = family.windows(WORD).position(|other| other == word)?;
        Some(position as i64 - at as i64)
    })
}

/// Alignments and extensions continue beyond the true end of copies by chance; families must not.
#[test]
fn families_end_where_their_copies_end() {
    let mut random = Random::new(21);
    let mut genome = random.bases(500);
    let (mut planted, mut inserts) = (Vec::new(), Vec::new());
    for copies in [6, 10, 20, 40] {
        for per_mille in [50, 100, 150, 200, 250] {
            let length = random.within(200..600);
            inserts.extend((0..copies).map(|_| (planted.len(), per_mille)));
            planted.push(random.bases(length));
        }
    }
    for _ in 0..inserts.len() {
        let (family, per_mille) = inserts.swap_remove(random.below(inserts.len()));
        let copy = diverged(&mut random, &planted[family], per_mille);
        genome.extend(if random.below(2) == 0 { copy } else { reverse_complement(&copy) });
        let length = random.within(150..450);
        genome.extend(random.bases(length));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let simulation = Simulation { contigs: vec![genome], families: Vec::new(), copies: Vec::new() };
    let index = indexed(folder.path(), &simulation);
    let drafts: Vec<Family> = planted.iter().map(|p| draft(&mut random, &p[p.len() / 4..p.len() * 3 / 4])).collect();
    let refined = refined(&index, &drafts, 2);
    let mut overhangs = Vec::new();
    for family in &refined.families {
        let family = letters(&family.consensus);
        let of = planted.iter().max_by(|a, b| shared(a, &family).total_cmp(&shared(b, &family))).expect("a family");
        let (turned, of_turned) = (reverse_complement(&family), reverse_complement(of));
        // Both ends, on whichever strand the family is.
        for (one, other) in [(&family, of), (&family, &of_turned), (&turned, of), (&turned, &of_turned)] {
            overhangs.extend(overhang(one, other));
        }
    }
    assert_eq!(refined.families.len(), planted.len(), "{overhangs:?}");
    let exact = overhangs.iter().filter(|&&overhang| overhang == 0).count();
    assert!(3 * exact >= 2 * overhangs.len(), "{exact} exact: {overhangs:?}");
    let far = overhangs.iter().filter(|overhang| overhang.abs() > 8).count();
    assert!(20 * far <= overhangs.len(), "{far} far: {overhangs:?}");
}
