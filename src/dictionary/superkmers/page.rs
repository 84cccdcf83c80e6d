//! The second layout of a dictionary: one entry for each distinct super-k-mer instead of one for each k-mer.
//!
//! Neighbouring k-mers share their minimizer (see [`Minimizers`]), so the genome is cut into stretches of k-mers with one
//! minimizer at one place. An entry holds the rest of the minimizer's key, the bases around the minimizer, which of its
//! k-mers it stands for, and how often it occurs; a k-mer's frequency is the sum over the entries of its minimizer that
//! agree with it around the minimizer. All of a genome's k-mers take a fifth of the room that they take one by one, and a
//! sequence is looked up a stretch at a time. `schema/format.md` draws the bytes.
//!
//! A minimizer with more than [`CROWD`] distinct entries is *crowded*: its k-mers lie one by one in its position block,
//! sorted, so that no look-up takes longer than a binary search.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::dictionary::divisor::Divisor;
use crate::format::bits::{BitWriter, PADDING};
use crate::format::catalog::PAGE_OVERHEAD;
use crate::format::positions::{Ascending, ListCode};
use crate::format::{Identity, Piece, bits, block};
use crate::kmer::{Minimizers, low_mask};
use crate::memory::system::prefetch;

/// Most distinct entries of a minimizer that are searched one by one.
pub(crate) const CROWD: usize = 256;

const HEADER: usize = 56;
const AT_PAGE: usize = 8;
const AT_ENTRIES: usize = 16;
const AT_REPEATS: usize = 20;
const AT_KMERS: usize = 24;
const AT_BLOCK_BITS: usize = 32;
const AT_CROWDS: usize = 40;
const AT_INDEX_BITS: usize = 44;
const AT_LIST_BITS: usize = 45;
const AT_COUNT_BITS: usize = 46;
const AT_DENSE: usize = 48;

/// Buckets of a group: 16 bits say which entry is its first, four for each bucket how many it has.
const GROUP: usize = 12;
/// Bytes of the counts of a group.
const COUNTS: usize = GROUP / 2;
/// What stands for the count of the first bucket of a *dense* group, whose first entry or counts need more bits.
const DENSE: u64 = 15;
/// Bytes of a dense group's row in its page: the first entry of each bucket, and of the group after it.
const DENSE_BYTES: usize = 4 * (GROUP + 1);

/// The range of an entry that stands for a crowd.
const CROWDED: u64 = 255;
/// Bytes of a crowd's row in its page.
const CROWD_BYTES: usize = 32;
/// More than any super-k-mer occurs: sums of forged counts do not overflow.
const MOST_COUNT: u64 = 1 << 40;

/// The shape of a dictionary of super-k-mers; the same for every page of an index.
///
/// ```text
/// key     | bucket (bucket_bits) | remainder |        page = bucket / buckets_per_page
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuperKmerLayout {
    /// Bases in a k-mer.
    pub k: u32,
    /// Bases in a minimizer.
    pub m: u32,
    /// High bits of a key that choose the bucket.
    pub bucket_bits: u32,
    /// Buckets in a page; the last page may have fewer.
    pub buckets_per_page: u64,
    /// Pages in all.
    pub pages: u64,
}

impl SuperKmerLayout {
    /// Length of the minimizers for k-mers of `k` bases in a genome of `bases`: so many that few minimizers occur twice by
    /// chance, and that key, context, range and position fit 128 bits. `None` where k is too short to gain by them.
    pub(crate) fn minimizer_bases(k: u32, bases: u64) -> Option<u32> {
        let position_bits = ListCode::new(bases).width();
        (k.saturating_sub(16)..=k.checked_sub(4)?).filter(|m| m % 2 == 1).find(|&m| {
            u128::from(bases) * 64 <= 1 << (2 * m) && 4 * k + Fields::RANGE_BITS - 1 + position_bits <= 128 + 2 * m
        })
    }

    /// The layout for about `entries` entries, with pages of whole cells, which are ranges of keys with the same
    /// `cell_bits` highest bits.
    pub(crate) fn plan(minimizers: &Minimizers, k: u32, entries: u64, cell_bits: u32) -> Self {
        // Two to four entries a bucket: a line or two.
        let bucket_bits = (entries.max(4).ilog2() - 1).clamp(cell_bits, minimizers.key_bits());
        let layout = Self { k, m: minimizers.m(), bucket_bits, buckets_per_page: 1, pages: 1 };
        let buckets = 1u64 << bucket_bits;
        let bucket_bytes = (2 + COUNTS) as f64 / GROUP as f64;
        let entry_bytes = layout.stride(minimizers) as f64 + bucket_bytes * buckets as f64 / entries.max(1) as f64;
        // As for sorted pages: large pages waste least, small ones give small indexes enough pages to share out.
        let page_bytes = match (entries as f64 * entry_bytes) as u64 {
            0x400_0000.. => 128 << 10,
            0x80_0000.. => 64 << 10,
            0x10_0000.. => 16 << 10,
            _ => 8 << 10,
        };
        let mut per_page = (page_bytes - PAGE_OVERHEAD - HEADER as u64) as f64 / entry_bytes;
        // Some rows for what is repeated, and room for chance, which minimizers that several entries share make larger.
        per_page = per_page * 0.97 - 3.5 * per_page.sqrt();
        let per_cell = buckets >> cell_bits;
        let cells = (per_page / (entries.max(1) as f64 / buckets as f64) / per_cell as f64) as u64;
        let buckets_per_page = cells.clamp(1, 1 << cell_bits) * per_cell;
        Self { buckets_per_page, pages: buckets.div_ceil(buckets_per_page), ..layout }
    }

    /// Checks what a file says before anything relies on it.
    pub(crate) fn check(&self) -> Result<Minimizers, String> {
        let minimizers = Minimizers::new(self.k, self.m)?;
        let sound = self.bucket_bits <= minimizers.key_bits().min(40)
            && (1..=1 << self.bucket_bits).contains(&self.buckets_per_page)
            && self.buckets_per_page < 1 << 24
            && self.pages == (1u64 << self.bucket_bits).div_ceil(self.buckets_per_page)
            // What is before the context of an entry, with up to eleven bits for the count, is read as one word.
            && self.remainder_bits(&minimizers) + Fields::RANGE_BITS + 11 <= u64::BITS;
        if sound { Ok(minimizers) } else { Err("the dictionary's layout contradicts itself".to_owned()) }
    }

    fn remainder_bits(&self, minimizers: &Minimizers) -> u32 {
        minimizers.key_bits() - self.bucket_bits
    }

