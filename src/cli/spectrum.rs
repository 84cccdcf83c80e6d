//! `spectrum`: prints and draws how many distinct k-mers have each frequency.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::help::{INPUT, OUTPUT};
use crate::cli::{Settings, json};
use crate::fs::Output;
use crate::index::OpenOptions;
use crate::report::spectrum_svg;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Also draw the spectrum to FILE
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    svg: Option<PathBuf>,
    /// Separate the columns by a tab instead of a blank
    ///
    /// A blank is what `jellyfish histo` prints.
    #[arg(long, conflicts_with = "json", help_heading = OUTPUT)]
    tsv: bool,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    if let Some(path) = &arguments.svg {
        settings.check_second_output(path, "--svg")?;
    }
    let index = settings.open(&arguments.index, OpenOptions::default())?;
    let rows = index.spectrum()?;
    if let Some(path) = &arguments.svg {
        let manifest = index.manifest();
        let title = format!("{}, k = {}", manifest.genome.source_names(), index.k());
        let mut file = Output::create(Some(path), settings.force)?;
        file.write_all(spectrum_svg(&title, &rows).as_bytes()).map_err(|e| Error::io("write", path, e))?;
        file.finish()?;
    }
    if settings.json {
        let row = |&(frequency, distinct_kmers): &(u64, u64)| SpectrumRow { frequency, distinct_kmers };
        let spectrum = Spectrum { k: index.k(), rows: rows.iter().map(row).collect() };
        return settings.print(&(json(&spectrum)? + "\n"));
    }
    let between = if arguments.tsv { '\t' } else { ' ' };
    let text: String = rows.iter().map(|(frequency, kmers)| format!("{frequency}{between}{kmers}\n")).collect();
    settings.print(&text)
}

/// The spectrum, as `--json` prints it.
#[derive(Serialize)]
struct Spectrum {
    k: u32,
    rows: Vec<SpectrumRow>,
}

/// A row of the spectrum.
#[derive(Serialize)]
struct SpectrumRow {
    frequency: u64,
    distinct_kmers: u64,
}
