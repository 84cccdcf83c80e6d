//! Compares an index with the text of its genome: random and hostile genomes, every k at which codes change their
//! width, every filter, and every way in which FASTA is written and compressed.

mod common;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use common::{Contig, Oracle, PLAIN, Place, Random, Text, canonical, fasta, gzip, text};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use reprise::builder::{BuildOptions, build_index, default_k};
use reprise::dictionary::LayoutKind;
use reprise::index::{Depth, Position};
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Error, Index, Silent};

const KS: [u32; 7] = [1, 2, 3, 15, 16, 31, 32];

/// Compression of a genome.
#[derive(Debug, Clone, Copy)]
enum Packing {
    Plain,
    /// Members.
    Gzip(usize),
    Zstd,
}

fn pack(bytes: &[u8], packing: Packing) -> Vec<u8> {
    match packing {
        Packing::Plain => bytes.to_vec(),
        Packing::Gzip(members) => gzip(bytes, members),
        Packing::Zstd => zstd::encode_all(bytes, 1).expect("zstd into memory"),
    }
}

fn place(position: &Position) -> Place {
    (position.contig, position.start, position.strand.symbol())
}

/// The letters that an index stores: case kept, anything but ACGT as N.
fn kept_letters(letters: &[u8]) -> String {
    let keep = |&b: &u8| match (b.to_ascii_uppercase(), b.is_ascii_lowercase()) {
        (b'A' | b'C' | b'G' | b'T', _) => char::from(b),
        (_, true) => 'n',
        (_, false) => 'N',
    };
    letters.iter().map(keep).collect()
}

fn is_acgt(letter: &u8) -> bool {
    b"ACGTacgt".contains(letter)
}

/// The contigs with T for each U, as they are read.
fn as_dna(contigs: &[Contig]) -> Vec<Contig> {
    let dna = |&letter: &u8| if matches!(letter, b'U' | b'u') { letter - 1 } else { letter };
    let contig = |c: &Contig| Contig { letters: c.letters.iter().map(dna).collect(), ..c.clone() };
    contigs.iter().map(contig).collect()
}

