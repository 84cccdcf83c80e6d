//! Batches in a sorted dictionary: hashes grouped by page, then searched in three steps that overlap, so that many
//! look-ups wait for memory at once.

use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::dictionary::batch_frequencies::BatchFrequencies;
use crate::dictionary::codec::{Batch, DENSE_SHARE, LANES, MAX_GROUPED, bucket_shift};
use crate::dictionary::page::Page;
use crate::dictionary::sorted::codec::SortedCodec;
use crate::dictionary::sorted::page::PageShape;
use crate::dictionary::sorted::search::{Bucket, PageView};
use crate::dictionary::source::{Source, Visit};
use crate::kmer::AsciiScanner;
use crate::memory::buffers::{Buffer, Pooled};

/// Look-ups on one page from which on it is a page of a scan, which drops no page of single look-ups from the cache.
const MIN_SCAN: usize = 64;

/// Look-ups from which on a batch is larger than what buffer pools keep.
const MIN_UNPOOLED: usize = 1 << 16;

/// Longest k of which a hash and the number of a look-up fit one word.
const MAX_WORD_K: u32 = 16;

/// A look-up in a batch: a hash, and its number in the batch.
trait Lookup: Pooled + Copy + Ord + Default {
    fn new(hash: u64, number: u32) -> Self;

    fn hash(self) -> u64;

    fn number(self) -> u32;
}

impl Lookup for (u64, u32) {
    #[inline(always)]
    fn new(hash: u64, number: u32) -> Self {
        (hash, number)
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        self.0
    }

    #[inline(always)]
    fn number(self) -> u32 {
        self.1
    }
}

/// For hashes of at most 32 bits: half the memory, and grouping is mostly writing to memory.
impl Lookup for u64 {
    #[inline(always)]
    fn new(hash: u64, number: u32) -> Self {
        hash << 32 | u64::from(number)
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        self >> 32
    }

    #[inline(always)]
    fn number(self) -> u32 {
        self as u32
    }
}

/// Look-ups of hashes.
#[derive(Default)]
pub(crate) struct SortedBatch {
    /// Hashes; the frequencies replace them.
    values: Buffer<u64>,
    /// End of the look-ups of each range of pages.
    ends: Buffer<u32>,
    /// Grouped look-ups, if they fit a word.
    words: Buffer<u64>,
    /// Grouped look-ups, if they do not.
    pairs: Buffer<(u64, u32)>,
    found: BatchFrequencies,
}

impl Batch<SortedCodec> for SortedBatch {
    fn clear(&mut self, _: u64) {
        self.values.clear();
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn needed_bytes(&self) -> u64 {
        let values = self.values.capacity().max(self.len());
        // Which of them is used, depends on k.
        let grouped = (self.words.capacity() * 8 + self.pairs.capacity() * 16).max(self.len() * 8);
        (values * 8 + grouped + self.ends.capacity() * 4 + self.found.bytes().max(self.len())) as u64
    }

    fn push_sequence(&mut self, codec: &SortedCodec, bases: &[u8], mut each: impl FnMut(Range<u64>)) {
        self.values.reserve(bases.len());
        AsciiScanner::new(codec.kmers).scan(bases, |start, hash, _| {
            self.values.push(hash);
            each(start..start + 1);
        });
    }

    fn look_up(&mut self, codec: &SortedCodec, source: &impl Source<PageShape>) -> Result<&[u64]> {
        let Self { values, ends, words, pairs, found } = self;
        for hashes in values.chunks_mut(MAX_GROUPED) {
            found.clear(hashes.len());
            if codec.kmers.k() <= MAX_WORD_K {
                visit(codec, source, group(codec, source.pages(), hashes, ends, words), found)?;
            } else {
                visit(codec, source, group(codec, source.pages(), hashes, ends, pairs), found)?;
            }
            found.write(hashes);
        }
        Ok(&self.values)
    }

    fn look_up_kmers(&mut self, codec: &SortedCodec, source: &impl Source<PageShape>, kmers: &[u64]) -> Result<&[u64]> {
        self.values.refit(kmers.len());
        self.values.extend(kmers.iter().map(|&kmer| codec.kmers.hash(kmer).0));
        self.look_up(codec, source)
    }
}

/// Groups hashes by page: by one counting sort if there are few pages, else by one over ranges of pages; each range is
/// then sorted.
fn group<'e, L: Lookup>(
    codec: &SortedCodec,
    pages: u64,
    hashes: &[u64],
    ends: &mut Buffer<u32>,
    entries: &'e mut Buffer<L>,
) -> &'e [L] {
    let fields = codec.fields;
    let shift = bucket_shift(pages);
    let buckets = (pages >> shift) as usize + 1;
    ends.refit(buckets);
    ends.resize(buckets, 0);
    for &hash in hashes {
        ends[(fields.page(hash) >> shift) as usize] += 1;
    }
    let mut start = 0;
    for end in ends.iter_mut() {
        start += std::mem::replace(end, start);
    }
    if entries.capacity() < hashes.len() {
        // A large one is allocated again: fresh memory is zero already.
        let is_large = hashes.len() > MIN_UNPOOLED;
        let large = |length| Buffer::from(vec![L::default(); length]);
        *entries = if is_large { large(hashes.len()) } else { Buffer::with_capacity(hashes.len()) };
    }
    if entries.len() < hashes.len() {
        entries.resize(hashes.len(), L::default());
    }
    for (number, &hash) in hashes.iter().enumerate() {
        let end = &mut ends[(fields.page(hash) >> shift) as usize];
        entries[*end as usize] = L::new(hash, number as u32);
        *end += 1;
    }
    if shift > 0 {
        let mut start = 0;
        for &end in ends.iter() {
            entries[start..end as usize].sort_unstable();
            start = end as usize;
        }
    }
    &entries[..hashes.len()]
}

