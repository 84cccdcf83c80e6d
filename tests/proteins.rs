//! Protein domains: `classify` finds what is planted, scores as HMMER does, and refuses profiles that it cannot use.
//! Profiles are made here, of random proteins.

mod common;

use std::fmt::Write as _;

use common::{Random, reverse_complement, run, tool};

const AMINO_ACIDS: &[u8; 20] = b"ACDEFGHIKLMNPQRSTVWY";
/// A codon of each of them.
const CODONS: [&str; 20] = [
    "GCT", "TGT", "GAT", "GAA", "TTT", "GGT", "CAT", "ATT", "AAA", "CTT", "ATG", "AAT", "CCT", "CAA", "CGT", "TCT",
    "ACT", "GTT", "TGG", "TAT",
];

fn protein(random: &mut Random, length: usize) -> Vec<usize> {
    (0..length).map(|_| random.below(20)).collect()
}

/// The text of a profile of a protein, in which every column prefers its amino acid.
fn profile(name: &str, protein: &[usize]) -> String {
    let mut text = format!(
        "HMMER3/f [made by a test]\nNAME  {name}\nLENG  {}\nALPH  amino\nRF    no\nMM    no\nCONS  yes\nCS    no\n\
         MAP   no\nSTATS LOCAL MSV       -9.0  0.70\nSTATS LOCAL VITERBI  -9.5  0.70\n\
         STATS LOCAL FORWARD  -4.5  0.70\nHMM {}\n  m->m m->i m->d i->m i->i d->m d->d\n",
        protein.len(),
        AMINO_ACIDS.iter().map(|&letter| char::from(letter)).collect::<String>()
    );
    let scores = |score: &dyn Fn(usize) -> f64| -> String { (0..20).map(|i| format!(" {:.5}", score(i))).collect() };
    let background = scores(&|_| 20f64.ln());
    let count = |i: usize| protein.iter().filter(|&&amino| amino == i).count() as f64 / protein.len() as f64;
    let composition = scores(&|i| -(0.02 + 0.6 * count(i)).ln());
    let transitions = "0.02020 4.60517 4.60517 0.61904 0.77255";
    writeln!(text, "  COMPO {composition}\n        {background}").expect("a string");
    writeln!(text, "        {transitions} 0.00000 *").expect("a string");
    for (column, &amino) in (1..).zip(protein) {
        let emissions = scores(&|i| -(if i == amino { 0.62f64 } else { 0.02 }).ln());
        let ends = if column == protein.len() { "0.01005 4.60517 * 0.61904 0.77255 0.00000 *" } else { "" };
        let inner = format!("{transitions} 0.48576 0.95510");
        writeln!(text, "  {column} {emissions} {column} {} - - -", char::from(AMINO_ACIDS[amino])).expect("a string");
        writeln!(text, "        {background}").expect("a string");
        writeln!(text, "        {}", if ends.is_empty() { &inner } else { ends }).expect("a string");
    }
    text + "//\n"
}

/// Codons of a protein of which one in `part` amino acids is another.
fn coding(random: &mut Random, protein: &[usize], part: usize) -> Vec<u8> {
    let substituted = |&amino: &usize| if random.below(part) == 0 { random.below(20) } else { amino };
    protein.iter().map(substituted).flat_map(|amino| CODONS[amino].bytes()).collect()
}

/// Three profiles, and a library in which their domains are planted.
fn planted(random: &mut Random) -> (String, String) {
    let proteins: Vec<Vec<usize>> = (0..3).map(|_| protein(random, 150)).collect();
    let names = ["one#LTR/Copia", "two#DNA/hAT", "three#LINE|LTR/Gypsy"];
    let profiles = names.iter().zip(&proteins).map(|(name, protein)| profile(name, protein)).collect();
    let mut library = String::new();
    let mut add = |name: &str, parts: &[Vec<u8>]| {
        writeln!(library, ">{name}\n{}", String::from_utf8(parts.concat()).expect("ASCII")).expect("a string");
    };
    let domain = |random: &mut Random, number: usize| coding(random, &proteins[number], 4);
    let flanks: Vec<Vec<u8>> = (0..4).map(|i| random.bases(301 + i)).collect();
    let [one, two, three] = [0, 1, 2].map(|number| domain(random, number));
    add("forward", &[flanks[0].clone(), one.clone(), flanks[1].clone()]);
    add("reverse", &[flanks[2].clone(), reverse_complement(&two), flanks[3].clone()]);
    // A base less in the middle of the domain: the reading frame changes.
    add("shifted", &[flanks[1].clone(), one[..220].to_vec(), one[221..].to_vec(), flanks[2].clone()]);
    add("both", &[flanks[0].clone(), one.clone(), flanks[1].clone(), three.clone()]);
    add("alone", &[flanks[3].clone(), three]);
    add("contradicting#Unknown", &[flanks[0].clone(), one, flanks[1].clone(), two]);
    add("neither#LTR/Ngaro", &[random.bases(2000)]);
    (profiles, library)
}

