//! Seeds and extensions need both strands of all sequences in one array, with gaps between them that no match crosses.

use std::ops::Range;

use crate::align::library::Library;
use crate::kmer::Strand;
use crate::sequence::{NO_BASE, codes, reverse_complement};

/// Both strands of sequences as codes: [`NO_BASE`], then each sequence followed by one [`NO_BASE`], then the reverse
/// complements in the same way, last sequence first.
pub(crate) struct LibraryText {
    pub(crate) codes: Vec<u8>,
    /// Start and end of each sequence on each strand, ascending.
    entries: Vec<(u32, u32)>,
    sequences: usize,
}

impl LibraryText {
    /// Largest text: positions in it are `u32`, and their top bit stays free.
    pub(crate) const MAX_BYTES: u64 = 1 << 31;

    /// Bytes of the codes of sequences with these bases in all.
    pub(crate) fn bytes(bases: u64, sequences: u64) -> u64 {
        2 * (bases + sequences) + 2
    }

    /// The text of some sequences of a library.
    pub(crate) fn new(library: &Library, numbers: Range<usize>) -> Self {
        let bases: usize = numbers.clone().map(|number| library.sequence(number).len()).sum();
        let mut text = Vec::with_capacity(Self::bytes(bases as u64, numbers.len() as u64) as usize);
        let mut entries = Vec::with_capacity(2 * numbers.len());
        text.push(NO_BASE);
        let mut push = |text: &mut Vec<u8>, sequence: &mut dyn Iterator<Item = u8>| {
            let start = text.len() as u32;
            text.extend(sequence);
            entries.push((start, text.len() as u32));
            text.push(NO_BASE);
        };
        for number in numbers.clone() {
            push(&mut text, &mut codes(library.sequence(number)));
        }
        for number in numbers.clone().rev() {
            let forward: Vec<u8> = codes(library.sequence(number)).collect();
            push(&mut text, &mut reverse_complement(&forward));
        }
        Self { codes: text, entries, sequences: numbers.len() }
    }

    /// Number of the entry at a position of the text.
    pub(crate) fn entry_at(&self, at: u32) -> usize {
        self.entries.partition_point(|e| e.1 <= at)
    }

    /// Bases of the longest sequence.
    pub(crate) fn longest(&self) -> usize {
        self.entries.iter().map(|(start, end)| (end - start) as usize).max().unwrap_or(0)
    }

    /// Start and end of an entry in the text.
    pub(crate) fn bounds(&self, entry: usize) -> (u32, u32) {
        self.entries[entry]
    }

    /// Number of the sequence of an entry, from 0 for the first of the text, and its strand.
    pub(crate) fn sequence(&self, entry: usize) -> (u32, Strand) {
        if entry < self.sequences {
            (entry as u32, Strand::Forward)
        } else {
            ((2 * self.sequences - 1 - entry) as u32, Strand::Reverse)
        }
    }
}
