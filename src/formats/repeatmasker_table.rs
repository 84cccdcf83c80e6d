//! Sums by class in the layout of RepeatMasker's `.tbl`, which people read and scripts take the length of the genome
//! from.

use std::io::Write;

use crate::Result;
use crate::align::genome_composition;
use crate::bundle::WRITTEN_BY;
use crate::formats::annotation_writer::{AnnotationWriter, CopyTable};
use crate::formats::ontology::ontology_term;
use crate::sequence::code::{C, G};
use crate::units::per_cent;

/// Sums by class.
pub(super) struct RepeatMaskerTable;

/// What a class belongs to. Retrotransposons have orders of their own; the rest of them is counted by their sum only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Sine,
    Penelope,
    Line,
    Ltr,
    OtherRetrotransposon,
    Dna,
    RollingCircle,
    Unclassified,
    SmallRna,
    Satellite,
    Simple,
    LowComplexity,
}

use Order::{
    Dna, Line, LowComplexity, Ltr, OtherRetrotransposon, Penelope, RollingCircle, Satellite, Simple, Sine, SmallRna,
    Unclassified,
};

const RETROTRANSPOSONS: &[Order] = &[Sine, Penelope, Line, Ltr, OtherRetrotransposon];
const INTERSPERSED: &[Order] = &[Sine, Penelope, Line, Ltr, OtherRetrotransposon, Dna, RollingCircle, Unclassified];

/// A line of the table: its label, its orders, and its superfamilies if it is not of all.
type Row = (&'static str, &'static [Order], &'static [&'static str]);

/// Lines of transposons, blank ones included.
const TRANSPOSONS: &[Option<Row>] = &[
    Some(("Retroelements", RETROTRANSPOSONS, &[])),
    Some(("   SINEs:", &[Sine], &[])),
    Some(("   Penelope:", &[Penelope], &[])),
    Some(("   LINEs:", &[Line], &[])),
    Some(("     CRE/SLACS", &[Line], &["CRE"])),
    Some(("     L2/CR1/Rex", &[Line], &["L2", "CR1", "Rex"])),
    Some(("     R1/LOA/Jockey", &[Line], &["R1", "LOA", "Jockey", "I"])),
    Some(("     R2/R4/NeSL", &[Line], &["R2", "R4", "NeSL", "Dong"])),
    Some(("     RTE/Bov-B", &[Line], &["RTE", "Bov"])),
    Some(("     L1/CIN4", &[Line], &["L1"])),
    Some(("   LTR elements:", &[Ltr], &[])),
    Some(("     BEL/Pao", &[Ltr], &["Pao", "BEL"])),
    Some(("     Ty1/Copia", &[Ltr], &["Copia"])),
    Some(("     Gypsy/DIRS1", &[Ltr, OtherRetrotransposon], &["Gypsy", "DIRS"])),
    Some(("       Retroviral", &[Ltr], &["ERV", "ERV1", "ERV4", "ERVK", "ERVL", "Lenti"])),
    None,
    Some(("DNA transposons", &[Dna], &[])),
    Some(("   hobo-Activator", &[Dna], &["hAT"])),
    Some(("   Tc1-IS630-Pogo", &[Dna], &["TcMar"])),
    Some(("   En-Spm", &[Dna], &["En", "CMC"])),
    Some(("   MULE-MuDR", &[Dna], &["MuDR", "MULE"])),
    Some(("   PiggyBac", &[Dna], &["PiggyBac"])),
    Some(("   Tourist/Harbinger", &[Dna], &["PIF", "Harbinger", "Tourist"])),
    Some(("   Other (Mirage,", &[Dna], &["Mirage", "P", "Transib"])),
];

/// Copies and bases of a class.
struct ClassSums<'a> {
    class: &'a str,
    order: Order,
    copies: u64,
    bases: u64,
}

impl AnnotationWriter for RepeatMaskerTable {
    fn write(&self, table: &CopyTable<'_>, _header: bool, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let classes = sums(table);
        let genome = &table.index.manifest().genome;
        let composition = genome_composition(table.index)?;
        let gc = 100.0 * (composition[usize::from(C)] + composition[usize::from(G)]);
        let masked: u64 = classes.iter().map(|sums| sums.bases).sum();
        let of_genome = |bases| per_cent(bases, genome.bases);
        let mut text = Vec::new();
        let (bases, acgt) = (genome.bases, genome.acgt);
        // Writing into a Vec cannot fail.
        let _ = write!(
            text,
            "{LINE}\nfile name: {:<25}\nsequences:       {:>7}\n\
             total length: {bases:>10} bp  {:<25}\nGC level:         {gc:>5.2} %\n\
             bases masked: {masked:>10} bp ( {:.2} %)\n{LINE}\n               number of      length   percentage\n\
             \x20              elements*    occupied  of sequence\n{}\n",
            genome.source_names(),
            genome.contigs,
            format!("({acgt} bp excl N/X-runs)"),
            of_genome(masked),
            "-".repeat(LINE.len())
        );
        let row = |text: &mut Vec<u8>, (label, orders, superfamilies): Row| {
            let chosen = || {
                let orders = classes.iter().filter(|sums| orders.contains(&sums.order));
                orders.filter(|sums| superfamilies.is_empty() || is_of(sums.class, superfamilies))
            };
            let (copies, bases): (u64, u64) =
                (chosen().map(|sums| sums.copies).sum(), chosen().map(|sums| sums.bases).sum());
            let _ = writeln!(text, "{label:<20}{copies:>6}   {bases:>10} bp   {:>5.2} %", of_genome(bases));
        };
        for line in TRANSPOSONS {
            match line {
                Some(line) => row(&mut text, *line),
                None => text.push(b'\n'),
            }
        }
        text.extend_from_slice(b"    P-element, Transib)\n\n");
        row(&mut text, ("Rolling-circles", &[RollingCircle], &[]));
        text.push(b'\n');
        row(&mut text, ("Unclassified:", &[Unclassified], &[]));
        let interspersed =
            classes.iter().filter(|sums| INTERSPERSED.contains(&sums.order)).map(|sums| sums.bases).sum();
        let _ = writeln!(
            text,
            "\nTotal interspersed repeats:  {interspersed:>10} bp   {:>5.2} %\n\n",
            of_genome(interspersed)
        );
        row(&mut text, ("Small RNA:", &[SmallRna], &[]));
        text.push(b'\n');
        row(&mut text, ("Satellites:", &[Satellite], &[]));
        row(&mut text, ("Simple repeats:", &[Simple], &[]));
        row(&mut text, ("Low complexity:", &[LowComplexity], &[]));
        let _ = write!(
            text,
            "{LINE}\n\n* most repeats fragmented by insertions or deletions\n  have been counted as one element\n\n\
             {WRITTEN_BY}\n"
        );
        write(&text)
    }
}

