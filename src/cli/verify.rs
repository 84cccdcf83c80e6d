//! `verify`: checks an index.

use std::path::PathBuf;

use clap::Args;

use crate::Result;
use crate::cli::help::{CHECKS, INPUT};
use crate::cli::{Settings, grouped, pretty_json};
use crate::index::Depth;
use crate::units::human_bytes;

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Check file lengths, metadata and the packed genome only
    #[arg(long, help_heading = CHECKS)]
    quick: bool,
    /// Compare every position with the bases of the genome too
    #[arg(long, conflicts_with = "quick", help_heading = CHECKS)]
    deep: bool,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let depth = match (arguments.quick, arguments.deep) {
        (true, _) => Depth::Quick,
        (_, true) => Depth::Sequence,
        _ => Depth::Full,
    };
    let index = settings.open_default(&arguments.index)?;
    let verified = settings.on_pool(|| index.verify(depth, &settings.progress))?;
    settings.progress.clear();
    if settings.json {
        return settings.print(&(pretty_json(&verified)? + "\n"));
    }
    if settings.quiet {
        return Ok(());
    }
    let what = match depth {
        Depth::Quick => {
            format!(
                "lengths, metadata and the genome's {} contigs are sound; k-mers and positions were not looked at",
                grouped(verified.contigs)
            )
        }
        _ => format!(
            "sound: {} in {} pages, {} k-mers, {} positions{}, {} seeds, {} contigs",
            human_bytes(verified.bytes),
            grouped(verified.pages),
            grouped(verified.kmers),
            grouped(verified.positions),
            if depth == Depth::Sequence { " found in the genome" } else { "" },
            grouped(verified.seeds),
            grouped(verified.contigs)
        ),
    };
    settings.print(&format!("{}: {what}\n", arguments.index.display()))
}
