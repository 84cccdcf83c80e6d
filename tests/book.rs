//! Every command of the book runs, and prints what the page shows.
//!
//! The blocks of a page run one after another in a folder of their own:
//!
//! - A block `sh` is a script.
//! - A block `console` is a session: commands after `$ ` (`> ` continues one), each followed by what it prints on
//!   standard output and standard error. Each runs in a shell of its own. `...` alone on a line stands for any lines.
//!   Lines that begin with one of [`VARYING`] need the same label only. Everything else has to be equal.
//! - `<!-- set-up: COMMANDS -->` runs without being shown.
//! - `<!-- not run: REASON -->` before a block keeps it from running. The test counts these blocks.
//! - `<!-- picture: FILE -->` before an image: a command of the page wrote FILE, and the picture has its bytes.
//! - Blocks `python` and `rust` run in tests of their own, and the page is checked to be in these.
//!
//! `REPRISE_UPDATE=1 cargo test --test book` writes what the commands print, and the pictures, into the pages.

mod markdown;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use rayon::prelude::*;

use markdown::{Part, pages, parts, root, text};

/// Beginnings of lines with times, or with memory, of which the program itself is a part.
const VARYING: [&str; 3] = ["  time, memory ", "  memory ", "error: building this index needs at least "];

/// The page that describes the commands: its blocks are examples of the help, and `tests/readme.rs` compares it with
/// the help.
const REFERENCE: &str = "cli.md";

/// Languages of blocks that have nothing to run.
const INERT: [&str; 3] = ["text", "toml", "json"];

/// Blocks that do not run. Raise it only if no small input and no program at hand can run the new block.
const MAX_NOT_RUN: usize = 12;

/// A program that the sessions need besides those of POSIX.
const SHELL: &str = "bash";

/// A command of a session, and what the page shows of its output.
#[derive(Debug)]
struct Shown {
    command: String,
    output: String,
}

/// What is done with a page, in order.
#[derive(Debug)]
enum Step {
    Script(String),
    Session {
        commands: Vec<Shown>,
        range: Range<usize>,
    },
    /// A file that the page's commands wrote, and the picture in `docs/` that is the same.
    Picture {
        file: String,
        picture: String,
    },
    NotRun {
        reason: String,
        first_line: String,
    },
}

/// The commands of a session.
fn session(code: &str) -> Result<Vec<Shown>, String> {
    let mut commands: Vec<Shown> = Vec::new();
    for line in code.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Shown { command: command.to_owned(), output: String::new() });
            continue;
        }
        let last = commands.last_mut().ok_or_else(|| format!("a session begins with \"$ \", not with {line:?}"))?;
        match line.strip_prefix("> ") {
            Some(more) if last.output.is_empty() => {
                last.command.push('\n');
                last.command.push_str(more);
            }
            _ => {
                last.output.push_str(line);
                last.output.push('\n');
            }
        }
    }
    Ok(commands)
}

/// The steps of a page.
fn steps(page: &str, text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let (mut not_run, mut file) = (None, None);
    for part in parts(text) {
        match part {
            Part::Code { code, .. } if page == REFERENCE => {
                let first_line = code.lines().next().unwrap_or_default().to_owned();
                steps.push(Step::NotRun { reason: "an example of a help".to_owned(), first_line });
            }
            Part::Comment(comment) => {
                if let Some(commands) = comment.strip_prefix("set-up:") {
                    steps.push(Step::Script(commands.trim().to_owned()));
                }
                not_run = comment.strip_prefix("not run:").map(|reason| reason.trim().to_owned());
                file = comment.strip_prefix("picture:").map(|file| file.trim().to_owned());
            }
            Part::Code { language, code, range } => match not_run.take() {
                Some(reason) if reason.is_empty() => return Err("\"not run:\" needs a reason".to_owned()),
                Some(reason) => {
                    let first_line = code.lines().next().unwrap_or_default().to_owned();
                    steps.push(Step::NotRun { reason, first_line });
                }
                None => steps.extend(step_of(page, &language, code, range)?),
            },
            Part::Image(picture) => {
                let file = file.take().ok_or_else(|| format!("no comment says which file {picture} is"))?;
                steps.push(Step::Picture { file, picture });
            }
            Part::Heading(_) => (not_run, file) = (None, None),
            _ => {}
        }
    }
    Ok(steps)
}