/// Looks up grouped entries, page after page. Chunks of them go through three steps, and while one is in its last,
/// the next is in its second and the one after in its first: each step prefetches the memory that the next step needs.
fn visit<L: Lookup>(
    codec: &SortedCodec,
    source: &impl Source<PageShape>,
    entries: &[L],
    out: &mut BatchFrequencies,
) -> Result<()> {
    let fields = codec.fields;
    let mut rest = entries;
    let is_dense = entries.len() as u64 >= source.pages() / DENSE_SHARE;
    let sparse = if is_dense { Visit::Batch } else { Visit::Single };
    let (mut located, mut touched) = (None, None);
    let mut fetched = 0;
    while let Some(first) = rest.first() {
        let number = fields.page(first.hash());
        if number >= fetched {
            fetched = source.fetch_ahead(rest.iter().map(|entry| fields.page(entry.hash())))?;
        }
        let length = rest.iter().take_while(|entry| fields.page(entry.hash()) == number).count();
        let (here, others) = rest.split_at(length);
        rest = others;
        let page = source.page(number, if length >= MIN_SCAN { Visit::Scan } else { sparse })?;
        for entries in here.chunks(LANES) {
            let next = Chunk::touch(codec, Arc::clone(&page), entries);
            let ready = touched.replace(next).map(|chunk: Chunk<'_, L>| chunk.locate(codec));
            if let Some(chunk) = std::mem::replace(&mut located, ready) {
                chunk.answer(codec, out);
            }
        }
    }
    for chunk in [located, touched.map(|chunk| chunk.locate(codec))].into_iter().flatten() {
        chunk.answer(codec, out);
    }
    Ok(())
}

/// Look-ups in one page.
struct Chunk<'e, L> {
    page: Arc<Page<PageShape>>,
    /// A copy, near the other fields.
    shape: PageShape,
    entries: &'e [L],
    buckets: [Bucket; LANES],
}

impl<'e, L: Lookup> Chunk<'e, L> {
    /// Prefetches the directory.
    fn touch(codec: &SortedCodec, page: Arc<Page<PageShape>>, entries: &'e [L]) -> Self {
        let view = codec.view(&page);
        for entry in entries {
            view.prefetch_directory(entry.hash());
        }
        Self { shape: page.shape, page, entries, buckets: [Bucket::default(); LANES] }
    }

    #[inline(always)]
    fn view<'a>(&'a self, codec: &'a SortedCodec) -> PageView<'a> {
        codec.view_of(&self.shape, self.page.bytes(), self.page.number)
    }

    /// Finds the positions of the entries, and prefetches them: in a loop of its own, so that the processor sees many
    /// at once.
    fn locate(mut self, codec: &SortedCodec) -> Self {
        let view = codec.view_of(&self.shape, self.page.bytes(), self.page.number);
        for (bucket, entry) in self.buckets.iter_mut().zip(self.entries) {
            *bucket = view.bucket_of(entry.hash());
            view.prefetch_entries(*bucket);
        }
        self
    }

    /// Compares the entries, first all that need no branch: which look-ups need more cannot be foretold.
    fn answer(self, codec: &SortedCodec, out: &mut BatchFrequencies) {
        let view = self.view(codec);
        let mut undecided = [0; LANES];
        let mut count = 0;
        for (i, (&bucket, entry)) in self.buckets.iter().zip(self.entries).enumerate() {
            let probed = view.probe(bucket, entry.hash());
            let is_decided = probed.is_decided & (probed.frequency <= u64::from(u8::MAX));
            out.set_short(entry.number(), if is_decided { probed.frequency as u8 } else { 0 });
            undecided[count % LANES] = i;
            count += usize::from(!is_decided);
        }
        for &i in &undecided[..count] {
            out.add(self.entries[i].number(), view.frequency_in(self.buckets[i], self.entries[i].hash()));
        }
    }
}
