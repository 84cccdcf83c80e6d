//! `man`: the manual pages of the program and of all commands, or one page of Markdown.

use std::fs;
use std::io::Write;

use clap::{Args, Command};
use clap_mangen::Man;

use crate::cli::Settings;
use crate::cli::help::{OUTPUT, end_of_program};
use crate::cli::reference::markdown;
use crate::fs::Output;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = OUTPUT)]
pub(crate) struct Arguments {
    /// Write the reference of all commands as one page of Markdown
    ///
    /// It goes to standard output, or to the file -o.
    #[arg(long)]
    markdown: bool,
}

impl Arguments {
    /// Whether a single file is written.
    pub(crate) fn is_one_page(&self) -> bool {
        self.markdown
    }
}

/// Writes the pages of a program.
pub(crate) fn run(arguments: &Arguments, mut program: Command, settings: &Settings) -> Result<()> {
    program.build();
    if arguments.markdown {
        let mut output = settings.output()?;
        output.write_all(markdown(&program).as_bytes()).map_err(Error::Output)?;
        return output.finish();
    }
    let Some(folder) = settings.output.as_ref() else {
        return Err(Error::Usage("manual pages are several files; name their folder by -o DIR".to_owned()));
    };
    fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
    // The long help repeats the options, which a manual page has in a section of their own.
    let program = program.after_long_help(end_of_program());
    // A page lacks the description of an option that the short help leaves out, unless it has a long one.
    let shown = |command: Command| command.mut_args(|arg| arg.hide_short_help(false));
    let program = shown(program).mut_subcommands(shown);
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
