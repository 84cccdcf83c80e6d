//! Genomes with repeats of which every copy is known: for tests, for the demo, and to measure what is found.
//!
//! Families are full-length, truncated or internal copies of a consensus, on either strand, between target-site
//! duplications, with substitutions and indels of the family's age; some hold another copy, and of families with long
//! terminal repeats some are a lone one. Tandem arrays and duplicated stretches, which are no families, lie between them.
//! The same options give the same bytes on any machine: all arithmetic is in integers.

use std::ops::Range;

use crate::random::Random;
use crate::sequence::reverse_complement_letters;

/// A repeat to plant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// Name, with `#class` where there is one.
    pub name: String,
    /// Letters ACGT.
    pub consensus: Vec<u8>,
    /// Bases of each of its long terminal repeats; 0 where it has none.
    pub terminal: usize,
}

/// What a genome is made of.
#[derive(Debug, Clone)]
pub struct SimulationOptions {
    /// Seed of all that is random.
    pub seed: u64,
    /// Bases of the genome, about: what is planted beyond the share of repeats comes on top.
    pub bases: usize,
    /// Contigs, of one length.
    pub contigs: usize,
    /// Families, where they are not given.
    pub families: usize,
    /// Insertions of a family, least and most; few are as likely as many.
    pub copies: (usize, usize),
    /// Age of a family, in bases per thousand in which a copy differs from its consensus, least and most.
    pub divergence: (u64, u64),
    /// Most of the genome that copies take, in per cent; every family has its least copies all the same.
    pub repeats: usize,
    /// G and C of what is not planted, per mille.
    pub gc: u64,
    /// One copy in how many holds another; 0 for none.
    pub nested: usize,
    /// Tandem arrays and duplicated stretches, each about this many per cent of the genome.
    pub others: usize,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            bases: 2_000_000,
            contigs: 3,
            families: 12,
            copies: (3, 100),
            divergence: (10, 250),
            repeats: 40,
            gc: 400,
            nested: 7,
            others: 2,
        }
    }
}

/// A stretch of the genome whose origin is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrueCopy {
    /// Number of the contig, from 0.
    pub contig: usize,
    /// Bases of the contig, 0-based, half-open.
    pub range: Range<usize>,
    /// What it is.
    pub origin: Origin,
    /// Number of the insertion, from 0: a copy that holds another, or that a contig's end cuts, has several stretches.
    pub insertion: usize,
    /// Whether the consensus reads on the reverse strand.
    pub reverse: bool,
    /// Bases per thousand that differ from the consensus, as planned.
    pub divergence: u64,
    /// Bases of the consensus, 0-based, half-open; exact up to the indels within the copy.
    pub consensus: Range<usize>,
}

/// What a stretch of a simulated genome is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A copy of the family of this number.
    Family(usize),
    /// A tandem array.
    Tandem,
    /// Both copies of a duplicated stretch of the background.
    Duplication,
}

/// A genome and the truth about it.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// Letters of each contig.
    pub contigs: Vec<Vec<u8>>,
    /// The families that were planted.
    pub families: Vec<Planted>,
    /// Every planted stretch, by place.
    pub copies: Vec<TrueCopy>,
}

/// Families as transposons are: short ones, DNA transposons and LINEs of middling length, retrotransposons with long
/// terminal repeats.
pub fn random_families(random: &mut Random, number: usize, gc: u64) -> Vec<Planted> {
    let family = |number: usize| {
        let (class, length, terminal) = match number % 4 {
            0 => ("SINE", random.within(180..500), 0),
            1 => ("DNA", random.within(800..3000), 0),
            2 => ("LINE", random.within(2500..6000), 0),
            _ => ("LTR", random.within(4000..8000), random.within(250..700)),
        };
        let mut consensus = random.composed(length, gc);
        consensus.copy_within(..terminal, length - terminal);
        Planted { name: format!("planted-{}#{class}", number + 1), consensus, terminal }
    };
    (0..number).map(family).collect()
}

