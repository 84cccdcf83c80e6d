//! Writes a sorted page: gathers its k-mers by ascending hash, then chooses the widths of its fields and packs them.
//! `schema/format.md` draws the bytes.

use crate::dictionary::filters::Filters;
use crate::dictionary::sorted::frequency_code::{FrequencyCode, exception_cost, frequency_class};
use crate::dictionary::sorted::layout::{BUCKETS, Layout, sample_shift};
use crate::dictionary::sorted::page::{
    AT_BLOCK_BITS, AT_CODE_BITS, AT_DIRECTORY, AT_ENTRIES, AT_EXCEPTION_BITS, AT_EXCEPTIONS, AT_OVERFLOWS, AT_PAGE,
    AT_SAMPLE_SHIFT, AT_WIDE_SAMPLES, HEADER, NARROW_DIRECTORY, WIDE_DIRECTORY, counts_at,
};
use crate::format::bits::{BitWriter, PADDING};
use crate::format::positions::ListCode;
use crate::format::{ChecksumKind, Identity};
use crate::kmer::low_mask;

/// Gathers the k-mers of one page in the order of their hashes, then encodes them.
#[derive(Debug)]
pub(crate) struct Encoder {
    identity: Identity,
    layout: Layout,
    filters: Filters,
    lists: ListCode,
    hashes: Vec<u64>,
    frequencies: Vec<u64>,
    /// K-mers of each bucket.
    counts: Vec<u32>,
}

/// The widths of the fields of a page.
#[derive(Debug, Clone, Copy)]
struct Widths {
    code: FrequencyCode,
    entry_bits: u32,
    is_narrow: bool,
    sample_shift: u32,
    wide_samples: bool,
}

impl Encoder {
    pub(crate) fn new(identity: Identity, layout: Layout, filters: Filters, lists: ListCode) -> Self {
        Self { identity, layout, filters, lists, hashes: Vec::new(), frequencies: Vec::new(), counts: Vec::new() }
    }

    /// Adds a k-mer that passes the filters; hashes ascend.
    #[inline(always)]
    pub(crate) fn push(&mut self, hash: u64, frequency: u64) {
        self.hashes.push(hash);
        self.frequencies.push(frequency);
    }

