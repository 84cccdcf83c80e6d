//! Contigs of an open index: names to numbers, and the global offsets that an index stores to positions in contigs.

use ahash::AHashMap;

use crate::Result;
use crate::format::catalog::{CONTIGS_PER_RECORD, Catalog, RecordKind};
use crate::genome::Contig;
use crate::kmer::{KmerCodec, Strand};
use crate::memory::Reservation;

/// Where a k-mer occurs in the genome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Number of the contig, from 0.
    pub contig: u32,
    /// First base in the contig, 0-based.
    pub start: u64,
    /// The strand of the genome on which the k-mer reads as it was given.
    pub strand: Strand,
}

/// The contigs of an index, in the order of the genome and by name.
pub(crate) struct ContigTable {
    pub(crate) all: Vec<Contig>,
    pub(crate) by_name: AHashMap<String, u32>,
}

impl ContigTable {
    /// Reads the table of `count` contigs of `bases` bases; the `reservation` grows with it.
    pub(crate) fn read(catalog: &Catalog, (count, bases): (u64, u64), reservation: &mut Reservation) -> Result<Self> {
        let mut all: Vec<Contig> = Vec::new();
        let records = count.div_ceil(CONTIGS_PER_RECORD as u64);
        for number in 0..records {
            let Some(run) = catalog.value::<Vec<Contig>>(RecordKind::Contigs, number)? else { break };
            reservation.grow_part(Self::bytes(&run), "the table of contigs", (number + 1, records))?;
            all.extend(run);
        }
        let mut next = 0;
        let is_sound = all.len() as u64 == count
            && all.iter().all(|contig| {
                let is_next = contig.start == next;
                next = contig.start.saturating_add(contig.length);
                is_next
            })
            && next == bases;
        if !is_sound {
            return Err(catalog.damage("its contigs disagree with the manifest"));
        }
        Ok(Self::new(all))
    }

    pub(crate) fn new(all: Vec<Contig>) -> Self {
        let by_name = all.iter().zip(0..).map(|(contig, number)| (contig.name.clone(), number)).collect();
        Self { all, by_name }
    }

    /// Bytes of the table of some contigs; each name is in the table by name too.
    pub(crate) fn bytes(contigs: &[Contig]) -> u64 {
        let texts: usize = contigs.iter().map(|c| 2 * c.name.len() + c.description.len()).sum();
        (texts + 2 * size_of_val(contigs)) as u64
    }
}

/// Converts coded positions of one k-mer to positions in contigs; cheap for ascending positions.
pub(crate) struct PositionResolver<'a> {
    contigs: &'a [Contig],
    current: usize,
    /// The k-mer is its own reverse complement, and reads forward wherever it is.
    is_palindrome: bool,
}

impl<'a> PositionResolver<'a> {
    pub(crate) fn new(contigs: &'a [Contig], codec: &KmerCodec, kmer: u64) -> Self {
        Self { contigs, current: 0, is_palindrome: codec.reverse_complement(kmer) == kmer }
    }

    /// The position in a contig of a coded position, for a k-mer given on `strand` of its stored form. Its offset is
    /// below the number of bases, which is checked when a list is read, so there is a contig that has it.
    #[inline]
    pub(crate) fn resolve(&mut self, coded: u64, strand: Strand) -> Position {
        let offset = coded >> 1;
        let here = &self.contigs[self.current];
        if offset < here.start || offset >= here.start + here.length {
            self.current = self.contigs.partition_point(|c| c.start + c.length <= offset).min(self.contigs.len() - 1);
        }
        Position {
            contig: self.current as u32,
            start: offset.saturating_sub(self.contigs[self.current].start),
            strand: if self.is_palindrome {
                Strand::Forward
            } else {
                Strand::from_reverse(coded & 1 == 1).relative_to(strand)
            },
        }
    }
}
