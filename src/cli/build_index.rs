use std::path::PathBuf;

use clap::Args;

use crate::builder::{BuildOptions, BuildReport, Plan};
use crate::cli::{Settings, counted, grouped};
use crate::dictionary::LayoutKind;
use crate::memory::resident_memory;
use crate::sequence::Source;
use crate::units::human_bytes;
use crate::{Error, Result, builder};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// FASTA of one genome, plain or compressed (gzip, bgzip, zstd, bzip2, xz); `-` for standard input; several files are
    /// one genome
    #[arg(required = true, value_name = "GENOME")]
    genomes: Vec<PathBuf>,
    /// Bases in a k-mer, 1 to 32 [default: from the genome's length, as RepeatScout and REPrise choose it]
    #[arg(short, value_name = "K")]
    k: Option<u32>,
    /// Leave out k-mers that occur less often
    #[arg(long, value_name = "N", default_value_t = 2)]
    min_frequency: u64,
    /// Leave out k-mers that occur more often
    #[arg(long, value_name = "N")]
    max_frequency: Option<u64>,
    /// Of a k-mer with more positions keep N, evenly sampled; frequencies stay exact
    #[arg(long, value_name = "N")]
    max_positions: Option<u64>,
    /// Put the name of its file before each contig name, as hap1_chr1 for chr1 of hap1.fa, so that haplotypes whose contigs
    /// have the same names are one genome
    #[arg(long)]
    prefix_names: bool,
    /// How k-mers are kept: one by one, or as stretches that share a minimizer, which needs --min-frequency 1 and is the
    /// default there where k is long enough
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t = Layout::Auto)]
    layout: Layout,
    /// Where another process builds the same index, wait for it to end instead of failing; one of this genome and with these
    /// parameters that is there then is taken as it is
    #[arg(long)]
    wait: bool,
    /// Go on after the last finished pass of a build that did not end, and leave what is finished to the next one where this
    /// does not end either
    #[arg(long)]
    resume: bool,
    /// Print the plan (passes, memory, disk, expected k-mers) and build nothing; the packed genome, a quarter of a byte
    /// a base, lies in the temporary folder (TMPDIR) meanwhile
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Layout {
    Auto,
    SortedDictionary,
    SuperKmers,
}

impl Layout {
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
    let target = match &settings.output {
        Some(path) => path.clone(),
        None => builder::default_target(&sources[0]).ok_or_else(|| {
            let path = sources[0].path().display();
            Error::Usage(format!("a genome from {path} has no name of its own; name the index with -o"))
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
    };
    if arguments.dry_run {
        let plan = settings
            .on_pool(|| builder::plan_index(&sources, &target, &options, &settings.budget, &settings.progress))?;
        settings.progress.clear();
        return crate::fs::print(&plan_text(&plan, settings));
    }
    let report =
        settings.on_pool(|| builder::build_index(&sources, &target, &options, &settings.budget, &settings.progress))?;
    settings.progress.clear();
    if settings.quiet && !settings.json {
        return Ok(());
    }
    // `-o` names the index, so the summary goes to standard output.
    crate::fs::print(&summary(&report, &target, settings))
}

fn summary(report: &BuildReport, target: &std::path::Path, settings: &Settings) -> String {
    let manifest = &report.manifest;
    let (genome, actual) = (&manifest.genome, &manifest.actual);
    let seconds = settings.progress.elapsed().as_secs_f64();
    let peak = resident_memory().map_or(0, |r| r.peak);
    if settings.json {
        let json = serde_json::json!({
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
            "passes": report.passes,
            "seconds": seconds,
            "peak_memory_bytes": peak,
        });
        return format!("{json:#}\n");
    }
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

fn plan_text(plan: &Plan, settings: &Settings) -> String {
    if settings.json {
        return serde_json::to_string_pretty(plan).unwrap_or_default() + "\n";
    }
    format!(
        "plan: {} bases in {}, k {}, k-mers that occur {} times or more
  expected k-mers  {} distinct, {} repeated, {} stored with {} positions
  disk             {} for the index, {} at the most while it is built
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
        human_bytes(plan.disk),
        human_bytes(plan.disk_while_building),
        human_bytes(plan.memory),
        human_bytes(settings.budget.limit()),
        plan.passes,
        settings.threads,
    )
}
