//! A long sequence is cut and short ones are joined, so that batches have one size. Each part has the name of its
//! sequence.

/// A part of a sequence, or all of it.
pub(super) struct SequencePart {
    /// Name in rows of k-mers.
    pub(super) name: String,
    /// Name in the summary row.
    pub(super) label: String,
    /// Position in the sequence of the first base of this part, which may belong to the overlap.
    pub(super) start: u64,
    /// Range of its bases in the batch.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether the sequence began in the batch before.
    pub(super) continues: bool,
    /// Bases at the start that the part before had too: k-1, so that every k-mer is in one part.
    pub(super) overlap: usize,
    /// Whether the sequence ends here.
    pub(super) last: bool,
}

/// Parts of sequences that are looked up together.
pub(super) struct SequenceBatch {
    pub(super) bases: Vec<u8>,
    pub(super) parts: Vec<SequencePart>,
}
