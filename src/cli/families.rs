//! `families`: finds repeat families and writes their consensus sequences.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::builder::{BuildOptions, build_index};
use crate::cli::common_arguments::{CacheArguments, HeaderArguments, TemporaryArguments};
use crate::cli::help::{FAMILIES, INPUT, OUTPUT};
use crate::cli::profile_arguments::ProfileArguments;
use crate::cli::values::{bases, taxon};
use crate::cli::{Settings, grouped, json};
use crate::families::{
    DiscoverOptions, Family, FamilyCopy, FamilyOptions, FoundFamilies, LeftOut, RefineOptions, SampleOptions, Scores,
    StructuralRna, discover, find_families, seed_alignments,
};
use crate::formats::{FamiliesSummary, FamilyFormat, families, stockholm};
use crate::fs::{Output, TemporaryFolder, is_address};
use crate::genome::Contig;
use crate::index::CacheStatistics;
use crate::proteins::Profiles;
use crate::sequence::{Source, letters};
use crate::units::{parse_size, per_cent};
use crate::{Error, Index, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index, or FASTA or .2bit files of one genome
    ///
    /// Files may be compressed. A temporary index of them is built with the defaults of `build-index`, in --tmpdir or
    /// else in TMPDIR, and removed at the end. The result is that of an index with these defaults. To run several
    /// commands on a genome, build its index once.
    #[arg(required = true, value_name = "INDEX|GENOME")]
    genome: Vec<PathBuf>,
    /// Format
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "fasta", help_heading = OUTPUT)]
    format: FormatName,
    /// Also write the aligned copies of each family (Stockholm)
    ///
    /// These are the best copies, aligned to the consensus, in the format that Dfam takes.
    #[arg(long, value_name = "FILE", conflicts_with = "drafts", help_heading = OUTPUT)]
    stockholm: Option<PathBuf>,
    /// Name the organism in --stockholm, as NCBI's taxonomy does
    ///
    /// It is the organism, or its clade, for the field `OC`.
    #[arg(long, value_name = "NAME", requires = "stockholm", value_parser = taxon, help_heading = OUTPUT,
          hide_short_help = true)]
    taxon: Option<String>,
    /// Write the unrefined consensus sequences of discovery
    ///
    /// They are FASTA. The copies are not counted; `seed` is contig:start-end:strand, 0-based and half-open.
    #[arg(long, conflicts_with = "format", help_heading = OUTPUT, hide_short_help = true)]
    drafts: bool,
    #[command(flatten)]
    header: HeaderArguments,
    #[command(flatten)]
    search: SearchArguments,
    #[command(flatten)]
    profiles: ProfileArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    temporary: TemporaryArguments,
}

/// Parameters of the search for families.
#[derive(Debug, Args, Serialize)]
#[command(next_help_heading = FAMILIES)]
pub(crate) struct SearchArguments {
    /// Score of a match
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i16).range(1..=10),
          hide_short_help = true)]
    r#match: i16,
    /// Score of a mismatch
    #[arg(long, value_name = "N", default_value_t = -1, allow_hyphen_values = true,
          value_parser = clap::value_parser!(i16).range(-100..=0), hide_short_help = true)]
    mismatch: i16,
    /// Score of the first base of a gap
    #[arg(long, value_name = "N", default_value_t = -3, allow_hyphen_values = true,
          value_parser = clap::value_parser!(i16).range(-100..=0), hide_short_help = true)]
    gap_open: i16,
    /// Score of each further base of a gap
    #[arg(long, value_name = "N", default_value_t = -1, allow_hyphen_values = true,
          value_parser = clap::value_parser!(i16).range(-100..=0), hide_short_help = true)]
    gap_extend: i16,
    /// Largest penalty of a copy that ends before the consensus does
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(i16).range(0..=1000),
          hide_short_help = true)]
    cap_penalty: i16,
    /// Half width of the band of an extension, in bases
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=24),
          hide_short_help = true)]
    band: u16,
    /// Extend by at most N bases in each direction
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = bases, hide_short_help = true)]
    max_extend: u64,
    /// End an extension after N bases without a better score
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = bases, hide_short_help = true)]
    stop_after: u64,
    /// Smallest gain of each consensus base in the sum of the scores of the copies
    #[arg(long, value_name = "N", default_value_t = 1, hide_short_help = true)]
    min_improvement: u16,
    /// Report consensus sequences of at least N bases
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = bases)]
    min_length: u64,
    /// Report families with at least N copies at separate loci
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..))]
    min_copies: u16,
    /// Report at most N families
    #[arg(long, value_name = "N")]
    max_families: Option<usize>,
    /// Count similar sequences on one strand that are nearer than N bases as one
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = bases, hide_short_help = true)]
    tandem_distance: u64,
    /// Search samples of the genome, first of SIZE [default: 8M above 128M]
    ///
    /// Further samples are each eight times as large as the one before, but no larger than 128M, or SIZE if that is
    /// more. Copies are counted in the whole genome. A genome of up to 128M is searched as a whole by default. A SIZE
    /// above 256M is an error (exit code 2).
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    sample: Option<u64>,
    /// Search samples of SIZE bases in total [default: 400M]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, hide_short_help = true)]
    sample_limit: Option<u64>,
    /// Choose other samples for another N
    #[arg(long, value_name = "N", default_value_t = 0, hide_short_help = true)]
    seed: u64,
    /// Keep families of genes, and of structural RNA
    ///
    /// Families of the classes `gene_family`, `tRNA`, `rRNA` and `snRNA` are left out otherwise.
    #[arg(long)]
    keep_gene_families: bool,
    /// Keep one family if its copies fall into groups
    ///
    /// The copies of a group share differences from the others; each group is a family otherwise.
    #[arg(long, hide_short_help = true)]
    no_subfamilies: bool,
}

