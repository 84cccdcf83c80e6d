//! What other programs need of an annotation: the formats of RepeatMasker, TEtranscripts, EDTA and genome browsers. All
//! of them have to say the same. Where the program itself is installed it reads the files too.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bigtools::{BigBedRead, BigWigRead};
use common::{Contig, PLAIN, Random, fasta, lines_of, reverse_complement, run};
use tempfile::TempDir;

/// A genome with elements whose parts are known.
struct Planted {
    folder: TempDir,
    genome: Vec<Contig>,
    library: BTreeMap<String, Vec<u8>>,
}

/// A sequence with a share of its bases replaced.
fn mutated(random: &mut Random, bases: &[u8], per_mille: usize) -> Vec<u8> {
    let replace =
        |random: &mut Random, base: u8| if random.below(1000) < per_mille { random.bases(1)[0] } else { base };
    bases.iter().map(|&base| replace(random, base)).collect()
}

/// Elements with direct and inverted terminal repeats, a short one and a nested one, on both strands, in names that
/// formats have to escape. Target sites of 5 bases are beside each element.
fn planted() -> Planted {
    let mut random = Random(41);
    let ltr = random.bases(300);
    let tir = random.bases(40);
    let retrotransposon = [&ltr[..], &random.bases(1500), &ltr].concat();
    let transposon = [&tir[..], &random.bases(600), &reverse_complement(&tir)].concat();
    let library = BTreeMap::from([
        ("retro-1#LTR/Gypsy".to_owned(), retrotransposon.clone()),
        ("trans;1#DNA/hAT-Ac".to_owned(), transposon.clone()),
        ("short#SINE/Alu".to_owned(), random.bases(280)),
        ("odd=1".to_owned(), random.bases(500)),
    ]);
    let inserted = |letters: &mut Vec<u8>, element: &[u8], reverse: bool, random: &mut Random| {
        let site = random.bases(5);
        let copy = mutated(random, element, 40);
        let copy = if reverse { reverse_complement(&copy) } else { copy };
        letters.extend([&random.bases(400)[..], &site, &copy, &site].concat());
    };
    let mut genome = Vec::new();
    for name in ["chr;1", "chr2", "a contig whose first word is short", "x#y"] {
        let mut letters = Vec::new();
        for reverse in [false, true] {
            inserted(&mut letters, &retrotransposon, reverse, &mut random);
            inserted(&mut letters, &ltr, reverse, &mut random);
            inserted(&mut letters, &transposon, reverse, &mut random);
            inserted(&mut letters, &library["short#SINE/Alu"], reverse, &mut random);
            // A transposon within another element, whose copy then has two fragments.
            let mut host = library["odd=1"].clone();
            let nested = mutated(&mut random, &transposon, 20);
            host.splice(250..250, nested);
            inserted(&mut letters, &host, reverse, &mut random);
            letters.extend(b"CAG".repeat(20));
        }
        letters.extend(random.bases(300));
        genome.push(Contig::new(name.split(' ').next().expect("a word"), letters));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let records: Vec<Contig> = library.iter().map(|(name, bases)| Contig::new(name, bases)).collect();
    std::fs::write(folder.path().join("g.fa"), fasta(&genome, &PLAIN)).expect("written");
    std::fs::write(folder.path().join("lib.fa"), fasta(&records, &PLAIN)).expect("written");
    run(folder.path(), &["build-index", "g.fa", "-q"]).fine();
    Planted { folder, genome, library }
}

const FORMATS: &str = "tsv,bed,gff3,gtf,out,jsonl,align,tbl,divsum,bb";

fn annotated(at: &Path, prefix: &str, more: &[&str]) {
    let annotate = ["annotate", "g.reprise", "--library", "lib.fa", "-o", prefix, "--formats", FORMATS, "-q"];
    run(at, &[&annotate[..], more].concat()).fine();
}

fn read(at: &Path, name: &str) -> String {
    std::fs::read_to_string(at.join(name)).expect("a file of text")
}

/// Contig, start and end, 0-based and half-open.
type Place = (String, u64, u64);

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// The intervals of a text whose rows are split at tabs or at blanks, from 0 or from 1.
fn places(text: &str, at_tabs: bool, columns: [usize; 3], from: u64) -> BTreeSet<Place> {
    let rows = text.lines().filter(|line| !line.starts_with("##"));
    rows.map(|line| {
        let fields: Vec<&str> = if at_tabs { line.split('\t').collect() } else { line.split_whitespace().collect() };
        let [contig, start, end] = columns.map(|column| fields[column]);
        (contig.replace("%3B", ";").replace("%23", "#"), number(start) - from, number(end))
    })
    .collect()
}

/// The header lines of an `.align`.
fn heads(align: &str) -> impl Iterator<Item = Vec<&str>> {
    let is_head = |line: &&str| line.split(' ').next().is_some_and(|word| word.parse::<u64>().is_ok());
    align.lines().filter(is_head).map(|line| line.split(' ').collect())
}

#[test]
fn every_format_has_the_same_bases() {
    let planted = planted();
    let at = planted.folder.path();
    annotated(at, "a", &[]);
    let expected = places(read(at, "a.tsv").split_once('\n').expect("a header").1, true, [0, 1, 2], 0);
    assert!(expected.len() >= 40, "{expected:?}");
    assert_eq!(places(&read(at, "a.bed"), true, [0, 1, 2], 0), expected);
    assert_eq!(places(&read(at, "a.gff3"), true, [0, 3, 4], 1), expected);
    assert_eq!(places(&read(at, "a.gtf"), true, [0, 3, 4], 1), expected);
    let out = read(at, "a.out").lines().skip(3).map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(places(&out, false, [4, 5, 6], 1), expected);
    let align = read(at, "a.align");
    let heads: BTreeSet<Place> =
        heads(&align).map(|head| (head[4].to_owned(), number(head[5]) - 1, number(head[6]))).collect();
    assert_eq!(heads, expected);
    // A row of bigBed is a whole copy, whose blocks with a start are its fragments.
    let mut big_bed = BigBedRead::open_file(at.join("a.bb").to_str().expect("UTF-8")).expect("bigBed");
    let mut blocks = BTreeSet::new();
    for contig in &planted.genome {
        let length = contig.letters.len() as u32;
        for row in big_bed.get_interval(&contig.name, 0, length).expect("rows") {
            let row = row.expect("a row");
            let fields: Vec<&str> = row.rest.split('\t').collect();
            let (sizes, starts): (Vec<&str>, Vec<&str>) =
                (fields[7].split(',').collect(), fields[8].split(',').collect());
            assert_eq!((sizes.len(), starts.len()), (number(fields[6]) as usize, sizes.len()));
            for (size, start) in sizes.iter().zip(starts).filter(|(_, start)| *start != "-1") {
                let start = u64::from(row.start) + number(start);
                blocks.insert((contig.name.clone(), start, start + number(size)));
            }
            assert!(row.end <= length);
        }
    }
    assert_eq!(blocks, expected);
    let bases: u64 = expected.iter().map(|(_, start, end)| end - start).sum();
    let table = read(at, "a.tbl");
    let masked = table.lines().find(|line| line.starts_with("bases masked:")).expect("a sum");
    assert_eq!(number(masked.split_whitespace().nth(2).expect("a number")), bases);
    let length = |line: &str| number(line.split("bp").next().expect("bp").split_whitespace().last().expect("a number"));
    let of = |label: &str| length(table.lines().find(|line| line.trim_start().starts_with(label)).expect(label));
    assert_eq!(of("total length:"), planted.genome.iter().map(|contig| contig.letters.len() as u64).sum::<u64>());
    let parts = ["Total interspersed repeats:", "Small RNA:", "Satellites:", "Simple repeats:", "Low complexity:"];
    assert_eq!(parts.map(of).iter().sum::<u64>(), bases);
    let orders = ["Retroelements", "DNA transposons", "Rolling-circles", "Unclassified:"];
    assert_eq!(orders.map(of).iter().sum::<u64>(), of("Total interspersed repeats:"));
    assert!(
        of("Gypsy/DIRS1") == of("LTR elements:") && of("SINEs:") > 0 && of("hobo-Activator") == of("DNA transposons")
    );
    for name in ["a.bed", "a.gff3", "a.gtf", "a.out", "a.tsv"] {
        let mask = ["mask", "g.reprise", "--annotation", name, "-o", "m.fa", "--force", "--json"];
        assert_eq!(run(at, &mask).fine().json()["bases"], bases, "{name}");
    }
    let covered = |merged: &[String]| -> u64 {
        merged.iter().flat_map(|line| places(line, true, [0, 1, 2], 0)).map(|(_, start, end)| end - start).sum()
    };
    for file in ["a.bed", "a.gff3", "a.gtf"] {
        if let Some(merged) = lines_of(at, "bedtools", &["merge", "-i", file]) {
            assert_eq!(covered(&merged), bases, "{file}");
        }
    }
    if let Some(sorted) = lines_of(at, "sort-bed", &["a.bed"]) {
        std::fs::write(at.join("sorted.bed"), sorted.join("\n") + "\n").expect("written");
        assert_eq!(covered(&lines_of(at, "bedops", &["--merge", "sorted.bed"]).expect("it was there")), bases);
    }
    lines_of(at, "gt", &["gff3validator", "-typecheck", "so", "a.gff3"]);
}

/// Bases, aligned bases and mean divergence of a family, by class and name; aligned bases of a class by divergence.
type DivergenceSums = (BTreeMap<String, (u64, u64, String)>, BTreeMap<String, Vec<u64>>);

/// What `calcDivergenceFromAlign.pl -s` computes from an `.align`.
fn divergence_summary(align: &str) -> DivergenceSums {
    let mut families: BTreeMap<String, (u64, u64, f64)> = BTreeMap::new();
    let mut coverage: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let kimuras = align.lines().filter_map(|line| line.strip_prefix("Kimura (with divCpGMod) = "));
    for (head, kimura) in heads(align).zip(kimuras) {
        let name = head[if head[8] == "C" { 9 } else { 8 }];
        let (family, class) = name.split_once('#').expect("a class");
        let is_simple = class.contains("Simple") || class.contains("Low_complexity");
        let kimura: f64 = if is_simple { 100.0 } else { kimura.parse().expect("a number") };
        let bases = number(head[6]) - number(head[5]) + 1;
        let aligned = bases - (bases as f64 * head[3].parse::<f64>().expect("a number") / 100.0) as u64;
        let key = format!("{class}\t{}", if is_simple { "combined" } else { family });
        let sums = families.entry(key).or_default();
        *sums = (sums.0 + bases, sums.1 + aligned, sums.2 + kimura * aligned as f64);
        let counts = coverage.entry(class.to_owned()).or_insert_with(|| vec![0; 71]);
        if let Some(count) = counts.get_mut(kimura as usize) {
            *count += aligned;
        }
    }
    let text = |key: &str, (bases, aligned, sum): (u64, u64, f64)| {
        let mean = (sum / aligned as f64).min(70.0);
        (bases, aligned, if key.contains("Simple") { "----".to_owned() } else { format!("{mean:.2}") })
    };
    (families.into_iter().map(|(key, sums)| (key.clone(), text(&key, sums))).collect(), coverage)
}

#[test]
fn alignments_have_the_letters_of_both_sequences() {
    let planted = planted();
    let at = planted.folder.path();
    annotated(at, "a", &["--no-tandem"]);
    let align = read(at, "a.align");
    let kimura: Vec<String> =
        read(at, "a.tsv").lines().skip(1).map(|line| line.split('\t').nth(8).expect("a column").to_owned()).collect();
    let records: Vec<&str> = align.split_inclusive("avg. gap size").collect();
    assert_eq!(records.len(), kimura.len() + 1, "a record ends with the sizes of its gaps");
    for (record, kimura) in records.iter().zip(&kimura) {
        let head = heads(record).next().expect("a head");
        let reverse = head[8] == "C";
        assert_eq!(head.len(), if reverse { 15 } else { 14 }, "the columns that parsers count");
        assert!(record.contains(&format!("\nKimura (with divCpGMod) = {kimura}\n")), "{record}");
        let name = head[if reverse { 9 } else { 8 }];
        let name = if planted.library.contains_key(name) { name } else { name.split('#').next().expect("a name") };
        let contig = planted.genome.iter().find(|contig| contig.name == head[4]).expect("a contig");
        let (first, last) =
            if reverse { (number(head[12]), number(head[11])) } else { (number(head[9]), number(head[10])) };
        let left = head[if reverse { 10 } else { 11 }].trim_matches(['(', ')']);
        assert_eq!(number(left), planted.library[name].len() as u64 - last);
        // Lines of sequence: a name, the first position, letters, the last position.
        let lines: Vec<Vec<&str>> = record
            .lines()
            .filter(|line| {
                line.starts_with("  ") && !line.trim_start().starts_with(['i', 'v', '-', '?']) || line.starts_with("C ")
            })
            .map(|line| line.trim_start_matches("C ").split_whitespace().collect::<Vec<_>>())
            .filter(|words| words.len() == 4)
            .collect();
        assert!(lines.len() >= 2 && lines.len().is_multiple_of(2), "{record}");
        let (mut letters, mut at_base, mut at_consensus) =
            ([String::new(), String::new()], number(head[5]), if reverse { last } else { first });
        for (number_of_line, words) in lines.iter().enumerate() {
            let is_genome = number_of_line % 2 == 0;
            let bases = words[2].bytes().filter(|&letter| letter != b'-').count() as u64;
            let begin = if is_genome { &mut at_base } else { &mut at_consensus };
            assert_eq!(number(words[1]), *begin, "{record}");
            if bases > 0 {
                let falls = reverse && !is_genome;
                assert_eq!(number(words[3]), if falls { *begin - (bases - 1) } else { *begin + bases - 1 }, "{record}");
                *begin = if falls { begin.saturating_sub(bases) } else { *begin + bases };
            }
            letters[usize::from(!is_genome)] += words[2];
        }
        assert_eq!(letters[0].len(), letters[1].len());
        let [genome, consensus] = letters.map(|text| text.replace('-', "").into_bytes());
        let range = number(head[5]) as usize - 1..number(head[6]) as usize;
        assert_eq!(genome, contig.letters[range].to_ascii_uppercase());
        let own = &planted.library[name][first as usize - 1..last as usize];
        assert_eq!(consensus, if reverse { reverse_complement(own) } else { own.to_vec() });
    }
}

#[test]
fn the_divergence_summary_is_that_of_the_alignments() {
    let planted = planted();
    let at = planted.folder.path();
    annotated(at, "a", &[]);
    let (families, coverage) = divergence_summary(&read(at, "a.align"));
    let text = read(at, "a.divsum");
    let (first, second) =
        text.split_once("\n\n\nCoverage for each repeat class and divergence (Kimura)\n").expect("two parts");
    let rows: BTreeMap<String, (u64, u64, String)> = first
        .lines()
        .skip_while(|line| !line.starts_with("-----\t"))
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            (format!("{}\t{}", fields[0], fields[1]), (number(fields[2]), number(fields[3]), fields[4].to_owned()))
        })
        .collect();
    assert_eq!(rows, families);
    let mut lines = second.lines();
    let classes: Vec<&str> = lines.next().expect("a head").split_whitespace().skip(1).collect();
    assert_eq!(classes, coverage.keys().collect::<Vec<_>>());
    let table: Vec<Vec<u64>> = lines.map(|line| line.split_whitespace().skip(1).map(number).collect()).collect();
    assert_eq!(table.len(), 71);
    for (column, class) in classes.iter().enumerate() {
        assert_eq!(table.iter().map(|row| row[column]).collect::<Vec<_>>(), coverage[*class], "{class}");
    }
}

