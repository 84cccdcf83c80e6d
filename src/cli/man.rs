//! `man`: the manual pages of the program and of all commands.

use std::fs;
use std::io::Write;

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::cli::{Settings, arguments};
use crate::fs::Output;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let Some(folder) = settings.output.as_ref() else {
        return Err(Error::Usage("manual pages are several files; name their folder by -o DIR".to_owned()));
    };
    fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
    let mut program = arguments::Arguments::command();
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
