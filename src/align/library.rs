use crate::align::score::{CODES, GAP_CODE};
use crate::kmer::Strand;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::reverse_complement;
use crate::sequence::{SequenceReader, Source};
use crate::{Error, Progress, Result};

/// Query sequences: consensi of repeats, or any others.
#[derive(Debug, Clone, Default)]
pub struct Library {
    names: Vec<String>,
    sequences: Vec<Vec<u8>>,
}

impl Library {
    /// Reads FASTA or FASTQ; names are the first words of the headers. Gaps and stops (`-`, `.`, `*`) are no bases and are
    /// left out, as places of a consensus count its bases. What it takes is reserved from `budget` as it grows.
    ///
    /// # Errors
    /// As [`SequenceReader`]'s; [`Error::Input`] where two sequences have one name or there is no sequence;
    /// [`Error::Memory`], which names what the whole is expected to take.
    pub fn read(source: &Source, budget: &Budget, progress: &dyn Progress) -> Result<(Self, Reservation)> {
        let mut library = Self::default();
        let mut seen = ahash::AHashSet::new();
        let mut held = budget.hold(Component::Input);
        let grow = |held: &mut Reservation, bytes: usize| {
            let bytes = bytes as u64;
            held.grow(bytes, "a library").map_err(|e| match (e, source.bytes_total()) {
                (Error::Memory { what, needed, allowed }, Some(total)) => {
                    // As large in memory, by what was read of it, as the file is.
                    let share = total as f64 / source.bytes_read().clamp(1, total.max(1)) as f64;
                    let whole = ((held.bytes() + bytes) as f64 * share) as u64;
                    Error::memory(what, needed.max(budget.used().saturating_sub(held.bytes()) + whole), allowed)
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
            // Once in the set of those seen, and lists grow by doubling.
            grow(&mut held, 2 * (head.name.len() + size_of::<String>() + size_of::<Vec<u8>>()))?;
            let mut sequence = Vec::new();
            while let Some(bases) = reader.next_bases()? {
                if sequence.capacity() - sequence.len() < bases.len() {
                    // The old one is there until the new one is filled.
                    let capacity = (2 * sequence.capacity()).max(sequence.len() + bases.len());
                    grow(&mut held, capacity)?;
                    let old = sequence.capacity() as u64;
                    sequence.reserve_exact(capacity - sequence.len());
                    held.resize(held.bytes() - old);
                }
                sequence.extend(bases.iter().filter(|base| base.is_ascii_alphabetic()));
            }
            let spare = sequence.capacity() - sequence.len();
            sequence.shrink_to_fit();
            held.resize(held.bytes() - spare as u64);
            library.push(head.name, sequence);
        }
        reader.report_skipped(progress);
        if library.bases() == 0 {
            return Err(Error::input(source.path(), None, "contains no sequence"));
        }
        held.resize(library.bytes());
        Ok((library, held))
    }

    /// Adds a sequence of ASCII letters, of either case; what is not ACGT matches nothing.
    pub fn push(&mut self, name: impl Into<String>, sequence: impl Into<Vec<u8>>) {
        self.names.push(name.into());
        self.sequences.push(sequence.into());
    }

    /// Moves the sequences of another library behind those that are here.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.names.append(&mut other.names);
        self.sequences.append(&mut other.sequences);
    }

    /// Leaves out sequences that are not `kept`; gives the new number of each that is.
    pub(crate) fn retain(&mut self, kept: &[bool]) -> Vec<u32> {
        let numbers =
            kept.iter().scan(0, |next, &kept| Some(std::mem::replace(next, *next + u32::from(kept)))).collect();
        let mut keep = kept.iter();
        self.names.retain(|_| keep.next() == Some(&true));
        let mut keep = kept.iter();
        self.sequences.retain(|_| keep.next() == Some(&true));
        numbers
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Bases of all sequences.
    pub fn bases(&self) -> u64 {
        self.sequences.iter().map(|s| s.len() as u64).sum()
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> u64 {
        let names: usize = self.names.iter().map(|name| size_of_val(name) + name.capacity()).sum();
        let sequences: usize = self.sequences.iter().map(|letters| size_of_val(letters) + letters.capacity()).sum();
        (names + sequences) as u64
    }

    /// Name of sequence `number`, from 0.
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    /// Letters of sequence `number`, from 0, as they were given.
    pub fn sequence(&self, number: usize) -> &[u8] {
        &self.sequences[number]
    }
}

/// Both strands of a library as one text of codes: a gap code, then each sequence with one behind it, then the same of the
/// reverse complements, last sequence first.
pub(crate) struct Text {
    pub(crate) codes: Vec<u8>,
    /// Start and end of each sequence on each strand, ascending.
    entries: Vec<(u32, u32)>,
    sequences: usize,
}

impl Text {
    /// Most bases of a library, both strands.
    pub(crate) const MOST: u64 = 1 << 31;

    pub(crate) fn new(library: &Library) -> Self {
        let mut codes = Vec::with_capacity(2 * (library.bases() as usize + library.len()) + 2);
        let mut entries = Vec::with_capacity(2 * library.len());
        codes.push(GAP_CODE);
        let mut push = |codes: &mut Vec<u8>, sequence: &mut dyn Iterator<Item = u8>| {
            let start = codes.len() as u32;
            codes.extend(sequence);
            entries.push((start, codes.len() as u32));
            codes.push(GAP_CODE);
        };
        for sequence in &library.sequences {
            push(&mut codes, &mut sequence.iter().map(|&letter| CODES[usize::from(letter)]));
        }
        for entry in (0..library.len()).rev() {
            let forward: Vec<u8> = library.sequences[entry].iter().map(|&letter| CODES[usize::from(letter)]).collect();
            push(&mut codes, &mut reverse_complement(&forward));
        }
        Self { codes, entries, sequences: library.len() }
    }

    /// The entry that holds a place in the text.
    pub(crate) fn entry_at(&self, at: u32) -> usize {
        self.entries.partition_point(|e| e.1 <= at)
    }

    /// Start and end of an entry in the text.
    pub(crate) fn bounds(&self, entry: usize) -> (u32, u32) {
        self.entries[entry]
    }

    /// Sequence and strand of an entry.
    pub(crate) fn sequence(&self, entry: usize) -> (u32, Strand) {
        if entry < self.sequences {
            (entry as u32, Strand::Forward)
        } else {
            ((2 * self.sequences - 1 - entry) as u32, Strand::Reverse)
        }
    }
}