#[test]
fn gtf_has_what_counters_of_reads_need() {
    let planted = planted();
    let at = planted.folder.path();
    annotated(at, "a", &[]);
    let tsv = read(at, "a.tsv");
    for (line, row) in read(at, "a.gtf").lines().zip(tsv.lines().skip(1)) {
        let row: Vec<&str> = row.split('\t').collect();
        let fields: Vec<&str> = line.split('\t').collect();
        assert!(fields.len() == 9 && fields[2] == "exon" && matches!(fields[6], "+" | "-"), "{line}");
        // As TEtranscripts splits it.
        let attributes: BTreeMap<String, String> = fields[8]
            .replace("; ", ";")
            .split(';')
            .filter(|attribute| !attribute.is_empty())
            .map(|attribute| {
                attribute.replace('"', "").split_once(' ').map(|(a, b)| (a.into(), b.into())).expect("a pair")
            })
            .collect();
        let keys: Vec<&String> = attributes.keys().collect();
        assert_eq!(keys, ["class_id", "family_id", "gene_id", "transcript_id"]);
        assert!(attributes.values().all(|value| !value.is_empty() && !value.contains(':')), "{line}");
        let family = row[4].replace(';', "_");
        assert_eq!(attributes["gene_id"], family);
        assert_eq!(attributes["transcript_id"], format!("{family}_dup{}", row[15]));
        let (class, superfamily) = row[5].split_once('/').unwrap_or((row[5], row[5]));
        assert_eq!((&attributes["class_id"][..], &attributes["family_id"][..]), (class, superfamily));
    }
}

