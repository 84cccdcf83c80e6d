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
