//! `build-index`: builds the index of a genome, or a part of it, or prints the plan of the build.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::builder::{BuildOptions, BuildReport, PartReport, Plan};
use crate::bundle::{Manifest, MemoryHints, Shard};
use crate::cli::common_arguments::TemporaryArguments;
use crate::cli::help::{ADVANCED, INDEX, INPUT, OUTPUT};
use crate::cli::shard::shard;
use crate::cli::{Settings, counted, grouped};
use crate::dictionary::LayoutKind;
use crate::fs::Output;
use crate::memory::resident_memory;
use crate::report::index_section;
use crate::sequence::Source;
use crate::units::human_bytes;
use crate::{Error, Result, builder};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Files of one genome: FASTA, FASTQ or .2bit; `-` is standard input
    ///
    /// They may be compressed by gzip, bgzip, zstd, bzip2 or xz (docs/inputs.md).
    #[arg(required = true, value_name = "GENOME")]
    genomes: Vec<PathBuf>,
    /// Prefix each contig name with the name of its file
    ///
    /// chr1 of hap1.fa becomes hap1_chr1, so that haplotypes with the same contig names can be one genome.
    #[arg(long, hide_short_help = true)]
    prefix_names: bool,
    /// Length of k-mers, 1 to 32 [default: from the length of the genome]
    ///
    /// The default is the shortest at which a random k-mer is expected less than once in the genome, plus one, as in
    /// RepeatScout and REPrise: one more than the smallest k with 4^k above the number of bases. It is 11 for 1 Mb, 15
    /// for 100 Mb and 16 for 800 Mb, and at most the length of the longest contig.
    #[arg(short, value_name = "K", help_heading = INDEX)]
    k: Option<u32>,
    /// Store k-mers with at least this frequency; 1 stores all
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = INDEX)]
    min_frequency: u64,
    /// Store k-mers with at most this frequency
    #[arg(long, value_name = "N", help_heading = INDEX)]
    max_frequency: Option<u64>,
    /// Store at most N positions of a k-mer; frequencies stay exact
    ///
    /// They are evenly sampled from all positions.
    #[arg(long, value_name = "N", help_heading = INDEX)]
    max_positions: Option<u64>,
    /// Layout of the dictionary
    ///
    /// A sorted dictionary stores single k-mers. Super-k-mers are runs of neighbouring k-mers that share a minimizer:
    /// they need --min-frequency 1 and use about a quarter of the space of a sorted dictionary of the same k-mers. `auto`
    /// chooses them if all k-mers are stored and k is long enough, about 21 and more.
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t = LayoutArgument::Auto, help_heading = INDEX,
          hide_short_help = true)]
    layout: LayoutArgument,
    /// Expect N distinct k-mers instead of the estimate from a sample
    ///
    /// This is for a number that another program or an earlier index counted. It replaces the estimate in the plan and
    /// in `info`, and the other estimates follow in proportion. The k-mers and positions of the index do not depend on
    /// it (docs/memory.md#estimates).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = INDEX,
          hide_short_help = true)]
    expected_kmers: Option<u64>,
    /// Wait for another process that is building this index
    ///
    /// Without it, a second builder of the same index fails and names the first one. After waiting, the finished index
    /// is used if it is of this genome with these parameters.
    #[arg(long, help_heading = ADVANCED)]
    wait: bool,
    /// Continue an interrupted build after its last finished pass
    ///
    /// If this build is interrupted too, its finished passes are kept for the next one (docs/reliability.md).
    #[arg(long, help_heading = ADVANCED)]
    resume: bool,
    /// Build part I of N of the index only, for `merge-index`
    ///
    /// A part is a share of the dictionary pages with their positions, so that N processes or machines build one index.
    /// Each takes the same genome and the same flags. -o names the folder of the part; without it, that is the name of
    /// the index with .part-I-of-N.
    ///
    /// Every part reads, samples and counts the whole genome, and scans it once for each of its passes. It sorts,
    /// encodes and writes only its own pages, and so needs less memory and disk. With N parts, all of them together read
    /// the genome N times. Which pages a part has depends on genome, flags and N, not on threads or memory. All parts
    /// have about the same number of k-mers. If there are more parts than pages, some have none, and are merged like the
    /// others.
    ///
    /// Only part 1 contains the packed genome. The others have it as a temporary file, a quarter of a byte for each
    /// base, next to the part or in the folder --tmpdir; a local folder saves traffic on a shared disk.
    ///
    /// --force, --wait, --resume and --dry-run are as for an index: a part appears complete or not at all, a complete
    /// part is not replaced, and two runs of one part do no harm. --dry-run prints passes, memory and disk of the part.
    /// A part is no index: other commands end with exit code 4 and name the part. `list` shows it.
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = ADVANCED)]
    shard: Option<Shard>,
    /// Print passes, memory, disk and expected k-mers; build nothing
    ///
    /// Meanwhile the packed genome, a quarter of a byte for each base, is in the folder of temporary files.
    #[arg(long, help_heading = ADVANCED)]
    dry_run: bool,
    /// Also write a section for a report of MultiQC to FILE
    ///
    /// It has the k-mers that occur once, twice or more. FILE is outside the index; MultiQC finds files whose names end
    /// in `_mqc.json` (docs/report.md#multiqc).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "shard"], help_heading = OUTPUT,
          hide_short_help = true)]
    multiqc: Option<PathBuf>,
    #[command(flatten)]
    temporary: TemporaryArguments,
}

