//! The k-mers of several indexes side by side: which of them they share, and which only some of them have.
//!
//! All indexes of one k have the same hash of a k-mer, so a range of hashes is the same part of each. The k-mers of a
//! range are read from one index after the other, sorted by hash, merged, and forgotten before the next range: memory
//! is bounded by the budget, whatever the size and number of the indexes. A sorted dictionary has its pages in this
//! order, so only the pages of a range are read; one of super-k-mers is read once a range.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::bundle::{Manifest, Parameters};
use crate::index::OpenOptions;
use crate::kmer::{KmerCodec, low_mask};
use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Index, Progress, Result};

/// Bytes of a k-mer while it is merged: its hash and its frequency.
const BYTES_PER_KMER: u64 = 16;
/// K-mers of all indexes that one thread merges at a time: their results wait for each other, so they must be small.
const KMERS_PER_SLICE: u64 = 1 << 16;
/// Pages of an index that a thread reads between two moments at which the pages of all threads are put together.
const PAGES_PER_THREAD: u64 = 8;
/// The least k-mers of a range: smaller ranges would read a dictionary of super-k-mers too often to be of use.
const MIN_KMERS_PER_RANGE: u64 = 1 << 16;

/// Indexes of one k whose k-mers are merged. They are opened one at a time, so their number is not limited by that of
/// open files.
pub struct KmerSets {
    folders: Vec<PathBuf>,
    manifests: Vec<Manifest>,
    codec: KmerCodec,
    options: OpenOptions,
    budget: Budget,
}

/// A stored k-mer of at least one index.
#[derive(Debug, Clone, Copy)]
pub struct MergedKmer<'a> {
    /// Its code, on the strand that users see.
    pub kmer: u64,
    /// Its frequency in each index, in their order; 0 where it is not stored.
    pub frequencies: &'a [u64],
}

impl KmerSets {
    /// Reads the manifests of the indexes in these folders.
    ///
    /// # Errors
    /// [`Error::Usage`] if fewer than two are given, one is given twice, or they differ in k; what
    /// [`Index::open_with`] returns.
    pub fn new(folders: &[PathBuf], options: &OpenOptions, budget: &Budget) -> Result<Self> {
        let manifests: Vec<Manifest> = folders.iter().map(|folder| Manifest::read(folder)).collect::<Result<_>>()?;
        let [first, others @ ..] = &manifests[..] else {
            return Err(Error::Usage("no index is given; two or more are compared".to_owned()));
        };
        if others.is_empty() {
            return Err(Error::Usage("one index is given; two or more are compared".to_owned()));
        }
        let k = first.parameters.k;
        if let Some(at) = manifests.iter().position(|manifest| manifest.parameters.k != k) {
            return Err(Error::Usage(format!(
                "{} has k {k} and {} has k {}; only indexes of one k can be compared, so build one of them again with \
                 the k of the other",
                folders[0].display(),
                folders[at].display(),
                manifests[at].parameters.k
            )));
        }
        let real: Vec<PathBuf> = folders.iter().map(|folder| canonical(folder)).collect::<Result<_>>()?;
        for (at, folder) in real.iter().enumerate() {
            if let Some(first) = real[..at].iter().position(|other| other == folder) {
                let [first, again] = [first, at].map(|number| folders[number].display());
                return Err(Error::Usage(format!("{first} and {again} are the same index; name it once")));
            }
        }
        let codec = KmerCodec::new(k)?;
        Ok(Self { folders: folders.to_vec(), manifests, codec, options: options.clone(), budget: budget.clone() })
    }

    /// The manifests of the indexes, in their order.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// Encodes and decodes the k-mers.
    pub fn codec(&self) -> &KmerCodec {
        &self.codec
    }

    /// Indexes that do not store all k-mers of their genome, because of their frequency filters.
    pub fn filtered(&self) -> impl Iterator<Item = (&Path, &Parameters)> {
        let is_filtered = |(_, p): &(&Path, &Parameters)| p.min_frequency > 1 || p.max_frequency.is_some();
        let each = self.folders.iter().map(PathBuf::as_path).zip(self.manifests.iter().map(|m| &m.parameters));
        each.filter(is_filtered)
    }

