//! Classifies the sequences of real libraries, whose names have their classes: from the sequence alone, and with copies
//! between target sites of random length, which must not lead to a superfamily.

mod common;

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use common::{Contig, PLAIN, Random, data, fasta, reverse_complement, run};
use reprise::families::{CopyEnds, END_MARGIN, Signs, classify};
use reprise::sequence::base_code;

/// The order of a class of a library.
fn order(class: &str) -> &str {
    match class.split('/').next().unwrap_or("") {
        "LTR" | "Evirus" => "LTR",
        _ if class.contains("Helitron") => "Helitron",
        "DNA" | "DNAauto" | "DNAnona" | "MITE" | "TIR" => "DNA",
        "LINE" | "SINE" => "LINE or SINE",
        "RC" => "Helitron",
        _ => "other",
    }
}

/// Names and codes of a library.
fn library(file: &str) -> Option<Vec<(String, Vec<u8>)>> {
    // One of the libraries has lines that are not FASTA.
    let mut text = String::new();
    let opened = std::fs::File::open(data(file)?).expect("there");
    match file.ends_with(".gz") {
        true => flate2::read::MultiGzDecoder::new(opened).read_to_string(&mut text),
        false => BufReader::new(opened).read_to_string(&mut text),
    }
    .expect("text");
    let record = |record: &str| {
        let (header, lines) = record.split_once('\n').expect("a header ends its line");
        let letters = lines.bytes().filter(u8::is_ascii_alphabetic);
        let codes = letters.map(|letter| base_code(letter).unwrap_or(4) as u8).collect();
        (header.split_whitespace().next().unwrap_or("").to_owned(), codes)
    };
    Some(text.split('>').skip(1).map(record).collect())
}

/// Claimed classes by true order: from the sequence alone and with copies.
fn claims(file: &str, seed: u64) -> Option<BTreeMap<(String, String), [u64; 2]>> {
    let library = library(file)?;
    let mut random = Random(seed);
    let mut table: BTreeMap<(String, String), [u64; 2]> = BTreeMap::new();
    for (name, codes) in library {
        let class = name.split_once('#').map_or("other", |parts| parts.1);
        if codes.len() < 2 * END_MARGIN {
            continue;
        }
        let copies: Vec<CopyEnds> = (0..10)
            .map(|_| {
                let site: Vec<u8> = (0..4 + random.below(5)).map(|_| random.below(4) as u8).collect();
                let mut flank = |near: &[u8], before: bool| -> Vec<u8> {
                    let mut flank: Vec<u8> = (0..END_MARGIN - near.len()).map(|_| random.below(4) as u8).collect();
                    let at = if before { flank.len() } else { 0 };
                    flank.splice(at..at, near.iter().copied());
                    flank
                };
                let left = [flank(&site, true), codes[..END_MARGIN].to_vec()].concat();
                let right = [codes[codes.len() - END_MARGIN..].to_vec(), flank(&site, false)].concat();
                CopyEnds { left: left.try_into().expect("both halves"), right: right.try_into().expect("both halves") }
            })
            .collect();
        for (column, copies) in [&[][..], &copies[..]].into_iter().enumerate() {
            let (claimed, _) = classify(&Signs {
                consensus: &codes,
                copies: Some(copies).filter(|copies| !copies.is_empty()),
                ..Signs::default()
            });
            table.entry((order(class).to_owned(), claimed)).or_default()[column] += 1;
        }
    }
    for ((order, claimed), [alone, copies]) in &table {
        println!("{file}\t{order}\t{claimed}\t{alone}\t{copies}");
    }
    Some(table)
}

#[test]
fn claims_about_known_libraries_are_nearly_always_right() {
    // Many LTR elements of rice are solitary repeats or fragments.
    for (file, ltr) in [("libraries/drosophila_canonical_v10.2.fa", Some(0.9)), ("libraries/rice_6.9.5.fa.gz", None)] {
        let Some(table) = claims(file, 9) else { continue };
        for column in 0..2 {
            let count = |wanted: &dyn Fn(&str, &str) -> bool| -> f64 {
                table.iter().filter(|((order, claimed), _)| wanted(order, claimed)).map(|(_, n)| n[column] as f64).sum()
            };
            let claimed = count(&|_, claimed| claimed != "Unknown");
            let right = count(&|order, claimed| {
                let shown = match claimed.split('/').next() {
                    Some("LINE?" | "SINE?" | "SINE") => "LINE or SINE",
                    shown => shown.unwrap_or(claimed),
                };
                shown == order
            });
            assert!(claimed >= 50.0 && right >= 0.97 * claimed, "{file}: {right} of {claimed} claims are right");
            let all = count(&|order, _| order == "LTR");
            let found = count(&|order, claimed| order == "LTR" && claimed == "LTR");
            assert!(ltr.is_none_or(|share| found >= share * all), "{file}: {found} of {all} LTR elements are found");
        }
    }
}

/// Makes a target site.
type Site = fn(&mut Random) -> Vec<u8>;

/// The target sites of a class of DNA transposons, and how its superfamily is called here.
fn sites_of(class: &str) -> Option<(&'static str, Site)> {
    fn random_site(random: &mut Random, length: usize) -> Vec<u8> {
        (0..length).map(|_| random.below(4) as u8).collect()
    }
    // Codes: T 0, C 1, A 2, G 3.
    Some(match class.split_once('/')?.1 {
        "hAT" => ("DNA/hAT", |random| random_site(random, 8)),
        "MULE" | "MULEtir" | "MuDR" => ("DNA/MULE-MuDR", |random| random_site(random, 9)),
        "CACTA" | "CACTG" => ("DNA/CMC-EnSpm", |random| random_site(random, 3)),
        "Tourist" | "PILE" | "POLE" => ("DNA/PIF-Harbinger", |random| vec![0, [0, 2][random.below(2)], 2]),
        "Stow" | "MLE" | "Tc1-Mariner" => ("DNA/TcMar", |_| vec![0, 2]),
        "PiggyBac" => ("DNA/PiggyBac", |_| vec![0, 0, 2, 2]),
        _ => return None,
    })
}