    /// Bytes of an entry: remainder, range, context, and at least four bits for the count.
    fn stride(&self, minimizers: &Minimizers) -> usize {
        (self.remainder_bits(minimizers) + Fields::RANGE_BITS + 4 * minimizers.flank() + 4).div_ceil(8) as usize
    }

    /// The first key of page `page`; of the page after the last, one more than the last key.
    pub(crate) fn first_key(&self, minimizers: &Minimizers, page: u64) -> u64 {
        (page * self.buckets_per_page).min(1 << self.bucket_bits) << self.remainder_bits(minimizers)
    }

    /// Buckets of page `page`.
    fn buckets_in(&self, page: u64) -> u64 {
        self.buckets_per_page.min((1 << self.bucket_bits) - page * self.buckets_per_page)
    }

    /// Bytes of pages and of blocks for so many entries and super-k-mers.
    pub(crate) fn bytes(
        &self,
        minimizers: &Minimizers,
        entries: u64,
        occurrences: u64,
        lists: &ListCode,
    ) -> (u64, u64) {
        let dictionary =
            entries * self.stride(minimizers) as u64 + ((2 + COUNTS as u64) << self.bucket_bits) / GROUP as u64;
        (dictionary, occurrences * u64::from(lists.width()) / 8)
    }
}

/// Where keys lie, and how entries are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) minimizers: Minimizers,
    buckets_per_page: u64,
    page: Divisor,
    remainder_bits: u32,
    stride: usize,
    count_bits: u32,
    position_bits: u32,
}

impl Fields {
    pub(crate) fn new(layout: &SuperKmerLayout, minimizers: Minimizers, lists: &ListCode) -> Self {
        let remainder_bits = layout.remainder_bits(&minimizers);
        let stride = layout.stride(&minimizers);
        Self {
            minimizers,
            buckets_per_page: layout.buckets_per_page,
            page: Divisor::new(layout.buckets_per_page),
            remainder_bits,
            stride,
            count_bits: 8 * stride as u32 - remainder_bits - Fields::RANGE_BITS - 4 * minimizers.flank(),
            position_bits: lists.width(),
        }
    }

    /// Bits of a range of offsets.
    pub(crate) const RANGE_BITS: u32 = 8;

    /// Code of the offsets `low` to `high`, which are at most 16.
    #[inline(always)]
    pub(crate) fn range(low: u32, high: u32) -> u64 {
        u64::from(high * (high + 1) / 2 + low)
    }

    /// The offsets that a code stands for; an empty range where it is none.
    #[inline(always)]
    pub(crate) fn offsets(range: u64) -> (u32, u32) {
        const OFFSETS: [(u8, u8); 256] = {
            let mut offsets = [(u8::MAX, 0); 256];
            let mut high = 0;
            while high <= 16 {
                let mut low = 0;
                while low <= high {
                    offsets[high * (high + 1) / 2 + low] = (low as u8, high as u8);
                    low += 1;
                }
                high += 1;
            }
            offsets
        };
        let (low, high) = OFFSETS[range as usize & 0xFF];
        (low.into(), high.into())
    }

    /// Page of a key.
    #[inline(always)]
    pub(crate) fn page(&self, key: u64) -> u64 {
        self.page.quotient(key >> self.remainder_bits)
    }

    #[inline(always)]
    fn remainder(&self, key: u64) -> u64 {
        key & low_mask(self.remainder_bits)
    }

    /// Bucket of a key, counted from the start of its page.
    #[inline(always)]
    fn bucket_in_page(&self, key: u64, page: u64) -> usize {
        (key >> self.remainder_bits).wrapping_sub(page * self.buckets_per_page) as usize
    }

    /// Bits of a crowd's key of a k-mer: its offset, then its context.
    fn crowd_key_bits(&self) -> u32 {
        5 + 2 * self.minimizers.flank()
    }

    /// Offset and context of a k-mer in so few bits: only the bases that belong to it.
    fn crowd_key(&self, offset: u32, context: u64) -> u64 {
        u64::from(offset) << (2 * self.minimizers.flank())
            | (context >> (2 * offset)) & low_mask(2 * self.minimizers.flank())
    }

    /// What [`crowd_key`](Self::crowd_key) was made of.
    fn of_crowd_key(&self, key: u64) -> (u32, u64) {
        let flank = self.minimizers.flank();
        let offset = (key >> (2 * flank)) as u32;
        (offset, (key & low_mask(2 * flank)) << (2 * offset))
    }
}

/// A distinct super-k-mer of a minimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) low: u32,
    pub(crate) high: u32,
    pub(crate) context: u64,
    /// Occurrences.
    pub(crate) count: u64,
    /// Number in its page; while encoding, its first record.
    pub(crate) index: u32,
}

/// Calls `each(offset, context, frequency)` for the distinct k-mers of a minimizer's entries, by offset, then context.
#[inline(always)]
pub(crate) fn for_each_kmer_of(
    minimizers: &Minimizers,
    entries: &[Entry],
    scratch: &mut Vec<(u64, u64)>,
    mut each: impl FnMut(u32, u64, u64),
) {
    if let [one] = entries {
        for offset in one.low..=one.high {
            each(offset, one.context & minimizers.mask(offset, offset), one.count);
        }
        return;
    }
    for offset in 0..=minimizers.flank() {
        let mask = minimizers.mask(offset, offset);
        if let [a, b] = entries {
            let of = |e: &Entry| (e.low..=e.high).contains(&offset).then_some((e.context & mask, e.count));
            match (of(a), of(b)) {
                (Some(a), Some(b)) if a.0 == b.0 => each(offset, a.0, a.1 + b.1),
                (a, b) => {
                    let (first, second) = if b < a { (b, a) } else { (a, b) };
                    for (context, count) in first.into_iter().chain(second) {
                        each(offset, context, count);
                    }
                }
            }
            continue;
        }
        scratch.clear();
        scratch
            .extend(entries.iter().filter(|e| (e.low..=e.high).contains(&offset)).map(|e| (e.context & mask, e.count)));
        if let [(context, count)] = scratch[..] {
            each(offset, context, count);
            continue;
        }
        scratch.sort_unstable();
        for equal in scratch.chunk_by(|a, b| a.0 == b.0) {
            each(offset, equal[0].0, equal.iter().map(|e| e.1).sum());
        }
    }
}

/// Entries of a minimizer up to which comparing all pairs is cheaper than sorting their k-mers.
const PAIRS: usize = 16;

