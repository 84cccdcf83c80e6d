//! The class of a family, as far as its structure and its protein domains show it. Without such marks no class is
//! claimed, and each claim comes with its evidence.

mod copy_ends;
mod domains;
mod evidence;
mod known_rna;
mod paired_repeats;
mod primers;
mod promoters;
mod signs;
mod structural_rna;
mod structure;
mod target_sites;

use crate::families::terminal_repeats::ElementPart;
pub use copy_ends::{CopyEnds, END_MARGIN};
pub(crate) use copy_ends::{copy_ends, truncated_ends};
pub(crate) use domains::class_of_domains;
pub(crate) use domains::has_superfamily;
use domains::order;
pub use evidence::{Evidence, OtherPart, PrimerSite, TargetSite, TerminalRepeat};
pub use known_rna::StructuralRna;
pub(crate) use paired_repeats::have_paired_repeats;
pub(crate) use primers::primers;
pub use signs::Signs;
pub(crate) use structural_rna::structural_rna;
pub(crate) use structure::LTR;
use structure::{SATELLITE, structure};

/// The class of a family without evidence of any.
pub(crate) const UNKNOWN_CLASS: &str = "Unknown";

/// The class of families of genes.
const GENE_FAMILY: &str = "gene_family";

/// The class that the evidence shows, as RepeatMasker writes it, and the evidence; `Unknown` if it shows none.
///
/// Structure and domains each show an order, and sometimes a superfamily. If they show one order, the class is the
/// superfamily of either; the order alone if they differ in it. If they show two orders, it is that of the domains,
/// unless the terminal repeats of the element lie between target sites, and no superfamily is claimed.
pub fn classify(signs: &Signs<'_>) -> (String, Evidence) {
    let (shown, mut evidence) = structure(signs);
    evidence.part = signs.part;
    evidence.domains = signs.domains.to_vec();
    let shown = if signs.part == ElementPart::Whole { shown } else { Some(LTR) };
    let has_proof = evidence.target_site.is_some() && (evidence.direct_repeat.is_some() || evidence.tg_ca)
        || signs.part != ElementPart::Whole;
    let class = combined(shown, class_of_domains(signs.domains), has_proof);
    if signs.gene && !is_transposon(&class) {
        return (GENE_FAMILY.to_owned(), evidence);
    }
    (class, evidence)
}

/// Whether a class is one of elements that transpose, as far as the evidence shows any.
pub(crate) fn is_transposon(class: &str) -> bool {
    class != UNKNOWN_CLASS && class != SATELLITE
}

/// Whether a class is of an order.
pub(crate) fn is_of_order(class: &str, of: &str) -> bool {
    order(class) == of
}

/// The class of structure and of domains together; `has_proof` if the structure is beyond doubt.
fn combined(structure: Option<&str>, domains: Option<String>, has_proof: bool) -> String {
    match (structure, domains) {
        (None, None) => UNKNOWN_CLASS.to_owned(),
        (Some(class), None) => class.to_owned(),
        (None | Some(SATELLITE), Some(class)) => class,
        (Some(structure), Some(domains)) if order(structure) == order(&domains) => {
            match (has_superfamily(structure), has_superfamily(&domains)) {
                (true, true) if structure != domains => order(structure).to_owned(),
                (true, _) => structure.to_owned(),
                (false, _) => domains,
            }
        }
        (Some(structure), Some(_)) if has_proof => order(structure).to_owned(),
        (Some(_), Some(domains)) => order(&domains).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_and_domains_are_combined() {
        let cases = [
            (None, None, false, "Unknown"),
            (Some("LTR"), None, false, "LTR"),
            (None, Some("LTR/Copia"), false, "LTR/Copia"),
            (Some("LTR"), Some("LTR/Copia"), true, "LTR/Copia"),
            (Some("DNA/hAT"), Some("DNA"), false, "DNA/hAT"),
            (Some("DNA/hAT"), Some("DNA/TcMar"), false, "DNA"),
            (Some("LINE?"), Some("LINE/L1"), false, "LINE/L1"),
            (Some("LTR"), Some("LINE/L1"), false, "LINE"),
            (Some("LTR"), Some("DNA/MULE-MuDR"), true, "LTR"),
            (Some("Satellite"), Some("LINE/R2"), false, "LINE/R2"),
        ];
        for (structure, domains, has_proof, wanted) in cases {
            assert_eq!(combined(structure, domains.map(str::to_owned), has_proof), wanted, "{structure:?} {domains:?}");
        }
    }
}