#[test]
fn planted_domains_give_the_class() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let (profiles, library) = planted(&mut Random(1));
    std::fs::write(at.join("p.hmm"), profiles).expect("written");
    std::fs::write(at.join("lib.fa"), &library).expect("written");
    let arguments = ["classify", "lib.fa", "--profiles", "p.hmm", "--no-built-in-profiles"];
    let table = run(at, &arguments).fine().out;
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let classes: Vec<(&str, &str)> = rows.iter().map(|row| (row[0], row[1])).collect();
    let wanted = [
        ("forward", "LTR/Copia"),
        ("reverse", "DNA/hAT"),
        ("shifted", "LTR/Copia"),
        ("both", "LTR/Copia"),
        ("alone", "LINE"),
        ("contradicting#Unknown", "Unknown"),
        ("neither#LTR/Ngaro", "Unknown"),
    ];
    assert_eq!(classes, wanted, "{table}");
    // Where the domains lie, to some codons.
    let near = |row: usize, start: u64, end: u64, strand: &str| {
        let (_, place) = rows[row][2].split_once("domains ").expect("domains");
        let parts: Vec<&str> = place.split([':', '-', ' ']).collect();
        let [found_start, found_end] = [parts[1], parts[2]].map(|number| number.parse::<u64>().expect("a number"));
        let is_near = found_start.abs_diff(start) <= 30 && found_end.abs_diff(end) <= 30;
        assert!(is_near && rows[row][2].contains(&format!(":{strand}")), "{:?}", rows[row]);
    };
    near(0, 302, 751, "+:");
    near(1, 304, 753, "-:");
    // Both parts of the domain whose frame changes are one.
    near(2, 303, 751, "+:");
    assert_eq!(rows[2][2].matches("one:").count(), 1, "{:?}", rows[2]);
    // The result does not depend on threads or on the other sequences.
    assert_eq!(run(at, &[&arguments[..], &["-t", "1"]].concat()).fine().out, table);
    let (first, _) = library.split_at(library[1..].find('>').expect("a second one") + 1);
    std::fs::write(at.join("first.fa"), first).expect("written");
    let alone = run(at, &[&["classify", "first.fa"], &arguments[2..]].concat()).fine().out;
    assert_eq!(alone.lines().nth(1), table.lines().nth(1));
    // As FASTA, a sequence without a class keeps the one that it has.
    let fasta = run(at, &[&arguments[..], &["--format", "fasta"]].concat()).fine().out;
    let headers: Vec<&str> = fasta.lines().filter(|line| line.starts_with('>')).collect();
    assert_eq!(headers[1..3], [">reverse#DNA/hAT", ">shifted#LTR/Copia"]);
    assert_eq!(headers[5..], [">contradicting#Unknown", ">neither#LTR/Ngaro"]);
    // A table has the last word; profiles without a row are those of genes.
    std::fs::write(at.join("t.tsv"), "# profile class\none#LTR/Copia\tLTR/Pao\tnote\n").expect("written");
    let given = run(at, &[&arguments[..], &["--profile-classes", "t.tsv"]].concat()).fine().out;
    let classes: Vec<&str> = given.lines().skip(1).map(|line| line.split('\t').nth(1).expect("a class")).collect();
    assert_eq!(classes[..6], ["LTR/Pao", "Unknown", "LTR/Pao", "LTR/Pao", "Unknown", "LTR/Pao"]);
    let hosts = run(at, &[&arguments[..], &["--profile-classes", "t.tsv", "--format", "jsonl"]].concat()).fine();
    assert_eq!(hosts.json_lines()[1]["evidence"]["domains"][0]["class"], "host");
}