    /// Opens index number `number`.
    ///
    /// # Errors
    /// See [`Index::open_with`].
    pub fn open(&self, number: usize) -> Result<Index> {
        Index::open_with(&self.folders[number], &self.options, &self.budget)
    }

    /// Merges the k-mers of all indexes. `add` is called for each k-mer, by several threads, with the result of its slice;
    /// `take` gets the results of all slices, in the order of the hashes, which is the same for any threads and memory.
    ///
    /// # Errors
    /// [`Error::Memory`] if the budget has no space for a range; [`Error::Damaged`]; [`Error::Io`]; what `take` returns.
    pub fn merge<T: Default + Send>(
        &self,
        add: impl Fn(&mut T, MergedKmer<'_>) + Sync,
        mut take: impl FnMut(T) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let stored: u64 = self.manifests.iter().map(|manifest| manifest.actual.stored_kmers).sum();
        progress.phase("comparing", Some(stored));
        let fitting = (self.budget.free() / 4 / BYTES_PER_KMER).max(MIN_KMERS_PER_RANGE);
        for hashes in ranges(self.codec.hash_bits(), stored.div_ceil(fitting)) {
            let part = self.read(&hashes, progress)?;
            let kmers: u64 = part.kmers.iter().map(|kmers| kmers.len() as u64).sum();
            let slices = part.slices(&hashes, kmers.div_ceil(KMERS_PER_SLICE));
            // As many as there are threads at a time: the results of more would wait.
            for some in slices.chunks(rayon::current_num_threads().max(1)) {
                let results: Vec<T> = some.par_iter().map(|slice| self.merge_slice(slice, &add)).collect();
                results.into_iter().try_for_each(&mut take)?;
            }
        }
        Ok(())
    }

    /// The k-mers of a range of hashes, of one index after the other.
    fn read(&self, hashes: &Hashes, progress: &dyn Progress) -> Result<Part> {
        let mut held = self.budget.empty_reservation(Component::Batches);
        let mut kmers = Vec::with_capacity(self.folders.len());
        for number in 0..self.folders.len() {
            let index = self.open(number)?;
            let pages = index.pages_of_hashes(hashes.first, hashes.last);
            let mut all = Vec::new();
            let expected = hashes.expected(self.codec.hash_bits(), self.manifests[number].actual.stored_kmers);
            held.grow(expected * BYTES_PER_KMER, "the k-mers of several indexes")?;
            all.reserve_exact(expected as usize);
            let at_once = PAGES_PER_THREAD * rayon::current_num_threads() as u64;
            for first in pages.clone().step_by(at_once as usize) {
                let some: Vec<Vec<(u64, u64)>> = (first..(first + at_once).min(pages.end))
                    .into_par_iter()
                    .map(|page| self.read_page(&index, page, hashes))
                    .collect::<Result<_>>()?;
                some.iter().for_each(|some| all.extend_from_slice(some));
            }
            let length = all.len();
            let more = (all.capacity() as u64).saturating_sub(expected);
            held.grow(more * BYTES_PER_KMER, "the k-mers of several indexes")?;
            if !all.is_sorted() {
                all.par_sort_unstable();
            }
            progress.advance(length as u64);
            kmers.push(all);
        }
        Ok(Part { kmers, _held: held })
    }

    /// Hash and frequency of the k-mers of a page whose hash is in the range.
    fn read_page(&self, index: &Index, page: u64, hashes: &Hashes) -> Result<Vec<(u64, u64)>> {
        let mut some = Vec::new();
        index.for_each_kmer_of_page(page, |entry| {
            let hash = self.codec.hash(entry.kmer).0;
            if hashes.contains(hash) {
                some.push((hash, entry.frequency));
            }
            Ok(())
        })?;
        Ok(some)
    }

    /// Merges one slice.
    fn merge_slice<T: Default>(&self, slice: &[&[(u64, u64)]], add: &impl Fn(&mut T, MergedKmer<'_>)) -> T {
        let mut result = T::default();
        let mut rest = slice.to_vec();
        let mut frequencies = vec![0; slice.len()];
        while let Some(hash) = rest.iter().filter_map(|kmers| Some(kmers.first()?.0)).min() {
            for (kmers, frequency) in rest.iter_mut().zip(&mut frequencies) {
                *frequency = match kmers.split_first() {
                    Some((&(here, frequency), others)) if here == hash => {
                        *kmers = others;
                        frequency
                    }
                    _ => 0,
                };
            }
            let kmer = self.codec.printed_strand(self.codec.kmer_of_hash(hash));
            add(&mut result, MergedKmer { kmer, frequencies: &frequencies });
        }
        result
    }
}

/// A range of hashes, both ends included: a k-mer of 32 bases has a hash of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hashes {
    first: u64,
    last: u64,
}

impl Hashes {
    fn contains(&self, hash: u64) -> bool {
        (self.first..=self.last).contains(&hash)
    }

