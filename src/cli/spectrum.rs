use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Settings;
use crate::index::OpenOptions;
use crate::output::{Output, spectrum_svg};
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Draw the spectrum to FILE too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let index = settings.open(&arguments.index, OpenOptions::default())?;
    let rows = index.spectrum()?;
    if let Some(path) = &arguments.svg {
        let manifest = index.manifest();
        let title = format!("{}, k = {}", manifest.genome.source_names(), index.k());
        let mut file = Output::create(Some(path), settings.force)?;
        file.write_all(spectrum_svg(&title, &rows).as_bytes()).map_err(|e| Error::io("write", path, e))?;
        file.finish()?;
    }
    let text: String = rows.iter().map(|(frequency, kmers)| format!("{frequency}\t{kmers}\n")).collect();
    settings.print(&text)
}
