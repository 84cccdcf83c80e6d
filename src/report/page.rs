//! The page of `detect`.

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use crate::annotate::ContigDensity;
use crate::families::{Evidence, LeftOut};
use crate::report::chart::{shortened, visible};
use crate::report::document::{cell, document, figure, key, left_out};
use crate::report::element::element;
use crate::report::plots::{GROUPS, plots};
use crate::report::series::Series;
use crate::report::summary::{DetectSummary, Run};
use crate::units::{grouped, human, human_bytes, per_cent};

// Limits of tables and texts, so that the size of the page is bounded whatever the genome: below 5 MB.

/// Rows in the table of families.
const MAX_FAMILIES: usize = 500;
/// Rows in the table of classes.
const MAX_CLASSES: usize = 200;
/// Letters of the name of the genome in titles.
const MAX_TITLE: usize = 200;
/// Letters of the name of the genome in the list of parameters.
const MAX_GENOME_NAME: usize = 300;
/// Letters of a class in the table of classes.
const MAX_CLASS_NAME: usize = 80;
/// Letters of a family in the table of families.
const MAX_FAMILY_NAME: usize = 60;
/// Letters of a class in the table of families.
const MAX_FAMILY_CLASS: usize = 40;
/// Letters of the parameters.
const MAX_PARAMETERS: usize = 4000;

/// The data from which the script draws one contig.
#[derive(Serialize)]
struct DensityData<'a> {
    window: u64,
    colours: &'a [String],
    contigs: &'a [ContigDensity],
}

/// The report as one page. `spectrum` has rows (frequency, distinct k-mers), ascending, none 0. The size of the page is
/// bounded, whatever the genome's.
pub fn report_page(summary: &DetectSummary, spectrum: &[(u64, u64)]) -> String {
    let series = Series::new(summary.annotation.classes.iter().map(|c| &c.class[..]));
    let name = shortened(&summary.genome.name, MAX_TITLE);
    let density = &summary.annotation.density;
    let data = DensityData { window: density.window, colours: &series.colours, contigs: &density.contigs };
    // A < could end the script element or begin a comment in it.
    let data = serde_json::to_string(&data).unwrap_or_default().replace('<', "\\u003c");
    let body = html! {
        (headline(summary))
        (classes(summary, &series))
        (groups(summary, &series))
        (pictures(summary, spectrum))
        (families(summary, &series))
        (what_was_run(summary))
        script type="application/json" id="density" { (PreEscaped(data)) }
    };
    let written = format!("{}, {}", visible(&summary.written_by), visible(&summary.created));
    document(&format!("Repeats of {name}"), &written, &body)
}

/// The numbers that are read first, as cards.
fn headline(summary: &DetectSummary) -> Markup {
    let (genome, annotation) = (&summary.genome, &summary.annotation);
    let mut cards = vec![
        (
            format!("{:.2} %", per_cent(annotation.bases, genome.bases)),
            format!("of the genome in repeats: {} bases", grouped(annotation.bases)),
        ),
        (human(genome.bases), format!("in {} contigs, N50 {}", grouped(genome.contigs), human(genome.n50))),
        (
            grouped(annotation.families.len() as u64),
            format!("families with copies, of {} classes", annotation.classes.len()),
        ),
        (grouped(annotation.copies), format!("copies in {} fragments", grouped(annotation.fragments))),
    ];
    if genome.masked > 0 {
        let share = per_cent(genome.masked, genome.bases);
        cards.push((format!("{share:.2} %"), "in lower case before".to_owned()));
    }
    cards.push((
        format!("{:.1} %", per_cent(genome.repeated_kmers, genome.distinct_kmers)),
        format!("of {} distinct {}-mers occur twice or more", grouped(genome.distinct_kmers), genome.k),
    ));
    html! {
        div class="cards" {
            @for (value, meaning) in &cards {
                div class="card" { b { (value) } span { (meaning) } }
            }
        }
    }
}

