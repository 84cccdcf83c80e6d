//! If two annotations overlap, one of them is cut. The rest is an alignment of its own, with its own columns, score and
//! E-value.

use std::ops::Range;

use crate::align::alignment::Alignment;
use crate::align::library::Library;
use crate::align::operations::{Column, Operations};
use crate::align::score::{Scorings, score_columns};
use crate::align::tandem::{TandemSequence, free_score, tandem_e_value};
use crate::align::target::{self, composition, targets};
use crate::kmer::Strand;
use crate::sequence::{Region, codes, reverse_complement};
use crate::{Index, Result};

/// Cuts alignments of a search over a whole genome.
pub struct Trimmer<'a> {
    index: &'a Index,
    library: &'a Library,
    /// Queries that follow those of the library.
    tandem: &'a [TandemSequence],
    scorings: Scorings,
    /// Size of the search, for E-values.
    query_bases: u64,
    target_bases: u64,
}

impl<'a> Trimmer<'a> {
    /// For alignments of `library` with the genome of `index`.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`].
    pub fn new(index: &'a Index, library: &'a Library) -> Result<Self> {
        let targets = targets(index, None)?;
        let scorings = Scorings::new(composition(&targets));
        let (query_bases, target_bases) = (library.bases(), target::bases(&targets));
        Ok(Self { index, library, tandem: &[], scorings, query_bases, target_bases })
    }

    /// The same for alignments of tandem repeats too; their queries are counted behind those of the library.
    pub(crate) fn with_tandem(self, tandem: &'a [TandemSequence]) -> Self {
        Self { tandem, ..self }
    }

    /// The part of an alignment within a range of its contig (0-based, half-open), without gaps at its ends; `None` if
    /// no pair of bases is left.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`].
    pub fn trim(&self, alignment: &Alignment, range: Range<u64>) -> Result<Option<Alignment>> {
        let mut columns = Vec::new();
        // Bases of genome and query before the column, both in the direction of the genome's forward strand.
        let (mut g, mut q) = (0u64, 0u32);
        let mut first = None;
        let (mut last, mut kept) = ((0, 0), 0);
        for column in alignment.operations.columns() {
            let at = alignment.range.start + g;
            let inside = range.contains(&at);
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
        let Some((first_g, first_q)) = first else { return Ok(None) };
        columns.truncate(kept);
        let range = alignment.range.start + first_g..alignment.range.start + last.0;
        let query_range = match alignment.strand {
            Strand::Forward => alignment.query_range.start + first_q..alignment.query_range.start + last.1,
            Strand::Reverse => alignment.query_range.end - last.1..alignment.query_range.end - first_q,
        };
        let genome = self.genome_codes(alignment.contig, range.clone())?;
        let query = self.query_codes(alignment, &query_range);
        let (counts, score) = score_columns(&query, &genome, &columns, &self.scorings);
        let (score, e_value) = match self.tandem_sequence(alignment) {
            Some(&TandemSequence { period, chosen_bases, .. }) => {
                let score = score - free_score(chosen_bases);
                (score, tandem_e_value(score, period, self.target_bases))
            }
            None => (score, self.scorings.general().e_value(score, self.query_bases, self.target_bases)),
        };
        Ok(Some(Alignment {
            query_range,
            range,
            score,
            e_value,
            counts,
            operations: Operations::new(&columns),
            ..alignment.clone()
        }))
    }

    /// The query of an alignment, if it is a tandem repeat's.
    fn tandem_sequence(&self, alignment: &Alignment) -> Option<&TandemSequence> {
        (alignment.query as usize).checked_sub(self.library.len()).map(|number| &self.tandem[number])
    }

    fn genome_codes(&self, contig: u32, range: Range<u64>) -> Result<Vec<u8>> {
        let name = self.index.contigs()?[contig as usize].name.clone();
        let (_, sequence) = self.index.region_record(&Region { contig: name, range: range.clone() })?;
        let mut genome = Vec::new();
        sequence.codes(range, &mut genome);
        Ok(genome)
    }

    /// The codes of a range of an alignment's query, on the strand of the alignment.
    fn query_codes(&self, alignment: &Alignment, range: &Range<u32>) -> Vec<u8> {
        let letters = match self.tandem_sequence(alignment) {
            Some(sequence) => &sequence.letters,
            None => self.library.sequence(alignment.query as usize),
        };
        let letters = &letters[range.start as usize..range.end as usize];
        let forward: Vec<u8> = codes(letters).collect();
        match alignment.strand {
            Strand::Forward => forward,
            Strand::Reverse => reverse_complement(&forward).collect(),
        }
    }
}
