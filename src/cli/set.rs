//! `reprise set`: the union, intersection or difference of the k-mers of several indexes.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde::Serialize;

use crate::cli::common_arguments::CacheArguments;
use crate::cli::help::{FILTER, INPUT, OUTPUT};
use crate::cli::{Settings, compare, counted, grouped, json};
use crate::formats::push_number;
use crate::fs::Output;
use crate::index::CacheStatistics;
use crate::query::{KmerRegions, KmerSets, MergedKmer, SetOperation};
use crate::{Error, Result};

#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Operation
    #[arg(value_enum)]
    operation: Operation,
    /// Folders of two or more indexes of one k
    #[arg(required = true, num_args = 2.., value_name = "INDEX")]
    indexes: Vec<PathBuf>,
    /// Omit k-mers whose frequency in the resulting set is lower
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..),
          help_heading = FILTER)]
    min: u64,
    /// Omit k-mers whose frequency in the resulting set is higher
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = FILTER)]
    max: Option<u64>,
    /// How the set is written
    #[arg(long, value_enum, default_value_t = SetFormat::Tsv, help_heading = OUTPUT)]
    format: SetFormat,
    #[command(flatten)]
    cache: CacheArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Operation {
    /// K-mers of any index; the frequency is the sum
    Union,
    /// K-mers of all indexes; the frequency is the least
    Intersect,
    /// K-mers of the first index that no other has; the frequency is that in the first
    Subtract,
    /// K-mers of exactly one index; the frequency is that in it
    Symmetric,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SetFormat {
    /// K-mer and frequency, as `dump` prints them
    Tsv,
    /// K-mers alone, as `query --kmers` reads them
    Kmers,
    /// BED: regions of the first genome that k-mers of the set cover
    Bed,
}

impl From<Operation> for SetOperation {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Union => Self::Union,
            Operation::Intersect => Self::Intersect,
            Operation::Subtract => Self::Subtract,
            Operation::Symmetric => Self::Symmetric,
        }
    }
}

/// The summary.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Distinct k-mers of the set.
    kmers: u64,
    /// The sum of their frequencies.
    occurrences: u64,
    /// Regions written as BED, and the bases in them; `None` in other formats.
    regions: Option<u64>,
    bases: Option<u64>,
    /// The cache of the first index, in which regions are looked up.
    cache: Option<CacheStatistics>,
}

/// What a slice of the k-mers adds: rows or, for BED, k-mers.
#[derive(Default)]
struct Slice {
    text: Vec<u8>,
    chosen: Vec<u64>,
    kmers: u64,
    occurrences: u64,
}

impl Summary {
    fn add(&mut self, slice: &Slice) {
        self.kmers += slice.kmers;
        self.occurrences += slice.occurrences;
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let Arguments { operation, indexes, min, max, format, cache } = arguments;
    if max.is_some_and(|max| max < min) {
        return Err(Error::Usage("--max is below --min, so that no k-mer is left; give a higher one".to_owned()));
    }
    let mut output = settings.output()?;
    let sets = KmerSets::new(&indexes, &settings.open_options(&cache)?, &settings.budget)?;
    compare::warn_of_filters(&sets, settings);
    let operation = SetOperation::from(operation);
    let frequency_of = |merged: MergedKmer<'_>| {
        let frequency = operation.frequency(merged.frequencies);
        (frequency >= min && max.is_none_or(|max| frequency <= max)).then_some(frequency)
    };
    let mut summary = Summary::default();
    settings.on_pool(|| match format {
        SetFormat::Bed => regions(&sets, frequency_of, &mut output, &mut summary, settings),
        SetFormat::Tsv | SetFormat::Kmers => {
            rows(&sets, frequency_of, format == SetFormat::Tsv, &mut output, &mut summary, settings)
        }
    })?;
    output.finish()?;
    let text = if settings.json {
        json(&summary)?
    } else {
        let mut text = format!("{}, {} occurrences", counted(summary.kmers, "k-mer"), grouped(summary.occurrences));
        if let (Some(regions), Some(bases)) = (summary.regions, summary.bases) {
            text += &format!("; {}, {} bases", counted(regions, "region"), grouped(bases));
        }
        text
    };
    settings.print_summary(&text)
}

/// Writes a row for each k-mer of the set, in the order of the merge.
fn rows(
    sets: &KmerSets,
    frequency_of: impl Fn(MergedKmer<'_>) -> Option<u64> + Sync,
    with_frequency: bool,
    output: &mut Output,
    summary: &mut Summary,
    settings: &Settings,
) -> Result<()> {
    let add = |slice: &mut Slice, merged: MergedKmer<'_>| {
        let Some(frequency) = frequency_of(merged) else { return };
        sets.codec().decode_into(merged.kmer(), &mut slice.text);
        if with_frequency {
            slice.text.push(b'\t');
            push_number(&mut slice.text, frequency);
        }
        slice.text.push(b'\n');
        slice.kmers += 1;
        slice.occurrences += frequency;
    };
    let take = |slice: Slice| {
        summary.add(&slice);
        output.write_all(&slice.text).map_err(Error::Output)
    };
    sets.merge(add, take, &settings.progress)
}

/// Writes the regions of the first genome that k-mers of the set cover.
fn regions(
    sets: &KmerSets,
    frequency_of: impl Fn(MergedKmer<'_>) -> Option<u64> + Sync,
    output: &mut Output,
    summary: &mut Summary,
    settings: &Settings,
) -> Result<()> {
    if let Some(most) = sets.manifests()[0].parameters.max_positions {
        settings.warn(&format!(
            "the first index has at most {most} positions of a k-mer, so that regions are missing; build it without \
             --max-positions"
        ));
    }
    let first = sets.open(0)?;
    let covered = KmerRegions::new(&first)?;
    let add = |slice: &mut Slice, merged: MergedKmer<'_>| {
        let Some(frequency) = frequency_of(merged) else { return };
        slice.kmers += 1;
        slice.occurrences += frequency;
        if merged.frequencies[0] > 0 {
            slice.chosen.push(merged.kmer());
        }
    };
    let take = |slice: Slice| {
        summary.add(&slice);
        slice.chosen.par_iter().try_for_each(|&kmer| covered.add(kmer))
    };
    sets.merge(add, take, &settings.progress)?;
    let (mut regions, mut bases) = (0, 0);
    covered.for_each_region(|contig, range| {
        regions += 1;
        bases += range.end - range.start;
        writeln!(output, "{contig}\t{}\t{}", range.start, range.end).map_err(Error::Output)
    })?;
    (summary.regions, summary.bases) = (Some(regions), Some(bases));
    summary.cache = Some(settings.report_cache(&first));
    Ok(())
}
