//! Results of `detect` for people: one page and its plots, all made from the numbers in `summary.json`; the same of
//! several genomes side by side; and sections for the reports of MultiQC.

mod chart;
mod comparison;
mod document;
mod element;
mod heat_map;
mod landscape;
mod multiqc;
mod page;
mod plots;
mod series;
mod spectrum;
mod summary;

pub use comparison::{COMPARISON_PLOTS, MAX_GENOMES, NamedSummary, comparison_page, comparison_plots};
pub use heat_map::heat_map_svg;
pub use multiqc::{MULTIQC_FILES, detect_sections, index_section};
pub use page::report_page;
pub use plots::{PLOTS, report_plots};
pub use spectrum::spectrum_svg;
pub use summary::{DetectSummary, GenomeFacts, Run, StepRun};

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::annotate::{
        AnnotationSummary, ClassSummary, ContigDensity, DIVERGENCES, Density, FamilySummary, GroupClass, GroupSummary,
        LENGTHS, MAX_GROUPS,
    };
    use crate::bundle::FileDigest;
    use crate::families::{Evidence, TargetSite, TerminalRepeat};
    use crate::kmer::Strand;
    use crate::proteins::{Domain, Meaning};

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
            groups: vec![group(name, name), group("scaffolds", name)],
        };
        summary
    }

    fn group(name: &str, class: &str) -> GroupSummary {
        let classes =
            vec![GroupClass { class: class.to_owned(), bases: 350, bases_by_divergence: vec![7; DIVERGENCES] }];
        GroupSummary { name: name.to_owned(), contigs: 1, length: 500, bases: 350, classes }
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
        let many = (0..100).map(|i| GroupClass {
            class: format!("class{i}"),
            bases: 51,
            bases_by_divergence: vec![1 + i % 7; DIVERGENCES],
        });
        let many: Vec<GroupClass> = many.collect();
        summary.annotation.groups = (0..MAX_GROUPS)
            .map(|i| GroupSummary { classes: many.clone(), ..group(&format!("group {i}"), "") })
            .collect();
        // Every family has the evidence of a long element, with its drawing.
        let domain = |i: u64| Domain {
            profile: format!("Domain_{i}"),
            meaning: Meaning::Neutral,
            range: 20 * i..20 * i + 15,
            strand: Strand::Forward,
            columns: 0..200,
            profile_length: 200,
            score: 80.0,
            e_value: 1e-20,
        };
        let evidence = Evidence {
            direct_repeat: Some(TerminalRepeat { length: 30, identity: 97.0 }),
            target_site: Some(TargetSite { length: 5, copies: 7, motif: None }),
            domains: (0..12).map(domain).collect(),
            ..Evidence::default()
        };
        summary.evidence = (0..1000).map(|i| (format!("family-{i}"), evidence.clone())).collect();
        let family = summary.annotation.families[0].clone();
        summary.annotation.families = (0..100_000)
            .map(|i| FamilySummary { name: format!("family-{i}"), class: "Unknown".to_owned(), ..family.clone() })
            .collect();
        let spectrum: Vec<(u64, u64)> = (2..50_000).map(|f| (f, 1 + 10_000_000 / (f * f))).collect();
        let page = report_page(&summary, &spectrum);
        assert!(page.len() < 5_000_000, "{} bytes", page.len());
        assert!(page.contains("99,900"), "the page reports what it leaves out");
        assert!(page.contains("Domain_11") && page.contains("group 19"));
    }

    #[test]
    fn groups_are_shown_if_there_are_several() {
        let mut summary = hostile();
        assert!(report_page(&summary, &[]).contains("Groups of contigs"));
        summary.annotation.groups.truncate(1);
        assert!(!report_page(&summary, &[]).contains("Groups of contigs"));
        let plots = report_plots(&summary, &[]);
        assert!(plots.iter().any(|(name, svg)| *name == "groups.svg" && svg.contains("70.00 % in copies")));
    }

    #[test]
    fn genomes_side_by_side_have_one_scale_and_small_pages() {
        let named =
            |summary: &DetectSummary| NamedSummary { name: summary.genome.name.clone(), summary: summary.clone() };
        let page = comparison_page(&[named(&hostile()), named(&empty("g.fa"))], "reprise 0");
        assert!(!page.contains("<img") && page.contains("70.000"), "{page}");
        let svgs = comparison_plots(&[named(&hostile()), named(&empty("g.fa"))]);
        assert!(
            svgs.iter().map(|(name, _)| *name).eq(COMPARISON_PLOTS)
                && svgs.iter().all(|(_, svg)| !svg.contains("<img"))
        );
        // Nothing in g.fa, but the axis of the other one.
        assert_eq!(svgs[0].1.matches(">1.5<").count(), 2, "{}", svgs[0].1);
        let mut large = hostile();
        large.annotation.classes = (0..5000)
            .map(|i| ClassSummary { class: format!("class{i}"), ..large.annotation.classes[0].clone() })
            .collect();
        let page = comparison_page(&vec![named(&large); MAX_GENOMES], "reprise 0");
        assert!(page.len() < 5_000_000, "{} bytes", page.len());
        assert!(page.contains("4,800 more classes"));
    }

    #[test]
    fn summaries_that_contradict_themselves_are_refused() {
        assert_eq!(hostile().check(), Ok(()));
        for (change, word) in [
            (
                Box::new(|s: &mut DetectSummary| s.annotation.classes[0].copies_by_length.truncate(3))
                    as Box<dyn Fn(&mut _)>,
                "class",
            ),
            (Box::new(|s: &mut DetectSummary| s.annotation.groups[1].classes[0].bases_by_divergence.push(1)), "group"),
            (Box::new(|s: &mut DetectSummary| s.annotation.bases = 1001), "genome"),
            (Box::new(|s: &mut DetectSummary| s.annotation.classes[0].bases = 701), "than all copies"),
        ] {
            let mut summary = hostile();
            change(&mut summary);
            assert!(summary.check().is_err_and(|problem| problem.contains(word)), "{word}");
        }
    }
}