/// The line above and below the numbers.
const LINE: &str = "==================================================";

/// Copies and bases by class; a copy in several fragments counts once.
fn sums<'a>(table: &CopyTable<'a>) -> Vec<ClassSums<'a>> {
    let mut classes: Vec<ClassSums<'a>> = Vec::new();
    let mut numbers: ahash::AHashMap<&str, usize> = ahash::AHashMap::new();
    let mut seen: Vec<bool> = Vec::new();
    for row in table.rows(table.copies) {
        let number = *numbers.entry(row.name).or_insert_with(|| {
            let order = order(row.family, row.class);
            classes.iter().position(|sums| (sums.class, sums.order) == (row.class, order)).unwrap_or_else(|| {
                classes.push(ClassSums { class: row.class, order, copies: 0, bases: 0 });
                classes.len() - 1
            })
        });
        let copy = row.id as usize;
        if copy >= seen.len() {
            seen.resize(copy + 1, false);
        }
        let first = !std::mem::replace(&mut seen[copy], true);
        classes[number].copies += u64::from(first);
        classes[number].bases += row.end - row.start;
    }
    classes
}

/// The order of a family with a class.
fn order(family: &str, class: &str) -> Order {
    match ontology_term(family, class) {
        "SINE_element" => Sine,
        "LINE_element" => Line,
        "LTR_retrotransposon" => Ltr,
        "non_LTR_retrotransposon" if is_penelope(class) => Penelope,
        "retrotransposon" | "non_LTR_retrotransposon" => OtherRetrotransposon,
        "DNA_transposon" | "MITE" => Dna,
        "helitron" => RollingCircle,
        "rRNA" | "tRNA" | "snRNA" | "scRNA" | "SRP_RNA" | "ncRNA" => SmallRna,
        "satellite_DNA" | "centromeric_repeat" | "telomeric_repeat" | "subtelomere" => Satellite,
        "microsatellite" | "minisatellite" | "tandem_repeat" => Simple,
        "low_complexity_region" => LowComplexity,
        _ => Unclassified,
    }
}

fn is_penelope(class: &str) -> bool {
    let lower = class.to_ascii_lowercase();
    lower.split(['/', ':', '-', '_']).any(|part| matches!(part.trim_end_matches('?'), "penelope" | "ple" | "naiad"))
}

/// Whether the superfamily of a class, which follows its slash, is one of these or a part of one (`hAT-Ac` of `hAT`).
fn is_of(class: &str, superfamilies: &[&str]) -> bool {
    let superfamily = class.split_once('/').map_or("", |(_, name)| name.trim_end_matches('?'));
    superfamilies
        .iter()
        .any(|name| superfamily.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_of_one_order() {
        for (class, expected) in [
            ("LTR/ERVL-MaLR", Ltr),
            ("LINE/L1", Line),
            ("SINE?", Sine),
            ("PLE", Penelope),
            ("LINE/Penelope", Penelope),
            ("LTR/DIRS", OtherRetrotransposon),
            ("RC/Helitron", RollingCircle),
            ("DNA/hAT-Ac", Dna),
            ("rRNA", SmallRna),
            ("Satellite/centr", Satellite),
            ("Simple_repeat", Simple),
            ("Low_complexity", LowComplexity),
            ("Unknown", Unclassified),
            ("gene_family", Unclassified),
        ] {
            assert_eq!(order("family", class), expected, "{class}");
        }
    }

    #[test]
    fn superfamilies_are_whole_names() {
        assert!(is_of("DNA/hAT-Ac", &["hAT"]) && is_of("DNA/hAT", &["hAT"]) && is_of("LINE/I-Jockey?", &["I"]));
        assert!(!is_of("LINE/L1", &["L"]) && !is_of("LINE", &["L1"]) && !is_of("DNA/PiggyBac", &["P"]));
    }
}
