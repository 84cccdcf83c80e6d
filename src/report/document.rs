//! What the pages have in common: one HTML file that needs no network and no other file, so that it can be mailed and
//! archived.
//!
//! Names come from users' files. `maud` escapes every text that is put into a page, so a forgotten call cannot insert
//! markup. Only the style, the script, its data and the plots are inserted without escapes.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::chart;
use crate::units::grouped;

/// The style sheet of a page; in the page, so that it is one file.
const STYLE: &str = include_str!("page.css");
/// The script of a page, which sorts its tables.
const SCRIPT: &str = include_str!("page.js");

/// A page with a title, the line below it, and what follows.
pub(crate) fn document(title: &str, written: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { "\n" (PreEscaped(chart::STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p class="soft" { (written) }
                }
                (body)
                script { "\n" (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

/// A figure with its caption. `svg` is a plot of this program.
pub(crate) fn figure(svg: String, is_wide: bool, caption: &str) -> Markup {
    html! {
        figure class=[is_wide.then_some("wide")] {
            (PreEscaped(svg))
            figcaption { (caption) }
        }
    }
}

/// A square in the colour of a class.
pub(crate) fn key(colour: &str) -> Markup {
    html! { span class="key" style={ "background:" (colour) } {} }
}

/// A cell with a number, by whose value the script sorts rows.
pub(crate) fn cell(number: u64) -> Markup {
    html! { td data-v=(number) { (grouped(number)) } }
}

/// The number of rows that a table leaves out, if any.
pub(crate) fn left_out(all: usize, shown: usize, what: &str) -> Markup {
    html! {
        @if all > shown {
            p class="soft" {
                (grouped((all - shown) as u64)) " more " (what) ", with fewer bases, are in summary.json."
            }
        }
    }
}