/// A copy in the making: letters, and stretches relative to its start.
struct Insert {
    letters: Vec<u8>,
    stretches: Vec<TrueCopy>,
}

/// Changes `letters` by `divergence` per thousand: 85 of 100 changes are substitutions, two transitions to one
/// transversion, the others indels of three bases on average.
fn diverged(random: &mut Random, letters: &[u8], divergence: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(letters.len() + letters.len() / 16);
    let mut at = 0;
    while at < letters.len() {
        // 5.5 of 100 events, each of 2.9 bases on average, leave 15 of 100 changed bases in indels.
        if random.chance(divergence * 55) {
            let mut size = 1;
            while size < 30 && random.chance(650_000) {
                size += 1;
            }
            if random.below(2) == 0 {
                out.extend(random.bases(size));
            } else {
                at += size;
                continue;
            }
        }
        let letter = letters[at];
        at += 1;
        let substituted = random.chance(divergence * 850);
        let other = |random: &mut Random| match (letter, random.below(3)) {
            (b'A', 0..=1) => b'G',
            (b'G', 0..=1) => b'A',
            (b'C', 0..=1) => b'T',
            (b'T', 0..=1) => b'C',
            (b'A' | b'G', _) => b"CT"[random.below(2)],
            (_, _) => b"AG"[random.below(2)],
        };
        out.push(if substituted { other(random) } else { letter });
    }
    out
}

struct Planter<'a> {
    random: Random,
    options: &'a SimulationOptions,
    families: &'a [Planted],
    ages: Vec<u64>,
    insertions: usize,
}

impl Planter<'_> {
    fn next_insertion(&mut self) -> usize {
        self.insertions += 1;
        self.insertions - 1
    }

    /// A copy of `family`, with what it holds; `depth` copies hold it.
    fn copy(&mut self, family: usize, depth: usize) -> Insert {
        let planted = &self.families[family];
        let length = planted.consensus.len();
        let age = self.ages[family];
        // The mean of four is bell-shaped about the age, half of it to three halves.
        let spread: u64 = (0..4).map(|_| self.random.bits() % (age + 1)).sum();
        let divergence = (age / 2 + spread / 4).clamp(2, 300);
        let range = match self.random.below(20) {
            0..4 if planted.terminal > 0 => 0..planted.terminal,
            0..8 => 0..length,
            8..16 => self.random.within(0..length * 17 / 20 + 1)..length,
            _ => {
                let low = self.random.within(0..length - length.min(100) + 1);
                low..self.random.within((low + 100).min(length)..length + 1)
            }
        };
        let mut letters = diverged(&mut self.random, &planted.consensus[range.clone()], divergence);
        let reverse = self.random.below(2) == 1;
        if reverse {
            letters = reverse_complement_letters(&letters);
        }
        let insertion = self.next_insertion();
        let origin = Origin::Family(family);
        let stretch =
            |range, consensus| TrueCopy { contig: 0, range, origin, insertion, reverse, divergence, consensus };
        let holds = depth < 2 && letters.len() > 300 && self.options.nested > 0;
        if !holds || self.random.below(self.options.nested) > 0 {
            return Insert { stretches: vec![stretch(0..letters.len(), range)], letters };
        }
        let inner = self.random.below(self.families.len());
        let inner = self.copy(inner, depth + 1);
        let at = self.random.within(50..letters.len() - 50);
        let share = at * range.len() / letters.len();
        let split = if reverse { range.end - share } else { range.start + share };
        let (before, after) = (range.start..split, split..range.end);
        let (first, second) = if reverse { (after, before) } else { (before, after) };
        let end = at + inner.letters.len();
        let mut stretches = vec![stretch(0..at, first), stretch(end..end + letters.len() - at, second)];
        stretches.extend(inner.stretches.into_iter().map(|s| moved(s, at)));
        letters.splice(at..at, inner.letters);
        Insert { letters, stretches }
    }

    /// A tandem array of microsatellite or satellite units.
    fn tandem(&mut self) -> Insert {
        let unit = if self.random.below(5) < 4 { self.random.within(2..7) } else { self.random.within(80..340) };
        let unit = self.random.bases(unit);
        let length = self.random.within(60..2500).max(4 * unit.len());
        let array: Vec<u8> = unit.iter().copied().cycle().take(length).collect();
        let divergence = self.random.bits() % 80;
        let letters = diverged(&mut self.random, &array, divergence);
        self.other(letters, Origin::Tandem, divergence)
    }

    fn other(&mut self, letters: Vec<u8>, origin: Origin, divergence: u64) -> Insert {
        let (range, insertion) = (0..letters.len(), self.next_insertion());
        let stretch = TrueCopy { contig: 0, range, origin, insertion, reverse: false, divergence, consensus: 0..0 };
        Insert { letters, stretches: vec![stretch] }
    }
}