#[test]
fn scripts_of_edta_find_their_attributes() {
    let planted = planted();
    let at = planted.folder.path();
    annotated(at, "a", &[]);
    for line in read(at, "a.gff3").lines().filter(|line| !line.starts_with('#')) {
        // gff2bed.pl splits at any blank.
        let attributes = line.split_whitespace().nth(8).expect("attributes");
        let value = |name: &str| {
            let start =
                attributes.find(&format!(";{name}=")).unwrap_or_else(|| panic!("{name}: {line}")) + name.len() + 2;
            attributes[start..].split(';').next().expect("a value")
        };
        assert!(
            attributes.starts_with("ID=copy") && value("method") == "homology" && !value("classification").is_empty()
        );
        assert!((0.0..=1.0).contains(&value("identity").parse::<f64>().expect("a share")), "{line}");
        assert!(value("sequence_ontology").starts_with("SO:0"), "{line}");
    }
}

#[test]
fn parts_of_copies_are_features_on_request() {
    let planted = planted();
    let at = planted.folder.path();
    annotated(at, "a", &["--sub-features"]);
    lines_of(at, "gt", &["gff3validator", "-typecheck", "so", "a.gff3"]);
    let text = read(at, "a.gff3");
    let features: Vec<Vec<&str>> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
    let count = |kind: &str| features.iter().filter(|feature| feature[2] == kind).count();
    // On each of four contigs and either strand there is one of each.
    assert_eq!(count("solo_LTR"), 8);
    assert_eq!((count("LTR_retrotransposon"), count("long_terminal_repeat"), count("repeat_component")), (8, 16, 8));
    // One alone, and one within another element.
    assert_eq!((count("terminal_inverted_repeat_element"), count("terminal_inverted_repeat")), (16, 32));
    for feature in &features {
        let length = number(feature[4]) - number(feature[3]) + 1;
        match feature[2] {
            "long_terminal_repeat" | "solo_LTR" => assert!(length.abs_diff(300) <= 12, "{feature:?}"),
            "repeat_component" => assert!(length.abs_diff(1500) <= 24, "{feature:?}"),
            "terminal_inverted_repeat" => assert!(length.abs_diff(40) <= 8, "{feature:?}"),
            _ => {}
        }
    }
    // Target sites of five bases, that chance or a change at the ends of a copy may make longer or hide.
    let sites: Vec<&Vec<&str>> = features.iter().filter(|feature| feature[2] == "target_site_duplication").collect();
    assert!(sites.len() >= 2 * 16 && sites.len().is_multiple_of(2), "{} of 48", sites.len());
    let of_five = sites.iter().filter(|site| number(site[4]) - number(site[3]) + 1 == 5).count();
    assert!(of_five * 10 >= sites.len() * 7, "{of_five} of {}", sites.len());
    let bases = |site: &[&str]| {
        let name = site[0].replace("%3B", ";").replace("%23", "#");
        let contig = planted.genome.iter().find(|contig| contig.name == name).expect("a contig");
        contig.letters[number(site[3]) as usize - 1..number(site[4]) as usize].to_vec()
    };
    let mut pairs: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    sites.iter().for_each(|site| pairs.entry(site[8]).or_default().push(bases(site)));
    assert!(pairs.values().all(|pair| pair.len() == 2 && pair[0] == pair[1]), "{pairs:?}");
    // Lines are by start, as tabix needs them.
    let is_sorted = features.windows(2).all(|two| two[0][0] != two[1][0] || number(two[0][3]) <= number(two[1][3]));
    assert!(is_sorted);
    annotated(at, "b", &["--sub-features", "--bgzip"]);
    lines_of(at, "tabix", &["b.gff3.gz", "chr2"]);
    let refused = ["annotate", "g.reprise", "--library", "lib.fa", "--formats", "bed", "--sub-features"];
    run(at, &refused).failed(2, &["--sub-features", "gff3"]);
}

