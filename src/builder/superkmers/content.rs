//! The content of a dictionary of super-k-mers, as a sample of minimizers predicts it: the size of an index is known
//! before it is built.

use crate::builder::sample::{Sample, Samples};
use crate::builder::superkmers::occurrence::OccurrenceFields;
use crate::builder::superkmers::strata::{Sums, extrapolate};
use crate::bundle::MemoryHints;
use crate::dictionary::SuperKmerLayout;
use crate::dictionary::superkmers::{EntrySizes, Fields, KmerSums, for_each_kmer_of};
use crate::format::positions::ListCode;

/// What the sampled minimizers contain.
///
/// Every minimizer of the first cells is sampled, but key 0 only if all keys are: that minimizer, of A or of T alone,
/// is in every sample. It is not extrapolated from, and a sample of its own k-mers predicts what it contains.
pub(crate) struct SampledContent {
    /// Super-k-mers, distinct k-mers, repeated ones, and bits in position blocks, by cell.
    cells: Vec<Sums>,
    /// Distinct k-mers, repeated ones, and bits in a position block, of key 0 if it is not among the cells.
    runs: [u64; 3],
    /// Bits of all entries in their pages, scaled to all minimizers.
    page_bits: u64,
}

impl SampledContent {
    /// Adds up a sample, thinned out by `thinning_bits`. A cell is the keys with the same `cell_bits` highest bits;
    /// `run_kmers` k-mers have key 0.
    pub(crate) fn new(
        fields: &OccurrenceFields,
        layout: &SuperKmerLayout,
        (sample, thinning_bits): (&mut Samples<3, OccurrenceFields>, u32),
        (cell_bits, run_kmers): (u32, u64),
        lists: &ListCode,
    ) -> Self {
        let minimizers = &fields.minimizers;
        let page_fields = Fields::new(layout, *minimizers, lists);
        let mut sizes = EntrySizes::new(&page_fields, lists);
        let mut cells = vec![Sums::default(); 1 << cell_bits.saturating_sub(thinning_bits)];
        let mut runs = [0; 3];
        let cell_shift = minimizers.key_bits() - cell_bits;
        let count = |run: &[Sample<3>]| run.iter().map(|sample| sample[2]).sum();
        let mut scratch = Vec::new();
        fields.groups(sample.entries(), OccurrenceFields::from_sample, count, &mut Vec::new(), |key, entries| {
            let mut kmers = KmerSums::default();
            for_each_kmer_of(minimizers, entries, &mut scratch, |_, _, frequency| kmers.add(frequency, lists));
            if key == 0 && thinning_bits > 0 {
                let all = (kmers.kmers << thinning_bits).min(run_kmers).max(1);
                let list_bits = all * lists.bits(run_kmers / all);
                let sums = KmerSums { kmers: all, max_frequency: run_kmers, list_bits, ..kmers };
                runs = [all, (kmers.repeated << thinning_bits).min(all), page_fields.crowd_bits(&sums)];
                return;
            }
            let records = entries.iter().map(|entry| entry.count).sum();
            let here = [records, kmers.kmers, kmers.repeated, sizes.add(key, entries, &kmers)];
            let sums = &mut cells[(key >> cell_shift) as usize];
            sums.iter_mut().zip(here).for_each(|(sum, here)| *sum += here);
        });
        Self { cells, runs, page_bits: sizes.page_bits() << thinning_bits }
    }

    /// The content of an index of `kmers` k-mers, from the super-k-mers of each span and cell; with the distinct and
    /// the repeated k-mers that a sample of k-mers has `estimated`.
    pub(crate) fn extrapolate(
        &self,
        kmers: u64,
        counts: &[Vec<u32>],
        layout: &SuperKmerLayout,
        estimated: Option<[u64; 2]>,
    ) -> MemoryHints {
        let cells = counts.first().map_or(0, Vec::len);
        let records = |cell: usize| match cell {
            // Key 0 may not be among them.
            0 => self.cells[0][0],
            _ => counts.iter().map(|counts| u64::from(counts[cell])).sum(),
        };
        let [_, distinct, repeated, block_bits] = extrapolate((0..cells).map(records), &self.cells);
        let [run_distinct, run_repeated, run_bits] = self.runs;
        let [distinct, repeated] = estimated.unwrap_or([distinct + run_distinct, repeated + run_repeated]);
        let distinct_kmers = distinct.min(kmers);
        MemoryHints {
            kmers,
            distinct_kmers,
            repeated_kmers: repeated.min(distinct_kmers),
            stored_kmers: distinct_kmers,
            positions: kmers,
            dictionary_bytes: layout.directory_bytes() + self.page_bits / 8,
            position_bytes: layout.block_header_bytes() + (block_bits + run_bits) / 8,
        }
    }
}
