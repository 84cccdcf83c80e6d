//! Structural RNA that a user knows: the genes of ribosomal, transfer and other RNA of a genome, or of a relative.
//!
//! A family is one of their genes if words of one or several of them cover half of its consensus, close to diagonals.
//! The file is of the genome or of a near relative, so that words suffice and no alignment is needed.

use std::collections::BTreeMap;
use std::ops::Range;

use ahash::AHashMap;

use crate::align::Library;
use crate::annotate::family_and_class;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{Source, codes, reverse_complement};
use crate::{Progress, Result};

/// Bases of a word. At 85 % of equal bases a sixth of the words are equal; a random consensus of 3,000 bases shares one
/// with 5,000 bases of RNA three or four times, and not on one diagonal.
const WORD: usize = 11;
/// Bases to either side of a diagonal: what insertions and deletions add up to.
const BAND: i64 = 16;
/// Bases of a consensus in equal words on a diagonal that show similarity, at least: four words apart from each other.
const MIN_MATCHED: usize = 30;
/// Share of the bases from the first to the last equal word of a diagonal that lie in equal words, in per cent: 42 at
/// 85 % of equal bases.
const MIN_DENSITY: usize = 40;
/// Share of a consensus that is like structural RNA, in per cent. SINEs begin with a part of a tRNA.
const MIN_COVERED: usize = 50;

/// The classes, as RepeatMasker writes them, and what names of such genes contain.
const CLASSES: [(&str, &[&str]); 5] = [
    ("tRNA", &["trna"]),
    ("rRNA", &["rrna", "ribosom", "rdna", "rdn", "its1", "its2"]),
    ("snRNA", &["snrna", "spliceosom"]),
    ("srpRNA", &["srprna", "7sl", "srp_rna"]),
    ("scRNA", &["scrna"]),
];
/// The class of any other.
const RNA: &str = "RNA";

/// The genes of structural RNA of a genome.
#[derive(Debug)]
pub struct StructuralRna {
    /// Classes of the sequences.
    classes: Vec<&'static str>,
    /// Sequence and position of each word.
    words: AHashMap<u32, Vec<(u32, u32)>>,
    /// Digest of the sequences and their names.
    digest: String,
    _reservation: Reservation,
}

/// Bytes of a word in the table, at most: its entry, and a list with room to grow.
const BYTES_PER_WORD: u64 = 64;

impl StructuralRna {
    /// Reads FASTA. The class of a sequence is the one behind `#` in its name, or follows from a word in the name, such as
    /// `tRNA-Ala` or `18S_rRNA`; else it is `RNA`.
    ///
    /// # Errors
    /// As [`Library::read`]'s; [`Error::Memory`](crate::Error::Memory).
    pub fn read(source: &Source, budget: &Budget, progress: &dyn Progress) -> Result<Self> {
        let (library, _library_reservation) = Library::read(source, budget, progress)?;
        let bytes = library.bases() * BYTES_PER_WORD;
        let reservation = budget.reserve(Component::Input, bytes, "structural RNA")?;
        let mut words: AHashMap<u32, Vec<(u32, u32)>> = AHashMap::new();
        for number in 0..library.len() {
            let sequence = library.sequence(number);
            for (at, word) in words_of(&codes(sequence).collect::<Vec<u8>>()) {
                words.entry(word).or_default().push((number as u32, at as u32));
            }
        }
        let classes = (0..library.len()).map(|number| class_of_name(library.name(number))).collect();
        Ok(Self { classes, words, digest: library.digest().0, _reservation: reservation })
    }

    /// Digest of the sequences and their names.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The class of the RNA that a consensus of codes 0 to 3 is a gene of.
    pub fn class_of(&self, consensus: &[u8]) -> Option<&'static str> {
        let reverse: Vec<u8> = reverse_complement(consensus).collect();
        let length = consensus.len();
        // Bases of the consensus by class, and of all classes.
        let mut by_class: BTreeMap<&'static str, Vec<bool>> = BTreeMap::new();
        for (strand, codes) in [consensus, &reverse].into_iter().enumerate() {
            for (class, range) in self.similar(codes) {
                let range = if strand == 0 { range } else { length - range.end..length - range.start };
                by_class.entry(class).or_insert_with(|| vec![false; length])[range].fill(true);
            }
        }
        let covered = (0..length).filter(|&at| by_class.values().any(|bases| bases[at])).count();
        if covered * 100 < MIN_COVERED * length.max(1) {
            return None;
        }
        let bases = |covered: &Vec<bool>| covered.iter().filter(|&&is| is).count();
        by_class.iter().max_by_key(|(class, covered)| (bases(covered), std::cmp::Reverse(**class))).map(|(c, _)| *c)
    }

    /// Ranges of a strand that are like a sequence, with its class.
    fn similar(&self, strand: &[u8]) -> Vec<(&'static str, Range<usize>)> {
        // Positions of equal words by sequence and bin of diagonals; a word counts in its bin and in the one before, so
        // that neighbours on either side of a border meet.
        let mut groups: BTreeMap<(u32, i64), Vec<usize>> = BTreeMap::new();
        for (at, word) in words_of(strand) {
            for &(sequence, position) in self.words.get(&word).into_iter().flatten() {
                let bin = (at as i64 - i64::from(position)).div_euclid(BAND);
                groups.entry((sequence, bin)).or_default().push(at);
                groups.entry((sequence, bin - 1)).or_default().push(at);
            }
        }
        let mut found = Vec::new();
        for ((sequence, _), starts) in groups {
            let (Some(&first), Some(&last)) = (starts.first(), starts.last()) else { continue };
            let range = first..last + WORD;
            let mut matched = 0;
            let mut end = 0;
            for start in starts {
                matched += (start + WORD).saturating_sub(start.max(end));
                end = end.max(start + WORD);
            }
            if matched >= MIN_MATCHED && 100 * matched >= MIN_DENSITY * range.len() {
                found.push((self.classes[sequence as usize], range));
            }
        }
        found
    }
}