/// Calls `tally(frequency, k-mers)` for the distinct k-mers of a minimizer's entries, in any order.
#[inline(always)]
fn tally_kmers_of(
    minimizers: &Minimizers,
    entries: &[Entry],
    scratch: &mut Vec<(u64, u64)>,
    mut tally: impl FnMut(u64, u64),
) {
    if entries.len() > PAIRS {
        return for_each_kmer_of(minimizers, entries, scratch, |_, _, frequency| tally(frequency, 1));
    }
    let flank = minimizers.flank();
    for (i, entry) in entries.iter().enumerate() {
        let (before, after) = (&entries[..i], &entries[i + 1..]);
        let shared = |others: &[Entry]| others.iter().fold(0, |all, other| all | entry.shared(other, flank));
        // A k-mer counts where the first entry has it.
        let first = offset_mask(entry.low, entry.high) & !shared(before);
        let mut again = first & shared(after);
        let alone = (first & !again).count_ones();
        if alone > 0 {
            tally(entry.count, alone.into());
        }
        while again != 0 {
            let here = again & again.wrapping_neg();
            let others = after.iter().filter(|other| entry.shared(other, flank) & here != 0);
            tally(entry.count + others.map(|other| other.count).sum::<u64>(), 1);
            again ^= here;
        }
    }
}

/// A bit for each offset.
#[inline(always)]
fn offset_mask(low: u32, high: u32) -> u32 {
    if low <= high { (2 << high) - (1 << low) } else { 0 }
}

/// The offsets of the k-mers that two contexts share, by how many bases agree outward from the minimizer: at least the
/// first, at most the second.
#[inline(always)]
fn agreement(a: u64, b: u64, flank: u32) -> (u32, u32) {
    let differ = a ^ b;
    let before = ((differ >> (2 * flank)) | 1 << (2 * flank)).trailing_zeros() / 2;
    let after = (differ << (64 - 2 * flank) | low_mask(64 - 2 * flank)).leading_zeros() / 2;
    (flank - after, before)
}

impl Entry {
    /// The offsets of the k-mers that it shares with another entry of its minimizer, a bit each.
    #[inline(always)]
    fn shared(&self, other: &Self, flank: u32) -> u32 {
        let (low, high) = agreement(self.context, other.context, flank);
        offset_mask(low.max(self.low).max(other.low), high.min(self.high).min(other.high))
    }
}

/// Gathers the entries of one page by ascending key, then encodes page and block.
pub(crate) struct SuperKmerEncoder {
    identity: Identity,
    layout: SuperKmerLayout,
    fields: Fields,
    lists: ListCode,
    starts: Vec<u32>,
    entries: Vec<u8>,
    count: u32,
    kmers: u64,
    /// Index, count and first bit of the list, for entries that occur more than once.
    repeats: Vec<(u32, u64, u64)>,
    crowds: Vec<u8>,
    crowd_count: u32,
    /// First positions of the entries, then lists.
    firsts: Vec<u64>,
    rest: BitWriter,
    rest_bits: u64,
    scratch: Vec<(u64, u64)>,
    members: Vec<(u64, u32)>,
    positions: Vec<u64>,
}

impl SuperKmerEncoder {
    pub(crate) fn new(identity: Identity, layout: SuperKmerLayout, fields: Fields, lists: ListCode) -> Self {
        Self {
            identity,
            layout,
            fields,
            lists,
            starts: Vec::new(),
            entries: Vec::new(),
            count: 0,
            kmers: 0,
            repeats: Vec::new(),
            crowds: Vec::new(),
            crowd_count: 0,
            firsts: Vec::new(),
            rest: BitWriter::default(),
            rest_bits: 0,
            scratch: Vec::new(),
            members: Vec::new(),
            positions: Vec::new(),
        }
    }

