//! The command line of reprise; see the library's documentation for what it is made of.

use std::process::ExitCode;

fn main() -> ExitCode {
    reprise::cli::run(std::env::args_os())
}
