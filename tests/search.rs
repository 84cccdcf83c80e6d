//! Searches a genome in which every copy is known for a library.

mod common;

use std::path::Path;

use common::{Contig, PLAIN, Random, fasta, reverse_complement};
use reprise::align::{Alignment, ContigRange, Library, OperationKind, SearchOptions, search};
use reprise::builder::{BuildOptions, build_index};
use reprise::kmer::Strand;
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Index, Silent};

/// A planted copy: contig, start, end, query, strand, start and end in the query.
type Copy = (u32, u64, u64, u32, Strand, u32, u32);

/// A copy with a share of its bases substituted, two transitions to a transversion, and some short gaps.
fn diverged(random: &mut Random, bases: &[u8], per_mille: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for &base in bases {
        match random.below(1000 * 30) {
            x if x < per_mille => {}
            x if x < 2 * per_mille => {
                out.push(base);
                let length = random.below(6);
                out.extend(random.bases(length));
            }
            _ if random.below(1000) < per_mille => {
                let letters = match base {
                    b'A' => b"GGCT",
                    b'G' => b"AACT",
                    b'C' => b"TTAG",
                    _ => b"CCAG",
                };
                let choice = random.below(6);
                out.push(letters[if choice < 4 { choice / 2 } else { choice - 2 }]);
            }
            _ => out.push(base),
        }
    }
    out
}

struct Plant {
    _folder: tempfile::TempDir,
    index: Index,
    library: Library,
    contigs: Vec<Contig>,
    copies: Vec<Copy>,
}

fn plant(seed: u64, per_mille: usize) -> Plant {
    let mut random = Random(seed);
    let mut library = Library::default();
    let consensi: Vec<Vec<u8>> = [300, 1200, 3500].iter().map(|&length| random.bases(length)).collect();
    for (i, consensus) in consensi.iter().enumerate() {
        library.push(format!("family{i}#Unknown"), consensus.clone());
    }
    let (mut contigs, mut copies) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let mut letters = random.bases(500);
        for _ in 0..12 {
            let query = random.below(3);
            let consensus = &consensi[query];
            let start = if random.below(2) == 0 { 0 } else { random.below(consensus.len() / 2) };
            let end = consensus.len().min(start + 150 + random.below(consensus.len()));
            let mut copy = diverged(&mut random, &consensus[start..end], per_mille);
            let mut strand = Strand::Forward;
            if random.below(2) == 0 {
                copy = reverse_complement(&copy);
                strand = Strand::Reverse;
            }
            let at = letters.len() as u64;
            letters.extend_from_slice(&copy);
            copies.push((number, at, letters.len() as u64, query as u32, strand, start as u32, end as u32));
            let gap = 200 + random.below(3000);
            letters.extend(random.bases(gap));
            if random.below(3) == 0 {
                letters.extend_from_slice(&[b'N'; 70]);
            }
        }
        contigs.push(Contig::new(&format!("contig{number}"), letters));
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let index = indexed(folder.path(), &contigs);
    Plant { _folder: folder, index, library, contigs, copies }
}

fn indexed(folder: &Path, contigs: &[Contig]) -> Index {
    let genome = folder.join("genome.fa");
    std::fs::write(&genome, fasta(contigs, &PLAIN)).expect("written");
    let target = folder.join("genome.reprise");
    build_index(&[Source::new(&genome)], &target, &BuildOptions::default(), &Budget::new(1 << 30), &Silent)
        .expect("built");
    Index::open(&target).expect("opened")
}

fn found(plant: &Plant, options: &SearchOptions) -> Vec<Alignment> {
    search(&plant.index, &plant.library, options, &Budget::new(1 << 30), &Silent).expect("searched")
}

fn near(a: &Alignment, copy: &Copy, slack: u64) -> bool {
    let &(contig, start, end, query, strand, ..) = copy;
    (a.contig, a.query, a.strand) == (contig, query, strand)
        && a.range.start.abs_diff(start) <= slack
        && a.range.end.abs_diff(end) <= slack
}

