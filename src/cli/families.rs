use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::{Settings, grouped};
use crate::Result;
use crate::index::{Index, OpenOptions};
use crate::repeats::{Family, FamilyCopy, FamilySeed, Parameters, Scores, discover};
use crate::sequence::BASES;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Score of two bases that are the same
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i16).range(1..=10))]
    r#match: i16,
    /// Score of two that differ
    #[arg(long, value_name = "N", default_value_t = -1, allow_hyphen_values = true, value_parser = clap::value_parser!(i16).range(-100..=0))]
    mismatch: i16,
    /// Score of the first base of a gap
    #[arg(long, value_name = "N", default_value_t = -3, allow_hyphen_values = true, value_parser = clap::value_parser!(i16).range(-100..=0))]
    gap_open: i16,
    /// Score of each further base of a gap
    #[arg(long, value_name = "N", default_value_t = -1, allow_hyphen_values = true, value_parser = clap::value_parser!(i16).range(-100..=0))]
    gap_extend: i16,
    /// A copy that ends before the consensus loses this much of its best score at the most
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(i16).range(0..=1000))]
    cap_penalty: i16,
    /// Bases to either side of the diagonal in an extension
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=24))]
    band: u16,
    /// Most bases of an extension in one direction
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_extend: usize,
    /// Bases without a better score after which an extension ends
    #[arg(long, value_name = "N", default_value_t = 100)]
    stop_after: usize,
    /// What each base of the consensus must add to the sum of the scores of its copies
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_improvement: u16,
    /// Shortest consensus
    #[arg(long, value_name = "N", default_value_t = 50)]
    min_length: usize,
    /// Fewest copies, in places of their own
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..))]
    min_copies: u16,
    /// Most families
    #[arg(long, value_name = "N")]
    max_families: Option<usize>,
    /// Alike stretches nearer than this on one strand count as one
    #[arg(long, value_name = "N", default_value_t = 500)]
    tandem_distance: u64,
}

impl Arguments {
    fn parameters(&self) -> Parameters {
        Parameters {
            scores: Scores {
                matching: self.r#match,
                mismatch: self.mismatch,
                gap_open: self.gap_open,
                gap_extend: self.gap_extend,
                cap_penalty: self.cap_penalty,
                band: self.band.into(),
                stop_after: self.stop_after,
                max_extend: self.max_extend,
                min_improvement: self.min_improvement.into(),
            },
            min_length: self.min_length.max(1),
            min_copies: self.min_copies.into(),
            max_families: self.max_families.unwrap_or(usize::MAX),
            tandem_distance: self.tandem_distance,
        }
    }
}

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let index = settings.open(&arguments.index, OpenOptions { cache: settings.cache(), ..OpenOptions::default() })?;
    let found = settings.on_pool(|| discover(&index, &arguments.parameters(), &settings.progress))?;
    let mut text = String::new();
    for (number, family) in (1..).zip(&found.families) {
        push_family(&mut text, number, family, &index)?;
    }
    settings.print(&text)?;
    settings.note(&format!(
        "{} families explain {} of {} bases; {} left out for too few copies in places of their own",
        grouped(found.families.len() as u64),
        grouped(found.explained),
        grouped(index.manifest().genome.bases),
        grouped(found.left_out)
    ));
    Ok(())
}

/// One family as FASTA.
fn push_family(text: &mut String, number: u64, family: &Family, index: &Index) -> Result<()> {
    let Family { consensus, seed, copies } = family;
    let seed = match seed {
        FamilySeed::Kmer { kmer, .. } => index.codec().decode(*kmer),
        FamilySeed::Pile(copy) => place(index, copy)?,
    };
    let _ = writeln!(text, ">family_{number}#Unknown length={} copies={} seed={seed}", consensus.len(), copies.len());
    for line in consensus.chunks(80) {
        text.extend(line.iter().map(|&code| char::from(BASES[usize::from(code & 3)])));
        text.push('\n');
    }
    Ok(())
}

/// Where a copy lies: contig:start-end:strand, 0-based and half-open.
fn place(index: &Index, copy: &FamilyCopy) -> Result<String> {
    let contigs = index.contigs()?;
    let number = contigs.partition_point(|contig| contig.start <= copy.genome.start).saturating_sub(1);
    let contig = &contigs[number];
    let (start, end) = (copy.genome.start - contig.start, copy.genome.end - contig.start);
    Ok(format!("{}:{start}-{end}:{}", contig.name, copy.strand.symbol()))
}
