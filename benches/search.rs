//! A library against a genome: seeds, extension and alignment, as in `annotate` and `query --hits`.
//! `cargo bench --bench search`

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::{Failure, build, measuring, write_fasta};
use criterion::{Criterion, SamplingMode, Throughput};
use reprise::align::{Library, SearchOptions, search};
use reprise::memory::Budget;
use reprise::simulate::{Simulation, SimulationOptions};
use reprise::{Index, Silent};

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let mut group = criterion.benchmark_group("search");
    for (name, divergence) in [("young copies", (10, 100)), ("old copies", (100, 250))] {
        let bases = if measuring() { 4 << 20 } else { 1 << 16 };
        let options = SimulationOptions { bases, contigs: 1, divergence, ..SimulationOptions::default() };
        let simulation = Simulation::new(&options);
        let genome = folder.path().join("genome.fa");
        let target = folder.path().join(name);
        write_fasta(&genome, &simulation.contigs[0])?;
        build(&genome, &target, 13, 2)?;
        let index = Index::open(&target)?;
        let mut library = Library::default();
        for family in simulation.families {
            library.push(family.name, family.consensus);
        }
        let budget = Budget::new(common::MEMORY);
        group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Bytes(bases as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                black_box(search(&index, &library, &SearchOptions::default(), &budget, &Silent).expect("a search"))
            })
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
