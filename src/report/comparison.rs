//! Several genomes side by side: their landscapes and classes with one scale and one set of colours.

use std::collections::BTreeMap;
use std::fmt::Write;

use maud::{Markup, html};

use crate::annotate::ClassSummary;
use crate::report::chart::{self, Frame, escape, linear, push_text, shortened, visible};
use crate::report::document::{cell, document, figure, key, left_out};
use crate::report::landscape::{Landscape, landscapes};
use crate::report::series::{Series, highest};
use crate::report::summary::DetectSummary;
use crate::units::{grouped, human, per_cent};

/// Maximum number of genomes of a comparison: as many as a reader compares, and a bound on the size of the page.
pub const MAX_GENOMES: usize = 20;
/// Rows in the table of classes.
const MAX_CLASSES: usize = 200;
/// Letters of the names of genomes and classes in tables, and of parameters.
const MAX_NAME: usize = 80;
const MAX_PARAMETERS: usize = 4000;

/// Names of the files of [`comparison_plots`].
pub const COMPARISON_PLOTS: [&str; 2] = ["landscapes.svg", "classes.svg"];

/// A genome of a comparison.
#[derive(Debug, Clone)]
pub struct NamedSummary {
    /// Its name in tables and figures.
    pub name: String,
    /// Its numbers.
    pub summary: DetectSummary,
}

/// All classes, by their falling shares, summed over the genomes.
fn all_classes(genomes: &[NamedSummary]) -> Vec<&str> {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    for NamedSummary { summary, .. } in genomes {
        for class in &summary.annotation.classes {
            *shares.entry(&class.class).or_default() += per_cent(class.bases, summary.genome.bases);
        }
    }
    let mut classes: Vec<(&str, f64)> = shares.into_iter().collect();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    classes.into_iter().map(|(class, _)| class).collect()
}

/// The genomes side by side, as one page. Its size is bounded, whatever the genomes'. `written_by` names the program.
pub fn comparison_page(genomes: &[NamedSummary], written_by: &str) -> String {
    let classes = all_classes(genomes);
    let series = Series::new(classes.iter().copied());
    let captions = [
        "Bases in copies by how far these have drifted from their consensus, in per cent of each genome. The axes of all \
         genomes are the same.",
        "Bases of each class, in per cent of each genome.",
    ];
    let body = html! {
        (table_of_genomes(genomes))
        h2 { "Pictures" }
        div class="plots" {
            @for ((_, svg), caption) in plots(genomes, &series).into_iter().zip(captions) {
                (figure(svg, true, caption))
            }
        }
        (table_of_classes(genomes, &classes, &series))
        (what_was_compared(genomes))
    };
    document(&format!("Repeats of {} genomes", genomes.len()), written_by, &body)
}

/// The figures of [`comparison_page`] as SVG files, with their names.
pub fn comparison_plots(genomes: &[NamedSummary]) -> Vec<(&'static str, String)> {
    let series = Series::new(all_classes(genomes));
    plots(genomes, &series).into_iter().map(|(name, svg)| (name, chart::standing_alone(&svg))).collect()
}

fn plots(genomes: &[NamedSummary], series: &Series) -> Vec<(&'static str, String)> {
    let panel = |genome: &NamedSummary| {
        let DetectSummary { genome: facts, annotation, .. } = &genome.summary;
        let numbers = (facts.bases, facts.contigs, annotation.bases);
        Landscape::of_genome(&genome.name, numbers, &annotation.classes, series)
    };
    let panels: Vec<Landscape> = genomes.iter().map(panel).collect();
    let all = [landscapes("Repeat landscapes", "% of the genome", &panels, series), bars(genomes, series)];
    COMPARISON_PLOTS.into_iter().zip(all).collect()
}

