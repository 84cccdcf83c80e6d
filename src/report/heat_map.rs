//! A heat map of values from 0 to 1, for pairs of names: which of many are alike shows at a glance.

use std::fmt::Write;

use crate::report::chart::{self, Frame, push_text};

/// Width and height of a cell with its value in it, in the units of the drawing.
const CELL: f64 = 34.0;
/// Width and height of a cell without: a line of names, so that many names make no drawing that must be scaled down.
const SMALL_CELL: f64 = 16.0;
/// Names are cut to their last letters, in which paths differ.
const MAX_LETTERS: usize = 40;
/// Cells up to this number of names have their value written into them; a drawing of more would be too wide.
const MAX_WRITTEN: usize = 25;
/// Values from which a cell is so dark that white letters contrast with it more than dark ones (WCAG 2.2, contrast
/// ratio, for the colours of [`chart::STYLE`]).
const MIN_DARK: f64 = 0.82;
/// The colour of a cell of value 1; others are as opaque as their value.
const COLOUR: &str = "#2b6cb0";
/// Space above the cells: title and scale.
const TOP: f64 = 44.0;
/// Space at the right and left edges.
const EDGE: f64 = 20.0;
/// Width of a drawing that has space for its title and scale.
const MIN_WIDTH: f64 = 420.0;

/// Draws `value(row, column)`, from 0 to 1, of every pair of names as one self-contained SVG: the stronger the colour,
/// the greater.
pub fn heat_map_svg(title: &str, names: &[String], value: impl Fn(usize, usize) -> f64) -> String {
    let shown: Vec<String> = names.iter().map(|name| chart::escape(&last_letters(name))).collect();
    let widest = names.iter().map(|name| width_of(&last_letters(name))).fold(0.0, f64::max);
    let (margin, is_written) = (EDGE + widest + 8.0, names.len() <= MAX_WRITTEN);
    let cell = if is_written { CELL } else { SMALL_CELL };
    let side = cell * names.len() as f64;
    let width = (margin + side + EDGE).max(MIN_WIDTH);
    let frame = Frame { width, height: TOP + side + margin, left: EDGE, right: EDGE, top: TOP, bottom: margin };
    let mut out = frame.begin(title, "Heat map");
    if !is_written {
        scale(&mut out, width - EDGE);
    }
    for (row, name) in shown.iter().enumerate() {
        let (top, middle) = (TOP + cell * row as f64, cell * (row as f64 + 0.5));
        push_text(&mut out, (margin - 8.0, TOP + middle + 4.0), "end", name);
        let (x, y) = (margin + middle + 4.0, TOP + side + 8.0);
        let _ =
            writeln!(out, r#"<text transform="translate({x:.1} {y:.1}) rotate(-90)" text-anchor="end">{name}</text>"#);
        for (column, across) in shown.iter().enumerate() {
            let value = value(row, column).clamp(0.0, 1.0);
            let left = margin + cell * column as f64;
            let described = format!("<title>{name}, {across}: {value:.4}</title>");
            let _ = writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{cell}\" height=\"{cell}\" fill=\"{COLOUR}\" \
                 fill-opacity=\"{value:.3}\">{described}</rect>"
            );
            if is_written {
                let style = if value < MIN_DARK { "" } else { r#" style="fill: #ffffff""# };
                let (x, y) = (left + cell / 2.0, TOP + middle + 4.0);
                let _ = writeln!(
                    out,
                    r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle" font-size="10"{style}>{}</text>"#,
                    written(value)
                );
            }
        }
    }
    chart::end(&mut out);
    chart::standing_alone(&out)
}

/// Draws what the shades mean, ending at `right` in the line of the title.
fn scale(out: &mut String, right: f64) {
    const STEPS: u32 = 10;
    const STEP: f64 = 8.0;
    let left = right - 12.0 - STEP * f64::from(STEPS + 1);
    push_text(out, (left - 6.0, 26.0), "end", "0");
    for step in 0..=STEPS {
        let (x, value) = (left + STEP * f64::from(step), f64::from(step) / f64::from(STEPS));
        let _ = writeln!(
            out,
            r#"<rect x="{x:.1}" y="15" width="{STEP}" height="12" fill="{COLOUR}" fill-opacity="{value}"/>"#
        );
    }
    push_text(out, (right, 26.0), "end", "1");
}

/// A value with two decimals; only what is equal is 1.
fn written(value: f64) -> String {
    let text = format!("{value:.2}");
    if value < 1.0 && text == "1.00" { "&gt;.99".to_owned() } else { text }
}

/// About the width of a name in the letters of a plot, in the units of the drawing; rather too much, since names that
/// are wider are cut at the edge.
fn width_of(name: &str) -> f64 {
    let letter = |letter: char| match letter {
        'm' | 'w' | '@' | '%' | 'A'..='Z' => 11.0,
        letter if letter.is_ascii() => 8.0,
        _ => 14.0,
    };
    name.chars().map(letter).sum()
}

fn last_letters(name: &str) -> String {
    let letters = name.chars().count();
    if letters <= MAX_LETTERS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(letters - MAX_LETTERS + 1).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_a_cell_and_names_are_text() {
        let names = ["a<b".to_owned(), "c".repeat(100)];
        let svg = heat_map_svg("title", &names, |a, b| if a == b { 1.0 } else { 0.25 });
        assert_eq!(svg.matches("<rect").count(), 4);
        assert!(svg.contains("a&lt;b") && !svg.contains("a<b") && svg.contains('…') && !svg.contains(&names[1]));
    }

    #[test]
    fn what_differs_is_never_written_as_equal() {
        assert_eq!([0.0, 0.994, 0.999, 1.0].map(written), ["0.00", "0.99", "&gt;.99", "1.00"]);
        let names: Vec<String> = (0..3).map(|number| number.to_string()).collect();
        let svg = heat_map_svg("title", &names, |a, b| if a == b { 1.0 } else { 0.5 });
        assert_eq!((svg.matches(">1.00</text>").count(), svg.matches("fill: #ffffff").count()), (3, 3));
    }

    /// Many names make small cells without values, and a scale instead.
    #[test]
    fn many_names_stay_small() {
        let names: Vec<String> = (0..100).map(|number| format!("strain {number}")).collect();
        let svg = heat_map_svg("title", &names, |a, b| 1.0 - a.abs_diff(b) as f64 / 100.0);
        assert_eq!(svg.matches("<rect").count(), 100 * 100 + 11);
        assert!(!svg.contains("0.50</text>"));
        let width = svg.split("viewBox=\"0 0 ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a width");
        assert!(width.parse::<f64>().expect("a number") < 2000.0, "{width}");
    }
}
