use std::ops::Range;

use crate::align::gapped::scored;
use crate::align::score::{CODES, Scorings};
use crate::align::{Alignment, Column, Library, OperationKind, composition, operations, pieces};
use crate::kmer::Strand;
use crate::sequence::Region;
use crate::sequence::reverse_complement;
use crate::{Index, Result};

/// Cuts alignments of a search over a whole genome.
pub struct Trimmer<'a> {
    index: &'a Index,
    library: &'a Library,
    scorings: Scorings,
    query_bases: u64,
    bases: u64,
}

impl<'a> Trimmer<'a> {
    /// For alignments of `library` with the genome of `index`.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`].
    pub fn new(index: &'a Index, library: &'a Library) -> Result<Self> {
        let pieces = pieces(index, None)?;
        let bases = pieces.iter().map(|p| u64::from(p.length())).sum();
        let scorings = Scorings::new(composition(&pieces));
        Ok(Self { index, library, scorings, query_bases: library.bases(), bases })
    }

    /// The same where the search was for the first sequences of the library, of so many bases.
    pub(crate) fn searched(self, query_bases: u64) -> Self {
        Self { query_bases, ..self }
    }

    /// The part of an alignment within a range of its contig, without gaps at its ends; `None` where no pair of bases is left.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`].
    pub fn trim(&self, alignment: &Alignment, range: Range<u64>) -> Result<Option<Alignment>> {
        let mut columns = Vec::new();
        // Bases of genome and query, the latter as the genome's forward strand has them, before the first column that stays.
        let (mut g, mut q) = (0u64, 0u32);
        let mut first = None;
        let (mut last, mut kept) = ((0, 0), 0);
        for operation in &alignment.operations {
            for _ in 0..operation.length {
                let at = alignment.range.start + g;
                let inside = range.contains(&at);
                let column = match operation.kind {
                    OperationKind::Pair => Column::Pair,
                    OperationKind::Insertion => Column::Genome,
                    OperationKind::Deletion => Column::Query,
                };
                if inside && (first.is_some() || column == Column::Pair) {
                    first.get_or_insert((g, q));
                    columns.push(column);
                }
                g += u64::from(column != Column::Query);
                q += u32::from(column != Column::Genome);
                if inside && column == Column::Pair {
                    (last, kept) = ((g, q), columns.len());
                }
            }
        }
        let Some((first_g, first_q)) = first else { return Ok(None) };
        columns.truncate(kept);
        let range = alignment.range.start + first_g..alignment.range.start + last.0;
        let query_range = match alignment.strand {
            Strand::Forward => alignment.query_range.start + first_q..alignment.query_range.start + last.1,
            Strand::Reverse => alignment.query_range.end - last.1..alignment.query_range.end - first_q,
        };
        let name = self.index.contigs()?[alignment.contig as usize].name.clone();
        let (_, record) = self.index.region_record(&Region { contig: name, range: range.clone() })?;
        let mut genome = Vec::new();
        record.codes(range.clone(), &mut genome);
        let letters =
            &self.library.sequence(alignment.query as usize)[query_range.start as usize..query_range.end as usize];
        let mut query: Vec<u8> = letters.iter().map(|&letter| CODES[usize::from(letter)]).collect();
        if alignment.strand == Strand::Reverse {
            query = reverse_complement(&query).collect();
        }
        let (counts, score) = scored(&query, &genome, &columns, &self.scorings);
        Ok(Some(Alignment {
            query_range,
            range,
            score,
            e_value: self.scorings.general().e_value(score, self.query_bases, self.bases),
            counts,
            operations: operations(&columns),
            ..alignment.clone()
        }))
    }
}
