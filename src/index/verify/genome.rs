//! Compares an index with the bases of its genome: the positions of k-mers, and the digests of contigs.

use crate::Result;
use crate::genome::{Contig, ContigDigest, TwoBit, TwoBitSequence, digest_contigs};
use crate::index::open::Index;
use crate::kmer::Strand;

/// Reads k-mers from the packed genome.
pub(super) struct GenomeReader<'a> {
    index: &'a Index,
    contigs: &'a [Contig],
    genome: &'a TwoBit,
    /// The contig of the position before, which is mostly that of the next.
    current: Option<(&'a Contig, TwoBitSequence<'a>)>,
}

impl<'a> GenomeReader<'a> {
    pub(super) fn new(index: &'a Index) -> Result<Self> {
        Ok(Self { index, contigs: index.contigs()?, genome: index.genome.twobit()?, current: None })
    }

    /// Whether the genome reads the k-mer `stored` at a coded position.
    pub(super) fn reads(&mut self, stored: u64, position: u64) -> bool {
        let offset = position >> 1;
        if self.current.is_none_or(|(c, _)| offset < c.start || offset >= c.start + c.length) {
            let number = self.contigs.partition_point(|c| c.start + c.length <= offset);
            let genome = self.genome;
            self.current = self.contigs.get(number).and_then(|c| Some((c, genome.record_at(c.record).ok()?)));
        }
        let Some((contig, record)) = self.current else { return false };
        let codec = &self.index.codec;
        let (start, k) = (offset - contig.start, u64::from(codec.k()));
        if start + k > contig.length {
            return false;
        }
        let packed = record.packed();
        let read = (start..start + k)
            .fold(0u64, |kmer, at| kmer << 2 | u64::from(packed[(at / 4) as usize] >> (6 - 2 * (at % 4)) & 3));
        let strand = Strand::from_reverse(position & 1 == 1);
        let expected = if strand.is_reverse() { codec.reverse_complement(stored) } else { stored };
        read == expected && record.acgt_runs_within(start..start + k).next() == Some(start..start + k)
    }
}

impl Index {
    /// Checks the digests of contigs whose letters are all in the packed genome, which has no letters but ACGTN.
    pub(super) fn verify_digests_of_contigs(&self, contigs: &[Contig], digests: &[ContigDigest]) -> Result<()> {
        let whole: Vec<usize> = (0..contigs.len()).filter(|&i| digests[i].other_letters == 0).collect();
        let genome = self.genome.twobit()?;
        let record = |i: usize| genome.record_at(contigs[whole[i]].record);
        for (&i, found) in whole.iter().zip(digest_contigs(whole.len(), record, &[])?) {
            if found != digests[i] {
                let problem =
                    format!("the bases of contig {} have another digest than in the catalog", contigs[i].name);
                return Err(self.genome.damage(Some(contigs[i].record), problem));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{BuildOptions, build_index};
    use crate::memory::Budget;
    use crate::sequence::Source;
    use crate::{Error, Silent};

    /// Digests of other bases are found; those of contigs with letters that are not packed cannot be checked.
    #[test]
    fn digests_of_other_bases() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (genome, target) = (folder.path().join("g.fa"), folder.path().join("g.reprise"));
        std::fs::write(&genome, ">a\nACGTACGTTGCA\n>b\nACGTRACGT\n>c\nNNACGTACC\n").expect("written");
        let options = BuildOptions { k: Some(3), ..BuildOptions::default() };
        build_index(&[Source::new(&genome)], &target, &options, &Budget::new(1 << 30), &Silent).expect("a genome");
        let index = Index::open(&target).expect("an index");
        let (contigs, sound) = (index.contigs().expect("sound"), index.contig_digests().expect("sound"));
        index.verify_digests_of_contigs(contigs, &sound).expect("the digests are those of the bases");
        for (number, is_found) in [(0, true), (1, false), (2, true)] {
            let mut others = sound.clone();
            others[number].md5[3] ^= 1;
            let outcome = index.verify_digests_of_contigs(contigs, &others);
            assert_eq!(matches!(outcome, Err(Error::Damaged { .. })), is_found, "contig {number}");
        }
    }
}
