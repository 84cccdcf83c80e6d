//! `compare` and `set` equal naive sets of k-mers, and kmc_tools where it is installed, for both dictionary layouts, any
//! sizes of genomes, threads and memory.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::{Contig, Oracle, PLAIN, Random, data, fasta, repetitive_genome, run, text, tool};
use reprise::Silent;
use reprise::bundle::Manifest;
use reprise::dictionary::Shape;
use reprise::format::FORMAT_VERSION;
use reprise::index::OpenOptions;
use reprise::kmer::KmerCodec;
use reprise::memory::Budget;
use reprise::query::{Comparison, KmerSets, MergedKmer};

/// Genomes that share some of their sequence, of different sizes.
fn genomes(seed: u64) -> Vec<Vec<Contig>> {
    let shared = repetitive_genome(seed, 6_000);
    let mut random = Random(seed);
    let own = |name: &str, random: &mut Random, bases| Contig::new(name, random.bases(bases));
    let first = shared.clone();
    let second = shared[..1].iter().cloned().chain([own("own2", &mut random, 500)]).collect();
    let third = shared[1..].iter().cloned().chain([own("own3", &mut random, 20_000)]).collect();
    vec![first, second, third]
}

/// Builds the index of each genome as `0.reprise`, `1.reprise`, …, with the options of each.
fn build(at: &Path, genomes: &[Vec<Contig>], k: usize, options: &[&[&str]]) {
    for (number, genome) in genomes.iter().enumerate() {
        let name = format!("{number}.fa");
        std::fs::write(at.join(&name), fasta(genome, &PLAIN)).expect("written");
        let (target, k) = (format!("{number}.reprise"), k.to_string());
        let mut arguments = vec!["build-index", &name, "-q", "-k", &k, "--min-frequency", "1", "-o", &target];
        arguments.extend(options[number % options.len()]);
        run(at, &arguments).fine();
    }
}

/// Distinct k-mers with their frequencies, of each genome.
fn naive(genomes: &[Vec<Contig>], k: usize) -> Vec<BTreeMap<String, u64>> {
    let kmers = |genome: &Vec<Contig>| {
        let oracle = Oracle::new(genome, k);
        oracle.sorted().into_iter().map(|(kmer, frequency)| (text(kmer), frequency)).collect()
    };
    genomes.iter().map(kmers).collect()
}

/// The set that an operation makes, row by row as `dump --sort` would print it.
fn expected(sets: &[BTreeMap<String, u64>], operation: &str, (min, max): (u64, u64)) -> String {
    let all: BTreeSet<&String> = sets.iter().flat_map(BTreeMap::keys).collect();
    let row = |kmer: &&String| {
        let found: Vec<u64> = sets.iter().map(|set| set.get(*kmer).copied().unwrap_or(0)).collect();
        let present = found.iter().filter(|&&frequency| frequency > 0).count();
        let frequency = match operation {
            "union" => found.iter().sum(),
            "intersect" => *found.iter().min().expect("indexes"),
            "subtract" if present == usize::from(found[0] > 0) => found[0],
            "symmetric" if present == 1 => found.iter().sum(),
            _ => 0,
        };
        (frequency > 0 && (min..=max).contains(&frequency)).then(|| format!("{kmer}\t{frequency}\n"))
    };
    all.iter().filter_map(row).collect()
}

