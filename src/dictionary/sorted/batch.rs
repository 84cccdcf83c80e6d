//! Batches in a sorted dictionary: hashes grouped by page, then searched in three steps that overlap, so that many
//! look-ups wait for memory at once.

use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::dictionary::codec::{Batch, LANES, MAX_GROUPED, bucket_shift};
use crate::dictionary::page::Page;
use crate::dictionary::sorted::codec::SortedCodec;
use crate::dictionary::sorted::page::PageShape;
use crate::dictionary::sorted::search::{Bucket, PageView, Probed};
use crate::dictionary::source::Source;
use crate::kmer::AsciiScanner;
use crate::memory::buffers::Buffer;

/// Look-ups on one page from which on it is not put into the cache: a scan of the whole index should not evict the
/// pages of single look-ups.
const MIN_SCAN: usize = 64;

/// Look-ups from which on a batch is larger than what buffer pools keep.
const MIN_UNPOOLED: usize = 1 << 16;

/// Look-ups of hashes.
#[derive(Default)]
pub(crate) struct SortedBatch {
    /// Hashes; the frequencies replace them.
    values: Buffer<u64>,
    /// End of the look-ups of each range of pages.
    ends: Buffer<u32>,
    /// (hash, number in the batch), grouped.
    entries: Buffer<(u64, u32)>,
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
        let entries = self.entries.capacity().max(self.len());
        (values * 8 + entries * size_of::<(u64, u32)>() + self.ends.capacity() * 4) as u64
    }

    fn push_sequence(&mut self, codec: &SortedCodec, bases: &[u8], mut each: impl FnMut(Range<u64>)) {
        self.values.reserve(bases.len());
        AsciiScanner::new(codec.kmers).scan(bases, |start, hash, _| {
            self.values.push(hash);
            each(start..start + 1);
        });
    }

    fn look_up(&mut self, codec: &SortedCodec, source: &impl Source<PageShape>) -> Result<&[u64]> {
        let Self { values, ends, entries } = self;
        for hashes in values.chunks_mut(MAX_GROUPED) {
            group(codec, source.pages(), hashes, ends, entries);
            visit(codec, source, &entries[..hashes.len()], hashes)?;
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
fn group(codec: &SortedCodec, pages: u64, hashes: &[u64], ends: &mut Buffer<u32>, entries: &mut Buffer<(u64, u32)>) {
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
        let large = |length| Buffer::from(vec![(0, 0); length]);
        *entries = if is_large { large(hashes.len()) } else { Buffer::with_capacity(hashes.len()) };
    }
    if entries.len() < hashes.len() {
        entries.resize(hashes.len(), (0, 0));
    }
    for (number, &hash) in hashes.iter().enumerate() {
        let end = &mut ends[(fields.page(hash) >> shift) as usize];
        entries[*end as usize] = (hash, number as u32);
        *end += 1;
    }
    if shift > 0 {
        let mut start = 0;
        for &end in ends.iter() {
            entries[start..end as usize].sort_unstable();
            start = end as usize;
        }
    }
}

/// Looks up grouped entries, page after page. Chunks of them go through three steps, and while one is in its last,
/// the next is in its second and the one after in its first: each step prefetches the memory that the next step needs.
fn visit(codec: &SortedCodec, source: &impl Source<PageShape>, entries: &[(u64, u32)], out: &mut [u64]) -> Result<()> {
    let fields = codec.fields;
    let mut rest = entries;
    let (mut located, mut touched) = (None, None);
    while let Some(&(hash, _)) = rest.first() {
        let number = fields.page(hash);
        let length = rest.iter().take_while(|e| fields.page(e.0) == number).count();
        let (here, others) = rest.split_at(length);
        rest = others;
        let page = if length >= MIN_SCAN { source.visit_page(number)? } else { source.page(number)? };
        for entries in here.chunks(LANES) {
            let next = Chunk::touch(codec, Arc::clone(&page), entries);
            let ready = touched.replace(next).map(|chunk: Chunk<'_>| chunk.locate(codec));
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
struct Chunk<'e> {
    page: Arc<Page<PageShape>>,
    /// A copy, near the other fields.
    shape: PageShape,
    entries: &'e [(u64, u32)],
    buckets: [Bucket; LANES],
}

impl<'e> Chunk<'e> {
    /// Prefetches the directory.
    fn touch(codec: &SortedCodec, page: Arc<Page<PageShape>>, entries: &'e [(u64, u32)]) -> Self {
        let view = codec.view(&page);
        for &(hash, _) in entries {
            view.prefetch_directory(hash);
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
        for (bucket, &(hash, _)) in self.buckets.iter_mut().zip(self.entries) {
            *bucket = view.bucket_of(hash);
            view.prefetch_entries(*bucket);
        }
        self
    }

    /// Compares the entries.
    fn answer(self, codec: &SortedCodec, out: &mut [u64]) {
        let (view, min_frequency) = (self.view(codec), codec.filters.min_frequency);
        for (&bucket, &(hash, to)) in self.buckets.iter().zip(self.entries) {
            out[to as usize] = match view.probe(bucket, hash) {
                Some(Probed { is_found, slot, code }) => match view.inline_value(code) {
                    Some(value) => (min_frequency + value) * u64::from(is_found),
                    None => view.frequency_of(hash, slot, code),
                },
                None => match view.search(bucket, hash) {
                    Some((slot, code)) => view.frequency_of(hash, slot, code),
                    None => 0,
                },
            };
        }
    }
}