#[test]
fn terminal_repeats_with_names_of_their_own_are_solo_or_not() {
    let mut random = Random(9);
    let (ltr, internal) = (random.bases(350), random.bases(1200));
    let mut letters = Vec::new();
    for (number, reverse) in [false, true, false, true].into_iter().enumerate() {
        let element = if number < 2 { [&ltr[..], &internal, &ltr].concat() } else { ltr.clone() };
        let element = if reverse { reverse_complement(&element) } else { element };
        letters.extend([random.bases(500), element].concat());
    }
    letters.extend(random.bases(500));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::write(at.join("g.fa"), fasta(&[Contig::new("c", letters)], &PLAIN)).expect("written");
    let library = [Contig::new("e_LTR#LTR/Copia", &ltr), Contig::new("e-int#LTR/Copia", &internal)];
    std::fs::write(at.join("lib.fa"), fasta(&library, &PLAIN)).expect("written");
    run(at, &["build-index", "g.fa", "-q"]).fine();
    let annotate = ["annotate", "g.reprise", "--library", "lib.fa", "--no-tandem", "--formats", "gff3", "-q"];
    let types = |more: &[&str]| -> Vec<String> {
        let text = run(at, &[&annotate[..], more].concat()).fine().out;
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        rows.map(|line| line.split('\t').nth(2).expect("a type").to_owned()).collect()
    };
    let (ltr, whole, solo) = ("long_terminal_repeat", "LTR_retrotransposon", "solo_LTR");
    assert_eq!(types(&["--sub-features"]), [ltr, whole, ltr, ltr, whole, ltr, solo, solo]);
    assert_eq!(types(&[]), [whole; 8]);
}

