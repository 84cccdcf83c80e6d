use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::cli::{Settings, bases, grouped};
use crate::families::{CandidateOptions, CandidateStatistics, candidates};
use crate::formats::pair_row;
use crate::index::OpenOptions;
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Places of k-mers that differ from a seed in up to N bases count as its own
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=2))]
    seed_mismatches: u32,
    /// Places of k-mers that agree with a seed where PATTERN, of k letters, has a 1 count too (0: not compared; repeatable)
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    spaced: Vec<Pattern>,
    /// Places nearer than this on one strand count as one
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = bases)]
    tandem_distance: u64,
    /// Leave out seeds that occur less often
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(2..))]
    min_frequency: u64,
    /// Fewest bases of a pair
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = bases)]
    min_length: u64,
    /// Most bases that an alignment goes on beyond the seed, in one direction
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    max_extend: u32,
    /// Leave out pairs that chance gives more often than this in the whole genome
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = super::annotate::e_value)]
    max_e_value: f64,
}

/// Which bases of a k-mer are compared.
#[derive(Debug, Clone)]
struct Pattern(Vec<bool>);

fn pattern(text: &str) -> std::result::Result<Pattern, String> {
    let letter = |c| match c {
        '1' => Ok(true),
        '0' => Ok(false),
        _ => Err(format!("{c:?} is neither 0 nor 1")),
    };
    text.chars().map(letter).collect::<std::result::Result<_, _>>().map(Pattern)
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let index = settings.open(&arguments.index, OpenOptions { cache: settings.cache(), ..OpenOptions::default() })?;
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
    let statistics = settings.on_pool(|| {
        let contigs = index.contigs()?;
        let mut rows = Vec::new();
        candidates(&index, &options, &settings.progress, |_, pairs| {
            rows.clear();
            pairs.iter().for_each(|pair| pair_row(pair, index.codec(), contigs, &mut rows));
            output.write_all(&rows).map_err(|e| Error::io("write", "the output", e))
        })
    })?;
    output.finish()?;
    summarize(&statistics, settings)
}

/// Says what was looked at.
fn summarize(statistics: &CandidateStatistics, settings: &Settings) -> Result<()> {
    let CandidateStatistics { seeds, low_complexity, candidates, pairs, bases } = *statistics;
    let text = if settings.json {
        serde_json::to_string(statistics).map_err(|e| Error::io("write", "the summary", e.into()))?
    } else {
        format!(
            "{} seeds, {} of low complexity; {} candidates, {} pairs that align, {} bases in them",
            grouped(seeds),
            grouped(low_complexity),
            grouped(candidates),
            grouped(pairs),
            grouped(bases)
        )
    };
    settings.tell(&text)
}
