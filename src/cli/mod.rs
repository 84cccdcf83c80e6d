//! The command line, one file a command: arguments are parsed, the common ones are resolved to `Settings`, and the
//! command calls the library. All text about flags is here, so that the library has none.

mod annotate;
mod annotation_files;
mod annotation_output;
mod arguments;
mod benchmark;
mod big_wig;
mod build_index;
mod candidates;
mod classify;
mod common_arguments;
mod compare;
mod completions;
mod demo;
mod detect;
mod dump;
mod environment;
mod examples;
mod families;
mod fetch;
mod help;
mod info;
mod json_text;
mod libraries;
mod list;
mod man;
mod mask;
mod merge_annotation;
mod merge_index;
mod profile_arguments;
mod progress;
mod query;
mod reference;
mod remedy;
mod report;
mod set;
mod settings;
mod shard;
mod short_names;
mod signals;
mod simulate;
mod spectrum;
mod values;
mod verify;
mod version;

use std::ffi::OsString;
use std::io::Write;

use crate::text::printable;
use crate::units::{counted, grouped};
use crate::{Error, Result};
use arguments::{Arguments, Command, parser};
use environment::Refused;
use json_text::{json, pretty_json};
use remedy::Explained;
use settings::Settings;
pub use version::SYSTEM_ALLOCATOR;

/// Runs the program on its command line and returns its exit code. `has_stdout` is false if standard output was closed
/// when the program was started: printing to it is an error then. `allocator` is the name of the global allocator, which
/// `--version -v` prints.
pub fn run(arguments: impl IntoIterator<Item = OsString>, has_stdout: bool, allocator: &str) -> u8 {
    if !has_stdout {
        crate::fs::close_stdout();
    }
    let typed: Vec<OsString> = arguments.into_iter().collect();
    let Arguments { command, common } = match environment::parse(&typed) {
        Ok(arguments) => arguments,
        Err(Refused::CommandLine(e)) => return parser_exit(&e, &typed, allocator),
        Err(Refused::Variable(problem)) => return failed(&Error::Usage(problem), print_error),
    };
    let settings = Settings::resolve(common, typed);
    if let Err(e) = settings.check_outputs(command.writes_folder()) {
        return failed(&e, |text| settings.progress.line(text));
    }
    let outcome = if command.is_brief() {
        // It makes nothing that a signal would have to remove, and a thread would take as long.
        settings.monitored(true, || run_command(command, &settings))
    } else {
        let report = |signal: &str| {
            settings.progress.clear();
            settings.progress.line(&format!("error: ended by {signal}; partial output was removed"));
        };
        signals::with_cleanup(report, || settings.monitored(false, || run_command(command, &settings)))
            .unwrap_or_else(|e| Err(Error::thread("signals", e)))
    };
    settings.progress.clear();
    match outcome {
        Ok(()) => 0,
        Err(e) => failed(&e, |text| settings.progress.line(text)),
    }
}

fn run_command(command: Command, settings: &Settings) -> Result<()> {
    match command {
        Command::BuildIndex(arguments) => build_index::run(arguments, settings),
        Command::MergeIndex(arguments) => merge_index::run(arguments, settings),
        Command::Query(arguments) => query::run(arguments, settings),
        Command::Fetch(arguments) => fetch::run(arguments, settings),
        Command::Info(arguments) => info::run(arguments, settings),
        Command::List(arguments) => list::run(arguments, settings),
        Command::Verify(arguments) => verify::run(arguments, settings),
        Command::Spectrum(arguments) => spectrum::run(arguments, settings),
        Command::Dump(arguments) => dump::run(arguments, settings),
        Command::Compare(arguments) => compare::run(arguments, settings),
        Command::Set(arguments) => set::run(arguments, settings),
        Command::Annotate(arguments) => annotate::run(arguments, settings),
        Command::MergeAnnotation(arguments) => merge_annotation::run(arguments, settings),
        Command::Mask(arguments) => mask::run(arguments, settings),
        Command::Candidates(arguments) => candidates::run(arguments, settings),
        Command::Families(arguments) => families::run(arguments, settings),
        Command::Classify(arguments) => classify::run(arguments, settings),
        Command::Benchmark(arguments) => benchmark::run(arguments, settings),
        Command::Detect(arguments) => detect::run(arguments, settings),
        Command::Report(arguments) => report::run(arguments, settings),
        Command::Demo(arguments) => demo::run(arguments, settings),
        Command::Simulate(arguments) => simulate::run(arguments, settings),
        Command::Completions(arguments) => completions::run(&arguments, parser(), settings),
        Command::Man(arguments) => man::run(&arguments, parser(), settings),
    }
}

/// Prints the message of the parser of the command line; returns the exit code.
fn parser_exit(error: &clap::Error, arguments: &[OsString], allocator: &str) -> u8 {
    // Help and version are no errors: they go to standard output.
    if !error.use_stderr() {
        let is_version = error.kind() == clap::error::ErrorKind::DisplayVersion;
        let details = if is_version { version::details(arguments, allocator) } else { None };
        let printed = crate::fs::stdout().and_then(|mut stdout| {
            let printed = match details {
                Some(details) => stdout.write_all(details.as_bytes()),
                None => error.print(),
            };
            printed.and_then(|()| stdout.flush()).map_err(Error::Stdout)
        });
        return match printed {
            Err(e) => failed(&e, print_error),
            Ok(()) => 0,
        };
    }
    // It quotes arguments, which may have control characters of a terminal.
    let shown = arguments.iter().map(|argument| printable(&argument.to_string_lossy(), &[]).into_owned().into());
    let _ = match environment::parse(&shown.collect::<Vec<OsString>>()) {
        Err(Refused::CommandLine(e)) => e.print(),
        _ => error.print(),
    };
    2
}

/// Prints an error before anything else may use stderr.
fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Reports an error; returns the exit code. A closed pipe is no error: its reader has seen enough.
fn failed(error: &Error, report: impl Fn(&str)) -> u8 {
    if error.io_error().is_some_and(|source| source.kind() == std::io::ErrorKind::BrokenPipe) {
        return 0;
    }
    report(&printable(&format!("error: {}", Explained(error)), &[]));
    error.exit_code()
}

/// Readers of lists, for the fuzz targets.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use super::query::{bed_file, kmer_list};
}
