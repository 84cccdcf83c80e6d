//! `info`: prints what is known of an index without a look-up.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::bundle::Manifest;
use crate::cli::common_arguments::HeaderArguments;
use crate::cli::help::{INPUT, OUTPUT};
use crate::cli::{Settings, counted, grouped, pretty_json};
use crate::format::{POSITIONS, SEQUENCE};
use crate::index::{Difference, Differing, DiskUsage, OpenOptions, least_memory, table_bytes};
use crate::memory::{MemoryPeak, MemoryUsageBreakdown};
use crate::sequence::Source;
use crate::units::human_bytes;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Print the disk space of the parts of the index, and the memory it needs
    ///
    /// It prints the bytes of k-mers, frequencies, positions, genome and the other parts, also in bits for each stored
    /// k-mer and each base; then the memory that look-ups need, and the memory of opening the index. It reads the header
    /// of every dictionary page, and nothing else of the index but the store's tree.
    #[arg(long, help_heading = OUTPUT)]
    memory: bool,
    /// Print name, length, MD5 and refget digest of each contig
    ///
    /// The MD5 is the M5 of SAM, the refget digest is that of GA4GH.
    #[arg(long, conflicts_with = "memory", help_heading = OUTPUT)]
    contigs: bool,
    #[command(flatten)]
    header: HeaderArguments,
    /// Check that the index is of this genome (repeatable, once per file)
    ///
    /// It compares names, order and bases of the contigs. It ignores line breaks and case, and U is T. The exit code is 0
    /// if the index is of this genome and 3 if not; then the error names the differences.
    #[arg(long, value_name = "GENOME", conflicts_with_all = ["memory", "contigs"])]
    check: Vec<PathBuf>,
}