fn sorted(rows: &str) -> String {
    let mut lines: Vec<&str> = rows.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

const SORTED: &[&str] = &["--layout", "sorted-dictionary"];
const SUPER_KMERS: &[&str] = &["--layout", "super-kmers"];
/// The options of the indexes, in turn.
type Layouts = &'static [&'static [&'static str]];

#[test]
fn sets_equal_naive_ones() {
    let (one, both, super_kmers): (Layouts, Layouts, Layouts) = (&[SORTED], &[SORTED, SUPER_KMERS], &[SUPER_KMERS]);
    for (k, layouts) in [(1, one), (6, one), (16, one), (31, both), (31, super_kmers), (32, both)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path();
        let genomes = genomes(k as u64);
        build(at, &genomes, k, layouts);
        let sets = naive(&genomes, k);
        let names = ["0.reprise", "1.reprise", "2.reprise"];
        for operation in ["union", "intersect", "subtract", "symmetric"] {
            for (count, limits, flags) in [
                (2, (1, u64::MAX), &[][..]),
                (3, (1, u64::MAX), &["-t", "1"]),
                (3, (2, 3), &["--min", "2", "--max", "3"]),
            ] {
                let mut arguments = vec!["set", operation];
                arguments.extend(&names[..count]);
                arguments.extend(flags);
                let got = run(at, &arguments).fine().out;
                assert_eq!(sorted(&got), expected(&sets[..count], operation, limits), "k {k}, {arguments:?}");
            }
        }
    }
}

/// All numbers of a comparison follow from the sets, by k-mers and by occurrences.
#[test]
fn comparisons_equal_naive_ones() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (at, k) = (folder.path(), 31);
    let genomes = genomes(7);
    build(at, &genomes, k, &[SORTED, SUPER_KMERS]);
    let sets = naive(&genomes, k);
    let arguments = ["compare", "0.reprise", "1.reprise", "2.reprise", "--matrix", "m.tsv", "--svg", "m.svg"];
    let rows = run(at, &arguments).fine().out;
    let mut lines = rows.lines().skip(1);
    let mut expected_matrix = vec![vec![1.0; 3]; 3];
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let both = |each: &dyn Fn(u64, u64) -> u64| -> u64 {
            let all: BTreeSet<&String> = sets[a].keys().chain(sets[b].keys()).collect();
            let of = |set: &BTreeMap<String, u64>, kmer| set.get(kmer).copied().unwrap_or(0);
            all.into_iter().map(|kmer| each(of(&sets[a], kmer), of(&sets[b], kmer))).sum()
        };
        let (shared, either) = (both(&|x, y| u64::from(x.min(y) > 0)), both(&|_, _| 1));
        let (least, most) = (both(&|x, y| x.min(y)), both(&|x, y| x.max(y)));
        let (of_a, of_b) = (sets[a].len() as u64, sets[b].len() as u64);
        let (all_a, all_b): (u64, u64) = (sets[a].values().sum(), sets[b].values().sum());
        let share = |part: u64, whole: u64| part as f64 / whole as f64;
        assert!(shared > 0 && shared < either, "the genomes share some k-mers");
        expected_matrix[a][b] = share(shared, either);
        expected_matrix[b][a] = share(shared, either);
        let row = format!(
            "{a}.reprise\t{b}.reprise\t{of_a}\t{of_b}\t{shared}\t{:.6}\t{:.6}\t{:.6}\t{all_a}\t{all_b}\t{least}\t{:.6}\t{:.6}\t{:.6}",
            share(shared, either),
            share(shared, of_a),
            share(shared, of_b),
            share(least, most),
            share(least, all_a),
            share(least, all_b)
        );
        assert_eq!(lines.next(), Some(&row[..]));
    }
    assert_eq!(lines.next(), None);
    let matrix = std::fs::read_to_string(at.join("m.tsv")).expect("written");
    for (line, row) in matrix.lines().skip(1).zip(&expected_matrix) {
        let numbers: Vec<String> = row.iter().map(|value| format!("{value:.6}")).collect();
        assert!(line.ends_with(&numbers.join("\t")), "{line}");
    }
    let svg = std::fs::read_to_string(at.join("m.svg")).expect("written");
    assert_eq!(svg.matches("<rect").count(), 9);
}

/// BED has the bases of the first genome that k-mers of the set cover, and no others.
#[test]
fn regions_are_those_of_the_first_genome() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    for (k, layouts) in [(11, &[SORTED][..]), (31, &[SUPER_KMERS])] {
        let genomes = genomes(3);
        build(at, &genomes, k, layouts);
        let sets = naive(&genomes, k);
        for (operation, indexes) in
            [("subtract", ["1.reprise", "0.reprise"]), ("intersect", ["1.reprise", "2.reprise"])]
        {
            let second = if operation == "subtract" { &sets[0] } else { &sets[2] };
            let chosen = |kmer: &String| second.contains_key(kmer) == (operation == "intersect");
            let oracle = Oracle::new(&genomes[1], k);
            let mut covered: Vec<Vec<bool>> =
                genomes[1].iter().map(|contig| vec![false; contig.letters.len()]).collect();
            for (kmer, places) in &oracle.kmers {
                for &(contig, start, _) in places.iter().filter(|_| chosen(&text(kmer))) {
                    covered[contig as usize][start as usize..start as usize + k].fill(true);
                }
            }
            let mut got: Vec<Vec<bool>> = covered.iter().map(|contig| vec![false; contig.len()]).collect();
            let bed = run(at, &["set", operation, indexes[0], indexes[1], "--format", "bed"]).fine().out;
            let mut last: Option<(usize, usize)> = None;
            for line in bed.lines() {
                let fields: Vec<&str> = line.split('\t').collect();
                let contig = genomes[1].iter().position(|c| c.name == fields[0]).expect("a contig of the genome");
                let (start, end): (usize, usize) =
                    (fields[1].parse().expect("a number"), fields[2].parse().expect("a number"));
                // Regions are apart and in order.
                assert!(last.is_none_or(|(c, e)| (c, e) < (contig, start)), "{line}");
                last = Some((contig, end));
                got[contig][start..end].fill(true);
            }
            assert!(!bed.is_empty());
            assert_eq!(got, covered, "k {k}, {operation}");
        }
        for number in 0..3 {
            std::fs::remove_dir_all(at.join(format!("{number}.reprise"))).expect("it is there");
        }
    }
}

