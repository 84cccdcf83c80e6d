//! `list`: finds indexes on disk.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::bundle::{FoundIndex, State, list_indexes};
use crate::cli::Settings;
use crate::cli::common_arguments::HeaderArguments;
use crate::cli::help::INPUT;
use crate::cli::remedy::Explained;
use crate::dictionary::LayoutKind;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder to search, with all folders below it
    #[arg(default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    header: HeaderArguments,
}

/// One index or part of one; the values of its manifest are null if that cannot be read.
#[derive(Serialize)]
struct IndexRow {
    path: String,
    state: State,
    genome: Option<String>,
    contigs: Option<u64>,
    bases: Option<u64>,
    k: Option<u32>,
    min_frequency: Option<u64>,
    max_frequency: Option<u64>,
    max_positions: Option<u64>,
    layout: Option<LayoutKind>,
    size: u64,
    format: Option<u32>,
    written_by: Option<String>,
    created: Option<String>,
    problem: Option<String>,
}

/// The header line of the table: the fields of [`IndexRow`].
const HEADER: &str = "#path\tstate\tgenome\tcontigs\tbases\tk\tmin_frequency\tmax_frequency\tmax_positions\tlayout\t\
                      size\tformat\twritten_by\tcreated\tproblem\n";

impl IndexRow {
    fn of(found: FoundIndex) -> Self {
        let FoundIndex { path, state, manifest, part, format, bytes, problem } = found;
        let of_index = manifest.map(|m| (m.genome, m.parameters, m.layout, m.written_by, m.created));
        let of_part = part.map(|m| (m.genome, m.parameters, m.dictionary.kind(), m.written_by, m.created));
        let described = of_index.or(of_part);
        let genome = described.as_ref().map(|d| &d.0);
        let parameters = described.as_ref().map(|d| &d.1);
        Self {
            path: path.display().to_string(),
            state,
            genome: genome.map(|genome| genome.source_names()),
            contigs: genome.map(|genome| genome.contigs),
            bases: genome.map(|genome| genome.bases),
            k: parameters.map(|p| p.k),
            min_frequency: parameters.map(|p| p.min_frequency),
            max_frequency: parameters.and_then(|p| p.max_frequency),
            max_positions: parameters.and_then(|p| p.max_positions),
            layout: described.as_ref().map(|d| d.2),
            size: bytes,
            format,
            written_by: described.as_ref().map(|d| d.3.clone()),
            created: described.map(|d| d.4),
            problem: problem.map(|error| Explained(&error).to_string()),
        }
    }

    /// Columns separated by tabs, `.` for what is not known or not limited.
    fn tsv(&self) -> String {
        let number = |n: Option<u64>| n.map_or_else(|| ".".to_owned(), |n| n.to_string());
        let text = |t: Option<&str>| t.filter(|t| !t.is_empty()).map_or_else(|| ".".to_owned(), one_field);
        [
            text(Some(&self.path)),
            self.state.name().to_owned(),
            text(self.genome.as_deref()),
            number(self.contigs),
            number(self.bases),
            number(self.k.map(u64::from)),
            number(self.min_frequency),
            number(self.max_frequency),
            number(self.max_positions),
            text(self.layout.map(LayoutKind::name)),
            self.size.to_string(),
            number(self.format.map(u64::from)),
            text(self.written_by.as_deref()),
            text(self.created.as_deref()),
            text(self.problem.as_deref()),
        ]
        .join("\t")
            + "\n"
    }
}

/// A text without the line ends and tabs that a file name may have.
fn one_field(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let failed = Error::Output;
    arguments.header.check(!settings.json, "the table")?;
    let found = list_indexes(&arguments.folder, &|e| settings.warn(&Explained(e).to_string()))?;
    let mut output = settings.output()?;
    if !settings.json {
        output.write_all(arguments.header.before(HEADER).as_bytes()).map_err(failed)?;
    }
    for row in found.into_iter().map(IndexRow::of) {
        if settings.json {
            serde_json::to_writer(&mut output, &row).map_err(|e| failed(e.into()))?;
            output.write_all(b"\n").map_err(failed)?;
        } else {
            output.write_all(row.tsv().as_bytes()).map_err(failed)?;
        }
    }
    output.finish()
}
