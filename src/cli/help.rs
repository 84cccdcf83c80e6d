//! The help: headings of options, groups of commands, and examples. `-h` fits a screen: it leaves out options that are
//! rarely used (`hide_short_help`) and has one line for each of the others; `--help` has all that is known.

use std::fmt::Write;

use clap::builder::{StyledStr, Styles};
use clap::{Arg, ArgAction, Command};

use super::examples::{self, Example};

// Headings that any command may have, in the order in which a help has them.
pub(super) const INPUT: &str = "Input";
pub(super) const OUTPUT: &str = "Output";
pub(super) const INDEX: &str = "Index";
pub(super) const MEMORY: &str = "Memory";
pub(super) const THREADS: &str = "Threads";
pub(super) const ADVANCED: &str = "Advanced";

// Headings of what a command is about; they are behind `INDEX`.
pub(super) const ANNOTATION: &str = "Annotation";
pub(super) const CHECKS: &str = "Checks";
pub(super) const CLASSES: &str = "Classes";
pub(super) const FAMILIES: &str = "Families";
pub(super) const FILTER: &str = "Filter";
pub(super) const GENOME: &str = "Genome";
pub(super) const MASKING: &str = "Masking";
pub(super) const PAIRS: &str = "Pairs";

/// Columns of a help on a wide terminal: longer lines are hard to read.
pub(super) const WIDTH: usize = 100;
/// Examples in a short help.
const SHORT_EXAMPLES: usize = 2;
/// Columns of the longest name of a command, and two blanks.
const NAME_WIDTH: usize = 18;

/// The commands by what they are for, in the order in which help lists them.
pub(super) const GROUPS: [(&str, &[&str]); 3] = [
    (
        "Index and k-mers",
        &[
            "build-index",
            "merge-index",
            "query",
            "fetch",
            "info",
            "list",
            "verify",
            "spectrum",
            "dump",
            "compare",
            "set",
        ],
    ),
    (
        "Repeats",
        &[
            "detect",
            "families",
            "classify",
            "annotate",
            "merge-annotation",
            "mask",
            "candidates",
            "report",
            "benchmark",
        ],
    ),
    ("Other", &["demo", "simulate", "completions", "man"]),
];

/// Arguments of other commands that the short help of `detect`, which has them too, leaves out to fit a screen.
const LONG_IN_DETECT: [&str; 6] =
    ["cache_size", "keep_gene_families", "max_families", "min_length", "profiles", "replace"];

/// The end of the long help of the program.
const EXIT_CODES: &str = "Exit codes: 0 success, 1 an input/output or system error, 2 a wrong command line, 3 wrong \
                          input, 4 a damaged or unfinished index, 5 too little memory or disk space.";

/// Puts the help of a program and of its commands in order. Arguments are those that were declared.
pub(super) fn arranged(program: Command) -> Command {
    let shared: Vec<Arg> = program.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    let program = program.mut_subcommands(|command| arranged_command(command, &shared));
    // `version.rs` has what it prints with -v.
    let about_version = "Print the version; with -v also the build, the formats, and the kernels for this processor";
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version).help(about_version);
    let program = sorted(
        program.disable_help_flag(true).disable_version_flag(true).arg(help_flag()).arg(version.help_heading(OUTPUT)),
    );
    // The options of every command are many: `-h` of the program lists commands only.
    let program = program.mut_args(|arg| arg.hide_short_help(true));
    let (options, end) = (options_text(&program), end_of_program());
    let template = format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{{after-help}}", list(&program));
    let short_end = format!(
        "{}\n\n`reprise COMMAND -h` shows the options of a command, `reprise --help` those of every command.",
        short_examples(examples::PROGRAM)
    );
    program.help_template(template).after_help(short_end).after_long_help(format!("{options}\n\n{end}"))
}

/// The end of the long help of the program, after its options.
pub(super) fn end_of_program() -> String {
    format!("{}\n\n{EXIT_CODES}", long_examples(examples::PROGRAM))
}