/// Builds an index from the bytes of a FASTA file and compares all its answers with the text of the genome.
fn check(contigs: &[Contig], bytes: &[u8], options: &BuildOptions) {
    let contigs = &as_dna(contigs)[..];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let genome = folder.path().join("genome.fa");
    std::fs::write(&genome, bytes).expect("the genome can be written");
    let target = folder.path().join("genome.reprise");
    let built = build_index(&[Source::new(&genome)], &target, options, &Budget::new(1 << 30), &Silent);

    let all = || contigs.iter().flat_map(|c| &c.letters);
    let (bases, acgt) = (all().count() as u64, all().filter(|b| is_acgt(b)).count() as u64);
    let longest = contigs.iter().map(|c| c.letters.len()).max().unwrap_or(0);
    if acgt == 0 {
        assert!(matches!(built, Err(Error::Input { .. })), "no ACGT: {built:?}");
        assert!(!target.exists());
        return;
    }
    if options.k.is_some_and(|k| k as usize > longest) {
        assert!(matches!(built, Err(Error::Parameter(_))), "k above the longest contig: {built:?}");
        assert!(!target.exists());
        return;
    }
    let k = options.k.unwrap_or_else(|| default_k(bases).min(longest as u32)) as usize;
    let oracle = Oracle::new(contigs, k);
    if oracle.kmers.is_empty() {
        assert!(matches!(built, Err(Error::NoKmers { .. })), "no k-mer: {built:?}");
        assert!(!target.exists());
        return;
    }
    let report = built.expect("the genome has k-mers");
    let index = Index::open(&target).expect("the index opens");
    index.verify(Depth::Sequence, &Silent).expect("the index is sound");
    assert_eq!(index.k() as usize, k);
    assert_eq!(*index.manifest(), report.manifest);

    let keeps = |f: u64| f >= options.min_frequency && options.max_frequency.is_none_or(|max| f <= max);
    let kept = |f: u64| if keeps(f) { f } else { 0 };
    let limit = |f: u64| options.max_positions.map_or(f, |max| f.min(max));

    check_totals(contigs, &oracle, &index, keeps, limit);
    check_bases(contigs, &index);

    // Every k-mer of the genome on both strands, and many absent ones: all for a small k, else neighbours of present
    // ones and random ones.
    let mut random = Random(bases ^ k as u64);
    let mut asked: Vec<Vec<u8>> = Vec::new();
    for kmer in oracle.kmers.keys() {
        asked.push(kmer.clone());
        asked.push(common::reverse_complement(kmer));
        let mut near = kmer.clone();
        near[random.below(k)] = b"ACGT"[random.below(4)];
        asked.push(near);
    }
    if k <= 3 {
        let letters = |code: usize| (0..k).map(|i| b"ACGT"[code >> (2 * i) & 3]).collect();
        asked.extend((0..1usize << (2 * k)).map(letters));
    } else {
        asked.extend((0..300).map(|_| random.bases(k)));
    }
    let codes: Vec<u64> = asked.iter().map(|kmer| index.encode(kmer).expect("a k-mer")).collect();
    let mut batch = index.batch();
    let in_batch = batch.frequencies(&codes).expect("a sound index").to_vec();
    for ((kmer, &code), &batched) in asked.iter().zip(&codes).zip(&in_batch) {
        let expected = kept(oracle.frequency(kmer));
        assert_eq!(index.frequency(code).expect("a sound index"), expected, "frequency of {}", text(kmer));
        assert_eq!(batched, expected, "frequency of {} in a batch", text(kmer));
        let positions: Vec<Place> = index.positions(code).expect("a sound index").iter().map(place).collect();
        let expected = if expected > 0 { oracle.places(kmer) } else { Vec::new() };
        check_positions(&positions, &expected, limit(expected.len() as u64), kmer);
    }

    // Whole sequences at once, with letters of either case and others.
    for bases in [asked.concat(), b"acgtNACGTTnnTTTTACGA".to_vec(), Vec::new()] {
        let windows =
            bases.windows(k).map(|window| index.encode(window).map_or(0, |code| index.frequency(code).expect("sound")));
        let expected: Vec<u64> = windows.collect();
        let mut found = vec![0; expected.len()];
        let each = |starts: Range<u64>, counts: &[u64]| {
            found[starts.start as usize..starts.end as usize].copy_from_slice(counts);
        };
        batch.sequence_frequencies(&bases, each).expect("a sound index");
        assert_eq!(found, expected, "frequencies of {}", text(&bases));
    }

    // The walk over all k-mers.
    let mut walked = HashMap::new();
    let mut order = HashMap::new();
    index
        .for_each_kmer(|entry| {
            let kmer = index.codec().decode(entry.kmer).into_bytes();
            let mut positions = Vec::new();
            entry.for_each_position(|p| positions.push(place(&p)))?;
            let expected = oracle.places(&kmer);
            assert_eq!(entry.frequency, expected.len() as u64, "walk: frequency of {}", text(&kmer));
            check_positions(&positions, &expected, limit(entry.frequency), &kmer);
            order.insert(kmer.clone(), order.len());
            assert!(walked.insert(kmer, entry.frequency).is_none(), "a k-mer came twice");
            Ok(())
        })
        .expect("a sound index");
    let stored: HashMap<Vec<u8>, u64> = oracle
        .kmers
        .iter()
        .map(|(kmer, places)| (kmer.clone(), places.len() as u64))
        .filter(|&(_, frequency)| keeps(frequency))
        .collect();
    assert_eq!(walked, stored);

    // Seeds.
    let mut expected: Vec<(u64, usize, Vec<u8>)> = stored
        .iter()
        .filter(|&(_, &frequency)| frequency >= 2)
        .map(|(kmer, &frequency)| (frequency, order[kmer], kmer.clone()))
        .collect();
    expected.sort_by_key(|&(frequency, at, _)| (std::cmp::Reverse(frequency), at));
    let expected: Vec<(Vec<u8>, u64)> = expected.into_iter().map(|(frequency, _, kmer)| (kmer, frequency)).collect();
    let seed = |seed: reprise::Result<reprise::index::Seed>| {
        let seed = seed.expect("a sound index");
        (index.codec().decode(seed.kmer).into_bytes(), seed.frequency)
    };
    let seeds: Vec<(Vec<u8>, u64)> = index.seeds().map(seed).collect();
    assert_eq!(seeds, expected);
    assert_eq!(index.seed_count(), expected.len() as u64);
    let from = expected.len() / 3;
    let rest: Vec<(Vec<u8>, u64)> = index.seeds_from(from as u64).map(seed).collect();
    assert_eq!(rest, expected[from..]);

    assert_eq!(index.spectrum().expect("a sound index"), oracle.spectrum());
}

