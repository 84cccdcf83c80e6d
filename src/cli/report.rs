//! `report`: the repeats of several genomes side by side, from the results of `detect`.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::bundle::WRITTEN_BY;
use crate::cli::help::{INPUT, OUTPUT};
use crate::cli::{Settings, counted, pretty_json};
use crate::fs::{Output, check_is_local};
use crate::memory::{Component, Reservation};
use crate::report::{COMPARISON_PLOTS, DetectSummary, MAX_GENOMES, NamedSummary, comparison_page, comparison_plots};
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folders of results of `detect`, from two to twenty
    #[arg(required = true, num_args = 2..=MAX_GENOMES, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Also write the figures of the report as SVG files to DIR
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    plots: Option<PathBuf>,
}

/// The file of a folder of results that is read.
const SUMMARY: &str = "summary.json";
/// Bytes of memory for a byte of the file: its text, and its values, of which each number is as long as its text.
const MEMORY_PER_BYTE: u64 = 3;

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    // Files that cannot be written are found before the work.
    let page = settings.output()?;
    let plots = arguments.plots.as_deref().map(|folder| plot_files(folder, settings)).transpose()?;
    let read = arguments.folders.iter().map(|folder| read(&folder.join(SUMMARY), settings));
    let (summaries, _reservations): (Vec<DetectSummary>, Vec<Reservation>) =
        read.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let names = names(&arguments.folders, &summaries);
    let genomes: Vec<NamedSummary> =
        names.into_iter().zip(summaries).map(|(name, summary)| NamedSummary { name, summary }).collect();
    write(page, settings.output.as_deref(), &comparison_page(&genomes, WRITTEN_BY))?;
    if let Some(outputs) = plots {
        for ((output, path), (_, svg)) in outputs.into_iter().zip(comparison_plots(&genomes)) {
            write(output, Some(&path), &svg)?;
        }
    }
    let document = Document { genomes: genomes.iter().zip(&arguments.folders).map(Genome::of).collect() };
    if settings.json {
        return settings.print_summary(&pretty_json(&document)?);
    }
    let rows = document.genomes.iter().map(|genome| {
        let share = crate::units::per_cent(genome.repeat_bases, genome.bases);
        let (families, copies) = (counted(genome.families, "family"), counted(genome.copies, "copy"));
        format!("{}: {share:.2} % in repeats, {copies} of {families}", genome.name)
    });
    settings.print_summary(&rows.collect::<Vec<_>>().join("\n"))
}

/// Opens the files of the figures.
fn plot_files(folder: &Path, settings: &Settings) -> Result<Vec<(Output, PathBuf)>> {
    check_is_local(folder)?;
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
    let file = |name: &str| {
        let path = folder.join(name);
        Ok((Output::create(Some(&path), settings.force)?, path))
    };
    COMPARISON_PLOTS.into_iter().map(file).collect()
}

fn write(mut output: Output, path: Option<&Path>, text: &str) -> Result<()> {
    output.write_all(text.as_bytes()).map_err(|e| match path {
        Some(path) => Error::io("write", path, e),
        None => Error::Output(e),
    })?;
    output.finish()
}

/// Reads the numbers of a run, and reserves their memory.
///
/// # Errors
/// [`Error::Input`] for a file that is missing, damaged or of another version; [`Error::Memory`]; [`Error::Io`].
fn read(path: &Path, settings: &Settings) -> Result<(DetectSummary, Reservation)> {
    let wrong = |line: Option<u64>, problem: String| Error::input(path, line, problem);
    let file = crate::fs::open_regular(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            wrong(None, "there is no such file; use a folder of results of `reprise detect`".to_owned())
        }
        ErrorKind::InvalidData => wrong(None, format!("{e}; use a folder of results of `reprise detect`")),
        _ => Error::io("open", path, e),
    })?;
    let bytes = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
    let reservation = settings.budget.reserve(
        Component::Input,
        bytes.saturating_mul(MEMORY_PER_BYTE),
        "the summary of a run of detect",
    )?;
    let mut text = Vec::new();
    file.take(bytes).read_to_end(&mut text).map_err(|e| Error::io("read", path, e))?;
    let again = "make it again with `reprise detect`";
    let summary: DetectSummary = serde_json::from_slice(&text).map_err(|e| {
        let problem = format!("damaged, or of another version of reprise ({e}); {again}");
        wrong(Some(e.line() as u64), problem)
    })?;
    summary.check().map_err(|problem| wrong(None, format!("damaged: {problem}; {again}")))?;
    Ok((summary, reservation))
}

/// The names of the genomes; those of the folders if two are alike.
fn names(folders: &[PathBuf], summaries: &[DetectSummary]) -> Vec<String> {
    let genomes: std::collections::BTreeSet<&str> = summaries.iter().map(|summary| &summary.genome.name[..]).collect();
    match genomes.len() == summaries.len() {
        true => summaries.iter().map(|summary| summary.genome.name.clone()).collect(),
        false => folders.iter().map(|folder| folder.display().to_string()).collect(),
    }
}

/// The comparison with `--json`.
#[derive(Serialize)]
struct Document {
    genomes: Vec<Genome>,
}

/// A genome of the comparison.
#[derive(Serialize)]
struct Genome {
    folder: String,
    name: String,
    bases: u64,
    repeat_bases: u64,
    families: u64,
    copies: u64,
    classes: Vec<Class>,
}

/// A class of repeats of a genome.
#[derive(Serialize)]
struct Class {
    class: String,
    families: u64,
    copies: u64,
    bases: u64,
}

impl Genome {
    fn of((genome, folder): (&NamedSummary, &PathBuf)) -> Self {
        let DetectSummary { genome: facts, annotation, .. } = &genome.summary;
        let classes = annotation.classes.iter().map(|class| Class {
            class: class.class.clone(),
            families: class.families,
            copies: class.copies,
            bases: class.bases,
        });
        Self {
            folder: folder.display().to_string(),
            name: genome.name.clone(),
            bases: facts.bases,
            repeat_bases: annotation.bases,
            families: annotation.families.len() as u64,
            copies: annotation.copies,
            classes: classes.collect(),
        }
    }
}
