//! The plot of a k-mer spectrum, which `spectrum` writes alone and `detect` among others.

use std::fmt::Write;

use crate::report::chart;
use crate::report::chart::{Frame, Tick, power};

/// A k-mer spectrum, both axes logarithmic, as an SVG file that is readable on light and dark backgrounds.
/// `rows` are (frequency, distinct k-mers), ascending, none 0.
pub fn spectrum_svg(title: &str, rows: &[(u64, u64)]) -> String {
    chart::standing_alone(&spectrum(title, rows))
}

pub(crate) fn spectrum(title: &str, rows: &[(u64, u64)]) -> String {
    let decade = |n: u64| (n.max(1) as f64).log10();
    let max_x = rows.last().map_or(1.0, |r| decade(r.0)).ceil().max(1.0);
    let max_y = rows.iter().map(|r| decade(r.1)).fold(1.0, f64::max).ceil();
    let frame = Frame::default();
    let mut out = frame.begin(title, "K-mer spectrum");
    let powers = |max: f64| -> Vec<Tick> { (0..=max as u32).map(|d| (f64::from(d) / max, power(d))).collect() };
    frame.axes(&mut out, (&powers(max_x), "frequency in the genome"), (&powers(max_y), "distinct k-mers"));
    out.push_str("<g class=\"dots\">\n");
    // Thousands of rows fall on the same half pixel: one dot is enough there.
    let mut drawn = std::collections::BTreeSet::new();
    for &(frequency, count) in rows {
        let (cx, cy) = (frame.x(decade(frequency) / max_x), frame.y(decade(count) / max_y));
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
    fn a_plot_has_one_dot_at_a_position() {
        let svg = super::spectrum_svg("a < b", &[(1, 1000), (2, 10), (3000, 1)]);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<style>").count(), 1);
        super::spectrum_svg("empty", &[]);
    }
}
