//! The inserts in the background of a simulated genome: families, and copies of them as they are in real genomes;
//! tandem arrays and duplicated segments, which are no families and test that none are made of them.

use std::ops::Range;

use crate::random::Random;
use crate::sequence::reverse_complement_letters;
use crate::simulate::mutation::mutated;
use crate::simulate::options::SimulationOptions;
use crate::simulate::truth::{Origin, TrueCopy};

/// A family to insert copies of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// Name, with `#class` if it is known.
    pub name: String,
    /// Letters ACGT.
    pub consensus: Vec<u8>,
    /// Bases of each of its long terminal repeats; 0 if it has none.
    pub terminal: usize,
}

// Lengths in bases, as elements of the class commonly have.
const SINE_LENGTHS: Range<usize> = 180..500;
const DNA_LENGTHS: Range<usize> = 800..3000;
const LINE_LENGTHS: Range<usize> = 2500..6000;
const LTR_LENGTHS: Range<usize> = 4000..8000;
const TERMINAL_LENGTHS: Range<usize> = 250..700;

/// Random families like transposons, equally many of each class: short SINEs, DNA transposons and LINEs of medium
/// length, and elements with long terminal repeats. `gc` is G and C per mille.
pub fn random_families(random: &mut Random, number: usize, gc: u64) -> Vec<Planted> {
    let family = |number: usize| {
        let (class, length, terminal) = match number % 4 {
            0 => ("SINE", random.within(SINE_LENGTHS), 0),
            1 => ("DNA", random.within(DNA_LENGTHS), 0),
            2 => ("LINE", random.within(LINE_LENGTHS), 0),
            _ => ("LTR", random.within(LTR_LENGTHS), random.within(TERMINAL_LENGTHS)),
        };
        let mut consensus = random.bases_with_gc(length, gc);
        if terminal > 0 {
            // As in nature, where integrases cut there.
            consensus[..2].copy_from_slice(b"TG");
            consensus[terminal - 2..terminal].copy_from_slice(b"CA");
        }
        consensus.copy_within(..terminal, length - terminal);
        Planted { name: format!("planted-{}#{class}", number + 1), consensus, terminal }
    };
    (0..number).map(family).collect()
}

/// Lowest and highest divergence of a copy, in bases per thousand: older copies cannot be distinguished from chance.
const COPY_DIVERGENCE: (u64, u64) = (2, 300);
/// Copies in 20 that are a lone terminal repeat, if the family has one.
const LONE_TERMINALS: usize = 4;
/// Copies in 20 that are a lone terminal repeat or whole.
const WHOLE_COPIES: usize = 8;
/// Copies in 20 that are any of these or lack their start, as most copies of LINEs do. The others are internal
/// fragments.
const TRUNCATED_COPIES: usize = 16;
/// The share of the consensus, in twentieths, within which a truncated copy begins.
const TRUNCATED_TWENTIETHS: usize = 17;
/// Minimum number of bases of an internal fragment.
const MIN_FRAGMENT: usize = 100;
/// Copies that contain a copy that contains a copy: the most levels.
const MAX_DEPTH: usize = 2;
/// Bases above which a copy may contain another one.
const MIN_OUTER_COPY: usize = 300;
/// Minimum number of bases of a copy to either side of the one that it contains.
const MIN_OUTER_SIDE: usize = 50;

/// Tandem arrays in 5 that are microsatellites; the others are satellites.
const MICROSATELLITES: usize = 4;
/// Bases of the unit of a microsatellite.
const MICROSATELLITE_UNITS: Range<usize> = 2..7;
/// Bases of the unit of a satellite: alpha satellites have 171.
const SATELLITE_UNITS: Range<usize> = 80..340;
/// Bases of a tandem array.
const ARRAY_LENGTHS: Range<usize> = 60..2500;
/// Minimum units of a tandem array.
const MIN_UNITS: usize = 4;
/// Divergence of a tandem array is below this, in bases per thousand.
const ARRAY_DIVERGENCE: u64 = 80;

/// Bases of a duplicated segment.
const DUPLICATION_LENGTHS: Range<usize> = 5_000..20_000;
/// Maximum length of one duplicated segment, as one n-th of the background.
const MAX_DUPLICATION_PART: usize = 4;
/// Divergence of a duplicated segment, in bases per thousand: the lowest, and how many values there are.
const DUPLICATION_DIVERGENCE: (u64, u64) = (10, 50);

/// Letters to insert, and their origin.
pub(crate) struct Insert {
    pub(crate) letters: Vec<u8>,
    /// Intervals of the letters; `contig` is not known yet.
    pub(crate) segments: Vec<TrueCopy>,
}

/// Makes inserts.
pub(crate) struct Planter<'a> {
    pub(crate) random: Random,
    pub(crate) options: &'a SimulationOptions,
    pub(crate) families: &'a [Planted],
    /// Age of each family, in bases per thousand.
    pub(crate) ages: Vec<u64>,
    /// Insertions so far.
    pub(crate) insertions: usize,
}

