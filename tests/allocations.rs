//! Tests that hot paths allocate nothing per item, with an allocator that counts and loops over many items.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use common::Random;
use reprise::builder::{BuildOptions, build_index};
use reprise::formats::Format;
use reprise::index::{CacheOptions, OpenOptions};
use reprise::kmer::{AsciiScanner, KmerCodec};
use reprise::memory::Budget;
use reprise::query::{Detail, Sequences, query_sequences};
use reprise::sequence::Source;
use reprise::{Index, Silent};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations while `work` runs, on all threads.
fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    std::hint::black_box(work());
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

/// Bases; a third are copies of others.
fn genome(length: usize) -> Vec<u8> {
    let mut random = Random(11);
    let mut bases = random.bases(length * 2 / 3);
    while bases.len() < length {
        let at = random.below(length / 2);
        bases.extend_from_within(at..at + 500);
    }
    bases
}

// All in one test: the counter is of the whole process.
#[test]
fn hot_paths_allocate_nothing_per_item() {
    let folder = tempfile::tempdir().expect("a folder");
    let bases = genome(600_000);
    let write = |name: &str, bases: &[u8]| {
        let path = folder.path().join(name);
        let mut text = b">c\n".to_vec();
        text.extend_from_slice(bases);
        text.push(b'\n');
        std::fs::write(&path, text).expect("a file");
        path
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    let build = |path: &std::path::Path, name: &str, k: u32| {
        let target = folder.path().join(name);
        let options = BuildOptions { k: Some(k), min_frequency: 1, ..BuildOptions::default() };
        pool.install(|| build_index(&[Source::new(path)], &target, &options, &Budget::new(1 << 30), &Silent))
            .expect("builds");
        target
    };

    // Encoding: a build of four times the k-mers allocates more per page, not per k-mer.
    let quarter = write("quarter.fa", &bases[..150_000]);
    let whole = write("whole.fa", &bases);
    build(&quarter, "warm.reprise", 15);
    let few = allocations(|| build(&quarter, "quarter.reprise", 15));
    let many = allocations(|| build(&whole, "whole.reprise", 15));
    assert!(many.saturating_sub(few) < 450_000 / 100, "{few} allocations for 150,000 bases, {many} for 600,000");

    // Extraction.
    let codec = KmerCodec::new(15).expect("k");
    let mut sum = 0u64;
    let scan = |sum: &mut u64| {
        AsciiScanner::new(codec).scan(&bases, |start, hash, _| *sum = sum.wrapping_add(start ^ hash));
    };
    assert_eq!(allocations(|| scan(&mut sum)), 0, "scanning");

    // Look-ups, once the pages are in the cache.
    let open = |folder: &std::path::Path| {
        let cache = CacheOptions { size: 256 << 20, ..CacheOptions::default() };
        let options = OpenOptions { cache, ..OpenOptions::default() };
        Index::open_with(folder, &options, &Budget::new(1 << 30)).expect("opens")
    };
    let index = open(&folder.path().join("whole.reprise"));
    let super_kmers = open(&build(&whole, "super-k-mers.reprise", 31));
    for index in [&index, &super_kmers] {
        let k = index.k() as usize;
        let encode = |i: usize| index.encode(&bases[i * 20..i * 20 + k]).expect("ACGT");
        let kmers: Vec<u64> = (0..20_000).map(encode).collect();
        let singles = || kmers.iter().map(|&kmer| index.frequency(kmer).expect("found")).sum::<u64>();
        let positions = || {
            let mut sum = 0;
            for &kmer in &kmers {
                index.for_each_position(kmer, |p| sum += p.start).expect("found");
            }
            sum
        };
        let mut lookup = index.batch();
        let mut batch = || lookup.frequencies(&kmers).expect("found").iter().sum::<u64>();
        let expected = singles();
        positions();
        assert_eq!(batch(), expected);
        assert_eq!(allocations(singles), 0, "single look-ups, k {k}");
        assert_eq!(allocations(positions), 0, "positions, k {k}");
        assert_eq!(allocations(batch), 0, "a batch with the buffers of the one before, k {k}");
    }
    // The next one reuses the buffers.
    let kmers: Vec<u64> = (0..20_000).map(|i| index.encode(&bases[i * 20..i * 20 + 15]).expect("ACGT")).collect();
    let again = || index.batch().frequencies(&kmers).expect("found").iter().sum::<u64>();
    again();
    assert_eq!(allocations(again), 0, "another batch");

    // Queries: four times the bases allocate more per batch, not per base.
    let query = |path: &std::path::Path, detail| {
        let source = Source::new(path);
        let mut out = std::io::sink();
        let size = NonZeroUsize::new(1 << 14);
        pool.install(|| {
            query_sequences(&index, Sequences::Source(&source), detail, size, &Format::Tsv, &mut out, &Silent)
        })
        .expect("queries");
    };
    for detail in [Detail::Summary, Detail::PerKmer, Detail::Runs] {
        query(&whole, detail);
        let few = allocations(|| query(&quarter, detail));
        let many = allocations(|| query(&whole, detail));
        let batches = (450_000 >> 14) + 1;
        assert!(many.saturating_sub(few) < batches * 60, "{detail:?}: {few} for 10 batches, {many} for 37");
    }
}
