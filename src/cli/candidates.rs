//! `candidates`: finds pairs of similar sequences that share a seed.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::common_arguments::CacheArguments;
use crate::cli::help::{ADVANCED, INPUT, PAIRS};
use crate::cli::values::{bases, e_value};
use crate::cli::{Settings, grouped, json};
use crate::families::{CandidateOptions, CandidateOutcome, CandidatePipelineConfig, CandidateStatistics, candidates};
use crate::formats::pair_row;
use crate::index::CacheStatistics;
use crate::query::PipelineStatistics;
use crate::units::human_bytes;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Also pair k-mers that differ in up to N bases, 0 to 2
    ///
    /// Their positions count as occurrences of the seed.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=2),
          help_heading = PAIRS)]
    seed_mismatches: u32,
    /// Also pair k-mers that match in a spaced seed (repeatable)
    ///
    /// The pattern has k letters, 1 compared and 0 not. Positions of k-mers that match in it count as occurrences of the
    /// seed.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, help_heading = PAIRS)]
    spaced: Vec<PatternArgument>,
    /// Count occurrences nearer than N on one strand as one
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = bases, help_heading = PAIRS)]
    tandem_distance: u64,
    /// Use seeds with at least this frequency
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(2..),
          help_heading = PAIRS)]
    min_frequency: u64,
    /// Report pairs of at least N bases
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = bases, help_heading = PAIRS)]
    min_length: u64,
    /// Extend by at most N bases in each direction
    #[arg(long, value_name = "N", default_value_t = 10_000, help_heading = PAIRS,
          value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    max_extend: u32,
    /// Report pairs with an E-value of at most E
    ///
    /// The E-value is that of the whole genome.
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = e_value, help_heading = PAIRS)]
    max_e_value: f64,
    /// Number of candidates per batch; the result is the same
    ///
    /// By default a batch has those that are chosen together, about a thousand occurrences.
    #[arg(long, value_name = "N", help_heading = ADVANCED, hide_short_help = true)]
    batch_size: Option<NonZeroUsize>,
    #[command(flatten)]
    cache: CacheArguments,
}

/// A spaced seed: whether each base of a k-mer is compared.
#[derive(Debug, Clone)]
struct PatternArgument(Vec<bool>);

/// Reads a spaced seed.
fn pattern(text: &str) -> std::result::Result<PatternArgument, String> {
    let letter = |c| match c {
        '1' => Ok(true),
        '0' => Ok(false),
        _ => Err(format!("{c:?} is neither 0 nor 1")),
    };
    text.chars().map(letter).collect::<std::result::Result<_, _>>().map(PatternArgument)
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let index = settings.open_cached(&arguments.index, &arguments.cache)?;
    let options = CandidateOptions {
        seed_mismatches: arguments.seed_mismatches,
        patterns: arguments.spaced.into_iter().map(|pattern| pattern.0).collect(),
        tandem_distance: arguments.tandem_distance,
        min_frequency: arguments.min_frequency,
        min_length: arguments.min_length,
        max_extend: arguments.max_extend as usize,
        max_e_value: arguments.max_e_value,
    };
    let mut output = settings.output()?;
    let config = CandidatePipelineConfig { batch_size: arguments.batch_size, ..CandidatePipelineConfig::default() };
    let outcome = settings.on_pool(|| {
        let contigs = index.contigs()?;
        let mut rows = Vec::new();
        candidates(&index, &options, &config, &settings.progress, |_, pairs| {
            rows.clear();
            pairs.iter().for_each(|pair| pair_row(pair, index.codec(), contigs, &mut rows));
            output.write_all(&rows).map_err(Error::Output)
        })
    })?;
    output.finish()?;
    summarize(&outcome, settings.report_cache(&index), settings)
}

/// Prints what was found, and how.
fn summarize(outcome: &CandidateOutcome, cache: CacheStatistics, settings: &Settings) -> Result<()> {
    #[derive(Serialize)]
    struct Summary<'a> {
        #[serde(flatten)]
        statistics: &'a CandidateStatistics,
        pipeline: &'a PipelineStatistics,
        cache: CacheStatistics,
    }
    let CandidateOutcome { statistics, pipeline, .. } = outcome;
    settings.log(&pipeline_text(pipeline));
    if settings.json {
        return settings.print_summary(&json(&Summary { statistics, pipeline, cache })?);
    }
    let CandidateStatistics { seeds, low_complexity, candidates, pairs, bases, .. } = *statistics;
    settings.print_summary(&format!(
        "{} seeds, {} of low complexity; {} candidates, {} pairs that align, {} bases in them",
        grouped(seeds),
        grouped(low_complexity),
        grouped(candidates),
        grouped(pairs),
        grouped(bases)
    ))
}

/// One line on what passed through the pipeline.
fn pipeline_text(pipeline: &PipelineStatistics) -> String {
    let seconds = |microseconds: u64| microseconds as f64 / 1e6;
    format!(
        "pipeline: {} batches, at most {} ({}) in flight and {} ({}) waiting for earlier ones; reader waited {} times \
         ({:.2} s), workers {} ({:.2} s), writer {} ({:.2} s); {} buffers reused",
        grouped(pipeline.batches),
        grouped(pipeline.max_batches),
        human_bytes(pipeline.max_bytes),
        grouped(pipeline.max_waiting_batches),
        human_bytes(pipeline.max_waiting_bytes),
        grouped(pipeline.producer_waits),
        seconds(pipeline.producer_wait_microseconds),
        grouped(pipeline.worker_waits),
        seconds(pipeline.worker_wait_microseconds),
        grouped(pipeline.consumer_waits),
        seconds(pipeline.consumer_wait_microseconds),
        grouped(pipeline.pool_reuses)
    )
}
