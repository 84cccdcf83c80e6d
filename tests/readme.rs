//! What the documents state is true: the README's commands run and print what it shows, `docs/cli.md` is what the
//! program prints of its commands, and named tests exist.

mod common;

use std::path::PathBuf;

use common::run;

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

/// `REPRISE_UPDATE=1` writes the page instead.
#[test]
fn the_reference_is_what_the_program_prints() {
    let printed = run(&root(), &["man", "--markdown"]).fine().out;
    if std::env::var_os("REPRISE_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(root().join("docs/cli.md"), &printed).expect("docs/cli.md can be written");
    }
    let page = text("docs/cli.md");
    let differing = page.lines().zip(printed.lines()).find(|(is, printed)| is != printed);
    assert!(page == printed, "REPRISE_UPDATE=1 cargo test --test readme writes docs/cli.md: {differing:?}");
    for command in common::commands() {
        assert!(page.contains(&format!("\n## `{command}`\n")), "docs/cli.md has no section of {command}");
    }
    let wide = |line: &&str| line.chars().count() > 120 && !line.starts_with('|');
    assert_eq!(page.lines().find(wide), None, "a line over 120 columns");
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
