//! `man`: the manual pages of the program and of all commands.

use std::fs;
use std::io::Write;

use clap::{Args, Command};
use clap_mangen::Man;

use crate::cli::Settings;
use crate::fs::Output;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

/// Writes the pages of a program.
pub(crate) fn run(mut program: Command, settings: &Settings) -> Result<()> {
    let Some(folder) = settings.output.as_ref() else {
        return Err(Error::Usage("manual pages are several files; name their folder by -o DIR".to_owned()));
    };
    fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
    program.build();
    let commands = program.get_subcommands().filter(|command| command.get_name() != "help");
    for command in std::iter::once(&program).chain(commands) {
        let page = Man::new(command.clone());
        let path = folder.join(page.get_filename());
        let mut text = Vec::new();
        page.render(&mut text).map_err(|e| Error::io("write", &path, e))?;
        let mut output = Output::create(Some(&path), settings.force)?;
        output.write_all(&text).map_err(|e| Error::io("write", &path, e))?;
        output.finish()?;
    }
    Ok(())
}
