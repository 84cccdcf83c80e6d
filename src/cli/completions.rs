//! `completions`: what a shell needs to complete commands, flags and their values.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Settings, arguments};
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut arguments::Arguments::command(), "reprise", &mut script);
    let mut output = settings.output()?;
    std::io::Write::write_all(&mut output, &script).map_err(Error::Output)?;
    output.finish()
}
