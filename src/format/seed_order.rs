//! The seed order: stored k-mers that occur twice or more, by falling frequency, then in the order of the index.
//! Finding repeats begins with the most frequent k-mers, so their order is stored.
//!
//! A seed is the number of its k-mer, counted over all pages. Seeds of one frequency ascend, so their gaps are packed:
//! 128 at a time, each block as wide as its widest gap.

use bitpacking::{BitPacker, BitPacker4x};

/// Seeds in one record, which are read and resolved together; the last may have fewer.
pub(crate) const SEEDS_PER_RECORD: usize = 1 << 15;

/// Bytes of a run in a record: frequency, first seed (u64 each), seeds (u32).
const RUN_BYTES: usize = 20;

/// Seeds of one frequency, ascending from `first`, whose gaps fit 32 bits.
struct FrequencySeeds {
    frequency: u64,
    first: u64,
    count: u32,
}

/// Gathers seeds and packs them into records.
#[derive(Default)]
pub(crate) struct SeedEncoder {
    runs: Vec<FrequencySeeds>,
    gaps: Vec<u32>,
    last: u64,
}

impl SeedEncoder {
    /// Adds a seed; true when a record is full and [`finish`](Self::finish) is due.
    pub(crate) fn push(&mut self, frequency: u64, kmer: u64) -> bool {
        let gap = u32::try_from(kmer.wrapping_sub(self.last));
        match (self.runs.last_mut(), gap) {
            (Some(run), Ok(gap)) if run.frequency == frequency && kmer > self.last => {
                run.count += 1;
                self.gaps.push(gap);
            }
            _ => {
                self.runs.push(FrequencySeeds { frequency, first: kmer, count: 1 });
                self.gaps.push(0);
            }
        }
        self.last = kmer;
        self.gaps.len() == SEEDS_PER_RECORD
    }

    /// Whether no seed waits for its record.
    pub(crate) fn is_empty(&self) -> bool {
        self.gaps.is_empty()
    }

    /// The bytes of the record; begins the next.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&(self.runs.len() as u32).to_le_bytes());
        for run in &self.runs {
            out.extend_from_slice(&run.frequency.to_le_bytes());
            out.extend_from_slice(&run.first.to_le_bytes());
            out.extend_from_slice(&run.count.to_le_bytes());
        }
        let packer = BitPacker4x::new();
        let mut block = [0u32; BitPacker4x::BLOCK_LEN];
        let mut packed = [0u8; 4 * BitPacker4x::BLOCK_LEN];
        for gaps in self.gaps.chunks(BitPacker4x::BLOCK_LEN) {
            block[..gaps.len()].copy_from_slice(gaps);
            block[gaps.len()..].fill(0);
            let width = packer.num_bits(&block);
            let length = packer.compress(&block, &mut packed, width);
            out.push(width);
            out.extend_from_slice(&packed[..length]);
        }
        self.runs.clear();
        self.gaps.clear();
        out
    }
}

/// The seeds of a record: (frequency, k-mer number).
///
/// # Errors
/// A sentence when the record contradicts itself.
pub(crate) fn decode(mut bytes: &[u8]) -> Result<Vec<(u64, u64)>, String> {
    let wrong = || "a record of the seed order contradicts itself".to_owned();
    let mut take = |count: usize| -> Result<&[u8], String> {
        let (taken, rest) = bytes.split_at_checked(count).ok_or_else(wrong)?;
        bytes = rest;
        Ok(taken)
    };
    let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
    let long = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    let runs = word(take(4)?) as usize;
    if runs > SEEDS_PER_RECORD {
        return Err(wrong());
    }
    let runs = take(runs * RUN_BYTES)?;
    let total: u64 = runs.chunks_exact(RUN_BYTES).map(|run| u64::from(word(&run[16..]))).sum();
    if total > SEEDS_PER_RECORD as u64 {
        return Err(wrong());
    }
    let packer = BitPacker4x::new();
    let mut block = [0u32; BitPacker4x::BLOCK_LEN];
    let mut gaps = Vec::with_capacity(total.next_multiple_of(BitPacker4x::BLOCK_LEN as u64) as usize);
    while (gaps.len() as u64) < total {
        let width = take(1)?[0];
        if width > 32 {
            return Err(wrong());
        }
        let packed = take(BitPacker4x::compressed_block_size(width))?;
        packer.decompress(packed, &mut block, width);
        gaps.extend_from_slice(&block);
    }
    let mut gaps = gaps.into_iter();
    let mut seeds = Vec::with_capacity(total as usize);
    for run in runs.chunks_exact(RUN_BYTES) {
        let mut kmer = long(&run[8..]);
        for gap in gaps.by_ref().take(word(&run[16..]) as usize) {
            kmer = kmer.wrapping_add(u64::from(gap));
            seeds.push((long(run), kmer));
        }
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_come_back() {
        let mut seeds = vec![(1 << 40, 5), (900, 3), (900, 1 << 50), (2, 0)];
        seeds.extend((0..40_000).map(|i| (2, 1 + i * 3)));
        let mut encoder = SeedEncoder::default();
        let mut records = Vec::new();
        for &(frequency, kmer) in &seeds {
            if encoder.push(frequency, kmer) {
                records.push(encoder.finish());
            }
        }
        records.push(encoder.finish());
        assert_eq!(records.len(), 2);
        let read: Vec<_> = records.iter().flat_map(|r| decode(r).expect("sound")).collect();
        assert_eq!(read, seeds);
        // Most gaps are 3: two bits each.
        assert!(records[0].len() < SEEDS_PER_RECORD / 3);
        for record in &records {
            for at in 0..record.len().min(200) {
                assert!(decode(&record[..at]).is_err());
                let mut damaged = record.clone();
                damaged[at] ^= 0xFF;
                let _ = decode(&damaged);
            }
        }
    }
}
