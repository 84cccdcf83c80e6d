use std::fmt::Write;

use crate::report::chart;
use crate::report::chart::{Frame, Tick, power};

/// Draws a k-mer spectrum, both axes logarithmic, as one self-contained SVG that reads in light and dark surroundings.
/// `rows` are (frequency, distinct k-mers), ascending, none 0.
pub fn spectrum_svg(title: &str, rows: &[(u64, u64)]) -> String {
    chart::standing_alone(&spectrum(title, rows))
}

pub(crate) fn spectrum(title: &str, rows: &[(u64, u64)]) -> String {
    let decade = |n: u64| (n.max(1) as f64).log10();
    let most_x = rows.last().map_or(1.0, |r| decade(r.0)).ceil().max(1.0);
    let most_y = rows.iter().map(|r| decade(r.1)).fold(1.0, f64::max).ceil();
    let frame = Frame::default();
    let mut out = frame.begin(title, "K-mer spectrum");
    let powers = |most: f64| -> Vec<Tick> { (0..=most as u32).map(|d| (f64::from(d) / most, power(d))).collect() };
    frame.axes(&mut out, (&powers(most_x), "frequency in the genome"), (&powers(most_y), "distinct k-mers"));
    out.push_str("<g class=\"dots\">\n");
    // Thousands of rows fall on few places: a dot for each place.
    let mut drawn = std::collections::BTreeSet::new();
    for &(frequency, count) in rows {
        let (cx, cy) = (frame.x(decade(frequency) / most_x), frame.y(decade(count) / most_y));
        if drawn.insert(((cx * 2.0) as i64, (cy * 2.0) as i64)) {
            let _ = writeln!(out, r#"<circle cx="{cx:.1}" cy="{cy:.1}" r="2.2"/>"#);
        }
    }
    out.push_str("</g>\n");
    chart::end(&mut out);
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_drawing_holds_every_place_once() {
        let svg = super::spectrum_svg("a < b", &[(1, 1000), (2, 10), (3000, 1)]);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<style>").count(), 1);
        super::spectrum_svg("empty", &[]);
    }
}
