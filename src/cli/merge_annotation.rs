//! `merge-annotation`: joins the parts of `annotate --shard` to the annotation of a single run.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::align::SearchOptions;
use crate::annotate::{PartFile, copies_of, for_annotation, join_parts, open_parts};
use crate::cli::Settings;
use crate::cli::annotation_output::OutputArguments;
use crate::cli::common_arguments::CacheArguments;
use crate::cli::help::INPUT;
use crate::cli::libraries::Libraries;
use crate::fs::is_address;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// All files of `annotate --shard I/N`, in any order
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// Folder of the index, if it was moved since the parts were made
    #[arg(long, value_name = "FOLDER")]
    index: Option<PathBuf>,
    /// Libraries of the parts, in the same order, if they were moved (repeatable)
    #[arg(long, value_name = "FILE")]
    library: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let formats = arguments.output.formats(settings)?;
    let parts = settings.on_pool(|| open_parts(&arguments.parts))?;
    let Some(PartFile { header, .. }) = parts.first() else { return Ok(()) };
    let is_moved = |what: &str, path: &Path, flag: &str| {
        let problem = format!("was made from the {what} {}, which is not there; name it with {flag}", path.display());
        Err(Error::input(&arguments.parts[0], None, problem))
    };
    let folder = match &arguments.index {
        Some(folder) => folder,
        None if !is_address(&header.index) && !header.index.exists() => {
            return is_moved("index", &header.index, "--index");
        }
        None => &header.index,
    };
    let index = settings.open_cached(folder, &arguments.cache)?;
    if !header.is_of(index.manifest()) {
        let problem = "is not the index from which the parts were made; give that one with --index";
        return Err(Error::input(folder, None, problem));
    }
    let output = arguments.output.begin(&formats, &index, settings)?;
    let mut paths: Vec<PathBuf> = header.libraries.iter().map(|library| library.path.clone()).collect();
    if !arguments.library.is_empty() {
        if arguments.library.len() != paths.len() {
            let count = paths.len();
            return Err(Error::Usage(format!("the parts were made with {count} libraries; give --library as often")));
        }
        paths.clone_from(&arguments.library);
    } else if let Some(path) = paths.iter().find(|path| !path.exists()) {
        return is_moved("library", path, "--library");
    }
    let Libraries { mut library, digests, reservations: _libraries_reservation } = Libraries::read(&paths, settings)?;
    for ((path, digest), recorded) in paths.iter().zip(&digests).zip(&header.libraries) {
        if *digest != recorded.digest {
            let problem = "is not the library with which the parts were made; give that one with --library";
            return Err(Error::input(path, None, problem));
        }
    }
    let options = for_annotation(&SearchOptions {
        max_e_value: header.max_e_value,
        max_divergence: header.max_divergence / 100.0,
        keep_columns: arguments.output.need_columns(&formats),
        ..SearchOptions::default()
    });
    let contigs = index.contigs()?;
    let budget = &settings.budget;
    let whole = settings.on_pool(|| {
        let read = parts.iter().map(|part| part.read(&library, contigs, budget));
        join_parts(&index, &library, &options, read, budget)
    })?;
    let (copies, _copies_reservation) = copies_of(whole, &mut library);
    output.write(&copies, &library, &index, settings)
}
