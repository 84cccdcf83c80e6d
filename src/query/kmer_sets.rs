//! The k-mers of several indexes side by side: which of them they share, and which only some of them have.
//!
//! Indexes of one layout store k-mers in one [order](KmerOrder): sorted dictionaries by hash, those of super-k-mers by
//! minimizer, if their minimizers have one length. They are merged as they are read, and nothing is sorted. The order
//! is cut into ranges: the k-mers of a range are read from one index after the other, merged, and dropped before the
//! next range, so memory is bounded, whatever the size and number of the indexes.
//!
//! Indexes of several orders are merged in the order of hashes. Those in another order are read whole for each range,
//! and the k-mers of the range are sorted.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::bundle::{Manifest, Parameters};
use crate::fs::is_address;
use crate::index::{CacheOptions, OpenOptions};
use crate::kmer::{KmerCodec, KmerOrder};
use crate::memory::{Budget, Component, Reservation};
use crate::query::kmer_range::{Part, PartKmer, PrefixRange, Slice};
use crate::{Error, Index, Progress, Result};

/// Bytes of a k-mer while it is merged.
const BYTES_PER_KMER: u64 = size_of::<PartKmer>() as u64;
/// K-mers of all indexes that one thread merges at a time: a megabyte of rows.
const KMERS_PER_SLICE: usize = 1 << 15;
/// Slices for each thread that are merged before their results are taken: few, since results wait for each other, and
/// enough that no thread waits long for the others.
const SLICES_PER_THREAD: usize = 4;
/// K-mers of one index that one thread reads at a time: several pages, since those at both ends are read twice. Two
/// megabytes.
const KMERS_PER_PART: u64 = 1 << 17;
/// Parts of a range for each thread, so that no thread waits long for the others.
const PARTS_PER_THREAD: u64 = 4;
/// Maximum bytes of a range: a hundred indexes on two threads, or two on thirty, have large ranges with it.
const MAX_RANGE_BYTES: u64 = 256 << 20;
/// The same if an index is read whole for each range: two of 100 million k-mers need seven ranges.
const MAX_SCANNED_RANGE_BYTES: u64 = 512 << 20;
/// What memory is reserved for.
const MERGED: &str = "the k-mers of several indexes";
/// Minimum number of k-mers of a range: smaller ones would open the indexes too often.
const MIN_KMERS_PER_RANGE: u64 = 1 << 16;

/// Indexes of one k whose k-mers are merged. They are opened one at a time, so their number is not limited by that of
/// open files.
pub struct KmerSets {
    folders: Vec<PathBuf>,
    manifests: Vec<Manifest>,
    /// The order of each index.
    orders: Vec<KmerOrder>,
    /// The order in which they are merged.
    order: KmerOrder,
    codec: KmerCodec,
    options: OpenOptions,
    budget: Budget,
}

/// A stored k-mer of at least one index.
#[derive(Debug, Clone, Copy)]
pub struct MergedKmer<'a> {
    order: &'a KmerOrder,
    codec: &'a KmerCodec,
    prefix: u64,
    suffix: u64,
    /// Its frequency in each index, in their order; 0 where it is not stored.
    pub frequencies: &'a [u64],
}