/// What is done with a block of code.
fn step_of(page: &str, language: &str, code: String, range: Range<usize>) -> Result<Option<Step>, String> {
    let is_tested_by = |files: &[&str]| {
        let named = format!("docs/{page}");
        let names = |file: &&str| std::fs::read_to_string(root().join(file)).is_ok_and(|text| text.contains(&named));
        match files.iter().any(names) {
            true => Ok(None),
            false => Err(format!("no {} runs the blocks of {page}", files.join(" and no "))),
        }
    };
    match language.split(',').next().unwrap_or_default() {
        "sh" => Ok(Some(Step::Script(code))),
        "console" => Ok(Some(Step::Session { commands: session(&code)?, range })),
        "rust" => is_tested_by(&["src/lib.rs"]),
        "python" => is_tested_by(&["tools/python_test", "python/tests/test_documents.py"]),
        language if INERT.contains(&language) => Ok(None),
        language => {
            Err(format!("a block of the language {language:?}: name one, or mark the block as \"not run: REASON\""))
        }
    }
}

/// Runs commands in a folder and returns what they print, as on a terminal.
fn shell(folder: &Path, commands: &str) -> Result<String, String> {
    let program = Path::new(env!("CARGO_BIN_EXE_reprise"));
    let mut path = program.parent().expect("a program is in a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut shell = Command::new(SHELL);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REPRISE_")) {
        shell.env_remove(name);
    }
    shell.env_remove("SOURCE_DATE_EPOCH").env("PATH", path).env("LC_ALL", "C").env("HOME", folder);
    shell.args(["-euo", "pipefail", "-c", &format!("exec 2>&1\n{commands}")]).current_dir(folder).stdin(Stdio::null());
    let output = shell.output().map_err(|e| format!("{SHELL}: {e}"))?;
    let printed = String::from_utf8(output.stdout).map_err(|_| format!("{commands}: prints other than UTF-8"))?;
    match output.status.success() {
        true => Ok(printed),
        false => Err(format!("{commands}\n{}: {printed}", output.status)),
    }
}

/// Whether lines are those that a page shows.
fn agree(shown: &[&str], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((&"...", rest)), _) => {
            agree(rest, printed) || printed.split_first().is_some_and(|(_, others)| agree(shown, others))
        }
        (Some((&line, rest)), Some((&other, others))) => {
            let varies = |label: &&str| line.starts_with(*label) && other.starts_with(*label);
            (line == other || VARYING.iter().any(varies)) && agree(rest, others)
        }
        _ => false,
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The session with the output of now.
fn written(commands: &[(Shown, String)]) -> String {
    let mut text = "```console\n".to_owned();
    for (shown, printed) in commands {
        let output = if agree(&lines(&shown.output), &lines(printed)) { &shown.output } else { printed };
        writeln!(text, "$ {}", shown.command.replace('\n', "\n> ")).expect("a text grows");
        text.push_str(output);
    }
    text + "```"
}

/// A page after its commands have run.
#[derive(Debug, Default)]
struct Ran {
    problems: Vec<String>,
    not_run: Vec<String>,
    commands: usize,
    /// The parts of the page whose output is another now.
    changes: Vec<(Range<usize>, String)>,
}