/// The words of a sequence of codes that have only bases, and where they begin.
fn words_of(codes: &[u8]) -> impl Iterator<Item = (usize, u32)> + '_ {
    codes.windows(WORD).enumerate().filter_map(|(at, word)| {
        let coded = word.iter().try_fold(0, |coded: u32, &code| (code < 4).then(|| coded << 2 | u32::from(code)));
        coded.map(|word| (at, word))
    })
}

/// The class of a gene by its name.
fn class_of_name(name: &str) -> &'static str {
    let (family, class) = family_and_class(name);
    let of = |text: &str| {
        let text = text.to_ascii_lowercase();
        CLASSES.iter().find(|(_, words)| words.iter().any(|word| text.contains(word))).map(|(class, _)| *class)
    };
    of(class).or_else(|| of(family)).unwrap_or(RNA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;
    use crate::random::Random;

    fn bases(random: &mut Random, length: usize) -> Vec<u8> {
        (0..length).map(|_| b"ACGT"[random.below(4)]).collect()
    }

    fn mutated(random: &mut Random, bases: &[u8], per_mille: usize) -> Vec<u8> {
        let one = |random: &mut Random, base: u8| {
            if random.below(1000) < per_mille { b"ACGT"[random.below(4)] } else { base }
        };
        bases.iter().map(|&base| one(random, base)).collect()
    }

    #[test]
    fn genes_are_known_by_their_words() {
        let mut random = Random::new(11);
        let (large, small, transfer) = (bases(&mut random, 3300), bases(&mut random, 1800), bases(&mut random, 73));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rna.fa");
        let text = |bases: &[u8]| String::from_utf8(bases.to_vec()).expect("ASCII");
        let records =
            format!(">25S#rRNA\n{}\n>RDN18\n{}\n>tRNA-Ala\n{}\n", text(&large), text(&small), text(&transfer));
        std::fs::write(&path, records).expect("written");
        let rna = StructuralRna::read(&Source::new(&path), &Budget::new(1 << 30), &Silent).expect("read");
        assert_eq!(rna.classes, ["rRNA", "rRNA", "tRNA"]);
        let class = |letters: &[u8]| rna.class_of(&codes(letters).collect::<Vec<u8>>());
        let unit = [&bases(&mut random, 900)[..], &small, &bases(&mut random, 600), &large].concat();
        assert_eq!(class(&mutated(&mut random, &unit, 80)), Some("rRNA"));
        let turned: Vec<u8> = reverse_complement(&codes(&unit).collect::<Vec<u8>>()).collect();
        assert_eq!(rna.class_of(&turned), Some("rRNA"));
        assert_eq!(class(&mutated(&mut random, &transfer, 60)), Some("tRNA"));
        // A SINE begins with a tRNA, and a gene is a small part of a transposon that has taken it.
        assert_eq!(class(&[&transfer[..], &bases(&mut random, 200)].concat()), None);
        assert_eq!(class(&[&small[..], &bases(&mut random, 4000)].concat()), None);
        for _ in 0..20 {
            let length = 100 + random.below(5000);
            assert_eq!(class(&bases(&mut random, length)), None);
        }
    }

    #[test]
    fn names_show_classes() {
        let names = ["5S_rRNA", "x#tRNA", "U2-snRNA", "tRNA-SeC(e)#SINE", "snoR1", "RDN37-1", "7SLRNA"];
        assert_eq!(names.map(class_of_name), ["rRNA", "tRNA", "snRNA", "tRNA", "RNA", "rRNA", "srpRNA"]);
    }
}
