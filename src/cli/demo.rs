//! `demo`: builds and queries the index of a small simulated genome, to show a newcomer what an index is for.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::builder::{BuildOptions, build_index};
use crate::cli::common_arguments::TemporaryArguments;
use crate::cli::help::GENOME;
use crate::cli::{Settings, grouped, pretty_json};
use crate::fs::{Output, TemporaryFolder};
use crate::index::{OpenOptions, Position};
use crate::memory::Component;
use crate::random::Random;
use crate::sequence::Source;
use crate::sequence::reverse_complement_letters;
use crate::units::human_bytes;
use crate::{Error, Index, Result, Silent};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = GENOME)]
pub(crate) struct Arguments {
    /// Length of the genome in bases
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u64).range(100_000..=200_000_000))]
    bases: u64,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    temporary: TemporaryArguments,
}

/// A repeat of the genome.
#[derive(Serialize)]
struct PlantedRepeat {
    name: &'static str,
    length: usize,
    copies: usize,
    /// Percentage of bases that differ in each copy.
    divergence: u64,
    #[serde(skip)]
    bases: Vec<u8>,
    #[serde(skip)]
    /// Contig and start of each copy.
    starts: Vec<(usize, usize)>,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    // Without -o nothing is left behind.
    let demo = |folder: &Path| settings.on_pool(|| demo(&arguments, settings, folder));
    let demo = match &settings.output {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
            demo(folder)?
        }
        None => demo(TemporaryFolder::new("reprise-demo", arguments.temporary.tmpdir.as_deref())?.path())?,
    };
    if settings.json {
        return crate::fs::print(&(pretty_json(&demo)? + "\n"));
    }
    crate::fs::print(&demo.text(settings.output.as_deref()))
}

/// The data and results of the demo.
#[derive(Serialize)]
struct Demo {
    seed: u64,
    bases: u64,
    contigs: usize,
    repeats: Vec<PlantedRepeat>,
    index: DemoIndex,
    lookups: Vec<LookUp>,
    /// Share of repeated k-mers along chr1, in [`MARKS`] parts of equal length.
    repeated_along_chr1: Vec<f64>,
}

#[derive(Serialize)]
struct DemoIndex {
    k: u32,
    distinct_kmers: u64,
    repeated_kmers: u64,
    bytes: u64,
    seconds: f64,
}

/// A look-up of the most frequent k-mer of a repeat.
#[derive(Serialize)]
struct LookUp {
    name: &'static str,
    kmer: String,
    frequency: u64,
    in_planted_copies: usize,
    /// Its first positions: contig:start:strand.
    first: Vec<String>,
}

fn demo(arguments: &Arguments, settings: &Settings, folder: &Path) -> Result<Demo> {
    let fasta: PathBuf = folder.join("demo.fa");
    let target = folder.join("demo.reprise");
    // Each base is in the genome and in the text of the file, which doubles as it grows.
    let reservation = settings.budget.reserve(Component::Input, 4 * arguments.bases, "the genome of the demo")?;
    let (genome, planted) = genome(arguments.bases as usize, arguments.seed);
    let mut text = String::new();
    for (number, contig) in genome.iter().enumerate() {
        let _ = writeln!(text, ">chr{}", number + 1);
        for line in contig.chunks(80) {
            text.extend(line.iter().map(|&b| char::from(b)));
            text.push('\n');
        }
    }
    let mut output = Output::create(Some(&fasta), settings.force)?;
    output.write_all(text.as_bytes()).map_err(|e| Error::io("write", &fasta, e))?;
    output.finish()?;
    drop((text, genome, reservation));

    let temporary_folder = arguments.temporary.tmpdir.clone();
    let options = BuildOptions { force: settings.force, temporary_folder, ..BuildOptions::default() };
    let start = std::time::Instant::now();
    let report = build_index(&[Source::new(&fasta)], &target, &options, &settings.budget, &Silent)?;
    let manifest = &report.manifest;
    let seconds = start.elapsed().as_secs_f64();

    let index = Index::open_with(&target, &OpenOptions::default(), &settings.budget)?;
    let contigs = index.contigs()?;
    let mut lookups = Vec::new();
    let mut batch = index.batch();
    for repeat in &planted {
        let kmers: Vec<u64> =
            repeat.bases.windows(index.k() as usize).filter_map(|window| index.encode(window).ok()).collect();
        let frequencies = batch.frequencies(&kmers)?;
        let Some((&kmer, &frequency)) = kmers.iter().zip(frequencies).max_by_key(|(_, f)| **f) else { continue };
        let positions = index.positions(kmer)?;
        let inside = |p: &&Position| {
            let covers = |at: usize| (at..at + repeat.length).contains(&(p.start as usize));
            repeat.starts.iter().any(|&(contig, at)| contig == p.contig as usize && covers(at))
        };
        let location = |p: &Position| format!("{}:{}:{}", contigs[p.contig as usize].name, p.start, p.strand.symbol());
        lookups.push(LookUp {
            name: repeat.name,
            kmer: index.codec().decode(kmer),
            frequency,
            in_planted_copies: positions.iter().filter(inside).count(),
            first: positions.iter().take(3).map(location).collect(),
        });
    }

    let step = contigs[0].length / MARKS;
    let mut repeated_along_chr1 = Vec::new();
    for mark in 0..MARKS {
        let bases = index.bases(&contigs[0].name, mark * step..(mark + 1) * step)?;
        let kmers: Vec<u64> =
            bases.as_bytes().windows(index.k() as usize).filter_map(|window| index.encode(window).ok()).collect();
        let repeated = batch.frequencies(&kmers)?.iter().filter(|&&f| f > 1).count();
        repeated_along_chr1.push(repeated as f64 / kmers.len().max(1) as f64);
    }
    Ok(Demo {
        seed: arguments.seed,
        bases: arguments.bases,
        contigs: contigs.len(),
        repeats: planted,
        index: DemoIndex {
            k: manifest.parameters.k,
            distinct_kmers: manifest.actual.distinct_kmers,
            repeated_kmers: manifest.actual.repeated_kmers,
            bytes: manifest.bytes(),
            seconds,
        },
        lookups,
        repeated_along_chr1,
    })
}

