//! The words of the true sequences, in a table by which the found sequences are searched.

use crate::align::Library;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{NO_BASE, codes};
use crate::{Error, Result};

/// Bases of a word: the `word_size` of `blastn -task blastn`.
pub(super) const WORD: usize = 11;
/// Number of words.
const WORDS: usize = 1 << (2 * WORD);
/// Code between sequences, which no extension crosses; other letters than ACGT are [`NO_BASE`].
pub(super) const SEPARATOR: u8 = NO_BASE + 1;

/// The codes of the sequences of a library one after the other, and the positions of their words.
pub(super) struct SeedTable {
    /// Each sequence between separators.
    pub(super) text: Vec<u8>,
    /// First base of each sequence in the text.
    starts: Vec<u32>,
    /// For each word the end of its positions; those of word 0 begin at 0.
    ends: Vec<u32>,
    positions: Vec<u32>,
    _reservation: Reservation,
}

/// Calls `each` for every word of a sequence of codes that has only bases, with its first base.
pub(super) fn each_word(codes: &[u8], mut each: impl FnMut(usize, usize)) {
    let (mut word, mut bases) = (0, 0);
    for (at, &code) in codes.iter().enumerate() {
        if code >= NO_BASE {
            bases = 0;
            continue;
        }
        word = (word << 2 | usize::from(code)) & (WORDS - 1);
        bases += 1;
        if bases >= WORD {
            each(at + 1 - WORD, word);
        }
    }
}

impl SeedTable {
    /// # Errors
    /// [`Error::Usage`] for a library of more than 2^32 bases; [`Error::Memory`].
    pub(super) fn new(library: &Library, budget: &Budget) -> Result<Self> {
        let length = library.bases() + library.len() as u64 + 1;
        if length > u64::from(u32::MAX) {
            return Err(Error::Usage(format!(
                "the true library has {} bases, and at most 4,294,967,295 are compared; is it a genome?",
                library.bases()
            )));
        }
        let bytes = length * (1 + size_of::<u32>() as u64) + (4 * WORDS + 4 * library.len()) as u64;
        let reservation = budget.reserve(Component::Seeds, bytes, "the words of the true library")?;
        let mut text = Vec::with_capacity(length as usize);
        let mut starts = Vec::with_capacity(library.len());
        text.push(SEPARATOR);
        for number in 0..library.len() {
            starts.push(text.len() as u32);
            text.extend(codes(library.sequence(number)));
            text.push(SEPARATOR);
        }
        let mut ends = vec![0u32; WORDS];
        each_word(&text, |_, word| ends[word] += 1);
        let mut sum = 0;
        for end in &mut ends {
            (*end, sum) = (sum, sum + *end);
        }
        // Filling a word's positions moves its start to its end.
        let mut positions = vec![0u32; sum as usize];
        each_word(&text, |at, word| {
            positions[ends[word] as usize] = at as u32;
            ends[word] += 1;
        });
        Ok(Self { text, starts, ends, positions, _reservation: reservation })
    }

    /// Positions of a word in the text, ascending.
    pub(super) fn positions(&self, word: usize) -> &[u32] {
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.positions[start as usize..self.ends[word] as usize]
    }

    /// Codes of sequence `number`.
    pub(super) fn sequence(&self, number: u32) -> &[u8] {
        let start = self.starts[number as usize] as usize;
        let end = self.starts.get(number as usize + 1).map_or(self.text.len(), |&next| next as usize);
        // Behind it is the separator.
        &self.text[start..end - 1]
    }

    /// Number of the sequence with a position of the text, and its first base there.
    pub(super) fn sequence_at(&self, position: u32) -> (u32, u32) {
        let number = self.starts.partition_point(|&start| start <= position) - 1;
        (number as u32, self.starts[number])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_positions() {
        let mut library = Library::default();
        library.push("a", "ACGTACGTACGTACGNACGTACGTACG");
        library.push("b", "TTTTTTTTTT");
        library.push("c", "cgtacgtacgta");
        let table = SeedTable::new(&library, &Budget::new(64 << 20)).expect("enough memory");
        let mut words = 0;
        each_word(&table.text, |at, word| {
            words += 1;
            assert!(table.positions(word).contains(&(at as u32)));
        });
        assert_eq!((words, table.positions.len()), (8, 8));
        // ACGTACGTACG: at 0, 4 and behind the N.
        let word = codes(b"ACGTACGTACG").fold(0, |word, code| word << 2 | usize::from(code));
        assert_eq!(table.positions(word), [1, 5, 17]);
        assert_eq!([1, 27, 29, 40, 51].map(|at| table.sequence_at(at)), [(0, 1), (0, 1), (1, 29), (2, 40), (2, 40)]);
    }
}
