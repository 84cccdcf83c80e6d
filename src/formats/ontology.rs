//! GFF3 needs terms of the Sequence Ontology (<http://www.sequenceontology.org>), but every library names its classes
//! after its own system. This module maps one to the other.
//!
//! Terms are those of orders, which every version of the ontology has. The systems: RepeatMasker and Dfam (`LTR/ERVK`,
//! `DNA/hAT-Ac`), the three letters of Wicker et al. (Nat. Rev. Genet. 8 (2007) 973; `RLC`, `DTA`), EDTA (`DNA/DTA`,
//! `MITE/DTT`, `TIR/hAT`), REXdb (`Class_I::LTR::Ty1_copia::Ale`), MCHelper (`CLASSI/LTR/COPIA`), HiTE, REPET
//! (`RLX-comp`), and the names of the ontology itself.

/// Words that decide wherever they occur in a class, because libraries list them under other orders (`DNA/Helitron`,
/// `LINE/Penelope`).
const DECISIVE: &[(&str, &[&str])] = &[
    ("helitron", &["helitron", "rc"]),
    ("MITE", &["mite", "mites"]),
    ("LTR_retrotransposon", &["trim", "lard"]),
    ("non_LTR_retrotransposon", &["penelope", "ple", "naiad"]),
    ("retrotransposon", &["dirs", "ngaro", "viper"]),
];

/// Orders and satellites: names with which a part of a class begins.
const ORDERS: &[(&str, &[&str])] = &[
    ("LTR_retrotransposon", &["ltr"]),
    ("non_LTR_retrotransposon", &["nonltr", "non_ltr", "non-ltr"]),
    ("LINE_element", &["line", "lines"]),
    ("SINE_element", &["sine", "sines"]),
    ("retrotransposon", &["retroposon", "pararetrovirus", "yr"]),
    ("DNA_transposon", &["dna", "dnaauto", "dnanona", "nondna", "tir", "nontir", "terminal_inverted_repeat_element"]),
    (
        "DNA_transposon",
        &["crypton", "cryptona", "cryptonf", "cryptoni", "cryptons", "cryptonv", "maverick", "polinton"],
    ),
    ("satellite_DNA", &["satellite", "satellites", "sat", "msat", "knob"]),
    ("centromeric_repeat", &["centromeric", "centromere", "centro", "cent", "centc", "centm"]),
    ("telomeric_repeat", &["telomeric", "telomere"]),
    ("subtelomere", &["subtelomeric", "subtelomere"]),
    ("microsatellite", &["microsatellite", "ssr"]),
    ("minisatellite", &["minisatellite"]),
    ("tandem_repeat", &["tandem"]),
    ("low_complexity_region", &["low_complexity"]),
];

/// Genes that are copied: names that are a whole part of a class, because elements are named after genes too.
const GENES: &[(&str, &[&str])] = &[
    ("rRNA", &["rrna", "rdna"]),
    ("tRNA", &["trna"]),
    ("snRNA", &["snrna"]),
    ("scRNA", &["scrna"]),
    ("SRP_RNA", &["srprna", "srp_rna", "7slrna"]),
    ("ncRNA", &["rna", "ncrna"]),
];

/// Superfamilies, as the only part of a class or under an order.
const SUPERFAMILIES: &[(&str, &[&str])] = &[
    (
        "LTR_retrotransposon",
        &[
            "copia",
            "ty1",
            "gypsy",
            "ty3",
            "bel",
            "pao",
            "belpao",
            "erv",
            "ervk",
            "ervl",
            "herv",
            "retrovirus",
            "foamy",
            "endogenous_retrovirus",
            "caulimovirus",
            "chromovirus",
            "crm",
        ],
    ),
    (
        "LINE_element",
        &[
            "l1", "l2", "cr1", "rte", "rtex", "bovb", "jockey", "r1", "r2", "r4", "dong", "rex", "tad1", "tx1",
            "crack", "vingi", "proto2", "loa", "i",
        ],
    ),
    ("SINE_element", &["alu", "mir", "b1", "b2", "b4", "id", "5s", "7sl"]),
    (
        "DNA_transposon",
        &[
            "hat",
            "ac",
            "tcmar",
            "tc1",
            "mariner",
            "stowaway",
            "tigger",
            "pogo",
            "mutator",
            "mudr",
            "mule",
            "muletir",
            "cacta",
            "cactg",
            "enspm",
            "en",
            "cmc",
            "chapaev",
            "pif",
            "harbinger",
            "tourist",
            "piggybac",
            "p",
            "merlin",
            "transib",
            "sola",
            "zator",
            "ginger",
            "kolobok",
            "dada",
            "academ",
            "novosib",
            "zisupton",
            "is3eu",
            "pile",
            "pole",
        ],
    ),
];

