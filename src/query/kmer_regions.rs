//! Which bases of an indexed genome chosen k-mers cover: a bit for each base, so that k-mers may come in any order.

use std::ops::Range;

use crate::genome::BaseMask;
use crate::memory::Component;
use crate::{Index, Result};

/// Where chosen k-mers of an index start.
pub struct KmerRegions<'i> {
    index: &'i Index,
    /// Bases at which a chosen k-mer starts.
    starts: BaseMask,
}

impl<'i> KmerRegions<'i> {
    /// No k-mer is chosen yet.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for a bit a base.
    pub fn new(index: &'i Index) -> Result<Self> {
        let bases = index.manifest().genome.bases;
        let starts = BaseMask::new(bases, index.budget(), Component::Batches, "the regions of k-mers")?;
        Ok(Self { index, starts })
    }

    /// Chooses a k-mer: every place where it is stored.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn add(&self, kmer: u64) -> Result<()> {
        let contigs = self.index.contigs()?;
        self.index.for_each_position(kmer, |position| {
            let at = contigs[position.contig as usize].start + position.start;
            self.starts.add(&(at..at + 1));
        })?;
        Ok(())
    }

    /// Calls `each(contig, bases)` for every run of bases that chosen k-mers cover, in the order of the genome; bases are
    /// 0-based and half-open.
    ///
    /// # Errors
    /// What `each` returns; [`Error::Damaged`](crate::Error::Damaged).
    pub fn for_each_region(&self, mut each: impl FnMut(&str, Range<u64>) -> Result<()>) -> Result<()> {
        let k = u64::from(self.index.k());
        for contig in self.index.contigs()? {
            let mut run: Option<Range<u64>> = None;
            for start in self.starts.bases_within(contig.start..contig.start + contig.length) {
                let start = start - contig.start;
                match &mut run {
                    Some(run) if start <= run.end => run.end = start + k,
                    _ => {
                        if let Some(run) = run.replace(start..start + k) {
                            each(&contig.name, run)?;
                        }
                    }
                }
            }
            run.map_or(Ok(()), |run| each(&contig.name, run))?;
        }
        Ok(())
    }
}
