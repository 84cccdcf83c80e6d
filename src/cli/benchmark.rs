//! `benchmark`: the score of a library against a true library, or of a mask against a true annotation.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::align::Library;
use crate::benchmark::{
    Coverage, FamilyScore, LibraryScore, MaskCounts, Recovery, compare_masks, find_hits, read_found_mask, read_hits,
    read_true_mask, score_library,
};
use crate::cli::common_arguments::HeaderArguments;
use crate::cli::help::{FILTER, INPUT, OUTPUT};
use crate::cli::{Settings, json};
use crate::fs::{Output, is_address};
use crate::genome::ContigLengths;
use crate::sequence::{Lines, Source};
use crate::text::shortened;
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Library to score, FASTA, or with --genome a mask
    ///
    /// A mask is an annotation in any format that `mask` reads, or the genome with its repeats in lower case (FASTA or
    /// .2bit). The format is detected by the content.
    #[arg(value_name = "LIBRARY|MASK")]
    found: PathBuf,
    /// True library, FASTA, or with --genome the true annotation
    ///
    /// One of the inputs can be `-`, standard input.
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    #[command(flatten)]
    header: HeaderArguments,
    #[command(flatten)]
    library: LibraryArguments,
    #[command(flatten)]
    masks: MaskArguments,
}

/// Flags of the score of a library.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
struct LibraryArguments {
    /// Take alignments from FILE instead of aligning
    ///
    /// FILE is the .out of RepeatMasker run with the true library on LIBRARY. The rules are those of RepeatModeler2's
    /// script (docs/benchmark.md#alignments-of-repeatmasker).
    #[arg(long, value_name = "FILE", conflicts_with = "genome")]
    alignments: Option<PathBuf>,
    /// Count only the true families that the first column of FILE names
    #[arg(long, value_name = "FILE", conflicts_with = "genome", help_heading = FILTER)]
    only: Option<PathBuf>,
    /// Write a table to FILE, a row per true family
    ///
    /// Its columns are name, length, recovery, close_bases, similar_bases, found_families, best and best_bases.
    #[arg(long, value_name = "FILE", conflicts_with = "genome", help_heading = OUTPUT)]
    table: Option<PathBuf>,
}

/// Flags of the score of a mask.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
struct MaskArguments {
    /// Score a mask of this genome
    ///
    /// It is FASTA, .2bit or the folder of an index, of which the names and lengths of contigs are used.
    #[arg(long, value_name = "GENOME|INDEX")]
    genome: Option<PathBuf>,
    /// Do not count true repeats of this name, class or type (repeatable)
    ///
    /// Bases that are true repeats of this name, class or type only, such as `tandem` or `Simple_repeat`, do not count;
    /// LTR includes LTR/Gypsy. Names are the fourth column of BED, repeat and class of .out, and type, `Name` and `class`
    /// or `classification` of GFF3.
    #[arg(long, value_name = "NAME", requires = "genome", help_heading = FILTER)]
    skip: Vec<String>,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let Arguments { found, truth, header, library, masks } = arguments;
    header.check(!settings.json || library.table.is_some(), "tables")?;
    let inputs =
        [Some(&found), Some(&truth), library.alignments.as_ref(), library.only.as_ref(), masks.genome.as_ref()];
    if inputs.into_iter().flatten().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Error::Usage("only one input can be standard input".to_owned()));
    }
    match &masks.genome {
        Some(genome) => score_mask(&found, &truth, genome, &masks.skip, header, settings),
        None => score_found(&found, &truth, &library, header, settings),
    }
}

/// The score of a library, as `--json` prints it.
#[derive(Serialize)]
struct LibraryDocument {
    true_families: u64,
    perfect: u64,
    good: u64,
    present: u64,
    missing: u64,
    found_families: u64,
    redundancy: f64,
    unmatched: u64,
    families: Vec<FamilyRow>,
}

/// A true family.
#[derive(Serialize)]
struct FamilyRow {
    name: String,
    length: u64,
    recovery: &'static str,
    close_bases: u64,
    similar_bases: u64,
    found_families: u64,
    best: Option<String>,
    best_bases: u64,
}

const TABLE_HEADER: &str = "#name\tlength\trecovery\tclose_bases\tsimilar_bases\tfound_families\tbest\tbest_bases\n";

