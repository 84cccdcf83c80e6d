//! What compares annotations with each other needs the names and lengths of the contigs, and no base.

use std::path::{Path, PathBuf};

use ahash::AHashMap;

use crate::genome::{Contig, GenomeReader};
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{Region, Source, unknown_contig};
use crate::text::shortened;
use crate::{Error, Progress, Result};

/// Contigs in which the rows of an annotation are.
pub(crate) trait ContigLookup {
    /// Whether a contig has this name.
    fn has_contig(&self, name: &str) -> bool;

    /// Number of a region's contig; the interval is checked.
    ///
    /// # Errors
    /// [`Error::NotInIndex`] or [`Error::Input`] without a line, if there is no such contig or interval.
    fn locate(&self, region: &Region) -> Result<u32>;
}

/// Names and lengths of the contigs of a genome, in its order.
pub(crate) struct ContigLengths {
    path: PathBuf,
    names: Vec<String>,
    lengths: Vec<u64>,
    by_name: AHashMap<String, u32>,
    reservation: Reservation,
}

impl ContigLengths {
    fn new(path: &Path, budget: &Budget) -> Self {
        Self {
            path: path.to_owned(),
            names: Vec::new(),
            lengths: Vec::new(),
            by_name: AHashMap::new(),
            reservation: budget.empty_reservation(Component::Contigs),
        }
    }

    /// The contigs of an index, which is in folder `path`.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn of(contigs: &[Contig], path: &Path, budget: &Budget) -> Result<Self> {
        let mut all = Self::new(path, budget);
        for contig in contigs {
            all.add(contig.name.clone(), contig.length)?;
        }
        Ok(all)
    }

    /// Reads a genome, or other sequences: FASTA, plain or compressed, or .2bit. Errors call a sequence `noun`.
    ///
    /// # Errors
    /// As [`GenomeReader`]'s; [`Error::Input`] for two contigs of one name and for a contig of 2^32 bases or more;
    /// [`Error::Memory`].
    pub(crate) fn read(source: &Source, noun: &str, budget: &Budget, progress: &dyn Progress) -> Result<Self> {
        let mut all = Self::new(source.path(), budget);
        let mut reader = GenomeReader::open(&source.within(budget))?;
        while let Some(head) = reader.next_record()? {
            let wrong = |problem: String| Error::input(source.path(), Some(head.line), problem);
            if all.by_name.contains_key(&head.name) {
                return Err(wrong(format!("two {noun}s are called {:?}; names must differ", shortened(&head.name))));
            }
            let mut length = 0;
            while let Some(bases) = reader.next_bases()? {
                length += bases.len() as u64;
            }
            if length > u64::from(u32::MAX) {
                return Err(wrong(format!("the {noun} has {length} bases, more than 4,294,967,295; split it")));
            }
            all.add(head.name, length)?;
        }
        reader.report_skipped(progress);
        Ok(all)
    }

    fn add(&mut self, name: String, length: u64) -> Result<()> {
        // Each name is in the list and in the table; both grow by doubling.
        let bytes = 2 * (2 * name.len() + 2 * size_of::<String>() + size_of::<(u64, u32)>());
        self.reservation.grow(bytes as u64, "the names of the contigs")?;
        self.by_name.insert(name.clone(), self.names.len() as u32);
        self.names.push(name);
        self.lengths.push(length);
        Ok(())
    }

    /// Lengths in bases, in the order of the genome.
    pub(crate) fn lengths(&self) -> &[u64] {
        &self.lengths
    }

    /// Names and lengths, in the order of the genome.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter().map(String::as_str).zip(self.lengths.iter().copied())
    }

    /// Name of contig `number`, counted from 0.
    pub(crate) fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }
}

impl ContigLookup for ContigLengths {
    fn has_contig(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    fn locate(&self, region: &Region) -> Result<u32> {
        let wrong = |problem: String| Err(Error::input(&self.path, None, problem));
        let Some(&number) = self.by_name.get(&region.contig) else {
            return wrong(unknown_contig(&region.contig, self.names.iter().map(String::as_str)));
        };
        let length = self.lengths[number as usize];
        if region.is_within(length) { Ok(number) } else { wrong(region.past_end(length)) }
    }
}
