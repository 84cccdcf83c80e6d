//! The reference of all commands as Markdown, from the same declarations as the help. `docs/cli.md` is this page.

use std::fmt::Write;

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};

use super::examples::{self, Example};
use super::help::GROUPS;

/// Columns of a line.
const WIDTH: usize = 120;

const INTRODUCTION: &str = "Every command and option. `reprise man --markdown` prints this page. `reprise -h` lists the \
     commands, `reprise COMMAND -h` the options of one that are used most, and `reprise COMMAND --help` all of them. \
     docs/exit-codes-and-environment.md has what commands have in common: outputs, exit codes, environment variables.";

/// Writes the page of a program whose commands are built.
pub(super) fn markdown(program: &Command) -> String {
    let mut page = String::from("# Command line\n\n");
    paragraph(&mut page, INTRODUCTION, "", "");
    for (group, names) in GROUPS {
        let _ = write!(page, "\n| {} | |\n|---|---|\n", group.to_lowercase());
        for command in names.iter().filter_map(|name| program.find_subcommand(name)) {
            let _ = writeln!(page, "| [`{0}`](#{0}) | {1} |", command.get_name(), text(command.get_about()));
        }
    }
    page.push_str("\n## Options of every command\n");
    options(&mut page, program.get_arguments().filter(|arg| arg.is_global_set() || is_flag_of_parser(arg)));
    for name in GROUPS.iter().flat_map(|(_, names)| names.iter()) {
        if let Some(command) = program.find_subcommand(name) {
            section(&mut page, command);
        }
    }
    page
}

/// Whether the parser itself acts on a flag, such as `--help`.
fn is_flag_of_parser(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version)
}

/// The section of a command.
fn section(page: &mut String, command: &Command) {
    let _ = write!(page, "\n## `{}`\n\n", command.get_name());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(page, "`{}`", without_brackets(&usage));
    for part in text(command.get_long_about().or_else(|| command.get_about())).split("\n\n") {
        page.push('\n');
        paragraph(page, &sentence(part), "", "");
    }
    options(page, command.get_arguments().filter(|arg| !arg.is_global_set() && !is_flag_of_parser(arg)));
    page.push_str("\n**Examples**\n\n```sh\n");
    for (number, Example { purpose, line }) in examples::of(command.get_name()).iter().enumerate() {
        let gap = if number > 0 { "\n" } else { "" };
        let _ = write!(page, "{gap}# {purpose}\n{line}\n");
    }
    page.push_str("```\n");
}

/// Lists of arguments, one for each heading.
fn options<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let mut heading = None;
    let mut arguments: Vec<&Arg> = arguments.filter(|arg| !arg.is_hide_set()).collect();
    // Arguments of a heading need not be neighbours.
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in &arguments {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    arguments.sort_by_key(|arg| headings.iter().position(|heading| *heading == arg.get_help_heading()));
    for arg in arguments {
        if heading != Some(arg.get_help_heading()) {
            heading = Some(arg.get_help_heading());
            let _ = write!(page, "\n**{}**\n\n", arg.get_help_heading().unwrap_or("Options"));
        }
        option(page, arg);
    }
}

/// The item of an argument.
fn option(page: &mut String, arg: &Arg) {
    let name = without_brackets(&arg.to_string());
    let short = arg.get_short().filter(|_| arg.get_long().is_some()).map(|short| format!("-{short}, "));
    let description = text(arg.get_long_help().or_else(|| arg.get_help()));
    let mut parts = description.split("\n\n");
    let mut first = sentence(parts.next().unwrap_or_default());
    if let Some(second) = parts.next() {
        first = format!("{first} {second}");
    }
    let first = format!("`{}{name}`: {first}{}", short.unwrap_or_default(), values(arg));
    paragraph(page, &first, "- ", "  ");
    for part in parts {
        page.push('\n');
        paragraph(page, part, "  ", "  ");
    }
    for value in described_values(arg) {
        let item = format!("`{}`: {}", value.get_name(), text(value.get_help()));
        paragraph(page, &item, "  - ", "    ");
    }
}

/// Possible values that have a description.
fn described_values(arg: &Arg) -> Vec<clap::builder::PossibleValue> {
    let mut values = possible_values(arg);
    values.retain(|value| value.get_help().is_some());
    values
}

