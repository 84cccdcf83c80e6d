//! The formats of the classes of a library.

use std::io::Write;

use serde::Serialize;

use crate::families::{Evidence, UNKNOWN_CLASS};
use crate::formats::{fasta, jsonl};

/// A sequence of a library and its class.
#[derive(Debug, Clone, Serialize)]
pub struct ClassifiedSequence<'a> {
    /// Its name in the library.
    pub name: &'a str,
    /// Its class, as RepeatMasker writes it; `Unknown` without evidence.
    pub class: String,
    /// The evidence.
    pub evidence: Evidence,
    /// Its letters.
    #[serde(skip)]
    pub sequence: &'a [u8],
}

impl ClassifiedSequence<'_> {
    /// Whether there is evidence of a class.
    pub fn is_classified(&self) -> bool {
        self.class != UNKNOWN_CLASS
    }
}

/// How classes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClassFormat {
    /// A row for each sequence: name, class, evidence.
    #[default]
    Tsv,
    /// The library with `>name#class`; a sequence without a class keeps its name, and the class that this may have.
    Fasta,
    /// A JSON object for each sequence.
    JsonLines,
}

impl ClassFormat {
    /// What comes before the first sequence.
    pub fn header(self) -> &'static [u8] {
        match self {
            Self::Tsv => b"#name\tclass\tevidence\n",
            Self::Fasta | Self::JsonLines => b"",
        }
    }
}

/// Appends a sequence in a format.
pub fn classified(out: &mut Vec<u8>, sequence: &ClassifiedSequence<'_>, format: ClassFormat) {
    let ClassifiedSequence { name, class, evidence, .. } = sequence;
    // Writing into a Vec cannot fail.
    match format {
        ClassFormat::Tsv => drop(writeln!(out, "{name}\t{class}\t{evidence}")),
        ClassFormat::Fasta => {
            let name = if sequence.is_classified() {
                format!("{}#{class}", name.split('#').next().unwrap_or(name))
            } else {
                (*name).to_owned()
            };
            fasta::record(out, &name, sequence.sequence);
        }
        ClassFormat::JsonLines => jsonl::json_line(out, sequence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_the_class() {
        let of = |class: &str| ClassifiedSequence {
            name: "a#Unknown",
            class: class.to_owned(),
            evidence: Evidence { tg_ca: true, ..Evidence::default() },
            sequence: b"ACGT",
        };
        let text = |class, format| {
            let mut out = Vec::new();
            classified(&mut out, &of(class), format);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(text("LTR", ClassFormat::Tsv), "a#Unknown\tLTR\tTG...CA\n");
        assert_eq!(text("LTR", ClassFormat::Fasta), ">a#LTR\nACGT\n");
        assert_eq!(text("Unknown", ClassFormat::Fasta), ">a#Unknown\nACGT\n");
        let object: serde_json::Value = serde_json::from_str(&text("LTR", ClassFormat::JsonLines)).expect("JSON");
        assert_eq!((object["class"].as_str(), object["evidence"]["tg_ca"].as_bool()), (Some("LTR"), Some(true)));
    }
}