/// The values of `--layout`.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LayoutArgument {
    Auto,
    SortedDictionary,
    SuperKmers,
}

impl LayoutArgument {
    /// The layout that is required; none if the builder chooses.
    fn kind(self) -> Option<LayoutKind> {
        match self {
            Self::Auto => None,
            Self::SortedDictionary => Some(LayoutKind::SortedDictionary),
            Self::SuperKmers => Some(LayoutKind::SuperKmers),
        }
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let sources: Vec<Source> = arguments.genomes.iter().map(Source::new).collect();
    let default = || match arguments.shard {
        Some(shard) => builder::default_part_target(&sources[0], shard),
        None => builder::default_target(&sources[0]),
    };
    let target = match &settings.output {
        Some(path) => path.clone(),
        None => default().ok_or_else(|| {
            let path = sources[0].path().display();
            Error::Usage(format!("a genome from {path} has no file name to derive a name from; name the index with -o"))
        })?,
    };
    let options = BuildOptions {
        k: arguments.k,
        min_frequency: arguments.min_frequency,
        max_frequency: arguments.max_frequency,
        max_positions: arguments.max_positions,
        layout: arguments.layout.kind(),
        force: settings.force,
        wait: arguments.wait,
        prefix_names: arguments.prefix_names,
        resume: arguments.resume,
        hints: MemoryHints { distinct_kmers: arguments.expected_kmers.unwrap_or(0), ..MemoryHints::default() },
        temporary_folder: arguments.temporary.tmpdir,
    };
    let budget = &settings.budget;
    if arguments.dry_run {
        let plan = settings.on_pool(|| match arguments.shard {
            Some(shard) => builder::plan_part(&sources, &target, (&options, shard), budget, &settings.progress),
            None => builder::plan_index(&sources, &target, &options, budget, &settings.progress),
        })?;
        settings.progress.clear();
        return crate::fs::print(&plan_text(&plan, settings));
    }
    if let Some(shard) = arguments.shard {
        let report = settings
            .on_pool(|| builder::build_part(&sources, &target, (&options, shard), budget, &settings.progress))?;
        settings.progress.clear();
        if settings.quiet && !settings.json {
            return Ok(());
        }
        return crate::fs::print(&part_summary(&report, &target, settings));
    }
    // A file that cannot be written is found before the work.
    let section =
        arguments.multiqc.as_ref().map(|path| Ok((section_file(path, &target, settings)?, path))).transpose()?;
    let report = settings.on_pool(|| builder::build_index(&sources, &target, &options, budget, &settings.progress))?;
    settings.progress.clear();
    if let Some((mut output, path)) = section {
        let text = index_section(&report.manifest);
        output.write_all(text.as_bytes()).map_err(|e| Error::io("write", path, e))?;
        output.finish()?;
    }
    if settings.quiet && !settings.json {
        return Ok(());
    }
    // `-o` names the index, so standard output is free for the summary.
    crate::fs::print(&summary(&report, &target, settings))
}

/// Opens the file of the section for MultiQC.
///
/// # Errors
/// [`Error::Usage`] for a name that MultiQC does not find, and for a file in the index, which contains only its own.
fn section_file(path: &Path, target: &Path, settings: &Settings) -> Result<Output> {
    settings.check_second_output(path, "--multiqc")?;
    let is_found = path.as_os_str().as_encoded_bytes().ends_with(b"_mqc.json");
    if !is_found {
        let problem = "MultiQC finds files whose names end in _mqc.json; use such a name for --multiqc";
        return Err(Error::Usage(format!("{}: {problem}", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let same = match (std::fs::canonicalize(folder), std::fs::canonicalize(target)) {
        (Ok(folder), Ok(target)) => folder.starts_with(target),
        // The index does not exist yet.
        _ => folder.starts_with(target),
    };
    if same {
        let problem = "an index contains only its own files; use another folder for --multiqc";
        return Err(Error::Usage(format!("{}: {problem}", path.display())));
    }
    Output::create(Some(path), settings.force)
}

/// What `--json` prints of a new index, however it was made.
pub(super) fn summary_json(manifest: &Manifest, target: &Path, settings: &Settings) -> serde_json::Value {
    let (genome, actual) = (&manifest.genome, &manifest.actual);
    serde_json::json!({
        "index": target.to_string_lossy(),
        "k": manifest.parameters.k,
        "bases": genome.bases,
        "contigs": genome.contigs,
        "kmers": actual.kmers,
        "distinct_kmers": actual.distinct_kmers,
        "repeated_kmers": actual.repeated_kmers,
        "stored_kmers": actual.stored_kmers,
        "positions": actual.positions,
        "index_bytes": manifest.bytes(),
        "seconds": settings.progress.elapsed().as_secs_f64(),
        "peak_memory_bytes": resident_memory().map_or(0, |r| r.peak),
    })
}

fn summary(report: &BuildReport, target: &Path, settings: &Settings) -> String {
    let manifest = &report.manifest;
    let (genome, actual) = (&manifest.genome, &manifest.actual);
    if settings.json {
        let mut json = summary_json(manifest, target, settings);
        json["passes"] = report.passes.into();
        return format!("{json:#}\n");
    }
    let seconds = settings.progress.elapsed().as_secs_f64();
    let peak = resident_memory().map_or(0, |r| r.peak);
    format!(
        "{}: {} bases in {}, k {}
  distinct k-mers  {}
  repeated k-mers  {}
  stored           {} k-mers, {} positions
  size             {} ({:.2} bytes a base)
  time, memory     {seconds:.1} s, {} at the peak, {} {}
",
        target.display(),
        grouped(genome.bases),
        counted(genome.contigs, "contig"),
        manifest.parameters.k,
        grouped(actual.distinct_kmers),
        grouped(actual.repeated_kmers),
        grouped(actual.stored_kmers),
        grouped(actual.positions),
        human_bytes(manifest.bytes()),
        manifest.bytes() as f64 / genome.bases as f64,
        human_bytes(peak),
        report.passes,
        if report.passes == 1 { "pass" } else { "passes" },
    )
}

fn part_summary(report: &PartReport, target: &Path, settings: &Settings) -> String {
    let manifest = &report.manifest;
    let (genome, actual) = (&manifest.genome, &manifest.actual);
    let Shard { number, count } = manifest.shard;
    let seconds = settings.progress.elapsed().as_secs_f64();
    let peak = resident_memory().map_or(0, |r| r.peak);
    if settings.json {
        let json = serde_json::json!({
            "part": target.to_string_lossy(),
            "number": number,
            "count": count,
            "k": manifest.parameters.k,
            "bases": genome.bases,
            "contigs": genome.contigs,
            "first_page": manifest.pages.start,
            "pages": manifest.pages.end - manifest.pages.start,
            "kmers": actual.kmers,
            "distinct_kmers": actual.distinct_kmers,
            "repeated_kmers": actual.repeated_kmers,
            "stored_kmers": actual.stored_kmers,
            "positions": actual.positions,
            "part_bytes": manifest.bytes(),
            "passes": report.passes,
            "seconds": seconds,
            "peak_memory_bytes": peak,
        });
        return format!("{json:#}\n");
    }
    format!(
        "{}: part {number} of {count} of an index of {} bases in {}, k {}
  pages            {} of {}
  stored           {} k-mers, {} positions
  size             {}
  time, memory     {seconds:.1} s, {} at the peak, {} {}
",
        target.display(),
        grouped(genome.bases),
        counted(genome.contigs, "contig"),
        manifest.parameters.k,
        grouped(manifest.pages.end - manifest.pages.start),
        grouped(manifest.dictionary.pages()),
        grouped(actual.stored_kmers),
        grouped(actual.positions),
        human_bytes(manifest.bytes()),
        human_bytes(peak),
        report.passes,
        if report.passes == 1 { "pass" } else { "passes" },
    )
}

fn plan_text(plan: &Plan, settings: &Settings) -> String {
    if settings.json {
        return serde_json::to_string_pretty(plan).unwrap_or_default() + "\n";
    }
    let part = plan.part.as_ref().map_or_else(String::new, |part| {
        format!(
            "  part             {} of {}: {} of {} pages, {:.1} % of the k-mers to sort\n",
            part.shard.number,
            part.shard.count,
            grouped(part.pages.end - part.pages.start),
            grouped(plan.dictionary.pages()),
            part.share * 100.0
        )
    });
    let what = if plan.part.is_some() { "part" } else { "index" };
    format!(
        "plan: {} bases in {}, k {}, k-mers that occur {} times or more
  expected k-mers  {} distinct, {} repeated, {} stored with {} positions
  expected bytes   {} of dictionary, {} of positions
{part}  disk             {} for the {what}, {} at most while it is built
  memory           {} of {} allowed
  passes           {}, {} threads
",
        grouped(plan.genome.bases),
        counted(plan.genome.contigs, "contig"),
        plan.parameters.k,
        plan.parameters.min_frequency,
        grouped(plan.estimate.distinct_kmers),
        grouped(plan.estimate.repeated_kmers),
        grouped(plan.estimate.stored_kmers),
        grouped(plan.estimate.positions),
        human_bytes(plan.estimate.dictionary_bytes),
        human_bytes(plan.estimate.position_bytes),
        human_bytes(plan.disk),
        human_bytes(plan.disk_while_building),
        human_bytes(plan.memory),
        human_bytes(settings.budget.limit()),
        plan.passes,
        settings.threads,
    )
}
