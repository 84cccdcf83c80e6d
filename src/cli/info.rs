use std::path::PathBuf;

use clap::Args;

use super::{Settings, grouped};
use crate::Result;
use crate::memory::human_bytes;
use crate::store::Manifest;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of an index
    index: PathBuf,
}

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
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