impl FamilyRow {
    fn of(score: &FamilyScore, found: &Library, truth: &Library) -> Self {
        Self {
            name: truth.name(score.truth as usize).to_owned(),
            length: score.length,
            recovery: score.recovery.name(),
            close_bases: score.close_bases,
            similar_bases: score.similar_bases,
            found_families: score.families,
            best: score.best.map(|(number, _)| found.name(number as usize).to_owned()),
            best_bases: score.best.map_or(0, |(_, bases)| bases),
        }
    }

    fn row(&self) -> String {
        let Self { name, length, recovery, close_bases, similar_bases, found_families, best, best_bases } = self;
        let best = best.as_deref().unwrap_or(".");
        format!(
            "{name}\t{length}\t{recovery}\t{close_bases}\t{similar_bases}\t{found_families}\t{best}\t{best_bases}\n"
        )
    }
}

impl LibraryDocument {
    fn of(score: &LibraryScore, found: &Library, truth: &Library) -> Self {
        Self {
            true_families: score.families.len() as u64,
            perfect: score.count(Recovery::Perfect),
            good: score.count(Recovery::Good),
            present: score.count(Recovery::Present),
            missing: score.count(Recovery::Missing),
            found_families: score.found,
            redundancy: score.redundancy(),
            unmatched: score.unmatched(),
            families: score.families.iter().map(|family| FamilyRow::of(family, found, truth)).collect(),
        }
    }

    fn text(&self) -> String {
        let counts = [
            ("true_families", self.true_families),
            ("perfect", self.perfect),
            ("good", self.good),
            ("present", self.present),
            ("missing", self.missing),
            ("found_families", self.found_families),
        ];
        let mut text = String::new();
        for (name, count) in counts {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{name}\t{count}");
        }
        let _ = write!(text, "redundancy\t{:.2}\nunmatched\t{}\n", self.redundancy, self.unmatched);
        text
    }
}

/// Header of the results of either kind.
const MEASURES: &str = "#measure\tvalue\n";

/// Prints a score, as JSON or as a table.
fn print(document: &impl Serialize, text: &str, header: HeaderArguments, settings: &Settings) -> Result<()> {
    settings.print(&if settings.json { json(document)? + "\n" } else { header.before(MEASURES).to_owned() + text })
}

fn score_found(
    found: &Path,
    truth: &Path,
    arguments: &LibraryArguments,
    header: HeaderArguments,
    settings: &Settings,
) -> Result<()> {
    let table = match &arguments.table {
        None => None,
        Some(path) => {
            settings.check_second_output(path, "--table")?;
            Some((Output::create(Some(path), settings.force)?, path))
        }
    };
    let read = |path: &Path| Library::read(&Source::new(path), &settings.budget, &settings.progress);
    let (truth, _true_reservation) = read(truth)?;
    let (found, _found_reservation) = read(found)?;
    let is_counted = counted_families(arguments.only.as_deref(), &truth, settings)?;
    let (hits, _hits_reservation) = match &arguments.alignments {
        Some(path) => read_hits(&Source::new(path), &found, &truth, &settings.budget)?,
        None => settings.on_pool(|| find_hits(&found, &truth, &settings.budget))?,
    };
    let coverage = if arguments.alignments.is_some() { Coverage::RepeatModeler2 } else { Coverage::Union };
    let lengths = |library: &Library| -> Vec<u64> {
        (0..library.len()).map(|number| library.sequence(number).len() as u64).collect()
    };
    let score =
        score_library(&lengths(&found), &lengths(&truth), &hits, coverage, |number| is_counted[number as usize]);
    let document = LibraryDocument::of(&score, &found, &truth);
    if let Some((mut output, path)) = table {
        let rows: String = document.families.iter().map(FamilyRow::row).collect();
        let text = header.before(TABLE_HEADER).to_owned() + &rows;
        output.write_all(text.as_bytes()).map_err(|e| Error::io("write", path, e))?;
        output.finish()?;
    }
    print(&document, &document.text(), header, settings)
}

