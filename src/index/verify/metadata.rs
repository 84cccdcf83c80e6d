//! Checks the manifest, the contigs, the spectrum and the page index against each other, without reading a page.

use crate::Result;
use crate::bundle::GenomeSummary;
use crate::format::block;
use crate::genome::Contig;
use crate::index::open::Index;

impl Index {
    /// The packed genome has the contigs of the catalog, each with its record and its length.
    pub(super) fn verify_contigs(&self, contigs: &[Contig]) -> Result<()> {
        let twobit = self.genome.twobit()?;
        if u64::from(twobit.contigs()) != contigs.len() as u64 {
            return Err(self.genome.damage(None, "it has another number of contigs than the catalog"));
        }
        for (entry, contig) in twobit.index().zip(contigs) {
            let (_, offset) = entry?;
            let record = twobit.record_at(offset)?;
            if offset != contig.record || record.length() != contig.length || !record.is_sound() {
                let problem = format!("the record of contig {} disagrees with the catalog", contig.name);
                return Err(self.genome.damage(Some(offset), problem));
            }
        }
        Ok(())
    }

    /// The manifest has the numbers of the packed genome.
    pub(super) fn verify_genome_summary(&self, contigs: &[Contig]) -> Result<()> {
        let expected = &self.manifest.genome;
        let mut genome = GenomeSummary { acgt: 0, masked: 0, n_runs: 0, longest_contig: 0, ..expected.clone() };
        for contig in contigs {
            let record = self.genome.twobit()?.record_at(contig.record)?;
            genome.acgt += contig.length;
            for run in record.n_blocks() {
                genome.acgt -= run.end - run.start;
                genome.n_runs += 1;
            }
            genome.masked += record.mask_blocks().map(|run| run.end - run.start).sum::<u64>();
            genome.longest_contig = genome.longest_contig.max(contig.length);
        }
        if genome != *expected {
            let problem = "its runs of N and of lower case disagree with the manifest";
            return Err(self.genome.damage(None, problem));
        }
        Ok(())
    }

    /// The totals of the manifest are those of the spectrum.
    pub(super) fn verify_totals(&self, spectrum: &[(u64, u64)]) -> Result<()> {
        let sum = |each: &dyn Fn(u64, u64) -> u64| {
            spectrum.iter().fold(0u64, |sum, row| sum.saturating_add(each(row.0, row.1)))
        };
        let only = |keep: bool, kmers: u64| if keep { kmers } else { 0 };
        let keeps = |frequency| self.filters.keeps(frequency);
        let totals = &self.manifest.actual;
        let sampled = |frequency| self.filters.stored_positions(frequency) < frequency;
        let positions = sum(&|f, n| only(keeps(f), n).saturating_mul(self.filters.stored_positions(f)));
        let sums = [
            (totals.kmers, sum(&|f, n| f.saturating_mul(n))),
            (totals.repeated_kmers, sum(&|f, n| only(f >= 2, n))),
            (totals.stored_kmers, sum(&|f, n| only(keeps(f), n))),
            (totals.seeds, sum(&|f, n| only(keeps(f) && f >= 2, n))),
            (totals.sampled_kmers, sum(&|f, n| only(keeps(f) && sampled(f), n))),
            (totals.positions, positions),
        ];
        if sums.iter().any(|(total, sum)| total != sum) {
            return Err(self.store.catalog().damage("its spectrum disagrees with the totals of the manifest"));
        }
        Ok(())
    }

    /// The page index ascends, and its blocks fill their file.
    pub(super) fn verify_page_index(&self) -> Result<()> {
        let (catalog, totals) = (self.store.catalog(), &self.manifest.actual);
        let (mut kmers, mut at) = (0, block::FILE_HEADER);
        for page in 0..self.pages() {
            let entry = self.store.page_entry(page)?;
            let is_next = entry.block_at == at && entry.first_kmer >= kmers;
            if !is_next || entry.first_kmer > totals.stored_kmers {
                return Err(catalog.damage(format!("its page index is out of order at page {page}")));
            }
            kmers = entry.first_kmer;
            at = at.saturating_add(entry.block_bytes);
        }
        if at != self.store.position_file_bytes() || at - block::FILE_HEADER != totals.position_bytes {
            return Err(catalog.damage("the position blocks of its page index do not fill their file"));
        }
        Ok(())
    }
}
