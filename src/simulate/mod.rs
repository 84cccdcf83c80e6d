//! Genomes with repeats in which every copy is known: only there can the results of a repeat finder be measured. Tests,
//! benchmarks and the command `simulate` make them.
//!
//! Families have whole, truncated and internal copies on either strand, between target site duplications, with
//! substitutions and indels according to the family's age. Some copies contain another one, and of families with long
//! terminal repeats some copies are a lone terminal repeat (`inserts`, `mutation`). Tandem arrays and duplicated
//! segments, which are no families, lie between them (`assembly`). The same options make the same bytes on any
//! machine: all arithmetic is in integers.

mod assembly;
mod inserts;
mod mutation;
mod options;
mod truth;

use assembly::{assemble, cut_contigs, plant_copies};
use inserts::Planter;

pub use inserts::{Planted, random_families};
pub use options::SimulationOptions;
pub use truth::{Origin, TrueCopy};

use crate::random::Random;

/// A genome and the truth about it.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// Letters of each contig.
    pub contigs: Vec<Vec<u8>>,
    /// The families whose copies were inserted.
    pub families: Vec<Planted>,
    /// Every interval of known origin, by contig and position.
    pub copies: Vec<TrueCopy>,
}

impl Simulation {
    /// Makes a genome with random families.
    pub fn new(options: &SimulationOptions) -> Self {
        // The families have a generator of their own, so that a library changes nothing else.
        let families = random_families(&mut Random::new(!options.seed), options.families, options.gc);
        Self::of(options, families)
    }

    /// Makes a genome with these families, of 100 bases or more each; `options.families` is not used.
    pub fn of(options: &SimulationOptions, families: Vec<Planted>) -> Self {
        let mut random = Random::new(options.seed);
        let (young, old) = options.divergence;
        let ages = families.iter().map(|_| young + random.bits() % (old - young + 1)).collect();
        let (fewest, most) = options.copies;
        let mut others = Vec::new();
        for family in 0..families.len() {
            let copies = random.log_uniform(fewest.max(1), most);
            others.extend(std::iter::repeat_n(family, copies.saturating_sub(fewest)));
        }
        random.shuffle(&mut others);
        let mut planter = Planter { random, options, families: &families, ages, insertions: 0 };
        let inserts = plant_copies(&mut planter, others);
        let (genome, copies) = assemble(planter, inserts);
        let (contigs, copies) = cut_contigs(&genome, &copies, options.contigs);
        Self { contigs, families, copies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::reverse_complement_letters;

    #[test]
    fn young_copies_lie_at_their_true_positions() {
        let options = SimulationOptions { bases: 300_000, divergence: (0, 0), seed: 9, ..SimulationOptions::default() };
        let simulation = Simulation::new(&options);
        let mut seen = vec![0; simulation.families.len()];
        for copy in &simulation.copies {
            let Origin::Family(family) = copy.origin else { continue };
            seen[family] += 1;
            let letters = &simulation.contigs[copy.contig][copy.range.clone()];
            let read = if copy.reverse { reverse_complement_letters(letters) } else { letters.to_vec() };
            // At 0.2 % most of the 50-mers are unchanged.
            let text = &simulation.families[family].consensus;
            let pieces: Vec<&[u8]> = read.chunks_exact(50).collect();
            let near = text.windows(50).filter(|window| pieces.contains(window)).count();
            assert!(pieces.len() < 3 || near * 10 >= pieces.len() * 5, "{copy:?}: {near} of {}", pieces.len());
        }
        assert!(seen.iter().all(|&copies| copies >= 3), "{seen:?}");
        assert!(simulation.copies.iter().any(|copy| copy.origin == Origin::Tandem));
        assert!(simulation.copies.iter().filter(|copy| copy.origin == Origin::Duplication).count() >= 2);
    }

    #[test]
    fn every_seed_and_shape_is_made() {
        for seed in 0..40 {
            let options = SimulationOptions {
                seed,
                bases: 20_000 + 1000 * seed as usize,
                contigs: 1 + seed as usize % 4,
                families: 1 + seed as usize % 7,
                copies: (1 + seed as usize % 3, 4),
                nested: seed as usize % 3,
                others: seed as usize % 4,
                ..SimulationOptions::default()
            };
            let (one, other) = (Simulation::new(&options), Simulation::new(&options));
            assert_eq!(one.contigs, other.contigs);
            assert_eq!(one.copies, other.copies);
            assert_eq!((one.contigs.len(), one.families.len()), (options.contigs, options.families));
            for copy in &one.copies {
                assert!(copy.range.end <= one.contigs[copy.contig].len());
            }
        }
    }
}