/// Checks that positions are all, or an even sample of `size`: the first, and then one at nearly equal steps.
fn check_positions(positions: &[Place], all: &[Place], size: u64, kmer: &[u8]) {
    assert_eq!(positions.len() as u64, size, "positions of {}", text(kmer));
    if positions.len() == all.len() {
        assert_eq!(positions, all, "positions of {}", text(kmer));
        return;
    }
    let rank = |p: &Place| all.iter().position(|a| a == p).expect("a sampled position is one of the k-mer's");
    let mut ranks: Vec<usize> = positions.iter().map(rank).collect();
    assert_eq!(ranks[0], 0);
    ranks.push(all.len());
    let least = all.len() / positions.len();
    for pair in ranks.windows(2) {
        let step = pair[1].checked_sub(pair[0]).expect("positions ascend");
        assert!((least..=least + 1).contains(&step), "an uneven sample: {ranks:?}");
    }
}

fn check_totals(
    contigs: &[Contig],
    oracle: &Oracle,
    index: &Index,
    keeps: impl Fn(u64) -> bool,
    limit: impl Fn(u64) -> u64,
) {
    let manifest = index.manifest();
    let all = || contigs.iter().flat_map(|c| &c.letters);
    let runs = |c: &Contig| c.letters.chunk_by(|a, b| is_acgt(a) == is_acgt(b)).filter(|run| !is_acgt(&run[0])).count();
    let genome = &manifest.genome;
    assert_eq!(genome.contigs, contigs.len() as u64);
    assert_eq!(genome.bases, all().count() as u64);
    assert_eq!(genome.acgt, all().filter(|b| is_acgt(b)).count() as u64);
    assert_eq!(genome.masked, all().filter(|b| b.is_ascii_lowercase()).count() as u64);
    assert_eq!(genome.n_runs, contigs.iter().map(runs).sum::<usize>() as u64);
    assert_eq!(genome.longest_contig, contigs.iter().map(|c| c.letters.len()).max().unwrap_or(0) as u64);

    let frequencies: Vec<u64> = oracle.kmers.values().map(|places| places.len() as u64).collect();
    let stored: Vec<u64> = frequencies.iter().copied().filter(|&f| keeps(f)).collect();
    let actual = &manifest.actual;
    assert_eq!(actual.kmers, frequencies.iter().sum::<u64>());
    assert_eq!(actual.distinct_kmers, frequencies.len() as u64);
    assert_eq!(actual.repeated_kmers, frequencies.iter().filter(|&&f| f > 1).count() as u64);
    assert_eq!(actual.stored_kmers, stored.len() as u64);
    assert_eq!(actual.positions, stored.iter().map(|&f| limit(f)).sum::<u64>());
    assert_eq!(actual.sampled_kmers, stored.iter().filter(|&&f| limit(f) < f).count() as u64);
    assert_eq!(actual.seeds, stored.iter().filter(|&&f| f > 1).count() as u64);
    for (name, digest) in &manifest.files {
        let length = std::fs::metadata(index.folder().join(name)).expect("the file is there").len();
        assert_eq!(digest.bytes, length, "{name}");
    }
}

