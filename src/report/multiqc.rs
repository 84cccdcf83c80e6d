//! Sections of a report of MultiQC, which collects the results of many programs and samples in one page: "custom
//! content" (<https://docs.seqera.io/multiqc/custom_content>), one section a file. MultiQC finds the files by the end of
//! their names, `_mqc.json`, and merges those with the same `id`, so genomes of several runs are in one figure.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::annotate::DIVERGENCES;
use crate::bundle::Manifest;
use crate::report::chart::{ORDERS, order, order_colours, visible};
use crate::report::summary::DetectSummary;
use crate::units::per_cent;

/// Names of the files of [`detect_sections`].
pub const MULTIQC_FILES: [&str; 3] = ["reprise_mqc.json", "reprise_landscape_mqc.json", "reprise_general_mqc.json"];

/// Names of the orders of classes, by their numbers. All genomes have the same bars, since MultiQC takes the list of one
/// file for all; it hides bars that are empty in every genome.
const ORDER_NAMES: [&str; ORDERS] =
    ["LTR", "LINE", "SINE", "DNA", "RC", "Satellites, simple repeats", "Unknown", "Other"];
/// The bases in no copy, with their colour.
const NO_REPEAT: (&str, &str) = ("No repeat", "#e4e7eb");

/// A section. Members are those of MultiQC's documentation.
#[derive(serde::Serialize)]
struct Section<V> {
    id: &'static str,
    /// All sections of this program are below one heading.
    parent_id: &'static str,
    parent_name: &'static str,
    parent_description: &'static str,
    section_name: &'static str,
    description: &'static str,
    plot_type: &'static str,
    pconfig: Value,
    /// The parts of a bar, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Ordered<Category>>,
    /// Values of each sample, which is a genome.
    data: Ordered<V>,
}

/// A part of a bar.
#[derive(serde::Serialize)]
struct Category {
    name: &'static str,
    color: String,
}

