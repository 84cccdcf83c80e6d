//! `fetch`: writes bases of the genome, so that an index needs no FASTA next to it.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Settings;
use crate::cli::help::{INPUT, OUTPUT};
use crate::cli::query::bed_region;
use crate::formats::{SequenceEnd, SequenceLines, write_sequence};
use crate::genome::Case;
use crate::index::OpenOptions;
use crate::kmer::Strand;
use crate::sequence::{Lines, Region, Source, reverse_complement_letters};
use crate::text::shortened;
use crate::{Error, Index, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Regions of the genome, such as chr1 or chr1:1,001-2,000
    ///
    /// They are those of `samtools faidx`, also chr1:500- and {HLA:A*01}:1-5 (docs/inputs.md#regions).
    #[arg(value_name = "REGION", required_unless_present = "bed", conflicts_with = "bed")]
    regions: Vec<String>,
    /// Fetch the regions of a BED file; `-` is standard input
    ///
    /// The file may be compressed. A row that ends past its contig is an error (exit code 3).
    #[arg(long = "regions", value_name = "FILE")]
    bed: Option<PathBuf>,
    /// Strand, + or - for the reverse complement
    ///
    /// By default it is column 6 of BED, else +.
    #[arg(long, value_name = "STRAND", value_parser = strand, allow_hyphen_values = true)]
    strand: Option<Strand>,
    /// Bases per line; 0 writes each sequence on one line
    #[arg(long, value_name = "N", default_value_t = 60, help_heading = OUTPUT)]
    width: usize,
}

/// Reads a strand.
fn strand(text: &str) -> Result<Strand, String> {
    match text {
        "+" => Ok(Strand::Forward),
        "-" => Ok(Strand::Reverse),
        _ => Err("a strand is + or -".to_owned()),
    }
}

/// Bases unpacked at a time: whole chromosomes are written in bounded memory.
const CHUNK: u64 = 1 << 20;

/// A record to write.
struct FastaRecord {
    name: String,
    region: Region,
    strand: Strand,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let index = settings.open(&arguments.index, OpenOptions::default())?;
    let typed = |text: &String| typed_record(&index, text, arguments.strand);
    let typed: Vec<FastaRecord> = arguments.regions.iter().map(typed).collect::<Result<_>>()?;
    let listed = |path: &Path| listed_records(&index, path, arguments.strand);
    // If the file can be read twice, a wrong line is found before anything is written.
    if let Some(path) = arguments.bed.as_ref().filter(|path| Source::new(path).bytes_total().is_some()) {
        listed(path)?.try_for_each(|record| record.map(drop))?;
    }
    let mut lines = SequenceLines::new(if arguments.width == 0 { usize::MAX } else { arguments.width });
    let (output, compressed) = (settings.output()?, settings.compresses_output());
    settings.on_pool(|| {
        write_sequence(output, compressed, SequenceEnd::Marked, &settings.budget, |output| {
            typed.iter().try_for_each(|record| write_record(&index, record, &mut lines, output))?;
            if let Some(path) = &arguments.bed {
                listed(path)?.try_for_each(|record| write_record(&index, &record?, &mut lines, output))?;
            }
            Ok(())
        })
    })
}

/// The record of a region as typed: `chr1:1001-2000`, or the name of a whole contig, with `/rc` on the reverse strand,
/// as samtools names them.
fn typed_record(index: &Index, text: &str, strand: Option<Strand>) -> Result<FastaRecord> {
    let region = index.region(text)?;
    let is_whole =
        text == region.contig || text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) == Some(&region.contig);
    let mut name = if is_whole { region.contig.clone() } else { located(&region) };
    let strand = strand.unwrap_or(Strand::Forward);
    name.push_str(suffix(strand));
    Ok(FastaRecord { name, region, strand })
}

/// The records of the rows of a BED file: as those of typed regions, with the name of the row as their description.
fn listed_records<'i>(
    index: &'i Index,
    path: &Path,
    strand_of_all: Option<Strand>,
) -> Result<impl Iterator<Item = Result<FastaRecord>> + use<'i>> {
    let lines = Lines::open(&Source::new(path), index.budget())?;
    index.contigs()?;
    Ok(lines.parsed(move |line, in_line| {
        let line = String::from_utf8_lossy(line);
        let Some(region) = bed_region(index, &line, in_line)? else { return Ok(None) };
        // Between tabs if there are any, as the columns before them.
        let columns: Vec<&str> = match line.matches('\t').count() {
            0 | 1 => line.split_ascii_whitespace().take(6).collect(),
            _ => line.split('\t').map(str::trim_ascii).take(6).collect(),
        };
        let column = |number: usize| columns.get(number).copied().filter(|text| !["", "."].contains(text));
        let own = match column(5) {
            None => Strand::Forward,
            Some(text) => strand(text).map_err(|e| in_line(format!("{:?} is no strand; {e}", shortened(text))))?,
        };
        let strand = strand_of_all.unwrap_or(own);
        let mut name = located(&region) + suffix(strand);
        if let Some(description) = column(3) {
            name.push(' ');
            name.push_str(description);
        }
        Ok(Some(FastaRecord { name, region, strand }))
    }))
}

/// A region as it is typed: 1-based, both ends included.
fn located(region: &Region) -> String {
    format!("{}:{}-{}", region.contig, region.range.start + 1, region.range.end)
}

/// The end of the name of a record.
fn suffix(strand: Strand) -> &'static str {
    match strand {
        Strand::Forward => "",
        Strand::Reverse => "/rc",
    }
}

/// Writes a record, chunk by chunk; on the reverse strand the last chunk of the region comes first.
fn write_record(index: &Index, record: &FastaRecord, lines: &mut SequenceLines, output: &mut dyn Write) -> Result<()> {
    let FastaRecord { name, region, strand } = record;
    writeln!(output, ">{name}").map_err(Error::Output)?;
    let length = region.range.end - region.range.start;
    let mut letters = Vec::new();
    for done in (0..length).step_by(CHUNK as usize) {
        let bases = CHUNK.min(length - done);
        let start = match strand {
            Strand::Forward => region.range.start + done,
            Strand::Reverse => region.range.end - done - bases,
        };
        let chunk = Region { contig: region.contig.clone(), range: start..start + bases };
        let sequence = index.region_reader(&chunk)?;
        letters.clear();
        sequence.bases(chunk.range, Case::Masked, &mut letters)?;
        if *strand == Strand::Reverse {
            letters = reverse_complement_letters(&letters);
        }
        lines.write(&letters, output).map_err(Error::Output)?;
    }
    lines.end(output).map_err(Error::Output)
}