#[test]
fn frequencies_are_the_same_in_bigwig_and_bedgraph() {
    let planted = planted();
    let at = planted.folder.path();
    let query = |format: &str, more: &[&str], output: &str| {
        let query = ["query", "g.reprise", "--format", format, "-o", output, "--force", "-q"];
        run(at, &[&query[..], more].concat())
    };
    let compare = |more: &[&str]| {
        query("bedgraph", more, "q.bedgraph").fine();
        query("bigwig", more, "q.bw").fine();
        let mut file = BigWigRead::open_file(at.join("q.bw").to_str().expect("UTF-8")).expect("bigWig");
        let mut rows = String::new();
        for contig in &planted.genome {
            let length = contig.letters.len() as u32;
            let Ok(values) = file.get_interval(&contig.name, 0, length) else { continue };
            for value in values {
                let value = value.expect("a value");
                rows += &format!("{}\t{}\t{}\t{}\n", contig.name, value.start, value.end, value.value);
            }
        }
        assert_eq!(rows, read(at, "q.bedgraph"));
        assert!(!rows.is_empty());
    };
    compare(&["g.fa"]);
    compare(&["--region", "chr2:101-4,000"]);
    // Overlapping regions are joined, in the order of the genome.
    query("bigwig", &["--region", "chr2:2,000-5,000", "--region", "chr;1:1-900", "--region", "chr2:101-3,000"], "a.bw")
        .fine();
    query("bigwig", &["--region", "chr;1:1-900", "--region", "chr2:101-5,000"], "b.bw").fine();
    let bytes = |name: &str| std::fs::read(at.join(name)).expect("a file");
    assert_eq!(bytes("a.bw"), bytes("b.bw"));
    query("bigwig", &["g.fa", "-t", "1"], "one.bw").fine();
    query("bigwig", &["g.fa", "-t", "3"], "three.bw").fine();
    assert_eq!(bytes("one.bw"), bytes("three.bw"));
    // What cannot be.
    run(at, &["query", "g.reprise", "g.fa", "--format", "bigwig"]).failed(2, &["pipe", "name a file"]);
    query("bigwig", &["-"], "x.bw").failed(2, &["lengths", "pipe"]);
    query("bigwig", &["--kmer", "ACGTACGTACG"], "x.bw").failed(2, &["bigwig"]);
    std::fs::write(at.join("twice.fa"), ">a\nACGTACGTAGCATCGACT\n>a\nACGATCAGCATCAGC\n").expect("written");
    query("bigwig", &["twice.fa"], "x.bw").failed(3, &["twice.fa", "line 3", "two sequences"]);
    std::fs::write(at.join("short.fa"), ">a\nAC\n").expect("written");
    query("bigwig", &["short.fa"], "x.bw").failed(2, &["no k-mer"]);
    assert!(!at.join("x.bw").exists());
}

