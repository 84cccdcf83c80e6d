//! The evidence for the class of a family, as a value of its own: a class is a claim, and the reader of a library can
//! check its evidence.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::families::terminal_repeats::ElementPart;
use crate::proteins::Domain;
use crate::units::counted;

/// The evidence for the class of a family.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Copies from end to end with different flanks: those that were examined.
    pub copies: u64,
    /// Which part of an element with terminal repeats the family represents, as copies of other extent show.
    pub part: ElementPart,
    /// The family that is the other part of the element, if it is known.
    pub other_part: Option<OtherPart>,
    /// The repeat at both ends, in one direction.
    pub direct_repeat: Option<TerminalRepeat>,
    /// The repeat at both ends; one is the reverse complement of the other.
    pub inverted_repeat: Option<TerminalRepeat>,
    /// Whether the element begins with TG and ends with CA.
    pub tg_ca: bool,
    /// The place, behind the first of the direct repeats, that a tRNA primes reverse transcription from.
    pub primer_site: Option<PrimerSite>,
    /// Bases of the run of purines before the second of the direct repeats; 0 if there is none.
    pub polypurine_tract: u64,
    /// Bases of the target that are on both sides of a copy.
    pub target_site: Option<TargetSite>,
    /// Whether it is a miniature inverted-repeat transposable element: short, with inverted repeats and target sites, and
    /// without a protein domain.
    pub mite: bool,
    /// Copies that end in a run of A (or begin with one of T).
    pub poly_a: u64,
    /// Copies that lack the beginning of the element, if they show what it is: then the target sites and runs of A are
    /// theirs. Else 0.
    pub truncated: u64,
    /// Whether it begins with a promoter of RNA polymerase III, as SINEs do.
    pub promoter: bool,
    /// Protein domains of the consensus, by position.
    pub domains: Vec<Domain>,
}

/// A repeat at both ends of a consensus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TerminalRepeat {
    /// Bases of the repeat at the beginning.
    pub length: u64,
    /// Columns that are equal, in per cent, to one decimal place.
    pub identity: f64,
}

/// Another part of an element with terminal repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPart {
    /// The name of its family.
    pub family: String,
    /// Copies of the internal part that lie between copies of the terminal repeat, or of its subfamilies.
    pub copies: u64,
}

/// A place that pairs with the 3' end of a tRNA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimerSite {
    /// The amino acid of the tRNA; `Met-i` is the initiator.
    pub trna: String,
    /// Bases in a row that pair.
    pub length: u64,
}

/// Duplications of the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetSite {
    /// Bases; 0 if each copy has its own length of 7 or more.
    pub length: u64,
    /// Copies that have one.
    pub copies: u64,
    /// The motif that all of them have, if it is the same.
    pub motif: Option<String>,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut phrases = Vec::new();
        let examined = if self.truncated > 0 { self.truncated } else { self.copies };
        match (self.part, &self.other_part) {
            (ElementPart::Whole, _) => {}
            (ElementPart::TerminalRepeat, Some(OtherPart { family, copies })) => {
                phrases.push(format!("terminal repeat of {family}, {}", counted(*copies, "copy")));
            }
            (ElementPart::TerminalRepeat, None) => {
                phrases.push("terminal repeat of an element, mostly alone".to_owned());
            }
            (ElementPart::Internal, Some(OtherPart { family, copies })) => {
                phrases.push(format!("between copies of {family}, {}", counted(*copies, "copy")));
            }
            (ElementPart::Internal, None) => phrases.push("between terminal repeats".to_owned()),
        }
        if let Some(TerminalRepeat { length, identity }) = &self.direct_repeat {
            phrases.push(format!("terminal repeats of {length} bases, {identity:.0} % alike"));
        }
        if let Some(TerminalRepeat { length, identity }) = &self.inverted_repeat {
            phrases.push(format!("inverted terminal repeats of {length} bases, {identity:.0} % alike"));
        }
        if self.tg_ca {
            phrases.push("TG...CA".to_owned());
        }
        if let Some(PrimerSite { trna, length }) = &self.primer_site {
            phrases.push(format!("primer-binding site of {length} bases for tRNA-{trna}"));
        }
        if self.polypurine_tract > 0 {
            phrases.push(format!("polypurine tract of {} bases", self.polypurine_tract));
        }
        if let Some(TargetSite { length, copies, motif }) = &self.target_site {
            let site = match (length, motif) {
                (_, Some(motif)) => motif.clone(),
                (0, None) => "7 bases and more".to_owned(),
                (length, None) => format!("{length} bases"),
            };
            phrases.push(format!("target sites of {site} in {copies} of {examined} copies"));
        }
        if self.mite {
            phrases.push("MITE".to_owned());
        }
        if self.poly_a > 0 {
            phrases.push(format!("poly-A in {} of {examined} copies", self.poly_a));
        }
        if self.truncated > 0 {
            phrases.push("copies without their beginning".to_owned());
        }
        if self.promoter {
            phrases.push("promoter of RNA polymerase III".to_owned());
        }
        if !self.domains.is_empty() {
            let domains: Vec<String> = self.domains.iter().map(Domain::to_string).collect();
            phrases.push(format!("domains {}", domains.join(" ")));
        }
        f.write_str(&if phrases.is_empty() { "-".to_owned() } else { phrases.join("; ") })
    }
}