/// Classes without an order.
const CLASSES: &[(&str, &[&str])] = &[
    (
        "retrotransposon",
        &["class_i", "classi", "class_1", "class1", "retrotransposon", "rna_transposon", "retro", "evirus"],
    ),
    ("DNA_transposon", &["class_ii", "classii", "class_2", "class2", "subclass"]),
    ("transposable_element", &["te", "transposable_element", "transposon"]),
];

/// Accessions of the terms in the ontology.
const ACCESSIONS: &[(&str, &str)] = &[
    ("DNA_transposon", "SO:0000182"),
    ("LINE_element", "SO:0000194"),
    ("LTR_retrotransposon", "SO:0000186"),
    ("MITE", "SO:0000338"),
    ("SINE_element", "SO:0000206"),
    ("SRP_RNA", "SO:0000590"),
    ("centromeric_repeat", "SO:0001797"),
    ("dispersed_repeat", "SO:0000658"),
    ("helitron", "SO:0000544"),
    ("low_complexity_region", "SO:0001005"),
    ("microsatellite", "SO:0000289"),
    ("minisatellite", "SO:0000643"),
    ("ncRNA", "SO:0000655"),
    ("non_LTR_retrotransposon", "SO:0000189"),
    ("rRNA", "SO:0000252"),
    ("retrotransposon", "SO:0000180"),
    ("satellite_DNA", "SO:0000005"),
    ("scRNA", "SO:0000013"),
    ("snRNA", "SO:0000274"),
    ("subtelomere", "SO:0001997"),
    ("tRNA", "SO:0000253"),
    ("tandem_repeat", "SO:0000705"),
    ("telomeric_repeat", "SO:0001496"),
    ("transposable_element", "SO:0000101"),
    ("solo_LTR", "SO:0001003"),
    ("terminal_inverted_repeat_element", "SO:0000208"),
];

/// Accession of a term that [`ontology_term`] returns; that of `repeat_region` for any other.
pub(crate) fn accession(term: &str) -> &'static str {
    ACCESSIONS.iter().find(|(name, _)| *name == term).map_or("SO:0000657", |(_, accession)| accession)
}

/// Term of the Sequence Ontology for a family and its class. A `?` behind a part of a class marks it as doubtful and is
/// ignored.
pub(crate) fn ontology_term(family: &str, class: &str) -> &'static str {
    fn parts(class: &str) -> impl Iterator<Item = &str> {
        class.split(['/', ':', '|', ';', ',']).map(|part| part.trim_end_matches('?')).filter(|part| !part.is_empty())
    }
    let lower = class.to_ascii_lowercase();
    if parts(&lower).any(|part| part == "simple_repeat") {
        // The unit in a name such as `(CA)n` shows its length; microsatellites have units below 10 bases.
        return match family.strip_prefix('(').and_then(|name| name.strip_suffix(")n")).map(str::len) {
            Some(..10) => "microsatellite",
            Some(_) => "minisatellite",
            None => "tandem_repeat",
        };
    }
    let words = || parts(&lower).flat_map(|part| part.split(['_', '-']));
    let word = |table: &Table| words().find_map(|word| look_up(table, |name| name == word));
    let whole = |table: &Table| parts(&lower).find_map(|part| look_up(table, |name| name == part));
    let beginning = |table: &Table| parts(&lower).find_map(|part| look_up(table, |name| begins(part, name)));
    word(DECISIVE)
        .or_else(|| parts(class).find_map(wicker))
        .or_else(|| beginning(ORDERS))
        .or_else(|| beginning(SUPERFAMILIES))
        .or_else(|| whole(GENES))
        // A class is longer than the one that it begins with.
        .or_else(|| whole(CLASSES))
        .or_else(|| beginning(CLASSES))
        .or_else(|| word(ORDERS))
        .unwrap_or("dispersed_repeat")
}