#[test]
fn every_copy_is_found_with_its_ends() {
    for (seed, per_mille, slack) in [(1, 0, 4), (2, 50, 6), (3, 120, 15), (4, 250, 40)] {
        let plant = plant(seed, per_mille);
        let found = found(&plant, &SearchOptions::default());
        for copy in &plant.copies {
            assert!(
                found.iter().any(|a| near(a, copy, slack)),
                "{per_mille} ‰: {copy:?} is not among {:#?}",
                found
                    .iter()
                    .filter(|a| a.contig == copy.0 && a.range.start < copy.2 && a.range.end > copy.1)
                    .collect::<Vec<_>>()
            );
        }
        for a in &found {
            let overlaps = |c: &Copy| c.0 == a.contig && c.1 < a.range.end && a.range.start < c.2;
            assert!(plant.copies.iter().any(overlaps), "by chance: {a:?}");
            assert!(a.e_value <= 1e-3 && a.score > 0);
        }
    }
}

#[test]
fn columns_are_those_of_the_bases() {
    let plant = plant(5, 150);
    let found = found(&plant, &SearchOptions::default());
    assert!(found.len() >= plant.copies.len());
    for a in found {
        let query = &plant.library.sequence(a.query as usize)[a.query_range.start as usize..a.query_range.end as usize];
        let query = if a.strand == Strand::Reverse { reverse_complement(query) } else { query.to_vec() };
        let genome = &plant.contigs[a.contig as usize].letters[a.range.start as usize..a.range.end as usize];
        let (mut q, mut g) = (0, 0);
        let mut equal = 0;
        for operation in a.operations.iter() {
            let length = operation.length as usize;
            match operation.kind {
                OperationKind::Pair => {
                    equal += query[q..q + length].iter().zip(&genome[g..g + length]).filter(|(a, b)| a == b).count();
                    (q, g) = (q + length, g + length);
                }
                OperationKind::Insertion => g += length,
                OperationKind::Deletion => q += length,
            }
        }
        assert_eq!((q, g), (query.len(), genome.len()));
        assert_eq!(equal, a.counts.matches as usize);
        assert!(a.counts.kimura() < 0.3 && a.counts.kimura_without_cpg() <= a.counts.kimura());
    }
}

#[test]
fn threads_and_regions_change_nothing() {
    let plant = plant(6, 100);
    let all = found(&plant, &SearchOptions::default());
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        assert_eq!(pool.install(|| found(&plant, &SearchOptions::default())), all);
    }
    assert!(all.is_sorted_by_key(|a| a.sort_key()));
    // A region that ends between two copies has the copies before it; one that ends within a copy cuts it.
    let copy = &plant.copies[3];
    let middle = (copy.1 + copy.2) / 2;
    let within =
        |range| SearchOptions { within: Some(vec![ContigRange { contig: 0, range }]), ..SearchOptions::default() };
    let before = found(&plant, &within(0..copy.1 - 50));
    assert!(!before.is_empty());
    assert_eq!(
        before.iter().map(|a| a.sort_key()).collect::<Vec<_>>(),
        all.iter().filter(|a| a.contig == 0 && a.range.end < copy.1).map(|a| a.sort_key()).collect::<Vec<_>>()
    );
    let cut = found(&plant, &within(copy.1..middle));
    assert!(cut.iter().any(|a| a.query == copy.3 && a.range.end == middle), "{cut:?}");
}

#[test]
fn units_of_a_tandem_repeat_are_aligned_separately_if_requested() {
    let mut random = Random(9);
    let unit = random.bases(60);
    let mut letters = random.bases(3000);
    letters.extend((0..40).flat_map(|_| diverged(&mut random, &unit, 60)).collect::<Vec<u8>>());
    letters.extend(random.bases(3000));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let index = indexed(folder.path(), &[Contig::new("chr1", letters)]);
    let mut library = Library::default();
    library.push("array", unit.repeat(6));
    let found_with = |skip_nested| {
        let options = SearchOptions { skip_nested, ..SearchOptions::default() };
        search(&index, &library, &options, &Budget::new(1 << 30), &Silent).expect("searched")
    };
    let covered = |found: &[Alignment]| {
        let mut bases = std::collections::BTreeSet::new();
        found.iter().for_each(|a| bases.extend(a.range.clone()));
        bases.len()
    };
    let (all, outer) = (found_with(false), found_with(true));
    assert!(2 * outer.len() < all.len(), "{} of {}", outer.len(), all.len());
    assert!(covered(&outer) * 100 >= covered(&all) * 99);
}

