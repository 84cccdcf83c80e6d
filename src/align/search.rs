//! A search whose result is in memory as a whole.

use rayon::prelude::*;

use crate::align::alignment::Alignment;
use crate::align::blocks::GenomeSearch;
use crate::align::context::SearchOptions;
use crate::align::library::Library;
use crate::align::operations::Operations;
use crate::memory::{Budget, Component, Reservation};
use crate::{Index, Progress, Result};

/// Searches the genome for the sequences of a library. Returns alignments by contig, start, end, query, strand.
///
/// Uses memory for the seed table (about 35 bytes for each base of both strands of the library, and buffers of the
/// threads), for the segments and for the alignments. If the table takes more than half of the free memory, the library
/// is searched in parts, with the same result.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if the budget is too small; [`Error::Usage`](crate::Error::Usage) if a
/// sequence of the library has more than 2^30 bases; [`Error::NotInIndex`](crate::Error::NotInIndex) for ranges that
/// are not in the genome; [`Error::Damaged`](crate::Error::Damaged); [`Error::Cancelled`](crate::Error::Cancelled).
pub fn search(
    index: &Index,
    library: &Library,
    options: &SearchOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<Alignment>> {
    GenomeSearch::new(index, library, options, budget, progress).all().map(|(found, _)| found)
}

impl GenomeSearch<'_> {
    /// All alignments, as [`search`] returns them, and their reservation.
    ///
    /// # Errors
    /// As [`search`]'s.
    pub(crate) fn all(&self) -> Result<(Vec<Alignment>, Reservation)> {
        let mut blocks: Vec<Vec<Alignment>> = Vec::new();
        let mut reservation = self.budget.empty_reservation(Component::Alignments);
        self.by_block(|mut block| {
            if !self.options.keep_columns {
                block.alignments.iter_mut().for_each(|alignment| alignment.operations = Operations::default());
            }
            block.alignments.shrink_to_fit();
            // Once here and once in the list of all.
            let structs = block.alignments.len() * size_of::<Alignment>();
            let bytes = block.alignments.iter().map(Alignment::bytes).sum::<u64>() + structs as u64;
            blocks.push(block.alignments);
            drop(block.reservations);
            reservation.resize(reservation.bytes() + bytes);
            Ok(reservation.bytes())
        })?;
        let mut found: Vec<Alignment> = Vec::with_capacity(blocks.iter().map(Vec::len).sum());
        blocks.into_iter().for_each(|block| found.extend(block));
        found.par_sort_unstable_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        reservation.resize(found.iter().map(Alignment::bytes).sum());
        Ok((found, reservation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::genome_range::GenomeRange;
    use crate::align::target::ContigRange;
    use crate::builder::{BuildOptions, build_index};
    use crate::progress::Silent;
    use crate::random::Random;
    use crate::sequence::Source;

    /// A genome of two contigs, full of copies of three sequences.
    fn genome(random: &mut Random, sequences: &[Vec<u8>]) -> String {
        let mut letters = |length: u64| {
            let mut codes: Vec<u8> = Vec::new();
            while (codes.len() as u64) < length {
                let spacer = 1 + random.below(6000);
                codes.extend(random.bases(spacer));
                let sequence = &sequences[random.below(sequences.len())];
                codes.extend(
                    sequence.iter().map(|&code| if random.below(20) == 0 { b"ACGT"[random.below(4)] } else { code }),
                );
            }
            String::from_utf8(codes).expect("ASCII")
        };
        format!(">a\n{}\n>b\n{}\n", letters(3_300_000), letters(1_400_000))
    }

    #[test]
    fn ranges_of_a_genome_together_have_the_alignments_of_the_whole_also_outside_of_gaps() {
        let mut random = Random::new(11);
        let sequences: Vec<Vec<u8>> = [300, 900, 7000].map(|length| random.bases(length)).into();
        let folder = tempfile::tempdir().expect("a folder");
        let (fasta, target) = (folder.path().join("g.fa"), folder.path().join("g.reprise"));
        std::fs::write(&fasta, genome(&mut random, &sequences)).expect("written");
        let budget = Budget::new(1 << 30);
        build_index(&[Source::new(&fasta)], &target, &BuildOptions::default(), &budget, &Silent).expect("a genome");
        let index = Index::open(&target).expect("an index");
        let mut library = Library::default();
        sequences.iter().enumerate().for_each(|(number, letters)| library.push(number.to_string(), &letters[..]));
        let range = |contig, range| ContigRange { contig, range };
        // Pieces that begin anywhere, some within a few bases of a border of windows, some shorter than a copy.
        let border = 1 << 20;
        let pieces = vec![
            range(0, 17..border - 2000),
            range(0, border - 1900..border + 40),
            range(0, border + 100..2 * border + 3),
            range(0, 2 * border + 3000..2 * border + 700_000),
            range(1, 600_000..600_100),
            range(1, 600_500..1_390_000),
        ];
        for (within, skip_nested) in [(None, false), (Some(pieces), true)] {
            let options = SearchOptions { within, max_e_value: 0.1, skip_nested, ..SearchOptions::default() };
            let search = |range| {
                let search = GenomeSearch::new(&index, &library, &options, &budget, &Silent);
                GenomeSearch { range, ..search }.all().expect("alignments").0
            };
            let whole = search(GenomeRange::WHOLE);
            assert!(whole.len() > 500, "{}", whole.len());
            for count in [2, 3, 5, 7] {
                let contigs = index.contigs().expect("contigs");
                let parts = (1..=count).map(|number| search(GenomeRange::shard(contigs, number, count)));
                let mut joined: Vec<Alignment> = parts.flatten().collect();
                joined.sort_by_key(Alignment::sort_key);
                assert!(joined == whole, "{count} parts");
            }
        }
    }
}
