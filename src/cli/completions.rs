//! `completions`: what a shell needs to complete commands, flags and their values.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::Settings;
use crate::cli::help::INPUT;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions of a program.
pub(crate) fn run(arguments: &Arguments, mut program: Command, settings: &Settings) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, "reprise", &mut script);
    let mut output = settings.output()?;
    std::io::Write::write_all(&mut output, &script).map_err(Error::Output)?;
    output.finish()
}