    /// Bytes of this thread's scratch, by capacity.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        let words = self.firsts.capacity() + self.positions.capacity() + 3 * self.repeats.capacity();
        let pairs = self.scratch.capacity() + self.members.capacity();
        (8 * words + 16 * pairs + 4 * self.starts.capacity() + self.entries.capacity() + self.crowds.capacity()) as u64
            + self.rest.capacity_bytes()
    }

    /// Adds the distinct entries of a minimizer of page `page`, ascending by range and context; keys ascend.
    /// `position(entry, i)` is the i-th position of an entry: twice the global offset of the minimizer's first base, plus
    /// one where it reads there on its reverse strand. Calls `each(frequency)` for its k-mers in the order of the index.
    #[inline(always)]
    pub(crate) fn group(
        &mut self,
        page: u64,
        key: u64,
        entries: &[Entry],
        position: impl Fn(&Entry, u64) -> u64,
        mut each: impl FnMut(u64),
    ) {
        let bucket = self.fields.bucket_in_page(key, page);
        while self.starts.len() <= bucket {
            self.starts.push(self.count);
        }
        let mut kmers = 0;
        for_each_kmer_of(&self.fields.minimizers, entries, &mut self.scratch, |_, _, frequency| {
            kmers += 1;
            each(frequency);
        });
        self.kmers += kmers;
        if entries.len() > CROWD {
            self.crowd(key, kmers, entries, position);
            return;
        }
        for entry in entries {
            if entry.count > 1 {
                self.repeats.push((self.count, entry.count, self.rest_bits));
                let rest = entry.count - 1;
                self.lists.write(rest, (1..entry.count).map(|i| position(entry, i)), &mut self.rest);
                self.rest_bits += self.lists.bits(rest);
            }
            self.push(key, Fields::range(entry.low, entry.high), entry.context, entry.count, position(entry, 0));
        }
    }

    #[inline(always)]
    fn push(&mut self, key: u64, range: u64, context: u64, count: u64, first: u64) {
        let Fields { remainder_bits, count_bits, stride, .. } = self.fields;
        let count = (count - 1).min(low_mask(count_bits));
        let head =
            self.fields.remainder(key) | range << remainder_bits | count << (remainder_bits + Fields::RANGE_BITS);
        let head_bits = remainder_bits + Fields::RANGE_BITS + count_bits;
        let bytes = (u128::from(head) | u128::from(context) << head_bits).to_le_bytes();
        self.entries.extend_from_slice(&bytes[..stride]);
        self.firsts.push(first);
        self.count += 1;
    }

    /// Puts the k-mers of a crowded minimizer one by one into the block: their keys, counts and where their lists begin,
    /// each as wide as the widest, then the lists.
    #[cold]
    fn crowd(&mut self, key: u64, kmers: u64, entries: &[Entry], position: impl Fn(&Entry, u64) -> u64) {
        let minimizers = self.fields.minimizers;
        let mut rows: Vec<(u64, u64, u64)> = Vec::with_capacity(kmers as usize);
        let mut lists = BitWriter::default();
        let mut list_bits = 0;
        for offset in 0..=minimizers.flank() {
            let mask = minimizers.mask(offset, offset);
            self.members.clear();
            let here = entries.iter().zip(0u32..).filter(|(e, _)| (e.low..=e.high).contains(&offset));
            self.members.extend(here.map(|(e, i)| (e.context & mask, i)));
            self.members.sort_unstable();
            for equal in self.members.chunk_by(|a, b| a.0 == b.0) {
                self.positions.clear();
                for &(_, i) in equal {
                    let entry = &entries[i as usize];
                    self.positions.extend((0..entry.count).map(|i| position(entry, i)));
                }
                self.positions.sort_unstable();
                let count = self.positions.len() as u64;
                rows.push((self.fields.crowd_key(offset, equal[0].0), count, list_bits));
                self.lists.write(count, self.positions.iter().copied(), &mut lists);
                list_bits += self.lists.bits(count);
            }
        }
        // Contexts of one offset ascend, and so do their keys: the bases that are left out are zero.
        let count_bits = bits_for(rows.iter().map(|row| row.1).max().unwrap_or(0));
        let at_bits = bits_for(list_bits);
        let at = self.rest_bits;
        for row in &rows {
            self.rest.push(row.0, self.fields.crowd_key_bits());
        }
        for row in &rows {
            self.rest.push(row.1, count_bits);
        }
        for row in &rows {
            self.rest.push(row.2, at_bits);
        }
        self.rest.append(&lists.finish(), list_bits);
        let row_bits = self.fields.crowd_key_bits() + count_bits + at_bits;
        self.rest_bits += rows.len() as u64 * u64::from(row_bits) + list_bits;
        for word in [rows.len() as u64, at, u64::from(count_bits | at_bits << 8), list_bits] {
            self.crowds.extend_from_slice(&word.to_le_bytes());
        }
        self.push(key, CROWDED, self.crowd_count.into(), 1, 0);
        self.crowd_count += 1;
    }

    /// Encodes page and block into the emptied buffers and forgets the entries.
    pub(crate) fn finish(&mut self, page: u64, mut out: Vec<u8>, block: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
        let groups = (self.layout.buckets_in(page) as usize).div_ceil(GROUP);
        self.starts.resize(groups * GROUP + 1, self.count);
        let index_bits = bits_for(self.count.into());
        let list_bits = bits_for(self.rest_bits);
        let count_bits = bits_for(self.repeats.iter().map(|r| r.1).max().unwrap_or(0));
        let block_bits = u64::from(self.count) * u64::from(self.fields.position_bits) + self.rest_bits;

        out.clear();
        out.resize(HEADER, 0);
        out[AT_PAGE..AT_PAGE + 8].copy_from_slice(&page.to_le_bytes());
        out[AT_ENTRIES..AT_ENTRIES + 4].copy_from_slice(&self.count.to_le_bytes());
        out[AT_REPEATS..AT_REPEATS + 4].copy_from_slice(&(self.repeats.len() as u32).to_le_bytes());
        out[AT_KMERS..AT_KMERS + 8].copy_from_slice(&self.kmers.to_le_bytes());
        out[AT_BLOCK_BITS..AT_BLOCK_BITS + 8].copy_from_slice(&block_bits.to_le_bytes());
        out[AT_CROWDS..AT_CROWDS + 4].copy_from_slice(&self.crowd_count.to_le_bytes());
        out[AT_INDEX_BITS] = index_bits as u8;
        out[AT_LIST_BITS] = list_bits as u8;
        out[AT_COUNT_BITS] = count_bits as u8;
        for start in self.starts.iter().step_by(GROUP) {
            out.extend_from_slice(&(*start).min(u16::MAX.into()).to_le_bytes()[..2]);
        }
        let mut dense = Vec::new();
        for starts in self.starts.windows(GROUP + 1).step_by(GROUP) {
            let counts = starts.windows(2).map(|pair| u64::from(pair[1] - pair[0]));
            let word = if starts[0] >= u16::MAX.into() || counts.clone().any(|count| count >= DENSE) {
                let row = (dense.len() / DENSE_BYTES) as u64;
                dense.extend(starts.iter().flat_map(|start| start.to_le_bytes()));
                DENSE | row << 4
            } else {
                counts.zip((0..).step_by(4)).fold(0, |word, (count, at)| word | count << at)
            };
            out.extend_from_slice(&word.to_le_bytes()[..COUNTS]);
        }
        out[AT_DENSE..AT_DENSE + 4].copy_from_slice(&((dense.len() / DENSE_BYTES) as u32).to_le_bytes());
        out.extend_from_slice(&self.entries);
        let mut rows = BitWriter::on(out);
        for &(index, count, at) in &self.repeats {
            rows.push(index.into(), index_bits);
            rows.push(count, count_bits);
            rows.push(at, list_bits);
        }
        let mut out = rows.finish();
        out.extend_from_slice(&self.crowds);
        out.extend_from_slice(&dense);
        out.extend_from_slice(&[0; PADDING]);
        let sum = self.identity.checksum(&out[8..], Piece::Page, page);
        out[..8].copy_from_slice(&sum.to_le_bytes());

        let mut firsts = BitWriter::on(block::start(block));
        for &first in &self.firsts {
            firsts.push(first, self.fields.position_bits);
        }
        let rest = std::mem::take(&mut self.rest).finish();
        firsts.append(&rest, self.rest_bits);
        self.rest = BitWriter::again(rest);
        let block = block::finish(self.identity, page, firsts.finish());

        self.starts.clear();
        self.entries.clear();
        self.repeats.clear();
        self.crowds.clear();
        self.firsts.clear();
        (self.count, self.crowd_count, self.kmers, self.rest_bits) = (0, 0, 0, 0);
        (out, block)
    }
}

/// Bits of numbers up to `most`; at least one.
fn bits_for(most: u64) -> u32 {
    u64::BITS - (most | 1).leading_zeros()
}

/// K-mers of one minimizer that are asked for together, on the strand on which it reads forward.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) key: u64,
    pub(crate) context: u64,
    pub(crate) low: u8,
    pub(crate) high: u8,
}

impl Wanted {
    /// Position of the k-mer with `offset` bases before the minimizer, from that of the minimizer. A forged position that
    /// would begin before the genome begins with it.
    #[inline(always)]
    pub(crate) fn kmer_position(&self, minimizer: u64, offset: u32, flank: u32) -> u64 {
        let strand = minimizer & 1;
        let before = if strand == 0 { offset } else { flank.saturating_sub(offset) };
        (minimizer >> 1).saturating_sub(before.into()) << 1 | strand
    }
}