#[test]
fn short_names_lead_back() {
    let planted = planted();
    let at = planted.folder.path();
    annotated(at, "a", &[]);
    annotated(at, "s", &["--short-names", "names.tsv"]);
    assert_eq!(read(at, "names.tsv"), "#short\tname\ncontig1\tchr;1\nchr2\tchr2\na\ta\ncontig4\tx#y\n");
    let renamed = |text: &str| text.replace("chr;1", "contig1").replace("x#y", "contig4");
    assert_eq!(read(at, "s.bed"), renamed(&read(at, "a.bed")));
    assert_eq!(read(at, "s.gff3"), read(at, "a.gff3").replace("chr%3B1", "contig1").replace("x%23y", "contig4"));
    let mask = |annotation: &str, more: &[&str]| {
        let mask = ["mask", "g.reprise", "--annotation", annotation, "-o", "m.fa", "--force", "-q"];
        run(at, &[&mask[..], more].concat())
    };
    mask("a.out", &[]).fine();
    let masked = read(at, "m.fa");
    mask("s.out", &["--names", "names.tsv"]).fine();
    assert_eq!(read(at, "m.fa"), masked);
    mask("s.out", &[]).failed(3, &["s.out", "contig1"]);
    mask("a.out", &["--short-names", "again.tsv"]).fine();
    assert_eq!(read(at, "m.fa"), renamed(&masked));
    assert_eq!(read(at, "again.tsv"), read(at, "names.tsv"));
    std::fs::write(at.join("wrong.tsv"), "contig1\tnothing\n").expect("written");
    mask("s.out", &["--names", "wrong.tsv"]).failed(3, &["wrong.tsv", "line 1", "nothing"]);
    std::fs::write(at.join("wrong.tsv"), "contig1\tchr;1\ncontig1\tchr2\n").expect("written");
    mask("s.out", &["--names", "wrong.tsv"]).failed(3, &["wrong.tsv", "line 2", "line 1"]);
    std::fs::write(at.join("wrong.tsv"), "contig1 chr;1\n").expect("written");
    mask("s.out", &["--names", "wrong.tsv"]).failed(3, &["wrong.tsv", "line 1", "tab"]);
}

