//! Axes, colours and bars that all plots share. A plot is SVG for a page that has `STYLE`, or a file with the style in
//! it, and is readable on light and dark backgrounds.
//!
//! SVG is written as text and not through `maud`, which writes HTML: it has no empty elements such as `<line/>`,
//! without which a file is no XML. Every text from outside goes through `escape`; a test of the report puts markup into
//! all names.

use std::collections::BTreeSet;
use std::fmt::Write;

/// The rules of all plots. All are below the class `plot`, so that they change nothing else of a page.
pub(crate) const STYLE: &str = "\
.plot { color: #1f2933; background: #ffffff; font: 13px system-ui, sans-serif; }
.plot .grid { stroke: currentColor; opacity: .15; }
.plot .axis { stroke: currentColor; fill: none; }
.plot text { fill: currentColor; }
.plot .title { font-size: 15px; font-weight: 600; }
.plot .dots { fill: #2b6cb0; opacity: .75; }
.plot .soft { opacity: .65; }
@media screen and (prefers-color-scheme: dark) {
.plot { color: #e4e7eb; background: #16191d; }
.plot .dots { fill: #63b3ed; }
}
";

/// Size of a plot and its margins, in pixels. A panel of a plot has the size of the whole plot, and margins up to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

/// A mark on an axis: its position as a share of the axis, 0 to 1, and its label (SVG text).
pub(crate) type Tick = (f64, String);

impl Default for Frame {
    fn default() -> Self {
        Self { width: 760.0, height: 440.0, left: 78.0, right: 20.0, top: 44.0, bottom: 62.0 }
    }
}

impl Frame {
    /// Position of a share of the horizontal axis.
    pub(crate) fn x(&self, share: f64) -> f64 {
        self.left + share * (self.width - self.left - self.right)
    }

    /// Position of a share of the vertical axis.
    pub(crate) fn y(&self, share: f64) -> f64 {
        self.height - self.bottom - share * (self.height - self.top - self.bottom)
    }

    /// The beginning of a plot.
    pub(crate) fn begin(&self, title: &str, label: &str) -> String {
        let Self { width, height, left, .. } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{}\">\n\
             <text class=\"title\" x=\"{left}\" y=\"26\">{}</text>\n",
            escape(label),
            escape(title)
        )
    }

    /// Draws both axes with their marks and names.
    pub(crate) fn axes(&self, out: &mut String, (x, x_name): (&[Tick], &str), (y, y_name): (&[Tick], &str)) {
        let (top, bottom, right) = (self.y(1.0), self.y(0.0), self.x(1.0));
        for (share, text) in x {
            let at = self.x(*share);
            let _ = write!(out, r#"<line class="grid" x1="{at:.1}" y1="{top:.1}" x2="{at:.1}" y2="{bottom:.1}"/>"#);
            push_text(out, (at, bottom + 19.0), "middle", text);
            out.push('\n');
        }
        for (share, text) in y {
            let at = self.y(*share);
            let left = self.left;
            let _ = write!(out, r#"<line class="grid" x1="{left:.1}" y1="{at:.1}" x2="{right:.1}" y2="{at:.1}"/>"#);
            push_text(out, (left - 8.0, at + 4.0), "end", text);
            out.push('\n');
        }
        let _ = writeln!(
            out,
            r#"<path class="axis" d="M{:.1} {top:.1}V{bottom:.1}H{right:.1}"/>
<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>
<text transform="translate({:.1} {:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
            self.left,
            (self.left + right) / 2.0,
            bottom + 44.0,
            escape(x_name),
            self.left - 60.0,
            (top + bottom) / 2.0,
            escape(y_name)
        );
    }

    /// Draws counts of several classes as stacked bars. `counts` has a list for each colour, all of one length; `max`
    /// is the value at the top of the frame; `describe` makes the tooltip of a bar from class, column and value.
    pub(crate) fn stacked(
        &self,
        out: &mut String,
        counts: &[Vec<f64>],
        colours: &[String],
        max: f64,
        describe: impl Fn(usize, usize, f64) -> String,
    ) {
        let columns = counts.first().map_or(0, Vec::len);
        let mut below = vec![0.0; columns];
        for (class, (counts, colour)) in counts.iter().zip(colours).enumerate() {
            let _ = writeln!(out, r#"<g fill="{colour}">"#);
            for (column, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
                let (left, right) =
                    (self.x(column as f64 / columns as f64), self.x((column + 1) as f64 / columns as f64));
                let (low, high) = (self.y(below[column] / max), self.y((below[column] + count) / max));
                below[column] += count;
                let _ = writeln!(
                    out,
                    r#"<rect x="{:.1}" y="{high:.2}" width="{:.1}" height="{:.2}"><title>{}</title></rect>"#,
                    left + 0.5,
                    right - left - 1.0,
                    low - high,
                    escape(&describe(class, column, count))
                );
            }
            out.push_str("</g>\n");
        }
    }

    /// Draws the legend in the line of the title, with as many classes as fit.
    pub(crate) fn legend_above(&self, out: &mut String, classes: &[String], colours: &[String]) {
        let mut x = self.left + 260.0;
        for (class, colour) in classes.iter().zip(colours) {
            let name = shortened(class, 16);
            let width = 34.0 + 7.5 * name.chars().count() as f64;
            if x + width > self.x(1.0) {
                break;
            }
            let _ = writeln!(
                out,
                r#"<rect x="{x:.1}" y="15" width="12" height="12" fill="{colour}"/><text x="{:.1}" y="26">{}</text>"#,
                x + 18.0,
                escape(&name)
            );
            x += width;
        }
    }

    /// Draws the legend at the top right, one class below the other.
    pub(crate) fn legend(&self, out: &mut String, classes: &[String], colours: &[String]) {
        for (row, (class, colour)) in classes.iter().zip(colours).enumerate() {
            let y = self.top + 6.0 + 18.0 * row as f64;
            let x = self.x(1.0);
            let _ = write!(out, r#"<rect x="{:.1}" y="{y:.1}" width="12" height="12" fill="{colour}"/>"#, x - 12.0);
            push_text(out, (x - 18.0, y + 10.5), "end", &escape(&shortened(class, 28)));
            out.push('\n');
        }
    }
}

/// Appends a text with its start, middle or end (`anchor`) at a position; `svg` is SVG text.
pub(crate) fn push_text(out: &mut String, (x, y): (f64, f64), anchor: &str, svg: &str) {
    let _ = write!(out, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{svg}</text>"#);
}

/// The end of a plot.
pub(crate) fn end(out: &mut String) {
    out.push_str("</svg>\n");
}

/// A plot as a file of its own.
pub(crate) fn standing_alone(svg: &str) -> String {
    match svg.split_once(">\n") {
        Some((head, rest)) => format!("{head}>\n<style>\n{STYLE}</style>\n{rest}"),
        None => svg.to_owned(),
    }
}

/// A power of ten as SVG text.
pub(crate) fn power(decade: u32) -> String {
    match decade {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        _ => format!(r#"10<tspan dy="-5" font-size="10">{decade}</tspan>"#),
    }
}

/// Marks from 0 to the end of an axis, at round numbers, and the end, which is `max` or above.
pub(crate) fn linear(max: f64) -> (Vec<Tick>, f64) {
    let max = if max > 0.0 { max } else { 1.0 };
    let decade = 10f64.powi((max / 5.0).log10().floor() as i32);
    let step = [1.0, 2.0, 5.0, 10.0].map(|f| f * decade).into_iter().find(|&s| s * 5.0 >= max).unwrap_or(max);
    let steps = (max / step - 1e-9).ceil().max(1.0);
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let ticks = (0..=steps as u32).map(|n| (f64::from(n) / steps, format!("{:.decimals$}", f64::from(n) * step)));
    (ticks.collect(), steps * step)
}

/// Text for XML, within quotes too.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(allowed(c)),
        }
    }
    out
}

/// A character, or the replacement character for controls, which XML and HTML forbid.
fn allowed(letter: char) -> char {
    if letter.is_control() { '\u{FFFD}' } else { letter }
}

/// A text without controls.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(allowed).collect()
}

/// A text without controls, of at most `max` letters.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return visible(text);
    }
    text.chars().take(max - 1).map(allowed).chain(['…']).collect()
}

/// Hue in degrees, saturation and lightness, from 0 to 1.
type Hsl = (f64, f64, f64);

/// The colours of orders, and the classes of each in the order of its shades, so that a class has one colour in every
/// figure of every genome. Classes that are not listed get shades that are free. The names are RepeatMasker's; an order
/// is what precedes `/`, `_` or `?`. All colours contrast with white and with black.
const COLOURS: [(&[&str], Hsl, &[&str]); 8] = [
    (
        &["LTR"],
        (208.0, 0.62, 0.46),
        &["LTR", "LTR/Gypsy", "LTR/Copia", "LTR/ERV1", "LTR/ERVK", "LTR/ERVL", "LTR/ERVL-MaLR", "LTR/Pao", "LTR/DIRS"],
    ),
    (
        &["LINE"],
        (4.0, 0.68, 0.52),
        &[
            "LINE",
            "LINE/L1",
            "LINE/L2",
            "LINE/CR1",
            "LINE/RTE-BovB",
            "LINE/R1",
            "LINE/I",
            "LINE/I-Jockey",
            "LINE/RTE-X",
        ],
    ),
    (&["SINE"], (32.0, 0.88, 0.54), &["SINE", "SINE/Alu", "SINE/MIR", "SINE/B2", "SINE/B4", "SINE/tRNA"]),
    (
        &["DNA", "TIR"],
        (138.0, 0.48, 0.40),
        &[
            "DNA",
            "DNA/hAT",
            "DNA/TcMar",
            "DNA/MULE",
            "DNA/PIF-Harbinger",
            "DNA/CMC",
            "DNA/hAT-Ac",
            "DNA/TcMar-Tc1",
            "DNA/MULE-MuDR",
            "DNA/CMC-EnSpm",
            "DNA/PiggyBac",
        ],
    ),
    (&["RC", "Helitron"], (282.0, 0.42, 0.52), &["RC/Helitron", "RC", "Helitron"]),
    (&["Satellite", "Simple", "Low"], (46.0, 0.62, 0.42), &["Satellite", "Simple_repeat", "Low_complexity"]),
    (&["Unknown"], (210.0, 0.05, 0.56), &["Unknown"]),
    (&["other"], (210.0, 0.08, 0.72), &["other"]),
];
/// The hue of the classes of no order; they differ from the sum of other classes, which is grey.
const OTHER_ORDERS: Hsl = (320.0, 0.45, 0.52);

/// Number of orders; the last has the classes that none of the others has.
pub(crate) const ORDERS: usize = COLOURS.len();

/// The order of a class, as a number below [`ORDERS`].
pub(crate) fn order(class: &str) -> usize {
    let name = class.split(['/', '_', '?']).next().unwrap_or_default();
    COLOURS.iter().position(|(orders, ..)| orders.contains(&name)).unwrap_or(ORDERS - 1)
}

/// Colours of the orders.
pub(crate) fn order_colours() -> [String; ORDERS] {
    COLOURS.map(|(_, (hue, saturation, lightness), _)| hexadecimal(hue, saturation, lightness))
}

/// A colour for each class: a hue for each order, a shade for each of its classes.
pub(crate) fn colours(classes: &[String]) -> Vec<String> {
    let listed = |class: &str| {
        let (_, _, shades) = COLOURS[order(class)];
        Some((order(class), shades.iter().position(|shade| *shade == class)?))
    };
    let mut used: BTreeSet<(usize, usize)> = classes.iter().filter_map(|class| listed(class)).collect();
    let colour = |class: &String| {
        let order = order(class);
        let (_, shade) = listed(class).unwrap_or_else(|| {
            let free = (0..).map(|shade| (order, shade)).find(|shade| !used.contains(shade)).unwrap_or((order, 0));
            used.insert(free);
            free
        });
        let (_, listed_colour, _) = COLOURS[order];
        let has_hue = order + 1 < ORDERS || class == "other";
        let (hue, saturation, lightness) = if has_hue { listed_colour } else { OTHER_ORDERS };
        let lighter = [0.0, 0.14, 0.24, -0.10, 0.30, -0.15][shade % 6];
        // Every second shade turns the hue, in both directions, so that it stays near that of its order.
        let turn = [0.0, 9.0, -9.0, 18.0, -18.0][shade / 2 % 5];
        hexadecimal((hue + turn + 360.0) % 360.0, saturation, (lightness + lighter).clamp(0.3, 0.8))
    };
    classes.iter().map(colour).collect()
}

/// Hue in degrees, saturation and lightness (CSS Color 3, section 4.2.4) as `#rrggbb`.
fn hexadecimal(hue: f64, saturation: f64, lightness: f64) -> String {
    let part = |n: f64| {
        let k = (n + hue / 30.0) % 12.0;
        let value = lightness - saturation * lightness.min(1.0 - lightness) * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (value * 255.0).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", part(0.0), part(8.0), part(4.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let axis = |max| {
            let (ticks, end) = linear(max);
            (ticks.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>().join(" "), end)
        };
        assert_eq!(axis(0.43), ("0.0 0.1 0.2 0.3 0.4 0.5".to_owned(), 0.5));
        assert_eq!(axis(7.0), ("0 2 4 6 8".to_owned(), 8.0));
        assert_eq!(axis(100.0), ("0 20 40 60 80 100".to_owned(), 100.0));
        assert_eq!(axis(0.0).1, 1.0);
    }

    #[test]
    fn texts_cannot_end_the_element_around_them() {
        assert_eq!(escape("<a href='x'>\"&\u{7}"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\u{FFFD}");
        assert_eq!((shortened("abcdef", 6), shortened("abcdefg", 6)), ("abcdef".to_owned(), "abcde…".to_owned()));
    }

    #[test]
    fn a_class_has_one_colour_whatever_the_others_are() {
        let of = |classes: &[&str]| colours(&classes.iter().map(|&class| class.to_owned()).collect::<Vec<_>>());
        let (one, two) = (of(&["LTR/Gypsy", "LTR/Copia", "LINE/L2"]), of(&["LINE/L1", "LINE/L2", "LTR/Copia"]));
        assert_eq!((&one[1], &one[2]), (&two[2], &two[1]));
        // One that is not listed takes no colour of one that is.
        let mixed = of(&["LTR/Ngaro", "LTR", "LTR/Gypsy", "LTR/Other", "Satellite", "Simple_repeat", "rRNA", "snRNA"]);
        assert_eq!(mixed[2], one[0]);
        assert_eq!(mixed.iter().collect::<BTreeSet<_>>().len(), mixed.len(), "{mixed:?}");
    }

    #[test]
    fn classes_have_different_colours() {
        let classes =
            ["LTR/Gypsy", "LTR/Copia", "LTR", "LINE/L1", "LINE/L2", "DNA/hAT", "Unknown", "other"].map(str::to_owned);
        let all = colours(&classes);
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), classes.len(), "{all:?}");
        assert_eq!(hexadecimal(0.0, 1.0, 0.5), "#ff0000");
        assert_eq!(hexadecimal(120.0, 1.0, 0.25), "#008000");
    }
}
