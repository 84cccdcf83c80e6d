//! Writes a page of super-k-mers and its position block: gathers the entries of its minimizers by ascending key, then
//! chooses the widths of the fields and packs them. `schema/format.md` draws the bytes.

use crate::dictionary::superkmers::crowd::CROWDED;
use crate::dictionary::superkmers::entry::{Entry, MAX_ENTRIES, for_each_kmer_of};
use crate::dictionary::superkmers::layout::{COUNT_BYTES, Fields, GROUP, HEADER, Layout};
use crate::dictionary::superkmers::page::{
    AT_BLOCK_BITS, AT_COUNT_BITS, AT_CROWDS, AT_DENSE, AT_ENTRIES, AT_INDEX_BITS, AT_KMERS, AT_LIST_BITS, AT_PAGE,
    AT_REPEATS, DENSE, DENSE_BYTES,
};
use crate::format::bits::{BitWriter, PADDING};
use crate::format::positions::ListCode;
use crate::format::{ChecksumKind, Identity, block};
use crate::kmer::low_mask;

/// Gathers the entries of one page by ascending key, then encodes page and block.
pub(crate) struct Encoder {
    identity: Identity,
    layout: Layout,
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

impl Encoder {
    pub(crate) fn new(identity: Identity, layout: Layout, fields: Fields, lists: ListCode) -> Self {
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
    /// `position(entry, i)` is the i-th position of an entry: twice the global offset of the minimizer's first base,
    /// plus one if it reads there on its reverse strand. Calls `each(frequency)` for its k-mers in the order of the
    /// index.
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
        if entries.len() > MAX_ENTRIES {
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

    /// Adds an entry that occurs `count` times and whose first position is `first`.
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

    /// Puts the k-mers of a crowded minimizer one by one into the block: their keys, counts and the starts of their
    /// lists, each as wide as the widest, then the lists.
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
                rows.push((self.fields.minimizers.flanks(offset, equal[0].0), count, list_bits));
                self.lists.write(count, self.positions.iter().copied(), &mut lists);
                list_bits += self.lists.bits(count);
            }
        }
        // Contexts of one offset ascend, and so do their keys: the bases that are left out are zero.
        let count_bits = bits_for(rows.iter().map(|row| row.1).max().unwrap_or(0));
        let at_bits = bits_for(list_bits);
        let at = self.rest_bits;
        for row in &rows {
            self.rest.push(row.0, self.fields.minimizers.flanks_bits());
        }
        for row in &rows {
            self.rest.push(row.1, count_bits);
        }
        for row in &rows {
            self.rest.push(row.2, at_bits);
        }
        self.rest.append(&lists.finish(), list_bits);
        let row_bits = self.fields.minimizers.flanks_bits() + count_bits + at_bits;
        self.rest_bits += rows.len() as u64 * u64::from(row_bits) + list_bits;
        for word in [rows.len() as u64, at, u64::from(count_bits | at_bits << 8), list_bits] {
            self.crowds.extend_from_slice(&word.to_le_bytes());
        }
        self.push(key, CROWDED, self.crowd_count.into(), 1, 0);
        self.crowd_count += 1;
    }

    /// Encodes page and block into the memory of `out` and `block`, and empties the encoder.
    pub(crate) fn finish(&mut self, page: u64, mut out: Vec<u8>, block: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
        let groups = (self.layout.buckets_in(page) as usize).div_ceil(GROUP);
        self.starts.resize(groups * GROUP + 1, self.count);
        out.clear();
        out.resize(HEADER, 0);
        let dense = self.write_directory(&mut out);
        out.extend_from_slice(&self.entries);
        let mut out = self.write_repeats(out);
        out.extend_from_slice(&self.crowds);
        out.extend_from_slice(&dense);
        out.extend_from_slice(&[0; PADDING]);
        self.write_header(page, dense.len() / DENSE_BYTES, &mut out);
        let block = self.write_block(page, block);

        self.starts.clear();
        self.entries.clear();
        self.repeats.clear();
        self.crowds.clear();
        self.firsts.clear();
        (self.count, self.crowd_count, self.kmers, self.rest_bits) = (0, 0, 0, 0);
        (out, block)
    }

    /// Writes the first entry and the counts of each group; returns the rows of the dense groups.
    fn write_directory(&self, out: &mut Vec<u8>) -> Vec<u8> {
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
            out.extend_from_slice(&word.to_le_bytes()[..COUNT_BYTES]);
        }
        dense
    }

    /// Bits of an entry's number, of the occurrences and of the first bit of the list, in the row of a repeated entry.
    fn repeat_widths(&self) -> [u32; 3] {
        let max_count = self.repeats.iter().map(|repeat| repeat.1).max().unwrap_or(0);
        [self.count.into(), max_count, self.rest_bits].map(bits_for)
    }

    fn write_repeats(&self, out: Vec<u8>) -> Vec<u8> {
        let [index_bits, count_bits, list_bits] = self.repeat_widths();
        let mut rows = BitWriter::on(out);
        for &(index, count, at) in &self.repeats {
            rows.push(index.into(), index_bits);
            rows.push(count, count_bits);
            rows.push(at, list_bits);
        }
        rows.finish()
    }

    /// Fills in the header; the checksum, which covers the rest of the page, comes last.
    fn write_header(&self, page: u64, dense_groups: usize, out: &mut [u8]) {
        let [index_bits, count_bits, list_bits] = self.repeat_widths();
        let block_bits = u64::from(self.count) * u64::from(self.fields.position_bits) + self.rest_bits;
        out[AT_PAGE..AT_PAGE + 8].copy_from_slice(&page.to_le_bytes());
        out[AT_ENTRIES..AT_ENTRIES + 4].copy_from_slice(&self.count.to_le_bytes());
        out[AT_REPEATS..AT_REPEATS + 4].copy_from_slice(&(self.repeats.len() as u32).to_le_bytes());
        out[AT_KMERS..AT_KMERS + 8].copy_from_slice(&self.kmers.to_le_bytes());
        out[AT_BLOCK_BITS..AT_BLOCK_BITS + 8].copy_from_slice(&block_bits.to_le_bytes());
        out[AT_CROWDS..AT_CROWDS + 4].copy_from_slice(&self.crowd_count.to_le_bytes());
        out[AT_INDEX_BITS] = index_bits as u8;
        out[AT_LIST_BITS] = list_bits as u8;
        out[AT_COUNT_BITS] = count_bits as u8;
        out[AT_DENSE..AT_DENSE + 4].copy_from_slice(&(dense_groups as u32).to_le_bytes());
        let sum = self.identity.checksum(&out[8..], ChecksumKind::Page, page);
        out[..8].copy_from_slice(&sum.to_le_bytes());
    }

    /// Writes the first position of each entry, then the lists and crowds.
    fn write_block(&mut self, page: u64, block: Vec<u8>) -> Vec<u8> {
        let mut firsts = BitWriter::on(block::start(block));
        for &first in &self.firsts {
            firsts.push(first, self.fields.position_bits);
        }
        let rest = std::mem::take(&mut self.rest).finish();
        firsts.append(&rest, self.rest_bits);
        self.rest = BitWriter::reuse(rest);
        block::finish(self.identity, page, firsts.finish())
    }
}

/// Bits of numbers up to `max`; at least one.
pub(super) fn bits_for(max: u64) -> u32 {
    u64::BITS - (max | 1).leading_zeros()
}