/// Bases of which one in ten is another.
fn decayed(random: &mut Random, bases: &[u8]) -> Vec<u8> {
    bases
        .iter()
        .map(|&base| if random.below(10) == 0 { (base + 1 + random.below(3) as u8) % 4 } else { base })
        .collect()
}

#[test]
fn decayed_sites_give_the_superfamily() {
    let mut random = Random(4);
    for (file, share) in [("libraries/drosophila_canonical_v10.2.fa", 0.5), ("libraries/rice_6.9.5.fa.gz", 0.4)] {
        let Some(library) = library(file) else { continue };
        let mut table: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
        // MITEs of the library, and other sequences: those that are called MITE, and all.
        let mut mites = [[0u64; 2]; 2];
        for (name, codes) in &library {
            let Some((wanted, site)) = name.split_once('#').and_then(|(_, class)| sites_of(class)) else { continue };
            if codes.len() < 2 * END_MARGIN || codes.contains(&4) {
                continue;
            }
            let copies: Vec<CopyEnds> = (0..10)
                .map(|_| {
                    let site = site(&mut random);
                    let mut side = |element: &[u8], before: bool| -> [u8; 2 * END_MARGIN] {
                        let flank: Vec<u8> = (0..END_MARGIN - site.len()).map(|_| random.below(4) as u8).collect();
                        let parts = if before { [&flank, &site[..], element] } else { [element, &site[..], &flank] };
                        decayed(&mut random, &parts.concat()).try_into().expect("both halves")
                    };
                    let left = side(&codes[..END_MARGIN], true);
                    CopyEnds { left, right: side(&codes[codes.len() - END_MARGIN..], false) }
                })
                .collect();
            let (class, evidence) = classify(&Signs { consensus: codes, copies: Some(&copies), ..Signs::default() });
            let column = match class.as_str() {
                class if class == wanted => 0,
                "DNA" => 1,
                "Unknown" => 2,
                _ => 3,
            };
            table.entry(wanted).or_default()[column] += 1;
            let is_mite = name.contains("#MITE/");
            mites[usize::from(!is_mite)][1] += 1;
            mites[usize::from(!is_mite)][0] += u64::from(evidence.mite);
            assert!(!evidence.mite || codes.len() <= 800 && class.starts_with("DNA"), "{name}: {evidence}");
        }
        let mut sums = [0; 4];
        for (class, row) in &table {
            let [right, order, unknown, wrong] = row;
            println!("{file}\t{class}\t{right} right\t{order} of the order\t{unknown} unknown\t{wrong} wrong");
            (0..4).for_each(|i| sums[i] += row[i]);
        }
        let all: u64 = sums.iter().sum();
        let [[called, of_mites], [others, of_others]] = mites;
        println!("{file}\t{sums:?}\tMITE: {called} of {of_mites}, and {others} of {of_others} others");
        assert!(2 * called >= of_mites, "{file}: {called} of {of_mites} MITEs are recognized");
        assert!(sums[0] as f64 >= share * all as f64, "{file}: {} of {all} superfamilies are right", sums[0]);
        assert!(sums[3] as f64 <= 0.02 * (all - sums[2]) as f64, "{file}: {} of {all} are wrong", sums[3]);
    }
}

/// Genes of RNA that a file names are left out of a library, kept on request, and known in any library.
#[test]
fn structural_rna_of_the_user_is_known() {
    let mut random = Random(23);
    let (gene, element) = (random.bases(900), random.bases(700));
    let mut letters = random.bases(3000);
    // Copies on both strands: those on one in so few places would be a cluster.
    for number in 0..12 {
        for consensus in [&gene, &element] {
            let one = |random: &mut Random, &base: &u8| if random.below(20) == 0 { random.bases(1)[0] } else { base };
            let copy: Vec<u8> = consensus.iter().map(|base| one(&mut random, base)).collect();
            let copy = if number % 2 == 0 { copy } else { reverse_complement(&copy) };
            letters.extend([copy, random.bases(1500)].concat());
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let write =
        |name: &str, records: &[Contig]| std::fs::write(at.join(name), fasta(records, &PLAIN)).expect("written");
    write("g.fa", &[Contig::new("c", letters)]);
    write("rna.fa", &[Contig::new("RDN25", &gene), Contig::new("tRNA-Ala", random.bases(73))]);
    write("lib.fa", &[Contig::new("a", &gene), Contig::new("b", &element)]);
    let classes = |more: &[&str]| -> Vec<String> {
        let table = run(at, &[&["families", "g.fa", "--format", "tsv", "--no-header", "-q"], more].concat()).fine().out;
        let mut classes: Vec<String> =
            table.lines().map(|row| row.split('\t').nth(1).expect("a class").to_owned()).collect();
        classes.sort();
        classes
    };
    assert_eq!(classes(&[]), ["Unknown", "Unknown"]);
    assert_eq!(classes(&["--structural-rna", "rna.fa"]), ["Unknown"]);
    assert_eq!(classes(&["--structural-rna", "rna.fa", "--keep-gene-families"]), ["Unknown", "rRNA"]);
    let known = run(at, &["classify", "lib.fa", "--structural-rna", "rna.fa", "-q"]).fine().out;
    assert_eq!(known, "#name\tclass\tevidence\na\trRNA\t-\nb\tUnknown\t-\n");
    run(at, &["classify", "lib.fa", "--structural-rna", "none.fa"]).failed(1, &["none.fa"]);
}