/// A bar for each genome, of its classes.
fn bars(genomes: &[NamedSummary], series: &Series) -> String {
    const ROW: f64 = 34.0;
    let height = 44.0 + 62.0 + ROW * genomes.len().max(1) as f64;
    let frame = Frame { left: 230.0, width: 1150.0, height, ..Frame::default() };
    let mut out = frame.begin("Classes of repeats", "Share of each class in each genome");
    frame.legend_above(&mut out, &series.names, &series.colours);
    let shares = |genome: &NamedSummary| -> Vec<Vec<f64>> {
        let classes = genome.summary.annotation.classes.iter();
        let bases = classes.map(|c| (&c.class[..], std::slice::from_ref(&c.bases)));
        series.counts(bases, 100.0 / genome.summary.genome.bases.max(1) as f64)
    };
    let all: Vec<Vec<Vec<f64>>> = genomes.iter().map(shares).collect();
    let (ticks, max) = linear(all.iter().map(|shares| highest(shares)).fold(0.0, f64::max));
    frame.axes(&mut out, (&ticks, "% of the genome"), (&[], ""));
    for (row, (genome, shares)) in genomes.iter().zip(&all).enumerate() {
        let y = frame.top + ROW * row as f64 + 6.0;
        push_text(&mut out, (frame.left - 8.0, y + 15.0), "end", &escape(&shortened(&genome.name, 28)));
        let mut before = 0.0;
        for ((name, colour), share) in series.names.iter().zip(&series.colours).zip(shares) {
            let share = share.first().copied().unwrap_or(0.0);
            let (left, right) = (frame.x(before / max), frame.x((before + share) / max));
            before += share;
            let described = escape(&format!("{}, {name}: {share:.3} % of the genome", genome.name));
            let _ = writeln!(
                out,
                r#"<rect x="{left:.1}" y="{y:.1}" width="{:.1}" height="22" fill="{colour}"><title>{described}</title></rect>"#,
                right - left
            );
        }
    }
    chart::end(&mut out);
    out
}

fn table_of_genomes(genomes: &[NamedSummary]) -> Markup {
    let heads = ["Bases", "Contigs", "N50", "Bases in copies", "% in copies", "Families", "Copies"];
    html! {
        h2 { "Genomes" }
        div class="table" {
            table class="sorted" id="genomes" {
                thead {
                    tr {
                        th class="text" { "Genome" }
                        @for head in heads { th { (head) } }
                    }
                }
                tbody {
                    @for NamedSummary { name, summary: DetectSummary { genome, annotation, .. } } in genomes {
                        tr {
                            td class="text" { (shortened(name, MAX_NAME)) }
                            @for number in [genome.bases, genome.contigs, genome.n50, annotation.bases] { (cell(number)) }
                            td { (format!("{:.3}", per_cent(annotation.bases, genome.bases))) }
                            @for number in [annotation.families.len() as u64, annotation.copies] { (cell(number)) }
                        }
                    }
                }
            }
        }
    }
}

fn table_of_classes(genomes: &[NamedSummary], classes: &[&str], series: &Series) -> Markup {
    let by_name: Vec<BTreeMap<&str, &ClassSummary>> = genomes
        .iter()
        .map(|genome| genome.summary.annotation.classes.iter().map(|class| (&class.class[..], class)).collect())
        .collect();
    html! {
        h2 { "Classes" }
        p class="soft" { "Per cent of the genome, and bases." }
        div class="table" {
            table class="sorted" id="classes" {
                thead {
                    tr {
                        th class="text" { "Class" }
                        @for genome in genomes {
                            th { "% of " (shortened(&genome.name, 28)) }
                            th { "Bases" }
                        }
                    }
                }
                tbody {
                    @for class in classes.iter().take(MAX_CLASSES) {
                        tr {
                            td class="text" { (key(series.colour(class))) (shortened(class, MAX_NAME)) }
                            @for (genome, of_genome) in genomes.iter().zip(&by_name) {
                                @let bases = of_genome.get(class).map_or(0, |class| class.bases);
                                td { (format!("{:.3}", per_cent(bases, genome.summary.genome.bases))) }
                                (cell(bases))
                            }
                        }
                    }
                }
            }
        }
        (left_out(classes.len(), MAX_CLASSES, "classes"))
    }
}

/// What the numbers of each genome come from: differences of parameters are differences of results.
fn what_was_compared(genomes: &[NamedSummary]) -> Markup {
    html! {
        h2 { "What was compared" }
        dl {
            @for NamedSummary { name, summary } in genomes {
                dt { (shortened(name, MAX_NAME)) }
                dd {
                    (visible(&summary.written_by)) ", " (visible(&summary.created)) ": " (human(summary.genome.bases))
                    ", BLAKE3 of the bases " (shortened(&summary.genome.blake3, MAX_NAME)) ", k " (summary.genome.k)
                    ", " (grouped(summary.masked_bases)) " bases masked; parameters "
                    (shortened(&summary.parameters.to_string(), MAX_PARAMETERS))
                }
            }
        }
    }
}
