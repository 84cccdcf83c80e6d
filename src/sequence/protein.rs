//! Protein instead of nucleotides is a common mistake, and most of its letters are valid nucleotide codes: without a
//! check, an index of it would be built.

/// Letters from the start of a record that are counted: more than most proteins have.
const SAMPLE: u64 = 10_000;

/// Letters of no nucleotide code make up a third of most proteins (E 7 %, F 4 %, I 6 %, L 10 %, P 5 %, Q 4 % of
/// UniProtKB/Swiss-Prot) and nothing of nucleotides. A record is refused if it has one in this many.
const MAX_NUCLEOTIDES_PER_OTHER: u64 = 20;
/// Minimum number of such letters: inosine, I, is in primers, and a typing error is not protein.
const MIN_LETTERS: u64 = 3;
/// Minimum number of kinds of such letters.
const MIN_KINDS: u32 = 2;

/// The letters of no nucleotide code, A the lowest bit: E, F, I, J, L, O, P, Q, Z. X is not one, since masked sequence
/// has it.
const PROTEIN_ONLY: u32 = {
    let (letters, mut mask, mut at) = (b"EFIJLOPQZ", 0, 0);
    while at < letters.len() {
        mask |= 1 << (letters[at] - b'A');
        at += 1;
    }
    mask
};

/// The letters at the start of a record that are only in protein.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ProteinCheck {
    sampled: u64,
    protein_only: u64,
    /// The kinds that occurred, as in [`PROTEIN_ONLY`].
    kinds: u32,
}

impl ProteinCheck {
    /// Counts the next letters of the record. Returns whether they complete the sample.
    pub(super) fn count(&mut self, letters: &[u8]) -> bool {
        if self.sampled == SAMPLE {
            return false;
        }
        let sample = &letters[..letters.len().min((SAMPLE - self.sampled) as usize)];
        self.sampled += sample.len() as u64;
        for letter in sample {
            let kind = PROTEIN_ONLY & 1u32.checked_shl(u32::from((letter | 0x20).wrapping_sub(b'a'))).unwrap_or(0);
            self.kinds |= kind;
            self.protein_only += u64::from(kind != 0);
        }
        self.sampled == SAMPLE
    }

    /// A sentence on a record that looks like protein; `None` for nucleotides.
    pub(super) fn problem(&self) -> Option<String> {
        let Self { sampled, protein_only, kinds } = *self;
        let is_protein = protein_only >= MIN_LETTERS
            && kinds.count_ones() >= MIN_KINDS
            && protein_only * MAX_NUCLEOTIDES_PER_OTHER >= sampled;
        is_protein.then(|| {
            format!(
                "the record that begins here looks like protein: {protein_only} of its first {sampled} letters are no \
                 nucleotides (E, F, I, J, L, O, P, Q, Z); use nucleotide sequence"
            )
        })
    }
}
