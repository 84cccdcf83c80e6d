use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 62.0;

/// Draws a k-mer spectrum, both axes logarithmic, as one self-contained SVG that reads in light and dark surroundings.
/// `rows` are (frequency, distinct k-mers), ascending, none 0.
pub fn spectrum_svg(title: &str, rows: &[(u64, u64)]) -> String {
    let decade = |n: u64| (n.max(1) as f64).log10();
    let most_x = rows.last().map_or(1.0, |r| decade(r.0)).ceil().max(1.0);
    let most_y = rows.iter().map(|r| decade(r.1)).fold(1.0, f64::max).ceil();
    let x = |d: f64| LEFT + d / most_x * (WIDTH - LEFT - RIGHT);
    let y = |d: f64| HEIGHT - BOTTOM - d / most_y * (HEIGHT - TOP - BOTTOM);

    let mut out = String::new();
    let _ = write!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="K-mer spectrum">
<style>
svg {{ color: #1f2933; background: #ffffff; font: 13px system-ui, sans-serif; }}
.grid {{ stroke: currentColor; opacity: .15; }}
.axis {{ stroke: currentColor; }}
text {{ fill: currentColor; }}
.title {{ font-size: 15px; font-weight: 600; }}
.dots {{ fill: #2b6cb0; opacity: .75; }}
@media (prefers-color-scheme: dark) {{ svg {{ color: #e4e7eb; background: #16191d; }} .dots {{ fill: #63b3ed; }} }}
</style>
<text class="title" x="{LEFT}" y="26">{}</text>
"#,
        escape(title)
    );
    for d in 0..=most_x as u32 {
        let at = x(f64::from(d));
        let _ = writeln!(
            out,
            r#"<line class="grid" x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{:.1}"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 19.0,
            power(d)
        );
    }
    for d in 0..=most_y as u32 {
        let at = y(f64::from(d));
        let _ = writeln!(
            out,
            r#"<line class="grid" x1="{LEFT}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            power(d)
        );
    }
    let _ = writeln!(
        out,
        r#"<path class="axis" fill="none" d="M{LEFT} {TOP}V{:.1}H{:.1}"/>
<text x="{:.1}" y="{:.1}" text-anchor="middle">frequency in the genome</text>
<text transform="translate(18 {:.1}) rotate(-90)" text-anchor="middle">distinct k-mers</text>
<g class="dots">"#,
        HEIGHT - BOTTOM,
        WIDTH - RIGHT,
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 18.0,
        (TOP + HEIGHT - BOTTOM) / 2.0
    );
    // Thousands of rows fall on few places: a dot for each place.
    let mut drawn = std::collections::BTreeSet::new();
    for &(frequency, count) in rows {
        let (cx, cy) = (x(decade(frequency)), y(decade(count)));
        if drawn.insert(((cx * 2.0) as i64, (cy * 2.0) as i64)) {
            let _ = writeln!(out, r#"<circle cx="{cx:.1}" cy="{cy:.1}" r="2.2"/>"#);
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn power(decade: u32) -> String {
    match decade {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        _ => format!(r#"10<tspan dy="-5" font-size="10">{decade}</tspan>"#),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_drawing_holds_every_place_once() {
        let svg = super::spectrum_svg("a < b", &[(1, 1000), (2, 10), (3000, 1)]);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>"));
        super::spectrum_svg("empty", &[]);
    }
}