/// For each true family whether it counts: all do without `only`, a file that names some in its first column.
fn counted_families(only: Option<&Path>, truth: &Library, settings: &Settings) -> Result<Vec<bool>> {
    let Some(path) = only else { return Ok(vec![true; truth.len()]) };
    let mut is_counted = vec![false; truth.len()];
    let numbers: ahash::AHashMap<&str, usize> = (0..truth.len()).map(|number| (truth.name(number), number)).collect();
    let mut lines = Lines::open(&Source::new(path), &settings.budget)?;
    let mut unknown: Option<(String, u64)> = None;
    while let Some((_, line)) = lines.next()? {
        let line = String::from_utf8_lossy(line);
        let Some(name) = line.split(['\t', ' ']).next().filter(|name| !name.is_empty()) else { continue };
        match numbers.get(name) {
            Some(&number) => is_counted[number] = true,
            None if name.starts_with('#') => {}
            None => unknown.get_or_insert_with(|| (shortened(name).into_owned(), 0)).1 += 1,
        }
    }
    if !is_counted.contains(&true) {
        return Err(Error::input(path, None, "names no family of the true library in its first column"));
    }
    if let Some((first, names)) = unknown {
        let names = crate::cli::counted(names, "name");
        settings.warn(&format!("{}: {names} are not in the true library, the first is {first:?}", path.display()));
    }
    Ok(is_counted)
}

/// The score of a mask, as `--json` prints it; shares from 0 to 1.
#[derive(Serialize)]
struct MaskDocument {
    bases: u64,
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
    true_negatives: u64,
    masked: f64,
    sensitivity: f64,
    specificity: f64,
    accuracy: f64,
    precision: f64,
    false_discovery_rate: f64,
    f1: f64,
    mcc: f64,
}

impl From<MaskCounts> for MaskDocument {
    fn from(counts: MaskCounts) -> Self {
        Self {
            bases: counts.bases(),
            true_positives: counts.true_positives,
            false_positives: counts.false_positives,
            false_negatives: counts.false_negatives,
            true_negatives: counts.true_negatives,
            masked: counts.masked(),
            sensitivity: counts.sensitivity(),
            specificity: counts.specificity(),
            accuracy: counts.accuracy(),
            precision: counts.precision(),
            false_discovery_rate: counts.false_discovery_rate(),
            f1: counts.f1(),
            mcc: counts.matthews(),
        }
    }
}

impl MaskDocument {
    /// Shares in percent.
    fn text(&self) -> String {
        let counts = [
            ("bases", self.bases),
            ("true_positives", self.true_positives),
            ("false_positives", self.false_positives),
            ("false_negatives", self.false_negatives),
            ("true_negatives", self.true_negatives),
        ];
        let shares = [
            ("masked", self.masked),
            ("sensitivity", self.sensitivity),
            ("specificity", self.specificity),
            ("accuracy", self.accuracy),
            ("precision", self.precision),
            ("false_discovery_rate", self.false_discovery_rate),
            ("f1", self.f1),
        ];
        let mut text = String::new();
        for (name, count) in counts {
            let _ = writeln!(text, "{name}\t{count}");
        }
        for (name, share) in shares {
            let _ = writeln!(text, "{name}\t{:.2}", 100.0 * share);
        }
        let _ = writeln!(text, "mcc\t{:.4}", self.mcc);
        text
    }
}

fn score_mask(
    found: &Path,
    truth: &Path,
    genome: &Path,
    skip: &[String],
    header: HeaderArguments,
    settings: &Settings,
) -> Result<()> {
    let budget = &settings.budget;
    let contigs = if genome.is_dir() || is_address(genome) {
        ContigLengths::of(settings.open_default(genome)?.contigs()?, genome, budget)?
    } else {
        ContigLengths::read(&Source::new(genome), "contig", budget, &settings.progress)?
    };
    let [truth_mask, skipped] = read_true_mask(truth, skip, &contigs, budget, &settings.progress)?;
    let found_mask = read_found_mask(found, &contigs, budget, &settings.progress)?;
    for (path, mask) in [(truth, &truth_mask), (found, &found_mask)] {
        if mask.rows == 0 {
            settings.warn(&format!("{} masks nothing", path.display()));
        }
    }
    if !skip.is_empty() && skipped.rows == 0 {
        settings.warn(&format!("{} has no repeat of --skip {}", truth.display(), skip.join(", ")));
    }
    let document = MaskDocument::from(compare_masks(contigs.lengths(), &truth_mask, &skipped, &found_mask));
    print(&document, &document.text(), header, settings)
}