fn moved(stretch: TrueCopy, by: usize) -> TrueCopy {
    TrueCopy { range: stretch.range.start + by..stretch.range.end + by, ..stretch }
}

impl Simulation {
    /// Makes a genome with families of its own.
    pub fn new(options: &SimulationOptions) -> Self {
        let families = random_families(&mut Random::new(!options.seed), options.families, options.gc);
        Self::of(options, families)
    }

    /// Makes a genome with these families, which are of 100 bases or more; `options.families` is not used.
    pub fn of(options: &SimulationOptions, families: Vec<Planted>) -> Self {
        let mut random = Random::new(options.seed);
        let (young, old) = options.divergence;
        let ages = families.iter().map(|_| young + random.bits() % (old - young + 1)).collect();
        let (least, most) = options.copies;
        // The least copies of all families come first, then the others in random order until the share is reached.
        let mut others = Vec::new();
        for family in 0..families.len() {
            let copies = random.octaves(least.max(1), most);
            others.extend(std::iter::repeat_n(family, copies.saturating_sub(least)));
        }
        shuffle(&mut random, &mut others);
        let first = (0..families.len()).flat_map(|family| std::iter::repeat_n(family, least));
        let needed = least * families.len();
        let mut planter = Planter { random, options, families: &families, ages, insertions: 0 };
        let mut inserts = Vec::new();
        let mut planted = 0;
        for family in first.chain(others) {
            if inserts.len() >= needed && planted >= options.bases / 100 * options.repeats {
                break;
            }
            inserts.push(planter.copy(family, 0));
            planted += inserts[inserts.len() - 1].letters.len();
        }
        let share = options.bases / 100 * options.others;
        let mut arrays = 0;
        while arrays < share {
            inserts.push(planter.tandem());
            let letters = inserts[inserts.len() - 1].letters.len();
            (arrays, planted) = (arrays + letters, planted + letters);
        }
        let length = options.bases.saturating_sub(planted).max(options.bases / 4).max(1000);
        let background = planter.random.composed(length, options.gc);
        // Where the sources of duplications are in the background.
        let mut sources = Vec::new();
        let mut duplicated = 0;
        while duplicated < share / 2 {
            let size = planter.random.within(5_000..20_000).min(background.len() / 4);
            let at = planter.random.within(0..background.len() - size);
            let divergence = 10 + planter.random.bits() % 50;
            let twin = diverged(&mut planter.random, &background[at..at + size], divergence);
            inserts.push(planter.other(twin, Origin::Duplication, divergence));
            sources.push((at..at + size, inserts[inserts.len() - 1].stretches[0].clone()));
            duplicated += size;
        }
        shuffle(&mut planter.random, &mut inserts);
        let mut cuts: Vec<usize> = inserts.iter().map(|_| planter.random.within(0..background.len() + 1)).collect();
        cuts.sort_unstable();

        let mut genome = Vec::with_capacity(options.bases + planted);
        let mut copies = Vec::new();
        let mut done = 0;
        for (insert, cut) in inserts.into_iter().zip(cuts.iter().copied().chain([background.len()])) {
            lay(&mut genome, &background, done..cut, &sources, &mut copies);
            let site = done.max(cut.saturating_sub(planter.random.within(4..9)));
            copies.extend(insert.stretches.into_iter().map(|stretch| moved(stretch, genome.len())));
            genome.extend(insert.letters);
            genome.extend_from_slice(&background[site..cut]);
            done = cut;
        }
        lay(&mut genome, &background, done..background.len(), &sources, &mut copies);
        // Copies are cut where contigs end.
        let contigs = options.contigs.clamp(1, genome.len());
        let edge = |contig: usize| {
            genome.len() / contigs * contig + if contig == contigs { genome.len() % contigs } else { 0 }
        };
        let mut cut = Vec::with_capacity(copies.len());
        for contig in 0..contigs {
            let (from, to) = (edge(contig), edge(contig + 1));
            for stretch in &copies {
                let range = stretch.range.start.max(from)..stretch.range.end.min(to);
                if range.start < range.end {
                    let (before, after) = (range.start - stretch.range.start, stretch.range.end - range.end);
                    let (first, last) = if stretch.reverse { (after, before) } else { (before, after) };
                    // As exact as indels let it be.
                    let share = |bases: usize| bases * stretch.consensus.len() / stretch.range.len();
                    let consensus = stretch.consensus.start + share(first)..stretch.consensus.end - share(last);
                    let range = range.start - from..range.end - from;
                    cut.push(TrueCopy { contig, range, consensus, ..stretch.clone() });
                }
            }
        }
        cut.sort_by_key(|copy| (copy.contig, copy.range.start, copy.insertion));
        let contigs = (0..contigs).map(|contig| genome[edge(contig)..edge(contig + 1)].to_vec()).collect();
        Self { contigs, families, copies: cut }
    }
}

