//! `reprise compare`: what the k-mers of several indexes share, each with each.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::common_arguments::HeaderArguments;
use crate::cli::help::{INPUT, OUTPUT};
use crate::cli::{Settings, json};
use crate::fs::Output;
use crate::query::{Comparison, KmerSets};
use crate::report::heat_map_svg;
use crate::{Error, Result};

#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folders of two or more indexes of one k
    #[arg(required = true, num_args = 2.., value_name = "INDEX")]
    indexes: Vec<PathBuf>,
    /// Write the Jaccard indices of all pairs to FILE, as a square table
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    matrix: Option<PathBuf>,
    /// Draw the Jaccard indices of all pairs to FILE, as a heat map
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    svg: Option<PathBuf>,
    #[command(flatten)]
    header: HeaderArguments,
}

/// The result with `--json`.
#[derive(Serialize)]
struct Document {
    k: u32,
    indexes: Vec<Member>,
    pairs: Vec<Pair>,
}

/// One index.
#[derive(Serialize)]
struct Member {
    index: String,
    kmers: u64,
    occurrences: u64,
    min_frequency: u64,
    max_frequency: Option<u64>,
}

/// Two indexes. Names, k-mers and occurrences of either, what they share, and shares from 0 to 1.
#[derive(Serialize)]
struct Pair {
    a: String,
    b: String,
    kmers_a: u64,
    kmers_b: u64,
    shared_kmers: u64,
    jaccard: f64,
    containment_a: f64,
    containment_b: f64,
    occurrences_a: u64,
    occurrences_b: u64,
    shared_occurrences: u64,
    weighted_jaccard: f64,
    weighted_containment_a: f64,
    weighted_containment_b: f64,
}

const HEADER: &str = "#a\tb\tkmers_a\tkmers_b\tshared_kmers\tjaccard\tcontainment_a\tcontainment_b\toccurrences_a\t\
                      occurrences_b\tshared_occurrences\tweighted_jaccard\tweighted_containment_a\t\
                      weighted_containment_b\n";

impl Pair {
    fn of(comparison: &Comparison, names: &[String], a: usize, b: usize) -> Self {
        let (of_a, of_b, shared) = (comparison.overlap(a, a), comparison.overlap(b, b), comparison.overlap(a, b));
        let (jaccard, weighted_jaccard) = comparison.jaccard(a, b);
        let (containment_a, weighted_containment_a) = comparison.containment(a, b);
        let (containment_b, weighted_containment_b) = comparison.containment(b, a);
        Self {
            a: names[a].clone(),
            b: names[b].clone(),
            kmers_a: of_a.kmers,
            kmers_b: of_b.kmers,
            shared_kmers: shared.kmers,
            jaccard,
            containment_a,
            containment_b,
            occurrences_a: of_a.occurrences,
            occurrences_b: of_b.occurrences,
            shared_occurrences: shared.occurrences,
            weighted_jaccard,
            weighted_containment_a,
            weighted_containment_b,
        }
    }

    fn row(&self) -> String {
        format!(
            "{}\t{}\t{}\t{}\t{}\t{:.6}\t{:.6}\t{:.6}\t{}\t{}\t{}\t{:.6}\t{:.6}\t{:.6}\n",
            self.a,
            self.b,
            self.kmers_a,
            self.kmers_b,
            self.shared_kmers,
            self.jaccard,
            self.containment_a,
            self.containment_b,
            self.occurrences_a,
            self.occurrences_b,
            self.shared_occurrences,
            self.weighted_jaccard,
            self.weighted_containment_a,
            self.weighted_containment_b
        )
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let Arguments { indexes, matrix, svg, header } = arguments;
    header.check(!settings.json, "the table of pairs")?;
    // Files that cannot be written are found before the work.
    let file = |path: &Option<PathBuf>, flag: &str| -> Result<Option<(Output, PathBuf)>> {
        let Some(path) = path else { return Ok(None) };
        settings.check_second_output(path, flag)?;
        Ok(Some((Output::create(Some(path), settings.force)?, path.clone())))
    };
    let (matrix, svg) = (file(&matrix, "--matrix")?, file(&svg, "--svg")?);
    let sets = KmerSets::new(&indexes, &settings.default_options(), &settings.budget)?;
    warn_of_filters(&sets, settings);
    let comparison = settings.on_pool(|| Comparison::of(&sets, &settings.progress))?;
    let names: Vec<String> = indexes.iter().map(|folder| name_of(folder)).collect();
    let jaccard = |a: usize, b: usize| if a == b { 1.0 } else { comparison.jaccard(a, b).0 };
    if let Some((output, path)) = matrix {
        write(output, &path, &square(&names, jaccard))?;
    }
    if let Some((output, path)) = svg {
        let title = format!("Jaccard index of k-mers, k = {}", sets.codec().k());
        write(output, &path, &heat_map_svg(&title, &names, jaccard))?;
    }
    let pairs = || (0..names.len()).flat_map(|a| (a + 1..names.len()).map(move |b| (a, b)));
    let pairs = pairs().map(|(a, b)| Pair::of(&comparison, &names, a, b));
    if !settings.json {
        return settings.print(&(header.before(HEADER).to_owned() + &pairs.map(|pair| pair.row()).collect::<String>()));
    }
    let member = |(at, index): (usize, &String)| {
        let (all, parameters) = (comparison.overlap(at, at), &sets.manifests()[at].parameters);
        Member {
            index: index.clone(),
            kmers: all.kmers,
            occurrences: all.occurrences,
            min_frequency: parameters.min_frequency,
            max_frequency: parameters.max_frequency,
        }
    };
    let indexes = names.iter().enumerate().map(member).collect();
    let document = Document { k: sets.codec().k(), indexes, pairs: pairs.collect() };
    settings.print(&(json(&document)? + "\n"))
}

/// An index that leaves out k-mers by their frequency shares fewer than its genome does.
pub(crate) fn warn_of_filters(sets: &KmerSets, settings: &Settings) {
    let filtered: Vec<String> = sets.filtered().map(|(folder, _)| folder.display().to_string()).collect();
    if !filtered.is_empty() {
        let names = filtered.join(", ");
        settings.warn(&format!(
            "{names}: k-mers are left out by their frequency, and count as absent; to compare whole genomes, build with \
             --min-frequency 1 and without --max-frequency"
        ));
    }
}

/// The name of an index in results: that of its folder, as given.
fn name_of(folder: &Path) -> String {
    folder.display().to_string().replace(['\t', '\n'], " ")
}

fn write(mut output: Output, path: &Path, text: &str) -> Result<()> {
    output.write_all(text.as_bytes()).map_err(|e| Error::io("write", path, e))?;
    output.finish()
}

/// A square table with names above and before it.
fn square(names: &[String], value: impl Fn(usize, usize) -> f64) -> String {
    let mut out = format!("#index\t{}\n", names.join("\t"));
    for (a, name) in names.iter().enumerate() {
        let row: Vec<String> = (0..names.len()).map(|b| format!("{:.6}", value(a, b))).collect();
        out += &format!("{name}\t{}\n", row.join("\t"));
    }
    out
}
