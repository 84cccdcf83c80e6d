//! Every relative link of a document leads to a file, and every anchor to a heading. Pages of the book link to what the
//! book has.

mod markdown;

use std::path::{Component, Path, PathBuf};

use markdown::{Part, anchors, pages, parts, root, text};

/// Documents outside of `docs/`.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "fuzz/README.md",
    "python/README.md",
    "python/tutorial.md",
    "schema/format.md",
    "workflow/README.md",
];

/// Pages of the code host, which are not in the repository.
const CODE_HOST: &str = "../../actions/";

fn documents() -> Vec<String> {
    let pages = pages().into_iter().map(|name| format!("docs/{name}"));
    pages.chain(DOCUMENTS.map(str::to_owned)).collect()
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// What is wrong with a link of a document.
fn problem(document: &str, link: &str) -> Option<String> {
    let (file, fragment) = link.split_once('#').map_or((link, None), |(file, part)| (file, Some(part)));
    let path = root().join(document);
    let folder = path.parent().expect("a document is in a folder");
    let target = if file.is_empty() { path.clone() } else { normal(&folder.join(file)) };
    if !target.exists() {
        return Some(format!("{document}: {link} leads nowhere"));
    }
    if let Some(fragment) = fragment
        && !anchors(&target).contains(fragment)
    {
        return Some(format!("{document}: {link} leads to no heading"));
    }
    let is_in_book = |folder: &str| target.starts_with(root().join(folder));
    if document.starts_with("docs/") && !is_in_book("docs") && !is_in_book("schema") {
        return Some(format!("{document}: {link} leads out of the book; name the file without a link"));
    }
    None
}

#[test]
fn links_of_documents_lead_somewhere() {
    let mut problems = Vec::new();
    let mut links = 0;
    for document in documents() {
        for part in parts(&text(&document)) {
            let (Part::Link(link) | Part::Image(link)) = part else { continue };
            if link.contains("://") || link.starts_with("mailto:") || link.starts_with(CODE_HOST) {
                continue;
            }
            links += 1;
            problems.extend(problem(&document, &link));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(links >= 100, "only {links} links were found");
}

#[test]
fn wrong_links_are_found() {
    for (link, says) in [
        ("nowhere.md", "leads nowhere"),
        ("cli.md#no-such-heading", "leads to no heading"),
        ("#no-such-heading", "leads to no heading"),
        ("../Cargo.toml", "leads out of the book"),
    ] {
        let problem = problem("docs/introduction.md", link).unwrap_or_else(|| panic!("{link} passes"));
        assert!(problem.contains(says), "{problem}");
    }
    assert_eq!(problem("docs/introduction.md", "exit-codes-and-environment.md#environment-variables"), None);
}

#[test]
fn the_book_contains_every_page() {
    let summary = parts(&text("docs/SUMMARY.md"));
    let listed: Vec<&String> =
        summary.iter().filter_map(|part| if let Part::Link(link) = part { Some(link) } else { None }).collect();
    for page in pages().iter().filter(|name| *name != "SUMMARY.md") {
        let times = listed.iter().filter(|link| **link == page).count();
        assert_eq!(times, 1, "docs/SUMMARY.md names {page} {times} times");
    }
    let headings: Vec<String> = summary
        .iter()
        .filter_map(|part| if let Part::Heading(text) = part { Some(text.clone()) } else { None })
        .collect();
    assert_eq!(headings[1..], ["Start here", "How-to", "Reference", "Explanation", "For developers"]);
}