impl Arguments {
    /// Whether the command ends at once, whatever the size of the index.
    pub(crate) fn is_brief(&self) -> bool {
        self.check.is_empty()
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    arguments.header.check(arguments.contigs && !settings.json, "the table of --contigs")?;
    if arguments.memory {
        return memory(&arguments.index, settings);
    }
    if arguments.contigs {
        return contigs(&arguments.index, arguments.header, settings);
    }
    if !arguments.check.is_empty() {
        return check(&arguments.index, &arguments.check, settings);
    }
    let manifest = Manifest::read(&arguments.index)?;
    if settings.json {
        return settings.print(&(pretty_json(&manifest)? + "\n"));
    }
    let mut text = format!(
        "{}: format {}, {}, written {} by {}\n",
        arguments.index.display(),
        manifest.format_version,
        manifest.layout.name(),
        manifest.created,
        manifest.written_by
    );
    genome_rows(&manifest, &mut text);
    parameter_rows(&manifest, &mut text);
    estimate_rows(&manifest, &mut text);
    settings.print(&text)
}

/// Appends a row: a name and a value.
fn row(text: &mut String, name: &str, value: impl Display) {
    *text += &format!("  {name:<17} {value}\n");
}

/// The input of the index.
fn genome_rows(manifest: &Manifest, text: &mut String) {
    let genome = &manifest.genome;
    let (name, bases, contigs) = (genome.source_names(), grouped(genome.bases), counted(genome.contigs, "contig"));
    row(text, "genome", format!("{name}: {bases} bases in {contigs}"));
    row(
        text,
        "",
        format!(
            "{} ACGT, {} in lower case, {} runs of N, longest contig {}",
            grouped(genome.acgt),
            grouped(genome.masked),
            grouped(genome.n_runs),
            grouped(genome.longest_contig)
        ),
    );
    if genome.other_letters > 0 {
        row(text, "", format!("{} letters are neither ACGT nor N; they are kept as N", grouped(genome.other_letters)));
    }
    for file in &genome.sources {
        row(text, "read", format!("{}, {} bytes", file.name, grouped(file.bytes)));
    }
    row(text, "bases' blake3", &genome.blake3);
}

/// The parameters of the index, and its size.
fn parameter_rows(manifest: &Manifest, text: &mut String) {
    let Manifest { parameters, genome, dictionary, actual, .. } = manifest;
    row(text, "k", parameters.k);
    let mut filters = format!("k-mers that occur {} times or more", parameters.min_frequency);
    if let Some(max) = parameters.max_frequency {
        filters += &format!(", {} times or less", grouped(max));
    }
    row(text, "filters", filters);
    if let Some(max) = parameters.max_positions {
        let (max, sampled) = (grouped(max), grouped(actual.sampled_kmers));
        row(text, "positions cut", format!("at {max} a k-mer, evenly sampled: {sampled} k-mers have more"));
    }
    let per_base = manifest.bytes() as f64 / genome.bases.max(1) as f64;
    row(text, "size", format!("{} ({per_base:.2} bytes a base)", human_bytes(manifest.bytes())));
    let page = human_bytes(actual.dictionary_bytes / dictionary.pages().max(1));
    row(text, "pages", format!("{} of {page} on average", grouped(dictionary.pages())));
}

/// The estimates before the build, and the counts.
fn estimate_rows(manifest: &Manifest, text: &mut String) {
    let Manifest { estimate, actual, .. } = manifest;
    *text += &format!("  {:<17} {:>16} {:>16}\n", "", "estimated", "actual");
    for (name, estimated, counted) in [
        ("k-mers", estimate.kmers, actual.kmers),
        ("distinct k-mers", estimate.distinct_kmers, actual.distinct_kmers),
        ("repeated k-mers", estimate.repeated_kmers, actual.repeated_kmers),
        ("stored k-mers", estimate.stored_kmers, actual.stored_kmers),
        ("positions", estimate.positions, actual.positions),
        ("dictionary bytes", estimate.dictionary_bytes, actual.dictionary_bytes),
        ("position bytes", estimate.position_bytes, actual.position_bytes),
    ] {
        *text += &format!("  {name:<17} {:>16} {:>16}\n", grouped(estimated), grouped(counted));
    }
}

/// Prints the contigs, with their digests in other databases.
fn contigs(folder: &Path, header: HeaderArguments, settings: &Settings) -> Result<()> {
    #[derive(Serialize)]
    struct ContigRow<'a> {
        name: &'a str,
        length: u64,
        md5: String,
        refget: String,
    }
    let index = settings.open(folder, OpenOptions::default())?;
    let digests = index.contig_digests()?;
    let mut output = settings.output()?;
    let failed = Error::Output;
    if !settings.json {
        output.write_all(header.before("#name\tlength\tmd5\trefget\n").as_bytes()).map_err(failed)?;
    }
    for (contig, digest) in index.contigs()?.iter().zip(digests) {
        let row = ContigRow { name: &contig.name, length: contig.length, md5: digest.m5(), refget: digest.refget() };
        if settings.json {
            serde_json::to_writer(&mut output, &row).map_err(|e| failed(e.into()))?;
            output.write_all(b"\n").map_err(failed)?;
        } else {
            let ContigRow { name, length, md5, refget } = row;
            writeln!(output, "{name}\t{length}\t{md5}\t{refget}").map_err(failed)?;
        }
    }
    output.finish()
}

/// Reports whether the index is of a genome; if it is not, that is an error.
fn check(folder: &Path, genome: &[PathBuf], settings: &Settings) -> Result<()> {
    let index = settings.open(folder, OpenOptions::default())?;
    let sources: Vec<Source> = genome.iter().map(Source::new).collect();
    let compared = index.compare_genome(&sources, &settings.progress)?;
    let text = |row: &Differing| {
        let what = match row.difference {
            Difference::Bases => "with other bases",
            Difference::Names => "with the same bases under other names",
            Difference::Missing => "missing from the genome",
            Difference::Added => "that the index has not",
            Difference::Order => "in another order",
        };
        let more = if row.contigs > row.first.len() as u64 { ", ..." } else { "" };
        format!("{} {what} ({}{more})", counted(row.contigs, "contig"), row.first.join(", "))
    };
    if settings.json {
        let json = serde_json::json!({
            "index": folder.to_string_lossy(),
            "genome": genome.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
            "same": compared.same,
            "contigs": compared.contigs,
            "bases": compared.bases,
            "differences": compared.differences,
        });
        settings.print(&format!("{json:#}\n"))?;
    } else if compared.same {
        let (contigs, bases) = (grouped(compared.contigs), grouped(compared.bases));
        settings.print(&format!("{}: of this genome, {bases} bases in {contigs} contigs\n", folder.display()))?;
    }
    if compared.same {
        return Ok(());
    }
    Err(Error::OtherGenome {
        index: folder.to_owned(),
        genome: genome[0].clone(),
        problem: compared.differences.iter().map(text).collect::<Vec<_>>().join(", "),
    })
}

