//! What the documents state is true: the README's commands run and print what it shows, `docs/cli.md` describes the
//! flags that exist, and named tests exist.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::run;

/// Commands whose flags `docs/cli.md` must describe.
const COMMANDS: [&str; 24] = [
    "benchmark",
    "build-index",
    "merge-index",
    "query",
    "info",
    "list",
    "man",
    "verify",
    "spectrum",
    "dump",
    "annotate",
    "merge-annotation",
    "mask",
    "detect",
    "candidates",
    "classify",
    "compare",
    "completions",
    "families",
    "fetch",
    "demo",
    "report",
    "set",
    "simulate",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap_or_else(|e| panic!("{document}: {e}"))
}

/// Markdown files that readers meet, relative to the root.
fn documents() -> Vec<String> {
    let docs = common::listing(&root().join("docs")).into_iter().filter(|name| name.ends_with(".md"));
    let others = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "schema/format.md", "fuzz/README.md"];
    docs.map(|name| format!("docs/{name}")).chain(others.map(str::to_owned)).collect()
}

#[test]
fn commands_of_the_readme_print_what_it_shows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let readme = text("README.md");
    let section = readme.split("## Example in 60 seconds\n").nth(1).expect("the README has an example");
    let example = section.split("```").nth(1).expect("the example is a block of code");
    let commands: Vec<&str> = example.lines().filter_map(|line| line.strip_prefix("reprise ")).collect();
    assert!(commands.len() >= 3, "the README has an example");
    for command in commands {
        let command = command.split_once('#').map_or(command, |(command, _)| command);
        run(folder.path(), &command.split_whitespace().collect::<Vec<_>>()).fine();
    }

    let mut transcripts = 0;
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        for transcript in block.split("$ reprise ").skip(1) {
            let (arguments, shown) = transcript.split_once('\n').expect("a command ends its line");
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            assert_eq!(run(folder.path(), &arguments).fine().out, shown, "reprise {}", arguments.join(" "));
            transcripts += 1;
        }
    }
    assert!(transcripts >= 4, "the README shows transcripts");
}

/// Long flags in a text, such as `--kmer`.
fn flags(text: &str) -> BTreeSet<&str> {
    let is_flag = |c: char| c == '-' || c.is_ascii_alphanumeric();
    let words = text.split(|c| !is_flag(c)).filter_map(|word| word.strip_prefix("--"));
    words.map(|word| word.trim_end_matches('-')).filter(|word| !word.is_empty() && !word.starts_with('-')).collect()
}

#[test]
fn the_reference_describes_the_flags_that_exist() {
    let helps = COMMANDS.map(|command| run(&root(), &[command, "--help"]).fine().out);
    let mut exist: BTreeSet<&str> = BTreeSet::new();
    for help in &helps {
        // A description may mention other flags, so only the beginning of a line counts.
        let named = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        exist.extend(named.flat_map(|line| flags(line.split("  ").next().unwrap_or(line))));
    }
    let reference = text("docs/cli.md");
    let described = flags(&reference);
    let missing: Vec<_> = exist.difference(&described).filter(|flag| **flag != "help").collect();
    assert!(missing.is_empty(), "docs/cli.md does not describe {missing:?}");
    let unknown: Vec<_> = described.difference(&exist).filter(|flag| !["help", "version"].contains(flag)).collect();
    assert!(unknown.is_empty(), "docs/cli.md describes {unknown:?}, which no command has");
    for command in COMMANDS {
        assert!(reference.contains(&format!("\n## `{command}`\n")), "docs/cli.md has no section of {command}");
    }
}

/// Tables with longer cells cannot be read on a terminal.
#[test]
fn the_readme_is_narrow() {
    let readme = text("README.md");
    let (changes, contributing) = (text("CHANGELOG.md"), text("CONTRIBUTING.md"));
    // A row of printed columns is as wide as it is.
    let lines = readme.lines().chain(changes.lines()).chain(contributing.lines());
    for line in lines.filter(|line| !line.contains('\t')) {
        assert!(line.chars().count() <= 120, "over 120 columns: {line}");
    }
    for cell in readme.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('|')) {
        assert!(cell.trim().chars().count() <= 80, "a cell over 80 characters: {cell}");
    }
}

/// Files of tests that documents name are there, and so are the functions that they name in parentheses behind them.
#[test]
fn the_tests_that_documents_name_exist() {
    let mut names = 0;
    for document in documents() {
        let words = text(&document).split_whitespace().collect::<Vec<_>>().join(" ");
        for part in words.split("`tests/").skip(1) {
            let (file, rest) = part.split_once('`').expect("a name ends");
            let path = root().join("tests").join(file);
            if path.is_dir() {
                continue;
            }
            let test = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{document}: tests/{file}: {e}"));
            let within = rest.strip_prefix(" (").and_then(|rest| rest.split_once(')')).map_or("", |(within, _)| within);
            // Programs may be named there too.
            for name in within.split('`').skip(1).step_by(2).filter(|name| name.contains('_')) {
                let function = match name.strip_suffix("...") {
                    Some(beginning) => format!("fn {beginning}"),
                    None => format!("fn {name}("),
                };
                assert!(test.contains(&function), "{document}: tests/{file} has no {name}");
                names += 1;
            }
        }
    }
    assert!(names >= 5, "{names}");
}
