use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(target_os = "linux")]
use memmap2::Advice;
use rayon::prelude::*;

use crate::bundle::GenomeSummary;
use crate::dictionary::Layout;
use crate::dictionary::sorted::page;
use crate::dictionary::superkmers::page::{Fields, SuperKmerShape, Wanted};
use crate::format::catalog::Record;
use crate::format::{CATALOG, POSITIONS, SEQUENCE, block, seed_order};
use crate::fs::digest_bytes;
use crate::genome::{Contig, ContigDigest, digest_contigs};
use crate::index::{Dictionary, Page, PageShape};
use crate::kmer::Strand;
use crate::random::{GAMMA, mix};
use crate::{Error, Index, Progress, Result};

/// How much [`Index::verify`] looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Lengths, metadata and its totals, and the checksums of the packed genome; no page, no position block.
    Quick,
    /// Every byte against its digest, and every page, block and record against each other; seeds of super-k-mers by number only.
    Full,
    /// All that, and every position against the genome.
    Sequence,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Bytes of files digested.
    pub bytes: u64,
    /// Dictionary pages, and as many position blocks.
    pub pages: u64,
    /// K-mers.
    pub kmers: u64,
    /// Positions.
    pub positions: u64,
    /// Seeds.
    pub seeds: u64,
    /// Contigs.
    pub contigs: u64,
    /// Minimizers with so many neighbourhoods that their k-mers are kept one by one; see `schema/format.md`.
    pub crowded_minimizers: u64,
}

