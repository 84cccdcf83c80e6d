use std::path::PathBuf;

use clap::Args;

use crate::Result;
use crate::cli::{Settings, grouped};
use crate::index::{Depth, OpenOptions};
use crate::units::human_bytes;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Only lengths, metadata and the packed genome
    #[arg(long)]
    quick: bool,
    /// Also every position against the genome's own bases
    #[arg(long, conflicts_with = "quick")]
    deep: bool,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let depth = match (arguments.quick, arguments.deep) {
        (true, _) => Depth::Quick,
        (_, true) => Depth::Sequence,
        _ => Depth::Full,
    };
    let index = settings.open(&arguments.index, OpenOptions { cache: settings.cache(), ..OpenOptions::default() })?;
    let verified = settings.on_pool(|| index.verify(depth, &settings.progress))?;
    settings.progress.clear();
    if settings.json {
        return settings.print(&(serde_json::to_string_pretty(&verified).unwrap_or_default() + "\n"));
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