/// Appends background, with the sources of duplications in it to the truth.
fn lay(
    genome: &mut Vec<u8>,
    background: &[u8],
    range: Range<usize>,
    sources: &[(Range<usize>, TrueCopy)],
    copies: &mut Vec<TrueCopy>,
) {
    for (source, twin) in sources {
        let part = source.start.max(range.start)..source.end.min(range.end);
        if part.start < part.end {
            let at = genome.len() + part.start - range.start;
            copies.push(TrueCopy { range: at..at + part.len(), divergence: 0, ..twin.clone() });
        }
    }
    genome.extend_from_slice(&background[range]);
}

/// Fisher and Yates.
fn shuffle<T>(random: &mut Random, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn young_copies_lie_where_the_truth_says() {
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
    fn divergence_is_as_asked_for() {
        let mut random = Random::new(3);
        for divergence in [100, 200] {
            let letters = random.bases(200_000);
            let (mut substituted, mut inserted, mut deletions) = (0, 0, 0);
            for letter in letters.chunks(1) {
                // What is inserted comes before the letter.
                match diverged(&mut random, letter, divergence).split_last() {
                    Some((last, before)) => {
                        substituted += usize::from(*last != letter[0]);
                        inserted += before.len();
                    }
                    None => deletions += 1,
                }
            }
            let near = |count: usize, share: f64| {
                let expected = share * divergence as f64 / 1000.0 * letters.len() as f64;
                (count as f64 - expected).abs() < 0.15 * expected
            };
            assert!(near(substituted, 0.85), "{substituted} substitutions at {divergence} per mille");
            // Half of 15 of 100 changed bases; as many deletions, each of 2.9 bases on average.
            assert!(near(inserted, 0.075), "{inserted} inserted bases at {divergence} per mille");
            assert!(near(deletions, 0.075 / 2.9), "{deletions} deletions at {divergence} per mille");
        }
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
