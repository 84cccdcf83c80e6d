//! One reader feeds all workers, so cutting does nothing but copy bases; a sequence of any length passes in bounded
//! memory.

use crate::genome::Case;
use crate::memory::Budget;
use crate::memory::buffers::Buffer;
use crate::query::batch::{SequenceBatch, SequencePart};
use crate::query::pipeline::{Charge, Feed};
use crate::sequence::{Region, SequenceReader, Source};
use crate::{Index, Progress, Result};

/// Bases of a region that are unpacked at a time.
const UNPACKED: u64 = 1 << 16;
/// Bases of a batch for each of its parts, at least: many short sequences end a batch early, since parts use memory
/// too.
const MIN_BASES_PER_PART: usize = 16;

/// Cuts sequences into parts and collects parts in batches.
pub(super) struct Cutter<'f> {
    k: usize,
    batch_bases: usize,
    bytes_per_base: u64,
    feed: &'f mut Feed<SequenceBatch>,
    /// Memory of the current batch, once it is begun.
    charge: Option<Charge>,
    bases: Vec<u8>,
    parts: Vec<SequencePart>,
    /// Bytes of the names of the parts.
    names: usize,
    /// Whether the workers have stopped.
    stopped: bool,
}

impl<'f> Cutter<'f> {
    pub(super) fn new(
        index: &Index,
        batch_bases: usize,
        bytes_per_base: u64,
        feed: &'f mut Feed<SequenceBatch>,
    ) -> Self {
        Self {
            k: index.k() as usize,
            batch_bases,
            bytes_per_base,
            feed,
            charge: None,
            bases: Vec::new(),
            parts: Vec::new(),
            names: 0,
            stopped: false,
        }
    }

    /// Waits for the memory of a batch, unless one is begun.
    fn admit(&mut self) {
        if self.charge.is_none() {
            // A continued sequence starts with an overlap.
            let bases = self.batch_bases + self.k;
            let mut charge = self.feed.admit(bases as u64 * self.bytes_per_base);
            self.bases = Vec::with_capacity(bases);
            charge.set_reserved(self.bases.capacity() as u64);
            self.charge = Some(charge);
        }
    }

    /// Begins a sequence.
    fn begin(&mut self, name: &str, label: &str, start: u64) {
        self.admit();
        self.names += name.len() + label.len();
        self.parts.push(SequencePart {
            name: name.to_owned(),
            label: label.to_owned(),
            start,
            from: self.bases.len(),
            to: self.bases.len(),
            continues: false,
            overlap: 0,
            last: false,
        });
    }

    /// Appends bases to the sequence, and sends batches as they fill.
    fn add(&mut self, mut bases: &[u8]) {
        while !bases.is_empty() {
            // The overlap does not count, however small batches are.
            let overlap = self.parts.first().map_or(0, |part| part.overlap);
            let space = (self.batch_bases + overlap).saturating_sub(self.bases.len()).max(1);
            let (now, later) = bases.split_at(space.min(bases.len()));
            self.bases.extend_from_slice(now);
            bases = later;
            if self.bases.len() >= self.batch_bases + overlap
                && let Some(part) = self.parts.last_mut()
            {
                // The sequence continues in the next batch, with the k-1 bases at which its next k-mer begins.
                part.to = self.bases.len();
                let shared = (self.k - 1).min(part.to - part.from);
                let tail = self.bases[part.to - shared..].to_vec();
                let next = SequencePart {
                    name: part.name.clone(),
                    label: part.label.clone(),
                    start: part.start + (part.to - part.from - shared) as u64,
                    from: 0,
                    to: shared,
                    continues: true,
                    overlap: shared,
                    ..*part
                };
                self.send();
                self.admit();
                self.bases.extend_from_slice(&tail);
                self.parts.push(next);
            }
        }
    }

    /// Ends the sequence.
    fn end(&mut self) {
        if let Some(part) = self.parts.last_mut() {
            part.to = self.bases.len();
            part.last = true;
        }
        // Empty sequences and long names use memory too.
        let max = self.batch_bases;
        if self.bases.len() >= max || self.names >= max || self.parts.len() >= max / MIN_BASES_PER_PART {
            self.send();
        }
    }

    /// Sends the current batch.
    fn send(&mut self) {
        let Some(mut charge) = self.charge.take() else { return };
        let parts = std::mem::take(&mut self.parts);
        let bases = std::mem::take(&mut self.bases);
        self.names = 0;
        if parts.is_empty() {
            return;
        }
        let names: usize = parts.iter().map(|s| s.name.len() + s.label.len() + size_of::<SequencePart>()).sum();
        // The memory of the look-ups is used later.
        let here = bases.capacity() as u64 + names as u64;
        charge.resize(here + bases.len() as u64 * (self.bytes_per_base - 1));
        charge.set_reserved(here);
        self.stopped |= !self.feed.send(SequenceBatch { bases, parts }, charge);
    }

    /// Cuts all sequences of a source.
    pub(super) fn cut_source(&mut self, source: &Source, budget: &Budget, progress: &dyn Progress) -> Result<()> {
        let mut reader = SequenceReader::open(&source.within(budget))?;
        let mut done = 0;
        while let Some(head) = reader.next_record()? {
            self.begin(&head.name, &head.name, 0);
            while let Some(bases) = reader.next_bases()? {
                self.add(bases);
                let read = source.bytes_read();
                progress.advance(read - done);
                done = read;
                if self.stopped {
                    return Ok(());
                }
            }
            self.end();
        }
        reader.report_skipped(progress);
        self.send();
        Ok(())
    }

    /// Cuts all regions.
    pub(super) fn cut_regions(
        &mut self,
        index: &Index,
        regions: impl Iterator<Item = Result<Region>>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut bases = Buffer::<u8>::with_capacity(UNPACKED as usize);
        for region in regions {
            let region = region?;
            let sequence = index.region_reader(&region)?;
            // An empty region has no first base.
            let label = if region.range.is_empty() {
                region.contig.clone()
            } else {
                format!("{}:{}-{}", region.contig, region.range.start + 1, region.range.end)
            };
            self.begin(&region.contig, &label, region.range.start);
            let mut at = region.range.start;
            while at < region.range.end {
                let end = region.range.end.min(at + UNPACKED);
                bases.clear();
                sequence.bases(at..end, Case::Upper, &mut bases)?;
                self.add(&bases);
                progress.advance(end - at);
                at = end;
                if self.stopped {
                    return Ok(());
                }
            }
            self.end();
        }
        self.send();
        Ok(())
    }
}
