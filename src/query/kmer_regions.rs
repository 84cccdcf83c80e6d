//! Which bases of an indexed genome chosen k-mers cover: a bit for each base, so that k-mers may come in any order.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::memory::{Component, Reservation};
use crate::{Index, Result};

/// Where chosen k-mers of an index start.
pub struct KmerRegions<'i> {
    index: &'i Index,
    /// A bit for each base of the genome, all contigs end to end: whether a chosen k-mer starts there.
    starts: Vec<AtomicU64>,
    _held: Reservation,
}

impl<'i> KmerRegions<'i> {
    /// No k-mer is chosen yet.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for a bit a base.
    pub fn new(index: &'i Index) -> Result<Self> {
        let words = index.manifest().genome.bases.div_ceil(64);
        let held = index.budget().reserve(Component::Batches, words * 8, "the regions of k-mers")?;
        Ok(Self { index, starts: (0..words).map(|_| AtomicU64::new(0)).collect(), _held: held })
    }

    /// Chooses a k-mer: every place where it is stored.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn add(&self, kmer: u64) -> Result<()> {
        let contigs = self.index.contigs()?;
        self.index.for_each_position(kmer, |position| {
            let at = contigs[position.contig as usize].start + position.start;
            self.starts[(at / 64) as usize].fetch_or(1 << (at % 64), Ordering::Relaxed);
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
            for start in self.starts_within(contig.start..contig.start + contig.length) {
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

    /// The starts within a range of the genome, ascending.
    fn starts_within(&self, range: Range<u64>) -> impl Iterator<Item = u64> {
        let words = range.start / 64..range.end.div_ceil(64);
        let starts = words.flat_map(|number| {
            let mut word = self.starts[number as usize].load(Ordering::Relaxed);
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(number * 64 + u64::from(bit))
            })
        });
        starts.filter(move |start| range.contains(start))
    }
}