#[test]
fn masks_are_of_chosen_repeats() {
    let planted = planted();
    let at = planted.folder.path();
    annotated(at, "a", &[]);
    let rows: Vec<Vec<String>> =
        read(at, "a.tsv").lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    let expected = |chosen: &dyn Fn(&[String]) -> bool| -> u64 {
        rows.iter().filter(|row| chosen(row)).map(|row| number(&row[2]) - number(&row[1])).sum()
    };
    let bases = |annotation: &str, more: &[&str]| {
        let mask = ["mask", "g.reprise", "--annotation", annotation, "-o", "m.fa", "--force", "--json"];
        run(at, &[&mask[..], more].concat()).fine().json()["bases"].as_u64().expect("a number")
    };
    for annotation in ["a.tsv", "a.out", "a.gff3", "a.gtf", "a.bed"] {
        assert_eq!(
            bases(annotation, &["--class", "LTR,SINE"]),
            expected(&|row| row[5].starts_with("LTR") || row[5].starts_with("SINE"))
        );
        assert_eq!(
            bases(annotation, &["--exclude-class", "Simple_repeat,dna/hat-ac"]),
            expected(&|row| row[5] != "Simple_repeat" && row[5] != "DNA/hAT-Ac")
        );
        assert_eq!(
            bases(annotation, &["--min-length", "290"]),
            expected(&|row| number(&row[2]) - number(&row[1]) >= 290)
        );
    }
    for annotation in ["a.tsv", "a.gff3"] {
        assert_eq!(
            bases(annotation, &["--max-divergence", "3.5"]),
            expected(&|row| row[9].parse::<f64>().expect("a number") <= 3.5)
        );
    }
    let none = ["mask", "g.reprise", "--annotation", "a.out", "--class", "PLE", "-o", "m.fa", "--force"];
    assert!(run(at, &none).fine().err.contains("no row of a.out is of the chosen classes"));
    let refused = ["mask", "g.reprise", "--annotation", "a.gtf", "--max-divergence", "3"];
    run(at, &refused).failed(3, &["a.gtf", "line 1", "no divergence"]);
}

/// The length of the k-mers of the index, for another that is compared with it.
fn planted_k(at: &Path) -> String {
    run(at, &["info", "g.reprise", "--json"]).fine().json()["parameters"]["k"].to_string()
}

#[test]
fn tables_are_written_without_headers_on_request() {
    let planted = planted();
    let at = planted.folder.path();
    run(at, &["build-index", "lib.fa", "-o", "h.reprise", "-k", &planted_k(at), "-q"]).fine();
    let annotate = ["annotate", "g.reprise", "--library", "lib.fa", "-q", "--formats"];
    for (command, header) in [
        ([&annotate[..], &["tsv"]].concat(), 1),
        ([&annotate[..], &["out"]].concat(), 3),
        (vec!["query", "g.reprise", "g.fa"], 1),
        (vec!["info", "g.reprise", "--contigs"], 1),
        (vec!["list", "."], 1),
        (vec!["compare", "g.reprise", "h.reprise"], 1),
        (vec!["classify", "lib.fa", "-q"], 1),
        (vec!["families", "g.reprise", "--format", "tsv", "-q"], 1),
    ] {
        let with = run(at, &command).fine().out;
        let without = run(at, &[&command[..], &["--no-header"]].concat()).fine().out;
        let expected: String = with.split_inclusive('\n').skip(header).collect();
        assert!(with.len() > expected.len() && without == expected, "{command:?}\n{with}\n{without}");
    }
    for command in [
        [&annotate[..], &["bed"]].concat(),
        vec!["query", "g.reprise", "g.fa", "--per-kmer"],
        vec!["info", "g.reprise"],
        vec!["classify", "lib.fa", "--format", "fasta"],
        vec!["families", "g.reprise"],
    ] {
        run(at, &[&command[..], &["--no-header"]].concat()).failed(2, &["--no-header", "no header"]);
    }
}