fn check_bases(contigs: &[Contig], index: &Index) {
    let mut start = 0;
    let table = index.contigs().expect("a sound index");
    assert_eq!(table.len(), contigs.len());
    for (number, (contig, entry)) in contigs.iter().zip(table).enumerate() {
        assert_eq!((&entry.name, &entry.description), (&contig.name, &contig.description));
        assert_eq!((entry.start, entry.length), (start, contig.letters.len() as u64));
        assert_eq!(index.contig_by_name(&contig.name).expect("a contig of the genome"), number as u32);
        start += entry.length;
        let expected = kept_letters(&contig.letters);
        let length = expected.len();
        let mut random = Random(start);
        let mut intervals = vec![(0, length), (0, 0), (length, length), (length / 2, length)];
        intervals.extend((0..8).map(|_| {
            let from = random.below(length + 1);
            (from, from + random.below(length - from + 1))
        }));
        for (from, to) in intervals {
            let bases = index.bases(&contig.name, from as u64..to as u64).expect("an interval of the contig");
            assert_eq!(bases, expected[from..to], "{}:{from}..{to}", contig.name);
        }
        assert!(matches!(index.bases(&contig.name, 0..length as u64 + 1), Err(Error::NotInIndex { .. })));
    }
}

// Random genomes.

/// An interval of a contig.
#[derive(Debug, Clone)]
enum ContigSegment {
    Random(u64, usize),
    Run(u8, usize),
    /// Letters that are not ACGT.
    Broken(String),
    /// A sequence followed by its reverse complement: the k-mer across the middle is a palindrome for every even k.
    Palindrome(u64, usize),
    /// A copy of the last bases so far.
    Again(usize),
    /// The reverse complement of the last bases so far.
    Turned(usize),
    /// A short unit many times.
    Tandem(u64, usize, usize),
    /// The preceding bases in lower case.
    Lower(usize),
}

fn segment() -> impl Strategy<Value = ContigSegment> {
    prop_oneof![
        3 => (any::<u64>(), 0usize..400).prop_map(|(seed, n)| ContigSegment::Random(seed, n)),
        1 => (prop::sample::select(&b"ACGTacgt"[..]), 1usize..120).prop_map(|(base, n)| ContigSegment::Run(base, n)),
        2 => "[NnRYKMSWBDHVUryk.*-]{1,40}".prop_map(ContigSegment::Broken),
        1 => (any::<u64>(), 1usize..60).prop_map(|(seed, n)| ContigSegment::Palindrome(seed, n)),
        2 => (1usize..300).prop_map(ContigSegment::Again),
        2 => (1usize..300).prop_map(ContigSegment::Turned),
        1 => (any::<u64>(), 1usize..9, 2usize..60).prop_map(|(seed, unit, n)| ContigSegment::Tandem(seed, unit, n)),
        1 => (1usize..200).prop_map(ContigSegment::Lower),
    ]
}

fn letters(segments: &[ContigSegment]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for segment in segments {
        let tail = |n: &usize| out.len() - n.min(&out.len());
        let more = match segment {
            ContigSegment::Random(seed, n) => Random(*seed).bases(*n),
            ContigSegment::Run(base, n) => vec![*base; *n],
            ContigSegment::Broken(letters) => letters.clone().into_bytes(),
            ContigSegment::Palindrome(seed, n) => {
                let half = Random(*seed).bases(*n);
                [half.clone(), common::reverse_complement(&half)].concat()
            }
            ContigSegment::Again(n) => out[tail(n)..].to_vec(),
            ContigSegment::Turned(n) => common::reverse_complement(&out[tail(n)..].to_ascii_uppercase()),
            ContigSegment::Tandem(seed, unit, n) => Random(*seed).bases(*unit).repeat(*n),
            ContigSegment::Lower(n) => {
                let from = tail(n);
                out[from..].make_ascii_lowercase();
                Vec::new()
            }
        };
        out.extend(more);
    }
    out
}

const NAMES: [(&str, &str); 8] = [
    ("chr1", ""),
    ("chr2", "a second word"),
    ("染色体", "名前 is Unicode"),
    ("lcl|NC_000913.3:1-5", "odd but usual"),
    ("long", "x"),
    (">twice", ">"),
    ("a,b;c\"d'", "quotes \"'"),
    ("Ünï-cödé.1", "tab\tin the middle"),
];