/// Terms of the ontology, each with the names of classes that map to it.
type Table = [(&'static str, &'static [&'static str])];

fn look_up(table: &Table, is: impl Fn(&str) -> bool) -> Option<&'static str> {
    table.iter().find(|(_, names)| names.iter().any(|name| is(name))).map(|(term, _)| *term)
}

/// Whether a part of a class is of this name, alone (`hat`), numbered (`erv1`) or with more behind it (`hat-ac`).
fn begins(part: &str, name: &str) -> bool {
    part.strip_prefix(name).is_some_and(|rest| match rest.bytes().next() {
        None => true,
        Some(next) => {
            !next.is_ascii_alphanumeric() || next.is_ascii_digit() && !name.ends_with(|c: char| c.is_ascii_digit())
        }
    })
}

/// The term of three letters: class, order and superfamily, X for what is not known; more may be behind a `-` or `_`.
fn wicker(part: &str) -> Option<&'static str> {
    let code = part.split(['-', '_']).next()?;
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    match &code[..2] {
        "RL" => Some("LTR_retrotransposon"),
        "RY" => Some("retrotransposon"),
        "RP" => Some("non_LTR_retrotransposon"),
        "RI" => Some("LINE_element"),
        "RS" => Some("SINE_element"),
        "RX" => Some("retrotransposon"),
        "DH" => Some("helitron"),
        "DT" | "DY" | "DM" | "DX" => Some("DNA_transposon"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_every_system_have_their_term() {
        for (term, classes) in [
            (
                "LTR_retrotransposon",
                "LTR LTR? LTR/Gypsy LTR/Copia? LTR/ERVK LTR/ERVL-MaLR LTR?/ERV? LTR/Caulimovirus LTR/RLC LTR/TRIM \
                 LTR/Pao CLASSI/LTR/COPIA CLASSI/LTR/BELPAO CLASSI/TRIM Class_I/LTR/Ty3_gypsy/chromovirus \
                 Class_I::LTR::Ty1_copia::Ale ClassI|LTR|Ty1/copia|Ale \
                 Class_I|LTR|Ty3/gypsy|non-chromovirus|OTA|Athila RLX RLG RLC-comp RLX_family1 RXX-LARD Copia \
                 Gypsy HERV Gypsy_LTR_retrotransposon Bel_Pao_LTR_retrotransposon TRIM Evirus/endogenous_retrovirus",
            ),
            (
                "LINE_element",
                "LINE LINE/L1 LINE? LINE/RIL nonLTR/RIL RIL RIX L1 CR1-Zenon Class_I|LINE L1_LINE_retrotransposon \
                 LINE/I",
            ),
            (
                "SINE_element",
                "SINE SINE/Alu SINE?/tRNA SINE/tRNA-RTE SINE2/tRNA SINE/5S RST RSX-comp CLASSI/SINE Alu \
                 tRNA_SINE_retrotransposon?",
            ),
            (
                "DNA_transposon",
                "DNA DNA? DNA/hAT-Ac DNA/TIR/hAT DNA/DTA DNA/TcMar-Tigger DNA/Crypton-V DNA/Maverick DNA/P \
                 DNA/CMC-EnSpm TIR/hAT TIR/EnSpm_CACTA DTX DTX-incomp-chim DYC DMM DNAauto/CACTA DNAnona/MULEtir hAT \
                 hAT-Ac Tc1-Mariner Mutator CLASSII/TIR CLASSII/TIR/TC1MARINER CLASSII/CRYPTON \
                 Class_II/Subclass_1/TIR/MuDR_Mutator Class_II|Subclass_1|TIR Class_II CLASSII \
                 Tc1_Mariner_TIR_transposon terminal_inverted_repeat_element DNA_transposon",
            ),
            ("MITE", "MITE MITE/DTT DNA/MITE TIR/MITE CLASSII/MITE DXX-MITE"),
            (
                "helitron",
                "RC/Helitron RC DNA/Helitron Helitron nonTIR/helitron DHH DHX-comp Class_II/Subclass_2/Helitron \
                 CLASSII/HELITRON Unknown/Helitron-2",
            ),
            (
                "non_LTR_retrotransposon",
                "PLE PLE/Naiad PLE/Penelope LINE/Penelope Class_I|Penelope RPP nonLTR/unknown non_LTR Non-LTR",
            ),
            (
                "retrotransposon",
                "Retroposon Retroposon/SVA Retroposon/L1-dep LTR/DIRS CLASSI/DIRS RYD RXX Class_I CLASSI \
                 Class_I|pararetrovirus YR/unknown",
            ),
            ("satellite_DNA", "Satellite Satellite/centr Satellite/telo knob/knob180 satellite_DNA"),
            ("centromeric_repeat", "Cent/CentC centromeric_repeat"),
            ("telomeric_repeat", "telomere/telomere telomeric_repeat"),
            ("tandem_repeat", "Simple_repeat tandem_repeat"),
            ("low_complexity_region", "Low_complexity low_complexity_region"),
            ("rRNA", "rRNA rDNA/45S rRNA/LSU"),
            ("tRNA", "tRNA tRNA?"),
            ("snRNA", "snRNA"),
            ("scRNA", "scRNA"),
            ("SRP_RNA", "srpRNA"),
            ("ncRNA", "RNA"),
            (
                "dispersed_repeat",
                "Unknown Unspecified Other Other/composite UNCLASSIFIED noCat ARTEFACT Segmental repeat_region NA/NA \
                 XXX ? / #",
            ),
        ] {
            for class in classes.split_ascii_whitespace() {
                assert_eq!(ontology_term("f1", class), term, "{class}");
            }
        }
        let unit = |family: &str| ontology_term(family, "Simple_repeat");
        assert_eq!(
            [unit("(CA)n"), unit("(ACGTACGTACGT)n"), unit("x")],
            ["microsatellite", "minisatellite", "tandem_repeat"]
        );
    }

    /// Names of the ontology, as of 2024; genometools, which may be older, knows them all too.
    #[test]
    fn every_term_is_one_of_the_ontology() {
        for (term, _) in [DECISIVE, ORDERS, SUPERFAMILIES, GENES, CLASSES].concat() {
            assert!(ACCESSIONS.iter().any(|(known, _)| *known == term), "{term}");
        }
    }
}