    /// How many of `kmers` k-mers have such a hash, if hashes of `bits` bits are spread as by chance: the mean and five
    /// standard deviations, which one range in three million exceeds.
    fn expected(&self, bits: u32, kmers: u64) -> u64 {
        let mean = kmers as f64 * ((self.last - self.first) as f64 + 1.0) / (bits as f64).exp2();
        ((mean + 5.0 * mean.sqrt()) as u64 + 1).min(kmers)
    }
}

/// Cuts all hashes of so many bits into about `count` ranges of one size.
fn ranges(bits: u32, count: u64) -> Vec<Hashes> {
    cut(Hashes { first: 0, last: low_mask(bits) }, count)
}

/// Cuts a range of hashes into at most `count` ranges of about one size.
fn cut(all: Hashes, count: u64) -> Vec<Hashes> {
    let length = u128::from(all.last - all.first) + 1;
    let count = u128::from(count.max(1)).min(length);
    let at = |i: u128| all.first + (length * i / count) as u64;
    (0..count).map(|i| Hashes { first: at(i), last: if i + 1 == count { all.last } else { at(i + 1) - 1 } }).collect()
}

/// The k-mers of a range of hashes.
struct Part {
    /// Hash and frequency, by hash, of each index.
    kmers: Vec<Vec<(u64, u64)>>,
    _held: Reservation,
}

impl Part {
    /// The part cut into at most `count` slices: of each the k-mers of every index.
    fn slices(&self, hashes: &Hashes, count: u64) -> Vec<Vec<&[(u64, u64)]>> {
        let mut rest: Vec<&[(u64, u64)]> = self.kmers.iter().map(Vec::as_slice).collect();
        let mut next = |slice: Hashes| {
            let mut of_all = Vec::with_capacity(rest.len());
            for kmers in &mut rest {
                let (here, others) = kmers.split_at(kmers.partition_point(|kmer| kmer.0 <= slice.last));
                *kmers = others;
                of_all.push(here);
            }
            of_all
        };
        cut(*hashes, count).into_iter().map(&mut next).collect()
    }
}

/// The folder that a path leads to.
fn canonical(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|e| Error::io("read", folder, e))
}

/// How the k-mers of several indexes become one set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperation {
    /// K-mers of any index, with the sum of their frequencies.
    Union,
    /// K-mers of all indexes, with the least of their frequencies.
    Intersect,
    /// K-mers of the first index that no other has, with their frequency in the first.
    Subtract,
    /// K-mers of exactly one index, with their frequency in it.
    Symmetric,
}

impl SetOperation {
    /// The frequency in the resulting set; 0 if the k-mer is not in it.
    pub fn frequency(self, frequencies: &[u64]) -> u64 {
        let sum = || frequencies.iter().fold(0, |sum: u64, &frequency| sum.saturating_add(frequency));
        let present = || frequencies.iter().filter(|&&frequency| frequency > 0).count();
        match self {
            Self::Union => sum(),
            Self::Intersect => frequencies.iter().copied().min().unwrap_or(0),
            Self::Subtract if frequencies.iter().skip(1).all(|&frequency| frequency == 0) => sum(),
            Self::Symmetric if present() == 1 => sum(),
            Self::Subtract | Self::Symmetric => 0,
        }
    }
}

/// What two indexes share, by distinct k-mers and by occurrences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overlap {
    /// Distinct k-mers of both.
    pub kmers: u64,
    /// Sum over all k-mers of the lesser frequency.
    pub occurrences: u64,
}

