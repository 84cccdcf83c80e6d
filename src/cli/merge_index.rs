//! `merge-index`: makes an index of the parts that `build-index --shard` built.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::bundle::Manifest;
use crate::cli::build_index::summary_json;
use crate::cli::help::INPUT;
use crate::cli::{Settings, counted, grouped};
use crate::memory::resident_memory;
use crate::units::human_bytes;
use crate::{Error, Result, builder};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folders of all parts of one index, in any order
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let Some(target) = &settings.output else {
        return Err(Error::Usage("the merged index has no name yet; name it by -o INDEX".to_owned()));
    };
    let manifest = settings.on_pool(|| {
        builder::merge_index(&arguments.parts, target, settings.force, &settings.budget, &settings.progress)
    })?;
    settings.progress.clear();
    if settings.quiet && !settings.json {
        return Ok(());
    }
    // `-o` names the index, so standard output is free for the summary.
    crate::fs::print(&summary(&manifest, arguments.parts.len(), target, settings))
}

fn summary(manifest: &Manifest, parts: usize, target: &Path, settings: &Settings) -> String {
    let (genome, actual) = (&manifest.genome, &manifest.actual);
    if settings.json {
        let mut json = summary_json(manifest, target, settings);
        json["parts"] = parts.into();
        return format!("{json:#}\n");
    }
    let seconds = settings.progress.elapsed().as_secs_f64();
    let peak = resident_memory().map_or(0, |r| r.peak);
    format!(
        "{}: {} bases in {}, k {}, of {}
  stored           {} k-mers, {} positions
  size             {} ({:.2} bytes a base)
  time, memory     {seconds:.1} s, {} at the peak
",
        target.display(),
        grouped(genome.bases),
        counted(genome.contigs, "contig"),
        manifest.parameters.k,
        counted(parts as u64, "part"),
        grouped(actual.stored_kmers),
        grouped(actual.positions),
        human_bytes(manifest.bytes()),
        manifest.bytes() as f64 / genome.bases as f64,
        human_bytes(peak),
    )
}