#[test]
fn scores_are_those_of_hmmer() {
    let Some(mut hmmsearch) = tool("hmmsearch") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let mut random = Random(2);
    let proteins: Vec<Vec<usize>> = (0..12).map(|i| protein(&mut random, 60 + 25 * i)).collect();
    let profiles: String = (0..).zip(&proteins).map(|(i, protein)| profile(&format!("p{i}#LTR"), protein)).collect();
    let (mut library, mut translated) = (String::new(), String::new());
    for number in 0..80 {
        // A part of a domain, with other amino acids and a gap, between random ones without stop codons.
        let domain = &proteins[number % 12];
        let (start, gap) = (random.below(domain.len() / 3), random.below(9));
        let middle = start + (domain.len() - start) / 2;
        let kept = [&domain[start..middle], &domain[(middle + gap).min(domain.len())..]].concat();
        let flanks = [protein(&mut random, 40), protein(&mut random, 30)];
        let substituted = |&amino: &usize| if random.below(3) == 0 { random.below(20) } else { amino };
        let changed: Vec<usize> = kept.iter().map(substituted).collect();
        let all = [&flanks[0][..], &changed, &flanks[1]].concat();
        let letters: String = all.iter().map(|&amino| char::from(AMINO_ACIDS[amino])).collect();
        let bases: String = all.iter().map(|&amino| CODONS[amino]).collect();
        writeln!(library, ">s{number}\n{bases}").expect("a string");
        writeln!(translated, ">s{number}\n{letters}").expect("a string");
    }
    std::fs::write(at.join("p.hmm"), profiles).expect("written");
    std::fs::write(at.join("lib.fa"), library).expect("written");
    std::fs::write(at.join("lib.faa"), translated).expect("written");
    let arguments = ["classify", "lib.fa", "--profiles", "p.hmm", "--no-built-in-profiles", "--format", "jsonl"];
    let rows = run(at, &arguments).fine().json_lines();
    let of_hmmer = hmmsearch
        .args(["--cpu", "1", "-Z", "1", "--domZ", "1", "-E", "1e-6", "--domE", "1e-6", "--noali", "-o", "/dev/null"])
        .args(["--domtblout", "/dev/stdout", "p.hmm", "lib.faa"])
        .current_dir(at)
        .output()
        .expect("hmmsearch runs");
    assert!(of_hmmer.status.success(), "{}", String::from_utf8_lossy(&of_hmmer.stderr));
    let text = String::from_utf8(of_hmmer.stdout).expect("text");
    let mut compared = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let row = rows.iter().find(|row| row["name"] == fields[0]).expect("the sequence");
        let domains = row["evidence"]["domains"].as_array().expect("a list");
        let profile = fields[3].split('#').next().expect("a name");
        let number = |field: usize| fields[field].parse::<f64>().expect("a number");
        let is_same = |domain: &&serde_json::Value| {
            let value = |outer: &str, inner: &str| domain[outer][inner].as_f64().expect("a number");
            domain["profile"] == profile
                && (domain["score"].as_f64().expect("a score") - number(13)).abs() < 0.11
                && (value("range", "start"), value("range", "end")) == (3.0 * (number(17) - 1.0), 3.0 * number(18))
                && (value("columns", "start") + 1.0, value("columns", "end")) == (number(15), number(16))
        };
        assert!(domains.iter().any(|domain| is_same(&domain)), "{line}\n{domains:#?}");
        compared += 1;
    }
    assert!(compared >= 60, "{compared} domains were compared");
}

#[test]
fn profiles_that_cannot_be_used_are_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let (profiles, library) = planted(&mut Random(3));
    std::fs::write(at.join("lib.fa"), library).expect("written");
    let first = profiles.find("//\n").expect("an end") + 3;
    let check = |text: &str, code: i32, says: &[&str]| {
        std::fs::write(at.join("p.hmm"), text).expect("written");
        run(at, &["classify", "lib.fa", "--profiles", "p.hmm"]).failed(code, says);
    };
    check("", 3, &["p.hmm", "has no profile"]);
    check(">protein\nMKV\n", 3, &["p.hmm, line 1", "no profile of HMMER3"]);
    check(&profiles.replacen("HMMER3/f", "HMMER2.0", 1), 3, &["line 1", "hmmconvert"]);
    // The second record.
    let second = |from: &str, to: &str| profiles[..first].to_owned() + &profiles[first..].replacen(from, to, 1);
    check(&second("ALPH  amino", "ALPH  DNA"), 3, &["two#DNA/hAT", "\"DNA\"", "amino"]);
    check(&second("LENG  150", "LENG  151"), 3, &["two#DNA/hAT", "not complete"]);
    check(&second("LENG  150", "LENG  149"), 3, &["two#DNA/hAT", "more columns"]);
    check(&second("STATS LOCAL VITERBI", "STATS"), 3, &["two#DNA/hAT", "VITERBI", "hmmbuild"]);
    check(&second("  70  ", "  71  "), 3, &["two#DNA/hAT", "begin with 70"]);
    check(&second(" 3.91202", " 3.9x202"), 3, &["two#DNA/hAT", "20 numbers"]);
    check(&profiles[..profiles.len() - 200], 3, &["three#LINE|LTR/Gypsy"]);
    check(&(profiles.clone() + &profiles[..first]), 3, &["two profiles", "one#LTR/Copia"]);
    check(&profiles.replace('#', "_"), 3, &["no profile whose class is known"]);
    std::fs::remove_file(at.join("p.hmm")).expect("removed");
    run(at, &["classify", "lib.fa", "--profiles", "p.hmm"]).failed(1, &["p.hmm"]);
    // Tables of classes.
    std::fs::write(at.join("p.hmm"), &profiles).expect("written");
    let table = |text: &str, says: &[&str]| {
        std::fs::write(at.join("t.tsv"), text).expect("written");
        run(at, &["classify", "lib.fa", "--profiles", "p.hmm", "--profile-classes", "t.tsv"]).failed(3, says);
    };
    table("one LTR\n", &["t.tsv, line 1", "one column"]);
    table("# all\none\tLTR Copia\n", &["t.tsv, line 2", "\"LTR Copia\" is no class"]);
    table("a\tLTR\na\tLTR\n", &["t.tsv, line 2", "a row already"]);
    table("other\tLTR\n", &["p.hmm", "t.tsv"]);
    let ran = run(at, &["classify", "lib.fa", "--profile-classes", "t.tsv"]);
    assert!(ran.code == 2 && ran.err.contains("--profiles"), "{}", ran.err);
}