impl MergedKmer<'_> {
    /// Its code, on the strand that users see.
    pub fn kmer(&self) -> u64 {
        self.codec.printed_strand(self.order.kmer(self.prefix, self.suffix))
    }
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
        let orders: Vec<KmerOrder> = manifests
            .iter()
            .zip(folders)
            .map(|(manifest, folder)| manifest.dictionary.order().map_err(|e| Error::damaged(folder, None, e)))
            .collect::<Result<_>>()?;
        let codec = KmerCodec::new(k)?;
        let is_one = orders.iter().all(|order| *order == orders[0]);
        let order = if is_one { orders[0] } else { KmerOrder::Hash(codec) };
        let (folders, options, budget) = (folders.to_vec(), options.clone(), budget.clone());
        Ok(Self { folders, manifests, orders, order, codec, options, budget })
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

    /// Opens index number `number` to be read once: pages are not kept.
    fn open_to_read(&self, number: usize) -> Result<Index> {
        let cache = CacheOptions { size: 0, ..self.options.cache };
        let index = Index::open_with(&self.folders[number], &OpenOptions { cache, ..self.options }, &self.budget)?;
        if index.manifest().identity == self.manifests[number].identity {
            return Ok(index);
        }
        let problem = "the index was replaced while it was read; start again".to_owned();
        Err(Error::Input { path: self.folders[number].clone(), line: None, problem })
    }

    /// Merges the k-mers of all indexes. `add` is called for each k-mer, by several threads, with the result of its
    /// slice; `take` gets the results of all slices, in the order of the k-mers. That is the order of the indexes if
    /// all have the same, and else that of the hashes; threads and memory do not change it.
    ///
    /// # Errors
    /// [`Error::Memory`] if the budget has no space for a range; [`Error::Input`] if an index is replaced meanwhile;
    /// [`Error::Damaged`]; [`Error::Io`]; what `take` returns.
    pub fn merge<T: Default + Send>(
        &self,
        add: impl Fn(&mut T, MergedKmer<'_>) + Sync,
        mut take: impl FnMut(T) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<()> {
        progress.phase("comparing", Some(self.stored_in_all()));
        let kmers_per_slice = (KMERS_PER_SLICE / self.folders.len()).max(1);
        for range in self.ranges() {
            let (parts, _held) = self.read(range, progress)?;
            let slices: Vec<Slice<'_>> = parts.iter().flat_map(|part| part.slices(kmers_per_slice)).collect();
            for some in slices.chunks(SLICES_PER_THREAD * rayon::current_num_threads()) {
                let results: Vec<T> = some.par_iter().map(|slice| self.merge_slice(slice, &add)).collect();
                results.into_iter().try_for_each(&mut take)?;
            }
        }
        Ok(())
    }

    /// K-mers that index number `number` stores.
    fn stored(&self, number: usize) -> u64 {
        self.manifests[number].actual.stored_kmers
    }

    /// K-mers that all indexes store, those of several counted several times.
    fn stored_in_all(&self) -> u64 {
        (0..self.folders.len()).map(|number| self.stored(number)).sum()
    }

    /// Whether index number `number` is read in the order of the merge.
    fn is_in_order(&self, number: usize) -> bool {
        self.orders[number] == self.order
    }

    /// The ranges that are read one after the other.
    fn ranges(&self) -> impl Iterator<Item = PrefixRange> {
        let (indexes, threads) = (self.folders.len() as u64, rayon::current_num_threads() as u64);
        let bytes = if (0..self.folders.len()).all(|number| self.is_in_order(number)) {
            (KMERS_PER_PART * PARTS_PER_THREAD * BYTES_PER_KMER * threads * indexes).min(MAX_RANGE_BYTES)
        } else {
            MAX_SCANNED_RANGE_BYTES
        };
        let fitting = (bytes.min(self.budget.free() / 4) / BYTES_PER_KMER).max(MIN_KMERS_PER_RANGE);
        PrefixRange::all(&self.order).cut(self.stored_in_all().div_ceil(fitting).max(self.order.min_ranges()))
    }

    /// The k-mers of a range, of one index after the other, in parts that follow one another.
    fn read(&self, range: PrefixRange, progress: &dyn Progress) -> Result<(Vec<Part>, Reservation)> {
        let mut held = self.budget.empty_reservation(Component::Batches);
        let mut grow = |kmers: u64| held.grow(kmers * BYTES_PER_KMER, MERGED);
        let most = (0..self.folders.len()).map(|number| self.expected(number, range)).max().unwrap_or(0);
        let mut parts: Vec<Part> = range.cut(most.div_ceil(KMERS_PER_PART)).map(Part::new).collect();
        for number in 0..self.folders.len() {
            let expected: Vec<u64> = parts.iter().map(|part| self.expected(number, part.prefixes)).collect();
            let reserved: u64 = expected.iter().sum();
            grow(reserved)?;
            let mut kmers: Vec<Vec<PartKmer>> =
                expected.iter().map(|&kmers| Vec::with_capacity(kmers as usize)).collect();
            let index = self.open_to_read(number)?;
            if self.is_in_order(number) {
                self.read_in_order(&index, &parts, &mut kmers)?;
            } else {
                self.scan((number, &index), range, &parts, &mut kmers)?;
            }
            let capacity: u64 = kmers.iter().map(|kmers| kmers.capacity() as u64).sum();
            grow(capacity.saturating_sub(reserved))?;
            progress.advance(kmers.iter().map(|kmers| kmers.len() as u64).sum());
            parts.iter_mut().zip(kmers).for_each(|(part, kmers)| part.kmers.push(kmers));
        }
        Ok((parts, held))
    }

    /// How many k-mers of index number `number` are in a range.
    fn expected(&self, number: usize, range: PrefixRange) -> u64 {
        range.expected(self.order.prefix_bits(), self.stored(number))
    }

    /// Reads the k-mers of each part from an index in the order of the merge.
    fn read_in_order(&self, index: &Index, parts: &[Part], kmers: &mut [Vec<PartKmer>]) -> Result<()> {
        parts.par_iter().zip(kmers).try_for_each(|(part, kmers)| {
            let PrefixRange { first, last } = part.prefixes;
            index.for_each_kmer_of_prefixes(first..=last, |prefix, suffix, frequency| {
                kmers.push(PartKmer { code: self.order.join(prefix - first, suffix), frequency });
            })
        })
    }

    /// Reads the k-mers of each part of a range of hashes from an index in another order, all of which has to be read.
    fn scan(
        &self,
        (number, index): (usize, &Index),
        range: PrefixRange,
        parts: &[Part],
        kmers: &mut [Vec<PartKmer>],
    ) -> Result<()> {
        let order = &self.orders[number];
        let scanned: Vec<PrefixRange> =
            PrefixRange::all(order).cut(self.stored(number).div_ceil(KMERS_PER_PART)).collect();
        for some in scanned.chunks(rayon::current_num_threads()) {
            let scan = |scanned: &PrefixRange| {
                let mut found = Vec::new();
                index.for_each_kmer_of_prefixes(scanned.first..=scanned.last, |prefix, suffix, frequency| {
                    let hash = self.codec.hash(order.kmer(prefix, suffix)).0;
                    if range.contains(hash) {
                        found.push((hash, frequency));
                    }
                })?;
                found.sort_unstable();
                Ok(found)
            };
            let found: Vec<Vec<(u64, u64)>> = some.par_iter().map(scan).collect::<Result<_>>()?;
            let capacity: u64 = found.iter().map(|found| found.capacity() as u64).sum();
            let _held = self.budget.reserve(Component::Batches, capacity * BYTES_PER_KMER, MERGED)?;
            parts.par_iter().zip(&mut *kmers).for_each(|(part, kmers)| {
                let PrefixRange { first, last } = part.prefixes;
                for found in &found {
                    let start = found.partition_point(|&(hash, _)| hash < first);
                    let here = found[start..].iter().take_while(|&&(hash, _)| hash <= last);
                    kmers.extend(here.map(|&(hash, frequency)| PartKmer { code: hash - first, frequency }));
                }
            });
        }
        kmers.par_iter_mut().for_each(|kmers| kmers.sort_unstable());
        Ok(())
    }

    /// Merges one slice.
    fn merge_slice<T: Default>(&self, slice: &Slice<'_>, add: &impl Fn(&mut T, MergedKmer<'_>)) -> T {
        let mut result = T::default();
        let (order, codec) = (&self.order, &self.codec);
        slice.merge(order, |prefix, suffix, frequencies| {
            add(&mut result, MergedKmer { order, codec, prefix, suffix, frequencies });
        });
        result
    }
}

/// The folder that a path leads to.
fn canonical(folder: &Path) -> Result<PathBuf> {
    if is_address(folder) {
        return Ok(folder.to_owned());
    }
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
        // Those of the whole, and those of slices.
        let tables = 1 + (SLICES_PER_THREAD * rayon::current_num_threads()) as u64;
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