fn possible_values(arg: &Arg) -> Vec<clap::builder::PossibleValue> {
    if arg.get_action().takes_values() { arg.get_possible_values() } else { Vec::new() }
}

/// The default, the variable and the possible values of an argument, as help shows them.
fn values(arg: &Arg) -> String {
    let mut shown = String::new();
    if let Some(variable) = arg.get_env() {
        let _ = write!(shown, " [env: `{}`]", variable.to_string_lossy());
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        let _ = write!(shown, " [default: {}]", defaults.join(","));
    }
    let possible = possible_values(arg);
    if !arg.is_hide_possible_values_set() && !possible.is_empty() && described_values(arg).is_empty() {
        let names: Vec<_> = possible.iter().map(clap::builder::PossibleValue::get_name).collect();
        let _ = write!(shown, " [values: {}]", names.join(", "));
    }
    shown
}

fn text(styled: Option<&StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

/// The first paragraph of a description with the full stop that it lacks.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', ':']) { text.to_owned() } else { format!("{text}.") }
}

fn without_brackets(usage: &str) -> String {
    usage.replace(['<', '>'], "")
}

/// Writes a paragraph in lines of [`WIDTH`] columns, with links to the documents that it names.
fn paragraph(page: &mut String, text: &str, first: &str, indent: &str) {
    let mut line = first.to_owned();
    let (mut is_empty, mut is_code) = (true, false);
    for word in text.split_whitespace() {
        let was_code = is_code;
        is_code ^= word.matches('`').count() % 2 == 1;
        let word = if was_code || is_code { word.to_owned() } else { linked(&quoted(word)) };
        // A line that begins with such a word would be an item of a list or a heading.
        let is_mark = word.starts_with('#') || ["-", "+", "*"].contains(&word.as_str());
        if !is_empty && !is_mark && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(page, "{line}");
            indent.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(&word);
        is_empty = false;
    }
    let _ = writeln!(page, "{line}");
}

/// A word in which a flag, such as `--output` or `-o`, is code.
fn quoted(word: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let start = word.find(is_part).unwrap_or(word.len());
    let (before, rest) = word.split_at(start);
    let (flag, after) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
    let is_short = flag.len() == 2 && flag.starts_with('-') && flag.ends_with(|c: char| c.is_ascii_alphabetic());
    let is_long = flag.len() > 2 && flag.starts_with("--");
    if (is_short || is_long) && ["", "("].contains(&before) {
        format!("{before}`{flag}`{after}")
    } else {
        word.to_owned()
    }
}

/// A word in which the name of a document, such as `docs/memory.md#estimates`, is a link to it.
fn linked(word: &str) -> String {
    let Some((before, rest)) = word.split_once("docs/") else {
        return word.to_owned();
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || ['-', '.', '#'].contains(&c);
    let target = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
    let target = target.trim_end_matches('.');
    let (file, _) = target.split_once('#').unwrap_or((target, ""));
    format!("{before}[{file}]({target}){}", &rest[target.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_documents_are_links() {
        assert_eq!(linked("(docs/memory.md#estimates)."), "([memory.md](memory.md#estimates)).");
        assert_eq!(linked("docs/cache.md."), "[cache.md](cache.md).");
        assert_eq!(linked("word"), "word");
    }

    #[test]
    fn flags_are_code() {
        assert_eq!(quoted("(--kmer,"), "(`--kmer`,");
        assert_eq!(quoted("-o"), "`-o`");
        assert_eq!(quoted("poly-A"), "poly-A");
        assert_eq!(quoted("`--hits`:"), "`--hits`:");
        assert_eq!(quoted("-"), "-");
        let mut page = String::new();
        paragraph(&mut page, "`query --format jsonl` and --json", "", "");
        assert_eq!(page, "`query --format jsonl` and `--json`\n");
    }

    #[test]
    fn no_line_begins_with_a_mark_of_markdown() {
        let mut page = String::new();
        paragraph(&mut page, &format!("{} - and", "x".repeat(WIDTH)), "- ", "  ");
        assert_eq!(page, format!("- {} -\n  and\n", "x".repeat(WIDTH)));
    }
}
