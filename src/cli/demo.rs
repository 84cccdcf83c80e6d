use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Settings, grouped};
use crate::build::{BuildOptions, build_index};
use crate::index::{Index, OpenOptions};
use crate::memory::{Component, human_bytes};
use crate::output::Output;
use crate::repeats::simulate::{Random, reverse_complement};
use crate::sequence::Source;
use crate::temporary::TemporaryFolder;
use crate::{Error, Result, Silent};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Bases of the genome
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100_000..=200_000_000))]
    bases: u64,
    /// Seed of the genome
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// A repeat that was planted.
struct Planted {
    name: &'static str,
    length: usize,
    copies: usize,
    /// Per cent of bases changed in each copy.
    divergence: u64,
    bases: Vec<u8>,
    places: Vec<(usize, usize)>,
}

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    // With -o the demo stays, without it goes.
    let demo = |folder: &Path| settings.on_pool(|| demo(&arguments, settings, folder));
    let text = match &settings.output {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
            demo(folder)?
        }
        None => demo(TemporaryFolder::new("reprise-demo")?.path())?,
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(|e| Error::io("write", "the output", e))
}

fn demo(arguments: &Arguments, settings: &Settings, folder: &Path) -> Result<String> {
    let fasta: PathBuf = folder.join("demo.fa");
    let target = folder.join("demo.reprise");
    // Each base in the genome, in the text of the file, and as that grows.
    let held = settings.budget.reserve(Component::Input, 4 * arguments.bases, "the genome of the demo")?;
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
    drop(text);
    let contigs = genome.len();
    drop((genome, held));

    let mut said = String::new();
    let _ = writeln!(
        said,
        "1. A genome of {} bases in {} contigs (seed {}), with repeats planted:",
        grouped(arguments.bases),
        contigs,
        arguments.seed
    );
    for repeat in &planted {
        let _ = writeln!(
            said,
            "     {:<10} {:>5} bases, {:>3} copies, {}% diverged",
            repeat.name, repeat.length, repeat.copies, repeat.divergence
        );
    }

    let options = BuildOptions { force: settings.force, ..BuildOptions::default() };
    let start = std::time::Instant::now();
    let report = build_index(&[Source::new(&fasta)], &target, &options, &settings.budget, &Silent)?;
    let manifest = &report.manifest;
    let _ = writeln!(
        said,
        "\n2. reprise build-index demo.fa   k {}, {} distinct k-mers, {} repeated; {} on disk, {:.2} s",
        manifest.parameters.k,
        grouped(manifest.actual.distinct_kmers),
        grouped(manifest.actual.repeated_kmers),
        human_bytes(manifest.bytes()),
        start.elapsed().as_secs_f64()
    );

    let index = Index::open_with(&target, &OpenOptions::default(), &settings.budget)?;
    let contigs = index.contigs()?;
    let _ = writeln!(said, "\n3. The most frequent k-mer of each repeat, looked up, and where it lies:");
    let mut batch = index.batch();
    for repeat in &planted {
        let kmers: Vec<u64> =
            repeat.bases.windows(index.k() as usize).filter_map(|window| index.encode(window).ok()).collect();
        let frequencies = batch.frequencies(&kmers)?;
        let Some((&kmer, &frequency)) = kmers.iter().zip(frequencies).max_by_key(|(_, f)| **f) else { continue };
        let positions = index.positions(kmer)?;
        let inside = positions
            .iter()
            .filter(|p| {
                repeat.places.iter().any(|&(contig, at)| {
                    contig == p.contig as usize && (at..at + repeat.length).contains(&(p.start as usize))
                })
            })
            .count();
        let first: Vec<String> = positions
            .iter()
            .take(3)
            .map(|p| format!("{}:{}:{}", contigs[p.contig as usize].name, p.start, p.strand.symbol()))
            .collect();
        let _ = writeln!(
            said,
            "     {:<10} {}  {frequency:>3} times, {inside} in planted copies: {}, ...",
            repeat.name,
            index.codec().decode(kmer),
            first.join(", ")
        );
    }

    let _ = writeln!(said, "\n4. Share of k-mers that are repeated, along chr1 (each mark is a {}th):", MARKS);
    let row = |share: f64| [' ', '.', ':', '-', '=', '+', '*', '#'][((share * 8.0) as usize).min(7)];
    let step = contigs[0].length / MARKS;
    let mut bar = String::new();
    for mark in 0..MARKS {
        let bases = index.bases(&contigs[0].name, mark * step..(mark + 1) * step)?;
        let kmers: Vec<u64> =
            bases.as_bytes().windows(index.k() as usize).filter_map(|window| index.encode(window).ok()).collect();
        let repeated = batch.frequencies(&kmers)?.iter().filter(|&&f| f > 1).count();
        bar.push(row(repeated as f64 / kmers.len().max(1) as f64));
    }
    let _ = writeln!(said, "     [{bar}]");
    let _ = match &settings.output {
        Some(folder) => writeln!(said, "\nGenome and index are in {}.", folder.display()),
        None => writeln!(said, "\nNow your own: reprise build-index GENOME.fa && reprise info GENOME.reprise"),
    };
    Ok(said)
}

const MARKS: u64 = 80;

/// Two contigs of random bases with copies of four repeats written over them, on either strand, apart from each other.
fn genome(bases: usize, seed: u64) -> (Vec<Vec<u8>>, Vec<Planted>) {
    let mut random = Random::new(seed);
    let long = bases / 5 * 3;
    let mut contigs = vec![random.bases(long), random.bases(bases - long)];
    let mut planted = Vec::new();
    // Places are slots, so that no copy is written over another.
    let slot = 8000;
    let mut free: Vec<(usize, usize)> =
        (0..2).flat_map(|c| (0..contigs[c].len() / slot).map(move |s| (c, s * slot))).collect();
    for (name, length, share, divergence) in
        [("young LTR", 5200, 9, 0), ("SINE-like", 300, 3, 4), ("old LINE", 2400, 9, 12), ("satellite", 1710, 40, 2)]
    {
        let unit = random.bases(if name == "satellite" { 171 } else { length });
        let family: Vec<u8> = unit.iter().copied().cycle().take(length).collect();
        let copies = (bases / slot / share).max(2).min(free.len());
        let mut places = Vec::new();
        for _ in 0..copies {
            let (contig, start) = free.swap_remove(random.below(free.len()));
            let at = start + random.below(slot - length);
            let mut copy = family.clone();
            if random.below(2) == 1 {
                copy = reverse_complement(&copy);
            }
            for base in &mut copy {
                if random.below(100) < divergence {
                    *base = b"ACGT"[random.below(4)];
                }
            }
            contigs[contig][at..at + length].copy_from_slice(&copy);
            places.push((contig, at));
        }
        planted.push(Planted { name, length, copies, divergence: divergence as u64, bases: family, places });
    }
    (contigs, planted)
}
