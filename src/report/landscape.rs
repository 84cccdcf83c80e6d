//! Repeat landscapes beside each other, with one scale and one set of colours: of groups of contigs, or of genomes.

use std::fmt::Write;

use crate::annotate::{ClassSummary, GroupSummary};
use crate::report::chart::{self, Frame, escape, linear, push_text, shortened};
use crate::report::series::{Series, divergence_ticks, highest};
use crate::units::{counted, human, per_cent};

/// Pixels of a figure, and of the plot of a landscape in it.
const WIDTH: f64 = 1150.0;
const HEIGHT: f64 = 210.0;
/// Pixels above all landscapes, and above and below the plot of each.
const TOP: f64 = 44.0;
const ABOVE: f64 = 46.0;
const BELOW: f64 = 62.0;
/// Landscapes beside each other.
const COLUMNS: usize = 2;

/// The landscape of a group of contigs or of a genome.
pub(crate) struct Landscape {
    name: String,
    /// What the shares are of.
    facts: String,
    /// Share of the bases, in per cent, of each class of the series and of each divergence.
    shares: Vec<Vec<f64>>,
}

impl Landscape {
    pub(crate) fn of_group(group: &GroupSummary, series: &Series) -> Self {
        let facts = facts(group.length, group.contigs, group.bases);
        let classes = group.classes.iter().map(|c| (&c.class[..], &c.bases_by_divergence[..]));
        let shares = series.counts(classes, 100.0 / group.length.max(1) as f64);
        Self { name: group.name.clone(), facts, shares }
    }

    /// That of a genome of this many bases and contigs, of which `repeats` bases are in copies.
    pub(crate) fn of_genome(
        name: &str,
        (bases, contigs, repeats): (u64, u64, u64),
        classes: &[ClassSummary],
        series: &Series,
    ) -> Self {
        let classes = classes.iter().map(|c| (&c.class[..], &c.bases_by_divergence[..]));
        let shares = series.counts(classes, 100.0 / bases.max(1) as f64);
        Self { name: name.to_owned(), facts: facts(bases, contigs, repeats), shares }
    }
}

fn facts(bases: u64, contigs: u64, repeats: u64) -> String {
    format!("{} in {}, {:.2} % in copies", human(bases), counted(contigs, "contig"), per_cent(repeats, bases))
}

/// The landscapes as one figure. `unit` names the vertical axis.
pub(crate) fn landscapes(title: &str, unit: &str, panels: &[Landscape], series: &Series) -> String {
    let rows = panels.len().div_ceil(COLUMNS).max(1);
    let height = TOP + (ABOVE + HEIGHT + BELOW) * rows as f64;
    let whole = Frame { width: WIDTH, height, top: TOP, ..Frame::default() };
    let mut out = whole.begin(title, title);
    whole.legend_above(&mut out, &series.names, &series.colours);
    let (ticks, max) = linear(panels.iter().map(|panel| highest(&panel.shares)).fold(0.0, f64::max));
    let x = divergence_ticks();
    let width = WIDTH / COLUMNS as f64;
    for (number, panel) in panels.iter().enumerate() {
        let (column, row) = (number % COLUMNS, number / COLUMNS);
        let top = TOP + (ABOVE + HEIGHT + BELOW) * row as f64 + ABOVE;
        let left = width * column as f64;
        let (right, bottom) = (WIDTH - left - width + whole.right, height - top - HEIGHT);
        let frame = Frame { width: WIDTH, height, left: left + whole.left, right, top, bottom };
        let _ = writeln!(
            out,
            r#"<text x="{:.1}" y="{:.1}" font-weight="600">{}</text>"#,
            frame.left,
            top - 26.0,
            escape(&shortened(&panel.name, 60))
        );
        push_text(&mut out, (frame.left, top - 9.0), "start", &escape(&panel.facts));
        out.push('\n');
        frame.axes(&mut out, (&x, "Kimura distance from the consensus, CpG adjusted (%)"), (&ticks, unit));
        push_bars(&mut out, &frame, panel, series, max);
    }
    chart::end(&mut out);
    out
}

/// Draws the stacked bars of a landscape, as one path for each class: a figure of twenty landscapes would have eight
/// thousand bars, and a page takes long to open if each is an element.
fn push_bars(out: &mut String, frame: &Frame, panel: &Landscape, series: &Series, max: f64) {
    let columns = panel.shares.first().map_or(0, Vec::len);
    let mut below = vec![0.0; columns];
    for ((name, colour), shares) in series.names.iter().zip(&series.colours).zip(&panel.shares) {
        let mut path = String::new();
        for (column, (&share, below)) in
            shares.iter().zip(&mut below).enumerate().filter(|(_, (share, _))| **share > 0.0)
        {
            let x = |column: usize| frame.x(column as f64 / columns as f64);
            let (left, width) = (x(column) + 0.5, x(column + 1) - x(column) - 1.0);
            let (low, high) = (frame.y(*below / max), frame.y((*below + share) / max));
            *below += share;
            let _ = write!(path, "M{left:.1} {low:.2}V{high:.2}h{width:.1}V{low:.2}z");
        }
        if path.is_empty() {
            continue;
        }
        let sum: f64 = shares.iter().sum();
        let described = escape(&format!("{}, {name}: {sum:.3} %", shortened(&panel.name, 60)));
        let _ = writeln!(out, r#"<path fill="{colour}" d="{path}"><title>{described}</title></path>"#);
    }
}