impl Index {
    /// Checks the index on the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Damaged`], which names the file and what does not fit; [`Error::Io`].
    pub fn verify(&self, depth: Depth, progress: &dyn Progress) -> Result<Verified> {
        let manifest = &self.manifest;
        let mut verified =
            Verified { bytes: 0, pages: 0, kmers: 0, positions: 0, seeds: 0, contigs: 0, crowded_minimizers: 0 };
        let contigs = self.contigs()?;
        let mut genome = GenomeSummary { acgt: 0, masked: 0, n_runs: 0, longest_contig: 0, ..manifest.genome.clone() };
        let in_file: u64 = self.genome.contigs().into();
        if in_file != contigs.len() as u64 {
            return Err(self.sequence_damage(None, "it has another number of contigs than the catalog"));
        }
        for (entry, contig) in self.genome.index().zip(contigs) {
            let (_, offset) = entry?;
            let record = self.genome.record_at(offset)?;
            if offset != contig.record || record.length() != contig.length || !record.is_sound() {
                let problem = format!("the record of contig {} disagrees with the catalog", contig.name);
                return Err(self.sequence_damage(Some(offset), &problem));
            }
            genome.acgt += contig.length;
            for run in record.n_blocks() {
                genome.acgt -= run.end - run.start;
                genome.n_runs += 1;
            }
            genome.masked += record.mask_blocks().map(|run| run.end - run.start).sum::<u64>();
            genome.longest_contig = genome.longest_contig.max(contig.length);
            verified.contigs += 1;
        }
        let digests = self.contig_digests()?;
        if genome != manifest.genome {
            return Err(self.sequence_damage(None, "its runs of N and of lower case disagree with the manifest"));
        }
        // The index of contigs and, where the whole file is not digested below, all of it.
        self.check_genome(0..self.genome.bytes().len() as u64)?;
        let spectrum = self.spectrum()?;
        self.verify_totals(&spectrum)?;
        let (mut kmers, mut at) = (0, block::FILE_HEADER);
        for page in 0..self.pages() {
            let entry = self.page_entry(page)?;
            let is_next = entry.block_at == at && entry.first_kmer >= kmers;
            if !is_next || entry.first_kmer > manifest.actual.stored_kmers {
                return Err(self.catalog.damage(format!("its page index is out of order at page {page}")));
            }
            kmers = entry.first_kmer;
            at = at.saturating_add(entry.block_bytes);
        }
        if at != self.positions.len() as u64 || at - block::FILE_HEADER != manifest.actual.position_bytes {
            return Err(self.catalog.damage("the position blocks of its page index do not fill their file"));
        }
        if depth == Depth::Quick {
            return Ok(verified);
        }

        let total: u64 = manifest.files.values().map(|f| f.bytes).sum();
        progress.phase("digesting", Some(total));
        for (name, expected) in &manifest.files {
            // As they are open: another index may have come to their names.
            let digest = match name.as_str() {
                CATALOG => digest_bytes(&self.catalog.map()?),
                POSITIONS => self.in_a_row(digest_bytes),
                _ => digest_bytes(self.genome.bytes()),
            };
            if digest != *expected {
                return Err(Error::damaged(self.folder.join(name), None, "its digest is not the one in the manifest"));
            }
            progress.advance(expected.bytes);
            verified.bytes += expected.bytes;
        }

        progress.phase("checking", Some(manifest.actual.stored_kmers));
        let counted = Mutex::new(BTreeMap::<u64, u64>::new());
        let [kmers, positions, crowds, bytes, repeated] = [(); 5].map(|()| AtomicU64::new(0));
        let stored: Vec<_> = spectrum.into_iter().filter(|row| self.filters.keeps(row.0)).collect();
        // K-mers one by one, in their order: at hand where pages are sorted by them, and a walk of its own else.
        let numbered = depth == Depth::Sequence || matches!(self.dictionary, Dictionary::Sorted { .. });
        let check_page = |number: u64| {
            let page = self.read_page(number)?;
            let entry = self.page_entry(number)?;
            let next = if number + 1 < self.pages() {
                self.page_entry(number + 1)?.first_kmer
            } else {
                manifest.actual.stored_kmers
            };
            if next.checked_sub(entry.first_kmer) != Some(page.shape.kmers()) {
                return Err(self.catalog.damage(format!("the page index disagrees with page {number}")));
            }
            let mut local = Frequencies::default();
            let mut repeats = Repeats { next_kmer: entry.first_kmer, marks: 0 };
            let here = match (&self.dictionary, &page.shape) {
                (Dictionary::Sorted { layout, .. }, PageShape::Sorted(shape)) => {
                    self.verify_sorted(&page, shape, layout, depth, (&mut local, &mut repeats))?
                }
                (Dictionary::SuperKmers { fields, .. }, PageShape::SuperKmers(shape)) => {
                    let here = self.verify_super_kmers(&page, shape, fields, depth, &mut local)?;
                    if numbered {
                        self.for_each_kmer_in(&page, |_, frequency, _| {
                            repeats.add(frequency);
                            Ok(())
                        })?;
                    }
                    here
                }
                _ => return Err(self.catalog.damage("its pages are of another layout")),
            };
            kmers.fetch_add(page.shape.kmers(), Ordering::Relaxed);
            positions.fetch_add(here, Ordering::Relaxed);
            crowds.fetch_add(page.shape.crowds().into(), Ordering::Relaxed);
            bytes.fetch_add(page.bytes().len() as u64, Ordering::Relaxed);
            repeated.fetch_add(repeats.marks, Ordering::Relaxed);
            progress.advance(page.shape.kmers());
            let mut counted = counted.lock();
            for (frequency, count) in local.rows() {
                *counted.entry(frequency).or_default() += count;
            }
            Ok(())
        };
        // The seed order is one walk: beside the pages it holds up nobody.
        let (seeds, checked) =
            rayon::join(|| self.verify_seeds(&stored), || (0..self.pages()).into_par_iter().try_for_each(check_page));
        checked?;
        (verified.pages, verified.kmers) = (self.pages(), kmers.into_inner());
        verified.positions = positions.into_inner();
        verified.crowded_minimizers = crowds.into_inner();
        let expected = (manifest.actual.stored_kmers, manifest.actual.positions, manifest.actual.dictionary_bytes);
        if (verified.kmers, verified.positions, bytes.into_inner()) != expected {
            return Err(self.catalog.damage("it has other numbers of k-mers, positions or bytes than the manifest"));
        }
        if !counted.into_inner().into_iter().eq(stored.iter().copied()) {
            return Err(self.catalog.damage("its spectrum disagrees with its pages"));
        }
        let (seeds, marks) = seeds?;
        if numbered && marks != repeated.into_inner() {
            return Err(self.catalog.damage("its seed order names other k-mers than those that its pages repeat"));
        }
        verified.seeds = seeds;
        if depth == Depth::Sequence {
            self.verify_digests(contigs, &digests)?;
        }
        Ok(verified)
    }