    /// K-mers added.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Bytes of this thread's scratch, by capacity.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        (self.hashes.capacity() + self.frequencies.capacity()) as u64 * 8 + self.counts.capacity() as u64 * 4
    }

    /// Encodes page `page` into the memory of `out` and empties the encoder. `block_bits` is the length of its
    /// position lists.
    pub(crate) fn finish(&mut self, page: u64, block_bits: u64, mut out: Vec<u8>) -> Vec<u8> {
        self.count_buckets(page);
        let widths = self.widths(block_bits);
        out.clear();
        self.write_header(page, block_bits, &widths, &mut out);
        self.write_directory(&widths, &mut out);
        let exceptions = self.write_samples(&widths, block_bits, &mut out);
        let out = self.write_entries(&widths, out);
        let mut out = self.write_exceptions(&widths, exceptions, out);
        out.extend_from_slice(&[0; PADDING]);
        let sum = self.identity.checksum(&out[8..], ChecksumKind::Page, page);
        out[..8].copy_from_slice(&sum.to_le_bytes());
        self.hashes.clear();
        self.frequencies.clear();
        out
    }

    fn count_buckets(&mut self, page: u64) {
        let Self { layout, counts, hashes, .. } = self;
        let first_hash = layout.first_hash(page * layout.groups_per_page);
        counts.clear();
        counts.resize((layout.groups_in(page) * BUCKETS) as usize, 0);
        for &hash in hashes.iter() {
            counts[((hash - first_hash) >> layout.remainder_bits) as usize] += 1;
        }
    }

    fn widths(&self, block_bits: u64) -> Widths {
        let min_frequency = self.filters.min_frequency;
        let mut by_bit_length = [0u64; 65];
        for &frequency in &self.frequencies {
            // Most k-mers of a large index have the lowest frequency: a branch that is nearly always taken.
            if frequency == min_frequency {
                by_bit_length[1] += 1;
            } else {
                by_bit_length[frequency_class(frequency, min_frequency)] += 1;
            }
        }
        let (code, _) = FrequencyCode::cheapest(&by_bit_length, exception_cost(self.layout.remainder_bits));
        let entry_bits = self.layout.remainder_bits + code.code_bits;
        Widths {
            code,
            entry_bits,
            is_narrow: self.hashes.len() <= usize::from(u16::MAX) && self.counts.iter().all(|&count| count < 16),
            sample_shift: sample_shift(entry_bits),
            wide_samples: block_bits > u64::from(u32::MAX),
        }
    }

    /// All of the header but the checksum and what is counted later.
    fn write_header(&self, page: u64, block_bits: u64, widths: &Widths, out: &mut Vec<u8>) {
        out.resize(HEADER, 0);
        out[AT_PAGE..AT_PAGE + 8].copy_from_slice(&page.to_le_bytes());
        out[AT_ENTRIES..AT_ENTRIES + 4].copy_from_slice(&(self.hashes.len() as u32).to_le_bytes());
        out[AT_CODE_BITS] = widths.code.code_bits as u8;
        out[AT_EXCEPTION_BITS] = widths.code.exception_bits as u8;
        out[AT_DIRECTORY] = if widths.is_narrow { NARROW_DIRECTORY } else { WIDE_DIRECTORY };
        out[AT_SAMPLE_SHIFT] = widths.sample_shift as u8;
        out[AT_BLOCK_BITS..AT_BLOCK_BITS + 8].copy_from_slice(&block_bits.to_le_bytes());
        out[AT_WIDE_SAMPLES] = u8::from(widths.wide_samples);
    }

    fn write_directory(&self, widths: &Widths, out: &mut Vec<u8>) {
        let mut start = 0;
        if widths.is_narrow {
            let groups = self.counts.chunks_exact(BUCKETS as usize);
            let counts_at = counts_at(groups.len());
            for group in groups {
                out.extend_from_slice(&(start as u16).to_le_bytes());
                start += group.iter().sum::<u32>();
            }
            out.resize(counts_at, 0);
            for pair in self.counts.chunks_exact(2) {
                out.push((pair[0] | pair[1] << 4) as u8);
            }
        } else {
            for &count in &self.counts {
                out.extend_from_slice(&start.to_le_bytes());
                start += count;
            }
            out.extend_from_slice(&start.to_le_bytes());
        }
    }

    /// Writes the exceptions and list bits before the first entry of every 2^shift-th group; returns all exceptions.
    fn write_samples(&self, widths: &Widths, block_bits: u64, out: &mut Vec<u8>) -> u32 {
        let Self { filters, lists, .. } = self;
        let min_frequency = filters.min_frequency;
        let commonest_bits = lists.bits(filters.stored_positions(min_frequency));
        let mut rest = &self.frequencies[..];
        let (mut exceptions, mut list_bits) = (0u32, 0u64);
        for groups in self.counts.chunks(BUCKETS as usize * (1 << widths.sample_shift)) {
            out.extend_from_slice(&exceptions.to_le_bytes());
            if widths.wide_samples {
                out.extend_from_slice(&list_bits.to_le_bytes());
            } else {
                out.extend_from_slice(&(list_bits as u32).to_le_bytes());
            }
            let (here, others) = rest.split_at(groups.iter().sum::<u32>() as usize);
            rest = others;
            for &frequency in here {
                if frequency == min_frequency {
                    list_bits += commonest_bits;
                } else {
                    let class = frequency_class(frequency, min_frequency) as u32;
                    exceptions += u32::from(class > widths.code.code_bits);
                    list_bits += lists.bits(filters.stored_positions(frequency));
                }
            }
        }
        debug_assert_eq!(list_bits, block_bits);
        exceptions
    }

    fn write_entries(&self, widths: &Widths, out: Vec<u8>) -> Vec<u8> {
        let (fields, min_frequency) = (self.layout.fields(), self.filters.min_frequency);
        let code_bits = widths.code.code_bits;
        let escape = low_mask(code_bits);
        let mut writer = BitWriter::on(out);
        for (&hash, &frequency) in self.hashes.iter().zip(&self.frequencies) {
            let code = if frequency == min_frequency {
                0
            } else if frequency_class(frequency, min_frequency) as u32 <= code_bits {
                frequency - min_frequency
            } else {
                escape
            };
            if widths.entry_bits <= 64 {
                writer.push(fields.remainder(hash) << code_bits | code, widths.entry_bits);
            } else {
                writer.push(code, code_bits);
                writer.push(fields.remainder(hash), self.layout.remainder_bits);
            }
        }
        writer.finish()
    }

    /// Writes the exceptions, then the overflows, and their numbers into the header.
    fn write_exceptions(&self, widths: &Widths, exceptions: u32, out: Vec<u8>) -> Vec<u8> {
        let FrequencyCode { code_bits, exception_bits } = widths.code;
        let min_frequency = self.filters.min_frequency;
        let mut writer = BitWriter::on(out);
        let mut overflows = Vec::new();
        let mut ordinal = 0u32;
        if exceptions > 0 {
            for &frequency in &self.frequencies {
                let class = frequency_class(frequency, min_frequency) as u32;
                if class > code_bits {
                    let value = frequency - min_frequency;
                    if class <= exception_bits {
                        writer.push(value, exception_bits);
                    } else {
                        writer.push(low_mask(exception_bits), exception_bits);
                        overflows.push((ordinal, value));
                    }
                    ordinal += 1;
                }
            }
        }
        let mut out = writer.finish();
        for (ordinal, value) in &overflows {
            out.extend_from_slice(&ordinal.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
        }
        out[AT_EXCEPTIONS..AT_EXCEPTIONS + 4].copy_from_slice(&exceptions.to_le_bytes());
        out[AT_OVERFLOWS..AT_OVERFLOWS + 4].copy_from_slice(&(overflows.len() as u32).to_le_bytes());
        out
    }
}
