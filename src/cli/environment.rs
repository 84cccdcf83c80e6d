//! Environment variables set flags for all commands of a session or a cluster. clap reads them; this module treats an
//! empty one as unset, lets flags win over a wrong one, and names the variable otherwise.

use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Error, FromArgMatches};

use super::arguments::{Arguments, parser};

/// The variables, and the arguments that they set.
const VARIABLES: [(&str, &str); 4] = [
    ("REPRISE_THREADS", "threads"),
    ("REPRISE_MAX_MEMORY", "max_memory"),
    ("REPRISE_CACHE_SIZE", "cache_size"),
    ("REPRISE_TMPDIR", "tmpdir"),
];

/// Why a command cannot run.
pub(super) enum Refused {
    /// The command line is wrong, or only requests help or the version.
    CommandLine(Box<Error>),
    /// The problem with a variable.
    Variable(String),
}

/// Reads the command line, and flags that it does not have from the environment.
pub(super) fn parse(typed: &[OsString]) -> Result<Arguments, Refused> {
    let wrong = |error| Refused::CommandLine(Box::new(error));
    let matches = match matches_without(typed, &[]) {
        Err(error) if error.use_stderr() => {
            let all = VARIABLES.map(|(variable, _)| variable);
            let bare = matches_without(typed, &all).map_err(wrong)?;
            // A flag behind the command does not keep clap from reading the variable before it.
            let mut ignored: Vec<&str> = Vec::new();
            ignored.extend(VARIABLES.iter().filter(|(_, id)| is_typed(&bare, id)).map(|(variable, _)| *variable));
            matches_without(typed, &ignored).map_err(|error| wrong_variable(typed, &ignored, error))?
        }
        outcome => outcome.map_err(wrong)?,
    };
    Arguments::from_arg_matches(&matches).map_err(wrong)
}

/// Whether the command line has an argument.
fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.subcommand().is_some_and(|(_, matches)| {
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
    })
}

/// The variable that causes an error of a command line that is right without variables.
fn wrong_variable(typed: &[OsString], ignored: &[&str], error: Error) -> Refused {
    let text = error.to_string();
    let is_cause = |variable: &&str| {
        let other = matches_without(typed, &[ignored, &[*variable]].concat()).err();
        other.is_none_or(|other| other.to_string() != text)
    };
    let Some(variable) = VARIABLES.into_iter().map(|(variable, _)| variable).find(is_cause) else {
        return Refused::CommandLine(Box::new(error));
    };
    let problem = text.lines().next().unwrap_or_default();
    let problem = problem.strip_prefix("error: ").unwrap_or(problem);
    Refused::Variable(format!("the environment variable {variable} is wrong: {problem}; correct it or unset it"))
}

/// The arguments, without those of variables that are `ignored` or empty.
fn matches_without(typed: &[OsString], ignored: &[&str]) -> Result<ArgMatches, Error> {
    let is_read = |name: &OsStr| {
        !ignored.iter().any(|other| name == *other) && std::env::var_os(name).is_none_or(|v| !v.is_empty())
    };
    without_variables(parser(), &is_read).try_get_matches_from(typed)
}

/// The command, in which arguments have only those variables that are read.
fn without_variables(command: Command, is_read: &dyn Fn(&OsStr) -> bool) -> Command {
    let checked = |arg: Arg| match arg.get_env() {
        Some(name) if !is_read(name) => arg.env(None),
        _ => arg,
    };
    command.mut_args(checked).mut_subcommands(|command| without_variables(command, is_read))
}
