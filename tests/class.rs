//! Classifies the sequences of real libraries, whose names have their classes: from the sequence alone, and with copies
//! between target sites of random length, which must not lead to a superfamily.

mod common;

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use common::{Random, data};
use reprise::families::{CopyEnds, END_MARGIN, classify};
use reprise::sequence::base_code;

/// The order of a class of a library.
fn order(class: &str) -> &str {
    match class.split('/').next().unwrap_or("") {
        "LTR" | "Evirus" => "LTR",
        _ if class.contains("Helitron") => "Helitron",
        "DNA" | "DNAauto" | "DNAnona" | "MITE" | "TIR" => "DNA",
        "LINE" | "SINE" => "Retroposon",
        "RC" => "Helitron",
        _ => "other",
    }
}

/// Claimed classes by true order: from the sequence alone and with copies.
fn claims(file: &str, seed: u64) -> Option<BTreeMap<(String, &'static str), [u64; 2]>> {
    // One of the libraries has lines that are not FASTA.
    let mut text = String::new();
    let opened = std::fs::File::open(data(file)?).expect("there");
    match file.ends_with(".gz") {
        true => flate2::read::MultiGzDecoder::new(opened).read_to_string(&mut text),
        false => BufReader::new(opened).read_to_string(&mut text),
    }
    .expect("text");
    let mut library: Vec<(&str, Vec<u8>)> = Vec::new();
    for record in text.split('>').skip(1) {
        let (header, lines) = record.split_once('\n').expect("a header ends its line");
        let letters = lines.bytes().filter(u8::is_ascii_alphabetic);
        library.push((
            header.split_whitespace().next().unwrap_or(""),
            letters.map(|letter| base_code(letter).unwrap_or(4) as u8).collect(),
        ));
    }
    let mut random = Random(seed);
    let mut table: BTreeMap<(String, &'static str), [u64; 2]> = BTreeMap::new();
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
            let (claimed, _) = classify(&codes, false, copies);
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
            let right = count(&|order, claimed| claimed.split('/').next() == Some(order));
            assert!(claimed >= 50.0 && right >= 0.97 * claimed, "{file}: {right} of {claimed} claims are right");
            let all = count(&|order, _| order == "LTR");
            let found = count(&|order, claimed| order == "LTR" && claimed == "LTR");
            assert!(ltr.is_none_or(|share| found >= share * all), "{file}: {found} of {all} LTR elements are found");
        }
    }
}