impl SearchArguments {
    pub(crate) fn options(
        &self,
        profiles: Option<Arc<Profiles>>,
        structural_rna: Option<Arc<StructuralRna>>,
    ) -> FamilyOptions {
        let options = FamilyOptions::from(self.discover_options());
        let refine = RefineOptions {
            subfamilies: !self.no_subfamilies,
            keep_gene_families: self.keep_gene_families,
            profiles,
            structural_rna,
            ..options.refine
        };
        FamilyOptions { refine, ..options }
    }

    fn discover_options(&self) -> DiscoverOptions {
        DiscoverOptions {
            scores: Scores {
                matching: self.r#match,
                mismatch: self.mismatch,
                gap_open: self.gap_open,
                gap_extend: self.gap_extend,
                cap_penalty: self.cap_penalty,
                band: self.band.into(),
                stop_after: self.stop_after as usize,
                max_extend: self.max_extend as usize,
                min_improvement: self.min_improvement.into(),
                ..Scores::default()
            },
            min_length: self.min_length.max(1) as usize,
            min_copies: self.min_copies.into(),
            max_families: self.max_families.unwrap_or(usize::MAX),
            tandem_distance: self.tandem_distance,
            samples: self.samples(),
        }
    }

    pub(crate) fn samples(&self) -> SampleOptions {
        SampleOptions { first: self.sample, limit: self.sample_limit, seed: self.seed }
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    if let Some(path) = &arguments.stockholm {
        settings.check_second_output(path, "--stockholm")?;
    }
    arguments.header.check(arguments.format == FormatName::Tsv && !arguments.drafts, "tsv")?;
    let profiles = arguments.profiles.read(settings)?;
    let (index, _temporary) = open_or_build(&arguments, settings)?;
    let options = arguments.search.options(profiles, arguments.profiles.read_rna(settings)?);
    if arguments.drafts {
        let found = settings.on_pool(|| discover(&index, &options.discover, &settings.progress))?;
        let mut text = String::new();
        for (number, family) in (1..).zip(&found.families) {
            push_draft(&mut text, number, family, &index)?;
        }
        return settings.print(&text);
    }
    // An output that cannot be written is an error before the search.
    let mut library = settings.output()?;
    let alignments =
        arguments.stockholm.as_deref().map(|path| Output::create(Some(path), settings.force)).transpose()?;
    let found = settings.on_pool(|| find_families(&index, &options, &settings.progress))?;
    if let Some(alignments) = alignments {
        settings.on_pool(|| write_stockholm(&found, &index, arguments.taxon.as_deref(), alignments))?;
    }
    let text = families(&found.statistics, arguments.format.into());
    let header = match arguments.header.no_header {
        true => memchr::memchr(b'\n', &text).map_or(0, |end| end + 1),
        false => 0,
    };
    library.write_all(&text[header..]).map_err(Error::Output)?;
    library.finish()?;
    let summary = Summary { found: summary(&found, &index), cache: settings.report_cache(&index) };
    summarize(&summary, settings)
}

/// Opens the index, or makes one of the genome in a temporary folder, which goes when it is dropped.
fn open_or_build(arguments: &Arguments, settings: &Settings) -> Result<(Index, Option<TemporaryFolder>)> {
    let Arguments { genome, cache, temporary, .. } = arguments;
    if let [index] = &genome[..]
        && (index.is_dir() || is_address(index) || !index.exists())
    {
        return Ok((settings.open_cached(index, cache)?, None));
    }
    let folder = TemporaryFolder::new("reprise-families", temporary.tmpdir.as_deref())?;
    let target = folder.path().join("genome.reprise");
    let sources: Vec<Source> = genome.iter().map(Source::new).collect();
    let options = BuildOptions { temporary_folder: temporary.tmpdir.clone(), ..BuildOptions::default() };
    settings.on_pool(|| build_index(&sources, &target, &options, &settings.budget, &settings.progress))?;
    Ok((settings.open_cached(&target, cache)?, Some(folder)))
}

/// The summary of a search for families.
pub(crate) fn summary(found: &FoundFamilies, index: &Index) -> FamiliesSummary {
    FamiliesSummary {
        families: found.families.len() as u64,
        copies: found.copies(),
        bases: found.bases(),
        genome_bases: index.manifest().genome.bases,
        drafts: found.drafts,
        drafts_left_out: found.drafts_left_out,
        examined_bases: found.examined,
        array_bases: found.array_bases,
        rounds: found.rounds,
        left_out: found.left_out,
    }
}

/// Writes the seed alignment of each family.
pub(crate) fn write_stockholm(
    found: &FoundFamilies,
    index: &Index,
    taxon: Option<&str>,
    mut file: Output,
) -> Result<()> {
    let mut text = Vec::new();
    seed_alignments(index, &found.families, |number, alignment| {
        text.clear();
        stockholm(&mut text, &found.statistics[number], &alignment, taxon);
        file.write_all(&text).map_err(Error::Output)
    })?;
    file.finish()
}

/// The summary, as `--json` prints it.
#[derive(Serialize)]
struct Summary {
    #[serde(flatten)]
    found: FamiliesSummary,
    cache: CacheStatistics,
}

/// Prints the summary.
fn summarize(summary: &Summary, settings: &Settings) -> Result<()> {
    let found = &summary.found;
    let LeftOut { contained, few_copies, like_flanks, tandem_arrays, simple, clusters, genes, structural_rna } =
        found.left_out;
    let text = if settings.json {
        json(summary)?
    } else {
        format!(
            "{} families, {} copies, {:.1} % of {} bases; from {} drafts in {} of the bases, in {} rounds\n\
             left out: {contained} contained in other families, {few_copies} with too few copies, \
             {like_flanks} with similar flanks, {tandem_arrays} tandem arrays, {simple} simple repeats, \
             {clusters} clusters, {genes} gene families, {structural_rna} of structural RNA, {} before refinement\n\
             tandem arrays: {} bases, in which no family has copies",
            grouped(found.families),
            grouped(found.copies),
            per_cent(found.bases, found.genome_bases),
            grouped(found.genome_bases),
            grouped(found.drafts),
            grouped(found.examined_bases),
            found.rounds,
            grouped(found.drafts_left_out),
            grouped(found.array_bases)
        )
    };
    settings.print_summary(&text)
}

/// The values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// FASTA: >family-N#class length= copies= full_length= divergence= seed=
    Fasta,
    /// FASTA with the headers of REPrise's .reprof
    Reprof,
    /// One row per family, without its consensus
    Tsv,
    /// One JSON object per family
    Jsonl,
}

impl From<FormatName> for FamilyFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Fasta => Self::Fasta,
            FormatName::Reprof => Self::Reprof,
            FormatName::Tsv => Self::Tsv,
            FormatName::Jsonl => Self::JsonLines,
        }
    }
}

/// One draft as FASTA.
fn push_draft(text: &mut String, number: u64, family: &Family, index: &Index) -> Result<()> {
    let Family { consensus, seed, copies } = family;
    let seed = location(index, seed)?;
    let _ = writeln!(text, ">draft-{number}#Unknown length={} copies={} seed={seed}", consensus.len(), copies.len());
    for line in consensus.chunks(80) {
        text.extend(letters(line).map(char::from));
        text.push('\n');
    }
    Ok(())
}

/// Where a copy lies: contig:start-end:strand, 0-based and half-open.
fn location(index: &Index, copy: &FamilyCopy) -> Result<String> {
    let contigs = index.contigs()?;
    let contig = &contigs[Contig::number_at(contigs, copy.genome.start)];
    let (start, end) = (copy.genome.start - contig.start, copy.genome.end - contig.start);
    Ok(format!("{}:{start}-{end}:{}", contig.name, copy.strand.symbol()))
}
