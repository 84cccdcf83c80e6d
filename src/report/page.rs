use std::fmt::Write;

use serde::Serialize;

use crate::annotate::ContigDensity;
use crate::families::LeftOut;
use crate::report::chart::{escape, shortened};
use crate::report::plots::{Series, drawings};
use crate::report::{DetectSummary, Run, chart};
use crate::units::{grouped, human, human_bytes, per_cent};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Families in the table.
const MOST_ROWS: usize = 500;
/// Classes in the table.
const MOST_CLASSES: usize = 200;

/// What the script draws from.
#[derive(Serialize)]
struct Drawn<'a> {
    window: u64,
    colours: &'a [String],
    contigs: &'a [ContigDensity],
}

/// The report as one page that needs nothing else: no network, no other file. `spectrum` is as
/// [`spectrum_svg`](crate::report::spectrum_svg) takes it. Its size is bounded, whatever the genome's.
pub fn report_page(summary: &DetectSummary, spectrum: &[(u64, u64)]) -> String {
    let series = Series::of(&summary.annotation.classes);
    let mut out = String::new();
    let name = escape(&shortened(&summary.genome.name, 200));
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Repeats of {name}</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>Repeats of {name}</h1>\n<p class=\"soft\">{}, {}</p>\n</header>\n",
        chart::STYLE,
        escape(&summary.written_by),
        escape(&summary.created)
    );
    headline(&mut out, summary);
    classes(&mut out, summary, &series);
    plots(&mut out, summary, spectrum);
    families(&mut out, summary, &series);
    what_was_run(&mut out, summary);
    let drawn = Drawn {
        window: summary.annotation.density.window,
        colours: &series.colours,
        contigs: &summary.annotation.density.contigs,
    };
    // A < could end the block it stands in, or begin a comment.
    let data = serde_json::to_string(&drawn).unwrap_or_default().replace('<', "\\u003c");
    let _ = write!(
        out,
        "<script type=\"application/json\" id=\"density\">{data}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

fn headline(out: &mut String, summary: &DetectSummary) {
    let (genome, annotation) = (&summary.genome, &summary.annotation);
    out.push_str("<div class=\"cards\">\n");
    let mut card = |value: String, says: String| {
        let _ = writeln!(out, "<div class=\"card\"><b>{}</b><span>{}</span></div>", escape(&value), escape(&says));
    };
    card(
        format!("{:.2} %", per_cent(annotation.bases, genome.bases)),
        format!("of the genome in repeats: {} bases", grouped(annotation.bases)),
    );
    card(human(genome.bases), format!("in {} contigs, N50 {}", grouped(genome.contigs), human(genome.n50)));
    let families = annotation.families.len() as u64;
    card(grouped(families), format!("families with copies, of {} classes", annotation.classes.len()));
    card(grouped(annotation.copies), format!("copies in {} fragments", grouped(annotation.fragments)));
    if genome.masked > 0 {
        let share = per_cent(genome.masked, genome.bases);
        card(format!("{share:.2} %"), "in lower case before".to_owned());
    }
    card(
        format!("{:.1} %", per_cent(genome.repeated_kmers, genome.distinct_kmers)),
        format!("of {} distinct {}-mers occur twice or more", grouped(genome.distinct_kmers), genome.k),
    );
    out.push_str("</div>\n");
}

fn classes(out: &mut String, summary: &DetectSummary, series: &Series) {
    let (annotation, bases) = (&summary.annotation, summary.genome.bases);
    out.push_str("<h2>Classes</h2>\n<div class=\"share\" aria-hidden=\"true\">");
    for (number, class) in annotation.classes.iter().enumerate().take(MOST_CLASSES) {
        let _ = write!(
            out,
            "<i style=\"width:{:.3}%;background:{}\" title=\"{}\"></i>",
            per_cent(class.bases, bases),
            series.colour(number),
            escape(&class.class)
        );
    }
    out.push_str(
        "</div>\n<p class=\"soft\">The bar is the whole genome.</p>\n<div class=\"table\"><table class=\"sorted\"><thead><tr>\
         <th class=\"text\">Class</th><th>Families</th><th>Copies</th><th>Fragments</th><th>Bases</th><th>% of the genome</th>\
         </tr></thead><tbody>\n",
    );
    for (number, class) in annotation.classes.iter().enumerate().take(MOST_CLASSES) {
        let _ = writeln!(
            out,
            "<tr><td class=\"text\"><span class=\"key\" style=\"background:{}\"></span>{}</td>{}{}{}{}<td>{:.3}</td></tr>",
            series.colour(number),
            escape(&shortened(&class.class, 80)),
            cell(class.families),
            cell(class.copies),
            cell(class.fragments),
            cell(class.bases),
            per_cent(class.bases, bases)
        );
    }
    out.push_str("</tbody></table></div>\n");
    left_out(out, annotation.classes.len(), MOST_CLASSES, "classes");
}

/// A number by which rows are sorted.
fn cell(number: u64) -> String {
    format!("<td data-v=\"{number}\">{}</td>", grouped(number))
}

fn left_out(out: &mut String, all: usize, shown: usize, what: &str) {
    if all > shown {
        let rest = grouped((all - shown) as u64);
        let _ = writeln!(out, "<p class=\"soft\">{rest} more {what}, with fewer bases, are in summary.json.</p>");
    }
}

fn plots(out: &mut String, summary: &DetectSummary, spectrum: &[(u64, u64)]) {
    let density = &summary.annotation.density;
    out.push_str("<h2>Pictures</h2>\n<div class=\"plots\">\n");
    for (name, svg) in drawings(summary, spectrum) {
        let says = match name {
            "landscape.svg" => {
                "Bases in copies by how far these have drifted from their consensus: what came lately is on the left."
            }
            "ages.svg" => "How many copies there are of each age; fragments of one copy count once.",
            "families.svg" => "The families with the most bases; copies × length of the consensus beside each.",
            "lengths.svg" => "Bases of the genome that a copy takes, without what was inserted into it.",
            "spectrum.svg" => "How many distinct k-mers occur how often in the genome.",
            _ => "The full height of a contig is all of its bases.",
        };
        let wide = if name == "density.svg" { " class=\"wide\"" } else { "" };
        let _ = writeln!(out, "<figure{wide}>\n{svg}<figcaption>{says}</figcaption>\n</figure>");
        if name == "density.svg" && !density.contigs.is_empty() {
            let _ = write!(
                out,
                "<figure class=\"wide script\">\n<div class=\"bar\"><label>Contig <select id=\"contig\"></select></label>\
                 <button type=\"button\" data-move=\"in\">Closer</button><button type=\"button\" data-move=\"out\">Farther</button>\
                 <button type=\"button\" data-move=\"left\" aria-label=\"to the left\">&#8592;</button>\
                 <button type=\"button\" data-move=\"right\" aria-label=\"to the right\">&#8594;</button>\
                 <button type=\"button\" data-move=\"all\">Whole contig</button><span class=\"soft\" id=\"shown\"></span></div>\n\
                 <svg class=\"plot\" id=\"zoom\" viewBox=\"0 0 1150 206\" tabindex=\"0\" role=\"img\" \
                 aria-label=\"Share of the bases in copies along one contig\"></svg>\n\
                 <figcaption>Drag over a part to look closer. Windows of {} bases.{}</figcaption>\n</figure>\n",
                grouped(density.window),
                if density.contigs_left_out > 0 {
                    format!(" {} shorter contigs are left out.", grouped(density.contigs_left_out))
                } else {
                    String::new()
                }
            );
        }
    }
    out.push_str("</div>\n");
}

fn families(out: &mut String, summary: &DetectSummary, series: &Series) {
    let annotation = &summary.annotation;
    out.push_str(
        "<h2>Families</h2>\n<div class=\"bar script\"><label>Show those with <input id=\"filter\" type=\"search\" \
         placeholder=\"name or class\"></label></div>\n<div class=\"table tall\"><table class=\"sorted\" id=\"families\"><thead><tr>\
         <th class=\"text\">Family</th><th class=\"text\">Class</th><th>Length</th><th>Copies</th><th>Full length</th>\
         <th>Fragments</th><th>Bases</th><th>% of the genome</th><th>Divergence %</th><th class=\"text\">What the class rests on</th></tr></thead><tbody>\n",
    );
    for family in annotation.families.iter().take(MOST_ROWS) {
        let class = annotation.classes.iter().position(|c| c.class == family.class).unwrap_or(usize::MAX);
        // Of a given library nothing is known but what it says.
        let evidence = escape(summary.evidence.get(&family.name).map_or("the library says so", |text| text));
        let _ = writeln!(
            out,
            "<tr><td class=\"text\">{}</td><td class=\"text\"><span class=\"key\" style=\"background:{}\"></span>{}</td>{}{}{}{}{}<td>{:.3}</td><td>{:.1}</td><td class=\"text\" title=\"{evidence}\">{evidence}</td></tr>",
            escape(&shortened(&family.name, 60)),
            series.colour(class),
            escape(&shortened(&family.class, 40)),
            cell(family.length),
            cell(family.copies),
            cell(family.full_length_copies),
            cell(family.fragments),
            cell(family.bases),
            per_cent(family.bases, summary.genome.bases),
            family.divergence
        );
    }
    out.push_str("</tbody></table></div>\n");
    left_out(out, annotation.families.len(), MOST_ROWS, "families");
}

fn what_was_run(out: &mut String, summary: &DetectSummary) {
    out.push_str("<h2>What was run</h2>\n<dl>\n");
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    };
    row("program", &summary.written_by);
    row("genome", &format!("{} (BLAKE3 of its bases {})", shortened(&summary.genome.name, 300), summary.genome.blake3));
    row("parameters", &shortened(&summary.parameters.to_string(), 4000));
    if let Some(search) = &summary.search {
        let LeftOut { contained, few_copies, like_flanks, tandem_arrays, simple, genes } = search.left_out;
        row(
            "families",
            &format!(
                "{} from {} drafts in {} rounds; left out: {} in other families, {} of too few copies, {} with like flanks, {} \
                 tandem arrays, {} simple repeats, {} of genes",
                grouped(search.families),
                grouped(search.drafts),
                search.rounds,
                grouped(contained),
                grouped(few_copies),
                grouped(like_flanks),
                grouped(tandem_arrays),
                grouped(simple),
                grouped(genes)
            ),
        );
    }
    if let Some(rate) = summary.substitution_rate {
        row("ages", &format!("Kimura distance over {rate:e} substitutions a site and year"));
    }
    if let Some(Run { steps, seconds, peak_memory_bytes }) = &summary.run {
        for step in steps {
            let memory = human_bytes(step.peak_memory_bytes);
            let threads = if step.threads == 1 { "thread" } else { "threads" };
            row(
                &step.name,
                &format!("{:.1} s, {} {threads}, {memory} at the peak up to its end", step.seconds, step.threads),
            );
        }
        row("in all", &format!("{seconds:.1} s, {} at the peak", human_bytes(*peak_memory_bytes)));
    }
    for (name, file) in &summary.files {
        row(name, &format!("{} bytes, BLAKE3 {}", grouped(file.bytes), file.blake3));
    }
    out.push_str("</dl>\n");
}
