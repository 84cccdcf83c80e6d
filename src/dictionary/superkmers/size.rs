//! The bits of super-k-mers in pages and position blocks before they are encoded, so that a build can forecast the size
//! of its index.

use crate::dictionary::superkmers::crowd::CROWD_BYTES;
use crate::dictionary::superkmers::encode::bits_for;
use crate::dictionary::superkmers::entry::{Entry, MAX_ENTRIES};
use crate::dictionary::superkmers::layout::{COUNT_BYTES, Fields, GROUP, HEADER, Layout};
use crate::dictionary::superkmers::page::{DENSE, DENSE_BYTES};
use crate::format::bits::PADDING;
use crate::format::block::BLOCK_HEADER;
use crate::format::positions::ListCode;

/// Sums over the k-mers of a minimizer.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct KmerSums {
    pub(crate) kmers: u64,
    /// Those that occur twice or more.
    pub(crate) repeated: u64,
    pub(crate) max_frequency: u64,
    /// Bits of a list of positions of each.
    pub(crate) list_bits: u64,
}

impl KmerSums {
    /// Adds a k-mer.
    #[inline(always)]
    pub(crate) fn add(&mut self, frequency: u64, lists: &ListCode) {
        self.kmers += 1;
        self.repeated += u64::from(frequency > 1);
        self.max_frequency = self.max_frequency.max(frequency);
        self.list_bits += lists.bits(frequency);
    }
}

/// Adds up the bits of the entries of minimizers in ascending order of their keys.
pub(crate) struct EntrySizes<'a> {
    fields: &'a Fields,
    lists: &'a ListCode,
    /// The page of the minimizer before, and what it contains so far.
    page: u64,
    content: PageContent,
    /// Bits in the pages before that one.
    bits: u64,
}

/// The parts of a page whose bits depend on its entries.
#[derive(Default)]
struct PageContent {
    entries: u64,
    /// Entries that occur more than once.
    repeats: u64,
    /// Occurrences of the most frequent entry.
    max_count: u64,
    /// Bits of lists and crowds.
    rest_bits: u64,
    crowds: u64,
    /// The bucket of the last minimizer, and its entries so far.
    bucket: (usize, u64),
    dense_groups: u64,
    last_dense_group: Option<usize>,
}

impl<'a> EntrySizes<'a> {
    pub(crate) fn new(fields: &'a Fields, lists: &'a ListCode) -> Self {
        Self { fields, lists, page: 0, content: PageContent::default(), bits: 0 }
    }

    /// Adds the entries of a minimizer, which represent `kmers`; returns their bits in the position block.
    pub(crate) fn add(&mut self, key: u64, entries: &[Entry], kmers: &KmerSums) -> u64 {
        let Self { fields, lists, .. } = *self;
        let page = fields.page(key);
        if page != self.page {
            self.end_page();
            self.page = page;
        }
        let content = &mut self.content;
        let (count, rest_bits) = if entries.len() > MAX_ENTRIES {
            content.crowds += 1;
            (1, fields.crowd_bits(kmers))
        } else {
            let repeats = entries.iter().map(|entry| entry.count).filter(|&count| count > 1);
            content.repeats += repeats.clone().count() as u64;
            content.max_count = content.max_count.max(repeats.clone().max().unwrap_or(0));
            (entries.len() as u64, repeats.map(|count| lists.bits(count - 1)).sum())
        };
        content.entries += count;
        content.rest_bits += rest_bits;
        content.add_to_bucket(fields.bucket_in_page(key, page), count);
        count * u64::from(fields.position_bits) + rest_bits
    }

    /// Bits of all entries in their pages.
    pub(crate) fn page_bits(mut self) -> u64 {
        self.end_page();
        self.bits
    }

    fn end_page(&mut self) {
        let content = std::mem::take(&mut self.content);
        let row_bits: u32 = [content.entries, content.max_count, content.rest_bits].map(bits_for).iter().sum();
        let bytes = content.entries * self.fields.stride as u64
            + content.crowds * CROWD_BYTES as u64
            + content.dense_groups * DENSE_BYTES as u64;
        self.bits += 8 * bytes + content.repeats * u64::from(row_bits);
    }
}

impl Fields {
    /// Bits of the k-mers of a crowded minimizer in the position block.
    pub(crate) fn crowd_bits(&self, &KmerSums { kmers, max_frequency, list_bits, .. }: &KmerSums) -> u64 {
        let row_bits = self.minimizers.flanks_bits() + bits_for(max_frequency) + bits_for(list_bits);
        kmers * u64::from(row_bits) + list_bits
    }
}

impl PageContent {
    fn add_to_bucket(&mut self, bucket: usize, entries: u64) {
        let before = if self.bucket.0 == bucket { self.bucket.1 } else { 0 };
        self.bucket = (bucket, before + entries);
        let group = Some(bucket / GROUP);
        if before + entries >= DENSE && self.last_dense_group != group {
            self.last_dense_group = group;
            self.dense_groups += 1;
        }
    }
}

impl Layout {
    /// Bytes of all pages without their entries.
    pub(crate) fn directory_bytes(&self) -> u64 {
        let groups = self.buckets_per_page.div_ceil(GROUP as u64);
        let page = (HEADER + 2 + PADDING) as u64 + groups * (2 + COUNT_BYTES) as u64;
        // The last page may have fewer buckets.
        (page as f64 * (1u64 << self.bucket_bits) as f64 / self.buckets_per_page as f64) as u64
    }

    /// Bytes of all position blocks without their lists.
    pub(crate) fn block_header_bytes(&self) -> u64 {
        self.pages * (BLOCK_HEADER + PADDING) as u64
    }
}
