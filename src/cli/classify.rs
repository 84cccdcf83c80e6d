//! `classify`: the classes of the sequences of a library.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde::Serialize;

use crate::align::Library;
use crate::cli::common_arguments::HeaderArguments;
use crate::cli::help::{INPUT, OUTPUT};
use crate::cli::profile_arguments::ProfileArguments;
use crate::cli::{Settings, grouped, json};
use crate::families::{Signs, classify};
use crate::formats::{ClassFormat, ClassifiedSequence, classified};
use crate::sequence::{Source, codes};
use crate::{Error, Result};

/// Sequences that are classified and written together: few, so that a large library shows progress, and enough for all
/// threads.
const SEQUENCES_PER_WRITE: usize = 256;

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Consensus sequences of repeats, FASTA, plain or compressed
    library: PathBuf,
    /// Output format
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "tsv", help_heading = OUTPUT)]
    format: FormatName,
    #[command(flatten)]
    header: HeaderArguments,
    #[command(flatten)]
    profiles: ProfileArguments,
}

/// The values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// One row per sequence: name, class, evidence
    Tsv,
    /// The library, with the classes in its names: >name#class; a sequence without a class keeps its name
    Fasta,
    /// One JSON object per sequence
    Jsonl,
}

impl From<FormatName> for ClassFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Tsv => Self::Tsv,
            FormatName::Fasta => Self::Fasta,
            FormatName::Jsonl => Self::JsonLines,
        }
    }
}

/// The summary, as `--json` prints it.
#[derive(Default, Serialize)]
struct Summary {
    /// Sequences of the library.
    sequences: u64,
    /// Those with a class.
    classified: u64,
    /// Those whose class names a superfamily.
    superfamilies: u64,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    arguments.header.check(arguments.format == FormatName::Tsv, "tsv")?;
    let profiles = arguments.profiles.read(settings)?;
    let rna = arguments.profiles.read_rna(settings)?;
    let source = Source::new(&arguments.library);
    let (library, _reservation) = Library::read(&source, &settings.budget, &settings.progress)?;
    let mut output = settings.output()?;
    let format = ClassFormat::from(arguments.format);
    if !arguments.header.no_header {
        output.write_all(format.header()).map_err(Error::Output)?;
    }
    let mut summary = Summary { sequences: library.len() as u64, ..Summary::default() };
    let mut text = Vec::new();
    for first in (0..library.len()).step_by(SEQUENCES_PER_WRITE) {
        let numbers = first..(first + SEQUENCES_PER_WRITE).min(library.len());
        let classify_one = |number: usize| {
            let consensus: Vec<u8> = codes(library.sequence(number)).collect();
            let domains = profiles.as_ref().map(|profiles| profiles.domains(&consensus)).unwrap_or_default();
            let known_rna = rna.as_ref().and_then(|rna| rna.class_of(&consensus));
            let signs = Signs { consensus: &consensus, known_rna, domains: &domains, ..Signs::default() };
            let (class, evidence) = classify(&signs);
            let (name, sequence) = (library.name(number), library.sequence(number));
            ClassifiedSequence { name, class, evidence, sequence }
        };
        let found: Vec<ClassifiedSequence<'_>> =
            settings.on_pool(|| Ok(numbers.into_par_iter().map(classify_one).collect()))?;
        text.clear();
        for sequence in &found {
            summary.classified += u64::from(sequence.is_classified());
            summary.superfamilies += u64::from(sequence.class.contains('/'));
            classified(&mut text, sequence, format);
        }
        output.write_all(&text).map_err(Error::Output)?;
    }
    output.finish()?;
    let text = if settings.json {
        json(&summary)?
    } else {
        format!(
            "{} of {} sequences have a class, {} of them a superfamily",
            grouped(summary.classified),
            grouped(summary.sequences),
            grouped(summary.superfamilies)
        )
    };
    settings.print_summary(&text)
}
