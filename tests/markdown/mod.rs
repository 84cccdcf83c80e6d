//! Documents as a parser of Markdown reads them, for the tests of links and of the book.

// Each test file uses only some of this.
#![allow(dead_code)]

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a document, relative to the root.
#[track_caller]
pub fn text(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap_or_else(|e| panic!("{document}: {e}"))
}

/// Names of the Markdown files in `docs/`, sorted.
pub fn pages() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("docs")).expect("docs/ is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".md")).collect();
    names.sort();
    names
}

/// What a page consists of, as far as the tests read it.
#[derive(Debug)]
pub enum Part {
    /// Fenced code: the words behind the fence, the code, and where it is in the text of the page.
    Code { language: String, code: String, range: Range<usize> },
    /// A comment of HTML, without its marks.
    Comment(String),
    /// An image.
    Image(String),
    /// A link.
    Link(String),
    /// Code within a line.
    Span(String),
    /// The text of a heading, as it is read.
    Heading(String),
    /// Begins another paragraph, list or table.
    Other,
}

/// The parts of a document in order.
pub fn parts(text: &str) -> Vec<Part> {
    let options = Options::ENABLE_TABLES;
    let mut parts = Vec::new();
    let mut events = Parser::new_ext(text, options).into_offset_iter();
    while let Some((event, range)) = events.next() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let code = collect(&mut events, |end| end == TagEnd::CodeBlock);
                parts.push(Part::Code { language, code, range });
            }
            Event::Start(Tag::HtmlBlock) => {
                let html = collect(&mut events, |end| end == TagEnd::HtmlBlock);
                let comment = html.trim().strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
                parts.extend(comment.map(|comment| Part::Comment(comment.trim().to_owned())));
            }
            Event::Start(Tag::Heading { .. }) => {
                // Links within headings count too, but no heading of these documents has one.
                parts.push(Part::Heading(collect(&mut events, |end| matches!(end, TagEnd::Heading(_)))));
            }
            Event::Start(Tag::Image { dest_url, .. }) => parts.push(Part::Image(dest_url.into_string())),
            Event::Start(Tag::Link { dest_url, .. }) => parts.push(Part::Link(dest_url.into_string())),
            Event::Code(span) => parts.push(Part::Span(span.into_string())),
            Event::Start(Tag::Paragraph | Tag::List(_) | Tag::Table(_) | Tag::BlockQuote(_)) => parts.push(Part::Other),
            _ => {}
        }
    }
    parts
}

/// The text up to the end of an element.
fn collect<'a>(
    events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>,
    is_end: impl Fn(TagEnd) -> bool,
) -> String {
    let mut text = String::new();
    for (event, _) in events {
        match event {
            Event::End(end) if is_end(end) => break,
            Event::Text(part) | Event::Code(part) | Event::Html(part) => text.push_str(&part),
            Event::SoftBreak => text.push(' '),
            _ => {}
        }
    }
    text
}

/// Anchors of the headings of a document, as GitHub and mdBook make them. A page that consists of another file has the
/// anchors of that file.
pub fn anchors(document: &Path) -> HashSet<String> {
    let text = std::fs::read_to_string(document).unwrap_or_else(|e| panic!("{}: {e}", document.display()));
    if let Some((_, rest)) = text.split_once("{{#include ") {
        let (file, _) = rest.split_once("}}").expect("an include ends");
        return anchors(&document.parent().expect("a document is in a folder").join(file.trim()));
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = parts(&text).into_iter().filter_map(|part| match part {
        Part::Heading(heading) => Some(anchor(&heading)),
        _ => None,
    });
    headings
        .map(|anchor| {
            let times = seen.entry(anchor.clone()).or_insert(0);
            *times += 1;
            if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
        })
        .collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
