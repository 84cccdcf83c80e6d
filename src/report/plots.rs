//! The plots of `detect`: repeat landscapes of the genome and of its groups of contigs, ages, lengths, families, density
//! along the contigs and k-mer spectrum.

use std::fmt::Write;

use crate::annotate::{ContigDensity, DIVERGENCES, LENGTHS};
use crate::report::chart;
use crate::report::chart::{Frame, Tick, escape, linear, push_text, shortened};
use crate::report::landscape::{Landscape, landscapes};
use crate::report::series::{Series, divergence_ticks, divergences, highest};
use crate::report::spectrum::spectrum;
use crate::report::summary::DetectSummary;
use crate::units::{grouped, human};

/// Families that are drawn: as many rows as a screen shows.
const MAX_FAMILIES: usize = 24;
/// Contigs that are drawn: as many rows as a screen shows.
const MAX_LANES: usize = 24;
/// Windows of the longest contig that are drawn, about: four pixels each.
const LANE_WINDOWS: usize = 240;

/// Names of the files of [`report_plots`].
pub const PLOTS: [&str; 7] =
    ["landscape.svg", "families.svg", "density.svg", "groups.svg", "ages.svg", "lengths.svg", "spectrum.svg"];
/// The one of [`PLOTS`] that shows the groups of contigs.
pub(crate) const GROUPS: &str = PLOTS[3];

/// The plots as SVG files, with their names. `spectrum` has rows (frequency, distinct k-mers), ascending, none 0.
pub fn report_plots(summary: &DetectSummary, spectrum: &[(u64, u64)]) -> Vec<(&'static str, String)> {
    plots(summary, spectrum).into_iter().map(|(name, svg)| (name, chart::standing_alone(&svg))).collect()
}

/// The plots, for a page with their style.
pub(crate) fn plots(summary: &DetectSummary, rows: &[(u64, u64)]) -> Vec<(&'static str, String)> {
    let series = Series::new(summary.annotation.classes.iter().map(|c| &c.class[..]));
    let title = format!("{}, k = {}", shortened(&summary.genome.name, 60), summary.genome.k);
    let plots = [
        landscape(summary, &series),
        families(summary, &series),
        density(summary, &series),
        groups(summary, &series),
        ages(summary, &series),
        lengths(summary, &series),
        spectrum(&title, rows),
    ];
    PLOTS.into_iter().zip(plots).collect()
}

fn landscape(summary: &DetectSummary, series: &Series) -> String {
    let annotation = &summary.annotation;
    let share = 100.0 / summary.genome.bases.max(1) as f64;
    let counts = series.counts(annotation.classes.iter().map(|c| (&c.class[..], &c.bases_by_divergence[..])), share);
    let (ticks, max) = linear(highest(&counts));
    let frame = Frame::default();
    let mut out = frame.begin("Repeat landscape", "Share of the genome in copies, by divergence from the consensus");
    let x = divergence_ticks();
    frame.axes(&mut out, (&x, "Kimura distance from the consensus, CpG adjusted (%)"), (&ticks, "% of the genome"));
    frame.stacked(&mut out, &counts, &series.colours, max, |class, column, value| {
        format!("{}, {}: {value:.3} % of the genome", series.names[class], divergences(column))
    });
    frame.legend(&mut out, &series.names, &series.colours);
    chart::end(&mut out);
    out
}

/// The landscape of each group of contigs.
fn groups(summary: &DetectSummary, series: &Series) -> String {
    let panels: Vec<Landscape> =
        summary.annotation.groups.iter().map(|group| Landscape::of_group(group, series)).collect();
    landscapes("Groups of contigs", "% of the bases of the group", &panels, series)
}