    /// Checks the digests of contigs whose letters are all in the packed genome, which holds no letters but ACGTN.
    fn verify_digests(&self, contigs: &[Contig], digests: &[ContigDigest]) -> Result<()> {
        let whole: Vec<usize> = (0..contigs.len()).filter(|&i| digests[i].other_letters == 0).collect();
        let record = |i: usize| self.genome.record_at(contigs[whole[i]].record);
        for (&i, found) in whole.iter().zip(digest_contigs(whole.len(), record, &[])?) {
            if found != digests[i] {
                let problem =
                    format!("the bases of contig {} have another digest than in the catalog", contigs[i].name);
                return Err(self.sequence_damage(Some(contigs[i].record), &problem));
            }
        }
        Ok(())
    }

    /// Checks that the totals of the manifest are those of the spectrum.
    fn verify_totals(&self, spectrum: &[(u64, u64)]) -> Result<()> {
        let sum = |each: &dyn Fn(u64, u64) -> u64| {
            spectrum.iter().fold(0u64, |sum, row| sum.saturating_add(each(row.0, row.1)))
        };
        let only = |keep: bool, kmers: u64| if keep { kmers } else { 0 };
        let keeps = |frequency| self.filters.keeps(frequency);
        let totals = &self.manifest.actual;
        let sampled = |frequency| self.filters.stored_positions(frequency) < frequency;
        let positions = sum(&|f, n| only(keeps(f), n).saturating_mul(self.filters.stored_positions(f)));
        let wanted = [
            (totals.kmers, sum(&|f, n| f.saturating_mul(n))),
            (totals.repeated_kmers, sum(&|f, n| only(f >= 2, n))),
            (totals.stored_kmers, sum(&|f, n| only(keeps(f), n))),
            (totals.seeds, sum(&|f, n| only(keeps(f) && f >= 2, n))),
            (totals.sampled_kmers, sum(&|f, n| only(keeps(f) && sampled(f), n))),
            (totals.positions, positions),
        ];
        if wanted.iter().any(|(total, sum)| total != sum) {
            return Err(self.catalog.damage("its spectrum disagrees with the totals of the manifest"));
        }
        Ok(())
    }

