//! The memory that the tables of a genome need, so that a genome that does not fit is refused with the sufficient
//! budget.

use crate::builder::memory_plan::{MemoryNeeds, MemoryPlan};
use crate::builder::segments::GenomeSegments;
use crate::genome::{Contig, ContigDigest, OtherLetters, TwoBitWriter};
use crate::sequence::RecordHead;

/// Bytes of the buffers that are read ahead and of the readers' and writers' buffers.
pub(crate) const INPUT_BUFFERS: u64 = 3 << 20;

/// Bytes of a contig while the genome is read, without its texts: its entry in tables that grow by doubling, and three
/// copies of its name, each an allocation.
pub(crate) const READ_CONTIG_BYTES: u64 = 2 * size_of::<Contig>() as u64 + 240;
/// Bytes of a contig after that: its entry in the table, and free memory that its other names left to the allocator.
pub(crate) const CONTIG_BYTES: u64 = 2 * size_of::<Contig>() as u64 + 64;

/// Bytes of the digests of `contigs` contigs while they are computed.
pub(crate) fn digest_bytes(contigs: u64) -> u64 {
    3 * contigs * size_of::<ContigDigest>() as u64
}

/// The size of a genome. If its tables do not fit, the rest is read only to determine this.
pub(crate) struct InputSize {
    contigs: u64,
    /// Bytes of names and descriptions.
    pub(crate) texts: u64,
    bases: u64,
    /// Runs of N and of lower case in the present contig.
    runs: u64,
    /// Maximum such runs of a contig.
    max_runs: u64,
    /// Runs of other letters.
    other_runs: u64,
    last_letter: u8,
}

impl Default for InputSize {
    fn default() -> Self {
        Self { contigs: 0, texts: 0, bases: 0, runs: 0, max_runs: 0, other_runs: 0, last_letter: b'A' }
    }
}

impl InputSize {
    /// Counts a new contig.
    pub(crate) fn add_contig(&mut self, head: &RecordHead) {
        self.contigs += 1;
        self.texts += (head.name.len() + head.description.len()) as u64;
        (self.runs, self.last_letter) = (0, b'A');
    }

    /// Counts bases whose runs the packed genome has counted.
    pub(crate) fn add_packed(&mut self, bases: u64) {
        self.bases += bases;
    }

    /// Counts bases and their runs.
    pub(crate) fn add_bases(&mut self, bases: &[u8]) {
        self.bases += bases.len() as u64;
        let is_base = |letter: u8| matches!(letter.to_ascii_uppercase(), b'A' | b'C' | b'G' | b'T');
        for &letter in bases {
            let last = std::mem::replace(&mut self.last_letter, letter);
            self.runs += u64::from(letter.is_ascii_lowercase() && !last.is_ascii_lowercase());
            if !is_base(letter) {
                let is_other = !matches!(letter, b'N' | b'n') && !letter.eq_ignore_ascii_case(&last);
                self.runs += u64::from(is_base(last));
                self.other_runs += u64::from(is_other);
            }
        }
        self.max_runs = self.max_runs.max(self.runs);
    }

    /// Raises the maximum runs of a contig to those of `bytes` bytes in the packed genome.
    pub(crate) fn add_run_bytes(&mut self, bytes: u64) {
        self.max_runs = self.max_runs.max(bytes / TwoBitWriter::RUN_BYTES);
    }

    /// Minimum bytes of a build in addition to present reservations.
    pub(crate) fn min_bytes(&self) -> u64 {
        let Self { contigs, texts, bases, .. } = *self;
        let others = self.other_runs * 2 * size_of::<OtherLetters>() as u64;
        let runs = self.max_runs * TwoBitWriter::RUN_BYTES;
        let reading = INPUT_BUFFERS + contigs * READ_CONTIG_BYTES + 3 * texts + others + runs;
        let segments = GenomeSegments::bytes(GenomeSegments::expected(contigs, bases));
        let tables = contigs * CONTIG_BYTES + texts + others + digest_bytes(contigs) + segments;
        let building = tables + MemoryPlan::min_bytes(MemoryNeeds::default());
        reading.max(building)
    }
}
