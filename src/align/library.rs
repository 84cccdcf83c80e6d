//! A library is read once into memory, with its cost known to the budget from the first sequence on: a file that does
//! not fit fails early, with the memory that all of it would need.

use std::ops::Range;

use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{SequenceReader, Source};
use crate::{Error, Progress, Result};

/// Query sequences: consensi of repeats, or any others.
#[derive(Debug, Clone, Default)]
pub struct Library {
    names: Vec<String>,
    sequences: Vec<Vec<u8>>,
}

impl Library {
    /// Reads FASTA or FASTQ; names are the first words of the headers. Gaps and stops (`-`, `.`, `*`) are left out,
    /// since positions in a consensus count its bases. The memory is reserved from `budget` as the library grows.
    ///
    /// # Errors
    /// As [`SequenceReader`]'s; [`Error::Input`] if two sequences have one name or there is no sequence;
    /// [`Error::Memory`], which names what the whole library is expected to need.
    pub fn read(source: &Source, budget: &Budget, progress: &dyn Progress) -> Result<(Self, Reservation)> {
        let mut library = Self::default();
        let mut seen = ahash::AHashSet::new();
        let mut reservation = budget.empty_reservation(Component::Input);
        let grow = |reservation: &mut Reservation, bytes: usize| {
            let bytes = bytes as u64;
            reservation.grow(bytes, "a library").map_err(|e| match (e, source.bytes_total()) {
                (Error::Memory { what, needed, allowed }, Some(total)) => {
                    // Memory grows with the file in proportion to the bytes read.
                    let share = total as f64 / source.bytes_read().clamp(1, total.max(1)) as f64;
                    let whole = ((reservation.bytes() + bytes) as f64 * share) as u64;
                    Error::memory(what, needed.max(budget.used().saturating_sub(reservation.bytes()) + whole), allowed)
                }
                (e, _) => e,
            })
        };
        let source = &source.within(budget);
        let mut reader = SequenceReader::open(source)?;
        while let Some(head) = reader.next_record()? {
            if !seen.insert(head.name.clone()) {
                let problem = format!("two sequences are called {:?}; names must differ", head.name);
                return Err(Error::input(source.path(), Some(head.line), problem));
            }
            // Also in the set of names; lists grow by doubling.
            grow(&mut reservation, 2 * (head.name.len() + size_of::<String>() + size_of::<Vec<u8>>()))?;
            let mut sequence = Vec::new();
            while let Some(bases) = reader.next_bases()? {
                if sequence.capacity() - sequence.len() < bases.len() {
                    // The old allocation lives until the new one is filled.
                    let capacity = (2 * sequence.capacity()).max(sequence.len() + bases.len());
                    grow(&mut reservation, capacity)?;
                    let old = sequence.capacity() as u64;
                    sequence.reserve_exact(capacity - sequence.len());
                    reservation.resize(reservation.bytes() - old);
                }
                sequence.extend(bases.iter().filter(|base| base.is_ascii_alphabetic()));
            }
            let spare = sequence.capacity() - sequence.len();
            sequence.shrink_to_fit();
            reservation.resize(reservation.bytes() - spare as u64);
            library.push(head.name, sequence);
        }
        reader.report_skipped(progress);
        if library.bases() == 0 {
            return Err(Error::input(source.path(), None, "contains no sequence"));
        }
        reservation.resize(library.bytes());
        Ok((library, reservation))
    }

    /// Adds a sequence of ASCII letters, of either case; letters other than ACGT match nothing.
    pub fn push(&mut self, name: impl Into<String>, sequence: impl Into<Vec<u8>>) {
        self.names.push(name.into());
        self.sequences.push(sequence.into());
    }

    /// Appends the sequences of another library.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.names.append(&mut other.names);
        self.sequences.append(&mut other.sequences);
    }

    /// The sequences of part `number`, from 1, of the `count` parts into which the library is divided by its bases.
    pub(crate) fn shard(&self, number: u32, count: u32) -> Range<usize> {
        let all = u128::from(self.bases());
        let first_from = |share: u32| {
            let mut before = 0;
            let is_before = |sequence: &&Vec<u8>| {
                let is_before = u128::from(before) * u128::from(count) < all * u128::from(share);
                before += sequence.len() as u64;
                is_before
            };
            self.sequences.iter().take_while(is_before).count()
        };
        let end = if number == count { self.len() } else { first_from(number) };
        first_from(number - 1)..end
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Bases of all sequences.
    pub fn bases(&self) -> u64 {
        self.sequences.iter().map(|s| s.len() as u64).sum()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        let names: usize = self.names.iter().map(|name| size_of_val(name) + name.capacity()).sum();
        let sequences: usize = self.sequences.iter().map(|letters| size_of_val(letters) + letters.capacity()).sum();
        (names + sequences) as u64
    }

    /// Digest of the names and sequences, and the number of bytes that it is of.
    pub(crate) fn digest(&self) -> (String, u64) {
        let mut hasher = blake3::Hasher::new();
        for (name, sequence) in self.names.iter().zip(&self.sequences) {
            for part in [name.as_bytes(), sequence] {
                // Lengths separate one part from the next.
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        (hasher.finalize().to_hex().to_string(), hasher.count())
    }

    /// Name of sequence `number`, counted from 0.
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    /// Letters of sequence `number`, counted from 0, as they were read.
    pub fn sequence(&self, number: usize) -> &[u8] {
        &self.sequences[number]
    }
}