#[test]
fn profiles_are_made_of_seed_alignments() {
    let planted = planted();
    let at = planted.folder.path();
    let families = ["families", "g.reprise", "--stockholm", "f.stk", "--taxon", "Drosophila", "-o", "f.fa", "-q"];
    run(at, &families).fine();
    let alignments = read(at, "f.stk").matches("#=GF ID ").count();
    assert!(alignments >= 3, "{alignments}");
    if lines_of(at, "hmmbuild", &["--dna", "f.hmm", "f.stk"]).is_some() {
        assert_eq!(read(at, "f.hmm").matches("\nNAME  ").count(), alignments);
    }
}

#[test]
fn several_libraries_are_one() {
    let planted = planted();
    let at = planted.folder.path();
    let text = read(at, "lib.fa");
    let second = text.match_indices('>').nth(2).expect("four sequences").0;
    std::fs::write(at.join("one.fa"), &text[..second]).expect("written");
    std::fs::write(at.join("two.fa"), &text[second..]).expect("written");
    let annotate = |libraries: &[&str]| run(at, &[&["annotate", "g.reprise", "-q"], libraries].concat());
    let both = annotate(&["--library", "one.fa", "--library", "two.fa"]).fine().out;
    assert_eq!(both, annotate(&["--library", "lib.fa"]).fine().out);
    annotate(&["--library", "one.fa", "--library", "lib.fa"]).failed(3, &["lib.fa", "in two libraries"]);
}

#[test]
fn results_of_detect_are_indexed() {
    let planted = planted();
    let at = planted.folder.path();
    let formats = ["--formats", FORMATS, "--bgzip", "--sub-features", "--short-names"];
    let detect = ["detect", "g.reprise", "--library", "lib.fa", "--library-only", "--tandem", "-o", "d", "-q"];
    run(at, &[&detect[..], &formats].concat()).fine();
    let folder = at.join("d");
    let mut files: Vec<String> = folder
        .read_dir()
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("UTF-8"))
        .collect();
    files.retain(|name| name.starts_with("repeats.") || name.starts_with("masked.") || name == "names.tsv");
    files.sort();
    let expected = "masked.fa.gz masked.fa.gz.fai masked.fa.gz.gzi names.tsv repeats.align repeats.bb repeats.bed.gz \
                    repeats.bed.gz.tbi repeats.divsum repeats.gff3.gz repeats.gff3.gz.tbi repeats.gtf.gz \
                    repeats.gtf.gz.tbi repeats.jsonl repeats.out repeats.tbl repeats.tsv";
    assert_eq!(files.join(" "), expected);
    let bytes = |name: &str| std::fs::read(folder.join(name)).expect("a file");
    let (fai, gzi) = (bytes("masked.fa.gz.fai"), bytes("masked.fa.gz.gzi"));
    if lines_of(&folder, "samtools", &["faidx", "masked.fa.gz", "contig1:1-10"]).is_some() {
        for name in ["masked.fa.gz.fai", "masked.fa.gz.gzi"] {
            std::fs::remove_file(folder.join(name)).expect("removed");
        }
        lines_of(&folder, "samtools", &["faidx", "masked.fa.gz"]);
        assert_eq!((bytes("masked.fa.gz.fai"), bytes("masked.fa.gz.gzi")), (fai, gzi));
    }
    if let Some(rows) = lines_of(&folder, "tabix", &["repeats.gff3.gz", "contig4"]) {
        assert!(rows.len() > 20 && rows.iter().all(|row| row.starts_with("contig4\t")));
    }
    if let Some(lines) = lines_of(&folder, "gt", &["gff3validator", "-typecheck", "so", "repeats.gff3.gz"]) {
        assert_eq!(lines, ["input is valid GFF3"]);
    }
    // A second run has nothing to do; one with other formats writes them.
    run(at, &[&detect[..], &formats].concat()).fine();
    run(at, &[&detect[..], &["--formats", "tsv"]].concat()).fine();
    assert!(read(&folder, "repeats.tsv").contains("\nchr;1\t"));
    assert!(!folder.join("repeats.gff3.gz").exists() && !folder.join("names.tsv").exists(), "they are of another run");
}
