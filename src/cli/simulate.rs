//! `simulate`: writes a genome whose repeats are known, to measure searches against.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::help::{FAMILIES, GENOME, INPUT};
use crate::cli::{Settings, grouped};
use crate::fs::Output;
use crate::memory::{Component, Reservation};
use crate::sequence::{SequenceReader, Source};
use crate::simulate::{Origin, Planted, Simulation, SimulationOptions};
use crate::{Error, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = GENOME)]
pub(crate) struct Arguments {
    /// Plant the sequences of FILE instead of random families
    ///
    /// FILE is FASTA: sequences of 100 to 20,000 bases of A, C, G and T.
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    library: Option<PathBuf>,
    /// Approximate length of the genome in bases
    #[arg(long, value_name = "N", default_value_t = 2_000_000,
          value_parser = clap::value_parser!(u64).range(10_000..=2_000_000_000))]
    bases: u64,
    /// Seed of the random numbers
    ///
    /// The same arguments produce the same bytes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Number of families
    ///
    /// With --library, a random selection of N sequences.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..),
          help_heading = FAMILIES)]
    families: u16,
    /// Number of contigs, all of the same length
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    contigs: u16,
    /// Range of the number of insertions of a family
    #[arg(long, value_name = "MIN-MAX", default_value = "3-100", value_parser = range, help_heading = FAMILIES)]
    copies: (u64, u64),
    /// Range of the divergence of a family, in percent
    ///
    /// It is the percentage of bases in which a copy differs from its consensus.
    #[arg(long, value_name = "MIN-MAX", default_value = "1-25", value_parser = percents, help_heading = FAMILIES)]
    divergence: (u64, u64),
    /// Percentage of the genome covered by copies of families
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u8).range(0..=75),
          help_heading = FAMILIES)]
    repeats: u8,
    /// Percentage of G and C outside the copies
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u8).range(5..=95))]
    gc: u8,
}

/// Minimum bases of a sequence of a library that is inserted, as the help of `--library` states.
const MIN_CONSENSUS: usize = 100;
/// Maximum bases of a sequence of a library that is inserted.
const MAX_CONSENSUS: usize = 20_000;

/// Reads a range of numbers.
fn range(text: &str) -> Result<(u64, u64), String> {
    let numbers = text.split_once('-').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    match numbers {
        Some((low, high)) if low >= 1 && low <= high && high <= 100_000 => Ok((low, high)),
        _ => Err("a range is the smallest and the largest number, such as 3-100".to_owned()),
    }
}

/// Reads a range of percentages.
fn percents(text: &str) -> Result<(u64, u64), String> {
    let (low, high) = range(text)?;
    if high > 30 {
        Err("copies that differ by more than 30 % cannot be distinguished from chance".to_owned())
    } else {
        Ok((low, high))
    }
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let Some(folder) = &settings.output else {
        return Err(Error::Usage("simulate writes several files; name their folder with -o".to_owned()));
    };
    // Insertions, background, genome and contigs are in memory at the same time.
    let mut reservation = settings.budget.reserve(Component::Input, 4 * arguments.bases, "a simulated genome")?;
    let options = SimulationOptions {
        seed: arguments.seed,
        bases: arguments.bases as usize,
        contigs: arguments.contigs.into(),
        families: arguments.families.into(),
        copies: (arguments.copies.0 as usize, arguments.copies.1 as usize),
        divergence: (arguments.divergence.0 * 10, arguments.divergence.1 * 10),
        repeats: arguments.repeats.into(),
        gc: u64::from(arguments.gc) * 10,
        ..SimulationOptions::default()
    };
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
    let mut files = Files::create(folder, settings.force)?;
    let simulation = match &arguments.library {
        None => Simulation::new(&options),
        Some(path) => {
            Simulation::of(&options, planted(&Source::new(path).within(&settings.budget), &options, &mut reservation)?)
        }
    };
    files.write(&simulation).map_err(|e| Error::io("write", folder, e))?;
    files.finish()?;
    if settings.quiet {
        return Ok(());
    }
    let bases: usize = simulation.contigs.iter().map(Vec::len).sum();
    let copies = simulation.copies.iter().filter(|copy| matches!(copy.origin, Origin::Family(_)));
    let covered: usize = copies.clone().map(|copy| copy.range.len()).sum();
    let mut insertions: Vec<usize> = copies.map(|copy| copy.insertion).collect();
    insertions.sort_unstable();
    insertions.dedup();
    if settings.json {
        let json = serde_json::json!({
            "folder": folder.to_string_lossy(),
            "bases": bases,
            "contigs": simulation.contigs.len(),
            "families": simulation.families.len(),
            "copies": insertions.len(),
            "bases_in_copies": covered,
        });
        return settings.print_summary(&json.to_string());
    }
    settings.progress.line(&format!(
        "{}: {} bases, {} copies of {} families, {:.1} % of the genome",
        folder.display(),
        grouped(bases as u64),
        insertions.len(),
        simulation.families.len(),
        crate::units::per_cent(covered as u64, bases as u64)
    ));
    Ok(())
}