/// An entry that holds k-mers that are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    index: u32,
    /// Occurrences.
    pub(crate) count: u64,
}

/// The k-mers of a crowded minimizer in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowd {
    kmers: u64,
    /// First bit of the keys, of the counts, of the starts of the lists, and of the lists.
    keys_at: u64,
    counts_at: u64,
    starts_at: u64,
    lists_at: u64,
    end: u64,
    count_bits: u32,
    start_bits: u32,
}

/// A page ready to be searched: where its parts begin. It does not hold the bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SuperKmerShape {
    entries: u32,
    /// Distinct k-mers.
    pub(crate) kmers: u64,
    pub(crate) block_bits: u64,
    repeats: u32,
    /// Crowded minimizers.
    pub(crate) crowds: u32,
    index_bits: u32,
    list_bits: u32,
    repeat_count_bits: u32,
    buckets: usize,
    counts_at: usize,
    entries_at: usize,
    repeats_at: usize,
    crowds_at: usize,
    dense_at: usize,
}

impl SuperKmerShape {
    /// Checks checksum, number and lengths of a page.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub(crate) fn of(
        identity: Identity,
        bytes: &[u8],
        page: u64,
        layout: &SuperKmerLayout,
        fields: &Fields,
    ) -> Result<Self, String> {
        if bytes.len() < HEADER {
            return Err(format!("dictionary page {page} is cut short"));
        }
        if identity.checksum(&bytes[8..], Piece::Page, page) != bits::load(bytes, 0) {
            return Err(format!("dictionary page {page} has a wrong checksum"));
        }
        let u32_at = |at| bits::load(bytes, at) as u32;
        let buckets = layout.buckets_in(page) as usize;
        let (entries, repeats, crowds) = (u32_at(AT_ENTRIES), u32_at(AT_REPEATS), u32_at(AT_CROWDS));
        let [index_bits, list_bits, repeat_count_bits] =
            [AT_INDEX_BITS, AT_LIST_BITS, AT_COUNT_BITS].map(|at| u32::from(bytes[at]));
        let row_bits = u64::from(index_bits + list_bits + repeat_count_bits);
        let groups = buckets.div_ceil(GROUP);
        let counts_at = HEADER + 2 * (groups + 1);
        let entries_at = counts_at + COUNTS * groups;
        let repeats_at = entries_at + entries as usize * fields.stride;
        let crowds_at = repeats_at + (u64::from(repeats) * row_bits).div_ceil(8) as usize;
        let dense_at = crowds_at + crowds as usize * CROWD_BYTES;
        if bits::load(bytes, AT_PAGE) != page
            || [index_bits, list_bits, repeat_count_bits].iter().any(|bits| !(1..=64).contains(bits))
            || dense_at + u32_at(AT_DENSE) as usize * DENSE_BYTES + PADDING != bytes.len()
        {
            return Err(format!("dictionary page {page} contradicts itself"));
        }
        Ok(Self {
            entries,
            kmers: bits::load(bytes, AT_KMERS),
            block_bits: bits::load(bytes, AT_BLOCK_BITS),
            repeats,
            crowds,
            index_bits,
            list_bits,
            repeat_count_bits,
            buckets,
            counts_at,
            entries_at,
            repeats_at,
            crowds_at,
            dense_at,
        })
    }

    /// Entries of the bucket of `key`.
    #[inline(always)]
    pub(crate) fn place(&self, fields: &Fields, bytes: &[u8], page: u64, key: u64) -> Range<u32> {
        self.bucket(bytes, fields.bucket_in_page(key, page))
    }

    #[inline(always)]
    fn bucket(&self, bytes: &[u8], bucket: usize) -> Range<u32> {
        let (group, bucket) = (bucket / GROUP, bucket % GROUP);
        let first = bits::load(bytes, HEADER + 2 * group) as u16;
        let counts = bits::load(bytes, self.counts_at + COUNTS * group) & low_mask(8 * COUNTS as u32);
        let (start, end) = if counts & 15 == DENSE {
            self.dense_bucket(bytes, counts >> 4, bucket)
        } else {
            // The counts before it, two to a byte, then added up in the highest.
            let before = counts & low_mask(4 * bucket as u32);
            let pairs = (before & 0x0F0F_0F0F_0F0F) + (before >> 4 & 0x0F0F_0F0F_0F0F);
            let start = u32::from(first) + (pairs.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32;
            (start, start + (counts >> (4 * bucket) & 15) as u32)
        };
        // Never past the entries, so that a forged directory cannot make a search long.
        start..end.min(self.entries)
    }

    /// Entries of a bucket of a dense group.
    #[cold]
    fn dense_bucket(&self, bytes: &[u8], row: u64, bucket: usize) -> (u32, u32) {
        let at = usize::try_from(row).ok().and_then(|row| self.dense_at.checked_add(row.checked_mul(DENSE_BYTES)?));
        let starts = bits::load(bytes, at.unwrap_or(bytes.len()).saturating_add(4 * bucket));
        (starts as u32, (starts >> 32) as u32)
    }

    /// Asks for what says where the bucket of `key` is.
    #[inline(always)]
    pub(crate) fn prefetch_directory(&self, fields: &Fields, bytes: &[u8], page: u64, key: u64) {
        let group = fields.bucket_in_page(key, page) / GROUP;
        prefetch(bytes, HEADER + 2 * group);
        prefetch(bytes, self.counts_at + COUNTS * group);
    }

    /// Asks for where the entries of the bucket of `key` lie by all odds: buckets of a group have about as many. So one look-up
    /// does not wait twice.
    #[inline(always)]
    pub(crate) fn prefetch_likely(&self, fields: &Fields, bytes: &[u8], page: u64, key: u64) {
        let bucket = fields.bucket_in_page(key, page);
        let (group, bucket) = (bucket / GROUP, bucket % GROUP);
        prefetch(bytes, self.counts_at + COUNTS * group);
        let firsts = bits::load(bytes, HEADER + 2 * group) as usize;
        let (first, next) = (firsts & 0xFFFF, firsts >> 16 & 0xFFFF);
        let likely = first + next.saturating_sub(first) * bucket / GROUP;
        let at = self.entries_at + likely.saturating_sub(2) * fields.stride;
        for line in 0..3 {
            prefetch(bytes, at + 56 * line);
        }
    }

    /// Asks for the entries of a place; they lie on one line or two.
    #[inline(always)]
    pub(crate) fn prefetch(&self, fields: &Fields, bytes: &[u8], place: &Range<u32>) {
        prefetch(bytes, self.entries_at + place.start as usize * fields.stride);
        prefetch(bytes, self.entries_at + place.end as usize * fields.stride - 1);
    }

    #[inline(always)]
    fn head(&self, fields: &Fields, bytes: &[u8], index: u32) -> u64 {
        bits::load(bytes, self.entries_at + index as usize * fields.stride)
    }

    /// Code of the range of an entry whose first word is `head`.
    #[inline(always)]
    fn range(fields: &Fields, head: u64) -> u64 {
        head >> fields.remainder_bits & low_mask(Fields::RANGE_BITS)
    }

    /// Context of an entry; the number of its crowd where it stands for one.
    #[inline(always)]
    fn context(&self, fields: &Fields, bytes: &[u8], index: u32) -> u64 {
        let head_bits = fields.remainder_bits + Fields::RANGE_BITS + fields.count_bits;
        let at = 8 * (self.entries_at + index as usize * fields.stride) as u64 + u64::from(head_bits);
        bits::read(bytes, at, 4 * fields.minimizers.flank())
    }

    #[inline(always)]
    fn count(&self, fields: &Fields, bytes: &[u8], index: u32, head: u64) -> u64 {
        let code = head >> (fields.remainder_bits + Fields::RANGE_BITS) & low_mask(fields.count_bits);
        if code == low_mask(fields.count_bits) { self.repeat(bytes, index).0 } else { code + 1 }
    }

    /// The entry at `index`, if it does not stand for a crowd.
    #[inline(always)]
    fn entry(&self, fields: &Fields, bytes: &[u8], index: u32, head: u64) -> Entry {
        let (low, high) = Fields::offsets(Self::range(fields, head));
        Entry {
            low,
            // A forged range may have offsets that no k-mer has.
            high: high.min(fields.minimizers.flank()),
            context: self.context(fields, bytes, index),
            count: self.count(fields, bytes, index, head),
            index,
        }
    }

    /// Count of an entry that occurs more than once, and where in the block the list of its further positions begins,
    /// counted from behind the first positions.
    #[cold]
    fn repeat(&self, bytes: &[u8], index: u32) -> (u64, u64) {
        let (mut low, mut high) = (0, self.repeats);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.repeat_row(bytes, middle).0 < index { low = middle + 1 } else { high = middle }
        }
        match self.repeat_row(bytes, low) {
            (found, count, at) if low < self.repeats && found == index => (count.min(MOST_COUNT), at),
            // Only a forged page has no row: it occurs once, then.
            _ => (1, 0),
        }
    }

    /// A row of the table of repeats: entry, count, first bit of the list.
    #[inline(always)]
    fn repeat_row(&self, bytes: &[u8], row: u32) -> (u32, u64, u64) {
        let widths = [self.index_bits, self.repeat_count_bits, self.list_bits];
        let mut at = 8 * self.repeats_at as u64 + u64::from(row) * u64::from(widths.iter().sum::<u32>());
        let [index, count, list_at] = widths.map(|width| {
            at += u64::from(width);
            bits::read(bytes, at - u64::from(width), width)
        });
        (index as u32, count, list_at)
    }

    /// The crowd of this number; the sums saturate, so that a forged one lies past the block.
    fn crowd(&self, fields: &Fields, bytes: &[u8], number: u64) -> Option<Crowd> {
        let at = self.crowds_at + usize::try_from(number).ok().filter(|&n| n < self.crowds as usize)? * CROWD_BYTES;
        let [kmers, keys_at, widths, list_bits] = [0, 8, 16, 24].map(|word| bits::load(bytes, at + word));
        let (count_bits, start_bits) = (widths as u32 & 0xFF, widths as u32 >> 8 & 0xFF);
        if count_bits > 64 || start_bits > 64 {
            return None;
        }
        let after = |at: u64, bits: u32| at.saturating_add(kmers.saturating_mul(bits.into()));
        let keys_at = self.firsts_bits(fields).saturating_add(keys_at);
        let counts_at = after(keys_at, fields.crowd_key_bits());
        let starts_at = after(counts_at, count_bits);
        let lists_at = after(starts_at, start_bits);
        let end = lists_at.saturating_add(list_bits);
        (end <= self.block_bits).then_some(Crowd {
            kmers,
            keys_at,
            counts_at,
            starts_at,
            lists_at,
            end,
            count_bits,
            start_bits,
        })
    }

    /// Bits of the first positions, which the block begins with.
    fn firsts_bits(&self, fields: &Fields) -> u64 {
        u64::from(self.entries) * u64::from(fields.position_bits)
    }

    /// Calls `each(low, high, which)` for the entries of `place` that hold some of the k-mers that are wanted, those with
    /// `low` to `high` bases before the minimizer. Gives the crowd of the minimizer, if it is one.
    ///
    /// # Errors
    /// A sentence for a forged page.
    #[inline(always)]
    pub(crate) fn search(
        &self,
        fields: &Fields,
        bytes: &[u8],
        place: Range<u32>,
        wanted: &Wanted,
        mut each: impl FnMut(u32, u32, Match),
    ) -> Result<Option<Crowd>, String> {
        let flank = fields.minimizers.flank();
        let remainder = fields.remainder(wanted.key);
        // Four at a time, without a branch on any of them: which it is cannot be foretold.
        let mut next = place.start;
        let mut found = 0u32;
        loop {
            while found == 0 {
                if next >= place.end {
                    return Ok(None);
                }
                let first = self.entries_at + next as usize * fields.stride;
                // Nothing past the place is looked at: its line was not asked for.
                let last = place.end - 1 - next;
                for i in 0..4 {
                    let head = bits::load(bytes, first + i.min(last) as usize * fields.stride);
                    found |= u32::from(fields.remainder(head) == remainder && i <= last) << i;
                }
                next += 4;
            }
            let index = next - 4 + found.trailing_zeros();
            found &= found - 1;
            let head = self.head(fields, bytes, index);
            let range = Self::range(fields, head);
            let context = self.context(fields, bytes, index);
            if range == CROWDED {
                return self.crowd(fields, bytes, context).map(Some).ok_or_else(forged_crowd);
            }
            let (from, to) = agreement(context, wanted.context, flank);
            let (low, high) = Fields::offsets(range);
            let low = low.max(wanted.low.into()).max(from);
            let high = high.min(wanted.high.into()).min(to);
            if low <= high {
                let count = self.count(fields, bytes, index, head);
                each(low, high, Match { index, count });
            }
        }
    }

    /// Bit in the block of the first position of an entry.
    fn first_at(fields: &Fields, index: u32) -> u64 {
        u64::from(index) * u64::from(fields.position_bits)
    }

    /// Calls `each` for the positions of an entry, ascending.
    ///
    /// # Errors
    /// A sentence where the block does not hold them.
    pub(crate) fn positions(
        &self,
        fields: &Fields,
        lists: &ListCode,
        (bytes, block): (&[u8], &[u8]),
        entry: Match,
        mut each: impl FnMut(u64),
    ) -> Result<(), String> {
        let Match { index, count } = entry;
        let rest = (count > 1).then(|| self.repeat(bytes, index)).filter(|repeat| repeat.0 == count);
        let at = rest.map_or(0, |repeat| repeat.1);
        self.positions_at(fields, lists, block, (index, count, at), &mut each)
    }

    /// Calls `each` for the positions of the entry `index`, of which all but the first are in the list at `at`.
    #[inline(always)]
    fn positions_at(
        &self,
        fields: &Fields,
        lists: &ListCode,
        block: &[u8],
        (index, count, at): (u32, u64, u64),
        each: &mut impl FnMut(u64),
    ) -> Result<(), String> {
        let first = bits::read(block, Self::first_at(fields, index), fields.position_bits);
        let mut list = Ascending::below(lists.universe());
        if list.take(first) {
            each(first);
        }
        if count > 1 {
            let at = self.firsts_bits(fields).saturating_add(at);
            if at.saturating_add(lists.bits(count - 1)) <= self.block_bits {
                lists.read(block, at, count - 1, |position| {
                    if list.take(position) {
                        each(position);
                    }
                });
            }
        }
        ascended(&list, count)
    }

    /// Frequency of a k-mer of a crowd and where its list is, by its offset and context; `None` where it has none such.
    pub(crate) fn crowded(
        &self,
        fields: &Fields,
        block: &[u8],
        crowd: &Crowd,
        offset: u32,
        context: u64,
    ) -> Option<(u64, u64)> {
        let wanted = fields.crowd_key(offset, context & fields.minimizers.mask(offset, offset));
        let key_at = |row| crowd.key(fields, block, row);
        let (mut low, mut high) = (0, crowd.kmers);
        while low < high {
            let middle = low + (high - low) / 2;
            if key_at(middle) < wanted { low = middle + 1 } else { high = middle }
        }
        (low < crowd.kmers && key_at(low) == wanted).then(|| crowd.row(block, low))
    }

    /// Calls `each` for the positions of a k-mer of a crowd, ascending by its minimizer.
    ///
    /// # Errors
    /// A sentence where the block does not hold them.
    pub(crate) fn crowded_positions(
        &self,
        lists: &ListCode,
        block: &[u8],
        crowd: &Crowd,
        (frequency, list_at): (u64, u64),
        mut each: impl FnMut(u64),
    ) -> Result<(), String> {
        let at = crowd.lists_at.saturating_add(list_at);
        let mut list = Ascending::below(lists.universe());
        if at.saturating_add(lists.bits(frequency)) <= crowd.end {
            lists.read(block, at, frequency, |position| {
                if list.take(position) {
                    each(position);
                }
            });
        }
        ascended(&list, frequency)
    }

    /// Calls `each(key, entries)` for the minimizers of a page, ascending; a crowd comes with no entries.
    fn for_each_group<E>(
        &self,
        fields: &Fields,
        (bytes, page): (&[u8], u64),
        forged: impl Fn(String) -> E,
        mut each: impl FnMut(u64, &[Entry], Option<Crowd>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut group = Vec::new();
        for bucket in 0..self.buckets {
            let bucket_key = (page * fields.buckets_per_page + bucket as u64) << fields.remainder_bits;
            let mut place = self.bucket(bytes, bucket).peekable();
            while let Some(index) = place.next() {
                let head = self.head(fields, bytes, index);
                let remainder = fields.remainder(head);
                let mut crowd = None;
                group.clear();
                if Self::range(fields, head) == CROWDED {
                    let number = self.context(fields, bytes, index);
                    crowd = Some(self.crowd(fields, bytes, number).ok_or_else(|| forged(forged_crowd()))?);
                } else {
                    group.push(self.entry(fields, bytes, index, head));
                    let same = |&index: &u32| fields.remainder(self.head(fields, bytes, index)) == remainder;
                    while let Some(index) = place.next_if(same) {
                        group.push(self.entry(fields, bytes, index, self.head(fields, bytes, index)));
                    }
                }
                each(bucket_key | remainder, &group, crowd)?;
            }
        }
        Ok(())
    }

    /// Calls `each` for the distinct k-mers of page `page`, in the order of the index: the k-mer on the strand on which its
    /// minimizer reads forward, its frequency, and what is needed to look it up again. `block` gives the block's payload,
    /// which only crowds need; `forged` makes an error of a sentence.
    ///
    /// # Errors
    /// What `each`, `block` and `forged` return.
    pub(crate) fn for_each_kmer<E, B: AsRef<[u8]>>(
        &self,
        fields: &Fields,
        page: (&[u8], u64),
        block: impl Fn() -> Result<B, E>,
        forged: impl Fn(String) -> E,
        mut each: impl FnMut(u64, u64, Wanted) -> Result<(), E>,
    ) -> Result<(), E> {
        let minimizers = &fields.minimizers;
        let (mut scratch, mut payload) = (Vec::new(), None);
        self.for_each_group(fields, page, &forged, |key, entries, crowd| {
            let minimizer = minimizers.minimizer_of_key(key);
            let wanted = |offset: u32, context| Wanted { key, context, low: offset as u8, high: offset as u8 };
            let Some(crowd) = crowd else {
                let mut outcome = Ok(());
                for_each_kmer_of(minimizers, entries, &mut scratch, |offset, context, frequency| {
                    if outcome.is_ok() {
                        let kmer = minimizers.kmer(minimizer, context, offset);
                        outcome = each(kmer, frequency, wanted(offset, context));
                    }
                });
                return outcome;
            };
            let payload = match &payload {
                Some(payload) => payload,
                None => payload.insert(block()?),
            };
            let payload = payload.as_ref();
            if crowd.end > payload.len() as u64 * 8 {
                return Err(forged(forged_crowd()));
            }
            for row in 0..crowd.kmers {
                let (offset, context) = fields.of_crowd_key(crowd.key(fields, payload, row));
                if offset > minimizers.flank() {
                    return Err(forged(forged_crowd()));
                }
                let kmer = minimizers.kmer(minimizer, context, offset);
                each(kmer, crowd.row(payload, row).0, wanted(offset, context))?;
            }
            Ok(())
        })
    }

    /// Checks that everything in a page and its block follows from everything else: that entries are in order, that lists
    /// lie one behind the other, that positions ascend. Calls `each(k-mers, positions of their minimizer)`, if there is one,
    /// for every entry and every k-mer of a crowd, and `tally(frequency, k-mers)` for all distinct k-mers.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub(crate) fn verify(
        &self,
        fields: &Fields,
        lists: &ListCode,
        (bytes, page): (&[u8], u64),
        block: &[u8],
        mut each: Option<impl FnMut(Wanted, &[u64])>,
        mut tally: impl FnMut(u64, u64),
    ) -> Result<(), String> {
        let wrong = || format!("dictionary page {page} contradicts itself");
        let minimizers = &fields.minimizers;
        let (mut rest, mut repeats, mut crowds, mut kmers) = (0u64, 0, 0, 0u64);
        let (mut positions, mut scratch) = (Vec::new(), Vec::new());
        let (mut next, mut last) = (0, None);
        for bucket in 0..self.buckets {
            let place = self.bucket(bytes, bucket);
            if place.start != next || place.end < place.start {
                return Err(wrong());
            }
            next = place.end;
        }
        if next != self.entries || (self.block_bits.div_ceil(8) as usize) > block.len() {
            return Err(wrong());
        }
        self.for_each_group(
            fields,
            (bytes, page),
            |problem| problem,
            |key, entries, crowd| {
                if last.replace(key).is_some_and(|last| key <= last) {
                    return Err(wrong());
                }
                if let Some(crowd) = crowd {
                    if crowd.keys_at != self.firsts_bits(fields) + rest {
                        return Err(wrong());
                    }
                    let mut list_at = 0u64;
                    for row in 0..crowd.kmers {
                        let (offset, context) = fields.of_crowd_key(crowd.key(fields, block, row));
                        let (frequency, at) = crowd.row(block, row);
                        let ascending = row == 0 || crowd.key(fields, block, row - 1) < crowd.key(fields, block, row);
                        if at != list_at || offset > minimizers.flank() || !ascending || frequency == 0 {
                            return Err(wrong());
                        }
                        list_at = list_at.saturating_add(lists.bits(frequency));
                        positions.clear();
                        self.crowded_positions(lists, block, &crowd, (frequency, at), |position| {
                            if each.is_some() {
                                positions.push(position);
                            }
                        })?;
                        if let Some(each) = &mut each {
                            each(Wanted { key, context, low: offset as u8, high: offset as u8 }, &positions);
                        }
                        tally(frequency, 1);
                    }
                    if crowd.lists_at.checked_add(list_at) != Some(crowd.end) {
                        return Err(wrong());
                    }
                    rest += crowd.end - crowd.keys_at;
                    kmers += crowd.kmers;
                    crowds += 1;
                    return Ok(());
                }
                let sorted = entries.is_sorted_by(|a, b| {
                    (Fields::range(a.low, a.high), a.context) < (Fields::range(b.low, b.high), b.context)
                });
                if entries.len() > CROWD || !sorted {
                    return Err(wrong());
                }
                for &Entry { low, high, context, count, index } in entries {
                    let range = Self::range(fields, self.head(fields, bytes, index));
                    let is_range = low <= high && range == Fields::range(low, high);
                    if !is_range || context & !minimizers.mask(low, high) != 0 || count == 0 {
                        return Err(wrong());
                    }
                    positions.clear();
                    self.positions_at(fields, lists, block, (index, count, rest), &mut |position| {
                        if each.is_some() {
                            positions.push(position);
                        }
                    })?;
                    if count > 1 {
                        if repeats == self.repeats || self.repeat_row(bytes, repeats) != (index, count, rest) {
                            return Err(wrong());
                        }
                        repeats += 1;
                        rest = rest.saturating_add(lists.bits(count - 1));
                    }
                    if let Some(each) = &mut each {
                        each(Wanted { key, context, low: low as u8, high: high as u8 }, &positions);
                    }
                }
                tally_kmers_of(minimizers, entries, &mut scratch, |frequency, here| {
                    kmers += here;
                    tally(frequency, here);
                });
                Ok(())
            },
        )?;
        let sound = (repeats, crowds, kmers) == (self.repeats, self.crowds, self.kmers)
            && self.firsts_bits(fields).checked_add(rest) == Some(self.block_bits);
        if sound { Ok(()) } else { Err(wrong()) }
    }
}