fn classes(summary: &DetectSummary, series: &Series) -> Markup {
    let bases = summary.genome.bases;
    let all = &summary.annotation.classes;
    let shown = &all[..all.len().min(MAX_CLASSES)];
    html! {
        h2 { "Classes" }
        div class="share" aria-hidden="true" {
            @for class in shown {
                @let width = format!("{:.3}", per_cent(class.bases, bases));
                i style={ "width:" (width) "%;background:" (series.colour(&class.class)) } title=(visible(&class.class)) {}
            }
        }
        p class="soft" { "The bar is the whole genome." }
        div class="table" {
            table class="sorted" {
                thead {
                    tr {
                        th class="text" { "Class" }
                        @for head in ["Families", "Copies", "Fragments", "Bases", "% of the genome"] { th { (head) } }
                    }
                }
                tbody {
                    @for class in shown {
                        tr {
                            td class="text" { (key(series.colour(&class.class))) (shortened(&class.class, MAX_CLASS_NAME)) }
                            @for number in [class.families, class.copies, class.fragments, class.bases] {
                                (cell(number))
                            }
                            td { (format!("{:.3}", per_cent(class.bases, bases))) }
                        }
                    }
                }
            }
        }
        (left_out(all.len(), MAX_CLASSES, "classes"))
    }
}

