//! An open index of Python.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1};
use parking_lot::Mutex;
use pyo3::prelude::*;
use reprise::index::{CacheOptions, OpenOptions};
use reprise::memory::{Budget, Component};

use crate::errors::Failure;
use crate::kmers::{Kmers, OtherLetters};
use crate::lookup::{Count, Lookup, PositionArrays};
use crate::search::{self, Queries};
use crate::work::{self, Threads, interruptible};

/// An open index. Any number of threads may use it; look-ups that run while it is closed end as if it were open.
#[pyclass(frozen, module = "reprise_genome._native")]
pub struct Index {
    open: Mutex<Option<Arc<reprise::Index>>>,
    budget: Budget,
    threads: Threads,
    /// Whether a frequency does not fit 32 bits.
    is_wide: OnceLock<bool>,
}

/// Names, lengths and M5 digests of contigs.
type Contigs<'py> = (Vec<String>, Bound<'py, PyArray1<u64>>, Vec<String>);
/// Offsets, contigs, starts and strands of positions.
type Positions<'py> =
    (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<i8>>);

impl Index {
    fn opened(&self) -> Result<Arc<reprise::Index>, Failure> {
        self.open.lock().clone().ok_or_else(|| Failure::Usage("the index is closed".to_owned()))
    }

    fn lookup<'i>(&'i self, index: &'i reprise::Index) -> Lookup<'i> {
        Lookup { index, budget: &self.budget, threads: &self.threads }
    }

    /// Whether frequencies have 64 bits: only if one of this genome needs them.
    fn is_wide(&self, index: &reprise::Index) -> Result<bool, Failure> {
        if index.manifest().genome.bases <= u64::from(u32::MAX) {
            return Ok(false);
        }
        if let Some(&is_wide) = self.is_wide.get() {
            return Ok(is_wide);
        }
        let greatest = index.spectrum()?.last().map_or(0, |row| row.0);
        Ok(*self.is_wide.get_or_init(|| greatest > u64::from(u32::MAX)))
    }

    /// A new array with the frequencies of k-mers.
    fn counts_of<'py>(
        &self,
        py: Python<'py>,
        index: &reprise::Index,
        (kmers, letters): (Kmers<'_>, OtherLetters),
    ) -> PyResult<Bound<'py, PyAny>> {
        if py.detach(|| self.is_wide(index))? {
            self.filled::<u64>(py, index, (kmers, letters)).map(Bound::into_any)
        } else {
            self.filled::<u32>(py, index, (kmers, letters)).map(Bound::into_any)
        }
    }

    fn filled<'py, T: Count + Element>(
        &self,
        py: Python<'py>,
        index: &reprise::Index,
        (kmers, letters): (Kmers<'_>, OtherLetters),
    ) -> PyResult<Bound<'py, PyArray1<T>>> {
        let counts = PyArray1::<T>::zeros(py, kmers.len(), false);
        let mut writable = counts.readwrite();
        let out = writable.as_slice_mut()?;
        py.detach(|| self.lookup(index).counts(kmers, letters, out))?;
        drop(writable);
        Ok(counts)
    }
}

/// K-mers of an array of letters, and what happens to other letters than ACGT.
fn kmers_of<'a>(letters: &'a [u8], k: u32, windows: bool, zero: bool) -> (Kmers<'a>, OtherLetters) {
    let k = k as usize;
    let kmers = if windows { Kmers::windows(letters, k) } else { Kmers::rows(letters, k) };
    (kmers, if zero { OtherLetters::AreAbsent } else { OtherLetters::Refuse })
}