impl Crowd {
    fn key(&self, fields: &Fields, block: &[u8], row: u64) -> u64 {
        let width = fields.crowd_key_bits();
        bits::read(block, self.keys_at + row * u64::from(width), width)
    }

    /// Frequency of the k-mer at `row` and where its list begins.
    fn row(&self, block: &[u8], row: u64) -> (u64, u64) {
        (
            bits::read(block, self.counts_at + row * u64::from(self.count_bits), self.count_bits),
            bits::read(block, self.starts_at + row * u64::from(self.start_bits), self.start_bits),
        )
    }
}

fn forged_crowd() -> String {
    "a crowded minimizer does not lie within its block".to_owned()
}

fn ascended(list: &Ascending, count: u64) -> Result<(), String> {
    if list.is_whole(count) { Ok(()) } else { Err("does not have the positions that its page states".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_entries_tell_the_same_kmers_as_sorting() {
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state >> 33) % below
        };
        for flank in [4, 12, 16] {
            let minimizers = Minimizers::new(9 + flank, 9).expect("they go together");
            for _ in 0..3000 {
                let entries: Vec<Entry> = (0..1 + random(PAIRS as u64 + 4) as u32)
                    .map(|index| {
                        let high = random(u64::from(flank) + 1) as u32;
                        let low = random(u64::from(high) + 1) as u32;
                        // Contexts that differ in few places, so that many k-mers are shared.
                        let context = 1 << random(4 * u64::from(flank)) & minimizers.mask(low, high);
                        Entry { low, high, context, count: 1 + random(3), index }
                    })
                    .collect();
                let mut scratch = Vec::new();
                let (mut expected, mut told) = (Vec::new(), Vec::new());
                for_each_kmer_of(&minimizers, &entries, &mut scratch, |_, _, frequency| expected.push(frequency));
                tally_kmers_of(&minimizers, &entries, &mut scratch, |frequency, kmers| {
                    told.extend(std::iter::repeat_n(frequency, kmers as usize));
                });
                expected.sort_unstable();
                told.sort_unstable();
                assert_eq!(told, expected, "{entries:?}");
            }
        }
    }
}