fn named(contigs: Vec<Vec<u8>>) -> Vec<Contig> {
    let name = |(number, letters): (usize, Vec<u8>)| {
        let (name, description) = NAMES[number % NAMES.len()];
        let name = match (name, number / NAMES.len()) {
            ("long", _) => format!("long_{number}_").repeat(50)[..300].to_owned(),
            (name, 0) => name.to_owned(),
            (name, again) => format!("{name}_{again}"),
        };
        Contig { name, description: description.to_owned(), letters }
    };
    contigs.into_iter().enumerate().map(name).collect()
}

fn genome() -> impl Strategy<Value = Vec<Contig>> {
    let contig = prop::collection::vec(segment(), 0..7).prop_map(|segments| letters(&segments));
    prop::collection::vec(contig, 1..6).prop_map(named)
}

fn options() -> impl Strategy<Value = BuildOptions> {
    let edges = prop::sample::select(&KS[..]).prop_map(Some);
    let k = prop_oneof![8 => edges, 2 => (1u32..=32).prop_map(Some), 1 => Just(None)];
    let max_frequency = prop_oneof![3 => Just(None), 1 => (2u64..30).prop_map(Some)];
    let max_positions = prop_oneof![3 => Just(None), 2 => (1u64..12).prop_map(Some)];
    // Super-k-mers if possible, or single k-mers although super-k-mers are possible.
    let layout = prop_oneof![3 => Just(None), 1 => Just(Some(LayoutKind::SortedDictionary))];
    (k, 1u64..=2, max_frequency, max_positions, layout).prop_map(
        |(k, min_frequency, max_frequency, max_positions, layout)| BuildOptions {
            k,
            min_frequency,
            max_frequency,
            max_positions,
            layout,
            ..BuildOptions::default()
        },
    )
}

fn written() -> impl Strategy<Value = (Text, Packing)> {
    let line_end = prop::sample::select(&["\n", "\r\n"][..]);
    let blank = prop::sample::select(&[" ", "\t"][..]);
    let packing = prop_oneof![Just(Packing::Plain), (1usize..4).prop_map(Packing::Gzip), Just(Packing::Zstd)];
    (1usize..100, line_end, any::<bool>(), any::<bool>(), blank, packing).prop_map(
        |(width, line_end, final_line_end, empty_lines, blank, packing)| {
            (Text { width, line_end, final_line_end, empty_lines, blank }, packing)
        },
    )
}

proptest! {
    // The seed is fixed, so that failures are reproducible.
    #![proptest_config(ProptestConfig {
        cases: 160,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_genomes((contigs, options, (text, packing)) in (genome(), options(), written())) {
        check(&contigs, &pack(&fasta(&contigs, &text), packing), &options);
    }
}

// Fixed genomes.

fn hostile_genomes() -> BTreeMap<&'static str, Vec<Contig>> {
    let mut random = Random(7);
    let half = random.bases(40);
    let palindromes = [half.clone(), common::reverse_complement(&half), half].concat();
    let body = random.bases(500);
    let ends = [b"N".repeat(40), body.clone(), b"n".repeat(33)].concat();
    let iupac: Vec<u8> = random
        .bases(600)
        .iter()
        .enumerate()
        .map(|(i, &b)| if i % 41 == 40 { b"RYKMSWBDHVN-.*"[i / 41 % 14] } else { b })
        .collect();
    let mut lower = body.clone();
    lower[100..300].make_ascii_lowercase();
    let short: Vec<Contig> = (0..40).map(|n| Contig::new(&format!("short_{n}"), random.bases(n % 35))).collect();
    let mut gapped = random.bases(1000);
    gapped[500] = b'N';
    gapped.extend_from_within(..400);
    BTreeMap::from([
        (
            "palindromes",
            vec![
                Contig::new("p", palindromes),
                Contig::new("at", "AT".repeat(50)),
                Contig::new("acgt", "ACGT".repeat(20)),
            ],
        ),
        ("runs of N at both ends", vec![Contig::new("n1", &ends), Contig::new("n2", &ends)]),
        ("other letters", vec![Contig::new("iupac", &iupac), Contig::new("again", &iupac[..200])]),
        ("lower case", vec![Contig::new("low", lower.to_ascii_lowercase()), Contig::new("mixed", &lower)]),
        ("contigs shorter than k", short),
        (
            "one base",
            vec![
                Contig::new("a", "A".repeat(3000)),
                Contig::new("t", "t".repeat(40)),
                Contig::new("g", "G".repeat(33)),
            ],
        ),
        ("one k-mer", vec![Contig::new("just", random.bases(31))]),
        ("one letter", vec![Contig::new("g", "g")]),
        ("one N in the middle", vec![Contig::new("gap", gapped)]),
        (
            "empty contigs",
            vec![
                Contig::new("e1", ""),
                Contig::new("body", &body),
                Contig::new("e2", ""),
                Contig::new("rev", common::reverse_complement(&body)),
                Contig::new("e3", ""),
            ],
        ),
        ("nothing but N", vec![Contig::new("n", "N".repeat(70)), Contig::new("m", "nnnRY")]),
        ("no bases at all", vec![Contig::new("e", "")]),
        ("letters too far apart", vec![Contig::new("sparse", "ACNGTNACNGTNAC".repeat(5))]),
    ])
}