    /// Reads the file of positions from its beginning to its end.
    fn in_a_row<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        #[cfg(target_os = "linux")]
        let _ = self.positions.advise(Advice::Sequential);
        let outcome = read(&self.positions);
        #[cfg(target_os = "linux")]
        let _ = self.positions.advise(Advice::Random);
        outcome
    }

    /// Checks a page of k-mers and its block; gives the number of positions.
    fn verify_sorted(
        &self,
        page: &Page,
        shape: &page::PageShape,
        layout: &Layout,
        depth: Depth,
        (counted, repeats): (&mut Frequencies, &mut Repeats),
    ) -> Result<u64> {
        let number = page.number;
        let block = self.block(number)?;
        let mut positions = 0;
        let (bytes, codes) = ((page.bytes(), number), (&self.filters, &self.lists));
        let damage = |problem| self.catalog.damage(problem);
        shape.verify(bytes, layout, codes, damage, |frequency, list_at| {
            counted.add(frequency, 1);
            repeats.add(frequency);
            self.read_list(&block, page, list_at, frequency, u64::MAX, |_| {
                positions += 1;
                Ok(())
            })
        })?;
        if depth == Depth::Sequence {
            let mut check = GenomeCheck::new(self)?;
            let mut list_at = 0u64;
            for (hash, frequency) in shape.entries(page.bytes(), number, layout, self.filters.min_frequency) {
                let stored = self.codec.kmer_of_hash(hash);
                let mut wrong = None;
                self.read_list(&block, page, list_at, frequency, u64::MAX, |raw| {
                    if !check.holds(stored, raw) {
                        wrong.get_or_insert(raw);
                    }
                    Ok(())
                })?;
                if let Some(raw) = wrong {
                    return Err(self.misplaced(number, stored, raw));
                }
                list_at = self.lists.bits(self.filters.stored_positions(frequency)).saturating_add(list_at);
            }
        }
        Ok(positions)
    }

    /// Checks a page of super-k-mers and its block; gives the number of positions of k-mers.
    fn verify_super_kmers(
        &self,
        page: &Page,
        shape: &SuperKmerShape,
        fields: &Fields,
        depth: Depth,
        counted: &mut Frequencies,
    ) -> Result<u64> {
        let number = page.number;
        let block = self.block(number)?;
        let minimizers = &fields.minimizers;
        let mut check = GenomeCheck::new(self)?;
        let (mut misplaced, mut positions) = (None, 0);
        let compare = |wanted: Wanted, found: &[u64]| {
            if misplaced.is_some() {
                return;
            }
            let minimizer = minimizers.minimizer_of_key(wanted.key);
            for offset in u32::from(wanted.low)..=wanted.high.into() {
                let kmer = minimizers.kmer(minimizer, wanted.context, offset);
                let raw = found.iter().map(|&position| wanted.kmer_position(position, offset, minimizers.flank()));
                misplaced = misplaced.or(raw.filter(|&raw| !check.holds(kmer, raw)).map(|raw| (kmer, raw)).next());
            }
        };
        let compare = (depth == Depth::Sequence).then_some(compare);
        shape
            .verify(fields, &self.lists, (page.bytes(), number), block.bytes(), compare, |frequency, kmers| {
                counted.add(frequency, kmers);
                positions += frequency * kmers;
            })
            .map_err(|e| self.catalog.damage(e))?;
        match misplaced {
            Some((kmer, raw)) => Err(self.misplaced(number, kmer, raw)),
            None => Ok(positions),
        }
    }

    fn misplaced(&self, block: u64, kmer: u64, raw: u64) -> Error {
        let kmer = self.codec.decode(kmer);
        self.block_damage(block, &format!("places {kmer} at base {}, where the genome reads otherwise", raw >> 1))
    }

    /// The seed order holds every repeated k-mer once: its numbers ascend within a frequency, frequencies fall, and each
    /// has as many as the spectrum says. Gives how many, and the sum of their marks.
    fn verify_seeds(&self, stored: &[(u64, u64)]) -> Result<(u64, u64)> {
        let mut expected: Vec<(u64, u64)> = stored.iter().copied().filter(|row| row.0 >= 2).collect();
        let wrong = || self.catalog.damage("its seed order disagrees with its spectrum");
        let (mut last, mut seeds, mut marks) = (None, 0, 0u64);
        for number in 0.. {
            let Some(bytes) = self.catalog.record(Record::Seeds, number)? else { break };
            for (frequency, kmer) in seed_order::decode(&bytes).map_err(|e| self.catalog.damage(e))? {
                let (wanted, left) = expected.last_mut().ok_or_else(wrong)?;
                if *wanted != frequency || last.is_some_and(|(f, k)| f == frequency && k >= kmer) {
                    return Err(wrong());
                }
                *left -= 1;
                if *left == 0 {
                    expected.pop();
                }
                last = Some((frequency, kmer));
                seeds += 1;
                marks = marks.wrapping_add(mark(frequency, kmer));
            }
        }
        if !expected.is_empty() || seeds != self.manifest.actual.seeds {
            return Err(wrong());
        }
        Ok((seeds, marks))
    }

    fn sequence_damage(&self, offset: Option<u64>, problem: &str) -> Error {
        Error::damaged(self.folder.join(SEQUENCE), offset, problem)
    }
}

