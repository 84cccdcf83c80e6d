//! What a genome's repeats come to: `summary.json`, and the page and the drawings that are made from it.

mod chart;
mod page;
mod plots;
mod svg;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::annotate::AnnotationSummary;
use crate::bundle::FileDigest;
use crate::formats::FamiliesSummary;

pub use page::report_page;
pub use plots::{PLOTS, report_plots};
pub use svg::spectrum_svg;

/// All results of a run of `detect`: `summary.json`, which `schema/detect-summary.schema.json` describes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectSummary {
    /// Program and version.
    pub written_by: String,
    /// When, in UTC; `SOURCE_DATE_EPOCH` where that is set.
    pub created: String,
    /// The genome.
    pub genome: GenomeFacts,
    /// What the search for families came to; none where only a given library was used.
    pub search: Option<FamiliesSummary>,
    /// What the class of each family that was found rests on.
    pub evidence: BTreeMap<String, String>,
    /// Copies of the families.
    pub annotation: AnnotationSummary,
    /// Bases of the genome that the copies mask.
    pub masked_bases: u64,
    /// Substitutions a site and year, where given: it makes ages of divergences.
    pub substitution_rate: Option<f64>,
    /// What the run was told.
    pub parameters: serde_json::Value,
    /// The files, this one and the page left out.
    pub files: BTreeMap<String, FileDigest>,
    /// What was measured; none where `SOURCE_DATE_EPOCH` is set, so that the same input gives the same bytes.
    pub run: Option<Run>,
}

/// The genome of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenomeFacts {
    /// Names of its files.
    pub name: String,
    /// Bases of all contigs.
    pub bases: u64,
    /// Bases that are A, C, G or T.
    pub acgt: u64,
    /// Bases in lower case before anything was masked.
    pub masked: u64,
    /// Contigs.
    pub contigs: u64,
    /// Half of the bases are in contigs of this length or longer.
    pub n50: u64,
    /// Digest of the bases (BLAKE3), as in the manifest.
    pub blake3: String,
    /// k of the index.
    pub k: u32,
    /// Distinct k-mers.
    pub distinct_kmers: u64,
    /// Those of them that occur twice or more.
    pub repeated_kmers: u64,
}

/// What a run took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The steps, in order; of one that was there already, what it took when it was made.
    pub steps: Vec<StepRun>,
    /// Seconds of all steps.
    pub seconds: f64,
    /// Most bytes of memory that a step saw resident, mapped files included.
    pub peak_memory_bytes: u64,
}

/// What a step took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// Its name.
    pub name: String,
    /// Wall time.
    pub seconds: f64,
    /// Threads that worked.
    pub threads: u64,
    /// Most bytes resident in the process up to its end.
    pub peak_memory_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotate::{ClassSummary, ContigDensity, DIVERGENCES, Density, FamilySummary, LENGTHS};

    /// A genome of names that try to get out.
    pub(crate) fn hostile() -> DetectSummary {
        let name = "</script><img src=x onerror=alert(1)>\"'&";
        let mut summary = empty(name);
        summary.annotation = AnnotationSummary {
            copies: 2,
            fragments: 2,
            bases: 700,
            classes: vec![ClassSummary {
                class: name.to_owned(),
                families: 1,
                copies: 2,
                fragments: 2,
                bases: 700,
                bases_by_divergence: vec![14; DIVERGENCES],
                copies_by_divergence: vec![1; DIVERGENCES],
                copies_by_length: vec![2; LENGTHS.len() + 1],
            }],
            families: vec![FamilySummary {
                name: name.to_owned(),
                class: name.to_owned(),
                length: 350,
                copies: 2,
                full_length_copies: 2,
                fragments: 2,
                bases: 700,
                divergence: 3.5,
            }],
            density: Density {
                window: 500,
                classes: vec![name.to_owned()],
                contigs: vec![ContigDensity { name: name.to_owned(), length: 900, bases: vec![vec![500, 200]] }],
                contigs_left_out: 0,
            },
        };
        summary
    }

    fn empty(name: &str) -> DetectSummary {
        DetectSummary {
            written_by: "reprise 0".to_owned(),
            created: "2023-11-14T22:13:20Z".to_owned(),
            genome: GenomeFacts {
                name: name.to_owned(),
                bases: 1000,
                acgt: 990,
                masked: 0,
                contigs: 2,
                n50: 900,
                blake3: "0".repeat(64),
                k: 7,
                distinct_kmers: 600,
                repeated_kmers: 200,
            },
            search: None,
            evidence: BTreeMap::from([(name.to_owned(), name.to_owned())]),
            annotation: AnnotationSummary::default(),
            masked_bases: 700,
            substitution_rate: Some(1.3e-8),
            parameters: serde_json::json!({ "library": name }),
            files: BTreeMap::from([(name.to_owned(), FileDigest { bytes: 5, blake3: "1".repeat(64) })]),
            run: None,
        }
    }

    #[test]
    fn names_stay_text() {
        let summary = hostile();
        let page = report_page(&summary, &[(2, 100), (7, 1)]);
        // What is in the script block is JSON without a single <; outside, names are escaped.
        assert!(!page.contains("<img") && !page.contains("onerror=alert(1)>\""), "{page}");
        assert_eq!(page.matches("</script>").count(), page.matches("<script").count());
        let data = page.split("<script type=\"application/json\"").nth(1).and_then(|rest| rest.split_once('>'));
        let data = data.and_then(|(_, rest)| rest.split_once("</script>")).expect("a block of data").0;
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(data["contigs"][0]["name"], summary.genome.name);
        for (name, svg) in report_plots(&summary, &[(2, 100)]) {
            assert!(!svg.contains("<img"), "{name}");
        }
    }

    #[test]
    fn the_page_asks_nobody_for_anything() {
        let page = report_page(&empty("g.fa"), &[(2, 100)]);
        let without = page.replace("http://www.w3.org/2000/svg", "");
        for word in ["http:", "https:", "url(", "@import", "<link", " src=", "fetch("] {
            assert!(!without.contains(word), "{word}");
        }
        assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    }

    #[test]
    fn nothing_found_is_a_page_too() {
        let page = report_page(&empty("g.fa"), &[]);
        assert!(page.contains("0.00"), "{page}");
        assert_eq!(report_plots(&empty("g.fa"), &[]).len(), report_plots(&hostile(), &[]).len());
    }

    #[test]
    fn a_hundred_thousand_contigs_and_families_are_a_small_page() {
        let mut summary = hostile();
        let contig = |i: usize| ContigDensity {
            name: format!("scaffold_{i}"),
            length: 1_000_000,
            bases: vec![(0..50).map(|w| (i as u64 * 7919 + w * 104_729) % 2500).collect(); 8],
        };
        summary.annotation.density = Density {
            window: 20_000,
            classes: (0..8).map(|i| format!("class{i}")).collect(),
            contigs: (0..100).map(contig).collect(),
            contigs_left_out: 99_900,
        };
        let family = summary.annotation.families[0].clone();
        summary.annotation.families = (0..100_000)
            .map(|i| FamilySummary { name: format!("family-{i}"), class: "Unknown".to_owned(), ..family.clone() })
            .collect();
        let spectrum: Vec<(u64, u64)> = (2..50_000).map(|f| (f, 1 + 10_000_000 / (f * f))).collect();
        let page = report_page(&summary, &spectrum);
        assert!(page.len() < 2 << 20, "{} bytes", page.len());
        assert!(page.contains("99,900"), "what is left out is told");
    }
}