impl Demo {
    /// The demo as a text; `folder` contains its files.
    fn text(&self, folder: Option<&Path>) -> String {
        let mut text = String::new();
        let Self { seed, bases, contigs, repeats, index, lookups, repeated_along_chr1 } = self;
        let _ = writeln!(
            text,
            "1. A genome of {} bases in {contigs} contigs (seed {seed}), with repeats planted:",
            grouped(*bases)
        );
        for PlantedRepeat { name, length, copies, divergence, .. } in repeats {
            let _ = writeln!(text, "     {name:<10} {length:>5} bases, {copies:>3} copies, {divergence}% diverged");
        }
        let _ = writeln!(
            text,
            "\n2. reprise build-index demo.fa   k {}, {} distinct k-mers, {} repeated; {} on disk, {:.2} s",
            index.k,
            grouped(index.distinct_kmers),
            grouped(index.repeated_kmers),
            human_bytes(index.bytes),
            index.seconds
        );
        let _ = writeln!(text, "\n3. The most frequent k-mer of each repeat, looked up, and its positions:");
        for LookUp { name, kmer, frequency, in_planted_copies, first } in lookups {
            let first = first.join(", ");
            let _ = writeln!(
                text,
                "     {name:<10} {kmer}  {frequency:>3} times, {in_planted_copies} in planted copies: {first}, ..."
            );
        }
        let _ = writeln!(text, "\n4. Share of k-mers that are repeated, along chr1 (each mark is a {MARKS}th):");
        let mark = |share: &f64| [' ', '.', ':', '-', '=', '+', '*', '#'][((share * 8.0) as usize).min(7)];
        let _ = writeln!(text, "     [{}]", repeated_along_chr1.iter().map(mark).collect::<String>());
        let _ = match folder {
            Some(folder) => writeln!(text, "\nGenome and index are in {}.", folder.display()),
            None => writeln!(text, "\nNow your own: reprise build-index GENOME.fa && reprise info GENOME.reprise"),
        };
        text
    }
}

/// Parts of chr1 in the drawing, a character each.
const MARKS: u64 = 80;
/// Bases of a slot, which has at most one copy: longer than each of the repeats.
const SLOT: usize = 8000;

/// Two contigs of random bases with copies of four repeats, on either strand, that do not overlap.
fn genome(bases: usize, seed: u64) -> (Vec<Vec<u8>>, Vec<PlantedRepeat>) {
    let mut random = Random::new(seed);
    let long = bases / 5 * 3;
    let mut contigs = vec![random.bases(long), random.bases(bases - long)];
    let mut planted = Vec::new();
    let mut free: Vec<(usize, usize)> =
        (0..2).flat_map(|c| (0..contigs[c].len() / SLOT).map(move |s| (c, s * SLOT))).collect();
    for (name, length, share, divergence) in
        [("young LTR", 5200, 9, 0), ("SINE-like", 300, 3, 4), ("old LINE", 2400, 9, 12), ("satellite", 1710, 40, 2)]
    {
        let unit = random.bases(if name == "satellite" { 171 } else { length });
        let family: Vec<u8> = unit.iter().copied().cycle().take(length).collect();
        let copies = (bases / SLOT / share).max(2).min(free.len());
        let mut starts = Vec::new();
        for _ in 0..copies {
            let (contig, start) = free.swap_remove(random.below(free.len()));
            let at = start + random.below(SLOT - length);
            let mut copy = family.clone();
            if random.below(2) == 1 {
                copy = reverse_complement_letters(&copy);
            }
            for base in &mut copy {
                if random.below(100) < divergence {
                    *base = b"ACGT"[random.below(4)];
                }
            }
            contigs[contig][at..at + length].copy_from_slice(&copy);
            starts.push((contig, at));
        }
        planted.push(PlantedRepeat { name, length, copies, divergence: divergence as u64, bases: family, starts });
    }
    (contigs, planted)
}