/// Puts the help of a command in order; `shared` are the arguments of all commands.
fn arranged_command(command: Command, shared: &[Arg]) -> Command {
    let examples = examples::of(command.get_name());
    let short_end =
        format!("{}\n\n`reprise {} --help` shows all options.", short_examples(examples), command.get_name());
    let is_detect = command.get_name() == "detect";
    let command = command.mut_args(|arg| match is_detect && LONG_IN_DETECT.contains(&arg.get_id().as_str()) {
        true => arg.hide_short_help(true),
        false => arg,
    });
    let command = command.disable_help_flag(true).args(shared.iter().cloned()).arg(help_flag());
    sorted(command).after_help(short_end).after_long_help(long_examples(examples))
}

fn help_flag() -> Arg {
    let flag = Arg::new("help").short('h').long("help").action(ArgAction::Help).help_heading(OUTPUT);
    flag.help("Print this help; --help prints all of it")
        .long_help("Print this help; -h prints a short one, on one screen")
}

/// Sorts arguments by their headings; under a heading, those of all commands are last, but for `-o`.
fn sorted(command: Command) -> Command {
    let rank = |arg: &Arg| {
        let common = [INPUT, OUTPUT, INDEX, MEMORY, THREADS, ADVANCED];
        let own = 3;
        let place = arg.get_help_heading().and_then(|heading| common.iter().position(|name| *name == heading));
        place.map_or(own, |place| if place < own { place } else { place + 1 })
    };
    let within = |arg: &Arg| match arg.get_id().as_str() {
        "output" => 0,
        "help" | "version" => 3,
        _ if arg.is_global_set() => 2,
        _ => 1,
    };
    let mut arguments: Vec<_> =
        command.get_arguments().map(|arg| (rank(arg), within(arg), arg.get_id().clone())).collect();
    arguments.sort_by_key(|(rank, within, _)| (*rank, *within));
    // An argument that is changed moves behind the others.
    let ids = arguments.into_iter().map(|(_, _, id)| id).enumerate();
    ids.fold(command, |command, (order, id)| command.mut_arg(id, |arg| arg.display_order(order)))
}

/// All options of a program, under their headings.
fn options_text(program: &Command) -> String {
    let bare = Command::new("reprise").version(env!("CARGO_PKG_VERSION"));
    let bare = bare.disable_help_flag(true).disable_version_flag(true);
    let mut bare = bare.max_term_width(WIDTH).help_template("{all-args}").args(program.get_arguments().cloned());
    bare.render_long_help().ansi().to_string()
}

/// The commands with what they do, in groups.
fn list(program: &Command) -> String {
    let styles = Styles::styled();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let mut text = String::new();
    for (group, names) in GROUPS {
        let _ = writeln!(text, "{header}{group}:{header:#}");
        for command in names.iter().filter_map(|name| program.find_subcommand(name)) {
            let about = command.get_about().map(StyledStr::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {literal}{:NAME_WIDTH$}{literal:#}{about}", command.get_name());
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

fn short_examples(examples: &[Example]) -> String {
    let lines: Vec<_> = examples.iter().take(SHORT_EXAMPLES).map(|example| format!("  {}", example.line)).collect();
    format!("{}\n{}", examples_header(), lines.join("\n"))
}

fn long_examples(examples: &[Example]) -> String {
    let parts: Vec<_> = examples.iter().map(|Example { purpose, line }| format!("  {purpose}:\n    {line}")).collect();
    format!("{}\n{}", examples_header(), parts.join("\n\n"))
}

fn examples_header() -> String {
    let styles = Styles::styled();
    let header = styles.get_header();
    format!("{header}Examples:{header:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::parser;

    #[test]
    fn every_command_is_in_one_group_and_has_examples() {
        let program = parser();
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        listed.sort_unstable();
        let mut exist: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
        exist.sort_unstable();
        assert_eq!(listed, exist);
        for name in exist {
            let examples = examples::of(name);
            assert!((2..=4).contains(&examples.len()), "{name}");
            // With the indentation of a line.
            let wide = examples.iter().find(|example| example.line.len() + 4 > WIDTH);
            assert!(wide.is_none(), "{name}: {}", wide.map_or("", |example| example.line));
        }
    }

    #[test]
    fn every_option_has_a_heading() {
        for command in parser().get_subcommands() {
            for arg in command.get_arguments() {
                assert!(arg.get_help_heading().is_some(), "{} {arg}", command.get_name());
            }
        }
    }
}