/// The bytes of a part of an index.
#[derive(Serialize)]
struct PartSize {
    bytes: u64,
    bits_per_kmer: f64,
    bits_per_base: f64,
}

/// The parts of an index on disk, and their sum, by name.
fn part_sizes(usage: &DiskUsage, manifest: &Manifest) -> Vec<(&'static str, PartSize)> {
    let size = |bytes: u64| {
        let per = |count: u64| (800.0 * bytes as f64 / count.max(1) as f64).round() / 100.0;
        PartSize { bytes, bits_per_kmer: per(manifest.actual.stored_kmers), bits_per_base: per(manifest.genome.bases) }
    };
    let total = [("total", usage.total())];
    usage.parts().into_iter().chain(total).map(|(name, bytes)| (name, size(bytes))).collect()
}

/// A table of the parts of an index on disk.
fn disk_rows(sizes: &[(&str, PartSize)]) -> String {
    let mut text = format!("  {:<17} {:>14} {:>14} {:>14}\n", "on disk", "bytes", "bits a k-mer", "bits a base");
    for (name, PartSize { bytes, bits_per_kmer, bits_per_base }) in sizes {
        let (name, bytes) = (name.replace('_', " "), grouped(*bytes));
        text += &format!("  {name:<17} {bytes:>14} {bits_per_kmer:>14.2} {bits_per_base:>14.2}\n");
    }
    text
}

/// Opens the index as a query does, and reports what it takes on disk, and the memory of that and of look-ups.
fn memory(folder: &Path, settings: &Settings) -> Result<()> {
    let cache = settings.cache();
    let index = settings.open(folder, OpenOptions { cache, ..OpenOptions::default() })?;
    index.contigs()?;
    let manifest = index.manifest();
    let sizes = part_sizes(&index.disk_usage()?, manifest);
    let least = least_memory(manifest);
    let mapped = [POSITIONS, SEQUENCE].map(|name| (name, manifest.files.get(name).map_or(0, |file| file.bytes)));
    let report = MemoryUsageBreakdown::new(&settings.budget, &MemoryPeak::now(&settings.budget));
    if settings.json {
        let json = serde_json::json!({
            "index": folder.to_string_lossy(),
            "disk": sizes.into_iter().collect::<BTreeMap<_, _>>(),
            "least_memory": least,
            "tables": table_bytes(manifest),
            "pages": manifest.actual.dictionary_bytes,
            "cache_limit": cache.size,
            "mapped_files": mapped.into_iter().collect::<BTreeMap<_, _>>(),
            "memory": report,
        });
        return settings.print(&format!("{json:#}\n"));
    }
    let mut text = format!("{}: its parts, and the memory to look up in it\n", folder.display());
    text += &disk_rows(&sizes);
    row(&mut text, "least", format!("{} in addition to the program", human_bytes(least)));
    row(&mut text, "tables", format!("{}, always", human_bytes(table_bytes(manifest))));
    row(
        &mut text,
        "cache",
        format!(
            "up to {} with this --max-memory; all pages are {}",
            human_bytes(cache.size),
            human_bytes(manifest.actual.dictionary_bytes)
        ),
    );
    for (name, bytes) in mapped {
        row(
            &mut text,
            "mapped",
            format!("{name}, {}: as much of it as is read and as the system keeps", human_bytes(bytes)),
        );
    }
    settings.print(&(text + "\nopen, with its contigs:\n" + &report.text()))
}