/// What stands for a repeated k-mer in a sum over all of them: the sums of two sets are the same only where the sets are.
#[inline(always)]
fn mark(frequency: u64, kmer: u64) -> u64 {
    mix(kmer.wrapping_mul(GAMMA) ^ frequency.rotate_left(40))
}

/// The marks of those of a run of k-mers that occur more than once.
struct Repeats {
    next_kmer: u64,
    marks: u64,
}

impl Repeats {
    /// Adds the next k-mer.
    #[inline(always)]
    fn add(&mut self, frequency: u64) {
        if frequency >= 2 {
            self.marks = self.marks.wrapping_add(mark(frequency, self.next_kmer));
        }
        self.next_kmer += 1;
    }
}

/// How often each frequency was seen.
struct Frequencies {
    small: [u64; 64],
    large: BTreeMap<u64, u64>,
}

impl Default for Frequencies {
    fn default() -> Self {
        Self { small: [0; 64], large: BTreeMap::new() }
    }
}

impl Frequencies {
    #[inline(always)]
    fn add(&mut self, frequency: u64, kmers: u64) {
        match self.small.get_mut(frequency as usize) {
            Some(count) => *count += kmers,
            None => *self.large.entry(frequency).or_default() += kmers,
        }
    }

    /// (frequency, how often), ascending, without zeros.
    fn rows(self) -> impl Iterator<Item = (u64, u64)> {
        (0..).zip(self.small).chain(self.large).filter(|&(_, count)| count > 0)
    }
}

/// Compares k-mers with the genome.
struct GenomeCheck<'a> {
    index: &'a Index,
    contigs: &'a [Contig],
    /// The contig of the position before, which is mostly that of the next.
    current: Option<(&'a Contig, crate::genome::Record<'a>)>,
}

impl<'a> GenomeCheck<'a> {
    fn new(index: &'a Index) -> Result<Self> {
        Ok(Self { index, contigs: index.contigs()?, current: None })
    }

    /// Whether the genome reads `stored` at a coded position.
    fn holds(&mut self, stored: u64, raw: u64) -> bool {
        let offset = raw >> 1;
        if self.current.is_none_or(|(c, _)| offset < c.start || offset >= c.start + c.length) {
            let number = self.contigs.partition_point(|c| c.start + c.length <= offset);
            self.current =
                self.contigs.get(number).and_then(|c| Some((c, self.index.genome.record_at(c.record).ok()?)));
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
        let strand = Strand::from_reverse(raw & 1 == 1);
        let wanted = if strand.is_reverse() { codec.reverse_complement(stored) } else { stored };
        read == wanted && record.acgt_runs_within(start..start + k).next() == Some(start..start + k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;
    use crate::builder::{BuildOptions, build_index};
    use crate::memory::Budget;
    use crate::sequence::Source;

    /// Digests that are not of the packed bases are told; those of contigs with letters that are not packed cannot be.
    #[test]
    fn digests_of_other_bases() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (genome, target) = (folder.path().join("g.fa"), folder.path().join("g.reprise"));
        std::fs::write(&genome, ">a\nACGTACGTTGCA\n>b\nACGTRACGT\n>c\nNNACGTACC\n").expect("written");
        let options = BuildOptions { k: Some(3), ..BuildOptions::default() };
        build_index(&[Source::new(&genome)], &target, &options, &Budget::new(1 << 30), &Silent).expect("a genome");
        let index = Index::open(&target).expect("an index");
        let (contigs, sound) = (index.contigs().expect("sound"), index.contig_digests().expect("sound"));
        index.verify_digests(contigs, &sound).expect("the digests are those of the bases");
        for (number, told) in [(0, true), (1, false), (2, true)] {
            let mut others = sound.clone();
            others[number].md5[3] ^= 1;
            let outcome = index.verify_digests(contigs, &others);
            assert_eq!(matches!(outcome, Err(Error::Damaged { .. })), told, "contig {number}");
        }
    }
}