#[pymethods]
impl Index {
    /// Opens an index.
    #[staticmethod]
    #[pyo3(signature = (path, cache_size, max_memory, threads, populate))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        cache_size: u64,
        max_memory: Option<u64>,
        threads: Option<usize>,
        populate: bool,
    ) -> PyResult<Self> {
        let threads = Threads::new(threads)?;
        let budget = work::budget(max_memory, threads.number());
        let cache = CacheOptions { size: cache_size, ..CacheOptions::default() };
        let options = OpenOptions { cache, populate, ..OpenOptions::default() };
        let index = py.detach(|| reprise::Index::open_with(&path, &options, &budget)).map_err(Failure::from)?;
        Ok(Self { open: Mutex::new(Some(Arc::new(index))), budget, threads, is_wide: OnceLock::new() })
    }

    /// Closes it; look-ups fail from then on.
    fn close(&self, py: Python<'_>) {
        // Pages of the cache are freed without the lock of the interpreter.
        py.detach(|| drop(self.open.lock().take()));
    }

    /// Whether it is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.open.lock().is_none()
    }

    /// Bases in a k-mer, bases of the genome, smallest, largest stored frequency, positions stored of a k-mer at most,
    /// stored k-mers, seeds.
    #[allow(clippy::type_complexity)]
    fn facts(&self) -> PyResult<(u32, u64, u64, Option<u64>, Option<u64>, u64, u64)> {
        let index = self.opened()?;
        let manifest = index.manifest();
        let parameters = &manifest.parameters;
        Ok((
            parameters.k,
            manifest.genome.bases,
            parameters.min_frequency,
            parameters.max_frequency,
            parameters.max_positions,
            manifest.actual.stored_kmers,
            index.seed_count(),
        ))
    }

    /// Names, lengths and M5 digests of the contigs.
    fn contigs<'py>(&self, py: Python<'py>) -> PyResult<Contigs<'py>> {
        let index = self.opened()?;
        let (contigs, digests) = py
            .detach(|| Ok((index.contigs()?, index.contig_digests()?)))
            .map_err(|e: reprise::Error| Failure::from(e))?;
        let names = contigs.iter().map(|contig| contig.name.clone()).collect();
        let lengths = contigs.iter().map(|contig| contig.length).collect();
        let digests = digests.iter().map(|digest| digest.m5()).collect();
        Ok((names, PyArray1::from_vec(py, lengths), digests))
    }

    /// Frequencies, ascending, and the number of distinct k-mers of each.
    #[allow(clippy::type_complexity)]
    fn spectrum<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>)> {
        let index = self.opened()?;
        let rows = py.detach(|| index.spectrum()).map_err(Failure::from)?;
        let (frequencies, kmers) = rows.into_iter().unzip();
        Ok((PyArray1::from_vec(py, frequencies), PyArray1::from_vec(py, kmers)))
    }

    /// Frequencies of k-mers: rows of k letters, or all windows of a sequence.
    fn counts<'py>(
        &self,
        py: Python<'py>,
        letters: PyReadonlyArray1<'py, u8>,
        windows: bool,
        zero: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let index = self.opened()?;
        self.counts_of(py, &index, kmers_of(letters.as_slice()?, index.k(), windows, zero))
    }

    /// Positions of k-mers, as [`counts`](Self::counts) takes them.
    fn positions<'py>(
        &self,
        py: Python<'py>,
        letters: PyReadonlyArray1<'py, u8>,
        windows: bool,
        zero: bool,
    ) -> PyResult<Positions<'py>> {
        let index = self.opened()?;
        let (kmers, letters) = kmers_of(letters.as_slice()?, index.k(), windows, zero);
        let offsets = PyArray1::<i64>::zeros(py, kmers.len() + 1, false);
        let mut writable = offsets.readwrite();
        let begins = writable.as_slice_mut()?;
        py.detach(|| self.lookup(&index).offsets(kmers, letters, begins))?;
        let total = begins.last().map_or(0, |&end| end as usize);
        let contig = PyArray1::<u32>::zeros(py, total, false);
        let start = PyArray1::<u64>::zeros(py, total, false);
        let strand = PyArray1::<i8>::zeros(py, total, false);
        let (mut contigs, mut starts, mut strands) = (contig.readwrite(), start.readwrite(), strand.readwrite());
        let out = PositionArrays {
            contig: contigs.as_slice_mut()?,
            start: starts.as_slice_mut()?,
            strand: strands.as_slice_mut()?,
        };
        py.detach(|| self.lookup(&index).positions(kmers, begins, out))?;
        drop((writable, contigs, starts, strands));
        Ok((offsets, contig, start, strand))
    }

    /// The frequency of every k-mer of a region.
    fn profile<'py>(&self, py: Python<'py>, region: &str) -> PyResult<Bound<'py, PyAny>> {
        let index = self.opened()?;
        let (bases, _reservation) = py
            .detach(|| {
                let region = index.region(region)?;
                let length = region.range.end - region.range.start;
                let reservation = self.budget.reserve(Component::Genome, length, "the bases of a region")?;
                Ok((index.bases(&region.contig, region.range)?, reservation))
            })
            .map_err(|e: reprise::Error| Failure::from(e))?;
        self.counts_of(py, &index, kmers_of(bases.as_bytes(), index.k(), true, true))
    }

    /// Bases of a contig, 0-based and half-open; to its end without `end`.
    fn fetch(&self, py: Python<'_>, contig: &str, start: u64, end: Option<u64>) -> PyResult<String> {
        let index = self.opened()?;
        let bases = py.detach(|| {
            let number = index.contig_by_name(contig)?;
            let end = match end {
                Some(end) => end,
                None => index.contigs()?[number as usize].length,
            };
            index.bases(contig, start..end)
        });
        Ok(bases.map_err(Failure::from)?)
    }

    /// Seeds `first` to `first + count`, by falling frequency: k-mers and their frequencies.
    fn seeds(&self, py: Python<'_>, first: u64, count: usize) -> PyResult<Vec<(String, u64)>> {
        let index = self.opened()?;
        let seeds = py.detach(|| {
            let seeds = index.seeds_from(first).take(count);
            seeds.map(|seed| seed.map(|seed| (index.codec().decode(seed.kmer), seed.frequency))).collect()
        });
        let seeds: reprise::Result<Vec<(String, u64)>> = seeds;
        Ok(seeds.map_err(Failure::from)?)
    }

    /// Alignments of sequences with the genome, or copies of the repeats of a library: rows in bytes, and the names of
    /// the sequences.
    #[pyo3(signature = (queries, annotate, tandem, max_e_value, max_divergence, progress))]
    #[allow(clippy::too_many_arguments)]
    fn search<'py>(
        &self,
        py: Python<'py>,
        queries: Queries,
        annotate: bool,
        tandem: bool,
        max_e_value: f64,
        max_divergence: f64,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Bound<'py, PyArray1<u8>>, Vec<String>)> {
        let index = self.opened()?;
        let options = search::options(max_e_value, max_divergence)?;
        let kind = search::Kind::new(annotate, tandem);
        let (rows, names) = interruptible(py, &self.threads, progress, |progress| {
            search::search((&index, &self.budget), queries, kind, &options, progress)
        })?;
        Ok((PyArray1::from_vec(py, rows), names))
    }
}
