use std::path::{Path, PathBuf};

use clap::Args;

use super::{Settings, grouped};
use crate::Result;
use crate::index::{OpenOptions, least_memory, table_bytes};
use crate::memory::{MemoryUsageBreakdown, Peak, human_bytes};
use crate::store::{Manifest, POSITIONS, SEQUENCE};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Say what memory it takes to look up in this index, and what it takes to open it
    #[arg(long)]
    memory: bool,
}

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    if arguments.memory {
        return memory(&arguments.index, settings);
    }
    let manifest = Manifest::read(&arguments.index)?;
    if settings.json {
        let json = serde_json::to_string_pretty(&manifest).unwrap_or_default();
        return settings.print(&(json + "\n"));
    }
    let Manifest { parameters, genome, dictionary, estimate, actual, .. } = &manifest;
    let mut text = format!(
        "{}: format {}, {}, written {} by {}\n",
        arguments.index.display(),
        manifest.format_version,
        manifest.layout.name(),
        manifest.created,
        manifest.written_by
    );
    let mut row = |name: &str, value: String| text += &format!("  {name:<17} {value}\n");
    row(
        "genome",
        format!(
            "{}: {} bases in {} contigs",
            genome.sources.join(", "),
            grouped(genome.bases),
            grouped(genome.contigs)
        ),
    );
    row(
        "",
        format!(
            "{} ACGT, {} in lower case, {} runs of N, longest contig {}",
            grouped(genome.acgt),
            grouped(genome.masked),
            grouped(genome.n_runs),
            grouped(genome.longest_contig)
        ),
    );
    row("bases' blake3", genome.blake3.clone());
    row("k", parameters.k.to_string());
    let mut filters = format!("k-mers that occur {} times or more", parameters.min_frequency);
    if let Some(max) = parameters.max_frequency {
        filters += &format!(", {} times or less", grouped(max));
    }
    row("filters", filters);
    if let Some(max) = parameters.max_positions {
        row(
            "positions cut",
            format!("at {} a k-mer, evenly sampled: {} k-mers have more", grouped(max), grouped(actual.sampled_kmers)),
        );
    }
    row(
        "size",
        format!(
            "{} ({:.2} bytes a base)",
            human_bytes(manifest.bytes()),
            manifest.bytes() as f64 / genome.bases.max(1) as f64
        ),
    );
    row(
        "pages",
        format!(
            "{} of {} on average",
            grouped(dictionary.pages()),
            human_bytes(actual.dictionary_bytes / dictionary.pages().max(1))
        ),
    );
    text += &format!("  {:<17} {:>16} {:>16}\n", "", "estimated", "actual");
    for (name, estimated, counted) in [
        ("k-mers", estimate.kmers, actual.kmers),
        ("distinct k-mers", estimate.distinct_kmers, actual.distinct_kmers),
        ("repeated k-mers", estimate.repeated_kmers, actual.repeated_kmers),
        ("stored k-mers", estimate.stored_kmers, actual.stored_kmers),
        ("positions", estimate.positions, actual.positions),
        ("dictionary bytes", estimate.dictionary_bytes, actual.dictionary_bytes),
        ("position bytes", estimate.position_bytes, actual.position_bytes),
    ] {
        text += &format!("  {name:<17} {:>16} {:>16}\n", grouped(estimated), grouped(counted));
    }
    settings.print(&text)
}

/// Opens the index as a query does and says what that took and what looking up may take.
fn memory(folder: &Path, settings: &Settings) -> Result<()> {
    let cache = settings.cache();
    let index = settings.open(folder, OpenOptions { cache, ..OpenOptions::default() })?;
    index.contigs()?;
    let manifest = index.manifest();
    let least = least_memory(manifest);
    let mapped = [POSITIONS, SEQUENCE].map(|name| (name, manifest.files.get(name).map_or(0, |file| file.bytes)));
    let report = MemoryUsageBreakdown::new(&settings.budget, &Peak::now(&settings.budget));
    if settings.json {
        let json = serde_json::json!({
            "index": folder,
            "least_memory": least,
            "tables": table_bytes(manifest),
            "pages": manifest.actual.dictionary_bytes,
            "cache_limit": cache.size,
            "mapped_files": mapped.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "memory": report,
        });
        return settings.print(&format!("{json:#}\n"));
    }
    let mut text = format!("{}: memory to look up in it\n", folder.display());
    let mut row = |name: &str, value: String| text += &format!("  {name:<17} {value}\n");
    row("least", format!("{} beside the program", human_bytes(least)));
    row("tables", format!("{}, always", human_bytes(table_bytes(manifest))));
    row(
        "cache",
        format!(
            "up to {} with this --max-memory; all pages are {}",
            human_bytes(cache.size),
            human_bytes(manifest.actual.dictionary_bytes)
        ),
    );
    for (name, bytes) in mapped {
        row("mapped", format!("{name}, {}: as much of it as is read and as the system keeps", human_bytes(bytes)));
    }
    settings.print(&(text + "\nopen, with its contigs:\n" + &report.text()))
}