impl Planter<'_> {
    fn next_insertion(&mut self) -> usize {
        self.insertions += 1;
        self.insertions - 1
    }

    /// A copy of `family`, with the copies that it contains; `depth` copies contain it.
    pub(crate) fn copy(&mut self, family: usize, depth: usize) -> Insert {
        let divergence = self.copy_divergence(self.ages[family]);
        let range = self.copy_range(family);
        let consensus = &self.families[family].consensus[range.clone()];
        let mut letters = mutated(&mut self.random, consensus, divergence);
        let reverse = self.random.below(2) == 1;
        if reverse {
            letters = reverse_complement_letters(&letters);
        }
        let insertion = self.next_insertion();
        let origin = Origin::Family(family);
        let segment =
            |range, consensus| TrueCopy { contig: 0, range, origin, insertion, reverse, divergence, consensus };
        let may_contain = depth < MAX_DEPTH && letters.len() > MIN_OUTER_COPY && self.options.nested > 0;
        if !may_contain || self.random.below(self.options.nested) > 0 {
            return Insert { segments: vec![segment(0..letters.len(), range)], letters };
        }
        let inner = self.random.below(self.families.len());
        let inner = self.copy(inner, depth + 1);
        let at = self.random.within(MIN_OUTER_SIDE..letters.len() - MIN_OUTER_SIDE);
        let share = at * range.len() / letters.len();
        let split = if reverse { range.end - share } else { range.start + share };
        let (before, after) = (range.start..split, split..range.end);
        let (first, second) = if reverse { (after, before) } else { (before, after) };
        let end = at + inner.letters.len();
        let mut segments = vec![segment(0..at, first), segment(end..end + letters.len() - at, second)];
        segments.extend(inner.segments.into_iter().map(|segment| segment.moved(at)));
        letters.splice(at..at, inner.letters);
        Insert { letters, segments }
    }

    /// Divergence of a copy of a family of this age: half of it to three halves, bell-shaped as the mean of four.
    fn copy_divergence(&mut self, age: u64) -> u64 {
        let spread: u64 = (0..4).map(|_| self.random.bits() % (age + 1)).sum();
        (age / 2 + spread / 4).clamp(COPY_DIVERGENCE.0, COPY_DIVERGENCE.1)
    }

    /// The part of the consensus that a copy has.
    fn copy_range(&mut self, family: usize) -> Range<usize> {
        let Planted { consensus, terminal, .. } = &self.families[family];
        let length = consensus.len();
        match self.random.below(20) {
            0..LONE_TERMINALS if *terminal > 0 => 0..*terminal,
            0..WHOLE_COPIES => 0..length,
            WHOLE_COPIES..TRUNCATED_COPIES => self.random.within(0..length * TRUNCATED_TWENTIETHS / 20 + 1)..length,
            _ => {
                let low = self.random.within(0..length - length.min(MIN_FRAGMENT) + 1);
                low..self.random.within((low + MIN_FRAGMENT).min(length)..length + 1)
            }
        }
    }

    /// A tandem array of microsatellite or satellite units.
    pub(crate) fn tandem_array(&mut self) -> Insert {
        let units = if self.random.below(5) < MICROSATELLITES { MICROSATELLITE_UNITS } else { SATELLITE_UNITS };
        let length = self.random.within(units);
        let unit = self.random.bases(length);
        let length = self.random.within(ARRAY_LENGTHS).max(MIN_UNITS * unit.len());
        let array: Vec<u8> = unit.iter().copied().cycle().take(length).collect();
        let divergence = self.random.bits() % ARRAY_DIVERGENCE;
        let letters = mutated(&mut self.random, &array, divergence);
        self.insert(letters, Origin::Tandem, divergence)
    }

    /// A copy of a segment of the background, and that segment.
    pub(crate) fn duplication(&mut self, background: &[u8]) -> (Insert, Range<usize>) {
        let size = self.random.within(DUPLICATION_LENGTHS).min(background.len() / MAX_DUPLICATION_PART);
        let at = self.random.within(0..background.len() - size);
        let (lowest, values) = DUPLICATION_DIVERGENCE;
        let divergence = lowest + self.random.bits() % values;
        let letters = mutated(&mut self.random, &background[at..at + size], divergence);
        (self.insert(letters, Origin::Duplication, divergence), at..at + size)
    }

    /// An insert that is no copy of a family.
    fn insert(&mut self, letters: Vec<u8>, origin: Origin, divergence: u64) -> Insert {
        let (range, insertion) = (0..letters.len(), self.next_insertion());
        let segment = TrueCopy { contig: 0, range, origin, insertion, reverse: false, divergence, consensus: 0..0 };
        Insert { letters, segments: vec![segment] }
    }
}
