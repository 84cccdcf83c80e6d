//! Builds an index.

use std::path::PathBuf;

use pyo3::prelude::*;
use reprise::builder::{self, BuildOptions};
use reprise::dictionary::LayoutKind;
use reprise::sequence::Source;

use crate::errors::Failure;
use crate::work::{self, Threads, interruptible};

/// The layout of this name; none if the builder chooses.
fn layout(name: &str) -> Result<Option<LayoutKind>, Failure> {
    match name {
        "auto" => Ok(None),
        "sorted-dictionary" => Ok(Some(LayoutKind::SortedDictionary)),
        "super-kmers" => Ok(Some(LayoutKind::SuperKmers)),
        _ => Err(Failure::Usage(format!(
            "layout is {name:?}; it must be \"auto\", \"sorted-dictionary\" or \"super-kmers\""
        ))),
    }
}

/// The report of a build: the folder, k, contigs, bases, distinct, repeated and stored k-mers, positions, bytes, passes.
type Report = (PathBuf, u32, u64, u64, u64, u64, u64, u64, u64, u64);

/// Builds an index of a genome.
#[pyfunction]
#[pyo3(signature = (
    genomes, index, *, k, min_frequency, max_frequency, max_positions, layout, force, wait, resume, prefix_names,
    temporary_folder, threads, max_memory, progress
))]
#[allow(clippy::too_many_arguments)]
pub fn build_index(
    py: Python<'_>,
    genomes: Vec<PathBuf>,
    index: Option<PathBuf>,
    k: Option<u32>,
    min_frequency: u64,
    max_frequency: Option<u64>,
    max_positions: Option<u64>,
    layout: &str,
    force: bool,
    wait: bool,
    resume: bool,
    prefix_names: bool,
    temporary_folder: Option<PathBuf>,
    threads: Option<usize>,
    max_memory: Option<u64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Report> {
    let options = BuildOptions {
        k,
        min_frequency,
        max_frequency,
        max_positions,
        layout: self::layout(layout)?,
        force,
        wait,
        resume,
        prefix_names,
        temporary_folder,
        ..BuildOptions::default()
    };
    let threads = Threads::new(threads)?;
    let budget = work::budget(max_memory, threads.number());
    let sources: Vec<Source> = genomes.iter().map(Source::new).collect();
    let default = || sources.first().and_then(builder::default_target);
    let target = index.or_else(default).ok_or_else(|| Failure::Usage("name the index and its genome".to_owned()))?;
    let report = interruptible(py, &threads, progress, |progress| {
        Ok(builder::build_index(&sources, &target, &options, &budget, progress)?)
    })?;
    let (manifest, passes) = (report.manifest, report.passes);
    let (genome, actual) = (&manifest.genome, &manifest.actual);
    Ok((
        target,
        manifest.parameters.k,
        genome.contigs,
        genome.bases,
        actual.distinct_kmers,
        actual.repeated_kmers,
        actual.stored_kmers,
        actual.positions,
        manifest.bytes(),
        passes,
    ))
}