fn ages(summary: &DetectSummary, series: &Series) -> String {
    let classes = &summary.annotation.classes;
    let counts = series.counts(classes.iter().map(|c| (&c.class[..], &c.copies_by_divergence[..])), 1.0);
    let (ticks, max) = linear(highest(&counts));
    let frame = Frame::default();
    let mut out = frame.begin("Insertion ages", "Copies by age");
    let (x, name) = match summary.substitution_rate {
        Some(rate) => {
            // The consensus is the inserted sequence, so all substitutions happened in the copy: no factor of two.
            let millions = DIVERGENCES as f64 / 100.0 / rate / 1e6;
            let (ticks, end) = linear(millions * 0.98);
            let scale = end / millions;
            let ticks = ticks.into_iter().map(|(at, text)| (at * scale, text)).filter(|(at, _)| *at <= 1.0).collect();
            (ticks, format!("million years since insertion, at {rate:e} substitutions a site and year"))
        }
        None => (
            divergence_ticks(),
            "mean Kimura distance from the consensus (%): younger copies are on the left".to_owned(),
        ),
    };
    frame.axes(&mut out, (&x, &name), (&ticks, "copies"));
    frame.stacked(&mut out, &counts, &series.colours, max, |class, column, value| {
        format!("{}, {}: {value} copies", series.names[class], divergences(column))
    });
    frame.legend(&mut out, &series.names, &series.colours);
    chart::end(&mut out);
    out
}

fn lengths(summary: &DetectSummary, series: &Series) -> String {
    let classes = &summary.annotation.classes;
    let counts = series.counts(classes.iter().map(|c| (&c.class[..], &c.copies_by_length[..])), 1.0);
    let (ticks, max) = linear(highest(&counts));
    let frame = Frame::default();
    let mut out = frame.begin("Lengths of copies", "Copies by length");
    let columns = LENGTHS.len() + 1;
    let x: Vec<Tick> = (0..)
        .zip(LENGTHS)
        .filter(|(_, least)| least.ilog10() != (least - 1).ilog10())
        .map(|(i, least)| (f64::from(i + 1) / columns as f64, grouped(least)))
        .collect();
    frame.axes(&mut out, (&x, "bases of the genome"), (&ticks, "copies"));
    frame.stacked(&mut out, &counts, &series.colours, max, |class, column, value| {
        let range = match column {
            0 => format!("below {}", LENGTHS[0]),
            n if n == LENGTHS.len() => format!("{} and more", grouped(LENGTHS[n - 1])),
            n => format!("{} to {}", grouped(LENGTHS[n - 1]), grouped(LENGTHS[n] - 1)),
        };
        format!("{}, {range} bases: {value} copies", series.names[class])
    });
    frame.legend(&mut out, &series.names, &series.colours);
    chart::end(&mut out);
    out
}

fn families(summary: &DetectSummary, series: &Series) -> String {
    let annotation = &summary.annotation;
    let shown = &annotation.families[..annotation.families.len().min(MAX_FAMILIES)];
    let height = 44.0 + 62.0 + 17.0 * shown.len().max(4) as f64;
    let frame = Frame { left: 190.0, right: 120.0, height, ..Frame::default() };
    let share = 100.0 / summary.genome.bases.max(1) as f64;
    let (ticks, max) = linear(shown.first().map_or(0.0, |f| f.bases as f64 * share));
    let mut out = frame.begin("Largest families", "Share of the genome of each of the largest families");
    frame.axes(&mut out, (&ticks, "% of the genome"), (&[], ""));
    for (row, family) in shown.iter().enumerate() {
        let y = frame.top + 17.0 * row as f64 + 2.0;
        let width = family.bases as f64 * share / max * (frame.x(1.0) - frame.left);
        let _ = write!(
            out,
            r#"<rect x="{:.1}" y="{y:.1}" width="{width:.1}" height="13" fill="{}"><title>{}</title></rect>"#,
            frame.left,
            series.colour(&family.class),
            escape(&format!(
                "{} ({}): {} copies, {} bases, {:.1} % diverged",
                family.name,
                family.class,
                grouped(family.copies),
                grouped(family.bases),
                family.divergence
            ))
        );
        push_text(&mut out, (frame.left - 8.0, y + 11.0), "end", &escape(&shortened(&family.name, 24)));
        let _ = writeln!(
            out,
            r#"<text class="soft" font-size="11" x="{:.1}" y="{:.1}">{}</text>"#,
            frame.left + width + 6.0,
            y + 11.0,
            escape(&shortened(&format!("{} × {}", grouped(family.copies), human(family.length)), 24))
        );
    }
    chart::end(&mut out);
    out
}

