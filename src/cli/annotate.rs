//! `annotate`: finds the copies of a library of repeats and writes them in one format or several, or a part of them.

use std::path::PathBuf;

use clap::Args;

use crate::align::{GenomeRange, GenomeSearch, SearchOptions};
use crate::annotate::{
    PartHeader, PartLibrary, PartSubject, annotate_charged, annotate_range, annotate_with_tandem_repeats_charged,
    for_annotation, write_part,
};
use crate::bundle::Shard;
use crate::cli::annotation_output::OutputArguments;
use crate::cli::common_arguments::CacheArguments;
use crate::cli::help::{ADVANCED, ANNOTATION, INPUT};
use crate::cli::libraries::Libraries;
use crate::cli::shard::{absolute, shard};
use crate::cli::values::{e_value, percentage};
use crate::cli::{Settings, grouped};
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Consensus sequences of repeats, FASTA (repeatable)
    ///
    /// The file may be compressed. In names such as name#class/family the class is used.
    #[arg(long, required = true, value_name = "FILE")]
    library: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
    /// Report alignments with an E-value of at most E
    ///
    /// The E-value is that of the whole search.
    #[arg(long, value_name = "E", default_value_t = 1e-3, value_parser = e_value, help_heading = ANNOTATION)]
    max_e_value: f64,
    /// Report copies with at most PERCENT substitutions
    #[arg(long, value_name = "PERCENT", default_value_t = 100.0, value_parser = percentage,
          help_heading = ANNOTATION)]
    max_divergence: f64,
    /// Do not search for tandem repeats, which need no library
    ///
    /// These are simple repeats and satellites.
    #[arg(long, help_heading = ANNOTATION)]
    no_tandem: bool,
    /// Annotate part I of N of the genome, for `merge-annotation`
    ///
    /// The part is written to the file -o PART; `merge-annotation` joins all parts to what a single run writes
    /// (docs/cluster.md#parts-of-an-annotation).
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = ADVANCED)]
    shard: Option<Shard>,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    if let Some(shard) = arguments.shard {
        return run_shard(&arguments, shard, settings);
    }
    let formats = arguments.output.formats(settings)?;
    let index = settings.open_cached(&arguments.index, &arguments.cache)?;
    let output = arguments.output.begin(&formats, &index, settings)?;
    let Libraries { mut library, reservations: _libraries_reservation, .. } =
        Libraries::read(&arguments.library, settings)?;
    let options = SearchOptions { keep_columns: arguments.output.need_columns(&formats), ..arguments.options() };
    let (copies, _copies_reservation) = settings.on_pool(|| {
        if arguments.no_tandem {
            annotate_charged(&index, &library, &options, &settings.budget, &settings.progress)
        } else {
            annotate_with_tandem_repeats_charged(&index, &mut library, &options, &settings.budget, &settings.progress)
        }
    })?;
    settings.progress.clear();
    output.write(&copies, &library, &index, settings)
}

/// Annotates one part of the genome.
fn run_shard(arguments: &Arguments, shard: Shard, settings: &Settings) -> Result<()> {
    let wrong = |problem: &str| Err(Error::Usage(problem.to_owned()));
    if settings.writes_stdout() {
        return wrong("--shard writes a file; name it with -o PART");
    }
    if arguments.output.are_given() {
        return wrong("--shard writes a part in a format of its own; choose formats in merge-annotation");
    }
    if arguments.library.iter().any(|path| path.as_os_str() == "-") {
        return wrong("merge-annotation reads the library again; give --library as a file");
    }
    if settings.json {
        return wrong("a part has no summary for --json; merge-annotation prints that of all parts");
    }
    let mut output = settings.output()?;
    let index = settings.open_cached(&arguments.index, &arguments.cache)?;
    let Libraries { library, digests, reservations: _libraries_reservation } =
        Libraries::read(&arguments.library, settings)?;
    let libraries = arguments.library.iter().zip(digests);
    let subject = PartSubject {
        index: absolute(&arguments.index)?,
        manifest: index.manifest(),
        libraries: libraries
            .map(|(path, digest)| Ok(PartLibrary { path: absolute(path)?, digest }))
            .collect::<Result<_>>()?,
        max_e_value: arguments.max_e_value,
        max_divergence: arguments.max_divergence,
        tandem: !arguments.no_tandem,
    };
    let header = PartHeader::new(subject, shard.number, shard.count);
    header.line()?;
    let options = for_annotation(&arguments.options());
    let search = GenomeSearch::new(&index, &library, &options, &settings.budget, &settings.progress);
    let range = GenomeRange::shard(index.contigs()?, shard.number, shard.count);
    let search = GenomeSearch { range, ..search };
    let part = settings.on_pool(|| annotate_range(&search, !arguments.no_tandem))?;
    settings.progress.clear();
    write_part(&header, &part, &mut output)?;
    output.finish()?;
    settings.report_cache(&index);
    if !settings.quiet {
        let Shard { number, count } = shard;
        let (copies, open) = (grouped(part.resolved.len() as u64), grouped(part.unresolved.len() as u64));
        settings
            .progress
            .line(&format!("part {number} of {count}: {copies} fragments of copies, {open} alignments near its ends"));
    }
    Ok(())
}

impl Arguments {
    /// The options of a search that keeps columns.
    fn options(&self) -> SearchOptions {
        SearchOptions {
            max_e_value: self.max_e_value,
            max_divergence: self.max_divergence / 100.0,
            ..SearchOptions::default()
        }
    }
}