/// Every hostile genome with every k and both least frequencies.
#[test]
fn hostile_genomes_at_every_k() {
    for (what, contigs) in hostile_genomes() {
        for k in KS {
            for min_frequency in [1, 2] {
                println!("{what}, k {k}, min_frequency {min_frequency}");
                let options = BuildOptions { k: Some(k), min_frequency, ..BuildOptions::default() };
                check(&contigs, &fasta(&contigs, &PLAIN), &options);
            }
        }
        println!("{what}, default k");
        check(&contigs, &fasta(&contigs, &PLAIN), &BuildOptions::default());
    }
}

/// One k-mer of the greatest length, the only one in the whole range of hashes.
#[test]
fn one_kmer_of_the_greatest_k() {
    let contigs = [Contig::new("just", Random(7).bases(32))];
    for min_frequency in [1, 2] {
        let options = BuildOptions { k: Some(32), min_frequency, ..BuildOptions::default() };
        check(&contigs, &fasta(&contigs, &PLAIN), &options);
    }
}

/// Minimizers in hundreds of contexts, whose k-mers are stored individually.
#[test]
fn crowded_minimizers() {
    let mut random = Random(3);
    let units: Vec<Vec<u8>> = (0..12).map(|_| random.bases(15)).collect();
    let mut letters = Vec::new();
    for copy in 0..350 {
        for unit in &units {
            letters.extend(random.bases(18));
            let unit = if copy % 3 == 0 { common::reverse_complement(unit) } else { unit.clone() };
            letters.extend(unit);
        }
    }
    // Some contexts twice.
    letters.extend_from_within(..20_000);
    let contigs = [Contig::new("crowded", letters)];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = fasta(&contigs, &PLAIN);
    for k in [31, 28] {
        let options = BuildOptions { k: Some(k), min_frequency: 1, ..BuildOptions::default() };
        let target = folder.path().join(format!("k{k}"));
        let genome = folder.path().join("genome.fa");
        std::fs::write(&genome, &bytes).expect("written");
        build_index(&[Source::new(&genome)], &target, &options, &Budget::new(1 << 30), &Silent).expect("a genome");
        let index = Index::open(&target).expect("the index opens");
        let verified = index.verify(Depth::Full, &Silent).expect("the index is sound");
        assert!(verified.crowded_minimizers > 0, "k {k}: no minimizer is crowded");
        check(&contigs, &bytes, &options);
    }
}

/// Filters and samples at their edges, on a genome that has k-mers of many frequencies.
#[test]
fn filters_at_their_edges() {
    let contigs = common::repetitive_genome(3, 12_000);
    let bytes = fasta(&contigs, &PLAIN);
    for k in [1, 3, 8, 15, 16] {
        let most = Oracle::new(&contigs, k as usize).spectrum().last().map_or(1, |row| row.0);
        for (max_frequency, max_positions) in [
            (Some(2), None),
            (Some(most), Some(1)),
            (Some((most - 1).max(2)), Some(2)),
            (None, Some(most)),
            (None, Some((most - 1).max(1))),
            (None, Some(7)),
        ] {
            for min_frequency in [1, 2] {
                println!("k {k}, {min_frequency} to {max_frequency:?} times, {max_positions:?} positions");
                let options =
                    BuildOptions { k: Some(k), min_frequency, max_frequency, max_positions, ..Default::default() };
                check(&contigs, &bytes, &options);
            }
        }
    }
}