/// Genomes of 280,000, 140,000 and 60,000 bases that share some, and a minimizer that has hundreds of neighbourhoods.
fn large_genomes() -> Vec<Vec<Contig>> {
    let mut random = Random(5);
    let (shared, unit) = (random.bases(100_000), random.bases(30));
    let mut of = |bases: usize, own: usize, copies: usize| {
        let copies: Vec<u8> = (0..copies).flat_map(|_| [&unit[..], &random.bases(15)].concat()).collect();
        vec![Contig::new("a", [&shared[..bases], &copies].concat()), Contig::new("b", random.bases(own))]
    };
    vec![of(100_000, 150_000, 600), of(100_000, 20_000, 500), of(60_000, 100, 2)]
}

/// All k-mers of a merge with their frequencies in each index, in its order, and the comparison.
fn merged(folders: &[PathBuf], threads: usize, budget: &Budget) -> (Vec<(u64, Vec<u64>)>, Comparison) {
    let sets = KmerSets::new(folders, &OpenOptions::default(), budget).expect("indexes of one k");
    let mut rows = Vec::new();
    let take = |part| {
        rows.extend::<Vec<(u64, Vec<u64>)>>(part);
        Ok(())
    };
    let add = |part: &mut Vec<(u64, Vec<u64>)>, merged: MergedKmer<'_>| {
        part.push((merged.kmer(), merged.frequencies.to_vec()));
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let comparison = pool.install(|| {
        sets.merge(add, take, &Silent).expect("memory");
        Comparison::of(&sets, &Silent).expect("memory")
    });
    (rows, comparison)
}

/// The bases of the minimizers of an index of super-k-mers.
fn minimizer_bases(folder: &Path) -> Option<u32> {
    match Manifest::read(folder).expect("an index").dictionary {
        Shape::SuperKmers(layout) => Some(layout.m),
        Shape::SortedDictionary(_) => None,
    }
}

/// Threads and memory change neither rows nor their order, for indexes in one order and in several.
#[test]
fn threads_and_memory_do_not_change_the_result() {
    let genomes = large_genomes();
    for (k, layouts, lengths) in [
        (31, &[SORTED][..], [None; 3]),
        (31, &[SUPER_KMERS], [Some(15); 3]),
        (32, &[SUPER_KMERS], [Some(17); 3]),
        (21, &[SUPER_KMERS], [Some(13), Some(13), Some(11)]),
        (31, &[SUPER_KMERS, SORTED], [Some(15), None, Some(15)]),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path();
        build(at, &genomes, k, layouts);
        let folders = [0, 1, 2].map(|number| at.join(format!("{number}.reprise")));
        assert_eq!(folders.each_ref().map(|folder| minimizer_bases(folder)), lengths, "k {k}");
        let (small, large) = (Budget::new(9 << 20), Budget::new(1 << 30));
        let (rows, comparison) = merged(&folders, 4, &large);
        let sets = naive(&genomes, k);
        let codec = KmerCodec::new(k as u32).expect("in range");
        let found: BTreeMap<String, &Vec<u64>> =
            rows.iter().map(|(kmer, found)| (codec.decode(*kmer), found)).collect();
        let all: BTreeSet<&String> = sets.iter().flat_map(BTreeMap::keys).collect();
        assert!(found.len() == rows.len() && found.keys().eq(all), "k {k}");
        for (kmer, frequencies) in found {
            assert!(sets.iter().map(|set| set.get(&kmer).copied().unwrap_or(0)).eq(frequencies.iter().copied()));
        }
        for threads in [1, 4] {
            assert!(
                merged(&folders, threads, &small) == (rows.clone(), comparison.clone()),
                "k {k}, {threads} threads"
            );
        }
        let peak: u64 = small.usage().iter().map(|usage| usage.peak).max().expect("components");
        assert!(peak < 9 << 20, "{peak}");
    }
}

/// Rows are in the order in which `dump` prints each index, if that is the same for all.
#[test]
fn sets_keep_the_order_of_the_indexes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    for layout in [SORTED, SUPER_KMERS] {
        build(at, &genomes(4), 31, &[&[layout, &["--force"]].concat()[..]]);
        let union = run(at, &["set", "union", "0.reprise", "1.reprise", "--format", "kmers"]).fine().out;
        for index in ["0.reprise", "1.reprise"] {
            let dump = run(at, &["dump", index]).fine().out;
            let dumped: Vec<&str> = dump.lines().filter_map(|line| line.split('\t').next()).collect();
            let has: BTreeSet<&str> = dumped.iter().copied().collect();
            assert_eq!(union.lines().filter(|kmer| has.contains(kmer)).collect::<Vec<_>>(), dumped);
        }
    }
}