/// Contigs below each other, with lengths to scale, and the share of each class in every window.
fn density(summary: &DetectSummary, series: &Series) -> String {
    let density = &summary.annotation.density;
    let mut lanes: Vec<&ContigDensity> = density.contigs.iter().collect();
    lanes.sort_by_key(|contig| std::cmp::Reverse(contig.length));
    lanes.truncate(MAX_LANES);
    let longest = lanes.first().map_or(1, |contig| contig.length.max(1));
    let left_out = density.contigs.len() - lanes.len() + density.contigs_left_out as usize;
    // In the order of the genome.
    lanes.sort_by_key(|contig| density.contigs.iter().position(|other| std::ptr::eq(other, *contig)));
    let (lane, gap) = (26.0, 8.0);
    let height = 44.0 + 62.0 + (lane + gap) * lanes.len().max(2) as f64;
    let frame = Frame { left: 150.0, width: 1150.0, height, ..Frame::default() };
    let mut out = frame.begin("Repeats along the contigs", "Share of the bases in copies along the contigs");
    let unit = if longest >= 2_000_000 { (1e6, "Mb") } else { (1e3, "kb") };
    let (ticks, end) = linear(longest as f64 / unit.0);
    let scale = end * unit.0;
    let rest = if left_out > 0 {
        format!("; {} shorter contigs are not drawn", grouped(left_out as u64))
    } else {
        String::new()
    };
    let name = format!("{}; the full height of a contig is 100 %{rest}", unit.1);
    frame.axes(&mut out, (&ticks, &name), (&[], ""));
    // A column is a whole number of windows.
    let windows = longest.div_ceil(density.window.max(1)) as usize;
    let together = windows.div_ceil(LANE_WINDOWS).max(1);
    for (row, contig) in lanes.iter().enumerate() {
        let base = frame.top + (lane + gap) * row as f64 + lane;
        let width = contig.length as f64 / scale * (frame.x(1.0) - frame.left);
        let _ = write!(
            out,
            r#"<rect class="soft" x="{:.1}" y="{:.1}" width="{width:.1}" height="{lane}" "#,
            frame.left,
            base - lane
        );
        out.push_str(r#"fill="none" stroke="currentColor" stroke-width=".5"/>"#);
        let name = escape(&shortened(&contig.name, 18));
        push_text(&mut out, (frame.left - 8.0, base - lane / 2.0 + 4.0), "end", &name);
        out.push('\n');
        let columns = contig.bases.first().map_or(0, |counts| counts.len().div_ceil(together));
        let mut below = vec![0.0; columns];
        for (counts, colour) in contig.bases.iter().zip(&series.colours) {
            let mut path = String::new();
            for (column, windows) in counts.chunks(together).enumerate() {
                let bases: u64 = windows.iter().sum();
                if bases == 0 {
                    continue;
                }
                let start = column as u64 * together as u64 * density.window;
                let end = contig.length.min(start + together as u64 * density.window);
                let x = frame.left + start as f64 / scale * (frame.x(1.0) - frame.left);
                let w = (end - start) as f64 / scale * (frame.x(1.0) - frame.left);
                let h = bases as f64 / (end - start).max(1) as f64 * lane;
                let _ = write!(path, "M{x:.1} {:.1}v-{h:.1}h{w:.1}v{h:.1}z", base - below[column]);
                below[column] += h;
            }
            if !path.is_empty() {
                let _ = writeln!(out, r#"<path fill="{colour}" d="{path}"/>"#);
            }
        }
    }
    frame.legend_above(&mut out, &density.classes, &series.colours);
    chart::end(&mut out);
    out
}
