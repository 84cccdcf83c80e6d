//! What the fuzz targets share: a small genome, its indexes, files in memory, and the first inputs of a corpus.

use std::path::{Path, PathBuf};

use reprise::{Index, Silent};
use reprise::builder::{BuildOptions, build_index};
use reprise::dictionary::LayoutKind;
use reprise::index::OpenOptions;
use reprise::memory::Budget;
use reprise::random::Random;
use reprise::sequence::Source;

/// A folder in memory where there is one, which goes with the process.
pub fn folder() -> PathBuf {
    let parent = if Path::new("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { std::env::temp_dir() };
    let folder = parent.join(format!("reprise-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for files");
    folder
}

/// A genome of a few thousand bases with repeats, runs of N and of lower case, and a minimizer with very many
/// neighbours.
pub fn genome() -> String {
    let mut random = Random::new(1);
    let mut bases = |n: usize| -> String { random.bases(n).into_iter().map(char::from).collect() };
    let (unit, middle) = (bases(300), bases(19));
    let mut chr1 = String::new();
    for _ in 0..8 {
        chr1 += &(bases(200) + &unit);
    }
    let crowd: String = (0..300).map(|_| bases(12) + &middle + &bases(12)).collect();
    let chr3 = "ACGT".repeat(30);
    format!(">chr1 first\n{chr1}NNNN{}\n>chr2:a\n{}{crowd}\n>3\n{chr3}\n", unit.to_lowercase(), "A".repeat(600))
}

/// The index of [`genome`], in a folder of this process.
pub fn bundle(layout: LayoutKind) -> PathBuf {
    let folder = folder();
    let (fasta, target) = (folder.join("genome.fa"), folder.join(layout.name()));
    if !target.exists() {
        std::fs::write(&fasta, genome()).expect("written");
        let k = if layout == LayoutKind::SuperKmers { 31 } else { 11 };
        let options = BuildOptions { k: Some(k), min_frequency: 1, layout: Some(layout), ..BuildOptions::default() };
        build_index(&[Source::new(&fasta)], &target, &options, &Budget::new(1 << 28), &Silent).expect("built");
    }
    target
}

/// Opens an index with little memory.
pub fn open(bundle: &Path) -> reprise::Result<Index> {
    let mut options = OpenOptions::default();
    options.cache.size = 1 << 20;
    Index::open_with(bundle, &options, &Budget::new(64 << 20))
}

/// Puts first inputs into the corpus, which is the first folder on the command line.
pub fn plant(seeds: impl IntoIterator<Item = Vec<u8>>) {
    let Some(corpus) = std::env::args().skip(1).map(PathBuf::from).find(|path| path.is_dir()) else { return };
    for (number, seed) in seeds.into_iter().enumerate() {
        std::fs::write(corpus.join(format!("seed-{number}")), seed).expect("written");
    }
}

/// A file in memory with these bytes.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

/// Cuts an input into a number, a part with its length before it, and the rest.
pub fn parts(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&number, data) = data.split_first()?;
    let (length, data) = data.split_first_chunk::<4>()?;
    let (first, rest) = data.split_at_checked((u32::from_le_bytes(*length) as usize).min(data.len()))?;
    Some((number, first, rest))
}

/// An input that [`parts`] cuts like this.
pub fn joined(number: u8, first: &[u8], rest: &[u8]) -> Vec<u8> {
    [&[number], &(first.len() as u32).to_le_bytes()[..], first, rest].concat()
}

/// Pages and blocks of an index, as inputs of [`look_at_pages`].
pub fn page_seeds(layout: LayoutKind) -> Vec<Vec<u8>> {
    let index = open(&bundle(layout)).expect("sound");
    let parts = |number| reprise::fuzzing::page(&index, number).expect("sound");
    let seed = |number| joined(number as u8, &parts(number).0, &parts(number).1);
    (0..index.pages().min(250)).map(seed).filter(|seed| seed.len() < 60_000).collect()
}

/// Looks at a forged page and its block.
pub fn look_at_pages(index: &Index, data: &[u8]) {
    if let Some((number, page, block)) = parts(data) {
        // Fields are read with loads that go past them, as in a block of a file.
        let block = [block, &[0; 8]].concat();
        reprise::fuzzing::look_at_page(index, u64::from(number) % index.pages(), page.to_vec(), &block);
    }
}