/// A map whose members stay in their order, which is that of a legend.
struct Ordered<T>(Vec<(String, T)>);

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<V: Serialize> Section<V> {
    fn new(id: &'static str, plot_type: &'static str, sample: &str, values: V) -> Self {
        Self {
            id,
            parent_id: "reprise",
            parent_name: "reprise",
            parent_description: "finds repeat families, and counts k-mers, of genomes.",
            section_name: "",
            description: "",
            plot_type,
            pconfig: Value::Null,
            categories: None,
            data: Ordered(vec![(visible(sample), values)]),
        }
    }

    fn json(&self) -> String {
        // A map with text as keys always has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// The sections of a run of `detect`, with the names of their files: bases by class, the landscape, and columns of the
/// general statistics. The sample is named after the genome.
pub fn detect_sections(summary: &DetectSummary) -> [(&'static str, String); 3] {
    let [classes_file, landscape_file, general_file] = MULTIQC_FILES;
    [(classes_file, classes(summary)), (landscape_file, landscape(summary)), (general_file, general(summary))]
}

/// Bases by class, and those in no copy, so that shares are shares of the genome. A class is what precedes `/` in
/// RepeatMasker's names.
fn classes(summary: &DetectSummary) -> String {
    let mut bases = [0; ORDERS];
    for class in &summary.annotation.classes {
        bases[order(&class.class)] += class.bases;
    }
    let rest = summary.genome.bases.saturating_sub(summary.annotation.bases);
    let values = ORDER_NAMES.into_iter().zip(bases).chain([(NO_REPEAT.0, rest)]);
    let colours = order_colours().into_iter().chain([NO_REPEAT.1.to_owned()]);
    let names = ORDER_NAMES.into_iter().chain([NO_REPEAT.0]);
    let categories = names.zip(colours).map(|(name, color)| (name.to_owned(), Category { name, color })).collect();
    Section {
        section_name: "Classes of repeats",
        description: "Bases of each genome in copies of repeats, by class.",
        pconfig: json!({
            "id": "reprise_classes_plot",
            "title": "reprise: classes of repeats",
            "ylab": "bases",
            "cpswitch_counts_label": "Bases",
            "cpswitch_c_active": false,
        }),
        categories: Some(Ordered(categories)),
        ..Section::new(
            "reprise_classes",
            "bargraph",
            &summary.genome.name,
            Ordered(values.map(|(name, bases)| (name.to_owned(), bases)).collect()),
        )
    }
    .json()
}

/// Share of the genome in copies of each divergence, of all classes together: a line for each genome.
fn landscape(summary: &DetectSummary) -> String {
    let mut bases = vec![0; DIVERGENCES];
    for class in &summary.annotation.classes {
        bases.iter_mut().zip(&class.bases_by_divergence).for_each(|(sum, count)| *sum += count);
    }
    let share = |bases: u64| (per_cent(bases, summary.genome.bases) * 1e6).round() / 1e6;
    let values: Vec<(u32, f64)> = (0..).zip(bases).map(|(divergence, bases)| (divergence, share(bases))).collect();
    Section {
        section_name: "Repeat landscape",
        description: "Share of each genome in copies of repeats, by their Kimura distance from the consensus, CpG \
                      adjusted; the last value is of 50 % and more.",
        pconfig: json!({
            "id": "reprise_landscape_plot",
            "title": "reprise: repeat landscape",
            "xlab": "Kimura distance (%)",
            "ylab": "% of the genome",
            "ymin": 0,
        }),
        ..Section::new("reprise_landscape", "linegraph", &summary.genome.name, values)
    }
    .json()
}

/// Columns of the table at the top of the report.
fn general(summary: &DetectSummary) -> String {
    let DetectSummary { genome, annotation, .. } = summary;
    let values = [
        ("reprise_repeats", json!((per_cent(annotation.bases, genome.bases) * 1e4).round() / 1e4)),
        ("reprise_families", json!(annotation.families.len())),
        ("reprise_copies", json!(annotation.copies)),
        ("reprise_bases", json!(genome.bases as f64 / 1e6)),
        ("reprise_n50", json!(genome.n50 as f64 / 1e6)),
    ];
    let column = |title: &str, description: &str, suffix: &str, scale: &str, format: &str| {
        json!({
            "title": title, "description": description, "min": 0, "scale": scale, "format": format, "suffix": suffix,
        })
    };
    Section {
        section_name: "Repeats",
        description: "Repeats of each genome.",
        pconfig: json!([
            { "reprise_repeats": column("Repeats", "Share of the genome in copies of repeats", "%", "Reds", "{:,.2f}") },
            { "reprise_families": column("Families", "Families of repeats with copies", "", "Blues", "{:,.0f}") },
            { "reprise_copies": column("Copies", "Copies of repeats", "", "Purples", "{:,.0f}") },
            { "reprise_bases": column("Genome", "Bases of the genome", " Mb", "Greens", "{:,.1f}") },
            { "reprise_n50": column("N50", "N50 of the contigs", " Mb", "Oranges", "{:,.2f}") },
        ]),
        ..Section::new(
            "reprise_general",
            "generalstats",
            &genome.name,
            Ordered(values.map(|(name, value)| (name.to_owned(), value)).to_vec()),
        )
    }
    .json()
}

/// The section of an index: distinct k-mers that occur once, and twice or more.
pub fn index_section(manifest: &Manifest) -> String {
    let actual = &manifest.actual;
    let values = vec![
        ("twice or more".to_owned(), actual.repeated_kmers),
        ("once".to_owned(), actual.distinct_kmers.saturating_sub(actual.repeated_kmers)),
    ];
    Section {
        section_name: "K-mers",
        description: "Distinct k-mers of each genome by how often they occur, on both strands together.",
        pconfig: json!({
            "id": "reprise_kmers_plot",
            "title": "reprise: distinct k-mers",
            "ylab": "distinct k-mers",
            "cpswitch_counts_label": "K-mers",
        }),
        ..Section::new("reprise_kmers", "bargraph", &manifest.genome.source_names(), Ordered(values))
    }
    .json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_in_their_order() {
        let section =
            Section::new("a", "bargraph", "b\u{7}", Ordered(vec![("z".to_owned(), 1), ("a".to_owned(), 2)])).json();
        let (z, a) = (section.find("\"z\": 1").expect("z"), section.find("\"a\": 2").expect("a"));
        assert!(z < a && section.contains("\u{FFFD}") && !section.contains('\u{7}'), "{section}");
    }
}