/// Sequences of a library that can be inserted, in random order.
fn planted(source: &Source, options: &SimulationOptions, reservation: &mut Reservation) -> Result<Vec<Planted>> {
    let mut reader = SequenceReader::open(source)?;
    let mut families = Vec::new();
    while let Some(head) = reader.next_record()? {
        let name = head.name.replace(['\\', '/'], "_");
        let mut consensus = Vec::new();
        while let Some(bases) = reader.next_bases()? {
            // A longer one is not inserted, so there is no need to store it.
            if consensus.len() <= MAX_CONSENSUS {
                consensus.extend(bases.iter().map(u8::to_ascii_uppercase));
            }
        }
        if (MIN_CONSENSUS..=MAX_CONSENSUS).contains(&consensus.len())
            && consensus.iter().all(|base| b"ACGT".contains(base))
        {
            let bytes = name.capacity() + consensus.capacity() + 2 * size_of::<Planted>();
            reservation.grow(bytes as u64, "a library")?;
            families.push(Planted { name, consensus, terminal: 0 });
        }
    }
    if families.is_empty() {
        return Err(Error::input(
            source.path(),
            None,
            "it has no sequence of 100 to 20,000 bases that are all A, C, G or T",
        ));
    }
    crate::random::Random::new(!options.seed).shuffle(&mut families);
    families.truncate(options.families);
    Ok(families)
}

/// The files of a simulation, which are published together.
struct Files {
    genome: Output,
    library: Output,
    truth: Output,
    negatives: Output,
    summary: Output,
}

impl Files {
    fn create(folder: &Path, force: bool) -> Result<Self> {
        let create = |name: &str| Output::create(Some(&folder.join(name)), force);
        Ok(Self {
            genome: create("genome.fa")?,
            library: create("library.fa")?,
            truth: create("truth.bed")?,
            negatives: create("negatives.bed")?,
            summary: create("summary.tsv")?,
        })
    }

    fn write(&mut self, simulation: &Simulation) -> std::io::Result<()> {
        let name_of = |contig: usize| format!("chr{}", contig + 1);
        for (number, contig) in simulation.contigs.iter().enumerate() {
            fasta(&mut self.genome, &name_of(number), contig)?;
        }
        for family in &simulation.families {
            fasta(&mut self.library, &family.name, &family.consensus)?;
        }
        for copy in &simulation.copies {
            let (contig, start, end) = (name_of(copy.contig), copy.range.start, copy.range.end);
            let strand = if copy.reverse { '-' } else { '+' };
            let name = match copy.origin {
                Origin::Family(family) => &simulation.families[family].name,
                Origin::Tandem => "tandem",
                Origin::Duplication => {
                    writeln!(self.negatives, "{contig}\t{start}\t{end}\tduplication")?;
                    continue;
                }
            };
            writeln!(
                self.truth,
                "{contig}\t{start}\t{end}\t{name}\t{}\t{strand}\t{}\t{}\t{}",
                copy.divergence, copy.insertion, copy.consensus.start, copy.consensus.end
            )?;
        }
        self.summary.write_all(summary(simulation).as_bytes())
    }

    fn finish(self) -> Result<()> {
        let Self { genome, library, truth, negatives, summary } = self;
        Output::finish_all(vec![genome, library, truth, negatives, summary])
    }
}

/// The table of families: how much of each is in the genome.
fn summary(simulation: &Simulation) -> String {
    let mut table = "family\tlength\tcopies\tfull_length\tbases\tmean_divergence\tcovered_by_3\n".to_owned();
    for (number, family) in simulation.families.iter().enumerate() {
        let mut own: Vec<_> = simulation.copies.iter().filter(|copy| copy.origin == Origin::Family(number)).collect();
        let bases: usize = own.iter().map(|copy| copy.range.len()).sum();
        let length = family.consensus.len();
        let mut depth = vec![0u32; length];
        for copy in &own {
            depth[copy.consensus.clone()].iter_mut().for_each(|at| *at += 1);
        }
        let shown = depth.iter().filter(|&&copies| copies >= 3).count();
        // A copy that a later insertion interrupted is counted once, over all its parts.
        own.sort_by_key(|copy| copy.insertion);
        let whole: Vec<_> = own.chunk_by(|a, b| a.insertion == b.insertion).collect();
        let full =
            whole.iter().filter(|parts| parts.iter().map(|p| p.consensus.len()).sum::<usize>() * 20 >= length * 19);
        let divergence: u64 = whole.iter().map(|parts| parts[0].divergence).sum();
        let _ = writeln!(
            table,
            "{}\t{length}\t{}\t{}\t{bases}\t{:.3}\t{:.3}",
            family.name,
            whole.len(),
            full.count(),
            divergence as f64 / 1000.0 / whole.len().max(1) as f64,
            shown as f64 / length as f64
        );
    }
    table
}

fn fasta(output: &mut Output, name: &str, letters: &[u8]) -> std::io::Result<()> {
    writeln!(output, ">{name}")?;
    for line in letters.chunks(80) {
        output.write_all(line)?;
        output.write_all(b"\n")?;
    }
    Ok(())
}
