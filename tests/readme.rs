//! The transcripts of the README, run as they stand there: what a newcomer copies must print what is shown.

mod common;

use common::run;

#[test]
fn the_transcripts_of_the_readme_are_true() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    run(at, &["demo", "-o", "."]).fine();
    std::fs::rename(at.join("demo.fa"), at.join("genome.fa")).expect("the demo keeps its genome");
    run(at, &["build-index", "genome.fa"]).fine();

    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("there is a README");
    let mut transcripts = 0;
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        for transcript in block.split("$ reprise ").skip(1) {
            let (arguments, shown) = transcript.split_once('\n').expect("a command ends its line");
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            assert_eq!(run(at, &arguments).fine().out, shown, "reprise {}", arguments.join(" "));
            transcripts += 1;
        }
    }
    assert!(transcripts >= 4, "the README shows transcripts");
}

/// Files of tests that documents name are there, and so are the functions that they name in parentheses behind them.
#[test]
fn the_tests_that_documents_name_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = common::listing(&root.join("docs")).into_iter().filter(|name| name.ends_with(".md"));
    let mut names = 0;
    for document in documents.map(|name| format!("docs/{name}")).chain(["README.md".to_owned()]) {
        let text = std::fs::read_to_string(root.join(&document)).expect("the document is there");
        for part in text.split("`tests/").skip(1) {
            let (file, rest) = part.split_once('`').expect("a name ends");
            let path = root.join("tests").join(file);
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