/// The index does not depend on how the FASTA is written or compressed.
#[test]
fn every_way_to_write_fasta() {
    let contigs: Vec<Vec<u8>> = (0..16).map(|n| Random(n).bases(37 * n as usize)).collect();
    let mut contigs = named(contigs);
    let repeat = contigs[9].letters.clone();
    contigs[3].letters.extend(repeat);
    contigs[5].letters.splice(10..20, *b"NNNnnnryACgt");
    let options = BuildOptions { k: Some(15), ..BuildOptions::default() };
    for line_end in ["\n", "\r\n"] {
        for (final_line_end, empty_lines) in [(true, true), (true, false), (false, false)] {
            for (width, blank) in [(1, " "), (60, "\t"), (1 << 20, "  ")] {
                for packing in [Packing::Plain, Packing::Gzip(1), Packing::Gzip(5), Packing::Zstd] {
                    let text = Text { width, line_end, final_line_end, empty_lines, blank };
                    println!("{text:?}, {packing:?}");
                    check(&contigs, &pack(&fasta(&contigs, &text), packing), &options);
                }
            }
        }
    }
}

/// Several files are one genome.
#[test]
fn several_files() {
    let contigs = common::repetitive_genome(11, 8_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut sources = Vec::new();
    for (number, part) in contigs.chunks(2).enumerate() {
        let path = folder.path().join(format!("part{number}.fa"));
        std::fs::write(&path, pack(&fasta(part, &PLAIN), [Packing::Plain, Packing::Gzip(2)][number])).expect("written");
        sources.push(Source::new(&path));
    }
    let whole = folder.path().join("whole.fa");
    std::fs::write(&whole, fasta(&contigs, &PLAIN)).expect("written");
    let build = |sources: &[Source], name: &str| {
        let target = folder.path().join(name);
        build_index(sources, &target, &BuildOptions::default(), &Budget::new(1 << 30), &Silent).expect("a genome");
        target
    };
    let (parts, whole) = (build(&sources, "parts"), build(&[Source::new(&whole)], "whole"));
    for name in ["catalog.redb", "positions.blk", "sequence.2bit"] {
        let bytes = |folder: &std::path::Path| std::fs::read(folder.join(name)).expect("a file of the index");
        assert!(bytes(&parts) == bytes(&whole), "{name} differs");
    }
    let index = Index::open(&parts).expect("the index opens");
    let files = &index.manifest().genome.sources;
    assert_eq!(files.iter().map(|f| &f.name).collect::<Vec<_>>(), ["part0.fa", "part1.fa"]);
    for file in files {
        assert_eq!(file.bytes, std::fs::metadata(folder.path().join(&file.name)).expect("there").len());
    }
    let oracle = Oracle::new(&contigs, index.k() as usize);
    assert_eq!(index.spectrum().expect("a sound index"), oracle.spectrum());
}

/// The oracle itself against results by hand, because all other tests depend on it.
#[test]
fn the_oracle_is_right() {
    let contigs = [Contig::new("a", "acgTACGNT"), Contig::new("b", "GTTTT")];
    let oracle = Oracle::new(&contigs, 3);
    assert_eq!(canonical(b"TTT"), b"AAA");
    // ACG, CGT = ACG, GTA, TAC = GTA, ACG; then GTT = AAC, TTT = AAA twice.
    assert_eq!(oracle.sorted(), [(&b"AAA"[..], 2), (b"AAC", 1), (b"ACG", 3), (b"GTA", 2)]);
    assert_eq!(oracle.places(b"CGT"), [(0, 0, '-'), (0, 1, '+'), (0, 4, '-')]);
    assert_eq!(oracle.spectrum(), [(1, 1), (2, 2), (3, 1)]);
    assert_eq!(oracle.per_kmer(b"TTTNACG", 1), [(0, 2), (4, 3)]);
    assert_eq!(common::runs(&[(0, 2), (1, 2), (2, 1), (4, 1)]), [(0, 2, 2), (2, 3, 1), (4, 5, 1)]);
}