#[test]
fn a_library_in_parts_has_the_same_alignments() {
    let plant = plant(5, 100);
    let mut random = Random(6);
    let mut library = Library::default();
    for number in 0..150 {
        if number % 50 == 25 {
            library.push(plant.library.name(number / 50), plant.library.sequence(number / 50));
        }
        library.push(format!("unrelated{number}"), random.bases(4000));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    let with = |mebibytes: u64| {
        let budget = Budget::new(mebibytes << 20);
        let found = pool.install(|| search(&plant.index, &library, &SearchOptions::default(), &budget, &Silent));
        let seeds = budget.usage().into_iter().find(|usage| usage.component.name() == "seeds");
        (found.expect("no error"), seeds.expect("a search has seeds").peak)
    };
    let (whole, of_whole) = with(1024);
    assert!(whole.len() >= plant.copies.len());
    for mebibytes in [64, 48] {
        let (found, of_parts) = with(mebibytes);
        assert!(2 * of_parts <= mebibytes << 20 && of_parts < of_whole, "{of_parts} of {of_whole} bytes");
        assert_eq!(found, whole);
    }
}

#[test]
fn too_little_memory_is_an_error() {
    let plant = plant(7, 100);
    let error = search(&plant.index, &plant.library, &SearchOptions::default(), &Budget::new(1 << 20), &Silent)
        .expect_err("too little");
    assert_eq!(error.exit_code(), 5);
}

/// Bases that are mostly one of two letters.
fn of_two(random: &mut Random, [first, second]: [u8; 2], length: usize) -> Vec<u8> {
    let letter = |random: &mut Random| match random.below(100) {
        0..60 => first,
        60..94 => second,
        _ => b"ACGT"[random.below(4)],
    };
    (0..length).map(|_| letter(random)).collect()
}

#[test]
fn low_complexity_sequences_do_not_match_each_other() {
    let mut random = Random(41);
    let mut genome = Vec::new();
    for _ in 0..60 {
        genome.extend(random.bases(1500));
        genome.extend(of_two(&mut random, *b"AC", 400));
    }
    let mut library = Library::default();
    library.push("rich in A and C", of_two(&mut random, *b"AC", 600));
    // A real copy that is rich in A and C is found.
    let element = of_two(&mut random, *b"AC", 500);
    library.push("element", element.clone());
    genome.extend(diverged(&mut random, &element, 60));
    genome.extend(random.bases(1000));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let index = indexed(folder.path(), &[Contig::new("chr1", genome)]);
    let found = search(&index, &library, &SearchOptions::default(), &Budget::new(1 << 30), &Silent).expect("searched");
    let of = |query| found.iter().filter(|a| a.query == query).map(|a| a.range.clone()).collect::<Vec<_>>();
    assert_eq!(of(0), []);
    assert_eq!(of(1).len(), 1, "{:?}", of(1));
    assert!(of(1)[0].start.abs_diff(60 * 1900) < 20);
}

#[test]
fn a_genome_without_copies_has_no_alignments() {
    let mut plant = plant(8, 100);
    plant.library = Library::default();
    assert!(found(&plant, &SearchOptions::default()).is_empty());
    plant.library.push("strange", "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN");
    plant.library.push("short", "ACGT");
    plant.library.push("empty", "");
    plant.library.push("monotonous", vec![b'A'; 300]);
    let random = Random(99).bases(5000);
    plant.library.push("random", random);
    assert!(found(&plant, &SearchOptions::default()).is_empty());
}
