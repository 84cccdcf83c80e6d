//! Results of `detect` for people: one page and its plots, all made from the numbers in `summary.json`.

mod chart;
mod element;
mod heat_map;
mod page;
mod plots;
mod spectrum;
mod summary;

pub use heat_map::heat_map_svg;
pub use page::report_page;
pub use plots::{PLOTS, report_plots};
pub use spectrum::spectrum_svg;
pub use summary::{DetectSummary, GenomeFacts, Run, StepRun};

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::annotate::{
        AnnotationSummary, ClassSummary, ContigDensity, DIVERGENCES, Density, FamilySummary, LENGTHS,
    };
    use crate::bundle::FileDigest;
    use crate::families::Evidence;

    /// A genome whose names contain markup.
    fn hostile() -> DetectSummary {
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
            evidence: BTreeMap::from([(name.to_owned(), Evidence::default())]),
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
        // The script block is JSON without any <; outside of it, names are escaped.
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
    fn the_page_loads_nothing() {
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
        assert!(page.contains("99,900"), "the page reports what it leaves out");
    }
}
