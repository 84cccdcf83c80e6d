//! A heat map of values from 0 to 1, for pairs of names.

use std::fmt::Write;

use crate::report::chart::{self, Frame};

/// Width and height of a cell, in the units of the drawing.
const CELL: f64 = 34.0;
/// Width of a letter of a name, about.
const LETTER: f64 = 7.0;
/// Names are cut to their last letters, in which paths differ.
const MAX_LETTERS: usize = 40;
/// Cells up to this number of names have their value written into them; smaller ones could not be read.
const MAX_WRITTEN: usize = 25;

/// Draws `value(row, column)`, from 0 to 1, of every pair of names as one self-contained SVG: the darker, the greater.
pub fn heat_map_svg(title: &str, names: &[String], value: impl Fn(usize, usize) -> f64) -> String {
    let shown: Vec<String> = names.iter().map(|name| last_letters(name)).collect();
    let margin = 24.0 + LETTER * shown.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64;
    let side = CELL * names.len() as f64;
    let top = 44.0;
    let width = (margin + side + 20.0).max(420.0);
    let frame = Frame { width, height: top + side + margin, left: margin, right: 20.0, top, bottom: margin };
    let mut out = frame.begin(title, "Heat map");
    for (row, name) in shown.iter().enumerate() {
        let (at, middle) = (CELL * row as f64, CELL * (row as f64 + 0.5));
        let (x, y) = (margin - 8.0, top + middle + 4.0);
        let name = chart::escape(name);
        let _ = writeln!(out, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="end">{name}</text>"#);
        let (x, y) = (margin + middle + 4.0, top + side + 8.0);
        let _ =
            writeln!(out, r#"<text transform="translate({x:.1} {y:.1}) rotate(-90)" text-anchor="end">{name}</text>"#);
        for (column, across) in shown.iter().enumerate() {
            let value = value(row, column).clamp(0.0, 1.0);
            let x = margin + CELL * column as f64;
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"#2b6cb0\" fill-opacity=\"{value:.3}\">\
                 <title>{name}, {}: {value:.4}</title></rect>",
                top + at,
                chart::escape(across)
            );
            if names.len() <= MAX_WRITTEN {
                let (x, y) = (x + CELL / 2.0, top + middle + 4.0);
                let _ = writeln!(
                    out,
                    r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle" font-size="10">{value:.2}</text>"#
                );
            }
        }
    }
    chart::end(&mut out);
    chart::standing_alone(&out)
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
    #[test]
    fn every_pair_has_a_cell_and_names_are_text() {
        let names = ["a<b".to_owned(), "c".repeat(100)];
        let svg = super::heat_map_svg("title", &names, |a, b| if a == b { 1.0 } else { 0.25 });
        assert_eq!(svg.matches("<rect").count(), 4);
        assert!(svg.contains("a&lt;b") && !svg.contains("a<b") && svg.contains('…') && !svg.contains(&names[1]));
    }
}