#[test]
fn wrong_indexes_are_refused_with_what_helps() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&repetitive_genome(1, 3_000), &PLAIN)).expect("written");
    for (target, k) in [("a", "11"), ("b", "12"), ("c", "11")] {
        run(at, &["build-index", "g.fa", "-q", "-k", k, "-o", target]).fine();
    }
    std::os::unix::fs::symlink("a", at.join("link")).expect("a link");
    std::fs::create_dir(at.join("newer")).expect("a folder");
    let manifest = std::fs::read_to_string(at.join("a/manifest.json")).expect("there");
    let of = |version: u32| format!("\"format_version\": {version}");
    let newer = manifest.replace(&of(FORMAT_VERSION), &(of(999) + ", \"new\": true"));
    std::fs::write(at.join("newer/manifest.json"), newer).expect("written");
    let set = ["set", "union"];
    for command in [&["compare"][..], &set] {
        let with = |others: &[&'static str]| [command, others].concat();
        run(at, &with(&["a", "c", "b"])).failed(2, &["a has k 11 and b has k 12", "build one of them again"]);
        for again in ["a", "./a", "a/../a/", "link"] {
            run(at, &with(&["a", "c", again])).failed(2, &[&format!("a and {again} are the same index; name it once")]);
        }
        run(at, &with(&["a", "newer"])).failed(4, &["newer", "has index format 999", "use a newer reprise"]);
        run(at, &with(&["a", "none"])).failed(1, &["none"]);
        run(at, &with(&["a", "g.fa"])).failed(4, &["g.fa is not a finished reprise index"]);
        assert_eq!(run(at, &with(&["a"])).code, 2);
        let filtered = run(at, &with(&["a", "c"])).fine();
        assert!(filtered.err.contains("left out by their frequency"), "{}", filtered.err);
    }
    run(at, &["set", "union", "a", "c", "--min", "3", "--max", "2"]).failed(2, &["--max is below --min"]);
    std::fs::remove_file(at.join("c/positions.blk")).expect("it is there");
    let damaged = run(at, &["compare", "a", "c"]);
    assert_eq!(damaged.code, 4, "{}", damaged.err);
    assert!(damaged.err.contains("error: c/positions.blk is damaged"), "{}", damaged.err);
}

/// What kmc_tools makes of two random genomes and of two strains is what `set` makes of their indexes, with the same
/// counts, and with limits of counts.
#[test]
fn sets_equal_those_of_kmc() {
    let (Some(_), Some(_)) = (tool("kmc"), tool("kmc_tools")) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let [first, second, _] = &genomes(21)[..] else { panic!("three genomes") };
    for (genome, name) in [(first, "a.fa"), (second, "b.fa")] {
        std::fs::write(at.join(name), fasta(genome, &PLAIN)).expect("written");
    }
    equal_those_of_kmc(at, [&at.join("a.fa"), &at.join("b.fa")]);
    if let [Some(a), Some(b)] = ["genomes/ecoli_K12_MG1655.fna.gz", "genomes/ecoli_O157.fna.gz"].map(data) {
        equal_those_of_kmc(at, [&a, &b]);
    }
}

/// Compares `set` with kmc_tools on two genomes.
fn equal_those_of_kmc(at: &Path, genomes: [&Path; 2]) {
    let done = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).current_dir(at).output().expect("it starts");
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for (genome, name) in genomes.iter().zip(["a", "b"]) {
        let path = genome.to_str().expect("a plain path");
        let arguments = ["-q", "-k", "21", "--min-frequency", "1", "--force", "-o", name];
        run(at, &[&["build-index", path][..], &arguments].concat()).fine();
        done("kmc", &["-k21", "-ci1", "-cs4294967295", "-fm", path, name, "."]);
    }
    let limits: [(&[&str], &[&str]); 3] =
        [(&[], &[]), (&["--min", "2", "--max", "3"], &["-ci2", "-cx3"]), (&["--min", "3"], &["-ci3"])];
    for (operation, kmc) in [("union", "union"), ("intersect", "intersect"), ("subtract", "kmers_subtract")] {
        for (flags, theirs) in limits {
            done("kmc_tools", &[&["simple", "a", "b", kmc, "c"][..], theirs].concat());
            done("kmc_tools", &["transform", "c", "dump", "-s", "c.txt"]);
            let theirs = std::fs::read_to_string(at.join("c.txt")).expect("written");
            let ours = sorted(&run(at, &[&["set", operation, "a", "b"][..], flags].concat()).fine().out);
            assert!(!ours.is_empty() || !flags.is_empty(), "{operation}");
            assert!(
                ours == theirs,
                "{operation} {flags:?}: {} and {} rows",
                ours.lines().count(),
                theirs.lines().count()
            );
        }
    }
}
