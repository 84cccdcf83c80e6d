//! A drawing of an element: its terminal repeats, target sites and protein domains along its consensus.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped};

use crate::families::Evidence;
use crate::kmer::Strand;
use crate::report::chart::escape;

/// Pixels of the drawing, and of the space for target sites at either end of the consensus.
const WIDTH: f64 = 320.0;
const MARGIN: f64 = 24.0;
/// Pixels from the top to the line of the consensus, and of half the height of what lies on it.
const LINE: f64 = 34.0;
const HALF: f64 = 8.0;
/// Pixels of a row of names, and how many rows there are: names of neighbouring domains take turns.
const ROW: f64 = 12.0;
const ROWS: usize = 3;
/// Colours of domains, terminal repeats and target sites.
const DOMAIN: &str = "#7fb3d5";
const REPEAT: &str = "#e59866";
const SITE: &str = "#7d6608";

/// The drawing of an element of this many bases, unless there is nothing to draw.
pub(crate) fn element(length: u64, evidence: &Evidence) -> Option<Markup> {
    let Evidence { direct_repeat, inverted_repeat, target_site, domains, .. } = evidence;
    let repeat = direct_repeat.as_ref().or(inverted_repeat.as_ref());
    if length == 0 || repeat.is_none() && target_site.is_none() && domains.is_empty() {
        return None;
    }
    let x = |base: u64| MARGIN + (WIDTH - 2.0 * MARGIN) * base.min(length) as f64 / length as f64;
    let (start, end) = (x(0), x(length));
    let height = LINE + HALF + ROW * (ROWS as f64 + 0.5);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="element" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" aria-label="Drawing of the evidence"><path d="M{start:.1} {LINE}H{end:.1}" stroke="gray"/>"#,
    );
    // Writing into a String cannot fail.
    if let Some(repeat) = repeat {
        let bases = repeat.length.min(length);
        push_arrow(&mut svg, (x(0), x(bases)), Strand::Forward, REPEAT);
        let second = if direct_repeat.is_some() { Strand::Forward } else { Strand::Reverse };
        push_arrow(&mut svg, (x(length - bases), x(length)), second, REPEAT);
    }
    if let Some(site) = target_site {
        for at in [start - 6.0, end + 6.0] {
            let _ = write!(svg, r#"<path d="M{at:.1} {}v{}" stroke="{SITE}" stroke-width="4"/>"#, LINE - 6.0, 12.0);
        }
        let name = site.motif.clone().unwrap_or_else(|| format!("{} bp", site.length));
        let name = if site.length == 0 { "sites".to_owned() } else { name };
        push_name(&mut svg, (start - 10.0, LINE - 12.0), "start", &name);
    }
    for (number, domain) in domains.iter().enumerate() {
        let (from, to) = (x(domain.range.start), x(domain.range.end));
        push_arrow(&mut svg, (from, to), domain.strand, DOMAIN);
        let y = LINE + HALF + ROW * (1 + number % ROWS) as f64;
        push_name(&mut svg, (from, y), "start", &domain.profile);
    }
    push_name(&mut svg, (end, LINE - 12.0), "end", &format!("{length} bases"));
    svg.push_str("</svg>");
    Some(PreEscaped(svg))
}

/// A box whose point shows the strand.
fn push_arrow(svg: &mut String, (from, to): (f64, f64), strand: Strand, colour: &str) {
    let point = (to - from).min(HALF);
    let (top, bottom) = (LINE - HALF, LINE + HALF);
    let path = match strand {
        Strand::Forward => {
            format!("M{from:.1} {top}H{:.1}L{to:.1} {LINE}L{:.1} {bottom}H{from:.1}Z", to - point, to - point)
        }
        Strand::Reverse => {
            format!("M{to:.1} {top}H{:.1}L{from:.1} {LINE}L{:.1} {bottom}H{to:.1}Z", from + point, from + point)
        }
    };
    let _ = write!(svg, r#"<path d="{path}" fill="{colour}" stroke="dimgray" stroke-width="0.5"/>"#);
}

fn push_name(svg: &mut String, (x, y): (f64, f64), anchor: &str, name: &str) {
    let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" font-size="10" text-anchor="{anchor}">{}</text>"#, escape(name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::{TargetSite, TerminalRepeat};
    use crate::proteins::{Domain, Meaning};

    #[test]
    fn an_element_is_drawn_with_all_its_marks() {
        assert!(element(100, &Evidence::default()).is_none());
        let domain = Domain {
            profile: "<RT>".to_owned(),
            meaning: Meaning::Neutral,
            range: 300..900,
            strand: Strand::Reverse,
            columns: 0..200,
            profile_length: 200,
            score: 80.0,
            e_value: 1e-20,
        };
        let evidence = Evidence {
            direct_repeat: Some(TerminalRepeat { length: 120, identity: 97.0 }),
            target_site: Some(TargetSite { length: 5, copies: 7, motif: None }),
            domains: vec![domain],
            ..Evidence::default()
        };
        let svg = element(1200, &evidence).expect("a drawing").into_string();
        assert_eq!(svg.matches("fill=\"#e59866\"").count(), 2, "{svg}");
        assert!(svg.contains("5 bp") && svg.contains("&lt;RT&gt;") && svg.contains("1200 bases"), "{svg}");
        assert!(!svg.contains("<RT>"), "{svg}");
    }
}