/// Runs a page.
fn run(page: &str, text: &str, update: bool) -> Ran {
    let mut ran = Ran::default();
    let steps = match steps(page, text) {
        Ok(steps) => steps,
        Err(problem) => {
            ran.problems.push(format!("docs/{page}: {problem}"));
            return ran;
        }
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for step in steps {
        if let Err(problem) = take(step, page, folder.path(), update, &mut ran) {
            // What follows needs what failed.
            ran.problems.push(format!("docs/{page}: {problem}"));
            break;
        }
    }
    ran
}

fn take(step: Step, page: &str, folder: &Path, update: bool, ran: &mut Ran) -> Result<(), String> {
    match step {
        Step::NotRun { reason, first_line } => ran.not_run.push(format!("docs/{page}: {first_line}: {reason}")),
        Step::Script(commands) => {
            shell(folder, &commands)?;
            ran.commands += commands.lines().filter(|line| line.trim_start().starts_with("reprise ")).count();
        }
        Step::Session { commands, range } => {
            let mut printed = Vec::new();
            for shown in commands {
                let output = shell(folder, &shown.command)?;
                ran.commands += 1;
                if !update && !agree(&lines(&shown.output), &lines(&output)) {
                    let Shown { command, output: shown } = &shown;
                    ran.problems.push(format!("docs/{page}: {command}\nshown:\n{shown}printed:\n{output}"));
                }
                printed.push((shown, output));
            }
            ran.changes.push((range, written(&printed)));
        }
        Step::Picture { file, picture } => {
            let drawn = std::fs::read(folder.join(&file)).map_err(|e| format!("{file}: {e}"))?;
            let picture = root().join("docs").join(picture);
            if update {
                std::fs::write(&picture, drawn).map_err(|e| format!("{}: {e}", picture.display()))?;
            } else if std::fs::read(&picture).ok() != Some(drawn) {
                let picture = picture.display();
                return Err(format!("{picture} is not {file}; REPRISE_UPDATE=1 draws it anew"));
            }
        }
    }
    Ok(())
}

/// The text with the changes in it.
fn changed(text: &str, changes: &[(Range<usize>, String)]) -> String {
    let mut new = String::new();
    let mut end = 0;
    for (range, block) in changes {
        new.push_str(&text[end..range.start]);
        new.push_str(block);
        end = range.end;
    }
    new + &text[end..]
}

#[test]
fn commands_of_the_book_print_what_it_shows() {
    let update = std::env::var_os("REPRISE_UPDATE").is_some_and(|value| value == "1");
    let texts: Vec<(String, String)> =
        pages().into_iter().map(|page| (page.clone(), text(&format!("docs/{page}")))).collect();
    let ran: Vec<Ran> = texts.par_iter().map(|(page, text)| run(page, text, update)).collect();
    let mut problems = Vec::new();
    let mut not_run = Vec::new();
    let mut commands = 0;
    for ((page, text), ran) in texts.iter().zip(ran) {
        if update {
            let path = root().join("docs").join(page);
            std::fs::write(path, changed(text, &ran.changes)).expect("the page is written");
        }
        problems.extend(ran.problems);
        not_run.extend(ran.not_run);
        commands += ran.commands;
    }
    println!("{commands} commands ran, {} blocks did not:\n{}", not_run.len(), not_run.join("\n"));
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    not_run.retain(|block| !block.starts_with(&format!("docs/{REFERENCE}:")));
    assert!(not_run.len() <= MAX_NOT_RUN, "{} blocks do not run:\n{}", not_run.len(), not_run.join("\n"));
    assert!(commands >= 60, "only {commands} commands were found");
}

#[test]
fn other_output_than_the_shown_is_found() {
    let same = |shown: &str, printed: &str| agree(&lines(shown), &lines(printed));
    assert!(same("a\nb\n", "a\nb\n"));
    assert!(!same("a\n", "a\nb\n"));
    assert!(!same("a\nb\n", "a\n"));
    assert!(same("a\n...\nd\n", "a\nb\nc\nd\n"));
    assert!(!same("a\n...\nd\n", "a\nb\nc\n"));
    assert!(same("  time, memory     1 s\n", "  time, memory     2 s, 4 MiB\n"));
    assert!(!same("  size  1 s\n", "  size  2 s\n"));

    let page = |text: &str| run("page.md", text, false).problems.join("\n");
    assert_eq!(page("```console\n$ printf 'a\\nb\\n'\na\nb\n```\n"), "");
    assert!(page("```console\n$ echo a\nb\n```\n").contains("shown:\nb\nprinted:\na\n"));
    assert!(page("```sh\nreprise query nothing.reprise\n```\n").contains("nothing.reprise"));
    assert!(page("```\nreprise list\n```\n").contains("mark the block"));
    assert!(page("```rust\nfn main() {}\n```\n").contains("no src/lib.rs runs"));
    assert!(page("<!-- not run: -->\n\n```sh\nfalse\n```\n").contains("needs a reason"));
    assert_eq!(page("<!-- not run: it fails -->\n\n```sh\nfalse\n```\n"), "");
    assert!(
        page("<!-- set-up: echo x > x.svg -->\n\n<!-- picture: x.svg -->\n\n![x](pictures/no.svg)\n")
            .contains("REPRISE_UPDATE=1")
    );
}

/// The helps of the program and of its commands, by name.
fn helps() -> BTreeMap<String, String> {
    let help = |name: &str| shell(&root(), &format!("reprise {name} --help")).expect("help is printed");
    // tests/readme.rs checks that every command has such a heading.
    let reference = text("docs/cli.md");
    let headings = reference.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`'));
    let helps: BTreeMap<String, String> = headings.map(|name| (name.to_owned(), help(name))).collect();
    assert!(helps.len() >= 20, "{:?}", helps.keys());
    helps
}

/// Commands within sentences, such as `reprise detect genome.fa -o out`, have flags that exist.
#[test]
fn commands_within_sentences_exist() {
    let helps = helps();
    let mut seen = 0;
    for page in pages() {
        for part in parts(&text(&format!("docs/{page}"))) {
            let Part::Span(span) = part else { continue };
            let Some(rest) = span.strip_prefix("reprise ") else { continue };
            let mut words = rest.split([' ', '=', '[', ']', '|']);
            // `reprise COMMAND --help` and `reprise --version` name no command.
            let Some(name) = words.next().filter(|name| name.starts_with(char::is_lowercase)) else { continue };
            let help = helps.get(name).unwrap_or_else(|| panic!("docs/{page}: `{span}`: there is no command {name}"));
            for flag in words.filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "docs/{page}: `{span}`: {name} has no {flag}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 50, "only {seen} commands were found");
}

/// Rows of the table of a page, by their first cell.
fn first_cells(page: &str) -> BTreeSet<String> {
    let text = text(page);
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`').map(|(cell, _)| cell.to_owned())).collect()
}

/// Variables that the help names stand in the page of variables.
#[test]
fn the_variables_of_the_help_are_described() {
    let described = first_cells("docs/exit-codes-and-environment.md");
    for (command, help) in helps() {
        for variable in help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()) {
            assert!(
                described.contains(variable),
                "docs/exit-codes-and-environment.md does not describe {variable} of {command}"
            );
        }
    }
    assert!(described.contains("REPRISE_THREADS") && described.contains("SOURCE_DATE_EPOCH"), "{described:?}");
}

/// The list of schemas in `docs/schemas.md`: the title and the description of each.
fn list_of_schemas() -> String {
    let entries = std::fs::read_dir(root().join("schema")).expect("schema/ is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".schema.json")).collect();
    names.sort();
    let mut table = "| schema | of | what it is |\n|---|---|---|\n".to_owned();
    for name in names {
        let schema: serde_json::Value = serde_json::from_str(&text(&format!("schema/{name}"))).expect("JSON");
        let member = |name: &str| schema[name].as_str().expect("a text").replace('|', "\\|");
        let short = name.trim_end_matches(".schema.json");
        let (title, description) = (member("title"), member("description"));
        writeln!(table, "| [{short}](../schema/{name}) | {title} | {description} |").expect("a text grows");
    }
    table
}

#[test]
fn every_schema_is_listed() {
    let page = text("docs/schemas.md");
    let (before, rest) = page.split_once("| schema |").expect("docs/schemas.md has a table");
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let whole = format!("{before}{}\n{after}", list_of_schemas());
    let path = root().join("docs/schemas.md");
    if std::env::var_os("REPRISE_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, whole).expect("the page is written");
    } else {
        assert_eq!(page, whole, "REPRISE_UPDATE=1 writes docs/schemas.md anew");
    }
}