/// Groups of contigs, if there are several: the share of their bases in copies, and in each class.
fn groups(summary: &DetectSummary, series: &Series) -> Markup {
    let groups = &summary.annotation.groups;
    html! {
        @if groups.len() > 1 {
            h2 { "Groups of contigs" }
            div class="table" {
                table class="sorted" {
                    thead {
                        tr {
                            th class="text" { "Group" }
                            @for head in ["Contigs", "Bases", "% in copies"] { th { (head) } }
                            @for name in &series.names { th { "% " (shortened(name, MAX_FAMILY_CLASS)) } }
                        }
                    }
                    tbody {
                        @for group in groups {
                            @let classes = group.classes.iter().map(|c| (&c.class[..], std::slice::from_ref(&c.bases)));
                            tr {
                                td class="text" { (shortened(&group.name, MAX_CLASS_NAME)) }
                                (cell(group.contigs))
                                (cell(group.length))
                                td { (format!("{:.3}", per_cent(group.bases, group.length))) }
                                @for bases in series.counts(classes, 100.0 / group.length.max(1) as f64) {
                                    td { (format!("{:.3}", bases.first().copied().unwrap_or(0.0))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn pictures(summary: &DetectSummary, spectrum: &[(u64, u64)]) -> Markup {
    let density = &summary.annotation.density;
    html! {
        h2 { "Pictures" }
        div class="plots" {
            @for (name, svg) in plots(summary, spectrum) {
                // One group is the whole genome, whose landscape is shown.
                @if name != GROUPS || summary.annotation.groups.len() > 1 {
                    (figure(svg, [GROUPS, "density.svg"].contains(&name), caption(name)))
                }
                @if name == "density.svg" && !density.contigs.is_empty() {
                    (zoom(density.window, density.contigs_left_out))
                }
            }
        }
    }
}

fn caption(plot: &str) -> &'static str {
    match plot {
        "landscape.svg" => {
            "Bases in copies by how far these have drifted from their consensus: what came lately is on the left."
        }
        GROUPS => "The landscape of each group of contigs, in per cent of the bases of the group.",
        "ages.svg" => "How many copies there are of each age; fragments of one copy count once.",
        "families.svg" => "The families with the most bases; copies × length of the consensus beside each.",
        "lengths.svg" => "Bases of the genome that a copy takes, without what was inserted into it.",
        "spectrum.svg" => "How many distinct k-mers occur how often in the genome.",
        _ => "The full height of a contig is all of its bases.",
    }
}

/// One contig that the script draws, with buttons to move along it.
fn zoom(window: u64, contigs_left_out: u64) -> Markup {
    html! {
        figure class="wide script" {
            div class="bar" {
                label { "Contig " select id="contig" {} }
                button type="button" data-move="in" { "Closer" }
                button type="button" data-move="out" { "Farther" }
                button type="button" data-move="left" aria-label="to the left" { "←" }
                button type="button" data-move="right" aria-label="to the right" { "→" }
                button type="button" data-move="all" { "Whole contig" }
                span class="soft" id="shown" {}
            }
            svg class="plot" id="zoom" viewBox="0 0 1150 206" tabindex="0" role="img"
                aria-label="Share of the bases in copies along one contig" {}
            figcaption {
                "Drag over a part to look closer. Windows of " (grouped(window)) " bases."
                @if contigs_left_out > 0 { " " (grouped(contigs_left_out)) " shorter contigs are left out." }
            }
        }
    }
}

fn families(summary: &DetectSummary, series: &Series) -> Markup {
    let annotation = &summary.annotation;
    let heads = ["Length", "Copies", "Full length", "Fragments", "Bases", "% of the genome", "Divergence %"];
    html! {
        h2 { "Families" }
        div class="bar script" {
            label { "Show those with " input id="filter" type="search" placeholder="name or class"; }
        }
        div class="table tall" {
            table class="sorted" id="families" {
                thead {
                    tr {
                        th class="text" { "Family" }
                        th class="text" { "Class" }
                        @for head in heads { th { (head) } }
                        th class="text" { "What the class rests on" }
                    }
                }
                tbody {
                    @for family in annotation.families.iter().take(MAX_FAMILIES) {
                        // Families of a given library have no evidence but its word.
                        @let evidence = summary.evidence.get(&family.name);
                        @let text = evidence.map_or_else(|| "the library says so".to_owned(), Evidence::to_string);
                        tr {
                            td class="text" { (shortened(&family.name, MAX_FAMILY_NAME)) }
                            td class="text" {
                                (key(series.colour(&family.class)))
                                (shortened(&family.class, MAX_FAMILY_CLASS))
                            }
                            @for number in [
                                family.length, family.copies, family.full_length_copies, family.fragments, family.bases,
                            ] {
                                (cell(number))
                            }
                            td { (format!("{:.3}", per_cent(family.bases, summary.genome.bases))) }
                            td { (format!("{:.1}", family.divergence)) }
                            @let drawing = evidence.and_then(|evidence| element(family.length, evidence));
                            // A drawing has the whole text above it.
                            td class="text" title=[drawing.is_none().then(|| visible(&text))] {
                                @match drawing {
                                    Some(drawing) => details {
                                        summary { (visible(&text)) }
                                        (drawing)
                                    },
                                    None => (visible(&text)),
                                }
                            }
                        }
                    }
                }
            }
        }
        (left_out(annotation.families.len(), MAX_FAMILIES, "families"))
    }
}

fn what_was_run(summary: &DetectSummary) -> Markup {
    let genome = &summary.genome;
    let mut rows = vec![
        ("program".to_owned(), summary.written_by.clone()),
        (
            "genome".to_owned(),
            format!("{} (BLAKE3 of its bases {})", shortened(&genome.name, MAX_GENOME_NAME), genome.blake3),
        ),
        ("parameters".to_owned(), shortened(&summary.parameters.to_string(), MAX_PARAMETERS)),
    ];
    if let Some(search) = &summary.search {
        let LeftOut { contained, few_copies, like_flanks, tandem_arrays, simple, clusters, genes, structural_rna } =
            search.left_out;
        let found = format!(
            "{} from {} drafts in {} rounds; left out: {} in other families, {} of too few copies, {} with like \
             flanks, {} tandem arrays, {} simple repeats, {} clusters, {} of genes, {} of structural RNA",
            grouped(search.families),
            grouped(search.drafts),
            search.rounds,
            grouped(contained),
            grouped(few_copies),
            grouped(like_flanks),
            grouped(tandem_arrays),
            grouped(simple),
            grouped(clusters),
            grouped(genes),
            grouped(structural_rna)
        );
        rows.push(("families".to_owned(), found));
    }
    if let Some(rate) = summary.substitution_rate {
        rows.push(("ages".to_owned(), format!("Kimura distance over {rate:e} substitutions a site and year")));
    }
    rows.extend(summary.run.as_ref().map_or_else(Vec::new, run_rows));
    let files = summary.files.iter();
    rows.extend(files.map(|(name, f)| (name.clone(), format!("{} bytes, BLAKE3 {}", grouped(f.bytes), f.blake3))));
    html! {
        h2 { "What was run" }
        dl {
            @for (name, value) in &rows { dt { (visible(name)) } dd { (visible(value)) } }
        }
    }
}

/// Time and memory of each step and of the whole run.
fn run_rows(run: &Run) -> Vec<(String, String)> {
    let steps = run.steps.iter().map(|step| {
        let memory = human_bytes(step.peak_memory_bytes);
        let threads = if step.threads == 1 { "thread" } else { "threads" };
        let text = format!("{:.1} s, {} {threads}, {memory} at the peak up to its end", step.seconds, step.threads);
        (step.name.clone(), text)
    });
    let total = format!("{:.1} s, {} at the peak", run.seconds, human_bytes(run.peak_memory_bytes));
    steps.chain([("in all".to_owned(), total)]).collect()
}