/// What several indexes share, each with each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// Number of indexes.
    indexes: usize,
    /// Row by row; the diagonal is an index with itself.
    overlaps: Vec<Overlap>,
}

impl Comparison {
    /// Compares the indexes, each with each.
    ///
    /// # Errors
    /// [`Error::Memory`] if the budget has no space for the overlaps of all pairs; see [`KmerSets::merge`].
    pub fn of(sets: &KmerSets, progress: &dyn Progress) -> Result<Self> {
        let indexes = sets.folders.len();
        // Those of the whole, and those of a slice of each thread.
        let tables = 1 + rayon::current_num_threads() as u64;
        let bytes = tables * (indexes * indexes * size_of::<Overlap>()) as u64;
        let _held = sets.budget.reserve(Component::Batches, bytes, "the overlaps of all pairs of indexes")?;
        let mut whole = Self { indexes, overlaps: vec![Overlap::default(); indexes * indexes] };
        let add = |part: &mut (Vec<Overlap>, Vec<usize>), merged: MergedKmer<'_>| {
            let (overlaps, present) = part;
            overlaps.resize(indexes * indexes, Overlap::default());
            present.clear();
            present.extend((0..indexes).filter(|&i| merged.frequencies[i] > 0));
            for (at, &a) in present.iter().enumerate() {
                for &b in &present[at..] {
                    let overlap = &mut overlaps[a * indexes + b];
                    overlap.kmers += 1;
                    overlap.occurrences += merged.frequencies[a].min(merged.frequencies[b]);
                }
            }
        };
        let take = |(overlaps, _): (Vec<Overlap>, Vec<usize>)| {
            for (sum, part) in whole.overlaps.iter_mut().zip(overlaps) {
                sum.kmers += part.kmers;
                sum.occurrences += part.occurrences;
            }
            Ok(())
        };
        sets.merge(add, take, progress)?;
        Ok(whole)
    }

    /// What index `a` shares with index `b`; with itself, all that it has.
    pub fn overlap(&self, a: usize, b: usize) -> Overlap {
        self.overlaps[a.min(b) * self.indexes + a.max(b)]
    }

    /// Shared among all k-mers of the two, 0 to 1 (P. Jaccard, 1912); by occurrences the weighted index, the sum of the
    /// lesser by that of the greater frequencies. 0 if neither has any.
    pub fn jaccard(&self, a: usize, b: usize) -> (f64, f64) {
        let (shared, a, b) = (self.overlap(a, b), self.overlap(a, a), self.overlap(b, b));
        let of = |shared: u64, a: u64, b: u64| share(shared, a + b - shared);
        (of(shared.kmers, a.kmers, b.kmers), of(shared.occurrences, a.occurrences, b.occurrences))
    }

    /// Shared among the k-mers of `a`, 0 to 1, by k-mers and by occurrences. 0 if it has none.
    pub fn containment(&self, a: usize, b: usize) -> (f64, f64) {
        let (shared, a) = (self.overlap(a, b), self.overlap(a, a));
        (share(shared.kmers, a.kmers), share(shared.occurrences, a.occurrences))
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_hash_once() {
        for bits in [1, 2, 5, 29, 61, 63, 64] {
            for count in [0, 1, 2, 3, 7, 100] {
                let all = ranges(bits, count);
                assert_eq!((all[0].first, all[all.len() - 1].last), (0, low_mask(bits)));
                assert!(all.len() as u64 <= count.max(1));
                assert!(all.windows(2).all(|two| two[0].last + 1 == two[1].first && two[0].first <= two[0].last));
            }
        }
    }

    #[test]
    fn operations_on_frequencies() {
        use SetOperation::{Intersect, Subtract, Symmetric, Union};
        for (frequencies, union, intersect, subtract, symmetric) in
            [([3, 2], 5, 2, 0, 0), ([3, 0], 3, 0, 3, 3), ([0, 4], 4, 0, 0, 4), ([0, 0], 0, 0, 0, 0)]
        {
            let all = [Union, Intersect, Subtract, Symmetric].map(|operation| operation.frequency(&frequencies));
            assert_eq!(all, [union, intersect, subtract, symmetric], "{frequencies:?}");
        }
    }
}
