//! Bases by family, and by class and divergence, as RepeatMasker's `calcDivergenceFromAlign.pl -s` prints them to
//! `.divsum`, from which its `createRepeatLandscape.pl` and many scripts draw landscapes.

use std::collections::BTreeMap;
use std::io::Write;

use crate::Result;
use crate::formats::annotation_writer::{AnnotationWriter, CopyTable};
use crate::formats::copy_row::NO_DIVERGENCE;

/// Sums by divergence.
pub(super) struct DivergenceSummary;

/// Largest Kimura distance in per cent that has a row; the mean of a family is at most this.
const MAX_DIVERGENCE: usize = 70;

/// The sums of a family.
#[derive(Default)]
struct Sums {
    bases: u64,
    /// Bases without those that only the copies have.
    aligned: u64,
    /// Distance in per cent times aligned bases.
    weighted: f64,
}

impl AnnotationWriter for DivergenceSummary {
    fn write(&self, table: &CopyTable<'_>, _header: bool, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut classes: BTreeMap<&str, BTreeMap<&str, Sums>> = BTreeMap::new();
        let mut by_divergence: BTreeMap<&str, [u64; MAX_DIVERGENCE + 1]> = BTreeMap::new();
        for row in table.rows(table.copies) {
            let has_distance = has_distance(row.class);
            let family = if has_distance { row.family } else { "combined" };
            let divergence = row.kimura.filter(|_| has_distance).unwrap_or(NO_DIVERGENCE);
            let bases = row.end - row.start;
            let aligned = bases - ((bases as f64 * row.inserted / 100.0) as u64).min(bases);
            let sums = classes.entry(row.class).or_default().entry(family).or_default();
            sums.bases += bases;
            sums.aligned += aligned;
            sums.weighted += divergence * aligned as f64;
            let counts = by_divergence.entry(row.class).or_insert([0; MAX_DIVERGENCE + 1]);
            if let Some(count) = counts.get_mut(divergence as usize) {
                *count += aligned;
            }
        }
        let mut text = Vec::new();
        let genome = table.index.manifest().genome.source_names();
        // Writing into a Vec cannot fail.
        let _ = write!(
            text,
            "Jukes/Cantor and Kimura subsitution levels adjusted for CpG sites\n\
             =================================================================\n\
             File: {genome}\nWeighted average Kimura divergence for each repeat family\n\
             Class\tRepeat\tabsLen\twellCharLen\tKimura%\n-----\t------\t------\t-----------\t-------\n"
        );
        for (class, families) in &classes {
            for (family, Sums { bases, aligned, weighted }) in families {
                let divergence = match (has_distance(class), *aligned) {
                    (false, _) => "----".to_owned(),
                    (true, 0) => format!("{NO_DIVERGENCE}"),
                    (true, aligned) => format!("{:.2}", (weighted / aligned as f64).min(MAX_DIVERGENCE as f64)),
                };
                let _ = writeln!(text, "{class}\t{family}\t{bases}\t{aligned}\t{divergence}");
            }
        }
        text.extend_from_slice(b"\n\nCoverage for each repeat class and divergence (Kimura)\nDiv ");
        by_divergence.keys().for_each(|class| drop(write!(text, "{class} ")));
        text.push(b'\n');
        for divergence in 0..=MAX_DIVERGENCE {
            let _ = write!(text, "{divergence} ");
            by_divergence.values().for_each(|counts| drop(write!(text, "{} ", counts[divergence])));
            text.push(b'\n');
        }
        write(&text)
    }
}

/// Whether the distance of copies of a class from their consensus means an age.
fn has_distance(class: &str) -> bool {
    !["Simple", "Low_complexity", "ARTEFACT"].iter().any(|name| class.contains(name))
}
