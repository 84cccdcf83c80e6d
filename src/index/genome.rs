//! The contigs and bases of an indexed genome, by name and interval: an index needs no other copy of its genome.

use std::ops::Range;

use crate::format::catalog::{DIGESTS_PER_RECORD, RecordKind};
use crate::genome::{Case, Contig, ContigDigest, ContigLookup, TwoBit, TwoBitSequence};
use crate::index::contigs::ContigTable;
use crate::index::open::Index;
use crate::memory::Component;
use crate::sequence::{Region, RegionError, parse_region, unknown_contig};
use crate::text::shortened;
use crate::{Error, Result};

impl Index {
    /// The table of contigs, read when it is first needed.
    pub(super) fn contig_table(&self) -> Result<&ContigTable> {
        if let Some(contigs) = self.contigs.get() {
            return Ok(contigs);
        }
        let genome = &self.manifest.genome;
        let mut reservation = self.budget.empty_reservation(Component::Contigs);
        let contigs = ContigTable::read(self.store.catalog(), (genome.contigs, genome.bases), &mut reservation)?;
        let contigs = self.contigs.get_or_init(|| contigs);
        self.contigs_reservation.get_or_init(|| reservation);
        Ok(contigs)
    }

    /// All contigs, in the order of the genome.
    ///
    /// # Errors
    /// [`Error::Damaged`] if they cannot be read.
    pub fn contigs(&self) -> Result<&[Contig]> {
        Ok(&self.contig_table()?.all)
    }

    /// Digests of all contigs, in the order of the genome; read at each call.
    ///
    /// # Errors
    /// [`Error::Damaged`] if they cannot be read; [`Error::Memory`].
    pub fn contig_digests(&self) -> Result<Vec<ContigDigest>> {
        let genome = &self.manifest.genome;
        let bytes = genome.contigs.saturating_mul(size_of::<ContigDigest>() as u64);
        let _reservation = self.budget.reserve(Component::Contigs, bytes, "the digests of the contigs")?;
        let catalog = self.store.catalog();
        let mut all: Vec<ContigDigest> = Vec::new();
        for number in 0..genome.contigs.div_ceil(DIGESTS_PER_RECORD as u64) {
            match catalog.value::<Vec<ContigDigest>>(RecordKind::Digests, number)? {
                Some(run) => all.extend(run),
                None => break,
            }
        }
        let others = all.iter().fold(0u64, |sum, digest| sum.saturating_add(digest.other_letters));
        if (all.len() as u64, others) != (genome.contigs, genome.other_letters) {
            return Err(catalog.damage("its digests of contigs disagree with the manifest"));
        }
        Ok(all)
    }

    /// Number of the contig of this name.
    ///
    /// # Errors
    /// [`Error::NotInIndex`] with the nearest names; [`Error::Damaged`].
    pub fn contig_by_name(&self, name: &str) -> Result<u32> {
        let contigs = self.contig_table()?;
        contigs.by_name.get(name).copied().ok_or_else(|| self.unknown_contig(contigs, name))
    }

    /// Whether a contig has this name; none has while the table of contigs cannot be read.
    pub(crate) fn has_contig(&self, name: &str) -> bool {
        self.contig_table().is_ok_and(|contigs| contigs.by_name.contains_key(name))
    }

    fn unknown_contig(&self, contigs: &ContigTable, name: &str) -> Error {
        let problem = unknown_contig(name, contigs.all.iter().map(|contig| contig.name.as_str()));
        Error::NotInIndex { index: self.folder.clone(), problem }
    }

    /// Reads a region as samtools does (`chr1:1,001-2,000`); see [`parse_region`].
    ///
    /// # Errors
    /// [`Error::NotInIndex`] for an unknown contig, an interval that begins past its end and a text with two readings;
    /// [`Error::Damaged`].
    pub fn region(&self, text: &str) -> Result<Region> {
        let contigs = self.contig_table()?;
        let length = |name: &str| Some(contigs.all[*contigs.by_name.get(name)? as usize].length);
        parse_region(text, length).map_err(|e| match e {
            RegionError::UnknownContig(name) => self.unknown_contig(contigs, &name),
            RegionError::Interval(problem) => Error::NotInIndex { index: self.folder.clone(), problem },
        })
    }

    /// Number of a region's contig; the interval is checked.
    pub(crate) fn locate(&self, region: &Region) -> Result<u32> {
        let number = self.contig_by_name(&region.contig)?;
        let contig = &self.contigs()?[number as usize];
        if !region.is_within(contig.length) {
            return Err(Error::NotInIndex { index: self.folder.clone(), problem: region.past_end(contig.length) });
        }
        Ok(number)
    }

    /// Number of a region's contig and its packed record; the interval and its bases are checked.
    pub(crate) fn region_record(&self, region: &Region) -> Result<(u32, TwoBitSequence<'_>)> {
        let number = self.locate(region)?;
        let contig = &self.contigs()?[number as usize];
        let twobit = self.genome.twobit()?;
        let record = twobit.record_at(contig.record)?;
        let packed = twobit.offset_of(record.packed());
        self.check_genome(contig.record..packed)?;
        self.check_genome(packed + region.range.start / 4..packed + region.range.end.div_ceil(4))?;
        if record.length() != contig.length {
            let problem = format!("contig {} has another length there", shortened(&contig.name));
            return Err(self.genome.damage(Some(contig.record), problem));
        }
        Ok((number, record))
    }

    /// Checks the chunks of the packed genome with these bytes of its file, each once.
    pub(super) fn check_genome(&self, bytes: Range<u64>) -> Result<()> {
        self.genome.check(bytes, self.store.catalog(), self.manifest.identity)
    }

    /// The bases of an interval of a contig, 0-based and half-open, soft mask and N as in the input.
    ///
    /// # Errors
    /// [`Error::NotInIndex`]; [`Error::Damaged`].
    pub fn bases(&self, contig: &str, range: Range<u64>) -> Result<String> {
        let reader = self.region_reader(&Region { contig: contig.to_owned(), range: range.clone() })?;
        let mut out = Vec::with_capacity((range.end - range.start) as usize);
        reader.bases(range, Case::Masked, &mut out)?;
        Ok(out.into_iter().map(char::from).collect())
    }

    /// The packed genome, unchecked: [`bases`](Self::bases) checks what it reads. One that lies elsewhere is read into
    /// memory as a whole, a quarter of a byte a base.
    ///
    /// # Errors
    /// Only if it lies elsewhere: [`Error::Memory`], [`Error::Damaged`] and [`Error::Io`].
    pub fn genome(&self) -> Result<&TwoBit> {
        self.genome.twobit()
    }
}

impl ContigLookup for Index {
    fn has_contig(&self, name: &str) -> bool {
        Self::has_contig(self, name)
    }

    fn locate(&self, region: &Region) -> Result<u32> {
        Self::locate(self, region)
    }
}
